//! An accepted transfer's sources, whatever they are.

mod proving;
mod stream;
mod tree;

pub(super) use stream::{Available, Pipe, STDIN};

use super::SourceFailure;
use super::chosen::{Chosen, Offered};
use super::rules::Rules;
use super::skipped::Skips;
use crate::failure::Failure;
use pinhole_protocol::wire::{Differences, Entry, Reason};
use std::io;
use std::sync::Arc;
use stream::Stream;
use tree::Tree;

/// The sources of one accepted transfer, for the threads that send it. Dropping it does not end a
/// thread that waits in [`Outgoing::next_part`]; [`Outgoing::stop`] does.
pub struct Outgoing(Kind);

enum Kind {
    Tree(Box<Tree>),
    Stream(Stream),
}

/// Outcome of [`Outgoing::next_part`].
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// The entries of the next part, at least one.
    Part(Vec<Entry>),
    /// There are no more.
    End {
        /// Entries in all.
        entries: u32,
        /// Bytes in all.
        bytes: u64,
    },
    /// [`Outgoing::stop`] was called.
    Stopped,
}

/// Content that [`Outgoing::read`] has put at the start of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Bytes.
    Bytes {
        /// The entry that they belong to.
        entry: u32,
        /// Their place in the entry.
        offset: u64,
        /// Their number, at least 1.
        len: usize,
    },
    /// None, up to a position: zeros, or not to be had and why.
    Gap {
        /// The position after the last of them.
        end: u64,
        /// Nothing for zeros.
        why: Option<Reason>,
    },
}

impl Outgoing {
    /// Files and folders. `offered` has what the offer said of each, if one was made.
    pub(super) fn of_things(
        chosen: Arc<[Chosen]>,
        offered: Vec<Offered>,
        rules: Arc<Rules>,
        faithful: bool,
    ) -> Self {
        Self(Kind::Tree(Box::new(Tree::new(chosen, offered, rules, faithful))))
    }

    /// A stream, whose reading begins. `told` is that of [`Stream::start`].
    ///
    /// # Errors
    /// No thread is to be had: exit 1.
    pub(super) fn of_stream(
        name: &str,
        input: impl io::Read + Send + 'static,
        told: impl Fn(Available) + Send + 'static,
    ) -> Result<Self, Failure> {
        Stream::start(name, input, told).map(|stream| Self(Kind::Stream(stream)))
    }

    /// The next entries: at most [`PART_ENTRIES`](pinhole_protocol::limits::PART_ENTRIES) and
    /// [`PART_BYTES`](pinhole_protocol::limits::PART_BYTES) encoded, fewer in the first part so
    /// that bytes can follow soon. May wait for a disk; for a stream, after its one part, until its
    /// end is known.
    ///
    /// # Errors
    /// A named source that is gone or unreadable, a stream that failed.
    pub fn next_part(&self) -> Result<Next, SourceFailure> {
        match &self.0 {
            Kind::Tree(tree) => tree.next_part(),
            Kind::Stream(stream) => stream.next_part(),
        }
    }

    /// Reads once at `position`, at most to the end of the entry or of `buf` (which has room for at
    /// least a byte). Nothing if the position lies in no part yet, is released, or is not yet read
    /// from a stream. What is returned was read from the file as it was at the walk.
    ///
    /// # Errors
    /// The file changed since the walk, is gone or cannot be read; for a faithful peer only where
    /// with it nothing is left of what was offered, while the rest of one among others is a gap.
    pub fn read(&self, position: u64, buf: &mut [u8]) -> Result<Option<Read>, SourceFailure> {
        match &self.0 {
            Kind::Tree(tree) => tree.read(position, buf),
            Kind::Stream(stream) => Ok(stream.read(position, buf)),
        }
    }

    /// Forgets what is only needed for positions below `below`, because the receiver has written
    /// them all.
    pub fn release(&self, below: u64) {
        match &self.0 {
            Kind::Tree(tree) => tree.release(below),
            Kind::Stream(stream) => stream.release(below),
        }
    }

    /// The last look before the end is said: whether the files sent last, up to 10,000 of them, are
    /// still what they were at the walk. Each read of every file has already answered that for
    /// itself; to keep a million paths for this would take more memory than the program may use.
    /// Those that have grown are read a second time as far as they were sent, which may take as
    /// long as the first. What of the sources was not sent, or is to be taken back, is returned.
    ///
    /// # Errors
    /// The first that changed, is gone or cannot be looked at; for a faithful peer only where with
    /// it nothing is left of what was offered, or where more of what was sent is to be taken back
    /// than can be named.
    pub fn finish(&self) -> Result<Differences, SourceFailure> {
        match &self.0 {
            Kind::Tree(tree) => tree.finish(),
            // Bytes that were read from a stream cannot change any more.
            Kind::Stream(_) => Ok(Differences::default()),
        }
    }

    /// Things left out of folders so far.
    #[must_use]
    pub fn skipped(&self) -> Skips {
        match &self.0 {
            Kind::Tree(tree) => tree.skipped(),
            Kind::Stream(_) => Skips::default(),
        }
    }

    /// True once [`Outgoing::stop`] was called.
    fn is_stopped(&self) -> bool {
        match &self.0 {
            Kind::Tree(tree) => tree.is_stopped(),
            // A stream has no other day, and nothing of it is asked for.
            Kind::Stream(_) => true,
        }
    }

    /// Ends the walk or the stream's thread as soon as it can be: nothing more will be sent.
    pub fn stop(&self) {
        match &self.0 {
            Kind::Tree(tree) => tree.stop(),
            Kind::Stream(stream) => stream.stop(),
        }
    }
}
