//! The thread that receives: reads, opens in place, writes chunks to their files, passes control
//! on.

use super::{News, Tables};
use crate::files::inbox::{Receiving, Written};
use pinhole_protocol::conversation::LinkEnd;
use pinhole_protocol::limits::RECORD_CIPHERTEXT;
use pinhole_protocol::links::LinkId;
use pinhole_protocol::records::{ChunkHead, Opened, Opener, RecordError, record_length};
use pinhole_protocol::wire::ItemId;
use socket2::Socket;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

/// Time that a read waits before it reports that it waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes read at once: what a sender's batch holds, twice, so that a read rarely ends inside a
/// record.
const BUFFER: usize = 512 << 10;
/// Positions written that are reported at once, if no pause in the stream reports them sooner.
const REPORT: u64 = 1 << 20;
/// Length field of a record.
const HEADER: usize = 4;

/// Starts the thread.
pub(super) fn start(mut reading: Reading, socket: Socket) -> io::Result<()> {
    std::thread::Builder::new().name("link reader".into()).spawn(move || {
        if let Err(Ended(Some(end))) = reading.run(&socket) {
            // Whatever is written counts, however the link ended (SPEC 6.2).
            let _ = reading.report();
            // The driver has ended if it does not listen.
            let _ = reading.news.blocking_send((reading.id, News::Down(end)));
        }
    })?;
    Ok(())
}

/// Why reading ended; nothing if nobody listens any more.
struct Ended(Option<LinkEnd>);

pub(super) struct Reading {
    id: LinkId,
    opener: Opener,
    tables: Tables,
    news: mpsc::Sender<(LinkId, News)>,
    /// True once this side has said its greeting.
    greeted: Arc<AtomicBool>,
    /// True once control has come, of which the peer's greeting is the first.
    heard: bool,
    /// The transfer that the last chunk belonged to.
    sink: Option<(ItemId, Arc<Receiving>)>,
    /// Written and not yet reported.
    wrote: Option<(ItemId, Range<u64>)>,
}

impl Reading {
    pub(super) const fn new(
        id: LinkId,
        opener: Opener,
        tables: Tables,
        news: mpsc::Sender<(LinkId, News)>,
        greeted: Arc<AtomicBool>,
    ) -> Self {
        Self { id, opener, tables, news, greeted, heard: false, sink: None, wrote: None }
    }

    fn run(&mut self, mut socket: &Socket) -> Result<(), Ended> {
        // Records are opened where they lie, secrets among them.
        let mut buffer = Zeroizing::new(vec![0; BUFFER]);
        let mut filled = 0;
        let mut waiting_since = None::<Instant>;
        loop {
            match socket.read(buffer.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => return Err(Ended(Some(LinkEnd::Closed))),
                Ok(read) => {
                    waiting_since = None;
                    filled += read;
                    let used = self.records(buffer.get_mut(..filled).unwrap_or_default())?;
                    buffer.copy_within(used..filled, 0);
                    filled -= used;
                    self.report()?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    // The wait began when this read did, one patience ago.
                    let since = *waiting_since.get_or_insert_with(|| {
                        Instant::now().checked_sub(PATIENCE).unwrap_or_else(Instant::now)
                    });
                    self.tell(News::Quiet(since.elapsed()))?;
                }
                Err(_) => return Err(Ended(Some(LinkEnd::Closed))),
            }
        }
    }

    /// Takes every whole record at the front of `bytes`; returns how many bytes they were.
    fn records(&mut self, bytes: &mut [u8]) -> Result<usize, Ended> {
        let mut used = 0;
        let mut rest = bytes;
        while let Some((header, after)) = rest.split_first_chunk_mut::<HEADER>() {
            let length = record_length(*header).map_err(|_| Ended(Some(LinkEnd::Tampered)))?;
            // A record always fits the buffer, so a missing part of it is only late.
            const { assert!(HEADER + RECORD_CIPHERTEXT <= BUFFER) };
            let Some((record, after)) = after.split_at_mut_checked(length) else { break };
            self.record(record)?;
            used += HEADER + length;
            rest = after;
        }
        Ok(used)
    }

    fn record(&mut self, record: &mut [u8]) -> Result<(), Ended> {
        let opened = self.opener.open(record).map_err(|error| match error {
            RecordError::Malformed => Ended(Some(LinkEnd::Malformed)),
            _ => Ended(Some(LinkEnd::Tampered)),
        });
        match opened? {
            Opened::Control(body) => {
                let body = Zeroizing::new(body.to_vec());
                self.report()?;
                self.heard = true;
                self.tell(News::Control(body))
            }
            // It was not put into use, so nothing of it counts (SPEC 6.2).
            Opened::Chunk(..) if !(self.heard && self.greeted.load(Ordering::Acquire)) => {
                Err(Ended(Some(LinkEnd::Closed)))
            }
            Opened::Chunk(head, data) => {
                if self.sink.as_ref().is_none_or(|(item, _)| *item != head.transfer) {
                    self.sink = self.tables.sink(head.transfer).map(|sink| (head.transfer, sink));
                }
                // Chunks of a finished, cancelled or unknown transfer are ignored (SPEC 7.4).
                let Some((_, sink)) = &self.sink else { return Ok(()) };
                match sink.write(head.entry, head.offset, data) {
                    Ok(Written::Now(range)) => self.wrote(&head, range),
                    Ok(Written::Later) => Ok(()),
                    Err(refusal) => {
                        self.sink = None;
                        self.tables.remove_sink(head.transfer);
                        self.report()?;
                        self.tell(News::Refused(head.transfer, refusal))
                    }
                }
            }
        }
    }

    /// Notes a written range, and reports it once it is long or the next does not continue it.
    fn wrote(&mut self, head: &ChunkHead, range: Range<u64>) -> Result<(), Ended> {
        match &mut self.wrote {
            Some((item, before)) if *item == head.transfer && before.end == range.start => {
                before.end = range.end
            }
            _ => {
                self.report()?;
                self.wrote = Some((head.transfer, range));
            }
        }
        match &self.wrote {
            Some((_, range)) if range.end.saturating_sub(range.start) >= REPORT => self.report(),
            _ => Ok(()),
        }
    }

    fn report(&mut self) -> Result<(), Ended> {
        match self.wrote.take() {
            Some((item, range)) => self.tell(News::Wrote(item, range)),
            None => Ok(()),
        }
    }

    fn tell(&self, news: News) -> Result<(), Ended> {
        self.news.blocking_send((self.id, news)).map_err(|_| Ended(None))
    }
}
