//! `schema`: what the JSON lines look like, for programs that check them.

use super::print;
use crate::failure::Failure;
use crate::report;

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
    pub(super) fn run(self) -> Result<(), Failure> {
        print(&format!("{:#}", report::schema()))
    }
}
