//! `-o` names a pipe, a device or something that is open: what arrives goes through it, and nothing
//! is made beside it.

use crate::harness::content::names;
use crate::harness::{Machine, Running};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::io::Read;

/// A named pipe on this machine, and what is read from it to its end.
fn pipe(there: &Machine) -> std::thread::JoinHandle<Vec<u8>> {
    let path = there.path("pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        std::fs::File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// A `give` of a file with this content, and its code.
fn give(here: &Machine, content: &str) -> (Running, String) {
    here.write("report", content);
    let mut giver = here.start(["give", "report"]);
    let code = giver.code();
    (giver, code)
}

#[test]
fn a_file_a_text_and_a_stream_go_into_a_pipe() {
    for (args, expected) in [
        (&["give", "report"][..], "content"),
        (&["give", "--text", "a text"], "a text"),
        (&["give", "-"], "content"),
    ] {
        let (here, there) = (Machine::new(), Machine::new());
        here.write("report", "content");
        let read = pipe(&there);
        let mut command = here.command(args);
        command.stdin(std::fs::File::open(here.path("report")).unwrap());
        let mut giver = Running::start(command);
        let code = giver.code();
        let taker = there.run(["take", &code, "-o", "pipe"]).expect(0);
        giver.end().expect(0);
        assert_eq!(String::from_utf8(read.join().unwrap()).unwrap(), expected);
        let told = [taker.all("file"), taker.all("text")].concat();
        assert!(
            told.len() == 1 && told[0].get("saved_to").is_none() && told[0].get("body").is_none(),
            "{:#?}",
            taker.lines
        );
        assert_eq!(names(there.dir()), ["pipe"]);
    }
}

#[test]
fn nothing_is_made_beside_a_device() {
    let (here, there) = (Machine::new(), Machine::new());
    std::os::unix::fs::symlink("/dev/null", there.path("null")).unwrap();
    let (giver, code) = give(&here, "content");
    there.run(["take", &code, "-o", "null"]).expect(0);
    giver.end().expect(0);
    assert_eq!(names(there.dir()), ["null"]);
}

#[test]
fn what_is_open_under_a_number_is_written() {
    let (here, there) = (Machine::new(), Machine::new());
    let (giver, code) = give(&here, "content");
    let took = there
        .shell("echo before >out; exec 3>>out; \"$0\" take \"$1\" -o /dev/fd/3", [&code])
        .output()
        .unwrap();
    giver.end().expect(0);
    assert!(took.status.success(), "{took:?}");
    assert_eq!(std::fs::read_to_string(there.path("out")).unwrap(), "before\ncontent");
    assert_eq!(names(there.dir()), ["out"]);
}

#[test]
fn standard_output_by_any_name_is_standard_output() {
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "out"] {
        let (here, there) = (Machine::new(), Machine::new());
        let (giver, code) = give(&here, "content");
        let took =
            there.shell(&format!("\"$0\" take \"$1\" -o {name} >out"), [&code]).output().unwrap();
        giver.end().expect(0);
        let lines = String::from_utf8_lossy(&took.stderr).into_owned();
        assert!(took.status.success() && lines.contains("\"type\":\"file\""), "{name}: {took:?}");
        assert_eq!(
            (std::fs::read_to_string(there.path("out")).unwrap(), names(there.dir())),
            ("content".into(), vec!["out".into()]),
            "{name}"
        );
    }
}

#[test]
fn what_takes_no_bytes_is_refused_and_the_code_is_good() {
    let (here, there) = (Machine::new(), Machine::new());
    let (giver, code) = give(&here, "content");
    let _socket = std::os::unix::net::UnixListener::bind(there.path("socket")).unwrap();
    for refused in ["socket", "/dev/fd/987"] {
        let failure = there.run(["take", &code, "-o", refused]).expect(2).failure();
        assert_eq!(
            (&failure["error"], failure["next"].is_string()),
            (&"usage".into(), true),
            "{failure}"
        );
    }
    // A channel brings several things.
    std::os::unix::fs::symlink("/dev/null", there.path("null")).unwrap();
    let failure = there.run(["connect", &code, "-o", "null"]).expect(2).failure();
    assert_eq!(failure["error"], "usage");
    there.run(["take", &code, "-o", "."]).expect(0);
    giver.end().expect(0);
    assert_eq!(names(there.dir()), ["null", "report", "socket"]);
}
