//! One connection from its upgrade to its pair or its end: it hears what the hall decides, and
//! tells the hall what it hears.

use super::Relay;
use super::hall::{Admission, Meeting, Order, Ticket};
use super::socket::Socket;
use crate::forward::forward;
use crate::frames::{Frames, Kind, frame};
use crate::pairing::Input;
use crate::pool::{LARGE, SMALL};
use crate::quotas::Bucket;
use core::net::IpAddr;
use core::time::Duration;
use pinhole_protocol::limits::{ATTEMPT, RELAY_FRAME, RELAY_MESSAGE};
use pinhole_protocol::rendezvous::{Addressed, CloseReason, FromHost, Verb};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a side has to take what is left for it and to end its connection (SPEC 8.5).
pub const LINGER: Duration = Duration::from_secs(5);

/// A connection and everything that belongs to it.
pub struct Side {
    pub(crate) socket: Socket,
    pub(crate) frames: Frames,
    pub(crate) ticket: Ticket,
    pub(crate) admission: Admission,
    pub(crate) relay: Arc<Relay>,
    /// Pings, pongs and control messages that it may still send.
    pub(crate) control: Bucket,
    /// Until then it is not read.
    pub(crate) rests: Option<Instant>,
    /// It is counted as long as this is there.
    _open: Arc<()>,
    seen: IpAddr,
    told: Instant,
}

/// How the waiting ends.
enum Then {
    /// The connection has ended.
    Over,
    /// The other's task goes on with it.
    Bring(oneshot::Sender<Side>),
    /// This task goes on with both.
    Await(oneshot::Receiver<Side>),
}

/// The connection has ended.
struct Ended;

impl Side {
    /// A connection that has just been upgraded, seen at this address.
    pub fn new(
        relay: Arc<Relay>,
        socket: Socket,
        verb: Verb,
        admission: Admission,
        seen: IpAddr,
        open: Arc<()>,
    ) -> Self {
        let longest = if matches!(verb, Verb::Host | Verb::HostAgain(..)) {
            RELAY_MESSAGE + ATTEMPT
        } else {
            RELAY_MESSAGE
        };
        let frames = Frames::new(Arc::clone(&relay.pool), longest);
        let ticket = relay.hall.enter(verb, admission.source());
        let control = Bucket::new(relay.hall.now(), relay.control);
        Self {
            socket,
            frames,
            ticket,
            admission,
            relay,
            control,
            rests: None,
            _open: open,
            seen,
            told: Instant::now(),
        }
    }

    /// The whole life of a connection.
    pub async fn live(mut self) {
        match self.wait().await {
            Then::Over => {}
            // The other's connection may have ended meanwhile.
            Then::Bring(to) => {
                if let Err(mut side) = to.send(self) {
                    side.leave().await;
                }
            }
            Then::Await(from) => match from.await {
                Ok(mut other) => {
                    for side in [&mut other, &mut self] {
                        side.frames.allow(RELAY_FRAME);
                    }
                    Box::pin(forward(other, self)).await;
                }
                Err(_) => self.leave().await,
            },
        }
    }

    /// Until it is paired or ends.
    async fn wait(&mut self) -> Then {
        loop {
            // What was decided goes before what the side says next.
            if let Some(order) = self.ticket.order() {
                match self.obey(order).await {
                    Some(then) => return then,
                    None => continue,
                }
            }
            if self.rests.is_none() {
                match self.hear().await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(Ended) => return Then::Over,
                }
            }
            tokio::select! {
                biased;
                order = self.ticket.ordered() => if let Some(then) = self.obey(order).await {
                    return then;
                },
                () = rested(self.rests) => self.rests = None,
                read = self.frames.fill(&mut self.socket), if self.rests.is_none() => {
                    if !read.is_ok_and(|count| count > 0) {
                        return Then::Over;
                    }
                }
            }
        }
    }

    /// Acts on the next frame, if it has come as a whole, and charges it.
    async fn hear(&mut self) -> Result<bool, Ended> {
        let Ok(next) = self.frames.next() else {
            self.ticket.broke();
            self.leave().await;
            return Err(Ended);
        };
        let Some((kind, payload)) = next else { return Ok(false) };
        self.rests = self.relay.charge(self.admission.source(), 1, payload.len() as u64);
        if kind != Kind::Binary {
            self.rests = self.rests.max(self.relay.charge_control(&mut self.control));
        }
        let connection = self.ticket.connection();
        match kind {
            Kind::Binary => self.relay.hall.tell(Input::Message(connection, payload)),
            Kind::Text => match serde_json::from_slice(payload).ok() {
                Some(FromHost::Confirmed { attempt }) => {
                    self.relay.hall.tell(Input::Confirmed(connection, attempt))
                }
                Some(FromHost::Burn) => self.relay.hall.tell(Input::Burn(connection)),
                None => self.ticket.broke(),
            },
            Kind::Ping | Kind::Pong => {
                if self.relay.is_time(&mut self.told) {
                    self.relay.hall.tell(Input::Frame(connection));
                }
                let answer =
                    if kind == Kind::Ping { frame(Kind::Pong, payload) } else { Vec::new() };
                put(&mut self.socket, &answer, self.relay.patience).await.map_err(|_| Ended)?;
            }
            Kind::Close => match close_answer(payload) {
                Some(answer) => {
                    self.ticket.gone();
                    farewell(&mut self.socket, &answer).await;
                    return Err(Ended);
                }
                None => self.ticket.broke(),
            },
        }
        Ok(true)
    }

    async fn obey(&mut self, order: Order) -> Option<Then> {
        let bytes = match order {
            Order::Tell(message) => {
                let text = serde_json::to_vec(&Addressed::new(message, self.seen));
                frame(Kind::Text, &text.unwrap_or_default())
            }
            Order::Send(message) => frame(Kind::Binary, &message),
            Order::Pair(Meeting::Bring(to)) => return Some(Then::Bring(to)),
            Order::Pair(Meeting::Await(from)) => return Some(Then::Await(from)),
            Order::Close(reason) => {
                farewell(&mut self.socket, &close_payload(reason)).await;
                return Some(Then::Over);
            }
        };
        put(&mut self.socket, &bytes, self.relay.patience).await.err().map(|_| Then::Over)
    }

    /// Ends as the hall has decided, or will as soon as it hears that the other has gone.
    async fn leave(&mut self) {
        loop {
            let order = self.ticket.ordered().await;
            if !matches!(order, Order::Pair(_)) && self.obey(order).await.is_some() {
                return;
            }
        }
    }
}

/// Waits until a side may be read again; for ever, if it may be.
pub async fn rested(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => core::future::pending().await,
    }
}

/// Writes all of it, within that time.
async fn put(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], within: Duration) -> io::Result<()> {
    timeout(within, async {
        to.write_all(bytes).await?;
        to.flush().await
    })
    .await?
}

/// Sends a close frame, and lets the other side end the connection, so that what it has not read
/// yet is not lost to a reset. Whoever goes on to send is not read for ever.
pub async fn farewell(socket: &mut (impl AsyncRead + AsyncWrite + Unpin), payload: &[u8]) {
    let bye = async {
        socket.write_all(&frame(Kind::Close, payload)).await?;
        socket.shutdown().await?;
        let (mut rest, mut left) = (vec![0; SMALL], LARGE);
        loop {
            left = match socket.read(&mut rest).await? {
                0 => return io::Result::Ok(()),
                count => left.saturating_sub(count),
            };
            if left == 0 {
                return core::future::pending().await;
            }
        }
    };
    // However it goes, it is over then.
    let _ = timeout(LINGER, bye).await;
}

/// What a close frame says.
pub fn close_payload(reason: CloseReason) -> Vec<u8> {
    [&reason.code().to_be_bytes(), reason.as_str().as_bytes()].concat()
}

/// The answer to a close frame: its code; nothing if it may not have that (RFC 6455, 7.4).
pub fn close_answer(payload: &[u8]) -> Option<Vec<u8>> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return payload.is_empty().then(Vec::new);
    };
    let may = matches!(u16::from_be_bytes(*code), 1000..=1003 | 1007..=1014 | 3000..=4999);
    (may && core::str::from_utf8(reason).is_ok()).then(|| code.to_vec())
}
