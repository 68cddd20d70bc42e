//! `--serve-relay`: a relay inside the host, for its one channel.

use crate::harness::proxy::free_port;
use crate::harness::{Machine, Running};
use crate::joiner::Socket;
use crate::operator::get;
use crate::wrong;
use pinhole_protocol::handshake::Kind;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A giver that serves its relay itself, and what it says of its channel.
fn giver(here: &Machine, options: &[&str]) -> (Running, Value) {
    here.write("gift", b"the gift");
    let mut giver = here.start(["give", "--serve-relay", "gift"].iter().chain(options));
    let channel = giver.until("status", "channel");
    (giver, channel)
}

/// The port in its line.
fn port(channel: &Value) -> u16 {
    channel["join"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

/// The gift arrives at a new machine that runs the line.
fn arrives(giver: Running, channel: &Value) {
    let there = Machine::new();
    let line = channel["join"].as_str().unwrap().strip_prefix("pinhole ").unwrap();
    let taker = there.run(line.split(' ').chain(["-o", "."])).expect(0);
    assert!(
        taker.lines.iter().any(|line| line.contains(r#""connected","path":"relay""#)),
        "{:#?}",
        taker.lines
    );
    assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
    giver.end().expect(0);
}

#[test]
fn a_gift_goes_through_it_and_nothing_listens_afterwards() {
    let here = Machine::new();
    let (giver, channel) = giver(&here, &[]);
    assert!(
        (100..1000).contains(&channel["number"].as_u64().unwrap()) && channel.get("link").is_none(),
        "{channel}"
    );
    let port = port(&channel);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    arrives(giver, &channel);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    // Its key was in memory alone.
    assert!(!here.home().join(".local/state/pinhole/relay").exists());
}

#[test]
fn who_takes_may_serve_it_too() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut taker = here.start(["take", "--serve-relay", "-o", "."]);
    let line = taker.join_line();
    there.write("gift", b"the gift");
    there.run(line.iter().map(String::as_str).chain(["gift"])).expect(0);
    taker.end().expect(0);
    assert_eq!(std::fs::read(here.path("gift")).unwrap(), b"the gift");
}

#[test]
fn it_is_for_no_other_host() {
    let here = Machine::new();
    let (giver, channel) = giver(&here, &[]);
    let (port, token) = (port(&channel), "0123456789abcdef0123456789abcdef");
    let refused = |verb: &str| Socket::open(3, port, verb).map(drop);
    assert_eq!(refused("host"), Err(401));
    assert_eq!(refused(&format!("link-host-{token}")), Err(401));
    assert_eq!(refused(&format!("link-joiner-{token}")), Ok(()));
    let stranger = Machine::new();
    stranger.write("gift", b"x");
    let mut stranger =
        stranger.command(["give", "--relay", &format!("ws://127.0.0.1:{port}"), "gift"]);
    stranger.env("PINHOLE_HOST_TOKEN", token);
    let refused = Running::start(stranger).end().expect(5);
    assert_eq!(refused.failure()["error"], "relay-refused");
    // Its counters are about this one channel.
    assert!(get(port, "/health").2.contains("\"ok\""));
    let (_, head, page) = get(port, "/metrics");
    assert!(head.contains("text/html") && !page.contains("# TYPE"), "{page}");
    arrives(giver, &channel);
}

#[test]
fn a_wrong_code_ends_it_or_brings_a_new_one_at_the_same_place() {
    let here = Machine::new();
    let (giver, channel) = giver(&here, &[]);
    let code = channel["code"].as_str().unwrap();
    assert_eq!(Socket::join(7, port(&channel), code).guess(&wrong(code)), Some(Kind::Refusal));
    assert_eq!(giver.end().expect(3).failure()["error"], "code-guessed");

    let (mut giver, channel) = self::giver(&here, &["--tries", "2"]);
    let code = channel["code"].as_str().unwrap();
    assert_eq!(Socket::join(7, port(&channel), code).guess(&wrong(code)), Some(Kind::Refusal));
    let again = giver.until("status", "channel");
    assert_eq!(port(&again), port(&channel));
    assert_ne!(again["number"], channel["number"]);
    arrives(giver, &again);
}

#[test]
fn strangers_behind_a_tunnel_or_a_proxy_use_up_their_own_limits() {
    let here = Machine::new();
    let (giver, channel) = giver(&here, &[]);
    let port = port(&channel);
    // More visits that come to nothing than one source may make in a minute (SPEC 10.7), all from
    // this machine, as a tunnel's are.
    for stranger in 1..=15 {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: \
                      websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \
                      AAAAAAAAAAAAAAAAAAAAAA==";
        let join = format!(
            "Sec-WebSocket-Protocol: pinhole.1, join-{}\r\nX-Forwarded-For: 203.0.113.{stranger}",
            channel["number"]
        );
        write!(socket, "{upgrade}\r\n{join}\r\n\r\n").unwrap();
        let mut status = [0; 12];
        socket.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 101");
    }
    arrives(giver, &channel);
}

#[test]
fn others_are_told_the_address_that_is_named_and_this_host_uses_its_own() {
    let here = Machine::new();
    let channel = |options: &[&str]| giver(&here, options).1;
    let public = channel(&["--public-url", "https://relay.example/p/"]);
    let code = public["code"].as_str().unwrap();
    assert_eq!(public["join"], format!("pinhole take {code}@relay.example/p/"));
    assert_eq!(public["link"], format!("https://relay.example/p/#{code}"));
    // Without TLS the other side has to allow it, and there is no link.
    let plain = channel(&["--public-url", "ws://relay.example:7667"]);
    let code = plain["code"].as_str().unwrap();
    assert_eq!(
        plain["join"],
        format!("pinhole take {code}@ws://relay.example:7667 --insecure-relay")
    );
    assert!(plain.get("link").is_none());
    let (giver, listening) = giver(&here, &["--listen", "127.0.0.2:0"]);
    assert!(listening["join"].as_str().unwrap().contains("@127.0.0.2:"), "{listening}");
    arrives(giver, &listening);
}

#[test]
fn people_read_how_it_is_reached_and_who_sees_what() {
    let here = Machine::new();
    here.write("gift", b"the gift");
    for (options, text) in [
        (&[][..], "only this machine can reach"),
        (&["--public-url", "https://relay.example"], "reached at wss://relay.example/"),
        (&["--public-url", "ws://relay.example"], "without TLS"),
    ] {
        let mut giver =
            here.start(["give", "--human", "--serve-relay", "gift"].iter().chain(options));
        let mut lines = String::new();
        while !lines.contains("Code: ") {
            lines.push_str(&giver.line().unwrap());
            lines.push(' ');
        }
        assert!(
            lines.contains("Through a relay in this process") && lines.contains(text),
            "{lines}"
        );
    }
}

#[test]
fn a_proxy_of_the_environment_is_not_asked_for_what_is_in_this_process() {
    let here = Machine::new();
    here.write("gift", b"the gift");
    let mut giver = here.command(["give", "--serve-relay", "gift"]);
    giver.env("http_proxy", format!("http://127.0.0.1:{}", free_port()));
    let mut giver = Running::start(giver);
    let channel = giver.until("status", "channel");
    arrives(giver, &channel);
}

#[test]
fn what_does_not_go_together_is_said() {
    let here = Machine::new();
    here.write("gift", b"the gift");
    for options in [
        &["--listen", "1234"][..],
        &["--public-url", "https://a.example"],
        &["--serve-relay", "--relay", "wss://a.example"],
        &["--serve-relay", "--direct"],
        &["--serve-relay", "--port", "9999"],
        &["--serve-relay", "--bind", "127.0.0.1"],
        &["--serve-relay", "--public-url", "ftp://a.example"],
        &["--serve-relay", "--code", "417-walrus-clipboard-mango"],
        &["--tunnel", "--relay", "wss://a.example"],
        &["--tunnel", "--direct"],
        &["--tunnel", "--port", "9999"],
        &["--tunnel", "--listen", "1234"],
        &["--tunnel", "--serve-relay", "--public-url", "https://a.example"],
        &["--tunnel="],
        &["--tunnel='"],
    ] {
        let ended = here.run(["give", "gift"].iter().chain(options)).expect(2);
        assert_eq!(ended.failure()["error"], "usage", "{options:?}");
    }
    let forbidden = here.run(["give", "gift", "--serve-relay", "--listen", "10.0.0.1:0"]).expect(5);
    assert_eq!(forbidden.failure()["error"], "network-forbidden");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let taken = here.run(["give", "gift", "--serve-relay", "--listen", &address]).expect(5);
    assert_eq!(taken.failure()["error"], "cannot-listen");
}
