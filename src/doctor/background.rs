//! Whether a process lives on after the command that started it.

use super::probe::{Fate, fate, leave};
use super::{Finding, Setup};
use crate::control::runtime::Runtime;
use crate::failure::{Advice, Failure, Kind, Run};
use crate::settings::agent::{self, Agent, allow};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Clock ticks in a second, as `/proc` counts them (`USER_HZ`, proc(5)).
const TICKS: u64 = 100;
/// An agent's sandbox for one command starts that at once, so its first process is at most this
/// much older.
const AT_ONCE: u64 = 2 * TICKS;
/// First processes of sandboxes for one command, as `/proc` names them: bubblewrap, and what Codex
/// runs in its place.
const SANDBOXES: [&str; 2] = ["bwrap", "codex-linux-san"];
/// First processes of containers that end with the one command which they start.
const INITS: [&str; 4] = ["docker-init", "tini", "dumb-init", "catatonit"];

/// Whether a session that is left in the background lives on: what is known at once, and what
/// became of the last probe.
pub(super) fn background(_: &Setup) -> Finding {
    let runtime = match Runtime::make() {
        Ok(runtime) => runtime,
        Err(failure) => return failure.into(),
    };
    let agent = Agent::here();
    let brief = ends_with_this_command(Path::new("/proc"), &id());
    let name = name(agent, brief);
    let fate = fate(runtime.path(), &name);
    if fate != Fate::Lives
        && let Err(error) = leave(&name)
    {
        return Finding::wrong(
            format!("no process can be left in the background: {error}"),
            instead(agent),
        );
    }
    found(fate, brief, agent)
}

fn found(fate: Fate, brief: bool, agent: Option<Agent>) -> Finding {
    match (fate, brief) {
        // One that lives in a namespace of one command may end with that command.
        (Fate::Lived, _) | (Fate::Lives, false) => Finding::fine(
            "what is left in the background lives on, as the probe of an earlier \
                          call did",
        ),
        (Fate::Ended(seconds), _) => Finding::wrong(
            format!(
                "what is left in the background is ended: an earlier call's probe was, \
                    {seconds} s after it began"
            ),
            instead(agent),
        ),
        (Fate::Unknown | Fate::Lives, true) => Finding::wrong(
            "the first process of this PID namespace ends with this very command, and what is left \
            in the background with it",
            instead(agent),
        ),
        (Fate::Unknown, false) => Finding {
            next: Some(Advice::from(Run::Doctor).reworded(
                "run `pinhole doctor` again: it then says whether the probe that is \
                              left now has lived on",
            )),
            ..Finding::fine(
                "a process can be left in the background; whether it outlives its \
                            command is not known yet",
            )
        },
    }
}

/// What works where nothing lives on in the background, or where it could not be reached.
#[must_use]
pub fn instead(agent: Option<Agent>) -> String {
    format!(
        "use `pinhole mcp`, which holds its channels itself, or `give`, `take` and `ask` without \
        --detach, one command each; or {}",
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
    let brief = ends_with_this_command(Path::new("/proc"), &id());
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

/// What a probe is called: one that lives on somewhere says nothing about elsewhere, such as
/// another agent's commands.
fn name(agent: Option<Agent>, brief: bool) -> String {
    let runner = agent.map_or("nobody", Agent::word);
    let digits = |link: &Path| {
        link.to_string_lossy().chars().filter(char::is_ascii_digit).collect::<String>()
    };
    let namespace = std::fs::read_link("/proc/self/ns/pid")
        .map_or_else(|_| String::new(), |link| digits(&link));
    // A namespace of one command is never seen again; the next command has one like it.
    if brief { format!("{runner}-brief") } else { format!("{runner}-{namespace}") }
}

/// Whether the first process of this PID namespace, which takes all others with it, ends with this
/// very command. The age of a container says nothing of that: it may have just begun and go on for
/// days. `id` is the agent's entry in the environment of its commands.
fn ends_with_this_command(proc: &Path, id: &[u8]) -> bool {
    let (Some(first), Some(own)) =
        (Stat::read(&proc.join("1/stat")), Stat::read(&proc.join("self/stat")))
    else {
        return false;
    };
    let for_one = own.process == 1 || own.parent == 1 && INITS.contains(&first.name.as_str());
    // What an agent started for this command has the agent's id; what the agent runs in has none,
    // or is older.
    let began = || {
        std::fs::read(proc.join("1/environ"))
            .is_ok_and(|all| all.split(|byte| *byte == 0).any(|entry| entry == id))
    };
    let at_once = own.started.saturating_sub(first.started) <= AT_ONCE;
    for_one || SANDBOXES.contains(&first.name.as_str()) || !id.is_empty() && at_once && began()
}

/// The id of the agent that runs this command, as it stands in an environment; nothing without one.
fn id() -> Vec<u8> {
    agent::id()
        .map(|(variable, id)| [variable.as_bytes(), b"=", id.as_bytes()].concat())
        .unwrap_or_default()
}

/// What `/proc/PID/stat` says of a process (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    process: u32,
    parent: u32,
    name: String,
    /// In ticks since the system was started.
    started: u64,
}

impl Stat {
    fn read(path: &Path) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(path).ok()?)
    }

    /// The name is in brackets, and may hold some itself. The parent is the second field behind it,
    /// and the start the 20th.
    fn parse(text: &str) -> Option<Self> {
        let (before, after) = text.rsplit_once(')')?;
        let (process, name) = before.split_once('(')?;
        let field = |behind| after.split_ascii_whitespace().nth(behind);
        Some(Self {
            process: process.trim().parse().ok()?,
            parent: field(1)?.parse().ok()?,
            name: name.to_owned(),
            started: field(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stat(process: u32, parent: u32, name: &str, started: u64) -> String {
        format!(
            "{process} ({name}) S {parent} 1 1 0 -1 4194560 2 3 4 5 6 7 8 9 20 0 1 0 {started} \
            2654208 397\n"
        )
    }

    #[test]
    fn parent_and_start_are_found_whatever_the_name() {
        for name in ["init", "a) S 1 (b", "", "é"] {
            let expected = Stat { process: 71, parent: 7, name: name.into(), started: 1_687_288 };
            assert_eq!(Stat::parse(&stat(71, 7, name, 1_687_288)), Some(expected));
        }
        assert_eq!(Stat::parse("1 (init) S 0"), None);
        assert!(
            Stat::read(Path::new("/proc/self/stat"))
                .is_some_and(|own| own.started > 0 && own.process == std::process::id())
        );
    }

    #[test]
    fn a_first_process_ends_with_the_command_by_what_it_is_and_not_by_its_age() {
        const ID: &[u8] = b"CODEX_THREAD_ID=one";
        let root = tempfile::tempdir().unwrap();
        assert!(!ends_with_this_command(root.path(), b""), "without /proc nothing is known");
        for folder in ["1", "self"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        let put = |path: &str, text: &[u8]| std::fs::write(root.path().join(path), text).unwrap();
        let ends = |id: &[u8]| ends_with_this_command(root.path(), id);
        let run = |name: &str, started, parent| {
            put("1/stat", stat(1, 0, name, started).as_bytes());
            put(
                "self/stat",
                stat(if parent == 0 { 1 } else { 9 }, parent, "pinhole", 10_000).as_bytes(),
            );
        };
        let cases = [
            ("sh", 10_000, 1, false),
            ("systemd", 5, 1, false),
            ("bwrap", 5, 7, true),
            ("codex-linux-san", 5, 7, true),
            ("tini", 5, 1, true),
            ("tini", 10_000, 7, false),
            ("pinhole", 10_000, 0, true),
        ];
        for (name, started, parent, expected) in cases {
            run(name, started, parent);
            assert_eq!(ends(b""), expected, "{name} {started} {parent}");
        }
        // A sandbox of another name is known by the id of the agent that began it for this command.
        for (environ, started, expected) in [
            (&b"HOME=/x\0CODEX_THREAD_ID=one\0"[..], 9_800, true),
            (b"HOME=/x\0CODEX_THREAD_ID=one\0", 9_799, false),
            (b"HOME=/x\0CODEX_THREAD_ID=ones\0", 10_000, false),
            (b"", 10_000, false),
        ] {
            put("1/environ", environ);
            run("sandbox", started, 7);
            assert_eq!((ends(ID), ends(b"")), (expected, false), "{started}");
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
        assert!(
            names.iter().enumerate().all(|(place, one)| !names[..place].contains(one)),
            "{names:?}"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), near in "[0-9]{0,3} ?\\(?[a-z() \
            ]{0,9}\\)?( [0-9-]{0,9}){0,30}") {
            let _ = (Stat::parse(&text), Stat::parse(&near));
        }
    }
}
