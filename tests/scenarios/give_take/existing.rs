//! Existing files stay, unless an option says otherwise; a full disk leaves nothing under a final
//! name.

use crate::harness::content::{names, pour};
use crate::harness::{Ended, Machine, Running, disk};
use std::process::Stdio;

/// Gives `a.txt` to a directory that has one already.
fn meet_another(conflict: &[&str], exit: (i32, i32)) -> (Machine, Ended) {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a.txt", b"new");
    there.write("a.txt", b"old");
    let mut giver = here.start(["give", "a.txt"]);
    let code = giver.code();
    let taker = there.run(["take", &code, "-o", "."].iter().chain(conflict)).expect(exit.1);
    giver.end().expect(exit.0);
    (there, taker)
}

#[test]
fn a_name_that_is_taken_is_numbered() {
    for conflict in [&[][..], &["--conflict", "rename"]] {
        let (there, taker) = meet_another(conflict, (0, 0));
        assert_eq!(std::fs::read(there.path("a.txt")).unwrap(), b"old");
        assert_eq!(std::fs::read(there.path("a (1).txt")).unwrap(), b"new");
        let file = taker.one("file");
        assert_eq!((&file["name"], names(there.dir()).len()), (&"a (1).txt".into(), 2));
        assert!(file["saved_to"].as_str().unwrap().ends_with("a (1).txt"));
    }
}

#[test]
fn or_left_out() {
    // Left out is not delivered, and whoever gives it has to hear that.
    let (there, taker) = meet_another(&["--conflict", "skip"], (6, 0));
    assert_eq!(std::fs::read(there.path("a.txt")).unwrap(), b"old");
    assert_eq!(names(there.dir()), ["a.txt"]);
    assert!(taker.all("file").is_empty());
    assert_eq!(taker.one("error")["error"], "skipped");
}

#[test]
fn or_replaced() {
    let (there, taker) = meet_another(&["--conflict", "overwrite"], (0, 0));
    assert_eq!(std::fs::read(there.path("a.txt")).unwrap(), b"new");
    assert_eq!(names(there.dir()), ["a.txt"]);
    assert_eq!(taker.one("file")["name"], "a.txt");
}

#[test]
fn a_folder_is_never_replaced() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a/new", b"new");
    there.write("a/old", b"old");
    let mut giver = here.start(["give", "a"]);
    let code = giver.code();
    let taker = there.run(["take", &code, "-o", ".", "--conflict", "overwrite"]);
    let giver = giver.end();
    assert_eq!(std::fs::read(there.path("a/old")).unwrap(), b"old");
    assert_eq!(names(there.path("a")), ["old"]);
    if taker.status.success() {
        assert_eq!(std::fs::read(there.path("a (1)/new")).unwrap(), b"new");
        giver.expect(0);
    } else {
        giver.expect(6);
    }
}

/// Takes into a disk of 4 MiB that lives as long as the taker, and returns the names that are left
/// on it; nothing where no disk can be mounted.
fn take_into_a_small_disk(there: &Machine, code: &str) -> Option<(Ended, String)> {
    let script = "cd small && \"$0\" take \"$1\" -o .; status=$?; ls -A . > ../left; exit $status";
    let taker = disk::small(there, "4m", script, [code])?;
    let taker = Running::start(taker).end();
    Some((taker, std::fs::read_to_string(there.path("left")).unwrap()))
}

#[test]
fn a_disk_without_room_refuses_what_is_too_large_for_it() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("large", vec![1; 6 << 20]);
    let mut giver = here.start(["give", "large"]);
    let code = giver.code();
    let Some((taker, left)) = take_into_a_small_disk(&there, &code) else { return };
    assert_eq!(taker.expect(8).failure()["error"], "no-space");
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-no-space");
    assert_eq!(left, "");
}

#[test]
fn a_disk_that_fills_up_meanwhile_ends_both_with_nothing_under_a_name() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut command = here.command(["give", "-"]);
    command.stdin(Stdio::piped());
    let mut giver = Running::start(command);
    let code = giver.code();
    let mut input = giver.child.stdin.take().unwrap();
    std::thread::spawn(move || pour(&mut input, 64 << 20));
    let Some((taker, left)) = take_into_a_small_disk(&there, &code) else { return };
    let error = taker.expect(8).failure();
    assert!(error["error"] == "no-space" && error["next"].is_string(), "{error}");
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-no-space");
    assert_eq!(left, "");
}

#[test]
fn what_was_left_out_for_a_taken_name_is_not_delivered() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a.txt", b"new");
    there.write("a.txt", b"old");
    let mut giver = here.start(["give", "a.txt"]);
    let code = giver.code();
    let taker = there.run(["take", &code, "-o", ".", "--conflict", "skip"]).expect(0);
    assert_eq!(taker.one("error")["error"], "skipped");
    let giver = giver.end().expect(6);
    assert!(giver.all("delivered").is_empty());
    assert_eq!(giver.failure()["error"], "peer-exists");
}
