//! A limit on how often something that costs money may begin, such as a run of a handler. Two
//! handlers that answer each other would otherwise spin.

use pinhole_protocol::time::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// Runs that begin within a minute (EVENTS.md).
pub const A_MINUTE: usize = 6;
/// The minute of [`A_MINUTE`].
const MINUTE: Duration = Duration::from_secs(60);

/// When the latest runs began.
#[derive(Debug)]
pub struct Pace {
    most: usize,
    begun: VecDeque<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::of(A_MINUTE)
    }
}

impl Pace {
    /// So many within a minute.
    #[must_use]
    pub fn of(most: usize) -> Self {
        Self { most, begun: VecDeque::new() }
    }

    /// When the next run may begin; in the past if it may at once.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        if self.begun.len() < self.most {
            None
        } else {
            self.begun.front().map(|first| first.after(MINUTE))
        }
    }

    /// A run begins.
    pub fn begun(&mut self, now: Instant) {
        if self.begun.len() >= self.most {
            self.begun.pop_front();
        }
        self.begun.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn six_may_begin_at_once_and_the_seventh_a_minute_after_the_first() {
        let mut pace = Pace::default();
        for second in 0..6 {
            assert_eq!(pace.next(), None);
            pace.begun(Instant::from_millis(second * 1_000));
        }
        assert_eq!(pace.next(), Some(Instant::from_millis(60_000)));
        pace.begun(Instant::from_millis(60_000));
        assert_eq!(pace.next(), Some(Instant::from_millis(61_000)));
    }

    proptest! {
        #[test]
        fn no_minute_has_more_than_six(gaps in proptest::collection::vec(0u64..30_000, 1..60)) {
            let (mut pace, mut now, mut begun) =
                (Pace::default(), Instant::from_millis(0), Vec::new());
            for gap in gaps {
                now = now.after(Duration::from_millis(gap));
                now = pace.next().map_or(now, |next| next.max(now));
                pace.begun(now);
                begun.push(now);
            }
            for window in begun.windows(A_MINUTE + 1) {
                prop_assert!(window[A_MINUTE].since(window[0]) >= MINUTE, "{:?}", window);
            }
        }
    }
}
