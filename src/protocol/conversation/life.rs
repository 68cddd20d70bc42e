//! A conversation's life: its hour, its heartbeats, and how it ends (SPEC 8).

use super::phase::{Goodbye, Phase};
use super::timers::Timer;
use super::{Actions, Conversation, Event, Held, Outcome, PeerItem};
use crate::time::Instant;
use crate::violation::Violation;
use crate::wire::{ItemId, Message, Reason};
use alloc::vec::Vec;

impl Conversation {
    /// Brings about everything that time and the latest change lead to.
    pub(super) fn live(&mut self, actions: &mut Actions) {
        self.end_if_asked(self.is_due(Timer::EndAsked), actions);
        if self.phase.is_over() {
            return;
        }
        if self.is_due(Timer::NeverHeard) {
            return self.end(Outcome::NeverHeard, actions);
        }
        while let Some((link, _)) = self.links.use_due().filter(|(_, due)| *due <= self.now) {
            self.give_link_up(link, actions);
            if self.phase.is_over() {
                return;
            }
        }
        self.cut_lagging_stripes(actions);
        self.settle_stripes();
        self.close_needless_stripes(actions);
        self.ask(actions);
        if self.is_due(Timer::LastWordMissed) {
            if let Some((outcome, _)) = self.last_word_missed() {
                return self.end(outcome, actions);
            }
        }
        if self.is_due(Timer::LinkMissing) {
            self.tell_missing(actions);
        }
        if self.messages.ignored() {
            return self.end_now(
                Reason::Protocol,
                Outcome::Violated(Violation::NeverAcknowledges),
                actions,
            );
        }
        if self.is_due(Timer::Expired) {
            return self.end_now(Reason::Expired, Outcome::Expired, actions);
        }
        if self.is_due(Timer::CreditDue) {
            let due = |(item, due): (ItemId, Instant)| (due <= self.now).then_some(item);
            let due: Vec<_> = self.credits_due().filter_map(due).collect();
            self.state.credit.extend(due);
        }
        if self.is_due(Timer::ExpiresSoon) {
            self.rest.told();
            actions.events.push(Event::Expiring(self.rest.left(self.now)));
        }
        self.go(actions);
    }

    /// Says goodbye once nothing is under way, and ends once it was heard.
    fn go(&mut self, actions: &mut Actions) {
        let Phase::Leaving { goodbye, peer_left } = self.phase else { return };
        let busy = self.has_unfinished() || !self.theirs.is_empty();
        let goodbye = match goodbye {
            None if busy || !self.messages.all_acknowledged() => return,
            None => {
                let number = self.messages.next_number();
                self.messages.send(Message::Leave { reason: Reason::Done });
                Goodbye { number, heard: false, since: self.now }
            }
            // Something of the peer's has crossed our goodbye: it is finished first.
            Some(goodbye) if !self.theirs.is_empty() => Goodbye { since: self.now, ..goodbye },
            Some(goodbye) => {
                let heard = self.messages.has(goodbye.number);
                let waited = heard == goodbye.heard;
                if (heard && peer_left) || (waited && self.is_due(Timer::GoodbyeUnanswered)) {
                    return self.end(Outcome::Done, actions);
                }
                if waited {
                    return;
                }
                // However long it took to be heard, its answer has all of its time.
                Goodbye { heard, since: self.now, ..goodbye }
            }
        };
        self.phase = Phase::Leaving { goodbye: Some(goodbye), peer_left };
    }

    /// Time that the channel still lasts if nothing is said.
    #[must_use]
    pub fn rests(&self, now: Instant) -> core::time::Duration {
        self.rest.left(now)
    }

    pub(super) fn peer_leaves(&mut self, reason: Reason, actions: &mut Actions) {
        actions.events.push(Event::PeerLeft(reason));
        if reason == Reason::Done {
            self.phase = self.phase.on_peer_left();
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
        self.phase = self.phase.on_end();
        actions.grants.clear();
        actions.events.push(Event::Over(outcome));
    }

    /// True if the end of the last link is a good end: our goodbye is said, everything else was
    /// acknowledged before it, and nothing of the peer's has crossed it.
    pub(super) fn nothing_owed(&self) -> bool {
        self.theirs.is_empty() && self.phase.goodbye().is_some()
    }

    /// True if this side has an unacknowledged message, an unanswered offer or an unfinished
    /// transfer, in either direction (SPEC 6.4).
    pub(super) fn has_work(&self) -> bool {
        let theirs = self.theirs.values().any(|theirs| matches!(theirs, PeerItem::Transfer(_)));
        !self.messages.all_acknowledged() || self.has_unfinished() || theirs
    }
}
