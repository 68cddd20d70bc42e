//! Which agent runs this command, by the variables that agents set for their commands, and where
//! its owner allows more.

use crate::failure::{Advice, Failure, Kind};
use rand_core::{OsRng, RngCore};
use std::ffi::OsString;
use std::io;

/// The variable by which an agent says that it is one, and which, where we know no other of its
/// own.
pub const VARIABLE: &str = "PINHOLE_AGENT";
/// Variables whose value is the id of an agent's session, the first that is set.
const IDS: [&str; 4] = ["CODEX_THREAD_ID", "CODEX_SESSION_ID", "CLAUDE_CODE_SESSION_ID", VARIABLE];
/// Variables by which agents say that they run a command; the first that is set says which of them
/// does.
const SAYS: [&str; 13] = [
    "CODEX_THREAD_ID",
    "CODEX_SESSION_ID",
    "CODEX_SANDBOX",
    OFFLINE,
    "CLAUDECODE",
    "CLAUDE_CODE_SESSION_ID",
    SANDBOXED,
    "CURSOR_AGENT",
    "OPENCODE",
    "GEMINI_CLI",
    VARIABLE,
    "AI_AGENT",
    "AGENT",
];
/// Codex sets it to 1 while the network is off.
const OFFLINE: &str = "CODEX_SANDBOX_NETWORK_DISABLED";
/// Claude Code sets it to 1 in its sandbox.
const SANDBOXED: &str = "SANDBOX_RUNTIME";
/// Variable that Claude Code gives all commands of one process, and no other process: 128 random
/// bits.
pub const CLIENT: &str = "CLAUDE_CODE_MESSAGING_TOKEN";

/// An agent that runs commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// Codex sets `CODEX_THREAD_ID` and `CODEX_SESSION_ID`, and on macOS `CODEX_SANDBOX`.
    Codex {
        /// True if the network is off.
        offline: bool,
    },
    /// Claude Code sets `CLAUDECODE`, `CLAUDE_CODE_SESSION_ID` and `AI_AGENT`.
    Claude {
        /// True if its sandbox is on.
        sandboxed: bool,
    },
    /// Cursor sets `CURSOR_AGENT`.
    Cursor,
    /// OpenCode sets `OPENCODE` and `AGENT`.
    OpenCode,
    /// Gemini CLI sets `GEMINI_CLI`.
    Gemini,
    /// Some other, which says so in `PINHOLE_AGENT`, or as several do in `AI_AGENT` or `AGENT`.
    Other,
}

impl Agent {
    /// The one that runs this command, if it says so. A variable that is empty, `0` or `false` says
    /// nothing.
    #[must_use]
    pub fn here() -> Option<Self> {
        Self::of(|name| said(name).is_some()).map(|(agent, _)| agent)
    }

    /// The agent, and the variable that says so.
    fn of(set: impl Fn(&str) -> bool) -> Option<(Self, &'static str)> {
        let name = SAYS.into_iter().find(|name| set(name))?;
        let agent = match name {
            OFFLINE => Self::Codex { offline: true },
            "CURSOR_AGENT" => Self::Cursor,
            "OPENCODE" => Self::OpenCode,
            "GEMINI_CLI" => Self::Gemini,
            _ if name.starts_with("CODEX") => Self::Codex { offline: set(OFFLINE) },
            _ if name.starts_with("CLAUDE") || name == SANDBOXED => {
                Self::Claude { sandboxed: set(SANDBOXED) }
            }
            _ => Self::Other,
        };
        Some((agent, name))
    }

    /// Its name, as the subject of a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Codex { .. } => "Codex",
            Self::Claude { .. } => "Claude Code",
            Self::Cursor => "Cursor",
            Self::OpenCode => "OpenCode",
            Self::Gemini => "Gemini CLI",
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
            Self::OpenCode => "opencode",
            Self::Gemini => "gemini",
            Self::Other => "other",
        }
    }
}

/// Says of an agent that it `runs this command`, or the like, and which variable says so; `None` if
/// none does.
#[must_use]
pub fn says_that(it: &str) -> Option<String> {
    Agent::of(|name| said(name).is_some())
        .map(|(agent, name)| format!("{name} shows that {} {it}", agent.name()))
}

/// Why there is a fence around what this command does: an agent runs it, or else it was asked for.
#[must_use]
pub fn fenced_by() -> String {
    says_that("runs this command").unwrap_or_else(|| "--fence".to_owned())
}

/// The variable that says which agent runs this command, and its value; `None` if none does.
#[must_use]
pub fn id() -> Option<(&'static str, OsString)> {
    IDS.into_iter().find_map(|name| Some((name, said(name)?)))
}

/// An id that nobody guesses, for a program that is an agent of its own.
#[must_use]
pub fn new_id() -> String {
    let mut id = [0_u8; 16];
    OsRng.fill_bytes(&mut id);
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The variable that is the same in all sessions of one agent's process, and its value: Claude Code
/// begins another session at `/clear`.
#[must_use]
pub fn client() -> Option<(&'static str, OsString)> {
    // An agent of another kind that it runs has that variable from it.
    let claudes = id().is_none_or(|(name, _)| name == "CLAUDE_CODE_SESSION_ID");
    if claudes { Some((CLIENT, said(CLIENT)?)) } else { None }
}

/// Value of [`VARIABLE`], whatever other id there is.
#[must_use]
pub fn value() -> Option<OsString> {
    said(VARIABLE)
}

/// Value of a variable, unless it is empty.
fn said(name: &str) -> Option<OsString> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty() && value != "0" && !value.eq_ignore_ascii_case("false"))
}

/// The refusal of what only a person may do.
#[must_use]
pub fn for_a_person(detail: String) -> Failure {
    Failure::new(Kind::Fenced, detail)
        .ask_user("ask the user to run it, in a terminal of their own")
}

/// Advice that allows network, listening and sockets to commands here: the agent's own setting,
/// where that is known.
#[must_use]
pub fn allow(agent: Option<Agent>) -> Advice {
    Advice::for_user(match agent {
        // developers.openai.com/codex/agent-approvals-security.
        Some(Agent::Codex { .. }) => {
            "ask the user to set network_access = true under [sandbox_workspace_write] in \
             ~/.codex/config.toml, or to run it outside the sandbox"
        }
        // code.claude.com/docs/en/sandboxing.
        Some(Agent::Claude { .. }) => {
            "ask the user to add \"pinhole *\" to sandbox.excludedCommands in \
             .claude/settings.json, or to run it outside the sandbox"
        }
        _ => {
            "run it outside the sandbox, container or policy that forbids this, or have that \
             allow it"
        }
    })
}

/// The failure that this environment forbids something, such as "listen", if that is what the
/// system's `error` says: a refusal, or in an agent's sandbox that there is no network.
#[must_use]
pub fn forbidden(what: &str, error: &io::Error) -> Option<Failure> {
    forbidden_to(Agent::here(), what, error)
}

fn forbidden_to(agent: Option<Agent>, what: &str, error: &io::Error) -> Option<Failure> {
    let no_network = agent.is_some() && error.kind() == io::ErrorKind::NetworkUnreachable;
    (no_network || error.kind() == io::ErrorKind::PermissionDenied).then(|| {
        Failure::new(
            Kind::NetworkForbidden,
            format!("this environment does not let pinhole {what}: {error}"),
        )
        .next(allow(agent))
    })
}

/// Puts the setting that switches the network on before the advice for a failed connection, if an
/// agent says that it is off.
#[must_use]
pub fn online_first(next: impl Into<Advice>) -> Advice {
    let next = next.into();
    match Agent::here() {
        agent @ Some(Agent::Codex { offline: true }) => {
            Advice::for_user(format!("{}; with the network on: {next}", allow(agent)))
        }
        _ => next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn what_the_system_refuses_is_forbidden_and_what_fails_is_not() {
        let word = |agent, errno: Errno| {
            forbidden_to(agent, "connect", &errno.into())
                .map(|failure| (failure.kind, failure.next))
        };
        for agent in
            [None, Some(Agent::Codex { offline: true }), Some(Agent::Claude { sandboxed: true })]
        {
            let expected = Some((Kind::NetworkForbidden, Some(allow(agent))));
            assert_eq!(
                (word(agent, Errno::PERM), word(agent, Errno::ACCESS)),
                (expected.clone(), expected.clone())
            );
            assert_eq!(
                word(agent, Errno::NETUNREACH),
                expected.filter(|_| agent.is_some()),
                "without an agent there is just no network"
            );
            assert_eq!(
                (word(agent, Errno::CONNREFUSED), word(agent, Errno::TIMEDOUT)),
                (None, None)
            );
        }
    }

    #[test]
    fn agents_are_known_by_their_variables() {
        let of = |names: &[&str]| Agent::of(|name| names.contains(&name));
        assert_eq!(of(&[]), None);
        for (agent, names) in [
            (
                Agent::Codex { offline: false },
                &["CODEX_THREAD_ID", "CODEX_SESSION_ID", "CODEX_SANDBOX"][..],
            ),
            (Agent::Codex { offline: true }, &["CODEX_SANDBOX_NETWORK_DISABLED"]),
            (Agent::Claude { sandboxed: false }, &["CLAUDECODE", "CLAUDE_CODE_SESSION_ID"]),
            (Agent::Claude { sandboxed: true }, &["SANDBOX_RUNTIME"]),
            (Agent::Cursor, &["CURSOR_AGENT"]),
            (Agent::OpenCode, &["OPENCODE"]),
            (Agent::Gemini, &["GEMINI_CLI"]),
            (Agent::Other, &["PINHOLE_AGENT", "AI_AGENT", "AGENT"]),
        ] {
            for name in names {
                assert_eq!(of(&[name]), Some((agent, *name)));
            }
        }
        // As the agents set them together.
        let codex = ["CODEX_SESSION_ID", "CODEX_THREAD_ID", "CODEX_SANDBOX_NETWORK_DISABLED"];
        assert_eq!(of(&codex), Some((Agent::Codex { offline: true }, "CODEX_THREAD_ID")));
        let claude = ["AI_AGENT", "CLAUDE_CODE_SESSION_ID", "SANDBOX_RUNTIME", "CLAUDECODE"];
        assert_eq!(of(&claude), Some((Agent::Claude { sandboxed: true }, "CLAUDECODE")));
        assert_eq!(of(&["AGENT", "OPENCODE"]), Some((Agent::OpenCode, "OPENCODE")));
        assert_eq!(of(&["CURSOR_AGENT", "PINHOLE_AGENT"]), Some((Agent::Cursor, "CURSOR_AGENT")));
    }

    #[test]
    fn the_setting_that_allows_more_is_named_where_it_is_known() {
        assert!(
            allow(Some(Agent::Codex { offline: true }))
                .contains("network_access = true under [sandbox_workspace_write]")
        );
        assert!(
            allow(Some(Agent::Claude { sandboxed: true })).contains("sandbox.excludedCommands")
        );
        assert!(
            allow(None).contains("outside the sandbox")
                && allow(Some(Agent::Cursor)) == allow(None)
        );
    }
}
