//! `config`: what is set, who set it, and changing it.

use super::ended::{Ended, plainly, print};
use crate::failure::{Failure, Kind};
use crate::settings::agent::{for_a_person, says_that};
use crate::settings::{self, Config, Key, Origin, RelayChoice, Setting, insecure_relay};
use crate::transport::relay::dial::{Trust, certifiable};
use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use pinhole_protocol::code::RelayUrl;
use serde_json::{Value, json};
use std::path::Path;

#[derive(clap::Args)]
#[command(after_help = "\
Settings:
  relay     the relay to meet at: wss://HOST[:PORT][/PATH], or none. ws:// is for this machine;
            elsewhere it needs PINHOLE_INSECURE_RELAY=1. --relay and PINHOLE_RELAY win over it
  ca-file   certificates (PEM) to trust for a relay, besides those that this machine trusts.
            --ca-file wins over it
  lan       true or false: whether to announce and look for hosts on the local network. --no-lan
            wins over it

Examples:
  pinhole config set relay wss://relay.example
  pinhole config get relay
  pinhole config unset relay")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Print a setting, wherever it was set.
    Get {
        #[arg(value_name = "SETTING", value_parser = key())]
        key: Key,
    },
    /// Write a setting to the file; the rest of it stays.
    Set {
        #[arg(value_name = "SETTING", value_parser = key())]
        key: Key,
        #[arg(value_name = "VALUE")]
        value: String,
    },
    /// Remove a setting from the file.
    Unset {
        #[arg(value_name = "SETTING", value_parser = key())]
        key: Key,
    },
}

fn key() -> impl TypedValueParser<Value = Key> {
    PossibleValuesParser::new(Key::ALL.map(Key::name))
        .try_map(|name| Key::of(&name).ok_or("no setting"))
}

impl Args {
    /// Runs it to its end.
    pub(super) fn main(self) -> Ended {
        plainly(self.json, self.run())
    }

    /// Does it, and prints what there is to print.
    fn run(self) -> Result<(), Failure> {
        if let (Some(Verb::Set { .. } | Verb::Unset { .. }), Some(why)) =
            (&self.verb, says_that("runs this command"))
        {
            // A relay that is set is dialled by all later commands, and shown the host token.
            let detail =
                format!("only a person may change the settings, and {why}: nothing was changed");
            return Err(for_a_person(detail));
        }
        let text = match self.verb {
            None => all(&Config::read()?, self.json)?,
            Some(Verb::Get { key }) => one(key, self.json, |shown| shown.value.clone())?,
            Some(Verb::Set { key, value }) => {
                usable(key, &value)?;
                settings::set(key, &value)?;
                one(key, self.json, Shown::line)?
            }
            Some(Verb::Unset { key }) => {
                settings::unset(key)?;
                one(key, self.json, Shown::line)?
            }
        };
        print(&text)
    }
}

/// Refuses a value that every command would refuse to use. One that is no value at all is refused
/// where it is written.
fn usable(key: Key, value: &str) -> Result<(), Failure> {
    let from = Origin::Flag("the command line");
    match key {
        Key::Relay => match Setting::relay(Some(value), &Config::default()) {
            Ok(Setting { value: Some(url), .. }) => {
                RelayChoice::new(url.clone(), from, insecure_relay()?).map_err(|failure| {
                    failure.next(
                        "use its wss:// address; or, on a network that you trust, set \
                        PINHOLE_INSECURE_RELAY=1 for this command and for those that use the relay",
                    )
                })?;
                nameable(&url)
            }
            Ok(_) | Err(_) => Ok(()),
        },
        Key::CaFile => Trust::of(&Setting { value: Some(value.into()), from }).map(drop),
        Key::Lan => Ok(()),
    }
}

/// Refuses a relay that no certificate can be for.
fn nameable(url: &RelayUrl) -> Result<(), Failure> {
    if !url.tls() || certifiable(url.host()).is_some() {
        return Ok(());
    }
    let detail =
        format!("relay cannot be set to that: no certificate can be for the name {}", url.host());
    Err(Failure::new(Kind::Usage, detail).ask_user(
        "check its spelling; write it as in: pinhole config set relay wss://relay.example",
    ))
}

/// A setting as it is shown.
struct Shown {
    name: &'static str,
    value: String,
    from: String,
    /// Reason why it cannot be used.
    but: Option<String>,
}

impl Shown {
    fn of(key: Key, config: &Config) -> Result<Self, Failure> {
        let (value, from, but) = match key {
            Key::Relay => {
                let Setting { value, from } = Setting::relay(None, config)?;
                let shown = value.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
                let insecure = insecure_relay()?;
                let refused =
                    value.and_then(|url| RelayChoice::new(url, from.clone(), insecure).err());
                (shown, from, refused.map(|failure| failure.detail))
            }
            Key::CaFile => {
                let setting = config.ca_file(None);
                let but = Trust::of(&setting).err().map(|failure| failure.detail);
                (
                    setting.value.as_deref().map_or_else(
                        || "none".into(),
                        |path: &Path| path.to_string_lossy().into_owned(),
                    ),
                    setting.from,
                    but,
                )
            }
            Key::Lan => {
                let Setting { value, from } = config.lan();
                (value.to_string(), from, None)
            }
        };
        Ok(Self { name: key.name(), value, from: from.to_string(), but })
    }

    fn line(&self) -> String {
        let but = self.but.as_ref().map(|why| format!("\n          but {why}")).unwrap_or_default();
        format!("{:<7} = {}   ({}){but}", self.name, self.value, self.from)
    }

    fn json(&self) -> Value {
        let mut object = json!({ "name": self.name, "value": self.value, "from": self.from });
        if let (Some(why), Some(fields)) = (&self.but, object.as_object_mut()) {
            fields.insert("but".into(), why.as_str().into());
        }
        object
    }
}

fn one(key: Key, as_json: bool, line: impl Fn(&Shown) -> String) -> Result<String, Failure> {
    let shown = Shown::of(key, &Config::read()?)?;
    Ok(if as_json { shown.json().to_string() } else { line(&shown) })
}

fn all(config: &Config, as_json: bool) -> Result<String, Failure> {
    let shown =
        Key::ALL.into_iter().map(|key| Shown::of(key, config)).collect::<Result<Vec<_>, _>>()?;
    let file = config.path().map(|path| (path.to_string_lossy().into_owned(), path.exists()));
    if as_json {
        let settings: Vec<Value> = shown.iter().map(Shown::json).collect();
        let (path, there) = file.map_or((Value::Null, false), |(path, there)| (path.into(), there));
        return Ok(json!({ "file": path, "file_exists": there, "settings": settings }).to_string());
    }
    let mut lines: Vec<String> = shown.iter().map(Shown::line).collect();
    lines.push(match file {
        Some((path, true)) => format!("\nThe file is {path}"),
        Some((path, false)) => format!("\nThe file would be {path}; it is not there yet"),
        None => "\nThis user has no home directory, and so no file".to_owned(),
    });
    Ok(lines.join("\n"))
}
