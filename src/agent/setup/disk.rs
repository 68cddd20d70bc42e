//! Reading and changing the files of an agent: whole, atomically, and only as they were when it was
//! said what would be done.

use crate::failure::{Failure, Kind};
use crate::platform::file::Facts;
use crate::replace::replace;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The longest file that is read, in bytes: Claude Code keeps its projects' state beside its
/// servers, some megabytes in a year.
const LONGEST: u64 = 32 << 20;

/// A file before and after; without a text it is not there.
#[derive(Debug)]
pub struct Change {
    /// Its path.
    pub path: PathBuf,
    /// Its text before.
    pub before: Option<String>,
    /// Its text after.
    pub after: Option<String>,
    /// Lines that come or go, which are shown beside its path.
    pub shown: Vec<String>,
}

/// The text of a file; nothing if there is none.
///
/// # Errors
/// Usage, if it is no text, or longer than such a file can be; disk, if it cannot be read.
pub fn read(path: &Path) -> Result<Option<String>, Failure> {
    let usage = |what: &str| {
        Failure::new(Kind::Usage, format!("{} {what}, and is left as it is", path.display()))
            .next("check what is wrong with that file")
    };
    // Nothing is there, or nothing that could be opened without waiting.
    match path.metadata() {
        Ok(metadata) if !metadata.is_file() => return Err(usage("is not a file")),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            return Ok(None);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(usage("is a broken link"));
        }
        Err(error) => return Err(failed(path, "read", &error)),
    }
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text)) {
        Ok(_) if text.len() as u64 > LONGEST => Err(usage("is too long for a configuration")),
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(usage("is not text")),
        Err(error) => Err(failed(path, "read", &error)),
    }
}

impl Change {
    /// Makes it so.
    ///
    /// # Errors
    /// Disk, if it cannot be; or if the file is not as it was before. It is untouched then.
    pub fn make(&self) -> Result<(), Failure> {
        let changed = mode(&self.path).and_then(|mode| {
            replace(&self.path, self.before.as_deref(), self.after.as_deref(), mode)
        });
        if !changed.map_err(|error| failed(&self.path, "written", &error))? {
            let detail = format!(
                "{} was changed by another program just now, and is left as it is",
                self.path.display()
            );
            return Err(Failure::new(Kind::Disk, detail).next("run the command again"));
        }
        Ok(())
    }
}

/// The mode of a file, which it keeps.
fn mode(path: &Path) -> io::Result<u32> {
    match Facts::at(path).map(|facts| facts.permissions()) {
        Ok(mode) if mode & 0o200 == 0 => Err(io::Error::other("it is read-only")),
        Ok(mode) => Ok(mode),
        // Nobody else is to change what an agent is told to run.
        Err(_) => Ok(0o600),
    }
}

fn failed(path: &Path, what: &str, error: &io::Error) -> Failure {
    let next = "check the permissions there";
    Failure::new(Kind::Disk, format!("{} cannot be {what}: {error}", path.display())).next(next)
}

#[cfg(test)]
mod tests;
