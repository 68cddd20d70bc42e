//! Numbered messages (SPEC 5.1).

use super::{Differences, ItemId, Offer, Part, PathPart, Reason, Span, known};
use alloc::{string::String, vec::Vec};
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A numbered message: received exactly once and in order (SPEC 5.1).
#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
pub enum Message {
    /// A text.
    #[n(0)]
    #[cbor(map)]
    Text {
        /// The sender's number for it.
        #[n(0)]
        #[zeroize(skip)]
        item: ItemId,
        /// The text itself.
        #[n(1)]
        body: String,
    },
    /// A secret.
    #[n(1)]
    #[cbor(map)]
    Secret {
        /// The sender's number for it.
        #[n(0)]
        #[zeroize(skip)]
        item: ItemId,
        /// Its sender's name for it, to be treated like a file name.
        #[n(1)]
        label: Option<String>,
        /// The secret's bytes.
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        body: Vec<u8>,
    },
    /// Files and folders are there to be had.
    #[n(2)]
    Offer(
        #[n(0)]
        #[zeroize(skip)]
        Offer,
    ),
    /// The next entries of a transfer, in the form for a peer that is not faithful.
    #[n(3)]
    Paths(
        #[n(0)]
        #[zeroize(skip)]
        PathPart,
    ),
    /// The receiver wants your item.
    #[n(4)]
    #[cbor(map)]
    Accept {
        /// The offer.
        #[n(0)]
        #[zeroize(skip)]
        item: ItemId,
    },
    /// All of my item is said: its totals.
    #[n(5)]
    #[cbor(map)]
    End {
        /// The transfer.
        #[n(0)]
        #[zeroize(skip)]
        item: ItemId,
        /// Entries in all.
        #[n(1)]
        entries: u32,
        /// Bytes in all.
        #[n(2)]
        bytes: u64,
        /// Parts of the sources that are not among them, if any.
        #[n(3)]
        #[cbor(decode_with = "known")]
        #[zeroize(skip)]
        differences: Option<Differences>,
    },
    /// The result of your item: the only ground on which its sender may say "delivered".
    #[n(6)]
    #[cbor(map)]
    Result {
        /// The other side's text, secret or transfer.
        #[n(0)]
        #[zeroize(skip)]
        item: ItemId,
        /// Nothing if it was delivered (SPEC 5.4), else why not.
        #[n(1)]
        #[cbor(decode_with = "known")]
        #[zeroize(skip)]
        failed: Option<Reason>,
        /// Parts of a delivered transfer that are not as they were, if any.
        #[n(2)]
        #[cbor(decode_with = "known")]
        #[zeroize(skip)]
        differences: Option<Differences>,
    },
    /// My item is withdrawn.
    #[n(7)]
    #[cbor(map)]
    Cancel {
        /// The sender's own item.
        #[n(0)]
        #[zeroize(skip)]
        item: ItemId,
        /// Why.
        #[n(1)]
        #[zeroize(skip)]
        reason: Reason,
    },
    /// The person here has compared the verification words and said yes.
    #[n(8)]
    Verified,
    /// I have nothing more to say (SPEC 5.5).
    #[n(9)]
    #[cbor(map)]
    Leave {
        /// Why.
        #[n(0)]
        #[zeroize(skip)]
        reason: Reason,
    },
    /// The next entries of a transfer.
    #[n(10)]
    Entries(
        #[n(0)]
        #[zeroize(skip)]
        Part,
    ),
    /// Positions of which no bytes come.
    #[n(11)]
    #[cbor(map)]
    Gap {
        /// The transfer.
        #[n(0)]
        #[zeroize(skip)]
        item: ItemId,
        /// The first position.
        #[n(1)]
        start: u64,
        /// The position after the last.
        #[n(2)]
        end: u64,
        /// Nothing if they are zeros, else why they are not to be had.
        #[n(3)]
        #[cbor(decode_with = "known")]
        #[zeroize(skip)]
        why: Option<Reason>,
    },
    /// Positions of your transfer that are here from another day, if you prove them (SPEC 7.10).
    #[n(12)]
    #[cbor(map)]
    Have {
        /// The other side's transfer.
        #[n(0)]
        #[zeroize(skip)]
        item: ItemId,
        /// The positions, as ascending ranges.
        #[n(1)]
        #[zeroize(skip)]
        ranges: Vec<Span>,
    },
    /// Hashes of the next segments that were asked for.
    #[n(13)]
    #[cbor(map)]
    Proof {
        /// The sender's own transfer.
        #[n(0)]
        #[zeroize(skip)]
        item: ItemId,
        /// One after another, 32 bytes each; zeros for what cannot be read.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        hashes: Vec<u8>,
    },
}
