//! When something is due next, of many things.

use super::Connection;
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// A thing that may be due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// Something of a host: its own time, its attempt's, or a place in its line.
    Number(Nameplate),
    /// The end of a wait in a link slot.
    Slot([u8; 16]),
    /// The end of a pair.
    Pair(Connection),
}

/// One moment for each key. A moment may be too early, never too late: who finds nothing to do then
/// sets the next.
#[derive(Default)]
pub(super) struct Deadlines {
    moments: BTreeMap<Key, Instant>,
    order: BTreeSet<(Instant, Key)>,
}

impl Deadlines {
    pub(super) fn set(&mut self, key: Key, moment: Instant) {
        self.clear(key);
        self.moments.insert(key, moment);
        self.order.insert((moment, key));
    }

    pub(super) fn clear(&mut self, key: Key) {
        if let Some(moment) = self.moments.remove(&key) {
            self.order.remove(&(moment, key));
        }
    }

    pub(super) fn first(&self) -> Option<Instant> {
        self.order.first().map(|(moment, _)| *moment)
    }

    /// Something that is due, which is then no longer noted.
    pub(super) fn due(&mut self, now: Instant) -> Option<Key> {
        let (_, key) = *self.order.first().filter(|(moment, _)| *moment <= now)?;
        self.clear(key);
        Some(key)
    }
}
