//! Numbers, attempts, and how a number ends.

use super::super::{Connection, Input};
use super::*;
use crate::limits::Limits;
use pinhole_protocol::limits::RELAY_MESSAGE;

/// A host's kinds 4 and 5 (SPEC 3.1).
const REFUSED: &[u8] = &[4, 0, 0];
const NO_COMMON_VERSION: &[u8] = &[5, 0, 0];

#[test]
fn a_host_gets_a_number_a_joiner_its_message_1_and_the_confirmed_pair_its_frames() {
    let mut world = World::new();
    let nameplate = answered(&mut world, 1, 2);
    assert!((100..=999).contains(&nameplate.number()));
    world.confirmed(1, 1);
    assert_eq!(world.heard(1), [Heard::With(2)]);
    assert_eq!(world.heard(2), [Heard::With(1)]);
    // One ends, the other with it.
    world.gone(1);
    assert_eq!(world.heard(2), [Heard::Closed(CloseReason::Gone)]);
    assert_eq!(world.pairing.population().connections, 0);
}

/// Both are paired, so whoever has heard of it speaks to the other without a word to the pairing.
#[test]
fn who_speaks_before_it_can_know_of_its_pair_breaks_the_rules() {
    let mut world = World::new();
    answered(&mut world, 1, 2);
    world.confirmed(1, 1);
    world.message(2, b"a record before message 3");
    assert_eq!(world.heard(2), [Heard::With(1), Heard::Closed(CloseReason::Protocol)]);
    assert_eq!(world.heard(1), [Heard::With(2), Heard::Closed(CloseReason::Gone)]);
}

#[test]
fn only_a_waiting_host_confirms_or_burns() {
    for what in [
        Input::Confirmed(Connection(2), 1),
        Input::Burn(Connection(2)),
        Input::Broke(Connection(2)),
    ] {
        let mut world = World::new();
        answered(&mut world, 1, 2);
        world.tell(what);
        assert_eq!(world.heard(2), [Heard::Closed(CloseReason::Protocol)]);
        assert_eq!(world.heard(1), [Heard::Next(2)]);
    }
}

#[test]
fn a_host_confirms_an_answer_and_nothing_else() {
    let confirms = |world: &mut World, attempt| {
        world.confirmed(1, attempt);
        world.heard(1)
    };
    let mut world = World::new();
    let nameplate = waiting(&mut world, 1);
    world.join(2, 2, nameplate);
    assert_eq!(confirms(&mut world, 1), [Heard::Closed(CloseReason::Protocol)], "before message 2");
    let mut world = World::new();
    answered(&mut world, 1, 2);
    assert_eq!(
        confirms(&mut world, 2),
        [Heard::Closed(CloseReason::Protocol)],
        "an attempt to come"
    );
}

#[test]
fn a_burned_number_is_unavailable_to_all_and_rests_an_hour() {
    let mut world = World::with(Limits::default(), 1);
    let nameplate = answered(&mut world, 1, 2);
    world.join(3, 3, nameplate);
    world.say(1, 1, REFUSED);
    world.burn(1);
    assert_eq!(world.heard(1), [Heard::Next(2), Heard::Closed(CloseReason::Done)]);
    assert_eq!(world.heard(2), [Heard::Frame(REFUSED.to_vec()), Heard::Closed(CloseReason::Done)]);
    assert_eq!(world.heard(3), [Heard::Waiting, Heard::Closed(CloseReason::Unavailable)]);
    is_unavailable(&mut world, nameplate, 4);
    // The only number that this generator draws of the shortest space rests, so a longer one is
    // drawn until it is over.
    assert_eq!(world.host(5, 5).number(), 100_000);
    world.wait_seconds(3599);
    assert_eq!(world.host(6, 6).number(), 1_000_000);
    world.wait_seconds(1);
    assert_eq!(world.host(7, 7), nameplate);
}

#[test]
fn a_used_number_is_unavailable_and_rests_too() {
    let mut world = World::with(Limits::default(), 1);
    let nameplate = answered(&mut world, 1, 2);
    world.join(3, 3, nameplate);
    world.confirmed(1, 1);
    assert_eq!(world.heard(3), [Heard::Waiting, Heard::Closed(CloseReason::Unavailable)]);
    is_unavailable(&mut world, nameplate, 4);
    assert_ne!(world.host(5, 5), nameplate);
}

#[test]
fn each_attempt_has_a_message_1_of_its_own_and_frames_of_another_are_dropped() {
    let mut world = World::new();
    let nameplate = answered(&mut world, 1, 2);
    world.gone(2);
    assert_eq!(world.heard(1), [Heard::Next(2)]);
    world.join(3, 3, nameplate);
    // Messages that the host still sends to the first joiner reach nobody, and none is taken for a
    // message 1.
    world.say(1, 1, b"three");
    assert_eq!(world.heard(3), [Heard::Waiting]);
    world.first(1, 2, 2);
    assert_eq!(world.heard(3), [Heard::Frame(one(2))]);
    world.say(1, 1, b"three");
    assert_eq!(world.heard(3), []);
    world.message(3, b"two");
    assert_eq!(world.heard(1), [Heard::Attempt(2, b"two".to_vec())]);
}

#[test]
fn a_host_that_is_through_with_a_joiner_sends_the_next_message_1_unasked() {
    for last_word in [None, Some(NO_COMMON_VERSION)] {
        let mut world = World::new();
        let nameplate = answered(&mut world, 1, 2);
        world.join(3, 3, nameplate);
        last_word.into_iter().for_each(|word| world.say(1, 1, word));
        world.first(1, 2, 2);
        // `next` crosses it, or is not said at all: nothing is asked for twice.
        assert_eq!(world.heard(1), if last_word.is_some() { vec![Heard::Next(2)] } else { vec![] });
        let heard = last_word.map(|word| Heard::Frame(word.to_vec()));
        assert_eq!(
            world.heard(2),
            heard.into_iter().chain([Heard::Closed(CloseReason::Done)]).collect::<Vec<_>>()
        );
        assert_eq!(world.heard(3), [Heard::Waiting, Heard::Frame(one(2))]);
    }
}

#[test]
fn a_joiner_gets_one_frame_more_and_then_the_attempt_is_over() {
    let mut world = World::new();
    answered(&mut world, 1, 2);
    for _ in 0..100 {
        world.say(1, 1, REFUSED);
        world.say(1, 1, &[7; RELAY_MESSAGE]);
    }
    assert_eq!(world.heard(2), [Heard::Frame(REFUSED.to_vec()), Heard::Closed(CloseReason::Done)]);
    // All but the first were of an attempt that is over: dropped, and the host may go on.
    assert_eq!(world.heard(1), [Heard::Next(2)]);
    world.first(1, 2, 2);
    assert_eq!(world.heard(1), []);
}

#[test]
fn a_host_that_says_anything_else_to_a_joiner_breaks_the_rules() {
    let long = [4; RELAY_MESSAGE];
    for more in [
        &[][..],
        &[4],
        &[4, 0],
        &[4, 0, 1, 0],
        &[1, 0, 0],
        &[3, 0, 0],
        &[6, 0, 0],
        &[4, 1, 0],
        &[4, 0, 1],
        &[4, 0, 0, 0],
        &long,
    ] {
        let mut world = World::new();
        answered(&mut world, 1, 2);
        world.say(1, 1, more);
        assert_eq!(
            (world.heard(1), world.heard(2)),
            (vec![Heard::Closed(CloseReason::Protocol)], vec![Heard::Closed(CloseReason::Gone)]),
            "{more:?}"
        );
    }
}

#[test]
fn who_does_not_read_has_no_more_than_one_attempts_frames_waiting() {
    let full = [7; RELAY_MESSAGE];
    let mut world = World::new();
    let nameplate = world.host(1, 1);
    for attempt in 1..=500 {
        let joiner = 2000 + u64::from(attempt);
        world.say(1, attempt, &[&attempt.to_be_bytes(), &full[4..]].concat());
        world.join(joiner, joiner, nameplate);
        world.message(joiner, &full);
        assert_eq!((world.unread(1), world.unread(joiner)), (1031, 1027));
        match attempt % 3 {
            0 => world.say(1, attempt, REFUSED),
            1 => world.gone(joiner),
            // It goes on unasked at the top.
            _ => {}
        }
        assert!(world.unread(joiner) <= 1030);
    }
}

#[test]
fn a_confirmation_that_crossed_with_the_end_of_its_attempt_ends_the_number() {
    let mut world = World::new();
    let nameplate = answered(&mut world, 1, 2);
    world.gone(2);
    world.join(3, 3, nameplate);
    world.confirmed(1, 1);
    assert_eq!(world.heard(1), [Heard::Next(2), Heard::Closed(CloseReason::Gone)]);
    assert_eq!(world.heard(3), [Heard::Waiting, Heard::Closed(CloseReason::Unavailable)]);
    is_unavailable(&mut world, nameplate, 4);
}

#[test]
fn a_host_that_breaks_the_rules_is_closed_and_others_are_not() {
    let long = [0; 4 + RELAY_MESSAGE + 1];
    let early = [&3_u32.to_be_bytes(), one(3).as_slice()].concat();
    let again = [&1_u32.to_be_bytes(), one(3).as_slice()].concat();
    for message in [b"\0\0\0".as_slice(), &long, &early, &again] {
        let mut world = World::new();
        let nameplate = waiting(&mut world, 1);
        waiting(&mut world, 2);
        world.message(1, message);
        assert_eq!(world.heard(1), [Heard::Closed(CloseReason::Protocol)]);
        // Its number waits for it like that of any host that is gone.
        world.join(3, 3, nameplate);
        assert_eq!(world.heard(3), [Heard::Waiting]);
    }
}

#[test]
fn a_host_that_does_not_give_message_1_in_time_is_away() {
    let mut world = World::new();
    world.host(1, 1);
    world.wait_millis(4999);
    assert_eq!(world.heard(1), []);
    world.wait_millis(1);
    assert_eq!(world.heard(1), [Heard::Closed(CloseReason::Late)]);
    assert_eq!(world.pairing.population().hosts, 1);
}

#[test]
fn a_host_waits_an_hour_without_a_frame_and_a_day_with_them() {
    let mut world = World::new();
    let quiet = waiting(&mut world, 1);
    let lively = waiting(&mut world, 2);
    world.wait_seconds(3000);
    world.tell(Input::Frame(Connection(2)));
    world.wait_seconds(599);
    assert_eq!(world.heard(1), []);
    world.wait_seconds(1);
    assert_eq!(world.heard(1), [Heard::Closed(CloseReason::Expired)]);
    is_unavailable(&mut world, quiet, 3);
    while world.open.contains_key(&Connection(2)) {
        world.tell(Input::Frame(Connection(2)));
        world.wait_seconds(1800);
    }
    assert_eq!(world.heard(2), [Heard::Closed(CloseReason::Expired)]);
    assert_eq!(world.now.as_millis() - 1_000_000, 24 * 3_600_000);
    is_unavailable(&mut world, lively, 4);
}

#[test]
fn a_source_has_its_quota_of_hosts_until_their_numbers_are_given_back() {
    let mut world = World::new();
    let numbers: Vec<_> = (0..20).map(|index| world.host(index, 1)).collect();
    let refused = |world: &mut World, connection| {
        world.ask(connection, world::source(1));
        world.heard(connection) == [Heard::Closed(CloseReason::Limit)]
    };
    assert!(refused(&mut world, 20));
    world.host(21, 2);
    // Away, it still counts; its own source gets it back all the same.
    world.gone(0);
    assert!(refused(&mut world, 22));
    let owner = world.owner(numbers[0]);
    world.back(23, 1, numbers[0], &owner);
    assert_eq!(world.heard(23), [Heard::Number(numbers[0], 2)]);
    world.burn(23);
    assert!(!refused(&mut world, 24));
}

#[test]
fn waiting_and_resting_numbers_are_bounded() {
    let mut world = World::with(Limits { numbers: 3, ..Limits::default() }, u64::MAX);
    for index in 0..3 {
        world.host(index, 1);
    }
    world.burn(0);
    world.ask(9, world::source(1));
    assert_eq!(world.heard(9), [Heard::Closed(CloseReason::Full)]);
    world.wait_seconds(3600);
    world.host(10, 1);
}

#[test]
fn no_token_and_no_address_is_printed() {
    let mut world = World::new();
    let nameplate = world.host(1, 1);
    let back = Some((nameplate, world.owner(nameplate)));
    let input = Input::Host {
        connection: Connection(2),
        source: world::source(1),
        back,
        wall: world.wall(),
    };
    assert!(
        format!("{input:?}").contains("source: Source")
            && format!("{input:?}").contains("OwnerToken)")
    );
}
