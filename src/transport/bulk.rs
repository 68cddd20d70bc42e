//! The reader and the writer of a link: where file bytes meet the network.
//!
//! A link has three threads, over a connection or over the near end of a relay's
//! ([`super::relay`]). One takes control and grants from the driver, reads file bytes into record
//! buffers and seals them in place; one writes sealed batches to the socket while the next are
//! made; one reads, opens in place and writes chunks to their files itself. Only control, and what
//! was read and written, passes through the driver.

mod reader;
mod writer;

use crate::files::inbox::{Receiving, Refusal};
use crate::files::outbox::{Outgoing, SourceFailure};
use pinhole_protocol::conversation::LinkEnd;
use pinhole_protocol::limits::{LINK_GRANTS, LINK_RECORDS};
use pinhole_protocol::links::LinkId;
use pinhole_protocol::records::{Opener, Sealer};
use pinhole_protocol::wire::{ItemId, Reason};
use socket2::Socket;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

/// Control records and granted ranges that may wait for the sealer: as many as the core hands out
/// before it hears of their end.
const COMMANDS: usize = LINK_RECORDS + LINK_GRANTS;

/// The transfers that the links of a session read from and write to, shared between the driver and
/// every link.
#[derive(Clone, Default)]
pub struct Tables(Arc<Shared>);

#[derive(Default)]
struct Shared {
    sources: RwLock<HashMap<ItemId, Arc<Outgoing>>>,
    sinks: RwLock<HashMap<ItemId, Arc<Receiving>>>,
}

impl Tables {
    /// From now on grants for `item` are served from `source`.
    pub fn add_source(&self, item: ItemId, source: Arc<Outgoing>) {
        self.0.sources.write().unwrap_or_else(PoisonError::into_inner).insert(item, source);
    }

    /// From now on chunks of `item` are written to `sink`.
    pub fn add_sink(&self, item: ItemId, sink: Arc<Receiving>) {
        self.0.sinks.write().unwrap_or_else(PoisonError::into_inner).insert(item, sink);
    }

    /// The source of our transfer.
    #[must_use]
    pub fn source(&self, item: ItemId) -> Option<Arc<Outgoing>> {
        self.0.sources.read().unwrap_or_else(PoisonError::into_inner).get(&item).cloned()
    }

    /// The place of the peer's transfer.
    #[must_use]
    pub fn sink(&self, item: ItemId) -> Option<Arc<Receiving>> {
        self.0.sinks.read().unwrap_or_else(PoisonError::into_inner).get(&item).cloned()
    }

    /// Grants for `item` are no longer served.
    pub fn remove_source(&self, item: ItemId) -> Option<Arc<Outgoing>> {
        self.0.sources.write().unwrap_or_else(PoisonError::into_inner).remove(&item)
    }

    /// Chunks of `item` are ignored from now on.
    pub fn remove_sink(&self, item: ItemId) -> Option<Arc<Receiving>> {
        self.0.sinks.write().unwrap_or_else(PoisonError::into_inner).remove(&item)
    }
}

/// An event on a link, for the driver.
pub enum News {
    /// A control record was opened.
    Control(Zeroizing<Vec<u8>>),
    /// A read has waited this long for its next byte.
    Quiet(Duration),
    /// Positions of the peer's transfer are written.
    Wrote(ItemId, Range<u64>),
    /// A chunk of the peer's transfer could not be written.
    Refused(ItemId, Refusal),
    /// A control record is sealed, so there is room for another.
    Taken,
    /// A granted range was read, sealed and handed to the socket.
    Sent(ItemId),
    /// A granted range was dropped, because its source is gone.
    Unserved,
    /// No bytes come of these positions, which may go on behind what was granted: they are zeros,
    /// or not to be had.
    Gap(ItemId, Range<u64>, Option<Reason>),
    /// A granted range could not be read.
    Unread(ItemId, SourceFailure),
    /// The reader has ended.
    Down(LinkEnd),
    /// The writer has ended: all that was to be sent is sent, or cannot be.
    Flushed,
}

enum Command {
    Control(Zeroizing<Vec<u8>>),
    Grant(ItemId, Range<u64>),
}

/// The driver's hold of a link. Dropping it, or [`Link::close`], lets the writer finish what it was
/// told and end.
pub struct Link {
    commands: Option<SyncSender<Command>>,
    socket: Socket,
    /// True once this side has said something, of which its greeting is the first.
    greeted: Arc<AtomicBool>,
}

impl Link {
    /// Starts the threads of a link over `socket`, a stream whose handshake is confirmed. What they
    /// have to tell arrives in `news` under `id`.
    ///
    /// # Errors
    /// The operating system's, if the socket or a thread cannot be had.
    pub fn start(
        id: LinkId,
        socket: Socket,
        (sealer, opener): (Sealer, Opener),
        tables: &Tables,
        news: mpsc::Sender<(LinkId, News)>,
    ) -> std::io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(reader::PATIENCE))?;
        let (commands, told) = sync_channel(COMMANDS);
        writer::start(id, socket.try_clone()?, sealer, told, tables.clone(), news.clone())?;
        let greeted = Arc::default();
        let reading = reader::Reading::new(id, opener, tables.clone(), news, Arc::clone(&greeted));
        reader::start(reading, socket.try_clone()?)?;
        Ok(Self { commands: Some(commands), socket, greeted })
    }

    /// Hands a control record's body to the writer, which says [`News::Taken`]; false if it has
    /// ended.
    pub fn control(&self, body: Zeroizing<Vec<u8>>) -> bool {
        self.greeted.store(true, Ordering::Release);
        self.tell(Command::Control(body))
    }

    /// Lets the writer send positions of our transfer, which says [`News::Sent`] or
    /// [`News::Unserved`]; false if it has ended.
    pub fn grant(&self, item: ItemId, range: Range<u64>) -> bool {
        self.tell(Command::Grant(item, range))
    }

    fn tell(&self, command: Command) -> bool {
        // It is never full: the core waits for room.
        self.commands.as_ref().is_some_and(|commands| commands.try_send(command).is_ok())
    }

    /// Nothing more will be sent: the writer finishes, says [`News::Flushed`], and ends this
    /// direction of the connection.
    pub fn close(&mut self) {
        self.commands = None;
    }

    /// Cuts the connection.
    pub fn cut(&self) {
        // Already closed is as good.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }
}
