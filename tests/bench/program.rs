//! The pinhole that is measured, as its users run it.

use crate::options::Options;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two looks at a process. The kernel keeps the peak, so only its growth in the last
/// moment is missed.
const LOOK: Duration = Duration::from_millis(20);

/// The program.
pub struct Program {
    path: PathBuf,
    /// The command that runs it where its network is, if that is not this one.
    enter: Vec<OsString>,
    env: Vec<(&'static str, String)>,
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
    /// The larger of both, in each respect.
    pub fn max(self, other: Self) -> Self {
        Self {
            resident: self.resident.max(other.resident),
            memory: self.memory.max(other.memory),
            user: self.user.max(other.user),
            system: self.system.max(other.system),
        }
    }

    /// This process so far. Its memory says nothing: it is that of everything it measures.
    pub fn here() -> Self {
        Self { memory: 0, ..Self::of(std::process::id()).unwrap_or_default() }
    }

    /// The processes that this one has started and that have ended. Nobody keeps their memory.
    pub fn of_children() -> Self {
        let (user, system) = times(std::process::id(), 16).unwrap_or_default();
        Self { user, system, ..Self::default() }
    }

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
        let (user, system) = times(process, 14)?;
        Some(Self { resident: memory("VmRSS:")?, memory: memory("VmHWM:")?, user, system })
    }
}

/// The time of user and that of system in a process's `stat`, from field `first` of
/// proc_pid_stat(5) on: 14 its own, 16 its children's.
fn times(process: u32, first: usize) -> Option<(u64, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field, in brackets, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(first - 3);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |hundredths: u64| hundredths as f64 / 100.0;
        if self.memory > 0 {
            write!(f, "peak memory {:.1} MiB, ", self.memory as f64 / 1024.0)?;
        }
        write!(
            f,
            "processor {:.2} s user, {:.2} s system",
            seconds(self.user),
            seconds(self.system)
        )
    }
}

/// A `give` that has shown its code.
pub struct Giving {
    pub child: Child,
    pub code: String,
    /// From its start to the code.
    pub time: Duration,
    lines: BufReader<ChildStdout>,
}

/// A relay that listens. Ended when dropped.
pub struct Relay {
    child: Child,
    pub port: u16,
    _log: BufReader<ChildStderr>,
}

impl Relay {
    /// Memory and processor time that it has used so far.
    pub fn used(&self) -> io::Result<Used> {
        Used::of(self.child.id()).ok_or_else(|| io::Error::other("the relay has ended"))
    }

    /// The address that clients are given.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A `host` or `connect` that has its channel. Ended when dropped.
pub struct Session {
    child: Child,
    pub code: String,
}

impl Session {
    /// Starts it at home in `place`: a host waits for its code, a peer until it is connected.
    pub fn start(program: &Program, args: &[&str], place: &Path) -> io::Result<Self> {
        let mut child = program.command(args, place).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        while lines.read_line(&mut line)? > 0 {
            let said: Value = serde_json::from_str(&line)?;
            let code = said["code"].as_str().unwrap_or_default().to_owned();
            if !code.is_empty() || said["event"] == "connected" {
                // It waits for whoever reads what it says.
                thread::spawn(move || io::copy(&mut lines, &mut io::sink()));
                return Ok(Self { child, code });
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

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The variable that names the relay to both sides.
fn by_relay(url: &str) -> (&'static str, &str) {
    ("PINHOLE_RELAY", url)
}

impl Program {
    /// The one that the options name, or the release build of this workspace.
    pub fn find(options: &Options) -> io::Result<Self> {
        if let Some(path) = &options.program {
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
        Ok(Self { path: path.canonicalize()?, enter: Vec::new(), env })
    }

    /// The same one in another network, which is its own, with this environment.
    pub fn within(&self, enter: Vec<OsString>, env: Vec<(&'static str, String)>) -> Self {
        Self { path: self.path.clone(), enter, env }
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
        let mut child =
            self.command(args, place).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut log = BufReader::new(child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        while log.read_line(&mut line)? > 0 {
            if let Ok(said) = serde_json::from_str::<Value>(&line)
                && said["event"] == "listening"
                && let Some(port) = said["port"].as_u64().and_then(|port| port.try_into().ok())
            {
                return Ok(Relay { child, port, _log: log });
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
        let (giver, taker) = thread::scope(|threads| {
            let giver = threads.spawn(move || finish(giving.child, giving.lines));
            let taker = finish(taker, lines);
            let giver = giver.join().map_err(|_| io::Error::other("a watching thread panicked"))?;
            io::Result::Ok((giver?, taker?))
        })?;
        let time = begun.elapsed();
        let name = source.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let (here, there) = (source.metadata()?, target.join(name).metadata()?);
        if here.is_file() && here.len() != there.len() {
            return Err(io::Error::other("what arrived is not as long as what was given"));
        }
        Ok(Moved { time, giver, taker })
    }
}

/// Watches a process to its end, which has to be a good one.
fn finish(mut child: Child, lines: BufReader<ChildStdout>) -> io::Result<Used> {
    let reading = thread::spawn(move || lines.lines().map_while(Result::ok).last());
    let mut used = Used::default();
    let status = loop {
        used = Used::of(child.id()).unwrap_or(used);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::sleep(LOOK);
    };
    let last = reading.join().ok().flatten().unwrap_or_default();
    if status.success() {
        Ok(used)
    } else {
        Err(io::Error::other(format!("it ended with {status}: {last}")))
    }
}
