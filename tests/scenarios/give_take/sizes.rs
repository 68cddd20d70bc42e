//! Files and folders of every size arrive as they were.

use crate::harness::content::{Entry, bytes, digest_at, in_full, names, pour, tree};
use crate::harness::process::Watch;
use crate::harness::{Ended, Machine};
use std::fs::{File, Permissions};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

/// File bytes of one record (SPEC 4).
const CHUNK: usize = 64 << 10;

/// Gives these paths and takes them into the other machine's directory, within the memory that each
/// side may use.
fn hand_over(here: &Machine, there: &Machine, paths: &[&str]) -> (Ended, Ended) {
    let mut giver = here.start(["give"].iter().chain(paths));
    let watch = Watch::start(giver.child.id());
    let code = giver.code();
    let taker = there.start(["take", &code, "-o", ".", "--max-size", "100G"]);
    let taking = Watch::start(taker.child.id());
    let taker = taker.end().expect(0);
    let giver = giver.end().expect(0);
    watch.check();
    taking.check();
    (giver, taker)
}

#[test]
fn files_around_the_size_of_a_chunk_and_of_some_megabytes() {
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 16 * CHUNK, (5 << 20) + 3] {
        let (here, there) = (Machine::new(), Machine::new());
        let content = bytes(size);
        here.write("some.bin", &content);
        let (giver, taker) = hand_over(&here, &there, &["some.bin"]);
        assert!(std::fs::read(there.path("some.bin")).unwrap() == content, "{size}");
        assert_eq!(
            (giver.one("delivered")["size"].as_u64(), taker.one("file")["size"].as_u64()),
            (Some(size as u64), Some(size as u64))
        );
        assert_eq!(names(there.dir()), ["some.bin"]);
    }
}

#[test]
fn a_file_larger_than_memory_may_be() {
    let size: u64 = if in_full() { (4 << 30) + 1 } else { 300 << 20 };
    let (here, there) = (Machine::new(), Machine::new());
    let mut sparse = File::create(here.path("large")).unwrap();
    sparse.set_len(size).unwrap();
    // Something at the beginning, in the middle and at the end, and holes between.
    for at in [0, size / 2 - 5, size - 100_000] {
        sparse.seek(SeekFrom::Start(at)).unwrap();
        pour(&mut sparse, 100_000);
    }
    drop(sparse);
    hand_over(&here, &there, &["large"]);
    assert_eq!(there.path("large").metadata().unwrap().len(), size);
    assert_eq!(digest_at(there.path("large")), digest_at(here.path("large")));
}

#[test]
fn a_folder_of_many_files_with_its_bits_and_times() {
    let many = if in_full() { 10_000 } else { 2_000 };
    let (here, there) = (Machine::new(), Machine::new());
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for number in 0..many {
        let path =
            here.write(&format!("things/{:02}/{number:05}", number % 40), bytes(number % 700));
        if number % 3 == 0 {
            std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(old + Duration::from_secs(number as u64))
            .unwrap();
    }
    for empty in ["things/empty", "things/00/a/b/c", "things/.hidden"] {
        std::fs::create_dir_all(here.path(empty)).unwrap();
    }
    here.write("things/.hidden/.file", b"not seen");
    let (giver, taker) = hand_over(&here, &there, &["things"]);
    let (sent, arrived) = (tree(&here.path("things")), tree(&there.path("things")));
    assert_eq!(sent.len(), arrived.len());
    for (name, entry) in &sent {
        assert_eq!(arrived.get(name), Some(entry), "{name}");
    }
    assert!(arrived.values().any(|entry| matches!(entry, Entry::File { executable: true, .. })));
    let file = taker.one("file");
    assert_eq!((&file["kind"], file["files"].as_u64()), (&"folder".into(), Some(many as u64 + 1)));
    assert!(giver.one("delivered")["size"].as_u64().unwrap() > 0);
}

#[test]
fn several_paths_at_once_hidden_and_empty_ones_too() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("one.txt", b"one");
    here.write("folder/two.txt", b"two");
    here.write(".profile", b"dotted");
    here.write("nothing", b"");
    std::fs::create_dir(here.path("hollow")).unwrap();
    let (_, taker) =
        hand_over(&here, &there, &["one.txt", "folder/", "./.profile", "nothing", "hollow"]);
    assert_eq!(names(there.dir()), ["_.profile", "folder", "hollow", "nothing", "one.txt"]);
    assert_eq!(std::fs::read(there.path("folder/two.txt")).unwrap(), b"two");
    let files = taker.all("file");
    assert_eq!(files.len(), 5);
    let dotted = files.iter().find(|file| file["name"] == "_.profile").unwrap();
    assert_eq!(dotted["original_name"], ".profile");
}
