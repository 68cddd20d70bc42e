//! The private directory in which the sessions of this user are found, one socket each.

use crate::failure::{Failure, Kind};
use crate::session::plan::private_base;
use rand_core::{OsRng, RngCore};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, fstat, mkdirat, openat, renameat, statat, unlinkat,
};
use rustix::process::geteuid;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What a socket's name ends with once its session listens.
const READY: &str = ".sock";
/// What it ends with before: whoever connected then would be refused, and take the session for
/// dead.
const NEW: &str = ".new";
/// What the name of a session's diagnostics ends with, if it keeps any.
const DIAGNOSTICS: &str = ".log";
/// What the name of its card ends with: what is known of it when it does not answer.
const CARD: &str = ".card";
/// Bytes of a card that are read: an owner has few, and there are not many.
const LONGEST_CARD: u64 = 64 << 10;
/// Longest path of a socket, with its final zero (unix(7), `sun_path`).
const LONGEST: usize = 108;
/// A session listens within milliseconds of making its socket; one that is older and not ready
/// never will be.
const STILL_NEW: Duration = Duration::from_secs(60);

/// What helps where the directory cannot be written.
pub(super) const ELSEWHERE: &str =
    "set XDG_RUNTIME_DIR to a directory of yours that can be written";

/// An id for a session: eight hexadecimal digits.
#[must_use]
pub fn new_id() -> String {
    format!("{:08x}", OsRng.next_u32())
}

/// The directory, held open: it is this user's own and nobody else may enter it.
#[derive(Debug)]
pub struct Runtime {
    path: PathBuf,
    held: OwnedFd,
}

impl Runtime {
    /// The directory, made if it is not there.
    ///
    /// # Errors
    /// `not-private` if it is another's, or open to others, or no directory; `disk` if it cannot be
    /// made.
    pub fn make() -> Result<Self, Failure> {
        let (base, name) = place()?;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&base)
            .map_err(|error| cannot(&base, &error))?;
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
        let path = base.join(name);
        let parent = match File::open(base) {
            Ok(parent) => parent,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !make => return Ok(None),
            Err(error) => return Err(cannot(base, &error)),
        };
        // XDG Base Directory Specification: it must be owned by the user. Another's, kept by `su`,
        // would be filled with what is not theirs.
        if parent.metadata().map_err(|error| cannot(base, &error))?.uid() != geteuid().as_raw() {
            return Err(not_private(base, "it belongs to another user"));
        }
        if make {
            match mkdirat(&parent, name, Mode::RWXU) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(cannot(&path, &error.into())),
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = match openat(&parent, name, flags, Mode::empty()) {
            Ok(held) => held,
            Err(rustix::io::Errno::NOENT) if !make => return Ok(None),
            Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
                return Err(not_private(&path, "it is a link, or no directory"));
            }
            Err(error) => return Err(cannot(&path, &error.into())),
        };
        let stat = fstat(&held).map_err(|error| cannot(&path, &error.into()))?;
        if stat.st_uid != geteuid().as_raw() {
            return Err(not_private(&path, "it belongs to another user"));
        }
        if Mode::from_raw_mode(stat.st_mode).intersects(Mode::RWXG | Mode::RWXO) {
            return Err(not_private(&path, "other users may enter it"));
        }
        Ok(Some(Self { path, held }))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Listens for the session `id`.
    ///
    /// # Errors
    /// Of the system, if there are no Unix sockets here.
    pub(super) fn listen(&self, id: &str) -> io::Result<UnixListener> {
        let (new, ready) = (format!("{id}{NEW}"), format!("{id}{READY}"));
        let listener = UnixListener::bind(self.address(&new))?;
        renameat(&self.held, &new, &self.held, &ready)?;
        Ok(listener)
    }

    /// Where to connect to the session `id`.
    pub(super) fn socket(&self, id: &str) -> PathBuf {
        self.address(&format!("{id}{READY}"))
    }

    /// A new file for what goes wrong in the session `id`, which its owner alone can read, and its
    /// path.
    pub(super) fn diagnostics(&self, id: &str) -> io::Result<(File, PathBuf)> {
        let name = format!("{id}{DIAGNOSTICS}");
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.held, &name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok((file.into(), self.path.join(name)))
    }

    /// Makes an empty card for the session `id`.
    pub(super) fn make_card(&self, id: &str) -> io::Result<()> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&self.held, format!("{id}{CARD}"), flags, Mode::RUSR | Mode::WUSR)?;
        Ok(())
    }

    /// Writes on the card of the session `id`, unless that is removed.
    pub(super) fn note(&self, id: &str, card: &[u8]) -> io::Result<()> {
        // Whenever it is stopped there is a whole card: what was there is written over, and only
        // then is the rest of it cut off.
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.held, format!("{id}{CARD}"), flags, Mode::empty())?);
        file.write_all(card)?;
        file.set_len(card.len() as u64)
    }

    /// What is on the card of the session `id`, and perhaps the end of what was there before.
    pub(super) fn noted(&self, id: &str) -> Option<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file =
            File::from(openat(&self.held, format!("{id}{CARD}"), flags, Mode::empty()).ok()?);
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
        let _ = rustix::fs::rmdir(&self.path);
    }

    fn unlink(&self, id: &str) {
        // Gone already is as good. The socket goes last: by it the rest is found.
        for name in [DIAGNOSTICS, CARD] {
            let _ = unlinkat(&self.held, format!("{id}{name}"), AtFlags::empty());
        }
        let _ = unlinkat(&self.held, format!("{id}{READY}"), AtFlags::empty());
    }

    /// Tries whether a session could be reached here.
    ///
    /// # Errors
    /// Of the system, if it could not.
    pub fn try_out(&self) -> io::Result<()> {
        let id = new_id();
        let listener = self.listen(&id)?;
        let reached = UnixStream::connect(self.socket(&id));
        drop(listener);
        self.unlink(&id);
        reached.map(drop)
    }

    /// The ids of the sessions that have a socket here, alive or not.
    pub(super) fn sessions(&self) -> Result<Vec<String>, Failure> {
        let unreadable = |error: rustix::io::Errno| cannot(&self.path, &error.into());
        let mut ids = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.held).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if let Some(id) = name.strip_suffix(READY) {
                ids.push(id.to_owned());
            } else if name.ends_with(NEW) && self.is_forgotten(name) {
                let _ = unlinkat(&self.held, name, AtFlags::empty());
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// Whether a socket's session was killed before it listened.
    fn is_forgotten(&self, name: &str) -> bool {
        let Ok(stat) = statat(&self.held, name, AtFlags::SYMLINK_NOFOLLOW) else { return false };
        let made = SystemTime::UNIX_EPOCH
            + Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(u64::MAX >> 1));
        FileType::from_raw_mode(stat.st_mode) == FileType::Socket
            && made.elapsed().is_ok_and(|age| age > STILL_NEW)
    }

    /// A path that fits into a socket's address.
    fn address(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        if path.as_os_str().len() < LONGEST {
            return path;
        }
        Path::new("/proc/self/fd").join(self.held.as_raw_fd().to_string()).join(name)
    }
}

/// Where the directory belongs: in the one that the system gives each user for such things, else
/// with this program's state.
fn place() -> Result<(PathBuf, &'static str), Failure> {
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        // XDG Base Directory Specification: a path that is not absolute is invalid and to be
        // ignored.
        Some(base) if base.is_absolute() => Ok((base, "pinhole")),
        _ => Ok((private_base()?, "run")),
    }
}

fn not_private(path: &Path, why: &str) -> Failure {
    let detail = format!("{} is not used to find sessions: {why}", path.display());
    let next = format!(
        "make {} a directory of your own, mode 0700, or set XDG_RUNTIME_DIR to another",
        path.display()
    );
    Failure::new(Kind::NotPrivate, detail).next(next)
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Kind::Disk, format!("{} cannot be used to find sessions: {error}", path.display()))
        .next(ELSEWHERE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

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
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        let connected = tokio::net::UnixStream::connect(runtime.socket(&id));
        let (connected, accepted) = tokio::join!(connected, listener.accept());
        connected.unwrap();
        accepted.unwrap();
        assert_eq!(runtime.sessions().unwrap(), [id.as_str()]);
        runtime.remove(&id);
        assert!(runtime.sessions().unwrap().is_empty());
    }
}
