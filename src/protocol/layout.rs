//! Positions: the bytes of a transfer laid end to end, entry after entry (SPEC 7.2).
//!
//! Credit, grants and what is written are ranges of positions, so ten thousand small files and one
//! large one are the same thing to the protocol. Only parts that are not yet written are kept, so a
//! million entries cost what a few thousand do.

use alloc::{collections::VecDeque, vec::Vec};

/// Positions of the entries in a transfer's latest parts.
#[derive(Debug, Default)]
pub struct Layout {
    parts: VecDeque<PartLayout>,
    /// Parts forgotten so far, which is the number of the first kept one.
    forgotten: u32,
    next_entry: u32,
    end: u64,
}

#[derive(Debug)]
struct PartLayout {
    first: u32,
    start: u64,
    /// Position after each entry's last byte, ascending.
    ends: Vec<u64>,
}

/// A place inside an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The entry's number.
    pub entry: u32,
    /// Bytes from the entry's start.
    pub offset: u64,
    /// Bytes from here to the entry's end, at least 1.
    pub left: u64,
}

/// The sizes of a transfer add up to more than 2^64 - 1, or its entries to more than 2^32 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl Layout {
    /// Appends a part whose entries have these sizes, in order; a folder has size 0, a stream
    /// [`u64::MAX`] less its position.
    ///
    /// # Errors
    /// [`TooLarge`], and nothing is appended, if a position would not fit.
    pub fn push(&mut self, sizes: impl Iterator<Item = u64>) -> Result<(), TooLarge> {
        let mut end = self.end;
        let mut ends = Vec::new();
        for size in sizes {
            end = end.checked_add(size).ok_or(TooLarge)?;
            ends.push(end);
        }
        let count = u32::try_from(ends.len()).map_err(|_| TooLarge)?;
        let next_entry = self.next_entry.checked_add(count).ok_or(TooLarge)?;
        self.parts.push_back(PartLayout { first: self.next_entry, start: self.end, ends });
        self.next_entry = next_entry;
        self.end = end;
        Ok(())
    }

    /// The position after the last byte of all parts so far.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Entries of all parts so far, which is the next entry's number.
    #[must_use]
    pub const fn entries(&self) -> u32 {
        self.next_entry
    }

    /// Parts so far, the forgotten ones counted.
    #[must_use]
    pub fn parts(&self) -> u32 {
        self.forgotten.saturating_add(u32::try_from(self.parts.len()).unwrap_or(u32::MAX))
    }

    /// The position after the last byte of the first `parts` parts; of all of them if there are
    /// fewer.
    #[must_use]
    pub fn end_of(&self, parts: u32) -> u64 {
        let kept = parts.saturating_sub(self.forgotten);
        match usize::try_from(kept).ok().and_then(|kept| self.parts.get(kept)) {
            Some(next) => next.start,
            None => self.end,
        }
    }

    /// The entry and offset of `position`, if it lies in a part that is still kept.
    #[must_use]
    pub fn locate(&self, position: u64) -> Option<Place> {
        let part = self.parts.iter().rev().find(|part| {
            part.start <= position && part.ends.last().is_some_and(|end| position < *end)
        })?;
        let index = part.ends.partition_point(|end| *end <= position);
        let end = *part.ends.get(index)?;
        let start = part.start_of(index)?;
        Some(Place {
            entry: part.first.checked_add(u32::try_from(index).ok()?)?,
            offset: position.checked_sub(start)?,
            left: end.checked_sub(position)?,
        })
    }

    /// The positions of an entry's bytes, if it is in a part that is still kept; empty for a folder
    /// or an empty file.
    #[must_use]
    pub fn span(&self, entry: u32) -> Option<core::ops::Range<u64>> {
        let part = self.parts.iter().rev().find(|part| part.first <= entry)?;
        let index = usize::try_from(entry.checked_sub(part.first)?).ok()?;
        Some(part.start_of(index)?..*part.ends.get(index)?)
    }

    /// Forgets the parts of which every byte lies below `position`, and returns how many parts that
    /// makes in all.
    pub fn forget_below(&mut self, position: u64) -> u32 {
        while self
            .parts
            .front()
            .is_some_and(|part| part.ends.last().is_none_or(|end| *end <= position))
        {
            self.parts.pop_front();
            self.forgotten = self.forgotten.saturating_add(1);
        }
        self.forgotten
    }
}

impl PartLayout {
    fn start_of(&self, index: usize) -> Option<u64> {
        match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied(),
            None => Some(self.start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(parts: &[&[u64]]) -> Layout {
        let mut layout = Layout::default();
        for sizes in parts {
            layout.push(sizes.iter().copied()).unwrap();
        }
        layout
    }

    #[test]
    fn every_position_is_found_once_and_back() {
        let layout = layout(&[&[0, 3, 0, 5], &[0, 0], &[2, 0, 1]]);
        assert_eq!(layout.end(), 11);
        let places: std::vec::Vec<_> = (0..11).map(|p| layout.locate(p).unwrap()).collect();
        let found: std::vec::Vec<_> = places.iter().map(|p| (p.entry, p.offset, p.left)).collect();
        assert_eq!(
            found,
            [
                (1, 0, 3),
                (1, 1, 2),
                (1, 2, 1),
                (3, 0, 5),
                (3, 1, 4),
                (3, 2, 3),
                (3, 3, 2),
                (3, 4, 1),
                (6, 0, 2),
                (6, 1, 1),
                (8, 0, 1)
            ]
        );
        for (position, place) in (0u64..).zip(places) {
            assert_eq!(layout.span(place.entry).unwrap().start + place.offset, position);
        }
        assert_eq!(layout.locate(11), None);
        assert_eq!(layout.span(4), Some(8..8));
        assert_eq!(layout.span(9), None);
        assert_eq!(
            [
                layout.end_of(0),
                layout.end_of(1),
                layout.end_of(2),
                layout.end_of(3),
                layout.end_of(9)
            ],
            [0, 8, 8, 11, 11]
        );
    }

    #[test]
    fn written_parts_are_forgotten_and_the_rest_stays_in_place() {
        let mut layout = layout(&[&[4], &[0], &[4, 4]]);
        assert_eq!(layout.forget_below(3), 0);
        assert_eq!(layout.forget_below(4), 2);
        assert_eq!(layout.locate(3), None);
        assert_eq!(layout.locate(8).unwrap().entry, 3);
        assert_eq!(layout.parts(), 3);
        assert_eq!(layout.end_of(2), 4);
        assert_eq!(layout.forget_below(12), 3);
    }

    #[test]
    fn sizes_that_overflow_are_refused_and_change_nothing() {
        let mut layout = layout(&[&[7]]);
        assert_eq!(layout.push([1, u64::MAX].into_iter()), Err(TooLarge));
        assert_eq!((layout.end(), layout.entries(), layout.parts()), (7, 1, 1));
    }
}
