//! The folder that is there, as an item is joined with it.

use crate::files::acting::Place as Machine;
use crate::files::inbox::folder::Folder;
use crate::files::inbox::incoming::reach::Reach;
use crate::files::inbox::incoming::tree::{FolderId, Tree};
use crate::files::name::FileName;
use pinhole_protocol::wire::Reason;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

/// Way in which a folder goes where it belongs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// One by one what is in it, because it is there; what of the machine that is.
    Joined(Option<Machine>),
    /// As it is, with all that is in it, or in one that goes so.
    Whole,
    /// Not at all.
    Blocked(Reason),
}

/// The folder that is there, and what those of the item are in it.
pub(super) struct There<'a> {
    pub(super) tree: &'a Tree,
    pub(super) root: Folder,
    pub(super) ways: HashMap<FolderId, Way>,
    /// Those that have another name there than where they come from.
    pub(super) aside: HashMap<FolderId, FileName>,
}

impl There<'_> {
    /// Opens a folder of the item, by the names that those above it have. What is of this transfer
    /// is opened whatever its permissions.
    pub(super) fn open<'a>(&self, reach: &'a mut Reach, id: FolderId) -> io::Result<&'a Folder> {
        let top = || self.root.open_folder(OsStr::new("."));
        reach.open(self.tree, id, top, |above, id| match self.ways.get(&id) {
            Some(Way::Whole) => above.open_own_folder(self.name(id)),
            _ => above.open_folder(self.name(id)),
        })
    }

    /// The name there of a folder of the item.
    pub(super) fn name(&self, id: FolderId) -> &OsStr {
        self.aside.get(&id).map_or_else(|| self.tree.name(id), FileName::as_os_str)
    }

    /// The path of such a folder, below the one that is there.
    pub(super) fn path(&self, id: FolderId) -> PathBuf {
        self.tree.path_by(id, |id| self.name(id))
    }
}
