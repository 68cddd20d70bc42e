//! One transfer on its way in.

use super::ahead::Ahead;
use super::paths::Numbered;
use super::proving::Asking;
use super::{Fault, Whole};
use crate::limits::{CREDIT, ENTRIES, PART_ENTRIES, PARTS_AHEAD, RANGES};
use crate::ranges::Ranges;
use crate::time::Instant;
use crate::violation::Violation;
use crate::wire::{
    Control, Differences, Entry, EntryKind, Hash, ItemId, Offer, Part, PathPart, Reason, Span,
};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

/// Credit is said again once this much more can be granted: an eighth, so that the sender never
/// runs dry for want of a word.
const CREDIT_STEP: u64 = CREDIT / 8;

/// Work for the program on a transfer.
#[derive(Debug)]
pub(crate) enum News {
    /// Check and prepare this part's entries.
    Register(Part),
    /// Everything is written: sync it and give it its name.
    Whole(Whole),
}

/// A credit that was said.
struct Said {
    at: Instant,
    limit: u64,
    /// Parts registered, and registered but unwritten.
    parts: (u32, usize),
    /// Positions written.
    written: u64,
}

/// A transfer in, from its offer.
pub(crate) struct Incoming {
    stream: bool,
    /// The meaning of the paths of a peer that is not faithful.
    numbered: Option<Numbered>,
    accepted: bool,
    ahead: Ahead,
    /// Parts received that wait for those before them to be written, with the position where each
    /// ends.
    waiting: VecDeque<(Part, u64)>,
    registering: bool,
    registered: u32,
    /// Entries and positions of all parts received; positions of those registered or being so.
    entries: u32,
    last: u64,
    end: u64,
    /// Positions of registered parts: those that a gap may be in.
    ready: u64,
    /// Ends of the registered parts that are not yet written, oldest first.
    unwritten: VecDeque<u64>,
    written: Ranges,
    asking: Asking,
    /// The last credit.
    said: Option<Said>,
    /// The parts that the last credit registered.
    told: u32,
    /// A new link has to hear the credit, and of the written ranges all from here.
    again: Option<u64>,
    total: Option<(u32, u64, Differences)>,
    whole: bool,
}

impl Incoming {
    pub(crate) fn new(offer: &Offer, faithful: bool) -> Self {
        Self {
            stream: offer.items.iter().any(|item| item.kind == crate::wire::ItemKind::Stream),
            numbered: (!faithful).then(|| Numbered::new(offer)),
            accepted: false,
            ahead: Ahead::new(CREDIT),
            waiting: VecDeque::new(),
            registering: false,
            registered: 0,
            entries: 0,
            last: 0,
            end: 0,
            ready: 0,
            unwritten: VecDeque::new(),
            written: Ranges::default(),
            asking: Asking::default(),
            said: None,
            told: 0,
            again: None,
            total: None,
            whole: false,
        }
    }

    /// It is wanted, and may be written so far ahead of the first unwritten position. A stream waits
    /// in its sender's memory.
    pub(crate) fn accept(&mut self, most: u64) {
        self.accepted = true;
        self.ahead = Ahead::new(if self.stream { most.min(CREDIT) } else { most });
    }

    /// The next part of a sender that is not faithful.
    pub(crate) fn paths(&mut self, part: PathPart) -> Result<(), Fault> {
        let Some(numbered) = &mut self.numbered else {
            return Err(Violation::OtherForm.into());
        };
        // Told from an entry that is none before its paths are looked at: what is out of turn ends
        // the conversation.
        if !self.accepted || part.first != self.entries || part.entries.len() > PART_ENTRIES {
            return Err(Violation::PartOutOfTurn.into());
        }
        let part = numbered.part(part)?;
        self.take(part)
    }

    /// The sender's next part. Names are checked where they become files; numbers and sizes here,
    /// so that what waits is bounded.
    pub(crate) fn part(&mut self, part: Part) -> Result<(), Fault> {
        if self.numbered.is_some() {
            return Err(Violation::OtherForm.into());
        }
        self.take(part)
    }

    fn take(&mut self, part: Part) -> Result<(), Fault> {
        let count = u32::try_from(part.entries.len()).unwrap_or(u32::MAX);
        if !self.accepted || self.total.is_some() {
            return Err(Violation::OutsideTransfer.into());
        }
        if part.entries.is_empty()
            || part.entries.len() > PART_ENTRIES
            || part.first != self.entries
        {
            return Err(Violation::PartOutOfTurn.into());
        }
        if self.waiting.len() >= PARTS_AHEAD as usize {
            return Err(Violation::PartsAhead.into());
        }
        if !part.entries.iter().all(Entry::is_lawful) {
            return Err(Fault::Entry(Reason::Protocol, Violation::EntryContradicts));
        }
        self.entries = self.entries.saturating_add(count);
        if self.entries > if self.stream { 1 } else { ENTRIES } {
            return Err(Fault::Entry(Reason::Protocol, Violation::ManyEntries));
        }
        let impossible = Fault::Entry(Reason::Protocol, Violation::EntrySize);
        if !part.entries.iter().all(|entry| self.size_fits(entry)) {
            return Err(impossible);
        }
        let bytes = if self.stream { Some(u64::MAX) } else { bytes_of(&part.entries) };
        self.last = bytes.and_then(|bytes| self.last.checked_add(bytes)).ok_or(impossible)?;
        self.waiting.push_back((part, self.last));
        Ok(())
    }

    fn size_fits(&self, entry: &Entry) -> bool {
        match entry.kind {
            EntryKind::File => entry.size.is_none() == self.stream,
            EntryKind::Folder | EntryKind::Link => entry.size.is_none() && !self.stream,
        }
    }

    /// These positions of the part last given out are here from another day, if they are proved.
    pub(crate) fn have(&mut self, ranges: Vec<Range<u64>>) {
        let (ready, end) = (self.ready, self.end);
        let lies_in = |range: &Range<u64>| ready <= range.start && range.end <= end;
        self.asking.add(ranges.into_iter().filter(lies_in));
    }

    /// Takes the next question about them.
    pub(crate) fn question(&mut self) -> Option<Vec<Span>> {
        self.asking.question()
    }

    /// Hashes of the next segments that were asked for.
    pub(crate) fn proof(&mut self, hashes: &[u8]) -> Result<Vec<(Range<u64>, Hash)>, Violation> {
        self.asking.answer(hashes)
    }

    /// True if all is answered that was asked for.
    pub(crate) fn is_answered(&self) -> bool {
        self.asking.is_done()
    }

    /// The part last given out is registered.
    pub(crate) fn registered(&mut self) {
        if core::mem::take(&mut self.registering) {
            self.registered = self.registered.saturating_add(1);
            self.ready = self.end;
            // The sender hears of all that it need not send.
            if self.written.pieces() > RANGES {
                self.again = Some(0);
            }
        }
    }

    /// The sender says that no bytes come of a range, which is then [`Incoming::passed`] once that
    /// is noted where they would be.
    pub(crate) fn gap(&self, range: &Range<u64>) -> Result<(), Fault> {
        if !self.accepted
            || self.numbered.is_some()
            || self.total.is_some()
            || range.is_empty()
            || range.end > self.ready
        {
            return Err(Violation::GapUnnamed.into());
        }
        if self.stream {
            return Err(Fault::Entry(Reason::Protocol, Violation::StreamGap));
        }
        Ok(())
    }

    /// Nothing has to come of a range: no bytes do, and that is noted, or it is proved to be here.
    /// True if it is new.
    pub(crate) fn passed(&mut self, range: Range<u64>) -> bool {
        self.insert(range)
    }

    /// A range is written. True if something of it is new.
    pub(crate) fn wrote(
        &mut self,
        range: Range<u64>,
        now: Instant,
        round_trip: Option<Duration>,
    ) -> Result<bool, Violation> {
        if range.end > self.said.as_ref().map_or(0, |said| said.limit) || range.end > self.end {
            return Err(Violation::BytesUnasked);
        }
        let end = range.end;
        let is_new = self.insert(range);
        self.ahead.wrote((self.written.frontier(), end), now, round_trip);
        Ok(is_new)
    }

    fn insert(&mut self, range: Range<u64>) -> bool {
        let is_new = !self.written.covers(&range);
        self.written.insert(range);
        let frontier = self.written.frontier();
        while self.unwritten.front().is_some_and(|end| *end <= frontier) {
            self.unwritten.pop_front();
        }
        is_new
    }

    /// The sender has said all: its totals.
    pub(crate) fn end(
        &mut self,
        entries: u32,
        bytes: u64,
        differences: Option<Differences>,
    ) -> Result<(), Violation> {
        let sized = self.waiting.is_empty() && (self.stream || bytes == self.end);
        if !self.accepted
            || self.total.is_some()
            || entries != self.entries
            || !sized
            || self.written.count() > bytes
        {
            return Err(Violation::WrongTotals);
        }
        if differences
            .as_ref()
            .is_some_and(|differences| self.numbered.is_some() || !differences.is_lawful())
        {
            return Err(Violation::ManyDifferences);
        }
        self.total = Some((entries, bytes, differences.unwrap_or_default()));
        Ok(())
    }

    /// Takes the next work for the program; each comes once.
    pub(crate) fn news(&mut self) -> Option<News> {
        let ready = !self.registering && self.unwritten.len() < PARTS_AHEAD as usize;
        if let Some((part, end)) = if ready { self.waiting.pop_front() } else { None } {
            self.end = end;
            if self.written.frontier() < end {
                self.unwritten.push_back(end);
            }
            self.registering = true;
            return Some(News::Register(part));
        }
        let bytes = self.total.as_ref().map(|(_, bytes, _)| *bytes)?;
        let all = if bytes == 0 {
            self.written.is_empty()
        } else {
            self.written.iter(2).eq(core::iter::once(0..bytes))
        };
        if all
            && !self.registering
            && self.waiting.is_empty()
            && !core::mem::replace(&mut self.whole, true)
        {
            let (entries, bytes, differences) = self.total.clone()?;
            return Some(News::Whole(Whole { bytes, entries, differences }));
        }
        None
    }

    /// A new link hears the credit whatever has changed, and all that is written (SPEC 6.2).
    pub(crate) const fn say_again(&mut self) {
        self.again = Some(0);
    }

    /// True if there is more to say of what is written.
    pub(crate) const fn has_more(&self) -> bool {
        self.again.is_some()
    }

    /// The moment at which a round is over since the last credit, if more is written by now.
    pub(crate) fn credit_due(&self, round: Duration) -> Option<Instant> {
        let said = self.said.as_ref().filter(|_| self.accepted && !self.whole)?;
        (self.written.count() > said.written).then(|| said.at.after(round))
    }

    /// Credit that the sender should hear: when much more can be granted, a part is registered or
    /// written, more is written after a round, or the link is new.
    pub(crate) fn credit(
        &mut self,
        transfer: ItemId,
        now: Instant,
        round: Duration,
    ) -> Option<Control> {
        let limit = self.ahead.limit(self.written.frontier());
        let parts = (self.registered, self.unwritten.len());
        let written = self.written.count();
        let news = match &self.said {
            Some(said) => {
                limit >= said.limit.saturating_add(CREDIT_STEP)
                    || parts != said.parts
                    || (written > said.written && now.since(said.at) >= round)
            }
            None => true,
        };
        // Once all is there, a sender that has lost a link still has to hear so.
        if !self.accepted || !(self.again.is_some() || news && !self.whole) {
            self.again = None;
            return None;
        }
        self.ahead.said(limit, now);
        self.said = Some(Said { at: now, limit, parts, written });
        let from = self.again.take();
        let written: Vec<Span> =
            self.written.iter_from(from.unwrap_or(0), RANGES).map(Into::into).collect();
        if from.is_some() && written.len() == RANGES {
            self.again = written.last().map(|span| span.end);
        }
        // Chunks of a part come as soon as it is registered: first all is named that need not.
        if self.again.is_none() {
            self.told = self.registered;
        }
        Some(Control::Credit { transfer, limit, parts: self.told, written })
    }

    /// Bytes written so far.
    pub(crate) fn progress(&self) -> u64 {
        self.written.count()
    }
}

/// The sum of a part's sizes, if it can be one.
fn bytes_of(entries: &[Entry]) -> Option<u64> {
    entries.iter().try_fold(0u64, |sum, entry| sum.checked_add(entry.size.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::FILE_CREDIT;
    use crate::wire::{Item, ItemKind, PeerName, PeerText};
    use alloc::string::String;
    use alloc::vec;

    fn offered(faithful: bool) -> Incoming {
        let items = vec![Item {
            name: PeerText::new(String::new()),
            kind: ItemKind::Folder,
            size: None,
            exact: None,
        }];
        Incoming::new(
            &Offer {
                item: ItemId(1),
                items,
                bytes: 0,
                entries: 0,
                counted: false,
                allocated: None,
            },
            faithful,
        )
    }

    fn accepted() -> Incoming {
        let mut transfer = offered(true);
        transfer.accept(CREDIT);
        transfer
    }

    fn file(first: u32, size: u64) -> Part {
        let entry = Entry {
            size: Some(size),
            ..Entry::inside(0, PeerName::new(b"f".to_vec()), EntryKind::File)
        };
        Part { item: ItemId(1), first, entries: vec![entry] }
    }

    fn wrote(transfer: &mut Incoming, range: Range<u64>) {
        transfer.wrote(range, Instant::from_millis(0), None).unwrap();
    }

    #[test]
    fn a_million_entries_are_taken_and_one_more_refuses_the_transfer() {
        let mut transfer = accepted();
        transfer.entries = ENTRIES - 1;
        assert_eq!(transfer.part(file(ENTRIES - 1, 0)), Ok(()));
        assert_eq!(
            transfer.part(file(ENTRIES, 0)),
            Err(Fault::Entry(Reason::Protocol, Violation::ManyEntries))
        );
    }

    #[test]
    fn positions_that_cannot_be_counted_refuse_the_transfer() {
        let mut transfer = accepted();
        assert_eq!(transfer.part(file(0, u64::MAX)), Ok(()));
        assert_eq!(
            transfer.part(file(1, 1)),
            Err(Fault::Entry(Reason::Protocol, Violation::EntrySize))
        );
    }

    #[test]
    fn each_form_is_for_those_who_agreed_on_it() {
        let path = || PathPart { item: ItemId(1), first: 0, entries: vec![] };
        assert!(matches!(accepted().paths(path()), Err(Fault::Count(_))));
        let mut older = offered(false);
        older.accept(CREDIT);
        assert!(matches!(older.part(file(0, 1)), Err(Fault::Count(_))));
    }

    #[test]
    fn what_is_left_out_lies_in_registered_parts_and_moves_the_credit_past_it() {
        const HUGE: u64 = 1 << 40;
        let mut transfer = accepted();
        transfer.part(file(0, HUGE)).unwrap();
        assert!(
            matches!(transfer.gap(&(0..5)), Err(Fault::Count(_))),
            "the part is not registered"
        );
        assert!(matches!(transfer.news(), Some(News::Register(_))));
        assert!(transfer.gap(&(0..5)).is_err());
        transfer.registered();
        assert!(transfer.gap(&(0..HUGE + 1)).is_err() && transfer.gap(&(5..5)).is_err());
        let credit = |transfer: &mut Incoming| {
            transfer.credit(ItemId(1), Instant::from_millis(0), Duration::MAX)
        };
        let Some(Control::Credit { limit: CREDIT, .. }) = credit(&mut transfer) else { panic!() };
        assert_eq!(transfer.gap(&(0..HUGE - 1)), Ok(()));
        assert!(transfer.passed(0..HUGE - 1) && !transfer.passed(5..9));
        let Some(Control::Credit { limit, .. }) = credit(&mut transfer) else {
            panic!("no credit past the gap")
        };
        assert_eq!(limit, HUGE - 1 + CREDIT);
        wrote(&mut transfer, HUGE - 1..HUGE);
        transfer.end(1, HUGE, None).unwrap();
        assert!(matches!(transfer.news(), Some(News::Whole(_))));
        assert!(transfer.gap(&(0..5)).is_err(), "all is said");
    }

    #[test]
    fn a_part_is_registered_once_all_that_is_proved_of_it_is_named() {
        let mut transfer = accepted();
        transfer.part(file(0, 1000)).unwrap();
        assert!(matches!(transfer.news(), Some(News::Register(_))));
        for at in (0..1000).step_by(10).take(RANGES + 1) {
            assert!(transfer.passed(at..at + 1));
        }
        transfer.registered();
        let credit = |transfer: &mut Incoming| {
            transfer.credit(ItemId(1), Instant::from_millis(0), Duration::MAX)
        };
        let mut said = vec![];
        while let Some(Control::Credit { parts, written, .. }) = credit(&mut transfer) {
            said.push((parts, written.len()));
        }
        assert_eq!(said, [(0, RANGES), (1, 1)]);
        transfer.say_again();
        let Some(Control::Credit { parts: 1, .. }) = credit(&mut transfer) else {
            panic!("a registered part stays so on a new link")
        };
    }

    #[test]
    fn what_is_written_is_said_once_a_round_and_at_once_where_much_is() {
        let mut transfer = accepted();
        transfer.part(file(0, 64 << 20)).unwrap();
        assert!(matches!(transfer.news(), Some(News::Register(_))));
        transfer.registered();
        let credit = |transfer: &mut Incoming, millis| {
            let round = Duration::from_millis(50);
            match transfer.credit(ItemId(1), Instant::from_millis(millis), round) {
                Some(Control::Credit { written, .. }) => Some(written.last().map(|span| span.end)),
                _ => None,
            }
        };
        assert_eq!(credit(&mut transfer, 0), Some(None));
        wrote(&mut transfer, 0..9);
        assert_eq!(credit(&mut transfer, 49), None);
        assert_eq!(credit(&mut transfer, 50), Some(Some(9)));
        assert_eq!(credit(&mut transfer, 500), None, "there is nothing new");
        wrote(&mut transfer, 0..9);
        assert_eq!(credit(&mut transfer, 501), None);
        // Behind a hole, too.
        wrote(&mut transfer, 20..30);
        assert_eq!(credit(&mut transfer, 502), Some(Some(30)));
        wrote(&mut transfer, 9..9 + CREDIT_STEP);
        assert_eq!(credit(&mut transfer, 503), Some(Some(9 + CREDIT_STEP)));
    }

    #[test]
    fn credit_doubles_where_the_first_position_is_missing_and_never_for_a_stream() {
        for stream in [false, true] {
            let mut transfer = offered(true);
            transfer.stream = stream;
            transfer.accept(FILE_CREDIT);
            let entry =
                Entry { size: (!stream).then_some(1 << 30), ..Entry::of_item(0, EntryKind::File) };
            transfer.part(Part { item: ItemId(1), first: 0, entries: vec![entry] }).unwrap();
            assert!(matches!(transfer.news(), Some(News::Register(_))));
            transfer.registered();
            let mut limit = |now: u64, written: Range<u64>| {
                let (now, round_trip) = (Instant::from_millis(now), Duration::from_millis(50));
                if !written.is_empty() {
                    transfer.wrote(written, now, Some(round_trip)).unwrap();
                }
                match transfer.credit(ItemId(1), now, Duration::MAX) {
                    Some(Control::Credit { limit, .. }) => Some(limit),
                    _ => None,
                }
            };
            assert_eq!(limit(0, 0..0), Some(CREDIT));
            assert_eq!(limit(9_000, 1..CREDIT / 2 - 1), None, "little is used");
            let doubled = (!stream).then_some(2 * CREDIT);
            assert_eq!(limit(9_100, CREDIT / 2 - 1..CREDIT / 2), doubled);
        }
    }
}
