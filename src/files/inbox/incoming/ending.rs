//! The last steps of a transfer, beneath its hidden folders. Things that came to nothing go, links
//! are made, folders get their modes and times.

use super::Incoming;
use super::making::Unmade;
use super::reach::Reach;
use super::registering::{Link, Registering};
use super::tree::FolderId;
use crate::files::inbox::folder::{Folder, cannot_hold};
use crate::files::inbox::{Links, Refusal};
use crate::files::name::FileName;
use crate::platform::cause::Cause;
use crate::platform::name::from_bytes;
use pinhole_protocol::wire::{Difference, Differences, Fate, ItemKind, Reason};
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;

impl Incoming {
    /// Removes the files that the sender names as missing: they have changed after they were sent.
    /// The others that it counts are in gaps. Returns the places of the items that are missing
    /// themselves.
    pub(super) fn remove_missing(&self, theirs: &Differences) -> Result<HashSet<usize>, Refusal> {
        let missing = |one: &&Difference| matches!(one.fate, Fate::Missing(_));
        let mut gone = HashSet::new();
        if !theirs.first().iter().any(|one| missing(&one)) {
            return Ok(gone);
        }
        let folders = self.tree().by_hash();
        for Difference { path, .. } in theirs.first().iter().filter(missing) {
            gone.extend(
                self.remove_named(path.raw(), &folders)
                    .map_err(|error| Refusal::disk(&self.what, &error))?,
            );
        }
        Ok(gone)
    }

    /// Removes the file at a path of the sender's, if it is here; if it is an item, that is lost,
    /// and its place returned.
    fn remove_named(
        &self,
        path: &[u8],
        known: &HashMap<u64, FolderId>,
    ) -> io::Result<Option<usize>> {
        let Some((index, item)) =
            self.items.iter().enumerate().find(|(_, item)| is_in(path, item.planned.offered.raw()))
        else {
            return Ok(None);
        };
        let below = path.get(item.planned.offered.raw().len()..).unwrap_or_default();
        if item.planned.kind != ItemKind::Folder {
            let mut underway = self.underway();
            // A gap may have lost it already.
            if underway.lost.get(index).is_some_and(|(files, _)| *files == 0) {
                underway.lose(index, 0);
            }
            return Ok(Some(index));
        }
        let names: Vec<&[u8]> =
            below.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
        let Some((name, folders)) = names.split_last() else { return Ok(Some(index)) };
        let mut folder = item.open(&self.place.folder)?;
        let mut at = self.tree().of_item(index);
        for name in folders {
            let found = at.and_then(|id| known.get(&self.tree().hash_in(id, name)).copied());
            let Some(id) = found.filter(|id| self.tree().is_there(*id)) else { return Ok(None) };
            folder = folder.open_folder(self.tree().name(id))?;
            at = Some(id);
        }
        let (Some(at), Ok(parsed)) = (at, FileName::parse(name)) else { return Ok(None) };
        // A file that was lost on its way is not here; something else may have its name.
        if self.tree().is_lost(at, name) {
            return Ok(None);
        }
        let stored = self.tree().stored(at, name).unwrap_or(parsed.name);
        match folder.kind(stored.as_os_str()) {
            Err(error) if !cannot_hold(&error) => Err(error),
            Ok(Some(kind)) if kind.is_file() => {
                self.underway().lose(index, 0);
                folder.unlink(stored.as_os_str()).map(|()| None)
            }
            _ => Ok(None),
        }
    }

    /// Makes the links, each if it does not lead out of its item or all are wanted as they are, and
    /// returns them with their names here. Those that are not made are left out.
    pub(super) fn make_links(
        &self,
        registering: &mut Registering,
    ) -> Result<Vec<(Link, FileName)>, Refusal> {
        let Registering { links, reach, .. } = registering;
        let failed = |link: &Link, error: &io::Error| Refusal::disk(self.named(&link.at), error);
        let leave_out = |link: &Link| {
            let mut underway = self.underway();
            underway.differs(link.at.item, Fate::LeftOut(Reason::Link), || {
                self.original_path(&self.tree(), &link.at)
            });
        };
        let mut made = Vec::new();
        for link in std::mem::take(links) {
            match self.make_link(&link, reach).map_err(|error| failed(&link, &error))? {
                Some(name) => made.push((link, name)),
                None => leave_out(&link),
            }
        }
        // Links that were made after one decide where it leads. Without some of them fewer lead
        // anywhere.
        let mut kept = Vec::with_capacity(made.len());
        for (link, name) in made {
            match self.keep_link(&link, &name, reach).map_err(|error| failed(&link, &error))? {
                true => kept.push((link, name)),
                false => leave_out(&link),
            }
        }
        Ok(kept)
    }

    /// Makes a link, and says under which name; nothing if it is left out.
    fn make_link(&self, link: &Link, reach: &mut Reach) -> io::Result<Option<FileName>> {
        let Some((within, _)) = &link.at.within else { return Ok(None) };
        let (mut underway, mut tree) = (self.underway(), self.tree());
        let all = self.place.links == Links::All;
        let lawful = tree.is_there(*within) && !tree.goes_by_renamed(*within, &link.target);
        if !lawful || (!all && !tree.is_inside(*within, &link.target)) {
            return Ok(None);
        }
        let folder = reach.folder(&self.place.folder, &self.items, &tree, *within)?;
        let target = from_bytes(&link.target);
        let create = |folder: &Folder, name: &OsStr| folder.create_link(name, target);
        match self.make_at(folder, &link.at, &mut tree, &mut underway, create) {
            Ok(((), name)) => Ok(Some(name)),
            Err(Unmade::Itself(_)) => Ok(None),
            // A file system without links says so.
            Err(Unmade::Disk(error)) => match Cause::of(&error) {
                Some(Cause::Forbidden) => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Removes a link again that leads out of its item by way of others, although its own text does
    /// not; false if it does.
    fn keep_link(&self, link: &Link, name: &FileName, reach: &mut Reach) -> io::Result<bool> {
        let (Some((within, _)), Some(item)) = (&link.at.within, self.items.get(link.at.item))
        else {
            return Ok(true);
        };
        if self.place.links == Links::All {
            return Ok(true);
        }
        let tree = self.tree();
        if !item.open(&self.place.folder)?.leads_out(
            &tree.path(*within),
            Some(name.as_os_str()),
            &link.target,
            true,
        ) {
            return Ok(true);
        }
        reach.folder(&self.place.folder, &self.items, &tree, *within)?.unlink(name.as_os_str())?;
        Ok(false)
    }

    /// Gives the folders in items their permissions and times, the deepest first: from then on
    /// nothing is made in them.
    pub(super) fn finish_folders(&self, registering: &mut Registering) -> Result<(), Refusal> {
        let tree = self.tree();
        for (id, finish) in tree.deepest_first() {
            let Some(parent) = tree.parent(id) else { continue };
            let folder = registering.reach.folder(&self.place.folder, &self.items, &tree, parent);
            let folder = folder.and_then(|parent| parent.open_folder(tree.name(id)));
            folder.map_err(|error| Refusal::disk(&self.what, &error))?.finish(finish);
        }
        Ok(())
    }
}

/// True if a path of the sender's is an item's, or lies in it.
pub(super) fn is_in(path: &[u8], item: &[u8]) -> bool {
    let below = path.strip_prefix(item);
    below.is_some_and(|below| below.is_empty() || below.starts_with(b"/"))
}
