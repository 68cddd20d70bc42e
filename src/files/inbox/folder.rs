//! A folder held by its handle, and what can be done to one name in it. Nothing here is changed by
//! a path: each function takes a single component and follows no link, so whatever is renamed or
//! linked meanwhile, nothing is created outside the folder that was opened. Only
//! [`Folder::leads_out`] follows links, to see where they lead.

use super::making::cannot_hold;
use crate::files::name::FileName;
use crate::files::spot::Spot;
use cap_std::fs::{Dir, FileType, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use rand_core::{OsRng, RngCore};
#[cfg(target_os = "linux")]
use rustix::fs::StatxFlags;
use rustix::fs::{
    Access, AtFlags, FlockOperation, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps,
};
use rustix::io::Errno;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// A held folder.
#[derive(Debug)]
pub(super) struct Folder(Dir);

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What a file or folder is, whatever its name: device, inode and, where the system says it, when
/// it was made, because an inode that is free is soon another file's. A file system in user space
/// may give something another inode once the kernel has forgotten the last; there it is the device
/// alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    place: (u64, u64),
    born: Option<SystemTime>,
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        let born = self.born.zip(other.born).is_none_or(|(one, two)| one == two);
        self.place == other.place && born
    }
}

/// What of one transfer has its name in a folder. Where nothing tells one file from another, it is
/// known by its name.
#[derive(Debug, Default)]
pub(super) struct Ours {
    places: HashSet<(u64, u64)>,
    names: HashSet<Vec<u8>>,
}

impl Ours {
    pub(super) fn add(&mut self, which: Identity, name: &FileName) {
        let _ = if which.is_known() {
            self.places.insert(which.place)
        } else {
            self.names.insert(name.folded())
        };
    }

    pub(super) fn has(&self, which: Identity, name: &FileName) -> bool {
        if which.is_known() {
            self.places.contains(&which.place)
        } else {
            self.names.contains(&name.folded())
        }
    }
}

/// What a folder or file gets once it is complete.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finish {
    pub(super) mode: u32,
    pub(super) modified: Option<SystemTime>,
}

impl Finish {
    /// Sets mode and time. A file system that cannot hold them still holds the bytes, so a refusal
    /// is none.
    pub(super) fn apply(self, file: &File) {
        let _ = file.set_permissions(Permissions::from_mode(self.mode));
        self.date(file);
    }

    /// Sets the time alone.
    pub(super) fn date(self, file: &File) {
        if let Some(modified) = self.modified {
            let _ = file.set_modified(modified);
        }
    }
}

/// The disk under a folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    /// Its size in bytes; 0 where the file system does not say.
    pub(super) total: u64,
    /// Bytes that an unprivileged user may still take.
    pub(super) available: u64,
    /// Files and folders that it can hold; 0 where it does not say, or makes room as it is needed.
    pub(super) inodes: u64,
    /// The number that an unprivileged user may still make.
    pub(super) inodes_available: u64,
    /// The longest name it holds, in bytes; 0 where it does not say.
    pub(super) longest_name: u64,
}

const FOLDER_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Between two looks at a lock: a file is changed in some milliseconds.
const LOCK_LOOK: Duration = Duration::from_millis(5);
/// Levels of a folder that are removed with their handles open.
const AT_ONCE: u32 = 32;
/// How often a folder that is removed is listed: others may put something there meanwhile, but not
/// for ever.
const LISTINGS: u32 = 16;
/// Files are their owner's alone, to read and write; folders to enter as well.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const FOLDER_MODE: Mode = Mode::RWXU;

impl Folder {
    /// Opens a folder of the user's own choice, through links if that is what the path says.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Dir::from_std_file(File::from(rustix::fs::open(
            path,
            FOLDER_FLAGS,
            Mode::empty(),
        )?))))
    }

    /// Opens the folder of a small file that is to be written, and says what the file is called
    /// there.
    pub(super) fn of(spot: &Spot) -> io::Result<(Self, &OsStr)> {
        let path = spot.path();
        let name =
            path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
        let folder = match spot.folder() {
            // Opened anew, because a lock belongs to what was opened.
            Some(held) => Self(Dir::from_std_file(File::from(rustix::fs::openat(
                held,
                ".",
                FOLDER_FLAGS,
                Mode::empty(),
            )?))),
            None => Self::open(
                path.parent()
                    .filter(|parent| !parent.as_os_str().is_empty())
                    .unwrap_or(Path::new(".")),
            )?,
        };
        Ok((folder, name))
    }

    /// Another handle of this folder, for whoever is to write into it.
    pub(super) fn handle(&self) -> io::Result<OwnedFd> {
        Ok(rustix::fs::openat(&self.0, ".", FOLDER_FLAGS, Mode::empty())?)
    }

    /// Opens the folder `name` in this one; a link there is an error.
    pub(super) fn open_folder(&self, name: &OsStr) -> io::Result<Self> {
        let opened =
            rustix::fs::openat(&self.0, name, FOLDER_FLAGS | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Self(Dir::from_std_file(File::from(opened))))
    }

    /// Opens the folder `name` in this one, which is of our own making, whatever its permissions,
    /// and lets its owner change what is in it. A link there is an error.
    pub(super) fn open_own_folder(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = rustix::fs::openat(&self.0, name, flags, Mode::empty())?;
        let mode = Mode::from_raw_mode(rustix::fs::fstat(&held)?.st_mode);
        if !mode.contains(FOLDER_MODE) {
            // By its handle, as its name may be another's by now. A file system without modes says
            // no, and the opening then tells.
            let _ = rustix::fs::chmod(
                format!("/proc/self/fd/{}", held.as_raw_fd()),
                mode | FOLDER_MODE,
            );
        }
        Ok(Self(Dir::from_std_file(File::from(rustix::fs::openat(
            &held,
            ".",
            FOLDER_FLAGS,
            Mode::empty(),
        )?))))
    }

    /// What is in this folder, by name.
    pub(super) fn entries(
        &self,
    ) -> io::Result<impl Iterator<Item = io::Result<(OsString, FileType)>>> {
        Ok(self.0.entries()?.map(|entry| {
            let entry = entry?;
            let (name, kind) = (entry.file_name(), entry.file_type()?);
            // Some file systems do not say it in a listing.
            let known = kind.is_file() || kind.is_dir() || kind.is_symlink();
            let kind = if known { kind } else { self.kind(&name)?.unwrap_or(kind) };
            Ok((name, kind))
        }))
    }

    /// Creates the folder `name`, for its owner alone.
    pub(super) fn create_folder(&self, name: &OsStr) -> io::Result<()> {
        rustix::fs::mkdirat(&self.0, name, FOLDER_MODE)?;
        // A umask that takes the owner's own rights would leave a folder that nothing can be put
        // into.
        if self.0.symlink_metadata(name)?.mode() & 0o700 != 0o700 {
            rustix::fs::chmodat(&self.0, name, FOLDER_MODE, AtFlags::empty())?;
        }
        Ok(())
    }

    /// Creates the file `name` for writing, for its owner alone; anything of that name is an error,
    /// a dangling link too.
    pub(super) fn create_file(&self, name: &OsStr) -> io::Result<File> {
        let file = self
            .0
            .open_with(name, OpenOptions::new().write(true).create_new(true).mode(0o600))?
            .into_std();
        // As with folders. A file system without modes says no, and then there is nothing to set.
        let _ = rustix::fs::fchmod(&file, FILE_MODE);
        Ok(file)
    }

    /// Opens for writing the file `name` that was created before, and only that one.
    pub(super) fn reopen_file(&self, name: &OsStr, identity: Identity) -> io::Result<File> {
        // Non-blocking, because opening a pipe that somebody put there would wait for its reader.
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?);
        if Identity::of(&file)? == identity { Ok(file) } else { Err(replaced()) }
    }

    /// A new file for writing that has no name, for its owner alone. It is gone with its handle
    /// unless [`Folder::name_file`] names it, even if the process is killed.
    ///
    /// # Errors
    /// Also where the file system or the operating system knows no such files.
    pub(super) fn create_unnamed(&self) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        return Ok(File::from(rustix::fs::openat(
            &self.0,
            ".",
            OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC,
            FILE_MODE,
        )?));
        #[cfg(not(target_os = "linux"))]
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Names a file of [`Folder::create_unnamed`], unless something has that name.
    pub(super) fn name_file(&self, file: &File, name: &OsStr) -> io::Result<()> {
        // The way for those who are not root (open(2), O_TMPFILE).
        let handle = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(rustix::fs::linkat(rustix::fs::CWD, handle, &self.0, name, AtFlags::SYMLINK_FOLLOW)?)
    }

    /// Opens the file `name` for reading; a link there is an error.
    pub(super) fn read_file(&self, name: &OsStr) -> io::Result<File> {
        // Non-blocking, because opening a pipe that somebody put there would wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?))
    }

    /// Locks the folder until this handle is closed, against others of this program that change a
    /// file in it. Waits for them no longer than `longest`: anybody who may read the folder can
    /// hold the lock.
    pub(super) fn lock(&self, longest: Duration) -> io::Result<()> {
        let until = Instant::now() + longest;
        loop {
            match rustix::fs::flock(&self.0, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(LOCK_LOOK),
                locked => return Ok(locked?),
            }
        }
    }

    /// What `name` is, if there is anything: a link is a link.
    pub(super) fn kind(&self, name: &OsStr) -> io::Result<Option<FileType>> {
        match self.0.symlink_metadata(name) {
            Ok(metadata) => Ok(Some(metadata.file_type())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Bytes of the file `name`.
    pub(super) fn length(&self, name: &OsStr) -> io::Result<u64> {
        Ok(self.0.symlink_metadata(name)?.len())
    }

    /// Which file or folder `name` is.
    pub(super) fn identity(&self, name: &OsStr) -> io::Result<Identity> {
        Ok(Identity::new(&self.0, &self.0.symlink_metadata(name)?))
    }

    /// Which folder this is.
    pub(super) fn own_identity(&self) -> io::Result<Identity> {
        Ok(Identity::new(&self.0, &self.0.dir_metadata()?))
    }

    /// Removes the file `name`, or the folder with all that is in it; a link is removed itself.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match self.kind(name)? {
            Some(kind) if kind.is_dir() => self.remove_folder(name),
            Some(_) => self.0.remove_file(name),
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
        let removed = || rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR);
        // Where a listing passes over names while others go, they are in the next one.
        for _ in 0..LISTINGS {
            match removed() {
                Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                done => return Ok(done?),
            }
            let open = || {
                rustix::fs::openat(&self.0, name, FOLDER_FLAGS | OFlags::NOFOLLOW, Mode::empty())
            };
            let opened = open().or_else(|error| match error {
                // Its own mode may close it already.
                Errno::ACCESS => rustix::fs::chmodat(&self.0, name, FOLDER_MODE, AtFlags::empty())
                    .and_then(|()| open()),
                _ => Err(error),
            })?;
            let folder = Self(Dir::from_std_file(File::from(opened)));
            // Its own mode may keep what is in it.
            let _ = rustix::fs::fchmod(&folder.0, FOLDER_MODE);
            for entry in folder.0.entries()? {
                let entry = entry?;
                let below = entry.file_name();
                match (entry.file_type()?.is_dir(), levels.checked_sub(1)) {
                    (true, Some(levels)) => folder.remove_levels(top, &below, levels, roots)?,
                    (true, None) => {
                        let hidden = OsString::from(hidden_name()?);
                        // To be moved it has to be writable itself.
                        let _ =
                            rustix::fs::chmodat(&folder.0, &below, FOLDER_MODE, AtFlags::empty());
                        rustix::fs::renameat(&folder.0, &below, &top.0, &hidden)?;
                        roots.push(hidden);
                    }
                    (false, _) => folder.unlink(&below)?,
                }
            }
        }
        Ok(removed()?)
    }

    /// Removes the file or link `name`.
    pub(super) fn unlink(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// What the link `name` says.
    pub(super) fn link_text(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&self.0, name, Vec::new())?.into_bytes())
    }

    /// Makes the link `name` that says `target`; anything of that name is an error.
    pub(super) fn create_link(&self, name: &OsStr, target: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    /// Whether what a link says that lies, or would lie, in the folder at a path leads out of this
    /// one, links on its way followed. What leads nowhere does not, unless it goes up behind what
    /// is not there: that may come with another transfer and be anything. What the system gives up
    /// because there are too many links, others may follow further: it stays if all links here have
    /// come together (`alone`) and it goes up at its beginning alone, for then each step is from a
    /// folder or link here to what is below that.
    pub(super) fn leads_out(
        &self,
        path: &Path,
        link: Option<&OsStr>,
        target: &[u8],
        alone: bool,
    ) -> bool {
        let goes_up = last_climb(target);
        let whole =
            link.map_or_else(|| path.join(OsStr::from_bytes(target)), |name| path.join(name));
        self.0.metadata(whole).is_err_and(|error| match Errno::from_io_error(&error) {
            Some(Errno::NOENT | Errno::NOTDIR) => {
                goes_up.is_some_and(|up| self.0.metadata(path.join(up)).is_err())
            }
            Some(Errno::LOOP) => !alone || goes_up.is_some(),
            // Any other error is the library's, for what leads out, or leaves it open.
            _ => true,
        })
    }

    /// Gives the folder its permissions, beside a set-group-id that the system gave it, and its
    /// time.
    pub(super) fn finish(&self, Finish { mode, modified }: Finish) {
        // A file system that cannot hold them still holds what is in it.
        if let Ok(stat) = rustix::fs::fstat(&self.0) {
            let kept = stat.st_mode & Mode::SGID.bits();
            let _ = rustix::fs::fchmod(&self.0, Mode::from_raw_mode(mode | kept));
        }
        if let Some(modified) = modified.and_then(timespec) {
            let omitted = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
            let _ = rustix::fs::futimens(
                &self.0,
                &Timestamps { last_access: omitted, last_modification: modified },
            );
        }
    }

    /// The group that what is made here gets, if the folder gives its own on.
    pub(super) fn group(&self) -> Option<Gid> {
        let stat = rustix::fs::fstat(&self.0).ok()?;
        Mode::from_raw_mode(stat.st_mode).contains(Mode::SGID).then(|| Gid::from_raw(stat.st_gid))
    }

    /// Gives the file `name` a group, if this user may.
    pub(super) fn give_group(&self, name: &OsStr, group: Gid) {
        let _ = rustix::fs::chownat(&self.0, name, None, Some(group), AtFlags::SYMLINK_NOFOLLOW);
    }

    /// Has this folder give a group on, if this user may.
    pub(super) fn take_group(&self, group: Gid) {
        if let (Ok(()), Ok(stat)) =
            (rustix::fs::fchown(&self.0, None, Some(group)), rustix::fs::fstat(&self.0))
        {
            let _ = rustix::fs::fchmod(&self.0, Mode::from_raw_mode(stat.st_mode) | Mode::SGID);
        }
    }

    /// The permissions that a new file here can have: less the umask, or what the default access
    /// list of this folder says.
    pub(super) fn permissions(&self) -> io::Result<u32> {
        let hidden = hidden_name()?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made =
            rustix::fs::openat(&self.0, &hidden, flags, Mode::RWXU | Mode::RWXG | Mode::RWXO)?;
        let stat = rustix::fs::fstat(&made);
        self.unlink(hidden.as_ref())?;
        Ok(stat?.st_mode & 0o777)
    }

    /// Whether this file system drops dots at the end of a name without a word, as FAT does.
    pub(super) fn drops_dots(&self) -> io::Result<bool> {
        let hidden = hidden_name()?;
        let dotted = format!("{hidden}.");
        self.create_file(dotted.as_ref())?;
        let dropped = self.kind(hidden.as_ref())?.is_some();
        self.unlink(dotted.as_ref()).or_else(|_| self.unlink(hidden.as_ref()))?;
        Ok(dropped)
    }

    /// Whether this file system refuses a name that is no UTF-8.
    pub(super) fn holds_only_text(&self) -> io::Result<bool> {
        let no_text = OsString::from_vec([hidden_name()?.as_bytes(), b"\xff"].concat());
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
        self.moving(from, which, (self, to), || self.move_new(from, self, to))
    }

    /// Whether something can be moved here from another folder: not onto another file system, nor
    /// where nothing may be made.
    pub(super) fn takes_from(&self, other: &Self) -> io::Result<()> {
        if self.own_identity()?.place.0 != other.own_identity()?.place.0
            || self.mount().zip(other.mount()).is_some_and(|(one, two)| one != two)
        {
            return Err(Errno::XDEV.into());
        }
        Ok(rustix::fs::accessat(
            &self.0,
            ".",
            Access::WRITE_OK | Access::EXEC_OK,
            AtFlags::EACCESS,
        )?)
    }

    /// Which mount it is of, where the system says it: nothing is moved from one onto another,
    /// though both be of one disk.
    #[cfg(target_os = "linux")]
    fn mount(&self) -> Option<u64> {
        let about = rustix::fs::statx(&self.0, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
        (about.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(about.stx_mnt_id)
    }

    #[cfg(not(target_os = "linux"))]
    const fn mount(&self) -> Option<u64> {
        None
    }

    /// Moves what is called `from` into another folder, as `to`, unless something has that name
    /// there: then [`io::ErrorKind::AlreadyExists`].
    pub(super) fn move_new(&self, from: &OsStr, there: &Self, to: &OsStr) -> io::Result<()> {
        match rustix::fs::renameat_with(&self.0, from, &there.0, to, RenameFlags::NOREPLACE) {
            // NFS, 9p and others do not know the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                self.rename_plainly(from, there, to)
            }
            result => Ok(result?),
        }
    }

    /// The same where the file system cannot rename without replacing. A file gets its second name
    /// by a link, or else its name is taken first by an empty file of our own; a folder replaces
    /// nothing but an empty folder, which loses nothing.
    pub(super) fn rename_plainly(&self, from: &OsStr, there: &Self, to: &OsStr) -> io::Result<()> {
        if self.kind(from)?.is_some_and(|kind| kind.is_dir()) {
            return match there.kind(to)? {
                Some(_) => Err(Errno::EXIST.into()),
                None => self.move_over(from, there, to),
            };
        }
        match rustix::fs::linkat(&self.0, from, &there.0, to, AtFlags::empty()) {
            Ok(()) => self.0.remove_file(from),
            Err(Errno::EXIST) => Err(Errno::EXIST.into()),
            Err(_) => {
                let own = Identity::of(&there.create_file(to)?)?;
                self.move_over(from, there, to).inspect_err(|_| drop(there.remove_own(to, own)))
            }
        }
    }

    /// Gives what is called `from`, which must be `which`, the name `to`, replacing a file of that
    /// name. As [`Folder::rename`].
    pub(super) fn replace(&self, from: &OsStr, which: Identity, to: &OsStr) -> io::Result<()> {
        self.moving(from, which, (self, to), || self.move_over(from, self, to))
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
        self.moving(name, which, (other, name), || self.move_new(name, other, name))
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
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let held = File::from(rustix::fs::openat(&self.0, from, flags, Mode::empty())?);
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

    /// Moves what is called `from` into another folder, as `to`, in place of a file of that name.
    pub(super) fn move_over(&self, from: &OsStr, there: &Self, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &there.0, to)?)
    }

    /// Waits until the names in this folder are on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }

    /// Waits until everything written to this file system is on the disk.
    pub(super) fn sync_all(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(&self.0)?;
        #[cfg(not(target_os = "linux"))]
        rustix::fs::sync();
        Ok(())
    }

    /// How much room there is.
    pub(super) fn space(&self) -> io::Result<Space> {
        let stat = rustix::fs::fstatvfs(&self.0)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Space {
            total: bytes(stat.f_blocks),
            available: bytes(stat.f_bavail),
            inodes: stat.f_files,
            inodes_available: stat.f_favail,
            longest_name: stat.f_namemax,
        })
    }
}

impl Identity {
    /// Which file this is.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::new(file, &Metadata::from_file(file)?))
    }

    /// True if it tells it from what is there at the same time.
    pub(super) const fn is_known(&self) -> bool {
        self.place.1 != 0
    }

    /// Its device and inode: enough for that, if it is known.
    pub(super) const fn place(&self) -> (u64, u64) {
        self.place
    }

    /// Of something on the file system of `disk`.
    fn new(disk: impl AsFd, metadata: &Metadata) -> Self {
        let inode = if in_user_space(disk) { 0 } else { metadata.ino() };
        Self {
            place: (metadata.dev(), inode),
            born: metadata.created().ok().map(|born| born.into_std()),
        }
    }
}

#[cfg(test)]
thread_local! {
    /// Whether every file system is one in user space for this thread.
    pub(super) static PRETENDED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether the file system of something is FUSE's.
#[cfg(target_os = "linux")]
fn in_user_space(disk: impl AsFd) -> bool {
    /// FUSE_SUPER_MAGIC (linux/magic.h).
    const FUSE: rustix::fs::FsWord = 0x6573_5546;
    #[cfg(test)]
    if PRETENDED.get() {
        return true;
    }
    rustix::fs::fstatfs(disk).is_ok_and(|stat| stat.f_type == FUSE)
}

#[cfg(not(target_os = "linux"))]
const fn in_user_space(_: impl AsFd) -> bool {
    false
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
    last.map(OsStr::from_bytes)
}

/// A time as the system takes it.
fn timespec(time: SystemTime) -> Option<Timespec> {
    let (seconds, nanos) = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => (i64::try_from(after.as_secs()).ok()?, after.subsec_nanos()),
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_secs()).ok()?.checked_neg()?;
            // Nanoseconds count forward from the second before.
            if before.subsec_nanos() == 0 {
                (whole, 0)
            } else {
                (whole.checked_sub(1)?, 1_000_000_000_u32.saturating_sub(before.subsec_nanos()))
            }
        }
    };
    Some(Timespec { tv_sec: seconds, tv_nsec: nanos.into() })
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
