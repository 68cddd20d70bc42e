//! The system's facts about the disk, or the file system, that something is on.

use rustix::fs::{StatVfs, fstatfs};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// File systems whose lengths mean nothing (statfs(2), `linux/magic.h`).
const MADE_UP: [u64; 21] = [
    0x0000_9fa0, // procfs
    0x6265_6572, // sysfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x7472_6163, // tracefs
    0x6462_6720, // debugfs
    0x6265_6570, // configfs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x5a3c_69f0, // apparmorfs
    0xcafe_4a11, // bpf
    0x6165_676c, // pstore
    0xde5e_81e4, // efivarfs
    0x4249_4e4d, // binfmt_misc
    0x0765_5821, // resctrl
    0xabba_1974, // xenfs
    0x6e66_7364, // nfsd
    0x6573_5543, // fusectl
    0x6759_6969, // rpc_pipefs
    0x1980_0202, // mqueue
];
/// File systems on which a file that is said to be empty is: those that keep the length themselves.
const TRUE: [u64; 9] = [
    0x0000_ef53, // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0xf2f5_2010, // F2FS
    0x2fc1_2fc1, // ZFS
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0x0000_4d44, // FAT
    0x2011_bab0, // exFAT
];
/// Overlayfs, which says of a file what the file system beneath says; sysfs can be that, and FUSE.
const OVERLAY: u64 = 0x794c_7630;

/// The room on a disk.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    /// Its size in bytes; 0 where the file system does not say.
    pub total: u64,
    /// Bytes that an unprivileged user may still take.
    pub available: u64,
    /// Files and folders that it can hold; 0 where it does not say, or makes room as it is needed.
    pub inodes: u64,
    /// The number that an unprivileged user may still make.
    pub inodes_available: u64,
    /// The longest name it holds, in bytes; 0 where it does not say.
    pub longest_name: u64,
}

impl Space {
    /// Of the disk of what is at a path.
    ///
    /// # Errors
    /// Of the system, also if nothing is there.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::told(&rustix::fs::statvfs(path)?))
    }

    pub(super) fn told(stat: &StatVfs) -> Self {
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Self {
            total: bytes(stat.f_blocks),
            available: bytes(stat.f_bavail),
            inodes: stat.f_files,
            inodes_available: stat.f_favail,
            longest_name: stat.f_namemax,
        }
    }
}

/// The worth of the lengths that a file system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lengths {
    /// They are true.
    True,
    /// Those of the file systems beneath it, which are commonly true ones: overlayfs, as in a
    /// container.
    Beneath,
    /// All but that of an empty file: the network's and a program's (FUSE).
    TrueButForZero,
    /// None: files are made up as they are read.
    MadeUp,
}

impl Lengths {
    /// Of the file system that an open file or folder is on.
    ///
    /// # Errors
    /// Of the system.
    pub fn of(handle: impl AsFd) -> io::Result<Self> {
        Ok(lengths(u64::try_from(fstatfs(handle)?.f_type).unwrap_or(0)))
    }
}

fn lengths(magic: u64) -> Lengths {
    if MADE_UP.contains(&magic) {
        Lengths::MadeUp
    } else if TRUE.contains(&magic) {
        Lengths::True
    } else if magic == OVERLAY {
        Lengths::Beneath
    } else {
        Lengths::TrueButForZero
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_known_by_their_numbers() {
        let kinds = [Lengths::True, Lengths::MadeUp, Lengths::TrueButForZero, Lengths::Beneath];
        assert_eq!([0xef53, 0x9fa0, 0x6573_5546, OVERLAY].map(lengths), kinds);
    }
}
