//! The protocol between two peers over one link or more: told what happened, answers what to do
//! (SPEC 5 to 8).
//!
//! [`Conversation`] only routes. The work is in [`crate::messages`], [`crate::links`] and
//! [`crate::transfers`].

#[cfg(test)]
mod greeting_tests;
mod held;
#[cfg(test)]
mod hostile_tests;
mod interface;
mod items;
mod life;
mod outbound;
mod pace;
mod phase;
mod places;
mod relink;
mod route;
#[cfg(test)]
mod simulation;
mod stripes;
#[cfg(test)]
mod stripes_tests;
mod timers;
#[cfg(test)]
mod verify_tests;

pub use crate::role::Role;
pub use interface::{Actions, Event, Grant, Input, LinkEnd, LinkNews, Outcome, PeerSecret, Setup};

use crate::keys::{Commitment, Verifier};
use crate::links::Links;
use crate::messages::Messages;
use crate::time::Instant;
use crate::transfers::{Incoming, Outgoing};
use crate::wire::{ItemId, Offer};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
};
use held::Held;
use phase::Phase;
use relink::Between;
use timers::Rest;

/// Something of ours that has no result yet.
enum OwnItem {
    /// A text or a secret.
    Body,
    /// An offer without an answer.
    Offered(Box<Outgoing>),
    /// An accepted transfer.
    Running(Box<Outgoing>),
}

/// Something of the peer's that has no result yet.
enum PeerItem {
    /// A text or a secret, and how much of the window it holds.
    Body(u64),
    /// An offer or a transfer.
    Transfer(Box<Incoming>),
}

/// The way to the words that both people may compare.
enum Words {
    /// No greeting has passed: the commitment is closed.
    Committed(Commitment),
    /// The greeting has opened it.
    Known(Verifier),
}

/// The protocol between two peers. See the module's description.
pub struct Conversation {
    role: Role,
    setup: Setup,
    /// The moment of the input being handled.
    now: Instant,
    messages: Messages,
    links: Links,
    between: Between,
    places: places::Known,
    stripes: stripes::Stripes,
    ours: BTreeMap<ItemId, OwnItem>,
    theirs: BTreeMap<ItemId, PeerItem>,
    /// Share of the window of each of the peer's items that is delivered and not collected.
    uncollected: BTreeMap<ItemId, u64>,
    /// Offers beyond the number that may be open at a time.
    queued: VecDeque<Offer>,
    /// Everything that `--verify` holds back; `None` once the person here has compared the words,
    /// and without it.
    unverified: Option<Held>,
    next_item: u32,
    /// Something of either side has had its result.
    finished: bool,
    words: Words,
    phase: Phase,
    rest: Rest,
    /// State that goes to the peer once the link has room.
    state: outbound::Changed,
}

impl Conversation {
    /// A conversation without links, of the side whose end of the commitment this is.
    #[must_use]
    pub fn new(now: Instant, commitment: Commitment, setup: Setup) -> Self {
        Self {
            role: commitment.role(),
            setup,
            now,
            messages: Messages::new(),
            links: Links::new(),
            between: Between::new(now),
            places: places::Known::default(),
            stripes: stripes::Stripes::default(),
            ours: BTreeMap::new(),
            theirs: BTreeMap::new(),
            uncollected: BTreeMap::new(),
            queued: VecDeque::new(),
            unverified: setup.verify.then(Held::default),
            next_item: 1,
            finished: false,
            words: Words::Committed(commitment),
            phase: Phase::Greeting { leaves: false },
            rest: Rest::new(now, setup.ttl),
            state: outbound::Changed::default(),
        }
    }

    /// A fresh number for a text, secret or transfer of ours.
    pub const fn next_item(&mut self) -> ItemId {
        let item = ItemId(self.next_item);
        self.next_item = self.next_item.saturating_add(1);
        item
    }

    /// The source of the words that both people may compare; `None` before [`Event::Connected`].
    #[must_use]
    pub const fn verifier(&self) -> Option<&Verifier> {
        match &self.words {
            Words::Known(verifier) => Some(verifier),
            Words::Committed(_) => None,
        }
    }

    /// True while something of ours has no result.
    #[must_use]
    pub fn has_unfinished(&self) -> bool {
        !self.ours.is_empty() || !self.queued.is_empty()
    }
}
