//! Standard input sent into a channel that is open in another process, whose `send` feeds it.

use crate::harness::content::{digest, digest_of, in_full, names, pour};
use crate::harness::process::Watch;
use crate::harness::{Ended, Machine, Running, wait};
use rustix::process::Signal;
use std::process::Stdio;

/// A channel: the side here sends, the other receives into its working directory.
struct Channel {
    here: Machine,
    there: Machine,
    host: Running,
    peer: Running,
    number: String,
}

impl Channel {
    fn open(peer_args: &[&str]) -> Self {
        let (here, there) = (Machine::new(), Machine::new());
        let mut host = here.start(["host"]);
        let code = host.code();
        let mut peer = there.start([&["connect", &code, "-o", "."], peer_args].concat());
        host.until("status", "connected");
        peer.until("status", "connected");
        Self { here, there, host, peer, number: code[..4].to_owned() }
    }

    /// A `send` that reads what the test feeds it.
    fn send(&self, args: &[&str]) -> Running {
        fed(&self.here, &self.number, args)
    }

    /// A `send` of these bytes.
    fn sent(&self, args: &[&str], input: impl AsRef<[u8]>) -> Ended {
        let mut sender = self.send(args);
        sender.feed(input);
        sender.hang_up();
        sender.end()
    }

    /// The channel goes on.
    fn goes_on(&self) {
        self.here.run(["send", &self.number, "still here"]).expect(0);
    }
}

fn fed(machine: &Machine, code: &str, args: &[&str]) -> Running {
    let mut command = machine.command([&["send", code], args].concat());
    command.stdin(Stdio::piped());
    Running::start(command)
}

#[test]
fn standard_input_goes_through_byte_by_byte() {
    let size: u64 = if in_full() { 1 << 30 } else { 64 << 20 };
    let mut it = Channel::open(&[]);
    let mut sender = it.send(&["-"]);
    let (session, sending) = (Watch::start(it.host.child.id()), Watch::start(sender.child.id()));
    let mut input = sender.child.stdin.take().unwrap();
    let source = std::thread::spawn(move || pour(&mut input, size));
    let sent = sender.end().expect(0);
    assert_eq!(source.join().unwrap(), size);
    session.check();
    sending.check();
    assert_eq!((sent.all("queued").len(), &sent.one("delivered")["size"]), (1, &size.into()));
    assert_eq!(sent.one("delivered")["seq"], it.host.until("delivered", "")["seq"]);
    assert_eq!(it.peer.until("file", "")["name"], "stdin");
    assert_eq!(digest(std::fs::File::open(it.there.path("stdin")).unwrap()), digest_of(size));
}

#[test]
fn nothing_and_a_little_go_through_too() {
    let it = Channel::open(&[]);
    assert_eq!(it.sent(&["-"], "").expect(0).one("delivered")["size"], 0);
    assert_eq!(std::fs::read(it.there.path("stdin")).unwrap(), b"");
    // With other things, which are there before it ends.
    it.here.write("key", "hush");
    let mut sender = it.send(&["-", "--text", "beside it", "--secret-file", "key"]);
    (0..2).for_each(|_| drop(sender.until("delivered", "")));
    sender.feed("x");
    sender.hang_up();
    sender.end().expect(0);
    assert_eq!(std::fs::read(it.there.path("stdin (1)")).unwrap(), b"x");
}

#[test]
fn who_feeds_and_is_killed_cancels_it() {
    for signal in [Signal::KILL, Signal::INT] {
        let mut it = Channel::open(&[]);
        let mut sender = it.send(&["-"]);
        // Half of it has reached the disk there, so it is really under way.
        sender.feed(vec![7; 8 << 20]);
        it.peer.until("offer", "");
        let partial = || {
            std::fs::read_dir(it.there.dir())
                .unwrap()
                .any(|entry| entry.unwrap().metadata().is_ok_and(|it| it.len() >= 4 << 20))
        };
        wait("under way", || partial().then_some(()));
        sender.signal(signal);
        match signal {
            Signal::INT => assert!(
                sender.end().expect(130).failure()["detail"]
                    .as_str()
                    .unwrap()
                    .contains("is cancelled")
            ),
            _ => drop(sender.child.wait().unwrap()),
        }
        let here = it.host.until("error", "");
        assert_eq!(here["error"], "source-unreadable");
        assert!(here["detail"].as_str().unwrap().contains("was stopped before the end"), "{here}");
        assert_eq!(it.peer.until("error", "")["error"], "peer-source-unreadable");
        it.goes_on();
        it.here.run(["close"]).expect(0);
        it.peer.end().expect(0);
        assert!(names(it.there.dir()).is_empty(), "{:?}", names(it.there.dir()));
    }
}

#[test]
fn its_time_begins_at_the_end_of_the_input() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let code = host.code();
    // Nobody is there yet, and what is short is taken all the same.
    let mut early = fed(&here, &code, &["-", "--wait", "0"]);
    early.feed("early");
    early.hang_up();
    let early = early.end().expect(11);
    assert_eq!(
        (&early.one("pending")["what"], &early.failure()["error"]),
        (&"standard input".into(), &"unfinished".into())
    );
    let mut peer = there.start(["connect", &code, "-o", "."]);
    peer.until("file", "");
    assert_eq!(std::fs::read(there.path("stdin")).unwrap(), b"early");
    host.until("delivered", "");
    // A command whose input goes on stays, however little it would wait.
    let mut slow = fed(&here, &code, &["-", "--wait", "0"]);
    slow.feed("a");
    slow.until("queued", "");
    peer.until("offer", "");
    assert!(slow.child.try_wait().unwrap().is_none());
    slow.feed("b");
    slow.hang_up();
    assert!([Some(0), Some(11)].contains(&slow.end().status.code()));
    peer.until("file", "");
    assert_eq!(std::fs::read(there.path("stdin (1)")).unwrap(), b"ab");
}

#[test]
fn an_input_without_an_end_ends_with_its_transfer() {
    let it = Channel::open(&["--max-size", "1M"]);
    let mut command = it.here.command(["send", &it.number, "-"]);
    command.stdin(std::fs::File::open("/dev/zero").unwrap());
    assert_eq!(Running::start(command).end().expect(6).failure()["error"], "peer-too-large");
    it.goes_on();
    // The channel ends before the input.
    let mut command = it.here.command(["send", &it.number, "-"]);
    command.stdin(Stdio::piped());
    let mut sender = Running::start(command);
    sender.until("queued", "");
    it.here.run(["close", "--now"]).expect(0);
    assert_eq!(sender.end().expect(130).failure()["error"], "interrupted");
    assert!(names(it.there.dir()).is_empty());
}

#[test]
fn what_cannot_be_read_or_is_read_twice_is_said() {
    let it = Channel::open(&[]);
    let mut command = it.here.command(["send", &it.number, "-"]);
    command.stdin(std::fs::File::open(it.here.dir()).unwrap());
    assert_eq!(Running::start(command).end().expect(8).failure()["error"], "source-unreadable");
    it.here.write("a", "a");
    for (args, error) in [
        (&["-", "--secret"][..], "usage"),
        (&["-", "--text", "-"], "usage"),
        (&["--text", "-", "--secret"], "usage"),
        (&["-", "--file", "a"], "stream-alone"),
        (&["--file", "-", "--file", "-"], "stream-alone"),
    ] {
        assert_eq!(it.sent(args, "").expect(2).failure()["error"], error, "{args:?}");
    }
    it.goes_on();
}

#[test]
fn what_only_the_command_has_open_is_read_by_it() {
    let it = Channel::open(&[]);
    let mut command = it.here.command(["send", &it.number, "--file", "/dev/stdin"]);
    command.stdin(Stdio::piped());
    let mut sender = Running::start(command);
    sender.feed("from a pipe");
    sender.hang_up();
    sender.end().expect(0);
    assert_eq!(std::fs::read(it.there.path("stdin")).unwrap(), b"from a pipe");
    // A file is sent as the file that it is.
    it.here.write("file.txt", "from a file");
    let mut command = it.here.command(["send", &it.number, "--file", "/dev/stdin"]);
    command.stdin(std::fs::File::open(it.here.path("file.txt")).unwrap());
    Running::start(command).end().expect(0);
    assert_eq!(std::fs::read(it.there.path("file.txt")).unwrap(), b"from a file");
}

#[test]
fn a_text_and_a_secret_come_from_a_pipe() {
    let mut it = Channel::open(&[]);
    it.sent(&["--text", "-"], "two\nlines").expect(0);
    assert_eq!(it.peer.until("text", "")["body"], "two\nlines");
    let sent = it.sent(&["--secret", "--secret-name", "KEY"], "hush-hush").expect(0);
    assert!(!sent.everything().contains("hush"));
    assert_eq!(it.peer.until("secret", "")["name"], "KEY");
    it.there.run(["receive", "--secret-to-file", "key"]).expect(0);
    assert_eq!(std::fs::read(it.there.path("key")).unwrap(), b"hush-hush");
    assert_eq!(it.sent(&["--secret"], "").expect(2).failure()["error"], "empty-secret");
    assert_eq!(it.sent(&["--text", "-"], b"\xff").expect(2).failure()["error"], "not-text");
}
