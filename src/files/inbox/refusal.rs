//! Why something is not received: a word for the peer, and for the user here what happened, whose
//! fault it is and what to do.

use crate::failure::{Detail, Failure, Kind, Subject};
use crate::platform::cause::Cause;
use crate::platform::private::STATE_VARIABLE;
use pinhole_protocol::wire::Reason;
use std::fmt;
use std::io;

/// Something offered or sent that is not received.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The reason sent to the peer.
    pub reason: Reason,
    /// The failure shown to the user here.
    pub failure: Failure,
}

/// Advice for a name that is in the way.
const OTHER_NAME: &str = "take again with --conflict rename, or under another name with -o NAME";
/// Advice for a full disk.
pub(super) const FREE_SPACE: &str = "free some space, or take into another folder with -o DIR";

impl Refusal {
    /// The core has refused a transfer for `what` the peer did, read after "the other side".
    pub(crate) fn unfit(reason: Reason, what: &str) -> Self {
        match reason {
            Reason::BadName => Self::name(nothing_more(what)),
            _ => Self::protocol(what),
        }
    }

    /// The peer broke the protocol: `what` it did, read after "the other side".
    pub(super) fn protocol(what: &str) -> Self {
        let detail = nothing_more(what);
        Self {
            reason: Reason::Protocol,
            failure: Failure::new(Kind::Protocol, detail).next(SAME_VERSION),
        }
    }

    /// A name that cannot be stored.
    pub(super) fn name(detail: impl Into<Detail>) -> Self {
        let next = "ask the other side to rename it, or to send it in an archive";
        Self { reason: Reason::BadName, failure: Failure::new(Kind::BadName, detail).next(next) }
    }

    /// Over what `--max-size` allows.
    pub(super) fn too_large(detail: impl Into<Detail>) -> Self {
        let next = "allow more with --max-size, or ask for less";
        Self {
            reason: Reason::TooLarge,
            failure: Failure::new(Kind::TooLarge, detail).ask_user(next),
        }
    }

    /// Over what `--max-entries` allows.
    pub(super) fn too_many(detail: impl Into<Detail>) -> Self {
        let next = "allow more with --max-entries, or ask for them in an archive";
        Self {
            reason: Reason::TooLarge,
            failure: Failure::new(Kind::TooLarge, detail).ask_user(next),
        }
    }

    /// The things that arrive are not those that were offered.
    pub(super) fn changed(detail: impl Into<Detail>) -> Self {
        let next = "ask the other side to send it again";
        Self {
            reason: Reason::SourceChanged,
            failure: Failure::new(Kind::SourceChanged, detail).next(next),
        }
    }

    /// Not what this side came for.
    pub(super) fn not_wanted(detail: impl Into<Detail>, next: &str) -> Self {
        Self {
            reason: Reason::NotWanted,
            failure: Failure::new(Kind::NotWanted, detail).next(next),
        }
    }

    /// It, or something in it, meets what it can neither replace nor be joined with
    /// (`--conflict merge`).
    pub(super) fn exists(what: impl Into<Subject>) -> Self {
        let detail = what.into().was_not(
            "saved: something is here already that it can neither replace nor be merged with",
        );
        Self {
            reason: Reason::Exists,
            failure: Failure::new(Kind::Exists, detail).ask_user(OTHER_NAME),
        }
    }

    /// It, or something in it, could not be joined with what is here, for this reason.
    pub(super) fn blocked(what: impl Into<Subject>, reason: Reason) -> Self {
        match reason {
            Reason::Exists => Self::exists(what),
            Reason::BadName => Self::name(
                what.into()
                    .was_not("saved: it contains a name that the file system here cannot hold"),
            ),
            Reason::NoSpace => {
                Self::no_space(what.into().was_not("saved: there is no room for it"))
            }
            Reason::Declined => {
                let why = "saved: programs act on everything in the folder that it would be \
                           merged into, and nobody has agreed to that";
                let failure = Failure::new(Kind::Declined, what.into().was_not(why));
                Self {
                    reason,
                    failure: failure
                        .next("name that folder itself with -o DIR, and answer the question"),
                }
            }
            Reason::Interrupted => {
                let detail = what.into().was_not("saved: its transfer was stopped");
                Self { reason, failure: Failure::new(Kind::Interrupted, detail) }
            }
            _ => {
                let why = "saved: it would go where nothing may be written, or onto another disk \
                           than its folder";
                Self {
                    reason: Reason::Disk,
                    failure: Failure::new(Kind::Disk, what.into().was_not(why))
                        .ask_user(OTHER_NAME),
                }
            }
        }
    }

    /// Something in it acts, and behind a fence that goes to a private directory, of which there is
    /// none.
    pub(crate) fn nowhere_apart(what: impl Into<Subject>) -> Self {
        let detail = what.into().was_not(
            "saved: programs act unasked on what is in it, and there is no private directory \
             here for such things",
        );
        let next = format!(
            "have {STATE_VARIABLE} name a folder that can be written to, and ask for it again; or \
            ask for it in an archive"
        );
        Self { reason: Reason::Declined, failure: Failure::new(Kind::Disk, detail).next(next) }
    }

    /// The disk has no room.
    pub(super) fn no_space(detail: impl Into<Detail>) -> Self {
        Self {
            reason: Reason::NoSpace,
            failure: Failure::new(Kind::NoSpace, detail).next(FREE_SPACE),
        }
    }

    /// The operating system said no while `what` was being saved.
    pub(super) fn disk(what: impl Into<Subject>, error: &io::Error) -> Self {
        let what = what.into();
        let detail = what.was_not(format_args!("saved: {error}"));
        match Cause::of(error) {
            Some(Cause::Full) => Self::no_space(detail),
            _ if error.kind() == io::ErrorKind::AlreadyExists => Self {
                reason: Reason::Exists,
                failure: Failure::new(
                    Kind::Exists,
                    what.was_not("saved: two names in it are the same on this disk"),
                )
                .next("ask the other side to rename one, or to send an archive"),
            },
            _ => Self {
                reason: Reason::Disk,
                failure: Failure::new(Kind::Disk, detail).next(OTHER_FOLDER),
            },
        }
    }
}

fn nothing_more(what: &str) -> String {
    format!("the other side {what}, so nothing more of this transfer is accepted")
}

/// Advice for a peer that does not keep to the protocol.
const SAME_VERSION: &str =
    "check that both sides run the same version of pinhole, and try again with a new code";
/// Advice for a disk that fails.
pub(super) const OTHER_FOLDER: &str =
    "check that the folder can be written to, or take into another with -o DIR";

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl std::error::Error for Refusal {}
