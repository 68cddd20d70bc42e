//! What is offered and what is in it (SPEC 7).

use super::{ItemId, PeerText};
use alloc::vec::Vec;
use minicbor::{Decode, Encode};

/// An offer: the top-level items and what is counted so far (SPEC 7.1).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Offer {
    /// The sender's number for the transfer.
    #[n(0)]
    pub item: ItemId,
    /// The top-level items, at most [`crate::limits::ITEMS`].
    #[n(1)]
    pub items: Vec<Item>,
    /// Bytes counted so far; the whole if `counted`.
    #[n(2)]
    pub bytes: u64,
    /// Entries counted so far; all of them if `counted`.
    #[n(3)]
    pub entries: u32,
    /// Whether `bytes` and `entries` are final.
    #[n(4)]
    pub counted: bool,
}

/// A top-level item of an offer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Item {
    /// Its name at the sender, as the peer said it: neither checked nor safe to print.
    #[n(0)]
    pub name: PeerText,
    /// File, folder or stream.
    #[n(1)]
    pub kind: ItemKind,
    /// A file's size in bytes.
    #[n(2)]
    pub size: Option<u64>,
}

/// What a top-level item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ItemKind {
    /// A file of known size.
    #[n(0)]
    File,
    /// A folder.
    #[n(1)]
    Folder,
    /// Bytes of unknown number (standard input, a pipe); always an offer's only item.
    #[n(2)]
    Stream,
}

/// Consecutive entries of a transfer. Parts are numbered from 0 by their order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Part {
    /// The transfer.
    #[n(0)]
    pub item: ItemId,
    /// Number of the first entry; entries of a transfer count from 0.
    #[n(1)]
    pub first: u32,
    /// The entries, at most [`crate::limits::PART_ENTRIES`].
    #[n(2)]
    pub entries: Vec<Entry>,
}

/// A file or a folder of a transfer. A folder comes before what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Entry {
    /// Its names from the top-level item down.
    #[n(0)]
    pub path: Vec<PeerText>,
    /// What it is.
    #[n(1)]
    pub kind: EntryKind,
    /// Bytes of a file; nothing for a folder or a stream.
    #[n(2)]
    pub size: Option<u64>,
    /// Whether it may be executed by its owner.
    #[n(3)]
    pub executable: bool,
    /// When it was last changed, if known: seconds since 1970.
    #[n(4)]
    pub modified: Option<i64>,
    /// Nanoseconds beside `modified`, below 10^9.
    #[n(5)]
    pub modified_nanos: u32,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum EntryKind {
    /// A file, or the one entry of a stream.
    #[n(0)]
    File,
    /// A folder.
    #[n(1)]
    Folder,
}
