//! The terms of a session that do not change once there is a conversation.

use super::plan::Plan;
use pinhole_protocol::handshake::Peer;
use pinhole_protocol::wire::Want;

/// Terms that several parts of the driver go by.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    /// The purpose of this side.
    pub(super) want: Want,
    /// True if the person here compares words before anything of this side's is sent.
    pub(super) verify: bool,
    /// True if something left out or renamed is a failure (`--strict`).
    pub(super) strict: bool,
    /// True if both sides take entries as they are (SPEC 3.2).
    pub(super) faithful: bool,
    /// True if both sides make a lost link again (SPEC 3.2).
    pub(super) resuming: bool,
    /// True if both sides prove what the other has from another day (SPEC 3.2).
    pub(super) proving: bool,
    /// True if both sides send bulk over several links (SPEC 3.2).
    pub(super) striping: bool,
    /// Links of the channel, if their number is fixed.
    pub(super) links: Option<usize>,
    /// True if nobody reads what the session prints: its lines wait for other commands.
    pub(super) unread: bool,
    /// True if a program answers the peer's texts.
    pub(super) handled: bool,
    /// True if the session is for one question.
    pub(super) asking: bool,
    /// True if lines are typed into the channel.
    pub(super) typed: bool,
}

impl Terms {
    /// Those of a plan, with this peer.
    pub(super) const fn new(plan: &Plan, peer: Peer, unread: bool) -> Self {
        Self {
            want: plan.want,
            verify: plan.verify,
            strict: plan.strict,
            faithful: peer.is_faithful(),
            resuming: peer.is_resuming(),
            proving: peer.is_faithful() && peer.is_proving(),
            striping: peer.is_resuming() && peer.is_striping(),
            links: plan.links,
            unread,
            handled: plan.handler.is_some(),
            asking: plan.question.is_some(),
            typed: plan.screen.is_some(),
        }
    }
}

#[cfg(test)]
impl Terms {
    /// Those of a session for this, with nothing else said.
    pub(super) const fn of(want: Want) -> Self {
        Self {
            want,
            verify: false,
            strict: false,
            faithful: true,
            resuming: false,
            proving: true,
            striping: false,
            links: None,
            unread: false,
            handled: false,
            asking: false,
            typed: false,
        }
    }
}
