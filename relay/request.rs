//! What a side asks for, read from its upgrade request alone (SPEC 10.1).

use crate::pairing::{OwnerToken, Side};
use crate::settings::HostToken;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Version, header};
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::rendezvous::SlotToken;

/// The token of this protocol between a side and a relay.
pub const VERSION: &str = "pinhole.1";

/// What a side wants.
#[derive(Clone, Copy, Debug)]
pub enum Verb {
    /// A number for a new host.
    Host,
    /// The number that this host had.
    Back(Nameplate, OwnerToken),
    /// To meet the host of this number.
    Join(Nameplate),
    /// To meet the other end of a link.
    Link(SlotToken, Side),
}

/// An upgrade request that can be answered.
#[derive(Debug)]
pub struct Asked {
    /// What for.
    pub verb: Verb,
    /// The token of the relay's operator, if one was shown.
    pub token: Option<HostToken>,
    /// `Sec-WebSocket-Accept` of the answer (RFC 6455, 4.2.2).
    pub accept: String,
}

/// Why a request is not answered with 101.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is none of SPEC 10.1.
    Malformed,
    /// A host without the host token.
    Token,
    /// No upgrade that this relay can answer.
    Upgrade,
    /// Its source is over its limits.
    Limit,
    /// The relay is about to end.
    Ending,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Malformed, Self::Token, Self::Upgrade, Self::Limit, Self::Ending];

    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Upgrade => StatusCode::UPGRADE_REQUIRED,
            Self::Limit => StatusCode::TOO_MANY_REQUESTS,
            Self::Ending => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Whether somebody wants a WebSocket, however badly said or cut on its way by a proxy, and not a
/// page to read.
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
        && only(headers, &header::SEC_WEBSOCKET_VERSION)? == Some("13");
    if !upgrades {
        return Err(Refusal::Upgrade);
    }
    let key = only(headers, &header::SEC_WEBSOCKET_KEY)?
        .filter(|key| is_key(key))
        .ok_or(Refusal::Malformed)?;
    let word = word(headers)?;
    let Authorization { owner, host: token } = authorization(headers)?;
    let verb = verb(&word, owner).ok_or(Refusal::Malformed)?;
    if token.is_some() && matches!(verb, Verb::Join(_) | Verb::Link(_, Side::Joiner)) {
        return Err(Refusal::Malformed);
    }
    Ok(Asked { verb, token, accept: tungstenite::handshake::derive_accept_key(key.as_bytes()) })
}

/// The elements of a header that is a list, over all its lines; nothing for one that is no text.
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

/// Whether this can be 16 bytes in base64 (RFC 6455, 4.2.1).
fn is_key(key: &str) -> bool {
    let digits =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte));
    key.len() == 24 && key.strip_suffix("==").is_some_and(digits)
}

/// The one token beside the version's.
fn word(headers: &HeaderMap) -> Result<String, Refusal> {
    let (mut ours, mut words) = (0_u32, Vec::new());
    for element in elements(headers, &header::SEC_WEBSOCKET_PROTOCOL) {
        match element.ok_or(Refusal::Malformed)? {
            VERSION => ours = ours.saturating_add(1),
            // A later version of a side that also knows this one.
            later if is_version(later) => {}
            word => words.push(word.to_owned()),
        }
    }
    match (ours, words.pop(), words.is_empty()) {
        (0, _, _) => Err(Refusal::Upgrade),
        (1, Some(word), true) => Ok(word),
        _ => Err(Refusal::Malformed),
    }
}

fn is_version(word: &str) -> bool {
    let number = word.strip_prefix("pinhole.");
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn verb(word: &str, owner: Option<OwnerToken>) -> Option<Verb> {
    let number = |text| Nameplate::parse(text).ok().filter(|nameplate| nameplate.is_relay());
    let slot = |text| hex(text).map(SlotToken::new);
    if let Some(text) = word.strip_prefix("host-") {
        return Some(Verb::Back(number(text)?, owner?));
    }
    let verb = if word == "host" {
        Verb::Host
    } else if let Some(text) = word.strip_prefix("join-") {
        Verb::Join(number(text)?)
    } else if let Some(text) = word.strip_prefix("link-host-") {
        Verb::Link(slot(text)?, Side::Host)
    } else {
        Verb::Link(slot(word.strip_prefix("link-joiner-")?)?, Side::Joiner)
    };
    owner.is_none().then_some(verb)
}

/// So many bytes as twice as many lower-case hexadecimal digits.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' | b'a'..=b'f' => char::from(digit).to_digit(16),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(bytes)
}

/// The two secrets of the one header that has them.
#[derive(Default)]
struct Authorization {
    owner: Option<OwnerToken>,
    host: Option<HostToken>,
}

fn authorization(headers: &HeaderMap) -> Result<Authorization, Refusal> {
    let mut found = Authorization::default();
    let Some(text) = only(headers, &header::AUTHORIZATION)? else { return Ok(found) };
    let (scheme, parts) = text.split_once(' ').ok_or(Refusal::Malformed)?;
    if !scheme.eq_ignore_ascii_case("pinhole") {
        return Err(Refusal::Malformed);
    }
    for part in parts.split(',') {
        let fresh = match part.trim().split_once('=').ok_or(Refusal::Malformed)? {
            ("owner", value) => found
                .owner
                .replace(hex(value).map(OwnerToken::new).ok_or(Refusal::Malformed)?)
                .is_none(),
            ("host", value) => {
                found.host.replace(HostToken::parse(value).ok_or(Refusal::Malformed)?).is_none()
            }
            _ => false,
        };
        if !fresh {
            return Err(Refusal::Malformed);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
