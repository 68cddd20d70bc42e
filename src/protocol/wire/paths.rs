//! Entries as they are said to and by a peer that is not faithful (SPEC 7.9): each with its whole
//! path, as text.

use super::{ItemId, PeerText};
use alloc::vec::Vec;
use minicbor::{Decode, Encode};

/// Consecutive entries of a transfer, in the older form.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PathPart {
    /// The transfer.
    #[n(0)]
    pub item: ItemId,
    /// Number of the first entry.
    #[n(1)]
    pub first: u32,
    /// The entries, at most [`crate::limits::PART_ENTRIES`].
    #[n(2)]
    pub entries: Vec<PathEntry>,
}

/// A file or a folder, in the older form.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PathEntry {
    /// Its names from the top-level item down.
    #[n(0)]
    pub path: Vec<PeerText>,
    /// Its kind.
    #[n(1)]
    pub kind: PathKind,
    /// Bytes of a file; nothing for a folder or a stream.
    #[n(2)]
    pub size: Option<u64>,
    /// True if its owner may execute it.
    #[n(3)]
    pub executable: bool,
    /// When it was last changed, if known: seconds since 1970.
    #[n(4)]
    pub modified: Option<i64>,
    /// Nanoseconds beside `modified`, below 10^9.
    #[n(5)]
    pub modified_nanos: u32,
}

/// The kind of an entry in the older form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PathKind {
    /// A file, or the one entry of a stream.
    #[n(0)]
    File,
    /// A folder.
    #[n(1)]
    Folder,
}
