//! Processes: the groups and sessions they belong to, their limits, and what the system tells about
//! them.

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_current_process_group, kill_process_group,
    setrlimit, setsid, test_kill_process_group,
};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use tokio::process::{Child, Command};

/// True if there is such a program: at this path if it is one, else in one of the folders of
/// `PATH`.
#[must_use]
pub fn is_program(name: &OsStr) -> bool {
    let runs = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    if name.as_encoded_bytes().contains(&b'/') {
        return runs(Path::new(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    !name.is_empty() && std::env::split_paths(&path).any(|folder| runs(&folder.join(name)))
}

/// The path of this program's file, also where another has taken its place meanwhile.
///
/// # Errors
/// Of the system, if it does not tell.
pub fn own_program() -> io::Result<std::path::PathBuf> {
    let own = std::env::current_exe()?;
    // Linux adds this once the file was replaced.
    let path = own.to_str().and_then(|path| path.strip_suffix(" (deleted)"));
    Ok(path.map(Into::into).unwrap_or(own))
}

/// True for a variable of the environment that every program needs: where it finds programs and its
/// own settings, and how it shows text.
#[must_use]
pub fn is_basic_variable(name: &str) -> bool {
    const BASIC: [&str; 9] =
        ["PATH", "HOME", "LANG", "TERM", "TMPDIR", "TZ", "USER", "LOGNAME", "SHELL"];
    BASIC.contains(&name) || name.starts_with("LC_") || name.starts_with("XDG_")
}

/// Has a command start its program as the leader of a [`Group`].
pub fn lead_group(command: &mut Command) -> &mut Command {
    command.process_group(0)
}

/// The process group that a program leads: itself and what it has started. Dropped, all of it is
/// killed: not later than just after the program was waited for, because its number may be
/// another's from then on.
pub struct Group(Pid);

impl Group {
    /// The group of a program that was started by [`lead_group`] and was not waited for.
    #[must_use]
    pub fn of(child: &Child) -> Option<Self> {
        child.id().and_then(|id| Pid::from_raw(id.cast_signed())).map(Self)
    }

    /// Asks all of it to end.
    pub fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        // It may have ended just now.
        let _ = kill_process_group(self.0, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// True if nothing is left of the group that the process of this number has led.
#[must_use]
pub fn is_group_gone(leader: u32) -> bool {
    let group = i32::try_from(leader).ok().and_then(Pid::from_raw);
    group.is_some_and(|group| test_kill_process_group(group) == Err(Errno::SRCH))
}

/// Leaves the terminal and the process session of whoever started this process, so that it outlives
/// both.
///
/// # Errors
/// Of the system, if it refuses that.
pub fn leave_session() -> io::Result<()> {
    setsid()?;
    Ok(())
}

/// Interrupts this process and those that share the terminal's attention with it, as Ctrl-C does.
pub fn interrupt_own_group() {
    // It is a signal to ourselves.
    let _ = kill_current_process_group(Signal::INT);
}

/// Has a crash of this process leave no copy of its memory on a disk.
pub fn forbid_core_dumps() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // If the limit cannot be lowered, it was zero already.
    let _ = setrlimit(Resource::Core, none);
}

/// Lets this process have as many files and connections open as the system allows it: at first that
/// is often 1,024. If it may not have more, it has those.
pub fn allow_many_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// True if a process is stopped, as by Ctrl-Z; false where the system does not tell.
#[must_use]
pub fn is_stopped(process: i32) -> bool {
    let stat = std::fs::read(format!("/proc/{process}/stat")).unwrap_or_default();
    // proc(5): the name is in brackets and may hold anything.
    stat.iter()
        .rposition(|byte| *byte == b')')
        .is_some_and(|end| stat.get(end..).is_some_and(|rest| rest.starts_with(b") T ")))
}
