//! The names in one directory, sorted, in as little memory as they need: a directory may hold a million.

use rustix::fs::Dir;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

/// The names in a directory that have not been visited yet.
pub(super) struct Listing {
    /// All names, end to end.
    bytes: Vec<u8>,
    /// Start and length of each in `bytes`, the last to be visited first.
    spans: Vec<(u32, u16)>,
}

impl Listing {
    /// Reads the names in `dir`, without `.` and `..`, in the order of their bytes.
    ///
    /// # Errors
    /// Those of reading the directory, and one for 4 GiB of names.
    pub fn read(dir: impl AsFd) -> io::Result<Self> {
        let mut listing = Self { bytes: Vec::new(), spans: Vec::new() };
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
            let start = u32::try_from(listing.bytes.len()).map_err(too_large)?;
            listing.spans.push((start, u16::try_from(name.len()).map_err(too_large)?));
            listing.bytes.extend_from_slice(name);
        }
        let Self { bytes, spans } = &mut listing;
        spans.sort_unstable_by(|a, b| name_at(bytes, *b).cmp(name_at(bytes, *a)));
        Ok(listing)
    }

    /// Whether all were visited.
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The next name.
    pub fn next(&mut self) -> Option<&OsStr> {
        let span = self.spans.pop()?;
        Some(OsStr::from_bytes(name_at(&self.bytes, span)))
    }
}

fn name_at(bytes: &[u8], (start, len): (u32, u16)) -> &[u8] {
    let start = start as usize;
    bytes.get(start..start.saturating_add(len.into())).unwrap_or_default()
}
