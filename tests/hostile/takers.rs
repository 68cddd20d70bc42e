//! Somebody who knows the code and takes what nobody should: results that cannot be, credit for
//! everything, goodbyes too early (B7, B14).
//!
//! The real `give` must never say that it delivered what it did not.

use crate::harness::{Ended, Machine, Running};
use crate::peer::{Peer, Ready};
use crate::sender::{ITEM, within_memory};
use pinhole_protocol::limits::{CAPABILITIES, FAITHFUL, FILE_PIECES, PIECES, RANGES};
use pinhole_protocol::wire::{Control, Message, Reason, Span, Want};
use std::io::Read;
use std::ops::Range;

/// The real giver of a file, joined by a taker of ours that has seen the offer.
struct Taker {
    giver: Running,
    peer: Peer,
    _here: Machine,
}

impl Taker {
    fn new(size: u64) -> Self {
        Self::able(FAITHFUL, size)
    }

    /// The same with these abilities of its own.
    fn able(capabilities: u64, size: u64) -> Self {
        let here = Machine::new();
        // Bytes and no hole, which would be said at once.
        std::io::copy(
            &mut std::io::repeat(7).take(size),
            &mut std::fs::File::create(here.path("gift")).unwrap(),
        )
        .unwrap();
        let mut giver = here.start(["give", "gift"]);
        let mut peer = Ready::dial_with(1, &giver.code(), capabilities).unwrap().join();
        peer.answer_use(Want::Take);
        let offered = peer.until(|message| matches!(message, Message::Offer(_)).then_some(()));
        assert!(offered.is_some());
        Self { giver, peer, _here: here }
    }

    fn accept(&mut self) {
        self.peer.say(&Message::Accept { item: ITEM });
    }

    /// The giver ends with this status, having kept to its memory, and says of nothing that it was
    /// delivered.
    #[track_caller]
    fn ends(mut self, exit: i32) -> Ended {
        self.peer.hear_out();
        within_memory(&self.giver);
        drop(self.peer);
        let giver = self.giver.end().expect(exit);
        assert!(giver.all("delivered").is_empty(), "{:#?}", giver.lines);
        giver
    }
}

#[test]
fn a_result_that_cannot_be_is_not_believed() {
    let early = || Message::Result { item: ITEM, failed: None, differences: None };
    let mut taker = Taker::new(1 << 20);
    taker.peer.say(&early());
    taker.ends(7);
    let mut taker = Taker::new(1 << 20);
    taker.accept();
    taker.peer.say(&early());
    taker.ends(7);
    // The entries are there, the bytes are not.
    let mut taker = Taker::new(1 << 20);
    taker.accept();
    taker.peer.until(|message| matches!(message, Message::Entries(_)).then_some(()));
    taker.peer.say(&early());
    taker.ends(7);
}

#[test]
fn what_was_never_sent_is_not_acknowledged() {
    type Say = fn(&mut Taker);
    let lies: [Say; 6] = [
        |taker| assert!(taker.peer.tell(&Control::Received { next: 99, window: 0 })),
        |taker| {
            taker.accept();
            taker.accept();
        },
        |taker| {
            taker.accept();
            taker.peer.tell(&Control::Credit {
                transfer: ITEM,
                limit: 0,
                parts: 9,
                written: Vec::new(),
            });
        },
        |taker| {
            taker.accept();
            taker.peer.tell(&Control::Credit {
                transfer: ITEM,
                limit: 0,
                parts: 0,
                written: vec![Span { start: 0, end: 1 << 20 }],
            });
        },
        |taker| assert!(taker.peer.say(&99_u32)),
        |taker| {
            taker.peer.number += 1;
            taker.accept();
        },
    ];
    for lie in lies {
        let mut taker = Taker::new(1 << 20);
        lie(&mut taker);
        taker.ends(7);
    }
}

#[test]
fn single_bytes_that_are_named_as_written_fill_no_memory() {
    for (capabilities, pieces) in [(FAITHFUL, PIECES), (CAPABILITIES, FILE_PIECES)] {
        let mut taker = Taker::able(capabilities, 1 << 20);
        taker.accept();
        taker.peer.until(|message| matches!(message, Message::Entries(_)).then_some(()));
        let span = |n: usize| Span { start: 2 * n as u64, end: 2 * n as u64 + 1 };
        let mut write = |pieces: Range<usize>| {
            let written = pieces.map(span).collect();
            let (transfer, limit, parts) = (ITEM, 1 << 20, 1);
            assert!(taker.peer.tell(&Control::Credit { transfer, limit, parts, written }));
        };
        // Nothing is granted before the first.
        write(0..0);
        (0..=pieces).step_by(RANGES).for_each(|first| write(first..first + RANGES));
        let ended = taker.ends(7);
        let detail = ended.failure()["detail"].to_string();
        assert!(detail.contains("too many pieces"), "{detail}");
    }
}

#[test]
fn a_goodbye_before_the_result_is_no_delivery() {
    for reason in [Reason::Done, Reason::Failed, Reason::Interrupted] {
        let mut taker = Taker::new(1 << 20);
        taker.accept();
        taker.peer.say(&Message::Leave { reason });
        // Whoever says it and goes does not wait for the rest.
        drop(taker.peer);
        let giver = taker.giver.end().expect(6);
        assert!(giver.all("delivered").is_empty(), "{:#?}", giver.lines);
    }
}

#[test]
fn credit_for_everything_and_no_reader_fills_no_memory() {
    let mut taker = Taker::new(512 << 20);
    taker.accept();
    taker.peer.until(|message| matches!(message, Message::Entries(_)).then_some(()));
    taker.peer.tell(&Control::Credit {
        transfer: ITEM,
        limit: u64::MAX,
        parts: 1,
        written: Vec::new(),
    });
    // When the first bytes come, the rest presses behind them.
    while !matches!(taker.peer.hear(), Some(crate::peer::Said::Chunk(_))) {}
    for _ in 0..2000 {
        taker.peer.hear();
    }
    within_memory(&taker.giver);
    drop(taker.peer);
    assert!(taker.giver.end().expect(6).all("delivered").is_empty());
}
