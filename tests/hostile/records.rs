//! Somebody on the line after the handshake: records are changed, dropped, repeated, swapped, cut
//! (B1, B2, B3).
//!
//! Whatever is found out ends that link. It is said, another is made, and everything arrives as it
//! was.

use crate::count;
use crate::harness::{Ended, Machine, port};
use crate::line::{At, Change, Line, Passed};
use std::collections::VecDeque;

/// Bytes of the file, and about how many records it makes.
const SIZE: usize = 2 << 20;
const RECORDS: usize = SIZE / 65_536;

/// One transfer over a line that is not to be trusted.
struct Transfer {
    giver: Ended,
    taker: Ended,
    arrived: bool,
}

fn transfer(change: impl Change) -> Transfer {
    let (here, there) = (Machine::new(), Machine::new());
    let content: Vec<u8> = (0..SIZE).map(|at| (at % 251) as u8 ^ (at >> 16) as u8).collect();
    here.write("gift", &content);
    let mut giver = here.start(["give", "gift"]);
    let code = giver.code();
    let line = Line::new(port(&code), change);
    let taker = there.run(["take", &line.code(&code), "-o", "."]);
    let giver = giver.end();
    let left: Vec<_> =
        std::fs::read_dir(there.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let arrived = left == ["gift"];
    assert!(arrived || left.is_empty(), "{left:?}");
    assert!(!arrived || std::fs::read(there.path("gift")).unwrap() == content);
    Transfer { giver, taker, arrived }
}

impl Transfer {
    /// All arrived over another link, and this side alone has said that something was changed.
    #[track_caller]
    fn resumed(self, by: Deceived) {
        assert!(self.arrived, "{:#?}", self.taker.lines);
        let (giver, taker) = (self.giver.expect(0), self.taker.expect(0));
        let tampered = |side: &Ended| {
            side.all("status").iter().filter(|line| line["event"] == "tampered").count()
        };
        let expected = match by {
            Deceived::Giver => (1, 0),
            Deceived::Taker => (0, 1),
            Deceived::Nobody => (0, 0),
        };
        assert_eq!((tampered(&giver), tampered(&taker)), expected, "{:#?}", taker.lines);
    }
}

/// The side that finds out that something was changed.
enum Deceived {
    Giver,
    Taker,
    Nobody,
}

/// Changes to a record and the next.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Drop,
    Repeat,
    Swap,
    Truncate(usize),
}

fn harm(to_joiner: bool, number: usize, what: Harm) -> impl Change {
    let mut held = None::<Vec<u8>>;
    move |at, mut bytes: Vec<u8>| {
        let record = match at {
            At::ToJoiner(record) if to_joiner => record,
            At::ToHost(record) if !to_joiner => record,
            _ => return Passed::On(bytes),
        };
        if record == number + 1
            && let Some(first) = held.take()
        {
            bytes.extend(first);
        }
        if record == number {
            match what {
                Harm::Drop => bytes.clear(),
                Harm::Repeat => bytes.extend_from_within(..),
                Harm::Swap => {
                    held = Some(std::mem::take(&mut bytes));
                }
                Harm::Truncate(length) => bytes.truncate(length),
            }
        }
        Passed::On(bytes)
    }
}

#[test]
fn a_record_that_is_missing_repeated_moved_or_short_ends_its_link_alone() {
    // Without the first record of a direction nothing follows that could fail: that is silence, and
    // ends as such. The taker's next two are followed by others whatever it receives.
    let towards_taker = (1..RECORDS).step_by(RECORDS / count(RECORDS, 3));
    for what in [
        Harm::Drop,
        Harm::Repeat,
        Harm::Swap,
        Harm::Truncate(3),
        Harm::Truncate(20),
        Harm::Truncate(271),
    ] {
        for record in towards_taker.clone() {
            transfer(harm(true, record, what)).resumed(Deceived::Taker);
        }
        for record in 1..3 {
            transfer(harm(false, record, what)).resumed(Deceived::Giver);
        }
    }
}

#[test]
fn a_flipped_bit_ends_its_link_alone() {
    // The middle of a number's bits: well spread, and the same in every run.
    let mut places = (1_u32..).map(|n| n.wrapping_mul(2_654_435_761) >> 8);
    for _ in 0..count(10_000, 300) {
        let (record, place) =
            (places.next().unwrap() as usize % RECORDS, places.next().unwrap() as usize);
        transfer(move |at, mut bytes: Vec<u8>| {
            if at == At::ToJoiner(record) {
                // Behind the length, of which a test of its own is made: what is waited for takes
                // its time.
                let bit = place % ((bytes.len() - 4) * 8);
                bytes[4 + bit / 8] ^= 1 << (bit % 8);
            }
            Passed::On(bytes)
        })
        .resumed(Deceived::Taker);
    }
}

#[test]
fn a_length_that_no_record_has_ends_its_link_alone() {
    for length in [0_u32, 271, 65_617, 0x0100_0000, u32::MAX] {
        transfer(move |at, mut bytes: Vec<u8>| {
            if at == At::ToJoiner(5) {
                bytes[..4].copy_from_slice(&length.to_be_bytes());
            }
            Passed::On(bytes)
        })
        .resumed(Deceived::Taker);
    }
}

#[test]
fn a_record_of_the_other_direction_does_not_open() {
    let mut said = VecDeque::new();
    transfer(move |at, bytes: Vec<u8>| {
        // Each direction has its own copy of this: the giver's second record comes instead of its
        // third.
        if matches!(at, At::ToJoiner(1)) {
            said.push_back(bytes.clone());
        }
        Passed::On(if at == At::ToJoiner(2) { said.pop_front().unwrap_or(bytes) } else { bytes })
    })
    .resumed(Deceived::Taker);
}

#[test]
fn a_cut_anywhere_is_no_end() {
    let ends = count(RECORDS + 16, 8);
    for number in 0..ends {
        // From the first record to the last words, in both directions; in between, in the middle of
        // a record.
        let record = number * (RECORDS + 8) / ends;
        let cut = move |at, mut bytes: Vec<u8>| match at {
            At::ToJoiner(now) if now == record => {
                bytes.truncate(if number % 2 == 0 { 0 } else { bytes.len() / 2 });
                Passed::Last(bytes)
            }
            _ => Passed::On(bytes),
        };
        transfer(cut).resumed(Deceived::Nobody);
    }
    for record in 0..12 {
        transfer(move |at, bytes| {
            if at == At::ToHost(record) { Passed::Last(Vec::new()) } else { Passed::On(bytes) }
        })
        .resumed(Deceived::Nobody);
    }
}
