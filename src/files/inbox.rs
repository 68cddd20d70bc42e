//! The inbox: the only code that creates received files (SPEC 7, `SECURITY.md`).
//!
//! A directory is opened once and held by its handle; everything after that is created through the
//! handle, one safe name at a time, exclusively and for the owner alone. An offer becomes a
//! [`Plan`] without touching the disk, a plan becomes an [`Incoming`] that keeps every top-level
//! item under a hidden name, and only the proof that all is written gives the items their names.

mod delivered;
mod earlier;
mod env_file;
mod folder;
mod ground;
mod incoming;
mod journal;
mod made;
mod named_text;
mod naming;
mod output;
mod partials;
mod plan;
mod receiving;
mod refusal;
mod rest;
mod room;
mod saved;
mod store;
mod trial;

pub use delivered::Unheard;
pub use env_file::EnvFile;
pub(crate) use env_file::unfit;
pub use incoming::Incoming;
pub use output::Output;
pub use partials::{Partial, partials, private_partials};
pub use plan::{Plan, Planned};
pub use receiving::{Receiving, Written};
pub use refusal::Refusal;
pub use rest::Rest;
pub use saved::{Committed, Saved};
pub use store::store_secret_at;
pub use trial::try_spot;

use crate::failure::{Advice, Failure, Kind};
use crate::files::acting::{self, Places};
use crate::files::name::FileName;
use crate::files::spot::Spot;
use crate::platform::private;
use folder::Folder;
use pinhole_protocol::limits::NAME_BYTES;
use room::{Most, Room};
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Treatment of an item whose name is taken (`--conflict`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The new one is stored as `name (1).ext`.
    Rename,
    /// The new one is dropped, and that is said.
    Skip,
    /// The new one replaces an old file; what is not a plain file is never replaced, then as
    /// `Rename`.
    Overwrite,
    /// The new one replaces an old file, and a new folder is joined with an old one; what meets
    /// anything else is left out, and missing.
    Merge,
    /// A person says which.
    Ask,
}

impl Conflict {
    /// Advice where nobody can be asked.
    #[must_use]
    pub fn choose() -> Advice {
        Advice::for_user("choose with --conflict rename, skip, overwrite or merge")
    }
}

/// Treatment of the permissions that a sender gives. Nothing gets one that it did not have there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modes {
    /// Less the umask, or what the folder's default access list says.
    Umask,
    /// As they are (`--modes`).
    Kept,
    /// The owner's alone: nobody else has anything to do with a private directory.
    Private,
}

/// Which links are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Those that do not lead out of what they come in.
    Inside,
    /// All, as they are (`--links all`). None is ever followed.
    All,
}

/// Limits of what may be received, and ways to store it.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Treatment of an item whose name is taken.
    pub conflict: Conflict,
    /// Bytes that one channel may bring, a block at least for each file and folder (`--max-size`).
    pub max_size: Option<u64>,
    /// Files and folders that one channel may bring (`--max-entries`).
    pub max_entries: Option<u64>,
    /// The fraction of the disk that stays free, of its bytes and its inodes, 0 to 1.
    pub keep_free: f64,
    /// Treatment of the permissions that a sender gives.
    pub modes: Modes,
    /// Which links are made.
    pub links: Links,
    /// True if an item keeps a name by which programs act unasked (`CLAUDE.md`, `Makefile`): a
    /// person sees what comes, or is asked. Else it gets a `_`, but for private directories, in
    /// which nobody works.
    pub acting: bool,
    /// True if nothing of what earlier transfers have left is taken up (`--fresh`).
    pub fresh: bool,
}

impl Default for Policy {
    /// No limit but the disk, of which 5 % stay free.
    fn default() -> Self {
        Self {
            conflict: Conflict::Rename,
            max_size: None,
            max_entries: None,
            keep_free: 0.05,
            modes: Modes::Umask,
            links: Links::Inside,
            acting: true,
            fresh: false,
        }
    }
}

/// A directory into which one channel's files are received.
#[derive(Clone, Debug)]
pub struct Inbox(Arc<Place>);

#[derive(Debug)]
struct Place {
    folder: Folder,
    path: PathBuf,
    /// Kind of place that it is on the machine. `None` for a private directory: nobody looks into
    /// those of others.
    machine: Option<acting::Place>,
    /// Names, folded, of folders that would be something of it here.
    ahead: HashSet<String>,
    /// All of those, if this may be one.
    places: Option<Arc<Places>>,
    conflict: Conflict,
    acting: bool,
    modes: Modes,
    links: Links,
    fresh: bool,
    room: Arc<Room>,
    probe: OnceLock<Probe>,
}

/// Abilities of a directory, found out by making something in it.
#[derive(Clone, Copy, Debug)]
struct Probe {
    /// The permissions that a new file or folder can have.
    permissions: u32,
    /// Bytes of the longest name.
    longest_name: usize,
    /// True if dots at the end of a name are dropped without a word.
    drops_dots: bool,
    /// True if a name has to be UTF-8.
    only_text: bool,
}

impl Place {
    /// Finds out, once, what this directory does with what is made in it.
    fn probe(&self) -> io::Result<Probe> {
        if let Some(probe) = self.probe.get() {
            return Ok(*probe);
        }
        let permissions = match self.modes {
            Modes::Umask => self.folder.permissions()?,
            Modes::Kept => 0o777,
            Modes::Private => 0o700,
        };
        let longest = self.folder.space().map_or(0, |space| space.longest_name);
        // A file system that does not tell is believed to hold as much as others do.
        let longest = usize::try_from(longest)
            .ok()
            .filter(|longest| (1..NAME_BYTES).contains(longest))
            .unwrap_or(NAME_BYTES);
        let drops_dots = self.folder.drops_dots().unwrap_or(false);
        let only_text = self.folder.holds_only_text().unwrap_or(false);
        Ok(*self.probe.get_or_init(|| Probe {
            permissions,
            longest_name: longest,
            drops_dots,
            only_text,
        }))
    }

    /// The abilities found out; before that, those that almost every directory has.
    fn known(&self) -> Probe {
        self.probe.get().copied().unwrap_or(Probe {
            permissions: 0o700,
            longest_name: NAME_BYTES,
            drops_dots: false,
            only_text: false,
        })
    }
}

impl Probe {
    /// True if a name is worth trying as it is. If only text is held, other names are not tried at
    /// all. Some file systems refuse halves of surrogate pairs late, and these end the driver of
    /// exFAT in FUSE.
    fn may_hold(self, name: &FileName) -> bool {
        !(self.drops_dots && name.bytes().ends_with(b".")
            || self.only_text && std::str::from_utf8(name.bytes()).is_err())
    }
}

impl Inbox {
    /// Opens the directory `dir` and holds it; it has to exist.
    ///
    /// # Errors
    /// A [`Failure`] with exit 8 if it cannot be opened.
    pub fn open(dir: &Path, policy: Policy) -> Result<Self, Failure> {
        Self::open_among(dir, policy, Some(&Places::here()))
    }

    /// The same; `places` are those of the machine, if it may be one of them.
    fn open_among(dir: &Path, policy: Policy, places: Option<&Places>) -> Result<Self, Failure> {
        let cannot = |error: io::Error| {
            let failure = Failure::new(
                Kind::Disk,
                format!("the folder {} cannot be opened: {error}", dir.display()),
            );
            failure.next("create it first, or name another with -o DIR")
        };
        let folder = Folder::open(dir).map_err(cannot)?;
        let path = dir.canonicalize().map_err(cannot)?;
        let most = Most { bytes: policy.max_size, entries: policy.max_entries };
        let room = Arc::new(Room::new(most, policy.keep_free));
        let machine = places.and_then(|places| places.place(&folder));
        let ahead = places.map_or_else(HashSet::new, |places| places.ahead(&path));
        let places = places.cloned().map(Arc::new);
        let Policy { conflict, acting, modes, links, fresh, .. } = policy;
        Ok(Self(Arc::new(Place {
            folder,
            path,
            machine,
            ahead,
            places,
            conflict,
            acting,
            modes,
            links,
            fresh,
            room,
            probe: OnceLock::new(),
        })))
    }

    /// Opens the directory `dir` as [`Inbox::open`] does, and makes it first if it is not there,
    /// for its owner alone; what it is in has to exist.
    ///
    /// # Errors
    /// A [`Failure`] with exit 8 if it can be neither made nor opened.
    pub fn open_or_make(dir: &Path, policy: Policy) -> Result<Self, Failure> {
        match private::create_folder(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                let failure = Failure::new(
                    Kind::Disk,
                    format!("the folder {} cannot be created: {error}", dir.display()),
                );
                Err(failure.next("create its parent folder first, or name another with -o DIR"))
            }
            _ => Self::open(dir, policy),
        }
    }

    /// Makes a new directory below `base` that only its owner can enter, and opens it: for a
    /// channel that nobody watches. `base` is created if need be.
    ///
    /// # Errors
    /// A [`Failure`] with exit 8 if it cannot be made.
    pub fn private(base: &Path, policy: Policy) -> Result<Self, Failure> {
        let make = || -> io::Result<PathBuf> {
            private::create_folders(base)?;
            let name = format!("received-{}", folder::random_hex()?);
            Folder::open(base)?.create_folder(name.as_ref())?;
            Ok(base.join(name))
        };
        let made = make().map_err(|error| {
            let failure = Failure::new(
                Kind::Disk,
                format!("no private folder could be created in {}: {error}", base.display()),
            );
            failure.next("name a folder with -o DIR")
        })?;
        Self::open_among(&made, Policy { acting: true, modes: Modes::Private, ..policy }, None)
    }

    /// The kind of place that it is on the machine, if programs act on what lies there.
    #[must_use]
    pub fn machine(&self) -> Option<acting::Place> {
        self.0.machine
    }

    /// True if only its owner can enter it, and nobody works in it.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.0.modes == Modes::Private
    }

    /// True if programs would act here on what is called so, a folder perhaps.
    #[must_use]
    pub fn acts_on(&self, name: &FileName, folder: bool) -> bool {
        self.0.acts_on(name, folder)
    }

    /// True if a folder that is called so here would be one in which programs act on whatever lies
    /// there.
    #[must_use]
    pub fn makes_a_place(&self, name: &FileName) -> bool {
        let known = self.0.machine == Some(acting::Place::Home) && self.0.acts_on(name, true);
        known || acting::is_among(name.as_os_str(), &self.0.ahead)
    }

    /// Tries whether a folder can be moved here from `other` as it is.
    #[must_use]
    pub fn takes_from(&self, other: &Self) -> bool {
        let (from, to) = (&other.0.folder, &self.0.folder);
        let moved = || {
            let hidden = folder::hidden_name()?;
            from.create_folder(hidden.as_ref())?;
            let moved = from
                .identity(hidden.as_ref())
                .and_then(|which| from.move_into(hidden.as_ref(), which, to));
            moved
                .and_then(|()| to.remove(hidden.as_ref()))
                .inspect_err(|_| drop(from.remove(hidden.as_ref())))
        };
        let moved: io::Result<()> = moved();
        moved.is_ok()
    }

    /// The same directory, whose files count as those of another: what one channel brings has one
    /// limit.
    #[must_use]
    pub fn counted_with(self, other: &Self) -> Self {
        let room = Arc::clone(&other.0.room);
        // Nothing else holds what was just opened.
        match Arc::try_unwrap(self.0) {
            Ok(place) => Self(Arc::new(Place { room, ..place })),
            Err(shared) => Self(shared),
        }
    }

    /// Removes a private directory again in which nothing was received.
    pub fn remove_if_empty(&self) {
        // Refused where there is anything in it, which is then a delivery.
        let _ = std::fs::remove_dir(&self.0.path);
    }

    /// The place of a small file that is called `name` in it.
    ///
    /// # Errors
    /// A [`Failure`] with exit 8 if the directory cannot be opened once more.
    pub fn spot(&self, name: &Path) -> Result<Spot, Failure> {
        let place = self.0.path.join(name);
        let held = self.0.folder.reopen();
        held.map(|folder| Spot::held(folder, place)).map_err(|error| {
            Failure::new(
                Kind::Disk,
                format!("the folder {} cannot be opened: {error}", self.0.path.display()),
            )
            .next("allow more open files (ulimit -n)")
        })
    }

    /// The directory that the files go to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

#[cfg(test)]
mod tests;
