//! The folders of a transfer, by the numbers of their entries: where each is, what it is called
//! here, and what it gets at the end. They are kept to the end of the transfer, so a million of
//! them have to be small.

use crate::files::inbox::folder::Finish;
use crate::files::name::FileName;
use crate::platform::name::{bytes, from_bytes};
use pinhole_protocol::limits::{FOLDER_NAMES, LEVELS};
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;

/// The place of a folder among those of a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FolderId(u32);

/// The folders of a transfer.
#[derive(Debug, Default)]
pub(super) struct Tree {
    folders: Vec<Node>,
    /// Their names here, end to end.
    names: Vec<u8>,
    /// The names that those have at the sender which have another here.
    originals: HashMap<FolderId, Box<[u8]>>,
    /// The folders that items are.
    of_items: HashMap<u32, FolderId>,
    /// Other things with another name here: the folder, the name at the sender, and the name here.
    stored: HashMap<(FolderId, Box<[u8]>), FileName>,
    /// The last number that something in a folder got because names are one there, by the folded
    /// name.
    numbered: HashMap<(FolderId, Box<[u8]>), u32>,
    /// Bytes of the names that are kept here and by others for the transfer.
    kept: usize,
    /// Things with another name here, as hashes of paths at the sender.
    renamed: HashSet<u64>,
    /// Files that were lost on their way, likewise.
    lost: HashSet<u64>,
    hashes: RandomState,
}

#[derive(Debug)]
struct Node {
    /// The number of its entry.
    entry: u32,
    item: u32,
    /// The folder that it lies in; nothing for an item.
    parent: Option<FolderId>,
    /// Its name in `names`.
    name: (u32, u8),
    /// Folders above it, its item's counted.
    level: u16,
    /// False if it could not be made: nothing in it is there.
    there: bool,
    manner: Manner,
    /// Of its path at the sender.
    hash: u64,
    finish: Finish,
}

/// Meaning of a folder's name for the names in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Nothing.
    Plain,
    /// Programs act on some of them only there.
    Leads,
    /// They act on it, or on what it is in, and so on all of them.
    Acts,
}

/// More folders within each other, or more names of them, than a transfer may have.
#[derive(Debug)]
pub(super) struct OverLimits;

impl Tree {
    /// Adds an item that is a folder, or a folder in another.
    pub(super) fn add(
        &mut self,
        entry: u32,
        place: Result<FolderId, u32>,
        name: &[u8],
        finish: Finish,
    ) -> Result<FolderId, OverLimits> {
        let id = FolderId(u32::try_from(self.folders.len()).map_err(|_| OverLimits)?);
        let (parent, item, level) = match place {
            Ok(parent) => {
                let above = self.node(parent).ok_or(OverLimits)?;
                (Some(parent), above.item, above.level.saturating_add(1))
            }
            Err(item) => (None, item, 0),
        };
        if u32::from(level) >= LEVELS {
            return Err(OverLimits);
        }
        self.keep(name.len())?;
        let hash = self.hash(parent, item, name);
        let (start, length) = (u32::try_from(self.names.len()), u8::try_from(name.len()));
        self.names.extend_from_slice(name);
        let name = (start.map_err(|_| OverLimits)?, length.map_err(|_| OverLimits)?);
        if parent.is_none() {
            self.of_items.insert(item, id);
        }
        self.folders.push(Node {
            entry,
            item,
            parent,
            name,
            level,
            there: true,
            manner: Manner::Plain,
            hash,
            finish,
        });
        Ok(id)
    }

    /// So many bytes of names are kept for the transfer.
    pub(super) fn keep(&mut self, bytes: usize) -> Result<(), OverLimits> {
        self.kept = self.kept.saturating_add(bytes);
        if self.kept > FOLDER_NAMES { Err(OverLimits) } else { Ok(()) }
    }

    /// The folder of an entry's number.
    pub(super) fn find(&self, entry: u32) -> Option<FolderId> {
        let index = self.folders.binary_search_by_key(&entry, |node| node.entry).ok()?;
        u32::try_from(index).ok().map(FolderId)
    }

    /// The item that a folder belongs to.
    pub(super) fn item(&self, id: FolderId) -> Option<usize> {
        self.node(id).and_then(|node| usize::try_from(node.item).ok())
    }

    /// True unless it, or what it is in, could not be made.
    pub(super) fn is_there(&self, id: FolderId) -> bool {
        self.node(id).is_some_and(|node| node.there)
    }

    /// It could not be made.
    pub(super) fn lose(&mut self, id: FolderId) {
        if let Some(node) = self.folders.get_mut(id.0 as usize) {
            node.there = false;
        }
    }

    /// The meaning of a folder's name for those in it.
    pub(super) fn manner(&self, id: FolderId) -> Manner {
        self.node(id).map_or(Manner::Plain, |node| node.manner)
    }

    /// This was found out of a folder.
    pub(super) fn note_manner(&mut self, id: FolderId, manner: Manner) {
        if let Some(node) = self.folders.get_mut(id.0 as usize) {
            node.manner = manner;
        }
    }

    /// A folder has another name here.
    pub(super) fn rename(&mut self, id: FolderId, name: &FileName) -> Result<(), OverLimits> {
        let original: Box<[u8]> = bytes(self.name(id)).into();
        self.keep(name.bytes().len())?;
        let start = u32::try_from(self.names.len()).map_err(|_| OverLimits)?;
        let length = u8::try_from(name.bytes().len()).map_err(|_| OverLimits)?;
        self.names.extend_from_slice(name.bytes());
        if let Some(node) = self.folders.get_mut(id.0 as usize) {
            node.name = (start, length);
            self.renamed.insert(node.hash);
        }
        self.originals.insert(id, original);
        Ok(())
    }

    /// Something in a folder has another name here.
    pub(super) fn note_renamed(
        &mut self,
        folder: FolderId,
        original: &[u8],
        name: &FileName,
    ) -> Result<(), OverLimits> {
        self.keep(original.len().saturating_add(name.bytes().len()))?;
        let hash = self.hash(Some(folder), 0, original);
        self.renamed.insert(hash);
        self.stored.insert((folder, original.into()), name.clone());
        Ok(())
    }

    /// The name here of something in a folder that has another at the sender, if it has.
    pub(super) fn stored(&self, folder: FolderId, original: &[u8]) -> Option<FileName> {
        self.stored.get(&(folder, original.into())).cloned()
    }

    /// The last number of [`Tree::note_numbered`]; 0 if there is none.
    pub(super) fn numbered(&self, folder: FolderId, name: &FileName) -> u32 {
        self.numbered.get(&(folder, name.folded().into())).copied().unwrap_or(0)
    }

    /// Something got a number in a folder, because its name was taken there: the next need not try
    /// those before it.
    pub(super) fn note_numbered(
        &mut self,
        folder: FolderId,
        name: &FileName,
        number: u32,
    ) -> Result<(), OverLimits> {
        let folded: Box<[u8]> = name.folded().into();
        self.keep(folded.len())?;
        self.numbered.insert((folder, folded), number);
        Ok(())
    }

    /// The name at the sender of something in a folder that is called so here.
    pub(super) fn original(&self, folder: FolderId, name: &OsStr) -> Vec<u8> {
        let renamed = self
            .stored
            .iter()
            .find(|((within, _), stored)| *within == folder && stored.as_os_str() == name);
        renamed.map_or_else(|| bytes(name).to_vec(), |((_, original), _)| original.to_vec())
    }

    /// The names at the sender of all but folders that have another here, by their folder and that.
    pub(super) fn originals(&self) -> HashMap<(FolderId, &OsStr), &[u8]> {
        self.stored
            .iter()
            .map(|((within, original), stored)| ((*within, stored.as_os_str()), &**original))
            .collect()
    }

    /// The folders of each item, those in a folder after it.
    pub(super) fn by_item(&self) -> HashMap<usize, Vec<FolderId>> {
        let mut items: HashMap<usize, Vec<FolderId>> = HashMap::new();
        for (node, index) in self.folders.iter().zip(0..) {
            items.entry(node.item as usize).or_default().push(FolderId(index));
        }
        items
    }

    /// The folder that another lies in; nothing for an item.
    pub(super) fn parent(&self, id: FolderId) -> Option<FolderId> {
        self.node(id)?.parent
    }

    /// All folders by [`Tree::hash_in`].
    pub(super) fn by_hash(&self) -> HashMap<u64, FolderId> {
        self.folders.iter().zip(0..).map(|(node, index)| (node.hash, FolderId(index))).collect()
    }

    /// The hash that stands for a folder.
    pub(super) fn hash_of(&self, id: FolderId) -> u64 {
        self.node(id).map_or(0, |node| node.hash)
    }

    /// The hash that stands for something of this name at the sender in a folder.
    pub(super) fn hash_in(&self, folder: FolderId, original: &[u8]) -> u64 {
        self.hash(Some(folder), 0, original)
    }

    /// A file in a folder was lost on its way.
    pub(super) fn note_lost(&mut self, folder: FolderId, original: &[u8]) {
        let hash = self.hash_in(folder, original);
        self.lost.insert(hash);
    }

    /// True if it was lost on its way.
    pub(super) fn is_lost(&self, folder: FolderId, original: &[u8]) -> bool {
        self.lost.contains(&self.hash_in(folder, original))
    }

    /// The folder that an item is.
    pub(super) fn of_item(&self, item: usize) -> Option<FolderId> {
        self.of_items.get(&u32::try_from(item).ok()?).copied()
    }

    /// The mode and time that a folder gets once it is complete.
    pub(super) fn finish(&self, id: FolderId) -> Option<Finish> {
        self.node(id).map(|node| node.finish)
    }

    /// Its name here.
    pub(super) fn name(&self, id: FolderId) -> &OsStr {
        let (start, length) = self.node(id).map_or((0, 0), |node| node.name);
        let start = start as usize;
        from_bytes(self.names.get(start..start.saturating_add(length.into())).unwrap_or_default())
    }

    /// Its path at the sender below its item, with `/` before each name.
    pub(super) fn original_path(&self, id: FolderId) -> Vec<u8> {
        let mut names: Vec<&[u8]> = Vec::new();
        for id in self.up(id).filter(|id| !self.is_item(*id)) {
            names.push(self.originals.get(&id).map_or_else(|| bytes(self.name(id)), AsRef::as_ref));
        }
        names.into_iter().rev().flat_map(|name| [b"/", name].concat()).collect()
    }

    /// Its path here below its item.
    pub(super) fn path(&self, id: FolderId) -> PathBuf {
        self.path_by(id, |id| self.name(id))
    }

    /// The same where folders have these names.
    pub(super) fn path_by<'a>(
        &self,
        id: FolderId,
        name: impl Fn(FolderId) -> &'a OsStr,
    ) -> PathBuf {
        let names: Vec<_> = self.up(id).filter(|id| !self.is_item(*id)).map(name).collect();
        names.into_iter().rev().collect()
    }

    /// The last two names of its path where folders have these names, of which the first may be its
    /// item's.
    pub(super) fn end_of_path<'a>(
        &self,
        id: FolderId,
        item: &'a OsStr,
        name: impl Fn(FolderId) -> &'a OsStr,
    ) -> PathBuf {
        let names: Vec<_> =
            self.up(id).take(2).map(|id| if self.is_item(id) { item } else { name(id) }).collect();
        names.into_iter().rev().collect()
    }

    /// All of them, those in a folder before it, each with what it gets.
    pub(super) fn deepest_first(&self) -> impl Iterator<Item = (FolderId, Finish)> {
        let ids = (0..u32::try_from(self.folders.len()).unwrap_or(u32::MAX)).rev().map(FolderId);
        ids.zip(self.folders.iter().rev())
            .filter(|(_, node)| node.there)
            .map(|(id, node)| (id, node.finish))
    }

    /// True if it is an item itself.
    pub(super) fn is_item(&self, id: FolderId) -> bool {
        self.node(id).is_some_and(|node| node.parent.is_none())
    }

    /// True if the target of a link in a folder stays in its item by its text alone, at every
    /// point.
    pub(super) fn is_inside(&self, folder: FolderId, target: &[u8]) -> bool {
        let mut level = self.node(folder).map_or(0, |node| u32::from(node.level));
        !target.starts_with(b"/")
            && target.split(|byte| *byte == b'/').all(|name| {
                match name {
                    b"" | b"." => {}
                    b".." => match level.checked_sub(1) {
                        Some(above) => level = above,
                        None => return false,
                    },
                    _ => level = level.saturating_add(1),
                }
                true
            })
    }

    /// True if a link in a folder, by its text, goes by something that has another name here.
    pub(super) fn goes_by_renamed(&self, folder: FolderId, target: &[u8]) -> bool {
        self.goes_by(folder, target, &self.renamed)
    }

    /// True if it goes by something of these, by [`Tree::hash_of`] and [`Tree::hash_in`].
    pub(super) fn goes_by(&self, folder: FolderId, target: &[u8], these: &HashSet<u64>) -> bool {
        let mut at = vec![];
        let mut up = self.up(folder);
        let mut base = up.next();
        for name in target.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." if at.pop().is_some() => {}
                b".." => base = up.next(),
                _ => {
                    let above = at
                        .last()
                        .copied()
                        .or_else(|| base.and_then(|id| self.node(id)).map(|node| node.hash));
                    let Some(above) = above else { return false };
                    let hash = self.below(above, name);
                    if these.contains(&hash) {
                        return true;
                    }
                    at.push(hash);
                }
            }
        }
        false
    }

    /// The folder and those above it, to its item.
    pub(super) fn up(&self, id: FolderId) -> impl Iterator<Item = FolderId> {
        std::iter::successors(Some(id), |id| self.node(*id)?.parent)
    }

    fn node(&self, id: FolderId) -> Option<&Node> {
        self.folders.get(id.0 as usize)
    }

    fn hash(&self, parent: Option<FolderId>, item: u32, name: &[u8]) -> u64 {
        match parent.and_then(|id| self.node(id)) {
            Some(above) => self.below(above.hash, name),
            None => self.hashes.hash_one(item),
        }
    }

    fn below(&self, above: u64, name: &[u8]) -> u64 {
        let mut hasher = self.hashes.build_hasher();
        hasher.write_u64(above);
        hasher.write(name);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests;
