//! A program that answers the other side's texts (`--on-message`), and the first text (`--first`).

use crate::harness::process::gone;
use crate::harness::{Ended, Machine, PROGRAM, Running};
use rustix::process::Signal;
use serde_json::Value;

/// A host whose texts this script answers, and its peer; what was between them.
struct Pair {
    host: Running,
    peer: Running,
    there: Machine,
    number: String,
    _here: Machine,
}

fn pair(args: &[&str], script: &str) -> Pair {
    let here = Machine::new();
    let command =
        here.command([&["host", "--on-message"], args, &["--", "sh", "-c", script]].concat());
    joined(here, command)
}

fn joined(here: Machine, command: std::process::Command) -> Pair {
    let there = Machine::new();
    let mut host = Running::start(command);
    let code = host.code();
    let mut peer = there.start(["connect", &code]);
    peer.until("status", "connected");
    Pair { host, peer, there, number: code[..4].to_owned(), _here: here }
}

impl Pair {
    /// The peer sends a text, which is in no argument.
    fn say(&self, text: &str) {
        self.there.write("text", text);
        let mut command = self.there.command(["send", &self.number, "--text", "-"]);
        command.stdin(std::fs::File::open(self.there.path("text")).unwrap());
        Running::start(command).end().expect(0);
    }

    fn heard(&mut self) -> String {
        let text = self.peer.until("text", "");
        match text["saved_to"].as_str() {
            Some(path) => std::fs::read_to_string(path).unwrap(),
            None => text["body"].as_str().unwrap().to_owned(),
        }
    }

    /// The peer closes the channel: how both ended.
    fn close(self) -> (Ended, Ended) {
        self.there.run(["close", &self.number]).expect(0);
        (self.host.end().expect(0), self.peer.end().expect(0))
    }
}

fn bodies(ended: &Ended) -> Vec<Value> {
    ended.all("text").iter().map(|text| text["body"].clone()).collect()
}

fn errors(ended: &Ended) -> Vec<String> {
    ended.all("error").iter().map(|error| error["error"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_text_is_answered_in_order_and_arrives_as_it_was() {
    let mut pair = pair(&[], "cat");
    let long = "x".repeat(100_000);
    let texts = [
        "one",
        "\"$(touch hacked)\" `id` 'q' \\ ; rm -rf x &",
        "two\nlines\t\u{202e}\u{1b}[31m é\0.",
        &long,
    ];
    texts.iter().for_each(|text| pair.say(text));
    for text in texts {
        assert_eq!(pair.heard(), text);
    }
    assert!(!pair._here.path("hacked").exists());
    let (host, _) = pair.close();
    assert_eq!(host.all("delivered").len(), texts.len());
}

#[test]
fn a_handler_can_read_the_line_for_programs() {
    let here = Machine::new();
    let command = here.command(["host", "--on-message=json", "--", "cat"]);
    let mut pair = joined(here, command);
    pair.say("a \"quote\"");
    let line: Value = serde_json::from_str(&pair.heard()).unwrap();
    assert_eq!(
        (&line["type"], &line["body"], &line["trust"]),
        (&"text".into(), &"a \"quote\"".into(), &"untrusted".into())
    );
    assert_eq!(line, pair.host.until("text", ""));
    pair.close();
}

#[test]
fn a_handler_without_an_answer_is_said_and_harms_nothing() {
    let script = "read said; case $said in
        fail) echo half an answer; exit 3;;
        endless) echo half an answer; sleep 1000;;
        much) head -c 2097152 /dev/zero | tr '\\0' x;;
        killed) echo half an answer; kill -9 $$;;
        nothing) ;;
        *) echo said $said;;
    esac";
    let mut pair = pair(&["--handler-timeout", "2"], script);
    ["fail", "endless", "much", "killed", "nothing", "hello"]
        .iter()
        .for_each(|text| pair.say(&format!("{text}\n")));
    assert_eq!(pair.heard(), "said hello");
    let (host, peer) = pair.close();
    assert_eq!(bodies(&peer), ["said hello"]);
    assert_eq!(
        errors(&host),
        ["handler-failed", "handler-timeout", "handler-failed", "handler-failed"]
    );
    assert!(host.all("error").iter().all(|error| error["next"].is_string()), "{:#?}", host.lines);
    assert_eq!(host.all("text").len(), 6);
}

#[test]
fn a_handler_gets_no_variable_that_was_not_meant_for_it() {
    let here = Machine::new();
    let mut command = here.command(["host", "--on-message", "--handler-env", "MEANT", "--", "env"]);
    command
        .env("API_SECRET", "hush-hush")
        .env("MEANT", "for it")
        .env("PINHOLE_HOST_TOKEN", "hush-hush-hush-hush")
        .env("XDG_DATA_HOME", "/x");
    let mut pair = joined(here, command);
    pair.say("what do you have?");
    let said = pair.heard();
    assert!(!said.contains("hush"), "{said}");
    for line in [
        "MEANT=for it",
        "XDG_DATA_HOME=/x",
        "PATH=/usr/bin:/bin",
        "PINHOLE_ROLE=host",
        "PINHOLE_TURN=1",
        "PINHOLE_NETWORK=loopback",
    ] {
        assert!(said.lines().any(|it| it == line), "{line}: {said}");
    }
    assert!(said.contains(&format!("PINHOLE_CHANNEL={}\n", pair.number)), "{said}");
    pair.close();
}

#[test]
fn a_handler_can_send_a_file_through_the_channel() {
    let script = format!(
        "echo content > made; {} send \"$PINHOLE_CHANNEL\" --file made >&2 && echo sent",
        PROGRAM
    );
    let mut pair = pair(&[], &script);
    pair.say("send it");
    assert_eq!(pair.peer.until("file", "")["name"], "made");
    assert_eq!(pair.heard(), "sent");
}

#[test]
fn once_is_one_text_and_one_answer() {
    let mut pair = pair(&["--once"], "cat; echo !");
    pair.say("well");
    assert_eq!(pair.heard(), "well!");
    pair.host.end().expect(0);
    pair.peer.end().expect(0);
    // Without an answer the session has not done what it was for.
    let pair = self::pair(&["--once"], "exit 3");
    pair.say("well");
    assert_eq!(pair.host.end().expect(1).failure()["error"], "handler-failed");
    assert!(pair.peer.end().expect(0).all("text").is_empty());
}

#[test]
fn two_handlers_hold_a_conversation_that_ends() {
    let (here, there) = (Machine::new(), Machine::new());
    let count = "read n; echo $((n + 1))";
    let mut host = here.start([
        "host",
        "--first",
        "0",
        "--on-message",
        "--max-turns",
        "8",
        "--",
        "sh",
        "-c",
        count,
    ]);
    let code = host.code();
    let peer = there
        .run(["connect", &code, "--on-message", "--max-turns", "8", "--", "sh", "-c", count])
        .expect(0);
    let host = host.end().expect(0);
    assert_eq!(bodies(&peer), ["0", "2", "4", "6"]);
    assert_eq!(bodies(&host), ["1", "3", "5", "7"]);
    assert!(
        errors(&host) == ["turns-over"] || errors(&peer) == ["turns-over"],
        "{:#?} {:#?}",
        host.lines,
        peer.lines
    );
    assert_eq!(host.one("end")["reason"], "done");
}

#[test]
fn one_side_alone_can_end_a_conversation() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host", "--on-message", "--", "cat"]);
    let code = host.code();
    there.write("first", "ping");
    let mut command = there.command([
        "connect",
        &code,
        "--first",
        "-",
        "--on-message",
        "--max-turns",
        "5",
        "--",
        "cat",
    ]);
    command.stdin(std::fs::File::open(there.path("first")).unwrap());
    let peer = Running::start(command).end().expect(0);
    let host = host.end().expect(0);
    // One more may cross the goodbye; it is not answered.
    assert!(
        bodies(&host).len() == 3 && (2..=3).contains(&bodies(&peer).len()),
        "{:#?}",
        peer.lines
    );
    assert_eq!((errors(&host).len(), errors(&peer)), (0, vec!["turns-over".to_owned()]));
}

#[test]
fn a_session_that_ends_ends_its_handler() {
    let mut pair = pair(&[], "sleep 1000 & echo $$ >&2; echo $! >&2; wait");
    pair.say("go");
    let pids = [pair.host.error_line().unwrap(), pair.host.error_line().unwrap()];
    pair.host.signal(Signal::INT);
    let host = pair.host.end();
    assert_eq!(host.status.code(), Some(130), "{:#?}", host.lines);
    pids.iter().for_each(|pid| gone(pid));
    pair.peer.end().expect(6);
}

#[test]
fn a_handler_that_has_a_text_finishes_though_the_other_side_has_left() {
    let here = Machine::new();
    let fifo = here.path("go");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
        .unwrap();
    let mut host = here.start([
        "host",
        "--on-message",
        "--",
        "sh",
        "-c",
        "cat > half; read go < go; mv half whole; echo too late",
    ]);
    let code = host.code();
    // It leaves as soon as that is delivered.
    Machine::new().run(["give", "--code", &code, "--text", "do it"]).expect(0);
    host.until("status", "peer_left");
    std::fs::write(fifo, "go\n").unwrap();
    assert!(host.end().expect(0).all("error").is_empty());
    assert_eq!(std::fs::read_to_string(here.path("whole")).unwrap(), "do it");
}

#[test]
fn a_channel_that_is_closed_waits_for_no_handler() {
    let mut pair = pair(&[], "echo $$ >&2; exec sleep 1000");
    pair.say("one");
    let pid = pair.host.error_line().unwrap();
    let mut command = pair.there.command(["send", &pair.number, "two", "--wait", "0"]);
    assert_eq!(
        command.output().unwrap().status.code(),
        Some(11),
        "it is taken only when the first is done"
    );
    pair.host.until("text", "");
    pair.host.until("text", "");
    pair._here.run(["close"]).expect(0);
    assert_eq!(pair.host.end().status.code(), Some(0));
    gone(&pid);
    let peer = pair.peer.end().expect(0);
    assert_eq!((peer.all("delivered").len(), peer.all("text").len()), (2, 0));
}

#[test]
fn what_cannot_be_is_said_before_there_is_a_code() {
    let here = Machine::new();
    for (args, error) in [
        (&["--on-message"][..], "usage"),
        (&["--on-message", "--", "pinhole-has-no-such-program"], "no-such-file"),
        (&["--on-message", "--", "/etc/passwd"], "no-such-file"),
        (&["--on-message", "--secret-exec", "--", "cat"], "usage"),
        (&["--on-message=xml", "--", "cat"], "usage"),
        (&["--on-message", "--max-turns", "0", "--", "cat"], "usage"),
        (&["--on-message", "--handler-env", "NOT_SET", "--", "cat"], "no-such-variable"),
        (&["--on-message", "--handler-env", "A=b", "--", "cat"], "no-such-variable"),
        (&["--on-message", "--handler-env", "PINHOLE_CODE", "--", "cat"], "usage"),
        (&["--max-turns", "3"], "usage"),
        (&["--once"], "usage"),
        (&["--first", ""], "usage"),
        (&["--", "cat"], "usage"),
    ] {
        let ended = here.run([&["host"], args].concat()).expect(2);
        assert_eq!(ended.failure()["error"], error, "{args:?}");
        assert!(
            ended.all("status").is_empty() && ended.failure()["next"].is_string(),
            "{args:?}: {:#?}",
            ended.lines
        );
    }
    let error = here.run(["connect", "-", "--first", "-"]).expect(2).failure();
    assert!(error["detail"].as_str().unwrap().contains("not both"), "{error}");
}
