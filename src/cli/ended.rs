//! The end of a command: its last line, and the status of its process.

use crate::events::Event;
use crate::failure::{Exit, Failure, Kind, ended};
use crate::report::style::Style;
use crate::report::{Format, Reporter, Settings};
use crate::session::Report;
use crate::stdio::Sink;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// Exit status of the process. Threads that still wait for a disk or a terminal do not hold it up.
pub struct Ended(pub(super) Exit);

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        std::process::exit(i32::from(ended.0.code()))
    }
}

/// True if there is more to receive.
pub(super) type Done = Result<bool, Failure>;

/// Prints how a command ended as its last line.
pub(super) fn end(report: &mut Report, done: Done) -> Exit {
    let (failed, more) = match &done {
        Ok(more) => (None, *more),
        Err(failure) => (Some(failure.kind), false),
    };
    if let Err(failure) = done
        && report.event(&Event::Trouble(failure.clone()), Instant::now()).is_err()
    {
        // There may be somebody who reads this; if not, the exit status still says it.
        let _ = writeln!(std::io::stderr(), "{failure}");
    }
    let _ = report.event(&Event::End { failed, more }, Instant::now());
    ended(failed).0
}

/// Ends a command that has printed what it was asked for. A failure is reported as by all others,
/// but for people on standard error.
pub(super) fn plainly(json: bool, done: Result<(), Failure>) -> Ended {
    let Err(failure) = done else { return Ended(Exit::Done) };
    let (sink, format) =
        if json { (Sink::Stdout, Format::Json) } else { (Sink::Stderr, Format::Human) };
    let style = Style::here(sink);
    let mut report =
        Reporter::new(sink.open(), Settings { format, style, once: true, progress_every: None });
    Ended(end(&mut report, Err(failure)))
}

/// Ends a command of which it is not even clear for whom the output is.
pub(super) fn misunderstood(failure: &Failure) -> Ended {
    eprintln!("{failure}");
    Ended(failure.exit())
}

/// Prints what a command was asked for.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| {
        Failure::new(
            Kind::OutputClosed,
            format!("nothing can be written to standard output: {error}"),
        )
    })
}
