//! Failures: the cause, whose fault it is, the next step, and the exit status that says so.

mod advice;
mod kind;
pub mod sentences;

use crate::escape::quoted;
use std::fmt;
use std::path::PathBuf;

pub use advice::{Advice, Run, WAIT};
pub use kind::Kind;

/// Exit statuses: public, versioned, and never reused (`report/EVENTS.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// A failure that has no status of its own.
    Other = 1,
    /// The command line asks for something that cannot be, or the two sides came for the same
    /// thing.
    Usage = 2,
    /// A wrong, used, burned or unknown code.
    Code = 3,
    /// Nobody came, or the channel's time is over.
    Expired = 4,
    /// Relay or host unreachable, or forbidden here.
    Unreachable = 5,
    /// The peer declined, left or cancelled, or was lost.
    Peer = 6,
    /// Records were tampered with.
    Tampering = 7,
    /// The disk or file system of this machine.
    Disk = 8,
    /// The source changed while it was being sent.
    SourceChanged = 9,
    /// An answer was needed and there is no terminal.
    NoAnswer = 10,
    /// Not finished yet; it goes on.
    Unfinished = 11,
    /// Interrupted.
    Interrupted = 130,
}

impl Exit {
    /// All of them, ascending.
    pub const ALL: [Self; 13] = [
        Self::Done,
        Self::Other,
        Self::Usage,
        Self::Code,
        Self::Expired,
        Self::Unreachable,
        Self::Peer,
        Self::Tampering,
        Self::Disk,
        Self::SourceChanged,
        Self::NoAnswer,
        Self::Unfinished,
        Self::Interrupted,
    ];

    /// The number the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// The exit status and the fixed word for how something ended: `done`, or what failed.
#[must_use]
pub const fn ended(failed: Option<Kind>) -> (Exit, &'static str) {
    match failed {
        Some(kind) => (kind.exit(), kind.as_str()),
        None => (Exit::Done, "done"),
    }
}

/// A failure as its reader needs it: a kind for programs, a sentence for people, and the next step.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The kind of failure, for programs.
    pub kind: Kind,
    /// True if it ends no command: something to know, and no reason to stop.
    pub notice: bool,
    /// The event and whose fault it is, in one sentence without a full stop. Holds no secret and
    /// nothing unescaped of the peer's.
    pub detail: String,
    /// True if `detail`, or `next`, quotes what the peer wrote.
    pub quotes_peer: bool,
    /// The step that would help.
    pub next: Option<Advice>,
    /// The file that holds what is not where it was to go.
    pub saved_to: Option<PathBuf>,
}

/// A sentence about what happened, and whether it quotes the peer.
pub struct Detail {
    text: String,
    quotes_peer: bool,
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self { text, quotes_peer: false }
    }
}

impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// The subject of a sentence: words of ours, or a name that the peer chose. Only here does such a
/// name get into a sentence, in quotes, and it marks the whole.
#[derive(Clone, Debug)]
pub struct Subject {
    text: String,
    peers: bool,
    many: bool,
}

impl Subject {
    /// A name of the peer's choice.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { text: quoted(name), peers: true, many: false }
    }

    /// So many items.
    #[must_use]
    pub fn items(count: usize) -> Self {
        Self { text: format!("{count} items"), peers: false, many: true }
    }

    /// Says that it is `what`.
    #[must_use]
    pub fn is(&self, what: impl fmt::Display) -> Detail {
        Detail { text: format!("{} is {what}", self.text), quotes_peer: self.peers }
    }

    /// Says that it was `what`.
    #[must_use]
    pub fn was(&self, what: impl fmt::Display) -> Detail {
        let verb = if self.many { "were" } else { "was" };
        Detail { text: format!("{} {verb} {what}", self.text), quotes_peer: self.peers }
    }

    /// Says that it was not `what`.
    #[must_use]
    pub fn was_not(&self, what: impl fmt::Display) -> Detail {
        self.was(format_args!("not {what}"))
    }
}

impl From<&str> for Subject {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), peers: false, many: false }
    }
}

impl From<&Self> for Subject {
    fn from(subject: &Self) -> Self {
        subject.clone()
    }
}

impl Failure {
    /// A failure without a next step.
    pub fn new(kind: Kind, detail: impl Into<Detail>) -> Self {
        let Detail { text, quotes_peer } = detail.into();
        Self { kind, notice: false, detail: text, quotes_peer, next: None, saved_to: None }
    }

    /// One that ends nothing.
    pub fn notice(kind: Kind, detail: impl Into<Detail>) -> Self {
        Self { notice: true, ..Self::new(kind, detail) }
    }

    /// The exit status it leads to, if it ends the command.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.kind.exit()
    }

    /// The same with what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<Advice>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The same with a step that is for the user to decide.
    #[must_use]
    pub fn ask_user(self, step: impl Into<String>) -> Self {
        self.next(Advice::for_user(step))
    }

    /// The same with the file that holds what is not where it was to go.
    #[must_use]
    pub fn saved_to(mut self, path: PathBuf) -> Self {
        self.detail = format!("{}; it is kept in {}", self.detail, path.display());
        self.saved_to = Some(path);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_things_a_sentence_says_were() {
        let said = |what: &Subject| Failure::new(Kind::Failed, what.was_not("saved")).detail;
        assert_eq!(said(&Subject::items(3)), "3 items were not saved");
        assert_eq!(said(&Subject::named("a")), "\"a\" was not saved");
        assert_eq!(said(&Subject::from("the text")), "the text was not saved");
    }
}
