//! A file as the walk found it, and whether it is still that.

use super::rules::Rules;
use super::{Links, SourceFailure};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

/// How a source is opened: never waiting for a pipe's other end or taking a terminal over, should one have come in the file's place.
pub(super) const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// What tells a file from another and from itself after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Last change of the content: seconds since 1970 and nanoseconds.
    pub modified: (i64, u32),
    /// Last change of content, name or permissions, likewise. Only the kernel sets it.
    pub changed: (i64, u32),
}

impl Stamp {
    pub fn of(stat: &Stat) -> Self {
        let nanos = |nanos| u32::try_from(nanos).unwrap_or(0);
        Self {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: (stat.st_mtime, nanos(stat.st_mtime_nsec)),
            changed: (stat.st_ctime, nanos(stat.st_ctime_nsec)),
        }
    }
}

/// A file that is being sent.
#[derive(Debug)]
pub(super) struct Source {
    pub path: PathBuf,
    pub stamp: Stamp,
    pub links: Links,
}

impl Source {
    /// Opens the file, if the fence of `rules` lets it out. That it is the one of the walk is not yet known: [`Source::unchanged`] says so
    /// after a read.
    pub fn open(&self, rules: &Rules) -> Result<File, SourceFailure> {
        let opened = match self.links {
            Links::Skip => open_resolved(&self.path, READ),
            Links::Follow => rustix::fs::open(&self.path, READ, Mode::empty()).map_err(Into::into),
        };
        let file = opened.map(File::from).map_err(|error| SourceFailure::of(&self.path, &error))?;
        rules.admit(&file, &self.path).map_err(SourceFailure::Fenced)?;
        Ok(file)
    }

    /// Whether the open file is the one of the walk, unchanged.
    pub fn unchanged(&self, file: &File) -> Result<(), SourceFailure> {
        self.compare(rustix::fs::fstat(file))
    }

    /// Whether what is at the path is the file of the walk, unchanged.
    pub fn still_there(&self) -> Result<(), SourceFailure> {
        let flags = match self.links {
            Links::Skip => AtFlags::SYMLINK_NOFOLLOW,
            Links::Follow => AtFlags::empty(),
        };
        self.compare(rustix::fs::statat(CWD, &self.path, flags))
    }

    fn compare(&self, stat: rustix::io::Result<Stat>) -> Result<(), SourceFailure> {
        match stat {
            Ok(stat) if Stamp::of(&stat) == self.stamp => Ok(()),
            Ok(_) => Err(self.changed()),
            Err(error) => Err(SourceFailure::of(&self.path, &error.into())),
        }
    }

    /// The failure that names this file as changed.
    pub fn changed(&self) -> SourceFailure {
        SourceFailure::Changed { path: self.path.clone() }
    }
}

/// Opens an absolute path without following a link anywhere in it, so that what was checked at that path is what is opened.
///
/// # Errors
/// Those of the operating system; `ELOOP` or `ENOTDIR` where a link has come in the way.
pub(super) fn open_resolved(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    match rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        // Linux before 5.6, and sandboxes that do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => open_stepwise(path, flags),
        opened => Ok(opened?),
    }
}

/// The same, one directory after another.
fn open_stepwise(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    // A handle for looking up only: a folder above may be closed to reading.
    const STEP: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
    let mut at = rustix::fs::open("/", STEP, Mode::empty())?;
    let mut names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let mut name = names.next().ok_or(io::ErrorKind::InvalidInput)?;
    for next in names {
        at = rustix::fs::openat(&at, name, STEP, Mode::empty())?;
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
        for open in [open_resolved, open_stepwise] {
            assert!(open(&root.join("d/file"), READ).is_ok());
            assert!(open(&root.join("d"), READ | OFlags::DIRECTORY).is_ok());
            for link in ["link/file", "d/link"] {
                let error = open(&root.join(link), READ).unwrap_err();
                let failure = SourceFailure::of(&root, &error);
                assert_eq!(failure, SourceFailure::Changed { path: root.clone() }, "{link}: {error}");
            }
            assert_eq!(open(&root.join("d/none"), READ).unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }
}
