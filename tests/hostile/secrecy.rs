//! A secret and the words of its code are nowhere but where they belong: no output, no process
//! list, no environment, no other file (C10).

use crate::harness::{Ended, Machine, Running, port};
use crate::line::{At, Line, Passed};
use crate::peer::wrong;
use crate::sender::tree;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Barrier};

const SECRET: &str = "correct-horse-7f3a9c1e-battery-staple";

/// Command line and environment of a process, as `ps` shows them.
fn seen_from_outside(process: &Running) -> (String, String) {
    // A process that has just ended shows nothing any more.
    let shown = |name: &str| {
        std::fs::read(format!("/proc/{}/{name}", process.child.id())).unwrap_or_default()
    };
    let read = |name: &str| String::from_utf8_lossy(&shown(name)).into_owned();
    (read("cmdline"), read("environ"))
}

/// The words of a code that can be looked for: long enough not to be part of another word, and not
/// among those that the program says anyway ("already" and "answer" are in the list).
fn words<'a>(code: &'a str, ordinary: &str) -> impl Iterator<Item = &'a str> {
    let ordinary = ordinary.to_lowercase();
    code.split('-').skip(1).filter(move |word| word.len() >= 5 && !ordinary.contains(word))
}

/// The output of sessions with other codes.
fn ordinary() -> String {
    let mut all = String::new();
    for format in ["--json", "--human"] {
        for right in [true, false] {
            let (here, there) = (Machine::new(), Machine::new());
            here.write("token", "x");
            let mut giver = here.start(["give", "--secret-file", "token"]);
            let code = giver.code();
            let code = if right { code } else { wrong(&code) };
            let taker = talkative(&there, &["take", &code, format]);
            let (_, environment) = seen_from_outside(&taker);
            all.extend([environment, said(&taker.end()), said(&giver.end())]);
        }
    }
    all
}

/// Fails if one of `hidden` is in `text`, as it is or with its case changed.
#[track_caller]
fn without(text: &str, hidden: &[&str]) {
    let lower = text.to_lowercase();
    for word in hidden {
        assert!(!lower.contains(&word.to_lowercase()), "{word:?} is in {text}");
    }
}

/// Everything that a process said, without the three fields of its own `channel` event that are
/// there to show the code.
fn said(ended: &Ended) -> String {
    let lines = ended.lines.iter().map(|line| {
        let Ok(mut value) = serde_json::from_str::<Value>(line) else { return line.clone() };
        if value["event"] == "channel" {
            for field in ["code", "join", "joins"] {
                assert!(value.as_object_mut().unwrap().remove(field).is_some());
            }
        }
        value.to_string()
    });
    lines.chain(ended.errors.iter().cloned()).collect::<Vec<_>>().join("\n")
}

/// Talks as much as it can be made to.
fn talkative(machine: &Machine, args: &[&str]) -> Running {
    let mut command = machine.command(args);
    command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
    Running::start(command)
}

#[test]
fn a_secret_is_in_its_file_and_nowhere_else() {
    let ordinary = ordinary();
    for human in [false, true] {
        let (here, there) = (Machine::new(), Machine::new());
        here.write("token", SECRET);
        let mut giver = talkative(&here, &["give", "--secret-file", "token"]);
        let code = giver.code();
        let hidden: Vec<_> = words(&code, &ordinary).chain([SECRET]).collect();
        // The taker is looked at while message 1 is held up.
        let gate = Arc::new(Barrier::new(2));
        let held = Arc::clone(&gate);
        let line = Line::new(port(&code), move |at, bytes| {
            if at == At::Hello {
                held.wait();
                held.wait();
            }
            Passed::On(bytes)
        });
        let address = line.code(&code);
        let mut args = vec!["take", address.as_str()];
        args.extend(human.then_some("--human"));
        let taker = talkative(&there, &args);
        gate.wait();
        let (giver_line, giver_environment) = seen_from_outside(&giver);
        let (taker_line, taker_environment) = seen_from_outside(&taker);
        gate.wait();
        without(&giver_line, &hidden);
        without(&giver_environment, &hidden);
        without(&taker_line, &[SECRET]);
        without(&taker_environment, &hidden);

        let (taker, giver) = (taker.end().expect(0), giver.end().expect(0));
        without(&said(&giver), &hidden);
        without(&said(&taker), &hidden);
        let found: Vec<_> = tree(&there)
            .into_iter()
            .map(|path| there.dir().parent().unwrap().join(path))
            .filter(|path| path.is_file())
            .collect();
        let [file] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(std::fs::read_to_string(file).unwrap(), SECRET);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        without(&file.to_string_lossy(), &hidden);
        assert_eq!(tree(&here), ["work/token"]);
    }
}

#[test]
fn a_channel_opened_by_the_taker_keeps_them_as_well() {
    let ordinary = ordinary();
    let (here, there) = (Machine::new(), Machine::new());
    let mut taker = talkative(&there, &["take"]);
    let code = taker.code();
    let hidden: Vec<_> = words(&code, &ordinary).chain([SECRET]).collect();
    let mut command = here.command(["give", "--code", &code, "--secret"]);
    command.stdin(std::process::Stdio::piped());
    let mut giver = Running::start(command);
    giver.feed(SECRET);
    let (giver_line, giver_environment) = seen_from_outside(&giver);
    giver.hang_up();
    let (taker_line, taker_environment) = seen_from_outside(&taker);
    without(&giver_line, &[SECRET]);
    for seen in [giver_environment, taker_line, taker_environment] {
        without(&seen, &hidden);
    }
    let (giver, taker) = (giver.end().expect(0), taker.end().expect(0));
    without(&said(&giver), &hidden);
    without(&said(&taker), &hidden);
}

#[test]
fn a_wrong_code_is_not_repeated_to_anybody() {
    let ordinary = ordinary();
    let (here, there) = (Machine::new(), Machine::new());
    here.write("token", SECRET);
    let mut giver = talkative(&here, &["give", "--secret-file", "token"]);
    let code = giver.code();
    let wrong = wrong(&code);
    let hidden: Vec<_> =
        words(&code, &ordinary).chain(words(&wrong, &ordinary)).chain([SECRET]).collect();
    let taker = talkative(&there, &["take", &wrong]).end().expect(3);
    let giver = giver.end().expect(3);
    without(&said(&giver), &hidden);
    without(&said(&taker), &hidden);
}
