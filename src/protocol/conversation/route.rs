//! From each input to the part that it concerns.

use super::outbound::Count;
use super::{
    Actions, Conversation, Event, Input, LinkEnd, LinkNews, Outcome, OwnItem, PeerItem, Role, Words,
};
use crate::keys::OtherNonce;
use crate::links::{LinkId, Silence};
use crate::time::Instant;
use crate::violation::Violation;
use crate::wire::{Control, Greeting, Message, Offer, Reason, read};
use core::time::Duration;

impl Conversation {
    /// Tells the conversation what happened and returns what to do. After [`Event::Over`] it has
    /// nothing more to say.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) -> Actions {
        let mut actions = Actions::default();
        if let Input::Taken(link) = input {
            self.links.taken(link);
        }
        if self.phase.is_over() {
            // The last words go out as the link takes them (SPEC 8.5).
            self.hand_out(&mut actions);
            return actions;
        }
        self.now = now;
        if let Err(violation) = self.route(input, &mut actions) {
            self.end_now(Reason::Protocol, Outcome::Violated(violation), &mut actions);
        }
        if !self.phase.is_over() {
            self.live(&mut actions);
        }
        self.hand_out(&mut actions);
        if !self.phase.is_over() {
            actions.wake_at = self.wake_at();
        }
        actions
    }

    fn route(&mut self, input: Input<'_>, actions: &mut Actions) -> Result<(), Violation> {
        match input {
            Input::LinkUp { link, linked, most } => self.link_up(link, linked, most, actions),
            Input::LinkDown(_, LinkEnd::Malformed) => {
                return Err(Violation::UnreadableRecord);
            }
            Input::LinkDown(link, end) => self.link_down(link, end, actions)?,
            Input::Quiet(link, waited) => match self.links.quiet(link, waited, self.has_work()) {
                Silence::Fine => {}
                Silence::Stalled => {
                    actions.cut.extend(self.links.cut_stripes());
                    self.told_of_silence();
                    actions.events.push(Event::Link(LinkNews::Stalled));
                }
                Silence::Dead => self.give_link_up(link, actions),
            },
            Input::Places(places) => self.places.set(places),
            Input::Control(link, body) => {
                self.flows(link, actions);
                let control = read(body).ok_or(Violation::UnreadableControl)?;
                self.control(link, control, actions)?;
            }
            // Whoever has said goodbye is not listened to any more, and would be told that all is
            // done.
            Input::Body(item, _) | Input::Offer(Offer { item, .. }) if self.phase.is_leaving() => {
                actions.events.push(Event::Failed(item, Reason::Done));
            }
            Input::Body(item, body) => {
                self.ours.insert(item, OwnItem::Body);
                self.say_held(body.into_message());
            }
            Input::Offer(offer) => {
                self.queued.push_back(offer);
                self.open_offers();
            }
            Input::Counted { transfer, bytes, entries, counted } => {
                // "This is all" goes out after the offer, which would be held to it.
                let unsaid = if let Some(offer) = self.unsaid_offer(transfer) {
                    (offer.bytes, offer.entries) = (bytes, entries);
                    true
                } else {
                    false
                };
                if let Some(OwnItem::Offered(ours) | OwnItem::Running(ours)) =
                    self.ours.get_mut(&transfer)
                {
                    ours.counted(bytes);
                }
                if counted || !unsaid {
                    let count = Count { bytes, entries, all: counted, said: false };
                    self.state.counted.insert(transfer, count);
                }
            }
            Input::Part(item, entries) => self.our_part(item, entries, actions),
            Input::Total(item, bytes) => {
                self.our_transfer(item, actions, |transfer| transfer.total(bytes))
            }
            Input::Available(item, position) => {
                self.our_transfer(item, actions, |transfer| transfer.available(position))
            }
            Input::Sent(link, item) => {
                self.links.served(link);
                self.our_transfer(item, actions, |transfer| transfer.sent(link));
            }
            Input::Unserved(link) => {
                self.links.served(link);
                self.grant_all(actions);
            }
            Input::Gap(item, range, why) => self.our_gap(item, range, why, actions),
            Input::Checked(item, differences) => {
                let end = if let Some(OwnItem::Running(transfer)) = self.ours.get_mut(&item) {
                    transfer.end()
                } else {
                    None
                };
                if let Some((entries, bytes)) = end {
                    let differences =
                        (self.setup.faithful && !differences.is_empty()).then_some(differences);
                    self.messages.send(Message::End { item, entries, bytes, differences });
                }
            }
            Input::Cancel(item, reason) => self.cancel(item, reason, actions),
            Input::Accept(item, most) => {
                let most = most.min(self.most_credit());
                if let Some(PeerItem::Transfer(transfer)) = self.theirs.get_mut(&item) {
                    transfer.accept(most);
                    self.state.credit.insert(item);
                    self.say_held(Message::Accept { item });
                }
            }
            Input::Refuse(item, reason) => self.result(item, Some(reason)),
            Input::Kept(item) => self.result(item, None),
            Input::Committed(item, differences) => self.committed(item, differences),
            Input::Held(item) => self.hold(item),
            Input::Collected(item) => {
                if let Some(window) = self.uncollected.remove(&item) {
                    self.collected(window);
                }
            }
            Input::Have(item, ranges) => {
                if let Some(PeerItem::Transfer(transfer)) = self.theirs.get_mut(&item) {
                    transfer.have(ranges);
                    // Nothing of the part: there is nothing to wait for.
                    if transfer.is_answered() {
                        transfer.registered();
                    }
                }
                self.ask_for_proof(item);
                self.their_transfer(item, actions);
            }
            Input::Proof(item, hashes) => {
                if let Some(OwnItem::Running(transfer)) = self.ours.get_mut(&item) {
                    if transfer.proved(hashes.len()) {
                        self.messages.send(Message::Proof { item, hashes: hashes.concat() });
                    }
                }
            }
            Input::Registered(item) => {
                if let Some(PeerItem::Transfer(transfer)) = self.theirs.get_mut(&item) {
                    transfer.registered();
                }
                self.their_transfer(item, actions);
            }
            Input::Wrote(item, range) => {
                let round_trip = self.round_trip();
                if let Some(PeerItem::Transfer(transfer)) = self.theirs.get_mut(&item) {
                    if transfer.wrote(range, self.now, round_trip)? {
                        self.rest.renew(self.now);
                        self.between.progress();
                    }
                    actions.events.push(Event::Progress(item, transfer.progress()));
                }
                // A stripe's bytes say nothing of the link in use.
                let alone = |link: &LinkId| self.links.is_alone(*link);
                if let Some(link) = self.links.in_use().filter(alone) {
                    self.flows(link, actions);
                }
                self.their_transfer(item, actions);
            }
            Input::Passed(item, range) => self.passed(item, [range], actions),
            Input::Proved(item, ranges) => self.passed(item, ranges, actions),
            Input::Stripes(count) => self.fix_stripes(count),
            Input::Verified => self.verified_here(actions),
            Input::Leave => self.phase = self.phase.on_leave(),
            Input::Abort(reason) => self.abort(reason, actions),
            // The link's room is counted before all else.
            Input::Taken(_) | Input::Tick => {}
        }
        Ok(())
    }

    fn control(
        &mut self,
        link: LinkId,
        control: Control,
        actions: &mut Actions,
    ) -> Result<(), Violation> {
        match control {
            Control::Use(greeting) if self.role == Role::Joiner => {
                self.greets(link, greeting, actions)?;
            }
            Control::Using(greeting) if self.role == Role::Host => {
                self.greets(link, greeting, actions)?;
            }
            Control::Use(_) | Control::Using(_) => {
                return Err(Violation::NotItsGreeting);
            }
            _ if self.links.awaits_greeting(link) => return Err(Violation::EarlyControl),
            Control::Heartbeat { work } if self.links.is_stripe(link) => {
                self.links.peer_beat(link, work);
            }
            _ if self.links.is_stripe(link) => return Err(Violation::OnStripe),
            // Nothing that was ever in use has brought it.
            _ if !self.links.counts(link) => {}
            Control::Fragment { number, last, bytes } => {
                let message = self.messages.fragment(number, last, &bytes)?;
                if let Some(message) = message {
                    self.rest.renew(self.now);
                    self.between.progress();
                    self.state.received = true;
                    self.message(message, actions)?;
                }
            }
            Control::Received { next, window } => self.acknowledged(next, window, actions)?,
            Control::Credit { transfer, limit, parts, written } => {
                let (mut brought, moment) = (0, (self.now, self.round()));
                if let Some(OwnItem::Running(outgoing)) = self.ours.get_mut(&transfer) {
                    let (before, _) = outgoing.written();
                    brought = outgoing.credit(moment, limit, parts, &written)?;
                    let (done, frontier) = outgoing.written();
                    if done > before {
                        self.rest.renew(self.now);
                        self.between.progress();
                    }
                    actions.events.push(Event::Written { transfer, done, frontier });
                }
                self.our_transfer(transfer, actions, |_| ());
                self.brought(brought);
            }
            Control::Counted { transfer, bytes, entries, counted } => {
                if let Some(unheard) = self.unheard(transfer) {
                    if let Event::Offered(offer) = unheard {
                        (offer.bytes, offer.entries) = (bytes, entries);
                        self.tell_after(
                            transfer,
                            Event::Counted { transfer, bytes, entries, counted },
                        );
                    }
                } else if let Some(PeerItem::Transfer(_)) = self.theirs.get(&transfer) {
                    actions.events.push(Event::Counted { transfer, bytes, entries, counted });
                }
            }
            Control::Heartbeat { work } => self.links.peer_beat(link, work),
            Control::Places(places) => self.their_places(places, actions)?,
            Control::Drop { link } => self.dropped(LinkId(link), actions)?,
            Control::Stripes { count } => self.their_stripes(count)?,
        }
        Ok(())
    }

    /// Opens the commitment with the first greeting, whichever link brings it (SPEC 3.5): false,
    /// and the end, if it is not the host's.
    pub(super) fn open_commitment(&mut self, greeting: &Greeting, actions: &mut Actions) -> bool {
        let Words::Committed(commitment) = &self.words else { return true };
        match commitment.open(greeting.nonce.as_deref()) {
            Ok(verifier) => {
                self.words = Words::Known(verifier);
                true
            }
            Err(OtherNonce) => {
                self.end(Outcome::Tampered, actions);
                false
            }
        }
    }

    /// The peer's state: it has our messages before `next`, and its window is this.
    fn acknowledged(
        &mut self,
        next: u64,
        window: u64,
        actions: &mut Actions,
    ) -> Result<(), Violation> {
        if let Some(heard) = self.messages.acknowledged(self.now, next, window)? {
            self.rest.renew(self.now);
            self.between.progress();
            actions.events.extend(heard.into_iter().map(Event::Heard));
        }
        Ok(())
    }

    /// The other side's greeting: its state, and the first time what it came for.
    pub(super) fn greeted(
        &mut self,
        greeting: &Greeting,
        actions: &mut Actions,
    ) -> Result<(), Violation> {
        if greeting.want.is_none() && !self.phase.greeted() {
            return Err(Violation::NoWant);
        }
        self.acknowledged(greeting.next, greeting.window, actions)?;
        if let (Some(want), false) = (greeting.want, self.phase.greeted()) {
            self.phase = self.phase.on_greeting();
            self.rest.renew(self.now);
            if let Some(ttl) = greeting.ttl {
                self.rest.shorten(Duration::from_secs(u64::from(ttl)));
            }
            if want == self.setup.want && want != crate::wire::Want::Both {
                self.end(Outcome::SameRole, actions);
                return Ok(());
            }
            actions.events.push(Event::Connected(want));
        }
        // Everything said before there was a link, and all that the old one may have lost.
        self.messages.again();
        self.places.say_again();
        self.stripes.begin(self.now);
        self.state.counted.values_mut().for_each(|count| count.said = false);
        for (item, theirs) in &mut self.theirs {
            if let PeerItem::Transfer(transfer) = theirs {
                transfer.say_again();
                self.state.credit.insert(*item);
            }
        }
        self.open_offers();
        Ok(())
    }
}
