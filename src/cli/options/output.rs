//! How a command reports.

use crate::cli::amounts::duration;
use crate::report::PROGRESS_EVERY;
use clap::Args;
use std::time::Duration;

/// How things are said.
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
    pub(in crate::cli) fn progress(&self) -> Option<Duration> {
        self.progress.map_or(Some(PROGRESS_EVERY), |Progress(every)| every)
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
