//! `doctor`: what works here. Each thing is looked at on a thread of its own and has the same few
//! seconds, whatever else hangs.

mod background;
mod network;
mod place;
mod private;
pub mod probe;
mod relay;
mod verdict;

pub use background::lives_on;

use crate::events::Check;
use crate::failure::{Advice, Failure};
use crate::settings::{Network, RelayChoice, Setting};
use crate::transport::relay::dial::Trust;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Time for all checks: an agent is promised an answer within 5 s (`agent/README.md`), starting and
/// printing included.
const LIMIT: Duration = Duration::from_secs(4);

/// Settings by which the checks go.
pub struct Setup {
    /// Which addresses may be used.
    pub network: Network,
    /// True if hosts of the local network are looked for and announced.
    pub lan: Setting<bool>,
    /// The relay, and whom it is believed to be; or why what is set cannot be used.
    pub relay: Result<Option<(RelayChoice, Trust)>, Failure>,
}

/// Result of one check.
struct Finding {
    ok: bool,
    detail: String,
    next: Option<Advice>,
}

impl Finding {
    fn fine(detail: impl Into<String>) -> Self {
        Self { ok: true, detail: detail.into(), next: None }
    }

    fn wrong(detail: impl Into<String>, next: impl Into<Advice>) -> Self {
        Self { ok: false, detail: detail.into(), next: Some(next.into()) }
    }
}

impl From<Failure> for Finding {
    fn from(failure: Failure) -> Self {
        Self { ok: false, detail: failure.detail, next: failure.next }
    }
}

type Inspection = fn(&Setup) -> Finding;

/// All checks by their names (EVENTS.md, `check`), in the order in which they are said.
const CHECKS: [(&str, Inspection); 12] = [
    ("listen", network::listen),
    ("dial", network::dial),
    ("proxy", relay::proxy),
    ("relay", relay::relay),
    ("discovery", network::discovery),
    ("unix-sockets", private::unix_sockets),
    ("files", private::files),
    ("space", private::space),
    ("background", background::background),
    ("agent", place::agent),
    ("terminal", place::terminal),
    ("clock", place::clock),
];

/// Looks at everything, side by side, and says each finding in its turn.
///
/// # Errors
/// Unreachable, if something does not work without which `give` and `take` cannot do what is set
/// here; which, says the failure.
pub fn examine(setup: Setup, mut say: impl FnMut(Check)) -> Result<(), Failure> {
    let until = Instant::now() + LIMIT;
    let setup = Arc::new(setup);
    let started = CHECKS.map(|(name, inspection)| (name, start(inspection, Arc::clone(&setup))));
    let checks = started.map(|(name, finding)| {
        let Finding { ok, detail, next } = wait(&finding, until);
        let check = Check { name, ok, detail, next };
        say(check.clone());
        check
    });
    verdict::verdict(&setup, &checks).map(say)
}

/// A thread that nobody waits for longer than [`LIMIT`]: it may be stuck in a disk or a resolver,
/// and ends with the process.
fn start(inspection: Inspection, setup: Arc<Setup>) -> Receiver<Finding> {
    let (told, finding) = sync_channel(1);
    let work = move || drop(told.send(inspection(&setup)));
    // Without a thread nothing is told, and that is said.
    let _ = std::thread::Builder::new().spawn(work);
    finding
}

fn wait(finding: &Receiver<Finding>, until: Instant) -> Finding {
    finding.recv_timeout(until.saturating_duration_since(Instant::now())).unwrap_or_else(|error| {
        match error {
            RecvTimeoutError::Timeout => Finding::wrong(
                format!("unknown: the check took longer than {} s", LIMIT.as_secs()),
                "find out what hangs: a remote disk, a name server, a firewall that drops packets",
            ),
            RecvTimeoutError::Disconnected => Finding::wrong(
                "unknown: no thread can be started for the check",
                "raise this user's limit (ulimit -u)",
            ),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Origin;

    fn setup() -> Arc<Setup> {
        Arc::new(Setup {
            network: Network::Loopback,
            lan: Setting { value: true, from: Origin::Default },
            relay: Ok(None),
        })
    }

    #[test]
    fn what_hangs_or_breaks_holds_up_nothing() {
        let hanging = start(
            |_| loop {
                std::thread::park();
            },
            setup(),
        );
        let late = wait(&hanging, Instant::now());
        assert!(!late.ok && late.detail.contains("longer than 4 s") && late.next.is_some());
        let broken = start(|_| panic!("as it should"), setup());
        assert!(!wait(&broken, Instant::now() + LIMIT).ok);
    }

    #[test]
    fn the_document_names_each_check() {
        let document = include_str!("report/EVENTS.md");
        for (name, _) in CHECKS {
            assert!(
                document.contains(&format!("\n| `{name}` | ")),
                "EVENTS.md does not say what {name} is"
            );
        }
    }
}
