//! Impossible requests are refused at once, with the next step, and nothing is dialled or shown for
//! them.

use crate::harness::content::names;
use crate::harness::{Machine, Running};
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::process::Stdio;

#[test]
fn a_code_that_cannot_be_one_is_never_dialled() {
    let there = Machine::new();
    let (listener, port) = loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if port >= 1024 {
            break (listener, port);
        }
    };
    listener.set_nonblocking(true).unwrap();
    for (code, word, detail) in [
        (format!("{port}-walruss-clipboard-mango"), "code-unknown-word", "did you mean `walrus`?"),
        (
            format!("{port}-walrus-klippbord-mango"),
            "code-unknown-word",
            "`klippbord` is not a code word",
        ),
        (format!("{port}-walrus"), "code-malformed", "at least three words"),
        (format!("{port}-walrus-clipboard"), "code-malformed", "a word is missing"),
        (format!("{port}"), "code-malformed", "at least three words"),
        (format!("{port}{}", "-walrus".repeat(9)), "code-malformed", "at most eight words"),
        ("walrus-clipboard-mango".to_owned(), "code-malformed", "begins with its number"),
        ("1000-walrus-clipboard-mango".to_owned(), "code-malformed", "no code has that number"),
        ("65536-walrus-clipboard-mango".to_owned(), "code-malformed", "no code has that number"),
        ("417-walrus-clipboard-mango".to_owned(), "no-relay", "relay"),
        (String::new(), "code-malformed", "begins with its number"),
    ] {
        let error = there.run(["take", &code]).expect(2).failure();
        assert_eq!(error["error"], word, "{code:?}");
        assert!(
            error["detail"].as_str().unwrap().contains(detail) && error["next"].is_string(),
            "{code:?}: {error}"
        );
    }
    assert_eq!(listener.accept().err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
}

#[test]
fn a_closed_port_is_said_to_be_one() {
    let there = Machine::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = there.run(["take", &format!("{port}-walrus-clipboard-mango")]).expect(3).failure();
    assert_eq!(error["error"], "code-unavailable");
    let error = there
        .run(["take", &format!("{port}-walrus-clipboard-mango@127.0.0.1")])
        .expect(5)
        .failure();
    assert_eq!(error["error"], "host-unreachable");
    let error = there.run(["take", "9471-walrus-clipboard-mango@192.0.2.1"]).expect(5).failure();
    assert_eq!(error["error"], "network-forbidden");
}

#[test]
fn a_port_that_is_taken_is_not_shared() {
    let here = Machine::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    assert_eq!(
        here.run(["give", "--text", "x", "--port", &port]).expect(5).failure()["error"],
        "cannot-listen"
    );
    assert_eq!(
        here.run(["give", "--text", "x", "--bind", "192.0.2.1"]).expect(5).failure()["error"],
        "network-forbidden"
    );
}

#[test]
fn sources_that_cannot_be_given_are_refused_before_the_code() {
    let here = Machine::new();
    std::os::unix::fs::symlink("nowhere", here.path("dangling")).unwrap();
    for (args, exit, word) in [
        (vec!["give"], 2, "nothing-to-give"),
        (vec!["give", "missing"], 2, "no-such-file"),
        (vec!["give", "dangling"], 2, "no-such-file"),
        (vec!["give", "/dev/null"], 2, "not-sendable"),
        (vec!["give", "/"], 2, "not-sendable"),
        (vec!["give", "-", "missing"], 2, "stream-alone"),
        (vec!["give", "--text", "-", "-"], 2, "usage"),
        (vec!["give", "--words", "2", "--text", "x"], 2, "usage"),
        (vec!["give", "--words", "9", "--text", "x"], 2, "usage"),
        (vec!["give", "--ttl", "59s", "--text", "x"], 2, "usage"),
        (vec!["give", "--exclude", "a{b", "."], 2, "bad-pattern"),
        (vec!["give", "--exclude", "!", "."], 2, "bad-pattern"),
        (vec!["give", "--progress", "1.5", "."], 2, "usage"),
        (vec!["give", "--progress", "OFF", "."], 2, "usage"),
        (vec!["take", "-o", "no/such/folder/"], 8, "disk"),
        (vec!["take", "-o", "no/such/name"], 8, "disk"),
        (vec!["no-such-command"], 2, "usage"),
    ] {
        let ended = here.run(&args).expect(exit);
        let error = ended.failure();
        assert_eq!(error["error"], word, "{args:?}");
        assert!(
            ended.all("status").is_empty() && error["next"].is_string(),
            "{args:?}: {:?}",
            ended.lines
        );
    }
}

#[test]
fn a_source_that_vanishes_meanwhile_fails_on_both_sides() {
    let (here, there) = (Machine::new(), Machine::new());
    let path = here.write("a", b"a");
    let mut giver = here.start(["give", "a"]);
    let code = giver.code();
    std::fs::remove_file(path).unwrap();
    there.run(["take", &code, "-o", "."]).expect(9);
    let giver = giver.end().expect(9);
    assert!(
        giver.failure()["detail"].as_str().unwrap().contains("was removed or renamed"),
        "{}",
        giver.failure()
    );
    assert!(names(there.dir()).is_empty());
}

#[test]
fn more_than_allowed_is_not_begun() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", vec![0; 2000]);
    let mut giver = here.start(["give", "a"]);
    let code = giver.code();
    let taker = there.run(["take", &code, "-o", ".", "--max-size", "1999"]).expect(1);
    assert_eq!(taker.failure()["error"], "too-large");
    assert!(taker.failure()["next"].as_str().unwrap().contains("--max-size"));
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-too-large");
    assert!(names(there.dir()).is_empty());
}

#[test]
fn too_much_for_one_message_is_said_before_the_code() {
    let here = Machine::new();
    let mut command = here.command(["give", "--text", "-"]);
    command.stdin(Stdio::piped());
    let mut giver = Running::start(command);
    // Of a letter of two bytes, one may be cut at the limit.
    // It stops reading at the limit and ends.
    let _ = giver.child.stdin.as_mut().unwrap().write_all("é".repeat(600_000).as_bytes());
    giver.hang_up();
    let giver = giver.end().expect(2);
    assert_eq!(giver.failure()["error"], "too-long");
    assert!(giver.all("status").is_empty());
    let label = "l".repeat(256);
    let giver = here.run(["give", "--secret-env", "HOME", "--secret-name", &label]).expect(2);
    assert_eq!(giver.failure()["error"], "too-long");
    assert!(giver.all("status").is_empty());
}
