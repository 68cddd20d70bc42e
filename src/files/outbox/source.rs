//! A file as the walk found it, and whether it is still that.

use super::rules::Rules;
use super::sent::{BLOCK, Sent};
use super::trail::Trail;
use super::{Links, SourceFailure};
use crate::platform::file::{Facts, FileId, How, Span, open, read_at, span};
use pinhole_protocol::wire::Reason;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Marks that tell a file from another and from itself after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Last change of the content: seconds since 1970 and nanoseconds.
    pub modified: (i64, u32),
    /// Last change of content, name or permissions, likewise. Only the kernel sets it.
    pub changed: (i64, u32),
    /// Device and inode, which tell a file that has grown from another. Some file systems give one
    /// file several in time.
    pub identity: FileId,
}

impl Stamp {
    pub fn of(facts: &Facts) -> Self {
        Self {
            size: facts.size(),
            modified: facts.modified(),
            changed: facts.changed(),
            identity: facts.id(),
        }
    }

    /// Compares a file that was this with its `facts` now.
    pub fn seen(&self, facts: &Facts) -> Seen {
        let now = Self::of(facts);
        if (now.size, now.modified, now.changed) == (self.size, self.modified, self.changed) {
            Seen::Same
        } else if now.identity != self.identity {
            Seen::Other
        } else if now.size > self.size {
            Seen::Grown
        } else {
            Seen::Rewritten
        }
    }
}

/// A file that is being sent.
pub(super) struct Source {
    pub trail: Trail,
    pub stamp: Stamp,
    /// Bytes of its entry; the file may have more.
    pub size: u64,
    /// Content that was read already, because nothing else tells how long it is.
    pub content: Option<Arc<[u8]>>,
    pub links: Links,
    /// True if it may have holes, and its peer takes them.
    pub sparse: bool,
    /// True if it was named itself.
    pub named: bool,
    /// The position of its first byte.
    pub start: u64,
    pub state: Mutex<State>,
}

/// Fate of a file since its walk.
#[derive(Default)]
pub(super) struct State {
    /// Why it is not to be had any more.
    pub lost: Option<Reason>,
    /// True if it was larger when it was read.
    pub grown: bool,
    pub sent: Sent,
}

/// A file as it is, compared with what it was at its walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Same,
    /// The same file, and larger.
    Grown,
    /// The same file, changed otherwise.
    Rewritten,
    /// Another file.
    Other,
}

/// Content at a place in a file.
pub(super) enum Piece {
    /// So many bytes were read.
    Bytes(usize),
    /// Zeros up to this offset.
    Hole(u64),
}

impl Source {
    /// Opens the file, if the fence of `rules` lets it out. That it is the one of the walk is not
    /// yet known: [`Source::seen`] says so after a read.
    pub fn open(&self, rules: &Rules) -> Result<File, SourceFailure> {
        let path = self.trail.path();
        let file = open(&path, How::Read, self.links == Links::Follow)
            .map_err(|error| SourceFailure::of(&path, &error))?;
        rules.admit(&file, &path).map_err(SourceFailure::Fenced)?;
        Ok(file)
    }

    /// The positions of its bytes.
    pub const fn span(&self) -> Range<u64> {
        self.start..self.start.saturating_add(self.size)
    }

    /// Reads at `offset`, of which so many bytes are left to the entry's end, or finds a hole
    /// there. If the file goes on behind `buf` it ends with a block (see [`BLOCK`]).
    pub fn piece(&self, file: &File, offset: u64, left: u64, buf: &mut [u8]) -> io::Result<Piece> {
        let end = offset.saturating_add(left);
        let mut most = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        if (most as u64) < left {
            let last = self.start.saturating_add(offset).saturating_add(most as u64) % BLOCK;
            most = usize::try_from(last)
                .ok()
                .and_then(|last| most.checked_sub(last))
                .filter(|most| *most > 0)
                .unwrap_or(most);
        }
        if self.sparse {
            match span(file, offset) {
                Span::Hole(until) => return Ok(Piece::Hole(until.min(end))),
                Span::Data(until) => {
                    let data = usize::try_from(until.saturating_sub(offset));
                    most = most.min(data.unwrap_or(usize::MAX).max(1));
                }
            }
        }
        let mut len = 0;
        while let Some(rest) = buf.get_mut(len..most).filter(|rest| !rest.is_empty()) {
            match read_at(file, rest, offset.saturating_add(len as u64)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => break,
                read => len = len.saturating_add(read?),
            }
        }
        Ok(Piece::Bytes(len))
    }

    /// Compares the open file, as it is now, with the one of the walk.
    pub fn seen(&self, file: &File) -> io::Result<Seen> {
        Ok(self.stamp.seen(&Facts::of(file)?))
    }

    /// Compares the file at the path now with the one of the walk.
    pub fn seen_there(&self) -> io::Result<Seen> {
        Ok(self.stamp.seen(&Facts::far(&self.trail.path(), self.links == Links::Follow)?))
    }

    /// Checks that the file of the walk is still at the path, unchanged.
    pub fn still_there(&self) -> Result<(), SourceFailure> {
        match self.seen_there() {
            Ok(Seen::Same) => Ok(()),
            Ok(_) => Err(self.changed()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// The failure that an error of the operating system about this file is.
    pub fn failed(&self, error: &io::Error) -> SourceFailure {
        SourceFailure::of(&self.trail.path(), error)
    }

    /// The failure that names this file as changed.
    pub fn changed(&self) -> SourceFailure {
        SourceFailure::Changed { path: self.trail.path() }
    }
}

/// Opens an absolute path of any length, in which there may be no link.
pub(super) fn open_resolved(path: &Path, how: How) -> io::Result<File> {
    open(path, how, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_way_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("d")).unwrap();
        std::os::unix::fs::symlink("d", root.join("link")).unwrap();
        std::os::unix::fs::symlink("file", root.join("d/link")).unwrap();
        for link in ["link/file", "d/link"] {
            let error = open_resolved(&root.join(link), How::Read).unwrap_err();
            let failure = SourceFailure::of(&root, &error);
            assert_eq!(failure, SourceFailure::Changed { path: root.clone() }, "{link}: {error}");
        }
    }
}
