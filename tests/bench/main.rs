//! Measures the release build of pinhole: everything beside its reference in one table, one long
//! line, or a relay with thousands of connections.

mod bench;
mod commands;
mod copies;
mod line;
mod options;
mod plain;
mod program;
mod relay;
mod report;
mod rivals;
mod rows;
mod source;
mod table;

use bench::Bench;
use clap::Parser;
use options::{Options, Table, What};
use program::Program;
use std::io;
use std::process::{Command, Stdio};
use table::Measurement;

/// Rounds of a quick table.
const QUICK: usize = 2;
/// Rounds of everything else that has any.
const ROUNDS: usize = 7;

fn main() -> io::Result<()> {
    let options = Options::parse();
    if !rustix::process::geteuid().is_root() && !matches!(options.what, What::Relay(_)) {
        return as_root_of_a_namespace();
    }
    let program = Program::find(options.program.as_deref())?;
    let disk = options.dir.unwrap_or_else(std::env::temp_dir);
    let mut bench = Bench { program: &program, disk, rivals: "".into(), peers: "".into() };
    match options.what {
        What::Table(Table { quick, only, rivals, peers }) => {
            (bench.rivals, bench.peers) = (rivals, peers);
            let rows = chosen(rows::all(&bench, quick), &only)?;
            let usual = if quick { QUICK } else { ROUNDS };
            measure(&bench, rows, options.rounds.unwrap_or(usual))?;
        }
        What::Line(line) => {
            let rows = vec![line::explored(&bench, line)];
            measure(&bench, rows, options.rounds.unwrap_or(ROUNDS))?;
        }
        What::Relay(counts) => {
            let place = tempfile::tempdir_in(&bench.disk)?;
            let rounds = options.rounds.unwrap_or(ROUNDS);
            relay::measure(rounds, &counts, &program, place.path())?;
        }
    }
    Ok(())
}

/// Names the program and the machine, and prints the table.
fn measure(bench: &Bench<'_>, rows: Vec<Measurement<'_>>, rounds: usize) -> io::Result<()> {
    let version = bench.program.command(["--version"], &bench.disk).output()?.stdout;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    println!(
        "{}, {rounds} rounds, Linux {}, {} cores, load {} before it\n",
        String::from_utf8_lossy(&version).trim(),
        kernel.trim(),
        std::thread::available_parallelism()?,
        load.split(' ').next().unwrap_or_default()
    );
    table::print(rows, rounds, bench.program);
    Ok(())
}

/// The measurements that are named, or all.
fn chosen<'a>(all: Vec<Measurement<'a>>, only: &[String]) -> io::Result<Vec<Measurement<'a>>> {
    let named = |name: &str, only: &String| {
        name.strip_prefix(only.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    if let Some(none) = only.iter().find(|only| !all.iter().any(|one| named(&one.name, only))) {
        let names: Vec<_> = all.iter().map(|one| one.name.as_str()).collect();
        return Err(io::Error::other(format!("no {none}; there are {}", names.join(", "))));
    }
    let is_chosen = |name: &str| only.is_empty() || only.iter().any(|only| named(name, only));
    Ok(all.into_iter().filter(|one| is_chosen(&one.name)).collect())
}

/// Begins again where an ordinary user may make networks too.
fn as_root_of_a_namespace() -> io::Result<()> {
    let mut again = Command::new("unshare");
    again.args(["--user", "--map-root-user", "--"]).arg(std::env::current_exe()?);
    let ended = again.args(std::env::args_os().skip(1)).stdin(Stdio::null()).status()?;
    let failed = || io::Error::other("as root of a user namespace it failed");
    if ended.success() { Ok(()) } else { Err(failed()) }
}
