//! Moves bytes and never looks inside: finding the peer, and the reader and writer of a link.

pub mod addresses;
pub mod bulk;
pub mod direct;
pub mod lan;
mod met;

pub use met::{JoinEnd, Joined, Met};
