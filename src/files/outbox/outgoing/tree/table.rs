//! Which file every position of a transfer lies in, for the parts that are not yet written at the
//! receiver.

use crate::files::outbox::failure::SourceFailure;
use crate::files::outbox::source::Source;
use pinhole_protocol::layout::{Layout, Place, TooLarge};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

/// Files looked at again before the end is said.
const RECENT_FILES: usize = 10_000;
/// Most entries that they lie back, because each is kept with the folders above it.
const RECENT_ENTRIES: u32 = 40_000;

/// The parts, their files, and the files found last.
#[derive(Default)]
pub(super) struct Table {
    layout: Layout,
    /// Beside each part of `layout` the number of its first entry and the sources of its entries.
    parts: VecDeque<(u32, Vec<Option<Arc<Source>>>)>,
    /// Parts forgotten so far.
    forgotten: u32,
    released: u64,
    /// The files found last, each with its entry's number.
    recent: VecDeque<(u32, Arc<Source>)>,
}

impl Table {
    /// Appends a part; a folder has no source.
    ///
    /// # Errors
    /// If all sizes together pass 2^64 - 1, which sparse files can.
    pub fn push(&mut self, sources: Vec<Option<Source>>) -> Result<(), SourceFailure> {
        let (first, mut start) = (self.layout.entries(), self.layout.end());
        let sizes = sources.iter().map(|source| source.as_ref().map_or(0, |source| source.size));
        self.layout.push(sizes).map_err(|TooLarge| SourceFailure::Unreadable {
            path: sources
                .iter()
                .flatten()
                .next_back()
                .map_or_else(PathBuf::new, |source| source.trail.path()),
            error: "with it the files are larger together than a transfer can be".into(),
        })?;
        let mut placed = |mut source: Source| {
            source.start = start;
            start = start.saturating_add(source.size);
            Arc::new(source)
        };
        let sources: Vec<_> = sources.into_iter().map(|source| source.map(&mut placed)).collect();
        for (entry, source) in (first..).zip(&sources) {
            // A file that is sent from memory cannot change.
            if let Some(source) = source.as_ref().filter(|source| source.content.is_none()) {
                self.recent.push_back((entry, Arc::clone(source)));
            }
        }
        let oldest = self.layout.entries().saturating_sub(RECENT_ENTRIES);
        while self.recent.len() > RECENT_FILES
            || self.recent.front().is_some_and(|(entry, _)| *entry < oldest)
        {
            self.recent.pop_front();
        }
        self.parts.push_back((first, sources));
        // A part without bytes, behind positions that are all released, is done with already.
        self.release(self.released);
        Ok(())
    }

    /// Place of `position`, if in a part that is still kept.
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

    /// The files found last: at most 10,000, of the last 40,000 entries.
    pub fn recent(&self) -> Vec<Arc<Source>> {
        self.recent.iter().map(|(_, source)| Arc::clone(source)).collect()
    }

    /// True if there was no part yet.
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
    use crate::files::outbox::trail::Trail;
    use std::sync::Mutex;

    fn source(path: &str, size: u64) -> Option<Source> {
        let stamp = Stamp { size, modified: (0, 0), changed: (0, 0), identity: (0, 0) };
        let trail = Trail::named(path.as_ref(), path.as_ref());
        let (links, state) = (Links::Skip, Mutex::default());
        Some(Source {
            trail,
            stamp,
            size,
            content: None,
            links,
            sparse: false,
            named: false,
            start: 0,
            state,
        })
    }

    #[test]
    fn sparse_files_cannot_overflow_the_positions() {
        let mut table = Table::default();
        table.push(vec![source("a", 1 << 63)]).unwrap();
        let failure = table.push(vec![None, source("b", 1 << 63), None]).unwrap_err();
        assert!(
            failure
                .failure()
                .detail
                .starts_with("\"b\" cannot be read: with it the files are larger"),
            "{failure:?}"
        );
        assert_eq!((table.entries(), table.end(), table.parts.len()), (1, 1 << 63, 1));
    }

    #[test]
    fn a_million_files_are_not_all_kept() {
        let mut table = Table::default();
        let folders = |count: usize| (0..count).map(|_| None);
        for part in 0..40 {
            let name = |n: usize| (part * 1_000 + n).to_string();
            table.push((0..1_000).map(|n| source(&name(n), 0)).collect()).unwrap();
            assert!(table.parts.is_empty(), "a part without bytes is done with at once");
            assert!(table.recent.len() <= RECENT_FILES);
        }
        let names = |table: &Table| {
            table.recent().iter().map(|source| source.trail.path()).collect::<Vec<_>>()
        };
        let recent = names(&table);
        assert_eq!(
            (recent.len(), recent[0].to_str(), recent[9_999].to_str()),
            (RECENT_FILES, Some("30000"), Some("39999"))
        );
        // Files are forgotten once many folders come after them.
        table.push(folders(39_000).collect()).unwrap();
        assert_eq!(names(&table)[0].to_str(), Some("39000"));
        table.push(folders(1_000).collect()).unwrap();
        assert!(table.recent.is_empty());
    }

    #[test]
    fn positions_lead_to_their_files_until_they_are_released() {
        let mut table = Table::default();
        table.push(vec![None, source("a", 3)]).unwrap();
        table.push(vec![source("b", 0), source("c", 2), None]).unwrap();
        let found = |table: &Table, position| {
            table
                .locate(position)
                .map(|(place, source)| (source.trail.path(), place.entry, place.offset, place.left))
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
