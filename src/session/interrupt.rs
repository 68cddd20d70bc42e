//! Ctrl-C and the signals that mean the same, heard at every stage, so that no prompt leaves the terminal without an echo and no peer is
//! left without a word.

use crate::failure::{Exit, Failure};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C and the signals that mean the same.
pub(super) struct Interrupt([Signal; 3]);

impl Interrupt {
    pub(super) fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::new(Exit::Other, "failed", format!("signals cannot be heard: {error}")));
        Ok(Self([listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?]))
    }

    pub(super) async fn wait(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// The failure that an interrupt is.
pub(super) fn interrupted(detail: &str) -> Failure {
    Failure::new(Exit::Interrupted, "interrupted", detail)
}
