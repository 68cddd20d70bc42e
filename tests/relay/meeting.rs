//! Two sides that meet at a relay: what each says, what arrives, and what a wrong code costs.

use crate::harness::relay::Relay;
use crate::harness::tap::Tap;
use crate::harness::{Machine, Running};
use crate::joiner::{Heard, Socket};
use crate::wrong;
use pinhole_protocol::handshake::Kind;

/// A giver that waits at a relay.
fn giver(here: &Machine, relay: &str) -> Running {
    here.write("gift", b"the gift");
    here.start(["give", "--relay", relay, "gift"])
}

/// The gift arrives at a new machine.
fn arrives(mut giver: Running, code: &str, relay: &str) {
    let there = Machine::new();
    there.run(["take", code, "--relay", relay, "-o", "."]).expect(0);
    assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
    giver.until("delivered", "");
    giver.end().expect(0);
}

#[test]
fn a_file_goes_through_a_relay_with_nothing_but_the_code() {
    let (relay, here, there) = (Relay::start(), Machine::new(), Machine::new());
    let gift: Vec<u8> = crate::harness::content::bytes(3_000_000);
    here.write("gift", &gift);
    let mut giver = here.start(["give", "--relay", &relay.url(), "gift"]);
    let channel = giver.until("status", "channel");
    assert!((100..1000).contains(&channel["number"].as_u64().unwrap()), "{channel}");
    // A link is for relays that a browser could open safely.
    assert!(channel.get("link").is_none());
    let line = channel["join"].as_str().unwrap();
    let mut args: Vec<&str> = line.strip_prefix("pinhole ").unwrap().split(' ').collect();
    args.extend(["-o", "."]);
    let taker = there.run(args).expect(0);
    assert!(
        taker.lines.iter().any(|line| line.contains(r#""connected","path":"relay""#)),
        "{:#?}",
        taker.lines
    );
    assert_eq!(std::fs::read(there.path("gift")).unwrap(), gift);
    assert_eq!(giver.end().expect(0).all("delivered").len(), 1);
}

#[test]
fn the_relay_may_be_set_anywhere_and_the_code_alone_is_enough_then() {
    let (relay, here, there) = (Relay::start(), Machine::new(), Machine::new());
    let mut host = here.command(["take", "-o", "."]);
    host.env("PINHOLE_RELAY", relay.url());
    let mut host = Running::start(host);
    let code = host.code();
    there.run(["config", "set", "relay", &relay.url()]);
    there.write("gift", b"the gift");
    there.run(["give", "--code", &code, "gift"]).expect(0);
    host.end().expect(0);
    assert_eq!(std::fs::read(here.path("gift")).unwrap(), b"the gift");
}

#[test]
fn a_channel_carries_words_both_ways_until_both_have_left() {
    let (relay, here, there) = (Relay::start(), Machine::new(), Machine::new());
    let mut host = here.command(["host", "--relay", &relay.url()]);
    host.stdin(std::process::Stdio::piped());
    let mut host = Running::start(host);
    let join = host.join_line();
    let mut guest = there.start(join);
    host.until("status", "connected");
    guest.until("status", "connected");
    host.signal(rustix::process::Signal::INT);
    host.end().expect(130);
    guest.until("status", "peer_left");
    guest.end().expect(6);
}

#[test]
fn a_wrong_code_is_heard_on_both_sides_and_the_number_is_refused_from_then_on() {
    let (relay, here) = (Relay::start(), Machine::new());
    let mut giver = giver(&here, &relay.url());
    let code = giver.code();
    let taker =
        Machine::new().run(["take", &wrong(&code), "--relay", &relay.url(), "-o", "."]).expect(3);
    assert_eq!(taker.failure()["error"], "code-wrong");
    assert_eq!(giver.end().expect(3).failure()["error"], "code-guessed");
    let late = Machine::new().run(["take", &code, "--relay", &relay.url(), "-o", "."]).expect(3);
    assert_eq!(late.failure()["error"], "code-unavailable");
}

#[test]
fn a_new_code_after_a_wrong_one_has_another_number() {
    let (relay, here) = (Relay::start(), Machine::new());
    here.write("gift", b"the gift");
    let mut giver = here.start(["give", "--relay", &relay.url(), "--tries", "2", "gift"]);
    let code = giver.code();
    assert_eq!(Socket::join(7, relay.port, &code).guess(&wrong(&code)), Some(Kind::Refusal));
    giver.until("status", "handshake_failed");
    let again = giver.code();
    assert_ne!(code.split('-').next(), again.split('-').next());
    arrives(giver, &again, &relay.url());
}

#[test]
fn hanging_up_costs_nothing_however_often() {
    let (relay, here) = (
        Relay::with(&["--joins-a-minute", "100000", "--misses-a-minute", "100000"]),
        Machine::new(),
    );
    let mut giver = giver(&here, &relay.url());
    let code = giver.code();
    for visit in 0..if std::env::var_os("PINHOLE_FULL").is_some() { 1000 } else { 300 } {
        // The relay may not have noticed yet that the one before has gone, and a source has one
        // place.
        let mut stranger = Socket::join(9 + visit, relay.port, &code);
        let message1 = stranger.message().unwrap();
        match visit % 3 {
            // No message 2 at all, and one that answers another message 1.
            0 => stranger.send(b"nonsense"),
            1 => stranger.send(&message1),
            _ => {}
        }
    }
    arrives(giver, &code, &relay.url());
}

#[test]
fn who_holds_the_number_again_and_again_keeps_nobody_out() {
    let (relay, here) = (Relay::with(&["--hold-contested", "1s"]), Machine::new());
    let mut giver = giver(&here, &relay.url());
    let code = giver.code();
    let mut stranger = Socket::join(9, relay.port, &code);
    assert!(stranger.message().is_some());
    // It stands in line again behind the guest, who comes when its time is over.
    let (port, code_) = (relay.port, code.clone());
    let again = std::thread::spawn(move || {
        while stranger.hear() != Heard::Closed(Some(4004)) {}
        let mut stranger = Socket::join(9, port, &code_);
        while stranger.message().is_some() {}
    });
    arrives(giver, &code, &relay.url());
    again.join().unwrap();
}

#[test]
fn no_code_is_shown_before_a_relay_has_given_its_number() {
    let here = Machine::new();
    here.write("gift", b"the gift");
    // A port that nobody listens on: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let giver = here.run(["give", "--relay", &format!("ws://127.0.0.1:{port}"), "gift"]).expect(5);
    assert_eq!(giver.failure()["error"], "relay-unreachable");
    assert!(!giver.everything().contains("\"channel\""), "{:#?}", giver.lines);
}

#[test]
fn a_code_of_a_relay_needs_one() {
    let taker = Machine::new().run(["take", "417-walrus-clipboard-mango", "-o", "."]).expect(2);
    assert_eq!(taker.failure()["error"], "no-relay");
}

#[test]
fn with_relay_only_nothing_is_direct() {
    let (relay, here) = (Relay::start(), Machine::new());
    here.write("gift", b"the gift");
    for direct in [
        &["give", "--relay-only", "gift"][..],
        &["take", "9471-walrus-clipboard-mango", "--relay-only"],
    ] {
        assert_eq!(here.run(direct).expect(2).failure()["error"], "usage");
    }
    let listening = ["give", "--relay-only", "--relay", &relay.url(), "--direct", "gift"];
    assert_eq!(here.run(listening).expect(2).failure()["error"], "usage");
    let mut giver = here.start(["give", "--relay-only", "--relay", &relay.url(), "gift"]);
    let code = giver.code();
    let there = Machine::new();
    there.run(["take", &code, "--relay-only", "--relay", &relay.url(), "-o", "."]).expect(0);
    giver.end().expect(0);
}

#[test]
fn meeting_takes_as_few_round_trips_as_can_be() {
    let (relay, here, there) = (Relay::start(), Machine::new(), Machine::new());
    let tap = Tap::new(relay.port);
    here.write("gift", b"the gift");
    let mut giver = here.start(["give", "--relay", &tap.url(), "gift"]);
    let code = giver.code();
    there.run(["take", &code, "--relay", &tap.url(), "-o", "."]).expect(0);
    giver.end().expect(0);
    let conversations = tap.conversations();
    assert_eq!(conversations.len(), 2);
    let (host, joiner) = (conversations[0].lock().unwrap(), conversations[1].lock().unwrap());
    // The host: the upgrade brings the number; message 1 leaves at once. When message 2 comes,
    // `confirmed`, message 3 and the first record.
    assert_eq!([0, 1, 2, 3].map(|frame| host.waits_before(frame)), [1, 2, 2, 2]);
    // The joiner: the upgrade brings message 1. Message 2, and after message 3 its first record.
    assert_eq!([0, 1].map(|frame| joiner.waits_before(frame)), [1, 2]);
}
