//! Segments of a transfer that its receiver has from another day: one question at a time, and its
//! answer (SPEC 7.10).

use crate::limits::{ASKED_RANGES, ASKED_SEGMENTS, HASH, SEGMENT};
use crate::violation::Violation;
use crate::wire::{Hash, Span};
use alloc::{collections::VecDeque, vec::Vec};
use core::iter;
use core::ops::Range;

/// A range cut at every multiple of [`SEGMENT`] (SPEC 7.10): its segments, ascending; none if it is
/// empty.
pub fn segments(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut at = range.start;
    iter::from_fn(move || {
        let start = at;
        at = end_of_segment(start).min(range.end);
        (start < range.end).then_some(start..at)
    })
}

/// The first multiple of [`SEGMENT`] behind a position.
const fn end_of_segment(position: u64) -> u64 {
    position.saturating_sub(position % SEGMENT).saturating_add(SEGMENT)
}

/// The receiver's side of it.
#[derive(Default)]
pub(super) struct Asking {
    /// Ranges that are still to be asked for, ascending.
    ahead: VecDeque<Range<u64>>,
    /// Segments that were asked for and are not answered.
    open: VecDeque<Range<u64>>,
}

impl Asking {
    /// These ranges are here, if they are proved.
    pub(super) fn add(&mut self, ranges: impl Iterator<Item = Range<u64>>) {
        self.ahead.extend(ranges);
    }

    /// True if nothing is left to be asked for or answered.
    pub(super) fn is_done(&self) -> bool {
        self.ahead.is_empty() && self.open.is_empty()
    }

    /// Takes the next question, once the last is answered.
    pub(super) fn question(&mut self) -> Option<Vec<Span>> {
        if !self.open.is_empty() {
            return None;
        }
        let mut ranges: Vec<Span> = Vec::new();
        while let Some(range) = self.ahead.pop_front() {
            let room = ASKED_SEGMENTS.saturating_sub(self.open.len());
            if room == 0 || ranges.len() >= ASKED_RANGES {
                self.ahead.push_front(range);
                break;
            }
            self.open.extend(segments(range.clone()).take(room));
            let end = self.open.back().map_or(range.end, |last| last.end);
            ranges.push((range.start..end).into());
            if end < range.end {
                self.ahead.push_front(end..range.end);
            }
        }
        (!ranges.is_empty()).then_some(ranges)
    }

    /// Pairs the next hashes with the segments that they are of.
    pub(super) fn answer(&mut self, hashes: &[u8]) -> Result<Vec<(Range<u64>, Hash)>, Violation> {
        let (count, rest) = (hashes.len() / HASH, hashes.len() % HASH);
        if count == 0 || rest > 0 || count > self.open.len() {
            return Err(Violation::ProvedUnasked);
        }
        let hashes = hashes.chunks_exact(HASH).filter_map(|hash| hash.try_into().ok());
        Ok(self.open.drain(..count).zip(hashes).collect())
    }
}

/// The sender's side of it.
#[derive(Default)]
pub(super) struct Asked {
    /// Positions below were asked for, or may not be any more.
    pub(super) until: u64,
    /// Segments of the last question that are not answered.
    open: usize,
}

impl Asked {
    /// The next question, about positions of `lawful`: the segments to be hashed.
    pub(super) fn ask(
        &mut self,
        ranges: &[Span],
        lawful: &Range<u64>,
    ) -> Result<Vec<Range<u64>>, Violation> {
        let out_of_turn = Violation::AskedOutOfTurn;
        if self.open > 0 || ranges.is_empty() || ranges.len() > ASKED_RANGES {
            return Err(out_of_turn);
        }
        let mut asked = Vec::new();
        for span in ranges {
            let ascends = asked.last().is_none_or(|last: &Range<u64>| last.end < span.start);
            let room = ASKED_SEGMENTS.saturating_sub(asked.len());
            if !ascends || span.start < lawful.start.max(self.until) || span.end > lawful.end {
                return Err(out_of_turn);
            }
            asked.extend(segments(span.start..span.end).take(room));
            if asked.last().is_none_or(|last| last.end != span.end) {
                return Err(out_of_turn);
            }
        }
        self.until = asked.last().map_or(self.until, |last| last.end);
        self.open = asked.len();
        Ok(asked)
    }

    /// So many segments are hashed: true if they were asked for.
    pub(super) fn answered(&mut self, hashes: usize) -> bool {
        let rest = self.open.checked_sub(hashes);
        self.open = rest.unwrap_or(self.open);
        rest.is_some() && hashes > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    const ALL: Range<u64> = 0..u64::MAX;

    fn span(range: Range<u64>) -> Span {
        range.into()
    }

    #[test]
    fn a_range_is_cut_at_multiples_of_a_segment() {
        let cut: Vec<_> = segments(5..2 * SEGMENT + 1).collect();
        assert_eq!(cut, [5..SEGMENT, SEGMENT..2 * SEGMENT, 2 * SEGMENT..2 * SEGMENT + 1]);
        assert_eq!(segments(SEGMENT..2 * SEGMENT).count(), 1);
        assert_eq!(segments(7..7).count(), 0);
        assert_eq!(segments(u64::MAX - 1..u64::MAX).count(), 1);
    }

    #[test]
    fn what_is_asked_is_what_is_hashed_and_each_hash_finds_its_segment() {
        let (mut here, mut there) = (Asking::default(), Asked::default());
        here.add([3..9, 20..20 + SEGMENT].into_iter());
        let question = here.question().unwrap();
        assert_eq!(question, [span(3..9), span(20..20 + SEGMENT)]);
        assert!(here.question().is_none(), "one at a time");
        let segments = there.ask(&question, &ALL).unwrap();
        assert_eq!(segments, [3..9, 20..SEGMENT, SEGMENT..SEGMENT + 20]);
        assert!(there.answered(1) && there.answered(2) && !there.answered(1));
        assert!(!here.is_done());
        assert_eq!(here.answer(&[1; 32]).unwrap(), [(3..9, [1; 32])]);
        assert!(here.answer(&[1; 33]).is_err() && here.answer(&[]).is_err());
        assert!(here.answer(&[1; 96]).is_err(), "there are two left");
        assert_eq!(here.answer(&[2; 64]).unwrap()[1], (SEGMENT..SEGMENT + 20, [2; 32]));
        assert!(here.is_done() && here.question().is_none());
        assert!(here.answer(&[2; 32]).is_err(), "nothing was asked");
    }

    #[test]
    fn long_ranges_and_many_of_them_are_several_questions() {
        let (mut here, mut there) = (Asking::default(), Asked::default());
        let far = 6_000 * SEGMENT;
        let short = (0..1_500).map(|at| far + 2 * at..far + 2 * at + 1);
        here.add(iter::once(0..5_000 * SEGMENT).chain(short));
        let mut counts = Vec::new();
        while let Some(question) = here.question() {
            let segments = there.ask(&question, &ALL).unwrap();
            counts.push((question.len(), segments.len()));
            assert!(there.answered(segments.len()));
            assert_eq!(here.answer(&vec![0; 32 * segments.len()]).unwrap().len(), segments.len());
        }
        assert_eq!(counts, [(1, 4_096), (1_000, 904 + 999), (501, 501)]);
        assert!(here.is_done());
    }

    #[test]
    fn a_question_that_is_none_is_refused() {
        let lawful = 10..100;
        let refused: [&[Span]; 9] = [
            &[],
            &[span(9..20)],
            &[span(20..101)],
            &[span(20..20)],
            &[Span { start: 30, end: 20 }],
            &[span(20..30), span(25..40)],
            &[span(20..30), span(30..40)],
            &[span(50..60), span(20..30)],
            &vec![span(20..30); 1_001],
        ];
        for ranges in refused {
            assert!(Asked::default().ask(ranges, &lawful).is_err(), "{ranges:?}");
        }
        let mut asked = Asked::default();
        assert!(asked.ask(&[span(0..4_097 * SEGMENT)], &ALL).is_err(), "too many segments");
        assert!(asked.ask(&[span(20..30)], &lawful).is_ok());
        assert!(asked.ask(&[span(40..50)], &lawful).is_err(), "the last has no answer yet");
        assert!(asked.answered(1));
        assert!(asked.ask(&[span(25..50)], &lawful).is_err(), "some of it for a second time");
        assert!(asked.ask(&[span(30..50)], &lawful).is_ok());
    }
}
