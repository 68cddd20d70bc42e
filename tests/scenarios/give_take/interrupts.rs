//! Ctrl-C on either side at any moment: never a success without a delivery, never a part under a
//! final name, and the other side hears.

use crate::harness::content::{bytes, digest_at, names, pour};
use crate::harness::{Ended, Machine, Running, port};
use pinhole_protocol::rendezvous::Opening;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

/// The other side of an interrupted one: told in one sentence, or done because everything was
/// delivered.
#[track_caller]
fn heard(other: &Ended) {
    match other.status.code() {
        Some(0) => {}
        Some(6) => {
            let word = other.failure()["error"].as_str().unwrap().to_owned();
            assert!(["peer-interrupted", "peer-lost"].contains(&&*word), "{:#?}", other.lines);
        }
        status => panic!("{status:?}: {:#?}", other.lines),
    }
}

/// Checks what must hold whoever was interrupted, and whenever.
#[track_caller]
fn nothing_half_done(there: &Machine, source: &str, giver: &Ended, taker: &Ended) {
    let mut left = names(there.dir());
    // A journal tells of a delivery that the giver may not have heard of, and of what stays to be
    // gone on with if it took long enough to come.
    if left.iter().any(|name| name.ends_with(".journal")) {
        left.retain(|name| !name.starts_with(".pinhole-"));
    }
    if left.is_empty() {
        assert!(
            giver.status.code() != Some(0) && taker.status.code() != Some(0),
            "{:#?}\n{:#?}",
            giver.lines,
            taker.lines
        );
    } else {
        assert_eq!(left, ["file"], "a part, or a hidden one");
        assert_eq!(digest_at(there.path("file")), source);
    }
}

#[test]
fn before_anybody_came() {
    let here = Machine::new();
    here.write("a", b"a");
    for args in [vec!["give", "a"], vec!["take"], vec!["host"]] {
        for signal in [Signal::INT, Signal::TERM] {
            let mut running = here.start(&args);
            running.until("status", "waiting");
            running.signal(signal);
            assert_eq!(running.end().expect(130).failure()["error"], "interrupted");
        }
    }
    assert_eq!(names(here.dir()), ["a"]);
}

#[test]
fn during_the_handshake() {
    // A stranger who has got as far as message 1 and says nothing more.
    let here = Machine::new();
    let mut giver = here.start(["give", "--text", "x"]);
    let port = port(&giver.code());
    let mut stranger = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stranger.write_all(&Opening::Code.encode()).unwrap();
    stranger.read_exact(&mut [0; 40]).unwrap();
    giver.signal(Signal::INT);
    giver.end().expect(130);

    // A host that accepts and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let taker = here.start(["take", &format!("{port}-walrus-clipboard-mango")]);
    let (mut joiner, _) = silent.accept().unwrap();
    joiner.read_exact(&mut [0; 9]).unwrap();
    taker.signal(Signal::INT);
    taker.end().expect(130);
}

/// A stream from a giver to a taker that is on its way and goes on as long as the test wants.
fn streaming(here: &Machine, there: &Machine) -> (Running, Running) {
    let mut command = here.command(["give", "-"]);
    command.stdin(Stdio::piped());
    let mut giver = Running::start(command);
    let code = giver.code();
    let mut taker = there.start(["take", &code, "-o", "file"]);
    taker.until("offer", "");
    pour(giver.child.stdin.as_mut().unwrap(), 4 << 20);
    (giver, taker)
}

#[test]
fn while_bytes_flow() {
    for side in ["giver", "taker"] {
        let (here, there) = (Machine::new(), Machine::new());
        let (giver, taker) = streaming(&here, &there);
        let interrupted = if side == "giver" { &giver } else { &taker };
        interrupted.signal(Signal::INT);
        let (giver, taker) = (giver.end(), taker.end());
        let (interrupted, other) =
            if side == "giver" { (&giver, &taker) } else { (&taker, &giver) };
        assert_eq!(interrupted.failure()["error"], "interrupted");
        let said = interrupted.failure()["detail"].as_str().unwrap().to_owned();
        let arrived = if side == "giver" { " arrived there" } else { " had come" };
        assert!(said.starts_with("interrupted; ") && said.ends_with(arrived), "{said}");
        assert_eq!(other.failure()["error"], "peer-interrupted");
        assert!(names(there.dir()).is_empty(), "{side}: {:?}", names(there.dir()));
        let (giver, taker) = if side == "giver" {
            (giver.expect(130), taker.expect(6))
        } else {
            (giver.expect(6), taker.expect(130))
        };
        assert!(giver.all("delivered").is_empty() && taker.all("file").is_empty());
    }
}

/// Sends a file and interrupts one side at this step of it.
fn at_a_step(content: &[u8], (kind, event): (&str, &str), of_taker: bool) {
    let (here, there) = (Machine::new(), Machine::new());
    let source = digest_at(here.write("file", content));
    let mut giver = here.start(["give", "file"]);
    let code = giver.code();
    let mut taker = there.start(["take", &code, "-o", "."]);
    let side = if of_taker { &mut taker } else { &mut giver };
    side.until(kind, event);
    side.signal(Signal::INT);
    let (taker, giver) = (taker.end(), giver.end());
    let (stopped, other) = if of_taker { (&taker, &giver) } else { (&giver, &taker) };
    assert!([Some(0), Some(130)].contains(&stopped.status.code()), "{:#?}", stopped.lines);
    heard(other);
    nothing_half_done(&there, &source, &giver, &taker);
}

#[test]
fn at_every_step_of_a_file() {
    let content = bytes(3 << 20);
    let begun = [("status", "paired"), ("status", "connected")];
    let over = [("status", "peer_left"), ("status", "closed")];
    for step in begun.into_iter().chain([("offer", ""), ("file", "")]).chain(over) {
        at_a_step(&content, step, true);
    }
    for step in begun.into_iter().chain([("delivered", "")]).chain(over) {
        at_a_step(&content, step, false);
    }
}

#[test]
fn a_killed_giver_leaves_nothing_under_a_name() {
    let (here, there) = (Machine::new(), Machine::new());
    let (giver, mut taker) = streaming(&here, &there);
    giver.signal(Signal::KILL);
    // It may come back, for all that the taker knows.
    taker.until("status", "reconnecting");
    taker.signal(Signal::INT);
    let taker = taker.end().expect(130);
    assert_eq!(taker.failure()["error"], "interrupted");
    assert!(names(there.dir()).is_empty(), "{:?}", names(there.dir()));
}

#[test]
fn a_killed_taker_is_not_a_delivery() {
    let (here, there) = (Machine::new(), Machine::new());
    let (mut giver, taker) = streaming(&here, &there);
    taker.signal(Signal::KILL);
    giver.hang_up();
    giver.until("status", "reconnecting");
    giver.signal(Signal::INT);
    let giver = giver.end().expect(130);
    assert_eq!(giver.failure()["error"], "interrupted");
    // The one thing that may be there is hidden: nothing could take it away.
    assert!(
        names(there.dir()).iter().all(|name| name.starts_with('.')),
        "{:?}",
        names(there.dir())
    );
}

#[test]
fn what_fails_by_an_interrupt_here_is_not_blamed_on_the_other_side() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut command = here.command(["give", "-"]);
    command.stdin(Stdio::piped());
    let mut giver = Running::start(command);
    let code = giver.code();
    let mut open = there.start(["connect", &code]);
    open.until("offer", "");
    pour(giver.child.stdin.as_mut().unwrap(), 1 << 20);
    open.signal(Signal::INT);
    let open = open.end().expect(130);
    let words: Vec<_> =
        open.all("error").iter().map(|error| error["error"].as_str().unwrap().to_owned()).collect();
    assert!(words.iter().all(|word| word == "interrupted"), "{words:?}");
    giver.end().expect(6);
}
