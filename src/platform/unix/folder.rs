//! A folder held by its handle, and what can be done to one name in it. Nothing is changed by a
//! path: each name is a single component, and no link is followed unless a function says so.
//! Whatever is renamed or linked meanwhile, nothing happens outside the folder that was opened.

use super::cause::Cause;
use super::disk::Space;
use super::file::{Facts, FileId, How, Kind, STEP};
use super::identity::Identity;
use cap_std::fs::Dir;
#[cfg(target_os = "linux")]
use rustix::fs::StatxFlags;
use rustix::fs::{Access, AtFlags, CWD, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

/// A held folder.
#[derive(Debug)]
pub struct Folder(Dir);

/// The group that what is made in a folder gets from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group(Gid);

/// The destination of a path below a folder, links on it followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Led {
    /// To something in the folder.
    Within,
    /// To nothing, as far as it goes inside the folder.
    Nowhere,
    /// Through more links than the system follows.
    Astray,
    /// Out of the folder, or to where this cannot be seen.
    Out,
}

/// A folder, to read its names.
pub(super) const ENTERED: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A new file for writing.
const NEW: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// Files are their owner's alone, to read and write; folders to enter as well.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const FOLDER_MODE: Mode = Mode::RWXU;

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Folder {
    fn from(held: OwnedFd) -> Self {
        Self::from(File::from(held))
    }
}

impl From<File> for Folder {
    fn from(held: File) -> Self {
        Self(Dir::from_std_file(held))
    }
}

/// Opening, and what is in it.
impl Folder {
    /// Opens a folder of the user's own choice, through links if that is what the path says.
    ///
    /// # Errors
    /// Of the system.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(rustix::fs::open(path, ENTERED, Mode::empty())?.into())
    }

    /// Opens this folder anew: another handle, which has a lock of its own.
    ///
    /// # Errors
    /// Of the system.
    pub fn reopen(&self) -> io::Result<Self> {
        Ok(rustix::fs::openat(&self.0, ".", ENTERED, Mode::empty())?.into())
    }

    /// Opens the folder `name` in this one.
    ///
    /// # Errors
    /// Of the system; if it is a link.
    pub fn open_folder(&self, name: &OsStr) -> io::Result<Self> {
        let flags = ENTERED | OFlags::NOFOLLOW;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// Opens the folder `name` in this one, which is of our own making, whatever its permissions,
    /// and lets its owner change what is in it.
    ///
    /// # Errors
    /// Of the system; if it is a link.
    pub fn open_own_folder(&self, name: &OsStr) -> io::Result<Self> {
        let held = rustix::fs::openat(&self.0, name, STEP | OFlags::NOFOLLOW, Mode::empty())?;
        let mode = Mode::from_raw_mode(rustix::fs::fstat(&held)?.st_mode);
        if !mode.contains(FOLDER_MODE) {
            // By its handle, as its name may be another's by now. A file system without modes says
            // no, and the opening then tells.
            let _ = rustix::fs::chmod(by_handle(&held), mode | FOLDER_MODE);
        }
        Ok(rustix::fs::openat(&held, ".", ENTERED, Mode::empty())?.into())
    }

    /// Opens the folder `name` in this one to empty it, whatever its permissions, and lets its
    /// owner change what is in it.
    ///
    /// # Errors
    /// Of the system; if it is a link.
    pub fn open_to_empty(&self, name: &OsStr) -> io::Result<Self> {
        let folder = self.open_folder(name).or_else(|error| match Cause::of(&error) {
            // Its own mode may close it already.
            Some(Cause::Denied) => self.let_change(name).and_then(|()| self.open_folder(name)),
            _ => Err(error),
        })?;
        // Its own mode may keep what is in it.
        let _ = rustix::fs::fchmod(&folder.0, FOLDER_MODE);
        Ok(folder)
    }

    /// Lets the owner of the folder `name` in this one change what is in it, and move it.
    ///
    /// # Errors
    /// Of the system.
    pub fn let_change(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::chmodat(&self.0, name, FOLDER_MODE, AtFlags::empty())?)
    }

    /// The entries of this folder, by name.
    ///
    /// # Errors
    /// Of the system.
    pub fn entries(&self) -> io::Result<impl Iterator<Item = io::Result<(OsString, Kind)>>> {
        Ok(self.0.entries()?.map(|entry| {
            let entry = entry?;
            let (name, kind) = (entry.file_name(), Kind::of(entry.file_type()?));
            // Some file systems do not say it in a listing.
            let kind = if kind == Kind::Unknown { self.kind(&name)?.unwrap_or(kind) } else { kind };
            Ok((name, kind))
        }))
    }

    /// Hands each name in the folder to `take`, in no order, until that fails.
    ///
    /// # Errors
    /// Of the system, and those of `take`.
    pub fn each_name(&self, mut take: impl FnMut(&OsStr) -> io::Result<()>) -> io::Result<()> {
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                take(OsStr::from_bytes(name))?;
            }
        }
        Ok(())
    }

    /// Facts of `name`; of what it leads to, if it is a link and those are followed.
    ///
    /// # Errors
    /// Of the system.
    pub fn facts(&self, name: &OsStr, follow: bool) -> io::Result<Facts> {
        let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        Ok(rustix::fs::statat(&self.0, name, flags)?.into())
    }

    /// The kind of `name`; `None` if there is nothing of that name.
    ///
    /// # Errors
    /// Of the system.
    pub fn kind(&self, name: &OsStr) -> io::Result<Option<Kind>> {
        match self.facts(name, false) {
            Ok(facts) => Ok(Some(facts.kind())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Which file or folder `name` is.
    ///
    /// # Errors
    /// Of the system.
    pub fn identity(&self, name: &OsStr) -> io::Result<Identity> {
        Ok(Identity::new(&self.0, &self.0.symlink_metadata(name)?))
    }

    /// Which folder this is.
    ///
    /// # Errors
    /// Of the system.
    pub fn own_identity(&self) -> io::Result<Identity> {
        Ok(Identity::new(&self.0, &self.0.dir_metadata()?))
    }

    /// Opens `name`, or what it leads to, if it is a link and those are followed.
    ///
    /// # Errors
    /// Of the system.
    pub fn open_any(&self, name: &OsStr, how: How, follow: bool) -> io::Result<File> {
        let links = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        Ok(rustix::fs::openat(&self.0, name, how.flags() | links, Mode::empty())?.into())
    }

    /// Finds out if this user may read `name`, or what it leads to, without opening it.
    ///
    /// # Errors
    /// Of the system, if not.
    pub fn try_reading(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::accessat(&self.0, name, Access::READ_OK, AtFlags::EACCESS)?)
    }

    /// The text of the link `name`.
    ///
    /// # Errors
    /// Of the system; [`Cause::BadName`] if it is no link.
    pub fn link_text(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&self.0, name, Vec::new())?.into_bytes())
    }

    /// Follows a path below this folder, links on it too, as far as it stays inside.
    #[must_use]
    pub fn lead(&self, path: &Path) -> Led {
        match self.0.metadata(path) {
            Ok(_) => Led::Within,
            Err(error) => match Cause::of(&error) {
                Some(Cause::Missing | Cause::NoFolder) => Led::Nowhere,
                Some(Cause::Links) => Led::Astray,
                // Any other error is the library's, for what leads out, or leaves it open.
                _ => Led::Out,
            },
        }
    }
}

/// Changes to one name in it.
impl Folder {
    /// Creates the folder `name`, for its owner alone.
    ///
    /// # Errors
    /// Of the system; if something has that name.
    pub fn create_folder(&self, name: &OsStr) -> io::Result<()> {
        rustix::fs::mkdirat(&self.0, name, FOLDER_MODE)?;
        // A umask that takes the owner's own rights would leave a folder that nothing can be put
        // into.
        if self.facts(name, false)?.permissions() & 0o700 != 0o700 {
            self.let_change(name)?;
        }
        Ok(())
    }

    /// Creates the file `name` for writing, for its owner alone.
    ///
    /// # Errors
    /// Of the system; if something has that name, also a link that leads nowhere.
    pub fn create_file(&self, name: &OsStr) -> io::Result<File> {
        let file = File::from(rustix::fs::openat(&self.0, name, NEW, FILE_MODE)?);
        // As with folders. A file system without modes says no, and then there is nothing to set.
        let _ = rustix::fs::fchmod(&file, FILE_MODE);
        Ok(file)
    }

    /// Creates the link `name` that says `target`.
    ///
    /// # Errors
    /// Of the system; if something has that name; [`Cause::Forbidden`] where there are no links.
    pub fn create_link(&self, name: &OsStr, target: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    /// A new file for writing that has no name, for its owner alone. It is gone with its handle
    /// unless [`Folder::name_file`] names it, even if the process is killed.
    ///
    /// # Errors
    /// Also where the file system or the operating system knows no such files.
    pub fn create_unnamed(&self) -> io::Result<File> {
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

    /// Names a file of [`Folder::create_unnamed`].
    ///
    /// # Errors
    /// Of the system; if something has that name.
    pub fn name_file(&self, file: &File, name: &OsStr) -> io::Result<()> {
        // The way for those who are not root (open(2), O_TMPFILE).
        let flags = AtFlags::SYMLINK_FOLLOW;
        Ok(rustix::fs::linkat(CWD, by_handle(file), &self.0, name, flags)?)
    }

    /// Opens the file `name` for reading. What is no file there is not waited for.
    ///
    /// # Errors
    /// Of the system; if it is a link.
    pub fn read_file(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name, OFlags::RDONLY)
    }

    /// Opens the file `name` for reading and writing, as it is. What is no file there is not waited
    /// for.
    ///
    /// # Errors
    /// Of the system; if it is a link.
    pub fn write_file(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name, OFlags::RDWR)
    }

    /// Opens the file `name` of this user's as [`Folder::write_file`] does, whatever its
    /// permissions.
    ///
    /// # Errors
    /// Of the system; if it is a link.
    pub fn write_own_file(&self, name: &OsStr) -> io::Result<File> {
        let held = self.open_any(name, How::Look, false)?;
        if Facts::of(&held)?.permissions() & FILE_MODE.bits() != FILE_MODE.bits() {
            // By its handle, as with folders.
            let _ = rustix::fs::chmod(by_handle(&held), FILE_MODE);
        }
        self.write_file(name)
    }

    fn open_file(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        // Non-blocking, because opening a pipe that somebody put there would wait for its other
        // end.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?))
    }

    /// Removes the file or link `name`.
    ///
    /// # Errors
    /// Of the system.
    pub fn unlink(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Removes the folder `name`.
    ///
    /// # Errors
    /// Of the system; [`Cause::NotEmpty`] or [`Cause::Taken`] if something is in it.
    pub fn remove_empty(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Moves what is called `from` into another folder, as `to`, in one step; `None` where the
    /// file system can only replace.
    ///
    /// # Errors
    /// Of the system; [`io::ErrorKind::AlreadyExists`] if something has that name.
    pub fn move_new(&self, from: &OsStr, there: &Self, to: &OsStr) -> io::Result<Option<()>> {
        match rustix::fs::renameat_with(&self.0, from, &there.0, to, RenameFlags::NOREPLACE) {
            // NFS, 9p and others do not know the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(None),
            moved => Ok(Some(moved?)),
        }
    }

    /// Moves what is called `from` into another folder, as `to`, in place of a file of that name.
    ///
    /// # Errors
    /// Of the system.
    pub fn move_over(&self, from: &OsStr, there: &Self, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &there.0, to)?)
    }

    /// Gives the file `from` a second name in another folder.
    ///
    /// # Errors
    /// Of the system; [`io::ErrorKind::AlreadyExists`] if something has that name.
    pub fn link(&self, from: &OsStr, there: &Self, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::linkat(&self.0, from, &there.0, to, AtFlags::empty())?)
    }

    /// Finds out if something can be moved here from another folder: not onto another file system,
    /// nor where nothing may be made.
    ///
    /// # Errors
    /// [`Cause::OtherDisk`], and those of the system.
    pub fn takes_from(&self, other: &Self) -> io::Result<()> {
        if self.own_identity()?.disk() != other.own_identity()?.disk()
            || self.mount().zip(other.mount()).is_some_and(|(one, two)| one != two)
        {
            return Err(Cause::OtherDisk.into());
        }
        let access = Access::WRITE_OK | Access::EXEC_OK;
        Ok(rustix::fs::accessat(&self.0, ".", access, AtFlags::EACCESS)?)
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
}

/// Its own properties, and its disk.
impl Folder {
    /// Gives the folder these permissions, beside a set-group-id that the system gave it. A file
    /// system that cannot hold them still holds what is in it, so a refusal is none.
    pub fn set_permissions(&self, mode: u32) {
        if let Ok(stat) = rustix::fs::fstat(&self.0) {
            let kept = stat.st_mode & Mode::SGID.bits();
            let _ = rustix::fs::fchmod(&self.0, Mode::from_raw_mode(mode | kept));
        }
    }

    /// Gives the folder this time of its last change. As with permissions, a refusal is none.
    pub fn set_modified(&self, modified: SystemTime) {
        if let Some(modified) = timespec(modified) {
            let omitted = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
            let times = Timestamps { last_access: omitted, last_modification: modified };
            let _ = rustix::fs::futimens(&self.0, &times);
        }
    }

    /// The permissions that a new file here can have: less the umask, or what the default access
    /// list of this folder says. It is tried with a file of the name `hidden`.
    ///
    /// # Errors
    /// Of the system.
    pub fn permissions_of_new(&self, hidden: &OsStr) -> io::Result<u32> {
        let all = Mode::RWXU | Mode::RWXG | Mode::RWXO;
        let made = rustix::fs::openat(&self.0, hidden, NEW, all)?;
        let facts = Facts::of(&made);
        self.unlink(hidden)?;
        Ok(facts?.permissions() & 0o777)
    }

    /// True if a list says what single users and groups may do here (acl(5)).
    #[must_use]
    pub fn has_access_list(&self) -> bool {
        let list = rustix::fs::fgetxattr(&self.0, c"system.posix_acl_access", &mut [0_u8; 0][..]);
        list.is_ok()
    }

    /// The group that what is made here gets, if the folder gives its own on.
    #[must_use]
    pub fn group(&self) -> Option<Group> {
        let stat = rustix::fs::fstat(&self.0).ok()?;
        let given = Mode::from_raw_mode(stat.st_mode).contains(Mode::SGID);
        given.then(|| Group(Gid::from_raw(stat.st_gid)))
    }

    /// Gives the file `name` a group, if this user may.
    pub fn give_group(&self, name: &OsStr, Group(group): Group) {
        let _ = rustix::fs::chownat(&self.0, name, None, Some(group), AtFlags::SYMLINK_NOFOLLOW);
    }

    /// Has this folder give a group on, if this user may.
    pub fn take_group(&self, Group(group): Group) {
        if let (Ok(()), Ok(stat)) =
            (rustix::fs::fchown(&self.0, None, Some(group)), rustix::fs::fstat(&self.0))
        {
            let _ = rustix::fs::fchmod(&self.0, Mode::from_raw_mode(stat.st_mode) | Mode::SGID);
        }
    }

    /// Waits until the names in this folder are on the disk.
    ///
    /// # Errors
    /// Of the system.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }

    /// Waits until everything written to this file system is on the disk.
    ///
    /// # Errors
    /// Of the system.
    pub fn sync_all(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(&self.0)?;
        #[cfg(not(target_os = "linux"))]
        rustix::fs::sync();
        Ok(())
    }

    /// The room on its disk.
    ///
    /// # Errors
    /// Of the system.
    pub fn space(&self) -> io::Result<Space> {
        Ok(Space::told(&rustix::fs::fstatvfs(&self.0)?))
    }
}

/// A held folder and those above it, up to the root, or as far as this user may go; empty if it is
/// no folder.
#[must_use]
pub fn ancestry(folder: impl AsFd) -> Vec<FileId> {
    let mut above: Vec<FileId> = Vec::new();
    let up = |from: &dyn AsFd, to: &str| rustix::fs::openat(from.as_fd(), to, STEP, Mode::empty());
    let mut at: Option<OwnedFd> = up(&folder, ".").ok();
    while let Some(folder) = at {
        let Ok(facts) = Facts::of(&folder) else { break };
        // Above the root is the root.
        if above.last() == Some(&facts.id()) {
            break;
        }
        above.push(facts.id());
        at = up(&folder, "..").ok();
    }
    above
}

/// The name under which this process finds what it has open (proc(5)).
fn by_handle(handle: impl AsFd) -> String {
    format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd())
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
