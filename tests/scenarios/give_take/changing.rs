//! A source that changes while it is sent is not delivered: exit 9 on both sides, and no file. One
//! that only grows is, as it was.

use crate::harness::content::names;
use crate::harness::terminal::Terminal;
use crate::harness::{Ended, Machine};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Large enough to be on its way still when the first byte has come out: more than may be under way
/// (SPEC 7).
const SIZE: u64 = 48 << 20;

/// Both sides after a change to what is sent, and how many bytes have come.
fn changed_by(change: impl FnOnce(&Path)) -> ([Ended; 2], u64) {
    let (here, there) = (Machine::new(), Machine::new());
    let path = here.path("source");
    let mut source = File::create(&path).unwrap();
    // Bytes and no hole, which would be said at once.
    std::io::copy(&mut std::io::repeat(7).take(SIZE), &mut source).unwrap();
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
    let came = 1 + std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    ([taker.end(), giver.end()], came)
}

fn spoilt_by(change: impl FnOnce(&Path)) {
    let [taker, giver] = changed_by(change).0.map(|ended| ended.expect(9));
    assert_eq!(taker.failure()["error"], "source-changed");
    assert!(taker.all("file").is_empty());
    assert_eq!(giver.failure()["error"], "source-changed");
    assert!(giver.all("delivered").is_empty());
}

#[test]
fn one_that_grows() {
    let (sides, came) = changed_by(|path| {
        File::options().append(true).open(path).unwrap().write_all(b"more").unwrap()
    });
    let [taker, giver] = sides.map(|ended| ended.expect(0));
    assert_eq!((came, taker.one("file")["size"].as_u64()), (SIZE, Some(SIZE)));
    giver.one("delivered");
}

#[test]
fn a_log_that_grows_while_somebody_thinks_about_it() {
    let (here, there) = (Machine::new(), Machine::new());
    let log = here.write("log", "first\n");
    let mut giver = here.start(["give", "log"]);
    let mut taker = Terminal::start(&there, 100, ["take", &giver.code()]);
    taker.see("Receive into");
    File::options().append(true).open(log).unwrap().write_all(b"second\n").unwrap();
    taker.keys("\r");
    taker.end(0);
    assert_eq!(giver.end().expect(0).one("delivered")["size"], 6);
    assert_eq!(std::fs::read_to_string(there.path("log")).unwrap(), "first\n");
}

#[test]
fn one_that_shrinks() {
    spoilt_by(|path| File::options().write(true).open(path).unwrap().set_len(SIZE - 1).unwrap());
}

#[test]
fn one_that_is_written_to() {
    spoilt_by(|path| {
        let mut source = File::options().write(true).open(path).unwrap();
        source.seek(SeekFrom::Start(SIZE / 2)).unwrap();
        source.write_all(b"other").unwrap();
    });
}

#[test]
fn one_that_is_deleted() {
    spoilt_by(|path| std::fs::remove_file(path).unwrap());
}

#[test]
fn and_nothing_is_left_of_it_in_a_folder() {
    let (here, there) = (Machine::new(), Machine::new());
    let path = here.path("source");
    std::io::copy(&mut std::io::repeat(7).take(1 << 28), &mut File::create(&path).unwrap())
        .unwrap();
    let mut giver = here.start(["give", "source"]);
    let code = giver.code();
    let mut taker = there.start(["take", &code, "-o", "."]);
    // A quarter of a gibibyte takes longer than the next line.
    taker.until("offer", "");
    File::options().write(true).open(&path).unwrap().set_len(1 << 27).unwrap();
    taker.end().expect(9);
    giver.end().expect(9);
    assert!(names(there.dir()).is_empty());
}
