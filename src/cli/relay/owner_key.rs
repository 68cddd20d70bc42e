//! The key under which a relay issues owner tokens, kept in a file that outlives it (SPEC 10.3).

use crate::failure::{Failure, Kind};
use crate::files::private::private_base;
use crate::platform::private;
use pinhole_relay::owner::{KEY, OwnerKey};
use rand_core::{OsRng, RngCore};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Its name in a directory for state.
const NAME: &str = "owner-key";
/// The directory that systemd makes for a service (systemd.exec(5), `StateDirectory=`); of several,
/// separated by colons, the first.
const SERVICE: &str = "STATE_DIRECTORY";

/// Finds or makes the key, in the file that is named or in the usual place. If that place cannot be
/// used, says why.
///
/// # Errors
/// Usage, if the file that is named cannot be used.
pub(super) fn owner_key(named: Option<&Path>) -> Result<Result<OwnerKey, String>, Failure> {
    match named {
        Some(path) => keep(path).map(Ok).map_err(|why| {
            Failure::new(
                Kind::Usage,
                format!("{} (--owner-key-file) cannot keep the relay's key: {why}", path.display()),
            )
            .next(
                "name a file in a directory that the relay may write to; it is created if it is \
                 missing",
            )
        }),
        None => {
            let Some(path) = usual(std::env::var_os(SERVICE)) else {
                return Ok(Err("there is no directory for its state".into()));
            };
            Ok(keep(&path).map_err(|why| format!("{}: {why}", path.display())))
        }
    }
}

/// The usual place: with the service's state, or with this user's.
fn usual(service: Option<OsString>) -> Option<PathBuf> {
    let first =
        |all: OsString| std::env::split_paths(&all).next().filter(|path| path.is_absolute());
    let state =
        service.and_then(first).or_else(|| private_base().ok().map(|base| base.join("relay")))?;
    Some(state.join(NAME))
}

/// Finds the key, or makes one. A file that is there is never replaced, whatever it holds.
fn keep(path: &Path) -> io::Result<OwnerKey> {
    match find(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        found => return found,
    }
    let mut key = Zeroizing::new([0; KEY]);
    OsRng.fill_bytes(&mut *key);
    match make(path, &key) {
        Ok(()) => Ok(OwnerKey::made(&key)),
        // Another relay was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => find(path),
        Err(error) => Err(error),
    }
}

fn find(path: &Path) -> io::Result<OwnerKey> {
    let no_key = |why: &str| io::Error::new(ErrorKind::InvalidData, why.to_owned());
    let file = File::open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.len() != KEY as u64 {
        return Err(no_key(
            "it is not a key, which is a file of 32 bytes; remove it to have a new one made",
        ));
    }
    if private::is_shared(&file)? {
        return Err(no_key(
            "it is open to others than its owner; chmod 600, if nobody has read it",
        ));
    }
    let mut key = Zeroizing::new([0; KEY]);
    (&file).read_exact(&mut *key)?;
    Ok(OwnerKey::found(&key))
}

/// Makes the file whole or not at all, for a relay that starts meanwhile and after a crash too.
fn make(path: &Path, key: &[u8; KEY]) -> io::Result<()> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    private::create_folders(folder)?;
    let new = folder.join(format!(".{NAME}.{:08x}", OsRng.next_u32()));
    let made = (|| {
        let mut file = private::create_file(&new)?;
        file.write_all(key)?;
        file.sync_all()?;
        // A name that is taken is left to what has it.
        std::fs::hard_link(&new, path)?;
        File::open(folder)?.sync_all()
    })();
    let _ = std::fs::remove_file(&new);
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_found_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/relay/owner-key");
        let key = |path: &Path| format!("{:?}", keep(path).map_err(|error| error.to_string()));
        assert_eq!(key(&path), "Ok(OwnerKey)");
        let about = std::fs::metadata(&path).unwrap();
        assert_eq!((about.mode() & 0o777, about.len()), (0o600, 32));
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(key(&path), "Ok(OwnerKey)");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        // Nothing is left beside it, and no two are alike.
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        let other = folder.path().join("other");
        keep(&other).unwrap();
        assert_ne!(std::fs::read(other).unwrap(), bytes);
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("owner-key");
        let refused = |says: &str| {
            let before = std::fs::read(&path).unwrap();
            let why = keep(&path).unwrap_err().to_string();
            assert!(why.contains(says), "{why}");
            assert_eq!(std::fs::read(&path).unwrap(), before);
        };
        for length in [0, 31, 33] {
            std::fs::write(&path, vec![7; length]).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            refused("32 bytes");
        }
        std::fs::write(&path, [7; KEY]).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        refused("chmod 600");
        assert!(keep(folder.path()).unwrap_err().to_string().contains("32 bytes"));
        assert!(keep(&path.join("below")).is_err());
    }

    #[test]
    fn two_that_start_at_once_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("owner-key");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| keep(&path).unwrap());
            }
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(
            make(&path, &[7; KEY]).is_err_and(|error| error.kind() == ErrorKind::AlreadyExists)
        );
    }

    #[test]
    fn a_service_keeps_it_with_its_own_state() {
        let usual = |service: &str| usual(Some(service.into()));
        assert_eq!(
            usual("/var/lib/pinhole-relay"),
            Some("/var/lib/pinhole-relay/owner-key".into())
        );
        assert_eq!(usual("/var/lib/a:/var/lib/b"), Some("/var/lib/a/owner-key".into()));
        for nothing in ["", "relative"] {
            assert!(
                usual(nothing).is_none_or(|path| path.ends_with("pinhole/relay/owner-key")),
                "{nothing}"
            );
        }
    }
}
