//! Which file every position of a transfer lies in, for the parts that are not yet written at the receiver.

use super::failure::SourceFailure;
use super::source::Source;
use pinhole_protocol::layout::{Layout, Place, TooLarge};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

/// Files looked at again before the end is said.
const RECENT_FILES: usize = 10_000;
/// Bytes of their paths that are kept for that: 10,000 paths of 400 bytes.
const RECENT_BYTES: usize = 4 << 20;

/// The parts, their files, and the files found last.
#[derive(Default)]
pub(super) struct Table {
    layout: Layout,
    /// Beside each part of `layout` the number of its first entry and the sources of its entries.
    parts: VecDeque<(u32, Vec<Option<Arc<Source>>>)>,
    /// Parts forgotten so far.
    forgotten: u32,
    released: u64,
    recent: VecDeque<Arc<Source>>,
    recent_bytes: usize,
}

impl Table {
    /// Appends a part; a folder has no source.
    ///
    /// # Errors
    /// If all sizes together pass 2^64 - 1, which sparse files can.
    pub fn push(&mut self, sources: Vec<Option<Arc<Source>>>) -> Result<(), SourceFailure> {
        let first = self.layout.entries();
        let sizes = sources.iter().map(|source| source.as_ref().map_or(0, |source| source.stamp.size));
        self.layout.push(sizes).map_err(|TooLarge| SourceFailure::Unreadable {
            path: sources.iter().flatten().next_back().map_or_else(PathBuf::new, |source| source.path.clone()),
            error: "with it the files are larger together than a transfer can be".into(),
        })?;
        for source in sources.iter().flatten() {
            self.remember(Arc::clone(source));
        }
        self.parts.push_back((first, sources));
        // A part without bytes, behind positions that are all released, is done with already.
        self.release(self.released);
        Ok(())
    }

    fn remember(&mut self, source: Arc<Source>) {
        self.recent_bytes = self.recent_bytes.saturating_add(source.path.as_os_str().len());
        self.recent.push_back(source);
        while self.recent.len() > RECENT_FILES || self.recent_bytes > RECENT_BYTES {
            let Some(oldest) = self.recent.pop_front() else { return };
            self.recent_bytes = self.recent_bytes.saturating_sub(oldest.path.as_os_str().len());
        }
    }

    /// Where `position` lies, if in a part that is still kept.
    pub fn locate(&self, position: u64) -> Option<(Place, Arc<Source>)> {
        let place = self.layout.locate(position)?;
        let (first, sources) = self.parts.iter().rev().find(|(first, _)| *first <= place.entry)?;
        let source = sources.get(usize::try_from(place.entry.checked_sub(*first)?).ok()?)?;
        Some((place, Arc::clone(source.as_ref()?)))
    }

    /// Forgets the parts that lie below `below`.
    pub fn release(&mut self, below: u64) {
        self.released = self.released.max(below);
        let forgotten = self.layout.forget_below(self.released);
        while self.forgotten < forgotten {
            self.parts.pop_front();
            self.forgotten = self.forgotten.saturating_add(1);
        }
    }

    /// The files found last: at most 10,000, with at most 4 MiB of paths.
    pub fn recent(&self) -> Vec<Arc<Source>> {
        self.recent.iter().cloned().collect()
    }

    /// Whether there was no part yet.
    pub const fn is_empty(&self) -> bool {
        self.layout.entries() == 0
    }

    /// Entries so far.
    pub const fn entries(&self) -> u32 {
        self.layout.entries()
    }

    /// Bytes so far.
    pub const fn end(&self) -> u64 {
        self.layout.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::outbox::Links;
    use crate::files::outbox::source::Stamp;

    fn source(path: &str, size: u64) -> Option<Arc<Source>> {
        let stamp = Stamp { size, modified: (0, 0), changed: (0, 0) };
        Some(Arc::new(Source { path: path.into(), stamp, links: Links::Skip }))
    }

    #[test]
    fn sparse_files_cannot_overflow_the_positions() {
        let mut table = Table::default();
        table.push(vec![source("a", 1 << 63)]).unwrap();
        let failure = table.push(vec![None, source("b", 1 << 63), None]).unwrap_err();
        assert!(failure.failure().detail.starts_with("\"b\" cannot be read: with it the files are larger"), "{failure:?}");
        assert_eq!((table.entries(), table.end(), table.parts.len()), (1, 1 << 63, 1));
    }

    #[test]
    fn a_million_files_are_not_all_kept() {
        let mut table = Table::default();
        for part in 0..40 {
            let name = |n: usize| format!("{:0>width$}", part * 1_000 + n, width = if part < 20 { 600 } else { 6 });
            table.push((0..1_000).map(|n| source(&name(n), 0)).collect()).unwrap();
            assert!(table.parts.is_empty(), "a part without bytes is done with at once");
            assert!(table.recent.len() <= RECENT_FILES && table.recent_bytes <= RECENT_BYTES);
            let bytes = |table: &Table| table.recent.iter().map(|source| source.path.as_os_str().len()).sum::<usize>();
            assert_eq!(table.recent_bytes, bytes(&table));
            if part == 19 {
                assert_eq!(table.recent.len(), RECENT_BYTES / 600);
            }
        }
        let recent = table.recent();
        assert_eq!((recent.len(), recent[0].path.to_str(), recent[9_999].path.to_str()), (RECENT_FILES, Some("030000"), Some("039999")));
    }

    #[test]
    fn positions_lead_to_their_files_until_they_are_released() {
        let mut table = Table::default();
        table.push(vec![None, source("a", 3)]).unwrap();
        table.push(vec![source("b", 0), source("c", 2), None]).unwrap();
        let found = |table: &Table, position| {
            table.locate(position).map(|(place, source)| (source.path.to_str().unwrap().to_owned(), place.entry, place.offset, place.left))
        };
        assert_eq!(found(&table, 1), Some(("a".into(), 1, 1, 2)));
        assert_eq!(found(&table, 3), Some(("c".into(), 3, 0, 2)));
        assert_eq!(found(&table, 5), None);
        table.release(3);
        assert_eq!((found(&table, 1), found(&table, 4)), (None, Some(("c".into(), 3, 1, 1))));
        assert_eq!(table.parts.len(), 1);
        table.release(5);
        table.release(0);
        table.push(vec![source("d", 0), None]).unwrap();
        assert!(table.parts.is_empty(), "what was released stays released");
    }
}
