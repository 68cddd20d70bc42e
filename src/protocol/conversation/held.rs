//! Everything that `--verify` holds back until the person here has compared the words (SPEC 8.3).

use super::{Actions, Conversation, Event};
use crate::wire::{ItemId, Message, Offer};
use alloc::collections::{BTreeSet, VecDeque};

/// Everything that waits until the person here has compared the words (SPEC 8.3). The peer's part
/// of it is bounded by the window and the number of its offers.
#[derive(Default)]
pub(super) struct Held {
    /// Messages that are not sent.
    pub(super) ours: VecDeque<Message>,
    /// Texts, secrets and offers of the peer's of which nobody has heard.
    theirs: VecDeque<Event>,
}

impl Held {
    /// The place of the peer's item among what nobody has heard of.
    fn place(&self, item: ItemId) -> Option<usize> {
        self.theirs.iter().position(|event| about(event) == Some(item))
    }

    /// True if something of ours is not sent.
    pub(super) fn holds(&self, item: ItemId) -> bool {
        self.ours.iter().any(|message| concerns(message, item))
    }

    /// Drops something of ours.
    pub(super) fn take_back(&mut self, item: ItemId) {
        self.ours.retain(|message| !concerns(message, item));
    }

    /// Drops all that is the peer's, and says what that was.
    pub(super) fn forget_theirs(&mut self) -> BTreeSet<ItemId> {
        core::mem::take(&mut self.theirs).iter().filter_map(about).collect()
    }
}

/// The peer's new item that an event tells of.
const fn about(event: &Event) -> Option<ItemId> {
    match event {
        Event::Text(item, _) | Event::Secret(item, ..) | Event::Offered(Offer { item, .. }) => {
            Some(*item)
        }
        _ => None,
    }
}

fn concerns(message: &Message, what: ItemId) -> bool {
    match message {
        Message::Text { item, .. } | Message::Secret { item, .. } => *item == what,
        Message::Offer(offer) => offer.item == what,
        _ => false,
    }
}

impl Conversation {
    /// Sends a message, or keeps it until the person here has compared the verification words.
    pub(super) fn say_held(&mut self, message: Message) {
        match &mut self.unverified {
            Some(held) => held.ours.push_back(message),
            None => self.messages.send(message),
        }
    }

    /// Tells of something new of the peer's, or keeps it until the person here has compared the
    /// verification words.
    pub(super) fn tell_held(&mut self, event: Event, actions: &mut Actions) {
        match &mut self.unverified {
            Some(held) => held.theirs.push_back(event),
            None => actions.events.push(event),
        }
    }

    /// Something of the peer's of which nobody here has heard yet.
    pub(super) fn unheard(&mut self, item: ItemId) -> Option<&mut Event> {
        let held = self.unverified.as_mut()?;
        let index = held.place(item)?;
        held.theirs.get_mut(index)
    }

    /// Tells of a transfer of the peer's, after its offer, how far it is counted; the latest
    /// counts.
    pub(super) fn tell_after(&mut self, of: ItemId, count: Event) {
        let Some(held) = &mut self.unverified else { return };
        held.theirs
            .retain(|event| !matches!(event, Event::Counted { transfer, .. } if *transfer == of));
        held.theirs.push_back(count);
    }

    /// Forgets what nobody here has heard of: true if there was such a thing.
    pub(super) fn forget_unheard(&mut self, item: ItemId) -> bool {
        let Some(held) = &mut self.unverified else { return false };
        held.theirs
            .retain(|event| !matches!(event, Event::Counted { transfer, .. } if *transfer == item));
        held.place(item).and_then(|index| held.theirs.remove(index)).is_some()
    }

    pub(super) fn verified_here(&mut self, actions: &mut Actions) {
        let Some(held) = self.unverified.take() else { return };
        self.messages.send(Message::Verified);
        for message in held.ours {
            self.messages.send(message);
        }
        actions.events.extend(held.theirs);
        self.tell_held_places(actions);
    }
}
