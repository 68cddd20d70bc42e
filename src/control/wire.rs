//! The protocol of a session's socket: a line with a request, what it brings along, then lines
//! until the end. Both ends are this program, run by the same user, but perhaps of different
//! versions.

use super::owner::{Owner, Visitor};
use crate::events::line::LineType;
use crate::events::{About, Stored};
use crate::failure::{Advice, Failure, Kind};
use crate::files::outbox::{Keeper, Links};
use crate::role::Role;
use crate::typed::Typed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// The version of what is said here; another is answered with a failure and nothing else.
pub(super) const VERSION: u8 = 3;
/// The time of a command to say what it wants, and to take an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Longest line either way, in bytes: a line of EVENTS.md that names a thousand items, spelt in
/// escapes, and then quoted.
pub(super) const LONGEST_LINE: u64 = 8 << 20;

/// A request.
#[derive(Deserialize, Serialize)]
pub(super) struct Request {
    pub(super) v: u8,
    /// The visitor that asks.
    pub(super) by: Visitor,
    /// The code or number that was named, canonical.
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(flatten)]
    pub(super) what: What,
}

/// The action that is requested, its `do`.
#[derive(Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum What {
    /// Describes this session, and says if the code or number is its own.
    About,
    /// Lets the visitor, which has named the whole code, use the number alone from now on.
    Adopt,
    /// Never answers these owners by its code: theirs is the side of this role.
    Oppose { role: Role, owners: Vec<Owner> },
    /// Ends the session: in peace, or at once.
    Close { now: bool },
    /// The lines after the number `after`, or those that were not returned before, waiting up to
    /// `wait` milliseconds for the first. Those that arrive are acknowledged with a line, whatever
    /// is in it.
    Receive {
        after: Option<u64>,
        #[serde(default)]
        only: Option<BTreeSet<LineType>>,
        wait: u64,
        max_bytes: usize,
    },
    /// The same until the end, without what other commands print as their results. Each line is
    /// acknowledged by itself, and so is the end.
    Follow { after: Option<u64>, only: Option<BTreeSet<LineType>> },
    /// Reports when there is something to receive, until the end.
    Bell,
    /// The oldest secret that is held, or one that comes within `wait` milliseconds. A line, a
    /// [`Put`], says where it is then; without that it stays.
    Collect { wait: u64 },
    /// The oldest text that no command has received, or one that comes within `wait` milliseconds,
    /// which is acknowledged as in `receive`.
    Text { wait: u64 },
    /// Sends a text, whose bytes follow, and returns the peer's answer within `wait` milliseconds.
    /// The answer is acknowledged as in `receive`.
    Ask { bytes: usize, wait: u64 },
    /// Sends these things, whose bytes follow; nothing is heard of them after `wait` milliseconds.
    Send { things: Vec<Thing>, wait: Option<u64> },
}

/// Something to send. Its bytes follow the request, in the order of the things.
#[derive(Deserialize, Serialize)]
pub(super) struct Thing {
    /// The number of bytes that follow.
    pub(super) bytes: usize,
    pub(super) kind: ThingKind,
}

/// The kind of thing that the bytes are.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ThingKind {
    Text,
    Secret {
        label: Option<String>,
    },
    /// Absolute paths, a zero after each, and how folders are read.
    Files {
        exclude: Vec<String>,
        gitignore: bool,
        #[serde(default)]
        links: Links,
        #[serde(default)]
        fence: Option<Bounds>,
    },
    /// A stream, which follows all else in pieces: each after its length in four bytes, the most
    /// significant first. One of length zero ends it.
    Stream,
}

/// The place of a secret that a command collected: a file, a variable in one, or else a program. A
/// program has it in a variable or on its standard input.
#[derive(Deserialize, Serialize)]
pub(super) struct Put {
    /// Absolute; what is not UTF-8 in it is spelt as EVENTS.md says.
    path: Option<String>,
    variable: Option<String>,
}

impl From<&Stored> for Put {
    fn from(stored: &Stored) -> Self {
        let absolute = |path: &Path| {
            std::path::absolute(path).unwrap_or_else(|_| path.into()).to_string_lossy().into_owned()
        };
        match stored {
            Stored::File(path) => Self { path: Some(absolute(path)), variable: None },
            Stored::EnvFile(path, variable) => {
                Self { path: Some(absolute(path)), variable: Some(variable.clone()) }
            }
            Stored::Program(variable) => Self { path: None, variable: variable.clone() },
            // No command puts a secret there.
            Stored::Shown | Stored::Held(_) | Stored::Declined => {
                Self { path: None, variable: None }
            }
        }
    }
}

impl From<Put> for Stored {
    fn from(Put { path, variable }: Put) -> Self {
        match (path, variable) {
            (Some(path), None) => Self::File(path.into()),
            (Some(path), Some(variable)) => Self::EnvFile(path.into(), variable),
            (None, variable) => Self::Program(variable),
        }
    }
}

/// The fence of the command that brings files.
#[derive(Deserialize, Serialize)]
pub(super) struct Bounds {
    /// Paths, as bytes: they need not be UTF-8.
    pub(super) roots: Vec<Vec<u8>>,
    pub(super) sensitive: bool,
    pub(super) why: String,
    /// The command line with which it would be opened.
    #[serde(default)]
    pub(super) typed: Typed,
    #[serde(default)]
    pub(super) keeper: Keeper,
}

/// Something that is still on its way when nobody waits for it any longer.
#[derive(Deserialize, Serialize)]
pub(super) struct Unsettled {
    /// The session's number for it, once the other side is there.
    pub(super) id: Option<u32>,
    pub(super) what: String,
    pub(super) size: Option<u64>,
}

/// A line of the answer.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    /// A description of the session.
    About(About),
    /// A numbered line of the session.
    Line(String),
    /// Something new is there to receive, with which there are so many lines.
    Rings { number: Option<u32>, lines: u64 },
    /// A secret of this many bytes, which follow.
    Secret { name: Option<String>, bytes: usize },
    /// It, or a part of it, cannot be done.
    Failed(Fault),
    /// Something was left out of a folder, which this says.
    LeftOut(String),
    /// This is still on its way.
    Pending(Unsettled),
    /// The end: there is more to receive, or all is received of a session that is over.
    Done {
        more: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        over: Option<Over>,
    },
}

/// The end of a session that had something left for other commands.
#[derive(Deserialize, Serialize)]
pub(super) struct Over {
    /// Why it did not end well.
    pub(super) failed: Option<Fault>,
}

/// A failure on its way to the process that asked.
#[derive(Deserialize, Serialize)]
pub(super) struct Fault {
    word: String,
    detail: String,
    quotes_peer: bool,
    next: Option<Advice>,
    saved_to: Option<PathBuf>,
}

impl From<&Failure> for Fault {
    fn from(failure: &Failure) -> Self {
        let Failure { kind, notice: _, detail, quotes_peer, next, saved_to } = failure.clone();
        Self { word: kind.as_str().to_owned(), detail, quotes_peer, next, saved_to }
    }
}

impl From<Fault> for Failure {
    fn from(Fault { word, detail, quotes_peer, next, saved_to }: Fault) -> Self {
        // A session of a later version may have kinds that this one does not know.
        Self {
            kind: Kind::of(&word).unwrap_or(Kind::Failed),
            notice: false,
            detail,
            quotes_peer,
            next,
            saved_to,
        }
    }
}

/// The next line without its end; nothing at the end.
///
/// # Errors
/// If it is longer than [`LONGEST_LINE`] or breaks off.
pub(super) async fn line(
    from: &mut (impl AsyncBufRead + Unpin),
) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    from.take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(std::io::ErrorKind::InvalidData.into()),
    }
}

/// A request or reply as its line.
pub(super) fn spelt(what: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    Ok(line)
}

/// Sends a reply.
///
/// # Errors
/// If the command has gone, or does not take it within [`PATIENCE`].
pub(super) async fn say(
    write: &mut (impl AsyncWrite + Unpin),
    reply: &Reply,
) -> std::io::Result<()> {
    timeout(PATIENCE, write.write_all(&spelt(reply)?)).await?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Subject;

    #[test]
    fn a_failure_arrives_as_it_was() {
        let failure =
            Failure::new(Kind::PeerDeclined, Subject::named("x y").was_not("wanted")).next("ask");
        let Failure { kind, detail, quotes_peer, next, .. } = Failure::from(Fault::from(&failure));
        assert_eq!(
            (kind, detail, next),
            (Kind::PeerDeclined, "\"x y\" was not wanted".to_owned(), failure.next.clone())
        );
        assert!(quotes_peer, "the mark goes with the words");
        let unknown = Fault {
            word: "new".into(),
            detail: "x".into(),
            quotes_peer: false,
            next: None,
            saved_to: None,
        };
        assert_eq!(Failure::from(unknown).kind, Kind::Failed);
    }

    #[tokio::test]
    async fn a_line_is_whole_and_bounded() {
        assert_eq!(line(&mut &b"one\ntwo"[..]).await.unwrap().unwrap(), b"one");
        assert!(line(&mut &b"two"[..]).await.is_err());
        assert!(line(&mut &b""[..]).await.unwrap().is_none());
        let endless = vec![b'x'; usize::try_from(LONGEST_LINE).unwrap() + 9];
        assert!(line(&mut &endless[..]).await.is_err());
    }

    #[test]
    fn a_request_of_another_kind_is_told_from_garbage() {
        let request: Request = serde_json::from_slice(
            br#"{"v":3,"by":{"owner":"person","all":false},"do":"about","more":1}"#,
        )
        .unwrap();
        assert!(matches!(request.what, What::About));
        assert!(
            serde_json::from_slice::<Request>(
                br#"{"v":3,"by":{"owner":"person","all":false},"do":"dance"}"#
            )
            .is_err()
        );
    }
}
