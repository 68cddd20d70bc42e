//! Messages before and at a greeting, record by record.

use super::*;
use crate::limits::{CREDIT, TTL, WINDOW};
use crate::links::LinkId;
use crate::messages::Body;
use crate::violation::Violation;
use crate::wire::{Control, Greeting, Item, ItemKind, Message, PeerText, Reason, Want, encoded};
use alloc::vec::Vec;
use std::vec;

const NOW: Instant = Instant::from_millis(0);
/// The host's part of every simulated conversation's verification words.
pub(super) const NONCE: [u8; 32] = [0x5e; 32];

/// One side's end of a commitment that both sides of a simulation share.
pub(super) fn commitment(role: Role) -> Commitment {
    let (host, joiner) = Commitment::simulated([7; 32], NONCE);
    if role == Role::Host { host } else { joiner }
}

fn conversation(role: Role, verify: bool) -> Conversation {
    Conversation::new(
        NOW,
        commitment(role),
        Setup {
            want: Want::Both,
            ttl: TTL,
            verify,
            faithful: true,
            resuming: true,
            proving: true,
            striping: false,
        },
    )
}

pub(super) fn greeting(next: u64, window: u64) -> Greeting {
    Greeting {
        next,
        window,
        want: Some(Want::Both),
        ttl: None,
        nonce: Some(NONCE.into()),
        stripe: None,
    }
}

pub(super) fn told(conversation: &mut Conversation, link: LinkId, control: &Control) -> Actions {
    conversation.handle(NOW, Input::Control(link, &encoded(control, 0)))
}

/// Everything that a link which takes all that it is handed gets because of this.
fn settled(conversation: &mut Conversation, mut actions: Actions) -> Actions {
    let mut taken = 0;
    while let Some((link, _)) = actions.control.get(taken) {
        let more = conversation.handle(NOW, Input::Taken(*link));
        actions.control.extend(more.control);
        taken += 1;
    }
    actions
}

fn controls(actions: &Actions) -> Vec<Control> {
    actions.control.iter().map(|(_, body)| minicbor::decode(body).unwrap()).collect()
}

pub(super) fn messages(actions: &Actions) -> Vec<Message> {
    let read = |control| {
        if let Control::Fragment { bytes, .. } = control {
            minicbor::decode(&bytes).ok()
        } else {
            None
        }
    };
    controls(actions).into_iter().filter_map(read).collect()
}

#[test]
fn what_is_counted_before_the_words_are_compared_goes_into_the_offer() {
    let mut host = conversation(Role::Host, true);
    let _ = host.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let _ = told(&mut host, LinkId::CODE, &Control::Using(greeting(0, WINDOW)));
    let (first, last) = (host.next_item(), ItemId(5));
    for _ in 0..4 {
        host.next_item();
    }
    for number in first.0..=last.0 {
        let folder = Item {
            name: PeerText::new("logs".into()),
            kind: ItemKind::Folder,
            size: None,
            exact: None,
        };
        let offer = Offer {
            item: ItemId(number),
            items: vec![folder],
            bytes: 0,
            entries: 0,
            counted: false,
            allocated: None,
        };
        assert!(messages(&host.handle(NOW, Input::Offer(offer))).is_empty());
    }
    // The fifth is not even held: it waits for one of four.
    for transfer in [first, last] {
        let counted =
            host.handle(NOW, Input::Counted { transfer, bytes: 7, entries: 2, counted: true });
        assert!(
            controls(&counted).is_empty(),
            "how much there is was said before the words were compared"
        );
    }
    let offered = |actions: &Actions, item: ItemId| {
        let found = messages(actions).into_iter().find_map(|message| match &message {
            Message::Offer(offer) if offer.item == item => {
                Some((offer.bytes, offer.entries, offer.counted))
            }
            _ => None,
        });
        found.unwrap()
    };
    // The note that the count is complete follows the offer, and the offer does not promise it.
    let all = |actions: &Actions, of| {
        controls(actions).iter().any(|control| {
            matches!(
                control,
                Control::Counted { transfer, bytes: 7, entries: 2, counted: true }
                    if *transfer == of
            )
        })
    };
    let verified = host.handle(NOW, Input::Verified);
    assert_eq!(
        (offered(&verified, first), all(&verified, first), all(&verified, last)),
        ((7, 2, false), true, false)
    );
    let next = host.handle(NOW, Input::Cancel(first, Reason::Failed));
    assert_eq!((offered(&next, last), all(&next, last)), ((7, 2, false), true));
}

#[test]
fn the_words_come_from_the_nonce_that_the_host_was_committed_to() {
    let mut host = conversation(Role::Host, false);
    let mut joiner = conversation(Role::Joiner, false);
    let opening = host.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let _ = joiner.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    assert!(host.verifier().is_none() && joiner.verifier().is_none());
    let [Control::Use(said)] = &controls(&opening)[..] else { panic!() };
    assert_eq!(said.nonce.as_deref(), Some(&NONCE));
    let answer = told(&mut joiner, LinkId::CODE, &Control::Use(said.clone()));
    let using =
        controls(&answer).into_iter().find(|control| matches!(control, Control::Using(_))).unwrap();
    assert!(matches!(&using, Control::Using(greeting) if greeting.nonce.is_none()));
    let _ = told(&mut host, LinkId::CODE, &using);
    let words = |conversation: &Conversation| conversation.verifier().unwrap().words();
    assert_eq!(words(&host), words(&joiner));
    // The words are the nonce's: another gives others.
    let (other, _) = Commitment::simulated([7; 32], [1; 32]);
    assert_ne!(other.open(None).unwrap().words(), words(&host));
}

#[test]
fn a_commitment_that_is_not_opened_or_opened_otherwise_ends_as_tampering() {
    for nonce in [None, Some([0x5f; 32].into()), Some([0; 32].into())] {
        let mut joiner = conversation(Role::Joiner, true);
        let _ = joiner.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
        let said = told(
            &mut joiner,
            LinkId::CODE,
            &Control::Use(Greeting { nonce, ..greeting(0, WINDOW) }),
        );
        assert!(matches!(said.events[..], [Event::Over(Outcome::Tampered)]), "{:?}", said.events);
        assert!(said.control.is_empty() && joiner.verifier().is_none());
    }
}

#[test]
fn whichever_link_is_used_first_opens_the_commitment_and_no_other() {
    let mut host = conversation(Role::Host, false);
    let mut joiner = conversation(Role::Joiner, false);
    let first = host.handle(NOW, Input::LinkUp { link: LinkId(1), linked: false, most: 1 });
    let nonce = |actions: &Actions| match &controls(actions)[..] {
        [Control::Use(greeting)] => greeting.nonce,
        _ => panic!(),
    };
    assert_eq!(nonce(&first), Some(NONCE.into()));
    let _ = joiner.handle(NOW, Input::LinkUp { link: LinkId(1), linked: false, most: 1 });
    assert!(!told(&mut joiner, LinkId(1), &Control::Use(greeting(0, WINDOW))).control.is_empty());
    let _ = told(&mut host, LinkId(1), &Control::Using(greeting(0, WINDOW)));
    let up = host.handle(NOW, Input::LinkUp { link: LinkId(2), linked: false, most: 1 });
    assert_eq!((&up.cut[..], up.control.is_empty()), (&[LinkId(1)][..], true));
    let asked = host.handle(NOW, Input::LinkDown(LinkId(1), LinkEnd::Closed));
    assert_eq!(nonce(&asked), None);
    let _ = joiner.handle(NOW, Input::LinkUp { link: LinkId(2), linked: false, most: 1 });
    let words = joiner.verifier().unwrap().words();
    let second = told(
        &mut joiner,
        LinkId(2),
        &Control::Use(Greeting { nonce: None, ..greeting(0, WINDOW) }),
    );
    assert_eq!((&second.cut[..], second.control.is_empty()), (&[LinkId(1)][..], true));
    let second = joiner.handle(NOW, Input::LinkDown(LinkId(1), LinkEnd::Closed));
    assert!(matches!(controls(&second)[0], Control::Using(_)), "{:?}", second.events);
    assert_eq!(joiner.verifier().unwrap().words(), words);
}

#[test]
fn a_link_whose_time_is_over_is_not_asked_before_it_is_given_up() {
    let mut host = conversation(Role::Host, false);
    let _ = host.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let _ = told(&mut host, LinkId::CODE, &Control::Using(greeting(0, WINDOW)));
    let up = host.handle(NOW, Input::LinkUp { link: LinkId(1), linked: false, most: 1 });
    assert_eq!((&up.cut[..], up.control.is_empty()), (&[LinkId::CODE][..], true));
    // The machine sleeps before it takes in what it has read of the one before.
    let wakes = NOW.after(crate::limits::LINK_USE_TIME);
    let down = host.handle(wakes, Input::LinkDown(LinkId::CODE, LinkEnd::Closed));
    assert_eq!((&down.cut[..], down.control.is_empty()), (&[LinkId(1)][..], true));
}

#[test]
fn a_link_that_was_given_up_meanwhile_is_not_answered() {
    let mut joiner = conversation(Role::Joiner, false);
    let _ = joiner.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let _ = told(&mut joiner, LinkId::CODE, &Control::Use(greeting(0, WINDOW)));
    let _ = joiner.handle(NOW, Input::LinkUp { link: LinkId(1), linked: false, most: 1 });
    let asked = told(&mut joiner, LinkId(1), &Control::Use(greeting(0, WINDOW)));
    assert_eq!((&asked.cut[..], asked.control.is_empty()), (&[LinkId::CODE][..], true));
    let late = NOW.after(crate::limits::LINK_USE_TIME);
    assert_eq!(joiner.handle(late, Input::Tick).cut, [LinkId(1)]);
    let down = joiner.handle(late, Input::LinkDown(LinkId::CODE, LinkEnd::Closed));
    assert!(down.control.is_empty() && joiner.needs_link());
}

#[test]
fn a_goodbye_that_is_heard_late_has_all_the_time_for_its_answer() {
    let mut host = conversation(Role::Host, false);
    let _ = host.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let _ = told(&mut host, LinkId::CODE, &Control::Using(greeting(0, WINDOW)));
    assert!(matches!(messages(&host.handle(NOW, Input::Leave))[..], [Message::Leave { .. }]));
    let _ = host.handle(NOW, Input::LinkDown(LinkId::CODE, LinkEnd::Closed));
    let seconds = |count| NOW.after(core::time::Duration::from_secs(count));
    let _ = host.handle(seconds(20), Input::LinkUp { link: LinkId(1), linked: false, most: 1 });
    let using = encoded(&Control::Using(greeting(1, WINDOW)), 0);
    let heard = host.handle(seconds(20), Input::Control(LinkId(1), &using));
    assert!(!host.phase.is_over() && heard.wake_at == Some(seconds(25)), "{:?}", heard.wake_at);
    assert!(host.handle(seconds(24), Input::Tick).events.is_empty());
    let ended = host.handle(seconds(25), Input::Tick);
    assert!(matches!(ended.events[..], [Event::Over(Outcome::Done)]), "{:?}", ended.events);
}

/// A link of this index takes the place of the one before, which has lost all.
fn relinked(host: &mut Conversation, before: LinkId, next: u64) -> Vec<Control> {
    let _ = host.handle(NOW, Input::LinkDown(before, LinkEnd::Closed));
    let link = LinkId(before.0 + 1);
    let _ = host.handle(NOW, Input::LinkUp { link, linked: false, most: 1 });
    let used = told(host, link, &Control::Using(greeting(next, WINDOW)));
    controls(&settled(host, used))
}

#[test]
fn a_count_is_said_again_on_a_new_link_and_after_its_offer() {
    let mut host = conversation(Role::Host, false);
    let _ = host.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let _ = told(&mut host, LinkId::CODE, &Control::Using(greeting(0, WINDOW)));
    let transfer = host.next_item();
    let items = vec![Item {
        name: PeerText::new("logs".into()),
        kind: ItemKind::Folder,
        size: None,
        exact: None,
    }];
    let offer =
        Offer { item: transfer, items, bytes: 0, entries: 0, counted: false, allocated: None };
    let _ = host.handle(NOW, Input::Offer(offer));
    let count = Input::Counted { transfer, bytes: 7, entries: 2, counted: true };
    assert!(matches!(controls(&host.handle(NOW, count))[..], [Control::Counted { .. }]));
    let place = |said: &[Control], what: fn(&Control) -> bool| said.iter().position(what);
    for next in [0, 1] {
        let said = relinked(&mut host, LinkId(next), u64::from(next));
        let offered = place(&said, |control| matches!(control, Control::Fragment { .. }));
        let counted = place(&said, |control| matches!(control, Control::Counted { bytes: 7, .. }));
        assert!(counted.is_some() && offered < counted, "{said:?}");
    }
}

#[test]
fn credit_is_said_after_its_acceptance_on_every_link() {
    let mut host = conversation(Role::Host, false);
    let _ = host.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let _ = told(&mut host, LinkId::CODE, &Control::Using(greeting(0, WINDOW)));
    let items = vec![Item {
        name: PeerText::new("logs".into()),
        kind: ItemKind::Folder,
        size: None,
        exact: None,
    }];
    let item = ItemId(1);
    let offer = Offer { item, items, bytes: 0, entries: 0, counted: false, allocated: None };
    let bytes = encoded(&Message::Offer(offer), 0).to_vec().into();
    let _ = told(&mut host, LinkId::CODE, &Control::Fragment { number: 0, last: true, bytes });
    let _ = host.handle(NOW, Input::Accept(item, CREDIT));
    for next in [0, 1] {
        let said = relinked(&mut host, LinkId(next), u64::from(next));
        let accepted = said.iter().position(|c| matches!(c, Control::Fragment { .. }));
        let credit = said.iter().position(|c| matches!(c, Control::Credit { .. }));
        assert!(credit.is_some() && accepted < credit, "{said:?}");
    }
}

#[test]
fn a_greeting_comes_once_and_a_joiners_only_in_answer() {
    let mut host = conversation(Role::Host, false);
    let _ = host.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let _ = told(&mut host, LinkId::CODE, &Control::Using(greeting(0, WINDOW)));
    // Its `use` waits until the link before is gone.
    let _ = host.handle(NOW, Input::LinkUp { link: LinkId(1), linked: false, most: 1 });
    let unasked = told(&mut host, LinkId(1), &Control::Using(greeting(0, WINDOW)));
    let over = Outcome::Violated(Violation::NotItsGreeting);
    assert!(matches!(unasked.events[..], [Event::Over(outcome)] if outcome == over));

    let mut joiner = conversation(Role::Joiner, false);
    let _ = joiner.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let _ = told(&mut joiner, LinkId::CODE, &Control::Use(greeting(0, WINDOW)));
    let _ = joiner.handle(NOW, Input::LinkUp { link: LinkId(1), linked: false, most: 1 });
    // Its `using` waits for the same.
    let once = told(&mut joiner, LinkId(1), &Control::Use(greeting(0, WINDOW)));
    assert!(once.control.is_empty() && !joiner.phase.is_over());
    let twice = told(&mut joiner, LinkId(1), &Control::Use(greeting(0, WINDOW)));
    let over = Outcome::Violated(Violation::SecondGreeting);
    assert!(matches!(twice.events[..], [Event::Over(outcome)] if outcome == over));
}

#[test]
fn nothing_is_told_after_the_end_that_a_greeting_brings() {
    let mut host = Conversation::new(
        NOW,
        commitment(Role::Host),
        Setup {
            want: Want::Give,
            ttl: TTL,
            verify: false,
            faithful: true,
            resuming: true,
            proving: true,
            striping: false,
        },
    );
    let item = host.next_item();
    let _ = host.handle(NOW, Input::Body(item, Body::text(item, "text".into()).unwrap()));
    let _ = host.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let quiet = host.handle(NOW, Input::Quiet(LinkId::CODE, crate::limits::STALLED));
    assert!(matches!(quiet.events[..], [Event::Link(LinkNews::Stalled)]));
    let _ = host.handle(NOW, Input::LinkDown(LinkId::CODE, LinkEnd::Closed));
    let _ = host.handle(NOW, Input::LinkUp { link: LinkId(1), linked: false, most: 1 });
    let same = Greeting { want: Some(Want::Give), ..greeting(0, WINDOW) };
    let over = told(&mut host, LinkId(1), &Control::Using(same));
    assert!(matches!(over.events[..], [Event::Over(Outcome::SameRole)]), "{:?}", over.events);
}

#[test]
fn a_joiner_takes_a_link_that_the_host_alone_needs() {
    let mut joiner = conversation(Role::Joiner, false);
    let _ = joiner.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let _ = told(&mut joiner, LinkId::CODE, &Control::Use(greeting(0, WINDOW)));
    let up = joiner.handle(NOW, Input::LinkUp { link: LinkId(1), linked: true, most: 1 });
    assert!(up.cut.is_empty());
}

#[test]
fn a_new_link_gets_everything_unacknowledged_in_order() {
    let mut joiner = conversation(Role::Joiner, false);
    let _ = joiner.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
    let _ = told(&mut joiner, LinkId::CODE, &Control::Use(greeting(0, WINDOW)));
    let length = Body::MAX as u64;
    for _ in 0..WINDOW / length + 1 {
        let item = joiner.next_item();
        let _ =
            joiner.handle(NOW, Input::Body(item, Body::text(item, "x".repeat(Body::MAX)).unwrap()));
    }
    // The last of them waited for the window, which the new link's greeting widens.
    let _ = joiner.handle(NOW, Input::LinkUp { link: LinkId(1), linked: false, most: 1 });
    let use_it = told(&mut joiner, LinkId(1), &Control::Use(greeting(1, WINDOW + length)));
    assert_eq!((&use_it.cut[..], use_it.control.is_empty()), (&[LinkId::CODE][..], true));
    let greeted = joiner.handle(NOW, Input::LinkDown(LinkId::CODE, LinkEnd::Closed));
    assert_eq!(greeted.control.len(), crate::limits::LINK_RECORDS);
    let greeted = settled(&mut joiner, greeted);
    let mut numbers: Vec<u64> = Vec::new();
    for control in controls(&greeted) {
        if let Control::Fragment { number, .. } = control {
            numbers.push(number);
        }
    }
    assert!(numbers.is_sorted(), "{numbers:?}");
    numbers.dedup();
    assert_eq!(numbers, (1..=WINDOW / length).collect::<Vec<_>>());
    let pieces = Body::MAX.div_ceil(crate::limits::FRAGMENT);
    let sent = controls(&greeted)
        .iter()
        .filter(|control| matches!(control, Control::Fragment { .. }))
        .count();
    assert_eq!(sent, pieces * numbers.len(), "each once");
}
