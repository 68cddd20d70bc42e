//! Speed of one pair, and of a file through the relay beside the direct way.

use super::paired::{RECORD, move_records};
use super::peer::pair;
use crate::options::Options;
use crate::program::Program;
use crate::{fresh, report, write_source};
use std::io;
use std::path::Path;
use std::time::Instant;

pub fn measure(options: &Options, program: &Program, place: &Path) -> io::Result<()> {
    println!("\nthrough the relay, {}", report::size(options.size));
    let relay = program.relay(&[], place)?;
    let mut one = [pair(relay.port)?];
    let records = usize::try_from(options.size).map_err(io::Error::other)? / RECORD;
    let (begun, used) = (Instant::now(), relay.used()?);
    move_records(&mut one, records)?;
    let bytes = (records * RECORD) as u64;
    let processor = relay.used()?.since(used).processor() * f64::from(1 << 30) / bytes as f64;
    println!(
        "  one pair: {}, {processor:.2} s of the relay's processor a GiB, {:.2} GB/s a core",
        report::speed(bytes, begun.elapsed()),
        a_core(processor)
    );
    let source = place.join("source.bin");
    write_source(&source, options.size)?;
    let url = relay.url();
    let (mut ratios, mut used) = (Vec::new(), relay.used()?);
    for round in 0..options.rounds {
        let time = |relay: Option<&str>| {
            fresh(place, |target| program.transfer(&source, &target, relay)).map(|moved| moved.time)
        };
        // The order changes each round, as it does for the plain copy.
        let (direct, through) = if round % 2 == 0 {
            let direct = time(None)?;
            (direct, time(Some(&url))?)
        } else {
            let through = time(Some(&url))?;
            (time(None)?, through)
        };
        let ratio = direct.as_secs_f64() / through.as_secs_f64();
        let speed = |time| report::speed(options.size, time);
        println!(
            "  round {}: direct {}, through the relay {}, ratio {ratio:.2}",
            round + 1,
            speed(direct),
            speed(through)
        );
        ratios.push(ratio);
    }
    println!("  median ratio {:.2}", report::median(ratios));
    used = relay.used()?.since(used);
    let gibs = (options.size * options.rounds as u64) as f64 / f64::from(1 << 30);
    println!(
        "  relay: {used}, for {} rounds: {:.2} GB/s a core",
        options.rounds,
        a_core(used.processor() / gibs)
    );
    std::fs::remove_file(source)
}

/// GB that one core forwards in a second, if a GiB takes it so many.
fn a_core(seconds: f64) -> f64 {
    f64::from(1 << 30) / 1e9 / seconds
}
