//! Sides whose addresses change, or between which the direct way is cut: they find each other
//! again, say so, and everything arrives.

use crate::harness::Running;
use crate::harness::content::{digest_at, pour};
use crate::world::{Neighbour, World, apart};
use std::fs::File;
use std::process::Stdio;

/// Both sides say that they are linked again, over this path.
#[track_caller]
fn reconnected(sides: [&mut Running; 2], path: &str) {
    for side in sides {
        while side.until("status", "reconnected")["path"] != path {}
    }
}

/// The machine has another address instead.
fn moves(machine: &Neighbour, from: &str, to: &str) {
    machine.ip(&format!("address del {from}/24 dev eth0"));
    machine.ip(&format!("address add {to}/24 dev eth0"));
}

#[test]
fn a_transfer_goes_on_wherever_a_side_moves_and_through_the_relay_at_last() {
    apart("moving::a_transfer_goes_on_wherever_a_side_moves_and_through_the_relay_at_last", || {
        const PIECE: u64 = 3 << 20;
        let mut world = World::new();
        let (here, there) = (world.machine(&["10.9.0.1/24"]), world.machine(&["10.9.0.2/24"]));
        let between = world.machine(&["10.9.0.9/24"]);
        let mut relay = between.start(&["relay", "--listen", "10.9.0.9:7667"]);
        while !relay.error_line().expect("a relay").contains("listening") {}
        let by_relay = ["--relay", "ws://10.9.0.9:7667", "--insecure-relay"];
        let mut given = here.command(&[&["give", "-"], &by_relay[..]].concat());
        given.stdin(Stdio::piped());
        let mut giver = Running::start(given);
        let code = giver.code();
        let mut taker = there.start(&[&["take", &code, "-o", "taken"], &by_relay[..]].concat());
        for side in [&mut giver, &mut taker] {
            assert_eq!(side.until("status", "connected")["path"], "relay");
        }
        let all = here.path("all");
        pour(File::create(&all).unwrap(), 4 * PIECE);
        let content = std::fs::read(&all).unwrap();
        let mut pieces = content.chunks(usize::try_from(PIECE).unwrap());
        giver.feed(pieces.next().unwrap());

        // The relay is away, so that they have to meet by their addresses.
        between.ip("link set eth0 down");
        moves(&there, "10.9.0.2", "10.9.0.22");
        giver.feed(pieces.next().unwrap());
        reconnected([&mut giver, &mut taker], "lan");

        moves(&here, "10.9.0.1", "10.9.0.11");
        giver.feed(pieces.next().unwrap());
        reconnected([&mut giver, &mut taker], "lan");

        between.ip("link set eth0 up");
        here.ip("route add blackhole 10.9.0.22/32");
        there.ip("route add blackhole 10.9.0.11/32");
        giver.feed(pieces.next().unwrap());
        reconnected([&mut giver, &mut taker], "relay");

        giver.hang_up();
        giver.end().expect(0);
        taker.end().expect(0);
        assert_eq!(digest_at(there.path("taken")), digest_at(&all));
    });
}
