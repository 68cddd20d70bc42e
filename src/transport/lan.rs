//! The local network: a waiting host announces the number of its code, and a joiner looks for it (SPEC 11).
//!
//! Multicast DNS is spoken by this folder itself, in the two sentences that are needed. The library for it keeps every record that anybody
//! sends, also what comes from beyond the local network: 13 MB a second of it made a waiting host hold 760 MB after a quarter of a minute.
//! Here nothing that was heard outlives its datagram but at most [`HOSTS`] answers to the number that is looked for.

mod announcement;
mod group;
mod message;
mod search;

pub use announcement::Announcement;
pub use search::{Found, find};

/// Hosts of one number that are told apart. Who sees that many answers has somebody on the network who makes them up.
const HOSTS: usize = 16;
/// Addresses of one host that are announced or dialled: two networks with four each.
const ADDRESSES: usize = 8;
