//! Surroundings of the program: who runs it, if somebody can be asked, the time.

use super::{Finding, Setup};
use crate::failure::Advice;
use crate::report::prompt::somebody_is_there;
use crate::settings::agent::{Agent, allow, fenced_by};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 2026-11-01T00:00:00Z, the month in which this was written: no clock that is right is before it.
const WRITTEN: Duration = Duration::from_secs(1_793_491_200);

/// The agent that runs this command.
pub(super) fn agent(_: &Setup) -> Finding {
    let agent = Agent::here();
    match agent {
        None => Finding::fine("no agent's variable is set"),
        Some(Agent::Codex { offline: true }) => Finding::wrong(
            "Codex runs this command with its network off (CODEX_SANDBOX_NETWORK_DISABLED)",
            allow(agent),
        ),
        Some(Agent::Claude { sandboxed: true }) => {
            Finding::fine("Claude Code's sandbox runs this command (SANDBOX_RUNTIME)")
        }
        Some(_) => Finding::fine(fenced_by()),
    }
}

/// Checks if somebody can be asked.
pub(super) fn terminal(_: &Setup) -> Finding {
    if somebody_is_there() {
        return Finding::fine("questions can be answered");
    }
    Finding::wrong(
        "there is none, so nothing is asked: whatever a code brings is accepted (into -o DIR, or \
         a new private folder)",
        Advice::for_user(
            "answer beforehand: -o DIR, --conflict; give secrets with --secret-file or --secret-env",
        ),
    )
}

/// Checks if certificates and times can be believed.
pub(super) fn clock(_: &Setup) -> Finding {
    told(SystemTime::now())
}

fn told(now: SystemTime) -> Finding {
    if now.duration_since(UNIX_EPOCH).is_ok_and(|since| since >= WRITTEN) {
        return Finding::fine("it is set");
    }
    Finding::wrong(
        "it shows a time before this program was written, so no relay's certificate can be \
         checked",
        "set the clock",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_noticed() {
        assert!(told(UNIX_EPOCH + WRITTEN).ok && told(SystemTime::now()).ok);
        assert!(
            !told(UNIX_EPOCH).ok
                && !told(UNIX_EPOCH - WRITTEN).ok
                && !told(UNIX_EPOCH + WRITTEN - Duration::from_secs(1)).ok
        );
    }
}
