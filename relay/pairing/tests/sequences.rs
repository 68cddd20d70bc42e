//! Random sequences of everything that may happen to a relay. What must hold is checked by the
//! world after each step.

use super::super::{Connection, Input, Population};
use super::one;
use super::world::{Heard, Seat, World};
use crate::limits::{Limits, Shares};
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::handshake::Role;
use pinhole_protocol::limits::RELAY_MESSAGE;
use pinhole_protocol::rendezvous::{OWNER_TOKEN, OwnerToken};
use proptest::prelude::*;

/// Something that happens. Indices are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Host(u64),
    /// A host asks for a number that was seen, with its token or another, or for one that never
    /// was.
    Back(u64, usize, u8),
    Join(u64, usize),
    Link(u8, bool),
    /// A host sends message 1 as asked.
    First(usize),
    /// Any connection sends a message, as of an attempt off by that much.
    Message(usize, u32),
    Answer(usize),
    /// A host says kind 4, 5 or another in an attempt off by that much.
    Refuse(usize, u8, u32),
    /// A host confirms, an attempt off by that much.
    Confirmed(usize, u32),
    Burn(usize),
    Frame(usize),
    Spoke(usize),
    Broke(usize),
    Gone(usize),
    /// Time passes with ticks, or while nothing was handled.
    Wait(u64, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let from = || 1_u64..6;
    let index = || 0_usize..40;
    // Either side of every limit there is, and the limits.
    let moments = prop::sample::select(vec![
        1, 999, 2999, 3000, 5000, 9999, 10_000, 30_000, 60_000, 119_999, 600_000, 3_599_999,
        3_600_000,
    ]);
    prop_oneof![
        4 => from().prop_map(Step::Host),
        2 => (from(), index(), 0_u8..3)
            .prop_map(|(source, number, how)| Step::Back(source, number, how)),
        8 => (from(), index()).prop_map(|(source, number)| Step::Join(source, number)),
        3 => (0_u8..3, any::<bool>()).prop_map(|(token, host)| Step::Link(token, host)),
        8 => index().prop_map(Step::First),
        2 => (index(), 0_u32..4).prop_map(|(connection, off)| Step::Message(connection, off)),
        6 => index().prop_map(Step::Answer),
        3 => (index(), 3_u8..6, prop_oneof![4 => Just(1), 1 => 0_u32..3])
            .prop_map(|(host, kind, off)| Step::Refuse(host, kind, off)),
        4 => (index(), prop_oneof![4 => Just(1), 1 => 0_u32..3])
            .prop_map(|(connection, off)| Step::Confirmed(connection, off)),
        1 => index().prop_map(Step::Burn),
        1 => index().prop_map(Step::Frame),
        3 => index().prop_map(Step::Spoke),
        1 => index().prop_map(Step::Broke),
        4 => index().prop_map(Step::Gone),
        6 => (moments, prop::bool::weighted(0.8))
            .prop_map(|(millis, ticks)| Step::Wait(millis, ticks)),
    ]
}

/// A world, and numbers for what it has not seen yet.
struct Run {
    world: World,
    connections: u64,
    messages: u32,
}

impl Run {
    fn next(&mut self) -> u64 {
        self.connections += 1;
        self.connections
    }

    /// A message like no other, every second as long as one may be.
    fn message(&mut self) -> Vec<u8> {
        self.messages += 1;
        let mut message = one(self.messages);
        if self.messages.is_multiple_of(2) {
            message.resize(RELAY_MESSAGE, 0);
        }
        message
    }

    fn any(&self, index: usize, wanted: impl Fn(&Seat) -> bool) -> Option<(u64, Seat)> {
        let open: Vec<_> = self.world.open.iter().filter(|(_, role)| wanted(role)).collect();
        (!open.is_empty())
            .then(|| open[index % open.len()])
            .map(|(connection, role)| (connection.0, *role))
    }

    fn number(&self, index: usize) -> Nameplate {
        let seen = self.world.seen();
        seen.get(index % (seen.len() + 1)).copied().unwrap_or(Nameplate::new(102).unwrap())
    }

    fn host(&self, index: usize) -> Option<(u64, u32)> {
        match self.any(index, |role| matches!(role, Seat::Host(_)))? {
            (connection, Seat::Host(Some((_, attempt)))) => Some((connection, attempt)),
            other => panic!("a host that was told nothing: {other:?}"),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Host(source) => {
                let connection = self.next();
                self.world.ask(connection, super::world::source(source));
            }
            Step::Back(source, number, how) => {
                let (connection, nameplate) = (self.next(), self.number(number));
                let known = self.world.seen().contains(&nameplate) && how > 0;
                let owner = if known {
                    self.world.owner(nameplate)
                } else {
                    OwnerToken::new([how; OWNER_TOKEN])
                };
                self.world.back(connection, source, nameplate, &owner);
            }
            Step::Join(source, number) => {
                let connection = self.next();
                self.world.join(connection, source, self.number(number));
            }
            Step::Link(token, host) => {
                let connection = self.next();
                self.world.link(connection, token, if host { Role::Host } else { Role::Joiner });
            }
            Step::First(index) => {
                if let Some((host, attempt)) = self.host(index) {
                    let message = self.message();
                    self.world.say(host, attempt, &message);
                }
            }
            Step::Message(index, off) => {
                if let Some((connection, role)) = self.any(index, |_| true) {
                    let attempt =
                        if let Seat::Host(Some((_, attempt))) = role { attempt } else { 0 };
                    let message = self.message();
                    self.world.say(connection, (attempt + off).saturating_sub(1), &message);
                }
            }
            Step::Answer(index) => {
                if let Some((joiner, _)) = self.any(index, |role| matches!(role, Seat::Joiner(_)))
                    && self.world.heard(joiner).iter().any(|heard| matches!(heard, Heard::Frame(_)))
                {
                    let message = self.message();
                    self.world.message(joiner, &message);
                }
            }
            Step::Refuse(index, kind, off) => {
                if let Some((host, attempt)) = self.host(index) {
                    self.world.say(host, (attempt + off).saturating_sub(1), &[kind, 0, 0]);
                }
            }
            Step::Confirmed(index, off) => {
                if let Some((host, attempt)) = self.host(index) {
                    self.world.confirmed(host, (attempt + off).saturating_sub(1));
                }
            }
            Step::Burn(index) => self
                .any(index, |_| true)
                .into_iter()
                .for_each(|(connection, _)| self.world.burn(connection)),
            Step::Frame(index) => self.tell(index, Input::Frame),
            Step::Spoke(index) => {
                if let Some((end, _)) = self.any(index, |seat| matches!(seat, Seat::Paired(_))) {
                    self.world.spoke(end);
                }
            }
            Step::Broke(index) => self.tell(index, Input::Broke),
            Step::Gone(index) => self.tell(index, Input::Gone),
            Step::Wait(millis, true) => self.world.wait_millis(millis),
            Step::Wait(millis, false) => {
                self.world.now = self.world.now.after(core::time::Duration::from_millis(millis));
                self.world.tell(Input::Tick);
            }
        }
    }

    fn tell(&mut self, index: usize, input: impl Fn(Connection) -> Input<'static>) {
        if let Some((connection, _)) = self.any(index, |_| true) {
            self.world.tell(input(Connection(connection)));
        }
    }
}

/// Sequences: 100,000 in a full run.
fn cases() -> ProptestConfig {
    let full = std::env::var_os("PINHOLE_FULL").is_some_and(|value| value == "1");
    ProptestConfig {
        cases: if full { 100_000 } else { 1000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]
    #[test]
    fn whatever_happens_the_rules_hold_and_everything_ends(
        steps in prop::collection::vec(step(), 0..120),
        spread in prop::sample::select(vec![1_u64, 2, 4, u64::MAX]),
        public: bool,
    ) {
        let shares = Shares { source: 12, site: 30, provider: 30 };
        let limits = Limits { numbers: 40, shares, public, ..Limits::default() };
        let mut run = Run { world: World::with(limits, spread), connections: 0, messages: 0 };
        for step in &steps {
            run.step(step);
        }
        // Nobody says anything more, and nobody leaves: an hour later all are closed, and an hour
        // after that nothing is remembered.
        run.world.wait_seconds(3600 + 120);
        prop_assert!(run.world.open.is_empty());
        run.world.wait_seconds(3600);
        let nothing = Population { connections: 0, hosts: 0, resting: 0, slots: 0, pairs: 0 };
        prop_assert_eq!(run.world.pairing.population(), nothing);
        prop_assert!(run.world.pairing.numbers.is_empty());
        prop_assert_eq!((run.world.pairing.quotas().remembered(), run.world.wake_at), (0, None));
    }
}
