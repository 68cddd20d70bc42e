//! The content of control records: state and messages, as CBOR (SPEC 5 to 8).
//!
//! Every type here is exactly what goes over the wire; each field's number is its key in the CBOR
//! map, and unknown keys are skipped. [`read`] takes them in the one form that they are written in.

mod control;
mod differences;
mod form;
mod message;
mod offer;
mod paths;
mod places;
mod reason;
#[cfg(test)]
mod vectors;

pub use control::{Control, Greeting, Piece, Span, Stripe, Want};
pub use differences::{Difference, Differences, Fate};
pub use message::Message;
pub use offer::{Entry, EntryKind, Item, ItemKind, Offer, PERMISSIONS, Part, Place};
pub use paths::{PathEntry, PathKind, PathPart};
pub use places::Places;
pub use reason::Reason;

use crate::limits::HASH;
use alloc::{string::String, vec::Vec};
use core::fmt;
use core::num::NonZeroU32;
use minicbor::{Decode, Decoder, Encode};
use zeroize::Zeroizing;

/// `value` as CBOR in a vector with room for `room` bytes from the start, so that a secret is not
/// left behind where it outgrew one.
pub(crate) fn encoded(value: &impl Encode<()>, room: usize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    let written = minicbor::encode(value, &mut *bytes);
    // A growing vector takes everything, and no type here has an encoder of its own that could
    // fail.
    debug_assert!(written.is_ok());
    bytes
}

/// Reads `bytes` as one item, `None` if they are malformed (SPEC 5). It is public because it is a
/// parser to be fuzzed.
#[must_use]
pub fn read<T: for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Option<T> {
    form::is_item(bytes).then(|| minicbor::decode(bytes).ok()).flatten()
}

/// Reads an optional field, and refuses a variant that is not known. Left to itself, minicbor takes
/// such a one for an absent field, and "failed, for a reason that you do not know" would become
/// "delivered".
fn known<'b, C, T: Decode<'b, C>>(
    decoder: &mut Decoder<'b>,
    context: &mut C,
) -> Result<T, minicbor::decode::Error> {
    T::decode(decoder, context).map_err(|error| {
        if error.is_unknown_variant() {
            minicbor::decode::Error::message("unknown variant in an optional field")
        } else {
            error
        }
    })
}

/// A keyed BLAKE3 of a segment (SPEC 7.10).
pub type Hash = [u8; HASH];

/// The number that a sender gives to a text, a secret or a transfer. Each side counts its own from
/// 1; "your item" and "my item" are told apart by the kind of message that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
#[cbor(transparent)]
pub struct ItemId(#[n(0)] pub u32);

impl<'b, C> Decode<'b, C> for ItemId {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
        NonZeroU32::decode(decoder, context).map(|number| Self(number.get()))
    }
}

/// Text from the peer. It has no `Display`: whoever shows it calls the escaping function of that
/// place (the program's `escape`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct PeerText(#[n(0)] String);

impl PeerText {
    /// Marks `text` as the peer's.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text as it came, for parsing or escaping; never for output.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PeerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Escaped: a Debug print may reach a terminal in a failing test or a log.
        write!(f, "{:?}", self.0)
    }
}

/// A name, a path or the text of a link, from the peer: any bytes. It has no `Display`, as
/// [`PeerText`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct PeerName(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    Vec<u8>,
);

impl PeerName {
    /// Marks `bytes` as the peer's.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes as they came, for parsing or escaping; never for output.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
