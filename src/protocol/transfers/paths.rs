//! Between the two forms of an entry, for a peer that is not faithful (SPEC 7.9): paths of text
//! become folders and names, and back.

use super::Fault;
use crate::limits::{FOLDER_NAMES, PATH_BYTES, PATH_LEVELS};
use crate::violation::Violation;
use crate::wire::{
    Entry, EntryKind, Offer, Part, PathEntry, PathKind, PathPart, PeerName, PeerText, Place, Reason,
};
use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec::Vec};

/// Bits of a mode for reading and writing, and those for executing; the receiver's umask takes from
/// them what it always takes.
const PLAIN: u16 = 0o666;
const EXECUTABLE: u16 = 0o111;
/// The owner's bit for executing.
const OWNER_EXECUTES: u16 = 0o100;

/// The peer's paths, as the folders and names that they mean.
pub(crate) struct Numbered {
    /// Each item's place in the offer.
    items: BTreeMap<String, u32>,
    /// The number of each folder's entry, by what it lies in and its name there.
    folders: BTreeMap<(Above, String), u32>,
    /// Bytes of their names.
    kept: usize,
}

/// The folder of a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Above {
    Offer,
    Folder(u32),
}

impl Numbered {
    pub(crate) fn new(offer: &Offer) -> Self {
        let items = (0..)
            .zip(&offer.items)
            .map(|(place, item)| (item.name.raw().to_owned(), place))
            .collect();
        Self { items, folders: BTreeMap::new(), kept: 0 }
    }

    /// The part in the form of one that is faithful.
    pub(crate) fn part(&mut self, part: PathPart) -> Result<Part, Fault> {
        let entries =
            (part.first..).zip(part.entries).map(|(number, entry)| self.entry(number, entry));
        Ok(Part { item: part.item, first: part.first, entries: entries.collect::<Result<_, _>>()? })
    }

    /// The number of the folder at a path.
    fn folder(&self, path: &[PeerText]) -> Option<u32> {
        let below = |above: Above, name: &PeerText| {
            self.folders.get(&(above, name.raw().to_owned())).copied().map(Above::Folder)
        };
        match path.iter().try_fold(Above::Offer, below)? {
            Above::Folder(number) => Some(number),
            Above::Offer => None,
        }
    }

    fn entry(&mut self, number: u32, entry: PathEntry) -> Result<Entry, Fault> {
        let Some((name, above)) = entry.path.split_last() else {
            return Err(Fault::Entry(Reason::Protocol, Violation::NoName));
        };
        let length =
            entry.path.iter().fold(above.len(), |sum, name| sum.saturating_add(name.raw().len()));
        if entry.path.len() > PATH_LEVELS || length > PATH_BYTES {
            return Err(Fault::Entry(Reason::BadName, Violation::LongPath));
        }
        if entry.path.iter().any(|name| name.raw().contains('/')) {
            return Err(Fault::Entry(Reason::BadName, Violation::NameWithSeparator));
        }
        let kind = match entry.kind {
            PathKind::File => EntryKind::File,
            PathKind::Folder => EntryKind::Folder,
        };
        let foreign = Fault::Entry(Reason::Protocol, Violation::EntryUnoffered);
        let placed = match above.split_first() {
            None => Entry::of_item(*self.items.get(name.raw()).ok_or(foreign)?, kind),
            Some((top, _)) if !self.items.contains_key(top.raw()) => return Err(foreign),
            Some(_) => {
                let folder = self.folder(above);
                let missing = Fault::Entry(Reason::BadName, Violation::FolderMissing);
                Entry::inside(
                    folder.ok_or(missing)?,
                    PeerName::new(name.raw().as_bytes().to_vec()),
                    kind,
                )
            }
        };
        if kind == EntryKind::Folder {
            self.kept = self.kept.saturating_add(name.raw().len());
            if self.kept > FOLDER_NAMES {
                return Err(Fault::Entry(Reason::Protocol, Violation::ManyFolderNames));
            }
            let above = placed.folder.map_or(Above::Offer, Above::Folder);
            self.folders.insert((above, name.raw().to_owned()), number);
        }
        let mode = if entry.executable { PLAIN | EXECUTABLE } else { PLAIN };
        let mode = Some(if kind == EntryKind::Folder { PLAIN | EXECUTABLE } else { mode });
        Ok(Entry {
            size: entry.size,
            mode,
            modified: entry.modified,
            modified_nanos: entry.modified_nanos,
            ..placed
        })
    }
}

/// Our entries as paths.
pub(crate) struct Paths {
    items: Vec<PeerText>,
    /// The folders from an item down to the last that was said, each with its entry's number: what
    /// is in a folder comes before what is beside it.
    open: Vec<(u32, PeerText)>,
}

impl Paths {
    pub(crate) fn new(offer: &Offer) -> Self {
        Self { items: offer.items.iter().map(|item| item.name.clone()).collect(), open: Vec::new() }
    }

    /// The entries from number `first` on, without those that the older form cannot say; a source
    /// that knows its peer makes none of these.
    pub(crate) fn part(&mut self, first: u32, entries: Vec<Entry>) -> Vec<PathEntry> {
        (first..).zip(entries).filter_map(|(number, entry)| self.entry(number, &entry)).collect()
    }

    fn entry(&mut self, number: u32, entry: &Entry) -> Option<PathEntry> {
        let name = match entry.place()? {
            Place::Item(place) => {
                self.open.clear();
                self.items.get(usize::try_from(place).ok()?)?.clone()
            }
            Place::In(folder, name) => {
                let depth = self.open.iter().rposition(|(open, _)| *open == folder)?;
                self.open.truncate(depth.saturating_add(1));
                PeerText::new(String::from_utf8_lossy(name.raw()).into_owned())
            }
        };
        let path = self.open.iter().map(|(_, name)| name).chain([&name]).cloned().collect();
        let kind = match entry.kind {
            EntryKind::File => PathKind::File,
            EntryKind::Folder => PathKind::Folder,
            EntryKind::Link => return None,
        };
        if kind == PathKind::Folder {
            self.open.push((number, name));
        }
        let executable =
            kind == PathKind::File && entry.mode.is_some_and(|mode| mode & OWNER_EXECUTES != 0);
        Some(PathEntry {
            path,
            kind,
            size: entry.size,
            executable,
            modified: entry.modified,
            modified_nanos: entry.modified_nanos,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Item, ItemId, ItemKind};
    use alloc::vec;

    fn offer() -> Offer {
        let item = |name: &str, kind| Item {
            name: PeerText::new(name.to_owned()),
            kind,
            size: None,
            exact: None,
        };
        let items = vec![item("a", ItemKind::Folder), item("b", ItemKind::File)];
        Offer { item: ItemId(1), items, bytes: 0, entries: 0, counted: false, allocated: None }
    }

    fn path(names: &[&str], kind: PathKind) -> PathEntry {
        let path = names.iter().map(|name| PeerText::new((*name).to_owned())).collect();
        let size = (kind == PathKind::File).then_some(1);
        PathEntry { path, kind, size, executable: false, modified: Some(5), modified_nanos: 6 }
    }

    #[test]
    fn paths_become_folders_and_names_and_back() {
        let paths = vec![
            path(&["b"], PathKind::File),
            path(&["a"], PathKind::Folder),
            path(&["a", "x"], PathKind::Folder),
            path(&["a", "x", "f"], PathKind::File),
            PathEntry { executable: true, ..path(&["a", "y"], PathKind::File) },
        ];
        let part = PathPart { item: ItemId(1), first: 7, entries: paths.clone() };
        let entries = Numbered::new(&offer()).part(part).unwrap().entries;
        let places: Vec<_> = entries.iter().map(|entry| (entry.item, entry.folder)).collect();
        assert_eq!(
            places,
            [(Some(1), None), (Some(0), None), (None, Some(8)), (None, Some(9)), (None, Some(8))]
        );
        assert_eq!(
            entries.iter().map(|entry| entry.mode.unwrap()).collect::<Vec<_>>(),
            [0o666, 0o777, 0o777, 0o666, 0o777]
        );
        assert!(entries.iter().all(Entry::is_lawful));
        assert_eq!(Paths::new(&offer()).part(7, entries), paths);
    }

    #[test]
    fn paths_that_lead_nowhere_are_no_entries() {
        let fault = |entry: PathEntry| {
            let part = PathPart {
                item: ItemId(1),
                first: 0,
                entries: vec![path(&["a"], PathKind::Folder), entry],
            };
            match Numbered::new(&offer()).part(part) {
                Err(Fault::Entry(reason, _)) => Some(reason),
                _ => None,
            }
        };
        assert_eq!(fault(path(&[], PathKind::File)), Some(Reason::Protocol));
        assert_eq!(fault(path(&["c"], PathKind::File)), Some(Reason::Protocol));
        assert_eq!(fault(path(&["c", "d"], PathKind::File)), Some(Reason::Protocol));
        assert_eq!(fault(path(&["a", "x", "f"], PathKind::File)), Some(Reason::BadName));
        assert_eq!(fault(path(&["a", "x/../y"], PathKind::File)), Some(Reason::BadName));
        assert_eq!(fault(path(&["a"; 65], PathKind::File)), Some(Reason::BadName));
        assert_eq!(fault(path(&["a", "f"], PathKind::File)), None);
    }

    #[test]
    fn links_and_what_lies_nowhere_are_not_said() {
        let link = Entry {
            target: Some(PeerName::new(b"x".to_vec())),
            ..Entry::inside(0, PeerName::new(b"l".to_vec()), EntryKind::Link)
        };
        let lost = Entry::inside(5, PeerName::new(b"f".to_vec()), EntryKind::File);
        assert_eq!(
            Paths::new(&offer())
                .part(0, vec![Entry::of_item(0, EntryKind::Folder), link, lost])
                .len(),
            1
        );
    }
}
