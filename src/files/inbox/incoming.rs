//! A transfer on its way into files: its items under hidden names, its entries as they are said, its bytes at their places.

use super::folder::{self, Identity};
use super::pending::{Finish, Pending, Reach, Underway};
use super::room::Cost;
use super::{Inbox, Place, Plan, Planned, Refusal};
use crate::failure::Subject;
use crate::files::name::FileName;
use pinhole_protocol::limits::{ENTRIES, PART_BYTES, PART_ENTRIES, PARTS_AHEAD, PATH_BYTES, PATH_LEVELS};
use pinhole_protocol::wire::{Entry, EntryKind, ItemKind, Part};
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::ops::Add;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// A transfer that is being received. One thread registers parts, any number write; what is not committed is removed when it is dropped.
#[derive(Debug)]
pub struct Incoming {
    pub(super) place: Arc<Place>,
    pub(super) items: Vec<Item>,
    /// Items by the name under which the peer's entries begin.
    by_name: HashMap<String, usize>,
    counted: Option<(u32, u64)>,
    /// The whole as a sentence names it.
    pub(super) what: Subject,
    /// Locked before `underway`, and across the creating of a part's folders.
    registering: Mutex<Registering>,
    underway: Mutex<Underway>,
    /// Told when no thread writes any more.
    pub(super) idle: Condvar,
}

/// A top-level item on its way.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) planned: Planned,
    /// Its name as a sentence has it.
    pub(super) named: Subject,
    /// Its name until it is complete.
    pub(super) hidden: String,
    pub(super) identity: Identity,
}

/// What registering counts.
#[derive(Debug, Default)]
pub(super) struct Registering {
    pub(super) totals: Vec<Total>,
    reach: Reach,
}

/// What is known of an item.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Total {
    /// Whether its own entry has come.
    pub(super) seen: bool,
    pub(super) files: u32,
    pub(super) bytes: u64,
    /// Under its final name, or removed.
    pub(super) settled: bool,
}

/// An entry that has passed every check which needs no disk.
struct Checked {
    item: usize,
    path: String,
    /// Nothing for a folder.
    file: Option<Finish>,
    /// Bytes; [`u64::MAX`] for a stream.
    size: u64,
}

/// Parts that may be unwritten at once. The conversation allows [`PARTS_AHEAD`]; this only keeps memory bounded whatever it does.
const UNWRITTEN_PARTS: u32 = 4 * PARTS_AHEAD;

impl Inbox {
    /// Carries a plan out as far as hidden, empty items in the directory, which shows that it can be written to.
    ///
    /// # Errors
    /// A [`Refusal`] if a conflict is still to be asked about, or if the items cannot be created; then none is left.
    pub fn begin(&self, plan: Plan) -> Result<Incoming, Refusal> {
        plan.check_answered()?;
        let place = match &plan.folder {
            None => Arc::clone(&self.0),
            Some(name) => Arc::new(self.0.within(name).map_err(|error| Refusal::disk(name, &error))?),
        };
        let mut incoming = Incoming {
            place: Arc::clone(&place),
            items: Vec::with_capacity(plan.items.len()),
            by_name: HashMap::new(),
            counted: plan.counted,
            what: plan.what(),
            registering: Mutex::default(),
            underway: Mutex::default(),
            idle: Condvar::new(),
        };
        let items = u64::try_from(plan.items.len()).unwrap_or(u64::MAX);
        place.room.check_disk(&incoming.what, Cost::together(items, 0), &place.folder, &place.path)?;
        for planned in plan.items {
            let folder = &place.folder;
            let create = || {
                let hidden = folder::hidden_name()?;
                let identity = if planned.kind == ItemKind::Folder {
                    folder.create_folder(&hidden)?;
                    folder.identity(&hidden)?
                } else {
                    Identity::of(&folder.create_file(&hidden)?)?
                };
                Ok((hidden, identity))
            };
            let (hidden, identity) = create().map_err(|error: io::Error| Refusal::disk(&planned.name, &error))?;
            incoming.by_name.insert(planned.offered.raw().to_owned(), incoming.items.len());
            let named = Subject::from(&planned.name);
            incoming.items.push(Item { planned, named, hidden, identity });
            incoming.registering().totals.push(Total::default());
        }
        Ok(incoming)
    }
}

impl Incoming {
    /// Takes the next entries in: checks all of them, then creates their folders and empty files. Call it from one thread, in the order
    /// of the parts, and where blocking on the disk does no harm. Nothing happens once the transfer is over.
    ///
    /// # Errors
    /// A [`Refusal`]; the transfer is then to be discarded.
    pub fn register(&self, part: &Part) -> Result<(), Refusal> {
        let mut registering = self.registering();
        if self.underway().over {
            return Ok(());
        }
        let entries = self.check(part, &mut registering.totals)?;
        // Of a stream nobody knows the size: it is taken as it comes.
        let sizes = entries.iter().map(|entry| if entry.size == u64::MAX { 0 } else { entry.size });
        let cost = sizes.map(Cost::entry).fold(Cost::default(), Cost::add);
        self.place.room.take(&self.what, cost)?;
        let mut underway = self.underway();
        underway.taken = underway.taken + cost;
        let first = underway.layout.entries();
        // Files that are registered and have no byte yet are still to be made.
        let promised = u64::try_from(underway.pending.len()).unwrap_or(u64::MAX);
        drop(underway);
        let cost = cost + Cost::together(promised, 0);
        self.place.room.check_disk(&self.what, cost, &self.place.folder, &self.place.path)?;
        let mut pending = Vec::new();
        for (number, entry) in (first..).zip(&entries) {
            if let Some(waiting) = self.create(entry, &mut registering.reach)? {
                pending.push((number, waiting));
            }
        }
        let mut underway = self.underway();
        let end = underway.layout.end();
        // A stream takes every position that is left.
        let sizes = entries.iter().map(|entry| if entry.size == u64::MAX { u64::MAX.saturating_sub(end) } else { entry.size });
        underway.layout.push(sizes).map_err(|_| Refusal::protocol("named more bytes than can be counted"))?;
        underway.pending.extend(pending);
        underway.forget_written();
        Ok(())
    }

    /// Every check of a part that needs no disk, and the counting of its items.
    fn check(&self, part: &Part, totals: &mut [Total]) -> Result<Vec<Checked>, Refusal> {
        let underway = self.underway();
        let count = u32::try_from(part.entries.len()).unwrap_or(u32::MAX);
        let sum = underway.layout.entries().saturating_add(count);
        if count == 0 || part.entries.len() > PART_ENTRIES || sum > ENTRIES {
            return Err(Refusal::protocol("sent more entries than allowed"));
        }
        if part.first != underway.layout.entries() || underway.unwritten_parts() >= UNWRITTEN_PARTS {
            return Err(Refusal::protocol("sent entries out of turn"));
        }
        let named = part.entries.iter().flat_map(|entry| &entry.path).fold(0, |sum: usize, name| sum.saturating_add(name.raw().len()));
        if named > PART_BYTES {
            return Err(Refusal::protocol("sent more names at once than allowed"));
        }
        let checked = part.entries.iter().map(|entry| self.check_entry(entry, totals)).collect::<Result<Vec<_>, _>>()?;
        let bytes = totals.iter().fold(0, |sum: u64, total| sum.saturating_add(total.bytes));
        if self.counted.is_some_and(|(entries, counted)| sum > entries || bytes > counted) {
            return Err(Refusal::changed(self.what.was_not("saved: it has grown since it was offered")));
        }
        Ok(checked)
    }

    fn check_entry(&self, entry: &Entry, totals: &mut [Total]) -> Result<Checked, Refusal> {
        let Some((top, below)) = entry.path.split_first() else { return Err(Refusal::protocol("sent an entry without a name")) };
        let length = entry.path.iter().fold(below.len(), |sum, name| sum.saturating_add(name.raw().len()));
        if entry.path.len() > PATH_LEVELS || length > PATH_BYTES {
            return Err(Refusal::name(self.what.was_not("saved: a path in it is too deep or too long")));
        }
        let index = self.by_name.get(top.raw()).copied();
        let found = index.and_then(|index| Some((index, self.items.get(index)?, totals.get_mut(index)?)));
        let Some((index, item, total)) = found else { return Err(Refusal::protocol("sent an entry that it has not offered")) };
        let name = &item.named;
        let names = below.iter().map(FileName::parse).collect::<Result<Vec<_>, _>>();
        let names = names.map_err(|error| Refusal::name(name.was_not(format_args!("saved: {error}"))))?;
        let path = names.iter().map(|parsed| parsed.name.as_str()).collect::<Vec<_>>().join("/");

        let fits = match (item.planned.kind, entry.kind) {
            (ItemKind::Folder, EntryKind::Folder) => entry.size.is_none(),
            (ItemKind::Folder, EntryKind::File) => entry.size.is_some() && !below.is_empty(),
            (ItemKind::File, EntryKind::File) => entry.size.is_some() && below.is_empty(),
            (ItemKind::Stream, EntryKind::File) => entry.size.is_none() && below.is_empty(),
            (ItemKind::File | ItemKind::Stream, EntryKind::Folder) => false,
        };
        // An item's own entry comes once, and before all that is in it.
        if !fits || total.seen == below.is_empty() || entry.modified_nanos >= 1_000_000_000 {
            return Err(Refusal::protocol("sent an entry that contradicts its offer"));
        }
        total.seen = true;
        if item.planned.kind == ItemKind::File && entry.size != item.planned.size {
            return Err(Refusal::changed(name.was_not("saved: its size has changed since it was offered")));
        }
        // What the operating system counts in is signed.
        if entry.size.is_some_and(|size| i64::try_from(size).is_err()) {
            return Err(Refusal::too_large(name.was_not("accepted: no disk holds a file of the size that it is said to have")));
        }
        let file = (entry.kind == EntryKind::File).then(|| Finish { executable: entry.executable, modified: modified(entry) });
        if file.is_some() {
            total.files = total.files.saturating_add(1);
            total.bytes = total.bytes.saturating_add(entry.size.unwrap_or(0));
        }
        let size = entry.size.unwrap_or(if file.is_some() { u64::MAX } else { 0 });
        Ok(Checked { item: index, path, file, size })
    }

    /// Creates what an entry needs now: a folder, an empty file, or nothing but the knowledge that its folder is there.
    fn create(&self, entry: &Checked, reach: &mut Reach) -> Result<Option<Pending>, Refusal> {
        let Some(item) = self.items.get(entry.item) else { return Ok(None) };
        let what = || item.what(&entry.path);
        let (parent, name) = reach.parent(&self.place.folder, item, entry.item, &entry.path).map_err(|error| {
            let missing = "saved: a folder on the way to it was not sent, or is a file";
            if is_no_folder(&error) { Refusal::name(what().was_not(missing)) } else { Refusal::disk(what(), &error) }
        })?;
        let identity = entry.path.is_empty().then_some(item.identity);
        let created = match (entry.file, identity) {
            (Some(finish), _) if entry.size > 0 => {
                let path = entry.path.as_str().into();
                return Ok(Some(Pending { item: entry.item, path, finish, identity, file: None, writers: 0, allocated: 0 }));
            }
            (Some(finish), Some(identity)) => parent.reopen_file(name, identity).map(|file| finish.apply(&file)),
            (Some(finish), None) => parent.create_file(name).map(|file| finish.apply(&file)),
            (None, Some(_)) => Ok(()),
            (None, None) => parent.create_folder(name),
        };
        created.map(|()| None).map_err(|error| Refusal::disk(what(), &error))
    }

    pub(super) fn registering(&self) -> MutexGuard<'_, Registering> {
        self.registering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn underway(&self) -> MutexGuard<'_, Underway> {
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Item {
    /// What lies at `path` below the item, as a sentence names it.
    pub(super) fn what(&self, path: &str) -> Subject {
        if path.is_empty() { self.named.clone() } else { Subject::named(&format!("{}/{path}", self.planned.name.as_str())) }
    }
}

/// Whether a folder could not be opened because there is none: nothing, a file or a link.
fn is_no_folder(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP))
}

/// When a file was last changed, unless the system cannot express it.
fn modified(entry: &Entry) -> Option<SystemTime> {
    let seconds = entry.modified?;
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let whole = if seconds < 0 { SystemTime::UNIX_EPOCH.checked_sub(distance) } else { SystemTime::UNIX_EPOCH.checked_add(distance) };
    whole?.checked_add(Duration::from_nanos(entry.modified_nanos.into()))
}
