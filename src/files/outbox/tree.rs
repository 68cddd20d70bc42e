//! Files and folders on their way: parts cut from the walk, and bytes read at positions.

use super::failure::SourceFailure;
use super::held;
use super::outgoing::{Next, Read};
use super::rules::Rules;
use super::selection::Chosen;
use super::skipped::{SkipList, Skips};
use super::table::Table;
use super::walk::Walk;
use pinhole_protocol::limits;
use pinhole_protocol::wire::Entry;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Entries of the first part: found within about a millisecond, so that bytes follow at once.
const FIRST_PART: usize = 64;
/// Encoded bytes of an entry beside its names: six keys, a path's header, a size, a time and its nanoseconds, at their longest.
const ENTRY_BYTES: usize = 48;
/// Bytes before a text in CBOR, at most, for texts below 64 KiB.
const TEXT_HEADER: usize = 3;
/// The largest entry that the limits allow.
const LARGEST_ENTRY: usize = ENTRY_BYTES + limits::PATH_BYTES + limits::PATH_LEVELS * TEXT_HEADER;
/// Encoded bytes of a part and its message beside the entries.
const PART_HEADER: usize = 32;
/// Files kept open for reading: one for each link that can be sending.
const OPEN_FILES: usize = limits::LINKS;

/// Files and folders that are being sent.
pub(super) struct Tree {
    walk: Mutex<Walk>,
    table: Mutex<Table>,
    open: Mutex<OpenFiles>,
    rules: Arc<Rules>,
    skips: SkipList,
    stop: AtomicBool,
}

impl Tree {
    pub fn new(chosen: Arc<[Chosen]>, rules: Arc<Rules>) -> Self {
        Self {
            walk: Mutex::new(Walk::new(chosen, Arc::clone(&rules))),
            table: Mutex::default(),
            open: Mutex::default(),
            rules,
            skips: SkipList::default(),
            stop: AtomicBool::new(false),
        }
    }

    pub fn next_part(&self) -> Result<Next, SourceFailure> {
        let mut walk = held(&self.walk);
        let most = if held(&self.table).is_empty() { FIRST_PART } else { limits::PART_ENTRIES };
        let mut entries = Vec::new();
        let mut sources = Vec::new();
        let mut bytes = PART_HEADER;
        while entries.len() < most && bytes.saturating_add(LARGEST_ENTRY) <= limits::PART_BYTES {
            let Some(found) = walk.next(&self.skips, &self.stop)? else { break };
            let entry = walk.entry(&found);
            bytes = bytes.saturating_add(encoded_bytes(&entry));
            entries.push(entry);
            sources.push(walk.source(&found).map(Arc::new));
        }
        if self.stop.load(Ordering::Relaxed) {
            return Ok(Next::Stopped);
        }
        let mut table = held(&self.table);
        if entries.is_empty() {
            return Ok(Next::End { entries: table.entries(), bytes: table.end() });
        }
        table.push(sources)?;
        Ok(Next::Part(entries))
    }

    pub fn read(&self, position: u64, buf: &mut [u8]) -> Result<Option<Read>, SourceFailure> {
        let Some((place, source)) = held(&self.table).locate(position) else { return Ok(None) };
        let kept = held(&self.open).find(place.entry);
        let file = match &kept {
            Some(file) => Arc::clone(file),
            None => Arc::new(source.open(&self.rules)?),
        };
        let most = usize::try_from(place.left).unwrap_or(usize::MAX).min(buf.len());
        let buf = buf.get_mut(..most).unwrap_or_default();
        let len = loop {
            match file.read_at(buf, place.offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(|error| SourceFailure::of(&source.path, &error))?,
            }
        };
        // Asked after the read: bytes of a file that is the same now were the same when they were read.
        source.unchanged(&file)?;
        if len == 0 {
            return Err(source.changed());
        }
        let whole = len as u64 == place.left;
        match kept {
            Some(_) if whole => held(&self.open).close(place.entry),
            None if !whole => held(&self.open).keep(place.entry, file),
            _ => {}
        }
        Ok(Some(Read { entry: place.entry, offset: place.offset, len }))
    }

    pub fn release(&self, below: u64) {
        held(&self.table).release(below);
    }

    pub fn finish(&self) -> Result<(), SourceFailure> {
        let recent = held(&self.table).recent();
        recent.iter().try_for_each(|source| source.still_there())
    }

    pub fn skipped(&self) -> Skips {
        self.skips.so_far()
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// An upper bound of an entry's encoded length.
fn encoded_bytes(entry: &Entry) -> usize {
    entry.path.iter().fold(ENTRY_BYTES, |sum, name| sum.saturating_add(TEXT_HEADER).saturating_add(name.raw().len()))
}

/// The files read from last, by entry, the latest at the end.
#[derive(Default)]
struct OpenFiles(VecDeque<(u32, Arc<File>)>);

impl OpenFiles {
    fn find(&self, entry: u32) -> Option<Arc<File>> {
        self.0.iter().rev().find(|(of, _)| *of == entry).map(|(_, file)| Arc::clone(file))
    }

    fn keep(&mut self, entry: u32, file: Arc<File>) {
        if self.0.len() >= OPEN_FILES {
            self.0.pop_front();
        }
        self.0.push_back((entry, file));
    }

    fn close(&mut self, entry: u32) {
        self.0.retain(|(of, _)| *of != entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::outbox::{Options, Selection};

    #[test]
    fn few_files_are_open_and_none_that_is_read() {
        let dir = tempfile::tempdir().unwrap();
        for n in 10..30 {
            std::fs::write(dir.path().join(n.to_string()), "0123").unwrap();
        }
        let selection = Selection::check(&[dir.path().into()], &Options::default(), io::empty()).unwrap();
        let (chosen, rules) = selection.things().unwrap();
        let tree = Tree::new(chosen, rules);
        tree.next_part().unwrap();
        let open = || held(&tree.open).0.iter().map(|(entry, _)| *entry).collect::<Vec<_>>();
        let mut buf = [0; 3];
        for file in 0..20 {
            tree.read(file * 4, &mut buf).unwrap();
        }
        assert_eq!(open(), (13..=20).collect::<Vec<_>>());
        tree.read(19 * 4 + 3, &mut buf).unwrap();
        assert_eq!(open(), (13..=19).collect::<Vec<_>>());
        tree.read(0, &mut [0; 4]).unwrap();
        assert_eq!(open(), (13..=19).collect::<Vec<_>>(), "what is read at once is not kept");
    }
}
