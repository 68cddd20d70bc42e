//! Handshake messages in a stream of bytes: kind, length, body (SPEC 3.1).

use crate::limits::{HANDSHAKE_BODY, HANDSHAKE_HEADER};
use alloc::vec::Vec;

/// The kind of a message; the numbers are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Message 1: the host's hello and share.
    Hello = 1,
    /// Message 2: the joiner's hello, share and tag.
    Answer = 2,
    /// Message 3: the host's tag.
    Confirmation = 3,
    /// Instead of message 3: the joiner's tag was wrong.
    Refusal = 4,
    /// Instead of message 3: no version in common, and the tag was not looked at.
    NoCommonVersion = 5,
}

/// One message of the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its kind.
    pub kind: Kind,
    /// Its content, at most [`HANDSHAKE_BODY`] bytes, not yet looked at.
    pub body: Vec<u8>,
}

/// Bytes that begin no message: close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A kind that does not exist.
    UnknownKind,
    /// A body longer than any message has.
    TooLong,
}

impl Frame {
    /// Takes the first message off `arrived` and says how many bytes it was; nothing while it is
    /// incomplete.
    ///
    /// # Errors
    /// [`FrameError`], as soon as the byte that shows it is there and before the body is.
    pub fn parse(arrived: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let Some((kind, rest)) = arrived.split_first() else {
            return Ok(None);
        };
        let kind = Kind::read(*kind).ok_or(FrameError::UnknownKind)?;
        let Some((length, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if length > HANDSHAKE_BODY {
            return Err(FrameError::TooLong);
        }
        Ok(rest.get(..length).map(|body| {
            (Self { kind, body: body.to_vec() }, HANDSHAKE_HEADER.saturating_add(length))
        }))
    }

    /// The bytes of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self.kind, &self.body)
    }
}

impl Kind {
    const fn read(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Hello,
            2 => Self::Answer,
            3 => Self::Confirmation,
            4 => Self::Refusal,
            5 => Self::NoCommonVersion,
            _ => return None,
        })
    }
}

/// The bytes of a message; `body` is one of ours or was parsed, so it is at most [`HANDSHAKE_BODY`]
/// bytes.
pub(super) fn encode(kind: Kind, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HANDSHAKE_HEADER.saturating_add(body.len()));
    bytes.push(kind as u8);
    bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// The bytes of a refusal: a host's to a joiner whose tag was wrong, and a listener's to one that
/// comes with a code that is used (SPEC 3.8).
pub const REFUSED: [u8; HANDSHAKE_HEADER] = [Kind::Refusal as u8, 0, 0];

/// The bytes of a host's last word to a joiner, kind 4 or 5 with an empty body; `None` for any
/// other message.
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
    use proptest::prelude::*;
    use std::vec;

    #[test]
    fn the_bytes_are_fixed() {
        let frame = Frame { kind: Kind::Answer, body: vec![9; 258] };
        let bytes = frame.encode();
        assert_eq!(bytes[..4], [2, 1, 2, 9]);
        assert_eq!(Frame::parse(&bytes), Ok(Some((frame, 261))));
        assert_eq!(Frame { kind: Kind::Refusal, body: vec![] }.encode(), [4, 0, 0]);
    }

    #[test]
    fn a_frame_is_taken_when_it_is_whole_and_what_follows_stays() {
        let frame = Frame { kind: Kind::Hello, body: vec![7; 40] };
        let bytes = [frame.encode(), vec![1, 2, 3]].concat();
        for end in 0..43 {
            assert_eq!(Frame::parse(&bytes[..end]), Ok(None), "{end}");
        }
        assert_eq!(Frame::parse(&bytes), Ok(Some((frame, 43))));
    }

    #[test]
    fn what_begins_no_frame_is_refused_before_it_is_whole() {
        for kind in [0, 6, 255] {
            assert_eq!(Frame::parse(&[kind]), Err(FrameError::UnknownKind));
        }
        assert_eq!(Frame::parse(&[1, 4]), Ok(None));
        assert_eq!(Frame::parse(&[1, 4, 0]), Ok(None));
        assert_eq!(Frame::parse(&[1, 4, 1]), Err(FrameError::TooLong));
        assert_eq!(Frame::parse(&[1, 255, 255]), Err(FrameError::TooLong));
    }

    #[test]
    fn only_a_bare_refusal_is_a_last_word() {
        assert_eq!([4, 5].map(|kind| last_word(&[kind, 0, 0])), [Some([4, 0, 0]), Some([5, 0, 0])]);
        for other in [&[3, 0, 0][..], &[6, 0, 0], &[4, 0, 1], &[4, 0], &[4, 0, 0, 0], &[]] {
            assert_eq!(last_word(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn anything_may_arrive(kind in 0..8_u8, bytes: Vec<u8>) {
            let bytes = [vec![kind, 0], bytes].concat();
            if let Ok(Some((frame, used))) = Frame::parse(&bytes) {
                prop_assert_eq!(&frame.encode()[..], &bytes[..used]);
            }
        }
    }
}
