use super::*;
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

fn exchange(role: Role, seed: u64) -> Exchange {
    Exchange::start(
        role,
        b"walrus-clipboard-mango",
        &[0, 0, 1, 161],
        &mut ChaCha20Rng::seed_from_u64(seed),
    )
}

/// The fault that `role` finds in a share made of its counterpart's letter and `point`.
fn fault(role: Role, point: [u8; 32]) -> Option<ShareFault> {
    let mut share = [letter(role.other()); SHARE];
    share[1..].copy_from_slice(&point);
    exchange(role, 1).finish(&share).err()
}

fn honest_point(role: Role, seed: u64) -> EdwardsPoint {
    let exchange = exchange(role, seed);
    CompressedEdwardsY::from_slice(&exchange.share()[1..]).unwrap().decompress().unwrap()
}

/// 2^255 - 19 + `more`, little-endian.
fn prime_plus(more: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + more;
    bytes[31] = 0x7f;
    bytes
}

const BOTH: [Role; 2] = [Role::Host, Role::Joiner];

#[test]
fn honest_shares_give_both_sides_one_output() {
    let (host, joiner) = (exchange(Role::Host, 1), exchange(Role::Joiner, 2));
    let to = |exchange: &Exchange| <[u8; SHARE]>::try_from(exchange.share()).unwrap();
    let (x, y) = (to(&host), to(&joiner));
    assert_eq!(*host.finish(&y).unwrap(), *joiner.finish(&x).unwrap());
}

#[test]
fn the_letter_must_be_the_other_sides() {
    for role in BOTH {
        let point = honest_point(role.other(), 2).compress().0;
        assert_eq!(fault(role, point), None);
        for letter in [letter(role), b'S', 0, b'a'] {
            let mut share = [letter; SHARE];
            share[1..].copy_from_slice(&point);
            assert_eq!(exchange(role, 1).finish(&share).err(), Some(ShareFault::Side));
        }
    }
}

#[test]
fn our_own_point_is_refused_under_the_other_letter() {
    for role in BOTH {
        assert_eq!(fault(role, honest_point(role, 1).compress().0), Some(ShareFault::Reflected));
    }
}

#[test]
fn the_eight_points_of_small_order_are_refused() {
    for role in BOTH {
        for point in EIGHT_TORSION {
            assert_eq!(fault(role, point.compress().0), Some(ShareFault::SmallOrder));
        }
    }
}

#[test]
fn points_with_a_part_of_small_order_are_refused() {
    for role in BOTH {
        let honest = honest_point(role.other(), 2);
        for torsion in EIGHT_TORSION {
            let expected = (torsion != EIGHT_TORSION[0]).then_some(ShareFault::Torsion);
            assert_eq!(fault(role, (honest + torsion).compress().0), expected);
        }
    }
}

#[test]
fn second_encodings_of_a_point_are_refused() {
    // y = 1 and y = -1 have x = 0, of which a sign says nothing.
    let mut one = [0; 32];
    (one[0], one[31]) = (1, 0x80);
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    let mut refused = 0;
    for role in BOTH {
        assert_eq!(fault(role, one), Some(ShareFault::NotCanonical));
        assert_eq!(fault(role, minus_one), Some(ShareFault::NotCanonical));
        // y from p to 2^255 - 1 is a y below 19 once more.
        for more in 0..19 {
            match fault(role, prime_plus(more)) {
                Some(ShareFault::NotCanonical) => refused += 1,
                other => assert_eq!(other, Some(ShareFault::OffCurve), "{more}"),
            }
        }
    }
    // The curve equation has an x for these: y = 0, 1, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18.
    assert_eq!(refused, 2 * 12);
}

#[test]
fn what_is_no_point_is_refused() {
    let mut two = [0; 32];
    two[0] = 2;
    for role in BOTH {
        assert_eq!(fault(role, two), Some(ShareFault::OffCurve));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_may_be_sent_as_a_point(point: [u8; 32]) {
        // A random point is in the prime-order subgroup with probability 1/16, so most are refused;
        // none may panic.
        let _ = fault(Role::Host, point);
    }
}
