//! A person's terminal: the program runs in it, keys are typed into it, and what stands on its
//! screen is read.

use super::{Machine, PATIENCE, PROGRAM, Root};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A running program with its terminal. Killed when dropped.
pub struct Terminal {
    pub child: Child,
    keys: File,
    shown: Receiver<Vec<u8>>,
    /// All bytes that were shown.
    pub bytes: Vec<u8>,
    screen: vt100::Parser,
    _root: Option<Arc<Root>>,
}

impl Terminal {
    /// Starts the program in a terminal of 24 rows and this many columns.
    pub fn start<S: AsRef<OsStr>>(
        machine: &Machine,
        columns: u16,
        args: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::start_with(machine, columns, args, |_| {})
    }

    /// Starts a shell with this script in a terminal of 80 columns, in which `$0` is the program.
    pub fn shell(machine: &Machine, script: &str) -> Self {
        let mut shell = controlling(machine);
        shell.args(["sh", "-c", script, PROGRAM]);
        Self::within(80, shell, |_| {})
    }

    /// The same with a change to its environment.
    pub fn start_with<S: AsRef<OsStr>>(
        machine: &Machine,
        columns: u16,
        args: impl IntoIterator<Item = S>,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = controlling(machine);
        command.arg(PROGRAM).args(args);
        Self::within(columns, command, change)
    }

    fn within(columns: u16, mut command: Command, change: impl FnOnce(&mut Command)) -> Self {
        let (keys, line) = pair();
        tcsetwinsize(&keys, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })
            .unwrap();
        command.stdin(line.try_clone().unwrap()).stdout(line.try_clone().unwrap()).stderr(line);
        change(&mut command);
        let root = Root::of(&command);
        let child = command.spawn().unwrap();
        // The command holds this side's handles of the line; while they are open, its end is never
        // seen.
        drop(command);
        let mut screen = keys.try_clone().unwrap();
        let (told, shown) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It ends with an error once no process holds the line any more.
            while let Ok(read @ 1..) = screen.read(&mut bytes) {
                if told.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keys,
            shown,
            bytes: Vec::new(),
            screen: vt100::Parser::new(size(24), size(columns), 1000),
            _root: root,
        }
    }

    /// Types keys.
    pub fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Pastes over a slow line: 64 bytes come each 50 ms.
    pub fn paste(&mut self, text: &str) {
        for piece in text.as_bytes().chunks(64) {
            self.keys.write_all(piece).unwrap();
            let until = Instant::now() + Duration::from_millis(50);
            while let Ok(bytes) =
                self.shown.recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                self.show(&bytes);
            }
        }
    }

    /// The text on the screen.
    pub fn screen(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits until this stands on the screen.
    #[track_caller]
    pub fn see(&mut self, text: &str) {
        self.wait(text, |screen| screen.contains(text).then_some(()));
    }

    /// Waits until a code stands on the screen, other than this one, and returns it.
    #[track_caller]
    pub fn code_after(&mut self, old: &str) -> String {
        self.wait("new code", |screen| {
            let last =
                screen.lines().filter_map(|line| line.strip_prefix("Code: ")).next_back()?.trim();
            // The line below it is there, so it is whole.
            (last != old && screen.rsplit_once(last)?.1.contains("Good for one guest"))
                .then(|| last.to_owned())
        })
    }

    /// Waits until a code stands on the screen and returns it.
    #[track_caller]
    pub fn code(&mut self) -> String {
        self.code_after("")
    }

    /// True if anything was shown in a colour or another look.
    pub fn painted(&self) -> bool {
        let said = String::from_utf8_lossy(&self.bytes);
        let mut functions = said.split("\u{1b}[").skip(1);
        functions.any(|rest| {
            rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
        })
    }

    #[track_caller]
    fn wait<T>(&mut self, what: &str, seen: impl Fn(&str) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = seen(&self.screen()) {
                return found;
            }
            let Ok(bytes) =
                self.shown.recv_timeout(until.saturating_duration_since(Instant::now()))
            else {
                panic!("no {what:?} on the screen:\n{}", self.screen());
            };
            self.show(&bytes);
        }
    }

    /// Waits for its end, and returns its exit status and the screen that it leaves.
    #[track_caller]
    pub fn end(&mut self, status: i32) -> String {
        let until = Instant::now() + PATIENCE;
        while let Ok(bytes) =
            self.shown.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            self.show(&bytes);
        }
        assert!(Instant::now() < until, "still running:\n{}", self.screen());
        let ended = self.child.wait().unwrap();
        assert_eq!(ended.code(), Some(status), "{}", self.screen());
        self.screen()
    }

    fn show(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.screen.process(bytes);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The side of a new terminal that keys are typed at, and the line that programs have.
pub fn pair() -> (File, File) {
    let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&keys).unwrap();
    unlockpt(&keys).unwrap();
    let name = ptsname(&keys, Vec::new()).unwrap();
    let line = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    (keys.into(), open(&*name, line, Mode::empty()).unwrap().into())
}

/// Makes its standard input the controlling terminal of what it is to start, and becomes that.
fn controlling(machine: &Machine) -> Command {
    let mut command = machine.other("setsid");
    command.arg("--ctty").env("TERM", "xterm-256color");
    command
}

fn size(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).unwrap()
}
