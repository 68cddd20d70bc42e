//! A host that has the code and speaks while a person still compares the verification words:
//! whatever sink was named, nothing is shown, stored, run or answered before the yes, and after a
//! no nothing ever is (A16).

use crate::harness::Machine;
use crate::harness::terminal::Terminal;
use crate::peer::{FakeHost, Peer, Said};
use crate::sender::{file, tree};
use pinhole_protocol::wire::{Control, ItemId, Message, Offer, Reason, Want};

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
