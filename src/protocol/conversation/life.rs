//! A conversation's life: its hour, its heartbeats, and how it ends (SPEC 8).

use super::{Actions, Conversation, Event, Held, Outcome, Theirs};
use crate::limits::{EXPIRING, LEAVE_PATIENCE};
use crate::time::Instant;
use crate::violation::Violation;
use crate::wire::{Message, Reason};

/// On the way out.
pub(super) struct Leaving {
    reason: Reason,
    /// Our goodbye: its message number and when it was said.
    said: Option<(u64, Instant)>,
}

impl Conversation {
    /// Everything that time and the latest change bring about.
    pub(super) fn live(&mut self, actions: &mut Actions) {
        if self.links.never_heard(self.now).is_some() {
            return self.end(Outcome::NeverHeard, actions);
        }
        if self.messages.ignored() {
            return self.end_now(
                Reason::Protocol,
                Outcome::Violated(Violation::NeverAcknowledges),
                actions,
            );
        }
        let rested = self.now.since(self.last_word);
        if rested >= self.ttl {
            return self.end_now(Reason::Expired, Outcome::Expired, actions);
        }
        let left = self.ttl.saturating_sub(rested);
        if left > EXPIRING {
            self.warned = false;
        } else if self.ttl > EXPIRING
            && self.peer.is_some()
            && !core::mem::replace(&mut self.warned, true)
        {
            actions.events.push(Event::Expiring(left));
        }
        self.go(actions);
    }

    /// Says goodbye once nothing is under way, and ends once it was heard.
    fn go(&mut self, actions: &mut Actions) {
        let Some(leaving) = &self.leaving else { return };
        match leaving.said {
            None if self.messages.all_acknowledged()
                && !self.has_unfinished()
                && self.theirs.is_empty()
                && self.peer.is_some() =>
            {
                let reason = leaving.reason;
                self.leaving =
                    Some(Leaving { reason, said: Some((self.messages.next_number(), self.now)) });
                self.messages.send(Message::Leave { reason });
            }
            None => {}
            // Something of the peer's has crossed our goodbye: it is finished first.
            Some((number, _)) if !self.theirs.is_empty() => {
                self.leaving =
                    Some(Leaving { reason: leaving.reason, said: Some((number, self.now)) });
            }
            Some((number, when)) => {
                let heard = self.messages.has(number) && self.peer_left;
                if heard || self.now.since(when) >= LEAVE_PATIENCE {
                    self.end(Outcome::Done, actions);
                }
            }
        }
    }

    /// How long the channel still lasts if nothing is said.
    #[must_use]
    pub fn rests(&self, now: Instant) -> core::time::Duration {
        self.ttl.saturating_sub(now.since(self.last_word))
    }

    /// Begins to leave: new things are no longer begun, what is under way is finished.
    pub(super) fn leave(&mut self, reason: Reason) {
        if self.leaving.is_none() {
            self.leaving = Some(Leaving { reason, said: None });
        }
    }

    pub(super) fn peer_leaves(&mut self, reason: Reason, actions: &mut Actions) {
        self.peer_left = true;
        actions.events.push(Event::PeerLeft(reason));
        if reason == Reason::Done {
            // When one side has left, the channel is over for both (SPEC 5.5).
            self.leave(Reason::Done);
        } else {
            self.fail_all(reason, actions);
            self.messages.abandon();
            self.end(Outcome::PeerLeft(reason), actions);
        }
    }

    /// Says goodbye without waiting for anything, and ends. What no link has begun to send has
    /// failed, and does not hold it up.
    pub(super) fn end_now(&mut self, reason: Reason, outcome: Outcome, actions: &mut Actions) {
        self.fail_all(reason, actions);
        self.messages.abandon();
        self.messages.send(Message::Leave { reason });
        self.end(outcome, actions);
    }

    /// Everything under way has failed.
    fn fail_all(&mut self, reason: Reason, actions: &mut Actions) {
        let queued = core::mem::take(&mut self.queued);
        for item in core::mem::take(&mut self.ours)
            .into_keys()
            .chain(queued.into_iter().map(|offer| offer.item))
        {
            actions.events.push(Event::Failed(item, reason));
        }
        let unheard = self.unverified.as_mut().map(Held::forget_theirs).unwrap_or_default();
        for (item, _) in core::mem::take(&mut self.theirs) {
            if !unheard.contains(&item) {
                actions.events.push(Event::Cancelled(item, reason));
            }
        }
    }

    pub(super) fn end(&mut self, outcome: Outcome, actions: &mut Actions) {
        self.over = true;
        actions.grants.clear();
        actions.events.push(Event::Over(outcome));
    }

    /// Whether the end of the last link is a good end: our goodbye is said, everything else was
    /// acknowledged before it, and nothing of the peer's has crossed it.
    pub(super) fn nothing_owed(&self) -> bool {
        self.theirs.is_empty()
            && self.leaving.as_ref().is_some_and(|leaving| leaving.said.is_some())
    }

    /// Whether this side has an unacknowledged message, an unanswered offer or an unfinished
    /// transfer, in either direction (SPEC 6.4).
    pub(super) fn has_work(&self) -> bool {
        let theirs = self.theirs.values().any(|theirs| matches!(theirs, Theirs::Transfer(_)));
        !self.messages.all_acknowledged() || self.has_unfinished() || theirs
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        let expired = self.last_word.after(self.ttl);
        let warn = self.last_word.after(self.ttl.saturating_sub(EXPIRING));
        let warn = (self.ttl > EXPIRING && !self.warned && self.peer.is_some()).then_some(warn);
        let left = self
            .leaving
            .as_ref()
            .and_then(|leaving| leaving.said)
            .map(|(_, when)| when.after(LEAVE_PATIENCE));
        [Some(expired), warn, left, self.links.wake_at(self.has_work())].into_iter().flatten().min()
    }
}
