//! Folders onto the file systems of sticks and cards, which cannot hold every name: all arrives,
//! and what has another name is counted.

use crate::give_take::faithful::Listed;
use crate::harness::disk::{Disk, EXFAT, NTFS, NTFS_POSIX};
use crate::harness::{Machine, Running, corpus};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Names of every kind, each on a file, on a folder and on what is in that, and with its number as
/// content.
fn make(root: &Path) -> Vec<OsString> {
    let names: Vec<_> = corpus::kept()
        .into_iter()
        .chain(corpus::changed().into_iter().map(|(name, _)| name))
        .collect();
    for (number, name) in names.iter().enumerate() {
        let folder = root.join("folders").join(name);
        fs::create_dir_all(root.join("files")).unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::write(root.join("files").join(name), number.to_string()).unwrap();
        fs::write(folder.join(name), number.to_string()).unwrap();
    }
    fs::create_dir_all(root.join("empty/in")).unwrap();
    symlink("empty", root.join("link")).unwrap();
    File::create(root.join("empty/holes")).unwrap().set_len(1 << 20).unwrap();
    names
}

/// Every file below a folder by what is in it.
fn by_content(root: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let twice = found.insert(
                    fs::read_to_string(&path).unwrap(),
                    path.strip_prefix(root).unwrap().to_owned(),
                );
                assert_eq!(twice, None, "{path:?}");
            }
        }
    }
    found
}

/// Checks that all that was sent is stored, each under its name or one that is counted, and that
/// the names listed are those on the disk.
#[track_caller]
fn arrives(disk: &Disk, holds: impl Fn(&OsStr) -> bool, links: bool) {
    if !disk.is_there() {
        return;
    }
    let (here, there) = (Machine::new(), Machine::new());
    let names = make(&here.path("d"));
    let mut giver = here.start(["give", "d"]);
    let code = giver.code();
    let taker = Running::start(disk.command(&there, ["take", &code, "-o", "disk"])).end();
    let (taker, giver) = (taker.expect(0), giver.end().expect(0));
    let listed = Listed::of(&taker.one("file"), "d");
    assert_eq!(listed, Listed::of(&giver.one("delivered"), "d"));
    let mut renamed = 0;
    let [files, folders] =
        ["files", "folders"].map(|part| by_content(&there.path("copy/d").join(part)));
    assert_eq!((files.len(), folders.len()), (names.len(), names.len()));
    for (number, name) in names.iter().enumerate() {
        let (file, below) = (&files[&number.to_string()], &folders[&number.to_string()]);
        let [folder, inside] = [below.parent().unwrap(), Path::new(below.file_name().unwrap())];
        renamed +=
            [file, folder, inside].into_iter().filter(|stored| stored.as_os_str() != *name).count()
                as u64;
        assert_eq!(inside.as_os_str() == *name, holds(name), "{name:?} is {inside:?}");
        for (sent, stored) in [("files", file.as_path()), ("folders", folder)] {
            let path = Path::new(sent).join(name);
            assert!(
                listed.renamed.get(&path).is_none_or(|now| now == stored),
                "{path:?} {stored:?}"
            );
        }
    }
    println!("{}: {renamed} of {} names are others", disk.name, 3 * names.len());
    assert_eq!(listed.counts, [renamed, 0, u64::from(!links)]);
    assert!(listed.left_out.iter().all(|path| path == Path::new("link")));
    assert_eq!(there.path("copy/d/link/holes").exists(), links);
    assert!(
        there.path("copy/d/empty/in").is_dir()
            && fs::read(there.path("copy/d/empty/holes")).unwrap() == vec![0; 1 << 20]
    );
    assert_eq!(
        fs::read_dir(there.path("copy"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name() != "System Volume Information")
            .count(),
        1
    );
}

/// True if Windows allows this name.
fn of_windows(name: &OsStr) -> bool {
    let text = name.to_str();
    text.is_some_and(|text| {
        corpus::is_safe(text) && !text.contains(['<', '>', ':', '"', '\\', '|', '?', '*'])
    })
}

#[test]
fn on_exfat_all_arrives_and_what_has_another_name_is_listed() {
    arrives(&EXFAT, of_windows, false);
}

#[test]
fn on_ntfs_all_arrives_and_what_has_another_name_is_listed() {
    let device = |text: &str| {
        let stem = text.split('.').next().unwrap().trim_end().to_uppercase();
        let numbered = |name: &str| {
            stem.strip_prefix(name)
                .is_some_and(|number| "123456789".contains(number) && number.len() == 1)
        };
        ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str()) || numbered("COM") || numbered("LPT")
    };
    let holds = |name: &OsStr| {
        of_windows(name)
            && name.to_str().is_some_and(|text| !text.ends_with(['.', ' ']) && !device(text))
    };
    arrives(&NTFS, holds, true);
    arrives(&NTFS_POSIX, |name| name.to_str().is_some_and(corpus::is_safe), true);
}

#[test]
fn on_exfat_files_that_are_named_one_by_one_all_arrive() {
    if !EXFAT.is_there() {
        return;
    }
    let (here, there) = (Machine::new(), Machine::new());
    let names = make(&here.path("d"));
    let mut giver = here.command(["give", "--"]);
    let mut giver = Running::start({
        giver
            .args(names.iter().map(|name| Path::new(".").join(name)))
            .current_dir(here.path("d/files"));
        giver
    });
    let code = giver.code();
    let taker =
        Running::start(EXFAT.command(&there, ["take", &code, "-o", "disk"])).end().expect(0);
    giver.end().expect(0);
    let stored = by_content(&there.path("copy"));
    let (renamed, kept): (Vec<_>, Vec<_>) =
        taker.all("file").into_iter().partition(|file| file["original_name"].is_string());
    let as_sent =
        |(number, name): &(usize, &OsString)| stored[&number.to_string()].as_os_str() == *name;
    assert_eq!((stored.len(), renamed.len() + kept.len()), (names.len(), names.len()));
    assert_eq!(names.iter().enumerate().filter(as_sent).count(), kept.len());
}
