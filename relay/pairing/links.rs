//! Link slots, where the ends of a conversation's further links meet, and pairs of all kinds
//! (SPEC 10.2).

use super::deadlines::Key;
use super::{Action, Actions, Connection, Pairing, Seat};
use crate::limits::Limits;
use pinhole_protocol::handshake::Role;
use pinhole_protocol::rendezvous::{CloseReason, FromRelay, SlotToken};
use pinhole_protocol::time::Instant;

/// One end of a link that waits for the other.
pub(super) struct Slot {
    role: Role,
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
        role: Role,
        actions: &mut Actions,
    ) {
        let token = token.bytes();
        actions.list.push(Action::Tell(connection, FromRelay::Waiting));
        if let Some(slot) = self.slots.remove(&token) {
            self.deadlines.clear(Key::Slot(token));
            if slot.role != role {
                for end in [slot.connection, connection] {
                    actions.list.push(Action::Tell(end, FromRelay::Paired));
                }
                return self.pair(now, slot.connection, connection, actions);
            }
            // The one that waited may be half dead, and is never paired with itself.
            self.close(slot.connection, CloseReason::Replaced, actions);
        }
        let slot = Slot { role, connection, began: now, active: now };
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
            self.close(slot.connection, CloseReason::Expired, actions);
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
            self.part(name, CloseReason::Expired, actions)
        }
    }

    /// A pair is one no longer: what is left of it is closed.
    pub(super) fn part(&mut self, name: Connection, why: CloseReason, actions: &mut Actions) {
        let Some(pair) = self.pairs.remove(&name) else { return };
        self.deadlines.clear(Key::Pair(name));
        for end in pair.ends {
            self.close(end, why, actions);
        }
    }
}
