//! A transfer on its way into files: its items under hidden names, its entries as they are said,
//! its bytes at their places.

mod committing;
mod ending;
mod going_on;
mod making;
mod merging;
mod noting;
mod once_more;
mod pending;
mod proving;
mod reach;
mod registering;
mod tree;
mod writing;

use super::delivered::{Delivered, Known};
use super::earlier::{self, Earlier, Names};
use super::folder::{self, Folder, Identity};
use super::journal::Journal;
use super::room::Cost;
use super::{Inbox, Place, Plan, Planned, Refusal, Rest};
use crate::failure::Subject;
use crate::platform::cause::Cause;
use pending::{Spot, Underway};
use pinhole_protocol::limits::pieces;
use pinhole_protocol::wire::ItemKind;
use registering::{Registering, Total};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use tree::Tree;

/// A transfer that is being received. One thread registers parts, any number write; when it is
/// dropped, what is not committed stays for another day as [`Rest::Kept`] says.
#[derive(Debug)]
pub struct Incoming {
    place: Arc<Place>,
    items: Vec<Item>,
    counted: Option<(u32, u64)>,
    /// True if the sender takes news of what differs (SPEC 7.8).
    faithful: bool,
    /// Its credit at the most.
    credit: u64,
    /// Place for a folder in which something acts, if not that of the others.
    aside: Option<Arc<Place>>,
    /// True if no such folder is taken.
    strict: bool,
    /// Name of the transfer in messages: `report.pdf`, `3 items`.
    what: Subject,
    /// Bytes that earlier transfers of the same had left here, by what their journals say.
    left: u64,
    // Locked in this order; the first across the making of a part's folders.
    registering: Mutex<Registering>,
    underway: Mutex<Underway>,
    tree: Mutex<Tree>,
    journal: Mutex<Option<Journal>>,
    /// True once nobody wants it any more: what is being joined stops where it is.
    unwanted: AtomicBool,
    /// Told when no thread writes any more.
    idle: Condvar,
}

/// A top-level item on its way.
#[derive(Debug)]
struct Item {
    planned: Planned,
    /// Its name as a sentence has it.
    named: Subject,
    /// Its name until it is complete.
    hidden: String,
    /// Made when the transfer began.
    made: Identity,
    /// The file of an earlier transfer that has come in its place.
    had: OnceLock<Identity>,
    /// Its place until it is known that nothing acts in it, if not its final one.
    apart: Option<Apart>,
    /// A file that may be the same, delivered by an earlier transfer.
    delivered: Option<Delivered>,
    /// Set once it is the same.
    is_proved: OnceLock<()>,
}

/// The private directory in which a folder comes, and whether it has left it.
#[derive(Debug)]
struct Apart {
    place: Arc<Place>,
    left: OnceLock<()>,
}

impl Inbox {
    /// Carries a plan out as far as hidden, empty items in the directory, which shows that it can
    /// be written to.
    ///
    /// # Errors
    /// A [`Refusal`] if a conflict is still to be asked about, or if the items cannot be created;
    /// then none is left.
    pub fn begin(&self, plan: Plan) -> Result<Incoming, Refusal> {
        plan.check_answered()?;
        let place = match &plan.folder {
            None => Arc::clone(&self.0),
            Some(name) => {
                Arc::new(self.0.within(name).map_err(|error| Refusal::disk(name, &error))?)
            }
        };
        let what = plan.what();
        place.probe().map_err(|error| Refusal::disk(&what, &error))?;
        let count = plan.items.len();
        let mut incoming = Incoming {
            place: Arc::clone(&place),
            items: Vec::with_capacity(count),
            counted: plan.counted,
            faithful: plan.faithful,
            credit: plan.credit,
            aside: plan.aside.map(|Inbox(place)| place),
            strict: plan.strict,
            what,
            left: 0,
            registering: Mutex::new(Registering {
                totals: vec![Total::default(); count],
                ..Registering::default()
            }),
            underway: Mutex::new(Underway::new(count)),
            tree: Mutex::default(),
            journal: Mutex::default(),
            unwanted: AtomicBool::new(false),
            idle: Condvar::new(),
        };
        let items = u64::try_from(count).unwrap_or(u64::MAX);
        place.room.check_disk(
            &incoming.what,
            Cost::together(items, 0),
            &place.folder,
            &place.path,
        )?;
        earlier::remove_old(&place);
        for planned in plan.items {
            let private = incoming.aside.as_ref().filter(|_| planned.kind == ItemKind::Folder);
            let apart =
                private.map(|place| Apart { place: Arc::clone(place), left: OnceLock::new() });
            let folder = apart.as_ref().map_or(&place.folder, |apart| &apart.place.folder);
            let create = || {
                let hidden = folder::hidden_name()?;
                let identity = if planned.kind == ItemKind::Folder {
                    folder.create_folder(hidden.as_ref())?;
                    folder.identity(hidden.as_ref())?
                } else {
                    Identity::of(&folder.create_file(hidden.as_ref())?)?
                };
                Ok((hidden, identity))
            };
            let (hidden, made) =
                create().map_err(|error: io::Error| Refusal::disk(&planned.name, &error))?;
            let named = Subject::from(&planned.name);
            let (had, delivered, is_proved) = (OnceLock::new(), None, OnceLock::new());
            let item = Item { planned, named, hidden, made, had, apart, delivered, is_proved };
            incoming.items.push(item);
        }
        let mut earlier = Earlier::of(&place, &place.folder, &incoming.that_stay());
        let mut known = Known::of(&earlier);
        for item in &mut incoming.items {
            item.delivered = item.planned.known(&mut known);
        }
        let there = incoming.items.iter().filter_map(|item| item.delivered.as_ref());
        earlier.also(there.map(Delivered::size).fold(0, u64::saturating_add));
        incoming.left = earlier.spare();
        incoming.registering().earlier = earlier;
        Ok(incoming)
    }
}

impl Incoming {
    /// Ends it, and ignores what still comes; it waits for threads that are writing or registering.
    /// Every item that has not got its name is removed, or kept for another day. Returns what could
    /// not be removed.
    pub fn discard(&self, rest: Rest) -> Vec<PathBuf> {
        self.unwanted.store(true, Ordering::Relaxed);
        let mut registering = self.registering();
        let mut underway = self.underway();
        underway.over = true;
        while underway.busy > 0 {
            underway = self.idle.wait(underway).unwrap_or_else(PoisonError::into_inner);
        }
        let wrote = (rest == Rest::Kept && self.is_worth_keeping(&underway))
            .then(|| self.wrote(&underway, &self.tree()));
        underway.settled = true;
        underway.pending.clear();
        let taken = std::mem::take(&mut underway.taken);
        drop(underway);
        let kept = wrote.is_some_and(|wrote| self.note(wrote).is_ok());
        let delivered = registering.totals.iter().any(|total| total.settled);
        let mut left = Vec::new();
        for (item, total) in
            self.items.iter().zip(&mut registering.totals).filter(|(_, total)| !total.settled)
        {
            total.settled = true;
            if kept && item.stays() && item.stays_there().is_none() {
                continue;
            }
            // It may have been on its way out of the private directory.
            for place in [&self.place].into_iter().chain(&self.aside) {
                if place.folder.remove_own(item.hidden.as_ref(), item.identity()).is_err() {
                    left.push(place.path.join(&item.hidden));
                }
            }
        }
        let journal = self.journal().take();
        // Another may have sent what is left of them.
        registering.earlier.remove(&Names::new());
        if !kept {
            journal.into_iter().for_each(|journal| journal.remove(&self.place.folder));
        }
        if !kept && !delivered {
            self.place.room.give_back(taken);
        }
        left
    }

    /// Positions that may be written ahead of the first unwritten one.
    pub(super) const fn credit(&self) -> u64 {
        self.credit
    }

    /// Ranges of positions that what is written may be in.
    const fn pieces(&self) -> usize {
        pieces(self.credit)
    }

    /// Those that may be proved: an honest sender's own pieces are to fit as well.
    const fn provable(&self) -> usize {
        self.pieces() / 2
    }

    /// True if [`Rest::Kept`] would keep something of it.
    pub(super) fn stays(&self) -> bool {
        self.is_worth_keeping(&self.underway())
    }

    /// Bytes that earlier transfers of the same had left here, by what their journals say.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// The hidden names that items have which are removed if it is not delivered.
    pub(super) fn parts(&self, rest: Rest) -> Vec<PathBuf> {
        let kept = rest == Rest::Kept && self.is_worth_keeping(&self.underway());
        self.items
            .iter()
            .filter(|item| !kept || !item.stays())
            .map(|item| item.apart().unwrap_or(&self.place).path.join(&item.hidden))
            .collect()
    }

    /// Something of an item, as a sentence names it.
    fn named(&self, at: &Spot) -> Subject {
        let Some(item) = self.items.get(at.item) else { return self.what.clone() };
        match &at.within {
            None => item.named.clone(),
            Some((folder, name)) => {
                let path = self.tree().path(*folder).join(name.as_os_str());
                Subject::named(&format!("{}/{}", item.planned.name.text(), path.to_string_lossy()))
            }
        }
    }

    /// Ends what is still wanted alone.
    fn check_wanted(&self) -> io::Result<()> {
        if self.unwanted.load(Ordering::Relaxed) { Err(Cause::Cancelled.into()) } else { Ok(()) }
    }

    fn registering(&self) -> MutexGuard<'_, Registering> {
        self.registering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn underway(&self) -> MutexGuard<'_, Underway> {
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn journal(&self) -> MutexGuard<'_, Option<Journal>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Nobody is left to hear of it.
        let _left = self.discard(Rest::Kept);
    }
}

#[cfg(test)]
impl Incoming {
    /// Numbers of pending files, of unwritten parts and of written ranges, for tests.
    pub(super) fn remembered(&self) -> (usize, u32, usize) {
        let underway = self.underway();
        let ranges = underway.written.iter(usize::MAX).count();
        (underway.pending.len(), underway.unwritten_parts(), ranges)
    }

    /// Says in the journal what is here, for tests.
    pub(super) fn note_for_tests(&self) {
        self.note_now();
    }

    /// Has what comes of a pending entry go into another file, for tests.
    pub(super) fn write_into(&self, entry: u32, file: std::fs::File) {
        self.underway().pending.get_mut(&entry).unwrap().file = Some(Arc::new(file));
    }
}

impl Item {
    /// The private directory that it is in.
    fn apart(&self) -> Option<&Arc<Place>> {
        self.apart.as_ref().filter(|apart| apart.left.get().is_none()).map(|apart| &apart.place)
    }

    /// Identity of its file or folder.
    fn identity(&self) -> Identity {
        self.had.get().copied().unwrap_or(self.made)
    }

    /// Opens it, if it is a folder and still the one that was made; `root` is where it is to go.
    fn open(&self, root: &Folder) -> io::Result<Folder> {
        let root = self.apart().map_or(root, |apart| &apart.folder);
        let folder = root.open_folder(self.hidden.as_ref())?;
        if folder.own_identity()? == self.identity() { Ok(folder) } else { Err(folder::replaced()) }
    }
}
