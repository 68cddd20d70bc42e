//! Work in channels that are open on this machine. Ctrl-C ends the command and no session.

use super::ended::{Ended, end, misunderstood};
use super::options::Output;
use crate::failure::Failure;
use crate::report::Reporter;
use crate::session::interrupt::{self, interrupted};
use crate::session::{Report, runtime};
use crate::stdio::Sink;
use std::future::Future;

/// Runs a command that only does such work to its end.
pub(super) fn main(
    output: &Output,
    run: impl AsyncFnOnce(&mut Report) -> Result<(), Failure>,
) -> Ended {
    let mut report = match output.settings(Sink::Stdout, true) {
        Ok((settings, _)) => Reporter::new(Sink::Stdout.open(), settings),
        Err(failure) => return misunderstood(&failure),
    };
    match runtime() {
        Ok(runtime) => {
            let done = runtime.block_on(async { heard(run(&mut report)).await });
            runtime.shutdown_background();
            Ended(end(&mut report, done.map(|()| false)))
        }
        Err(failure) => Ended(end(&mut report, Err(failure))),
    }
}

/// Waits for work, or for Ctrl-C.
pub(super) async fn heard<T>(
    doing: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    heard_or("interrupted; the channel goes on", doing).await
}

/// As [`heard`]; `cut` says what an interrupt does.
pub(super) async fn heard_or<T>(
    cut: &str,
    doing: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut interrupt = interrupt::listen()?;
    tokio::select! {
        done = doing => done,
        () = interrupt.wait() => Err(interrupted(cut)),
    }
}
