//! Signals by which a user or the system ends a program.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C, and what means the same: a request to end, and the end of the terminal. Those that were
/// ignored from the start are not heard: a shell's script ignores Ctrl-C for what it runs with `&`,
/// and `nohup` the end of the terminal.
pub struct Interrupt {
    interrupt: Option<Signal>,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Interrupt {
    /// Listens from now on; until the end of the process none of them ends it by itself. Must be
    /// called on a tokio runtime.
    ///
    /// # Errors
    /// Of the system.
    pub fn listen() -> io::Result<Self> {
        let unless_ignored =
            |kind| if is_ignored(kind) { Ok(None) } else { signal(kind).map(Some) };
        Ok(Self {
            interrupt: unless_ignored(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: unless_ignored(SignalKind::hangup())?,
        })
    }

    /// Waits for the next of them.
    pub async fn wait(&mut self) {
        async fn heard(signal: &mut Option<Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = heard(&mut self.interrupt) => {}
            _ = self.terminate.recv() => {}
            () = heard(&mut self.hangup) => {}
        }
    }
}

/// Makes a file that may not grow further (`ulimit -f`) an error where it is written, and not the
/// end of the program. Must be called on a tokio runtime.
///
/// # Errors
/// Of the system.
pub fn outlive_limits() -> io::Result<()> {
    // A signal that was listened to once does not end the process any more.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// True if whoever started this process had it ignore the signal, as far as the system says so
/// (Linux). Once it is listened to it is not ignored any more, so a second `Interrupt` sees what
/// the first did.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signal 1 is the lowest bit (proc(5)).
    let bit = u32::try_from(kind.as_raw_value() - 1).ok().and_then(|bit| 1_u64.checked_shl(bit));
    mask.zip(bit).is_some_and(|(mask, bit)| mask & bit != 0)
}
