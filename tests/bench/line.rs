//! A long line that loses packets: pinhole over it, in turns with raw TCP streams, and the time of
//! a text that has to overtake a file.

mod network;
mod raw;
mod texts;

use crate::options::{Line, Options};
use crate::program::{Program, Relay};
use crate::{fresh, report, start, write_source};
use network::{GIVER, Machine, Network, RELAY};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Raw streams of the references.
const STREAMS: [usize; 3] = [1, 4, 8];
/// Time between two looks at the connections.
const LOOK: Duration = Duration::from_millis(50);

/// Builds the network, and measures over it what the options say.
pub fn measure(options: &Options, line: &Line, program: &Program, place: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        // Root of a user namespace may make networks too.
        let mut again = Command::new("unshare");
        again.args(["--user", "--map-root-user", "--"]).arg(std::env::current_exe()?);
        let ended = again.args(std::env::args_os().skip(1)).status()?;
        let failed = || io::Error::other("as root of a user namespace it failed");
        return if ended.success() { Ok(()) } else { Err(failed()) };
    }
    let network = Network::new(line, place)?;
    let against = line.against.as_deref().map(Program::at).transpose()?;
    let mut ends = vec![Ends::new("pinhole", program, line.links, &network, place)?];
    if let Some(against) = &against {
        ends.push(Ends::new("the other", against, None, &network, place)?);
    }
    match line.files {
        Some(files) => folders(options.rounds, line, files, &ends, place)?,
        None => transfers(options, line, &network, &ends, place)?,
    }
    drop(ends);
    println!("\nthe line, each direction: {}", network.end());
    Ok(())
}

/// A pinhole at both ends, and in the middle if there is one.
struct Ends {
    name: &'static str,
    giver: Program,
    taker: Program,
    relay: Option<Relay>,
}

impl Ends {
    fn new(
        name: &'static str,
        program: &Program,
        links: Option<u8>,
        network: &Network,
        place: &Path,
    ) -> io::Result<Self> {
        let relay = match &network.relay {
            Some(there) => Some(program.within(there.enter(), Vec::new()).relay(&[], place)?),
            None => None,
        };
        let env = relay.iter().flat_map(|relay: &Relay| {
            let url = format!("ws://{RELAY}:{}", relay.port);
            [("PINHOLE_RELAY", url), ("PINHOLE_INSECURE_RELAY", "1".to_owned())]
        });
        let links = links.map(|links| ("PINHOLE_LINKS", links.to_string()));
        let env: Vec<_> = env.chain(links).collect();
        let at = |machine: &Machine| program.within(machine.enter(), env.clone());
        Ok(Self { name, giver: at(&network.giver), taker: at(&network.taker), relay })
    }

    /// The part of a code that the taker is given.
    fn code(&self, code: &str) -> String {
        if self.relay.is_some() { code.to_owned() } else { format!("{code}@{GIVER}") }
    }

    /// Seconds from the start of `take` to the end of both.
    fn transfer(&self, source: &Path, target: &Path) -> io::Result<f64> {
        let giving = self.giver.give(source, target, None)?;
        let code = self.code(&giving.code);
        let moved = self.taker.take(giving, &code, source, target, None)?;
        Ok(moved.time.as_secs_f64())
    }
}

/// Raw streams, or a pinhole, and what each round of it took.
struct Kind<'a> {
    name: String,
    ends: Option<&'a Ends>,
    streams: usize,
    seconds: Vec<f64>,
    links: Vec<f64>,
    controls: BTreeSet<String>,
}

impl<'a> Kind<'a> {
    fn new(name: String, ends: Option<&'a Ends>, streams: usize) -> Self {
        let (seconds, links, controls) = (Vec::new(), Vec::new(), BTreeSet::new());
        Self { name, ends, streams, seconds, links, controls }
    }
}

/// One file, by pinhole and by raw streams in turns, and the texts.
fn transfers(
    options: &Options,
    line: &Line,
    network: &Network,
    ends: &[Ends],
    place: &Path,
) -> io::Result<()> {
    let source = place.join("source.bin");
    write_source(&source, options.size)?;
    let mut kinds = Vec::new();
    if !line.relay {
        let control = if line.as_user { "cubic" } else { "BBR" };
        kinds.extend(STREAMS.map(|count| Kind::new(format!("raw {control}"), None, count)));
    }
    kinds.extend(ends.iter().map(|ends| Kind::new(ends.name.to_owned(), Some(ends), 0)));
    let raw = kinds.iter().filter(|kind| kind.ends.is_none()).count();
    for round in 0..options.rounds {
        let many = kinds.len();
        for turn in 0..many {
            let kind = &mut kinds[(round + turn) % many];
            let (seconds, seen) = watched(&network.giver, || match kind.ends {
                Some(ends) => fresh(place, |target| ends.transfer(&source, &target)),
                None => raw::streams(network, kind.streams, !line.as_user, options.size)
                    .map(|time| time.as_secs_f64()),
            })?;
            kind.seconds.push(seconds);
            // Few looks fall into a short round; of raw streams the number is known.
            kind.links.push(seen.links.max(kind.streams) as f64);
            kind.controls.extend(seen.controls);
        }
    }
    println!("\n{} over {}, {} rounds\n", report::size(options.size), name(line), options.rounds);
    println!(
        "| | connections | MB/s, median (least to most) | of the line | of 1, 4, 8 raw streams | \
         a text meanwhile, and with nothing else, in round trips |\n|---|---|---|---|---|---|"
    );
    let speeds = |kind: &Kind<'_>| -> Vec<f64> {
        kind.seconds.iter().map(|seconds| options.size as f64 / seconds / 1e6).collect()
    };
    let raw: Vec<Vec<f64>> = kinds[..raw].iter().map(speeds).collect();
    for kind in &kinds {
        let own = speeds(kind);
        let ratios = raw.iter().filter(|_| kind.ends.is_some()).map(|raw| {
            let ratios = own.iter().zip(raw).map(|(own, raw)| own / raw).collect();
            format!("{:.2}", report::median(ratios))
        });
        let ratios = ratios.collect::<Vec<_>>().join(", ");
        let texts = match kind.ends {
            Some(ends) if line.texts > 0 => texts::measure(line, ends, &source, place)?,
            _ => String::new(),
        };
        let controls = kind.controls.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        println!(
            "| {} | {:.0} {controls} | {} | {} | {ratios} | {texts} |",
            kind.name,
            report::median(kind.links.clone()),
            spread(&own, 1),
            share(line, &own)
        );
    }
    Ok(())
}

/// A folder of many small files beside one file of their size.
fn folders(rounds: usize, line: &Line, files: u32, ends: &[Ends], place: &Path) -> io::Result<()> {
    let (folder, file) = (place.join("folder"), place.join("source.bin"));
    start::write_folder(&folder, files, |number| vec![number as u8; 4096])?;
    write_source(&file, u64::from(files) * 4096)?;
    let mut seconds = vec![[Vec::new(), Vec::new()]; ends.len()];
    for round in 0..rounds {
        for turn in 0..ends.len() * 2 {
            let turn = (round + turn) % (ends.len() * 2);
            let (ends, seconds) = (&ends[turn / 2], &mut seconds[turn / 2]);
            let many = turn.is_multiple_of(2);
            let source = if many { &folder } else { &file };
            seconds[turn % 2].push(fresh(place, |target| {
                let time = ends.transfer(source, &target)?;
                let came = target.join("folder");
                if many && start::count_files(&came)? != files {
                    return Err(io::Error::other("not every file arrived"));
                }
                Ok(time)
            })?);
        }
    }
    println!("\nover {}, {rounds} rounds\n", name(line));
    println!(
        "| | {files} files of 4 KiB, s, median (least to most) | one file of their size | times as \
         long |\n|---|---|---|---|"
    );
    for (ends, [folder, file]) in ends.iter().zip(&seconds) {
        let ratios = folder.iter().zip(file).map(|(folder, file)| folder / file).collect();
        println!(
            "| {} | {} | {} | {:.2} |",
            ends.name,
            spread(folder, 2),
            spread(file, 2),
            report::median(ratios)
        );
    }
    Ok(())
}

/// The connections of a machine at one time, and the names of their congestion control.
#[derive(Default)]
struct Seen {
    links: usize,
    controls: BTreeSet<String>,
}

/// Does `work`, and looks at the machine's connections meanwhile: the most that there were at once.
fn watched<T>(machine: &Machine, work: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Seen)> {
    let over = AtomicBool::new(false);
    thread::scope(|threads| {
        let looking = threads.spawn(|| {
            let mut most = Seen::default();
            while !over.load(Ordering::Relaxed) {
                let text = machine.run("ss -tinH state established")?;
                // A line for each, and one that is indented for what is known of it.
                let links = text.lines().filter(|line| !line.starts_with([' ', '\t'])).count();
                most.links = most.links.max(links);
                let known = text.lines().filter(|line| line.starts_with([' ', '\t']));
                let controls = known.filter_map(|line| {
                    line.split_whitespace().find(|word| ["bbr", "cubic", "reno"].contains(word))
                });
                most.controls.extend(controls.map(str::to_owned));
                thread::sleep(LOOK);
            }
            io::Result::Ok(most)
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        let seen = looking.join().map_err(|_| io::Error::other("a watching thread panicked"))??;
        Ok((done?, seen))
    })
}

fn name(line: &Line) -> String {
    let control = if line.as_user { "cubic alone" } else { "BBR allowed" };
    let relay = if line.relay { ", a relay in the middle" } else { "" };
    if line.rtt > 0.0 {
        let Line { rate, rtt, loss, .. } = line;
        format!("{rate} Mbit/s, {rtt} ms, {loss} % lost, {control}{relay}")
    } else {
        format!("a pair of network devices, {control}{relay}")
    }
}

/// Share of the line's rate.
fn share(line: &Line, speeds: &[f64]) -> String {
    if line.rtt > 0.0 {
        format!("{:.3}", report::median(speeds.to_vec()) * 8.0 / line.rate)
    } else {
        String::new()
    }
}

/// The middle of some values, the least and the most.
fn spread(values: &[f64], digits: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    let median = report::median(values.to_vec());
    format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
}
