//! Transfers that go on another day, with a new code: what is here and the same is not sent again,
//! and what arrives is what its sender has today.

use crate::harness::content::{digest_at, in_full, names, pour, tree};
use crate::harness::process::Watch;
use crate::harness::wire::{Fault, Way, Wire};
use crate::harness::{Ended, Machine, Running, port, runs};
use rustix::fs::{SeekFrom, seek};
use rustix::process::Signal;
use std::fs::{self, File, FileTimes};
use std::net::Ipv4Addr;
use std::path::Path;

const MIB: u64 = 1 << 20;
/// The cost of a death: the journal has a line for so many bytes.
const SEGMENT: u64 = 16 * MIB;

/// A transfer of `what` from `here` over a wire, into the working directory of `there`.
struct Transfer {
    giver: Running,
    taker: Running,
    wire: Wire,
}

impl Transfer {
    /// Stops at this byte of what comes to the taker, if one is named.
    #[track_caller]
    fn start(machines: [&Machine; 2], what: &str, stop: Option<u64>, options: &[&str]) -> Self {
        let [here, there] = machines;
        let mut giver = here.start(["give", what]);
        let code = giver.code();
        let wire = Wire::to((Ipv4Addr::LOCALHOST, port(&code)));
        if let Some(stop) = stop {
            wire.all().set(Fault::Stall(Way::ToClient, stop));
        }
        let code = wire.join(&code);
        let taker = there.start([&["take", &code, "-o", "."], options].concat());
        if let Some(stop) = stop {
            wire.only(0).wait_bytes(Way::ToClient, stop);
        }
        Self { giver, taker, wire }
    }

    /// Ends well on both sides. Returns the taker's lines, and how much came to it.
    #[track_caller]
    fn end(self) -> (Ended, u64) {
        let taker = self.taker.end().expect(0);
        self.giver.end().expect(0);
        (taker, self.wire.only(0).bytes(Way::ToClient))
    }

    /// These are killed in the midst of it, and whoever is left is interrupted.
    fn die(self, killed: Killed) {
        let Self { giver, taker, wire } = self;
        let (killed, left) = match killed {
            Killed::Taker => (vec![taker], Some(giver)),
            Killed::Giver => (vec![giver], Some(taker)),
            Killed::Both => (vec![giver, taker], None),
        };
        killed.iter().for_each(|side| side.signal(Signal::KILL));
        killed.into_iter().for_each(|side| drop(side.end()));
        // Without a link it ends at once.
        drop(wire);
        if let Some(left) = left {
            left.signal(Signal::TERM);
            left.end();
        }
    }
}

/// The sides that are killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Killed {
    Taker,
    Giver,
    Both,
}

impl Killed {
    const EACH: [Self; 3] = [Self::Taker, Self::Giver, Self::Both];
}

/// Bytes of files below this folder that were written, not only reserved.
fn written(folder: &Path) -> u64 {
    let written = |path: &Path| {
        let (file, mut at, mut bytes) = (File::open(path).unwrap(), 0, 0);
        while let Ok(data) = seek(&file, SeekFrom::Data(at)) {
            at = seek(&file, SeekFrom::Hole(data)).unwrap();
            bytes += at - data;
        }
        bytes
    };
    let of = |entry: fs::DirEntry| match entry.file_type().unwrap() {
        kind if kind.is_dir() => self::written(&entry.path()),
        _ => written(&entry.path()),
    };
    fs::read_dir(folder).unwrap().map(|entry| of(entry.unwrap())).sum()
}

/// Bytes with which a transfer went on, if it did.
fn here(taker: &Ended) -> Option<u64> {
    let status = taker.all("status");
    let said = status.iter().find(|line| line["event"] == "continued")?;
    said["here"].as_u64()
}

/// Bytes that came and had to come again, said in full runs (`--nocapture`).
struct Lost {
    of: Killed,
    all: Vec<u64>,
}

impl Lost {
    fn of(of: Killed) -> Self {
        Self { of, all: Vec::new() }
    }

    /// No more than one segment.
    #[track_caller]
    fn push(&mut self, written: u64, here: u64) {
        let lost = written.saturating_sub(here);
        assert!(lost <= SEGMENT + MIB, "{:?} killed: {here} of {written}", self.of);
        self.all.push(lost);
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        self.all.sort_unstable();
        if let (Some(median), Some(worst)) = (self.all.get(self.all.len() / 2), self.all.last()) {
            let (of, count) = (self.of, self.all.len());
            eprintln!("{of:?} killed {count} times: bytes lost, median {median}, worst {worst}");
        }
    }
}

/// Sets when a file was changed.
fn date(path: &Path, like: &Path) {
    let changed = fs::metadata(like).unwrap().modified().unwrap();
    let times = FileTimes::new().set_modified(changed);
    File::options().write(true).open(path).unwrap().set_times(times).unwrap();
}

#[test]
fn a_file_goes_on_wherever_either_side_or_both_were_killed() {
    const SIZE: u64 = 96 * MIB;
    let from = Machine::on_a_wire();
    pour(File::create(from.path("file")).unwrap(), SIZE);
    let digest = digest_at(from.path("file"));
    let count = runs(100, 2) as u64;
    for killed in Killed::EACH {
        let mut lost = Lost::of(killed);
        for part in 1..=count {
            let at = (SIZE - 4 * MIB) * part / (count + 1) + 4_321 * part;
            let to = Machine::on_a_wire();
            let broken = Transfer::start([&from, &to], "file", Some(at), &[]);
            if part % 2 == 0 {
                // Killed while bytes come, too.
                broken.wire.all().lift(Fault::Stall(Way::ToClient, at));
                broken.wire.all().set(Fault::Stall(Way::ToClient, at + 3 * MIB));
                broken.wire.only(0).wait_bytes(Way::ToClient, at + MIB);
            }
            broken.die(killed);
            let written = written(&to.dir());
            let (taker, came) = Transfer::start([&from, &to], "file", None, &[]).end();
            let here = here(&taker).unwrap_or(0);
            lost.push(written, here);
            assert!(came <= SIZE - here + MIB, "{came} came although {here} were there");
            let left = names(to.dir());
            assert_eq!(left, ["file"], "{killed:?} at {at}");
            assert_eq!(digest_at(to.path("file")), digest, "{killed:?} at {at}");
        }
    }
}

#[test]
fn what_an_interrupt_or_a_lost_giver_leaves_is_gone_on_with_and_fresh_begins_anew() {
    const SIZE: u64 = 48 * MIB;
    let from = Machine::on_a_wire();
    pour(File::create(from.path("file")).unwrap(), SIZE);
    let digest = digest_at(from.path("file"));
    for who in ["taker", "giver"] {
        for fresh in [false, true] {
            let to = Machine::on_a_wire();
            let broken = Transfer::start([&from, &to], "file", Some(40 * MIB), &[]);
            let Transfer { giver, taker, wire } = broken;
            if who == "giver" {
                giver.signal(Signal::KILL);
                giver.end();
                drop(wire);
                // It would look for its giver.
                taker.signal(Signal::INT);
                taker.end().expect(130);
            } else {
                taker.signal(Signal::TERM);
                taker.end().expect(130);
                giver.signal(Signal::INT);
                giver.end();
            }
            let hidden = names(to.dir());
            assert_eq!(hidden.len(), 2, "a part and its journal: {hidden:?}");
            let listed = to.run(["partials"]).expect(0);
            assert_eq!(listed.one("partial")["name"], "file");
            let options: &[&str] = if fresh { &["--fresh"] } else { &[] };
            let (taker, came) = Transfer::start([&from, &to], "file", None, options).end();
            let here = here(&taker);
            assert_eq!(here.is_none(), fresh, "{here:?}");
            assert!(came <= SIZE - here.unwrap_or(0) + MIB);
            assert_eq!(digest_at(to.path("file")), digest);
            let left = names(to.dir());
            assert_eq!(left.len(), if fresh { 3 } else { 1 }, "{left:?}");
        }
    }
}

/// A folder of small files and two of 20 MiB, with how much is in it.
fn folder(machine: &Machine) -> u64 {
    let count = if in_full() { 3_000 } else { 600 };
    let folder = machine.path("d");
    for number in 0..count {
        let inner = folder.join(format!("{}", number % 10));
        fs::create_dir_all(&inner).unwrap();
        pour(File::create(inner.join(format!("{number}"))).unwrap(), 20_000 + number);
    }
    pour(File::create(folder.join("0/long")).unwrap(), 20 * MIB);
    pour(File::create(folder.join("z")).unwrap(), 20 * MIB);
    40 * MIB + count * 20_000 + count * (count - 1) / 2
}

#[test]
fn a_folder_goes_on_wherever_either_side_or_both_were_killed() {
    let from = Machine::on_a_wire();
    let whole = folder(&from);
    let sent = tree(&from.path("d"));
    let count = runs(10, 1) as u64;
    for killed in Killed::EACH {
        let mut lost = Lost::of(killed);
        for part in 1..=count {
            let at = whole * part / (count + 1);
            let to = Machine::on_a_wire();
            Transfer::start([&from, &to], "d", Some(at), &[]).die(killed);
            let written = written(&to.dir());
            let (taker, came) = Transfer::start([&from, &to], "d", None, &[]).end();
            let here = here(&taker).unwrap_or(0);
            lost.push(written, here);
            assert!(came <= whole - here + 2 * MIB, "{came} came although {here} were there");
            let left = names(to.dir());
            assert_eq!(left, ["d"], "{killed:?} at {at}");
            assert_eq!(tree(&to.path("d")), sent, "{killed:?} at {at}");
        }
    }
}

#[test]
fn a_folder_that_changed_in_between_arrives_as_it_is_today() {
    let each = if in_full() { &Killed::EACH[..] } else { &[Killed::Both] };
    for killed in each {
        let from = Machine::on_a_wire();
        let whole = folder(&from);
        let folder = from.path("d");
        let to = Machine::on_a_wire();
        Transfer::start([&from, &to], "d", Some(whole * 2 / 3), &[]).die(*killed);
        // One is gone, one is new, one is another, and one has other bytes and looks the same.
        fs::remove_file(folder.join("1/1")).unwrap();
        fs::write(folder.join("1/new"), b"new").unwrap();
        fs::write(folder.join("2/2"), b"another").unwrap();
        let same = folder.join("3/3");
        let mut bytes = fs::read(&same).unwrap();
        bytes[7] ^= 1;
        fs::copy(&same, from.path("before")).unwrap();
        date(&from.path("before"), &same);
        fs::write(&same, bytes).unwrap();
        date(&same, &from.path("before"));
        let (taker, came) = Transfer::start([&from, &to], "d", None, &[]).end();
        let here = here(&taker).unwrap();
        assert!(here > 0);
        assert!(came < whole - MIB, "{came} of {whole}");
        assert_eq!(names(to.dir()), ["d"]);
        assert_eq!(tree(&to.path("d")), tree(&folder));
    }
}

#[test]
fn a_part_that_was_changed_here_or_whose_source_was_is_never_spliced() {
    const SIZE: u64 = 64 * MIB;
    for source in [false, true] {
        let from = Machine::on_a_wire();
        let file = from.path("file");
        pour(File::create(&file).unwrap(), SIZE);
        let to = Machine::on_a_wire();
        Transfer::start([&from, &to], "file", Some(SIZE * 3 / 4), &[]).die(Killed::Taker);
        let changed = if source {
            file.clone()
        } else {
            let is_part = |name: &String| name.ends_with(".part");
            to.path(names(to.dir()).into_iter().find(is_part).unwrap())
        };
        // One byte in the first segment, and nothing else that could be seen.
        fs::copy(&file, from.path("before")).unwrap();
        date(&from.path("before"), &file);
        let writable = File::options().write(true).open(&changed).unwrap();
        rustix::io::pwrite(&writable, b"changed", 5_000).unwrap();
        drop(writable);
        if source {
            date(&file, &from.path("before"));
        }
        let (taker, _) = Transfer::start([&from, &to], "file", None, &[]).end();
        let here = here(&taker).unwrap_or(0);
        assert!(here < SIZE * 3 / 4, "the first of it came again, {here} did not");
        assert_eq!(digest_at(to.path("file")), digest_at(&file));
        assert_eq!(names(to.dir()), ["file"]);
    }
}

#[test]
fn neither_a_second_day_nor_twenty_cuts_cost_memory() {
    let size = if in_full() { 2 << 30 } else { 160 * MIB };
    let from = Machine::on_a_wire();
    pour(File::create(from.path("file")).unwrap(), size);
    let digest = digest_at(from.path("file"));
    let watched = |transfer: Transfer| {
        let watched = [&transfer.giver, &transfer.taker].map(|side| Watch::start(side.child.id()));
        let (taker, _) = transfer.end();
        watched.into_iter().for_each(Watch::check);
        taker
    };
    let to = Machine::on_a_wire();
    Transfer::start([&from, &to], "file", Some(size / 2), &[]).die(Killed::Taker);
    let taker = watched(Transfer::start([&from, &to], "file", None, &[]));
    assert!(here(&taker).is_some_and(|here| here > size / 3));
    assert_eq!(digest_at(to.path("file")), digest);
    let to = Machine::on_a_wire();
    let cut = Transfer::start([&from, &to], "file", None, &[]);
    (0..20).for_each(|link| cut.wire.only(link).set(Fault::Cut(Way::ToClient, size / 25)));
    watched(cut);
    assert_eq!(digest_at(to.path("file")), digest);
}
