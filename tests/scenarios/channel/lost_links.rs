//! Channels whose connection is lost while they are open: nothing is lost or said twice, and other
//! commands see how it stands.

use crate::harness::socket::{send, socket};
use crate::harness::wire::{self, Fault, Way, Wire};
use crate::harness::{Ended, Machine, Running};
use rustix::process::Signal;
use serde_json::Value;
use std::time::Duration;

/// A channel over a wire, and its number.
fn channel(here: &Machine, there: &Machine) -> (Running, Running, Wire, String) {
    let (host, peer, wire, code) = wire::channel(here, there, Wire::to);
    (host, peer, wire, code[..4].to_owned())
}

fn bodies(ended: &Ended) -> Vec<Value> {
    ended.all("text").iter().map(|text| text["body"].clone()).collect()
}

#[test]
fn texts_of_both_sides_arrive_once_and_in_order_over_many_connections() {
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    let (host, peer, wire, number) = channel(&here, &there);
    // Each connection carries some records and is cut in one.
    wire.all().set(Fault::Cut(Way::Both, 9_001));
    let texts = |side: &str| (0..300).map(|at| format!("{side} {at}")).collect::<Vec<_>>();
    let [of_here, of_there] = ["here", "there"].map(texts);
    std::thread::scope(|scope| {
        for (machine, texts) in [(&here, &of_here), (&there, &of_there)] {
            scope.spawn(move || {
                for some in texts.chunks(10) {
                    let told = send(&socket(machine), some, None);
                    assert!(told.iter().all(|line| line.get("failed").is_none()), "{told:?}");
                }
            });
        }
    });
    let connections = wire.connections();
    wire.all().lift(Fault::Cut(Way::Both, 9_001));
    assert!(connections >= 10, "{connections}");
    here.run(["close", &number]).expect(0);
    assert_eq!(bodies(&host.end().expect(0)), of_there);
    assert_eq!(bodies(&peer.end().expect(0)), of_here);
}

#[test]
fn other_commands_see_that_the_link_is_lost_and_a_send_waits_through_it() {
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    let (mut host, mut peer, wire, number) = channel(&here, &there);
    wire.refuse();
    wire.all().cut();
    for side in [&mut host, &mut peer] {
        side.until("status", "reconnecting");
    }
    for machine in [&here, &there] {
        let status = machine.run(["status", &number]).expect(0);
        assert_eq!(status.one("session")["state"], "reconnecting");
    }
    let sending = there.start(["send", &number, "through it"]);
    let pending = here.run(["send", &number, "later", "--wait", "0"]).expect(11);
    assert_eq!(pending.failure()["error"], "unfinished");
    wire.accept();
    sending.end().expect(0);
    for side in [&mut host, &mut peer] {
        side.until("status", "reconnected");
    }
    assert_eq!(host.until("text", "")["body"], "through it");
    assert_eq!(peer.until("text", "")["body"], "later");
    let status = here.run(["status", &number]).expect(0);
    assert_eq!(status.one("session")["state"], "connected");
}

#[test]
fn without_a_link_the_user_ends_it_at_once() {
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    let (mut host, mut peer, wire, number) = channel(&here, &there);
    wire.refuse();
    wire.all().cut();
    for side in [&mut host, &mut peer] {
        side.until("status", "reconnecting");
    }
    here.run(["close", &number, "--now"]).expect(0);
    host.end().expect(130);
    peer.signal(Signal::TERM);
    peer.end().expect(130);
}

#[test]
fn an_idle_channel_outlives_a_proxy_that_cuts_what_is_silent() {
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    let (host, mut peer, wire, number) = channel(&here, &there);
    wire.all().set(Fault::Silence(Duration::from_millis(150)));
    wire.wait_connections(6);
    here.run(["send", &number, "still here"]).expect(0);
    assert_eq!(peer.until("text", "")["body"], "still here");
    here.run(["close", &number]).expect(0);
    host.end().expect(0);
    peer.end().expect(0);
}
