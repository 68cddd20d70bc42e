//! `--verify`: until the person here has compared the words, nothing of the peer's is told, and
//! nothing is answered (SPEC 8.3).

use super::greeting_tests::{commitment, greeting, messages, told};
use super::*;
use crate::limits::{TTL, WINDOW, WINDOW_SHARE};
use crate::links::LinkId;
use crate::wire::{Control, Item, ItemKind, Message, PeerText, Reason, Want, encoded};

use alloc::string::ToString;
use std::vec;

const NOW: Instant = Instant::from_millis(0);

/// A joiner whose person compares the words, and the messages that its host has sent meanwhile.
struct Comparing {
    joiner: Conversation,
    number: u64,
}

impl Comparing {
    fn new() -> Self {
        let mut joiner = Conversation::new(
            NOW,
            commitment(Role::Joiner),
            Setup {
                want: Want::Both,
                ttl: TTL,
                verify: true,
                faithful: true,
                resuming: false,
                proving: true,
                striping: false,
            },
        );
        let _ = joiner.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
        let connected = told(&mut joiner, LinkId::CODE, &Control::Use(greeting(0, WINDOW)));
        assert!(matches!(connected.events[..], [Event::Connected(Want::Both)]));
        Self { joiner, number: 0 }
    }

    fn hears(&mut self, message: &Message) -> Actions {
        let bytes = encoded(message, 0).to_vec().into();
        self.number += 1;
        told(
            &mut self.joiner,
            LinkId::CODE,
            &Control::Fragment { number: self.number - 1, last: true, bytes },
        )
    }

    /// A text, a secret and an offer, of which nothing may be told or answered.
    fn all(&mut self) {
        for message in [
            text(1),
            Message::Secret { item: ItemId(2), label: None, body: b"key".to_vec() },
            offer(3),
        ] {
            let actions = self.hears(&message);
            assert!(actions.events.is_empty(), "{:?}", actions.events);
            assert!(messages(&actions).is_empty());
        }
    }
}

fn text(item: u32) -> Message {
    Message::Text { item: ItemId(item), body: "rm -rf".to_string() }
}

fn long(item: u32) -> Message {
    Message::Text { item: ItemId(item), body: "x".repeat(crate::messages::Body::MAX) }
}

fn offer(item: u32) -> Message {
    let items = vec![Item {
        name: PeerText::new("logs".to_string()),
        kind: ItemKind::Folder,
        size: None,
        exact: None,
    }];
    Message::Offer(Offer {
        item: ItemId(item),
        items,
        bytes: 0,
        entries: 0,
        counted: false,
        allocated: None,
    })
}

#[test]
fn what_comes_is_told_after_the_yes_in_its_order() {
    let mut comparing = Comparing::new();
    comparing.all();
    // Of a text too, of which there is nothing to count.
    for (transfer, bytes, all) in
        [(ItemId(1), 7, true), (ItemId(3), 5, false), (ItemId(3), 7, true)]
    {
        let counted = Control::Counted { transfer, bytes, entries: 2, counted: all };
        assert!(told(&mut comparing.joiner, LinkId::CODE, &counted).events.is_empty());
    }
    let yes = comparing.joiner.handle(NOW, Input::Verified);
    let [
        Event::Text(ItemId(1), body),
        Event::Secret(ItemId(2), None, _),
        Event::Offered(offer),
        count,
    ] = &yes.events[..]
    else {
        panic!("{:?}", yes.events)
    };
    // The offer itself promises nothing that it did not.
    assert_eq!((body.raw(), offer.bytes, offer.entries, offer.counted), ("rm -rf", 7, 2, false));
    assert!(
        matches!(
            count,
            Event::Counted { transfer: ItemId(3), bytes: 7, entries: 2, counted: true }
        ),
        "{count:?}"
    );
    assert!(matches!(messages(&yes)[..], [Message::Verified]));
    assert!(matches!(comparing.hears(&text(4)).events[..], [Event::Text(ItemId(4), _)]));
}

#[test]
fn with_a_no_nobody_ever_hears_of_it() {
    let mut comparing = Comparing::new();
    comparing.all();
    let no = comparing.joiner.handle(NOW, Input::Abort(Reason::NotVerified));
    assert!(
        matches!(no.events[..], [Event::Over(Outcome::Aborted(Reason::NotVerified))]),
        "{:?}",
        no.events
    );
    assert!(matches!(messages(&no)[..], [Message::Leave { reason: Reason::NotVerified }]));
}

#[test]
fn what_is_withdrawn_meanwhile_was_never_there_and_its_window_is_free() {
    let mut comparing = Comparing::new();
    comparing.all();
    for item in 1..=3 {
        let withdrawn =
            comparing.hears(&Message::Cancel { item: ItemId(item), reason: Reason::Interrupted });
        assert!(withdrawn.events.is_empty(), "{:?}", withdrawn.events);
    }
    // More than a window of texts, each withdrawn: never more than one is held.
    for item in 10..10 + 18 {
        assert!(comparing.hears(&long(item)).events.is_empty());
        assert!(
            comparing
                .hears(&Message::Cancel { item: ItemId(item), reason: Reason::Interrupted })
                .events
                .is_empty()
        );
    }
    assert!(comparing.joiner.handle(NOW, Input::Verified).events.is_empty());
}

#[test]
fn a_peer_that_leaves_meanwhile_leaves_nothing_behind() {
    let mut comparing = Comparing::new();
    comparing.all();
    let left = comparing.hears(&Message::Leave { reason: Reason::Interrupted });
    let expected = [Reason::Interrupted; 2];
    let [Event::PeerLeft(left), Event::Over(Outcome::PeerLeft(over))] = left.events[..] else {
        panic!("{:?}", left.events)
    };
    assert_eq!([left, over], expected);
}

#[test]
fn what_waits_is_bounded_by_the_window_and_four_offers() {
    let over = |actions: &Actions| {
        actions.events.iter().any(|event| matches!(event, Event::Over(Outcome::Violated(_))))
    };
    let mut comparing = Comparing::new();
    for item in 1..=4 {
        assert!(!over(&comparing.hears(&offer(item))));
    }
    assert!(over(&comparing.hears(&offer(5))));
    let mut comparing = Comparing::new();
    let refused = (1..).find(|item| over(&comparing.hears(&long(*item))));
    assert_eq!(
        refused.map(u64::from),
        Some(WINDOW / (crate::messages::Body::MAX as u64 + WINDOW_SHARE) + 1)
    );
}

#[test]
fn a_new_link_asks_nothing_again_and_tells_nothing_sooner() {
    let mut comparing = Comparing::new();
    comparing.all();
    let _ = comparing.joiner.handle(NOW, Input::LinkUp { link: LinkId(1), linked: false, most: 1 });
    let again = told(&mut comparing.joiner, LinkId(1), &Control::Use(greeting(0, WINDOW)));
    assert!(again.events.is_empty(), "{:?}", again.events);
    assert_eq!(comparing.joiner.handle(NOW, Input::Verified).events.len(), 3);
}
