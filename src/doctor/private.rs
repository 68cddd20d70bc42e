//! This user's own directories: where running sessions are found, where received things go, and how much room there is.

use super::agent::{Agent, allow};
use super::{Finding, Setup};
use crate::failure::{Exit, Failure};
use crate::files::inbox::Policy;
use crate::report::amounts::size;
use crate::session::plan::private_base;
use rand_core::{OsRng, RngCore};
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The longest path of a socket, in bytes, one of which is its end (`sun_path`, unix(7); 104 on macOS).
const SOCKET_PATH: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// The directory in which running sessions are found: `$XDG_RUNTIME_DIR/pinhole`, else `run` beside this user's state. Made if it is not
/// there.
///
/// # Errors
/// Of the disk, if it cannot be made, is somebody else's, or is open to others.
pub(super) fn runtime_directory() -> Result<PathBuf, Failure> {
    let variable = std::env::var_os("XDG_RUNTIME_DIR").filter(|value| Path::new(value).is_absolute());
    let (path, next) = match variable {
        Some(set) => (Path::new(&set).join("pinhole"), "unset XDG_RUNTIME_DIR, or set it to a directory of yours that can be written"),
        None => (private_base()?.join("run"), "set XDG_RUNTIME_DIR to a directory of yours that can be written"),
    };
    match make(&path).and_then(|()| whose(&path)) {
        Ok(None) => Ok(path),
        Ok(Some(why)) => Err(disk(format!("{} {why}", path.display())).next(format!("remove {}, or {next}", path.display()))),
        Err(error) => Err(disk(format!("{} cannot be made: {error}", path.display())).next(next)),
    }
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What is wrong with a directory that should be this user's alone.
fn whose(path: &Path) -> io::Result<Option<&'static str>> {
    let found = path.symlink_metadata()?;
    Ok(if !found.is_dir() {
        Some("is not a directory")
    } else if found.uid() != rustix::process::geteuid().as_raw() {
        Some("is somebody else's")
    } else if found.mode() & 0o077 != 0 {
        Some("is open to others")
    } else {
        None
    })
}

fn disk(detail: String) -> Failure {
    Failure::new(Exit::Disk, "disk", detail)
}

/// A name that nothing else has.
fn fresh(kind: &str) -> String {
    format!("doctor-{:08x}.{kind}", OsRng.next_u32())
}

/// Whether other commands can reach a running session.
pub(super) fn unix_sockets(_: &Setup) -> Finding {
    match runtime_directory().map(|directory| directory.join(fresh("sock"))) {
        Ok(path) => {
            let found = socket_at(&path);
            // Where it was not made there is nothing to remove.
            let _ = std::fs::remove_file(&path);
            found
        }
        Err(failure) => failure.into(),
    }
}

fn socket_at(path: &Path) -> Finding {
    if path.as_os_str().as_bytes().len() > SOCKET_PATH {
        let detail = format!("{} is too long for a socket's path", path.parent().unwrap_or(path).display());
        return Finding::wrong(detail, "set XDG_RUNTIME_DIR to a directory of yours with a shorter path");
    }
    match UnixListener::bind(path).and_then(|listener| UnixStream::connect(path).map(|_| listener)) {
        Ok(_) => Finding::fine("other commands can reach a running session"),
        Err(error) => Finding::wrong(
            format!("other commands cannot reach a running session, since Unix sockets are refused here: {error}"),
            format!("use `give` and `take`, which need none; or {}", allow(Agent::here())),
        ),
    }
}

/// Whether what is received can be kept.
pub(super) fn files(_: &Setup) -> Finding {
    let base = match private_base() {
        Ok(base) => base,
        Err(failure) => return failure.into(),
    };
    let path = base.join(fresh("file"));
    let written = make(&base).and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)).and_then(|file| {
        let synced = io::Write::write_all(&mut &file, b"pinhole\n").and_then(|()| file.sync_all());
        std::fs::remove_file(&path).and(synced)
    });
    match written {
        Ok(()) => Finding::fine(format!("received things can be kept in {}", base.display())),
        Err(error) => Finding::wrong(
            format!("nothing can be written to {}, where received things go: {error}", base.display()),
            "receive into a folder that can be written, -o DIR, or set XDG_STATE_HOME to one",
        ),
    }
}

/// Whether there is room for what is received.
pub(super) fn space(_: &Setup) -> Finding {
    let base = match private_base() {
        Ok(base) => base,
        Err(failure) => return failure.into(),
    };
    // What is not there yet will be on the disk of what is.
    let Some((path, disk)) = base.ancestors().find_map(|path| Some((path, rustix::fs::statvfs(path).ok()?))) else {
        return Finding::wrong(format!("the disk of {} cannot be asked", base.display()), "receive into another folder, -o DIR");
    };
    let (free, total) = (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize));
    room(path, free, total)
}

fn room(path: &Path, free: u64, total: u64) -> Finding {
    // What is lost in a float's 53 bits is less than a block.
    let kept = (total as f64 * Policy::default().keep_free) as u64;
    let (path, said) = (path.display(), size(free));
    // Some network and FUSE file systems do not say their size.
    if total == 0 || free > kept {
        return Finding::fine(if total == 0 {
            format!("the disk of {path} does not say")
        } else {
            format!("{said} are free on the disk of {path}")
        });
    }
    Finding::wrong(
        format!("{said} are free on the disk of {path}, and {} have to stay free: nothing is received there", size(kept)),
        "free some space, or receive onto another disk, -o DIR",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_directory_is_this_users_alone_or_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/pinhole");
        make(&path).unwrap();
        assert_eq!(whose(&path).unwrap(), None);
        for mode in [0o710, 0o701, 0o770] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(whose(&path).unwrap(), Some("is open to others"));
        }
        set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink(&path, root.path().join("link")).unwrap();
        assert_eq!(whose(&root.path().join("link")).unwrap(), Some("is not a directory"));
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(4_711), None).unwrap();
            assert_eq!(whose(&path).unwrap(), Some("is somebody else's"));
        }
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_said() {
        let root = tempfile::tempdir().unwrap();
        let length = SOCKET_PATH - root.path().as_os_str().len() - 1;
        assert!(socket_at(&root.path().join("s".repeat(length))).ok);
        let long = socket_at(&root.path().join("s".repeat(length + 1)));
        assert!(!long.ok && long.detail.contains("too long") && long.next.unwrap().contains("XDG_RUNTIME_DIR"));
    }

    #[test]
    fn as_much_stays_free_as_receiving_leaves() {
        let room = |free, total| room(Path::new("/d"), free, total);
        assert!(room(6, 100).ok && room(0, 0).ok && room(u64::MAX, u64::MAX).ok);
        let full = room(5, 100);
        assert!(!full.ok && full.detail.contains("5 bytes are free") && full.next.is_some());
    }
}
