//! A host that has the code and speaks while a person still compares the verification words:
//! whatever sink was named, nothing is shown, stored, run or answered before the yes, and after a
//! no nothing ever is (A16).

use crate::harness::Machine;
use crate::harness::port;
use crate::harness::terminal::Terminal;
use crate::peer::{FakeHost, Peer, Ready, Said, dial_from};
use crate::relink::Ours;
use crate::sender::{file, tree};
use pinhole_protocol::limits::{FAITHFUL, RESUMING};
use pinhole_protocol::rendezvous::{OPENING, Opening};
use pinhole_protocol::role::Role;
use pinhole_protocol::wire::{Control, ItemId, Message, Offer, Places, Reason, Want};
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, Shutdown, TcpListener};

const CANARY: &str = "canary-4c1e";

/// Every command that takes something, but for its code.
const SINKS: [&[&str]; 8] = [
    &["take", "CODE", "--verify", "--yes"],
    &["take", "CODE", "--verify", "-o", "-"],
    &["take", "CODE", "--verify", "-o", "."],
    &["take", "CODE", "--verify", "--secret-to-file", "stored"],
    &["take", "CODE", "--verify", "--secret-to-env-file", ".env:API_KEY"],
    &["take", "CODE", "--verify", "--secret-exec", "--", "sh", "-c", "cat > stored"],
    &["connect", "CODE", "--verify", "-o", "."],
    &["connect", "CODE", "--verify", "--on-message", "--", "sh", "-c", "cat > stored"],
];

/// Everything that a host may send unasked, until the other side has acknowledged it; `want` is
/// what it came for.
fn send_all(peer: &mut Peer, want: Want) {
    peer.put_in_use(want);
    peer.say(&Message::Text { item: ItemId(1), body: format!("text {CANARY}") });
    peer.say(&Message::Secret {
        item: ItemId(2),
        label: Some("API_KEY".into()),
        body: format!("secret {CANARY}").into(),
    });
    let items = vec![file(&format!("file-{CANARY}"), 1)];
    peer.say(&Message::Offer(Offer {
        item: ItemId(3),
        items,
        bytes: 1,
        entries: 1,
        counted: true,
        allocated: None,
    }));
    peer.say(&Message::Text { item: ItemId(4), body: format!("withdrawn {CANARY}") });
    peer.say(&Message::Cancel { item: ItemId(4), reason: Reason::Interrupted });
    loop {
        match peer.hear().expect("closed") {
            Said::Control(Control::Received { next: 5, .. }) => return,
            Said::Control(Control::Fragment { .. }) => {
                panic!("something was answered before the words were compared")
            }
            _ => {}
        }
    }
}

#[test]
fn nothing_of_the_peers_is_told_stored_run_or_answered_before_the_yes() {
    for sink in SINKS {
        let (host, here) = (FakeHost::new(), Machine::new());
        let mut person = Terminal::start(
            &here,
            100,
            sink.iter().map(|word| if *word == "CODE" { host.code.as_str() } else { word }),
        );
        let mut peer = host.meet();
        send_all(&mut peer, if sink[0] == "take" { Want::Give } else { Want::Both });
        person.see("the same words");
        // There is nothing but the session's socket.
        let before: Vec<_> =
            tree(&here).into_iter().filter(|path| !path.contains("/run")).collect();
        assert!(before.is_empty(), "{sink:?}: {before:?}");
        assert!(
            !String::from_utf8_lossy(&person.bytes).contains(CANARY),
            "{sink:?}: {}",
            person.screen()
        );
        person.keys(if sink[0] == "take" { "n\r" } else { "/no\r" });
        let refused = peer.until(|message| match message {
            Message::Leave { reason } => Some(reason),
            _ => panic!("{sink:?}: something was answered before the words were compared"),
        });
        assert_eq!(refused, Some(Reason::NotVerified));
        drop(peer);
        person.end(7);
        let shown = String::from_utf8_lossy(&person.bytes);
        assert!(!shown.contains(CANARY) && !shown.contains("withdrawn"), "{sink:?}: {shown}");
        let after = tree(&here);
        assert!(after.is_empty(), "{sink:?}: {after:?}");
    }
}

#[test]
fn after_the_yes_what_waited_arrives_in_its_order() {
    let (host, here) = (FakeHost::new(), Machine::new());
    let mut person = Terminal::start(&here, 100, ["connect", &host.code, "--verify", "-o", "."]);
    let mut peer = host.meet();
    send_all(&mut peer, Want::Both);
    person.see("the same words");
    person.keys("/yes\r");
    assert!(matches!(peer.message(), Some(Message::Verified)));
    assert!(matches!(peer.message(), Some(Message::Result { item: ItemId(1), failed: None, .. })));
    person.see(&format!("text {CANARY}"));
    assert!(!person.screen().contains("withdrawn"), "{}", person.screen());
}

/// Reads on until `last`, of nothing that a side may not say before its user's yes.
fn nothing_said(peer: &mut Peer, last: impl Fn(&Said) -> bool) {
    while let Some(said) = peer.hear().filter(|said| !last(said)) {
        let Said::Control(control) = said else { panic!("{said:?}") };
        let early = matches!(control, Control::Places(_) | Control::Fragment { .. });
        assert!(!early, "{control:?}");
    }
}

#[test]
fn places_are_neither_said_nor_dialled_before_the_yes() {
    for real in [Role::Host, Role::Joiner] {
        let (here, host) = (Machine::new(), FakeHost::new());
        let (mut person, mut peer, code) = if real == Role::Host {
            let mut person = Terminal::start(&here, 100, ["host", "--verify"]);
            let code = person.code();
            let ready = Ready::dial_with(1, &code, FAITHFUL | RESUMING);
            let mut peer = ready.unwrap().join();
            peer.answer_use(Want::Both);
            (person, peer, code)
        } else {
            let person = Terminal::start(&here, 100, ["connect", &host.code, "--verify"]);
            let mut peer = host.meet_with(FAITHFUL | RESUMING);
            peer.put_in_use(Want::Both);
            (person, peer, host.code.clone())
        };
        let victim = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let direct = vec![victim.local_addr().unwrap()];
        assert!(peer.tell(&Control::Places(Places { direct, relay: None })));
        person.see("the same words");
        // The link is lost, and everything that was said on it is read.
        peer.socket.shutdown(Shutdown::Write).unwrap();
        nothing_said(&mut peer, |_| false);
        // It says so a second later, and would have dialled by then.
        person.see("connection is lost");
        victim.set_nonblocking(true).unwrap();
        assert_eq!(victim.accept().map(drop).unwrap_err().kind(), ErrorKind::WouldBlock);
        victim.set_nonblocking(false).unwrap();
        let link = if real == Role::Host {
            peer.join_link(dial_from(1, port(&code)).unwrap(), Ours::Dialled, false).unwrap()
        } else {
            // Those that it has given up are there, too.
            let mut links = (1..).map(|index| {
                peer.host_link(host.listener.accept().unwrap().0, Ours::Accepted, index)
            });
            links.find_map(Result::ok).unwrap()
        };
        peer.go_on(link);
        peer.say(&Message::Text { item: ItemId(1), body: "hello".into() });
        nothing_said(&mut peer, |said| {
            matches!(said, Said::Control(Control::Received { next: 1, .. }))
        });
        person.keys("/yes\r");
        let places = std::iter::from_fn(|| peer.hear()).find_map(|said| match said {
            Said::Control(Control::Places(places)) => Some(places),
            _ => None,
        });
        assert!(places.is_some_and(|places| !places.direct.is_empty()));
        // From now on it dials what it was told before.
        drop((peer, host.listener));
        let (mut knocking, _) = victim.accept().unwrap();
        let mut opening = [0; OPENING];
        knocking.read_exact(&mut opening).unwrap();
        assert!(matches!(Opening::parse(&opening), Ok(Some(Opening::Link(_)))));
    }
}
