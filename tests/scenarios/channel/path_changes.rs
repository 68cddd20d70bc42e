//! Paths that change under a file: links made at the same moment, in several ways, leave one in use
//! on both sides, and the file is equal (B7b).

use crate::harness::content::{digest_at, pour};
use crate::harness::process::connections;
use crate::harness::relay::Relay;
use crate::harness::wire::{Fault, Way, Wire};
use crate::harness::{Machine, port, runs, wait};
use std::fs::File;
use std::net::Ipv4Addr;
use std::time::Duration;

const SIZE: u64 = 24 << 20;

/// A file goes from one side to the other, and on its way their connection is cut. Both dial where
/// the other says that it is. The way over the wire is gone, or so slow that a link comes by each
/// way at the same moment.
#[track_caller]
fn changes(time: usize) {
    let (by_relay, slow, of_host) = (time % 2 == 1, time / 2 % 2 == 1, time / 4 % 2 == 1);
    let (here, there) = (Machine::new(), Machine::new());
    let relay = by_relay.then(Relay::start);
    let url = relay.as_ref().map(Relay::url);
    let relayed = |url: &Option<String>| {
        url.iter().flat_map(|url| ["--relay".to_owned(), url.clone()]).collect::<Vec<_>>()
    };
    let host = ["host", "-o", "."].map(str::to_owned);
    let mut host = here.start([&host[..], &relayed(&url)].concat());
    let mut code = host.code();
    let wire = Wire::to((Ipv4Addr::LOCALHOST, relay.as_ref().map_or_else(|| port(&code), at)));
    let url = url.map(|_| wire.url());
    if !by_relay {
        code = wire.join(&code);
    }
    let connect = ["connect".to_owned(), code.clone(), "-o".into(), ".".into()];
    let mut joiner = there.start([&connect[..], &relayed(&url)].concat());
    for side in [&mut host, &mut joiner] {
        side.until("status", "connected");
    }
    let (from, to) = if of_host { (&here, &there) } else { (&there, &here) };
    pour(File::create(from.path("file")).unwrap(), SIZE);
    let way = if of_host { Way::ToClient } else { Way::ToServer };
    wire.only(0).set(Fault::Stall(way, SIZE * 2 / 3));
    let number = code.split('-').next().unwrap();
    let sending = from.start(["send", number, "--file", "file"]);
    wire.only(0).wait_bytes(way, SIZE / 3 + time as u64 * 7_919);
    if slow {
        // Four of these pass before a joiner has a link; its other tries begin after 200 ms.
        wire.all().set(Fault::Delay(Way::Both, Duration::from_millis(40 + time as u64 % 25)));
    } else {
        wire.refuse();
    }
    wire.only(0).cut();
    sending.end().expect(0);
    assert_eq!(digest_at(to.path("file")), digest_at(from.path("file")));
    for side in [&host, &joiner] {
        wait("one connection in use", || (connections(side.child.id()) == 1).then_some(()));
    }
    here.run(["send", number, "still here"]).expect(0);
    here.run(["close", number]).expect(0);
    host.end().expect(0);
    joiner.end().expect(0);
}

fn at(relay: &Relay) -> u16 {
    relay.port
}

#[test]
fn links_that_are_made_at_once_leave_one_in_use() {
    (0..runs(200, 8)).for_each(changes);
}
