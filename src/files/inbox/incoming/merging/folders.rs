//! Folders of an item that is joined: each goes as it is where there is none, and one that meets
//! another is gone through.

use super::Joining;
use super::placing::{Placed, go, is_taken, own_matter, place_one};
use super::there::Way;
use crate::files::acting::Place as Machine;
use crate::files::inbox::folder::GivenNames;
use crate::files::inbox::ground::{Ground, is_closed};
use crate::files::inbox::incoming::tree::FolderId;
use crate::files::name::FileName;
use crate::platform::name::bytes;
use pinhole_protocol::wire::{Fate, PeerName, Reason};
use std::io;

impl Joining<'_> {
    /// Has a folder go its way, the item's own into `ground`. Those that it lies in have gone
    /// theirs.
    pub(super) fn folder(&mut self, id: FolderId, ground: Option<Machine>) -> io::Result<()> {
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
    pub(super) fn block(&mut self, id: FolderId, reason: Reason) -> io::Result<()> {
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
        let (mut placed, group) =
            (GivenNames::default(), there.group().filter(|_| !self.only_look));
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
                    self.joined.differ(self.tree, self.offered, id, Some(&name), fate);
                }
                match one {
                    Placed::New(_) => {}
                    Placed::Replaced(_) => {
                        self.joined.replaced = self.joined.replaced.saturating_add(1)
                    }
                    Placed::Not(_) => {
                        self.joined.lose(from.length(&name)?);
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
    pub(super) fn ground(&self, id: FolderId, machine: Option<Machine>) -> Ground {
        let end = self.tree.end_of_path(id, self.called.as_os_str(), |id| self.there.name(id));
        Ground::new(
            machine,
            self.incoming.place.acting && (machine.is_none() || machine == self.said),
            end,
        )
    }

    /// Notes the files of a folder that does not go where it belongs.
    pub(super) fn lose_files(&mut self, id: FolderId, reason: Reason) -> io::Result<()> {
        let from = self.hidden.own_folder(
            &self.incoming.place.folder,
            &self.incoming.items,
            self.tree,
            id,
        )?;
        for entry in from.entries()? {
            let (name, kind) = entry?;
            if kind.is_file() {
                self.joined.lose(from.length(&name)?);
                self.joined.differ(self.tree, self.offered, id, Some(&name), Fate::Missing(reason));
            }
        }
        Ok(())
    }
}
