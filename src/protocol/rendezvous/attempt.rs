//! Binary frames on a host's connection: each has the number of its attempt before it, until
//! `confirmed` (SPEC 10.4).

use crate::limits::ATTEMPT;
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
}
