//! `connect`: the other side of a channel that stays open.

use super::options::{Answering, Fencing, Receive};
use super::session::{Common, Gates, Purpose, Reached, SessionCommand, Stdin, unreached};
use super::{code, host};
use crate::failure::{Failure, Kind};
use crate::session::Report;
use crate::session::plan::{Meet, Plan};

#[derive(clap::Args)]
#[command(after_help = "\
At a terminal, the lines you type are sent as texts; /help lists what else you can type. Where
nobody can be asked, received secrets are held until `pinhole receive --secret-to-file FILE` or a
similar command takes them, even after the other side has left.

Examples:
  pinhole connect 9471-walrus-clipboard-mango
  pinhole connect 9471-walrus-clipboard-mango@192.0.2.7    a host that its number does not find
  pinhole connect - < code.txt               keeps the code off the command line
  pinhole connect CODE --first hello --on-message -- ./answer.sh    sends hello; a program answers
  pinhole connect CODE --detach              goes on in the background, for `send` and `receive`")]
pub(super) struct Args {
    /// The code, as one argument or word by word, or a link; CODE@HOST for another machine; "-"
    /// reads it from standard input
    #[arg(value_name = "CODE", required = true)]
    code: Vec<String>,
    #[command(flatten)]
    receive: Receive,
    #[command(flatten)]
    fencing: Fencing,
    #[command(flatten)]
    handler: Answering,
    #[command(flatten)]
    common: Common,
}

impl SessionCommand for Args {
    fn common(&self) -> &Common {
        &self.common
    }

    fn gates(&mut self) -> Gates<'_> {
        Gates {
            fencing: Some(&mut self.fencing),
            starts: self.receive.starts().or(self.handler.starts()),
            channel: &mut self.common.channel,
        }
    }

    fn stdin(&self) -> Stdin {
        if self.code == ["-"] || self.handler.reads_stdin() { Stdin::Read } else { Stdin::Unread }
    }

    fn once(&self) -> bool {
        false
    }

    fn reach(self: Box<Self>, _: &mut Report) -> Reached<'_> {
        unreached(self)
    }

    fn purpose(self: Box<Self>, person: bool, _: bool) -> Purpose {
        if self.code == ["-"] && self.handler.reads_stdin() {
            return Err(Failure::new(
                Kind::Usage,
                "standard input can be the code or the first text, not both",
            )
            .next("write the text on the command line: --first TEXT"));
        }
        let given = code::given(&self.code.join(" "))?;
        let plan =
            host::open(&self.receive, &self.handler, &self.fencing, &self.common.channel, person)?;
        Ok((Plan { aside: given.aside, ..plan }, Meet::Join(Box::new(given.address))))
    }
}
