//! A disk or directory that fails (TESTPLAN C5, C6).

use super::*;
use crate::failure::{Exit, Kind};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

#[test]
fn a_full_disk_is_told_to_both_sides() {
    let desk = Desk::new();
    let incoming = desk.begin(&[item("f", ItemKind::File, Some(4))]).unwrap();
    incoming.register(&part(0, [file("f", 4)])).unwrap();
    // The one device that is always full stands in for the file.
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    incoming.write_into(0, full);
    let refusal = incoming.write(0, 0, b"1234").unwrap_err();
    assert_eq!((refusal.reason, refusal.failure.kind), (Reason::NoSpace, Kind::NoSpace));
    assert_eq!(
        refusal.failure.detail,
        "\"f\" was not saved: No space left on device (os error 28)"
    );
    assert_eq!(reason(incoming.commit_all(1, 4)), Reason::Protocol);
    drop(incoming);
    assert!(desk.is_empty());
}

#[test]
fn what_the_system_says_becomes_the_reason() {
    let of = |errno: Errno| Refusal::disk("f", &errno.into()).reason;
    assert_eq!(
        [Errno::NOSPC, Errno::DQUOT, Errno::IO, Errno::ROFS, Errno::FBIG, Errno::EXIST].map(of),
        [
            Reason::NoSpace,
            Reason::NoSpace,
            Reason::Disk,
            Reason::Disk,
            Reason::Disk,
            Reason::Exists
        ]
    );
}

/// TESTPLAN C5: a disk that is full after every 64 KiB of 4 MiB. It needs a file system of its own,
/// which only root may mount.
#[test]
fn a_disk_that_fills_up_at_any_point_leaves_no_final_name() {
    let chunk = content(65_536);
    let size = 64 * 65_536u64;
    for kib in (64..=4096).step_by(448) {
        let dir = tempfile::tempdir().unwrap();
        let Some(_mounted) = Mounted::tmpfs(dir.path(), &format!("size={kib}k")) else {
            println!("skipped: a tmpfs cannot be mounted here");
            return;
        };
        let inbox =
            Inbox::open(dir.path(), Policy { keep_free: 0.0, ..Policy::default() }).unwrap();
        // A stream, because a file of this size would be refused before it begins.
        let incoming = inbox
            .begin(inbox.plan(&offer(&[item("s", ItemKind::Stream, None)]), None, true).unwrap())
            .unwrap();
        incoming.register(&part(0, [stream("s")])).unwrap();
        let refused = (0..64).find_map(|number| incoming.write(0, number * 65_536, &chunk).err());
        assert_eq!(
            refused.map(|refusal| (refusal.reason, refusal.failure.exit())),
            (kib < 4096).then_some((Reason::NoSpace, Exit::Disk)),
            "{kib}"
        );
        assert_eq!(incoming.commit_all(1, size).is_ok(), kib >= 4096);
        drop(incoming);
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), usize::from(kib >= 4096));

        let too_large =
            inbox.plan(&offer(&[item("f", ItemKind::File, Some(size + 65_536))]), None, true);
        assert_eq!(reason(too_large), Reason::NoSpace);
    }
}

/// A stream says nothing beforehand, so it is the writing that notices, at the first look again.
#[test]
fn a_stream_that_would_take_what_stays_free_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_mounted) = Mounted::tmpfs(dir.path(), "size=128m") else {
        println!("skipped: a tmpfs cannot be mounted here");
        return;
    };
    let inbox = Inbox::open(dir.path(), Policy { keep_free: 0.75, ..Policy::default() }).unwrap();
    let incoming = inbox
        .begin(inbox.plan(&offer(&[item("s", ItemKind::Stream, None)]), None, true).unwrap())
        .unwrap();
    incoming.register(&part(0, [stream("s")])).unwrap();
    let chunk = vec![1; 32 << 20];
    incoming.write(0, 0, &chunk).unwrap();
    assert_eq!(reason(incoming.write(0, 32 << 20, &chunk)), Reason::NoSpace);
}

#[test]
fn part_of_the_inodes_stays_free_whatever_is_made_of_them() {
    let kinds: [fn(&str) -> Entry; 3] = [folder, |path| file(path, 0), |path| file(path, 1)];
    for kind in kinds {
        let dir = tempfile::tempdir().unwrap();
        let Some(_mounted) = Mounted::tmpfs(dir.path(), "size=64m,nr_inodes=1000") else {
            println!("skipped: a tmpfs cannot be mounted here");
            return;
        };
        let inbox = Inbox::open(dir.path(), Policy::default()).unwrap();
        let counted =
            Offer { entries: 990, counted: true, ..offer(&[item("t", ItemKind::Folder, None)]) };
        assert_eq!(inbox.plan(&counted, None, true).unwrap_err().reason, Reason::NoSpace);
        let incoming = inbox
            .begin(inbox.plan(&offer(&[item("t", ItemKind::Folder, None)]), None, true).unwrap())
            .unwrap();
        incoming.register(&part(0, [folder("t")])).unwrap();
        let refusal = (0..).find_map(|number| {
            let first = 1 + number * 100;
            incoming
                .register(&part(first, (first..first + 100).map(|name| kind(&format!("t/{name}")))))
                .err()
        });
        let refusal = refusal.unwrap();
        assert!(
            refusal.reason == Reason::NoSpace
                && refusal.failure.detail.contains(" of which 50 stay free,"),
            "{refusal}"
        );
        // Those that are only promised have no inode yet, and none is missing for them.
        let free = rustix::fs::statvfs(dir.path()).unwrap().f_favail;
        assert!(free >= 50, "{free}");
        drop(incoming);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

/// A mount that ends with the test.
pub(super) struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    pub(super) fn tmpfs(at: &'a Path, options: &str) -> Option<Self> {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    /// The folder `of` itself, a second time.
    pub(super) fn again(at: &'a Path, of: &Path) -> Option<Self> {
        let mounted = Command::new("mount").arg("--bind").arg(of).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

#[test]
fn a_directory_that_is_not_there_or_not_one_is_named() {
    let base = tempfile::tempdir().unwrap();
    fs::write(base.path().join("file"), "").unwrap();
    std::os::unix::fs::symlink(base.path().join("nowhere"), base.path().join("dangling")).unwrap();
    for name in ["missing", "file", "dangling"] {
        let path = base.path().join(name);
        let failure = Inbox::open(&path, Policy::default()).unwrap_err();
        assert_eq!(failure.kind, Kind::Disk);
        assert!(failure.detail.contains(path.to_str().unwrap()) && failure.next.is_some());
    }
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 2);
    assert_eq!(
        Inbox::private(&base.path().join("file"), Policy::default()).unwrap_err().exit(),
        Exit::Disk
    );
}

#[test]
fn a_directory_that_goes_away_is_a_clean_failure_at_every_step() {
    let steps = |until: usize| -> Result<(), Refusal> {
        let desk = Desk::new();
        let remove = |step| (step == until).then(|| fs::remove_dir_all(desk.dir.path()).unwrap());
        remove(0);
        let plan = desk.inbox.plan(&offer(&[item("f", ItemKind::Folder, None)]), None, true)?;
        remove(1);
        let incoming = desk.inbox.begin(plan)?;
        remove(2);
        incoming.register(&part(0, [folder("f"), file("f/a", 1)]))?;
        remove(3);
        incoming.write(1, 0, b"x")?;
        remove(4);
        incoming.commit_all(2, 1).map(drop)
    };
    for until in 1..5 {
        let refusal = steps(until).unwrap_err();
        assert_eq!(refusal.reason, Reason::Disk, "{until}: {refusal}");
    }
    steps(5).unwrap();
}

/// Root writes anywhere, so the directory here is one in which even root creates nothing.
#[test]
fn a_directory_that_cannot_be_written_to_is_found_out_before_the_offer_is_accepted() {
    let inbox = Inbox::open(Path::new("/proc"), Policy::default()).unwrap();
    let plan = inbox.plan(&offer(&[item("f", ItemKind::File, Some(1))]), None, true).unwrap();
    let failure = inbox.begin(plan).unwrap_err().failure;
    assert_eq!(failure.kind, Kind::Disk);
    assert!(
        failure.detail.starts_with("\"f\" was not saved: ") && failure.next.is_some(),
        "{failure}"
    );
}

/// The umask belongs to the whole process, so this test runs itself in one of its own for each.
#[test]
fn modes_do_not_depend_on_the_umask() {
    if std::env::var_os("PINHOLE_TEST_UMASK").is_none() {
        for umask in ["000", "022", "777"] {
            let script = format!(
                "umask {umask}; exec \"$0\" --exact \
                files::inbox::tests::disk::modes_do_not_depend_on_the_umask"
            );
            let mut child = Command::new("sh");
            child
                .args(["-c", &script])
                .arg(std::env::current_exe().unwrap())
                .env("PINHOLE_TEST_UMASK", umask);
            let output = child.output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success() && said.contains("1 passed"), "umask {umask}: {said}");
        }
        return;
    }
    let base = tempfile::tempdir().unwrap();
    fs::set_permissions(base.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let inbox = Inbox::private(base.path(), Policy::default()).unwrap();
    let items = [item("t", ItemKind::Folder, None), item("f", ItemKind::File, Some(1))];
    let incoming = inbox.begin(inbox.plan(&offer(&items), None, true).unwrap()).unwrap();
    let mut runnable = file("t/x", 1);
    runnable.mode = Some(0o755);
    incoming
        .register(&part(0, [folder("t"), folder("t/d"), runnable, file("t/d/e", 0), file("f", 1)]))
        .unwrap();
    incoming.write(2, 0, b"x").unwrap();
    incoming.write(4, 0, b"f").unwrap();
    incoming.commit_all(5, 2).unwrap();
    for (name, mode) in
        [("", 0o700), ("t", 0o700), ("t/d", 0o700), ("t/x", 0o700), ("t/d/e", 0o600), ("f", 0o600)]
    {
        assert_eq!(fs::metadata(inbox.path().join(name)).unwrap().mode() & 0o7777, mode, "{name}");
    }
}

#[test]
fn a_name_that_cannot_be_replaced_plainly_is_taken_without_replacing() {
    let desk = Desk::new();
    let root = &desk.inbox.0.folder;
    for kind in ["file", "folder"] {
        let names = ["new", "old", "free"].map(|name| format!("{kind} {name}"));
        let [from, to, free] = names.each_ref().map(OsStr::new);
        for name in [from, to] {
            if kind == "file" {
                drop(root.create_file(name).unwrap());
            } else {
                root.create_folder(name).unwrap();
            }
        }
        let old = root.identity(to).unwrap();
        assert_eq!(
            root.rename_plainly(from, root, to).unwrap_err().kind(),
            std::io::ErrorKind::AlreadyExists
        );
        assert_eq!(root.identity(to).unwrap(), old);
        let new = root.identity(from).unwrap();
        root.rename_plainly(from, root, free).unwrap();
        assert_eq!(root.identity(free).unwrap(), new);
        assert!(root.kind(from).unwrap().is_none());
    }
}
