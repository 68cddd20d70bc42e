//! The queue of joiners for one number: the line of SPEC 10.2.

use super::Connection;
use crate::quotas::Source;
use core::time::Duration;
use pinhole_protocol::time::Instant;
use std::collections::VecDeque;

/// Sources remembered to have held a number. Who has more of them gets ahead of nobody but who came
/// back.
const HELD: usize = 64;

/// A joiner that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    pub(super) connection: Connection,
    pub(super) source: Source,
    since: Instant,
    /// Its source has held the number before.
    again: bool,
}

/// Joiners in the order of their turns: those whose source has not held the number, then those
/// whose has; each as they came.
#[derive(Default)]
pub(super) struct Queue {
    queued: VecDeque<Queued>,
    held: VecDeque<Source>,
}

/// There is no place for a joiner.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoPlace;

impl Queue {
    /// A joiner comes. When all of `limit` places are taken, one that has not held the number gets
    /// the last one that has.
    pub(super) fn enter(
        &mut self,
        now: Instant,
        connection: Connection,
        source: Source,
        limit: usize,
    ) -> Result<Option<Queued>, NoPlace> {
        if self.queued.iter().any(|queued| queued.source == source) {
            return Err(NoPlace);
        }
        let again = self.held.contains(&source);
        let full = self.queued.len() >= limit;
        let gives_way = self.queued.back().is_some_and(|last| last.again && !again);
        if full && !gives_way {
            return Err(NoPlace);
        }
        let loses = if full { self.queued.pop_back() } else { None };
        let turn = if again {
            self.queued.len()
        } else {
            self.queued.partition_point(|queued| !queued.again)
        };
        self.queued.insert(turn, Queued { connection, source, since: now, again });
        Ok(loses)
    }

    /// The next joiner gets the number.
    pub(super) fn next(&mut self) -> Option<Queued> {
        let queued = self.queued.pop_front()?;
        if !self.held.contains(&queued.source) {
            if self.held.len() >= HELD {
                self.held.pop_front();
            }
            self.held.push_back(queued.source);
        }
        Some(queued)
    }

    /// A joiner waits no longer.
    pub(super) fn leave(&mut self, connection: Connection) -> Option<Queued> {
        let index = self.queued.iter().position(|queued| queued.connection == connection)?;
        self.queued.remove(index)
    }

    /// A joiner that has waited this long, which then has no place any more.
    pub(super) fn weary(&mut self, now: Instant, patience: Duration) -> Option<Queued> {
        let index = self.queued.iter().position(|queued| queued.since.after(patience) <= now)?;
        self.queued.remove(index)
    }

    /// When [`Queue::weary`] will next find one.
    pub(super) fn wake_at(&self, patience: Duration) -> Option<Instant> {
        self.queued.iter().map(|queued| queued.since.after(patience)).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// Those who wait, in the order of their turns.
    pub(super) fn into_queued(self) -> impl Iterator<Item = Queued> {
        self.queued.into_iter()
    }

    #[cfg(test)]
    pub(super) fn queued(&self) -> impl Iterator<Item = &Queued> {
        self.queued.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{IpAddr, Ipv4Addr};

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    fn source(number: u64) -> Source {
        IpAddr::from(Ipv4Addr::from_bits(number as u32)).into()
    }

    /// A joiner from a source of its own, both of this number.
    fn enter(queue: &mut Queue, number: u64) -> Result<Option<u64>, NoPlace> {
        queue
            .enter(at(number), Connection(number), source(number), 8)
            .map(|loses| loses.map(|queued| queued.connection.0))
    }

    fn turns(queue: &mut Queue) -> Vec<u64> {
        core::iter::from_fn(|| queue.next()).map(|queued| queued.connection.0).collect()
    }

    #[test]
    fn eight_wait_in_the_order_in_which_they_came_and_a_ninth_does_not() {
        let mut queue = Queue::default();
        assert!((1..=8).all(|number| enter(&mut queue, number) == Ok(None)));
        assert_eq!(enter(&mut queue, 9), Err(NoPlace));
        assert_eq!(queue.leave(Connection(3)).map(|queued| queued.connection), Some(Connection(3)));
        assert_eq!(queue.leave(Connection(3)), None);
        assert_eq!(enter(&mut queue, 9), Ok(None));
        assert_eq!(turns(&mut queue), [1, 2, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn one_source_has_one_place() {
        let mut queue = Queue::default();
        assert_eq!(enter(&mut queue, 1), Ok(None));
        assert_eq!(queue.enter(at(0), Connection(2), source(1), 8), Err(NoPlace));
    }

    #[test]
    fn who_has_held_the_number_stands_behind_who_has_not_and_loses_the_last_place_to_it() {
        let mut queue = Queue::default();
        for number in 1..=7 {
            assert_eq!(enter(&mut queue, number), Ok(None));
        }
        assert_eq!(turns(&mut queue).len(), 7);
        for number in 1..=7 {
            assert_eq!(enter(&mut queue, number), Ok(None));
        }
        assert_eq!(enter(&mut queue, 8), Ok(None));
        assert_eq!(enter(&mut queue, 9), Ok(Some(7)));
        assert_eq!(enter(&mut queue, 7), Err(NoPlace));
        assert_eq!(turns(&mut queue), [8, 9, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn sources_that_held_are_remembered_up_to_a_number() {
        let mut queue = Queue::default();
        for number in 0..1000 {
            assert_eq!(enter(&mut queue, number), Ok(None));
            assert!(queue.next().is_some());
            assert!(queue.held.len() <= HELD);
        }
    }

    #[test]
    fn who_has_waited_its_time_waits_no_longer() {
        let mut queue = Queue::default();
        let patience = Duration::from_secs(30);
        assert_eq!((enter(&mut queue, 1), enter(&mut queue, 5)), (Ok(None), Ok(None)));
        assert_eq!((queue.wake_at(patience), queue.weary(at(30), patience)), (Some(at(31)), None));
        assert_eq!(
            queue.weary(at(31), patience).map(|queued| queued.connection),
            Some(Connection(1))
        );
        assert_eq!((queue.wake_at(patience), queue.weary(at(31), patience)), (Some(at(35)), None));
    }
}
