//! The bytes of a transfer that a stripe brings, and how many it may hold (SPEC 6.3).

use crate::time::Instant;
use core::time::Duration;

/// Rounds that are remembered.
const ROUNDS: usize = 4;
/// Positions that a stripe may hold whatever it has brought.
const LEAST: u64 = 256 << 10;
/// Rounds of bytes that it may hold: a round on their way, one until they are named, and each may
/// bring twice what the one before did.
const AHEAD: u64 = 6;

/// What a link has brought in each of the last rounds.
#[derive(Default)]
pub(super) struct Flow {
    rounds: [u64; ROUNDS],
    /// The first moment of the last of them; `None` before anything was brought.
    since: Option<Instant>,
}

impl Flow {
    /// The peer has written so many bytes more.
    pub(super) fn brought(&mut self, now: Instant, bytes: u64, round: Duration) {
        let since = *self.since.get_or_insert(now);
        let passed = now.since(since).as_millis().checked_div(round.as_millis()).unwrap_or(0);
        let passed = usize::try_from(passed).unwrap_or(ROUNDS).min(ROUNDS);
        if passed > 0 {
            self.since = Some(now);
            self.rounds.rotate_right(passed);
            self.rounds[..passed].fill(0);
        }
        if let Some(current) = self.rounds.first_mut() {
            *current = current.saturating_add(bytes);
        }
    }

    /// Positions that the link may hold without anybody having said that they are written: else the
    /// slowest of them would have what all others wait for.
    pub(super) fn window(&self) -> u64 {
        let best = self.rounds.iter().max().copied().unwrap_or(0);
        best.saturating_mul(AHEAD).saturating_add(LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_holds_what_it_brings_in_some_rounds() {
        const MIB: u64 = 1 << 20;
        let (mut flow, round) = (Flow::default(), Duration::from_millis(100));
        assert_eq!(flow.window(), LEAST);
        let mut brought = |millis, bytes| {
            flow.brought(Instant::from_millis(millis), bytes, round);
            flow.window() - LEAST
        };
        assert_eq!(brought(1_000, MIB), 6 * MIB);
        assert_eq!(brought(1_050, MIB), 12 * MIB, "in the same round");
        assert_eq!(brought(1_100, 1), 12 * MIB);
        assert_eq!(brought(1_350, MIB), 12 * MIB, "two rounds are over");
        assert_eq!(brought(1_450, 1), 6 * MIB, "the first is forgotten");
        assert_eq!(brought(100_000, 2), 12, "all are");
    }
}
