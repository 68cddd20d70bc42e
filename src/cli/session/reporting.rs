//! The reporter of a session, and the person who reads it.

use super::{SessionCommand, Stdout};
use crate::failure::Failure;
use crate::report::non_blocking::NonBlocking;
use crate::report::prompt::somebody_is_there;
use crate::report::screen::Screen;
use crate::report::style::Style;
use crate::report::text_output::TextOutput;
use crate::report::{Format, Reporter, Settings};
use crate::session::Report;
use crate::settings::agent::Agent;
use crate::stdio::Sink;
use std::io::IsTerminal;

/// The reporter that the command line asks for.
pub(super) struct Reporting {
    pub report: Report,
    /// True if there is a person who can be asked.
    pub person: bool,
    /// The screen on which that person types.
    pub screen: Option<Screen>,
}

pub(super) fn reporting(command: &dyn SessionCommand) -> Result<Reporting, Failure> {
    let stdout = command.stdout();
    let sink = if stdout == Stdout::Bytes { Sink::Stderr } else { Sink::Stdout };
    let (settings, to_terminal) = command.common().output.settings(sink, command.once())?;
    if command.channel().detached.is_some() {
        // The process that started it reads this, and nobody is asked.
        let settings = Settings {
            format: Format::Json,
            style: Style::PLAIN,
            once: command.once(),
            progress_every: None,
        };
        let report = Reporter::new(Sink::Stdout.open(), settings);
        return Ok(Reporting { report, person: false, screen: None });
    }
    let Settings { format, style, .. } = settings;
    let person = format == Format::Human && somebody_is_there();
    if stdout == Stdout::Bytes {
        let out = Sink::Stdout;
        let mut report = Reporter::new(sink.open(), settings);
        report.texts_to(TextOutput::exact(out.open(), out.is_terminal().then(|| Style::here(out))));
        return Ok(Reporting { report, person, screen: None });
    }
    if stdout == Stdout::Answer && format == Format::Human {
        // The answer alone goes to standard output, as it would in a pipe.
        let sink = Sink::Stderr;
        let settings = Settings { style: Style::here(sink), ..settings };
        let mut report = Reporter::new(sink.open(), settings);
        report.texts_to(TextOutput::new(Sink::Stdout.open(), to_terminal.then_some(style)));
        return Ok(Reporting { report, person, screen: None });
    }
    // An agent can have a terminal; what it sends goes by commands, which its user's rules tell
    // apart.
    let types = to_terminal && std::io::stdin().is_terminal() && Agent::here().is_none();
    if format == Format::Human && !command.once() && types {
        // Lines are typed while events are printed, so nothing may draw over the line being typed.
        let screen = Screen::default();
        let settings = Settings { style: Style { cursor: false, ..style }, ..settings };
        let report: Report = Reporter::new(Box::new(screen.clone()), settings);
        return Ok(Reporting { report, person, screen: Some(screen) });
    }
    let out = if command.outlives_reader(format) {
        NonBlocking::start(sink.open()).map_or_else(|_| sink.open(), |out| Box::new(out))
    } else {
        sink.open()
    };
    Ok(Reporting { report: Reporter::new(out, settings), person, screen: None })
}
