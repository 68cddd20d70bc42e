//! Everything that can happen to a session once there is a conversation, as values that can be
//! read: one list for links, finished work, people, other commands and time.

use super::question::{Answer, Question};
use crate::control::{Follower, Taken};
use crate::events::Stored;
use crate::failure::Failure;
use crate::files::inbox::{Committed, Receiving, Refusal};
use crate::files::outbox::{
    Counted, Next, Options, Outgoing as Source, Selection, SourceFailure, Totals,
};
use crate::files::ware::Ware;
use crate::log::Said;
use crate::transport::again::Made;
use crate::transport::bulk::News;
use pinhole_protocol::links::LinkId;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{Differences, Hash, ItemId, Offer, PeerText, Places, Reason};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Something that happened, for the part that it concerns.
pub(super) enum Happened {
    // Links and time.
    /// A link's threads have news.
    News(LinkId, News),
    /// A later link's handshake is confirmed.
    Made(Made),
    /// This side can be met here now.
    Places(Places),
    /// The moment has come at which the conversation wanted to be woken.
    Tick,

    // People.
    /// Ctrl-C, or a signal or another command that means the same.
    Interrupted,
    /// Lines can be typed into the channel, or cannot.
    Typing(Result<(), Failure>),
    /// Lines were typed.
    Typed,
    /// No line has followed the last one at once.
    TypedAlone,
    /// A secret with its label was typed, or could not be read.
    TypedSecret(Option<String>, Result<SecretVec, Failure>),
    /// The keyboard has something to tell the person.
    Reply(&'static str),
    /// The question on the screen has its answer.
    Answered(Result<Answer, Failure>),

    // Other commands.
    /// Another command asks how long the channel lasts if nothing happens.
    Rests(oneshot::Sender<Duration>),
    /// The lines of these numbers have reached other commands.
    Returned(Vec<u64>),
    /// Another command has taken a secret that was held.
    Taken(Taken),

    // Finished work on what is sent.
    /// Files were looked at on the disk.
    Looked(Result<Selection, Failure>),
    /// The offer of a transfer is made.
    OfferMade(ItemId, Result<Offer, Failure>),
    /// The folders of an offer are counted so far.
    Counted(ItemId, Arc<Counted>, Totals),
    /// The sources of a transfer are open.
    Opened(ItemId, Result<Source, Failure>),
    /// The source of a stream is read up to a position, in bytes.
    Available(ItemId, u64),
    /// The next part of a transfer is there.
    Part(ItemId, Result<Next, SourceFailure>),
    /// The next segments of a transfer are hashed.
    Proof(ItemId, Vec<Hash>),
    /// All segments of a transfer that were asked for are hashed, or cannot be read.
    Proved(ItemId, Result<(), SourceFailure>),
    /// A link could not read a source of a transfer.
    Unread(ItemId, SourceFailure),
    /// The sources of a transfer were looked at once more.
    Checked(ItemId, Result<Differences, SourceFailure>),

    // Finished work on what arrives.
    /// The place of a transfer is made.
    Begun(ItemId, Result<Arc<Receiving>, Refusal>),
    /// The entries of a part are prepared.
    Registered(ItemId, Result<Vec<Range<u64>>, Refusal>),
    /// Segments of a transfer were compared with what the peer has proved: those that are equal.
    Compared(ItemId, Result<Vec<Range<u64>>, Refusal>),
    /// The output has taken positions of a transfer.
    Wrote(ItemId, Result<Range<u64>, Refusal>),
    /// A link could not write a chunk of a transfer.
    Refused(ItemId, Refusal),
    /// A transfer has its names.
    Committed(ItemId, Result<Committed, Refusal>),
    /// The rest of a transfer is removed.
    Removed,
    /// Parts of transfers could not be removed.
    LeftBehind(Vec<PathBuf>),
    /// A text is where texts go instead of among the lines.
    Printed(Text, io::Result<()>),
    /// A text is said, in this line if it has one.
    Said(Text, io::Result<Option<Said>>),
    /// The program that gets a secret has ended.
    Ran(Label, SecretVec, Result<Stored, Refusal>),

    // The handler.
    /// Its pace allows the next run.
    Paced,
    /// It has ended, with its answer.
    Handled(Result<Option<String>, Failure>),

    // Things that one part wants of another.
    /// Something is to be sent, perhaps for another command.
    Send(Ware, Option<Follower>),
    /// Files are to be looked at and sent.
    SendPaths(Vec<PathBuf>, Options),
    /// The person is to compare these verification words.
    Verify(String),
    /// The person is to be asked, about an item of the peer's.
    Ask(ItemId, Question),
    /// The question that waits longest can be shown.
    NextQuestion,
    /// An item of the peer's has the person's answer.
    Decided(ItemId, Result<Answer, Failure>),
    /// A text was said by one of the two sides.
    Turn,
    /// A text of the peer's is for the handler, with its line.
    ForHandler(Text, Option<Said>),
    /// A text of the peer's was said in this line, and no handler takes it.
    Unhandled(ItemId, Option<Said>),
    /// A text of the peer's is where it belongs.
    Kept(ItemId),
    /// There may be room for what was put off.
    Room,
    /// Something of ours has arrived at the peer.
    Delivered,
    /// Something went wrong: said where the channel stays open, else why the session fails.
    Trouble(Failure),
    /// The reason why the session fails, unless it has one.
    Fail(Failure),
    /// This side finishes what is under way and leaves; no handler answers any more.
    Leave,
    /// The same, and the handler's answers still count.
    Goodbye,
    /// This side ends the conversation at once.
    Abort(Reason),
}

/// A text of the peer's on its way to where it belongs.
pub(super) struct Text {
    /// The peer's number for it.
    pub(super) id: ItemId,
    /// The text.
    pub(super) body: PeerText,
    /// The file that it is in, if it is in one.
    pub(super) saved: Option<PathBuf>,
    /// True unless the session asked a question that this text does not answer.
    pub(super) answers: bool,
}

/// A secret of the peer's without its value.
#[derive(Clone)]
pub(super) struct Label {
    /// The peer's number for it.
    pub(super) id: ItemId,
    /// The peer's name for it.
    pub(super) name: Option<PeerText>,
    /// Its length in bytes.
    pub(super) size: u64,
}

/// The way by which other threads tell the driver what happened.
#[derive(Clone)]
pub(super) struct Desk(mpsc::Sender<Brought>);

/// Something that happened, and whether it ends a piece of work that is counted.
pub(super) struct Brought {
    pub(super) happened: Happened,
    pub(super) ends_work: bool,
}

impl Desk {
    /// A desk with room for so many happenings, and its other end.
    pub(super) fn new(room: usize) -> (Self, mpsc::Receiver<Brought>) {
        let (desk, brought) = mpsc::channel(room);
        (Self(desk), brought)
    }

    /// Tells the driver from a thread, which waits while the desk is full; nothing happens if the
    /// driver has ended.
    pub(super) fn put(&self, happened: Happened) {
        let _ = self.0.blocking_send(Brought { happened, ends_work: false });
    }

    /// The same for the end of a piece of work that is counted.
    pub(super) fn finish(&self, happened: Happened) {
        let _ = self.0.blocking_send(Brought { happened, ends_work: true });
    }

    /// Tells the driver from a task.
    pub(super) async fn bring(&self, happened: Happened) {
        let _ = self.0.send(Brought { happened, ends_work: false }).await;
    }
}
