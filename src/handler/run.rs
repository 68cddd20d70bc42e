//! One run of a handler: a message in, an answer out, and nothing left of it afterwards.

use super::{Facts, Handler};
use crate::failure::{Failure, Kind};
use crate::platform::process::{Group, lead_group};
use crate::settings::agent::VARIABLE;
use pinhole_protocol::messages::Body;
use std::future::pending;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};
use tokio::time::{Instant, sleep_until, timeout};

/// Time for output when the program and all of its group have ended: the pipe's content is there at
/// once. Only a process that has left the group could go on.
const REST: Duration = Duration::from_secs(1);
/// Bytes of the longest line end, which is no part of the answer.
const LINE_END: usize = 2;
/// Advice for a handler whose answer is no text, or a long one.
const INSTEAD: &str = "let it send a file: pinhole send \"$PINHOLE_CHANNEL\" --file PATH";

/// The outcome of a run.
enum Came {
    /// It ended, and had printed this.
    Ended(ExitStatus, Vec<u8>),
    /// It prints more than a message can hold.
    TooMuch,
}

impl Handler {
    /// Hands over a message and returns the answer, without one line end behind it; nothing if that
    /// is empty. The program leads a process group of its own, all of which is killed when the
    /// program ends, takes too long, says too much, or is given up.
    ///
    /// # Errors
    /// `handler-timeout` if it takes too long; `handler-failed` if it cannot be run, ends otherwise
    /// than with 0, or prints what is no text or too long for a message. Then what it has printed
    /// is no answer.
    pub async fn run(&self, message: Vec<u8>, facts: Facts) -> Result<Option<String>, Failure> {
        let failed = |what: &str| self.failure(Kind::HandlerFailed, what);
        let too_much = || {
            failed(&format!("printed more than the {} bytes of one message", Body::MAX))
                .next(INSTEAD)
        };
        let (status, said) = match timeout(self.timeout, came(self.command(facts), message)).await {
            Err(_) => {
                let what =
                    format!("did not finish within {} s and was stopped", self.timeout.as_secs());
                return Err(self
                    .failure(Kind::HandlerTimeout, &what)
                    .next("give it longer with --handler-timeout"));
            }
            Ok(Err(error)) => {
                return Err(failed(&format!("could not be run: {error}"))
                    .next("run it by hand, with a message on its standard input"));
            }
            Ok(Ok(Came::TooMuch)) => return Err(too_much()),
            Ok(Ok(Came::Ended(status, said))) => (status, said),
        };
        if !status.success() {
            return Err(failed(&format!("ended with {status}")).next(
                "see its standard error; run it by hand, with a message on its standard input",
            ));
        }
        let Ok(mut answer) = String::from_utf8(said) else {
            return Err(failed("printed what is not UTF-8").next(INSTEAD));
        };
        if answer.ends_with('\n') {
            answer.pop();
            if answer.ends_with('\r') {
                answer.pop();
            }
        }
        if answer.len() > Body::MAX {
            return Err(too_much());
        }
        Ok((!answer.is_empty()).then_some(answer))
    }

    fn command(&self, facts: Facts) -> Command {
        let mut command = self.program.command(true);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        // It works on what the peer wrote, so what it sends by itself is fenced.
        command
            .env(VARIABLE, facts.agent)
            .env("PINHOLE_ROLE", facts.role.word())
            .env("PINHOLE_TURN", facts.turn.to_string())
            .env("PINHOLE_MAX_TURNS", self.turns.to_string());
        if let Some(number) = facts.number {
            command.env("PINHOLE_CHANNEL", number.to_string());
        }
        lead_group(&mut command).stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    /// Its arguments are not repeated: they can hold a token.
    fn failure(&self, kind: Kind, what: &str) -> Failure {
        Failure::new(
            kind,
            format!("the handler {:?} {what}, so that message has no answer", self.program.name()),
        )
    }
}

async fn came(mut command: Command, message: Vec<u8>) -> io::Result<Came> {
    let mut child = command.spawn()?;
    let mut group = Group::of(&child);
    let mut output = child.stdout.take();
    let feeding = feed(child.stdin.take(), &message);
    tokio::pin!(feeding);
    let (mut said, mut fed) = (Vec::with_capacity(1 << 13), false);
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        tokio::select! {
            read = more(&mut output, &mut said) => match read {
                Ok(1..) if said.len() > Body::MAX.saturating_add(LINE_END) => {
                    return Ok(Came::TooMuch);
                }
                Ok(1..) => {}
                // All is said.
                Ok(0) | Err(_) => output = None,
            },
            () = &mut feeding, if !fed => fed = true,
            status = child.wait(), if ended.is_none() => {
                ended = Some((status?, Instant::now() + REST));
                // Processes that it has started do not outlive it.
                drop(group.take());
            }
            () = late(ended) => output = None,
        }
        if let (Some((status, _)), None) = (ended, &output) {
            return Ok(Came::Ended(status, said));
        }
    }
}

/// Writes the message. A program that does not want all of it says with its status whether it had
/// enough.
async fn feed(input: Option<ChildStdin>, message: &[u8]) {
    if let Some(mut input) = input {
        let _ = input.write_all(message).await;
    }
}

async fn more(
    output: &mut Option<tokio::process::ChildStdout>,
    said: &mut Vec<u8>,
) -> io::Result<usize> {
    match output {
        Some(output) => output.read_buf(said).await,
        None => pending().await,
    }
}

async fn late(ended: Option<(ExitStatus, Instant)>) {
    match ended {
        Some((_, until)) => sleep_until(until).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Form, Limits, PATIENCE, TURNS};
    use super::*;
    use crate::role::Role;
    use std::ffi::OsString;

    fn facts() -> Facts {
        Facts { number: Some(9471), role: Role::Host, turn: 3, agent: "an-id".into() }
    }

    fn handler(script: &str, timeout: Duration) -> Handler {
        let command: Vec<OsString> = ["sh", "-c", script].iter().map(OsString::from).collect();
        Handler::new(&command, Form::Text, Limits { timeout, turns: TURNS, once: false }, &[])
            .unwrap()
    }

    async fn run(script: &str, message: &str) -> Result<Option<String>, Failure> {
        handler(script, PATIENCE).run(message.as_bytes().to_vec(), facts()).await
    }

    fn word(came: Result<Option<String>, Failure>) -> Kind {
        let failure = came.unwrap_err();
        assert!(failure.next.is_some(), "{failure:?}");
        failure.kind
    }

    #[tokio::test]
    async fn what_is_said_comes_back_as_it_was() {
        let message = "two\nlines \"$(id)\" `id` \\ '%s' \0 \u{202e} é\r\n";
        assert_eq!(
            run("cat", message).await.unwrap().unwrap(),
            "two\nlines \"$(id)\" `id` \\ '%s' \0 \u{202e} é"
        );
        for (printed, answer) in [
            ("", None),
            ("\\n", None),
            ("\\r\\n", None),
            ("a\\n\\n", Some("a\n")),
            ("  ", Some("  ")),
        ] {
            assert_eq!(
                run(&format!("printf '{printed}'"), "x").await.unwrap().as_deref(),
                answer,
                "{printed}"
            );
        }
    }

    #[tokio::test]
    async fn a_message_is_as_long_as_it_may_be_both_ways() {
        let long = "x".repeat(Body::MAX);
        assert!(run("cat; echo", &long).await.unwrap().unwrap() == long);
        assert_eq!(word(run("cat; printf x", &format!("{long}\nx")).await), Kind::HandlerFailed);
        assert_eq!(word(run("head -c 2097152 /dev/zero", "x").await), Kind::HandlerFailed);
        assert_eq!(word(run("exec yes", "x").await), Kind::HandlerFailed);
        // More than a pipe holds, and nobody reads it.
        assert_eq!(run("echo enough", &long).await.unwrap().unwrap(), "enough");
    }

    #[tokio::test]
    async fn what_fails_has_no_answer() {
        assert_eq!(word(run("echo half; exit 3", "x").await), Kind::HandlerFailed);
        assert_eq!(word(run("echo half; kill -9 $$", "x").await), Kind::HandlerFailed);
        assert_eq!(word(run("printf '\\377'", "x").await), Kind::HandlerFailed);
        let late = handler("echo half; sleep 1000", Duration::from_millis(200))
            .run(b"x".to_vec(), facts())
            .await;
        assert_eq!(word(late), Kind::HandlerTimeout);
    }

    #[tokio::test]
    async fn what_it_leaves_behind_is_ended_with_it() {
        // It holds standard output open, so that without its end there would be none of the answer.
        let answer = run("sleep 1000 & echo $!", "x").await.unwrap().unwrap();
        let gone = || {
            std::fs::read(format!("/proc/{answer}/cmdline")).map_or(true, |line| line.is_empty())
        };
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while !gone() {
            assert!(std::time::Instant::now() < until, "{answer} still runs");
            tokio::task::yield_now().await;
        }
        // One that has left the group cannot hold up the answer either.
        assert_eq!(run("setsid sleep 3 & echo here", "x").await.unwrap().unwrap(), "here");
    }

    #[tokio::test]
    async fn its_environment_is_what_it_needs() {
        let said = run("env", "x").await.unwrap().unwrap();
        let names: Vec<&str> =
            said.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        assert!(names.contains(&"PATH") && names.contains(&"PINHOLE_AGENT"), "{said}");
        assert!(
            said.contains("PINHOLE_CHANNEL=9471\n") && said.contains("PINHOLE_TURN=3"),
            "{said}"
        );
        // cargo sets this for every test.
        assert!(
            std::env::var_os("CARGO_MANIFEST_DIR").is_some()
                && !names.contains(&"CARGO_MANIFEST_DIR"),
            "{said}"
        );
    }
}
