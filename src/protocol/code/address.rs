//! Input where a code is asked for: a code, a code and its place, or a link (SPEC 2.3). Only read
//! here, never resolved.

use super::relay_url::{host_and_port, strip_scheme};
use super::{Code, CodeError, CodeFault, Nameplate, RelayUrl, separates};
use alloc::string::{String, ToString};

/// A code, and where to look for its other side if that was said too.
pub struct CodeAddress {
    /// The code.
    pub code: Code,
    /// The place, if the text names one; it wins over every setting.
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
    /// A relay.
    Relay(RelayUrl),
}

/// The meaning of a command's first word by its shape alone (SPEC 2.4).
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
    if is_link(text) {
        return Shape::Link;
    }
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    if digits(text) {
        return Shape::Number;
    }
    let (code, _) = text.split_once('@').unwrap_or((text, ""));
    let mut parts = code.split(separates).filter(|part| !part.is_empty());
    let begins = parts.next().is_some_and(digits);
    let words = parts
        .map(|part| part.chars().all(char::is_alphabetic))
        .try_fold(0_usize, |words, word| word.then_some(words.saturating_add(1)));
    if begins && words.is_some_and(|words| words >= 2) { Shape::Code } else { Shape::Other }
}

impl CodeAddress {
    /// Reads a code, `CODE@HOST[:PORT]`, `CODE@[IPV6]:PORT`, `CODE@wss://RELAY` or a link
    /// `https://RELAY/#CODE`.
    ///
    /// # Errors
    /// Any [`CodeFault`].
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let text = text.trim();
        if is_link(text) {
            let (relay, code) =
                text.split_once('#').ok_or(CodeError::new(CodeFault::LinkWithoutCode))?;
            let code = Code::parse(code)?;
            let at = Some(relay_place(code.nameplate(), relay)?);
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

fn is_link(text: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| strip_scheme(text, scheme).is_some())
}

fn place_of(nameplate: Nameplate, place: &str) -> Result<Place, CodeError> {
    match nameplate.port() {
        Some(own) if !place.contains("://") => {
            let (host, port) =
                host_and_port(place).map_err(|_| CodeError::new(CodeFault::Place))?;
            Ok(Place::Host { host: host.to_string(), port: port.unwrap_or(own) })
        }
        _ => relay_place(nameplate, place),
    }
}

fn relay_place(nameplate: Nameplate, relay: &str) -> Result<Place, CodeError> {
    if !nameplate.is_relay() {
        return Err(CodeError::new(CodeFault::PortAtRelay));
    }
    RelayUrl::parse(relay).map(Place::Relay).map_err(|_| CodeError::new(CodeFault::Place))
}
