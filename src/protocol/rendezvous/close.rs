//! Close codes of a relay's connections, with the reason beside each (SPEC 10.5).

/// The relay's reason to close a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The host gave its number up, or is through with this joiner.
    Done,
    /// The relay itself ends.
    Away,
    /// No such host, or not for this side: absent, busy, used, burned and expired alike.
    Unavailable,
    /// The source, or the network that it is in, has or does too much.
    Limit,
    /// The relay has no number left.
    Full,
    /// The side took too long to send its handshake message.
    Late,
    /// The same side has come again.
    Replaced,
    /// The peer's connection has ended.
    Gone,
    /// The side waited too long, or nothing passed for too long.
    Expired,
    /// The side broke the rules of SPEC 10.
    Protocol,
}

impl CloseReason {
    /// All of them, by code.
    pub const ALL: [Self; 10] = [
        Self::Done,
        Self::Away,
        Self::Unavailable,
        Self::Limit,
        Self::Full,
        Self::Late,
        Self::Replaced,
        Self::Gone,
        Self::Expired,
        Self::Protocol,
    ];

    /// Codes from here on are this protocol's own: an unknown one is another version's.
    pub const OWN: u16 = 4000;

    /// The WebSocket close code.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Done => 1000,
            Self::Away => 1001,
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

    /// The word beside the code, for people who read along.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Away => "away",
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

    /// The reason of this code; `None` if it is not one of SPEC 10.5.
    #[must_use]
    pub fn of(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}
