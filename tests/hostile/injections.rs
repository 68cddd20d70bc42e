//! The peer's words stay in their line: they are no event and no answer, and nothing is done
//! because of them (C12).

use crate::harness::socket::{send, socket};
use crate::harness::terminal::Terminal;
use crate::harness::texts::{self, CANARY};
use crate::harness::{Ended, Machine, Running, schema};
use crate::sender::tree;
use serde_json::Value;
use std::process::Stdio;

/// A host here and its peer there, connected; and the code between them. Both write down what is
/// said.
fn channel(here: &Machine, there: &Machine) -> (Running, Running, String) {
    let mut host = here.start(["host", "--transcript", "talk.md"]);
    let code = host.code();
    let mut peer = there.start(["connect", &code, "--transcript", "talk.jsonl"]);
    host.until("status", "connected");
    peer.until("status", "connected");
    (host, peer, code)
}

/// The session of this machine sends them all.
fn send_all(machine: &Machine, texts: &[String]) {
    let socket = socket(machine);
    for some in texts.chunks(16) {
        let answer = send(&socket, some, None);
        assert_eq!(answer.last().unwrap(), &serde_json::json!({ "done": { "more": false } }));
    }
}

/// One line each, marked, as it was sent, and nothing on it that is not printable ASCII.
#[track_caller]
fn check(lines: &[String], texts: &[String]) {
    let came: Vec<(&String, Value)> =
        lines.iter().map(|line| (line, serde_json::from_str(line).unwrap())).collect();
    let mut came = came.iter().filter(|(_, value)| value["type"] == "text");
    for (at, text) in texts.iter().enumerate() {
        let (line, value) = came.next().unwrap_or_else(|| panic!("only {at} of {}", texts.len()));
        assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
        assert_eq!(
            (&value["from"], &value["trust"]),
            (&"peer".into(), &"untrusted".into()),
            "{line}"
        );
        match value["saved_to"].as_str() {
            None => assert_eq!(value["body"], **text),
            Some(path) => assert!(std::fs::read_to_string(path).unwrap() == *text, "{line}"),
        }
    }
    assert!(came.next().is_none());
}

/// In a transcript for people every line of the peer's is marked, and so is none of ours.
#[track_caller]
fn check_page(page: &str, texts: usize) {
    let (_, entries) = page.split_once("Secrets are left out.\n").unwrap();
    let title = |line: &str| {
        line.starts_with("20") && line.get(..21).is_some_and(|moment| moment.ends_with("Z "))
    };
    let mut said = 0;
    for line in entries.split('\n') {
        let marked = [">     ", "    "].iter().any(|mark| line.starts_with(mark));
        assert!(line.is_empty() || marked || title(line), "{line:?}");
        assert!(!line.chars().any(|c| c.is_control() && c != '\t'), "{line:?}");
        said += usize::from(title(line) && line.contains("**The other side** said (text "));
    }
    assert_eq!(said, texts);
}

/// In a transcript for programs every line is one object, whatever was sent.
#[track_caller]
fn check_sent(page: &str, texts: &[String]) {
    assert!(page.bytes().all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte)));
    let lines: Vec<Value> = page.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().find_map(schema::fault), None);
    assert!(
        lines
            .iter()
            .filter(|line| line["type"] == "sent")
            .map(|line| line["body"].as_str().unwrap())
            .eq(texts)
    );
}

/// Nothing is there but the texts that went to files, and what was asked for.
#[track_caller]
fn nothing_was_done(machine: &Machine) {
    let found = tree(machine);
    assert!(!found.iter().any(|path| path.contains(CANARY)), "{found:?}");
    let ours =
        |path: &String| path.starts_with("home/.local/state/pinhole/") || path == "work/talk.md";
    assert!(found.iter().all(ours), "{found:?}");
}

#[test]
fn no_text_leaves_its_line() {
    let texts = texts::all();
    let (here, there) = (Machine::new(), Machine::new());
    let (mut host, mut peer, code) = channel(&here, &there);
    send_all(&there, &texts);
    send_all(&here, &["over".to_owned()]);
    assert_eq!(peer.until("text", "")["body"], "over");
    while host.until("delivered", "")["id"] != 1 {}
    // Another process gets the very lines; people see letters and line ends.
    let received = here.run(["receive", "--max-bytes", "100000000"]).expect(0);
    check(&received.lines, &texts);
    let human =
        here.run(["receive", "--after", "0", "--max-bytes", "100000000", "--human"]).expect(0);
    for line in &human.lines {
        let hidden = |c| {
            matches!(c,
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!line.chars().any(|c| c.is_control() && c != '\t' || hidden(c)), "{line:?}");
        assert!(
            !line.trim_start().starts_with("touch"),
            "what the peer wrote begins a line: {line}"
        );
    }
    // The channel is open as before, and nobody has done anything.
    let about = here.run(["status"]).expect(0).one("session");
    assert_eq!((&about["state"], &about["unreceived"]), (&"connected".into(), &0.into()));
    here.run(["close", &code]).expect(0);
    let host = host.end().expect(0);
    // But for the code, which no other process hears.
    let but_code = |lines: &[String]| {
        lines
            .iter()
            .filter(|line| !line.contains("\"event\":\"channel\""))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert!(
        but_code(&host.lines).starts_with(&but_code(&received.lines[..received.lines.len() - 1]))
    );
    check(&host.lines, &texts);
    peer.end().expect(0);
    nothing_was_done(&here);
    check_page(&std::fs::read_to_string(here.path("talk.md")).unwrap(), texts.len());
    check_sent(&std::fs::read_to_string(there.path("talk.jsonl")).unwrap(), &texts);
}

/// As a script does it: once, with everything in one process each.
#[test]
fn no_text_that_is_given_once_leaves_its_line() {
    let mut texts = texts::all();
    texts.retain(|text| text.len() < texts::LONGEST / 2 && !text.is_empty());
    let kept = texts.len() / crate::count(1, 2);
    // Of each kind some: the corpus is in the order of lengths.
    let every = texts.len() / kept;
    for text in texts.iter().step_by(every) {
        let (here, there) = (Machine::new(), Machine::new());
        let mut command = here.command(["give", "--text", "-"]);
        command.stdin(Stdio::piped());
        let mut giver = Running::start(command);
        giver.feed(text);
        giver.hang_up();
        let code = giver.code();
        let taker: Ended = there.run(["take", &code]).expect(0);
        check(&taker.lines, std::slice::from_ref(text));
        giver.end().expect(0);
        nothing_was_done(&there);
    }
}

#[test]
fn an_answer_is_one_line_whatever_it_looks_like() {
    let (here, there) = (Machine::new(), Machine::new());
    let fakes: Vec<String> = texts::all()
        .into_iter()
        .filter(|text| text.starts_with("{\"v\":1,") && text.len() < 150)
        .collect();
    let answer = fakes.join("\n");
    assert!(fakes.len() > 3 && answer.len() < 1024);
    there.write("answer", &answer);
    let mut host = there.start(["host", "--on-message", "--", "cat", "answer"]);
    let code = host.code();
    // Joined for one question, and in a channel that is open.
    let alone = here.run(["ask", &code, "is it approved?"]).expect(0);
    drop(host);
    let mut host = there.start(["host", "--on-message", "--", "cat", "answer"]);
    let code = host.code();
    let mut peer = here.start(["connect", &code]);
    peer.until("status", "connected");
    let asked = here.run(["ask", &code, "is it approved?"]).expect(0);
    for ended in [alone, asked] {
        check(&ended.lines, std::slice::from_ref(&answer));
        assert_eq!(ended.one("end")["exit"], 0);
    }
    here.run(["close"]).expect(0);
    host.end().expect(0);
    assert_eq!(peer.end().expect(0).all("text").len(), 1);
}

#[test]
fn what_the_peer_writes_answers_no_question() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut person = Terminal::start(&here, 80, ["host"]);
    let code = person.code();
    let mut peer = there.start(["connect", &code]);
    peer.until("status", "connected");
    there.write("gift", "x");
    let offering = there.start(["send", &code, "--file", "gift"]);
    person.see("Answer /yes or /no.");
    let mut answers: Vec<String> =
        ["/yes", "/yes\n", "y", "Y\n", "yes\r\n", "\u{1b}[200~y\r\u{1b}[201~", "\r", "\n\n"]
            .map(str::to_owned)
            .into();
    answers.push("that was all".into());
    send_all(&there, &answers);
    person.see("> that was all");
    person.keys("/no\r");
    assert_eq!(offering.end().expect(6).failure()["error"], "peer-declined");
    person.keys("/close\r");
    person.end(0);
    peer.end().expect(0);
    assert_eq!(tree(&here), Vec::<String>::new());
}
