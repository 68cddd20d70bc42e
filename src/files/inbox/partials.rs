//! A list of what unfinished transfers have left, for whoever wants to see or remove it.

use super::Inbox;
use super::earlier::{Earlier, Ground, Left, Names, left_in, private};
use super::journal::lines::Kind::{File, Folder as Tree};
use super::plan::costs;
use crate::events::Partial as About;
use crate::failure::{Failure, Kind};
use crate::platform::folder::Folder;
use pinhole_protocol::wire::{Offer, PeerName};
use std::path::Path;

/// Remains of an unfinished transfer. Nobody goes on with it meanwhile.
#[derive(Debug)]
pub struct Partial {
    /// Facts of it.
    pub about: About,
    left: Left,
}

impl Partial {
    /// Facts of it, which others may go on with.
    #[must_use]
    pub fn seen(self) -> About {
        self.about
    }

    /// Removes it with its journal, unless it is in use. The facts of it say if it is removed.
    #[must_use]
    pub fn remove(self) -> About {
        let Self { about, left } = self;
        let removed = !about.in_use && left.remove(|_| true);
        About { removed, ..about }
    }
}

/// Those in the folder `dir`, the latest first; none where others may write.
///
/// # Errors
/// A [`Failure`] with exit 8 if the folder cannot be opened.
pub fn partials(dir: &Path) -> Result<Vec<Partial>, Failure> {
    let opened = dir.canonicalize().and_then(|path| Ok((Folder::open(&path)?, path)));
    let (folder, path) = opened.map_err(|error| {
        let cannot = format!("the folder {} cannot be opened: {error}", dir.display());
        Failure::new(Kind::Disk, cannot).next("name another with -o DIR")
    })?;
    Ok(listed(Ground::safe(&path, folder)))
}

/// Those in the private directories in `base`.
#[must_use]
pub fn private_partials(base: &Path) -> Vec<Partial> {
    listed(private(base))
}

impl Inbox {
    /// Remains of other transfers here, the oldest first, that have to go before there is room for
    /// an offer; none if that would not do.
    #[must_use]
    pub fn in_the_way(&self, offer: &Offer) -> Vec<Partial> {
        let (place, (_, stored)) = (&self.0, costs(offer));
        let Ok(folder) = place.folder.reopen() else { return Vec::new() };
        let offered: Names<'_> = offer
            .items
            .iter()
            .flat_map(|item| [File, Tree].map(|kind| (item.bytes(), kind)))
            .collect();
        let spare = Earlier::of(place, &place.folder, &offered).spare();
        let mut lacks = place.room.lacks(stored.beside(spare), &place.folder);
        let mut chosen = Vec::new();
        for partial in listed(Ground::safe(&place.path, folder)).into_iter().rev() {
            let unused = !partial.about.in_use;
            if lacks > 0 && unused && !partial.left.is_of(&offered) {
                lacks = lacks.saturating_sub(partial.left.kept(|_| true));
                chosen.push(partial);
            }
        }
        if lacks > 0 { Vec::new() } else { chosen }
    }
}

fn listed(grounds: impl IntoIterator<Item = Ground>) -> Vec<Partial> {
    let mut all: Vec<_> = grounds.into_iter().flat_map(left_in).filter_map(Partial::of).collect();
    all.sort_by_key(|partial| std::cmp::Reverse(partial.about.grown));
    all
}

impl Partial {
    /// Nothing for a journal that tells of nothing, or of what is delivered.
    fn of(left: Left) -> Option<Self> {
        let told = &left.found.told;
        if !told.named.is_empty() && left.is_empty() {
            return None;
        }
        let first = told.items.first()?;
        let about = About {
            name: PeerName::new(first.name.0.clone()),
            items: told.items.len(),
            bytes: told.wrote.bytes,
            size: told.wrote.of,
            grown: left.found.grown,
            in_use: left.found.held.is_none(),
            removed: false,
            path: left.ground.path.join(&first.part),
        };
        Some(Self { about, left })
    }
}
