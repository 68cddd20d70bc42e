//! `receive --follow` and `--for`: what comes until the end, beside other commands that receive.

use crate::channel::control::channel;
use crate::harness::socket::{send, socket};
use crate::harness::{Ended, Machine, PATIENCE, Running, wait};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Instant;

fn bodies(ended: &Ended) -> Vec<String> {
    ended.all("text").iter().map(|text| text["body"].as_str().unwrap().to_owned()).collect()
}

/// The texts of these numbers.
fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("text {number}")).collect()
}

#[track_caller]
fn send_all(there: &Machine, texts: &[String]) {
    for some in texts.chunks(64) {
        let told = send(&socket(there), some, None);
        assert!(told.iter().all(|line| line.get("failed").is_none()), "{told:?}");
    }
}

/// The number of times that each was printed.
fn counted(texts: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    texts.into_iter().for_each(|text| *counted.entry(text).or_default() += 1);
    counted
}

#[test]
fn it_prints_what_comes_to_the_end_but_no_results_of_other_commands() {
    let (here, there) = (Machine::new(), Machine::new());
    let (host, peer, number) = channel(&here, &there);
    let mut follower = here.start(["receive", &number, "--follow"]);
    follower.until("status", "connected");
    here.run(["send", &number, "mine"]).expect(0);
    there.run(["send", &number, "yours"]).expect(0);
    there.write("file", "content");
    there.run(["send", &number, "--file", "file"]).expect(0);
    assert_eq!(follower.until("text", "")["body"], "yours");
    follower.until("file", "");
    // All is received by that.
    assert_eq!(here.run(["receive", &number]).expect(0).lines.len(), 1);
    there.run(["close"]).expect(0);
    let ended = follower.end().expect(0);
    assert_eq!(
        (ended.all("delivered").len(), ended.all("offer").len()),
        (0, 1),
        "{:#?}",
        ended.lines
    );
    assert_eq!(ended.all("status").last().unwrap()["event"], "closed");
    host.end().expect(0);
    peer.end().expect(0);
}

#[test]
fn what_a_command_sends_and_does_not_print_is_printed() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let code = host.code();
    host.until("status", "waiting");
    here.run(["send", &code, "early", "--wait", "0"]).expect(11);
    let mut follower = here.start(["receive", &code[..4], "--follow"]);
    let _peer = there.start(["connect", &code]);
    assert_eq!(follower.until("delivered", "")["size"], 5);
}

#[test]
fn a_new_one_takes_over_and_each_line_is_printed_once() {
    let (here, there) = (Machine::new(), Machine::new());
    let (_host, _peer, number) = channel(&here, &there);
    let mut followers: Vec<Running> = Vec::new();
    let mut texts = Vec::new();
    for round in 0..5 {
        let follower = here.start(["receive", &number, "--follow", "--for", "text"]);
        let sent = numbered(round * 200..(round + 1) * 200);
        send_all(&there, &sent);
        texts.extend(sent);
        followers.push(follower);
    }
    let last = followers.pop().unwrap();
    let mut printed = Vec::new();
    for follower in followers {
        let ended = follower.end().expect(1);
        assert_eq!(ended.failure()["error"], "taken-over");
        printed.extend(bodies(&ended));
    }
    there.run(["close"]).expect(0);
    printed.extend(bodies(&last.end().expect(0)));
    assert_eq!(counted(printed), counted(texts));
}

#[test]
fn beside_a_receive_and_questions_nothing_is_lost_and_nothing_doubled() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let code = host.code();
    let number = &code[..4];
    let mut peer = there.start([
        "connect",
        &code,
        "--max-turns",
        "10000",
        "--on-message",
        "--",
        "sed",
        "s/^/answer /",
    ]);
    peer.until("status", "connected");
    let rounds = 5;
    let (mut texts, mut printed) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut followers = [
            here.start(["receive", number, "--follow"]),
            here.start(["receive", number, "--follow"]),
        ];
        let receiving = here.start(["receive", number, "--wait", "5"]);
        let asking = here.start(["ask", number, &format!("question {round}"), "--timeout", "60"]);
        let sent = numbered(round * 40..(round + 1) * 40);
        send_all(&there, &sent);
        texts.extend(sent);
        texts.push(format!("answer question {round}"));
        // The first text after the question is its answer, whatever it is.
        let answer = bodies(&asking.end().expect(0));
        assert_eq!(answer.len(), 1);
        printed.extend(answer);
        printed.extend(bodies(&receiving.end().expect(0)));
        // One of the two has come after the other, and a third one after both.
        wait("the end of one", || {
            let mut ended = followers.iter_mut().map(|it| it.child.try_wait().unwrap());
            ended.any(|ended| ended.is_some()).then_some(())
        });
        let third = here.start(["receive", number, "--follow", "--for", "file"]);
        for follower in followers {
            let ended = follower.end().expect(1);
            assert_eq!(ended.failure()["error"], "taken-over");
            printed.extend(bodies(&ended));
        }
        third.signal(Signal::KILL);
    }
    let until = Instant::now() + PATIENCE;
    while printed.len() < texts.len() {
        printed.extend(bodies(&here.run(["receive", number, "--wait", "5"]).expect(0)));
        assert!(Instant::now() < until, "{} of {}", printed.len(), texts.len());
    }
    assert_eq!(counted(printed), counted(texts));
}

#[test]
fn one_that_is_killed_has_lost_nothing() {
    let (here, there) = (Machine::new(), Machine::new());
    let code = here.detached_host();
    let number = &code[..4];
    let mut peer = there.start(["connect", &code]);
    peer.until("status", "connected");
    let texts = numbered(0..3_000);
    send_all(&there, &texts);
    let mut printed = Vec::new();
    let rounds = 10;
    for _ in 0..rounds {
        let mut follower = here.start(["receive", number, "--follow"]);
        (0..50).for_each(|_| drop(follower.until("text", "")));
        follower.signal(Signal::KILL);
        while follower.line().is_some() {}
        printed.extend(follower.seen.iter().filter_map(|line| {
            // The last one may be cut off.
            let line: Value = serde_json::from_str(line).ok()?;
            line["body"].as_str().map(str::to_owned)
        }));
    }
    // A command that is killed has no turn to keep others waiting.
    let rest = here.run(["receive", number, "--max-bytes", "10000000"]).expect(0);
    printed.extend(bodies(&rest));
    let counted = counted(printed);
    assert_eq!(counted.len(), texts.len());
    let doubled: usize = counted.values().map(|times| times - 1).sum();
    assert!(doubled <= rounds, "{doubled}");
    here.run(["close"]).expect(0);
}

#[test]
fn what_is_passed_over_stays_for_the_next_receive() {
    let (here, there) = (Machine::new(), Machine::new());
    let code = here.detached_host();
    let number = &code[..4];
    there.run(["connect", &code, "--detach"]).expect(0);
    let mut follower = here.start(["receive", number, "--follow", "--for", "file,secret"]);
    follower.until("status", "connected");
    there.run(["send", number, "a text"]).expect(0);
    there.write("file", "content");
    there.run(["send", number, "--file", "file"]).expect(0);
    follower.until("file", "");
    // Once, in a plain one too.
    let texts = here.run(["receive", number, "--for", "text,error"]).expect(0);
    assert_eq!((bodies(&texts), texts.lines.len()), (vec!["a text".to_owned()], 2));
    there.run(["close"]).expect(0);
    let ended = follower.end().expect(0);
    let events: Vec<_> = ended.all("status").iter().map(|status| status["event"].clone()).collect();
    assert_eq!(events, ["connected", "closed"], "{:#?}", ended.lines);
    assert_eq!(
        (ended.all("file").len(), ended.all("offer").len(), ended.all("text").len()),
        (1, 0, 0)
    );
    // Its session waits for somebody who takes the rest.
    let rest = here.run(["receive", number]).expect(0);
    assert_eq!(
        (rest.all("offer").len(), rest.all("file").len(), rest.all("text").len()),
        (1, 0, 0)
    );
    assert_eq!(here.run(["receive", number]).expect(3).failure()["error"], "code-not-open");
    let refused = here.run(["receive", number, "--for", "text,message"]).expect(2).failure();
    let detail = refused["detail"].as_str().unwrap();
    assert!(
        detail.contains("message")
            && detail.contains(
                "status, text, file, incomplete, secret, offer, queued, delivered, partly"
            ),
        "{detail}"
    );
}

#[test]
fn it_begins_where_it_is_told_and_ends_as_the_session_does() {
    let (here, there) = (Machine::new(), Machine::new());
    let code = here.detached_host();
    let number = &code[..4];
    let mut peer = there.start(["connect", &code]);
    peer.until("status", "connected");
    send_all(&there, &numbered(0..3));
    let received = here.run(["receive", number]).expect(0);
    assert_eq!(bodies(&received), numbered(0..3));
    let second = received.all("text")[1]["seq"].to_string();
    let mut follower = here.start(["receive", number, "--follow", "--after", &second]);
    assert_eq!(follower.until("text", "")["body"], "text 2");
    send_all(&there, &numbered(3..4));
    assert_eq!(follower.until("text", "")["body"], "text 3");
    peer.signal(Signal::TERM);
    let ended = follower.end().expect(6);
    let why = &ended.failure()["error"];
    assert_eq!((bodies(&ended), why), (numbered(2..4), &"peer-interrupted".into()));
    assert_eq!(here.run(["receive", number]).expect(3).failure()["error"], "code-not-open");
}

#[test]
fn what_was_passed_over_is_not_received_by_a_later_number() {
    let (here, there) = (Machine::new(), Machine::new());
    let (_host, _peer, number) = channel(&here, &there);
    here.run(["receive", &number]).expect(0);
    there.run(["send", &number, "one"]).expect(0);
    there.run(["send", &number, "two"]).expect(0);
    let two = here
        .run(["receive", &number, "--max-bytes", "1", "--after", "0"])
        .expect(0)
        .one("end")["last_seq"]
        .as_u64()
        .unwrap();
    assert!(two > 0);
    let all = here.run(["receive", &number, "--after", "0"]).expect(0);
    let first = all.all("text")[0]["seq"].to_string();
    there.run(["send", &number, "three"]).expect(0);
    there.run(["send", &number, "four"]).expect(0);
    let third = (first.parse::<u64>().unwrap() + 2).to_string();
    assert_eq!(bodies(&here.run(["receive", &number, "--after", &third]).expect(0)), ["four"]);
    assert_eq!(bodies(&here.run(["receive", &number]).expect(0)), ["three"]);
}

#[test]
fn for_people_it_says_what_comes() {
    let (here, there) = (Machine::new(), Machine::new());
    let (_host, _peer, number) = channel(&here, &there);
    let mut follower = here.start(["receive", &number, "--follow", "--human"]);
    there.run(["send", &number, "hello\u{1b}[2J"]).expect(0);
    loop {
        let line = follower.line().unwrap();
        assert!(!line.contains('\u{1b}'), "{line:?}");
        if line.contains("hello") {
            break;
        }
    }
}
