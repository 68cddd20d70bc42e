//! `mcp`: the MCP server, on standard input and output.

use super::ended::{Ended, end, misunderstood, plainly};
use super::options::{Channel, Fencing, Host, Permissions, Receive};
use super::{code, doctor, host};
use crate::agent::mcp::{self, Secrets, Terms, Wish};
use crate::doctor::Setup;
use crate::events::Event;
use crate::failure::{Failure, Kind};
use crate::files::outbox::{Fence, Keeper};
use crate::report::style::Style;
use crate::report::{Format, Reporter, Settings};
use crate::session::plan::{Meet, Plan};
use crate::session::runtime;
use crate::stdio::Sink;
use pinhole_protocol::code::CodeAddress;
use std::sync::Arc;
use std::time::Instant;

#[derive(clap::Args)]
#[command(after_help = "\
An MCP client starts it and talks to it on standard input and output; it is not for typing. It
holds its channels itself, so they end with it. The options are those of `host` and `connect`, and
apply to each channel that the agent opens or joins; --detach, --transcript and --verify, which are
for one channel or a person, are refused.

It always has a sending fence, around the folders in which the agent works according to its client
(Codex's sandbox, roots, CLAUDE_PROJECT_DIR), otherwise around the working directory if that can be
a project's, and around what --allow names. If none of these is known, the client asks the user
once, or no file leaves. With --fence it is the working directory, whatever the client says.

Examples:
  pinhole mcp                                as in: claude mcp add pinhole -- pinhole mcp
  pinhole mcp --allow ../reports -o inbox
  pinhole mcp --relay wss://relay.example --ttl 4h")]
pub(super) struct Args {
    /// Let the agent see, read and end every channel of this user on this machine, not only those
    /// that it opened or joined here. It still does not see their codes
    #[arg(long, help_heading = "Sessions")]
    all_sessions: bool,
    #[command(flatten)]
    receive: Receive,
    #[command(flatten)]
    host: Host,
    #[command(flatten)]
    fencing: Fencing,
    #[command(flatten)]
    channel: Channel,
}

impl Args {
    /// Adds the permissions before the command's name. A person starts a server, so they may stand
    /// on either side.
    fn allowing(mut self, mut permissions: Permissions) -> Result<Self, Failure> {
        self.fencing.allow(&mut permissions);
        self.channel.allow(&mut permissions);
        permissions.allow_exec = false;
        permissions.are_for_nothing().map(|()| self)
    }

    /// Serves until the client leaves.
    pub(super) fn main(self, permissions: Permissions) -> Ended {
        let terms = match self.allowing(permissions) {
            Ok(args) => Arc::new(args),
            Err(failure) => return misunderstood(&failure),
        };
        // A fault of every channel is reported before a client waits for an answer.
        let served = terms.purpose(Wish::default()).and_then(|_| runtime()).and_then(|runtime| {
            let served = runtime.block_on(mcp::serve(terms));
            // Standard input may be waited for still.
            runtime.shutdown_background();
            served
        });
        match served {
            Ok(lost) => {
                // Standard output is the protocol's.
                let settings = Settings {
                    format: Format::Human,
                    style: Style::PLAIN,
                    once: true,
                    progress_every: None,
                };
                let mut report = Reporter::new(Sink::Stderr.open(), settings);
                for detail in lost {
                    // Nobody reads any more if this fails.
                    let _ = report.event(
                        &Event::Trouble(Failure::new(Kind::Interrupted, detail)),
                        Instant::now(),
                    );
                }
                Ended(end(&mut report, Ok(false)))
            }
            Err(failure) => plainly(false, Err(failure)),
        }
    }
}

impl Terms for Args {
    fn purpose(&self, wish: Wish) -> Result<(Plan, Meet), Failure> {
        if self.channel.detach {
            let detail = "--detach is for one session, and this server runs as long as its client";
            return Err(Failure::new(Kind::Usage, detail).next("leave --detach out"));
        }
        if self.channel.transcript.is_some() {
            let detail = "--transcript is for one channel, and this server holds several";
            return Err(Failure::new(Kind::Usage, detail).next(
                "leave out --transcript; an agent can call receive with after: 0 for everything \
                 so far",
            ));
        }
        let channel = self.channel.with(wish.label, wish.ttl.as_deref(), wish.relay)?;
        let plan = Plan {
            fence: Some(self.fence()?),
            detached: false,
            ..host::unanswered(&self.receive, &channel, false, Some(Keeper::Server))?
        };
        let meet = match wish.code {
            Some(code) => Meet::Join(Box::new(self.address(&code)?)),
            None => {
                let mut hosting = self.host.hosting(true)?;
                hosting.direct |= wish.direct;
                Meet::Host(hosting)
            }
        };
        Ok((plan, meet))
    }

    fn fence(&self) -> Result<Fence, Failure> {
        self.fencing.always("an agent sends through it", Keeper::Server)
    }

    fn works_here(&self) -> bool {
        self.fencing.is_named()
    }

    fn sees_all_sessions(&self) -> bool {
        self.all_sessions
    }

    fn secrets(&self) -> Result<Secrets, Failure> {
        Ok(Secrets {
            fence: self.fence()?,
            accepted: self.receive.accepted()?,
            replace: self.receive.replaces(),
        })
    }

    fn address(&self, text: &str) -> Result<CodeAddress, Failure> {
        code::parse(text).map(|given| given.address)
    }

    fn setup(&self) -> Result<Setup, Failure> {
        doctor::setup()
    }
}
