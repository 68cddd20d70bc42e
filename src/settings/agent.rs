//! Which agent runs this command, by the variables that agents set for their commands, and where its owner allows more.

use crate::failure::{Failure, Kind};
use std::ffi::OsString;
use std::io;

/// The variable by which an agent says that it is one, and which, where we know no other of its own.
pub const VARIABLE: &str = "PINHOLE_AGENT";
/// Variables whose value is the id of an agent's session, the first that is set.
const IDS: [&str; 3] = ["CODEX_THREAD_ID", "CLAUDE_CODE_SESSION_ID", VARIABLE];

/// An agent that runs commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// Codex sets `CODEX_THREAD_ID`, on macOS `CODEX_SANDBOX`, and `CODEX_SANDBOX_NETWORK_DISABLED=1` while the network is off.
    Codex {
        /// Whether the network is off.
        offline: bool,
    },
    /// Claude Code sets `CLAUDECODE` and `CLAUDE_CODE_SESSION_ID`, and in its sandbox `SANDBOX_RUNTIME=1`.
    Claude {
        /// Whether its sandbox is on.
        sandboxed: bool,
    },
    /// Cursor sets `CURSOR_AGENT`.
    Cursor,
    /// Some other, which says so in `PINHOLE_AGENT`.
    Other,
}

impl Agent {
    /// The one that runs this command, if it says so. A variable that is empty or `0` says nothing.
    #[must_use]
    pub fn here() -> Option<Self> {
        Self::of(|name| said(name).is_some())
    }

    fn of(set: impl Fn(&str) -> bool) -> Option<Self> {
        let offline = set("CODEX_SANDBOX_NETWORK_DISABLED");
        if offline || set("CODEX_SANDBOX") || set("CODEX_THREAD_ID") {
            return Some(Self::Codex { offline });
        }
        let sandboxed = set("SANDBOX_RUNTIME");
        if sandboxed || set("CLAUDECODE") || set("CLAUDE_CODE_SESSION_ID") {
            return Some(Self::Claude { sandboxed });
        }
        set("CURSOR_AGENT").then_some(Self::Cursor).or_else(|| set(VARIABLE).then_some(Self::Other))
    }

    /// Its name, as the subject of a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Codex { .. } => "Codex",
            Self::Claude { .. } => "Claude Code",
            Self::Cursor => "Cursor",
            Self::Other => "an agent",
        }
    }

    /// A short word for it, part of a file's name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Codex { .. } => "codex",
            Self::Claude { .. } => "claude",
            Self::Cursor => "cursor",
            Self::Other => "other",
        }
    }
}

/// The variable that says which agent runs this command, and its value; `None` if none does.
#[must_use]
pub fn id() -> Option<(&'static str, OsString)> {
    IDS.into_iter().find_map(|name| Some((name, said(name)?)))
}

/// What [`VARIABLE`] says, whatever other id there is.
#[must_use]
pub fn value() -> Option<OsString> {
    said(VARIABLE)
}

/// What a variable says, if it says anything.
fn said(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty() && value != "0")
}

/// What allows network, listening and sockets to commands here: the agent's own setting, where that is known.
#[must_use]
pub fn allow(agent: Option<Agent>) -> String {
    match agent {
        // developers.openai.com/codex/agent-approvals-security.
        Some(Agent::Codex { .. }) => {
            "have the user set network_access = true under [sandbox_workspace_write] in ~/.codex/config.toml, or run it outside the sandbox"
        }
        // code.claude.com/docs/en/sandboxing.
        Some(Agent::Claude { .. }) => {
            "have the user add \"pinhole *\" to sandbox.excludedCommands in .claude/settings.json, or run it outside the sandbox"
        }
        _ => "run it outside the sandbox, container or policy that forbids this, or have that allow it",
    }
    .to_owned()
}

/// The failure that this environment forbids something, such as "listen", if that is what the system's `error` says: a refusal, or in an
/// agent's sandbox that there is no network.
#[must_use]
pub fn forbidden(what: &str, error: &io::Error) -> Option<Failure> {
    forbidden_to(Agent::here(), what, error)
}

fn forbidden_to(agent: Option<Agent>, what: &str, error: &io::Error) -> Option<Failure> {
    let no_network = agent.is_some() && error.kind() == io::ErrorKind::NetworkUnreachable;
    (no_network || error.kind() == io::ErrorKind::PermissionDenied)
        .then(|| Failure::new(Kind::NetworkForbidden, format!("this environment does not let pinhole {what}: {error}")).next(allow(agent)))
}

/// What to do after a connection that failed, behind the setting that switches the network on if an agent says that it is off.
#[must_use]
pub fn online_first(next: String) -> String {
    match Agent::here() {
        agent @ Some(Agent::Codex { offline: true }) => format!("{}; with the network on: {next}", allow(agent)),
        _ => next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn what_the_system_refuses_is_forbidden_and_what_fails_is_not() {
        let word = |agent, errno: Errno| forbidden_to(agent, "connect", &errno.into()).map(|failure| (failure.kind, failure.next));
        for agent in [None, Some(Agent::Codex { offline: true }), Some(Agent::Claude { sandboxed: true })] {
            let expected = Some((Kind::NetworkForbidden, Some(allow(agent).into())));
            assert_eq!((word(agent, Errno::PERM), word(agent, Errno::ACCESS)), (expected.clone(), expected.clone()));
            assert_eq!(word(agent, Errno::NETUNREACH), expected.filter(|_| agent.is_some()), "without an agent there is just no network");
            assert_eq!((word(agent, Errno::CONNREFUSED), word(agent, Errno::TIMEDOUT)), (None, None));
        }
    }

    #[test]
    fn agents_are_known_by_their_variables() {
        let of = |names: &[&str]| Agent::of(|name| names.contains(&name));
        assert_eq!(of(&[]), None);
        for name in ["CODEX_SANDBOX", "CODEX_THREAD_ID"] {
            assert_eq!(of(&[name]), Some(Agent::Codex { offline: false }));
        }
        assert_eq!(of(&["CLAUDE_CODE_SESSION_ID"]), Some(Agent::Claude { sandboxed: false }));
        assert_eq!(of(&["CODEX_SANDBOX_NETWORK_DISABLED", "CLAUDECODE"]), Some(Agent::Codex { offline: true }));
        assert_eq!(of(&["CLAUDECODE"]), Some(Agent::Claude { sandboxed: false }));
        assert_eq!(of(&["SANDBOX_RUNTIME", "CURSOR_AGENT"]), Some(Agent::Claude { sandboxed: true }));
        assert_eq!(of(&["CURSOR_AGENT", "PINHOLE_AGENT"]), Some(Agent::Cursor));
        assert_eq!(of(&["PINHOLE_AGENT"]), Some(Agent::Other));
    }

    #[test]
    fn the_setting_that_allows_more_is_named_where_it_is_known() {
        assert!(allow(Some(Agent::Codex { offline: true })).contains("network_access = true under [sandbox_workspace_write]"));
        assert!(allow(Some(Agent::Claude { sandboxed: true })).contains("sandbox.excludedCommands"));
        assert!(allow(None).contains("outside the sandbox") && allow(Some(Agent::Cursor)) == allow(None));
    }
}
