//! The channel itself.

use super::destination::not_yet_there;
use super::permissions::Permissions;
use super::relay::{Naming, Relay};
use crate::cli::amounts::ttl;
use crate::cli::step::Step;
use crate::control::owner::Owner;
use crate::failure::{Advice, Failure, Kind};
use crate::files::inbox::Policy;
use crate::report::prompt::{WITHOUT_VERIFY, nobody_to_ask};
use crate::report::transcript::Transcript;
use crate::session::plan::Plan;
use crate::settings::agent::Agent;
use crate::settings::{Config, Network, links, tells_places};
use clap::Args;
use pinhole_protocol::limits::TTL;
use pinhole_protocol::wire::Want;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The channel itself.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Channel")]
pub(in crate::cli) struct Channel {
    /// How long the channel waits for the other side, before it comes and after its connection is
    /// lost, and stays open unused: 1m to 24h
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    ttl: Option<Duration>,
    /// Show four words on both sides; nothing is sent or accepted until you confirm that they match
    /// (both sides should use it)
    #[arg(long)]
    verify: bool,
    /// A name by which other commands on this machine can find the channel
    #[arg(long, value_name = "NAME")]
    pub label: Option<String>,
    /// Return as soon as the code is shown, or, when joining, as soon as the other side is there,
    /// and go on in the background, where `receive`, `send`, `status` and `close` reach it. It asks
    /// nothing; what arrives goes to a private folder, or to -o
    #[arg(long)]
    pub detach: bool,
    /// The process that this is, of those with --detach.
    #[arg(skip)]
    pub detached: Option<Step>,
    /// Start the program that this line names. Without a fence it is not needed
    #[arg(long, hide = true)]
    allow_exec: bool,
    /// Write what both sides send to this new file, which only you can read (mode 0600): as
    /// Markdown, or as the lines of EVENTS.md. Secrets and the code are left out
    #[arg(long, value_name = "FILE.md|.jsonl")]
    pub transcript: Option<PathBuf>,
    /// Neither announce the code on the local network nor look for it there
    #[arg(long)]
    no_lan: bool,
    #[command(flatten)]
    relay: Relay,
}

impl Channel {
    /// Options that allow something behind the command's name.
    pub(in crate::cli) fn behind(&self) -> impl Iterator<Item = &'static str> {
        let allowed = [
            ("--allow-relay", !self.relay.allow_relay.is_empty()),
            ("--allow-exec", self.allow_exec),
        ];
        allowed.into_iter().filter_map(|(option, given)| given.then_some(option))
    }

    /// Takes what is allowed before the command's name.
    pub(in crate::cli) fn allow(&mut self, permissions: &mut Permissions) {
        self.relay.allow_relay.append(&mut permissions.allow_relay);
    }

    /// Refuses what only the process of a channel can do, where the channel is another's.
    pub(in crate::cli) fn is_another(&self) -> Result<(), Failure> {
        match self.transcript {
            None => Ok(()),
            Some(_) => Err(Failure::new(
                Kind::Usage,
                "that channel is already open, and its transcript was decided then",
            )
            .next("leave out --transcript; pinhole receive --after 0 prints everything so far")),
        }
    }

    /// This channel with the label, time and relay that an agent wants for one of a server's. A
    /// time is as it would be typed.
    pub(in crate::cli) fn with(
        &self,
        label: Option<String>,
        time: Option<&str>,
        relay: Option<String>,
    ) -> Result<Self, Failure> {
        let mut channel = self.clone();
        if let Some(time) = time {
            channel.ttl = Some(ttl(time).map_err(|error| {
                Failure::new(Kind::Usage, format!("ttl: {error}")).next("leave it out for an hour")
            })?);
        }
        channel.label = label.or(channel.label);
        channel.relay.naming = Naming::Agent(relay);
        Ok(channel)
    }

    /// The purpose of a session in this channel, with nothing to send and nothing taken yet.
    pub(in crate::cli) fn plan(&self, want: Want, person: bool) -> Result<Plan, Failure> {
        if self.verify && !person {
            // Said before a code is shown or used: the words could be compared by nobody.
            return Err(nobody_to_ask("--verify", Advice::for_user(WITHOUT_VERIFY)));
        }
        let config = Config::read()?;
        Ok(Plan {
            want,
            network: Network::from_env()?,
            places: tells_places()?,
            links: links()?,
            lan: !self.no_lan && config.lan().value,
            relays: self.relay.relays(&config)?,
            ttl: self.ttl.unwrap_or(TTL),
            verify: self.verify,
            aside: None,
            wares: Vec::new(),
            taking: None,
            strict: false,
            fence: None,
            person,
            owner: Owner::here(),
            label: self.label.clone(),
            detached: self.detached == Some(Step::Session),
            screen: None,
            // Made last, so that what cannot be begins none.
            transcript: self.transcript.as_deref().map(transcript).transpose()?,
            question: None,
            handler: None,
        })
    }
}

/// Creates the transcript. Behind a fence it is no file that programs act on: the peer's words are
/// in it.
fn transcript(path: &Path) -> Result<Transcript, Failure> {
    if Agent::here().is_some() {
        not_yet_there("--transcript", path, Policy::default())?;
    }
    Transcript::create(path)
}
