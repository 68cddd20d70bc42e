//! The purpose of a process, decided from its command line before anything is opened.

pub use super::ask::Question;
use crate::control::owner::Owner;
use crate::failure::{Failure, Kind};
use crate::files::inbox::{EnvFile, Inbox, Policy};
use crate::files::name::FileName;
use crate::files::outbox::{Fence, Keeper};
use crate::files::outlet::Outlet;
use crate::files::private::private_base;
use crate::files::secret_exec::SecretExec;
use crate::files::spot::Spot;
use crate::files::ware::Ware;
use crate::handler::Handler;
use crate::report::screen::Screen;
use crate::report::transcript::Transcript;
use crate::settings::agent::fenced_by;
use crate::settings::{Network, Origin, RelayChoice, Setting};
use crate::transport::again::Bounds;
use crate::transport::relay::dial::Trust;
use crate::transport::relay::{Access, HostToken, Serving};
use crate::typed::Typed;
use pinhole_protocol::code::{CodeAddress, RelayUrl};
use pinhole_protocol::wire::Want;
use std::net::IpAddr;
use std::time::Duration;

/// A session's purpose.
pub struct Plan {
    /// To send once, to receive once, or a channel that stays open.
    pub want: Want,
    /// Which addresses may be used.
    pub network: Network,
    /// True if the peer may be told this machine's addresses, and those that it says are dialled.
    pub places: bool,
    /// Connections of the channel, if their number is fixed.
    pub links: Option<usize>,
    /// True if the local network may be told of this side's code, and asked for the peer's.
    pub lan: bool,
    /// Which relay is used, and how.
    pub relays: Relays,
    /// The time that the channel may rest.
    pub ttl: Duration,
    /// True if the person here compares words before anything of this side's is sent.
    pub verify: bool,
    /// Something to say of the command line that ends nothing.
    pub aside: Option<Failure>,
    /// Things that are sent as soon as there is a channel.
    pub wares: Vec<Ware>,
    /// The rules for what arrives; `None` refuses it all.
    pub taking: Option<Taking>,
    /// True if something left out of a folder is a failure (`--strict`).
    pub strict: bool,
    /// The fence around files sent later: typed here, or brought by other commands.
    pub fence: Option<Fence>,
    /// True if a person can be asked.
    pub person: bool,
    /// The owner of the session.
    pub owner: Owner,
    /// The name by which other commands of this machine may call the session.
    pub label: Option<String>,
    /// True if this process goes on in the background, and nobody reads what it prints once there
    /// is a channel (`--detach`).
    pub detached: bool,
    /// The terminal, where lines are typed into the channel.
    pub screen: Option<Screen>,
    /// The file in which everything that is said is written down.
    pub transcript: Option<Transcript>,
    /// A question, with whose answer the session ends.
    pub question: Option<Question>,
    /// The program that answers the other side's texts.
    pub handler: Option<Handler>,
}

/// Which relay is used, and how one that a code names would be.
pub struct Relays {
    /// The relay that is set, if one is. Whether it may be used is asked only where it is.
    pub set: Setting<Option<RelayUrl>>,
    /// The certificates that are trusted for relays.
    pub trust: Trust,
    /// True if `ws://` may leave this machine.
    pub insecure: bool,
    /// The token that hosts show to a relay that wants to see it.
    pub host_token: Option<HostToken>,
    /// True if everything goes through the relay, so that no addresses are told.
    pub only: bool,
    /// Those that a person has set or allowed.
    pub allowed: Vec<RelayUrl>,
    /// The keeper of the fence that lets no other be dialled, if there is one.
    pub fenced: Option<Keeper>,
    /// The command line with which it would be opened.
    pub typed: Typed,
}

impl Relays {
    /// Refuses a relay that only an agent or a code names, whose path is then asked for on whatever
    /// server that is, where there is a fence.
    fn admit(&self, choice: &RelayChoice) -> Result<(), Failure> {
        let Some(keeper) = self.fenced else { return Ok(()) };
        if self.allowed.iter().any(|allowed| allowed.is_same(&choice.url)) {
            return Ok(());
        }
        let (url, named) = (&choice.url, choice.named());
        let why = match keeper {
            Keeper::Server => "an agent's commands may use no other".to_owned(),
            Keeper::Command | Keeper::Channel => fenced_by(),
        };
        let detail = format!(
            "{named} is not set or allowed here, so the fence lets nothing be sent to it ({why})"
        );
        Err(Failure::new(Kind::Fenced, detail).ask_user(match keeper {
            Keeper::Server => {
                format!(
                    "if the user trusts that relay, they can have the server started as: pinhole \
                     mcp --allow-relay {url}"
                )
            }
            Keeper::Command | Keeper::Channel => {
                let allowing = self.typed.with(&format!("--allow-relay {url}"));
                format!(
                    "if the user trusts that relay: {allowing}; or have them run: pinhole config \
                     set relay {url}"
                )
            }
        }))
    }
}

impl Plan {
    /// The way through the relay that is set, if one is.
    ///
    /// # Errors
    /// As [`Plan::way_to`].
    pub fn way(&self) -> Result<Option<Access>, Failure> {
        let Setting { value, from } = &self.relays.set;
        value.as_ref().map(|url| self.way_by(url, from.clone())).transpose()
    }

    /// The way through the relay that a code names.
    ///
    /// # Errors
    /// Usage, if what is said to it could be read on the way and nobody allowed that.
    pub fn way_to(&self, url: &RelayUrl) -> Result<Access, Failure> {
        self.way_by(url, Origin::Code)
    }

    /// The bounds of what is told to the peer for later links, and of what it can have this side
    /// do.
    pub fn bounds(&self) -> Bounds {
        let Relays { set, allowed, .. } = &self.relays;
        let relays = set.value.iter().map(|url| (url, set.from.clone()));
        let relays = relays.chain(allowed.iter().map(|url| (url, Origin::Flag("--allow-relay"))));
        Bounds {
            network: self.network,
            places: self.places && !self.relays.only,
            relays: relays.filter_map(|(url, from)| self.way_by(url, from).ok()).collect(),
        }
    }

    /// Refuses a direct connection where everything is to go through a relay (`--relay-only`).
    ///
    /// # Errors
    /// Usage, if it is.
    pub fn may_be_direct(&self) -> Result<(), Failure> {
        if !self.relays.only {
            return Ok(());
        }
        Err(Failure::new(
            Kind::Usage,
            "--relay-only hides this machine's addresses from everyone but a relay, and this \
             would be a direct connection",
        )
        .ask_user(
            "name a relay (--relay URL, or in the code: CODE@RELAY) and leave out --direct, \
             --port and --bind; or leave out --relay-only",
        ))
    }

    fn way_by(&self, url: &RelayUrl, from: Origin) -> Result<Access, Failure> {
        let Relays { trust, host_token, insecure, .. } = &self.relays;
        let choice = RelayChoice::new(url.clone(), from, *insecure)?;
        self.relays.admit(&choice)?;
        Ok(Access {
            choice,
            trust: trust.clone(),
            network: self.network,
            host_token: host_token.clone(),
        })
    }
}

/// The way in which the two sides meet; used once, because a code is.
pub enum Meet {
    /// This side makes the code and listens.
    Host(Hosting),
    /// This side was given the code.
    Join(Box<CodeAddress>),
}

/// A host and its listener.
#[derive(Clone)]
pub struct Hosting {
    /// Words of the code, 3 to 8.
    pub words: usize,
    /// The address to listen at, if not everywhere.
    pub bind: Option<IpAddr>,
    /// The port, if not a free one.
    pub port: Option<u16>,
    /// To listen although a relay is set.
    pub direct: bool,
    /// To serve the relay of its channel itself.
    pub own: Option<Serving>,
    /// Wrong codes after which this process ends, where nobody can be asked (`--tries`).
    pub tries: u32,
}

impl Hosting {
    /// True if this host listens itself although a relay is set: a port or an address that is named
    /// wants that too.
    #[must_use]
    pub const fn listens(&self) -> bool {
        self.direct || self.port.is_some() || self.bind.is_some()
    }
}

/// The rules for what arrives.
#[derive(Clone)]
pub struct Taking {
    /// The place that files go to.
    pub to: Destination,
    /// The bounds of what is allowed.
    pub policy: Policy,
    /// True if a person is here who can be asked about what comes. An agent at a terminal is none.
    pub person: bool,
    /// True if that person says yes to every offer first.
    pub ask: bool,
    /// True if a fence is around it: folders in which something acts go to a private directory, and
    /// no name on the command line is a person's word.
    pub fenced: bool,
    /// The place of the first secret, or of each, if the command line says one.
    pub sink: Option<SecretSink>,
    /// The place of the others.
    pub secret: SecretPlace,
    /// True if long texts go to a file, because scripts and agents read the lines. Where a person
    /// does, a command that asks for them puts them there.
    pub long_texts_to_file: bool,
}

/// The advice where nothing may go to the folder that was named, and there is no private directory.
pub const ANOTHER_PLACE: &str =
    "name another folder with -o DIR: programs act unasked on everything in this one";

/// The place of received files.
#[derive(Clone)]
pub enum Destination {
    /// Into an open directory; if there is a name, the only item under it, and several in a folder
    /// of it.
    Folder(Inbox, Option<FileName>),
    /// Into a new private directory, made when the first thing arrives.
    Private,
    /// To standard output, or into a pipe or device.
    Output(Outlet),
}

impl Destination {
    /// Tries whether something can be kept there, before a code is used.
    ///
    /// # Errors
    /// A [`Failure`] with exit 8 if not.
    pub fn try_out(&self, policy: Policy) -> Result<(), Failure> {
        match self {
            Self::Folder(inbox, _) => inbox.try_out(),
            Self::Private => {
                let inbox = Inbox::private(&private_base()?, policy)?;
                let tried = inbox.try_out();
                inbox.remove_if_empty();
                tried
            }
            Self::Output(_) => Ok(()),
        }
    }
}

/// The place of a received secret by the command line.
#[derive(Clone, Debug)]
pub enum SecretSink {
    /// Into a file.
    File(SecretFile),
    /// To a program.
    Exec(SecretExec),
}

/// A file that a received secret goes into.
#[derive(Clone, Debug)]
pub enum SecretFile {
    /// This one, which must not exist.
    New(Spot),
    /// A dotenv file, as a variable.
    Env(EnvFile),
}

impl SecretSink {
    /// True if it is for one secret, the first.
    #[must_use]
    pub const fn takes_one(&self) -> bool {
        match self {
            Self::File(SecretFile::New(_)) | Self::Exec(_) => true,
            Self::File(SecretFile::Env(file)) => file.takes_one(),
        }
    }
}

/// The place of received secrets of which the command line says nothing.
#[derive(Clone, Copy, Debug)]
pub enum SecretPlace {
    /// The person here is asked.
    Ask,
    /// It stays in the session until another command takes it.
    Held,
    /// To a file of its own where everything goes.
    Private,
    /// To a file of its own in a private directory, wherever everything else goes.
    Apart,
    /// Nowhere: standard output is taken by the bytes of a file.
    Declined,
}

impl SecretPlace {
    /// The place where no other command can reach the session: nobody could take what it holds.
    #[must_use]
    pub const fn unreachable(self) -> Self {
        match self {
            Self::Held => Self::Private,
            place => place,
        }
    }
}
