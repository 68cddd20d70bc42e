//! Sending over the link in use, as far as it has room: state, of which the latest counts,
//! and messages in order (SPEC 5.2).
//!
//! Nothing else waits in a link, so a peer that reads slowly holds up messages and nothing more.

use super::{Actions, Conversation, PeerItem};
use crate::limits::ROUND;
use crate::links::LinkId;
use crate::time::Instant;
use crate::wire::{Control, ItemId, encoded};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

/// State that has changed since it was last said: one of each kind, and of each transfer.
#[derive(Default)]
pub(super) struct Changed {
    /// The number of the message expected next, or the window.
    pub(super) received: bool,
    /// Counts of our transfers.
    pub(super) counted: BTreeMap<ItemId, Count>,
    /// Transfers of the peer's for which there may be more credit.
    pub(super) credit: BTreeSet<ItemId>,
    /// True if the last record for the link was state.
    said: bool,
}

/// Counted so far of a transfer of ours.
pub(super) struct Count {
    pub(super) bytes: u64,
    pub(super) entries: u32,
    /// Nothing more is to be counted.
    pub(super) all: bool,
    /// The link in use has it.
    pub(super) said: bool,
}

impl Conversation {
    /// True if everything that can be said now has been handed to the link.
    #[must_use]
    pub fn has_said_all(&self) -> bool {
        self.links.in_use().is_none() || !self.phase.greeted() || self.messages.all_handed_out()
    }

    /// True while texts or secrets of this side wait for the link or the peer's window.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        self.messages.has_waiting()
    }

    /// Hands the link in use what there is to say.
    pub(super) fn hand_out(&mut self, actions: &mut Actions) {
        let Some(link) = self.links.in_use().filter(|_| self.phase.greeted()) else { return };
        while self.links.has_room(link) {
            let Some(next) = self.next_out(link) else { break };
            self.hand(link, &next, actions);
        }
        if self.phase.is_over() {
            return;
        }
        let work = self.has_work();
        for stripe in self.links.stripes().collect::<Vec<_>>() {
            if self.links.has_room(stripe) && self.links.beat(stripe, self.now, work) {
                self.hand(stripe, &Control::Heartbeat { work }, actions);
            }
        }
    }

    /// Takes what goes out next. State and messages take turns: a peer that always sends has always
    /// something acknowledged, which would keep every answer from a link with little room.
    fn next_out(&mut self, link: LinkId) -> Option<Control> {
        if core::mem::take(&mut self.state.said) {
            if let Some(piece) = self.messages.piece(self.now) {
                return Some(piece);
            }
        }
        let state = self.next_state(link);
        self.state.said = state.is_some();
        state.or_else(|| self.messages.piece(self.now))
    }

    /// The next state that has changed, as it is now.
    fn next_state(&mut self, link: LinkId) -> Option<Control> {
        if core::mem::take(&mut self.state.received) {
            let (next, window) = self.messages.state();
            return Some(Control::Received { next, window });
        }
        if self.phase.is_over() {
            return None;
        }
        let state = self.next_places().or_else(|| self.next_counted());
        let state = state.or_else(|| self.next_credit()).or_else(|| self.next_of_stripes());
        state.or_else(|| {
            let work = self.has_work();
            self.links.beat(link, self.now, work).then_some(Control::Heartbeat { work })
        })
    }

    /// The latest count of an offer of ours, which means nothing before the offer.
    fn next_counted(&mut self) -> Option<Control> {
        let queued = |of: &ItemId| self.queued.iter().any(|offer| offer.item == *of);
        self.state
            .counted
            .retain(|transfer, _| self.ours.contains_key(transfer) || queued(transfer));
        let sayable = |(transfer, count): &(&ItemId, &mut Count)| {
            let held = self.unverified.as_ref().is_some_and(|held| held.holds(**transfer));
            let known = self.ours.contains_key(transfer) && !held;
            !count.said && known && !self.messages.is_on_its_way(**transfer)
        };
        let (transfer, count) = self.state.counted.iter_mut().find(sayable)?;
        count.said = true;
        let (transfer, bytes, entries) = (*transfer, count.bytes, count.entries);
        Some(Control::Counted { transfer, bytes, entries, counted: count.all })
    }

    /// The step in which what the link in use brings is looked at.
    pub(super) fn round(&self) -> Duration {
        self.round_trip().unwrap_or_default().max(ROUND)
    }

    /// The peer's transfers of which credit has yet to name what was written, unless it is on its
    /// way, and the moments at which it is due.
    pub(super) fn credits_due(&self) -> impl Iterator<Item = (ItemId, Instant)> + '_ {
        let round = self.round();
        let due = move |(item, theirs): (&ItemId, &PeerItem)| match theirs {
            PeerItem::Transfer(transfer) => Some((*item, transfer.credit_due(round)?)),
            _ => None,
        };
        self.theirs.iter().filter_map(due).filter(|(item, _)| !self.state.credit.contains(item))
    }

    /// Credit for a transfer of the peer's, which means nothing before its acceptance and is held
    /// back with it (SPEC 8.3).
    fn next_credit(&mut self) -> Option<Control> {
        self.state.credit.retain(|transfer| self.theirs.contains_key(transfer));
        let round = self.round();
        let sayable = |item: &&ItemId| {
            self.unverified.is_none() && !self.messages.is_acceptance_on_its_way(**item)
        };
        while let Some(item) = self.state.credit.iter().find(sayable).copied() {
            self.state.credit.remove(&item);
            let Some(PeerItem::Transfer(transfer)) = self.theirs.get_mut(&item) else { continue };
            let credit = transfer.credit(item, self.now, round);
            if transfer.has_more() {
                self.state.credit.insert(item);
            }
            if credit.is_some() {
                return credit;
            }
        }
        None
    }

    /// Hands a control record to a link.
    pub(super) fn hand(&mut self, link: LinkId, control: &Control, actions: &mut Actions) {
        let room = if let Control::Fragment { bytes, .. } = control {
            bytes.len().saturating_add(32)
        } else {
            0
        };
        self.links.handed(link);
        actions.control.push((link, encoded(control, room)));
    }
}
