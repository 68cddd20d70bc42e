//! Runs from seeds. `PINHOLE_RUNS` says how many, `PINHOLE_SEED` from which on.

use super::acts::acts;
use super::world::World;
use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A conversation of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Channel {
    /// Seed of all that is drawn while it runs.
    pub(super) seed: u64,
    pub(super) wants: (Want, Want),
    /// The side that leaves before the storm is over, and when.
    pub(super) early: Option<(usize, u64)>,
    /// Sides at which the words are compared, in the midst of it.
    pub(super) verify: (bool, bool),
    /// True if bulk may go over several links.
    pub(super) striping: bool,
    /// True if links are made without the relay.
    pub(super) direct: bool,
    /// True if they are made by it.
    pub(super) relay: bool,
}

/// Everything that is done in a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) channels: Vec<Channel>,
    /// Acts, each with its moment and the channel that it concerns.
    pub(super) acts: Vec<(u64, usize, Act)>,
    /// The moment from which on nothing is lost.
    pub(super) calm: u64,
}

impl Plan {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        let (mut channels, mut givers) = (Vec::new(), Vec::new());
        for number in 0..1 + rng.next_u64() % 3 {
            let (wants, gives) = match rng.next_u64() % 8 {
                0 => ((Want::Give, Want::Take), Some(0)),
                1 => ((Want::Take, Want::Give), Some(1)),
                2 => ((Want::Both, Want::Take), Some(0)),
                _ => ((Want::Both, Want::Both), None),
            };
            let verifies = rng.next_u64();
            let (direct, relay) = [(true, false), (false, true), (true, true), (false, true)]
                [(rng.next_u64() % 4) as usize];
            let verify = (verifies % 16 == 0, verifies % 16 == 1);
            let striping = verifies >> 8 & 3 != 0;
            let seed = seed * 8 + number;
            channels.push(Channel { seed, wants, early: None, verify, striping, direct, relay });
            givers.push(gives);
        }
        let mut acts = acts(&mut rng, &givers);
        let calm = acts.last().map_or(0, |(at, ..)| *at);
        for who in 0..channels.len() {
            // Half have stripes from the beginning.
            let (side, count) = (rng.next_u64() % 2, rng.next_u64() % 16);
            if count < 8 {
                acts.insert(0, (0, who, Act::Wish(side as usize, count as usize)));
            }
        }
        for (channel, gives) in channels.iter_mut().zip(givers) {
            let leaves = || (rng.next_u64() % 6 == 0).then(|| (rng.next_u64() % 2) as usize);
            channel.early =
                gives.or_else(leaves).map(|side| (side, calm * (rng.next_u64() % 7) / 6));
        }
        Self { channels, acts, calm }
    }

    /// Runs it, and panics if something does not hold.
    pub(super) fn holds(&self) {
        self.run(&mut self.world(false));
    }

    fn world(&self, traced: bool) -> World {
        let storm = |channel: &Channel| {
            let (wants, verify) = (channel.wants, channel.verify);
            let (wants, verify) = ([wants.0, wants.1], [verify.0, verify.1]);
            let mut storm = Storm::new(channel.seed, wants, verify, channel.striping);
            storm.trace = traced.then(Vec::new);
            storm
        };
        let ways: Vec<_> = self.channels.iter().map(|it| (it.direct, it.relay)).collect();
        World::new(self.channels.iter().map(storm).collect(), &ways)
    }

    fn run(&self, world: &mut World) {
        for (at, who, act) in &self.acts {
            world.acts(*at, *who, act.clone());
        }
        for (channel, storm) in self.channels.iter().zip(&mut world.storms) {
            for (side, verifies) in [channel.verify.0, channel.verify.1].into_iter().enumerate() {
                if verifies {
                    storm.at(self.calm / 2, Happening::Act(Act::Verified(side)));
                }
            }
            storm.at(self.calm, Happening::Calm);
            if let Some((side, at)) = channel.early {
                storm.at(at, Happening::Act(Act::Leave(side)));
            } else {
                // Whoever sleeps then wakes in this time, and what is dead is missed.
                let wait = 20_000 + channel.seed % 3 * 20_000;
                let who = [channel.seed >> 3 & 3 != 0, channel.seed >> 4 & 3 != 0];
                let who = if who == [false, false] { [true, false] } else { who };
                storm.at(self.calm + wait, Happening::Leaves(who, 60));
            }
        }
        world.run(self.calm + 1_000_000);
        for (channel, storm) in self.channels.iter().zip(&world.storms) {
            let over = [0, 1].map(|side| storm.parties[side].over);
            let never = over.contains(&Some(Outcome::NeverHeard));
            assert!(never || over.iter().all(Option::is_some), "not over: {over:?}");
            let giver = [channel.wants.0, channel.wants.1].iter().position(|it| *it == Want::Give);
            if let Some(giver) = giver.filter(|giver| storm.model.is_answered(*giver) && !never) {
                assert_eq!(over[giver], Some(Outcome::Done), "it has its results");
            }
            if channel.early.is_none() && !never {
                assert_eq!(over, [Some(Outcome::Done); 2]);
                storm.model.is_done();
            }
        }
    }

    /// The fault of a run, if it has one.
    fn fault(&self, world: &mut World) -> Option<String> {
        let ran = catch_unwind(AssertUnwindSafe(|| self.run(world)));
        let fault = ran.err()?;
        let words = fault.downcast_ref::<String>().cloned();
        words.or_else(|| Some(fault.downcast_ref::<&str>()?.to_string())).or(Some(String::new()))
    }

    fn fails(&self) -> bool {
        self.fault(&mut self.world(false)).is_some()
    }

    /// Everything that happens in each channel, and the fault.
    fn traced(&self) -> (Vec<Vec<(u64, String)>>, Option<String>) {
        let mut world = self.world(true);
        let fault = self.fault(&mut world);
        let traces = world.storms.iter_mut().map(|storm| storm.trace.take().unwrap_or_default());
        (traces.collect(), fault)
    }

    /// The least of it that still fails: no channel, act or wish can be spared. Whatever is left out
    /// changes all that is drawn later, so a few other draws are tried each time.
    fn shrunk(mut self, fails: impl Fn(&Self) -> bool) -> Self {
        let spare = |plan: &mut Self, change: &dyn Fn(&mut Self)| {
            let tries = (0..8).map(|other| {
                let mut less = plan.clone();
                change(&mut less);
                less.channels.iter_mut().for_each(|channel| channel.seed += 96 * other);
                less
            });
            let less = tries.into_iter().find(|less| less != plan && fails(less));
            less.map(|less| *plan = less).is_some()
        };
        for number in (0..self.channels.len()).rev() {
            if self.channels.len() > 1 {
                spare(&mut self, &|less| less.leave_out(number));
            }
        }
        let mut size = self.acts.len();
        while size > 0 {
            let (mut from, mut fewer) = (0, false);
            while from < self.acts.len() {
                let to = (from + size).min(self.acts.len());
                if spare(&mut self, &|less| drop(less.acts.drain(from..to))) {
                    fewer = true;
                } else {
                    from += size;
                }
            }
            // Something that could not be spared with all the rest may be now.
            size = if size == 1 && fewer { 1 } else { size / 2 };
        }
        for number in 0..self.channels.len() {
            let simpler: [fn(&mut Channel); 4] = [
                |channel| channel.striping = false,
                |channel| channel.early = None,
                |channel| channel.verify = (false, false),
                |channel| (channel.direct, channel.relay) = (true, false),
            ];
            for simpler in simpler {
                let mut less = self.channels[number].clone();
                simpler(&mut less);
                if less != self.channels[number] {
                    spare(&mut self, &|plan| simpler(&mut plan.channels[number]));
                }
            }
        }
        self
    }

    fn leave_out(&mut self, number: usize) {
        self.channels.remove(number);
        self.acts.retain(|(_, who, _)| *who != number);
        self.acts.iter_mut().for_each(|(_, who, _)| *who -= usize::from(*who > number));
    }

    /// The plan as a line of a test, for `found.rs`.
    pub(super) fn printed(&self) -> String {
        format!("{self:?}.holds();").replace('[', "vec![")
    }

    /// The part of it that concerns this channel alone, or all.
    fn alone(&self, number: usize) -> Self {
        let concerns = |who: usize, act: &Act| {
            who == number || matches!(act, Act::Restart(_) | Act::Blackout(_))
        };
        let mut alone = self.clone();
        alone.acts.retain(|(_, who, act)| concerns(*who, act));
        alone
    }
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn seeds() -> std::ops::Range<u64> {
    let first = number("PINHOLE_SEED").unwrap_or(0);
    first..first + number("PINHOLE_RUNS").unwrap_or(1_000)
}

#[test]
fn whatever_becomes_of_links_everything_arrives_once_and_both_sides_end_well() {
    let mut seen = BTreeMap::new();
    for seed in seeds() {
        let plan = Plan::new(seed);
        let mut world = plan.world(false);
        if plan.fault(&mut world).is_some() {
            let plan = plan.shrunk(Plan::fails);
            let (traces, fault) = plan.traced();
            let traces = traces.into_iter().enumerate();
            let mut lines: Vec<_> = traces
                .flat_map(|(n, trace)| trace.into_iter().map(move |(at, line)| (at, n, line)))
                .collect();
            lines.sort_by_key(|(at, ..)| *at);
            lines.iter().for_each(|(at, number, line)| println!("{at} {number}: {line}"));
            panic!("seed {seed}: {}\n{}", fault.unwrap(), plan.printed());
        }
        if plan.acts.iter().any(|(.., act)| matches!(act, Act::Restart(_))) {
            *seen.entry("runs with a restart").or_default() += 1;
        }
        let by_models = world.storms.iter().flat_map(|storm| &storm.model.seen);
        for (what, count) in world.seen.iter().chain(by_models) {
            *seen.entry(what).or_default() += count;
        }
    }
    println!("{seen:?}");
    let often = |what: &str| seen.get(what).copied().unwrap_or(0) >= seeds().count() as u64 / 20;
    let all = [
        "met",
        "replaced",
        "a pair broken",
        "a pair cut",
        "a waiting side cut",
        "nobody there",
        "with a stranger",
        "a stripe",
        "a grant on a stripe beside others",
        "a stripe's end said",
        "a stripe that took something along",
    ];
    assert!(all.into_iter().all(often), "it no longer comes to something: {seen:?}");
}

#[test]
fn what_one_conversation_does_never_reaches_another() {
    for seed in seeds().step_by(20) {
        let plan = Plan::new(seed);
        let (together, _) = plan.traced();
        for (number, trace) in together.iter().enumerate() {
            let alone = &plan.alone(number).traced().0[number];
            let differs = trace.iter().zip(alone).find(|(one, other)| one != other);
            assert!(differs.is_none(), "seed {seed}, {number}: {differs:?}");
            assert_eq!(trace.len(), alone.len(), "seed {seed}, {number}");
        }
    }
}

#[test]
fn a_run_that_fails_shrinks_to_the_acts_that_it_takes() {
    let kinds = |plan: &Plan| {
        let has = |is: fn(&Act) -> bool| plan.acts.iter().any(|(.., act)| is(act));
        has(|act| matches!(act, Act::Sleep(..))) && has(|act| matches!(act, Act::Restart(_)))
    };
    let long = |plan: &Plan| plan.acts.len() > 100 && kinds(plan);
    let least = (0..).map(Plan::new).find(long).unwrap().shrunk(kinds);
    assert_eq!(least.acts.len(), 2);
    assert!(kinds(&least));
}
