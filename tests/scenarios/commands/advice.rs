//! The advice of errors (EVENTS, "What to run"). `contract.rs` checks, for each line that is read,
//! that it keeps to the closed list.

use crate::harness::contract::statuses;
use crate::harness::{Ended, Machine, PROGRAM, Running};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The command that a line allows to be run.
fn run_of(line: &Value) -> Vec<String> {
    let run = line["run"].as_array().unwrap_or_else(|| panic!("nothing to run: {line}"));
    run.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Runs what a line says, as it stands.
fn follow(here: &Machine, line: &Value) -> Ended {
    let run = run_of(line);
    // Of this machine is the environment, of the line the program and all its arguments.
    assert_eq!(run[0], PROGRAM, "PATH does not lead to this program: {line}");
    here.run(&run[1..])
}

#[test]
fn what_is_not_known_here_is_answered_by_what_is() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    host.until("status", "waiting");
    for args in [
        &["send", "9471", "x"][..],
        &["status", "9471-walrus-clipboard-mango"],
        &["close", "9471"],
        &["receive", "9471"],
    ] {
        let listed = follow(&here, &here.run(args).expect(3).failure()).expect(0);
        assert_eq!(listed.all("session").len(), 1, "{args:?}");
    }
    // A command that shows nothing tells that nothing is there, and no more.
    assert!(
        follow(&there, &there.run(["receive", "9471"]).expect(3).failure())
            .expect(0)
            .all("session")
            .is_empty()
    );
    drop(host);
}

#[test]
fn what_is_not_there_yet_is_waited_for() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let code = host.code();
    let number = code.split('-').next().unwrap();
    // Nobody has come, so it is on its way.
    let sent = here.run(["send", number, "hello", "--wait", "0"]).expect(11);
    let (pending, unfinished) = (sent.one("pending"), sent.failure());
    assert_eq!(
        (run_of(&pending), &unfinished["error"]),
        (run_of(&unfinished), &"unfinished".into())
    );
    // It would be dropped by force alone, and that is for the user.
    let refused = here.run(["close", number]).expect(11).failure();
    assert_eq!(
        (&refused["error"], &refused["ask"], &refused["run"]),
        (&"undelivered".into(), &"user".into(), &Value::Null)
    );
    let mut peer = there.start(["connect", &code]);
    peer.until("text", "");
    // The command of another side of the same number, on its own machine.
    let no_text = here.run(["receive", number, "-o", "-"]).expect(11).failure();
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| follow(&here, &no_text));
        there.run(["send", number, "an answer"]).expect(0);
        waiting.join().unwrap()
    });
    assert!(waiting.expect(0).everything().contains("an answer"));
    let heard = follow(&here, &pending).expect(0);
    assert!(
        heard.all("delivered").iter().any(|line| line["what"] == "a text"),
        "{}",
        heard.everything()
    );
    // A secret: by what an error says nothing of it is taken.
    let none = here.run(["receive", number, "--secret-to-file", "token"]).expect(11).failure();
    assert_eq!(none["error"], "no-secret");
    let secret = there.write("secret", "hush");
    there.run(["send", number, "--secret-file", secret.to_str().unwrap()]).expect(0);
    // The same again would take it, so nothing is said that may be run unread.
    assert_eq!(none.get("run"), None);
    let held = here.run(["receive", number]).expect(0).one("secret");
    assert_eq!(held["stored"], "held");
    assert!(
        held["next"].as_str().unwrap().starts_with(&format!("pinhole receive {number} "))
            && held.get("run").is_none(),
        "{held}"
    );
    let kept = here.run(["close", number]).expect(11).failure();
    assert_eq!((&kept["error"], &kept["ask"]), (&"secrets-held".into(), &"user".into()));
    drop((host, peer));
}

#[test]
fn a_code_that_is_joined_already_is_listened_to() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = there.start(["host"]);
    let code = host.code();
    let mut peer = here.start(["connect", &code]);
    peer.until("status", "connected");
    host.until("status", "connected");
    there.run(["send", &code[..4], "hello"]).expect(0);
    let heard = follow(&here, &here.run(["connect", &code]).expect(3).failure()).expect(0);
    assert_eq!(heard.one("text")["body"], "hello");
}

#[test]
fn what_was_typed_wrong_is_explained() {
    let here = Machine::new();
    for (args, names) in [
        (&["connect"][..], "pinhole connect"),
        (&["no-such"], "Usage: pinhole"),
        (&["host", "--max-turns", "3"], "--on-message"),
    ] {
        let failure = here.run(args).expect(2).failure();
        let run = run_of(&failure);
        let help = here.command(&run[1..]).output().unwrap();
        assert!(
            help.status.success() && String::from_utf8(help.stdout).unwrap().contains(names),
            "{args:?}"
        );
    }
}

#[test]
fn the_program_is_named_as_path_finds_it() {
    let here = Machine::new();
    let own = PathBuf::from(PROGRAM);
    let run = |path: &Path| {
        let mut command = here.command(["receive", "9471"]);
        command.env("PATH", path);
        run_of(&Running::start(command).end().expect(3).failure())[0].clone()
    };
    assert_eq!(run(own.parent().unwrap()), "pinhole");
    // Another of that name is another program.
    std::fs::create_dir(here.path("bin")).unwrap();
    std::fs::copy("/bin/true", here.path("bin/pinhole")).unwrap();
    assert_eq!(Path::new(&run(&here.path("bin"))), own);
    assert_eq!(Path::new(&run(&here.path("nowhere"))), own);
}

/// Kinds that no black-box test makes, and why.
const NOT_MADE: [(&str, &str); 14] = [
    (
        "backlog",
        "more than a channel holds, of a side that receives nothing: in control/backlog.rs",
    ),
    (
        "not-verified",
        "a person at each side: in hostile/verify.rs at terminals, by its words for people",
    ),
    (
        "expired",
        "an hour, or a minute at least: in the simulation of the core, and session/lingering.rs",
    ),
    ("nobody-came", "the same"),
    (
        "peer-protocol",
        "this program breaks no protocol: a peer in Python does (vectors/live.py), and then it is \
        `protocol`",
    ),
    ("special", "a reason for one file among others, where it is in `missing`"),
    ("peer-special", "the same"),
    ("peer-link", "the same"),
    ("over-limits", "the same"),
    ("peer-over-limits", "the same"),
    (
        "stream-spent",
        "a second offer of the same input needs a second code: in outbox/tests/streaming.rs",
    ),
    ("name-too-long", "no file system here has such a name: in outbox/tests/selecting.rs"),
    ("too-many-items", "16,385 paths: in outbox/tests/selecting.rs"),
    ("internal", "a machine without threads"),
];

/// Every kind of error is made by a test through the binary, or it stands above why it is not.
#[test]
fn every_kind_is_made_or_it_is_said_why_not() {
    let mut written = String::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs")
                && !path.ends_with("commands/advice.rs")
            {
                written.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    written.push_str(include_str!("advice.rs").split("const NOT_MADE").next().unwrap());
    let unmade: Vec<_> = statuses()
        .into_keys()
        .filter(|word| *word != "done" && !written.contains(&format!("\"{word}\"")))
        .collect();
    let mut listed: Vec<_> = NOT_MADE.iter().map(|(word, _)| *word).collect();
    listed.sort_unstable();
    assert_eq!(unmade, listed);
}
