//! One allocation in which a record is read, sealed and written.

use super::epoch::Keys;
use super::plaintext::{CHUNK_FRAME, Content, FRAME};
use super::{LENGTH, RecordError};
use crate::limits::{CHUNK_DATA, RECORD_PLAINTEXT, TAG};
use alloc::{boxed::Box, vec};

/// Bytes before a chunk's data: the length field, and what the plaintext begins with.
const HEADROOM: usize = LENGTH + FRAME + CHUNK_FRAME;
/// The largest record with its length field.
const SIZE: usize = LENGTH + RECORD_PLAINTEXT + TAG;

/// Room for one record: a file is read into its middle, sealed there and written from there.
///
/// Buffers come from a bounded pool of the program's and are used again without being wiped: what
/// lies in one is either a file's bytes or sealed, and padding is written anew.
pub struct RecordBuf {
    bytes: Box<[u8]>,
    /// Bytes of the sealed record with its length field; 0 while there is none, so that plaintext
    /// is never sent.
    sealed: usize,
}

impl Default for RecordBuf {
    fn default() -> Self {
        Self { bytes: vec![0; SIZE].into_boxed_slice(), sealed: 0 }
    }
}

impl RecordBuf {
    /// The 65,536 bytes for a chunk's data. A record that was here is gone.
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.sealed = 0;
        self.bytes.get_mut(HEADROOM..HEADROOM + CHUNK_DATA).unwrap_or_default()
    }

    /// The sealed record with its length field, for a byte stream; empty if the last sealing failed
    /// or data was put in since.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        self.bytes.get(..self.sealed).unwrap_or_default()
    }

    /// The sealed record without its length field, for a WebSocket message; empty when
    /// [`RecordBuf::wire`] is.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        self.wire().get(LENGTH..).unwrap_or_default()
    }

    /// Completes the plaintext around `content` and seals it under the next nonce of `keys`.
    pub(super) fn seal(&mut self, keys: &mut Keys, content: &Content) -> Result<(), RecordError> {
        self.sealed = 0;
        let size = content.plaintext_size()?;
        self.sealed = seal_in(&mut self.bytes, size, keys, content)?;
        Ok(())
    }
}

/// Lays out `length | plaintext | tag` from the beginning of `bytes`, where no longer record than
/// the longest has room, and returns the bytes of all three.
fn seal_in(
    bytes: &mut [u8],
    size: usize,
    keys: &mut Keys,
    content: &Content,
) -> Result<usize, RecordError> {
    let (length, rest) = bytes.split_first_chunk_mut::<LENGTH>().ok_or(RecordError::TooLong)?;
    let (plaintext, rest) = rest.split_at_mut_checked(size).ok_or(RecordError::TooLong)?;
    let (tag, _) = rest.split_first_chunk_mut::<TAG>().ok_or(RecordError::TooLong)?;
    let sealed = size.checked_add(TAG).ok_or(RecordError::TooLong)?;
    let says = u32::try_from(sealed).map_err(|_| RecordError::TooLong)?;
    content.write(plaintext).ok_or(RecordError::TooLong)?;
    *length = says.to_be_bytes();
    *tag = keys.next(says)?.seal(plaintext)?;
    sealed.checked_add(LENGTH).ok_or(RecordError::TooLong)
}
