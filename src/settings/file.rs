//! The configuration file: `config.toml` in the platform's configuration directory.

use super::{Key, Origin, Setting};
use crate::failure::{Failure, Kind};
use crate::platform::private;
use pinhole_protocol::code::RelayUrl;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml_edit::{Document, Item};

/// Far more than three settings with all their comments, in bytes: a path that leads elsewhere is
/// not read to its end.
const LONGEST: u64 = 256 << 10;
/// Likeness from which a name is taken for a slip of another (Jaro's, 0 to 1): `realy`, `cafile`
/// and `LAN` are, `proxy` is not.
const ALIKE: f64 = 0.75;

/// The configuration file.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Its path, or the one that it would have.
    path: Option<PathBuf>,
    relay: Option<Option<RelayUrl>>,
    ca_file: Option<PathBuf>,
    lan: Option<bool>,
}

impl Config {
    /// Reads this user's file. Without one nothing is set.
    ///
    /// # Errors
    /// Usage, with the line, if something in it cannot be followed; disk, if it cannot be read.
    pub fn read() -> Result<Self, Failure> {
        let Some(path) = path() else { return Ok(Self::default()) };
        match text(&path)? {
            Some(text) => Self::parse(&text, &path),
            None => Ok(Self { path: Some(path), ..Self::default() }),
        }
    }

    /// Reads the text of the file at `path`.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let at = |span: Option<Range<usize>>, what: String| {
            let line = text
                .get(..span.unwrap_or_default().start)
                .unwrap_or_default()
                .matches('\n')
                .count()
                + 1;
            Failure::new(Kind::Usage, format!("{}, line {line}: {what}", path.display()))
        };
        let document = Document::parse(text).map_err(|error| {
            let what: String =
                error.message().replace('\n', ", ").chars().flat_map(char::escape_debug).collect();
            at(error.span(), what).next(format!("write that line as in: {}", Key::Relay.line()))
        })?;
        let mut config = Self { path: Some(path.to_owned()), ..Self::default() };
        for (name, item) in document.iter() {
            let span = document.as_table().key(name).and_then(toml_edit::Key::span);
            let Some(key) = Key::of(name) else { return Err(unknown(name, |what| at(span, what))) };
            config.take(key, item).map_err(|why| {
                at(item.span().or(span), format!("{} cannot be set to that: {why}", key.name()))
                    .next(format!("write that line as in: {}", key.line()))
            })?;
        }
        Ok(config)
    }

    fn take(&mut self, key: Key, item: &Item) -> Result<(), String> {
        let wrong = || format!("it has the type {}", item.type_name());
        match key {
            Key::Relay => {
                self.relay = Some(
                    relay_or_none(item.as_str().ok_or_else(wrong)?)
                        .map_err(|fault| fault.to_string())?,
                )
            }
            Key::CaFile => {
                self.ca_file =
                    Some(item.as_str().filter(|path| !path.is_empty()).ok_or_else(wrong)?.into())
            }
            Key::Lan => self.lan = Some(item.as_bool().ok_or_else(wrong)?),
        }
        Ok(())
    }

    /// Path of the file, also if it is not there; `None` for a user without a home.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The relay that the file names, or that it says that none is used.
    #[must_use]
    pub fn relay(&self) -> Option<Setting<Option<RelayUrl>>> {
        self.relay.clone().map(|value| Setting { value, from: self.origin() })
    }

    /// The certificates that a relay may have besides the platform's, and `flag` over what the file
    /// says. A path in the file is relative to it.
    #[must_use]
    pub fn ca_file(&self, flag: Option<&Path>) -> Setting<Option<PathBuf>> {
        match (flag, &self.ca_file) {
            (Some(path), _) => {
                Setting { value: Some(path.to_owned()), from: Origin::Flag("--ca-file") }
            }
            (None, Some(path)) => {
                let folder = self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
                Setting { value: Some(folder.join(path)), from: self.origin() }
            }
            (None, None) => Setting { value: None, from: Origin::Default },
        }
    }

    /// True if hosts of the local network are looked for and announced.
    #[must_use]
    pub fn lan(&self) -> Setting<bool> {
        self.lan.map_or(Setting { value: true, from: Origin::Default }, |value| Setting {
            value,
            from: self.origin(),
        })
    }

    fn origin(&self) -> Origin {
        self.path.clone().map_or(Origin::Default, Origin::File)
    }
}

/// A relay's address; nothing for `none` or an empty text.
pub(super) fn relay_or_none(
    text: &str,
) -> Result<Option<RelayUrl>, pinhole_protocol::code::RelayUrlFault> {
    match text.trim() {
        "" | "none" => Ok(None),
        text => RelayUrl::parse(text).map(Some),
    }
}

fn unknown(name: &str, at: impl FnOnce(String) -> Failure) -> Failure {
    let likeness = |key: Key| strsim::jaro(&name.to_lowercase(), key.name());
    let nearest = Key::ALL
        .into_iter()
        .max_by(|one, other| likeness(*one).total_cmp(&likeness(*other)))
        .filter(|key| likeness(*key) > ALIKE);
    let meant = nearest.map(|key| format!("; did you mean `{}`?", key.name())).unwrap_or_default();
    at(format!("`{}` is not a setting{meant}", name.escape_debug())).next(format!(
        "correct or remove that line; the settings are {}",
        Key::ALL.map(Key::name).join(", ")
    ))
}

/// Path of this user's file, also if it is not there.
pub(super) fn path() -> Option<PathBuf> {
    private::configuration().map(|base| base.join("pinhole").join("config.toml"))
}

/// The text of the file; nothing if there is no file.
pub(super) fn text(path: &Path) -> Result<Option<String>, Failure> {
    let usage = |what: &str| {
        Failure::new(Kind::Usage, format!("{} {what}", path.display()))
            .next("move it away and run the command again")
    };
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text)) {
        Ok(_) if text.len() as u64 > LONGEST => Err(usage("is too long for a configuration file")),
        Ok(_) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(usage("is not text")),
        Err(error) => {
            Err(Failure::new(Kind::Disk, format!("{} cannot be read: {error}", path.display()))
                .next("check its permissions, or move it away"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;
    use proptest::prelude::*;

    const FILE: &str = "/c/config.toml";

    fn parse(text: &str) -> Result<Config, Failure> {
        Config::parse(text, Path::new(FILE))
    }

    #[test]
    fn each_setting_is_read_with_where_it_came_from() {
        let config =
            parse("# mine\nrelay = \"https://relay.example/p\"\nca-file = 'ca.pem'\nlan = false\n")
                .unwrap();
        let from = Origin::File(FILE.into());
        assert_eq!(config.relay().unwrap().value.unwrap().to_string(), "wss://relay.example/p");
        assert_eq!(
            config.ca_file(None),
            Setting { value: Some("/c/ca.pem".into()), from: from.clone() }
        );
        assert_eq!(config.lan(), Setting { value: false, from });
        assert_eq!(
            config.ca_file(Some(Path::new("x"))),
            Setting { value: Some("x".into()), from: Origin::Flag("--ca-file") }
        );
        let config = parse("").unwrap();
        assert!(
            config.relay().is_none() && config.lan().value && config.ca_file(None).value.is_none()
        );
    }

    #[test]
    fn what_cannot_be_followed_is_said_with_its_line() {
        for (text, line, says) in [
            ("\n\nrealy = 'x'", 3, "`realy` is not a setting; did you mean `relay`?"),
            ("cafile = 'x'", 1, "did you mean `ca-file`?"),
            ("LAN = true", 1, "did you mean `lan`?"),
            ("proxy = 'x'", 1, "`proxy` is not a setting"),
            ("\"a\\u001b[2J\" = 1", 1, "`a\\u{1b}[2J` is not a setting"),
            (
                "lan = true\n[relay]\nurl = 'x'",
                2,
                "relay cannot be set to that: it has the type table",
            ),
            ("lan = 'yes'", 1, "lan cannot be set to that: it has the type string"),
            ("lan = true\nrelay = 7", 2, "has the type integer"),
            (
                "relay = 'wss://me:hunter2@x'",
                1,
                "relay cannot be set to that: it holds a user name",
            ),
            ("ca-file = ''", 1, "ca-file cannot be set to that"),
            ("lan = true\nlan = false", 2, "duplicate key"),
            ("lan = true\n\nrelay = 'x", 3, "invalid literal string"),
            ("relay", 1, ""),
        ] {
            let failure = parse(text).unwrap_err();
            assert_eq!(failure.kind, Kind::Usage);
            assert!(
                failure.detail.starts_with(&format!("{FILE}, line {line}: "))
                    && failure.detail.contains(says),
                "{text}: {failure}"
            );
            assert!(failure.next.is_some() && !failure.detail.contains("hunter2"), "{failure}");
        }
        assert!(!parse("proxy = 'x'").unwrap_err().detail.contains("did you mean"));
    }

    #[test]
    fn a_file_that_is_none_is_not_read_to_its_end() {
        assert_eq!(text(Path::new("/dev/zero")).unwrap_err().exit(), Exit::Usage);
        assert!(text(Path::new("/nowhere/config.toml")).unwrap().is_none());
        assert_eq!(text(Path::new("/")).unwrap_err().exit(), Exit::Disk);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(
            text in prop_oneof![
                any::<String>(),
                "((relay|ca-file|lan|x) ?= ?['\"]?[a-z:/@\u{1b}]{0,9}['\"]?\n?){0,4}",
            ],
        ) {
            if let Err(failure) = parse(&text) {
                prop_assert!(!failure.detail.contains(char::is_control), "{failure}");
            }
        }
    }
}
