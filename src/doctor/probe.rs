//! A process that is left behind to see whether it lives on: in a session of its own, for less than
//! a minute, holding a lock on a small file in which it counts the seconds. The next `doctor` reads
//! that.

use crate::control::runtime::Runtime;
use crate::failure::{Failure, Kind, Run};
use crate::platform::file::{is_removed, try_lock, write_all_at};
use crate::platform::lifetime::boot;
use crate::platform::private;
use crate::platform::process::leave_session;
use crate::program;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Seconds that it lives: background processes are killed at once, or after some seconds.
const SECONDS: u32 = 55;
/// Attempts, as sessions that end just before may remove the directory.
const TRIES: usize = 10;
/// Bytes of its file, so that each beat covers the one before.
const LENGTH: usize = 128;
/// When files of probes in places that nobody has come back to are removed.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3_600);

/// The last beat that it has written.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Beat {
    /// During which run of the system.
    boot: String,
    /// Seconds since it was left.
    lived: u32,
}

/// The fate of the last probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// There was none, or the system was started again since.
    Unknown,
    /// It lives.
    Lives,
    /// It has lived for as long as it should.
    Lived,
    /// Something ended it after so many seconds.
    Ended(u32),
}

/// Returns the fate of the probe of this name.
pub(super) fn fate(directory: &Path, name: &str) -> Fate {
    let Ok(mut file) = open(directory, name, false) else { return Fate::Unknown };
    match try_lock(&file) {
        Ok(false) => return Fate::Lives,
        Err(_) => return Fate::Unknown,
        Ok(true) => {}
    }
    let mut bytes = Vec::new();
    let read = (&mut file).take(LENGTH as u64).read_to_end(&mut bytes);
    judge(read.ok().and_then(|_| serde_json::from_slice(&bytes).ok()).as_ref(), &boot())
}

fn judge(beat: Option<&Beat>, boot: &str) -> Fate {
    match beat {
        Some(beat) if beat.boot != boot => Fate::Unknown,
        Some(beat) if beat.lived >= SECONDS => Fate::Lived,
        Some(beat) => Fate::Ended(beat.lived),
        None => Fate::Unknown,
    }
}

/// Leaves a probe of this name behind, and returns when it has begun.
///
/// # Errors
/// Of the system, if no process can be started, or it ends at once.
pub(super) fn leave(name: &str) -> io::Result<()> {
    let mut command = program::again()?;
    command.args(["doctor", "--probe", name]).current_dir("/").env_clear();
    command
        .envs(private::VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let begun = child.stdout.take().map_or(Ok(()), |mut output| output.read_exact(&mut [0]));
    begun.map_err(|_| {
        // It has ended or is about to, and nobody else asks for its status.
        let _ = child.wait();
        io::Error::other("it ends at once")
    })
}

/// The probe itself, as a command of its own.
///
/// # Errors
/// Usage, if the name is none that `doctor` gives; of the disk; of the system, if it may not have a
/// session of its own.
pub fn probe(name: &str) -> Result<(), Failure> {
    if name.is_empty()
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        return Err(
            Failure::new(Kind::Usage, "only `pinhole doctor` starts a probe").next(Run::Doctor)
        );
    }
    let cannot = |error: io::Error| {
        Failure::new(Kind::Disk, format!("the probe cannot do its work: {error}"))
    };
    leave_session().map_err(cannot)?;
    for _ in 0..TRIES {
        let runtime = Runtime::make()?;
        match open(runtime.path(), name, true) {
            // A session has just ended and removed the directory.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened.and_then(|file| beat(&file, runtime.path())).map_err(cannot),
        }
    }
    Err(cannot(io::ErrorKind::NotFound.into()))
}

/// Counts the seconds in `file`, in this directory.
fn beat(file: &File, directory: &Path) -> io::Result<()> {
    let alone = try_lock(file).is_ok_and(|alone| alone);
    if alone {
        sweep(directory);
        write(file, 0)?;
        file.set_len(LENGTH as u64)?;
    }
    let mut out = io::stdout();
    out.write_all(b"\n").and_then(|()| out.flush())?;
    // Another that was left at the same moment is as good.
    if !alone {
        return Ok(());
    }
    for lived in 1..=SECONDS {
        std::thread::sleep(Duration::from_secs(1));
        // Its directory is gone, and nobody can ask any more.
        if is_removed(file)? {
            break;
        }
        write(file, lived)?;
    }
    Ok(())
}

fn write(file: &File, lived: u32) -> io::Result<()> {
    let line = serde_json::to_string(&Beat { boot: boot(), lived })?;
    write_all_at(file, format!("{line:<width$}\n", width = LENGTH - 1).as_bytes(), 0)
}

fn open(directory: &Path, name: &str, make: bool) -> io::Result<File> {
    private::open_file(&directory.join(format!("probe-{name}")), make)
}

/// Removes what probes have left a day ago or earlier.
fn sweep(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let age = entry.metadata().ok().and_then(|found| found.modified().ok()?.elapsed().ok());
        if entry.file_name().to_string_lossy().starts_with("probe-")
            && age.is_some_and(|age| age > FORGOTTEN)
        {
            // It is in nobody's way if it stays.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_a_probe_that_was_cut_short_was_ended() {
        let beat = |lived| Beat { boot: "now".into(), lived };
        assert_eq!(judge(None, "now"), Fate::Unknown);
        assert_eq!(judge(Some(&beat(0)), "now"), Fate::Ended(0));
        assert_eq!(judge(Some(&beat(SECONDS - 1)), "now"), Fate::Ended(SECONDS - 1));
        assert_eq!(judge(Some(&beat(SECONDS)), "now"), Fate::Lived);
        assert_eq!(judge(Some(&beat(7)), "later"), Fate::Unknown);
    }

    #[test]
    fn a_probe_is_known_by_its_lock_and_by_its_last_beat() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(fate(root.path(), "x"), Fate::Unknown);
        let file = open(root.path(), "x", true).unwrap();
        for lived in [3, 12] {
            write(&file, lived).unwrap();
            assert_eq!(file.metadata().unwrap().len(), LENGTH as u64);
            assert_eq!(fate(root.path(), "x"), Fate::Ended(lived));
        }
        assert!(try_lock(&file).unwrap());
        assert_eq!(fate(root.path(), "x"), Fate::Lives);
        std::os::unix::fs::symlink(root.path().join("probe-x"), root.path().join("probe-y"))
            .unwrap();
        assert_eq!(fate(root.path(), "y"), Fate::Unknown);
    }

    #[test]
    fn files_of_a_day_ago_are_removed_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let old = std::time::SystemTime::now() - FORGOTTEN * 2;
        for name in ["probe-old", "other"] {
            File::create(root.path().join(name)).unwrap().set_modified(old).unwrap();
        }
        File::create(root.path().join("probe-new")).unwrap();
        sweep(root.path());
        assert_eq!(
            ["probe-old", "other", "probe-new"].map(|name| root.path().join(name).exists()),
            [false, true, true]
        );
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(bytes in any::<Vec<u8>>()) {
            let root = tempfile::tempdir().unwrap();
            std::fs::write(root.path().join("probe-x"), bytes).unwrap();
            prop_assert_eq!(fate(root.path(), "x"), Fate::Unknown);
        }
    }
}
