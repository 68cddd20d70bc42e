//! Whoever waits has its place again, whatever becomes of its connection or of the relay.

use crate::harness::relay::Relay;
use crate::harness::wire::{Fault, Way, Wire};
use crate::harness::{Machine, Running, runs};
use crate::joiner::{Heard, Socket};
use crate::operator::until;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn arrives(giver: Running, code: &str, relay: &Relay) {
    let there = Machine::new();
    there.run(["take", code, "--relay", &relay.url(), "-o", "."]).expect(0);
    assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
    giver.end().expect(0);
}

#[test]
fn a_host_whose_connection_drops_comes_back_for_its_number() {
    let (relay, here) = (Relay::start(), Machine::new());
    here.write("gift", b"the gift");
    let wire = Wire::to((Ipv4Addr::LOCALHOST, relay.port));
    let mut giver = here.start(["give", "--relay", &wire.url(), "gift"]);
    let code = giver.code();
    for _ in 0..3 {
        wire.all().cut();
        giver.until("status", "reconnecting");
        giver.until("status", "reconnected");
    }
    arrives(giver, &code, &relay);
}

#[test]
fn a_relay_that_is_killed_and_started_again_gives_the_number_back() {
    let (mut relay, here) = (Relay::start(), Machine::new());
    here.write("gift", b"the gift");
    let mut giver = here.start(["give", "--relay", &relay.url(), "gift"]);
    let code = giver.code();
    relay.crash_and_restart(&[]);
    giver.until("status", "reconnected");
    arrives(giver, &code, &relay);
}

#[test]
fn a_joiner_may_come_while_the_host_is_away() {
    let (relay, here, there) = (Relay::start(), Machine::new(), Machine::new());
    here.write("gift", b"the gift");
    let wire = Wire::to((Ipv4Addr::LOCALHOST, relay.port));
    let mut giver = here.start(["give", "--relay", &wire.url(), "gift"]);
    let code = giver.code();
    giver.signal(Signal::STOP);
    wire.all().cut();
    let taker = there.start(["take", &code, "--relay", &relay.url(), "-o", "."]);
    giver.signal(Signal::CONT);
    taker.end().expect(0);
    giver.end().expect(0);
    assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
}

#[test]
fn what_answers_in_place_of_a_relay_that_starts_again_costs_no_number() {
    let (relay, here) = (Relay::start(), Machine::new());
    here.write("gift", b"the gift");
    let wire = Wire::to((Ipv4Addr::LOCALHOST, relay.port));
    let mut giver = here.start(["give", "--relay", &wire.url(), "gift"]);
    let code = giver.code();
    let instead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    wire.lead_to(instead.local_addr().unwrap());
    wire.all().cut();
    let answers = ["502 Bad Gateway", "503 Service Unavailable", "429 Too Many Requests"];
    for answer in answers {
        let mut client = instead.accept().unwrap().0;
        if answer == answers[2] {
            wire.lead_to((Ipv4Addr::LOCALHOST, relay.port));
        }
        let _ = client.read(&mut [0; 4096]).unwrap();
        write!(client, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
    }
    giver.until("status", "reconnected");
    arrives(giver, &code, &relay);
}

#[test]
fn a_relay_that_ends_is_not_held_up_by_who_waits() {
    let (relay, here) = (Relay::start(), Machine::new());
    let mut giver = here.start(["give", "--relay", &relay.url(), "--text", "x"]);
    giver.code();
    let began = Instant::now();
    relay.running.signal(Signal::TERM);
    let ended = relay.running.end();
    assert!(ended.status.success());
    // It would wait so long for a side that does not go.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for event in ["draining", "stopped"] {
        let said = ended
            .errors
            .iter()
            .filter(|line| line.contains(&format!("\"event\":\"{event}\"")))
            .count();
        assert_eq!(said, 1, "{:#?}", ended.errors);
    }
}

#[test]
fn a_joiner_that_was_cut_tries_again_and_not_so_often_that_it_is_refused() {
    let mut relay = Relay::with(&["--log-level", "debug"]);
    // A host that never says message 1, so that the joiner waits in line.
    let mut host = Socket::open(1, relay.port, "host").unwrap();
    let Heard::Text(number) = host.hear() else { panic!("no number") };
    let number = serde_json::from_str::<serde_json::Value>(&number).unwrap()["number"].to_string();
    let taker = Machine::new().start([
        "take",
        &format!("{number}-walrus-clipboard-mango"),
        "--relay",
        &relay.url(),
    ]);
    until(&mut relay.running, "join");
    relay.crash_and_restart(&[]);
    assert_eq!(taker.end().expect(3).failure()["error"], "code-unavailable");
    assert_eq!(Socket::open(0, relay.port, "join-101").unwrap().hear(), Heard::Closed(Some(4001)));
}

#[test]
fn an_end_of_a_link_whose_line_is_dead_makes_room_when_its_side_comes_again() {
    let relay = Relay::start();
    let wire = Wire::to((Ipv4Addr::LOCALHOST, relay.port));
    let end = |port, side| {
        let verb = format!("link-{side}-{}", "5e".repeat(16));
        let mut end = Socket::open(8, port, &verb).unwrap();
        assert!(matches!(end.hear(), Heard::Text(text) if text.contains("waiting")));
        end
    };
    let paired = |end: &mut Socket| end.hear() == Heard::Text(r#"{"type":"paired"}"#.into());
    let _dead = end(wire.port(), "host");
    wire.all().set(Fault::Lose(Way::Both, 0));
    let mut joiner = end(relay.port, "joiner");
    assert!(paired(&mut joiner));
    let mut host = end(relay.port, "host");
    assert_eq!(joiner.hear(), Heard::Closed(Some(4006)));
    let mut joiner = end(relay.port, "joiner");
    assert!(paired(&mut joiner) && paired(&mut host));
    host.send(b"one");
    assert_eq!(joiner.message(), Some(b"one".to_vec()));
}

#[test]
fn strangers_in_the_slot_of_a_transfer_delay_it_and_nothing_more() {
    const PIECE: usize = 8_192;
    let strangers = runs(200, 12);
    let relay = Relay::with(&["--connections", "1000"]);
    let (here, there) = (Machine::new(), Machine::new());
    // The joiner's words to the relay on its second connection have the token of the slot.
    let request = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&request);
    let wire = Wire::watched((Ipv4Addr::LOCALHOST, relay.port), move |connection, way, bytes| {
        if (connection, way) == (1, Way::ToServer) {
            noted.lock().unwrap().extend_from_slice(bytes);
        }
    });
    let mut give = here.command(["give", "-", "--relay", &relay.url()]);
    give.stdin(Stdio::piped());
    let mut giver = Running::start(give);
    let code = giver.code();
    let taker = there.start(["take", &code, "-o", "file", "--relay", &wire.url()]);
    let pieces = |count: usize| vec![7; count * PIECE];
    giver.feed(pieces(1));
    wire.only(0).wait_bytes(Way::ToClient, PIECE as u64);
    wire.all().cut();
    giver.feed(pieces(1));
    wire.only(1).wait_bytes(Way::ToClient, PIECE as u64);
    let request = String::from_utf8_lossy(&request.lock().unwrap()).into_owned();
    let token = &request.split_once("link-joiner-").unwrap().1[..32];
    for stranger in 0..strangers {
        let guessed = format!("{stranger:032x}");
        let (side, token) = match stranger % 4 {
            0 => ("joiner", token),
            1 => ("host", token),
            2 => ("joiner", &*guessed),
            _ => ("host", &*guessed),
        };
        let mut socket = Socket::open(8, relay.port, &format!("link-{side}-{token}")).unwrap();
        let before = wire.all().bytes(Way::ToClient);
        wire.all().cut();
        if stranger % 8 > 3 {
            socket.send(b"nonsense");
        }
        giver.feed(pieces(1));
        wire.all().wait_bytes(Way::ToClient, before + PIECE as u64);
    }
    giver.hang_up();
    giver.end().expect(0);
    taker.end().expect(0);
    assert_eq!(std::fs::read(there.path("file")).unwrap(), pieces(strangers + 2));
}
