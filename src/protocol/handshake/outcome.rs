//! Outcomes of the three messages: keys, or the reason why there are none.

use super::frame::{Kind, encode};
use super::{HelloError, Peer};
use crate::records::{Opener, Sealer};
use alloc::vec::Vec;

/// A confirmed link handshake's yield, once. The conversation keeps its secret and its verifier.
pub struct LinkKeys {
    /// Seals what this side sends on the link.
    pub sealer: Sealer,
    /// Opens what the other side sends on it.
    pub opener: Opener,
    /// The peer's hello, now confirmed; the host looks at `linked`.
    pub peer: Peer,
}

/// The reason why a message 2 is no guess: its tag was not looked at, however often it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAGuess {
    /// It answers another message 1 than this judge's of this connection.
    OtherHello,
    /// Its form, hello or share is wrong.
    Hello(HelloError),
}

impl NotAGuess {
    /// Bytes to send before closing: only that no version is common, so that the peer's person
    /// learns who needs an update.
    #[must_use]
    pub fn reply(self) -> Option<Vec<u8>> {
        (self == Self::Hello(HelloError::NoCommonVersion))
            .then(|| encode(Kind::NoCommonVersion, &[]))
    }
}

/// The reason why a joiner that sent its tag is not connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// The host says that the tag was wrong, so the words were, or somebody is in between; the code
    /// is burned.
    Refused,
    /// The host's own tag is wrong: somebody answers in its place. Never tried again.
    WrongConfirmation,
    /// The host says that it speaks none of our versions.
    NoCommonVersion,
    /// No answer to a tag came.
    Malformed,
}
