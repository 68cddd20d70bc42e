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
mod detach;
mod doctor;
#[cfg(test)]
mod examples;
mod gates;
mod give;
mod host;
mod long_texts;
mod man;
mod mcp;
mod misuse;
mod options;
mod pasted;
mod receive;
mod relay;
mod schema;
mod send;
mod setup;
mod split;
mod status;
mod step;
mod take;
mod text;
mod which;

use crate::events::Event;
use crate::failure::{Exit, Failure, Kind, ended};
use crate::platform::process::forbid_core_dumps;
use crate::report::bare::Bare;
use crate::report::behind::Behind;
use crate::report::look::Look;
use crate::report::screen::{Modes, Screen};
use crate::report::{Format, Reporter, Settings, format_choice};
use crate::session::interrupt::{Interrupt, interrupted};
use crate::session::plan::{Meet, Plan};
use crate::session::{self, Report, runtime};
use crate::settings::agent::Agent;
use crate::stdio::Sink;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use gates::Gates;
use misuse::misused;
use options::{Output, Permissions};
use std::future::Future;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;
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
    #[command(flatten)]
    Here(Here),
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

/// The commands that meet another side, or reach one that has.
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

/// What a command comes to: a purpose and a way to meet.
type Purpose = Result<(Plan, Meet), Failure>;

/// What a command about a channel that is open here comes to: whether there is more to receive.
type Done = Result<bool, Failure>;

/// The commands about channels that are open on this machine.
#[derive(Subcommand)]
enum Here {
    /// Show the channels that are open on this machine.
    Status(status::Args),
    /// End a channel that is open on this machine.
    Close(close::Args),
}

impl Here {
    const fn output(&self) -> &Output {
        match self {
            Self::Status(args) => args.output(),
            Self::Close(args) => args.output(),
        }
    }

    async fn run(self, report: &mut Report) -> Result<(), Failure> {
        match self {
            Self::Status(args) => args.run(report).await,
            Self::Close(args) => args.run(report).await,
        }
    }

    /// The command to its end.
    fn main(self) -> Ended {
        let mut report = match settings(self.output(), Sink::Stdout, true) {
            Ok((settings, _)) => Reporter::new(Sink::Stdout.open(), settings),
            Err(failure) => return misunderstood(&failure),
        };
        match runtime() {
            Ok(runtime) => {
                let done = runtime.block_on(async { heard(self.run(&mut report)).await });
                runtime.shutdown_background();
                Ended(end(&mut report, done.map(|()| false)))
            }
            Err(failure) => Ended(end(&mut report, Err(failure))),
        }
    }
}

/// Does something during which Ctrl-C is heard. It ends this command and no session.
async fn heard<T>(doing: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    heard_or("interrupted; the channel goes on", doing).await
}

/// The same; `cut` says what an interrupt does.
async fn heard_or<T>(
    cut: &str,
    doing: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut interrupt = Interrupt::new()?;
    tokio::select! {
        done = doing => done,
        () = interrupt.wait() => Err(interrupted(cut)),
    }
}

impl Session {
    fn output(&self) -> &Output {
        match self {
            Self::Give(args) => args.output(),
            Self::Take(args) => args.output(),
            Self::Host(args) => args.output(),
            Self::Connect(args) => args.output(),
            Self::Send(args) => args.output(),
            Self::Ask(args) => args.output(),
            Self::Receive(args) => args.output(),
        }
    }

    const fn channel(&self) -> &options::Channel {
        match self {
            Self::Give(args) => args.channel(),
            Self::Take(args) => args.channel(),
            Self::Host(args) => args.channel(),
            Self::Connect(args) => args.channel(),
            Self::Send(args) => args.channel(),
            Self::Receive(args) => args.channel(),
            Self::Ask(args) => args.channel(),
        }
    }

    /// Where its permissions stand.
    fn gates(&mut self) -> Gates<'_> {
        match self {
            Self::Give(args) => args.gates(),
            Self::Take(args) => args.gates(),
            Self::Host(args) => args.gates(),
            Self::Connect(args) => args.gates(),
            Self::Send(args) => args.gates(),
            Self::Receive(args) => args.gates(),
            Self::Ask(args) => args.gates(),
        }
    }

    /// Whether received bytes go to standard output, so that events cannot.
    fn bytes_to_stdout(&self) -> bool {
        match self {
            Self::Take(args) => args.bytes_to_stdout(),
            Self::Receive(args) => args.take.bytes_to_stdout(),
            Self::Ask(args) => args.bytes_to_stdout(),
            _ => false,
        }
    }

    /// Whether something is read from standard input.
    fn reads_stdin(&self) -> bool {
        match self {
            Self::Give(args) => args.reads_stdin(),
            Self::Take(args) => args.reads_stdin(),
            Self::Host(args) => args.reads_stdin(),
            Self::Connect(args) => args.reads_stdin(),
            Self::Send(args) => args.reads_stdin(),
            Self::Receive(args) => args.take.reads_stdin(),
            // Never in the background.
            Self::Ask(_) => false,
        }
    }

    /// Whether a secret is asked for where a person types.
    const fn asks_for_secret(&self) -> bool {
        match self {
            Self::Give(args) => args.asks_for_secret(),
            Self::Send(args) => args.asks_for_secret(),
            _ => false,
        }
    }

    /// Whether its output is the lines of a bell alone.
    const fn is_bell(&self) -> bool {
        matches!(self, Self::Receive(args) if args.is_bell())
    }

    /// Whether one thing is moved and the process ends.
    const fn once(&self) -> bool {
        !matches!(self, Self::Host(_) | Self::Connect(_))
    }

    /// Does what is meant for a channel that is open here; else it is a session itself.
    async fn reach(self, report: &mut Report) -> Result<Done, Self> {
        match self {
            Self::Send(mut args) => match args.found().await {
                Ok(Some(found)) => {
                    Ok(heard_or(args.cut(), args.send_into(found, report)).await.map(|()| false))
                }
                Ok(None) => Err(Self::Send(args)),
                Err(failure) => Ok(Err(failure)),
            },
            Self::Ask(mut args) => match args.found().await {
                Ok(Some(found)) => Ok(heard(args.ask_in(found, report)).await.map(|()| false)),
                Ok(None) => Err(Self::Ask(args)),
                Err(failure) => Ok(Err(failure)),
            },
            Self::Receive(args) => match args.found().await {
                Ok(Some(found)) => Ok(heard(args.receive_from(found, report)).await),
                Ok(None) => Err(Self::Receive(args)),
                Err(failure) => Ok(Err(failure)),
            },
            session => Err(session),
        }
    }

    /// `for_people`: whether the events are.
    fn purpose(self, person: bool, for_people: bool) -> Purpose {
        match self {
            Self::Give(args) => args.purpose(person),
            Self::Take(args) => args.purpose(person),
            Self::Host(args) => args.purpose(person),
            Self::Connect(args) => args.purpose(person),
            Self::Send(args) => args.purpose(person),
            Self::Ask(args) => args.purpose(person, for_people),
            Self::Receive(args) => args.purpose(person),
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
    let mut session = match command {
        Command::Session(session) => session,
        Command::Here(here) => return here.main(),
        Command::Relay(args) => return args.main(),
        Command::Config(args) => return plainly(args.json, args.run()),
        Command::Schema(args) => return plainly(false, args.run()),
        Command::Capabilities(args) => return plainly(args.json, args.run()),
        Command::Completions(args) => return plainly(false, args.run()),
        Command::Man(args) => return plainly(false, args.run()),
        Command::Mcp(args) => {
            return args
                .allowing(permissions)
                .map_or_else(|failure| misunderstood(&failure), mcp::Args::main);
        }
        Command::Doctor(args) => return args.main(),
        Command::Setup(args) => return plainly(false, args.run()),
    };
    session.gates().channel.detached = detached;
    if session.channel().detached == Some(Step::Start) {
        return detach::start();
    }
    let modes = Modes::now();
    let (mut report, person, screen) = match reporter(&session) {
        Ok(made) => made,
        Err(failure) => return misunderstood(&failure),
    };
    if let Err(failure) = permissions.settle(session.gates()) {
        return Ended(end(&mut report, Err(failure)));
    }
    if session.channel().detached == Some(Step::Session)
        && let Err(failure) = detach::settle()
    {
        return Ended(end(&mut report, Err(failure)));
    }
    let is_bell = session.is_bell();
    let exit = match runtime() {
        Ok(runtime) => {
            let exit = runtime.block_on(async {
                match session.reach(&mut report).await {
                    Ok(Ok(_)) if is_bell => Exit::Done,
                    Ok(done) => end(&mut report, done),
                    Err(session)
                        if session.channel().detach && session.channel().detached.is_none() =>
                    {
                        let done = detach::detach(&session, &mut report).await;
                        end(&mut report, done)
                    }
                    Err(session) => {
                        let for_people = report.bare().is_some();
                        let purpose = move || {
                            session
                                .purpose(person, for_people)
                                .map(|(plan, meet)| (Plan { screen, ..plan }, meet))
                        };
                        session::run(purpose, &mut report).await
                    }
                }
            });
            // A thread may be waiting for a disk, a terminal or standard input; the process ends
            // without it.
            runtime.shutdown_background();
            exit
        }
        Err(failure) => end(&mut report, Err(failure)),
    };
    modes.restore();
    Ended(exit)
}

/// How the process ends. Threads that still wait for a disk or a terminal do not hold it up.
pub struct Ended(Exit);

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        std::process::exit(i32::from(ended.0.code()))
    }
}

/// The end of a command that prints what it prints, and says only failures as the others do: for
/// people, on standard error.
fn plainly(json: bool, done: Result<(), Failure>) -> Ended {
    let Err(failure) = done else { return Ended(Exit::Done) };
    let (sink, format) =
        if json { (Sink::Stdout, Format::Json) } else { (Sink::Stderr, Format::Human) };
    let look = Look::here(sink);
    let mut report =
        Reporter::new(sink.open(), Settings { format, look, once: true, progress_every: None });
    Ended(end(&mut report, Err(failure)))
}

/// Prints what a command was asked for.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| {
        Failure::new(
            Kind::OutputClosed,
            format!("what there is to say cannot be written to standard output: {error}"),
        )
    })
}

/// Says how it ended as the last thing.
fn end(report: &mut Report, done: Done) -> Exit {
    let (failed, more) = match &done {
        Ok(more) => (None, *more),
        Err(failure) => (Some(failure.kind), false),
    };
    if let Err(failure) = done
        && report.event(&Event::Trouble(failure.clone()), Instant::now()).is_err()
    {
        // There may be somebody who reads this; if not, the exit status still says it.
        let _ = writeln!(std::io::stderr(), "{failure}");
    }
    let _ = report.event(&Event::End { failed, more }, Instant::now());
    ended(failed).0
}

/// It is not even clear for whom the output is.
fn misunderstood(failure: &Failure) -> Ended {
    eprintln!("{failure}");
    Ended(failure.exit())
}

/// How a command reports, and whether to a terminal.
fn settings(output: &Output, sink: Sink, once: bool) -> Result<(Settings, bool), Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    let to_terminal = sink.is_terminal();
    let format = format_choice(
        output.json,
        output.human,
        variable("PINHOLE_OUTPUT").as_deref(),
        to_terminal,
    )?;
    let look = Look::here(sink);
    Ok((Settings { format, look, once, progress_every: output.progress() }, to_terminal))
}

/// The reporter that the command line asks for, whether there is a person who can be asked, and the
/// screen if that person types.
fn reporter(command: &Session) -> Result<(Report, bool, Option<Screen>), Failure> {
    let sink = if command.bytes_to_stdout() { Sink::Stderr } else { Sink::Stdout };
    let (settings, to_terminal) = settings(command.output(), sink, command.once())?;
    if command.channel().detached.is_some() {
        // The process that started it reads this, and nobody is asked.
        let settings = Settings {
            format: Format::Json,
            look: Look::PLAIN,
            once: command.once(),
            progress_every: None,
        };
        return Ok((Reporter::new(Sink::Stdout.open(), settings), false, None));
    }
    let Settings { format, look, .. } = settings;
    if command.bytes_to_stdout() {
        let out = Sink::Stdout;
        let mut report = Reporter::new(sink.open(), settings);
        report.texts_to(Bare::exact(out.open(), out.is_terminal().then(|| Look::here(out))));
        return Ok((
            report,
            format == Format::Human && crate::report::prompt::somebody_is_there(),
            None,
        ));
    }
    if let (Session::Ask(_), Format::Human) = (command, format) {
        // The answer alone goes to standard output, as it would in a pipe.
        let sink = Sink::Stderr;
        let mut report =
            Reporter::new(sink.open(), Settings { look: Look::here(sink), ..settings });
        report.texts_to(Bare::new(Sink::Stdout.open(), to_terminal.then_some(look)));
        return Ok((report, crate::report::prompt::somebody_is_there(), None));
    }
    let person = format == Format::Human && crate::report::prompt::somebody_is_there();
    // An agent can have a terminal; what it sends goes by commands, which its user's rules tell
    // apart.
    let types = to_terminal && std::io::stdin().is_terminal() && Agent::here().is_none();
    if format == Format::Human && !command.once() && types {
        // Lines are typed while events are printed, so nothing may draw over the line being typed.
        let screen = Screen::default();
        let settings = Settings { look: Look { cursor: false, ..look }, ..settings };
        return Ok((Reporter::new(Box::new(screen.clone()), settings), person, Some(screen)));
    }
    // A channel goes on whether its lines are read or not, and so does what a program gives. What
    // is taken counts as printed by its line.
    let waits = !command.once() || matches!((command, format), (Session::Give(_), Format::Json));
    let out = if waits {
        Behind::start(sink.open()).map_or_else(|_| sink.open(), |out| Box::new(out))
    } else {
        sink.open()
    };
    Ok((Reporter::new(out, settings), person, None))
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
        // What is typed is in the shell's history, and in a list of processes that others read.
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
