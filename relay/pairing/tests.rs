//! The relay with pretend connections and a pretend clock.

mod away;
mod hosts;
mod joins;
mod links;
mod numbers;
mod restart;
mod sequences;
mod spec;
mod world;

use pinhole_protocol::handshake::Role;
use pinhole_protocol::rendezvous::CloseReason;
use world::{Heard, World};

/// The message 1 of a host, by a number of the test's.
fn one(number: u32) -> Vec<u8> {
    [b"one".as_slice(), &number.to_be_bytes()].concat()
}

/// A host and its number, message 1 sent.
fn waiting(world: &mut World, host: u64) -> pinhole_protocol::code::Nameplate {
    let nameplate = world.host(host, host);
    world.first(host, 1, 1);
    nameplate
}

/// Registers a host and a joiner that has answered its message 1; returns the number.
fn answered(world: &mut World, host: u64, joiner: u64) -> pinhole_protocol::code::Nameplate {
    let nameplate = waiting(world, host);
    world.join(joiner, joiner, nameplate);
    assert_eq!(world.heard(joiner), [Heard::Waiting, Heard::Frame(one(1))]);
    world.message(joiner, b"two");
    assert_eq!(world.heard(host), [Heard::Attempt(1, b"two".to_vec())]);
    nameplate
}

/// Asserts the one answer for a number that is gone or was never there.
fn is_unavailable(world: &mut World, nameplate: pinhole_protocol::code::Nameplate, stranger: u64) {
    world.join(stranger, stranger, nameplate);
    assert_eq!(world.heard(stranger), [Heard::Closed(CloseReason::Unavailable)]);
}
