//! Joining what arrives with a folder that is there (`--conflict merge`). It has arrived whole in its hidden folder, and is moved from there
//! beneath held handles: a file where there is none or in place of a plain file, a folder as it is where there is none; one that meets another
//! is gone through in its turn. What meets anything else stays behind, and so does what would meet something of its own transfer. Nothing is
//! removed, and each file is the old one or the new one at any time.

use super::folder::{Folder, Identity};
use super::incoming::Link;
use super::tree::{FolderId, Reach, Tree};
use super::{Conflict, Incoming, Links, Place, Refusal};
use crate::files::acting::acting;
use crate::files::name::{FileName, NameError};
use pinhole_protocol::wire::{Differences, Fate, ItemKind, PeerName, Reason};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Numbers that are tried for one of several names of a transfer that are one where they go.
const SAME: u32 = 100;

/// What lies in each item that is a folder.
#[derive(Debug)]
pub(super) struct Contents {
    /// Its folders, itself first and each before what is in it.
    folders: HashMap<usize, Vec<FolderId>>,
    /// Its links, each with the folder that it lies in.
    links: HashMap<usize, Vec<(FolderId, FileName)>>,
}

/// What came of an item that was joined.
#[derive(Debug)]
pub(super) struct Joined {
    /// What of it is not there as it was sent.
    pub(super) differences: Differences,
    /// Files of it that are not there, and their bytes.
    pub(super) lost: (u32, u64),
    /// Files that were there and are replaced.
    pub(super) replaced: u32,
    /// The folder that was there.
    pub(super) folder: Identity,
}

/// How a folder goes where it belongs.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// One by one what is in it, because it is there.
    Joined,
    /// As it is, with all that is in it, or in one that goes so.
    Whole,
    /// Not at all.
    Blocked(Reason),
}

/// What became of a file or link, or would.
enum Placed {
    /// It is there, under this name.
    New(FileName),
    /// It is there in place of an old one, under this name.
    Replaced(FileName),
    /// It is a link, and there was the same.
    Same,
    /// It stays where it is.
    Not(Reason),
}

/// Joining one item.
struct Joining<'a> {
    incoming: &'a Incoming,
    tree: &'a Tree,
    /// What its sender calls it.
    offered: &'a [u8],
    /// Its name here, if that is not one of the user's choice.
    called: PathBuf,
    /// The folder that is there.
    root: Folder,
    /// True if nothing is moved: it is only seen what would be.
    only_look: bool,
    ways: HashMap<FolderId, Way>,
    /// Folders that have another name there than where they come from.
    aside: HashMap<FolderId, FileName>,
    /// Folders there that hold something of this item.
    entered: HashSet<(u64, u64)>,
    /// Links that were moved, by their names there.
    links: Vec<(FolderId, FileName)>,
    hidden: Reach,
    there: Reach,
    joined: Joined,
}

impl Incoming {
    /// What lies in the items that may be joined; nothing if none may.
    pub(super) fn contents(&self, links: Vec<(Link, FileName)>) -> Option<Contents> {
        let joins = |item: &super::incoming::Item| item.planned.conflict == Conflict::Merge && item.planned.kind == ItemKind::Folder;
        self.items.iter().any(joins).then(|| {
            let mut contents = Contents { folders: self.tree().by_item(), links: HashMap::new() };
            for (link, name) in links {
                if let Some((within, _)) = link.at.within {
                    contents.links.entry(link.at.item).or_default().push((within, name));
                }
            }
            contents
        })
    }

    /// Looks for what would be in the way of items that are to be joined. A sender that cannot hear of what is missing is refused for it,
    /// before anything is moved.
    pub(super) fn check_joins(&self, contents: Option<&Contents>) -> Result<(), Refusal> {
        for (index, item) in self.items.iter().enumerate().filter(|(_, item)| item.planned.conflict == Conflict::Merge) {
            let failed = |error: io::Error| Refusal::disk(&item.planned.name, &error);
            let there = self.place.folder.kind(item.planned.name.as_os_str()).map_err(failed)?;
            let fits = match (there, item.planned.kind, contents) {
                (None, ..) => true,
                (Some(there), ItemKind::Folder, Some(contents)) if there.is_dir() => {
                    let joined = self.join(index, &item.planned.name, contents, true).map_err(failed)?;
                    joined.is_ok_and(|joined| joined.differences.missing() == 0)
                }
                (Some(there), kind, _) => kind != ItemKind::Folder && there.is_file(),
            };
            if !fits {
                return Err(Refusal::exists(&item.planned.name));
            }
        }
        Ok(())
    }

    /// Moves what is in an item's hidden folder into the folder `name` that is there, or with `only_look` sees what that would come to; a
    /// reason if it cannot be gone into.
    pub(super) fn join(&self, index: usize, name: &FileName, contents: &Contents, only_look: bool) -> io::Result<Result<Joined, Reason>> {
        let Some(item) = self.items.get(index) else { return Err(io::ErrorKind::NotFound.into()) };
        let root = match self.place.folder.open_folder(name.as_os_str()) {
            Ok(root) => root,
            Err(error) => return own_matter(&error).map(Err).ok_or(error),
        };
        let folder = root.own_identity()?;
        let tree = self.tree();
        let mut joining = Joining {
            incoming: self,
            tree: &tree,
            offered: item.planned.offered.raw(),
            called: if item.planned.chosen { PathBuf::new() } else { name.as_os_str().into() },
            root,
            only_look,
            ways: HashMap::new(),
            aside: HashMap::new(),
            entered: HashSet::from([folder.place()]),
            links: Vec::new(),
            hidden: Reach::default(),
            there: Reach::default(),
            joined: Joined { differences: Differences::default(), lost: (0, 0), replaced: 0, folder },
        };
        for id in contents.folders.get(&index).into_iter().flatten() {
            joining.folder(*id)?;
        }
        if !only_look {
            joining.check_links(contents.links.get(&index).map_or(&[], Vec::as_slice))?;
        }
        Ok(Ok(joining.joined))
    }
}

impl Joining<'_> {
    /// Has a folder go its way. Those that it lies in have gone theirs.
    fn folder(&mut self, id: FolderId) -> io::Result<()> {
        let above = self.tree.parent(id).map(|parent| (parent, self.ways.get(&parent).copied()));
        let mut way = match above {
            None => Way::Joined,
            // What could not be made has been told.
            Some(_) if !self.tree.is_there(id) => Way::Whole,
            Some((parent, Some(Way::Joined))) => self.enter(parent, id)?,
            Some((parent, Some(blocked @ Way::Blocked(_)))) => {
                let Self { incoming, tree, hidden, .. } = self;
                hidden.folder(&incoming.place.folder, &incoming.items, tree, parent)?.open_own_folder(tree.name(id))?;
                blocked
            }
            Some(_) => Way::Whole,
        };
        if let (Way::Blocked(reason), true) = (way, above.is_some()) {
            differ(&mut self.joined, self.tree, self.offered, id, None, Fate::Missing(reason));
        }
        if matches!(way, Way::Joined) {
            way = self.files(id)?;
        }
        if let Way::Blocked(reason) = way {
            self.lose_files(id, reason)?;
        }
        self.ways.insert(id, way);
        Ok(())
    }

    /// Moves a folder where there is none, or finds that it is there.
    fn enter(&mut self, parent: FolderId, id: FolderId) -> io::Result<Way> {
        let within = self.called.join(self.path(parent));
        let Self { incoming, tree, root, aside, hidden, there, .. } = self;
        let from = hidden.folder(&incoming.place.folder, &incoming.items, tree, parent)?;
        let own = from.open_own_folder(tree.name(id))?;
        let there = match open_there(there, root, tree, aside, parent) {
            Ok(there) => there,
            Err(error) => return own_matter(&error).map(Way::Blocked).ok_or(error),
        };
        let Ok(name) = FileName::parse(tree.name(id).as_bytes()) else { return Ok(Way::Blocked(Reason::BadName)) };
        let Some(to) = incoming.place.harmless_beside(there, from, &within, name.name.clone())? else {
            return Ok(Way::Blocked(Reason::BadName));
        };
        let (way, place) = match go(from, name.name.as_os_str(), there, to.as_os_str(), self.only_look) {
            Ok(()) => {
                if let (Some(finish), false) = (tree.finish(id), self.only_look) {
                    own.finish(finish.mode, finish.modified);
                }
                (Way::Whole, own.own_identity()?.place())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match there.open_folder(to.as_os_str()) {
                Ok(there) => (Way::Joined, there.own_identity()?.place()),
                Err(error) => return own_matter(&error).map(Way::Blocked).ok_or(error),
            },
            Err(error) => return own_matter(&error).map(Way::Blocked).ok_or(error),
        };
        // Of two that are one there, the second stays behind.
        if !self.entered.insert(place) {
            return Ok(Way::Blocked(Reason::Exists));
        }
        if to != name.name {
            differ(&mut self.joined, self.tree, self.offered, id, None, Fate::Renamed(PeerName::new(to.bytes().to_vec())));
            self.aside.insert(id, to);
        }
        Ok(way)
    }

    /// Moves the files and links of a folder that is there, and says what came of the folder.
    fn files(&mut self, id: FolderId) -> io::Result<Way> {
        let within = self.called.join(self.path(id));
        let place = &self.incoming.place;
        let from = self.hidden.folder(&place.folder, &self.incoming.items, self.tree, id)?;
        let there = match open_there(&mut self.there, &self.root, self.tree, &self.aside, id) {
            Ok(there) => there,
            Err(error) => return own_matter(&error).map(Way::Blocked).ok_or(error),
        };
        let mut placed = HashSet::new();
        // A listing may pass over names while others go: the last is one in which nothing went.
        loop {
            let mut went = false;
            for entry in from.entries()? {
                let (name, kind) = entry?;
                let parsed = FileName::parse(name.as_bytes()).ok().filter(|parsed| !parsed.changed);
                let Some(parsed) = parsed.filter(|_| kind.is_file() || kind.is_symlink()) else { continue };
                let to = place.harmless_beside(there, from, &within, parsed.name)?;
                let length = if kind.is_file() { from.length(&name)? } else { 0 };
                let one = match to {
                    Some(to) => place_one(from, &name, kind.is_symlink(), there, to, &mut placed, self.only_look)?,
                    None => Placed::Not(Reason::BadName),
                };
                let mut differ = |fate| differ(&mut self.joined, self.tree, self.offered, id, Some(&name), fate);
                match &one {
                    Placed::New(to) | Placed::Replaced(to) if to.as_os_str() != name => {
                        differ(Fate::Renamed(PeerName::new(to.bytes().to_vec())));
                    }
                    Placed::Not(reason) => differ(Fate::Missing(*reason)),
                    _ => {}
                }
                match one {
                    Placed::New(to) if kind.is_symlink() => self.links.push((id, to)),
                    Placed::New(_) => {}
                    Placed::Replaced(_) => self.joined.replaced = self.joined.replaced.saturating_add(1),
                    Placed::Same | Placed::Not(_) => {
                        if kind.is_file() {
                            lose(&mut self.joined, length);
                        }
                        if !self.only_look {
                            from.unlink(&name)?;
                        }
                    }
                }
                went = true;
            }
            if !went || self.only_look {
                return Ok(Way::Joined);
            }
        }
    }

    /// Notes the files and links of a folder that does not go where it belongs.
    fn lose_files(&mut self, id: FolderId, reason: Reason) -> io::Result<()> {
        let from = self.hidden.folder(&self.incoming.place.folder, &self.incoming.items, self.tree, id)?;
        for entry in from.entries()? {
            let (name, kind) = entry?;
            if kind.is_file() {
                lose(&mut self.joined, from.length(&name)?);
            }
            if kind.is_file() || kind.is_symlink() {
                differ(&mut self.joined, self.tree, self.offered, id, Some(&name), Fate::Missing(reason));
            }
        }
        Ok(())
    }

    /// Removes links again that lead out of the folder by way of what was there, although they did not where they came from.
    fn check_links(&mut self, all: &[(FolderId, FileName)]) -> io::Result<()> {
        if self.incoming.place.links == Links::All {
            return Ok(());
        }
        let whole = all.iter().filter(|(within, _)| matches!(self.ways.get(within), Some(Way::Whole))).cloned();
        let links: Vec<_> = std::mem::take(&mut self.links).into_iter().chain(whole).collect();
        for (within, name) in links {
            let path = self.path(within).join(name.as_os_str());
            let there = open_there(&mut self.there, &self.root, self.tree, &self.aside, within)?;
            let is_link = there.kind(name.as_os_str())?.is_some_and(|kind| kind.is_symlink());
            if is_link && !self.root.leads_out(&path, &there.link_text(name.as_os_str())?) {
                continue;
            }
            if is_link {
                there.unlink(name.as_os_str())?;
            }
            differ(&mut self.joined, self.tree, self.offered, within, Some(name.as_os_str()), Fate::LeftOut(Reason::Link));
        }
        Ok(())
    }

    /// Where a folder is, below the one that is there.
    fn path(&self, id: FolderId) -> PathBuf {
        let up = std::iter::successors(Some(id), |id| self.tree.parent(*id)).filter(|id| !self.tree.is_item(*id));
        let mut names: Vec<&OsStr> = up.map(|id| name_there(self.tree, &self.aside, id)).collect();
        names.reverse();
        names.into_iter().collect()
    }
}

impl Place {
    /// The name that something gets in `there`, a folder of this place that is there already, `within` what arrives: another where programs
    /// would act on it.
    pub(super) fn harmless_in(&self, _there: &Folder, within: &Path, name: FileName) -> Result<FileName, NameError> {
        if self.acting || acting(&within.join(name.as_os_str())).is_none() { Ok(name) } else { Ok(name.set_aside()) }
    }

    /// The same, and none that something has which comes from the same folder `from`; nothing if there is none.
    fn harmless_beside(&self, there: &Folder, from: &Folder, within: &Path, name: FileName) -> io::Result<Option<FileName>> {
        let Ok(to) = self.harmless_in(there, within, name.clone()) else { return Ok(None) };
        if to == name {
            return Ok(Some(to));
        }
        for number in 0..=SAME {
            let to = if number == 0 { to.clone() } else { to.numbered_within(number, self.known().longest_name) };
            if from.kind(to.as_os_str())?.is_none() {
                return Ok(Some(to));
            }
        }
        Ok(None)
    }
}

/// Notes what became of a folder, or of what is called `name` in it where it comes from.
fn differ(joined: &mut Joined, tree: &Tree, offered: &[u8], id: FolderId, name: Option<&OsStr>, fate: Fate) {
    let differences = &mut joined.differences;
    if !differences.takes_names() {
        return differences.count_one(&fate);
    }
    let mut path = [offered, &tree.original_path(id)].concat();
    if let Some(name) = name {
        path.push(b'/');
        path.extend(tree.original(id, name));
    }
    differences.add(&path, fate);
}

/// Opens a folder that is there, by the names that those above it have.
fn open_there<'a>(
    reach: &'a mut Reach,
    root: &Folder,
    tree: &Tree,
    aside: &HashMap<FolderId, FileName>,
    id: FolderId,
) -> io::Result<&'a Folder> {
    reach.open(tree, id, || root.open_folder(OsStr::new(".")), |id| name_there(tree, aside, id))
}

fn name_there<'a>(tree: &'a Tree, aside: &'a HashMap<FolderId, FileName>, id: FolderId) -> &'a OsStr {
    aside.get(&id).map_or_else(|| tree.name(id), FileName::as_os_str)
}

/// Moves something unless something has its name there, or only looks if it could be.
fn go(from: &Folder, name: &OsStr, there: &Folder, to: &OsStr, only_look: bool) -> io::Result<()> {
    match only_look {
        false => from.move_new(name, there, to),
        true if there.kind(to)?.is_none() => there.takes_from(from),
        true => there.takes_from(from).and(Err(Errno::EXIST.into())),
    }
}

/// Moves a file or link to `wanted`. `placed` is what of the same transfer is there already: that is not replaced, and the later one gets a
/// number.
fn place_one(
    from: &Folder,
    name: &OsStr,
    link: bool,
    there: &Folder,
    wanted: FileName,
    placed: &mut HashSet<u64>,
    only_look: bool,
) -> io::Result<Placed> {
    // All of them are on one device.
    let own = from.identity(name)?.place().1;
    for number in 0..=SAME {
        let to = if number == 0 { wanted.clone() } else { wanted.numbered(number) };
        match go(from, name, there, to.as_os_str(), only_look) {
            Ok(()) => {
                placed.insert(own);
                return Ok(Placed::New(to));
            }
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return own_matter(&error).map(Placed::Not).ok_or(error),
            Err(_) => {}
        }
        if number > 0 || there.identity(to.as_os_str()).is_ok_and(|met| placed.contains(&met.place().1)) {
            continue;
        }
        let met = there.kind(to.as_os_str())?;
        if link && met.is_some_and(|met| met.is_symlink()) && from.link_text(name)? == there.link_text(to.as_os_str())? {
            return Ok(Placed::Same);
        }
        if link || !met.is_some_and(|met| met.is_file()) {
            return Ok(Placed::Not(Reason::Exists));
        }
        let over = if only_look { Ok(()) } else { from.move_over(name, there, to.as_os_str()) };
        if let Err(error) = over {
            return own_matter(&error).map(Placed::Not).ok_or(error);
        }
        placed.insert(own);
        return Ok(Placed::Replaced(to));
    }
    Ok(Placed::Not(Reason::Exists))
}

/// Why something cannot go where it belongs, if that is its own matter and not the whole disk's.
fn own_matter(error: &io::Error) -> Option<Reason> {
    match Errno::from_io_error(error)? {
        Errno::EXIST | Errno::NOTEMPTY | Errno::ISDIR | Errno::NOTDIR | Errno::LOOP => Some(Reason::Exists),
        // A folder that may not be written or is another file system's.
        Errno::ACCESS | Errno::PERM | Errno::XDEV | Errno::BUSY => Some(Reason::Disk),
        Errno::ILSEQ | Errno::INVAL | Errno::NAMETOOLONG => Some(Reason::BadName),
        _ => None,
    }
}

fn lose(joined: &mut Joined, bytes: u64) {
    joined.lost = (joined.lost.0.saturating_add(1), joined.lost.1.saturating_add(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_of_a_transfer_is_there_already_is_never_replaced_by_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("from")).unwrap();
        fs::create_dir_all(dir.path().join("there")).unwrap();
        let root = Folder::open(dir.path()).unwrap();
        let [from, there] = ["from", "there"].map(|name| root.open_folder(name.as_ref()).unwrap());
        for (name, content) in [("from/README", "first"), ("from/readme", "second"), ("from/ReadMe", "third"), ("there/readme", "old")] {
            fs::write(dir.path().join(name), content).unwrap();
        }
        // A folder that takes the three for one name has the first under it when the others come.
        let (mut placed, one) = (HashSet::new(), FileName::parse(b"readme").unwrap().name);
        let mut place = |name: &str| place_one(&from, name.as_ref(), false, &there, one.clone(), &mut placed, false).unwrap();
        assert!(matches!(place("README"), Placed::Replaced(_)));
        assert!(matches!(place("readme"), Placed::New(name) if name.as_str() == "readme (1)"));
        assert!(matches!(place("ReadMe"), Placed::New(name) if name.as_str() == "readme (2)"));
        let read = |name: &str| fs::read_to_string(dir.path().join("there").join(name)).unwrap();
        assert_eq!(["readme", "readme (1)", "readme (2)"].map(read), ["first", "second", "third"]);
    }
}
