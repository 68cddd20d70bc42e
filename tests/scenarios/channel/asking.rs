//! `ask`: one text, one answer, in a channel that is open or in one for this alone.

use crate::harness::{Machine, Running};
use serde_json::Value;

/// A host here whose peer answers each text with this script; and the number between them.
fn channel(here: &Machine, there: &Machine, script: &str) -> (Running, Running, String) {
    let mut host = here.start(["host"]);
    let code = host.code();
    let peer = there.start(["connect", &code, "--on-message", "--", "sh", "-c", script]);
    host.until("status", "connected");
    (host, peer, code[..4].to_owned())
}

/// A host whose texts this script answers, and its code.
fn host(here: &Machine, args: &[&str], script: &str) -> (Running, String) {
    let mut host =
        here.start([&["host", "--on-message"], args, &["--", "sh", "-c", script]].concat());
    let code = host.code();
    (host, code)
}

fn bodies(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|text| text["body"].as_str().unwrap()).collect()
}

#[test]
fn in_an_open_channel_the_answer_alone_is_printed_and_not_received_again() {
    let (here, there) = (Machine::new(), Machine::new());
    let (_host, _peer, number) = channel(&here, &there, "echo you said; cat");
    there.run(["send", &number, "before"]).expect(0);
    let asked = here.run(["ask", &number, "where?"]).expect(0);
    assert_eq!((asked.lines.len(), &asked.one("text")["body"]), (2, &"you said\nwhere?".into()));
    assert_eq!(asked.one("end")["last_seq"], asked.one("text")["seq"]);
    // For people it is all that there is.
    let shown = here.run(["ask", &number, "who?", "--human"]).expect(0);
    assert_eq!(
        (shown.lines.as_slice(), shown.errors.len()),
        (&["you said".to_owned(), "who?".into()][..], 0)
    );
    // A long question from standard input has a long answer: in a file for programs, whole for
    // people.
    let long = "x".repeat(5_000);
    for human in [false, true] {
        here.write("question", &long);
        let mut command = here.command(["ask", &number, "-"]);
        command
            .args(human.then_some("--human"))
            .stdin(std::fs::File::open(here.path("question")).unwrap());
        let asked = Running::start(command).end().expect(0);
        let answer = match human {
            true => asked.lines.join("\n"),
            false => {
                std::fs::read_to_string(asked.one("text")["saved_to"].as_str().unwrap()).unwrap()
            }
        };
        assert!(answer == format!("you said\n{long}"), "{human}");
    }
    let received = here.run(["receive"]).expect(0);
    assert_eq!(bodies(&received.all("text")), ["before"]);
    assert_eq!(received.all("delivered").len(), 4);
    assert_eq!(here.run(["receive", "--after", "0"]).expect(0).all("text").len(), 5);
}

#[test]
fn a_whole_code_is_joined_for_one_question() {
    // On one machine as on two.
    for there in [Some(Machine::new()), None] {
        let here = Machine::new();
        let there = there.as_ref().unwrap_or(&here);
        let (host, code) = host(&here, &[], "echo \"$PINHOLE_TURN:\"; cat");
        let asked = there.run(["ask", &code, "-q"]).expect(0);
        assert_eq!(bodies(&asked.all("text")), ["1:\n-q"]);
        assert_eq!(host.end().expect(0).one("text")["body"], "-q");
        let (host, code) = self::host(&here, &["--once"], "cat");
        let shown = there.run(["ask", &code, "\u{1b}[2J", "--human"]).expect(0);
        // A pipe gets what was said; what is said besides goes to standard error.
        assert_eq!(shown.lines, ["\u{1b}[2J"]);
        assert!(
            shown.errors.iter().any(|line| line.starts_with("Connected")),
            "{:?}",
            shown.errors
        );
        host.end().expect(0);
    }
}

#[test]
fn what_is_said_before_the_question_is_heard_is_not_its_answer() {
    let (here, there) = (Machine::new(), Machine::new());
    let (host, code) = host(&here, &["--first", "welcome"], "echo the answer");
    let asked = there.run(["ask", &code, "q"]).expect(0);
    let texts = asked.all("text");
    assert_eq!(bodies(&texts).last(), Some(&"the answer"), "{:#?}", asked.lines);
    host.end().expect(0);
}

#[test]
fn without_an_answer_in_time_an_open_channel_goes_on_and_one_of_its_own_does_not() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let code = host.code();
    let mut peer = there.start(["connect", &code]);
    host.until("status", "connected");
    let late = here.run(["ask", &code[..4], "well?", "--timeout", "1"]).expect(11).failure();
    assert_eq!(late["error"], "unfinished");
    // It comes later, where `next` says.
    assert_eq!(peer.until("text", "")["body"], "well?");
    there.run(["send", &code, "later"]).expect(0);
    let next: Vec<&str> = late["next"].as_str().unwrap().split(' ').skip(1).collect();
    assert_eq!(bodies(&here.run(next).expect(0).all("text")), ["later"]);
    here.run(["close"]).expect(0);
    peer.end().expect(0);
    host.end().expect(0);

    // Nobody answers; nobody is there at all.
    let (host, code) = self::host(&here, &[], "exec sleep 1000");
    let late = there.run(["ask", &code, "well?", "--timeout", "1"]).expect(4);
    assert_eq!(
        (&late.failure()["error"], late.failure()["next"].is_string()),
        (&"unanswered".into(), true)
    );
    assert_eq!(host.end().expect(6).failure()["error"], "peer-interrupted");
    there.run(["ask", &code, "well?", "--timeout", "1"]).expect(3);
}

#[test]
fn whoever_leaves_without_an_answer_is_said() {
    let (here, there) = (Machine::new(), Machine::new());
    let (host, code) = host(&here, &["--max-turns", "1"], "cat");
    assert_eq!(there.run(["ask", &code, "q"]).expect(6).failure()["error"], "peer-left");
    host.end().expect(0);
    let (host, _peer, number) = channel(&here, &there, "exec sleep 1000");
    let asked = here.start(["ask", &number, "q"]);
    let mut host = host;
    host.until("delivered", "");
    there.run(["close"]).expect(0);
    assert_eq!(asked.end().expect(6).failure()["error"], "peer-left");
    // A command that takes one thing has no answer.
    let mut taker = here.start(["take"]);
    let code = taker.code();
    assert_eq!(there.run(["ask", &code, "q"]).expect(6).failure()["error"], "peer-left");
    assert_eq!(taker.end().expect(0).one("text")["body"], "q");
}

#[test]
fn two_questions_at_once_have_an_answer_each() {
    let (here, there) = (Machine::new(), Machine::new());
    let (_host, _peer, number) = channel(&here, &there, "cat");
    let asking = ["one", "two"].map(|question| here.start(["ask", &number, question]));
    let mut answers = asking
        .map(|asking| asking.end().expect(0).one("text")["body"].as_str().unwrap().to_owned());
    answers.sort();
    assert_eq!(answers, ["one", "two"]);
    assert!(here.run(["receive"]).expect(0).all("text").is_empty());
}

#[test]
fn the_answer_goes_to_standard_output_byte_for_byte_and_the_lines_elsewhere() {
    let (here, there) = (Machine::new(), Machine::new());
    let (_host, _peer, number) = channel(&here, &there, "cat");
    for question in ["short", &"long ".repeat(2_000), "\u{1b}[2J"] {
        let mut command = here.command(["ask", &number, "-", "-o", "-"]);
        here.write("question", question);
        command.stdin(std::fs::File::open(here.path("question")).unwrap());
        let asked = Running::start(command).end().expect(0);
        assert!(
            asked.output == question.as_bytes(),
            "{} bytes of {}",
            asked.output.len(),
            question.len()
        );
        let told = asked.one("text");
        assert_eq!((told.get("body"), &told["size"]), (None, &question.len().into()), "{told}");
    }
    // A text from before the question's arrival is not the answer.
    for format in ["--json", "--human"] {
        let (host, code) = self::host(&here, &["--first", "welcome"], "printf 'the answer'");
        let asked = there.run(["ask", &code, "q", "-o", "-", format]).expect(0);
        assert_eq!(String::from_utf8_lossy(&asked.output), "the answer", "{:#?}", asked.lines);
        host.end().expect(0);
    }
    let failure = here.run(["ask", &number, "q", "-o", "file"]).expect(2).failure();
    assert_eq!(failure["error"], "usage");
}

#[test]
fn the_oldest_text_is_taken_alone_byte_for_byte() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let code = host.code();
    let _peer = there.start(["connect", &code]);
    host.until("status", "connected");
    let number = &code[..4];
    let none = here.run(["receive", number, "-o", "-"]).expect(11);
    assert_eq!(
        (&none.failure()["error"], none.failure()["next"].is_string(), none.output.len()),
        (&"no-text".into(), true, 0)
    );
    let long = "y".repeat(5_000);
    for text in ["one", &long, "three"] {
        there.run(["send", number, text]).expect(0);
    }
    for text in ["one", &long] {
        let taken = here.run(["receive", number, "-o", "-", "--wait", "30"]).expect(0);
        assert!(taken.output == text.as_bytes(), "{} bytes of {}", taken.output.len(), text.len());
        assert_eq!(
            (taken.one("text").get("body"), taken.lines.len()),
            (None, 2),
            "{:#?}",
            taken.lines
        );
    }
    // The rest is received as ever, and nothing twice.
    let rest = here.run(["receive", number]).expect(0);
    assert_eq!(bodies(&rest.all("text")), ["three"]);
    here.run(["receive", number, "-o", "-"]).expect(11);
    // One that comes is waited for.
    let taking = here.start(["receive", number, "-o", "-", "--wait", "60"]);
    there.run(["send", number, "later"]).expect(0);
    assert_eq!(taking.end().expect(0).output, b"later");
    for more in [&["--after", "0"][..], &["--secret-to-file", "x"]] {
        let failure =
            here.run([&["receive", number, "-o", "-"], more].concat()).expect(2).failure();
        assert_eq!(failure["error"], "usage");
    }
}

#[test]
fn what_cannot_be_asked_is_said() {
    let here = Machine::new();
    for (args, exit, error) in [
        (&["9471", "q"][..], 3, "code-not-open"),
        (&["9471-walrus-clipboard-mango", ""], 2, "usage"),
        (&["9471-walrus-clipboard-mangoo", "q"], 2, "code-unknown-word"),
        (&["./file", "q"], 2, "code-malformed"),
        (&["9471"], 2, "usage"),
        (&["-", "-"], 2, "usage"),
    ] {
        let failure = here.run([&["ask"], args].concat()).expect(exit).failure();
        assert_eq!(
            (&failure["error"], failure["next"].is_string()),
            (&error.into(), true),
            "{args:?}: {failure}"
        );
    }
    let mut giver = here.start(["give", "--text", "x"]);
    let code = giver.code();
    let failure = here.run(["ask", &code[..4], "q"]).expect(2).failure();
    assert_eq!(failure["error"], "not-wanted-here");
}
