//! A folder held by its handle, and what can be done to one name in it. Each name is a single
//! component, and no link is followed unless a function says so: whatever is renamed or linked
//! meanwhile, nothing happens outside the folder that was opened.

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// A held folder.
#[derive(Debug)]
pub struct Held(OwnedFd);

/// A folder, to read its names.
pub(super) const ENTERED: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Files are their owner's alone, to read and write; folders to enter as well.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Held {
    fn from(held: OwnedFd) -> Self {
        Self(held)
    }
}

impl Held {
    /// Hands each name in the folder to `take`, in no order, until that fails.
    ///
    /// # Errors
    /// Of the system, and those of `take`.
    pub fn each_name(&self, mut take: impl FnMut(&OsStr) -> io::Result<()>) -> io::Result<()> {
        for entry in Dir::read_from(self)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                take(OsStr::from_bytes(name))?;
            }
        }
        Ok(())
    }

    /// Creates the file `name` for writing, for its owner alone.
    ///
    /// # Errors
    /// Of the system; if something has that name, also a link that leads nowhere.
    pub fn create_file(&self, name: &OsStr) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(self, name, flags, FILE_MODE)?);
        // A umask may take the owner's own rights. A file system without modes says no, and then
        // there is nothing to set.
        let _ = rustix::fs::fchmod(&file, FILE_MODE);
        Ok(file)
    }

    /// Opens the file `name` for reading. What is no file there is not waited for.
    ///
    /// # Errors
    /// Of the system; if it is a link.
    pub fn read_file(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name, OFlags::RDONLY)
    }

    /// Opens the file `name` for writing, as it is. What is no file there is not waited for.
    ///
    /// # Errors
    /// Of the system; if it is a link.
    pub fn write_file(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name, OFlags::WRONLY)
    }

    fn open_file(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        // Non-blocking, because opening a pipe that somebody put there would wait for its other
        // end.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(self, name, flags, Mode::empty())?))
    }

    /// Removes the file or link `name`.
    ///
    /// # Errors
    /// Of the system.
    pub fn unlink(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(self, name, AtFlags::empty())?)
    }

    /// Moves what is called `from` into another folder, as `to`, in place of a file of that name.
    ///
    /// # Errors
    /// Of the system.
    pub fn move_over(&self, from: &OsStr, there: &Self, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(self, from, there, to)?)
    }
}
