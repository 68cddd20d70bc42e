//! Sentences for a place where no other command could reach a session.

use crate::failure::{Advice, Failure, Kind};
use crate::settings::agent::{Agent, allow};

/// The way out where nothing lives on in the background, or could not be reached.
#[must_use]
pub fn instead(agent: Option<Agent>) -> Advice {
    Advice::for_user(format!(
        "use `pinhole mcp`, which holds its channels itself, or `give`, `take` and `ask` without \
        --detach, one command each; or {}",
        allow(agent)
    ))
}

/// A refusal to leave a session in the background.
#[must_use]
pub fn not_detachable(why: &str) -> Failure {
    Failure::new(Kind::NotDetachable, why).next(instead(Agent::here()))
}
