//! The kinds of failure, each with its word and its exit status. Their meanings are in
//! `report/EVENTS.md`, which is checked against this.

use super::Exit;
use std::fmt;

macro_rules! kinds {
    ($($exit:ident { $($kind:ident = $word:literal,)* })*) => {
        /// The kind of a failure. Words are kebab-case and never change, nor do their statuses,
        /// once they are published.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[doc = concat!("`", $word, "`")] $kind,)*)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$($(Self::$kind,)*)*];

            /// The exit status it leads to, if it ends the command.
            #[must_use]
            pub const fn exit(self) -> Exit {
                match self {
                    $($(Self::$kind)|* => Exit::$exit,)*
                }
            }

            /// Its word, as programs read it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$kind => $word,)*)*
                }
            }
        }
    };
}

// By whose fault it is.
kinds! {
    // A failure that has no status of its own.
    Other {
        Declined = "declined",
        TooLarge = "too-large",
        OutputClosed = "output-closed",
        NotWanted = "not-wanted",
        Failed = "failed",
        Link = "link",
        Special = "special",
        OverLimits = "over-limits",
        OptionsIgnored = "options-ignored",
        Incomplete = "incomplete",
        Renamed = "renamed",
        Skipped = "skipped",
        SecretUnfit = "secret-unfit",
        ExecFailed = "exec-failed",
        Backlog = "backlog",
        HandlerFailed = "handler-failed",
        HandlerTimeout = "handler-timeout",
        TurnsOver = "turns-over",
        TakenOver = "taken-over",
        Internal = "internal",
    }
    // Whoever wrote the command line, a variable or the configuration; or both sides, who came for
    // the same thing.
    Usage {
        SecretToOutput = "secret-to-output",
        SameRole = "same-role",
        Usage = "usage",
        CodeMalformed = "code-malformed",
        CodeLength = "code-length",
        CodeUnknownWord = "code-unknown-word",
        AmbiguousArgument = "ambiguous-argument",
        NotOpen = "not-open",
        SeveralOpen = "several-open",
        TooManyChannels = "too-many-channels",
        NotWantedHere = "not-wanted-here",
        NoRelay = "no-relay",
        NothingToGive = "nothing-to-give",
        NoSuchFile = "no-such-file",
        NoSuchVariable = "no-such-variable",
        NotSendable = "not-sendable",
        StreamAlone = "stream-alone",
        StreamSpent = "stream-spent",
        BadPattern = "bad-pattern",
        NameTooLong = "name-too-long",
        TooManyItems = "too-many-items",
        TooLong = "too-long",
        NotText = "not-text",
        EmptySecret = "empty-secret",
    }
    // Whoever has a wrong, used, burned or unknown code.
    Code {
        CodeWrong = "code-wrong",
        CodeGuessed = "code-guessed",
        CodeUnavailable = "code-unavailable",
        CodeNotOpen = "code-not-open",
    }
    // Nobody: the time is over.
    Expired {
        Expired = "expired",
        Unanswered = "unanswered",
        NobodyCame = "nobody-came",
    }
    // The network, a relay, or what this environment forbids.
    Unreachable {
        RelayUnreachable = "relay-unreachable",
        RelayCertificate = "relay-certificate",
        ProxyUnreachable = "proxy-unreachable",
        ProxyRefused = "proxy-refused",
        RelayRefused = "relay-refused",
        CodeLost = "code-lost",
        RelayBusy = "relay-busy",
        HostUnreachable = "host-unreachable",
        CannotListen = "cannot-listen",
        NoCommonVersion = "no-common-version",
        TunnelFailed = "tunnel-failed",
        NetworkForbidden = "network-forbidden",
        NoControl = "no-control",
        NotWorking = "not-working",
        NotDetachable = "not-detachable",
        Fenced = "fenced",
    }
    // The other side, or the link to it.
    Peer {
        PeerLeft = "peer-left",
        PeerDeclined = "peer-declined",
        PeerInterrupted = "peer-interrupted",
        PeerNoSpace = "peer-no-space",
        PeerDisk = "peer-disk",
        PeerTooLarge = "peer-too-large",
        BadName = "bad-name",
        PeerBadName = "peer-bad-name",
        PeerExists = "peer-exists",
        PeerSourceUnreadable = "peer-source-unreadable",
        PeerSecretToOutput = "peer-secret-to-output",
        PeerProtocol = "peer-protocol",
        PeerOutputClosed = "peer-output-closed",
        PeerNoAnswer = "peer-no-answer",
        PeerNotWanted = "peer-not-wanted",
        PeerFailed = "peer-failed",
        PeerLink = "peer-link",
        PeerSpecial = "peer-special",
        PeerOverLimits = "peer-over-limits",
        PeerLost = "peer-lost",
        SessionGone = "session-gone",
    }
    // Whoever stands between the two sides.
    Tampering {
        NotVerified = "not-verified",
        Protocol = "protocol",
        KeyMismatch = "key-mismatch",
        Tampered = "tampered",
    }
    // The disk or file system of this machine.
    Disk {
        NoSpace = "no-space",
        Disk = "disk",
        Exists = "exists",
        SourceUnreadable = "source-unreadable",
        LeftBehind = "left-behind",
        NotPrivate = "not-private",
    }
    // Whatever writes to the source, on either side.
    SourceChanged {
        SourceChanged = "source-changed",
    }
    // Nobody was there to be asked.
    NoAnswer {
        NoAnswer = "no-answer",
        SeveralHosts = "several-hosts",
    }
    // Nobody: it goes on.
    Unfinished {
        Unfinished = "unfinished",
        NoText = "no-text",
        NoSecret = "no-secret",
        SecretsHeld = "secrets-held",
        Undelivered = "undelivered",
        NotAnswering = "not-answering",
    }
    // Whoever interrupted it.
    Interrupted {
        Interrupted = "interrupted",
    }
}

impl Kind {
    /// The kind of a word, if it is one.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
