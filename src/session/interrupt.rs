//! Ctrl-C and the signals that mean the same, heard at every stage, so that no prompt leaves the
//! terminal without an echo and no peer is left without a word.

use crate::failure::{Failure, Kind};
use std::io;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C and the signals that mean the same. Those that were ignored from the start are not heard:
/// a shell's script ignores Ctrl-C for what it runs with `&`, and `nohup` the end of the terminal.
pub(crate) struct Interrupt {
    interrupt: Option<Signal>,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Interrupt {
    pub(crate) fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(Kind::Failed, format!("signals cannot be heard: {error}"))
            })
        };
        let unless_ignored =
            |kind| if is_ignored(kind) { Ok(None) } else { listen(kind).map(Some) };
        Ok(Self {
            interrupt: unless_ignored(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: unless_ignored(SignalKind::hangup())?,
        })
    }

    pub(crate) async fn wait(&mut self) {
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

/// From now on a file that may not grow further (`ulimit -f`) is an error where it is written, and
/// not the end of the program.
pub(super) fn outlive_limits(runtime: &Runtime) -> io::Result<()> {
    let _within = runtime.enter();
    // What has listened to a signal once is not ended by it any more.
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

/// The failure that an interrupt is.
pub(crate) fn interrupted(detail: &str) -> Failure {
    Failure::new(Kind::Interrupted, detail)
}
