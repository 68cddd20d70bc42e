//! Limits on each source: connections, waiting hosts, joins, and those of them that came to
//! nothing (SPEC 10.7).
//!
//! Rates, which delay and are asked for each frame, are in [`Rates`], so that they can have a lock
//! of their own.

mod rates;
mod sources;

pub use pinhole_protocol::source::Source;
pub use rates::{Bucket, Rates};

use crate::limits::QuotaLimits;
use core::time::Duration;
use pinhole_protocol::time::Instant;
use sources::{Account, Sources};

const MINUTE: Duration = Duration::from_secs(60);

/// A source has what it may have, or does it too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverLimit;

/// Counts what each source has and does. See the module's description.
pub struct Quotas {
    limits: QuotaLimits,
    sources: Sources<Counts>,
}

/// A count within a minute that begins with the first time.
#[derive(Clone, Copy)]
struct Minute {
    began: Instant,
    count: u32,
}

impl Minute {
    const fn new(now: Instant) -> Self {
        Self { began: now, count: 0 }
    }

    /// Once more; how often in this minute.
    fn once_more(&mut self, now: Instant) -> u32 {
        if now.since(self.began) >= MINUTE {
            *self = Self::new(now);
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}

/// Counts of one source.
struct Counts {
    connections: u32,
    hosts: u32,
    new_hosts: Minute,
    joins: Minute,
    misses: Minute,
    /// Joins are refused until then.
    refused: Instant,
}

impl Counts {
    const fn new(now: Instant) -> Self {
        let minute = Minute::new(now);
        Self {
            connections: 0,
            hosts: 0,
            new_hosts: minute,
            joins: minute,
            misses: minute,
            refused: now,
        }
    }
}

impl Account for Counts {
    fn spent(&self) -> Option<Instant> {
        let minutes = [self.new_hosts, self.joins, self.misses];
        let last = minutes.iter().map(|minute| minute.began.after(MINUTE)).max();
        (self.connections == 0 && self.hosts == 0)
            .then(|| last.map_or(self.refused, |last| last.max(self.refused)))
    }
}

impl Quotas {
    /// Nobody has anything yet.
    #[must_use]
    pub const fn new(limits: QuotaLimits) -> Self {
        let sources = Sources::new(limits.sources);
        Self { limits, sources }
    }

    fn counts(&mut self, now: Instant, source: Source) -> &mut Counts {
        self.sources.account(now, source, || Counts::new(now))
    }

    /// A connection begins; [`Quotas::disconnect`] ends it.
    ///
    /// # Errors
    /// If the source has as many as it may.
    pub fn connect(&mut self, now: Instant, source: Source) -> Result<(), OverLimit> {
        let limit = self.limits.connections;
        let counts = self.counts(now, source);
        if counts.connections >= limit {
            return Err(OverLimit);
        }
        counts.connections = counts.connections.saturating_add(1);
        Ok(())
    }

    /// A connection of that source has ended.
    pub fn disconnect(&mut self, source: Source) {
        if let Some(counts) = self.sources.known(source) {
            counts.connections = counts.connections.saturating_sub(1);
        }
    }

    /// A host gets a number; [`Quotas::host_ended`] ends it.
    pub(crate) fn host(&mut self, now: Instant, source: Source) -> Result<(), OverLimit> {
        let (waiting, a_minute) = (self.limits.waiting_hosts, self.limits.hosts_a_minute);
        let counts = self.counts(now, source);
        if counts.hosts >= waiting || counts.new_hosts.once_more(now) > a_minute {
            return Err(OverLimit);
        }
        counts.hosts = counts.hosts.saturating_add(1);
        Ok(())
    }

    /// A host of that source waits no longer.
    pub(crate) fn host_ended(&mut self, source: Source) {
        if let Some(counts) = self.sources.known(source) {
            counts.hosts = counts.hosts.saturating_sub(1);
        }
    }

    /// Somebody joins.
    pub(crate) fn join(&mut self, now: Instant, source: Source) -> Result<(), OverLimit> {
        let limit = self.limits.joins_a_minute;
        let counts = self.counts(now, source);
        if counts.refused > now || counts.joins.once_more(now) > limit {
            return Err(OverLimit);
        }
        Ok(())
    }

    /// A join has ended without `confirmed`. Whoever scans numbers or holds one again and again
    /// does little else.
    pub(crate) fn missed(&mut self, now: Instant, source: Source) {
        let (limit, refusal) = (self.limits.misses_a_minute, self.limits.refusal);
        let counts = self.counts(now, source);
        if counts.misses.once_more(now) >= limit {
            counts.refused = now.after(refusal);
        }
    }

    /// Forgets what no longer counts, if it is time for that.
    pub(crate) fn forget(&mut self, now: Instant) {
        self.sources.forget(now);
    }

    /// When [`Quotas::forget`] will next have something to do.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.sources.wake_at()
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
    use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    fn source(last: u8) -> Source {
        IpAddr::from(Ipv4Addr::new(127, 0, 0, last)).into()
    }

    fn quotas() -> Quotas {
        Quotas::new(QuotaLimits::default())
    }

    fn admitted(count: usize, mut once: impl FnMut() -> Result<(), OverLimit>) -> usize {
        (0..count).filter(|_| once().is_ok()).count()
    }

    #[test]
    fn connections_and_waiting_hosts_are_limited_a_source_and_free_again_when_they_end() {
        let mut quotas = quotas();
        assert_eq!(admitted(100, || quotas.connect(at(0), source(1))), 64);
        assert_eq!(admitted(100, || quotas.host(at(0), source(1))), 20);
        assert_eq!(quotas.connect(at(0), source(2)), Ok(()));
        quotas.disconnect(source(1));
        quotas.host_ended(source(1));
        assert_eq!(admitted(9, || quotas.connect(at(0), source(1))), 1);
        assert_eq!(admitted(9, || quotas.host(at(0), source(1))), 1);
    }

    #[test]
    fn a_thousand_addresses_of_one_64_are_one_source() {
        let mut quotas = quotas();
        let mut host = 0;
        let connected = admitted(1000, || {
            host += 1;
            quotas.connect(
                at(0),
                IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, host, host, 0, host)).into(),
            )
        });
        assert_eq!((connected, quotas.remembered()), (64, 1));
    }

    #[test]
    fn new_hosts_are_limited_a_minute_even_if_none_stays() {
        let mut quotas = quotas();
        let mut host = |seconds| {
            admitted(100, || {
                quotas.host(at(seconds), source(1))?;
                quotas.host_ended(source(1));
                Ok(())
            })
        };
        assert_eq!((host(0), host(59), host(60)), (60, 0, 60));
    }

    #[test]
    fn joins_are_limited_a_minute() {
        let mut quotas = quotas();
        let mut join = |seconds| admitted(100, || quotas.join(at(seconds), source(1)));
        assert_eq!((join(0), join(59), join(60)), (30, 0, 30));
    }

    #[test]
    fn ten_misses_in_a_minute_are_refused_for_ten_and_nine_are_not() {
        let mut quotas = quotas();
        for seconds in [0, 60] {
            for _ in 0..9 {
                quotas.missed(at(seconds), source(1));
            }
            assert_eq!(quotas.join(at(seconds), source(1)), Ok(()));
        }
        quotas.missed(at(119), source(1));
        assert_eq!(quotas.join(at(119), source(1)), Err(OverLimit));
        assert_eq!(quotas.join(at(119), source(2)), Ok(()));
        // Only joins are refused.
        assert_eq!(
            (quotas.connect(at(119), source(1)), quotas.host(at(119), source(1))),
            (Ok(()), Ok(()))
        );
        assert_eq!(quotas.join(at(718), source(1)), Err(OverLimit));
        assert_eq!(quotas.join(at(719), source(1)), Ok(()));
    }

    #[test]
    fn a_source_is_forgotten_once_it_has_nothing_and_its_minutes_and_its_refusal_are_over() {
        let mut quotas = quotas();
        assert_eq!(quotas.connect(at(0), source(1)), Ok(()));
        for _ in 0..10 {
            quotas.missed(at(0), source(2));
        }
        assert_eq!(quotas.join(at(0), source(3)), Ok(()));
        let remembered = |quotas: &mut Quotas, seconds| {
            quotas.forget(at(seconds));
            quotas.remembered()
        };
        assert_eq!([59, 60, 600].map(|seconds| remembered(&mut quotas, seconds)), [3, 2, 1]);
        quotas.disconnect(source(1));
        assert_eq!(remembered(&mut quotas, 660), 0);
        assert_eq!(quotas.wake_at(), None);
    }
}
