//! Programs that this one starts, all of them: what the command line names behind `--`, found
//! before a code is used, run without a shell, and ended with what it started; a tunnel's; and this
//! program once more.

mod withheld;

use crate::failure::{Failure, Kind};
use crate::platform::process::is_program;
use crate::settings::agent::{CLIENT, VARIABLE, new_id};
use std::ffi::{OsStr, OsString};
use std::io;
use tokio::process::Command;

/// Variables of ours that hold a code's words or a token: no business of another program's.
const OURS: [&str; 2] = ["PINHOLE_CODE", "PINHOLE_HOST_TOKEN"];

/// A program that is not this one, looked for in `PATH`. It gets neither codes nor tokens of ours
/// nor what is an agent's own. Behind a fence it is an agent of its own, so that a pinhole that it
/// runs is fenced too.
#[must_use]
pub fn another(name: impl AsRef<OsStr>, fenced: bool) -> Command {
    let mut command = Command::new(name);
    for name in OURS.iter().chain(&withheld::KEYS).chain(&withheld::IDS).chain(&withheld::LOGINS) {
        command.env_remove(name);
    }
    if fenced {
        command.env(VARIABLE, new_id());
    }
    command
}

/// This program once more, for whoever runs it now: it has what this one has, but for the keys of
/// an agent's session. The one by which the agent is known stays, or it would not find what it has
/// begun.
///
/// # Errors
/// Of the system, if it does not say where this program is.
pub fn again() -> io::Result<std::process::Command> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    for name in withheld::KEYS.into_iter().filter(|name| *name != CLIENT) {
        command.env_remove(name);
    }
    Ok(command)
}

/// True for a variable that no program gets, also by its name.
#[must_use]
pub fn is_withheld(name: &str) -> bool {
    [&OURS[..], &withheld::KEYS, &withheld::IDS].iter().any(|names| names.contains(&name))
}

/// A program and its arguments.
#[derive(Clone, Debug)]
pub struct Program {
    name: OsString,
    args: Vec<OsString>,
}

impl Program {
    /// The program of a command line.
    ///
    /// # Errors
    /// `no-such-file` if there is none that can be run; nothing at all if no program is named,
    /// which each option says in its own words.
    pub fn named(command: &[OsString]) -> Result<Option<Self>, Failure> {
        let Some((name, args)) = command.split_first() else { return Ok(None) };
        if !is_program(name) {
            let detail = format!("there is no program {name:?} that can be run here");
            return Err(Failure::new(Kind::NoSuchFile, detail)
                .next("check its spelling and PATH; no shell looks for it"));
        }
        Ok(Some(Self { name: name.clone(), args: args.to_vec() }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Its command, which is killed when it is given up.
    #[must_use]
    pub fn command(&self, fenced: bool) -> Command {
        let mut command = another(&self.name, fenced);
        command.args(&self.args).kill_on_drop(true);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The lines of program code below a folder that make a command, by their files.
    fn makers(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(if path.ends_with("tests") { Vec::new() } else { makers(&path) });
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                let program = text.split("\n#[cfg(test)]\n").next().unwrap();
                let made = program.lines().filter(|line| {
                    line.contains("Command::new(") && !line.contains("clap::Command::new(")
                });
                found.extend(made.map(|_| path.display().to_string()));
            }
        }
        found
    }

    #[test]
    fn no_other_file_starts_a_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files: BTreeSet<_> =
            ["src", "relay"].iter().flat_map(|folder| makers(&root.join(folder))).collect();
        assert_eq!(Vec::from_iter(files), [root.join("src/program.rs").display().to_string()]);
    }

    #[test]
    fn what_is_withheld_is_in_order_and_there_once() {
        for list in [&withheld::KEYS[..], &withheld::IDS, &withheld::LOGINS] {
            assert!(list.is_sorted(), "{list:?}");
        }
        let all: BTreeSet<_> =
            withheld::KEYS.iter().chain(&withheld::IDS).chain(&withheld::LOGINS).collect();
        assert_eq!(all.len(), withheld::KEYS.len() + withheld::IDS.len() + withheld::LOGINS.len());
        assert!(
            is_withheld("CLAUDE_CODE_MESSAGING_TOKEN")
                && !is_withheld("CLAUDE_CODE_OAUTH_TOKEN")
                && !is_withheld("CLAUDECODE")
        );
    }

    #[test]
    fn this_program_is_started_again_for_the_same_agent() {
        let again = again().unwrap();
        let removed: Vec<_> = again
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_owned())
            .collect();
        assert_eq!(removed.len(), withheld::KEYS.len() - 1);
        assert!(!removed.iter().any(|name| name == "CLAUDE_CODE_SESSION_ID"
            || name == CLIENT
            || name == "PINHOLE_CODE"));
    }
}
