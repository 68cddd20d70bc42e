//! Places of a machine whose meaning is known beforehand.

use super::name::from_bytes;
use rustix::process::getuid;
use std::path::{Path, PathBuf};

/// Folders in which things are kept for a while that belong to no project, beside that of this
/// user.
pub const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Files and folders that hold secrets of the machine or of its users, in small letters: hashes of
/// passwords, networks, environments and memory of processes, secrets mounted into containers.
pub const SECRETS: &[&str] = &[
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssl/private",
    "/etc/wireguard",
    "/etc/openvpn",
    "/etc/ppp",
    "/etc/networkmanager/system-connections",
    "/proc",
    "/run/secrets",
    "/run/credentials",
    "/run/keys",
];

/// The folder for the configuration of the machine.
pub const SYSTEM: &str = "/etc";

/// The folder in which homes commonly are, for an account that is known by its name alone.
pub const HOMES: &str = "/home";

/// Advice against sending something that the system makes up; `None` for anything else.
#[must_use]
pub fn advice_on_made_up(path: &Path) -> Option<&'static str> {
    ["/proc", "/sys", "/dev"]
        .iter()
        .any(|system| path.starts_with(system))
        .then_some("leave it out: /proc, /sys and /dev belong to the system")
}

/// True for a path that leads to something of whatever process follows it, such as the pipe of a
/// shell's `<(command)`.
#[must_use]
pub fn is_of_process(path: &Path) -> bool {
    ["/dev/fd", "/dev/stdin", "/proc/self", "/proc/thread-self"]
        .iter()
        .any(|own| path.starts_with(own))
}

/// True for the names under which a process finds what it has open.
#[must_use]
pub fn is_open_file(path: &Path) -> bool {
    let numbered = path.parent().is_some_and(|folder| {
        folder == Path::new("/dev/fd") || folder == Path::new("/proc/self/fd")
    });
    numbered || ["/dev/stdin", "/dev/stdout", "/dev/stderr"].iter().any(|it| path == Path::new(it))
}

/// The list of this machine's accounts; empty where there is none. An account that only a directory
/// service knows is not in it.
#[must_use]
pub fn accounts() -> Vec<u8> {
    std::fs::read("/etc/passwd").unwrap_or_default()
}

/// The homes in such a list, each with true if it is that of whoever runs this program.
#[must_use]
pub fn homes(accounts: &[u8]) -> Vec<(PathBuf, bool)> {
    accounts.split(|byte| *byte == b'\n').filter_map(home).collect()
}

/// Of a line of passwd(5), whose third field is a number and the sixth the home.
fn home(line: &[u8]) -> Option<(PathBuf, bool)> {
    let mut fields = line.split(|byte| *byte == b':');
    let number =
        fields.nth(2).and_then(|field| std::str::from_utf8(field).ok()?.parse::<u32>().ok());
    let home = PathBuf::from(from_bytes(fields.nth(2)?));
    Some((home, number == Some(getuid().as_raw())))
}
