//! A host whose connection drops, and a relay that starts again.

use super::super::OwnerToken;
use super::*;

#[test]
fn a_number_is_kept_two_minutes_for_its_owner() {
    for (seconds, back) in [(0, true), (119, true), (120, false)] {
        let mut world = World::new();
        let nameplate = waiting(&mut world, 1);
        let owner = world.owner(nameplate);
        world.gone(1);
        world.wait_seconds(seconds);
        // From wherever it is now.
        world.back(2, 99, nameplate, owner);
        let expected = if back { Heard::Number(nameplate, 2) } else { Heard::Closed(Why::Unavailable) };
        assert_eq!(world.heard(2), [expected], "{seconds}");
    }
}

#[test]
fn what_was_due_while_nothing_was_handled_has_happened_first() {
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    let owner = world.owner(nameplate);
    world.gone(1);
    world.join(2, 2, nameplate);
    world.now = world.now.after(core::time::Duration::from_secs(120));
    world.back(3, 1, nameplate, owner);
    assert_eq!(world.heard(3), [Heard::Closed(Why::Unavailable)]);
    assert_eq!(world.heard(2), [Heard::Waiting, Heard::Closed(Why::Unavailable)]);
}

#[test]
fn nobody_else_gets_it() {
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    let mut wrong = world.owner(nameplate).bytes();
    wrong[15] ^= 1;
    world.back(2, 1, nameplate, OwnerToken::new(wrong));
    assert_eq!((world.heard(2), world.heard(1)), (vec![Heard::Closed(Why::Unavailable)], vec![]));
    world.gone(1);
    world.back(3, 1, nameplate, OwnerToken::new(wrong));
    assert_eq!(world.heard(3), [Heard::Closed(Why::Unavailable)]);
}

#[test]
fn joins_wait_for_a_host_that_is_away() {
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    let owner = world.owner(nameplate);
    world.gone(1);
    world.join(2, 2, nameplate);
    world.back(3, 1, nameplate, owner);
    assert_eq!((world.heard(2), world.heard(3)), (vec![Heard::Waiting], vec![Heard::Number(nameplate, 2)]));
    // Its message 1 of before is gone with its connection.
    world.first(3, 2, 2);
    assert_eq!(world.heard(2), [Heard::Frame(one(2))]);
}

#[test]
fn a_joiner_is_told_when_the_host_it_talks_to_drops() {
    let mut world = World::new();
    answered(&mut world, 1, 2);
    world.gone(1);
    assert_eq!(world.heard(2), [Heard::Closed(Why::Gone)]);
}

#[test]
fn a_host_that_comes_back_before_its_old_connection_is_missed_replaces_it() {
    let mut world = World::new();
    let nameplate = answered(&mut world, 1, 2);
    let owner = world.owner(nameplate);
    world.back(3, 1, nameplate, owner);
    assert_eq!(world.heard(1), [Heard::Closed(Why::Replaced)]);
    assert_eq!(world.heard(2), [Heard::Closed(Why::Gone)]);
    assert_eq!(world.heard(3), [Heard::Number(nameplate, 2)]);
    // Nothing that the old one still says is heard.
    world.burn(1);
    assert_eq!(world.heard(3), []);
}

#[test]
fn a_young_relay_gives_numbers_back_that_are_free_and_an_old_one_does_not() {
    let nameplate = pinhole_protocol::code::Nameplate::new(417).unwrap();
    let owner = OwnerToken::new([7; 16]);
    let mut world = World::new();
    world.wait_seconds(119);
    world.back(1, 1, nameplate, owner);
    assert_eq!(world.heard(1), [Heard::Number(nameplate, 1)]);
    // It is the owner's from now on, by the token it brought.
    world.back(2, 2, nameplate, OwnerToken::new([8; 16]));
    assert_eq!(world.heard(2), [Heard::Closed(Why::Unavailable)]);
    world.gone(1);
    world.back(3, 1, nameplate, owner);
    assert_eq!(world.heard(3), [Heard::Number(nameplate, 2)]);
    world.burn(3);
    world.back(4, 1, nameplate, owner);
    assert_eq!(world.heard(4), [Heard::Closed(Why::Unavailable)], "it rests");

    let mut world = World::new();
    let port = pinhole_protocol::code::Nameplate::new(9471).unwrap();
    world.back(1, 1, port, owner);
    assert_eq!(world.heard(1), [Heard::Closed(Why::Unavailable)]);
    world.wait_seconds(120);
    world.back(2, 1, nameplate, owner);
    assert_eq!(world.heard(2), [Heard::Closed(Why::Unavailable)]);
}
