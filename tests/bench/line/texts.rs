//! Time of a text, from the start of `send` until it is delivered, while a file is on its way in
//! the same direction.

use super::Ends;
use crate::options::Line;
use crate::program::{Program, Session};
use std::io;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Instant;

/// Round trips that a file has before the first text: its connections have their speed by then.
const BEFORE: u32 = 10;
/// Files sent for as many texts as are wished.
const FILES: usize = 40;

/// The milliseconds of each text.
pub fn measure(line: &Line, ends: &Ends, source: &Path, place: &Path) -> io::Result<Vec<f64>> {
    let homes = [tempfile::tempdir_in(place)?, tempfile::tempdir_in(place)?];
    let [here, there] = homes.each_ref().map(|home| home.path());
    let host = Session::start(&ends.giver, &["host"], here)?;
    let _peer = Session::start(&ends.taker, &["connect", &ends.code(&host.code)], there)?;
    let (trip, mut times) = (line.trip(), Vec::new());
    // One that nothing is in the way of: it brings the program into memory.
    text(&ends.giver, host.number(), here)?;
    for _ in 0..FILES {
        let mut file = send_file(&ends.giver, host.number(), source, here)?;
        thread::sleep(trip * BEFORE);
        while times.len() < line.texts {
            let time = text(&ends.giver, host.number(), here)?;
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
    Ok(times)
}

fn text(program: &Program, number: &str, home: &Path) -> io::Result<f64> {
    let begun = Instant::now();
    let output = program.command(["send", number, "a text", "--wait", "5m"], home).output()?;
    let time = begun.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    if said.contains("\"delivered\"") {
        Ok(time.as_secs_f64() * 1e3)
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
