//! The host's side of a code: one judge, and at most one guess (SPEC 3.6).

use super::frame::{Frame, Kind, encode};
use super::steps::{Confirmed, Context, Waiting, begin};
use super::{Established, LinkKeys, NotAGuess};
use crate::code::{Nameplate, Password};
use crate::keys::{Commitment, Keys, VerifierNonce};
use crate::limits::CAPABILITIES;
use alloc::boxed::Box;
use alloc::vec::Vec;
use rand_core::{CryptoRng, RngCore};

/// The one judge of a code, across all listeners, addresses and paths. It begins any number of
/// handshakes and judges one tag: a wrong one burns the code, a right one ends it, and either
/// consumes the words.
pub struct Judge {
    password: Password,
    nameplate: Nameplate,
    capabilities: u64,
}

/// A handshake that a [`Judge`] has begun and nobody has answered. Dropping it costs nothing.
pub struct Pending {
    waiting: Waiting,
    /// The nonce that the hello has committed this side to.
    nonce: VerifierNonce,
}

/// The verdict on a message 2.
#[must_use]
pub enum Verdict {
    /// It was no guess: close that connection and go on with the judge. If [`NotAGuess::reply`]
    /// gives bytes, send them first.
    NotAGuess(Judge, NotAGuess),
    /// A wrong tag. The code is burned: send `refusal`, close every pending handshake, stop, and
    /// say so.
    Burned {
        /// The bytes of the refusal.
        refusal: Vec<u8>,
    },
    /// The right tag. Close every other pending handshake unread, then send `confirmation`.
    Confirmed {
        /// The bytes of message 3.
        confirmation: Vec<u8>,
        /// The keys and what comes with them.
        established: Box<Established>,
    },
}

impl Judge {
    /// The judge of the code with these words and this number.
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

    fn context(&self) -> Context {
        Context::code(self.nameplate, &self.password, self.capabilities)
    }

    /// Begins a handshake with fresh randomness: its state, and the bytes of message 1.
    pub fn begin(&self, rng: &mut (impl RngCore + CryptoRng)) -> (Pending, Vec<u8>) {
        let nonce = VerifierNonce::fresh(rng);
        let (waiting, message) =
            begin(self.context(), self.password.canonical().as_bytes(), Some(nonce.digest()), rng);
        (Pending { waiting, nonce }, message)
    }

    /// Judges what came in answer to `pending`'s message 1.
    pub fn judge(self, pending: Pending, frame: &Frame) -> Verdict {
        if pending.waiting.context != self.context() {
            return Verdict::NotAGuess(self, NotAGuess::OtherHello);
        }
        match pending.waiting.read(frame).map(super::steps::Claim::verify) {
            Err(fault) => Verdict::NotAGuess(self, fault),
            Ok(None) => Verdict::Burned { refusal: encode(Kind::Refusal, &[]) },
            Ok(Some((confirmed, confirmation))) => {
                let established =
                    Box::new(confirmed.established(|keys| Commitment::host(keys, pending.nonce)));
                Verdict::Confirmed { confirmation, established }
            }
        }
    }
}

impl Confirmed {
    /// All that a code's handshake gives, with this side's part of the verification words.
    pub(super) fn established(self, commitment: impl FnOnce(Keys) -> Commitment) -> Established {
        let LinkKeys { sealer, opener, peer } = self.link();
        Established {
            sealer,
            opener,
            resume: self.keys.resume(),
            commitment: commitment(self.keys),
            peer,
        }
    }
}
