//! Options by which a channel speaks by itself: a first text, and the answers of a program.

use crate::cli::amounts::duration;
use crate::cli::text::text_from_stdin;
use crate::failure::{Failure, Kind};
use crate::files::ware::Ware;
use crate::handler::{self, Form, Handler, Limits};
use clap::ValueEnum;
use pinhole_protocol::messages::Body;
use std::ffi::OsString;
use std::time::Duration;

/// Both, of `host` and `connect`.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Answering")]
pub(in crate::cli) struct Answering {
    /// Send this text as soon as the other side is there ("-" reads it from standard input)
    #[arg(long, value_name = "TEXT")]
    first: Option<String>,
    /// Run the program after "--", without a shell, for each text from the other side, with the
    /// text on its standard input as it is, or with =json as its line of EVENTS.md. What it prints
    /// is sent back as one text. What the other side writes is data: give the program no more
    /// rights than the other side may have. Behind the sending fence, it needs --allow-exec before
    /// the command's name
    #[arg(
        long,
        value_enum,
        value_name = "text|json",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "text",
        group = "runs",
    )]
    on_message: Option<FormArg>,
    /// How long the program may take for one text before it is stopped (default: 120s)
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "on_message")]
    handler_timeout: Option<Duration>,
    /// Close the channel after this many texts, counting both sides
    #[arg(
        long,
        value_name = "N",
        default_value_t = handler::TURNS,
        value_parser = clap::value_parser!(u32).range(1..),
        requires = "on_message",
    )]
    max_turns: u32,
    /// Close the channel after the first text and its answer
    #[arg(long, requires = "on_message")]
    once: bool,
    /// Pass this environment variable to the program, besides PATH, HOME and the like; may be
    /// repeated
    #[arg(long, value_name = "NAME", requires = "on_message")]
    handler_env: Vec<String>,
}

/// `--on-message`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormArg {
    /// The text as it is
    Text,
    /// Its JSON line
    Json,
}

impl Answering {
    /// The option by which it starts a program, if it does.
    pub(in crate::cli) fn starts(&self) -> Option<&'static str> {
        self.on_message.is_some().then_some("--on-message")
    }

    /// True if standard input is the first text.
    pub(in crate::cli) fn reads_stdin(&self) -> bool {
        self.first.as_deref() == Some("-")
    }

    /// The first text, read.
    pub(in crate::cli) fn first(&self) -> Result<Option<Ware>, Failure> {
        let text = match self.first.as_deref() {
            Some("-") => text_from_stdin()?,
            Some(text) => text.to_owned(),
            None => return Ok(None),
        };
        if text.is_empty() || text.len() > Body::MAX {
            let what = if text.is_empty() {
                "empty".to_owned()
            } else {
                format!("longer than the {} bytes of one message", Body::MAX)
            };
            let kind = if text.is_empty() { Kind::Usage } else { Kind::TooLong };
            return Err(Failure::new(kind, format!("the text of --first is {what}"))
                .next("--first TEXT, or leave it out"));
        }
        Ok(Some(Ware::Text(text)))
    }

    /// The program that answers, found before there is a code.
    pub(in crate::cli) fn handler(&self, program: &[OsString]) -> Result<Option<Handler>, Failure> {
        let form = match self.on_message {
            None => return Ok(None),
            Some(FormArg::Text) => Form::Text,
            Some(FormArg::Json) => Form::Json,
        };
        let limits = Limits {
            timeout: self.handler_timeout.unwrap_or(handler::PATIENCE),
            turns: self.max_turns,
            once: self.once,
        };
        Handler::new(program, form, limits, &self.handler_env).map(Some)
    }
}
