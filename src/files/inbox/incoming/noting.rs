//! The journal of a transfer while it is under way: when it is made, what it says, when it goes.

use super::pending::{Pending, Underway};
use super::registering::Registering;
use super::tree::Tree;
use super::{Incoming, Item};
use crate::files::inbox::delivered::{Delivered, Unheard};
use crate::files::inbox::earlier::{Names, since_1970};
use crate::files::inbox::journal::Journal;
use crate::files::inbox::journal::lines::{
    Begun, LINE, Name, Named, Partly, RANGES, Untouched, Wrote,
};
use crate::files::name::FileName;
use crate::platform::private::is_written_by_one;
use std::io;
use std::sync::Arc;

/// Bytes of a line that are left for files.
const FOR_FILES: usize = (LINE - 1024) as usize;

impl Incoming {
    /// True if it is worth keeping for another day: a byte of it is here, and nobody else can
    /// write to where it is.
    pub(super) fn is_worth_keeping(&self, underway: &Underway) -> bool {
        let here = || {
            underway.written.frontier() > 0
                || !underway.written.is_empty()
                || underway.pending.values().any(Pending::has_something)
        };
        !underway.settled
            && self.items.iter().any(|item| item.stays() && item.stays_there().is_none())
            && here()
            && is_written_by_one(&self.place.folder)
    }

    /// Says in the journal what is here now. It is a hint, so what fails is left out. Whoever calls
    /// it keeps the transfer from being discarded meanwhile.
    pub(super) fn note_now(&self) {
        let wrote = {
            let underway = self.underway();
            // The end says it once more.
            if underway.over || !self.is_worth_keeping(&underway) {
                return;
            }
            self.wrote(&underway, &self.tree())
        };
        let _ = self.note(wrote);
    }

    /// Says in a journal which items there are: whatever happens to the process from here on, they
    /// can be found.
    pub(super) fn note_items(&self) {
        *self.journal() = Journal::begin(&self.place.folder, self.begun());
    }

    /// Says this in the journal, which is made if it could not be before.
    pub(super) fn note(&self, wrote: Wrote) -> io::Result<()> {
        let mut journal = self.journal();
        let journal = match &mut *journal {
            Some(journal) => journal,
            none => none.insert(Journal::make(&self.place.folder, self.begun())?),
        };
        // Without it the last line counts.
        let _ = journal.add(wrote);
        Ok(())
    }

    /// The journal's first lines.
    fn begun(&self) -> Vec<Begun> {
        let begun = |item: &Item| {
            let (name, kind) = item.staying()?;
            Some(Begun { name: Name(name.to_vec()), kind, part: item.hidden.clone() })
        };
        self.items.iter().filter_map(begun).collect()
    }

    /// All that is here now.
    pub(super) fn wrote(&self, underway: &Underway, tree: &Tree) -> Wrote {
        let of = self.counted.map(|(_, bytes)| bytes);
        let there = self.items.iter().filter_map(Item::stays_there).map(Delivered::size);
        let bytes = there.fold(underway.written.count(), u64::saturating_sub);
        let mut wrote = Wrote { bytes, of, files: Vec::new() };
        let mut left = FOR_FILES;
        let numbers = self.numbers();
        for (entry, pending) in &underway.pending {
            let there = pending.file.is_some() || pending.identity.is_some();
            let (Some(span), Some(item)) =
                (underway.layout.span(*entry), numbers.get(pending.at.item).copied().flatten())
            else {
                continue;
            };
            let nothing = pending.lost || pending.there.is_some();
            let Some(modified) = pending.finish.modified.filter(|_| there && !nothing) else {
                continue;
            };
            let mut missing = underway.written.missing(span.clone());
            let untouched = missing.count() == pending.size;
            if let Some(had) = &pending.had {
                for range in had.positions(span.start) {
                    wrote.bytes = wrote.bytes.saturating_add(missing.remove(range));
                }
                // Its size and time say more.
                if had.complete && untouched {
                    continue;
                }
            }
            let mut here = pinhole_protocol::ranges::Ranges::default();
            here.insert(span.clone());
            for range in missing.iter(usize::MAX) {
                here.remove(range);
            }
            if here.is_empty() {
                continue;
            }
            let offset = |at: u64| at.saturating_sub(span.start);
            let file = Partly {
                item,
                path: Name(pending.at.original_path(tree)),
                here: Name(pending.at.path(tree)),
                size: pending.size,
                modified: since_1970(modified),
                ranges: here
                    .iter(RANGES)
                    .map(|range| (offset(range.start), offset(range.end)))
                    .collect(),
            };
            wrote.add(file, &mut left);
        }
        wrote
    }

    /// The numbers that items have in the journal, which are of those that stay alone.
    pub(super) fn numbers(&self) -> Vec<Option<usize>> {
        let mut next = 0_usize..;
        self.items.iter().map(|item| item.stays().then(|| next.next()).flatten()).collect()
    }

    /// Says in the journal that the item of this number has become the file `name`, so that it is
    /// not sent again if its sender does not hear of it.
    pub(super) fn note_name(&self, number: Option<usize>, name: &FileName) {
        let facts = self.place.folder.facts(name.as_os_str(), false);
        if let (Some(item), Ok(facts), Some(journal)) = (number, facts, &mut *self.journal()) {
            let (here, facts) = (Name(name.bytes().to_vec()), Untouched::of(&facts));
            // If it cannot be said, the file comes again.
            let _ = journal.name(Named { item, here, facts });
        }
    }

    /// Everything that can be is delivered: nothing of that is left for another day but the names
    /// of files, until the sender has heard of it.
    pub(super) fn forget(&self, registering: &mut Registering) -> Option<Unheard> {
        self.underway().settled = true;
        let (mut delivered, mut again) = (Names::new(), Names::new());
        for (item, total) in self.items.iter().zip(&registering.totals) {
            if let Some(name) = item.staying().filter(|_| total.settled) {
                if item.stays_there().is_some() { &mut again } else { &mut delivered }.insert(name);
            }
        }
        let earlier = registering.earlier.delivered(&delivered, &again);
        let (journal, place) = (self.journal().take(), Arc::clone(&self.place));
        Unheard::new(journal, place, earlier, &[&delivered, &again])
    }
}
