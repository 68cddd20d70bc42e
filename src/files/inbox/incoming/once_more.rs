//! An item that an earlier transfer has delivered: it is compared where it lies, and nothing is
//! written as long as every byte is the sender's.

use super::pending::{Had, Pending, Underway};
use super::{Incoming, Item};
use crate::files::inbox::delivered::Delivered;
use crate::files::inbox::{Refusal, folder};
use crate::files::name::FileName;
use crate::platform::file::{fill_at, write_all_at};
use pinhole_protocol::ranges::Ranges;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Bytes that are copied at once.
const COPIED: usize = 256 << 10;

/// A delivered file, and whether it differs from what the sender has now.
#[derive(Debug)]
pub(super) struct There {
    delivered: Delivered,
    differs: AtomicBool,
}

impl There {
    pub(super) const fn new(delivered: Delivered) -> Self {
        Self { delivered, differs: AtomicBool::new(false) }
    }
}

impl Item {
    /// The file that it is, as far as is known yet.
    pub(super) fn there(&self) -> Option<&Delivered> {
        let there = self.there.as_ref().filter(|there| !there.differs.load(Relaxed));
        there.map(|there| &there.delivered)
    }
}

impl Incoming {
    /// The file that an item is, if `pending` is that item.
    pub(super) fn there(&self, pending: &Pending) -> Option<&Delivered> {
        let item = pending.at.within.is_none().then(|| self.items.get(pending.at.item))??;
        item.there()
    }

    /// Has every byte of a delivered file be asked for.
    pub(super) fn ask_for(&self, pending: &mut Pending) {
        if self.there(pending).is_some() {
            let mut ranges = Ranges::default();
            ranges.insert(0..pending.size);
            pending.had = Some(Box::new(Had { ranges, length: 0, complete: true }));
        }
    }

    /// An item is whole where it is already: its own file, which has no byte, goes.
    pub(super) fn stays_there(&self, item: &Item, there: &Delivered) -> Result<FileName, Refusal> {
        let stays = there
            .sync()
            .and_then(|()| if there.is_there() { Ok(()) } else { Err(folder::replaced()) });
        stays.map_err(|error| Refusal::disk(&item.planned.name, &error))?;
        // If it cannot go, all is where it belongs nevertheless.
        let _ = self.place.folder.remove_own(item.hidden.as_ref(), item.identity());
        Ok(there.name.clone())
    }

    /// Some positions are not as they are here: items among them get files of their own.
    pub(super) fn differ(&self, range: &Range<u64>) -> io::Result<()> {
        let mut underway = self.underway();
        let mut at = range.start;
        while let Some(place) = underway.layout.locate(at).filter(|_| at < range.end) {
            at = at.saturating_add(place.left);
            self.part(&mut underway, place.entry)?;
        }
        Ok(())
    }

    /// Gives an entry a file of its own, with all of the delivered one that counts already, before
    /// anything else is written to it.
    pub(super) fn part(&self, underway: &mut Underway, entry: u32) -> io::Result<()> {
        let Some(pending) = underway.pending.get(&entry) else { return Ok(()) };
        let Some(Delivered { file: from, .. }) = self.there(pending) else { return Ok(()) };
        let index = pending.at.item;
        let (Some(to), Some(span)) = (self.file(underway, entry)?, underway.layout.span(entry))
        else {
            return Ok(());
        };
        let mut proved = Ranges::default();
        proved.insert(span.clone());
        let missing = underway.written.missing(span.clone());
        missing.iter(usize::MAX).for_each(|range| proved.remove(range));
        let offset = |at: u64| at.saturating_sub(span.start);
        for range in proved.iter(usize::MAX) {
            copy(from, &to, offset(range.start)..offset(range.end))?;
        }
        if let Some(there) = self.items.get(index).and_then(|item| item.there.as_ref()) {
            there.differs.store(true, Relaxed);
        }
        if let Some(pending) = underway.pending.get_mut(&entry) {
            pending.had = None;
        }
        Ok(())
    }
}

/// Copies a range to the same place in another file.
fn copy(from: &File, to: &File, range: Range<u64>) -> io::Result<()> {
    let (mut buffer, mut at) = (vec![0; COPIED], range.start);
    while at < range.end {
        let left = usize::try_from(range.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let most = left.min(COPIED);
        let piece = buffer.get_mut(..most).unwrap_or_default();
        if fill_at(from, piece, at)? < most {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        write_all_at(to, piece, at)?;
        at = at.saturating_add(u64::try_from(most).unwrap_or(u64::MAX));
    }
    Ok(())
}
