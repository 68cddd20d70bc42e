//! The journal of a transfer: a file beside its hidden items that says what of them is written, so
//! that another conversation can go on with them. Nothing is synced for it, because every byte is
//! proved before it counts. It is locked while a transfer uses it or what it tells of.

pub(super) mod lines;

use super::folder::{Folder, random_hex};
use crate::platform::cause::Cause;
use crate::platform::file::{Facts, Kind, is_removed, try_lock, unlock, write_all_at};
use crate::platform::name::bytes;
use crate::platform::private::is_written_by_one;
use lines::{Begun, Line, Named, Told, Wrote, is_hidden};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::time::{Duration, Instant, SystemTime};

/// Bytes of a journal that are read. With 200 a line, those of more than five terabytes.
const READ: u64 = 64 << 20;
/// Bytes written between two lines: more is not lost than one proof is of.
const BYTES: u64 = 16 << 20;
/// Time between two lines about what is written, and from the beginning to the first.
const TIME: Duration = Duration::from_secs(1);

/// The journal of a transfer that is under way.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    name: String,
    length: u64,
    /// True once it names something that is delivered.
    pub(super) tells_names: bool,
}

/// Time for the next line of a transfer's journal.
#[derive(Debug)]
pub(super) struct Pace {
    bytes: u64,
    since: Instant,
}

/// The journal of another transfer.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: OsString,
    pub(super) told: Told,
    /// Time of its last line.
    pub(super) grown: SystemTime,
    /// `None` if a transfer uses it.
    pub(super) held: Option<Locked>,
}

/// A file that is locked until this is dropped.
#[derive(Debug)]
pub(super) struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        unlock(&self.0);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        unlock(&self.file);
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { bytes: 0, since: Instant::now() }
    }
}

impl Pace {
    /// So many bytes more are written; true if that is to be said now.
    pub(super) fn counts(&mut self, bytes: u64) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        let due = self.bytes >= BYTES || self.since.elapsed() >= TIME;
        if due {
            *self = Self::default();
        }
        due
    }
}

impl Journal {
    /// Makes the journal of items if something of them may stay in their folder.
    pub(super) fn begin(folder: &Folder, items: Vec<Begun>) -> Option<Self> {
        let may_stay = !items.is_empty() && is_written_by_one(folder);
        may_stay.then(|| Self::make(folder, items).ok()).flatten()
    }

    /// Makes the journal of these items in their folder, for its owner alone.
    pub(super) fn make(folder: &Folder, items: Vec<Begun>) -> io::Result<Self> {
        let name = format!(".pinhole-{}.journal", random_hex()?);
        let file = folder.create_file(name.as_ref())?;
        let mut journal = Self { file, name, length: 0, tells_names: false };
        let fit = journal.check();
        match fit.and_then(|()| journal.append(items.into_iter().map(Line::Item))) {
            Ok(()) => Ok(journal),
            Err(error) => {
                journal.remove(folder);
                Err(error)
            }
        }
    }

    /// Locks it, if others would find it to be one: a file system without permissions keeps none.
    fn check(&self) -> io::Result<()> {
        if !is_ours(&Facts::of(&self.file)?) {
            return Err(Cause::Forbidden.into());
        }
        if try_lock(&self.file)? { Ok(()) } else { Err(Cause::Busy.into()) }
    }

    /// Says what is written.
    pub(super) fn add(&mut self, wrote: Wrote) -> io::Result<()> {
        self.append([Line::Wrote(wrote)])
    }

    /// Says which file an item has become.
    pub(super) fn name(&mut self, named: Named) -> io::Result<()> {
        self.append([Line::Named(named)])?;
        self.tells_names = true;
        Ok(())
    }

    /// Adds lines, or nothing: half a line would end the reading.
    fn append(&mut self, lines: impl IntoIterator<Item = Line>) -> io::Result<()> {
        let text = lines::text(lines);
        let written = write_all_at(&self.file, &text, self.length);
        match written {
            Ok(()) => {
                let more = u64::try_from(text.len()).unwrap_or(u64::MAX);
                self.length = self.length.saturating_add(more);
                Ok(())
            }
            Err(error) => self.file.set_len(self.length).and(Err(error)),
        }
    }

    /// Removes it: what it tells of is delivered, or not wanted any more.
    pub(super) fn remove(self, folder: &Folder) {
        // If it cannot go, it tells of nothing, and goes when it is old.
        let _ = folder.unlink(self.name.as_ref());
    }
}

impl Found {
    /// Reads the journal `name`, and locks it if no transfer uses it. `None` for what is none of
    /// ours.
    pub(super) fn open(folder: &Folder, name: &OsStr) -> io::Result<Option<Self>> {
        // A device may do something when it is opened.
        if !is_ours(&folder.facts(name, false)?) {
            return Ok(None);
        }
        let file = folder.write_file(name)?;
        let locked = try_lock(&file)?;
        // Its holder may have removed it before the lock was free.
        if !is_ours(&Facts::of(&file)?) || is_removed(&file)? {
            return Ok(None);
        }
        let grown = file.metadata()?.modified()?;
        let told = lines::read(BufReader::new((&file).take(READ)));
        Ok(Some(Self { name: name.to_owned(), told, grown, held: locked.then(|| Locked(file)) }))
    }
}

/// True if a name is a journal's.
pub(super) fn is_journal(name: &OsStr) -> bool {
    is_hidden(bytes(name), b".journal")
}

/// True if nobody but this user may open a file, by the one name that it has.
fn is_ours(facts: &Facts) -> bool {
    is_own_file(facts) && facts.permissions() == 0o600
}

/// True for a file of this user's that has no other name.
pub(super) fn is_own_file(facts: &Facts) -> bool {
    facts.kind() == Kind::File && facts.is_own() && !facts.has_other_names()
}

#[cfg(test)]
mod tests;
