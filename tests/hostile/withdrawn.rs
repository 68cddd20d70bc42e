//! Things that a peer offers and withdraws, again and again: they are gone here too, nobody is
//! asked about them, and memory is bounded (C13).
//!
//! At a terminal, with a handler, in an MCP server, and in the background.

use crate::count;
use crate::harness::process::{Watch, in_background};
use crate::harness::socket::{send, socket};
use crate::harness::terminal::Terminal;
use crate::harness::{Machine, Running};
use crate::peer::{FakeHost, Peer, Ready, Said};
use crate::sender::file;
use pinhole_protocol::wire::{Control, ItemId, Message, Offer, Reason, Want};
use serde_json::{Value, json};
use std::process::Stdio;

/// Things that are sent before the answer is read.
const TOGETHER: usize = 50;

/// Bytes of each secret and text: all of them are over what a process may hold.
fn size() -> usize {
    count(1 << 10, 16 << 10)
}

/// Withdrawn things: as many as the test plan says, or in CI enough to be over the bound.
fn times() -> usize {
    count(100_000, 4_500)
}

fn item(number: usize) -> ItemId {
    ItemId(u32::try_from(number).unwrap())
}

fn secret(number: usize) -> Message {
    Message::Secret {
        item: item(number),
        label: Some(format!("GONE_{number}")),
        body: vec![b's'; size()],
    }
}

fn text(number: usize) -> Message {
    Message::Text { item: item(number), body: "t".repeat(size()) }
}

/// Some long names, which are what an offer takes.
fn offer(number: usize) -> Message {
    let items: Vec<_> = (0..12).map(|one| file(&format!("gone-{number}-{one:0>230}"), 1)).collect();
    Message::Offer(Offer {
        item: item(number),
        items,
        bytes: 12,
        entries: 12,
        counted: true,
        allocated: None,
    })
}

/// Waits until the other side has received all that was said; false if it has closed.
fn received(peer: &mut Peer) -> bool {
    let said = peer.number;
    while let Some(heard) = peer.hear() {
        if matches!(heard, Said::Control(Control::Received { next, .. }) if next >= said) {
            return true;
        }
    }
    false
}

/// Says each of these and withdraws it; false if the other side has closed.
fn flood(peer: &mut Peer, times: usize, make: fn(usize) -> Message) -> bool {
    (1..=times).all(|number| {
        let cancel = Message::Cancel { item: item(number), reason: Reason::Interrupted };
        let said = peer.say(&make(number)) && peer.say(&cancel);
        said && ((number % TOGETHER > 0 && number < times) || received(peer))
    })
}

/// The same, to the end.
#[track_caller]
fn withdraw(peer: &mut Peer, times: usize, make: fn(usize) -> Message) {
    assert!(flood(peer, times, make), "cut");
}

/// The other end of a channel that stays open.
fn join(code: &str) -> Peer {
    let mut peer = Ready::dial(1, code).unwrap().join();
    peer.answer_use(Want::Both);
    peer
}

/// A person's `take`, and the peer that gives.
fn at_a_terminal(there: &Machine) -> (Terminal, Peer) {
    let host = FakeHost::new();
    let terminal = Terminal::start(there, 200, ["take", &host.code]);
    let mut peer = host.meet();
    peer.put_in_use(Want::Give);
    while !matches!(peer.hear(), Some(Said::Control(Control::Using(_)))) {}
    (terminal, peer)
}

#[test]
fn nobody_is_asked_about_a_secret_that_is_gone() {
    let there = Machine::new();
    let (mut terminal, mut peer) = at_a_terminal(&there);
    let memory = Watch::start(terminal.child.id());
    withdraw(&mut peer, times(), secret);
    memory.check();
    peer.say(&Message::Secret {
        item: item(times() + 1),
        label: Some("STAYS".into()),
        body: b"here it is".to_vec(),
    });
    assert!(received(&mut peer));
    // The first was shown before it was withdrawn. What is typed answers it, and no other.
    terminal.see("GONE_1");
    terminal.keys("show\n");
    terminal.see("STAYS");
    assert!(!terminal.screen().contains("sss"), "{}", terminal.screen());
    terminal.keys("show\n");
    terminal.see("here it is");
    let said = String::from_utf8_lossy(&terminal.bytes).into_owned();
    assert!(
        !said.contains("GONE_2") && !said.contains(&format!("GONE_{}", times())),
        "asked about what is gone"
    );
    peer.until(|message| matches!(message, Message::Result { failed: None, .. }).then_some(()))
        .expect("no result");
    peer.say(&Message::Leave { reason: Reason::Done });
    while peer.hear().is_some() {}
    drop(peer);
    // The withdrawn one is missing.
    terminal.end(6);
}

#[test]
fn nobody_is_asked_about_an_offer_that_is_gone() {
    let there = Machine::new();
    let (mut terminal, mut peer) = at_a_terminal(&there);
    let memory = Watch::start(terminal.child.id());
    withdraw(&mut peer, times(), offer);
    memory.check();
    let stays = Offer {
        item: item(times() + 1),
        items: vec![file("stays", 3)],
        bytes: 3,
        entries: 1,
        counted: true,
        allocated: None,
    };
    peer.say(&Message::Offer(stays));
    assert!(received(&mut peer));
    terminal.see("Receive into");
    terminal.keys("y\n");
    // It is for the first, and takes no other.
    terminal.see("offers stays");
    terminal.keys("n\n");
    peer.until(|message| {
        matches!(message, Message::Result { failed: Some(Reason::Declined), .. }).then_some(())
    })
    .expect("no result");
    drop(peer);
    assert!(std::fs::read_dir(there.dir()).unwrap().next().is_none());
    terminal.end(6);
}

/// A pipe that a handler waits for.
fn gate(machine: &Machine, of: &str) -> std::path::PathBuf {
    let gate = machine.path(format!("gate-{of}"));
    rustix::fs::mkfifoat(rustix::fs::CWD, &gate, 0o600.into()).unwrap();
    gate
}

/// Waits until the handler waits for it.
fn reached(gate: &std::path::Path) -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open(gate).unwrap()
}

#[test]
fn no_handler_gets_a_text_that_is_gone() {
    let here = Machine::new();
    let gates = ["first", "stays"].map(|of| gate(&here, of));
    let script =
        "text=$(head -c 5); cat > rest; printf %s \"$text\" >> seen; read -r go < gate-$text";
    let mut host = here.start([
        "host",
        "--on-message",
        "--max-turns",
        "1000000",
        "--handler-timeout",
        "1h",
        "--",
        "sh",
        "-c",
        script,
    ]);
    let memory = Watch::start(host.child.id());
    let mut peer = join(&host.code());
    host.until("status", "connected");
    peer.say(&Message::Text { item: item(times() + 1), body: "first".into() });
    let first = reached(&gates[0]);
    withdraw(&mut peer, times(), text);
    peer.say(&Message::Text { item: item(times() + 2), body: "stays".into() });
    assert!(received(&mut peer));
    memory.check();
    drop(first);
    let stays = reached(&gates[1]);
    assert_eq!(std::fs::read_to_string(here.path("seen")).unwrap(), "firststays");
    drop(stays);
    here.run(["close", "--now"]).expect(0);
    while peer.hear().is_some() {}
    drop(peer);
    host.end();
}

/// A session in a server of an agent's, and the one question that opens it.
fn in_a_server(here: &Machine) -> (Running, Peer) {
    let mut command = here.command(["mcp"]);
    command.stdin(Stdio::piped());
    let mut server = Running::start(command);
    let about = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    });
    let mut request = |id: u64, method: &str, params: Value| {
        server.feed(format!(
            "{}\n",
            json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        ));
        loop {
            let answer: Value = serde_json::from_str(&server.line().expect("it ended")).unwrap();
            if answer["id"] == id {
                return answer;
            }
        }
    };
    request(1, "initialize", about);
    let opened = request(2, "tools/call", json!({"name": "open", "arguments": {}}));
    let code = opened["result"]["structuredContent"]["code"]
        .as_str()
        .unwrap_or_else(|| panic!("{opened}"))
        .to_owned();
    (server, join(&code))
}

#[test]
fn what_is_gone_fills_no_server_of_an_agents() {
    for make in [secret, offer, text] {
        let here = Machine::new();
        let (server, mut peer) = in_a_server(&here);
        let memory = Watch::start(server.child.id());
        // Things held for a command are delivered before they are withdrawn, so they take their
        // part of the window, and too many end the channel.
        let taken = flood(&mut peer, times() / 2, make);
        memory.check();
        assert!(taken || !matches!(make(1), Message::Offer(_)), "cut");
    }
}

#[test]
fn what_is_gone_fills_no_session_in_the_background() {
    for make in [secret, offer, text] {
        let here = Machine::new();
        let hosted = here.run(["host", "--detach"]).expect(0);
        let code = hosted
            .all("status")
            .into_iter()
            .find_map(|line| line["code"].as_str().map(str::to_owned))
            .unwrap();
        let session = in_background(&here.home())[0];
        let memory = Watch::start(u32::try_from(session.as_raw_nonzero().get()).unwrap());
        let mut peer = join(&code);
        let taken = flood(&mut peer, times() / 2, make);
        memory.check();
        assert!(taken || !matches!(make(1), Message::Offer(_)), "cut");
    }
}

#[test]
fn offers_that_are_taken_at_once_and_gone_leave_no_work_behind() {
    let there = Machine::new();
    let host = FakeHost::new();
    let taker = there.start(["take", &host.code, "-o", ".", "-y"]);
    let mut peer = host.meet();
    peer.put_in_use(Want::Give);
    while !matches!(peer.hear(), Some(Said::Control(Control::Using(_)))) {}
    let memory = Watch::start(taker.child.id());
    withdraw(&mut peer, times() / 10, offer);
    memory.check();
    peer.say(&Message::Leave { reason: Reason::Done });
    while peer.hear().is_some() {}
    drop(peer);
    taker.end();
    assert!(std::fs::read_dir(there.dir()).unwrap().next().is_none());
}

#[test]
fn goodbye_is_said_once() {
    for after in [
        Message::Leave { reason: Reason::Done },
        Message::Text { item: item(1), body: "one more".into() },
        Message::Secret { item: item(1), label: None, body: b"one more".to_vec() },
        offer(1),
    ] {
        let here = Machine::new();
        let mut host = here.start(["host"]);
        let mut peer = join(&host.code());
        host.until("status", "connected");
        // It cannot answer the goodbye while a text of its own has no result.
        send(&socket(&here), &["wait".to_owned()], Some(0));
        peer.until(|message| matches!(message, Message::Text { .. }).then_some(()))
            .expect("no text");
        peer.say(&Message::Leave { reason: Reason::Done });
        peer.say(&after);
        while peer.hear().is_some() {}
        drop(peer);
        let host = host.end().expect(7);
        assert_eq!(host.failure()["error"], "protocol");
    }
}
