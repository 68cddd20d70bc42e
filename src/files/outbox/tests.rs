//! Things that the tests share: a directory of their own, and a look at everything a selection
//! sends.

mod fencing;
mod gaps;
mod lengths;
mod reading;
mod selecting;
mod streaming;
mod walking;

use super::{Next, Options, Outgoing, Read, Selection, SourceFailure};
use crate::failure::Failure;
use pinhole_protocol::wire::{Entry, EntryKind, ItemId, Place as Lies};
use rustix::fs::{CWD, FileType, Mode};
use rustix::process::{Uid, geteuid};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A directory of a test's own that every user may look into.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(below)
    }

    /// Writes a file, with the folders above it.
    fn file(&self, below: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn folder(&self, below: impl AsRef<Path>) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn link(&self, to: impl AsRef<Path>, below: impl AsRef<Path>) -> PathBuf {
        let path = self.path(below);
        std::os::unix::fs::symlink(to, &path).unwrap();
        path
    }

    fn pipe(&self, below: impl AsRef<Path>) -> PathBuf {
        let path = self.path(below);
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        path
    }
}

fn select_with(paths: &[PathBuf], options: &Options) -> Result<Selection, Failure> {
    Selection::check(paths, options, io::empty())
}

fn select(paths: &[PathBuf]) -> Selection {
    select_with(paths, &Options::default()).unwrap()
}

fn refusal(paths: &[PathBuf]) -> Failure {
    select_with(paths, &Options::default()).err().expect("a refusal")
}

/// Opened for a peer that is faithful.
fn open(selection: &Selection) -> Outgoing {
    selection.open(true, |_| ()).unwrap()
}

/// Opened for a peer that is not.
fn open_plainly(selection: &Selection) -> Outgoing {
    selection.open(false, |_| ()).unwrap()
}

/// All parts to the end, and the totals.
fn parts(outgoing: &Outgoing) -> Result<(Vec<Vec<Entry>>, u32, u64), SourceFailure> {
    let mut parts = Vec::new();
    loop {
        match outgoing.next_part()? {
            Next::Part(entries) => parts.push(entries),
            Next::End { entries, bytes } => return Ok((parts, entries, bytes)),
            Next::Stopped => panic!("nobody stopped it"),
        }
    }
}

/// The entries of a selection, in a line each: its path, a slash for a folder, an arrow and target
/// for a link.
fn lines_of(selection: &Selection, parts: &[Vec<Entry>]) -> Vec<String> {
    let items = selection.offer(ItemId(1), true).unwrap().items;
    let mut paths: Vec<String> = Vec::new();
    for entry in parts.iter().flatten() {
        paths.push(match entry.place().unwrap() {
            Lies::Item(item) => String::from_utf8_lossy(items[item as usize].bytes()).into_owned(),
            Lies::In(folder, name) => {
                format!("{}/{}", paths[folder as usize], String::from_utf8_lossy(name.raw()))
            }
        });
    }
    let said = |(entry, path): (&Entry, String)| match (entry.kind, &entry.target) {
        (EntryKind::File, _) => path,
        (EntryKind::Folder, _) => path + "/",
        (EntryKind::Link, target) => {
            format!("{path} -> {}", String::from_utf8_lossy(target.as_ref().unwrap().raw()))
        }
    };
    parts.iter().flatten().zip(paths).map(said).collect()
}

fn lines_with(paths: &[PathBuf], options: &Options) -> Vec<String> {
    let selection = select_with(paths, options).unwrap();
    let (parts, ..) = parts(&open(&selection)).unwrap();
    lines_of(&selection, &parts)
}

/// Every entry that these paths send, in order.
fn lines(paths: &[PathBuf]) -> Vec<String> {
    lines_with(paths, &Options::default())
}

/// Everything from a position on, read in pieces of at most `piece` bytes, up to what is not to be
/// had.
fn bytes_from(
    outgoing: &Outgoing,
    mut position: u64,
    piece: usize,
) -> Result<Vec<u8>, SourceFailure> {
    let (mut all, mut buf) = (Vec::new(), vec![0; piece]);
    while let Some(read) = outgoing.read(position, &mut buf)? {
        let len = match read {
            Read::Bytes { len, .. } => len,
            Read::Gap { why: Some(_), .. } => break,
            Read::Gap { why: None, .. } => panic!("a hole at {position}: {read:?}"),
        };
        all.extend_from_slice(&buf[..len]);
        position += len as u64;
    }
    Ok(all)
}

/// Lets the clock of the file system go on: it counts in steps of a few milliseconds, and a change
/// within one is no change.
fn tick(place: &Place) {
    let probe = place.file("probe", "");
    let first = rustix::fs::stat(&probe).unwrap();
    loop {
        fs::write(&probe, "").unwrap();
        let now = rustix::fs::stat(&probe).unwrap();
        if (now.st_ctime, now.st_ctime_nsec) != (first.st_ctime, first.st_ctime_nsec) {
            return;
        }
        std::thread::yield_now();
    }
}

/// Runs `act` as a user who is not root: on a thread of its own if this one is root's.
fn as_nobody<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if geteuid().is_root() {
                let nobody = Uid::from_raw(65_534);
                rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            }
            act()
        });
        thread.join().unwrap()
    })
}

fn permit(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn os(bytes: &[u8]) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}
