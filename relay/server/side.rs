//! A side: one connection with everything that belongs to it, and the end of its WebSocket.

use super::Relay;
use super::hall::{Admission, Ticket};
use super::socket::Socket;
use crate::frames::{Frames, Kind, frame};
use crate::pool::{LARGE, SMALL};
use crate::quotas::Bucket;
use core::net::IpAddr;
use core::time::Duration;
use pinhole_protocol::limits::{ATTEMPT, RELAY_MESSAGE};
use pinhole_protocol::rendezvous::{CloseReason, Verb};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

/// Time of a side to take the rest of its frames and to end its connection (SPEC 8.5).
pub const LINGER: Duration = Duration::from_secs(5);

/// A connection and everything that belongs to it.
pub struct Side {
    pub(super) socket: Socket,
    pub(super) frames: Frames,
    pub(super) ticket: Ticket<Self>,
    pub(super) admission: Admission<Self>,
    pub(super) relay: Arc<Relay>,
    /// Pings, pongs and control messages that it may still send.
    pub(super) control: Bucket,
    /// Until then it is not read.
    pub(super) rests: Option<Instant>,
    /// It is counted as long as this is there.
    _open: Arc<()>,
    pub(super) seen: IpAddr,
    pub(super) told: Instant,
}

impl Side {
    /// A connection that has just been upgraded, seen at this address.
    pub fn new(
        relay: Arc<Relay>,
        socket: Socket,
        verb: Verb,
        admission: Admission<Self>,
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
}

/// Waits until a side may be read again; for ever, if it may be.
pub async fn rested(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => core::future::pending().await,
    }
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

/// The payload of a close frame.
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
