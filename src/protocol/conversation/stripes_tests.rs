//! Stripes record by record: what makes one, what it may carry, and what its end says.

use super::greeting_tests::{commitment, greeting, told};
use super::*;
use crate::limits::{CREDIT, LINK_RECORDS, STALLED, STRIPE_REST, TTL, WINDOW};
use crate::links::LinkId;
use crate::messages::Body;
use crate::violation::Violation;
use crate::wire::{
    Control, Differences, Entry, EntryKind, Greeting, Item, ItemKind, Message, Part, PeerName,
    PeerText, Reason, Span, Want, encoded,
};
use alloc::vec::Vec;
use core::time::Duration;
use std::vec;

const NOW: Instant = Instant::from_millis(0);
const MAIN: LinkId = LinkId::CODE;

fn setup(striping: bool) -> Setup {
    let (want, ttl) = (Want::Both, TTL);
    Setup { want, ttl, verify: false, faithful: true, resuming: true, proving: true, striping }
}

/// A side with a link in use.
fn linked(role: Role, striping: bool) -> Conversation {
    let mut side = Conversation::new(NOW, commitment(role), setup(striping));
    let _ = up(&mut side, MAIN, false);
    let theirs = greeting(0, WINDOW);
    let theirs = if role == Role::Host { Control::Using(theirs) } else { Control::Use(theirs) };
    let _ = told(&mut side, MAIN, &theirs);
    assert_eq!(side.link(), Some(MAIN));
    side
}

/// The same with stripes from index 1 on.
fn striped(role: Role, count: u32) -> Conversation {
    let mut side = linked(role, true);
    side.fix_stripes(Some(count as usize));
    for link in (1..=count).map(LinkId) {
        let _ = up(&mut side, link, true);
        let said = told(&mut side, link, &stripe_greeting(role));
        assert!(said.cut.is_empty() && said.events.is_empty(), "{:?}", said.events);
    }
    assert_eq!(side.links.stripes().count(), count as usize);
    side
}

/// The peer's word that makes a link a stripe.
fn stripe_greeting(role: Role) -> Control {
    let theirs = Greeting::of_stripe();
    if role == Role::Host { Control::Using(theirs) } else { Control::Use(theirs) }
}

fn up(side: &mut Conversation, link: LinkId, linked: bool) -> Actions {
    side.handle(NOW, Input::LinkUp { link, linked, most: 8 })
}

fn down(side: &mut Conversation, link: LinkId) -> Actions {
    side.handle(NOW, Input::LinkDown(link, LinkEnd::Closed))
}

/// All that a link is handed.
fn on(link: LinkId, actions: &Actions) -> Vec<Control> {
    let handed = actions.control.iter().filter(|(on, _)| *on == link);
    handed.map(|(_, body)| minicbor::decode(body).unwrap()).collect()
}

fn breach(actions: &Actions) -> Option<Violation> {
    actions.events.iter().find_map(|event| match event {
        Event::Over(Outcome::Violated(violation)) => Some(*violation),
        _ => None,
    })
}

/// The peer's folder of one file, with its part registered and these positions written.
fn receives(
    side: &mut Conversation,
    written: impl Iterator<Item = core::ops::Range<u64>>,
) -> ItemId {
    let item = ItemId(1);
    let name = PeerText::new("logs".into());
    let items = vec![Item { name, kind: ItemKind::Folder, size: None, exact: None }];
    let offer = Offer { item, items, bytes: 0, entries: 0, counted: false, allocated: None };
    let file = Entry {
        size: Some(1 << 20),
        ..Entry::inside(0, PeerName::new(b"f".to_vec()), EntryKind::File)
    };
    let entries = vec![Entry::of_item(0, EntryKind::Folder), file];
    let mut say = |number, message: &Message| {
        let bytes = encoded(message, 0).to_vec().into();
        let _ = told(side, MAIN, &Control::Fragment { number, last: true, bytes });
        let next = if number == 0 { Input::Accept(item, CREDIT) } else { Input::Registered(item) };
        let _ = side.handle(NOW, next);
    };
    say(0, &Message::Offer(offer));
    say(1, &Message::Entries(Part { item, first: 0, entries }));
    for range in written {
        let _ = side.handle(NOW, Input::Wrote(item, range));
    }
    item
}

#[test]
fn a_host_makes_a_stripe_of_a_link_that_is_wished_for_beside_one_that_works() {
    let mut host = linked(Role::Host, true);
    assert_eq!(host.needs_stripes(), 0);
    let needless = up(&mut host, LinkId(1), true);
    assert_eq!((&needless.cut[..], needless.control.is_empty()), (&[LinkId(1)][..], true));
    let _ = told(&mut host, MAIN, &Control::Stripes { count: 2 });
    assert_eq!(host.needs_stripes(), 2);
    let asked = up(&mut host, LinkId(2), true);
    assert!(asked.cut.is_empty());
    let said = on(LinkId(2), &asked);
    assert!(matches!(&said[..], [Control::Use(said)] if *said == Greeting::of_stripe()));
    // The next does not wait for the answer, and there are no more than are wished for.
    let next = up(&mut host, LinkId(3), true);
    assert!(next.cut.is_empty() && host.needs_stripes() == 0);
    assert!(matches!(&on(LinkId(3), &next)[..], [Control::Use(_)]));
    assert_eq!(up(&mut host, LinkId(4), true).cut, [LinkId(4)]);
    let answered = told(&mut host, LinkId(2), &Control::Using(Greeting::of_stripe()));
    assert!(answered.cut.is_empty() && answered.events.is_empty());
    assert_eq!(
        (host.link(), host.links.stripes().collect::<Vec<_>>()),
        (Some(MAIN), vec![LinkId(2)])
    );
}

#[test]
fn a_joiner_answers_on_a_stripe_and_keeps_the_link_in_use() {
    let mut joiner = linked(Role::Joiner, true);
    let _ = up(&mut joiner, LinkId(1), false);
    let answer = told(&mut joiner, LinkId(1), &Control::Use(Greeting::of_stripe()));
    let said = on(LinkId(1), &answer);
    assert!(matches!(&said[0], Control::Using(said) if *said == Greeting::of_stripe()));
    assert!(answer.cut.is_empty() && joiner.link() == Some(MAIN));
    // A host that needs a link does not take what is beside one that it does not hear.
    let _ = up(&mut joiner, LinkId(2), false);
    let _ = joiner.handle(NOW, Input::Quiet(MAIN, STALLED));
    assert!(joiner.is_linked(), "there is no work");
    joiner.fix_stripes(Some(2));
    let _ = receives(&mut joiner, core::iter::empty());
    let stalled = joiner.handle(NOW, Input::Quiet(MAIN, STALLED));
    assert!(!joiner.is_linked());
    assert_eq!(stalled.cut, [LinkId(1)]);
    // Bytes that it brought before say nothing of the link in use.
    let _ = joiner.handle(NOW, Input::Wrote(ItemId(1), 0..9));
    assert!(!joiner.is_linked());
    let late = told(&mut joiner, LinkId(2), &Control::Use(Greeting::of_stripe()));
    assert_eq!((&late.cut[..], on(LinkId(2), &late).is_empty()), (&[LinkId(2)][..], true));
}

#[test]
fn a_joiner_without_a_link_takes_the_next_as_the_one_in_use_and_the_stripes_go() {
    let mut host = striped(Role::Host, 2);
    let fresh = up(&mut host, LinkId(5), false);
    assert_eq!(fresh.cut, [MAIN, LinkId(1), LinkId(2)]);
    assert!(fresh.control.is_empty());
    for link in [LinkId(2), MAIN] {
        assert!(down(&mut host, link).control.is_empty(), "there may be more of the others");
    }
    let asked = down(&mut host, LinkId(1));
    assert!(
        matches!(&on(LinkId(5), &asked)[..], [Control::Use(said)] if said.stripe.is_none()),
        "{:?}",
        asked.cut
    );
    // The wish is said again there; what ended before is not.
    let used = told(&mut host, LinkId(5), &Control::Using(greeting(0, WINDOW)));
    let said = on(LinkId(5), &used);
    assert!(said.iter().any(|said| matches!(said, Control::Stripes { count: 2 })), "{said:?}");
    assert!(!said.iter().any(|said| matches!(said, Control::Drop { .. })), "{said:?}");
}

#[test]
fn seven_stripes_leave_room_for_the_link_that_is_needed() {
    let mut host = striped(Role::Host, 7);
    let fresh = up(&mut host, LinkId(8), false);
    assert_eq!(fresh.cut, (0..8).map(LinkId).collect::<Vec<_>>());
    let last = (0..8).map(|link| down(&mut host, LinkId(link))).last().unwrap();
    assert!(matches!(&on(LinkId(8), &last)[..], [Control::Use(said)] if said.stripe.is_none()));
}

#[test]
fn the_loss_of_the_link_in_use_takes_its_stripes_along() {
    for role in [Role::Host, Role::Joiner] {
        let mut side = striped(role, 2);
        assert_eq!(down(&mut side, MAIN).cut, [LinkId(1), LinkId(2)]);
        assert!(side.needs_link() && side.needs_stripes() == 0);
        let late = told(&mut side, LinkId(1), &Control::Heartbeat { work: true });
        assert_eq!(breach(&late), None, "what was read before is no breach");
    }
}

#[test]
fn a_wish_is_at_most_for_seven_and_rests_after_a_loss() {
    let mut joiner = linked(Role::Joiner, true);
    let _ = told(&mut joiner, MAIN, &Control::Stripes { count: 4_000_000_000 });
    assert_eq!(joiner.needs_stripes(), 7);
    let _ = up(&mut joiner, LinkId(1), false);
    assert_eq!(joiner.needs_stripes(), 6);
    let _ = told(&mut joiner, LinkId(1), &Control::Use(Greeting::of_stripe()));
    let lost = down(&mut joiner, LinkId(1));
    assert!(lost.events.is_empty(), "nobody is told: {:?}", lost.events);
    assert_eq!((joiner.link(), joiner.needs_stripes()), (Some(MAIN), 0));
    let _ = joiner.handle(NOW.after(STRIPE_REST), Input::Tick);
    assert_eq!(joiner.needs_stripes(), 7);
    let ended = told(&mut joiner, MAIN, &Control::Stripes { count: 0 });
    assert_eq!((ended.cut.len(), joiner.needs_stripes()), (0, 0));
}

#[test]
fn stripes_that_nobody_wishes_for_are_closed_the_latest_first() {
    let mut host = striped(Role::Host, 3);
    let _ = told(&mut host, MAIN, &Control::Stripes { count: 1 });
    host.fix_stripes(Some(2));
    let fewer = host.handle(NOW, Input::Tick);
    assert_eq!(fewer.cut, [LinkId(3)]);
    assert!(matches!(on(MAIN, &fewer)[..], [Control::Stripes { count: 2 }]));
    // Without a number of its own it has those that the peer wishes for.
    host.fix_stripes(None);
    assert_eq!(host.handle(NOW, Input::Tick).cut, [LinkId(2)]);
    assert_eq!(told(&mut host, MAIN, &Control::Stripes { count: 0 }).cut, [LinkId(1)]);
}

#[test]
fn the_end_of_a_stripe_is_said_after_all_that_came_of_it_was_named() {
    let mut joiner = striped(Role::Joiner, 1);
    let item = receives(&mut joiner, (0..130).map(|n| n * 10..n * 10 + 9));
    let ended = down(&mut joiner, LinkId(1));
    let mut named = 0;
    let said = on(MAIN, &ended);
    let (last, credits) = said.split_last().unwrap();
    for credit in credits {
        let Control::Credit { transfer, written, .. } = credit else { panic!("{credit:?}") };
        assert_eq!(*transfer, item);
        named += written.len();
    }
    assert_eq!(named, 130);
    assert!(matches!(last, Control::Drop { link: 1 }), "{last:?}");
    assert!(
        !on(MAIN, &joiner.handle(NOW, Input::Tick))
            .iter()
            .any(|c| matches!(c, Control::Drop { .. }))
    );
}

#[test]
fn all_of_a_whole_transfer_is_named_or_its_result_said_before_the_end_of_a_stripe() {
    for committed in [false, true] {
        let mut joiner = striped(Role::Joiner, 1);
        let item = receives(&mut joiner, core::iter::once(0..1 << 20));
        let end = Message::End { item, entries: 2, bytes: 1 << 20, differences: None };
        let bytes = encoded(&end, 0).to_vec().into();
        let whole = told(&mut joiner, MAIN, &Control::Fragment { number: 2, last: true, bytes });
        assert!(whole.events.iter().any(|event| matches!(event, Event::Whole(..))));
        if committed {
            // The link has no room for the result at once.
            for _ in 0..LINK_RECORDS {
                let item = joiner.next_item();
                let _ =
                    joiner.handle(NOW, Input::Body(item, Body::text(item, "x".into()).unwrap()));
            }
            let _ = joiner.handle(NOW, Input::Committed(item, Differences::default()));
        }
        let mut said = on(MAIN, &down(&mut joiner, LinkId(1)));
        for _ in 0..LINK_RECORDS {
            said.extend(on(MAIN, &joiner.handle(NOW, Input::Taken(MAIN))));
        }
        let at = |of: fn(&Control) -> bool| said.iter().position(of);
        let credit = at(|said| {
            matches!(said, Control::Credit { written, .. }
                if *written == [Span { start: 0, end: 1 << 20 }])
        });
        let result = at(|said| {
            let Control::Fragment { bytes, .. } = said else { return false };
            matches!(minicbor::decode(bytes), Ok(Message::Result { failed: None, .. }))
        });
        let before = if committed { result } else { credit };
        let drop = at(|said| matches!(said, Control::Drop { link: 1 }));
        assert!(before.is_some() && before < drop, "{said:?}");
    }
}

#[test]
fn a_host_says_the_end_of_a_link_that_was_to_be_a_stripe() {
    let mut host = linked(Role::Host, true);
    host.fix_stripes(Some(1));
    let _ = up(&mut host, LinkId(1), true);
    assert!(matches!(on(MAIN, &down(&mut host, LinkId(1)))[..], [Control::Drop { link: 1 }]));
    // Nothing can have come of one that was not asked.
    let mut joiner = linked(Role::Joiner, true);
    let _ = up(&mut joiner, LinkId(1), false);
    assert!(on(MAIN, &down(&mut joiner, LinkId(1))).is_empty());
}

#[test]
fn who_hears_of_the_end_of_a_stripe_closes_it_and_nothing_else() {
    let mut joiner = striped(Role::Joiner, 2);
    for link in [0, 2, 2, 77] {
        let heard = told(&mut joiner, MAIN, &Control::Drop { link });
        assert_eq!(breach(&heard), None);
        let cut: &[LinkId] =
            if link == 2 && joiner.links.stripes().count() == 1 { &[LinkId(2)] } else { &[] };
        assert!(heard.cut == cut || heard.cut.is_empty(), "{:?}", heard.cut);
    }
    assert_eq!(
        (joiner.link(), joiner.links.stripes().collect::<Vec<_>>()),
        (Some(MAIN), vec![LinkId(1)])
    );
}

#[test]
fn a_joiner_takes_no_stripe_of_which_it_has_heard_the_end() {
    // The word on the link in use has overtaken what the stripe still brings.
    let stripe_of = |joiner: &mut Conversation| {
        let used = told(joiner, LinkId(1), &Control::Use(Greeting::of_stripe()));
        assert!(on(LinkId(1), &used).is_empty() && breach(&used).is_none());
        assert_eq!(joiner.links.stripes().count(), 0);
    };
    let mut joiner = linked(Role::Joiner, true);
    let _ = up(&mut joiner, LinkId(1), false);
    assert_eq!(told(&mut joiner, MAIN, &Control::Drop { link: 1 }).cut, [LinkId(1)]);
    stripe_of(&mut joiner);
    let mut joiner = linked(Role::Joiner, true);
    let _ = told(&mut joiner, MAIN, &Control::Drop { link: 1 });
    assert_eq!(up(&mut joiner, LinkId(1), false).cut, [LinkId(1)]);
    stripe_of(&mut joiner);
    // The host had it beside a link that is gone.
    let mut joiner = linked(Role::Joiner, true);
    let _ = down(&mut joiner, MAIN);
    let _ = up(&mut joiner, LinkId(2), false);
    let _ = told(&mut joiner, LinkId(2), &Control::Use(greeting(0, WINDOW)));
    assert_eq!(joiner.link(), Some(LinkId(2)));
    let _ = up(&mut joiner, LinkId(1), false);
    stripe_of(&mut joiner);
}

#[test]
fn a_fixed_number_of_stripes_is_the_most_whatever_the_peer_wishes() {
    let mut host = linked(Role::Host, true);
    host.fix_stripes(Some(1));
    let _ = told(&mut host, MAIN, &Control::Stripes { count: 7 });
    assert_eq!(host.needs_stripes(), 1);
    let mut joiner = striped(Role::Joiner, 1);
    let _ = up(&mut joiner, LinkId(2), false);
    let more = told(&mut joiner, LinkId(2), &Control::Use(Greeting::of_stripe()));
    assert_eq!((&more.cut[..], on(LinkId(2), &more).is_empty()), (&[LinkId(2)][..], true));
}

#[test]
fn a_stripe_beats_and_carries_nothing_else() {
    let mut host = striped(Role::Host, 1);
    let _ = receives(&mut host, core::iter::empty());
    let beats = host.handle(NOW.after(Duration::from_secs(2)), Input::Tick);
    assert!(matches!(on(LinkId(1), &beats)[..], [Control::Heartbeat { work: true }]));
    assert_eq!(breach(&told(&mut host, LinkId(1), &Control::Heartbeat { work: false })), None);
    let others = [
        Control::Received { next: 0, window: WINDOW },
        Control::Stripes { count: 1 },
        Control::Drop { link: 1 },
        Control::Fragment { number: 9, last: true, bytes: vec![0].into() },
    ];
    for other in others {
        let mut host = striped(Role::Host, 1);
        assert_eq!(
            breach(&told(&mut host, LinkId(1), &other)),
            Some(Violation::OnStripe),
            "{other:?}"
        );
        // It may have been on its way.
        let mut host = striped(Role::Host, 1);
        let _ = told(&mut host, MAIN, &Control::Drop { link: 1 });
        assert_eq!(breach(&told(&mut host, LinkId(1), &other)), None, "{other:?}");
    }
}

#[test]
fn greetings_that_are_not_a_stripes_break_the_protocol() {
    // Before there is a link in use.
    let mut joiner = Conversation::new(NOW, commitment(Role::Joiner), setup(true));
    let _ = up(&mut joiner, MAIN, false);
    let early = told(&mut joiner, MAIN, &Control::Use(Greeting::of_stripe()));
    assert_eq!(breach(&early), Some(Violation::NotItsGreeting));
    // Other than what was asked.
    let mut host = Conversation::new(NOW, commitment(Role::Host), setup(true));
    let _ = up(&mut host, MAIN, false);
    let other = told(&mut host, MAIN, &Control::Using(Greeting::of_stripe()));
    assert_eq!(breach(&other), Some(Violation::NotItsGreeting));
    let mut host = linked(Role::Host, true);
    host.fix_stripes(Some(1));
    let _ = up(&mut host, LinkId(1), true);
    let other = told(&mut host, LinkId(1), &Control::Using(greeting(0, WINDOW)));
    assert_eq!(breach(&other), Some(Violation::NotItsGreeting));
    for role in [Role::Host, Role::Joiner] {
        let twice = told(&mut striped(role, 1), LinkId(1), &stripe_greeting(role));
        assert_eq!(breach(&twice), Some(Violation::SecondGreeting));
    }
}

#[test]
fn without_the_bit_there_is_no_word_of_stripes() {
    for word in [Control::Stripes { count: 1 }, Control::Drop { link: 1 }] {
        let said = told(&mut linked(Role::Host, false), MAIN, &word);
        assert_eq!(breach(&said), Some(Violation::StripesUnagreed), "{word:?}");
    }
    let mut joiner = linked(Role::Joiner, false);
    let _ = up(&mut joiner, LinkId(1), false);
    let said = told(&mut joiner, LinkId(1), &Control::Use(Greeting::of_stripe()));
    assert_eq!(breach(&said), Some(Violation::StripesUnagreed));
    let mut host = linked(Role::Host, false);
    host.fix_stripes(Some(3));
    let needless = up(&mut host, LinkId(1), true);
    assert_eq!((&needless.cut[..], host.needs_stripes()), (&[LinkId(1)][..], 0));
    assert!(needless.control.is_empty());
}

#[test]
fn a_stripe_that_was_tampered_with_is_told_of_and_ends_alone() {
    let mut host = striped(Role::Host, 2);
    let told = host.handle(NOW, Input::LinkDown(LinkId(1), LinkEnd::Tampered));
    assert!(matches!(told.events[..], [Event::Link(LinkNews::Tampered(LinkId(1)))]));
    assert_eq!((told.cut.len(), host.link(), host.links.stripes().count()), (0, Some(MAIN), 1));
}

#[test]
fn what_was_written_last_is_named_after_a_round_although_nothing_more_comes() {
    let mut side = linked(Role::Joiner, false);
    let item = receives(&mut side, core::iter::once(0..10));
    let credits = |actions: &Actions| {
        on(MAIN, actions).iter().filter(|said| matches!(said, Control::Credit { .. })).count()
    };
    let at = |millis: u64| Instant::from_millis(millis);
    assert_eq!(credits(&side.handle(at(1_000), Input::Tick)), 1);
    let wrote = side.handle(at(1_010), Input::Wrote(item, 10..20));
    assert_eq!((credits(&wrote), wrote.wake_at), (0, Some(at(1_050))));
    assert_eq!(credits(&side.handle(at(1_049), Input::Tick)), 0);
    let named = side.handle(at(1_050), Input::Tick);
    assert_eq!(credits(&named), 1);
    assert!(named.wake_at.is_some_and(|wake| wake > at(1_200)), "nothing is left to be named");
    assert_eq!(credits(&side.handle(at(1_200), Input::Tick)), 0);
}

#[test]
fn bulk_on_a_far_way_wishes_for_stripes_while_it_runs() {
    const MIB: u64 = 1 << 20;
    let wishes = |most: usize, millis: u64| {
        let mut side = Conversation::new(NOW, commitment(Role::Host), setup(true));
        let _ = side.handle(NOW, Input::LinkUp { link: MAIN, linked: false, most });
        let _ = told(&mut side, MAIN, &Control::Using(greeting(0, WINDOW)));
        let (item, name) = (side.next_item(), PeerText::new("disk".into()));
        let items = vec![Item { name, kind: ItemKind::File, size: Some(1 << 40), exact: None }];
        let offer = Offer { item, items, bytes: 0, entries: 1, counted: true, allocated: None };
        let _ = side.handle(NOW, Input::Offer(offer));
        let mut now = NOW.after(Duration::from_millis(millis));
        let say = |side: &mut Conversation, now, control: &Control| {
            let body = encoded(control, 0).to_vec();
            side.handle(now, Input::Control(MAIN, &body))
        };
        let _ = say(&mut side, now, &Control::Received { next: 1, window: WINDOW });
        let bytes = encoded(&Message::Accept { item }, 0).to_vec().into();
        let _ = say(&mut side, now, &Control::Fragment { number: 0, last: true, bytes });
        let entry = Entry { size: Some(1 << 40), ..Entry::of_item(0, EntryKind::File) };
        let _ = side.handle(now, Input::Part(item, vec![entry]));
        let credit = |written: u64| Control::Credit {
            transfer: item,
            limit: written + 16 * MIB,
            parts: 1,
            written: (written > 0).then_some(Span { start: 0, end: written }).into_iter().collect(),
        };
        let count = |said: &Actions| match on(MAIN, said)[..] {
            [Control::Stripes { count }] => Some(count),
            _ => None,
        };
        let first = say(&mut side, now, &credit(0));
        let mut counts: Vec<_> = count(&first).into_iter().collect();
        let mut grants = first.grants;
        for round in 1..=30 {
            now = now.after(Duration::from_millis(50));
            let written = grants.iter().map(|grant| grant.range.end).nth(round - 1).unwrap();
            let sent = side.handle(now, Input::Sent(MAIN, item));
            grants.extend(sent.grants);
            let said = say(&mut side, now, &credit(written));
            counts.extend(count(&said));
            grants.extend(said.grants);
        }
        let needs = side.needs_stripes();
        if needs > 0 {
            // It carries bulk as soon as it may, although nothing else happens.
            let _ = side.handle(now, Input::LinkUp { link: LinkId(1), linked: true, most });
            let using = encoded(&Control::Using(Greeting::of_stripe()), 0).to_vec();
            let used = side.handle(now, Input::Control(LinkId(1), &using));
            assert_eq!(used.grants.first().map(|grant| grant.link), Some(LinkId(1)));
        }
        let ended = side.handle(now, Input::Cancel(item, Reason::Interrupted));
        let said = on(MAIN, &ended);
        let ended = said.iter().any(|said| matches!(said, Control::Stripes { count: 0 }));
        (counts, needs, ended, grants[0].range.end)
    };
    assert_eq!(wishes(8, 50), (vec![7], 7, true, MIB / 4));
    assert_eq!(wishes(1, 50), (vec![], 0, false, MIB / 4));
    assert_eq!(wishes(8, 5), (vec![], 0, false, MIB));
}
