//! `doctor`: what it says where nothing is in the way, and of the probe that it leaves.

use crate::harness::doctor::{probes, probes_are_gone, said};
use crate::harness::{Machine, Running, wait};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::path::Path;
use std::time::{Duration, Instant};

/// Ends them, as what looks after a command's processes would.
fn end_probes(home: &Path) {
    for pid in probes(home) {
        kill_process(pid, Signal::KILL).unwrap();
    }
}

#[test]
fn everything_is_said_in_its_order_and_nothing_stays() {
    let here = Machine::new();
    let ended = here.run(["doctor"]).expect(0);
    let names: Vec<String> =
        ended.all("check").iter().map(|check| check["name"].as_str().unwrap().to_owned()).collect();
    let all = "listen dial proxy relay discovery unix-sockets files space background agent \
              terminal clock summary";
    assert_eq!(names.join(" "), all);
    // Nobody can be asked here; how full the disk is, is not ours to say.
    for name in names.iter().filter(|name| *name != "terminal" && *name != "space") {
        assert!(said(&ended, name).0, "{name}: {:#?}", ended.lines);
    }
    assert!(!said(&ended, "terminal").0);
    let run = here.home().join(".local/state/pinhole/run");
    let left: Vec<_> = std::fs::read_dir(&run)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(left.len() == 1 && left[0].starts_with("probe-"), "{left:?}");
    end_probes(&here.home());
}

#[test]
fn people_get_lines_under_each_other() {
    let here = Machine::new();
    let ended = here.run(["doctor", "--human"]).expect(0);
    for line in &ended.lines {
        let column = line.chars().take(16).collect::<String>();
        let named = (column.starts_with("✓ ") || column.starts_with("✗ "))
            && column.ends_with(' ')
            && !line.contains("  → ");
        assert!(named || line.starts_with("                → "), "{line:?}");
        assert_ne!(line.chars().nth(16), Some(' '), "{line:?}");
    }
    assert!(
        ended.lines.last().unwrap().contains("`give`, `take`, `host` and `connect` work here"),
        "{:#?}",
        ended.lines
    );
    end_probes(&here.home());
}

#[test]
fn the_next_call_says_what_became_of_the_probe() {
    let here = Machine::new();
    let run = here.home().join(".local/state/pinhole/run");
    let (ok, detail, next) = said(&here.run(["doctor"]).expect(0), "background");
    assert!(
        ok && detail.contains("not known yet") && next.contains("`pinhole doctor` again"),
        "{detail}"
    );
    let (ok, detail, _) = said(&here.run(["doctor"]).expect(0), "background");
    assert!(ok && detail.contains("live on"), "{detail}");
    end_probes(&here.home());
    probes_are_gone(&run);
    let ended = here.run(["doctor"]).expect(0);
    let (ok, detail, next) = said(&ended, "background");
    assert!(!ok && detail.contains("probe was, ") && next.contains("without --detach"), "{detail}");
    assert!(said(&ended, "summary").1.contains("nothing can run on in the background"));
    end_probes(&here.home());
}

#[test]
fn the_probe_is_no_part_of_its_command_and_ends_with_its_place() {
    use std::os::unix::process::CommandExt;
    let here = Machine::new();
    let mut command = here.command(["doctor"]);
    command.process_group(0);
    let running = Running::start(command);
    let group = Pid::from_child(&running.child);
    running.end().expect(0);
    // Whoever ends what is left of the command's group finds nothing.
    assert!(kill_process_group(group, Signal::KILL).is_err());
    let home = here.home();
    assert_eq!(probes(&home).len(), 1);
    here.run(["doctor"]).expect(0);
    assert_eq!(probes(&home).len(), 1, "one is enough");
    drop(here);
    // Half of the time for which it would live on by itself.
    let until = Instant::now() + Duration::from_secs(27);
    wait("the end of the probe", || probes(&home).is_empty().then_some(()));
    assert!(Instant::now() < until, "it outlives its place");
}

#[test]
fn an_agents_setting_is_named() {
    let here = Machine::new();
    let with = |variables: &[(&str, &str)]| {
        let mut command = here.command(["doctor"]);
        command.envs(variables.iter().copied());
        Running::start(command).end().expect(0)
    };
    let (ok, _, next) = said(&with(&[("CODEX_SANDBOX_NETWORK_DISABLED", "1")]), "agent");
    assert!(
        !ok && next.contains("network_access = true under [sandbox_workspace_write]"),
        "{next}"
    );
    for (variable, agent) in [
        ("CLAUDECODE", "Claude Code"),
        ("CURSOR_AGENT", "Cursor"),
        ("CODEX_SANDBOX", "Codex"),
        ("CODEX_SESSION_ID", "Codex"),
        ("OPENCODE", "OpenCode"),
        ("GEMINI_CLI", "Gemini CLI"),
        ("PINHOLE_AGENT", "an agent"),
        ("AI_AGENT", "an agent"),
    ] {
        let (ok, detail, _) = said(&with(&[(variable, "1")]), "agent");
        assert!(ok && detail.contains(agent) && detail.contains(variable), "{detail}");
    }
    end_probes(&here.home());
}

#[test]
fn a_runtime_directory_that_is_open_to_others_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let here = Machine::new();
    let runtime = here.path("runtime");
    std::fs::create_dir_all(runtime.join("pinhole")).unwrap();
    std::fs::set_permissions(runtime.join("pinhole"), std::fs::Permissions::from_mode(0o755))
        .unwrap();
    let mut command = here.command(["doctor"]);
    command.env("XDG_RUNTIME_DIR", &runtime);
    let ended = Running::start(command).end().expect(0);
    for name in ["unix-sockets", "background"] {
        let (ok, detail, next) = said(&ended, name);
        assert!(
            !ok && detail.contains("other users have access to it")
                && next.contains("XDG_RUNTIME_DIR"),
            "{detail}"
        );
    }
    assert_eq!(std::fs::read_dir(runtime.join("pinhole")).unwrap().count(), 0);
    // Another one helps.
    let mut command = here.command(["doctor"]);
    command.env_remove("XDG_RUNTIME_DIR");
    assert!(said(&Running::start(command).end().expect(0), "unix-sockets").0);
    end_probes(&here.home());
}

#[test]
fn only_doctor_starts_a_probe() {
    let here = Machine::new();
    for name in ["", "../x", "a b", "A"] {
        assert_eq!(
            here.command(["doctor", "--probe", name]).output().unwrap().status.code(),
            Some(2),
            "{name}"
        );
    }
    assert!(!here.home().join(".local").exists());
}
