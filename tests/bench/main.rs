//! Measures the release build of pinhole: a direct transfer beside a plain TCP copy, the time until
//! the code, peak memory; many small files; its relay; long lines; and commands at an open channel.

mod control;
mod folder;
mod line;
mod options;
mod plain;
mod program;
mod relay;
mod report;
mod start;

use clap::Parser;
use options::{Options, What};
use program::{Program, Used};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn main() -> io::Result<()> {
    let options = Options::parse();
    let program = Program::find(&options)?;
    let place = tempfile::tempdir_in(options.dir.clone().unwrap_or_else(std::env::temp_dir))?;
    println!("pinhole: {}, in {}", program.path().display(), place.path().display());
    match &options.what {
        Some(What::Relay(relay)) => return relay::measure(&options, relay, &program, place.path()),
        Some(What::Folder(folder)) => {
            return folder::measure(folder, options.rounds, &program, place.path());
        }
        Some(What::Line(line)) => return line::measure(&options, line, &program, place.path()),
        Some(What::Control(control)) => return control::measure(control, &program, place.path()),
        None => {}
    }
    if !options.no_transfer {
        transfers(&options, &program, place.path())?;
    }
    if !options.no_start {
        start::measure(&options, &program, place.path())?;
    }
    Ok(())
}

/// One round: the same file by a plain copy and by pinhole.
struct Round {
    plain: Duration,
    pinhole: Duration,
}

impl Round {
    /// Share of the plain copy's speed that pinhole reaches.
    fn ratio(&self) -> f64 {
        self.plain.as_secs_f64() / self.pinhole.as_secs_f64()
    }
}

fn transfers(options: &Options, program: &Program, place: &Path) -> io::Result<()> {
    let source = place.join("source.bin");
    write_source(&source, options.size)?;
    println!(
        "\ndirect transfer of {}, over loopback, each round after a sync",
        report::size(options.size)
    );
    // Uncounted: a machine that has not used its memory yet pays for that once.
    fresh(place, |target| plain::copy(&source, &target))?;
    let (begun, mut rounds, mut most) = (Instant::now(), Vec::new(), [Used::default(); 3]);
    while rounds.len() < options.rounds
        || options.seconds.is_some_and(|least| begun.elapsed().as_secs() < least)
    {
        // The order changes each round, so that neither always finds the caches and the disk as the
        // other left them.
        let ((plain, copier), moved) = if rounds.len() % 2 == 0 {
            let plain = plain_round(&source, place)?;
            (plain, program_round(program, &source, place)?)
        } else {
            let moved = program_round(program, &source, place)?;
            (plain_round(&source, place)?, moved)
        };
        let round = Round { plain, pinhole: moved.time };
        println!(
            "  round {}: plain {}, pinhole {}, ratio {:.2}",
            rounds.len() + 1,
            report::speed(options.size, round.plain),
            report::speed(options.size, round.pinhole),
            round.ratio()
        );
        for (most, used) in most.iter_mut().zip([copier, moved.giver, moved.taker]) {
            *most = most.max(used);
        }
        rounds.push(round);
    }
    let all = |of: fn(&Round) -> f64| rounds.iter().map(of).collect::<Vec<_>>();
    let (plain, pinhole) =
        (all(|round| round.plain.as_secs_f64()), all(|round| round.pinhole.as_secs_f64()));
    let fastest = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let (plain_best, pinhole_best) = (fastest(&plain), fastest(&pinhole));
    println!(
        "  median: plain {:.2} s, pinhole {:.2} s, ratio {:.2}",
        report::median(plain),
        report::median(pinhole),
        report::median(all(Round::ratio))
    );
    // Other work on the machine only ever makes a round slower.
    println!(
        "  fastest: plain {plain_best:.2} s, pinhole {pinhole_best:.2} s, ratio {:.2}",
        plain_best / pinhole_best
    );
    let [copier, giver, taker] = most;
    println!("  plain: {copier}\n  giver: {giver}\n  taker: {taker}");
    std::fs::remove_file(source)
}

fn plain_round(source: &Path, place: &Path) -> io::Result<(Duration, Used)> {
    fresh(place, |target| {
        let before = Used::here();
        let time = plain::copy(source, &target)?;
        Ok((time, Used::here().since(before)))
    })
}

fn program_round(program: &Program, source: &Path, place: &Path) -> io::Result<program::Moved> {
    fresh(place, |target| program.transfer(source, &target, None))
}

/// Does `work` in an empty directory, with nothing left to be written from before, and removes it.
fn fresh<T>(place: &Path, work: impl FnOnce(PathBuf) -> io::Result<T>) -> io::Result<T> {
    let target = place.join("target");
    std::fs::create_dir(&target)?;
    rustix::fs::sync();
    let done = work(target.clone());
    std::fs::remove_dir_all(target)?;
    done
}

/// A file of bytes that no file system can store in less.
fn write_source(path: &Path, size: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let (mut state, mut block, mut left) = (0x9e37_79b9_7f4a_7c15_u64, vec![0; 1 << 20], size);
    while left > 0 {
        for word in block.chunks_exact_mut(8) {
            // xorshift64 (Marsaglia, 2003): fast, and random enough for a disk.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        file.write_all(&block[..now])?;
        left -= now as u64;
    }
    file.sync_all()
}
