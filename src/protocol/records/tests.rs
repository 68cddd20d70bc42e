use super::*;
use crate::aead::{Backend, Cipher};
use crate::limits::{CHUNK_DATA, EPOCH_RECORDS, PADDED, RECORD_PLAINTEXT};
use crate::wire::ItemId;
use hmac::{Hmac, Mac};
use proptest::prelude::*;
use sha2::Sha256;
use std::collections::{BTreeSet, HashSet};
use std::{vec, vec::Vec};

const KEY: [u8; 32] = [7; 32];
const LONGEST_CONTROL: usize = RECORD_PLAINTEXT - 5;
pub(super) const HEAD: ChunkHead =
    ChunkHead { transfer: ItemId(0x0102_0304), entry: 0x0506_0708, offset: 0x090a_0b0c_0d0e_0f10 };
pub(super) const BOTH: [Direction; 2] = [Direction::HostToJoiner, Direction::JoinerToHost];

fn sealer(direction: Direction) -> Sealer {
    Sealer::new(SecretBytes::new(KEY), direction)
}

fn opener(direction: Direction) -> Opener {
    Opener::new(SecretBytes::new(KEY), direction)
}

fn pair() -> (Sealer, Opener) {
    (sealer(Direction::HostToJoiner), opener(Direction::HostToJoiner))
}

/// A sealer and an opener whose epochs have 8 records (TESTPLAN B4).
fn short_epochs(direction: Direction) -> (Sealer, Opener) {
    let (mut sealer, mut opener) = (sealer(direction), opener(direction));
    sealer.0.epoch_records = 8;
    opener.keys.epoch_records = 8;
    (sealer, opener)
}

/// The content of a record, owned.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Control(Vec<u8>),
    Chunk(ChunkHead, Vec<u8>),
}

impl Said {
    /// The sealed record without its length field.
    pub(super) fn sealed(&self, sealer: &mut Sealer, buf: &mut RecordBuf) -> Vec<u8> {
        match self {
            Self::Control(body) => sealer.seal_control(buf, body).unwrap(),
            Self::Chunk(head, data) => {
                buf.data_mut()[..data.len()].copy_from_slice(data);
                sealer.seal_chunk(buf, *head, data.len()).unwrap();
            }
        }
        let (length, frame) = buf.wire().split_first_chunk().unwrap();
        assert_eq!(record_length(*length), Ok(frame.len()));
        assert_eq!(frame, buf.frame());
        frame.to_vec()
    }
}

pub(super) fn open(opener: &mut Opener, frame: &[u8]) -> Result<Said, RecordError> {
    Ok(match opener.open(&mut frame.to_vec())? {
        Opened::Control(body) => Said::Control(body.to_vec()),
        Opened::Chunk(head, data) => Said::Chunk(head, data.to_vec()),
    })
}

/// `count` control records, sealed one after another.
fn sealed(count: u8) -> Vec<Vec<u8>> {
    let (mut sealer, mut buf) = (pair().0, RecordBuf::default());
    (0..count).map(|number| Said::Control(vec![number]).sealed(&mut sealer, &mut buf)).collect()
}

pub(super) fn bytes(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// Lengths with the edges of padding and record oftener than chance.
fn length(longest: usize) -> impl Strategy<Value = usize> {
    prop_oneof![1..=longest, 1..600usize, Just(1), PADDED - 30..PADDED + 10, longest - 3..=longest]
}

fn said() -> impl Strategy<Value = Said> {
    let head = any::<(u32, u32, u64)>().prop_map(|(transfer, entry, offset)| ChunkHead {
        transfer: ItemId(transfer),
        entry,
        offset,
    });
    prop_oneof![
        length(LONGEST_CONTROL).prop_map(|length| Said::Control(bytes(length))),
        (head, length(CHUNK_DATA)).prop_map(|(head, length)| Said::Chunk(head, bytes(length))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_is_opened(says in prop::collection::vec(said(), 1..12), dirt: u8) {
        let (mut sealer, mut opener) = pair();
        let mut buf = RecordBuf::default();
        buf.data_mut().fill(dirt);
        for said in says {
            prop_assert_eq!(open(&mut opener, &said.sealed(&mut sealer, &mut buf)), Ok(said));
        }
    }

    #[test]
    fn any_flipped_bit_is_tampering(said in said(), at: prop::sample::Index, bit in 0..8u8) {
        let (mut sealer, mut opener) = pair();
        let mut frame = said.sealed(&mut sealer, &mut RecordBuf::default());
        *at.get_mut(&mut frame) ^= 1 << bit;
        prop_assert_eq!(open(&mut opener, &frame), Err(RecordError::Tampered));
    }

    #[test]
    fn any_other_length_fails(said in said(), to in 0..RECORD_CIPHERTEXT + 100) {
        let (mut sealer, mut opener) = pair();
        let mut frame = said.sealed(&mut sealer, &mut RecordBuf::default());
        prop_assume!(to != frame.len());
        frame.resize(to, 0);
        let want = if to < 272 {
            RecordError::TooShort
        } else if to > RECORD_CIPHERTEXT {
            RecordError::TooLong
        } else {
            RecordError::Tampered
        };
        prop_assert_eq!(open(&mut opener, &frame), Err(want));
    }

    /// Any record in place of the one that is due, which covers what is dropped, repeated and
    /// swapped.
    #[test]
    fn a_record_out_of_its_turn_fails_and_ends_the_link(due in 0..20usize, comes in 0..20usize) {
        prop_assume!(due != comes);
        let frames = sealed(20);
        let mut opener = pair().1;
        for frame in &frames[..due] {
            prop_assert!(open(&mut opener, frame).is_ok());
        }
        prop_assert_eq!(open(&mut opener, &frames[comes]), Err(RecordError::Tampered));
        for frame in &frames {
            prop_assert_eq!(open(&mut opener, frame), Err(RecordError::Tampered));
        }
    }

    #[test]
    fn a_plaintext_that_parses_is_the_only_one_for_its_content(
        mut plaintext in prop::collection::vec(any::<u8>(), 0..600),
        likely: bool,
    ) {
        if likely && plaintext.len() >= 256 {
            // Random bytes seldom begin with a kind and a fitting length.
            let length = plaintext[5] % 251;
            plaintext[0] = 1 + plaintext[0] % 2;
            plaintext[1..5].copy_from_slice(&u32::from(length).to_be_bytes());
            plaintext.truncate(256);
            plaintext[5 + usize::from(length)..].fill(0);
        }
        if let Ok(opened) = Opened::parse(&plaintext) {
            prop_assert_eq!(written(&opened), plaintext);
        }
    }
}

/// The plaintext of `opened`, by the words of SPEC 4.3 rather than by the code under test.
fn written(opened: &Opened) -> Vec<u8> {
    let (kind, body) = match opened {
        Opened::Control(body) => (1, body.to_vec()),
        Opened::Chunk(ChunkHead { transfer, entry, offset }, data) => (
            2,
            [&transfer.0.to_be_bytes()[..], &entry.to_be_bytes(), &offset.to_be_bytes(), data]
                .concat(),
        ),
    };
    let mut plaintext =
        [&[kind][..], &u32::try_from(body.len()).unwrap().to_be_bytes(), &body].concat();
    if plaintext.len() <= 4_352 {
        plaintext.resize(plaintext.len().div_ceil(256) * 256, 0);
    }
    plaintext
}

#[test]
fn a_chunk_lies_as_the_specification_says() {
    let (mut sealer, mut buf) = (pair().0, RecordBuf::default());
    let frame = Said::Chunk(HEAD, vec![0xaa, 0xbb]).sealed(&mut sealer, &mut buf);
    let mut plaintext = open_as_specified(KEY, 0, Direction::HostToJoiner, 0, &frame).unwrap();
    assert_eq!(plaintext.split_off(23), [0; 256 - 23]);
    assert_eq!(
        plaintext,
        [2, 0, 0, 0, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0xaa, 0xbb]
    );
}

#[test]
fn every_flipped_bit_and_every_cut_of_the_shortest_record_fails() {
    let frame = sealed(1).remove(0);
    assert_eq!(frame.len(), 272);
    for at in 0..frame.len() {
        for bit in 0..8 {
            let mut flipped = frame.clone();
            flipped[at] ^= 1 << bit;
            assert_eq!(open(&mut pair().1, &flipped), Err(RecordError::Tampered));
        }
        assert_eq!(open(&mut pair().1, &frame[..at]), Err(RecordError::TooShort));
    }
    assert_eq!(open(&mut pair().1, &frame), Ok(Said::Control(vec![0])));
}

#[test]
fn a_length_field_is_judged_before_anything_is_read() {
    for (length, want) in [
        (0, Err(RecordError::TooShort)),
        (271, Err(RecordError::TooShort)),
        (272, Ok(272)),
        (65_616, Ok(65_616)),
        (65_617, Err(RecordError::TooLong)),
        (u32::MAX, Err(RecordError::TooLong)),
    ] {
        assert_eq!(record_length(u32::to_be_bytes(length)), want);
    }
}

#[test]
fn the_first_failure_is_the_last_word() {
    let frames = sealed(2);
    let mut opener = pair().1;
    assert_eq!(open(&mut opener, &[0; 10]), Err(RecordError::TooShort));
    assert_eq!(open(&mut opener, &frames[0]), Err(RecordError::TooShort));
    assert_eq!(open(&mut opener, &frames[1]), Err(RecordError::TooShort));
}

#[test]
fn a_record_sent_back_does_not_open_even_under_the_same_key() {
    for (direction, other) in [(BOTH[0], BOTH[1]), (BOTH[1], BOTH[0])] {
        let frame =
            Said::Control(vec![1]).sealed(&mut sealer(direction), &mut RecordBuf::default());
        assert_eq!(open(&mut opener(other), &frame), Err(RecordError::Tampered));
        assert!(open(&mut opener(direction), &frame).is_ok());
    }
}

/// TESTPLAN B15.
#[test]
fn texts_of_4096_lengths_have_17_sizes_on_the_wire() {
    let (mut sealer, mut buf) = (pair().0, RecordBuf::default());
    let sizes: BTreeSet<usize> = (1..=4_096)
        .map(|length| Said::Control(bytes(length)).sealed(&mut sealer, &mut buf).len())
        .collect();
    assert_eq!(sizes, (1..=17).map(|steps| steps * 256 + 16).collect());
}

#[test]
fn what_cannot_be_sealed_leaves_no_record_and_spends_no_nonce() {
    use RecordError::{TooLong, TooShort};
    type Attempt<'a> = &'a dyn Fn(&mut Sealer, &mut RecordBuf) -> Result<(), RecordError>;
    let (mut sealer, mut opener) = pair();
    let mut buf = RecordBuf::default();
    assert!(buf.wire().is_empty() && buf.frame().is_empty());
    let long = bytes(LONGEST_CONTROL + 1);
    let attempts: [(Attempt, RecordError); 5] = [
        (&|sealer, buf| sealer.seal_control(buf, &[]), TooShort),
        (&|sealer, buf| sealer.seal_control(buf, &long), TooLong),
        (&|sealer, buf| sealer.seal_chunk(buf, HEAD, 0), TooShort),
        (&|sealer, buf| sealer.seal_chunk(buf, HEAD, CHUNK_DATA + 1), TooLong),
        (&|sealer, buf| sealer.seal_chunk(buf, HEAD, usize::MAX), TooLong),
    ];
    for (attempt, want) in attempts {
        let frame = Said::Control(vec![1]).sealed(&mut sealer, &mut buf);
        assert_eq!(open(&mut opener, &frame), Ok(Said::Control(vec![1])));
        assert_eq!(attempt(&mut sealer, &mut buf), Err(want));
        assert!(buf.wire().is_empty() && buf.frame().is_empty());
    }
}

#[test]
fn data_put_into_a_buffer_is_never_on_its_wire() {
    let (mut sealer, mut buf) = (pair().0, RecordBuf::default());
    sealer.seal_control(&mut buf, b"secret").unwrap();
    assert_eq!(buf.data_mut().len(), CHUNK_DATA);
    assert!(buf.wire().is_empty() && buf.frame().is_empty());
}

/// Each is authentic, so only the parser stands between a hostile peer and the program.
#[test]
fn authentic_records_of_another_form_are_malformed() {
    let plain = |kind: u8, length: u32, body: &[u8], size: usize| {
        let mut plaintext = [&[kind][..], &length.to_be_bytes(), body].concat();
        plaintext.resize(size, 0);
        plaintext
    };
    let nonzero = |at: usize| {
        let mut plaintext = plain(1, 3, b"abc", 256);
        plaintext[at] = 1;
        plaintext
    };
    for (name, plaintext) in [
        ("kind 0", plain(0, 20, &[1; 20], 256)),
        ("kind 3", plain(3, 20, &[1; 20], 256)),
        ("no body", plain(1, 0, b"", 256)),
        ("first byte of the padding", nonzero(8)),
        ("last byte of the padding", nonzero(255)),
        ("a step of padding too much", plain(1, 3, b"abc", 512)),
        ("no whole step of padding", plain(1, 252, &[1; 252], 257)),
        ("padding of a long plaintext", plain(1, 4_348, &[1; 4_348], 4_608)),
        ("body longer than the record", plain(1, 252, &[1; 251], 256)),
        ("body longer than any record", plain(1, u32::MAX, &[1; 251], 256)),
        ("chunk without data", plain(2, 16, &[1; 16], 256)),
        ("chunk without a whole head", plain(2, 15, &[1; 15], 256)),
        ("chunk with too much data", plain(2, 65_553, &[1; 65_553], 65_558)),
    ] {
        let mut frame = plaintext;
        let length = u32::try_from(frame.len() + TAG).unwrap();
        let tag = sealer(Direction::HostToJoiner).0.next(length).unwrap().seal(&mut frame).unwrap();
        frame.extend(tag);
        let mut opener = pair().1;
        assert_eq!(open(&mut opener, &frame), Err(RecordError::Malformed), "{name}");
        assert_eq!(open(&mut opener, &frame), Err(RecordError::Malformed), "{name}, again");
    }
    for short in [&[][..], &[1], &[1, 0, 0, 0], &[1, 0, 0, 0, 1], &[1, 0, 0, 0, 1, 9]] {
        assert!(Opened::parse(short).err() == Some(RecordError::Malformed));
    }
}

/// The key of epoch `e`, derived as RFC 5869 2.3 writes HKDF-Expand for one block, not by the code
/// under test.
pub(super) fn epoch_key(mut key: [u8; 32], e: u32) -> [u8; 32] {
    for _ in 0..e {
        let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        key = mac.chain_update(b"pinhole/1 rekey\x01").finalize().into_bytes().into();
    }
    key
}

/// Opens a frame by the words of SPEC 4.2: nothing if it was sealed under another key, nonce or
/// associated data.
fn open_as_specified(
    key: [u8; 32],
    epoch: u32,
    direction: Direction,
    counter: u64,
    frame: &[u8],
) -> Option<Vec<u8>> {
    let nonce = [&[0; 4][..], &counter.to_be_bytes()].concat().try_into().unwrap();
    let length = u32::try_from(frame.len()).unwrap();
    let aad = [&[1, direction as u8][..], &epoch.to_be_bytes(), &length.to_be_bytes()].concat();
    let cipher = Cipher::new(Backend::Portable, &SecretBytes::new(epoch_key(key, epoch)));
    cipher.open(&nonce, &aad, &mut frame.to_vec()).ok().map(|plaintext| plaintext.to_vec())
}

/// TESTPLAN B4 and B5: what opens under a key and a nonce was sealed under them, so this records
/// what was really used.
#[test]
fn no_nonce_is_used_twice_over_epochs_of_8() {
    let mut used = HashSet::new();
    for direction in BOTH {
        let (mut sealer, mut opener) = short_epochs(direction);
        let mut buf = RecordBuf::default();
        for number in 0..40_u8 {
            let frame = Said::Control(vec![number]).sealed(&mut sealer, &mut buf);
            let (epoch, counter) = (u32::from(number) / 8, u64::from(number) % 8);
            // The two directions of a link have different keys; here they share one, so the
            // direction stands for it.
            assert!(open_as_specified(KEY, epoch, direction, counter, &frame).is_some());
            assert!(used.insert((direction as u8, epoch_key(KEY, epoch), counter)));
            assert_eq!(open(&mut opener, &frame), Ok(Said::Control(vec![number])));
        }
    }
    assert_eq!(used.len(), 80);
}

#[test]
fn an_epoch_that_one_side_ends_early_or_late_fails() {
    for (sealing, opening) in [(8, 9), (9, 8), (8, EPOCH_RECORDS)] {
        let (mut sealer, mut opener) = short_epochs(Direction::JoinerToHost);
        sealer.0.epoch_records = sealing;
        opener.keys.epoch_records = opening;
        let mut buf = RecordBuf::default();
        for number in 0..8_u8 {
            let frame = Said::Control(vec![number]).sealed(&mut sealer, &mut buf);
            assert!(open(&mut opener, &frame).is_ok());
        }
        assert_eq!(
            open(&mut opener, &Said::Control(vec![8]).sealed(&mut sealer, &mut buf)),
            Err(RecordError::Tampered)
        );
    }
}

#[test]
fn the_real_epoch_has_2_to_the_20_records() {
    for direction in BOTH {
        let (mut sealer, mut opener) = (sealer(direction), opener(direction));
        sealer.0.counter = (1 << 20) - 1;
        opener.keys.counter = (1 << 20) - 1;
        let mut buf = RecordBuf::default();
        for (epoch, counter) in [(0, (1 << 20) - 1), (1, 0), (1, 1)] {
            let frame = Said::Chunk(HEAD, bytes(CHUNK_DATA)).sealed(&mut sealer, &mut buf);
            assert!(
                open_as_specified(KEY, epoch, direction, counter, &frame).is_some(),
                "{epoch} {counter}"
            );
            assert_eq!(open(&mut opener, &frame), Ok(Said::Chunk(HEAD, bytes(CHUNK_DATA))));
        }
    }
}

/// Without the counter being set. Only with ring: 2 s instead of 90, unoptimised.
#[cfg(feature = "ring")]
#[test]
fn a_whole_epoch_is_sealed_and_opened_record_by_record() {
    let (mut sealer, mut opener) = pair();
    let (mut buf, mut frame) = (RecordBuf::default(), [0; 272]);
    for number in 0..=1_u32 << 20 {
        sealer.seal_control(&mut buf, &number.to_be_bytes()).unwrap();
        frame.copy_from_slice(buf.frame());
        assert!(opener.open(&mut frame) == Ok(Opened::Control(&number.to_be_bytes())), "{number}");
    }
    assert!(open_as_specified(KEY, 1, Direction::HostToJoiner, 0, buf.frame()).is_some());
}

#[test]
fn after_the_last_epoch_there_is_nothing() {
    let (mut sealer, mut opener) = short_epochs(Direction::HostToJoiner);
    for keys in [&mut sealer.0, &mut opener.keys] {
        keys.epoch = u32::MAX;
        keys.counter = 7;
    }
    let mut buf = RecordBuf::default();
    let last = Said::Control(vec![1]).sealed(&mut sealer, &mut buf);
    assert_eq!(open(&mut opener, &last), Ok(Said::Control(vec![1])));
    for _ in 0..2 {
        assert_eq!(sealer.seal_control(&mut buf, &[1]), Err(RecordError::Exhausted));
        assert!(buf.wire().is_empty());
        assert_eq!(open(&mut opener, &last), Err(RecordError::Exhausted));
    }
}
