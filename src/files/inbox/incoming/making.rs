//! Makes on the disk what an entry needs, under its name or, if the folder cannot hold that, under
//! another.

use super::Incoming;
use super::pending::{Spot, Underway};
use super::tree::{FolderId, Manner, OverLimits, Tree};
use crate::files::acting::{acting_below, acts, leads};
use crate::files::inbox::folder::{Folder, cannot_hold};
use crate::files::name::FileName;
use pinhole_protocol::wire::{Fate, PeerName, Reason};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Names that are tried for one of several that are one here, beyond those that got theirs. A
/// folder full of them is of somebody's making.
pub(super) const SAME: u32 = 100;

/// Why something could not be made.
#[derive(Debug)]
pub(super) enum Unmade {
    /// Its folder cannot hold its name, nor another in its place: that is its own matter.
    Itself(Reason),
    /// The disk failed.
    Disk(io::Error),
}

impl Incoming {
    /// Has `make` make something at a spot in its folder, under its name or under another where
    /// that is taken or cannot be; says under which, and notes where that is another than it was
    /// sent with.
    pub(super) fn make_at<T>(
        &self,
        folder: &Folder,
        spot: &Spot,
        tree: &mut Tree,
        underway: &mut Underway,
        make: impl Fn(&Folder, &OsStr) -> io::Result<T>,
    ) -> Result<(T, FileName), Unmade> {
        let Some((within, wanted)) = &spot.within else {
            return Err(Unmade::Disk(io::ErrorKind::NotFound.into()));
        };
        // A sender that cannot be told of another name is told that there is none (SPEC 7.9).
        let mut tries = if self.faithful { SAME } else { 0 };
        let probe = self.place.known();
        let plain = || wanted.plain(probe.longest_name);
        let (mut base, mut is_plain) =
            if probe.may_hold(wanted) { (wanted.clone(), false) } else { (plain(), true) };
        let mut number = 0;
        let (made, name) = loop {
            let name = base.numbered_within(number, probe.longest_name);
            match make(folder, name.as_os_str()) {
                Ok(made) => break (made, name),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    tries = tries.checked_sub(1).ok_or(Unmade::Itself(Reason::Exists))?;
                    number = if number == 0 { tree.numbered(*within, &base) } else { number }
                        .saturating_add(1);
                }
                Err(error) if !cannot_hold(&error) => return Err(Unmade::Disk(error)),
                // The folder is gone.
                Err(error) if is_plain && error.kind() == io::ErrorKind::NotFound => {
                    return Err(Unmade::Disk(error));
                }
                Err(_) if is_plain => return Err(Unmade::Itself(Reason::BadName)),
                Err(_) => (base, is_plain, number) = (plain(), true, 0),
            }
        };
        if let Some((_, original)) = spot.original()
            && original != name.bytes()
        {
            let over = |OverLimits| {
                Unmade::Disk(io::Error::other("too many names in it are different here"))
            };
            tree.note_renamed(*within, original, &name).map_err(over)?;
            if number > 0 {
                tree.note_numbered(*within, &base, number).map_err(over)?;
            }
            let fate = Fate::Renamed(PeerName::new(name.bytes().to_vec()));
            underway.differs(spot.item, fate, || self.original_path(tree, spot));
        }
        // In a folder on which programs act it is one of many.
        if tree.manner(*within) != Manner::Acts
            && self.acts_in(tree, spot.item, *within, &name)
            && let Some(found) = underway.acts.get_mut(spot.item)
        {
            found.add(|| tree.path(*within).join(name.as_os_str()).to_string_lossy().into_owned());
        }
        Ok((made, name))
    }

    /// True if programs act on what is called so in a folder.
    fn acts_in(&self, tree: &Tree, item: usize, within: FolderId, name: &FileName) -> bool {
        let below = || {
            let item =
                self.items.get(item).map_or(OsStr::new(""), |item| item.planned.name.as_os_str());
            acting_below(&tree.end_of_path(within, item, |id| tree.name(id)).join(name.as_os_str()))
                .is_some()
        };
        tree.manner(within) == Manner::Acts
            || acts(name.as_os_str()).is_some()
            || tree.manner(within) == Manner::Leads && below()
    }

    /// The meaning of a new folder's name for the names in it.
    pub(super) fn manner(
        &self,
        tree: &Tree,
        item: usize,
        within: FolderId,
        name: &FileName,
    ) -> Manner {
        match self.acts_in(tree, item, within, name) {
            true => Manner::Acts,
            false if leads(name.as_os_str()) => Manner::Leads,
            false => Manner::Plain,
        }
    }

    /// The file of a pending entry, made if this is its first byte. Nothing if it cannot be made
    /// and that is its own matter.
    pub(super) fn file(
        &self,
        underway: &mut Underway,
        entry: u32,
    ) -> io::Result<Option<Arc<File>>> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let pending = underway.pending.get(&entry).ok_or_else(gone)?;
        if let Some(file) = &pending.file {
            return Ok(Some(Arc::clone(file)));
        }
        let (spot, identity) = (pending.at.clone(), pending.identity);
        let mut tree = self.tree();
        let mut reach = std::mem::take(&mut underway.reach);
        let folder = match &spot.within {
            Some((within, _)) if !tree.is_there(*within) => {
                self.lose_for(underway, &mut tree, entry, Reason::BadName);
                underway.reach = reach;
                return Ok(None);
            }
            Some((within, _)) => reach.folder(&self.place.folder, &self.items, &tree, *within)?,
            None => &self.place.folder,
        };
        let file = match (identity, &spot.within) {
            (Some(identity), Some((_, name))) => folder.reopen_file(name.as_os_str(), identity)?,
            (Some(identity), None) => folder.reopen_file(
                self.items.get(spot.item).ok_or_else(gone)?.hidden.as_ref(),
                identity,
            )?,
            (None, _) => {
                match self.make_at(folder, &spot, &mut tree, underway, Folder::create_file) {
                    Ok((file, name)) => {
                        if let (Some(pending), Some((within, _))) =
                            (underway.pending.get_mut(&entry), &spot.within)
                        {
                            pending.at.is_called(*within, name);
                        }
                        file
                    }
                    Err(Unmade::Disk(error)) => return Err(error),
                    Err(Unmade::Itself(reason)) => {
                        self.lose_for(underway, &mut tree, entry, reason);
                        underway.reach = reach;
                        return Ok(None);
                    }
                }
            }
        };
        drop(tree);
        underway.reach = reach;
        let file = Arc::new(file);
        underway.opened(entry, &file)?;
        Ok(Some(file))
    }

    /// An entry that is under way will not be whole.
    pub(super) fn lose(&self, underway: &mut Underway, tree: &mut Tree, entry: u32) {
        let Some(pending) = underway.pending.get_mut(&entry).filter(|pending| !pending.lost) else {
            return;
        };
        pending.lost = true;
        let (at, size) = (pending.at.clone(), pending.size);
        underway.lose(at.item, size);
        if let Some((folder, original)) = at.original() {
            tree.note_lost(folder, original);
        }
    }

    /// The same by this side's doing, for a reason that is told.
    pub(super) fn lose_for(
        &self,
        underway: &mut Underway,
        tree: &mut Tree,
        entry: u32,
        reason: Reason,
    ) {
        let Some(pending) = underway.pending.get(&entry).filter(|pending| !pending.lost) else {
            return;
        };
        let at = pending.at.clone();
        self.lose(underway, tree, entry);
        underway.differs(at.item, Fate::Missing(reason), || self.original_path(tree, &at));
    }

    /// The path of something at the sender: its item's name, and those below it.
    pub(super) fn original_path(&self, tree: &Tree, spot: &Spot) -> Vec<u8> {
        let item = self.items.get(spot.item).map_or(&b""[..], |item| item.planned.offered.raw());
        [item, &spot.original_path(tree)].concat()
    }
}
