//! `status`: the channels that are open on this machine.

use super::options::Output;
use super::which;
use crate::control::found::{find, nothing_open};
use crate::failure::Failure;
use crate::session::Report;
use crate::session::event::Event;
use std::time::Instant;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pinhole status                 every channel, a line each
  pinhole status 9471            the one of this number
  pinhole status --label build   the one that was started with --label build")]
pub(super) struct Args {
    #[command(flatten)]
    which: which::Args,
    #[command(flatten)]
    output: Output,
}

impl Args {
    pub(super) const fn output(&self) -> &Output {
        &self.output
    }

    pub(super) async fn run(self, report: &mut Report) -> Result<(), Failure> {
        let which = self.which.which()?;
        let found = find(&which).await?;
        if found.is_empty() && (which.code.is_some() || which.label.is_some()) {
            return Err(nothing_open(&which).await);
        }
        for found in found {
            // What cannot be written is seen by nobody; that changes nothing.
            let _ = report.event(&Event::Session(found.about), Instant::now());
        }
        Ok(())
    }
}
