//! Other commands at a session that runs: `status`, `receive`, `send`, `close`, from another shell
//! of the same machine.

use crate::harness::content::bytes as random;
use crate::harness::socket::{runtime, socket};
use crate::harness::{Machine, Running};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};

/// A host here and its peer there, connected; and the number between them.
pub fn channel(here: &Machine, there: &Machine) -> (Running, Running, String) {
    let mut host = here.start(["host"]);
    let code = host.code();
    let mut peer = there.start(["connect", &code]);
    host.until("status", "connected");
    peer.until("status", "connected");
    (host, peer, code[..4].to_owned())
}

fn seqs(lines: &[String]) -> Vec<u64> {
    lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64())
        .collect()
}

#[test]
fn status_lists_what_is_open() {
    let (here, there) = (Machine::new(), Machine::new());
    assert!(here.run(["status"]).expect(0).all("session").is_empty());
    // Looking makes nothing.
    assert!(!here.home().join(".local").exists());
    let (host, peer, number) = channel(&here, &there);
    let one = here.run(["status"]).expect(0).one("session");
    assert_eq!(
        (&one["number"], &one["role"], &one["state"]),
        (&number.parse().unwrap(), &"host".into(), &"connected".into())
    );
    assert_eq!((&one["want"], &one["path"]), (&"channel".into(), &"loopback".into()));
    let mut other = here.start(["give", "--text", "x", "--label", "the other"]);
    let code = other.code();
    let lines = here.run(["status"]).expect(0);
    assert_eq!(lines.all("session").len(), 2);
    assert!(
        !lines.everything().contains(code.split_once('-').unwrap().1),
        "the words are nobody's business"
    );
    for which in
        [vec!["status", &code], vec!["status", &code[..4]], vec!["status", "--label", "the other"]]
    {
        let one = here.run(&which).expect(0).one("session");
        assert_eq!(
            (&one["label"], &one["want"], &one["state"]),
            (&"the other".into(), &"give".into(), &"waiting".into()),
            "{which:?}"
        );
    }
    assert_eq!(here.run(["status", "--role", "peer"]).expect(0).all("session").len(), 0);
    // Another code of the same number is another channel.
    let error =
        here.run(["status", &format!("{}-walrus-clipboard-mango", &code[..4])]).expect(3).failure();
    assert_eq!(error["error"], "code-not-open");
    assert!(error["detail"].as_str().unwrap().contains(&number), "lists what is open: {error}");
    drop((host, peer, other));
}

#[test]
fn what_is_sent_from_elsewhere_arrives_and_is_told() {
    let (here, there) = (Machine::new(), Machine::new());
    let (mut host, mut peer, number) = channel(&here, &there);
    let sent = here.run(["send", &number, "hello\nthere"]).expect(0);
    assert_eq!(sent.one("delivered")["seq"], host.until("delivered", "")["seq"]);
    assert_eq!(peer.until("text", "")["body"], "hello\nthere");
    // Back, a file, named as it is seen from there.
    let content = random(5_000_000);
    there.write("big", &content);
    let sent = there.run(["send", &number, "--file", "big", "--text", "with it"]).expect(0);
    assert_eq!((sent.all("queued").len(), sent.all("delivered").len()), (1, 2));
    let saved = host.until("file", "")["saved_to"].as_str().unwrap().to_owned();
    assert!(std::fs::read(saved).unwrap() == content);
    // A secret, whose value is in no line.
    there.write("key", "hush-hush");
    let sent =
        there.run(["send", &number, "--secret-file", "key", "--secret-name", "KEY"]).expect(0);
    let secret = host.until("secret", "");
    assert_eq!(
        (&secret["name"], &secret["stored"], &secret["value"]),
        (&"KEY".into(), &"held".into(), &"<withheld>".into())
    );
    here.run(["receive", "--secret-to-file", "mine"]).expect(0);
    assert_eq!(std::fs::read(here.path("mine")).unwrap(), b"hush-hush");
    assert!(!sent.everything().contains("hush"));
    let missing = there.run(["send", &number, "--file", "missing"]).expect(2).failure();
    assert_eq!(missing["error"], "no-such-file");
    here.run(["close", &number]).expect(0);
    assert!(!host.end().expect(0).everything().contains("hush"));
    peer.end().expect(0);
}

#[test]
fn receive_returns_each_line_once_and_again_when_asked() {
    let (here, there) = (Machine::new(), Machine::new());
    let (_host, mut peer, number) = channel(&here, &there);
    for text in ["one", "two", "three"] {
        here.run(["send", &number, text]).expect(0);
    }
    let first = there.run(["receive"]).expect(0);
    let bodies: Vec<_> = first.all("text").into_iter().map(|text| text["body"].clone()).collect();
    assert_eq!(bodies, ["one", "two", "three"]);
    // The very lines of the session itself.
    peer.until("text", "");
    assert!(first.lines.starts_with(&peer.seen), "{:#?}", first.lines);
    let last = first.one("end")["last_seq"].as_u64().unwrap();
    // Nothing new is no failure.
    let nothing = there.run(["receive", &number]).expect(0);
    assert_eq!((nothing.lines.len(), &nothing.one("end")["last_seq"]), (1, &Value::Null));
    assert_eq!(
        seqs(&there.run(["receive", "--after", &(last - 2).to_string()]).expect(0).lines),
        [last - 1, last]
    );
    // In small pieces, of whole lines.
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let piece =
            there.run(["receive", "--after", &after.to_string(), "--max-bytes", "1"]).expect(0);
        all.extend(seqs(&piece.lines));
        after = piece.one("end")["last_seq"].as_u64().unwrap();
        if piece.one("end")["more"] != true {
            break;
        }
    }
    assert_eq!(all, (1..=last).collect::<Vec<_>>());
    // One that waits is woken, and there is no second one who gets the same.
    let waiting =
        [there.start(["receive", "--wait", "3"]), there.start(["receive", "--wait", "3"])];
    here.run(["send", &number, "four"]).expect(0);
    let got: usize =
        waiting.into_iter().map(|waiting| waiting.end().expect(0).all("text").len()).sum();
    assert_eq!(got, 1);
    let status = there.run(["status"]).expect(0);
    assert_eq!(status.all("session").len(), 1, "the peer has ended: {:?}", peer.child.try_wait());
    assert_eq!(status.one("session")["unreceived"], 0);
}

#[test]
fn what_the_peer_writes_keeps_its_line() {
    let (here, there) = (Machine::new(), Machine::new());
    let (_host, _peer, number) = channel(&here, &there);
    let long = "x".repeat(100_000);
    let texts = [
        "\n{\"v\":1,\"type\":\"end\",\"exit\":0,\"reason\":\"done\"}\n",
        "{\"v\":1,\"seq\":99,\"type\":\"status\",\"event\":\"closed\"}",
        "\u{1b}[2J\u{7}\u{202e}\u{0}\r\n\u{2028}",
        "\\u000a\"}]}",
        &long,
    ];
    for text in texts {
        here.write("text", text);
        let mut command = here.command(["send", &number, "--text", "-"]);
        command.stdin(std::fs::File::open(here.path("text")).unwrap());
        Running::start(command).end().expect(0);
    }
    let got = there.run(["receive"]).expect(0).all("text");
    assert_eq!(got.len(), texts.len());
    for (got, text) in got.iter().zip(texts) {
        assert_eq!((&got["from"], &got["trust"]), (&"peer".into(), &"untrusted".into()));
        match got["saved_to"].as_str() {
            Some(path) => assert_eq!(std::fs::read_to_string(path).unwrap(), text),
            None => assert_eq!(got["body"], text),
        }
    }
    let shown = there.run(["receive", "--after", "0", "--human"]).expect(0).everything();
    assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}', '\r']), "{shown:?}");
}

#[test]
fn what_is_not_delivered_in_time_is_pending_and_goes_on() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let code = host.code();
    host.until("status", "waiting");
    let early = here.run(["send", &code, "early", "--wait", "0"]).expect(11);
    assert_eq!(early.failure()["error"], "unfinished");
    assert_eq!(early.one("pending")["id"], Value::Null);
    // A close in peace does not drop a text that nobody has come for.
    let refused = here.run(["close"]).expect(11).failure();
    assert_eq!(refused["error"], "undelivered");
    assert!(refused["next"].as_str().unwrap().contains("--now"));
    let next =
        early.one("pending")["next"].as_str().unwrap().strip_prefix("pinhole ").unwrap().to_owned();
    // It is sent when the other side comes, although the command that sent it has ended.
    let mut peer = there.start(["connect", &code]);
    assert_eq!(peer.until("text", "")["body"], "early");
    host.until("delivered", "");
    assert_eq!(here.run(next.split(' ')).expect(0).one("delivered")["size"], 5);
}

#[test]
fn an_item_that_is_declined_says_so() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let code = host.code();
    let _peer = there.start(["connect", &code, "--max-size", "10"]);
    host.until("status", "connected");
    here.write("big", random(1_000));
    let error = here.run(["send", &code, "--file", "big"]).expect(6).failure();
    assert_eq!(error["error"], "peer-too-large");
    // The channel goes on.
    here.run(["send", &code, "small"]).expect(0);
}

#[test]
fn close_ends_both_sides_in_peace() {
    let (here, there) = (Machine::new(), Machine::new());
    let (host, peer, _) = channel(&here, &there);
    there.run(["close"]).expect(0);
    host.end().expect(0);
    peer.end().expect(0);
    assert!(!runtime(&here).exists() && !runtime(&there).exists());
    // A host that waits alone.
    let mut host = here.start(["host"]);
    host.until("status", "waiting");
    here.run(["close"]).expect(0);
    assert!(host.end().expect(0).everything().contains("\"closed\""));
    // A giver has promised something, so it does not end well.
    let mut giver = here.start(["give", "--text", "x"]);
    giver.until("status", "waiting");
    here.run(["close"]).expect(0);
    assert_eq!(giver.end().expect(130).failure()["error"], "interrupted");
    let error = here.run(["close"]).expect(2).failure();
    assert_eq!(error["error"], "not-open");
}

#[test]
fn closing_what_ends_meanwhile_is_done() {
    let here = Machine::new();
    let mut host = here.start(["host"]);
    host.until("status", "waiting");
    // The session is found, and gone when it is asked: somebody in between tells one request, and
    // then nobody listens.
    let (path, aside) = (socket(&here), here.path("aside"));
    std::fs::rename(&path, &aside).unwrap();
    let between = UnixListener::bind(&path).unwrap();
    let closing = here.start(["close"]);
    let (finder, _) = between.accept().unwrap();
    std::fs::remove_file(&path).unwrap();
    let (mut finder, mut session) = (BufReader::new(finder), UnixStream::connect(&aside).unwrap());
    let mut request = String::new();
    finder.read_line(&mut request).unwrap();
    session.write_all(request.as_bytes()).unwrap();
    std::io::copy(&mut session, finder.get_mut()).unwrap();
    closing.end().expect(0);
}

#[test]
fn a_give_sends_nothing_else() {
    let here = Machine::new();
    let mut giver = here.start(["give", "--text", "x"]);
    let code = giver.code();
    assert_eq!(here.run(["send", &code, "y"]).expect(2).failure()["error"], "not-wanted-here");
}
