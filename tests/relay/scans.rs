//! Somebody who tries numbers, or takes all there is (D7, D8, D9b): refused in time, told nothing,
//! and in nobody's way.

use crate::harness::relay::Relay;
use crate::harness::{Machine, PATIENCE};
use crate::joiner::{Heard, Socket, Waiting};
use crate::{count, wrong};
use pinhole_protocol::handshake::Kind;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

const UNAVAILABLE: Heard = Heard::Closed(Some(4001));
const LIMIT: Heard = Heard::Closed(Some(4002));

/// A file goes from one machine to another meanwhile.
fn others_meet(relay: &Relay) {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("gift", b"the gift");
    let mut giver = here.start(["give", "--relay", &relay.url(), "gift"]);
    let code = giver.code();
    there.run(["take", &code, "--relay", &relay.url(), "-o", "."]).expect(0);
    giver.end().expect(0);
    assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
}

#[test]
fn a_source_that_tries_numbers_is_refused_after_ten_and_nobody_else() {
    let relay = Relay::start();
    let tried =
        |number: u32| Socket::open(9, relay.port, &format!("join-{number}")).unwrap().hear();
    assert!((100..110).all(|number| tried(number) == UNAVAILABLE));
    // Nor does it reach a number that is there.
    let host = Waiting::start(8, relay.port);
    assert_eq!(tried(u32::try_from(host.number).unwrap()), LIMIT);
    for number in 0..count(60_000, 2_000) {
        assert_eq!(tried(200 + u32::try_from(number % 700).unwrap()), LIMIT);
    }
    others_meet(&relay);
}

#[test]
fn all_of_a_64_is_one_source() {
    let relay = Relay::with(&["--trusted-proxy", "127.0.0.9"]);
    let tried = |address: &str| {
        let socket = Socket::with(8, relay.port, "join-100", &[("x-forwarded-for", address)]);
        socket.unwrap().hear()
    };
    for host in 0..1_000 {
        let heard = tried(&format!("2001:db8:0:7:{host:x}::{host:x}"));
        assert_eq!(heard, if host < 10 { UNAVAILABLE } else { LIMIT }, "{host}");
    }
    // The next customer's.
    assert_eq!(tried("2001:db8:0:8::1"), UNAVAILABLE);
}

/// All that a joiner is told, from the first byte of the answer to the last of the connection; only
/// the time of day is left out.
fn told(source: u32, relay: u16, number: u64) -> Vec<u8> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let from = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + source);
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, relay)).into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: \
               13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: relay\r\n{head}\r\n\
         Sec-WebSocket-Protocol: pinhole.1, join-{number}\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let date = text.find("date: ").unwrap();
    answer.drain(date..date + text[date..].find("\r\n").unwrap());
    answer
}

#[test]
fn absent_busy_used_burned_and_given_back_are_one_answer() {
    let relay = Relay::with(&["--line", "1", "--line-time", "20s"]);
    let (used, burned, away, busy) = {
        let start = |source| Waiting::start(source, relay.port);
        (start(1), start(2), start(3), start(4))
    };
    let numbers = [used.number, burned.number, away.number, busy.number];
    let pair = used.pair(5, relay.port);
    burned.burn();
    // A host that breaks a rule loses its connection, and the number waits for it, with a line that
    // is full.
    let mut away = away;
    away.socket.say("what?");
    assert_eq!(away.socket.hear(), Heard::Closed(Some(4008)));
    let joins = [(2, 6), (3, 7), (3, 8)].map(|(host, source)| {
        let mut joiner =
            Socket::open(source, relay.port, &format!("join-{}", numbers[host])).unwrap();
        assert!(matches!(joiner.hear(), Heard::Text(_)));
        joiner
    });
    let absent = (100..).find(|number| !numbers.contains(number)).unwrap();
    let expected = told(20, relay.port, absent);
    assert!(expected.ends_with(b"\x88\x0d\x0f\xa1unavailable"), "{expected:?}");
    for (number, state) in
        numbers.into_iter().zip(["used", "burned", "away, its line full", "busy"])
    {
        let told = told(21, relay.port, number);
        assert!(
            told == expected,
            "{state}: {:?}, not {:?}",
            String::from_utf8_lossy(&told),
            String::from_utf8_lossy(&expected)
        );
    }
    drop((pair, joins));
}

#[test]
fn who_takes_all_that_it_may_leaves_enough_for_others() {
    let relay = Relay::start();
    let mut waiting: Vec<_> = (0..20).map(|_| Waiting::start(9, relay.port)).collect();
    assert_eq!(Socket::open(9, relay.port, "host").unwrap().hear(), LIMIT);
    // Links count among connections: 64 of all kinds.
    let links: Vec<_> = (0..44)
        .map(|link| Socket::open(9, relay.port, &format!("link-host-{link:032x}")).unwrap())
        .collect();
    assert!(matches!(Socket::open(9, relay.port, "host"), Err(429)));
    others_meet(&relay);
    drop(links);
    // One that goes makes room for one that comes.
    waiting.pop().unwrap().burn();
    Waiting::start(9, relay.port);
}

#[test]
fn a_line_is_for_eight_and_who_stands_in_it_has_its_turn() {
    // However slow the machine is.
    let relay =
        Relay::with(&["--hold-contested=1m", "--hold=1m", "--line-time=10m", "--first-message=1m"]);
    let host = Waiting::start(1, relay.port);
    let join = |source| Socket::open(source, relay.port, &format!("join-{}", host.number)).unwrap();
    let mut holder = join(10);
    assert_eq!(holder.message().unwrap(), b"one");
    // The next comes when the one before has heard of its place.
    let placed = |source| {
        let mut joiner = join(source);
        assert!(matches!(joiner.hear(), Heard::Text(_)));
        joiner
    };
    let mut line: Vec<_> = (11..19).map(placed).collect();
    assert_eq!(join(19).hear(), UNAVAILABLE);
    // A source has one place, holding included.
    assert_eq!((join(11).hear(), join(10).hear()), (UNAVAILABLE, UNAVAILABLE));
    let Waiting { mut socket, .. } = host;
    drop(holder);
    for (attempt, joiner) in (2_u32..).zip(&mut line) {
        assert_eq!(socket.hear(), Heard::Text(format!(r#"{{"type":"next","attempt":{attempt}}}"#)));
        socket.send(&[&attempt.to_be_bytes()[..], b"for you"].concat());
        assert_eq!(joiner.message().unwrap(), b"for you");
        // It leaves without an answer.
        joiner.stream().shutdown(std::net::Shutdown::Both).unwrap();
    }
}

#[test]
fn a_source_that_guesses_is_refused_after_ten_whatever_it_guesses_at() {
    let (relay, here) = (Relay::start(), Machine::new());
    here.write("gift", b"the gift");
    let give = || {
        let mut giver = here.start(["give", "--relay", &relay.url(), "gift"]);
        let code = giver.code();
        (giver, code)
    };
    for _ in 0..10 {
        let (giver, code) = give();
        assert_eq!(Socket::join(9, relay.port, &code).guess(&wrong(&code)), Some(Kind::Refusal));
        giver.end().expect(3);
    }
    let (giver, code) = give();
    assert_eq!(Socket::join(9, relay.port, &code).hear(), LIMIT);
    // The code is as good as before.
    let there = Machine::new();
    there.run(["take", &code, "--relay", &relay.url(), "-o", "."]).expect(0);
    giver.end().expect(0);
}

#[test]
fn a_number_that_was_given_back_is_not_given_to_anybody_soon() {
    let relay = Relay::with(&["--hosts-a-minute", "100000"]);
    let mut seen = BTreeSet::new();
    // Of 900 numbers: without a rest, 200 draws without a repetition would be one case in
    // 10,000,000,000.
    for _ in 0..200 {
        let host = Waiting::start(9, relay.port);
        let (number, owner) = (host.number, host.owner.clone());
        host.burn();
        assert!(seen.insert(number), "{number} came again");
        let again = Socket::with(
            9,
            relay.port,
            &format!("host-{number}"),
            &[("authorization", &format!("Pinhole owner={owner}"))],
        );
        assert_eq!(again.unwrap().hear(), UNAVAILABLE);
    }
}
