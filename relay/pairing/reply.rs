//! What a relay says: its control messages and its close codes (SPEC 10.3, 10.5).

use super::OwnerToken;
use pinhole_protocol::code::Nameplate;

/// A control message. With the first on each connection the server names the address that it sees.
#[derive(Clone, Copy, Debug)]
pub enum Reply {
    /// A host's number is this, and message 1 of this attempt is wanted.
    Number {
        /// The number.
        nameplate: Nameplate,
        /// What gets it back after a drop.
        owner: OwnerToken,
        /// The attempt.
        attempt: u32,
    },
    /// The connection waits: a joiner for message 1, a link for its other end.
    Waiting,
    /// The last attempt has come to nothing: message 1 of this one is wanted.
    Next {
        /// The attempt.
        attempt: u32,
    },
    /// The other end of a link is here: what is sent from now on reaches it.
    Paired,
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It gave its number up, or the host is through with it.
    Done,
    /// There is no such host, or not for this connection: absent, busy, used, burned and expired
    /// alike.
    Unavailable,
    /// Its source has or does too much.
    Limit,
    /// The relay has no number left to give.
    Full,
    /// It took too long.
    Late,
    /// The same side has come again.
    Replaced,
    /// The other side's connection has ended.
    Gone,
    /// It waited too long, or nothing passed for too long.
    Expired,
    /// It broke the rules.
    Protocol,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Unavailable,
        Self::Limit,
        Self::Full,
        Self::Late,
        Self::Replaced,
        Self::Gone,
        Self::Expired,
        Self::Protocol,
    ];

    /// The WebSocket close code.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Done => 1000,
            Self::Unavailable => 4001,
            Self::Limit => 4002,
            Self::Full => 4003,
            Self::Late => 4004,
            Self::Replaced => 4005,
            Self::Gone => 4006,
            Self::Expired => 4007,
            Self::Protocol => 4008,
        }
    }

    /// The reason beside it, for who reads along.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unavailable => "unavailable",
            Self::Limit => "limit",
            Self::Full => "full",
            Self::Late => "late",
            Self::Replaced => "replaced",
            Self::Gone => "gone",
            Self::Expired => "expired",
            Self::Protocol => "protocol",
        }
    }
}

/// Why the relay closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// For a reason of the pairing's.
    Why(Why),
    /// The relay itself ends.
    Away,
}

impl Ending {
    /// The code and reason of the close frame (SPEC 10.5).
    #[must_use]
    pub const fn close(self) -> (u16, &'static str) {
        match self {
            Self::Why(why) => (why.code(), why.word()),
            Self::Away => (1001, "away"),
        }
    }
}
