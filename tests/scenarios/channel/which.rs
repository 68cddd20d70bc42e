//! Commands that could mean several channels, or none that is open: never a guess.

use crate::channel::control::channel;
use crate::harness::Machine;

#[test]
fn which_one_is_meant_is_never_guessed() {
    let here = Machine::new();
    let (mut host, _peer, number) = channel(&here, &here);
    // Both sides are here.
    for args in [vec!["receive", &number], vec!["send", &number, "x"], vec!["ask", &number, "x"]] {
        let error = here.run(&args).expect(2).failure();
        assert_eq!(error["error"], "several-open", "{args:?}");
        let detail = error["detail"].as_str().unwrap();
        assert!(
            detail.contains(&format!("{number} (host)"))
                && detail.contains(&format!("{number} (peer)")),
            "{detail}"
        );
        let command = format!("pinhole {} {number} --role host", args[0]);
        assert!(error["next"].as_str().unwrap().contains(&command), "{error}");
    }
    here.run(["send", &number, "x", "--role", "peer"]).expect(0);
    assert_eq!(host.until("text", "")["body"], "x");
    here.run(["close", &number, "--role", "peer"]).expect(0);
    host.end().expect(0);
}

#[test]
fn both_sides_of_one_channel_close_at_once() {
    let here = Machine::new();
    for how in ["nothing", "number", "code"] {
        let mut host = here.start(["host"]);
        let code = host.code();
        let mut peer = here.start(["connect", &code]);
        host.until("status", "connected");
        peer.until("status", "connected");
        let named = match how {
            "nothing" => vec!["close"],
            "number" => vec!["close", &code[..4]],
            _ => vec!["close", &code],
        };
        here.run(&named).expect(0);
        host.end().expect(0);
        peer.end().expect(0);
        assert!(here.run(["status"]).expect(0).all("session").is_empty(), "{how}");
    }
}

#[test]
fn one_side_of_each_of_two_channels_is_never_closed_for_the_other() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut first = here.start(["host"]);
    let code = first.code();
    let mut first_peer = there.start(["connect", &code]);
    first.until("status", "connected");
    // Another with its number, at another address.
    let place = ["--port", &code[..4], "--bind", "127.0.0.2"];
    let mut second = there.start([&["host"], &place[..]].concat());
    let second_code = second.code();
    let peer = here.start(["connect", &format!("{second_code}@127.0.0.2")]);
    second.until("status", "connected");
    here.run(["close", &second_code]).expect(0);
    second.end().expect(0);
    peer.end().expect(0);
    here.run(["send", &code, "x"]).expect(0);
    assert_eq!(first_peer.until("text", "")["body"], "x");
}

#[test]
fn channels_of_the_same_number_are_told_apart_by_their_codes() {
    let (here, there) = (Machine::new(), Machine::new());
    let open = |place: &[&str]| {
        let mut host = here.start([&["host"], place].concat());
        let code = host.code();
        let at = if place.is_empty() { "127.0.0.1" } else { "127.0.0.2" };
        let mut peer = there.start(["connect", &format!("{code}@{at}")]);
        peer.until("status", "connected");
        (host, peer, code)
    };
    let (_first, mut first_peer, code) = open(&[]);
    let (_second, mut second_peer, second_code) =
        open(&["--port", &code[..4], "--bind", "127.0.0.2"]);
    assert_eq!(here.run(["close", &code[..4]]).expect(2).failure()["error"], "several-open");
    let error = here.run(["send", &code[..4], "x"]).expect(2).failure();
    assert_eq!(error["error"], "several-open");
    assert!(error["next"].as_str().unwrap().contains("whole code"), "{error}");
    for (code, peer) in [(&code, &mut first_peer), (&second_code, &mut second_peer)] {
        here.run(["send", code, code]).expect(0);
        assert_eq!(peer.until("text", "")["body"], **code);
    }
}

#[test]
fn a_code_that_is_joined_already_names_its_channel() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = there.start(["host"]);
    let code = host.code();
    let mut peer = here.start(["connect", &code]);
    peer.until("status", "connected");
    let failure = here.run(["connect", &code]).expect(3).failure();
    assert_eq!(failure["error"], "code-unavailable");
    assert_eq!(failure["next"], format!("pinhole receive {} --wait 45", &code[..4]));
    host.until("status", "connected");
}

#[test]
fn what_has_ended_is_not_asked_for_with_its_code() {
    let here = Machine::new();
    for args in [
        &["send", "9471", "x"][..],
        &["receive", "9471"],
        &["status", "9471"],
        &["ask", "9471", "x"],
        &["close", "9471"],
    ] {
        let failure = here.run(args).expect(3).failure();
        assert_eq!(failure["error"], "code-not-open", "{args:?}");
        assert_eq!(failure["run"].as_array().unwrap()[1..], ["status"], "{args:?}");
        assert!(failure["detail"].as_str().unwrap().contains("ended"), "{failure}");
    }
}

#[test]
fn a_text_without_its_code_is_told_where_it_goes() {
    let (here, there) = (Machine::new(), Machine::new());
    assert_eq!(
        here.run(["send", "hello you"]).expect(2).failure()["next"],
        "check the spelling of the path"
    );
    let (_host, mut peer, number) = channel(&here, &there);
    let failure = here.run(["send", "hello you"]).expect(2).failure();
    assert_eq!(failure["error"], "no-such-file");
    assert!(
        failure["next"]
            .as_str()
            .unwrap()
            .ends_with(&format!(": pinhole send {number} 'hello you'")),
        "{failure}"
    );
    // One that begins with a dash is told how, and that works.
    let failure = here.run(["send", &number, "-v not a flag"]).expect(2).failure();
    assert!(failure["next"].as_str().unwrap().contains("pinhole send CODE -- TEXT"), "{failure}");
    here.run(["send", &number, "--", "-v not a flag"]).expect(0);
    assert_eq!(peer.until("text", "")["body"], "-v not a flag");
}
