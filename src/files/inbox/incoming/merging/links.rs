//! Links of an item that is joined with a folder: made where they belong once all else is there.

use super::placing::own_matter;
use super::there::Way;
use super::{Joining, Kept};
use crate::files::inbox::Links;
use crate::files::name::FileName;
use crate::platform::name::from_bytes;
use pinhole_protocol::wire::{Fate, PeerName, Reason};
use std::io;

/// Outcome of making a link.
enum LinkFate {
    /// It is there, under this name.
    Made(FileName),
    Not(Fate),
}

impl Joining<'_> {
    /// Removes the links where they came: where they go they are made last, each if it does not
    /// lead out there.
    pub(super) fn take_links(&mut self) -> io::Result<()> {
        let Self { incoming, tree, hidden, .. } = self;
        for Kept { within, name, .. } in self.links {
            hidden
                .own_folder(&incoming.place.folder, &incoming.items, tree, *within)?
                .unlink(name.as_os_str())?;
        }
        Ok(())
    }

    /// Makes the links where they belong, each if it does not lead out of the folder by way of what
    /// is there, or all if they are wanted as they are.
    pub(super) fn make_links(&mut self) -> io::Result<()> {
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
}
