//! Bulk over several connections at a time (SPEC 6.3), whatever becomes of them: everything arrives
//! once, and nobody hears of a stripe.

use crate::harness::content::{bytes, digest_at, names, pour, tree};
use crate::harness::wire::{Fault, Way, Wire};
use crate::harness::{Ended, Machine, Running, port, wait};
use std::fs::{File, create_dir, write};
use std::io::{Read, Seek, Write};
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

const SIZE: u64 = 24 << 20;
/// Bytes that are fed at once, of which every stripe gets some.
const PART: usize = 4 << 20;
/// Bytes of a connection after which it is certain to be in use.
const IN_USE: u64 = 1 << 20;

/// Starts a program that is to have so many connections.
pub fn start(machine: &Machine, links: &str, args: &[&str]) -> Running {
    let mut command = machine.command(args);
    command.env("PINHOLE_LINKS", links).stdin(Stdio::piped());
    Running::start(command)
}

/// A wire to the host with this code, as long as 10 ms.
pub fn lay(code: &str) -> Wire {
    let wire = Wire::to((Ipv4Addr::LOCALHOST, port(code)));
    wire.all().set(Fault::Delay(Way::Both, Duration::from_millis(10)));
    wire
}

/// Holds up, or no longer, what goes this way on the connections from 1 on, once they are in use.
pub fn hold(wire: &Wire, way: Way, holds: bool) {
    // On a busy machine some do not end their handshake, and are begun again.
    for number in 1..20 {
        let (only, fault) = (wire.only(number), Fault::Stall(way, IN_USE));
        if holds { only.set(fault) } else { only.lift(fault) }
    }
}

/// Waits until three connections from 1 on are in use.
pub fn wait_in_use(wire: &Wire, way: Way) {
    wait("three stripes in use", || {
        let in_use = |number: &usize| wire.only(*number).bytes(way) >= IN_USE;
        ((1..wire.connections()).filter(in_use).count() >= 3).then_some(())
    });
}

/// Gives `what` over a wire as long as 10 ms, of which the connections from 1 on are stripes, and
/// takes it on the other side of it: both sides end well. `trouble` is set before.
#[track_caller]
fn given(
    links: [&str; 2],
    make: impl FnOnce(&Machine),
    trouble: impl FnOnce(&Wire),
) -> ([Ended; 2], usize, Machine, Machine) {
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    make(&here);
    let mut giver = start(&here, links[0], &["give", "what"]);
    let code = giver.code();
    let wire = lay(&code);
    trouble(&wire);
    let taker = start(&there, links[1], &["take", &wire.join(&code), "-o", "."]);
    let ended = [giver.end().expect(0), taker.end().expect(0)];
    assert_eq!(names(there.dir()), ["what"]);
    (ended, wire.connections(), here, there)
}

fn file(machine: &Machine) {
    pour(File::create(machine.path("what")).unwrap(), SIZE);
}

/// The words of both sides about their connections.
pub fn told(ended: &[Ended; 2]) -> Vec<String> {
    let lines = ended.iter().flat_map(|side| side.all("status"));
    let words = lines.map(|line| line["event"].as_str().unwrap().to_owned());
    let about = ["stalled", "reconnecting", "reconnected", "tampered", "path"];
    words.filter(|word| about.contains(&word.as_str())).collect()
}

#[test]
fn a_file_and_a_folder_go_over_as_many_connections_as_are_fixed() {
    let (ended, connections, here, there) = given(["4", "4"], file, |_| ());
    // On a busy machine a handshake may not end in its time, and is begun again.
    assert!(told(&ended).is_empty() && (4..=6).contains(&connections), "{connections}");
    assert_eq!(digest_at(here.path("what")), digest_at(there.path("what")));
    let folder = |machine: &Machine| {
        create_dir(machine.path("what")).unwrap();
        for number in 0..1_500_u32 {
            let content = number.to_be_bytes().repeat(number as usize % 3_000);
            write(machine.path(format!("what/{number}")), content).unwrap();
        }
    };
    let (ended, connections, here, there) = given(["3", "3"], folder, |_| ());
    assert!(told(&ended).is_empty() && (3..=5).contains(&connections), "{connections}");
    assert!(tree(&here.path("what")) == tree(&there.path("what")));
}

#[test]
fn there_is_one_connection_on_loopback_and_where_a_side_fixes_it() {
    for links in [["", ""], ["1", "1"], ["1", "4"], ["4", "1"]] {
        let (ended, connections, here, there) = given(links, file, |_| ());
        assert_eq!(told(&ended), [""; 0], "{links:?}");
        if !links.contains(&"4") {
            // One handshake may have been begun again.
            assert!(connections <= 2, "{links:?}: {connections}");
        }
        assert_eq!(digest_at(here.path("what")), digest_at(there.path("what")));
    }
}

#[test]
fn a_number_of_connections_that_cannot_be_is_an_error_of_use() {
    let machine = Machine::new();
    for links in ["0", "9", "x", "-1"] {
        let ended = start(&machine, links, &["give", "--text", "x"]).end().expect(2);
        assert_eq!(ended.failure()["error"], "usage");
    }
}

#[test]
fn nobody_hears_of_a_stripe_that_is_lost() {
    for fault in [
        Fault::Cut(Way::ToClient, IN_USE),
        Fault::Reset(Way::ToClient, IN_USE),
        Fault::HalfClose(Way::ToClient, IN_USE),
        Fault::HalfClose(Way::ToServer, 400),
        Fault::Lose(Way::ToClient, IN_USE),
    ] {
        let trouble = |wire: &Wire| wire.only(2).set(fault);
        let (ended, connections, here, there) = given(["4", "4"], file, trouble);
        assert!(told(&ended).is_empty() && connections >= 4, "{fault:?}: {:?}", told(&ended));
        assert_eq!(digest_at(here.path("what")), digest_at(there.path("what")), "{fault:?}");
    }
}

#[test]
fn every_stripe_that_there_is_may_be_lost_at_once() {
    let trouble = |wire: &Wire| {
        for number in 1..4 {
            wire.only(number).set(Fault::Cut(Way::ToClient, IN_USE + 999 * number as u64));
        }
    };
    let (ended, _, here, there) = given(["4", "4"], file, trouble);
    assert_eq!(told(&ended), [""; 0]);
    assert_eq!(digest_at(here.path("what")), digest_at(there.path("what")));
}

#[test]
fn a_record_that_is_changed_on_a_stripe_is_told_of_and_ends_it_alone() {
    let trouble = |wire: &Wire| wire.only(2).set(Fault::Flip(Way::ToClient, IN_USE));
    let (ended, _, here, there) = given(["4", "4"], file, trouble);
    assert_eq!(told(&ended), ["tampered"]);
    assert_eq!(digest_at(here.path("what")), digest_at(there.path("what")));
}

#[test]
fn the_connection_that_all_else_goes_over_may_be_lost_with_its_stripes() {
    let trouble = |wire: &Wire| {
        // It carries little: what acknowledges the others' bytes.
        wire.only(0).set(Fault::Cut(Way::ToServer, 2_500));
    };
    let (ended, connections, here, there) = given(["4", "4"], file, trouble);
    assert!(connections > 4, "{connections}");
    assert_eq!(told(&ended), [""; 0], "it was back before anybody had to be told");
    assert_eq!(digest_at(here.path("what")), digest_at(there.path("what")));
}

#[test]
fn bulk_goes_over_one_connection_where_a_side_on_loopback_fixes_none() {
    for links in [["4", ""], ["", "4"]] {
        let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
        file(&here);
        let mut giver = start(&here, links[0], &["give", "what"]);
        let code = giver.code();
        let wire = lay(&code);
        let taker = start(&there, links[1], &["take", &wire.join(&code), "-o", "."]);
        let ended = [giver.end().expect(0), taker.end().expect(0)];
        assert_eq!(told(&ended), [""; 0], "{links:?}");
        let beside: u64 =
            (1..wire.connections()).map(|number| wire.only(number).bytes(Way::ToClient)).sum();
        assert!(beside < IN_USE && wire.only(0).bytes(Way::ToClient) > SIZE, "{links:?}: {beside}");
    }
}

#[test]
fn a_stripe_that_is_lost_behind_its_last_byte_takes_nothing_along() {
    for lose in [
        (|wire| wire.only(2).cut()) as fn(&Wire),
        |wire| wire.only(2).reset(),
        |wire| wire.only(2).half_close(Way::ToClient),
        |wire| (1..4).for_each(|number| wire.only(number).cut()),
        |wire| wire.only(0).cut(),
    ] {
        let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
        let mut giver = start(&here, "4", &["give", "-"]);
        let code = giver.code();
        let wire = lay(&code);
        let mut taker = start(&there, "4", &["take", &wire.join(&code), "-o", "-"]);
        wire.wait_connections(4);
        let mut output = taker.child.stdout.take().unwrap();
        let (content, mut came) = (bytes(3 * PART), vec![0; 3 * PART]);
        let parts = content.chunks(PART).zip(came.chunks_mut(PART));
        for (at, (part, came)) in parts.enumerate() {
            // The output is read meanwhile: what it does not take holds the rest up.
            std::thread::scope(|scope| {
                let reading = scope.spawn(|| output.read_exact(came).unwrap());
                giver.feed(part);
                reading.join().unwrap();
            });
            if at == 0 {
                lose(&wire);
            }
        }
        assert!(came == content);
        giver.hang_up();
        assert_eq!(output.read(&mut [0]).unwrap(), 0);
        let ended = [giver.end().expect(0), taker.end().expect(0)];
        assert_eq!(told(&ended), [""; 0]);
        let size = 3 * PART;
        assert!(ended[1].one("file")["size"] == size && ended[0].one("delivered")["size"] == size);
    }
}

#[test]
fn a_source_that_changes_while_it_goes_over_stripes_is_delivered_only_as_it_was() {
    for (grows, code) in [(true, 0), (false, 9)] {
        let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
        file(&here);
        let source = here.path("what");
        let before = digest_at(&source);
        // Of known age, so that every later write shows.
        let known = std::time::SystemTime::UNIX_EPOCH;
        File::options().write(true).open(&source).unwrap().set_modified(known).unwrap();
        let mut giver = start(&here, "4", &["give", "what"]);
        let said = giver.code();
        let wire = lay(&said);
        hold(&wire, Way::ToClient, true);
        let taker = start(&there, "4", &["take", &wire.join(&said), "-o", "."]);
        wait_in_use(&wire, Way::ToClient);
        let mut writer = File::options().write(true).open(&source).unwrap();
        writer.seek(std::io::SeekFrom::Start(if grows { SIZE } else { SIZE - 9 })).unwrap();
        writer.write_all(b"more").unwrap();
        hold(&wire, Way::ToClient, false);
        let ended = [giver.end().expect(code), taker.end().expect(code)];
        assert_eq!(told(&ended), [""; 0]);
        if grows {
            assert_eq!(digest_at(there.path("what")), before);
        } else {
            assert!(!there.path("what").exists() && ended[1].all("file").is_empty());
            assert_eq!(ended[1].failure()["error"], "source-changed");
        }
    }
}
