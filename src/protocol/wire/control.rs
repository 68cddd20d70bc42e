//! Control records: state, and pieces of messages (SPEC 5.2).

use super::{ItemId, Places, known};
use crate::limits::RANGES;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, Range};
use minicbor::bytes::ByteArray;
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder};
use zeroize::Zeroizing;

/// One control record's content. State is unnumbered and absolute, so the latest counts and a
/// repetition does no harm (SPEC 5.2); a fragment belongs to a numbered message.
#[derive(Debug, Encode, Decode)]
pub enum Control {
    /// A piece of a numbered message.
    #[n(0)]
    #[cbor(map)]
    Fragment {
        /// The message's number in its direction, from 0.
        #[n(0)]
        number: u64,
        /// True if this piece is the message's last.
        #[n(1)]
        last: bool,
        /// The piece.
        #[n(2)]
        bytes: Piece,
    },
    /// The peer's messages: how far they have arrived, and how much of them may be on its way.
    #[n(1)]
    #[cbor(map)]
    Received {
        /// The number of the message expected next: all before it are acknowledged.
        #[n(0)]
        next: u64,
        /// Bytes of the bodies of texts and secrets that the other side may have sent since the
        /// beginning (SPEC 5.3).
        #[n(1)]
        window: u64,
    },
    /// A receiver's allowance for one transfer, and what it has of it.
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
        /// Written positions, as ascending ranges with gaps between them, at most
        /// [`RANGES`].
        #[n(3)]
        #[cbor(decode_with = "spans")]
        written: Vec<Span>,
    },
    /// A sender's count so far of an offer (SPEC 7.1).
    #[n(7)]
    #[cbor(map)]
    Counted {
        /// The sender's transfer.
        #[n(0)]
        transfer: ItemId,
        /// As in [`Offer`](super::Offer).
        #[n(1)]
        bytes: u64,
        /// As in [`Offer`](super::Offer).
        #[n(2)]
        entries: u32,
        /// As in [`Offer`](super::Offer).
        #[n(3)]
        counted: bool,
    },
    /// A sign of life.
    #[n(3)]
    #[cbor(map)]
    Heartbeat {
        /// True if its sender has work: it then beats every 2 s (SPEC 6.4).
        #[n(0)]
        work: bool,
    },
    /// The host puts this link into use.
    #[n(4)]
    Use(#[n(0)] Greeting),
    /// The joiner's answer to `use`.
    #[n(5)]
    Using(#[n(0)] Greeting),
    /// All that was read of a stripe that has ended is taken in, and named in the credits before
    /// this, of two striping sides (SPEC 6.3).
    #[n(6)]
    #[cbor(map)]
    Drop {
        /// The index of the stripe.
        #[n(0)]
        link: u32,
    },
    /// So many stripes beside the main link would help the sender's bulk, of two striping sides
    /// (SPEC 6.3).
    #[n(9)]
    #[cbor(map)]
    Stripes {
        /// Their number, at most seven of which count.
        #[n(0)]
        count: u32,
    },
    /// The places at which the sender can be met for another link, of two resuming sides
    /// (SPEC 6.6).
    #[n(8)]
    Places(#[n(0)] Places),
}

/// A piece of an encoded message, which may be a secret's: wiped when dropped, and not shown.
pub struct Piece(Zeroizing<Vec<u8>>);

impl From<Vec<u8>> for Piece {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl<C> Encode<C> for Piece {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.bytes(self)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Piece {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Ok(decoder.bytes()?.to_vec().into())
    }
}

/// The content of `use` and `using`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Greeting {
    /// As in [`Control::Received`].
    #[n(0)]
    pub next: u64,
    /// As in [`Control::Received`].
    #[n(1)]
    pub window: u64,
    /// The sender's purpose; only on the code's link.
    #[n(2)]
    #[cbor(decode_with = "known")]
    pub want: Option<Want>,
    /// Longest rest of the channel, in seconds; only on the code's link. The shorter counts.
    #[n(3)]
    pub ttl: Option<u32>,
    /// The host's part of the verification words, in the first `use` of a conversation (SPEC 3.5).
    #[n(4)]
    pub nonce: Option<ByteArray<32>>,
    /// The link is for bulk alone (SPEC 6.3), and nothing else of this is looked at.
    #[n(5)]
    pub stripe: Option<Stripe>,
}

impl Greeting {
    /// The greeting of a stripe.
    #[must_use]
    pub const fn of_stripe() -> Self {
        Self { next: 0, window: 0, want: None, ttl: None, nonce: None, stripe: Some(Stripe) }
    }
}

/// The mark of a stripe, which is there or absent and never false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stripe;

impl<C> Encode<C> for Stripe {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.bool(true)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Stripe {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        if decoder.bool()? {
            Ok(Self)
        } else {
            Err(minicbor::decode::Error::message("a mark that is false"))
        }
    }
}

/// The purpose of a side. Two givers, or two takers, have nothing to say to each other.
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

/// Reads written ranges, and refuses what is no set of positions in its one form (SPEC 7.4).
fn spans<C>(
    decoder: &mut Decoder<'_>,
    context: &mut C,
) -> Result<Vec<Span>, minicbor::decode::Error> {
    let mut spans: Vec<Span> = Vec::new();
    for span in decoder.array_iter_with(context)? {
        let span: Span = span?;
        if span.start >= span.end
            || spans.last().is_some_and(|last| last.end >= span.start)
            || spans.len() >= RANGES
        {
            return Err(minicbor::decode::Error::message("ranges that do not ascend"));
        }
        spans.push(span);
    }
    Ok(spans)
}

impl From<Range<u64>> for Span {
    fn from(range: Range<u64>) -> Self {
        Self { start: range.start, end: range.end }
    }
}
