//! `--detach`: sessions that go on when their command has ended, as an agent without a terminal of
//! its own uses them.

use crate::harness::content::{bytes as random, in_full};
use crate::harness::process::{in_background, resident};
use crate::harness::sandbox::{Refused, Sandbox};
use crate::harness::socket::{send, socket};
use crate::harness::{Ended, Machine, PATIENCE, PROGRAM, Running, wait};
use pinhole_protocol::limits::WINDOW;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

/// No command of an agent may take longer: its caller gives up after a minute.
const LONGEST: Duration = Duration::from_secs(50);

/// A machine on which every command takes less than an agent's may.
struct Agent(Machine);

impl Agent {
    fn new() -> Self {
        Self(Machine::new())
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> Ended {
        let begun = Instant::now();
        let ended = self.0.run(args);
        assert!(begun.elapsed() < LONGEST, "{args:?} took {:?}", begun.elapsed());
        ended
    }

    /// Hosts, and returns the code.
    #[track_caller]
    fn host(&self, more: &[&str]) -> String {
        let hosted = self.run(&[&["host", "--detach"], more].concat()).expect(0);
        let event =
            |name: &str| hosted.all("status").into_iter().find(|status| status["event"] == name);
        assert!(event("waiting").is_some(), "{:#?}", hosted.lines);
        assert_eq!(hosted.one("session")["state"], "waiting");
        event("channel").unwrap()["code"].as_str().unwrap().to_owned()
    }

    fn status(&self) -> Vec<Value> {
        self.run(&["status"]).expect(0).all("session")
    }

    /// Receives until there is something of this type, and of this `event` if it is not empty.
    #[track_caller]
    fn until(&self, kind: &str, event: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let received = self.run(&["receive", "--wait", "40"]).expect(0);
            let mut found = received.all(kind);
            if let Some(at) =
                found.iter().position(|line| event.is_empty() || line["event"] == event)
            {
                return found.swap_remove(at);
            }
            assert!(Instant::now() < until, "no {kind} {event}");
        }
    }

    /// Waits until nothing of a session is left.
    #[track_caller]
    fn is_left_alone(&self) {
        let gone = || in_background(&self.0.home()).is_empty() && !self.runtime().exists();
        wait("left alone", || gone().then_some(()));
    }

    fn runtime(&self) -> PathBuf {
        self.0.home().join(".local/state/pinhole/run")
    }

    /// The process of the only session.
    fn session(&self) -> Pid {
        let [only] = in_background(&self.0.home())[..] else { panic!("not one") };
        only
    }

    #[track_caller]
    fn diagnostics(&self) -> String {
        let path = self.status()[0]["diagnostics"].as_str().unwrap().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::read_to_string(path).unwrap()
    }
}

fn bodies(ended: &Ended) -> Vec<Value> {
    ended.all("text").into_iter().map(|text| text["body"].clone()).collect()
}

/// An agent that only asks receives nothing besides, and its answers are more together than may
/// wait for it.
#[test]
fn answers_make_room_for_the_next() {
    let (here, there) = (Agent::new(), Machine::new());
    let code = here.host(&[]);
    let mut peer = there.start(["connect", &code]);
    let long = "x".repeat(1_000_000);
    for question in 0..WINDOW as usize / long.len() + 2 {
        let asking = here.0.start([
            "ask",
            &code[..4],
            &question.to_string(),
            "--role",
            "host",
            "--timeout",
            "40",
        ]);
        assert_eq!(peer.until("text", "")["body"], question.to_string());
        send(&socket(&there), std::slice::from_ref(&long), Some(0));
        asking.end().expect(0).one("text");
    }
    here.run(&["close", "--now"]).expect(0);
}

#[test]
fn a_program_answers_in_the_background() {
    let (here, there) = (Agent::new(), Agent::new());
    let script = "read -r word; echo \"loud: $word\" >&2; case $word in fail) exit 3;; *) echo \
                 \"$PINHOLE_ROLE heard $word\"; cat;; esac";
    let code = here.host(&["--on-message", "--", "sh", "-c", script]);
    there.run(&["connect", &code, "--detach"]).expect(0);
    let ask = |question: &str| {
        there.run(&["ask", &code[..4], question, "--timeout", "40"]).expect(0).one("text")["body"]
            .clone()
    };
    assert_eq!(ask("one\nand more"), "host heard one\nand more");
    there.run(&["send", &code, "fail"]).expect(0);
    assert_eq!(ask("two"), "host heard two");
    // Its standard error may repeat a message, and is kept nowhere.
    let diagnostics = here.diagnostics();
    assert!(
        diagnostics.contains(" error handler-failed: ") && !diagnostics.contains("loud"),
        "{diagnostics}"
    );
    assert_eq!(here.run(&["receive"]).expect(0).all("text").len(), 3);
    here.run(&["close"]).expect(0);
    here.is_left_alone();
    there.run(&["receive"]).expect(0);
    there.is_left_alone();
}

#[test]
fn two_agents_with_nothing_but_single_commands() {
    let (here, there) = (Agent::new(), Agent::new());
    let code = here.host(&["--label", "build"]);
    let number = &code[..4];
    let joined = there.run(&["connect", &code, "--detach"]).expect(0);
    assert_eq!(joined.all("status").last().unwrap()["event"], "connected");
    assert_eq!(joined.one("session")["state"], "connected");
    // Lines that the command has printed are not repeated; those since then are.
    let first = here.run(&["receive", "--label", "build", "--wait", "40"]).expect(0);
    assert!(
        first.all("status").iter().all(|status| status["event"] != "channel"),
        "{:#?}",
        first.lines
    );
    assert!(there.run(&["receive"]).expect(0).all("status").is_empty());
    for turn in ["one", "two", "three"] {
        here.run(&["send", &code, turn]).expect(0);
        assert_eq!(there.until("text", "")["body"], turn);
        there.run(&["send", number, &format!("{turn} back")]).expect(0);
        assert_eq!(here.until("text", "")["body"], format!("{turn} back"));
    }
    let content = random(3_000_000);
    there.0.write("big", &content);
    there.run(&["send", number, "--file", "big"]).expect(0);
    let saved = here.until("file", "")["saved_to"].as_str().unwrap().to_owned();
    assert!(std::fs::read(&saved).unwrap() == content);
    assert_eq!(here.status()[0]["label"], "build");
    // Something is said that nobody has received when the other side closes.
    here.run(&["send", number, "the last word"]).expect(0);
    here.run(&["close", number]).expect(0);
    here.is_left_alone();
    let until = Instant::now() + PATIENCE;
    while there.status()[0]["state"] != "ended" {
        assert!(Instant::now() < until);
    }
    assert_eq!(there.status()[0]["exit"], 0);
    assert_eq!(there.run(&["send", number, "too late"]).expect(6).failure()["error"], "peer-left");
    let last = there.run(&["receive", number]).expect(0);
    assert_eq!(bodies(&last), ["the last word"]);
    let events: Vec<_> =
        last.all("status").into_iter().map(|status| status["event"].clone()).collect();
    assert_eq!(events, ["peer_left", "closed"]);
    there.is_left_alone();
    // The delivered file stays.
    assert!(std::fs::read(saved).unwrap() == content);
}

#[test]
fn a_result_stays_to_be_asked_for() {
    let (here, there) = (Agent::new(), Agent::new());
    here.0.write("a", "content");
    let given = here.run(&["give", "a", "--detach"]).expect(0);
    let code = given.all("status")[0]["code"].as_str().unwrap().to_owned();
    let taken = there.run(&["take", &code, "--detach", "-o", "."]).expect(0);
    assert!(
        ["connected", "leaving", "ended"]
            .contains(&taken.one("session")["state"].as_str().unwrap())
    );
    // The file may come before the end is said there, or after.
    there.until("file", "");
    assert_eq!(std::fs::read(there.0.path("a")).unwrap(), b"content");
    let until = Instant::now() + PATIENCE;
    let about = loop {
        let about = here.run(&["status", &code]).expect(0).one("session");
        if about["state"] == "ended" {
            break about;
        }
        assert!(Instant::now() < until, "{about}");
    };
    assert_eq!(
        (&about["exit"], &about["reason"], &about["want"]),
        (&0.into(), &"done".into(), &"give".into())
    );
    println!(
        "an idle session with a result holds {} kB",
        resident(here.session().as_raw_nonzero().get().unsigned_abs())
    );
    // A channel that is open is meant before one that is over.
    let other = here.host(&[]);
    assert_eq!(here.run(&["receive"]).expect(0).all("delivered").len(), 0);
    here.run(&["close"]).expect(0);
    assert_eq!(here.run(&["status", &other]).expect(3).failure()["error"], "code-not-open");
    assert_eq!(here.run(&["receive"]).expect(0).one("delivered")["what"], "a");
    here.is_left_alone();
    // And one that nobody asks about goes when it is closed.
    let given = here.run(&["give", "--text", "x", "--detach"]).expect(0);
    let code = given.all("status")[0]["code"].as_str().unwrap().to_owned();
    there.run(&["take", &code]).expect(0);
    here.run(&["close"]).expect(0);
    here.is_left_alone();
}

#[test]
fn what_was_left_out_is_counted_for_whoever_asks() {
    let (here, there) = (Agent::new(), Agent::new());
    here.0.write("folder/a", "content");
    std::os::unix::fs::symlink("/a", here.0.path("folder/link")).unwrap();
    let given = here.run(&["give", "folder", "--detach"]).expect(0);
    let code = given.all("status")[0]["code"].as_str().unwrap().to_owned();
    there.run(&["take", &code]).expect(0);
    assert_eq!(here.until("delivered", "")["left_out"], 1);
    // The same for what another command sends.
    let code = here.host(&[]);
    there.run(&["connect", &code, "--detach"]).expect(0);
    let sent = here.run(&["send", &code, "--file", "folder"]).expect(0);
    assert_eq!(
        (&sent.one("delivered")["left_out"], &sent.one("error")["error"]),
        (&1.into(), &"skipped".into())
    );
    let sent = here.run(&["send", &code, "--file", "folder/a"]).expect(0);
    assert!(sent.one("delivered").get("left_out").is_none());
    here.run(&["close", &code]).expect(0);
}

#[test]
fn a_bad_end_is_told_to_whoever_asks_next() {
    let (here, there) = (Agent::new(), Agent::new());
    let code = here.host(&[]);
    there.run(&["connect", &code, "--detach"]).expect(0);
    here.run(&["send", &code, "hush-hush"]).expect(0);
    kill_process(here.session(), Signal::TERM).unwrap();
    let until = Instant::now() + PATIENCE;
    while there.status()[0]["state"] != "ended" {
        assert!(Instant::now() < until);
    }
    let about = &there.status()[0];
    assert_eq!((&about["exit"], &about["reason"]), (&6.into(), &"peer-interrupted".into()));
    let diagnostics = there.diagnostics();
    assert!(
        diagnostics.contains(" error peer-interrupted: the other side")
            && diagnostics.ends_with(" end 6 peer-interrupted\n"),
        "{diagnostics}"
    );
    let words = code.split_once('-').unwrap().1;
    assert!(!diagnostics.contains("hush") && !diagnostics.contains(words), "{diagnostics}");
    let last = there.run(&["receive"]).expect(6);
    assert_eq!(
        (bodies(&last), last.failure()["error"].as_str()),
        (vec!["hush-hush".into()], Some("peer-interrupted"))
    );
    there.is_left_alone();
    // One that is killed is in nobody's way.
    here.host(&[]);
    kill_process(here.session(), Signal::KILL).unwrap();
    // The system lets go of its lock a moment later.
    wait("killed", || in_background(&here.0.home()).is_empty().then_some(()));
    assert!(here.status().is_empty());
    assert!(!here.runtime().exists());
    here.host(&[]);
    here.run(&["close"]).expect(0);
    here.is_left_alone();
}

#[test]
fn what_fails_before_there_is_a_channel_leaves_nothing() {
    let here = Agent::new();
    let ended = here.run(&["connect", "9999-walrus-clipboard-mango", "--detach"]);
    assert!([3, 5].contains(&ended.status.code().unwrap()), "{:#?}", ended.lines);
    assert!(ended.all("session").is_empty());
    ended.failure();
    assert_eq!(
        here.run(&["give", "missing", "--detach"]).expect(2).failure()["error"],
        "no-such-file"
    );
    let typo = here.run(&["connect", "9999-walruss-clipboard-mango", "--detach"]).expect(2);
    assert_eq!(typo.failure()["error"], "code-unknown-word");
    // Nobody is asked, and nothing is printed later.
    assert_eq!(
        here.run(&["host", "--verify", "--detach"]).expect(10).failure()["error"],
        "no-answer"
    );
    assert_eq!(
        here.run(&["host", "--conflict", "ask", "--detach"]).expect(10).failure()["error"],
        "no-answer"
    );
    assert_eq!(here.run(&["take", "--detach", "-o", "-"]).expect(2).failure()["error"], "usage");
    here.is_left_alone();
}

#[test]
fn standard_input_is_read_by_the_session() {
    let (here, there) = (Agent::new(), Agent::new());
    let piped = |agent: &Agent, args: &[&str], input: &str| {
        let mut command = agent.0.command(args);
        command.stdin(Stdio::piped());
        let mut running = Running::start(command);
        running.feed(input);
        running.hang_up();
        running.end().expect(0)
    };
    for (args, kind) in
        [(["give", "-", "--detach"], "file"), (["give", "--secret", "--detach"], "secret")]
    {
        let given = piped(&here, &args, "what is piped");
        let code = given.all("status")[0]["code"].as_str().unwrap().to_owned();
        let taken = there.run(&["take", &code]).expect(0);
        let saved = taken.one(kind)["saved_to"].as_str().unwrap().to_owned();
        assert_eq!(std::fs::read(saved).unwrap(), b"what is piped");
        here.run(&["close"]).expect(0);
    }
    let code = here.host(&[]);
    piped(&there, &["connect", "-", "--detach"], &code);
    there.run(&["close"]).expect(0);
    here.run(&["close"]).expect(0);
    here.is_left_alone();
    there.is_left_alone();
}

#[test]
fn a_command_that_is_interrupted_takes_its_session_along() {
    let here = Agent::new();
    let mut command = here.0.command(["give", "--text", "-", "--detach"]);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    let until = Instant::now() + PATIENCE;
    while in_background(&here.0.home()).len() != 1 {
        assert!(Instant::now() < until);
    }
    running.signal(Signal::INT);
    let input = running.child.stdin.take();
    assert_eq!(running.end().expect(130).failure()["error"], "interrupted");
    input.unwrap().write_all(b"too late").unwrap();
    here.is_left_alone();
}

#[test]
fn many_in_the_background() {
    let here = Agent::new();
    let many = if in_full() { 100 } else { 8 };
    let codes: Vec<String> = (0..many).map(|_| here.host(&[])).collect();
    assert_eq!(here.status().len(), many);
    for code in &codes {
        here.run(&["close", code]).expect(0);
    }
    here.is_left_alone();
}

#[test]
fn what_nobody_collects_is_kept_and_holds_up_its_sender() {
    let (here, there) = (Agent::new(), Agent::new());
    let code = here.host(&[]);
    let session = here.session().as_raw_nonzero().get().unsigned_abs();
    there.run(&["connect", &code, "--detach"]).expect(0);
    // Sixteen at a time, so that few commands say much.
    let long = "x".repeat(1_000_000);
    there.0.write("long", &long);
    for _ in 0..16 {
        let mut command = there.0.command(["send", &code, "--text", "-"]);
        command.stdin(std::fs::File::open(there.0.path("long")).unwrap());
        Running::start(command).end().expect(0);
    }
    let late = "y".repeat(1_000_000);
    there.0.write("late", &late);
    let mut command = there.0.command(["send", &code, "--text", "-", "--wait", "1"]);
    command.stdin(std::fs::File::open(there.0.path("late")).unwrap());
    let held_up = Running::start(command).end().expect(11);
    assert_eq!(held_up.one("pending")["size"], 1_000_000);
    // Files go on meanwhile, both ways.
    there.0.write("file", random(20_000_000));
    here.0.write("file", random(20_000_000));
    there.run(&["send", &code, "--file", "file"]).expect(0);
    here.run(&["send", &code, "--file", "file"]).expect(0);
    let held = resident(session);
    println!("holds {held} kB");
    assert!(held <= 64 << 10, "{held} kB");
    // Nothing was lost, and collecting lets the rest through.
    let mut texts = Vec::new();
    let until = Instant::now() + PATIENCE;
    while texts.len() < 17 {
        texts.extend(here.run(&["receive", "--wait", "5"]).expect(0).all("text"));
        assert!(Instant::now() < until, "{}", texts.len());
    }
    let last = texts.last().unwrap()["saved_to"].as_str().unwrap();
    assert!(std::fs::read_to_string(last).unwrap() == late);
    there.until("delivered", "");
    here.run(&["close"]).expect(0);
    there.run(&["close"]).expect(0);
}

#[test]
fn where_nothing_lives_on_it_is_refused_and_what_is_named_instead_works() {
    let (here, there) = (Agent::new(), Machine::new());
    for sandbox in [
        Sandbox { brief: true, ..Sandbox::default() },
        Sandbox { refused: &[Refused::UnixSocket], ..Sandbox::default() },
    ] {
        let begun = Instant::now();
        let ended = Running::start(sandbox.command(&here.0, ["host", "--detach"])).end().expect(5);
        assert!(begun.elapsed() < LONGEST);
        let error = ended.failure();
        assert_eq!(error["error"], "not-detachable", "{error}");
        let next = error["next"].as_str().unwrap();
        assert!(
            ["`pinhole mcp`", "`give`", "`take`", "`ask`", "without --detach"]
                .iter()
                .all(|way| next.contains(way)),
            "{next}"
        );
        assert!(ended.all("status").is_empty(), "no code is shown: {:#?}", ended.lines);
        let mut giver = Running::start(sandbox.command(&here.0, ["give", "--text", "x"]));
        let code = giver.code();
        assert_eq!(there.run(["take", &code]).expect(0).one("text")["body"], "x");
        giver.end().expect(0);
    }
    here.is_left_alone();
}

#[test]
fn a_sandbox_that_lets_things_live_on_lets_sessions_live_on() {
    // Bubblewrap without a PID namespace of its own ends nothing but the command itself.
    let here = Agent::new();
    let ended =
        Running::start(Sandbox::default().command(&here.0, ["host", "--detach"])).end().expect(0);
    assert_eq!(ended.one("session")["state"], "waiting");
    here.run(&["close"]).expect(0);
    here.is_left_alone();
}

/// A shell is the first process of a container that has just begun, and has more to do than this
/// one command.
#[test]
fn a_container_may_be_as_young_as_its_first_command() {
    let here = Agent::new();
    let root = here.0.dir().parent().unwrap().to_owned();
    let mut command = here.0.other("bwrap");
    command
        .args(["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind"])
        .args([&root, &root]);
    command.args(["--unshare-pid", "--as-pid-1", "--", "sh", "-c"]);
    command.args(["\"$0\" host --detach && \"$0\" status && \"$0\" close; echo $?", PROGRAM]);
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(
        said.matches("\"state\":\"waiting\"").count() == 2 && said.ends_with("\n0\n"),
        "{said}"
    );
    here.is_left_alone();
}

#[test]
fn what_nobody_hears_of_is_not_left_in_the_background() {
    let (here, there) = (Agent::new(), Machine::new());
    here.0.write("report", "x");
    let mut host = there.start(["host"]);
    let code = host.code();
    let unheard = |ended: Output, how: &str| {
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(
            ended.status.code() == Some(1) && said.contains("nobody would know"),
            "{how}: {ended:?}"
        );
        here.is_left_alone();
    };
    for args in ["host", "give report", "take", "host --human", &format!("connect {code}")] {
        for to in [">&-", ">/dev/full"] {
            unheard(
                here.0
                    .shell(&format!("exec \"$0\" {args} --detach {to}"), [""; 0])
                    .output()
                    .unwrap(),
                &format!("{args} {to}"),
            );
        }
        let (unread, _) = UnixStream::pair().unwrap();
        let mut command = here.0.command(args.split(' ').chain(["--detach"]));
        unheard(command.stdout(OwnedFd::from(unread)).output().unwrap(), args);
    }
    // A disk that is full is known only when the code is written.
    unheard(
        here.0.shell("ulimit -f 0; exec \"$0\" host --detach > out", [""; 0]).output().unwrap(),
        "ulimit",
    );
    // Nothing of that has used the code, and whoever reads the first line has all that matters.
    let joined =
        here.0.shell("\"$0\" connect \"$1\" --detach | head -1", [&code]).output().unwrap();
    assert!(String::from_utf8_lossy(&joined.stdout).contains("\"waiting\""), "{joined:?}");
    host.until("status", "connected");
    here.run(&["close"]).expect(0);
    host.end().expect(0);
    here.is_left_alone();
}

/// Of each `close`, and of a `receive`, all that nobody has received before it, once.
#[test]
fn what_nobody_has_received_comes_with_the_close() {
    let (here, there) = (Agent::new(), Machine::new());
    let code = here.host(&[]);
    let peer = there.start(["connect", &code]);
    here.until("status", "connected");
    there.run(["send", &code, "read"]).expect(0);
    here.until("text", "");
    // More than an answer holds, or a pipe.
    let texts: Vec<String> =
        (0..640).map(|number| format!("{number} {}", "x".repeat(1_000))).collect();
    texts.chunks(64).for_each(|texts| drop(send(&socket(&there), texts, Some(60_000))));
    // Nothing is lost where it cannot be printed: the session stays as one that has ended.
    let unprinted = here.0.shell("exec \"$0\" close >&-", [""; 0]).output().unwrap();
    assert_eq!(unprinted.status.code(), Some(1), "{unprinted:?}");
    peer.end().expect(0);
    assert_eq!(
        (here.status()[0]["state"].as_str(), here.status()[0]["exit"].as_u64()),
        (Some("ended"), Some(0))
    );
    // Nor where its reader is in no hurry.
    let mut slow = here.0.command(["close"]).spawn().unwrap();
    let status = here.status();
    assert!(status[0]["unreceived"].as_u64() > Some(0), "{status:?}");
    let mut closed = String::new();
    slow.stdout.take().unwrap().read_to_string(&mut closed).unwrap();
    assert!(slow.wait().unwrap().success());
    let lines: Vec<Value> =
        closed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: Vec<&str> = lines.iter().filter_map(|line| line["body"].as_str()).collect();
    assert!(said == texts, "{} of {}", said.len(), texts.len());
    let events: Vec<_> = lines
        .iter()
        .filter(|line| line["type"] == "status")
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(events.last(), Some(&"closed"));
    here.is_left_alone();
}

#[test]
fn a_close_tells_the_end_of_what_ended_badly_and_both_sides_of_what_is_here() {
    let (here, there) = (Agent::new(), Agent::new());
    let code = here.host(&[]);
    there.run(&["connect", &code, "--detach"]).expect(0);
    here.run(&["send", &code, "the last word"]).expect(0);
    kill_process(here.session(), Signal::TERM).unwrap();
    let until = Instant::now() + PATIENCE;
    while there.status()[0]["state"] != "ended" {
        assert!(Instant::now() < until);
    }
    let closed = there.run(&["close"]).expect(0);
    assert_eq!(
        (bodies(&closed), closed.one("error")["error"].as_str()),
        (vec!["the last word".into()], Some("peer-interrupted"))
    );
    there.is_left_alone();
    let code = here.host(&[]);
    here.run(&["connect", &code, "--detach"]).expect(0);
    for (from, to) in [("host", "to the peer"), ("peer", "to the host")] {
        here.run(&["send", &code, to, "--role", from]).expect(0);
    }
    let closed = here.run(&["close", &code]).expect(0);
    let roles: Vec<_> =
        closed.all("session").iter().map(|session| session["role"].clone()).collect();
    assert_eq!(
        (bodies(&closed), roles),
        (vec!["to the host".into(), "to the peer".into()], vec!["host".into(), "peer".into()])
    );
    here.is_left_alone();
    // A session that is broken off has lines too.
    let code = here.host(&[]);
    let mut peer = there.0.start(["connect", &code]);
    peer.until("status", "connected");
    there.run(&["send", &code, "unread"]).expect(0);
    assert_eq!(bodies(&here.run(&["close", "--now"]).expect(0)), ["unread"]);
    here.is_left_alone();
    drop(peer);
}
