//! Outages of every kind under a transfer, each at many points of it: both sides always end well,
//! and everything is there. `PINHOLE_RUNS` says how many points, or for how many seconds.

use crate::harness::content::{bytes, digest_at, names, pour};
use crate::harness::relay::Relay;
use crate::harness::terminal::Terminal;
use crate::harness::wire::{Connections, Fault, Way, Wire};
use crate::harness::{Machine, Running, Times, pass, port, runs, wait};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The bytes of one way of a direct connection, of which the records are looked for.
#[derive(Default)]
struct Stream {
    /// Bytes that are left of what is passing.
    left: usize,
    /// Handshake messages to come, which have a header of their own.
    messages: usize,
    header: Vec<u8>,
    passed: u64,
    /// Beginnings of records.
    records: Vec<u64>,
}

impl Stream {
    /// To the server it is message 0 and message 2 that come first, to the client 1 and 3.
    fn both() -> [Self; 2] {
        [(25, 1), (0, 2)].map(|(left, messages)| Self { left, messages, ..Self::default() })
    }

    fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.left > 0 {
                self.left -= 1;
            } else {
                if self.header.is_empty() && self.messages == 0 {
                    self.records.push(self.passed);
                }
                self.header.push(*byte);
                let (fixed, length) = if self.messages > 0 { (1, 3) } else { (0, 4) };
                if self.header.len() == length {
                    let digits = self.header.drain(..).skip(fixed);
                    self.left = digits.fold(0, |sum, byte| sum << 8 | usize::from(byte));
                    self.messages = self.messages.saturating_sub(1);
                }
            }
            self.passed += 1;
        }
    }
}

/// Gives a small file over a wire that has this fault in its first connection. Both sides end well.
/// Returns where the records of that connection began, to the server and to the client.
fn gift(giver_hosts: bool, fault: Option<Fault>) -> [Vec<u64>; 2] {
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    here.write("file", bytes(100_000));
    let host = |mut host: Running| (host.code(), host);
    let (code, host) = host(if giver_hosts {
        here.start(["give", "file"])
    } else {
        there.start(["take", "-o", "."])
    });
    let streams = Arc::new(Mutex::new(Stream::both()));
    let watched = Arc::clone(&streams);
    let wire = Wire::watched((Ipv4Addr::LOCALHOST, port(&code)), move |number, way, passing| {
        if number == 0 {
            watched.lock().unwrap()[usize::from(way == Way::ToClient)].pass(passing);
        }
    });
    fault.into_iter().for_each(|fault| wire.only(0).set(fault));
    let code = wire.join(&code);
    let guest = if giver_hosts {
        there.start(["take", &code, "-o", "."])
    } else {
        here.start(["give", "--code", &code, "file"])
    };
    for side in [host, guest] {
        side.end().expect(0);
    }
    assert_eq!(names(there.dir()), ["file"]);
    assert_eq!(digest_at(there.path("file")), digest_at(here.path("file")));
    let streams = streams.lock().unwrap();
    [0, 1].map(|way| streams[way].records.clone())
}

#[test]
fn each_of_the_last_eight_records_may_be_lost_with_its_link() {
    let lost = |giver_hosts| {
        let mut times = Vec::new();
        let records = gift(giver_hosts, None);
        for (way, records) in [Way::ToServer, Way::ToClient].into_iter().zip(records) {
            for start in records.iter().rev().take(8) {
                let began = Instant::now();
                gift(giver_hosts, Some(Fault::Cut(way, start + 1)));
                // The longest that a side waits for a last word is 30 s.
                assert!(began.elapsed() < Duration::from_secs(40), "{way:?} {start}");
                times.push(began.elapsed());
            }
        }
        times
    };
    let mut times = Times::of("each of the last eight records lost");
    std::thread::scope(|scope| {
        let both = [true, false].map(|giver_hosts| scope.spawn(move || lost(giver_hosts)));
        for lost in both {
            lost.join().unwrap().into_iter().for_each(|time| times.push(time));
        }
    });
}

#[test]
fn a_relay_may_be_killed_and_started_again_at_any_point() {
    const SIZE: u64 = 32 << 20;
    let mut times = Times::of("bytes again after a relay was killed and started");
    let points = runs(50, 4) as u64;
    for point in 0..points {
        let mut relay = Relay::start();
        let wire = Wire::to((Ipv4Addr::LOCALHOST, relay.port));
        let (here, there) = (Machine::new(), Machine::new());
        pour(File::create(here.path("file")).unwrap(), SIZE);
        // More is left than what is on its way by then.
        let at = 3_000 + SIZE / 2 * point / points;
        wire.only(0).set(Fault::Stall(Way::ToClient, at));
        // Else they meet at each other's addresses, if the relay is not there again in 0.2 s.
        let mut giver = here.start(["give", "file", "--relay-only", "--relay", &relay.url()]);
        let code = giver.code();
        let taker = there.start(["take", &code, "-o", ".", "--relay-only", "--relay", &wire.url()]);
        wire.only(0).wait_bytes(Way::ToClient, at);
        relay.crash_and_restart(&[]);
        wire.only(0).lift(Fault::Stall(Way::ToClient, at));
        let back = Instant::now();
        let passed = |connections: Connections<'_>| connections.bytes(Way::ToClient);
        wait("bytes over another connection", || {
            (passed(wire.all()) - passed(wire.only(0)) > 70_000).then_some(())
        });
        times.push(back.elapsed());
        for side in [giver, taker] {
            side.end().expect(0);
        }
        assert_eq!(digest_at(there.path("file")), digest_at(here.path("file")), "{at}");
    }
}

/// Transfers whose relay is ended by this signal while bytes of each are on their way, and another
/// is started. Each has more to say then.
#[track_caller]
fn outlive_their_relay(signal: Signal) {
    let count = runs(1_000, 20);
    let limits: Vec<String> =
        ["connections", "waiting-hosts", "hosts-a-minute", "joins-a-minute", "misses-a-minute"]
            .iter()
            .chain(&["source-numbers"])
            .flat_map(|limit| [format!("--{limit}"), "10000".to_owned()])
            // Pairs go on so long after a SIGTERM.
            .chain(["--drain".to_owned(), "1s".to_owned()])
            .collect();
    let limits: Vec<&str> = limits.iter().map(String::as_str).collect();
    let mut relay = Relay::with(&limits);
    let wire = Wire::to((Ipv4Addr::LOCALHOST, relay.port));
    let stall = Fault::Stall(Way::ToClient, 100_000);
    wire.all().set(stall);
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    let content = bytes(400_000);
    let (first, second) = content.split_at(300_000);
    let sides: Vec<_> = (0..count)
        .map(|number| {
            let mut give = here.command(["give", "-", "--relay", &relay.url()]);
            give.stdin(Stdio::piped());
            let mut giver = Running::start(give);
            let name = format!("file {number}");
            let take = ["take", &giver.code(), "-o", &name, "--relay", &wire.url()];
            let taker = there.start(take);
            giver.feed(first);
            (name, giver, taker)
        })
        .collect();
    wire.all().wait_bytes(Way::ToClient, 100_000 * count as u64);
    relay.running.signal(signal);
    wire.all().lift(stall);
    relay.again(&limits);
    let mut times = Times::of("transfers over after one restart");
    let back = Instant::now();
    let sides: Vec<_> = sides
        .into_iter()
        .map(|(name, mut giver, taker)| {
            giver.feed(second);
            giver.hang_up();
            (name, giver, taker)
        })
        .collect();
    for (name, giver, taker) in sides {
        taker.end().expect(0);
        giver.end().expect(0);
        times.push(back.elapsed());
        assert!(std::fs::read(there.path(&name)).unwrap() == content, "{name}");
    }
    assert!(wire.connections() >= 2 * count);
}

#[test]
fn many_transfers_outlive_a_relay_that_is_killed() {
    outlive_their_relay(Signal::KILL);
}

#[test]
fn many_transfers_outlive_a_relay_that_is_told_to_stop() {
    outlive_their_relay(Signal::TERM);
}

/// Stops a process for so many seconds, and lets it go on.
fn stopped(process: u32, seconds: usize) {
    let process = Pid::from_raw(process.cast_signed()).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    pass(seconds);
    kill_process(process, Signal::CONT).unwrap();
}

/// Runs a test for either side at once, with the seconds for which that is stopped.
fn on_either_side(test: impl Fn(bool, usize) + Sync) {
    let (test, seconds) = (&test, runs(60, 6));
    std::thread::scope(|scope| {
        for of_giver in [true, false] {
            scope.spawn(move || test(of_giver, seconds));
        }
    });
}

#[test]
fn either_side_may_be_stopped_under_a_transfer() {
    on_either_side(|of_giver, seconds| {
        let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
        pour(File::create(here.path("file")).unwrap(), 32 << 20);
        let mut giver = here.start(["give", "file"]);
        let code = giver.code();
        let wire = Wire::to((Ipv4Addr::LOCALHOST, port(&code)));
        let stall = Fault::Stall(Way::ToClient, 4 << 20);
        wire.only(0).set(stall);
        let taker = there.start(["take", &wire.join(&code), "-o", "."]);
        wire.only(0).wait_bytes(Way::ToClient, 4 << 20);
        let side = if of_giver { giver.child.id() } else { taker.child.id() };
        // It is stopped in the middle of what is passing.
        let stop = std::thread::spawn(move || stopped(side, seconds));
        wire.only(0).lift(stall);
        stop.join().unwrap();
        for side in [giver, taker] {
            side.end().expect(0);
        }
        assert_eq!(digest_at(there.path("file")), digest_at(here.path("file")));
    });
}

/// A side is stopped until the other has given up their link and looks for it; then that is cut or
/// still there, and the relay another one or the same. The side wakes with all of that before it.
#[track_caller]
fn wakes(time: usize) {
    let [of_giver, by_relay, cut] = [0, 1, 2].map(|bit| time >> bit & 1 == 1);
    let mut relay = by_relay.then(Relay::start);
    let (here, there) = (Machine::new(), Machine::new());
    pour(File::create(here.path("file")).unwrap(), 24 << 20);
    let relayed = |url: Option<String>| {
        url.into_iter().flat_map(|url| ["--relay".to_owned(), url]).collect::<Vec<_>>()
    };
    let give = ["give", "file"].map(str::to_owned);
    let url = relay.as_ref().map(Relay::url);
    let mut giver = here.start([&give[..], &relayed(url)].concat());
    let mut code = giver.code();
    let server = relay.as_ref().map_or_else(|| port(&code), |relay| relay.port);
    let wire = Wire::to((Ipv4Addr::LOCALHOST, server));
    if !by_relay {
        code = wire.join(&code);
    }
    let at = (4 << 20) + 7_919 * time as u64;
    let stall = Fault::Stall(Way::ToClient, at);
    wire.only(0).set(stall);
    let take = ["take".to_owned(), code, "-o".into(), ".".into()];
    let mut taker = there.start([&take[..], &relayed(by_relay.then(|| wire.url()))].concat());
    wire.only(0).wait_bytes(Way::ToClient, at);
    let (asleep, awake) =
        if of_giver { (&mut giver, &mut taker) } else { (&mut taker, &mut giver) };
    asleep.signal(Signal::STOP);
    wire.only(0).lift(stall);
    // After 5 s of silence it looks for the other, in vain.
    awake.until("status", "stalled");
    if cut {
        wire.only(0).cut();
        awake.until("status", "reconnecting");
        relay.iter_mut().for_each(|relay| relay.crash_and_restart(&[]));
    }
    asleep.signal(Signal::CONT);
    for side in [giver, taker] {
        side.end().expect(0);
    }
    assert_eq!(digest_at(there.path("file")), digest_at(here.path("file")));
}

#[test]
fn a_side_that_was_stopped_wakes_to_stale_links_and_goes_on_over_a_new_one() {
    // Each mostly waits for silence.
    for batch in (0..runs(200, 8)).collect::<Vec<_>>().chunks(8) {
        std::thread::scope(|scope| {
            batch.iter().for_each(|time| drop(scope.spawn(move || wakes(*time))));
        });
    }
}

#[test]
fn either_side_may_be_stopped_while_a_question_is_open() {
    on_either_side(|of_giver, seconds| {
        let (here, there) = (Machine::new(), Machine::new());
        here.write("file", bytes(1 << 20));
        let mut giver = here.start(["give", "file"]);
        let code = giver.code();
        let mut taker = Terminal::start(&there, 80, ["take", &code]);
        taker.see("[Y/n]");
        stopped(if of_giver { giver.child.id() } else { taker.child.id() }, seconds);
        taker.keys("y\r");
        let screen = taker.end(0);
        assert!(screen.contains("✓ Received"), "{screen}");
        giver.end().expect(0);
        assert_eq!(digest_at(there.path("file")), digest_at(here.path("file")));
    });
}
