//! Moves bytes and never looks inside: finding the peer, and the reader and writer of a link.

pub mod addresses;
pub mod again;
pub mod bulk;
pub mod direct;
pub mod lan;
mod outcome;
pub mod relay;
pub mod tunnel;

pub use outcome::{HostEnd, JoinEnd, Joined, Met};

/// Unsent bytes that the kernel may hold of a link: two batches of its writer, so that the socket
/// never runs dry between two writes.
const UNSENT: u32 = 512 << 10;
