//! One relay in a process of its own, and thousands of connections from this one: what a machine
//! for it needs.

mod hostile;
mod paired;
mod peer;
mod slow;
mod waiting;

use crate::options::{Part, Relay};
use crate::program::{Program, Used};
use crate::report;
use clap::ValueEnum;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::path::Path;

/// Measures all parts, or those that are asked for.
pub fn measure(rounds: usize, counts: &Relay, program: &Program, place: &Path) -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    for part in Part::value_variants() {
        if !counts.only.is_empty() && !counts.only.contains(part) {
            continue;
        }
        match part {
            Part::Waiting => waiting::measure(counts, program, place)?,
            Part::Paired => paired::measure(counts.pairs, program, place)?,
            Part::Slow => slow::measure(rounds, counts, program, place)?,
            Part::Hostile => hostile::measure(counts, program, place)?,
        }
    }
    Ok(())
}

/// Resident memory in all, its peak, and what each of so many takes of it beyond what there was
/// before.
fn memory(used: Used, before: Used, each: u32, what: &str) -> String {
    let kib = |kib: u64| report::size(kib << 10);
    let share = used.resident.saturating_sub(before.resident) as f64 / f64::from(each);
    format!("resident {} (peak {}), {share:.1} KiB a {what}", kib(used.resident), kib(used.memory))
}
