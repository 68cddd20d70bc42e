//! The words in which a conversation and the program around it speak: inputs, actions, events.

use crate::links::LinkId;
use crate::messages::Body;
use crate::secret::SecretVec;
use crate::time::Instant;
use crate::transfers::Whole;
use crate::violation::Violation;
use crate::wire::{Differences, Entry, Hash, ItemId, Offer, Part, PeerText, Places, Reason, Want};
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;
use zeroize::Zeroizing;

/// The settings of a conversation, fixed from its start.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The purpose of this side.
    pub want: Want,
    /// Longest rest of the channel, one minute to a day; the shorter of both sides' counts.
    pub ttl: Duration,
    /// `--verify`: hold back what goes out and what comes in until [`Input::Verified`].
    pub verify: bool,
    /// Both sides have said that they are faithful (SPEC 3.2): entries go as they are.
    pub faithful: bool,
    /// Both sides have said that they are resuming (SPEC 3.2): a lost link is made again, and its
    /// loss is not the end.
    pub resuming: bool,
    /// Both sides have said that they are proving (SPEC 3.2): a transfer may go on another day.
    pub proving: bool,
    /// Both sides have said that they are striping (SPEC 3.2): bulk goes over several links.
    pub striping: bool,
}

/// Everything that a conversation can be told.
pub enum Input<'a> {
    /// A link's handshake is confirmed.
    LinkUp {
        /// Its index, which no other has had.
        link: LinkId,
        /// The joiner has said that it still has a working one.
        linked: bool,
        /// Links that its way bears at a time: itself alone where no stripe can help.
        most: usize,
    },
    /// A link ended: nothing more will be read from it, and all that was has been told.
    LinkDown(LinkId, LinkEnd),
    /// A read on a link has waited this long for its next byte. Time spent writing to a disk is not
    /// waiting (SPEC 6.4).
    Quiet(LinkId, Duration),
    /// The places at which this side can be met for another link are these now; those beyond the
    /// limits are left out.
    Places(Places),
    /// A control record was opened on a link.
    Control(LinkId, &'a [u8]),
    /// Send a text or a secret, under a number from [`super::Conversation::next_item`].
    Body(ItemId, Body),
    /// Offer files or folders, under a number from [`super::Conversation::next_item`].
    Offer(Offer),
    /// Counted so far of an offer of ours.
    Counted {
        /// Our transfer.
        transfer: ItemId,
        /// Bytes so far.
        bytes: u64,
        /// Entries so far.
        entries: u32,
        /// True if that is all.
        counted: bool,
    },
    /// The next part of our transfer, in answer to [`Event::PartWanted`].
    Part(ItemId, Vec<Entry>),
    /// Our transfer has no more parts: its bytes in all, in answer to [`Event::PartWanted`], which
    /// for a stream comes once it has ended.
    Total(ItemId, u64),
    /// The source of our stream has been read up to a position.
    Available(ItemId, u64),
    /// A link has sealed a control record, so that it can take another.
    Taken(LinkId),
    /// A granted range of our transfer was sent.
    Sent(LinkId, ItemId),
    /// A link has dropped a granted range, because its source is gone.
    Unserved(LinkId),
    /// No bytes come of positions of our transfer, which may go on behind what was granted: zeros,
    /// or the reason. To a peer that is not faithful it cannot be said.
    Gap(ItemId, Range<u64>, Option<Reason>),
    /// The sources of our transfer were looked at once more, in answer to [`Event::AllRead`]; what
    /// of them was not sent.
    Checked(ItemId, Differences),
    /// Our item is withdrawn.
    Cancel(ItemId, Reason),
    /// The peer's offer is wanted, and its sink may be written so far ahead of the first unwritten
    /// position: [`crate::limits::CREDIT`] where what comes early waits in memory, else
    /// [`crate::limits::FILE_CREDIT`]. The conversation allows a stream less.
    Accept(ItemId, u64),
    /// The peer's item is declined or has failed here.
    Refuse(ItemId, Reason),
    /// The peer's text or secret is where it belongs (SPEC 5.4).
    Kept(ItemId),
    /// The peer's text or secret is held until somebody collects it: it is delivered, and takes its
    /// part of the window until [`Input::Collected`] (SPEC 5.3).
    Held(ItemId),
    /// An item that was held is collected.
    Collected(ItemId),
    /// These positions of a part are here from another day, if the peer proves them: ascending,
    /// in answer to [`Event::Register`]. It is registered after the last [`Event::Proof`].
    Have(ItemId, Vec<Range<u64>>),
    /// These positions of the peer's transfer are proved to be here already.
    Proved(ItemId, Vec<Range<u64>>),
    /// Hashes of the next segments of our transfer, in answer to [`Event::Prove`], in one piece or
    /// several; zeros for what cannot be read.
    Proof(ItemId, Vec<Hash>),
    /// The entries of a part are ready to be written, in answer to [`Event::Register`].
    Registered(ItemId),
    /// Bytes of the peer's transfer are written.
    Wrote(ItemId, Range<u64>),
    /// It is noted of which positions of the peer's transfer no bytes come, in answer to
    /// [`Event::Gap`].
    Passed(ItemId, Range<u64>),
    /// The peer's transfer is synced and has its name, in answer to [`Event::Whole`]; what of it is
    /// not as it was there.
    Committed(ItemId, Differences),
    /// So many stripes are wished for the bulk of this side, whatever its rate is and its way bears,
    /// and no more whatever the peer wishes. Without a number, as at the start, as many as help.
    Stripes(Option<usize>),
    /// The person here has compared the verification words.
    Verified,
    /// Nothing more will be sent: finish and say goodbye.
    Leave,
    /// End now, for this reason: what is under way fails.
    Abort(Reason),
    /// Time has passed.
    Tick,
}

/// The end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEnd {
    /// Closed or cut.
    Closed,
    /// A record failed its authentication, or its length is none.
    Tampered,
    /// A record that the peer sealed has no lawful content (SPEC 4.5).
    Malformed,
}

/// The answer to an input: things to do, in this order.
#[derive(Default)]
#[must_use]
pub struct Actions {
    /// Control records to seal and send, in order; each is the body of one record, and answered
    /// with [`Input::Taken`].
    pub control: Vec<(LinkId, Zeroizing<Vec<u8>>)>,
    /// Links to close at once, each answered with [`Input::LinkDown`].
    pub cut: Vec<LinkId>,
    /// Ranges of our transfers to read and send over a link, each answered with [`Input::Sent`] or
    /// [`Input::Unserved`].
    pub grants: Vec<Grant>,
    /// News for the program.
    pub events: Vec<Event>,
    /// When to come back with [`Input::Tick`] if nothing else happens before.
    pub wake_at: Option<Instant>,
}

/// Permission, and order, to send positions of a transfer over a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The link.
    pub link: LinkId,
    /// Our transfer.
    pub transfer: ItemId,
    /// The positions.
    pub range: Range<u64>,
}

/// Something that the program has to act on or tell.
#[derive(Debug)]
pub enum Event {
    /// The peer has proved that it holds the keys, and has said what it came for.
    Connected(Want),
    /// The peer's text. Answer with [`Input::Kept`] or [`Input::Refuse`].
    Text(ItemId, PeerText),
    /// The peer's secret: label and bytes. Answer with [`Input::Kept`] or [`Input::Refuse`].
    Secret(ItemId, Option<PeerText>, PeerSecret),
    /// The peer's offer. Answer with [`Input::Accept`] or [`Input::Refuse`].
    Offered(Offer),
    /// The peer has counted further.
    Counted {
        /// The peer's transfer.
        transfer: ItemId,
        /// Bytes so far.
        bytes: u64,
        /// Entries so far.
        entries: u32,
        /// True if that is all.
        counted: bool,
    },
    /// Our offer is accepted.
    Accepted(ItemId),
    /// Produce the next part of our transfer: [`Input::Part`] or [`Input::Total`].
    PartWanted(ItemId),
    /// The receiver has these segments from another day, if our transfer has the same there:
    /// [`Input::Proof`].
    Prove(ItemId, Vec<Range<u64>>),
    /// All of our transfer was read and sent: look at its sources once more, then
    /// [`Input::Checked`] or [`Input::Cancel`].
    AllRead(ItemId),
    /// The receiver has written `done` bytes of our transfer, and all below `frontier`.
    Written {
        /// Our transfer.
        transfer: ItemId,
        /// Bytes written.
        done: u64,
        /// The first position not written.
        frontier: u64,
    },
    /// Check and prepare a part's entries, then [`Input::Registered`] or [`Input::Refuse`].
    Register(Part),
    /// Hashes of segments of the peer's transfer, in answer to [`Input::Have`]: compare them, then
    /// [`Input::Proved`] with those that are the same here.
    Proof {
        /// The peer's transfer.
        transfer: ItemId,
        /// Segments and what the peer's bytes there hash to.
        proofs: Vec<(Range<u64>, Hash)>,
        /// True if these are the last of the part, which can be registered then.
        last: bool,
    },
    /// No bytes come of these positions of the peer's transfer: they are zeros, or not to be had.
    /// Answer with [`Input::Passed`] or [`Input::Refuse`].
    Gap {
        /// The peer's transfer.
        transfer: ItemId,
        /// The positions, of registered parts.
        range: Range<u64>,
        /// Nothing for zeros.
        why: Option<Reason>,
    },
    /// So much of the peer's transfer is written here.
    Progress(ItemId, u64),
    /// The peer's transfer is refused for its content, and the peer has been told the reason.
    Unfit(ItemId, Reason, Violation),
    /// Everything of the peer's transfer is written: commit it, then [`Input::Committed`] or
    /// [`Input::Refuse`].
    Whole(ItemId, Whole),
    /// The peer has heard that its item is where it belongs.
    Heard(ItemId),
    /// Our item is where it belongs, but for what differs there.
    Delivered(ItemId, Differences),
    /// Our item was declined or has failed: the peer's reason, or ours.
    Failed(ItemId, Reason),
    /// The peer withdrew its item.
    Cancelled(ItemId, Reason),
    /// The person at the peer has compared the verification words.
    PeerVerified,
    /// The peer says that it can be met here for another link, and no longer elsewhere.
    Places(Places),
    /// A link is lost, sought or there again.
    Link(LinkNews),
    /// The channel ends in this time unless something new arrives at either side.
    Expiring(Duration),
    /// The peer said goodbye.
    PeerLeft(Reason),
    /// The conversation is over; nothing comes after this.
    Over(Outcome),
}

/// News of links that the user is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkNews {
    /// No byte for 5 s although there is work.
    Stalled,
    /// Bytes again.
    Flowing,
    /// For a second there has been no link, and another is sought.
    Reconnecting,
    /// This one is in use instead, after [`LinkNews::Reconnecting`] or [`LinkNews::Stalled`].
    Reconnected(LinkId),
    /// This one is in use instead, before anybody was told that one was missed.
    Replaced(LinkId),
    /// A link has ended because a record did not open: somebody on its way may have changed it.
    Tampered(LinkId),
}

/// The bytes of a peer's secret. No `Debug` of them exists.
pub struct PeerSecret(pub SecretVec);

impl core::fmt::Debug for PeerSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PeerSecret")
    }
}

/// The end of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Both sides are done: everything sent has its result.
    Done,
    /// The peer left before it, or we, were done.
    PeerLeft(Reason),
    /// This side ended it with [`Input::Abort`].
    Aborted(Reason),
    /// The last link is lost, and no other can be made.
    LinkLost,
    /// All that has come is here, and there was no link for the last words: the peer may not know,
    /// or may have had more.
    Unheard,
    /// A confirmed peer never sent a valid record.
    NeverHeard,
    /// Nothing was said for the channel's time.
    Expired,
    /// Both came to give, or both to take.
    SameRole,
    /// Records were tampered with, or the host's part of the verification words was.
    Tampered,
    /// The peer broke the protocol.
    Violated(Violation),
}
