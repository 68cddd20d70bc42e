use super::*;
use crate::failure::Kind;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Makes the changes.
fn make(changes: Vec<Change>) {
    changes.iter().for_each(|change| change.make().unwrap());
}

fn find(directory: &Path) -> Skill {
    Skill::find(directory.to_owned()).unwrap()
}

/// Everything below a directory, with what is in it.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Option<String>> {
    let mut all = BTreeMap::new();
    for path in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            all.extend(tree(&path));
        }
        let text = std::fs::read_to_string(&path).ok();
        all.insert(path, text);
    }
    all
}

#[test]
fn it_comes_and_goes_with_the_directories_that_it_needed() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("agent")).unwrap();
    let before = tree(home.path());
    let directory = home.path().join("agent/skills/pinhole");
    assert_eq!(find(&directory).version(), None);
    make(find(&directory).put().unwrap());
    for (name, text) in plugin::skill() {
        assert_eq!(std::fs::read_to_string(directory.join(name)).unwrap(), text);
    }
    let skill = find(&directory);
    assert_eq!((skill.version(), skill.put().unwrap().len()), (Some(VERSION), 0));
    let (changes, left) = skill.take().unwrap();
    make(changes);
    skill.tidy();
    assert_eq!((left.len(), tree(home.path())), (0, before));
    assert!(find(&directory).take().unwrap().0.is_empty());
}

/// The files of an older version, as that had recorded them.
fn older(directory: &Path) {
    make(find(directory).put().unwrap());
    let files = [("SKILL.md", "old text"), ("references/gone.md", "old page")];
    files.iter().for_each(|(name, text)| std::fs::write(directory.join(name), text).unwrap());
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), checksum(text))).collect();
    std::fs::write(
        directory.join(RECORD),
        Record { version: "0.0.9".into(), made: 1, files }.to_string(),
    )
    .unwrap();
}

#[test]
fn an_older_version_is_brought_to_this_one() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("pinhole");
    older(&directory);
    assert_eq!(find(&directory).version(), Some("0.0.9"));
    make(find(&directory).put().unwrap());
    assert!(
        !directory.join("references/gone.md").exists()
            && find(&directory).put().unwrap().is_empty()
    );
    let skill = find(&directory);
    make(skill.take().unwrap().0);
    skill.tidy();
    assert!(!directory.exists());
}

#[test]
fn what_somebody_has_written_is_neither_overwritten_nor_deleted() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("pinhole");
    older(&directory);
    std::fs::write(directory.join("SKILL.md"), "mine now").unwrap();
    std::fs::write(directory.join("notes.md"), "mine").unwrap();
    let skill = find(&directory);
    assert_eq!(skill.put().unwrap_err().kind, Kind::Exists);
    let (changes, left) = skill.take().unwrap();
    assert_eq!(left, [directory.join("SKILL.md")]);
    make(changes);
    skill.tidy();
    let rest: Vec<PathBuf> = tree(&directory).into_keys().collect();
    assert_eq!(rest, [directory.join("SKILL.md"), directory.join("notes.md")]);
    // Without a record of it, too.
    assert_eq!(find(&directory).put().unwrap_err().kind, Kind::Exists);
}

#[test]
fn a_link_is_not_followed() {
    let home = tempfile::tempdir().unwrap();
    let elsewhere = home.path().join("repository");
    make(find(&elsewhere).put().unwrap());
    std::os::unix::fs::symlink(&elsewhere, home.path().join("pinhole")).unwrap();
    assert!(Skill::find(home.path().join("pinhole")).is_err());
    let directory = home.path().join("other");
    std::fs::create_dir(&directory).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("SKILL.md"), directory.join("SKILL.md")).unwrap();
    assert_eq!(find(&directory).put().unwrap_err().kind, Kind::Exists);
    assert!(find(&directory).take().unwrap().0.is_empty());
}

#[test]
fn a_record_leads_nowhere_else() {
    let sum = checksum("x");
    for name in ["../x", "/etc/x", "a/../../x", ".", ""] {
        let text = format!("# pinhole 1 made 0 directories\n{sum}  {name}\n");
        assert_eq!(Record::parse(&text), None, "{name}");
    }
    let record = Record::now(2);
    assert_eq!(Record::parse(&record.to_string()), Some(record));
}

proptest! {
    #[test]
    fn any_record_is_survived(
        text in prop_oneof![
            any::<String>(),
            "# pinhole 1 made [0-9]{1,30} d\n([0-9a-f]{2}  [a-z./]{0,5}\n){0,3}",
        ],
    ) {
        let _ = Record::parse(&text);
    }
}
