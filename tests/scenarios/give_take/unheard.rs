//! A file that is delivered while its giver cannot hear of it, and then comes once more.

use crate::harness::content::{digest_at, names, pour};
use crate::harness::wire::{Fault, Way, Wire};
use crate::harness::{Machine, port, wait};
use rustix::process::Signal;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;

const MIB: u64 = 1 << 20;
/// Less than a receiver lets come before it has to say that it has written something.
const SIZE: u64 = 12 * MIB;

#[test]
fn it_is_neither_sent_nor_stored_again() {
    let (from, to) = (Machine::on_a_wire(), Machine::on_a_wire());
    pour(File::create(from.path("file")).unwrap(), SIZE);
    let mut giver = from.start(["give", "file"]);
    let code = giver.code();
    let wire = Wire::to((Ipv4Addr::LOCALHOST, port(&code)));
    let mut taker = to.start(["take", &wire.join(&code), "-o", "."]);
    wire.only(0).wait_bytes(Way::ToClient, MIB);
    wire.all().set(Fault::Lose(Way::ToServer, 0));
    let here = to.path("file");
    wait("delivered", || here.exists().then_some(()));
    taker.until("file", "");
    taker.signal(Signal::KILL);
    taker.end();
    giver.signal(Signal::TERM);
    assert!(!giver.end().status.success(), "it has not heard of it");
    let inode = fs::metadata(&here).unwrap().ino();

    let mut giver = from.start(["give", "file"]);
    let code = giver.code();
    let wire = Wire::to((Ipv4Addr::LOCALHOST, port(&code)));
    let taker = to.start(["take", &wire.join(&code), "-o", "."]).end().expect(0);
    giver.end().expect(0);
    let continued = taker.all("status").into_iter().find(|line| line["event"] == "continued");
    assert_eq!(continued.unwrap()["here"], SIZE);
    assert_eq!(taker.one("file")["saved_to"], here.canonicalize().unwrap().to_str().unwrap());
    assert!(wire.only(0).bytes(Way::ToClient) < MIB);
    assert_eq!((names(to.dir()), fs::metadata(&here).unwrap().ino()), (vec!["file".into()], inode));
    assert_eq!(digest_at(here), digest_at(from.path("file")));
}
