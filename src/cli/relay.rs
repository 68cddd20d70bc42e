//! `relay`: runs the relay at which two sides meet that cannot reach each other, or asks one
//! whether it works.

mod health;
mod options;
mod owner_key;
mod run;
mod sources;
mod values;

pub(super) use values::ListenAddress;

use super::ended::{Ended, plainly};
use super::{Cli, Command};
use crate::failure::{Exit, Failure, Kind};
use crate::report::relay_log::RelayLog;
use crate::settings::Network;
use clap::{Args as _, CommandFactory, FromArgMatches};
use options::Options;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use tracing::Level;

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    service: Service,
}

/// The command itself.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Service")]
struct Service {
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE", env = "PINHOLE_RELAY_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    /// Log this level and more serious ones, on standard error: as text at a terminal, otherwise as
    /// one JSON object per line
    #[arg(long, value_name = "error|warn|info|debug", value_parser = level, default_value = "info")]
    log_level: Level,
    /// Log JSON objects at a terminal too
    #[arg(long)]
    json: bool,
    /// Only ask the relay at this address whether it works; exit 0, or 5 if it does not
    #[arg(long, value_name = "URL")]
    health: Option<String>,
}

impl Service {
    /// True if a person reads the log.
    fn plain(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }
}

/// The flags of one call, which neither a variable nor a file gives; `--config` has its variable
/// from clap.
const ONCE: [&str; 2] = ["config", "health"];

const EXAMPLES: &str = "\
Each setting is also a variable and a key of the --config file: --waiting-hosts 50 is
PINHOLE_RELAY_WAITING_HOSTS=50 and waiting-hosts = 50. In variables, commas separate the items of a
list, and a switch is true or false. A flag wins over a variable, a variable over the file.

Examples:
  pinhole relay                                 only on this machine, port 7667
  pinhole give --relay ws://127.0.0.1:7667 F    gives a file through it
  pinhole relay --listen 443 --tls-cert chain.pem --tls-key key.pem --public
  pinhole relay --listen 10.0.0.2 --trusted-proxy 10.0.0.1     behind a proxy that ends TLS
  pinhole relay --config /etc/pinhole/relay.toml --log-level warn
  pinhole relay --health http://127.0.0.1:7667

The relay sees numbers, sizes, times and addresses, never words or contents; see relay/README.md.
Exit status: 0 after it was asked to stop, 2 usage, 5 if it cannot listen or, with --health, does
not work.
";

impl Args {
    /// Runs a relay until it is told to stop, or asks one.
    pub(super) fn main(self) -> Ended {
        if let Some(url) = &self.service.health {
            return plainly(self.service.json, health::ask(url));
        }
        let plain = self.service.plain();
        match self.complete() {
            Ok(args) => args.run(),
            Err(failure) => said(failure, plain),
        }
    }

    /// Adds what the environment and the file say.
    fn complete(self) -> Result<Self, Failure> {
        let mut alone = Self::augment_args(clap::Command::new("relay"));
        if let Some(path) = &self.service.config {
            alone = sources::with_file(alone, &ONCE, path)?;
        }
        alone = sources::with_environment(alone, &ONCE, |name| std::env::var_os(name))?;
        let again = Cli::command()
            .mut_subcommand("relay", |_| alone)
            .try_get_matches()
            .and_then(|matches| Cli::from_arg_matches(&matches));
        match again {
            Ok(Cli { command: Command::Relay(args), .. }) => Ok(*args),
            // It was read without complaint before it had other defaults, and those were tried.
            Ok(_) => Ok(self),
            Err(error) => Err(Failure::new(Kind::Usage, error.render().to_string())),
        }
    }

    fn run(self) -> Ended {
        let plain = self.service.plain();
        let log = RelayLog::new(self.service.log_level, !plain, Box::new(std::io::stderr()));
        // Nobody has set another before: this is the only place.
        let _ = tracing::subscriber::set_global_default(log);
        let clear = self.options.in_the_clear();
        let done = Network::from_env().and_then(|network| {
            let settings = self.options.settings(network)?;
            run::relay(settings, self.options.owner_key()?, clear, plain)
        });
        match done {
            Ok(()) => Ended(Exit::Done),
            Err(failure) => said(failure, plain),
        }
    }
}

/// A failure as the last thing: for people, or as the last line of the log, of whatever level that
/// is.
fn said(failure: Failure, plain: bool) -> Ended {
    if plain {
        return plainly(false, Err(failure));
    }
    // Nobody reads any more if this fails; the exit status still says it.
    let _ = RelayLog::new(Level::ERROR, true, Box::new(std::io::stderr())).failure(&failure);
    Ended(failure.exit())
}

fn level(text: &str) -> Result<Level, String> {
    match text {
        "error" => Ok(Level::ERROR),
        "warn" => Ok(Level::WARN),
        "info" => Ok(Level::INFO),
        "debug" => Ok(Level::DEBUG),
        _ => Err("it must be error, warn, info or debug".into()),
    }
}

/// The content of a text file that a setting names.
fn read(setting: &str, path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        let kind = if error.kind() == std::io::ErrorKind::NotFound {
            Kind::NoSuchFile
        } else {
            Kind::Usage
        };
        Failure::new(kind, format!("{} ({setting}) cannot be read: {error}", path.display()))
            .next("name a file that can be read")
    })
}
