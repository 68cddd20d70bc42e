//! The lines of a journal: what a transfer is of, then what of it is written, and at last which
//! files it has become. Whoever can change the file can say anything in them, so they are a hint,
//! and are only read as far as they are lawful.

use pinhole_protocol::limits::ITEMS;
use pinhole_protocol::ranges::Ranges;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Write as _;
use std::io::{BufRead, Read as _};

/// Bytes of a line.
pub const LINE: u64 = 1 << 20;
/// Bytes that a line has at most for one range and one file, besides its names.
const FOR_EACH: usize = 44;
const FOR_FILE: usize = 160;
/// Ranges that no line has room for.
pub const RANGES: usize = LINE as usize / FOR_EACH;

/// A line, which is a JSON object with its kind as the only key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// An item, once, before all else.
    Item(Begun),
    /// The state of the transfer.
    Wrote(Wrote),
    /// A file that is delivered.
    Named(Named),
}

/// An item of the transfer: one line each, before all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Its name at the sender.
    pub name: Name,
    /// File or folder.
    pub kind: Kind,
    /// Its hidden name here.
    pub part: String,
}

impl Begun {
    /// Its name at the sender and its kind, by which it is known.
    pub fn key(&self) -> (&[u8], Kind) {
        (&self.name.0, self.kind)
    }
}

/// The kinds of items that stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A file.
    File,
    /// A folder with all that is in it.
    Folder,
}

/// State of a transfer. Each such line stands for itself: the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrote {
    /// Bytes of the transfer that are here.
    pub bytes: u64,
    /// Bytes of all of it, if its sender has counted them.
    pub of: Option<u64>,
    /// Files that are here in part. One that is complete has its size and time on the disk.
    pub files: Vec<Partly>,
}

/// A file that is here in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partly {
    /// Number of its item, from 0.
    pub item: usize,
    /// Its path at the sender below its item, with `/` before each name; empty for an item.
    pub path: Name,
    /// The same here.
    pub here: Name,
    /// Its size in bytes, once it is complete.
    pub size: u64,
    /// Its last change at the sender: seconds since 1970, and nanoseconds.
    pub modified: (i64, u32),
    /// Offsets of the bytes that are here: where each range begins and ends, ascending.
    pub ranges: Vec<(u64, u64)>,
}

/// A file under its final name, of whose delivery the peer may not have heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Number of its item, from 0.
    pub item: usize,
    /// Its name here.
    pub here: Name,
    /// Facts of it. As long as they are the same, nobody has touched it.
    pub facts: Untouched,
}

/// Facts of a file that change with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untouched {
    /// Number that tells it from others on its disk.
    pub inode: u64,
    /// Its bytes.
    pub size: u64,
    /// Last change of its content: seconds since 1970, and nanoseconds.
    pub modified: (i64, u32),
    /// Last change of content, name or permissions, likewise.
    pub changed: (i64, u32),
}

/// A name or path as its bytes, written in hexadecimal: it need not be text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Name(pub Vec<u8>);

/// All that a journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Its items.
    pub items: Vec<Begun>,
    /// The last line about what is written of them.
    pub wrote: Wrote,
    /// Those that are delivered.
    pub named: Vec<Named>,
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(self.0.len().saturating_mul(2));
        for byte in &self.0 {
            // Writing to a string never fails.
            let _ = write!(text, "{byte:02x}");
        }
        serializer.serialize_str(&text)
    }
}

impl<'a> Deserialize<'a> for Name {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        let byte = |pair: &[u8]| match pair {
            [high, low] => {
                let both = digit(high)?.checked_mul(16)?.checked_add(digit(low)?)?;
                u8::try_from(both).ok()
            }
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("no hexadecimal digits"))
    }
}

impl Begun {
    fn is_lawful(&self) -> bool {
        is_name(&self.name.0) && is_hidden(self.part.as_bytes(), b".part")
    }
}

impl Wrote {
    fn is_lawful(&self, items: usize) -> bool {
        self.files.iter().all(|file| file.is_lawful() && file.item < items)
    }

    /// Adds a file with those of its ranges for which the line has room: the rest of it begins
    /// anew. `length` is what earlier calls have left of a line.
    pub fn add(&mut self, mut file: Partly, length: &mut usize) {
        let names = file.path.0.len().saturating_add(file.here.0.len()).saturating_mul(2);
        if let Some(left) = length.checked_sub(names.saturating_add(FOR_FILE)) {
            file.ranges.truncate(left / FOR_EACH);
            *length = left.saturating_sub(file.ranges.len().saturating_mul(FOR_EACH));
            self.files.push(file);
        }
    }
}

impl Partly {
    /// Its ranges as a set.
    pub fn here(&self) -> Ranges {
        let mut here = Ranges::default();
        self.ranges.iter().for_each(|(start, end)| here.insert(*start..*end));
        here
    }

    fn is_lawful(&self) -> bool {
        let mut at = 0;
        let ascending = self.ranges.iter().all(|(start, end)| {
            let lawful = at <= *start && start < end && *end <= self.size;
            at = *end;
            lawful
        });
        ascending
            && self.modified.1 < 1_000_000_000
            && is_path(&self.path.0)
            && is_path(&self.here.0)
    }
}

/// Reads lines until one is not whole, not lawful, or not to be understood.
pub fn read(mut text: impl BufRead) -> Told {
    let (mut told, mut bytes, mut last) = (Told::default(), Vec::new(), None);
    loop {
        bytes.clear();
        let read = text.by_ref().take(LINE).read_until(b'\n', &mut bytes);
        let line = match (read, bytes.strip_suffix(b"\n")) {
            (Ok(_), Some(line)) => serde_json::from_slice(line).ok(),
            _ => None,
        };
        match line {
            Some(Line::Item(item))
                if last.is_none() && item.is_lawful() && told.items.len() < ITEMS =>
            {
                told.items.push(item);
            }
            Some(Line::Wrote(wrote)) if wrote.is_lawful(told.items.len()) => last = Some(wrote),
            Some(Line::Named(named))
                if named.item < told.items.len() && told.named.len() < ITEMS =>
            {
                told.named.push(named);
            }
            _ => break,
        }
    }
    told.wrote = last.unwrap_or_default();
    told
}

/// The text of lines; each ends with a line feed.
pub fn text(lines: impl IntoIterator<Item = Line>) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        // Nothing in a line can fail to be written to memory.
        if serde_json::to_writer(&mut text, &line).is_ok() {
            text.push(b'\n');
        }
    }
    text
}

/// True for a hidden name of ours with this ending (`folder.rs`).
pub fn is_hidden(name: &[u8], ending: &[u8]) -> bool {
    let digits = name.strip_prefix(b".pinhole-").and_then(|rest| rest.strip_suffix(ending));
    digits.is_some_and(|digits| {
        digits.len() == 16 && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/') && !name.contains(&0)
}

/// True for nothing, or for names with a `/` before each.
fn is_path(path: &[u8]) -> bool {
    path.is_empty()
        || path
            .strip_prefix(b"/")
            .is_some_and(|names| names.split(|byte| *byte == b'/').all(is_name))
}
