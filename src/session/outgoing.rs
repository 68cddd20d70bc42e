//! Everything that is sent: wares become texts, secrets and offers. Grants are served by the links,
//! from sources that are put into their tables here.

use super::differing::{differ, incomplete};
use super::effects::{Effects, Say, Stage};
use super::happened::Happened;
use super::so_far::SoFar;
use super::terms::Terms;
use super::work::Work;
use crate::control::Follower;
use crate::escape;
use crate::events::{Event, SentItem, Way};
use crate::failure::sentences::{Side, failure_from, left_out, left_out_strictly};
use crate::failure::{Failure, Kind};
use crate::files::outbox::{
    Counted, Next, Options, Outgoing as Source, Selection, SourceFailure, Totals,
};
use crate::files::ware::Ware;
use crate::transport::bulk::Tables;
use pinhole_protocol::conversation::Input;
use pinhole_protocol::messages::Body;
use pinhole_protocol::wire::{Differences, Entry, EntryKind, ItemId, Offer, Reason, Want};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Something of ours that has no result yet.
struct InFlight {
    what: String,
    /// Top-level items of an offer; 1 of anything else.
    items: usize,
    size: Option<u64>,
    /// Bytes of it that the receiver has written.
    done: u64,
    /// Files among the entries said so far; folders are not counted for people.
    files: u32,
    selection: Option<Arc<Selection>>,
    /// Bytes and entries in all, as the peer was told.
    counted: Option<(u64, u32)>,
    source: Option<Arc<Source>>,
    /// Everything of it that is not there as it is here.
    differences: Differences,
    /// Another command, which wants to know what becomes of it.
    follower: Option<Follower>,
}

impl InFlight {
    /// Ends the threads that read for it.
    fn stop(&self) {
        if let Some(source) = &self.source {
            source.stop();
        }
    }

    /// Tells whoever wants to know that it failed.
    fn fail(&self, failure: &Failure) {
        if let Some(follower) = &self.follower {
            follower.failed(failure.clone());
        }
    }

    /// A sentence for each thing that was left out of folders.
    fn left_out(&self) -> Vec<String> {
        let Some(source) = &self.source else { return Vec::new() };
        let skips = source.skipped();
        let each = skips.first.iter().map(|one| {
            format!(
                "{} was left out: {}",
                escape::name(&one.path.to_string_lossy()),
                one.why.text()
            )
        });
        let more = skips.count.saturating_sub(skips.first.len() as u64);
        each.chain((more > 0).then(|| format!("{more} more were left out"))).collect()
    }

    fn told(&self, id: ItemId) -> SentItem {
        let mut differences = self.differences.clone();
        let skipped = self.source.as_ref().map_or(0, |source| source.skipped().count);
        let skipped = u32::try_from(skipped).unwrap_or(u32::MAX);
        // A peer that is not faithful is told nothing, and people here are all the same.
        differences.add_unnamed([
            0,
            0,
            skipped.saturating_sub(differences.left_out().saturating_add(differences.missing())),
        ]);
        let files = (self.files > 0).then_some(self.files);
        SentItem { id, what: self.what.clone(), size: self.size, files, differences }
    }
}

/// Everything of ours that is on its way.
pub(super) struct Outgoing {
    terms: Terms,
    /// Things that are sent as soon as there is a channel.
    wares: Vec<Ware>,
    ours: BTreeMap<ItemId, InFlight>,
    /// Items that have arrived.
    arrived: usize,
    /// The links read from the sources in it.
    tables: Tables,
    /// Offers that are being made.
    offering: usize,
    /// True if this side leaves once they are made.
    goodbye: bool,
}

impl Outgoing {
    /// Nothing is on its way yet; `wares` are once there is a channel.
    pub(super) const fn new(terms: Terms, wares: Vec<Ware>, tables: Tables) -> Self {
        Self {
            terms,
            wares,
            ours: BTreeMap::new(),
            arrived: 0,
            tables,
            offering: 0,
            goodbye: false,
        }
    }

    /// There is a channel: sends everything that this process came to send.
    pub(super) fn connected(&mut self) -> Effects {
        let wares = std::mem::take(&mut self.wares).into_iter();
        let send = |effects: Effects, ware| effects.then(Happened::Send(ware, None));
        let effects = wares.fold(Effects::none(), send);
        if self.terms.want == Want::Give { effects.then(Happened::Goodbye) } else { effects }
    }

    /// Sends one thing under a number that nothing else has, perhaps for another command.
    pub(super) fn send(&mut self, id: ItemId, ware: Ware, follower: Option<Follower>) -> Effects {
        if let Some(follower) = &follower {
            follower.sent(id);
        }
        let what = ware.describe();
        let (size, selection, body) = match &ware {
            Ware::Text(text) => (Some(text.len() as u64), None, Some(Body::text(id, text.clone()))),
            Ware::Secret(label, secret) => {
                let body = Body::secret(id, label.clone(), secret.expose());
                (Some(secret.len() as u64), None, Some(body))
            }
            Ware::Files(selection) => (None, Some(Arc::clone(selection)), None),
        };
        let ours = InFlight {
            what,
            items: 1,
            size,
            done: 0,
            files: 0,
            selection: selection.clone(),
            counted: None,
            source: None,
            differences: Differences::default(),
            follower,
        };
        let is_text = matches!(ware, Ware::Text(_));
        let effects = Effects::none().say(Say::Sent(id, ware));
        match body {
            Some(Err(_)) => {
                let failure = too_long(&ours.what);
                ours.fail(&failure);
                effects.then(Happened::Trouble(failure))
            }
            Some(Ok(body)) => {
                self.ours.insert(id, ours);
                let effects = effects.input(Input::Body(id, body));
                if is_text { effects.then(Happened::Turn) } else { effects }
            }
            None => {
                self.ours.insert(id, ours);
                effects.and(selection.map_or_else(Effects::none, |files| self.offer(id, &files)))
            }
        }
    }

    fn offer(&mut self, id: ItemId, selection: &Arc<Selection>) -> Effects {
        let faithful = self.terms.faithful;
        if selection.reads() {
            return self.before_goodbye(Work::Offer(id, Arc::clone(selection), faithful));
        }
        self.offered(id, selection.offer(id, faithful))
    }

    /// Looks at these files on the disk, then offers them.
    pub(super) fn send_paths(&mut self, paths: Vec<PathBuf>, options: Options) -> Effects {
        self.before_goodbye(Work::Look(paths, options))
    }

    /// Files were looked at.
    pub(super) fn looked(&mut self, checked: Result<Selection, Failure>) -> Effects {
        let effects = match checked {
            Ok(files) => Effects::none().then(Happened::Send(Ware::Files(Arc::new(files)), None)),
            Err(failure) => Effects::none().event(Event::Trouble(failure)),
        };
        effects.and(self.one_offer_less())
    }

    /// Work of which an offer comes; a goodbye waits for it.
    fn before_goodbye(&mut self, work: Work) -> Effects {
        self.offering = self.offering.saturating_add(1);
        Effects::none().work(work)
    }

    fn one_offer_less(&mut self) -> Effects {
        self.offering = self.offering.saturating_sub(1);
        if self.offering == 0 && std::mem::take(&mut self.goodbye) {
            return Effects::none().then(Happened::Goodbye);
        }
        Effects::none()
    }

    /// Finishes what is under way and leaves. An offer that is not made yet could not be any more,
    /// and is waited for.
    pub(super) fn say_goodbye(&mut self) -> Effects {
        if self.offering > 0 {
            self.goodbye = true;
            return Effects::none();
        }
        Effects::none().input(Input::Leave)
    }

    /// An offer that had to be read for is made.
    pub(super) fn offer_made(&mut self, id: ItemId, offer: Result<Offer, Failure>) -> Effects {
        let effects = self.offered(id, offer);
        effects.and(self.one_offer_less())
    }

    fn offered(&mut self, id: ItemId, offer: Result<Offer, Failure>) -> Effects {
        let offer = match offer {
            Ok(offer) => offer,
            // Withdrawn meanwhile.
            Err(_) if !self.ours.contains_key(&id) => return Effects::none(),
            Err(failure) => {
                if let Some(ours) = self.ours.remove(&id) {
                    ours.fail(&failure);
                }
                return Effects::none().then(Happened::Trouble(failure));
            }
        };
        self.count(id, (offer.counted || offer.bytes > 0).then_some(offer.bytes));
        let Some(ours) = self.ours.get_mut(&id) else { return Effects::none() };
        ours.items = offer.items.len();
        ours.counted = offer.counted.then_some((offer.bytes, offer.entries));
        let mut effects = Effects::none();
        if !self.terms.verify {
            effects = effects.say(Say::Sending(
                Event::Queued(ours.told(id)),
                ours.follower.clone(),
                Stage::Queued,
            ));
        }
        // Folders are counted while the peer already reads the offer.
        let faithful = self.terms.faithful;
        if !offer.counted
            && let Some(selection) = &ours.selection
            && let Some(count) = selection.count_in_background(faithful)
        {
            effects = effects.work(Work::Count(id, Arc::clone(selection), count, faithful));
        }
        effects.input(Input::Offer(offer))
    }

    /// The folders of an offer are counted so far.
    pub(super) fn counted(&mut self, id: ItemId, count: &Counted, totals: Totals) -> Effects {
        // The walk may have come to its end since, and knows better.
        if count.stopped() {
            return Effects::none();
        }
        let Totals { bytes, entries, counted } = totals;
        self.count(id, Some(bytes));
        if let Some(ours) = self.ours.get_mut(&id) {
            ours.counted = counted.then_some((bytes, entries));
        }
        Effects::none().input(Input::Counted { transfer: id, bytes, entries, counted })
    }

    fn count(&mut self, id: ItemId, size: Option<u64>) {
        if let Some(ours) = self.ours.get_mut(&id) {
            ours.size = size;
        }
    }

    /// The peer wants a transfer: opens its sources.
    pub(super) fn accepted(&self, id: ItemId) -> Effects {
        let selection = self.ours.get(&id).and_then(|ours| ours.selection.clone());
        let open = |files| Effects::none().work(Work::Open(id, files, self.terms.faithful));
        selection.map_or_else(Effects::none, open)
    }

    /// The sources of a transfer are open.
    pub(super) fn opened(&mut self, id: ItemId, source: Result<Source, Failure>) -> Effects {
        let Some(ours) = self.ours.get_mut(&id) else { return Effects::none() };
        match source {
            Ok(source) => {
                let source = Arc::new(source);
                ours.source = Some(Arc::clone(&source));
                self.tables.add_source(id, source);
                Effects::none()
            }
            Err(failure) => self.withdraw(id, Reason::SourceUnreadable, failure),
        }
    }

    /// Produces the next part of a transfer.
    pub(super) fn next_part(&self, id: ItemId) -> Effects {
        self.with_source(id, |source| Work::Part(id, source))
    }

    fn with_source(&self, id: ItemId, work: impl FnOnce(Arc<Source>) -> Work) -> Effects {
        let source = self.ours.get(&id).and_then(|ours| ours.source.clone());
        source.map_or_else(Effects::none, |source| Effects::none().work(work(source)))
    }

    /// The next part is there, or there is none.
    pub(super) fn part(&mut self, id: ItemId, next: Result<Next, SourceFailure>) -> Effects {
        match next {
            Ok(Next::Part(entries)) => {
                self.add_files(id, &entries);
                Effects::none().input(Input::Part(id, entries))
            }
            Ok(Next::End { bytes, entries }) => {
                self.count(id, Some(bytes));
                let ours = self.ours.get(&id);
                let selection = ours.and_then(|ours| ours.selection.as_ref());
                let was_counted =
                    selection.is_some_and(|files| files.end_count(self.terms.faithful));
                // A folder may hold more or less than when it was counted, or be at its end before.
                let said = ours.and_then(|ours| ours.counted);
                let effects = if was_counted && said != Some((bytes, entries)) {
                    let counted = Input::Counted { transfer: id, bytes, entries, counted: true };
                    Effects::none().input(counted)
                } else {
                    Effects::none()
                };
                effects.input(Input::Total(id, bytes))
            }
            Ok(Next::Stopped) => Effects::none(),
            Err(failure) => self.unread(id, &failure),
        }
    }

    fn add_files(&mut self, id: ItemId, entries: &[Entry]) {
        let files = entries.iter().filter(|entry| entry.kind == EntryKind::File).count();
        if let Some(ours) = self.ours.get_mut(&id) {
            ours.files = ours.files.saturating_add(u32::try_from(files).unwrap_or(u32::MAX));
        }
    }

    /// All is read: takes the last look at the sources before the end is said.
    pub(super) fn all_read(&self, id: ItemId) -> Effects {
        self.with_source(id, |source| Work::Check(id, source))
    }

    /// The receiver has segments of a transfer from another day, if they are the same here.
    pub(super) fn prove(&self, id: ItemId, segments: Vec<Range<u64>>) -> Effects {
        self.with_source(id, |source| Work::Prove(id, source, segments))
    }

    /// They are hashed, or a source is not to be had.
    pub(super) fn proved(&mut self, id: ItemId, proved: Result<(), SourceFailure>) -> Effects {
        proved.map_or_else(|failure| self.unread(id, &failure), |()| Effects::none())
    }

    /// The sources were looked at once more.
    pub(super) fn checked(
        &mut self,
        id: ItemId,
        checked: Result<Differences, SourceFailure>,
    ) -> Effects {
        match checked {
            Ok(differences) => {
                if let Some(ours) = self.ours.get_mut(&id) {
                    ours.differences = differences.clone();
                }
                Effects::none().input(Input::Checked(id, differences))
            }
            Err(failure) => self.unread(id, &failure),
        }
    }

    /// The receiver has written more.
    pub(super) fn written(&mut self, id: ItemId, done: u64, frontier: u64) -> Effects {
        let Some(ours) = self.ours.get_mut(&id) else { return Effects::none() };
        ours.done = done;
        if let Some(source) = &ours.source {
            source.release(frontier);
        }
        Effects::none().event(Event::Progress { id, way: Way::Out, done, total: ours.size })
    }

    /// A source of a transfer cannot be read any more.
    pub(super) fn unread(&mut self, id: ItemId, failure: &SourceFailure) -> Effects {
        self.withdraw(id, failure.reason(), failure.failure())
    }

    /// Withdraws something of ours, for a reason of this side's.
    fn withdraw(&mut self, id: ItemId, reason: Reason, failure: Failure) -> Effects {
        // Forgotten before it fails, or it would seem to have failed at the other side.
        if let Some(ours) = self.forget(id) {
            ours.fail(&failure);
        }
        Effects::none().then(Happened::Trouble(failure)).input(Input::Cancel(id, reason))
    }

    /// The peer says that it has it.
    pub(super) fn delivered(&mut self, id: ItemId, differences: &Differences) -> Effects {
        let Some(mut ours) = self.forget(id) else { return Effects::none() };
        self.arrived = self.arrived.saturating_add(ours.items);
        ours.differences.extend(differences);
        let details = ours.left_out();
        if let Some(follower) = &ours.follower {
            // Before "delivered", which is the last that it hears.
            details.iter().for_each(|detail| follower.left_out(detail.clone()));
        }
        let event = Event::Delivered(ours.told(id));
        let stage =
            incomplete(&ours.differences, Side::There).map_or(Stage::Delivered, Stage::Partly);
        let effects = Effects::none().say(Say::Sending(event, ours.follower.take(), stage));
        let strict = self.terms.strict && !details.is_empty();
        let mut effects = details
            .into_iter()
            .fold(effects, |effects, detail| effects.event(Event::Trouble(left_out(detail))))
            .then(Happened::Delivered);
        if strict {
            effects = effects.then(Happened::Fail(left_out_strictly()));
        }
        effects.and(differ(&ours.differences, Side::There, self.terms.strict))
    }

    /// The peer declined it, it failed there, or it was withdrawn here: `side` is to blame.
    pub(super) fn failed(&mut self, id: ItemId, reason: Reason, side: Side) -> Effects {
        let Some(ours) = self.forget(id) else { return Effects::none() };
        let failure = failure_from(reason, side);
        let detail = format!("could not deliver {}: {}", ours.what, failure.detail);
        let failure = Failure { detail, ..failure };
        ours.fail(&failure);
        Effects::none().then(Happened::Trouble(failure))
    }

    fn forget(&mut self, id: ItemId) -> Option<InFlight> {
        self.tables.remove_source(id);
        let ours = self.ours.remove(&id)?;
        ours.stop();
        Some(ours)
    }

    /// The part that has arrived there of all that was to.
    pub(super) fn so_far(&self) -> SoFar {
        let add = |so_far: SoFar, ours: &InFlight| so_far.and(ours.items, ours.done, ours.size);
        self.ours.values().fold(SoFar::whole(self.arrived), add)
    }

    /// Everything that has begun and not ended, in a few words each.
    pub(super) fn under_way(&self) -> impl Iterator<Item = String> {
        self.ours.values().map(|ours| escape::terminal(&ours.what))
    }

    /// The session is over: ends the threads that read.
    pub(super) fn end(&self) {
        self.ours.values().for_each(InFlight::stop);
    }
}

fn too_long(what: &str) -> Failure {
    Failure::new(
        Kind::TooLong,
        format!("{what} is longer than the {} bytes of one message", Body::MAX),
    )
    .next("send it as a file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::effects::Fed;
    use std::path::Path;
    use tempfile::TempDir;

    fn outgoing(want: Want) -> Outgoing {
        Outgoing::new(Terms::of(want), Vec::new(), Tables::default())
    }

    fn text(body: &str) -> Ware {
        Ware::Text(body.into())
    }

    /// A file with four bytes, and its selection.
    fn file() -> (TempDir, Ware) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        std::fs::write(&path, "0123").unwrap();
        let ware = Ware::Files(Arc::new(select(&path)));
        (dir, ware)
    }

    fn select(path: &Path) -> Selection {
        Selection::check(&[path.into()], &Options::default(), std::io::empty()).unwrap()
    }

    fn input(effects: &Effects) -> &Input<'static> {
        match effects.inputs.as_slice() {
            [Fed::Input(input)] => input,
            inputs => panic!("{} inputs", inputs.len()),
        }
    }

    /// Sends a file as number 1, and makes its offer as [`Work::Offer`] does.
    fn offered(outgoing: &mut Outgoing, ware: Ware) -> Effects {
        let sent = outgoing.send(ItemId(1), ware, None);
        assert!(matches!(sent.said.as_slice(), [Say::Sent(..)]));
        let [Work::Offer(id, files, faithful)] = sent.work.as_slice() else {
            panic!("no offer is made")
        };
        outgoing.offer_made(*id, files.offer(*id, *faithful))
    }

    /// Opens the sources of an accepted transfer as [`Work::Open`] does.
    fn open(outgoing: &mut Outgoing, id: ItemId) {
        let accepted = outgoing.accepted(id);
        let [Work::Open(_, files, faithful)] = accepted.work.as_slice() else {
            panic!("nothing is opened")
        };
        let source = files.open(*faithful, |_| {});
        assert!(outgoing.opened(id, source).is_none());
    }

    #[test]
    fn a_give_sends_all_that_it_has_and_leaves() {
        let wares = vec![text("one"), text("two")];
        let mut outgoing = Outgoing::new(Terms::of(Want::Give), wares, Tables::default());
        assert!(matches!(
            outgoing.connected().then.as_slice(),
            [Happened::Send(..), Happened::Send(..), Happened::Goodbye]
        ));
        assert!(matches!(input(&outgoing.say_goodbye()), Input::Leave));
    }

    #[test]
    fn a_folder_that_was_walked_before_it_was_counted_is_said_with_its_total() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("a.txt"), "0123").unwrap();
        for counted in [false, true] {
            let mut outgoing = outgoing(Want::Both);
            let effects = outgoing.send(ItemId(1), Ware::Files(Arc::new(select(&folder))), None);
            let [Work::Count(id, files, count, faithful)] = effects.work.as_slice() else {
                panic!("it is not counted")
            };
            while !count.done() {
                std::thread::yield_now();
            }
            if counted {
                let told = outgoing.counted(*id, count, files.totals(*faithful));
                assert!(matches!(input(&told), Input::Counted { counted: true, .. }));
            }
            let end = outgoing.part(*id, Ok(Next::End { entries: 2, bytes: 4 }));
            match end.inputs.as_slice() {
                [Fed::Input(Input::Total(_, 4))] => assert!(counted),
                [
                    Fed::Input(Input::Counted { bytes: 4, entries: 2, counted: true, .. }),
                    Fed::Input(Input::Total(_, 4)),
                ] => assert!(!counted),
                inputs => panic!("{} inputs", inputs.len()),
            }
            let late = outgoing.counted(*id, count, files.totals(*faithful));
            assert!(late.is_none(), "the walk knows better");
        }
    }

    #[test]
    fn a_text_is_under_way_until_it_is_delivered() {
        let mut outgoing = outgoing(Want::Both);
        let sent = outgoing.send(ItemId(1), text("hi"), None);
        assert!(matches!(sent.said.as_slice(), [Say::Sent(ItemId(1), _)]));
        assert!(matches!(input(&sent), Input::Body(ItemId(1), _)));
        assert!(matches!(sent.then.as_slice(), [Happened::Turn]));
        assert_eq!(outgoing.under_way().count(), 1);
        let delivered = outgoing.delivered(ItemId(1), &Differences::default());
        assert!(matches!(
            delivered.said.as_slice(),
            [Say::Sending(Event::Delivered(_), None, Stage::Delivered)]
        ));
        assert!(matches!(delivered.then.as_slice(), [Happened::Delivered]));
        assert_eq!(outgoing.under_way().count(), 0);
        assert!(outgoing.delivered(ItemId(1), &Differences::default()).is_none());
    }

    #[test]
    fn a_command_hears_what_is_missing_once_the_line_about_it_is_said() {
        let mut outgoing = outgoing(Want::Both);
        let _ = outgoing.send(ItemId(1), text("hi"), None);
        let mut differences = Differences::default();
        differences.add_unnamed([0, 1, 0]);
        assert!(matches!(
            outgoing.delivered(ItemId(1), &differences).said.as_slice(),
            [Say::Sending(Event::Delivered(_), None, Stage::Partly(failure))]
                if failure.kind == Kind::Incomplete
        ));
    }

    #[test]
    fn a_text_too_long_for_a_message_is_not_sent() {
        let mut outgoing = outgoing(Want::Both);
        let sent = outgoing.send(ItemId(1), text(&"x".repeat(Body::MAX + 1)), None);
        assert!(sent.inputs.is_empty());
        assert!(matches!(
            sent.then.as_slice(),
            [Happened::Trouble(failure)] if failure.kind == Kind::TooLong
        ));
        assert_eq!(outgoing.under_way().count(), 0);
    }

    #[test]
    fn an_offer_is_said_and_its_sources_are_opened_once_it_is_accepted() {
        let (_dir, ware) = file();
        let mut outgoing = outgoing(Want::Both);
        let offered = offered(&mut outgoing, ware);
        assert!(matches!(
            offered.said.as_slice(),
            [Say::Sending(Event::Queued(_), None, Stage::Queued)]
        ));
        assert!(matches!(input(&offered), Input::Offer(offer) if offer.bytes == 4));
        assert!(outgoing.next_part(ItemId(1)).is_none(), "nothing is open");
        open(&mut outgoing, ItemId(1));
        assert!(outgoing.tables.source(ItemId(1)).is_some());
        assert!(matches!(outgoing.next_part(ItemId(1)).work.as_slice(), [Work::Part(..)]));
        assert!(matches!(outgoing.all_read(ItemId(1)).work.as_slice(), [Work::Check(..)]));
    }

    #[test]
    fn before_the_words_are_compared_nothing_is_said_to_wait_for_the_peer() {
        let (_dir, ware) = file();
        let terms = Terms { verify: true, ..Terms::of(Want::Both) };
        let mut outgoing = Outgoing::new(terms, Vec::new(), Tables::default());
        let offered = offered(&mut outgoing, ware);
        assert!(offered.said.is_empty() && offered.inputs.len() == 1);
    }

    #[test]
    fn a_goodbye_waits_for_offers_that_are_being_made() {
        let (dir, _) = file();
        let mut outgoing = outgoing(Want::Both);
        let path = dir.path().join("a.txt");
        let looks = outgoing.send_paths(vec![path.clone()], Options::default());
        assert!(matches!(looks.work.as_slice(), [Work::Look(..)]));
        assert!(outgoing.say_goodbye().is_none());
        let looked = outgoing.looked(Ok(select(&path)));
        assert!(matches!(
            looked.then.as_slice(),
            [Happened::Send(Ware::Files(_), None), Happened::Goodbye]
        ));
        assert!(matches!(input(&outgoing.say_goodbye()), Input::Leave));
    }

    #[test]
    fn a_late_offer_of_something_that_failed_meanwhile_is_not_made() {
        let (_dir, ware) = file();
        let Ware::Files(files) = &ware else { panic!("it is not a file") };
        let offer = files.offer(ItemId(1), true);
        let mut outgoing = outgoing(Want::Both);
        let _ = outgoing.send(ItemId(1), ware, None);
        let failed = outgoing.failed(ItemId(1), Reason::Declined, Side::There);
        let [Happened::Trouble(failure)] = failed.then.as_slice() else { panic!("it is not said") };
        assert!(failure.detail.starts_with("could not deliver"), "{failure}");
        assert!(outgoing.offer_made(ItemId(1), offer).is_none());
        assert!(outgoing.accepted(ItemId(1)).is_none());
    }

    #[test]
    fn a_source_that_cannot_be_read_withdraws_its_transfer_and_is_no_longer_served() {
        let (dir, ware) = file();
        let mut outgoing = outgoing(Want::Both);
        let _ = outgoing.send(ItemId(1), ware, None);
        open(&mut outgoing, ItemId(1));
        let failure = SourceFailure::Vanished { path: dir.path().join("a.txt") };
        let withdrawn = outgoing.unread(ItemId(1), &failure);
        assert!(matches!(input(&withdrawn), Input::Cancel(ItemId(1), _)));
        assert!(matches!(withdrawn.then.as_slice(), [Happened::Trouble(_)]));
        assert!(outgoing.tables.source(ItemId(1)).is_none());
        // The conversation confirms that, and it is not said twice.
        assert!(outgoing.failed(ItemId(1), Reason::SourceChanged, Side::Here).is_none());
    }
}
