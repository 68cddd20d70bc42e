//! Many pairs at once, all behind one address of a relay.

use super::{Ground, Line};
use crate::bench::Bench;
use crate::report;
use crate::source::fresh;
use crate::table::{Measurement, Round, Row, Sample, Wanted};
use std::io;
use std::thread;
use std::time::Instant;

/// Pairs that move a file each through a relay with its default limits. All complete.
pub fn pairs<'a>(bench: &'a Bench<'_>, line: Line, count: usize) -> Measurement<'a> {
    let figure = format!(
        "{count} pairs behind one address, {} each, through a relay with default limits",
        report::size(line.size)
    );
    let row = Row::new(figure, "all complete", Wanted::Least(1.0), "MB/s");
    let begin = move || -> io::Result<Round<'a>> {
        let ground = Ground::new(bench, Line { relay: true, ..line })?;
        Ok(Box::new(move |_| {
            let begun = Instant::now();
            let complete = thread::scope(|threads| {
                let pairs: Vec<_> = (0..count).map(|_| threads.spawn(|| pair(&ground))).collect();
                let ended = pairs.into_iter().map(|pair| pair.join());
                ended.filter(|complete| matches!(complete, Ok(true))).count()
            });
            let bytes = complete as u64 * ground.line.size;
            Ok(vec![Sample {
                ratio: complete as f64 / count as f64,
                ours: bytes as f64 / 1e6 / begun.elapsed().as_secs_f64(),
                reference: None,
            }])
        }))
    };
    Measurement { name: "pairs".to_owned(), rows: vec![row], begin: Box::new(begin) }
}

/// True if it completed. Both sides are on the giver's machine.
fn pair(ground: &Ground) -> bool {
    let ends = &ground.ends;
    let moved = fresh(ground.place.path(), |target| {
        ends.transfer_by([&ends.giver, &ends.giver], &ground.file, &target)
    });
    moved.inspect_err(|error| eprintln!("a pair failed: {error}")).is_ok()
}
