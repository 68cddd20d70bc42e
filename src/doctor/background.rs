//! Whether a process lives on after the command that started it.

use super::probe::{Fate, fate, leave};
use super::{Finding, Setup};
use crate::control::runtime::Runtime;
use crate::failure::{Advice, Failure, Kind, Run};
use crate::settings::agent::{Agent, allow};
use std::path::Path;

/// Clock ticks in a second, as `/proc` counts them (`USER_HZ`, proc(5)).
const TICKS: u64 = 100;
/// A first process that is at most this much older than this one began with this very command: what starts a sandbox for a command
/// starts the command in it at once.
const AT_ONCE: u64 = 2 * TICKS;

/// Whether a session that is left in the background lives on: what is known at once, and what became of the last probe.
pub(super) fn background(_: &Setup) -> Finding {
    let runtime = match Runtime::make() {
        Ok(runtime) => runtime,
        Err(failure) => return failure.into(),
    };
    let agent = Agent::here();
    let brief = began_with_this_command(Path::new("/proc"));
    let name = name(agent, brief);
    let fate = fate(runtime.path(), &name);
    if fate != Fate::Lives
        && let Err(error) = leave(&name)
    {
        return Finding::wrong(format!("no process can be left in the background: {error}"), instead(agent));
    }
    found(fate, brief, agent)
}

fn found(fate: Fate, brief: bool, agent: Option<Agent>) -> Finding {
    match (fate, brief) {
        // One that lives in a namespace of one command may end with that command.
        (Fate::Lived, _) | (Fate::Lives, false) => {
            Finding::fine("what is left in the background lives on, as the probe of an earlier call did")
        }
        (Fate::Ended(seconds), _) => Finding::wrong(
            format!("what is left in the background is ended: an earlier call's probe was, {seconds} s after it began"),
            instead(agent),
        ),
        (Fate::Unknown | Fate::Lives, true) => Finding::wrong(
            "the first process of this PID namespace began with this very command, and what is left in the background ends with it",
            format!("{}; in a container that has just started, try again in a few seconds", instead(agent)),
        ),
        (Fate::Unknown, false) => Finding {
            next: Some(
                Advice::from(Run::Doctor)
                    .reworded("run `pinhole doctor` again: it then says whether the probe that is left now has lived on"),
            ),
            ..Finding::fine("a process can be left in the background; whether it outlives its command is not known yet")
        },
    }
}

/// What works where nothing lives on in the background, or where it could not be reached.
pub(super) fn instead(agent: Option<Agent>) -> String {
    format!(
        "use `pinhole mcp`, which holds its channels itself, or `give`, `take` and `ask` without --detach, one command each; or {}",
        allow(agent)
    )
}

/// That no session can go on in the background here.
#[must_use]
pub fn not_detachable(why: &str) -> Failure {
    Failure::new(Kind::NotDetachable, why).next(instead(Agent::here()))
}

/// Refuses to leave a session in the background where `doctor` says that it would not live on.
///
/// # Errors
/// `not-detachable`.
pub fn lives_on() -> Result<(), Failure> {
    let agent = Agent::here();
    let brief = began_with_this_command(Path::new("/proc"));
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

/// What a probe is called: one that lives on somewhere says nothing about elsewhere, such as another agent's commands.
fn name(agent: Option<Agent>, brief: bool) -> String {
    let runner = agent.map_or("nobody", Agent::word);
    let digits = |link: &Path| link.to_string_lossy().chars().filter(char::is_ascii_digit).collect::<String>();
    let namespace = std::fs::read_link("/proc/self/ns/pid").map_or_else(|_| String::new(), |link| digits(&link));
    // A namespace of one command is never seen again; the next command has one like it.
    if brief { format!("{runner}-brief") } else { format!("{runner}-{namespace}") }
}

/// Whether the first process of this PID namespace, which takes all others with it, began with this very command. That of bubblewrap does,
/// and says so by its name; others by their age.
fn began_with_this_command(proc: &Path) -> bool {
    let (Some(first), Some(own)) = (Stat::read(&proc.join("1/stat")), Stat::read(&proc.join("self/stat"))) else { return false };
    first.name == "bwrap" || own.started.saturating_sub(first.started) <= AT_ONCE
}

/// What `/proc/PID/stat` says of a process (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    name: String,
    /// In ticks since the system was started.
    started: u64,
}

impl Stat {
    fn read(path: &Path) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(path).ok()?)
    }

    /// The name is in brackets, and may hold some itself. The start is the 22nd field, 20 behind the name.
    fn parse(text: &str) -> Option<Self> {
        let (before, after) = text.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        Some(Self { name: name.to_owned(), started: after.split_ascii_whitespace().nth(19)?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stat(name: &str, started: u64) -> String {
        format!("1 ({name}) S 0 1 1 0 -1 4194560 2 3 4 5 6 7 8 9 20 0 1 0 {started} 2654208 397\n")
    }

    #[test]
    fn the_start_is_found_whatever_the_name() {
        for name in ["init", "a) S 1 (b", "", "é"] {
            assert_eq!(Stat::parse(&stat(name, 1_687_288)), Some(Stat { name: name.into(), started: 1_687_288 }));
        }
        assert_eq!(Stat::parse("1 (init) S 0"), None);
        assert!(Stat::read(Path::new("/proc/self/stat")).is_some_and(|own| own.started > 0));
    }

    #[test]
    fn a_first_process_begins_with_the_command_by_its_name_or_its_age() {
        let root = tempfile::tempdir().unwrap();
        assert!(!began_with_this_command(root.path()), "without /proc nothing is known");
        for folder in ["1", "self"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("self/stat"), stat("pinhole", 10_000)).unwrap();
        for (name, started, began) in
            [("systemd", 5, false), ("sh", 9_799, false), ("sh", 9_800, true), ("bwrap", 5, true), ("x", 10_001, true)]
        {
            std::fs::write(root.path().join("1/stat"), stat(name, started)).unwrap();
            assert_eq!(began_with_this_command(root.path()), began, "{name} {started}");
        }
    }

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
        assert!(names.iter().enumerate().all(|(place, one)| !names[..place].contains(one)), "{names:?}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), near in "[0-9]{0,3} ?\\(?[a-z() ]{0,9}\\)?( [0-9-]{0,9}){0,30}") {
            let _ = (Stat::parse(&text), Stat::parse(&near));
        }
    }
}
