//! The local network: a waiting host announces the number of its code, and a joiner looks for it
//! (SPEC 11).
//!
//! Multicast DNS is spoken by this folder itself, in the two sentences that are needed; a library
//! reads and writes only their bytes. The library that speaks it whole keeps every record that
//! anybody sends, also what comes from beyond the local network: 13 MB a second of it made a
//! waiting host hold 760 MB after a quarter of a minute. Here nothing that was heard outlives its
//! datagram but at most [`HOSTS`] answers to the number that is looked for.

mod announcement;
mod group;
mod message;
mod search;

pub use announcement::Announcement;
pub use search::{Found, find};

use crate::transport::addresses::outside_interfaces;
use std::io;

/// The interfaces on which the group can be joined now. Nothing is said there.
///
/// # Errors
/// Of the system, if none takes it; not found, if this machine has none.
pub fn joinable() -> io::Result<Vec<String>> {
    let interfaces = outside_interfaces();
    let (mut joined, mut refused) = (Vec::new(), io::Error::from(io::ErrorKind::NotFound));
    for interface in group::networks(&interfaces) {
        match group::member(interface) {
            Ok(_) if joined.contains(&interface.name) => {}
            Ok(_) => joined.push(interface.name.clone()),
            Err(error) => refused = error,
        }
    }
    if joined.is_empty() { Err(refused) } else { Ok(joined) }
}

/// Hosts of one number that are told apart. Who sees that many answers has somebody on the network
/// who makes them up.
const HOSTS: usize = 16;
/// Addresses of one host that are announced or dialled: two networks with four each.
const ADDRESSES: usize = 8;
