//! Runs from seeds. `PINHOLE_RUNS` says how many, `PINHOLE_SEED` from which on.

use super::acts::acts;
use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Everything that is done in a run.
#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    wants: [Want; 2],
    /// Milliseconds before each, and what is done.
    acts: Vec<(u64, Act)>,
    /// A side leaves before the storm is over.
    early: Option<usize>,
    /// Sides that compare the words, in the midst of it.
    verify: [bool; 2],
}

impl Plan {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        let (wants, gives) = match rng.next_u64() % 8 {
            0 => ([Want::Give, Want::Take], Some(0)),
            1 => ([Want::Take, Want::Give], Some(1)),
            2 => ([Want::Both, Want::Take], Some(0)),
            _ => ([Want::Both, Want::Both], None),
        };
        let early = gives.or_else(|| rng.next_u64().is_multiple_of(6).then_some(seed as usize % 2));
        let verify = [8, 4].map(|bit| rng.next_u64() % 8 == 0 && seed & bit != 0);
        Self { seed, wants, acts: acts(&mut rng, gives), early, verify }
    }

    /// Runs it, and panics if something does not hold.
    fn run(&self, storm: &mut Storm) {
        storm.made([true, true]);
        let mut wait = 0;
        for (before, act) in &self.acts {
            wait += before;
            storm.at(wait, Happening::Act(act.clone()));
        }
        for side in (0..2).filter(|side| self.verify[*side]) {
            storm.at(wait / 2, Happening::Act(Act::Verified(side)));
        }
        if let Some(side) = self.early {
            let at = wait * (self.seed % 7) / 6;
            storm.at(at, Happening::Act(Act::Leave(side)));
        }
        storm.run(wait);
        storm.calm = true;
        storm.outage = storm.now;
        // Whoever sleeps then wakes in this time, and what is dead is missed.
        storm.run(20_000 + self.seed % 3 * 20_000);
        let linked = |party: &Party| party.over.is_some() || party.conversation.is_linked();
        for _ in 0..60 {
            if !storm.parties.iter().all(linked) {
                storm.run(1_000);
            }
        }
        if self.early.is_none() {
            let leaves =
                |side: usize| self.seed >> side & 3 != 0 || side == 0 && self.seed & 7 == 0;
            for side in (0..2).filter(|side| leaves(*side)) {
                if storm.parties[side].over.is_none() {
                    storm.tell(side, Input::Leave);
                }
            }
        }
        storm.run(if self.early.is_none() { 300_000 } else { 1_000_000 });
        let over = [0, 1].map(|side| storm.parties[side].over);
        let never = over.contains(&Some(Outcome::NeverHeard));
        assert!(never || over.iter().all(Option::is_some), "not over: {over:?}");
        if self.early.is_none() && !never {
            assert_eq!(over, [Some(Outcome::Done); 2]);
            storm.model.is_done();
        }
    }

    /// The fault of a run, if it has one.
    fn fault(&self, traced: bool) -> Option<(String, Vec<String>)> {
        let mut storm = Storm::new(self.seed, self.wants, self.verify);
        storm.trace = traced.then(Vec::new);
        let ran = catch_unwind(AssertUnwindSafe(|| self.run(&mut storm)));
        let fault = ran.err()?;
        let words = fault.downcast_ref::<String>().cloned();
        let words = words.or_else(|| fault.downcast_ref::<&str>().map(|words| words.to_string()));
        Some((words.unwrap_or_default(), storm.trace.unwrap_or_default()))
    }

    /// The smallest of what was done that still has a fault.
    fn shrunk(mut self) -> Self {
        let mut size = self.acts.len();
        while size > 0 {
            let mut from = 0;
            while from < self.acts.len() {
                let mut less = self.clone();
                less.acts.drain(from..(from + size).min(less.acts.len()));
                if less.fault(false).is_some() {
                    self = less;
                } else {
                    from += size;
                }
            }
            size /= 2;
        }
        self
    }
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn whatever_becomes_of_links_everything_arrives_once_and_both_sides_end_well() {
    let first = number("PINHOLE_SEED").unwrap_or(0);
    for seed in first..first + number("PINHOLE_RUNS").unwrap_or(1_000) {
        let plan = Plan::new(seed);
        if plan.fault(false).is_some() {
            let plan = plan.shrunk();
            let (fault, trace) = plan.fault(true).unwrap();
            panic!("seed {seed}: {fault}\n{plan:?}\n{}", trace.join("\n"));
        }
    }
}
