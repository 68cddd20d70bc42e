//! One WebSocket to a relay: the upgrade that says what is wanted, then frames (SPEC 10.1 to 10.5).

use super::Way;
use super::dial::Stream;
use super::replies::{Ending, Reply};
use super::verb::{PROTOCOL, Verb};
use crate::failure::{Exit, Failure};
use futures_util::{SinkExt, StreamExt};
use pinhole_protocol::limits::RECORD_CIPHERTEXT;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// How long a relay may take to answer the upgrade: a proxy may have to start what is behind it.
const UPGRADE_TIME: Duration = Duration::from_secs(15);
/// A side that has sent nothing for this long sends a ping (SPEC 10.7).
const PING_AFTER: Duration = Duration::from_secs(25);
/// How long anything sent, and the answer to a ping, may take before the connection counts as dead (SPEC 10.7).
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// A connection to a relay. Dropped, it is cut.
pub(super) struct Socket {
    web: WebSocketStream<Stream>,
    said: Instant,
    /// When a ping was sent that nothing has answered.
    asked: Option<Instant>,
}

/// What comes from a relay.
pub(super) enum Heard {
    /// A control message.
    Reply(Reply),
    /// A binary frame.
    Frame(Bytes),
    /// The end.
    Ended(Ending),
}

impl Socket {
    /// Connects and says what is wanted. The relay's first words come with [`Socket::hear`].
    ///
    /// # Errors
    /// Unreachable: what stands in the way, on whose side, and which setting named the relay.
    pub(super) async fn open(way: &Way, verb: &Verb<'_>) -> Result<Self, Failure> {
        let request = request(way, verb)?;
        let stream = way.connect().await?;
        let upgrade = tokio_tungstenite::client_async_with_config(request, stream, Some(limits()));
        match timeout(UPGRADE_TIME, upgrade).await {
            Ok(Ok((web, _))) => Ok(Self::new(web)),
            Ok(Err(Error::Http(response))) => Err(refused(way, response.status())),
            Ok(Err(_)) => Err(no_relay(way, "does not speak the protocol of a pinhole relay")),
            Err(_) => Err(no_relay(way, "took the connection and does not answer")),
        }
    }

    fn new(web: WebSocketStream<Stream>) -> Self {
        Self { web, said: Instant::now(), asked: None }
    }

    /// Waits for what comes next, and keeps the connection alive meanwhile. Nothing is lost if the wait is given up.
    pub(super) async fn hear(&mut self) -> Heard {
        loop {
            let due = self.asked.map_or(self.said + PING_AFTER, |asked| asked + ANSWER_TIME);
            let message = tokio::select! {
                message = self.web.next() => message,
                () = sleep_until(due) => {
                    if self.asked.is_some() || self.put(Message::Ping(Bytes::new())).await.is_err() {
                        return Heard::Ended(Ending::Lost);
                    }
                    self.asked = Some(self.said);
                    continue;
                }
            };
            self.asked = None;
            match message {
                Some(Ok(Message::Binary(bytes))) => return Heard::Frame(bytes),
                Some(Ok(Message::Text(text))) => {
                    return Reply::parse(&text).map_or(Heard::Ended(Ending::Foreign), Heard::Reply);
                }
                Some(Ok(Message::Close(frame))) => {
                    return Heard::Ended(frame.map_or(Ending::Lost, |frame| Ending::of(frame.code.into())));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(_)) | None => return Heard::Ended(Ending::Lost),
            }
        }
    }

    /// Sends a control message.
    pub(super) async fn say(&mut self, text: String) -> Result<(), Ending> {
        self.put(Message::text(text)).await
    }

    /// Sends a binary frame.
    pub(super) async fn send(&mut self, bytes: Vec<u8>) -> Result<(), Ending> {
        self.put(Message::binary(bytes)).await
    }

    async fn put(&mut self, message: Message) -> Result<(), Ending> {
        match timeout(ANSWER_TIME, self.web.send(message)).await {
            Ok(Ok(())) => {
                self.said = Instant::now();
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(Ending::Lost),
        }
    }

    /// Says that nothing more will come, and waits until the relay has taken all of it.
    pub(super) async fn finish(mut self) {
        let all = async {
            if self.web.close(None).await.is_ok() {
                while let Some(Ok(_)) = self.web.next().await {}
            }
        };
        // Who does not take it in this time would not have passed it on either.
        let _ = timeout(ANSWER_TIME, all).await;
    }

    /// The WebSocket itself, for a link's records.
    pub(super) fn into_inner(self) -> WebSocketStream<Stream> {
        self.web
    }
}

/// Nothing longer than a record comes from a relay.
fn limits() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(RECORD_CIPHERTEXT)).max_frame_size(Some(RECORD_CIPHERTEXT))
}

fn request(way: &Way, verb: &Verb<'_>) -> Result<Request<()>, Failure> {
    let cannot = || Failure::new(Exit::Usage, "usage", format!("{} has no address that can be asked for", way.choice.named()));
    let mut request = way.choice.url.to_string().into_client_request().map_err(|_| cannot())?;
    let headers = request.headers_mut();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| cannot());
    headers.insert(SEC_WEBSOCKET_PROTOCOL, value(&verb.protocols())?);
    headers.insert(USER_AGENT, HeaderValue::from_static("pinhole"));
    if let Some(proof) = verb.authorization(way.host_token.as_ref()) {
        let mut proof = value(&proof)?;
        proof.set_sensitive(true);
        headers.insert(AUTHORIZATION, proof);
    }
    Ok(request)
}

/// The relay, or what is there in its place, answered the upgrade with this status.
fn refused(way: &Way, status: StatusCode) -> Failure {
    let relay = way.choice.named();
    let refused = |detail: String| Failure::new(Exit::Unreachable, "relay-refused", detail);
    let busy = |detail: String| Failure::new(Exit::Unreachable, "relay-busy", detail);
    match status.as_u16() {
        401 => refused(format!("{relay} wants a token from hosts, and {}", if way.host_token.is_some() { "this is not one of its" } else { "none was given" }))
            .next("ask whoever runs it for one: --host-token-file FILE, or PINHOLE_HOST_TOKEN; joining needs none, so the other side could host elsewhere"),
        426 => Failure::new(Exit::Unreachable, "no-common-version", format!("{relay} speaks no version of the protocol that this pinhole speaks ({PROTOCOL})"))
            .next("update pinhole here, or the relay"),
        429 => busy(format!("{relay} takes no more from this address for now")).next("wait some minutes and try again, or use another relay"),
        503 => busy(format!("{relay} is about to end, or has no room")).next("try again in a minute"),
        status => no_relay(way, &format!("answers with HTTP status {status} and not as a pinhole relay does")),
    }
}

fn no_relay(way: &Way, what: &str) -> Failure {
    // TLS answers what is no TLS with bytes that are no HTTP; behind nginx, with an error of HTTP's.
    let tls = if way.choice.url.tls() { "" } else { "; if it speaks TLS there, its address begins with wss://" };
    let next = format!("check its address and port with whoever runs it{tls}; `curl ADDRESS/health` shows whether a relay is there");
    Failure::new(Exit::Unreachable, "relay-unreachable", format!("{} {what}", way.choice.named())).next(next)
}

/// What it means for this side that the relay ended the connection, where nothing better is known.
pub(super) fn ended(way: &Way, ending: Ending) -> Failure {
    let relay = way.choice.named();
    let refused = |detail: String| Failure::new(Exit::Unreachable, "relay-refused", detail);
    let busy = |detail: String| Failure::new(Exit::Unreachable, "relay-busy", detail);
    match ending {
        Ending::Limit => busy(format!("{relay} takes no more from this address for now")).next("wait some minutes and try again"),
        Ending::Full => busy(format!("{relay} has no number left")).next("try again later, or use another relay"),
        Ending::Foreign => {
            refused(format!("{relay} and this pinhole do not understand each other")).next("update pinhole here, or the relay")
        }
        Ending::Expired => Failure::new(Exit::Expired, "nobody-came", "nobody came in time, and the relay gave the number up")
            .next("run the command again for a new code"),
        Ending::Unavailable => {
            let why = "it was started again and could not, or this machine was away from it for too long";
            let detail = format!("{relay} does not give this code's number back ({why}), so the code is dead; nobody has used it");
            Failure::new(Exit::Unreachable, "code-lost", detail)
                .next("run the command again for a new code; a relay that keeps its --owner-key-file gives numbers back after a restart")
        }
        Ending::Lost | Ending::Restart | Ending::Done | Ending::Again => {
            Failure::new(Exit::Unreachable, "relay-unreachable", format!("the connection to {relay} was lost"))
                .next("try again in a moment; check the network")
        }
    }
}

#[cfg(test)]
mod tests;
