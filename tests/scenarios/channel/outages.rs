//! Outages of every kind in a channel that stays open: each message arrives once and in order.
//! `PINHOLE_RUNS` says how many messages, or for how many seconds.

use crate::harness::socket::{send, socket};
use crate::harness::wire::{self, Fault, Way, Wire};
use crate::harness::{Ended, Machine, Running, Times, pass, port, runs};
use serde_json::Value;
use std::time::{Duration, Instant};

/// A channel over a wire, and its number.
fn channel(here: &Machine, there: &Machine) -> (Running, Running, Wire, String) {
    let (host, peer, wire, code) = wire::channel(here, there, Wire::to);
    (host, peer, wire, port(&code).to_string())
}

fn bodies(ended: &Ended) -> Vec<Value> {
    ended.all("text").iter().map(|text| text["body"].clone()).collect()
}

#[test]
fn texts_of_both_sides_arrive_once_and_in_order_however_often_they_are_cut() {
    let count = runs(10_000, 300);
    let cuts = (count / 100).clamp(10, 100);
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    let (host, peer, wire, number) = channel(&here, &there);
    let texts = |side: &str| (0..count).map(|at| format!("{side} {at}")).collect::<Vec<_>>();
    let [of_here, of_there] = ["here", "there"].map(texts);
    let batch = count.div_ceil(cuts).min(10);
    let mut times = Times::of("bytes again after a cut of a channel");
    std::thread::scope(|scope| {
        let (there, of_there) = (&there, &of_there);
        scope.spawn(move || {
            for some in of_there.chunks(batch) {
                assert_sent(&send(&socket(there), some, None));
            }
        });
        for (number, some) in of_here.chunks(batch).enumerate() {
            if (number * batch) % (count / cuts) < batch {
                wire.all().cut();
                let (cut, before) = (Instant::now(), wire.all().bytes(Way::Both));
                assert_sent(&send(&socket(&here), some, None));
                assert!(wire.all().bytes(Way::Both) > before);
                times.push(cut.elapsed());
            } else {
                assert_sent(&send(&socket(&here), some, None));
            }
        }
    });
    assert!(wire.connections() >= cuts, "{} of {cuts}", wire.connections());
    here.run(["close", &number]).expect(0);
    assert_eq!(bodies(&host.end().expect(0)), of_there);
    assert_eq!(bodies(&peer.end().expect(0)), of_here);
}

#[track_caller]
fn assert_sent(told: &[Value]) {
    assert!(told.iter().all(|line| line.get("failed").is_none()), "{told:?}");
}

#[test]
fn an_idle_channel_outlives_a_proxy_that_cuts_after_five_seconds() {
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    let (host, mut peer, wire, number) = channel(&here, &there);
    wire.all().set(Fault::Silence(Duration::from_secs(5)));
    pass(runs(180, 6));
    wire.wait_connections(2);
    here.run(["send", &number, "still here"]).expect(0);
    assert_eq!(peer.until("text", "")["body"], "still here");
    here.run(["close", &number]).expect(0);
    host.end().expect(0);
    peer.end().expect(0);
}
