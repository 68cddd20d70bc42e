//! Two resuming conversations in a storm: links are made, lost, half dead, too many; sides sleep.
//! A seed drives all of it, and a model says what holds all the same.

mod acts;
mod directed;
mod model;
mod network;
mod program;
mod runs;

use acts::{Act, Loss};
use core::ops::Range;
use core::time::Duration;
use model::Model;
use pinhole_protocol::conversation::{
    Conversation, Event, Input, LinkEnd, LinkNews, Outcome, Setup,
};
use pinhole_protocol::keys::Commitment;
use pinhole_protocol::limits::CHUNK_DATA;
use pinhole_protocol::links::LinkId;
use pinhole_protocol::messages::Body;
use pinhole_protocol::time::Instant;
use pinhole_protocol::wire::{
    Control, Differences, Entry, EntryKind, Item, ItemId, ItemKind, Offer, Part, PeerName,
    PeerText, Places, Reason, Want, read,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::{BTreeMap, VecDeque};
use zeroize::Zeroizing;

/// A packet's way from side to side under a calm sky.
const LATENCY: u64 = 20;

/// A packet under way on a link.
enum Flight {
    Control(Zeroizing<Vec<u8>>),
    Chunk(ItemId, Range<u64>),
    /// The sender has closed its end.
    Fin,
}

/// Something that happens at a moment, to the side that is named first.
enum Happening {
    Act(Act),
    /// A handshake is through, or is not.
    Made,
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
}

/// The world.
struct Storm {
    now: Instant,
    rng: ChaCha8Rng,
    queue: BTreeMap<(Instant, u64), Happening>,
    sequence: u64,
    parties: [Party; 2],
    wires: BTreeMap<LinkId, Wire>,
    next: u32,
    /// A handshake is going on.
    making: bool,
    /// No link can be made before.
    outage: Instant,
    /// Nothing is lost any more.
    calm: bool,
    /// Links are made at once, both ends at one moment, and the program answers at once.
    tidy: bool,
    /// Records that each side has sent, and the one with which its link is lost.
    sent: [u32; 2],
    doomed: Option<(usize, u32)>,
    model: Model,
    /// Everything that was done and said, for a run that is shown.
    trace: Option<Vec<String>>,
}

/// A channel's time: longer than any run rests, short enough to be waited for.
const TTL: Duration = Duration::from_secs(600);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

impl Storm {
    fn new(seed: u64, wants: [Want; 2], verify: [bool; 2]) -> Self {
        let now = Instant::from_millis(1_000_000);
        let (host_end, joiner_end) = Commitment::simulated([7; 32], [0x5e; 32]);
        let party = |commitment, want, verify| Party {
            conversation: Conversation::new(
                now,
                commitment,
                Setup { want, ttl: TTL, verify, faithful: true, resuming: true, proving: true },
            ),
            wake_at: None,
            asleep: now,
            sources: BTreeMap::new(),
            ends: BTreeMap::new(),
            over: None,
            told: Vec::new(),
        };
        let [host, joiner] = wants;
        let mut storm = Self {
            now,
            rng: ChaCha8Rng::seed_from_u64(seed),
            queue: BTreeMap::new(),
            sequence: 0,
            parties: [party(host_end, host, verify[0]), party(joiner_end, joiner, verify[1])],
            wires: BTreeMap::new(),
            next: 0,
            making: false,
            outage: now,
            calm: false,
            tidy: false,
            sent: [0, 0],
            doomed: None,
            model: Model::default(),
            trace: None,
        };
        for side in 0..2 {
            storm.at(1000, Happening::Second(side));
        }
        storm
    }

    /// A storm without one, for what is done to it by hand.
    fn tidy(wants: [Want; 2]) -> Self {
        let mut storm = Self::new(0, wants, [false, false]);
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
            trace.push(format!("{} {}", self.now.as_millis() - 1_000_000, line()));
        }
    }

    fn end(&mut self, side: usize, link: LinkId) -> &mut End {
        &mut self.wires.get_mut(&link).unwrap().ends[side]
    }

    fn stand(&self, side: usize, link: LinkId) -> Stand {
        self.wires[&link].ends[side].stand
    }

    /// Lets time pass.
    fn run(&mut self, wait: u64) {
        let until = self.now.after(millis(wait));
        while !self.parties.iter().all(|party| party.over.is_some()) && self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Lets the next thing happen; false if it does not before that moment.
    fn step(&mut self, until: Instant) -> bool {
        let wake = |side: usize| {
            let party = &self.parties[side];
            let at = party.wake_at.filter(|_| party.over.is_none())?;
            Some((at.max(party.asleep), side))
        };
        let wake = (0..2).filter_map(wake).min();
        let first = self.queue.first_key_value().map(|((at, _), _)| *at);
        if let Some((at, side)) = wake.filter(|(at, _)| first.is_none_or(|first| *at < first)) {
            if at > until {
                return false;
            }
            self.now = self.now.max(at);
            self.tell(side, Input::Tick);
            return true;
        }
        if first.is_none_or(|first| first > until) {
            return false;
        }
        let ((at, sequence), happening) = self.queue.pop_first().unwrap();
        self.now = self.now.max(at);
        let of = match &happening {
            Happening::Act(_) | Happening::Made => None,
            Happening::Confirmed(side, ..)
            | Happening::Writes(side, _)
            | Happening::Arrives(side, ..)
            | Happening::Written(side, ..)
            | Happening::Down(side, ..)
            | Happening::Answers(side, _)
            | Happening::Second(side) => Some(*side),
        };
        if let Some(wakes) = of.map(|side| self.parties[side].asleep).filter(|at| *at > self.now) {
            self.queue.insert((wakes, sequence), happening);
        } else {
            self.happens(happening, sequence);
        }
        true
    }

    fn happens(&mut self, happening: Happening, sequence: u64) {
        match happening {
            Happening::Act(act) => self.acts(act),
            Happening::Made => self.made_at_random(),
            Happening::Confirmed(side, link, linked) => {
                if self.parties[side].over.is_some() {
                    return;
                }
                let now = self.now;
                let end = self.end(side, link);
                (end.stand, end.waits) = (Stand::Up, now);
                self.note(|| format!("{side} confirms {} (linked {linked})", link.0));
                self.model.up(side, link);
                self.tell(side, Input::LinkUp { link, linked });
            }
            Happening::Writes(side, link) => self.writes(side, link),
            Happening::Arrives(side, link, flight, sent) => {
                if self.wires[&link].ends[1 - side].mute.is_some_and(|mute| mute <= sent) {
                    return;
                }
                match self.stand(side, link) {
                    Stand::Awaited(at) => {
                        let again = Happening::Arrives(side, link, flight, sent);
                        self.queue.insert((at.max(self.now.after(millis(1))), sequence), again);
                    }
                    Stand::Up => self.arrives(side, link, flight),
                    Stand::Closing(until) if self.now <= until => self.arrives(side, link, flight),
                    Stand::Closing(_) | Stand::Down => {}
                }
            }
            Happening::Written(side, link, item, range) => {
                self.end(side, link).unwritten -= 1;
                self.model.wrote(side, item, range.clone());
                self.tell(side, Input::Wrote(item, range));
            }
            Happening::Down(side, link, how) => self.down(side, link, how),
            Happening::Answers(side, input) => {
                self.model.answers(side, &input);
                if let Input::Total(item, bytes) = &input
                    && let Some(source) = self.parties[side].sources.get_mut(item)
                {
                    source.total = Some(*bytes);
                }
                self.tell(side, input);
            }
            Happening::Second(side) => {
                let waits = |(link, wire): (&LinkId, &Wire)| {
                    let end = &wire.ends[side];
                    let reads = end.stand == Stand::Up && end.unwritten == 0;
                    reads.then(|| (*link, self.now.since(end.waits)))
                };
                for (link, waited) in self.wires.iter().filter_map(waits).collect::<Vec<_>>() {
                    self.tell(side, Input::Quiet(link, waited));
                }
                if self.parties[side].over.is_none() {
                    self.at(1000, Happening::Second(side));
                }
            }
        }
    }

    fn tell(&mut self, side: usize, input: Input<'_>) {
        let actions = self.parties[side].conversation.handle(self.now, input);
        self.parties[side].wake_at = actions.wake_at;
        actions.cut.iter().for_each(|link| self.model.cuts(side, *link));
        for (link, body) in actions.control {
            let control: Control = read(&body).unwrap();
            if !matches!(control, Control::Heartbeat { .. }) {
                self.note(|| format!("{side} says on {}: {control:?}", link.0));
            }
            self.model.says(side, link, &control);
            self.end(side, link).control.push_back(body);
            self.write_soon(side, link);
        }
        for link in actions.cut {
            self.note(|| format!("{side} cuts {}", link.0));
            self.close(side, link);
        }
        for grant in actions.grants {
            self.model.grants(side, grant.link);
            let range = grant.range;
            let from = range.start;
            self.end(side, grant.link).grants.push_back((grant.transfer, range, from));
            self.write_soon(side, grant.link);
        }
        for event in actions.events {
            self.note(|| format!("{side} hears {event:?}"));
            assert!(self.parties[side].over.is_none(), "an event after the end: {event:?}");
            self.hears(side, event);
        }
        let links = |wire: &&Wire| wire.ends[side].stand == Stand::Up;
        assert!(self.wires.values().filter(links).count() <= 8, "over eight links");
        if self.parties[side].over.is_some() {
            self.leave_links(side);
        } else if self.parties[side].conversation.needs_link() && !self.making && !self.tidy {
            self.making = true;
            let wait = 50 + self.below(1500);
            self.at(wait, Happening::Made);
        }
    }
}
