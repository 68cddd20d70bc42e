//! What the system tells about a file or folder.

use rustix::fs::Stat;
use std::io;
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
