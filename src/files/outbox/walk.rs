//! The lazy walk through what was chosen: each folder before what is in it, the names of a
//! directory in the order of their bytes.
//!
//! Of the directories from a named folder down to the current one those names are kept that are
//! still to be visited, and the first and the last of them are held open. Each is opened by its
//! name in the one above, so nothing leads the walk out of the folder; one that was let go is
//! opened by its path when the walk comes back to it, and believed if it is still the same.

mod found;
mod links;
mod listing;
mod visiting;

use super::Links;
use super::chosen::{Chosen, Offered};
use super::failure::SourceFailure;
use super::file_systems::FileSystems;
use super::first_end::{Reader, Unread};
use super::rules::Rules;
use super::skipped::{SkipList, Why};
use super::source::{Source, open_resolved};
use super::trail::Trail;
use crate::platform::file::{Facts, FileId, How, open};
use crate::platform::folder::Folder;
use crate::platform::name::{bytes as raw, past};
use found::Found;
use ignore::gitignore::Gitignore;
use listing::Listing;
use pinhole_protocol::wire::{Entry, EntryKind, PeerName};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Directories held open beside the named one: a process has a thousand handles, and a folder may
/// be four thousand deep.
const HELD: usize = 64;

/// Encoded bytes of a path for a peer that is not faithful, and of its entry, beside the names: six
/// keys, an array, a size, a time and its nanoseconds.
pub(super) const PATH_ENTRY_BYTES: usize = 48;
/// Those before each name: that of a text of less than 64 KiB.
pub(super) const TEXT_HEADER: usize = 3;

/// A walk on its way.
pub(super) struct Walk {
    chosen: Arc<[Chosen]>,
    /// Facts of each in the offer, if one was made.
    offered: Vec<Offered>,
    rules: Arc<Rules>,
    /// True if it is for a peer that is faithful, and takes everything.
    faithful: bool,
    /// Number of `chosen` that were begun.
    begun: usize,
    /// The directories from the current named folder down.
    levels: Vec<Level>,
    /// The ignore rules that hold in the last of them, outermost first.
    ignores: Vec<Gitignore>,
    /// Path of the thing found last, or of the directory whose names come next.
    path: PathBuf,
    /// True if `path` names something that is no level and is left at the next step.
    visiting: bool,
    entries: u32,
    /// Bytes of the names of the folders among them.
    folder_names: usize,
    systems: FileSystems,
    /// Nothing reads where only what is there is counted.
    reader: Option<Reader>,
}

struct Level {
    /// Nothing while it is let go.
    dir: Option<Folder>,
    /// Bytes of its absolute path.
    path: usize,
    trail: Arc<Trail>,
    /// The number of its entry.
    entry: u32,
    names: Listing,
    /// Device and inode, to know it again.
    identity: FileId,
    /// Bytes of the path up to here, as a peer is told it that is not faithful.
    bytes: usize,
    /// Number of rules that held before this directory added its own.
    ignores_before: usize,
}

impl Walk {
    pub fn new(
        chosen: Arc<[Chosen]>,
        offered: Vec<Offered>,
        rules: Arc<Rules>,
        faithful: bool,
    ) -> Self {
        Self {
            chosen,
            offered,
            rules,
            faithful,
            begun: 0,
            levels: Vec::new(),
            ignores: Vec::new(),
            path: PathBuf::new(),
            visiting: false,
            entries: 0,
            folder_names: 0,
            systems: FileSystems::default(),
            reader: Some(Reader::default()),
        }
    }

    /// One that reads no file: what has no length before it is read has none.
    pub fn counting(folders: Arc<[Chosen]>, rules: Arc<Rules>, faithful: bool) -> Self {
        Self { reader: None, ..Self::new(folders, Vec::new(), rules, faithful) }
    }

    /// Goes on to the next entry; nothing at the end, or once `stop` is set.
    ///
    /// # Errors
    /// A named file or folder that is gone or cannot be opened, for a peer that is not faithful.
    /// Things inside a folder are left out instead, and listed in `skips`.
    pub fn next(
        &mut self,
        skips: &SkipList,
        stop: &AtomicBool,
    ) -> Result<Option<Found>, SourceFailure> {
        while !stop.load(Ordering::Relaxed) {
            if std::mem::take(&mut self.visiting) {
                self.path.pop();
            }
            let found = if !self.levels.is_empty() {
                self.step(skips, stop)
            } else if let Some(thing) = self.chosen.get(self.begun) {
                self.begun = self.begun.saturating_add(1);
                self.path.clone_from(&thing.path);
                let offered =
                    self.offered.get_mut(self.begun.saturating_sub(1)).map(std::mem::take);
                let (thing, size) =
                    (thing.clone(), offered.as_ref().map_or(thing.size, |offered| offered.size));
                match self.begin(&thing, offered, stop) {
                    // Each thing that was offered has an entry.
                    Err(failure) if self.faithful => Some(Found::lost(thing.folder, size, failure)),
                    begun => Some(begun?),
                }
            } else {
                return Ok(None);
            };
            if found.is_some() {
                self.entries = self.entries.saturating_add(1);
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Comes to the next named file or folder, at `path`.
    fn begin(
        &mut self,
        thing: &Chosen,
        offered: Option<Offered>,
        stop: &AtomicBool,
    ) -> Result<Found, SourceFailure> {
        let promised = offered.is_some();
        let Offered { size, read, edges, lost, .. } = offered.unwrap_or_default();
        let offered = promised.then_some(size);
        if let Some(lost) = lost {
            return Err(lost);
        }
        if let Some(read) = read {
            // The content read for the offer is what was there then.
            return Ok(Found::read(read, None));
        }
        let failed = |error: io::Error| SourceFailure::of(&self.path, &error);
        let how = if thing.folder { How::Folder } else { How::Read };
        let opened = open_resolved(&self.path, how).map_err(failed)?;
        let facts = Facts::of(&opened).map_err(failed)?;
        let regular = facts.kind().is_file();
        if !thing.folder && regular && self.systems.lie(&facts, || Some(&opened)) {
            let found =
                self.read(opened, None, stop).map_err(|unread| unread.failure(&self.path))?;
            return match offered {
                Some(offered) if self.faithful && offered != found.size => {
                    Err(SourceFailure::Changed { path: self.path.clone() })
                }
                _ => Ok(found),
            };
        }
        self.rules.admit(&opened, &self.path).map_err(SourceFailure::Fenced)?;
        if thing.folder {
            let opened = Folder::from(opened);
            let names = Listing::read(&opened).map_err(failed)?;
            self.ignores = self.rules.above(&self.path);
            let bytes = thing.name.to_string_lossy().len();
            self.enter(opened, names, &facts, Trail::named(&self.path, &thing.name), bytes, 0);
        } else if !regular {
            return Err(SourceFailure::Changed { path: self.path.clone() });
        } else if let Some(edges) = edges.filter(|edges| edges.have_grown(&opened, &facts)) {
            return Ok(Found::new(false, &facts, None).cut(edges.size()));
        }
        let found = Found::new(thing.folder, &facts, None);
        if self.faithful && !thing.folder && offered.is_some_and(|offered| offered != found.size) {
            return Err(SourceFailure::Changed { path: self.path.clone() });
        }
        Ok(found)
    }

    /// Comes to the next name of the current directory, or leaves it.
    fn step(&mut self, skips: &SkipList, stop: &AtomicBool) -> Option<Found> {
        self.take_up(skips);
        let level = self.levels.last_mut()?;
        if let Some(dir) = &level.dir
            && level.names.read_on(dir).is_err()
        {
            skips.add(&self.path, &level.trail.said(), Why::Unreadable);
        }
        // The directory is left, or what is in it is visited: either way the last name of `path` is
        // then done with.
        self.visiting = true;
        let Some(name) = level.names.next() else {
            self.ignores.truncate(level.ignores_before);
            self.levels.pop();
            return None;
        };
        self.path.push(name);
        self.visit(skips, stop).unwrap_or_else(|why| {
            // A thing that the fence would not let out anyway has no name for the peer.
            let why =
                if why.is_told() && self.rules.keeps_in(&self.path) { Why::Sensitive } else { why };
            skips.add(&self.path, &self.said(), why);
            None
        })
    }

    /// Opens the current directory, at `path`, again if it was let go. If another has come there,
    /// what is left in it is not to be had.
    fn take_up(&mut self, skips: &SkipList) {
        let named = self.named_bytes();
        let Some(level) =
            self.levels.last_mut().filter(|level| level.dir.is_none() && !level.names.is_empty())
        else {
            return;
        };
        let opened = open(&self.path, How::Folder, self.rules.links == Links::Follow);
        let same = opened.ok().map(Folder::from).filter(|dir| {
            Facts::of(dir).is_ok_and(|facts| facts.id() == level.identity)
                && self.rules.admit(dir, &self.path).is_ok()
        });
        level.dir = same;
        if level.dir.is_none() {
            if level.names.has_more() {
                // Those of them that are not known.
                skips.add(&self.path, &level.trail.said(), Why::Replaced);
                level.names.forget_more();
            }
            while let Some(name) = level.names.next() {
                let path = self.path.join(name);
                // Nobody can tell any more what they were, and what is in them.
                if self.rules.leave_out(&self.ignores, &path, past(&path, named), None) {
                    skips.keep_back();
                } else if self.rules.fence.is_some() {
                    skips.add_unnamed(&path, Why::Replaced);
                } else {
                    skips.add(
                        &path,
                        &[&level.trail.said(), &b"/"[..], raw(name)].concat(),
                        Why::Replaced,
                    );
                }
            }
        }
    }

    /// Reads the file at `path`, whose length nobody knew before.
    fn read(
        &mut self,
        opened: File,
        within: Option<u32>,
        stop: &AtomicBool,
    ) -> Result<Found, Unread> {
        let reader = self.reader.get_or_insert_default();
        match reader.content(opened, &self.path, &self.rules, stop) {
            Err(Unread::Busy(facts)) if self.systems.vouch_for_empty(&facts) => {
                Ok(Found::new(false, &facts, within))
            }
            read => read.map(|read| {
                let empty = read.bytes.is_empty() && self.systems.keep_files(&read.facts);
                if empty {
                    Found::new(false, &read.facts, within)
                } else {
                    Found::read(read, within)
                }
            }),
        }
    }

    /// Makes the directory `dir` at `path` the current one.
    fn enter(
        &mut self,
        dir: Folder,
        names: Listing,
        facts: &Facts,
        trail: Trail,
        bytes: usize,
        ignores_before: usize,
    ) {
        self.ignores.extend(self.rules.inside(&dir, &self.path));
        self.folder_names =
            self.folder_names.saturating_add(self.path.file_name().map_or(0, OsStr::len));
        let (path, trail, entry, identity) =
            (self.path.as_os_str().len(), Arc::new(trail), self.entries, facts.id());
        self.levels.push(Level {
            dir: Some(dir),
            path,
            trail,
            entry,
            names,
            identity,
            bytes,
            ignores_before,
        });
        // All but the named one, from which it is seen where links lead.
        if let Some((_, below)) = self.levels.split_first_mut()
            && let Some(far) = below.len().checked_sub(HELD + 1).and_then(|far| below.get_mut(far))
        {
            far.dir = None;
            far.names.let_go();
        }
    }

    /// The named file or folder that the walk is in.
    fn thing(&self) -> Option<&Chosen> {
        self.chosen.get(self.begun.checked_sub(1)?)
    }

    /// Path of the thing that was found last.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names that `path` has for the peer, from the item's on.
    pub fn said(&self) -> Vec<u8> {
        let name = self.thing().map_or(&b""[..], |thing| raw(&thing.name));
        let below = raw(self.below());
        if below.is_empty() { name.to_vec() } else { [name, below].join(&b'/') }
    }

    /// `path` from the named folder on.
    fn below(&self) -> &Path {
        past(&self.path, self.named_bytes())
    }

    /// Bytes of the path of what was named, and of the slash behind it.
    fn named_bytes(&self) -> usize {
        self.thing().map_or(0, |thing| thing.path.as_os_str().len().saturating_add(1))
    }

    /// Entry of the thing that was found last, for the peer.
    pub fn entry(&self, found: &Found) -> Entry {
        let name = || PeerName::new(raw(self.path.file_name().unwrap_or_default()).to_vec());
        let placed = match found.folder {
            Some(folder) => Entry::inside(folder, name(), found.kind),
            None => Entry::of_item(
                u32::try_from(self.begun.saturating_sub(1)).unwrap_or(u32::MAX),
                found.kind,
            ),
        };
        let size = (found.kind == EntryKind::File).then_some(found.size);
        if found.lost.is_some() {
            return Entry { size, ..placed };
        }
        let (seconds, nanos) = found.stamp.modified;
        let (mode, target, allocated) = (found.mode, found.target.clone(), found.allocated);
        Entry {
            size,
            mode,
            target,
            allocated,
            modified: Some(seconds),
            modified_nanos: nanos,
            ..placed
        }
    }

    /// An upper bound of the encoded length of what a peer is told of it that is not faithful, with
    /// its whole path.
    pub fn encoded_path(&self) -> usize {
        let bytes = self.thing().map_or(0, |thing| thing.name.to_string_lossy().len());
        self.below().iter().fold(PATH_ENTRY_BYTES.saturating_add(bytes), |sum, name| {
            sum.saturating_add(TEXT_HEADER).saturating_add(name.to_string_lossy().len())
        })
    }

    /// Source of the bytes of the file that was found last; `None` if it is no file.
    pub fn source(&self, found: &Found) -> Option<Source> {
        let trail = || match self.levels.last() {
            Some(level) => {
                Trail::inside(Arc::clone(&level.trail), self.path.file_name().unwrap_or_default())
            }
            None => {
                Trail::named(&self.path, self.thing().map_or(OsStr::new(""), |thing| &thing.name))
            }
        };
        (found.kind == EntryKind::File).then(|| Source {
            trail: trail(),
            stamp: found.stamp,
            size: found.size,
            content: found.content.clone(),
            links: self.rules.links,
            sparse: found.allocated.is_some() && self.faithful,
            named: found.folder.is_none(),
            start: 0,
            state: Mutex::default(),
        })
    }
}

#[cfg(test)]
mod tests;
