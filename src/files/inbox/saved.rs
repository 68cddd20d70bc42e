//! Outcome of a transfer: its items as they are here, and what its sender is told of them.

use super::delivered::Unheard;
use crate::events::Acting;
use crate::files::name::FileName;
use pinhole_protocol::wire::{Differences, PeerName};
use std::path::PathBuf;

/// A top-level item that is delivered, whole or in part, or that was dropped because its name was
/// taken.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Its final name.
    pub name: FileName,
    /// Its name at the peer, if that differs.
    pub original: Option<PeerName>,
    /// Its path; `None` if it went to standard output, or if nothing of it is here.
    pub path: Option<PathBuf>,
    /// Bytes of content.
    pub size: u64,
    /// Files in it, 1 for a file.
    pub files: u32,
    /// True if it is a folder.
    pub folder: bool,
    /// True if it was dropped: `path` is what was there before.
    pub skipped: bool,
    /// True if it is a folder and was joined with the one that was there.
    pub merged: bool,
    /// Files that were there and that it replaced.
    pub replaced: u32,
    /// Things of it that are not here as they were there, itself included.
    pub differences: Differences,
    /// Paths in it on which programs act, by the names here, each from its own name on.
    pub acts: Acting,
    /// True if it is in the private directory beside, because of that.
    pub set_aside: bool,
}

impl Saved {
    /// An item of which nothing is here.
    pub(super) fn new(name: FileName, folder: bool, differences: Differences) -> Self {
        Self {
            name,
            original: None,
            path: None,
            size: 0,
            files: 0,
            folder,
            skipped: false,
            merged: false,
            replaced: 0,
            differences,
            acts: Acting::default(),
            set_aside: false,
        }
    }
}

/// Outcome of a transfer.
#[derive(Debug, Default)]
pub struct Committed {
    /// Its items.
    pub items: Vec<Saved>,
    /// Differences to tell its sender: those by this side's doing, but for what was here before.
    pub told: Differences,
    /// To be told once the sender has heard of it.
    pub unheard: Option<Unheard>,
}

impl Committed {
    /// An item as it was sent.
    pub(super) fn alone(saved: Saved) -> Self {
        Self { items: vec![saved], ..Self::default() }
    }
}
