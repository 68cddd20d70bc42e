//! Everything in a conversation that time alone brings about, one table.

use super::Conversation;
use crate::limits::{EXPIRING, LEAVE_PATIENCE, LINK_PATIENCE, TTL_MIN};
use crate::time::Instant;
use core::time::Duration;

/// One thing that time brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Nothing was heard of the peer in the time for its first record: the conversation is over.
    NeverHeard,
    /// A confirmed link has not come into use in its time: it is given up.
    LinkUnused,
    /// There is no link in use: the user is told.
    LinkMissing,
    /// There has been no link for long, and this side needs one for a last word alone: it ends.
    LastWordMissed,
    /// The user has asked for the end, and a moment has passed in which the peer could hear of it.
    EndAsked,
    /// The channel has rested for its whole time: it ends.
    Expired,
    /// The channel ends in five minutes unless something new arrives: the user is told.
    ExpiresSoon,
    /// Our `leave` was left unanswered long enough: the conversation ends without the answer.
    GoodbyeUnanswered,
    /// A heartbeat is due on the link in use, or on a stripe.
    HeartbeatDue,
    /// A round is over in which something of the peer's was written: credit says so.
    CreditDue,
}

impl Timer {
    /// All of them.
    const ALL: [Self; 10] = [
        Self::EndAsked,
        Self::NeverHeard,
        Self::LinkUnused,
        Self::LinkMissing,
        Self::LastWordMissed,
        Self::Expired,
        Self::ExpiresSoon,
        Self::GoodbyeUnanswered,
        Self::HeartbeatDue,
        Self::CreditDue,
    ];
}

/// The channel's time without a word, after which it ends (SPEC 8.1).
pub(super) struct Rest {
    ttl: Duration,
    since: Instant,
    /// The user was told that it ends soon, and nothing was said since.
    told: bool,
}

impl Rest {
    pub(super) const fn new(now: Instant, ttl: Duration) -> Self {
        Self { ttl, since: now, told: false }
    }

    /// Something was said.
    pub(super) const fn renew(&mut self, now: Instant) {
        (self.since, self.told) = (now, false);
    }

    /// Holds to the peer's time too: the shorter counts.
    pub(super) fn shorten(&mut self, ttl: Duration) {
        self.ttl = self.ttl.min(ttl.max(TTL_MIN));
    }

    /// The user is told that the channel ends soon: once for each rest.
    pub(super) const fn told(&mut self) {
        self.told = true;
    }

    /// Time that is left if nothing is said.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.ttl.saturating_sub(now.since(self.since))
    }

    fn expires_at(&self) -> Instant {
        self.since.after(self.ttl)
    }

    /// The moment to tell the user; `None` if that was done, or the whole time is no longer.
    fn tell_at(&self) -> Option<Instant> {
        (self.ttl > EXPIRING && !self.told)
            .then(|| self.since.after(self.ttl.saturating_sub(EXPIRING)))
    }
}

impl Conversation {
    /// The moment at which a timer fires; `None` while it does not run.
    fn fires_at(&self, timer: Timer) -> Option<Instant> {
        match timer {
            Timer::NeverHeard => (!self.phase.greeted()).then(|| self.between.never_heard_at()),
            Timer::LinkUnused => self.links.use_due().map(|(_, due)| due),
            Timer::LinkMissing => self.between.tell_at(),
            Timer::LastWordMissed => {
                self.last_word_missed().and_then(|(_, patience)| self.between.lost_for(patience))
            }
            Timer::EndAsked => self.between.end_at(),
            Timer::Expired => Some(self.rest.expires_at()),
            Timer::ExpiresSoon => self.rest.tell_at().filter(|_| self.phase.greeted()),
            Timer::GoodbyeUnanswered => {
                self.phase.goodbye().map(|goodbye| {
                    // A link that lost it is made again.
                    let heard = !self.setup.resuming || goodbye.heard;
                    let patience = if heard { LEAVE_PATIENCE } else { LINK_PATIENCE };
                    goodbye.since.after(patience)
                })
            }
            Timer::HeartbeatDue => self.links.beat_due(self.has_work()),
            Timer::CreditDue => self.credits_due().map(|(_, due)| due).min(),
        }
    }

    /// True if a timer has fired by now.
    pub(super) fn is_due(&self, timer: Timer) -> bool {
        self.fires_at(timer).is_some_and(|moment| moment <= self.now)
    }

    /// The moment of the next timer.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        Timer::ALL.into_iter().filter_map(|timer| self.fires_at(timer)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn a_rest_is_told_of_five_minutes_before_its_end_once_and_again_after_a_word() {
        let mut rest = Rest::new(at(10), Duration::from_secs(3600));
        assert_eq!((rest.tell_at(), rest.expires_at()), (Some(at(3310)), at(3610)));
        rest.told();
        assert_eq!((rest.tell_at(), rest.left(at(3310))), (None, EXPIRING));
        rest.renew(at(3400));
        assert_eq!((rest.tell_at(), rest.expires_at()), (Some(at(6700)), at(7000)));
    }

    #[test]
    fn the_shorter_time_of_both_counts_and_a_short_one_is_not_told_of() {
        let mut rest = Rest::new(at(0), Duration::from_secs(3600));
        rest.shorten(Duration::from_secs(7200));
        assert_eq!(rest.expires_at(), at(3600));
        rest.shorten(Duration::from_secs(1));
        assert_eq!((rest.expires_at(), rest.tell_at()), (at(60), None));
    }
}
