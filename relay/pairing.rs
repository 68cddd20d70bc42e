//! Waiting, meeting and ending at a relay: a value that is told what happened and answers what to
//! do (SPEC 10).
//!
//! [`Pairing`] only routes. `hosts` has the numbers, `joins` what happens to a joiner, `links` the
//! slots and all pairs. It reads no clock, draws no randomness of its own, and looks into no
//! message.

mod crowds;
mod deadlines;
mod holder;
mod hosts;
mod joins;
mod links;
mod numbers;
pub mod outbox;
mod queue;
#[cfg(test)]
mod tests;

use crate::limits::Limits;
use crate::owner::{OwnerKey, Owners, Stamp, UnixTime};
use crate::quotas::{Quotas, Source};
use deadlines::{Deadlines, Key};
use hosts::Host;
use links::{Pair, Slot};
use numbers::Numbers;
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::handshake::Role;
use pinhole_protocol::limits::HANDSHAKE_HEADER;
use pinhole_protocol::rendezvous::{CloseReason, FromRelay, OwnerToken, SlotToken};
use pinhole_protocol::time::Instant;
use rand_core::{CryptoRng, RngCore};
use std::collections::BTreeMap;

/// A connection, by a number of the server's that it never uses again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection(pub u64);

/// Everything that a relay can be told. What concerns a connection that it has closed, or never
/// heard of, is ignored.
#[derive(Debug)]
pub enum Input<'a> {
    /// A connection wants a number, or its number back.
    Host {
        /// The connection.
        connection: Connection,
        /// Its source.
        source: Source,
        /// The number that it had, and its proof.
        back: Option<(Nameplate, OwnerToken)>,
        /// The clock on the wall, by which tokens are issued.
        wall: UnixTime,
    },
    /// A connection wants to meet the host of a number.
    Join {
        /// The connection.
        connection: Connection,
        /// Its source.
        source: Source,
        /// The number.
        nameplate: Nameplate,
    },
    /// A connection is one end of a conversation's further link.
    Link {
        /// The connection.
        connection: Connection,
        /// The slot that both ends name.
        token: SlotToken,
        /// Its side of the conversation.
        role: Role,
    },
    /// A binary frame, read before its reader has heard of a pair.
    Message(Connection, &'a [u8]),
    /// The host has found the tag of this attempt right.
    Confirmed(Connection, u32),
    /// The host gives its number up.
    Burn(Connection),
    /// A frame of any other kind, or of a pair, passed. Once a minute is enough while they pass.
    Frame(Connection),
    /// The first binary frame of one end of a pair has come.
    Spoke(Connection),
    /// A connection broke the rules of SPEC 10: it said what cannot be read, or what is not its to
    /// say.
    Broke(Connection),
    /// A connection has ended.
    Gone(Connection),
    /// Time has passed.
    Tick,
}

/// The answer to an input: things to do.
#[derive(Default, Debug)]
#[must_use]
pub struct Actions {
    /// One after the other, in this order.
    pub list: Vec<Action>,
    /// When to come back with [`Input::Tick`] if nothing else happens before.
    pub wake_at: Option<Instant>,
}

/// One thing to do.
#[derive(Debug)]
pub enum Action {
    /// Send a control message.
    Tell(Connection, FromRelay),
    /// Send a joiner message 1, or a host message 2 with its attempt before it.
    Send(Connection, Vec<u8>),
    /// Send a joiner its host's last word (SPEC 3.1, kinds 4 and 5).
    Refuse(Connection, [u8; HANDSHAKE_HEADER]),
    /// From here on frames pass between these two, both ways and untouched.
    Pair(Connection, Connection),
    /// Close a connection once it has taken all that was sent to it. Nothing of it is heard any
    /// more.
    Close(Connection, CloseReason),
}

/// The part that a connection plays here.
#[derive(Clone, Copy)]
enum Seat {
    /// It waits with this number.
    Host(Nameplate),
    /// It holds this number or waits in its line.
    Joiner(Nameplate),
    /// It waits in this link slot.
    Slot([u8; 16]),
    /// It is of the pair under this name.
    Paired(Connection),
}

/// Counts of everything, for the relay's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Population {
    /// Connections that are doing something here.
    pub connections: usize,
    /// Numbers that have a host, here or away.
    pub hosts: usize,
    /// Numbers that rest.
    pub resting: usize,
    /// Link slots in which one end waits.
    pub slots: usize,
    /// Pairs.
    pub pairs: usize,
}

/// The relay's state. See the module's description.
pub struct Pairing {
    limits: Limits,
    quotas: Quotas,
    owners: Owners,
    started: Instant,
    seats: BTreeMap<Connection, Seat>,
    hosts: BTreeMap<Nameplate, Host>,
    numbers: Numbers,
    /// Numbers given back since the relay began, each with the stamp of the latest token shown
    /// for it; only while more may be.
    returned: BTreeMap<Nameplate, Stamp>,
    slots: BTreeMap<[u8; 16], Slot>,
    /// Each under the name of one of its two.
    pairs: BTreeMap<Connection, Pair>,
    /// The pair of a slot in which an end has said nothing yet: there is one at most.
    silent: BTreeMap<[u8; 16], Connection>,
    deadlines: Deadlines,
}

impl Pairing {
    /// A relay that begins its life now, and issues tokens under this key.
    #[must_use]
    pub fn new(now: Instant, limits: Limits, key: OwnerKey) -> Self {
        Self {
            quotas: Quotas::new(limits.quotas.clone()),
            owners: Owners::new(key),
            numbers: Numbers::new(&limits.shares),
            limits,
            started: now,
            returned: BTreeMap::new(),
            seats: BTreeMap::new(),
            hosts: BTreeMap::new(),
            slots: BTreeMap::new(),
            pairs: BTreeMap::new(),
            silent: BTreeMap::new(),
            deadlines: Deadlines::default(),
        }
    }

    /// For the server, which counts connections before they say what they want.
    pub const fn quotas(&mut self) -> &mut Quotas {
        &mut self.quotas
    }

    /// Counts of everything.
    #[must_use]
    pub fn population(&self) -> Population {
        Population {
            connections: self.seats.len(),
            hosts: self.hosts.len(),
            resting: self.numbers.resting(),
            slots: self.slots.len(),
            pairs: self.pairs.len(),
        }
    }

    /// Tells the relay what happened and returns what to do.
    pub fn handle(
        &mut self,
        now: Instant,
        input: Input<'_>,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Actions {
        let mut actions = Actions::default();
        // Things that were due before this have happened before it.
        self.due(now, &mut actions);
        self.route(now, input, rng, &mut actions);
        // A joiner that now waits may end another's time.
        self.due(now, &mut actions);
        actions.wake_at = [self.deadlines.first(), self.numbers.wake_at(), self.quotas.wake_at()]
            .into_iter()
            .flatten()
            .min();
        actions
    }

    fn route(
        &mut self,
        now: Instant,
        input: Input<'_>,
        rng: &mut (impl RngCore + CryptoRng),
        actions: &mut Actions,
    ) {
        match input {
            // A connection has one verb, with its upgrade: there is no second.
            Input::Host { connection, .. }
            | Input::Join { connection, .. }
            | Input::Link { connection, .. }
                if self.seats.contains_key(&connection) => {}
            Input::Host { connection, source, back: None, wall } => {
                self.host(now, wall, connection, source, rng, actions)
            }
            Input::Host { connection, source, back: Some(back), wall } => {
                self.host_back(now, wall, connection, source, back, actions)
            }
            Input::Join { connection, source, nameplate } => {
                self.join(now, connection, source, nameplate, actions)
            }
            Input::Link { connection, token, role } => {
                self.link(now, connection, token, role, actions)
            }
            Input::Message(connection, bytes) => {
                self.alive(now, connection);
                self.message(now, connection, bytes, actions);
            }
            Input::Confirmed(connection, attempt) => match self.seats.get(&connection) {
                Some(Seat::Host(nameplate)) => {
                    self.confirmed(now, connection, *nameplate, attempt, actions)
                }
                Some(_) => self.broke(now, connection, actions),
                None => {}
            },
            Input::Burn(connection) => match self.seats.get(&connection) {
                Some(Seat::Host(nameplate)) => {
                    self.retire(now, *nameplate, CloseReason::Done, actions)
                }
                Some(_) => self.broke(now, connection, actions),
                None => {}
            },
            Input::Frame(connection) => self.alive(now, connection),
            Input::Spoke(connection) => {
                self.alive(now, connection);
                self.spoke(connection);
            }
            Input::Broke(connection) => self.broke(now, connection, actions),
            Input::Gone(connection) => self.gone(now, connection, actions),
            Input::Tick => {}
        }
    }

    fn message(
        &mut self,
        now: Instant,
        connection: Connection,
        bytes: &[u8],
        actions: &mut Actions,
    ) {
        match self.seats.get(&connection) {
            Some(Seat::Host(nameplate)) => {
                self.host_message(now, connection, *nameplate, bytes, actions)
            }
            Some(Seat::Joiner(nameplate)) => {
                self.joiner_message(now, connection, *nameplate, bytes, actions)
            }
            // Of a pair too: whoever sends before it has heard of that sends before it is its turn
            // (SPEC 10.3).
            Some(Seat::Slot(_) | Seat::Paired(_)) => self.broke(now, connection, actions),
            None => {}
        }
    }

    /// Something came from a connection.
    fn alive(&mut self, now: Instant, connection: Connection) {
        let active = match self.seats.get(&connection) {
            Some(Seat::Host(nameplate)) => {
                self.hosts.get_mut(nameplate).map(|host| &mut host.active)
            }
            Some(Seat::Slot(token)) => self.slots.get_mut(token).map(|slot| &mut slot.active),
            Some(Seat::Paired(name)) => self.pairs.get_mut(name).map(|pair| &mut pair.active),
            Some(Seat::Joiner(_)) | None => None,
        };
        if let Some(active) = active {
            *active = now;
        }
    }

    /// Closes a connection that broke the rules; what it had ends as if the connection had ended by
    /// itself.
    fn broke(&mut self, now: Instant, connection: Connection, actions: &mut Actions) {
        if self.seats.contains_key(&connection) {
            actions.list.push(Action::Close(connection, CloseReason::Protocol));
            self.gone(now, connection, actions);
        }
    }

    fn gone(&mut self, now: Instant, connection: Connection, actions: &mut Actions) {
        match self.seats.remove(&connection) {
            Some(Seat::Host(nameplate)) => self.host_gone(now, nameplate, actions),
            Some(Seat::Joiner(nameplate)) => self.joiner_gone(now, connection, nameplate, actions),
            Some(Seat::Slot(token)) => {
                self.slots.remove(&token);
                self.deadlines.clear(Key::Slot(token));
            }
            Some(Seat::Paired(name)) => self.part(name, CloseReason::Gone, actions),
            None => {}
        }
    }

    /// Closes a connection if it is there, and forgets it. What it had is the caller's to end.
    fn close(&mut self, connection: Connection, why: CloseReason, actions: &mut Actions) {
        if self.seats.remove(&connection).is_some() {
            actions.list.push(Action::Close(connection, why));
        }
    }

    /// Everything whose time has come.
    fn due(&mut self, now: Instant, actions: &mut Actions) {
        while let Some(key) = self.deadlines.due(now) {
            match key {
                Key::Number(nameplate) => self.host_due(now, nameplate, actions),
                Key::Slot(token) => self.slot_due(now, token, actions),
                Key::Pair(name) => self.pair_due(now, name, actions),
            }
        }
        if now.since(self.started) >= self.limits.absence {
            self.returned.clear();
        }
        self.numbers.wake(now);
        self.quotas.forget(now);
    }
}
