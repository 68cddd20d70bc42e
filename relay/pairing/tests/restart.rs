//! A relay that starts again, and the hosts of its earlier life.

use super::super::{Connection, Input};
use super::*;
use crate::limits::Limits;
use crate::owner::{KEY, OwnerKey, Owners, UnixTime};
use core::time::Duration;
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::rendezvous::OwnerToken;
use rand_core::OsRng;

const KEPT: [u8; KEY] = [9; KEY];
const UNAVAILABLE: [Heard; 1] = [Heard::Closed(CloseReason::Unavailable)];

/// A relay that was here before.
fn again() -> World {
    World::keeping(OwnerKey::found(&KEPT), Limits::default(), u64::MAX)
}

/// A token that was issued under a key for a number, so many seconds ago as that world has it.
fn issued(world: &World, key: &[u8; KEY], nameplate: Nameplate, ago: u64) -> OwnerToken {
    let wall = UnixTime::from_millis(world.wall().as_millis() - ago * 1000);
    Owners::new(OwnerKey::made(key)).issue(wall, nameplate, &mut OsRng)
}

fn number(number: u32) -> Nameplate {
    Nameplate::new(number).unwrap()
}

#[test]
fn in_its_first_two_minutes_it_gives_numbers_back_that_are_free_and_then_no_more() {
    for (seconds, heard) in [
        (0, Heard::Number(number(417), 1)),
        (119, Heard::Number(number(417), 1)),
        (120, Heard::Closed(CloseReason::Unavailable)),
    ] {
        let mut world = again();
        let owner = issued(&world, &KEPT, number(417), 3600);
        world.wait_seconds(seconds);
        world.back(1, 1, number(417), &owner);
        assert_eq!(world.heard(1), [heard], "{seconds}");
    }
    let mut world = again();
    let owner = issued(&world, &KEPT, number(417), 3600);
    world.back(1, 1, number(417), &owner);
    assert_eq!(world.heard(1), [Heard::Number(number(417), 1)]);
    // It is its host's as any other: kept while it is away, and resting once it is given up.
    world.gone(1);
    world.wait_seconds(119);
    world.back(2, 2, number(417), &owner);
    assert_eq!(world.heard(2), [Heard::Number(number(417), 2)]);
    let mut world = again();
    world.back(1, 1, number(417), &owner);
    world.burn(1);
    world.back(2, 1, number(417), &owner);
    assert_eq!(world.heard(2), UNAVAILABLE, "it rests");
}

#[test]
fn a_token_that_it_did_not_make_is_worth_nothing() {
    let mut world = again();
    let genuine = issued(&world, &KEPT, number(417), 0);
    let mut altered = *genuine.bytes();
    altered[3] ^= 1;
    let mut resealed = *genuine.bytes();
    resealed[31] ^= 0x80;
    let day = 24 * 3600;
    let worthless = [
        OwnerToken::new([7; 32]),
        OwnerToken::new(altered),
        OwnerToken::new(resealed),
        issued(&world, &[8; KEY], number(417), 0),
        issued(&world, &KEPT, number(418), 0),
        issued(&world, &KEPT, number(417), day + 1),
    ];
    for (connection, owner) in (1..).zip(worthless) {
        world.back(connection, 1, number(417), &owner);
        assert_eq!(world.heard(connection), UNAVAILABLE, "{connection}");
    }
    // The number of a port is no relay's to give, whatever is shown for it.
    let port = issued(&world, &KEPT, number(9471), 0);
    world.back(90, 1, number(9471), &port);
    assert_eq!(world.heard(90), UNAVAILABLE);
    let old = issued(&world, &KEPT, number(417), day);
    world.back(91, 1, number(417), &old);
    assert_eq!(world.heard(91), [Heard::Number(number(417), 1)]);
}

#[test]
fn a_relay_that_was_not_here_before_gives_none_back() {
    let mut world = World::keeping(OwnerKey::made(&KEPT), Limits::default(), u64::MAX);
    let owner = issued(&world, &KEPT, number(417), 0);
    world.back(1, 1, number(417), &owner);
    assert_eq!(world.heard(1), UNAVAILABLE);
}

#[test]
fn of_two_claims_the_one_issued_later_wins_whichever_comes_first() {
    let mut world = again();
    let (early, late) =
        (issued(&world, &KEPT, number(417), 7200), issued(&world, &KEPT, number(417), 60));
    // The host that had the number long ago comes first, has a joiner, and another waits in line.
    world.back(1, 1, number(417), &early);
    assert_eq!(world.heard(1), [Heard::Number(number(417), 1)]);
    world.first(1, 1, 1);
    world.join(2, 2, number(417));
    world.join(3, 3, number(417));
    assert_eq!((world.heard(2).len(), world.heard(3).len()), (2, 1));
    world.back(4, 4, number(417), &late);
    assert_eq!(
        (world.heard(1), world.heard(2)),
        (UNAVAILABLE.into(), vec![Heard::Closed(CloseReason::Gone)])
    );
    assert_eq!(world.heard(4), [Heard::Number(number(417), 2)]);
    // The line is the number's.
    world.first(4, 2, 2);
    assert_eq!(world.heard(3), [Heard::Frame(one(2))]);
    world.back(5, 1, number(417), &early);
    assert_eq!((world.heard(5), world.heard(4)), (UNAVAILABLE.into(), vec![]));
    // A number that the earlier host burned or used up was no longer its own to give up.
    for used in [false, true] {
        let mut world = again();
        world.back(1, 1, number(417), &early);
        if used {
            world.first(1, 1, 1);
            world.join(2, 2, number(417));
            world.confirmed(1, 1);
        } else {
            world.burn(1);
        }
        let _ = world.heard(1);
        world.back(4, 4, number(417), &late);
        let [Heard::Number(given, attempt)] = world.heard(4)[..] else { panic!("{used}") };
        assert_eq!(given, number(417));
        world.first(4, attempt, 9);
        world.back(5, 1, number(417), &early);
        assert_eq!(world.heard(5), UNAVAILABLE);
        world.wait_seconds(1800);
        world.tell(Input::Frame(Connection(4)));
        world.wait_seconds(1801);
        world.join(6, 6, number(417));
        assert_ne!(world.heard(6), UNAVAILABLE, "its rest was over with it");
    }
    // Once its two minutes are over, a number is that of whoever has it.
    let mut world = again();
    world.back(1, 1, number(417), &early);
    world.first(1, 1, 1);
    world.wait_seconds(120);
    world.back(2, 2, number(417), &late);
    assert_eq!(
        (world.heard(1), world.heard(2)),
        (vec![Heard::Number(number(417), 1)], UNAVAILABLE.into())
    );
}

#[test]
fn what_is_given_back_is_nobody_elses_and_counts_as_any_other() {
    let mut world = World::keeping(
        OwnerKey::found(&KEPT),
        Limits { numbers: 2, ..Limits::default() },
        u64::MAX,
    );
    for taken in [417, 418] {
        let owner = issued(&world, &KEPT, number(taken), 0);
        world.back(taken.into(), u64::from(taken), number(taken), &owner);
        assert_eq!(world.heard(taken.into()), [Heard::Number(number(taken), 1)]);
    }
    let owner = issued(&world, &KEPT, number(419), 0);
    world.back(419, 419, number(419), &owner);
    assert_eq!(world.heard(419), [Heard::Closed(CloseReason::Full)]);
}

#[test]
fn a_relay_that_was_here_before_draws_long_numbers_for_an_hour() {
    let digits = |nameplate: Nameplate| nameplate.to_string().len();
    for (key, seconds, expected) in [
        (OwnerKey::found(&KEPT), 0, 6),
        (OwnerKey::found(&KEPT), 3599, 6),
        (OwnerKey::found(&KEPT), 3600, 3),
        (OwnerKey::made(&KEPT), 0, 3),
    ] {
        let mut world = World::keeping(key, Limits::default(), u64::MAX);
        world.wait_seconds(seconds);
        assert_eq!(digits(world.host(1, 1)), expected, "{seconds}");
    }
    // With a shorter rest, for as long as hosts may be on their way back.
    let limits = Limits { rest: Duration::ZERO, ..Limits::default() };
    let mut world = World::keeping(OwnerKey::found(&KEPT), limits, u64::MAX);
    world.wait_seconds(119);
    assert_eq!(digits(world.host(1, 1)), 6);
}

/// Every host of an earlier life is on its way back while new ones come: nobody gets another's
/// number.
#[test]
fn in_the_two_minutes_after_a_restart_nobody_gets_anothers_number() {
    let full = std::env::var_os("PINHOLE_FULL").is_some_and(|value| value == "1");
    for _ in 0..if full { 100 } else { 10 } {
        let mut world = World::keeping(OwnerKey::made(&KEPT), Limits::default(), u64::MAX);
        let before: Vec<(Nameplate, OwnerToken)> = (1..=9)
            .map(|host| {
                let nameplate = world.host(host, host);
                (nameplate, world.owner(nameplate))
            })
            .collect();
        let mut world = again();
        for (at, (nameplate, owner)) in (0..).zip(&before) {
            let fresh = world.host(100 + at, 50 + at);
            assert!(before.iter().all(|(other, _)| *other != fresh));
            world.back(200 + at, 20 + at, *nameplate, owner);
            assert_eq!(world.heard(200 + at), [Heard::Number(*nameplate, 1)]);
        }
    }
}
