//! The identity of a file, whatever its name.

use super::file::FileId;
use cap_std::fs::{Metadata, MetadataExt};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::SystemTime;

/// Device, inode and, where the system says it, time of creation of a file or folder, whatever its
/// name. The time is there because a free inode is soon another file's. A file system in user space
/// may change an inode once the kernel forgets it: there the inode is left out.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    place: FileId,
    born: Option<SystemTime>,
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        let born = self.born.zip(other.born).is_none_or(|(one, two)| one == two);
        self.place == other.place && born
    }
}

impl Identity {
    /// The identity of an open file.
    ///
    /// # Errors
    /// Of the system.
    pub fn of(file: &File) -> io::Result<Self> {
        Ok(Self::new(file, &Metadata::from_file(file)?))
    }

    /// True if it tells it from what is there at the same time.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.place.1 != 0
    }

    /// Which file it is: enough to tell it from what is there at the same time, if it is known.
    #[must_use]
    pub const fn place(&self) -> FileId {
        self.place
    }

    /// The disk that it is on.
    #[must_use]
    pub const fn disk(&self) -> u64 {
        self.place.0
    }

    /// Of something on the file system of `disk`.
    pub(super) fn new(disk: impl AsFd, metadata: &Metadata) -> Self {
        let inode = if in_user_space(disk) { 0 } else { metadata.ino() };
        Self {
            place: (metadata.dev(), inode),
            born: metadata.created().ok().map(|born| born.into_std()),
        }
    }
}

#[cfg(test)]
thread_local! {
    /// True if every file system is one in user space for this thread.
    pub static PRETENDED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// True if the file system of something is FUSE's.
#[cfg(target_os = "linux")]
fn in_user_space(disk: impl AsFd) -> bool {
    /// FUSE_SUPER_MAGIC (linux/magic.h).
    const FUSE: rustix::fs::FsWord = 0x6573_5546;
    #[cfg(test)]
    if PRETENDED.get() {
        return true;
    }
    rustix::fs::fstatfs(disk).is_ok_and(|stat| stat.f_type == FUSE)
}

#[cfg(not(target_os = "linux"))]
const fn in_user_space(_: impl AsFd) -> bool {
    false
}
