//! A wrong code costs the code, both sides hear of it, and nothing else costs anything.

use crate::harness::relay::Relay;
use crate::harness::{Machine, port};
use rustix::process::Signal;
use std::net::TcpStream;

/// The code with another last word.
fn slip(code: &str) -> String {
    let (rest, last) = code.rsplit_once('-').unwrap();
    format!("{rest}-{}", if last == "walrus" { "mango" } else { "walrus" })
}

#[test]
fn tries_make_new_codes_without_asking() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", b"a");
    let mut giver = here.start(["give", "a", "--tries", "3"]);
    let first = giver.code();
    there.run(["take", &slip(&first)]).expect(3);
    assert_eq!(giver.until("status", "handshake_failed")["guesses"], 1);
    let second = giver.code();
    assert_ne!(first.split_once('-').unwrap().1, second.split_once('-').unwrap().1);
    // The first is dead, whoever waits under its number now.
    there.run(["take", &first]).expect(3);
    there.run(["take", &second, "-o", "."]).expect(0);
    giver.end().expect(0);
    assert_eq!(std::fs::read(there.path("a")).unwrap(), b"a");
}

#[test]
fn after_the_last_try_it_is_over() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut giver = here.start(["give", "--text", "x", "--tries", "2"]);
    for guesses in 1..=2 {
        let code = giver.code();
        let taker = there.run(["take", &slip(&code)]).expect(3);
        let error = taker.failure();
        assert_eq!(error["error"], "code-wrong");
        assert!(error["next"].as_str().unwrap().contains("new code"));
        assert_eq!(giver.until("status", "handshake_failed")["guesses"], guesses);
    }
    let giver = giver.end().expect(3);
    assert_eq!(giver.failure()["error"], "code-guessed");
}

#[test]
fn a_port_that_was_asked_for_keeps_its_number() {
    let (here, there) = (Machine::new(), Machine::new());
    // A port that is free now: bound, and let go.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut giver =
        here.start(["give", "--text", "x", "--tries", "2", "--port", &port.to_string()]);
    let first = giver.code();
    assert!(first.starts_with(&format!("{port}-")));
    there.run(["take", &slip(&first)]).expect(3);
    let second = giver.code();
    assert!(second.starts_with(&format!("{port}-")) && second != first);
    there.run(["take", &second]).expect(0);
    giver.end().expect(0);
}

#[test]
fn who_hangs_up_costs_nothing() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut giver = here.start(["give", "--text", "hello"]);
    let code = giver.code();
    let port = port(&code);
    for _ in 0..20 {
        drop(TcpStream::connect(("127.0.0.1", port)).unwrap());
    }
    let taker = there.run(["take", &code]).expect(0);
    assert_eq!(taker.one("text")["body"], "hello");
    let giver = giver.end().expect(0);
    assert!(giver.all("status").iter().all(|status| status["event"] != "handshake_failed"));
}

#[test]
fn a_code_works_once() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut giver = here.start(["give", "--text", "hello"]);
    let code = giver.code();
    there.run(["take", &code]).expect(0);
    giver.end().expect(0);
    assert_eq!(there.run(["take", &code]).expect(3).failure()["error"], "code-unavailable");
}

// A word that was missed, or copied twice, had been a guess.
#[test]
fn another_number_of_words_costs_nothing() {
    let relay = Relay::start();
    for (way, words) in [(vec![], "4"), (vec!["--relay".to_owned(), relay.url()], "4")] {
        let (here, there) = (Machine::new(), Machine::new());
        let given = ["give", "--text", "hello", "--words", words].map(str::to_owned);
        let mut giver = here.start([&given[..], &way].concat());
        let code = giver.code();
        let (short, last) = code.rsplit_once('-').unwrap();
        for wrong in [short.to_owned(), format!("{code}-{last}")] {
            let error = there
                .run([&["take".to_owned(), wrong], way.as_slice()].concat())
                .expect(2)
                .failure();
            assert_eq!(error["error"], "code-length");
            let detail = error["detail"].as_str().unwrap();
            assert!(detail.contains("has 4 words") && detail.contains("still good"), "{detail}");
        }
        let taker =
            there.run([&["take".to_owned(), code.clone()], way.as_slice()].concat()).expect(0);
        assert_eq!(taker.one("text")["body"], "hello");
        let giver = giver.end().expect(0);
        assert!(giver.all("status").iter().all(|status| status["event"] != "handshake_failed"));
    }
}

// It had been said that nobody waits, and that a new code is needed.
#[test]
fn a_suspended_host_is_said_to_be_and_its_code_is_good() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut giver = here.start(["give", "--text", "hello"]);
    let code = giver.code();
    let port = code.split('-').next().unwrap();
    giver.signal(Signal::STOP);
    for (code, place) in [
        (code.clone(), port.to_owned()),
        (format!("{code}@127.0.0.1"), format!("127.0.0.1 on port {port}")),
    ] {
        let error = there.run(["take", &code]).expect(5).failure();
        assert_eq!(error["error"], "host-unreachable");
        let detail = format!(
            "something listens at {place} but does not answer; if it is the other side, it is \
             suspended and the code is still good"
        );
        assert_eq!(error["detail"], detail);
    }
    giver.signal(Signal::CONT);
    assert_eq!(there.run(["take", &code]).expect(0).one("text")["body"], "hello");
    giver.end().expect(0);
}
