//! Other commands at a session that runs: `status`, `receive`, `send`, `close`, from another shell
//! of the same machine.

use crate::harness::content::bytes as random;
use crate::harness::socket::{runtime, socket};
use crate::harness::{Machine, PATIENCE, Running};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

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
fn many_commands_that_wait_hide_no_channel() {
    let here = Machine::new();
    let mut host = here.start(["host"]);
    let code = host.code();
    host.until("status", "waiting");
    let waiting: Vec<UnixStream> = (0..20)
        .map(|_| {
            let mut stream = UnixStream::connect(socket(&here)).unwrap();
            writeln!(
                stream,
                "{{\"v\":1,\"do\":\"receive\",\"after\":99,\"wait\":600000,\"max_bytes\":1}}"
            )
            .unwrap();
            stream
        })
        .collect();
    assert_eq!(here.run(["status"]).expect(0).all("session").len(), 1);
    here.run(["close", &code]).expect(0);
    drop((host, waiting));
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
    // What nobody has come for is not dropped by a close in peace.
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
    // What gives has promised something, so it does not end well.
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
    // Another that waits where the first did.
    let mut second = there.start(["host", "--port", &code[..4]]);
    let second_code = second.code();
    let peer = here.start(["connect", &second_code]);
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
        let mut peer = there.start(["connect", &code]);
        peer.until("status", "connected");
        (host, peer, code)
    };
    // The first's code is used up, so another may listen where it did.
    let (_first, mut first_peer, code) = open(&[]);
    let (_second, mut second_peer, second_code) = open(&["--port", &code[..4]]);
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
fn a_give_sends_nothing_else() {
    let here = Machine::new();
    let mut giver = here.start(["give", "--text", "x"]);
    let code = giver.code();
    assert_eq!(here.run(["send", &code, "y"]).expect(2).failure()["error"], "not-wanted-here");
}

#[test]
fn a_killed_session_leaves_nothing_in_the_way() {
    let here = Machine::new();
    let mut host = here.start(["host"]);
    host.until("status", "waiting");
    host.signal(Signal::KILL);
    host.child.wait().unwrap();
    assert!(socket(&here).exists());
    assert!(here.run(["status"]).expect(0).all("session").is_empty());
    assert!(!runtime(&here).exists());
    let mut host = here.start(["host"]);
    host.until("status", "waiting");
    here.run(["close"]).expect(0);
    host.end().expect(0);
}

/// Of every command, how long it took, with a margin for what it does besides.
fn soon(begun: Instant) {
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn a_stopped_session_is_listed_and_holds_up_nobody() {
    let (here, there) = (Machine::new(), Machine::new());
    let (host, mut peer, number) = channel(&here, &there);
    let mut stopped = here.start(["host", "--label", "it"]);
    let code = stopped.code();
    stopped.until("status", "waiting");
    // Its number is on its card soon after.
    let noted = || {
        let cards = std::fs::read_dir(runtime(&here)).unwrap().map(|entry| entry.unwrap().path());
        cards
            .filter(|path| path.extension().is_some_and(|end| end == "card"))
            .any(|card| std::fs::read_to_string(card).unwrap().contains(&code[..4]))
    };
    let until = Instant::now() + PATIENCE;
    while !noted() {
        assert!(Instant::now() < until, "its card has no number");
    }
    stopped.signal(Signal::STOP);
    let mut agents = here.command(["host"]);
    agents.env("CLAUDE_CODE_SESSION_ID", "one");
    let mut agents = Running::start(agents);
    agents.code();
    let begun = Instant::now();
    let listed = here.run(["status"]).expect(0).all("session");
    let states: Vec<&str> =
        listed.iter().map(|session| session["state"].as_str().unwrap()).collect();
    assert_eq!(
        (states.len(), states.iter().filter(|state| **state == "not-answering").count()),
        (3, 1)
    );
    for which in
        [["status", &code].as_slice(), &["status", &code[..4]], &["status", "--label", "it"]]
    {
        let one = here.run(which).expect(0).one("session");
        assert_eq!(
            (&one["state"], &one["label"], &one["role"]),
            (&"not-answering".into(), &"it".into(), &"host".into()),
            "{which:?}"
        );
        assert_eq!(one["number"].to_string(), code[..4]);
        assert!(one.get("unreceived").is_none());
    }
    // Nothing of it is another agent's business.
    let mut status = here.command(["status"]);
    status.env("CLAUDE_CODE_SESSION_ID", "one");
    assert_eq!(Running::start(status).end().expect(0).one("session")["state"], "waiting");
    here.run(["send", &number, "hello"]).expect(0);
    assert_eq!(peer.until("text", "")["body"], "hello");
    here.run(["receive", &number]).expect(0);
    assert_eq!(
        here.run(["close", "--label", "none"]).expect(3).failure()["error"],
        "code-not-open"
    );
    soon(begun);
    for args in [
        ["receive", &code[..4]].as_slice(),
        &["send", &code, "x"],
        &["ask", "--label", "it", "x"],
        &["close", &code, "--now"],
    ] {
        let failure = here.run(args).expect(11).failure();
        let process = format!("kill -CONT {}", stopped.child.id());
        assert!(
            failure["error"] == "not-answering"
                && failure["next"].as_str().unwrap().starts_with(&process),
            "{failure}"
        );
    }
    // It is not dead.
    stopped.signal(Signal::CONT);
    assert_eq!(here.run(["status", &code]).expect(0).one("session")["state"], "waiting");
    here.run(["close", &code]).expect(0);
    stopped.end().expect(0);
    drop((host, agents));
    assert!(here.run(["status"]).expect(0).all("session").is_empty());
    assert!(!runtime(&here).exists());
}

#[test]
fn one_that_is_busy_is_waited_for_if_it_is_meant() {
    let here = Machine::new();
    let mut host = here.start(["host"]);
    let code = host.code();
    host.until("status", "waiting");
    // Somebody in between, who takes longer than a second.
    let (path, aside) = (socket(&here), here.path("aside"));
    std::fs::rename(&path, &aside).unwrap();
    let between = UnixListener::bind(&path).unwrap();
    assert_eq!(here.run(["status"]).expect(0).one("session")["state"], "not-answering");
    let named = here.start(["receive", &code[..4]]);
    // What `status` asked, and `receive` in vain; then what is answered, to its question and its
    // request.
    let unanswered: [_; 2] = std::array::from_fn(|_| between.accept().unwrap());
    for _ in 0..2 {
        let (asking, _) = between.accept().unwrap();
        let session = UnixStream::connect(&aside).unwrap();
        let ways = [(asking.try_clone().unwrap(), session.try_clone().unwrap()), (session, asking)];
        for (mut from, mut to) in ways {
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Write);
            });
        }
    }
    drop(unanswered);
    named.end().expect(0).one("end");
}

#[test]
fn a_directory_of_others_is_refused_and_a_session_goes_on_without_it() {
    let here = Machine::new();
    let mut host = here.start(["host"]);
    host.until("status", "waiting");
    std::fs::set_permissions(runtime(&here), std::fs::Permissions::from_mode(0o755)).unwrap();
    for args in [vec!["status"], vec!["close"], vec!["receive"], vec!["send", "9000", "x"]] {
        assert_eq!(here.run(&args).expect(8).failure()["error"], "not-private", "{args:?}");
    }
    // Whoever names a session wants to reach it.
    let mut named = here.start(["give", "--text", "x", "--label", "it"]);
    assert_eq!(named.until("error", "")["error"], "no-control");
    let code = named.code();
    assert_eq!(Machine::new().run(["take", &code]).expect(0).one("text")["body"], "x");
    let unnamed = named.end();
    assert_eq!(unnamed.status.code(), Some(0));
}

#[test]
fn garbage_at_the_socket_harms_nothing() {
    let here = Machine::new();
    let mut host = here.start(["host"]);
    host.until("status", "waiting");
    let socket = socket(&here);
    let connect = || UnixStream::connect(&socket).unwrap();
    let requests: [&[u8]; 6] = [
        b"garbage\n",
        b"{\"v\":3,\"do\":\"about\"}\n",
        b"{\"v\":1,\"do\":\"dance\"}\n",
        b"{\"v\":1,\"do\":\"send\",\"things\":[{\"bytes\":99999999999,\"kind\":\"text\"}]}\n",
        b"\xff\xfe\n",
        b"{\"v\":1,\"do\":\"send\",\"things\":[{\"bytes\":2,\"kind\":{\"files\":\
          {\"exclude\":[],\"gitignore\":false,\"links\":\"skip\"}}}]}\n-\0",
    ];
    for request in requests {
        let mut stream = connect();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        BufReader::new(&stream).read_line(&mut answer).unwrap();
        assert!(answer.contains("\"failed\""), "{answer}");
    }
    // An endless one is cut off; half of one, and as many as are served at a time, hold up nobody
    // for ever.
    let mut endless = connect();
    let more = [b'x'; 1 << 16];
    while endless.write_all(&more).is_ok() {}
    let mut half: Vec<UnixStream> = (0..20).map(|_| connect()).collect();
    for stream in &mut half {
        stream.write_all(b"{\"v\":1,").unwrap();
    }
    for stream in &mut half {
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    }
    assert_eq!(here.run(["status"]).expect(0).all("session").len(), 1);
    here.run(["close"]).expect(0);
    host.end().expect(0);
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
