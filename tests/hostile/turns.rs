//! Messages that are out of turn, beyond their limits, or nothing that the protocol has (B14).

use crate::harness::Machine;
use crate::peer::FakeHost;
use crate::sender::{ITEM, Sender, entry, file};
use minicbor::Encode;
use pinhole_protocol::wire::{Control, Greeting, Message, Reason};

fn text(body: &str) -> impl Encode<()> {
    Message::Text { item: ITEM, body: body.into() }
}

#[test]
fn a_message_without_an_end_is_not_gathered() {
    let mut sender = Sender::new();
    for _ in 0..30 {
        sender.peer.tell(&Control::Fragment {
            number: 0,
            last: false,
            bytes: vec![0; 60_000].into(),
        });
    }
    sender.ends(7);
}

#[test]
fn what_is_nested_beyond_reason_costs_no_stack() {
    // An unknown key, whose value is to be skipped: arrays in arrays, of known and of unknown
    // length.
    for nesting in [0x81, 0x9f] {
        let mut sender = Sender::new();
        let mut body = vec![0x82, 3, 0xa2, 0, 0xf4, 0x18, 99];
        body.resize(65_000, nesting);
        body.push(0);
        sender.peer.tell_bytes(&body);
        sender.peer.say(&Message::Leave { reason: Reason::Done });
        // Broken or ignored is all the same; a crash is not.
        sender.peer.hear_out();
        drop(sender.peer);
        let exit = sender.taker.end().status.code();
        assert!(matches!(exit, Some(6 | 7)), "{exit:?}");
    }
}

#[test]
fn whoever_speaks_out_of_turn_is_left() {
    type Say = fn(&mut Sender);
    let broken: [Say; 12] = [
        |sender| assert!(sender.peer.tell_bytes(b"not cbor")),
        |sender| assert!(sender.peer.tell_bytes(&[0x82, 24, 99, 0xa0])),
        |sender| assert!(sender.peer.say(&99_u32)),
        |sender| {
            sender.peer.number = 1;
            sender.peer.say(&text("a message is missing"));
        },
        |sender| assert!(sender.peer.tell(&Control::Received { next: 9, window: 0 })),
        |sender| {
            sender.peer.tell(&Control::Using(Greeting {
                next: 0,
                window: 0,
                want: None,
                ttl: None,
                nonce: None,
                stripe: None,
            }));
        },
        |sender| {
            sender.peer.say(&text("one"));
            sender.peer.say(&text("and another under its number"));
            sender.offer(vec![file("a", 1)], 1, 1, true);
            sender.offer(vec![file("b", 1)], 1, 1, true);
        },
        |sender| {
            sender.offer(vec![file("a", 1)], 1, 1, true);
            sender.peer.say(&Message::End { item: ITEM, entries: 0, bytes: 0, differences: None });
        },
        |sender| {
            sender.offer(vec![file("a", 1)], 1, 1, true);
            sender.accepted();
            sender.entries(1, vec![entry(&["a"], Some(1))]);
        },
        |sender| {
            sender.offer(vec![file("a", 1)], 1, 1, true);
            sender.accepted();
            sender.entries(0, vec![entry(&["a"], None)]);
        },
        |sender| {
            sender.offer(vec![file("a", 1)], 1, 1, true);
            sender.accepted();
            sender.entries(0, vec![entry(&["b"], Some(1))]);
        },
        |sender| {
            sender.offer(vec![file("a", 1), file("a", 1)], 2, 2, true);
        },
    ];
    for say in broken {
        let mut sender = Sender::new();
        say(&mut sender);
        sender.ends(7);
    }
}

#[test]
fn a_host_that_speaks_before_it_puts_the_link_into_use_is_left() {
    let (host, there) = (FakeHost::new(), Machine::new());
    let taker = there.start(["take", &host.code, "-o", "."]);
    let mut peer = host.meet();
    peer.say(&text("hello"));
    peer.hear_out();
    drop(peer);
    assert!(taker.end().expect(7).all("text").is_empty());
}

#[test]
fn a_message_that_comes_twice_is_taken_once() {
    let mut sender = Sender::new();
    for _ in 0..3 {
        sender.peer.number = 0;
        sender.peer.say(&text("once"));
    }
    sender.peer.say(&Message::Leave { reason: Reason::Done });
    sender.peer.hear_out();
    drop(sender.peer);
    assert_eq!(sender.taker.end().expect(0).one("text")["body"], "once");
}
