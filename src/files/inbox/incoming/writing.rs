//! Writing a chunk at its place. The lock is held to find the file before and to count after, never
//! over the writing itself.

use super::Incoming;
use super::pending::{Pending, Underway};
use crate::failure::Subject;
use crate::files::inbox::Refusal;
use crate::files::inbox::folder::Identity;
use crate::files::inbox::room::Cost;
use crate::platform::cause::Cause;
use crate::platform::file::{allocate, begin_writing, punch, write_all_at};
use pinhole_protocol::limits;
use pinhole_protocol::ranges::Ranges;
use pinhole_protocol::wire::{ItemKind, Reason};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Bytes for which the disk is asked ahead of what is written: so few that the sender does not
/// notice. For 256 MiB all threads of a link would wait.
const AHEAD: u64 = 4 << 20;
/// Bytes of a file with which the disk begins at once. Left to itself it begins with most of a
/// transfer when that is synced, and everybody waits for it.
const BEGIN: u64 = 8 << 20;
/// A chunk's most bytes, as a size.
const ONE_CHUNK: u64 = limits::CHUNK_DATA as u64;

/// Decision on a chunk.
enum Chunk {
    Write(Turn),
    /// Nothing; these are the positions to answer.
    Ignore(Range<u64>),
}

/// Outcome of storing a chunk's bytes.
enum Stored {
    Here,
    /// No file can be so large there, as none of 4 GiB on FAT: that is its own matter.
    TooLarge,
}

/// A chunk that is to be written.
struct Turn {
    file: Arc<File>,
    /// The positions of its bytes.
    range: Range<u64>,
    /// Those of its bytes that are not written yet: what is written stays (SPEC 7.2).
    new: Ranges,
    /// Range to ask the disk for first, and true if the file is sure to fill it.
    allocate: Option<(Range<u64>, bool)>,
    item: usize,
    /// True if it may be missing among others, and its sender be told.
    may_miss: bool,
}

impl Incoming {
    /// Writes `data` at `offset` of entry number `entry`, and returns its positions. Any number of
    /// threads may call it at the same time; it blocks only on the disk. A chunk of a finished
    /// file, or after the end of the transfer, is ignored: then the positions are those written
    /// before, or an empty range.
    ///
    /// # Errors
    /// A [`Refusal`] for bytes of no known entry or beyond its size, for too much, and when the
    /// disk fails; the transfer is then to be discarded.
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
        if let Ok(Stored::TooLarge) = result {
            self.lose_for(&mut underway, &mut self.tree(), entry, Reason::TooLarge);
        }
        let (mut due, mut begin) = (false, None);
        if result.is_ok() {
            underway.written.insert(turn.range.clone());
            due = underway.pace.counts(turn.range.end.saturating_sub(turn.range.start));
            begin = underway.begin(entry);
        }
        let scattered = underway.written.pieces() > self.pieces();
        let complete = self.complete(&mut underway, entry);
        let mut finished = Ok(());
        if let Ok(Some((pending, file))) = &complete {
            drop(underway);
            // The last handle goes with the turn: files are closed at their last byte.
            finished = self.finish(pending, file);
            underway = self.underway();
        }
        underway.forget_written();
        if due || begin.is_some() {
            drop(underway);
            if let Some(range) = begin {
                begin_writing(&turn.file, &range);
            }
            if due {
                self.note_now();
            }
            underway = self.underway();
        }
        underway.busy = underway.busy.saturating_sub(1);
        if underway.busy == 0 {
            self.idle.notify_all();
        }
        drop(underway);
        result?;
        complete?;
        finished?;
        if scattered {
            Err(Refusal::protocol("sent a file in too many pieces"))
        } else {
            Ok(turn.range)
        }
    }

    /// Notes that no bytes come of positions: they are zeros, or not to be had. What is written
    /// already stays as it is.
    ///
    /// # Errors
    /// A [`Refusal`] for too many pieces, and when the disk fails; the transfer is then to be
    /// discarded.
    pub fn gap(&self, range: Range<u64>, why: Option<Reason>) -> Result<(), Refusal> {
        let mut underway = self.underway();
        if underway.over {
            return Ok(());
        }
        // Positions that the layout has forgotten are written.
        let mut at = range.start.max(underway.layout.end_of(0));
        while let Some(place) = underway.layout.locate(at).filter(|_| at < range.end) {
            let (start, end) = (at, at.saturating_add(place.left).min(range.end));
            at = end;
            let new = underway.written.missing(start..end);
            if new.is_empty() {
                continue;
            }
            underway.is_another(place.entry);
            if why.is_some() {
                self.lose(&mut underway, &mut self.tree(), place.entry);
            } else if let Some(pending) = underway.pending.get_mut(&place.entry) {
                let origin = start.saturating_sub(place.offset);
                new.iter(usize::MAX).for_each(|new| {
                    pending
                        .hole(new.start.saturating_sub(origin), new.end.saturating_sub(new.start))
                });
                self.clear(&mut underway, place.entry, origin, &new)?;
            }
            underway.written.insert(start..end);
            if let Some((pending, file)) = self.complete(&mut underway, place.entry)? {
                self.finish(&pending, &file)?;
            }
        }
        underway.written.insert(range);
        let scattered = underway.written.pieces() > self.pieces();
        underway.forget_written();
        if scattered { Err(Refusal::protocol("sent a file in too many pieces")) } else { Ok(()) }
    }

    /// Takes an entry out if all of it is written, with its file; if it is lost, removes that.
    pub(super) fn complete(
        &self,
        underway: &mut Underway,
        entry: u32,
    ) -> Result<Option<(Pending, Arc<File>)>, Refusal> {
        let idle = underway.pending.get(&entry).is_some_and(|pending| pending.writers == 0);
        // The layout forgets what is written, perhaps while another still writes some of it twice.
        let span = underway.layout.span(entry);
        if !idle || !span.is_none_or(|span| underway.written.covers(&span)) {
            return Ok(None);
        }
        let no_file = underway
            .pending
            .get(&entry)
            .is_some_and(|pending| pending.lost || pending.there.is_some());
        // Of a file that is one hole nothing was written.
        let file = if no_file { Ok(None) } else { self.file(underway, entry) };
        let file = file.map_err(|error| Refusal::disk(self.what_of(underway, entry), &error))?;
        let Some(pending) = underway.complete(entry) else { return Ok(None) };
        if pending.lost {
            self.remove_lost(underway, &pending);
        }
        Ok(file.map(|file| (pending, file)))
    }

    /// Gives a complete file what it gets besides its bytes. An item gets its permissions with its
    /// name.
    pub(super) fn finish(&self, pending: &Pending, file: &File) -> Result<(), Refusal> {
        if pending.holes {
            // A hole at the end is not written.
            file.set_len(pending.size)
                .map_err(|error| Refusal::disk(self.named(&pending.at), &error))?;
        }
        match pending.at.within {
            Some(_) => pending.finish.apply(file),
            None => pending.finish.date(file),
        }
        Ok(())
    }

    /// Removes what was written of a file that is lost. What of an item is left then goes with the
    /// transfer.
    fn remove_lost(&self, underway: &mut Underway, pending: &Pending) {
        let identity =
            pending.file.as_ref().map_or(Ok(pending.identity), |file| Identity::of(file).map(Some));
        let (Ok(Some(identity)), Some((within, name))) = (identity, &pending.at.within) else {
            return;
        };
        let mut reach = std::mem::take(&mut underway.reach);
        if let Ok(folder) = reach.folder(&self.place.folder, &self.items, &self.tree(), *within) {
            // Its item is not said to be whole, whether this can be done or not.
            let _ = folder.remove_own(name.as_os_str(), identity);
        }
        underway.reach = reach;
    }

    /// Checks a chunk and opens its file.
    fn start(&self, entry: u32, offset: u64, length: usize) -> Result<Chunk, Refusal> {
        let mut underway = self.underway();
        if underway.over {
            return Ok(Chunk::Ignore(0..0));
        }
        let Some(span) = underway.layout.span(entry) else {
            let forgotten = entry < underway.layout.entries();
            return if forgotten {
                Ok(Chunk::Ignore(0..0))
            } else {
                Err(Refusal::protocol("sent bytes of a file that it has not named"))
            };
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
        let Some(index) = underway.pending.get(&entry).map(|pending| pending.at.item) else {
            return Ok(Chunk::Ignore(0..0));
        };
        let stream =
            self.items.get(index).is_some_and(|item| item.planned.kind == ItemKind::Stream);
        if stream && range.end > underway.taken.bytes {
            self.place
                .room
                .take(&self.what, Cost::content(range.end.saturating_sub(underway.taken.bytes)))?;
            underway.taken.bytes = range.end;
        }
        let opened = if underway.pending.get(&entry).is_some_and(|pending| pending.lost) {
            Ok(None)
        } else {
            underway.is_another(entry);
            self.file(&mut underway, entry)
        };
        let opened =
            opened.map_err(|error| Refusal::disk(self.what_of(&underway, entry), &error))?;
        let Some(file) = opened else {
            // It goes nowhere, and counts as written.
            underway.written.insert(range.clone());
            if underway.written.pieces() > self.pieces() {
                return Err(Refusal::protocol("sent a file in too many pieces"));
            }
            self.complete(&mut underway, entry)?;
            underway.forget_written();
            return Ok(Chunk::Ignore(range));
        };
        let Some(pending) = underway.pending.get_mut(&entry) else {
            return Ok(Chunk::Ignore(0..0));
        };
        pending.writers = pending.writers.saturating_add(1);
        let among_others = pending.at.within.is_some() || self.items.len() > 1;
        let ends = [range.end, span.end].map(|end| end.saturating_sub(span.start));
        let ahead = pending.ask_ahead(offset, ends, stream);
        // Not into a hole that is known already.
        let free = ahead.and_then(|_| underway.written.first_missing(range.end, span.end));
        let allocate = ahead
            .zip(free)
            .map(|(until, free)| (offset..until.min(free.end.saturating_sub(span.start)), !stream));
        underway.busy = underway.busy.saturating_add(1);
        Ok(Chunk::Write(Turn {
            file,
            range,
            new,
            allocate,
            item: index,
            may_miss: self.faithful && among_others && !stream,
        }))
    }

    /// The part of a turn that takes time.
    fn put(&self, turn: &Turn, offset: u64, data: &[u8]) -> Result<Stored, Refusal> {
        let what = self.items.get(turn.item).map_or(&self.what, |item| &item.named);
        self.place.room.writing(
            what,
            turn.range.end.saturating_sub(turn.range.start),
            &self.place.folder,
            &self.place.path,
        )?;
        if let Some((range, sure)) = &turn.allocate {
            // If a file system cannot be asked, or is asked for more than there may be, the write
            // itself will tell.
            if let Err(error) = allocate(&turn.file, range)
                && Cause::of(&error) == Some(Cause::Full)
                && *sure
            {
                return Err(Refusal::disk(what, &error));
            }
        }
        for new in turn.new.iter(usize::MAX) {
            let [from, to] = [new.start, new.end].map(|at| {
                usize::try_from(at.saturating_sub(turn.range.start)).unwrap_or(usize::MAX)
            });
            let at = offset.saturating_add(new.start.saturating_sub(turn.range.start));
            match write_all_at(&turn.file, data.get(from..to).unwrap_or_default(), at) {
                Err(error) if error.kind() == io::ErrorKind::FileTooLarge && turn.may_miss => {
                    return Ok(Stored::TooLarge);
                }
                written => written.map_err(|error| Refusal::disk(what, &error))?,
            }
        }
        Ok(Stored::Here)
    }

    pub(super) fn what_of(&self, underway: &Underway, entry: u32) -> Subject {
        underway
            .pending
            .get(&entry)
            .map_or_else(|| self.what.clone(), |pending| self.named(&pending.at))
    }
}

impl Underway {
    /// Bytes of a file with which the disk is to begin now: all up to there are written.
    fn begin(&mut self, entry: u32) -> Option<Range<u64>> {
        let span = self.layout.span(entry)?;
        let pending = self.pending.get_mut(&entry)?;
        let begun = span.start.saturating_add(pending.begun);
        let missing = self.written.first_missing(begun, span.end);
        let here = missing.map_or(span.end, |missing| missing.start).saturating_sub(span.start);
        let until = here.saturating_sub(here % BEGIN);
        (until > pending.begun).then(|| std::mem::replace(&mut pending.begun, until)..until)
    }
}

impl Pending {
    /// Of so many bytes from an offset on there is a hole. What the disk was asked for there is
    /// given back, or the hole would be none.
    fn hole(&mut self, offset: u64, length: u64) {
        self.holes = true;
        if offset < self.allocated
            && let Some(file) = &self.file
        {
            // A file system that cannot give it back has zeros there all the same.
            let _ = punch(file, offset, length);
        }
    }

    /// Up to where to ask the disk for space before bytes up to `end` of `size` are written. A file
    /// of one chunk is not worth asking for. Of a stream nobody knows the end, so as much is asked
    /// for as has come.
    fn ask_ahead(&mut self, offset: u64, [end, size]: [u64; 2], stream: bool) -> Option<u64> {
        let ahead = if stream { offset.min(AHEAD) } else { AHEAD };
        let until = offset.saturating_add(ahead).min(size);
        if end <= self.allocated || until <= end || size <= ONE_CHUNK {
            return None;
        }
        self.allocated = until;
        Some(until)
    }
}
