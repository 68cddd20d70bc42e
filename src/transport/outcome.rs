//! The outcome of a handshake with the code, as host or as joiner, on every path.

use crate::events::Path;
use crate::failure::{Failure, Kind};
use pinhole_protocol::handshake::{Established, JoinError, Tagged};
use socket2::Socket;

/// A stream of records whose handshake is confirmed.
pub struct Joined {
    /// The stream, with nothing of a record read from it yet.
    pub socket: Socket,
    /// Its path.
    pub path: Path,
    /// True if it goes through a relay that delays (SPEC 10.3).
    pub delays: bool,
    /// The handshake's yield, once.
    pub established: Established,
}

/// The end of a joiner's tag that nobody has refused.
pub enum Met {
    /// The host has confirmed it.
    Joined(Box<Joined>),
    /// The connection ended before the host's answer, which a later link has to bring (SPEC 3.7).
    Unheard(Box<Tagged>),
}

/// The end of waiting for a joiner.
pub enum HostEnd {
    /// Somebody knew the code.
    Joined(Box<Joined>),
    /// Somebody did not: the code is dead.
    Burned,
    /// The code is dead without anybody having come: its relay gives its number back no more.
    Lost(Failure),
}

/// The end of joining without a channel.
pub enum JoinEnd {
    /// The host said that the words are wrong; the code is dead.
    WrongCode,
    /// Nobody answers there, or nobody speaks the protocol.
    Nobody(Failure),
    /// The host's code has this many words, and the one that was typed another number; nothing was
    /// sent.
    OtherWords(u8),
    /// The two programs have no version of the protocol in common.
    NoCommonVersion,
    /// The tag was sent, the connection ended before the answer, and no link was made after it: the
    /// code may still be good.
    CutAfterTag,
    /// The host did not prove that it knows the code.
    Impostor,
}

impl From<JoinError> for JoinEnd {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Refused => Self::WrongCode,
            JoinError::NoCommonVersion => Self::NoCommonVersion,
            JoinError::WrongConfirmation | JoinError::Malformed => Self::Impostor,
        }
    }
}

impl From<JoinEnd> for Failure {
    fn from(end: JoinEnd) -> Self {
        match end {
            JoinEnd::WrongCode => Self::new(
                Kind::CodeWrong,
                "the code is wrong, and is dead now: a code can be tried only once",
            )
            .next("ask the other side for a new code"),
            JoinEnd::Nobody(failure) => failure,
            JoinEnd::OtherWords(words) => Self::new(
                Kind::CodeLength,
                format!(
                    "the other side's code has {words} words and this one has more or fewer; \
                     nothing was sent, so it is still good"
                ),
            )
            .next("check the code with the other side, and take it again"),
            JoinEnd::NoCommonVersion => Self::new(
                Kind::NoCommonVersion,
                "the two pinhole versions are incompatible: they have no protocol version in \
                 common",
            )
            .next("update pinhole on both sides"),
            JoinEnd::CutAfterTag => Self::new(
                Kind::PeerLost,
                "the connection broke during the handshake; the code may still be good",
            )
            .next("ask the other side whether it is still waiting, and try again"),
            JoinEnd::Impostor => Self::new(
                Kind::KeyMismatch,
                "whoever answered could not prove that it knows the code; nothing was sent to it",
            )
            .next(
                "ask the other side for a new code, and use another network if this happens again",
            ),
        }
    }
}
