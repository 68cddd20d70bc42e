//! A peer that knows the code and breaks the rules: what it says of things that it has not seen
//! moves nothing.

use super::greeting_tests::commitment;
use super::*;
use crate::limits::{CREDIT, FILE_PIECES, PIECES, TTL, WINDOW};
use crate::links::LinkId;
use crate::messages::Body;
use crate::wire::{
    Control, Entry, EntryKind, Greeting, Item, ItemKind, Message, Part, PeerName, PeerText, Reason,
    Span, Want, encoded,
};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::vec;

const NOW: Instant = Instant::from_millis(0);

/// A host, and the messages that its hostile joiner has sent.
struct Attacked {
    host: Conversation,
    number: u64,
}

impl Attacked {
    fn new(verify: bool) -> Self {
        Self::with(Setup {
            want: Want::Both,
            ttl: TTL,
            verify,
            faithful: true,
            resuming: false,
            proving: true,
            striping: false,
        })
    }

    fn with(setup: Setup) -> Self {
        let mut host = Conversation::new(NOW, commitment(Role::Host), setup);
        let _ = host.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
        let mut this = Self { host, number: 0 };
        let _ = this.control(&greeting());
        this
    }

    fn control(&mut self, control: &Control) -> Actions {
        self.host.handle(NOW, Input::Control(LinkId::CODE, &encoded(control, 0)))
    }

    fn message(&mut self, message: &Message) -> Actions {
        let bytes = encoded(message, 0).to_vec().into();
        self.number += 1;
        self.control(&Control::Fragment { number: self.number - 1, last: true, bytes })
    }

    fn offer(&mut self) -> ItemId {
        let item = self.host.next_item();
        let items = vec![Item {
            name: PeerText::new("key".to_string()),
            kind: ItemKind::File,
            size: Some(5),
            exact: None,
        }];
        let _ = self.host.handle(
            NOW,
            Input::Offer(Offer {
                item,
                items,
                bytes: 5,
                entries: 1,
                counted: true,
                allocated: None,
            }),
        );
        item
    }

    fn text(&mut self) -> ItemId {
        let item = self.host.next_item();
        let _ = self
            .host
            .handle(NOW, Input::Body(item, Body::text(item, "words".to_string()).unwrap()));
        item
    }
}

fn greeting() -> Control {
    Control::Using(Greeting {
        next: 0,
        window: WINDOW,
        want: Some(Want::Both),
        ttl: None,
        nonce: None,
        stripe: None,
    })
}

fn violated(actions: &Actions) -> bool {
    actions.events.iter().any(|event| matches!(event, Event::Over(Outcome::Violated(_))))
}

#[test]
fn an_offer_held_for_the_words_cannot_be_accepted() {
    let mut attacked = Attacked::new(true);
    let item = attacked.offer();
    let accepted = attacked.message(&Message::Accept { item });
    assert!(violated(&accepted), "{:?}", accepted.events);
    assert!(!accepted.events.iter().any(|event| matches!(event, Event::Accepted(_))));
}

#[test]
fn what_is_held_for_the_words_cannot_be_called_delivered_or_refused() {
    for failed in [None, Some(Reason::Declined)] {
        for held in [Attacked::text, Attacked::offer] {
            let mut attacked = Attacked::new(true);
            let item = held(&mut attacked);
            let answered = attacked.message(&Message::Result { item, failed, differences: None });
            assert!(violated(&answered), "{:?}", answered.events);
            assert!(!answered.events.iter().any(|event| matches!(event, Event::Delivered(..))));
        }
    }
}

#[test]
fn a_link_is_put_into_use_once() {
    let mut attacked = Attacked::new(false);
    let _ = attacked.text();
    let again = attacked.control(&greeting());
    assert!(violated(&again), "everything unacknowledged was sent again for one small record");
}

#[test]
fn a_greeting_says_what_its_side_came_for() {
    let mut host = Conversation::new(
        NOW,
        commitment(Role::Host),
        Setup {
            want: Want::Give,
            ttl: TTL,
            verify: false,
            faithful: true,
            resuming: false,
            proving: true,
            striping: false,
        },
    );
    let _ = host.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let silent = Control::Using(Greeting {
        next: 0,
        window: WINDOW,
        want: None,
        ttl: None,
        nonce: None,
        stripe: None,
    });
    assert!(violated(&host.handle(NOW, Input::Control(LinkId::CODE, &encoded(&silent, 0)))));
}

#[test]
fn after_a_goodbye_nothing_new_begins_on_either_side() {
    let mut attacked = Attacked::new(false);
    let _ = attacked.host.handle(NOW, Input::Leave);
    let item = attacked.host.next_item();
    let late =
        attacked.host.handle(NOW, Input::Body(item, Body::text(item, "late".to_string()).unwrap()));
    assert!(
        matches!(late.events[..], [Event::Failed(failed, Reason::Done)] if failed == item),
        "{:?}",
        late.events
    );
    assert!(late.control.is_empty() && !attacked.host.has_unfinished());
    let item = attacked.host.next_item();
    let late = attacked.host.handle(
        NOW,
        Input::Offer(Offer {
            item,
            items: vec![],
            bytes: 0,
            entries: 0,
            counted: false,
            allocated: None,
        }),
    );
    assert!(
        matches!(late.events[..], [Event::Failed(failed, Reason::Done)] if failed == item),
        "{:?}",
        late.events
    );
}

/// The entry of the only item, or of something of this name in it.
fn entry(below: &[&str], kind: EntryKind, size: Option<u64>) -> Entry {
    let placed = match below {
        [] => Entry::of_item(0, kind),
        [name, ..] => Entry::inside(0, PeerName::new(name.as_bytes().to_vec()), kind),
    };
    Entry { size, ..placed }
}

#[test]
fn a_bad_entry_refuses_its_transfer_and_nothing_else() {
    let (file, folder) = (EntryKind::File, EntryKind::Folder);
    let target = Some(PeerName::new(b"x".to_vec()));
    let dated = Entry { modified_nanos: 5, ..entry(&["f"], file, Some(1)) };
    let twice = Entry { item: Some(0), ..entry(&["f"], file, Some(1)) };
    let special = Entry { mode: Some(0o4755), ..entry(&["f"], file, Some(1)) };
    let bad = [
        (ItemKind::Folder, vec![dated], Reason::Protocol),
        (ItemKind::Folder, vec![twice], Reason::Protocol),
        (ItemKind::Folder, vec![special], Reason::Protocol),
        (ItemKind::Folder, vec![entry(&["l"], EntryKind::Link, None)], Reason::Protocol),
        (
            ItemKind::Folder,
            vec![Entry { target: target.clone(), ..entry(&["f"], file, Some(1)) }],
            Reason::Protocol,
        ),
        (
            ItemKind::Folder,
            vec![Entry { target, ..entry(&[], EntryKind::Link, None) }],
            Reason::Protocol,
        ),
        (ItemKind::Folder, vec![entry(&["f"], file, None)], Reason::Protocol),
        (ItemKind::Folder, vec![entry(&[], folder, Some(1))], Reason::Protocol),
        (
            ItemKind::Folder,
            vec![entry(&["f"], file, Some(u64::MAX)), entry(&["g"], file, Some(1))],
            Reason::Protocol,
        ),
        (ItemKind::Stream, vec![entry(&[], file, Some(1))], Reason::Protocol),
        (ItemKind::Stream, vec![entry(&[], folder, None)], Reason::Protocol),
        (
            ItemKind::Stream,
            vec![entry(&[], file, None), entry(&["f"], file, None)],
            Reason::Protocol,
        ),
    ];
    for (kind, entries, reason) in bad {
        let mut attacked = Attacked::new(false);
        let item = ItemId(7);
        let items =
            vec![Item { name: PeerText::new("t".to_string()), kind, size: None, exact: None }];
        let _ = attacked.message(&Message::Offer(Offer {
            item,
            items,
            bytes: 0,
            entries: 0,
            counted: false,
            allocated: None,
        }));
        let _ = attacked.host.handle(NOW, Input::Accept(item, CREDIT));
        let part = Message::Entries(Part { item, first: 0, entries });
        let refused = attacked.message(&part);
        assert!(
            matches!(
                refused.events[..],
                [Event::Unfit(unfit, why, _)] if unfit == item && why == reason
            ),
            "{:?}",
            refused.events
        );
        let told = refused.control.iter().filter_map(|(_, body)| match crate::wire::read(body)? {
            Control::Fragment { bytes, .. } => crate::wire::read(&bytes),
            _ => None,
        });
        let told: Vec<Message> = told.collect();
        assert!(matches!(
            told[..],
            [Message::Result { item: refused, failed: Some(why), .. }]
                if refused == item && why == reason
        ));
        // Messages already on their way are ignored, and the conversation goes on.
        for late in [part, Message::End { item, entries: 1, bytes: 1, differences: None }] {
            assert!(attacked.message(&late).events.is_empty());
        }
        let text =
            attacked.message(&Message::Text { item: ItemId(8), body: "still here".to_string() });
        assert!(matches!(text.events[..], [Event::Text(..)]), "{:?}", text.events);
    }
}

#[test]
fn entries_out_of_turn_end_the_conversation() {
    let part = |first: u32, count: usize| {
        let entries =
            (0..count).map(|n| entry(&[&n.to_string()], EntryKind::File, Some(1))).collect();
        Message::Entries(Part { item: ItemId(7), first, entries })
    };
    let items = vec![Item {
        name: PeerText::new("t".to_string()),
        kind: ItemKind::Folder,
        size: None,
        exact: None,
    }];
    let offer = Message::Offer(Offer {
        item: ItemId(7),
        items,
        bytes: 0,
        entries: 0,
        counted: false,
        allocated: None,
    });
    for wrong in [
        part(1, 1),
        part(0, 0),
        part(0, 1_001),
        Message::End { item: ItemId(7), entries: 1, bytes: 0, differences: None },
    ] {
        let mut attacked = Attacked::new(false);
        let _ = attacked.message(&offer);
        let _ = attacked.host.handle(NOW, Input::Accept(ItemId(7), CREDIT));
        assert!(violated(&attacked.message(&wrong)));
    }
    let mut attacked = Attacked::new(false);
    let _ = attacked.message(&offer);
    assert!(violated(&attacked.message(&part(0, 1))), "entries of what is not accepted");
}

#[test]
fn a_record_of_the_peers_with_no_lawful_content_breaks_the_protocol() {
    let mut attacked = Attacked::new(false);
    let ended = attacked.host.handle(NOW, Input::LinkDown(LinkId::CODE, LinkEnd::Malformed));
    assert!(violated(&ended), "{:?}", ended.events);
    assert_eq!(ended.control.len(), 1, "the peer is told");
}

#[test]
fn nothing_may_come_before_the_first_credit() {
    let mut attacked = Attacked::new(false);
    let item = attacked.offer();
    let accepted = attacked.message(&Message::Accept { item });
    assert!(
        matches!(accepted.events[..], [Event::Accepted(_), Event::PartWanted(_)]),
        "{:?}",
        accepted.events
    );
    let said =
        attacked.host.handle(NOW, Input::Part(item, vec![entry(&[], EntryKind::File, Some(5))]));
    assert!(
        !said.control.is_empty() && said.grants.is_empty(),
        "parts may be said, and no byte may be sent"
    );
    let credited =
        attacked.control(&Control::Credit { transfer: item, limit: 5, parts: 1, written: vec![] });
    assert_eq!(credited.grants.len(), 1);
}

#[test]
fn a_greeting_without_a_time_leaves_the_other_sides() {
    let attacked = Attacked::new(false);
    assert_eq!(attacked.host.rests(NOW), TTL);
}

#[test]
fn a_receiver_that_names_single_positions_fills_no_memory() {
    for (striping, pieces) in [(false, PIECES as u64), (true, FILE_PIECES as u64)] {
        let (want, ttl, resuming) = (Want::Both, TTL, true);
        let (verify, faithful, proving) = (false, true, true);
        let setup = Setup { want, ttl, verify, faithful, resuming, proving, striping };
        let mut attacked = Attacked::with(setup);
        let item = attacked.offer();
        let _ = attacked.message(&Message::Accept { item });
        let entry = entry(&[], EntryKind::File, Some(1 << 20));
        let _ = attacked.host.handle(NOW, Input::Part(item, vec![entry]));
        let written =
            |from: u64| (from..from + 64).map(|n| Span { start: 2 * n, end: 2 * n + 1 }).collect();
        let credit =
            |written| Control::Credit { transfer: item, limit: 1 << 20, parts: 1, written };
        assert!(!violated(&attacked.control(&credit(vec![]))));
        for from in (0..pieces).step_by(64) {
            assert!(!violated(&attacked.control(&credit(written(from)))));
        }
        assert!(violated(&attacked.control(&credit(written(pieces)))));
    }
}

#[test]
fn whoever_takes_nothing_is_waited_for_until_a_bound_of_messages() {
    let mut attacked = Attacked::new(false);
    // The link takes nothing, so its peer reads nothing; what it says is taken all the same.
    for number in 0..=crate::limits::UNACKNOWLEDGED {
        let item = ItemId(u32::try_from(number + 1).unwrap());
        let said = attacked.message(&Message::Text { item, body: String::new() });
        let kept = attacked.host.handle(NOW, Input::Kept(item));
        assert!(said.control.len() + kept.control.len() <= crate::limits::LINK_RECORDS);
        assert!(!violated(&said));
        assert_eq!(violated(&kept), number == crate::limits::UNACKNOWLEDGED, "{number}");
    }
}

#[test]
fn what_waits_for_a_link_cannot_be_acknowledged_answered_or_refused() {
    let lies: [fn(&mut Attacked, ItemId) -> Actions; 3] = [
        |attacked, _| attacked.control(&Control::Received { next: 3, window: WINDOW }),
        |attacked, item| {
            attacked.message(&Message::Result { item, failed: None, differences: None })
        },
        |attacked, item| attacked.message(&Message::Accept { item }),
    ];
    for lie in lies {
        let mut attacked = Attacked::new(false);
        // Two of the longest texts are all that the link can have.
        for _ in 0..2 {
            let item = attacked.host.next_item();
            let body = Body::text(item, "x".repeat(Body::MAX)).unwrap();
            let _ = attacked.host.handle(NOW, Input::Body(item, body));
        }
        let offered = attacked.offer();
        assert!(violated(&lie(&mut attacked, offered)));
    }
}

#[test]
fn whoever_has_said_goodbye_begins_nothing_and_may_still_break_off() {
    let (item, done) = (ItemId(1), || Message::Leave { reason: Reason::Done });
    let items = vec![Item {
        name: PeerText::new("key".to_string()),
        kind: ItemKind::File,
        size: Some(5),
        exact: None,
    }];
    let begun = [
        done(),
        Message::Text { item, body: "more".to_string() },
        Message::Secret { item, label: None, body: vec![1] },
        Message::Offer(Offer { item, items, bytes: 5, entries: 1, counted: true, allocated: None }),
    ];
    for more in begun {
        let mut attacked = Attacked::new(false);
        // A text without a result keeps the conversation open.
        attacked.text();
        assert!(!violated(&attacked.message(&done())));
        assert!(violated(&attacked.message(&more)));
    }
    let mut attacked = Attacked::new(false);
    attacked.text();
    let _ = attacked.message(&done());
    let broken_off = attacked.message(&Message::Leave { reason: Reason::Interrupted });
    assert!(matches!(
        broken_off.events.last(),
        Some(Event::Over(Outcome::PeerLeft(Reason::Interrupted)))
    ));
}
