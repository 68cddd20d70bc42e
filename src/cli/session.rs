//! Commands that are a session, or reach one in a channel that is open here.

mod detach;
mod gates;
mod reporting;

pub(super) use gates::Gates;

use super::ended::{Done, Ended, end, misunderstood};
use super::options::{Channel, Output, Permissions};
use super::step::Step;
use crate::failure::{Exit, Failure};
use crate::report::Format;
use crate::report::screen::Modes;
use crate::session::plan::{Meet, Plan};
use crate::session::{self, Report, runtime};
use reporting::{Reporting, reporting};
use std::future::{Future, ready};
use std::pin::Pin;

/// Options of each such command, the last of its list.
#[derive(clap::Args)]
// Its arguments are in groups of their own.
#[group(skip)]
pub(super) struct Common {
    #[command(flatten)]
    pub channel: Channel,
    #[command(flatten)]
    pub output: Output,
}

/// Purpose of a session, and a way to meet.
pub(super) type Purpose = Result<(Plan, Meet), Failure>;

/// Result of work in a channel that is open here, or the command itself if none was meant.
pub(super) type Reached<'a> =
    Pin<Box<dyn Future<Output = Result<Done, Box<dyn SessionCommand>>> + 'a>>;

/// Use of standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stdin {
    /// None.
    Unread,
    /// It holds something to send, or the code.
    Read,
    /// It holds a secret, which is asked for where a person types.
    Secret,
}

/// Use of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stdout {
    /// Lines about events.
    Lines,
    /// An answer alone where people read, else lines.
    Answer,
    /// Received bytes alone: lines go to standard error.
    Bytes,
    /// Lines of a bell alone, so that there is no last one.
    Bell,
}

/// A command that is a session, or reaches one.
pub(super) trait SessionCommand: Send {
    fn common(&self) -> &Common;

    fn channel(&self) -> &Channel {
        &self.common().channel
    }

    /// Its permissions, and what needs one.
    fn gates(&mut self) -> Gates<'_>;

    fn stdin(&self) -> Stdin {
        Stdin::Unread
    }

    fn stdout(&self) -> Stdout {
        Stdout::Lines
    }

    /// True if one thing is moved and the process ends.
    fn once(&self) -> bool {
        true
    }

    /// True if it goes on while nobody reads its lines. What is taken counts as printed by its
    /// line.
    fn outlives_reader(&self, _: Format) -> bool {
        !self.once()
    }

    /// Does what is meant for a channel that is open here.
    fn reach(self: Box<Self>, report: &mut Report) -> Reached<'_>;

    /// `person`: one can be asked here; `for_people`: they read the events.
    fn purpose(self: Box<Self>, person: bool, for_people: bool) -> Purpose;
}

/// A command that is always a session of its own.
pub(super) fn unreached<'a>(command: Box<dyn SessionCommand>) -> Reached<'a> {
    Box::pin(ready(Err(command)))
}

/// Runs a command to its end. `detached` is the step of `--detach` that this process is.
pub(super) fn main(
    mut command: Box<dyn SessionCommand>,
    permissions: Permissions,
    detached: Option<Step>,
) -> Ended {
    command.gates().channel.detached = detached;
    if detached == Some(Step::Start) {
        return detach::start();
    }
    let modes = Modes::now();
    let Reporting { mut report, person, screen } = match reporting(&*command) {
        Ok(reporting) => reporting,
        Err(failure) => return misunderstood(&failure),
    };
    if let Err(failure) = permissions.settle(command.gates()) {
        return Ended(end(&mut report, Err(failure)));
    }
    if detached == Some(Step::Session)
        && let Err(failure) = detach::settle()
    {
        return Ended(end(&mut report, Err(failure)));
    }
    let is_bell = command.stdout() == Stdout::Bell;
    let detaches = command.channel().detach && detached.is_none();
    let exit = match runtime() {
        Ok(runtime) => {
            let exit = runtime.block_on(async {
                match command.reach(&mut report).await {
                    Ok(Ok(_)) if is_bell => Exit::Done,
                    Ok(done) => end(&mut report, done),
                    Err(command) if detaches => {
                        let done = detach::detach(&*command, &mut report).await;
                        end(&mut report, done)
                    }
                    Err(command) => {
                        let for_people = report.text_output().is_some();
                        let purpose = move || {
                            let (plan, meet) = command.purpose(person, for_people)?;
                            Ok((Plan { screen, ..plan }, meet))
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
