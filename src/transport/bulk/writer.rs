//! The two threads that send: one reads and seals, one writes what is sealed.

use super::{Command, News, Tables};
use crate::files::outbox::{Outgoing, Read};
use pinhole_protocol::limits::CHUNK_DATA;
use pinhole_protocol::links::LinkId;
use pinhole_protocol::records::{ChunkHead, RecordBuf, Sealer};
use pinhole_protocol::wire::ItemId;
use socket2::Socket;
use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::net::Shutdown;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvError, SyncSender, TryRecvError, sync_channel};
use tokio::sync::mpsc;

/// Records in one batch: 256 KiB of file bytes for one system call. Larger ones gained nothing
/// (PEERS.md).
const BATCH: usize = 4;
/// Batches of a link: one being sealed, one being written, the others between them.
const BATCHES: usize = 5;

/// Sealed records on their way to the socket, in buffers that come back to be filled again.
struct Batch {
    records: Vec<RecordBuf>,
    filled: usize,
}

/// Starts both threads.
pub(super) fn start(
    id: LinkId,
    socket: Socket,
    sealer: Sealer,
    commands: Receiver<Command>,
    tables: Tables,
    news: mpsc::Sender<(LinkId, News)>,
) -> io::Result<()> {
    let (full, to_write) = sync_channel::<Batch>(BATCHES);
    let (empty, to_fill) = sync_channel::<Batch>(BATCHES);
    for _ in 0..BATCHES {
        // The channel holds exactly as many as there are, so this never waits.
        let _ = empty.send(Batch { records: Vec::new(), filled: 0 });
    }
    let flushed = news.clone();
    std::thread::Builder::new().name("link writer".into()).spawn(move || {
        // The reader notices a broken connection and says so; what cannot be written any more is
        // dropped.
        let _ = write_batches(&socket, &to_write, &empty);
        let _ = socket.shutdown(Shutdown::Write);
        let _ = flushed.blocking_send((id, News::Flushed));
    })?;
    let mut sealing = Sealing {
        id,
        sealer,
        tables,
        news,
        full,
        to_fill,
        batch: None,
        grants: VecDeque::new(),
        source: None,
    };
    std::thread::Builder::new().name("link sealer".into()).spawn(move || {
        // Both ways out, no more commands and a writer that has ended, are an end and not a
        // failure.
        let _ = sealing.run(&commands);
    })?;
    Ok(())
}

fn write_batches(
    mut socket: &Socket,
    batches: &Receiver<Batch>,
    empty: &SyncSender<Batch>,
) -> io::Result<()> {
    while let Ok(mut batch) = batches.recv() {
        let mut slices: Vec<IoSlice<'_>> = batch
            .records
            .iter()
            .take(batch.filled)
            .map(|record| IoSlice::new(record.wire()))
            .collect();
        let mut rest: &mut [IoSlice<'_>] = &mut slices;
        while !rest.is_empty() {
            match socket.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        batch.filled = 0;
        // The sealing thread has ended if nobody takes it back.
        let _ = empty.send(batch);
    }
    Ok(())
}

/// The sealing thread has nothing more to do.
struct Ended;

impl From<RecvError> for Ended {
    fn from(_: RecvError) -> Self {
        Self
    }
}

struct Sealing {
    id: LinkId,
    sealer: Sealer,
    tables: Tables,
    news: mpsc::Sender<(LinkId, News)>,
    full: SyncSender<Batch>,
    to_fill: Receiver<Batch>,
    batch: Option<Batch>,
    /// Each with its first position not yet sent.
    grants: VecDeque<(ItemId, Range<u64>, u64)>,
    /// The source of the grant being served.
    source: Option<(ItemId, Arc<Outgoing>)>,
}

impl Sealing {
    fn run(&mut self, commands: &Receiver<Command>) -> Result<(), Ended> {
        loop {
            // Control first: a text overtakes the file bytes that are not sealed yet.
            match commands.try_recv() {
                Ok(command) => self.take(command)?,
                Err(TryRecvError::Empty) if self.grants.is_empty() => {
                    self.flush()?;
                    let command = commands.recv()?;
                    self.take(command)?;
                }
                Err(TryRecvError::Empty) => self.chunk()?,
                // Granted ranges are not sent any more: the conversation is over.
                Err(TryRecvError::Disconnected) => return self.flush(),
            }
        }
    }

    fn take(&mut self, command: Command) -> Result<(), Ended> {
        match command {
            Command::Control(body) => {
                let sealer = &mut self.sealer;
                let record = Self::record(&mut self.batch, &self.to_fill)?;
                sealer.seal_control(record, &body).map_err(|_| Ended)?;
                self.sealed()?;
                // It does not wait for file bytes, whose disk may be slow.
                self.flush()?;
                self.tell(News::Taken)
            }
            Command::Grant(item, range) => {
                self.grants.push_back((item, range.clone(), range.start));
                Ok(())
            }
        }
    }

    /// Reads and seals the next piece of the first grant.
    fn chunk(&mut self) -> Result<(), Ended> {
        let Some((item, range, position)) = self.grants.front_mut() else { return Ok(()) };
        let (item, whole, from) = (*item, range.clone(), *position);
        if self.source.as_ref().is_none_or(|(current, _)| *current != item) {
            self.source = self.tables.source(item).map(|source| (item, source));
        }
        let Some((_, source)) = &self.source else {
            self.grants.pop_front(); // Withdrawn meanwhile.
            return self.tell(News::Unserved);
        };
        let record = Self::record(&mut self.batch, &self.to_fill)?;
        let most =
            usize::try_from(whole.end.saturating_sub(from)).unwrap_or(usize::MAX).min(CHUNK_DATA);
        let buffer = record.data_mut();
        let room = buffer.get_mut(..most).unwrap_or_default();
        match source.read(from, room) {
            Ok(None) => {
                // Released: the receiver has it all, and said so after this was granted.
                self.grants.pop_front();
                self.tell(News::Sent(item))?;
            }
            Ok(Some(Read::Bytes { entry, offset, len })) => {
                let head = ChunkHead { transfer: item, entry, offset };
                self.sealer.seal_chunk(record, head, len).map_err(|_| Ended)?;
                *position = from.saturating_add(len as u64);
                let done = *position >= whole.end;
                self.sealed()?;
                if done {
                    self.grants.pop_front();
                    self.tell(News::Sent(item))?;
                }
            }
            Ok(Some(Read::Gap { end, why })) => {
                *position = end.min(whole.end);
                let done = *position >= whole.end;
                self.tell(News::Gap(item, from..end, why))?;
                if done {
                    self.grants.pop_front();
                    self.tell(News::Sent(item))?;
                }
            }
            Err(failure) => {
                // Further grants of it find no source any more.
                self.grants.pop_front();
                self.source = None;
                self.tables.remove_source(item);
                self.tell(News::Unread(item, failure))?;
                self.tell(News::Unserved)?;
            }
        }
        Ok(())
    }

    /// The buffer that the next record is made in.
    fn record<'a>(
        batch: &'a mut Option<Batch>,
        to_fill: &Receiver<Batch>,
    ) -> Result<&'a mut RecordBuf, Ended> {
        let batch = match batch {
            Some(batch) => batch,
            None => batch.insert(to_fill.recv()?),
        };
        if batch.records.len() <= batch.filled {
            batch.records.push(RecordBuf::default());
        }
        batch.records.get_mut(batch.filled).ok_or(Ended)
    }

    /// A record was sealed; hands the batch over if it is full.
    fn sealed(&mut self) -> Result<(), Ended> {
        if let Some(batch) = &mut self.batch {
            batch.filled += 1;
            if batch.filled >= BATCH {
                return self.flush();
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Ended> {
        match self.batch.take() {
            Some(batch) if batch.filled > 0 => self.full.send(batch).map_err(|_| Ended),
            batch => {
                self.batch = batch;
                Ok(())
            }
        }
    }

    fn tell(&self, news: News) -> Result<(), Ended> {
        self.news.blocking_send((self.id, news)).map_err(|_| Ended)
    }
}
