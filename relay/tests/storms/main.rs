//! Resuming conversations in a storm, up to three in one world with a relay: links are made, lost,
//! half dead, too many; sides sleep, the relay starts again, strangers take slots. A seed drives all
//! of it, and a model says what holds all the same.

mod acts;
mod directed;
mod found;
mod happenings;
mod model;
mod network;
mod program;
mod runs;
mod seeking;
mod striped;
mod world;

use acts::{Act, Loss};
use core::ops::Range;
use core::time::Duration;
use model::Model;
use pinhole_protocol::conversation::{
    Conversation, Event, Input, LinkEnd, LinkNews, Outcome, Role, Setup,
};
use pinhole_protocol::keys::Commitment;
use pinhole_protocol::limits::{CHUNK_DATA, FILE_CREDIT};
use pinhole_protocol::links::LinkId;
use pinhole_protocol::messages::Body;
use pinhole_protocol::rendezvous::SlotToken;
use pinhole_protocol::time::Instant;
use pinhole_protocol::wire::{
    Control, Differences, Entry, EntryKind, Item, ItemId, ItemKind, Offer, Part, PeerName,
    PeerText, Places, Reason, Want, read,
};
use pinhole_relay::pairing::Connection;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use seeking::{Ask, News, Seek};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use zeroize::Zeroizing;

/// A packet's way from side to side under a calm sky.
const LATENCY: u64 = 20;

/// A packet under way on a link.
enum Flight {
    Control(Zeroizing<Vec<u8>>),
    Chunk(ItemId, Range<u64>),
    /// Message 3, by which a joiner has the link.
    Confirmation,
    /// The sender has closed its end.
    Fin,
}

/// Something that happens at a moment, to the side that is named first.
enum Happening {
    Act(Act),
    /// A handshake is through, or is not.
    Made,
    /// The same of some links that are to be stripes.
    Beside,
    Confirmed(usize, LinkId, bool),
    /// The writer of a link takes what waits next.
    Writes(usize, LinkId),
    Arrives(usize, LinkId, Flight, Instant),
    Written(usize, LinkId, ItemId, Range<u64>),
    Down(usize, LinkId, LinkEnd),
    /// The program answers.
    Answers(usize, Input<'static>),
    /// Readers say for how long they have waited.
    Second(usize),
    /// The time of its stand at the relay is over, if that is still the same.
    Seeks(usize, Seek),
    /// The relay has news of this connection.
    Hears(usize, Connection, News),
    /// Nothing is lost any more.
    Calm,
    /// These sides leave, as soon as both are linked, or after so many seconds more.
    Leaves([bool; 2], u64),
}

/// One side's stand with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// Its handshake is through at this moment.
    Awaited(Instant),
    Up,
    /// Closed at this side; what is read until then is still told.
    Closing(Instant),
    Down,
}

/// One side's end of a link.
struct End {
    stand: Stand,
    control: VecDeque<Zeroizing<Vec<u8>>>,
    grants: VecDeque<(ItemId, Range<u64>, u64)>,
    writing: bool,
    /// Chunks read and not written yet.
    unwritten: usize,
    /// The moment since which a read waits.
    waits: Instant,
    /// Nothing sent before arrives later than what is sent now.
    last: Instant,
    /// Nothing that this end sends from here on arrives.
    mute: Option<Instant>,
    /// So many records still arrive as they were sent; the next is changed on its way.
    tampered: Option<u32>,
}

/// A link on the pretend network.
struct Wire {
    ends: [End; 2],
    latency: u64,
    pace: u64,
    /// The connections to the relay that carry it.
    lines: Option<[Connection; 2]>,
}

/// Something that a side sends in parts.
struct Source {
    parts: VecDeque<Vec<Entry>>,
    /// Bytes in all; `None` for a stream that has not ended.
    total: Option<u64>,
    /// Steps in which a stream grows once it is wanted, a few a second.
    steps: Vec<u64>,
    holes: Vec<(Range<u64>, Option<Reason>)>,
}

/// One side and its program.
struct Party {
    conversation: Conversation,
    wake_at: Option<Instant>,
    asleep: Instant,
    sources: BTreeMap<ItemId, Source>,
    /// Of each of the peer's transfers: positions of the parts that came.
    ends: BTreeMap<ItemId, u64>,
    over: Option<Outcome>,
    told: Vec<&'static str>,
    seek: Seek,
    pause: u64,
    /// Nothing that it says to the relay, or hears from it, overtakes what came before.
    said: Instant,
    heard: Instant,
}

/// A conversation's part of the world.
struct Storm {
    number: usize,
    now: Instant,
    rng: ChaCha8Rng,
    queue: BTreeMap<(Instant, u64), Happening>,
    sequence: u64,
    parties: [Party; 2],
    wires: BTreeMap<LinkId, Wire>,
    next: u32,
    /// A handshake is going on, of a link that is needed, of stripes.
    making: bool,
    making_stripes: bool,
    /// No link can be made before.
    outage: Instant,
    /// Nothing is lost any more.
    calm: bool,
    /// Links are made at once, both ends at one moment, and the program answers at once.
    tidy: bool,
    /// Records that each side has sent, and the one with which its link is lost.
    sent: [u32; 2],
    doomed: Option<(usize, u32)>,
    /// True if links are made without the relay.
    direct: bool,
    /// The slot in which they are made at the relay.
    slot: Option<SlotToken>,
    tries: u64,
    /// Things said to the relay, each with the moment at which it gets there.
    asks: Vec<(Instant, Connection, Ask)>,
    /// Connections that the relay has ended.
    ended: BTreeSet<Connection>,
    model: Model,
    /// Everything that was done and said, for a run that is shown.
    trace: Option<Vec<(u64, String)>>,
}

/// A channel's time: longer than any run rests, short enough to be waited for.
const TTL: Duration = Duration::from_secs(600);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

impl Storm {
    fn new(seed: u64, wants: [Want; 2], verify: [bool; 2], striping: bool) -> Self {
        let now = Instant::from_millis(1_000_000);
        let (host_end, joiner_end) = Commitment::simulated([7; 32], [0x5e; 32]);
        let party = |commitment, want, verify| Party {
            conversation: Conversation::new(
                now,
                commitment,
                Setup {
                    want,
                    ttl: TTL,
                    verify,
                    faithful: true,
                    resuming: true,
                    proving: true,
                    striping,
                },
            ),
            wake_at: None,
            asleep: now,
            sources: BTreeMap::new(),
            ends: BTreeMap::new(),
            over: None,
            told: Vec::new(),
            seek: Seek::Idle,
            pause: seeking::FIRST_PAUSE,
            said: now,
            heard: now,
        };
        let [host, joiner] = wants;
        let mut storm = Self {
            number: 0,
            now,
            rng: ChaCha8Rng::seed_from_u64(seed),
            queue: BTreeMap::new(),
            sequence: 0,
            parties: [party(host_end, host, verify[0]), party(joiner_end, joiner, verify[1])],
            wires: BTreeMap::new(),
            next: 0,
            making: false,
            making_stripes: false,
            outage: now,
            calm: false,
            tidy: false,
            sent: [0, 0],
            doomed: None,
            direct: true,
            slot: None,
            tries: 0,
            asks: Vec::new(),
            ended: BTreeSet::new(),
            model: Model::new(verify),
            trace: None,
        };
        for side in 0..2 {
            storm.at(1000, Happening::Second(side));
        }
        storm
    }

    /// A storm without one, for what is done to it by hand.
    fn tidy(wants: [Want; 2]) -> Self {
        let mut storm = Self::new(0, wants, [false, false], true);
        (storm.calm, storm.tidy) = (true, true);
        storm.made([true, true]);
        storm.run(2_000);
        storm
    }

    fn below(&mut self, end: u64) -> u64 {
        self.rng.next_u64() % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        !self.tidy && self.below(count) == 0
    }

    /// A random time, none in tidy conditions.
    fn while_of(&mut self, end: u64) -> u64 {
        if self.tidy { 0 } else { self.below(end) }
    }

    fn at(&mut self, wait: u64, what: Happening) {
        self.sequence += 1;
        self.queue.insert((self.now.after(millis(wait)), self.sequence), what);
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push((self.now.as_millis() - 1_000_000, line()));
        }
    }

    fn end(&mut self, side: usize, link: LinkId) -> &mut End {
        &mut self.wires.get_mut(&link).unwrap().ends[side]
    }

    fn stand(&self, side: usize, link: LinkId) -> Stand {
        self.wires[&link].ends[side].stand
    }

    fn is_over(&self) -> bool {
        self.parties.iter().all(|party| party.over.is_some())
    }

    /// Lets time pass.
    fn run(&mut self, wait: u64) {
        let until = self.now.after(millis(wait));
        while !self.is_over() && self.step(until) {}
        self.now = self.now.max(until);
    }

    /// The moment of a side's next timer, and the side.
    fn wakes(&self) -> Option<(Instant, usize)> {
        let wake = |side: usize| {
            let party = &self.parties[side];
            let at = party.wake_at.filter(|_| party.over.is_none())?;
            Some((at.max(party.asleep), side))
        };
        (0..2).filter_map(wake).min()
    }

    /// The moment at which the next thing happens.
    fn next(&self) -> Option<Instant> {
        let first = self.queue.first_key_value().map(|((at, _), _)| *at);
        self.wakes().map(|(at, _)| at).into_iter().chain(first).min()
    }

    /// Lets the next thing happen; false if it does not before that moment.
    fn step(&mut self, until: Instant) -> bool {
        if self.next().is_none_or(|next| next > until) {
            return false;
        }
        let first = self.queue.first_key_value().map(|((at, _), _)| *at);
        let wakes = self.wakes().filter(|(at, _)| first.is_none_or(|first| *at < first));
        if let Some((at, side)) = wakes {
            self.now = self.now.max(at);
            self.tell(side, Input::Tick);
            let still = self.parties[side].wake_at.is_some_and(|at| at <= self.now);
            assert!(!still || self.parties[side].over.is_some(), "{side} wakes for nothing");
            return true;
        }
        let ((at, sequence), happening) = self.queue.pop_first().unwrap();
        self.now = self.now.max(at);
        let of = match &happening {
            Happening::Act(_)
            | Happening::Made
            | Happening::Beside
            | Happening::Calm
            | Happening::Leaves(..) => None,
            Happening::Confirmed(side, ..)
            | Happening::Writes(side, _)
            | Happening::Arrives(side, ..)
            | Happening::Written(side, ..)
            | Happening::Down(side, ..)
            | Happening::Answers(side, _)
            | Happening::Second(side)
            | Happening::Seeks(side, _)
            | Happening::Hears(side, ..) => Some(*side),
        };
        if let Some(wakes) = of.map(|side| self.parties[side].asleep).filter(|at| *at > self.now) {
            self.queue.insert((wakes, sequence), happening);
        } else {
            self.happens(happening, sequence);
        }
        true
    }
}
