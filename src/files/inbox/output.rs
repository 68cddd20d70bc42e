//! A transfer to standard output (`-o -`): one file or stream, in order, through a thread of its own, because whoever reads the output may
//! take any time and a link must not wait for that.

use super::room::{Cost, Most, Room};
use super::{Refusal, Saved, plan};
use crate::failure::{Exit, Failure, Subject};
use crate::files::name::FileName;
use pinhole_protocol::limits::CREDIT;
use pinhole_protocol::transfers::Whole;
use pinhole_protocol::wire::{EntryKind, Item, ItemKind, Offer, Part, PeerText, Reason};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// A transfer that goes to an output.
pub struct Output {
    offered: PeerText,
    name: FileName,
    kind: ItemKind,
    size: Option<u64>,
    room: Room,
    state: Arc<Mutex<State>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Pieces that may wait for those in front of them, as of a file.
const PIECES: usize = 16 * pinhole_protocol::limits::RANGES;

/// What has come and not gone yet.
struct State {
    /// Where the bytes end that the thread has been given, and the way to it.
    next: u64,
    queue: Option<Sender<Vec<u8>>>,
    /// Bytes that came before those in front of them, by their offset.
    early: BTreeMap<u64, Vec<u8>>,
    /// Bytes held here or by the thread, at most [`CREDIT`].
    held: u64,
    /// How much may come, once the entry is registered.
    size: Option<u64>,
    /// Bytes of a stream counted against `--max-size`.
    taken: u64,
    over: bool,
    failed: Option<Refusal>,
}

impl Output {
    /// Starts the thread that writes to `sink`. It calls `report` with each range of positions that the sink took, in order, and once with
    /// the refusal if the sink fails. `max_size` limits the whole, in bytes.
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
        let [Item { name: offered, kind: kind @ (ItemKind::File | ItemKind::Stream), size }] = offer.items.as_slice() else {
            let detail = "the other side offers a folder or several items, and standard output takes a single file";
            return Err(Refusal::not_wanted(detail, "take into a folder instead: -o DIR"));
        };
        let parsed = FileName::parse(offered).map_err(|error| Refusal::name(format!("the offer was not accepted: {error}")))?;
        let room = Room::new(Most { bytes: max_size, entries: None }, 0.0);
        room.take(&Subject::from(&parsed.name), Cost::content(size.unwrap_or(0)))?;
        let (queue, chunks) = mpsc::channel();
        let state = State { next: 0, queue: Some(queue), early: BTreeMap::new(), held: 0, size: None, taken: 0, over: false, failed: None };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let thread = thread::Builder::new().name("output".to_owned()).spawn(move || drain(&chunks, sink, &shared, report));
        let thread = Mutex::new(Some(thread.map_err(|error| Refusal::disk(&parsed.name, &error))?));
        Ok(Self { offered: offered.clone(), name: parsed.name, kind: *kind, size: *size, room, state, thread })
    }

    /// Takes the one entry in.
    ///
    /// # Errors
    /// A [`Refusal`] for any other entry.
    pub fn register(&self, part: &Part) -> Result<(), Refusal> {
        let mut state = lock(&self.state);
        let [entry] = part.entries.as_slice() else { return Err(Refusal::protocol("sent entries that it has not offered")) };
        let named = matches!(entry.path.as_slice(), [name] if *name == self.offered);
        if state.size.is_some() || part.first != 0 || !named || entry.kind != EntryKind::File || entry.size.is_some() != self.size.is_some()
        {
            return Err(Refusal::protocol("sent an entry that contradicts its offer"));
        }
        if entry.size != self.size {
            return Err(Refusal::changed(Subject::from(&self.name).was_not("taken: its size has changed since it was offered")));
        }
        state.size = Some(entry.size.unwrap_or(u64::MAX));
        Ok(())
    }

    /// Hands a chunk to the output's thread, or keeps it until those before it are here; `report` says when it is written. A chunk that was
    /// here before, or comes after the end of the transfer, is ignored.
    ///
    /// # Errors
    /// A [`Refusal`] for bytes beyond the size, for too much, for more than is ever asked for at once, and if the sink has failed.
    pub fn write(&self, entry: u32, offset: u64, data: &[u8]) -> Result<(), Refusal> {
        let mut state = lock(&self.state);
        if state.over {
            return Ok(());
        }
        if let Some(failed) = &state.failed {
            return Err(failed.clone());
        }
        let size = state.size.filter(|_| entry == 0).ok_or_else(|| Refusal::protocol("sent bytes of a file that it has not named"))?;
        let end = offset.checked_add(length(data)).filter(|end| *end <= size);
        let end = end.ok_or_else(|| Refusal::protocol("sent more of a file than it said there is"))?;
        if self.kind == ItemKind::Stream && end > state.taken {
            self.room.take(&Subject::from(&self.name), Cost::content(end.saturating_sub(state.taken)))?;
            state.taken = end;
        }
        state.keep(offset, end, data);
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
        let complete = state.size.is_some_and(|size| size == bytes || self.kind == ItemKind::Stream);
        if state.over || entries != 1 || !complete || state.next != bytes || state.held != 0 {
            return Err(Refusal::protocol("ended a transfer before all of it was here"));
        }
        state.over = true;
        let original = (self.name.as_str() != self.offered.raw()).then(|| self.offered.clone());
        Ok(Saved { name: self.name.clone(), original, path: None, size: bytes, files: 1, folder: false, skipped: false })
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

impl State {
    /// Keeps what of `data`, which lies at `offset..end`, was not here before.
    fn keep(&mut self, offset: u64, end: u64, data: &[u8]) {
        let mut at = offset.max(self.next);
        while at < end {
            let before = self.early.range(..=at).next_back().map(|(start, bytes)| start.saturating_add(length(bytes)));
            if let Some(known) = before.filter(|known| *known > at) {
                at = known;
                continue;
            }
            let until = self.early.range(at..).next().map_or(end, |(start, _)| end.min(*start));
            let [from, to] = [at, until].map(|place| usize::try_from(place.saturating_sub(offset)).unwrap_or(usize::MAX));
            let new = data.get(from..to).unwrap_or_default().to_vec();
            self.held = self.held.saturating_add(length(&new));
            self.early.insert(at, new);
            at = until;
        }
    }

    /// Gives the thread all that is next in order.
    fn pass_on(&mut self) {
        while let Some(bytes) = self.early.remove(&self.next) {
            self.next = self.next.saturating_add(length(&bytes));
            if let Some(queue) = &self.queue {
                // The thread ends early only when the sink has failed, and then the next chunk is refused.
                let _ = queue.send(bytes);
            }
        }
    }
}

/// What the thread does: writes each chunk, flushes it, and says so.
fn drain(chunks: &Receiver<Vec<u8>>, mut sink: impl Write, state: &Mutex<State>, report: impl Fn(Result<Range<u64>, Refusal>)) {
    let mut start: u64 = 0;
    for chunk in chunks {
        if lock(state).over {
            return;
        }
        if let Err(error) = sink.write_all(&chunk).and_then(|()| sink.flush()) {
            let refusal = refusal(&error);
            lock(state).failed = Some(refusal.clone());
            report(Err(refusal));
            return;
        }
        let end = start.saturating_add(length(&chunk));
        let mut waiting = lock(state);
        waiting.held = waiting.held.saturating_sub(length(&chunk));
        drop(waiting);
        report(Ok(start..end));
        start = end;
    }
}

/// A closed pipe is the reader's decision; everything else is a disk.
fn refusal(error: &io::Error) -> Refusal {
    if error.kind() != io::ErrorKind::BrokenPipe {
        return Refusal::disk("the output", error);
    }
    let detail = "the output was closed by the program that reads it, before all was written";
    Refusal { reason: Reason::OutputClosed, failure: Failure::new(Exit::Other, "output-closed", detail) }
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
