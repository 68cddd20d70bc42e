//! The upgrade to a WebSocket (RFC 6455, 4), and what it means that something else is answered: by
//! a relay, or in its place.

use super::Access;
use super::dial::{Fault, Head, Stream};
use crate::failure::{Advice, Failure, Kind};
use crate::settings::RelayChoice;
use pinhole_protocol::rendezvous::{Refusal, VERSION, Verb};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::generate_request;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{
    AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, USER_AGENT,
};
use zeroize::Zeroizing;

/// Time limit for a relay to answer the upgrade: a proxy may have to start what is behind it.
const UPGRADE_TIME: Duration = Duration::from_secs(15);
/// Most redirects that are followed: one to the relay's path, and some for its form.
pub(super) const REDIRECTS: usize = 3;

/// Connects to a relay and says what is wanted, also where it redirects to on the same host. What
/// follows on the stream are frames.
///
/// # Errors
/// Unreachable: what stands in the way, on whose side, and which setting named the relay.
pub(super) async fn upgraded(access: &Access, verb: &Verb) -> Result<Stream, Failure> {
    let mut access = access.clone();
    for _ in 0..=REDIRECTS {
        let (mut stream, key, request) = {
            let (request, key) = request(&access, verb)?;
            (access.connect().await?, key, request)
        };
        let asked = async {
            let said = async { stream.write_all(&request).await.and(stream.flush().await) };
            match said.await {
                Ok(()) => Head::read(&mut stream).await,
                Err(_) => Err(Fault::Cut),
            }
        };
        let head = match timeout(UPGRADE_TIME, asked).await {
            Ok(Ok(head)) => head,
            Ok(Err(fault)) => return Err(faulty(&access.choice, fault)),
            Err(_) => {
                return Err(no_relay(
                    &access.choice,
                    "accepted the connection but does not answer",
                ));
            }
        };
        if head.status == 101 {
            return accepted(&access.choice, &head, &key).map(|()| stream);
        }
        match head
            .redirect(&access.choice.url)
            .and_then(|redirect| redirect.followed(&access.choice.url))
        {
            Some(url) => access.choice.url = url,
            None => return Err(refused(&access.choice, &head, Some(access.host_token.is_some()))),
        }
    }
    Err(no_relay(&access.choice, "redirects again and again, but not to a relay"))
}

/// The request, and its `Sec-WebSocket-Key`.
fn request(access: &Access, verb: &Verb) -> Result<(Zeroizing<Vec<u8>>, String), Failure> {
    let cannot = || {
        Failure::new(
            Kind::Usage,
            format!("the address of {} cannot be used", access.choice.named()),
        )
    };
    let mut request = access.choice.url.to_string().into_client_request().map_err(|_| cannot())?;
    let headers = request.headers_mut();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| cannot());
    headers.insert(SEC_WEBSOCKET_PROTOCOL, value(&verb.protocols())?);
    headers.insert(USER_AGENT, HeaderValue::from_static("pinhole"));
    if let Some(proof) = verb.authorization(access.host_token.as_ref()) {
        let mut proof = value(&proof)?;
        proof.set_sensitive(true);
        headers.insert(AUTHORIZATION, proof);
    }
    generate_request(request).map(|(bytes, key)| (Zeroizing::new(bytes), key)).map_err(|_| cannot())
}

/// Checks a 101 (RFC 6455, 4.1).
fn accepted(choice: &RelayChoice, head: &Head, key: &str) -> Result<(), Failure> {
    if !head.lists("upgrade", "websocket") || !head.lists("connection", "upgrade") {
        return Err(stripped(choice, "answers without the headers Upgrade and Connection"));
    }
    let accepts =
        head.values("sec-websocket-accept").eq([derive_accept_key(key.as_bytes()).as_str()]);
    if !accepts || head.values("sec-websocket-extensions").next().is_some() {
        return Err(no_relay(choice, "answers, but not like a WebSocket server"));
    }
    if head.values("sec-websocket-protocol").eq([VERSION]) {
        return Ok(());
    }
    Err(no_relay(
        choice,
        "is a WebSocket server, but not a pinhole relay, unless a proxy in front of it drops \
         Sec-WebSocket-Protocol",
    ))
}

/// The failure if a relay, or what is in its place, answered with this and not with 101. For an
/// upgrade, `token` is true if a host's token was at hand; otherwise it is `None`.
pub(super) fn refused(choice: &RelayChoice, head: &Head, token: Option<bool>) -> Failure {
    let relay = choice.named();
    let refused = |detail: String| Failure::new(Kind::RelayRefused, detail);
    let busy = |detail: String| Failure::new(Kind::RelayBusy, detail);
    if let Some(redirect) = head.redirect(&choice.url) {
        let to = redirect.named();
        let next = match redirect.to.filter(|_| redirect.whole) {
            Some(url) => Advice::for_user(format!(
                "if the relay is there, use this address: {url}; otherwise a login page or a \
                 portal may be in the way"
            )),
            None => {
                "open the relay's address in a browser: a login page or a portal may be in the \
                 way"
                .into()
            }
        };
        return Failure::new(
            Kind::RelayUnreachable,
            format!("{relay} redirects to {to} (HTTP status {})", head.status),
        )
        .next(next);
    }
    // A relay's own says nothing of a password: its hosts show a token.
    let password = head.values("www-authenticate").next().is_some();
    match (Refusal::of(head.status), head.status, token) {
        (Some(Refusal::Token), _, Some(shown)) if !password => refused(format!(
            "{relay} wants a token from hosts, and {}",
            if shown { "does not accept this one" } else { "none was given" }
        ))
        .ask_user(
            "ask its operator for one, and use --host-token-file FILE or PINHOLE_HOST_TOKEN; or let \
             the other side host: joining needs none",
        ),
        (Some(Refusal::Token), ..) => refused(format!(
            "something in front of {relay} wants a user name and a password (HTTP status 401), and \
             pinhole has none"
        ))
        .ask_user(
            "ask its operator to let the relay's address through without a password; to keep \
             strangers out, a relay can use --host-token-file",
        ),
        (_, 407, _) => Failure::new(
            Kind::ProxyRefused,
            format!(
                "a proxy on the way to {relay} wants a user name and a password (HTTP status 407)"
            ),
        )
        .next("put both into the proxy's address: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"),
        (Some(Refusal::Upgrade), ..) if head.values("sec-websocket-protocol").next().is_some() => {
            Failure::new(
                Kind::NoCommonVersion,
                format!(
                    "{relay} and this pinhole have no protocol version in common ({VERSION} here)"
                ),
            )
            .next("update pinhole here, or the relay")
        }
        (Some(Refusal::Upgrade), ..) => stripped(
            choice,
            "received the request without the headers Upgrade and Connection (HTTP status 426)",
        ),
        (_, 200..=299, Some(_)) => stripped(
            choice,
            &format!("answers with a page, not with a WebSocket (HTTP status {})", head.status),
        ),
        (Some(Refusal::Limit), ..) => {
            busy(format!("{relay} accepts no more from this address for now"))
                .next("wait a few minutes and try again, or use another relay")
        }
        (Some(Refusal::Ending), ..) => {
            busy(format!("{relay} is shutting down or full")).next("try again in a minute")
        }
        (_, 505, _) => faulty(choice, Fault::Http2),
        (_, status, Some(_)) if head.old => no_relay(
            choice,
            &format!(
                "answers in HTTP/1.0 (status {status}), which has no WebSockets, so it is no \
                 pinhole relay"
            ),
        ),
        (_, status, _) => no_relay(
            choice,
            &format!("answers with HTTP status {status}, not like a pinhole relay"),
        ),
    }
}

/// The failure if the answer was something else than HTTP/1.
fn faulty(choice: &RelayChoice, fault: Fault) -> Failure {
    let other = |what, next: Advice| {
        Failure::new(Kind::RelayUnreachable, format!("{} {what}", choice.named())).next(next)
    };
    match fault {
        Fault::Http2 => other(
            "speaks only HTTP/2, and a WebSocket to a relay needs HTTP/1.1",
            Advice::for_user(
                "ask the operator, of the relay or of a proxy in front of it, to allow HTTP/1.1 as \
                 well",
            ),
        ),
        Fault::Tls => {
            other("speaks TLS there", "its address begins with wss://, not with ws://".into())
        }
        Fault::Cut => no_relay(choice, "hangs up when it is asked for a WebSocket"),
        Fault::Foreign => no_relay(choice, "does not speak the protocol of a pinhole relay"),
    }
}

/// Something keeps the headers of the upgrade to itself.
fn stripped(choice: &RelayChoice, what: &str) -> Failure {
    Failure::new(Kind::RelayUnreachable, format!("{} {what}", choice.named())).ask_user(
        "check the address; if it is a relay's, a proxy on the way blocks WebSockets: ask its \
         operator to pass on Upgrade and Connection (relay/README.md, \"Behind a proxy\")",
    )
}

fn no_relay(choice: &RelayChoice, what: &str) -> Failure {
    // TLS answers what is no TLS with bytes that are no HTTP; behind nginx, with an error of
    // HTTP's.
    let tls = if choice.url.tls() { "" } else { "; with TLS, the address begins with wss://" };
    let next = format!(
        "check the address and port with its operator{tls}; `curl ADDRESS/health` shows if a \
         relay is there"
    );
    Failure::new(Kind::RelayUnreachable, format!("{} {what}", choice.named())).ask_user(next)
}
