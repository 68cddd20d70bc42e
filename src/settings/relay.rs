//! Which relay is used: the one that the code names, else `--relay`, `PINHOLE_RELAY`, the
//! configuration file, what was built in, or none.

use super::file::relay_or_none;
use super::{Config, Origin, Setting};
use crate::failure::{Failure, Kind};
use pinhole_protocol::code::RelayUrl;
use std::env::VarError;

/// The variable that names a relay. Set and empty, it says that none is used.
const VARIABLE: &str = "PINHOLE_RELAY";
/// The variable that is `1` where `ws://` may leave this machine, as with `--insecure-relay`.
const INSECURE: &str = "PINHOLE_INSECURE_RELAY";
/// The relay that was built in; ours has none.
const BUILT_IN: Option<&str> = option_env!("PINHOLE_DEFAULT_RELAY");

/// A relay that is used, and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayChoice {
    /// Its address.
    pub url: RelayUrl,
    /// The source of that.
    pub from: Origin,
}

impl RelayChoice {
    /// The relay at `url`. `insecure` lets `ws://` leave this machine.
    ///
    /// # Errors
    /// Usage, if what is said to the relay could be read and changed on the way and nobody allowed
    /// that.
    pub fn new(url: RelayUrl, from: Origin, insecure: bool) -> Result<Self, Failure> {
        let choice = Self { url, from };
        if choice.url.tls() || choice.url.is_here() || insecure {
            return Ok(choice);
        }
        Err(usage(format!(
            "{} is not on this machine, and over ws:// anybody in between sees the code's number \
             and can impersonate the relay",
            choice.named()
        ))
        .ask_user(
            "use its wss:// address; or, on a network that you trust, add --insecure-relay or set \
             PINHOLE_INSECURE_RELAY=1",
        ))
    }

    /// Name of it in messages: its address, and its source.
    #[must_use]
    pub fn named(&self) -> String {
        format!("the relay {} ({})", self.url, self.from)
    }
}

/// Relays that a person has set, in whatever place, also where another is used.
pub fn set_relays(config: &Config) -> Vec<RelayUrl> {
    let variable = std::env::var(VARIABLE).ok();
    let read = |text: &str| relay_or_none(text).ok().flatten();
    let file = config.relay().and_then(|setting| setting.value);
    [variable.as_deref().and_then(read), file, BUILT_IN.and_then(read)]
        .into_iter()
        .flatten()
        .collect()
}

impl Setting<Option<RelayUrl>> {
    /// The relay that is set, if one is.
    ///
    /// # Errors
    /// Usage, if a value that decides is no relay's address.
    pub fn relay(flag: Option<&str>, config: &Config) -> Result<Self, Failure> {
        let variable = match std::env::var(VARIABLE) {
            Ok(value) => Some(value),
            Err(VarError::NotPresent) => None,
            Err(VarError::NotUnicode(_)) => {
                return Err(
                    usage(format!("{VARIABLE} is not text")).ask_user(format!("unset {VARIABLE}"))
                );
            }
        };
        decide(flag, variable.as_deref(), config, BUILT_IN)
    }
}

fn decide(
    flag: Option<&str>,
    variable: Option<&str>,
    config: &Config,
    built_in: Option<&str>,
) -> Result<Setting<Option<RelayUrl>>, Failure> {
    if let Some(text) = flag {
        return read(text, Origin::Flag("--relay"));
    }
    if let Some(text) = variable {
        return read(text, Origin::Environment(VARIABLE));
    }
    if let Some(setting) = config.relay() {
        return Ok(setting);
    }
    match built_in {
        Some(text) if !text.is_empty() => read(text, Origin::BuiltIn),
        _ => Ok(Setting { value: None, from: Origin::Default }),
    }
}

/// The value is not repeated in an error: it may hold a password.
fn read(text: &str, from: Origin) -> Result<Setting<Option<RelayUrl>>, Failure> {
    match relay_or_none(text) {
        Ok(value) => Ok(Setting { value, from }),
        Err(why) => Err(usage(format!(
            "the relay that is set ({from}) is not the address of a relay: {why}"
        ))
        .next("write it as wss://relay.example, or none")),
    }
}

/// True if the environment lets `ws://` leave this machine (`PINHOLE_INSECURE_RELAY`).
///
/// # Errors
/// Usage, if it is set to something other than `1`, `0` or nothing: a typo must not decide this.
pub fn insecure_relay() -> Result<bool, Failure> {
    match std::env::var_os(INSECURE) {
        Some(value) if value == "1" => Ok(true),
        Some(value) if !value.is_empty() && value != "0" => {
            Err(usage(format!("{INSECURE} is set to something other than 1"))
                .ask_user(format!("unset {INSECURE}, or set it to 1")))
        }
        _ => Ok(false),
    }
}

fn usage(detail: String) -> Failure {
    Failure::new(Kind::Usage, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;
    use std::path::Path;

    const FILE: &str = "/home/u/.config/pinhole/config.toml";

    fn config(text: &str) -> Config {
        Config::parse(text, Path::new(FILE)).unwrap()
    }

    #[test]
    fn the_first_who_says_something_decides() {
        let (file, silent) = (config("relay = 'wss://file'"), config(""));
        let said = |flag, variable, config: &Config, built_in| {
            let setting = decide(flag, variable, config, built_in).unwrap();
            (setting.value.map(|url| url.host().to_owned()), setting.from)
        };
        let host = |name: &str| Some(name.to_owned());
        let (flag, variable) = (Origin::Flag("--relay"), Origin::Environment("PINHOLE_RELAY"));
        assert_eq!(
            said(Some("flag"), Some("env"), &file, Some("built")),
            (host("flag"), flag.clone())
        );
        assert_eq!(said(None, Some("env"), &file, Some("built")), (host("env"), variable.clone()));
        assert_eq!(
            said(None, None, &file, Some("built")),
            (host("file"), Origin::File(FILE.into()))
        );
        assert_eq!(said(None, None, &silent, Some("built")), (host("built"), Origin::BuiltIn));
        assert_eq!(said(None, None, &silent, Some("")), (None, Origin::Default));
        assert_eq!(said(None, None, &silent, None), (None, Origin::Default));
        // None is something to say, too.
        assert_eq!(said(Some("none"), Some("env"), &file, Some("built")), (None, flag));
        assert_eq!(said(None, Some(""), &file, Some("built")), (None, variable));
        assert_eq!(
            said(None, None, &config("relay = 'none'"), Some("built")),
            (None, Origin::File(FILE.into()))
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_without_itself() {
        let failure =
            decide(Some("wss://me:hunter2@relay.example"), None, &config(""), None).unwrap_err();
        assert_eq!(failure.kind, Kind::Usage);
        assert!(
            failure.detail.contains("(from --relay)") && failure.detail.contains("user name"),
            "{failure}"
        );
        assert!(!format!("{failure:?}").contains("hunter2"));
        let failure = decide(None, Some("ftp://x"), &config(""), None).unwrap_err();
        assert!(failure.detail.contains("(from PINHOLE_RELAY)"), "{failure}");
    }

    #[test]
    fn ws_leaves_this_machine_only_where_that_is_allowed() {
        let choice = |text, insecure| {
            RelayChoice::new(RelayUrl::parse(text).unwrap(), Origin::Code, insecure)
        };
        for text in ["ws://10.0.0.7", "ws://relay.example", "http://192.0.2.1:80", "ws://0.0.0.0"] {
            let failure = choice(text, false).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage);
            assert!(
                failure.detail.contains("named by the code")
                    && failure.next.unwrap().contains("--insecure-relay")
            );
            assert!(choice(text, true).is_ok());
        }
        for text in ["wss://relay.example", "ws://127.0.0.1:1", "ws://[::1]:1", "ws://localhost:1"]
        {
            assert!(choice(text, false).is_ok(), "{text}");
        }
    }
}
