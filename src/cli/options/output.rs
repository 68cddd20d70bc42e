//! Options for reporting.

use crate::cli::amounts::duration;
use crate::failure::Failure;
use crate::report::style::Style;
use crate::report::{Format, PROGRESS_EVERY, Settings, format_choice};
use crate::stdio::Sink;
use clap::Args;
use std::time::Duration;

/// Options for reporting.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(in crate::cli) struct Output {
    /// Print JSON lines, as when standard output is not a terminal
    #[arg(long, conflicts_with = "human")]
    pub json: bool,
    /// Print lines for people, also when standard output is not a terminal
    #[arg(long)]
    pub human: bool,
    /// Seconds between progress lines where there is no bar, or a time such as 1m (default: 10);
    /// "off" hides the bar too and only announces the start and the end
    #[arg(long, value_name = "S|off", value_parser = progress)]
    progress: Option<Progress>,
}

impl Output {
    /// Settings of the reporter that writes to `sink`, and true if that is a terminal. `once`: the
    /// process moves one thing and ends.
    pub(in crate::cli) fn settings(
        &self,
        sink: Sink,
        once: bool,
    ) -> Result<(Settings, bool), Failure> {
        let to_terminal = sink.is_terminal();
        let format = format(self.json, self.human, sink)?;
        let progress_every = self.progress.map_or(Some(PROGRESS_EVERY), |Progress(every)| every);
        Ok((Settings { format, style: Style::here(sink), once, progress_every }, to_terminal))
    }
}

/// `--progress`: how often there is a line; nothing for never.
#[derive(Clone, Copy, Debug)]
struct Progress(Option<Duration>);

fn progress(text: &str) -> Result<Progress, String> {
    if text == "off" {
        Ok(Progress(None))
    } else {
        duration(text).map(|every| Progress(Some(every)))
    }
}

/// For whom `sink` is: what `--json` and `--human` say, else `PINHOLE_OUTPUT`.
pub(in crate::cli) fn format(json: bool, human: bool, sink: Sink) -> Result<Format, Failure> {
    let variable = std::env::var("PINHOLE_OUTPUT").ok();
    format_choice(json, human, variable.as_deref(), sink.is_terminal())
}
