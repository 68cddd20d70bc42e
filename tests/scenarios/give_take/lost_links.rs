//! Connections that are lost under a transfer, which goes on over the next: everything arrives
//! once, and both sides say what happened.

use crate::harness::content::{digest_at, names, pour};
use crate::harness::process::Watch;
use crate::harness::relay::Relay;
use crate::harness::wire::{Fault, Way, Wire};
use crate::harness::{Ended, Machine, Running, port, runs};
use rustix::process::Signal;
use std::collections::HashSet;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

/// A file that is given, and the code by which it is taken over a wire.
struct Given {
    here: Machine,
    giver: Running,
    wire: Wire,
    code: String,
    digest: String,
}

/// Gives a file of this size directly, and puts a wire before its port.
fn given(size: u64) -> Given {
    let here = Machine::on_a_wire();
    pour(File::create(here.path("file")).unwrap(), size);
    let digest = digest_at(here.path("file"));
    let mut giver = here.start(["give", "file"]);
    let code = giver.code();
    let wire = Wire::to((Ipv4Addr::LOCALHOST, port(&code)));
    let code = wire.join(&code);
    Given { here, giver, wire, code, digest }
}

impl Given {
    /// Takes it: both sides end well, and it is there as it was. Returns both sides' lines.
    #[track_caller]
    fn taken(self) -> [Ended; 2] {
        let there = Machine::on_a_wire();
        let taker = there.start(["take", &self.code, "-o", "."]).end().expect(0);
        let giver = self.giver.end().expect(0);
        assert_eq!(names(there.dir()), ["file"]);
        assert_eq!(digest_at(there.path("file")), self.digest);
        drop(self.here);
        [giver, taker]
    }
}

/// The words of a side's events.
fn events(side: &Ended) -> Vec<String> {
    side.all("status").iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_transfer_goes_on_after_each_of_ten_cuts() {
    const SIZE: u64 = 64 << 20;
    let given = given(SIZE);
    for connection in 0..10 {
        // Each at another place in a record.
        let at = SIZE / 12 + 7_919 * connection as u64;
        given.wire.only(connection).set(Fault::Cut(Way::ToClient, at));
    }
    let ended = given.taken();
    // Each was back before anybody had to be told.
    for side in &ended {
        let events = events(side);
        assert_eq!(events.last().map(String::as_str), Some("closed"), "{events:?}");
    }
}

#[test]
fn a_reset_or_half_closed_connection_is_made_again() {
    const SIZE: u64 = 8 << 20;
    for fault in [
        Fault::Reset(Way::ToClient, SIZE / 2),
        Fault::HalfClose(Way::ToClient, SIZE / 2),
        Fault::HalfClose(Way::ToServer, 1_000),
        Fault::Cut(Way::ToServer, 1_500),
    ] {
        let given = given(SIZE);
        given.wire.only(0).set(fault);
        given.taken();
    }
}

#[test]
fn a_connection_that_is_dead_in_one_direction_is_replaced() {
    for way in [Way::ToClient, Way::ToServer] {
        let given = given(16 << 20);
        given.wire.only(0).set(Fault::Lose(way, 2_000));
        let wire = &given.wire;
        assert_eq!(wire.connections(), 0);
        let [giver, taker] = given.taken();
        let said = [events(&giver), events(&taker)].concat();
        assert!(said.iter().any(|event| event == "stalled"), "{said:?}");
    }
}

#[test]
fn a_changed_record_ends_its_connection_and_not_the_transfer() {
    for way in [Way::ToClient, Way::ToServer] {
        let given = given(4 << 20);
        given.wire.only(0).set(Fault::Flip(way, if way == Way::ToClient { 1 << 20 } else { 900 }));
        let [giver, taker] = given.taken();
        let deceived = if way == Way::ToClient { taker } else { giver };
        let tampered: Vec<_> = deceived
            .all("status")
            .into_iter()
            .filter(|line| line["event"] == "tampered")
            .map(|line| line["path"].clone())
            .collect();
        assert_eq!(tampered, ["loopback"]);
    }
}

#[test]
fn eight_changed_connections_in_a_row_are_tampering() {
    let given = given(4 << 20);
    given.wire.only(0).set(Fault::Flip(Way::ToClient, 1 << 20));
    for connection in 1..16 {
        // In the first record behind the handshake's 25, 107 and 35 bytes, so that none is used.
        given.wire.only(connection).set(Fault::Flip(Way::ToClient, 300));
    }
    let there = Machine::on_a_wire();
    let taker = there.run(["take", &given.code, "-o", "."]).expect(7);
    assert_eq!(taker.failure()["error"], "tampered");
    // On a busy machine a handshake may have been begun again.
    assert!((8..=10).contains(&given.wire.connections()));
    assert!(names(there.dir()).iter().all(|name| name.starts_with(".pinhole-")));
    given.giver.signal(Signal::INT);
    given.giver.end().expect(130);
}

#[test]
fn a_lost_side_is_looked_for_until_the_user_ends_it() {
    let given = given(64 << 20);
    given.wire.only(0).set(Fault::Stall(Way::ToClient, 1 << 20));
    let there = Machine::on_a_wire();
    let mut taker = there.start(["take", &given.code, "-o", "."]);
    given.wire.only(0).wait_bytes(Way::ToClient, 1 << 20);
    given.wire.refuse();
    given.wire.all().cut();
    let mut giver = given.giver;
    for side in [&mut giver, &mut taker] {
        side.until("status", "reconnecting");
    }
    for (side, arrived) in [(giver, " arrived there"), (taker, " come")] {
        side.signal(Signal::INT);
        let failure = side.end().expect(130).failure();
        assert_eq!(failure["error"], "interrupted");
        let said = failure["detail"].as_str().unwrap();
        assert!(said.starts_with("interrupted; ") && said.ends_with(arrived), "{said}");
        // A giver knows only what the taker has said.
        let known =
            said.contains(" of 67.1 MB had") || said.ends_with("; it had not arrived there");
        assert!(known, "{said}");
    }
    // It can go on another day.
    let kept = names(there.dir());
    assert!(kept.len() == 2 && kept.iter().all(|name| name.starts_with(".pinhole-")), "{kept:?}");
}

#[test]
fn a_transfer_goes_on_when_the_way_is_back() {
    let given = given(64 << 20);
    given.wire.only(0).set(Fault::Stall(Way::ToClient, 1 << 20));
    let there = Machine::on_a_wire();
    let mut taker = there.start(["take", &given.code, "-o", "."]);
    given.wire.only(0).wait_bytes(Way::ToClient, 1 << 20);
    given.wire.refuse();
    given.wire.all().cut();
    let mut giver = given.giver;
    for side in [&mut giver, &mut taker] {
        side.until("status", "reconnecting");
    }
    given.wire.accept();
    for side in [&mut giver, &mut taker] {
        assert_eq!(side.until("status", "reconnected")["path"], "loopback");
    }
    giver.end().expect(0);
    taker.end().expect(0);
    assert_eq!(digest_at(there.path("file")), given.digest);
}

#[test]
fn through_a_relay_both_sides_find_each_other_again() {
    const SIZE: u64 = 32 << 20;
    for of_giver in [false, true] {
        let relay = Relay::start();
        let wire = Wire::to((Ipv4Addr::LOCALHOST, relay.port));
        let (broken, sound) = (wire.url(), relay.url());
        let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
        pour(File::create(here.path("file")).unwrap(), SIZE);
        let [givers, takers] = if of_giver { [&broken, &sound] } else { [&sound, &broken] };
        let way = if of_giver { Way::ToServer } else { Way::ToClient };
        for connection in 0..5 {
            wire.only(connection).set(Fault::Cut(way, SIZE / 7));
        }
        let mut giver = here.start(["give", "file", "--relay", givers]);
        let code = giver.code();
        there.run(["take", &code, "-o", ".", "--relay", takers]).expect(0);
        giver.end().expect(0);
        assert_eq!(digest_at(there.path("file")), digest_at(here.path("file")));
        assert!(wire.connections() >= 6, "{}", wire.connections());
    }
}

#[test]
fn a_relay_that_ends_is_found_again_behind_its_address() {
    let first = Relay::start();
    let wire = Wire::to((Ipv4Addr::LOCALHOST, first.port));
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    pour(File::create(here.path("file")).unwrap(), 48 << 20);
    let relay = ["--relay", &wire.url()];
    let mut giver = here.start([&["give", "file"], &relay[..]].concat());
    let code = giver.code();
    let taker = there.start([&["take", &code, "-o", "."], &relay[..]].concat());
    wire.only(1).wait_bytes(Way::ToClient, 1 << 20);
    // Another, which knows nothing of this channel, comes in its place.
    let second = Relay::start();
    wire.lead_to((Ipv4Addr::LOCALHOST, second.port));
    drop(first);
    taker.end().expect(0);
    giver.end().expect(0);
    assert_eq!(digest_at(there.path("file")), digest_at(here.path("file")));
}

/// A wire that notes how much its first connection has carried, to the server and to the client,
/// once the client has said two things there.
fn noting(server: SocketAddr) -> (Wire, Arc<Mutex<[u64; 2]>>) {
    let noted = Arc::<Mutex<[u64; 2]>>::default();
    let (note, mut bytes, mut said) = (Arc::clone(&noted), [0; 2], 0);
    let wire = Wire::watched(server, move |number, way, passing| {
        if number > 0 {
            return;
        }
        let to_client = usize::from(way == Way::ToClient);
        bytes[to_client] += passing.len() as u64;
        said += 1 - to_client;
        if (said, to_client) == (2, 0) {
            *note.lock().unwrap() = bytes;
        }
    });
    (wire, noted)
}

#[test]
fn a_joiner_that_is_cut_behind_its_tag_gets_there_by_a_link() {
    #[derive(Clone, Copy, PartialEq)]
    enum Cut {
        Direct,
        Joiner,
        Host,
    }
    for cut in [Cut::Direct, Cut::Joiner, Cut::Host] {
        let relay = Relay::start();
        let sound = relay.url();
        let mut at = None;
        // The first time nothing is wrong, and shows where the second is to be cut.
        loop {
            let (here, there) = (Machine::new(), Machine::new());
            here.write("file", "content");
            let broken =
                (cut != Cut::Direct).then(|| noting((Ipv4Addr::LOCALHOST, relay.port).into()));
            let url = broken.as_ref().map(|(wire, _)| wire.url()).unwrap_or_default();
            let fault = |noted: [u64; 2]| match cut {
                Cut::Direct | Cut::Joiner => Fault::Cut(Way::ToClient, noted[1] + 1),
                Cut::Host => Fault::Cut(Way::ToServer, noted[0] + 1),
            };
            if let (Some((wire, _)), Some(noted)) = (&broken, at) {
                wire.only(0).set(fault(noted));
            }
            let mut giver = match cut {
                Cut::Direct => here.start(["give", "file"]),
                Cut::Joiner => here.start(["give", "file", "--relay", &sound]),
                Cut::Host => here.start(["give", "file", "--relay", &url]),
            };
            let mut code = giver.code();
            let (wire, noted) = broken.unwrap_or_else(|| {
                let direct = noting((Ipv4Addr::LOCALHOST, port(&code)).into());
                if let Some(noted) = at {
                    direct.0.only(0).set(fault(noted));
                }
                code = direct.0.join(&code);
                direct
            });
            let taker = match cut {
                Cut::Direct => there.start(["take", &code, "-o", "."]),
                Cut::Joiner => there.start(["take", &code, "-o", ".", "--relay", &url]),
                Cut::Host => there.start(["take", &code, "-o", ".", "--relay", &sound]),
            };
            taker.end().expect(0);
            assert_eq!(giver.end().expect(0).all("delivered").len(), 1);
            assert_eq!(std::fs::read(there.path("file")).unwrap(), b"content");
            if at.is_some() {
                assert!(wire.connections() > 1);
                break;
            }
            // On a busy machine a handshake may have been begun again.
            at = (wire.connections() == 1).then(|| *noted.lock().unwrap());
        }
    }
}

#[test]
fn a_link_is_made_again_however_often_its_tag_or_the_answer_is_lost() {
    // Message 0 and message 1 come first on the way to the joiner, message 0 on the other.
    const ANSWER: u64 = 25 + 107;
    const TAG: u64 = 25 + 50;
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    pour(File::create(here.path("file")).unwrap(), 16 << 20);
    let mut giver = here.start(["give", "file"]);
    let code = giver.code();
    let said = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let noted = Arc::clone(&said);
    let wire = Wire::watched((Ipv4Addr::LOCALHOST, port(&code)), move |number, way, bytes| {
        let mut noted = noted.lock().unwrap();
        while noted.len() <= number {
            noted.push(Vec::new());
        }
        if way == Way::ToServer {
            noted[number].extend_from_slice(bytes);
        }
    });
    wire.only(0).set(Fault::Cut(Way::ToClient, 4 << 20));
    let times = runs(12, 5);
    for link in 1..=times {
        wire.only(link).set(match link % 3 {
            0 => Fault::Cut(Way::ToServer, TAG),
            _ => Fault::Cut(Way::ToClient, ANSWER),
        });
    }
    there.run(["take", &wire.join(&code), "-o", "."]).expect(0);
    giver.end().expect(0);
    assert_eq!(digest_at(there.path("file")), digest_at(here.path("file")));
    // Each was for a link, and none was like another.
    let said = said.lock().unwrap();
    let links = &said[1..];
    assert!(links.len() > times);
    let kind = |said: &Vec<u8>| said[8];
    assert!(links.iter().all(|said| kind(said) == 2) && kind(&said[0]) == 1);
    let tags: HashSet<_> = links.iter().map(|said| &said[25..]).collect();
    assert_eq!(tags.len(), links.len());
}

#[test]
fn where_the_wire_is_gone_both_sides_find_each_other_by_their_addresses() {
    const SIZE: u64 = 64 << 20;
    for by_relay in [false, true] {
        let (here, there) = (Machine::new(), Machine::new());
        pour(File::create(here.path("file")).unwrap(), SIZE);
        let relay = by_relay.then(Relay::start);
        let wire = relay.as_ref().map(|relay| Wire::to((Ipv4Addr::LOCALHOST, relay.port)));
        let options =
            wire.as_ref().map_or_else(Vec::new, |wire| vec!["--relay".into(), wire.url()]);
        let mut giver = here.start([vec!["give".into(), "file".into()], options.clone()].concat());
        let mut code = giver.code();
        let wire = wire.unwrap_or_else(|| {
            let wire = Wire::to((Ipv4Addr::LOCALHOST, port(&code)));
            code = wire.join(&code);
            wire
        });
        wire.all().set(Fault::Cut(Way::Both, SIZE / 3));
        let take = vec!["take".into(), code, "-o".into(), ".".into()];
        let taker = there.start([take, options].concat());
        let watched = [Watch::start(giver.child.id()), Watch::start(taker.child.id())];
        wire.only(usize::from(by_relay)).wait_bytes(Way::ToClient, 1 << 20);
        wire.refuse();
        taker.end().expect(0);
        giver.end().expect(0);
        watched.into_iter().for_each(Watch::check);
        assert_eq!(digest_at(there.path("file")), digest_at(here.path("file")));
    }
}

#[test]
fn with_relay_only_a_lost_side_is_met_at_the_relay_alone() {
    let relay = Relay::start();
    let wire = Wire::to((Ipv4Addr::LOCALHOST, relay.port));
    for hides in ["giver", "taker"] {
        wire.accept();
        let (here, there) = (Machine::new(), Machine::new());
        pour(File::create(here.path("file")).unwrap(), 32 << 20);
        let options = |side| {
            let only = (side == hides).then(|| "--relay-only".to_owned());
            ["--relay".to_owned(), wire.url()].into_iter().chain(only).collect::<Vec<_>>()
        };
        let give = vec!["give".to_owned(), "file".into()];
        let before = wire.connections();
        wire.only(before).set(Fault::Cut(Way::Both, 1 << 20));
        let mut giver = here.start([give, options("giver")].concat());
        let take = vec!["take".to_owned(), giver.code(), "-o".into(), ".".into()];
        let mut taker = there.start([take, options("taker")].concat());
        wire.only(before).wait_bytes(Way::ToServer, 1 << 19);
        wire.refuse();
        for side in [&mut giver, &mut taker] {
            side.until("status", "reconnecting");
        }
        wire.accept();
        for side in [&mut giver, &mut taker] {
            assert_eq!(side.until("status", "reconnected")["path"], "relay");
        }
        taker.end().expect(0);
        giver.end().expect(0);
    }
}
