//! The skill in an agent's directory: put there, brought to this version, taken away. A record
//! beside it says what was written, so that nothing is changed or deleted that somebody else has
//! written.

use super::disk::{Change, read};
use crate::agent::plugin;
use crate::failure::{Failure, Kind};
use sha2::{Digest, Sha256};
use std::path::{Component, Path, PathBuf};

/// The name of the record.
const RECORD: &str = ".pinhole-setup";
/// The version whose skill this program has.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The record of what was written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Record {
    version: String,
    /// Number of directories that were made: the skill's own, and those above it.
    made: usize,
    /// Paths below the directory, each with the checksum of what was written there.
    files: Vec<(String, String)>,
}

/// The skill as it is found in a directory.
pub struct Skill {
    directory: PathBuf,
    record: Option<Record>,
    /// The text of the record.
    recorded: Option<String>,
}

impl Skill {
    /// Looks at what is in `directory`, which need not be there.
    ///
    /// # Errors
    /// Usage, if it is a link: what is behind it is kept by somebody else.
    pub fn find(directory: PathBuf) -> Result<Self, Failure> {
        if directory.is_symlink() {
            return Err(Failure::new(
                Kind::Usage,
                format!("{} is a link, and its target is left alone", directory.display()),
            )
            .next(format!("rm {} and run the command again", directory.display())));
        }
        let recorded = read(&directory.join(RECORD))?;
        let record = recorded.as_deref().and_then(Record::parse);
        Ok(Self { directory, record, recorded })
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The version that was put here.
    pub fn version(&self) -> Option<&str> {
        self.record.as_ref().map(|record| record.version.as_str())
    }

    /// Changes that put this program's version there; none if it is there.
    ///
    /// # Errors
    /// Disk, if somebody else's file is in the way, or one that was changed by hand.
    pub fn put(&self) -> Result<Vec<Change>, Failure> {
        let mut changes = Vec::new();
        for (name, text) in plugin::skill() {
            let path = self.directory.join(name);
            let before = read(&path)?;
            if before.as_deref() == Some(text) && !path.is_symlink() {
                continue;
            }
            if path.is_symlink()
                || before.as_deref().is_some_and(|before| !self.is_ours(name, before))
            {
                let detail =
                    format!("{} is not as setup wrote it, and is not overwritten", path.display());
                return Err(Failure::new(Kind::Exists, detail)
                    .next("move it away and run the command again"));
            }
            changes.push(Change { path, before, after: Some(text.to_owned()), shown: Vec::new() });
        }
        for (name, path, text) in self.written()? {
            if plugin::skill().all(|(kept, _)| kept != name) {
                changes.push(Change { path, before: Some(text), after: None, shown: Vec::new() });
            }
        }
        let record = Record::now(
            self.record.as_ref().map_or_else(|| missing(&self.directory), |record| record.made),
        )
        .to_string();
        if self.recorded.as_ref() != Some(&record) {
            let path = self.directory.join(RECORD);
            changes.push(Change {
                path,
                before: self.recorded.clone(),
                after: Some(record),
                shown: Vec::new(),
            });
        }
        Ok(changes)
    }

    /// Changes that take away everything that was put there, and the files that stay because they
    /// were changed since.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn take(&self) -> Result<(Vec<Change>, Vec<PathBuf>), Failure> {
        let written = self.written()?;
        let names =
            self.record.iter().flat_map(|record| &record.files).map(|(name, _)| name.as_str());
        let left = names
            .filter(|name| written.iter().all(|(ours, ..)| ours != name))
            .map(|name| self.directory.join(name));
        let left = left.filter(|path| path.symlink_metadata().is_ok()).collect();
        let gone = |path, text| Change { path, before: Some(text), after: None, shown: Vec::new() };
        let mut changes: Vec<Change> =
            written.into_iter().map(|(_, path, text)| gone(path, text)).collect();
        if let (Some(text), Some(_)) = (&self.recorded, &self.record) {
            changes.push(gone(self.directory.join(RECORD), text.clone()));
        }
        Ok((changes, left))
    }

    /// Removes the directories that were made for it and are empty now.
    pub fn tidy(&self) {
        for (name, _) in plugin::skill() {
            if let Some(folder) =
                self.directory.join(name).parent().filter(|folder| *folder != self.directory)
            {
                // With something in it, it stays.
                let _ = std::fs::remove_dir(folder);
            }
        }
        let made = self.record.as_ref().map_or(0, |record| record.made);
        for folder in self.directory.ancestors().take(made) {
            if std::fs::remove_dir(folder).is_err() {
                return;
            }
        }
    }

    /// The files that are here as they were written, by this version or another, with what is in
    /// them.
    fn written(&self) -> Result<Vec<(String, PathBuf, String)>, Failure> {
        let recorded =
            self.record.iter().flat_map(|record| &record.files).map(|(name, _)| name.clone());
        let mut names: Vec<String> =
            recorded.chain(plugin::skill().map(|(name, _)| name.to_owned())).collect();
        names.sort();
        names.dedup();
        let mut found = Vec::new();
        for name in names {
            let path = self.directory.join(&name);
            let Some(text) = (if path.is_symlink() { None } else { read(&path)? }) else {
                continue;
            };
            if self.is_ours(&name, &text) {
                found.push((name, path, text));
            }
        }
        Ok(found)
    }

    fn is_ours(&self, name: &str, text: &str) -> bool {
        let recorded = self
            .record
            .iter()
            .flat_map(|record| &record.files)
            .any(|(file, sum)| file == name && *sum == checksum(text));
        recorded || plugin::skill().any(|file| file == (name, text))
    }
}

impl Record {
    /// Of the files of this version.
    fn now(made: usize) -> Self {
        let files = plugin::skill().map(|(name, text)| (name.to_owned(), checksum(text))).collect();
        Self { version: VERSION.to_owned(), made, files }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let head = lines.next()?.strip_prefix("# pinhole ")?;
        let (version, rest) = head.split_once(" made ")?;
        let made = rest.split_once(' ')?.0.parse().ok()?;
        let files = lines.map(|line| {
            let (sum, name) = line.split_once("  ")?;
            // Only what is below the directory is its business.
            let below =
                Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
                    && !name.is_empty();
            below.then(|| (name.to_owned(), sum.to_owned()))
        });
        Some(Self { version: version.to_owned(), made, files: files.collect::<Option<_>>()? })
    }
}

impl std::fmt::Display for Record {
    /// As `sha256sum -c` reads it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { version, made, files } = self;
        writeln!(
            f,
            "# pinhole {version} made {made} directories and these files; `pinhole setup --remove` \
            takes them away"
        )?;
        files.iter().try_for_each(|(name, sum)| writeln!(f, "{sum}  {name}"))
    }
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Number of directories that are not there, this one and those above it.
fn missing(directory: &Path) -> usize {
    directory.ancestors().take_while(|folder| !folder.exists()).count()
}

#[cfg(test)]
mod tests;
