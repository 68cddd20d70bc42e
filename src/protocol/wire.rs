//! What control records carry: state and messages, as CBOR (SPEC 5 to 8).
//!
//! Every type here is exactly what goes over the wire; each field's number is its key in the CBOR map, and unknown keys are skipped.

use alloc::{string::String, vec::Vec};
use core::fmt;
use core::ops::Range;
use minicbor::{Decode, Decoder, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// `value` as CBOR in a vector with room for `room` bytes from the start, so that a secret is not left behind where it outgrew one.
pub(crate) fn encoded(value: &impl Encode<()>, room: usize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    let written = minicbor::encode(value, &mut *bytes);
    // A growing vector takes everything, and no type here has an encoder of its own that could fail.
    debug_assert!(written.is_ok());
    bytes
}

/// Reads an optional field, and refuses a variant that is not known. Left to itself, minicbor takes such a one for an absent field, and
/// "failed, for a reason that you do not know" would become "delivered".
fn known<'b, C, T: Decode<'b, C>>(decoder: &mut Decoder<'b>, context: &mut C) -> Result<T, minicbor::decode::Error> {
    T::decode(decoder, context).map_err(|error| {
        if error.is_unknown_variant() { minicbor::decode::Error::message("unknown variant in an optional field") } else { error }
    })
}

/// The number that a sender gives to a text, a secret or a transfer. Each side counts its own from 1; "your item" and "my item" are told
/// apart by the kind of message that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ItemId(#[n(0)] pub u32);

/// One control record's content. State is unnumbered and absolute, so the latest counts and a repetition does no harm (SPEC 5.2);
/// a fragment belongs to a numbered message.
#[derive(Debug, Encode, Decode)]
pub enum Control {
    /// A piece of a numbered message.
    #[n(0)]
    #[cbor(map)]
    Fragment {
        /// The message's number in its direction, from 0.
        #[n(0)]
        number: u64,
        /// Whether this piece is the message's last.
        #[n(1)]
        last: bool,
        /// The piece.
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
    /// How far the other side's messages have arrived and how much of them may be on its way.
    #[n(1)]
    #[cbor(map)]
    Received {
        /// The number of the message expected next: all before it are acknowledged.
        #[n(0)]
        next: u64,
        /// Bytes of the bodies of texts and secrets that the other side may have sent since the beginning (SPEC 5.3).
        #[n(1)]
        window: u64,
    },
    /// What a receiver allows for, and has of, one transfer.
    #[n(2)]
    #[cbor(map)]
    Credit {
        /// The other side's transfer.
        #[n(0)]
        transfer: ItemId,
        /// Positions below this may be sent.
        #[n(1)]
        limit: u64,
        /// Parts whose entries are registered: chunks of these only.
        #[n(2)]
        parts: u32,
        /// What is written, as ascending disjoint ranges of positions.
        #[n(3)]
        written: Vec<Span>,
    },
    /// How far a sender has counted what it offers (SPEC 7.1).
    #[n(7)]
    #[cbor(map)]
    Counted {
        /// The sender's transfer.
        #[n(0)]
        transfer: ItemId,
        /// As in [`Offer`].
        #[n(1)]
        bytes: u64,
        /// As in [`Offer`].
        #[n(2)]
        entries: u32,
        /// As in [`Offer`].
        #[n(3)]
        counted: bool,
    },
    /// A sign of life.
    #[n(3)]
    #[cbor(map)]
    Heartbeat {
        /// Whether its sender has work: it then beats every 2 s (SPEC 6.4).
        #[n(0)]
        work: bool,
    },
    /// The host puts this link into use.
    #[n(4)]
    Use(#[n(0)] Greeting),
    /// The joiner's answer to `use`.
    #[n(5)]
    Using(#[n(0)] Greeting),
    /// Nothing more will come on this link: the host says it first, the joiner answers (SPEC 6.3).
    #[n(6)]
    Drop,
}

/// What `use` and `using` carry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Greeting {
    /// As in [`Control::Received`].
    #[n(0)]
    pub next: u64,
    /// As in [`Control::Received`].
    #[n(1)]
    pub window: u64,
    /// What this side came for; only on the code's link.
    #[n(2)]
    #[cbor(decode_with = "known")]
    pub want: Option<Want>,
    /// How long the channel may rest, in seconds; only on the code's link. The shorter of the two holds.
    #[n(3)]
    pub ttl: Option<u32>,
}

/// What a side came for. Two givers, or two takers, have nothing to say to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Want {
    /// To send once.
    #[n(0)]
    Give,
    /// To receive once.
    #[n(1)]
    Take,
    /// A channel that stays open.
    #[n(2)]
    Both,
}

/// A range of positions in a transfer (SPEC 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Span {
    /// The first position.
    #[n(0)]
    pub start: u64,
    /// The position after the last.
    #[n(1)]
    pub end: u64,
}

impl From<Range<u64>> for Span {
    fn from(range: Range<u64>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

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
        /// What its sender calls it, as a file name would be treated.
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
    /// The next entries of a transfer.
    #[n(3)]
    Entries(
        #[n(0)]
        #[zeroize(skip)]
        Part,
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
    },
    /// What became of your item: the only ground on which its sender may say "delivered".
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
}

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

/// Why something was declined, cancelled, has failed or has ended. Both sides turn it into a sentence of their own; no text of a peer's
/// choosing travels in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Reason {
    /// Nothing went wrong.
    #[n(0)]
    Done,
    /// The person or program there said no.
    #[n(1)]
    Declined,
    /// Interrupted from the keyboard or by a signal.
    #[n(2)]
    Interrupted,
    /// Not enough space on the disk.
    #[n(3)]
    NoSpace,
    /// The disk or the file system there failed.
    #[n(4)]
    Disk,
    /// Over the size that the receiver allows.
    #[n(5)]
    TooLarge,
    /// A name that cannot be stored safely.
    #[n(6)]
    BadName,
    /// Something of that name is already there.
    #[n(7)]
    Exists,
    /// A source changed while it was being sent.
    #[n(8)]
    SourceChanged,
    /// A source could not be read.
    #[n(9)]
    SourceUnreadable,
    /// Secrets do not go to standard output.
    #[n(10)]
    SecretToOutput,
    /// The two sides came for the same thing.
    #[n(11)]
    SameRole,
    /// The verification words did not match.
    #[n(12)]
    NotVerified,
    /// The channel's time is over.
    #[n(13)]
    Expired,
    /// The other side broke the protocol.
    #[n(14)]
    Protocol,
    /// The place the bytes were going to was closed.
    #[n(15)]
    OutputClosed,
    /// An answer was needed and there was nobody to ask.
    #[n(16)]
    NoAnswer,
    /// This side takes only one thing and has it, or takes only what it asked for.
    #[n(17)]
    NotWanted,
    /// The program there ended for a reason of its own.
    #[n(18)]
    Failed,
}

/// Text from the peer. It has no `Display`: whoever shows it calls the escaping function of that place (`report::escape`).
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

#[cfg(test)]
mod vectors;
