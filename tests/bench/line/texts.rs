//! Time of a text, from the start of `send` until it is delivered, while a file is on its way in
//! the same direction.

use super::Ends;
use crate::options::Line;
use crate::program::{Program, Session};
use crate::report;
use std::io;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Round trips that a file has before the first text: its connections have their speed by then.
const BEFORE: u32 = 10;
/// Files sent for as many texts as are wished.
const FILES: usize = 40;

/// The middle and 95 of 100 while files are on their way, and the middle when nothing else is.
pub fn measure(line: &Line, ends: &Ends, source: &Path, place: &Path) -> io::Result<String> {
    let homes = [place.join(format!("{} host", ends.name)), place.join(ends.name)];
    homes.iter().try_for_each(std::fs::create_dir)?;
    let [here, there] = &homes;
    let host = Session::start(&ends.giver, &["host"], here)?;
    let _peer = Session::start(&ends.taker, &["connect", &ends.code(&host.code)], there)?;
    let trip = Duration::from_secs_f64(line.rtt.max(1.0) / 1e3);
    let one = || text(&ends.giver, host.number(), here).map(|time| time.div_duration_f64(trip));
    one()?;
    let idle = (0..line.texts).map(|_| one()).collect::<io::Result<Vec<_>>>()?;
    let mut times = Vec::new();
    for _ in 0..FILES {
        let mut file = send_file(&ends.giver, host.number(), source, here)?;
        thread::sleep(trip * BEFORE);
        while times.len() < line.texts {
            let time = one()?;
            if file.try_wait()?.is_some() {
                break;
            }
            times.push(time);
            thread::sleep(trip);
        }
        let enough = times.len() >= line.texts;
        if enough {
            let _ = file.kill();
        }
        let status = file.wait()?;
        if enough {
            break;
        }
        if !status.success() {
            return Err(io::Error::other("a file was not delivered"));
        }
    }
    Ok(format!(
        "{:.1}, 95 of 100 within {:.1}; {:.1} ({} texts)",
        report::median(times.clone()),
        report::within(times.clone(), 95),
        report::median(idle),
        times.len()
    ))
}

fn text(program: &Program, number: &str, home: &Path) -> io::Result<Duration> {
    let begun = Instant::now();
    let output = program.command(["send", number, "a text", "--wait", "5m"], home).output()?;
    let time = begun.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    if said.contains("\"delivered\"") {
        Ok(time)
    } else {
        Err(io::Error::other(format!("a text was not delivered: {said}")))
    }
}

fn send_file(program: &Program, number: &str, file: &Path, home: &Path) -> io::Result<Child> {
    program
        .command(["send", number, "--wait", "1h", "--file"], home)
        .arg(file)
        .stdout(Stdio::null())
        .spawn()
}
