//! A crowd that takes numbers by the thousand, and everybody else (SPEC 10.6).

use super::*;
use crate::limits::Limits;
use crate::quotas::Source;
use core::net::{IpAddr, Ipv6Addr};

/// A 64 of the one 48.
fn crowd(subnet: u16) -> Source {
    IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 1, subnet, 0, 0, 0, 1)).into()
}

/// Counts the numbers that all 64s of the crowd get, each in its turn, until none gets any, and
/// says why not. Each gives its number back at once, so that it rests.
fn exhaust(world: &mut World, connections: &mut u64) -> (usize, CloseReason) {
    let mut taken = 0;
    loop {
        let before = taken;
        let mut refused = CloseReason::Done;
        for subnet in 1..=300 {
            *connections += 1;
            world.ask(*connections, crowd(subnet));
            match world.heard(*connections)[..] {
                [Heard::Number(..)] => {
                    taken += 1;
                    world.burn(*connections);
                }
                [Heard::Closed(why)] => refused = why,
                ref other => panic!("{other:?}"),
            }
        }
        if taken == before {
            return (taken, refused);
        }
    }
}

#[test]
fn three_hundred_64s_of_one_48_do_not_use_up_the_numbers_and_have_them_again_after_their_rest() {
    for (numbers, first, second) in [(1_000, 900, 880), (1_000_000, 2_000, 2_000)] {
        let mut world = World::with(Limits { numbers, ..Limits::default() }, u64::MAX);
        let mut connections = 0;
        assert_eq!(exhaust(&mut world, &mut connections), (first, CloseReason::Limit));
        // Honest hosts are elsewhere.
        for host in 1..=20 {
            connections += 1;
            world.host(connections, host);
        }
        // When the rest of all is over, the crowd's cost is too. Others have kept theirs.
        world.wait_seconds(3600);
        assert_eq!(exhaust(&mut world, &mut connections).0, second);
    }
}

#[test]
fn two_hundred_numbers_are_one_64s_share_and_its_neighbours_have_theirs() {
    let mut world = World::with(Limits { numbers: 10_000, ..Limits::default() }, u64::MAX);
    let mut connections = 0;
    for _ in 0..200 {
        connections += 1;
        world.ask(connections, crowd(7));
        assert!(matches!(world.heard(connections)[..], [Heard::Number(..)]), "{connections}");
        world.burn(connections);
        // So that the limit of new hosts a minute is not what refuses.
        world.wait_seconds(2);
    }
    connections += 1;
    world.ask(connections, crowd(7));
    assert_eq!(world.heard(connections), [Heard::Closed(CloseReason::Limit)]);
    connections += 1;
    world.ask(connections, crowd(8));
    assert!(matches!(world.heard(connections)[..], [Heard::Number(..)]));
}
