//! What can be known before a code is used is said while it is good; what shows with the offer is
//! asked about before it is declined.

use crate::harness::content::names;
use crate::harness::terminal::Terminal;
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
fn a_text_is_written_where_dash_o_says() {
    for (conflict, stored) in [(None, "note (1).txt"), (Some("overwrite"), "note.txt")] {
        let (here, there) = (Machine::new(), Machine::new());
        for (taken, args) in [(false, vec!["-o", "note.txt"]), (true, vec!["-o", "note.txt"])] {
            let mut giver = here.start(["give", "--text", if taken { "second" } else { "first" }]);
            let code = giver.code();
            let how = conflict.map(|how| ["--conflict", how]).into_iter().flatten();
            let text =
                there.run(["take", &code].into_iter().chain(args).chain(how)).expect(0).one("text");
            let name = if taken { stored } else { "note.txt" };
            assert_eq!(
                text["saved_to"].as_str().unwrap(),
                there.dir().canonicalize().unwrap().join(name).to_str().unwrap()
            );
            assert!(text["body"].is_null() && text["size"] == if taken { 6 } else { 5 }, "{text}");
            assert_eq!(
                std::fs::read_to_string(there.path(name)).unwrap(),
                if taken { "second" } else { "first" }
            );
            giver.end().expect(0);
        }
    }
    // What is there stays, and its giver does not hear that it was delivered.
    let (here, there) = (Machine::new(), Machine::new());
    there.write("note.txt", "mine");
    let mut giver = here.start(["give", "--text", "theirs"]);
    let code = giver.code();
    there.run(["take", &code, "-o", "note.txt", "--conflict", "skip"]).expect(0);
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-exists");
    assert_eq!(std::fs::read_to_string(there.path("note.txt")).unwrap(), "mine");
    // A file that comes with a text does not take the text's place.
    here.write("a", b"a");
    let mut giver = here.start(["give", "--text", "a text", "a"]);
    let code = giver.code();
    there.run(["take", &code, "-o", "both", "--conflict", "overwrite"]).expect(0);
    giver.end().expect(0);
    assert_eq!(std::fs::read_to_string(there.path("both")).unwrap(), "a text");
    assert_eq!(std::fs::read_to_string(there.path("a")).unwrap(), "a");
}

#[test]
fn a_folder_for_standard_output_may_go_elsewhere() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("folder/a", b"a");
    std::fs::create_dir(there.path("in")).unwrap();
    let mut giver = here.start(["give", "folder"]);
    let mut taker = Terminal::start(&there, 100, ["take", &giver.code(), "-o", "-"]);
    taker.see("another folder (Enter alone declines)");
    taker.keys("nowhere/\r");
    taker.see("nowhere/ cannot be opened");
    taker.keys("in\r");
    taker.see("Receive into");
    taker.keys("\r");
    taker.end(0);
    giver.end().expect(0);
    assert_eq!(std::fs::read(there.path("in/folder/a")).unwrap(), b"a");
    // Enter alone is what it was without a question.
    let mut giver = here.start(["give", "folder"]);
    let mut taker = Terminal::start(&there, 100, ["take", &giver.code(), "-o", "-"]);
    taker.see("another folder (Enter alone declines)");
    taker.keys("\r");
    let screen = taker.end(1);
    assert!(screen.contains("standard output takes a single file"), "{screen}");
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-not-wanted");
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
