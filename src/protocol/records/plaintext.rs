//! The inside of a record: `u8 kind | u32 BE body length | body | zero padding` (SPEC 4.3).

use super::RecordError;
use crate::limits::{CHUNK_DATA, PADDED, PADDING_STEP};
use crate::wire::ItemId;

/// Bytes before every body: kind and body length.
pub(super) const FRAME: usize = 5;
/// Bytes before a chunk's data: transfer, entry, offset.
pub(super) const CHUNK_FRAME: usize = 16;
const CONTROL: u8 = 1;
const CHUNK: u8 = 2;

/// The place of a chunk's bytes (SPEC 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHead {
    /// The sender's transfer.
    pub transfer: ItemId,
    /// The entry's number in it.
    pub entry: u32,
    /// Bytes from the entry's start.
    pub offset: u64,
}

impl ChunkHead {
    fn encode(self) -> [u8; CHUNK_FRAME] {
        let [t0, t1, t2, t3] = self.transfer.0.to_be_bytes();
        let [e0, e1, e2, e3] = self.entry.to_be_bytes();
        let [o0, o1, o2, o3, o4, o5, o6, o7] = self.offset.to_be_bytes();
        [t0, t1, t2, t3, e0, e1, e2, e3, o0, o1, o2, o3, o4, o5, o6, o7]
    }
}

/// The content of a record, where it was decrypted. It has no `Debug`: control may carry secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Opened<'a> {
    /// One CBOR item (SPEC 5), not looked at here.
    Control(&'a [u8]),
    /// 1 to 65,536 bytes of a file, and where they belong.
    Chunk(ChunkHead, &'a [u8]),
}

impl<'a> Opened<'a> {
    /// Takes a decrypted record apart. [`super::Opener::open`] does so; it is public because it is
    /// a parser to be fuzzed.
    ///
    /// # Errors
    /// [`RecordError::Malformed`] for an unknown kind, an empty or overlong body, and padding that
    /// is not the zeros it should be: every content has exactly one plaintext.
    pub fn parse(plaintext: &'a [u8]) -> Result<Self, RecordError> {
        Self::split(plaintext).ok_or(RecordError::Malformed)
    }

    fn split(plaintext: &'a [u8]) -> Option<Self> {
        let (kind, rest) = plaintext.split_first()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (body, padding) =
            rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let padded = padded(FRAME.checked_add(body.len())?)?;
        if plaintext.len() != padded || padding.iter().any(|byte| *byte != 0) {
            return None;
        }
        match *kind {
            CONTROL if !body.is_empty() => Some(Self::Control(body)),
            CHUNK => {
                let (transfer, rest) = body.split_first_chunk()?;
                let (entry, rest) = rest.split_first_chunk()?;
                let (offset, data) = rest.split_first_chunk()?;
                let head = ChunkHead {
                    transfer: ItemId(u32::from_be_bytes(*transfer)),
                    entry: u32::from_be_bytes(*entry),
                    offset: u64::from_be_bytes(*offset),
                };
                (1..=CHUNK_DATA).contains(&data.len()).then_some(Self::Chunk(head, data))
            }
            _ => None,
        }
    }
}

/// Content to be sealed.
pub(super) enum Content<'a> {
    /// One CBOR item.
    Control(&'a [u8]),
    /// So many bytes, which lie in their place already.
    Chunk(ChunkHead, usize),
}

impl Content<'_> {
    /// Bytes of the plaintext, padding included. Whether a record has room for them is for the
    /// buffer to say.
    pub(super) fn plaintext_size(&self) -> Result<usize, RecordError> {
        let body = match self {
            Self::Control([]) | Self::Chunk(_, 0) => return Err(RecordError::TooShort),
            Self::Control(body) => body.len(),
            Self::Chunk(_, len) if *len > CHUNK_DATA => return Err(RecordError::TooLong),
            Self::Chunk(_, len) => CHUNK_FRAME.saturating_add(*len),
        };
        padded(FRAME.saturating_add(body)).ok_or(RecordError::TooLong)
    }

    /// Writes all of `plaintext`, which has the size given by [`Content::plaintext_size`], except a
    /// chunk's data.
    pub(super) fn write(&self, plaintext: &mut [u8]) -> Option<()> {
        let head;
        let (kind, begin, in_place): (_, &[u8], _) = match self {
            Self::Control(body) => (CONTROL, body, 0),
            Self::Chunk(chunk, len) => {
                head = chunk.encode();
                (CHUNK, &head, *len)
            }
        };
        let (first, rest) = plaintext.split_first_mut()?;
        let (length, rest) = rest.split_first_chunk_mut()?;
        let (beginning, rest) = rest.split_at_mut_checked(begin.len())?;
        let (_, padding) = rest.split_at_mut_checked(in_place)?;
        *first = kind;
        *length = u32::try_from(begin.len().checked_add(in_place)?).ok()?.to_be_bytes();
        beginning.copy_from_slice(begin);
        padding.fill(0);
        Some(())
    }
}

/// The length that a plaintext of `length` bytes is padded to: so texts up to 4,096 bytes have 17
/// lengths on the wire, not 4,096.
fn padded(length: usize) -> Option<usize> {
    if length > PADDED { Some(length) } else { length.checked_next_multiple_of(PADDING_STEP) }
}
