//! Work on one name in a folder that is held, beyond what the system does itself. It looks before
//! and after whose the name is, finds ways around file systems that lack something, and makes
//! hidden names.

use crate::files::name::FileName;
use crate::files::spot::Spot;
use crate::platform::cause::Cause;
use crate::platform::file::{FileId, set_permissions, try_lock};
pub(super) use crate::platform::folder::Folder;
use crate::platform::folder::Led;
pub(super) use crate::platform::identity::Identity;
#[cfg(test)]
pub(super) use crate::platform::identity::PRETENDED;
use crate::platform::name::{from_bytes, from_vec};
use rand_core::{OsRng, RngCore};
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Things of one transfer that have their names in a folder. If nothing tells one file from
/// another, each is known by its name.
#[derive(Debug, Default)]
pub(super) struct GivenNames {
    places: HashSet<FileId>,
    names: HashSet<Vec<u8>>,
}

impl GivenNames {
    pub(super) fn add(&mut self, which: Identity, name: &FileName) {
        let _ = if which.is_known() {
            self.places.insert(which.place())
        } else {
            self.names.insert(name.folded())
        };
    }

    pub(super) fn has(&self, which: Identity, name: &FileName) -> bool {
        if which.is_known() {
            self.places.contains(&which.place())
        } else {
            self.names.contains(&name.folded())
        }
    }
}

/// Mode and time that a folder or file gets once it is complete.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finish {
    pub(super) mode: u32,
    pub(super) modified: Option<SystemTime>,
}

impl Finish {
    /// Sets mode and time. A file system that cannot hold them still holds the bytes, so a refusal
    /// is none.
    pub(super) fn apply(self, file: &File) {
        let _ = set_permissions(file, self.mode);
        self.date(file);
    }

    /// Sets the time alone.
    pub(super) fn date(self, file: &File) {
        if let Some(modified) = self.modified {
            let _ = file.set_modified(modified);
        }
    }
}

/// Between two looks at a lock: a file is changed in some milliseconds.
const LOCK_LOOK: Duration = Duration::from_millis(5);
/// Levels of a folder that are removed with their handles open.
const AT_ONCE: u32 = 32;
/// Most listings of a folder that is removed: others may put something there meanwhile, but not for
/// ever.
const LISTINGS: u32 = 16;

impl Folder {
    /// Opens the folder of a small file that is to be written, and says what the file is called
    /// there.
    pub(super) fn of(spot: &Spot) -> io::Result<(Self, &OsStr)> {
        let path = spot.path();
        let name =
            path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
        let folder = match spot.folder() {
            // Opened anew, because a lock belongs to what was opened.
            Some(held) => held.reopen()?,
            None => Self::open(
                path.parent()
                    .filter(|parent| !parent.as_os_str().is_empty())
                    .unwrap_or(Path::new(".")),
            )?,
        };
        Ok((folder, name))
    }

    /// Opens for writing the file `name` that was created before, and only that one.
    pub(super) fn reopen_file(&self, name: &OsStr, identity: Identity) -> io::Result<File> {
        let file = self.write_file(name)?;
        if Identity::of(&file)? == identity { Ok(file) } else { Err(replaced()) }
    }

    /// Locks the folder until this handle is closed, against others of this program that change a
    /// file in it. Waits for them no longer than `longest`: anybody who may read the folder can
    /// hold the lock.
    pub(super) fn lock(&self, longest: Duration) -> io::Result<()> {
        let until = Instant::now() + longest;
        loop {
            match try_lock(self)? {
                true => return Ok(()),
                false if Instant::now() < until => std::thread::sleep(LOCK_LOOK),
                false => return Err(Cause::Busy.into()),
            }
        }
    }

    /// Bytes of the file `name`.
    pub(super) fn length(&self, name: &OsStr) -> io::Result<u64> {
        Ok(self.facts(name, false)?.size())
    }

    /// Removes the file `name`, or the folder with all that is in it; a link is removed itself.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match self.kind(name)? {
            Some(kind) if kind.is_dir() => self.remove_folder(name),
            Some(_) => self.unlink(name),
            None => Ok(()),
        }
    }

    /// Removes a folder with all that is in it, however deep that is: what lies deeper than
    /// [`AT_ONCE`] is moved up and removed in its turn, so that neither handles nor the stack are
    /// used up.
    fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        let mut roots = vec![name.to_owned()];
        while let Some(root) = roots.pop() {
            self.remove_levels(self, &root, AT_ONCE, &mut roots)?;
        }
        Ok(())
    }

    /// Removes the folder `name` in this one. One that is empty is not opened: a peer can send
    /// hundreds of thousands of them.
    fn remove_levels(
        &self,
        top: &Self,
        name: &OsStr,
        levels: u32,
        roots: &mut Vec<OsString>,
    ) -> io::Result<()> {
        // Names that a listing passes over, while others go, are in the next one.
        for _ in 0..LISTINGS {
            let Err(error) = self.remove_empty(name) else { return Ok(()) };
            if !matches!(Cause::of(&error), Some(Cause::NotEmpty | Cause::Taken)) {
                return Err(error);
            }
            let folder = self.open_to_empty(name)?;
            for entry in folder.entries()? {
                let (below, kind) = entry?;
                match (kind.is_dir(), levels.checked_sub(1)) {
                    (true, Some(levels)) => folder.remove_levels(top, &below, levels, roots)?,
                    (true, None) => {
                        let hidden = OsString::from(hidden_name()?);
                        // To be moved it has to be writable itself.
                        let _ = folder.let_change(&below);
                        folder.move_over(&below, top, &hidden)?;
                        roots.push(hidden);
                    }
                    (false, _) => folder.unlink(&below)?,
                }
            }
        }
        self.remove_empty(name)
    }

    /// True if a link that lies, or would lie, in the folder at `path` leads out of this one. Links
    /// on its way are followed. A link to nowhere stays, unless it goes up behind something
    /// missing. That may come with another transfer and be anything. If the system gives up because
    /// there are too many links, others may follow further. Such a link stays only if all links
    /// here have come together (`alone`) and it goes up at its beginning alone. Each step is then
    /// from a folder or link here to what is below that.
    pub(super) fn leads_out(
        &self,
        path: &Path,
        link: Option<&OsStr>,
        target: &[u8],
        alone: bool,
    ) -> bool {
        let goes_up = last_climb(target);
        let whole = link.map_or_else(|| path.join(from_bytes(target)), |name| path.join(name));
        match self.lead(&whole) {
            Led::Within => false,
            Led::Nowhere => goes_up.is_some_and(|up| self.lead(&path.join(up)) != Led::Within),
            Led::Astray => !alone || goes_up.is_some(),
            Led::Out => true,
        }
    }

    /// Gives the folder its permissions, beside a set-group-id that the system gave it, and its
    /// time.
    pub(super) fn finish(&self, Finish { mode, modified }: Finish) {
        self.set_permissions(mode);
        if let Some(modified) = modified {
            self.set_modified(modified);
        }
    }

    /// The permissions that a new file here can have: less the umask, or what the default access
    /// list of this folder says.
    pub(super) fn permissions(&self) -> io::Result<u32> {
        self.permissions_of_new(hidden_name()?.as_ref())
    }

    /// True if this file system drops dots at the end of a name without a word, as FAT does.
    pub(super) fn drops_dots(&self) -> io::Result<bool> {
        let hidden = hidden_name()?;
        let dotted = format!("{hidden}.");
        self.create_file(dotted.as_ref())?;
        let dropped = self.kind(hidden.as_ref())?.is_some();
        self.unlink(dotted.as_ref()).or_else(|_| self.unlink(hidden.as_ref()))?;
        Ok(dropped)
    }

    /// True if this file system refuses a name that is no UTF-8.
    pub(super) fn holds_only_text(&self) -> io::Result<bool> {
        let no_text = from_vec([hidden_name()?.as_bytes(), b"\xff"].concat());
        match self.create_file(&no_text) {
            Ok(_) => self.unlink(&no_text).map(|()| false),
            Err(error) if cannot_hold(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Gives what is called `from` the name `to` unless something has that name: then
    /// [`io::ErrorKind::AlreadyExists`]. It must be `which`.
    ///
    /// A system renames by name and not by handle, so what another program puts in its place
    /// between the look and the renaming gets the name all the same; then this fails, and nothing
    /// is said to be delivered.
    pub(super) fn rename(&self, from: &OsStr, which: Identity, to: &OsStr) -> io::Result<()> {
        self.move_as_own(from, which, (self, to))
    }

    /// Moves what is called `from` into another folder, as `to`, unless something has that name
    /// there: then [`io::ErrorKind::AlreadyExists`].
    pub(super) fn move_as_new(&self, from: &OsStr, there: &Self, to: &OsStr) -> io::Result<()> {
        match self.move_new(from, there, to)? {
            Some(()) => Ok(()),
            None => self.rename_plainly(from, there, to),
        }
    }

    /// The same where the file system cannot rename without replacing. A file gets its second name
    /// by a link, or else its name is taken first by an empty file of our own; a folder replaces
    /// nothing but an empty folder, which loses nothing.
    pub(super) fn rename_plainly(&self, from: &OsStr, there: &Self, to: &OsStr) -> io::Result<()> {
        if self.kind(from)?.is_some_and(|kind| kind.is_dir()) {
            return match there.kind(to)? {
                Some(_) => Err(Cause::Taken.into()),
                None => self.move_over(from, there, to),
            };
        }
        match self.link(from, there, to) {
            Ok(()) => self.unlink(from),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            Err(_) => {
                let own = Identity::of(&there.create_file(to)?)?;
                self.move_over(from, there, to).inspect_err(|_| drop(there.remove_own(to, own)))
            }
        }
    }

    /// Gives what is called `from`, which must be `which`, the name `to`, replacing a file of that
    /// name. As [`Folder::rename`].
    pub(super) fn replace(&self, from: &OsStr, which: Identity, to: &OsStr) -> io::Result<()> {
        self.move_over_own(from, which, (self, to))
    }

    /// Removes what is called `name` if it is `which`; what another program has put in its place is
    /// not ours to remove.
    pub(super) fn remove_own(&self, name: &OsStr, which: Identity) -> io::Result<()> {
        match self.identity(name) {
            Ok(identity) if identity == which => self.remove(name),
            _ => Ok(()),
        }
    }

    /// Moves what is called `name`, which must be `which`, into another folder, where nothing is
    /// called so. As [`Folder::rename`].
    pub(super) fn move_into(&self, name: &OsStr, which: Identity, other: &Self) -> io::Result<()> {
        self.move_as_own(name, which, (other, name))
    }

    /// Moves the file `from`, which must be `which`, into another folder under a name that nothing
    /// has there. As [`Folder::rename`].
    pub(super) fn move_as_own(
        &self,
        from: &OsStr,
        which: Identity,
        to: (&Self, &OsStr),
    ) -> io::Result<()> {
        self.moving(from, which, to, || self.move_as_new(from, to.0, to.1))
    }

    /// The same in place of an empty file that was made to have the name.
    pub(super) fn move_over_own(
        &self,
        from: &OsStr,
        which: Identity,
        to: (&Self, &OsStr),
    ) -> io::Result<()> {
        self.moving(from, which, to, || self.move_over(from, to.0, to.1))
    }

    /// Has `move_it` move something, which is looked at before and after. Its handle is held
    /// meanwhile, so that its inode is no other's.
    fn moving(
        &self,
        from: &OsStr,
        which: Identity,
        (there, to): (&Self, &OsStr),
        move_it: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let held = self.read_file(from)?;
        if Identity::of(&held)? != which {
            return Err(replaced());
        }
        move_it()?;
        match there.identity(to) {
            Ok(identity) if identity != which => Err(replaced()),
            // Whoever takes it away at once has it.
            _ => Ok(()),
        }
    }
}

/// The text of a link as far as its last `..` that comes after a name, if there is one.
fn last_climb(target: &[u8]) -> Option<&OsStr> {
    let (mut named, mut end, mut last) = (false, 0_usize, None);
    for name in target.split(|byte| *byte == b'/') {
        end = end.saturating_add(name.len());
        match name {
            b"" | b"." => {}
            b".." if named => last = target.get(..end),
            b".." => {}
            _ => named = true,
        }
        end = end.saturating_add(1);
    }
    last.map(from_bytes)
}

/// True if a file system reports that it cannot hold a name. exFAT in FUSE takes a reserved
/// character for a file that is not there.
pub(super) fn cannot_hold(error: &io::Error) -> bool {
    matches!(Cause::of(error), Some(Cause::BadName | Cause::Missing))
}

pub(super) fn replaced() -> io::Error {
    io::Error::other("another program has replaced it")
}

/// A name of our own for what is not complete.
pub(super) fn hidden_name() -> io::Result<String> {
    Ok(format!(".pinhole-{}.part", random_hex()?))
}

/// 64 random bits in hexadecimal, so that no two names meet.
pub(super) fn random_hex() -> io::Result<String> {
    let mut bytes = [0; 8];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}
