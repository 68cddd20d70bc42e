//! Names in the directory: those under which programs would act are set aside, those that are taken
//! get a number, and what was made under a hidden name gets its own.

use super::folder::{Folder, GivenNames, cannot_hold};
use super::made::Made;
use super::{Conflict, Modes, Place, Refusal};
use crate::files::acting::{Place as Machine, acts, is_among};
use crate::files::name::FileName;
use pinhole_protocol::wire::Reason;
use std::collections::HashSet;
use std::io;
use std::sync::{Arc, OnceLock};

/// Outcome of giving something its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// It has it, or a numbered one.
    Named,
    /// It has it in place of an old file.
    Replaced,
    /// It was dropped for what has it.
    Dropped,
    /// It is a folder, and so is what has it: they are to be joined.
    Met,
    /// The thing that has it is in the way.
    InTheWay(Reason),
}

/// Numbered names that are tried; a directory that has them all has another problem.
const NUMBERS: u32 = 9_999;

impl Place {
    /// The name of a folder for several items, `wanted` or numbered like a file whose name is
    /// taken, and the folder itself if it is there.
    pub(super) fn folder_for_several(
        &self,
        wanted: &FileName,
    ) -> Result<(FileName, Option<Folder>), Refusal> {
        let cannot = |error: io::Error| Refusal::disk(wanted, &error);
        for name in (0..=NUMBERS).map(|number| wanted.numbered(number)) {
            match self.folder.kind(name.as_os_str()).map_err(cannot)? {
                None => return Ok((name, None)),
                Some(kind) if kind.is_dir() => {
                    let there = self.folder.open_folder(name.as_os_str()).map_err(cannot)?;
                    return Ok((name, Some(there)));
                }
                Some(_) => {}
            }
        }
        Err(cannot(io::ErrorKind::AlreadyExists.into()))
    }

    /// The folder `name` in this place, made if it is not there, with room for as much as this
    /// place has.
    pub(super) fn within(&self, name: &FileName) -> io::Result<Self> {
        match self.folder.create_folder(name.as_os_str()) {
            Ok(()) => self.folder.sync()?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let folder = self.folder.open_folder(name.as_os_str())?;
        Ok(Self {
            folder,
            path: self.path.join(name.as_os_str()),
            conflict: self.conflict,
            machine: self.machine,
            ahead: HashSet::new(),
            places: self.places.clone(),
            acting: self.acting,
            modes: self.modes,
            links: self.links,
            fresh: self.fresh,
            room: Arc::clone(&self.room),
            probe: OnceLock::new(),
        })
    }

    /// The name that something gets here which the peer calls so, a folder perhaps: another where
    /// programs would act on it, and nobody sees or is asked.
    pub(super) fn harmless(&self, name: FileName, folder: bool) -> FileName {
        if self.acting { name } else { self.aside(name, folder) }
    }

    /// The same, whoever is here.
    pub(super) fn aside(&self, name: FileName, folder: bool) -> FileName {
        if self.modes == Modes::Private || !self.acts_on(&name, folder) {
            return name;
        }
        set_aside(&name, |name| self.acts_on(name, folder))
    }

    /// The form of a name that every file system holds, which is none on which programs act.
    pub(super) fn plain(&self, name: &FileName, folder: bool) -> FileName {
        self.aside(name.plain(self.known().longest_name), folder)
    }

    /// True if programs would act here on what is called so. In a home those are not all known, and
    /// begin with a dot.
    pub(super) fn acts_on(&self, name: &FileName, folder: bool) -> bool {
        let dotted = self.machine == Some(Machine::Home) && name.bytes().starts_with(b".");
        dotted
            || folder && is_among(name.as_os_str(), &self.ahead)
            || acts(name.as_os_str()).is_some()
    }

    /// Gives what was made here the name `wanted`, or a numbered one. Returns the name, and what
    /// became of it. `given` is what the same transfer has put here: that is neither replaced nor
    /// joined.
    pub(super) fn give_name(
        &self,
        made: &Made,
        wanted: &FileName,
        rule: Conflict,
        given: &GivenNames,
    ) -> io::Result<(FileName, Given)> {
        let probe = self.known();
        let plain = || made.is_folder().map(|folder| self.plain(wanted, folder));
        let (mut base, mut is_plain) =
            if probe.may_hold(wanted) { (wanted.clone(), false) } else { (plain()?, true) };
        let mut number = 0;
        while number <= NUMBERS {
            let name = base.numbered_within(number, probe.longest_name);
            match (made.name(name.as_os_str()), rule) {
                (Ok(()), _) => return Ok((name, Given::Named)),
                (Err(error), _) if cannot_hold(&error) && !is_plain => {
                    (base, is_plain, number) = (plain()?, true, 0);
                    continue;
                }
                (Err(error), _) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(error);
                }
                (Err(_), Conflict::Skip) => {
                    return made.remove().map(|()| (name, Given::Dropped));
                }
                (Err(_), Conflict::Overwrite | Conflict::Merge) if number == 0 => {
                    let ours = self
                        .folder
                        .identity(name.as_os_str())
                        .is_ok_and(|met| given.has(met, &name));
                    let met = self.folder.kind(name.as_os_str())?.filter(|_| !ours);
                    let folder = made.is_folder()?;
                    match met {
                        Some(met) if met.is_file() && !folder => {
                            return made
                                .replace(name.as_os_str())
                                .map(|()| (name, Given::Replaced));
                        }
                        Some(met) if rule == Conflict::Merge => {
                            let joins = folder && met.is_dir();
                            return Ok((
                                name,
                                if joins { Given::Met } else { Given::InTheWay(Reason::Exists) },
                            ));
                        }
                        _ => {}
                    }
                }
                (Err(_), _) => {}
            }
            number = number.saturating_add(1);
        }
        Err(io::Error::other("every numbered name is taken too"))
    }
}

/// A name in place of one on which programs act.
pub(super) fn set_aside(name: &FileName, acts_on: impl Fn(&FileName) -> bool) -> FileName {
    let aside = name.set_aside();
    if acts_on(&aside) { aside.closed() } else { aside }
}
