//! Ctrl-C and the signals that mean the same, heard at every stage, so that no prompt leaves the
//! terminal without an echo and no peer is left without a word.

pub(crate) use crate::platform::signal::Interrupt;

use crate::failure::{Failure, Kind};

/// Listens to interrupts from now on.
///
/// # Errors
/// If the system refuses that.
pub(crate) fn listen() -> Result<Interrupt, Failure> {
    Interrupt::listen()
        .map_err(|error| Failure::new(Kind::Failed, format!("signals cannot be received: {error}")))
}

/// The failure that an interrupt is.
pub(crate) fn interrupted(detail: &str) -> Failure {
    Failure::new(Kind::Interrupted, detail)
}
