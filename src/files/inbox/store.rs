//! Secrets and long texts: small, complete when they come, never over anything that is there.

use super::folder::{self, Folder, GivenNames, Identity};
use super::made::Made;
use super::refusal::OTHER_FOLDER;
use super::room::Cost;
use super::{Conflict, Inbox, Place, Refusal};
use crate::failure::{Failure, Kind, Subject};
use crate::files::name::{FileName, NameError};
use crate::files::spot::Spot;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{ItemId, PeerText};
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

impl Inbox {
    /// Stores a secret in a file of its own that only its owner can read, called as the peer calls
    /// it or `secret`, with a number if that name is taken. It is on the disk when this returns.
    ///
    /// # Errors
    /// A [`Failure`] with exit 8 if the disk fails; then nothing is left of it.
    pub fn store_secret(
        &self,
        label: Option<&PeerText>,
        secret: &SecretVec,
    ) -> Result<PathBuf, Failure> {
        let label = label.and_then(|label| {
            let name = self.0.aside(FileName::parse(label.raw().as_bytes()).ok()?.name, false);
            // Nobody sees it come, and a hidden one would not be found, or be read by programs that
            // were not meant.
            if name.bytes().starts_with(b".") || name.bytes().starts_with(b"-") {
                Some(name.set_aside())
            } else {
                Some(name)
            }
        });
        let name = label.map_or_else(|| own_name("secret".to_owned()), Ok);
        self.store("the secret", name, secret.expose())
    }

    /// Stores a text of the peer's that is too long to be printed for a script, as `text-ID.txt` or
    /// with a number after it.
    ///
    /// # Errors
    /// A [`Failure`] with exit 8 if the disk fails; then nothing is left of it.
    pub fn store_text(&self, id: ItemId, text: &str) -> Result<PathBuf, Failure> {
        self.store("the text", own_name(format!("text-{}.txt", id.0)), text.as_bytes())
    }

    fn store(
        &self,
        what: &str,
        name: Result<FileName, NameError>,
        bytes: &[u8],
    ) -> Result<PathBuf, Failure> {
        let place = &*self.0;
        let what = Subject::from(what);
        place.make_room(&what, bytes).map_err(|refusal| refusal.failure)?;
        let stored = name.map_err(io::Error::other).and_then(|name| {
            store_as(&place.folder, bytes, |made| {
                let given = GivenNames::default();
                place.give_name(made, &name, Conflict::Rename, &given).map(|(name, _)| name)
            })
        });
        stored
            .map(|name| place.path.join(name.as_os_str()))
            .map_err(|error| place.not_stored(&what, &error))
    }
}

impl Place {
    /// Counts something small that is to be stored: small as each is, a channel can bring any
    /// number of them.
    pub(super) fn make_room(&self, what: &Subject, bytes: &[u8]) -> Result<(), Refusal> {
        let cost = Cost::entry(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.room.check(what, cost, cost, &self.folder, &self.path)?;
        self.room.take(what, cost)
    }

    /// The disk said no to it.
    pub(super) fn not_stored(&self, what: &Subject, error: &io::Error) -> Failure {
        let detail = what.was_not(format_args!("stored in {}: {error}", self.path.display()));
        Failure::new(Kind::Disk, detail).next(OTHER_FOLDER)
    }
}

/// Stores a secret at `spot`, a file that must not exist yet, readable by its owner alone
/// (`--secret-to-file`). It is on the disk when this returns.
///
/// # Errors
/// A [`Failure`] with exit 8 if something is there already or the disk fails; then nothing is left
/// of it.
pub fn store_secret_at(spot: &Spot, secret: &SecretVec) -> Result<(), Failure> {
    let store = || {
        let (folder, name) = Folder::of(spot)?;
        store_as(&folder, secret.expose(), |made| made.name(name))
    };
    store().map_err(|error: io::Error| {
        let failure = Failure::new(
            Kind::Disk,
            format!("the secret was not stored in {}: {error}", spot.path().display()),
        );
        failure.next("name a file that does not exist yet, in a writable folder")
    })
}

/// Writes `bytes` to a file that has no name yet, so that a process that is killed leaves no copy,
/// syncs them, has `give` name it, and syncs the name. Where there are no such files it has a hidden
/// name meanwhile.
pub(super) fn store_as<T>(
    folder: &Folder,
    bytes: &[u8],
    give: impl Fn(&Made) -> io::Result<T>,
) -> io::Result<T> {
    let unnamed = || give(&Made::unnamed(folder, write(folder.create_unnamed()?, bytes)?));
    let given = match unnamed() {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let hidden = folder::hidden_name()?;
            let file = folder.create_file(hidden.as_ref())?;
            let made = Made::hidden(folder, &hidden, Identity::of(&file)?);
            let given = write(file, bytes).and_then(|_| give(&made));
            given.inspect_err(|_| drop(made.remove()))?
        }
        given => given?,
    };
    folder.sync()?;
    Ok(given)
}

fn write(mut file: File, bytes: &[u8]) -> io::Result<File> {
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(file)
}

fn own_name(name: String) -> Result<FileName, NameError> {
    Ok(FileName::parse(name.as_bytes())?.name)
}

#[cfg(test)]
mod tests;
