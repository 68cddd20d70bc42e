//! A host whose connection drops, and a relay that starts again.

use super::*;
use pinhole_protocol::rendezvous::OwnerToken;

#[test]
fn a_number_is_kept_two_minutes_for_its_owner() {
    for (seconds, back) in [(0, true), (119, true), (120, false)] {
        let mut world = World::new();
        let nameplate = waiting(&mut world, 1);
        let owner = world.owner(nameplate);
        world.gone(1);
        world.wait_seconds(seconds);
        // From wherever it is now.
        world.back(2, 99, nameplate, &owner);
        let expected = if back {
            Heard::Number(nameplate, 2)
        } else {
            Heard::Closed(CloseReason::Unavailable)
        };
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
    world.back(3, 1, nameplate, &owner);
    assert_eq!(world.heard(3), [Heard::Closed(CloseReason::Unavailable)]);
    assert_eq!(world.heard(2), [Heard::Waiting, Heard::Closed(CloseReason::Unavailable)]);
}

#[test]
fn nobody_else_gets_it() {
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    let mut wrong = *world.owner(nameplate).bytes();
    wrong[31] ^= 1;
    world.back(2, 1, nameplate, &OwnerToken::new(wrong));
    assert_eq!(
        (world.heard(2), world.heard(1)),
        (vec![Heard::Closed(CloseReason::Unavailable)], vec![])
    );
    world.gone(1);
    world.back(3, 1, nameplate, &OwnerToken::new(wrong));
    assert_eq!(world.heard(3), [Heard::Closed(CloseReason::Unavailable)]);
}

#[test]
fn joins_wait_for_a_host_that_is_away() {
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    let owner = world.owner(nameplate);
    world.gone(1);
    world.join(2, 2, nameplate);
    world.back(3, 1, nameplate, &owner);
    assert_eq!(
        (world.heard(2), world.heard(3)),
        (vec![Heard::Waiting], vec![Heard::Number(nameplate, 2)])
    );
    // Its message 1 of before is gone with its connection.
    world.first(3, 2, 2);
    assert_eq!(world.heard(2), [Heard::Frame(one(2))]);
}

#[test]
fn a_joiner_is_told_when_the_host_it_talks_to_drops() {
    let mut world = World::new();
    answered(&mut world, 1, 2);
    world.gone(1);
    assert_eq!(world.heard(2), [Heard::Closed(CloseReason::Gone)]);
}

#[test]
fn a_host_that_comes_back_before_its_old_connection_is_missed_replaces_it() {
    let mut world = World::new();
    let nameplate = answered(&mut world, 1, 2);
    let owner = world.owner(nameplate);
    world.back(3, 1, nameplate, &owner);
    assert_eq!(world.heard(1), [Heard::Closed(CloseReason::Replaced)]);
    assert_eq!(world.heard(2), [Heard::Closed(CloseReason::Gone)]);
    assert_eq!(world.heard(3), [Heard::Number(nameplate, 2)]);
    // Nothing that the old one still says is heard.
    world.burn(1);
    assert_eq!(world.heard(3), []);
}
