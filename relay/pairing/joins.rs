//! Joiners: one at a time holds a number, the others wait in its line (SPEC 10.2).

use super::hosts::Stage;
use super::{Action, Actions, Connection, Pairing, Seat};
use crate::quotas::Source;
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::limits::RELAY_MESSAGE;
use pinhole_protocol::rendezvous::{CloseReason, FromRelay, of_attempt};
use pinhole_protocol::time::Instant;

impl Pairing {
    pub(super) fn join(
        &mut self,
        now: Instant,
        connection: Connection,
        source: Source,
        nameplate: Nameplate,
        actions: &mut Actions,
    ) {
        if self.quotas.join(now, source).is_err() {
            return actions.list.push(Action::Close(connection, CloseReason::Limit));
        }
        let entered = self.hosts.get_mut(&nameplate).and_then(|host| {
            let holds = matches!(&host.stage, Stage::Held { by, .. } if by.source == source);
            if holds {
                None
            } else {
                host.queue.enter(now, connection, source, self.limits.queue).ok()
            }
        });
        let Some(loses) = entered else {
            self.quotas.missed(now, source);
            return actions.list.push(Action::Close(connection, CloseReason::Unavailable));
        };
        if let Some(queued) = loses {
            self.turn_away(
                now,
                queued.connection,
                queued.source,
                CloseReason::Unavailable,
                actions,
            );
        }
        self.seats.insert(connection, Seat::Joiner(nameplate));
        actions.list.push(Action::Tell(connection, FromRelay::Waiting));
        self.settle(now, nameplate, actions);
    }

    /// A joiner sends message 2, once, when it has had message 1.
    pub(super) fn joiner_message(
        &mut self,
        now: Instant,
        connection: Connection,
        nameplate: Nameplate,
        bytes: &[u8],
        actions: &mut Actions,
    ) {
        let Some(host) = self.hosts.get_mut(&nameplate) else { return };
        match &mut host.stage {
            Stage::Held { host: to, by }
                if by.connection == connection && !by.answered && bytes.len() <= RELAY_MESSAGE =>
            {
                by.answered = true;
                actions.list.push(Action::Send(*to, of_attempt(host.attempt, bytes)));
                self.settle(now, nameplate, actions);
            }
            _ => self.broke(now, connection, actions),
        }
    }

    /// A joiner's connection has ended by itself.
    pub(super) fn joiner_gone(
        &mut self,
        now: Instant,
        connection: Connection,
        nameplate: Nameplate,
        actions: &mut Actions,
    ) {
        let Some(host) = self.hosts.get_mut(&nameplate) else { return };
        if let Some(queued) = host.queue.leave(connection) {
            self.quotas.missed(now, queued.source);
            self.settle(now, nameplate, actions);
        } else {
            self.attempt_over(now, nameplate, None, actions);
        }
    }

    /// An attempt has come to nothing: its joiner is told why, if it is still there, and the host
    /// is asked for the next message 1.
    pub(super) fn attempt_over(
        &mut self,
        now: Instant,
        nameplate: Nameplate,
        why: Option<CloseReason>,
        actions: &mut Actions,
    ) {
        let Some(host) = self.hosts.get_mut(&nameplate) else { return };
        if let Stage::Held { host: connection, by } = host.stage {
            host.attempt = host.attempt.saturating_add(1);
            host.stage = Stage::Asked { host: connection, since: now };
            actions.list.push(Action::Tell(connection, FromRelay::Next { attempt: host.attempt }));
            match why {
                Some(why) => self.turn_away(now, by.connection, by.source, why, actions),
                None => self.quotas.missed(now, by.source),
            }
        }
        self.settle(now, nameplate, actions);
    }

    /// Closes a joiner's connection: its join has ended without `confirmed`.
    pub(super) fn turn_away(
        &mut self,
        now: Instant,
        connection: Connection,
        source: Source,
        why: CloseReason,
        actions: &mut Actions,
    ) {
        self.quotas.missed(now, source);
        self.close(connection, why, actions);
    }
}
