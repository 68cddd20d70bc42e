//! The owner of a session, and its visitors: each request names one, for the session to judge
//! (EVENTS, "Whose sessions").

use super::Control;
use crate::role::Role;
pub(super) use crate::settings::agent::new_id;
use crate::settings::agent::{self, Agent};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of an agent's mark: nobody meets another's by chance.
const MARK: usize = 16;

/// Agents that a session admits besides the one that began it, and as many that it never does. A
/// client is cleared some times a day.
const OTHERS: usize = 64;

/// Whoever begins a session, or asks for one. A label says nothing about it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A person, or a script of theirs.
    Person,
    /// The agent of these marks, hashes of the ids that it gives its commands: of its session, and
    /// of its process, which may clear one session and begin another.
    Agent(Vec<String>),
    /// An agent without an id: all of these are one.
    Unnamed,
}

impl Owner {
    /// Whoever runs this process.
    #[must_use]
    pub fn here() -> Self {
        let ids: Vec<_> = agent::id().into_iter().chain(agent::client()).collect();
        match Agent::here() {
            _ if agent::id().is_none() && Agent::here().is_none() => Self::Person,
            _ if ids.is_empty() => Self::Unnamed,
            _ => Self::Agent(
                ids.iter().map(|(variable, id)| mark(variable, id.as_encoded_bytes())).collect(),
            ),
        }
    }

    /// An MCP server: the agent that has started it, if that says which it is, else one of its own.
    /// It is never a person.
    #[must_use]
    pub fn server() -> Self {
        match Self::here() {
            agent @ Self::Agent(_) => agent,
            Self::Person | Self::Unnamed => Self::Agent(vec![new_id()]),
        }
    }

    /// The program that is given this id in `PINHOLE_AGENT`.
    pub(super) fn handler(id: &str) -> Self {
        Self::marked(agent::VARIABLE, id.as_bytes())
    }

    fn marked(variable: &str, id: &[u8]) -> Self {
        Self::Agent(vec![mark(variable, id)])
    }

    /// True if both are one: agents have a mark in common.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Agent(own), Self::Agent(others)) => own.iter().any(|mark| others.contains(mark)),
            _ => self == other,
        }
    }
}

fn mark(variable: &str, id: &[u8]) -> String {
    let digest = Sha256::new().chain_update(variable).chain_update([0]).chain_update(id).finalize();
    digest.iter().take(MARK).map(|byte| format!("{byte:02x}")).collect()
}

/// A command that asks for sessions, as it says in every request.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Visitor {
    owner: Owner,
    /// The mark of `PINHOLE_AGENT`, by which a handler is known that is an agent with an id of its
    /// own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    handler: Option<Owner>,
    /// Sessions of others too, for an MCP server with `--all-sessions`. It hears no codes by that.
    all: bool,
    /// The side that it names, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
}

impl Visitor {
    /// A command of whoever runs this process.
    #[must_use]
    pub fn here() -> Self {
        let handler =
            agent::value().map(|id| Owner::marked(agent::VARIABLE, id.as_encoded_bytes()));
        Self { handler, ..Self::of(Owner::here()) }
    }

    /// A command of this owner.
    #[must_use]
    pub const fn of(owner: Owner) -> Self {
        Self { owner, handler: None, all: false, role: None }
    }

    /// True if it is no person's.
    #[must_use]
    pub fn is_agent(&self) -> bool {
        self.owner != Owner::Person
    }

    /// True if it may hear of a session of these that does not answer.
    pub(super) fn sees(&self, owners: &[Owner]) -> bool {
        !self.is_agent() || self.all || owners.iter().any(|owner| owner.is(&self.owner))
    }

    /// The same, which names this side.
    #[must_use]
    pub fn of_side(self, role: Option<Role>) -> Self {
        Self { role, ..self }
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

    /// True for its owner and for a person; for an agent that names its whole code, if another
    /// agent began it and that code is used: a client that resumes may have a new id. But the agent
    /// of the other side, which knows that code too, has its own.
    pub(super) fn admits(&self, visitor: &Visitor, code: Option<&str>) -> bool {
        let returns = || {
            let standing = self.standing();
            let whole =
                standing.phase.is_used() && code.is_some_and(|code| standing.phase.has_whole(code));
            self.0.owner != Owner::Person
                && whole
                && !standing.opposite.iter().any(|other| other.is(&visitor.owner))
        };
        visitor.owner == Owner::Person || visitor.all || self.is_of(visitor) || returns()
    }

    /// True for a visitor that is known by the code alone, where the other side may know it too,
    /// and that has not said which side it is of.
    pub(super) fn has_to_know_the_side_of(&self, visitor: &Visitor) -> bool {
        if visitor.owner == Owner::Person || visitor.all || self.is_of(visitor) {
            return false;
        }
        // The other side is here, or was.
        !self.standing().opposite.is_empty() && visitor.role != Some(self.0.role)
    }

    /// From now on the visitor, which has named the whole code, needs its number alone.
    pub(super) fn adopt(&self, visitor: &Visitor) {
        if visitor.owner == Owner::Person || visitor.all || self.is_of(visitor) {
            return;
        }
        let mut standing = self.standing();
        if standing.adopted.len() < OTHERS {
            standing.adopted.push(visitor.owner.clone());
        }
        drop(standing);
        self.0.noted.notify_one();
    }

    /// Those whose session this is, for the other side of its code.
    pub(super) fn owners(&self) -> Vec<Owner> {
        std::iter::once(&self.0.owner).chain(&self.standing().adopted).cloned().collect()
    }

    /// The session of this role and code is these agents', who have nothing to do with this one
    /// unless it is theirs too.
    pub(super) fn oppose(&self, code: &str, role: Role, owners: Vec<Owner>) {
        let own = self.owners();
        let mut standing = self.standing();
        if role == self.0.role
            || !standing.phase.has_whole(code)
            || owners.iter().any(|one| own.iter().any(|other| other.is(one)))
        {
            return;
        }
        for owner in owners {
            if owner != Owner::Person
                && standing.opposite.len() < OTHERS
                && !standing.opposite.contains(&owner)
            {
                standing.opposite.push(owner);
            }
        }
    }

    /// True for a person, and for the agent that began it.
    pub(super) fn tells_its_code(&self, visitor: &Visitor) -> bool {
        match &visitor.owner {
            Owner::Person => true,
            Owner::Agent(_) => self.0.owner.is(&visitor.owner),
            Owner::Unnamed => false,
        }
    }

    fn is_of(&self, visitor: &Visitor) -> bool {
        let handler = Owner::handler(&self.0.handler);
        self.owners().iter().any(|owner| owner.is(&visitor.owner))
            || handler.is(&visitor.owner)
            || visitor.handler.as_ref() == Some(&handler)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use super::*;
    use crate::events::{Event, Path};
    use pinhole_protocol::wire::Want;
    use zeroize::Zeroizing;

    const CODE: &str = "9471-walrus-clipboard-mango";

    fn session(owner: Owner) -> Control {
        let code = Some((9471, Zeroizing::new(CODE.to_owned())));
        Control::new(Role::Peer, Want::Both, None, code, None, Reading::Printed, owner)
    }

    fn agent(id: &str) -> Owner {
        Owner::marked("CLAUDE_CODE_SESSION_ID", id.as_bytes())
    }

    #[test]
    fn who_asks_decides_and_a_used_code_brings_an_agent_back_to_an_agents_session() {
        for owner in [Owner::Person, agent("a"), Owner::Unnamed] {
            let session = session(owner.clone());
            let admits = |visitor: Owner, code| session.admits(&Visitor::of(visitor), code);
            for code in [None, Some("9471"), Some(CODE)] {
                assert!(admits(owner.clone(), code) && admits(Owner::Person, code));
                assert!(session.admits(&Visitor::of(agent("b")).seeing_all(), code));
                assert!(!admits(agent("b"), code), "{owner:?} {code:?}");
            }
            session.enter(&Event::Connected(Path::Lan));
            assert_eq!(admits(agent("b"), Some(CODE)), owner != Owner::Person);
            assert!(
                !admits(agent("b"), Some("9471"))
                    && !admits(agent("b"), Some("9471-walrus-clipboard-music"))
                    && !admits(agent("b"), None)
            );
        }
    }

    #[test]
    fn who_has_named_the_code_needs_the_number_and_the_other_side_never_gets_in() {
        let session = session(agent("a"));
        session.enter(&Event::Connected(Path::Lan));
        let admits = |id: &str, code| session.admits(&Visitor::of(agent(id)), code);
        session.adopt(&Visitor::of(agent("b")));
        assert!(
            admits("b", None) && admits("a", None) && !admits("c", None) && admits("c", Some(CODE))
        );
        assert!(!session.tells_its_code(&Visitor::of(agent("b"))));
        // It is the peer's side itself, and of another code nothing follows.
        session.oppose(CODE, Role::Peer, vec![agent("c")]);
        session.oppose("9471-walrus-clipboard-music", Role::Host, vec![agent("c")]);
        assert!(admits("c", Some(CODE)));
        // One agent may have both sides.
        session.oppose(CODE, Role::Host, vec![agent("b"), agent("c")]);
        assert!(admits("c", Some(CODE)) && admits("b", None));
        session.oppose(CODE, Role::Host, vec![Owner::Person, agent("c")]);
        assert!(!admits("c", Some(CODE)) && admits("b", None) && admits("d", Some(CODE)));
        assert!(session.admits(&Visitor::of(Owner::Person), None));
    }

    #[test]
    fn an_agent_is_known_by_either_of_its_ids() {
        let both =
            |session: &str, process: &str| Owner::Agent(vec![session.into(), process.into()]);
        assert!(both("one", "x").is(&both("two", "x")) && both("one", "x").is(&both("one", "y")));
        assert!(!both("one", "x").is(&both("two", "y")) && !Owner::Unnamed.is(&both("one", "x")));
        assert!(Owner::Unnamed.is(&Owner::Unnamed) && Owner::Person.is(&Owner::Person));
    }

    #[test]
    fn a_code_is_told_to_a_person_and_to_the_agent_that_made_it() {
        let tells = |owner: Owner, visitor: Visitor| session(owner).tells_its_code(&visitor);
        assert!(
            tells(agent("a"), Visitor::of(agent("a")))
                && tells(agent("a"), Visitor::of(Owner::Person))
        );
        assert!(
            !tells(Owner::Person, Visitor::of(agent("a")).seeing_all())
                && !tells(agent("b"), Visitor::of(agent("a")))
        );
        // Any other would be the same to us.
        assert!(!tells(Owner::Unnamed, Visitor::of(Owner::Unnamed)));
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
        assert!(
            one.admits(&handler, None)
                && !other.admits(&handler, None)
                && !one.tells_its_code(&handler)
        );
        // One that is an agent gives its commands an id of its own besides.
        let handler =
            Visitor { handler: Some(Owner::handler(one.handler_id())), ..Visitor::of(agent("a")) };
        assert!(
            one.admits(&handler, None)
                && !other.admits(&handler, None)
                && !one.tells_its_code(&handler)
        );
    }
}
