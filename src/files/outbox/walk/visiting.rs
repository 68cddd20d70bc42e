//! A look at one name in the current directory of a walk.

use super::found::Found;
use super::links::{stays_by_its_text, stays_by_what_is_there};
use super::listing::Listing;
use super::{Level, Walk};
use crate::files::outbox::Links;
use crate::files::outbox::skipped::{SkipList, Why};
use crate::files::outbox::trail::Trail;
use crate::platform::cause::Cause;
use crate::platform::file::{Facts, How, Kind, PATH_MAX};
use crate::platform::folder::Folder;
use crate::platform::name::{bytes as raw, from_bytes};
use pinhole_protocol::limits;
use pinhole_protocol::wire::PeerName;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

impl Walk {
    /// Looks at the name in the current directory that `path` ends with. Nothing if it is to be
    /// left out.
    pub(super) fn visit(
        &mut self,
        skips: &SkipList,
        stop: &AtomicBool,
    ) -> Result<Option<Found>, Why> {
        let (Some(level), Some(name)) = (self.levels.last(), self.path.file_name()) else {
            return Ok(None);
        };
        let Some(dir) = &level.dir else { return Ok(None) };
        let within = Some(level.entry);
        let follow = self.rules.links == Links::Follow;
        let facts = match dir.facts(name, false).map_err(|error| unseen(&error)) {
            Ok(own) if follow && own.kind().is_symlink() => {
                dir.facts(name, true).map_err(|_| Why::Unreadable)
            }
            own => own,
        };
        let kind = facts.as_ref().map_or(Kind::Unknown, Facts::kind);
        let folder = kind.is_dir();
        if self.rules.leave_out(
            &self.ignores,
            &self.path,
            self.below(),
            facts.is_ok().then_some(folder),
        ) {
            skips.keep_back();
            return Ok(None);
        }
        let facts = facts?;
        // The length of the name for a peer that is not faithful.
        let told = name.to_string_lossy().len();
        let bytes = level.bytes.saturating_add(1).saturating_add(told);
        match kind {
            Kind::Folder | Kind::File => {}
            Kind::Link if self.faithful && matches!(self.rules.links, Links::Keep | Links::All) => {
            }
            Kind::Link => return Err(Why::Link),
            _ => return Err(Why::Special),
        }
        let (length, deepest) = if self.faithful {
            (name.len(), limits::LEVELS as usize)
        } else {
            (told, limits::PATH_LEVELS)
        };
        let path_too_long = bytes > limits::PATH_BYTES || self.path.as_os_str().len() >= PATH_MAX;
        if length > limits::NAME_BYTES || (path_too_long && !self.faithful) {
            return Err(Why::TooLong);
        }
        if self.levels.len() >= deepest {
            return Err(Why::TooDeep);
        }
        let names = if folder { self.folder_names.saturating_add(name.len()) } else { 0 };
        // Things that were named and are still to come have room.
        let named = u32::try_from(self.chosen.len().saturating_sub(self.begun)).unwrap_or(u32::MAX);
        if self.entries.saturating_add(named) >= limits::ENTRIES || names > limits::FOLDER_NAMES {
            return Err(Why::TooMany);
        }
        if kind.is_symlink() {
            let target = self.link(dir, name)?;
            let names =
                self.folder_names.saturating_add(name.len()).saturating_add(target.raw().len());
            if names > limits::FOLDER_NAMES {
                return Err(Why::TooMany);
            }
            self.folder_names = names;
            return Ok(Some(Found::link(&facts, within, target)));
        }
        let look = || dir.open_any(name, How::Look, follow).ok();
        let lies = !folder && self.systems.lie(&facts, look);
        if lies && self.reader.is_none() {
            return Ok(Some(Found::new(false, &facts, within).cut(0)));
        }
        if !folder && !lies && self.rules.fence.is_none() {
            // Asked now, because once its entry is sent an unreadable file ends the transfer. Other
            // errors are left to the opening.
            return match dir.try_reading(name) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    Err(Why::Unreadable)
                }
                _ => Ok(Some(Found::new(false, &facts, within))),
            };
        }
        let how = if folder { How::Folder } else { How::Read };
        let opened = dir.open_any(name, how, follow).map_err(|error| unseen(&error))?;
        if lies {
            return self.read(opened, within, stop).map(Some).map_err(|unread| unread.why());
        }
        // Before the fence looks at what is in it: what is written after that look changes the
        // stamp.
        let facts = Facts::of(&opened).map_err(|_| Why::Unreadable)?;
        self.rules.admit(&opened, &self.path).map_err(|barred| barred.why)?;
        if !folder {
            return if facts.kind().is_file() {
                Ok(Some(Found::new(false, &facts, within)))
            } else {
                Err(Why::Special)
            };
        }
        if self.levels.iter().any(|level| level.identity == facts.id()) {
            return Err(Why::Loop);
        }
        let opened = Folder::from(opened);
        let names = Listing::read(&opened).map_err(|_| Why::Unreadable)?;
        self.visiting = false;
        let trail = Trail::inside(Arc::clone(&level.trail), name);
        self.enter(opened, names, &facts, trail, bytes, self.ignores.len());
        Ok(Some(Found::new(true, &facts, within)))
    }

    /// The text of the link of this name in the current directory, if it is to be sent. It is not
    /// followed, so a fence has nothing to ask.
    fn link(&self, dir: &Folder, name: &OsStr) -> Result<PeerName, Why> {
        let target = dir.link_text(name).map_err(|error| match Cause::of(&error) {
            // No link any more.
            Some(Cause::BadName) => Why::Changed,
            _ => unseen(&error),
        })?;
        if target.is_empty() || target.len() > limits::TARGET_BYTES {
            return Err(Why::TooLong);
        }
        let stays = self.rules.links == Links::All
            || (stays_by_its_text(
                Path::new(from_bytes(&target)),
                self.levels.len().saturating_sub(1),
            ) && self.stays_beneath());
        if stays { Ok(PeerName::new(target)) } else { Err(Why::Outward) }
    }

    /// True if the link at `path` leads nowhere out of the named folder by what is there. It is
    /// followed from that folder's handle. If the path from there would be too long for the system,
    /// that of a folder further down serves.
    fn stays_beneath(&self) -> bool {
        let path = raw(&self.path);
        let from = |level: &Level| {
            path.get(level.path.saturating_add(1)..).filter(|below| below.len() < PATH_MAX)
        };
        let held = self.levels.iter().find_map(|level| Some((level.dir.as_ref()?, from(level)?)));
        held.is_some_and(|(dir, below)| stays_by_what_is_there(dir, Path::new(from_bytes(below))))
    }
}

/// Why something is not to be had whose name was read.
fn unseen(error: &io::Error) -> Why {
    if error.kind() == io::ErrorKind::NotFound { Why::Changed } else { Why::Unreadable }
}
