//! Everything that arrives: texts go where they belong, offers become files. What the peer
//! withdraws is gone wherever it waits here.

mod offers;
mod places;
mod secrets;
#[cfg(test)]
mod tests;
mod texts;

use super::differing::differ;
use super::effects::{Effects, Say};
use super::happened::{Happened, Label};
use super::plan::{Destination, Taking};
use super::question::{Answer, Question};
use super::so_far::SoFar;
use super::terms::Terms;
use super::work::Work;
use crate::control::Taken;
use crate::escape::name;
use crate::events::{Arrived, Event, SetAside, Way};
use crate::failure::sentences::{Side, failure_from};
use crate::failure::{Failure, Kind, Subject};
use crate::files::inbox::{
    Committed, Inbox, Plan as FilePlan, Receiving, Refusal, Rest, Saved, Unheard,
};
use crate::files::name::FileName;
use crate::report::text_output::TextOutput;
use crate::transport::bulk::Tables;
use pinhole_protocol::conversation::Input;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::transfers::Whole;
use pinhole_protocol::wire::{
    Differences, Hash, ItemId, Offer, Part, PeerName, PeerText, Reason, Want,
};
use places::Places;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use texts::Texts;

/// Deliveries of which the peer need not have heard: each holds a file open.
const UNHEARD: usize = 64;

/// Everything of the peer's that is on its way.
pub(super) struct Incoming {
    terms: Terms,
    /// The rules for what arrives; `None` refuses it all.
    taking: Option<Taking>,
    places: Places,
    theirs: BTreeMap<ItemId, Theirs>,
    /// Deliveries of which the peer has not heard.
    unheard: BTreeMap<ItemId, Unheard>,
    /// Items that wait for the person's answer.
    asked: BTreeMap<ItemId, Asked>,
    /// Items that wait until something was received.
    put_off: VecDeque<PutOff>,
    texts: Texts,
    /// The links write to the sinks in it.
    tables: Tables,
    /// The purpose of the peer, once it has said so.
    peer: Option<Want>,
    /// Items of the peer's that arrived here.
    received: usize,
}

/// A transfer of the peer's.
struct Theirs {
    offer: Offer,
    bytes: Option<u64>,
    /// Bytes of it that are written.
    done: u64,
    receiving: Option<Arc<Receiving>>,
    proving: Proving,
    /// Why all of it goes to a private directory, if it does.
    set_aside: Option<SetAside>,
}

impl Theirs {
    fn new(offer: Offer, bytes: Option<u64>) -> Self {
        let proving = Proving::default();
        Self { offer, bytes, done: 0, receiving: None, proving, set_aside: None }
    }

    /// The transfer in a few words.
    fn what(&self) -> String {
        match self.offer.items.as_slice() {
            [one] => name(one.name.raw()),
            several => format!("{} items", several.len()),
        }
    }
}

/// Comparing of what is here of a transfer from another day with what the peer proves.
#[derive(Default)]
struct Proving {
    /// Pieces of work under way.
    comparing: usize,
    /// True once the last hash of a part has come.
    answered: bool,
    /// Bytes that were equal.
    equal: u64,
    /// True once it was said that the transfer goes on with them.
    told: bool,
}

/// An item of the peer's that waits until there is room for its line.
enum PutOff {
    /// A text. It keeps its part of the window, as a secret does.
    Text(ItemId, PeerText),
    /// A secret with its name.
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

/// An item that waits for the person's answer, with everything that is needed then.
enum Asked {
    /// An offer as it was planned.
    Offer(Taking, Option<(FilePlan, Inbox)>),
    /// An offer that cannot be received where it would go.
    Place(Offer, Otherwise),
    /// A text whose name is taken.
    Text(PeerText, Inbox, FileName),
    /// A secret.
    Secret(Label, Taking),
}

/// The end of an offer for which the person names no other folder.
enum Otherwise {
    Accept(Taking),
    Refuse(Refusal),
}

impl Incoming {
    /// Nothing is on its way yet. The texts go through `output` if they go elsewhere than among the
    /// lines.
    pub(super) fn new(
        terms: Terms,
        taking: Option<Taking>,
        output: Option<TextOutput>,
        tables: Tables,
    ) -> Self {
        Self {
            terms,
            taking,
            places: Places::default(),
            theirs: BTreeMap::new(),
            unheard: BTreeMap::new(),
            asked: BTreeMap::new(),
            put_off: VecDeque::new(),
            texts: Texts::new(output),
            tables,
            peer: None,
            received: 0,
        }
    }

    /// There is a channel with a peer of this purpose.
    pub(super) const fn connected(&mut self, peer: Want) {
        self.peer = Some(peer);
    }

    /// Items that arrived.
    pub(super) const fn received(&self) -> usize {
        self.received
    }

    /// Everything that has begun and not ended, in a few words each.
    pub(super) fn under_way(&self) -> impl Iterator<Item = String> {
        self.theirs.values().map(|theirs| format!("{} of the other side's", theirs.what()))
    }

    /// The part that has come of all that was to come.
    pub(super) fn so_far(&self) -> SoFar {
        let add = |so_far: SoFar, theirs: &Theirs| {
            so_far.and(theirs.offer.items.len(), theirs.done, theirs.bytes)
        };
        self.theirs.values().fold(SoFar::whole(self.received), add)
    }

    /// True if something of what has come stays for another day.
    pub(super) fn stays(&self) -> bool {
        let mut receiving = self.theirs.values().filter_map(|theirs| theirs.receiving.as_deref());
        self.terms.proving && receiving.any(Receiving::stays)
    }

    /// True while something new of the peer's waits, because the lines that nobody has received
    /// are so many (`full`). A handler has read them, so it is not held up.
    fn is_put_off(&self, full: bool) -> bool {
        !self.terms.handled && (full || !self.put_off.is_empty())
    }

    /// Takes up the item that was put off longest, unless it is still `full`, and looks again.
    pub(super) fn room(&mut self, full: bool) -> Effects {
        if full {
            return Effects::none();
        }
        let Some(put_off) = self.put_off.pop_front() else { return Effects::none() };
        let effects = match put_off {
            PutOff::Text(id, body) => self.take_text(id, body),
            PutOff::Secret(id, name, secret) => self.take_secret(id, name, secret),
            PutOff::Offer(offer, bytes) => {
                let id = offer.item;
                let effects = self.take_offer(offer);
                if let (Some(theirs), Some(_)) = (self.theirs.get_mut(&id), bytes) {
                    theirs.bytes = bytes;
                }
                effects
            }
        };
        effects.then(Happened::Room)
    }

    /// The rules for something new; without any it is refused.
    fn wanted(&self, id: ItemId) -> Result<Taking, Effects> {
        let full = self.terms.want == Want::Take
            && self.peer == Some(Want::Both)
            && (self.received > 0 || !self.theirs.is_empty());
        match &self.taking {
            Some(taking) if !full => {
                let to = self.places.elsewhere().unwrap_or(&taking.to).clone();
                Ok(Taking { to, ..taking.clone() })
            }
            _ => Err(Effects::none().input(Input::Refuse(id, Reason::NotWanted))),
        }
    }

    /// True if a person can be asked for another folder. Among texts that are typed a path would be
    /// one of them.
    fn can_ask_for_place(&self) -> bool {
        self.taking.as_ref().is_some_and(|taking| taking.person) && !self.terms.typed
    }

    /// Puts a question to the person, whose answer comes as [`Incoming::decided`].
    fn ask(&mut self, id: ItemId, question: Question, asked: Asked) -> Effects {
        self.asked.insert(id, asked);
        Effects::none().then(Happened::Ask(id, question))
    }

    /// The person has answered.
    pub(super) fn decided(&mut self, id: ItemId, answer: Result<Answer, Failure>) -> Effects {
        let Some(asked) = self.asked.remove(&id) else { return Effects::none() };
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return self.refuse(id, Reason::NoAnswer, Some(failure)),
        };
        match (asked, answer) {
            (Asked::Offer(taking, plan), Answer::Offer(answers)) => {
                self.offer_decided(id, taking, plan, answers)
            }
            (Asked::Place(offer, otherwise), Answer::Place(inbox)) => {
                self.place_decided(offer, otherwise, inbox)
            }
            (Asked::Text(body, inbox, name), Answer::TextName(conflict)) => {
                self.text_decided(id, body, &inbox, &name, conflict)
            }
            (Asked::Secret(label, taking), Answer::Secret(answer)) => {
                self.secret_decided(label, &taking, answer)
            }
            // Each question has its own kind of answer.
            _ => Effects::none(),
        }
    }

    /// The place of a transfer is made, or cannot be.
    pub(super) fn begun(&mut self, id: ItemId, begun: Result<Arc<Receiving>, Refusal>) -> Effects {
        match begun {
            Ok(receiving) => {
                let Some(theirs) = self.theirs.get_mut(&id) else {
                    // Withdrawn meanwhile.
                    return Effects::none().work(Work::Discard(receiving, Rest::Kept));
                };
                let credit = receiving.credit();
                theirs.receiving = Some(Arc::clone(&receiving));
                self.tables.add_sink(id, receiving);
                Effects::none().input(Input::Accept(id, credit))
            }
            Err(refusal) => self.refused(id, refusal),
        }
    }

    /// The peer has counted further.
    pub(super) fn counted(
        &mut self,
        id: ItemId,
        bytes: u64,
        entries: u32,
        counted: bool,
    ) -> Effects {
        // The count is of how much there was then, and no promise as that of an offer is
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
        Effects::none()
    }

    fn receiving(&self, id: ItemId) -> Option<Arc<Receiving>> {
        self.theirs.get(&id).and_then(|theirs| theirs.receiving.clone())
    }

    /// Checks and prepares a part's entries.
    pub(super) fn register(&self, part: Part) -> Effects {
        let id = part.item;
        let register = |receiving| Effects::none().work(Work::Register(id, receiving, part));
        self.receiving(id).map_or_else(Effects::none, register)
    }

    /// The entries of a part are prepared, and these positions of it here from another day; or they
    /// cannot be.
    pub(super) fn registered(
        &mut self,
        id: ItemId,
        registered: Result<Vec<Range<u64>>, Refusal>,
    ) -> Effects {
        match registered {
            Ok(here) if self.terms.proving && !here.is_empty() => {
                Effects::none().input(Input::Have(id, here))
            }
            Ok(_) => Effects::none().input(Input::Registered(id)),
            Err(refusal) => self.refused(id, refusal),
        }
    }

    /// Compares what the peer proves with what is here.
    pub(super) fn proof(
        &mut self,
        id: ItemId,
        proofs: Vec<(Range<u64>, Hash)>,
        last: bool,
    ) -> Effects {
        let Some(theirs) = self.theirs.get_mut(&id) else { return Effects::none() };
        let Some(receiving) = &theirs.receiving else { return Effects::none() };
        theirs.proving.comparing = theirs.proving.comparing.saturating_add(1);
        theirs.proving.answered = last;
        Effects::none().work(Work::Compare(id, Arc::clone(receiving), proofs))
    }

    /// These positions are here and equal, or cannot be read. After the last of a part it is
    /// registered.
    pub(super) fn compared(
        &mut self,
        id: ItemId,
        equal: Result<Vec<Range<u64>>, Refusal>,
    ) -> Effects {
        let equal = match equal {
            Ok(equal) => equal,
            Err(refusal) => return self.refused(id, refusal),
        };
        let Some(theirs) = self.theirs.get_mut(&id) else { return Effects::none() };
        let total = theirs.bytes;
        let proving = &mut theirs.proving;
        proving.comparing = proving.comparing.saturating_sub(1);
        proving.equal = equal.iter().fold(proving.equal, |sum, range| {
            sum.saturating_add(range.end.saturating_sub(range.start))
        });
        let mut effects = Effects::none().input(Input::Proved(id, equal));
        if proving.comparing > 0 || !std::mem::take(&mut proving.answered) {
            return effects;
        }
        if proving.equal > 0 && !std::mem::replace(&mut proving.told, true) {
            // The parts that follow are not proved yet.
            let left = theirs.receiving.as_ref().map_or(0, |receiving| receiving.left());
            let here = proving.equal.max(left.min(total.unwrap_or(left)));
            effects = effects.event(Event::Continued { id, here, total });
        }
        effects.input(Input::Registered(id))
    }

    /// Of some positions no bytes come.
    pub(super) fn gap(&mut self, id: ItemId, range: Range<u64>, why: Option<Reason>) -> Effects {
        let Some(receiving) = self.receiving(id) else { return Effects::none() };
        match receiving.gap(range.clone(), why) {
            Ok(()) => Effects::none().input(Input::Passed(id, range)),
            Err(refusal) => self.refused(id, refusal),
        }
    }

    /// The output has taken positions of a transfer, or fails.
    pub(super) fn wrote(&mut self, id: ItemId, wrote: Result<Range<u64>, Refusal>) -> Effects {
        match wrote {
            Ok(range) => Effects::none().input(Input::Wrote(id, range)),
            Err(refusal) => self.refused(id, refusal),
        }
    }

    /// So many bytes of a transfer are written.
    pub(super) fn progress(&mut self, id: ItemId, done: u64) -> Effects {
        let mut total = None;
        if let Some(theirs) = self.theirs.get_mut(&id) {
            theirs.done = done;
            total = theirs.bytes;
        }
        Effects::none().event(Event::Progress { id, way: Way::In, done, total })
    }

    /// Everything is written: it is synced and gets its name.
    pub(super) fn whole(&self, id: ItemId, whole: Whole) -> Effects {
        let commit = |receiving| Effects::none().work(Work::Commit(id, receiving, whole));
        self.receiving(id).map_or_else(Effects::none, commit)
    }

    /// A transfer has its names, or cannot get them.
    pub(super) fn committed(
        &mut self,
        id: ItemId,
        committed: Result<Committed, Refusal>,
    ) -> Effects {
        let Committed { items: saved, told, unheard } = match committed {
            Ok(committed) => committed,
            Err(refusal) => return self.refused(id, refusal),
        };
        self.tables.remove_sink(id);
        let (receiving, all_aside) = match self.theirs.remove(&id) {
            Some(theirs) => (theirs.receiving, theirs.set_aside),
            None => (None, None),
        };
        // Things without a name are removed, and waited for.
        let discard = |receiving| Effects::none().work(Work::Discard(receiving, Rest::Removed));
        let effects = receiving.map_or_else(Effects::none, discard);
        // Things left out are not where a delivery is (SPEC 5.4), and their giver may be about to
        // remove them.
        let left_out = saved.iter().any(|saved| saved.skipped);
        match unheard {
            Some(unheard) if left_out => unheard.heard(),
            unheard => self.unheard.extend(unheard.map(|unheard| (id, unheard))),
        }
        // A peer that acknowledges nothing gets them once more.
        if self.unheard.len() > UNHEARD {
            let _ = self.unheard.pop_first().map(|(_, oldest)| oldest.heard());
        }
        self.received = self.received.saturating_add(saved.len().max(1));
        let mut differing = Differences::default();
        saved.iter().for_each(|saved| differing.extend(&saved.differences));
        let effects = saved
            .into_iter()
            .fold(effects, |effects, saved| effects.and(arrived(id, saved, all_aside)))
            .and(differ(&differing, Side::Here, self.terms.strict));
        let input =
            if left_out { Input::Refuse(id, Reason::Exists) } else { Input::Committed(id, told) };
        effects.input(input).and(self.enough())
    }

    /// The peer has heard that a transfer is delivered: it will not come once more.
    pub(super) fn heard(&mut self, id: ItemId) -> Effects {
        if let Some(unheard) = self.unheard.remove(&id) {
            unheard.heard();
        }
        Effects::none()
    }

    /// The peer withdrew something, or `side` has ended the conversation: whatever waits for it
    /// here goes with it.
    pub(super) fn cancelled(
        &mut self,
        id: ItemId,
        reason: Reason,
        (side, over): (Side, bool),
    ) -> Effects {
        let rest = rest(reason, over);
        if let Some(at) = self.put_off.iter().position(|put_off| put_off.id() == id) {
            self.put_off.remove(at);
        }
        self.drop_theirs(id, rest)
            .then(Happened::Trouble(failure_from(reason, side)))
            .and(self.enough())
    }

    /// The protocol has refused a transfer of the peer's for what is in it.
    pub(super) fn unfit(&mut self, id: ItemId, reason: Reason, what: &str) -> Effects {
        let Refusal { reason, failure } = Refusal::unfit(reason, what);
        self.refuse(id, reason, Some(failure))
    }

    /// A transfer of the peer's could not be received. Whatever else of it fails after that, on
    /// each of several links, is the same news.
    pub(super) fn refused(&mut self, id: ItemId, refusal: Refusal) -> Effects {
        if !self.theirs.contains_key(&id) {
            return Effects::none();
        }
        self.refuse(id, refusal.reason, Some(refusal.failure))
    }

    /// An item of the peer's is not taken, or could not be.
    fn refuse(&mut self, id: ItemId, reason: Reason, failure: Option<Failure>) -> Effects {
        let mut effects = self.drop_theirs(id, rest(reason, false));
        if let Some(failure) = failure {
            effects = effects.then(Happened::Trouble(failure));
        }
        effects.input(Input::Refuse(id, reason)).and(self.enough())
    }

    fn drop_theirs(&mut self, id: ItemId, rest: Rest) -> Effects {
        self.asked.remove(&id);
        self.tables.remove_sink(id);
        let receiving = self.theirs.remove(&id).and_then(|theirs| theirs.receiving);
        let discard = |receiving| Effects::none().work(Work::Discard(receiving, rest));
        receiving.map_or_else(Effects::none, discard)
    }

    /// A text or secret of the peer's is where it belongs.
    pub(super) fn kept(&mut self, id: ItemId) -> Effects {
        self.arrived(Input::Kept(id))
    }

    /// A text or secret of the peer's is here, as `input` says.
    fn arrived(&mut self, input: Input<'static>) -> Effects {
        self.received = self.received.saturating_add(1);
        Effects::none().input(input).and(self.enough())
    }

    /// A `take` on a channel that stays open leaves after the first thing; on a `give` it stays
    /// until the giver leaves.
    fn enough(&self) -> Effects {
        let effects = Effects::none();
        let once = self.terms.want == Want::Take && self.peer == Some(Want::Both);
        if once { effects.input(Input::Leave) } else { effects }
    }

    /// Another command has taken a secret that was held: it is told where it is, and its place in
    /// the window is free.
    pub(super) fn taken(&self, taken: Taken) -> Effects {
        let id = taken.id;
        Effects::none().say(Say::Taken(taken)).input(Input::Collected(id))
    }

    /// The session is over: what is not delivered stays for another day, as far as it can.
    pub(super) fn end(&mut self) -> Effects {
        std::mem::take(&mut self.theirs)
            .into_values()
            .filter_map(|theirs| theirs.receiving)
            .fold(Effects::none(), |effects, receiving| {
                effects.work(Work::Discard(receiving, Rest::Kept))
            })
    }

    /// Removes the private directories again in which nothing was received.
    pub(super) fn remove_empty(&self) {
        let private = |taking: &Taking| matches!(taking.to, Destination::Private);
        self.places.remove_empty(self.taking.as_ref().is_some_and(private));
    }
}

/// Fate of what is here of a transfer that ends without its result, for this reason; `over`
/// if the conversation ends with it (SPEC 7.6).
const fn rest(reason: Reason, over: bool) -> Rest {
    match reason {
        Reason::Done
        | Reason::NoSpace
        | Reason::Disk
        | Reason::SourceChanged
        | Reason::SourceUnreadable
        | Reason::Expired
        | Reason::Failed => Rest::Kept,
        // Else its sender's user does not want it sent.
        Reason::Interrupted if over => Rest::Kept,
        _ => Rest::Removed,
    }
}

/// An item of a transfer has its name, or was left out.
fn arrived(id: ItemId, saved: Saved, all_aside: Option<SetAside>) -> Effects {
    if saved.skipped {
        let detail = Subject::from(&saved.name).was("already here and was left as it is");
        return Effects::none().event(Event::Trouble(Failure::notice(Kind::Skipped, detail)));
    }
    let mut effects = Effects::none();
    if saved.path.is_none() && !saved.acts.is_empty() {
        effects = effects.event(Event::Trouble(Refusal::nowhere_apart(&saved.name).failure));
    }
    effects.event(Event::File(Arrived {
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
    }))
}
