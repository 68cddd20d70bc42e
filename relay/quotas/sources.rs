//! The account of each source, in bounded memory.

use core::time::Duration;
use pinhole_protocol::source::Source;
use pinhole_protocol::time::Instant;
use std::collections::BTreeMap;

/// Time between two rounds that forget accounts which no longer count.
const FORGET: Duration = Duration::from_secs(60);

/// The memory of one source.
pub(super) trait Account {
    /// When it may be forgotten, because a new one would say the same; nothing while something of
    /// that source is there.
    fn spent(&self) -> Option<Instant>;
}

/// The accounts of all sources that have one.
pub(super) struct Sources<A> {
    accounts: BTreeMap<Source, A>,
    capacity: usize,
    /// At this many, room is made.
    crowded: usize,
    forgot: Option<Instant>,
}

impl<A: Account> Sources<A> {
    pub(super) const fn new(capacity: usize) -> Self {
        Self { accounts: BTreeMap::new(), capacity, crowded: capacity, forgot: None }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }

    /// The account of a source that has one.
    pub(super) fn known(&mut self, source: Source) -> Option<&mut A> {
        self.accounts.get_mut(&source)
    }

    /// The account of a source, a new one if need be.
    pub(super) fn account(
        &mut self,
        now: Instant,
        source: Source,
        new: impl FnOnce() -> A,
    ) -> &mut A {
        if self.accounts.len() >= self.crowded && !self.accounts.contains_key(&source) {
            self.make_room(now);
        }
        self.forgot.get_or_insert(now);
        self.accounts.entry(source).or_insert_with(new)
    }

    /// Makes room. Somebody who has that many sources gains nothing by what is forgotten of some of
    /// them. The next time is put off until there are twice as many, so that many open connections
    /// do not make each newcomer a walk through all.
    fn make_room(&mut self, now: Instant) {
        self.sweep(now);
        if self.accounts.len() >= self.capacity {
            self.accounts.retain(|_, account| account.spent().is_none());
        }
        self.crowded = self.accounts.len().saturating_mul(2).max(self.capacity);
    }

    fn sweep(&mut self, now: Instant) {
        self.accounts.retain(|_, account| account.spent().is_none_or(|spent| spent > now));
        self.forgot = (!self.accounts.is_empty()).then_some(now);
    }

    /// Forgets what no longer counts, if it is time for that.
    pub(super) fn forget(&mut self, now: Instant) {
        if self.wake_at().is_some_and(|due| due <= now) {
            self.sweep(now);
        }
    }

    /// When [`Sources::forget`] will next have something to do.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.forgot.map(|forgot| forgot.after(FORGET))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{IpAddr, Ipv4Addr};

    fn source(number: u32) -> Source {
        IpAddr::from(Ipv4Addr::from_bits(number)).into()
    }

    struct Until(Option<u64>);

    impl Account for Until {
        fn spent(&self) -> Option<Instant> {
            self.0.map(Instant::from_millis)
        }
    }

    #[test]
    fn memory_is_bounded_by_the_capacity_or_twice_what_is_there() {
        let mut sources = Sources::new(100);
        let add = |sources: &mut Sources<Until>, at: u64, index: u32, until: Option<u64>| {
            sources.account(Instant::from_millis(at), source(index), || Until(until));
        };
        for index in 0..10_000 {
            add(&mut sources, 0, index, Some(1_000_000));
            assert!(sources.len() <= 100);
        }
        // Known accounts are kept, whatever comes.
        for index in 0..1000 {
            add(&mut sources, 0, 20_000 + index, None);
        }
        for index in 0..10_000 {
            add(&mut sources, 0, 40_000 + index, Some(1_000_000));
            assert!(sources.len() <= 2000);
        }
        assert!((0..1000).all(|index| sources.known(source(20_000 + index)).is_some()));
    }

    #[test]
    fn what_no_longer_counts_is_forgotten_within_a_minute() {
        let mut sources = Sources::new(100);
        assert_eq!(sources.wake_at(), None);
        sources.account(Instant::from_millis(5), source(1), || Until(Some(10)));
        assert_eq!(sources.wake_at(), Some(Instant::from_millis(60_005)));
        sources.forget(Instant::from_millis(60_004));
        assert_eq!(sources.len(), 1);
        sources.forget(Instant::from_millis(60_005));
        assert_eq!((sources.len(), sources.wake_at()), (0, None));
    }
}
