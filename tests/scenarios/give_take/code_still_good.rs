//! Obstacles that can be known before a code is used are named while it is good; those that come
//! with the offer are asked about before it is declined.

use crate::harness::content::names;
use crate::harness::{Machine, Running, disk};
use rustix::process::Signal;
use std::fs::File;

/// A giver that is still there after these, and its code good.
#[track_caller]
fn still_good(mut giver: Running, there: &Machine, code: &str) {
    let ended = there.run(["take", code, "-o", "."]).expect(0);
    assert_eq!(ended.all("file").len() + ended.all("text").len(), 1);
    giver.until("delivered", "");
    giver.end().expect(0);
}

#[test]
fn a_place_that_cannot_be_written_is_refused_with_the_code_still_good() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", b"a");
    let mut giver = here.start(["give", "a"]);
    let code = giver.code();
    for args in [
        &["-o", "/proc/"][..],
        &["-o", "/proc/name"],
        &["-o", ".", "--secret-to-file", "/proc/key"],
        &["-o", ".", "--secret-to-file", "no/such/key"],
        &["-o", ".", "--secret-to-env-file", "/proc/.env"],
        &["-o", ".", "--secret-to-env-file", "/proc/.env:API_KEY"],
    ] {
        let error = there.run([&["take", &code], args].concat()).expect(8).failure();
        assert_eq!(error["error"], "disk", "{args:?}");
    }
    assert_eq!(names(there.dir()), Vec::<String>::new());
    // Nobody is asked, so it would go below the home.
    for home in ["/proc", "/dev/null"] {
        let mut command = there.command(["take", &code]);
        command.env("HOME", home);
        assert_eq!(Running::start(command).end().expect(8).failure()["error"], "disk", "{home}");
    }
    still_good(giver, &there, &code);
}

#[test]
fn a_host_whose_place_cannot_be_written_shows_no_code() {
    let here = Machine::new();
    for args in [
        &["take", "-o", "/proc/"][..],
        &["host", "-o", "/proc/"],
        &["take", "--secret-to-file", "/proc/key"],
    ] {
        let ended = here.run(args).expect(8);
        assert_eq!(ended.failure()["error"], "disk");
        assert!(ended.all("status").is_empty(), "{args:?}: {:?}", ended.lines);
    }
}

#[test]
fn a_full_disk_is_refused_with_the_code_still_good() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", b"a");
    let mut giver = here.start(["give", "a"]);
    let code = giver.code();
    let script = "head -c 61440 /dev/zero > small/full; \"$0\" \"$@\"";
    let args = ["take", &code, "-o", "small/"];
    let Some(taker) = disk::small(&there, "64k", script, args) else { return };
    let error = Running::start(taker).end().expect(8).failure();
    assert_eq!(error["error"], "no-space");
    assert!(error["next"].as_str().unwrap().contains("no code was used"), "{error}");
    still_good(giver, &there, &code);
}

#[test]
fn what_is_over_the_limit_is_declined_at_once_where_nobody_is() {
    let (here, there) = (Machine::new(), Machine::new());
    // All of it is a hole, which counts.
    File::create(here.path("huge")).unwrap().set_len(15 << 40).unwrap();
    let mut giver = here.start(["give", "huge"]);
    assert_eq!(
        there.run(["take", &giver.code(), "-o", "."]).expect(1).failure()["error"],
        "too-large"
    );
    giver.signal(Signal::INT);
    giver.end();
}
