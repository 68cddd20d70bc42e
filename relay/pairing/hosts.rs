//! Hosts and their numbers: from the number to the pair, or to the end of it (SPEC 10.2, 10.4).

use super::deadlines::Key;
use super::holder::Holder;
use super::queue::Queue;
use super::{Action, Actions, Connection, Pairing, Seat};
use crate::limits::Limits;
use crate::owner::{Stamp, UnixTime};
use crate::quotas::Source;
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::handshake::last_word;
use pinhole_protocol::limits::RELAY_MESSAGE;
use pinhole_protocol::rendezvous::{CloseReason, FromRelay, OwnerToken, split_attempt};
use pinhole_protocol::time::Instant;
use rand_core::{CryptoRng, RngCore};

/// A number and who waits with it.
pub(super) struct Host {
    owner: OwnerToken,
    /// Among whose waiting hosts it counts.
    source: Source,
    pub(super) stage: Stage,
    /// The attempt whose message 1 is wanted, here, or with a joiner. Those before it are over.
    pub(super) attempt: u32,
    pub(super) queue: Queue,
    began: Instant,
    pub(super) active: Instant,
}

/// The stage of a host and of its attempt (SPEC 10.4). All attempts before that are over.
pub(super) enum Stage {
    /// Its connection dropped.
    Away { since: Instant },
    /// It has been asked for message 1.
    Asked { host: Connection, since: Instant },
    /// Its message 1 is kept for a joiner.
    Offered { host: Connection, message: Vec<u8> },
    /// A joiner has it.
    Held { host: Connection, by: Holder },
}

impl Host {
    fn connection(&self) -> Option<Connection> {
        match self.stage {
            Stage::Away { .. } => None,
            Stage::Asked { host, .. } | Stage::Offered { host, .. } | Stage::Held { host, .. } => {
                Some(host)
            }
        }
    }

    /// Says its number to it. The token said is a second one: this one stays, to be compared.
    fn number(&self, nameplate: Nameplate) -> FromRelay {
        let owner = OwnerToken::new(*self.owner.bytes());
        FromRelay::Number { nameplate, owner, attempt: self.attempt }
    }

    /// Bytes that are kept of what it said.
    #[cfg(test)]
    pub(super) fn offered(&self) -> usize {
        if let Stage::Offered { message, .. } = &self.stage { message.len() } else { 0 }
    }

    /// When its own time is over.
    fn ends(&self, limits: &Limits) -> Instant {
        let resting = match self.stage {
            Stage::Away { since } => since.after(limits.absence),
            _ => self.active.after(limits.inactivity),
        };
        resting.min(self.began.after(limits.longest))
    }

    /// When its attempt is over.
    fn attempt_ends(&self, limits: &Limits) -> Option<Instant> {
        match &self.stage {
            Stage::Away { .. } | Stage::Offered { .. } => None,
            Stage::Asked { since, .. } => Some(since.after(limits.first_message)),
            Stage::Held { by, .. } => Some(by.ends(!self.queue.is_empty(), limits)),
        }
    }

    fn deadline(&self, limits: &Limits) -> Instant {
        let others = [self.attempt_ends(limits), self.queue.wake_at(limits.queue_time)];
        others.into_iter().flatten().fold(self.ends(limits), Instant::min)
    }
}

impl Pairing {
    /// A new host.
    pub(super) fn host(
        &mut self,
        now: Instant,
        wall: UnixTime,
        connection: Connection,
        source: Source,
        rng: &mut (impl RngCore + CryptoRng),
        actions: &mut Actions,
    ) {
        if let Some(why) = self.numbers.refuse(source, self.limits.numbers) {
            return actions.list.push(Action::Close(connection, why));
        }
        let waiting = self.hosts.len().saturating_add(1);
        // Short numbers may be those of hosts that this relay has forgotten, waiting or resting.
        let long = self.owners.were_here()
            && now.since(self.started) < self.limits.rest.max(self.limits.absence);
        let Some(nameplate) = self.numbers.draw(waiting, long, rng) else {
            return actions.list.push(Action::Close(connection, CloseReason::Full));
        };
        let owner = self.owners.issue(wall, nameplate, rng);
        self.seat_host(now, connection, source, nameplate, owner, actions);
    }

    /// A host that had a number before.
    pub(super) fn host_back(
        &mut self,
        now: Instant,
        wall: UnixTime,
        connection: Connection,
        source: Source,
        (nameplate, owner): (Nameplate, OwnerToken),
        actions: &mut Actions,
    ) {
        // A relay that has just started knows no numbers, but its hosts have read theirs out.
        let young = now.since(self.started) < self.limits.absence;
        let stamp = Stamp::of(&owner);
        let vouched = young
            && nameplate.is_relay()
            && self.owners.vouch(wall, nameplate, &owner, self.limits.longest);
        let Some(host) = self.hosts.get_mut(&nameplate) else {
            // An earlier holder who came back sooner has given up what was not his any more.
            let taken_over = self.returned.get(&nameplate).is_some_and(|earlier| stamp > *earlier);
            if !vouched || self.numbers.holds(nameplate) && !taken_over {
                return actions.list.push(Action::Close(connection, CloseReason::Unavailable));
            }
            if let Some(why) = self.numbers.refuse(source, self.limits.numbers) {
                return actions.list.push(Action::Close(connection, why));
            }
            self.numbers.wake_early(nameplate);
            self.returned.insert(nameplate, stamp);
            return self.seat_host(now, connection, source, nameplate, owner, actions);
        };
        let same = host.owner.is(&owner);
        // Of two hosts that had one number in an earlier life, one after the other, the first has
        // lost it long since.
        let wins = vouched && stamp > Stamp::of(&host.owner);
        if !(same || wins) {
            return actions.list.push(Action::Close(connection, CloseReason::Unavailable));
        }
        let before = host.source;
        if before != source {
            if self.quotas.host(now, source).is_err() {
                return actions.list.push(Action::Close(connection, CloseReason::Limit));
            }
            self.quotas.host_ended(before);
        }
        host.source = source;
        host.owner = owner;
        if !same {
            self.numbers.take(nameplate, source);
            self.returned.insert(nameplate, stamp);
        }
        // Its old connection may not have noticed yet that it is dead.
        if let Some(old) = host.connection() {
            self.close(
                old,
                if same { CloseReason::Replaced } else { CloseReason::Unavailable },
                actions,
            );
            self.host_gone(now, nameplate, actions);
        }
        if let Some(host) = self.hosts.get_mut(&nameplate) {
            host.active = now;
            host.stage = Stage::Asked { host: connection, since: now };
            actions.list.push(Action::Tell(connection, host.number(nameplate)));
            self.seats.insert(connection, Seat::Host(nameplate));
            self.settle(now, nameplate, actions);
        }
    }

    fn seat_host(
        &mut self,
        now: Instant,
        connection: Connection,
        source: Source,
        nameplate: Nameplate,
        owner: OwnerToken,
        actions: &mut Actions,
    ) {
        if self.quotas.host(now, source).is_err() {
            return actions.list.push(Action::Close(connection, CloseReason::Limit));
        }
        let stage = Stage::Asked { host: connection, since: now };
        let host = Host {
            owner,
            source,
            stage,
            attempt: 1,
            queue: Queue::default(),
            began: now,
            active: now,
        };
        actions.list.push(Action::Tell(connection, host.number(nameplate)));
        self.hosts.insert(nameplate, host);
        self.numbers.take(nameplate, source);
        self.seats.insert(connection, Seat::Host(nameplate));
        self.settle(now, nameplate, actions);
    }

    /// A host's frame: message 1, once an attempt, or its last word to the joiner that holds it.
    pub(super) fn host_message(
        &mut self,
        now: Instant,
        connection: Connection,
        nameplate: Nameplate,
        bytes: &[u8],
        actions: &mut Actions,
    ) {
        let Some(host) = self.hosts.get_mut(&nameplate) else { return };
        let Some((attempt, message)) =
            split_attempt(bytes).filter(|(_, message)| message.len() <= RELAY_MESSAGE)
        else {
            return self.broke(now, connection, actions);
        };
        let (over, current) = (attempt < host.attempt, attempt == host.attempt);
        let next = attempt == host.attempt.saturating_add(1);
        match (&host.stage, last_word(message)) {
            // It crossed with the end of its attempt.
            _ if over => {}
            (Stage::Asked { .. }, _) if current => {
                host.stage = Stage::Offered { host: connection, message: message.to_vec() }
            }
            (Stage::Held { by, .. }, Some(refusal)) if current => {
                actions.list.push(Action::Refuse(by.connection, refusal));
                return self.attempt_over(now, nameplate, Some(CloseReason::Done), actions);
            }
            // The host is through with this joiner, and is not asked for what it has sent.
            (Stage::Held { by, .. }, _) if next => {
                let by = *by;
                host.attempt = attempt;
                host.stage = Stage::Offered { host: connection, message: message.to_vec() };
                self.turn_away(now, by.connection, by.source, CloseReason::Done, actions);
            }
            _ => return self.broke(now, connection, actions),
        }
        self.settle(now, nameplate, actions);
    }

    /// The host says that a joiner's tag is right: its number has done its work, whichever attempt
    /// that was.
    pub(super) fn confirmed(
        &mut self,
        now: Instant,
        connection: Connection,
        nameplate: Nameplate,
        attempt: u32,
        actions: &mut Actions,
    ) {
        let Some(host) = self.hosts.get(&nameplate) else { return };
        match host.stage {
            // The connection of that attempt's joiner has ended meanwhile. Its host has nothing
            // left to judge with; they meet as a link (SPEC 3.7).
            _ if attempt < host.attempt => self.retire(now, nameplate, CloseReason::Gone, actions),
            Stage::Held { by, .. } if attempt == host.attempt && by.answered => {
                self.release(now, nameplate, actions);
                self.pair(now, [connection, by.connection], None, actions);
            }
            _ => self.broke(now, connection, actions),
        }
    }

    /// A host's connection has ended: its number waits for it.
    pub(super) fn host_gone(&mut self, now: Instant, nameplate: Nameplate, actions: &mut Actions) {
        let Some(host) = self.hosts.get_mut(&nameplate) else { return };
        host.attempt = host.attempt.saturating_add(1);
        let stage = core::mem::replace(&mut host.stage, Stage::Away { since: now });
        if let Stage::Held { by, .. } = stage {
            self.turn_away(now, by.connection, by.source, CloseReason::Gone, actions);
        }
        self.settle(now, nameplate, actions);
    }

    /// Ends a number: its host hears why, everybody else that it is unavailable.
    pub(super) fn retire(
        &mut self,
        now: Instant,
        nameplate: Nameplate,
        why: CloseReason,
        actions: &mut Actions,
    ) {
        let Some(host) = self.release(now, nameplate, actions) else { return };
        if let Stage::Held { by, .. } = host {
            self.turn_away(now, by.connection, by.source, CloseReason::Unavailable, actions);
        }
        if let Stage::Asked { host, .. } | Stage::Offered { host, .. } | Stage::Held { host, .. } =
            host
        {
            self.close(host, why, actions);
        }
    }

    /// A number is given back and rests. Those in its line wait for nothing; where its host was is
    /// the caller's to end.
    fn release(
        &mut self,
        now: Instant,
        nameplate: Nameplate,
        actions: &mut Actions,
    ) -> Option<Stage> {
        let host = self.hosts.remove(&nameplate)?;
        self.deadlines.clear(Key::Number(nameplate));
        self.numbers.rest(nameplate, now.after(self.limits.rest));
        self.quotas.host_ended(host.source);
        for queued in host.queue.into_queued() {
            self.turn_away(
                now,
                queued.connection,
                queued.source,
                CloseReason::Unavailable,
                actions,
            );
        }
        Some(host.stage)
    }

    /// Something of a number may be due.
    pub(super) fn host_due(&mut self, now: Instant, nameplate: Nameplate, actions: &mut Actions) {
        let Some(host) = self.hosts.get_mut(&nameplate) else { return };
        if host.ends(&self.limits) <= now {
            return self.retire(now, nameplate, CloseReason::Expired, actions);
        }
        // The holder's time depends on whether others wait, so it is looked at before any of them
        // is sent away.
        let over = host.attempt_ends(&self.limits).is_some_and(|ends| ends <= now);
        let weary: Vec<_> =
            core::iter::from_fn(|| host.queue.weary(now, self.limits.queue_time)).collect();
        let connection = host.connection();
        let asked = matches!(host.stage, Stage::Asked { .. });
        for queued in weary {
            self.turn_away(
                now,
                queued.connection,
                queued.source,
                CloseReason::Unavailable,
                actions,
            );
        }
        match connection {
            Some(connection) if over && asked => {
                self.close(connection, CloseReason::Late, actions);
                self.host_gone(now, nameplate, actions);
            }
            _ if over => self.attempt_over(now, nameplate, Some(CloseReason::Late), actions),
            _ => self.settle(now, nameplate, actions),
        }
    }

    /// After every change of a host: message 1 goes to the first in line, and the next deadline is
    /// noted.
    pub(super) fn settle(&mut self, now: Instant, nameplate: Nameplate, actions: &mut Actions) {
        let Some(host) = self.hosts.get_mut(&nameplate) else { return };
        if let Stage::Offered { host: connection, message } = &mut host.stage
            && let Some(queued) = host.queue.next()
        {
            actions.list.push(Action::Send(queued.connection, core::mem::take(message)));
            host.stage = Stage::Held { host: *connection, by: Holder::new(now, &queued) };
        }
        self.deadlines.set(Key::Number(nameplate), host.deadline(&self.limits));
    }
}
