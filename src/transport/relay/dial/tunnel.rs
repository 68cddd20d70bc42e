//! A tunnel through an HTTP proxy (RFC 9110, 9.3.6).

use super::{Fault, Head, Stream};
use pinhole_protocol::code::RelayUrl;
use std::io;
use tokio::io::AsyncWriteExt;
use zeroize::Zeroizing;

/// Why a proxy does not let a connection through.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It wants credentials, or others.
    Credentials,
    /// It wants them in no way that this program knows: what it calls those.
    Login(&'static str),
    /// It leads elsewhere, to what is named here.
    Redirect(String),
    /// It connects nobody: it knows no CONNECT.
    NoTunnel(u16),
    /// It speaks HTTP/2 alone.
    Http2,
    /// It does not allow it, and how it says that.
    Forbidden(String),
    /// It tried and could not, and how it says that.
    NotReached(String),
    /// It is to be given an address, and this machine knows none.
    NoAddress,
    /// No such proxy answers.
    NoProxy,
    /// The connection ended.
    Cut,
}

impl From<io::Error> for Refusal {
    fn from(_: io::Error) -> Self {
        Self::Cut
    }
}

/// Asks an HTTP proxy to connect to `target`, `HOST:PORT`, with this value of
/// `Proxy-Authorization`. All that follows on `stream` is between here and the target.
pub(super) async fn ask(
    stream: &mut Stream,
    target: &str,
    authorization: Option<&[u8]>,
) -> Result<(), Refusal> {
    let mut request =
        Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes());
    if let Some(value) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await?;
    stream.flush().await?;
    let head = match Head::read(stream).await {
        Ok(head) => head,
        Err(Fault::Cut) => return Err(Refusal::Cut),
        Err(Fault::Http2) => return Err(Refusal::Http2),
        Err(Fault::Tls | Fault::Foreign) => return Err(Refusal::NoProxy),
    };
    // Only its number is repeated: the words beside it are the proxy's.
    match head.status {
        200..=299 => Ok(()),
        // tinyproxy says 401 for it.
        407 | 401 => Err(login(&head).map_or(Refusal::Credentials, Refusal::Login)),
        405 | 501 => Err(Refusal::NoTunnel(head.status)),
        status @ 400..=499 => Err(Refusal::Forbidden(format!("HTTP status {status}"))),
        505 => Err(Refusal::Http2),
        status @ 500..=599 => Err(Refusal::NotReached(format!("HTTP status {status}"))),
        _ => Err(redirect(&head).map_or(Refusal::NoProxy, Refusal::Redirect)),
    }
}

/// The way to log in that a proxy wants, if it names ways and Basic is none of them.
fn login(head: &Head) -> Option<&'static str> {
    const BASIC: &str = "Basic";
    const WAYS: [&str; 5] = [BASIC, "Negotiate", "NTLM", "Digest", "Bearer"];
    let offered = || {
        ["proxy-authenticate", "www-authenticate"].into_iter().flat_map(|name| head.values(name))
    };
    // Several may be in one field, between the parameters of others.
    let offers = |way: &&&str| {
        offered().any(|value| value.split([',', ' ']).any(|word| word.eq_ignore_ascii_case(way)))
    };
    WAYS.iter().find(offers).copied().filter(|way| *way != BASIC)
}

/// The target of a redirect; `None` if the proxy does not redirect.
fn redirect(head: &Head) -> Option<String> {
    // A relative target is one of the proxy, which is no place for a relay.
    let nowhere = RelayUrl::parse("ws://proxy.invalid").ok()?;
    let redirect = head.redirect(&nowhere)?;
    let own = redirect.to.as_ref().is_some_and(|to| to.host() == nowhere.host());
    Some(if own { "a page of its own".to_owned() } else { redirect.named() })
}
