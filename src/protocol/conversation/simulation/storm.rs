//! Two resuming conversations in a storm: links are made, lost, half dead, too many; sides sleep.
//! A seed drives all of it, and a model says what holds all the same.

mod acts;
mod directed;
mod model;
mod runs;

use super::*;
use crate::limits::CHUNK_DATA;
use crate::links::LinkId;
use crate::wire::Control;
use acts::{Act, Loss};
use model::Model;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

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
    /// Steps in which a stream grows once it is wanted, one a second.
    steps: Vec<u64>,
    holes: Vec<(Range<u64>, Option<Reason>)>,
}

/// One side and its program.
struct Party {
    conversation: Conversation,
    wake_at: Option<Instant>,
    asleep: Instant,
    sources: BTreeMap<ItemId, Source>,
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
        let party = |role, want, verify| Party {
            conversation: Conversation::new(
                now,
                commitment(role),
                Setup { want, ttl: TTL, verify, faithful: true, resuming: true },
            ),
            wake_at: None,
            asleep: now,
            sources: BTreeMap::new(),
            over: None,
            told: Vec::new(),
        };
        let [host, joiner] = wants;
        let mut storm = Self {
            now,
            rng: ChaCha8Rng::seed_from_u64(seed),
            queue: BTreeMap::new(),
            sequence: 0,
            parties: [party(Role::Host, host, verify[0]), party(Role::Joiner, joiner, verify[1])],
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
            trace.push(std::format!("{} {}", self.now.as_millis() - 1_000_000, line()));
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
                self.note(|| std::format!("{side} confirms {} (linked {linked})", link.0));
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
                if let Input::Total(item, bytes) = &input {
                    if let Some(source) = self.parties[side].sources.get_mut(item) {
                        source.total = Some(*bytes);
                    }
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
            let control: Control = crate::wire::read(&body).unwrap();
            if !matches!(control, Control::Heartbeat { .. }) {
                self.note(|| std::format!("{side} says on {}: {control:?}", link.0));
            }
            self.model.says(side, link, &control);
            self.end(side, link).control.push_back(body);
            self.write_soon(side, link);
        }
        for link in actions.cut {
            self.note(|| std::format!("{side} cuts {}", link.0));
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
            self.note(|| std::format!("{side} hears {event:?}"));
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

    /// A side that is over closes its links once its last words are on their way.
    fn leave_links(&mut self, side: usize) {
        for link in self.wires.keys().copied().collect::<Vec<_>>() {
            self.end(side, link).grants.clear();
            if self.stand(side, link) == Stand::Up && self.end(side, link).control.is_empty() {
                self.close(side, link);
            }
        }
    }

    /// Handshakes, whenever a side needs a link: one, two at once, or half of one.
    fn made_at_random(&mut self) {
        self.making = false;
        if self.parties.iter().any(|party| party.over.is_some()) {
            return;
        }
        if self.parties.iter().any(|party| party.conversation.needs_link()) {
            let asleep = self.parties.iter().any(|party| party.asleep > self.now);
            if self.outage <= self.now && !asleep {
                for _ in 0..1 + self.below(6) / 5 {
                    let half = !self.calm && self.one_in(8);
                    let which = self.below(2) == 0;
                    self.made([!half || which, !half || !which]);
                }
            }
            self.making = true;
            let wait = 200 + self.below(3000);
            self.at(wait, Happening::Made);
        }
    }

    /// A handshake is through, at these sides.
    fn made(&mut self, at: [bool; 2]) -> LinkId {
        let link = LinkId(self.next);
        self.next += 1;
        let latency = if self.tidy { LATENCY } else { 1 + self.below(150) };
        let linked = self.parties[1].conversation.is_linked();
        let waits = [0, 1].map(|_| self.while_of(latency));
        let now = self.now;
        let end = |side: usize| End {
            stand: if at[side] {
                Stand::Awaited(now.after(millis(waits[side])))
            } else {
                Stand::Down
            },
            control: VecDeque::new(),
            grants: VecDeque::new(),
            writing: false,
            unwritten: 0,
            waits: now,
            last: now,
            mute: None,
            tampered: None,
        };
        let ends = [end(0), end(1)];
        let pace = self.while_of(4);
        self.wires.insert(link, Wire { ends, latency, pace });
        for side in 0..2 {
            if at[side] {
                self.at(waits[side], Happening::Confirmed(side, link, linked));
            }
        }
        link
    }

    fn write_soon(&mut self, side: usize, link: LinkId) {
        let pace = self.wires[&link].pace;
        if !core::mem::replace(&mut self.end(side, link).writing, true) {
            self.at(pace, Happening::Writes(side, link));
        }
    }

    /// The writer of a link: control before each chunk.
    fn writes(&mut self, side: usize, link: LinkId) {
        self.end(side, link).writing = false;
        if self.stand(side, link) != Stand::Up {
            return;
        }
        if let Some(body) = self.end(side, link).control.pop_front() {
            self.send(side, link, Flight::Control(body));
            self.tell(side, Input::Taken(link));
        } else if let Some((item, range, from)) = self.end(side, link).grants.pop_front() {
            let Some(source) = self.parties[side].sources.get(&item) else {
                self.tell(side, Input::Unserved(link));
                return self.write_more(side, link);
            };
            let hole = source.holes.iter().find(|(hole, _)| hole.end > from).cloned();
            let end = range.end.min(from + CHUNK_DATA as u64);
            let to = match hole {
                Some((hole, why)) if hole.start <= from => {
                    self.tell(side, Input::Gap(item, from..hole.end, why));
                    hole.end.min(range.end)
                }
                hole => {
                    let to = hole.map_or(end, |(hole, _)| end.min(hole.start));
                    self.send(side, link, Flight::Chunk(item, from..to));
                    to
                }
            };
            if to < range.end {
                self.end(side, link).grants.push_front((item, range, to));
            } else {
                self.tell(side, Input::Sent(link, item, range));
            }
        }
        self.write_more(side, link);
    }

    fn write_more(&mut self, side: usize, link: LinkId) {
        let end = self.end(side, link);
        if !end.control.is_empty() || !end.grants.is_empty() {
            self.write_soon(side, link);
        } else if self.parties[side].over.is_some() {
            self.leave_links(side);
        }
    }

    fn send(&mut self, side: usize, link: LinkId, flight: Flight) {
        self.sent[side] += 1;
        if self.doomed.take_if(|doomed| *doomed == (side, self.sent[side])).is_some() {
            self.lose(link, Loss::Noticed([0, 0]));
        }
        let latency = self.wires[&link].latency;
        let now = self.now;
        let end = self.end(side, link);
        end.last = end.last.max(now.after(millis(latency)));
        self.sequence += 1;
        let (at, sequence) = (self.end(side, link).last, self.sequence);
        self.queue.insert((at, sequence), Happening::Arrives(1 - side, link, flight, now));
    }

    fn arrives(&mut self, side: usize, link: LinkId, flight: Flight) {
        let now = self.now;
        self.end(side, link).waits = now;
        let whole = self.end(side, link).tampered;
        if whole == Some(0) {
            return self.ends(side, link, LinkEnd::Tampered);
        }
        self.end(side, link).tampered = whole.map(|whole| whole - 1);
        match flight {
            Flight::Control(body) => {
                let control: Control = crate::wire::read(&body).unwrap();
                if self.stand(side, link) == Stand::Up {
                    self.model.reads(side, link, &control);
                }
                self.tell(side, Input::Control(link, &body));
            }
            Flight::Chunk(item, range) => {
                self.model.arrives(side, link, item, &range);
                self.end(side, link).unwritten += 1;
                let wait = self.while_of(30);
                self.at(wait, Happening::Written(side, link, item, range));
            }
            Flight::Fin => self.ends(side, link, LinkEnd::Closed),
        }
    }

    /// Nothing more is read at a side's end of a link.
    fn ends(&mut self, side: usize, link: LinkId, how: LinkEnd) {
        if how == LinkEnd::Tampered && self.stand(side, link) == Stand::Up {
            self.send(side, link, Flight::Fin);
        }
        if self.stand(side, link) == Stand::Up {
            self.down(side, link, how);
        }
    }

    /// A side closes its end of a link.
    fn close(&mut self, side: usize, link: LinkId) {
        if self.stand(side, link) == Stand::Up {
            let until = self.while_of(40);
            let now = self.now;
            self.end(side, link).stand = Stand::Closing(now.after(millis(until)));
            self.send(side, link, Flight::Fin);
            let wait = until + self.while_of(1_500);
            self.at(wait, Happening::Down(side, link, LinkEnd::Closed));
        }
    }

    /// A side hears that a link ended, once all that it has read of it is written.
    fn down(&mut self, side: usize, link: LinkId, how: LinkEnd) {
        match self.stand(side, link) {
            Stand::Down => return,
            Stand::Awaited(_) => {
                self.end(side, link).stand = Stand::Down;
                return;
            }
            Stand::Closing(until) if until > self.now => {
                return self.at(5, Happening::Down(side, link, how));
            }
            _ if self.end(side, link).unwritten > 0 => {
                let now = self.now;
                self.end(side, link).stand = Stand::Closing(now);
                return self.at(5, Happening::Down(side, link, how));
            }
            Stand::Up | Stand::Closing(_) => {}
        }
        let end = self.end(side, link);
        end.stand = Stand::Down;
        let control = core::mem::take(&mut end.control);
        let grants = core::mem::take(&mut end.grants);
        if self.one_in(3) {
            // Its writer ends later than its reader.
            control.iter().for_each(|_| self.answers(side, 30, Input::Taken(link)));
            for (item, range, _) in grants {
                let sent = Input::Sent(link, item, range);
                let told = if self.one_in(2) { Input::Unserved(link) } else { sent };
                self.answers(side, 30, told);
            }
        }
        self.note(|| std::format!("{side} has lost {} ({how:?})", link.0));
        self.model.down(side, link, how);
        self.tell(side, Input::LinkDown(link, how));
    }

    /// An answer of the program's.
    fn answers(&mut self, side: usize, most: u64, input: Input<'static>) {
        let wait = self.while_of(most);
        self.at(wait, Happening::Answers(side, input));
    }

    fn hears(&mut self, side: usize, event: Event) {
        self.model.hears(side, &event);
        match event {
            Event::Text(item, _) => match self.while_of(12) {
                1 => self.answers(side, 300, Input::Refuse(item, Reason::Declined)),
                2 => {
                    self.answers(side, 100, Input::Held(item));
                    self.at(3_000, Happening::Answers(side, Input::Collected(item)));
                }
                _ => self.answers(side, 50, Input::Kept(item)),
            },
            Event::Offered(offer) if self.one_in(12) => {
                self.answers(side, 500, Input::Refuse(offer.item, Reason::Declined));
            }
            Event::Offered(offer) => self.answers(side, 500, Input::Accept(offer.item)),
            Event::Accepted(item) => self.streams(side, item),
            Event::PartWanted(item) => {
                let source = self.parties[side].sources.get_mut(&item).unwrap();
                let total = source.total;
                if let Some(part) = source.parts.pop_front() {
                    self.answers(side, 20, Input::Part(item, part));
                } else if let Some(total) = total {
                    self.answers(side, 20, Input::Total(item, total));
                }
            }
            Event::AllRead(item) => {
                self.answers(side, 200, Input::Checked(item, Differences::default()));
            }
            Event::Register(part) => self.answers(side, 20, Input::Registered(part.item)),
            Event::Whole(item, _) => {
                self.answers(side, 2_000, Input::Committed(item, Differences::default()));
            }
            Event::Gap { transfer, range, .. } => {
                self.answers(side, 20, Input::Passed(transfer, range));
            }
            Event::Delivered(item, _) | Event::Failed(item, _) => {
                self.parties[side].sources.remove(&item);
            }
            Event::Stalled => self.parties[side].told.push("stalled"),
            Event::Flowing => self.parties[side].told.push("flowing"),
            Event::Reconnecting => self.parties[side].told.push("reconnecting"),
            Event::Reconnected(_) => self.parties[side].told.push("reconnected"),
            Event::Tampered(_) => self.parties[side].told.push("tampered"),
            Event::Over(outcome) => self.parties[side].over = Some(outcome),
            _ => {}
        }
    }
}
