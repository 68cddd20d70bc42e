//! The system's view of running processes.

use super::wait;
use rustix::process::Pid;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// The most that a process may hold in memory, in kB (TESTPLAN B6).
const MOST: u64 = 64 << 10;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Bytes that a process has read so far, from files and elsewhere.
pub fn bytes_read(pid: u32) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// Memory that a process holds now, in kB.
pub fn resident(pid: u32) -> u64 {
    status(pid, "VmRSS:").unwrap()
}

/// TCP connections that a process has, established ones alone.
pub fn connections(pid: u32) -> usize {
    let handles = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    // A connection may have several handles.
    let held: BTreeSet<_> =
        handles.filter_map(|handle| std::fs::read_link(handle.path()).ok()).collect();
    let is_held = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields.get(3) == Some(&"01") && held.contains(Path::new(&format!("socket:[{}]", fields[9])))
    };
    let of = |table| {
        let table = std::fs::read_to_string(format!("/proc/{pid}/net/{table}"));
        table.unwrap_or_default().lines().filter(|line| is_held(line)).count()
    };
    of("tcp") + of("tcp6")
}

/// The sessions that go on in the background with this home.
pub fn in_background(home: &Path) -> Vec<Pid> {
    with_home(home, "\0--detached\0session\0")
}

/// The processes with this home and these words in their command line.
pub fn with_home(home: &Path, words: &str) -> Vec<Pid> {
    let home = format!("HOME={}\0", home.display());
    let process = |entry: std::fs::DirEntry| {
        let pid = Pid::from_raw(entry.file_name().to_string_lossy().parse().ok()?)?;
        let of = |file: &str| {
            std::fs::read(entry.path().join(file))
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        (of("cmdline").ok()?.contains(words) && of("environ").ok()?.contains(&home)).then_some(pid)
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(process).collect()
}

/// Waits until this process has ended. One that nobody has waited for yet has no command line.
#[track_caller]
pub fn gone(pid: &str) {
    let line = format!("/proc/{pid}/cmdline");
    wait(format_args!("the end of {pid}"), || {
        std::fs::read(&line).map_or(true, |line| line.is_empty()).then_some(())
    });
}

/// Watches how much memory a process has held at most. The system keeps the maximum itself, so
/// nothing between two looks is missed, only what comes in the last moment before the end.
pub struct Watch {
    stop: Sender<()>,
    seen: JoinHandle<u64>,
}

impl Watch {
    pub fn start(pid: u32) -> Self {
        let (stop, stopped) = channel();
        let seen = std::thread::spawn(move || {
            let mut most = 0;
            loop {
                // A process that has ended has no memory any more.
                most = status(pid, "VmHWM:").unwrap_or(most);
                match stopped.recv_timeout(LOOK) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => return most,
                }
            }
        });
        Self { stop, seen }
    }

    /// Checks that it was never more than it may be.
    #[track_caller]
    pub fn check(self) {
        drop(self.stop);
        let most = self.seen.join().unwrap();
        println!("held {most} kB at most");
        assert!((1..=MOST).contains(&most), "held {most} kB, and {MOST} kB are allowed");
    }
}

fn status(pid: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))?
        .trim()
        .strip_suffix(" kB")?
        .parse()
        .ok()
}
