//! `status`: the channels that are open on this machine.

use super::ended::Ended;
use super::options::Output;
use super::{here, which};
use crate::control::found::{Found, look, nothing_open};
use crate::control::owner::Visitor;
use crate::events::{About, Event};
use crate::failure::Failure;
use crate::session::Report;
use std::io::IsTerminal;
use std::time::Instant;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pinhole status                 every channel, one line each
  pinhole status 9471            the one with this number
  pinhole status --label build   the one with this label")]
pub(super) struct Args {
    #[command(flatten)]
    which: which::Args,
    #[command(flatten)]
    output: Output,
}

impl Args {
    /// Runs it to its end.
    pub(super) fn main(self) -> Ended {
        let output = self.output.clone();
        here::main(&output, async |report| self.run(report).await)
    }

    async fn run(self, report: &mut Report) -> Result<(), Failure> {
        let which = self.which.which()?;
        let by = Visitor::here();
        let found = look(&which, &by).await?;
        if found.is_empty() && (which.code.is_some() || which.label.is_some()) {
            return Err(nothing_open(&which, &by).await);
        }
        // A person reads a code on a screen; an agent that hears one has made it.
        let shown = by.is_agent() || std::io::stdout().is_terminal();
        for Found { about, .. } in found {
            let about = About { code: about.code.filter(|_| shown), ..about };
            // A failed write changes nothing: nobody sees it.
            let _ = report.event(&Event::Session(about), Instant::now());
        }
        Ok(())
    }
}
