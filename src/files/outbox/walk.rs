//! The lazy walk through what was chosen: each folder before what is in it, the names of a directory in the order of their bytes.
//!
//! Only the directories from a named folder down to the current one are held, at most 64, with those of their names that are still to
//! be visited. Each is opened by its name in the one above, so nothing leads the walk out of the folder.

use super::Links;
use super::failure::SourceFailure;
use super::listing::Listing;
use super::rules::Rules;
use super::selection::Chosen;
use super::skipped::{SkipList, Why};
use super::source::{READ, Source, Stamp, open_resolved};
use ignore::gitignore::Gitignore;
use pinhole_protocol::limits;
use pinhole_protocol::wire::{Entry, EntryKind, PeerText};
use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a path that can be opened, the NUL at its end counted (Linux, `limits.h`).
const PATH_MAX: usize = 4_096;

/// A walk on its way.
pub(super) struct Walk {
    chosen: Arc<[Chosen]>,
    rules: Arc<Rules>,
    /// How many of `chosen` were begun.
    begun: usize,
    /// The directories from the current named folder down.
    levels: Vec<Level>,
    /// The ignore rules that hold in the last of them, outermost first.
    ignores: Vec<Gitignore>,
    /// What was found last, or the directory whose names come next.
    path: PathBuf,
    /// Whether `path` names something that is no level and is left at the next step.
    visiting: bool,
    entries: u32,
}

struct Level {
    dir: OwnedFd,
    names: Listing,
    /// Device and inode, to know it again.
    identity: (u64, u64),
    /// Bytes of the path that the peer is told, up to here.
    bytes: usize,
    /// How many rules held before this directory added its own.
    ignores_before: usize,
}

/// What the walk has come to; [`Walk::entry`] and [`Walk::source`] say the rest until the next step.
pub(super) struct Found {
    pub kind: EntryKind,
    pub stamp: Stamp,
    executable: bool,
}

impl Walk {
    pub fn new(chosen: Arc<[Chosen]>, rules: Arc<Rules>) -> Self {
        Self { chosen, rules, begun: 0, levels: Vec::new(), ignores: Vec::new(), path: PathBuf::new(), visiting: false, entries: 0 }
    }

    /// Goes on to the next entry; nothing at the end, or once `stop` is set.
    ///
    /// # Errors
    /// A named file or folder that is gone or cannot be opened. What lies inside a folder is left out instead, and listed in `skips`.
    pub fn next(&mut self, skips: &SkipList, stop: &AtomicBool) -> Result<Option<Found>, SourceFailure> {
        while !stop.load(Ordering::Relaxed) {
            if std::mem::take(&mut self.visiting) {
                self.path.pop();
            }
            let found = if !self.levels.is_empty() {
                self.step(skips)
            } else if let Some(thing) = self.chosen.get(self.begun) {
                self.begun = self.begun.saturating_add(1);
                self.path.clone_from(&thing.path);
                let (folder, name) = (thing.folder, thing.name.len());
                self.begin(folder, name, skips)?
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

    /// Comes to the next named file or folder, at `path`, whose name has so many bytes.
    fn begin(&mut self, folder: bool, name: usize, skips: &SkipList) -> Result<Option<Found>, SourceFailure> {
        if self.entries >= limits::ENTRIES {
            skips.add(&self.path, Why::TooMany);
            return Ok(None);
        }
        let failed = |error: io::Error| SourceFailure::of(&self.path, &error);
        let kind = if folder { OFlags::DIRECTORY } else { OFlags::empty() };
        let opened = open_resolved(&self.path, READ | kind).map_err(failed)?;
        let stat = rustix::fs::fstat(&opened).map_err(|error| failed(error.into()))?;
        self.rules.admit(&opened, &self.path).map_err(SourceFailure::Fenced)?;
        if folder {
            let names = Listing::read(&opened).map_err(failed)?;
            self.ignores = self.rules.above(&self.path);
            self.enter(opened, names, &stat, name, 0);
        } else if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(SourceFailure::Changed { path: self.path.clone() });
        }
        Ok(Some(Found::new(folder, &stat)))
    }

    /// Comes to the next name of the current directory, or leaves it.
    fn step(&mut self, skips: &SkipList) -> Option<Found> {
        let level = self.levels.last_mut()?;
        // The directory is left, or what is in it is visited: either way the last name of `path` is then done with.
        self.visiting = true;
        let Some(name) = level.names.next() else {
            self.ignores.truncate(level.ignores_before);
            self.levels.pop();
            return None;
        };
        self.path.push(name);
        let told = name.to_string_lossy().len();
        self.visit(told).unwrap_or_else(|why| {
            skips.add(&self.path, why);
            None
        })
    }

    /// Looks at the name in the current directory that `path` ends with and that the peer is told in `told` bytes. Nothing if it is to be
    /// left out or was removed meanwhile.
    fn visit(&mut self, told: usize) -> Result<Option<Found>, Why> {
        let (Some(level), Some(name)) = (self.levels.last(), self.path.file_name()) else { return Ok(None) };
        let follow = self.rules.links == Links::Follow;
        let stat = match rustix::fs::statat(&level.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            own => own.map_err(|_| Why::Unreadable),
        };
        let stat = match stat {
            Ok(own) if follow && FileType::from_raw_mode(own.st_mode) == FileType::Symlink => {
                rustix::fs::statat(&level.dir, name, AtFlags::empty()).map_err(|_| Why::Unreadable)
            }
            own => own,
        };
        let kind = stat.as_ref().map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode));
        let folder = kind == FileType::Directory;
        if self.rules.leave_out(&self.ignores, &self.path, self.below(), folder) {
            return Ok(None);
        }
        let stat = stat?;
        let bytes = level.bytes.saturating_add(1).saturating_add(told);
        match kind {
            FileType::Directory | FileType::RegularFile => {}
            FileType::Symlink => return Err(Why::Link),
            _ => return Err(Why::Special),
        }
        let own = self.path.as_os_str().len();
        if told > limits::NAME_BYTES || bytes > limits::PATH_BYTES || own >= PATH_MAX {
            return Err(Why::TooLong);
        }
        if self.levels.len() >= limits::PATH_LEVELS {
            return Err(Why::TooDeep);
        }
        if self.entries >= limits::ENTRIES {
            return Err(Why::TooMany);
        }
        if !folder && self.rules.fence.is_none() {
            // Asked now, because once its entry is sent an unreadable file ends the transfer. Other errors are left to the opening.
            return match rustix::fs::accessat(&level.dir, name, Access::READ_OK, AtFlags::EACCESS) {
                Err(Errno::ACCESS | Errno::PERM) => Err(Why::Unreadable),
                _ => Ok(Some(Found::new(false, &stat))),
            };
        }
        let links = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        let kind = if folder { OFlags::DIRECTORY } else { OFlags::empty() };
        let opened = match rustix::fs::openat(&level.dir, name, READ | kind | links, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            opened => opened.map_err(|_| Why::Unreadable)?,
        };
        // Before the fence looks at what is in it: what is written after that look changes the stamp.
        let stat = rustix::fs::fstat(&opened).map_err(|_| Why::Unreadable)?;
        self.rules.admit(&opened, &self.path).map_err(|barred| barred.why)?;
        if !folder {
            let file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            return if file { Ok(Some(Found::new(false, &stat))) } else { Err(Why::Special) };
        }
        if self.levels.iter().any(|level| level.identity == (stat.st_dev, stat.st_ino)) {
            return Err(Why::Loop);
        }
        let names = Listing::read(&opened).map_err(|_| Why::Unreadable)?;
        self.visiting = false;
        self.enter(opened, names, &stat, bytes, self.ignores.len());
        Ok(Some(Found::new(true, &stat)))
    }

    /// Makes the directory `dir` at `path` the current one.
    fn enter(&mut self, dir: OwnedFd, names: Listing, stat: &Stat, bytes: usize, ignores_before: usize) {
        self.ignores.extend(self.rules.inside(&dir, &self.path));
        self.levels.push(Level { dir, names, identity: (stat.st_dev, stat.st_ino), bytes, ignores_before });
    }

    /// The named file or folder that the walk is in.
    fn thing(&self) -> Option<&Chosen> {
        self.chosen.get(self.begun.checked_sub(1)?)
    }

    /// `path` from the named folder on.
    fn below(&self) -> &Path {
        self.thing().and_then(|thing| self.path.strip_prefix(&thing.path).ok()).unwrap_or(&self.path)
    }

    /// What the peer is told of what was found last.
    pub fn entry(&self, found: &Found) -> Entry {
        let told = |name: &OsStr| PeerText::new(name.to_string_lossy().into_owned());
        let top = self.thing().map(|thing| PeerText::new(thing.name.clone()));
        let (seconds, nanos) = found.stamp.modified;
        Entry {
            path: top.into_iter().chain(self.below().iter().map(told)).collect(),
            kind: found.kind,
            size: (found.kind == EntryKind::File).then_some(found.stamp.size),
            executable: found.executable,
            modified: Some(seconds),
            modified_nanos: nanos,
        }
    }

    /// What the bytes of the file that was found last are read from; nothing for a folder.
    pub fn source(&self, found: &Found) -> Option<Source> {
        (found.kind == EntryKind::File).then(|| Source { path: self.path.clone(), stamp: found.stamp, links: self.rules.links })
    }
}

impl Found {
    fn new(folder: bool, stat: &Stat) -> Self {
        let kind = if folder { EntryKind::Folder } else { EntryKind::File };
        Self { kind, stamp: Stamp::of(stat), executable: !folder && stat.st_mode & Mode::XUSR.bits() != 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::outbox::{Options, Selection};
    use std::fs;

    #[test]
    fn entries_beyond_a_million_are_listed_and_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap().join("top");
        for file in ["a", "b/inside", "c"] {
            fs::create_dir_all(top.join(file).parent().unwrap()).unwrap();
            fs::write(top.join(file), "").unwrap();
        }
        let selection = Selection::check(&[top.clone(), top.join("c")], &Options::default(), io::empty()).unwrap();
        let (chosen, rules) = selection.things().unwrap();
        let mut walk = Walk::new(chosen, rules);
        walk.entries = limits::ENTRIES - 2;
        let (skips, stop) = (SkipList::default(), AtomicBool::new(false));
        let mut found = Vec::new();
        while walk.next(&skips, &stop).unwrap().is_some() {
            found.push(walk.path.clone());
        }
        assert_eq!(found, [top.clone(), top.join("a")]);
        let skips: Vec<_> = skips.so_far().first.into_iter().map(|skipped| (skipped.path, skipped.why)).collect();
        assert_eq!(skips, [top.join("b"), top.join("c"), top.join("c")].map(|path| (path, Why::TooMany)));
    }
}
