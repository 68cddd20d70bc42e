//! Options that loosen the fence, or let programs be started behind it: there they count only
//! before the command's name.
//!
//! The rules of an agent's client go by how a command's text begins. One that allows
//! `pinhole receive …` is to allow nothing that whoever wrote it has not seen.

use crate::cli::options::{Channel, Fencing, Permissions};
use crate::cli::step::typed;
use crate::cli::{Cli, Command};
use crate::failure::{Failure, Kind};
use crate::settings::agent::{Agent, fenced_by};
use crate::typed::Typed;
use clap::{CommandFactory, FromArgMatches};
use std::ffi::OsString;

/// Places of a command's permissions, and the option that needs one.
pub(in crate::cli) struct Gates<'a> {
    /// Nothing for a command that sends nothing of itself.
    pub fencing: Option<&'a mut Fencing>,
    pub channel: &'a mut Channel,
    /// The option by which it starts a program that the command line names.
    pub starts: Option<&'static str>,
}

impl Gates<'_> {
    /// Options that stand behind the command's name.
    fn behind(&self) -> Vec<&'static str> {
        let fencing = self.fencing.iter().flat_map(|fencing| fencing.behind());
        fencing.chain(self.channel.behind()).collect()
    }
}

impl Permissions {
    /// Joins these with those behind the command's name, which count where there is no fence.
    ///
    /// # Errors
    /// `fenced` if one that is needed behind a fence is not here; usage if one of these is for
    /// nothing.
    pub(in crate::cli) fn settle(mut self, gates: Gates<'_>) -> Result<(), Failure> {
        let fenced = Agent::here().is_some()
            || gates.fencing.as_ref().is_some_and(|fencing| fencing.is_named());
        if fenced {
            self.judge(&gates)?;
        }
        if let Some(fencing) = gates.fencing {
            fencing.allow(&mut self);
        }
        gates.channel.allow(&mut self);
        // Any command may be allowed to start a program, so that one rule does for all.
        self.allow_exec = false;
        self.are_for_nothing()
    }

    fn judge(&self, gates: &Gates<'_>) -> Result<(), Failure> {
        let behind = gates.behind();
        let unseen = gates.starts.filter(|_| !self.allow_exec);
        let what = match (behind.as_slice(), unseen) {
            ([], None) => return Ok(()),
            ([option, ..], _) => format!("{option} counts only before the command's name"),
            ([], Some(option)) => format!(
                "{option} starts a program only with --allow-exec before the command's name"
            ),
        };
        let detail = format!(
            "behind the fence, {what}, where the rules for an agent can see it ({}): nothing was \
             done",
            fenced_by()
        );
        let next = match in_front(typed(), unseen.is_some()) {
            Some(line) => format!("for the user to decide: {line}"),
            None => {
                let options = behind
                    .into_iter()
                    .chain(unseen.map(|_| "--allow-exec"))
                    .collect::<Vec<_>>()
                    .join(" ");
                format!("for the user to decide: the same command with {options} before its name")
            }
        };
        Err(Failure::new(Kind::Fenced, detail).ask_user(next))
    }
}

/// The line with what stands behind the command's name in front, and with `--allow-exec` if that is
/// needed; nothing if it cannot be repeated or would mean something else.
fn in_front(typed: Vec<OsString>, exec: bool) -> Option<String> {
    let (mut front, mut rest) = (Vec::new(), Vec::new());
    let mut words = typed.into_iter();
    while let Some(word) = words.next() {
        let name =
            word.to_str().and_then(|word| word.split('=').next()).unwrap_or_default().to_owned();
        match name.as_str() {
            "--" => {
                rest.push(word);
                rest.extend(words.by_ref());
            }
            "--allow-sensitive" | "--allow-exec" => front.push(word),
            "--allow" | "--allow-env" | "--allow-relay" => {
                let alone = word == *name;
                front.push(word);
                front.extend(alone.then(|| words.next()).flatten());
            }
            _ => rest.push(word),
        }
    }
    if exec && !front.iter().any(|word| word == "--allow-exec") {
        front.push("--allow-exec".into());
    }
    let program = OsString::from("pinhole");
    let line: Vec<_> = std::iter::once(&program).chain(&front).chain(&rest).cloned().collect();
    let matches = Cli::command().try_get_matches_from(line).ok()?;
    let Command::Session(session) = Cli::from_arg_matches(&matches).ok()?.command else {
        return None;
    };
    session.command().gates().behind().is_empty().then_some(())?;
    Typed::of(&[front, rest].concat()).whole()
}
