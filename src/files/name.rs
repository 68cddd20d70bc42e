//! File names from the peer: one path component that is safe to create, or a refusal.
//!
//! A name is stored as it was sent. What could lead out of the directory is refused; what would
//! move a cursor or turn text around is rewritten with `_`, and so is what the file system of the
//! directory cannot hold; the caller reports both names.

use crate::platform::name::{self, from_vec};
use pinhole_protocol::limits::NAME_BYTES;
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use unicode_normalization::UnicodeNormalization;

/// A single path component, from 1 to [`NAME_BYTES`] bytes of any kind, without a separator, a NUL,
/// a control character or one that changes the direction of text. It has no `Display`: in a
/// sentence of ours it is the `Subject`. [`FileName::parse`] makes all of them; the others derive
/// from one another that would parse to itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(OsString);

/// A name as it will be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The safe name.
    pub name: FileName,
    /// True if it differs from what the peer sent.
    pub changed: bool,
}

/// Why a name cannot be stored. None of the sentences quotes the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("a name is empty")]
    Empty,
    /// `.` or `..`.
    #[error("a name stands for a folder itself or the one above it")]
    Dots,
    /// `/`, which includes every absolute path.
    #[error("a name holds a path separator")]
    Separator,
    /// A NUL byte, at which the operating system would stop reading.
    #[error("a name holds a NUL byte")]
    Nul,
    /// Over [`NAME_BYTES`], as it came or in its safe form.
    #[error("a name is longer than 255 bytes")]
    TooLong,
}

impl FileName {
    /// Checks one path component of the peer's and makes it safe: `_` for each control character
    /// and each that changes the direction of text, and before the name of a journal, which is
    /// believed to be this program's. What is no UTF-8 stays. A parsed name parses to itself.
    ///
    /// # Errors
    /// [`NameError`] for what is no single component, and for what is too long.
    pub fn parse(raw: &[u8]) -> Result<Parsed, NameError> {
        match raw {
            b"" => return Err(NameError::Empty),
            b"." | b".." => return Err(NameError::Dots),
            _ if raw.len() > NAME_BYTES => return Err(NameError::TooLong),
            _ if raw.contains(&b'/') => return Err(NameError::Separator),
            _ if raw.contains(&0) => return Err(NameError::Nul),
            _ => {}
        }
        let mut name = Self(from_vec(rewritten(raw, is_unsafe)));
        if name.bytes().starts_with(b".pinhole-") && name.bytes().ends_with(b".journal") {
            name = name.set_aside();
        }
        Ok(Parsed { changed: name.bytes() != raw, name })
    }

    /// The name, safe to create.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        name::bytes(&self.0)
    }

    /// The name as people read it: what is no UTF-8 has the replacement character.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        self.0.to_string_lossy()
    }

    /// The name, where a test knows that it is text.
    #[cfg(test)]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// The name with a `_` in front, under which programs do not look for it, its stem shortened
    /// where the whole would not fit.
    #[must_use]
    pub fn set_aside(&self) -> Self {
        Self(from_vec([b"_", self.bytes()].concat())).shortened("", NAME_BYTES)
    }

    /// The name with a `_` behind it, where programs go by its end; shortened in the same way.
    #[must_use]
    pub fn closed(&self) -> Self {
        let shorter = self.shortened("", NAME_BYTES.saturating_sub(1));
        Self(from_vec([shorter.bytes(), b"_"].concat()))
    }

    /// The name as every file system in use holds it: in UTF-8, with `_` for what Windows reserves,
    /// for each dot and space at the end and for what is no UTF-8, and after what Windows takes for
    /// a device, and at most `longest` bytes.
    #[must_use]
    pub fn plain(&self, longest: usize) -> Self {
        let mut name: Vec<u8> = Vec::with_capacity(self.0.len());
        for chunk in self.bytes().utf8_chunks() {
            name.extend(rewritten(chunk.valid().as_bytes(), |c| RESERVED.contains(&c)));
            name.extend(chunk.invalid().iter().map(|_| b'_'));
        }
        if let Some(end) = device(&name) {
            name.insert(end, b'_');
        }
        let mut name = name::into_vec(Self(from_vec(name)).shortened("", longest).0);
        let kept = name
            .iter()
            .rposition(|byte| !b". ".contains(byte))
            .map_or(0, |last| last.saturating_add(1));
        for byte in name.iter_mut().skip(kept) {
            *byte = b'_';
        }
        Self(from_vec(name))
    }

    /// The name with a number before its extension, `report (1).pdf`, its stem shortened where the
    /// whole would not fit. With 0 it is the name itself.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        self.numbered_within(number, NAME_BYTES)
    }

    /// The same in at most `longest` bytes.
    #[must_use]
    pub fn numbered_within(&self, number: u32, longest: usize) -> Self {
        if number == 0 { self.clone() } else { self.shortened(&format!(" ({number})"), longest) }
    }

    /// The name with something before its extension, and its stem shortened until the whole has at
    /// most `longest` bytes.
    fn shortened(&self, inserted: &str, longest: usize) -> Self {
        let name = self.bytes();
        let longest_extension = LONGEST_EXTENSION.min(longest / 2);
        let dot = name
            .iter()
            .rposition(|byte| *byte == b'.')
            .filter(|dot| *dot > 0 && name.len().saturating_sub(*dot) <= longest_extension);
        let (stem, extension) =
            dot.and_then(|dot| name.split_at_checked(dot)).unwrap_or((name, b""));
        let (stem, tar): (_, &[u8]) = stem
            .strip_suffix(b".tar")
            .filter(|stem| !stem.is_empty())
            .map_or((stem, b""), |stem| (stem, b".tar"));
        let ending = [inserted.as_bytes(), tar, extension].concat();
        let room = stem.len().min(longest.saturating_sub(ending.len()));
        let mut stem = stem.get(..room).unwrap_or(stem).to_vec();
        // No letter is cut in two.
        if let Err(error) = std::str::from_utf8(&stem)
            && error.error_len().is_none()
        {
            stem.truncate(error.valid_up_to());
        }
        Self(from_vec([stem, ending].concat()))
    }

    /// A form that is equal for names which a file system that ignores case would take for one.
    #[must_use]
    pub fn folded(&self) -> Vec<u8> {
        let fold = |text: &str| -> String {
            // Upper case first: it joins what lower case alone keeps apart, such as the two small
            // sigmas.
            text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
        };
        self.bytes()
            .utf8_chunks()
            .flat_map(|chunk| [fold(chunk.valid()).into_bytes(), chunk.invalid().to_vec()])
            .flatten()
            .collect()
    }
}

/// Bytes of an extension, its dot counted, that stay at the end of a name that is changed; a longer
/// one is no extension that anyone means.
const LONGEST_EXTENSION: usize = 32;

/// Characters that Windows reserves:
/// <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>. FAT, exFAT and NTFS refuse
/// them elsewhere too.
const RESERVED: [char; 8] = ['<', '>', ':', '"', '\\', '|', '?', '*'];

/// The end of the stem, if Windows takes the name for a device's, with its extension or without.
/// NTFS refuses such names elsewhere too.
fn device(name: &[u8]) -> Option<usize> {
    let stem = name.split(|byte| *byte == b'.').next().unwrap_or_default().trim_ascii_end();
    let upper = stem.to_ascii_uppercase();
    let number = [&b"COM"[..], b"LPT"].into_iter().find_map(|port| upper.strip_prefix(port));
    let numbered =
        number.is_some_and(|number| matches!(number, [b'0'..=b'9'] | [0xc2, 0xb9 | 0xb2 | 0xb3]));
    (numbered || [&b"CON"[..], b"PRN", b"AUX", b"NUL"].contains(&upper.as_slice()))
        .then_some(stem.len())
}

/// The bytes with `_` for each character that `is_bad`.
fn rewritten(raw: &[u8], is_bad: impl Fn(char) -> bool) -> Vec<u8> {
    let mut name = Vec::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        let safe: String = chunk.valid().chars().map(|c| if is_bad(c) { '_' } else { c }).collect();
        name.extend_from_slice(safe.as_bytes());
        name.extend_from_slice(chunk.invalid());
    }
    name
}

/// True if a character must not be in a name: it moves a cursor (C0, DEL, C1), or changes the order
/// of what is seen (UAX #9).
const fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;
