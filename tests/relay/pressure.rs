//! Sides that are slow, or say half of what they have to, or come and go (D3, D4, D11): the relay's
//! memory is bounded, and others do not notice.

use crate::count;
use crate::harness::relay::Relay;
use crate::harness::{Machine, PATIENCE, Running, content, process, wait};
use crate::joiner::{Heard, Socket, Waiting};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// Bytes that a pair holds in each direction (SPEC 10.7).
const BUFFERED: u64 = 256 << 10;
/// Bytes of a record.
const RECORD: usize = 64 << 10;

/// Connections when nobody is there but who asks.
const ASKING: u64 = 1;

/// Until a metric has this value.
fn until(relay: &Relay, name: &str, value: u64) {
    wait(format_args!("{name} of {value}"), || (relay.metric(name) == value).then_some(()));
}

/// A file of so many bytes goes through, and is what it was.
fn passes(relay: &Relay, size: usize) {
    let (here, there) = (Machine::new(), Machine::new());
    let gift: Vec<u8> = content::bytes(size);
    here.write("gift", &gift);
    let mut giver = here.start(["give", "--relay", &relay.url(), "gift"]);
    let code = giver.code();
    there.run(["take", &code, "--relay", &relay.url(), "-o", "."]).expect(0);
    giver.end().expect(0);
    assert!(std::fs::read(there.path("gift")).unwrap() == gift);
}

/// The time after which a way on which nothing moves is stuck.
const SILENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// A masked binary frame of that many bytes; the mask is zeros.
fn record() -> Vec<u8> {
    let mut frame = vec![0x82, 0xff];
    frame.extend((RECORD as u64).to_be_bytes());
    frame.extend([0; 4]);
    frame.resize(frame.len() + RECORD, 7);
    frame
}

/// Sends records until no more is taken: by the kernel, and by the relay, which is not seen to read
/// any more.
fn fill(relay: &Relay, sender: &mut Socket) -> usize {
    let (record, mut sent) = (record(), 0);
    sender.stream().set_nonblocking(true).unwrap();
    loop {
        match sender.stream().write(&record[sent % record.len()..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let held = relay.metric("forwarded_bytes_total");
                // Records that the relay has read are on their way; if none is in this time, it is
                // stuck.
                let mut way = [PollFd::new(sender.stream(), PollFlags::OUT)];
                poll(&mut way, Some(&SILENCE)).unwrap();
                let stuck = sender.stream().write(&record[sent % record.len()..]);
                match stuck {
                    Ok(count) => sent += count,
                    Err(_) if relay.metric("forwarded_bytes_total") == held => return sent,
                    Err(_) => {}
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn readers_that_do_not_read_hold_one_buffer_each_and_others_go_on() {
    let relay = Relay::with(&["--connections", "100000", "--hosts-a-minute", "100000"]);
    let slow = count(100, 30);
    passes(&relay, 1_000_000);
    let before = process::resident(relay.running.child.id());
    let mut pairs: Vec<_> =
        (0..slow).map(|_| Waiting::start(8, relay.port).pair(9, relay.port)).collect();
    let sent: Vec<usize> = pairs.iter_mut().map(|(host, _)| fill(&relay, host)).collect();
    assert!(sent.iter().all(|sent| *sent > 1 << 20), "{sent:?}");
    let held = relay.metric("buffered_bytes");
    assert!((1..=BUFFERED * slow as u64).contains(&held), "{held} for {slow}");
    passes(&relay, 3_000_000);
    // A byte now and then changes nothing of it.
    for (_, joiner) in &mut pairs {
        joiner.stream().read_exact(&mut [0]).unwrap();
    }
    assert!(relay.metric("buffered_bytes") <= BUFFERED * slow as u64);
    // Beside its buffer a pair takes a few KiB, and so does a transfer that ended.
    let (now, each, room) =
        (process::resident(relay.running.child.id()), (BUFFERED >> 10) + 64, 4 << 10);
    assert!(now <= before + each * slow as u64 + room, "{before} kB, then {now} kB with {slow}");
    // The other direction of a pair that is stuck is not.
    let (mut host, mut joiner) = pairs.pop().unwrap();
    joiner.send(b"slow down");
    host.stream().set_nonblocking(false).unwrap();
    assert_eq!(host.message().unwrap(), b"slow down");
    drop((host, joiner, pairs));
    until(&relay, "buffered_bytes", 0);
}

#[test]
fn requests_that_never_end_are_closed_in_time_and_joins_do_not_wait_for_them() {
    let relay = Relay::with(&["--upgrade", "2s", "--connections", "100000"]);
    let begun = Instant::now();
    let mut half: Vec<TcpStream> = (0..count(5_000, 1_500))
        .map(|at| {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port)).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // Nothing, a part of the first line, and all but the end.
            let said =
                ["", "GET / HT", "GET / HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\n"][at % 3];
            stream.write_all(said.as_bytes()).unwrap();
            stream
        })
        .collect();
    passes(&relay, 10_000);
    let mut opened = begun.elapsed();
    // A byte more does not give it more time.
    for stream in half.iter_mut().step_by(3) {
        let _ = stream.write_all(b"G");
    }
    opened = opened.max(begun.elapsed());
    for stream in &mut half {
        let mut rest = Vec::new();
        // Closed with a word of HTTP or without, or reset because of what was not read.
        match stream.read_to_end(&mut rest) {
            Ok(_) => assert!(
                rest.is_empty() || rest.starts_with(b"HTTP/1.1 4"),
                "{:?}",
                String::from_utf8_lossy(&rest)
            ),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    }
    let closed = begun.elapsed() - opened;
    assert!(closed < Duration::from_secs(30), "after {closed:?}");
    until(&relay, "connections", ASKING);
}

#[test]
fn a_channel_over_its_rate_is_slowed_and_everything_arrives() {
    // A minute's worth at once, the rest of it in about 2 s.
    let relay = Relay::with(&["--bytes-a-minute", "3000000", "--control-a-minute", "1000"]);
    let begun = Instant::now();
    passes(&relay, 3_100_000);
    assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(relay.metric("delayed_total") > 0);
    assert!(relay.metric("forwarded_bytes_total") > 3_100_000);
}

#[test]
fn a_source_that_may_have_no_more_connections_completes_what_it_has_begun() {
    let relay = Relay::with(&["--connections", "8"]);
    let gift: Vec<u8> = content::bytes(8_000_000);
    let url = relay.url();
    // Six of eight connections, and the last channel would like to have six more, of which the
    // relay refuses some.
    let channels: Vec<_> = ["1", "1", "4"]
        .into_iter()
        .map(|links| {
            let start = |args: &[&str]| {
                let machine = Machine::on_a_wire();
                let mut command = machine.command(args.iter().chain(&["--relay", &url, "-o", "."]));
                command.env("PINHOLE_LINKS", links);
                (machine, Running::start(command))
            };
            let (here, mut host) = start(&["host"]);
            let code = host.code();
            let (there, mut peer) = start(&["connect", &code]);
            for side in [&mut host, &mut peer] {
                side.until("status", "connected");
            }
            here.write("gift", &gift);
            (here, there, host, peer, code.split_once('-').unwrap().0.to_owned())
        })
        .collect();
    std::thread::scope(|scope| {
        for (here, _, _, _, number) in &channels {
            scope.spawn(|| here.run(["send", number, "--file", "gift"]).expect(0));
        }
    });
    for (here, there, host, peer, number) in channels {
        here.run(["close", &number]).expect(0);
        for side in [host, peer] {
            let ended = side.end().expect(0);
            assert!(ended.all("error").is_empty(), "{:#?}", ended.lines);
        }
        assert!(std::fs::read(there.path("gift")).unwrap() == gift);
    }
    assert!(relay.metric("refused_total{status=\"429\"}") > 0);
}

#[test]
fn coming_and_going_leaves_nothing_behind() {
    let unlimited = [
        "--hosts-a-minute",
        "4000000000",
        "--joins-a-minute",
        "4000000000",
        "--misses-a-minute",
        "4000000000",
    ];
    let options = [
        &unlimited[..],
        &["--rest", "0s", "--waiting-hosts", "1000", "--connections", "100000", "--absence", "0s"],
    ]
    .concat();
    let relay = Relay::with(&options);
    let cycle = |at: usize| {
        let host = Waiting::start(8, relay.port);
        match at % 4 {
            // They meet, speak, and end.
            0 => {
                let (mut host, mut joiner) = host.pair(9, relay.port);
                joiner.send(&[1; 5000]);
                assert_eq!(host.message().unwrap().len(), 5000);
            }
            // A joiner leaves without a word, and the host burns its number.
            1 => {
                let mut joiner =
                    Socket::open(9, relay.port, &format!("join-{}", host.number)).unwrap();
                assert!(joiner.message().is_some());
                host.burn();
            }
            // A joiner waits for a host that has gone.
            2 => drop(host),
            // Somebody asks for what is not there, and one end of a link gives up.
            _ => {
                assert_eq!(
                    Socket::open(9, relay.port, "join-99999999")
                        .map(|mut socket| socket.hear())
                        .ok(),
                    Some(Heard::Closed(Some(4001)))
                );
                drop(Socket::open(9, relay.port, &format!("link-joiner-{at:032x}")).unwrap());
            }
        }
    };
    // The first ones let it grow to its size.
    let (warm, cycles) = (count(500_000, 3_000), count(1_000_000, 13_000));
    (0..warm).for_each(cycle);
    let empty = || {
        until(&relay, "connections", ASKING);
        for gauge in ["waiting_hosts", "resting_numbers", "link_slots", "pairs", "buffered_bytes"] {
            until(&relay, gauge, 0);
        }
        process::resident(relay.running.child.id())
    };
    let before = empty();
    (warm..cycles).for_each(cycle);
    let after = empty();
    assert!(
        after * 100 <= before * 105,
        "{before} kB after {warm} cycles, {after} kB after {cycles}"
    );
    println!("{before} kB after {warm} cycles, {after} kB after {cycles}");
}
