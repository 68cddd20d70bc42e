//! A transfer to standard output (`-o -`): one file or stream, in order, through a thread of its
//! own, because whoever reads the output may take any time and a link must not wait for that.

use super::room::{Cost, Most, Room};
use super::{Refusal, Saved, plan};
use crate::failure::{Failure, Kind, Subject};
use crate::files::name::FileName;
use pinhole_protocol::limits::{CREDIT, PIECES};
use pinhole_protocol::transfers::Whole;
use pinhole_protocol::wire::{
    Differences, EntryKind, Item, ItemKind, Offer, Part, PeerName, Place, Reason,
};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// A transfer that goes to an output.
pub struct Output {
    offered: PeerName,
    name: FileName,
    kind: ItemKind,
    size: Option<u64>,
    room: Room,
    state: Arc<Mutex<State>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Bytes that have come and not gone yet.
struct State {
    /// End of the bytes that the thread has been given, and the way to it.
    next: u64,
    queue: Option<Sender<Run>>,
    /// Bytes that came before those in front of them, by their offset.
    early: BTreeMap<u64, Run>,
    /// Bytes held here or by the thread, at most [`CREDIT`].
    held: u64,
    /// Bytes that may come, once the entry is registered.
    size: Option<u64>,
    /// Bytes of a stream counted against `--max-size`.
    taken: u64,
    over: bool,
    failed: Option<Refusal>,
}

impl Output {
    /// Starts the thread that writes to `sink`. It calls `report` with each range of positions that
    /// the sink took, in order, and once with the refusal if the sink fails. `max_size` limits the
    /// whole, in bytes.
    ///
    /// # Errors
    /// A [`Refusal`] for an offer that is not one file or one stream, or is too large.
    pub fn begin(
        offer: &Offer,
        max_size: Option<u64>,
        sink: impl Write + Send + 'static,
        report: impl Fn(Result<Range<u64>, Refusal>) + Send + 'static,
    ) -> Result<Self, Refusal> {
        plan::check_shape(offer)?;
        let [offered @ Item { kind: kind @ (ItemKind::File | ItemKind::Stream), size, .. }] =
            offer.items.as_slice()
        else {
            let detail = "the other side offers a folder or several items, but standard output \
                          takes a single file";
            return Err(Refusal::not_wanted(detail, "take into a folder instead: -o DIR"));
        };
        let parsed = FileName::parse(offered.bytes())
            .map_err(|error| Refusal::name(format!("the offer was not accepted: {error}")))?;
        let room = Room::new(Most { bytes: max_size, entries: None }, 0.0);
        room.take(&Subject::from(&parsed.name), Cost::content(size.unwrap_or(0)))?;
        let (queue, runs) = mpsc::channel();
        let state = State {
            next: 0,
            queue: Some(queue),
            early: BTreeMap::new(),
            held: 0,
            size: None,
            taken: 0,
            over: false,
            failed: None,
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || drain(&runs, sink, &shared, report));
        let thread = Mutex::new(Some(thread.map_err(|error| Refusal::disk(&parsed.name, &error))?));
        let offered = PeerName::new(offered.bytes().to_vec());
        Ok(Self { offered, name: parsed.name, kind: *kind, size: *size, room, state, thread })
    }

    /// Takes the one entry in.
    ///
    /// # Errors
    /// A [`Refusal`] for any other entry.
    pub fn register(&self, part: &Part) -> Result<(), Refusal> {
        let mut state = lock(&self.state);
        let [entry] = part.entries.as_slice() else {
            return Err(Refusal::protocol("sent entries that it has not offered"));
        };
        let named = entry.place() == Some(Place::Item(0));
        if state.size.is_some()
            || part.first != 0
            || !named
            || entry.kind != EntryKind::File
            || entry.size.is_some() != self.size.is_some()
        {
            return Err(Refusal::protocol("sent an entry that contradicts its offer"));
        }
        if entry.size != self.size {
            return Err(Refusal::changed(
                Subject::from(&self.name)
                    .was_not("taken: its size has changed since it was offered"),
            ));
        }
        state.size = Some(entry.size.unwrap_or(u64::MAX));
        Ok(())
    }

    /// Hands a chunk to the output's thread, or keeps it until those before it are here; `report`
    /// says when it is written. A chunk that was here before, or comes after the end of the
    /// transfer, is ignored.
    ///
    /// # Errors
    /// A [`Refusal`] for bytes beyond the size, for too much, for more than is ever asked for at
    /// once, and if the sink has failed.
    pub fn write(&self, entry: u32, offset: u64, data: &[u8]) -> Result<(), Refusal> {
        let mut state = lock(&self.state);
        if state.over {
            return Ok(());
        }
        if let Some(failed) = &state.failed {
            return Err(failed.clone());
        }
        let size = state
            .size
            .filter(|_| entry == 0)
            .ok_or_else(|| Refusal::protocol("sent bytes of a file that it has not named"))?;
        let end = offset.checked_add(length(data)).filter(|end| *end <= size);
        let end =
            end.ok_or_else(|| Refusal::protocol("sent more of a file than it said there is"))?;
        if self.kind == ItemKind::Stream && end > state.taken {
            self.room
                .take(&Subject::from(&self.name), Cost::content(end.saturating_sub(state.taken)))?;
            state.taken = end;
        }
        state.keep(offset, end, &|from, to| {
            let [from, to] = [from, to]
                .map(|place| usize::try_from(place.saturating_sub(offset)).unwrap_or(usize::MAX));
            Run::Bytes(data.get(from..to).unwrap_or_default().to_vec())
        });
        // However few bytes each has, it costs a buffer.
        if state.early.len() > PIECES {
            return Err(Refusal::protocol("sent a file in too many pieces"));
        }
        if state.held > CREDIT {
            return Err(Refusal::protocol("sent more than was asked for"));
        }
        state.pass_on();
        Ok(())
    }

    /// Has zeros written at these positions, in their turn; what is not to be had ends the
    /// transfer.
    ///
    /// # Errors
    /// A [`Refusal`] for positions beyond the size, for too many pieces, and for what is not to be
    /// had.
    pub fn gap(&self, range: Range<u64>, why: Option<Reason>) -> Result<(), Refusal> {
        let mut state = lock(&self.state);
        if why.is_some() {
            return Err(Refusal::changed(
                Subject::from(&self.name)
                    .was_not("taken: it could not be read to its end at the other side"),
            ));
        }
        if state.over {
            return Ok(());
        }
        if state.size.is_none_or(|size| range.end > size) {
            return Err(Refusal::protocol("sent more of a file than it said there is"));
        }
        state.keep(range.start, range.end, &|from, to| Run::Zeros(to.saturating_sub(from)));
        if state.early.len() > PIECES {
            return Err(Refusal::protocol("sent a file in too many pieces"));
        }
        state.pass_on();
        Ok(())
    }

    /// Waits for the thread, and says what was delivered.
    ///
    /// # Errors
    /// A [`Refusal`] if not all that `whole` counts has been written, or the sink has failed.
    pub fn commit(&self, whole: &Whole) -> Result<Saved, Refusal> {
        self.commit_counted(whole.entries(), whole.bytes())
    }

    fn commit_counted(&self, entries: u32, bytes: u64) -> Result<Saved, Refusal> {
        drop(lock(&self.state).queue.take());
        if let Some(thread) = lock(&self.thread).take() {
            // A sink that panics has not taken its last chunk, which `held` still counts.
            let _ = thread.join();
        }
        let mut state = lock(&self.state);
        if let Some(failed) = &state.failed {
            return Err(failed.clone());
        }
        let complete =
            state.size.is_some_and(|size| size == bytes || self.kind == ItemKind::Stream);
        if state.over || entries != 1 || !complete || state.next != bytes || state.held != 0 {
            return Err(Refusal::protocol("ended a transfer before all of it had arrived"));
        }
        state.over = true;
        let original = (self.name.bytes() != self.offered.raw()).then(|| self.offered.clone());
        Ok(Saved {
            original,
            size: bytes,
            files: 1,
            ..Saved::new(self.name.clone(), false, Differences::default())
        })
    }

    /// Lets the thread end after the chunk that it is writing; nothing more is written.
    pub fn discard(&self) {
        let mut state = lock(&self.state);
        state.over = true;
        state.queue = None;
        state.early.clear();
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.discard();
    }
}

/// A run of a file's content.
enum Run {
    Bytes(Vec<u8>),
    Zeros(u64),
}

impl State {
    /// Keeps what of `offset..end` was not here before; `run` makes what lies from one place to
    /// another.
    fn keep(&mut self, offset: u64, end: u64, run: &dyn Fn(u64, u64) -> Run) {
        let mut at = offset.max(self.next);
        while at < end {
            let before = self
                .early
                .range(..=at)
                .next_back()
                .map(|(start, run)| start.saturating_add(run.length()));
            if let Some(known) = before.filter(|known| *known > at) {
                at = known;
                continue;
            }
            let until = self.early.range(at..).next().map_or(end, |(start, _)| end.min(*start));
            let new = run(at, until);
            self.held = self.held.saturating_add(new.held());
            self.early.insert(at, new);
            at = until;
        }
    }

    /// Gives the thread all that is next in order.
    fn pass_on(&mut self) {
        while let Some(run) = self.early.remove(&self.next) {
            self.next = self.next.saturating_add(run.length());
            if let Some(queue) = &self.queue {
                // The thread ends early only when the sink has failed, and then the next chunk is
                // refused.
                let _ = queue.send(run);
            }
        }
    }
}

impl Run {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => length(bytes),
            Self::Zeros(count) => *count,
        }
    }

    /// Bytes of memory.
    fn held(&self) -> u64 {
        if let Self::Bytes(bytes) = self { length(bytes) } else { 0 }
    }

    fn write(&self, sink: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => sink.write_all(bytes)?,
            Self::Zeros(count) => {
                io::copy(&mut io::repeat(0).take(*count), sink)?;
            }
        }
        sink.flush()
    }
}

/// Body of the thread: writes each run, flushes it, and reports those of bytes.
fn drain(
    runs: &Receiver<Run>,
    mut sink: impl Write,
    state: &Mutex<State>,
    report: impl Fn(Result<Range<u64>, Refusal>),
) {
    let mut start: u64 = 0;
    for run in runs {
        if lock(state).over {
            return;
        }
        if let Err(error) = run.write(&mut sink) {
            let refusal = refusal(&error);
            lock(state).failed = Some(refusal.clone());
            report(Err(refusal));
            return;
        }
        let end = start.saturating_add(run.length());
        let mut waiting = lock(state);
        waiting.held = waiting.held.saturating_sub(run.held());
        drop(waiting);
        if let Run::Bytes(_) = run {
            report(Ok(start..end));
        }
        start = end;
    }
}

/// A closed pipe is the reader's decision; everything else is a disk.
fn refusal(error: &io::Error) -> Refusal {
    if error.kind() != io::ErrorKind::BrokenPipe {
        return Refusal::disk("the output", error);
    }
    let detail = "the program that reads the output closed it before everything was written";
    Refusal { reason: Reason::OutputClosed, failure: Failure::new(Kind::OutputClosed, detail) }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Output {
    /// Without the bytes that are held.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
