//! `partials`: what unfinished transfers have left on this machine.

use super::ended::Ended;
use super::here;
use super::options::Output;
use crate::events::{Event, Partial};
use crate::failure::Failure;
use crate::files::inbox::{self, partials, private_partials};
use crate::files::private::private_base;
use crate::session::Report;
use pinhole_protocol::wire::PeerName;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(clap::Args)]
#[command(after_help = "\
A transfer that was not finished leaves what has arrived under a hidden name. Receiving the same
again into the same folder goes on with it. What has not grown for seven days is removed.

Examples:
  pinhole partials               those of this folder, and those received without a folder
  pinhole partials -o downloads  those of another folder
  pinhole partials --remove      removes them")]
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
        // A user without a home has no private directories.
        all.extend(private_base().map(|base| private_partials(&base)).unwrap_or_default());
        for partial in all {
            let said = said(&partial);
            let removed = self.remove && partial.remove();
            // A failed write changes nothing: nobody sees it.
            let _ = report.event(&Event::Partial(Partial { removed, ..said }), Instant::now());
        }
        Ok(())
    }
}

fn said(partial: &inbox::Partial) -> Partial {
    let inbox::Partial { name, items, bytes, size, grown, in_use, path, .. } = partial;
    Partial {
        name: PeerName::new(name.clone()),
        items: *items,
        bytes: *bytes,
        size: *size,
        grown: *grown,
        in_use: *in_use,
        removed: false,
        path: path.clone(),
    }
}
