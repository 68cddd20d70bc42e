//! Link slots, where the ends of a conversation's further links meet, and pairs of all kinds
//! (SPEC 10.2).

use super::deadlines::Key;
use super::{Action, Actions, Connection, Pairing, Reply, Seat, Side, Why};
use crate::limits::Limits;
use pinhole_protocol::rendezvous::SlotToken;
use pinhole_protocol::time::Instant;

/// One end of a link that waits for the other.
pub(super) struct Slot {
    side: Side,
    connection: Connection,
    began: Instant,
    pub(super) active: Instant,
}

/// Two connections whose frames pass through.
pub(super) struct Pair {
    ends: [Connection; 2],
    began: Instant,
    pub(super) active: Instant,
}

impl Slot {
    fn deadline(&self, limits: &Limits) -> Instant {
        self.active.after(limits.inactivity).min(self.began.after(limits.longest))
    }
}

impl Pair {
    fn deadline(&self, limits: &Limits) -> Instant {
        let quiet = self.active.after(limits.inactivity);
        if limits.public { quiet.min(self.began.after(limits.longest)) } else { quiet }
    }
}

impl Pairing {
    pub(super) fn link(
        &mut self,
        now: Instant,
        connection: Connection,
        token: SlotToken,
        side: Side,
        actions: &mut Actions,
    ) {
        let token = token.bytes();
        actions.list.push(Action::Tell(connection, Reply::Waiting));
        if let Some(slot) = self.slots.remove(&token) {
            self.deadlines.clear(Key::Slot(token));
            if slot.side != side {
                for end in [slot.connection, connection] {
                    actions.list.push(Action::Tell(end, Reply::Paired));
                }
                return self.pair(now, slot.connection, connection, actions);
            }
            // The one that waited may be half dead, and is never paired with itself.
            self.close(slot.connection, Why::Replaced, actions);
        }
        let slot = Slot { side, connection, began: now, active: now };
        self.deadlines.set(Key::Slot(token), slot.deadline(&self.limits));
        self.slots.insert(token, slot);
        self.seats.insert(connection, Seat::Slot(token));
    }

    pub(super) fn slot_due(&mut self, now: Instant, token: [u8; 16], actions: &mut Actions) {
        let Some(slot) = self.slots.get(&token) else { return };
        let deadline = slot.deadline(&self.limits);
        if deadline > now {
            return self.deadlines.set(Key::Slot(token), deadline);
        }
        if let Some(slot) = self.slots.remove(&token) {
            self.close(slot.connection, Why::Expired, actions);
        }
    }

    pub(super) fn pair(
        &mut self,
        now: Instant,
        first: Connection,
        second: Connection,
        actions: &mut Actions,
    ) {
        let pair = Pair { ends: [first, second], began: now, active: now };
        for end in pair.ends {
            self.seats.insert(end, Seat::Paired(first));
        }
        self.deadlines.set(Key::Pair(first), pair.deadline(&self.limits));
        self.pairs.insert(first, pair);
        actions.list.push(Action::Pair(first, second));
    }

    pub(super) fn pair_due(&mut self, now: Instant, name: Connection, actions: &mut Actions) {
        let Some(pair) = self.pairs.get(&name) else { return };
        let deadline = pair.deadline(&self.limits);
        if deadline > now {
            self.deadlines.set(Key::Pair(name), deadline)
        } else {
            self.part(name, Why::Expired, actions)
        }
    }

    /// A pair is one no longer: what is left of it is closed.
    pub(super) fn part(&mut self, name: Connection, why: Why, actions: &mut Actions) {
        let Some(pair) = self.pairs.remove(&name) else { return };
        self.deadlines.clear(Key::Pair(name));
        for end in pair.ends {
            self.close(end, why, actions);
        }
    }
}
