//! The real program as its users meet it: started in a directory of its own, on loopback, told what
//! to do, and watched line by line.

pub mod content;
pub mod contract;
pub mod corpus;
pub mod disk;
pub mod doctor;
pub mod free_space;
pub mod process;
pub mod proxy;
pub mod relay;
pub mod sandbox;
pub mod schema;
pub mod socket;
pub mod tap;
pub mod terminal;
pub mod texts;
pub mod wire;

use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_pinhole");

/// The longest that anything may take. Generous: the machines that run this are small and busy, and
/// a test that passes never waits for it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks at something that nobody announces: short, and no burden to the machine.
const LOOK: Duration = Duration::from_millis(2);

/// Waits until there is what `look` looks for; `what` names it if it does not come.
#[track_caller]
pub fn wait<T>(what: impl std::fmt::Display, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "within {PATIENCE:?} not {what}");
        std::thread::park_timeout(LOOK);
    }
}

/// The port of a code, which is its number.
pub fn port(code: &str) -> u16 {
    code.split('-').next().unwrap().parse().unwrap()
}

/// Lets so many seconds pass, where they are what a test is about.
pub fn pass(seconds: usize) {
    let until = Instant::now() + Duration::from_secs(seconds as u64);
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

/// Times that a test does something, or seconds: as `PINHOLE_RUNS` says, `full` if all
/// is asked for, else `reduced`.
pub fn runs(full: usize, reduced: usize) -> usize {
    let asked = std::env::var("PINHOLE_RUNS").ok().map(|runs| runs.parse().expect("a number"));
    asked.unwrap_or(if content::in_full() { full } else { reduced })
}

/// Durations of something, said in full runs (`--nocapture`).
pub struct Times {
    what: &'static str,
    all: Vec<Duration>,
}

impl Times {
    pub fn of(what: &'static str) -> Self {
        Self { what, all: Vec::new() }
    }

    pub fn push(&mut self, time: Duration) {
        self.all.push(time);
    }
}

impl Drop for Times {
    fn drop(&mut self) {
        self.all.sort();
        if let (Some(median), Some(worst)) = (self.all.get(self.all.len() / 2), self.all.last()) {
            let count = self.all.len();
            eprintln!("{}: {count} times, median {median:.1?}, worst {worst:.1?}", self.what);
        }
    }
}

/// Says on standard error, past what the test runner keeps to itself, that the test of this thread
/// does not run here, and why.
pub fn not_run(why: impl std::fmt::Display) {
    let test = std::thread::current();
    let line = format!("not run: {}, {why}\n", test.name().unwrap_or("a test"));
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// A machine of the test's own: a home and a working directory. They go with it, or with the last
/// program that runs there, which would make them anew.
pub struct Machine {
    root: Arc<Root>,
    /// True if its programs tell no addresses, and dial none that they are told.
    placeless: bool,
}

/// The directory of a machine.
struct Root(tempfile::TempDir);

/// The machines that there are, by their homes.
static ROOTS: Mutex<BTreeMap<PathBuf, Weak<Root>>> = Mutex::new(BTreeMap::new());

impl Root {
    fn home(&self) -> PathBuf {
        self.0.path().join("home")
    }

    /// The one that a command has its home in.
    fn of(command: &Command) -> Option<Arc<Self>> {
        let home = command.get_envs().find_map(|(name, home)| home.filter(|_| name == "HOME"))?;
        ROOTS.lock().unwrap().get(Path::new(home))?.upgrade()
    }
}

impl Drop for Root {
    /// Ends what a test that failed has left in the background.
    fn drop(&mut self) {
        ROOTS.lock().unwrap().remove(&self.home());
        if self.home().join(".local/state/pinhole/run").exists() {
            for session in process::in_background(&self.home()) {
                let _ = rustix::process::kill_process(session, rustix::process::Signal::KILL);
            }
        }
    }
}

impl Machine {
    #[track_caller]
    pub fn new() -> Self {
        let root = Arc::new(Root(tempfile::tempdir().unwrap()));
        free_space::check(root.0.path());
        std::fs::create_dir(root.0.path().join("work")).unwrap();
        std::fs::create_dir(root.home()).unwrap();
        ROOTS.lock().unwrap().insert(root.home(), Arc::downgrade(&root));
        Self { root, placeless: false }
    }

    /// One that is met over the wire before it alone: it tells the other side no addresses.
    #[track_caller]
    pub fn on_a_wire() -> Self {
        Self { placeless: true, ..Self::new() }
    }

    /// The home directory, where private directories are.
    pub fn home(&self) -> PathBuf {
        self.root.home()
    }

    /// The working directory.
    pub fn dir(&self) -> PathBuf {
        self.root.0.path().join("work")
    }

    /// A path below the working directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir().join(name)
    }

    /// Writes a file below the working directory.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The program with these arguments, not yet started.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.other(PROGRAM);
        command.args(args);
        command
    }

    /// A shell with this script, in which `$0` is the program and `$@` these arguments.
    pub fn shell<S: AsRef<OsStr>>(
        &self,
        script: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = self.other("sh");
        command.args(["-c", script, PROGRAM]).args(args);
        command
    }

    /// Another program here, such as one that starts ours.
    pub fn other(&self, program: &str) -> Command {
        // Under `nohup`, or in a script's background job, this process ignores signals, and
        // children inherit that. `env` resets them and then becomes the program, under the same id.
        let mut command = Command::new("/usr/bin/env");
        command.args(["--default-signal", program]).current_dir(self.dir()).env_clear();
        command
            .env("HOME", self.home())
            .env("PATH", "/usr/bin:/bin")
            .env("PINHOLE_NETWORK", "loopback")
            // On a busy machine a relay seems far enough for more of them.
            .env("PINHOLE_LINKS", "1");
        if self.placeless {
            command.env("PINHOLE_PLACES", "none");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the program with these arguments.
    pub fn start<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Running {
        Running::start(self.command(args))
    }

    /// Starts a host in the background and returns its code.
    pub fn detached_host(&self) -> String {
        let hosted = self.run(["host", "--detach"]).expect(0).all("status");
        hosted[0]["code"].as_str().expect("a code").to_owned()
    }

    /// Runs the program to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        self.start(args).end()
    }

    /// Runs a command that prints what it prints, such as `config`, to its good end, and returns
    /// that.
    #[track_caller]
    pub fn run_plain<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let ended = self.command(args).output().unwrap();
        assert!(
            ended.status.success() && ended.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        String::from_utf8(ended.stdout).unwrap()
    }
}

/// The program at work. Killed when dropped.
pub struct Running {
    pub child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
    /// The lines so far.
    pub seen: Vec<String>,
    /// True if they are the JSON lines of EVENTS.md.
    json: bool,
    /// True if it may print the lines of another session.
    reads: bool,
    _root: Option<Arc<Root>>,
}

impl Running {
    /// Starts it and follows its lines: those of standard output, or of standard error where `-o -`
    /// leaves the other to what is received, which is then for the test to read.
    pub fn start(mut command: Command) -> Self {
        let args: Vec<_> = command.get_args().map(OsStr::to_owned).collect();
        let bytes_out = args.windows(2).any(|pair| pair == ["-o", "-"]);
        let no_json = args.iter().any(|arg| arg == "--human" || arg == "--bell");
        let reads = args
            .iter()
            .any(|verb| ["receive", "send", "ask", "close"].iter().any(|reads| verb == reads));
        let root = Root::of(&command);
        let mut child = command.spawn().unwrap();
        let errors = child.stderr.take().map_or_else(|| channel().1, follow);
        let (lines, errors) = match child.stdout.take() {
            Some(output) if bytes_out => {
                child.stdout = Some(output);
                (errors, channel().1)
            }
            output => (output.map_or_else(|| channel().1, follow), errors),
        };
        Self { child, lines, errors, seen: Vec::new(), json: !no_json, reads, _root: root }
    }

    /// The next line, without its end; nothing after the last.
    pub fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.seen.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("no line within {PATIENCE:?}; so far: {:#?}", self.seen)
            }
        }
    }

    /// The next line of standard error, without its end; nothing after the last.
    pub fn error_line(&mut self) -> Option<String> {
        match self.errors.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Timeout) => {
                panic!("no line on standard error within {PATIENCE:?}")
            }
            line => line.ok(),
        }
    }

    /// Reads JSON lines until one of this type, and of this `event` if it is not empty.
    pub fn until(&mut self, kind: &str, event: &str) -> Value {
        loop {
            let line = self.line().unwrap_or_else(|| {
                panic!("ended before {kind} {event}: {:#?}, {:?}", self.seen, self.error_lines())
            });
            let value: Value =
                serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            if value["type"] == kind && (event.is_empty() || value["event"] == event) {
                return value;
            }
        }
    }

    /// The line that it prints for the other machine, as arguments of the program.
    pub fn join_line(&mut self) -> Vec<String> {
        let channel = self.until("status", "channel");
        let line = channel["join"].as_str().unwrap();
        line.strip_prefix("pinhole ")
            .unwrap()
            .split(' ')
            .filter(|word| *word != "PATH...")
            .map(str::to_owned)
            .collect()
    }

    /// Waits for the channel and returns its code.
    pub fn code(&mut self) -> String {
        self.until("status", "channel")["code"].as_str().unwrap().to_owned()
    }

    /// Writes to its standard input, which must be piped.
    pub fn feed(&mut self, bytes: impl AsRef<[u8]>) {
        self.child.stdin.as_mut().unwrap().write_all(bytes.as_ref()).unwrap();
    }

    /// Closes its standard input.
    pub fn hang_up(&mut self) {
        self.child.stdin = None;
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end and gathers everything that it said. What `-o -` received and the test has
    /// not read is read here.
    pub fn end(mut self) -> Ended {
        let output = self.child.stdout.take().map(|mut output| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                output.read_to_end(&mut bytes).unwrap();
                bytes
            })
        });
        while self.line().is_some() {}
        let status = wait("ended, as its output has", || self.child.try_wait().unwrap());
        let errors = std::iter::from_fn(|| self.error_line()).collect();
        let output = output.map_or_else(Vec::new, |output| output.join().unwrap());
        Ended {
            status,
            lines: std::mem::take(&mut self.seen),
            errors,
            output,
            json: self.json,
            reads: self.reads,
        }
    }

    fn error_lines(&self) -> Vec<String> {
        self.errors.try_iter().collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that has ended.
pub struct Ended {
    pub status: ExitStatus,
    pub lines: Vec<String>,
    pub errors: Vec<String>,
    /// Bytes that `-o -` received.
    pub output: Vec<u8>,
    json: bool,
    reads: bool,
}

impl Ended {
    /// Checks the exit status, and shows everything if it is another; then holds the lines against
    /// the promise.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "stdout: {:#?}\nstderr: {:#?}",
            self.lines,
            self.errors
        );
        if self.json {
            contract::check(&self.lines, code, self.reads);
            assert!(self.errors.is_empty(), "{:#?}", self.errors);
        }
        self
    }

    /// The error that it ended with: its word, sentence and next step.
    #[track_caller]
    pub fn failure(&self) -> Value {
        let reason = self.one("end")["reason"].clone();
        self.all("error")
            .into_iter()
            .find(|error| error["error"] == reason)
            .unwrap_or_else(|| panic!("unexplained: {:#?}", self.lines))
    }

    /// Everything that it wrote.
    pub fn everything(&self) -> String {
        format!(
            "{}\n{}\n{}",
            self.lines.join("\n"),
            self.errors.join("\n"),
            String::from_utf8_lossy(&self.output)
        )
    }

    /// The JSON lines of a type.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        let values = self.lines.iter().map(|line| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("not JSON: {line}"))
        });
        values.filter(|value| value["type"] == kind).collect()
    }

    /// The one JSON line of a type.
    #[track_caller]
    pub fn one(&self, kind: &str) -> Value {
        let all = self.all(kind);
        assert_eq!(all.len(), 1, "{:#?}", self.lines);
        all.into_iter().next().unwrap()
    }
}

fn follow(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (told, lines) = channel();
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            line.clear();
            if told.send(text).is_err() {
                return;
            }
        }
    });
    lines
}
