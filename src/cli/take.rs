//! `take`: what somebody gives, once.

use super::code;
use super::options::{Host, Receive};
use super::session::{Common, Gates, Purpose, Reached, SessionCommand, Stdin, Stdout, unreached};
use crate::session::Report;
use crate::session::plan::{Meet, Plan};
use crate::settings::agent::Agent;
use pinhole_protocol::wire::Want;

#[derive(clap::Args)]
#[command(after_help = "\
Without a code, it opens a channel and shows the command for the giver.

Examples:
  pinhole take 9471-walrus-clipboard-mango
  pinhole take 9471-walrus-clipboard-mango -o . --max-size 2GiB
  pinhole take CODE -o - | tar x             into another program
  pinhole take CODE --secret-to-file key     a secret, unseen")]
pub(super) struct Args {
    /// The code, as one argument or word by word, or a link; CODE@HOST for another machine; "-"
    /// reads it from standard input, and PINHOLE_CODE can hold it too
    #[arg(value_name = "CODE", conflicts_with_all = ["tunnel", "serve_relay"])]
    code: Vec<String>,
    #[command(flatten)]
    receive: Receive,
    #[command(flatten)]
    host: Host,
    #[command(flatten)]
    common: Common,
}

impl Args {
    /// The code that was typed, in however many arguments.
    pub(super) fn code(&self) -> Option<String> {
        code::spoken(&self.code)
    }

    /// Options for receiving.
    pub(super) const fn receive(&self) -> &Receive {
        &self.receive
    }
}

impl SessionCommand for Args {
    fn common(&self) -> &Common {
        &self.common
    }

    fn gates(&mut self) -> Gates<'_> {
        Gates {
            fencing: None,
            starts: self.receive.starts().or(self.host.starts()),
            channel: &mut self.common.channel,
        }
    }

    fn stdin(&self) -> Stdin {
        if self.code().as_deref() == Some("-") { Stdin::Read } else { Stdin::Unread }
    }

    fn stdout(&self) -> Stdout {
        if self.receive.bytes_to_stdout() { Stdout::Bytes } else { Stdout::Lines }
    }

    fn reach(self: Box<Self>, _: &mut Report) -> Reached<'_> {
        unreached(self)
    }

    fn purpose(self: Box<Self>, person: bool, _: bool) -> Purpose {
        let given = self.code().as_deref().map(code::given).transpose()?;
        // A pipe may wait here for its reader, so what is typed wrong is said before.
        let taking = self.receive.taking_once(person)?;
        // Something is sure to come, so there has to be a place for it, unless that is a secret's.
        if taking.sink.is_none() || self.receive.output.is_some() {
            taking.to.try_out(taking.policy)?;
        }
        let typed = match given {
            Some(given) => Some(given),
            None => code::asked(person)?,
        };
        let (meet, aside) = match typed {
            Some(code::Given { address, aside, .. }) => (Meet::Join(Box::new(address)), aside),
            None => (Meet::Host(self.host.hosting(Agent::here().is_some())?), None),
        };
        Ok((
            Plan { taking: Some(taking), aside, ..self.common.channel.plan(Want::Take, person)? },
            meet,
        ))
    }
}
