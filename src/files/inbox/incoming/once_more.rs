//! An item that an earlier transfer has delivered: it is compared where it lies. Nothing of it
//! counts before all of it is the sender's, and then it stays as it is.

use super::pending::{Had, Pending, Underway};
use super::{Incoming, Item};
use crate::files::inbox::delivered::Delivered;
use crate::files::inbox::{Refusal, folder};
use crate::files::name::FileName;
use pinhole_protocol::ranges::Ranges;
use std::ops::Range;

impl Item {
    /// The file that it is, once all of that is proved.
    pub(super) fn stays_there(&self) -> Option<&Delivered> {
        self.delivered.as_ref().filter(|_| self.is_proved.get().is_some())
    }
}

impl Incoming {
    /// Has every byte of a delivered file be asked for, if it may be this entry.
    pub(super) fn ask_for(&self, pending: &mut Pending) {
        let item = self.items.get(pending.at.item).filter(|_| pending.at.within.is_none());
        let delivered = item.and_then(|item| item.delivered.as_ref());
        let (Some(delivered), Some(modified)) = (delivered, pending.finish.modified) else {
            return;
        };
        if delivered.is_of(modified) {
            let mut ranges = Ranges::default();
            ranges.insert(0..pending.size);
            pending.had = Some(Box::new(Had { ranges, length: 0, complete: true }));
            pending.there = Some(Box::default());
        }
    }

    /// Offsets of an entry are equal in the delivered file. True once all of it is.
    pub(super) fn equals(&self, underway: &mut Underway, entry: u32, offsets: Range<u64>) -> bool {
        let Some(pending) = underway.pending.get_mut(&entry) else { return false };
        let Some(there) = &mut pending.there else { return false };
        there.insert(offsets);
        if !there.covers(&(0..pending.size)) {
            return false;
        }
        let item = self.items.get(pending.at.item);
        item.is_some_and(|item| item.is_proved.set(()).is_ok())
    }

    /// Some positions are not as they are here, or not to be read: delivered files among them are
    /// others.
    pub(super) fn differ(&self, range: &Range<u64>) {
        let mut underway = self.underway();
        let mut at = range.start;
        while let Some(place) = underway.layout.locate(at).filter(|_| at < range.end) {
            at = at.saturating_add(place.left);
            underway.is_another(place.entry);
        }
    }

    /// Finds an item where it is already, and syncs it: its own file, which has no byte, goes.
    pub(super) fn leave_there(&self, item: &Item, there: &Delivered) -> Result<FileName, Refusal> {
        let stays =
            there.sync().and_then(|is_it| if is_it { Ok(()) } else { Err(folder::replaced()) });
        stays.map_err(|error| Refusal::disk(&item.planned.name, &error))?;
        // If it cannot go, all is where it belongs nevertheless.
        let _ = self.place.folder.remove_own(item.hidden.as_ref(), item.identity());
        Ok(there.name.clone())
    }
}

impl Underway {
    /// An entry is not the file that is delivered: it comes like any other.
    pub(super) fn is_another(&mut self, entry: u32) {
        if let Some(pending) = self.pending.get_mut(&entry)
            && pending.there.take().is_some()
        {
            pending.had = None;
        }
    }
}
