//! `doctor`: what works here.

use super::ended::{Ended, end, plainly};
use super::options::format;
use crate::doctor::{self, Setup};
use crate::events::{Check, Event};
use crate::failure::{Exit, Failure};
use crate::report::style::Style;
use crate::report::{Reporter, Settings};
use crate::session::Report;
use crate::settings::{Config, Network, RelayChoice, Setting, insecure_relay};
use crate::stdio::Sink;
use crate::transport::relay::dial::Trust;
use std::time::Instant;

#[derive(clap::Args)]
#[command(after_help = "\
Takes at most 5 s, and reports for each check whether it works here, what was found and what would
help. The exit status is 5 if something is missing that `give` and `take` need.

Examples:
  pinhole doctor
  pinhole doctor --json
  pinhole doctor --human > report.txt
  PINHOLE_RELAY=wss://relay.example pinhole doctor")]
pub(super) struct Args {
    /// Print JSON lines, as when standard output is not a terminal
    #[arg(long, conflicts_with = "human")]
    json: bool,
    /// Print lines for people, also when standard output is not a terminal
    #[arg(long)]
    human: bool,
    /// Be the process that `doctor` leaves behind to see whether it lives on
    #[arg(long, hide = true, value_name = "NAME")]
    probe: Option<String>,
}

impl Args {
    /// Looks at everything and says what there is to say of it; or is the probe.
    pub(super) fn main(&self) -> Ended {
        if let Some(name) = &self.probe {
            return plainly(false, doctor::probe::probe(name));
        }
        let sink = Sink::Stdout;
        match format(self.json, self.human, sink) {
            Ok(format) => {
                let style = Style::here(sink);
                Ended(run(&mut Reporter::new(
                    sink.open(),
                    Settings { format, style, once: true, progress_every: None },
                )))
            }
            Err(failure) => plainly(false, Err(failure)),
        }
    }
}

fn run(report: &mut Report) -> Exit {
    let mut say = |check: Check| {
        // Nobody reads any more if this fails; the exit status still says what it comes to.
        let _ = report.event(&Event::Check(check), Instant::now());
    };
    match setup().and_then(|setup| doctor::examine(setup, &mut say)) {
        Ok(()) => {
            let _ = report.event(&Event::End { failed: None, more: false }, Instant::now());
            Exit::Done
        }
        Err(failure) => end(report, Err(failure)),
    }
}

/// Settings of this user. A relay that cannot be used is a finding, and no reason not to look at
/// the rest.
pub(super) fn setup() -> Result<Setup, Failure> {
    let config = Config::read()?;
    Ok(Setup { network: Network::from_env()?, lan: config.lan(), relay: relay(&config) })
}

fn relay(config: &Config) -> Result<Option<(RelayChoice, Trust)>, Failure> {
    let Setting { value: Some(url), from } = Setting::relay(None, config)? else { return Ok(None) };
    let choice = RelayChoice::new(url, from, insecure_relay()?)?;
    Ok(Some((choice, Trust::of(&config.ca_file(None))?)))
}
