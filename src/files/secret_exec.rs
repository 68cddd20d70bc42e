//! A received secret handed to a program (`--secret-exec`): on its standard input, or in a variable
//! of its environment. No shell is asked.

use super::dotenv::as_variable;
use super::inbox::{Refusal, unfit};
use super::variable::is_variable;
use crate::failure::{Failure, Kind};
use crate::platform::name::from_bytes;
use crate::platform::output::duplicate;
use crate::program::Program;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::Reason;
use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// A program that a secret is handed to.
#[derive(Clone, Debug)]
pub struct SecretExec {
    program: Program,
    variable: Option<String>,
    fenced: bool,
}

impl SecretExec {
    /// The program and its arguments, which get the secret in `variable`, or on standard input if
    /// that is empty. `fenced` says if it is started behind a fence.
    ///
    /// # Errors
    /// Exit 2 if no program is named or found, or `variable` can be no variable's name.
    pub fn new(variable: &str, command: &[OsString], fenced: bool) -> Result<Self, Failure> {
        let usage = |detail: &str| {
            Failure::new(Kind::Usage, detail).next(
                "write it last: --secret-exec -- PROG ARG..., or --secret-exec=API_KEY -- PROG \
                 ARG...",
            )
        };
        if !variable.is_empty() && !is_variable(variable) {
            return Err(usage("what follows --secret-exec= is not the name of a variable"));
        }
        let Some(program) = Program::named(command)? else {
            return Err(usage("--secret-exec names no program"));
        };
        let variable = (!variable.is_empty()).then(|| variable.to_owned());
        Ok(Self { program, variable, fenced })
    }

    /// The variable that the program finds the secret in, if not on its standard input.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        self.variable.as_deref()
    }

    /// Runs the program and waits until it has ended with status 0. Standard input is exactly the
    /// secret, or `input` where a variable has it, which lacks one line end behind it. What the
    /// program prints goes to standard error, because standard output has the events. Given up, the
    /// program is killed.
    ///
    /// # Errors
    /// If a variable cannot hold the secret, or the program cannot be started or ends otherwise.
    pub async fn run(&self, secret: &SecretVec, input: Stdio) -> Result<(), Refusal> {
        let mut command = self.program.command(self.fenced);
        if let Some(name) = &self.variable {
            let value = as_variable(secret.expose());
            if value.contains(&0) {
                return Err(unfit("a variable: it contains a NUL"));
            }
            command.env(name, from_bytes(value)).stdin(input);
        } else {
            command.stdin(Stdio::piped());
        }
        match self.ended(command, secret).await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(self.failed(&format!("ended with {status}"))),
            Err(error) => Err(self.failed(&format!("could not be run: {error}"))),
        }
    }

    async fn ended(&self, mut command: Command, secret: &SecretVec) -> io::Result<ExitStatus> {
        let errors = duplicate(io::stderr())?;
        let mut child = command.stdout(Stdio::from(errors)).spawn()?;
        // It holds the environment, and with it the secret.
        drop(command);
        if let Some(mut input) = child.stdin.take() {
            match input.write_all(secret.expose()).await {
                // Its status says whether it had enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                written => written?,
            }
        }
        child.wait().await
    }

    fn failed(&self, what: &str) -> Refusal {
        let detail = format!(
            "the program {:?}, which should get the secret, {what}, so the secret counts as not \
             handed over",
            self.program.name()
        );
        let failure =
            Failure::new(Kind::ExecFailed, detail).next("fix that, and ask for the secret again");
        Refusal { reason: Reason::Failed, failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(variable: &str, command: &[&str]) -> Result<SecretExec, Failure> {
        SecretExec::new(variable, &command.iter().map(OsString::from).collect::<Vec<_>>(), false)
    }

    async fn run(variable: &str, command: &[&str], secret: &[u8]) -> Result<(), Refusal> {
        exec(variable, command).unwrap().run(&SecretVec::new(secret.to_vec()), Stdio::null()).await
    }

    #[test]
    fn what_is_wrong_with_the_command_line_is_said_before_a_code_is_used() {
        for (variable, command, word) in [
            ("", &[][..], "usage"),
            ("A-B", &["cat"], "usage"),
            ("", &["pinhole-has-no-such-program"], "no-such-file"),
            ("", &["/etc/passwd"], "no-such-file"),
            ("", &["/"], "no-such-file"),
            ("", &[""], "no-such-file"),
        ] {
            let failure = exec(variable, command).unwrap_err();
            assert_eq!(failure.kind.as_str(), word, "{command:?}");
        }
        assert_eq!(exec("", &["/bin/cat"]).unwrap().variable(), None);
        assert_eq!(exec("KEY", &["cat"]).unwrap().variable(), Some("KEY"));
    }

    #[tokio::test]
    async fn the_secret_is_on_standard_input_or_in_the_environment() {
        let is = r#"test "$(od -An -c | tr -d ' ')" = 'a\0b\n'"#;
        run("", &["sh", "-c", is], b"a\0b\n").await.unwrap();
        let is = r#"test "$KEY" = 'a
b' && test -z "$(cat)" && test -z "$PINHOLE_CODE""#;
        run("KEY", &["sh", "-c", is], b"a\nb\n").await.unwrap();
        assert_eq!(
            run("KEY", &["true"], b"a\0b").await.unwrap_err().failure.kind,
            Kind::SecretUnfit
        );
    }

    #[tokio::test]
    async fn the_programs_status_decides() {
        let refusal = run("", &["sh", "-c", "exit 3"], b"s3cr3t").await.unwrap_err();
        assert_eq!((refusal.reason, refusal.failure.kind), (Reason::Failed, Kind::ExecFailed));
        assert!(
            refusal.failure.detail.contains('3') && !refusal.failure.detail.contains("s3cr3t"),
            "{refusal}"
        );
        assert!(run("", &["sh", "-c", "kill -9 $$"], b"x").await.is_err());
        // More than a pipe holds, and nobody reads it.
        run("", &["true"], &vec![7; 1 << 19]).await.unwrap();
        assert!(run("", &["false"], &vec![7; 1 << 19]).await.is_err());
        // Longer than one variable may be (128 KiB).
        assert!(run("KEY", &["true"], &vec![b'a'; 1 << 19]).await.is_err());
    }
}
