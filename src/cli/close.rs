//! `close`: ends a channel that is open on this machine.

use super::options::Output;
use super::which;
use crate::control::found::{find, nothing_open, sides};
use crate::control::owner::Visitor;
use crate::failure::Failure;
use pinhole_protocol::code::{Shape, shape};
use std::time::{Duration, Instant};

/// How long a channel may take to finish what is under way: an agent's command has 50 s (DESIGN 4).
const PATIENCE: Duration = Duration::from_secs(40);

#[derive(clap::Args)]
#[command(after_help = "\
What is under way is finished first; a give or take that is not done is broken off, as by Ctrl-C. A channel stays open (exit 11)
while it holds secrets that nobody has taken, which `pinhole receive --secret-to-file FILE` does, or something to send that
waits for the other side to come; --now drops that.

Examples:
  pinhole close              the one channel that is open
  pinhole close 9471         the one of this number
  pinhole close 9471 --now   breaks off what is under way, and drops what waits")]
pub(super) struct Args {
    #[command(flatten)]
    which: which::Args,
    /// Break off what is under way, and drop secrets that nobody has taken and what waits for the other side
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    output: Output,
}

impl Args {
    pub(super) const fn output(&self) -> &Output {
        &self.output
    }

    pub(super) async fn run(self) -> Result<(), Failure> {
        let which = self.which.which()?;
        let whole = which.code.as_ref().is_some_and(|code| shape(code) != Shape::Number);
        let by = Visitor::here();
        let sides = sides(find(&which, &by).await?, whole)?;
        if sides.is_empty() {
            return Err(nothing_open(&which, &by).await);
        }
        let until = Instant::now() + PATIENCE;
        for side in sides {
            // The other side of one that has been closed ends by itself, or has secrets that nobody has taken.
            side.close(self.now, until.saturating_duration_since(Instant::now())).await?;
        }
        Ok(())
    }
}
