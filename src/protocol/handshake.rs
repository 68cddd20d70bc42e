//! The handshake: from the words both sides know, or a conversation's secret, to the keys of one
//! link (SPEC 3).
//!
//! One type per state, named for what it holds and consumed by the step that ends it. Whoever has a
//! `Sealer` has verified a tag. The code's words are a [`Password`](crate::code::Password), which
//! the only two steps that risk it consume: a host's [`Judge::judge`] of a complete guess, and a
//! joiner's [`Joiner::confirm`]. Bytes in, bytes out: nothing here waits or sends.

mod frame;
mod hello;
mod host;
mod joiner;
mod link;
mod outcome;
mod share;
mod steps;
#[cfg(test)]
mod tests;

pub use crate::role::Role;
pub use frame::{Frame, FrameError, Kind, REFUSED, last_word};
pub use hello::{HelloError, Peer, Purpose};
pub use host::{Judge, Pending, Verdict};
pub use joiner::{Joiner, Tagged};
pub use link::{LinkError, LinkPending, LinkTagged};
pub use outcome::{JoinError, LinkKeys, NotAGuess};
pub use share::ShareFault;

use crate::keys::{Commitment, ResumeSecret};
use crate::records::{Opener, Sealer};

/// A confirmed code handshake's yield, once; each part goes to one owner.
pub struct Established {
    /// Seals what this side sends on the link.
    pub sealer: Sealer,
    /// Opens what the other side sends on it.
    pub opener: Opener,
    /// Makes the conversation's later links.
    pub resume: ResumeSecret,
    /// Leads to the words both people may compare, once the host has opened it.
    pub commitment: Commitment,
    /// The peer's hello, now confirmed.
    pub peer: Peer,
}
