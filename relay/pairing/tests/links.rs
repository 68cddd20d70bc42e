//! Link slots and the life of pairs.

use super::super::{Connection, Input};
use super::*;
use crate::limits::Limits;

#[test]
fn whichever_end_comes_first_waits_and_unlike_ends_pair() {
    for (first, second) in [(Role::Host, Role::Joiner), (Role::Joiner, Role::Host)] {
        let mut world = World::new();
        world.link(1, 7, first);
        world.link(2, 8, second);
        assert_eq!((world.heard(1), world.heard(2)), (vec![Heard::Waiting], vec![Heard::Waiting]));
        world.link(3, 7, second);
        assert_eq!(world.heard(1), [Heard::Paired, Heard::With(3)]);
        assert_eq!(world.heard(3), [Heard::Waiting, Heard::Paired, Heard::With(1)]);
        // The slot is free again: another link of that name is another link.
        world.link(4, 7, first);
        assert_eq!(world.heard(4), [Heard::Waiting]);
    }
}

#[test]
fn a_newcomer_replaces_a_waiting_end_of_the_same_side() {
    let mut world = World::new();
    world.link(1, 7, Role::Joiner);
    world.link(2, 7, Role::Joiner);
    assert_eq!(world.heard(1), [Heard::Waiting, Heard::Closed(CloseReason::Replaced)]);
    world.link(3, 7, Role::Host);
    assert_eq!(world.heard(3).last(), Some(&Heard::With(2)));
}

#[test]
fn a_waiting_end_says_nothing_and_ends_after_an_hour_without_a_frame() {
    let mut world = World::new();
    world.link(1, 7, Role::Host);
    world.message(1, b"hello?");
    assert_eq!(world.heard(1), [Heard::Waiting, Heard::Closed(CloseReason::Protocol)]);
    world.link(2, 7, Role::Host);
    world.wait_seconds(3000);
    world.tell(Input::Frame(Connection(2)));
    world.wait_seconds(3599);
    assert_eq!(world.heard(2), [Heard::Waiting]);
    world.wait_seconds(1);
    assert_eq!(world.heard(2), [Heard::Closed(CloseReason::Expired)]);
    assert_eq!(world.pairing.population().slots, 0);
}

#[test]
fn links_count_neither_as_hosts_nor_as_joins() {
    let mut world = World::new();
    for index in 0..200 {
        world.link(index, 7, Role::Joiner);
    }
    assert_eq!(world.pairing.quotas().remembered(), 0);
}

#[test]
fn a_pair_ends_after_an_hour_without_a_frame_and_on_a_public_relay_after_a_day() {
    for public in [false, true] {
        let mut world = World::with(Limits { public, ..Limits::default() }, u64::MAX);
        world.link(1, 7, Role::Joiner);
        world.link(2, 7, Role::Host);
        for end in (1..=2).cycle().take(52) {
            world.wait_seconds(1800);
            world.tell(Input::Frame(Connection(end)));
        }
        assert_eq!(world.open.is_empty(), public);
        world.wait_seconds(3600);
        for end in 1..=2 {
            assert_eq!(world.heard(end).last(), Some(&Heard::Closed(CloseReason::Expired)));
        }
        assert_eq!((world.pairing.population().pairs, world.wake_at), (0, None));
    }
}
