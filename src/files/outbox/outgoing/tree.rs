//! Files and folders on their way: parts cut from the walk, and bytes read at positions.

mod table;

use super::{Next, Read};
use crate::files::outbox::chosen::{Chosen, Offered};
use crate::files::outbox::failure::SourceFailure;
use crate::files::outbox::held;
use crate::files::outbox::rules::Rules;
use crate::files::outbox::sent::Sent;
use crate::files::outbox::skipped::{SkipList, Skips, Why};
use crate::files::outbox::source::{Piece, Seen, Source};
use crate::files::outbox::walk::{PATH_ENTRY_BYTES, TEXT_HEADER, Walk};
use pinhole_protocol::layout::Place;
use pinhole_protocol::limits;
use pinhole_protocol::wire::{Differences, Entry, Reason};
use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use table::Table;

/// Entries of the first part: found within about a millisecond, so that bytes follow at once.
const FIRST_PART: usize = 64;
/// Encoded bytes of an entry beside its name and target: nine keys, two headers, a size, a time and
/// its nanoseconds, at their longest.
const ENTRY_BYTES: usize = 64;
/// The largest entry that the limits allow in that form.
const LARGEST_PATH_ENTRY: usize =
    PATH_ENTRY_BYTES + limits::PATH_BYTES + limits::PATH_LEVELS * TEXT_HEADER;
/// The largest entry that the limits allow.
const LARGEST_ENTRY: usize = ENTRY_BYTES + limits::NAME_BYTES + limits::TARGET_BYTES;
/// Encoded bytes of a part and its message beside the entries.
const PART_HEADER: usize = 32;
/// Files kept open for reading: one for each link that can be sending.
const OPEN_FILES: usize = limits::LINKS;

/// Bytes of files in memory of one part, so that eight of them hold little; a larger one is the
/// last of its part.
const IN_MEMORY: usize = 4 << 20;

/// Files that have grown while they were sent and are read again at the end.
const GROWN: usize = 10_000;
/// Bytes read of one at once.
const AGAIN: usize = 256 << 10;

/// Files and folders that are being sent.
pub(super) struct Tree {
    ahead: Mutex<Ahead>,
    faithful: bool,
    /// Number of things that were named.
    items: usize,
    /// Number of those that are not to be had.
    lost: AtomicUsize,
    table: Mutex<Table>,
    open: Mutex<OpenFiles>,
    grown: Mutex<Vec<Arc<Source>>>,
    rules: Arc<Rules>,
    skips: SkipList,
    stop: AtomicBool,
}

/// The walk, and what it has come to that was too much for the part before.
struct Ahead {
    walk: Walk,
    ready: Option<Ready>,
}

/// An entry that goes into the next part.
struct Ready {
    entry: Entry,
    source: Option<Source>,
    /// An upper bound of its encoded bytes.
    encoded: usize,
    /// Bytes of the file that are in memory.
    in_memory: usize,
}

impl Tree {
    /// `offered` is what the offer said of each, if one was made.
    pub fn new(
        chosen: Arc<[Chosen]>,
        offered: Vec<Offered>,
        rules: Arc<Rules>,
        faithful: bool,
    ) -> Self {
        Self {
            items: chosen.len(),
            lost: AtomicUsize::new(0),
            ahead: Mutex::new(Ahead {
                walk: Walk::new(chosen, offered, Arc::clone(&rules), faithful),
                ready: None,
            }),
            faithful,
            table: Mutex::default(),
            open: Mutex::default(),
            grown: Mutex::default(),
            rules,
            skips: SkipList::default(),
            stop: AtomicBool::new(false),
        }
    }

    pub fn next_part(&self) -> Result<Next, SourceFailure> {
        let Ahead { walk, ready } = &mut *held(&self.ahead);
        let most = if held(&self.table).is_empty() { FIRST_PART } else { limits::PART_ENTRIES };
        let mut entries = Vec::new();
        let mut sources = Vec::new();
        let (mut bytes, mut in_memory) = (PART_HEADER, 0_usize);
        let largest = if self.faithful { LARGEST_ENTRY } else { LARGEST_PATH_ENTRY };
        while entries.len() < most && bytes.saturating_add(largest) <= limits::PART_BYTES {
            let Some(next) = ready.take().map_or_else(|| self.find(walk), |next| Ok(Some(next)))?
            else {
                break;
            };
            let with_it = in_memory.saturating_add(next.in_memory);
            if in_memory > 0 && with_it > IN_MEMORY {
                *ready = Some(next);
                break;
            }
            in_memory = with_it;
            bytes = bytes.saturating_add(next.encoded);
            entries.push(next.entry);
            sources.push(next.source);
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

    /// Goes on to the next entry, and gives up one that is not to be had. Nothing at the end, or
    /// once all is to stop: what is not read then is nobody's trouble.
    fn find(&self, walk: &mut Walk) -> Result<Option<Ready>, SourceFailure> {
        let found = walk.next(&self.skips, &self.stop);
        if self.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let Some(found) = found? else { return Ok(None) };
        let (entry, source) = (walk.entry(&found), walk.source(&found));
        if let Some(failure) = found.lost {
            match &source {
                Some(source) => self.give_up(source, failure, false)?,
                None => self.lose(walk.path(), &walk.said(), (true, true), failure)?,
            };
        }
        let encoded = if self.faithful { encoded_bytes(&entry) } else { walk.encoded_path() };
        Ok(Some(Ready {
            entry,
            source,
            encoded,
            in_memory: found.content.map_or(0, |content| content.len()),
        }))
    }

    pub fn read(&self, position: u64, buf: &mut [u8]) -> Result<Option<Read>, SourceFailure> {
        let Some((place, source)) = held(&self.table).locate(position) else { return Ok(None) };
        let lost = held(&source.state).lost;
        let gone = match lost {
            Some(reason) => Ok(reason),
            None => match self.read_source(&source, place, position, buf) {
                Ok(read) => return Ok(Some(read)),
                Err(failure) if self.faithful => self.give_up(&source, failure, false),
                Err(failure) => Err(failure),
            },
        };
        held(&self.open).close(place.entry);
        Ok(Some(Read::Gap { end: position.saturating_add(place.left), why: Some(gone?) }))
    }

    fn read_source(
        &self,
        source: &Arc<Source>,
        place: Place,
        position: u64,
        buf: &mut [u8],
    ) -> Result<Read, SourceFailure> {
        if let Some(content) = &source.content {
            let rest = usize::try_from(place.offset)
                .ok()
                .and_then(|offset| content.get(offset..))
                .unwrap_or_default();
            let len = rest.len().min(buf.len());
            let (to, from) =
                (buf.get_mut(..len).unwrap_or_default(), rest.get(..len).unwrap_or_default());
            to.copy_from_slice(from);
            return Ok(Read::Bytes { entry: place.entry, offset: place.offset, len });
        }
        let kept = held(&self.open).find(place.entry);
        let file = match &kept {
            Some(file) => Arc::clone(file),
            None => Arc::new(source.open(&self.rules)?),
        };
        let failed = |error| source.failed(&error);
        let piece = source.piece(&file, place.offset, place.left, buf).map_err(failed)?;
        // Asked after the read: bytes of a file that is the same now were the same when they were
        // read.
        match source.seen(&file).map_err(failed)? {
            Seen::Same => {}
            Seen::Grown if self.may_grow(source) => {}
            _ => return Err(source.changed()),
        }
        let len = match piece {
            Piece::Bytes(0) => return Err(source.changed()),
            Piece::Bytes(len) => len as u64,
            Piece::Hole(end) => end.saturating_sub(place.offset),
        };
        let whole = len == place.left;
        match kept {
            Some(_) if whole => held(&self.open).close(place.entry),
            None if !whole => held(&self.open).keep(place.entry, file),
            _ => {}
        }
        if self.faithful {
            note(&mut held(&source.state).sent, &piece, position, buf, source);
        }
        Ok(match piece {
            Piece::Bytes(len) => Read::Bytes { entry: place.entry, offset: place.offset, len },
            Piece::Hole(end) => Read::Gap { end: source.start.saturating_add(end), why: None },
        })
    }

    /// True if a file that has grown is sent on, to be read a second time at the end. Behind a
    /// fence it is not: that has judged what was there before.
    fn may_grow(&self, source: &Arc<Source>) -> bool {
        if !self.faithful || self.rules.fence.is_some() {
            return false;
        }
        let mut grown = held(&self.grown);
        let state = &mut *held(&source.state);
        if !state.grown && grown.len() < GROWN {
            state.grown = true;
            grown.push(Arc::clone(source));
        }
        state.grown
    }

    /// Notes that a file is not to be had, of which all was `sent` or not, and says why the peer
    /// does not get it.
    ///
    /// # Errors
    /// With it nothing of what was offered is left.
    fn give_up(
        &self,
        source: &Source,
        failure: SourceFailure,
        sent: bool,
    ) -> Result<Reason, SourceFailure> {
        if held(&source.state).lost.replace(failure.reason()).is_some() {
            return Ok(failure.reason());
        }
        // An empty one has no position that could be a gap.
        let needed = sent || source.size == 0;
        self.lose(&source.trail.path(), &source.trail.said(), (source.named, needed), failure)
    }

    /// The same, of what is at `path` and has the names `said` for the peer, which may have been
    /// named here, and may be needed there.
    fn lose(
        &self,
        path: &Path,
        said: &[u8],
        (named, needed): (bool, bool),
        failure: SourceFailure,
    ) -> Result<Reason, SourceFailure> {
        let reason = failure.reason();
        let why = if reason == Reason::SourceChanged { Why::Changed } else { Why::Unreadable };
        if needed {
            self.skips.add_needed(path, said, why);
        } else {
            self.skips.add(path, said, why);
        }
        if named && self.lost.fetch_add(1, Ordering::Relaxed).saturating_add(1) >= self.items {
            Err(failure)
        } else {
            Ok(reason)
        }
    }

    pub fn release(&self, below: u64) {
        held(&self.table).release(below);
    }

    pub fn finish(&self) -> Result<Differences, SourceFailure> {
        let recent = held(&self.table).recent();
        if !self.faithful {
            recent.iter().try_for_each(|source| source.still_there())?;
            return Ok(Differences::default());
        }
        let grown = std::mem::take(&mut *held(&self.grown));
        let sent_whole = recent.iter().filter(|source| !held(&source.state).grown);
        for source in sent_whole.chain(&grown).take_while(|_| !self.stop.load(Ordering::Relaxed)) {
            if held(&source.state).lost.is_some() {
                continue;
            }
            if let Err(failure) = self.last_look(source) {
                self.give_up(source, failure, true)?;
            }
        }
        self.skips.differences().map_err(|count| SourceFailure::Many { count })
    }

    /// Checks that what was sent of a file is what was there.
    fn last_look(&self, source: &Arc<Source>) -> Result<(), SourceFailure> {
        let grown = held(&source.state).grown;
        // Removed after it was read to its end as it was, or another put in its place.
        let was_whole = || !grown && held(&source.state).sent.whole(&source.span()).is_some();
        match source.seen_there() {
            Ok(Seen::Same) if !grown => Ok(()),
            Ok(Seen::Same | Seen::Grown) if self.rules.fence.is_none() => self.read_again(source),
            Ok(Seen::Other) | Err(_) if was_whole() => Ok(()),
            Ok(_) => Err(source.changed()),
            Err(error) => Err(source.failed(&error)),
        }
    }

    /// Reads a file that has grown a second time, as far as it was sent, and compares.
    fn read_again(&self, source: &Source) -> Result<(), SourceFailure> {
        let (size, span) = (source.size, source.span());
        let (sent, mut again) = {
            let sent = &held(&source.state).sent;
            (sent.whole(&span).ok_or_else(|| source.changed())?, sent.anew())
        };
        let failed = |error| source.failed(&error);
        let file = source.open(&self.rules)?;
        let (mut offset, mut buf) = (0, vec![0; AGAIN]);
        while offset < size && !self.stop.load(Ordering::Relaxed) {
            let piece = source
                .piece(&file, offset, size.saturating_sub(offset), &mut buf)
                .map_err(failed)?;
            note(&mut again, &piece, span.start.saturating_add(offset), &buf, source);
            offset = match piece {
                Piece::Bytes(0) => return Err(source.changed()),
                Piece::Bytes(len) => offset.saturating_add(len as u64),
                Piece::Hole(end) => end,
            };
        }
        let same = matches!(source.seen(&file).map_err(failed)?, Seen::Same | Seen::Grown);
        if same && again.whole(&span) == Some(sent) { Ok(()) } else { Err(source.changed()) }
    }

    pub fn skipped(&self) -> Skips {
        self.skips.so_far()
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Notes what was read of a file from a position on, at the start of `buf`.
fn note(sent: &mut Sent, piece: &Piece, position: u64, buf: &[u8], source: &Source) {
    let span = source.span();
    match *piece {
        Piece::Bytes(len) => sent.bytes(position, buf.get(..len).unwrap_or_default(), &span),
        Piece::Hole(end) => sent.hole(position, span.start.saturating_add(end), &span),
    }
}

/// An upper bound of an entry's encoded length.
fn encoded_bytes(entry: &Entry) -> usize {
    [&entry.name, &entry.target]
        .into_iter()
        .flatten()
        .fold(ENTRY_BYTES, |sum, name| sum.saturating_add(name.raw().len()))
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
        let selection =
            Selection::check(&[dir.path().into()], &Options::default(), std::io::empty()).unwrap();
        let (chosen, rules) = selection.things().unwrap();
        let tree = Tree::new(chosen, Vec::new(), rules, true);
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
