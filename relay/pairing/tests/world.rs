//! A relay with pretend connections, and what must hold of everything it does, checked after each
//! step of every test.

use super::super::outbox::Outbox;
use super::super::{Action, Connection, Input, Pairing};
use crate::limits::Limits;
use crate::owner::{KEY, OwnerKey, Stamp, UnixTime};
use crate::quotas::Source;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::handshake::Role;
use pinhole_protocol::limits::{ATTEMPT, HANDSHAKE_HEADER, RELAY_MESSAGE};
use pinhole_protocol::rendezvous::{CloseReason, FromRelay, OWNER_TOKEN, OwnerToken, SlotToken};
use pinhole_protocol::time::Instant;
use rand_chacha::ChaCha8Rng;
use rand_core::{CryptoRng, RngCore, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};

/// A message or an event as one connection received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Number(Nameplate, u32),
    Waiting,
    Next(u32),
    Paired,
    /// A frame as a joiner gets it.
    Frame(Vec<u8>),
    /// A frame as a host gets it, with the attempt before it.
    Attempt(u32, Vec<u8>),
    /// Frames pass to and from that connection.
    With(u64),
    Closed(CloseReason),
}

/// A connection as far as can be seen from outside.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Seat {
    /// A host, with its number and the attempt it was last asked for.
    Host(Option<(Nameplate, u32)>),
    Joiner(Nameplate),
    Link([u8; 16], Role),
    Paired(Connection),
}

/// A number as far as can be seen from outside.
struct Known {
    owner: [u8; OWNER_TOKEN],
    /// Its host was last seen to have it then.
    seen: Instant,
    /// The joiner that has had its message 1 and is still there, and whether it has answered.
    holder: Option<(Connection, bool)>,
}

/// A generator that draws few different numbers, so that they are wanted again and again.
struct Narrow(ChaCha8Rng, u64);

impl RngCore for Narrow {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64() % self.1
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.try_fill_bytes(bytes)
    }
}

impl CryptoRng for Narrow {}

/// The wall clock's reading when the relay's is 0.
const EPOCH: u64 = 1_800_000_000_000;
/// The relay's clock's reading when its life begins.
const BEGAN: u64 = 1_000_000;

/// Something of an input by which its actions are judged.
#[derive(Clone, Copy)]
enum Cause<'a> {
    NewHost,
    Message(Connection, &'a [u8]),
    Confirmed(Connection, u32),
    Link([u8; 16], Role),
    Other,
}

impl<'a> Cause<'a> {
    const fn of(input: &Input<'a>) -> Self {
        match *input {
            Input::Host { back: None, .. } => Self::NewHost,
            Input::Message(connection, bytes) => Self::Message(connection, bytes),
            Input::Confirmed(connection, attempt) => Self::Confirmed(connection, attempt),
            Input::Link { ref token, role, .. } => Self::Link(token.bytes(), role),
            _ => Self::Other,
        }
    }
}

pub(super) struct World {
    pub(super) pairing: Pairing,
    pub(super) limits: Limits,
    pub(super) now: Instant,
    pub(super) wake_at: Option<Instant>,
    pub(super) open: BTreeMap<Connection, Seat>,
    /// The ends of links that are paired and have said nothing since.
    silent: BTreeMap<Connection, ([u8; 16], Role)>,
    heard: BTreeMap<u64, Vec<Heard>>,
    /// The outbox of each connection, as if it had never read.
    unread: BTreeMap<Connection, Outbox<()>>,
    numbers: BTreeMap<Nameplate, Known>,
    handed: BTreeSet<Vec<u8>>,
    rng: Narrow,
}

pub(super) fn source(number: u64) -> Source {
    IpAddr::from(Ipv4Addr::from_bits(0x7f00_0000 | number as u32)).into()
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Limits::default(), u64::MAX)
    }

    /// A relay with these limits, and `spread` different numbers in each of its spaces.
    pub(super) fn with(limits: Limits, spread: u64) -> Self {
        Self::keeping(OwnerKey::made(&[1; KEY]), limits, spread)
    }

    /// The same, with this key.
    pub(super) fn keeping(key: OwnerKey, limits: Limits, spread: u64) -> Self {
        let now = Instant::from_millis(BEGAN);
        Self {
            pairing: Pairing::new(now, limits.clone(), key),
            limits,
            now,
            wake_at: None,
            open: BTreeMap::new(),
            silent: BTreeMap::new(),
            heard: BTreeMap::new(),
            unread: BTreeMap::new(),
            numbers: BTreeMap::new(),
            handed: BTreeSet::new(),
            rng: Narrow(ChaCha8Rng::seed_from_u64(7), spread),
        }
    }

    /// The clock on the wall: it shows the same in every life of a relay.
    pub(super) fn wall(&self) -> UnixTime {
        UnixTime::from_millis(EPOCH + self.now.as_millis())
    }

    pub(super) fn host(&mut self, connection: u64, from: u64) -> Nameplate {
        self.ask(connection, source(from));
        match self.heard(connection)[..] {
            [Heard::Number(nameplate, 1)] => nameplate,
            ref other => panic!("{other:?}"),
        }
    }

    /// A host of this source asks for a number.
    pub(super) fn ask(&mut self, connection: u64, source: Source) {
        self.tell(Input::Host {
            connection: Connection(connection),
            source,
            back: None,
            wall: self.wall(),
        });
    }

    pub(super) fn back(
        &mut self,
        connection: u64,
        from: u64,
        nameplate: Nameplate,
        owner: &OwnerToken,
    ) {
        let back = Some((nameplate, OwnerToken::new(*owner.bytes())));
        self.tell(Input::Host {
            connection: Connection(connection),
            source: source(from),
            back,
            wall: self.wall(),
        });
    }

    pub(super) fn owner(&self, nameplate: Nameplate) -> OwnerToken {
        OwnerToken::new(self.numbers[&nameplate].owner)
    }

    /// Numbers that were ever seen.
    pub(super) fn seen(&self) -> Vec<Nameplate> {
        self.numbers.keys().copied().collect()
    }

    /// A host sends a message of that attempt.
    pub(super) fn say(&mut self, host: u64, attempt: u32, message: &[u8]) {
        self.message(host, &[&attempt.to_be_bytes(), message].concat());
    }

    /// A host sends message 1 of that attempt.
    pub(super) fn first(&mut self, host: u64, attempt: u32, number: u32) {
        self.say(host, attempt, &super::one(number));
    }

    pub(super) fn message(&mut self, connection: u64, bytes: &[u8]) {
        self.tell(Input::Message(Connection(connection), bytes));
    }

    pub(super) fn join(&mut self, connection: u64, from: u64, nameplate: Nameplate) {
        self.tell(Input::Join {
            connection: Connection(connection),
            source: source(from),
            nameplate,
        });
    }

    pub(super) fn link(&mut self, connection: u64, token: u8, role: Role) {
        self.tell(Input::Link {
            connection: Connection(connection),
            token: SlotToken::new([token; 16]),
            role,
        });
    }

    pub(super) fn confirmed(&mut self, host: u64, attempt: u32) {
        self.tell(Input::Confirmed(Connection(host), attempt));
    }

    pub(super) fn burn(&mut self, connection: u64) {
        self.tell(Input::Burn(Connection(connection)));
    }

    /// The first frame of an end of a pair comes.
    pub(super) fn spoke(&mut self, connection: u64) {
        self.tell(Input::Spoke(Connection(connection)));
    }

    pub(super) fn gone(&mut self, connection: u64) {
        self.tell(Input::Gone(Connection(connection)));
    }

    /// Takes everything that a connection has received since the last call.
    pub(super) fn heard(&mut self, connection: u64) -> Vec<Heard> {
        self.heard.remove(&connection).unwrap_or_default()
    }

    /// Lets time pass, with a tick whenever the relay wants one, and one just before, which must
    /// change nothing.
    pub(super) fn wait(&mut self, wait: Duration) {
        let until = self.now.after(wait);
        while let Some(wake_at) = self.wake_at.filter(|wake_at| *wake_at <= until) {
            self.now = self.now.max(Instant::from_millis(wake_at.as_millis() - 1));
            self.idle();
            self.now = wake_at;
            self.tell(Input::Tick);
        }
        self.now = until;
        self.idle();
    }

    pub(super) fn wait_millis(&mut self, millis: u64) {
        self.wait(Duration::from_millis(millis));
    }

    pub(super) fn wait_seconds(&mut self, seconds: u64) {
        self.wait(Duration::from_secs(seconds));
    }

    fn idle(&mut self) {
        let actions = self.pairing.handle(self.now, Input::Tick, &mut self.rng);
        assert!(actions.list.is_empty(), "early, or twice: {:?}", actions.list);
    }

    pub(super) fn tell(&mut self, input: Input<'_>) {
        match input {
            Input::Host { connection, .. } => self.enters(connection, Seat::Host(None)),
            Input::Join { connection, nameplate, .. } => {
                self.enters(connection, Seat::Joiner(nameplate))
            }
            Input::Link { connection, token, role } => {
                self.enters(connection, Seat::Link(token.bytes(), role))
            }
            Input::Gone(connection) => self.leaves(connection),
            Input::Spoke(connection) => drop(self.silent.remove(&connection)),
            Input::Message(connection, bytes) => self.says(connection, bytes),
            _ => {}
        }
        let cause = Cause::of(&input);
        let actions = self.pairing.handle(self.now, input, &mut self.rng);
        for action in actions.list {
            self.act(&action, cause);
            self.waits(action);
        }
        self.wake_at = actions.wake_at;
        assert!(self.wake_at.is_none_or(|wake_at| wake_at > self.now), "due, and not done");
        self.check();
        self.idle();
    }

    /// Bytes of frames that wait for a connection that has never read.
    pub(super) fn unread(&self, connection: u64) -> usize {
        self.unread.get(&Connection(connection)).map_or(0, Outbox::bytes)
    }

    /// Puts what is to be done where it waits for who does not read.
    fn waits(&mut self, action: Action) {
        match action {
            Action::Tell(connection, reply) => self.outbox(connection).tell(reply),
            Action::Send(connection, bytes) => self.outbox(connection).send(bytes),
            Action::Refuse(connection, refusal) => self.outbox(connection).refuse(refusal),
            Action::Pair(one, other) => {
                [one, other].into_iter().for_each(|end| self.outbox(end).pair(()))
            }
            Action::Close(connection, why) => self.outbox(connection).close(why),
        }
    }

    fn outbox(&mut self, connection: Connection) -> &mut Outbox<()> {
        self.unread.entry(connection).or_default()
    }

    fn enters(&mut self, connection: Connection, role: Seat) {
        self.open.entry(connection).or_insert(role);
    }

    fn leaves(&mut self, connection: Connection) {
        self.open.remove(&connection);
        self.silent.remove(&connection);
        for known in self.numbers.values_mut() {
            known.holder = known.holder.filter(|(holder, _)| *holder != connection);
        }
    }

    /// A host that sends the next message 1 while a joiner has this one goes on to that attempt
    /// unasked.
    fn says(&mut self, connection: Connection, bytes: &[u8]) {
        if let (Some(Seat::Host(Some((nameplate, attempt)))), Some(of)) =
            (self.open.get_mut(&connection), bytes.first_chunk())
            && u32::from_be_bytes(*of) == *attempt + 1
            && self.numbers[nameplate].holder.is_some()
        {
            *attempt += 1;
        }
    }

    fn hears(&mut self, connection: Connection, what: Heard) -> Seat {
        self.heard.entry(connection.0).or_default().push(what);
        *self.open.get(&connection).expect("a closed connection is left alone")
    }

    fn act(&mut self, action: &Action, cause: Cause<'_>) {
        match *action {
            Action::Tell(connection, FromRelay::Number { nameplate, ref owner, attempt }) => {
                let seat = self.hears(connection, Heard::Number(nameplate, attempt));
                assert_eq!(seat, Seat::Host(None));
                self.takes(nameplate, *owner.bytes(), matches!(cause, Cause::NewHost));
                self.open.insert(connection, Seat::Host(Some((nameplate, attempt))));
            }
            Action::Tell(connection, FromRelay::Next { attempt }) => {
                let seat = self.hears(connection, Heard::Next(attempt));
                let Seat::Host(Some((nameplate, before))) = seat else { panic!("{seat:?}") };
                assert!(attempt > before);
                self.open.insert(connection, Seat::Host(Some((nameplate, attempt))));
                self.numbers.get_mut(&nameplate).unwrap().holder = None;
            }
            Action::Tell(connection, FromRelay::Waiting) => {
                let seat = self.hears(connection, Heard::Waiting);
                assert!(matches!(seat, Seat::Joiner(_) | Seat::Link(..)));
            }
            Action::Tell(connection, FromRelay::Paired) => {
                let seat = self.hears(connection, Heard::Paired);
                assert!(matches!(seat, Seat::Link(..)));
            }
            Action::Tell(_, FromRelay::Unknown) => panic!("nothing that a relay says"),
            Action::Send(connection, ref bytes) => self.sent(connection, bytes, cause),
            Action::Refuse(connection, refusal) => {
                let seat = self.hears(connection, Heard::Frame(refusal.to_vec()));
                let Seat::Joiner(nameplate) = seat else { panic!("{seat:?}") };
                assert!(
                    self.numbers[&nameplate].holder.is_some_and(|(holder, _)| holder == connection),
                    "refused who holds nothing"
                );
                assert!(matches!(refusal, [4 | 5, 0, 0]));
            }
            Action::Pair(a, b) => self.paired(a, b, cause),
            Action::Close(connection, why) => {
                let seat = self.hears(connection, Heard::Closed(why));
                if let (Seat::Paired(_), CloseReason::Replaced) = (seat, why) {
                    let Cause::Link(token, role) = cause else { panic!("nobody has come again") };
                    assert_eq!(self.silent.get(&connection), Some(&(token, role)));
                }
                self.leaves(connection);
            }
        }
    }

    /// A host has a number: one that nobody else has, and that nobody had within the time of its
    /// rest.
    fn takes(&mut self, nameplate: Nameplate, owner: [u8; OWNER_TOKEN], fresh: bool) {
        assert!(nameplate.is_relay());
        let had = |seat: &Seat| matches!(seat, Seat::Host(Some((other, _))) if *other == nameplate);
        assert!(!self.open.values().any(had), "two hosts with one number");
        if let Some(known) = self.numbers.get(&nameplate).filter(|known| known.owner != owner) {
            let young = self.now.since(Instant::from_millis(BEGAN)) < self.limits.absence;
            let wins = young
                && Stamp::of(&OwnerToken::new(owner)) > Stamp::of(&OwnerToken::new(known.owner));
            assert!(
                wins || self.now.since(known.seen) >= self.limits.rest,
                "handed out again too soon"
            );
        }
        if fresh {
            let space = 9 * 10_usize.pow(nameplate.number().ilog10());
            assert!(space >= 100 * self.pairing.population().hosts, "too dense");
        }
        self.numbers.insert(nameplate, Known { owner, seen: self.now, holder: None });
    }

    fn sent(&mut self, connection: Connection, bytes: &[u8], cause: Cause<'_>) {
        match self.open.get(&connection) {
            Some(Seat::Joiner(nameplate)) => {
                let known = self.numbers.get_mut(nameplate).unwrap();
                assert!(known.holder.is_none(), "two joiners with one number, or two messages 1");
                // A host may offer its last word as message 1 too, which is like others of its
                // kind.
                assert!(
                    bytes.len() == HANDSHAKE_HEADER || self.handed.insert(bytes.to_vec()),
                    "a message 1 was handed out twice"
                );
                known.holder = Some((connection, false));
                self.hears(connection, Heard::Frame(bytes.to_vec()));
            }
            Some(Seat::Host(Some((nameplate, attempt)))) => {
                let (from, message) = bytes.split_first_chunk().unwrap();
                assert_eq!(u32::from_be_bytes(*from), *attempt, "an answer of another attempt");
                let holder = &mut self.numbers.get_mut(nameplate).unwrap().holder;
                let Cause::Message(sender, sent) = cause else { panic!("nobody sent this") };
                assert_eq!(*holder, Some((sender, false)), "an answer of somebody else");
                assert_eq!(message, sent);
                *holder = Some((sender, true));
                self.hears(connection, Heard::Attempt(*attempt, message.to_vec()));
            }
            other => panic!("a frame to {other:?}"),
        }
    }

    fn paired(&mut self, a: Connection, b: Connection, cause: Cause<'_>) {
        match (self.open[&a], self.open[&b]) {
            (Seat::Host(Some((nameplate, attempt))), Seat::Joiner(joined)) => {
                assert_eq!(nameplate, joined);
                assert!(
                    matches!(cause, Cause::Confirmed(by, of) if by == a && of == attempt),
                    "only the host confirms"
                );
                assert_eq!(
                    self.numbers[&nameplate].holder,
                    Some((b, true)),
                    "confirmed who had not answered"
                );
                self.numbers.get_mut(&nameplate).unwrap().seen = self.now;
            }
            (Seat::Link(first, one_role), Seat::Link(second, other_role)) => {
                assert_eq!(first, second);
                assert_ne!(one_role, other_role, "alike ends");
                self.silent.extend([(a, (first, one_role)), (b, (second, other_role))]);
            }
            (one_role, other_role) => panic!("{one_role:?} with {other_role:?}"),
        }
        for (end, other) in [(a, b), (b, a)] {
            self.hears(end, Heard::With(other.0));
            self.open.insert(end, Seat::Paired(other));
        }
    }

    /// Asserts the invariants between any two steps.
    fn check(&mut self) {
        assert_eq!(
            self.pairing.seats.len(),
            self.open.len(),
            "what is remembered is what is there"
        );
        let population = self.pairing.population();
        assert!(population.hosts + population.resting <= self.limits.numbers);
        assert_eq!(
            population.hosts + population.resting,
            self.pairing.numbers.held(),
            "each number that waits or rests is somebody's"
        );
        assert!(population.slots + 2 * population.pairs <= population.connections);
        let sides = self.silent.values().map(|(token, role)| (*token, *role == Role::Host));
        let silent: BTreeSet<_> = sides.collect();
        assert_eq!(silent.len(), self.silent.len(), "a silent end that its own side has left");
        let slots: BTreeSet<_> = silent.into_iter().map(|(token, _)| token).collect();
        assert!(slots.iter().eq(self.pairing.silent.keys()), "no more is remembered");
        for (connection, outbox) in &self.unread {
            let most = match self.open.get(connection) {
                Some(Seat::Link(..)) => 0,
                Some(Seat::Joiner(_)) => RELAY_MESSAGE + HANDSHAKE_HEADER,
                _ => ATTEMPT + RELAY_MESSAGE,
            };
            assert!(outbox.bytes() <= most, "{} bytes wait for one connection", outbox.bytes());
        }
        for host in self.pairing.hosts.values() {
            assert!(host.offered() <= RELAY_MESSAGE);
            let sources: BTreeSet<Source> = host.queue.queued().map(|place| place.source).collect();
            assert_eq!(sources.len(), host.queue.queued().count(), "one place a source");
            assert!(sources.len() <= self.limits.queue);
        }
        for seat in self.open.values() {
            if let Seat::Host(Some((nameplate, _))) = seat {
                self.numbers.get_mut(nameplate).unwrap().seen = self.now;
            }
        }
    }
}
