//! A small text file of this user's, replaced as a whole, and only as it was when it was read.

use crate::platform::file::{exchange, name_new, set_permissions};
use crate::platform::private;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Changes the file from `before` to `after`; without a text it is not there. Whoever reads
/// meanwhile finds the old file or the new one, whole, and after a crash too. A link is followed,
/// so that a file that is kept elsewhere stays there. It gets this mode; its directory is made if
/// it is not there. False if the file is not as it was before: then it stays as another program has
/// written it.
///
/// # Errors
/// Of the disk. The old file is untouched then.
pub fn replace(
    path: &Path,
    before: Option<&str>,
    after: Option<&str>,
    mode: u32,
) -> io::Result<bool> {
    replace_after(path, before, after, mode, || ())
}

/// The same; `meanwhile` is what happens between the last look and the change.
fn replace_after(
    path: &Path,
    before: Option<&str>,
    after: Option<&str>,
    mode: u32,
    meanwhile: impl FnOnce(),
) -> io::Result<bool> {
    // A removal takes away the link itself.
    let path = after.and_then(|_| path.canonicalize().ok()).unwrap_or_else(|| path.to_owned());
    if !is(&path, before)? {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    private::create_folders(folder)?;
    let beside = folder.join(format!(".pinhole.{}", std::process::id()));
    let prepared = after.map_or(Ok(()), |text| {
        let mut file = private::create_file(&beside)?;
        file.write_all(text.as_bytes())?;
        set_permissions(&file, mode)?;
        file.sync_all()
    });
    let changed = prepared.and_then(|()| {
        meanwhile();
        change(&path, &beside, before, after.is_some())
    });
    if !matches!(changed, Ok(Change::Kept)) {
        // It was not there, or it is in the way the next time.
        let _ = std::fs::remove_file(&beside);
    }
    match changed? {
        Change::Done => File::open(folder)?.sync_all().map(|()| true),
        Change::Not => Ok(false),
        Change::Kept => Err(io::Error::other(format!(
            "two programs changed it at the same time, and the version of one is in {}",
            beside.display()
        ))),
    }
}

/// The outcome of a change.
enum Change {
    Done,
    /// The file is as another program has written it, and nothing else is left.
    Not,
    /// The same, and what is beside it is not ours.
    Kept,
}

/// Puts the file that is prepared `beside` in the place of the one at `path`. What it takes from
/// there is looked at afterwards, when nobody finds it by its name any more, and goes back if it is
/// not as it was: so nothing is lost that was written after any look.
fn change(path: &Path, beside: &Path, before: Option<&str>, prepared: bool) -> io::Result<Change> {
    match (before, prepared) {
        (None, false) => Ok(Change::Done),
        (None, true) => match name_new(beside, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Change::Not),
            named => named.map(|()| Change::Done),
        },
        (Some(_), true) => match exchange(beside, path) {
            // From here on it is another's text that is beside, unless it is seen to be the old
            // one.
            Ok(Some(())) => Ok(exchanged(path, beside, before).unwrap_or(Change::Kept)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Change::Not),
            // Some file systems exchange none: there is the moment between the look and the rename.
            Ok(None) if is(path, before)? => std::fs::rename(beside, path).map(|()| Change::Done),
            Ok(None) => Ok(Change::Not),
            Err(error) => Err(error),
        },
        (Some(_), false) => {
            match std::fs::rename(path, beside) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Change::Not),
                renamed => renamed?,
            }
            Ok(match is(beside, before) {
                Ok(true) => Change::Done,
                _ if std::fs::hard_link(beside, path).is_ok() => Change::Not,
                _ => Change::Kept,
            })
        }
    }
}

/// Looks at what an exchange has taken from its place, and puts it back if it is not as it was.
fn exchanged(path: &Path, beside: &Path, before: Option<&str>) -> io::Result<Change> {
    if is(beside, before)? {
        return Ok(Change::Done);
    }
    let ours = std::fs::read(path)?;
    exchange(beside, path)?;
    // A third that has written in between has its text here.
    if std::fs::read(beside)? == ours { Ok(Change::Not) } else { Ok(Change::Kept) }
}

/// True if this is what stands in the file; without a text, if it is not there.
fn is(path: &Path, text: Option<&str>) -> io::Result<bool> {
    match std::fs::read(path) {
        Ok(found) => Ok(text.is_some_and(|text| text.as_bytes() == found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(text.is_none()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn the_new_file_takes_the_place_of_the_old_one_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/config.toml");
        assert!(replace(&path, None, Some("one"), 0o600).unwrap());
        let held = File::open(&path).unwrap();
        assert!(replace(&path, Some("one"), Some("two"), 0o600).unwrap());
        assert_eq!(
            (io::read_to_string(held).unwrap(), std::fs::read_to_string(&path).unwrap()),
            ("one".into(), "two".into())
        );
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(replace(&link, Some("two"), Some("three"), 0o600).unwrap());
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three");
        assert!(replace(&path, Some("three"), None, 0o600).unwrap() && !path.exists());
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
        assert!(replace(Path::new("/dev/null/config.toml"), None, Some("x"), 0o600).is_err());
    }

    #[test]
    fn what_another_program_writes_after_the_last_look_is_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings");
        for (before, after) in
            [(Some("one"), Some("two")), (Some("one"), None), (None, Some("two"))]
        {
            let _ = std::fs::remove_file(&path);
            if let Some(text) = before {
                std::fs::write(&path, text).unwrap();
            }
            // As programs write that replace a file whole, and as others do.
            for whole in [true, false] {
                let theirs = || {
                    let new = dir.path().join("new");
                    std::fs::write(if whole { &new } else { &path }, "theirs").unwrap();
                    if whole {
                        std::fs::rename(new, &path).unwrap();
                    }
                };
                assert!(
                    !replace_after(&path, before, after, 0o600, theirs).unwrap(),
                    "{before:?} {after:?}"
                );
                assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
                assert_eq!(
                    std::fs::read_dir(dir.path()).unwrap().count(),
                    1,
                    "nothing else is left"
                );
                match before {
                    Some(text) => std::fs::write(&path, text).unwrap(),
                    None => std::fs::remove_file(&path).unwrap(),
                }
            }
        }
        // A file that another program has removed stays removed.
        std::fs::write(&path, "one").unwrap();
        assert!(
            !replace_after(&path, Some("one"), Some("two"), 0o600, || std::fs::remove_file(&path)
                .unwrap())
            .unwrap()
        );
        assert!(!path.exists());
    }
}
