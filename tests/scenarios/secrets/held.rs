//! Secrets that a channel holds until a `receive` takes them, from another process of the same
//! machine.

use crate::harness::content::names;
use crate::harness::socket::socket;
use crate::harness::{Ended, Machine, Running};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

const VALUE: &str = "correct horse #7 $battery";

/// A channel: its host here, which holds what comes, and its other side, which sends.
struct Channel {
    here: Machine,
    there: Machine,
    host: Running,
    peer: Running,
    number: String,
}

impl Channel {
    fn open(host_args: &[&str]) -> Self {
        let (here, there) = (Machine::new(), Machine::new());
        let mut host = here.start([&["host"], host_args].concat());
        let code = host.code();
        let mut peer = there.start(["connect", &code]);
        host.until("status", "connected");
        peer.until("status", "connected");
        Self { here, there, host, peer, number: code[..4].to_owned() }
    }

    /// Sends secrets of these names and values, one after another.
    fn send(&self, secrets: &[(&str, &str)]) {
        for (name, value) in secrets {
            self.there.write(name, value);
            self.there.run(["send", &self.number, "--secret-file", name]).expect(0);
        }
    }

    fn held(&self) -> Value {
        self.here.run(["status"]).expect(0).one("session")["secrets_held"].clone()
    }

    fn receive(&self, args: &[&str]) -> Ended {
        self.here.run([&["receive", &self.number], args].concat())
    }

    /// The other side leaves.
    fn leave(&mut self) {
        self.there.run(["close"]).expect(0);
        self.host.until("status", "peer_left");
    }
}

/// The place of a secret, by its line.
fn place(line: &Value) -> (&str, Option<&str>, Option<&str>) {
    (line["stored"].as_str().unwrap(), line["saved_to"].as_str(), line["variable"].as_str())
}

#[test]
fn a_secret_is_held_until_it_is_taken_and_the_oldest_goes_first() {
    let mut it = Channel::open(&[]);
    it.send(&[("ONE", VALUE), ("TWO_KEY", "2"), ("THREE", "3")]);
    // Only named, to whoever looks.
    let told = it.receive(&[]).expect(0);
    assert_eq!(
        told.all("secret").iter().map(|secret| place(secret)).collect::<Vec<_>>(),
        [("held", None, None); 3]
    );
    assert_eq!(it.held(), 3);
    let file = it.here.path("mine");
    let taken = it.receive(&["--secret-to-file", "mine"]).expect(0);
    let line = taken.one("secret");
    assert_eq!(
        (&line["id"], &line["name"], &line["size"]),
        (&1.into(), &"ONE".into(), &VALUE.len().into())
    );
    assert_eq!(place(&line), ("file", file.to_str(), None));
    assert_eq!(
        (
            std::fs::read_to_string(&file).unwrap().as_str(),
            file.metadata().unwrap().permissions().mode() & 0o777
        ),
        (VALUE, 0o600)
    );
    // The session says the same, under the same number, and so does it to whoever receives.
    let own = (0..4).map(|_| it.host.until("secret", "")).last().unwrap();
    assert_eq!(own, line);
    assert_eq!(it.receive(&[]).expect(0).one("secret"), line);
    let line = it.receive(&["--secret-to-env-file", ".env"]).expect(0).one("secret");
    assert_eq!(place(&line), ("env-file", it.here.path(".env").to_str(), Some("TWO_KEY")));
    let script = "printf %s \"$TOKEN-$(cat)\" > got";
    let mut command = it.here.command(["receive", "--secret-exec=TOKEN", "--", "sh", "-c", script]);
    command.stdin(Stdio::piped());
    let mut taker = Running::start(command);
    taker.feed("its own input");
    taker.hang_up();
    assert_eq!(place(&taker.end().expect(0).one("secret")), ("exec", None, Some("TOKEN")));
    assert_eq!(std::fs::read_to_string(it.here.path("got")).unwrap(), "3-its own input");
    assert_eq!(it.held(), 0);
    it.here.run(["close"]).expect(0);
    it.host.end().expect(0);
    it.peer.end().expect(0);
}

#[test]
fn nothing_held_is_said_and_one_that_comes_is_waited_for() {
    let it = Channel::open(&[]);
    let none = it.receive(&["--secret-to-file", "mine"]).expect(11);
    assert_eq!(none.failure()["error"], "no-secret");
    assert!(none.failure()["next"].as_str().unwrap().contains("--wait 45"));
    let taker = it.here.start(["receive", "--secret-to-file", "mine", "--wait", "1m"]);
    it.send(&[("KEY", VALUE)]);
    taker.end().expect(0);
    assert_eq!(std::fs::read_to_string(it.here.path("mine")).unwrap(), VALUE);
    // Whoever waits hears of the end. Spoken to by hand, because a command may not have come yet.
    let mut waiting = UnixStream::connect(socket(&it.here)).unwrap();
    let collect = b"{\"v\":3,\"by\":{\"owner\":\"person\",\"all\":false},\
                     \"do\":\"collect\",\"wait\":60000}\n";
    waiting.write_all(collect).unwrap();
    it.here.run(["close"]).expect(0);
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("session-gone"), "{answer}");
    let it = Channel::open(&[]);
    // A give or take holds nothing for others.
    let machine = Machine::new();
    let mut taker = machine.start(["take"]);
    let code = taker.code();
    let error = machine.run(["receive", &code, "--secret-to-file", "mine"]).expect(2).failure();
    assert_eq!(error["error"], "not-wanted-here");
    let error = it.receive(&["-o", "."]).expect(2).failure();
    assert!(error["next"].as_str().unwrap().contains("leave out -o"));
}

#[test]
fn a_secret_that_could_not_be_put_anywhere_is_still_there() {
    let it = Channel::open(&[]);
    it.send(&[("NODE_OPTIONS", "two\r\nlines")]);
    it.here.write("there", "already");
    for (args, exit, error) in [
        (&["--secret-to-file", "there"][..], 8, "exists"),
        (&["--secret-to-file", "missing/mine"], 8, "disk"),
        (&["--secret-to-env-file", ".env"], 6, "bad-name"),
        (&["--secret-to-env-file", ".env", "--accept-env", "OTHER"], 6, "bad-name"),
        (&["--secret-to-env-file", ".env:KEY"], 1, "secret-unfit"),
        (&["--secret-exec", "--", "false"], 1, "exec-failed"),
        (&["--secret-exec", "--", "sh", "-c", "kill -9 $$"], 1, "exec-failed"),
    ] {
        let failed = it.receive(args).expect(exit);
        assert_eq!(failed.failure()["error"], error, "{args:?}");
        assert!(failed.all("secret").is_empty());
        // Both are seen before the channel is asked.
        if !["exists", "disk"].contains(&error) {
            let (detail, next) =
                (failed.failure()["detail"].to_string(), failed.failure()["next"].to_string());
            assert!(
                detail.contains("the secret stays in the channel")
                    && next.contains("pinhole receive"),
                "{detail} {next}"
            );
        }
        assert_eq!(it.held(), 1, "{args:?}");
    }
    assert_eq!(
        (names(it.here.dir()), std::fs::read(it.here.path("there")).unwrap()),
        (vec!["there".to_owned()], b"already".to_vec())
    );
    it.receive(&["--secret-to-file", "mine"]).expect(0);
}

#[test]
fn who_takes_and_is_killed_has_not_taken() {
    let it = Channel::open(&[]);
    it.send(&[("KEY", VALUE), ("NEXT", "next")]);
    for signal in [Signal::KILL, Signal::INT] {
        let mut taker = it.here.start([
            "receive",
            &it.number,
            "--secret-exec",
            "--",
            "sh",
            "-c",
            "echo got >&2; exec sleep 1000",
        ]);
        assert_eq!(taker.error_line().unwrap(), "got");
        // Another gets the one behind it meanwhile; one that is being taken is not lost sight of.
        if signal == Signal::KILL {
            it.receive(&["--secret-to-file", "next"]).expect(0);
        }
        assert_eq!(it.held(), 1);
        taker.signal(signal);
        taker.child.wait().unwrap();
    }
    it.receive(&["--secret-to-file", "mine", "--wait", "1m"]).expect(0);
    let read = |name| std::fs::read_to_string(it.here.path(name)).unwrap();
    assert_eq!((read("mine").as_str(), read("next").as_str()), (VALUE, "next"));
}

#[test]
fn a_session_that_is_killed_meanwhile_takes_nothing_along() {
    let mut it = Channel::open(&[]);
    it.send(&[("KEY", VALUE)]);
    let script = "echo got >&2; read -r go < gate; cat > mine";
    rustix::fs::mkfifoat(rustix::fs::CWD, it.here.path("gate"), 0o600.into()).unwrap();
    let mut taker =
        it.here.start(["receive", &it.number, "--secret-exec", "--", "sh", "-c", script]);
    assert_eq!(taker.error_line().unwrap(), "got");
    it.host.signal(Signal::KILL);
    it.host.child.wait().unwrap();
    std::fs::write(it.here.path("gate"), "go\n").unwrap();
    let failure = taker.end().failure();
    assert_eq!(
        (&failure["error"], std::fs::read_to_string(it.here.path("mine")).unwrap().as_str()),
        (&"session-gone".into(), VALUE)
    );
    assert!(
        failure["detail"].as_str().unwrap().starts_with("the secret was handed over"),
        "{failure}"
    );
}

#[test]
fn where_no_command_can_come_nothing_is_held() {
    let (here, there) = (Machine::new(), Machine::new());
    std::fs::create_dir_all(here.home().join(".local/state/pinhole")).unwrap();
    std::fs::create_dir(here.home().join(".local/state/pinhole/run")).unwrap();
    std::fs::set_permissions(
        here.home().join(".local/state/pinhole/run"),
        std::fs::Permissions::from_mode(0o777),
    )
    .unwrap();
    let mut host = here.start(["host"]);
    let code = host.code();
    there.write("key", VALUE);
    let _peer = there.start(["give", "--code", &code, "--secret-file", "key"]);
    let secret = host.until("secret", "");
    assert_eq!(secret["stored"], "file");
    assert_eq!(std::fs::read_to_string(secret["saved_to"].as_str().unwrap()).unwrap(), VALUE);
    host.end().expect(0);
}

#[test]
fn a_session_lives_on_for_what_it_holds() {
    let mut it = Channel::open(&["--ttl", "1h"]);
    it.send(&[("ONE", "1"), ("TWO", "2")]);
    it.leave();
    let holding = it.host.until("status", "holding");
    assert_eq!((&holding["secrets"], &holding["seconds_left"]), (&2.into(), &3600.into()));
    let session = it.here.run(["status"]).expect(0).one("session");
    assert_eq!((&session["state"], &session["secrets_held"]), (&"leaving".into(), &2.into()));
    assert!(session["expires_at"].is_string());
    assert_eq!(it.here.run(["send", &it.number, "x"]).expect(6).failure()["error"], "peer-left");
    it.receive(&["--secret-to-file", "one"]).expect(0);
    assert_eq!(it.here.run(["close"]).expect(11).failure()["error"], "secrets-held");
    it.receive(&["--secret-to-file", "two"]).expect(0);
    let host = it.host.end().expect(0);
    assert_eq!(host.all("secret").len(), 4);
    assert_eq!(it.here.run(["status"]).expect(0).all("session").len(), 0);
}

#[test]
fn what_is_lost_is_said() {
    // Before the other side has left, and after.
    for gone in [false, true] {
        for how in ["interrupt", "close"] {
            let mut it = Channel::open(&[]);
            it.send(&[("ONE", VALUE), ("TWO", "2")]);
            if gone {
                it.leave();
                it.host.until("status", "holding");
            }
            let refused = it.here.run(["close", &it.number]).expect(11).failure();
            assert_eq!(refused["error"], "secrets-held");
            let next = refused["next"].as_str().unwrap();
            assert!(next.contains(&format!("pinhole close {} --now", it.number)), "{next}");
            assert_eq!(it.held(), 2);
            match how {
                "interrupt" => it.host.signal(Signal::INT),
                _ => drop(it.here.run(["close", "--now"]).expect(0)),
            }
            let host = it.host.end().expect(130);
            let detail = host.failure()["detail"].to_string();
            assert!(detail.contains("2 secrets that nobody has taken"), "{detail}");
            assert!(!host.everything().contains(VALUE));
        }
    }
}

#[test]
fn more_than_can_be_held_waits_at_the_other_side() {
    let mut it = Channel::open(&[]);
    // The longest that there is, sixteen of which are just within the bound.
    it.there.write("long", "x".repeat((1 << 20) - 1024));
    let send = |wait| it.there.run(["send", &it.number, "--secret-file", "long", "--wait", wait]);
    for _ in 0..16 {
        send("1m").expect(0);
    }
    assert_eq!(send("0").expect(11).failure()["error"], "unfinished");
    // A file overtakes it, so there was time for it too.
    it.there.write("small", "x");
    it.there.run(["send", &it.number, "--file", "small"]).expect(0);
    assert_eq!(it.held(), 16);
    it.receive(&["--secret-to-file", "mine"]).expect(0);
    (0..18).for_each(|_| drop(it.peer.until("delivered", "")));
    assert_eq!(it.held(), 16);
}

#[test]
fn what_the_command_line_has_a_place_for_is_not_held() {
    let mut it = Channel::open(&["--secret-to-file", "first"]);
    it.send(&[("ONE", "1"), ("TWO", "2")]);
    assert_eq!(place(&it.host.until("secret", "")).0, "file");
    assert_eq!(place(&it.host.until("secret", "")).0, "held");
    assert_eq!(std::fs::read_to_string(it.here.path("first")).unwrap(), "1");
}
