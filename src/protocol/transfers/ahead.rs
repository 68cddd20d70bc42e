//! Distance from the first unwritten position up to which a sender may send, which grows with the
//! way between both sides (SPEC 7.4).

use crate::limits::{CHUNK_DATA, CREDIT};
use crate::time::Instant;
use core::time::Duration;

/// Multiples to which a sender uses its credit while it can wait for more.
const BLOCK: u64 = CHUNK_DATA as u64;

/// The credit of a transfer. It doubles when a limit is reached within two round trips after it was
/// said, since its sender then waits for the way, and when half of it is reached beyond something
/// that is missing, since all others then soon wait for the slowest of several links.
pub(super) struct Ahead {
    positions: u64,
    most: u64,
    /// The latest limit.
    limit: u64,
    /// One that is measured, and the moment at which it was said.
    timed: Option<(u64, Instant)>,
}

impl Ahead {
    /// The credit of a sink that may be written so far ahead.
    pub(super) fn new(most: u64) -> Self {
        Self { positions: CREDIT.min(most), most, limit: 0, timed: None }
    }

    /// The limit that can be said while all below `frontier` is written.
    pub(super) const fn limit(&self, frontier: u64) -> u64 {
        frontier.saturating_add(self.positions)
    }

    /// A limit is said.
    pub(super) fn said(&mut self, limit: u64, now: Instant) {
        if limit > self.limit && self.positions < self.most {
            self.timed.get_or_insert((limit, now));
        }
        self.limit = self.limit.max(limit);
    }

    /// Bytes are written up to a position, and all below `frontier`.
    pub(super) fn wrote(
        &mut self,
        (frontier, end): (u64, u64),
        now: Instant,
        round_trip: Option<Duration>,
    ) {
        if end.saturating_sub(frontier) >= self.positions / 2 {
            self.grow();
        }
        let is_used = |limit: u64| end >= limit.saturating_sub(limit % BLOCK);
        let Some((_, said)) = self.timed.filter(|(limit, _)| is_used(*limit)) else { return };
        self.timed = None;
        if round_trip.is_some_and(|round_trip| now.since(said) <= round_trip.saturating_mul(2)) {
            self.grow();
        }
    }

    fn grow(&mut self) {
        self.positions = self.positions.saturating_mul(2).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::FILE_CREDIT;
    use alloc::vec::Vec;

    const ROUND_TRIP: Option<Duration> = Some(Duration::from_millis(50));

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn it_doubles_each_time_a_limit_is_reached_within_two_round_trips() {
        let mut ahead = Ahead::new(FILE_CREDIT);
        let (mut now, mut frontier, mut steps) = (0, 0, Vec::new());
        while steps.len() < 6 {
            let limit = ahead.limit(frontier);
            steps.push((limit - frontier) >> 20);
            ahead.said(limit, at(now));
            now += 100;
            ahead.wrote((limit - 1 - BLOCK, limit - 1 - BLOCK), at(now), ROUND_TRIP);
            assert_eq!(ahead.limit(frontier), limit, "not all is used");
            ahead.wrote((limit, limit), at(now), ROUND_TRIP);
            frontier = limit;
        }
        assert_eq!(steps, [16, 32, 64, 128, 256, 256]);
    }

    #[test]
    fn a_way_that_is_full_and_one_that_nobody_has_measured_are_given_no_more() {
        for (later, round_trip) in [(101, ROUND_TRIP), (1, None)] {
            let mut ahead = Ahead::new(FILE_CREDIT);
            for turn in 0..9 {
                let limit = ahead.limit(turn * CREDIT);
                ahead.said(limit, at(turn * 1_000));
                ahead.wrote((limit, limit), at(turn * 1_000 + later), round_trip);
            }
            assert_eq!(ahead.limit(0), CREDIT);
        }
    }

    #[test]
    fn the_first_of_many_limits_is_measured_and_no_limit_twice() {
        let mut ahead = Ahead::new(FILE_CREDIT);
        // One each 10 ms, so that none is ever reached before the next is said.
        for turn in 0..=9 {
            ahead.said(CREDIT + turn * BLOCK, at(turn * 10));
        }
        ahead.wrote((CREDIT, CREDIT), at(90), ROUND_TRIP);
        assert_eq!(ahead.limit(0), 2 * CREDIT);
        // Said again while nothing else is written: that was no use of it.
        ahead.said(2 * CREDIT, at(100));
        ahead.wrote((2 * CREDIT, 2 * CREDIT), at(300), ROUND_TRIP);
        ahead.said(2 * CREDIT, at(300));
        ahead.wrote((2 * CREDIT, 2 * CREDIT), at(301), ROUND_TRIP);
        assert_eq!(ahead.limit(0), 2 * CREDIT);
    }

    #[test]
    fn credit_that_ends_within_a_block_is_used_when_all_blocks_before_are() {
        let mut ahead = Ahead::new(FILE_CREDIT);
        let limit = ahead.limit(BLOCK + 7);
        ahead.said(limit, at(0));
        ahead.wrote((limit - 8, limit - 8), at(90), ROUND_TRIP);
        assert_eq!(ahead.limit(0), CREDIT);
        ahead.wrote((limit - 7, limit - 7), at(100), ROUND_TRIP);
        assert_eq!(ahead.limit(0), 2 * CREDIT);
    }

    #[test]
    fn it_doubles_while_others_are_far_ahead_of_the_slowest() {
        let mut ahead = Ahead::new(FILE_CREDIT);
        ahead.said(ahead.limit(0), at(0));
        let mut sizes = Vec::new();
        for end in [7, 8, 15, 16, 100, 120, 200] {
            ahead.wrote((0, end << 20), at(10_000), ROUND_TRIP);
            sizes.push(ahead.limit(0) >> 20);
        }
        assert_eq!(sizes, [16, 32, 32, 64, 128, 256, 256]);
    }

    #[test]
    fn what_waits_in_memory_never_gets_more() {
        for most in [CREDIT, 1 << 20] {
            let mut ahead = Ahead::new(most);
            assert_eq!(ahead.limit(5), 5 + most);
            ahead.said(most, at(0));
            ahead.wrote((most, most), at(1), ROUND_TRIP);
            assert_eq!(ahead.limit(5), 5 + most);
        }
    }
}
