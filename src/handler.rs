//! A program of this side's that answers the other side's texts (`--on-message`): started anew for
//! each, without a shell.
//!
//! A text is on its standard input and never in an argument or a variable. What it prints is the
//! answer.

mod pace;
mod run;

use crate::failure::{Failure, Kind};
use crate::files::variable::{is_variable, not_set};
use crate::platform::process::is_basic_variable;
use crate::program::{Program, is_withheld};
use crate::role::Role;
pub use pace::{A_MINUTE, Pace};
use std::ffi::OsString;
use std::time::Duration;

/// Time for a handler without `--handler-timeout`: an agent thinks for a minute or two.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Messages of both sides together unless `--max-turns` says otherwise: ten questions with their
/// answers. Two agents that thank each other end soon.
pub const TURNS: u32 = 20;

/// The form in which a handler reads a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The text, as it was sent.
    Text,
    /// Its line of EVENTS.md.
    Json,
}

/// The handler that the command line describes.
#[derive(Clone, Debug)]
pub struct Handler {
    program: Program,
    /// The form in which it reads a message.
    pub form: Form,
    timeout: Duration,
    /// Messages of both sides together after which the channel is closed.
    pub turns: u32,
    /// True if the channel is closed after the first message and its answer.
    pub once: bool,
    environment: Vec<(OsString, OsString)>,
}

/// The limits of a handler.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for one run.
    pub timeout: Duration,
    /// Messages of both sides together.
    pub turns: u32,
    /// True if one message is enough.
    pub once: bool,
}

/// The facts that a handler may know of its channel, none of them a secret.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The number of the channel, where other commands can reach it.
    pub number: Option<u32>,
    /// Side that it works for.
    pub role: Role,
    /// Messages of both sides so far, with the one that it reads.
    pub turn: u32,
    /// Its id, by which the session takes its commands for its own.
    pub agent: String,
}

impl Handler {
    /// The program of this command line, which gets the variables `names` of our environment beside
    /// those that all get.
    ///
    /// # Errors
    /// Exit 2 if no program is named or found, or a variable is not set, or is one that nobody
    /// gets.
    pub fn new(
        command: &[OsString],
        form: Form,
        limits: Limits,
        names: &[String],
    ) -> Result<Self, Failure> {
        let Some(program) = Program::named(command)? else {
            return Err(Failure::new(Kind::Usage, "--on-message names no program")
                .next("write it last: --on-message -- PROG ARG..."));
        };
        let mut environment: Vec<(OsString, OsString)> =
            std::env::vars_os().filter(|(name, _)| passed(name)).collect();
        for name in names {
            environment.push(asked_for(name)?);
        }
        let Limits { timeout, turns, once } = limits;
        Ok(Self { program, form, timeout, turns, once, environment })
    }
}

/// True for a variable of the caller's environment that a handler gets: what every program needs,
/// `PINHOLE_NETWORK`, `PINHOLE_PLACES` and `PINHOLE_LINKS`, so that its network is no larger than
/// ours.
fn passed(name: &OsString) -> bool {
    name.to_str().is_some_and(|name| {
        ["PINHOLE_NETWORK", "PINHOLE_PLACES", "PINHOLE_LINKS"].contains(&name)
            || is_basic_variable(name)
    })
}

/// A variable of `--handler-env`.
fn asked_for(name: &str) -> Result<(OsString, OsString), Failure> {
    if !is_variable(name) {
        // Not repeated: it may be NAME=VALUE.
        return Err(Failure::new(
            Kind::NoSuchVariable,
            "the value of --handler-env is not the name of an environment variable",
        )
        .next("write it as in --handler-env API_KEY, without $ and without a value"));
    }
    if is_withheld(name) {
        let detail = format!("{name} is never passed to a handler");
        return Err(Failure::new(Kind::Usage, detail).next("leave it out"));
    }
    let value = std::env::var_os(name).ok_or_else(|| not_set(name))?;
    Ok((name.into(), value))
}
