//! What of a transfer is under way: which files are open, and which positions are written.

use super::folder::{Folder, Identity};
use super::incoming::Item;
use super::room::Cost;
use pinhole_protocol::layout::Layout;
use pinhole_protocol::limits::{OPEN_FILES, TRANSFERS};
use pinhole_protocol::ranges::Ranges;
use std::collections::{HashMap, VecDeque};
use std::fs::{File, Permissions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::SystemTime;

/// Files that one transfer holds open: all transfers together stay within [`OPEN_FILES`], and each link writes to at most one.
const OPEN: usize = OPEN_FILES / TRANSFERS;

/// A registered file that is not complete. It is forgotten once it is, so a million entries cost what a few parts do.
#[derive(Debug)]
pub(super) struct Pending {
    /// The top-level item it belongs to.
    pub(super) item: usize,
    /// Its place below the item, separated by `/`; empty for the item itself.
    pub(super) path: Box<str>,
    pub(super) finish: Finish,
    /// Which file it is, once it has been created and closed again.
    pub(super) identity: Option<Identity>,
    pub(super) file: Option<Arc<File>>,
    /// Threads that are writing to it.
    pub(super) writers: u32,
    /// Bytes for which the disk has been asked ahead.
    pub(super) allocated: u64,
}

/// What a complete file gets besides its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finish {
    pub(super) executable: bool,
    pub(super) modified: Option<SystemTime>,
}

impl Finish {
    /// Sets mode and time. A file system that cannot hold them still holds the bytes, so a refusal is none.
    pub(super) fn apply(self, file: &File) {
        if self.executable {
            let _ = file.set_permissions(Permissions::from_mode(0o700));
        }
        if let Some(modified) = self.modified {
            let _ = file.set_modified(modified);
        }
    }
}

/// The changing half of an [`super::Incoming`], behind its lock.
#[derive(Debug, Default)]
pub(super) struct Underway {
    pub(super) layout: Layout,
    pub(super) written: Ranges,
    pub(super) pending: HashMap<u32, Pending>,
    /// The entries whose files are open, the longest open first.
    open: VecDeque<u32>,
    reach: Reach,
    /// Parts of which all is written, and that the layout has forgotten.
    forgotten: u32,
    /// Threads inside `write`.
    pub(super) busy: u32,
    /// Committed or discarded: chunks are ignored.
    pub(super) over: bool,
    /// The part of the channel's room that it takes.
    pub(super) taken: Cost,
}

impl Underway {
    /// Whether every position of `range` is written.
    pub(super) fn covers(&self, range: &Range<u64>) -> bool {
        range.is_empty() || self.written.iter(usize::MAX).any(|have| have.start <= range.start && range.end <= have.end)
    }

    /// Parts of which something is still to be written.
    pub(super) fn unwritten_parts(&self) -> u32 {
        self.layout.parts().saturating_sub(self.forgotten)
    }

    /// Forgets the parts that are written.
    pub(super) fn forget_written(&mut self) {
        self.forgotten = self.layout.forget_below(self.written.frontier());
    }

    /// The file of a pending entry, created if this is its first byte.
    pub(super) fn file(&mut self, entry: u32, root: &Folder, items: &[Item]) -> io::Result<Arc<File>> {
        if let Some(file) = self.pending.get(&entry).and_then(|pending| pending.file.as_ref()) {
            return Ok(Arc::clone(file));
        }
        self.close_oldest()?;
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let pending = self.pending.get_mut(&entry).ok_or_else(gone)?;
        let item = items.get(pending.item).ok_or_else(gone)?;
        let (parent, name) = self.reach.parent(root, item, pending.item, &pending.path)?;
        let file = Arc::new(match pending.identity {
            Some(identity) => parent.reopen_file(name, identity)?,
            None => parent.create_file(name)?,
        });
        pending.file = Some(Arc::clone(&file));
        self.open.push_back(entry);
        Ok(file)
    }

    /// Takes out an entry that is complete.
    pub(super) fn complete(&mut self, entry: u32) -> Option<Pending> {
        self.open.retain(|open| *open != entry);
        self.pending.remove(&entry)
    }

    /// Makes room for one more open file. A thread that is writing keeps its handle until it is done.
    fn close_oldest(&mut self) -> io::Result<()> {
        if self.open.len() < OPEN {
            return Ok(());
        }
        let oldest = self.open.pop_front().and_then(|entry| self.pending.get_mut(&entry));
        if let Some(pending) = oldest
            && let Some(file) = pending.file.take()
        {
            pending.identity = Some(Identity::of(&file)?);
        }
        Ok(())
    }
}

/// The folder used last, which is most often the one that is wanted next.
#[derive(Debug, Default)]
pub(super) struct Reach(Option<(usize, Box<str>, Folder)>);

impl Reach {
    /// The folder in which `path` of an item lies, and its name there. Each component is opened for itself, so no link is followed.
    pub(super) fn parent<'a>(
        &'a mut self,
        root: &'a Folder,
        item: &'a Item,
        index: usize,
        path: &'a str,
    ) -> io::Result<(&'a Folder, &'a str)> {
        if path.is_empty() {
            return Ok((root, &item.hidden));
        }
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = match self.0.take() {
            Some((same, last, folder)) if same == index && *last == *above => folder,
            _ => {
                let top = root.open_folder(&item.hidden)?;
                if top.own_identity()? != item.identity {
                    return Err(io::Error::other("another program has replaced it"));
                }
                above.split('/').filter(|name| !name.is_empty()).try_fold(top, |folder, name| folder.open_folder(name))?
            }
        };
        let (_, _, folder) = self.0.insert((index, above.into(), folder));
        Ok((folder, name))
    }
}
