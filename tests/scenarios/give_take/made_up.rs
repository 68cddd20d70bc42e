//! Files of which nobody knows the length before they are read: a kernel makes them up, and says
//! that they are empty.

use crate::harness::Machine;
use crate::harness::content::names;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// A folder of small ones that nobody changes.
const FOLDER: &str = "/proc/sys/kernel/keys";
/// One without an end in reach: it has eight bytes for each page that a process could have.
const ENDLESS: &str = "/proc/self/pagemap";

fn same_files(one: &Path, other: &Path) {
    let files = names(one);
    assert!(!files.is_empty());
    assert_eq!(files, names(other));
    for file in files {
        assert_eq!(
            fs::read(one.join(&file)).unwrap(),
            fs::read(other.join(&file)).unwrap(),
            "{file}"
        );
    }
}

#[test]
fn one_arrives_with_what_is_in_it() {
    for path in ["/proc/version", "/sys/devices/system/cpu/online"] {
        let (here, there) = (Machine::new(), Machine::new());
        let mut giver = here.start(["give", path]);
        let code = giver.code();
        let taker = there.run(["take", &code, "-o", "it"]).expect(0);
        let content = fs::read(path).unwrap();
        assert_eq!(fs::read(there.path("it")).unwrap(), content);
        let size = Some(content.len() as u64);
        assert_eq!(
            (taker.one("offer")["size"].as_u64(), taker.one("file")["size"].as_u64()),
            (size, size)
        );
        assert_eq!(giver.end().expect(0).one("delivered")["size"].as_u64(), size);
    }
}

#[test]
fn a_folder_of_them_and_links_to_them_arrive() {
    let (here, there) = (Machine::new(), Machine::new());
    fs::create_dir(here.path("links")).unwrap();
    symlink("/proc/version", here.path("links/version")).unwrap();
    symlink(FOLDER, here.path("links/keys")).unwrap();
    let mut giver = here.start(["give", FOLDER, "links", "--links", "follow"]);
    let code = giver.code();
    there.run(["take", &code, "-o", "."]).expect(0);
    giver.end().expect(0);
    same_files(Path::new(FOLDER), &there.path("keys"));
    same_files(Path::new(FOLDER), &there.path("links/keys"));
    assert_eq!(fs::read(there.path("links/version")).unwrap(), fs::read("/proc/version").unwrap());
}

#[test]
fn one_without_an_end_is_refused_before_there_is_a_code_and_missing_in_a_folder() {
    let (here, there) = (Machine::new(), Machine::new());
    let refused = here.run(["give", ENDLESS]).expect(8);
    assert_eq!(refused.failure()["error"], "source-unreadable");
    assert!(refused.all("status").is_empty(), "no code is shown");

    fs::create_dir(here.path("links")).unwrap();
    symlink(ENDLESS, here.path("links/endless")).unwrap();
    here.write("links/rest", "rest");
    let mut giver = here.start(["give", "links", "--links", "follow"]);
    let code = giver.code();
    let taker = there.run(["take", &code, "-o", "."]).expect(1);
    let giver = giver.end().expect(1);
    assert_eq!(names(there.path("links")), ["rest"]);
    for line in [taker.one("incomplete"), giver.one("partly")] {
        assert!(line["missing"].to_string().contains("links/endless"), "{line}");
    }
}
