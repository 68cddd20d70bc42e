//! How much may be received: `--max-size` for all of a channel, and free space on the disk that is never used up (DESIGN 5).

use super::folder::Folder;
use super::refusal::Refusal;
use crate::failure::Subject;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Free space is looked at again each time this much more is written: seldom enough to cost nothing beside the writing, often enough
/// that what others write meanwhile is noticed.
const LOOK_AGAIN: u64 = 64 << 20;

/// What one channel has taken and may take.
#[derive(Debug)]
pub(super) struct Room {
    max_size: Option<u64>,
    keep_free: f64,
    /// Bytes that transfers of this channel have taken or are sure to take.
    taken: AtomicU64,
    /// Bytes written, which only says when to look again.
    written: AtomicU64,
}

impl Room {
    /// Room for `max_size` bytes on a disk of which the fraction `keep_free` stays free.
    pub(super) const fn new(max_size: Option<u64>, keep_free: f64) -> Self {
        Self { max_size, keep_free, taken: AtomicU64::new(0), written: AtomicU64::new(0) }
    }

    /// Whether `bytes` more would fit, without taking them. `what` names them in a refusal.
    pub(super) fn check(&self, what: &Subject, bytes: u64, disk: &Folder, place: &Path) -> Result<(), Refusal> {
        self.with(self.taken.load(Relaxed), bytes).ok_or_else(|| self.over(what, bytes))?;
        self.check_disk(what, bytes, disk, place)
    }

    /// Takes `bytes` of what the channel may take.
    pub(super) fn take(&self, what: &Subject, bytes: u64) -> Result<(), Refusal> {
        let taken = self.taken.fetch_update(Relaxed, Relaxed, |taken| self.with(taken, bytes));
        taken.map(drop).map_err(|_| self.over(what, bytes))
    }

    /// Gives back `bytes` that were taken for what is discarded.
    pub(super) fn give_back(&self, bytes: u64) {
        let _ = self.taken.fetch_update(Relaxed, Relaxed, |taken| Some(taken.saturating_sub(bytes)));
    }

    /// Says that `bytes` are about to be written, and looks at the disk when it is time.
    pub(super) fn writing(&self, what: &Subject, bytes: u64, disk: &Folder, place: &Path) -> Result<(), Refusal> {
        let before = self.written.fetch_add(bytes, Relaxed);
        if before / LOOK_AGAIN == before.wrapping_add(bytes) / LOOK_AGAIN { Ok(()) } else { self.check_disk(what, bytes, disk, place) }
    }

    /// What is taken once `bytes` more are, if that may be.
    fn with(&self, taken: u64, bytes: u64) -> Option<u64> {
        taken.checked_add(bytes).filter(|sum| *sum <= self.max_size.unwrap_or(u64::MAX))
    }

    fn over(&self, what: &Subject, bytes: u64) -> Refusal {
        let (bytes, max) = (in_units(bytes), in_units(self.max_size.unwrap_or(u64::MAX)));
        Refusal::too_large(what.was_not(format_args!("accepted: {bytes} more would be over the {max} that one code may bring")))
    }

    fn check_disk(&self, what: &Subject, bytes: u64, disk: &Folder, place: &Path) -> Result<(), Refusal> {
        let space = disk.space().map_err(|error| Refusal::disk(what, &error))?;
        // What is lost in a float's 53 bits is less than a block.
        let kept = (space.total as f64 * self.keep_free) as u64;
        // Some network and FUSE file systems do not say their size: they are believed until they refuse a write.
        if space.total == 0 || bytes <= space.available.saturating_sub(kept) {
            return Ok(());
        }
        let free = in_units(space.available);
        let kept = if kept == 0 { String::new() } else { format!(", of which {} stay free,", in_units(kept)) };
        Err(Refusal::no_space(what.was_not(format_args!(
            "saved: the disk holding {} has {free} left{kept} and {} are needed",
            place.display(),
            in_units(bytes)
        ))))
    }
}

/// A number of bytes for people: decimal units, one digit after the point.
pub(super) fn in_units(bytes: u64) -> String {
    let units = [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
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
        let said = [0, 999, 1_000, 1_250_000, 38_200_000, 999_999_999, 1_000_000_000, 3_456_000_000_000, u64::MAX].map(in_units);
        assert_eq!(said, ["0 bytes", "999 bytes", "1.0 kB", "1.2 MB", "38.2 MB", "999.9 MB", "1.0 GB", "3.4 TB", "18446744.0 TB"]);
    }

    #[test]
    fn what_is_taken_counts_and_what_is_given_back_does_not() {
        let (room, f) = (Room::new(Some(10), 0.0), Subject::named("f"));
        room.take(&f, 6).unwrap();
        assert!(room.take(&f, 5).is_err() && room.take(&f, u64::MAX).is_err());
        room.take(&f, 4).unwrap();
        room.give_back(3);
        assert!(room.take(&f, 4).is_err());
        room.take(&f, 3).unwrap();
        let endless = Room::new(None, 0.0);
        endless.take(&f, u64::MAX).unwrap();
        assert!(endless.take(&f, 1).is_err());
    }
}
