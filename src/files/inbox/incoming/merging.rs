//! Joining what arrives with a folder that is there (`--conflict merge`). It has arrived whole in
//! its hidden folder, and is moved from there beneath held handles: a file where there is none or
//! in place of a plain file, a folder as it is where there is none; one that meets another is gone
//! through in its turn. Links are made last, where they belong. What meets anything else stays
//! behind, and so does what would meet something of its own transfer. Nothing is removed, and each
//! file is the old one or the new one at any time. Once something may have been moved, what fails
//! is missing, and the rest with it if nothing more can be done.

mod acts;
mod folders;
mod links;
mod placing;
mod there;

use super::reach::Reach;
use super::registering::Link;
use super::tree::{FolderId, Tree};
use super::{Incoming, Item};
use crate::events::Acting;
use crate::files::acting::{Marked, Place as Machine};
use crate::files::inbox::folder::Identity;
use crate::files::inbox::ground::{is_closed, reason};
use crate::files::inbox::{Conflict, Refusal};
use crate::files::name::FileName;
use crate::platform::folder::Group;
use acts::Acts;
use pinhole_protocol::wire::{Differences, Fate, ItemKind, Reason};
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use there::{There, Way};

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
        self.joined.differ(self.tree, self.offered, id, name, fate);
    }
}

impl Joined {
    /// Notes what became of a folder, or of what is called `name` in it where it comes from.
    fn differ(
        &mut self,
        tree: &Tree,
        offered: &[u8],
        id: FolderId,
        name: Option<&OsStr>,
        fate: Fate,
    ) {
        let differences = &mut self.differences;
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

    /// Notes that a file of so many bytes is not there.
    fn lose(&mut self, bytes: u64) {
        self.lost = (self.lost.0.saturating_add(1), self.lost.1.saturating_add(bytes));
    }
}

/// The first reason for which something is missing.
pub(super) fn first_missing(differences: &Differences) -> Option<Reason> {
    let unnamed = || (differences.missing() > 0).then_some(Reason::Disk);
    differences.first_missing().or_else(unnamed)
}
