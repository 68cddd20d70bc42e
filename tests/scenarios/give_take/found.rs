//! What a reading of the code found: each was wrong once.

use crate::harness::content::{names, pour};
use crate::harness::{Machine, Running};
use rustix::process::Signal;
use std::io::Write;
use std::process::Stdio;

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

#[test]
fn a_refused_offer_leaves_no_private_folder() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", [7; 100]);
    let mut giver = here.start(["give", "a"]);
    let code = giver.code();
    there.run(["take", &code, "--max-size", "99"]).expect(1);
    giver.end().expect(6);
    assert!(names(there.home().join(".local/state/pinhole")).is_empty());
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let here = Machine::new();
    let mut giver =
        Running::start(here.shell(r#"trap '' HUP; exec "$0" "$@""#, ["give", "--text", "x"]));
    let code = giver.code();
    giver.until("status", "waiting");
    giver.signal(Signal::HUP);
    here.run(["take", &code]).expect(0);
    giver.end().expect(0);
}

#[test]
fn a_channel_that_stays_open_keeps_its_events_off_received_bytes() {
    let here = Machine::new();
    for args in
        [&["host", "--output=-"][..], &["connect", "9000-walrus-clipboard-mango", "--output=-"]]
    {
        let ended = here.run(args).expect(2);
        assert!(ended.failure()["detail"].as_str().unwrap().contains("-o -"));
    }
}

#[test]
fn too_much_for_one_message_is_said_before_the_code() {
    let here = Machine::new();
    let mut command = here.command(["give", "--text", "-"]);
    command.stdin(Stdio::piped());
    let mut giver = Running::start(command);
    // Of a letter of two bytes, one may be cut at the limit.
    // It stops reading at the limit and ends.
    let _ = giver.child.stdin.as_mut().unwrap().write_all("é".repeat(600_000).as_bytes());
    giver.hang_up();
    let giver = giver.end().expect(2);
    assert_eq!(giver.failure()["error"], "too-long");
    assert!(giver.all("status").is_empty());
    let label = "l".repeat(256);
    let giver = here.run(["give", "--secret-env", "HOME", "--secret-name", &label]).expect(2);
    assert_eq!(giver.failure()["error"], "too-long");
    assert!(giver.all("status").is_empty());
}

#[test]
fn what_fails_by_an_interrupt_here_is_not_blamed_on_the_other_side() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut command = here.command(["give", "-"]);
    command.stdin(Stdio::piped());
    let mut giver = Running::start(command);
    let code = giver.code();
    let mut open = there.start(["connect", &code]);
    open.until("offer", "");
    pour(giver.child.stdin.as_mut().unwrap(), 1 << 20);
    open.signal(Signal::INT);
    let open = open.end().expect(130);
    let words: Vec<_> =
        open.all("error").iter().map(|error| error["error"].as_str().unwrap().to_owned()).collect();
    assert!(words.iter().all(|word| word == "interrupted"), "{words:?}");
    giver.end().expect(6);
}
