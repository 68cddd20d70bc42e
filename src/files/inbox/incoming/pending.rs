//! The part of a transfer that is under way: which files are open, and which positions are written.

use super::reach::Reach;
use super::tree::{FolderId, Tree};
use crate::events::Acting;
use crate::files::inbox::folder::{Finish, Identity};
use crate::files::inbox::journal::Pace;
use crate::files::inbox::room::Cost;
use crate::files::name::FileName;
use crate::platform::name::bytes;
use pinhole_protocol::layout::Layout;
use pinhole_protocol::limits::{DIFFERENCES, OPEN_FILES, TRANSFERS};
use pinhole_protocol::ranges::Ranges;
use pinhole_protocol::wire::{Differences, Fate};
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Files that one transfer holds open: all transfers together stay within [`OPEN_FILES`], and each
/// link writes to at most one.
const OPEN: usize = OPEN_FILES / TRANSFERS;

/// A registered file that is not complete. It is forgotten once it is, so a million entries cost
/// what a few parts do.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) at: Spot,
    pub(super) size: u64,
    pub(super) finish: Finish,
    /// Which file it is, once it has been created and closed again.
    pub(super) identity: Option<Identity>,
    pub(super) file: Option<Arc<File>>,
    /// Threads that are writing to it.
    pub(super) writers: u32,
    /// Bytes for which the disk has been asked ahead.
    pub(super) allocated: u64,
    /// Bytes from its start with which the disk was told to begin.
    pub(super) begun: u64,
    /// True if some of it are holes.
    pub(super) holes: bool,
    /// True if it will not be whole: what still comes of it is not written.
    pub(super) lost: bool,
    /// The part of it that an earlier transfer had here.
    pub(super) had: Option<Box<Had>>,
    /// While it may be a delivered file: its bytes that are proved to be equal there.
    pub(super) there: Option<Box<Ranges>>,
}

/// The part of a file that was here already.
#[derive(Debug)]
pub(super) struct Had {
    /// Offsets of bytes that may be the sender's: each counts once it is proved or written.
    pub(super) ranges: Ranges,
    /// Its bytes when it was taken up: up to there anything may be in it.
    pub(super) length: u64,
    /// True if it then looked complete, by its size and time.
    pub(super) complete: bool,
}

/// Place of an entry.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// The top-level item it belongs to.
    pub(super) item: usize,
    /// The folder that it lies in, and its name there; nothing for an item itself.
    pub(super) within: Option<(FolderId, FileName)>,
    /// Its name at the sender, if that is another already.
    pub(super) original: Option<Box<[u8]>>,
}

impl Pending {
    /// True if some of it was here before, other than in a delivered file.
    pub(super) const fn has_something(&self) -> bool {
        self.had.is_some() && self.there.is_none()
    }
}

impl Spot {
    /// Its name at the sender; nothing for an item itself.
    pub(super) fn original(&self) -> Option<(FolderId, &[u8])> {
        let (folder, name) = self.within.as_ref()?;
        Some((*folder, self.original.as_deref().unwrap_or_else(|| name.bytes())))
    }

    /// It has got a name here.
    pub(super) fn is_called(&mut self, within: FolderId, name: FileName) {
        self.original = self.original().map(|(_, original)| original.into());
        self.within = Some((within, name));
    }

    /// Its path at the sender below its item, with `/` before each name.
    pub(super) fn original_path(&self, tree: &Tree) -> Vec<u8> {
        self.original().map_or_else(Vec::new, |(folder, name)| {
            [&tree.original_path(folder), &b"/"[..], name].concat()
        })
    }

    /// The same here.
    pub(super) fn path(&self, tree: &Tree) -> Vec<u8> {
        self.within.as_ref().map_or_else(Vec::new, |(folder, name)| {
            let above = tree.path(*folder);
            let above = bytes(&above);
            let slash = if above.is_empty() { &b""[..] } else { b"/" };
            [slash, above, b"/", name.bytes()].concat()
        })
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
    /// Parts of which all is written, and that the layout has forgotten.
    forgotten: u32,
    /// Threads inside `write`.
    pub(super) busy: u32,
    /// Committed or discarded: chunks are ignored.
    pub(super) over: bool,
    /// The part of the channel's room that it takes.
    pub(super) taken: Cost,
    /// Of each item: files of it that are lost, and their bytes.
    pub(super) lost: Vec<(u32, u64)>,
    /// Of each item: what of it is not here as it was there, by this side's doing.
    pub(super) differences: Vec<Differences>,
    /// Of each item: what in it programs act on, by paths from below it.
    pub(super) acts: Vec<Acting>,
    /// Differences that are named, of all items.
    pub(super) named: usize,
    pub(super) reach: Reach,
    /// When the journal is next written to.
    pub(super) pace: Pace,
    /// True once it is decided what stays: all is delivered, or the rest kept or removed.
    pub(super) settled: bool,
}

impl Underway {
    /// Of a transfer of so many items.
    pub(super) fn new(items: usize) -> Self {
        Self {
            lost: vec![(0, 0); items],
            differences: vec![Differences::default(); items],
            acts: vec![Acting::default(); items],
            ..Self::default()
        }
    }

    /// Parts of which something is still to be written.
    pub(super) fn unwritten_parts(&self) -> u32 {
        self.layout.parts().saturating_sub(self.forgotten)
    }

    /// Forgets the parts that are written.
    pub(super) fn forget_written(&mut self) {
        self.forgotten = self.layout.forget_below(self.written.frontier());
    }

    /// A file of an entry is open now.
    pub(super) fn opened(&mut self, entry: u32, file: &Arc<File>) -> io::Result<()> {
        self.close_oldest()?;
        if let Some(pending) = self.pending.get_mut(&entry) {
            pending.file = Some(Arc::clone(file));
            self.open.push_back(entry);
        }
        Ok(())
    }

    /// Notes what became of something of an item. `path` makes its path at the sender, which is
    /// only asked for if there is room for it.
    pub(super) fn differs(&mut self, item: usize, fate: Fate, path: impl FnOnce() -> Vec<u8>) {
        let Some(differences) = self.differences.get_mut(item) else { return };
        if self.named < DIFFERENCES && differences.takes_names() {
            differences.add(&path(), fate);
            self.named = self.named.saturating_add(1);
        } else {
            differences.count_one(&fate);
        }
    }

    /// A file of an item is lost, whoever lost it.
    pub(super) fn lose(&mut self, item: usize, size: u64) {
        if let Some((files, bytes)) = self.lost.get_mut(item) {
            *files = files.saturating_add(1);
            *bytes = bytes.saturating_add(size);
        }
    }

    /// Takes out an entry that is complete.
    pub(super) fn complete(&mut self, entry: u32) -> Option<Pending> {
        self.open.retain(|open| *open != entry);
        self.pending.remove(&entry)
    }

    /// Makes room for one more open file. A thread that is writing keeps its handle until it is
    /// done.
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
