//! The driver's side of what arrives: texts go where they belong, offers become files.

use super::answers::Gone;
use super::driver::Driver;
use super::event::{Arrived, Event, NAMES, Offered, SetAside, Way};
use super::plan::{ANOTHER_PLACE, Destination, Taking, private_base};
use crate::failure::{Failure, Kind, Subject};
use crate::files::acting::{Found, Place};
use crate::files::inbox::{
    Committed, Conflict, Inbox, Output, Plan as FilePlan, Receiving, Refusal,
};
use crate::files::name::FileName;
use crate::report::LONGEST_TEXT_IN_A_LINE;
use crate::report::escape::name;
use crate::report::prompt;
use crate::report::sentences::{Side, failure_from};
use pinhole_protocol::conversation::Input;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::transfers::Whole;
use pinhole_protocol::wire::{
    Differences, ItemId, ItemKind, Offer, Part, PeerName, PeerText, Reason, Want,
};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A transfer of the peer's.
pub(super) struct Theirs {
    offer: Offer,
    bytes: Option<u64>,
    receiving: Option<Arc<Receiving>>,
    /// Why all of it goes to a private directory, if it does.
    set_aside: Option<SetAside>,
}

/// Where the files of an offer go.
struct Landing {
    inbox: Inbox,
    /// Where a folder of it goes in which something acts, if that is elsewhere.
    aside: Option<Inbox>,
    /// Why all of it goes to a private directory, if it does.
    set_aside: Option<SetAside>,
    /// Whether such a folder is refused, because there is no private directory.
    strict: bool,
}

impl Landing {
    /// All of it in one place.
    const fn plain(inbox: Inbox) -> Self {
        Self { inbox, aside: None, set_aside: None, strict: false }
    }
}

/// Something of the peer's that waits until so much has been received that there is room for its
/// line.
pub(super) enum PutOff {
    /// A text. It keeps its part of the window, as a secret does.
    Text(ItemId, PeerText),
    /// A secret with its label.
    Secret(ItemId, Option<PeerText>, SecretVec),
    /// An offer, of which there are at most four, and its bytes if they are counted since.
    Offer(Offer, Option<u64>),
}

impl PutOff {
    const fn id(&self) -> ItemId {
        match self {
            Self::Text(id, _) | Self::Secret(id, ..) | Self::Offer(Offer { item: id, .. }, _) => {
                *id
            }
        }
    }
}

impl Theirs {
    /// What it is, in a few words.
    pub(super) fn what(&self) -> String {
        match self.offer.items.as_slice() {
            [one] => name(one.name.raw()),
            several => format!("{} items", several.len()),
        }
    }

    /// The place that its bytes go to, if it was accepted.
    pub(super) fn receiving(self) -> Option<Arc<Receiving>> {
        self.receiving
    }
}

impl Driver<'_> {
    /// A text has arrived: it is delivered once it is printed, or stored.
    pub(super) fn text(&mut self, id: ItemId, body: PeerText) {
        if self.is_put_off() {
            return self.put_off.push_back(PutOff::Text(id, body));
        }
        let Some(taking) = self.wanted(id) else { return };
        if let Some((inbox, name)) = self.name_of_its_own(&taking) {
            let inbox = if taking.fenced && Self::is_open_to(&taking, &inbox) {
                self.private(&taking)
            } else {
                Ok(inbox)
            };
            return match inbox {
                Ok(inbox) => self.text_as(id, body, inbox, name, taking.policy.conflict),
                Err(failure) => self.refuse(id, Reason::Disk, Some(failure)),
            };
        }
        let size = body.raw().len();
        let mut saved = None;
        if taking.long_texts_to_file
            && size > LONGEST_TEXT_IN_A_LINE
            && self.report.bare().is_none()
        {
            match self.inbox(&taking).and_then(|inbox| inbox.store_text(id, body.raw())) {
                Ok(path) => saved = Some(path),
                Err(failure) => return self.refuse(id, Reason::Disk, Some(failure)),
            }
        }
        self.told(id, body, saved);
    }

    /// The name that the command line has for the one thing that comes, if this is that.
    fn name_of_its_own(&self, taking: &Taking) -> Option<(Inbox, FileName)> {
        match &taking.to {
            Destination::Folder(inbox, Some(name))
                if self.plan.want == Want::Take && !self.name_used && self.theirs.is_empty() =>
            {
                Some((inbox.clone(), name.clone()))
            }
            _ => None,
        }
    }

    /// Stores a text under its name; what is there already may be for the person here to say.
    fn text_as(
        &mut self,
        id: ItemId,
        body: PeerText,
        inbox: Inbox,
        name: FileName,
        rule: Conflict,
    ) {
        self.name_used = true;
        if rule != Conflict::Ask || !inbox.has(&name) {
            return self.text_stored(id, body, &inbox, &name, rule);
        }
        let taken = name.text().into_owned();
        self.ask(
            Some(id),
            ("the name that is taken", "choose with --conflict rename, skip, overwrite or merge"),
            move |terminal, _| terminal.conflict(&taken, false),
            move |driver, answer| match answer {
                Ok(answer) => driver.text_stored(id, body, &inbox, &name, conflict(answer)),
                Err(failure) => driver.refuse(id, Reason::NoAnswer, Some(failure)),
            },
        );
    }

    fn text_stored(
        &mut self,
        id: ItemId,
        body: PeerText,
        inbox: &Inbox,
        name: &FileName,
        rule: Conflict,
    ) {
        match inbox.store_text_as(name, rule, body.raw()) {
            Ok(Some(path)) => self.told(id, body, Some(path)),
            Ok(None) => {
                let detail = format!(
                    "{} is already here and was left as it is",
                    inbox.path().join(name.as_os_str()).display()
                );
                self.say(&Event::Trouble(Failure::notice(Kind::Skipped, detail)));
                self.arrived(Input::Refuse(id, Reason::Exists));
            }
            Err(Refusal { reason, failure }) => self.refuse(id, reason, Some(failure)),
        }
    }

    /// True if a person can be asked for another folder. Among texts that are typed a path would be
    /// one of them.
    fn can_ask_for_place(&self) -> bool {
        self.plan.taking.as_ref().is_some_and(|taking| taking.person) && self.plan.screen.is_none()
    }

    /// A text is where it belongs, or goes there now, which is told.
    fn told(&mut self, id: ItemId, body: PeerText, saved: Option<PathBuf>) {
        // What is said before the question has arrived, or after its answer, answers nothing.
        let answers = self.plan.question.is_none()
            || self.delivered > 0 && !std::mem::replace(&mut self.answered, true);
        let Some(bare) = self.report.bare().filter(|_| answers && saved.is_none()).cloned() else {
            return self.printable(id, body, saved, answers, Ok(()));
        };
        let print = move || (bare.text(&body), body);
        self.work(print, move |driver, (printed, body)| {
            driver.printable(id, body, saved, answers, printed)
        });
    }

    /// A text is told, if it is where it belongs.
    fn printable(
        &mut self,
        id: ItemId,
        body: PeerText,
        saved: Option<PathBuf>,
        answers: bool,
        printed: io::Result<()>,
    ) {
        let stored = saved.is_some();
        let event = Event::Text { id, body, saved_to: saved };
        let now = std::time::Instant::now();
        let said = printed.and_then(|()| match answers {
            true => self.report.event(&event, now),
            false => self.report.event_among_lines(&event, now),
        });
        let Ok(line) = said else {
            let failure = failure_from(Reason::OutputClosed, Side::Here);
            if self.plan.question.is_some() {
                // An answer that nobody sees is none.
                self.fail(failure.clone());
            }
            if stored {
                // It is there, whoever hears of it.
                return self.kept(id);
            }
            return self.refuse(id, Reason::OutputClosed, Some(failure));
        };
        self.turn();
        if let Event::Text { body, .. } = event {
            self.answer(id, body, line);
        }
    }

    /// A text is in a line of this session's. Where nobody reads what it prints, whoever asks for
    /// it finds it here, and until then it holds back more.
    pub(super) fn printed(&mut self, id: ItemId) {
        if !self.control.is_unread() {
            return self.kept(id);
        }
        self.uncollected.push_back((self.control.last_seq(), id));
        self.arrived(Input::Held(id));
    }

    /// True while something new of the peer's waits, because so many lines do. A handler has read
    /// them, so it is not held up.
    pub(super) fn is_put_off(&self) -> bool {
        self.plan.handler.is_none() && (self.control.is_full() || !self.put_off.is_empty())
    }

    /// Takes up what was put off, as far as there is room for its lines.
    pub(super) fn take_put_off(&mut self) {
        while !self.control.is_full()
            && let Some(put_off) = self.put_off.pop_front()
        {
            // Those behind it do not hold it up.
            let behind = std::mem::take(&mut self.put_off);
            match put_off {
                PutOff::Text(id, body) => self.text(id, body),
                PutOff::Secret(id, label, secret) => self.secret(id, label, secret),
                PutOff::Offer(offer, bytes) => {
                    let id = offer.item;
                    self.offered(offer);
                    if let (Some(theirs), Some(_)) = (self.theirs.get_mut(&id), bytes) {
                        theirs.bytes = bytes;
                    }
                }
            }
            let later = std::mem::replace(&mut self.put_off, behind);
            self.put_off.extend(later);
        }
    }

    /// The peer offers files: they are planned, and accepted by a person or by the policy.
    pub(super) fn offered(&mut self, offer: Offer) {
        let id = offer.item;
        if self.is_put_off() {
            return self.put_off.push_back(PutOff::Offer(offer, None));
        }
        let Some(taking) = self.wanted(id) else { return };
        if matches!(taking.to, Destination::Output(_)) && !self.theirs.is_empty() {
            // Two transfers would mix their bytes.
            return self.refuse(id, Reason::NotWanted, None);
        }
        let faithful = self.conversation.is_faithful();
        let bytes = offer.counted.then_some(offer.bytes);
        self.theirs
            .insert(id, Theirs { offer: offer.clone(), bytes, receiving: None, set_aside: None });
        let one_file = matches!(offer.items.as_slice(), [item] if item.kind != ItemKind::Folder);
        let (names, acts, plan, inbox) = match &taking.to {
            Destination::Output(_) if !one_file && self.can_ask_for_place() => {
                let why = "The other side offers a folder or several items, but the output takes \
                           a single file";
                return self.ask_for_place(offer, why.to_owned(), move |driver| {
                    driver.accept(id, &taking, None)
                });
            }
            Destination::Output(_) => (
                offer.items.iter().map(|item| item.name.raw().to_owned()).collect(),
                Found::default(),
                None,
                None,
            ),
            Destination::Folder(..) | Destination::Private => {
                // A text may have the name already.
                let rename = if let Destination::Folder(_, name) = &taking.to {
                    name.clone().filter(|_| !self.name_used)
                } else {
                    None
                };
                let landing = self
                    .landing(&taking, &offer)
                    .map_err(|failure| Refusal { reason: Reason::Disk, failure });
                let planned = landing.and_then(|landing| {
                    let plan = landing.inbox.plan(&offer, rename, faithful)?;
                    let plan = match &landing.aside {
                        Some(private) => plan.beside(&landing.inbox, private)?,
                        None if landing.strict => plan.strict(),
                        None => plan,
                    };
                    Ok((plan, landing))
                });
                match planned {
                    Ok((plan, Landing { inbox, set_aside, .. })) => {
                        if let Some(theirs) = self.theirs.get_mut(&id) {
                            theirs.set_aside = set_aside;
                        }
                        let (names, acts) = plan.names(&inbox);
                        (names, acts, Some(plan), Some(inbox))
                    }
                    Err(Refusal { reason: reason @ (Reason::NoSpace | Reason::Disk), failure })
                        if self.can_ask_for_place() =>
                    {
                        let why = failure.detail.clone();
                        return self.ask_for_place(offer, why, move |driver| {
                            driver.refuse(id, reason, Some(failure))
                        });
                    }
                    Err(refusal) => return self.refuse(id, refusal.reason, Some(refusal.failure)),
                }
            }
        };
        // Nobody works in a private directory.
        let at_work = inbox.as_ref().is_some_and(|inbox| !inbox.is_private());
        let place = inbox
            .as_ref()
            .and_then(Inbox::machine)
            .filter(|place| place.takes_all() && !is_word(&taking, &offer, self.name_used));
        let folder = plan.as_ref().zip(inbox.as_ref()).is_some_and(|(plan, inbox)| {
            plan.folder().is_some_and(|name| inbox.acts_on(name, true))
        });
        let place = place
            .map(Place::named)
            .or_else(|| folder.then_some("a folder with a name that programs act on"));
        // Whoever has said yes beforehand did not know of names by which programs act.
        let asked = taking.ask || taking.person && (at_work && !acts.is_empty() || place.is_some());
        let stream = offer.items.iter().any(|item| item.kind == ItemKind::Stream);
        let mut names: Vec<String> = names;
        let names_more = u32::try_from(names.len().saturating_sub(NAMES)).unwrap_or(u32::MAX);
        names.truncate(NAMES);
        let offered = Offered {
            id,
            names,
            names_more,
            size: (!stream).then_some(offer.bytes),
            count: (!stream).then_some(offer.entries),
            counted: offer.counted,
            acts,
            asked,
        };
        self.say(&Event::Offer(offered.clone()));
        let taken: Vec<_> = plan
            .iter()
            .flat_map(FilePlan::conflicts)
            .map(|item| (item.name.clone(), item.joins))
            .collect();
        if !asked && taken.is_empty() {
            return self.accept(id, &taking, plan.zip(inbox));
        }
        let folder = plan.as_ref().and_then(FilePlan::folder);
        let path = |inbox: &Inbox| {
            folder.map_or_else(
                || inbox.path().to_owned(),
                |folder| inbox.path().join(folder.as_os_str()),
            )
        };
        let into = inbox.as_ref().map_or_else(
            || "standard output".to_owned(),
            |inbox| path(inbox).display().to_string(),
        );
        let ask = move |terminal: &mut prompt::OwnTerminal, gone: &Gone| {
            if asked && !terminal.accept(&offered, &into, place)? || gone.is_set() {
                return Ok(None);
            }
            let ask = |(name, joins): (FileName, bool)| {
                terminal.conflict(&name.text(), joins).map(|answer| (name, answer))
            };
            let answers: Result<Vec<_>, Failure> = taken.into_iter().map(ask).collect();
            answers.map(Some)
        };
        self.ask(
            Some(id),
            ("the offer", "run it again with --yes, and --conflict for names that are taken"),
            ask,
            move |driver, answer| match answer {
                Ok(Some(answers)) => {
                    let plan = plan.map(|mut plan| {
                        for (name, answer) in &answers {
                            plan.resolve(name, conflict(*answer));
                        }
                        plan
                    });
                    driver.accept(id, &taking, plan.zip(inbox));
                }
                Ok(None) => driver.refuse(
                    id,
                    Reason::Declined,
                    Some(failure_from(Reason::Declined, Side::Here)),
                ),
                Err(failure) => driver.refuse(id, Reason::NoAnswer, Some(failure)),
            },
        );
    }

    /// Asks the person here for another folder, because what is offered cannot be received where it
    /// would go; `declined` is what happens without one.
    fn ask_for_place(
        &mut self,
        offer: Offer,
        why: String,
        declined: impl FnOnce(&mut Driver<'_>) + Send + 'static,
    ) {
        let Some(Taking { policy, to, .. }) = self.plan.taking.clone() else { return };
        let name = if let Destination::Folder(_, name) = to { name } else { None };
        let ask = move |terminal: &mut prompt::OwnTerminal, _: &Gone| {
            let mut why = why;
            while let Some(path) = terminal.elsewhere(&why)? {
                match Inbox::open(&path, policy).and_then(|inbox| inbox.try_out().map(|()| inbox)) {
                    Ok(inbox) => return Ok(Some(inbox)),
                    Err(failure) => why = failure.detail,
                }
            }
            Ok(None)
        };
        let instead = ("the place of what is offered", "name a folder with -o DIR");
        let id = offer.item;
        self.ask(Some(id), instead, ask, move |driver, answer| match answer {
            Ok(Some(inbox)) => {
                // It is offered anew, there.
                driver.drop_theirs(id);
                driver.inbox = None;
                driver.elsewhere = Some(Destination::Folder(inbox, name));
                driver.offered(offer);
            }
            Ok(None) => declined(driver),
            Err(failure) => driver.refuse(id, Reason::NoAnswer, Some(failure)),
        });
    }

    fn accept(&mut self, id: ItemId, taking: &Taking, plan: Option<(FilePlan, Inbox)>) {
        // Withdrawn while the person here was thinking.
        let Some(offer) = self.theirs.get(&id).map(|theirs| theirs.offer.clone()) else { return };
        if let Destination::Output(outlet) = &taking.to {
            let desk = self.desk.clone();
            let told = move |wrote: Result<_, Refusal>| {
                desk.put(move |driver| match wrote {
                    Ok(range) => driver.input(Input::Wrote(id, range)),
                    Err(refusal) => driver.refuse(id, refusal.reason, Some(refusal.failure)),
                });
            };
            let begun = Output::begin(&offer, taking.policy.max_size, outlet.clone(), told);
            return self.begun(id, begun.map(Receiving::Output));
        }
        let Some((plan, inbox)) = plan else { return };
        self.name_used |= plan.items().iter().any(|item| item.chosen);
        // Up to a thousand items are made, on a disk that may be slow. Waited for at the end like a
        // removal, because what is made for a session that is over is removed again.
        let begin = move || inbox.begin(plan).map(Receiving::Files);
        let begins = self.work(begin, move |driver, begun| driver.begun(id, begun));
        self.removals.making(begins);
    }

    /// The place of a transfer is made, or cannot be.
    fn begun(&mut self, id: ItemId, begun: Result<Receiving, Refusal>) {
        match begun {
            Ok(receiving) => {
                let receiving = Arc::new(receiving);
                let Some(theirs) = self.theirs.get_mut(&id) else {
                    // Withdrawn meanwhile.
                    return self.discard(receiving);
                };
                theirs.receiving = Some(Arc::clone(&receiving));
                self.tables.add_sink(id, receiving);
                self.input(Input::Accept(id));
            }
            Err(refusal) => self.refuse(id, refusal.reason, Some(refusal.failure)),
        }
    }

    /// The peer has counted further.
    pub(super) fn counted(&mut self, id: ItemId, bytes: u64, entries: u32, counted: bool) {
        // What was counted is how much there was then, and no promise as that of an offer is
        // (SPEC 7.1).
        if let Some(PutOff::Offer(offer, known)) =
            self.put_off.iter_mut().find(|put_off| put_off.id() == id)
        {
            (offer.bytes, offer.entries) = (bytes, entries);
            *known = counted.then_some(bytes);
        }
        if let Some(theirs) = self.theirs.get_mut(&id) {
            theirs.bytes = counted.then_some(bytes);
        }
    }

    /// Checks and prepares a part's entries.
    pub(super) fn register(&mut self, part: Part) {
        let id = part.item;
        let Some(receiving) = self.theirs.get(&id).and_then(|theirs| theirs.receiving.clone())
        else {
            return;
        };
        self.work(
            move || receiving.register(&part),
            move |driver, registered| match registered {
                Ok(()) => driver.input(Input::Registered(id)),
                Err(refusal) => driver.refuse(id, refusal.reason, Some(refusal.failure)),
            },
        );
    }

    /// Of some positions no bytes come.
    pub(super) fn gap(&mut self, id: ItemId, range: Range<u64>, why: Option<Reason>) {
        let Some(receiving) = self.theirs.get(&id).and_then(|theirs| theirs.receiving.clone())
        else {
            return;
        };
        match receiving.gap(range.clone(), why) {
            Ok(()) => self.next.push_back(Input::Passed(id, range)),
            Err(refusal) => self.refuse(id, refusal.reason, Some(refusal.failure)),
        }
    }

    pub(super) fn progress_in(&mut self, id: ItemId, done: u64) {
        let total = self.theirs.get(&id).and_then(|theirs| theirs.bytes);
        self.say(&Event::Progress { id, way: Way::In, done, total });
    }

    /// Everything is written: it is synced and gets its name.
    pub(super) fn commit(&mut self, id: ItemId, whole: Whole) {
        let Some(receiving) = self.theirs.get(&id).and_then(|theirs| theirs.receiving.clone())
        else {
            return;
        };
        self.work(
            move || receiving.commit(&whole),
            move |driver, committed| match committed {
                Ok(committed) => driver.committed(id, committed),
                Err(refusal) => driver.refuse(id, refusal.reason, Some(refusal.failure)),
            },
        );
    }

    fn committed(&mut self, id: ItemId, committed: Committed) {
        let Committed { items: saved, told } = committed;
        self.tables.remove_sink(id);
        let theirs = self.theirs.remove(&id);
        let all_aside = theirs.as_ref().and_then(|theirs| theirs.set_aside);
        // What of it has no name is removed, and waited for.
        if let Some(receiving) = theirs.and_then(Theirs::receiving) {
            self.discard(receiving);
        }
        // What was left out is not where a delivery is (SPEC 5.4), and its giver may be about to
        // remove it.
        let left_out = saved.iter().any(|saved| saved.skipped);
        let mut differing = Differences::default();
        saved.iter().for_each(|saved| differing.extend(&saved.differences));
        for saved in saved {
            if saved.skipped {
                let detail = Subject::from(&saved.name).was("already here and was left as it is");
                self.say(&Event::Trouble(Failure::notice(Kind::Skipped, detail)));
                continue;
            }
            if saved.path.is_none() && !saved.acts.is_empty() {
                self.say(&Event::Trouble(Refusal::nowhere_apart(&saved.name).failure));
            }
            self.say(&Event::File(Arrived {
                id,
                name: PeerName::new(saved.name.bytes().to_vec()),
                original_name: saved.original,
                saved_to: saved.path,
                size: saved.size,
                files: saved.files,
                folder: saved.folder,
                merged: saved.merged,
                replaced: saved.replaced,
                differences: saved.differences,
                acts: saved.acts,
                set_aside: all_aside.or(saved.set_aside.then_some(SetAside::Acts)),
            }));
        }
        self.differ(&differing, Side::Here);
        self.received += 1;
        self.next.push_back(if left_out {
            Input::Refuse(id, Reason::Exists)
        } else {
            Input::Committed(id, told)
        });
        self.enough();
    }

    /// The peer withdrew something: whatever waits for it here goes with it, wherever it is.
    pub(super) fn cancelled(&mut self, id: ItemId, reason: Reason) {
        if let Some(at) = self.put_off.iter().position(|put_off| put_off.id() == id) {
            self.put_off.remove(at);
        }
        self.questions.withdraw(id);
        self.handling.withdraw(id);
        self.drop_theirs(id);
        self.trouble(failure_from(reason, self.side));
        self.enough();
    }

    /// Something of the peer's is not taken, or could not be.
    pub(super) fn refuse(&mut self, id: ItemId, reason: Reason, failure: Option<Failure>) {
        self.drop_theirs(id);
        if let Some(failure) = failure {
            self.trouble(failure);
        }
        self.next.push_back(Input::Refuse(id, reason));
        self.enough();
    }

    /// The protocol has refused a transfer of the peer's for what is in it.
    pub(super) fn unfit(&mut self, id: ItemId, reason: Reason, what: &str) {
        let Refusal { reason, failure } = Refusal::unfit(reason, what);
        self.refuse(id, reason, Some(failure));
    }

    fn drop_theirs(&mut self, id: ItemId) {
        self.tables.remove_sink(id);
        if let Some(receiving) = self.theirs.remove(&id).and_then(Theirs::receiving) {
            self.discard(receiving);
        }
    }

    pub(super) fn kept(&mut self, id: ItemId) {
        self.arrived(Input::Kept(id));
    }

    /// Something small of the peer's is here, which `input` says.
    fn arrived(&mut self, input: Input<'static>) {
        self.received += 1;
        self.next.push_back(input);
        self.enough();
    }

    /// A `take` on a channel that stays open leaves after the first thing; on a `give` it stays
    /// until the giver leaves.
    fn enough(&mut self) {
        if self.plan.want == Want::Take && self.peer == Some(Want::Both) {
            self.next.push_back(Input::Leave);
        }
    }

    /// What to do with something new, or nothing if it is not taken and that has been said.
    pub(super) fn wanted(&mut self, id: ItemId) -> Option<Taking> {
        let full = self.plan.want == Want::Take
            && self.peer == Some(Want::Both)
            && (self.received > 0 || !self.theirs.is_empty());
        match &self.plan.taking {
            Some(taking) if !full => {
                let to = self.elsewhere.as_ref().unwrap_or(&taking.to).clone();
                Some(Taking { to, ..taking.clone() })
            }
            _ => {
                self.next.push_back(Input::Refuse(id, Reason::NotWanted));
                None
            }
        }
    }

    /// The directory that things are received in; a private one is made the first time.
    pub(super) fn inbox(&mut self, taking: &Taking) -> Result<Inbox, Failure> {
        if let Some(inbox) = &self.inbox {
            return Ok(inbox.clone());
        }
        let inbox = match &taking.to {
            Destination::Folder(inbox, _) if Self::is_open_to(taking, inbox) => {
                return self.private(taking);
            }
            Destination::Folder(inbox, _) => inbox.clone(),
            Destination::Private | Destination::Output(_) => {
                Inbox::private(&private_base()?, taking.policy)?
            }
        };
        self.inbox = Some(inbox.clone());
        Ok(inbox)
    }

    /// True if programs act on whatever lies there, and no person can be asked about it.
    fn is_open_to(taking: &Taking, inbox: &Inbox) -> bool {
        (taking.fenced || !taking.person) && inbox.machine().is_some_and(Place::takes_all)
    }

    /// Where the files of an offer go.
    fn landing(&mut self, taking: &Taking, offer: &Offer) -> Result<Landing, Failure> {
        let Destination::Folder(inbox, name) = &taking.to else {
            return self.inbox(taking).map(Landing::plain);
        };
        let aside = |inbox, why| Landing { set_aside: Some(why), ..Landing::plain(inbox) };
        let word = is_word(taking, offer, self.name_used);
        // A folder in a home that a program knows is such a place itself.
        let settings =
            !word && !self.name_used && name.as_ref().is_some_and(|name| inbox.makes_a_place(name));
        if Self::is_open_to(taking, inbox) && !word || settings && !taking.person {
            let private = self.private(taking).map_err(|failure| failure.next(ANOTHER_PLACE));
            return private.map(|private| aside(private, SetAside::Place));
        }
        let here = Landing::plain(inbox.clone());
        if !taking.fenced || offer.items.iter().all(|item| item.kind != ItemKind::Folder) {
            return Ok(here);
        }
        Ok(match self.private(taking) {
            Ok(private) if inbox.takes_from(&private) => Landing { aside: Some(private), ..here },
            Ok(private) => aside(private, SetAside::Device),
            // Only what would have to go there needs it.
            Err(_) => Landing { strict: true, ..here },
        })
    }

    /// The private directory of what is not for where the rest goes; it is made the first time.
    pub(super) fn private(&mut self, taking: &Taking) -> Result<Inbox, Failure> {
        if matches!(taking.to, Destination::Private | Destination::Output(_)) {
            return self.inbox(taking);
        }
        if let Some(inbox) = &self.apart {
            return Ok(inbox.clone());
        }
        let inbox = Inbox::private(&private_base()?, taking.policy)?;
        let inbox = if let Destination::Folder(beside, _) = &taking.to {
            inbox.counted_with(beside)
        } else {
            inbox
        };
        self.apart = Some(inbox.clone());
        Ok(inbox)
    }
}

/// True if what is offered is one file whose name on this command line is a person's word.
fn is_word(taking: &Taking, offer: &Offer, name_used: bool) -> bool {
    let one_file = matches!(offer.items.as_slice(), [item] if item.kind != ItemKind::Folder);
    // With a number in it the name would be another, in a place where each is acted on.
    let stays = |inbox: &Inbox, name| {
        taking.policy.conflict != Conflict::Rename
            || !inbox.machine().is_some_and(Place::takes_all)
            || !inbox.has(name)
    };
    one_file
        && !taking.fenced
        && !name_used
        && matches!(&taking.to, Destination::Folder(inbox, Some(name)) if stays(inbox, name))
}

const fn conflict(answer: prompt::Conflict) -> Conflict {
    match answer {
        prompt::Conflict::Rename => Conflict::Rename,
        prompt::Conflict::Skip => Conflict::Skip,
        prompt::Conflict::Overwrite => Conflict::Overwrite,
        prompt::Conflict::Merge => Conflict::Merge,
    }
}
