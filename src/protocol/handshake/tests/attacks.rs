//! The attacks of the test plan: every bit, every length, every share, every downgrade.

use super::*;
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use proptest::prelude::*;
use rand_chacha::rand_core::RngCore;
use sha2::{Digest, Sha256};
use std::vec;

/// Position of the digest in message 2 (SPEC 3.4), the three bytes of the header counted.
const DIGEST: std::ops::Range<usize> = 3..35;

/// `message` as a frame if it still is exactly one. A receiver of anything else closes, or waits
/// for more until its time is over.
fn whole(message: &[u8]) -> Option<Frame> {
    Frame::parse(message)
        .ok()
        .flatten()
        .filter(|(_, used)| *used == message.len())
        .map(|(frame, _)| frame)
}

fn flipped(message: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..message.len() * 8).map(|bit| {
        let mut copy = message.to_vec();
        copy[bit / 8] ^= 1 << (bit % 8);
        (bit / 8, copy)
    })
}

#[test]
fn a_flipped_bit_of_message_1_confirms_nobody_and_burns_nothing() {
    for (at, message1) in flipped(&meet().message1) {
        let met = meet();
        let Some(frame1) = whole(&message1) else { continue };
        if let Ok((_, message2)) = joiner(CODE).confirm(&frame1, &mut rng(2)) {
            let (_, fault) = free(met.judge.judge(met.pending, &frame(&message2)));
            assert_eq!(fault, NotAGuess::OtherHello, "byte {at}");
        }
    }
}

#[test]
fn a_flipped_bit_of_message_2_confirms_nobody() {
    let mut seen = [0; 2];
    for (at, message2) in flipped(&meet().message2) {
        let met = meet();
        let Some(frame2) = whole(&message2) else { continue };
        match met.judge.judge(met.pending, &frame2) {
            Verdict::Confirmed { .. } => panic!("byte {at}"),
            Verdict::Burned { .. } => {
                assert!(at >= DIGEST.end, "byte {at} is none of the guess");
                seen[0] += 1;
            }
            Verdict::NotAGuess(_, fault) => {
                assert_eq!(fault == NotAGuess::OtherHello, DIGEST.contains(&at), "byte {at}");
                seen[1] += 1;
            }
        }
    }
    assert!(seen[0] > 256 && seen[1] > 256, "{seen:?}");
}

#[test]
fn a_flipped_bit_of_message_3_leaves_only_the_host_established() {
    let met = meet();
    let (message3, _) = confirmed(met.judge.judge(met.pending, &frame(&met.message2)));
    for (at, message3) in flipped(&message3) {
        let Some(frame3) = whole(&message3) else { continue };
        let fault = meet().tagged.finish(&frame3).err();
        assert_eq!(
            fault,
            Some(if at < 3 { JoinError::Malformed } else { JoinError::WrongConfirmation }),
            "byte {at}"
        );
    }
}

/// `message` with bodies of every wrong length: each truncation, and 1 to 64 appended bytes, the
/// length field made right.
fn resized(message: &[u8]) -> impl Iterator<Item = Frame> {
    let frame = frame(message);
    let length = frame.body.len();
    (0..length).chain(length + 1..=length + 64).map(move |length| {
        let mut body = frame.body.clone();
        body.resize(length, 7);
        Frame { kind: frame.kind, body }
    })
}

#[test]
fn a_body_of_any_other_length_is_malformed_and_free() {
    let mut judge = judge(CODE);
    let message2 = meet().message2;
    for frame2 in resized(&message2) {
        let (pending, _) = judge.begin(&mut rng(1));
        let fault;
        (judge, fault) = free(judge.judge(pending, &frame2));
        assert_eq!(fault, NotAGuess::Hello(HelloError::Malformed), "{}", frame2.body.len());
    }
    assert!(still_open(judge));
    for frame1 in resized(&meet().message1) {
        let fault = joiner(CODE).confirm(&frame1, &mut rng(2)).err().map(|(_, fault)| fault);
        assert_eq!(fault, Some(HelloError::Malformed), "{}", frame1.body.len());
    }
    let met = meet();
    let (message3, _) = confirmed(met.judge.judge(met.pending, &frame(&message2)));
    for replies in [message3, vec![4, 0, 0], vec![5, 0, 0]] {
        for frame3 in resized(&replies) {
            assert_eq!(
                meet().tagged.finish(&frame3).err(),
                Some(JoinError::Malformed),
                "{frame3:?}"
            );
        }
    }
}

#[test]
fn a_cut_stream_is_waited_for_and_what_follows_a_message_is_not_part_of_it() {
    let met = meet();
    for message in [&met.message1, &met.message2] {
        for end in 0..message.len() {
            assert_eq!(Frame::parse(&message[..end]), Ok(None));
        }
        for more in 1..=64 {
            let (frame, used) =
                Frame::parse(&[message.as_slice(), &vec![7; more]].concat()).unwrap().unwrap();
            assert_eq!((frame.encode(), used), (message.clone(), message.len()));
        }
    }
}

#[test]
fn every_class_of_length_field_ends_or_waits() {
    let met = meet();
    for message in [&met.message1, &met.message2] {
        let right = u16::try_from(message.len() - 3).unwrap();
        for length in [0, 1, right - 1, right + 1, 1024, 1025, 0x7fff, 0x8000, 0xffff] {
            let mut wrong = message.clone();
            wrong[1..3].copy_from_slice(&length.to_be_bytes());
            match Frame::parse(&wrong) {
                Err(FrameError::TooLong) => assert!(length > 1024),
                Ok(None) => assert!(length > right && length <= 1024),
                Ok(Some((short, _))) => {
                    assert!(length < right);
                    let fault =
                        joiner(CODE).confirm(&short, &mut rng(2)).err().map(|(_, fault)| fault);
                    assert_eq!(fault, Some(HelloError::Malformed));
                    let (judge, fault) =
                        free(judge(CODE).judge(judge(CODE).begin(&mut rng(1)).0, &short));
                    assert_eq!(fault, NotAGuess::Hello(HelloError::Malformed));
                    assert!(still_open(judge));
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

/// Bad points, and what is wrong with them, for a side whose counterpart honestly sent `honest`.
fn bad_points(honest: [u8; 32], own: [u8; 32]) -> Vec<([u8; 32], ShareFault)> {
    let honest = CompressedEdwardsY(honest).decompress().unwrap();
    let mut points: Vec<_> =
        EIGHT_TORSION.iter().map(|point| (point.compress().0, ShareFault::SmallOrder)).collect();
    points.extend(
        EIGHT_TORSION[1..]
            .iter()
            .map(|torsion| ((honest + torsion).compress().0, ShareFault::Torsion)),
    );
    points.push((own, ShareFault::Reflected));
    let mut off_curve = [0; 32];
    off_curve[0] = 2;
    points.push((off_curve, ShareFault::OffCurve));
    let mut second_one = [0; 32];
    (second_one[0], second_one[31]) = (1, 0x80);
    points.push((second_one, ShareFault::NotCanonical));
    points
}

#[test]
fn a_bad_share_is_refused_by_either_side_and_is_no_guess() {
    let met = meet();
    let (x, y) = (met.message1.len() - 32, met.message2.len() - 64);
    let point = |message: &[u8], at: usize| <[u8; 32]>::try_from(&message[at..at + 32]).unwrap();
    let (host_point, joiner_point) = (point(&met.message1, x), point(&met.message2, y));
    for (bad, expected) in bad_points(joiner_point, host_point) {
        let met = meet();
        let mut message2 = met.message2;
        message2[y..y + 32].copy_from_slice(&bad);
        let (judge, fault) = free(met.judge.judge(met.pending, &frame(&message2)));
        assert_eq!(fault, NotAGuess::Hello(HelloError::Share(expected)));
        assert!(still_open(judge));
    }
    // The joiner draws its scalar after it has seen message 1, so its own point cannot be in it;
    // here it is, by a repeated generator.
    let repeated = rng(2);
    let Ok((_, first)) = joiner(CODE).confirm(&frame(&met.message1), &mut repeated.clone()) else {
        panic!()
    };
    for (bad, expected) in bad_points(host_point, point(&first, y)) {
        let mut message1 = met.message1.clone();
        message1[x..].copy_from_slice(&bad);
        let (joiner, fault) =
            joiner(CODE).confirm(&frame(&message1), &mut repeated.clone()).err().unwrap();
        assert_eq!(fault, HelloError::Share(expected));
        assert!(joiner.confirm(&frame(&met.message1), &mut repeated.clone()).is_ok());
    }
}

#[test]
fn two_hosts_or_two_joiners_do_not_meet() {
    let met = meet();
    // A host's message 1 in the place of message 2, as it is and relabelled.
    let (_, other) = judge(CODE).begin(&mut rng(3));
    let mut relabelled = frame(&other);
    relabelled.kind = Kind::Answer;
    let (judge, fault) = free(met.judge.judge(met.pending, &frame(&other)));
    assert_eq!(fault, NotAGuess::Hello(HelloError::Malformed));
    let (pending, message1) = judge.begin(&mut rng(1));
    let (judge, fault) = free(judge.judge(pending, &relabelled));
    assert_eq!(fault, NotAGuess::Hello(HelloError::Malformed));

    // A joiner's hello and share in the place of a host's, and a host's in the place of a joiner's,
    // complete but for the role.
    let swap = |hello: &mut Vec<u8>| hello[12] ^= 3;
    let fault = joiner(CODE)
        .confirm(&frame(&with_hello(&message1, swap)), &mut rng(2))
        .err()
        .map(|(_, fault)| fault);
    assert_eq!(fault, Some(HelloError::Malformed));
    let (pending, _) = judge.begin(&mut rng(1));
    let (judge, fault) = free(judge.judge(pending, &frame(&with_hello(&met.message2, swap))));
    assert_eq!(fault, NotAGuess::Hello(HelloError::Malformed));
    assert!(still_open(judge));
    for message in [&met.message2, &vec![3, 0, 0], &vec![4, 0, 0], &vec![5, 0, 0]] {
        assert_eq!(
            joiner(CODE).confirm(&frame(message), &mut rng(2)).err().map(|(_, fault)| fault),
            Some(HelloError::Malformed)
        );
    }
}

/// The edits of a downgrade, as bytes of our hello (`length, count = 1, version, capabilities, …`)
/// to put in the place of others. They change a capability or the randomness, or add a version or a
/// field of tomorrow.
fn edits(length: usize) -> Vec<(std::ops::Range<usize>, Vec<u8>)> {
    let capabilities = (0..64).map(|bit| (4..12, (CAPABILITIES ^ 1 << bit).to_be_bytes().to_vec()));
    let versions = [[2, 0, 0, 0, 1], [2, 0, 1, 0, 2], [2, 0, 1, 255, 255]]
        .map(|versions| (1..4, versions.to_vec()));
    let rest = [(length..length, vec![0]), (13..14, vec![7])];
    capabilities.chain(versions).chain(rest).collect()
}

#[test]
fn a_hello_that_arrives_changed_confirms_nobody_even_if_its_digest_is_forged() {
    for (range, bytes) in edits(31) {
        let edit = |hello: &mut Vec<u8>| {
            // A field of tomorrow is behind all others.
            let range = if bytes == [0] { hello.len()..hello.len() } else { range.clone() };
            hello.splice(range, bytes.clone());
        };
        let met = meet();
        let Ok((_, mut message2)) =
            joiner(CODE).confirm(&frame(&with_hello(&met.message1, edit)), &mut rng(2))
        else {
            panic!("{range:?}")
        };
        message2[DIGEST].copy_from_slice(&Sha256::digest(&met.message1[3..]));
        burned(met.judge.judge(met.pending, &frame(&message2)));

        let met = meet();
        burned(met.judge.judge(met.pending, &frame(&with_hello(&met.message2, edit))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_may_be_answered(
        kind in prop_oneof![
            Just(Kind::Hello),
            Just(Kind::Answer),
            Just(Kind::Confirmation),
            Just(Kind::Refusal),
        ],
        body: Vec<u8>,
        keep in 0..131_usize,
    ) {
        let met = meet();
        for whole in [&met.message1, &met.message2] {
            let body = [&whole[3..keep.clamp(3, whole.len())], &body].concat();
            let frame = Frame { kind, body };
            if frame.encode() == met.message2 {
                continue;
            }
            let honest = frame.encode() == met.message1;
            prop_assert_eq!(joiner(CODE).confirm(&frame, &mut rng(2)).is_ok(), honest);
            let met = meet();
            let verdict = met.judge.judge(met.pending, &frame);
            prop_assert!(!matches!(verdict, Verdict::Confirmed { .. }), "confirmed");
            prop_assert!(met.tagged.finish(&frame).is_err());
        }
    }
}

/// A15: whoever has the code stands between both sides, has finished with one, and varies what it
/// may towards the other.
#[test]
fn the_verification_words_cannot_be_ground() {
    let full = std::env::var_os("PINHOLE_FULL").is_some();
    let tries: u64 = if full { 10_000 } else { 300 };
    let mut rng = rng(3);
    let judge = judge(CODE);

    // Towards the host: each of its hellos commits it to a nonce of its own, which an answer is
    // made without.
    let mut digests = std::collections::BTreeSet::new();
    for _ in 0..tries {
        let (_, message1) = judge.begin(&mut rng);
        let Ok((tagged, _)) = joiner(CODE).confirm(&frame(&message1), &mut rng) else { panic!() };
        let (_, commitment, _) = tagged.cut();
        let said =
            Hello::parse(Hello::split(&message1[3..]).unwrap().0).unwrap().commitment.unwrap();
        digests.insert(said);
        // All that the joiner has at the moment when it is bound: no nonce, so no words.
        assert!(commitment.nonce().is_none());
        assert!(commitment.open(None).is_err() && commitment.open(Some(&[0; 32])).is_err());
        assert!(commitment.open(Some(&said)).is_err());
    }
    assert_eq!(digests.len() as u64, tries, "a nonce came twice");

    // Towards the joiner: once its answer is seen, no other nonce opens what its message 1 was
    // committed to.
    let (pending, message1) = judge.begin(&mut rng);
    let Ok((tagged, message2)) = joiner(CODE).confirm(&frame(&message1), &mut rng) else {
        panic!()
    };
    let (confirmation, host) = confirmed(judge.judge(pending, &frame(&message2)));
    let guest = tagged.finish(&frame(&confirmation)).unwrap_or_else(|fault| panic!("{fault:?}"));
    for _ in 0..tries {
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        assert!(guest.commitment.open(Some(&nonce)).is_err());
    }
    assert!(
        words(&host.commitment, &guest.commitment).is_some_and(|[host, joiner]| host == joiner)
    );
}
