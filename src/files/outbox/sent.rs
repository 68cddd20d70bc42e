//! Record of what was sent of a file, in as little memory as tells whether the same is there later.

use twox_hash::XxHash3_128;

/// A file as far as it was read from its start on. It is no protection from anybody: whoever can
/// write the file chooses what is sent.
#[derive(Default)]
pub(super) struct Sent {
    upto: u64,
    /// While there is more to come; a file that is read at once has none.
    hasher: Option<Box<XxHash3_128>>,
    digest: u128,
}

impl Sent {
    /// These bytes were read at `offset` of a file of `size` bytes. What does not follow what was
    /// read before is not noted.
    pub fn bytes(&mut self, offset: u64, bytes: &[u8], size: u64) {
        if offset != self.upto {
            return;
        }
        self.upto = offset.saturating_add(bytes.len() as u64);
        if offset == 0 && self.upto >= size {
            self.digest = XxHash3_128::oneshot(bytes);
            return;
        }
        self.hasher.get_or_insert_default().write(bytes);
        self.close(size);
    }

    /// A hole was found at `offset`, up to `end`.
    pub fn hole(&mut self, offset: u64, end: u64, size: u64) {
        if offset == self.upto && end > offset {
            self.upto = end;
            // Not its zeros, of which there may be any number.
            self.hasher.get_or_insert_default().write(&end.to_be_bytes());
            self.close(size);
        }
    }

    fn close(&mut self, size: u64) {
        if self.upto >= size {
            self.digest = self.hasher.take().map_or(0, |hasher| hasher.finish_128());
        }
    }

    /// The digest that tells it from another, once all of a file of `size` bytes was read.
    pub fn whole(&self, size: u64) -> Option<u128> {
        (self.upto >= size).then_some(self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(pieces: &[&[u8]], size: u64) -> Option<u128> {
        let mut sent = Sent::default();
        for piece in pieces {
            sent.bytes(sent.upto, piece, size);
        }
        sent.whole(size)
    }

    #[test]
    fn the_pieces_do_not_matter_and_the_bytes_do() {
        let whole = digest(&[b"0123456789"], 10);
        assert!(whole.is_some() && digest(&[], 0).is_some());
        assert_eq!(digest(&[b"012", b"3456789"], 10), whole);
        assert_eq!(digest(&[b"0123456789"], 11), None);
        assert_ne!(digest(&[b"012", b"3456780"], 10), whole);
        let mut sent = Sent::default();
        sent.bytes(3, b"3456789", 10);
        assert_eq!(sent.whole(10), None, "the start was not read");
        sent.bytes(0, b"012", 10);
        sent.bytes(3, b"3456789", 10);
        sent.bytes(0, b"twice", 10);
        assert_eq!(sent.whole(10), whole);
    }

    #[test]
    fn a_hole_is_no_bytes() {
        let holed = |holes: &[u64]| {
            let mut sent = Sent::default();
            for end in holes {
                sent.hole(sent.upto, *end, 1 << 40);
            }
            sent.hole(sent.upto, (1 << 40) - 1, 1 << 40);
            sent.bytes((1 << 40) - 1, b"x", 1 << 40);
            sent.whole(1 << 40)
        };
        assert!(holed(&[]).is_some() && holed(&[]) == holed(&[]) && holed(&[]) != holed(&[5]));
    }
}
