//! Time that another command takes at a session that runs: from its start to its end, with
//! everything in between.

use crate::options::Control;
use crate::program::{Program, Session};
use crate::report;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A command, where it is run, and what it says if it went well: of a `send`, that it is delivered.
struct Kind<'a> {
    args: &'a [&'a str],
    home: &'a Path,
    says: &'a str,
}

/// A host and its peer, to which a few hundred commands speak, and one command that only starts and
/// ends.
pub fn measure(options: &Control, program: &Program, place: &Path) -> io::Result<()> {
    let homes = [place.join("host"), place.join("peer")];
    homes.iter().try_for_each(std::fs::create_dir)?;
    let [here, there] = &homes;
    let host = Session::start(program, &["host"], here)?;
    let _peer = Session::start(program, &["connect", &host.code], there)?;
    println!(
        "\ncommands at a channel on this machine, from start to end, {} of each, in turns",
        options.commands
    );
    let kinds = [
        Kind { args: &["--version"], home: here, says: "pinhole" },
        Kind { args: &["status"], home: here, says: "\"session\"" },
        Kind { args: &["send", host.number(), "a text"], home: here, says: "\"delivered\"" },
        Kind { args: &["receive"], home: there, says: "\"text\"" },
    ];
    let mut times = kinds.each_ref().map(|_| Vec::new());
    for round in 0..=options.commands {
        for (kind, times) in kinds.iter().zip(&mut times) {
            let (time, said) = run(program.command(kind.args, kind.home))?;
            if !said.contains(kind.says) {
                return Err(io::Error::other(format!(
                    "{:?} did not say {}: {said}",
                    kind.args, kind.says
                )));
            }
            // The first brings the program into memory, and receives what came before.
            if round > 0 {
                times.push(time);
            }
        }
    }
    let middle =
        |times: &[Duration]| report::median(times.iter().map(Duration::as_secs_f64).collect());
    let start = times.first().map_or(f64::NAN, |times| middle(times));
    for (kind, times) in kinds.iter().zip(times) {
        let name = kind.args.first().unwrap_or(&"");
        println!(
            "  {name}: {:.1} of a start; {}",
            middle(&times) / start,
            report::spread(times, 95)
        );
    }
    Ok(())
}

/// Runs a command to its good end: how long it took, and what it said.
fn run(mut command: Command) -> io::Result<(Duration, String)> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let begun = Instant::now();
    let output = command.output()?;
    let time = begun.elapsed();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok((time, said))
    } else {
        Err(io::Error::other(format!("it ended with {}: {said}", output.status)))
    }
}
