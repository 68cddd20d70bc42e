//! Whoever answers in a host's place gets one tag at most, and nothing else (SPEC 3.4, 3.6, A9).

use crate::harness::Machine;
use crate::peer::{FakeHost, frame, read_frame, wrong};
use pinhole_protocol::handshake::{Kind, Verdict};
use pinhole_protocol::limits::CAPABILITIES;
use pinhole_protocol::rendezvous::OPENING;
use rand_core::OsRng;
use std::io::{Read, Write};
use std::net::TcpStream;

/// The first connection of a `take` and its message 2, complete; the taker, still at work, is
/// returned too.
fn tagged(
    host: &FakeHost,
    machine: &Machine,
) -> (crate::harness::Running, TcpStream, Vec<u8>, pinhole_protocol::handshake::Pending) {
    let taker = machine.start(["take", &host.code, "-o", "."]);
    let mut socket = host.accept();
    let (pending, message1) = host.judge().begin(&mut OsRng);
    socket.write_all(&message1).unwrap();
    let message2 = read_frame(&mut socket).unwrap();
    (taker, socket, message2, pending)
}

/// True if anybody else is at the door by now.
fn visited(host: &FakeHost) -> bool {
    host.listener.set_nonblocking(true).unwrap();
    host.listener.accept().is_ok()
}

fn nothing_in(machine: &Machine) {
    assert_eq!(std::fs::read_dir(machine.dir()).unwrap().count(), 0);
}

#[test]
fn a_host_that_drops_the_tag_sees_no_second_one() {
    for _ in 0..10 {
        let (host, there) = (FakeHost::new(), Machine::new());
        let (taker, socket, _, _) = tagged(&host, &there);
        drop(socket);
        let taker = taker.end().expect(6);
        assert_eq!(taker.one("error")["error"], "peer-lost");
        assert!(!visited(&host));
        nothing_in(&there);
    }
}

#[test]
fn a_host_that_drops_the_tag_and_offers_another_message_1_sees_no_second_one() {
    for _ in 0..10 {
        let (host, there) = (FakeHost::new(), Machine::new());
        let judge = || host.judge().with_capabilities(CAPABILITIES);
        let taker = there.start(["take", &host.code, "-o", "."]);
        for tags in [true, false, false] {
            let mut socket = host.accept();
            socket.write_all(&judge().begin(&mut OsRng).1).unwrap();
            assert_eq!(read_frame(&mut socket).is_ok(), tags);
        }
        let failure = taker.end().expect(6).failure();
        assert!(failure["detail"].as_str().unwrap().contains("still be good"), "{failure}");
        assert!(!visited(&host));
        nothing_in(&there);
    }
}

#[test]
fn a_host_that_cannot_confirm_is_told_apart_and_gets_no_second_tag() {
    let refusals: [(i32, Vec<u8>); 6] = [
        (7, b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        (7, [&[Kind::Confirmation as u8, 0, 32][..], &[7; 32]].concat()),
        (7, vec![Kind::Confirmation as u8, 0, 0]),
        (7, vec![Kind::Answer as u8, 0, 0]),
        (3, vec![Kind::Refusal as u8, 0, 0]),
        (5, vec![Kind::NoCommonVersion as u8, 0, 0]),
    ];
    for (exit, message3) in refusals {
        let (host, there) = (FakeHost::new(), Machine::new());
        let (taker, mut socket, _, _) = tagged(&host, &there);
        socket.write_all(&message3).unwrap();
        taker.end().expect(exit);
        assert!(!visited(&host));
        nothing_in(&there);
    }
}

#[test]
fn a_host_that_knows_the_number_and_guesses_the_words_learns_one_bit() {
    let (mut host, there) = (FakeHost::new(), Machine::new());
    let right = host.code.clone();
    let taker = there.start(["take", &right, "-o", "."]);
    host.code = wrong(&right);
    let mut socket = host.accept();
    let judge = host.judge();
    let (pending, message1) = judge.begin(&mut OsRng);
    socket.write_all(&message1).unwrap();
    let message2 = read_frame(&mut socket).unwrap();
    let Verdict::Burned { .. } = judge.judge(pending, &frame(&message2)) else {
        panic!("the guess was right")
    };
    // Its own confirmation, from keys that nobody else has, does not help it either.
    socket.write_all(&[&[Kind::Confirmation as u8, 0, 32][..], &[0; 32]].concat()).unwrap();
    taker.end().expect(7);
    assert!(!visited(&host));
}

#[test]
fn what_is_no_host_is_passed_over_and_gets_no_tag() {
    let answers: [&[u8]; 4] =
        [b"HTTP/1.1 400 Bad Request\r\n\r\n", &[1, 255, 255], &[1, 0, 3, 1, 2, 3], &[2, 0, 0]];
    for answer in answers {
        let (host, there) = (FakeHost::new(), Machine::new());
        let taker = there.start(["take", &host.code, "-o", "."]);
        let mut socket = host.accept();
        socket.write_all(answer).unwrap();
        let taker = taker.end().expect(3);
        assert_eq!(taker.one("error")["error"], "code-unavailable");
        assert_eq!(
            socket.read(&mut [0; OPENING]).unwrap_or(0),
            0,
            "it said something to {answer:?}"
        );
    }
}

#[test]
fn what_says_nothing_is_passed_over_after_a_second() {
    let (host, there) = (FakeHost::new(), Machine::new());
    let taker = there.start(["take", &host.code, "-o", "."]);
    let _socket = host.accept();
    // It may be a host that is suspended.
    assert!(
        taker.end().expect(5).failure()["detail"].as_str().unwrap().contains("does not answer")
    );
}
