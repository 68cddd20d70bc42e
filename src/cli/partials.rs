//! `partials`: what unfinished transfers have left on this machine.

use super::ended::Ended;
use super::here;
use super::options::Output;
use crate::events::Event;
use crate::failure::{Failure, Kind};
use crate::files::inbox::{Partial, partials, private_partials};
use crate::files::private::private_base;
use crate::session::Report;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(clap::Args)]
#[command(after_help = "\
A transfer that was not finished leaves what has arrived under a hidden name. Receiving the same
again into the same folder goes on with it. What has not grown for seven days is removed when
something is next received into that folder.

Examples:
  pinhole partials               those of this folder, and those received without a folder
  pinhole partials -o downloads  those of another folder alone
  pinhole partials --remove      removes those that it would list")]
pub(super) struct Args {
    /// The folder, if not the current one
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Remove them, but for those that a transfer is using
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    output: Output,
}

impl Args {
    /// Runs it to its end.
    pub(super) fn main(self) -> Ended {
        let output = self.output.clone();
        here::main(&output, async |report| self.run(report))
    }

    fn run(self, report: &mut Report) -> Result<(), Failure> {
        let mut all = partials(self.folder.as_deref().unwrap_or(Path::new(".")))?;
        if self.folder.is_none() {
            // A user without a home has no private directories.
            all.extend(private_base().map(|base| private_partials(&base)).unwrap_or_default());
        }
        // Held no longer than they are looked at.
        let act = if self.remove { Partial::remove } else { Partial::seen };
        let all: Vec<_> = all.into_iter().map(act).collect();
        let kept = all.iter().filter(|one| self.remove && !one.removed && !one.in_use).count();
        for one in all {
            // A failed write changes nothing: nobody sees it.
            let _ = report.event(&Event::Partial(one), Instant::now());
        }
        if kept > 0 {
            return Err(Failure::new(Kind::Disk, format!("{kept} could not be removed"))
                .next("see if the folder can be written to"));
        }
        Ok(())
    }
}
