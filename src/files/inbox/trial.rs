//! Tried before a code is used: whether what comes could be kept here. A code works once, so what
//! is wrong with the disk is said while it is still good.

use super::Inbox;
use super::folder::{Folder, Identity, hidden_name};
use super::room::Cost;
use crate::failure::{Failure, Kind, Subject};
use crate::files::spot::Spot;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

impl Inbox {
    /// Tries whether a file can be made here, and whether the disk would take one. Nothing is left
    /// of it.
    ///
    /// # Errors
    /// A [`Failure`] with exit 8.
    pub fn try_out(&self) -> Result<(), Failure> {
        let place = &*self.0;
        let what = Subject::from("what would come");
        let roomy = place.room.check_disk(&what, Cost::entry(0), &place.folder, &place.path);
        roomy.map_err(|refusal| unused(refusal.failure))?;
        tried(&place.folder).map_err(|error| cannot(&place.path, &error))
    }
}

/// Tries whether a small file can be made at `spot`.
///
/// # Errors
/// A [`Failure`] with exit 8.
pub fn try_spot(spot: &Spot) -> Result<(), Failure> {
    Folder::of(spot)
        .and_then(|(folder, _)| tried(&folder))
        .map_err(|error| cannot(spot.path(), &error))
}

/// Writes a byte into a file that has no name or, where there are no such files, into a hidden one,
/// which is removed again.
pub(super) fn tried(folder: &Folder) -> io::Result<()> {
    let write = |mut file: File| file.write_all(&[0]);
    if let Ok(file) = folder.create_unnamed() {
        return write(file);
    }
    let hidden = hidden_name()?;
    let file = folder.create_file(hidden.as_ref())?;
    let which = Identity::of(&file)?;
    let written = write(file);
    folder.remove_own(hidden.as_ref(), which).and(written)
}

fn cannot(place: &Path, error: &io::Error) -> Failure {
    let failure =
        Failure::new(Kind::Disk, format!("nothing can be stored in {}: {error}", place.display()));
    unused(failure.next("check that it can be written to, or name another place"))
}

/// The same, with that nothing is lost yet.
fn unused(failure: Failure) -> Failure {
    let next = failure.next.as_deref().unwrap_or_default().to_owned();
    failure.next(format!("{next}; no code was used"))
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn nothing_is_left_of_a_trial() {
        let dir = tempfile::tempdir().unwrap();
        Inbox::open(dir.path(), Policy::default()).unwrap().try_out().unwrap();
        try_spot(&Spot::from(dir.path().join("key"))).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_disk_that_takes_nothing_is_known_before() {
        let dir = tempfile::tempdir().unwrap();
        // As one that is full, but for what always stays free.
        let full = Inbox::open(dir.path(), Policy { keep_free: 1.0, ..Policy::default() }).unwrap();
        let failure = full.try_out().unwrap_err();
        assert_eq!(failure.kind, Kind::NoSpace);
        // No file can be made there, whoever asks.
        let failure =
            Inbox::open(Path::new("/proc"), Policy::default()).unwrap().try_out().unwrap_err();
        assert_eq!(failure.kind, Kind::Disk);
        assert!(failure.next.unwrap().ends_with("no code was used"));
        for path in ["/proc/key", "/no/such/folder/key"] {
            assert_eq!(try_spot(&Spot::from(PathBuf::from(path))).unwrap_err().kind, Kind::Disk);
        }
    }
}
