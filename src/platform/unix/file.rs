//! What the system tells about a file or folder.

use rustix::fs::{FlockOperation, Stat, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// What tells a file or folder from all others that are there at the same time: device and inode.
pub type FileId = (u64, u64);

/// What the system tells about a file or folder, as it was when it was asked.
#[derive(Clone, Copy, Debug)]
pub struct Facts(Stat);

impl Facts {
    /// Of what is at a path, where links on it lead.
    ///
    /// # Errors
    /// Of the system.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::stat(path)?))
    }

    /// Which file it is.
    #[must_use]
    pub const fn id(&self) -> FileId {
        (self.0.st_dev, self.0.st_ino)
    }
}

/// Locks a file or folder until it is closed, against all others that lock it so. False if one of
/// them has it.
///
/// # Errors
/// Of the system.
pub fn try_lock(file: &impl AsFd) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// True if an open file has no name any more.
///
/// # Errors
/// Of the system.
pub fn is_removed(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.nlink() == 0)
}

/// Writes all bytes at a place in a file, wherever else it is read or written.
///
/// # Errors
/// Of the system.
pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}
