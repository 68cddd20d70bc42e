//! A file on one machine: the direct way beside a plain copy, and a relay beside the direct way.

use crate::bench::Bench;
use crate::plain;
use crate::program::Moved;
use crate::report;
use crate::source::{fresh, write_file};
use crate::table::{Measurement, Round, Row, Sample, Wanted, in_turns};
use std::io;
use std::path::Path;
use std::time::Duration;

/// Processor time for a GB that each side may use beyond the plain copy's.
const PROCESSOR: Wanted = Wanted::More(0.15);
/// Bytes of a GB.
const GB: f64 = 1e9;

/// The direct way beside a plain copy.
pub fn direct<'a>(bench: &'a Bench<'_>, disk: bool, size: u64, wanted: f64) -> Measurement<'a> {
    let (name, on) = if disk { ("direct-disk", "ext4") } else { ("direct-memory", "tmpfs") };
    let figure = format!("{} direct, {on}", report::size(size));
    let side =
        |side, plain| Row::new(format!("the same, processor a GB, {side}"), plain, PROCESSOR, "s");
    let rows = vec![
        Row::new(&figure, "plain TCP copy", Wanted::Least(wanted), "MB/s"),
        side("giver", "its sender"),
        side("taker", "its receiver"),
    ];
    let begin = move || -> io::Result<Round<'a>> {
        let place = if disk { bench.on_ext4()? } else { bench.in_memory()? };
        let source = place.path().join("source.bin");
        write_file(&source, size)?;
        let plain = move |source: &Path, place: &Path| {
            fresh(place, |target| plain::copy(source, &target, plain::loopback()?))
        };
        // Uncounted: a machine that has not used its memory yet pays for that once.
        plain(&source, place.path())?;
        Ok(Box::new(move |round| {
            let sides = in_turns(round, &[true, false], |ours| {
                if *ours {
                    let Moved { time, giver, taker } = fresh(place.path(), |target| {
                        bench.program.transfer(&source, &target, None)
                    })?;
                    Ok((time, giver.processor(), taker.processor()))
                } else {
                    let copied = plain(&source, place.path())?;
                    Ok((copied.time, copied.sender, copied.receiver))
                }
            })?;
            let [ours, plain] = [sides[0], sides[1]];
            let gbs = size as f64 / GB;
            Ok(vec![
                speed(size, ours.0, plain.0),
                Sample::beyond(ours.1 / gbs, plain.1 / gbs),
                Sample::beyond(ours.2 / gbs, plain.2 / gbs),
            ])
        }))
    };
    Measurement { name: name.to_owned(), rows, begin: Box::new(begin) }
}

/// Through a relay with its default limits, beside the direct way.
pub fn relayed<'a>(bench: &'a Bench<'_>, size: u64, wanted: f64) -> Measurement<'a> {
    let figure = format!("{} through a relay, tmpfs", report::size(size));
    let rows = vec![
        Row::new(figure, "our direct way", Wanted::Least(wanted), "MB/s"),
        Row::new("the same, what a core of the relay forwards", "", Wanted::Nothing, "GB/s"),
    ];
    let begin = move || -> io::Result<Round<'a>> {
        let place = bench.in_memory()?;
        let source = place.path().join("source.bin");
        write_file(&source, size)?;
        let relay = bench.program.relay(&[], place.path())?;
        let url = relay.url();
        Ok(Box::new(move |round| {
            let before = relay.used()?;
            let times = in_turns(round, &[Some(url.as_str()), None], |relay| {
                fresh(place.path(), |target| bench.program.transfer(&source, &target, *relay))
            })?;
            let processor = relay.used()?.since(before).processor();
            Ok(vec![
                speed(size, times[0].time, times[1].time),
                Sample::alone(size as f64 / GB / processor),
            ])
        }))
    };
    Measurement { name: "relay".to_owned(), rows, begin: Box::new(begin) }
}

fn speed(bytes: u64, ours: Duration, reference: Duration) -> Sample {
    Sample::speed(bytes as f64 / 1e6, ours.as_secs_f64(), reference.as_secs_f64())
}
