//! Stripes: links beside the one in use, for bulk (SPEC 6.3). How many both sides wish for, and the
//! word about each that has ended.

use super::pace::{Line, Pace};
use super::{Actions, Conversation, PeerItem, Role};
use crate::limits::{LINKS, STRIPE_REST};
use crate::links::{Kind, LinkId};
use crate::time::Instant;
use crate::transfers::Outgoing;
use crate::violation::Violation;
use crate::wire::{Control, Greeting};
use alloc::{collections::VecDeque, vec::Vec};

/// Everything about stripes that no single one of them has.
#[derive(Default)]
pub(super) struct Stripes {
    /// The rate of this side's bulk, and the stripes that would help it.
    pace: Pace,
    /// Stripes of a fixed number, whatever the rate is.
    fixed: Option<usize>,
    /// Stripes that are to stay open: more than are wished, while one of the others still holds
    /// something, or may be wished for again.
    kept: usize,
    /// Stripes that would help the bulk of the peer.
    theirs: usize,
    /// Number of ours that the link in use has.
    said: usize,
    /// Ended stripes of which the peer is told once it knows what came of them.
    ended: VecDeque<LinkId>,
    /// The latest links of which the peer has said the end before they were here.
    gone: VecDeque<LinkId>,
    /// None is made before.
    rests: Option<Instant>,
}

impl Stripes {
    /// A link comes into use: on it both numbers are 0 until they are said. What the last one
    /// carried or had beside it is known by its greetings.
    pub(super) fn begin(&mut self, now: Instant) {
        (self.said, self.theirs) = (0, 0);
        self.ended.clear();
        self.pace.on_another_way(now);
    }

    /// Stripes that would help the bulk of this side.
    fn ours(&self) -> usize {
        self.fixed.unwrap_or_else(|| self.pace.wished())
    }

    /// Stripes that carry bulk of this side where there are more.
    fn carrying(&self) -> usize {
        self.ours().max(self.theirs)
    }

    /// The number of ours, if the link in use does not have it. A joiner says what it keeps where
    /// the host, which alone closes any, does not wish for so many itself: what each side keeps
    /// would else be wished for by the other, which keeps it.
    fn news(&mut self, role: Role) -> Option<u32> {
        let keeps = role == Role::Joiner && self.kept > self.carrying();
        let ours = if keeps { self.kept } else { self.ours() };
        let is_new = core::mem::replace(&mut self.said, ours) != ours;
        is_new.then(|| u32::try_from(ours).unwrap_or(u32::MAX))
    }
}

impl Conversation {
    /// Number of stripes to be made now, in the way of the link in use.
    #[must_use]
    pub fn needs_stripes(&self) -> usize {
        let rests = self.stripes.rests.is_some_and(|until| self.now < until);
        if rests || self.phase.is_over() || !self.phase.greeted() || !self.links.works() {
            return 0;
        }
        self.wished_stripes().saturating_sub(self.links.beside())
    }

    /// Stripes that help one side or the other, as far as there may be so many.
    pub(super) fn wished_stripes(&self) -> usize {
        if !self.is_striping() {
            return 0;
        }
        self.stripes.carrying().max(self.stripes.kept).min(self.most_stripes())
    }

    /// Stripes that there may be, whatever the peer wishes.
    fn most_stripes(&self) -> usize {
        let bears = || self.links.most_stripes();
        self.stripes.fixed.map_or_else(bears, |fixed| fixed.min(LINKS.saturating_sub(1)))
    }

    pub(super) const fn is_striping(&self) -> bool {
        self.setup.striping && self.setup.resuming
    }

    /// So many are wished for the bulk of this side, or as many as help it.
    pub(super) fn fix_stripes(&mut self, count: Option<usize>) {
        self.stripes.fixed = count;
    }

    /// The peer has written so many bytes more that links have brought: that is the rate by which
    /// stripes are judged.
    pub(super) fn brought(&mut self, bytes: u64) {
        if !self.is_striping() {
            return;
        }
        let line = Line {
            most: self.most_stripes(),
            stripes: self.links.stripes().count(),
            round_trip: self.round_trip(),
            left: self.sending().fold(0, |left, transfer| left.saturating_add(transfer.left())),
            small: self.sending().all(Outgoing::is_small),
            full: self.carriers().into_iter().all(|link| {
                self.links.grants(link) == 0 || self.sending().any(|transfer| transfer.fills(link))
            }),
        };
        self.stripes.pace.wrote(self.now, bytes, &line);
    }

    /// The links that carry our bulk: as many stripes as are wished, or without any the link in
    /// use.
    pub(super) fn carriers(&self) -> Vec<LinkId> {
        let stripes: Vec<_> = self.links.stripes().take(self.stripes.carrying()).collect();
        if stripes.is_empty() { self.links.in_use().into_iter().collect() } else { stripes }
    }

    /// Without bulk of its own, this side wishes for no stripes. Those that it wishes for no longer
    /// stay until they have brought what they hold, which would have to be sent again.
    pub(super) fn settle_stripes(&mut self) {
        if self.sending().next().is_none() {
            self.stripes.kept = 0;
            if self.stripes.pace.wished() > 0 {
                self.stripes.pace.rest();
            }
            return;
        }
        let holds = |link| self.sending().any(|transfer| transfer.holds(link));
        let last = self.links.stripes().rev().position(holds);
        let count = self.links.stripes().count();
        let holding = last.map_or(0, |after| count.saturating_sub(after));
        let open = if self.stripes.fixed.is_none() { self.stripes.pace.open() } else { 0 };
        self.stripes.kept = holding.max(open);
    }

    /// So many would help the bulk of the peer.
    pub(super) fn their_stripes(&mut self, count: u32) -> Result<(), Violation> {
        if !self.is_striping() {
            return Err(Violation::StripesUnagreed);
        }
        self.stripes.theirs = usize::try_from(count).unwrap_or(usize::MAX);
        Ok(())
    }

    /// Cuts the stripes that would hold up the end of a transfer.
    pub(super) fn cut_lagging_stripes(&mut self, actions: &mut Actions) {
        let at = (self.now, self.round());
        let lags = |link: &LinkId| self.sending().any(|transfer| transfer.lags(*link, at));
        for link in self.links.stripes().filter(lags).collect::<Vec<_>>() {
            self.cut(link, actions);
        }
    }

    /// `use` or `using` of a stripe, which is asked for if this is the host. It comes into use at
    /// once, beside the link that works; without one it is closed.
    pub(super) fn greets_stripe(
        &mut self,
        link: LinkId,
        actions: &mut Actions,
    ) -> Result<(), Violation> {
        if !self.phase.greeted() {
            return Err(Violation::NotItsGreeting);
        }
        // The host had one with a lower index beside a link that is gone.
        let is_late = self.role == Role::Joiner && Some(link) < self.links.in_use();
        let is_one_too_many = self.links.stripes().count() >= self.most_stripes();
        if !self.links.works() || is_late || is_one_too_many {
            self.cut(link, actions);
            return Ok(());
        }
        self.links.put_in_use(link, Kind::Stripe);
        if self.role == Role::Joiner {
            self.hand(link, &Control::Using(Greeting::of_stripe()), actions);
        }
        self.grant_all(actions);
        Ok(())
    }

    /// Closes the stripes that neither side wishes for, the latest first. The host alone judges: a
    /// joiner may hear of a stripe before it hears of the wish, on another link.
    pub(super) fn close_needless_stripes(&mut self, actions: &mut Actions) {
        if self.role == Role::Joiner {
            return;
        }
        let needless = self.links.stripes().count().saturating_sub(self.wished_stripes());
        for link in self.links.stripes().rev().take(needless).collect::<Vec<_>>() {
            self.cut(link, actions);
        }
    }

    /// A stripe has ended, and all that was read of it is told. The peer hears so after all
    /// credits, unless the link in use is gone too: then the next one's greeting says it.
    pub(super) fn stripe_down(&mut self, link: LinkId) {
        self.stripes.rests = Some(self.now.after(STRIPE_REST));
        for transfer in self.running() {
            transfer.stripe_lost(link);
        }
        if self.links.in_use().is_none() {
            return;
        }
        let left = self.links.stripes().count();
        if left < self.stripes.pace.wished() {
            self.stripes.pace.lost(self.now, left);
        }
        self.stripes.ended.push_back(link);
        for (item, theirs) in &mut self.theirs {
            if let PeerItem::Transfer(transfer) = theirs {
                transfer.say_again();
                self.state.credit.insert(*item);
            }
        }
    }

    /// True if the peer has said that a link has ended.
    pub(super) fn is_gone(&self, link: LinkId) -> bool {
        self.stripes.gone.contains(&link)
    }

    /// Of a stripe nothing more comes to the peer. One that has not been used here yet, or is not
    /// here yet, never is: nobody would say the end of it again.
    pub(super) fn dropped(&mut self, link: LinkId, actions: &mut Actions) -> Result<(), Violation> {
        if !self.is_striping() {
            return Err(Violation::StripesUnagreed);
        }
        if self.links.in_use() != Some(link) {
            if self.links.has(link) {
                self.cut(link, actions);
            } else {
                self.stripes.gone.push_back(link);
                if self.stripes.gone.len() > LINKS {
                    self.stripes.gone.pop_front();
                }
            }
            for transfer in self.running() {
                transfer.dropped(link);
            }
            self.grant_all(actions);
        }
        Ok(())
    }

    /// The next word about stripes. That one has ended goes after all credits that name what came
    /// of it, and after the results of transfers of which nothing is named any more.
    pub(super) fn next_of_stripes(&mut self) -> Option<Control> {
        if !self.is_striping() {
            return None;
        }
        if self.messages.answers_handed_out() {
            if let Some(link) = self.stripes.ended.pop_front() {
                return Some(Control::Drop { link: link.0 });
            }
        }
        self.stripes.news(self.role).map(|count| Control::Stripes { count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_keeps_is_wished_by_nobody_for_ever() {
        let news = |role, theirs, kept| {
            let mut stripes = Stripes { theirs, kept, said: 7, ..Stripes::default() };
            stripes.news(role)
        };
        // The host may close them, and knows what it keeps.
        assert_eq!(news(Role::Joiner, 0, 2), Some(2));
        assert_eq!(news(Role::Host, 0, 2), Some(0));
        // They stay anyway, until the host wishes for them no longer.
        assert_eq!(news(Role::Joiner, 2, 2), Some(0));
        assert_eq!(news(Role::Joiner, 2, 3), Some(3));
    }
}
