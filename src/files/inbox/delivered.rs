//! Files that an earlier transfer has delivered, but of whose delivery its sender may not have heard,
//! because one side ended in between. The journal of that transfer names them.

use super::Place;
use super::earlier::{Earlier, Ground, Left, Names, ROUNDED, since_1970};
use super::folder::{Folder, Identity};
use super::journal::lines::{Kind, Named, Untouched};
use super::journal::{Journal, is_own_file};
use crate::files::name::FileName;
use crate::platform::file::Facts;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// The names of delivered files in journals, by those at the sender.
pub(super) struct Known<'a>(HashMap<&'a [u8], (&'a Ground, &'a Named)>);

/// A delivered file that nobody has touched since.
#[derive(Debug)]
pub(super) struct Delivered {
    pub(super) name: FileName,
    pub(super) identity: Identity,
    ground: Ground,
    facts: Untouched,
}

impl<'a> Known<'a> {
    pub(super) fn of(earlier: &'a Earlier) -> Self {
        let mut known = HashMap::new();
        for left in earlier.journals() {
            let told = &left.found.told;
            for named in &told.named {
                // The latest counts.
                if let Some(begun) = told.items.get(named.item).filter(|it| it.kind == Kind::File) {
                    known.entry(begun.name.0.as_slice()).or_insert((&left.ground, named));
                }
            }
        }
        Self(known)
    }

    /// The file of this size that an item of this name at the sender has become, if nobody has
    /// touched it since.
    pub(super) fn take(&mut self, item: &[u8], size: u64) -> Option<Delivered> {
        let (ground, named) = self.0.remove(item)?;
        let parsed = FileName::parse(&named.here.0).ok().filter(|parsed| !parsed.changed)?;
        let (ground, facts) = (ground.clone(), named.facts);
        let found = || Delivered::find(ground, parsed.name, facts).ok()?;
        (size > 0 && facts.size == size).then(found)?
    }
}

impl Delivered {
    fn find(ground: Ground, name: FileName, facts: Untouched) -> io::Result<Option<Self>> {
        let open = open(&ground.folder, &name, facts)?;
        let identity = open.map(|file| Identity::of(&file)).transpose()?;
        Ok(identity.map(|identity| Self { name, identity, ground, facts }))
    }

    /// Its path.
    pub(super) fn path(&self) -> PathBuf {
        self.ground.path.join(self.name.as_os_str())
    }

    /// Its bytes.
    pub(super) const fn size(&self) -> u64 {
        self.facts.size
    }

    /// True if a file that was last changed then at the sender may be it.
    pub(super) fn is_of(&self, modified: SystemTime) -> bool {
        let (seconds, _) = since_1970(modified);
        self.facts.modified.0.abs_diff(seconds) <= ROUNDED.as_secs()
    }

    /// Opens it for reading alone, as it is its user's now; nothing once somebody has touched it.
    pub(super) fn open(&self) -> io::Result<Option<File>> {
        open(&self.ground.folder, &self.name, self.facts)
    }

    /// Sees to it that it stays where it is when the power fails; false once somebody has touched
    /// it.
    pub(super) fn sync(&self) -> io::Result<bool> {
        let Some(file) = self.open()? else { return Ok(false) };
        file.sync_all()?;
        self.ground.folder.sync()?;
        Ok(true)
    }
}

fn open(folder: &Folder, name: &FileName, facts: Untouched) -> io::Result<Option<File>> {
    let is_it = |now: &Facts| is_own_file(now) && Untouched::of(now) == facts;
    // A device may do something when it is opened.
    if !is_it(&folder.facts(name.as_os_str(), false)?) {
        return Ok(None);
    }
    let file = folder.read_file(name.as_os_str())?;
    Ok(is_it(&Facts::of(&file)?).then_some(file))
}

/// Journals that name delivered files until the sender has heard of it. Once this is dropped they
/// stay there for another transfer.
#[derive(Debug)]
pub struct Unheard {
    journal: Option<Journal>,
    place: Arc<Place>,
    earlier: Vec<Left>,
    /// The items that are delivered, by their names at the sender and their kinds.
    settled: Vec<(Vec<u8>, Kind)>,
}

impl Unheard {
    /// Of the journal of a transfer, and of earlier ones; nothing if they name no file.
    pub(super) fn new(
        journal: Option<Journal>,
        place: Arc<Place>,
        earlier: Vec<Left>,
        settled: &[&Names<'_>],
    ) -> Option<Self> {
        let tells = |journal: Journal| {
            if journal.tells_names {
                return Some(journal);
            }
            journal.remove(&place.folder);
            None
        };
        let journal = journal.and_then(tells);
        let names = journal.is_some() || !earlier.is_empty();
        let settled = settled.iter().flat_map(|names| names.iter());
        let settled = settled.map(|(name, kind)| (name.to_vec(), *kind)).collect();
        names.then_some(Self { journal, place, earlier, settled })
    }

    /// The sender has heard of it: the journals go, with what else they tell of these items.
    pub fn heard(self) {
        if let Some(journal) = self.journal {
            journal.remove(&self.place.folder);
        }
        for left in self.earlier {
            left.remove(|(name, kind)| {
                self.settled.iter().any(|(settled, of)| settled == name && *of == kind)
            });
        }
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
