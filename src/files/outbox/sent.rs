//! Record of what was sent of a file, in as little memory as tells whether the same is there later.

use pinhole_protocol::limits::CHUNK_DATA;
use pinhole_protocol::ranges::Ranges;
use std::collections::BTreeSet;
use std::ops::Range;
use twox_hash::XxHash3_128;

/// Positions at whose multiples a file is cut, so that the pieces are the same whichever links read
/// them, and in which order.
pub(super) const BLOCK: u64 = CHUNK_DATA as u64;

/// Separate pieces of a file that may be known at a time; of one that is read in order there is one.
const PIECES: usize = 4_096;
/// Other places than those multiples at which one was cut.
const CUTS: usize = 64;

/// A file as far as it was read. It is no protection from anybody: whoever can write the file
/// chooses what is sent.
#[derive(Default)]
pub(super) struct Sent {
    /// The sum of the hashes of all pieces, each with its position. Holes add nothing: they are
    /// what is left, and their zeros may be any number.
    digest: u128,
    whole: bool,
    /// `None` if there is nothing more to know, as of a file that is read at once.
    read: Option<Box<Pieces>>,
}

/// Everything that was read so far.
#[derive(Default)]
struct Pieces {
    known: Ranges,
    /// Borders of what is known on whose inner side there are bytes, and no hole.
    borders: BTreeSet<u64>,
    /// Positions within blocks where two pieces meet.
    cuts: Vec<u64>,
    /// It was in too many pieces to be kept.
    scattered: bool,
}

impl Sent {
    /// These bytes were read from position `at` on, of a file that has the positions `file`. What
    /// was read before is not noted again.
    pub fn bytes(&mut self, at: u64, bytes: &[u8], file: &Range<u64>) {
        let end = at.saturating_add(bytes.len() as u64);
        if self.is_all_at_once(&(at..end), file) {
            self.digest = digest(at, bytes, &[]);
            self.whole = true;
            return;
        }
        let Some((read, sum)) = self.open() else { return };
        let mut upto = at;
        while let Some(piece) = read.known.first_missing(upto, end) {
            upto = piece.end;
            let from = usize::try_from(piece.start.saturating_sub(at)).unwrap_or(usize::MAX);
            let to = usize::try_from(piece.end.saturating_sub(at)).unwrap_or(usize::MAX);
            let new = digest(piece.start, bytes.get(from..to).unwrap_or_default(), &read.cuts);
            *sum = sum.wrapping_add(new);
            read.join(piece, true);
        }
        self.close(file);
    }

    /// A hole was found from position `at` up to `end`.
    pub fn hole(&mut self, at: u64, end: u64, file: &Range<u64>) {
        if self.is_all_at_once(&(at..end), file) {
            self.whole = true;
            return;
        }
        let Some((read, _)) = self.open() else { return };
        let mut upto = at;
        while let Some(piece) = read.known.first_missing(upto, end) {
            upto = piece.end;
            read.join(piece, false);
        }
        self.close(file);
    }

    fn is_all_at_once(&self, range: &Range<u64>, file: &Range<u64>) -> bool {
        !self.whole && self.read.is_none() && range.start <= file.start && file.end <= range.end
    }

    /// The pieces so far and the sum of their hashes; `None` if no more are to be noted.
    fn open(&mut self) -> Option<(&mut Pieces, &mut u128)> {
        if self.whole {
            return None;
        }
        let read = self.read.get_or_insert_default();
        (!read.scattered).then_some((read, &mut self.digest))
    }

    fn close(&mut self, file: &Range<u64>) {
        let Some(read) = &mut self.read else { return };
        self.whole = read.known.count() >= file.end.saturating_sub(file.start);
        let pieces = read.known.pieces();
        if self.whole && read.cuts.is_empty() {
            self.read = None;
        } else if self.whole || pieces > PIECES || read.cuts.len() > CUTS {
            let cuts = std::mem::take(&mut read.cuts);
            **read = Pieces { cuts, scattered: !self.whole, ..Pieces::default() };
        }
    }

    /// The digest that tells it from another, once all of a file that has the positions `file` was
    /// read.
    pub fn whole(&self, file: &Range<u64>) -> Option<u128> {
        (self.whole || file.is_empty()).then_some(self.digest)
    }

    /// An empty record that is cut where this one is, for a file that is read a second time.
    pub fn anew(&self) -> Self {
        let cuts = self.read.iter().flat_map(|read| &read.cuts).copied().collect();
        let read = Some(Box::new(Pieces { cuts, ..Pieces::default() }));
        Self { read, ..Self::default() }
    }
}

impl Pieces {
    /// Adds bytes or a hole, and notes where bytes meet bytes.
    fn join(&mut self, piece: Range<u64>, is_bytes: bool) {
        let outside = [piece.start.checked_sub(1), Some(piece.end)];
        for (at, outside) in [piece.start, piece.end].into_iter().zip(outside) {
            let is_known = |at: u64| self.known.covers(&(at..at.saturating_add(1)));
            if !outside.is_some_and(is_known) {
                if is_bytes {
                    self.borders.insert(at);
                }
            } else if self.borders.remove(&at)
                && is_bytes
                && at % BLOCK != 0
                && let Err(place) = self.cuts.binary_search(&at)
            {
                self.cuts.insert(place, at);
            }
        }
        self.known.insert(piece);
    }
}

/// The sum of the hashes of bytes from position `at` on, cut at the blocks and at `cuts`.
fn digest(mut at: u64, mut bytes: &[u8], cuts: &[u64]) -> u128 {
    let mut sum: u128 = 0;
    while !bytes.is_empty() {
        let block = at.saturating_sub(at % BLOCK).saturating_add(BLOCK);
        let next = cuts.get(cuts.partition_point(|cut| *cut <= at)).copied();
        let end = next.map_or(block, |cut| cut.min(block));
        let length = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        sum = sum.wrapping_add(XxHash3_128::oneshot_with_seed(at, piece));
        (at, bytes) = (end, rest);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest_of(pieces: &[&[u8]], file: Range<u64>) -> Option<u128> {
        let (mut sent, mut at) = (Sent::default(), file.start);
        for piece in pieces {
            sent.bytes(at, piece, &file);
            at += piece.len() as u64;
        }
        sent.whole(&file)
    }

    /// Bytes of no pattern.
    fn noise(length: u64) -> Vec<u8> {
        (0..length).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
    }

    #[test]
    fn the_bytes_matter_and_so_does_their_place() {
        let whole = digest_of(&[b"0123456789"], 0..10);
        assert!(whole.is_some() && digest_of(&[], 7..7).is_some());
        assert_eq!(digest_of(&[b"0123456789"], 0..11), None);
        for other in [&b"0123456780"[..], b"1023456789"] {
            assert_ne!(digest_of(&[other], 0..10), whole);
        }
        assert_ne!(digest_of(&[b"0123456789"], 1..11), whole);
        let mut sent = Sent::default();
        sent.bytes(0, b"0123456789", &(0..10));
        sent.bytes(0, b"another...", &(0..10));
        assert_eq!(sent.whole(&(0..10)), whole, "what is read again is not noted");
        assert!(sent.read.is_none(), "nothing is kept of what is read at once");
    }

    #[test]
    fn blocks_may_be_read_in_any_order() {
        let file = 1_000..BLOCK * 4 + 5;
        let content = noise(file.end - file.start);
        let whole = digest_of(&[&content], file.clone());
        let mut cuts = vec![1_000];
        cuts.extend((1..5).map(|n| n * BLOCK));
        cuts.push(file.end);
        let blocks: Vec<_> = cuts.windows(2).map(|cut| cut[0]..cut[1]).collect();
        for rotated in 0..blocks.len() {
            let mut sent = Sent::default();
            for at in blocks[rotated..].iter().chain(&blocks[..rotated]).cloned() {
                assert_eq!(sent.whole(&file), None);
                let bytes = &content[(at.start - 1_000) as usize..(at.end - 1_000) as usize];
                sent.bytes(at.start, bytes, &file);
            }
            assert_eq!(sent.whole(&file), whole);
            assert!(sent.read.is_none(), "there is nothing more to know");
        }
    }

    #[test]
    fn holes_are_no_bytes() {
        const END: u64 = 1 << 40;
        let holed = |holes: &[(u64, u64)]| {
            let mut sent = Sent::default();
            for (at, end) in holes {
                sent.hole(*at, *end, &(0..END));
            }
            sent.bytes(END - 1, b"x", &(0..END));
            sent.whole(&(0..END))
        };
        let whole = holed(&[(0, END - 1)]);
        assert!(whole.is_some());
        assert_eq!(holed(&[(7, END - 1), (0, 9)]), whole);
        assert_eq!(holed(&[(0, END - 2)]), None);
        let mut zeros = Sent::default();
        zeros.bytes(0, &[0; 9], &(0..END));
        zeros.hole(9, END - 1, &(0..END));
        zeros.bytes(END - 1, b"x", &(0..END));
        assert!(zeros.whole(&(0..END)).is_some_and(|digest| Some(digest) != whole));
        let mut nothing = Sent::default();
        nothing.hole(0, END, &(0..END));
        assert_eq!(nothing.whole(&(0..END)), Some(0));
    }

    #[test]
    fn any_number_of_holes_is_known_in_order_and_out_of_it() {
        const HOLES: u64 = 5_000;
        let file = 0..HOLES * 8_192;
        let read = |order: &dyn Fn(u64) -> u64| {
            let mut sent = Sent::default();
            for at in (0..HOLES).map(|number| order(number) * 8_192) {
                sent.bytes(at, &noise(4_096), &file);
                sent.hole(at + 4_096, at + 8_192, &file);
            }
            sent.whole(&file)
        };
        let in_order = read(&|number| number);
        assert!(in_order.is_some());
        assert_eq!(read(&|number| HOLES - 1 - number), in_order);
        assert_eq!(read(&|number| number ^ 1), in_order);
    }

    #[test]
    fn what_is_in_too_many_pieces_is_not_known() {
        let mut sent = Sent::default();
        let file = 0..BLOCK;
        let content = noise(BLOCK);
        (0..64).for_each(|at| sent.bytes(at, &content[at as usize..][..1], &file));
        assert_eq!(sent.read.as_ref().unwrap().cuts.len(), 63);
        sent.bytes(64, &content[64..], &file);
        assert!(sent.whole(&file).is_some());
        let mut sent = Sent::default();
        (0..66).for_each(|at| sent.bytes(at, &content[at as usize..][..1], &file));
        sent.bytes(66, &content[66..], &file);
        assert!(sent.whole(&file).is_none() && sent.read.unwrap().known.is_empty());
    }

    proptest! {
        /// However it was read, in whatever order: read again it is the same, and no other is.
        #[test]
        fn read_a_second_time_the_same_is_the_same(
            start in 0..3 * BLOCK,
            length in 1..4 * BLOCK,
            reads in prop::collection::vec((0..4 * BLOCK, 1..2 * BLOCK), 0..30),
            hole in (0..4 * BLOCK, 0..BLOCK),
            wrong in 0..4 * BLOCK,
        ) {
            let file = start..start + length;
            let mut content = noise(length);
            let hole = hole.0.min(length)..(hole.0 + hole.1).min(length);
            let read = |sent: &mut Sent, content: &[u8], from: u64, most: u64| {
                let to = if from < hole.start { hole.start } else { length };
                if hole.contains(&from) {
                    sent.hole(start + from, start + hole.end, &file);
                    return hole.end;
                }
                let to = to.min(from + most);
                sent.bytes(start + from, &content[from as usize..to as usize], &file);
                to
            };
            let mut sent = Sent::default();
            for (from, most) in reads {
                read(&mut sent, &content, from % length, most);
            }
            let mut upto = 0;
            while upto < length {
                upto = read(&mut sent, &content, upto, BLOCK / 2 + 7);
            }
            let whole = sent.whole(&file);
            prop_assert!(whole.is_some());
            let again = |content: &[u8]| {
                let (mut again, mut upto) = (sent.anew(), 0);
                while upto < length {
                    let end = (start + upto) / BLOCK * BLOCK + 2 * BLOCK;
                    upto = read(&mut again, content, upto, end - start - upto);
                }
                again.whole(&file)
            };
            prop_assert_eq!(again(&content), whole);
            content[(wrong % length) as usize] ^= 1;
            prop_assert_eq!(again(&content) == whole, hole.contains(&(wrong % length)));
        }
    }
}
