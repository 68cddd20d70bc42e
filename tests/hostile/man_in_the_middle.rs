//! Somebody on the line who changes one handshake message (A1, A2, A6).

use crate::count;
use crate::harness::{Ended, Machine, Running, port};
use crate::line::{At, Change, Line, Passed};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A giver of many codes, and what comes of each.
struct Giver {
    running: Running,
    code: String,
}

impl Giver {
    fn new(here: &Machine) -> Self {
        here.write("gift", b"the gift");
        let mut running = here.start(["give", "--tries", "100", "gift"]);
        let code = running.code();
        Self { running, code }
    }

    /// The code was burned and there is another.
    fn burned(&mut self) {
        self.running.until("status", "handshake_failed");
        self.code = self.running.code();
    }

    /// Takes over a line that changes one unit; nothing arrives.
    fn take(&self, change: impl Change) -> Ended {
        let there = Machine::new();
        let line = Line::new(port(&self.code), change);
        let taker = there.run(["take", &line.code(&self.code), "-o", "."]);
        assert_eq!(std::fs::read_dir(there.dir()).unwrap().count(), 0, "{:#?}", taker.lines);
        assert!(taker.all("offer").is_empty(), "{:#?}", taker.lines);
        taker
    }

    /// Nothing was delivered so far, and the next one who knows the code gets it all.
    fn still_gives(self) {
        let there = Machine::new();
        there.run(["take", &self.code, "-o", "."]).expect(0);
        assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
        let giver = self.running.end().expect(0);
        assert_eq!(
            (
                giver.all("delivered").len(),
                giver.lines.iter().filter(|line| line.contains("\"connected\"")).count()
            ),
            (1, 1)
        );
    }
}

/// A change of one unit's bytes.
fn only(at: At, change: impl Fn(&mut Vec<u8>) + Clone + Send + 'static) -> impl Change {
    move |now, mut bytes| {
        if now == at {
            change(&mut bytes);
        }
        Passed::On(bytes)
    }
}

/// Bits spread over the bytes `range`, `most` of them at most.
fn bits(range: std::ops::Range<usize>, most: usize) -> impl Iterator<Item = usize> {
    let (first, last) = (range.start * 8, range.end * 8);
    // An odd step visits every place in a byte.
    (first..last).step_by(((last - first) / most).max(1) | 1)
}

fn flip(bit: usize) -> impl Fn(&mut Vec<u8>) + Clone + Send {
    move |bytes| bytes[bit / 8] ^= 1 << (bit % 8)
}

/// Offsets in messages 1 and 2 (SPEC 3.4), their headers counted. The host's hello has its
/// commitment and its number of words besides.
const HELLO_HOST: usize = HELLO_JOINER + 33;
const HELLO_JOINER: usize = 31;
const MESSAGE_1: usize = 3 + HELLO_HOST + 33;
const DIGEST: std::ops::Range<usize> = 3..35;
const MESSAGE_2: usize = 35 + HELLO_JOINER + 33 + 32;

#[test]
fn a_flipped_bit_in_message_1_gives_nothing_to_anybody_and_is_no_guess() {
    let here = Machine::new();
    let giver = Giver::new(&here);
    // The length field has tests of its own: what is waited for takes its time.
    for bit in bits(0..1, 4).chain(bits(3..MESSAGE_1, count(usize::MAX, 24))) {
        let taker = giver.take(only(At::Hello, flip(bit)));
        // The last byte of the hello is the number of words.
        let expected: &[i32] = if bit / 8 == 2 + HELLO_HOST { &[2] } else { &[5, 6] };
        assert!(
            taker.status.code().is_some_and(|status| expected.contains(&status)),
            "bit {bit}: {:#?}",
            taker.lines
        );
    }
    giver.still_gives();
}

#[test]
fn a_flipped_bit_in_message_2_gives_nothing_to_anybody() {
    let here = Machine::new();
    let mut giver = Giver::new(&here);
    let mut burned = 0;
    for bit in bits(0..1, 2)
        .chain(bits(DIGEST, count(usize::MAX, 4)))
        .chain(bits(DIGEST.end..MESSAGE_2, count(usize::MAX, 24)))
    {
        if burned == 99 {
            giver.still_gives();
            giver = Giver::new(&here);
            burned = 0;
        }
        let taker = giver.take(only(At::Answer, flip(bit)));
        match taker.status.code() {
            // The tag was looked at: hello, share or tag differ from what the joiner meant.
            Some(3) => {
                assert!(bit / 8 >= DIGEST.end, "bit {bit} is none of the guess");
                giver.burned();
                burned += 1;
            }
            // It was not: that connection alone was closed.
            Some(6) => {}
            // A hello that names no version of ours.
            Some(5) => assert!((DIGEST.end..DIGEST.end + 4).contains(&(bit / 8)), "bit {bit}"),
            other => panic!("bit {bit}: {other:?} {:#?}", taker.lines),
        }
    }
    giver.still_gives();
}

#[test]
fn a_flipped_bit_in_message_3_is_an_impostor_to_the_joiner_and_silence_to_the_host() {
    // The giver waits 40 s each for the guest to come back.
    at_once(bits(0..1, 1).chain(bits(3..35, count(usize::MAX, 3))), |bit| {
        let here = Machine::new();
        let giver = Giver::new(&here);
        giver.take(only(At::Confirmation, flip(bit))).expect(7);
        // The code is used, nobody was ever heard, and nothing was given.
        let giver = giver.running.end().expect(6);
        assert!(
            !giver
                .lines
                .iter()
                .any(|line| line.contains("\"connected\"") || line.contains("handshake_failed")),
            "{:#?}",
            giver.lines
        );
    });
}

/// Does something with each of these, 16 at a time.
fn at_once<T: Send>(all: impl Iterator<Item = T>, run: impl Fn(T) + Sync) {
    let mut all = all.collect::<Vec<_>>().into_iter();
    while all.len() > 0 {
        std::thread::scope(|scope| {
            let run = &run;
            for one in all.by_ref().take(16) {
                scope.spawn(move || run(one));
            }
        });
    }
}

#[test]
fn what_is_put_behind_a_message_ends_what_follows() {
    let append = |bytes: &mut Vec<u8>| bytes.extend([7; 64]);
    // Behind the last handshake message of a side it is a record that does not open: another link
    // is made.
    for at in [At::Answer, At::Confirmation] {
        let (here, there) = (Machine::new(), Machine::new());
        let giver = Giver::new(&here);
        let line = Line::new(port(&giver.code), only(at, append));
        there.run(["take", &line.code(&giver.code), "-o", "."]).expect(0);
        assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
        giver.running.end().expect(0);
    }
    let here = Machine::new();
    let giver = Giver::new(&here);
    giver.take(only(At::Hello, append)).expect(7);
    giver.running.end().expect(6);
}

#[test]
fn a_cut_message_3_is_made_good_by_a_link() {
    for length in [0, 2, 3, 34] {
        let (here, there) = (Machine::new(), Machine::new());
        let giver = Giver::new(&here);
        let line = Line::new(port(&giver.code), move |at, mut bytes: Vec<u8>| {
            if at != At::Confirmation {
                return Passed::On(bytes);
            }
            bytes.truncate(length);
            Passed::Last(bytes)
        });
        there.run(["take", &line.code(&giver.code), "-o", "."]).expect(0);
        assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
        assert_eq!(giver.running.end().expect(0).all("delivered").len(), 1);
    }
}

#[test]
fn a_cut_message_2_leaves_the_code_good() {
    let here = Machine::new();
    let giver = Giver::new(&here);
    for length in [0, 2, 3, 34, MESSAGE_2 - 1] {
        let taker = giver.take(move |at, mut bytes: Vec<u8>| {
            if at != At::Answer {
                return Passed::On(bytes);
            }
            bytes.truncate(length);
            Passed::Last(bytes)
        });
        assert_eq!(taker.expect(6).one("error")["error"], "peer-lost");
    }
    giver.still_gives();
}

#[test]
fn a_cut_message_1_costs_nothing_and_is_tried_again() {
    for length in [0, 2, 40] {
        let (here, there) = (Machine::new(), Machine::new());
        let mut giver = Giver::new(&here);
        let cut = Arc::new(AtomicBool::new(false));
        let line = Line::new(port(&giver.code), move |at, mut bytes: Vec<u8>| {
            if at != At::Hello || cut.swap(true, Ordering::Relaxed) {
                return Passed::On(bytes);
            }
            bytes.truncate(length);
            Passed::Last(bytes)
        });
        there.run(["take", &line.code(&giver.code), "-o", "."]).expect(0);
        assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
        giver.running.until("delivered", "");
        giver.running.end().expect(0);
    }
}

#[test]
fn a_length_field_that_lies_gives_nothing_to_anybody() {
    let here = Machine::new();
    let giver = Giver::new(&here);
    for length in [0_u16, 1, 63, 1024, 1025, 0x7fff, 0x8000, 0xffff] {
        let lie = move |bytes: &mut Vec<u8>| bytes[1..3].copy_from_slice(&length.to_be_bytes());
        let taker = giver.take(only(At::Hello, lie));
        assert!(matches!(taker.status.code(), Some(5 | 6)), "{length}: {:#?}", taker.lines);
    }
    for length in [0_u16, 1, 127, 1025, 0xffff] {
        let lie = move |bytes: &mut Vec<u8>| bytes[1..3].copy_from_slice(&length.to_be_bytes());
        giver.take(only(At::Answer, lie)).expect(6);
    }
    giver.still_gives();
}

#[test]
fn a_downgrade_in_either_hello_is_found_out() {
    let edits: [fn(&mut Vec<u8>); 4] = [
        // A capability struck or added, a version added before or behind ours, a field of tomorrow.
        |hello| hello[4] ^= 0x80,
        |hello| drop(hello.splice(1..4, [2, 0, 0, 0, 1])),
        |hello| drop(hello.splice(1..4, [2, 0, 1, 0, 2])),
        |hello| hello.push(0),
    ];
    for edit in edits {
        let here = Machine::new();
        let mut giver = Giver::new(&here);
        let edited = move |start: usize, length: usize| {
            move |bytes: &mut Vec<u8>| {
                let mut hello: Vec<u8> = bytes.splice(start..start + length, []).collect();
                edit(&mut hello);
                hello[0] = u8::try_from(hello.len() - 1).unwrap();
                bytes.splice(start..start, hello);
                let body = u16::try_from(bytes.len() - 3).unwrap();
                bytes[1..3].copy_from_slice(&body.to_be_bytes());
            }
        };
        giver.take(only(At::Hello, edited(3, HELLO_HOST))).expect(6);
        giver.take(only(At::Answer, edited(DIGEST.end, HELLO_JOINER))).expect(3);
        giver.burned();
        giver.still_gives();
    }
}
