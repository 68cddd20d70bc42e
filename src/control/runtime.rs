//! The private directory in which the sessions of this user are found, one socket each.

use crate::failure::{Failure, Kind};
use crate::files::private::private_base;
use crate::platform::endpoint::{self, Bound};
use crate::platform::folder::Folder;
use crate::platform::private::{self, ELSEWHERE, Unfit};
use rand_core::{OsRng, RngCore};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Suffix of a socket's name once its session listens.
const READY: &str = ".sock";
/// Suffix before that: whoever connected then would be refused, and take the session for dead.
const NEW: &str = ".new";
/// Suffix of the name of a session's diagnostics, if it keeps any.
const DIAGNOSTICS: &str = ".log";
/// Suffix of the name of its card: the facts known while it does not answer.
const CARD: &str = ".card";
/// Bytes of a card that are read: an owner has few, and there are not many.
const LONGEST_CARD: u64 = 64 << 10;
/// A session listens within milliseconds of making its socket; one that is older and not ready
/// never will be.
const STILL_NEW: Duration = Duration::from_secs(60);

/// An id for a session: eight hexadecimal digits.
#[must_use]
pub fn new_id() -> String {
    format!("{:08x}", OsRng.next_u32())
}

/// The directory, held open: it is this user's own and nobody else may enter it.
#[derive(Debug)]
pub struct Runtime {
    path: PathBuf,
    held: Folder,
}

impl Runtime {
    /// The directory, made if it is not there.
    ///
    /// # Errors
    /// `not-private` if it is another's, or open to others, or no directory; `disk` if it cannot be
    /// made.
    pub fn make() -> Result<Self, Failure> {
        let (base, name) = place()?;
        private::create_folders(&base).map_err(|error| cannot(&base, &error))?;
        Self::at(&base, name, true)?
            .ok_or_else(|| cannot(&base, &io::Error::from(io::ErrorKind::NotFound)))
    }

    /// The directory, if it is there.
    ///
    /// # Errors
    /// As [`Runtime::make`].
    pub fn existing() -> Result<Option<Self>, Failure> {
        let (base, name) = place()?;
        Self::at(&base, name, false)
    }

    fn at(base: &Path, name: &str, make: bool) -> Result<Option<Self>, Failure> {
        match private::open(base, name, make) {
            Ok(held) => Ok(held.map(|held| Self { path: base.join(name), held })),
            Err(Unfit::Shared(path, why)) => Err(not_private(&path, why)),
            Err(Unfit::Failed(path, error)) => Err(cannot(&path, &error)),
        }
    }

    /// The directory's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the endpoint of the session `id`.
    ///
    /// # Errors
    /// Of the system, if there are no endpoints here.
    pub(super) fn listen(&self, id: &str) -> io::Result<Bound> {
        let (new, ready) = (format!("{id}{NEW}"), format!("{id}{READY}"));
        let bound = Bound::make(&self.held, &self.path, &new)?;
        self.held.move_over(new.as_ref(), &self.held, ready.as_ref())?;
        Ok(bound)
    }

    /// The path at which to connect to the session `id`.
    pub(super) fn socket(&self, id: &str) -> PathBuf {
        endpoint::address(&self.held, &self.path, &format!("{id}{READY}"))
    }

    /// A new file for what goes wrong in the session `id`, which its owner alone can read, and its
    /// path.
    pub(super) fn diagnostics(&self, id: &str) -> io::Result<(File, PathBuf)> {
        let name = format!("{id}{DIAGNOSTICS}");
        Ok((self.held.create_file(name.as_ref())?, self.path.join(name)))
    }

    /// Makes an empty card for the session `id`.
    pub(super) fn make_card(&self, id: &str) -> io::Result<()> {
        self.held.create_file(format!("{id}{CARD}").as_ref()).map(drop)
    }

    /// Writes on the card of the session `id`, unless that is removed.
    pub(super) fn note(&self, id: &str, card: &[u8]) -> io::Result<()> {
        // Whenever it is stopped there is a whole card: what was there is written over, and only
        // then is the rest of it cut off.
        let mut file = self.held.write_file(format!("{id}{CARD}").as_ref())?;
        file.write_all(card)?;
        file.set_len(card.len() as u64)
    }

    /// Reads the card of the session `id`, perhaps with the end of what was there before.
    pub(super) fn noted(&self, id: &str) -> Option<Vec<u8>> {
        let file = self.held.read_file(format!("{id}{CARD}").as_ref()).ok()?;
        let mut card = Vec::new();
        file.take(LONGEST_CARD).read_to_end(&mut card).ok()?;
        Some(card)
    }

    /// Removes what there is of the session `id`, which has ended, and the directory after the last
    /// one.
    pub(super) fn remove(&self, id: &str) {
        self.unlink(id);
        self.let_go();
    }

    /// Removes the directory, if nothing is in it.
    pub(super) fn let_go(&self) {
        let _ = std::fs::remove_dir(&self.path);
    }

    fn unlink(&self, id: &str) {
        // Gone already is as good. The socket goes last: by it the rest is found.
        for name in [DIAGNOSTICS, CARD] {
            let _ = self.held.unlink(format!("{id}{name}").as_ref());
        }
        let _ = self.held.unlink(format!("{id}{READY}").as_ref());
    }

    /// Tries whether a session could be reached here.
    ///
    /// # Errors
    /// Of the system, if it could not.
    pub fn try_out(&self) -> io::Result<()> {
        let id = new_id();
        let listener = self.listen(&id)?;
        let reached = endpoint::try_out(&self.socket(&id));
        drop(listener);
        self.unlink(&id);
        reached
    }

    /// The ids of the sessions that have a socket here, alive or not.
    pub(super) fn sessions(&self) -> Result<Vec<String>, Failure> {
        let (mut ids, mut forgotten) = (Vec::new(), Vec::new());
        let listed = self.held.each_name(|name| {
            let Some(name) = name.to_str() else { return Ok(()) };
            if let Some(id) = name.strip_suffix(READY) {
                ids.push(id.to_owned());
            } else if name.ends_with(NEW) && endpoint::is_older(&self.held, name, STILL_NEW) {
                // Its session was killed before it listened.
                forgotten.push(name.to_owned());
            }
            Ok(())
        });
        listed.map_err(|error| cannot(&self.path, &error))?;
        for name in forgotten {
            let _ = self.held.unlink(name.as_ref());
        }
        ids.sort();
        Ok(ids)
    }
}

/// The directory's parent and name: the system's folder for such things of a user, else this
/// program's state.
fn place() -> Result<(PathBuf, &'static str), Failure> {
    match private::runtime() {
        Some(base) => Ok((base, "pinhole")),
        None => Ok((private_base()?, "run")),
    }
}

fn not_private(path: &Path, why: &str) -> Failure {
    let detail = format!("{} is not used to find sessions: {why}", path.display());
    Failure::new(Kind::NotPrivate, detail).next(private::made_private(path))
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Kind::Disk, format!("{} cannot be used to find sessions: {error}", path.display()))
        .next(ELSEWHERE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::geteuid;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn at(base: &Path) -> Result<Option<Runtime>, Failure> {
        Runtime::at(base, "pinhole", true)
    }

    #[test]
    fn what_others_may_enter_or_redirect_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("pinhole");
        assert!(Runtime::at(base.path(), "pinhole", false).unwrap().is_none());
        assert!(at(base.path()).unwrap().is_some());
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o700);
        for mode in [0o701, 0o710, 0o750, 0o704] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(at(base.path()).unwrap_err().kind, Kind::NotPrivate, "{mode:o}");
        }
        std::fs::remove_dir(&path).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), &path).unwrap();
        assert_eq!(at(base.path()).unwrap_err().kind, Kind::NotPrivate);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        assert_eq!(at(base.path()).unwrap_err().kind, Kind::NotPrivate);
    }

    #[test]
    fn another_users_directory_is_refused() {
        if !geteuid().is_root() {
            return;
        }
        let base = tempfile::tempdir().unwrap();
        assert!(at(base.path()).unwrap().is_some());
        std::os::unix::fs::chown(base.path().join("pinhole"), Some(65_534), None).unwrap();
        assert_eq!(at(base.path()).unwrap_err().kind, Kind::NotPrivate);
        std::os::unix::fs::chown(base.path().join("pinhole"), Some(0), None).unwrap();
        std::os::unix::fs::chown(base.path(), Some(65_534), None).unwrap();
        assert_eq!(at(base.path()).unwrap_err().kind, Kind::NotPrivate);
    }

    #[tokio::test]
    async fn a_path_too_long_for_an_address_is_reached_all_the_same() {
        let base = tempfile::tempdir().unwrap();
        let long = base.path().join("x".repeat(100)).join("y".repeat(100));
        std::fs::create_dir_all(&long).unwrap();
        let runtime = at(&long).unwrap().unwrap();
        let id = new_id();
        let listener = runtime.listen(&id).unwrap();
        let listener = listener.listen().unwrap();
        let address = runtime.socket(&id);
        let connected = endpoint::connect(&address);
        let (connected, accepted) = tokio::join!(connected, listener.accept());
        connected.unwrap();
        accepted.unwrap();
        assert_eq!(runtime.sessions().unwrap(), [id.as_str()]);
        runtime.remove(&id);
        assert!(runtime.sessions().unwrap().is_empty());
    }
}
