//! A tunnel through an HTTP proxy (RFC 9110, 9.3.6).

use super::Stream;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

/// Longest answer to CONNECT, in bytes: what servers commonly allow a head.
const LONGEST: usize = 8 << 10;

/// Why a proxy does not let a connection through.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It wants credentials, or others.
    Credentials,
    /// It does not allow it, and how it says that.
    Forbidden(String),
    /// It tried and could not, and how it says that.
    NotReached(String),
    /// It is to be given an address, and this machine knows none.
    NoAddress,
    /// What answers is no such proxy.
    NoProxy,
    /// The connection ended.
    Cut,
}

impl From<io::Error> for Refusal {
    fn from(_: io::Error) -> Self {
        Self::Cut
    }
}

/// Asks an HTTP proxy to connect to `target`, `HOST:PORT`, with this value of `Proxy-Authorization`. All that follows on `stream` is between
/// here and the target.
pub(super) async fn ask(stream: &mut Stream, target: &str, authorization: Option<&[u8]>) -> Result<(), Refusal> {
    let mut request = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes());
    if let Some(value) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await?;
    stream.flush().await?;
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte, so that nothing is taken of what follows.
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) if head.is_empty() => return Err(Refusal::Cut),
            Err(_) => return Err(Refusal::NoProxy),
        }
        if head.len() > LONGEST || !b"HTTP/1.".starts_with(head.get(..7).unwrap_or(&head)) {
            return Err(Refusal::NoProxy);
        }
    }
    // Only its number is repeated: the words beside it are the proxy's.
    match status(&head) {
        Some(200..=299) => Ok(()),
        // tinyproxy says 401 for it.
        Some(407 | 401) => Err(Refusal::Credentials),
        Some(status @ 400..=499) => Err(Refusal::Forbidden(format!("HTTP status {status}"))),
        Some(status @ 500..=599) => Err(Refusal::NotReached(format!("HTTP status {status}"))),
        _ => Err(Refusal::NoProxy),
    }
}

/// The status of an answer's head.
fn status(head: &[u8]) -> Option<u16> {
    std::str::from_utf8(head.split(|byte| *byte == b' ').nth(1)?.get(..3)?).ok()?.parse().ok()
}
