//! Files of which nobody knows the length before they are read: those that a kernel makes up
//! (procfs, sysfs and their like), and those that are said to be empty where that may be untrue.
//! They are read to their first end.

use super::fence::Barred;
use super::rules::Rules;
use super::skipped::Why;
use super::{SourceFailure, held};
use crate::failure::{Failure, Kind};
use crate::platform::file::Facts;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// Bytes of such a file at most: it is kept in memory.
const MOST: usize = 16 << 20;
/// Longest time for reading one.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest time in which one has nothing to be read, and no end.
const NOTHING: Duration = Duration::from_millis(500);
/// Pause before such a one is asked again, and time between two checks whether to stop waiting for
/// a read.
const STEP: Duration = Duration::from_millis(20);
/// Bytes read at once: some made-up files have their end after the first read, whether that
/// took all or not.
const PIECE: usize = 256 << 10;
/// Threads of this process that may be in reads which never return, of one file system and of all.
const STUCK: usize = 8;
const STUCK_IN_ALL: usize = 64;
/// Facts of a file when it was read, and all that is in it.
#[derive(Clone)]
pub(super) struct Content {
    pub facts: Facts,
    pub bytes: Arc<[u8]>,
}

/// Why there is none.
pub(super) enum Unread {
    /// No regular file any more.
    Other,
    Barred(Barred),
    /// So many reads of its file system have no end that no other is begun.
    Busy(Box<Facts>),
    Failed(io::Error),
}

impl Unread {
    /// The failure of a thing that was named itself, at `path`.
    pub fn failure(self, path: &Path) -> SourceFailure {
        match self {
            Self::Other => SourceFailure::Changed { path: path.to_owned() },
            Self::Barred(barred) => SourceFailure::Fenced(barred),
            Self::Busy(_) => SourceFailure::of(
                path,
                &io::Error::other("too many other files are still being read and have no end"),
            ),
            Self::Failed(error) => SourceFailure::of(path, &error),
        }
    }

    /// The refusal of such a thing before a code is made.
    pub fn refusal(self, path: &Path) -> Failure {
        match self {
            Self::Failed(error) if is_endless(&error) => {
                let detail = format!("{path:?} cannot be sent: {error}");
                Failure::new(Kind::SourceUnreadable, detail)
                    .next("leave it out, or pipe it in: pinhole give -")
            }
            unread => unread.failure(path).failure(),
        }
    }

    /// Why something in a folder is left out.
    pub fn why(&self) -> Why {
        match self {
            Self::Other => Why::Special,
            Self::Barred(barred) => barred.why,
            Self::Failed(error) if is_endless(error) => Why::Endless,
            Self::Busy(_) | Self::Failed(_) => Why::Unreadable,
        }
    }
}

/// Reads such files, one after another on a thread of its own, because a read of one may never
/// return.
pub(super) struct Reader {
    patience: Duration,
    worker: Option<Worker>,
    left: &'static Left,
}

/// The threads of this process that were left in a read, each with the device of its file.
type Left = Mutex<Vec<(u64, Weak<()>)>>;

static LEFT: Left = Mutex::new(Vec::new());

struct Worker {
    files: Sender<Arc<File>>,
    read: Receiver<io::Result<Vec<u8>>>,
    /// Of what its thread holds until it ends.
    thread: Weak<()>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { patience: PATIENCE, worker: None, left: &LEFT }
    }
}

impl Reader {
    /// One that finds every place of that device taken, for tests.
    #[cfg(test)]
    pub fn busy(device: u64, stuck: &Arc<()>) -> Self {
        static TAKEN: Left = Mutex::new(Vec::new());
        held(&TAKEN).extend(vec![(device, Arc::downgrade(stuck)); STUCK]);
        Self { left: &TAKEN, ..Self::default() }
    }

    /// Reads a file that was just opened at `path`, if the fence of `rules` lets it out: by where
    /// it is before, and by what is in it after.
    pub fn content(
        &mut self,
        file: File,
        path: &Path,
        rules: &Rules,
        stop: &AtomicBool,
    ) -> Result<Content, Unread> {
        let facts = Facts::of(&file).map_err(Unread::Failed)?;
        if !facts.kind().is_file() {
            return Err(Unread::Other);
        }
        rules.admit_read(&file, path, b"").map_err(Unread::Barred)?;
        let file = Arc::new(file);
        let bytes = match self.read(&file, facts.disk(), stop) {
            Some(read) => read.map_err(Unread::Failed)?,
            None => return Err(Unread::Busy(Box::new(facts))),
        };
        rules.admit_read(&file, path, &bytes).map_err(Unread::Barred)?;
        Ok(Content { facts, bytes: bytes.into() })
    }

    /// Reads from where `file`, on `device`, stands to its first end. A read that does not return
    /// is left to itself, and so it is once `stop` is set. Nothing if too many were left there.
    ///
    /// # Errors
    /// Those of reading; [`io::ErrorKind::TimedOut`] and [`io::ErrorKind::FileTooLarge`] for what
    /// has no end within 5 s and 16 MiB.
    fn read(
        &mut self,
        file: &Arc<File>,
        device: u64,
        stop: &AtomicBool,
    ) -> Option<io::Result<Vec<u8>>> {
        let mut left = held(self.left);
        left.retain(|(_, thread)| thread.strong_count() > 0);
        let here = left.iter().filter(|(of, _)| *of == device).count();
        if here >= STUCK || left.len() >= STUCK_IN_ALL {
            return None;
        }
        drop(left);
        Some(self.read_begun(file, device, stop))
    }

    fn read_begun(
        &mut self,
        file: &Arc<File>,
        device: u64,
        stop: &AtomicBool,
    ) -> io::Result<Vec<u8>> {
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(self.patience)?,
        };
        let gone = || io::Error::other("the thread that reads it has ended");
        worker.files.send(Arc::clone(file)).map_err(|_| gone())?;
        // The thread sees to the time itself, where it can.
        let late = Instant::now().checked_add(self.patience.saturating_add(STEP));
        loop {
            match worker.read.recv_timeout(STEP) {
                Ok(read) => {
                    self.worker = Some(worker);
                    return read;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                Err(RecvTimeoutError::Timeout)
                    if stop.load(Ordering::Relaxed)
                        || late.is_none_or(|late| late < Instant::now()) =>
                {
                    held(self.left).push((device, worker.thread));
                    return Err(endless());
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Worker {
    fn start(patience: Duration) -> io::Result<Self> {
        let (files, to_read) = channel::<Arc<File>>();
        let (read, answers) = channel();
        let here = Arc::new(());
        let thread = Arc::downgrade(&here);
        std::thread::Builder::new().name("made-up".into()).spawn(move || {
            let mut piece = vec![0; PIECE];
            while let Ok(file) = to_read.recv() {
                let content = to_first_end(&file, &mut piece, patience);
                drop(file);
                if read.send(content).is_err() {
                    break;
                }
            }
            drop(here);
        })?;
        Ok(Self { files, read: answers, thread })
    }
}

fn to_first_end(mut file: &File, piece: &mut [u8], patience: Duration) -> io::Result<Vec<u8>> {
    let (begun, mut content) = (Instant::now(), Vec::new());
    let mut last = begun;
    loop {
        match file.read(piece) {
            Ok(0) => return Ok(content),
            Ok(read) => {
                content.extend_from_slice(piece.get(..read).unwrap_or_default());
                last = Instant::now();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A sensor that is not ready, or a stream.
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock
                    && last.elapsed() < NOTHING.min(patience) =>
            {
                std::thread::sleep(STEP.min(patience))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(endless()),
            Err(error) => return Err(error),
        }
        if content.len() > MOST {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is generated as it is read, and does not end within 16 MiB",
            ));
        }
        if begun.elapsed() >= patience {
            return Err(endless());
        }
    }
}

fn is_endless(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::FileTooLarge)
}

fn endless() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it is generated as it is read, and did not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::fd::OwnedFd;

    static LEFT_HERE: Left = Mutex::new(Vec::new());

    fn open(path: impl AsRef<Path>) -> Arc<File> {
        Arc::new(File::open(path).unwrap())
    }

    fn read(file: &Arc<File>, patience: u64) -> io::Result<Vec<u8>> {
        Reader { patience: Duration::from_millis(patience), ..Reader::default() }
            .read(file, 0, &AtomicBool::new(false))
            .unwrap()
    }

    #[test]
    fn what_is_made_up_is_read_to_its_end() {
        let mut reader = Reader::default();
        for path in ["/proc/version", "/proc/cpuinfo", "/sys/devices/system/cpu/online"] {
            let content = reader.read(&open(path), 0, &AtomicBool::new(false)).unwrap().unwrap();
            assert!(!content.is_empty());
            if path != "/proc/cpuinfo" {
                assert_eq!(content, std::fs::read(path).unwrap());
            }
        }
        assert_eq!(
            reader.read(&open("/dev/null"), 0, &AtomicBool::new(false)).unwrap().unwrap(),
            b""
        );
    }

    #[test]
    fn what_has_no_end_is_given_up() {
        assert_eq!(
            read(&open("/dev/zero"), 60_000).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
        // A reader that is told that there is nothing yet.
        let (waiting, _writer) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&waiting, true).unwrap();
        assert_eq!(
            read(&Arc::new(OwnedFd::from(waiting).into()), 1).unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
        let directory = open("/proc");
        assert_eq!(read(&directory, 60_000).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn a_read_that_never_returns_holds_nothing_up_and_few_are_begun() {
        let (stuck, writer) = std::io::pipe().unwrap();
        let stuck = Arc::new(File::from(OwnedFd::from(stuck)));
        let mut reader =
            Reader { patience: Duration::from_millis(1), worker: None, left: &LEFT_HERE };
        let stop = AtomicBool::new(false);
        for _ in 0..STUCK {
            assert_eq!(
                reader.read(&stuck, 1, &stop).unwrap().unwrap_err().kind(),
                io::ErrorKind::TimedOut
            );
        }
        assert!(reader.read(&stuck, 1, &stop).is_none(), "one thread more than there may be");
        let mut patient = Reader { left: &LEFT_HERE, ..Reader::default() };
        assert!(
            patient.read(&open("/proc/version"), 2, &stop).unwrap().is_ok(),
            "another file system is not held up"
        );
        assert!(
            patient.read(&open("/proc/version"), 1, &stop).is_none(),
            "also where a thread is free that has not met it"
        );
        // They end with their reads, and others may be begun.
        drop(writer);
        while held(&LEFT_HERE).iter().any(|(_, thread)| thread.strong_count() > 0) {
            std::thread::yield_now();
        }
        assert!(patient.read(&open("/proc/version"), 1, &stop).unwrap().is_ok());
        // One that is to stop does not wait.
        let (stuck, _writer) = std::io::pipe().unwrap();
        let mut reader = Reader { left: &LEFT_HERE, ..Reader::default() };
        assert!(
            reader
                .read(&Arc::new(OwnedFd::from(stuck).into()), 1, &AtomicBool::new(true))
                .unwrap()
                .is_err()
        );
    }
}
