//! Texts, secrets and transfers, in both directions: from their first message to their result
//! (SPEC 5.4 and 7).

use super::{Actions, Conversation, Event, Grant, OwnItem, PeerItem, PeerSecret};
use crate::limits::{self, CREDIT, FILE_CREDIT, ITEMS, PATH_ITEMS, TRANSFERS};
use crate::messages::window_bytes;
use crate::secret::SecretVec;
use crate::transfers::{Fault, Incoming, IncomingNews, Outgoing, OutgoingNews, Paths, Share};
use crate::violation::Violation;
use crate::wire::{
    Differences, Entry, EntryKind, ItemId, Message, Offer, Part, PathPart, PeerText, Reason,
};
use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

impl Conversation {
    /// A message of the peer's is whole.
    pub(super) fn message(
        &mut self,
        mut message: Message,
        actions: &mut Actions,
    ) -> Result<(), Violation> {
        let window = window_bytes(&message);
        match &mut message {
            Message::Text { item, body } => {
                let body = PeerText::new(core::mem::take(body));
                self.new_theirs(*item, PeerItem::Body(window))?;
                self.tell_held(Event::Text(*item, body), actions);
            }
            Message::Secret { item, label, body } => {
                let secret = PeerSecret(SecretVec::new(core::mem::take(body)));
                self.new_theirs(*item, PeerItem::Body(window))?;
                self.tell_held(
                    Event::Secret(*item, label.take().map(PeerText::new), secret),
                    actions,
                );
            }
            Message::Offer(offer) => {
                let open = self
                    .theirs
                    .values()
                    .filter(|theirs| matches!(theirs, PeerItem::Transfer(_)))
                    .count();
                let most = if self.setup.faithful { ITEMS } else { PATH_ITEMS };
                if open >= TRANSFERS || offer.items.is_empty() || offer.items.len() > most {
                    return Err(Violation::OfferOverLimits);
                }
                self.new_theirs(
                    offer.item,
                    PeerItem::Transfer(Box::new(Incoming::new(offer, self.setup.faithful))),
                )?;
                self.tell_held(Event::Offered(offer.clone()), actions);
            }
            Message::Paths(PathPart { item, first, entries }) => {
                let part =
                    PathPart { item: *item, first: *first, entries: core::mem::take(entries) };
                self.of_theirs(*item, actions, |transfer| transfer.paths(part))?;
            }
            Message::Entries(Part { item, first, entries }) => {
                let part = Part { item: *item, first: *first, entries: core::mem::take(entries) };
                self.of_theirs(*item, actions, |transfer| transfer.part(part))?;
            }
            Message::Gap { item, start, end, why } => {
                let range = *start..*end;
                if self.of_theirs(*item, actions, |transfer| transfer.gap(&range))? {
                    actions.events.push(Event::Gap {
                        transfer: *item,
                        range: *start..*end,
                        why: *why,
                    });
                }
            }
            Message::Have { item, .. } if !self.setup.proving || self.unsaid(*item) => {
                return Err(Violation::AskedOutOfTurn);
            }
            Message::Have { item, ranges } => match self.ours.get_mut(item) {
                Some(OwnItem::Running(transfer)) => {
                    let segments = transfer.have(ranges)?;
                    actions.events.push(Event::Prove(*item, segments));
                }
                Some(_) => return Err(Violation::AskedOutOfTurn),
                // Withdrawn meanwhile.
                None => {}
            },
            Message::Proof { item, hashes } => {
                if let Some(PeerItem::Transfer(transfer)) = self.theirs.get_mut(item) {
                    let proofs = transfer.proof(hashes)?;
                    let last = transfer.is_answered();
                    actions.events.push(Event::Proof { transfer: *item, proofs, last });
                    self.ask_for_proof(*item);
                }
            }
            Message::End { item, entries, bytes, differences } => {
                if let Some(PeerItem::Transfer(transfer)) = self.theirs.get_mut(item) {
                    transfer.end(*entries, *bytes, differences.take())?;
                }
                self.their_transfer(*item, actions);
            }
            Message::Accept { item } if self.unsaid(*item) => {
                return Err(Violation::AcceptedUnoffered);
            }
            Message::Accept { item } => match self.ours.remove(item) {
                Some(OwnItem::Offered(transfer)) => {
                    self.ours.insert(*item, OwnItem::Running(transfer));
                    actions.events.push(Event::Accepted(*item));
                    self.our_transfer(*item, actions, |_| ());
                }
                Some(ours) => {
                    self.ours.insert(*item, ours);
                    return Err(Violation::AcceptedTwice);
                }
                // Withdrawn meanwhile.
                None => {}
            },
            Message::Result { item, failed, differences } => {
                self.their_result(*item, *failed, differences.take(), actions)?
            }
            Message::Cancel { item, reason } => {
                if let Some(theirs) = self.theirs.remove(item) {
                    if let PeerItem::Body(window) = theirs {
                        self.messages.collected(window);
                    }
                    if !self.forget_unheard(*item) {
                        actions.events.push(Event::Cancelled(*item, *reason));
                    }
                }
            }
            Message::Verified => actions.events.push(Event::PeerVerified),
            Message::Leave { reason: Reason::Done } if self.phase.has_peer_left() => {
                return Err(Violation::SecondGoodbye);
            }
            Message::Leave { reason } => self.peer_leaves(*reason, actions),
        }
        Ok(())
    }

    fn new_theirs(&mut self, item: ItemId, theirs: PeerItem) -> Result<(), Violation> {
        if self.phase.has_peer_left() {
            return Err(Violation::AfterGoodbye);
        }
        if self.theirs.insert(item, theirs).is_some() {
            Err(Violation::NumberTwice)
        } else {
            Ok(())
        }
    }

    /// Does something to a transfer of the peer's, and what follows from it: true if it was lawful.
    fn of_theirs(
        &mut self,
        item: ItemId,
        actions: &mut Actions,
        change: impl FnOnce(&mut Incoming) -> Result<(), Fault>,
    ) -> Result<bool, Violation> {
        // Withdrawn or refused meanwhile.
        let Some(PeerItem::Transfer(transfer)) = self.theirs.get_mut(&item) else {
            return Ok(false);
        };
        match change(transfer) {
            Ok(()) => {
                self.their_transfer(item, actions);
                Ok(true)
            }
            Err(Fault::Count(violation)) => Err(violation),
            Err(Fault::Entry(reason, what)) => {
                self.result(item, Some(reason));
                actions.events.push(Event::Unfit(item, reason, what));
                Ok(false)
            }
        }
    }

    fn their_result(
        &mut self,
        item: ItemId,
        failed: Option<Reason>,
        differences: Option<Differences>,
        actions: &mut Actions,
    ) -> Result<(), Violation> {
        if differences
            .as_ref()
            .is_some_and(|differences| !self.setup.faithful || !differences.is_lawful())
        {
            return Err(Violation::ManyDifferences);
        }
        if self.unsaid(item) {
            return Err(Violation::AnsweredUnsent);
        }
        let Some(ours) = self.ours.remove(&item) else { return Ok(()) };
        self.finished = true;
        let possible = match &ours {
            OwnItem::Body => true,
            OwnItem::Offered(_) => false,
            OwnItem::Running(transfer) => transfer.end_said(),
        };
        actions.events.push(match failed {
            Some(reason) => Event::Failed(item, reason),
            None if possible => Event::Delivered(item, differences.unwrap_or_default()),
            None => return Err(Violation::DeliveredUnsent),
        });
        if let OwnItem::Running(_) = ours {
            // Entries that wait are of no use any more.
            self.messages.withdraw(item);
        }
        self.open_offers();
        Ok(())
    }

    /// Sends the peer the result of its item.
    pub(super) fn result(&mut self, item: ItemId, failed: Option<Reason>) {
        self.full_result(item, failed, None);
    }

    /// A transfer of the peer's is delivered, but for what differs.
    pub(super) fn committed(&mut self, item: ItemId, differences: Differences) {
        self.full_result(
            item,
            None,
            (self.setup.faithful && !differences.is_empty()).then_some(differences),
        );
    }

    fn full_result(
        &mut self,
        item: ItemId,
        failed: Option<Reason>,
        differences: Option<Differences>,
    ) {
        let Some(theirs) = self.theirs.remove(&item) else { return };
        if let PeerItem::Body(window) = theirs {
            self.collected(window);
        }
        self.finished = true;
        self.messages.send(Message::Result { item, failed, differences });
    }

    /// The peer's text or secret is delivered, and its part of the window stays taken.
    pub(super) fn hold(&mut self, item: ItemId) {
        if let Some(PeerItem::Body(window)) = self.theirs.get_mut(&item) {
            self.uncollected.insert(item, core::mem::take(window));
        }
        self.result(item, None);
    }

    /// So much of the window is free again.
    pub(super) fn collected(&mut self, window: u64) {
        self.messages.collected(window);
        self.state.received = true;
    }

    pub(super) fn cancel(&mut self, item: ItemId, reason: Reason, actions: &mut Actions) {
        if let Some(index) = self.queued.iter().position(|offer| offer.item == item) {
            self.queued.remove(index);
            actions.events.push(Event::Failed(item, reason));
        } else if self.ours.remove(&item).is_some() {
            if let Some(held) = &mut self.unverified {
                held.take_back(item);
            }
            if !self.messages.withdraw(item) {
                self.messages.send(Message::Cancel { item, reason });
            }
            actions.events.push(Event::Failed(item, reason));
            self.open_offers();
        }
    }

    /// The most that a transfer's credit may grow to. Striping is the word for both sides' patience
    /// with more pieces.
    pub(super) const fn most_credit(&self) -> u64 {
        if self.is_striping() { FILE_CREDIT } else { CREDIT }
    }

    /// Offers as many of the queued as may be open at a time.
    pub(super) fn open_offers(&mut self) {
        while !self.queued.is_empty()
            && self.ours.values().filter(|ours| !matches!(ours, OwnItem::Body)).count() < TRANSFERS
        {
            let Some(offer) = self.queued.pop_front() else { return };
            let paths = (!self.setup.faithful).then(|| Paths::new(&offer));
            let transfer = Outgoing::new(paths, offer.bytes, limits::pieces(self.most_credit()));
            self.ours.insert(offer.item, OwnItem::Offered(Box::new(transfer)));
            self.say_held(Message::Offer(offer));
        }
    }

    /// True if something of ours has not been sent to the peer, so that its words about it are a
    /// guess at the number: they could take what `--verify` holds back.
    pub(super) fn unsaid(&self, item: ItemId) -> bool {
        let held = self.unverified.as_ref().is_some_and(|held| held.holds(item));
        held || self.messages.is_unsaid(item)
    }

    /// An offer of ours that the peer has not heard of: how much there is must not reach it sooner
    /// than what there is.
    pub(super) fn unsaid_offer(&mut self, item: ItemId) -> Option<&mut Offer> {
        let held = self.unverified.iter_mut().flat_map(|held| &mut held.ours);
        let held =
            held.filter_map(
                |message| if let Message::Offer(offer) = message { Some(offer) } else { None },
            );
        held.chain(&mut self.queued).find(|offer| offer.item == item)
    }

    /// Asks the next question about what is here of a transfer from another day, if there is one.
    pub(super) fn ask_for_proof(&mut self, item: ItemId) {
        let Some(PeerItem::Transfer(transfer)) = self.theirs.get_mut(&item) else { return };
        if let Some(ranges) = transfer.question() {
            self.messages.send(Message::Have { item, ranges });
        }
    }

    pub(super) fn our_part(&mut self, item: ItemId, entries: Vec<Entry>, actions: &mut Actions) {
        let Some(OwnItem::Running(transfer)) = self.ours.get_mut(&item) else { return };
        let stream =
            entries.iter().any(|entry| entry.kind == EntryKind::File && entry.size.is_none());
        let bytes =
            entries.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.size.unwrap_or(0)));
        let bytes = if stream { u64::MAX } else { bytes };
        let first = transfer.part(u32::try_from(entries.len()).unwrap_or(u32::MAX), bytes, stream);
        let said = transfer.said(item, first, entries);
        self.messages.send(said);
        self.our_transfer(item, actions, |_| ());
    }

    /// No bytes come of a range of our transfer. Once all was said to be there, what has to be sent
    /// again and cannot be had takes the transfer with it (SPEC 7.5).
    pub(super) fn our_gap(
        &mut self,
        item: ItemId,
        range: Range<u64>,
        why: Option<Reason>,
        actions: &mut Actions,
    ) {
        let Some(OwnItem::Running(transfer)) = self.ours.get_mut(&item) else { return };
        if transfer.end_said() {
            if transfer.owes(&range) {
                self.cancel(item, why.unwrap_or(Reason::SourceChanged), actions);
            }
            return;
        }
        if transfer.gap(range.clone()) {
            self.messages.send(Message::Gap { item, start: range.start, end: range.end, why });
        }
        self.our_transfer(item, actions, |_| ());
    }

    /// Changes a transfer of ours, then says what follows: parts wanted, ranges granted, all read.
    pub(super) fn our_transfer(
        &mut self,
        item: ItemId,
        actions: &mut Actions,
        change: impl FnOnce(&mut Outgoing),
    ) {
        let mut carriers = self.carriers();
        let Some(OwnItem::Running(transfer)) = self.ours.get_mut(&item) else { return };
        change(transfer);
        let alone = if self.messages.is_far() { Share::Far } else { Share::Near };
        // One at a time to each in turn, or the first would take all of the credit.
        while !carriers.is_empty() {
            carriers.retain(|link| {
                let share = if self.links.is_stripe(*link) { Share::Stripe } else { alone };
                let ranges = transfer.grants(*link, self.links.grants(*link).min(1), share);
                self.links.granted(*link, ranges.len());
                let grant = |range| Grant { link: *link, transfer: item, range };
                let before = actions.grants.len();
                actions.grants.extend(ranges.into_iter().map(grant));
                actions.grants.len() > before
            });
        }
        while let Some(news) = transfer.news() {
            actions.events.push(match news {
                OutgoingNews::PartWanted => Event::PartWanted(item),
                OutgoingNews::AllRead => Event::AllRead(item),
            });
        }
    }

    /// The transfers of ours that run, to be looked at.
    pub(super) fn sending(&self) -> impl Iterator<Item = &Outgoing> {
        self.ours.values().filter_map(|ours| match ours {
            OwnItem::Running(transfer) => Some(&**transfer),
            OwnItem::Body | OwnItem::Offered(_) => None,
        })
    }

    /// The transfers of ours that run.
    pub(super) fn running(&mut self) -> impl Iterator<Item = &mut Outgoing> {
        self.ours.values_mut().filter_map(|ours| match ours {
            OwnItem::Running(transfer) => Some(&mut **transfer),
            OwnItem::Body | OwnItem::Offered(_) => None,
        })
    }

    /// Grants what a link can take again of all transfers of ours.
    pub(super) fn grant_all(&mut self, actions: &mut Actions) {
        let running = |(item, ours): (&ItemId, &OwnItem)| {
            matches!(ours, OwnItem::Running(_)).then_some(*item)
        };
        for item in self.ours.iter().filter_map(running).collect::<Vec<_>>() {
            self.our_transfer(item, actions, |_| ());
        }
    }

    /// Nothing has to come of ranges of a transfer of the peer's any more.
    pub(super) fn passed(
        &mut self,
        item: ItemId,
        ranges: impl IntoIterator<Item = Range<u64>>,
        actions: &mut Actions,
    ) {
        if let Some(PeerItem::Transfer(transfer)) = self.theirs.get_mut(&item) {
            for range in ranges {
                if transfer.passed(range) {
                    self.rest.renew(self.now);
                }
            }
            actions.events.push(Event::Progress(item, transfer.progress()));
        }
        self.their_transfer(item, actions);
    }

    /// Tells the news that follow from a change to a transfer of the peer's.
    pub(super) fn their_transfer(&mut self, item: ItemId, actions: &mut Actions) {
        let Some(PeerItem::Transfer(transfer)) = self.theirs.get_mut(&item) else { return };
        self.state.credit.insert(item);
        while let Some(news) = transfer.news() {
            actions.events.push(match news {
                IncomingNews::Register(part) => Event::Register(part),
                IncomingNews::Whole(whole) => Event::Whole(item, whole),
            });
        }
    }
}
