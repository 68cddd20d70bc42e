//! A conversation that is told anything: control, the program's answers, and links that come and
//! go, in any order. It ends once, and says nothing after, and speaks on no link that it was not given,
//! and on a stripe of nothing but that it is there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinhole_protocol::conversation::{Conversation, Event, Input, LinkEnd, Role, Setup};
use pinhole_protocol::keys::Commitment;
use pinhole_protocol::limits::{LINKS, TTL};
use pinhole_protocol::links::LinkId;
use pinhole_protocol::messages::Body;
use pinhole_protocol::time::Instant;
use pinhole_protocol::wire::{
    Control, Differences, Greeting, Item, ItemId, ItemKind, Offer, PeerText, Places, Reason, Want,
    read,
};
use std::collections::BTreeSet;

/// A step is a byte that says what and on which link, one that says of which item or how long, and
/// for control its bytes.
fn step<'a>(bytes: &mut &'a [u8]) -> Option<(u8, u32, u8, &'a [u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    let length = if head[0] % 16 < 8 { usize::from(head[1]).min(rest.len()) } else { 0 };
    let (body, rest) = rest.split_at(length);
    *bytes = rest;
    Some((head[0] % 16, u32::from(head[0] >> 4), head[1], body))
}

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes;
    let Some((first, rest)) = bytes.split_first() else { return };
    bytes = rest;
    let (role, want) =
        if first & 1 == 0 { (Role::Joiner, Want::Take) } else { (Role::Host, Want::Give) };
    let mut now = 0;
    let (host, joiner) = Commitment::simulated([7; 32], [0x5e; 32]);
    let (commitment, nonce) =
        if role == Role::Host { (host, None) } else { (joiner, Some([0x5e; 32].into())) };
    let mut conversation = Conversation::new(
        Instant::from_millis(now),
        commitment,
        Setup {
            want,
            ttl: TTL,
            verify: first & 2 != 0,
            faithful: first & 4 != 0,
            resuming: first & 8 != 0,
            proving: true,
            striping: first & 16 != 0,
        },
    );
    let want = if want == Want::Take { Want::Give } else { Want::Take };
    let theirs =
        Greeting { next: 0, window: 1 << 24, want: Some(want), ttl: Some(60), nonce, stripe: None };
    let greeting = if role == Role::Joiner { Control::Use(theirs) } else { Control::Using(theirs) };
    let greeting = minicbor::to_vec(&greeting).unwrap();
    let mut number = 0;
    let mut over = false;
    let mut whole = 0;
    // Links that may be spoken on, and the index of the next.
    let mut up = BTreeSet::new();
    // Those that it has greeted as stripes.
    let mut stripes = BTreeSet::new();
    let mut next_link = 1_u32;
    let mut tell = |conversation: &mut Conversation, now: u64, input: Input<'_>| {
        // The link takes all that it is handed. What was over before has nothing more to say.
        let (now, ended) = (Instant::from_millis(now), over);
        match &input {
            Input::LinkUp { link, .. } if !over => assert!(up.insert(*link)),
            Input::LinkDown(link, _) if !over => _ = up.remove(link),
            _ => {}
        }
        let mut next = vec![conversation.handle(now, input)];
        while let Some(actions) = next.pop() {
            assert!(!ended || actions.control.is_empty());
            assert!(!over || (actions.events.is_empty() && actions.grants.is_empty()));
            let ends =
                actions.events.iter().filter(|event| matches!(event, Event::Over(_))).count();
            assert!(
                ends == 0
                    || (ends == 1
                        && matches!(actions.events.last(), Some(Event::Over(_)))
                        && actions.grants.is_empty())
            );
            over |= ends == 1;
            whole +=
                actions.events.iter().filter(|event| matches!(event, Event::Whole(..))).count();
            for (link, body) in &actions.control {
                let control: Control = read(body).unwrap();
                assert!(up.contains(link));
                match control {
                    Control::Use(greeting) | Control::Using(greeting)
                        if greeting.stripe.is_some() =>
                    {
                        assert!(first & 24 == 24 && stripes.insert(*link));
                    }
                    Control::Heartbeat { .. } => {}
                    _ => assert!(!stripes.contains(link)),
                }
                next.push(conversation.handle(now, Input::Taken(*link)));
            }
            assert!(actions.grants.iter().all(|grant| up.contains(&grant.link)));
            actions.cut.iter().for_each(|link| assert!(up.remove(link)));
            assert!(up.len() <= LINKS);
        }
    };
    tell(&mut conversation, now, Input::LinkUp { link: LinkId::CODE, linked: false, most: 8 });
    if first & 4 == 0 {
        tell(&mut conversation, now, Input::Control(LinkId::CODE, &greeting));
    }
    while let Some((what, back, which, body)) = step(&mut bytes) {
        let item = ItemId(1 + u32::from(which % 4));
        let link = LinkId(next_link.saturating_sub(1 + back));
        match what {
            // A message with the number that is expected, which no mutation would find.
            0..4 => {
                let control =
                    Control::Fragment { number, last: what != 3, bytes: body.to_vec().into() };
                number += u64::from(what != 3);
                tell(
                    &mut conversation,
                    now,
                    Input::Control(link, &minicbor::to_vec(&control).unwrap()),
                );
            }
            4..8 => tell(&mut conversation, now, Input::Control(link, body)),
            8 => tell(&mut conversation, now, Input::Accept(item, u64::from(which) << 20)),
            9 => tell(&mut conversation, now, Input::Registered(item)),
            10 => tell(
                &mut conversation,
                now,
                Input::Wrote(item, u64::from(which >> 4)..u64::from(which)),
            ),
            11 => tell(&mut conversation, now, Input::Committed(item, Differences::default())),
            12 => {
                let ours = conversation.next_item();
                if which & 1 == 0 {
                    tell(
                        &mut conversation,
                        now,
                        Input::Body(ours, Body::text(ours, "text".into()).unwrap()),
                    );
                } else {
                    let item = Item {
                        name: PeerText::new("name".into()),
                        kind: ItemKind::File,
                        size: Some(9),
                        exact: None,
                    };
                    let offer = Offer {
                        item: ours,
                        items: vec![item],
                        bytes: 9,
                        entries: 1,
                        counted: true,
                        allocated: None,
                    };
                    tell(&mut conversation, now, Input::Offer(offer));
                }
            }
            13 => {
                now += u64::from(which) * 1000;
                tell(&mut conversation, now, Input::Tick);
            }
            14 => match which % 6 {
                0 => tell(&mut conversation, now, Input::Leave),
                1 => tell(&mut conversation, now, Input::Verified),
                2 => tell(&mut conversation, now, Input::Refuse(item, Reason::Declined)),
                3 => tell(&mut conversation, now, Input::Cancel(item, Reason::Declined)),
                4 => tell(&mut conversation, now, Input::Checked(item, Differences::default())),
                _ if which & 0x80 != 0 => {
                    let direct = vec![([192, 0, 2, 1], 1_024 + u16::from(which)).into()];
                    let places = Places { direct, relay: None };
                    tell(&mut conversation, now, Input::Places(places));
                }
                _ if which & 0x40 != 0 => {
                    let count = (which & 8 == 0).then_some(usize::from(which & 7));
                    tell(&mut conversation, now, Input::Stripes(count));
                }
                _ => tell(&mut conversation, now, Input::Total(item, u64::from(which))),
            },
            _ => match which % 6 {
                0 => tell(&mut conversation, now, Input::LinkDown(link, LinkEnd::Closed)),
                1 => tell(&mut conversation, now, Input::Abort(Reason::Interrupted)),
                2 => tell(
                    &mut conversation,
                    now,
                    Input::Quiet(link, std::time::Duration::from_secs(which.into())),
                ),
                3 => {
                    let link = LinkId(next_link);
                    next_link += 1;
                    tell(
                        &mut conversation,
                        now,
                        Input::LinkUp { link, linked: which & 8 != 0, most: 8 },
                    );
                }
                4 => tell(&mut conversation, now, Input::Control(link, &greeting)),
                _ => tell(&mut conversation, now, Input::LinkDown(link, LinkEnd::Tampered)),
            },
        }
    }
    // Nothing is whole of which no end was said.
    assert!(whole <= number as usize);
});
