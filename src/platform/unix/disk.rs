//! What the system tells about the disk, or the file system, that something is on.

use rustix::fs::StatVfs;
use std::io;
use std::path::Path;

/// The room on a disk.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    /// Its size in bytes; 0 where the file system does not say.
    pub total: u64,
    /// Bytes that an unprivileged user may still take.
    pub available: u64,
}

impl Space {
    /// Of the disk of what is at a path.
    ///
    /// # Errors
    /// Of the system, also if nothing is there.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::told(&rustix::fs::statvfs(path)?))
    }

    fn told(stat: &StatVfs) -> Self {
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Self { total: bytes(stat.f_blocks), available: bytes(stat.f_bavail) }
    }
}
