//! A host that waits keeps its number, whatever becomes of its connection or of the relay.

use crate::harness::relay::Relay;
use crate::harness::{Machine, Running};
use crate::joiner::{Heard, Socket};
use crate::operator::until;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A line that can be cut: the connections that go through it. Those after the first get these
/// answers instead, one each, until there is none left.
fn line(relay: u16, instead: &'static [&str]) -> (u16, Receiver<TcpStream>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, passing) = channel();
    std::thread::spawn(move || {
        for (index, client) in listener.incoming().enumerate() {
            let mut client = client.unwrap();
            if let Some(answer) = index.checked_sub(1).and_then(|index| instead.get(index)) {
                let _ = client.read(&mut [0; 4096]).unwrap();
                write!(
                    client,
                    "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
                .unwrap();
                continue;
            }
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, relay)).unwrap();
            for (mut from, mut to) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client.try_clone().unwrap()),
            ] {
                std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(read @ 1..) = from.read(&mut buffer) {
                        if to.write_all(&buffer[..read]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
            if told.send(client).is_err() {
                return;
            }
        }
    });
    (port, passing)
}

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
    let (port, passing) = line(relay.port, &[]);
    let mut giver = here.start(["give", "--relay", &format!("ws://127.0.0.1:{port}"), "gift"]);
    let code = giver.code();
    for _ in 0..3 {
        passing.recv().unwrap().shutdown(Shutdown::Both).unwrap();
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
    let (port, passing) = line(relay.port, &[]);
    let mut giver = here.start(["give", "--relay", &format!("ws://127.0.0.1:{port}"), "gift"]);
    let code = giver.code();
    giver.signal(Signal::STOP);
    passing.recv().unwrap().shutdown(Shutdown::Both).unwrap();
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
    let (port, passing) =
        line(relay.port, &["502 Bad Gateway", "503 Service Unavailable", "429 Too Many Requests"]);
    let mut giver = here.start(["give", "--relay", &format!("ws://127.0.0.1:{port}"), "gift"]);
    let code = giver.code();
    passing.recv().unwrap().shutdown(Shutdown::Both).unwrap();
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
