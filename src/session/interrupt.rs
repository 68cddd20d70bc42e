//! Ctrl-C and the signals that mean the same, heard at every stage, so that no prompt leaves the
//! terminal without an echo and no peer is left without a word.

use crate::failure::{Failure, Kind};
use crate::platform::signal;
use std::io;
use tokio::runtime::Runtime;

/// Ctrl-C and the signals that mean the same, but for those that were ignored from the start.
pub(crate) struct Interrupt(signal::Interrupt);

impl Interrupt {
    pub(crate) fn new() -> Result<Self, Failure> {
        signal::Interrupt::listen().map(Self).map_err(|error| {
            Failure::new(Kind::Failed, format!("signals cannot be received: {error}"))
        })
    }

    pub(crate) async fn wait(&mut self) {
        self.0.wait().await;
    }
}

/// From now on a file that may not grow further (`ulimit -f`) is an error where it is written, and
/// not the end of the program.
pub(super) fn outlive_limits(runtime: &Runtime) -> io::Result<()> {
    let _within = runtime.enter();
    signal::outlive_limits()
}

/// The failure that an interrupt is.
pub(crate) fn interrupted(detail: &str) -> Failure {
    Failure::new(Kind::Interrupted, detail)
}
