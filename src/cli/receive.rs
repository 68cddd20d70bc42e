//! `receive`: from an open channel, else `take` where a person is.

use super::options::Output;
use super::send::{no_channel_of, not_open};
use super::{Purpose, code, take};
use crate::failure::{Exit, Failure};
use pinhole_protocol::code::{Shape, shape};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pinhole receive 9471-walrus-clipboard-mango
  pinhole receive 9471-walrus-clipboard-mango -o .
  pinhole receive CODE -o - | less           to another program")]
// Its name is that of the arguments inside it, and clap wants each once.
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    pub take: take::Args,
}

impl Args {
    pub(super) const fn output(&self) -> &Output {
        self.take.output()
    }

    pub(super) fn purpose(self, person: bool) -> Purpose {
        let Some(first) = self.take.code.clone() else {
            return Err(Failure::new(Exit::Usage, "not-open", "no channel is open here to receive from")
                .next("pinhole take CODE, or pinhole take to open one"));
        };
        match shape(&first) {
            Shape::Number => Err(no_channel_of(&first)),
            // Read before anything else, so that a mistyped word is said and costs nothing.
            _ => match code::parse(&first) {
                Err(failure) => Err(failure),
                Ok(_) if !person => Err(not_open(&first, "that channel is not open here, and joining it takes an explicit command")),
                Ok(_) => self.take.purpose(person),
            },
        }
    }
}
