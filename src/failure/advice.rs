//! The next step, for reading, and as a command that may be run unread (`report/EVENTS.md`, "What
//! to run").

use crate::platform::file::Facts;
use crate::platform::process::own_program;
use crate::role::Role;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;
use std::path::Path;

/// Seconds that an agent's command or call waits at most: tools give up after 60, and its answer
/// takes time too.
pub const WAIT: u64 = 45;

/// The next step, in words, and who may take it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Advice {
    text: String,
    #[serde(default)]
    taker: Taker,
}

/// Whoever may take a step.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
enum Taker {
    /// Whoever has read it: something to fix first, or a choice.
    #[default]
    Reader,
    /// The user alone. The step loosens, drops or overwrites something, uses a code still good, or
    /// chooses whom to trust.
    User,
    /// Any program, unread.
    Program(Run),
}

impl Advice {
    /// A step that is for the user to decide, and not for a program that acts for one.
    #[must_use]
    pub fn for_user(text: impl Into<String>) -> Self {
        Self { text: text.into(), taker: Taker::User }
    }

    /// The command to run, if there is one.
    #[must_use]
    pub const fn run(&self) -> Option<&Run> {
        match &self.taker {
            Taker::Program(run) => Some(run),
            Taker::Reader | Taker::User => None,
        }
    }

    /// True if it is for the user to decide.
    #[must_use]
    pub const fn asks_user(&self) -> bool {
        matches!(self.taker, Taker::User)
    }

    /// The same in other words.
    #[must_use]
    pub fn reworded(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    /// Reads it from a line.
    #[must_use]
    pub fn read(text: String, run: Option<&[String]>, asks_user: bool) -> Self {
        let words = run.map(|run| run.iter().map(String::as_str).collect::<Vec<_>>());
        let taker = match words.as_deref().and_then(Run::read) {
            Some(run) => Taker::Program(run),
            None if asks_user => Taker::User,
            None => Taker::Reader,
        };
        Self { text, taker }
    }
}

impl Deref for Advice {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl From<String> for Advice {
    fn from(text: String) -> Self {
        Self { text, taker: Taker::Reader }
    }
}

impl From<&str> for Advice {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Run> for Advice {
    fn from(run: Run) -> Self {
        Self { text: run.to_string(), taker: Taker::Program(run) }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A command of this program that may be run without having been read: it loses nothing, loosens
/// nothing, sends nothing, uses no code, and has no byte in it that the peer or the network chose.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Run {
    /// Shows the channels.
    Status,
    /// Finds out what works here.
    Doctor,
    /// Shows the help of a command, or of all of them.
    Help(Option<String>),
    /// Waits for what a channel has to tell.
    Receive {
        /// The channel's number.
        number: u32,
        /// Which side of it: both may be on this machine.
        role: Role,
        /// The oldest text alone.
        text: bool,
    },
}

impl Run {
    /// Waits for what the channel of this number has to tell; before it has one, shows the
    /// channels.
    #[must_use]
    pub fn receive(number: Option<u32>, role: Role) -> Self {
        number.map_or(Self::Status, |number| Self::Receive { number, role, text: false })
    }

    /// Its words behind the program's name.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let words = |words: &[&str]| words.iter().copied().map(str::to_owned).collect();
        match self {
            Self::Status => words(&["status"]),
            Self::Doctor => words(&["doctor"]),
            Self::Help(command) => {
                command.iter().cloned().chain(words(&["--help"])).collect::<Vec<_>>()
            }
            Self::Receive { number, role, text } => {
                let mut all: Vec<String> =
                    words(&["receive", &number.to_string(), "--role", role.word()]);
                if *text {
                    all.extend(words(&["-o", "-"]));
                }
                all.extend(words(&["--wait", &format!("{WAIT}s")]));
                all
            }
        }
    }

    /// The whole command.
    #[must_use]
    pub fn command(&self) -> Vec<String> {
        std::iter::once(program()).chain(self.words()).collect()
    }

    /// The one of a whole command, however the program is called in it.
    fn read(command: &[&str]) -> Option<Self> {
        let (_, words) = command.split_first()?;
        match *words {
            ["status"] => Some(Self::Status),
            ["doctor"] => Some(Self::Doctor),
            ["--help"] => Some(Self::Help(None)),
            [command, "--help"] => Some(Self::Help(Some(command.to_owned()))),
            ["receive", number, "--role", role, ref rest @ ..] => {
                let role = Role::ALL.into_iter().find(|known| known.word() == role)?;
                Some(Self::Receive {
                    number: number.parse().ok()?,
                    role,
                    text: rest.starts_with(&["-o", "-"]),
                })
            }
            _ => None,
        }
    }
}

/// Shorter than what is run, for reading.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receive { number, text, .. } => {
                write!(
                    f,
                    "pinhole receive {number} {}--wait {WAIT}",
                    if *text { "-o - " } else { "" }
                )
            }
            other => write!(f, "pinhole {}", other.words().join(" ")),
        }
    }
}

/// By what this program is run: its name if PATH leads to it, else its path.
fn program() -> String {
    const NAME: &str = "pinhole";
    let same = |a: &Path, b: &Path| match (Facts::at(a), Facts::at(b)) {
        (Ok(a), Ok(b)) => a.id() == b.id(),
        _ => false,
    };
    // A new one that has replaced it takes its place.
    let Ok(own) = own_program() else { return NAME.to_owned() };
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path).map(|folder| folder.join(NAME)).find(|there| there.is_file())
    {
        Some(there) if same(&there, &own) => NAME.to_owned(),
        _ => own.to_string_lossy().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Run> {
        let receive = |role, text| Run::Receive { number: 9_471, role, text };
        vec![
            Run::Status,
            Run::Doctor,
            Run::Help(None),
            Run::Help(Some("send".into())),
            receive(Role::Host, false),
            receive(Role::Peer, true),
        ]
    }

    #[test]
    fn a_command_is_read_as_it_was_written() {
        for run in all() {
            let command = run.command();
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            assert_eq!(Run::read(&words), Some(run));
        }
        for other in [
            &["pinhole"][..],
            &[],
            &["pinhole", "close", "9471"],
            &["pinhole", "receive", "x", "--role", "host"],
        ] {
            assert_eq!(Run::read(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_step_has_one_taker_whatever_its_words() {
        let taken = |advice: &Advice| (advice.run().is_some(), advice.asks_user());
        for run in all() {
            let words = Advice::from(run).reworded("ask the user");
            assert_eq!(taken(&words), (true, false), "{words}");
        }
        let users = Advice::for_user("close it with --now, which drops that");
        assert_eq!(taken(&users), (false, true));
        assert_eq!(taken(&users.reworded("check its spelling")), (false, true));
        assert_eq!(taken(&"ask the user".into()), (false, false));
    }

    #[test]
    fn advice_is_read_as_a_line_has_it() {
        for advice in all().into_iter().map(Advice::from).chain([
            Advice::for_user("close it with --now, which drops that"),
            Advice::from("check its spelling"),
        ]) {
            let run = advice.run().map(Run::command);
            let read = Advice::read(advice.to_string(), run.as_deref(), advice.asks_user());
            assert_eq!(read, advice);
        }
    }

    #[test]
    fn without_a_number_there_is_nothing_to_receive_from() {
        assert_eq!(Run::receive(None, Role::Host), Run::Status);
        assert_eq!(
            Run::receive(Some(9_471), Role::Host).to_string(),
            "pinhole receive 9471 --wait 45"
        );
    }
}
