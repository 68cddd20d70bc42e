//! `receive --bell`: lines that reach a model as its user's words, so that nothing of the other
//! side's may be in them.

use crate::channel::control::channel;
use crate::harness::content::in_full;
use crate::harness::process::in_background;
use crate::harness::socket::{send, socket};
use crate::harness::{Ended, Machine, Running, texts};
use rustix::process::{Signal, kill_process};
use std::process::Stdio;
use std::time::Instant;

/// The count in a line of a bell, which is nothing but that.
#[track_caller]
fn waits(line: &str, named: &str) -> u64 {
    let (lines, rest) =
        line.strip_prefix("pinhole: ").unwrap_or_else(|| panic!("{line}")).split_once(' ').unwrap();
    let number = named.split(' ').next().unwrap();
    let lines = lines.parse().unwrap();
    let wait = if lines == 1 { "waits" } else { "wait" };
    assert_eq!(rest, format!("{wait} in {number}; pinhole receive {named}"));
    lines
}

fn over(named: &str) -> String {
    format!("pinhole: {} is over; pinhole receive {named}", named.split(' ').next().unwrap())
}

/// Its next line, which is no last one, and what the command in it returns.
#[track_caller]
fn rung(bell: &mut Running, named: &str, here: &Machine) -> Ended {
    let line = bell.line().unwrap();
    let lines = waits(&line, named);
    let (_, command) = line.split_once("; pinhole ").unwrap();
    let received = here.run(command.split(' ')).expect(0);
    // It is not taken away by the bell, and more may have come.
    assert!(received.lines.len() as u64 > lines, "{line}: {:#?}", received.lines);
    received
}

/// Reads to its end.
#[track_caller]
fn ends(bell: Running, named: &str) {
    let ended = bell.end().expect(0);
    assert_eq!(
        (ended.lines.last(), ended.errors.len()),
        (Some(&over(named)), 0),
        "{:#?}",
        ended.lines
    );
    assert!(ended.lines.iter().rev().skip(1).all(|line| waits(line, named) > 0));
}

#[test]
fn it_rings_once_for_what_is_new_and_takes_nothing() {
    let (here, there) = (Machine::new(), Machine::new());
    let (host, peer, number) = channel(&here, &there);
    let mut bell = here.start(["receive", &number, "--bell"]);
    // Lines that wait at its start.
    assert!(
        rung(&mut bell, &number, &here)
            .all("status")
            .iter()
            .any(|status| status["event"] == "connected")
    );
    for text in ["one", "two"] {
        there.run(["send", &number, text]).expect(0);
    }
    // Several hear the same.
    let mut other = here.start(["receive", &number, "--bell"]);
    waits(&other.line().unwrap(), &number);
    let texts = rung(&mut bell, &number, &here).all("text");
    assert_eq!(texts[0]["body"], "one");
    here.run(["receive", &number]).expect(0);
    // Nobody is woken by what another command has printed, but it is received with what comes.
    here.run(["send", &number, "mine"]).expect(0);
    there.run(["send", &number, "three"]).expect(0);
    let line = bell.line().unwrap();
    assert_eq!(waits(&line, &number), 2, "{line}");
    let received = here.run(["receive", &number]).expect(0);
    assert_eq!(
        (received.all("delivered").len(), &received.one("text")["body"]),
        (1, &"three".into())
    );
    there.run(["close"]).expect(0);
    host.end().expect(0);
    peer.end().expect(0);
    ends(bell, &number);
    ends(other, &number);
}

#[test]
fn an_answer_and_a_secret_that_another_command_has_wake_nobody() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let code = host.code();
    let number = &code[..4];
    let _peer = there.start(["connect", &code, "--on-message", "--", "cat"]);
    host.until("status", "connected");
    here.run(["receive", number]).expect(0);
    let mut bell = here.start(["receive", number, "--bell"]);
    for question in ["one", "two", "three"] {
        here.run(["ask", number, question]).expect(0);
    }
    there.write("key", "hush");
    there.run(["send", number, "--secret-file", "key"]).expect(0);
    assert_eq!(rung(&mut bell, number, &here).one("secret")["stored"], "held");
    here.run(["receive", number, "--secret-to-file", "mine"]).expect(0);
    there.run(["send", number, "last"]).expect(0);
    let line = bell.line().unwrap();
    // With the line about the secret, which `receive` has printed.
    assert_eq!(waits(&line, number), 2);
    here.run(["close", "--now"]).expect(0);
    ends(bell, number);
}

#[test]
fn every_end_is_said() {
    // The other side leaves; this one is closed, or at once; it is killed. In the background and
    // not.
    for how in ["peer", "close", "now", "kill"] {
        for detached in [false, true] {
            let (here, there) = (Machine::new(), Machine::new());
            let mut host = match detached {
                true => None,
                false => Some(here.start(["host"])),
            };
            let code = match &mut host {
                Some(host) => host.code(),
                None => here.detached_host(),
            };
            let number = &code[..4];
            there.run(["connect", &code, "--detach"]).expect(0);
            let mut bell = here.start(["receive", number, "--bell"]);
            waits(&bell.line().unwrap(), number);
            match how {
                "peer" => drop(there.run(["close"]).expect(0)),
                "close" => drop(here.run(["close"]).expect(0)),
                "now" => drop(here.run(["close", "--now"]).expect(0)),
                _ => match host.take() {
                    Some(host) => host.signal(Signal::KILL),
                    None => kill_process(in_background(&here.home())[0], Signal::KILL).unwrap(),
                },
            }
            ends(bell, number);
            if (how, detached) == ("peer", true) {
                // The command receives the rest, and one more bell says no more than that.
                let mut late = here.start(["receive", number, "--bell"]);
                assert_eq!(late.line(), Some(over(number)));
                here.run(["receive", number]).expect(0);
            }
            assert_eq!(
                here.run(["receive", number, "--bell"]).expect(3).failure()["error"],
                "code-not-open"
            );
        }
    }
}

#[test]
fn where_both_sides_are_here_the_command_says_which() {
    let here = Machine::new();
    let (host, mut peer, number) = channel(&here, &here);
    assert_eq!(
        here.run(["receive", &number, "--bell"]).expect(2).failure()["error"],
        "several-open"
    );
    let named = ["host", "peer"].map(|role| format!("{number} --role {role}"));
    let [mut of_host, mut of_peer] =
        ["host", "peer"].map(|role| here.start(["receive", &number, "--bell", "--role", role]));
    rung(&mut of_host, &named[0], &here);
    rung(&mut of_peer, &named[1], &here);
    here.run(["send", &number, "x", "--role", "host"]).expect(0);
    assert_eq!(rung(&mut of_peer, &named[1], &here).one("text")["body"], "x");
    // One ends before the other: its number is the other's still.
    host.signal(Signal::TERM);
    ends(of_host, &named[0]);
    peer.until("end", "");
    ends(of_peer, &named[1]);
    // Without it where the other side comes only later.
    let mut host = here.start(["host"]);
    let code = host.code();
    let number = &code[..4];
    let mut bell = here.start(["receive", number, "--bell"]);
    rung(&mut bell, number, &here);
    let _peer = here.start(["connect", &code]);
    host.until("status", "connected");
    rung(&mut bell, &format!("{number} --role host"), &here);
}

#[test]
fn no_byte_of_it_is_the_other_sides_and_it_rings_at_most_six_times_a_minute() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host", "--label", "canary"]);
    let code = host.code();
    let number = &code[..4];
    let _peer = there.start(["connect", &code]);
    host.until("status", "connected");
    let begun = Instant::now();
    let mut bell = here.start(["receive", number, "--bell"]);
    waits(&bell.line().unwrap(), number);
    let hostile = texts::all();
    let count = if in_full() { 1_000 } else { 60 };
    let socket = socket(&there);
    for (at, text) in hostile
        .iter()
        .filter(|text| (1..5_000).contains(&text.len()))
        .cycle()
        .take(count)
        .enumerate()
    {
        send(&socket, std::slice::from_ref(text), None);
        if at % 10 == 0 {
            let name: String =
                text.chars().filter(|letter| !matches!(letter, '/' | '\0')).take(40).collect();
            let name = if matches!(name.as_str(), "" | "." | "..") { "x".to_owned() } else { name };
            there.write(&format!("files/{name}"), "content");
            there.run(["send", number, "--file", &format!("files/{name}")]).expect(0);
            here.run(["receive", number, "--max-bytes", "1000000"]).expect(0);
        }
    }
    here.run(["close", "--now"]).expect(0);
    let ended = bell.end().expect(0);
    let minutes = begun.elapsed().as_secs() / 60 + 1;
    assert!(
        (2..=6 * minutes).contains(&(ended.lines.len() as u64)),
        "{} lines in {:?}",
        ended.lines.len(),
        begun.elapsed()
    );
    let (last, rings) = ended.lines.split_last().unwrap();
    assert_eq!((last, ended.errors.len(), ended.output.len()), (&over(number), 0, 0));
    assert!(rings.iter().all(|line| waits(line, number) > 0));
}

#[test]
fn nothing_of_the_other_sides_is_in_its_errors_and_it_ends_when_nobody_reads_it() {
    let (here, there) = (Machine::new(), Machine::new());
    for args in [
        &["--bell"][..],
        &["9471", "--bell"],
        &["9471-walrus-clipboard-mango", "--bell"],
        &["--follow"],
    ] {
        let ended = here.run([&["receive"], args].concat());
        assert!([2, 3].contains(&ended.status.code().unwrap()), "{args:?}");
        assert!(
            ["not-open", "code-not-open"].contains(&ended.failure()["error"].as_str().unwrap()),
            "{args:?}"
        );
    }
    let (_host, _peer, number) = channel(&here, &there);
    there.run(["send", &number, "canary"]).expect(0);
    for more in
        ["--follow", "--wait=1", "--after=1", "--for=text", "--max-bytes=1", "--secret-to-file=x"]
    {
        assert_eq!(
            here.run(["receive", &number, "--bell", more]).expect(2).failure()["error"],
            "usage"
        );
    }
    assert_eq!(
        here.run(["receive", &number, "--bell", "-o", "."]).expect(2).failure()["error"],
        "usage"
    );
    let mut bell = here.start(["receive", &number, "--bell"]);
    bell.line().unwrap();
    bell.signal(Signal::TERM);
    let ended = bell.end().expect(130);
    assert!(!ended.everything().contains("canary"), "{}", ended.everything());
    // Without a reader there is nobody to wake, and nothing comes that would show it.
    for option in ["--bell", "--follow"] {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut child = here
            .command(["receive", &number, option])
            .stdout(writer)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        drop(reader);
        assert_eq!(child.wait().unwrap().code(), Some(1), "{option}");
    }
}
