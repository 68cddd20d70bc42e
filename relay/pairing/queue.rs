//! The line of joiners before one number.

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
pub(super) struct Place {
    pub(super) connection: Connection,
    pub(super) source: Source,
    since: Instant,
    /// Its source has held the number before.
    again: bool,
}

/// Joiners in the order of their turns: those whose source has not held the number, then those
/// whose has; each as they came.
#[derive(Default)]
pub(super) struct Line {
    places: VecDeque<Place>,
    held: VecDeque<Source>,
}

/// There is no place for a joiner.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoPlace;

impl Line {
    /// A joiner comes. When all of `limit` places are taken, one that has not held the number gets
    /// the last one that has.
    pub(super) fn enter(
        &mut self,
        now: Instant,
        connection: Connection,
        source: Source,
        limit: usize,
    ) -> Result<Option<Place>, NoPlace> {
        if self.places.iter().any(|place| place.source == source) {
            return Err(NoPlace);
        }
        let again = self.held.contains(&source);
        let full = self.places.len() >= limit;
        let gives_way = self.places.back().is_some_and(|last| last.again && !again);
        if full && !gives_way {
            return Err(NoPlace);
        }
        let loses = if full { self.places.pop_back() } else { None };
        let turn = if again {
            self.places.len()
        } else {
            self.places.partition_point(|place| !place.again)
        };
        self.places.insert(turn, Place { connection, source, since: now, again });
        Ok(loses)
    }

    /// The next joiner gets the number.
    pub(super) fn next(&mut self) -> Option<Place> {
        let place = self.places.pop_front()?;
        if !self.held.contains(&place.source) {
            if self.held.len() >= HELD {
                self.held.pop_front();
            }
            self.held.push_back(place.source);
        }
        Some(place)
    }

    /// A joiner waits no longer.
    pub(super) fn leave(&mut self, connection: Connection) -> Option<Place> {
        let index = self.places.iter().position(|place| place.connection == connection)?;
        self.places.remove(index)
    }

    /// A joiner that has waited this long, which then has no place any more.
    pub(super) fn weary(&mut self, now: Instant, patience: Duration) -> Option<Place> {
        let index = self.places.iter().position(|place| place.since.after(patience) <= now)?;
        self.places.remove(index)
    }

    /// When [`Line::weary`] will next find one.
    pub(super) fn wake_at(&self, patience: Duration) -> Option<Instant> {
        self.places.iter().map(|place| place.since.after(patience)).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Those who wait, in the order of their turns.
    pub(super) fn into_places(self) -> impl Iterator<Item = Place> {
        self.places.into_iter()
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter()
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
    fn enter(line: &mut Line, number: u64) -> Result<Option<u64>, NoPlace> {
        line.enter(at(number), Connection(number), source(number), 8)
            .map(|loses| loses.map(|place| place.connection.0))
    }

    fn turns(line: &mut Line) -> Vec<u64> {
        core::iter::from_fn(|| line.next()).map(|place| place.connection.0).collect()
    }

    #[test]
    fn eight_wait_in_the_order_in_which_they_came_and_a_ninth_does_not() {
        let mut line = Line::default();
        assert!((1..=8).all(|number| enter(&mut line, number) == Ok(None)));
        assert_eq!(enter(&mut line, 9), Err(NoPlace));
        assert_eq!(line.leave(Connection(3)).map(|place| place.connection), Some(Connection(3)));
        assert_eq!(line.leave(Connection(3)), None);
        assert_eq!(enter(&mut line, 9), Ok(None));
        assert_eq!(turns(&mut line), [1, 2, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn one_source_has_one_place() {
        let mut line = Line::default();
        assert_eq!(enter(&mut line, 1), Ok(None));
        assert_eq!(line.enter(at(0), Connection(2), source(1), 8), Err(NoPlace));
    }

    #[test]
    fn who_has_held_the_number_stands_behind_who_has_not_and_loses_the_last_place_to_it() {
        let mut line = Line::default();
        for number in 1..=7 {
            assert_eq!(enter(&mut line, number), Ok(None));
        }
        assert_eq!(turns(&mut line).len(), 7);
        for number in 1..=7 {
            assert_eq!(enter(&mut line, number), Ok(None));
        }
        assert_eq!(enter(&mut line, 8), Ok(None));
        assert_eq!(enter(&mut line, 9), Ok(Some(7)));
        assert_eq!(enter(&mut line, 7), Err(NoPlace));
        assert_eq!(turns(&mut line), [8, 9, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn sources_that_held_are_remembered_up_to_a_number() {
        let mut line = Line::default();
        for number in 0..1000 {
            assert_eq!(enter(&mut line, number), Ok(None));
            assert!(line.next().is_some());
            assert!(line.held.len() <= HELD);
        }
    }

    #[test]
    fn who_has_waited_its_time_waits_no_longer() {
        let mut line = Line::default();
        let patience = Duration::from_secs(30);
        assert_eq!((enter(&mut line, 1), enter(&mut line, 5)), (Ok(None), Ok(None)));
        assert_eq!((line.wake_at(patience), line.weary(at(30), patience)), (Some(at(31)), None));
        assert_eq!(line.weary(at(31), patience).map(|place| place.connection), Some(Connection(1)));
        assert_eq!((line.wake_at(patience), line.weary(at(31), patience)), (Some(at(35)), None));
    }
}
