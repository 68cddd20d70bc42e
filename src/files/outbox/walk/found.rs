//! A thing that the walk has found.

use crate::files::outbox::SourceFailure;
use crate::files::outbox::first_end::Content;
use crate::files::outbox::source::Stamp;
use crate::platform::file::Facts;
use pinhole_protocol::wire::{EntryKind, PERMISSIONS, PeerName};
use std::sync::Arc;

/// A thing that the walk has found; [`super::Walk::entry`] and [`super::Walk::source`] give the
/// rest until the next step.
pub(in crate::files::outbox) struct Found {
    pub(in crate::files::outbox) kind: EntryKind,
    pub(in crate::files::outbox) stamp: Stamp,
    /// Bytes that are sent of it.
    pub(in crate::files::outbox) size: u64,
    /// Content that was read of a file already.
    pub(in crate::files::outbox) content: Option<Arc<[u8]>>,
    /// The number of the entry of the folder that it lies in; nothing if it was named itself.
    pub(in crate::files::outbox) folder: Option<u32>,
    /// Nothing for a link.
    pub(in crate::files::outbox) mode: Option<u16>,
    /// Text of a link.
    pub(in crate::files::outbox) target: Option<PeerName>,
    /// Bytes of it that are kept, where those are fewer than it has: the others are in holes.
    pub(in crate::files::outbox) allocated: Option<u64>,
    /// Failure of a thing that was named and is not to be had.
    pub(in crate::files::outbox) lost: Option<SourceFailure>,
}

impl Found {
    pub(super) fn new(folder: bool, facts: &Facts, within: Option<u32>) -> Self {
        let kind = if folder { EntryKind::Folder } else { EntryKind::File };
        let mode = u16::try_from(facts.permissions() & u32::from(PERMISSIONS)).ok();
        let stamp = Stamp::of(facts);
        let allocated =
            Some(facts.kept()).filter(|kept| kind == EntryKind::File && *kept < stamp.size);
        Self {
            kind,
            stamp,
            size: stamp.size,
            content: None,
            folder: within,
            mode,
            target: None,
            allocated,
            lost: None,
        }
    }

    pub(super) fn read(Content { facts, bytes }: Content, within: Option<u32>) -> Self {
        Self {
            size: bytes.len() as u64,
            content: Some(bytes),
            allocated: None,
            ..Self::new(false, &facts, within)
        }
    }

    /// The same as far as it was offered.
    pub(super) fn cut(self, size: u64) -> Self {
        Self { size, allocated: self.allocated.filter(|kept| *kept < size), ..self }
    }

    pub(super) fn link(facts: &Facts, within: Option<u32>, target: PeerName) -> Self {
        Self {
            kind: EntryKind::Link,
            mode: None,
            target: Some(target),
            allocated: None,
            ..Self::new(false, facts, within)
        }
    }

    /// A named thing, offered with this size, that is not to be had.
    pub(super) fn lost(folder: bool, size: u64, failure: SourceFailure) -> Self {
        let stamp = Stamp { size, modified: (0, 0), changed: (0, 0), identity: (0, 0) };
        let kind = if folder { EntryKind::Folder } else { EntryKind::File };
        Self {
            kind,
            stamp,
            size,
            content: None,
            folder: None,
            mode: None,
            target: None,
            allocated: None,
            lost: Some(failure),
        }
    }
}
