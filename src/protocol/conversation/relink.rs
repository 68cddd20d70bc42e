//! Links that come and go (SPEC 6): which is put into use, which are closed for it, and how long a
//! side waits without one.

use super::{Actions, Conversation, Event, LinkEnd, LinkNews, Outcome, Role, Words};
use crate::limits::{
    FIRST_RECORD_TIME, LEAVE_PATIENCE, LINK_MISSED, LINK_PATIENCE, TAKER_PATIENCE, TAMPERED_LINKS,
};
use crate::links::{Kind, LinkId, Was};
use crate::time::Instant;
use crate::violation::Violation;
use crate::wire::{Control, Greeting, Reason, Want};
use core::time::Duration;

/// Everything about links that no single one of them has.
pub(super) struct Between {
    /// The moment at which the conversation began.
    began: Instant,
    /// Start of the time without a link; `None` while one is in use, and before the first.
    lost: Option<Instant>,
    /// The user was told that a link is sought.
    told: bool,
    /// The latest news of bytes that the user has is that none come.
    stalled: bool,
    /// Links in a row that ended by a record that does not open, without progress between them.
    tampered: u8,
    /// The user ends it, and since when it waits for what a moment brings (SPEC 6.5).
    ending: Option<(Reason, Instant)>,
    /// At a joiner, the greeting of a link that comes into use once the one before it is gone.
    greeting: Option<(LinkId, Greeting)>,
}

impl Between {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            began: now,
            lost: None,
            told: false,
            stalled: false,
            tampered: 0,
            ending: None,
            greeting: None,
        }
    }

    /// The moment at which a conversation ends in which nothing was ever heard of the peer.
    pub(super) fn never_heard_at(&self) -> Instant {
        self.began.after(FIRST_RECORD_TIME)
    }

    /// The moment to tell the user that a link is missing.
    pub(super) fn tell_at(&self) -> Option<Instant> {
        self.lost.filter(|_| !self.told).map(|lost| lost.after(LINK_MISSED))
    }

    /// The moment at which there will have been no link for this time.
    pub(super) fn lost_for(&self, time: Duration) -> Option<Instant> {
        self.lost.map(|lost| lost.after(time))
    }

    /// The moment at which a conversation that its user ends has waited long enough.
    pub(super) fn end_at(&self) -> Option<Instant> {
        self.ending.map(|(_, since)| since.after(LEAVE_PATIENCE))
    }

    /// Something new has come over a link.
    pub(super) const fn progress(&mut self) {
        self.tampered = 0;
    }
}

impl Conversation {
    /// True if a link has to be made: none is in use, or it is silent although there is work.
    /// Before the first greeting any link that is there is waited for.
    #[must_use]
    pub fn needs_link(&self) -> bool {
        let missing =
            if self.phase.greeted() { !self.links.works() } else { self.links.is_empty() };
        let goes_on = !self.phase.is_over() && self.between.ending.is_none();
        self.setup.resuming && goes_on && missing
    }

    /// The link in use.
    #[must_use]
    pub fn link(&self) -> Option<LinkId> {
        self.links.in_use()
    }

    /// True if this side has a working link, which a joiner says in its hello (SPEC 3.2).
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.links.works()
    }

    /// The shortest round trip on the link in use so far; `None` before the first.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.messages.round_trip()
    }

    /// Ends now, for this reason. Only a greeting that is on its way is waited for, so that the
    /// peer hears of it, and the answer to our `leave`, once: asked again, it ends at once.
    pub(super) fn abort(&mut self, reason: Reason, actions: &mut Actions) {
        let greeting_comes = !self.phase.greeted() && !self.links.is_empty();
        let answer_comes = self.nothing_owed() && self.links.works();
        let waits = self.setup.resuming && (greeting_comes || answer_comes);
        if waits && self.between.ending.is_none() {
            self.between.ending = Some((reason, self.now));
        } else {
            self.end_by_user(reason, actions);
        }
    }

    fn end_by_user(&mut self, reason: Reason, actions: &mut Actions) {
        if self.nothing_owed() {
            // Our goodbye is said already: a second one could only take back what the other side
            // has.
            self.end(Outcome::Aborted(reason), actions);
        } else {
            self.end_now(reason, Outcome::Aborted(reason), actions);
        }
    }

    /// Ends as the user has said, if that waited for a greeting or has waited for long.
    pub(super) fn end_if_asked(&mut self, is_long: bool, actions: &mut Actions) {
        let Some((reason, _)) = self.between.ending else { return };
        let greeted = self.phase.greeted() && !self.nothing_owed();
        if is_long || greeted || self.links.is_empty() {
            self.end_by_user(reason, actions);
        }
    }

    pub(super) fn link_up(
        &mut self,
        link: LinkId,
        linked: bool,
        most: usize,
        actions: &mut Actions,
    ) {
        // The host alone judges: a joiner may see one as working on which the host hears nothing.
        let beside = self.role == Role::Host && linked && self.links.works();
        let needless = beside && self.links.beside() >= self.wished_stripes();
        if link != LinkId::CODE && (needless || self.is_gone(link) || !self.setup.resuming) {
            actions.cut.push(link);
            return;
        }
        if self.role == Role::Host && !beside {
            // Its handshake has just passed, so it is better than one on which nothing does.
            if let Some(used) = self.links.in_use() {
                self.cut(used, actions);
            }
        }
        if !self.links.add(self.now, link, most) {
            actions.cut.push(link);
        }
    }

    /// The host alone puts a link into use, and `use` is its first record on it (SPEC 6.2).
    pub(super) fn ask(&mut self, actions: &mut Actions) {
        if self.role == Role::Host {
            while let Some((link, kind)) = self.links.ask(self.wished_stripes()) {
                let greeting = match kind {
                    Kind::Main => self.greeting(!self.phase.greeted()),
                    Kind::Stripe => Greeting::of_stripe(),
                };
                self.hand(link, &Control::Use(greeting), actions);
            }
        }
    }

    /// This side's greeting, which begins what the conversation has to know once (SPEC 6.2).
    fn greeting(&self, first: bool) -> Greeting {
        let (next, window) = self.messages.state();
        let ttl = u32::try_from(self.setup.ttl.as_secs()).unwrap_or(u32::MAX);
        let nonce = match &self.words {
            Words::Committed(commitment) => commitment.nonce().copied(),
            Words::Known(_) => None,
        };
        Greeting {
            next,
            window,
            want: first.then_some(self.setup.want),
            ttl: first.then_some(ttl),
            nonce: nonce.map(Into::into),
            stripe: None,
        }
    }

    /// `use` from the host, or `using` from the joiner.
    pub(super) fn greets(
        &mut self,
        link: LinkId,
        greeting: Greeting,
        actions: &mut Actions,
    ) -> Result<(), Violation> {
        let kind = if greeting.stripe.is_some() { Kind::Stripe } else { Kind::Main };
        if kind == Kind::Stripe && !self.is_striping() {
            return Err(Violation::StripesUnagreed);
        }
        let greeted = self.between.greeting.as_ref().map(|(greeted, _)| *greeted);
        let in_use = self.links.in_use() == Some(link) || self.links.is_stripe(link);
        if in_use || greeted == Some(link) {
            return Err(Violation::SecondGreeting);
        }
        if !self.links.awaits_greeting(link) {
            // It is being closed.
            return Ok(());
        }
        if self.role == Role::Host && self.links.asked(link) != Some(kind) {
            return Err(Violation::NotItsGreeting);
        }
        if kind == Kind::Stripe {
            return self.greets_stripe(link, actions);
        }
        actions.cut.extend(self.links.cut_others(link));
        self.note_loss(actions);
        self.between.greeting = Some((link, greeting));
        self.begin_use(actions)
    }

    /// Puts the link that was greeted into use, once nothing can come of those before it.
    fn begin_use(&mut self, actions: &mut Actions) -> Result<(), Violation> {
        let alone = |(link, _): &mut (LinkId, Greeting)| self.links.is_alone(*link);
        let Some((link, greeting)) = self.between.greeting.take_if(alone) else { return Ok(()) };
        if !self.open_commitment(&greeting, actions) {
            return Ok(());
        }
        self.links.put_in_use(link, Kind::Main);
        if self.role == Role::Joiner {
            let answer = self.greeting(greeting.want.is_some());
            self.hand(link, &Control::Using(answer), actions);
        }
        let is_later = self.phase.greeted();
        self.greeted(&greeting, actions)?;
        if self.phase.is_over() {
            return Ok(());
        }
        self.between.lost = None;
        let missed = core::mem::take(&mut self.between.told);
        if core::mem::take(&mut self.between.stalled) || missed {
            actions.events.push(Event::Link(LinkNews::Reconnected(link)));
        } else if is_later {
            actions.events.push(Event::Link(LinkNews::Replaced(link)));
        }
        Ok(())
    }

    /// Closes a link. It counts as lost once all that was read from it is told.
    pub(super) fn cut(&mut self, link: LinkId, actions: &mut Actions) {
        if self.links.cut(link) {
            actions.cut.push(link);
        }
        self.between.greeting.take_if(|(greeted, _)| *greeted == link);
        self.note_loss(actions);
    }

    /// Begins the time without a link, if none is in use. There are no stripes then.
    fn note_loss(&mut self, actions: &mut Actions) {
        if self.links.in_use().is_none() && self.phase.greeted() {
            actions.cut.extend(self.links.cut_stripes());
            self.between.lost.get_or_insert(self.now);
        }
    }

    pub(super) fn link_down(
        &mut self,
        link: LinkId,
        end: LinkEnd,
        actions: &mut Actions,
    ) -> Result<(), Violation> {
        match self.links.lost(link) {
            None => return Ok(()),
            Some(Was::Unused) => {}
            Some(Was::Stripe) => self.stripe_down(link),
            Some(Was::InUse) => {
                self.messages.link_lost();
                for transfer in self.running() {
                    transfer.link_lost();
                }
            }
        }
        if end == LinkEnd::Tampered {
            self.between.tampered = self.between.tampered.saturating_add(1);
            if !self.setup.resuming || self.between.tampered >= TAMPERED_LINKS {
                self.end(Outcome::Tampered, actions);
                return Ok(());
            }
            actions.events.push(Event::Link(LinkNews::Tampered(link)));
        }
        if !self.setup.resuming {
            self.end_with_link(actions);
            return Ok(());
        }
        self.between.greeting.take_if(|(greeted, _)| *greeted == link);
        self.note_loss(actions);
        self.begin_use(actions)
    }

    /// A link has waited in a read for longer than it may, or has not come into use in its time.
    pub(super) fn give_link_up(&mut self, link: LinkId, actions: &mut Actions) {
        if self.setup.resuming {
            self.cut(link, actions);
        } else {
            let _ = self.links.lost(link);
            self.end_with_link(actions);
        }
    }

    /// Ends with the only link that there can be.
    fn end_with_link(&mut self, actions: &mut Actions) {
        let outcome = if self.nothing_owed() {
            Outcome::Done
        } else if self.phase.greeted() {
            Outcome::LinkLost
        } else {
            Outcome::NeverHeard
        };
        self.end(outcome, actions);
    }

    /// The user has been told that nothing comes.
    pub(super) fn told_of_silence(&mut self) {
        self.between.stalled = true;
    }

    /// The user is told that something comes again.
    pub(super) fn flows(&mut self, link: LinkId, actions: &mut Actions) {
        if self.links.heard(link) {
            self.between.stalled = false;
            actions.events.push(Event::Link(LinkNews::Flowing));
        }
    }

    /// The user is told that there is no link.
    pub(super) fn tell_missing(&mut self, actions: &mut Actions) {
        self.between.told = true;
        actions.events.push(Event::Link(LinkNews::Reconnecting));
    }

    /// The end for a side that needs a link for nothing more than to say or hear a last word, and
    /// the time without one after which it comes; `None` if it needs one for more.
    pub(super) fn last_word_missed(&self) -> Option<(Outcome, Duration)> {
        let nothing_open = !self.has_unfinished() && self.theirs.is_empty();
        let said_all = self.finished && self.phase.is_leaving();
        match self.setup.want {
            _ if self.nothing_owed() => Some((Outcome::Done, LINK_PATIENCE)),
            // It has said all that it came to give.
            Want::Give if nothing_open && said_all => Some((Outcome::Done, LINK_PATIENCE)),
            // The giver has not said `leave`, so there may have been more.
            Want::Take if nothing_open && self.unverified.is_none() => {
                Some((Outcome::Unheard, TAKER_PATIENCE))
            }
            _ => None,
        }
    }
}
