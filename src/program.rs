//! A program that the command line names behind `--`: found before a code is used, run without a shell, and ended with what it started.

use crate::failure::{Failure, Kind};
use rustix::fs::{Access, access};
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tokio::process::{Child, Command};

/// Variables of ours that hold a code's words or a token: no business of another program's.
pub const OURS: [&str; 2] = ["PINHOLE_CODE", "PINHOLE_HOST_TOKEN"];

/// A program and its arguments.
#[derive(Clone, Debug)]
pub struct Program {
    name: OsString,
    args: Vec<OsString>,
}

impl Program {
    /// The program of a command line.
    ///
    /// # Errors
    /// `no-such-file` if there is none that can be run; nothing at all if no program is named, which each option says in its own words.
    pub fn named(command: &[OsString]) -> Result<Option<Self>, Failure> {
        let Some((name, args)) = command.split_first() else { return Ok(None) };
        if !found(name) {
            let detail = format!("there is no program {name:?} that can be run here");
            return Err(Failure::new(Kind::NoSuchFile, detail).next("check its spelling and PATH; no shell looks for it"));
        }
        Ok(Some(Self { name: name.clone(), args: args.to_vec() }))
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Its command, which gets neither codes nor tokens, and is killed when it is given up.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.name);
        command.args(&self.args).kill_on_drop(true);
        OURS.iter().for_each(|name| {
            command.env_remove(name);
        });
        command
    }
}

/// The process group that a program leads. Dropped, all of it is killed: not later than just after the program was waited for, because
/// its number may be another's from then on.
pub struct Group(Pid);

impl Group {
    /// That of a program that was started in a group of its own and was not waited for.
    #[must_use]
    pub fn of(child: &Child) -> Option<Self> {
        child.id().and_then(|id| Pid::from_raw(id.cast_signed())).map(Self)
    }

    /// Sends a signal to all of it.
    pub fn signal(&self, signal: Signal) {
        // It may have ended just now.
        let _ = kill_process_group(self.0, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Whether there is such a program: at this path if there is a `/` in it, else in one of the folders of `PATH`.
fn found(program: &OsStr) -> bool {
    let runs = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    if program.as_bytes().contains(&b'/') {
        return runs(Path::new(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    !program.is_empty() && std::env::split_paths(&path).any(|folder: PathBuf| runs(&folder.join(program)))
}
