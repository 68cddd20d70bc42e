//! Binary frames on a host's connection: each has the number of its attempt before it, until
//! `confirmed` (SPEC 10.4).

use crate::handshake::Kind;
use crate::limits::{ATTEMPT, HANDSHAKE_HEADER};
use alloc::vec::Vec;

/// The frame of a handshake message in this attempt.
#[must_use]
pub fn of_attempt(attempt: u32, message: &[u8]) -> Vec<u8> {
    let number: [u8; ATTEMPT] = attempt.to_be_bytes();
    [&number, message].concat()
}

/// Splits a frame into its attempt and its message; `None` if it is too short for an attempt.
#[must_use]
pub fn split_attempt(frame: &[u8]) -> Option<(u32, &[u8])> {
    let (number, message) = frame.split_first_chunk::<ATTEMPT>()?;
    Some((u32::from_be_bytes(*number), message))
}

/// The host's last word in an attempt, kind 4 or 5 without a body (SPEC 3.1); `None` for any other
/// message.
#[must_use]
pub fn last_word(message: &[u8]) -> Option<[u8; HANDSHAKE_HEADER]> {
    const REFUSAL: u8 = Kind::Refusal as u8;
    const NO_COMMON_VERSION: u8 = Kind::NoCommonVersion as u8;
    let message = <[u8; HANDSHAKE_HEADER]>::try_from(message).ok()?;
    matches!(message, [REFUSAL | NO_COMMON_VERSION, 0, 0]).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_its_attempt_and_a_message() {
        assert_eq!(of_attempt(258, b"ab"), [0, 0, 1, 2, b'a', b'b']);
        assert_eq!(split_attempt(&of_attempt(7, b"message")), Some((7, &b"message"[..])));
        assert_eq!(split_attempt(&[0, 0, 0, 1]), Some((1, &[][..])));
        assert_eq!(split_attempt(&[0, 0, 1]), None);
    }

    #[test]
    fn only_a_bare_refusal_is_a_last_word() {
        assert_eq!([4, 5].map(|kind| last_word(&[kind, 0, 0])), [Some([4, 0, 0]), Some([5, 0, 0])]);
        for other in [&[3, 0, 0][..], &[6, 0, 0], &[4, 0, 1], &[4, 0], &[4, 0, 0, 0], &[]] {
            assert_eq!(last_word(other), None, "{other:?}");
        }
    }
}
