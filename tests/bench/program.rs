//! The pinhole that is measured, as its users run it.

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two looks at a process. The kernel keeps the peak, so only its growth in the last
/// moment is missed.
const LOOK: Duration = Duration::from_millis(20);
/// Longest time of one transfer.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Longest time in which the last line of a process that has ended gets here.
const LAST_LINE: Duration = Duration::from_secs(5);

/// The program.
pub struct Program {
    path: PathBuf,
    /// The command that runs it where its network is, if that is not this one.
    enter: Vec<OsString>,
    env: Vec<(&'static str, String)>,
    /// The most memory that any of its processes has had, in KiB.
    peak: Arc<AtomicU64>,
}

/// A transfer from the start of `take` until both processes have ended.
pub struct Moved {
    pub time: Duration,
    pub giver: Used,
    pub taker: Used,
}

/// Memory and processor time that a process has used.
#[derive(Clone, Copy, Default)]
pub struct Used {
    /// Resident memory now, in KiB.
    pub resident: u64,
    /// Its peak.
    pub memory: u64,
    /// Processor time of user and system, in hundredths of a second.
    user: u64,
    system: u64,
}

impl Used {
    /// The processor time since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
            ..self
        }
    }

    /// Seconds of processor time.
    pub fn processor(self) -> f64 {
        (self.user + self.system) as f64 / 100.0
    }

    /// As far as the kernel says it; a process that has ended says nothing.
    pub fn of(process: u32) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let memory = |name| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        };
        let (user, system) = times(process)?;
        Some(Self { resident: memory("VmRSS:")?, memory: memory("VmHWM:")?, user, system })
    }
}

/// The time of user and that of system in a process's `stat`: fields 14 and 15 of proc_pid_stat(5).
fn times(process: u32) -> Option<(u64, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field, in brackets, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// A `give` that has shown its code.
pub struct Giving {
    pub child: Child,
    pub code: String,
    /// From its start to the code.
    pub time: Duration,
    lines: BufReader<ChildStdout>,
}

/// A process that is ended when dropped.
struct Running {
    child: Child,
    peak: Arc<AtomicU64>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(used) = Used::of(self.child.id()) {
            self.peak.fetch_max(used.memory, Ordering::Relaxed);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A relay that listens. Ended when dropped.
pub struct Relay {
    running: Running,
    pub port: u16,
    _log: BufReader<ChildStderr>,
}

impl Relay {
    /// Memory and processor time that it has used so far.
    pub fn used(&self) -> io::Result<Used> {
        Used::of(self.running.child.id()).ok_or_else(|| io::Error::other("the relay has ended"))
    }

    /// The address that clients are given.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }
}

/// A `host` or `connect` that has its channel. Ended when dropped.
pub struct Session {
    _running: Running,
    pub code: String,
}

impl Session {
    /// Starts it at home in `place`: a host waits for its code, a peer until it is connected.
    pub fn start(program: &Program, args: &[&str], place: &Path) -> io::Result<Self> {
        let mut running = program.running(program.command(args, place))?;
        let output = running.child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (mut lines, mut line) = (BufReader::new(output), String::new());
        while lines.read_line(&mut line)? > 0 {
            let said: Value = serde_json::from_str(&line)?;
            let code = said["code"].as_str().unwrap_or_default().to_owned();
            if !code.is_empty() || said["event"] == "connected" {
                // It waits for whoever reads what it says.
                thread::spawn(move || io::copy(&mut lines, &mut io::sink()));
                return Ok(Self { _running: running, code });
            }
            line.clear();
        }
        Err(io::Error::other("it ended before it had a channel"))
    }

    /// The public part of the code.
    pub fn number(&self) -> &str {
        self.code.split_once('-').map_or("", |(number, _)| number)
    }
}

/// The variable that names the relay to both sides.
fn by_relay(url: &str) -> (&'static str, &str) {
    ("PINHOLE_RELAY", url)
}

impl Program {
    /// The one that is named, or the release build of this workspace.
    pub fn find(named: Option<&Path>) -> io::Result<Self> {
        if let Some(path) = named {
            return Self::at(path);
        }
        // `cargo run` says which cargo it is; without it, what was built before has to do.
        if let Some(cargo) = std::env::var_os("CARGO") {
            let built = Command::new(cargo)
                .args(["build", "--release", "--quiet", "--package", "pinhole"])
                .status()?;
            if !built.success() {
                return Err(io::Error::other("the program could not be built"));
            }
        }
        let here = std::env::current_exe()?;
        let folder = here.parent().and_then(Path::parent).ok_or(io::ErrorKind::NotFound)?;
        Self::at(&folder.join("release/pinhole"))
    }

    /// The one at this path.
    pub fn at(path: &Path) -> io::Result<Self> {
        let env = vec![("PINHOLE_NETWORK", "loopback".to_owned())];
        let peak = Arc::default();
        Ok(Self { path: path.canonicalize()?, enter: Vec::new(), env, peak })
    }

    /// The same one in another network, which is its own, with this environment.
    pub fn within(&self, enter: Vec<OsString>, env: Vec<(&'static str, String)>) -> Self {
        Self { path: self.path.clone(), enter, env, peak: Arc::clone(&self.peak) }
    }

    /// The most KiB that a process has had since the last call; those within other networks count.
    pub fn take_peak(&self) -> u64 {
        self.peak.swap(0, Ordering::Relaxed)
    }

    /// Somebody else has measured a process that had so many KiB.
    pub fn saw_peak(&self, kib: u64) {
        self.peak.fetch_max(kib, Ordering::Relaxed);
    }

    fn running(&self, mut command: Command) -> io::Result<Running> {
        Ok(Running { child: command.spawn()?, peak: Arc::clone(&self.peak) })
    }

    /// Path of the program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Starts `relay` with these options besides and waits until it listens.
    pub fn relay(&self, options: &[&str], place: &Path) -> io::Result<Relay> {
        let listen = if self.enter.is_empty() { "127.0.0.1:0" } else { "0.0.0.0:0" };
        let words = ["relay", "--listen", listen];
        let args = words.iter().chain(options);
        let mut command = self.command(args, place);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut running = self.running(command)?;
        let mut log = BufReader::new(running.child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        while log.read_line(&mut line)? > 0 {
            if let Ok(said) = serde_json::from_str::<Value>(&line)
                && said["event"] == "listening"
                && let Some(port) = said["port"].as_u64().and_then(|port| port.try_into().ok())
            {
                return Ok(Relay { running, port, _log: log });
            }
            line.clear();
        }
        Err(io::Error::other("the relay ended before it listened"))
    }

    /// The program with these arguments, at home in `place`.
    pub fn command<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        place: &Path,
    ) -> Command {
        let mut words = self.enter.iter().map(OsString::as_os_str).chain([self.path.as_os_str()]);
        let mut command = Command::new(words.next().unwrap_or(self.path.as_os_str()));
        command
            .args(words)
            .args(args)
            .env_clear()
            .env("HOME", place)
            .env("PATH", "/usr/bin:/bin")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(place).stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Starts `give PATH`, through a relay if one is named, and waits for its code.
    pub fn give(&self, path: &Path, place: &Path, relay: Option<&str>) -> io::Result<Giving> {
        let begun = Instant::now();
        let mut child = self
            .command([OsStr::new("give"), path.as_os_str()], place)
            .envs(relay.map(by_relay))
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        while lines.read_line(&mut line)? > 0 {
            if let Some(code) = serde_json::from_str::<Value>(&line)
                .ok()
                .and_then(|value| value["code"].as_str().map(str::to_owned))
            {
                return Ok(Giving { child, code, time: begun.elapsed(), lines });
            }
            line.clear();
        }
        Err(io::Error::other("give ended without a code"))
    }

    /// Moves `source` into the directory `target`, directly or through a relay.
    pub fn transfer(&self, source: &Path, target: &Path, relay: Option<&str>) -> io::Result<Moved> {
        let giving = self.give(source, target, relay)?;
        let code = giving.code.clone();
        self.take(giving, &code, source, target, relay)
    }

    /// Takes from a `give` of `source`, by its code and perhaps an address, to the end of both.
    pub fn take(
        &self,
        giving: Giving,
        code: &str,
        source: &Path,
        target: &Path,
        relay: Option<&str>,
    ) -> io::Result<Moved> {
        let begun = Instant::now();
        let args = [OsStr::new("take"), OsStr::new(code), OsStr::new("-o"), target.as_os_str()];
        let mut taker = self.command(args, target).envs(relay.map(by_relay)).spawn()?;
        let lines = BufReader::new(taker.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let over = AtomicBool::new(false);
        let (giver, taker) = thread::scope(|threads| {
            let giver = threads.spawn(|| finish(giving.child, giving.lines, &over));
            let taker = finish(taker, lines, &over);
            // A giver would wait for another taker.
            over.store(taker.is_err(), Ordering::Relaxed);
            let giver = giver.join().map_err(|_| io::Error::other("a watching thread panicked"))?;
            let (taker, giver) = (taker?, giver?);
            io::Result::Ok((giver, taker))
        })?;
        let time = begun.elapsed();
        self.saw_peak(giver.memory.max(taker.memory));
        let name = source.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let (here, there) = (source.metadata()?, target.join(name).metadata()?);
        if here.is_file() && here.len() != there.len() {
            return Err(io::Error::other("what arrived is not as long as what was given"));
        }
        Ok(Moved { time, giver, taker })
    }
}

/// Watches a process to its end, which has to be a good one; kills it once all is over.
fn finish(mut child: Child, lines: BufReader<ChildStdout>, over: &AtomicBool) -> io::Result<Used> {
    let (ended, end) = channel();
    thread::spawn(move || ended.send(lines.lines().map_while(Result::ok).last()));
    let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let process = WaitId::Pid(process.ok_or(io::ErrorKind::InvalidData)?);
    let (begun, mut used, mut last) = (Instant::now(), Used::default(), String::new());
    // It is not waited for yet: until then the kernel keeps its times, but not its memory.
    let watching = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while waitid(process.clone(), watching)?.is_none() {
        used = Used::of(child.id()).unwrap_or(used);
        match end.recv_timeout(LOOK) {
            Ok(line) => last = line.unwrap_or_default(),
            Err(RecvTimeoutError::Disconnected) => thread::sleep(Duration::from_millis(1)),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if over.load(Ordering::Relaxed) || begun.elapsed() > PATIENCE {
            child.kill()?;
        }
    }
    (used.user, used.system) = times(child.id()).unwrap_or((used.user, used.system));
    let status = child.wait()?;
    // Its last line may still be on its way here.
    if let Ok(line) = end.recv_timeout(LAST_LINE) {
        last = line.unwrap_or_default();
    }
    if status.success() {
        Ok(used)
    } else {
        Err(io::Error::other(format!("it ended with {status}: {last}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell that runs the file of that name, in place of the program with such a command.
    fn played(give: &str, take: &str) -> io::Result<Moved> {
        let place = tempfile::tempdir()?;
        std::fs::write(place.path().join("give"), give)?;
        std::fs::write(place.path().join("take"), take)?;
        let shell = Program::at(Path::new("/bin/sh"))?;
        shell.transfer(&place.path().join("give"), place.path(), None)
    }

    #[test]
    fn a_giver_does_not_wait_for_another_taker() {
        let failed = played("echo '{\"code\":\"1-a\"}'; exec sleep 1000", "echo why; exit 3");
        let said = failed.err().unwrap().to_string();
        assert!(said.contains("3") && said.contains("why"), "{said}");
    }

    #[test]
    fn memory_and_processor_time_of_a_process_outlast_it() {
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let moved = played("echo '{\"code\":\"1-a\"}'", busy).unwrap();
        assert!(moved.taker.processor() > 0.0 && moved.taker.memory > 0);
    }
}
