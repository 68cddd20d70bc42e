//! Carries records between a link's own end of a pair of sockets and the WebSocket to the relay,
//! one binary message each (SPEC 4.1).

use super::dial::Stream;
use super::socket::Socket;
use crate::events::Path;
use crate::failure::{Failure, Kind};
use crate::platform::endpoint::{self, Reading, Writing};
use crate::transport::Joined;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use pinhole_protocol::handshake::Established;
use pinhole_protocol::records::record_length;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
async fn outward(mut from_link: Reading, mut to_relay: SplitSink<Web, Message>) {
    let mut sealed = BytesMut::with_capacity(BUFFER);
    // A relay that is gone is noticed by the other direction, which tells the link.
    while from_link.read_buf(&mut sealed).await.is_ok_and(|count| count > 0) {
        while let Some(record) = next_record(&mut sealed) {
            if to_relay.feed(Message::Binary(record)).await.is_err() {
                return;
            }
        }
        // Records that were sealed together leave together, and then nobody holds them: the buffer
        // is used again.
        if to_relay.flush().await.is_err() {
            return;
        }
        sealed.reserve(BUFFER);
    }
    let _ = to_relay.close().await;
}

/// Takes the first record, if it is there as a whole.
fn next_record(sealed: &mut BytesMut) -> Option<Bytes> {
    // Its length is that of a record: this side has made it.
    let length = record_length(*sealed.first_chunk::<HEADER>()?).ok()?;
    if sealed.len() < HEADER.saturating_add(length) {
        return None;
    }
    sealed.advance(HEADER);
    Some(sealed.split_to(length).freeze())
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
    use pinhole_protocol::limits::RECORD_CIPHERTEXT;
    use std::future::{pending, ready};
    use tokio::time::Instant;

    #[test]
    fn a_record_leaves_once_it_is_there_as_a_whole() {
        let records: Vec<Vec<u8>> =
            [300, RECORD_CIPHERTEXT, 272].map(|length| vec![7; length]).into();
        let head = |record: &Vec<u8>| u32::try_from(record.len()).unwrap().to_be_bytes();
        let sealed: Vec<u8> =
            records.iter().flat_map(|record| [&head(record)[..], record].concat()).collect();
        for size in [1, 3, 100, 70_000] {
            let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
            for part in sealed.chunks(size) {
                buffer.extend_from_slice(part);
                taken.extend(std::iter::from_fn(|| next_record(&mut buffer)));
            }
            assert!(taken == records && buffer.is_empty(), "{size}");
        }
    }

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
