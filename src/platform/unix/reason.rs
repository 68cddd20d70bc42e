//! Why the system refuses something.

use rustix::io::Errno;
use std::io;

/// Why the system refuses something, as far as pinhole acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// This user may not do that there.
    Denied,
    /// Nothing may be changed there.
    ReadOnly,
    /// The disk is full, or what this user may have of it.
    Full,
}

impl Reason {
    /// The reason of an error; `None` if it is another, or none of the system's.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        Some(match Errno::from_io_error(error)? {
            Errno::ACCESS => Self::Denied,
            Errno::ROFS => Self::ReadOnly,
            Errno::NOSPC | Errno::DQUOT => Self::Full,
            _ => return None,
        })
    }
}
