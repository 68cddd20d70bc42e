//! Entries that did not arrive as they were: each side names its own (SPEC 7.8).

use super::{PeerName, Reason};
use crate::limits::{DIFFERENCES, DIFFERENCES_BYTES};
use alloc::vec::Vec;
use minicbor::{Decode, Encode};

/// Differences between a transfer and its source: the first by name, and how many of each kind
/// there are in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Differences {
    /// The first of them: at most [`DIFFERENCES`], and their names at most [`DIFFERENCES_BYTES`].
    #[n(0)]
    first: Vec<Difference>,
    /// Entries that are stored under another name.
    #[n(1)]
    renamed: u32,
    /// Entries that are not stored, or not whole.
    #[n(2)]
    missing: u32,
    /// Entries left out by rule: they were never to come.
    #[n(3)]
    left_out: u32,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Difference {
    /// Its names at the sender from the top-level item down, with `/` between two.
    #[n(0)]
    pub path: PeerName,
    /// Its fate.
    #[n(1)]
    pub fate: Fate,
}

/// The fate of an entry that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Fate {
    /// It has this name in its folder.
    #[n(0)]
    Renamed(#[n(0)] PeerName),
    /// It is not there, or not whole.
    #[n(1)]
    Missing(#[n(0)] Reason),
    /// It was left out by rule.
    #[n(2)]
    LeftOut(#[n(0)] Reason),
}

impl Differences {
    /// Notes one more; beyond the limits it is only counted.
    pub fn add(&mut self, path: &[u8], fate: Fate) {
        let difference = Difference { path: PeerName::new(path.to_vec()), fate };
        let named = self.named().saturating_add(difference.named());
        let fits = self.takes_names() && named <= DIFFERENCES_BYTES;
        self.count_one(&difference.fate);
        if fits {
            self.first.push(difference);
        }
    }

    /// Counts one more, without its name.
    pub const fn count_one(&mut self, fate: &Fate) {
        let count = match fate {
            Fate::Renamed(_) => &mut self.renamed,
            Fate::Missing(_) => &mut self.missing,
            Fate::LeftOut(_) => &mut self.left_out,
        };
        *count = count.saturating_add(1);
    }

    /// True while the next may be named. Once one was not, none is, so that what is named is what
    /// came first.
    #[must_use]
    pub fn takes_names(&self) -> bool {
        self.first.len() < DIFFERENCES && self.first.len() as u64 == self.count() as u64
    }

    /// Counts so many more that are not to be named: renamed, missing, and left out.
    pub const fn add_unnamed(&mut self, [renamed, missing, left_out]: [u32; 3]) {
        self.renamed = self.renamed.saturating_add(renamed);
        self.missing = self.missing.saturating_add(missing);
        self.left_out = self.left_out.saturating_add(left_out);
    }

    /// Notes what another has.
    pub fn extend(&mut self, other: &Self) {
        for difference in &other.first {
            self.add(difference.path.raw(), difference.fate.clone());
        }
        let Self { renamed, missing, left_out, .. } = other.unnamed();
        self.add_unnamed([renamed, missing, left_out]);
    }

    /// Those that are counted and not named.
    #[must_use]
    pub fn unnamed(&self) -> Self {
        let of = |matches: fn(&Fate) -> bool| {
            u32::try_from(self.first.iter().filter(|difference| matches(&difference.fate)).count())
                .unwrap_or(u32::MAX)
        };
        Self {
            first: Vec::new(),
            renamed: self.renamed.saturating_sub(of(|fate| matches!(fate, Fate::Renamed(_)))),
            missing: self.missing.saturating_sub(of(|fate| matches!(fate, Fate::Missing(_)))),
            left_out: self.left_out.saturating_sub(of(|fate| matches!(fate, Fate::LeftOut(_)))),
        }
    }

    /// Those that are named.
    #[must_use]
    pub fn first(&self) -> &[Difference] {
        &self.first
    }

    /// The reason of the first of them that is missing.
    #[must_use]
    pub fn first_missing(&self) -> Option<Reason> {
        self.first.iter().find_map(|one| match one.fate {
            Fate::Missing(reason) => Some(reason),
            _ => None,
        })
    }

    /// Entries that are stored under another name.
    #[must_use]
    pub const fn renamed(&self) -> u32 {
        self.renamed
    }

    /// Entries that are not stored, or not whole.
    #[must_use]
    pub const fn missing(&self) -> u32 {
        self.missing
    }

    /// Entries left out by rule.
    #[must_use]
    pub const fn left_out(&self) -> u32 {
        self.left_out
    }

    /// True if everything is as it was.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// True if it is within its limits, and counts at least what it names: what a receiver asks of
    /// a peer's.
    pub(crate) fn is_lawful(&self) -> bool {
        let mut counted = Self::default();
        for Difference { path, fate } in &self.first {
            counted.add(path.raw(), fate.clone());
        }
        counted.first.len() == self.first.len()
            && counted.renamed <= self.renamed
            && counted.missing <= self.missing
            && counted.left_out <= self.left_out
    }

    const fn count(&self) -> u32 {
        self.renamed.saturating_add(self.missing).saturating_add(self.left_out)
    }

    fn named(&self) -> usize {
        self.first.iter().fold(0, |sum, difference| sum.saturating_add(difference.named()))
    }
}

impl Difference {
    fn named(&self) -> usize {
        let stored = if let Fate::Renamed(stored) = &self.fate { stored.raw().len() } else { 0 };
        self.path.raw().len().saturating_add(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn the_first_are_named_and_all_are_counted() {
        let mut all = Differences::default();
        for _ in 0..150 {
            all.add(b"a/b", Fate::Missing(Reason::SourceChanged));
        }
        all.add(b"c", Fate::Renamed(PeerName::new(b"d".to_vec())));
        assert_eq!(
            (all.first().len(), all.missing(), all.renamed(), all.left_out()),
            (DIFFERENCES, 150, 1, 0)
        );
        assert!(all.is_lawful());
        let mut long = Differences::default();
        long.add(&vec![b'x'; DIFFERENCES_BYTES], Fate::LeftOut(Reason::Link));
        long.add(b"y", Fate::LeftOut(Reason::Link));
        long.add(b"", Fate::LeftOut(Reason::Link));
        assert_eq!((long.first().len(), long.left_out()), (1, 3));
        let mut sum = Differences::default();
        sum.extend(&all);
        sum.extend(&long);
        sum.add_unnamed([0, 0, 7]);
        assert_eq!(
            (sum.first().len(), sum.missing(), sum.renamed(), sum.left_out()),
            (DIFFERENCES, 150, 1, 10)
        );
    }

    #[test]
    fn more_than_the_limits_or_less_than_is_named_is_not_lawful() {
        let one =
            || Difference { path: PeerName::new(b"a".to_vec()), fate: Fate::Missing(Reason::Disk) };
        assert!(
            !Differences { first: vec![one()], renamed: 1, missing: 0, left_out: 0 }.is_lawful()
        );
        assert!(
            Differences { first: vec![one()], renamed: 0, missing: 1, left_out: 0 }.is_lawful()
        );
        assert!(
            !Differences {
                first: vec![one(); DIFFERENCES + 1],
                renamed: 0,
                missing: 500,
                left_out: 0
            }
            .is_lawful()
        );
    }
}
