//! The only code that reads files to send.
//!
//! A [`Selection`] is made before a code is shown: every named path is looked at, nothing is read
//! and no folder is walked. Once the peer has accepted, [`Selection::open`] gives an [`Outgoing`],
//! which walks, reads and watches the sources:
//!
//! * one thread asks for parts ([`Outgoing::next_part`]): folders are walked just ahead of their
//!   bytes, in the order of the names' bytes;
//! * sealing threads ask for bytes at positions ([`Outgoing::read`]);
//! * the driver says what is written at the receiver ([`Outgoing::release`]) and, before it says
//!   the end, asks whether every source is still what it was ([`Outgoing::finish`]).
//!
//! **Nothing is sent that was not chosen.** The walk goes from one held directory to the next and
//! follows no link (unless asked to): a link that is sent is its text. A file found there is opened
//! later by its path, again without following a link, and each read is believed only if the file's
//! size, mtime and ctime are then still those of the walk; no user can set a ctime. One that has
//! only grown is sent on as far as it was, where no fence is, and read a second time at the end. So
//! no directory has to be held open for as long as its files are sent, and a thousand named folders
//! need no thousand handles.
//!
//! A file that a kernel makes up has no length before it is read. It is read to its first end when
//! its part is made, or its offer where it is named, and sent from memory; see `first_end`.
//!
//! Behind a [`Fence`] each of these openings is followed by the question where the opened file
//! really is: see there.

mod chosen;
mod count;
mod edges;
mod failure;
mod fence;
mod file_systems;
mod first_end;
mod outgoing;
mod rules;
mod selection;
mod sensitive;
mod sent;
mod skipped;
mod source;
mod trail;
mod walk;

#[cfg(test)]
mod tests;

pub use count::Counted;
pub use failure::SourceFailure;
pub use fence::{Barred, Fence, Keeper, allowing};
pub use outgoing::{Next, Outgoing, Read};
pub use selection::{Selection, Totals};

use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Choice of what is sent from the named folders.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Patterns of what is left out, in the syntax of a `.gitignore`: one without a slash inside
    /// matches the name of anything at any depth, one with a slash the path below the named folder;
    /// `**` crosses folders, a slash at the end matches folders only. A folder that is left out is
    /// not entered. What is named on the command line itself is always sent.
    pub exclude: Vec<String>,
    /// True if the `.gitignore` files hold: those in the folder, and those above it up to the root
    /// of its repository. `.git` is then left out too.
    pub gitignore: bool,
    /// Treatment of links found inside folders.
    pub links: Links,
    /// Fence around what is sent, if there is one. Things that it keeps in are refused if named,
    /// and left out if in folders.
    pub fence: Option<Fence>,
}

/// Treatment of symbolic links found inside folders. Links named on the command line are always
/// followed. A peer that is not faithful gets none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Links {
    /// Those that stay inside their folder are sent as links, the others left out, and said to be.
    #[default]
    Keep,
    /// Their targets are sent in their place.
    Follow,
    /// They are left out, and said to be.
    Skip,
    /// All are sent as links, wherever they lead.
    All,
}

/// Locks, also after a panic of another thread: nothing here is left half changed by one.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
