//! Many small files: a folder given and taken, in turns with tar doing the same through a pipe, and
//! with another pinhole.

use crate::options::Folder;
use crate::program::{Moved, Program, Used};
use crate::{fresh, report, start};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Each round moves the same folder by each of them, and the order changes from round to round.
pub fn measure(options: &Folder, rounds: usize, program: &Program, place: &Path) -> io::Result<()> {
    let source = place.join("folder");
    let content = vec![b'x'; usize::try_from(options.bytes).unwrap_or(usize::MAX)];
    start::write_folder(&source, options.files, |_| content.as_slice())?;
    println!(
        "\na folder of {} files of {}, over loopback, each round after a sync",
        options.files,
        report::size(options.bytes)
    );
    let other = options.against.as_deref().map(Program::at).transpose()?;
    let mut kinds = vec![Kind::new("tar", None), Kind::new("pinhole", Some(program))];
    kinds.extend(other.as_ref().map(|other| Kind::new("the other", Some(other))));
    // The first round is not counted: a machine that has not used its memory yet pays for that
    // once.
    for round in 0..=rounds {
        let many = kinds.len();
        for turn in 0..many {
            let kind = &mut kinds[(round + turn) % many];
            let (time, used) = fresh(place, |target| kind.round(&source, &target, options.files))?;
            if round > 0 {
                kind.times.push(time.as_secs_f64());
                kind.processor.push(used);
            }
        }
    }
    let tar = kinds[0].times.clone();
    for kind in &kinds {
        let ratios = tar.iter().zip(&kind.times).map(|(tar, own)| tar / own).collect();
        let fastest = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
        println!(
            "  {}: median {:.3} s, fastest {:.3} s, processor {:.2} s; {:.2} of tar's speed in the \
            median, {:.2} of the fastest",
            kind.name,
            report::median(kind.times.clone()),
            fastest(&kind.times),
            report::median(kind.processor.clone()),
            report::median(ratios),
            fastest(&tar) / fastest(&kind.times)
        );
    }
    if let [_, own, other] = kinds.as_slice() {
        let ratios = other.times.iter().zip(&own.times).map(|(other, own)| other / own).collect();
        println!("  pinhole: {:.2} of the other's speed in the median", report::median(ratios));
    }
    Ok(())
}

/// One way to move the folder.
struct Kind<'a> {
    name: &'static str,
    program: Option<&'a Program>,
    times: Vec<f64>,
    processor: Vec<f64>,
}

impl<'a> Kind<'a> {
    const fn new(name: &'static str, program: Option<&'a Program>) -> Self {
        Self { name, program, times: Vec::new(), processor: Vec::new() }
    }

    /// The time that it took, and the seconds of processor time.
    fn round(&self, source: &Path, target: &Path, files: u32) -> io::Result<(Duration, f64)> {
        let done = match self.program {
            Some(program) => {
                let Moved { time, giver, taker } = program.transfer(source, target, None)?;
                (time, giver.processor() + taker.processor())
            }
            None => by_tar(source, target)?,
        };
        let name = source.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        if start::count_files(&target.join(name))? == files {
            Ok(done)
        } else {
            Err(io::Error::other("not every file arrived"))
        }
    }
}

/// Copies as anybody would on one machine, and then syncs, because pinhole reports nothing before
/// its sync either.
fn by_tar(source: &Path, target: &Path) -> io::Result<(Duration, f64)> {
    let (folder, name) = (source.parent(), source.file_name());
    let (folder, name) = folder.zip(name).ok_or(io::ErrorKind::InvalidInput)?;
    let before = Used::of_children();
    let begun = Instant::now();
    let mut packing = Command::new("tar")
        .arg("-cf-")
        .arg("-C")
        .arg(folder)
        .arg(name)
        .stdout(Stdio::piped())
        .spawn()?;
    let packed = packing.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let unpacked = Command::new("tar").arg("-xf-").arg("-C").arg(target).stdin(packed).status()?;
    if !packing.wait()?.success() || !unpacked.success() {
        return Err(io::Error::other("tar failed"));
    }
    rustix::fs::syncfs(std::fs::File::open(target)?)?;
    Ok((begun.elapsed(), Used::of_children().since(before).processor()))
}
