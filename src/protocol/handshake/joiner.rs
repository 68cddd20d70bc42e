//! The joiner's side of a code: one tag (SPEC 3.6).

use super::steps::{Answered, Context, answer};
use super::{Established, Frame, HelloError, JoinError, Peer};
use crate::code::{Nameplate, Password};
use crate::keys::{Commitment, ResumeSecret};
use crate::limits::CAPABILITIES;
use alloc::vec::Vec;
use rand_core::{CryptoRng, RngCore};

/// A joiner that has sent no tag. It may look at any number of hosts, and tags one.
pub struct Joiner {
    password: Password,
    nameplate: Nameplate,
    capabilities: u64,
}

/// A joiner whose tag is made: its words are used up, whatever the host says or does not say.
pub struct Tagged {
    answered: Answered,
    /// The host's commitment to its part of the verification words.
    commitment: [u8; 32],
}

impl Joiner {
    /// The joiner with these words and this number.
    #[must_use]
    pub const fn new(password: Password, nameplate: Nameplate) -> Self {
        Self { password, nameplate, capabilities: CAPABILITIES }
    }

    /// The same, but with these capabilities instead of all that this crate serves (SPEC 3.2): for
    /// a program that lacks some.
    #[must_use]
    pub const fn with_capabilities(mut self, capabilities: u64) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Answers a host's message 1: the state that waits for message 3, and the bytes of message 2.
    ///
    /// # Errors
    /// The fault of message 1, and the joiner, who has risked nothing and may try another host.
    pub fn confirm(
        self,
        frame: &Frame,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<(Tagged, Vec<u8>), (Self, HelloError)> {
        match answer(
            &Context::code(self.nameplate, &self.password, self.capabilities),
            self.password.canonical().as_bytes(),
            false,
            frame,
            rng,
        ) {
            Ok((answered, message)) => match answered.commitment {
                Some(commitment) => Ok((Tagged { answered, commitment }, message)),
                None => Err((self, HelloError::Malformed)),
            },
            Err(fault) => Err((self, fault)),
        }
    }
}

impl Tagged {
    /// Judges the host's reply.
    ///
    /// # Errors
    /// [`JoinError`]; there is no second try with this code.
    pub fn finish(self, frame: &Frame) -> Result<Established, JoinError> {
        let Self { answered, commitment } = self;
        answered
            .finish(frame)
            .map(|confirmed| confirmed.established(|keys| Commitment::joiner(keys, commitment)))
    }

    /// True if the host makes links again when one is lost, as its hello says (SPEC 6).
    #[must_use]
    pub const fn is_resuming(&self) -> bool {
        self.answered.peer.is_resuming()
    }

    /// The connection died before the host's reply, which may have been yes. A link handshake with
    /// this secret finds out and confirms both sides, without another word about the code
    /// (SPEC 3.7).
    #[must_use]
    pub fn cut(self) -> (ResumeSecret, Commitment, Peer) {
        let Self { answered: Answered { keys, peer, .. }, commitment } = self;
        (keys.resume(), Commitment::joiner(keys, commitment), peer)
    }
}
