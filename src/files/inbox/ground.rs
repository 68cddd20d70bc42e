//! Judgement of things that are joined with an existing folder, by the names that they get there:
//! whether programs act on them in that place.

use super::Place;
use super::folder::Folder;
use super::naming::set_aside;
use crate::files::acting::{Place as Machine, acting_below, acts, leads};
use crate::files::name::FileName;
use crate::platform::cause::Cause;
use pinhole_protocol::wire::Reason;
use std::io;
use std::path::PathBuf;

/// Rules for names in a folder that is there.
pub(super) struct Ground {
    /// True if a person has said yes to what programs act on there.
    kept: bool,
    /// True if it is the home of an account.
    home: bool,
    /// The last two names of its path, if programs act on some names only there.
    end: Option<PathBuf>,
}

impl Ground {
    /// Of a folder that is this of the machine, and whose path has these last two names; `kept` if
    /// what programs act on there may come.
    pub(super) fn new(machine: Option<Machine>, kept: bool, end: PathBuf) -> Self {
        Self {
            kept,
            home: machine == Some(Machine::Home),
            end: Some(end).filter(|end| end.file_name().is_some_and(leads)),
        }
    }

    /// The name that something gets there: another where programs would act on it.
    pub(super) fn harmless(&self, name: FileName) -> FileName {
        if self.kept || !self.acts_on(&name) {
            name
        } else {
            set_aside(&name, |name| self.acts_on(name))
        }
    }

    fn acts_on(&self, name: &FileName) -> bool {
        let below = |end: &PathBuf| acting_below(&end.join(name.as_os_str())).is_some();
        self.home && name.bytes().starts_with(b".")
            || acts(name.as_os_str()).is_some()
            || self.end.as_ref().is_some_and(below)
    }
}

/// True for a place in which programs act on whatever lies there, if nobody has said yes to it: no
/// name there is harmless.
pub(super) fn is_closed(ground: Option<Machine>, said: Option<Machine>) -> bool {
    ground.is_some_and(Machine::takes_all) && ground != said
}

impl Place {
    /// The kind of place that `folder` is, and the kind that a person has said yes to. Something
    /// called `name` is joined with it.
    pub(super) fn grounds(
        &self,
        folder: &Folder,
        name: &FileName,
    ) -> (Option<Machine>, Option<Machine>) {
        let ground = self.places.as_ref().and_then(|places| places.place(folder));
        // A person asked about its name, or about where all goes, was asked about this; but not
        // about what comes into a home.
        let said = if self.acts_on(name, true) { ground } else { self.machine };
        (ground, said.filter(|said| self.acting && said.takes_all()))
    }

    /// Checks that an item may be joined with the existing folder `name`, as far as that is known
    /// before. Gives a reason if not.
    pub(super) fn may_join(&self, within: &Folder, name: &FileName) -> Result<(), Reason> {
        let there = within.open_folder(name.as_os_str()).map_err(|error| reason(&error))?;
        there.takes_from(within).map_err(|error| reason(&error))?;
        let (ground, said) = self.grounds(&there, name);
        if is_closed(ground, said) { Err(Reason::Declined) } else { Ok(()) }
    }
}

/// Why something cannot go where it belongs.
pub(super) fn reason(error: &io::Error) -> Reason {
    match Cause::of(error) {
        Some(Cause::Taken | Cause::NotEmpty | Cause::IsFolder | Cause::NoFolder | Cause::Links) => {
            Reason::Exists
        }
        Some(Cause::BadName) => Reason::BadName,
        Some(Cause::Full) => Reason::NoSpace,
        Some(Cause::Cancelled) => Reason::Interrupted,
        // Also a folder that may not be written or is another file system's.
        _ => Reason::Disk,
    }
}
