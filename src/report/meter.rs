//! The speed and duration of transfers, from the reported progress and the time of each report.

use crate::events::Way;
use pinhole_protocol::limits::TRANSFERS;
use pinhole_protocol::wire::ItemId;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The speed shown is that of the last 5 s: shorter jumps about, longer lags behind a line that has
/// become slow.
const WINDOW: Duration = Duration::from_secs(5);
/// Ten samples a second are enough for that, however often progress is reported.
const STEP: Duration = Duration::from_millis(100);

/// Of one transfer: where it is, and what its speed is taken from.
pub struct Meter {
    key: (Way, ItemId),
    /// When it was first heard of.
    began: Instant,
    /// Moments and the bytes done at them, the oldest first, never empty.
    samples: VecDeque<(Instant, u64)>,
    /// Bytes done.
    pub done: u64,
    /// Bytes in all, once known.
    pub total: Option<u64>,
    /// When a line about it was last written.
    told: Instant,
}

impl Meter {
    /// Bytes a second over the last samples; 0 before there are two.
    pub fn rate(&self) -> u64 {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return 0;
        };
        let millis = last.0.saturating_duration_since(first.0).as_millis();
        let bytes = u128::from(last.1.saturating_sub(first.1));
        (bytes * 1_000)
            .checked_div(millis)
            .map_or(0, |rate| u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// True if a line is due: `every` has passed since the last one, or since the transfer began.
    pub fn is_due(&mut self, every: Duration, now: Instant) -> bool {
        let due = now.saturating_duration_since(self.told) >= every;
        if due {
            self.told = now;
        }
        due
    }

    fn note(&mut self, done: u64, total: Option<u64>, now: Instant) {
        self.done = done;
        self.total = total.or(self.total);
        if self.samples.back().is_none_or(|last| now.saturating_duration_since(last.0) >= STEP) {
            self.samples.push_back((now, done));
        }
        // The first sample kept is the last one from before the window, so that it is always
        // covered.
        while self
            .samples
            .get(1)
            .is_some_and(|second| now.saturating_duration_since(second.0) >= WINDOW)
        {
            self.samples.pop_front();
        }
    }
}

/// The transfers under way.
#[derive(Default)]
pub struct Meters(Vec<Meter>);

impl Meters {
    /// Takes a report of progress in.
    pub fn note(
        &mut self,
        key: (Way, ItemId),
        done: u64,
        total: Option<u64>,
        now: Instant,
    ) -> &mut Meter {
        let at = self.0.iter().position(|meter| meter.key == key).unwrap_or_else(|| {
            // No more than these are under way at once (SPEC 7.4); older ones were cancelled.
            if self.0.len() >= 2 * TRANSFERS {
                self.0.remove(0);
            }
            self.0.push(Meter {
                key,
                began: now,
                samples: VecDeque::from([(now, done)]),
                done,
                total,
                told: now,
            });
            self.0.len() - 1
        });
        let meter = &mut self.0[at];
        meter.note(done, total, now);
        meter
    }

    /// True if this one is among them.
    pub fn has(&self, key: (Way, ItemId)) -> bool {
        self.0.iter().any(|meter| meter.key == key)
    }

    /// Bytes a second of one of them; 0 if it is not known.
    pub fn rate(&self, key: (Way, ItemId)) -> u64 {
        self.0.iter().find(|meter| meter.key == key).map_or(0, Meter::rate)
    }

    /// Takes one out that is complete, and says how long it took; nothing if it never reported
    /// progress.
    pub fn finish(&mut self, key: (Way, ItemId), now: Instant) -> Option<Duration> {
        let at = self.0.iter().position(|meter| meter.key == key)?;
        Some(now.saturating_duration_since(self.0.remove(at).began))
    }

    /// Bytes done, bytes in all if all totals are known, and bytes a second, over all transfers;
    /// nothing if there is none.
    pub fn sum(&self) -> Option<(u64, Option<u64>, u64)> {
        let each = self.0.iter().map(|meter| (meter.done, meter.total, meter.rate()));
        each.reduce(|a, b| {
            let total = a.1.zip(b.1).map(|(a, b)| a.saturating_add(b));
            (a.0.saturating_add(b.0), total, a.2.saturating_add(b.2))
        })
    }
}

/// The time for the rest at this speed; `None` if it is unknown.
pub fn left(done: u64, total: Option<u64>, rate: u64) -> Option<Duration> {
    total?.saturating_sub(done).checked_div(rate).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: (Way, ItemId) = (Way::Out, ItemId(1));

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let (mut meters, start) = (Meters::default(), Instant::now());
        assert_eq!(meters.note(ONE, 500, Some(9_000), start).rate(), 0);
        let mut done = 500;
        for second in 1..=20 {
            done += if second <= 10 { 1_000 } else { 100 };
            meters.note(ONE, done, None, start + Duration::from_secs(second));
        }
        assert_eq!(meters.sum(), Some((11_500, Some(9_000), 100)));
    }

    #[test]
    fn a_line_is_due_once_in_its_time() {
        let (mut meters, start) = (Meters::default(), Instant::now());
        let due: Vec<u64> = (0..=25)
            .filter(|s| {
                let now = start + Duration::from_secs(*s);
                meters.note(ONE, *s, None, now).is_due(Duration::from_secs(10), now)
            })
            .collect();
        assert_eq!(due, [10, 20]);
    }

    #[test]
    fn what_is_finished_is_gone_and_its_time_said_once() {
        let (mut meters, start) = (Meters::default(), Instant::now());
        meters.note(ONE, 1, Some(2), start);
        assert_eq!(
            meters.finish(ONE, start + Duration::from_secs(3)),
            Some(Duration::from_secs(3))
        );
        assert_eq!(meters.finish(ONE, start), None);
        assert_eq!(meters.sum(), None);
    }

    #[test]
    fn transfers_that_never_finish_do_not_pile_up() {
        let mut meters = Meters::default();
        for id in 0..1_000 {
            meters.note((Way::In, ItemId(id)), 1, None, Instant::now());
        }
        assert_eq!(meters.sum(), Some((2 * TRANSFERS as u64, None, 0)));
    }

    #[test]
    fn many_reports_keep_few_samples() {
        let (mut meters, start) = (Meters::default(), Instant::now());
        for millis in 0..60_000 {
            meters.note(ONE, millis, None, start + Duration::from_millis(millis));
        }
        assert!(meters.0[0].samples.len() < 60);
        assert_eq!(meters.0[0].rate(), 1_000);
    }

    #[test]
    fn the_time_left() {
        assert_eq!(left(0, Some(100), 10), Some(Duration::from_secs(10)));
        assert_eq!(left(200, Some(100), 10), Some(Duration::ZERO));
        assert_eq!((left(0, None, 10), left(0, Some(1), 0)), (None, None));
    }
}
