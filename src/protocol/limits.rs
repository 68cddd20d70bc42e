//! Every number of the protocol, each with its reason or its place in SPEC.md.

use core::time::Duration;

/// Protocol versions that this code speaks, ascending (SPEC 3.2).
pub const VERSIONS: &[u16] = &[1];

/// Abilities of this code beyond version 1, a bit each (SPEC 3.2).
pub const CAPABILITIES: u64 = FAITHFUL | RESUMING | PROVING | STRIPING;
/// Entries with their own bytes, permissions and links, gaps, and differences (SPEC 7.3, 7.5 and
/// 7.8).
pub const FAITHFUL: u64 = 1;
/// Links that are made again when one is lost (SPEC 6).
pub const RESUMING: u64 = 2;
/// Proofs of what the other side has from another day (SPEC 7.10).
pub const PROVING: u64 = 4;
/// Bulk over several links at a time (SPEC 6.3).
pub const STRIPING: u64 = 8;

/// Bytes before the body of a handshake message: `u8` kind, `u16` length (SPEC 3.1).
pub const HANDSHAKE_HEADER: usize = 3;
/// Largest body of a handshake message (SPEC 3.1). A hello, a share and a tag need less than 200
/// bytes.
pub const HANDSHAKE_BODY: usize = 1024;
/// Time for one handshake before it is closed (SPEC 3.7).
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Handshakes that a host holds at once, so that a stranger's silence costs bounded memory
/// (SPEC 3.7).
pub const PENDING_HANDSHAKES: usize = 16;
/// Of those, how many may come from one [`crate::source::Source`].
pub const PENDING_PER_SOURCE: usize = 4;
/// A pending handshake younger than this is not closed in favour of a newcomer.
pub const PENDING_SPARED: Duration = Duration::from_secs(1);
/// A loopback port that has not given message 1 by then is not a host of ours (SPEC 3.7).
pub const LOOPBACK_PATIENCE: Duration = Duration::from_secs(1);
/// Time for which a joiner that was cut before its tag tries again.
pub const JOINER_RETRIES: Duration = Duration::from_secs(15);
/// A confirmed host that sees no valid record for this long gives the channel up.
pub const FIRST_RECORD_TIME: Duration = Duration::from_secs(40);

/// File bytes in one record: small enough to be sealed while another is written, large enough that
/// per-record work does not count.
pub const CHUNK_DATA: usize = 65_536;
/// Largest record plaintext: a chunk and its header, with room to grow (SPEC 4.1).
pub const RECORD_PLAINTEXT: usize = CHUNK_DATA + 64;
/// Bytes of an AES-256-GCM tag.
pub const TAG: usize = 16;
/// Largest record ciphertext, which is also the largest length field accepted.
pub const RECORD_CIPHERTEXT: usize = RECORD_PLAINTEXT + TAG;
/// Plaintexts up to this length are padded to a multiple of [`PADDING_STEP`]: 4,096 bytes of text
/// and its framing.
pub const PADDED: usize = 4_352;
/// The steps of the padding.
pub const PADDING_STEP: usize = 256;
/// Records of one epoch; then the key moves on (SPEC 4.4).
pub const EPOCH_RECORDS: u64 = 1 << 20;

/// Largest encoded message (SPEC 5.1): the longest text or secret.
pub const MESSAGE: usize = 1 << 20;
/// Bytes of a message carried by one control record, below [`RECORD_PLAINTEXT`] with its framing.
pub const FRAGMENT: usize = 60_000;
/// Bodies of texts and secrets that may be on their way or uncollected (SPEC 5.3).
pub const WINDOW: u64 = 16 << 20;
/// Share of the window that each text or secret takes beside its body, so that a flood of empty
/// ones is bounded too: one step of padding.
pub const WINDOW_SHARE: u64 = 256;
/// Messages that may go unacknowledged: twice what the smallest texts of a whole window are. A peer
/// that takes them and never says so is broken.
pub const UNACKNOWLEDGED: usize = 1 << 17;

/// File bytes of one transfer that may be on their way or unwritten (SPEC 7.4): those of a stream and
/// for an output, which wait in memory, and of files at first.
pub const CREDIT: u64 = 16 << 20;
/// The same for files between two striping sides, once less was used up: as much as is on its way at
/// ten gigabits a second and 200 ms. None of it waits in memory.
pub const FILE_CREDIT: u64 = 16 * CREDIT;
/// The shortest time after which credit is said again for whatever is written; else it is a round
/// trip (SPEC 7.4).
pub const ROUND: Duration = Duration::from_millis(50);
/// A round trip from which on several links may bring more than one (SPEC 6.3).
pub const FAR: Duration = Duration::from_millis(10);
/// Transfers in each direction at one time.
pub const TRANSFERS: usize = 4;
/// Entries of one part (SPEC 7.3).
pub const PART_ENTRIES: usize = 1_000;
/// Encoded bytes of one part.
pub const PART_BYTES: usize = 256 << 10;
/// Parts that run ahead of the last registered one.
pub const PARTS_AHEAD: u32 = 4;
/// Parts said and not written to their end; the next is asked of the source only below this, so
/// that a receiver that registers and never writes costs its sender little.
pub const PARTS_UNWRITTEN: usize = 8;
/// Entries of one transfer.
pub const ENTRIES: u32 = 1_000_000;
/// Levels of a path, its item's own counted: what a receiver can still remove again, one level
/// after another.
pub const LEVELS: u32 = 4_096;
/// Bytes of the names of a transfer's folders, which a receiver keeps to its end.
pub const FOLDER_NAMES: usize = 64 << 20;
/// Levels of a path as it is said to and by a peer that is not faithful.
pub const PATH_LEVELS: usize = 64;
/// Bytes of such a path, its separators counted.
pub const PATH_BYTES: usize = 4_096;
/// Bytes of what a link says: Linux' `PATH_MAX`, without the NUL.
pub const TARGET_BYTES: usize = 4_095;
/// Entries that are named as different in one message, and the bytes of those names.
pub const DIFFERENCES: usize = 100;
/// See [`DIFFERENCES`].
pub const DIFFERENCES_BYTES: usize = 8 << 10;
/// Bytes of one name in a path: what the common file systems hold.
pub const NAME_BYTES: usize = 255;
/// Top-level items of one offer.
pub const ITEMS: usize = 16_384;
/// Those of an offer to or of a peer that is not faithful.
pub const PATH_ITEMS: usize = 1_000;
/// Files that a receiver holds open at once.
pub const OPEN_FILES: usize = 64;
/// Disjoint written ranges named in one state message; more than eight links can leave.
pub const RANGES: usize = 64;
/// Disjoint written ranges of one transfer, one for each 4 KiB of credit. Holes of the smallest
/// blocks, of 4 KiB with one of bytes between two, make 2,048 of a whole credit; more are single
/// bytes, scattered to fill memory.
pub const PIECES: usize = 64 * RANGES;
/// The same where credit may grow to [`FILE_CREDIT`]. A set of so many takes at most 3 MiB, and each
/// side has two of each transfer: 24 MiB, if a peer does its worst in all of them.
pub const FILE_PIECES: usize = 16 * PIECES;

/// Disjoint written ranges of a transfer whose credit is at most this.
#[must_use]
pub const fn pieces(credit: u64) -> usize {
    if credit > CREDIT { FILE_PIECES } else { PIECES }
}

/// Positions that one hash proves, from a multiple of it to the next (SPEC 7.10): a tenth of a
/// second of a fast disk, and little to send again.
pub const SEGMENT: u64 = 16 << 20;
/// Bytes of the hash of a segment.
pub const HASH: usize = 32;
/// Ranges of one question (SPEC 7.10).
pub const ASKED_RANGES: usize = 1_000;
/// Segments of one question, and so hashes of one answer: 64 GiB.
pub const ASKED_SEGMENTS: usize = 4_096;

/// Links of one conversation at a time (SPEC 6).
pub const LINKS: usize = 8;
/// Time after the end of a stripe before its side makes another (SPEC 6.3).
pub const STRIPE_REST: Duration = Duration::from_secs(1);
/// Time in which a later link has to come into use once its handshake is confirmed (SPEC 6.2).
pub const LINK_USE_TIME: Duration = Duration::from_secs(5);
/// Time for message 0 and message 1 of a later link (SPEC 3.7).
pub const LINK_MESSAGE_TIME: Duration = Duration::from_secs(3);
/// Tags of later links that a host looks at in a second (SPEC 3.7).
pub const LINKS_JUDGED: u32 = 20;
/// Time without a link before the user is told (SPEC 6.5).
pub const LINK_MISSED: Duration = Duration::from_secs(1);
/// Patience without a link of a side that has only a last word left to say or to hear (SPEC 6.5).
pub const LINK_PATIENCE: Duration = Duration::from_secs(30);
/// The same of one that came to take and has nothing in progress: the other side may have more for
/// it, or still wait for a result, and an outage of a minute is to harm neither.
pub const TAKER_PATIENCE: Duration = Duration::from_secs(120);
/// Links in a row that end by a record that does not open, with no progress between them, before
/// the conversation does (SPEC 6.5).
pub const TAMPERED_LINKS: u8 = 8;
/// Addresses that a side says it can be dialled at, at a time and in a conversation (SPEC 6.6): what
/// a machine with many interfaces has, and few enough that nobody is made to knock at many doors.
pub const PLACES: usize = 8;
/// See [`PLACES`].
pub const PLACES_IN_ALL: usize = 32;
/// The lowest port among them, so that no system's own services are knocked at.
pub const PLACE_PORT: u16 = 1024;
/// Bytes of the address of a relay that is said.
pub const PLACE_RELAY: usize = 1_024;
/// Control records that wait in a link: two of the longest messages, which keeps its threads busy.
/// The rest waits as state, of which the latest counts, and as messages.
pub const LINK_RECORDS: usize = 36;
/// Granted ranges of one transfer that wait in a link: the next comes before it has served these.
pub const TRANSFER_GRANTS: usize = 4;
/// Granted ranges that wait in a link, of all transfers.
pub const LINK_GRANTS: usize = TRANSFER_GRANTS * TRANSFERS;
/// Heartbeat while there is work.
pub const BEAT_FAST: Duration = Duration::from_secs(2);
/// Heartbeat otherwise.
pub const BEAT_SLOW: Duration = Duration::from_secs(25);
/// Silence, while there is work, that is said aloud.
pub const STALLED: Duration = Duration::from_secs(5);
/// Silence after a fast beat that ends a link.
pub const SILENCE_FAST: Duration = Duration::from_secs(15);
/// Silence after a slow beat that ends a link.
pub const SILENCE_SLOW: Duration = Duration::from_secs(30);
/// Time for an answer to our `leave` once all else is acknowledged (SPEC 5.5).
pub const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// Life of a channel after its last word, unless `--ttl` says otherwise.
pub const TTL: Duration = Duration::from_secs(3600);
/// The shortest `--ttl`.
pub const TTL_MIN: Duration = Duration::from_secs(60);
/// The longest `--ttl`.
pub const TTL_MAX: Duration = Duration::from_secs(24 * 3600);
/// Time before the end of a channel at which `expiring` is said.
pub const EXPIRING: Duration = Duration::from_secs(5 * 60);

/// Largest text frame between a side and a relay (SPEC 10.3).
pub const RELAY_TEXT: usize = 512;
/// Bytes of an attempt's number, before each message on a host's connection (SPEC 10.4).
pub const ATTEMPT: usize = 4;
/// Largest binary frame before two sides are paired, the attempt not counted: a handshake message.
pub const RELAY_MESSAGE: usize = HANDSHAKE_HEADER + HANDSHAKE_BODY;
/// Largest binary frame between paired sides (SPEC 10.7): a record, with room to grow.
pub const RELAY_FRAME: usize = 66_048;
/// Time for which a relay keeps a number whose host's connection dropped (SPEC 10.7).
pub const NUMBER_KEPT: Duration = Duration::from_secs(120);
/// Silence of a waiting side before it sends a ping, so that nothing in between forgets the
/// connection (SPEC 10.7).
pub const PING_AFTER: Duration = Duration::from_secs(25);
/// Time for the answer to a ping before the connection counts as dead (SPEC 10.7).
pub const PONG_TIME: Duration = Duration::from_secs(15);
