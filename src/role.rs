//! The two sides of a channel, as commands and lines name them.

use serde::{Deserialize, Serialize};

/// The side of a session.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The session made the code.
    Host,
    /// The session was given the code.
    Peer,
}

impl Role {
    /// Both sides.
    pub const ALL: [Self; 2] = [Self::Host, Self::Peer];

    /// Its word in EVENTS.md.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Peer => "peer",
        }
    }
}
