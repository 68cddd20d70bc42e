//! TESTPLAN B10: the order in which a taker writes, syncs and names, as the kernel was asked for
//! it. If the power fails anywhere, a final name stands for the whole content, and nothing was said
//! to be received that the disk may forget.

use crate::harness::content::{digest_at, pour, tree};
use crate::harness::{Ended, Machine, PROGRAM, Running, not_run};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::process::Stdio;

/// The calls that change what a power cut leaves, or have the disk begin, and those that print.
const CALLS: &str = "trace=pwrite64,pwritev,write,copy_file_range,ftruncate,fallocate,fadvise64,\
                     fsync,fdatasync,syncfs,rename,renameat,renameat2,linkat,symlinkat";

/// The disk as far as it may differ from what was asked of it.
#[derive(Default)]
struct Disk {
    /// Files with bytes that a power cut may take.
    unsynced: BTreeSet<String>,
    /// Names that it may take.
    unnamed: Vec<(String, String)>,
    named: usize,
    said: usize,
    /// End of what is written of a file from its start on, and of that what the disk has begun
    /// with.
    written: u64,
    begun: u64,
}

impl Disk {
    /// Takes up one call, which was successful.
    fn call(&mut self, name: &str, args: &str) {
        let paths = args.split('<').skip(1).filter_map(|rest| Some(rest.split_once('>')?.0));
        let paths: Vec<_> = paths.map(str::to_owned).collect();
        let strings: Vec<_> = args.split('"').skip(1).step_by(2).collect();
        match name {
            "fsync" | "fdatasync" => {
                self.unsynced.remove(&paths[0]);
                self.unnamed.retain(|(folder, _)| *folder != paths[0]);
            }
            "syncfs" => {
                self.unsynced.clear();
                self.unnamed.clear();
            }
            "rename" | "renameat" | "renameat2" => {
                let (from, to) = (&strings[0], &strings[1]);
                if from.ends_with(".part") && !to.ends_with(".part") {
                    let from = format!("{}/{from}", paths[0]);
                    let lost: Vec<_> =
                        self.unsynced.iter().filter(|it| it.starts_with(&from)).collect();
                    assert!(lost.is_empty(), "{to} may be without content of {lost:?}");
                    self.unnamed.push((paths[1].clone(), (*to).to_owned()));
                    self.named += 1;
                }
            }
            "write" if args.contains(r#"type\":\"file\""#) => {
                assert_eq!(self.unnamed, [], "they are said to be received");
                self.said += 1;
            }
            "write" => {}
            // A journal is a hint, and may be lost.
            _ if paths[0].ends_with(".journal") => {}
            "linkat" | "symlinkat" => {}
            "fadvise64" => {
                let [from, length] = last_two(args.rsplit_once(',').unwrap().0);
                assert_eq!(from, self.begun, "nothing is left out, and nothing begun twice");
                self.begun += length;
                assert!(self.begun <= self.written, "{args}: {} is written", self.written);
            }
            _ => {
                if name == "pwrite64" {
                    let [length, offset] = last_two(args.split(") =").next().unwrap());
                    self.written = self.written.max(length + offset);
                }
                self.unsynced.insert(paths[0].clone());
            }
        }
    }
}

/// The numbers at the end of a call's arguments.
fn last_two(args: &str) -> [u64; 2] {
    let mut words = args.rsplit(", ").map(|word| word.parse().unwrap());
    let last = words.next().unwrap();
    [words.next().unwrap(), last]
}

/// Takes with this machine, while its calls are written down; `None` if that cannot be done here.
fn traced(there: &Machine, code: &str, options: &[&str]) -> Option<(Ended, Disk)> {
    let log = there.path("calls");
    let trace = |program: &[&str]| {
        let mut command = there.other("strace");
        command.args(["-f", "-y", "-s", "40", "-e", CALLS, "-o"]).arg(&log).args(program);
        command
    };
    let tried = trace(&["true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        not_run("strace cannot be run");
        return None;
    }
    let taker = Running::start(trace(&[&[PROGRAM, "take", code, "-o", "in"], options].concat()));
    let taker = taker.end().expect(0);
    let mut disk = Disk::default();
    let text = fs::read_to_string(&log).unwrap();
    let mut begun: Vec<(&str, &str)> = Vec::new();
    for line in text.lines() {
        let (thread, call) = line.trim_start().split_once(' ').unwrap();
        let call = call.trim_start();
        // Another thread called meanwhile. Bytes are on their way from the beginning of a call on,
        // and synced or named at its end.
        if let Some((start, _)) = call.split_once(" <unfinished ...>") {
            let (name, args) = start.split_once('(').unwrap();
            if name.contains("write") {
                disk.call(name, args);
            }
            begun.retain(|(other, _)| *other != thread);
            begun.push((thread, start));
        } else if call.starts_with("<... ") {
            let Some(at) = begun.iter().position(|(other, _)| *other == thread) else { continue };
            let (name, args) = begun.remove(at).1.split_once('(').unwrap();
            if !call.contains("= -1") {
                disk.call(name, args);
            }
        } else if let Some((name, args)) = call.split_once('(')
            && !args.contains("= -1")
        {
            disk.call(name, args);
        }
    }
    Some((taker, disk))
}

#[test]
fn the_disk_begins_with_a_large_file_while_the_rest_of_it_comes() {
    let (from, to) = (Machine::new(), Machine::new());
    pour(File::create(from.path("f")).unwrap(), (20 << 20) + 1);
    fs::create_dir(to.path("in")).unwrap();
    let mut giver = from.start(["give", "f"]);
    let Some((_, disk)) = traced(&to, &giver.code(), &[]) else { return };
    giver.end().expect(0);
    assert_eq!(disk.begun, 16 << 20, "the rest is left to the sync");
    assert_eq!(digest_at(to.path("in/f")), digest_at(from.path("f")));
}

#[test]
fn a_name_stands_for_the_whole_content_and_is_said_once_it_stays() {
    let from = Machine::new();
    fs::create_dir_all(from.path("d/deep")).unwrap();
    for (path, bytes) in [("f", 3 << 20), ("d/one", 70_000), ("d/deep/two", 1), ("g", 200_000)] {
        pour(File::create(from.path(path)).unwrap(), bytes);
    }
    for (what, options, names) in [
        (&["f"][..], &[][..], 1),
        (&["d"], &[], 1),
        (&["f", "d", "g"], &["--conflict", "overwrite"], 3),
    ] {
        let to = Machine::new();
        fs::create_dir(to.path("in")).unwrap();
        if options.len() == 2 {
            fs::write(to.path("in/g"), "old").unwrap();
        }
        let mut giver = from.start([&["give"], what].concat());
        let Some((taker, disk)) = traced(&to, &giver.code(), options) else { return };
        giver.end().expect(0);
        assert_eq!((disk.named, disk.said), (names, names), "{what:?}: {:#?}", taker.lines);
        for name in what {
            let (sent, there) = (from.path(name), to.path("in").join(name));
            match sent.is_dir() {
                true => assert_eq!(tree(&there), tree(&sent)),
                false => assert_eq!(digest_at(there), digest_at(sent)),
            }
        }
    }
}
