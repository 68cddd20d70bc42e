//! A peer that says it can be met where others are: they hear 25 bytes that tell nothing, and what
//! is no place ends the conversation (SPEC 6.6).

use crate::harness::{Machine, Running};
use crate::peer::{FakeHost, Peer};
use pinhole_protocol::limits::{FAITHFUL, RESUMING};
use pinhole_protocol::rendezvous::{OPENING, Opening};
use pinhole_protocol::wire::{Control, Places, Want};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};

/// A real side that has joined a channel of ours.
fn joined(capabilities: u64) -> (FakeHost, Peer, Running, Machine) {
    let (host, there) = (FakeHost::new(), Machine::new());
    let mut joiner = there.start(["connect", &host.code]);
    let mut peer = host.meet_with(capabilities);
    peer.put_in_use(Want::Both);
    joiner.until("status", "connected");
    (host, peer, joiner, there)
}

#[test]
fn a_victim_hears_an_opening_and_nothing_else_whatever_it_answers() {
    let (host, mut peer, joiner, _there) = joined(FAITHFUL | RESUMING);
    let victims = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let direct = victims.iter().map(|victim| victim.local_addr().unwrap()).collect();
    assert!(peer.tell(&Control::Places(Places { direct, relay: None })));
    // Its link is lost, and nobody is where it came from.
    drop((peer, host.listener));
    for victim in &victims {
        for answers in [false, true] {
            let (mut knocking, _) = victim.accept().unwrap();
            let mut opening = [0; OPENING];
            knocking.read_exact(&mut opening).unwrap();
            assert!(matches!(Opening::parse(&opening), Ok(Some(Opening::Link(_)))));
            if answers {
                // Its own token is not true, from another.
                knocking.write_all(&opening).unwrap();
            }
            let mut rest = Vec::new();
            let _ = knocking.read_to_end(&mut rest);
            assert!(rest.is_empty(), "{rest:?}");
        }
    }
    joiner.signal(Signal::INT);
    joiner.end().expect(130);
}

#[test]
fn what_is_no_place_and_what_was_not_agreed_ends_it() {
    let at = |ports: std::ops::Range<u16>| {
        let direct = ports.map(|port| (Ipv4Addr::LOCALHOST, port).into()).collect();
        Control::Places(Places { direct, relay: None })
    };
    let lawful = (0..4).map(|many| at(9_000 + 8 * many..9_008 + 8 * many)).collect::<Vec<_>>();
    for (capabilities, said) in [
        (FAITHFUL | RESUMING, vec![at(1_023..1_024)]),
        (FAITHFUL | RESUMING, vec![at(9_000..9_009)]),
        (FAITHFUL | RESUMING, lawful.into_iter().chain([at(9_100..9_101)]).collect()),
        (FAITHFUL, vec![at(9_000..9_001)]),
    ] {
        let (_host, mut peer, joiner, _there) = joined(capabilities);
        said.iter().for_each(|control| assert!(peer.tell(control)));
        peer.hear_out();
        drop(peer);
        assert_eq!(joiner.end().expect(7).failure()["error"], "protocol");
    }
}
