//! Files and folders on their way, in both directions: offers, parts, credit, grants, and the proof
//! that all has arrived (SPEC 7).
//!
//! Nothing here holds a byte of a file. The program reads and writes; this module says which
//! positions may be sent over which link, and knows which have been written.

mod ahead;
mod flow;
mod incoming;
mod outgoing;
mod paths;
mod proving;

use crate::violation::Violation;
use crate::wire::{Differences, Reason};
pub(crate) use incoming::{Incoming, News as IncomingNews};
pub(crate) use outgoing::{News as OutgoingNews, Outgoing, Share};
pub(crate) use paths::Paths;
pub use proving::segments;

/// The proof that every byte of a transfer, of which its sender said the totals, is written. Only
/// this module can make one, and the program gives a received file its final name against nothing
/// else, so a cut file cannot be taken for a whole one.
#[derive(Debug)]
pub struct Whole {
    bytes: u64,
    entries: u32,
    differences: Differences,
}

impl Whole {
    /// Bytes in all.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Entries in all.
    #[must_use]
    pub const fn entries(&self) -> u32 {
        self.entries
    }

    /// The sender's account of what is not among them.
    #[must_use]
    pub const fn differences(&self) -> &Differences {
        &self.differences
    }
}

/// The reason to refuse a part (SPEC 7.7).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Numbers that both sides count do not agree: the conversation ends.
    Count(Violation),
    /// An entry is not lawful: this transfer alone is refused, with this reason.
    Entry(Reason, Violation),
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self::Count(violation)
    }
}
