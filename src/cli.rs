//! The command line: what was typed, then what it means. One file a command, each thin; only this
//! folder knows clap.

mod amounts;
mod ask;
mod capabilities;
mod close;
mod code;
mod completions;
mod config;
mod connect;
mod doctor;
mod ended;
#[cfg(test)]
mod examples;
mod give;
mod here;
mod host;
mod long_texts;
mod man;
mod mcp;
mod misuse;
mod options;
mod partials;
mod pasted;
mod receive;
mod relay;
mod schema;
mod send;
mod session;
mod setup;
mod split;
mod status;
mod step;
mod take;
mod text;
mod which;

use crate::platform::process::forbid_core_dumps;
pub use ended::Ended;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use ended::misunderstood;
use misuse::misused;
use options::Permissions;
use session::SessionCommand;
use step::Step;

/// Hand over a secret, a file or a few messages, once, with a short spoken code.
#[derive(Parser)]
#[command(
    name = "pinhole",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = EXAMPLES,
)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
struct Cli {
    /// Be the process that starts the session in the background, or that session
    #[arg(long, hide = true, value_enum, value_name = "STEP")]
    detached: Option<Step>,
    #[command(flatten)]
    permissions: Permissions,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  pinhole give report.pdf photos/        shows a code, such as 9471-walrus-clipboard-mango
  pinhole take 9471-walrus-clipboard-mango    on the other machine: receives it
  pinhole give --secret                  asks for a secret without showing it
  tar c . | pinhole give -               gives standard input
  pinhole take CODE -o - | tar x         takes it to standard output
  pinhole take                           opens a channel to receive; shows the giver's command
  pinhole setup                          shows how to set up the agents found here

Exit status:
  0 done                       4 nobody came, or expired    8 local disk
  1 other failure              5 unreachable                9 the source changed
  2 usage                      6 the other side declined,   10 an answer was needed
  3 wrong, used or unknown       left or cancelled          11 not finished yet
    code                       7 tampering                  130 interrupted
";

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Session(Session),
    /// Show the channels that are open on this machine.
    Status(status::Args),
    /// End a channel that is open on this machine.
    Close(close::Args),
    /// Show what unfinished transfers have left here, or remove it.
    Partials(partials::Args),
    /// Run a relay, where two machines meet that cannot reach each other.
    Relay(Box<relay::Args>),
    /// Show the settings and where they come from, or change them.
    Config(config::Args),
    /// Print the JSON Schema of the lines that scripts and agents read.
    Schema(schema::Args),
    /// Print what this program can do, as JSON: commands, lines, errors, exit statuses, limits.
    Capabilities(capabilities::Args),
    /// Print the completions for a shell.
    Completions(completions::Args),
    /// Print a manual page.
    Man(man::Args),
    /// Serve channels to an agent over the Model Context Protocol.
    Mcp(Box<mcp::Args>),
    /// Check what works here, and suggest what would help.
    Doctor(doctor::Args),
    /// Set up the agents found here: Claude Code, Codex, Cursor, OpenCode.
    Setup(setup::Args),
}

/// Commands that meet a peer, or reach a session that has.
#[derive(Subcommand)]
enum Session {
    /// Give files, folders, a text or a secret, once.
    Give(Box<give::Args>),
    /// Take what somebody gives, once.
    Take(Box<take::Args>),
    /// Open a channel that stays open, and show its code.
    Host(Box<host::Args>),
    /// Join a channel that stays open.
    Connect(Box<connect::Args>),
    /// Send into a channel, or give.
    #[command(alias = "tx")]
    Send(Box<send::Args>),
    /// Ask the other side a question, and print the answer.
    Ask(Box<ask::Args>),
    /// Receive from a channel, or take.
    #[command(aliases = ["rx", "get", "recv"])]
    Receive(Box<receive::Args>),
}

impl Session {
    fn command(self) -> Box<dyn SessionCommand> {
        match self {
            Self::Give(args) => args,
            Self::Take(args) => args,
            Self::Host(args) => args,
            Self::Connect(args) => args,
            Self::Send(args) => args,
            Self::Ask(args) => args,
            Self::Receive(args) => args,
        }
    }
}

/// The whole program: parses, runs, and returns the exit status.
#[must_use]
pub fn main() -> Ended {
    // A crash must not write secrets to a disk (SECURITY: core dumps).
    forbid_core_dumps();
    let Cli { detached, permissions, command } = match Cli::command()
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches))
    {
        Ok(typed) => typed,
        Err(error) => return misused(error),
    };
    if !matches!(command, Command::Session(_) | Command::Mcp(_))
        && let Err(failure) = permissions.are_for_nothing()
    {
        return misunderstood(&failure);
    }
    match command {
        Command::Session(session) => session::main(session.command(), permissions, detached),
        Command::Status(args) => args.main(),
        Command::Close(args) => args.main(),
        Command::Partials(args) => args.main(),
        Command::Relay(args) => args.main(),
        Command::Config(args) => args.main(),
        Command::Schema(args) => args.main(),
        Command::Capabilities(args) => args.main(),
        Command::Completions(args) => args.main(),
        Command::Man(args) => args.main(),
        Command::Mcp(args) => args.main(permissions),
        Command::Doctor(args) => args.main(),
        Command::Setup(args) => args.main(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every option of every command, with the command it belongs to.
    fn options(command: &clap::Command) -> Vec<(String, clap::Arg)> {
        let own = command.get_opts().map(|option| {
            (format!("{} --{}", command.get_name(), option.get_id()), option.clone())
        });
        own.chain(command.get_subcommands().flat_map(options)).collect()
    }

    #[test]
    fn no_option_takes_the_value_of_a_secret() {
        // A typed value is in the shell's history, and in a list of processes that others read.
        let places = ["FILE", "PATH", "NAME", "LABEL", "FILE[:NAME]"];
        let secret = |text: &str| {
            ["secret", "token", "password", "passphrase"]
                .iter()
                .any(|word| text.to_lowercase().contains(word))
        };
        let mut seen = 0;
        for (name, option) in options(&Cli::command()) {
            if !secret(&name) || !option.get_action().takes_values() {
                continue;
            }
            seen += 1;
            let said: Vec<_> = option
                .get_value_names()
                .unwrap_or_default()
                .iter()
                .map(clap::builder::Str::as_str)
                .collect();
            assert!(
                !said.is_empty() && said.iter().all(|value| places.contains(value)),
                "{name} takes {said:?}"
            );
        }
        assert!(seen >= 6, "{seen}");
    }
}
