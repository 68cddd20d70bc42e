//! Going on with what another transfer has left: its files come into this one as they are. Nothing
//! of them counts before it is proved, and nothing that fails here fails the transfer.

use super::making::Unmade;
use super::pending::{Had, Pending, Underway};
use super::reach::Reach;
use super::{Incoming, Item};
use crate::files::inbox::Refusal;
use crate::files::inbox::earlier::{Earlier, Names, Wanted};
use crate::files::inbox::journal::lines::Kind;
use crate::platform::file::{punch, write_all_at};
use pinhole_protocol::layout::Layout;
use pinhole_protocol::ranges::Ranges;
use std::fs::File;
use std::io;
use std::ops::Range;

/// Zeros that are written at once.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

impl Incoming {
    /// The items that can stay for another day, by their names at the sender.
    pub(super) fn that_stay(&self) -> Names<'_> {
        self.items.iter().filter_map(Item::staying).collect()
    }

    /// Moves the file of an earlier transfer into this one, if there is one of this path, size and
    /// time. If it cannot be moved, this one begins anew.
    pub(super) fn take_up(&self, pending: &mut Pending, earlier: &mut Earlier, reach: &mut Reach) {
        let Some(item) = self.items.get(pending.at.item).filter(|_| !earlier.is_empty()) else {
            return;
        };
        let (Some(staying), Some(modified)) = (item.staying(), pending.finish.modified) else {
            return;
        };
        let mut underway = self.underway();
        let mut tree = self.tree();
        if pending.at.within.as_ref().is_some_and(|(within, _)| !tree.is_there(*within)) {
            return;
        }
        let (path, here) = (pending.at.original_path(&tree), pending.at.path(&tree));
        let wanted =
            Wanted { item: staying, path: &path, here: &here, size: pending.size, modified };
        let Some((folder, had)) = earlier.find(&wanted) else { return };
        let from = (folder, had.name.as_os_str());
        match &pending.at.within {
            None => {
                let to = (&self.place.folder, item.hidden.as_ref());
                let moved = from.0.move_over_own(from.1, had.identity, to);
                if moved.is_err() || item.had.set(had.identity).is_err() {
                    return;
                }
            }
            Some((within, _)) => {
                let Ok(folder) = reach.folder(&self.place.folder, &self.items, &tree, *within)
                else {
                    return;
                };
                let within = *within;
                let made =
                    self.make_at(folder, &pending.at, &mut tree, &mut underway, |to, name| {
                        from.0.move_as_own(from.1, had.identity, (to, name))
                    });
                match made {
                    Ok(((), name)) => pending.at.is_called(within, name),
                    Err(Unmade::Itself(_) | Unmade::Disk(_)) => return,
                }
            }
        }
        pending.identity = Some(had.identity);
        pending.had =
            Some(Box::new(Had { ranges: had.ranges, length: had.length, complete: had.complete }));
        earlier.taken(had.length);
    }

    /// Sees to it that positions of an entry that are said to be zeros are, where an earlier
    /// transfer has left something else; `origin` is the entry's first position.
    pub(super) fn clear(
        &self,
        underway: &mut Underway,
        entry: u32,
        origin: u64,
        new: &Ranges,
    ) -> Result<(), Refusal> {
        let had = underway.pending.get(&entry).filter(|pending| !pending.lost);
        let Some(length) = had.and_then(|pending| Some(pending.had.as_ref()?.length)) else {
            return Ok(());
        };
        let cleared = self.file(underway, entry).and_then(|file| {
            let Some(file) = file else { return Ok(()) };
            new.iter(usize::MAX).try_for_each(|new| {
                let start = new.start.saturating_sub(origin);
                clear(&file, start..new.end.saturating_sub(origin).min(length))
            })
        });
        cleared.map_err(|error| Refusal::disk(self.what_of(underway, entry), &error))
    }
}

impl Item {
    /// Its name at the sender and its kind, if it can stay for another day.
    pub(super) fn staying(&self) -> Option<(&[u8], Kind)> {
        // An item that waits in a private directory is not looked for there.
        self.planned.staying().filter(|_| self.apart.is_none())
    }

    /// True if it can stay for another day.
    pub(super) fn stays(&self) -> bool {
        self.staying().is_some()
    }
}

impl Had {
    /// Its positions, from the first of its entry on.
    pub(super) fn positions(&self, origin: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ranges
            .iter(usize::MAX)
            .map(move |range| origin.saturating_add(range.start)..origin.saturating_add(range.end))
    }
}

/// The positions of what is here of new entries, in at most so many ranges.
pub(super) fn had(layout: &Layout, pending: &[(u32, Pending)], most: usize) -> Vec<Range<u64>> {
    let mut positions = Ranges::default();
    for (entry, pending) in pending {
        if let (Some(had), Some(span)) = (&pending.had, layout.span(*entry)) {
            had.positions(span.start).for_each(|range| positions.insert(range));
        }
    }
    positions.iter(most).collect()
}

/// Has a file be zero in a range.
fn clear(file: &File, range: Range<u64>) -> io::Result<()> {
    if range.is_empty() || punch(file, range.start, range.end.saturating_sub(range.start)).is_ok() {
        return Ok(());
    }
    fill_with_zeros(file, range)
}

/// The same where a file system makes no holes.
fn fill_with_zeros(file: &File, range: Range<u64>) -> io::Result<()> {
    let mut at = range.start;
    while at < range.end {
        let left = usize::try_from(range.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let zeros = ZEROS.get(..left).unwrap_or(&ZEROS);
        write_all_at(file, zeros, at)?;
        at = at.saturating_add(u64::try_from(zeros.len()).unwrap_or(u64::MAX));
    }
    Ok(())
}
