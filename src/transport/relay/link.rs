//! Carries records between a link's own end of a pair of sockets and the WebSocket to the relay,
//! one binary message each (SPEC 4.1).

use super::dial::Stream;
use super::socket::Socket;
use crate::events::Path;
use crate::failure::{Failure, Kind};
use crate::platform::endpoint::{self, Reading, Writing};
use crate::transport::Joined;
use bytes::Buf;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use pinhole_protocol::handshake::Established;
use pinhole_protocol::records::record_length;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::select;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Bytes taken from the link's writer at once: one of its batches.
const BUFFER: usize = 256 << 10;
/// Time that one direction goes on after the other: twice what the link gives to last words.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// Length field of a record in the stream; a WebSocket message has a length of its own.
const HEADER: usize = 4;

type Web = WebSocketStream<Stream>;

/// A connection whose handshake with the code is confirmed, as its link will use it.
pub(super) fn joined(socket: Socket, established: Established) -> Result<Joined, Failure> {
    let delays = socket.delays();
    Ok(Joined { socket: start(socket)?, path: Path::Relay, delays, established })
}

/// The near end of a link over a connection whose handshake is confirmed.
pub(super) fn start(socket: Socket) -> Result<socket2::Socket, Failure> {
    let cannot = |error| {
        Failure::new(Kind::Failed, format!("the connection to the relay cannot be used: {error}"))
    };
    let (near, (from_link, to_link)) = endpoint::pair().map_err(cannot)?;
    let (to_relay, from_relay) = socket.into_inner().split();
    tokio::spawn(carry(outward(from_link, to_relay), inward(from_relay, to_link)));
    Ok(near)
}

/// Carries both ways. Each ends with its own direction; the link, which has then said or heard its
/// last, has closed the other soon after. A relay that neither reads nor closes keeps nothing here.
async fn carry(outward: impl Future<Output = ()>, inward: impl Future<Output = ()>) {
    let (mut outward, mut inward) = (pin!(outward), pin!(inward));
    // Cut in the middle, a direction is one whose end the link hears of, or has asked for.
    let _ = select! {
        () = &mut outward => timeout(LAST_WORDS, inward).await,
        () = &mut inward => timeout(LAST_WORDS, outward).await,
    };
}

/// Records of this side's, until its writer has ended; then the relay is told that nothing more
/// will come.
async fn outward(from_link: Reading, mut to_relay: SplitSink<Web, Message>) {
    let mut records = BufReader::with_capacity(BUFFER, from_link);
    // A relay that is gone is noticed by the other direction, which tells the link.
    while let Ok(Some(record)) = next_record(&mut records).await {
        if to_relay.feed(Message::binary(record)).await.is_err() {
            return;
        }
        // Records that were sealed together leave together.
        if records.buffer().is_empty() && to_relay.flush().await.is_err() {
            return;
        }
    }
    let _ = to_relay.close().await;
}

async fn next_record(records: &mut BufReader<Reading>) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; HEADER];
    if let Err(error) = records.read_exact(&mut header).await {
        return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
    }
    let length = record_length(header).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    let mut record = vec![0; length];
    records.read_exact(&mut record).await?;
    Ok(Some(record))
}

/// Records of the other side's. Its end, and the relay's, are the end of what the link reads.
async fn inward(mut from_relay: SplitStream<Web>, mut to_link: Writing) {
    while let Some(Ok(message)) = from_relay.next().await {
        let Message::Binary(record) = message else { continue };
        let Ok(length) = u32::try_from(record.len()) else { return };
        // Both in one call of the system.
        if to_link.write_all_buf(&mut Buf::chain(&length.to_be_bytes()[..], record)).await.is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn the_other_direction_is_not_waited_for_for_ever() {
        let started = Instant::now();
        carry(ready(()), pending()).await;
        assert_eq!(started.elapsed(), LAST_WORDS);
        carry(pending(), ready(())).await;
        assert_eq!(started.elapsed(), LAST_WORDS * 2);
        carry(ready(()), ready(())).await;
        assert_eq!(started.elapsed(), LAST_WORDS * 2);
    }
}
