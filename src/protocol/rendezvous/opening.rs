//! Message 0 of a direct connection: the purpose for which it was dialled (SPEC 3.8).
//!
//! The dialler sends it at once; before it is whole a listener sends and computes nothing, and
//! closes at the first byte that is not of it, so that a port scanner learns nothing but that a
//! port is open.

use super::SlotToken;

/// First bytes of every direct connection: the name and the version of this opening, not of the
/// handshake.
pub const MAGIC: [u8; 8] = *b"pinhole\x01";

/// Bytes of message 0: the magic, a kind and a slot token.
pub const OPENING: usize = 25;

/// Kinds of opening; the numbers are those of a hello's purpose (SPEC 3.2).
const CODE: u8 = 1;
const LINK: u8 = 2;

/// The dialler's purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A handshake with the code.
    Code,
    /// A handshake for a further link of a conversation.
    Link(SlotToken),
}

/// The peer does not speak this protocol: close without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPinhole;

impl Opening {
    /// The bytes of message 0.
    #[must_use]
    pub fn encode(self) -> [u8; OPENING] {
        let (kind, token) = match self {
            Self::Code => (CODE, [0; 16]),
            Self::Link(token) => (LINK, token.bytes()),
        };
        let mut bytes = [0; OPENING];
        for (byte, value) in bytes.iter_mut().zip(MAGIC.into_iter().chain([kind]).chain(token)) {
            *byte = value;
        }
        bytes
    }

    /// Reads message 0 from the first [`OPENING`] bytes that arrived; `None` while they are
    /// incomplete.
    ///
    /// # Errors
    /// [`NotPinhole`] as soon as a byte cannot belong to a message 0.
    pub fn parse(arrived: &[u8]) -> Result<Option<Self>, NotPinhole> {
        if !arrived.iter().zip(MAGIC).all(|(byte, expected)| *byte == expected) {
            return Err(NotPinhole);
        }
        let Some((kind, token)) = arrived.get(MAGIC.len()..).and_then(<[u8]>::split_first) else {
            return Ok(None);
        };
        let whole = token.first_chunk::<16>();
        match *kind {
            CODE if token.iter().take(16).any(|byte| *byte != 0) => Err(NotPinhole),
            CODE => Ok(whole.map(|_| Self::Code)),
            LINK => Ok(whole.map(|token| Self::Link(SlotToken::new(*token)))),
            _ => Err(NotPinhole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn the_bytes_are_fixed() {
        let code = [
            0x70, 0x69, 0x6e, 0x68, 0x6f, 0x6c, 0x65, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0,
        ];
        assert_eq!(Opening::Code.encode(), code);
        let mut link = code;
        link[8] = 2;
        link[9..].fill(7);
        assert_eq!(Opening::Link(SlotToken::new([7; 16])).encode(), link);
    }

    #[test]
    fn it_is_read_as_it_arrives_and_refused_at_the_first_wrong_byte() {
        for opening in [Opening::Code, Opening::Link(SlotToken::new([9; 16]))] {
            let bytes = opening.encode();
            for end in 0..OPENING {
                assert_eq!(Opening::parse(&bytes[..end]), Ok(None), "{end}");
            }
            assert_eq!(Opening::parse(&bytes), Ok(Some(opening)));
            assert_eq!(Opening::parse(&[bytes.as_slice(), b"more"].concat()), Ok(Some(opening)));
        }
        for (position, expected) in Opening::Code.encode().into_iter().enumerate() {
            let mut wrong: Vec<u8> = Opening::Code.encode()[..=position].to_vec();
            wrong[position] = expected.wrapping_add(2);
            assert_eq!(Opening::parse(&wrong), Err(NotPinhole), "{position}");
        }
    }

    proptest! {
        #[test]
        fn anything_may_knock(tail: Vec<u8>, keep in 0..=OPENING) {
            let bytes = [&Opening::Code.encode()[..keep], tail.as_slice()].concat();
            if let Ok(Some(opening)) = Opening::parse(&bytes) {
                prop_assert_eq!(&opening.encode()[..], &bytes[..OPENING]);
            }
        }
    }
}
