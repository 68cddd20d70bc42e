//! Ctrl-C and the signals that mean the same, heard at every stage, so that no prompt leaves the terminal without an echo and no peer is
//! left without a word.

use crate::failure::{Exit, Failure};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C and the signals that mean the same.
pub(crate) struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
    /// Nothing where it was ignored from the start, as under `nohup`.
    hangup: Option<Signal>,
}

impl Interrupt {
    pub(crate) fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::new(Exit::Other, "failed", format!("signals cannot be heard: {error}")));
        let hangup = if hangup_ignored() { None } else { Some(listen(SignalKind::hangup())?) };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())?, hangup })
    }

    pub(crate) async fn wait(&mut self) {
        let Self { interrupt, terminate, hangup } = self;
        let hung_up = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hung_up => {}
        }
    }
}

/// Whether whoever started this process had it ignore the end of its terminal, as far as the system says so (Linux). Once it is listened
/// to it is not ignored any more, so a second `Interrupt` sees what the first did.
fn hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signal 1 is the lowest bit (proc(5)), and SIGHUP is 1 everywhere.
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// The failure that an interrupt is.
pub(crate) fn interrupted(detail: &str) -> Failure {
    Failure::new(Exit::Interrupted, "interrupted", detail)
}
