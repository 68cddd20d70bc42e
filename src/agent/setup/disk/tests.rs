use super::*;
use crate::failure::Exit;
use std::os::unix::fs::{PermissionsExt, symlink};

fn change(path: &Path, before: Option<&str>, after: Option<&str>) -> Change {
    Change {
        path: path.to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        shown: Vec::new(),
    }
}

#[test]
fn what_another_program_has_written_meanwhile_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b.json");
    change(&path, None, Some("one")).make().unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&path, "theirs").unwrap();
    for stale in [
        change(&path, Some("one"), Some("two")),
        change(&path, Some("one"), None),
        change(&path, None, Some("two")),
    ] {
        let failure = stale.make().unwrap_err();
        assert!(
            failure.exit() == Exit::Disk
                && failure.detail.contains("was changed by another program"),
            "{failure}"
        );
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
    change(&path, Some("theirs"), None).make().unwrap();
    assert_eq!(folder.path().join("a").read_dir().unwrap().count(), 0);
}

#[test]
fn readers_find_the_old_file_or_the_new_one_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("kept"), folder.path().join("link"));
    std::fs::write(&path, "one").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    symlink("kept", &link).unwrap();
    let held = File::open(&path).unwrap();
    change(&link, Some("one"), Some("two")).make().unwrap();
    assert_eq!(
        (io::read_to_string(held).unwrap(), std::fs::read_to_string(&path).unwrap()),
        ("one".into(), "two".into())
    );
    assert!(link.is_symlink() && path.metadata().unwrap().permissions().mode() & 0o777 == 0o644);
    assert_eq!(folder.path().read_dir().unwrap().count(), 2, "nothing else is left");
}

#[test]
fn what_is_no_configuration_is_not_read_to_its_end() {
    for (path, says) in [("/dev/zero", "is not a file"), ("/", "is not a file")] {
        let failure = read(Path::new(path)).unwrap_err();
        assert!(failure.exit() == Exit::Usage && failure.detail.contains(says), "{failure}");
    }
    assert_eq!(read(Path::new("/nowhere/mcp.json")).unwrap(), None);
}
