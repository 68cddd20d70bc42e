//! A peer that keeps to the rules and reads late: it is waited for, and what piles up meanwhile is
//! bounded (SPEC 6.4).

use crate::count;
use crate::harness::socket::{send, socket};
use crate::harness::{Machine, Running};
use crate::peer::{Peer, Ready, Said};
use crate::sender::{ITEM, within_memory};
use pinhole_protocol::wire::{Control, ItemId, Message, Reason, Want};
use std::io::Read;

/// The real `host`, and a peer of ours that holds its channel open.
fn channel(here: &Machine, args: &[&str]) -> (Running, Peer) {
    let mut host = here.start([&["host"], args].concat());
    let code = host.code();
    let mut peer = Ready::dial(1, &code).unwrap().join();
    peer.answer_use(Want::Both);
    host.until("status", "connected");
    (host, peer)
}

/// Says goodbye once the other side has.
fn part(peer: &mut Peer) {
    peer.until(|message| matches!(message, Message::Leave { reason: Reason::Done }).then_some(()))
        .expect("no goodbye");
    peer.say(&Message::Leave { reason: Reason::Done });
    while peer.hear().is_some() {}
}

#[test]
fn texts_both_ways_wait_for_a_peer_that_reads_after_it_has_said_everything() {
    let texts = count(20_000, 5_000);
    let here = Machine::new();
    let (host, mut peer) = channel(&here, &[]);
    let socket = socket(&here);
    let cut = std::thread::scope(|threads| {
        let feeding = threads.spawn(|| {
            let all: Vec<String> = (0..texts).map(|number| format!("ours {number}")).collect();
            for some in all.chunks(64) {
                assert_eq!(
                    send(&socket, some, Some(0)).last().unwrap(),
                    &serde_json::json!({ "done": { "more": false } })
                );
            }
        });
        let text =
            |number| Message::Text { item: ItemId(number), body: format!("theirs {number}") };
        let cut = (1..=u32::try_from(texts).unwrap()).find(|number| !peer.say(&text(*number)));
        feeding.join().unwrap();
        cut
    });
    if let Some(number) = cut {
        panic!("cut after {number} texts: {:#?}", host.end().lines.last_chunk::<4>());
    }
    let (mut delivered, mut came) = (0, 0);
    while delivered < texts || came < texts {
        match peer
            .message()
            .unwrap_or_else(|| panic!("cut after {delivered} results and {came} texts"))
        {
            Message::Result { item, failed, .. } => {
                delivered += 1;
                assert_eq!(
                    (item.0 as usize, failed),
                    (delivered, None),
                    "in the order in which they were sent"
                );
            }
            Message::Text { item, ref body } => {
                assert_eq!(*body, format!("ours {came}"));
                came += 1;
                assert!(peer.say(&Message::Result { item, failed: None, differences: None }));
            }
            _ => panic!("neither a result nor a text"),
        }
    }
    within_memory(&host);
    here.run(["close"]).expect(0);
    part(&mut peer);
    let host = host.end().expect(0);
    assert_eq!((host.all("text").len(), host.all("delivered").len()), (texts, texts));
}

#[test]
fn credit_a_byte_at_a_time_is_served_however_late_its_receiver_reads() {
    let (steps, size, here) = (20_000, 3_500_000, Machine::new());
    std::io::copy(
        &mut std::io::repeat(7).take(size),
        &mut std::fs::File::create(here.path("gift")).unwrap(),
    )
    .unwrap();
    let mut giver = here.start(["give", "gift"]);
    let mut peer = Ready::dial(1, &giver.code()).unwrap().join();
    peer.answer_use(Want::Take);
    peer.until(|message| matches!(message, Message::Offer(_)).then_some(())).expect("no offer");
    peer.say(&Message::Accept { item: ITEM });
    peer.until(|message| matches!(message, Message::Entries(_)).then_some(())).expect("no entries");
    // The first fills what the kernel holds.
    for limit in size - steps..=size {
        assert!(
            peer.tell(&Control::Credit { transfer: ITEM, limit, parts: 1, written: Vec::new() }),
            "cut at {limit}"
        );
    }
    let mut records = 0;
    while !matches!(
        peer.hear().expect("cut before the end"),
        Said::Control(Control::Fragment { .. })
    ) {
        records += 1;
        // A sign of life now and then, as the rules want it.
        assert!(records % 100 > 0 || peer.tell(&Control::Heartbeat { work: false }));
    }
    within_memory(&giver);
    peer.say(&Message::Result { item: ITEM, failed: None, differences: None });
    part(&mut peer);
    assert_eq!(giver.end().expect(0).all("delivered").len(), 1);
}
