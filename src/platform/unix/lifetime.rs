//! The lifetime of processes here: with the machine, or with the one command of a sandbox or a
//! container.

use std::path::Path;

/// Processes and the system, as files.
const PROC: &str = "/proc";
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

/// Digits that tell the surroundings of this process, whose end is the end of all processes in
/// them, from others; empty where the system does not tell.
#[must_use]
pub fn namespace() -> String {
    let link = std::fs::read_link(Path::new(PROC).join("self/ns/pid")).unwrap_or_default();
    link.to_string_lossy().chars().filter(char::is_ascii_digit).collect()
}

/// The run of the system that this is, in at most 40 letters; the same for all where it does not
/// tell.
#[must_use]
pub fn boot() -> String {
    let path = Path::new(PROC).join("sys/kernel/random/boot_id");
    let id = std::fs::read_to_string(path).unwrap_or_default();
    // 36 of them on Linux.
    id.trim().chars().take(40).collect()
}

/// True if all processes that this command could leave behind end with it, because the first
/// process here, which takes all others with it, was started for it alone. The age of a container
/// says nothing of that: it may have just begun and go on for days. `id` is the agent's entry in
/// the environment of its commands, empty without an agent. False where the system does not tell.
#[must_use]
pub fn ends_with_this_command(id: &[u8]) -> bool {
    ends_with_it(Path::new(PROC), id)
}

fn ends_with_it(proc: &Path, id: &[u8]) -> bool {
    let (Some(first), Some(own)) =
        (Stat::read(&proc.join("1/stat")), Stat::read(&proc.join("self/stat")))
    else {
        return false;
    };
    let for_one = own.process == 1 || own.parent == 1 && INITS.contains(&first.name.as_str());
    // A process that an agent started for this command has the agent's id. One that the agent runs
    // in has none, or is older.
    let began = || {
        std::fs::read(proc.join("1/environ"))
            .is_ok_and(|all| all.split(|byte| *byte == 0).any(|entry| entry == id))
    };
    let at_once = own.started.saturating_sub(first.started) <= AT_ONCE;
    for_one || SANDBOXES.contains(&first.name.as_str()) || !id.is_empty() && at_once && began()
}

/// A line of `/proc/PID/stat` (proc(5)).
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
        assert!(!ends_with_it(root.path(), b""), "without /proc nothing is known");
        for folder in ["1", "self"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        let put = |path: &str, text: &[u8]| std::fs::write(root.path().join(path), text).unwrap();
        let ends = |id: &[u8]| ends_with_it(root.path(), id);
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

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text in any::<String>(),
            near in "[0-9]{0,3} ?\\(?[a-z() ]{0,9}\\)?( [0-9-]{0,9}){0,30}",
        ) {
            let _ = (Stat::parse(&text), Stat::parse(&near));
        }
    }
}
