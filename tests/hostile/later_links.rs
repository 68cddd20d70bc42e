//! A peer that knows the conversation's secret and makes links as nobody should: it is confirmed
//! and never uses them, says its tag and goes, or says it again (SPEC 3.9, 6.2; A9, B7b).

use crate::harness::{Machine, PATIENCE, Running, port, runs, wait};
use crate::peer::{FakeHost, Peer, Ready, Said, dial_from, frame, read_frame, rest};
use crate::relink::{Link, Ours};
use pinhole_protocol::limits::{FAITHFUL, RESUMING};
use pinhole_protocol::rendezvous::{OPENING, Opening};
use pinhole_protocol::wire::{Control, ItemId, Message, Want};
use rand_core::OsRng;
use rustix::process::Signal;
use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The time of a link from its confirmation to its use.
const USE: Duration = Duration::from_secs(5);
/// Much less of it than is left on a busy machine.
const SOON: Duration = Duration::from_secs(4);

/// A real `host`, which a joiner of ours has joined.
struct Host {
    here: Machine,
    host: Running,
    code: String,
    peer: Peer,
}

impl Host {
    fn new() -> Self {
        let here = Machine::new();
        let mut host = here.start(["host"]);
        let code = host.code();
        let ready = Ready::dial_with(1, &code, FAITHFUL | RESUMING);
        let mut peer = ready.unwrap().join();
        peer.answer_use(Want::Both);
        host.until("status", "connected");
        Self { here, host, code, peer }
    }

    fn dial(&self) -> TcpStream {
        dial_from(1, port(&self.code)).unwrap()
    }

    /// A text from there to here arrives, and then it ends.
    #[track_caller]
    fn works(mut self) {
        self.here.run(["send", &self.code, "hello", "--wait", "0"]);
        let hello = |message| match message {
            Message::Text { ref body, .. } => (body == "hello").then_some(()),
            _ => None,
        };
        assert!(self.peer.until(hello).is_some());
        self.host.signal(Signal::KILL);
    }
}

/// A real `connect`, which has joined a host of ours.
struct Joiner {
    joiner: Running,
    host: FakeHost,
    peer: Peer,
    _there: Machine,
}

impl Joiner {
    fn new() -> Self {
        let (host, there) = (FakeHost::new(), Machine::new());
        let mut joiner = there.start(["connect", &host.code]);
        let mut peer = host.meet_with(FAITHFUL | RESUMING);
        peer.put_in_use(Want::Both);
        joiner.until("status", "connected");
        Self { joiner, host, peer, _there: there }
    }

    fn accept(&self) -> TcpStream {
        let socket = self.host.listener.accept().unwrap().0;
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// The first link that can be made over what it dials, with this index or a later one. It may
    /// have given up those before: one of two that it dials at once, or one that took too long.
    fn link(&self, index: u32) -> Link {
        let made = |index| self.peer.host_link(self.accept(), Ours::Accepted, index).ok();
        (index..).find_map(made).unwrap()
    }

    /// The place at which it says that it listens.
    fn place(&mut self) -> SocketAddr {
        loop {
            if let Said::Control(Control::Places(places)) = self.peer.hear().expect("closed") {
                return places.direct[0];
            }
        }
    }

    /// A text from here to there arrives, and then it ends.
    #[track_caller]
    fn works(mut self) {
        self.peer.say(&Message::Text { item: ItemId(1), body: "hello".into() });
        assert_eq!(self.joiner.until("text", "")["body"], "hello");
        self.joiner.signal(Signal::KILL);
    }
}

/// Runs a test so many times, many at once: each mostly waits for five seconds.
fn at_once(times: usize, test: impl Fn() + Sync) {
    for batch in (0..times).collect::<Vec<_>>().chunks(20) {
        std::thread::scope(|scope| batch.iter().for_each(|_| drop(scope.spawn(&test))));
    }
}

/// Waits until the other side has closed a link, which it does when its time is over.
#[track_caller]
fn closed_in_time(mut socket: TcpStream, since: Instant) {
    rest(&mut socket);
    let took = since.elapsed();
    assert!(took > SOON && took < USE * 3, "{took:?}");
}

#[test]
fn a_joiner_that_never_answers_use_holds_up_nobody_for_longer_than_five_seconds() {
    at_once(runs(200, 3), || {
        let mut host = Host::new();
        host.peer.socket.shutdown(Shutdown::Both).unwrap();
        let silent = host.peer.join_link(host.dial(), Ours::Dialled, false).unwrap();
        let since = Instant::now();
        // Other handshakes go on, and only one link is asked at a time.
        let other = host.peer.join_link(host.dial(), Ours::Dialled, false).unwrap();
        assert!(since.elapsed() < SOON);
        other.socket.set_nonblocking(true).unwrap();
        let early = other.socket.peek(&mut [0]).map_err(|error| error.kind());
        assert_eq!(early, Err(ErrorKind::WouldBlock));
        drop(other);
        closed_in_time(silent.socket, since);
        let link = host.peer.join_link(host.dial(), Ours::Dialled, false).unwrap();
        host.peer.go_on(link);
        host.works();
    });
}

#[test]
fn of_two_links_at_once_a_host_uses_one_and_closes_the_other() {
    for _ in 0..runs(200, 10) {
        let mut host = Host::new();
        host.peer.socket.shutdown(Shutdown::Both).unwrap();
        let joined = [(); 2].map(|()| {
            let mut socket = host.dial();
            host.peer.open(&mut socket, Ours::Dialled).unwrap();
            let message1 = read_frame(&mut socket).unwrap();
            let joined = host.peer.resume.join(false, &frame(&message1), &mut OsRng);
            let Ok((tagged, message2)) = joined else { panic!("message 1 is no good") };
            (socket, tagged, message2)
        });
        for (socket, _, message2) in &joined {
            (&*socket).write_all(message2).unwrap();
        }
        let mut links = joined.map(|(mut socket, tagged, _)| {
            let message3 = read_frame(&mut socket).unwrap();
            let index = tagged.index();
            let Ok(keys) = tagged.finish(&frame(&message3)) else { panic!("wrong tag") };
            Link { index, socket, keys }
        });
        let is_asked = |link: &Link| {
            link.socket.set_nonblocking(true).unwrap();
            let asked = link.socket.peek(&mut [0]).is_ok_and(|bytes| bytes > 0);
            link.socket.set_nonblocking(false).unwrap();
            asked
        };
        if wait("one in use", || links.iter().position(is_asked)) == 1 {
            links.swap(0, 1);
        }
        let [asked, mut other] = links;
        host.peer.go_on(asked);
        assert!(rest(&mut other.socket).is_empty());
        host.works();
    }
}

#[test]
fn a_link_that_was_begun_before_the_one_in_use_does_not_take_its_place() {
    let mut host = Host::new();
    let mut late = host.dial();
    host.peer.open(&mut late, Ours::Dialled).unwrap();
    let message1 = read_frame(&mut late).unwrap();
    host.peer.socket.shutdown(Shutdown::Both).unwrap();
    let link = host.peer.join_link(host.dial(), Ours::Dialled, false).unwrap();
    host.peer.go_on(link);
    host.peer.say(&Message::Text { item: ItemId(1), body: "in use".into() });
    host.host.until("text", "");
    // Its joiner could not know of the other, and says that it has none.
    let joined = host.peer.resume.join(false, &frame(&message1), &mut OsRng);
    let Ok((tagged, message2)) = joined else { panic!("message 1 is no good") };
    late.write_all(&message2).unwrap();
    assert!(tagged.finish(&frame(&read_frame(&mut late).unwrap())).is_ok());
    assert!(rest(&mut late).is_empty());
    host.works();
}

#[test]
fn a_joiner_drops_a_link_that_its_host_never_uses_and_has_made_another_by_then() {
    at_once(runs(200, 3), || {
        let mut joiner = Joiner::new();
        joiner.peer.socket.shutdown(Shutdown::Both).unwrap();
        let silent = joiner.link(1);
        let since = Instant::now();
        let other = joiner.link(100);
        assert!(since.elapsed() < SOON);
        closed_in_time(silent.socket, since);
        drop(other);
        let link = joiner.link(200);
        joiner.peer.go_on(link);
        joiner.works();
    });
}

#[test]
fn a_joiner_closes_all_other_links_once_one_is_used() {
    for _ in 0..runs(200, 4) {
        let mut joiner = Joiner::new();
        joiner.peer.socket.shutdown(Shutdown::Both).unwrap();
        let mut silent = joiner.link(1);
        let since = Instant::now();
        let used = joiner.link(100);
        joiner.peer.go_on(used);
        assert!(rest(&mut silent.socket).is_empty());
        assert!(since.elapsed() < SOON);
        joiner.works();
    }
}

#[test]
fn a_host_that_drops_the_tags_of_links_sees_no_second_one_for_the_code() {
    let mut joiner = Joiner::new();
    let place = joiner.place();
    joiner.peer.socket.shutdown(Shutdown::Both).unwrap();
    let times = runs(1_000, 50);
    let (mut tags, mut time) = (HashSet::new(), 0);
    while tags.len() < times {
        time += 1;
        // Both dials of ours, and its own.
        let comes = if time % 25 == 3 {
            (joiner.accept(), Ours::Accepted)
        } else {
            (dial_from(1, place.port()).unwrap(), Ours::Dialled)
        };
        let (mut socket, ours) = comes;
        // Some have an index that a handshake before had, too.
        let (_, message1) = joiner.peer.resume.host(1 + time / 2, &mut OsRng);
        let opened = joiner.peer.open(&mut socket, ours);
        let asked = opened.and_then(|()| socket.write_all(&message1));
        // It may have given it up.
        let Ok(message2) = asked.and_then(|()| read_frame(&mut socket)) else { continue };
        assert!(tags.insert(message2), "the same tag twice");
    }
    // Everything that it dialled meanwhile was for a link.
    joiner.host.listener.set_nonblocking(true).unwrap();
    while let Ok((mut socket, _)) = joiner.host.listener.accept() {
        socket.set_nonblocking(false).unwrap();
        let mut opening = [0; OPENING];
        if socket.read_exact(&mut opening).is_ok() {
            assert!(matches!(Opening::parse(&opening), Ok(Some(Opening::Link(_)))));
        }
    }
    let made = |index| {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, place.port())).unwrap();
        joiner.peer.host_link(socket, Ours::Dialled, index).ok()
    };
    // It judges twenty a second.
    let link = (time..).find_map(made).unwrap();
    joiner.peer.go_on(link);
    joiner.works();
}

#[test]
fn a_tag_of_a_link_is_judged_on_its_own_connection_and_once() {
    let mut host = Host::new();
    host.peer.socket.shutdown(Shutdown::Both).unwrap();
    // The tag of a connection that was cut behind it says nothing on another.
    for _ in 0..runs(100, 5) {
        let mut dropped = host.dial();
        host.peer.open(&mut dropped, Ours::Dialled).unwrap();
        let message1 = read_frame(&mut dropped).unwrap();
        let joined = host.peer.resume.join(false, &frame(&message1), &mut OsRng);
        let Ok((_, message2)) = joined else { panic!("message 1 is no good") };
        drop(dropped);
        let mut replayed = host.dial();
        host.peer.open(&mut replayed, Ours::Dialled).unwrap();
        read_frame(&mut replayed).unwrap();
        replayed.write_all(&message2).unwrap();
        assert!(rest(&mut replayed).is_empty());
        // After a wrong one the right one is not looked at any more.
        let mut twice = host.dial();
        host.peer.open(&mut twice, Ours::Dialled).unwrap();
        let message1 = read_frame(&mut twice).unwrap();
        let joined = host.peer.resume.join(false, &frame(&message1), &mut OsRng);
        let Ok((_, message2)) = joined else { panic!("message 1 is no good") };
        let mut wrong = message2.clone();
        *wrong.last_mut().unwrap() ^= 1;
        let _ = twice.write_all(&[wrong, message2].concat());
        assert!(rest(&mut twice).is_empty());
    }
    let link = loop {
        // Twenty are judged a second.
        if let Ok(link) = host.peer.join_link(host.dial(), Ours::Dialled, false) {
            break link;
        }
    };
    host.peer.go_on(link);
    host.works();
}
