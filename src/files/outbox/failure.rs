//! A source that cannot be sent as it was chosen: the end of its transfer.

use super::fence::Barred;
use crate::failure::{Failure, Kind};
use crate::platform::cause::Cause;
use pinhole_protocol::wire::Reason;
use std::io;
use std::path::{Path, PathBuf};

/// Why a transfer cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceFailure {
    /// The file is not what it was at the walk.
    Changed {
        /// Which.
        path: PathBuf,
    },
    /// There is nothing at the path any more.
    Vanished {
        /// Which.
        path: PathBuf,
    },
    /// It is there and cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Error of the operating system.
        error: String,
    },
    /// So many files were sent, or are empty, and are not to be had: more than the peer can be told
    /// by name, to take them back.
    Many {
        /// Number of those files.
        count: u32,
    },
    /// Something that the fence keeps in has come in its place.
    Fenced(Barred),
}

impl SourceFailure {
    /// The failure that an error of the operating system about `path` means.
    pub(super) fn of(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Vanished { path },
            // A folder has become a file, or a file a link.
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => Self::Changed { path },
            _ if Cause::of(error) == Some(Cause::Links) => Self::Changed { path },
            _ => Self::Unreadable { path, error: error.to_string() },
        }
    }

    /// The reason sent to the peer. A removed file is a changed one to it.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Changed { .. } | Self::Vanished { .. } | Self::Many { .. } => {
                Reason::SourceChanged
            }
            Self::Unreadable { .. } | Self::Fenced(_) => Reason::SourceUnreadable,
        }
    }

    /// The failure shown to the user here. The path is quoted and escaped: names in a folder may be
    /// of a stranger's making.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let changed = |detail| Failure::new(Kind::SourceChanged, detail);
        match self {
            Self::Changed { path } => changed(format!("{path:?} changed while it was being sent"))
                .next("send it again once nothing writes to it"),
            Self::Many { count } => changed(format!(
                "{count} files changed or were removed after they were sent, too many to take \
                 back one by one"
            ))
            .next("send it again once nothing writes there"),
            Self::Vanished { path } => {
                changed(format!("{path:?} was removed or renamed before it was sent"))
                    .next("send what is there now")
            }
            Self::Unreadable { path, error } => {
                Failure::new(Kind::SourceUnreadable, format!("{path:?} cannot be read: {error}"))
                    .next("make sure that it can be read to its end, then send it again")
            }
            Self::Fenced(barred) => barred.failure(),
        }
    }
}
