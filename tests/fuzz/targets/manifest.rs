//! Offers and parts, with their names: what a receiver registers follows from what came before, and
//! no path leads out (SPEC 7.1, 7.3).
#![no_main]

use libfuzzer_sys::fuzz_target;
use name::FileName;
use pinhole_protocol::conversation::{Conversation, Event, Input, Setup};
use pinhole_protocol::keys::Commitment;
use pinhole_protocol::limits::{CREDIT, ITEMS, PART_ENTRIES, TTL};
use pinhole_protocol::links::LinkId;
use pinhole_protocol::time::Instant;
use pinhole_protocol::wire::{Control, Entry, Greeting, Item, ItemId, Message, Offer, Part, Want};

// The file itself, because the whole program around it would take minutes to build for libFuzzer.
#[allow(dead_code, reason = "the program uses more of it")]
#[rustfmt::skip] // It would look for the tests of that file beside it.
#[path = "../../../src/files/name.rs"]
mod name;

#[allow(dead_code, reason = "the program uses more of it")]
#[path = "../../../src/platform/unix/name.rs"]
mod bytes;

/// The part of the program that `name.rs` uses.
mod platform {
    pub(crate) use super::bytes as name;
}

const ITEM: ItemId = ItemId(1);

/// The bytes up to the next two that no name has, and what follows them.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.windows(2).position(|pair| pair == [0xff, 0xfe]);
    end.map_or((bytes, &[]), |end| (&bytes[..end], &bytes[end + 2..]))
}

fuzz_target!(|bytes: &[u8]| {
    let now = Instant::from_millis(0);
    let (_, commitment) = Commitment::simulated([7; 32], [0x5e; 32]);
    let mut taker = Conversation::new(
        now,
        commitment,
        Setup {
            want: Want::Take,
            ttl: TTL,
            verify: false,
            faithful: true,
            resuming: false,
            proving: true,
            striping: false,
        },
    );
    let mut events =
        taker.handle(now, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 }).events;
    let greeting = Greeting {
        next: 0,
        window: 0,
        want: Some(Want::Give),
        ttl: None,
        nonce: Some([0x5e; 32].into()),
        stripe: None,
    };
    events.extend(
        taker
            .handle(
                now,
                Input::Control(LinkId::CODE, &minicbor::to_vec(Control::Use(greeting)).unwrap()),
            )
            .events,
    );
    assert!(matches!(events.as_slice(), [Event::Connected(Want::Give)]));

    let (items, mut rest) = split(bytes);
    let Ok(items) = minicbor::decode::<Vec<Item>>(items) else { return };
    let mut messages = vec![Message::Offer(Offer {
        item: ITEM,
        items,
        bytes: 0,
        entries: 0,
        counted: false,
        allocated: None,
    })];
    let mut first = 0;
    while !rest.is_empty() {
        let part;
        (part, rest) = split(rest);
        let Ok(entries) = minicbor::decode::<Vec<Entry>>(part) else { continue };
        let count = entries.len() as u32;
        messages.push(Message::Entries(Part { item: ITEM, first, entries }));
        first += count;
    }
    let mut registered = 0;
    for (number, message) in (0..).zip(&messages) {
        let fragment = Control::Fragment {
            number,
            last: true,
            bytes: minicbor::to_vec(message).unwrap().into(),
        };
        let mut events = taker
            .handle(now, Input::Control(LinkId::CODE, &minicbor::to_vec(&fragment).unwrap()))
            .events;
        while !events.is_empty() {
            let mut next = Vec::new();
            for event in events {
                match event {
                    Event::Offered(offer) => {
                        assert!((1..=ITEMS).contains(&offer.items.len()));
                        for item in &offer.items {
                            let _ = FileName::parse(item.bytes());
                        }
                        next.extend(taker.handle(now, Input::Accept(ITEM, CREDIT)).events);
                    }
                    Event::Register(part) => {
                        assert!(
                            part.first == registered
                                && (1..=PART_ENTRIES).contains(&part.entries.len())
                        );
                        registered += part.entries.len() as u32;
                        for entry in &part.entries {
                            assert!(entry.is_lawful());
                            if let Some(parsed) = entry
                                .name
                                .as_ref()
                                .and_then(|name| FileName::parse(name.raw()).ok())
                            {
                                assert!(
                                    !parsed.name.bytes().contains(&b'/')
                                        && parsed.name.bytes() != b".."
                                );
                            }
                        }
                        next.extend(taker.handle(now, Input::Registered(ITEM)).events);
                    }
                    Event::Over(_) => return,
                    Event::Whole(..) => panic!("nothing said that this is all"),
                    _ => {}
                }
            }
            events = next;
        }
    }
});
