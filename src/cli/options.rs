//! Options that several commands share.

use super::amounts::{duration, size, ttl};
use super::permissions::Permissions;
use super::relay::Place;
use super::step::{Step, typed};
use crate::control::owner::Owner;
use crate::failure::{Failure, Kind};
use crate::files::acting::{Place as Machine, acting};
use crate::files::inbox::{Conflict, EnvFile, Inbox, Links, Modes, Policy, try_spot};
use crate::files::name::FileName;
use crate::files::outbox::Keeper;
use crate::files::outlet::Outlet;
use crate::files::secret_exec::SecretExec;
use crate::files::variable::Accepted;
use crate::platform::name::bytes;
use crate::report::PROGRESS_EVERY;
use crate::report::prompt::{WITHOUT_VERIFY, nobody_to_ask};
use crate::report::transcript::Transcript;
use crate::session::plan::{
    ANOTHER_PLACE, Destination, Hosting, Plan, Relays, SecretFile, SecretPlace, SecretSink, Taking,
};
use crate::settings::agent::{Agent, fenced_by};
use crate::settings::{Config, Network, Setting, insecure_relay, set_relays};
use crate::transport::relay::dial::Trust;
use crate::transport::relay::{HostToken, Serving};
use crate::transport::tunnel::Program;
use crate::typed::Typed;
use clap::{Args, ValueEnum};
use pinhole_protocol::code::RelayUrl;
use pinhole_protocol::limits::TTL;
use pinhole_protocol::wire::Want;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// Bytes that a channel may bring where nobody watches, unless --max-size says otherwise
/// (DESIGN 5).
pub(super) const UNWATCHED: u64 = 10 << 30;
/// Files and folders that a channel may bring where nobody watches, unless --max-entries says
/// otherwise.
pub(super) const UNWATCHED_ENTRIES: u64 = 250_000;

/// How things are said.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(super) struct Output {
    /// Print JSON lines, as when standard output is not a terminal
    #[arg(long, conflicts_with = "human")]
    pub json: bool,
    /// Print lines for people, also when standard output is not a terminal
    #[arg(long)]
    pub human: bool,
    /// Seconds between progress lines where there is no bar, or a time such as 1m (default: 10);
    /// "off" hides the bar too and only announces the start and the end
    #[arg(long, value_name = "S|off", value_parser = progress)]
    progress: Option<Progress>,
}

impl Output {
    pub(super) fn progress(&self) -> Option<Duration> {
        self.progress.map_or(Some(PROGRESS_EVERY), |Progress(every)| every)
    }
}

/// `--progress`: how often there is a line; nothing for never.
#[derive(Clone, Copy, Debug)]
struct Progress(Option<Duration>);

fn progress(text: &str) -> Result<Progress, String> {
    if text == "off" {
        Ok(Progress(None))
    } else {
        duration(text).map(|every| Progress(Some(every)))
    }
}

/// The channel itself.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Channel")]
pub(super) struct Channel {
    /// How long the channel waits for the other side, and stays open unused: 1m to 24h
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
    /// What is allowed here.
    pub(super) fn behind(&self) -> impl Iterator<Item = &'static str> {
        let allowed = [
            ("--allow-relay", !self.relay.allow_relay.is_empty()),
            ("--allow-exec", self.allow_exec),
        ];
        allowed.into_iter().filter_map(|(option, given)| given.then_some(option))
    }

    /// Takes what is allowed before the command's name.
    pub(super) fn allow(&mut self, permissions: &mut Permissions) {
        self.relay.allow_relay.append(&mut permissions.allow_relay);
    }

    /// Refuses what only the process of a channel can do, where the channel is another's.
    pub(super) fn is_another(&self) -> Result<(), Failure> {
        match self.transcript {
            None => Ok(()),
            Some(_) => Err(Failure::new(
                Kind::Usage,
                "that channel is open, and its transcript was decided when it was opened",
            )
            .next("leave --transcript out; pinhole receive --after 0 prints what was said")),
        }
    }

    /// The same, with what one channel of a server has of its own, as an agent wants it; a time is
    /// as it would be typed.
    pub(super) fn with(
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
    pub(super) fn plan(&self, want: Want, person: bool) -> Result<Plan, Failure> {
        if self.verify && !person {
            // Said before a code is shown or used: the words could be compared by nobody.
            return Err(nobody_to_ask("--verify", WITHOUT_VERIFY));
        }
        let config = Config::read()?;
        Ok(Plan {
            want,
            network: Network::from_env()?,
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

/// Where two machines meet that cannot reach each other.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Relay")]
struct Relay {
    /// Meet at this relay: wss://HOST[:PORT][/PATH], or "none". Without it PINHOLE_RELAY or the
    /// configuration file (`pinhole config`) decides. A relay named by the code or the link wins
    #[arg(long, value_name = "URL")]
    relay: Option<String>,
    /// Behind the sending fence, which is on when an agent runs this: allow this relay, besides the
    /// one that PINHOLE_RELAY or the configuration file names; may be repeated. Counts there only
    /// before the command's name
    #[arg(long, value_name = "URL")]
    allow_relay: Vec<String>,
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
    /// Who names the relay of a channel.
    #[arg(skip)]
    naming: Naming,
}

/// Who names the relay of a channel.
#[derive(Clone, Debug, Default)]
enum Naming {
    /// Whoever typed this command line.
    #[default]
    Typed,
    /// The agent of a server, if it wants another than whoever started that.
    Agent(Option<String>),
}

impl Relay {
    /// Which relay is used, and how one that a code names would be.
    fn relays(&self, config: &Config) -> Result<Relays, Failure> {
        let insecure = self.insecure_relay || insecure_relay()?;
        let users = Setting::relay(self.relay.as_deref(), config)?;
        let wished = match &self.naming {
            Naming::Agent(Some(wished)) => Some(Setting::relay(Some(wished), config)?),
            Naming::Agent(None) | Naming::Typed => None,
        };
        let (mut allowed, fenced) = self.set_by_a_person(&users, config);
        let set = wished.unwrap_or(users);
        // The token is for a relay that a person has set: another, allowed or not, could be one
        // that the other side has talked the agent into.
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
                format!("what was given to --allow-relay is no relay's address: {why}"),
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
        // Who starts a server is a person; who types a command may be the agent.
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
            "a host token has 16 to 128 letters, digits and - . _ ~, and this one does not",
        )
        .next("ask whoever runs the relay for the token again")
    })
}

/// How a host listens.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Hosting")]
pub(super) struct Host {
    /// Number of words in the code: 3 to 8. Three are 31 bits against a single guess; each more
    /// adds ten
    #[arg(
        long,
        value_name = "N",
        default_value_t = 3,
        value_parser = clap::value_parser!(u8).range(3..=8),
    )]
    words: u8,
    /// Listen for a direct connection even if a relay is set; --port and --bind imply it
    #[arg(long)]
    direct: bool,
    /// Listen on this port instead of a free one from 9000 to 9999. A new code then keeps the
    /// number, so a joiner with the old code counts as a guess
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..))]
    port: Option<u16>,
    /// Listen on this address only
    #[arg(long, value_name = "ADDR")]
    bind: Option<IpAddr>,
    /// After a wrong code, make a new one without asking, up to this many codes in all
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=100),
    )]
    tries: u32,
    #[command(flatten)]
    reached: Reached,
}

impl Host {
    /// The option by which it starts a program that the command line names, if it does.
    pub(super) fn starts(&self) -> Option<&'static str> {
        let tunnel = self.reached.tunnel.as_deref().map(Program::parse);
        matches!(tunnel, Some(Ok(Program::Command(_)))).then_some("--tunnel=CMD")
    }

    /// `fenced` says if a tunnel program is started behind a fence.
    pub(super) fn hosting(&self, fenced: bool) -> Result<Hosting, Failure> {
        let own = self.reached.serving(fenced)?;
        Ok(Hosting {
            words: usize::from(self.words),
            bind: self.bind,
            port: self.port,
            direct: self.direct,
            own,
            tries: self.tries,
        })
    }
}

/// How somebody elsewhere reaches a host without a relay that is there already.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Being reached from elsewhere")]
struct Reached {
    /// Be reached through an installed tunnel program: cloudflared, which needs no account,
    /// tailscale, or your own command line ("{port}" and "{url}" in it stand for what the tunnel
    /// leads to; it must print its https address and keep running). It is started for this channel
    /// and ends with it (unless pinhole is killed), and sees the code's number, sizes and times,
    /// but neither words nor contents. A value needs the "=": --tunnel=tailscale. Behind the
    /// sending fence, a command line needs --allow-exec before the command's name
    #[arg(
        long,
        value_name = "auto|cloudflared|tailscale|CMD",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "auto",
        conflicts_with_all = ["relay", "direct", "port", "bind", "listen", "public_url"],
    )]
    tunnel: Option<String>,
    /// Run a relay in this process, for this channel only: for machines that can reach this one, or
    /// a proxy on it
    #[arg(long, conflicts_with_all = ["relay", "direct", "port", "bind"])]
    serve_relay: bool,
    /// Where that relay listens besides loopback: an address, a port, or both (port 7667 if none is
    /// given). Without a proxy in front, the other side needs --insecure-relay: anybody in between
    /// sees the code's number, sizes and times, but neither words nor contents
    #[arg(long, value_name = "ADDR", requires = "serve_relay")]
    listen: Option<Place>,
    /// The address by which others reach that relay, such as the https address of a proxy
    #[arg(long, value_name = "URL", requires = "serve_relay")]
    public_url: Option<String>,
}

impl Reached {
    /// How this host serves a relay itself, if it does.
    fn serving(&self, fenced: bool) -> Result<Option<Serving>, Failure> {
        if let Some(program) = &self.tunnel {
            return Program::parse(program)
                .map(|program| Some(Serving::Tunnel { program, fenced }));
        }
        if !self.serve_relay {
            return Ok(None);
        }
        let wrong = |why| {
            Failure::new(
                Kind::Usage,
                format!("what --public-url names is no relay's address: {why}"),
            )
            .next("write it as https://relay.example")
        };
        let public = self.public_url.as_deref().map(RelayUrl::parse).transpose().map_err(wrong)?;
        Ok(Some(Serving::At { listen: self.listen.map(Place::address), public }))
    }
}

/// What becomes of what arrives.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Receiving")]
pub(super) struct Receive {
    /// Receive into this folder (created if it is missing and ends in "/"), or under this name
    /// (several items go into a folder of that name; `take` also puts a text there). "-" sends one
    /// file, text or stream to standard output, and a pipe or device is opened before the code is
    /// used. Names that programs act on unasked (CLAUDE.md, Makefile) get a "_" in front unless you
    /// are asked, and nothing goes unasked into a home's dot folders, /etc or a folder of PATH;
    /// when an agent runs it, a folder with such names in it goes to a private one
    #[arg(short, long = "output", value_name = "DIR|NAME|-")]
    pub output: Option<PathBuf>,
    /// Receive without asking. `take` then receives into the current directory even without a
    /// terminal, and any size that leaves 5 % of the disk free; PINHOLE_YES=1 does the same.
    /// Neither applies when an agent runs it. You are still asked about --verify, a name that is
    /// taken or that programs act on, a folder in which they act on everything, and where to put a
    /// secret
    #[arg(short, long)]
    yes: bool,
    /// What to do when a name is taken. Without it you are asked at a terminal; elsewhere, or with
    /// -y, the new one is renamed. A text with -o NAME counts as a file. A variable in
    /// --secret-to-env-file is replaced only with overwrite
    #[arg(long, value_enum, value_name = "HOW")]
    conflict: Option<OnConflict>,
    /// Refuse more than this, such as 500M or 2GiB (10GiB where nobody is asked, except with `take
    /// -y`); each file or folder counts as at least 4 KiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
    /// Keep the sender's permissions, whatever the umask here; without it the umask is applied
    #[arg(long)]
    modes: bool,
    /// Which links to create
    #[arg(long = "links", value_enum, value_name = "WHICH", default_value = "keep")]
    links: WhichLinks,
    /// Refuse more files and folders than this (250000 where nobody is asked, except with `take
    /// -y`)
    #[arg(long, value_name = "N")]
    max_entries: Option<u64>,
    #[command(flatten)]
    secret: SecretTo,
}

/// Where received secrets go, so that no program between reads them. One secret goes there, the
/// first; the next go where they would without it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Receiving")]
struct SecretTo {
    /// Write the first secret to this new file, which only you can read (mode 0600)
    #[arg(long, value_name = "PATH", group = "sink")]
    secret_to_file: Option<PathBuf>,
    /// Set the first secret as the variable NAME in this dotenv file, for sh and programs to read
    /// (mode 0600, created if missing), without one line end after it. An existing variable is
    /// replaced only with --conflict overwrite. Without NAME, each secret is added under the name
    /// that the other side gave it, if it looks like a credential: *_KEY, *_TOKEN, *_SECRET,
    /// *_PASSWORD, *_CREDENTIALS, *_DSN, but none of an agent or a model service
    #[arg(long, value_name = "FILE[:NAME]", group = "sink")]
    secret_to_env_file: Option<OsString>,
    /// Also accept this variable name from the other side, such as DATABASE_URL; may be repeated
    #[arg(long, value_name = "NAME")]
    accept_env: Vec<String>,
    /// Run the program after "--", without a shell, with the first secret on its standard input, or
    /// with =NAME in that environment variable (without one line end after it). The secret counts
    /// as received when the program exits with 0; what the program prints goes to standard error.
    /// When an agent runs this, it needs --allow-exec before the command's name
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        groups = ["sink", "runs"],
    )]
    secret_exec: Option<String>,
    /// The program for an option that runs one, with its arguments; always last
    #[arg(last = true, value_name = "PROG", requires = "runs")]
    program: Vec<OsString>,
}

impl SecretTo {
    /// The names of variables that the other side may choose besides those of credentials.
    fn accepted(&self) -> Result<Accepted, Failure> {
        Accepted::new(&self.accept_env)
    }

    /// What the command line says, checked before a code is used. `replace` says if a variable that
    /// is there may be replaced, `fenced` if a program is started behind a fence.
    fn sink(&self, replace: bool, fenced: bool) -> Result<Option<SecretSink>, Failure> {
        if let Some(path) = &self.secret_to_file {
            if fenced {
                not_yet_there("--secret-to-file", path, Policy::default())?;
            }
            if path.symlink_metadata().is_ok() {
                return Err(Failure::new(
                    Kind::Exists,
                    format!("{} is already there and is not overwritten", path.display()),
                )
                .next("name another file with --secret-to-file"));
            }
            let spot = path.clone().into();
            try_spot(&spot)?;
            return Ok(Some(SecretSink::File(SecretFile::New(spot))));
        }
        if let Some(text) = &self.secret_to_env_file {
            let file = EnvFile::parse(text.clone())?.with(self.accepted()?, replace);
            if fenced {
                not_yet_there("--secret-to-env-file", file.path(), Policy::default())?;
            }
            file.check()?;
            return Ok(Some(SecretSink::File(SecretFile::Env(file))));
        }
        let exec = self
            .secret_exec
            .as_deref()
            .map(|variable| SecretExec::new(variable, &self.program, fenced));
        Ok(exec.transpose()?.map(SecretSink::Exec))
    }
}

/// `--conflict`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnConflict {
    /// Store the new one as "name (1).ext"
    Rename,
    /// Leave the new one out; the other side sees that it was not delivered
    Skip,
    /// Replace the old one if both are files, otherwise rename
    Overwrite,
    /// Replace files with files and merge folders, file by file; nothing else there is removed, and
    /// whatever collides with anything else is left out and listed as missing
    Merge,
    /// Ask at the terminal
    Ask,
}

impl Receive {
    /// Where a secret that a channel holds goes, if the command line says so.
    pub(super) fn sink(&self) -> Result<Option<SecretSink>, Failure> {
        self.secret.sink(self.replaces(), Agent::here().is_some())
    }

    /// The option by which it starts a program, if it does.
    pub(super) fn starts(&self) -> Option<&'static str> {
        self.secret.secret_exec.is_some().then_some("--secret-exec")
    }

    /// The names of variables that the other side may choose besides those of credentials.
    pub(super) fn accepted(&self) -> Result<Accepted, Failure> {
        self.secret.accepted()
    }

    /// True if what is there already may be replaced.
    pub(super) const fn replaces(&self) -> bool {
        matches!(self.conflict, Some(OnConflict::Overwrite))
    }

    /// Whether received bytes go to standard output.
    pub(super) fn bytes_to_stdout(&self) -> bool {
        self.output.as_deref().is_some_and(Outlet::is_stdout)
    }

    /// Whether received bytes go where no file keeps them: there, or into a pipe or device.
    pub(super) fn bytes_to_outlet(&self) -> Result<bool, Failure> {
        self.output.as_deref().map_or(Ok(false), Outlet::is_named_by)
    }

    /// What is behind "--": a program and its arguments.
    pub(super) fn program(&self) -> &[OsString] {
        &self.secret.program
    }

    /// What becomes of what arrives in a channel. Folders are opened here, so that a wrong one is
    /// said before a code is shown or used. `keeper` is whose fence is around it, if one is.
    pub(super) fn taking(&self, person: bool, keeper: Option<Keeper>) -> Result<Taking, Failure> {
        self.taking_with(person, self.yes, false, keeper)
    }

    /// The same for what is taken once. Who says yes beforehand means the current directory, as a
    /// person there would; an agent does not.
    pub(super) fn taking_once(&self, person: bool) -> Result<Taking, Failure> {
        let free = Agent::here().is_none();
        let yes = self.yes || free && yes_of_variable()?;
        self.taking_with(person, yes, yes && free, (!free).then_some(Keeper::Command))
    }

    /// `yes` answers whether to receive; `here` if that is into the current directory, with no
    /// limit but the disk's.
    fn taking_with(
        &self,
        person: bool,
        yes: bool,
        here: bool,
        keeper: Option<Keeper>,
    ) -> Result<Taking, Failure> {
        // An agent can have a terminal, and whoever types --fence at one is a person.
        let person = person && Agent::here().is_none();
        let conflict = match self.conflict {
            Some(OnConflict::Rename) => Conflict::Rename,
            Some(OnConflict::Skip) => Conflict::Skip,
            Some(OnConflict::Overwrite) => Conflict::Overwrite,
            Some(OnConflict::Merge) => Conflict::Merge,
            Some(OnConflict::Ask) if !person => {
                return Err(nobody_to_ask(
                    "--conflict ask",
                    "say it with --conflict rename, skip, overwrite or merge",
                ));
            }
            Some(OnConflict::Ask) => Conflict::Ask,
            None if person => Conflict::Ask,
            None => Conflict::Rename,
        };
        let unwatched = !person && !here;
        let max_size = self.max_size.or(unwatched.then_some(UNWATCHED));
        let max_entries = self.max_entries.or(unwatched.then_some(UNWATCHED_ENTRIES));
        let modes = if self.modes { Modes::Kept } else { Modes::Umask };
        let links = match self.links {
            WhichLinks::Keep => Links::Inside,
            WhichLinks::All => Links::All,
        };
        let policy = Policy {
            conflict,
            max_size,
            max_entries,
            acting: person && keeper.is_none(),
            modes,
            links,
            ..Policy::default()
        };
        let outlet = self.bytes_to_outlet()?;
        let sink = self.secret.sink(self.replaces(), keeper.is_some())?;
        // Who starts a server is a person.
        let judged = keeper.is_some_and(|keeper| keeper != Keeper::Server);
        if judged
            && let Some(path) = self.output.as_deref().filter(|path| !outlet && !path.exists())
        {
            not_yet_there("-o", path, policy)?;
        }
        let to = match &self.output {
            Some(path) if outlet => Destination::Output(Outlet::open(path)?),
            Some(path) => named(path, policy)?,
            None if person || here => {
                Destination::Folder(Inbox::open(Path::new("."), policy)?, None)
            }
            None => Destination::Private,
        };
        if judged {
            fenced("-o", &to)?;
        }
        if self.output.is_some() {
            to.try_out(policy)?;
        }
        if let Destination::Folder(inbox, name) = &to
            && inbox.machine().is_some_and(Machine::takes_all)
            && (keeper.is_some() || !person && name.is_none())
        {
            // Nothing that comes would go there.
            let tried = Destination::Private.try_out(policy);
            tried.map_err(|failure| failure.next(format!("{ANOTHER_PLACE}; no code was used")))?;
        }
        let secret = match outlet {
            true => SecretPlace::Declined,
            false if person => SecretPlace::Ask,
            // The yes was to the current directory, where others may read a secret or take it
            // along.
            false if self.output.is_none() => SecretPlace::Apart,
            false => SecretPlace::Private,
        };
        // Who names an output has a pipe waiting, and nothing is stored.
        let ask = person && !yes && !outlet;
        Ok(Taking {
            person,
            ask,
            fenced: keeper.is_some(),
            policy,
            to,
            sink,
            secret,
            long_texts_to_file: !person,
        })
    }
}

/// Links that are made of those that come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WhichLinks {
    /// Those that do not lead out of the folder that they come in; others are left out and listed
    Keep,
    /// All, as they are, wherever they lead; none is followed here
    All,
}

/// Whether `PINHOLE_YES` says what `take -y` does.
fn yes_of_variable() -> Result<bool, Failure> {
    match std::env::var_os("PINHOLE_YES") {
        None => Ok(false),
        Some(said) if said.is_empty() => Ok(false),
        Some(said) if said == "1" => Ok(true),
        Some(_) => Err(Failure::new(Kind::Usage, "PINHOLE_YES is set to something else than 1")
            .next("set it to 1, which is `take -y`, or unset it")),
    }
}

/// `-o DIR` or `-o NAME`: a folder that is there or, with a slash, made; else the name of the
/// single item, or of a folder for several.
fn named(path: &Path, policy: Policy) -> Result<Destination, Failure> {
    if path.is_dir() {
        return Inbox::open(path, policy).map(|inbox| Destination::Folder(inbox, None));
    }
    if path.to_string_lossy().ends_with('/') {
        return Inbox::open_or_make(path, policy).map(|inbox| Destination::Folder(inbox, None));
    }
    let usage = |detail: String| {
        Failure::new(Kind::Usage, detail).next("name a folder that exists, a file name, or -")
    };
    let name =
        path.file_name().ok_or_else(|| usage(format!("-o {} names nothing", path.display())))?;
    let parsed = FileName::parse(bytes(name)).map_err(|error| usage(format!("-o: {error}")))?;
    if parsed.changed {
        return Err(usage(format!(
            "-o: {name:?} has characters that a terminal would act on; {} would be a name",
            parsed.name.text()
        )));
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    Inbox::open(parent, policy).map(|inbox| Destination::Folder(inbox, Some(parsed.name)))
}

/// Refuses what an agent names with `-o` and programs act on: that is no better than a name of the
/// other side's.
fn fenced(option: &str, to: &Destination) -> Result<(), Failure> {
    let Destination::Folder(inbox, name) = to else { return Ok(()) };
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    // The folder that it works in is its user's choice.
    let below = here.ok().and_then(|here| inbox.path().strip_prefix(here).ok().map(Path::to_owned));
    let path = name.iter().fold(below.unwrap_or_else(|| inbox.path().to_owned()), |path, name| {
        path.join(name.as_os_str())
    });
    let own = || {
        name.as_ref().filter(|name| inbox.acts_on(name, true)).map(|name| name.text().into_owned())
    };
    let Some(telling) = acting(&path).or_else(own) else { return Ok(()) };
    let detail = format!(
        "behind the fence ({}) {option} {path:?} is no place for what comes: programs act on it \
        unasked ({telling})",
        fenced_by()
    );
    Err(Failure::new(Kind::Fenced, detail)
        .next(format!("name another place; or leave {option} out, look at what came, and copy it")))
}

/// A file for what is said. Behind a fence it is no place that programs act on: the other side's
/// words are in it.
fn transcript(path: &Path) -> Result<Transcript, Failure> {
    if Agent::here().is_some() {
        not_yet_there("--transcript", path, Policy::default())?;
    }
    Transcript::create(path)
}

/// The same of what is to be made there.
fn not_yet_there(option: &str, path: &Path, policy: Policy) -> Result<(), Failure> {
    let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else { return Ok(()) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    // Whatever else is wrong with it is said where it is opened.
    let (Ok(inbox), Ok(parsed)) = (Inbox::open(parent, policy), FileName::parse(bytes(name)))
    else {
        return Ok(());
    };
    fenced(option, &Destination::Folder(inbox, Some(parsed.name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn receive(line: &[&str]) -> Receive {
        let command = Receive::augment_args(clap::Command::new("take"));
        Receive::from_arg_matches(
            &command.try_get_matches_from([&["take"], line].concat()).unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn whoever_has_said_yes_to_this_folder_has_no_limit_but_the_disk_and_those_that_were_named() {
        let limits = |line: &[&str], person, here| {
            let taking = receive(line).taking_with(person, true, here, None).unwrap();
            (
                taking.policy.max_size,
                taking.policy.max_entries,
                taking.policy.keep_free,
                taking.policy.acting,
            )
        };
        assert_eq!(limits(&["-y"], false, true), (None, None, 0.05, false));
        assert_eq!(
            limits(&["-y"], false, false),
            (Some(UNWATCHED), Some(UNWATCHED_ENTRIES), 0.05, false)
        );
        assert_eq!(
            limits(&["-y", "--max-size", "5G", "--max-entries", "7"], false, true),
            (Some(5_000_000_000), Some(7), 0.05, false)
        );
        assert_eq!(limits(&["-y"], true, true), (None, None, 0.05, true));
    }
}
