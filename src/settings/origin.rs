//! Settings by name, and who said what they are.

use std::fmt;
use std::path::PathBuf;

/// A setting of the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The relay to meet at, or `none`.
    Relay,
    /// Certificates that a relay may have besides those that the platform knows.
    CaFile,
    /// Looking for hosts of the local network, and announcing them.
    Lan,
}

impl Key {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Relay, Self::CaFile, Self::Lan];

    /// Its name in the file and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::CaFile => "ca-file",
            Self::Lan => "lan",
        }
    }

    /// The setting of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// A value of its kind, as it is typed.
    #[must_use]
    pub const fn example(self) -> &'static str {
        match self {
            Self::Relay => "wss://relay.example",
            Self::CaFile => "/etc/ssl/relay.pem",
            Self::Lan => "false",
        }
    }

    /// A line of the file that sets it.
    #[must_use]
    pub fn line(self) -> String {
        let quote = if self == Self::Lan { "" } else { "\"" };
        format!("{} = {quote}{}{quote}", self.name(), self.example())
    }
}

/// The source of a setting's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This option of the command line.
    Flag(&'static str),
    /// This environment variable.
    Environment(&'static str),
    /// The configuration file.
    File(PathBuf),
    /// The build of the program.
    BuiltIn,
    /// The relay that this process serves for its own channel.
    Own,
    /// The code or the link.
    Code,
    /// Nobody.
    Default,
}

impl fmt::Display for Origin {
    /// For brackets behind a value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Environment(name) => write!(f, "from {name}"),
            Self::File(path) => write!(f, "from {}", path.display()),
            Self::BuiltIn => f.write_str("built in"),
            Self::Own => f.write_str("in this process"),
            Self::Code => f.write_str("named by the code"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value, and who said that it is that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Its source.
    pub from: Origin,
}
