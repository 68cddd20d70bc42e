//! A file as the walk found it, and whether it is still that.

use super::rules::Rules;
use super::sent::Sent;
use super::trail::Trail;
use super::{Links, SourceFailure};
use pinhole_protocol::wire::Reason;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, SeekFrom, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex};

/// How a source is opened: never waiting for a pipe's other end or taking a terminal over, should
/// one have come in the file's place.
pub(super) const READ: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Bytes of a path that can be opened at once, the NUL at its end counted (Linux, `limits.h`).
pub(super) const PATH_MAX: usize = 4_096;

/// What tells a file from another and from itself after a change.
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
    pub identity: (u64, u64),
}

impl Stamp {
    pub fn of(stat: &Stat) -> Self {
        let nanos = |nanos| u32::try_from(nanos).unwrap_or(0);
        Self {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: (stat.st_mtime, nanos(stat.st_mtime_nsec)),
            changed: (stat.st_ctime, nanos(stat.st_ctime_nsec)),
            identity: (stat.st_dev, stat.st_ino),
        }
    }

    /// What a file is now that was this.
    pub fn seen(&self, stat: &Stat) -> Seen {
        let now = Self::of(stat);
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

/// Bytes of a file that are kept. Where it has more, the others are in holes.
pub(super) fn kept(stat: &Stat) -> u64 {
    u64::try_from(stat.st_blocks).map_or(u64::MAX, |blocks| blocks.saturating_mul(512))
}

/// A file that is being sent.
pub(super) struct Source {
    pub trail: Trail,
    pub stamp: Stamp,
    /// Bytes of its entry; the file may have more.
    pub size: u64,
    /// What was read of it already, because nothing else says how long it is.
    pub content: Option<Arc<[u8]>>,
    pub links: Links,
    /// Whether it may have holes, and its peer takes them.
    pub sparse: bool,
    /// Whether it was named itself.
    pub named: bool,
    /// The position of its first byte.
    pub start: u64,
    pub state: Mutex<State>,
}

/// What has become of a file since its walk.
#[derive(Default)]
pub(super) struct State {
    /// Why it is not to be had any more.
    pub lost: Option<Reason>,
    /// Whether it was larger when it was read.
    pub grown: bool,
    pub sent: Sent,
}

/// What a file is, compared with what it was at its walk.
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

/// What is at a place in a file.
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
        let file = open(&path, READ, self.links)
            .map(File::from)
            .map_err(|error| SourceFailure::of(&path, &error))?;
        rules.admit(&file, &path).map_err(SourceFailure::Fenced)?;
        Ok(file)
    }

    /// Reads once at `offset`, of which so many bytes are left to the entry's end, or finds a hole
    /// there.
    pub fn piece(&self, file: &File, offset: u64, left: u64, buf: &mut [u8]) -> io::Result<Piece> {
        let end = offset.saturating_add(left);
        let mut most = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        if self.sparse {
            match rustix::fs::seek(file, SeekFrom::Data(offset)) {
                Ok(data) if data > offset => return Ok(Piece::Hole(data.min(end))),
                // There is no more data.
                Err(Errno::NXIO) => return Ok(Piece::Hole(end)),
                Ok(_) => {
                    let data = rustix::fs::seek(file, SeekFrom::Hole(offset))
                        .map_or(left, |hole| hole.saturating_sub(offset));
                    most = most.min(usize::try_from(data).unwrap_or(usize::MAX).max(1));
                }
                // A file system that knows no holes.
                Err(_) => {}
            }
        }
        let buf = buf.get_mut(..most).unwrap_or_default();
        loop {
            match file.read_at(buf, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map(Piece::Bytes),
            }
        }
    }

    /// What the open file is now.
    pub fn seen(&self, file: &File) -> io::Result<Seen> {
        Ok(self.stamp.seen(&rustix::fs::fstat(file)?))
    }

    /// What is at the path now.
    pub fn seen_there(&self) -> io::Result<Seen> {
        Ok(self.stamp.seen(&stat(&self.trail.path(), self.links)?))
    }

    /// Whether what is at the path is the file of the walk, unchanged.
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

/// A handle for looking up only: a folder may be closed to reading.
const STEP: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens an absolute path of any length. Unless links are followed there may be none in it, so that
/// what was checked at that path is what is opened.
///
/// # Errors
/// Those of the operating system; `ELOOP` or `ENOTDIR` where a link has come in the way.
pub(super) fn open(path: &Path, flags: OFlags, links: Links) -> io::Result<OwnedFd> {
    let (above, last) = in_reach(path, links)?;
    open_piece(above.as_ref().map_or(CWD, AsFd::as_fd), last, flags, links)
}

/// The same, without following links.
pub(super) fn open_resolved(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    open(path, flags, Links::Skip)
}

/// What is at an absolute path of any length.
fn stat(path: &Path, links: Links) -> io::Result<Stat> {
    let flags = if links == Links::Follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
    let (above, last) = in_reach(path, links)?;
    Ok(rustix::fs::statat(above.as_ref().map_or(CWD, AsFd::as_fd), last, flags)?)
}

/// Goes down an absolute path until the system takes the rest of it: the folder there, if it is not
/// the first, and that rest.
fn in_reach(path: &Path, links: Links) -> io::Result<(Option<OwnedFd>, &Path)> {
    let (mut above, mut rest) = (None::<OwnedFd>, path.as_os_str().as_bytes());
    while rest.len() >= PATH_MAX {
        let too_long = || io::Error::from(io::ErrorKind::InvalidFilename);
        let cut = rest
            .get(..PATH_MAX)
            .and_then(|piece| piece.iter().rposition(|byte| *byte == b'/'))
            .filter(|cut| *cut > 0);
        let (piece, after) =
            rest.split_at_checked(cut.ok_or_else(too_long)?).ok_or_else(too_long)?;
        above = Some(open_piece(
            above.as_ref().map_or(CWD, AsFd::as_fd),
            Path::new(OsStr::from_bytes(piece)),
            STEP,
            links,
        )?);
        rest = after.strip_prefix(b"/").unwrap_or(after);
    }
    Ok((above, Path::new(OsStr::from_bytes(rest))))
}

/// Opens a path that the system takes as a whole, from `above` on.
fn open_piece(
    above: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    links: Links,
) -> io::Result<OwnedFd> {
    if links == Links::Follow {
        return Ok(rustix::fs::openat(above, path, flags, Mode::empty())?);
    }
    match rustix::fs::openat2(above, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        // Linux before 5.6, and sandboxes that do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => open_stepwise(above, path, flags),
        opened => Ok(opened?),
    }
}

/// The same, one directory after another.
fn open_stepwise(above: BorrowedFd<'_>, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let start = if path.is_absolute() { "/" } else { "." };
    let mut at = rustix::fs::openat(above, start, STEP, Mode::empty())?;
    let mut names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let mut name = names.next().ok_or(io::ErrorKind::InvalidInput)?;
    for next in names {
        at = rustix::fs::openat(&at, name, STEP | OFlags::NOFOLLOW, Mode::empty())?;
        name = next;
    }
    Ok(rustix::fs::openat(&at, name, flags | OFlags::NOFOLLOW, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_way_of_opening_follows_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("d")).unwrap();
        std::fs::write(root.join("d/file"), "x").unwrap();
        std::os::unix::fs::symlink("d", root.join("link")).unwrap();
        std::os::unix::fs::symlink("file", root.join("d/link")).unwrap();
        let stepwise: fn(&Path, OFlags) -> io::Result<OwnedFd> =
            |path, flags| open_stepwise(CWD, path, flags);
        for open in [open_resolved, stepwise] {
            assert!(open(&root.join("d/file"), READ).is_ok());
            assert!(open(&root.join("d"), READ | OFlags::DIRECTORY).is_ok());
            for link in ["link/file", "d/link"] {
                let error = open(&root.join(link), READ).unwrap_err();
                let failure = SourceFailure::of(&root, &error);
                assert_eq!(
                    failure,
                    SourceFailure::Changed { path: root.clone() },
                    "{link}: {error}"
                );
            }
            assert_eq!(
                open(&root.join("d/none"), READ).unwrap_err().kind(),
                io::ErrorKind::NotFound
            );
        }
    }
}
