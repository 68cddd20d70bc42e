//! Joining what arrives with a folder that is there (`--conflict merge`). It has arrived whole in
//! its hidden folder, and is moved from there beneath held handles: a file where there is none or
//! in place of a plain file, a folder as it is where there is none; one that meets another is gone
//! through in its turn. Links are made last, where they belong. What meets anything else stays
//! behind, and so does what would meet something of its own transfer. Nothing is removed, and each
//! file is the old one or the new one at any time. Once something may have been moved, what fails
//! is missing, and the rest with it if nothing more can be done.

mod acts;

use super::making::SAME;
use super::tree::{FolderId, Reach, Tree};
use super::{Incoming, Item, Link};
use crate::events::Acting;
use crate::files::acting::{Marked, Place as Machine};
use crate::files::inbox::folder::{Folder, Identity, Ours};
use crate::files::inbox::ground::{Ground, is_closed, reason};
use crate::files::inbox::{Conflict, Links, Place, Refusal};
use crate::files::name::FileName;
use crate::platform::cause::Cause;
use crate::platform::folder::Group;
use crate::platform::name::{bytes, from_bytes};
use acts::Acts;
use pinhole_protocol::wire::{Differences, Fate, ItemKind, PeerName, Reason};
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

/// Folders and links in each item that is a folder.
#[derive(Debug)]
pub(super) struct Contents {
    /// Its folders, itself first and each before what is in it.
    folders: HashMap<usize, Vec<FolderId>>,
    /// Its links, each with the folder that it lies in.
    links: HashMap<usize, Vec<Kept>>,
}

/// A link that was made where it came.
#[derive(Debug)]
struct Kept {
    within: FolderId,
    name: FileName,
    target: Box<[u8]>,
}

/// Outcome of joining an item.
#[derive(Debug)]
pub(super) struct Joined {
    /// Things of it that are not there as they were sent.
    pub(super) differences: Differences,
    /// Files of it that are not there, and their bytes.
    pub(super) lost: (u32, u64),
    /// Files that were there and are replaced.
    pub(super) replaced: u32,
    /// The folder that was there.
    pub(super) folder: Identity,
    /// Paths in it on which programs act, by the names there.
    pub(super) acts: Acting,
}

/// Way in which a folder goes where it belongs.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// One by one what is in it, because it is there; what of the machine that is.
    Joined(Option<Machine>),
    /// As it is, with all that is in it, or in one that goes so.
    Whole,
    /// Not at all.
    Blocked(Reason),
}

/// Outcome of placing a file, or of looking what it would be.
enum Placed {
    /// It is there, under this name.
    New(FileName),
    /// It is there in place of an old one, under this name.
    Replaced(FileName),
    /// It stays where it is.
    Not(Reason),
}

/// Joining one item.
struct Joining<'a> {
    incoming: &'a Incoming,
    tree: &'a Tree,
    contents: &'a [FolderId],
    links: &'a [Kept],
    /// Its name at the sender.
    offered: &'a [u8],
    /// Its name here.
    called: &'a FileName,
    /// The places in which programs act on whatever lies there.
    marked: Option<Marked>,
    /// The one of those that a person has said yes to.
    said: Option<Machine>,
    acts: Acts,
    there: There<'a>,
    /// True if nothing is moved: it is only seen what would be.
    only_look: bool,
    /// The folder whose files are being moved.
    underway: Option<FolderId>,
    /// Links that have been seen to.
    linked: usize,
    /// Things with another name there than where they come from, as hashes of paths at the sender.
    /// No link goes by them.
    renamed: HashSet<u64>,
    /// Names at the sender of what has another where it comes from, if there are links that may go
    /// by them.
    originals: HashMap<(FolderId, &'a OsStr), &'a [u8]>,
    /// Folders there that hold something of this item.
    entered: HashSet<(u64, u64)>,
    /// Those that nothing tells from each other: what each is in, and its folded name.
    entered_by_name: HashSet<(FolderId, Vec<u8>)>,
    /// The groups that folders of this transfer's own get from those that they went into.
    groups: HashMap<FolderId, Group>,
    /// Folders where they come from.
    hidden: Reach,
    /// Folders where they go.
    reach: Reach,
    joined: Joined,
}

/// The folder that is there, and what those of the item are in it.
struct There<'a> {
    tree: &'a Tree,
    root: Folder,
    ways: HashMap<FolderId, Way>,
    /// Those that have another name there than where they come from.
    aside: HashMap<FolderId, FileName>,
}

impl Incoming {
    /// The contents of the items that may be joined; `None` if none may.
    pub(super) fn contents(&self, links: Vec<(Link, FileName)>) -> Option<Contents> {
        let joins = |item: &Item| {
            item.planned.conflict == Conflict::Merge && item.planned.kind == ItemKind::Folder
        };
        self.items.iter().any(joins).then(|| {
            let mut contents = Contents { folders: self.tree().by_item(), links: HashMap::new() };
            for (Link { at, target }, name) in links {
                if let Some((within, _)) = at.within {
                    contents.links.entry(at.item).or_default().push(Kept { within, name, target });
                }
            }
            contents
        })
    }

    /// Looks for what would be in the way of items that are to be joined. A sender that cannot hear
    /// of what is missing is refused for it, before anything is moved.
    pub(super) fn check_joins(&self, contents: Option<&Contents>) -> Result<(), Refusal> {
        for (index, item) in self
            .items
            .iter()
            .enumerate()
            .filter(|(_, item)| item.planned.conflict == Conflict::Merge)
        {
            let failed = |error: io::Error| Refusal::disk(&item.planned.name, &error);
            let there = self.place.folder.kind(item.planned.name.as_os_str()).map_err(failed)?;
            let blocked = match (there, item.planned.kind, contents) {
                (None, ..) => None,
                (Some(there), ItemKind::Folder, Some(contents)) if there.is_dir() => {
                    let joined =
                        self.join(index, &item.planned.name, contents, &Acting::default(), true);
                    joined.map_or_else(Some, |joined| first_missing(&joined.differences))
                }
                (Some(there), kind, _) => {
                    (kind == ItemKind::Folder || !there.is_file()).then_some(Reason::Exists)
                }
            };
            if let Some(reason) = blocked {
                return Err(Refusal::blocked(&item.planned.name, reason));
            }
        }
        Ok(())
    }

    /// Moves what is in an item's hidden folder into the folder `name` that is there, or with
    /// `only_look` sees what that would come to; a reason if it cannot be gone into. `acts` is what
    /// programs act on in it.
    pub(super) fn join(
        &self,
        index: usize,
        name: &FileName,
        contents: &Contents,
        acts: &Acting,
        only_look: bool,
    ) -> Result<Joined, Reason> {
        let item = self.items.get(index).ok_or(Reason::Failed)?;
        let root =
            self.place.folder.open_folder(name.as_os_str()).map_err(|error| reason(&error))?;
        let folder = root.own_identity().map_err(|error| reason(&error))?;
        let place = &self.place;
        let (ground, said) = place.grounds(&root, name);
        if is_closed(ground, said) {
            return Err(Reason::Declined);
        }
        let tree = self.tree();
        let links = contents.links.get(&index).map_or(&[][..], Vec::as_slice);
        let mut joining = Joining {
            incoming: self,
            tree: &tree,
            contents: contents.folders.get(&index).map_or(&[], Vec::as_slice),
            links,
            offered: item.planned.offered.raw(),
            called: name,
            marked: place.places.as_ref().map(|places| places.marked()),
            said,
            acts: Acts::of(acts),
            there: There { tree: &tree, root, ways: HashMap::new(), aside: HashMap::new() },
            only_look,
            underway: None,
            linked: 0,
            renamed: HashSet::new(),
            originals: if links.is_empty() { HashMap::new() } else { tree.originals() },
            entered: HashSet::from([folder.place()]),
            entered_by_name: HashSet::new(),
            groups: HashMap::new(),
            hidden: Reach::default(),
            reach: Reach::default(),
            joined: Joined {
                differences: Differences::default(),
                lost: (0, 0),
                replaced: 0,
                folder,
                acts: Acting::default(),
            },
        };
        if let Err(error) = joining.all(ground) {
            joining.give_up(reason(&error));
        }
        if !only_look {
            joining.finish();
        }
        Ok(Joined { acts: joining.acts.there(), ..joining.joined })
    }
}

impl Joining<'_> {
    /// Moves everything.
    ///
    /// # Errors
    /// A failure that ends it where it is. If one thing of its own fails, that alone is missing.
    fn all(&mut self, ground: Option<Machine>) -> io::Result<()> {
        if !self.only_look {
            self.take_links()?;
        }
        for id in self.contents {
            self.folder(*id, ground)?;
        }
        self.make_links()
    }

    /// Removes the links where they came: where they go they are made last, each if it does not
    /// lead out there.
    fn take_links(&mut self) -> io::Result<()> {
        let Self { incoming, tree, hidden, .. } = self;
        for Kept { within, name, .. } in self.links {
            hidden
                .own_folder(&incoming.place.folder, &incoming.items, tree, *within)?
                .unlink(name.as_os_str())?;
        }
        Ok(())
    }

    /// Has a folder go its way, the item's own into `ground`. Those that it lies in have gone
    /// theirs.
    fn folder(&mut self, id: FolderId, ground: Option<Machine>) -> io::Result<()> {
        self.incoming.check_wanted()?;
        let above =
            self.tree.parent(id).map(|parent| (parent, self.there.ways.get(&parent).copied()));
        let mut way = match above {
            None => Way::Joined(ground),
            // A folder that could not be made has been noted.
            Some(_) if !self.tree.is_there(id) => Way::Whole,
            Some((parent, Some(Way::Joined(above)))) => self.enter(parent, above, id)?,
            Some((_, Some(blocked @ Way::Blocked(_)))) => blocked,
            Some((parent, _)) => {
                if let Some(group) = self.groups.get(&parent) {
                    self.groups.insert(id, *group);
                }
                Way::Whole
            }
        };
        self.there.ways.insert(id, way);
        if let Way::Joined(ground) = way {
            self.underway = Some(id);
            way = self.files(id, ground)?;
            self.underway = None;
        }
        if let Way::Blocked(reason) = way {
            self.block(id, reason)?;
        }
        Ok(())
    }

    /// Notes a folder that does not go where it belongs, and what is in it but for folders.
    fn block(&mut self, id: FolderId, reason: Reason) -> io::Result<()> {
        self.there.ways.insert(id, Way::Blocked(reason));
        if !self.tree.is_item(id) {
            self.differ(id, None, Fate::Missing(reason));
        }
        self.lose_files(id, reason)
    }

    /// Moves a folder where there is none, or finds that it is there. It goes into one that is
    /// `above` of the machine.
    fn enter(&mut self, parent: FolderId, above: Option<Machine>, id: FolderId) -> io::Result<Way> {
        let ground = self.ground(parent, above);
        let place = &self.incoming.place;
        let from =
            self.hidden.own_folder(&place.folder, &self.incoming.items, self.tree, parent)?;
        let own = from.open_own_folder(self.tree.name(id))?;
        let made = own.own_identity()?;
        let there = match own_matter(self.there.open(&mut self.reach, parent))? {
            Ok(there) => there,
            Err(reason) => return Ok(Way::Blocked(reason)),
        };
        let Ok(parsed) = FileName::parse(bytes(self.tree.name(id))) else {
            return Ok(Way::Blocked(Reason::BadName));
        };
        let wanted = ground.harmless(parsed.name.clone());
        let aside = wanted != parsed.name;
        let mut found = None;
        for to in place.names_for(&wanted, aside) {
            if aside && is_taken(from, &to) {
                continue;
            }
            let went = go(from, parsed.name.as_os_str(), there, to.as_os_str(), self.only_look);
            let (way, at) = match own_matter(went)? {
                Ok(()) => (Way::Whole, made),
                Err(Reason::Exists) => {
                    let opened = there
                        .open_folder(to.as_os_str())
                        .and_then(|there| Ok((there.own_identity()?, there)));
                    match own_matter(opened)? {
                        Ok((which, there)) => {
                            let ground =
                                self.marked.as_ref().and_then(|marked| marked.below(above, &there));
                            if is_closed(ground, self.said) {
                                return Ok(Way::Blocked(Reason::Declined));
                            }
                            (Way::Joined(ground), which)
                        }
                        // Under a name that is not its own it need not be.
                        Err(Reason::Exists) if aside => continue,
                        Err(reason) => return Ok(Way::Blocked(reason)),
                    }
                }
                Err(reason) => return Ok(Way::Blocked(reason)),
            };
            // Of two that are one there, the second stays behind.
            let is_first = if at.is_known() {
                self.entered.insert(at.place())
            } else {
                self.entered_by_name.insert((parent, to.folded()))
            };
            if is_first {
                found = Some((way, to));
                break;
            }
            if !aside {
                return Ok(Way::Blocked(Reason::Exists));
            }
        }
        let Some((way, to)) = found else { return Ok(Way::Blocked(Reason::Exists)) };
        if let (Way::Whole, Some(group)) = (way, there.group()) {
            self.groups.insert(id, group);
        }
        if aside {
            self.differ(id, None, Fate::Renamed(PeerName::new(to.bytes().to_vec())));
            self.renamed.insert(self.tree.hash_of(id));
            self.acts.renamed(self.tree, parent, parsed.name.as_os_str(), &to);
            self.there.aside.insert(id, to);
        }
        Ok(way)
    }

    /// Moves the files of a folder that is there, and says what came of the folder.
    fn files(&mut self, id: FolderId, ground: Option<Machine>) -> io::Result<Way> {
        let way = Way::Joined(ground);
        let ground = self.ground(id, ground);
        let place = &self.incoming.place;
        let from = self.hidden.own_folder(&place.folder, &self.incoming.items, self.tree, id)?;
        let there = match own_matter(self.there.open(&mut self.reach, id))? {
            Ok(there) => there,
            Err(reason) => return Ok(Way::Blocked(reason)),
        };
        let (mut placed, group) = (Ours::default(), there.group().filter(|_| !self.only_look));
        // A listing may pass over names while others go: the last is one in which nothing went.
        loop {
            let mut went = false;
            for entry in from.entries()? {
                self.incoming.check_wanted()?;
                let (name, kind) = entry?;
                let parsed = FileName::parse(bytes(&name)).ok().filter(|parsed| !parsed.changed);
                let Some(parsed) = parsed.filter(|_| kind.is_file()) else { continue };
                if let Some(group) = group {
                    from.give_group(&name, group);
                }
                let to = ground.harmless(parsed.name.clone());
                let aside = to != parsed.name;
                let one = place_one(
                    place,
                    from,
                    &parsed.name,
                    there,
                    (to, aside),
                    &mut placed,
                    self.only_look,
                )?;
                let fate = match &one {
                    Placed::New(to) | Placed::Replaced(to) if to.as_os_str() != name => {
                        self.acts.renamed(self.tree, id, &name, to);
                        if !self.links.is_empty() {
                            let original = self
                                .originals
                                .get(&(id, name.as_os_str()))
                                .copied()
                                .unwrap_or(bytes(&name));
                            self.renamed.insert(self.tree.hash_in(id, original));
                        }
                        Some(Fate::Renamed(PeerName::new(to.bytes().to_vec())))
                    }
                    Placed::Not(reason) => Some(Fate::Missing(*reason)),
                    _ => None,
                };
                if let Some(fate) = fate {
                    differ(&mut self.joined, self.tree, self.offered, id, Some(&name), fate);
                }
                match one {
                    Placed::New(_) => {}
                    Placed::Replaced(_) => {
                        self.joined.replaced = self.joined.replaced.saturating_add(1)
                    }
                    Placed::Not(_) => {
                        lose(&mut self.joined, from.length(&name)?);
                        if !self.only_look {
                            from.unlink(&name)?;
                        }
                    }
                }
                went = true;
            }
            if !went || self.only_look {
                return Ok(way);
            }
        }
    }

    /// The rules for names in a folder that is there.
    fn ground(&self, id: FolderId, machine: Option<Machine>) -> Ground {
        let end = self.tree.end_of_path(id, self.called.as_os_str(), |id| self.there.name(id));
        Ground::new(
            machine,
            self.incoming.place.acting && (machine.is_none() || machine == self.said),
            end,
        )
    }

    /// Notes the files of a folder that does not go where it belongs.
    fn lose_files(&mut self, id: FolderId, reason: Reason) -> io::Result<()> {
        let from = self.hidden.own_folder(
            &self.incoming.place.folder,
            &self.incoming.items,
            self.tree,
            id,
        )?;
        for entry in from.entries()? {
            let (name, kind) = entry?;
            if kind.is_file() {
                lose(&mut self.joined, from.length(&name)?);
                differ(
                    &mut self.joined,
                    self.tree,
                    self.offered,
                    id,
                    Some(&name),
                    Fate::Missing(reason),
                );
            }
        }
        Ok(())
    }

    /// Makes the links where they belong, each if it does not lead out of the folder by way of what
    /// is there, or all if they are wanted as they are.
    fn make_links(&mut self) -> io::Result<()> {
        self.open_up()?;
        let mut made = Vec::new();
        for link in self.links {
            self.incoming.check_wanted()?;
            match own_matter(self.make_link(link))? {
                Ok(None) => {}
                Ok(Some(LinkFate::Made(name))) => {
                    if name != link.name {
                        self.differ(
                            link.within,
                            Some(link.name.as_os_str()),
                            Fate::Renamed(PeerName::new(name.bytes().to_vec())),
                        );
                        self.acts.renamed(self.tree, link.within, link.name.as_os_str(), &name);
                    }
                    made.push((link, name));
                }
                Ok(Some(LinkFate::Not(fate))) => {
                    self.differ(link.within, Some(link.name.as_os_str()), fate)
                }
                Err(reason) => {
                    self.differ(link.within, Some(link.name.as_os_str()), Fate::Missing(reason))
                }
            }
            self.linked = self.linked.saturating_add(1);
        }
        // Links that were made after one decide where it leads. Without some of them fewer lead
        // anywhere.
        let mut removed = Ok(());
        for (link, name) in made {
            let path = self.there.path(link.within);
            if self.incoming.place.links == Links::All
                || !self.there.root.leads_out(&path, Some(name.as_os_str()), &link.target, false)
            {
                continue;
            }
            let there = self.there.open(&mut self.reach, link.within);
            match there.and_then(|there| there.unlink(name.as_os_str())) {
                // It is there, so it is not said to be left out. The others go all the same.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    removed = removed.and(Err(error))
                }
                _ => self.differ(
                    link.within,
                    Some(link.name.as_os_str()),
                    Fate::LeftOut(Reason::Link),
                ),
            }
        }
        removed
    }

    /// Makes one; nothing if there is the same already.
    fn make_link(&mut self, link: &Kept) -> io::Result<Option<LinkFate>> {
        let way = self.there.ways.get(&link.within).copied();
        if let Some(Way::Blocked(reason)) = way {
            return Ok(Some(LinkFate::Not(Fate::Missing(reason))));
        }
        let left_out = Ok(Some(LinkFate::Not(Fate::LeftOut(Reason::Link))));
        if self.tree.goes_by(link.within, &link.target, &self.renamed) {
            return left_out;
        }
        // Nothing is in the way in what is not there yet.
        if self.only_look && matches!(way, Some(Way::Whole)) {
            return Ok(None);
        }
        let ground = if let Some(Way::Joined(ground)) = way {
            Some(self.ground(link.within, ground))
        } else {
            None
        };
        let path = self.there.path(link.within);
        let place = &self.incoming.place;
        let there = self.there.open(&mut self.reach, link.within)?;
        let target = from_bytes(&link.target);
        let wanted =
            ground.map_or_else(|| link.name.clone(), |ground| ground.harmless(link.name.clone()));
        let aside = wanted != link.name;
        for to in place.names_for(&wanted, aside) {
            match there.kind(to.as_os_str())? {
                Some(met)
                    if met.is_symlink() && there.link_text(to.as_os_str())? == *link.target =>
                {
                    return Ok(None);
                }
                Some(_) if aside => continue,
                Some(_) => return Ok(Some(LinkFate::Not(Fate::Missing(Reason::Exists)))),
                None if self.only_look => return Ok(None),
                None => {}
            }
            if place.links != Links::All
                && self.there.root.leads_out(&path, None, &link.target, false)
            {
                return left_out;
            }
            return match there.create_link(to.as_os_str(), target) {
                Ok(()) => Ok(Some(LinkFate::Made(to))),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && aside => continue,
                Err(error) => Err(error),
            };
        }
        Ok(Some(LinkFate::Not(Fate::Missing(Reason::Exists))))
    }

    /// Lets what is in folders of this transfer's own be reached that are there as they are, for
    /// links to be looked after in them.
    fn open_up(&mut self) -> io::Result<()> {
        if self.links.is_empty() || self.only_look {
            return Ok(());
        }
        for id in self
            .whole()
            .filter(|id| self.tree.finish(*id).is_some_and(|finish| finish.mode & 0o700 != 0o700))
        {
            let opened = self.there.open(&mut self.reach, id);
            // A link that leads there is left out then.
            let _closed = own_matter(opened)?;
        }
        Ok(())
    }

    /// Gives folders that are there as they are their permissions and times, the deepest first, if
    /// they have not kept them, and a group with what is in them, if that goes with where they are.
    fn finish(&mut self) {
        for id in self.whole().rev() {
            let Some(parent) = self.tree.parent(id) else { continue };
            let moved = matches!(self.there.ways.get(&parent), Some(Way::Joined(_)));
            let group = self.groups.get(&id).copied();
            if !moved && self.links.is_empty() && group.is_none() {
                continue;
            }
            let there = self.there.open(&mut self.reach, parent);
            let own = there.and_then(|there| there.open_own_folder(self.there.name(id)));
            if let (Ok(own), Some(finish)) = (own, self.tree.finish(id)) {
                if let Some(group) = group {
                    let entries = own.entries().into_iter().flatten().filter_map(Result::ok);
                    entries
                        .filter(|(_, kind)| kind.is_file())
                        .for_each(|(name, _)| own.give_group(&name, group));
                    own.take_group(group);
                }
                own.finish(finish);
            }
        }
    }

    /// Nothing more can be moved: the rest is missing.
    fn give_up(&mut self, reason: Reason) {
        // Handles that are held may be what is lacking.
        (self.hidden, self.reach) = (Reach::default(), Reach::default());
        let mut uncounted =
            self.underway.take().is_some_and(|id| self.lose_files(id, reason).is_err());
        for id in self.contents {
            if self.there.ways.contains_key(id) {
                continue;
            }
            let way = self.tree.parent(*id).and_then(|parent| self.there.ways.get(&parent));
            match way {
                Some(Way::Whole) => drop(self.there.ways.insert(*id, Way::Whole)),
                _ => uncounted |= self.block(*id, reason).is_err(),
            }
        }
        for link in self.links.iter().skip(self.linked) {
            self.differ(link.within, Some(link.name.as_os_str()), Fate::Missing(reason));
        }
        if uncounted || self.joined.differences.missing() == 0 {
            self.joined.differences.add_unnamed([0, 1, 0]);
        }
    }

    /// Folders that are there as they are, each before what is in it.
    fn whole(&self) -> impl DoubleEndedIterator<Item = FolderId> + use<> {
        let is_whole = |id: &FolderId| {
            self.tree.is_there(*id) && matches!(self.there.ways.get(id), Some(Way::Whole))
        };
        let whole: Vec<FolderId> = self.contents.iter().copied().filter(is_whole).collect();
        whole.into_iter()
    }

    fn differ(&mut self, id: FolderId, name: Option<&OsStr>, fate: Fate) {
        differ(&mut self.joined, self.tree, self.offered, id, name, fate);
    }
}

impl There<'_> {
    /// Opens a folder of the item, by the names that those above it have. What is of this transfer
    /// is opened whatever its permissions.
    fn open<'a>(&self, reach: &'a mut Reach, id: FolderId) -> io::Result<&'a Folder> {
        let top = || self.root.open_folder(OsStr::new("."));
        reach.open(self.tree, id, top, |above, id| match self.ways.get(&id) {
            Some(Way::Whole) => above.open_own_folder(self.name(id)),
            _ => above.open_folder(self.name(id)),
        })
    }

    /// The name there of a folder of the item.
    fn name(&self, id: FolderId) -> &OsStr {
        self.aside.get(&id).map_or_else(|| self.tree.name(id), FileName::as_os_str)
    }

    /// The path of such a folder, below the one that is there.
    fn path(&self, id: FolderId) -> PathBuf {
        self.tree.path_by(id, |id| self.name(id))
    }
}

/// Outcome of making a link.
enum LinkFate {
    /// It is there, under this name.
    Made(FileName),
    Not(Fate),
}

impl Place {
    /// The names that are tried for something: with numbers too, if it does not keep its own.
    fn names_for(&self, wanted: &FileName, aside: bool) -> impl Iterator<Item = FileName> {
        let longest = self.known().longest_name;
        let numbers = 0..=if aside { SAME } else { 0 };
        numbers.map(move |number| wanted.numbered_within(number, longest))
    }
}

/// Notes what became of a folder, or of what is called `name` in it where it comes from.
fn differ(
    joined: &mut Joined,
    tree: &Tree,
    offered: &[u8],
    id: FolderId,
    name: Option<&OsStr>,
    fate: Fate,
) {
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

/// Moves something unless something has its name there, or only looks if it could be.
fn go(from: &Folder, name: &OsStr, there: &Folder, to: &OsStr, only_look: bool) -> io::Result<()> {
    match only_look {
        false => from.move_as_new(name, there, to),
        true if there.kind(to)?.is_none() => there.takes_from(from),
        true => there.takes_from(from).and(Err(Cause::Taken.into())),
    }
}

/// True if another of the same transfer has this name in the folder that it comes from.
fn is_taken(from: &Folder, name: &FileName) -> bool {
    from.kind(name.as_os_str()).is_ok_and(|kind| kind.is_some())
}

/// Moves a file to `wanted`, which is not its own name if it goes `aside`. `placed` is what of the
/// same transfer is there already: that is not replaced, and the later one gets a number.
fn place_one(
    place: &Place,
    from: &Folder,
    name: &FileName,
    there: &Folder,
    (wanted, aside): (FileName, bool),
    placed: &mut Ours,
    only_look: bool,
) -> io::Result<Placed> {
    let own = from.identity(name.as_os_str())?;
    for (number, to) in place.names_for(&wanted, true).enumerate() {
        if aside && is_taken(from, &to) {
            continue;
        }
        match own_matter(go(from, name.as_os_str(), there, to.as_os_str(), only_look))? {
            Ok(()) => {
                placed.add(own, &to);
                return Ok(Placed::New(to));
            }
            Err(Reason::Exists) => {}
            Err(reason) => return Ok(Placed::Not(reason)),
        }
        if number > 0 || there.identity(to.as_os_str()).is_ok_and(|met| placed.has(met, &to)) {
            continue;
        }
        match own_matter(there.kind(to.as_os_str()))? {
            Ok(Some(met)) if met.is_file() => {}
            // Under a name that is not its own it need not be.
            Ok(_) if aside => continue,
            Ok(_) => return Ok(Placed::Not(Reason::Exists)),
            Err(reason) => return Ok(Placed::Not(reason)),
        }
        let over = if only_look {
            Ok(())
        } else {
            from.move_over(name.as_os_str(), there, to.as_os_str())
        };
        if let Err(reason) = own_matter(over)? {
            return Ok(Placed::Not(reason));
        }
        placed.add(own, &to);
        return Ok(Placed::Replaced(to));
    }
    Ok(Placed::Not(Reason::Exists))
}

/// Takes a failure for one thing's own matter, unless nothing else could be done either.
fn own_matter<T>(done: io::Result<T>) -> io::Result<Result<T, Reason>> {
    match done {
        Ok(done) => Ok(Ok(done)),
        Err(error) => match Cause::of(&error) {
            Some(Cause::Full | Cause::TooManyOpen | Cause::NoMemory | Cause::Cancelled) => {
                Err(error)
            }
            _ => Ok(Err(reason(&error))),
        },
    }
}

/// The first reason for which something is missing.
pub(super) fn first_missing(differences: &Differences) -> Option<Reason> {
    let named = differences
        .first()
        .iter()
        .find_map(|one| if let Fate::Missing(reason) = one.fate { Some(reason) } else { None });
    named.or_else(|| (differences.missing() > 0).then_some(Reason::Disk))
}

fn lose(joined: &mut Joined, bytes: u64) {
    joined.lost = (joined.lost.0.saturating_add(1), joined.lost.1.saturating_add(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::inbox::folder::PRETENDED;
    use crate::files::inbox::{Inbox, Policy};
    use rustix::io::Errno;
    use std::fs;

    #[test]
    fn what_fails_for_something_is_its_own_matter_unless_nothing_else_could_be_done() {
        let own = |errno: Errno| own_matter::<()>(Err(errno.into()));
        for (errno, reason) in [
            (Errno::NOTCONN, Reason::Disk),
            (Errno::STALE, Reason::Disk),
            (Errno::NOENT, Reason::Disk),
            (Errno::IO, Reason::Disk),
            (Errno::NOKEY, Reason::Disk),
            (Errno::ACCESS, Reason::Disk),
            (Errno::XDEV, Reason::Disk),
            (Errno::LOOP, Reason::Exists),
            (Errno::NAMETOOLONG, Reason::BadName),
        ] {
            assert_eq!(own(errno).unwrap().unwrap_err(), reason, "{errno:?}");
        }
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            assert!(own(errno).is_err(), "{errno:?}");
        }
    }

    #[test]
    fn what_of_a_transfer_is_there_already_is_never_replaced_by_it() {
        for pretended in [false, true] {
            PRETENDED.set(pretended);
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("from")).unwrap();
            fs::create_dir_all(dir.path().join("there")).unwrap();
            let root = Folder::open(dir.path()).unwrap();
            let [from, there] =
                ["from", "there"].map(|name| root.open_folder(name.as_ref()).unwrap());
            for (name, content) in [
                ("from/README", "first"),
                ("from/readme", "second"),
                ("from/ReadMe", "third"),
                ("there/readme", "old"),
            ] {
                fs::write(dir.path().join(name), content).unwrap();
            }
            // A folder that takes the three for one name has the first under it when the others
            // come.
            let (mut placed, one) = (Ours::default(), FileName::parse(b"readme").unwrap().name);
            let desk = Inbox::open(dir.path(), Policy::default()).unwrap();
            let mut place = |name: &str| {
                let name = FileName::parse(name.as_bytes()).unwrap().name;
                place_one(&desk.0, &from, &name, &there, (one.clone(), false), &mut placed, false)
                    .unwrap()
            };
            assert!(matches!(place("README"), Placed::Replaced(_)));
            assert!(matches!(place("readme"), Placed::New(name) if name.as_str() == "readme (1)"));
            assert!(matches!(place("ReadMe"), Placed::New(name) if name.as_str() == "readme (2)"));
            let read =
                |name: &str| fs::read_to_string(dir.path().join("there").join(name)).unwrap();
            assert_eq!(
                ["readme", "readme (1)", "readme (2)"].map(read),
                ["first", "second", "third"]
            );
        }
        PRETENDED.set(false);
    }
}
