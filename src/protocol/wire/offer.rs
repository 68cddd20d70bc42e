//! Offers, their items and entries (SPEC 7).

use super::{ItemId, PeerName, PeerText};
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
    /// True if `bytes` and `entries` are final.
    #[n(4)]
    pub counted: bool,
    /// Bytes counted so far that are not in holes, where there are any.
    #[n(5)]
    pub allocated: Option<u64>,
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
    /// Its name as it is, where `name` cannot say it because it is no UTF-8.
    #[n(3)]
    pub exact: Option<PeerName>,
}

impl Item {
    /// Its name at the sender.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.exact.as_ref().map_or_else(|| self.name.raw().as_bytes(), PeerName::raw)
    }
}

/// The kind of a top-level item.
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

/// A file, folder or link of a transfer, as both sides say it that are faithful (SPEC 7.3). A
/// folder comes before what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Entry {
    /// An item's own entry: the item's place in the offer, from 0.
    #[n(0)]
    pub item: Option<u32>,
    /// Any other: the number of the entry of the folder that it lies in.
    #[n(1)]
    pub folder: Option<u32>,
    /// Its name in that folder.
    #[n(2)]
    pub name: Option<PeerName>,
    /// Its kind.
    #[n(3)]
    pub kind: EntryKind,
    /// Bytes of a file; nothing for a folder, a link or a stream.
    #[n(4)]
    pub size: Option<u64>,
    /// Its permissions for owner, group and others, the lowest nine bits; nothing if its sender
    /// does not say.
    #[n(5)]
    pub mode: Option<u16>,
    /// When it was last changed, if known: seconds since 1970.
    #[n(6)]
    pub modified: Option<i64>,
    /// Nanoseconds beside `modified`, below 10^9.
    #[n(7)]
    pub modified_nanos: u32,
    /// The target of a link.
    #[n(8)]
    pub target: Option<PeerName>,
    /// Bytes of a file that are not in holes, where it has any.
    #[n(9)]
    pub allocated: Option<u64>,
}

/// The place of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// It is the item at this place of the offer.
    Item(u32),
    /// It lies in the folder of this entry, under this name.
    In(u32, &'a PeerName),
}

/// The permissions that travel: read, write and execute for owner, group and others (POSIX.1,
/// `sys/stat.h`).
pub const PERMISSIONS: u16 = 0o777;

impl Entry {
    /// The entry of the offer's item at `place`.
    #[must_use]
    pub const fn of_item(place: u32, kind: EntryKind) -> Self {
        Self {
            item: Some(place),
            folder: None,
            name: None,
            kind,
            size: None,
            mode: None,
            modified: None,
            modified_nanos: 0,
            target: None,
            allocated: None,
        }
    }

    /// An entry in the folder of entry number `folder`.
    #[must_use]
    pub fn inside(folder: u32, name: PeerName, kind: EntryKind) -> Self {
        Self { item: None, folder: Some(folder), name: Some(name), ..Self::of_item(0, kind) }
    }

    /// Its place; `None` if it names two or none.
    #[must_use]
    pub const fn place(&self) -> Option<Place<'_>> {
        match (self.item, self.folder, &self.name) {
            (Some(item), None, None) => Some(Place::Item(item)),
            (None, Some(folder), Some(name)) => Some(Place::In(folder, name)),
            _ => None,
        }
    }

    /// True if it says what an entry of its kind says, whatever the transfer: SPEC 7.3.
    #[must_use]
    pub fn is_lawful(&self) -> bool {
        let own = match self.kind {
            EntryKind::File => self.target.is_none(),
            EntryKind::Folder => self.target.is_none() && self.size.is_none(),
            EntryKind::Link => self.target.is_some() && self.size.is_none() && self.item.is_none(),
        };
        let dated = self.modified_nanos < 1_000_000_000
            && (self.modified.is_some() || self.modified_nanos == 0);
        own && dated
            && self.place().is_some()
            && self.mode.is_none_or(|mode| mode & !PERMISSIONS == 0)
    }
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum EntryKind {
    /// A file, or the one entry of a stream.
    #[n(0)]
    File,
    /// A folder.
    #[n(1)]
    Folder,
    /// A symbolic link.
    #[n(2)]
    Link,
}
