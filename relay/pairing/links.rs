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
    /// While an end of a link has said nothing.
    silence: Option<Silence>,
}

/// The silence in a pair since it met in a slot: a newcomer of a silent side breaks it.
pub(super) struct Silence {
    token: [u8; 16],
    /// The side of each end, as long as it has said nothing.
    sides: [Option<Role>; 2],
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

    /// The end of this side, if it has said nothing.
    fn silent_end(&self, role: Role) -> Option<Connection> {
        let sides = self.silence.as_ref()?.sides;
        let mut ends = self.ends.into_iter().zip(sides);
        ends.find_map(|(end, side)| (side == Some(role)).then_some(end))
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
        self.break_silent(token, role, actions);
        if let Some(slot) = self.slots.remove(&token) {
            self.deadlines.clear(Key::Slot(token));
            if slot.role != role {
                for end in [slot.connection, connection] {
                    actions.list.push(Action::Tell(end, FromRelay::Paired));
                }
                let sides = [slot.role, role].map(Some);
                let silence = Some(Silence { token, sides });
                self.silent.insert(token, slot.connection);
                return self.pair(now, [slot.connection, connection], silence, actions);
            }
            // The one that waited may be half dead, and is never paired with itself.
            self.close(slot.connection, CloseReason::Replaced, actions);
        }
        let slot = Slot { role, connection, began: now, active: now };
        self.deadlines.set(Key::Slot(token), slot.deadline(&self.limits));
        self.slots.insert(token, slot);
        self.seats.insert(connection, Seat::Slot(token));
    }

    /// Breaks the pair of a slot in which the side that has come again has said nothing: its end
    /// may be half dead, and the other waits for it in vain.
    fn break_silent(&mut self, token: [u8; 16], role: Role, actions: &mut Actions) {
        let Some(name) = self.silent.get(&token).copied() else { return };
        let end = self.pairs.get(&name).and_then(|pair| pair.silent_end(role));
        if let Some(end) = end {
            self.close(end, CloseReason::Replaced, actions);
            self.part(name, CloseReason::Gone, actions);
        }
    }

    /// One end of a pair has said something to the other.
    pub(super) fn spoke(&mut self, connection: Connection) {
        let Some(Seat::Paired(name)) = self.seats.get(&connection) else { return };
        let Some(pair) = self.pairs.get_mut(name) else { return };
        let Some(silence) = &mut pair.silence else { return };
        for (end, side) in pair.ends.iter().zip(&mut silence.sides) {
            if *end == connection {
                *side = None;
            }
        }
        if silence.sides == [None, None] {
            self.silent.remove(&silence.token);
            pair.silence = None;
        }
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
        ends: [Connection; 2],
        silence: Option<Silence>,
        actions: &mut Actions,
    ) {
        let [first, second] = ends;
        let pair = Pair { ends, began: now, active: now, silence };
        for end in ends {
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
        if let Some(silence) = pair.silence {
            self.silent.remove(&silence.token);
        }
        for end in pair.ends {
            self.close(end, why, actions);
        }
    }
}
