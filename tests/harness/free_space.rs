//! The free space without which tests fail or wait for reasons of their own.

use rustix::fs::statvfs;
use std::path::Path;
use std::sync::OnceLock;

/// Share of a disk that the program leaves free, in percent (EVENTS.md, `no-space`).
const KEPT: u64 = 5;
/// Bytes for what a suite has on the disk at one time.
const FOR_TESTS: u64 = 256 << 20;

/// Ends the test at once, with what is free and what is needed, if the disk of `place` is nearly
/// full: the program would refuse everything there, and be waited for in vain.
#[track_caller]
pub fn check(place: &Path) {
    static LACK: OnceLock<Option<String>> = OnceLock::new();
    let lack = LACK.get_or_init(|| {
        let disk = statvfs(place).unwrap();
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        lack(bytes(disk.f_bavail), bytes(disk.f_blocks))
            .map(|lack| format!("the disk of {} {lack}", place.parent().unwrap_or(place).display()))
    });
    if let Some(lack) = lack {
        panic!("{lack}");
    }
}

/// The lack of space on a disk of `total` bytes, `None` if there is enough. A file system that says
/// no size is believed.
fn lack(free: u64, total: u64) -> Option<String> {
    let needed = total / 100 * KEPT + FOR_TESTS;
    let mebibytes = |bytes: u64| bytes >> 20;
    (total > 0 && free < needed).then(|| {
        format!(
            "has {} MiB free, and the tests need {} MiB: the program leaves {KEPT} % of it free",
            mebibytes(free),
            mebibytes(needed)
        )
    })
}

#[test]
fn a_disk_that_is_nearly_full_is_named_before_anything_runs() {
    const GIB: u64 = 1 << 30;
    let sentence = "has 5000 MiB free, and the tests need 5376 MiB: the program leaves 5 % of it \
                    free";
    assert_eq!(lack(5_000 << 20, 100 * GIB).as_deref(), Some(sentence));
    assert_eq!(lack(5_376 << 20, 100 * GIB), None);
    assert!(lack(0, GIB).is_some());
    assert_eq!(lack(0, 0), None);
}
