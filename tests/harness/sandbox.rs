//! The sandbox that agents put their commands into: bubblewrap, from Debian's package, and filters
//! of system calls.

use super::{Machine, PROGRAM};
use std::ffi::OsStr;
use std::process::Command;

/// A sandbox, by what it forbids.
#[derive(Clone, Copy, Default)]
pub struct Sandbox {
    /// A PID namespace of the command's own, which ends with it.
    pub brief: bool,
    /// No network but a loopback of the command's own.
    pub offline: bool,
    /// Nothing can be written.
    pub read_only: bool,
    /// System calls that are refused.
    pub refused: &'static [Refused],
}

/// A system call that is refused with EPERM.
#[derive(Clone, Copy)]
pub enum Refused {
    UnixSocket,
    SocketPair,
    Bind,
    Listen,
    Connect,
}

impl Sandbox {
    /// The program on this machine with these arguments, in this sandbox.
    pub fn command<S: AsRef<OsStr>>(
        &self,
        here: &Machine,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = here.other("sh");
        // The shell opens the filter under a number that bubblewrap inherits.
        command.args(["-c", "exec 9<\"$1\"; shift; exec bwrap --seccomp 9 \"$@\"", "sh"]);
        command.arg(here.write(".filter", filter(self.refused)));
        command.args([
            "--ro-bind",
            "/",
            "/",
            "--dev",
            "/dev",
            "--proc",
            "/proc",
            "--die-with-parent",
        ]);
        let root = here.dir();
        if !self.read_only {
            command.arg("--bind").args([root.parent().unwrap(), root.parent().unwrap()]);
        }
        command
            .args(self.brief.then_some("--unshare-pid"))
            .args(self.offline.then_some("--unshare-net"));
        command.args(["--", PROGRAM]).args(args);
        command
    }
}

/// The numbers of socket, socketpair, bind, listen and connect, and of the architecture
/// (linux/audit.h).
#[cfg(target_arch = "x86_64")]
const NUMBERS: ([u32; 5], u32) = ([41, 53, 49, 50, 42], 0xC000_003E);
#[cfg(target_arch = "aarch64")]
const NUMBERS: ([u32; 5], u32) = ([198, 199, 200, 201, 203], 0xC000_00B7);

/// A filter as the kernel takes it (linux/filter.h, linux/seccomp.h): eight bytes an instruction.
fn filter(refused: &[Refused]) -> Vec<u8> {
    const LOAD: u16 = 0x20;
    const IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    /// Offsets of a call's number, architecture and first argument.
    const NUMBER: u32 = 0;
    const ARCHITECTURE: u32 = 4;
    const FIRST: u32 = 16;
    const ALLOW: u32 = 0x7FFF_0000;
    const EPERM: u32 = 0x0005_0001;
    const AF_UNIX: u32 = 1;
    let ([socket, pair, bind, listen, connect], architecture) = NUMBERS;
    // Each: what to do, how many instructions to skip if it is not equal, with what.
    let mut program = vec![(LOAD, 0, ARCHITECTURE), (IF_EQUAL, 1, architecture), (LOAD, 0, NUMBER)];
    for call in refused {
        match call {
            Refused::UnixSocket => program.extend([
                (IF_EQUAL, 4, socket),
                (LOAD, 0, FIRST),
                (IF_EQUAL, 1, AF_UNIX),
                (RETURN, 0, EPERM),
                (LOAD, 0, NUMBER),
            ]),
            Refused::SocketPair => program.extend([(IF_EQUAL, 1, pair), (RETURN, 0, EPERM)]),
            Refused::Bind => program.extend([(IF_EQUAL, 1, bind), (RETURN, 0, EPERM)]),
            Refused::Listen => program.extend([(IF_EQUAL, 1, listen), (RETURN, 0, EPERM)]),
            Refused::Connect => program.extend([(IF_EQUAL, 1, connect), (RETURN, 0, EPERM)]),
        }
    }
    program.push((RETURN, 0, ALLOW));
    let bytes = |(code, skip, with): (u16, u8, u32)| {
        [&code.to_le_bytes()[..], &[0, skip], &with.to_le_bytes()].concat()
    };
    program.into_iter().flat_map(bytes).collect()
}
