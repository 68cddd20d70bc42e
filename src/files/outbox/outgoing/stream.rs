//! Bytes of unknown number: standard input or a named pipe, read ahead by a thread of its own as
//! far as a transfer's credit reaches.

use super::{Next, Read};
use crate::failure::{Failure, Kind};
use crate::files::outbox::failure::SourceFailure;
use crate::files::outbox::fence::Fence;
use crate::files::outbox::held;
use crate::platform::file::{How, open_at};
use pinhole_protocol::limits;
use pinhole_protocol::wire::{Entry, EntryKind};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Name of standard input as an entry.
pub(in crate::files::outbox) const STDIN: &str = "stdin";
/// Bytes that may wait to be written at the receiver. More could not be under way, and they all
/// stay for a link that is lost.
const AHEAD: usize = limits::CREDIT as usize;

/// Progress of reading a stream. The latest counts, so a channel that keeps only one is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Available {
    /// Positions below this can be read.
    pub bytes: u64,
    /// True if that is the whole stream.
    pub ended: bool,
}

/// A stream that is being sent.
pub(super) struct Stream {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Bytes that are read and not yet released.
    buffer: VecDeque<u8>,
    /// The position of its first byte.
    start: u64,
    ended: Option<Result<(), SourceFailure>>,
    entry_said: bool,
    stopped: bool,
}

impl Stream {
    /// Begins to read `input`, and calls `told` after each read and at the end; not after a
    /// failure, which [`Stream::next_part`] says.
    ///
    /// # Errors
    /// No thread is to be had: exit 1.
    pub fn start(
        name: &str,
        input: impl io::Read + Send + 'static,
        told: impl Fn(Available) + Send + 'static,
    ) -> Result<Self, Failure> {
        let shared = Arc::new(Shared::default());
        let reading = Arc::clone(&shared);
        let path = PathBuf::from(name);
        std::thread::Builder::new()
            .name("stream".into())
            .spawn(move || reading.read_all(input, &path, told))
            .map_err(|error| {
                Failure::new(
                    Kind::Failed,
                    format!("no thread could be started to read {name:?}: {error}"),
                )
            })?;
        Ok(Self { shared })
    }

    pub fn next_part(&self) -> Result<Next, SourceFailure> {
        let mut state = held(&self.shared.state);
        if !std::mem::replace(&mut state.entry_said, true) {
            return Ok(Next::Part(vec![Entry::of_item(0, EntryKind::File)]));
        }
        loop {
            if state.stopped {
                return Ok(Next::Stopped);
            }
            match &state.ended {
                Some(Ok(())) => return Ok(Next::End { entries: 1, bytes: state.end() }),
                Some(Err(failure)) => return Err(failure.clone()),
                None => state = self.shared.wait(state),
            }
        }
    }

    pub fn read(&self, position: u64, buf: &mut [u8]) -> Option<Read> {
        let state = held(&self.shared.state);
        let from = usize::try_from(position.checked_sub(state.start)?).ok()?;
        let (front, back) = state.buffer.as_slices();
        let rest = match from.checked_sub(front.len()) {
            Some(from) => back.get(from..)?,
            None => front.get(from..)?,
        };
        let len = rest.len().min(buf.len());
        buf.get_mut(..len)?.copy_from_slice(rest.get(..len)?);
        (len > 0).then_some(Read::Bytes { entry: 0, offset: position, len })
    }

    pub fn release(&self, below: u64) {
        let mut state = held(&self.shared.state);
        let count = below.min(state.end()).saturating_sub(state.start);
        state.buffer.drain(..usize::try_from(count).unwrap_or(0));
        state.start = state.start.saturating_add(count);
        self.shared.changed.notify_all();
    }

    pub fn stop(&self) {
        held(&self.shared.state).stopped = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop();
    }
}

impl State {
    /// The position after the last byte that is read.
    fn end(&self) -> u64 {
        self.start.saturating_add(self.buffer.len() as u64)
    }
}

impl Shared {
    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: reads to the end, a failure, or the stop.
    fn read_all(&self, mut input: impl io::Read, path: &Path, told: impl Fn(Available)) {
        let mut piece = vec![0; limits::CHUNK_DATA];
        while let Some(room) = self.room() {
            let most = room.min(piece.len());
            let read = input.read(piece.get_mut(..most).unwrap_or_default());
            let mut state = held(&self.state);
            match read {
                Ok(0) => state.ended = Some(Ok(())),
                Ok(len) => state.buffer.extend(piece.get(..len).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    state.ended = Some(Err(SourceFailure::Unreadable {
                        path: path.to_owned(),
                        error: error.to_string(),
                    }))
                }
            }
            let available = Available { bytes: state.end(), ended: state.ended.is_some() };
            let failed = matches!(state.ended, Some(Err(_)));
            drop(state);
            if available.ended {
                self.changed.notify_all();
            }
            if !failed {
                told(available);
            }
        }
    }

    /// Waits until something is released or there is room anyway. Nothing once the stream has ended
    /// or is to stop.
    fn room(&self) -> Option<usize> {
        let mut state = held(&self.state);
        loop {
            if state.stopped || state.ended.is_some() {
                return None;
            }
            match AHEAD.saturating_sub(state.buffer.len()) {
                0 => state = self.wait(state),
                room => return Some(room),
            }
        }
    }
}

/// A named pipe, opened at the first read: opening it waits for its writer.
pub(in crate::files::outbox) struct Pipe {
    path: PathBuf,
    fence: Option<Fence>,
    file: Option<File>,
}

impl Pipe {
    pub const fn new(path: PathBuf, fence: Option<Fence>) -> Self {
        Self { path, fence, file: None }
    }

    fn open(&self) -> io::Result<File> {
        let file = open_at(&self.path, How::Wait)?;
        if let Some(fence) = &self.fence {
            // Something else may have come in the pipe's place.
            fence.admit(&file, &self.path).map_err(|barred| io::Error::other(barred.failure()))?;
        }
        Ok(file)
    }
}

impl io::Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.file.is_none() {
            self.file = Some(self.open()?);
        }
        self.file.as_mut().map_or(Ok(0), |file| file.read(buf))
    }
}
