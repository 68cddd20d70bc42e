//! `host`: a channel that stays open, and its code.

use super::options::{Answering, Channel, Fencing, Host, Receive};
use super::session::{Common, Gates, Purpose, Reached, SessionCommand, Stdin, unreached};
use crate::failure::{Failure, Kind};
use crate::files::outbox::Keeper;
use crate::session::Report;
use crate::session::plan::{Meet, Plan, SecretPlace};
use pinhole_protocol::wire::Want;

#[derive(clap::Args)]
#[command(after_help = "\
At a terminal, the lines you type are sent as texts; /help lists what else you can type. Where
nobody can be asked, received secrets are held until `pinhole receive --secret-to-file FILE` or a
similar command takes them, even after the other side has left.

Examples:
  pinhole host
  pinhole host --direct --port 9000          if the firewall opens that port
  pinhole host --ttl 8h --words 4 --verify
  pinhole host --on-message --max-turns 10 -- ./answer.sh    a program answers
  pinhole --allow-exec host --on-message -- ./answer.sh      the same when an agent runs it
  pinhole host --detach --label build        goes on in the background, for `send` and `receive`")]
pub(super) struct Args {
    #[command(flatten)]
    receive: Receive,
    #[command(flatten)]
    fencing: Fencing,
    #[command(flatten)]
    handler: Answering,
    #[command(flatten)]
    host: Host,
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
            starts: self.receive.starts().or(self.handler.starts()).or(self.host.starts()),
            channel: &mut self.common.channel,
        }
    }

    fn stdin(&self) -> Stdin {
        if self.handler.reads_stdin() { Stdin::Read } else { Stdin::Unread }
    }

    fn once(&self) -> bool {
        false
    }

    fn reach(self: Box<Self>, _: &mut Report) -> Reached<'_> {
        unreached(self)
    }

    fn purpose(self: Box<Self>, person: bool, _: bool) -> Purpose {
        let hosting = self.host.hosting(self.fencing.is_on())?;
        Ok((
            open(&self.receive, &self.handler, &self.fencing, &self.common.channel, person)?,
            Meet::Host(hosting),
        ))
    }
}

/// The purpose of a channel that stays open.
pub(super) fn open(
    receive: &Receive,
    handler: &Answering,
    fencing: &Fencing,
    channel: &Channel,
    person: bool,
) -> Result<Plan, Failure> {
    let (program, first) = (handler.handler(receive.program())?, handler.first()?);
    let fence = fencing.fence(Keeper::Channel)?;
    let plan = fencing.around(unanswered(
        receive,
        channel,
        person,
        fence.as_ref().map(|_| Keeper::Channel),
    )?)?;
    Ok(Plan { fence, handler: program, wares: first.into_iter().collect(), ..plan })
}

/// The purpose without anything that this command line sends of itself, and so without a fence.
/// `keeper` is the owner of a fence around what comes.
pub(super) fn unanswered(
    receive: &Receive,
    channel: &Channel,
    person: bool,
    keeper: Option<Keeper>,
) -> Result<Plan, Failure> {
    if receive.bytes_to_outlet()? {
        // Several files at once would be mixed there, with each other and with the events.
        return Err(Failure::new(
            Kind::Usage,
            "-o -, a pipe or a device is for a single file, and this channel may bring several",
        )
        .ask_user("take one file with: pinhole take CODE -o -; or name a folder"));
    }
    let mut taking = receive.taking(person, keeper)?;
    if !taking.person {
        taking.secret = SecretPlace::Held;
    }
    Ok(Plan { taking: Some(taking), ..channel.plan(Want::Both, person)? })
}
