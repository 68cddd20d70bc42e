//! Whole channels in the simulation: what arrives, what waits, how they end.

use super::*;
use crate::limits::CREDIT;
use crate::wire::Message;
use proptest::prelude::*;

#[test]
fn a_channel_carries_texts_and_files_both_ways_and_ends_for_both() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    let first = pair.text(0, "before the link");
    let file = pair.offer(0, &[0, 70_000_000, 5], 2);
    pair.run_for(1);
    let answer = pair.text(1, "an answer");
    let folder = pair.offer(1, &[3; 2500], 1000);
    pair.run_for(5);
    assert_eq!(pair.sides[0].delivered, [first, file]);
    assert_eq!(pair.sides[1].delivered, [answer, folder]);
    assert_eq!(pair.sides[1].texts, ["before the link"]);
    assert_eq!(pair.sides[1].whole, [(file, 70_000_005, 3)]);
    assert_eq!(pair.sides[1].received[&file], 70_000_005);
    assert_eq!(pair.sides[0].whole, [(folder, 7500, 2500)]);
    pair.tell(0, Input::Leave);
    pair.run_for(1);
    assert_eq!(pair.over(), [Some(Outcome::Done), Some(Outcome::Done)]);
    assert_eq!(pair.sides[1].told, ["connected", "peer left"]);
}

#[test]
fn gaps_and_differences_cross_and_cost_no_bytes() {
    const HUGE: u64 = 1 << 42;
    let mut pair = Pair::new(Want::Both, Want::Both);
    let lost = (HUGE + 50_000_000..HUGE + 70_000_000, Some(Reason::SourceChanged));
    pair.sides[0].gaps = vec![(5..10, None), (100_000..HUGE, None), lost.clone()];
    pair.sides[1].differing.add(b"d/f", Fate::Missing(Reason::SourceChanged));
    let item = pair.offer(0, &[HUGE + 50_000_000, 20_000_000, 3], 1);
    pair.run_for(9);
    assert_eq!(pair.sides[1].whole, [(item, HUGE + 70_000_003, 3)]);
    assert_eq!(pair.sides[1].received[&item], 5 + 99_990 + 50_000_000 + 3);
    let (said, heard) = (&pair.sides[0].gaps, &pair.sides[1].gaps);
    assert!(said.iter().all(|gap| heard.contains(gap)), "{heard:?}");
    assert_eq!((&pair.sides[0].delivered, pair.sides[0].differing.missing()), (&vec![item], 1));
}

#[test]
fn a_peer_that_is_not_faithful_hears_paths_and_no_differences() {
    let unfaithful = |setup: &mut Setup| setup.faithful = false;
    let mut pair = Pair::with(
        Side::new(Role::Host, Want::Give, unfaithful),
        Side::new(Role::Joiner, Want::Take, unfaithful),
    );
    let item = pair.sides[0].conversation.next_item();
    let items = vec![Item {
        name: PeerText::new("d".to_string()),
        kind: ItemKind::Folder,
        size: None,
        exact: None,
    }];
    let name = PeerName::new(b"f".to_vec());
    let file =
        Entry { size: Some(9), mode: Some(0o644), ..Entry::inside(0, name, EntryKind::File) };
    let part = vec![Entry::of_item(0, EntryKind::Folder), file];
    pair.sides[0].sources.insert(item, (VecDeque::from([part]), 9));
    pair.sides[1].differing.add(b"d/f", Fate::Missing(Reason::Disk));
    pair.tell(
        0,
        Input::Offer(Offer { item, items, bytes: 0, entries: 0, counted: false, allocated: None }),
    );
    pair.run_for(2);
    let paths = &pair.sides[1].parts[0].entries;
    assert_eq!((paths[1].folder, paths[1].mode, paths[1].size), (Some(0), Some(0o666), Some(9)));
    assert_eq!((&pair.sides[0].delivered, pair.sides[0].differing.is_empty()), (&vec![item], true));
}

#[test]
fn what_nobody_collects_is_delivered_and_holds_up_only_more_of_its_kind() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.sides[1].holds = true;
    pair.run_for(1);
    let body = "x".repeat(Body::MAX);
    let fit = crate::limits::WINDOW as usize / (Body::MAX + crate::limits::WINDOW_SHARE as usize);
    let items: Vec<ItemId> = (0..fit + 2).map(|_| pair.text(0, &body)).collect();
    pair.run_for(5);
    assert_eq!(pair.sides[0].delivered, items[..fit]);
    // Files and the other direction go on.
    let (file, answer) = (pair.offer(0, &[70_000_000], 1), pair.text(1, "an answer"));
    pair.run_for(5);
    assert_eq!(pair.sides[0].delivered[fit..], [file]);
    assert_eq!(pair.sides[1].delivered, [answer]);
    for collected in 1..=2 {
        pair.tell(1, Input::Collected(items[collected - 1]));
        pair.tell(1, Input::Collected(items[collected - 1]));
        pair.run_for(5);
        assert_eq!(pair.sides[1].texts.len(), fit + collected, "one for one");
    }
    pair.tell(0, Input::Leave);
    pair.run_for(1);
    assert_eq!(pair.over(), [Some(Outcome::Done), Some(Outcome::Done)]);
}

#[test]
fn thousands_of_texts_wait_for_links_that_are_slow_both_ways() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.run_for(1);
    pair.pace = 7;
    let texts: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    let mut items = [vec![], vec![]];
    for text in &texts {
        for (side, items) in items.iter_mut().enumerate() {
            items.push(pair.text(side, text));
        }
    }
    pair.run_for(1_000);
    for (side, items) in pair.sides.iter().zip(&items) {
        assert_eq!((&side.texts, &side.delivered), (&texts, items));
    }
    pair.tell(0, Input::Leave);
    pair.run_for(2);
    assert_eq!(pair.over(), [Some(Outcome::Done), Some(Outcome::Done)]);
    assert!(!pair.sides.iter().any(|side| side.told.contains(&"stalled")));
}

#[test]
fn thousands_of_credits_wait_for_links_that_are_slow_both_ways() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.run_for(1);
    pair.pace = 7;
    let items = [0, 1].map(|side| pair.offer(side, &[1; 5_000], 1));
    // Texts meanwhile neither hold it up nor are held up by it.
    for number in 0..1_000 {
        pair.text(number % 2, "text");
    }
    pair.run_for(1_000);
    for side in 0..2 {
        assert_eq!(
            (pair.sides[side].texts.len(), &pair.sides[side].whole),
            (500, &vec![(items[1 - side], 5_000, 5_000)])
        );
    }
    assert_eq!(pair.over(), [None, None]);
}

#[test]
fn an_abort_overtakes_what_no_link_has_begun() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.run_for(1);
    pair.pace = 7;
    for _ in 0..1_000 {
        pair.text(0, "text");
    }
    pair.tell(0, Input::Abort(Reason::Interrupted));
    pair.run_for(1);
    assert_eq!(
        pair.over(),
        [Some(Outcome::Aborted(Reason::Interrupted)), Some(Outcome::PeerLeft(Reason::Interrupted))]
    );
    assert!(pair.sides[0].conversation.has_said_all() && pair.sides[1].texts.len() <= LINK_RECORDS);
}

#[test]
fn an_offer_that_crosses_a_goodbye_is_finished_however_long_it_takes() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.run_for(1);
    let file = pair.offer(1, &[5, 1 << 33], 1);
    pair.tell(0, Input::Leave);
    let until = pair.now.after(Duration::from_millis(LATENCY));
    pair.run(until);
    // Whoever said goodbye may not end now, and is not done if the link ends.
    pair.sides[1].arriving.retain(|(_, packet)| matches!(packet, Packet::Control(_)));
    pair.tell(0, Input::Tick);
    assert!(!pair.sides[0].conversation.nothing_owed());
    pair.run_for(60);
    assert_eq!(pair.sides[1].delivered, [file]);
    assert_eq!(pair.over(), [Some(Outcome::Done), Some(Outcome::Done)]);
}

#[test]
fn an_empty_transfer_and_a_stream_are_whole_at_their_end() {
    let mut pair = Pair::new(Want::Give, Want::Take);
    let empty = pair.offer(0, &[0, 0], 1);
    pair.run_for(1);
    assert_eq!(
        (&pair.sides[0].delivered, &pair.sides[1].whole),
        (&vec![empty], &vec![(empty, 0, 2)])
    );

    let item = pair.stream(0);
    pair.run_for(1);
    pair.tell(0, Input::Available(item, 40_000_000));
    pair.run_for(5);
    assert_eq!(pair.sides[1].received[&item], 40_000_000);
    pair.tell(0, Input::Available(item, 40_000_007));
    pair.tell(0, Input::Total(item, 40_000_007));
    pair.run_for(1);
    assert_eq!(pair.sides[1].whole[1..], [(item, 40_000_007, 1)]);
    assert_eq!(pair.sides[0].delivered, [empty, item]);
}

/// The most that was ever on its way to the receiver, looked at each 7 ms.
fn most_on_its_way(pair: &mut Pair, looks: usize) -> u64 {
    let bytes = |packet: &Packet| match packet {
        Packet::Chunk(_, range) => range.end - range.start,
        Packet::Control(_) => 0,
    };
    let looked = (0..looks).map(|_| {
        let until = pair.now.after(Duration::from_millis(7));
        pair.run(until);
        pair.sides[1].arriving.iter().map(|(_, packet)| bytes(packet)).sum()
    });
    looked.max().unwrap()
}

#[test]
fn never_more_is_on_its_way_than_the_receiver_granted() {
    let mut pair = Pair::new(Want::Give, Want::Take);
    let item = pair.offer(0, &[1 << 40], 1);
    assert!(most_on_its_way(&mut pair, 200) <= CREDIT);
    assert!(pair.sides[1].received[&item] > 10 * CREDIT);
}

#[test]
fn credit_of_files_grows_with_the_way_of_two_striping_sides_and_that_of_a_stream_never() {
    let side = |role, want, striping| {
        Side::new(role, want, |setup| (setup.resuming, setup.striping) = (true, striping))
    };
    // The way would take whatever there is.
    for (striping, most) in [(true, FILE_CREDIT), (false, CREDIT)] {
        let giver = side(Role::Host, Want::Give, striping);
        let mut pair = Pair::with(giver, side(Role::Joiner, Want::Take, striping));
        let _ = pair.offer(0, &[1 << 40], 1);
        let on_its_way = most_on_its_way(&mut pair, 200);
        assert!((most / 2..=most).contains(&on_its_way), "{striping}: {on_its_way}");
    }
    let giver = side(Role::Host, Want::Give, true);
    let mut pair = Pair::with(giver, side(Role::Joiner, Want::Take, true));
    let item = pair.stream(0);
    pair.run_for(1);
    pair.tell(0, Input::Available(item, 1 << 40));
    let on_its_way = most_on_its_way(&mut pair, 200);
    assert!((CREDIT / 2..=CREDIT).contains(&on_its_way), "{on_its_way}");
}

#[test]
fn a_fifth_transfer_waits_for_one_of_four() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    let items: Vec<ItemId> = (0..9).map(|_| pair.offer(0, &[3_000_000], 1)).collect();
    pair.run_for(9);
    assert_eq!(pair.sides[0].delivered, items);
    assert_eq!(pair.over(), [None, None]);
}

#[test]
fn two_givers_and_two_takers_both_learn_it() {
    for want in [Want::Give, Want::Take] {
        let mut pair = Pair::new(want, want);
        pair.run_for(1);
        assert_eq!(pair.over(), [Some(Outcome::SameRole), Some(Outcome::SameRole)]);
    }
}

#[test]
fn verify_holds_back_payload_and_acceptance_of_the_side_that_asked() {
    for asking in 0..2 {
        let side =
            |index, role| Side::new(role, Want::Both, |setup| setup.verify = index == asking);
        let mut pair = Pair::with(side(0, Role::Host), side(1, Role::Joiner));
        pair.text(asking, "held");
        pair.offer(asking, &[5], 1);
        pair.offer(1 - asking, &[5], 1);
        pair.run_for(3);
        assert_eq!(pair.sides[1 - asking].texts.len(), 0);
        assert!(
            pair.sides.iter().all(|side| side.delivered.is_empty() && side.received.is_empty())
        );
        pair.tell(asking, Input::Verified);
        pair.run_for(3);
        assert_eq!(pair.sides[asking].delivered.len(), 2);
        assert_eq!(pair.sides[1 - asking].delivered.len(), 1);
    }
}

#[test]
fn an_hour_of_heartbeats_ends_it_and_a_word_keeps_it() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.run_for(3599);
    assert_eq!(
        (pair.over(), &pair.sides[0].told[..]),
        ([None, None], &["connected", "expiring"][..])
    );
    pair.text(1, "still here");
    pair.run_for(3599);
    assert_eq!(pair.over(), [None, None]);
    pair.run_for(2);
    assert_eq!(pair.over().map(|over| over.is_some()), [true, true]);
    assert!(pair.over().contains(&Some(Outcome::Expired)));
}

#[test]
fn the_shorter_of_two_ttls_holds_and_sleep_counts() {
    let ttl = |role, minutes: u64| {
        Side::new(role, Want::Both, |setup| setup.ttl = Duration::from_secs(minutes * 60))
    };
    let mut pair = Pair::with(ttl(Role::Host, 4 * 60), ttl(Role::Joiner, 10));
    pair.run_for(1);
    // The machine sleeps: nothing is handled until it wakes.
    pair.now = pair.now.after(Duration::from_secs(601));
    pair.tell(0, Input::Tick);
    assert_eq!(pair.over()[0], Some(Outcome::Expired));
}

#[test]
fn a_dead_link_is_said_aloud_then_given_up() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.offer(0, &[1 << 40], 1);
    pair.run_for(1);
    pair.cut = true;
    pair.run_for(4);
    assert_eq!(pair.sides[0].told, ["connected"]);
    pair.run_for(4);
    assert_eq!(pair.sides[0].told, ["connected", "stalled"]);
    pair.cut = false;
    pair.text(1, "again");
    pair.run_for(1);
    assert_eq!(pair.sides[0].told, ["connected", "stalled", "flowing"]);
}

#[test]
fn silence_ends_a_channel_and_nothing_is_called_delivered() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.offer(0, &[1 << 40], 1);
    pair.run_for(1);
    pair.cut = true;
    pair.run_for(60);
    assert_eq!(pair.over(), [Some(Outcome::LinkLost), Some(Outcome::LinkLost)]);
    assert!(pair.sides[0].delivered.is_empty() && pair.sides[1].whole.is_empty());
}

#[test]
fn an_abort_reaches_the_other_side_with_its_reason() {
    for side in 0..2 {
        let mut pair = Pair::new(Want::Give, Want::Take);
        let item = pair.offer(0, &[1 << 40], 1);
        pair.run_for(1);
        pair.tell(side, Input::Abort(Reason::Interrupted));
        pair.run_for(1);
        assert_eq!(pair.over()[side], Some(Outcome::Aborted(Reason::Interrupted)));
        assert_eq!(pair.over()[1 - side], Some(Outcome::PeerLeft(Reason::Interrupted)));
        assert_eq!(pair.sides[0].failed, [(item, Reason::Interrupted)]);
    }
}

#[test]
fn a_joiner_that_never_speaks_is_given_up_after_40_seconds() {
    let mut pair = Pair::new(Want::Give, Want::Take);
    pair.sides[1].arriving.clear();
    pair.run_for(39);
    assert_eq!(pair.over()[0], None);
    pair.run_for(2);
    assert_eq!(pair.over()[0], Some(Outcome::NeverHeard));
}

#[test]
fn a_peer_that_breaks_the_rules_is_told_and_left() {
    use crate::wire::{Control, Span, encoded};
    let bad = [
        Control::Received { next: 9, window: 0 },
        Control::Credit { transfer: ItemId(1), limit: 9, parts: 7, written: vec![] },
        Control::Credit {
            transfer: ItemId(1),
            limit: 9,
            parts: 0,
            written: vec![Span { start: 0, end: u64::MAX }],
        },
        Control::Fragment { number: 99, last: true, bytes: vec![].into() },
    ];
    for control in bad {
        let mut pair = Pair::new(Want::Both, Want::Both);
        pair.offer(0, &[1 << 40], 1);
        pair.run_for(1);
        pair.tell(0, Input::Control(LinkId::CODE, &encoded(&control, 0)));
        assert!(matches!(pair.over()[0], Some(Outcome::Violated(_))), "{control:?}");
        pair.run_for(1);
        assert_eq!(pair.over()[1], Some(Outcome::PeerLeft(Reason::Protocol)));
    }
}

#[test]
fn delivery_is_never_believed_before_the_end_was_said() {
    use crate::wire::{Control, encoded};
    let mut pair = Pair::new(Want::Both, Want::Both);
    let item = pair.offer(0, &[1 << 40], 1);
    pair.run_for(1);
    let lie = Message::Result { item, failed: None, differences: None };
    let number = pair.sides[1].conversation.messages.next_number();
    let control = Control::Fragment { number, last: true, bytes: encoded(&lie, 0).to_vec().into() };
    pair.tell(0, Input::Control(LinkId::CODE, &encoded(&control, 0)));
    assert!(pair.sides[0].delivered.is_empty());
    assert!(matches!(pair.over()[0], Some(Outcome::Violated(_))));
}

/// Something a side does.
#[derive(Clone, Debug)]
enum Act {
    Text(usize, usize),
    Offer(usize, Vec<u64>, usize),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0usize..2, 0usize..200_000).prop_map(|(side, length)| Act::Text(side, length)),
        (
            0usize..2,
            prop::collection::vec(prop_oneof![Just(0), 1u64..100, 1u64..9_000_000], 1..30),
            1usize..9
        )
            .prop_map(|(side, sizes, part)| Act::Offer(side, sizes, part)),
        (0u64..3000).prop_map(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn everything_arrives_once_and_in_order_or_the_loss_is_said(
        acts in prop::collection::vec(act(), 0..20),
        cut in prop::option::of(0usize..20),
    ) {
        let mut pair = Pair::new(Want::Both, Want::Both);
        let (mut texts, mut items) = ([vec![], vec![]], [vec![], vec![]]);
        for (index, act) in acts.into_iter().enumerate() {
            if cut == Some(index) {
                pair.cut = true;
            }
            match act {
                Act::Text(side, length) => {
                    texts[side].push("t".repeat(length));
                    items[side].push(pair.text(side, &"t".repeat(length)));
                }
                Act::Offer(side, sizes, part) => items[side].push(pair.offer(side, &sizes, part)),
                Act::Wait(millis) => pair.run(pair.now.after(Duration::from_millis(millis))),
            }
        }
        pair.tell(0, Input::Leave);
        pair.run_for(100);
        let lost = pair.cut && cut.is_some();
        for side in 0..2 {
            let mut delivered = pair.sides[side].delivered.clone();
            delivered.sort();
            let sent = &texts[side];
            let got = &pair.sides[1 - side].texts;
            prop_assert!(got.len() <= sent.len() && got.iter().eq(&sent[..got.len()]));
            if lost {
                prop_assert!(delivered.iter().all(|item| items[side].contains(item)));
                prop_assert!(pair.over()[side].is_some());
            } else {
                prop_assert_eq!(got.len(), sent.len());
                prop_assert_eq!(&delivered, &items[side]);
                prop_assert_eq!(pair.over()[side], Some(Outcome::Done));
            }
        }
    }

    #[test]
    fn no_control_from_a_peer_can_make_it_panic(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20),
    ) {
        let mut pair = Pair::new(Want::Both, Want::Both);
        pair.run_for(1);
        for body in bodies {
            pair.tell(0, Input::Control(LinkId::CODE, &body));
        }
    }
}
