//! Entries as they are registered: each part is checked whole, then its folders and empty files are
//! made.

use super::Incoming;
use super::going_on::had;
use super::making::Unmade;
use super::pending::{Pending, Spot};
use super::reach::Reach;
use super::tree::{FolderId, Manner, OverLimits};
use crate::files::acting::leads;
use crate::files::inbox::earlier::Earlier;
use crate::files::inbox::folder::{Finish, Folder};
use crate::files::inbox::room::Cost;
use crate::files::inbox::{Place, Refusal};
use crate::files::name::FileName;
use pinhole_protocol::limits::{ENTRIES, PART_ENTRIES, PARTS_AHEAD, TARGET_BYTES};
use pinhole_protocol::wire::{
    Entry, EntryKind, Fate, ItemKind, Part, PeerName, Place as EntryPlace, Reason,
};
use std::fs::File;
use std::io;
use std::ops::{Add, Range};
use std::time::{Duration, SystemTime};

/// Counts and links that registering gathers.
#[derive(Debug, Default)]
pub(super) struct Registering {
    pub(super) totals: Vec<Total>,
    /// Links, which are made after everything else.
    pub(super) links: Vec<Link>,
    pub(super) reach: Reach,
    /// Remains of other transfers of the same items.
    pub(super) earlier: Earlier,
}

/// A link that is to be made.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) at: Spot,
    pub(super) target: Box<[u8]>,
}

/// Facts known of an item.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Total {
    /// True once its own entry has come.
    pub(super) seen: bool,
    pub(super) files: u32,
    pub(super) bytes: u64,
    /// Mode and time that it gets when it is complete, if it is a file.
    pub(super) finish: Option<Finish>,
    /// Under its final name, or removed.
    pub(super) settled: bool,
}

/// An entry that has passed every check which needs no disk.
struct Checked {
    at: Spot,
    what: Kind,
}

enum Kind {
    /// Its size in bytes; [`u64::MAX`] for a stream.
    File(u64, Finish),
    Folder(FolderId),
    Link(Box<[u8]>),
}

impl Checked {
    /// Positions that it takes; nothing where nobody knows how many.
    const fn size(&self) -> Option<u64> {
        match self.what {
            Kind::File(u64::MAX, _) => None,
            Kind::File(size, _) => Some(size),
            Kind::Folder(_) | Kind::Link(_) => Some(0),
        }
    }
}

/// Parts that may be unwritten at once. The conversation allows [`PARTS_AHEAD`]; this only keeps
/// memory bounded whatever it does.
const UNWRITTEN_PARTS: u32 = 4 * PARTS_AHEAD;
/// Mode of a file whose sender gives none, before the umask; a folder gets [`ALL`].
const PLAIN: u16 = 0o666;
const ALL: u16 = 0o777;

impl Incoming {
    /// Takes the next entries in: checks all of them, then creates their folders and empty files.
    /// Call it from one thread, in the order of the parts, and where blocking on the disk does no
    /// harm. Nothing happens once the transfer is over.
    ///
    /// Files that earlier transfers have left are taken up. Returns the positions that are here by
    /// that, ascending: they count once they are proved ([`Incoming::prove`]), and are else to be
    /// sent as all others.
    ///
    /// # Errors
    /// A [`Refusal`]; the transfer is then to be discarded.
    pub fn register(&self, part: &Part) -> Result<Vec<Range<u64>>, Refusal> {
        let mut registering = self.registering();
        if self.underway().over {
            return Ok(Vec::new());
        }
        let entries = self.check(part, &mut registering.totals)?;
        if part.first == 0 {
            self.note_items();
        }
        // Of a stream nobody knows the size: it is taken as it comes.
        let cost = entries
            .iter()
            .map(|entry| Cost::entry(entry.size().unwrap_or(0)))
            .fold(Cost::default(), Cost::add);
        self.place.room.take(&self.what, cost)?;
        let mut underway = self.underway();
        underway.taken = underway.taken + cost;
        let first = underway.layout.entries();
        // Files that are registered and have no byte yet are still to be made.
        let promised = u64::try_from(underway.pending.len()).unwrap_or(u64::MAX);
        drop(underway);
        let stored =
            entries.iter().zip(&part.entries).map(|(checked, entry)| stored_size(checked, entry));
        let stored = stored.map(Cost::entry).fold(Cost::together(promised, 0), Cost::add);
        let stored = stored.beside(registering.earlier.spare());
        self.place.room.check_disk(&self.what, stored, &self.place.folder, &self.place.path)?;
        let sizes: Vec<_> = entries.iter().map(Checked::size).collect();
        let mut pending = Vec::new();
        for (number, entry) in (first..).zip(entries) {
            if let Some(waiting) = self.create(entry, &mut registering)? {
                pending.push((number, waiting));
            }
        }
        let mut underway = self.underway();
        let end = underway.layout.end();
        // A stream takes every position that is left.
        let sizes = sizes.iter().map(|size| size.unwrap_or_else(|| u64::MAX.saturating_sub(end)));
        underway
            .layout
            .push(sizes)
            .map_err(|_| Refusal::protocol("named more bytes than can be counted"))?;
        let had = had(&underway.layout, &pending, self.provable());
        underway.pending.extend(pending);
        underway.forget_written();
        drop(underway);
        if !had.is_empty() {
            self.note_now();
        }
        Ok(had)
    }

    /// Every check of a part that needs no disk, and the counting of its items.
    fn check(&self, part: &Part, totals: &mut [Total]) -> Result<Vec<Checked>, Refusal> {
        let underway = self.underway();
        let count = u32::try_from(part.entries.len()).unwrap_or(u32::MAX);
        let sum = underway.layout.entries().saturating_add(count);
        if count == 0 || part.entries.len() > PART_ENTRIES || sum > ENTRIES {
            return Err(Refusal::protocol("sent more entries than allowed"));
        }
        if part.first != underway.layout.entries() || underway.unwritten_parts() >= UNWRITTEN_PARTS
        {
            return Err(Refusal::protocol("sent entries out of turn"));
        }
        drop(underway);
        let checked = (part.first..)
            .zip(&part.entries)
            .map(|(number, entry)| self.check_entry(number, entry, totals));
        let checked = checked.collect::<Result<Vec<_>, _>>()?;
        let bytes = totals.iter().fold(0, |sum: u64, total| sum.saturating_add(total.bytes));
        if self.counted.is_some_and(|(entries, counted)| sum > entries || bytes > counted) {
            return Err(Refusal::changed(
                self.what.was_not("saved: it has grown since it was offered"),
            ));
        }
        Ok(checked)
    }

    fn check_entry(
        &self,
        number: u32,
        entry: &Entry,
        totals: &mut [Total],
    ) -> Result<Checked, Refusal> {
        let contradicts = || Refusal::protocol("sent an entry that contradicts its offer");
        if !entry.is_lawful() {
            return Err(Refusal::protocol("sent an entry that contradicts itself"));
        }
        let mut tree = self.tree();
        let (index, within) = match entry.place().ok_or_else(contradicts)? {
            EntryPlace::Item(index) => (usize::try_from(index).unwrap_or(usize::MAX), None),
            EntryPlace::In(folder, name) => {
                let missing = || Refusal::protocol("sent an entry whose folder it has not sent");
                let folder = tree.find(folder).ok_or_else(missing)?;
                (tree.item(folder).ok_or_else(missing)?, Some((folder, name)))
            }
        };
        let (Some(item), Some(total)) = (self.items.get(index), totals.get_mut(index)) else {
            return Err(Refusal::protocol("sent an entry that it has not offered"));
        };
        let fits = match (item.planned.kind, entry.kind) {
            (ItemKind::Folder, EntryKind::Folder | EntryKind::Link) => true,
            (ItemKind::Folder, EntryKind::File) => entry.size.is_some() && within.is_some(),
            (ItemKind::File, EntryKind::File) => entry.size.is_some() && within.is_none(),
            (ItemKind::Stream, EntryKind::File) => entry.size.is_none() && within.is_none(),
            (ItemKind::File | ItemKind::Stream, EntryKind::Folder | EntryKind::Link) => false,
        };
        // An item's own entry comes once, and before all that is in it.
        if !fits || total.seen == within.is_none() {
            return Err(contradicts());
        }
        total.seen = true;
        if item.planned.kind == ItemKind::File && entry.size != item.planned.size {
            return Err(Refusal::changed(
                item.named.was_not("saved: its size has changed since it was offered"),
            ));
        }
        // The operating system counts in signed numbers.
        if entry.size.is_some_and(|size| i64::try_from(size).is_err()) {
            return Err(Refusal::too_large(
                item.named.was_not("accepted: no disk can hold a file of its size"),
            ));
        }
        let bad_name = |why: &str| Refusal::name(item.named.was_not(format_args!("saved: {why}")));
        let (within, original) = match within {
            None => (None, None),
            Some((folder, name)) => {
                let parsed =
                    FileName::parse(name.raw()).map_err(|error| bad_name(&error.to_string()))?;
                (Some((folder, parsed.name)), parsed.changed.then(|| name.raw().into()))
            }
        };
        let over = |OverLimits| {
            Refusal::protocol("sent folders deeper, or more of their names, than allowed")
        };
        let finish =
            Finish { mode: self.place.mode(entry.mode, entry.kind), modified: modified(entry) };
        let what = match entry.kind {
            EntryKind::Folder => {
                let place = within
                    .as_ref()
                    .map(|(folder, _)| *folder)
                    .ok_or(u32::try_from(index).unwrap_or(u32::MAX));
                let name = within.as_ref().map_or(&b""[..], |(_, name)| {
                    original.as_deref().unwrap_or_else(|| name.bytes())
                });
                Kind::Folder(tree.add(number, place, name, finish).map_err(over)?)
            }
            EntryKind::Link => {
                let target: &[u8] = entry.target.as_ref().map_or(b"", PeerName::raw);
                if target.is_empty() || target.len() > TARGET_BYTES || target.contains(&0) {
                    return Err(bad_name("a link in it is empty or too long"));
                }
                let name = within.as_ref().map_or(0, |(_, name)| name.bytes().len());
                tree.keep(target.len().saturating_add(name)).map_err(over)?;
                Kind::Link(target.into())
            }
            EntryKind::File => {
                total.files = total.files.saturating_add(1);
                total.bytes = total.bytes.saturating_add(entry.size.unwrap_or(0));
                if within.is_none() {
                    total.finish = Some(finish);
                }
                Kind::File(entry.size.unwrap_or(u64::MAX), finish)
            }
        };
        Ok(Checked { at: Spot { item: index, within, original }, what })
    }

    /// Creates what an entry needs now: a folder, an empty file, or nothing but the knowledge that
    /// its folder is there.
    fn create(
        &self,
        entry: Checked,
        registering: &mut Registering,
    ) -> Result<Option<Pending>, Refusal> {
        let Checked { at, what } = entry;
        let Some(item) = self.items.get(at.item) else { return Ok(None) };
        let pending = |at, size, finish, identity, registering: &mut Registering| {
            let mut pending = Pending {
                at,
                size,
                finish,
                identity,
                file: None,
                writers: 0,
                allocated: 0,
                begun: 0,
                holes: false,
                lost: false,
                had: None,
                there: None,
            };
            self.ask_for(&mut pending);
            if pending.had.is_none() {
                self.take_up(&mut pending, &mut registering.earlier, &mut registering.reach);
            }
            Ok(Some(pending))
        };
        match (what, &at.within) {
            (Kind::Link(target), _) => {
                registering.links.push(Link { at, target });
                Ok(None)
            }
            // The item itself is there. Programs that act on its name are not in it yet, so what is
            // in it counts by itself.
            (Kind::Folder(id), None) => {
                if leads(item.planned.name.as_os_str()) {
                    self.tree().note_manner(id, Manner::Leads);
                }
                Ok(None)
            }
            (Kind::File(size, finish), None) if size > 0 => {
                pending(at, size, finish, Some(item.identity()), registering)
            }
            (Kind::File(_, finish), None) => {
                let file = self.place.folder.reopen_file(item.hidden.as_ref(), item.identity());
                file.map(|file| finish.date(&file))
                    .map_err(|error| Refusal::disk(&item.named, &error))?;
                Ok(None)
            }
            (Kind::File(size, finish), Some(_)) if size > 0 => {
                pending(at, size, finish, None, registering)
            }
            (what, Some((within, _))) => {
                self.make(&at, *within, &what, &mut registering.reach)
                    .map_err(|error| Refusal::disk(self.named(&at), &error))?;
                Ok(None)
            }
        }
    }

    /// Makes a folder or an empty file in a folder, or notes that it cannot be.
    fn make(&self, at: &Spot, within: FolderId, what: &Kind, reach: &mut Reach) -> io::Result<()> {
        let mut underway = self.underway();
        let mut tree = self.tree();
        let made = if tree.is_there(within) {
            let folder = reach.folder(&self.place.folder, &self.items, &tree, within)?;
            match what {
                Kind::File(_, finish) => {
                    let create = |folder: &Folder, name: &_| {
                        folder.create_file(name).map(|file: File| finish.apply(&file))
                    };
                    self.make_at(folder, at, &mut tree, &mut underway, create)
                }
                _ => self.make_at(folder, at, &mut tree, &mut underway, Folder::create_folder),
            }
        } else {
            // It lies in what could not be made.
            Err(Unmade::Itself(Reason::BadName))
        };
        match (made, what) {
            (Ok(((), name)), Kind::Folder(id)) => {
                if name.as_os_str() != tree.name(*id) {
                    tree.rename(*id, &name)
                        .map_err(|OverLimits| io::Error::other("there are too many names"))?;
                }
                let manner = self.manner(&tree, at.item, within, &name);
                tree.note_manner(*id, manner);
            }
            (Ok(_), _) => {}
            (Err(Unmade::Disk(error)), _) => return Err(error),
            (Err(Unmade::Itself(reason)), what) => {
                if let Kind::File(..) = what {
                    underway.lose(at.item, 0);
                }
                underway.differs(at.item, Fate::Missing(reason), || self.original_path(&tree, at));
                if let Kind::Folder(id) = what {
                    tree.lose(*id);
                }
            }
        }
        Ok(())
    }
}

impl Place {
    /// The permissions that something gets whose sender says these.
    fn mode(&self, said: Option<u16>, kind: EntryKind) -> u32 {
        let plain = if kind == EntryKind::Folder { ALL } else { PLAIN };
        u32::from(said.unwrap_or(plain)) & self.known().permissions
    }
}

/// Bytes that an entry takes of the disk: of a file with holes, what is not in them.
fn stored_size(checked: &Checked, entry: &Entry) -> u64 {
    let size = checked.size().unwrap_or(0);
    entry.allocated.map_or(size, |allocated| allocated.min(size))
}

/// When a file was last changed, unless the system cannot express it.
fn modified(entry: &Entry) -> Option<SystemTime> {
    let seconds = entry.modified?;
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let whole = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    whole?.checked_add(Duration::from_nanos(entry.modified_nanos.into()))
}
