//! The end of a transfer: synced, then under its names, then those synced; or removed.

use super::folder::{Folder, Identity};
use super::incoming::{Item, Total};
use super::{Conflict, Incoming, Place, Refusal};
use crate::failure::{Exit, Failure};
use crate::files::acting::acting;
use crate::files::name::{FileName, NameError};
use pinhole_protocol::transfers::Whole;
use pinhole_protocol::wire::{ItemKind, PeerText, Reason};
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// A top-level item that is delivered, or that was dropped because its name was taken.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Its final name.
    pub name: FileName,
    /// Its name at the peer, if that differs.
    pub original: Option<PeerText>,
    /// Where it is; nothing if it went to standard output.
    pub path: Option<PathBuf>,
    /// Bytes of content.
    pub size: u64,
    /// Files in it, 1 for a file.
    pub files: u32,
    /// Whether it is a folder.
    pub folder: bool,
    /// Whether it was dropped: `path` is what was there before.
    pub skipped: bool,
}

/// Numbered names that are tried; a directory that has them all has another problem.
const NUMBERS: u32 = 9_999;

impl Incoming {
    /// Syncs the files, gives each item its name without replacing anything that the plan does not allow to be, and syncs the directory.
    /// Call it where blocking does no harm; it waits for writing threads. It can be done once.
    ///
    /// # Errors
    /// A [`Refusal`] if not all that `whole` counts is here, or if the disk fails. Items that already have their names keep them.
    pub fn commit(&self, whole: &Whole) -> Result<Vec<Saved>, Refusal> {
        self.commit_counted(whole.entries(), whole.bytes())
    }

    pub(super) fn commit_counted(&self, entries: u32, bytes: u64) -> Result<Vec<Saved>, Refusal> {
        let mut registering = self.registering();
        let totals = &mut registering.totals;
        self.end(entries, bytes, totals)?;
        self.sync()?;
        let mut names = HashSet::new();
        let mut saved = Vec::with_capacity(self.items.len());
        for (item, total) in self.items.iter().zip(totals) {
            let given = self.place.give_name((&item.hidden, item.identity), &item.planned.name, item.rule(&names));
            let (name, skipped) = given.map_err(|error| Refusal::disk(&item.planned.name, &error))?;
            total.settled = true;
            names.insert(name.folded());
            let original = (name.as_str() != item.planned.offered.raw()).then(|| item.planned.offered.clone());
            let path = Some(self.place.path.join(name.as_str()));
            let folder = item.planned.kind == ItemKind::Folder;
            saved.push(Saved { name, original, path, size: total.bytes, files: total.files, folder, skipped });
        }
        self.place.folder.sync().map_err(|error| Refusal::disk(&self.what, &error))?;
        Ok(saved)
    }

    /// Ends the writing, if all is written.
    fn end(&self, entries: u32, bytes: u64, totals: &mut [Total]) -> Result<(), Refusal> {
        let mut underway = self.underway();
        while underway.busy > 0 {
            underway = self.idle.wait(underway).unwrap_or_else(PoisonError::into_inner);
        }
        if underway.over {
            let failure = Failure::new(Exit::Other, "failed", self.what.was_not("saved: its transfer had already ended"));
            return Err(Refusal { reason: Reason::Failed, failure });
        }
        let written = (underway.written.frontier(), underway.written.count()) == (bytes, bytes);
        let counted = underway.layout.entries() == entries && totals.iter().all(|total| total.seen);
        // A stream is pending until its end is said, which is now.
        if let ([Item { planned, hidden, identity, .. }], [total], true) = (self.items.as_slice(), &mut *totals, written && counted)
            && planned.kind == ItemKind::Stream
            && let Some(stream) = underway.complete(0)
        {
            let cut = || stream.file.map_or_else(|| self.place.folder.reopen_file(hidden, *identity).map(Into::into), Ok)?.set_len(bytes);
            cut().map_err(|error| Refusal::disk(&planned.name, &error))?;
            total.bytes = bytes;
        }
        if !written || !counted || !underway.pending.is_empty() {
            return Err(Refusal::protocol("ended a transfer before all of it was here"));
        }
        underway.over = true;
        Ok(())
    }

    /// One sync, whatever the number of files.
    fn sync(&self) -> Result<(), Refusal> {
        let folder = &self.place.folder;
        let synced = match self.items.as_slice() {
            [Item { planned, hidden, identity, .. }] if planned.kind != ItemKind::Folder => {
                folder.reopen_file(hidden, *identity).and_then(|file| file.sync_all())
            }
            _ => folder.sync_all(),
        };
        synced.map_err(|error| Refusal::disk(&self.what, &error))
    }

    /// Removes every item that has not got its name, and ignores what still comes. It waits for threads that are writing or registering.
    /// Returns what could not be removed.
    pub fn discard(&self) -> Vec<PathBuf> {
        let mut registering = self.registering();
        let mut underway = self.underway();
        underway.over = true;
        while underway.busy > 0 {
            underway = self.idle.wait(underway).unwrap_or_else(PoisonError::into_inner);
        }
        underway.pending.clear();
        let taken = std::mem::take(&mut underway.taken);
        drop(underway);
        let folder = &self.place.folder;
        let kept = registering.totals.iter().any(|total| total.settled);
        let mut left = Vec::new();
        for (item, total) in self.items.iter().zip(&mut registering.totals).filter(|(_, total)| !total.settled) {
            total.settled = true;
            if folder.remove_own(&item.hidden, item.identity).is_err() {
                left.push(self.place.path.join(&item.hidden));
            }
        }
        if !kept {
            self.place.room.give_back(taken);
        }
        left
    }

    /// The hidden names that the items have until they are delivered.
    pub(super) fn parts(&self) -> Vec<PathBuf> {
        self.items.iter().map(|item| self.place.path.join(&item.hidden)).collect()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Nobody is left to hear of it.
        let _left = self.discard();
    }
}

impl Item {
    /// What to do if its name is taken: only a file can replace one, and never another item of the same transfer.
    fn rule(&self, given: &HashSet<String>) -> Conflict {
        match self.planned.conflict {
            Conflict::Overwrite if self.planned.kind != ItemKind::Folder && !given.contains(&self.planned.name.folded()) => {
                Conflict::Overwrite
            }
            Conflict::Skip => Conflict::Skip,
            _ => Conflict::Rename,
        }
    }
}

impl Place {
    /// The name of a folder for several items, `wanted` or numbered like a file whose name is taken, and the folder itself if it is there.
    pub(super) fn folder_for_several(&self, wanted: &FileName) -> Result<(FileName, Option<Folder>), Refusal> {
        let cannot = |error: io::Error| Refusal::disk(wanted, &error);
        for name in (0..=NUMBERS).map(|number| if number == 0 { wanted.clone() } else { wanted.numbered(number) }) {
            match self.folder.kind(name.as_str()).map_err(cannot)? {
                None => return Ok((name, None)),
                Some(kind) if kind.is_dir() => {
                    let there = self.folder.open_folder(name.as_str()).map_err(cannot)?;
                    return Ok((name, Some(there)));
                }
                Some(_) => {}
            }
        }
        Err(cannot(io::ErrorKind::AlreadyExists.into()))
    }

    /// The folder `name` in this place, made if it is not there, with room for as much as this place has.
    pub(super) fn within(&self, name: &FileName) -> io::Result<Self> {
        match self.folder.create_folder(name.as_str()) {
            Ok(()) => self.folder.sync()?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let folder = self.folder.open_folder(name.as_str())?;
        Ok(Self { folder, path: self.path.join(name.as_str()), conflict: self.conflict, acting: self.acting, room: Arc::clone(&self.room) })
    }

    /// The name that something gets here which the peer calls so: another where programs would act on it.
    pub(super) fn harmless(&self, name: FileName) -> Result<FileName, NameError> {
        if self.acting || acting(Path::new(name.as_str())).is_none() { Ok(name) } else { name.set_aside() }
    }

    /// Gives what was made here under a hidden name, and nothing else that is called so, the name `wanted`, or a numbered one. Returns the
    /// name, and whether it was dropped for what has it.
    pub(super) fn give_name(&self, made: (&str, Identity), wanted: &FileName, rule: Conflict) -> io::Result<(FileName, bool)> {
        let (hidden, which) = made;
        for number in 0..=NUMBERS {
            let name = if number == 0 { wanted.clone() } else { wanted.numbered(number) };
            match (self.folder.rename(hidden, which, name.as_str()), rule) {
                (Ok(()), _) => return Ok((name, false)),
                (Err(error), _) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                (Err(_), Conflict::Skip) => return self.folder.remove_own(hidden, which).map(|()| (name, true)),
                (Err(_), Conflict::Overwrite) if number == 0 && self.folder.kind(name.as_str())?.is_some_and(|kind| kind.is_file()) => {
                    return self.folder.replace(hidden, which, name.as_str()).map(|()| (name, false));
                }
                (Err(_), _) => {}
            }
        }
        Err(io::Error::other("every numbered name is taken too"))
    }
}
