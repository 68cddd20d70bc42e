//! The code: a public number that says where to look, and the secret words (SPEC 2).

mod address;
mod error;
mod relay_url;

pub use address::{CodeAddress, Place, Shape, shape};
pub use error::{CodeError, CodeFault};
pub use relay_url::{RelayUrl, RelayUrlFault};

use crate::wordlist;
use alloc::string::{String, ToString};
use core::fmt;
use core::ops::RangeInclusive;
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

/// Numbers of words that a code may have; three, 31 bits, unless `--words` says otherwise
/// (SPEC 2.2).
pub const WORDS: RangeInclusive<usize> = 3..=8;

/// The public number of a code. It is no secret: relays, announcements and logs may hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nameplate(u32);

impl Nameplate {
    /// The code number `number`.
    ///
    /// # Errors
    /// [`CodeFault::Number`] outside 100..=999, 1024..=65535 and 100000..=999999999 (SPEC 2.1).
    pub fn new(number: u32) -> Result<Self, CodeError> {
        match number {
            100..=999 | 1024..=65_535 | 100_000..=999_999_999 => Ok(Self(number)),
            _ => Err(CodeError::new(CodeFault::Number)),
        }
    }

    /// Reads a code number: decimal digits without a leading zero and nothing else.
    ///
    /// # Errors
    /// [`CodeFault::NoNumber`] if `text` is no such number, [`CodeFault::Number`] if it is one that
    /// no code has.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(CodeError::new(CodeFault::NoNumber));
        }
        if text.starts_with('0') {
            return Err(CodeError::new(CodeFault::Number));
        }
        Self::new(text.parse().map_err(|_| CodeError::new(CodeFault::Number))?)
    }

    /// The TCP port that the number is, if it is one: its host listens itself.
    #[must_use]
    pub fn port(self) -> Option<u16> {
        u16::try_from(self.0).ok().filter(|port| *port >= 1024)
    }

    /// True if a relay hands out this number. Every number is either this or a port.
    #[must_use]
    pub fn is_relay(self) -> bool {
        self.port().is_none()
    }

    /// The number itself.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Nameplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The words of a code, canonical. They leave the machine in no form but the SPAKE2 share and tags
/// keyed by its result, so there is no way to print, compare or copy them, and a handshake that
/// risks them consumes them.
pub struct Password(Zeroizing<String>);

impl Password {
    /// The words in lower case with `-` between them: SPAKE2's password (SPEC 2.2).
    pub(crate) fn canonical(&self) -> &str {
        &self.0
    }

    /// The number of words, which the host's hello says (SPEC 3.2).
    pub(crate) fn words(&self) -> u8 {
        let words = self.0.split('-').count();
        u8::try_from(words).unwrap_or(u8::MAX)
    }
}

/// A whole code.
pub struct Code {
    nameplate: Nameplate,
    password: Password,
}

impl Code {
    /// A new code with `words` words, each drawn evenly from the list.
    ///
    /// # Errors
    /// [`CodeFault::TooFewWords`] or [`CodeFault::TooManyWords`] if `words` is not in [`WORDS`].
    pub fn generate(
        nameplate: Nameplate,
        words: usize,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Self, CodeError> {
        Self::new(nameplate, (0..words).map(|_| wordlist::draw(rng)).map(Ok))
    }

    /// Reads a code as people type it: a number and whole words in any case, with spaces or dashes
    /// between and around them.
    ///
    /// # Errors
    /// Any [`CodeFault`] but those of an address. An unknown word is named, with what it was
    /// probably meant to be.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        if text.trim_end().ends_with(|letter: char| separates(letter) && !letter.is_whitespace()) {
            return Err(CodeError::new(CodeFault::Unfinished));
        }
        let mut parts = text.split(separates).filter(|part| !part.is_empty());
        let nameplate = Nameplate::parse(parts.next().unwrap_or_default())?;
        Self::new(
            nameplate,
            parts.map(|typed| wordlist::find(typed).ok_or_else(|| CodeError::unknown(typed))),
        )
    }

    fn new(
        nameplate: Nameplate,
        words: impl Iterator<Item = Result<&'static str, CodeError>>,
    ) -> Result<Self, CodeError> {
        // Room for the longest code, so that no smaller buffer is left behind unwiped while it
        // grows: a word has at most 10 letters.
        let mut canonical = Zeroizing::new(String::with_capacity(WORDS.end().saturating_mul(11)));
        let mut count: usize = 0;
        for word in words {
            let word = word?;
            count = count.saturating_add(1);
            if count > *WORDS.end() {
                return Err(CodeError::new(CodeFault::TooManyWords));
            }
            if count > 1 {
                canonical.push('-');
            }
            canonical.push_str(word);
        }
        if count < *WORDS.start() {
            return Err(CodeError::new(CodeFault::TooFewWords));
        }
        Ok(Self { nameplate, password: Password(canonical) })
    }

    /// The public number.
    #[must_use]
    pub const fn nameplate(&self) -> Nameplate {
        self.nameplate
    }

    /// The whole code, `417-walrus-clipboard-mango`: for the user who made it, and nobody else.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let number = self.nameplate.to_string();
        let mut code = Zeroizing::new(String::with_capacity(
            number.len().saturating_add(1).saturating_add(self.password.canonical().len()),
        ));
        code.push_str(&number);
        code.push('-');
        code.push_str(self.password.canonical());
        code
    }

    /// The public part and the secret part, each for its own owner.
    #[must_use]
    pub fn split(self) -> (Nameplate, Password) {
        (self.nameplate, self.password)
    }
}

/// Spaces and dashes of every kind: word processors and phones turn `-` into longer ones (U+2010 to
/// U+2015, U+2212).
fn separates(letter: char) -> bool {
    matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}') || letter.is_whitespace()
}

#[cfg(test)]
mod tests;
