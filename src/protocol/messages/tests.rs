use super::body::LABEL;
use super::*;
use crate::limits::WINDOW_SHARE;

fn text(item: u32, length: usize) -> Message {
    Body::text(ItemId(item), "x".repeat(length)).unwrap().into_message()
}

const fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// Everything that a link with room gets now.
fn out(from: &mut Messages) -> Vec<Control> {
    core::iter::from_fn(|| from.piece(at(0))).collect()
}

fn send(from: &mut Messages, message: Message) -> Vec<Control> {
    from.send(message);
    out(from)
}

/// Everything unacknowledged once more.
fn again(from: &mut Messages) -> Vec<Control> {
    from.again();
    out(from)
}

fn deliver(to: &mut Messages, control: Vec<Control>) -> Result<Vec<Message>, Violation> {
    let mut arrived = Vec::new();
    for piece in control {
        let Control::Fragment { number, last, bytes } = piece else { panic!("not a fragment") };
        arrived.extend(to.fragment(number, last, &bytes)?);
    }
    Ok(arrived)
}

#[test]
fn the_longest_bodies_fit_a_message_and_one_byte_more_does_not() {
    let label = "l".repeat(LABEL);
    let secret = Body::secret(ItemId(u32::MAX), Some(label.clone()), &[7; Body::MAX]).unwrap();
    let (mut a, mut b) = (Messages::new(), Messages::new());
    assert_eq!(deliver(&mut b, send(&mut a, secret.into_message())).unwrap().len(), 1);
    assert_eq!(deliver(&mut b, send(&mut a, text(u32::MAX, Body::MAX))).unwrap().len(), 1);
    assert!(Body::text(ItemId(1), "x".repeat(Body::MAX + 1)).is_err());
    assert!(Body::secret(ItemId(1), None, &[7; Body::MAX + 1]).is_err());
    assert!(Body::secret(ItemId(1), Some(label + "l"), &[7]).is_err());
}

#[test]
fn a_piece_of_a_secret_cannot_be_printed() {
    let secret = Body::secret(ItemId(1), None, b"s3cr3t").unwrap();
    let control = send(&mut Messages::new(), secret.into_message());
    let shown = std::format!("{control:?}");
    assert!(shown.contains("bytes: 13 bytes") && !shown.contains("115, 51"), "{shown}");
}

#[test]
fn repetitions_after_a_lost_link_are_taken_once() {
    let (mut a, mut b) = (Messages::new(), Messages::new());
    let first = send(&mut a, text(1, 3));
    let second = send(&mut a, text(2, FRAGMENT * 2));
    assert_eq!(deliver(&mut b, first).unwrap().len(), 1);
    // Only the first piece of the second arrives, then the link is lost.
    assert!(deliver(&mut b, second.into_iter().take(1).collect()).unwrap().is_empty());
    b.link_lost();
    let (next, allowed) = b.state();
    a.acknowledged(at(0), next, allowed).unwrap();
    assert!(!a.all_acknowledged() && out(&mut a).is_empty());
    let arrived = deliver(&mut b, again(&mut a)).unwrap();
    assert_eq!(arrived.len(), 1);
    assert!(matches!(&arrived[0], Message::Text { item, .. } if *item == ItemId(2)));
    assert!(deliver(&mut b, again(&mut a)).unwrap().is_empty());
    let (next, allowed) = b.state();
    a.acknowledged(at(0), next, allowed).unwrap();
    assert!(a.all_acknowledged() && a.has(1));
}

#[test]
fn the_round_trip_is_the_least_of_those_that_the_link_in_use_took() {
    let mut a = Messages::new();
    let trip = |a: &mut Messages, item, handed, acknowledged| {
        a.send(text(item, FRAGMENT * 2));
        // Until the last piece is on its way nothing is waited for.
        while a.place < a.unacknowledged.len() || !a.ready.is_empty() || !a.waiting.is_empty() {
            let last = matches!(a.piece(at(handed)), Some(Control::Fragment { last: true, .. }));
            assert!(last || a.timed.is_none());
        }
        a.acknowledged(at(acknowledged), u64::from(item), 0).unwrap();
        a.round_trip().map(|trip| trip.as_millis())
    };
    assert_eq!(a.round_trip(), None);
    assert_eq!(trip(&mut a, 1, 10, 60), Some(50));
    assert_eq!(trip(&mut a, 2, 70, 100), Some(30));
    assert_eq!(trip(&mut a, 3, 200, 300), Some(30));
    // One at a time: the next message goes out while an earlier one is timed.
    a.send(text(4, 1));
    a.send(text(5, 1));
    assert!(a.piece(at(300)).is_some() && a.piece(at(390)).is_some());
    a.acknowledged(at(310), 3, 0).unwrap();
    a.acknowledged(at(400), 5, 0).unwrap();
    assert_eq!(a.round_trip().map(|trip| trip.as_millis()), Some(30));
    // Words on another link say nothing of this one.
    a.send(text(6, 1));
    assert!(a.piece(at(500)).is_some());
    a.again();
    assert_eq!(a.round_trip(), None);
    assert!(a.piece(at(600)).is_some());
    a.acknowledged(at(800), 6, 0).unwrap();
    assert_eq!(a.round_trip().map(|trip| trip.as_millis()), Some(200));
}

#[test]
fn only_bodies_wait_for_the_window_and_keep_their_order() {
    let (mut a, mut b) = (Messages::new(), Messages::new());
    let mut arrived = Vec::new();
    let big = Body::MAX;
    let count = WINDOW as usize / big + 2;
    for item in 1..=count as u32 {
        arrived.extend(deliver(&mut b, send(&mut a, text(item, big))).unwrap());
    }
    assert_eq!(arrived.len(), count - 2);
    // Something else is not held up.
    arrived.extend(deliver(&mut b, send(&mut a, Message::Verified)).unwrap());
    assert_eq!(arrived.len(), count - 1);
    b.collected(2 * big as u64);
    let (next, allowed) = b.state();
    a.acknowledged(at(0), next, allowed).unwrap();
    let late = out(&mut a);
    let items: Vec<_> = deliver(&mut b, late)
        .unwrap()
        .iter()
        .map(|message| if let Message::Text { item, .. } = message { item.0 } else { 0 })
        .collect();
    assert_eq!(items, [count as u32 - 1, count as u32]);
}

#[test]
fn empty_texts_fill_the_window_too() {
    let mut a = Messages::new();
    let sent = (0..).take_while(|item| !send(&mut a, text(*item, 0)).is_empty()).count();
    assert_eq!(sent as u64, WINDOW / WINDOW_SHARE);
    assert!(!a.ignored());
    // Counted whether a link has them or not.
    for number in a.unacknowledged.len()..UNACKNOWLEDGED {
        assert!(!a.ignored());
        a.send(Message::Result { item: ItemId(1), failed: None, differences: None });
        assert!(number % 2 == 0 || a.piece(at(0)).is_some());
    }
    assert!(!a.ignored());
    a.send(Message::Result { item: ItemId(1), failed: None, differences: None });
    assert!(a.ignored());
}

#[test]
fn what_no_link_has_begun_can_be_taken_back_and_cannot_be_acknowledged() {
    let mut a = Messages::new();
    a.send(text(1, FRAGMENT * 2));
    a.send(text(2, 3));
    assert!(a.piece(at(0)).is_some());
    // The first has gone in part, the second not at all.
    assert!(a.is_unsaid(ItemId(1)) && a.is_unsaid(ItemId(2)));
    assert!(a.acknowledged(at(0), 1, 0).is_err());
    assert!(!a.withdraw(ItemId(1)) && a.withdraw(ItemId(2)) && !a.withdraw(ItemId(2)));
    assert_eq!(out(&mut a).len(), 2);
    assert!(!a.is_unsaid(ItemId(1)) && a.all_handed_out());
    assert!(a.acknowledged(at(0), 2, 0).is_err());
    a.acknowledged(at(0), 1, 0).unwrap();
    assert!(a.all_acknowledged());
}

#[test]
fn a_last_word_waits_for_what_was_begun_and_for_nothing_else() {
    let (mut a, mut b) = (Messages::new(), Messages::new());
    a.send(text(1, FRAGMENT * 2));
    a.send(text(2, 3));
    let begun = a.piece(at(0)).into_iter().collect();
    assert!(deliver(&mut b, begun).unwrap().is_empty());
    a.abandon();
    let last = send(&mut a, Message::Leave { reason: crate::wire::Reason::Interrupted });
    let arrived = deliver(&mut b, last).unwrap();
    assert!(matches!(arrived[..], [Message::Text { item: ItemId(1), .. }, Message::Leave { .. }]));
}

#[test]
fn a_part_over_its_bytes_is_refused_undecoded() {
    let part = |names: usize| {
        let name = crate::wire::PeerName::new(alloc::vec![0; names]);
        let entry = crate::wire::Entry::inside(0, name, crate::wire::EntryKind::Folder);
        encoded(
            &Message::Entries(crate::wire::Part {
                item: ItemId(1),
                first: 0,
                entries: alloc::vec![entry],
            }),
            0,
        )
    };
    let around = part(PART_BYTES / 2).len() - PART_BYTES / 2;
    let longest = part(PART_BYTES - around);
    assert_eq!(longest.len(), PART_BYTES);
    assert!(matches!(Messages::new().fragment(0, true, &longest), Ok(Some(Message::Entries(_)))));
    let refused = Messages::new().fragment(0, true, &part(PART_BYTES - around + 1)).err();
    assert_eq!(refused, Some(Violation::LongPart));
}

#[test]
fn a_label_over_its_bytes_is_refused() {
    let secret = |label: usize| {
        encoded(
            &Message::Secret { item: ItemId(1), label: Some("l".repeat(label)), body: Vec::new() },
            0,
        )
    };
    assert!(matches!(
        Messages::new().fragment(0, true, &secret(LABEL)),
        Ok(Some(Message::Secret { .. }))
    ));
    let refused = Messages::new().fragment(0, true, &secret(LABEL + 1)).err();
    assert_eq!(refused, Some(Violation::LongBody));
}

#[test]
fn a_body_over_its_bytes_is_refused() {
    let bodies: [fn(usize) -> Message; 2] = [
        |length| Message::Text { item: ItemId(1), body: "x".repeat(length) },
        |length| Message::Secret { item: ItemId(1), label: None, body: alloc::vec![7; length] },
    ];
    for body in bodies {
        let taken = |length| {
            Messages::new()
                .fragment(0, true, &encoded(&body(length), 0))
                .map(|message| message.is_some())
        };
        assert_eq!(taken(1_048_257), Ok(true));
        assert_eq!(taken(1_048_258), Err(Violation::LongBody));
    }
}

#[test]
fn a_peer_that_breaks_the_rules_is_stopped() {
    let violated = |message: &Message, over: &mut Messages| {
        let encoded = encoded(message, 0);
        over.fragment(over.expected, true, &encoded).is_err()
    };
    let mut b = Messages::new();
    assert_eq!(b.fragment(1, true, &[]).err(), Some(Violation::MissingMessage));
    assert!(b.fragment(0, true, b"not cbor").is_err());
    let mut b = Messages::new();
    for _ in 0..MESSAGE / FRAGMENT {
        assert!(matches!(b.fragment(0, false, &[0; FRAGMENT]), Ok(None)));
    }
    assert!(b.fragment(0, false, &[0; FRAGMENT]).is_err());
    let mut b = Messages::new();
    assert!((0..17).any(|item| violated(&text(item, 1_000_000), &mut b)));
    let mut a = Messages::new();
    assert!(a.acknowledged(at(0), 1, 0).is_err());
}
