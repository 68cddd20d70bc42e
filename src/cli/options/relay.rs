//! The relay at which a channel meets, and who names it.

use crate::cli::step::typed;
use crate::failure::{Failure, Kind};
use crate::files::outbox::Keeper;
use crate::session::plan::Relays;
use crate::settings::agent::Agent;
use crate::settings::{Config, Setting, insecure_relay, set_relays};
use crate::transport::relay::HostToken;
use crate::transport::relay::dial::Trust;
use crate::typed::Typed;
use clap::Args;
use pinhole_protocol::code::RelayUrl;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Options for a relay, at which two machines meet that cannot reach each other.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Relay")]
pub(super) struct Relay {
    #[allow(rustdoc::broken_intra_doc_links, reason = "it is help, and no link")]
    /// Meet at this relay: wss://HOST[:PORT][/PATH], or "none". Without it PINHOLE_RELAY or the
    /// configuration file (`pinhole config`) decides. A relay named by the code or the link wins
    #[arg(long, value_name = "URL")]
    relay: Option<String>,
    /// Behind the sending fence, which is on when an agent runs this: allow this relay, besides the
    /// one that PINHOLE_RELAY or the configuration file names; may be repeated. Counts there only
    /// before the command's name
    #[arg(long, value_name = "URL")]
    pub allow_relay: Vec<String>,
    /// Also trust the certificates in this PEM file, for a relay with its own
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Allow a relay without TLS (ws://) that is not on this machine: anybody in between sees the
    /// code's number and both addresses, and can impersonate the relay
    #[arg(long)]
    insecure_relay: bool,
    /// When hosting, show the relay the token in this file, if its operator requires one (or set
    /// PINHOLE_HOST_TOKEN)
    #[arg(long, value_name = "FILE")]
    host_token_file: Option<PathBuf>,
    /// Send everything through the relay and try no direct connection, so the other side does not
    /// learn this machine's addresses
    #[arg(long)]
    relay_only: bool,
    /// The author of the relay's address.
    #[arg(skip)]
    pub naming: Naming,
}

/// The author of the relay's address.
#[derive(Clone, Debug, Default)]
pub(super) enum Naming {
    /// The person or agent who typed this command line.
    #[default]
    Typed,
    /// The agent of a server, if it wants another than the server was started with.
    Agent(Option<String>),
}

impl Relay {
    /// Which relay is used, and how one that a code names would be.
    pub fn relays(&self, config: &Config) -> Result<Relays, Failure> {
        let insecure = self.insecure_relay || insecure_relay()?;
        let users = Setting::relay(self.relay.as_deref(), config)?;
        let wished = match &self.naming {
            Naming::Agent(Some(wished)) => Some(Setting::relay(Some(wished), config)?),
            Naming::Agent(None) | Naming::Typed => None,
        };
        let (mut allowed, fenced) = self.set_by_a_person(&users, config);
        let set = wished.unwrap_or(users);
        // The token is for a relay that a person has set: the peer could have talked the agent into
        // any other, allowed or not.
        let token =
            fenced.is_none() || set.value.as_ref().is_some_and(|relay| allowed.contains(relay));
        allowed.extend(self.named()?);
        Ok(Relays {
            set,
            trust: Trust::of(&config.ca_file(self.ca_file.as_deref()))?,
            insecure,
            host_token: if token { host_token(self.host_token_file.as_deref())? } else { None },
            only: self.relay_only,
            allowed,
            fenced,
            typed: Typed::of(&typed()),
        })
    }

    /// Relays that `--allow-relay` names.
    fn named(&self) -> Result<Vec<RelayUrl>, Failure> {
        let wrong = |why| {
            Failure::new(
                Kind::Usage,
                format!("the value of --allow-relay is not the address of a relay: {why}"),
            )
            .next("write it as --allow-relay wss://relay.example")
        };
        self.allow_relay.iter().map(|url| RelayUrl::parse(url).map_err(wrong)).collect()
    }

    /// Relays that a person has set, and whose fence there is around them.
    fn set_by_a_person(
        &self,
        users: &Setting<Option<RelayUrl>>,
        config: &Config,
    ) -> (Vec<RelayUrl>, Option<Keeper>) {
        let server = matches!(self.naming, Naming::Agent(_));
        // A server is started by a person; a command may be typed by the agent.
        let typed = users.value.clone().filter(|_| server);
        let keeper =
            if server { Some(Keeper::Server) } else { Agent::here().map(|_| Keeper::Command) };
        (set_relays(config).into_iter().chain(typed).collect(), keeper)
    }
}

/// The token of `--host-token-file`, else of `PINHOLE_HOST_TOKEN`. It is on no command line, where
/// others of this machine could read it.
fn host_token(file: Option<&Path>) -> Result<Option<HostToken>, Failure> {
    let text = match file {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            Failure::new(
                Kind::NoSuchFile,
                format!("{} cannot be read as a host token: {error}", path.display()),
            )
        })?),
        None => std::env::var("PINHOLE_HOST_TOKEN").ok().filter(|token| !token.is_empty()),
    };
    let Some(text) = text.map(Zeroizing::new) else { return Ok(None) };
    HostToken::parse(text.trim()).map(Some).ok_or_else(|| {
        Failure::new(
            Kind::Usage,
            "a host token has 16 to 128 letters, digits and - . _ ~, and this one is different",
        )
        .ask_user("ask the relay's operator for the token again")
    })
}
