//! Why the system refuses something.

use rustix::io::Errno;
use std::io;

/// Why the system refuses something, as far as pinhole acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing has that name, or a folder on the way is not there.
    Missing,
    /// Something has that name.
    Taken,
    /// A folder is not empty.
    NotEmpty,
    /// It is a folder.
    IsFolder,
    /// It, or something on the way to it, is no folder.
    NoFolder,
    /// A link is where none may be, or there are too many on the way.
    Links,
    /// This user may not do that there.
    Denied,
    /// Nobody may do that there, or the file system cannot.
    Forbidden,
    /// Nothing may be changed there.
    ReadOnly,
    /// It would be on another disk.
    OtherDisk,
    /// The file system cannot hold such a name, or the system knows no such thing of it.
    BadName,
    /// The disk is full, or what this user may have of it.
    Full,
    /// Too many files are open.
    TooManyOpen,
    /// There is no memory left.
    NoMemory,
    /// Somebody else holds it, or it would have to be waited for.
    Busy,
    /// It was called off, by ourselves.
    Cancelled,
}

impl Cause {
    /// The cause of an error; `None` if it is another, or none of the system's.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        Some(match Errno::from_io_error(error)? {
            Errno::NOENT => Self::Missing,
            Errno::EXIST => Self::Taken,
            Errno::NOTEMPTY => Self::NotEmpty,
            Errno::ISDIR => Self::IsFolder,
            Errno::NOTDIR => Self::NoFolder,
            Errno::LOOP => Self::Links,
            Errno::ACCESS => Self::Denied,
            Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS => Self::Forbidden,
            Errno::ROFS => Self::ReadOnly,
            Errno::XDEV => Self::OtherDisk,
            Errno::ILSEQ | Errno::INVAL | Errno::NAMETOOLONG => Self::BadName,
            Errno::NOSPC | Errno::DQUOT => Self::Full,
            Errno::MFILE | Errno::NFILE => Self::TooManyOpen,
            Errno::NOMEM => Self::NoMemory,
            Errno::AGAIN => Self::Busy,
            Errno::CANCELED => Self::Cancelled,
            _ => return None,
        })
    }
}

impl From<Cause> for io::Error {
    /// The error that the system itself has for it.
    fn from(cause: Cause) -> Self {
        let errno = match cause {
            Cause::Missing => Errno::NOENT,
            Cause::Taken => Errno::EXIST,
            Cause::NotEmpty => Errno::NOTEMPTY,
            Cause::IsFolder => Errno::ISDIR,
            Cause::NoFolder => Errno::NOTDIR,
            Cause::Links => Errno::LOOP,
            Cause::Denied => Errno::ACCESS,
            Cause::Forbidden => Errno::PERM,
            Cause::ReadOnly => Errno::ROFS,
            Cause::OtherDisk => Errno::XDEV,
            Cause::BadName => Errno::INVAL,
            Cause::Full => Errno::NOSPC,
            Cause::TooManyOpen => Errno::MFILE,
            Cause::NoMemory => Errno::NOMEM,
            Cause::Busy => Errno::AGAIN,
            Cause::Cancelled => Errno::CANCELED,
        };
        errno.into()
    }
}
