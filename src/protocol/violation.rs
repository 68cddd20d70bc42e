//! Breaches of the protocol that a peer can commit, one list.

macro_rules! violations {
    ($($violation:ident = $sentence:literal,)*) => {
        /// A breach of the protocol by the peer, for a message of this side's own making.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Violation {
            $(#[doc = concat!("It ", $sentence, ".")] $violation,)*
        }

        impl Violation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$violation,)*];

            /// The breach as a verb, to go after "it".
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$violation => $sentence,)*
                }
            }
        }
    };
}

violations! {
    // Ends the conversation: what both sides count does not agree (SPEC 8.4).
    UnreadableRecord = "sent a record that is none",
    UnreadableControl = "sent control that cannot be read",
    UnreadableMessage = "sent a message that cannot be read",
    EarlyControl = "spoke before the link was in use",
    NotItsGreeting = "put a link into use that is not its to use",
    SecondGreeting = "put a link into use twice",
    PlacesUnagreed = "said where it can be met, which was not agreed",
    ManyPlaces = "said more addresses of its own than allowed",
    StripesUnagreed = "spoke of several links for bulk, which was not agreed",
    OnStripe = "spoke on a link that is for bulk alone",
    NoWant = "did not say what it came for",
    MissingMessage = "left out a message",
    LongMessage = "sent a message over its limit",
    LongPart = "sent a part over its limit",
    LongBody = "sent a text or secret over its limit",
    OverWindow = "sent more than the window allows",
    AcknowledgedUnsent = "acknowledged a message that was never sent",
    NeverAcknowledges = "acknowledges nothing",
    NumberTwice = "used a number twice",
    AfterGoodbye = "began something after its goodbye",
    SecondGoodbye = "said goodbye twice",
    OfferOverLimits = "made an offer over the limits",
    AcceptedUnoffered = "accepted what it was not offered",
    AcceptedTwice = "accepted what it cannot accept",
    AnsweredUnsent = "answered what it was not sent",
    DeliveredUnsent = "said that it has what was not sent",
    ManyDifferences = "named more differences than allowed",
    OtherForm = "sent entries in another form than agreed",
    OutsideTransfer = "sent entries outside a transfer",
    PartOutOfTurn = "sent a part that does not follow",
    PartsAhead = "sent parts further ahead than allowed",
    GapUnnamed = "left out bytes that it has not named",
    BytesUnasked = "sent bytes that were not asked for",
    WrongTotals = "said totals that its entries do not add up to",
    RegisteredUnsent = "registered a part that was never sent",
    WroteUnsent = "wrote what was never sent",
    ManyPieces = "wrote a transfer in too many pieces",
    AskedOutOfTurn = "asked for a proof out of turn",
    ProvedUnasked = "proved what it was not asked for",
    // Refuses one transfer: an entry of it is none that a file can be made of (SPEC 7.7).
    EntryContradicts = "sent an entry that contradicts itself",
    EntrySize = "sent an entry of an impossible size",
    ManyEntries = "sent more entries than allowed",
    StreamGap = "left out a part of a stream",
    NoName = "sent an entry without a name",
    LongPath = "sent a path deeper or longer than allowed",
    NameWithSeparator = "sent a name with a separator in it",
    EntryUnoffered = "sent an entry that it has not offered",
    FolderMissing = "sent an entry whose folder it has not sent",
    ManyFolderNames = "sent more names of folders than allowed",
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_breach_has_a_sentence_of_its_own() {
        let sentences: BTreeSet<&str> =
            Violation::ALL.iter().map(|violation| violation.as_str()).collect();
        assert_eq!(sentences.len(), Violation::ALL.len());
        assert!(sentences.iter().all(|sentence| !sentence.ends_with('.')));
    }
}
