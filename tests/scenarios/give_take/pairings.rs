//! Either side may host, and every pairing of commands works or says why not.

use crate::harness::content::names;
use crate::harness::{Machine, Running};
use rustix::process::Signal;
use std::process::Stdio;

#[test]
fn a_taker_hosts_and_shows_the_line_for_the_giver() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a.txt", b"a");
    let mut taker = there.start(["take", "-o", "."]);
    let channel = taker.until("status", "channel");
    let code = channel["code"].as_str().unwrap();
    assert_eq!(channel["join"], format!("pinhole give --code {code} PATH..."));
    let giver = here.run(["give", "--code", code, "a.txt"]).expect(0);
    taker.end().expect(0);
    assert_eq!(std::fs::read(there.path("a.txt")).unwrap(), b"a");
    assert_eq!(
        giver.one("delivered")["what"].as_str().map(|what| what.contains("a.txt")),
        Some(true)
    );
}

#[test]
fn a_code_comes_from_standard_input_or_the_environment() {
    let (here, there) = (Machine::new(), Machine::new());
    for from_environment in [true, false] {
        let mut giver = here.start(["give", "--text", "hello"]);
        // As it may be typed: any case, spaces for dashes.
        let code = giver.code().to_uppercase().replace('-', " ");
        let mut command =
            there.command(if from_environment { vec!["take"] } else { vec!["take", "-"] });
        if from_environment {
            command.env("PINHOLE_CODE", &code);
        }
        command.stdin(Stdio::piped());
        let mut taker = Running::start(command);
        if !from_environment {
            taker.feed(format!("{code}\n"));
        }
        assert_eq!(taker.end().expect(0).one("text")["body"], "hello");
        giver.end().expect(0);
    }
}

#[test]
fn several_kinds_of_things_go_at_once() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a.txt", b"a");
    here.write("key", b"k");
    let mut giver = here.start(["give", "a.txt", "--text", "see the file", "--secret-file", "key"]);
    let code = giver.code();
    let taker = there.run(["take", &code, "-o", "."]).expect(0);
    assert_eq!(giver.end().expect(0).all("delivered").len(), 3);
    assert_eq!(
        (taker.one("text")["body"].as_str(), taker.one("secret")["size"].as_u64()),
        (Some("see the file"), Some(1))
    );
    assert_eq!(names(there.dir()).first().map(String::as_str), Some("a.txt"));
}

#[test]
fn two_givers_and_two_takers_are_told_so() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", b"a");
    there.write("b", b"b");
    let mut one = here.start(["give", "a"]);
    let code = one.code();
    let two = there.run(["give", "--code", &code, "b"]).expect(2);
    for side in [one.end().expect(2), two] {
        let error = side.one("error");
        assert_eq!(error["error"], "same-role");
        assert!(
            error["detail"].as_str().unwrap().contains("give") && error["next"].as_str().is_some(),
            "{error}"
        );
    }
    let mut one = here.start(["take", "-o", "."]);
    let code = one.code();
    let two = there.run(["take", &code, "-o", "."]).expect(2);
    for side in [one.end().expect(2), two] {
        assert!(side.one("error")["detail"].as_str().unwrap().contains("take"));
    }
    assert_eq!(
        (names(here.dir()), names(there.dir())),
        (vec!["a".to_owned()], vec!["b".to_owned()])
    );
}

#[test]
fn a_connect_to_a_give_receives_it_and_ends_with_it() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a.txt", b"a");
    let mut giver = here.start(["give", "a.txt"]);
    let code = giver.code();
    let joiner = there.run(["connect", &code, "-o", "."]).expect(0);
    giver.end().expect(0);
    assert_eq!(joiner.one("file")["name"], "a.txt");
    assert_eq!(std::fs::read(there.path("a.txt")).unwrap(), b"a");
}

#[test]
fn a_host_receives_what_is_given_into_it() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a.txt", b"a");
    let mut host = there.start(["host", "--direct", "-o", "."]);
    let code = host.code();
    here.run(["give", "--code", &code, "a.txt"]).expect(0);
    let host = host.end().expect(0);
    assert_eq!(host.one("file")["name"], "a.txt");
    assert_eq!(std::fs::read(there.path("a.txt")).unwrap(), b"a");
}

#[test]
fn host_and_connect_stay_until_one_of_them_leaves() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let channel = host.until("status", "channel");
    let code = channel["code"].as_str().unwrap().to_owned();
    assert_eq!(channel["join"], format!("pinhole connect {code}"));
    let mut joiner = there.start(["connect", &code]);
    joiner.until("status", "connected");
    host.until("status", "connected");
    joiner.signal(Signal::INT);
    let joiner = joiner.end().expect(130);
    assert_eq!(joiner.one("end")["reason"], "interrupted");
    let host = host.end().expect(6);
    assert_eq!(host.failure()["error"], "peer-interrupted");
}

#[test]
fn a_take_on_a_host_that_leaves_has_received_nothing() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let code = host.code();
    let mut taker = there.start(["take", &code]);
    taker.until("status", "connected");
    host.until("status", "connected");
    host.signal(Signal::INT);
    host.end().expect(130);
    taker.end().expect(6);
}

#[test]
fn a_channel_waits_for_both_until_one_leaves() {
    let (here, there) = (Machine::new(), Machine::new());
    there.write("a.txt", b"aaa");
    let mut host = here.start(["host", "--direct"]);
    let code = host.code();
    there.run(["give", "--code", &code, "a.txt"]).expect(0);
    let host = host.end().expect(0);
    let file = host.one("file");
    let saved = file["saved_to"].as_str().unwrap();
    assert_eq!(std::fs::read(saved).unwrap(), b"aaa");
}
