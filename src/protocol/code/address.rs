//! What a user may type where a code is asked for: a code, a code and its place, or a link (SPEC 2.3). Only read here, never resolved.

use super::{Code, CodeError, CodeFault, Nameplate, separates};
use alloc::string::{String, ToString};
use core::net::{IpAddr, Ipv6Addr};

/// A code, and where to look for its other side if that was said too.
pub struct CodeAddress {
    /// The code.
    pub code: Code,
    /// Where, if the text says so; it wins over every setting.
    pub at: Option<Place>,
}

/// A place named beside a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A host that listens itself.
    Host {
        /// A name or IP literal, IPv6 without brackets.
        host: String,
        /// Its port: the one that was named, else the code's number.
        port: u16,
    },
    /// The `ws://` or `wss://` address of a relay.
    Relay(String),
}

/// What the shape of a command's first word alone makes of it (SPEC 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// It begins with `https://` or `http://`.
    Link,
    /// Digits and at least two words, known or not; a place may follow `@`.
    Code,
    /// Digits alone: an open channel.
    Number,
    /// Anything else.
    Other,
}

/// The shape of `text`. What is not [`Shape::Other`] is never a path; `./NAME` always is one.
#[must_use]
pub fn shape(text: &str) -> Shape {
    if relay_of_link(text).is_some() {
        return Shape::Link;
    }
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    if digits(text) {
        return Shape::Number;
    }
    let (code, _) = text.split_once('@').unwrap_or((text, ""));
    let mut parts = code.split(separates).filter(|part| !part.is_empty());
    let begins = parts.next().is_some_and(digits);
    let words =
        parts.map(|part| part.chars().all(char::is_alphabetic)).try_fold(0_usize, |words, word| word.then_some(words.saturating_add(1)));
    if begins && words.is_some_and(|words| words >= 2) { Shape::Code } else { Shape::Other }
}

impl CodeAddress {
    /// Reads a code, `CODE@HOST[:PORT]`, `CODE@[IPV6]:PORT`, `CODE@wss://RELAY` or a link `https://RELAY/#CODE`.
    ///
    /// # Errors
    /// Any [`CodeFault`].
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let text = text.trim();
        if let Some((scheme, rest)) = relay_of_link(text) {
            let (relay, code) = rest.split_once('#').ok_or(CodeError::new(CodeFault::LinkWithoutCode))?;
            let code = Code::parse(code)?;
            let at = Some(relay_place(code.nameplate(), scheme, relay)?);
            return Ok(Self { code, at });
        }
        let Some((code, place)) = text.split_once('@') else {
            return Ok(Self { code: Code::parse(text)?, at: None });
        };
        let code = Code::parse(code)?;
        let at = Some(place_of(code.nameplate(), place.trim())?);
        Ok(Self { code, at })
    }
}

/// The scheme of the relay that a link names, and what follows `//`.
fn relay_of_link(text: &str) -> Option<(&'static str, &str)> {
    strip_scheme(text, "https://").map(|rest| ("wss", rest)).or_else(|| strip_scheme(text, "http://").map(|rest| ("ws", rest)))
}

fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn place_of(nameplate: Nameplate, place: &str) -> Result<Place, CodeError> {
    if let Some(rest) = strip_scheme(place, "wss://") {
        return relay_place(nameplate, "wss", rest);
    }
    if let Some(rest) = strip_scheme(place, "ws://") {
        return relay_place(nameplate, "ws", rest);
    }
    match nameplate.port() {
        Some(own) => {
            let (host, port) = host_and_port(place)?;
            Ok(Place::Host { host: host.to_string(), port: port.unwrap_or(own) })
        }
        None if is_loopback(place) => relay_place(nameplate, "ws", place),
        None => relay_place(nameplate, "wss", place),
    }
}

/// A relay's address from its scheme and what follows `//`: a host, perhaps a port, perhaps a path.
fn relay_place(nameplate: Nameplate, scheme: &str, rest: &str) -> Result<Place, CodeError> {
    if !nameplate.is_relay() {
        return Err(CodeError::new(CodeFault::PortAtRelay));
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = host_and_port(authority)?;
    // A relay's path is plain: no query, and nothing that a request line or a terminal could stumble over.
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~' | b'%')) {
        return Err(CodeError::new(CodeFault::Place));
    }
    let host = if host.contains(':') { alloc::format!("[{host}]") } else { host.to_string() };
    let port = port.map(|port| alloc::format!(":{port}")).unwrap_or_default();
    Ok(Place::Relay(alloc::format!("{scheme}://{host}{port}/{path}")))
}

/// `HOST`, `HOST:PORT`, `[IPV6]`, `[IPV6]:PORT` or a bare IPv6 literal; IPv6 may carry a zone.
fn host_and_port(text: &str) -> Result<(&str, Option<u16>), CodeError> {
    let bad = || CodeError::new(CodeFault::Place);
    if is_ipv6(text) {
        return Ok((text, None));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(bad)?;
            if !is_ipv6(host) {
                return Err(bad());
            }
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(bad)?) })
        }
        None => {
            let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            if !is_name(host) {
                return Err(bad());
            }
            (host, port)
        }
    };
    let port =
        port.map(|digits| digits.parse::<u16>().ok().filter(|port| *port > 0 && !digits.starts_with('+')).ok_or_else(bad)).transpose()?;
    Ok((host, port))
}

fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    address.parse::<Ipv6Addr>().is_ok() && zone.is_none_or(|zone| !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// A host name or IPv4 literal in the letters that both may have; at most 253 of them (RFC 1035, 2.3.4, in presentation form).
fn is_name(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && !text.starts_with(['-', '.'])
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

fn is_loopback(authority: &str) -> bool {
    host_and_port(authority).is_ok_and(|(host, _)| host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()))
}
