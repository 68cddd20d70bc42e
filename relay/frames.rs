//! The frames that come on a connection (RFC 6455, 5.2), read as they stream in: no buffer while
//! nothing comes, and what is too long refused from its head.
//!
//! A WebSocket library's own reader keeps what the longest message ever needed, for each
//! connection; this one gives everything back.

use crate::pool::{Buffer, Pool, SMALL};
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use pinhole_protocol::limits::RELAY_TEXT;
use std::io::{self, Cursor};
use std::sync::Arc;
use tokio::io::{AsyncRead, ReadBuf};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The longest head of a frame (RFC 6455, 5.2): what is read while nothing is known of it.
pub const HEAD: usize = 14;
/// The longest payload of a control frame (RFC 6455, 5.5).
pub const CONTROL: usize = 125;

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A control message of SPEC 10.3.
    Text,
    /// For the other side.
    Binary,
    /// To be answered with a pong.
    Ping,
    /// An answer to a ping.
    Pong,
    /// The connection's end.
    Close,
}

/// No frame that a side may send has come: `protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// The head of a frame whose payload is `length` bytes.
#[derive(Clone, Copy)]
struct Head {
    kind: Kind,
    size: usize,
    length: usize,
    mask: [u8; 4],
}

/// Frames gathered to be forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Whole frames.
    pub frames: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

impl Gathered {
    /// And these too.
    pub const fn add(&mut self, more: Self) {
        self.frames = self.frames.saturating_add(more.frames);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }
}

/// The reason why gathering frames stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The next frame is not whole yet.
    Incomplete,
    /// A ping is to be answered with this.
    Ping(Small),
    /// A pong, which nothing follows from.
    Pong,
    /// The side has said that it ends, with this in its close frame.
    Close(Small),
    /// The next frame is not its to send.
    Broken,
}

/// The payload of a control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Small {
    bytes: [u8; CONTROL],
    length: usize,
}

impl Default for Small {
    fn default() -> Self {
        Self { bytes: [0; CONTROL], length: 0 }
    }
}

impl Small {
    /// The first bytes of `payload`, of which a control frame has no more than fit.
    #[must_use]
    pub fn new(payload: &[u8]) -> Self {
        let mut small = Self { bytes: [0; CONTROL], length: payload.len().min(CONTROL) };
        for (to, from) in small.bytes.iter_mut().zip(payload) {
            *to = *from;
        }
        small
    }

    /// The payload.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Bytes that have come on one connection and were not passed on yet.
///
/// The buffer is `[gathered | gap | come]`: frames that are ready to be forwarded, bytes of no
/// meaning, and what has not been looked at.
pub struct Frames {
    pool: Arc<Pool>,
    buffer: Option<Buffer>,
    gathered: usize,
    start: usize,
    end: usize,
    /// The longest binary frame.
    longest: usize,
}

impl Frames {
    /// Nothing has come. A binary frame may have `longest` bytes.
    #[must_use]
    pub const fn new(pool: Arc<Pool>, longest: usize) -> Self {
        Self { pool, buffer: None, gathered: 0, start: 0, end: 0, longest }
    }

    /// From now on a binary frame may have that many bytes.
    pub const fn allow(&mut self, longest: usize) {
        self.longest = longest;
    }

    /// Reads what there is, and says how many bytes: none is the end. Nothing is lost if the future
    /// is dropped.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx, Pin::new(from))).await
    }

    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        mut from: Pin<&mut impl AsyncRead>,
    ) -> Poll<io::Result<usize>> {
        if self.buffer.is_some() {
            self.make_room();
            let mut room = ReadBuf::new(
                self.buffer
                    .as_mut()
                    .and_then(|buffer| buffer.get_mut(self.end..))
                    .unwrap_or_default(),
            );
            match from.as_mut().poll_read(cx, &mut room) {
                Poll::Ready(result) => {
                    let count = room.filled().len();
                    self.end = self.end.saturating_add(count);
                    return Poll::Ready(result.map(|()| count));
                }
                Poll::Pending if self.start < self.end => return Poll::Pending,
                // Nothing is held and nothing comes: until then the buffer is somebody else's.
                Poll::Pending => self.buffer = None,
            }
        }
        let mut first = [0; HEAD];
        let mut room = ReadBuf::new(&mut first);
        ready!(from.poll_read(cx, &mut room))?;
        let come = room.filled();
        let mut buffer = self.pool.small();
        for (to, from) in buffer.iter_mut().zip(come) {
            *to = *from;
        }
        (self.start, self.end) = (0, come.len());
        self.buffer = Some(buffer);
        Poll::Ready(Ok(self.end))
    }

    /// Moves what has come to the front, into a larger buffer if it needs one.
    fn make_room(&mut self) {
        let Some(buffer) = &mut self.buffer else { return };
        let come = self.start..self.end;
        let length = come.len();
        let wanted = match head(buffer.get(come.clone()).unwrap_or_default(), self.longest) {
            Ok(Some(head)) => head.size.saturating_add(head.length),
            _ => HEAD,
        };
        // Many small frames fill no more than a small buffer, whoever does not read them.
        if buffer.len() == SMALL && wanted > SMALL {
            let mut larger = self.pool.large();
            if let (Some(to), Some(from)) = (larger.get_mut(..length), buffer.get(come)) {
                to.copy_from_slice(from);
            }
            *buffer = larger;
        } else if self.start > 0 {
            buffer.copy_within(come, 0);
        }
        (self.start, self.end) = (0, length);
    }

    /// The next frame, unmasked, if it has come as a whole.
    ///
    /// # Errors
    /// [`Broken`] as soon as a head cannot be that of a frame that may be sent.
    #[expect(
        clippy::should_implement_trait,
        reason = "what it returns is lent, which no iterator can"
    )]
    pub fn next(&mut self) -> Result<Option<(Kind, &mut [u8])>, Broken> {
        let Some(buffer) = self.buffer.as_mut() else { return Ok(None) };
        let Some(come) = buffer.get_mut(self.start..self.end) else { return Ok(None) };
        let Some(head) = head(come, self.longest)? else { return Ok(None) };
        let whole = head.size.saturating_add(head.length);
        let Some(payload) = come.get_mut(head.size..whole) else { return Ok(None) };
        unmask(payload, head.mask);
        self.start = self.start.saturating_add(whole);
        Ok(Some((head.kind, payload)))
    }

    /// Makes ready to be forwarded what has come of whole binary frames: unmasked, with the heads
    /// that a relay sends, one after the other.
    pub fn gather(&mut self) -> (Gathered, Stop) {
        let mut gathered = Gathered::default();
        let stop = loop {
            match self.gather_one() {
                Ok(None) => break Stop::Incomplete,
                Ok(Some((Kind::Binary, payload))) => {
                    gathered.frames = gathered.frames.saturating_add(1);
                    gathered.bytes = gathered.bytes.saturating_add(payload.len() as u64);
                }
                Ok(Some((Kind::Pong, _))) => break Stop::Pong,
                Ok(Some((Kind::Ping, payload))) => break Stop::Ping(Small::new(payload)),
                Ok(Some((Kind::Close, payload))) => break Stop::Close(Small::new(payload)),
                Ok(Some((Kind::Text, _))) | Err(Broken) => break Stop::Broken,
            }
        };
        (gathered, stop)
    }

    fn gather_one(&mut self) -> Result<Option<(Kind, &[u8])>, Broken> {
        let Some(buffer) = self.buffer.as_mut() else { return Ok(None) };
        let Some(head) = head(buffer.get(self.start..self.end).unwrap_or_default(), self.longest)?
        else {
            return Ok(None);
        };
        let from = self.start.saturating_add(head.size);
        let end = from.saturating_add(head.length);
        if end > self.end {
            return Ok(None);
        }
        if let Some(payload) = buffer.get_mut(from..end) {
            unmask(payload, head.mask);
        }
        self.start = end;
        if head.kind != Kind::Binary {
            return Ok(buffer.get(from..end).map(|payload| (head.kind, payload)));
        }
        // Without its mask a head is four bytes shorter, so this never reaches what has yet to be
        // moved.
        let new = header(head.kind, head.length);
        let to = self.gathered.saturating_add(new.bytes().len());
        if let Some(place) = buffer.get_mut(self.gathered..to) {
            place.copy_from_slice(new.bytes());
        }
        buffer.copy_within(from..end, to);
        self.gathered = to.saturating_add(head.length);
        Ok(buffer.get(to..self.gathered).map(|payload| (head.kind, payload)))
    }

    /// Frames that are ready to be forwarded.
    #[must_use]
    pub fn gathered(&self) -> &[u8] {
        self.buffer.as_deref().and_then(|buffer| buffer.get(..self.gathered)).unwrap_or_default()
    }

    /// All of it was forwarded.
    pub const fn forwarded(&mut self) {
        self.gathered = 0;
    }
}

/// Reads the head of a frame from a client, if it is there as a whole.
fn head(bytes: &[u8], longest: usize) -> Result<Option<Head>, Broken> {
    let mut cursor = Cursor::new(bytes);
    let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|_| Broken)? else {
        return Ok(None);
    };
    let size = usize::try_from(cursor.position()).map_err(|_| Broken)?;
    let (kind, most) = match header.opcode {
        OpCode::Data(Data::Text) => (Kind::Text, RELAY_TEXT),
        OpCode::Data(Data::Binary) => (Kind::Binary, longest),
        OpCode::Control(Control::Ping) => (Kind::Ping, CONTROL),
        OpCode::Control(Control::Pong) => (Kind::Pong, CONTROL),
        OpCode::Control(Control::Close) => (Kind::Close, CONTROL),
        // Fragments (SPEC 10.1) and what RFC 6455 reserves.
        OpCode::Data(Data::Continue | Data::Reserved(_))
        | OpCode::Control(Control::Reserved(_)) => return Err(Broken),
    };
    let plain = header.is_final
        && !(header.rsv1 || header.rsv2 || header.rsv3)
        && header.len(length) == size;
    let length = usize::try_from(length).ok().filter(|length| *length <= most);
    match (header.mask, length) {
        (Some(mask), Some(length)) if plain => Ok(Some(Head { kind, size, length, mask })),
        _ => Err(Broken),
    }
}

/// The head of a frame to a client.
#[must_use]
pub fn header(kind: Kind, length: usize) -> Small {
    let opcode = match kind {
        Kind::Text => OpCode::Data(Data::Text),
        Kind::Binary => OpCode::Data(Data::Binary),
        Kind::Ping => OpCode::Control(Control::Ping),
        Kind::Pong => OpCode::Control(Control::Pong),
        Kind::Close => OpCode::Control(Control::Close),
    };
    let mut bytes = Small { bytes: [0; CONTROL], length: 0 };
    let mut cursor = Cursor::new(&mut bytes.bytes[..]);
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    let written = header.format(length as u64, &mut cursor).map(|()| cursor.position());
    bytes.length = written.ok().and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
    bytes
}

/// A whole frame to a client.
#[must_use]
pub fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    [header(kind, payload.len()).bytes(), payload].concat()
}

/// Takes the mask off (RFC 6455, 5.3), eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = payload.chunks_exact_mut(8);
    for word in &mut words {
        if let Ok(bytes) = <[u8; 8]>::try_from(&*word) {
            word.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
        }
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(wide.to_ne_bytes()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests;
