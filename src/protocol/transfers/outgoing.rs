//! One transfer on its way out.

use super::flow::Flow;
use super::paths::Paths;
use super::proving::Asked;
use crate::limits::{CHUNK_DATA, PARTS_AHEAD, PARTS_UNWRITTEN, RANGES, TRANSFER_GRANTS};
use crate::links::LinkId;
use crate::ranges::Ranges;
use crate::time::Instant;
use crate::violation::Violation;
use crate::wire::{Entry, ItemId, Message, Part, PathPart, Span};
use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};
use core::ops::Range;
use core::time::Duration;

/// Positions in one grant: enough that a grant's way through the program does not count.
const GRANT: u64 = 1 << 20;
/// The same on a far way, where stripes share what there is: what one of them holds is late. One
/// that brings little gets less.
const FAR_GRANT: u64 = 256 << 10;
/// Rounds, and the time, after which a link that still holds what it was granted lags, if another
/// brings so many times as much.
const LAGGING: u32 = 20;
const LAG: Duration = Duration::from_secs(5);
const LITTLE: u64 = 16;
/// Grants end at multiples of this where nothing else ends them, so that whoever reads for a link
/// reads the same pieces as for any other.
const BLOCK: u64 = CHUNK_DATA as u64;

/// Work for the program on a transfer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Produce the next part, or say the total.
    PartWanted,
    /// Everything was read and sent: check that no source changed.
    AllRead,
}

/// A link's share in a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// All of it, on a near way.
    Near,
    /// All of it, on a far one.
    Far,
    /// What it brings soon: others carry the rest.
    Stripe,
}

/// Everything that a link was granted of a transfer.
#[derive(Default)]
struct Out {
    /// Not known to be written.
    ranges: Ranges,
    /// Grants that it has not served yet.
    unserved: usize,
    /// True once it has ended: the receiver has yet to say what of it is written (SPEC 6.3).
    lost: bool,
    flow: Flow,
    /// Positions below were granted, to one link or another, and something of it was not known to
    /// be written at this moment; none once all of that is.
    held: Option<(u64, Instant)>,
}

impl Out {
    /// Notes for how long it holds something, of positions granted below the cursor.
    fn note(&mut self, cursor: u64, now: Instant) {
        let first = self.ranges.iter(1).next();
        let since_then =
            |(until, _): &(u64, Instant)| first.as_ref().is_some_and(|range| range.start < *until);
        self.held = self.held.filter(since_then).or_else(|| first.map(|_| (cursor, now)));
    }

    /// True while something of it is not known to be written.
    fn owes(&self) -> bool {
        !self.ranges.is_empty()
    }
}

/// A transfer out, from its acceptance.
pub(crate) struct Outgoing {
    /// For a peer that is not faithful.
    paths: Option<Paths>,
    /// Entries and positions of the parts said so far.
    entries: u32,
    end: u64,
    /// Bytes of the source that are counted so far.
    counted: u64,
    /// Ends of the parts that the receiver has not registered, oldest first.
    unregistered: VecDeque<u64>,
    registered: u32,
    /// Ends of the parts that the receiver has not written, oldest first.
    unwritten: VecDeque<u64>,
    /// Positions below are in registered parts.
    sendable: u64,
    /// For a stream: positions below have been read from its source.
    available: Option<u64>,
    /// Positions below are covered by credit.
    limit: u64,
    /// Positions below were granted at least once; some of them must be again.
    cursor: u64,
    again: Ranges,
    /// Granted to links and not known to be written.
    out: BTreeMap<LinkId, Out>,
    /// The receiver has yet to say all that it has of what a lost link was granted.
    unsure: bool,
    written: Ranges,
    /// Ranges that these may be.
    pieces: usize,
    asked: Asked,
    total: Option<u64>,
    part_wanted: bool,
    all_read: bool,
    end_said: bool,
}

impl Outgoing {
    /// A transfer of which so many bytes are counted, and which may be written in so many pieces.
    pub(crate) fn new(paths: Option<Paths>, counted: u64, pieces: usize) -> Self {
        Self {
            paths,
            entries: 0,
            end: 0,
            counted,
            unregistered: VecDeque::new(),
            registered: 0,
            unwritten: VecDeque::new(),
            sendable: 0,
            available: None,
            limit: 0,
            cursor: 0,
            again: Ranges::default(),
            out: BTreeMap::new(),
            unsure: false,
            written: Ranges::default(),
            pieces,
            asked: Asked::default(),
            total: None,
            part_wanted: false,
            all_read: false,
            end_said: false,
        }
    }

    /// The next entries of the source, as the peer reads them.
    pub(crate) fn said(&mut self, item: ItemId, first: u32, entries: Vec<Entry>) -> Message {
        match &mut self.paths {
            Some(paths) => {
                Message::Paths(PathPart { item, first, entries: paths.part(first, entries) })
            }
            None => Message::Entries(Part { item, first, entries }),
        }
    }

    /// A part was produced: its number of entries, the sizes' sum, and whether it is a stream's one
    /// entry. Returns its first entry's number.
    pub(crate) fn part(&mut self, entries: u32, bytes: u64, stream: bool) -> u32 {
        let first = self.entries;
        self.part_wanted = false;
        self.entries = first.saturating_add(entries);
        self.end = self.end.saturating_add(bytes);
        if stream {
            self.available = Some(self.available.unwrap_or(0));
        }
        self.unregistered.push_back(self.end);
        if self.written.frontier() < self.end {
            self.unwritten.push_back(self.end);
        }
        first
    }

    /// So many bytes of the source are counted.
    pub(crate) const fn counted(&mut self, bytes: u64) {
        self.counted = bytes;
    }

    /// A stream's source has been read up to `position`.
    pub(crate) fn available(&mut self, position: u64) {
        self.available = Some(self.available.unwrap_or(0).max(position));
    }

    /// The source has no more parts: `bytes` in all.
    pub(crate) fn total(&mut self, bytes: u64) {
        self.total = Some(bytes);
        self.part_wanted = false;
    }

    /// The receiver's state, as said in a round. Returns how many bytes it has written that links
    /// have brought since.
    pub(crate) fn credit(
        &mut self,
        (now, round): (Instant, Duration),
        limit: u64,
        parts: u32,
        written: &[Span],
    ) -> Result<u64, Violation> {
        let mut brought = 0u64;
        while self.registered < parts {
            self.sendable = self.unregistered.pop_front().ok_or(Violation::RegisteredUnsent)?;
            self.registered = self.registered.saturating_add(1);
        }
        self.limit = self.limit.max(limit);
        for span in written {
            if span.end > self.cursor.max(self.asked.until) {
                return Err(Violation::WroteUnsent);
            }
            self.written.insert(span.start..span.end);
            for out in self.out.values_mut() {
                let bytes = out.ranges.remove(span.start..span.end);
                out.flow.brought(now, bytes, round);
                brought = brought.saturating_add(bytes);
            }
            self.again.remove(span.start..span.end);
            if self.written.pieces() > self.pieces {
                return Err(Violation::ManyPieces);
            }
        }
        self.out.values_mut().for_each(|out| out.note(self.cursor, now));
        if written.len() < RANGES {
            self.unsure = false;
        }
        let frontier = self.written.frontier();
        while self.unwritten.front().is_some_and(|end| *end <= frontier) {
            self.unwritten.pop_front();
        }
        Ok(brought)
    }

    /// The receiver has these positions of parts that it has not registered, if they are the same
    /// here: the segments to be hashed.
    pub(crate) fn have(&mut self, ranges: &[Span]) -> Result<Vec<Range<u64>>, Violation> {
        if self.paths.is_some() || self.available.is_some() {
            return Err(Violation::AskedOutOfTurn);
        }
        self.asked.ask(ranges, &(self.sendable..self.end))
    }

    /// So many segments are hashed: true if they were asked for.
    pub(crate) fn proved(&mut self, hashes: usize) -> bool {
        self.asked.answered(hashes)
    }

    /// No bytes of a range will be sent, which the peer is told: it may go on behind what was
    /// granted. False if the peer cannot be told.
    pub(crate) fn gap(&mut self, range: Range<u64>) -> bool {
        if self.paths.is_some()
            || range.is_empty()
            || range.start > self.cursor
            || range.end > self.end
        {
            return false;
        }
        self.cursor = self.cursor.max(range.end);
        for out in self.out.values_mut() {
            out.ranges.remove(range.clone());
        }
        self.again.remove(range);
        true
    }

    /// True if something of a range is not known to be written, nor said to be in a gap.
    pub(crate) fn owes(&self, range: &Range<u64>) -> bool {
        let length = range.end.saturating_sub(range.start);
        self.out
            .values()
            .map(|out| &out.ranges)
            .chain([&self.again])
            .any(|owed| owed.missing(range.clone()).count() < length)
    }

    /// Positions below may be granted now. Credit that ends within a file is used in whole blocks
    /// while there is something else to wait for, that of a stream at once.
    fn grantable(&self) -> u64 {
        if let Some(available) = self.available {
            return self.limit.min(self.sendable).min(available);
        }
        if self.limit >= self.sendable {
            return self.sendable;
        }
        let blocks = self.limit.saturating_sub(self.limit % BLOCK);
        let idle = || self.again.is_empty() && !self.out.values().any(Out::owes);
        if blocks <= self.cursor && idle() { self.limit } else { blocks }
    }

    /// Rounds that all links take for what is not granted yet.
    fn rounds_left(&self) -> u64 {
        let left = self.all().saturating_sub(self.cursor).saturating_add(self.again.count());
        let round = self.out.values().fold(0u64, |sum, out| sum.saturating_add(out.flow.round()));
        left.checked_div(round).unwrap_or(u64::MAX)
    }

    /// Ranges to be sent over `link` now, which can take so many more. While it serves those that
    /// it has, small steps of credit add up.
    pub(crate) fn grants(&mut self, link: LinkId, room: usize, share: Share) -> Vec<Range<u64>> {
        let mut granted = Vec::new();
        if self.unsure {
            return granted;
        }
        let sendable = self.grantable();
        let rest = self.rounds_left();
        let out = self.out.entry(link).or_default();
        let (most, grant) = match share {
            Share::Near => (u64::MAX, GRANT),
            Share::Far => (u64::MAX, FAR_GRANT),
            Share::Stripe => {
                let most = out.flow.window(rest);
                (most, (most / 4).clamp(BLOCK, FAR_GRANT))
            }
        };
        let grant_from = |start: u64| {
            let end = start.saturating_add(grant);
            end.saturating_sub(end % BLOCK).saturating_sub(start)
        };
        while out.unserved < TRANSFER_GRANTS && granted.len() < room {
            let again = self.again.iter(1).next();
            // Bytes that are sent again go past it: all that the link holds may wait for them.
            if again.is_none() && out.ranges.count() >= most {
                break;
            }
            let range = match again.and_then(|next| self.again.take(grant_from(next.start))) {
                Some(range) => range,
                // Some of what follows may be there from another day.
                None => match self.written.first_missing(self.cursor, sendable) {
                    Some(Range { start, end }) => {
                        self.cursor = start.saturating_add(grant_from(start)).min(end);
                        start..self.cursor
                    }
                    None => {
                        self.cursor = self.cursor.max(sendable);
                        break;
                    }
                },
            };
            out.unserved = out.unserved.saturating_add(1);
            out.ranges.insert(range.clone());
            granted.push(range);
        }
        granted
    }

    /// A link has sent a range that it was granted.
    pub(crate) fn sent(&mut self, link: LinkId) {
        if let Some(out) = self.out.get_mut(&link) {
            out.unserved = out.unserved.saturating_sub(1);
        }
    }

    /// The link in use is lost, and its stripes with it: what they were granted is to be sent
    /// again, once the receiver has said what of it is written.
    pub(crate) fn link_lost(&mut self) {
        for out in core::mem::take(&mut self.out).into_values() {
            out.ranges.iter(usize::MAX).for_each(|range| self.again.insert(range));
        }
        self.unsure = true;
    }

    /// A stripe has ended. What it was granted waits until the receiver has said what of it is
    /// written: of one that owes nothing that word may never come.
    pub(crate) fn stripe_lost(&mut self, link: LinkId) {
        if let Some(out) = self.out.get_mut(&link) {
            (out.unserved, out.lost) = (0, true);
        }
        self.out.retain(|_, out| !out.lost || out.owes());
    }

    /// The receiver has said so of a stripe: the rest of what that was granted is sent again.
    pub(crate) fn dropped(&mut self, link: LinkId) {
        for range in self.out.remove(&link).iter().flat_map(|out| out.ranges.iter(usize::MAX)) {
            self.again.insert(range);
        }
    }

    /// Takes the next work for the program; each comes once.
    pub(crate) fn news(&mut self) -> Option<News> {
        let ahead = u32::try_from(self.unregistered.len()).unwrap_or(u32::MAX);
        let kept = self.unwritten.len() < PARTS_UNWRITTEN;
        if self.total.is_none() && !self.part_wanted && kept && ahead < PARTS_AHEAD {
            self.part_wanted = true;
            return Some(News::PartWanted);
        }
        let sent = self.total == Some(self.cursor)
            && self.again.is_empty()
            && self.out.values().all(|out| out.unserved == 0 && !(out.lost && out.owes()));
        if sent && self.unregistered.is_empty() && !self.all_read {
            self.all_read = true;
            return Some(News::AllRead);
        }
        None
    }

    /// The sources are unchanged: what the end says, entries and bytes.
    pub(crate) fn end(&mut self) -> Option<(u32, u64)> {
        self.end_said = true;
        Some((self.entries, self.total?))
    }

    /// True if a result "delivered" can be true.
    pub(crate) const fn end_said(&self) -> bool {
        self.end_said
    }

    /// True if a link has something of it that is not known to be written.
    pub(crate) fn holds(&self, link: LinkId) -> bool {
        self.out.get(&link).is_some_and(Out::owes)
    }

    /// True if a link holds something for so long, and brings so little beside the others, that
    /// these would bring it sooner.
    pub(crate) fn lags(&self, link: LinkId, (now, round): (Instant, Duration)) -> bool {
        let Some(out) = self.out.get(&link) else { return false };
        let longest = round.saturating_mul(LAGGING).max(LAG);
        let is_late = out.held.is_some_and(|(_, since)| now.since(since) >= longest);
        let others = self.out.iter().filter(|(other, _)| **other != link);
        let most = others.map(|(_, out)| out.flow.round()).max().unwrap_or(0);
        is_late && out.flow.round() < most / LITTLE
    }

    /// True if a link has as much of it to send as it may.
    pub(crate) fn fills(&self, link: LinkId) -> bool {
        let rest = self.rounds_left();
        self.out.get(&link).is_some_and(|out| {
            out.unserved >= TRANSFER_GRANTS || out.ranges.count() >= out.flow.window(rest)
        })
    }

    /// Bytes in all, as far as they are counted.
    fn all(&self) -> u64 {
        self.total.unwrap_or(self.end.max(self.counted))
    }

    /// Bytes that are not known to be written.
    pub(crate) fn left(&self) -> u64 {
        self.all().saturating_sub(self.written.count())
    }

    /// True if its files are smaller than a chunk on the average.
    pub(crate) fn is_small(&self) -> bool {
        self.end < u64::from(self.entries).saturating_mul(BLOCK)
    }

    /// Bytes that the receiver has written, and below which position it has them all.
    pub(crate) fn written(&self) -> (u64, u64) {
        (self.written.count(), self.written.frontier())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{PIECES, ROUND};

    const AT: (Instant, Duration) = (Instant::from_millis(0), ROUND);

    fn transfer() -> Outgoing {
        Outgoing::new(None, 0, PIECES)
    }

    #[test]
    fn what_is_left_out_is_not_granted() {
        let mut transfer = transfer();
        transfer.part(1, 10 << 20, false);
        transfer.credit(AT, 2 << 20, 1, &[]).unwrap();
        assert_eq!(transfer.grants(LinkId::CODE, 1, Share::Near).first(), Some(&(0..1 << 20)));
        assert!(!transfer.gap(3 << 20..4 << 20), "nobody has read as far");
        assert!(!transfer.gap(0..11 << 20), "there is not as much");
        assert!(transfer.gap(5..9 << 20));
        transfer.sent(LinkId::CODE);
        assert_eq!(
            transfer.grants(LinkId::CODE, 9, Share::Near),
            [],
            "the credit ends before the gap does"
        );
        transfer.credit(AT, 11 << 20, 1, &[Span { start: 0, end: 9 << 20 }]).unwrap();
        assert_eq!(
            transfer.grants(LinkId::CODE, 9, Share::Near).first(),
            Some(&(9 << 20..10 << 20))
        );
        transfer.link_lost();
        assert_eq!(
            transfer.grants(LinkId(1), 9, Share::Near),
            [],
            "nobody has said what is written"
        );
        transfer.credit(AT, 11 << 20, 1, &[Span { start: 0, end: 9 << 20 }]).unwrap();
        assert_eq!(
            transfer.grants(LinkId(1), 9, Share::Near).first(),
            Some(&(9 << 20..10 << 20)),
            "the gap was said and is not sent again"
        );
    }

    #[test]
    fn what_is_written_is_not_sent_again_however_many_credits_name_it() {
        let mut transfer = transfer();
        transfer.part(1, 1 << 20, false);
        transfer.credit(AT, 1 << 20, 1, &[]).unwrap();
        assert_eq!(transfer.grants(LinkId::CODE, 1, Share::Near).first(), Some(&(0..1 << 20)));
        transfer.link_lost();
        let spans: Vec<Span> =
            (0..80).map(|at| Span { start: at * 10, end: at * 10 + 9 }).collect();
        transfer.credit(AT, 1 << 20, 1, &spans[..64]).unwrap();
        assert_eq!(transfer.grants(LinkId(1), 9, Share::Near), [], "more may be named");
        transfer.credit(AT, 1 << 20, 1, &spans[64..]).unwrap();
        let mut again = Vec::new();
        while let Some(range) = transfer.grants(LinkId(1), 1, Share::Near).pop() {
            transfer.sent(LinkId(1));
            again.push(range);
        }
        assert_eq!((again.len(), again[0].clone(), again[79].clone()), (80, 9..10, 799..1 << 20));
    }

    #[test]
    fn what_is_there_from_another_day_is_not_sent() {
        let mut transfer = transfer();
        transfer.part(1, 10 << 20, false);
        let written = |start: u64, end: u64| [Span { start: start << 20, end: end << 20 }];
        assert!(transfer.have(&written(2, 11)).is_err(), "there is not as much");
        assert!(transfer.credit(AT, 0, 0, &written(2, 4)).is_err(), "nobody has asked");
        assert_eq!(transfer.have(&written(2, 4)).unwrap().first(), Some(&(2 << 20..4 << 20)));
        assert!(transfer.have(&written(5, 6)).is_err(), "one question at a time");
        assert!(transfer.proved(1) && !transfer.proved(1));
        transfer.credit(AT, 16 << 20, 1, &written(2, 4)).unwrap();
        assert!(transfer.have(&written(5, 6)).is_err(), "the part is registered");
        let mut granted = Vec::new();
        while let Some(range) = transfer.grants(LinkId::CODE, 1, Share::Near).pop() {
            transfer.sent(LinkId::CODE);
            granted.push(range.start >> 20);
        }
        assert_eq!(granted, [0, 1, 4, 5, 6, 7, 8, 9]);
        transfer.total(10 << 20);
        assert_eq!(transfer.news(), Some(News::AllRead));
    }

    #[test]
    fn a_transfer_that_is_all_there_from_another_day_ends_without_a_byte() {
        let mut transfer = transfer();
        transfer.part(1, 10 << 20, false);
        let all = [Span { start: 0, end: 10 << 20 }];
        assert_eq!(transfer.have(&all).unwrap().len(), 1);
        transfer.credit(AT, 26 << 20, 1, &all).unwrap();
        assert_eq!(transfer.grants(LinkId::CODE, 9, Share::Near), []);
        transfer.total(10 << 20);
        assert_eq!(transfer.news(), Some(News::AllRead));
    }

    #[test]
    fn credit_in_small_steps_makes_few_grants() {
        let mut transfer = transfer();
        transfer.part(1, u64::MAX, true);
        transfer.available(1 << 20);
        let mut granted = Vec::new();
        for limit in 1..=20_000 {
            transfer.credit(AT, limit, 1, &[]).unwrap();
            granted.extend(transfer.grants(LinkId::CODE, usize::MAX, Share::Near));
        }
        assert_eq!(granted.len(), TRANSFER_GRANTS);
        transfer.sent(LinkId::CODE);
        assert_eq!(transfer.grants(LinkId::CODE, 0, Share::Near), []);
        assert_eq!(
            transfer.grants(LinkId::CODE, 1, Share::Near).first(),
            Some(&(TRANSFER_GRANTS as u64..20_000))
        );
    }

    #[test]
    fn what_a_stripe_took_along_is_sent_again_once_the_receiver_has_said_what_it_has() {
        let [one, two] = [LinkId(1), LinkId(2)];
        let mut transfer = transfer();
        transfer.part(1, 3 << 20, false);
        transfer.total(3 << 20);
        transfer.credit(AT, 3 << 20, 1, &[]).unwrap();
        assert_eq!(transfer.grants(one, 1, Share::Near).first(), Some(&(0..1 << 20)));
        assert_eq!(transfer.grants(two, 9, Share::Near).len(), 2);
        transfer.sent(two);
        transfer.sent(two);
        transfer.stripe_lost(one);
        assert_eq!(transfer.grants(two, 9, Share::Near), [], "the receiver may have it");
        assert_eq!(transfer.news(), None);
        transfer.credit(AT, 3 << 20, 1, &[Span { start: 0, end: 500 }]).unwrap();
        assert_eq!(transfer.grants(two, 9, Share::Near), []);
        transfer.dropped(one);
        transfer.dropped(one);
        assert_eq!(transfer.grants(two, 9, Share::Near).first(), Some(&(500..1 << 20)));
        assert_eq!(transfer.news(), None);
        transfer.sent(two);
        assert_eq!(transfer.news(), Some(News::AllRead));
        // With the link in use everything that no credit names is to be sent again.
        transfer.link_lost();
        assert!(transfer.owes(&(500..3 << 20)) && transfer.grants(one, 9, Share::Near).is_empty());
        transfer.credit(AT, 3 << 20, 1, &[Span { start: 0, end: 2 << 20 }]).unwrap();
        assert_eq!(
            transfer.grants(LinkId::CODE, 9, Share::Near).first(),
            Some(&(2 << 20..3 << 20))
        );
    }

    #[test]
    fn files_are_granted_in_blocks_however_the_credit_grows() {
        const MIB: u64 = 1 << 20;
        let mut transfer = transfer();
        transfer.part(2, 3 * MIB + 5, false);
        transfer.credit(AT, 100, 1, &[]).unwrap();
        let grants = |transfer: &mut Outgoing| {
            let granted = transfer.grants(LinkId::CODE, usize::MAX, Share::Near);
            granted.iter().for_each(|_| transfer.sent(LinkId::CODE));
            granted.into_iter().map(|range| (range.start, range.end)).collect::<Vec<_>>()
        };
        assert_eq!(grants(&mut transfer), [(0, 100)], "there is no more to be had");
        transfer.credit(AT, 2 * BLOCK + 1, 1, &[]).unwrap();
        assert_eq!(grants(&mut transfer), [(100, 2 * BLOCK)]);
        transfer.credit(AT, 3 * BLOCK - 1, 1, &[]).unwrap();
        assert_eq!(grants(&mut transfer), [], "the rest of the block comes with more credit");
        let start = 2 * BLOCK;
        transfer.credit(AT, 3 * BLOCK - 1, 1, &[Span { start: 0, end: start }]).unwrap();
        assert_eq!(grants(&mut transfer), [(start, 3 * BLOCK - 1)], "nothing else is to come");
        transfer.credit(AT, 8 * MIB, 1, &[]).unwrap();
        let rest = [(start + MIB, start + 2 * MIB), (start + 2 * MIB, 3 * MIB + 5)];
        let granted = grants(&mut transfer);
        assert_eq!((granted[0], &granted[1..]), ((3 * BLOCK - 1, start + MIB), &rest[..]));
        transfer.link_lost();
        transfer.credit(AT, 8 * MIB, 1, &[Span { start: 0, end: start + 7 }]).unwrap();
        let granted = grants(&mut transfer);
        assert_eq!((granted[0], &granted[1..]), ((start + 7, start + MIB), &rest[..]));
    }

    #[test]
    fn what_is_sent_again_does_not_wait_for_room_that_it_makes() {
        let [one, two] = [LinkId(1), LinkId(2)];
        let mut transfer = transfer();
        transfer.part(1, 10 << 20, false);
        transfer.credit(AT, 10 << 20, 1, &[]).unwrap();
        for link in [one, two, one, two, one, two] {
            let _ = transfer.grants(link, 9, Share::Stripe);
            transfer.sent(link);
        }
        // An output has taken nothing behind the first chunk, so all that came waits there.
        transfer.stripe_lost(one);
        assert_eq!(transfer.grants(two, 9, Share::Stripe), [], "it holds as much as it may");
        transfer.dropped(one);
        assert_eq!(transfer.grants(two, 1, Share::Stripe).first(), Some(&(0..BLOCK)));
    }

    #[test]
    fn nothing_is_kept_of_stripes_that_have_ended_and_owe_nothing() {
        let mut transfer = transfer();
        transfer.part(1, 1 << 40, false);
        transfer.credit(AT, 1 << 40, 1, &[]).unwrap();
        for link in (1..100).map(LinkId) {
            let granted = transfer.grants(link, 1, Share::Stripe);
            let written: Vec<Span> = granted.into_iter().map(Into::into).collect();
            transfer.credit(AT, 1 << 40, 1, &written).unwrap();
            transfer.stripe_lost(link);
            assert!(transfer.out.is_empty());
        }
        let _ = transfer.grants(LinkId(100), 1, Share::Stripe);
        transfer.stripe_lost(LinkId(100));
        assert_eq!(transfer.out.len(), 1, "it is to be sent again");
    }

    #[test]
    fn a_stripe_is_full_when_it_holds_what_it_may() {
        let mut transfer = transfer();
        transfer.part(1, 10 << 20, false);
        transfer.credit(AT, 10 << 20, 1, &[]).unwrap();
        let granted = transfer.grants(LinkId(1), 9, Share::Stripe).len();
        (0..granted).for_each(|_| transfer.sent(LinkId(1)));
        assert!(transfer.fills(LinkId(1)) && !transfer.fills(LinkId(2)));
    }

    #[test]
    fn a_stripe_lags_that_holds_for_seconds_what_another_would_have_brought() {
        let links = [LinkId(1), LinkId(2)];
        // Rounds until the first lags, if they bring so many bytes in each.
        let lags = |brings: [u64; 2]| {
            let (mut transfer, mut held) = (transfer(), [(); 2].map(|()| VecDeque::new()));
            transfer.part(1, 1 << 40, false);
            transfer.credit((Instant::from_millis(0), ROUND), 1 << 40, 1, &[]).unwrap();
            (1..400).find(|round| {
                let now = (Instant::from_millis(50 * round), ROUND);
                let mut spans = Vec::new();
                for ((link, held), mut left) in links.into_iter().zip(&mut held).zip(brings) {
                    held.extend(transfer.grants(link, 9, Share::Stripe));
                    while let Some(range) = held.front_mut().filter(|_| left > 0) {
                        let end = range.end.min(range.start + left);
                        spans.push(Span { start: range.start, end });
                        left -= end - core::mem::replace(&mut range.start, end);
                        if range.is_empty() {
                            held.pop_front();
                            transfer.sent(link);
                        }
                    }
                }
                transfer.credit(now, 1 << 40, 1, &spans).unwrap();
                assert!(!transfer.lags(links[1], now));
                transfer.lags(links[0], now)
            })
        };
        assert_eq!(lags([100, 64 << 10]), Some(101), "it dribbles");
        assert_eq!(lags([100, 1_000]), None, "both do");
        assert_eq!(lags([64 << 10, 1 << 20]), None, "it brings a share");
    }

    #[test]
    fn files_are_small_by_their_average() {
        for (entries, small) in [(1, false), (160, false), (161, true)] {
            let mut transfer = transfer();
            transfer.part(entries, 10 << 20, false);
            assert_eq!(transfer.is_small(), small, "{entries}");
        }
    }

    #[test]
    fn no_part_is_asked_of_the_source_while_too_many_are_unwritten() {
        let mut transfer = transfer();
        let mut parts = 0;
        while transfer.news() == Some(News::PartWanted) {
            transfer.part(1, 1, false);
            parts += 1;
            // Each is registered, and its byte may be sent, but nothing is ever written.
            transfer.credit(AT, 100, parts, &[]).unwrap();
            assert_eq!(transfer.grants(LinkId::CODE, 1, Share::Near).len(), 1);
            transfer.sent(LinkId::CODE);
        }
        assert_eq!(parts as usize, PARTS_UNWRITTEN);
        transfer.credit(AT, 100, parts, &[Span { start: 0, end: 1 }]).unwrap();
        assert_eq!(transfer.news(), Some(News::PartWanted));
    }
}
