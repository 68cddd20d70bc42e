//! `close`: ends a channel that is open on this machine.

use super::ended::Ended;
use super::long_texts::LongTexts;
use super::options::Output;
use super::{here, which};
use crate::control::found::{find, nothing_open, sides};
use crate::control::owner::Visitor;
use crate::events::{About, Event};
use crate::failure::{Exit, Failure};
use crate::session::Report;
use pinhole_protocol::code::{Shape, shape};
use std::time::{Duration, Instant};

/// Time for a channel to finish what is under way: an agent's command has 50 s in all.
const PATIENCE: Duration = Duration::from_secs(40);

#[derive(clap::Args)]
#[command(after_help = "\
Finishes what is in progress first; an unfinished give or take is cancelled, as by Ctrl-C. While the
connection is lost it waits for it: 30 s if nothing is in progress. With --now it does not wait, and
the other side then does not hear of it. Whatever nobody has received from a session in the
background is printed before it is gone, as by `pinhole receive`. A channel stays open (exit 11)
while it holds secrets that nobody has taken (`pinhole receive --secret-to-file FILE` takes them),
or something to send to a side that has not come yet; --now drops both.

Examples:
  pinhole close              the only open channel
  pinhole close 9471         the one with this number
  pinhole close 9471 --now   cancels what is in progress and drops what waits")]
pub(super) struct Args {
    #[command(flatten)]
    which: which::Args,
    /// Cancel what is in progress, and drop secrets that nobody has taken and what waits for the
    /// other side
    #[arg(long)]
    now: bool,
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
        let whole = which.code.as_ref().is_some_and(|code| shape(code) != Shape::Number);
        let by = Visitor::here();
        let sides = sides(find(&which, &by).await?, whole)?;
        if sides.is_empty() {
            return Err(nothing_open(&which, &by).await);
        }
        let (until, several) = (Instant::now() + PATIENCE, sides.len() > 1);
        for side in sides {
            let mut last = Last {
                of: several.then_some(&side.about),
                long_texts: LongTexts::default(),
                printed: Ok(()),
            };
            // The peer of a closed session, if it is here, ends by itself, or has secrets that
            // nobody has taken.
            let closed =
                side.close(self.now, until.saturating_duration_since(Instant::now()), |line| {
                    last.print(line, report)
                });
            let failed = closed.await?;
            last.printed?;
            // The end that was asked for is no news.
            if let Some(failure) = failed.filter(|failure| failure.exit() != Exit::Interrupted) {
                let _ = report.event(&Event::Trouble(failure), Instant::now());
            }
        }
        Ok(())
    }
}

/// The last lines of one session.
struct Last<'a> {
    /// Session that is named before the first of them, where there are two.
    of: Option<&'a About>,
    long_texts: LongTexts,
    printed: Result<(), Failure>,
}

impl Last<'_> {
    /// True if this line, and all before it, could be printed.
    fn print(&mut self, line: &str, report: &mut Report) -> bool {
        if let Some(about) = self.of.take() {
            // The lines matter, and are tried.
            let _ = report
                .event(&Event::Session(About { code: None, ..about.clone() }), Instant::now());
        }
        if self.printed.is_ok() {
            self.printed = self.long_texts.relay(line, report);
        }
        self.printed.is_ok()
    }
}
