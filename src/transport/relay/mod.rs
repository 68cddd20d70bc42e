//! The way through a relay: the WebSocket to it, meeting there as host or joiner, and the link over it (SPEC 10).
//!
//! A link's threads read and write a stream of bytes. Here that stream is one end of a pair inside this process; at the other end [`link`]
//! carries records between it and the WebSocket, one message each, so that reader and writer are the same on every way.

pub mod dial;
mod host;
mod join;
mod link;
mod replies;
mod socket;
mod verb;

pub use host::{Host, Meanwhile};
pub use join::join;
pub use verb::HostToken;

use crate::session::event::Join;
use crate::settings::{Network, Origin, RelayChoice};
use dial::Trust;

/// A relay, and what is needed to reach it.
#[derive(Clone)]
pub struct Way {
    /// Which relay, and who said so.
    pub choice: RelayChoice,
    /// Whom it is believed to be.
    pub trust: Trust,
    /// Which addresses may be dialled.
    pub network: Network,
    /// What a relay that wants one has to see from hosts (SPEC 10.1).
    pub host_token: Option<HostToken>,
}

impl Way {
    /// The lines for the other machine. `command` is everything before the code's `@`, such as `pinhole take 417-…`.
    #[must_use]
    pub fn join_lines(&self, command: &str) -> Vec<Join> {
        let url = &self.choice.url;
        let place = if url.is_here() { "on this machine" } else { "anywhere" };
        let named = Join { place, command: format!("{command}@{}", url.beside_code()) };
        match self.choice.from {
            // Every pinhole of this make knows it.
            Origin::BuiltIn => vec![Join { place, command: command.to_owned() }],
            _ => vec![named, Join { place: "where this relay is set", command: command.to_owned() }],
        }
    }
}
