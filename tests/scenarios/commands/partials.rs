//! `partials`: what a killed transfer has left, listed and removed, and gone with the next.

use crate::harness::content::{digest_at, names, pour};
use crate::harness::{Machine, Running, wait};
use rustix::process::Signal;
use std::fs::File;

/// Bytes of a transfer that is not over before it is killed.
const LONG: u64 = 192 << 20;

/// Begins to take a file, and is killed once a journal tells of it.
fn killed(here: &Machine, there: &Machine) -> String {
    let mut giver = here.start(["give", "long"]);
    let mut taker = there.start(["take", "-y", &giver.code()]);
    let journal = wait("a journal", || {
        names(there.dir()).into_iter().find(|name| name.ends_with(".journal"))
    });
    taker.signal(Signal::STOP);
    let used = there.run(["partials"]).expect(0).one("partial");
    assert_eq!(used["in_use"], true, "{used}");
    taker.signal(Signal::KILL);
    // Nobody says goodbye, so the giver would wait for an hour.
    giver.signal(Signal::KILL);
    let _: [_; 2] = [&mut giver, &mut taker].map(Running::line);
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
    assert!(partial["bytes"].as_u64().unwrap() >= 16 << 20, "{partial}");
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
    let removed = there.run(["partials", "--remove"]).expect(0).one("partial");
    assert_eq!(removed["removed"], true, "{removed}");
    assert!(names(there.dir()).is_empty());
    assert!(there.run(["partials"]).expect(0).all("partial").is_empty());
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let here = Machine::new();
    let failure = here.run(["partials", "-o", "none"]).expect(8).failure();
    assert_eq!(failure["error"], "disk");
}
