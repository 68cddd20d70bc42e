//! A session of this machine, as `status` lists it and other commands name it.

use super::{Path, known};
use crate::role::Role;
use crate::spelt::spelt;
use pinhole_protocol::wire::Want;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A session, described to another command.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct About {
    /// Its id, eight hexadecimal digits.
    pub session: String,
    /// The public number of its code, once there is one.
    pub number: Option<u32>,
    /// Its side of the channel.
    pub role: Role,
    /// The label that its owner gave it.
    pub label: Option<String>,
    /// The stage that it has reached.
    pub state: State,
    /// Its purpose.
    #[serde(with = "WantWord")]
    pub want: Want,
    /// Which way its bytes go, once it is connected.
    #[serde(default, deserialize_with = "known")]
    pub path: Option<Path>,
    /// The time at which it ends if nothing happens, in seconds since 1970.
    pub expires_at: Option<u64>,
    /// Numbered lines that no `receive` has returned; `None` if it does not answer.
    pub unreceived: Option<u64>,
    /// Secrets that wait for somebody to take them, likewise.
    #[serde(default)]
    pub secrets_held: Option<u64>,
    /// The exit status and reason with which it has ended.
    pub end: Option<(u8, String)>,
    /// The file where it notes what goes wrong, if nobody reads what it prints.
    pub diagnostics: Option<String>,
    /// True if it is the one that was asked for.
    pub matches: bool,
    /// Its code while it waits under one, for whoever may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Words>,
}

/// A code on its way to whoever may see it. `Debug` does not show it.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Words(pub String);

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words")
    }
}

spelt! {
    /// The stage that a session has reached.
    pub enum State {
        /// Nobody is there yet.
        Waiting = "waiting",
        /// Keys are being confirmed.
        Paired = "paired",
        /// The peer is there.
        Connected = "connected",
        /// The link to the peer is lost, and another is being sought.
        Reconnecting = "reconnecting",
        /// One side has said goodbye, or is about to.
        Leaving = "leaving",
        /// It is over, and something of it is left to be received or asked for.
        Ended = "ended",
        /// It does not answer: its process is stopped, or the machine is busy.
        NotAnswering = "not-answering",
    }
}

/// A session's purpose, spelt as in EVENTS.md: the core's own type is not serialisable.
#[derive(Deserialize, Serialize)]
#[serde(remote = "Want", rename_all = "snake_case")]
pub enum WantWord {
    /// To give once.
    Give,
    /// To take once.
    Take,
    /// A channel that stays open.
    #[serde(rename = "channel")]
    Both,
}

impl WantWord {
    /// The words of all purposes.
    pub const ALL: [&str; 3] = [Self::of(Want::Give), Self::of(Want::Take), Self::of(Want::Both)];

    /// The word of a purpose in EVENTS.md.
    #[must_use]
    pub const fn of(want: Want) -> &'static str {
        match want {
            Want::Give => "give",
            Want::Take => "take",
            Want::Both => "channel",
        }
    }
}

/// The name of a channel in a command: its number, and its side if another session has that number
/// too.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChannelName {
    /// Its number, once it has one.
    pub number: Option<u32>,
    /// Its side, where that has to be said.
    pub role: Option<Role>,
}
