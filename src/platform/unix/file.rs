//! Files, and facts of whatever is in a file system.

use cap_std::fs::{FileType as Listed, FileTypeExt};
use rustix::fs::{
    Access, AtFlags, CWD, FallocateFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags,
    ResolveFlags, SeekFrom, Stat, access, fallocate, flock, fstat, renameat_with, seek,
};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::ops::Range;
pub use std::os::fd::AsFd as AsHandle;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// Bytes of a path that can be opened at once, the NUL at its end counted (Linux, `limits.h`).
pub const PATH_MAX: usize = 4_096;

/// A folder, to look up a name in it: it may be closed to reading.
pub(super) const STEP: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Device and inode, which tell a file or folder from all others that are there at the same time.
pub type FileId = (u64, u64);

/// The kind of something in a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe, with a name or without.
    Pipe,
    /// A socket.
    Socket,
    /// A device that is read and written in order, such as a terminal.
    Device,
    /// A disk.
    Disk,
    /// Anything else, or not told.
    Unknown,
}

impl Kind {
    /// True for a regular file.
    #[must_use]
    pub const fn is_file(self) -> bool {
        matches!(self, Self::File)
    }

    /// True for a folder.
    #[must_use]
    pub const fn is_dir(self) -> bool {
        matches!(self, Self::Folder)
    }

    /// True for a symbolic link.
    #[must_use]
    pub const fn is_symlink(self) -> bool {
        matches!(self, Self::Link)
    }

    /// Of an entry of a folder.
    pub(super) fn of(listed: Listed) -> Self {
        match listed {
            it if it.is_file() => Self::File,
            it if it.is_dir() => Self::Folder,
            it if it.is_symlink() => Self::Link,
            it if it.is_fifo() => Self::Pipe,
            it if it.is_socket() => Self::Socket,
            it if it.is_char_device() => Self::Device,
            it if it.is_block_device() => Self::Disk,
            _ => Self::Unknown,
        }
    }
}

/// The system's facts about a file or folder, as it was when they were asked for.
#[derive(Clone, Copy, Debug)]
pub struct Facts(Stat);

impl From<Stat> for Facts {
    fn from(stat: Stat) -> Self {
        Self(stat)
    }
}

impl Facts {
    /// Of what is open.
    ///
    /// # Errors
    /// Of the system.
    pub fn of(handle: impl AsHandle) -> io::Result<Self> {
        Ok(Self(fstat(handle)?))
    }

    /// Of what is at a path, where links on it lead.
    ///
    /// # Errors
    /// Of the system.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::stat(path)?))
    }

    /// Of what is at a path, also if it is a link.
    ///
    /// # Errors
    /// Of the system.
    pub fn at_itself(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::lstat(path)?))
    }

    /// Of what is at an absolute path of any length, of a link itself unless it is to be followed.
    ///
    /// # Errors
    /// Of the system, and those of [`open`].
    pub fn far(path: &Path, follow: bool) -> io::Result<Self> {
        let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        let (above, last) = in_reach(path, follow)?;
        Ok(Self(rustix::fs::statat(above.as_ref().map_or(CWD, AsFd::as_fd), last, flags)?))
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match FileType::from_raw_mode(self.0.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            FileType::Fifo => Kind::Pipe,
            FileType::Socket => Kind::Socket,
            FileType::CharacterDevice => Kind::Device,
            FileType::BlockDevice => Kind::Disk,
            FileType::Unknown => Kind::Unknown,
        }
    }

    /// Which file it is.
    #[must_use]
    pub const fn id(&self) -> FileId {
        (self.0.st_dev, self.0.st_ino)
    }

    /// The disk, or the file system, that it is on.
    #[must_use]
    pub const fn disk(&self) -> u64 {
        self.0.st_dev
    }

    /// Its bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        u64::try_from(self.0.st_size).unwrap_or(0)
    }

    /// Bytes of it that are kept. Where it has more, the others are in holes.
    #[must_use]
    pub fn kept(&self) -> u64 {
        u64::try_from(self.0.st_blocks).map_or(u64::MAX, |blocks| blocks.saturating_mul(512))
    }

    /// Last change of its content: seconds since 1970 and nanoseconds.
    #[must_use]
    pub fn modified(&self) -> (i64, u32) {
        (self.0.st_mtime, u32::try_from(self.0.st_mtime_nsec).unwrap_or(0))
    }

    /// Last change of content, name or permissions, likewise. Nobody but the system sets it.
    #[must_use]
    pub fn changed(&self) -> (i64, u32) {
        (self.0.st_ctime, u32::try_from(self.0.st_ctime_nsec).unwrap_or(0))
    }

    /// The permissions to read, write and execute it: three bits each for its owner, its group and
    /// all others (chmod(1)). Above them are three bits that have other meanings.
    #[must_use]
    pub const fn permissions(&self) -> u32 {
        self.0.st_mode & 0o7777
    }

    /// Number of its group.
    #[must_use]
    pub const fn group(&self) -> u32 {
        self.0.st_gid
    }

    /// True if it has more than one name.
    #[must_use]
    pub const fn has_other_names(&self) -> bool {
        self.0.st_nlink > 1
    }

    /// True if it is this user's.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.0.st_uid == rustix::process::geteuid().as_raw()
    }
}

/// The way to open something that may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// To be read. Neither a pipe's other end is waited for nor a terminal taken over.
    Read,
    /// To be read, whatever has to be waited for before.
    Wait,
    /// To read its names, for it must be a folder.
    Folder,
    /// To ask where it is, what it is and on which disk; where the system has such handles, nobody
    /// at another end hears of it.
    Look,
}

impl How {
    pub(super) const fn flags(self) -> OFlags {
        const READ: OFlags = OFlags::RDONLY.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
        match self {
            Self::Read => READ.union(OFlags::NONBLOCK),
            Self::Wait => READ,
            Self::Folder => READ.union(OFlags::NONBLOCK).union(OFlags::DIRECTORY),
            Self::Look => OFlags::PATH.union(OFlags::CLOEXEC),
        }
    }
}

/// Opens what is at a path, where links on it lead.
///
/// # Errors
/// Of the system.
pub fn open_at(path: &Path, how: How) -> io::Result<File> {
    Ok(rustix::fs::open(path, how.flags(), Mode::empty())?.into())
}

/// Opens what is at an absolute path of any length. Unless links are followed there may be none in
/// it, so that what was checked at that path is what is opened.
///
/// # Errors
/// Of the system; `Cause::Links` or `Cause::NoFolder` where a link has come in the way.
pub fn open(path: &Path, how: How, follow: bool) -> io::Result<File> {
    let (above, last) = in_reach(path, follow)?;
    let above = above.as_ref().map_or(CWD, AsFd::as_fd);
    Ok(open_piece(above, last, how.flags(), follow)?.into())
}

/// Opens the file at a path for reading, or what has come in its place; if that is a link, it is an
/// error.
///
/// # Errors
/// Of the system.
pub fn open_itself(path: &Path) -> io::Result<File> {
    let flags = How::Read.flags() | OFlags::NOFOLLOW;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Opens a pipe or device for writing, or a file at its end. It takes no terminal over, and waits
/// for whoever reads a pipe.
///
/// # Errors
/// Of the system.
pub fn open_output(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOCTTY.bits().cast_signed();
    OpenOptions::new().append(true).custom_flags(flags).open(path)
}

/// Finds out if this user may read what is at a path, without opening it.
///
/// # Errors
/// Of the system, if not.
pub fn try_reading(path: &Path) -> io::Result<()> {
    Ok(access(path, Access::READ_OK)?)
}

/// Goes down an absolute path until the system takes the rest of it: the folder there, if it is not
/// the first, and that rest.
fn in_reach(path: &Path, follow: bool) -> io::Result<(Option<OwnedFd>, &Path)> {
    let (mut above, mut rest) = (None::<OwnedFd>, path.as_os_str().as_bytes());
    while rest.len() >= PATH_MAX {
        let too_long = || io::Error::from(io::ErrorKind::InvalidFilename);
        let cut = rest
            .get(..PATH_MAX)
            .and_then(|piece| piece.iter().rposition(|byte| *byte == b'/'))
            .filter(|cut| *cut > 0);
        let (piece, after) =
            rest.split_at_checked(cut.ok_or_else(too_long)?).ok_or_else(too_long)?;
        above = Some(open_piece(
            above.as_ref().map_or(CWD, AsFd::as_fd),
            Path::new(OsStr::from_bytes(piece)),
            STEP,
            follow,
        )?);
        rest = after.strip_prefix(b"/").unwrap_or(after);
    }
    Ok((above, Path::new(OsStr::from_bytes(rest))))
}

/// Opens a path that the system takes as a whole, from `above` on.
fn open_piece(
    above: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    follow: bool,
) -> io::Result<OwnedFd> {
    if follow {
        return Ok(rustix::fs::openat(above, path, flags, Mode::empty())?);
    }
    match rustix::fs::openat2(above, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        // Linux before 5.6, and sandboxes that do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => open_stepwise(above, path, flags),
        opened => Ok(opened?),
    }
}

/// The same, one directory after another.
fn open_stepwise(above: BorrowedFd<'_>, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let start = if path.is_absolute() { "/" } else { "." };
    let mut at = rustix::fs::openat(above, start, STEP, Mode::empty())?;
    let mut names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let mut name = names.next().ok_or(io::ErrorKind::InvalidInput)?;
    for next in names {
        at = rustix::fs::openat(&at, name, STEP | OFlags::NOFOLLOW, Mode::empty())?;
        name = next;
    }
    Ok(rustix::fs::openat(&at, name, flags | OFlags::NOFOLLOW, Mode::empty())?)
}

/// The place that says where an open file is, for a sentence, and what helps where it is missing.
pub const WHEREABOUTS: (&str, &str) =
    ("/proc/self/fd", "mount /proc here, or give it where that is mounted");

/// The place of an open file now, as a path without links. A pipe without a name has no absolute
/// path.
///
/// # Errors
/// Of the system, if it does not tell.
pub fn whereabouts(handle: impl AsHandle) -> io::Result<PathBuf> {
    // proc(5), `/proc/pid/fd`.
    std::fs::read_link(format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd()))
}

/// Locks a file or folder until it is closed, against all others that lock it so. False if one of
/// them has it.
///
/// # Errors
/// Of the system.
pub fn try_lock(file: impl AsHandle) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Ends a lock at once. A program that is being started has every handle until it runs, and would
/// keep the lock of one that is only closed.
pub fn unlock(file: impl AsHandle) {
    // Closing does the same a moment later.
    let _ = flock(file, FlockOperation::Unlock);
}

/// True if an open file has no name any more.
///
/// # Errors
/// Of the system.
pub fn is_removed(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.nlink() == 0)
}

/// Gives an open file these permissions ([`Facts::permissions`]).
///
/// # Errors
/// Of the system, if the file system cannot hold them.
pub fn set_permissions(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Writes all bytes at a place in a file, wherever else it is read or written.
///
/// # Errors
/// Of the system.
pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// Reads once at a place in a file, wherever else it is read or written.
///
/// # Errors
/// Of the system.
pub fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(bytes, offset)
}

/// Reads at a place in a file until `bytes` is full or the file ends, and returns how much it was.
///
/// # Errors
/// Of the system.
pub fn fill_at(file: impl AsHandle, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0_usize;
    while let Some(room) = bytes.get_mut(read..).filter(|room| !room.is_empty()) {
        match rustix::io::pread(&file, room, offset.saturating_add(read as u64)) {
            Ok(0) => break,
            Ok(more) => read = read.saturating_add(more),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(read)
}

/// The content that begins at a place in a file, and its end; [`u64::MAX`] if nothing follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Bytes that are kept; all that follow, where the file system knows no holes.
    Data(u64),
    /// A hole, in which all bytes are zero.
    Hole(u64),
}

/// The content that begins at this place in a file that may have holes. Moves the place at which
/// the file is read in order.
#[must_use]
pub fn span(file: &File, offset: u64) -> Span {
    match seek(file, SeekFrom::Data(offset)) {
        Ok(data) if data > offset => Span::Hole(data),
        Ok(_) => Span::Data(seek(file, SeekFrom::Hole(offset)).unwrap_or(u64::MAX)),
        // There is no more data.
        Err(Errno::NXIO) => Span::Hole(u64::MAX),
        // A file system that knows no holes.
        Err(_) => Span::Data(u64::MAX),
    }
}

/// Has the disk keep room for these bytes of a file, and makes the file so long.
///
/// # Errors
/// Of the system; also where a file system cannot be asked.
pub fn allocate(file: &File, range: &Range<u64>) -> io::Result<()> {
    let length = range.end.saturating_sub(range.start);
    Ok(fallocate(file, FallocateFlags::empty(), range.start, length)?)
}

/// Has the disk begin with these bytes of a file, where the system lets it be asked; nobody waits
/// for its end, and a file that is in memory alone stays as it is.
pub fn begin_writing(file: &File, range: &Range<u64>) {
    // Linux has bytes written that are to be given up and are not on the disk yet. The call that
    // asks for no more than that is not to be had without `unsafe`.
    #[cfg(target_os = "linux")]
    if let Some(length) = std::num::NonZeroU64::new(range.end.saturating_sub(range.start)) {
        let none_needed = rustix::fs::Advice::DontNeed;
        let _ = rustix::fs::fadvise(file, range.start, Some(length), none_needed);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, range);
}

/// Gives the room of these bytes back to the disk, which makes a hole of them.
///
/// # Errors
/// Of a file system that cannot do that: it keeps what is there.
pub fn punch(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(fallocate(file, flags, offset, length)?)
}

/// Gives the file `from` the name `to` in the same folder, in one step, if nothing has it. Its old
/// name may stay.
///
/// # Errors
/// Of the system; [`io::ErrorKind::AlreadyExists`] if something has that name.
pub fn name_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A link gives a name without replacing where a rename cannot.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => std::fs::hard_link(from, to),
        renamed => Ok(renamed?),
    }
}

/// Exchanges the names of two files, in one step; `None` where the file system cannot.
///
/// # Errors
/// Of the system; [`io::ErrorKind::NotFound`] if one of them is not there.
pub fn exchange(one: &Path, other: &Path) -> io::Result<Option<()>> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(None),
        exchanged => Ok(Some(exchanged?)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cause::Cause;
    use super::*;

    #[test]
    fn neither_way_of_opening_follows_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("d")).unwrap();
        std::fs::write(root.join("d/file"), "x").unwrap();
        std::os::unix::fs::symlink("d", root.join("link")).unwrap();
        std::os::unix::fs::symlink("file", root.join("d/link")).unwrap();
        let at_once: fn(&Path, How) -> io::Result<File> = |path, how| open(path, how, false);
        let stepwise: fn(&Path, How) -> io::Result<File> =
            |path, how| open_stepwise(CWD, path, how.flags()).map(File::from);
        for open in [at_once, stepwise] {
            assert!(open(&root.join("d/file"), How::Read).is_ok());
            assert!(open(&root.join("d"), How::Folder).is_ok());
            for link in ["link/file", "d/link"] {
                let error = open(&root.join(link), How::Read).unwrap_err();
                let cause = Cause::of(&error);
                assert!(matches!(cause, Some(Cause::Links | Cause::NoFolder)), "{link}: {error}");
            }
            let none = open(&root.join("d/none"), How::Read).unwrap_err();
            assert_eq!(none.kind(), io::ErrorKind::NotFound);
        }
    }

    #[test]
    fn data_and_holes_are_told_apart_as_far_as_the_disk_keeps_holes() {
        let file = tempfile::tempfile().unwrap();
        write_all_at(&file, &[1; 4_096], 1 << 20).unwrap();
        let (first, data) = (span(&file, 0), span(&file, 1 << 20));
        assert!(matches!(first, Span::Hole(0x10_0000) | Span::Data(_)), "{first:?}");
        assert!(matches!(data, Span::Data(0x10_1000 | u64::MAX)), "{data:?}");
        assert!(matches!(span(&file, 1 << 21), Span::Hole(u64::MAX) | Span::Data(u64::MAX)));
        let mut bytes = [0; 4_100];
        assert_eq!(fill_at(&file, &mut bytes, 1 << 20).unwrap(), 4_096);
    }
}
