//! Files of which nobody knows the length before they are read: those that a kernel makes up
//! (procfs, sysfs and their like), and those that are said to be empty where that may be untrue.
//! They are read to their first end.

use super::fence::Barred;
use super::rules::Rules;
use super::skipped::Why;
use super::{SourceFailure, held};
use crate::failure::{Failure, Kind};
use rustix::fs::{FileType, Stat, fstat, fstatfs};
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// Bytes of such a file at most: it is kept in memory.
const MOST: usize = 16 << 20;
/// How long one may be read.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one may have nothing to be read, and no end.
const NOTHING: Duration = Duration::from_millis(500);
/// How long such a one is left alone before it is asked again, and how long a read is waited for
/// before it is asked whether to stop.
const STEP: Duration = Duration::from_millis(20);
/// Bytes read at once: some files of `/proc/sys` have their end after the first read, whether that
/// took all or not.
const PIECE: usize = 256 << 10;
/// Threads of this process that may be in reads which never return, of one file system and of all.
const STUCK: usize = 8;
const STUCK_IN_ALL: usize = 64;
/// File systems that are remembered.
const KNOWN: usize = 256;

/// File systems whose lengths mean nothing (statfs(2), `linux/magic.h`).
const MADE_UP: [u64; 21] = [
    0x0000_9fa0, // procfs
    0x6265_6572, // sysfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x7472_6163, // tracefs
    0x6462_6720, // debugfs
    0x6265_6570, // configfs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x5a3c_69f0, // apparmorfs
    0xcafe_4a11, // bpf
    0x6165_676c, // pstore
    0xde5e_81e4, // efivarfs
    0x4249_4e4d, // binfmt_misc
    0x0765_5821, // resctrl
    0xabba_1974, // xenfs
    0x6e66_7364, // nfsd
    0x6573_5543, // fusectl
    0x6759_6969, // rpc_pipefs
    0x1980_0202, // mqueue
];
/// File systems on which a file that is said to be empty is: those that keep the length themselves.
const TRUE: [u64; 9] = [
    0x0000_ef53, // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0xf2f5_2010, // F2FS
    0x2fc1_2fc1, // ZFS
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0x0000_4d44, // FAT
    0x2011_bab0, // exFAT
];
/// Overlayfs, which says of a file what the file system beneath says; sysfs can be that, and FUSE.
const OVERLAY: u64 = 0x794c_7630;

/// What the lengths on a file system are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    True,
    /// Those of the file systems beneath it, which are commonly true ones: overlayfs, as in a
    /// container.
    Beneath,
    /// All but that of an empty file: the network's and a program's (FUSE).
    TrueButForZero,
    MadeUp,
}

/// The file systems that a walk has met, by their devices.
#[derive(Default)]
pub(super) struct FileSystems(HashMap<u64, Lengths>);

impl FileSystems {
    /// True if a regular file has to be read for its length. `open` opens it, or what is on the
    /// same file system, if that is not known yet.
    pub fn lie<T: AsFd>(&mut self, stat: &Stat, open: impl FnOnce() -> Option<T>) -> bool {
        match self.lengths(stat, open) {
            Some(Lengths::MadeUp) => true,
            Some(Lengths::True) => false,
            Some(Lengths::Beneath | Lengths::TrueButForZero) | None => stat.st_size == 0,
        }
    }

    /// True if a file is on a disk of this machine, or in its memory, so that a look into it is
    /// quick and fetches nothing. `open` is that of [`FileSystems::lie`].
    pub fn are_near<T: AsFd>(&mut self, stat: &Stat, open: impl FnOnce() -> Option<T>) -> bool {
        matches!(self.lengths(stat, open), Some(Lengths::True | Lengths::Beneath))
    }

    fn lengths<T: AsFd>(
        &mut self,
        stat: &Stat,
        open: impl FnOnce() -> Option<T>,
    ) -> Option<Lengths> {
        self.0.get(&stat.st_dev).copied().or_else(|| {
            let found = lengths(u64::try_from(fstatfs(open()?).ok()?.f_type).unwrap_or(0));
            if self.0.len() >= KNOWN {
                self.0.clear();
            }
            self.0.insert(stat.st_dev, found);
            Some(found)
        })
    }

    /// The same, for tests: what is on this device is on a network.
    #[cfg(test)]
    pub fn on_a_network(device: u64) -> Self {
        Self([(device, Lengths::TrueButForZero)].into())
    }

    /// True if an ordinary file is taken for as empty as it is said to be, where it cannot be read
    /// for others that have no end.
    pub fn vouch_for_empty(&self, stat: &Stat) -> bool {
        stat.st_size == 0 && self.keep_files(stat)
    }

    /// True if a file on this device that was read and is empty is an ordinary one, and its times
    /// those of its content.
    pub fn keep_files(&self, stat: &Stat) -> bool {
        self.0.get(&stat.st_dev).is_some_and(|lengths| *lengths != Lengths::MadeUp)
    }
}

fn lengths(magic: u64) -> Lengths {
    if MADE_UP.contains(&magic) {
        Lengths::MadeUp
    } else if TRUE.contains(&magic) {
        Lengths::True
    } else if magic == OVERLAY {
        Lengths::Beneath
    } else {
        Lengths::TrueButForZero
    }
}

/// What a file was when it was read, and all that is in it.
#[derive(Clone)]
pub(super) struct Content {
    pub stat: Stat,
    pub bytes: Arc<[u8]>,
}

/// Why there is none.
pub(super) enum Unread {
    /// No regular file any more.
    Other,
    Barred(Barred),
    /// So many reads of its file system have no end that no other is begun.
    Busy(Box<Stat>),
    Failed(io::Error),
}

impl Unread {
    /// What it means for what was named itself, at `path`.
    pub fn failure(self, path: &Path) -> SourceFailure {
        match self {
            Self::Other => SourceFailure::Changed { path: path.to_owned() },
            Self::Barred(barred) => SourceFailure::Fenced(barred),
            Self::Busy(_) => SourceFailure::of(
                path,
                &io::Error::other("too many files beside it are still being read, and have no end"),
            ),
            Self::Failed(error) => SourceFailure::of(path, &error),
        }
    }

    /// What it means before a code is made.
    pub fn refusal(self, path: &Path) -> Failure {
        match self {
            Self::Failed(error) if is_endless(&error) => {
                let detail = format!("{path:?} cannot be sent: {error}");
                Failure::new(Kind::SourceUnreadable, detail)
                    .next("leave it out, or send what a program reads of it: pinhole give -")
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
    files: Sender<Arc<OwnedFd>>,
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
        let left = vec![(device, Arc::downgrade(stuck)); STUCK];
        Self { left: Box::leak(Box::new(Mutex::new(left))), ..Self::default() }
    }

    /// Reads a file that was just opened at `path`, if the fence of `rules` lets it out: by where
    /// it is before, and by what is in it after.
    pub fn content(
        &mut self,
        file: OwnedFd,
        path: &Path,
        rules: &Rules,
        stop: &AtomicBool,
    ) -> Result<Content, Unread> {
        let stat = fstat(&file).map_err(|error| Unread::Failed(error.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Unread::Other);
        }
        rules.admit_read(&file, path, b"").map_err(Unread::Barred)?;
        let file = Arc::new(file);
        let bytes = match self.read(&file, stat.st_dev, stop) {
            Some(read) => read.map_err(Unread::Failed)?,
            None => return Err(Unread::Busy(Box::new(stat))),
        };
        rules.admit_read(&file, path, &bytes).map_err(Unread::Barred)?;
        Ok(Content { stat, bytes: bytes.into() })
    }

    /// Reads from where `file`, on `device`, stands to its first end. A read that does not return
    /// is left to itself, and so it is once `stop` is set. Nothing if too many were left there.
    ///
    /// # Errors
    /// Those of reading; [`io::ErrorKind::TimedOut`] and [`io::ErrorKind::FileTooLarge`] for what
    /// has no end within 5 s and 16 MiB.
    fn read(
        &mut self,
        file: &Arc<OwnedFd>,
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
        file: &Arc<OwnedFd>,
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
        let (files, to_read) = channel::<Arc<OwnedFd>>();
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

fn to_first_end(file: &OwnedFd, piece: &mut [u8], patience: Duration) -> io::Result<Vec<u8>> {
    let (begun, mut content) = (Instant::now(), Vec::new());
    let mut last = begun;
    loop {
        match rustix::io::read(file, &mut *piece) {
            Ok(0) => return Ok(content),
            Ok(read) => {
                content.extend_from_slice(piece.get(..read).unwrap_or_default());
                last = Instant::now();
            }
            Err(Errno::INTR) => {}
            // A sensor that is not ready, or a stream.
            Err(Errno::AGAIN) if last.elapsed() < NOTHING.min(patience) => {
                std::thread::sleep(STEP.min(patience))
            }
            Err(Errno::AGAIN) => return Err(endless()),
            Err(error) => return Err(error.into()),
        }
        if content.len() > MOST {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is made up as it is read, and has no end within 16 MiB",
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
    io::Error::new(io::ErrorKind::TimedOut, "it is made up as it is read, and no end of it came")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags};

    static LEFT_HERE: Left = Mutex::new(Vec::new());

    fn open(path: impl AsRef<Path>) -> Arc<OwnedFd> {
        Arc::new(
            rustix::fs::open(path.as_ref(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                .unwrap(),
        )
    }

    fn read(file: &Arc<OwnedFd>, patience: u64) -> io::Result<Vec<u8>> {
        Reader { patience: Duration::from_millis(patience), ..Reader::default() }
            .read(file, 0, &AtomicBool::new(false))
            .unwrap()
    }

    #[test]
    fn lengths_are_believed_where_they_are_kept() {
        let mut met = FileSystems::default();
        let mut lie = |path: &Path| {
            let file = open(path);
            met.lie(&rustix::fs::fstat(&file).unwrap(), || Some(file))
        };
        assert!(lie("/proc/version".as_ref()) && lie("/sys/devices/system/cpu/online".as_ref()));
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "x").unwrap();
        assert!(!lie(&dir.path().join("file")));
        let kinds = [Lengths::True, Lengths::MadeUp, Lengths::TrueButForZero, Lengths::Beneath];
        assert_eq!([0xef53, 0x9fa0, 0x6573_5546, OVERLAY].map(lengths), kinds);
        // What is on another machine, or made by a program, is not looked into; nor is what a
        // kernel makes up.
        let near = |lengths: Lengths| {
            let stat = rustix::fs::stat(dir.path()).unwrap();
            FileSystems([(stat.st_dev, lengths)].into()).are_near(&stat, || None::<OwnedFd>)
        };
        assert_eq!(kinds.map(near), [true, false, false, true]);
        assert!(
            !FileSystems::default()
                .are_near(&rustix::fs::stat(dir.path()).unwrap(), || None::<OwnedFd>)
        );
        // Where nothing is known of the file system, an empty file is read and another is not.
        let stat = |path: &Path| rustix::fs::stat(path).unwrap();
        let unknown = || None::<OwnedFd>;
        std::fs::write(dir.path().join("empty"), "").unwrap();
        let mut met = FileSystems::default();
        assert!(
            met.lie(&stat(&dir.path().join("empty")), unknown)
                && !met.lie(&stat(&dir.path().join("file")), unknown)
        );
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
        assert_eq!(read(&Arc::new(waiting.into()), 1).unwrap_err().kind(), io::ErrorKind::TimedOut);
        let directory = open("/proc");
        assert_eq!(read(&directory, 60_000).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn a_read_that_never_returns_holds_nothing_up_and_few_are_begun() {
        let (stuck, writer) = std::io::pipe().unwrap();
        let stuck = Arc::new(OwnedFd::from(stuck));
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
        assert!(reader.read(&Arc::new(stuck.into()), 1, &AtomicBool::new(true)).unwrap().is_err());
    }
}
