//! A source that changes while it is sent is not delivered: exit 9 on both sides, and no file.

use crate::harness::Machine;
use crate::harness::content::names;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Large enough to be on its way still when the first byte has come out: more than may be under way (SPEC 7).
const SIZE: u64 = 48 << 20;

fn changed_by(change: impl FnOnce(&Path)) {
    let (here, there) = (Machine::new(), Machine::new());
    let path = here.path("source");
    let mut source = File::create(&path).unwrap();
    source.set_len(SIZE).unwrap();
    // Of known age, so that every later write shows.
    source.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    source.write_all(b"").unwrap();
    let mut giver = here.start(["give", "source"]);
    let code = giver.code();
    let mut taker = there.start(["take", &code, "-o", "-"]);
    let mut output = taker.child.stdout.take().unwrap();
    // The reader holds the rest back until the change is made.
    output.read_exact(&mut [0]).unwrap();
    change(&path);
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    let taker = taker.end().expect(9);
    assert_eq!(taker.failure()["error"], "source-changed");
    assert!(taker.all("file").is_empty());
    let giver = giver.end().expect(9);
    assert_eq!(giver.failure()["error"], "source-changed");
    assert!(giver.all("delivered").is_empty());
}

#[test]
fn one_that_grows() {
    changed_by(|path| File::options().append(true).open(path).unwrap().write_all(b"more").unwrap());
}

#[test]
fn one_that_shrinks() {
    changed_by(|path| File::options().write(true).open(path).unwrap().set_len(SIZE - 1).unwrap());
}

#[test]
fn one_that_is_written_to() {
    changed_by(|path| {
        let mut source = File::options().write(true).open(path).unwrap();
        source.seek(SeekFrom::Start(SIZE / 2)).unwrap();
        source.write_all(b"other").unwrap();
    });
}

#[test]
fn one_that_is_deleted() {
    changed_by(|path| std::fs::remove_file(path).unwrap());
}

#[test]
fn and_nothing_is_left_of_it_in_a_folder() {
    let (here, there) = (Machine::new(), Machine::new());
    let path = here.path("source");
    File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let mut giver = here.start(["give", "source"]);
    let code = giver.code();
    let mut taker = there.start(["take", &code, "-o", "."]);
    // A gibibyte takes longer than the next line.
    taker.until("offer", "");
    File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
    taker.end().expect(9);
    giver.end().expect(9);
    assert!(names(there.dir()).is_empty());
}
