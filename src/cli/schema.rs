//! `schema`: what the JSON lines look like, for programs that check them.

use super::ended::{Ended, plainly, print};
use crate::events::line::schema;
use crate::failure::Failure;

#[derive(clap::Args)]
#[command(after_help = "\
It is generated from the types that this program writes. A later version may add types, events,
fields and words; ignore what you do not know.

Examples:
  pinhole schema
  pinhole schema > pinhole.schema.json
  pinhole schema | jq '.oneOf[].properties.type.const'")]
pub(super) struct Args {}

impl Args {
    /// Runs it to its end.
    pub(super) fn main(self) -> Ended {
        plainly(false, self.run())
    }

    fn run(self) -> Result<(), Failure> {
        print(&format!("{:#}", schema()))
    }
}
