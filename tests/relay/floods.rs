//! Sides that send as fast as they can what nobody reads, or what is of no use to anybody
//! (SPEC 10.4, 10.7): the relay keeps none of it.

use crate::count;
use crate::harness::process;
use crate::harness::relay::Relay;
use crate::joiner::{Heard, Socket, Waiting};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Memory that a flood may cost a relay, in kB: its buffers, and what its allocator keeps.
const ROOM: u64 = 8 << 10;
/// Bytes that each flooder tries to be rid of.
const FLOOD: usize = 16 << 20;

/// A masked frame; the mask is zeros.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u64;
    let mut frame = match u8::try_from(length) {
        Ok(short @ ..=125) => vec![opcode, 0x80 | short],
        _ => [&[opcode, 0x80 | 126], &u16::try_from(length).unwrap().to_be_bytes()[..]].concat(),
    };
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Sends this again and again until the connection is closed, nothing more is taken, or all of
/// [`FLOOD`] is.
fn flood(socket: &mut Socket, frame: &[u8]) -> usize {
    let many = frame.repeat(65_536_usize.div_ceil(frame.len()));
    let stream = socket.stream();
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut sent = 0;
    while sent < FLOOD {
        match stream.write(&many[sent % many.len()..]) {
            Ok(count) => sent += count,
            Err(_) => break,
        }
    }
    sent
}

/// The close code of a connection, whatever it received before.
fn closed(socket: &mut Socket) -> Option<u16> {
    loop {
        if let Heard::Closed(code) = socket.hear() {
            return code;
        }
    }
}

#[test]
fn a_host_that_floods_its_attempt_while_its_joiner_does_not_read_fills_nothing() {
    let relay = Relay::start();
    let pairs = u32::try_from(count(100, 6)).unwrap();
    let before = process::resident(relay.running.child.id());
    let mut all: Vec<_> = (0..pairs)
        .map(|at| {
            let host = Waiting::start(1000 + at, relay.port);
            let mut joiner =
                Socket::open(5000 + at, relay.port, &format!("join-{}", host.number)).unwrap();
            assert_eq!(joiner.message().unwrap(), b"one");
            (host.socket, joiner)
        })
        .collect();
    let more = frame(0x82, &[&[0, 0, 0, 1][..], &[7; 1000]].concat());
    for (host, _) in &mut all {
        flood(host, &more);
    }
    let now = process::resident(relay.running.child.id());
    println!("{before} kB before, {now} kB after {pairs} floods");
    assert!(now <= before + ROOM, "{before} kB, then {now} kB");
    for (host, joiner) in &mut all {
        assert_eq!(closed(host).unwrap_or(4008), 4008);
        assert_eq!(closed(joiner), Some(4006));
    }
    assert_eq!(relay.metric("closed_total{reason=\"protocol\"}"), u64::from(pairs));
}

#[test]
fn a_joiner_that_floods_while_its_host_does_not_read_fills_nothing() {
    let relay = Relay::start();
    let pairs = u32::try_from(count(100, 6)).unwrap();
    let before = process::resident(relay.running.child.id());
    let mut all: Vec<_> = (0..pairs)
        .map(|at| {
            let host = Waiting::start(1000 + at, relay.port);
            let mut joiner =
                Socket::open(5000 + at, relay.port, &format!("join-{}", host.number)).unwrap();
            assert_eq!(joiner.message().unwrap(), b"one");
            (host, joiner)
        })
        .collect();
    let answer = frame(0x82, &[7; 1000]);
    for (at, (host, joiner)) in (0..).zip(&mut all) {
        flood(joiner, &answer);
        // It is asked for another message 1 at the most, and has its number still.
        host.socket.send(b"\0\0\0\x02one");
        let mut next =
            Socket::open(9000 + at, relay.port, &format!("join-{}", host.number)).unwrap();
        assert_eq!(next.message().unwrap(), b"one");
    }
    let now = process::resident(relay.running.child.id());
    assert!(now <= before + ROOM, "{before} kB, then {now} kB");
    for (_, joiner) in &mut all {
        assert_eq!(closed(joiner).unwrap_or(4008), 4008);
    }
}

#[test]
fn pings_empty_frames_half_frames_and_slow_readers_fill_a_buffer_each_and_others_go_on() {
    let relay = Relay::start();
    let each = u32::try_from(count(100, 4)).unwrap();
    let before = process::resident(relay.running.child.id());
    let (mut kept, mut all) = (Vec::new(), Vec::new());
    let record =
        [&[0x82, 0xff][..], &(64_u64 << 10).to_be_bytes(), &[0; 4], &[7; 64 << 10]].concat();
    for at in 0..each {
        let mut ping =
            Socket::open(1000 + at, relay.port, &format!("link-host-{at:032x}")).unwrap();
        flood(&mut ping, &frame(0x89, b"again"));
        all.push(ping);
        for (kind, sends) in
            [frame(0x82, b""), record[..32 << 10].to_vec(), record.clone()].into_iter().enumerate()
        {
            let from = 2000 + 2 * (at * 3 + u32::try_from(kind).unwrap());
            let (mut host, joiner) = Waiting::start(from, relay.port).pair(from + 1, relay.port);
            if kind == 1 {
                host.stream().write_all(&sends).unwrap();
            } else {
                flood(&mut host, &sends);
            }
            all.push(host);
            kept.push(joiner);
        }
    }
    let now = process::resident(relay.running.child.id());
    println!("{before} kB before, {now} kB with {each} of each kind");
    // A small buffer for pings and for empty frames, half a record, and a full buffer.
    let room = ROOM + u64::from(each) * (16 + 16 + 48 + 288);
    assert!(now <= before + room, "{before} kB, then {now} kB");
    let held = relay.metric("buffered_bytes");
    assert!(held <= u64::from(each) * ((4 << 10) * 2 + (256 << 10) * 2), "{held}");
    assert!(
        relay.metric("delayed_total") >= u64::from(each)
            && relay.metric("pairs") == u64::from(each) * 3
    );
    let (mut host, mut joiner) = Waiting::start(100, relay.port).pair(101, relay.port);
    host.send(b"still here");
    assert_eq!(joiner.message().unwrap(), b"still here");
}

/// Every source file below these folders.
fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
}

#[test]
fn no_channel_between_a_relay_and_a_session_is_without_a_bound() {
    let (root, mut all) = (Path::new(env!("CARGO_MANIFEST_DIR")), Vec::new());
    ["relay", "src/transport/relay", "src/session"]
        .iter()
        .for_each(|folder| sources(&root.join(folder), &mut all));
    assert!(all.len() > 60, "{all:?}");
    for path in all {
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            // The standard library's has no such word in its name.
            let standard = line.replace("sync_channel", "").contains("channel")
                && line.contains("std::sync::mpsc");
            assert!(!line.contains("unbounded") && !standard, "{}: {line}", path.display());
        }
    }
}
