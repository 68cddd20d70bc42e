//! Rates at which each source, and each connection, may send. Traffic is charged as it comes, and a
//! sender in debt is not read until it owes nothing. Nothing is ever dropped.

use super::Source;
use super::sources::{Account, Sources};
use crate::limits::{FRAME_COST, RateLimits};
use core::time::Duration;
use pinhole_protocol::time::Instant;

/// A token bucket that holds a minute's worth. What was taken is counted, in units that trickle
/// away one a millisecond for each that may be taken a minute, so that no rounding favours anybody
/// however often it is asked.
pub struct Bucket {
    a_minute: u64,
    taken: u64,
    at: Instant,
}

/// Units of [`Bucket::taken`] for one byte or frame: the milliseconds of a minute.
const UNITS: u64 = 60_000;

impl Bucket {
    /// A full one, of which that many may be taken a minute.
    #[must_use]
    pub const fn new(now: Instant, a_minute: u64) -> Self {
        // A rate of nothing would never let a frame through, and a limit delays.
        let a_minute = if a_minute == 0 { 1 } else { a_minute };
        Self { a_minute, taken: 0, at: now }
    }

    /// Takes that many, and says after what time no more than there was is taken.
    #[must_use]
    pub fn take(&mut self, now: Instant, count: u64) -> Duration {
        let passed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        self.taken = self
            .taken
            .saturating_sub(passed.saturating_mul(self.a_minute))
            .saturating_add(count.saturating_mul(UNITS));
        self.at = self.at.max(now);
        self.empties(self.taken.saturating_sub(self.a_minute.saturating_mul(UNITS)))
    }

    /// The time in which so many units trickle away.
    fn empties(&self, units: u64) -> Duration {
        Duration::from_millis(
            units
                .checked_div(self.a_minute)
                .unwrap_or(0)
                .saturating_add(u64::from(!units.is_multiple_of(self.a_minute))),
        )
    }

    fn full_again(&self) -> Instant {
        self.at.after(self.empties(self.taken))
    }
}

impl Account for Bucket {
    fn spent(&self) -> Option<Instant> {
        Some(self.full_again())
    }
}

/// The buckets of all sources.
pub struct Rates {
    limits: RateLimits,
    sources: Sources<Bucket>,
}

impl Rates {
    /// Nobody has sent anything yet.
    #[must_use]
    pub const fn new(limits: RateLimits) -> Self {
        Self { limits, sources: Sources::new(limits.sources) }
    }

    /// Frames of that many bytes together have come: how long they, and what comes after them, have
    /// to wait.
    #[must_use]
    pub fn charge(&mut self, now: Instant, source: Source, frames: u64, bytes: u64) -> Duration {
        let limits = self.limits;
        self.sources.forget(now);
        let bucket = self.sources.account(now, source, || Bucket::new(now, limits.bytes));
        bucket.take(now, bytes.saturating_add(frames.saturating_mul(FRAME_COST)))
    }

    /// Sources of which something is remembered.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.sources.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{IpAddr, Ipv4Addr};
    use proptest::prelude::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn source(number: u32) -> Source {
        IpAddr::from(Ipv4Addr::from_bits(number)).into()
    }

    #[test]
    fn a_minutes_worth_goes_at_once_and_then_as_fast_as_the_rate() {
        let mut rates = Rates::new(RateLimits::PUBLIC);
        assert_eq!(rates.charge(at(0), source(1), 0, 50_000_000), Duration::ZERO);
        assert_eq!(rates.charge(at(0), source(1), 0, 50_000_000), Duration::from_secs(60));
        assert_eq!(rates.charge(at(0), source(2), 0, 1), Duration::ZERO);
        assert_eq!(rates.charge(at(120_000), source(1), 0, 50_000_000), Duration::ZERO);
    }

    #[test]
    fn an_empty_frame_costs_as_much_as_one_of_64_bytes() {
        let mut rates = Rates::new(RateLimits::PUBLIC);
        assert_eq!(rates.charge(at(0), source(1), 781_250, 0), Duration::ZERO);
        assert_eq!(rates.charge(at(0), source(1), 1, 0), Duration::from_millis(1));
        assert_eq!(rates.charge(at(0), source(2), 1, 50_000_000 - 64), Duration::ZERO);
    }

    #[test]
    fn twelve_control_frames_go_at_once_and_then_one_in_five_seconds() {
        let mut control = Bucket::new(at(0), crate::limits::Limits::default().control);
        let waits: Vec<Duration> = (0..14).map(|_| control.take(at(0), 1)).collect();
        assert!(waits[..12].iter().all(Duration::is_zero));
        assert_eq!(waits[12..], [Duration::from_secs(5), Duration::from_secs(10)]);
        // Whoever pings as a side that waits does is never delayed.
        let mut control = Bucket::new(at(0), 12);
        assert!((0..1000).all(|index| control.take(at(index * 25_000), 1).is_zero()));
    }

    #[test]
    fn asking_often_costs_nothing() {
        let mut rates = Rates::new(RateLimits { bytes: 60, sources: 9 });
        assert_eq!(rates.charge(at(0), source(1), 0, 60), Duration::ZERO);
        assert!((1..=60_000).all(|millis| rates.charge(at(millis), source(1), 0, 0).is_zero()));
        assert_eq!(rates.charge(at(60_000), source(1), 0, 60), Duration::ZERO);
    }

    #[test]
    fn a_thousand_sources_are_forgotten_when_their_buckets_are_full_again() {
        let mut rates = Rates::new(RateLimits { sources: 100, ..RateLimits::PUBLIC });
        for index in 0..1000 {
            assert_eq!(rates.charge(at(0), source(index), 0, 1000), Duration::ZERO);
            assert!(rates.remembered() <= 100);
        }
        assert_eq!(rates.charge(at(60_000), source(5000), 1, 0), Duration::ZERO);
        assert_eq!(rates.remembered(), 1);
    }

    #[test]
    fn no_number_is_too_large_or_too_small() {
        for a_minute in [0, 1, u64::MAX] {
            let mut rates = Rates::new(RateLimits { bytes: a_minute, sources: 1 });
            for bytes in [0, 1, u64::MAX, u64::MAX] {
                let _wait = rates.charge(at(5), source(1), 0, bytes);
                let _wait = rates.charge(at(0), source(1), bytes, bytes);
                let _wait = Bucket::new(at(0), a_minute).take(at(5), bytes);
            }
        }
    }

    proptest! {
        /// A sender that waits as told, however it cuts its bytes, gets its rate: a minute's worth
        /// more than that at most, and no less.
        #[test]
        fn whoever_waits_as_told_gets_the_rate(
            a_minute in 1_u64..1_000_000,
            frames in prop::collection::vec((1_u64..70_000, 0_u64..50), 1..200),
        ) {
            let mut rates = Rates::new(RateLimits { bytes: a_minute, sources: 9 });
            let (mut now, mut sent, mut idle) = (0, 0, 0);
            for (bytes, pause) in frames {
                let wait =
                    u64::try_from(rates.charge(at(now), source(1), 0, bytes).as_millis()).unwrap();
                sent += bytes;
                let allowed = |millis: u64| a_minute + millis * a_minute / 60_000;
                prop_assert!(sent <= allowed(now + wait) + 1, "too fast");
                if wait > 0 {
                    // Each wait ends at most a millisecond too late, and only idle time beyond the
                    // bucket's size is lost.
                    prop_assert!(
                        sent + a_minute * idle / 60_000 + 1 >= allowed(now + wait - 1),
                        "too slow"
                    );
                }
                now += wait + pause;
                idle += pause;
            }
        }
    }
}
