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
fn a_newcomer_breaks_a_pair_in_which_its_own_side_has_said_nothing() {
    for (side, other) in [(Role::Host, Role::Joiner), (Role::Joiner, Role::Host)] {
        for other_spoke in [false, true] {
            let mut world = World::new();
            world.link(1, 7, side);
            world.link(2, 7, other);
            if other_spoke {
                world.spoke(2);
            }
            // Pings say nothing to the other end.
            world.tell(Input::Frame(Connection(1)));
            world.link(3, 7, side);
            assert_eq!(world.heard(1).last(), Some(&Heard::Closed(CloseReason::Replaced)));
            assert_eq!(world.heard(2).last(), Some(&Heard::Closed(CloseReason::Gone)));
            assert_eq!(world.heard(3), [Heard::Waiting]);
            world.link(4, 7, other);
            assert_eq!(world.heard(3), [Heard::Paired, Heard::With(4)]);
        }
    }
}

#[test]
fn a_newcomer_leaves_a_pair_alone_in_which_its_own_side_has_spoken() {
    for (side, other) in [(Role::Host, Role::Joiner), (Role::Joiner, Role::Host)] {
        for other_spoke in [false, true] {
            let mut world = World::new();
            world.link(1, 7, side);
            world.link(2, 7, other);
            world.spoke(1);
            if other_spoke {
                world.spoke(2);
            }
            world.heard(1);
            world.heard(2);
            world.link(3, 7, side);
            assert_eq!((world.heard(1), world.heard(2)), (Vec::new(), Vec::new()));
            assert_eq!(world.heard(3), [Heard::Waiting]);
            // The next of the other side meets the newcomer, and only a silent end makes room.
            world.link(4, 7, other);
            assert_eq!(world.heard(3), [Heard::Paired, Heard::With(4)]);
            let ends = [world.heard(1), world.heard(2)];
            let broken = [CloseReason::Gone, CloseReason::Replaced].map(|why| [Heard::Closed(why)]);
            let none = [Vec::new(), Vec::new()];
            assert_eq!(ends, if other_spoke { none } else { broken.map(Vec::from) });
        }
    }
}

#[test]
fn a_newcomer_breaks_no_pair_of_another_slot_and_none_of_a_code() {
    let mut world = World::new();
    world.link(1, 7, Role::Host);
    world.link(2, 7, Role::Joiner);
    world.link(3, 8, Role::Host);
    world.link(4, 8, Role::Joiner);
    let nameplate = world.host(5, 1);
    world.first(5, 1, 1);
    world.join(6, 2, nameplate);
    world.message(6, &super::one(2));
    world.confirmed(5, 1);
    world.link(7, 8, Role::Host);
    assert_eq!(world.heard(3).last(), Some(&Heard::Closed(CloseReason::Replaced)));
    assert_eq!(world.pairing.population().pairs, 2);
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
