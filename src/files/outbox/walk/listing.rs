//! The names in one directory, sorted, in little memory: a directory may hold millions.

use crate::platform::folder::Folder;
use crate::platform::name;
use std::ffi::OsStr;
use std::io;

/// Bytes of names that are kept at once, and twice that while they are read; those that come later
/// are read when these were visited.
const MOST: usize = 256 << 10;
/// Bytes of a name beside itself.
const SPAN: usize = size_of::<(u32, u16)>();
/// Bytes that are kept of a directory that is let go.
const LITTLE: usize = 16 << 10;

/// The names in a directory that have not been visited yet.
#[derive(Default)]
pub(super) struct Listing {
    /// Names, end to end.
    bytes: Vec<u8>,
    /// Start and length of each in `bytes`, the last to be visited first.
    spans: Vec<(u32, u16)>,
    /// The name that was visited last.
    last: Vec<u8>,
    /// True if others come after these.
    more: bool,
}

impl Listing {
    /// Reads the first names in `dir`, without `.` and `..`, in the order of their bytes.
    ///
    /// # Errors
    /// Those of reading the directory.
    pub fn read(dir: &Folder) -> io::Result<Self> {
        let mut listing = Self::default();
        listing.fill(dir)?;
        Ok(listing)
    }

    /// Reads the next names in `dir` where all that were read are visited, and others come after
    /// them.
    ///
    /// # Errors
    /// Those of reading the directory; there are then no more.
    pub fn read_on(&mut self, dir: &Folder) -> io::Result<()> {
        if !self.spans.is_empty() || !std::mem::take(&mut self.more) {
            return Ok(());
        }
        let filled = self.fill(dir);
        if filled.is_err() {
            *self = Self::default();
        }
        filled
    }

    /// Reads the names after `last`.
    fn fill(&mut self, dir: &Folder) -> io::Result<()> {
        let (mut end, last) = (None::<Vec<u8>>, std::mem::take(&mut self.last));
        self.bytes.clear();
        dir.each_name(|name| {
            let name = name::bytes(name);
            if name <= last.as_slice() {
                return Ok(());
            }
            if end.as_ref().is_some_and(|end| name > end.as_slice()) {
                self.more = true;
                return Ok(());
            }
            let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
            let start = u32::try_from(self.bytes.len()).map_err(too_large)?;
            self.spans.push((start, u16::try_from(name.len()).map_err(too_large)?));
            self.bytes.extend_from_slice(name);
            if self.kept() > MOST.saturating_mul(2) {
                end = self.cut();
            }
            Ok(())
        })?;
        self.last = last;
        self.sort();
        Ok(())
    }

    fn sort(&mut self) {
        let Self { bytes, spans, .. } = self;
        spans.sort_unstable_by(|a, b| name_at(bytes, *b).cmp(name_at(bytes, *a)));
    }

    /// Leaves only the first of the names; the last of these.
    fn cut(&mut self) -> Option<Vec<u8>> {
        self.sort();
        let mut first = Self { more: true, ..Self::default() };
        for span in self.spans.iter().rev() {
            let name = name_at(&self.bytes, *span);
            if first.kept().saturating_add(name.len()) > MOST {
                break;
            }
            first.spans.push((u32::try_from(first.bytes.len()).unwrap_or(u32::MAX), span.1));
            first.bytes.extend_from_slice(name);
        }
        *self = first;
        self.spans.last().map(|span| name_at(&self.bytes, *span).to_vec())
    }

    fn kept(&self) -> usize {
        self.bytes.len().saturating_add(self.spans.len().saturating_mul(SPAN))
    }

    /// Keeps little in memory; what is forgotten is read again.
    pub fn let_go(&mut self) {
        if self.kept() > LITTLE {
            *self = Self {
                more: self.more || !self.spans.is_empty(),
                last: std::mem::take(&mut self.last),
                ..Self::default()
            };
        }
    }

    /// True if all were visited.
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty() && !self.more
    }

    /// True if some are not read yet.
    pub const fn has_more(&self) -> bool {
        self.more
    }

    /// Those that are not read are not to be had.
    pub const fn forget_more(&mut self) {
        self.more = false;
    }

    /// The next name that was read.
    pub fn next(&mut self) -> Option<&OsStr> {
        let name = name_at(&self.bytes, self.spans.pop()?);
        self.last.clear();
        self.last.extend_from_slice(name);
        Some(name::from_bytes(name))
    }
}

fn name_at(bytes: &[u8], (start, len): (u32, u16)) -> &[u8] {
    let start = start as usize;
    bytes.get(start..start.saturating_add(len.into())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_large_directory_is_read_in_order_and_a_piece_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let name = |n: usize| format!("{n:0>200}");
        let count = 3 * MOST / 200;
        // Neither in their order nor in its reverse.
        for n in (0..count).map(|n| (n * 7_919) % count) {
            File::create(dir.path().join(name(n))).unwrap();
        }
        let handle = Folder::open(dir.path()).unwrap();
        let mut listing = Listing::read(&handle).unwrap();
        for n in 0..count {
            if n % 1_000 == 500 {
                listing.let_go();
            }
            listing.read_on(&handle).unwrap();
            assert!(listing.kept() <= 2 * MOST && !listing.is_empty());
            assert_eq!(listing.next(), Some(OsStr::new(&name(n))));
        }
        assert!(listing.is_empty() && listing.next().is_none());
        // A short listing stays as it is.
        let short = tempfile::tempdir().unwrap();
        File::create(short.path().join("a")).unwrap();
        let mut listing = Listing::read(&Folder::open(short.path()).unwrap()).unwrap();
        listing.let_go();
        assert!(!listing.has_more());
        assert_eq!(listing.next(), Some(OsStr::new("a")));
    }
}
