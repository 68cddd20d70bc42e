//! Destination of one transfer, into files or to standard output.

use super::{Committed, Incoming, Output, Refusal, Rest};
use crate::files::proof::ProofKey;
use pinhole_protocol::limits::CREDIT;
use pinhole_protocol::transfers::Whole;
use pinhole_protocol::wire::Hash;
use pinhole_protocol::wire::{Part, Reason};
use std::ops::Range;
use std::path::PathBuf;

/// Destination of the bytes of one transfer.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each transfer, and it is shared, not moved"
)]
pub enum Receiving {
    /// Into files.
    Files(Incoming),
    /// To standard output (`-o -`).
    Output(Output),
}

/// Outcome of writing a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// These positions are written; empty for a chunk that was not wanted any more.
    Now(Range<u64>),
    /// The output says so itself once they are.
    Later,
}

impl Receiving {
    /// Checks and prepares the next part; on a thread that may block. Returns the positions of it
    /// that are here and not proved. See [`Incoming::register`] and [`Output::register`].
    ///
    /// # Errors
    /// A [`Refusal`]; the transfer is then to be discarded.
    pub fn register(&self, part: &Part) -> Result<Vec<Range<u64>>, Refusal> {
        match self {
            Self::Files(incoming) => incoming.register(part),
            Self::Output(output) => output.register(part).map(|()| Vec::new()),
        }
    }

    /// Has bytes count as written that the sender has proved to be its own; on a thread that may
    /// block. See [`Incoming::prove`]. Of an output nothing is here that could be.
    ///
    /// # Errors
    /// A [`Refusal`]; the transfer is then to be discarded.
    pub fn prove(
        &self,
        key: &ProofKey,
        proofs: &[(Range<u64>, Hash)],
    ) -> Result<Vec<Range<u64>>, Refusal> {
        match self {
            Self::Files(incoming) => incoming.prove(key, proofs),
            Self::Output(_) => Ok(Vec::new()),
        }
    }

    /// Positions that may be written ahead of the first unwritten one: an output's wait in memory.
    #[must_use]
    pub const fn credit(&self) -> u64 {
        match self {
            Self::Files(incoming) => incoming.credit(),
            Self::Output(_) => CREDIT,
        }
    }

    /// True if [`Rest::Kept`] would keep something of it.
    #[must_use]
    pub fn stays(&self) -> bool {
        match self {
            Self::Files(incoming) => incoming.stays(),
            Self::Output(_) => false,
        }
    }

    /// Bytes that earlier transfers of the same had left here, by what their journals say.
    #[must_use]
    pub const fn left(&self) -> u64 {
        match self {
            Self::Files(incoming) => incoming.left(),
            Self::Output(_) => 0,
        }
    }

    /// Writes a chunk. See [`Incoming::write`] and [`Output::write`].
    ///
    /// # Errors
    /// A [`Refusal`]; the transfer is then to be discarded.
    pub fn write(&self, entry: u32, offset: u64, data: &[u8]) -> Result<Written, Refusal> {
        match self {
            Self::Files(incoming) => incoming.write(entry, offset, data).map(Written::Now),
            Self::Output(output) => output.write(entry, offset, data).map(|()| Written::Later),
        }
    }

    /// Notes that of these positions no bytes come: they are zeros, or not to be had. See
    /// [`Incoming::gap`] and [`Output::gap`].
    ///
    /// # Errors
    /// A [`Refusal`]; the transfer is then to be discarded.
    pub fn gap(&self, range: Range<u64>, why: Option<Reason>) -> Result<(), Refusal> {
        match self {
            Self::Files(incoming) => incoming.gap(range, why),
            Self::Output(output) => output.gap(range, why),
        }
    }

    /// Delivers what is whole. See [`Incoming::commit`] and [`Output::commit`].
    ///
    /// # Errors
    /// A [`Refusal`]; the transfer is then to be discarded.
    pub fn commit(&self, whole: &Whole) -> Result<Committed, Refusal> {
        match self {
            Self::Files(incoming) => incoming.commit(whole),
            Self::Output(output) => output.commit(whole).map(Committed::alone),
        }
    }

    /// Removes or keeps what is not delivered; chunks that still come are ignored. Returns what
    /// could not be removed.
    pub fn discard(&self, rest: Rest) -> Vec<PathBuf> {
        match self {
            Self::Files(incoming) => incoming.discard(rest),
            Self::Output(output) => {
                output.discard();
                Vec::new()
            }
        }
    }

    /// The hidden names of items that such a discarding removes.
    #[must_use]
    pub fn parts(&self, rest: Rest) -> Vec<PathBuf> {
        match self {
            Self::Files(incoming) => incoming.parts(rest),
            Self::Output(_) => Vec::new(),
        }
    }
}
