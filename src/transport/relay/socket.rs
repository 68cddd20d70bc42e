//! One WebSocket to a relay, after its upgrade (SPEC 10.2 to 10.5).

use super::Access;
use super::dial::Stream;
use super::replies::{Closed, read};
use super::upgrade::upgraded;
use crate::failure::{Failure, Kind};
use futures_util::{SinkExt, StreamExt};
use pinhole_protocol::limits::{PING_AFTER, PONG_TIME, RECORD_CIPHERTEXT};
use pinhole_protocol::rendezvous::{Addressed, FromHost, FromRelay, Verb};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// A connection to a relay. Dropped, it is cut.
pub(super) struct Socket {
    web: WebSocketStream<Stream>,
    said: Instant,
    /// When a ping was sent that nothing has answered.
    asked: Option<Instant>,
    /// True once the relay has said that it delays.
    delays: bool,
}

/// Something that comes from a relay.
pub(super) enum Heard {
    /// A control message.
    Control(FromRelay),
    /// A binary frame.
    Frame(Bytes),
    /// The end.
    Ended(Closed),
}

impl Socket {
    /// Connects and says what is wanted. The relay's first words come with [`Socket::hear`].
    ///
    /// # Errors
    /// Unreachable: what stands in the way, on whose side, and which setting named the relay.
    pub(super) async fn open(access: &Access, verb: &Verb) -> Result<Self, Failure> {
        let stream = upgraded(access, verb).await?;
        Ok(Self::new(WebSocketStream::from_raw_socket(stream, Role::Client, Some(limits())).await))
    }

    fn new(web: WebSocketStream<Stream>) -> Self {
        Self { web, said: Instant::now(), asked: None, delays: false }
    }

    /// Waits for the next frame, and passes over what the relay says meanwhile.
    ///
    /// # Errors
    /// The end of the connection.
    pub(super) async fn frame(&mut self) -> Result<Bytes, Closed> {
        loop {
            match self.hear().await {
                Heard::Control(_) => {}
                Heard::Frame(bytes) => return Ok(bytes),
                Heard::Ended(ending) => return Err(ending),
            }
        }
    }

    /// Waits for what comes next, and keeps the connection alive meanwhile. Nothing is lost if the
    /// wait is given up.
    pub(super) async fn hear(&mut self) -> Heard {
        loop {
            let due = self.asked.map_or(self.said + PING_AFTER, |asked| asked + PONG_TIME);
            let message = tokio::select! {
                message = self.web.next() => message,
                () = sleep_until(due) => {
                    if self.asked.is_some()
                        || self.put(Message::Ping(Bytes::new())).await.is_err()
                    {
                        return Heard::Ended(Closed::Lost);
                    }
                    self.asked = Some(self.said);
                    continue;
                }
            };
            self.asked = None;
            match message {
                Some(Ok(Message::Binary(bytes))) => return Heard::Frame(bytes),
                Some(Ok(Message::Text(text))) => {
                    let Some(Addressed { message, delays, .. }) = read(&text) else {
                        return Heard::Ended(Closed::Foreign);
                    };
                    self.delays |= delays;
                    return Heard::Control(message);
                }
                Some(Ok(Message::Close(frame))) => {
                    return Heard::Ended(
                        frame.map_or(Closed::Lost, |frame| Closed::of(frame.code.into())),
                    );
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(_)) | None => return Heard::Ended(Closed::Lost),
            }
        }
    }

    /// Sends a control message.
    pub(super) async fn say(&mut self, message: FromHost) -> Result<(), Closed> {
        self.put(Message::text(serde_json::to_string(&message).unwrap_or_default())).await
    }

    /// Sends a binary frame.
    pub(super) async fn send(&mut self, bytes: Vec<u8>) -> Result<(), Closed> {
        self.put(Message::binary(bytes)).await
    }

    async fn put(&mut self, message: Message) -> Result<(), Closed> {
        match timeout(PONG_TIME, self.web.send(message)).await {
            Ok(Ok(())) => {
                self.said = Instant::now();
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(Closed::Lost),
        }
    }

    /// Says that nothing more will come, and waits until the relay has taken all of it.
    pub(super) async fn finish(mut self) {
        let all = async {
            if self.web.close(None).await.is_ok() {
                while let Some(Ok(_)) = self.web.next().await {}
            }
        };
        // A relay that does not take it in this time would not have passed it on either.
        let _ = timeout(PONG_TIME, all).await;
    }

    /// True if the relay has said that it holds up a side that sends much.
    pub(super) const fn delays(&self) -> bool {
        self.delays
    }

    /// The WebSocket itself, for a link's records.
    pub(super) fn into_inner(self) -> WebSocketStream<Stream> {
        self.web
    }
}

/// Nothing longer than a record comes from a relay.
fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(RECORD_CIPHERTEXT))
        .max_frame_size(Some(RECORD_CIPHERTEXT))
}

/// The failure of a connection that the relay ended, where nothing better is known.
pub(super) fn ended(access: &Access, ending: Closed) -> Failure {
    let relay = access.choice.named();
    let refused = |detail: String| Failure::new(Kind::RelayRefused, detail);
    let busy = |detail: String| Failure::new(Kind::RelayBusy, detail);
    match ending {
        Closed::Limit => busy(format!("{relay} accepts no more from this address for now"))
            .next("wait a few minutes and try again"),
        Closed::Full => busy(format!("{relay} has no number left"))
            .next("try again later, or use another relay"),
        Closed::Foreign => refused(format!("{relay} and this version of pinhole are incompatible"))
            .next("update pinhole here, or the relay"),
        Closed::Expired => {
            Failure::new(Kind::NobodyCame, "nobody came in time, and the relay gave up the number")
                .next("run the command again for a new code")
        }
        Closed::Unavailable => {
            let why = "it was restarted and cannot, or this machine was offline for too long";
            let detail = format!(
                "{relay} does not give this code's number back ({why}), so the code is dead; \
                nobody has used it"
            );
            Failure::new(Kind::CodeLost, detail).next(
                "run the command again for a new code; a relay that keeps its --owner-key-file \
                 gives numbers back after a restart",
            )
        }
        Closed::Lost | Closed::Restart | Closed::Done | Closed::Again => {
            Failure::new(Kind::RelayUnreachable, format!("the connection to {relay} was lost"))
                .next("try again in a moment; check the network")
        }
    }
}

#[cfg(test)]
mod tests;
