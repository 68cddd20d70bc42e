//! Folders and files that are this user's alone, and where the system has them.

use super::file::Facts;
use super::folder::{ENTERED, Folder};
use super::places::accounts;
use etcetera::BaseStrategy;
use rustix::fs::{Mode, OFlags, fstat, mkdirat, openat};
use rustix::io::Errno;
use rustix::process::{Uid, geteuid};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Advice if [`runtime`], or what stands in for it, cannot be written to.
pub const ELSEWHERE: &str = "set XDG_RUNTIME_DIR to a directory of your own that is writable";

/// Why a folder is not used as a private one.
#[derive(Debug)]
pub enum Unfit {
    /// It is not this user's alone, for a reason that is read after its path.
    Shared(PathBuf, &'static str),
    /// The system refuses it.
    Failed(PathBuf, io::Error),
}

/// Advice against [`Unfit::Shared`].
#[must_use]
pub fn made_private(path: &Path) -> String {
    format!(
        "make {} a directory of your own, mode 0700, or set XDG_RUNTIME_DIR to another",
        path.display()
    )
}

/// True if nobody but this user writes to a folder. It is this user's, and others may not write to
/// it; its group may, if that is the user's private one, as most systems make for each account.
#[must_use]
pub fn is_written_by_one(folder: &Folder) -> bool {
    let Ok(facts) = Facts::of(folder) else { return false };
    let may = |who: u32| facts.permissions() & who != 0;
    let private = || {
        let groups = std::fs::read("/etc/group").unwrap_or_default();
        !folder.has_access_list() && is_private(facts.group(), geteuid(), &groups, &accounts())
    };
    facts.is_own() && !may(0o002) && (!may(0o020) || private())
}

/// True if a group has no member but this user, by the lists of groups (group(5)) and of accounts
/// (passwd(5)).
fn is_private(group: u32, user: Uid, groups: &[u8], accounts: &[u8]) -> bool {
    let lines = |list: &'_ [u8]| -> Vec<Vec<String>> {
        let lines = list.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
        lines.map(|line| line.split(':').map(str::to_owned).collect()).collect()
    };
    let number = |field: Option<&String>| field.and_then(|field| field.parse::<u32>().ok());
    let accounts = lines(accounts);
    let Some(own) = accounts.iter().find(|line| number(line.get(2)) == Some(user.as_raw())) else {
        return false;
    };
    let groups = lines(groups);
    let mut same = groups.iter().filter(|line| number(line.get(2)) == Some(group)).peekable();
    let is_own = |name: &str| name.is_empty() || own.first().is_some_and(|own| own == name);
    // A group of another name may be that of accounts that only a directory service knows.
    let is_named = |line: &Vec<String>| line.first() == own.first();
    let has_others = |line: &Vec<String>| !line.get(3).is_some_and(|it| it.split(',').all(is_own));
    same.peek().is_some()
        && same.all(|line| is_named(line) && !has_others(line))
        && accounts
            .iter()
            .filter(|line| number(line.get(3)) == Some(group))
            .all(|line| line.first() == own.first())
}

/// The folder for what programs of this user keep between their runs. It stays on this machine.
#[must_use]
pub fn state() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.state_dir().unwrap_or_else(|| strategy.data_dir()))
}

/// The folder for the configuration of this user's programs.
#[must_use]
pub fn configuration() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|strategy| strategy.config_dir())
}

/// The folder that the system gives a user for endpoints, and removes when nothing of that user
/// runs any more; `None` if it gives none.
#[must_use]
pub fn runtime() -> Option<PathBuf> {
    // XDG Base Directory Specification: a path that is not absolute is invalid and to be ignored.
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The variable that names another folder than the usual one for [`state`].
pub const STATE_VARIABLE: &str = "XDG_STATE_HOME";

/// Advice if there is no [`configuration`].
pub const FOR_CONFIGURATION: &str = "set HOME, or XDG_CONFIG_HOME";

/// Variables by which [`state`] and [`runtime`] are found.
pub const VARIABLES: [&str; 3] = ["HOME", "XDG_RUNTIME_DIR", STATE_VARIABLE];

/// Makes a folder that only this user may enter.
///
/// # Errors
/// Of the system; if something has that name, also a folder.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// The same with all folders above it that are not there, as the XDG Base Directory Specification
/// wants it. A folder that is there stays as it is.
///
/// # Errors
/// Of the system.
pub fn create_folders(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a file for writing that only this user may open.
///
/// # Errors
/// Of the system; if something has that name, also a link.
pub fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Opens a file for reading and writing; a link is not followed. With `make` it is made if it is
/// not there, so that only this user may open it.
///
/// # Errors
/// Of the system.
pub fn open_file(path: &Path, make: bool) -> io::Result<File> {
    let made = if make { OFlags::CREATE } else { OFlags::empty() };
    let flags = OFlags::RDWR | made | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// True if others than its owner may read or change an open file.
///
/// # Errors
/// Of the system.
pub fn is_shared(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.mode() & 0o077 != 0)
}

/// Opens the folder `name` in `base`, both of which must be this user's, and which nobody else may
/// enter. It is made first if `make` says so; `None` if it is not there. A link is not followed.
///
/// # Errors
/// [`Unfit`].
pub fn open(base: &Path, name: &str, make: bool) -> Result<Option<Folder>, Unfit> {
    let path = base.join(name);
    let failed = |path: &Path, error: io::Error| Unfit::Failed(path.to_owned(), error);
    let parent = match File::open(base) {
        Ok(parent) => parent,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !make => return Ok(None),
        Err(error) => return Err(failed(base, error)),
    };
    // XDG Base Directory Specification: it must be owned by the user. Another's, kept by `su`,
    // would be filled with what is not theirs.
    let owner = parent.metadata().map_err(|error| failed(base, error))?.uid();
    if owner != geteuid().as_raw() {
        return Err(Unfit::Shared(base.to_owned(), "it belongs to another user"));
    }
    if make {
        match mkdirat(&parent, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failed(&path, error.into())),
        }
    }
    let held = match openat(&parent, name, ENTERED | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(held) => held,
        Err(Errno::NOENT) if !make => return Ok(None),
        Err(Errno::NOTDIR | Errno::LOOP) => {
            return Err(Unfit::Shared(path, "it is a link, or not a directory"));
        }
        Err(error) => return Err(failed(&path, error.into())),
    };
    let stat = fstat(&held).map_err(|error| failed(&path, error.into()))?;
    if stat.st_uid != geteuid().as_raw() {
        return Err(Unfit::Shared(path, "it belongs to another user"));
    }
    if Mode::from_raw_mode(stat.st_mode).intersects(Mode::RWXG | Mode::RWXO) {
        return Err(Unfit::Shared(path, "other users have access to it"));
    }
    Ok(Some(held.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_private_if_nobody_else_can_be_in_it() {
        let accounts = b"root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n\
            bob:x:1001:100::/home/bob:/bin/sh\neve:x:1002:1003::/home/eve:/bin/sh\n";
        let groups = b"root:x:0:\nusers:x:100:\nann:x:1000:\nann:x:1001:ann\nown:x:1004:\nboth:x:1002:ann,bob\n\
            eves:x:1003:ann\n";
        let private = |group| is_private(group, Uid::from_raw(1000), groups, accounts);
        assert!(private(1000) && private(1001), "its own");
        assert!(!private(100), "another's first group");
        assert!(!private(1002) && !private(1003), "shared");
        assert!(!private(1004), "of another name");
        assert!(!private(5000), "known to nobody here");
        assert!(!is_private(1000, Uid::from_raw(4000), groups, accounts), "no account");
        assert!(!is_private(1000, Uid::from_raw(1000), b"", accounts));
        let twice = [&groups[..], b"ann:x:1000:bob\n"].concat();
        assert!(!is_private(1000, Uid::from_raw(1000), &twice, accounts));
    }

    #[test]
    fn a_folder_that_is_not_there_is_made_only_if_that_is_asked_for() {
        let base = tempfile::tempdir().unwrap();
        assert!(open(base.path(), "own", false).unwrap().is_none());
        assert!(open(&base.path().join("none"), "own", false).unwrap().is_none());
        assert!(open(base.path(), "own", true).unwrap().is_some());
        assert!(open(base.path(), "own", false).unwrap().is_some());
        let mode = base.path().join("own").metadata().unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
