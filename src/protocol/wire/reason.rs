//! Why something did not come to what it was meant to (SPEC 5.4).

use minicbor::{Decode, Encode};

/// Why something was declined, cancelled, has failed or has ended. Both sides turn it into a
/// sentence of their own; no text of a peer's choosing travels in its place.
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
    /// A link that leads out of what is sent, or that cannot be made.
    #[n(19)]
    Link,
    /// A device, a socket or a pipe.
    #[n(20)]
    Special,
    /// Too many, too long or too deep for a transfer.
    #[n(21)]
    OverLimits,
}

impl Reason {
    /// Every reason of this version, by its number on the wire.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u32::MAX).map_while(|number| minicbor::decode(&minicbor::to_vec(number).ok()?).ok())
    }
}
