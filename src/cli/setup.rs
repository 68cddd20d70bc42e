//! `setup`: the agents on this machine learn to use pinhole.

use super::ended::{Ended, plainly, print};
use crate::agent::setup::client::{Client, Home};
use crate::agent::setup::rules::rules;
use crate::agent::setup::{self, Part};
use crate::failure::Failure;
use clap::ValueEnum;
use std::io::IsTerminal;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(after_help = "\
Sets up for this user: the skill, which is /pinhole in Claude Code, Cursor, OpenCode and Gemini CLI
and $pinhole in Codex, and the MCP server `pinhole mcp`. The rest of each file stays as it is, and
setup does not touch what it does not understand. It changes no rule about what an agent may do,
except that Codex may call the tools that send nothing; other safe rules are shown.

Examples:
  pinhole setup                          what it would do for the agents found here
  pinhole setup claude --apply
  pinhole setup --remove
  pinhole setup | claude                 asks the agent to do it")]
pub(super) struct Args {
    /// The agent to set up; without it, those found here
    #[arg(value_enum, value_name = "AGENT")]
    agent: Option<Agent>,
    /// Do it, or update what is there to this version
    #[arg(long)]
    apply: bool,
    /// Undo what --apply did, and nothing else
    #[arg(long, conflicts_with = "apply")]
    remove: bool,
    /// Only show what would be done, also with --remove
    #[arg(long, conflicts_with = "apply")]
    print: bool,
    /// Use this home directory instead of the user's
    #[arg(long, value_name = "DIR", env = "PINHOLE_HOME")]
    home: Option<PathBuf>,
    /// Write the whole plugin into this new directory instead, for `claude --plugin-dir` and for
    /// marketplaces
    #[arg(long, value_name = "DIR", conflicts_with_all = ["agent", "apply", "remove", "print"])]
    unpack: Option<PathBuf>,
}

/// The agent to set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Agent {
    /// Claude Code
    #[value(alias = "claude-code")]
    Claude,
    /// Codex
    Codex,
    /// Cursor
    Cursor,
    /// OpenCode
    Opencode,
    /// Gemini CLI
    #[value(alias = "gemini-cli")]
    Gemini,
    /// All of these, found here or not
    All,
}

impl Agent {
    fn clients(self) -> Vec<Client> {
        match self {
            Self::Claude => vec![Client::Claude],
            Self::Codex => vec![Client::Codex],
            Self::Cursor => vec![Client::Cursor],
            Self::Opencode => vec![Client::OpenCode],
            Self::Gemini => vec![Client::Gemini],
            Self::All => Client::ALL.to_vec(),
        }
    }
}

impl Args {
    /// Runs it to its end.
    pub(super) fn main(self) -> Ended {
        plainly(false, self.run())
    }

    /// Does it, or says what would be done.
    fn run(self) -> Result<(), Failure> {
        if let Some(directory) = &self.unpack {
            setup::unpack(directory)?;
            return print(&directory.display().to_string());
        }
        let home = setup::home(self.home.clone())?;
        let parts = match (self.agent.map(Agent::clients), self.remove) {
            (Some(clients), true) => setup::remove(&clients, &home)?,
            (Some(clients), false) => setup::set_up(&clients, &home)?,
            (None, false) => setup::set_up(&setup::found(&home), &home)?,
            // Something may have been done for one that is not here any more.
            (None, true) => {
                let found = setup::found(&home);
                let mut parts = setup::remove(&Client::ALL, &home)?;
                parts.retain(|part| found.contains(&part.client) || !part.changes.is_empty());
                parts
            }
        };
        if parts.is_empty() {
            return print(&nobody(&home, self.remove));
        }
        let does = self.apply || (self.remove && !self.print);
        if does {
            parts.iter().try_for_each(Part::make)?;
        }
        let listed = parts.iter().map(|part| listed(part, does)).collect::<Vec<_>>().join("\n");
        let nothing = parts.iter().all(|part| part.changes.is_empty());
        let to_agent = !(does || self.remove || self.print || std::io::stdout().is_terminal());
        // An agent that reads this is not to change what it may do.
        let listed =
            if self.remove || to_agent { listed } else { format!("{listed}\n{}", ruled(&parts)) };
        print(&match (does, nothing) {
            (false, true) if to_agent => {
                format!(
                    "{listed}\nThe user has run `pinhole setup`. There is nothing left to do; \
                    please tell them so."
                )
            }
            (_, true) => listed,
            (true, false) if self.remove => {
                format!("{listed}\nThat was everything that setup had done.")
            }
            (true, false) => format!("{listed}\n{}", self.how_to_go_on(&parts)?),
            (false, false) if to_agent => self.prompt(&listed, &parts)?,
            (false, false) => {
                let flag = if self.remove { "--remove" } else { "--apply" };
                format!(
                    "{listed}\nNothing has been changed yet. To do it: {} {flag}",
                    self.command(self.word())?
                )
            }
        })
    }

    /// The agent as it was typed.
    fn word(&self) -> &'static str {
        match self.agent.map(Agent::clients).as_deref() {
            None => "",
            Some([one]) => one.word(),
            Some(_) => "all",
        }
    }

    /// This command for `agent`, as it can be typed anywhere, without what it is to do.
    fn command(&self, agent: &str) -> Result<String, Failure> {
        let home = self
            .home
            .as_deref()
            .and_then(|home| std::path::absolute(home).ok()?.into_os_string().into_string().ok());
        let program = setup::program()?;
        let words = [&program, "setup", agent].into_iter().filter(|word| !word.is_empty());
        let words: Vec<_> = words.chain(home.iter().flat_map(|home| ["--home", home])).collect();
        // Only NUL cannot be quoted, and it is in no argument.
        Ok(shlex::try_join(words.iter().copied()).unwrap_or_else(|_| words.join(" ")))
    }

    fn how_to_go_on(&self, parts: &[Part]) -> Result<String, Failure> {
        let calls: Vec<_> = parts
            .iter()
            .map(|part| {
                format!("{} in a new session of {}", part.client.call(), part.client.name())
            })
            .collect();
        Ok(format!(
            "Try it: {}. To undo it: {} --remove",
            calls.join(", "),
            self.command(self.word())?
        ))
    }

    /// Text for an agent that reads it from a pipe, as in `pinhole setup | claude`.
    fn prompt(&self, listed: &str, parts: &[Part]) -> Result<String, Failure> {
        let line = |part: &Part| Ok(format!("  {} --apply", self.command(part.client.word())?));
        let lines = parts.iter().map(line).collect::<Result<Vec<_>, Failure>>()?;
        let which = if lines.len() == 1 { "this" } else { "the line for you" };
        Ok(format!(
            "The user has run `pinhole setup` and passed its output to you. They want to use \
             pinhole with you: a\n\
             command-line tool with which two people or agents hand each other a secret, a file \
             or a few messages,\n\
             once, by a short spoken code.\n\
             Please run {which}, and then tell the user what it printed:\n\n{}\n\n\
             It changes these files of the user and no others (nothing has been changed \
             yet):\n\n{listed}\n\
             The same command with --remove instead of --apply undoes it.",
            lines.join("\n")
        ))
    }
}

/// Changes for an agent: a line for each file, and the lines of a configuration that come and go.
fn listed(part: &Part, done: bool) -> String {
    let mut lines = vec![part.client.name().to_owned()];
    for change in &part.changes {
        let verb = match (&change.before, &change.after, done) {
            (None, _, false) => "make",
            (None, _, true) => "made",
            (_, None, false) => "delete",
            (_, None, true) => "deleted",
            (_, _, false) => "change",
            (_, _, true) => "changed",
        };
        lines.push(format!("  {verb:<8} {}", change.path.display()));
        lines.extend(change.shown.iter().map(|line| format!("           {line}")));
    }
    lines.extend(part.notes.iter().map(|note| format!("  note     {note}")));
    if lines.len() == 1 {
        lines.push("  nothing to do: everything is in place".to_owned());
    }
    lines.join("\n") + "\n"
}

/// The rules that are left to the user.
fn ruled(parts: &[Part]) -> String {
    let of = |part: &Part| {
        let (place, rules) = rules(part.client);
        format!(
            "  {}: {place}\n{}\n",
            part.client.name(),
            rules.iter().map(|rule| format!("    {rule}")).collect::<Vec<_>>().join("\n")
        )
    };
    format!(
        "Rules that let an agent ask less, for its user to write, not for the agent. They let it \
         send no file\n\
         and no secret. What starts a program or opens the fence comes before the subcommand, \
         where they\n\
         do not reach.\n{}",
        parts.iter().map(of).collect::<String>()
    )
}

fn nobody(home: &Home, removes: bool) -> String {
    if removes {
        return format!(
            "No agent that setup knows was found in {}: there is nothing to undo.",
            home.path.display()
        );
    }
    let lines: Vec<_> = Client::ALL
        .map(|client| format!("  pinhole setup {:<9} --apply   {}", client.word(), client.name()))
        .to_vec();
    format!(
        "No agent that setup knows was found in {}. If one is there all the same:\n\n{}\n\nAny \
         other agent that has MCP servers: the command is `pinhole mcp`.",
        home.path.display(),
        lines.join("\n")
    )
}
