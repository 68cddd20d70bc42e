//! Channels whose files go over several connections at a time (SPEC 6.3).

use crate::give_take::striped::{hold, lay, start, told, wait_in_use};
use crate::harness::content::{digest_at, pour};
use crate::harness::wire::{Way, Wire};
use crate::harness::{Machine, Running};
use serde_json::Value;
use std::fs::File;

const SIZE: u64 = 16 << 20;

/// A channel over four connections, and its number.
fn channel(here: &Machine, there: &Machine) -> (Running, Running, Wire, String) {
    let mut host = start(here, "4", &["host"]);
    let code = host.code();
    let wire = lay(&code);
    let mut peer = start(there, "4", &["connect", &wire.join(&code)]);
    for side in [&mut host, &mut peer] {
        side.until("status", "connected");
    }
    wire.wait_connections(4);
    (host, peer, wire, code[..4].to_owned())
}

/// True if a line of this type has come.
fn has(side: &Running, kind: &str) -> bool {
    let mut lines = side.seen.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.any(|line| line["type"] == kind)
}

#[test]
fn texts_pass_files_that_both_sides_send_over_stripes() {
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    for machine in [&here, &there] {
        pour(File::create(machine.path("what")).unwrap(), SIZE);
    }
    let (mut host, mut peer, wire, number) = channel(&here, &there);
    hold(&wire, Way::Both, true);
    let sending = [&here, &there].map(|machine| machine.start(["send", &number, "--file", "what"]));
    for way in [Way::ToServer, Way::ToClient] {
        wait_in_use(&wire, way);
    }
    here.run(["send", &number, "from here"]).expect(0);
    there.run(["send", &number, "from there"]).expect(0);
    assert_eq!(peer.until("text", "")["body"], "from here");
    assert_eq!(host.until("text", "")["body"], "from there");
    assert!(!has(&host, "file") && !has(&peer, "file"), "before either file was there");
    hold(&wire, Way::Both, false);
    for sending in sending {
        sending.end().expect(0).one("delivered");
    }
    for side in [&mut host, &mut peer] {
        let file = side.until("file", "");
        let saved = file["saved_to"].as_str().unwrap();
        assert_eq!(digest_at(saved), digest_at(here.path("what")));
    }
    here.run(["close", &number]).expect(0);
    assert_eq!(told(&[host.end().expect(0), peer.end().expect(0)]), [""; 0]);
}
