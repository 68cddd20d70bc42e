//! A set of positions, kept as disjoint ranges: what is written, what must be sent again.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

/// Positions, as ascending disjoint ranges that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// The end of each range, by its start.
    ends: BTreeMap<u64, u64>,
    /// Positions in all of them.
    count: u64,
}

impl Ranges {
    /// Adds `range`, merging it with those it overlaps or touches.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        let touched: Vec<(u64, u64)> = self
            .ends
            .range(..=end)
            .rev()
            .take_while(|(_, other)| **other >= start)
            .map(|(a, b)| (*a, *b))
            .collect();
        for (other_start, other_end) in touched {
            self.ends.remove(&other_start);
            self.count = self.count.saturating_sub(other_end.saturating_sub(other_start));
            start = start.min(other_start);
            end = end.max(other_end);
        }
        self.ends.insert(start, end);
        self.count = self.count.saturating_add(end.saturating_sub(start));
    }

    /// Removes `range` from the set. Returns how many of its positions were in it.
    pub fn remove(&mut self, range: Range<u64>) -> u64 {
        let before = self.count;
        if range.is_empty() {
            return 0;
        }
        let touched: Vec<(u64, u64)> = self
            .ends
            .range(..range.end)
            .rev()
            .take_while(|(_, end)| **end > range.start)
            .map(|(a, b)| (*a, *b))
            .collect();
        for (start, end) in touched {
            self.ends.remove(&start);
            let (from, to) = (start.max(range.start), end.min(range.end));
            self.count = self.count.saturating_sub(to.saturating_sub(from));
            if start < from {
                self.ends.insert(start, from);
            }
            if to < end {
                self.ends.insert(to, end);
            }
        }
        before.saturating_sub(self.count)
    }

    /// The positions of `range` that are not in the set.
    #[must_use]
    pub fn missing(&self, range: Range<u64>) -> Self {
        let mut missing = Self::default();
        missing.insert(range.clone());
        for (start, end) in
            self.ends.range(..range.end).rev().take_while(|(_, end)| **end > range.start)
        {
            missing.remove(*start..*end);
        }
        missing
    }

    /// The first range of positions from `from` on and below `until` that is not in the set.
    #[must_use]
    pub fn first_missing(&self, from: u64, until: u64) -> Option<Range<u64>> {
        let before = self.ends.range(..=from).next_back().map_or(from, |(_, end)| (*end).max(from));
        let next = self.ends.range(before..).next().map_or(until, |(start, _)| (*start).min(until));
        (before < next).then_some(before..next)
    }

    /// The first position that is not in the set.
    #[must_use]
    pub fn frontier(&self) -> u64 {
        self.ends.get(&0).copied().unwrap_or(0)
    }

    /// Takes up to `most` positions from the start of the set.
    pub fn take(&mut self, most: u64) -> Option<Range<u64>> {
        let (start, end) = self.ends.pop_first()?;
        let cut = start.saturating_add(most).min(end);
        if cut < end {
            self.ends.insert(cut, end);
        }
        self.count = self.count.saturating_sub(cut.saturating_sub(start));
        Some(start..cut)
    }

    /// Number of ranges that the set is made of.
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.ends.len()
    }

    /// Number of positions in the set.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// True if all positions of `range` are in the set.
    #[must_use]
    pub fn covers(&self, range: &Range<u64>) -> bool {
        let last = self.ends.range(..=range.start).next_back();
        range.is_empty() || last.is_some_and(|(_, end)| *end >= range.end)
    }

    /// The first `most` ranges of those that begin at `from` or behind it.
    pub fn iter_from(&self, from: u64, most: usize) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ends.range(from..).take(most).map(|(start, end)| *start..*end)
    }

    /// The first `most` ranges.
    pub fn iter(&self, most: usize) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ends.iter().take(most).map(|(start, end)| *start..*end)
    }

    /// True if there is nothing in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_as_a_plain_set(
            ops in prop::collection::vec((any::<bool>(), 0u64..60, 0u64..20), 0..40),
        ) {
            let mut ranges = Ranges::default();
            let mut model = BTreeSet::new();
            for (add, start, len) in ops {
                if add {
                    ranges.insert(start..start + len);
                    model.extend(start..start + len);
                } else {
                    let before = model.len();
                    model.retain(|p| !(start..start + len).contains(p));
                    let removed = (before - model.len()) as u64;
                    prop_assert_eq!(ranges.remove(start..start + len), removed);
                }
                let listed: Vec<u64> = ranges.iter(usize::MAX).flatten().collect();
                prop_assert_eq!(&listed, &model.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(ranges.count(), model.len() as u64);
                prop_assert_eq!(ranges.pieces(), ranges.iter(usize::MAX).count());
                prop_assert_eq!(ranges.frontier(), (0..).find(|p| !model.contains(p)).unwrap());
                prop_assert_eq!(
                    ranges.covers(&(start..start + len)),
                    (start..start + len).all(|p| model.contains(&p))
                );
                prop_assert_eq!(
                    ranges.iter_from(start, 2).collect::<Vec<_>>(),
                    ranges.iter(99).filter(|r| r.start >= start).take(2).collect::<Vec<_>>()
                );
                prop_assert_eq!(
                    ranges.first_missing(start, 50),
                    ranges.missing(start..50).iter(1).next()
                );
                let spans: Vec<_> = ranges.iter(usize::MAX).collect();
                let missing: Vec<u64> = ranges.missing(5..50).iter(usize::MAX).flatten().collect();
                prop_assert_eq!(
                    missing,
                    (5..50).filter(|p| !model.contains(p)).collect::<Vec<_>>()
                );
                prop_assert!(spans.windows(2).all(|pair| pair[0].end < pair[1].start));
            }
            let taken: Vec<u64> = core::iter::from_fn(|| ranges.take(7))
                .inspect(|r| assert!(r.end - r.start <= 7))
                .flatten()
                .collect();
            prop_assert_eq!(ranges.count(), 0);
            prop_assert_eq!(taken, model.into_iter().collect::<Vec<_>>());
        }
    }
}
