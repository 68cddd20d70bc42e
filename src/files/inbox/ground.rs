//! Judgement of things that are joined with an existing folder, by the names that they get there:
//! whether programs act on them in that place.

use super::Place;
use super::folder::Folder;
use super::naming::set_aside;
use super::tree::{FolderId, Tree};
use crate::events::Acting;
use crate::files::acting::{Place as Machine, acting, acting_below, acts, leads};
use crate::files::name::FileName;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

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

/// Paths in an item on which programs act, and the new names that parts of them have there.
pub(super) struct Acts {
    all: Acting,
    /// All names in those paths.
    parts: HashSet<String>,
    renamed: HashMap<String, String>,
}

impl Acts {
    /// This much of it, and nothing renamed yet.
    pub(super) fn of(all: &Acting) -> Self {
        let parts =
            all.names().iter().flat_map(|path| path.split('/')).map(str::to_owned).collect();
        Self { all: all.clone(), parts, renamed: HashMap::new() }
    }

    /// Notes that something in a folder is called `to` there.
    pub(super) fn renamed(&mut self, tree: &Tree, within: FolderId, name: &OsStr, to: &FileName) {
        // Most are none of them, and a path may be long.
        if self.parts.contains(&*name.to_string_lossy()) {
            let path = tree.path(within).join(name).to_string_lossy().into_owned();
            let is_in = |one: &String| {
                one.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            if self.all.names().iter().any(is_in) {
                self.renamed.insert(path, to.text().into_owned());
            }
        }
    }

    /// The same by the names there, without what none acts on under its new name.
    pub(super) fn there(self) -> Acting {
        let mut there = Acting::default();
        for name in self.all.names() {
            let (mut old, mut new) = (String::new(), PathBuf::new());
            for part in name.split('/') {
                old.push_str(part);
                new.push(self.renamed.get(&old).map_or(part, String::as_str));
                old.push('/');
            }
            if new == Path::new(name) || acting(&new).is_some() {
                there.add(|| new.to_string_lossy().into_owned());
            }
        }
        Acting::read(there.names().to_vec(), there.more().saturating_add(self.all.more()))
    }
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
}
