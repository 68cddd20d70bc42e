//! A side's request, read from its upgrade alone (SPEC 10.1).

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, Version, header};
use pinhole_protocol::rendezvous::{Refusal, Request, WEBSOCKET_VERSION};

/// An upgrade request that can be answered.
#[derive(Debug)]
pub struct Asked {
    /// The verb, and the tokens shown for it.
    pub request: Request,
    /// `Sec-WebSocket-Accept` of the answer (RFC 6455, 4.2.2).
    pub accept: String,
}

/// True if somebody wants a WebSocket and not a page to read, however the request was garbled or
/// cut by a proxy.
#[must_use]
pub fn wants_upgrade(headers: &HeaderMap) -> bool {
    [header::UPGRADE, header::SEC_WEBSOCKET_KEY, header::SEC_WEBSOCKET_PROTOCOL]
        .iter()
        .any(|name| headers.contains_key(name))
}

/// True if a request for a WebSocket has arrived with the headers that proxies keep to themselves
/// unless they are told otherwise.
#[must_use]
pub fn is_whole(headers: &HeaderMap) -> bool {
    names(headers, &header::CONNECTION, "upgrade") && names(headers, &header::UPGRADE, "websocket")
}

/// Reads an upgrade request.
///
/// # Errors
/// [`Refusal::Upgrade`] or [`Refusal::Malformed`].
pub fn parse(request: &Parts) -> Result<Asked, Refusal> {
    let headers = &request.headers;
    let upgrades = request.method == Method::GET
        && request.version == Version::HTTP_11
        && is_whole(headers)
        && only(headers, &header::SEC_WEBSOCKET_VERSION)? == Some(WEBSOCKET_VERSION);
    if !upgrades {
        return Err(Refusal::Upgrade);
    }
    let key = only(headers, &header::SEC_WEBSOCKET_KEY)?
        .filter(|key| is_key(key))
        .ok_or(Refusal::Malformed)?;
    let protocols: Vec<&str> = elements(headers, &header::SEC_WEBSOCKET_PROTOCOL)
        .collect::<Option<_>>()
        .ok_or(Refusal::Malformed)?;
    let request = Request::parse(protocols, only(headers, &header::AUTHORIZATION)?)?;
    Ok(Asked { request, accept: tungstenite::handshake::derive_accept_key(key.as_bytes()) })
}

/// The elements of a header that is a list, over all its lines; `None` for a line that is no text.
fn elements<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Option<&'a str>> {
    let lines = headers.get_all(name).into_iter().map(|line| line.to_str().ok());
    lines.flat_map(|line| {
        line.map_or_else(
            || vec![None],
            |line| line.split(',').map(|element| Some(element.trim())).collect(),
        )
    })
}

fn names(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    elements(headers, name).flatten().any(|element| element.eq_ignore_ascii_case(wanted))
}

/// The value of a header that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut lines = headers.get_all(name).into_iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => {
            line.to_str().map(|text| Some(text.trim())).map_err(|_| Refusal::Malformed)
        }
        (Some(_), Some(_)) => Err(Refusal::Malformed),
    }
}

/// True if this can be 16 bytes in base64 (RFC 6455, 4.2.1).
fn is_key(key: &str) -> bool {
    let digits =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte));
    key.len() == 24 && key.strip_suffix("==").is_some_and(digits)
}

#[cfg(test)]
mod tests;
