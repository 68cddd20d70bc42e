//! Everything a session has to tell: one enum, two renderers (`report`). Nothing else in the
//! program prints.

mod acting;
pub(crate) mod line;
#[cfg(test)]
pub(crate) mod samples;
mod session;

pub use acting::Acting;
pub use session::{About, ChannelName, State, WantWord, Words};

use crate::failure::{Advice, Failure, Kind};
use crate::spelt::spelt;
use pinhole_protocol::wire::{Differences, ItemId, PeerName, PeerText, Reason};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Something that happened, for people or scripts to hear of.
#[derive(Clone, Debug)]
pub enum Event {
    /// Before there is a code, a tunnel is being made.
    Opening {
        /// The program that makes it.
        tunnel: String,
    },
    /// A channel is open under this code.
    Channel(Channel),
    /// Nobody is here yet.
    Waiting,
    /// Somebody is at the door: keys are being confirmed.
    Paired,
    /// The peer is who knows the code.
    Connected(Path),
    /// The conversation goes on over a link of another kind.
    Moved(Path),
    /// Four words that both sides should compare (`--verify`).
    Verify {
        /// The words, space-separated.
        words: String,
    },
    /// No byte for 5 s although there is work.
    Stalled,
    /// The link is lost and another is being sought.
    Reconnecting,
    /// There is a link again, by this path. Without one, the old link brings something again, or a
    /// waiting host's connection to its relay is back.
    Reconnected(Option<Path>),
    /// A link by this path has ended because something on it was changed; another is being sought.
    Tampered(Path),
    /// The channel ends soon unless something new arrives at either side.
    Expiring {
        /// Time left.
        left: Duration,
    },
    /// The peer has said goodbye. What failed by that follows as [`Event::Trouble`].
    PeerLeft(Reason),
    /// The link is lost and nothing more can be done.
    Disconnected,
    /// Somebody used a wrong code; this code is dead.
    HandshakeFailed {
        /// Wrong codes tried against this invocation so far.
        guesses: u32,
    },
    /// The channel is over.
    Closed,
    /// The conversation is over, and the session lives on for what another command has yet to take.
    Holding {
        /// Secrets that nobody has taken.
        secrets: usize,
        /// Time until it ends all the same.
        left: Duration,
        /// The command that takes the oldest.
        take: String,
    },
    /// The peer sent a text.
    Text {
        /// The peer's number for it.
        id: ItemId,
        /// The text.
        body: PeerText,
        /// The file that holds a long text instead of its being printed, for scripts.
        saved_to: Option<PathBuf>,
    },
    /// A file or folder of the peer's is complete, synced and under its final name.
    File(Arrived),
    /// A secret of the peer's is where it belongs, or held until another command takes it, and then
    /// told again.
    Secret {
        /// The peer's number for it.
        id: ItemId,
        /// The peer's name for it.
        name: Option<PeerText>,
        /// Its length in bytes.
        size: u64,
        /// The place where it went.
        stored: Stored,
    },
    /// The peer offers files or folders.
    Offer(Offered),
    /// A transfer of the peer's goes on with what an earlier one has left here.
    Continued {
        /// Its number.
        id: ItemId,
        /// Bytes that are here.
        here: u64,
        /// Bytes in all, once known.
        total: Option<u64>,
    },
    /// The progress of a transfer: at the sender the bytes written by the receiver, at the receiver
    /// those written here.
    Progress {
        /// Its number.
        id: ItemId,
        /// Which way it goes.
        way: Way,
        /// Bytes done.
        done: u64,
        /// Bytes in all, once known.
        total: Option<u64>,
    },
    /// Something of ours is offered, and waits for the peer to accept it.
    Queued(SentItem),
    /// Something of ours is on its way, and this process does not wait for it any longer.
    Pending {
        /// Our number for it, once the other side is there.
        id: Option<ItemId>,
        /// Its description, as in [`SentItem`].
        what: String,
        /// Bytes, where that means something.
        size: Option<u64>,
        /// The command that tells later what became of it.
        next: Advice,
    },
    /// The peer says that something of ours is where it belongs (SPEC 5.4).
    Delivered(SentItem),
    /// Something went wrong that does not end the session, or that does: then `End` follows.
    Trouble(Failure),
    /// A session of this machine, for `status`, and for the process that starts one in the
    /// background.
    Session(About),
    /// The process that started this session in the background leaves it to itself.
    Detached(About),
    /// One thing that `doctor` has looked at.
    Check(Check),
    /// Remains of an unfinished transfer, for `partials`.
    Partial(Partial),
    /// The last line, once.
    End {
        /// The kind of failure, if the session or command did not end well.
        failed: Option<Kind>,
        /// True if a `receive` has left more to receive.
        more: bool,
    },
}

/// An open channel, as its host says it.
#[derive(Clone)]
pub struct Channel {
    /// The whole code. It is shown to the user of this process, which is what it is for, and to
    /// nobody else.
    pub code: String,
    /// Its public number.
    pub number: u32,
    /// The machines that find the host by the code alone.
    pub reach: Reach,
    /// Commands for the other machine: at most three, the most likely first.
    pub join: Vec<Join>,
    /// The code as a link, where a relay has an https address.
    pub link: Option<String>,
    /// When it ends if nobody comes.
    pub expires_at: SystemTime,
    /// The time until then, for people; beside `expires_at`, so that no renderer reads a clock.
    pub lasts: Duration,
    /// A few words on the things to be sent ("report.pdf", "3 items"), for people.
    pub offering: Option<String>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The number alone: code, lines and link hold the words.
        f.debug_struct("Channel").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The machines that find a host by its code alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// This machine, which nobody else reaches.
    Machine,
    /// This machine and the local network, where the number is announced.
    Announced,
    /// This machine; others reach it at its address. Why the number is not announced, for people,
    /// if that was not asked for.
    Silent(Option<String>),
    /// Everybody who uses the same relay: what to call it in a sentence.
    Relay(String),
}

/// A line for the other machine.
#[derive(Clone)]
pub struct Join {
    /// For whom it is: "on this machine", "on this network", "on the tailnet", "by name".
    pub place: Cow<'static, str>,
    /// The whole command.
    pub command: String,
}

spelt! {
    /// Which way the bytes go.
    pub enum Path {
        /// Inside one machine.
        Loopback = "loopback",
        /// On one local network.
        Lan = "lan",
        /// Straight to the other machine.
        Direct = "direct",
        /// Through a relay.
        Relay = "relay",
    }
}

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Sent from here.
    Out,
    /// Received here.
    In,
}

/// An offer of the peer's.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The peer's number for the transfer.
    pub id: ItemId,
    /// The top-level names as they will be stored, at most [`NAMES`].
    pub names: Vec<String>,
    /// The number of further names.
    pub names_more: u32,
    /// Bytes, at least; final if `counted`.
    pub size: Option<u64>,
    /// Entries, at least; final if `counted`.
    pub count: Option<u32>,
    /// True if size and count are final.
    pub counted: bool,
    /// Those of all names by which programs would act.
    pub acts: Acting,
    /// True if the person here is asked next: the question lists the offer, so the event prints
    /// nothing for people.
    pub asked: bool,
}

/// A received file or folder.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The peer's number for the transfer.
    pub id: ItemId,
    /// Its final name here.
    pub name: PeerName,
    /// Its name at the peer, if that differs.
    pub original_name: Option<PeerName>,
    /// Its place now; `None` if it went to standard output.
    pub saved_to: Option<PathBuf>,
    /// Bytes of content.
    pub size: u64,
    /// Files in it, 1 for a file.
    pub files: u32,
    /// File or folder.
    pub folder: bool,
    /// True for a folder that was joined with one that was here.
    pub merged: bool,
    /// Files that were here and that it replaced.
    pub replaced: u32,
    /// Its differences from the peer's original. With something missing it is not delivered whole.
    pub differences: Differences,
    /// Names in it on which programs act, as they are here, each path from its own name on.
    pub acts: Acting,
    /// Why it is in a private directory and not where things go, if it is.
    pub set_aside: Option<SetAside>,
}

/// Why something is in a private directory; its words are those of EVENTS.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum SetAside {
    /// Behind a fence, programs act on a folder, or on something in it.
    Acts,
    /// Programs act on whatever lies where it would go.
    Place,
    /// Behind a fence, a folder could not be moved from where it would go, whatever is in it.
    Device,
}

/// The place where a received secret went.
#[derive(Clone, Debug)]
pub enum Stored {
    /// To a file that only this user can read.
    File(PathBuf),
    /// Into this dotenv file, as this variable.
    EnvFile(PathBuf, String),
    /// To a program, in this variable or on its standard input.
    Program(Option<String>),
    /// Nowhere yet: the session holds it until another command takes it, which is this.
    Held(String),
    /// To the terminal, because the person there asked to see it. Only the human renderer ever sees
    /// this.
    Shown,
    /// Nowhere: it was declined.
    Declined,
}

/// Something sent from here.
#[derive(Clone, Debug)]
pub struct SentItem {
    /// Our number for it.
    pub id: ItemId,
    /// Its description for people: a quoted name, "text", "secret", "3 items".
    pub what: String,
    /// Bytes, where that means something.
    pub size: Option<u64>,
    /// Files in it, for people.
    pub files: Option<u32>,
    /// Differences of the peer's copy from it. With something missing it is not delivered whole.
    pub differences: Differences,
}

/// Names that an offer's line has.
pub const NAMES: usize = 1_000;

/// Something that is sent from here, for a transcript.
pub struct Sent<'a> {
    /// Our number for it.
    pub id: ItemId,
    /// Its description for people.
    pub what: String,
    /// Bytes, where that is known.
    pub size: Option<u64>,
    /// Its content, if it is a text.
    pub body: Option<&'a str>,
}

/// Remains of an unfinished transfer on this machine.
#[derive(Clone, Debug)]
pub struct Partial {
    /// The name of its first item at the other side.
    pub name: PeerName,
    /// Its items.
    pub items: usize,
    /// Bytes of it that are here.
    pub bytes: u64,
    /// Bytes of all of it, if the other side had counted them.
    pub size: Option<u64>,
    /// Time at which the last of them came.
    pub grown: SystemTime,
    /// True if a transfer is using it.
    pub in_use: bool,
    /// True if it has been removed.
    pub removed: bool,
    /// The first of its items, under its hidden name.
    pub path: PathBuf,
}

/// A finding of `doctor` about one thing.
#[derive(Clone, Debug)]
pub struct Check {
    /// A fixed word for it.
    pub name: &'static str,
    /// True if it works here.
    pub ok: bool,
    /// The finding, in one sentence without a full stop.
    pub detail: String,
    /// The step that would help.
    pub next: Option<Advice>,
}

/// Reads a word that a later version may have more of: an unknown one is left out, and the rest is
/// read all the same.
fn known<'a, D: Deserializer<'a>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(serde_json::Value::deserialize(from)?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Role;

    #[test]
    fn a_word_is_written_as_it_is_named_and_an_unknown_path_is_left_out() {
        let same = |value: serde_json::Value, word: &str| assert_eq!(value, word);
        Path::ALL.iter().for_each(|path| same(serde_json::json!(path), path.word()));
        State::ALL.iter().for_each(|state| same(serde_json::json!(state), state.word()));
        Role::ALL.iter().for_each(|role| same(serde_json::json!(role), role.word()));
        let mut about = serde_json::json!(samples::about());
        let path = |about: &serde_json::Value| About::deserialize(about).unwrap().path;
        assert_eq!((&about["want"], path(&about)), (&"channel".into(), Some(Path::Direct)));
        about["path"] = "satellite".into();
        assert_eq!(path(&about), None);
    }

    #[test]
    fn a_channel_has_no_words_in_debug() {
        let channel = samples::channel();
        assert!(channel.code.contains("walrus"));
        let debug = format!("{:?}", Event::Channel(channel));
        assert!(debug.contains("417") && !debug.contains("walrus"), "{debug}");
    }
}
