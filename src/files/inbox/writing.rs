//! Writing a chunk at its place. The lock is held to find the file before and to count after, never over the writing itself.

use super::pending::{Pending, Underway};
use super::room::Cost;
use super::{Incoming, Refusal};
use crate::failure::Subject;
use pinhole_protocol::limits;
use pinhole_protocol::ranges::Ranges;
use pinhole_protocol::wire::ItemKind;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// How far the disk is asked for space ahead of what is written (DESIGN 3.5).
const AHEAD: u64 = 256 << 20;
/// A chunk's most bytes, as a size.
const ONE_CHUNK: u64 = limits::CHUNK_DATA as u64;
/// Disjoint written ranges in one transfer: sixteen times what the links of an honest peer leave, so that one that scatters single bytes
/// fills no memory.
const RANGES: usize = 16 * limits::RANGES;

/// What is to be done with a chunk.
enum Chunk {
    Write(Turn),
    /// Nothing; these are the positions to answer.
    Ignore(Range<u64>),
}

/// A chunk that is to be written.
struct Turn {
    file: Arc<File>,
    /// The positions of its entry, and of its own bytes.
    span: Range<u64>,
    range: Range<u64>,
    /// Those of its bytes that are not written yet: what is written stays (SPEC 7.2).
    new: Ranges,
    /// Where to ask the disk for space first, and whether the file is sure to fill it.
    allocate: Option<(Range<u64>, bool)>,
    item: usize,
}

impl Incoming {
    /// Writes `data` at `offset` of entry number `entry`, and returns its positions. Any number of threads may call it at the same time;
    /// it blocks only on the disk. A chunk of a finished file, or after the end of the transfer, is ignored: then the positions are those
    /// written before, or an empty range.
    ///
    /// # Errors
    /// A [`Refusal`] for bytes of no known entry or beyond its size, for too much, and when the disk fails; the transfer is then to be
    /// discarded.
    pub fn write(&self, entry: u32, offset: u64, data: &[u8]) -> Result<Range<u64>, Refusal> {
        let turn = match self.start(entry, offset, data.len())? {
            Chunk::Write(turn) => turn,
            Chunk::Ignore(range) => return Ok(range),
        };
        let result = self.put(&turn, offset, data);
        let mut underway = self.underway();
        if let Some(pending) = underway.pending.get_mut(&entry) {
            pending.writers = pending.writers.saturating_sub(1);
        }
        if result.is_ok() {
            underway.written.insert(turn.range.clone());
        }
        let scattered = underway.written.iter(RANGES.saturating_add(1)).count() > RANGES;
        let idle = underway.pending.get(&entry).is_some_and(|pending| pending.writers == 0);
        let complete = if idle && underway.covers(&turn.span) { underway.complete(entry) } else { None };
        if let Some(pending) = complete {
            drop(underway);
            // The last handle goes with the turn: files are closed at their last byte.
            pending.finish.apply(&turn.file);
            underway = self.underway();
        }
        underway.forget_written();
        underway.busy = underway.busy.saturating_sub(1);
        if underway.busy == 0 {
            self.idle.notify_all();
        }
        drop(underway);
        result?;
        if scattered { Err(Refusal::protocol("sent a file in too many pieces")) } else { Ok(turn.range) }
    }

    /// Checks a chunk and opens its file.
    fn start(&self, entry: u32, offset: u64, length: usize) -> Result<Chunk, Refusal> {
        let mut underway = self.underway();
        if underway.over {
            return Ok(Chunk::Ignore(0..0));
        }
        let Some(span) = underway.layout.span(entry) else {
            let forgotten = entry < underway.layout.entries();
            return if forgotten { Ok(Chunk::Ignore(0..0)) } else { Err(Refusal::protocol("sent bytes of a file that it has not named")) };
        };
        let start = span.start.checked_add(offset);
        let end = start.and_then(|start| start.checked_add(u64::try_from(length).ok()?));
        let range = match (start, end) {
            (Some(start), Some(end)) if end <= span.end => start..end,
            _ => return Err(Refusal::protocol("sent more of a file than it said there is")),
        };
        let new = underway.written.missing(range.clone());
        if new.is_empty() {
            return Ok(Chunk::Ignore(range));
        }
        let Some(index) = underway.pending.get(&entry).map(|pending| pending.item) else { return Ok(Chunk::Ignore(0..0)) };
        let stream = self.items.get(index).is_some_and(|item| item.planned.kind == ItemKind::Stream);
        if stream && range.end > underway.taken.bytes {
            self.place.room.take(&self.what, Cost::content(range.end.saturating_sub(underway.taken.bytes)))?;
            underway.taken.bytes = range.end;
        }
        let opened = underway.file(entry, &self.place.folder, &self.items);
        let file = opened.map_err(|error| Refusal::disk(self.what_of(&underway, entry), &error))?;
        let Some(pending) = underway.pending.get_mut(&entry) else { return Ok(Chunk::Ignore(0..0)) };
        pending.writers = pending.writers.saturating_add(1);
        let allocate = pending.ask_ahead(offset, range.end.saturating_sub(span.start), span.end.saturating_sub(span.start), stream);
        underway.busy = underway.busy.saturating_add(1);
        Ok(Chunk::Write(Turn { file, span, range, new, allocate, item: index }))
    }

    /// The part of a turn that takes time.
    fn put(&self, turn: &Turn, offset: u64, data: &[u8]) -> Result<(), Refusal> {
        let what = self.items.get(turn.item).map_or(&self.what, |item| &item.named);
        self.place.room.writing(what, turn.range.end.saturating_sub(turn.range.start), &self.place.folder, &self.place.path)?;
        if let Some((range, sure)) = &turn.allocate {
            let asked = rustix::fs::fallocate(&turn.file, FallocateFlags::empty(), range.start, range.end.saturating_sub(range.start));
            // Where a file system cannot be asked, or asked for more than there may be, the write itself will tell.
            if let Err(error @ (Errno::NOSPC | Errno::DQUOT)) = asked
                && *sure
            {
                return Err(Refusal::disk(what, &error.into()));
            }
        }
        for new in turn.new.iter(usize::MAX) {
            let [from, to] = [new.start, new.end].map(|at| usize::try_from(at.saturating_sub(turn.range.start)).unwrap_or(usize::MAX));
            let at = offset.saturating_add(new.start.saturating_sub(turn.range.start));
            turn.file.write_all_at(data.get(from..to).unwrap_or_default(), at).map_err(|error| Refusal::disk(what, &error))?;
        }
        Ok(())
    }

    fn what_of(&self, underway: &Underway, entry: u32) -> Subject {
        let pending = underway.pending.get(&entry);
        let item = pending.and_then(|pending| Some(self.items.get(pending.item)?.what(&pending.path)));
        item.unwrap_or_else(|| self.what.clone())
    }
}

impl Pending {
    /// What to ask the disk for before bytes up to `end` of `size` are written, and whether the file is sure to fill it. A file of one chunk
    /// is not worth asking for. Of a stream nobody knows the end, so as much is asked for as has come.
    fn ask_ahead(&mut self, offset: u64, end: u64, size: u64, stream: bool) -> Option<(Range<u64>, bool)> {
        let ahead = if stream { offset.min(AHEAD) } else { AHEAD };
        let until = offset.saturating_add(ahead).min(size);
        if end <= self.allocated || until <= end || size <= ONE_CHUNK {
            return None;
        }
        self.allocated = until;
        Some((offset..until, !stream))
    }
}
