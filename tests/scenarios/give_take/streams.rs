//! From standard input to standard output: the bytes and nothing else.

use crate::harness::Machine;
use crate::harness::content::{digest, digest_at, digest_of, in_full, names, pour};
use crate::harness::process::Watch;
use crate::harness::terminal::Terminal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn a_pipe_goes_through_byte_by_byte() {
    let size: u64 = if in_full() { 1 << 30 } else { 256 << 20 };
    let (here, there) = (Machine::new(), Machine::new());
    let mut command = here.command(["give", "-"]);
    command.stdin(Stdio::piped());
    let mut giver = crate::harness::Running::start(command);
    let mut input = giver.child.stdin.take().unwrap();
    let source = std::thread::spawn(move || pour(&mut input, size));
    let watch = Watch::start(giver.child.id());
    let code = giver.code();
    let mut taker = there.start(["take", &code, "-o", "-"]);
    let taking = Watch::start(taker.child.id());
    let output = taker.child.stdout.take().unwrap();
    assert_eq!(digest(output), digest_of(size));
    assert_eq!(source.join().unwrap(), size);
    let taker = taker.end().expect(0);
    let giver = giver.end().expect(0);
    watch.check();
    taking.check();
    assert_eq!(taker.one("file")["size"], size);
    assert!(taker.one("file").get("saved_to").is_none());
    assert_eq!(giver.one("delivered")["size"], size);
}

#[test]
fn a_reader_that_pauses_holds_the_giver_up_and_loses_nothing() {
    let size: u64 = 96 << 20;
    let pause = Timespec { tv_sec: if in_full() { 30 } else { 3 }, tv_nsec: 0 };
    let (here, there) = (Machine::new(), Machine::new());
    let mut command = here.command(["give", "-"]);
    command.stdin(Stdio::piped());
    let mut giver = crate::harness::Running::start(command);
    let mut input = giver.child.stdin.take().unwrap();
    let watch = Watch::start(giver.child.id());
    let code = giver.code();
    let mut taker = there.start(["take", &code, "-o", "-"]);
    let taking = Watch::start(taker.child.id());
    let output = taker.child.stdout.take().unwrap();
    // Fed until the giver has taken nothing for the whole pause: then all that may be under way is,
    // and the reader has read nothing.
    let mut fed = 0;
    let mut source = Vec::new();
    pour(&mut source, size);
    let piece = 4096;
    loop {
        let mut waiting = [PollFd::new(&input, PollFlags::OUT)];
        if poll(&mut waiting, Some(&pause)).unwrap() == 0 {
            break;
        }
        fed += rustix::io::write(&input, &source[fed..fed + piece]).unwrap();
    }
    assert!(fed > 0 && fed < 64 << 20, "{fed} bytes under way");
    let reader = std::thread::spawn(move || digest(output));
    std::io::Write::write_all(&mut input, &source[fed..]).unwrap();
    drop(input);
    assert_eq!(reader.join().unwrap(), digest(&*source));
    taker.end().expect(0);
    giver.end().expect(0);
    watch.check();
    taking.check();
}

#[test]
fn standard_input_becomes_a_file_and_a_file_standard_output() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut command = here.command(["give", "-"]);
    command.stdin(Stdio::piped());
    let mut giver = crate::harness::Running::start(command);
    let code = giver.code();
    let taker = there.start(["take", &code, "-o", "copy.tar"]);
    giver.feed(b"the whole of it");
    giver.hang_up();
    taker.end().expect(0);
    giver.end().expect(0);
    assert_eq!(std::fs::read(there.path("copy.tar")).unwrap(), b"the whole of it");

    let mut giver = there.start(["give", "copy.tar"]);
    let code = giver.code();
    let taker = here.run(["take", &code, "-o", "-"]).expect(0);
    giver.end().expect(0);
    assert_eq!(digest(&*taker.output), digest_at(there.path("copy.tar")));
    assert!(names(here.dir()).is_empty());
}

#[test]
fn an_output_that_nobody_reads_any_more_ends_both() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut command = here.command(["give", "-"]);
    command.stdin(Stdio::piped());
    let mut giver = crate::harness::Running::start(command);
    let mut input = giver.child.stdin.take().unwrap();
    std::thread::spawn(move || pour(&mut input, u64::MAX));
    let code = giver.code();
    let mut taker = there.start(["take", &code, "-o", "-"]);
    drop(taker.child.stdout.take());
    let taker = taker.end().expect(1);
    assert_eq!(taker.failure()["error"], "output-closed");
    let giver = giver.end().expect(6);
    assert_eq!(giver.failure()["error"], "peer-output-closed");
}

#[test]
fn a_folder_does_not_go_to_standard_output() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("folder/file", b"x");
    let mut giver = here.start(["give", "folder"]);
    let code = giver.code();
    let taker = there.start(["take", &code, "-o", "-"]).end().expect(1);
    assert!(taker.output.is_empty());
    assert_eq!(taker.failure()["error"], "not-wanted");
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-not-wanted");
}

#[test]
fn a_text_goes_to_standard_output_whatever_its_length_and_nowhere_else() {
    let (here, there) = (Machine::new(), Machine::new());
    for size in [1, 1_024, 1_025, 60_000] {
        let text = format!("{}\u{e9}", "x".repeat(size - 1));
        here.write("text", &text);
        let mut command = here.command(["give", "--text", "-"]);
        command.stdin(std::fs::File::open(here.path("text")).unwrap());
        let mut giver = crate::harness::Running::start(command);
        let code = giver.code();
        let taker = there.run(["take", &code, "-o", "-"]).expect(0);
        giver.end().expect(0);
        assert!(taker.output == text.as_bytes(), "{size}: {} bytes", taker.output.len());
        let told = taker.one("text");
        assert_eq!(
            (told.get("body"), told.get("saved_to"), &told["size"]),
            (None, None, &text.len().into()),
            "{told}"
        );
    }
    assert!(names(there.dir()).is_empty());
}

#[test]
fn a_channel_is_heard_while_nobody_reads_its_text() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("text", "x".repeat(900_000));
    let mut command = here.command(["give", "--text", "-"]);
    command.stdin(std::fs::File::open(here.path("text")).unwrap());
    let mut giver = crate::harness::Running::start(command);
    let code = giver.code();
    let mut taker = there
        .command(["take", &code, "-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = taker.stdout.take().unwrap();
    let mut first = [0; 1];
    std::io::Read::read_exact(&mut output, &mut first).unwrap();
    // A pipe holds much less than the text, and is not read on.
    giver.signal(rustix::process::Signal::INT);
    let lines = BufReader::new(taker.stderr.take().unwrap()).lines();
    let left = lines
        .map(Result::unwrap)
        .find(|line| line.contains("\"peer_left\""))
        .expect("the other side's end");
    assert!(left.contains("interrupted"), "{left}");
    drop(output);
    taker.wait().unwrap();
    giver.end().expect(130);
}

#[test]
fn at_a_terminal_a_text_is_escaped_however_it_was_asked_for() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut giver = here.start(["give", "--text", "one\n\u{1b}[31mtwo"]);
    let code = giver.code();
    let screen = Terminal::start(&there, 80, ["take", &code, "-o", "-"]).end(0);
    giver.end().expect(0);
    assert!(screen.contains("| one\n| \\u{1b}[31mtwo"), "{screen}");
    assert_eq!(screen.matches("two").count(), 1, "{screen}");
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
