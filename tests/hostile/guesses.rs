//! Guessing: one judge, one guess, and the code is dead (SPEC 3.6, A3, A8, A8b).

use crate::count;
use crate::harness::{Machine, port};
use crate::peer::{Ready, dial_from, read_frame, rest, wrong};
use pinhole_protocol::code::{Code, Nameplate};
use pinhole_protocol::handshake::{Joiner, Judge, Kind};
use pinhole_protocol::rendezvous::Opening;
use rand_core::OsRng;
use std::io::Write;
use std::sync::Barrier;

#[test]
fn every_wrong_code_is_refused_and_counted_and_costs_its_code() {
    let (all, most) = (count(10_000, 2_000), 100);
    for first in (0..all).step_by(most) {
        let tries = most.min(all - first);
        let here = Machine::new();
        here.write("gift", b"the gift");
        let mut giver = here.start(["give", "--tries", &tries.to_string(), "gift"]);
        for guess in 1..=tries {
            let code = giver.code();
            let ready = Ready::dial(1 + u32::try_from(guess).unwrap(), &wrong(&code)).unwrap();
            assert_eq!(ready.guess(), Some(Kind::Refusal));
            assert_eq!(giver.until("status", "handshake_failed")["guesses"], guess);
            // Whoever comes now does not find it any more, unless a new code has got the same
            // number.
        }
        let giver = giver.end().expect(3);
        assert_eq!(giver.one("end")["exit"], 3);
        assert!(
            !giver.lines.iter().any(|line| line.contains("\"connected\"")),
            "{:#?}",
            giver.lines
        );
    }
}

#[test]
fn the_right_words_under_another_number_are_a_wrong_code() {
    let here = Machine::new();
    here.write("gift", b"the gift");
    let mut giver = here.start(["give", "gift"]);
    let code = giver.code();
    let mut socket = dial_from(1, port(&code)).unwrap();
    socket.write_all(&Opening::Code.encode()).unwrap();
    let message1 = read_frame(&mut socket).unwrap();
    let (_, password) = Code::parse(&code).unwrap().split();
    let other = Nameplate::new(if port(&code) == 9999 { 9000 } else { 9999 }).unwrap();
    let Ok((_, message2)) =
        Joiner::new(password, other).confirm(&crate::peer::frame(&message1), &mut OsRng)
    else {
        panic!()
    };
    socket.write_all(&message2).unwrap();
    assert_eq!(read_frame(&mut socket).unwrap(), [Kind::Refusal as u8, 0, 0]);
    giver.end().expect(3);
}

#[test]
fn a_second_host_at_the_door_is_no_guess() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("gift", b"the gift");
    let mut giver = here.start(["give", "gift"]);
    let code = giver.code();
    let (nameplate, password) = Code::parse(&code).unwrap().split();
    let (_, ours) = Judge::new(password, nameplate).begin(&mut OsRng);
    for kind in [Kind::Hello, Kind::Answer] {
        let mut socket = dial_from(2, port(&code)).unwrap();
        socket.write_all(&Opening::Code.encode()).unwrap();
        read_frame(&mut socket).unwrap();
        let mut message = ours.clone();
        message[0] = kind as u8;
        socket.write_all(&message).unwrap();
        assert_eq!(rest(&mut socket), b"");
    }
    // Its own message 1, sent back.
    let mut socket = dial_from(3, port(&code)).unwrap();
    socket.write_all(&Opening::Code.encode()).unwrap();
    let mut message1 = read_frame(&mut socket).unwrap();
    message1[0] = Kind::Answer as u8;
    socket.write_all(&message1).unwrap();
    assert_eq!(rest(&mut socket), b"");
    there.run(["take", &code, "-o", "."]).expect(0);
    giver.end().expect(0);
}

#[test]
fn a_wrong_tag_burns_the_code_for_the_guest_too() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("gift", b"the gift");
    let mut giver = here.start(["give", "gift"]);
    let code = giver.code();
    let mut ready = Ready::dial(9, &code).unwrap();
    *ready.message2.last_mut().unwrap() ^= 1;
    assert_eq!(ready.guess(), Some(Kind::Refusal));
    giver.end().expect(3);
    there.run(["take", &code, "-o", "."]).expect(3);
    assert!(!there.path("gift").exists());
}

#[test]
fn of_a_hundred_tags_at_the_same_moment_one_is_judged() {
    for round in 0..count(100, 20) {
        let here = Machine::new();
        here.write("gift", b"the gift");
        let mut giver = here.start(["give", "gift"]);
        let code = giver.code();
        // Sixteen stand at the door with their tags in hand, which is as many as there is room for;
        // the others push from behind.
        let right = round % 16;
        let inside: Vec<_> = (0..16_u32)
            .map(|n| {
                Ready::dial(
                    1 + n % 4,
                    &if n as usize == right { code.clone() } else { wrong(&code) },
                )
                .unwrap()
            })
            .collect();
        let start = Barrier::new(100);
        let kinds: Vec<_> = std::thread::scope(|scope| {
            let (start, code) = (&start, &code);
            let inside = inside.into_iter().map(|ready| {
                scope.spawn(move || {
                    start.wait();
                    ready.guess()
                })
            });
            let mut all: Vec<_> = inside.collect();
            all.extend((0..84).map(|n| {
                scope.spawn(move || {
                    start.wait();
                    Ready::dial(10 + n, &wrong(code)).ok().and_then(Ready::guess)
                })
            }));
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let judged: Vec<_> = kinds.into_iter().flatten().collect();
        let giver = giver.end();
        match judged.as_slice() {
            [Kind::Refusal] => assert_eq!(
                giver
                    .expect(3)
                    .lines
                    .iter()
                    .filter(|line| line.contains("handshake_failed"))
                    .count(),
                1
            ),
            // The right one came first and left without a word, so that nothing was delivered.
            [Kind::Confirmation] => assert!(giver.expect(6).all("delivered").is_empty()),
            other => panic!("{other:?}"),
        }
    }
}
