//! The two sides of a channel, as commands and lines name them.

use crate::spelt::spelt;

spelt! {
    /// The side of a session.
    pub enum Role {
        /// The session made the code.
        Host = "host",
        /// The session was given the code.
        Peer = "peer",
    }
}
