//! States that a process is started with: output that is closed or full, a limit on the size of
//! files, and signals that are ignored.

use crate::harness::content::names;
use crate::harness::{Machine, Running};
use rustix::process::{Pid, Signal, kill_process};
use std::process::Output;

fn run(machine: &Machine, script: &str, argument: &str) -> Output {
    machine.shell(script, [argument]).output().unwrap()
}

#[test]
fn a_code_that_nobody_would_see_is_an_error() {
    let here = Machine::new();
    here.write("report", "x");
    for command in ["give report", "take", "host", "give --human report"] {
        for to in [">&-", ">/dev/full"] {
            let ended = run(&here, &format!("exec \"$0\" {command} {to}"), "");
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert!(
                ended.status.code() == Some(1) && said.contains("nobody would see the code"),
                "{command} {to}: {ended:?}"
            );
        }
    }
}

#[test]
fn what_goes_to_a_closed_output_is_not_delivered_and_the_code_is_good() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report", "x");
    let mut giver = here.start(["give", "report"]);
    let code = giver.code();
    let ended = run(&there, "exec \"$0\" take \"$1\" -o - >&-", &code);
    assert!(
        ended.status.code() == Some(1)
            && String::from_utf8_lossy(&ended.stderr).contains("output-closed"),
        "{ended:?}"
    );
    there.run(["take", &code, "-o", "."]).expect(0);
    giver.end().expect(0);
    // A text that is not shown is not received.
    let mut giver = here.start(["give", "--text", "hello"]);
    let code = giver.code();
    assert_eq!(run(&there, "exec \"$0\" take \"$1\" >&-", &code).status.code(), Some(1));
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-output-closed");
}

#[test]
fn a_file_that_may_not_grow_further_is_an_error_and_not_a_death() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report", vec![b'x'; 1 << 20]);
    let mut giver = here.start(["give", "report"]);
    let code = giver.code();
    let ended = run(&there, "ulimit -f 64; exec \"$0\" take \"$1\" -o .", &code);
    assert!(
        ended.status.code() == Some(8)
            && String::from_utf8_lossy(&ended.stdout).contains("\"error\":\"disk\""),
        "{ended:?}"
    );
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-disk");
    assert!(names(there.dir()).is_empty());
}

#[test]
fn an_interrupt_that_was_ignored_from_the_start_stays_ignored() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report", "x");
    let mut giver = Running::start(here.shell("trap '' INT; exec \"$0\" give report", [""; 0]));
    let code = giver.code();
    kill_process(Pid::from_child(&giver.child), Signal::INT).unwrap();
    there.run(["take", &code, "-o", "."]).expect(0);
    assert_eq!(giver.end().status.code(), Some(0));
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
