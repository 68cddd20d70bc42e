//! Files that an earlier transfer has delivered, but of whose delivery its sender may not have heard,
//! because one side ended in between. The journal of that transfer names them.

use super::earlier::Earlier;
use super::folder::{Folder, Identity};
use super::journal::lines::{Kind, Named, Untouched};
use super::journal::{Journal, is_own_file};
use super::{Place, Planned};
use crate::files::name::FileName;
use crate::platform::file::Facts;
use pinhole_protocol::limits::{ASKED_SEGMENTS, SEGMENT};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of the longest file that is recognized: one question is of all of it.
const LONGEST: u64 = SEGMENT * ASKED_SEGMENTS as u64;

/// A delivered file that nobody has touched since.
#[derive(Debug)]
pub(super) struct Delivered {
    pub(super) name: FileName,
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    /// Open for reading alone: it is its user's now.
    pub(super) file: Arc<File>,
    folder: Folder,
    facts: Untouched,
}

impl Earlier {
    /// The file that an item has become in an earlier transfer, if nobody has touched it since.
    pub(super) fn delivered(&self, planned: &Planned) -> Option<Delivered> {
        let (Some((item, Kind::File)), Some(size)) = (planned.staying(), planned.size) else {
            return None;
        };
        let named = self.journals().flat_map(|left| {
            let told = &left.found.told;
            let is_it = |named: &&Named| {
                let begun = told.items.get(named.item);
                begun.is_some_and(|begun| begun.is_one_of(&[(item, Kind::File)]))
            };
            told.named.iter().filter(is_it).map(|named| (&left.ground, named))
        });
        let fits = (1..=LONGEST).contains(&size);
        let mut same = named.filter(|(_, named)| fits && named.facts.size == size);
        same.find_map(|(ground, named)| {
            let parsed = FileName::parse(&named.here.0).ok().filter(|parsed| !parsed.changed);
            // A name that the user wants is another file's.
            let name = parsed?.name;
            if planned.chosen && planned.name != name {
                return None;
            }
            let path = ground.path.join(name.as_os_str());
            Delivered::open(ground.folder.reopen().ok()?, name, path, named.facts).ok()?
        })
    }
}

impl Delivered {
    fn open(
        folder: Folder,
        name: FileName,
        path: PathBuf,
        facts: Untouched,
    ) -> io::Result<Option<Self>> {
        let is_it = |now: &Facts| is_own_file(now) && Untouched::of(now) == facts;
        // A device may do something when it is opened.
        if !is_it(&folder.facts(name.as_os_str(), false)?) {
            return Ok(None);
        }
        let file = folder.read_file(name.as_os_str())?;
        if !is_it(&Facts::of(&file)?) {
            return Ok(None);
        }
        let identity = Identity::of(&file)?;
        Ok(Some(Self { name, path, identity, file: Arc::new(file), folder, facts }))
    }

    /// True if it is there still, untouched.
    pub(super) fn is_there(&self) -> bool {
        let now = self.folder.facts(self.name.as_os_str(), false);
        now.is_ok_and(|now| Untouched::of(&now) == self.facts)
    }

    /// Sees to it that it stays where it is when the power fails.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()?;
        self.folder.sync()
    }
}

/// The names of files that are delivered, in their journal until the sender has heard of it. Once
/// this is dropped they stay there for another transfer.
#[derive(Debug)]
pub struct Unheard {
    journal: Journal,
    place: Arc<Place>,
}

impl Unheard {
    pub(super) const fn new(journal: Journal, place: Arc<Place>) -> Self {
        Self { journal, place }
    }

    /// Says the names in the journal; without any, or if that fails, the journal goes.
    pub(super) fn names(mut self, named: Vec<Named>) -> Option<Self> {
        if named.is_empty() || self.journal.end(named).is_err() {
            self.heard();
            return None;
        }
        Some(self)
    }

    /// The sender has heard of it: the journal goes.
    pub fn heard(self) {
        self.journal.remove(&self.place.folder);
    }
}

impl Untouched {
    /// Facts of a file as it is now.
    pub(super) fn of(facts: &Facts) -> Self {
        let (_, inode) = facts.id();
        let (modified, changed) = (facts.modified(), facts.changed());
        Self { inode, size: facts.size(), modified, changed }
    }
}
