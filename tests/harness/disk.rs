//! File systems of sticks and cards, in a file and mounted for one command, from Debian's packages
//! exfat-fuse, exfatprogs and ntfs-3g.

use super::{Machine, PROGRAM, not_run};
use std::ffi::OsStr;
use std::process::Command;

/// Commands that make a file system and mount it at `disk`. The file that it is in is the device
/// `$loop`.
pub struct Disk {
    /// As a test names it.
    pub name: &'static str,
    make: &'static str,
    mount: &'static str,
}

pub const EXFAT: Disk =
    Disk { name: "exFAT", make: "mkfs.exfat $loop", mount: "mount.exfat-fuse $loop disk" };
/// With the names that Windows has.
pub const NTFS: Disk =
    Disk { name: "NTFS", make: "mkfs.ntfs -Q $loop", mount: "ntfs-3g -o windows_names $loop disk" };
/// With those of POSIX, which Linux has by default.
pub const NTFS_POSIX: Disk = Disk {
    name: "NTFS with names of POSIX",
    make: "mkfs.ntfs -Q $loop",
    mount: "ntfs-3g $loop disk",
};

/// Runs a command with the disk mounted, and copies what is on it, mounted anew, to `copy`. Ends
/// with the status of the command, or 99. A loop device that is given up in use goes with its last
/// user, however that ends.
const SCRIPT: &str = r#"
with() {
  loop=$(losetup --find --show image) || return
  eval "$1" </dev/null >setup 2>&1; done=$?
  losetup --detach $loop; return $done
}
mount --make-rprivate / && mkdir -p disk copy && truncate -s 256M image &&
  with 'MAKE' && with 'MOUNT' || { cat setup >&2; exit 99; }
("$@"); status=$?
umount disk && with 'MOUNT' && cp -r disk/. copy/ || exit 99
umount disk
exit $status
"#;

/// A shell with this script, in which `$0` is the program and `$@` these arguments, in the working
/// directory, where `small` is a disk in memory of this size. `None`, and the test says so, if
/// nothing can be mounted here.
pub fn small<S: AsRef<OsStr>>(
    there: &Machine,
    size: &str,
    script: &str,
    args: impl IntoIterator<Item = S>,
) -> Option<Command> {
    std::fs::create_dir(there.path("small")).unwrap();
    let mount = format!("mount -t tmpfs -o size={size} none small");
    let mut tried = there.other("unshare");
    tried.args(OWN_MOUNTS).args(["sh", "-c", &mount]);
    if !tried.status().is_ok_and(|status| status.success()) {
        not_run("no disk can be mounted");
        return None;
    }
    let mut command = there.other("unshare");
    command.args(OWN_MOUNTS).args(["sh", "-c", &format!("{mount} && {{ {script}; }}"), PROGRAM]);
    command.args(args);
    Some(command)
}

/// Namespaces in which any user may mount a disk in memory.
const OWN_MOUNTS: [&str; 3] = ["--user", "--map-root-user", "--mount"];

impl Disk {
    /// The program on this machine with these arguments, in its working directory, where `disk` is
    /// this disk. In namespaces of its own, whose end takes what serves the disk with it.
    pub fn command<S: AsRef<OsStr>>(
        &self,
        there: &Machine,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = self.around(there);
        command.arg(PROGRAM).args(args);
        command
    }

    /// True if there is such a disk here; otherwise says why the test does not run.
    pub fn is_there(&self) -> bool {
        let tried =
            self.around(&Machine::new()).arg("true").output().expect("unshare of util-linux");
        if !tried.status.success() {
            let said = String::from_utf8_lossy(&tried.stderr);
            not_run(format_args!("no {} can be mounted: {}", self.name, said.trim()));
        }
        tried.status.success()
    }

    fn around(&self, there: &Machine) -> Command {
        let script = SCRIPT.replace("MAKE", self.make).replace("MOUNT", self.mount);
        let mut command = there.other("unshare");
        command.args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            &script,
            "sh",
        ]);
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }
}
