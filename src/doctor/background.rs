//! Checks if a process lives on after the command that started it.

use super::probe::{Fate, fate, leave};
use super::{Finding, Setup};
use crate::control::runtime::Runtime;
use crate::control::unreachable::{instead, not_detachable};
use crate::failure::{Advice, Failure, Run};
use crate::platform::lifetime;
use crate::platform::name::bytes;
use crate::settings::agent::{self, Agent};

/// Checks if a session in the background lives on: by what is known at once, and by the last probe.
pub(super) fn background(_: &Setup) -> Finding {
    let runtime = match Runtime::make() {
        Ok(runtime) => runtime,
        Err(failure) => return failure.into(),
    };
    let agent = Agent::here();
    let brief = lifetime::ends_with_this_command(&id());
    let name = name(agent, brief);
    let fate = fate(runtime.path(), &name);
    if fate != Fate::Lives
        && let Err(error) = leave(&name)
    {
        return Finding::wrong(
            format!("no process can be started in the background: {error}"),
            instead(agent),
        );
    }
    found(fate, brief, agent)
}

fn found(fate: Fate, brief: bool, agent: Option<Agent>) -> Finding {
    match (fate, brief) {
        // One that lives in a namespace of one command may end with that command.
        (Fate::Lived, _) | (Fate::Lives, false) => Finding::fine(
            "processes in the background live on, as the probe of an earlier call did",
        ),
        (Fate::Ended(seconds), _) => Finding::wrong(
            format!(
                "processes in the background are killed: an earlier call's probe was, {seconds} \
                 s after it began"
            ),
            instead(agent),
        ),
        (Fate::Unknown | Fate::Lives, true) => Finding::wrong(
            "the first process of this PID namespace ends with this command, and everything in \
             the background with it",
            instead(agent),
        ),
        (Fate::Unknown, false) => Finding {
            next: Some(Advice::from(Run::Doctor).reworded(
                "run `pinhole doctor` again: it then reports whether the probe started now has \
                 lived on",
            )),
            ..Finding::fine(
                "a process can be started in the background; whether it outlives its command is \
                 not known yet",
            )
        },
    }
}

/// Refuses to leave a session in the background where `doctor` says that it would not live on.
///
/// # Errors
/// `not-detachable`.
pub fn lives_on() -> Result<(), Failure> {
    let agent = Agent::here();
    let brief = lifetime::ends_with_this_command(&id());
    let probe = |runtime: Runtime| fate(runtime.path(), &name(agent, brief));
    let fate = Runtime::existing().ok().flatten().map_or(Fate::Unknown, probe);
    let Finding { ok, detail, next } = found(fate, brief, agent);
    if ok {
        return Ok(());
    }
    let failure = not_detachable(&detail);
    Err(match next {
        Some(next) => failure.next(next),
        None => failure,
    })
}

/// Name of a probe: one that lives on somewhere says nothing about elsewhere, such as another
/// agent's commands.
fn name(agent: Option<Agent>, brief: bool) -> String {
    let runner = agent.map_or("nobody", Agent::word);
    // A namespace of one command is never seen again; the next command has one like it.
    if brief { format!("{runner}-brief") } else { format!("{runner}-{}", lifetime::namespace()) }
}

/// The id of the agent that runs this command, as it stands in an environment; nothing without one.
fn id() -> Vec<u8> {
    agent::id()
        .map(|(variable, id)| [variable.as_bytes(), b"=", bytes(&id)].concat())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_counts_more_than_what_is_guessed() {
        let ok = |fate, brief| found(fate, brief, None).ok;
        assert!(ok(Fate::Lived, true) && ok(Fate::Lives, false) && ok(Fate::Unknown, false));
        assert!(!ok(Fate::Unknown, true) && !ok(Fate::Lives, true) && !ok(Fate::Ended(3), false));
        assert!(found(Fate::Unknown, false, None).next.is_some());
    }

    #[test]
    fn a_probe_elsewhere_is_another_one() {
        let codex = Some(Agent::Codex { offline: false });
        let names = [name(None, true), name(None, false), name(codex, true), name(codex, false)];
        assert!(
            names.iter().enumerate().all(|(place, one)| !names[..place].contains(one)),
            "{names:?}"
        );
    }
}
