//! Sessions that were killed, are stopped or busy, and garbage at a socket: no command waits for
//! them in vain.

use crate::channel::control::channel;
use crate::harness::socket::{runtime, socket};
use crate::harness::{Machine, PATIENCE, Running};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

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
    // The questions of `status`, and of `receive` in vain; then those that are answered.
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
        b"{\"v\":1,\"do\":\"send\",\"things\":[{\"bytes\":2,\"kind\":\
          {\"files\":{\"exclude\":[],\"gitignore\":false,\"links\":\"skip\"}}}]}\n-\0",
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
