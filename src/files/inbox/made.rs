//! A file or folder that was made and is whole, before it has its name.

use super::folder::{self, Folder, Identity};
use std::ffi::OsStr;
use std::fs::File;
use std::io;

/// Something in a folder that gets its name last.
pub(super) struct Made<'a> {
    folder: &'a Folder,
    state: State<'a>,
}

enum State<'a> {
    /// It goes with its handle.
    Unnamed(File),
    /// Anything else that gets this name meanwhile is not ours.
    Hidden(&'a OsStr, Identity),
}

impl<'a> Made<'a> {
    /// A file of [`Folder::create_unnamed`].
    pub(super) fn unnamed(folder: &'a Folder, file: File) -> Self {
        Self { folder, state: State::Unnamed(file) }
    }

    /// A file or folder that was made under a hidden name.
    pub(super) fn hidden(folder: &'a Folder, name: &'a str, which: Identity) -> Self {
        Self { folder, state: State::Hidden(name.as_ref(), which) }
    }

    pub(super) fn is_folder(&self) -> io::Result<bool> {
        match self.state {
            State::Unnamed(_) => Ok(false),
            State::Hidden(name, _) => Ok(self.folder.kind(name)?.is_some_and(|kind| kind.is_dir())),
        }
    }

    /// Gives it the name `to`. [`io::ErrorKind::AlreadyExists`] if something has that.
    pub(super) fn name(&self, to: &OsStr) -> io::Result<()> {
        match &self.state {
            State::Unnamed(file) => self.folder.name_file(file, to),
            State::Hidden(name, which) => self.folder.rename(name, *which, to),
        }
    }

    /// Gives it the name `to`, in place of a file of that name.
    pub(super) fn replace(&self, to: &OsStr) -> io::Result<()> {
        match &self.state {
            // No system names a file in place of another but by a name that it had before.
            State::Unnamed(file) => {
                let (hidden, which) = (folder::hidden_name()?, Identity::of(file)?);
                self.folder.name_file(file, hidden.as_ref())?;
                let replaced = self.folder.replace(hidden.as_ref(), which, to);
                replaced.inspect_err(|_| drop(self.folder.remove_own(hidden.as_ref(), which)))
            }
            State::Hidden(name, which) => self.folder.replace(name, *which, to),
        }
    }

    /// Removes it, unless it goes by itself.
    pub(super) fn remove(&self) -> io::Result<()> {
        match self.state {
            State::Unnamed(_) => Ok(()),
            State::Hidden(name, which) => self.folder.remove_own(name, which),
        }
    }
}
