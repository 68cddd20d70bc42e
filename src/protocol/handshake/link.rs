//! The handshake of a conversation's later links (SPEC 3.9). Its password has 256 bits, so a wrong
//! tag only closes that connection.

use super::frame::Frame;
use super::steps::{Answered, Context, Waiting, answer, begin, index};
use super::{HelloError, JoinError, LinkKeys, NotAGuess};
use crate::keys::ResumeSecret;
use alloc::vec::Vec;
use rand_core::{CryptoRng, RngCore};

/// A host's link handshake that nobody has answered.
pub struct LinkPending(Waiting);

/// A joiner's link handshake whose tag is made.
pub struct LinkTagged {
    answered: Answered,
    index: u32,
}

/// Why a link handshake gave the host no link. Close that connection; nothing else follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// No tag was looked at.
    NotAGuess(NotAGuess),
    /// The tag was wrong.
    WrongTag,
}

impl ResumeSecret {
    /// The host begins link `index`: its state, and the bytes of message 1.
    pub fn host(&self, index: u32, rng: &mut (impl RngCore + CryptoRng)) -> (LinkPending, Vec<u8>) {
        let (waiting, message) = begin(Context::link(self, index), self.secret(), None, rng);
        (LinkPending(waiting), message)
    }

    /// The joiner answers message 1 of a link, and says with `linked` if it still has a working
    /// one: the state that waits for message 3, and the bytes of message 2.
    ///
    /// # Errors
    /// [`HelloError`]: the fault of message 1.
    pub fn join(
        &self,
        linked: bool,
        frame: &Frame,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<(LinkTagged, Vec<u8>), HelloError> {
        let index = index(frame)?;
        let context = Context::link(self, index);
        let (answered, message) = answer(&context, self.secret(), linked, frame, rng)?;
        Ok((LinkTagged { answered, index }, message))
    }
}

impl LinkPending {
    /// Judges message 2: the link's keys and the bytes of message 3, which the host sends only if
    /// it wants this link (SPEC 6).
    ///
    /// # Errors
    /// [`LinkError`]: close this connection.
    pub fn judge(self, frame: &Frame) -> Result<(LinkKeys, Vec<u8>), LinkError> {
        let claim = self.0.read(frame).map_err(LinkError::NotAGuess)?;
        let (confirmed, message) = claim.verify().ok_or(LinkError::WrongTag)?;
        Ok((confirmed.link(), message))
    }
}

impl LinkTagged {
    /// The index by which the host calls the link. A joiner goes on with none that it has had.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// Judges message 3.
    ///
    /// # Errors
    /// [`JoinError`]: close this connection and try again.
    pub fn finish(self, frame: &Frame) -> Result<LinkKeys, JoinError> {
        self.answered.finish(frame).map(|confirmed| confirmed.link())
    }
}
