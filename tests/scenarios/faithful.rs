//! A folder arrives as it was: what differs is what both sides list, and nothing else.

use crate::harness::Machine;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Names that are kept, whatever they look like.
const KEPT: [&[u8]; 28] = [
    b".git",
    b".env",
    b"-rf",
    b"--",
    b"a\\b",
    b"C:x",
    b"con",
    b"COM1.txt",
    b"dots...",
    b"...",
    b"space ",
    b" space",
    b"*",
    b"?",
    b":",
    b"<>|\"",
    b"$(id)",
    b"caf\xe9",
    b"\xff\xfe",
    b"a\xed\xa0\x80",
    "e\u{301}".as_bytes(),
    "\u{e9}".as_bytes(),
    "می\u{200c}خواهم".as_bytes(),
    "क्\u{200d}ष".as_bytes(),
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}".as_bytes(),
    "\u{2764}\u{fe0f}".as_bytes(),
    "\u{200e}\u{200f}\u{61c}".as_bytes(),
    b".pinhole-0123456789abcdef.part",
];

/// Names that have another at the receiver.
const RENAMED: [(&str, &str); 5] =
    [("tab\tx", "tab_x"), ("line\nbreak", "line_break"), ("rtl\u{202e}x", "rtl_x"), ("one\u{1}", "one_"), ("one\u{2}", "one_ (1)")];

/// Makes a name in many ways: a folder of it, a file, one in another, a link.
fn corpus(root: &Path) {
    let old = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 5_000_000);
    for (number, name) in KEPT.into_iter().enumerate() {
        let name = OsStr::from_bytes(name);
        for folder in ["files", "modes", "links", "folders"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("files").join(name), format!("{number}")).unwrap();
        fs::write(root.join("modes").join(name), "").unwrap();
        let mode = [0o600, 0o644, 0o755, 0o444, 0o640][number % 5];
        fs::set_permissions(root.join("modes").join(name), Permissions::from_mode(mode)).unwrap();
        symlink(Path::new("../files").join(name), root.join("links").join(name)).unwrap();
        let folder = root.join("folders").join(name);
        fs::create_dir_all(folder.join("a/b")).unwrap();
        fs::write(folder.join("a/b").join(name), vec![7; number * 1_000]).unwrap();
        File::open(folder.join("a")).unwrap().set_modified(old + Duration::from_secs(number as u64)).unwrap();
    }
    for (name, _) in RENAMED {
        fs::write(root.join(name), name).unwrap();
    }
    for (link, target) in [("inside", "files/.."), ("dangling", "nowhere"), ("round", "round")] {
        symlink(target, root.join(link)).unwrap();
    }
    for (link, target) in [("up", "../x"), ("absolute", "/etc/passwd"), ("to renamed", "tab\tx")] {
        symlink(target, root.join(link)).unwrap();
    }
    let sparse = File::create(root.join("sparse")).unwrap();
    sparse.set_len(1 << 32).unwrap();
    sparse.write_all_at(b"middle", 1 << 31).unwrap();
    fs::set_permissions(root.join("folders"), Permissions::from_mode(0o555)).unwrap();
    File::open(root).unwrap().set_modified(old).unwrap();
}

/// Everything below a folder, with what is to be the same of it.
fn listing(root: &Path, at: &Path, found: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let metadata = path.symlink_metadata().unwrap();
        let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().escape_ascii();
        if metadata.is_symlink() {
            found.push(format!("{name} -> {}", path.read_link().unwrap().as_os_str().as_bytes().escape_ascii()));
            continue;
        }
        let (mode, time) = (metadata.mode() & 0o7777, metadata.modified().unwrap());
        if metadata.is_dir() {
            found.push(format!("{name}/ {mode:o} {time:?}"));
            listing(root, &path, found);
        } else {
            let content = if metadata.len() > 1 << 20 { metadata.blocks().to_string() } else { format!("{:?}", fs::read(&path).unwrap()) };
            found.push(format!("{name} {mode:o} {time:?} {} {content}", metadata.len()));
        }
    }
}

#[test]
fn a_folder_arrives_as_it_was_but_for_what_both_sides_list() {
    let (here, there) = (Machine::new(), Machine::new());
    corpus(&here.path("corpus"));
    let mut giver = here.start(["give", "corpus"]);
    let code = giver.code();
    let taker = there.run(["take", &code, "-o", ".", "--modes"]).expect(0);
    let giver = giver.end().expect(0);
    let (mut sent, mut arrived) = (Vec::new(), Vec::new());
    listing(&here.path("corpus"), &here.path("corpus"), &mut sent);
    listing(&there.path("corpus"), &there.path("corpus"), &mut arrived);
    let differs =
        |line: &String, names: &[&str]| names.iter().any(|name| line.starts_with(&format!("{} ", name.as_bytes().escape_ascii())));
    let gone: Vec<&str> = RENAMED.iter().map(|(name, _)| *name).chain(["up", "absolute", "to renamed"]).collect();
    sent.retain(|line| !differs(line, &gone));
    let new: Vec<&str> = RENAMED.iter().map(|(_, name)| *name).collect();
    let renamed = arrived.extract_if(.., |line| differs(line, &new)).count();
    assert_eq!((renamed, sent), (RENAMED.len(), arrived));
    let modified = |machine: &Machine| machine.path("corpus").metadata().unwrap().modified().unwrap();
    assert_eq!(modified(&here), modified(&there));
    for line in [giver.one("delivered"), taker.one("file")] {
        let list =
            |field: &str| line[field].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let (mut renamed, mut left_out) = (list("renamed"), list("left_out_paths"));
        let mut expected: Vec<_> = RENAMED.iter().map(|(name, _)| format!("corpus/{name}")).collect();
        for list in [&mut renamed, &mut left_out, &mut expected] {
            list.sort();
        }
        assert_eq!((renamed, left_out), (expected, ["absolute", "to renamed", "up"].map(|name| format!("corpus/{name}")).to_vec()));
        assert_eq!(line["left_out"], 3);
    }
}

#[test]
fn a_name_that_is_no_text_is_told_exactly() {
    let (here, there) = (Machine::new(), Machine::new());
    let name = OsStr::from_bytes(b"caf\xe9\x01");
    fs::write(here.dir().join(name), "x").unwrap();
    let mut giver = here.start([OsStr::new("give"), OsStr::new("--strict"), name]);
    let code = giver.code();
    let taken = there.run(["take", &code, "-o", "."]).expect(0).one("file").clone();
    let told = ["name_bytes", "original_name_bytes"].map(|field| taken[field].as_str().unwrap().to_owned());
    assert_eq!((told, taken["name"].as_str()), (["Y2Fm6V8=".to_owned(), "Y2Fm6QE=".to_owned()], Some("caf\u{fffd}_")));
    assert!(taken["saved_to_bytes"].as_str().is_some() && there.dir().join(OsStr::from_bytes(b"caf\xe9_")).is_file());
    assert_eq!(giver.end().expect(1).one("end")["reason"], "renamed");
}

#[test]
fn a_file_that_cannot_be_had_costs_itself_alone_and_both_sides_say_so() {
    let (here, there) = (Machine::new(), Machine::new());
    // More than may be under way, so that the first is not sent to its end before the second goes.
    std::io::copy(&mut std::io::Read::take(std::io::repeat(7), 256 << 20), &mut File::create(here.write("d/a", b"")).unwrap()).unwrap();
    here.write("d/b", vec![1; 100_000]);
    here.write("d/c", b"c");
    let mut giver = here.start(["give", "d"]);
    let code = giver.code();
    let taker = there.start(["take", &code, "-o", "."]);
    // Once bytes of the first are here, the entries of all are.
    let arriving = || {
        let hidden = fs::read_dir(there.dir()).unwrap().next()?.ok()?.path();
        hidden.join("a").metadata().ok().filter(|a| a.len() > 0)
    };
    while arriving().is_none() {
        std::thread::yield_now();
    }
    fs::remove_file(here.path("d/b")).unwrap();
    let (taker, giver) = (taker.end().expect(1), giver.end().expect(1));
    for (ended, line) in [(&taker, taker.one("incomplete")), (&giver, giver.one("partly"))] {
        assert_eq!((&line["missing"][0]["path"], &line["missing"][0]["reason"]), (&"d/b".into(), &"source-changed".into()));
        assert_eq!(ended.one("end")["reason"], "incomplete");
        assert!(ended.all("file").is_empty() && ended.all("delivered").is_empty());
    }
    assert!(there.path("d/a").is_file() && there.path("d/c").is_file() && !there.path("d/b").exists());
}
