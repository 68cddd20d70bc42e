//! The program and the places for files, which all measurements share.

use crate::program::Program;
use crate::table::not_here;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// `f_type` of statfs(2).
const EXT4: i64 = 0xef53;
const TMPFS: i64 = 0x0102_1994;
/// A tmpfs that Linux has for everybody.
const MEMORY: &str = "/dev/shm";

/// The program under measurement, and where its files and its rivals are.
pub struct Bench<'a> {
    pub program: &'a Program,
    /// Directory for files on a disk.
    pub disk: PathBuf,
    /// Directory of `peers.py` and its table.
    pub rivals: PathBuf,
    /// Directory in which its rivals are installed.
    pub peers: PathBuf,
}

impl Bench<'_> {
    /// An empty directory on ext4.
    pub fn on_ext4(&self) -> io::Result<TempDir> {
        place(&self.disk, EXT4, "ext4; --dir names another place")
    }

    /// An empty directory in memory.
    pub fn in_memory(&self) -> io::Result<TempDir> {
        place(Path::new(MEMORY), TMPFS, "tmpfs")
    }
}

fn place(within: &Path, kind: i64, name: &str) -> io::Result<TempDir> {
    // Its type differs between architectures.
    #[allow(clippy::unnecessary_cast)]
    let found = rustix::fs::statfs(within).map(|found| found.f_type as i64);
    if found == Ok(kind) {
        tempfile::tempdir_in(within)
    } else {
        Err(not_here(format!("{} is not on {name}", within.display())))
    }
}
