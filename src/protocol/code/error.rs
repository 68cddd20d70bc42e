//! Mistakes in a typed code: a kind that may be logged, and a sentence for its user alone.

use crate::wordlist;
use alloc::string::{String, ToString};
use core::fmt;
use zeroize::Zeroizing;

/// The kind of a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeFault {
    /// It does not begin with a number.
    NoNumber,
    /// Its number is one that no code has.
    Number,
    /// Fewer words than a code has.
    TooFewWords,
    /// A dash at its end: a word is missing, and without it this would be a guess that ends the
    /// code.
    Unfinished,
    /// More words than a code has.
    TooManyWords,
    /// A word that is not on the list.
    UnknownWord,
    /// No place follows `@`, or the address of a link is none.
    Place,
    /// The number is a port, but the place is a relay, which hands out none.
    PortAtRelay,
    /// A link without a code after `#`.
    LinkWithoutCode,
}

impl fmt::Display for CodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNumber => "a code begins with its number, like 417-walrus-clipboard-mango",
            Self::Number => "no code has that number",
            Self::TooFewWords => {
                "a code has at least three words after its number, so a word is missing"
            }
            Self::Unfinished => "the code ends with a dash, so a word is missing",
            Self::TooManyWords => "a code has at most eight words after its number",
            Self::UnknownWord => "a word is not a code word",
            Self::Place => "what the code names is neither a host nor a relay",
            Self::PortAtRelay => "the code's number is a port, which no relay hands out",
            Self::LinkWithoutCode => "the link has no code after its #",
        })
    }
}

/// Letters of a mistyped word that are shown: twice the longest word, so that a pasted page does
/// not fill the terminal.
const SHOWN: usize = 20;

/// A code that cannot be one. `Debug` and `Display` give the kind alone, because a mistyped word is
/// nearly a secret.
pub struct CodeError {
    fault: CodeFault,
    typed: Zeroizing<String>,
    meant: Option<&'static str>,
}

impl CodeError {
    pub(super) fn new(fault: CodeFault) -> Self {
        Self { fault, typed: Zeroizing::new(String::new()), meant: None }
    }

    pub(super) fn unknown(typed: &str) -> Self {
        Self {
            fault: CodeFault::UnknownWord,
            typed: Zeroizing::new(typed.to_string()),
            meant: wordlist::suggest(typed),
        }
    }

    /// The kind of mistake.
    #[must_use]
    pub const fn fault(&self) -> CodeFault {
        self.fault
    }

    /// The mistake, with the mistyped word and the one probably meant: for the terminal
    /// of the user who typed it, never for a log. The word is escaped.
    #[must_use]
    pub fn explain(&self) -> String {
        if self.fault != CodeFault::UnknownWord {
            return self.fault.to_string();
        }
        let typed: String = self.typed.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        match self.meant {
            Some(meant) => alloc::format!("`{typed}` is not a code word; did you mean `{meant}`?"),
            None => alloc::format!("`{typed}` is not a code word"),
        }
    }
}

impl fmt::Debug for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.fault, f)
    }
}

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.fault, f)
    }
}

impl core::error::Error for CodeError {}
