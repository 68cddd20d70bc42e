//! Limits of what may be received (`report/EVENTS.md`, "Reasons"). `--max-size` and `--max-entries`
//! hold for all of a channel; some free space and inodes of the disk are never used up.

use super::folder::Folder;
use super::refusal::Refusal;
use crate::failure::Subject;
use crate::platform::disk::Space;
use std::ops::Add;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Free space is looked at again each time this much more is written: seldom enough to cost nothing
/// beside the writing, often enough that what others write meanwhile is noticed.
const LOOK_AGAIN: u64 = 64 << 20;

/// Bytes that a disk spends on the smallest file or folder. A name costs its sender nothing, so it
/// is not free here.
pub(super) const BLOCK: u64 = 4096;

/// Cost of something to the disk that it is received on. With one unit alone, a sender could choose
/// things that cost little of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// A block at least for each entry.
    pub(super) bytes: u64,
    /// Files and folders, each an inode.
    pub(super) entries: u64,
}

impl Cost {
    /// A file of this size, or a folder.
    pub(super) const fn entry(size: u64) -> Self {
        Self { bytes: if size > BLOCK { size } else { BLOCK }, entries: 1 }
    }

    /// Content that goes to no file of its own.
    pub(super) const fn content(bytes: u64) -> Self {
        Self { bytes, entries: 0 }
    }

    /// As many entries, of which only this is known together: at least what they cost.
    pub(super) fn together(entries: u64, bytes: u64) -> Self {
        Self { bytes: bytes.max(entries.saturating_mul(BLOCK)), entries }
    }

    /// The same less bytes that are on the disk already.
    pub(super) const fn beside(self, bytes: u64) -> Self {
        Self { bytes: self.bytes.saturating_sub(bytes), ..self }
    }

    /// The greater of both in each unit.
    pub(super) fn at_least(self, other: Self) -> Self {
        Self { bytes: self.bytes.max(other.bytes), entries: self.entries.max(other.entries) }
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(more.bytes),
            entries: self.entries.saturating_add(more.entries),
        }
    }
}

/// The most that one channel may bring.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Most {
    /// Bytes (`--max-size`).
    pub(super) bytes: Option<u64>,
    /// Files and folders (`--max-entries`).
    pub(super) entries: Option<u64>,
}

/// Account of one channel: what it has taken and may take.
#[derive(Debug)]
pub(super) struct Room {
    most: Most,
    keep_free: f64,
    /// The cost of what transfers of this channel have taken or are sure to take.
    taken: Mutex<Cost>,
    /// Bytes written, which only says when to look again.
    written: AtomicU64,
}

impl Room {
    /// Room for `most` on a disk of which the fraction `keep_free` stays free.
    pub(super) fn new(most: Most, keep_free: f64) -> Self {
        Self { most, keep_free, taken: Mutex::default(), written: AtomicU64::new(0) }
    }

    /// Refuses what would not fit any more, without taking anything: of the channel `cost`, of the
    /// disk `stored`. `what` names it in a refusal.
    pub(super) fn check(
        &self,
        what: &Subject,
        cost: Cost,
        stored: Cost,
        disk: &Folder,
        place: &Path,
    ) -> Result<(), Refusal> {
        self.with(*self.taken(), what, cost)?;
        self.check_disk(what, stored, disk, place)
    }

    /// Takes this much of what the channel may take.
    pub(super) fn take(&self, what: &Subject, cost: Cost) -> Result<(), Refusal> {
        let mut taken = self.taken();
        *taken = self.with(*taken, what, cost)?;
        Ok(())
    }

    /// Gives back what was taken for what is discarded.
    pub(super) fn give_back(&self, cost: Cost) {
        let mut taken = self.taken();
        *taken = Cost {
            bytes: taken.bytes.saturating_sub(cost.bytes),
            entries: taken.entries.saturating_sub(cost.entries),
        };
    }

    /// Says that `bytes` are about to be written, and looks at the disk when it is time.
    pub(super) fn writing(
        &self,
        what: &Subject,
        bytes: u64,
        disk: &Folder,
        place: &Path,
    ) -> Result<(), Refusal> {
        let more = bytes.max(BLOCK);
        let before = self.written.fetch_add(more, Relaxed);
        let looked = before / LOOK_AGAIN == before.wrapping_add(more) / LOOK_AGAIN;
        if looked { Ok(()) } else { self.check_disk(what, Cost::content(bytes), disk, place) }
    }

    fn taken(&self) -> MutexGuard<'_, Cost> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is taken once this is, if that may be.
    fn with(&self, taken: Cost, what: &Subject, cost: Cost) -> Result<Cost, Refusal> {
        let sum = taken.entries.saturating_add(cost.entries);
        if let Some(most) = self.most.entries.filter(|most| sum > *most) {
            return Err(Refusal::too_many(what.was_not(format_args!(
                "accepted: {} more files and folders would exceed the {most} that one code may \
                 bring",
                cost.entries
            ))));
        }
        let most = self.most.bytes.unwrap_or(u64::MAX);
        match taken.bytes.checked_add(cost.bytes).filter(|bytes| *bytes <= most) {
            Some(bytes) => Ok(Cost { bytes, entries: sum }),
            None => {
                let (more, most) = (in_units(cost.bytes), in_units(most));
                let smallest = cost.entries > 0 && cost.bytes == cost.entries.saturating_mul(BLOCK);
                let why =
                    if smallest { " (each file or folder counts as 4.0 kB at least)" } else { "" };
                Err(Refusal::too_large(what.was_not(format_args!(
                    "accepted: {more} more{why} would exceed the {most} that one code may bring"
                ))))
            }
        }
    }

    /// Bytes that would have to go before the disk has room for this.
    pub(super) fn lacks(&self, cost: Cost, disk: &Folder) -> u64 {
        let Ok(Space { total, available, .. }) = disk.space() else { return 0 };
        if total == 0 {
            return 0;
        }
        cost.bytes.saturating_sub(available.saturating_sub(self.kept(total)))
    }

    /// Refuses what the disk has no room for beside what stays free.
    pub(super) fn check_disk(
        &self,
        what: &Subject,
        cost: Cost,
        disk: &Folder,
        place: &Path,
    ) -> Result<(), Refusal> {
        let Space { total, available, inodes, inodes_available, .. } =
            disk.space().map_err(|error| Refusal::disk(what, &error))?;
        // Some network and FUSE file systems do not say their size, and others make inodes as they
        // are needed: they are believed until they refuse.
        if total > 0 && cost.bytes > available.saturating_sub(self.kept(total)) {
            let kept = self.kept(total);
            let kept = if kept == 0 {
                String::new()
            } else {
                format!(", of which {} stay free,", in_units(kept))
            };
            let (free, needed) = (in_units(available), in_units(cost.bytes));
            let place = place.display();
            return Err(Refusal::no_space(what.was_not(format_args!(
                "saved: the disk of {place} has {free} left{kept} and {needed} are needed"
            ))));
        }
        if inodes > 0 && cost.entries > inodes_available.saturating_sub(self.kept(inodes)) {
            let kept = self.kept(inodes);
            let kept =
                if kept == 0 { String::new() } else { format!(", of which {kept} stay free,") };
            let (place, needed) = (place.display(), cost.entries);
            return Err(Refusal::no_space(what.was_not(format_args!(
                "saved: the disk of {place} can hold {inodes_available} more files and \
                 folders{kept} and {needed} are needed"
            ))));
        }
        Ok(())
    }

    /// The part of a disk that stays free. What is lost in a float's 53 bits is less than a block.
    fn kept(&self, total: u64) -> u64 {
        (total as f64 * self.keep_free) as u64
    }
}

/// A number of bytes for people: decimal units, one digit after the point.
pub(super) fn in_units(bytes: u64) -> String {
    let units =
        [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit / (unit / 10)),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_in_decimal_units() {
        let said = [
            0,
            999,
            1_000,
            1_250_000,
            38_200_000,
            999_999_999,
            1_000_000_000,
            3_456_000_000_000,
            u64::MAX,
        ]
        .map(in_units);
        assert_eq!(
            said,
            [
                "0 bytes",
                "999 bytes",
                "1.0 kB",
                "1.2 MB",
                "38.2 MB",
                "999.9 MB",
                "1.0 GB",
                "3.4 TB",
                "18446744.0 TB"
            ]
        );
    }

    #[test]
    fn what_is_taken_counts_and_what_is_given_back_does_not() {
        let take = |room: &Room, bytes| room.take(&"f".into(), Cost::content(bytes));
        let room = Room::new(Most { bytes: Some(10), entries: None }, 0.0);
        take(&room, 6).unwrap();
        assert!(take(&room, 5).is_err() && take(&room, u64::MAX).is_err());
        take(&room, 4).unwrap();
        room.give_back(Cost::content(3));
        assert!(take(&room, 4).is_err());
        take(&room, 3).unwrap();
        let endless = Room::new(Most::default(), 0.0);
        take(&endless, u64::MAX).unwrap();
        assert!(take(&endless, 1).is_err());
    }

    #[test]
    fn an_entry_costs_a_block_at_least_and_counts() {
        let room = Room::new(Most { bytes: Some(10 * BLOCK), entries: Some(3) }, 0.0);
        room.take(&"f".into(), Cost::entry(0)).unwrap();
        room.take(&"f".into(), Cost::entry(8 * BLOCK)).unwrap();
        let refusal = room.take(&"f".into(), Cost::entry(0) + Cost::entry(1)).unwrap_err();
        assert!(
            refusal.failure.next.unwrap().contains("--max-entries")
                && refusal.failure.detail.contains("exceed the 3 that")
        );
        assert!(
            room.take(&"f".into(), Cost::content(BLOCK + 1))
                .unwrap_err()
                .failure
                .next
                .unwrap()
                .contains("--max-size")
        );
        room.take(&"f".into(), Cost::entry(1)).unwrap();
        room.give_back(Cost::entry(1));
        room.take(&"f".into(), Cost::entry(0)).unwrap();
        assert_eq!(Cost::together(3, 1), Cost { bytes: 3 * BLOCK, entries: 3 });
    }
}
