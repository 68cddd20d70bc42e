//! A relay that ends, as asked or not, while it is in use (D10).

use crate::count;
use crate::harness::relay::Relay;
use crate::harness::{Machine, Running, content};
use crate::joiner::{Heard, Socket, Waiting};
use crate::operator::until;
use rustix::process::Signal;
use std::process::Stdio;

/// A giver of its standard input, and who takes it: their transfer goes on until the giver's input
/// ends.
struct Passing {
    giver: Running,
    taker: Running,
    there: Machine,
    _here: Machine,
}

impl Passing {
    fn start(relay: &Relay) -> Self {
        let (here, there) = (Machine::new(), Machine::new());
        let mut command = here.command(["give", "--relay", &relay.url(), "-"]);
        command.stdin(Stdio::piped());
        let mut giver = Running::start(command);
        let code = giver.code();
        let mut taker = there.start(["take", &code, "--relay", &relay.url(), "-o", "."]);
        taker.until("offer", "");
        Self { giver, taker, there, _here: here }
    }
}

#[test]
fn transfers_finish_when_the_relay_is_told_to_stop() {
    let mut relay = Relay::with(&[
        "--drain",
        "10m",
        "--connections",
        "100000",
        "--waiting-hosts",
        "100000",
        "--hosts-a-minute",
        "100000",
    ]);
    let content: Vec<u8> = content::bytes(300_000);
    let (first, second) = content.split_at(150_000);
    let mut all: Vec<Passing> = (0..count(50, 10)).map(|_| Passing::start(&relay)).collect();
    for passing in &mut all {
        passing.giver.feed(first);
    }
    relay.running.signal(Signal::TERM);
    until(&mut relay.running, "draining");
    for mut passing in all {
        passing.giver.feed(second);
        passing.giver.hang_up();
        let taken = passing.taker.end().expect(0);
        passing.giver.end().expect(0);
        let file = taken.one("file");
        assert!(
            std::fs::read(passing.there.path(file["saved_to"].as_str().unwrap())).unwrap()
                == content
        );
    }
    until(&mut relay.running, "stopped");
    assert_eq!(relay.running.end().status.code(), Some(0));
}

#[test]
fn all_who_waited_at_a_relay_that_was_killed_have_their_numbers_again() {
    let unlimited = [
        "waiting-hosts",
        "hosts-a-minute",
        "source-numbers",
        "connections",
        "joins-a-minute",
        "misses-a-minute",
    ];
    let unlimited = unlimited.map(|limit| format!("--{limit}=100000"));
    let options: Vec<&str> = unlimited.iter().map(String::as_str).collect();
    let mut relay = Relay::with(&options);
    let waiting: Vec<_> = (0..count(1_000, 500)).map(|_| Waiting::start(8, relay.port)).collect();
    relay.crash_and_restart(&options);
    for Waiting { number, owner, .. } in waiting {
        let authorization = format!("Pinhole owner={owner}");
        let mut host = Socket::with(
            8,
            relay.port,
            &format!("host-{number}"),
            &[("authorization", &authorization)],
        )
        .unwrap();
        let Heard::Text(said) = host.hear() else { panic!("{number} is not given back") };
        assert!(
            said.contains(&format!("\"number\":{number},\"owner\":\"{owner}\",\"attempt\":1")),
            "{said}"
        );
        host.send(b"\0\0\0\x01one");
        // Whoever was told the code comes to the right one.
        let mut joiner = Socket::open(9, relay.port, &format!("join-{number}")).unwrap();
        assert_eq!(joiner.message().unwrap(), b"one");
    }
}
