//! Every limit of a relay, with its default (SPEC 10.7). They delay or refuse, and never discard.

use core::time::Duration;
use pinhole_protocol::limits::NUMBER_KEPT;

/// The limits of one relay. The defaults are those of SPEC 10.7.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Time of a connection from its first byte to the end of its upgrade request, TLS included.
    pub upgrade: Duration,
    /// Rest of a released number, and time after its start in which a relay that was here before
    /// draws long ones.
    pub rest: Duration,
    /// Time for which a number is kept for a host whose connection dropped, and in which a relay
    /// that has just started gives back those of its earlier life.
    pub absence: Duration,
    /// Time of a host to send a message 1 that it was asked for.
    pub first_message: Duration,
    /// Time for which a joiner may hold a number.
    pub hold: Duration,
    /// The same while others wait and it has not answered.
    pub hold_contested: Duration,
    /// Places of the queue of one number.
    pub queue: usize,
    /// Time for which a joiner waits in it.
    pub queue_time: Duration,
    /// Life of a waiting connection, or of a pair, without a frame.
    pub inactivity: Duration,
    /// Longest wait of a host or a link, whatever it sends, and greatest age of a token for which a
    /// number is given back.
    pub longest: Duration,
    /// True if `longest` holds for pairs too.
    pub public: bool,
    /// Pings, pongs and text frames of one connection a minute; beyond that it is not read until it
    /// may say more.
    pub control: u64,
    /// Numbers that are waiting or resting at one time: what bounds the memory of an hour's rest.
    pub numbers: usize,
    /// Those that one source, site or provider may have taken.
    pub shares: Shares,
    /// Limits on each source.
    pub quotas: QuotaLimits,
}

/// Limits on one source, an IPv4 address or the first 64 bits of an IPv6 address.
#[derive(Clone, Debug)]
pub struct QuotaLimits {
    /// Connections at a time, whatever they are for.
    pub connections: u32,
    /// Hosts that wait at a time, those that are away included.
    pub waiting_hosts: u32,
    /// New hosts a minute. Each number rests an hour, so without this one source could use them all
    /// up.
    pub hosts_a_minute: u32,
    /// Joins a minute.
    pub joins_a_minute: u32,
    /// Joins a minute that ended without `confirmed`, before joins are refused.
    pub misses_a_minute: u32,
    /// Time for which they are refused then.
    pub refusal: Duration,
    /// Sources remembered without a connection of theirs; beyond it the others are forgotten.
    pub sources: usize,
}

/// Limits on numbers that wait or rest, by who took them (SPEC 10.6). Below 1 is 1.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// An IPv4 address, or the first 64 bits of an IPv6 address.
    pub source: u32,
    /// The first 24 bits of an IPv4 address, or the first 48 of an IPv6 address.
    pub site: u32,
    /// The first 32 bits of an IPv6 address.
    pub provider: u32,
}

/// Cost of each frame beside its bytes: an empty one is work too.
pub const FRAME_COST: u64 = 64;

/// The rate of one source. More is delayed.
#[derive(Clone, Copy, Debug)]
pub struct RateLimits {
    /// Bytes of frames a minute, [`FRAME_COST`] for each frame included.
    pub bytes: u64,
    /// Sources remembered; beyond it those that have their whole minute's worth left, then all
    /// others, are forgotten.
    pub sources: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upgrade: Duration::from_secs(5),
            rest: Duration::from_secs(3600),
            absence: NUMBER_KEPT,
            first_message: Duration::from_secs(5),
            hold: Duration::from_secs(10),
            hold_contested: Duration::from_secs(3),
            queue: 8,
            queue_time: Duration::from_secs(30),
            inactivity: Duration::from_secs(3600),
            longest: Duration::from_secs(24 * 3600),
            public: false,
            // A waiting side pings every 25 s, and says one or two things an attempt.
            control: 12,
            numbers: 1_000_000,
            shares: Shares { source: 200, site: 2_000, provider: 20_000 },
            quotas: QuotaLimits::default(),
        }
    }
}

impl Default for QuotaLimits {
    fn default() -> Self {
        Self {
            connections: 64,
            waiting_hosts: 20,
            hosts_a_minute: 60,
            joins_a_minute: 30,
            misses_a_minute: 10,
            refusal: Duration::from_secs(600),
            sources: 100_000,
        }
    }
}

impl RateLimits {
    /// The rate at a relay that is its operator's own: 2 GB a second, which holds up no honest
    /// source.
    pub const OWN: Self = Self { bytes: 120_000_000_000, sources: 100_000 };
    /// The rate at a relay that anybody may use.
    pub const PUBLIC: Self = Self { bytes: 50_000_000, ..Self::OWN };
}
