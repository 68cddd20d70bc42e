//! Records: what every byte after a handshake travels in (SPEC 4).
//!
//! A [`Sealer`] and an [`Opener`] are different types, made only by a handshake whose tag has
//! verified, so nothing can be sent before keys are confirmed and nothing sealed with the key for
//! receiving. The nonce is a counter that nobody outside can set. A record is sealed and opened
//! where it lies: the sender's [`RecordBuf`] and whatever the receiver has read into.

mod buffer;
mod epoch;
mod plaintext;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use buffer::RecordBuf;
pub use plaintext::{ChunkHead, Opened};

use crate::limits::{PADDING_STEP, RECORD_CIPHERTEXT, TAG};
use crate::secret::SecretBytes;
use core::fmt;
use epoch::Keys;
use plaintext::Content;

/// Bytes of the length field before a record on a byte stream (SPEC 4.1).
pub const LENGTH: usize = 4;
/// The shortest record: one step of padding and the tag.
const SHORTEST: usize = PADDING_STEP + TAG;

/// Which way a record goes: each way has a key of its own, and the record says which (SPEC 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Direction {
    /// From the side that made the code.
    HostToJoiner = 1,
    /// To the side that made the code.
    JoinerToHost = 2,
}

/// Why a record could not be sealed or opened. It holds nothing of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// Longer than a record may be.
    TooLong,
    /// Shorter than a record can be, or nothing to seal.
    TooShort,
    /// The tag does not verify: altered, dropped, repeated, reordered, or under another key.
    Tampered,
    /// The tag verifies, but the peer wrote a plaintext that SPEC 4.3 does not allow.
    Malformed,
    /// 2^32 epochs are over; there is no nonce left.
    Exhausted,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the record is too long",
            Self::TooShort => "the record is too short",
            Self::Tampered => "the record was tampered with",
            Self::Malformed => "the record's content is malformed",
            Self::Exhausted => "the record counter is exhausted",
        })
    }
}

impl core::error::Error for RecordError {}

/// Reads the length field of a record: bytes of ciphertext and tag that follow it (SPEC 4.1).
///
/// # Errors
/// [`RecordError::TooLong`] or [`RecordError::TooShort`]; so nobody allocates or waits for what
/// cannot be a record.
pub fn record_length(header: [u8; LENGTH]) -> Result<usize, RecordError> {
    let length = usize::try_from(u32::from_be_bytes(header)).map_err(|_| RecordError::TooLong)?;
    allowed(length)
}

fn allowed(length: usize) -> Result<usize, RecordError> {
    match length {
        0..SHORTEST => Err(RecordError::TooShort),
        SHORTEST..=RECORD_CIPHERTEXT => Ok(length),
        _ => Err(RecordError::TooLong),
    }
}

/// Seals the records of one direction of one link, in order. Its key comes from a confirmed
/// handshake and is used nowhere else.
pub struct Sealer(Keys);

impl Sealer {
    pub(crate) fn new(key: SecretBytes<32>, direction: Direction) -> Self {
        Self(Keys::new(key, direction))
    }

    /// Seals the first `len` bytes of [`RecordBuf::data_mut`], 1 to 65,536, as a chunk that belongs
    /// where `chunk` says.
    ///
    /// # Errors
    /// [`RecordError::TooShort`] or [`RecordError::TooLong`] for another `len`;
    /// [`RecordError::Exhausted`]. `buf` then holds no record.
    pub fn seal_chunk(
        &mut self,
        buf: &mut RecordBuf,
        chunk: ChunkHead,
        len: usize,
    ) -> Result<(), RecordError> {
        buf.seal(&mut self.0, &Content::Chunk(chunk, len))
    }

    /// Copies `body`, one CBOR item (SPEC 5) of 1 to 65,595 bytes, into `buf` and seals it.
    ///
    /// # Errors
    /// [`RecordError::TooShort`] or [`RecordError::TooLong`] for another length;
    /// [`RecordError::Exhausted`]. `buf` then holds no record.
    pub fn seal_control(&mut self, buf: &mut RecordBuf, body: &[u8]) -> Result<(), RecordError> {
        buf.seal(&mut self.0, &Content::Control(body))
    }
}

/// Opens the records of one direction of one link, in order. After the first failure it opens
/// nothing more: the link is over.
pub struct Opener {
    keys: Keys,
    failed: Option<RecordError>,
}

impl Opener {
    pub(crate) fn new(key: SecretBytes<32>, direction: Direction) -> Self {
        Self { keys: Keys::new(key, direction), failed: None }
    }

    /// Opens the next record where it lies. `frame` is ciphertext and tag without the length field,
    /// as a WebSocket message carries it.
    ///
    /// # Errors
    /// Any [`RecordError`], and from then on the same one whatever comes. `frame` then means
    /// nothing.
    pub fn open<'a>(&mut self, frame: &'a mut [u8]) -> Result<Opened<'a>, RecordError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let opened = Self::open_next(&mut self.keys, frame);
        self.failed = opened.as_ref().err().copied();
        opened
    }

    fn open_next<'a>(keys: &mut Keys, frame: &'a mut [u8]) -> Result<Opened<'a>, RecordError> {
        let length = u32::try_from(allowed(frame.len())?).map_err(|_| RecordError::TooLong)?;
        Opened::parse(keys.next(length)?.open(frame)?)
    }
}
