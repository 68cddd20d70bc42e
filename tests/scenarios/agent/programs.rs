//! The environment of programs that this one starts: nothing of the agent's own, and behind a fence
//! an id of their own, so that a pinhole that they run is fenced too.

use crate::harness::process::in_background;
use crate::harness::{Machine, PROGRAM, Running};
use std::path::Path;
use std::process::Command;

/// Writes down its environment, and what a pinhole says that it runs. What it reads it has read to
/// the end.
const LOOK: &str =
    "cat > /dev/null; env > env; \"$0\" give /etc/hostname > nested; \"$0\" status > status; true";

/// The names of the list.
fn withheld() -> Vec<&'static str> {
    let list = include_str!("../../../src/program/withheld.rs");
    list.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\",")).collect()
}

/// A command as an agent runs it, with everything set that its client may set.
fn by_agent(here: &Machine, args: &[&str]) -> Command {
    let mut command = here.command(args);
    command
        .env("CLAUDECODE", "1")
        .env("MINE", "stays")
        .env("ANTHROPIC_API_KEY", "stays")
        .envs(withheld().iter().map(|name| (name, "1")));
    command
}

/// The program of an option that runs one, as arguments.
fn look<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["--allow-exec"], args, &["--", "sh", "-c", LOOK, PROGRAM]].concat()
}

/// Checks what the program has written down in this folder. `person` is true if the person's
/// variables were to reach it.
#[track_caller]
fn judge(folder: &Path, person: bool) {
    let env = std::fs::read_to_string(folder.join("env")).unwrap();
    let set: Vec<_> = env.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| *value);
    for name in withheld().into_iter().chain(["PINHOLE_CODE", "PINHOLE_HOST_TOKEN"]) {
        assert_eq!(value(name), None, "{name}");
    }
    assert!(value("PINHOLE_AGENT").is_some_and(|id| id.len() == 32), "{env}");
    for (name, kept) in [("MINE", "stays"), ("ANTHROPIC_API_KEY", "stays"), ("CLAUDECODE", "1")] {
        assert_eq!(value(name), person.then_some(kept), "{name}");
    }
    let nested = std::fs::read_to_string(folder.join("nested")).unwrap();
    assert!(
        nested.contains("\"error\":\"fenced\"") && !nested.contains("\"event\":\"channel\""),
        "{nested}"
    );
    // It is another agent than the one whose command started it.
    let status = std::fs::read_to_string(folder.join("status")).unwrap();
    assert!(!status.contains("\"label\":\"of-the-agent\""), "{status}");
}

/// A channel of an agent's with something to hear and a secret, and its other side.
fn channel(here: &Machine, there: &Machine, args: &[&str]) -> (Running, Running, String) {
    let mut host = Running::start(by_agent(here, args));
    let code = host.code();
    let mut peer = there.start(["connect", &code]);
    peer.until("status", "connected");
    (host, peer, code[..4].to_owned())
}

#[test]
fn the_program_of_a_secret_gets_nothing_of_the_agents() {
    let (here, there) = (Machine::new(), Machine::new());
    there.write("API_KEY", "hush");
    // Taken once.
    let mut giver = there.start(["give", "--secret-file", "API_KEY"]);
    let code = giver.code();
    Running::start(by_agent(&here, &look(&["take", &code, "--secret-exec"])))
        .end()
        .expect(0)
        .one("secret");
    giver.end().expect(0);
    judge(&here.dir(), true);
    // In a channel, by the session itself.
    std::fs::remove_file(here.path("env")).unwrap();
    let (mut host, peer, number) =
        channel(&here, &there, &look(&["host", "--label", "of-the-agent", "--secret-exec"]));
    there.run(["send", &number, "--secret-file", "API_KEY"]).expect(0);
    host.until("secret", "");
    judge(&here.dir(), true);
    // And by a command that takes what is held.
    std::fs::remove_file(here.path("env")).unwrap();
    there.run(["send", &number, "--secret-file", "API_KEY"]).expect(0);
    Running::start(by_agent(&here, &look(&["receive", &number, "--secret-exec"])))
        .end()
        .expect(0)
        .one("secret");
    judge(&here.dir(), true);
    there.run(["close", &number]).expect(0);
    host.end().expect(0);
    peer.end().expect(0);
}

#[test]
fn a_program_that_answers_gets_nothing_of_the_agents() {
    let (here, there) = (Machine::new(), Machine::new());
    // A client's credentials are handed on by name, because the handler may be that client.
    let args = [
        "host",
        "--label",
        "of-the-agent",
        "--on-message",
        "--handler-env",
        "CODEX_API_KEY",
        "--once",
    ];
    let (host, peer, number) = channel(&here, &there, &look(&args));
    there.run(["send", &number, "hello"]).expect(0);
    // It says nothing.
    host.end();
    peer.end();
    let env = std::fs::read_to_string(here.path("env")).unwrap();
    assert!(env.contains("\nCODEX_API_KEY=1\n") || env.starts_with("CODEX_API_KEY=1\n"), "{env}");
    std::fs::write(here.path("env"), env.replace("CODEX_API_KEY=1\n", "")).unwrap();
    // It sees the channel that it answers.
    assert!(std::fs::read_to_string(here.path("status")).unwrap().contains("of-the-agent"));
    std::fs::write(here.path("status"), "").unwrap();
    judge(&here.dir(), false);
    for name in ["CLAUDE_CODE_MESSAGING_TOKEN", "CODEX_THREAD_ID", "PINHOLE_HOST_TOKEN"] {
        let args = look(&["host", "--on-message", "--handler-env", name]);
        let failure = Running::start(by_agent(&here, &args)).end().expect(2).failure();
        assert_eq!(failure["error"], "usage", "{name}");
    }
}

#[test]
fn a_tunnel_program_gets_nothing_of_the_agents() {
    use std::os::unix::fs::PermissionsExt;
    let here = Machine::new();
    let burrow = here.write(
        "burrow",
        format!("#!/bin/sh\nset -- {}\nexec < /dev/null\nsh -c '{LOOK}' \"$1\"\n", PROGRAM),
    );
    std::fs::set_permissions(&burrow, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ended = Running::start(by_agent(
        &here,
        &["--allow-exec", "give", "--tunnel=./burrow", "--text", "x"],
    ))
    .end()
    .expect(5);
    assert_eq!(ended.failure()["error"], "tunnel-failed");
    judge(&here.dir(), true);
}

#[test]
fn what_a_person_starts_is_no_agents() {
    let (here, there) = (Machine::new(), Machine::new());
    there.write("API_KEY", "hush");
    let mut giver = there.start(["give", "--secret-file", "API_KEY"]);
    let code = giver.code();
    let script = "cat > /dev/null; env > env";
    let mut command = here.command(["take", &code, "--secret-exec", "--", "sh", "-c", script]);
    // As they may be left in a shell.
    command
        .env("CLAUDE_CODE_MESSAGING_TOKEN", "1")
        .env("CLAUDE_CODE_OAUTH_TOKEN", "1")
        .env("MINE", "stays");
    Running::start(command).end().expect(0);
    giver.end().expect(0);
    let env = std::fs::read_to_string(here.path("env")).unwrap();
    assert!(
        env.contains("MINE=stays\n")
            && !env.contains("CLAUDE_CODE")
            && !env.contains("PINHOLE_AGENT"),
        "{env}"
    );
}

#[test]
fn a_session_in_the_background_is_the_same_agents_and_has_no_key_of_its() {
    let here = Machine::new();
    Running::start(by_agent(&here, &["host", "--detach", "--label", "of-the-agent"]))
        .end()
        .expect(0);
    let [session] = in_background(&here.home())[..] else { panic!("there is one session") };
    let environ =
        std::fs::read_to_string(format!("/proc/{}/environ", session.as_raw_nonzero())).unwrap();
    let has =
        |name: &str| environ.split('\0').any(|variable| variable.starts_with(&format!("{name}=")));
    // Variables that name the owner stay.
    assert!(has("CLAUDE_CODE_SESSION_ID") && has("CLAUDE_CODE_MESSAGING_TOKEN") && has("MINE"));
    for key in ["CLAUDE_CODE_MESSAGING_SOCKET", "CLAUDE_ENV_FILE", "OPENCODE_SERVER_PASSWORD"] {
        assert!(!has(key), "{key}");
    }
    Running::start(by_agent(&here, &["close"])).end().expect(0);
}
