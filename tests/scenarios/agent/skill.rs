//! The skill's own commands, run as it gives them: detached and, where that is refused, streaming,
//! with no command that an agent's tool would end.

use crate::harness::content::{bytes, in_full};
use crate::harness::{Ended, Machine, Running};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

/// One of the two sides: where it is, and which it is.
struct Side<'a> {
    machine: &'a Machine,
    role: &'a str,
}

/// A command of an agent's, which sees what it began.
fn by_agent(machine: &Machine, args: &[&str]) -> Command {
    let mut command = machine.command(args);
    command.env("PINHOLE_AGENT", "1");
    command
}

impl Side<'_> {
    /// Runs a command of the skill as an agent's tool does.
    #[track_caller]
    fn run(&self, args: &[&str]) -> Ended {
        let begun = Instant::now();
        let mut command = by_agent(self.machine, args);
        command.args(["--role", self.role]).env("API_KEY", "canary-2718281828");
        let ended = Running::start(command).end();
        assert!(begun.elapsed() < Duration::from_secs(50), "{args:?} took {:?}", begun.elapsed());
        ended
    }

    /// Receives, as often as it takes, until a line is of this type.
    fn receive(&self, number: &str, kind: &str) -> Value {
        loop {
            let found = self.run(&["receive", number, "--wait", "45s"]).expect(0).all(kind);
            if let Some(found) = found.into_iter().next() {
                return found;
            }
        }
    }
}

/// Everything that the skill promises, in a channel that is open.
fn everything(host: &Side, peer: &Side, number: &str) {
    for turn in 0..3 {
        for (from, to) in [(host, peer), (peer, host)] {
            let text = format!("turn {turn} of {}", from.role);
            from.run(&["send", number, &text]).expect(0).one("delivered");
            assert_eq!(to.receive(number, "text")["body"], text);
        }
    }
    let content = bytes(if in_full() { 100_000_000 } else { 5_000_000 });
    host.machine.write("report.pdf", &content);
    let sent = host.run(&["send", number, "--file", "report.pdf"]);
    assert!([Some(0), Some(11)].contains(&sent.status.code()), "{:?}", sent.lines);
    let saved = peer.receive(number, "file")["saved_to"].as_str().unwrap().to_owned();
    assert!(std::fs::read(saved).unwrap() == content);
    let sent =
        peer.run(&["--allow-env", "API_KEY", "send", number, "--secret-env", "API_KEY"]).expect(0);
    let taken = host
        .run(&["receive", number, "--secret-to-env-file", ".env:KEY", "--wait", "45s"])
        .expect(0);
    assert_eq!(
        std::fs::read_to_string(host.machine.path(".env")).unwrap(),
        "KEY=canary-2718281828\n"
    );
    let closed = host.run(&["close", number]).expect(0);
    for ended in [sent, taken, closed] {
        assert!(!ended.everything().contains("canary"), "{:?}", ended.lines);
    }
}

#[test]
fn with_sessions_that_a_tool_keeps_on_two_machines() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = Running::start(by_agent(&here, &["host", "--progress", "off"]));
    let code = host.code();
    let peer = Running::start(by_agent(&there, &["connect", &code, "--progress", "off"]));
    host.until("status", "connected");
    let (one, other) =
        (Side { machine: &here, role: "host" }, Side { machine: &there, role: "peer" });
    everything(&one, &other, &code[..4]);
    for side in [host, peer] {
        assert!(!side.end().expect(0).everything().contains("canary"));
    }
}

#[test]
fn with_a_shell_only_on_two_machines_and_on_one() {
    let there = Machine::new();
    for same in [false, true] {
        let here = Machine::new();
        let opened =
            Running::start(by_agent(&here, &["host", "--detach", "--json"])).end().expect(0);
        let code = opened
            .all("status")
            .into_iter()
            .find(|line| line["event"] == "channel")
            .unwrap()["code"]
            .as_str()
            .unwrap()
            .to_owned();
        let (host, peer) = (
            Side { machine: &here, role: "host" },
            Side { machine: if same { &here } else { &there }, role: "peer" },
        );
        Running::start(by_agent(peer.machine, &["connect", &code, "--detach"])).end().expect(0);
        everything(&host, &peer, &code[..4]);
        // Its last lines wait for their reader; then nothing of it is left.
        while !peer
            .run(&["receive", &code[..4], "--wait", "45s"])
            .expect(0)
            .all("status")
            .iter()
            .any(|line| line["event"] == "closed")
        {}
        for machine in [&here, peer.machine] {
            assert!(machine.run(["status"]).expect(0).all("session").is_empty());
        }
    }
}
