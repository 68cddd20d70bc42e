//! File names from the peer: one path component that is safe to create and to print, or a refusal (DESIGN 5).
//!
//! The rules are the same on every system, so that a folder received on Linux can be handed on to Windows and back, and so that a
//! name means one thing to both sides. What could lead out of the directory is refused; what could deceive a reader, a shell or a
//! file system is rewritten with `_`, and the caller reports both names.

use pinhole_protocol::limits::NAME_BYTES;
use pinhole_protocol::wire::PeerText;
use unicode_normalization::UnicodeNormalization;

/// A single path component, at most [`NAME_BYTES`] bytes of NFC text without control, invisible or reserved characters. It is neither
/// hidden nor an option to a command, so it is never one of the program's own hidden names. It has no `Display`: in a sentence of ours it is
/// the [`Subject`](crate::failure::Subject). [`FileName::parse`] makes all of them;
/// [`FileName::numbered`] derives from one another that would parse to itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

/// A name as it will be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The safe name.
    pub name: FileName,
    /// Whether it differs from what the peer said.
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
    /// `/` or `\`, which includes every absolute path.
    #[error("a name holds a path separator")]
    Separator,
    /// A drive or an alternate data stream of a one-letter file: `C:`.
    #[error("a name begins with a drive")]
    Drive,
    /// A NUL byte, where many programs would stop reading.
    #[error("a name holds a NUL byte")]
    Nul,
    /// Over [`NAME_BYTES`], as it came or in its safe form.
    #[error("a name is longer than 255 bytes")]
    TooLong,
}

impl FileName {
    /// Checks one path component of the peer's and makes it safe: NFC; `_` for control, invisible and Windows' reserved characters, for
    /// each dot and space at the end and for a `-` or `.` at the beginning; `_` before a Windows device name. A parsed name parses to
    /// itself.
    ///
    /// # Errors
    /// [`NameError`] for what is no single component, and for what is too long before or after.
    pub fn parse(text: &PeerText) -> Result<Parsed, NameError> {
        let raw = text.raw();
        match raw {
            "" => return Err(NameError::Empty),
            "." | ".." => return Err(NameError::Dots),
            _ if raw.len() > NAME_BYTES => return Err(NameError::TooLong),
            _ if raw.contains(['/', '\\']) => return Err(NameError::Separator),
            _ if raw.contains('\0') => return Err(NameError::Nul),
            _ if matches!(raw.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic()) => return Err(NameError::Drive),
            _ => {}
        }
        let mut name: String = raw.nfc().map(|c| if is_unsafe(c) { '_' } else { c }).collect();
        if name.starts_with(['-', '.']) {
            name.replace_range(..1, "_");
        }
        let kept = name.trim_end_matches(['.', ' ']).len();
        let ending = "_".repeat(name.len().saturating_sub(kept));
        name.truncate(kept);
        name.push_str(&ending);
        if is_device(&name) {
            name.insert(0, '_');
        }
        // NFC can lengthen a name, as composed forms exist that it must take apart.
        if name.len() > NAME_BYTES {
            return Err(NameError::TooLong);
        }
        let changed = name != raw;
        Ok(Parsed { name: Self(name), changed })
    }

    /// The name, safe to create and to print.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with a `_` in front, under which programs do not look for it.
    ///
    /// # Errors
    /// [`NameError::TooLong`] if it has no room for that.
    pub fn set_aside(&self) -> Result<Self, NameError> {
        if self.0.len() < NAME_BYTES { Ok(Self(format!("_{}", self.0))) } else { Err(NameError::TooLong) }
    }

    /// The name with a number before its extension, `report (1).pdf`, its stem shortened where the whole would not fit.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let dot = self.0.rfind('.').filter(|dot| self.0.len().saturating_sub(*dot) <= LONGEST_EXTENSION);
        let (stem, extension) = dot.and_then(|dot| self.0.split_at_checked(dot)).unwrap_or((&self.0, ""));
        let (stem, tar) = stem.strip_suffix(".tar").filter(|stem| !stem.is_empty()).map_or((stem, ""), |stem| (stem, ".tar"));
        let ending = format!(" ({number}){tar}{extension}");
        let mut room = stem.len().min(NAME_BYTES.saturating_sub(ending.len()));
        while !stem.is_char_boundary(room) {
            room = room.saturating_sub(1);
        }
        Self(format!("{}{ending}", stem.get(..room).unwrap_or(stem)))
    }

    /// A form that is equal for names which a file system that ignores case would take for one.
    #[must_use]
    pub fn folded(&self) -> String {
        // Upper case first: it joins what lower case alone keeps apart, such as the two small sigmas.
        self.0.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
    }
}

/// Bytes of an extension, its dot counted, that [`FileName::numbered`] keeps at the end; a longer one is no extension that anyone means.
const LONGEST_EXTENSION: usize = 32;

/// Whether a character must not be in a name: it moves a cursor, is not seen, changes the order of what is seen, or Windows reserves it.
fn is_unsafe(c: char) -> bool {
    c.is_control() || "<>:\"|?*".contains(c) || INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// Whether Windows takes the name for a device, whatever its case and extension:
/// <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>, and the console's two names.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end_matches(' ').to_ascii_uppercase();
    let mut numbered = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).unwrap_or_default().chars();
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        // Windows counts the superscripts of Latin-1 among the digits of `COM1`.
        || (matches!(numbered.next(), Some('0'..='9' | '¹' | '²' | '³')) && numbered.next().is_none())
}

/// Ranges of characters that are not seen or that steer how others are seen: general category Cf, Zl and Zp, and the property
/// `Default_Ignorable_Code_Point` (Unicode 16.0, `DerivedGeneralCategory.txt` and `DerivedCoreProperties.txt`).
const INVISIBLE: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

#[cfg(test)]
mod tests;
