//! Reading and changing the files of an agent: whole, atomically, and only as they were when it was said what would be done.

use crate::failure::{Exit, Failure};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The longest file that is read, in bytes: Claude Code keeps its projects' state beside its servers, some megabytes in a year.
const LONGEST: u64 = 32 << 20;

/// A file before and after; without a text it is not there.
#[derive(Debug)]
pub struct Change {
    /// Where it is.
    pub path: PathBuf,
    /// Its text before.
    pub before: Option<String>,
    /// Its text after.
    pub after: Option<String>,
    /// What is said of it besides its path: the lines that come or go.
    pub shown: Vec<String>,
}

/// The text of a file; nothing if there is none.
///
/// # Errors
/// Usage, if it is no text, or longer than such a file can be; disk, if it cannot be read.
pub fn read(path: &Path) -> Result<Option<String>, Failure> {
    let usage = |what: &str| {
        Failure::new(Exit::Usage, "usage", format!("{} {what}, and is left as it is", path.display()))
            .next("look what is wrong with that file")
    };
    // Nothing is there, or nothing that could be opened without waiting.
    match path.metadata() {
        Ok(metadata) if !metadata.is_file() => return Err(usage("is no file")),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(usage("is a link to nothing")),
        Err(error) => return Err(failed(path, "read", &error)),
    }
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text)) {
        Ok(_) if text.len() as u64 > LONGEST => Err(usage("is longer than a configuration is")),
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(usage("is no text")),
        Err(error) => Err(failed(path, "read", &error)),
    }
}

impl Change {
    /// Makes it so.
    ///
    /// # Errors
    /// Disk, if it cannot be; or if the file is not as it was before. It is untouched then.
    pub fn make(&self) -> Result<(), Failure> {
        if read(&self.path)? != self.before {
            let detail = format!("{} has just been changed by another program, and is left as that wrote it", self.path.display());
            return Err(Failure::new(Exit::Disk, "disk", detail).next("run the command again"));
        }
        let done = match &self.after {
            Some(text) => write(&self.path, text),
            None => std::fs::remove_file(&self.path),
        };
        done.map_err(|error| failed(&self.path, "written", &error))
    }
}

/// Whoever reads meanwhile finds the old file or the new one, whole. A link is followed, so that a file that is kept elsewhere stays there.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mode = match path.metadata() {
        Ok(metadata) if metadata.permissions().mode() & 0o200 == 0 => return Err(io::Error::other("it is read-only")),
        Ok(metadata) => metadata.permissions().mode() & 0o7777,
        // What an agent is told to run, nobody else is to change.
        Err(_) => 0o600,
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = folder.join(format!(".pinhole-setup.{}", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        // It was not there, or it is in the way the next time.
        let _ = std::fs::remove_file(&new);
    }
    written
}

fn failed(path: &Path, what: &str, error: &io::Error) -> Failure {
    let next = "check who may read and write there";
    Failure::new(Exit::Disk, "disk", format!("{} cannot be {what}: {error}", path.display())).next(next)
}

#[cfg(test)]
mod tests;
