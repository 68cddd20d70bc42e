//! Whose a session is, and whom it answers: every request says who asks, and the session judges it (EVENTS, "Whose sessions").

use super::wire::State;
use super::{Control, Seen};
pub(super) use crate::settings::agent::new_id;
use crate::settings::agent::{self, Agent};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of an agent's mark: nobody meets another's by chance.
const MARK: usize = 16;

/// Whoever begins a session, or asks for one. A label says nothing about it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A person, or a script of theirs.
    Person,
    /// The agent of this mark, a hash of the id that it gives its commands.
    Agent(String),
    /// An agent without an id: all of this kind are one.
    Kind(String),
}

impl Owner {
    /// Whoever runs this process.
    #[must_use]
    pub fn here() -> Self {
        match (agent::id(), Agent::here()) {
            (Some((variable, id)), _) => Self::marked(variable, id.as_encoded_bytes()),
            (None, Some(agent)) => Self::Kind(agent.word().to_owned()),
            (None, None) => Self::Person,
        }
    }

    /// An MCP server: the agent that has started it, if that says which it is, else one of its own. It is never a person.
    #[must_use]
    pub fn server() -> Self {
        match Self::here() {
            agent @ Self::Agent(_) => agent,
            Self::Person | Self::Kind(_) => Self::Agent(new_id()),
        }
    }

    /// The program that is given this id in `PINHOLE_AGENT`.
    pub(super) fn handler(id: &str) -> Self {
        Self::marked(agent::VARIABLE, id.as_bytes())
    }

    fn marked(variable: &str, id: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(variable).chain_update([0]).chain_update(id).finalize();
        Self::Agent(digest.iter().take(MARK).map(|byte| format!("{byte:02x}")).collect())
    }
}

/// A command that asks for sessions, as it says in every request.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Visitor {
    owner: Owner,
    /// The mark of `PINHOLE_AGENT`, by which a handler is known that is an agent with an id of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    handler: Option<Owner>,
    /// Sessions of others too, for an MCP server with `--all-sessions`. It hears no codes by that.
    all: bool,
}

impl Visitor {
    /// A command of whoever runs this process.
    #[must_use]
    pub fn here() -> Self {
        let handler = agent::value().map(|id| Owner::marked(agent::VARIABLE, id.as_encoded_bytes()));
        Self { handler, ..Self::of(Owner::here()) }
    }

    /// A command of this owner.
    #[must_use]
    pub const fn of(owner: Owner) -> Self {
        Self { owner, handler: None, all: false }
    }

    /// True if it is no person's.
    #[must_use]
    pub fn is_agent(&self) -> bool {
        self.owner != Owner::Person
    }

    /// The same, which sees everything that a person sees.
    #[must_use]
    pub fn seeing_all(self) -> Self {
        Self { all: true, ..self }
    }
}

impl Control {
    /// A visitor that may do what a command of the session's owner may.
    pub(super) fn visitor(&self) -> Visitor {
        Visitor::of(self.0.owner.clone())
    }

    /// The id by which the program that answers its texts is known, in `PINHOLE_AGENT`.
    #[must_use]
    pub fn handler_id(&self) -> &str {
        &self.0.handler
    }

    /// True for its owner and for a person; for an agent that names its whole code, if another agent began it and that code is used: a
    /// client that resumes may have a new id.
    pub(super) fn admits(&self, visitor: &Visitor, code: Option<&str>) -> bool {
        let returns = || self.0.owner != Owner::Person && self.seen().is_used() && code.is_some_and(|code| self.seen().has_whole(code));
        visitor.owner == Owner::Person || visitor.all || self.is_of(visitor) || returns()
    }

    /// True for a person, and for the agent that began it.
    pub(super) fn tells_its_code(&self, visitor: &Visitor) -> bool {
        match &visitor.owner {
            Owner::Person => true,
            Owner::Agent(_) => self.0.owner == visitor.owner,
            Owner::Kind(_) => false,
        }
    }

    fn is_of(&self, visitor: &Visitor) -> bool {
        let handler = Owner::handler(&self.0.handler);
        self.0.owner == visitor.owner || handler == visitor.owner || visitor.handler.as_ref() == Some(&handler)
    }
}

impl Seen {
    /// True once nobody else can join with its code.
    const fn is_used(&self) -> bool {
        matches!(self.state, State::Connected | State::Leaving | State::Ended)
    }

    pub(super) fn has_whole(&self, code: &str) -> bool {
        self.code.as_deref().is_some_and(|own| own == code)
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Role, Want};
    use super::super::{Event, Reading};
    use super::*;
    use crate::session::event::Path;
    use zeroize::Zeroizing;

    const CODE: &str = "9471-walrus-clipboard-mango";

    fn session(owner: Owner) -> Control {
        let code = Some((9471, Zeroizing::new(CODE.to_owned())));
        Control::new(Role::Peer, Want::Channel, None, code, None, Reading::Printed, owner)
    }

    fn agent(id: &str) -> Owner {
        Owner::marked("CLAUDE_CODE_SESSION_ID", id.as_bytes())
    }

    #[test]
    fn who_asks_decides_and_a_used_code_brings_an_agent_back_to_an_agents_session() {
        let kind = || Owner::Kind("cursor".into());
        for owner in [Owner::Person, agent("a"), kind()] {
            let session = session(owner.clone());
            let admits = |visitor: Owner, code| session.admits(&Visitor::of(visitor), code);
            for code in [None, Some("9471"), Some(CODE)] {
                assert!(admits(owner.clone(), code) && admits(Owner::Person, code));
                assert!(session.admits(&Visitor::of(agent("b")).seeing_all(), code));
                assert!(!admits(agent("b"), code) && !admits(Owner::Kind("codex".into()), code), "{owner:?} {code:?}");
            }
            session.heard(&Event::Connected(Path::Lan), None);
            assert_eq!(admits(agent("b"), Some(CODE)), owner != Owner::Person);
            assert!(
                !admits(agent("b"), Some("9471")) && !admits(agent("b"), Some("9471-walrus-clipboard-music")) && !admits(agent("b"), None)
            );
        }
    }

    #[test]
    fn a_code_is_told_to_a_person_and_to_the_agent_that_made_it() {
        let tells = |owner: Owner, visitor: Visitor| session(owner).tells_its_code(&visitor);
        assert!(tells(agent("a"), Visitor::of(agent("a"))) && tells(agent("a"), Visitor::of(Owner::Person)));
        assert!(!tells(Owner::Person, Visitor::of(agent("a")).seeing_all()) && !tells(agent("b"), Visitor::of(agent("a"))));
        // Any other of its kind would be the same to us.
        assert!(!tells(Owner::Kind("cursor".into()), Visitor::of(Owner::Kind("cursor".into()))));
    }

    #[test]
    fn marks_are_of_a_variable_and_its_value() {
        assert_ne!(Owner::marked("CODEX_THREAD_ID", b"a"), agent("a"));
        assert_ne!(agent("a"), agent("b"));
        assert_eq!(agent("a"), agent("a"));
        assert!(!format!("{:?}", agent("an-id")).contains("an-id"));
    }

    #[test]
    fn the_program_that_answers_a_session_is_its_owner_too_and_no_other_sessions() {
        let (one, other) = (session(Owner::Person), session(Owner::Person));
        let handler = Visitor::of(Owner::handler(one.handler_id()));
        assert!(one.admits(&handler, None) && !other.admits(&handler, None) && !one.tells_its_code(&handler));
        // One that is an agent gives its commands an id of its own besides.
        let handler = Visitor { handler: Some(Owner::handler(one.handler_id())), ..Visitor::of(agent("a")) };
        assert!(one.admits(&handler, None) && !other.admits(&handler, None) && !one.tells_its_code(&handler));
    }
}
