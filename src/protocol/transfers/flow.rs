//! The bytes of a transfer that a stripe brings, and how many it may hold (SPEC 6.3).

use crate::time::Instant;
use core::time::Duration;

/// Positions that a stripe may hold whatever it has brought.
const LEAST: u64 = 128 << 10;
/// Rounds of bytes that it may hold: one on their way, one until they are named, and one more.
const STEADY: u64 = 3;
/// The same while each round brings twice what the one before did.
const GROWING: u64 = 6;

/// What a link has brought in the latest round, and in the two before.
#[derive(Default)]
pub(super) struct Flow {
    rounds: [u64; 3],
    /// The first moment of the latest; `None` before anything was brought.
    since: Option<Instant>,
}

impl Flow {
    /// The peer has written so many bytes more.
    pub(super) fn brought(&mut self, now: Instant, bytes: u64, round: Duration) {
        let since = *self.since.get_or_insert(now);
        let passed = now.since(since).as_millis().checked_div(round.as_millis()).unwrap_or(0);
        let passed = usize::try_from(passed).unwrap_or(3).min(3);
        if passed > 0 {
            self.since = Some(now);
            self.rounds.rotate_right(passed);
            self.rounds.iter_mut().take(passed).for_each(|bytes| *bytes = 0);
        }
        let [latest, ..] = &mut self.rounds;
        *latest = latest.saturating_add(bytes);
    }

    /// Bytes that it brings in a round.
    pub(super) fn round(&self) -> u64 {
        let [latest, last, _] = self.rounds;
        latest.max(last)
    }

    /// Positions that the link may hold without anybody having said that they are written, while
    /// the rest takes all links so many rounds: or the others would wait for it.
    pub(super) fn window(&self, rest: u64) -> u64 {
        let [.., before] = self.rounds;
        let round = self.round();
        let grows = round > before.saturating_add(before / 4);
        let ahead = if grows { GROWING } else { STEADY };
        round.saturating_mul(ahead.min(rest.saturating_add(2))).max(LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_link_holds_what_it_brings_in_some_rounds() {
        let (mut flow, round) = (Flow::default(), Duration::from_millis(100));
        assert_eq!((flow.round(), flow.window(9)), (0, LEAST));
        let mut brought = |millis, bytes| {
            flow.brought(Instant::from_millis(millis), bytes, round);
            (flow.round() / MIB, flow.window(9) / MIB)
        };
        assert_eq!(brought(1_000, MIB), (1, 6));
        assert_eq!(brought(1_050, MIB), (2, 12), "in the same round");
        assert_eq!(brought(1_100, 0), (2, 12));
        assert_eq!(brought(1_200, 2 * MIB), (2, 6), "as much as two rounds before");
        assert_eq!(brought(1_300, 3 * MIB), (3, 18), "it grows again");
        assert_eq!(brought(1_550, MIB), (1, 3), "two rounds are over");
        assert_eq!(brought(100_000, 0), (0, 0), "all are");
    }

    #[test]
    fn near_the_end_a_link_holds_what_it_brings_before_the_others_are_done() {
        let mut flow = Flow::default();
        flow.brought(Instant::from_millis(0), MIB, Duration::from_millis(100));
        let windows = [0, 1, 3, 4, 5].map(|rest| flow.window(rest) / MIB);
        assert_eq!(windows, [2, 3, 5, 6, 6]);
    }
}
