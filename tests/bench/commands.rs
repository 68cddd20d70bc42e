//! Commands from their start to their end, and the time until a code is there.

use crate::bench::Bench;
use crate::program::Session;
use crate::report;
use crate::source::write_folder;
use crate::table::{Measurement, Round, Row, Sample, Wanted, in_turns};
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Size of a sparse file of which only the code is waited for.
const SPARSE: u64 = 100 << 30;

/// `--version` beside a program that does nothing.
pub fn start<'a>(bench: &'a Bench<'_>, commands: usize) -> Measurement<'a> {
    let rows = vec![Row::new("`--version`", "`true`", Wanted::More(3.0), "ms")];
    let begin = move || -> io::Result<Round<'a>> {
        let place = bench.in_memory()?;
        Ok(Box::new(move |round| {
            let [ours, nothing] = medians(round, commands, [true, false], |ours| {
                let command = if ours {
                    bench.program.command(["--version"], place.path())
                } else {
                    Command::new("true")
                };
                run(command, "")
            })?;
            Ok(vec![Sample::beyond(ours, nothing)])
        }))
    };
    Measurement { name: "start".to_owned(), rows, begin: Box::new(begin) }
}

/// The code of a large file and a large folder beside `--version`: nothing is read for it.
pub fn code<'a>(bench: &'a Bench<'_>, files: u32) -> Measurement<'a> {
    let row = |what| {
        Row::new(format!("from `give` to its code, {what}"), "`--version`", Wanted::Nothing, "ms")
    };
    let sparse = format!("a sparse file of {}", report::size(SPARSE));
    let rows = vec![row(sparse), row(format!("a folder of {files} files"))];
    let begin = move || -> io::Result<Round<'a>> {
        let place = bench.in_memory()?;
        let (sparse, folder) = (place.path().join("sparse.bin"), place.path().join("folder"));
        File::create(&sparse)?.set_len(SPARSE)?;
        write_folder(&folder, files, 1)?;
        Ok(Box::new(move |round| {
            let works = [None, Some(&sparse), Some(&folder)];
            let times = in_turns(round, &works, |given| match given {
                None => run(bench.program.command(["--version"], place.path()), ""),
                Some(given) => {
                    let mut giving = bench.program.give(given, place.path(), None)?;
                    giving.child.kill()?;
                    giving.child.wait()?;
                    Ok(ms(giving.time))
                }
            })?;
            Ok(times[1..].iter().map(|time| Sample::beyond(*time, times[0])).collect())
        }))
    };
    Measurement { name: "code".to_owned(), rows, begin: Box::new(begin) }
}

/// Commands at a channel that is open in another process, beside one that only starts.
pub fn channel<'a>(bench: &'a Bench<'_>, commands: usize) -> Measurement<'a> {
    let row = |what, wanted| Row::new(what, "`--version`", wanted, "ms");
    let rows = vec![
        row("`send` of a text until it is delivered, one machine", Wanted::More(20.0)),
        row("`receive` of it", Wanted::Nothing),
    ];
    let begin = move || -> io::Result<Round<'a>> {
        let place = bench.in_memory()?;
        let homes = ["host", "peer"].map(|name| place.path().join(name));
        homes.iter().try_for_each(std::fs::create_dir)?;
        let host = Session::start(bench.program, &["host"], &homes[0])?;
        let peer = Session::start(bench.program, &["connect", &host.code], &homes[1])?;
        Ok(Box::new(move |_| {
            let (host, _peer, _place, [here, there]) = (&host, &peer, &place, &homes);
            let works: [(&[&str], &Path, &str); 3] = [
                (&["--version"], here, "pinhole"),
                (&["send", host.number(), "a text"], here, "\"delivered\""),
                (&["receive"], there, "\"text\""),
            ];
            // A text is received after it was sent: the order stays.
            let [start, send, receive] = medians(0, commands, works, |(args, home, says)| {
                run(bench.program.command(args, home), says)
            })?;
            Ok(vec![Sample::beyond(send, start), Sample::beyond(receive, start)])
        }))
    };
    Measurement { name: "channel".to_owned(), rows, begin: Box::new(begin) }
}

/// The middle of the milliseconds that each work took, after one that is not counted.
fn medians<W: Copy, const N: usize>(
    round: usize,
    count: usize,
    works: [W; N],
    mut work: impl FnMut(W) -> io::Result<f64>,
) -> io::Result<[f64; N]> {
    let mut times = [(); N].map(|()| Vec::new());
    for number in 0..=count {
        let taken = in_turns(round, &works, |one| work(*one))?;
        if number > 0 {
            times.iter_mut().zip(taken).for_each(|(times, time)| times.push(time));
        }
    }
    Ok(times.map(report::median))
}

/// Milliseconds of a command to its good end, at which it has said this.
fn run(mut command: Command, says: &str) -> io::Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let begun = Instant::now();
    let output = command.output()?;
    let time = begun.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.contains(says) {
        Ok(ms(time))
    } else {
        Err(io::Error::other(format!("{command:?} ended with {}: {said}", output.status)))
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
