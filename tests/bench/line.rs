//! A long line that loses packets: pinhole over it beside raw TCP streams, and the time of a text
//! that has to overtake a file.

mod network;
mod pairs;
mod raw;
mod seen;
mod texts;

pub use pairs::pairs;
pub use seen::loopback;

use crate::bench::Bench;
use crate::options::Line;
use crate::plain;
use crate::program::{Moved, Program, Relay};
use crate::report;
use crate::source::{count_files, fresh, write_file, write_folder};
use crate::table::{Measurement, Round, Row, Sample, Wanted, in_turns};
use network::{GIVER, Machine, Network, RELAY};
use seen::watched;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Bytes of one file of a folder.
const SMALL: usize = 4096;

/// Subject of a row of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The speed with the line's rate.
    Rate,
    /// The speed with that of the fastest of the raw streams.
    Raw,
    /// The speed with that of a plain copy.
    Plain,
    /// The speed with that of another pinhole.
    Other,
    /// The time of a folder with that of one file of its size.
    File,
    /// The most connections at once, with nothing.
    Links,
    /// The time that so many of 100 texts do not exceed, with a round trip.
    Text(usize),
}

/// A measurement over this line with these rows.
pub fn measurement<'a>(
    bench: &'a Bench<'_>,
    name: impl Into<String>,
    mut line: Line,
    rows: Vec<(Of, Wanted)>,
) -> Measurement<'a> {
    if let Some(files) = line.files {
        line.size = u64::from(files) * SMALL as u64;
    }
    let shown = rows.iter().map(|(of, wanted)| of.row(&line, *wanted)).collect();
    let kinds: Vec<Of> = rows.into_iter().map(|(of, _)| of).collect();
    let begin = move || -> io::Result<Round<'a>> {
        let ground = Ground::new(bench, line)?;
        Ok(Box::new(move |round| ground.round(round, &kinds)))
    };
    Measurement { name: name.into(), rows: shown, begin: Box::new(begin) }
}

impl Of {
    fn row(self, line: &Line, wanted: Wanted) -> Row {
        let what = match line.files {
            Some(files) => format!("{files} files of 4 KiB"),
            None => report::size(line.size),
        };
        let over = name(line);
        let control = if line.as_user { "cubic" } else { "BBR" };
        let (figure, reference, unit) = match self {
            Self::Rate => (format!("{what}, {over}"), "the line".to_owned(), "MB/s"),
            Self::Raw => (
                format!("{what}, {over}"),
                match line.streams.as_slice() {
                    [one] => format!("{one} raw {control} streams"),
                    many => {
                        let many: Vec<_> = many.iter().map(usize::to_string).collect();
                        format!("best of {} raw {control} streams", many.join(", "))
                    }
                },
                "MB/s",
            ),
            Self::Plain => (format!("{what}, {over}"), "plain TCP copy".to_owned(), "MB/s"),
            Self::Other => (format!("{what}, {over}"), "the other pinhole".to_owned(), "MB/s"),
            Self::File => (format!("{what}, {over}"), "one file of their size".to_owned(), "s"),
            Self::Links => (format!("links for {what}, {over}"), String::new(), "links"),
            Self::Text(most) => {
                let share = match most {
                    50 => "median".to_owned(),
                    _ => format!("{most} of 100 within"),
                };
                (format!("text under bulk, {share}, {over}"), "a round trip".to_owned(), "ms")
            }
        };
        Row::new(figure, reference, wanted, unit)
    }
}

/// A pinhole at both ends, and in the middle if there is one.
struct Ends {
    giver: Program,
    taker: Program,
    relay: Option<Relay>,
}

impl Ends {
    fn new(
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
        Ok(Self { giver: at(&network.giver), taker: at(&network.taker), relay })
    }

    /// The part of a code that the taker is given.
    fn code(&self, code: &str) -> String {
        if self.relay.is_some() { code.to_owned() } else { format!("{code}@{GIVER}") }
    }

    /// Moves `source` by these two pinholes.
    fn transfer_by(
        &self,
        [giver, taker]: [&Program; 2],
        source: &Path,
        target: &Path,
    ) -> io::Result<Moved> {
        let giving = giver.give(source, target, None)?;
        let code = self.code(&giving.code);
        taker.take(giving, &code, source, target, None)
    }

    /// Seconds from the start of `take` to the end of both.
    fn transfer(&self, source: &Path, target: &Path) -> io::Result<f64> {
        let moved = self.transfer_by([&self.giver, &self.taker], source, target)?;
        Ok(moved.time.as_secs_f64())
    }
}

/// Things that all rounds share. The programs end before their machines.
struct Ground {
    ends: Ends,
    other: Option<Ends>,
    network: Network,
    line: Line,
    place: TempDir,
    file: PathBuf,
    folder: PathBuf,
}

/// One thing that takes its turn in a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Ours,
    Other,
    File,
    Plain,
    Raw(usize),
}

impl Ground {
    fn new(bench: &Bench<'_>, line: Line) -> io::Result<Self> {
        let place = bench.in_memory()?;
        let network = Network::new(&line, place.path())?;
        let ends = Ends::new(bench.program, line.links, &network, place.path())?;
        let other = match &line.against {
            Some(other) => Some(Ends::new(&Program::at(other)?, None, &network, place.path())?),
            None => None,
        };
        let (file, folder) = (place.path().join("source.bin"), place.path().join("folder"));
        if let Some(files) = line.files {
            write_folder(&folder, files, SMALL)?;
        }
        write_file(&file, line.size)?;
        Ok(Self { ends, other, network, line, place, file, folder })
    }

    /// Everything that these rows compare, in turns, and then the texts.
    fn round(&self, round: usize, rows: &[Of]) -> io::Result<Vec<Sample>> {
        let has = |of| rows.contains(&of);
        let speeds = rows.iter().any(|of| !matches!(of, Of::Text(_)));
        let mut turns = Vec::from_iter(speeds.then_some(Turn::Ours));
        turns.extend(has(Of::Other).then_some(Turn::Other));
        turns.extend(has(Of::File).then_some(Turn::File));
        turns.extend(has(Of::Plain).then_some(Turn::Plain));
        let streams = self.line.streams.iter().filter(|_| has(Of::Raw));
        turns.extend(streams.map(|count| Turn::Raw(*count)));
        let done = in_turns(round, &turns, |turn| {
            Ok((*turn, watched(&self.network.giver, || self.turn(*turn))?))
        })?;
        let texts = if rows.iter().any(|of| matches!(of, Of::Text(_))) {
            texts::measure(&self.line, &self.ends, &self.file, self.place.path())?
        } else {
            Vec::new()
        };
        let time = |wanted: fn(Turn) -> bool| {
            let times = done.iter().filter(|(turn, _)| wanted(*turn)).map(|(_, (time, _))| *time);
            times.fold(f64::INFINITY, f64::min)
        };
        let ours = time(|turn| turn == Turn::Ours);
        let links =
            done.iter().find(|(turn, _)| *turn == Turn::Ours).map_or(0, |(_, (_, links))| *links);
        let megabytes = self.line.size as f64 / 1e6;
        let beside = |reference| Sample::speed(megabytes, ours, reference);
        let trip = self.line.trip().as_secs_f64() * 1e3;
        Ok(rows
            .iter()
            .map(|of| match of {
                Of::Rate => beside(megabytes * 8.0 / self.line.rate),
                Of::Raw => beside(time(|turn| matches!(turn, Turn::Raw(_)))),
                Of::Plain => beside(time(|turn| turn == Turn::Plain)),
                Of::Other => beside(time(|turn| turn == Turn::Other)),
                Of::File => Sample::time(ours, time(|turn| turn == Turn::File)),
                Of::Links => Sample::alone(links as f64),
                Of::Text(most) => Sample::time(report::within(texts.clone(), *most), trip),
            })
            .collect())
    }

    /// Seconds of one turn.
    fn turn(&self, turn: Turn) -> io::Result<f64> {
        let place = self.place.path();
        match turn {
            Turn::Raw(count) => {
                let bbr = !self.line.as_user;
                let time = raw::streams(&self.network, count, bbr, self.line.size)?;
                Ok(time.as_secs_f64())
            }
            Turn::Plain => {
                let ends = raw::connected(&self.network)?;
                let copied = fresh(place, |target| plain::copy(&self.file, &target, ends))?;
                Ok(copied.time.as_secs_f64())
            }
            Turn::File => fresh(place, |target| self.ends.transfer(&self.file, &target)),
            Turn::Other => self.ours(self.other.as_ref().unwrap_or(&self.ends)),
            Turn::Ours => self.ours(&self.ends),
        }
    }

    /// The folder, or the file if there is none.
    fn ours(&self, ends: &Ends) -> io::Result<f64> {
        let source = if self.line.files.is_some() { &self.folder } else { &self.file };
        fresh(self.place.path(), |target| {
            let time = ends.transfer(source, &target)?;
            match self.line.files {
                Some(files) if count_files(&target.join("folder"))? != files => {
                    Err(io::Error::other("not every file arrived"))
                }
                _ => Ok(time),
            }
        })
    }
}

/// Everything that can be said of a line, without an aim: what the command of that name shows.
pub fn explored<'a>(bench: &'a Bench<'_>, line: Line) -> Measurement<'a> {
    let mut rows = Vec::new();
    if line.files.is_some() {
        rows.push(Of::File);
    } else {
        rows.extend((line.rtt > 0.0).then_some(Of::Rate));
        rows.extend((!line.relay).then_some(Of::Raw));
        // One connection with cubic would take minutes where packets are lost.
        rows.extend((!line.relay && line.rtt <= 0.0).then_some(Of::Plain));
    }
    rows.extend(line.against.is_some().then_some(Of::Other));
    rows.push(Of::Links);
    if line.texts > 0 && line.files.is_none() {
        rows.extend([Of::Text(50), Of::Text(95)]);
    }
    let rows = rows.into_iter().map(|of| (of, Wanted::Nothing)).collect();
    measurement(bench, "line", line, rows)
}

impl Line {
    /// A round trip; a pair of devices without delay is measured in milliseconds.
    fn trip(&self) -> Duration {
        Duration::from_secs_f64(if self.rtt > 0.0 { self.rtt } else { 1.0 } / 1e3)
    }
}

fn name(line: &Line) -> String {
    let control = if line.as_user { "cubic alone" } else { "BBR" };
    let relay = if line.relay { ", a relay in the middle" } else { "" };
    if line.rtt > 0.0 {
        let Line { rate, rtt, loss, .. } = line;
        let rate = if *rate < 1e3 { format!("{rate} M") } else { format!("{} G", rate / 1e3) };
        format!("{rate}bit/s, {rtt} ms, {loss} % lost, {control}{relay}")
    } else {
        format!("a local network without limit, {control}{relay}")
    }
}
