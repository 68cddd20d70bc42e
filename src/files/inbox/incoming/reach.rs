//! Folders of a transfer that are held open.

use super::Item;
use super::tree::{FolderId, Tree};
use crate::files::inbox::folder::Folder;
use std::ffi::OsStr;
use std::io;

/// Handles that are kept of the way to the folder used last.
const KEPT: usize = 32;

/// The folder used last and those above it, the nearest of them: most often one of these is wanted
/// next.
#[derive(Debug, Default)]
pub(super) struct Reach(Vec<(FolderId, Folder)>);

impl Reach {
    /// Opens a folder of an item. Each name on the way is opened for itself beneath what is held,
    /// so no link is followed.
    pub(super) fn folder<'a>(
        &'a mut self,
        root: &Folder,
        items: &[Item],
        tree: &Tree,
        id: FolderId,
    ) -> io::Result<&'a Folder> {
        self.step_by_step(root, items, tree, id, Folder::open_folder)
    }

    /// The same whatever permissions those on the way have already: see
    /// [`Folder::open_own_folder`].
    pub(super) fn own_folder<'a>(
        &'a mut self,
        root: &Folder,
        items: &[Item],
        tree: &Tree,
        id: FolderId,
    ) -> io::Result<&'a Folder> {
        self.step_by_step(root, items, tree, id, Folder::open_own_folder)
    }

    fn step_by_step<'a>(
        &'a mut self,
        root: &Folder,
        items: &[Item],
        tree: &Tree,
        id: FolderId,
        step: fn(&Folder, &OsStr) -> io::Result<Folder>,
    ) -> io::Result<&'a Folder> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let top = || tree.item(id).and_then(|item| items.get(item)).ok_or_else(gone)?.open(root);
        self.open(tree, id, top, |above, id| step(above, tree.name(id)))
    }

    /// The same with `top` opening what an item is, and `step` each folder below in the one that it
    /// is in.
    pub(super) fn open<'a>(
        &'a mut self,
        tree: &Tree,
        id: FolderId,
        top: impl Fn() -> io::Result<Folder>,
        step: impl Fn(&Folder, FolderId) -> io::Result<Folder>,
    ) -> io::Result<&'a Folder> {
        let mut way = Vec::new();
        for above in tree.up(id) {
            if let Some(held) = self.0.iter().rposition(|(held, _)| *held == above) {
                self.0.truncate(held.saturating_add(1));
                break;
            }
            way.push(above);
        }
        if way.last().is_some_and(|top| tree.is_item(*top)) {
            self.0.clear();
        }
        for id in way.into_iter().rev() {
            let opened = match self.0.last() {
                Some((_, above)) => step(above, id)?,
                None => top()?,
            };
            if self.0.len() >= KEPT {
                self.0.remove(0);
            }
            self.0.push((id, opened));
        }
        self.0.last().map(|(_, folder)| folder).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
