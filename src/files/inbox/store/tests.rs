use super::super::{Inbox, Policy};
use super::*;
use crate::failure::{Exit, Kind};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

fn secret(bytes: &[u8]) -> SecretVec {
    SecretVec::new(bytes.to_vec())
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_secret_goes_to_a_new_private_file_under_a_safe_name() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = Inbox::open(dir.path(), Policy::default()).unwrap();
    let label = |label: &str| PeerText::new(label.to_owned());
    let stored = [
        None,
        Some(label("API_KEY")),
        Some(label("API_KEY")),
        Some(label("../../.ssh/id")),
        Some(label(".env")),
    ]
    .map(|label| inbox.store_secret(label.as_ref(), &secret(b"s3cr3t")).unwrap());
    let stored = stored.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    assert_eq!(stored, ["secret", "API_KEY", "API_KEY (1)", "secret (1)", "_.env"]);
    for name in stored {
        let path = inbox.path().join(name);
        assert_eq!(fs::read(&path).unwrap(), b"s3cr3t");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    }
    assert_eq!(names(dir.path()).len(), 5);
}

#[test]
fn a_long_text_is_stored_by_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = Inbox::open(dir.path(), Policy::default()).unwrap();
    let path = inbox.store_text(ItemId(7), "long").unwrap();
    assert_eq!(
        (path.file_name().unwrap().to_str(), fs::read(&path).unwrap()),
        (Some("text-7.txt"), b"long".to_vec())
    );
    assert_eq!(
        inbox.store_text(ItemId(7), "other").unwrap().file_name().unwrap().to_str(),
        Some("text-7 (1).txt")
    );
}

#[test]
fn a_secret_at_a_chosen_path_replaces_and_follows_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    store_secret_at(&path(".env").into(), &secret(b"s3cr3t")).unwrap();
    assert_eq!(fs::read(path(".env")).unwrap(), b"s3cr3t");
    assert_eq!(fs::metadata(path(".env")).unwrap().mode() & 0o7777, 0o600);

    fs::write(path("file"), "old").unwrap();
    fs::create_dir(path("folder")).unwrap();
    symlink(path("made"), path("dangling")).unwrap();
    for name in ["file", "folder", "dangling", "missing/file", "file/below"] {
        let failure = store_secret_at(&path(name).into(), &secret(b"s3cr3t")).unwrap_err();
        assert_eq!(failure.exit(), Exit::Disk);
        assert!(failure.detail.contains(name) && !failure.detail.contains("s3cr3t"), "{failure}");
    }
    assert!(store_secret_at(&PathBuf::from("/").into(), &secret(b"x")).is_err());
    assert_eq!(fs::read(path("file")).unwrap(), b"old");
    assert_eq!(names(dir.path()), [".env", "dangling", "file", "folder"]);
}

#[test]
fn nothing_is_left_of_a_secret_that_cannot_be_stored() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let failed: io::Result<()> = store_as(&folder, b"s3cr3t", |_| Err(io::ErrorKind::Other.into()));
    assert!(failed.is_err());
    assert!(names(dir.path()).is_empty());

    let inbox = Inbox::open(dir.path(), Policy::default()).unwrap();
    fs::remove_dir(dir.path()).unwrap();
    let failure = inbox.store_secret(None, &secret(b"s3cr3t")).unwrap_err();
    assert!(
        failure.detail.starts_with("the secret was not stored in ")
            && !failure.detail.contains("s3cr3t")
    );
}

#[test]
fn texts_and_secrets_count_against_what_a_channel_may_bring() {
    let dir = tempfile::tempdir().unwrap();
    let inbox =
        Inbox::open(dir.path(), Policy { max_entries: Some(3), ..Policy::default() }).unwrap();
    inbox.store_text(ItemId(1), "1234").unwrap();
    inbox.store_secret(None, &secret(b"1234")).unwrap();
    inbox.store_text(ItemId(3), "12").unwrap();
    assert_eq!(inbox.store_text(ItemId(2), "123").unwrap_err().kind, Kind::TooLarge);
    assert_eq!(inbox.store_secret(None, &secret(b"123")).unwrap_err().kind, Kind::TooLarge);
    assert_eq!(names(dir.path()).len(), 3);
    let inbox =
        Inbox::open(dir.path(), Policy { max_size: Some(10_000), ..Policy::default() }).unwrap();
    inbox.store_text(ItemId(4), "1234").unwrap();
    assert_eq!(inbox.store_secret(None, &secret(&[7; 6_000])).unwrap_err().kind, Kind::TooLarge);
}
