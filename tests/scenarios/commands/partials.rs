//! `partials`: what a killed transfer has left, listed and removed, and gone with the next.

use crate::harness::content::{digest_at, names, pour};
use crate::harness::wire::{Fault, Way, Wire};
use crate::harness::{Machine, port, wait};
use rustix::process::Signal;
use std::fs::{File, read_dir, read_to_string};
use std::net::Ipv4Addr;

/// Bytes of a file, and of those that come of it before it is killed.
const LONG: u64 = 24 << 20;
const COMES: u64 = 20 << 20;

/// Takes a file that does not come to its end, and is killed once a journal tells of it.
fn killed(here: &Machine, there: &Machine) -> String {
    let mut giver = here.start(["give", "long"]);
    let code = giver.code();
    let wire = Wire::to((Ipv4Addr::LOCALHOST, port(&code)));
    wire.only(0).set(Fault::Stall(Way::ToClient, COMES));
    let taker = there.start(["take", "-y", &wire.join(&code)]);
    let journal = wait("a journal", || {
        // A name that is no text is there for a moment, while the taker finds out if it may be.
        let names = read_dir(there.dir()).unwrap();
        let mut names = names.filter_map(|entry| entry.unwrap().file_name().into_string().ok());
        let journal = names.find(|name| name.ends_with(".journal"))?;
        read_to_string(there.path(&journal)).unwrap().contains("wrote").then_some(journal)
    });
    let used = there.run(["partials"]).expect(0).one("partial");
    assert_eq!(used["in_use"], true, "{used}");
    taker.signal(Signal::KILL);
    // It would wait for an hour.
    giver.signal(Signal::KILL);
    wait("the end of its lock", || {
        let free = there.run(["partials"]).expect(0).one("partial")["in_use"].is_null();
        free.then_some(())
    });
    journal
}

#[test]
fn what_a_killed_transfer_left_is_listed_and_removed() {
    let (here, there) = (Machine::new(), Machine::new());
    pour(File::create(here.path("long")).unwrap(), LONG);
    let journal = killed(&here, &there);
    let partial = there.run(["partials", "--json"]).expect(0).one("partial");
    assert_eq!(partial["name"], "long");
    assert_eq!(partial["size"], LONG);
    assert!((1..=COMES).contains(&partial["bytes"].as_u64().unwrap()), "{partial}");
    assert!(std::path::Path::new(partial["saved_to"].as_str().unwrap()).exists());
    let human = there.run_plain(["partials", "--human"]);
    assert!(human.starts_with("long: ") && human.contains(" here, "), "{human}");
    assert!(names(there.dir()).contains(&journal));

    // The next takes it over; nothing of either is left beside what is delivered.
    let mut giver = here.start(["give", "long"]);
    there.run(["take", "-y", &giver.code()]).expect(0);
    giver.end().expect(0);
    assert_eq!(names(there.dir()), ["long"]);
    assert_eq!(digest_at(there.path("long")), digest_at(here.path("long")));

    std::fs::remove_file(there.path("long")).unwrap();
    killed(&here, &there);
    // Another folder's are no matter of these.
    std::fs::create_dir(there.path("other")).unwrap();
    let other = there.run(["partials", "-o", "other", "--remove"]).expect(0);
    assert!(other.all("partial").is_empty());
    let removed = there.run(["partials", "--remove"]).expect(0).one("partial");
    assert_eq!(removed["removed"], true, "{removed}");
    assert_eq!(names(there.dir()), ["other"]);
    assert!(there.run(["partials"]).expect(0).all("partial").is_empty());
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let here = Machine::new();
    let failure = here.run(["partials", "-o", "none"]).expect(8).failure();
    assert_eq!(failure["error"], "disk");
}
