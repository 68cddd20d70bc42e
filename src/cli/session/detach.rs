//! `--detach`: the session is another process, in a process session of its own, and this one comes
//! back as soon as there is a channel.
//!
//! Three processes run the same command line. The first starts the second and reads what the
//! session prints; the second leaves the first's process session, starts the third and ends; the
//! third is the session, in a process session of its own too. The first comes back with success
//! only after it has asked the session whether it is there, when the second and its process group
//! have gone.

use super::{SessionCommand, Stdin, Stdout};
use crate::cli::ended::{Done, Ended, plainly};
use crate::cli::step::{self, Step};
use crate::control::found::{self, Found};
use crate::control::unreachable::not_detachable;
use crate::doctor::lives_on;
use crate::events::line::{Body, Line, Status};
use crate::events::{About, Event};
use crate::failure::{Failure, Kind};
use crate::files::secret_source::SecretSource;
use crate::platform::process::{is_group_gone, leave_session};
use crate::program;
use crate::report::prompt::nobody_to_ask;
use crate::session::Report;
use crate::session::interrupt::{self, interrupted};
use crate::stdio::Sink;
use pinhole_protocol::secret::SecretVec;
use serde::de::IgnoredAny;
use std::io::{self, IsTerminal};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

/// Time for a session that is not wanted any more to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts the session, tells what it says until there is a channel, and makes sure that it goes on.
///
/// # Errors
/// `not-detachable` where nothing lives on, and what the session itself fails with before.
pub(super) async fn detach(command: &dyn SessionCommand, report: &mut Report) -> Done {
    if command.stdout() == Stdout::Bytes {
        return Err(Failure::new(
            Kind::Usage,
            "-o - is standard output, which a session in the background does not have",
        )
        .next("name a folder with -o DIR, or leave out --detach"));
    }
    lives_on()?;
    Sink::Stdout.try_out().map_err(|error| unheard(&error))?;
    let mut interrupt = interrupt::listen()?;
    let (mut started, starter) = (Started::default(), starter(command)?);
    let gone = tokio::select! {
        gone = follow(starter, &mut started, report) => gone,
        () = interrupt.wait() => {
            started.abandon().await;
            return Err(interrupted("interrupted before there was a channel"));
        }
    };
    if let Some(failed) = started.end {
        return failed.map_or(Ok(false), |kind| Err(started.failure(kind)));
    }
    if let Some(error) = &started.unprinted {
        started.abandon().await;
        return Err(unheard(error));
    }
    started.trouble(report);
    let there = if gone { started.found().await } else { None };
    let Some(Found { about, .. }) = there else {
        // On a machine that is busy it may be there all the same, under a code that nobody should
        // use.
        started.abandon().await;
        return Err(not_detachable(
            "the session was killed as soon as it went into the background",
        ));
    };
    // A failed write is seen by nobody, and the session goes on. Its code was said with the
    // channel.
    let _ = report.event(&Event::Detached(About { code: None, ..about }), Instant::now());
    Ok(false)
}

/// Prints the session's lines until it lets go of its output. Returns true if the second process
/// and its group have gone then.
async fn follow(
    (mut starter, secret): (Child, Option<SecretVec>),
    started: &mut Started,
    report: &mut Report,
) -> bool {
    let group = starter.id();
    if let (Some(mut input), Some(secret)) = (starter.stdin.take(), secret) {
        // A session that does not take it says why.
        let _ = input.write_all(secret.expose()).await;
    }
    if let Some(output) = starter.stdout.take() {
        let mut lines = BufReader::new(output).lines();
        while started.unprinted.is_none()
            && let Ok(Some(line)) = lines.next_line().await
        {
            started.line(&line, report);
        }
    }
    starter.wait().await.is_ok() && group.is_some_and(is_group_gone)
}

/// The second process, and a secret that was asked for here and is to be read there.
fn starter(command: &dyn SessionCommand) -> Result<(Child, Option<SecretVec>), Failure> {
    let (input, secret) = match (command.stdin(), io::stdin().is_terminal()) {
        (Stdin::Unread, _) => (Stdio::null(), None),
        (Stdin::Read | Stdin::Secret, false) => (Stdio::inherit(), None),
        (Stdin::Secret, true) => (Stdio::piped(), Some(SecretSource::Prompt.read(None)?)),
        (Stdin::Read, true) => {
            return Err(nobody_to_ask(
                "what is typed",
                "name what to give, or pipe it in; the code may be in PINHOLE_CODE",
            ));
        }
    };
    let started = again(Step::Start).and_then(|mut again| {
        again.stdin(input).stdout(Stdio::piped()).stderr(Stdio::null());
        Command::from(again).spawn()
    });
    Ok((started.map_err(|error| cannot(&error))?, secret))
}

/// A session that is being started, as far as its lines tell.
#[derive(Default)]
struct Started {
    /// Its id.
    session: Option<String>,
    /// The last failure, not yet printed: it may be why the session ends.
    trouble: Option<Failure>,
    /// End of the session, with the failure's kind if it failed.
    end: Option<Option<Kind>>,
    /// True once a line of it was printed.
    printed: bool,
    /// Error of a line that had to be printed: its code, or the first.
    unprinted: Option<io::Error>,
}

impl Started {
    fn line(&mut self, line: &str, report: &mut Report) {
        if serde_json::from_str::<IgnoredAny>(line).is_err() {
            return;
        }
        // One of a later version may be of a type that this one does not know.
        match serde_json::from_str::<Line>(line).ok().map(|line| line.body) {
            Some(Body::Session(open)) => self.session = Some(open.session),
            Some(error @ Body::Error { .. }) => {
                self.trouble(report);
                self.trouble = error.failure();
            }
            Some(Body::End { exit, reason, .. }) => {
                let kind = || Kind::of(&reason).unwrap_or(Kind::Failed);
                self.end = Some((exit != 0).then(kind));
            }
            told => {
                let has_code =
                    matches!(told, Some(Body::Status(Status::Channel { code: Some(_), .. })));
                self.trouble(report);
                match report.relay(line, Instant::now()) {
                    Ok(()) => self.printed = true,
                    Err(error) if !self.printed || has_code => self.unprinted = Some(error),
                    // The reader has left after the first lines, as `head -1`.
                    Err(_) => {}
                }
            }
        }
    }

    /// Tells what went wrong, which did not end the session.
    fn trouble(&mut self, report: &mut Report) {
        if let Some(failure) = self.trouble.take() {
            let _ = report.event(&Event::Trouble(failure), Instant::now());
        }
    }

    /// Why the session has ended.
    fn failure(self, kind: Kind) -> Failure {
        let failure = self.trouble.unwrap_or_else(|| Failure::new(kind, "the session has ended"));
        Failure { kind, ..failure }
    }

    /// The session, if it answers.
    async fn found(&self) -> Option<Found> {
        found::session(self.session.as_deref()?).await.ok().flatten()
    }

    /// Ends the session, whose user does not want it any more. One that has not said what it is
    /// ends when nobody hears it.
    async fn abandon(&self) {
        if let Some(found) = self.found().await {
            let _ = found.close(true, PATIENCE, |_| true).await;
        }
    }
}

/// The second process: starts the third.
pub(super) fn start() -> Ended {
    let started = leave_session().and_then(|()| again(Step::Session)?.spawn());
    plainly(true, started.map(drop).map_err(|error| cannot(&error)))
}

/// The third process leaves the second's process session before anything else.
///
/// # Errors
/// `not-detachable`, where the system refuses that.
pub(super) fn settle() -> Result<(), Failure> {
    leave_session().map_err(|error| cannot(&error))
}

/// This command line once more, as another step. That is said before everything else.
fn again(step: Step) -> io::Result<std::process::Command> {
    let mut command = program::again()?;
    command.args(step::words(step));
    Ok(command)
}

/// Failure of a session that nobody would know of.
fn unheard(error: &io::Error) -> Failure {
    let detail = format!(
        "standard output cannot be written to, so nobody would know what is in the background: \
         {error}"
    );
    Failure::new(Kind::OutputClosed, detail)
        .next("leave it open, and make sure there is room where it goes")
}

fn cannot(error: &io::Error) -> Failure {
    not_detachable(&format!("no process can be started in the background: {error}"))
}
