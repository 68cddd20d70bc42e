//! Conversations that share a clock, a network and a relay, and strangers at it.

use super::seeking::{Hand, owner};
use super::*;
use core::net::{IpAddr, Ipv4Addr};
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::rendezvous::{CloseReason, FromRelay};
use pinhole_relay::limits::Limits;
use pinhole_relay::owner::{OwnerKey, UnixTime};
use pinhole_relay::pairing::{Action, Input as Told, Pairing};

/// Strangers' connections count from here, behind those of conversations.
const STRANGERS: usize = 1 << 16;

/// Something that happens in the world, to no conversation alone.
enum Turn {
    Act(usize, Act),
    Asks(Connection, Ask),
    /// A stranger hears something.
    Hears(Connection, News),
    /// The relay is there again.
    Back,
}

/// A connection as the relay must see it.
struct Seat {
    slot: [u8; 16],
    role: Role,
    peer: Option<Connection>,
    spoke: bool,
}

/// The world.
pub(super) struct World {
    now: Instant,
    queue: BTreeMap<(Instant, u64), Turn>,
    sequence: u64,
    pub(super) storms: Vec<Storm>,
    /// `None` while it is away.
    relay: Option<Pairing>,
    away: Instant,
    wake_at: Option<Instant>,
    rng: ChaCha8Rng,
    open: BTreeMap<Connection, Seat>,
    dead: BTreeSet<Connection>,
    /// The latest number that the relay has given.
    number: Option<Nameplate>,
    /// Handshake messages that strangers have heard of each conversation, and when.
    overheard: Vec<Vec<(Instant, Hand)>>,
    strangers: Vec<u64>,
    /// Counts of what runs are meant to bring about.
    pub(super) seen: BTreeMap<&'static str, u64>,
}

impl World {
    /// A world of these conversations, each with the ways by which its links are made: without the
    /// relay, by it, or both. The first of one that has no other comes from a number there.
    pub(super) fn new(mut storms: Vec<Storm>, ways: &[(bool, bool)]) -> Self {
        let now = storms[0].now;
        for ((number, storm), (direct, relay)) in storms.iter_mut().enumerate().zip(ways) {
            (storm.number, storm.direct) = (number, *direct);
            storm.slot = relay.then_some(SlotToken::new([number as u8; 16]));
        }
        let mut world = Self {
            now,
            queue: BTreeMap::new(),
            sequence: 0,
            overheard: vec![Vec::new(); storms.len()],
            strangers: vec![0; storms.len()],
            storms,
            relay: None,
            away: now,
            wake_at: None,
            rng: ChaCha8Rng::seed_from_u64(0),
            open: BTreeMap::new(),
            dead: BTreeSet::new(),
            number: None,
            seen: BTreeMap::new(),
        };
        world.starts();
        for number in 0..world.storms.len() {
            if world.storms[number].direct {
                world.storms[number].made([true, true]);
            } else {
                world.meets(number);
            }
        }
        world
    }

    /// Both sides of a conversation meet by a number.
    fn meets(&mut self, number: usize) {
        let source = IpAddr::from(Ipv4Addr::from_bits(0x7f00_0001 + number as u32));
        let lines = [0, 1].map(|side| self.storms[number].connection(side));
        let [host, joiner] = lines;
        for (line, role) in lines.into_iter().zip([Role::Host, Role::Joiner]) {
            self.sits(line, [0x80 | number as u8; 16], role);
        }
        let wall = UnixTime::from_millis(self.now.as_millis());
        self.tell(Told::Host { connection: host, source: source.into(), back: None, wall });
        let nameplate = self.number.take().expect("no number");
        self.tell(Told::Message(host, &[0, 0, 0, 1, 1, 0, 0]));
        self.tell(Told::Join { connection: joiner, source: source.into(), nameplate });
        self.tell(Told::Message(joiner, &[2, 0, 0]));
        self.tell(Told::Confirmed(host, 1));
        assert_eq!(self.open[&host].peer, Some(joiner), "they have not met");
        self.storms[number].meets(lines);
    }

    fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    fn sits(&mut self, connection: Connection, slot: [u8; 16], role: Role) {
        self.open.insert(connection, Seat { slot, role, peer: None, spoke: false });
    }

    /// Something is done at that moment.
    pub(super) fn acts(&mut self, wait: u64, who: usize, act: Act) {
        match act {
            Act::Stranger(..) | Act::Restart(_) | Act::Blackout(_) => {
                self.at(self.now.after(millis(wait)), Turn::Act(who, act));
            }
            _ => self.storms[who].at(wait, Happening::Act(act)),
        }
    }

    fn at(&mut self, at: Instant, turn: Turn) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), turn);
    }

    /// Lets time pass, until all are over or this long.
    pub(super) fn run(&mut self, wait: u64) {
        let until = self.now.after(millis(wait));
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    fn step(&mut self, until: Instant) -> bool {
        let storms = self.storms.iter().enumerate().filter(|(_, storm)| !storm.is_over());
        let storm = storms.filter_map(|(at, storm)| Some((storm.next()?, at))).min();
        let Some((next, number)) = storm else { return false };
        let turn = self.queue.first_key_value().map(|((at, _), _)| *at);
        let first = turn.into_iter().chain(self.wake_at).fold(next, Instant::min);
        if first > until {
            return false;
        }
        self.now = self.now.max(first);
        if self.wake_at == Some(first) {
            self.tell(Told::Tick);
        } else if turn == Some(first) {
            let (_, turn) = self.queue.pop_first().unwrap();
            self.turns(turn);
        } else {
            self.storms[number].step(until);
            self.said_by(number);
        }
        true
    }

    /// Takes what a conversation has said to the relay.
    fn said_by(&mut self, number: usize) {
        for (at, connection, ask) in std::mem::take(&mut self.storms[number].asks) {
            self.at(at, Turn::Asks(connection, ask));
        }
    }

    /// Does something to a conversation that goes on.
    fn with(&mut self, number: usize, what: impl FnOnce(&mut Storm)) {
        let storm = &mut self.storms[number];
        if !storm.is_over() {
            storm.now = storm.now.max(self.now);
            what(storm);
            self.said_by(number);
        }
    }

    fn turns(&mut self, turn: Turn) {
        match turn {
            Turn::Act(who, Act::Stranger(side, seen, time)) => {
                self.strangers[who] += 1;
                let number = (STRANGERS + who) as u64;
                let connection = Connection(number << 32 | self.strangers[who] << 1 | side as u64);
                let slot = self.storms[who].slot.filter(|_| seen);
                let slot = slot.unwrap_or(SlotToken::new([0x40 | who as u8; 16]));
                let role = [Role::Host, Role::Joiner][side];
                self.turns(Turn::Asks(connection, Ask::Link(role, slot)));
                self.at(self.now.after(millis(time)), Turn::Asks(connection, Ask::Gone));
            }
            Turn::Act(_, Act::Restart(time)) => {
                self.relay = None;
                self.wake_at = None;
                self.away = self.away.max(self.now.after(millis(time)));
                for (connection, seat) in std::mem::take(&mut self.open) {
                    let (number, _) = owner(connection);
                    let waits = seat.peer.is_none();
                    self.saw(if waits { "a waiting side cut" } else { "a pair cut" });
                    if number < STRANGERS {
                        self.with(number, |storm| storm.cut_off(connection));
                    }
                }
                self.at(self.away, Turn::Back);
            }
            Turn::Act(_, act) => {
                for number in 0..self.storms.len() {
                    self.with(number, |storm| storm.acts(act.clone()));
                }
            }
            Turn::Back if self.relay.is_none() && self.away <= self.now => self.starts(),
            Turn::Back => {}
            Turn::Asks(connection, ask) => self.asks(connection, ask),
            Turn::Hears(connection, news) => self.stranger(connection, news),
        }
    }

    fn starts(&mut self) {
        let key = OwnerKey::made(&[1; 32]);
        self.relay = Some(Pairing::new(self.now, Limits::default(), key));
    }

    /// The relay hears something of a connection.
    fn asks(&mut self, connection: Connection, ask: Ask) {
        match ask {
            Ask::Link(..) if self.relay.is_none() => {
                self.saw("nobody there");
                self.passes(connection, News::Ended);
            }
            Ask::Link(role, token) => {
                let slot = token.bytes();
                let silent = |seat: &Seat| seat.slot == slot && seat.role == role && !seat.spoke;
                let silent = self.open.iter().filter(|(_, seat)| silent(seat));
                let silent: Vec<_> = silent.map(|(of, _)| *of).collect();
                self.sits(connection, slot, role);
                self.tell(Told::Link { connection, token, role });
                let stays = silent.iter().any(|of| self.open.contains_key(of));
                assert!(!stays, "a newcomer left an end of its side that is silent");
            }
            Ask::Dead => {
                self.dead.insert(connection);
            }
            Ask::Gone if self.open.remove(&connection).is_some() => {
                self.tell(Told::Gone(connection));
            }
            Ask::Frame(hand) if !self.dead.contains(&connection) => {
                let Some(seat) = self.open.get_mut(&connection) else { return };
                let said = std::mem::replace(&mut seat.spoke, seat.peer.is_some());
                match seat.peer {
                    Some(peer) => {
                        if !said {
                            self.tell(Told::Spoke(connection));
                        }
                        self.passes(peer, News::Frame(hand));
                    }
                    None => self.tell(Told::Message(connection, &[0])),
                }
            }
            Ask::Gone | Ask::Frame(_) => {}
        }
    }

    fn passes(&mut self, connection: Connection, news: News) {
        let (number, _) = owner(connection);
        if self.dead.contains(&connection) {
        } else if number < STRANGERS {
            self.with(number, |storm| storm.told_by_relay(connection, news));
        } else {
            self.at(self.now.after(millis(20)), Turn::Hears(connection, news));
        }
    }

    /// A stranger has seen a token, or guessed one. It says what it has heard before, what it hears
    /// just now, or nothing that makes sense.
    fn stranger(&mut self, connection: Connection, news: News) {
        let whose = owner(connection).0 - STRANGERS;
        let said = match (news, connection.0 >> 1 & 3) {
            (News::Paired, 0) => Some(Hand::Noise),
            (News::Paired, 1 | 2) => {
                // No live handshake: this is nobody who passes messages on.
                let old = |(at, _): &&(Instant, Hand)| self.now.since(*at) > millis(11_000);
                self.overheard[whose].iter().rev().find(old).map(|(_, hand)| *hand)
            }
            (News::Frame(hand), kind) => {
                self.overheard[whose].push((self.now, hand));
                (kind == 3).then_some(hand)
            }
            _ => None,
        };
        if let Some(hand) = said {
            self.asks(connection, Ask::Frame(hand));
        }
    }

    /// Tells the relay, does what it says, and sees that it keeps its promises (SPEC 10.2).
    fn tell(&mut self, told: Told<'_>) {
        let Some(relay) = &mut self.relay else { return };
        let actions = relay.handle(self.now, told, &mut self.rng);
        self.wake_at = actions.wake_at;
        for action in actions.list {
            match action {
                Action::Tell(_, FromRelay::Number { nameplate, .. }) => {
                    self.number = Some(nameplate);
                }
                Action::Tell(connection, FromRelay::Paired) => {
                    self.passes(connection, News::Paired);
                }
                Action::Pair(one, other) => {
                    let [a, b] = [one, other].map(|end| &self.open[&end]);
                    assert!(a.slot == b.slot && a.role != b.role, "who does not belong together");
                    assert!(a.peer.is_none() && b.peer.is_none(), "paired twice");
                    let strange = [one, other].iter().any(|end| owner(*end).0 >= STRANGERS);
                    for (end, peer) in [(one, other), (other, one)] {
                        self.open.get_mut(&end).unwrap().peer = Some(peer);
                    }
                    self.saw(if strange { "with a stranger" } else { "met" });
                }
                Action::Close(connection, why) => {
                    let seat = self.open.remove(&connection).expect("closed twice");
                    if why == CloseReason::Replaced {
                        assert!(!seat.spoke, "a newcomer broke what was at work");
                        let paired = seat.peer.is_some();
                        self.saw(if paired { "a pair broken" } else { "replaced" });
                    }
                    self.passes(connection, News::Ended);
                }
                Action::Tell(..) | Action::Send(..) => {}
                Action::Refuse(..) => panic!("nobody is refused"),
            }
        }
        let mut waiting = BTreeSet::new();
        for seat in self.open.values() {
            match seat.peer {
                Some(peer) => assert!(self.open.contains_key(&peer), "half a pair"),
                None if seat.slot[0] & 0x80 != 0 => {}
                None => assert!(waiting.insert(seat.slot), "two wait in one slot"),
            }
        }
    }
}
