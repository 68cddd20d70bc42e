//! The end of a transfer: synced, then under its names, then those synced.

use super::ending::is_in;
use super::merging::first_missing;
use super::registering::Total;
use super::{Incoming, Item};
use crate::events::Acting;
use crate::failure::{Failure, Kind};
use crate::files::inbox::delivered::Delivered;
use crate::files::inbox::folder::GivenNames;
use crate::files::inbox::made::Made;
use crate::files::inbox::naming::Given;
use crate::files::inbox::saved::{Committed, Saved};
use crate::files::inbox::{Conflict, Place, Refusal};
use crate::files::name::FileName;
use crate::platform::cause::Cause;
use pinhole_protocol::transfers::Whole;
use pinhole_protocol::wire::{Differences, Fate, ItemKind, PeerName, Reason};
use std::collections::HashSet;
use std::io;
use std::sync::PoisonError;

impl Incoming {
    /// Makes the links, syncs the files, gives each item its name without replacing anything that
    /// the plan does not allow to be, and syncs the directory. Call it where blocking does no harm;
    /// it waits for writing threads. It can be done once.
    ///
    /// # Errors
    /// A [`Refusal`] if not all that `whole` counts is here, if nothing of it could be had or
    /// stored, or if the disk fails. Items that already have their names keep them.
    pub fn commit(&self, whole: &Whole) -> Result<Committed, Refusal> {
        self.commit_counted(whole.entries(), whole.bytes(), whole.differences())
    }

    pub(in crate::files::inbox) fn commit_counted(
        &self,
        entries: u32,
        bytes: u64,
        theirs: &Differences,
    ) -> Result<Committed, Refusal> {
        let mut registering = self.registering();
        self.end(entries, bytes, &mut registering.totals)?;
        let gone = self.remove_missing(theirs)?;
        let links = self.make_links(&mut registering)?;
        let (lost, ours, acts) = {
            let underway = self.underway();
            (underway.lost.clone(), underway.differences.clone(), underway.acts.clone())
        };
        self.check_rest(&lost, &gone, &ours, theirs)?;
        self.finish_folders(&mut registering)?;
        let refused = self.part_ways(&acts)?;
        let contents = self.contents(links);
        if !self.faithful {
            self.check_joins(contents.as_ref())?;
        }
        self.sync()?;
        let (mut names, mut given) = (HashSet::new(), GivenNames::default());
        let numbers = self.numbers();
        // Others do not replace what stays.
        for there in self.items.iter().filter_map(Item::stays_there) {
            names.insert(there.name.folded());
            given.add(there.identity, &there.name);
        }
        let mut committed = Committed::default();
        // Differences that the sender counts and does not name are in its folders, if there are
        // any.
        let folders = self.items.iter().any(|item| item.planned.kind == ItemKind::Folder);
        let (mut unnamed, mut in_the_way) = (Some(theirs.unnamed()), None);
        let each = self
            .items
            .iter()
            .enumerate()
            .zip(&mut registering.totals)
            .zip(lost.into_iter().zip(ours).zip(acts));
        for (((index, item), total), (((lost, lost_bytes), ours), mut acts)) in each {
            let offered = item.planned.offered.raw();
            let folder = item.planned.kind == ItemKind::Folder;
            let mut differences = of_item(theirs, offered);
            if let Some(unnamed) = if folder || !folders { unnamed.take() } else { None } {
                differences.extend(&unnamed);
            }
            differences.extend(&ours);
            // A sender that has left gaps says which, but it need not be believed.
            differences.add_unnamed([0, lost.saturating_sub(differences.missing()), 0]);
            committed.told.extend(&ours);
            let (mut size, mut files) =
                (total.bytes.saturating_sub(lost_bytes), total.files.saturating_sub(lost));
            if !folder && lost > 0 || gone.contains(&index) {
                committed.items.push(item.nothing_here(differences));
                continue;
            }
            if refused.contains(&index) {
                differences.add(offered, Fate::Missing(Reason::Declined));
                committed.told.add(offered, Fate::Missing(Reason::Declined));
                let acts = found(&self.place, &item.planned.name, true, &acts);
                committed.items.push(Saved { acts, ..item.nothing_here(differences) });
                continue;
            }
            let aside = item.apart();
            let rule = if aside.is_some() { Conflict::Rename } else { item.rule(&names) };
            let place = aside.unwrap_or(&self.place);
            let there = item.stays_there();
            let (name, mut became) = match there {
                Some(there) => (self.leave_there(item, there)?, Given::Named),
                None => self.name(place, index, total, rule, &given)?,
            };
            let mut joined = None;
            if became == Given::Met {
                match contents.as_ref().map_or(Err(Reason::Exists), |contents| {
                    self.join(index, &name, contents, &acts, false)
                }) {
                    Ok(there) => joined = Some(there),
                    Err(reason) => became = Given::InTheWay(reason),
                }
            }
            if let Given::InTheWay(reason) = became {
                in_the_way = Some(reason);
                differences.add(offered, Fate::Missing(reason));
                committed.told.add(offered, Fate::Missing(reason));
                committed.items.push(item.nothing_here(differences));
                continue;
            }
            total.settled = true;
            names.insert(name.folded());
            let identity = there.map_or_else(|| item.identity(), |there| there.identity);
            given.add(joined.as_ref().map_or(identity, |joined| joined.folder), &name);
            let (skipped, merged) = (became == Given::Dropped, joined.is_some());
            let mut replaced = u32::from(became == Given::Replaced);
            if let Some(joined) = joined {
                in_the_way = in_the_way.or(first_missing(&joined.differences));
                differences.extend(&joined.differences);
                committed.told.extend(&joined.differences);
                (size, files) =
                    (size.saturating_sub(joined.lost.1), files.saturating_sub(joined.lost.0));
                replaced = joined.replaced;
                acts = joined.acts;
                // The rest of it was in the way. If that cannot be removed, it is not ours to fail
                // for: all else is where it belongs.
                let _ = self.place.folder.remove_own(item.hidden.as_ref(), item.identity());
            }
            let original = (name.bytes() != offered).then(|| item.planned.offered.clone());
            if original.is_some() && !skipped {
                let fate = || Fate::Renamed(PeerName::new(name.bytes().to_vec()));
                differences.add(offered, fate());
                // A number that something here has caused says what is here, and a name that this
                // file system could not hold does not.
                let wanted = [item.planned.name.clone(), place.plain(&item.planned.name, folder)];
                if wanted.contains(&name) && !item.planned.chosen {
                    committed.told.add(offered, fate());
                }
            }
            if !folder && !skipped && aside.is_none() && there.is_none() {
                self.note_name(numbers.get(index).copied().flatten(), &name);
            }
            let path =
                Some(there.map_or_else(|| place.path.join(name.as_os_str()), Delivered::path));
            let acts = found(place, &name, folder, &acts);
            let set_aside = aside.is_some();
            committed.items.push(Saved {
                name,
                original,
                path,
                size,
                files,
                folder,
                skipped,
                merged,
                replaced,
                differences,
                acts,
                set_aside,
            });
        }
        if let Some(aside) = &self.aside {
            aside.folder.sync().map_err(|error| Refusal::disk(&self.what, &error))?;
        }
        if let Some(reason) = in_the_way
            && (!self.faithful || committed.items.iter().all(|saved| saved.path.is_none()))
        {
            return Err(Refusal::blocked(&self.what, reason));
        }
        // An item that was joined has changed in any number of folders.
        let joined = committed.items.iter().any(|saved| saved.merged);
        let synced = if joined { self.place.folder.sync_all() } else { self.place.folder.sync() };
        synced.map_err(|error| Refusal::disk(&self.what, &error))?;
        committed.unheard = self.forget(&mut registering);
        Ok(committed)
    }

    /// Moves folders in which nothing acts out of the private directory, still under their hidden
    /// names. Returns those that are not taken, for want of such a directory.
    fn part_ways(&self, acts: &[Acting]) -> Result<HashSet<usize>, Refusal> {
        let mut refused = HashSet::new();
        for (index, (item, acts)) in self
            .items
            .iter()
            .zip(acts)
            .enumerate()
            .filter(|(_, (item, _))| item.planned.kind == ItemKind::Folder)
        {
            let acting = !acts.is_empty() || self.place.acts_on(&item.planned.name, true);
            match &item.apart {
                Some(apart) if !acting => {
                    let moved = apart.place.folder.move_into(
                        item.hidden.as_ref(),
                        item.identity(),
                        &self.place.folder,
                    );
                    moved.map_err(|error| Refusal::disk(&item.planned.name, &error))?;
                    let _ = apart.left.set(());
                }
                None if acting && self.strict => {
                    refused.insert(index);
                }
                _ => {}
            }
        }
        let all = refused.len() == self.items.len();
        if all || !refused.is_empty() && !self.faithful {
            Err(Refusal::nowhere_apart(&self.what))
        } else {
            Ok(refused)
        }
    }

    /// Gives an item its name in a place, and then what it gets at the end.
    fn name(
        &self,
        place: &Place,
        index: usize,
        total: &Total,
        rule: Conflict,
        given: &GivenNames,
    ) -> Result<(FileName, Given), Refusal> {
        let item = self
            .items
            .get(index)
            .ok_or_else(|| Refusal::protocol("named an item that it has not offered"))?;
        let failed = |error: io::Error| Refusal::disk(&item.planned.name, &error);
        let folder = match item.planned.kind {
            ItemKind::Folder => Some(item.open(&place.folder).map_err(failed)?),
            ItemKind::File | ItemKind::Stream => None,
        };
        let file = match folder {
            Some(_) => None,
            None => Some(
                place.folder.reopen_file(item.hidden.as_ref(), item.identity()).map_err(failed)?,
            ),
        };
        let made = Made::hidden(&place.folder, &item.hidden, item.identity());
        let (name, became) =
            place.give_name(&made, &item.planned.name, rule, given).map_err(failed)?;
        let named = matches!(became, Given::Named | Given::Replaced);
        if let (Some(folder), true) = (&folder, named)
            && let tree = self.tree()
            && let Some(finish) = tree.of_item(index).and_then(|id| tree.finish(id))
        {
            folder.finish(finish);
        }
        if let (Some(file), Some(finish), true) = (&file, total.finish, named) {
            finish.apply(file);
        }
        Ok((name, became))
    }

    /// Refuses a transfer of which nothing is left, or of which something is missing that its
    /// sender cannot be told.
    fn check_rest(
        &self,
        lost: &[(u32, u64)],
        gone: &HashSet<usize>,
        ours: &[Differences],
        theirs: &Differences,
    ) -> Result<(), Refusal> {
        let is_file = |item: &Item| item.planned.kind != ItemKind::Folder;
        let nothing =
            self.items.iter().zip(lost).enumerate().all(|(index, (item, (lost, _)))| {
                is_file(item) && *lost > 0 || gone.contains(&index)
            });
        let missing = ours.iter().any(|differences| differences.missing() > 0);
        if !nothing && (self.faithful || !missing) {
            return Ok(());
        }
        let reason = ours
            .iter()
            .find_map(Differences::first_missing)
            .or_else(|| theirs.first_missing())
            .unwrap_or(Reason::SourceChanged);
        Err(match reason {
            Reason::Exists => Refusal::disk(&self.what, &Cause::Taken.into()),
            Reason::BadName => Refusal::blocked(&self.what, reason),
            Reason::TooLarge => {
                Refusal { reason, ..Refusal::disk(&self.what, &io::ErrorKind::FileTooLarge.into()) }
            }
            reason => Refusal {
                reason,
                ..Refusal::changed(
                    self.what.was_not("saved: it changed or could not be read at the other side"),
                )
            },
        })
    }

    /// Ends the writing, if all is written.
    fn end(&self, entries: u32, bytes: u64, totals: &mut [Total]) -> Result<(), Refusal> {
        let mut underway = self.underway();
        while underway.busy > 0 {
            underway = self.idle.wait(underway).unwrap_or_else(PoisonError::into_inner);
        }
        if underway.over {
            let failure = Failure::new(
                Kind::Failed,
                self.what.was_not("saved: its transfer had already ended"),
            );
            return Err(Refusal { reason: Reason::Failed, failure });
        }
        let written = (underway.written.frontier(), underway.written.count()) == (bytes, bytes);
        let counted = underway.layout.entries() == entries && totals.iter().all(|total| total.seen);
        // A stream is pending until its end is said, which is now.
        if let ([item], [total], true) = (self.items.as_slice(), &mut *totals, written && counted)
            && let Item { planned, hidden, .. } = item
            && planned.kind == ItemKind::Stream
            && let Some(stream) = underway.complete(0)
        {
            let reopen =
                || self.place.folder.reopen_file(hidden.as_ref(), item.identity()).map(Into::into);
            let cut = || stream.file.map_or_else(reopen, Ok)?.set_len(bytes);
            cut().map_err(|error| Refusal::disk(&planned.name, &error))?;
            total.bytes = bytes;
        }
        if !written || !counted || !underway.pending.is_empty() {
            return Err(Refusal::protocol("ended a transfer before all of it had arrived"));
        }
        underway.over = true;
        Ok(())
    }

    /// One sync, whatever the number of files.
    fn sync(&self) -> Result<(), Refusal> {
        let folder = &self.place.folder;
        let synced = match self.items.as_slice() {
            [item] if item.stays_there().is_some() => Ok(()),
            [item] if item.planned.kind != ItemKind::Folder => folder
                .reopen_file(item.hidden.as_ref(), item.identity())
                .and_then(|file| file.sync_all()),
            _ => folder.sync_all(),
        };
        synced.map_err(|error| Refusal::disk(&self.what, &error))
    }
}

impl Item {
    /// The rule if its name is taken: only a file can replace one, and never another item of the
    /// same transfer.
    fn rule(&self, given: &HashSet<Vec<u8>>) -> Conflict {
        match self.planned.conflict {
            Conflict::Overwrite
                if self.planned.kind != ItemKind::Folder
                    && !given.contains(&self.planned.name.folded()) =>
            {
                Conflict::Overwrite
            }
            Conflict::Skip => Conflict::Skip,
            Conflict::Merge => Conflict::Merge,
            _ => Conflict::Rename,
        }
    }

    /// It is not here. Dropping the transfer removes what there is of it.
    fn nothing_here(&self, differences: Differences) -> Saved {
        Saved::new(self.planned.name.clone(), self.planned.kind == ItemKind::Folder, differences)
    }
}

/// The paths in an item called `name` on which programs act: all of it, or those in it.
fn found(place: &Place, name: &FileName, folder: bool, inside: &Acting) -> Acting {
    if !place.acts_on(name, folder) {
        return inside.below(&name.text());
    }
    let mut itself = Acting::default();
    itself.add(|| name.text().into_owned());
    itself
}

/// The differences reported by the sender, as far as they are in an item.
fn of_item(all: &Differences, item: &[u8]) -> Differences {
    let mut own = Differences::default();
    for one in all.first().iter().filter(|one| is_in(one.path.raw(), item)) {
        own.add(one.path.raw(), one.fate.clone());
    }
    own
}
