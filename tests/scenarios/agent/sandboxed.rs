//! In the sandboxes of agents: `doctor` says what is forbidden there, and what it names instead
//! works.

use crate::harness::doctor::{probes_are_gone, said};
use crate::harness::sandbox::{Refused, Sandbox};
use crate::harness::{Ended, Machine, Running};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;

fn doctor(sandbox: Sandbox, here: &Machine, status: i32) -> Ended {
    Running::start(sandbox.command(here, ["doctor"])).end().expect(status)
}

/// A text goes from a `give` to a `take`, of which either may be in a sandbox.
fn hand_over(mut host: Running, joiner: impl FnOnce(&str) -> Running) {
    let code = host.code();
    let ends = [joiner(&code).end().expect(0), host.end().expect(0)];
    assert_eq!(
        ends.iter().filter(|end| end.all("text").iter().any(|text| text["body"] == "x")).count(),
        1
    );
}

#[test]
fn one_command_in_namespaces_of_its_own() {
    let here = Machine::new();
    let sandbox = Sandbox { brief: true, offline: true, ..Sandbox::default() };
    let mut command = sandbox.command(&here, ["doctor"]);
    // There is nothing that could be reached from there.
    command.env_remove("PINHOLE_NETWORK");
    let ended = Running::start(command).end().expect(5);
    let (ok, detail, next) = said(&ended, "dial");
    assert!(
        !ok && detail.contains("only loopback") && next.contains("outside the sandbox"),
        "{detail}"
    );
    let (ok, detail, next) = said(&ended, "background");
    assert!(
        !ok && detail.contains("PID namespace ends with this command")
            && next.contains("`pinhole mcp`")
            && next.contains("without --detach"),
        "{detail}"
    );
    assert!(!said(&ended, "discovery").0);
    assert!(
        ["listen", "unix-sockets", "files"].into_iter().all(|name| said(&ended, name).0),
        "{:#?}",
        ended.lines
    );
    assert_eq!(ended.failure()["error"], "not-working");
    // The probe ended with it, and the next command's doctor knows.
    probes_are_gone(&here.home().join(".local/state/pinhole/run"));
    let (ok, detail, _) = said(&doctor(sandbox, &here, 0), "background");
    assert!(!ok && detail.contains("an earlier call's probe was, "), "{detail}");
}

#[test]
fn what_is_in_the_foreground_is_done_where_nothing_lives_on() {
    let (here, there) = (Machine::new(), Machine::new());
    let sandbox = Sandbox { brief: true, ..Sandbox::default() };
    let ended = doctor(sandbox, &here, 0);
    assert!(
        said(&ended, "summary").1.ends_with(
            "without --detach, as do `ask` and `mcp`; nothing can run on in the background"
        ),
        "{:#?}",
        ended.lines
    );
    let giver = Running::start(sandbox.command(&here, ["give", "--text", "x"]));
    hand_over(giver, |code| there.start(["take", code]));
}

#[test]
fn where_unix_sockets_are_refused_give_and_take_need_none() {
    let (here, there) = (Machine::new(), Machine::new());
    let sandbox = Sandbox { refused: &[Refused::UnixSocket], ..Sandbox::default() };
    let ended = doctor(sandbox, &here, 0);
    let (ok, detail, next) = said(&ended, "unix-sockets");
    assert!(
        !ok && detail.contains("not permitted")
            && next.contains("`give`, `take` and `ask` without --detach"),
        "{detail}"
    );
    assert!(said(&ended, "summary").1.contains("other commands cannot reach a running session"));
    let giver = Running::start(sandbox.command(&here, ["give", "--text", "x"]));
    hand_over(giver, |code| Running::start(sandbox.command(&there, ["take", code])));
}

#[test]
fn where_nobody_may_listen_the_other_side_hosts() {
    for refused in [
        &[Refused::Bind][..],
        &[Refused::Listen],
        &[Refused::Bind, Refused::Listen, Refused::UnixSocket],
    ] {
        let (here, there) = (Machine::new(), Machine::new());
        let sandbox = Sandbox { refused, ..Sandbox::default() };
        let ended = doctor(sandbox, &here, 5);
        let (ok, detail, next) = said(&ended, "listen");
        assert!(
            !ok && detail.contains("not permitted")
                && next.contains("run `take` there, and `give --code CODE` here"),
            "{next}"
        );
        assert!(said(&ended, "dial").0 && !said(&ended, "unix-sockets").0, "{:#?}", ended.lines);
        assert!(ended.failure()["next"].as_str().unwrap().contains("give --code CODE"));
        hand_over(there.start(["take"]), |code| {
            Running::start(sandbox.command(&here, ["give", "--code", code, "--text", "x"]))
        });
    }
}

#[test]
fn where_not_even_a_pair_of_sockets_is_to_be_had_commands_fail_at_once() {
    let here = Machine::new();
    let sandbox =
        Sandbox { refused: &[Refused::SocketPair, Refused::UnixSocket], ..Sandbox::default() };
    let given =
        Running::start(sandbox.command(&here, ["give", "--text", "x"])).end().expect(1).failure();
    assert!(
        given["detail"].as_str().unwrap().contains("not permitted")
            && given["next"] == "pinhole doctor",
        "{given}"
    );
    let mut command = sandbox.command(&here, ["doctor"]);
    command.env("PINHOLE_RELAY", "ws://127.0.0.1:1");
    let (ok, detail, _) = said(&Running::start(command).end().expect(5), "relay");
    assert!(!ok && detail.contains("needs a pair of Unix sockets"), "{detail}");
}

#[test]
fn where_nothing_can_be_written_it_is_said_where_received_things_can_go() {
    let here = Machine::new();
    let sandbox = Sandbox { read_only: true, ..Sandbox::default() };
    let ended = doctor(sandbox, &here, 5);
    let (ok, detail, next) = said(&ended, "files");
    assert!(!ok && detail.contains(".local/state/pinhole") && next.contains("-o DIR"), "{detail}");
    assert!(!said(&ended, "unix-sockets").0 && !said(&ended, "background").0);
    assert!(ended.failure()["detail"].as_str().unwrap().contains("sending works"));
    assert!(!here.home().join(".local").exists());
}

#[test]
fn where_the_network_is_off_the_setting_that_allows_it_is_named() {
    const SETTING: &str = "network_access = true under [sandbox_workspace_write]";
    const CODE: &str = "9471-walrus-clipboard-mango";
    let here = Machine::new();
    let run = |sandbox: Sandbox, args: &[&str], agent: Option<&str>, exit: i32| {
        let mut command = sandbox.command(&here, args);
        command.env_remove("PINHOLE_NETWORK").envs(agent.map(|variable| (variable, "1")));
        let failure = Running::start(command).end().expect(exit).failure();
        (
            failure["error"].as_str().unwrap().to_owned(),
            failure["next"].as_str().unwrap().to_owned(),
        )
    };
    let offline = Some("CODEX_SANDBOX_NETWORK_DISABLED");
    let deaf = Sandbox { refused: &[Refused::Bind], offline: true, ..Sandbox::default() };
    let dumb = Sandbox { refused: &[Refused::Connect], offline: true, ..Sandbox::default() };
    let alone = Sandbox { offline: true, ..Sandbox::default() };
    let elsewhere = format!("{CODE}@192.0.2.1");
    let relay = [
        "--allow-relay",
        "ws://192.0.2.1",
        "give",
        "--text",
        "x",
        "--insecure-relay",
        "--relay",
        "ws://192.0.2.1",
    ];
    let cases = [
        (deaf, ["give", "--text", "x"].as_slice()),
        (deaf, &["host"]),
        (deaf, &["take"]),
        (dumb, &["take", CODE, "--no-lan"]),
        (dumb, &["connect", CODE, "--no-lan"]),
        (dumb, &relay),
        (alone, &["take", &elsewhere]),
        (alone, &["give", "--code", &elsewhere, "--text", "x"]),
        (alone, &relay),
    ];
    for (sandbox, args) in cases {
        let (word, next) = run(sandbox, args, offline, 5);
        assert!(word == "network-forbidden" && next.contains(SETTING), "{args:?}: {word}, {next}");
    }
    // With the network off these may fail for another reason.
    let (word, next) = run(alone, &["take", CODE, "--no-lan"], offline, 3);
    assert!(
        word == "code-unavailable" && next.contains(SETTING) && next.contains("a new code"),
        "{word}, {next}"
    );
    let (word, next) = run(alone, &["take", &format!("{CODE}@nowhere.invalid")], offline, 5);
    assert!(word == "host-unreachable" && next.contains(SETTING), "{word}, {next}");
    // Unless an agent says that it runs this, only the refused call shows it.
    let (word, next) = run(dumb, &["take", CODE, "--no-lan"], None, 5);
    assert!(word == "network-forbidden" && next.contains("outside the sandbox"), "{word}, {next}");
    let (word, next) = run(alone, &["take", &elsewhere], None, 5);
    assert!(word == "host-unreachable" && !next.contains("sandbox"), "{word}, {next}");
}

#[test]
fn a_channel_that_no_other_command_can_reach_says_so_and_goes_on() {
    let (here, there) = (Machine::new(), Machine::new());
    // Nothing can be written where sessions are found, others may enter it, or there are no Unix
    // sockets.
    let open = tempfile::tempdir().unwrap();
    std::fs::create_dir(open.path().join("pinhole")).unwrap();
    std::fs::set_permissions(open.path().join("pinhole"), std::fs::Permissions::from_mode(0o755))
        .unwrap();
    let full = tempfile::tempdir().unwrap();
    std::fs::write(full.path().join("pinhole"), "").unwrap();
    let read_only = tempfile::tempdir().unwrap();
    let places = [
        (Sandbox { refused: &[Refused::UnixSocket], ..Sandbox::default() }, None, "`pinhole mcp`"),
        (Sandbox::default(), Some(read_only.path().to_str().unwrap()), "set XDG_RUNTIME_DIR"),
        (Sandbox::default(), Some(open.path().to_str().unwrap()), "mode 0700"),
        (Sandbox::default(), Some(full.path().to_str().unwrap()), "XDG_RUNTIME_DIR"),
    ];
    for (sandbox, runtime, next) in places {
        let start = |machine: &Machine, args: &[&str]| {
            let mut command = sandbox.command(machine, args);
            command.envs(runtime.map(|runtime| ("XDG_RUNTIME_DIR", runtime)));
            Running::start(command)
        };
        let said = |running: &mut Running| {
            let error = running.until("error", "");
            assert_eq!(error["error"], "no-control", "{error}");
            assert!(
                error["detail"]
                    .as_str()
                    .unwrap()
                    .starts_with("no other command can reach this session: "),
                "{error}"
            );
            assert!(error["next"].as_str().unwrap().contains(next), "{error}");
        };
        let mut host = start(&here, &["host"]);
        said(&mut host);
        let code = host.code();
        let mut peer = start(&there, &["connect", &code]);
        said(&mut peer);
        for side in [&mut host, &mut peer] {
            side.until("status", "connected");
        }
        // What runs them in the sandbox may end them without a word to the other.
        for side in [peer, host] {
            side.signal(Signal::INT);
            side.end();
        }
        let mut named = start(&here, &["give", "--text", "x", "--label", "it"]);
        said(&mut named);
        // A session without a name goes without.
        hand_over(start(&here, &["give", "--text", "x"]), |code| start(&there, &["take", code]));
        let mut shown = start(&here, &["host", "--human"]);
        assert!(
            std::iter::from_fn(|| shown.line())
                .any(|line| line.contains("no other command can reach this session"))
        );
    }
}
