//! The holder of a number, the joiners that wait for it, and their times.

use super::*;
use pinhole_protocol::limits::RELAY_MESSAGE;

#[test]
fn absent_used_burned_and_expired_are_one_answer() {
    let mut world = World::new();
    let absent = pinhole_protocol::code::Nameplate::new(123_456).unwrap();
    is_unavailable(&mut world, absent, 1);
    let expired = waiting(&mut world, 2);
    world.wait_seconds(3601);
    is_unavailable(&mut world, expired, 3);
    let left = waiting(&mut world, 4);
    world.gone(4);
    world.wait_seconds(120);
    is_unavailable(&mut world, left, 5);
}

#[test]
fn a_joiner_holds_a_number_10_seconds_and_3_while_others_wait() {
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    world.join(2, 2, nameplate);
    world.wait_millis(9999);
    assert_eq!(world.heard(2).len(), 2);
    world.wait_millis(1);
    assert_eq!(
        (world.heard(2), world.heard(1)),
        (vec![Heard::Closed(CloseReason::Late)], vec![Heard::Next(2)])
    );
    world.first(1, 2, 2);
    world.join(3, 3, nameplate);
    world.wait_millis(1000);
    world.join(4, 4, nameplate);
    world.wait_millis(1999);
    assert_eq!(world.heard(3).len(), 2);
    world.wait_millis(1);
    assert_eq!(world.heard(3), [Heard::Closed(CloseReason::Late)]);
    world.first(1, 3, 3);
    assert_eq!(world.heard(4), [Heard::Waiting, Heard::Frame(one(3))]);
    // A newcomer ends the time of who has had more than that at once.
    world.wait_millis(5000);
    assert_eq!(world.heard(4), []);
    world.join(5, 5, nameplate);
    assert_eq!(world.heard(4), [Heard::Closed(CloseReason::Late)]);
}

#[test]
fn a_joiner_that_has_answered_is_not_hurried_by_others() {
    let mut world = World::new();
    let nameplate = answered(&mut world, 1, 2);
    world.join(3, 3, nameplate);
    world.wait_millis(9999);
    assert_eq!(world.heard(2), []);
    world.confirmed(1, 1);
    assert_eq!(world.heard(2), [Heard::With(1)]);
}

#[test]
fn a_joiner_waits_30_seconds_in_line() {
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    world.gone(1);
    world.join(2, 2, nameplate);
    world.wait_millis(29_999);
    assert_eq!(world.heard(2), [Heard::Waiting]);
    world.wait_millis(1);
    assert_eq!(world.heard(2), [Heard::Closed(CloseReason::Unavailable)]);
}

#[test]
fn a_source_has_one_place_holding_included() {
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    world.join(2, 7, nameplate);
    world.join(3, 7, nameplate);
    assert_eq!(world.heard(3), [Heard::Closed(CloseReason::Unavailable)]);
    world.join(4, 8, nameplate);
    world.join(5, 8, nameplate);
    assert_eq!(world.heard(5), [Heard::Closed(CloseReason::Unavailable)]);
}

#[test]
fn the_ninth_in_line_is_turned_away() {
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    for joiner in 2..=10 {
        world.join(joiner, joiner, nameplate);
        assert_eq!(world.heard(joiner)[0], Heard::Waiting);
    }
    is_unavailable(&mut world, nameplate, 11);
    world.gone(5);
    world.join(12, 12, nameplate);
    assert_eq!(world.heard(12), [Heard::Waiting]);
}

#[test]
fn a_joiner_says_one_thing_and_only_when_it_has_message_1() {
    let mut world = World::new();
    let nameplate = answered(&mut world, 1, 2);
    world.join(3, 3, nameplate);
    world.message(3, b"two");
    assert_eq!(world.heard(3), [Heard::Waiting, Heard::Closed(CloseReason::Protocol)]);
    assert_eq!(world.heard(1), []);
    world.message(2, b"two");
    assert_eq!(world.heard(2), [Heard::Closed(CloseReason::Protocol)]);
    assert_eq!(world.heard(1), [Heard::Next(2)]);
    world.first(1, 2, 2);
    world.join(4, 4, nameplate);
    world.message(4, &[0; RELAY_MESSAGE + 1]);
    assert_eq!(world.heard(4).last(), Some(&Heard::Closed(CloseReason::Protocol)));
}

#[test]
fn who_holds_the_number_again_and_again_does_not_keep_the_guest_out() {
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    let mut next = 2;
    // Eight strangers who only hold the number and come back at once, from when the host came.
    let strangers: Vec<u64> = (101..=108).collect();
    for stranger in &strangers {
        world.join(next, *stranger, nameplate);
        next += 1;
    }
    world.join(1000, 1000, nameplate);
    let mut attempt = 1;
    while !world.heard(1000).contains(&Heard::Frame(one(attempt))) {
        world.wait_millis(3000);
        attempt += 1;
        world.first(1, attempt, attempt);
        for stranger in &strangers {
            world.join(next, *stranger, nameplate);
            next += 1;
        }
        assert!(attempt <= 9, "each stranger holds it once before the guest");
    }
}

#[test]
fn hang_ups_cost_a_stranger_its_joins_and_the_host_nothing() {
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    for attempt in 1..=10 {
        world.join(u64::from(attempt) + 1, 2, nameplate);
        world.gone(u64::from(attempt) + 1);
        assert_eq!(world.heard(1), [Heard::Next(attempt + 1)]);
        world.first(1, attempt + 1, attempt + 1);
    }
    world.join(50, 2, nameplate);
    assert_eq!(world.heard(50), [Heard::Closed(CloseReason::Limit)]);
    world.join(51, 3, nameplate);
    assert_eq!(world.heard(51), [Heard::Waiting, Heard::Frame(one(11))]);
}

#[test]
fn who_leaves_the_line_has_missed_too() {
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    world.gone(1);
    for index in 2..=11 {
        world.join(index, 2, nameplate);
        world.gone(index);
        assert_eq!(world.heard(index), [Heard::Waiting]);
    }
    world.join(12, 2, nameplate);
    assert_eq!(world.heard(12), [Heard::Closed(CloseReason::Limit)]);
}

#[test]
fn a_scan_is_refused_after_ten_misses_for_ten_minutes_and_a_confirmed_join_is_none() {
    let mut world = World::new();
    let absent = pinhole_protocol::code::Nameplate::new(999_999).unwrap();
    for index in 0..9 {
        is_unavailable(&mut world, absent, index | 0x100);
        world.join(index, 2, absent);
    }
    let nameplate = waiting(&mut world, 20);
    world.join(21, 2, nameplate);
    world.message(21, b"two");
    world.confirmed(20, 1);
    assert_eq!(world.heard(21).last(), Some(&Heard::With(20)));
    world.join(22, 2, absent);
    assert_eq!(world.heard(22), [Heard::Closed(CloseReason::Unavailable)]);
    for (wait, why) in
        [(0, CloseReason::Limit), (599, CloseReason::Limit), (1, CloseReason::Unavailable)]
    {
        world.wait_seconds(wait);
        world.join(23, 2, absent);
        assert_eq!(world.heard(23), [Heard::Closed(why)]);
    }
}
