//! The conversation and the one way to feed it: a queue.

use super::effects::{Effects, Fed};
use super::terms::Terms;
use crate::clock;
use crate::transport::again::Need;
use pinhole_protocol::conversation::{Actions, Conversation, Input, Setup};
use pinhole_protocol::keys::Commitment;
use pinhole_protocol::links::LinkId;
use pinhole_protocol::time::Instant;
use pinhole_protocol::wire::ItemId;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::oneshot;

/// The conversation, with the inputs that it has not taken up yet.
pub(super) struct Core {
    conversation: Conversation,
    /// True if the verification words are to be compared.
    verify: bool,
    queue: VecDeque<Fed>,
    /// The moment at which it wants to be woken if nothing else happens.
    wake_at: Option<Instant>,
}

impl Core {
    /// The conversation on these terms that begins now, and rests for `ttl` at most.
    pub(super) fn new(commitment: Commitment, terms: Terms, ttl: Duration) -> Self {
        let Terms { want, verify, faithful, resuming, proving, striping, links, .. } = terms;
        let setup = Setup { want, ttl, verify, faithful, resuming, proving, striping };
        let conversation = Conversation::new(clock::now(), commitment, setup);
        let stripes = links.map(|links| links.saturating_sub(1));
        let queue = VecDeque::from([Fed::Input(Input::Stripes(stripes))]);
        Self { conversation, verify, queue, wake_at: None }
    }

    /// The conversation's need of a link.
    pub(super) fn need(&self) -> Need {
        let link = self.conversation.needs_link();
        Need { link, linked: self.conversation.is_linked(), used: self.link(), beside: None }
    }

    /// Number of the links that it needs beside the one in use.
    pub(super) fn needs_stripes(&self) -> usize {
        self.conversation.needs_stripes()
    }

    /// The link in use.
    pub(super) fn link(&self) -> Option<LinkId> {
        self.conversation.link()
    }

    /// Queues inputs.
    pub(super) fn feed(&mut self, inputs: impl IntoIterator<Item = Fed>) {
        self.queue.extend(inputs);
    }

    /// Takes up the next input. Returns what has to be done, or nothing if none is left.
    pub(super) fn next(&mut self) -> Option<Actions> {
        let actions = match self.queue.pop_front()? {
            Fed::Input(input) => self.conversation.handle(clock::now(), input),
            Fed::Record(link, body) => {
                self.conversation.handle(clock::now(), Input::Control(link, &body))
            }
        };
        self.wake_at = actions.wake_at;
        Some(actions)
    }

    /// The moment at which it wants to be woken if nothing else happens.
    pub(super) const fn wake_at(&self) -> Option<Instant> {
        self.wake_at
    }

    /// A number for something of ours.
    pub(super) const fn next_item(&mut self) -> ItemId {
        self.conversation.next_item()
    }

    /// The verification words, space-separated, if they are to be compared (`--verify`).
    pub(super) fn words(&self) -> Option<String> {
        let verifier = self.conversation.verifier().filter(|_| self.verify);
        verifier.map(|verifier| verifier.words().join(" "))
    }

    /// True while something of ours waits for the peer to take it.
    pub(super) fn has_backlog(&self) -> bool {
        self.conversation.has_backlog()
    }

    /// True once the links have been handed everything.
    pub(super) fn has_said_all(&self) -> bool {
        self.conversation.has_said_all()
    }

    /// The time that the channel lasts if nothing happens.
    pub(super) fn rests(&self) -> Duration {
        self.conversation.rests(clock::now())
    }

    /// Tells another command that time.
    pub(super) fn answer(&self, asked: oneshot::Sender<Duration>) -> Effects {
        // Whoever asked may not wait any longer.
        let _ = asked.send(self.rests());
        Effects::none()
    }
}
