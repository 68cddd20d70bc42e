//! An offer, checked and named, before anything is on the disk.

use super::delivered::{Delivered, Known};
use super::earlier::{Earlier, Names};
use super::folder::cannot_hold;
use super::journal::lines::Kind as Kept;
use super::room::Cost;
use super::{Conflict, Inbox, Refusal};
use crate::events::Acting;
use crate::failure::{Failure, Kind, Subject};
use crate::files::name::FileName;
use pinhole_protocol::limits::{CREDIT, ENTRIES, ITEMS};
use pinhole_protocol::wire::{ItemKind, Offer, PeerName, Reason};
use std::collections::{HashMap, HashSet};
use std::ops::Add;

/// Preview of an offer's outcome. It names everything to a person or a policy, and [`Inbox::begin`]
/// carries it out.
#[derive(Debug)]
pub struct Plan {
    pub(super) items: Vec<Planned>,
    /// The folder in the directory that the items go into, made if it is not there.
    pub(super) folder: Option<FileName>,
    /// Entries and bytes that the sender has counted, and may not exceed.
    pub(super) counted: Option<(u32, u64)>,
    /// True if the sender takes news of what differs here (SPEC 7.8).
    pub(super) faithful: bool,
    /// Credit of the transfer at the most.
    pub(super) credit: u64,
    /// Inbox for a folder in which something acts, if not that of the others.
    pub(super) aside: Option<Inbox>,
    /// True if no such folder is taken.
    pub(super) strict: bool,
}

/// A top-level item of a plan.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its name at the peer.
    pub offered: PeerName,
    /// The name that it will have here.
    pub name: FileName,
    /// True if the user here has chosen that name.
    pub chosen: bool,
    /// File, folder or stream.
    pub kind: ItemKind,
    /// A file's size in bytes.
    pub size: Option<u64>,
    /// True if something has that name now.
    pub taken: bool,
    /// True if that is a folder as this is, so that the two may be joined.
    pub joins: bool,
    /// Treatment if something has that name when the item is complete.
    pub conflict: Conflict,
}

impl Inbox {
    /// Checks an offer and says what would become of it; nothing is written. `rename` is the name
    /// that the user wants for the only item, or else for a folder of them.
    ///
    /// # Errors
    /// A [`Refusal`] for a name that cannot be stored, for items of one name, for too much for
    /// `--max-size` or the disk, and for an offer that contradicts itself.
    pub fn plan(
        &self,
        offer: &Offer,
        rename: Option<FileName>,
        faithful: bool,
    ) -> Result<Plan, Refusal> {
        check_shape(offer)?;
        let place = &*self.0;
        let alone = offer.items.len() == 1;
        let (rename, folder) = if alone { (rename, None) } else { (None, rename) };
        let (folder, into) =
            folder.map(|name| place.folder_for_several(&name)).transpose()?.unzip();
        let into = into.flatten();
        let within = into.as_ref().unwrap_or(&place.folder);
        let mut items: Vec<Planned> = Vec::with_capacity(offer.items.len());
        let (mut offered, mut names, mut numbers) =
            (HashSet::new(), HashSet::new(), HashMap::new());
        for item in &offer.items {
            if !offered.insert(item.bytes()) {
                return Err(Refusal::protocol("offered two items with the same name"));
            }
            let parsed = FileName::parse(item.bytes());
            let parsed = parsed
                .map_err(|error| Refusal::name(format!("the offer cannot be stored: {error}")))?;
            let wanted = rename
                .clone()
                .unwrap_or_else(|| place.harmless(parsed.name, item.kind == ItemKind::Folder));
            // Different names there may be one name here; two items of one offer never meet,
            // whatever the policy.
            let number: &mut u32 = numbers.entry(wanted.clone()).or_default();
            let name = loop {
                let name = wanted.numbered(*number);
                *number = number.saturating_add(1);
                if names.insert(name.clone()) {
                    break name;
                }
            };
            let there = match (&folder, &into) {
                // Nothing is in a folder that has yet to be made.
                (Some(_), None) => Ok(None),
                _ => within.kind(name.as_os_str()),
            };
            // A name that the directory cannot hold is not in it; the item gets another in the end.
            let there =
                there.or_else(|error| if cannot_hold(&error) { Ok(None) } else { Err(error) });
            let there = there.map_err(|error| Refusal::disk(&name, &error))?;
            let meets = item.kind == ItemKind::Folder && there.is_some_and(|there| there.is_dir());
            let joined = meets.then(|| place.may_join(within, &name));
            if let (Some(Err(reason)), Conflict::Merge, true) = (joined, place.conflict, alone) {
                return Err(Refusal::blocked(&name, reason));
            }
            items.push(Planned {
                chosen: rename.is_some(),
                offered: PeerName::new(item.bytes().to_vec()),
                name,
                kind: item.kind,
                size: item.size,
                taken: there.is_some(),
                joins: joined.is_some_and(|joined| joined.is_ok()),
                conflict: place.conflict,
            });
        }
        // Nobody is to say what becomes of a file that is the very one.
        if items.iter().any(|item| item.taken && item.kind == ItemKind::File) {
            let earlier = Earlier::of(place, within, &names_of(&items));
            let mut known = Known::of(&earlier);
            for item in items.iter_mut().filter(|item| item.taken) {
                item.taken = item.known(&mut known).is_none();
            }
        }
        let plan = Plan {
            items,
            folder,
            counted: offer.counted.then_some((offer.entries, offer.bytes)),
            faithful,
            credit: CREDIT,
            aside: None,
            strict: false,
        };
        let (cost, stored) = costs(offer);
        let nowhere = plan.folder.is_some() && into.is_none();
        let check =
            |stored| place.room.check(&plan.what(), cost, stored, &place.folder, &place.path);
        match check(stored) {
            // Bytes that are here already need not be free.
            Err(Refusal { reason: Reason::NoSpace, .. }) if !nowhere => {
                let earlier = Earlier::of(place, within, &names_of(&plan.items));
                let mut known = Known::of(&earlier);
                let here = plan.items.iter().filter_map(|item| item.known(&mut known));
                let here = here.map(|delivered| delivered.size()).fold(0, u64::saturating_add);
                check(stored.beside(earlier.spare().saturating_add(here)))?;
            }
            fits => fits?,
        }
        Ok(plan)
    }
}

impl Planned {
    /// The file that it has become in an earlier transfer, if it has the name that it is to have.
    pub(super) fn known(&self, known: &mut Known<'_>) -> Option<Delivered> {
        let delivered = known.take(self.offered.raw(), self.size?)?;
        (!self.chosen || delivered.name == self.name).then_some(delivered)
    }

    /// Its name at the sender and its kind, if it is of those that stay for another day.
    pub(super) fn staying(&self) -> Option<(&[u8], Kept)> {
        let kind = match self.kind {
            ItemKind::File => Kept::File,
            ItemKind::Folder => Kept::Folder,
            ItemKind::Stream => return None,
        };
        Some((self.offered.raw(), kind))
    }
}

impl Plan {
    /// The items, in the order of the offer.
    #[must_use]
    pub fn items(&self) -> &[Planned] {
        &self.items
    }

    /// The folder in the inbox that the items go into, if they do not lie in it themselves.
    #[must_use]
    pub const fn folder(&self) -> Option<&FileName> {
        self.folder.as_ref()
    }

    /// Has folders in which something acts go into a private directory, with the names that they
    /// have there.
    ///
    /// # Errors
    /// A [`Refusal`] for a name that cannot be stored.
    pub fn beside(mut self, inbox: &Inbox, private: &Inbox) -> Result<Self, Refusal> {
        for item in self.items.iter_mut().filter(|item| item.kind == ItemKind::Folder) {
            let parsed = FileName::parse(item.offered.raw());
            let own = parsed
                .map_err(|error| Refusal::name(format!("the offer cannot be stored: {error}")))?
                .name;
            if !item.chosen && inbox.acts_on(&own, true) {
                (item.name, item.taken) = (own, false);
            }
        }
        self.aside = Some(private.clone());
        Ok(self)
    }

    /// Lets the transfer's credit grow to this.
    #[must_use]
    pub fn with_credit(self, credit: u64) -> Self {
        Self { credit, ..self }
    }

    /// Has folders in which something acts left out: there is no private directory.
    #[must_use]
    pub fn strict(self) -> Self {
        Self { strict: true, ..self }
    }

    /// The names as people read them, those first by which programs would act in this inbox, and
    /// these alone.
    #[must_use]
    pub fn names(&self, inbox: &Inbox) -> (Vec<String>, Acting) {
        // A name that the user here has chosen for a file is the user's word.
        let own = |item: &Planned| item.chosen && item.kind != ItemKind::Folder;
        let (acting, others): (Vec<_>, Vec<_>) = self.items.iter().partition(|item| {
            !own(item) && inbox.acts_on(&item.name, item.kind == ItemKind::Folder)
        });
        let text = |item: &&Planned| item.name.text().into_owned();
        let mut found = Acting::default();
        acting.iter().for_each(|item| found.add(|| text(item)));
        (acting.iter().chain(&others).map(text).collect(), found)
    }

    /// The items whose names something already has and of which a person has to say what to do.
    pub fn conflicts(&self) -> impl Iterator<Item = &Planned> {
        self.items.iter().filter(|item| item.taken && item.conflict == Conflict::Ask)
    }

    /// Decides on the conflict of the item called `name` here.
    pub fn resolve(&mut self, name: &FileName, conflict: Conflict) {
        if let Some(item) = self.items.iter_mut().find(|item| item.name == *name) {
            item.conflict = conflict;
        }
    }

    /// The whole in a few words: a name or a number of items.
    pub(super) fn what(&self) -> Subject {
        match self.items.as_slice() {
            [item] => Subject::from(&item.name),
            items => Subject::items(items.len()),
        }
    }

    /// Nobody is there to say what a question is about.
    pub(super) fn check_answered(&self) -> Result<(), Refusal> {
        self.conflicts().next().map_or(Ok(()), |item| {
            let detail =
                Subject::from(&item.name).is("already here, and nobody can be asked what to do");
            let failure = Failure::new(Kind::NoAnswer, detail).next(Conflict::choose());
            Err(Refusal { reason: Reason::NoAnswer, failure })
        })
    }
}

/// The names at the sender of items that stay.
pub(super) fn names_of(items: &[Planned]) -> Names<'_> {
    items.iter().filter_map(Planned::staying).collect()
}

/// Cost of what is offered to the channel, and to the disk, which holds no holes.
pub(super) fn costs(offer: &Offer) -> (Cost, Cost) {
    let items = offer
        .items
        .iter()
        .map(|item| Cost::entry(item.size.unwrap_or(0)))
        .fold(Cost::default(), Cost::add);
    let cost = items.at_least(Cost::together(offer.entries.into(), offer.bytes));
    let stored = offer.allocated.map_or(cost.bytes, |allocated| allocated.min(cost.bytes));
    (cost, Cost::together(offer.entries.into(), stored))
}

/// True if the offer can be one (SPEC 7.1): this many items, a size for each file and nothing else,
/// a stream alone and not counted.
pub(super) fn check_shape(offer: &Offer) -> Result<(), Refusal> {
    if offer.items.is_empty() || offer.items.len() > ITEMS || offer.entries > ENTRIES {
        return Err(Refusal::protocol("offered nothing, or more than an offer can hold"));
    }
    let sized = offer.items.iter().all(|item| item.size.is_some() == (item.kind == ItemKind::File));
    let stream = offer.items.iter().any(|item| item.kind == ItemKind::Stream);
    let alone = !stream || (offer.items.len() == 1 && !offer.counted);
    if sized && alone {
        Ok(())
    } else {
        Err(Refusal::protocol("made an offer that contradicts itself"))
    }
}
