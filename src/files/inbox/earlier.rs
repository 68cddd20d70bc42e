//! Earlier partials: what transfers that did not come to their end have left here. A new one takes
//! files out of those of the same items, and what it does not want goes with its delivery.

use super::folder::{Folder, Identity};
use super::journal::lines::{Begun, Kind, Name, Named, Partly};
use super::journal::{Found, is_journal, is_own_file};
use super::{Modes, Place};
use crate::platform::file::Facts;
use crate::platform::name::{bytes, from_bytes};
use crate::platform::private::is_written_by_one;
use pinhole_protocol::ranges::Ranges;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// After this time without growth a partial is removed.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Partials that one transfer takes files out of: each holds two files open.
const HELD: usize = 16;
/// The difference of two times that may be the same: FAT keeps every other second.
pub(super) const ROUNDED: Duration = Duration::from_secs(2);

/// Those of the items of one transfer, the latest first. Nobody else uses them meanwhile.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    held: Vec<Held>,
    /// Bytes of the disk that they take, which this transfer need not find free.
    spare: u64,
    /// The folder that was looked into last: files of one come after each other.
    last: Option<(usize, Vec<u8>, Folder)>,
}

#[derive(Debug)]
struct Held {
    left: Left,
    /// Files that are here in part, by item and path at the sender.
    files: HashMap<(usize, Name), Partly>,
}

/// Items by their names at the sender, and their kinds.
pub(super) type Names<'a> = HashSet<(&'a [u8], Kind)>;

/// A folder in which partials may be.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) folder: Arc<Folder>,
    pub(super) path: PathBuf,
}

/// Remains of a transfer.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) ground: Ground,
    pub(super) found: Found,
}

/// A file that a transfer is to have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// Its item's name at the sender, and that item's kind.
    pub(super) item: (&'a [u8], Kind),
    /// Its path at the sender below its item, with `/` before each name.
    pub(super) path: &'a [u8],
    /// The same as it would be here.
    pub(super) here: &'a [u8],
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

/// A file that is here, whole or in part.
#[derive(Debug)]
pub(super) struct Had {
    /// Its name in its folder.
    pub(super) name: OsString,
    pub(super) identity: Identity,
    /// Offsets of the bytes that are likely to be the sender's.
    pub(super) ranges: Ranges,
    /// Its bytes now.
    pub(super) length: u64,
    /// True if its size and time are the sender's.
    pub(super) complete: bool,
}

impl Earlier {
    /// Finds those of items with these names at the sender in a place, whose folder is `within`.
    pub(super) fn of(place: &Place, within: &Folder, items: &Names<'_>) -> Self {
        if place.fresh {
            return Self::default();
        }
        let mut held: Vec<_> = grounds(place, within)
            .into_iter()
            .flat_map(left_in)
            .filter(|left| left.found.held.is_some() && left.is_of(items))
            .collect();
        held.sort_by_key(|left| std::cmp::Reverse(left.found.grown));
        held.truncate(HELD);
        let held = held.into_iter().map(|mut left| {
            let files = std::mem::take(&mut left.found.told.wrote.files);
            let files = files.into_iter().map(|file| ((file.item, file.path.clone()), file));
            Held { files: files.collect(), left }
        });
        let held: Vec<_> = held.collect();
        Self { spare: kept(&held, items), held, last: None }
    }

    /// The remains that they are.
    pub(super) fn journals(&self) -> impl Iterator<Item = &Left> {
        self.held.iter().map(|held| &held.left)
    }

    /// Bytes of the disk that they take still.
    pub(super) const fn spare(&self) -> u64 {
        self.spare
    }

    /// So many bytes more are here, which need not be free.
    pub(super) const fn also(&mut self, bytes: u64) {
        self.spare = self.spare.saturating_add(bytes);
    }

    /// A file of so many bytes was taken out.
    pub(super) const fn taken(&mut self, bytes: u64) {
        self.spare = self.spare.saturating_sub(bytes);
    }

    /// True if there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The file, if one of them has it, ready to be moved and written to, and its folder.
    pub(super) fn find(&mut self, wanted: &Wanted<'_>) -> Option<(&Folder, Had)> {
        let had = (0..self.held.len()).find_map(|index| self.look(index, wanted).ok().flatten())?;
        self.last.as_ref().map(|(_, _, folder)| (folder, had))
    }

    /// The same in one of them, whose folder is then the last.
    fn look(&mut self, index: usize, wanted: &Wanted<'_>) -> io::Result<Option<Had>> {
        let Some(Held { left, files }) = self.held.get(index) else { return Ok(None) };
        let items = &left.found.told.items;
        let same = |(item, kind): (&[u8], Kind)| {
            items.iter().position(|begun| begun.name.0 == item && begun.kind == kind)
        };
        let Some(item) = same(wanted.item) else { return Ok(None) };
        let told = files.get(&(item, Name(wanted.path.to_vec()))).filter(|file| {
            file.size == wanted.size && file.modified == since_1970(wanted.modified)
        });
        let here = told.map_or(wanted.here, |file| &file.here.0);
        // The item itself is its hidden name, whatever is in it below that.
        let Some(part) = items.get(item).map(|begun| begun.part.as_bytes()) else {
            return Ok(None);
        };
        let path = [part, here].concat();
        let cut = path.iter().rposition(|byte| *byte == b'/');
        let (above, name) = match cut.and_then(|cut| path.split_at_checked(cut)) {
            Some((above, name)) => (above, name.get(1..).unwrap_or_default()),
            None => (&b""[..], path.as_slice()),
        };
        if !matches!(&self.last, Some((held, at, _)) if *held == index && *at == above) {
            let mut folder = left.ground.folder.reopen()?;
            for name in above.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
                folder = folder.open_own_folder(from_bytes(name))?;
                if !is_written_by_one(&folder) {
                    return Ok(None);
                }
            }
            self.last = Some((index, above.to_vec(), folder));
        }
        let Some((_, _, folder)) = &self.last else { return Ok(None) };
        let name = from_bytes(name);
        // A device may do something when it is opened.
        if !is_own_file(&folder.facts(name, false)?) {
            return Ok(None);
        }
        let file = folder.write_own_file(name)?;
        let facts = Facts::of(&file)?;
        let (size, length) = (wanted.size, facts.size());
        if !is_own_file(&facts) || length > size {
            return Ok(None);
        }
        let modified = file.metadata()?.modified()?;
        let dated = length == size && modified == wanted.modified;
        // One that is written now has its length ahead, and may be as new as its source.
        let complete =
            dated || length == size && told.is_none() && is_near(wanted.modified, modified);
        let mut ranges = Ranges::default();
        match (complete, told) {
            (true, _) => ranges.insert(0..size),
            (false, Some(file)) => {
                ranges = file.here();
                ranges.remove(length..u64::MAX);
            }
            (false, None) => return Ok(None),
        }
        if ranges.is_empty() {
            return Ok(None);
        }
        let identity = Identity::of(&file)?;
        Ok(Some(Had { name: name.to_owned(), identity, ranges, length, complete }))
    }

    /// Removes what is left of these items, because they are delivered, and each journal of which
    /// nothing is left. Others may use the rest.
    pub(super) fn remove(&mut self, items: &Names<'_>) {
        self.last = None;
        for Held { left, .. } in std::mem::take(&mut self.held) {
            left.remove(|item| items.contains(&item));
        }
    }

    /// Removes what is left of items that are delivered. Returns what tells of others that are once
    /// more, where they were `again`: that stays until the sender has heard of it.
    pub(super) fn delivered(&mut self, items: &Names<'_>, again: &Names<'_>) -> Vec<Left> {
        let (tell, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.held).into_iter().partition(|held| held.left.is_of(again));
        self.held = others;
        self.remove(items);
        tell.into_iter().map(|held| held.left).collect()
    }
}

/// Bytes of the disk that these items take in what is left.
fn kept(held: &[Held], items: &Names<'_>) -> u64 {
    let each = held.iter().map(|Held { left, .. }| left.kept(|item| items.contains(&item)));
    // Those of one transfer after another may say the same.
    each.max().unwrap_or(0)
}

impl Left {
    /// True if something of these items is in it.
    pub(super) fn is_of(&self, items: &Names<'_>) -> bool {
        self.found.told.items.iter().any(|item| items.contains(&item.key()))
    }

    /// Bytes of the disk that those of its items take that are chosen. Of a folder the journal is
    /// believed.
    pub(super) fn kept(&self, chosen: impl Fn((&[u8], Kind)) -> bool) -> u64 {
        let told = &self.found.told;
        let kept = |item: &Begun| {
            let facts = self.ground.folder.facts(item.part.as_ref(), false).ok()?;
            Some(if facts.kind().is_dir() { told.wrote.bytes } else { facts.kept() })
        };
        let chosen = told.items.iter().filter(|item| chosen(item.key()));
        chosen.filter_map(kept).fold(0, u64::saturating_add).min(told.wrote.bytes)
    }

    /// True if nothing of its items is there, as when all of them are delivered.
    pub(super) fn is_empty(&self) -> bool {
        let is_there =
            |part: &str| self.ground.folder.kind(part.as_ref()).is_ok_and(|kind| kind.is_some());
        !self.parts().any(is_there)
    }

    /// The hidden names of its items.
    fn parts(&self) -> impl Iterator<Item = &str> {
        self.found.told.items.iter().map(|item| item.part.as_str())
    }

    /// Removes those of its items that are chosen, and its journal with the last of them. Returns
    /// true if nothing of it is left.
    pub(super) fn remove(self, chosen: impl Fn((&[u8], Kind)) -> bool) -> bool {
        let Self { ground: Ground { folder, .. }, found } = self;
        let mut gone = true;
        for item in &found.told.items {
            let part = OsStr::new(&item.part);
            gone &= match folder.facts(part, false) {
                Ok(facts) => chosen(item.key()) && is_left(&facts) && folder.remove(part).is_ok(),
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            };
        }
        // A delivered file is nothing that is left, but the journal tells of it.
        let item = |named: &Named| found.told.items.get(named.item);
        let wanted = |item: &Begun| !chosen(item.key());
        gone &= !found.told.named.iter().filter_map(item).any(wanted);
        if gone {
            gone = folder.unlink(&found.name).is_ok();
        }
        gone
    }
}

impl Ground {
    /// A folder, unless others may write to it.
    pub(super) fn safe(path: &Path, folder: Folder) -> Option<Self> {
        is_written_by_one(&folder).then(|| Self::at(path, folder))
    }

    fn at(path: &Path, folder: Folder) -> Self {
        Self { folder: Arc::new(folder), path: path.to_owned() }
    }

    /// The names in it for which something holds; none if it cannot be listed.
    fn names(&self, holds: impl Fn(&OsStr) -> bool) -> Vec<OsString> {
        let mut names = Vec::new();
        let listed = self.folder.each_name(|name| {
            if holds(name) {
                names.push(name.to_owned());
            }
            Ok(())
        });
        if listed.is_ok() { names } else { Vec::new() }
    }
}

/// The folders in which partials of a place may be: itself, and for a private directory those beside
/// it. None in which others may put something.
fn grounds(place: &Place, within: &Folder) -> Vec<Ground> {
    let own = within.reopen().ok().and_then(|folder| Ground::safe(&place.path, folder));
    let mut grounds: Vec<_> = own.into_iter().collect();
    if place.modes == Modes::Private
        && let Some(base) = place.path.parent()
    {
        let own = place.path.file_name();
        grounds.extend(private(base).into_iter().filter(|ground| ground.path.file_name() != own));
    }
    grounds
}

/// The private directories in `base`.
pub(super) fn private(base: &Path) -> Vec<Ground> {
    let Ok(folder) = Folder::open(base) else { return Vec::new() };
    let Some(base) = Ground::safe(base, folder) else { return Vec::new() };
    let open = |name: OsString| {
        let folder = base.folder.open_folder(&name).ok().filter(is_written_by_one)?;
        Some(Ground::at(&base.path.join(&name), folder))
    };
    let names = base.names(|name| bytes(name).starts_with(b"received-"));
    names.into_iter().filter_map(open).collect()
}

/// The partials in a folder of which a journal tells.
pub(super) fn left_in(ground: Ground) -> Vec<Left> {
    let names = ground.names(is_journal);
    let open = |name: OsString| {
        let found = Found::open(&ground.folder, &name).ok()??;
        Some(Left { ground: ground.clone(), found })
    };
    let mut all: Vec<_> = names.into_iter().filter_map(open).collect();
    let in_use = all.iter().filter(|left| left.found.held.is_none());
    let in_use: HashSet<_> = in_use.flat_map(Left::parts).map(str::to_owned).collect();
    // A part in use is nobody else's, whatever another journal says.
    all.retain(|left| left.found.held.is_none() || !left.parts().any(|part| in_use.contains(part)));
    all
}

/// Removes what has not grown for seven days, and nobody uses. Hidden names alone tell of nothing:
/// a delivered file may have one.
pub(super) fn remove_old(place: &Place) {
    let now = SystemTime::now();
    let is_old = |grown: SystemTime| now.duration_since(grown).is_ok_and(|age| age > KEPT);
    for left in grounds(place, &place.folder).into_iter().flat_map(left_in) {
        if left.found.held.is_some() && is_old(left.found.grown) {
            left.remove(|_| true);
        }
    }
}

/// True for what a transfer of this user's has left: its file or folder, and nothing that leads
/// elsewhere.
fn is_left(facts: &Facts) -> bool {
    is_own_file(facts) || facts.kind().is_dir() && facts.is_own()
}

/// Seconds since 1970 and nanoseconds.
pub(super) fn since_1970(time: SystemTime) -> (i64, u32) {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => (i64::try_from(after.as_secs()).unwrap_or(i64::MAX), after.subsec_nanos()),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX).saturating_neg();
            match before.subsec_nanos() {
                0 => (seconds, 0),
                nanos => (seconds.saturating_sub(1), 1_000_000_000_u32.saturating_sub(nanos)),
            }
        }
    }
}

fn is_near(one: SystemTime, other: SystemTime) -> bool {
    let apart = one.duration_since(other).unwrap_or_else(|error| error.duration());
    apart <= ROUNDED
}
