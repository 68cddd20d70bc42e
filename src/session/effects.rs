//! Everything that a part of the driver has done about a happening, as values.

use super::happened::{Happened, Text};
use super::work::Work;
use crate::control::{Follower, Taken};
use crate::events::Event;
use crate::failure::Failure;
use crate::files::ware::Ware;
use pinhole_protocol::conversation::Input;
use pinhole_protocol::links::LinkId;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{ItemId, PeerText};
use std::borrow::Cow;
use zeroize::Zeroizing;

/// Effects of a happening, done in the order of these fields.
#[derive(Default)]
#[must_use]
pub(super) struct Effects {
    /// Things to be said.
    pub(super) said: Vec<Say>,
    /// Inputs to the conversation, which takes them up after all other effects.
    pub(super) inputs: Vec<Fed>,
    /// Work for other threads.
    pub(super) work: Vec<Work>,
    /// Happenings for other parts.
    pub(super) then: Vec<Happened>,
}

/// Something that the conversation is fed with.
pub(super) enum Fed {
    /// A control record, which [`Input::Control`] only borrows.
    Record(LinkId, Zeroizing<Vec<u8>>),
    /// Any other input.
    Input(Input<'static>),
}

/// The news for a command about something that it sends.
#[derive(Debug)]
pub(super) enum Stage {
    /// It is offered.
    Queued,
    /// It is delivered.
    Delivered,
    /// It has not arrived whole.
    Partly(Failure),
}

/// Something that is said, and to whom besides whoever reads the session.
pub(super) enum Say {
    /// An event.
    Event(Event),
    /// An event about something that is sent; the command that brought it, if one did, hears of it
    /// once it is said.
    Sending(Event, Option<Follower>, Stage),
    /// Something is sent, which only a transcript has.
    Sent(ItemId, Ware),
    /// A text of the peer's, which comes back as [`Happened::Said`].
    Text(Text),
    /// A secret of the peer's that is held until another command takes it.
    Held(ItemId, Option<PeerText>, SecretVec),
    /// Another command has taken one, and gets the line.
    Taken(Taken),
    /// A reply to the person who types into the channel.
    Reply(Cow<'static, str>),
    /// A question is on the screen.
    Suspend,
    /// The question has gone from the screen.
    Resume,
}

impl Effects {
    /// Nothing follows.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// True if nothing follows.
    pub(super) const fn is_none(&self) -> bool {
        let Self { said, inputs, work, then } = self;
        said.is_empty() && inputs.is_empty() && work.is_empty() && then.is_empty()
    }

    /// And this event is said.
    pub(super) fn event(self, event: Event) -> Self {
        self.say(Say::Event(event))
    }

    /// And this is said.
    pub(super) fn say(mut self, say: Say) -> Self {
        self.said.push(say);
        self
    }

    /// And the conversation is told this.
    pub(super) fn input(mut self, input: Input<'static>) -> Self {
        self.inputs.push(Fed::Input(input));
        self
    }

    /// And the conversation is given this control record of a link's.
    pub(super) fn record(mut self, link: LinkId, body: Zeroizing<Vec<u8>>) -> Self {
        self.inputs.push(Fed::Record(link, body));
        self
    }

    /// And this work is started.
    pub(super) fn work(mut self, work: Work) -> Self {
        self.work.push(work);
        self
    }

    /// And this happens to another part.
    pub(super) fn then(mut self, happened: Happened) -> Self {
        self.then.push(happened);
        self
    }

    /// And all of `other`.
    pub(super) fn and(mut self, other: Self) -> Self {
        let Self { said, inputs, work, then } = other;
        self.said.extend(said);
        self.inputs.extend(inputs);
        self.work.extend(work);
        self.then.extend(then);
        self
    }
}
