//! A folder arrives as it was: what differs is what both sides list, and nothing else.

use crate::harness::corpus::{self, COLLIDING};
use crate::harness::{Ended, Machine, Running, wait};
use data_encoding::BASE64;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A side's list of what differs in a folder, by the path below it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The name that each has now.
    pub renamed: BTreeMap<PathBuf, PathBuf>,
    pub left_out: BTreeSet<PathBuf>,
    /// All of them, those that are only counted too.
    pub counts: [u64; 3],
}

impl Listed {
    /// Those of a line `file` or `delivered` about the folder `name`.
    #[track_caller]
    pub fn of(line: &Value, name: &str) -> Self {
        let exact = |one: &Value, field: &str| match one[format!("{field}_bytes")].as_str() {
            Some(bytes) => {
                PathBuf::from(OsStr::from_bytes(&BASE64.decode(bytes.as_bytes()).unwrap()))
            }
            None => PathBuf::from(one[field].as_str().unwrap()),
        };
        let below = |one: &Value| exact(one, "path").strip_prefix(name).unwrap().to_owned();
        let list = |field: &str| line[field].as_array().cloned().unwrap_or_default();
        let count = |field: &str| line[field].as_u64().unwrap_or(0);
        let [renamed, left_out] = ["renamed", "left_out_paths"].map(list);
        let counts = [
            renamed.len() as u64 + count("renamed_more"),
            list("missing").len() as u64 + count("missing_more"),
            count("left_out"),
        ];
        Self {
            renamed: renamed.iter().map(|one| (below(one), exact(one, "name"))).collect(),
            left_out: left_out.iter().map(below).collect(),
            counts,
        }
    }

    /// The path of something at its receiver.
    fn arrived(&self, path: &Path) -> PathBuf {
        let named = |above: &Path| {
            self.renamed
                .get(above)
                .map_or_else(|| above.file_name().unwrap().into(), PathBuf::clone)
        };
        let mut above: Vec<&Path> =
            path.ancestors().filter(|above| above.file_name().is_some()).collect();
        above.reverse();
        above.into_iter().map(named).collect()
    }
}

/// The lines of diff(1) about two folders or files.
fn diff(one: &Path, other: &Path) -> Vec<Vec<u8>> {
    let mut diff = Command::new("diff");
    let output = diff
        .args(["-r", "--no-dereference", "--"])
        .args([one, other])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output();
    let output = output.expect("diff of diffutils");
    assert!(
        output.status.code().is_some_and(|code| code < 2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = output.stdout.strip_suffix(b"\n").map_or_else(Vec::new, <[u8]>::to_vec);
    if text.is_empty() {
        Vec::new()
    } else {
        text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }
}

/// Checks that diff(1) finds what is listed and nothing else, also below what has another name.
#[track_caller]
fn differ_as_listed(sent: &Path, arrived: &Path, listed: &Listed) {
    let only = |root: &Path, path: &Path| {
        let folder = root.join(path.parent().unwrap());
        let folder = folder.as_os_str().as_bytes();
        let line = [
            b"Only in ",
            folder.strip_suffix(b"/").unwrap_or(folder),
            b": ",
            path.file_name().unwrap().as_bytes(),
        ]
        .concat();
        // A name may have lines of its own.
        line.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let (mut said, mut expected) = (diff(sent, arrived), Vec::new());
    for path in listed.renamed.keys() {
        expected.extend(only(sent, path));
        expected.extend(only(arrived, &listed.arrived(path)));
        said.extend(diff(&sent.join(path), &arrived.join(listed.arrived(path))));
    }
    listed.left_out.iter().for_each(|path| expected.extend(only(sent, path)));
    said.sort();
    expected.sort();
    let shown = |lines: &[Vec<u8>]| {
        lines.iter().map(|line| line.escape_ascii().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&said), shown(&expected));
}

/// Everything that arrived has the permissions of what was sent, less `umask`; and its time, its
/// blocks, unless it is a link.
#[track_caller]
fn attributes_are_kept(sent: &Path, arrived: &Path, listed: &Listed, umask: u32) {
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(sent.join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if listed.left_out.contains(&path) {
                continue;
            }
            let [was, is] = [sent.join(&path), arrived.join(listed.arrived(&path))]
                .map(|path| path.symlink_metadata().unwrap());
            if was.is_dir() {
                folders.push(path.clone());
            }
            if !was.is_symlink() {
                let of =
                    |about: &fs::Metadata| (about.len(), about.blocks(), about.modified().unwrap());
                let [(size, blocks, time), new] = [&was, &is].map(of);
                // A folder is as large as its file system has it.
                let alike = if was.is_dir() { time == new.2 } else { (size, blocks, time) == new };
                assert!(alike, "{path:?}: {:?} {new:?}", (size, blocks, time));
                assert_eq!(is.mode() & 0o7777, was.mode() & 0o777 & !umask, "{path:?}");
            }
        }
    }
    assert_eq!(
        sent.metadata().unwrap().modified().unwrap(),
        arrived.metadata().unwrap().modified().unwrap()
    );
}

/// Has the folder `name` of one machine taken into `place` under this umask; what both ends said.
#[track_caller]
fn carry(
    here: &Machine,
    name: &str,
    there: &Machine,
    place: &Path,
    umask: &str,
    args: &[&str],
) -> (Ended, Ended) {
    let args = [&["-o", place.to_str().unwrap()], args].concat();
    carry_after(here, &[name], there, &format!("umask {umask}"), &args)
}

/// Has things of one machine taken by a program that a shell starts after this; what both ends
/// said.
#[track_caller]
fn carry_after(
    here: &Machine,
    names: &[&str],
    there: &Machine,
    first: &str,
    args: &[&str],
) -> (Ended, Ended) {
    let mut giver = here.start([&["give"], names].concat());
    let code = giver.code();
    let script = format!("{first}; exec \"$0\" \"$@\"");
    let taker = there.shell(&script, [&["take", &code], args].concat());
    let taker = Running::start(taker).end();
    (giver.end(), taker)
}

/// Folders to receive into, on the file systems that there are: that of temporary files, and one in
/// memory.
fn places() -> Vec<tempfile::TempDir> {
    let places =
        [Some(std::env::temp_dir()), Some(PathBuf::from("/dev/shm")).filter(|shm| shm.is_dir())];
    let places: Vec<_> =
        places.into_iter().flatten().filter_map(|place| tempfile::tempdir_in(place).ok()).collect();
    for place in &places {
        println!(
            "into {} of kind {:x}",
            place.path().display(),
            rustix::fs::statfs(place.path()).unwrap().f_type
        );
    }
    places
}

#[test]
fn a_folder_of_everything_arrives_as_it_was() {
    let here = Machine::new();
    corpus::make_kept(&here.path("all"));
    let count = corpus::kept().len();
    assert!(count > 600, "{count}");
    for (place, (umask, args)) in places().iter().zip([("027", &[][..]), ("077", &["--modes"])]) {
        let (giver, taker) = carry(&here, "all", &Machine::new(), place.path(), umask, args);
        let (giver, taker) = (giver.expect(0), taker.expect(0));
        for line in [giver.one("delivered"), taker.one("file")] {
            assert_eq!(Listed::of(&line, "all"), Listed::default());
        }
        let umask = if args.is_empty() { u32::from_str_radix(umask, 8).unwrap() } else { 0 };
        differ_as_listed(&here.path("all"), &place.path().join("all"), &Listed::default());
        attributes_are_kept(
            &here.path("all"),
            &place.path().join("all"),
            &Listed::default(),
            umask,
        );
    }
}

#[test]
fn what_does_not_arrive_as_it_was_is_what_both_sides_list() {
    let here = Machine::new();
    let mut left_out: Vec<_> =
        corpus::make_changed(&here.path("changed")).into_iter().map(PathBuf::from).collect();
    left_out.sort();
    for place in places() {
        let (giver, taker) = carry(&here, "changed", &Machine::new(), place.path(), "022", &[]);
        let (giver, taker) = (giver.expect(0), taker.expect(0));
        let listed = Listed::of(&giver.one("delivered"), "changed");
        assert_eq!(listed, Listed::of(&taker.one("file"), "changed"));
        let changed: BTreeMap<PathBuf, PathBuf> =
            corpus::changed().into_iter().map(|(name, safe)| (name.into(), safe.into())).collect();
        assert_eq!(
            (&listed.renamed, listed.counts),
            (&changed, [changed.len() as u64, 0, left_out.len() as u64])
        );
        assert_eq!(listed.left_out.iter().collect::<Vec<_>>(), left_out.iter().collect::<Vec<_>>());
        differ_as_listed(&here.path("changed"), &place.path().join("changed"), &listed);
        attributes_are_kept(&here.path("changed"), &place.path().join("changed"), &listed, 0o022);
    }
}

#[test]
fn names_that_become_one_get_numbers_and_nothing_is_lost() {
    let (here, there) = (Machine::new(), Machine::new());
    corpus::make_colliding(&here.path("pairs"));
    let (giver, taker) = carry(&here, "pairs", &there, &there.dir(), "022", &[]);
    let (giver, taker) = (giver.expect(0), taker.expect(0));
    let listed = Listed::of(&giver.one("delivered"), "pairs");
    assert_eq!(listed, Listed::of(&taker.one("file"), "pairs"));
    // Of five that come to three and two that are there, at least three are renamed in each of
    // three folders.
    assert!((9..=15).contains(&listed.counts[0]), "{listed:?}");
    for kind in ["files", "folders", "links"] {
        assert_eq!(fs::read_dir(there.path("pairs").join(kind)).unwrap().count(), COLLIDING.len());
        for name in COLLIDING {
            let path = Path::new(kind).join(name);
            let (sent, arrived) =
                (here.path("pairs").join(&path), there.path("pairs").join(listed.arrived(&path)));
            assert_eq!((arrived.exists(), diff(&sent, &arrived)), (true, Vec::new()), "{path:?}");
        }
    }
}

#[test]
fn beyond_the_lists_the_counts_are_exact() {
    let (here, there) = (Machine::new(), Machine::new());
    corpus::make_kept(&here.path("big/kept"));
    (0..4)
        .for_each(|number| drop(corpus::make_changed(&here.path(format!("big/changed {number}")))));
    // Links out of one of these folders still lead into the large one, unless they are absolute or
    // climb behind what is not there.
    let lost = ["absolute", "climbs", "to renamed", "pipe", "socket"].len() as u64;
    let (renamed, left_out) = (4 * corpus::changed().len() as u64, 4 * lost);
    let (giver, taker) = carry(&here, "big", &there, &there.dir(), "022", &[]);
    let (giver, taker) = (giver.expect(0), taker.expect(0));
    let listed = Listed::of(&giver.one("delivered"), "big");
    assert_eq!(listed.counts, [renamed, 0, left_out]);
    assert_eq!(listed, Listed::of(&taker.one("file"), "big"));
    assert!((1..=100).contains(&(listed.renamed.len() + listed.left_out.len())), "{listed:?}");
    let only = |line: &Vec<u8>| line.starts_with(b"Only in ");
    let differing =
        diff(&here.path("big"), &there.path("big")).into_iter().filter(only).count() as u64;
    assert_eq!(differing, 2 * renamed + left_out);
}

#[test]
fn hard_links_in_a_folder_arrive_as_files_of_their_own_or_as_links() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("d/one", "the same");
    fs::create_dir(here.path("d/sub")).unwrap();
    fs::hard_link(here.path("d/one"), here.path("d/sub/two")).unwrap();
    let (giver, taker) = carry(&here, "d", &there, &there.dir(), "022", &[]);
    for line in [giver.expect(0).one("delivered"), taker.expect(0).one("file")] {
        assert_eq!(Listed::of(&line, "d"), Listed::default());
    }
    differ_as_listed(&here.path("d"), &there.path("d"), &Listed::default());
    // Not one with a file that was there before.
    assert!(
        ["d/one", "d/sub/two"].iter().all(|path| there.path(path).metadata().unwrap().nlink() <= 2)
    );
}

#[test]
fn a_name_that_is_no_text_is_told_exactly() {
    let (here, there) = (Machine::new(), Machine::new());
    let name = OsStr::from_bytes(b"caf\xe9\x01");
    fs::write(here.dir().join(name), "x").unwrap();
    let mut giver = here.start([OsStr::new("give"), OsStr::new("--strict"), name]);
    let code = giver.code();
    let taken = there.run(["take", &code, "-o", "."]).expect(0).one("file").clone();
    let told = ["name_bytes", "original_name_bytes"]
        .map(|field| taken[field].as_str().unwrap().to_owned());
    assert_eq!(
        (told, taken["name"].as_str()),
        (["Y2Fm6V8=".to_owned(), "Y2Fm6QE=".to_owned()], Some("caf\u{fffd}_"))
    );
    assert!(
        taken["saved_to_bytes"].as_str().is_some()
            && there.dir().join(OsStr::from_bytes(b"caf\xe9_")).is_file()
    );
    assert_eq!(giver.end().expect(1).one("end")["reason"], "renamed");
}

#[test]
fn a_file_that_cannot_be_had_costs_itself_alone_and_both_sides_say_so() {
    let (here, there) = (Machine::new(), Machine::new());
    // More than may be under way, so that the first is not sent to its end before the second goes.
    std::io::copy(
        &mut std::io::Read::take(std::io::repeat(7), 256 << 20),
        &mut File::create(here.write("d/a", b"")).unwrap(),
    )
    .unwrap();
    here.write("d/b", vec![1; 100_000]);
    here.write("d/c", b"c");
    let mut giver = here.start(["give", "d"]);
    let code = giver.code();
    let taker = there.start(["take", &code, "-o", "."]);
    // Once bytes of the first are here, the entries of all are.
    let arriving = || {
        // Its journal lies beside it.
        let mut there = fs::read_dir(there.dir()).unwrap().map(|entry| entry.unwrap().path());
        let hidden = there.find(|path| path.is_dir())?;
        hidden.join("a").metadata().ok().filter(|a| a.len() > 0)
    };
    wait("arriving", arriving);
    fs::remove_file(here.path("d/b")).unwrap();
    let (taker, giver) = (taker.end().expect(1), giver.end().expect(1));
    for (ended, line) in [(&taker, taker.one("incomplete")), (&giver, giver.one("partly"))] {
        assert_eq!(
            (&line["missing"][0]["path"], &line["missing"][0]["reason"]),
            (&"d/b".into(), &"source-changed".into())
        );
        assert_eq!(ended.one("end")["reason"], "incomplete");
        assert!(ended.all("file").is_empty() && ended.all("delivered").is_empty());
    }
    assert!(
        there.path("d/a").is_file() && there.path("d/c").is_file() && !there.path("d/b").exists()
    );
}

#[test]
fn an_empty_file_that_is_lost_behind_a_hundred_others_is_lost() {
    let (here, there) = (Machine::new(), Machine::new());
    let names: Vec<String> = (100..220).map(|n| n.to_string()).chain(["empty".into()]).collect();
    for name in &names {
        here.write(name, if name == "empty" { "" } else { "content" });
    }
    here.write("rest", "rest");
    let mut giver =
        here.start(["give"].into_iter().chain(names.iter().map(String::as_str)).chain(["rest"]));
    let code = giver.code();
    for name in &names {
        fs::remove_file(here.path(name)).unwrap();
    }
    there.run(["take", &code, "-o", "."]).expect(1);
    giver.end().expect(1);
    assert!(there.path("rest").exists() && names.iter().all(|name| !there.path(name).exists()));
}

/// FAT has no file of 4 GiB; a limit says the same of less.
#[test]
fn a_file_that_is_too_large_for_the_disk_costs_itself_alone() {
    for names in [&["d"][..], &["d/large", "d/small"]] {
        let (here, there) = (Machine::new(), Machine::new());
        here.write("d/large", vec![7; 4 << 20]);
        here.write("d/small", "small");
        let (giver, taker) = carry_after(&here, names, &there, "ulimit -f 2048", &["-o", "."]);
        let path = names[0].trim_start_matches("d/").replace('d', "d/large");
        for (ended, kind) in [(giver.expect(1), "partly"), (taker.expect(1), "incomplete")] {
            let missing = &ended.one(kind)["missing"][0];
            assert_eq!(
                (&missing["path"], &missing["reason"]),
                (&path.as_str().into(), &"too-large".into()),
                "{names:?}"
            );
        }
        let at = |name: &str| {
            if names.len() == 1 { there.path("d").join(name) } else { there.path(name) }
        };
        assert_eq!(
            (fs::read(at("small")).unwrap(), at("large").exists()),
            (b"small".to_vec(), false)
        );
    }
}
