use super::lines::{Kind as Item, Name, Partly, is_hidden, read, text};
use super::*;
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn begun(name: &str) -> Begun {
    Begun {
        name: Name(name.as_bytes().to_vec()),
        kind: Item::Folder,
        part: ".pinhole-0123456789abcdef.part".to_owned(),
    }
}

fn partly(path: &str, ranges: &[(u64, u64)]) -> Partly {
    let path = Name(path.as_bytes().to_vec());
    Partly {
        item: 0,
        here: path.clone(),
        path,
        size: 100,
        modified: (-1, 5),
        ranges: ranges.to_vec(),
    }
}

fn wrote(bytes: u64, files: Vec<Partly>) -> Wrote {
    Wrote { bytes, of: Some(200), files }
}

/// A journal of one item and what was written of it, as it is on the disk.
fn whole() -> Vec<u8> {
    let wrote = |bytes| Line::Wrote(wrote(bytes, vec![partly("/d/\u{1}f", &[(0, 7), (9, 10)])]));
    text([Line::Item(begun("t")), wrote(7), wrote(8)])
}

#[test]
fn what_is_said_last_counts_and_half_a_line_is_none() {
    let text = whole();
    let told = read(text.as_slice());
    assert_eq!((told.items, told.wrote.bytes), (vec![begun("t")], 8));
    assert_eq!(told.wrote.files[0].here().count(), 8);
    let cut = read(&text[..text.len() - 1]);
    assert_eq!(cut.wrote.bytes, 7);
}

#[test]
fn what_leads_elsewhere_or_contradicts_itself_ends_the_reading() {
    let bad: [Partly; 11] = [
        partly("/../f", &[]),
        partly("//f", &[]),
        partly("/f/", &[]),
        partly("f", &[]),
        partly("/d/.", &[]),
        partly("/f\0", &[]),
        partly("/f", &[(5, 5)]),
        partly("/f", &[(5, 7), (6, 8)]),
        partly("/f", &[(5, 101)]),
        Partly { item: 1, ..partly("/f", &[]) },
        Partly { modified: (0, 1_000_000_000), ..partly("/f", &[]) },
    ];
    for file in bad {
        let lines = [Line::Item(begun("t")), Line::Wrote(wrote(1, vec![file.clone()]))];
        assert_eq!(read(text(lines).as_slice()).wrote, Wrote::default(), "{file:?}");
    }
    for item in ["..", "", "a/b", "/"] {
        assert!(read(text([Line::Item(begun(item))]).as_slice()).items.is_empty(), "{item}");
    }
    let lines = [Line::Item(Begun { part: "../../etc/passwd".into(), ..begun("t") })];
    assert!(read(text(lines).as_slice()).items.is_empty());
    for name in [".pinhole-0123456789abcdeF.part", ".pinhole-0123.part", ".pinhole-.part"] {
        assert!(!is_hidden(name.as_bytes(), b".part"), "{name}");
    }
}

#[test]
fn a_line_that_would_be_too_long_leaves_files_out() {
    let (mut wrote, mut left) = (Wrote::default(), 900_000);
    for _ in 0..4 {
        wrote.add(partly(&format!("/{}", "x".repeat(100_000)), &[]), &mut left);
    }
    assert_eq!(wrote.files.len(), 2);
    let text = text([Line::Item(begun("t")), Line::Wrote(wrote.clone())]);
    assert_eq!(read(text.as_slice()).wrote, wrote);
}

#[test]
fn of_a_file_in_more_pieces_than_a_line_has_room_for_the_first_are_kept() {
    let ranges = |count| (0..count).map(|n| (2 * n, 2 * n + 1)).collect::<Vec<_>>();
    let (mut wrote, mut left) = (Wrote::default(), 1_000 * 44 + 160 + 4);
    wrote.add(Partly { size: 1 << 20, ..partly("/", &ranges(1_500)) }, &mut left);
    wrote.add(partly("/", &ranges(1)), &mut left);
    assert_eq!((wrote.files.len(), left, &wrote.files[0].ranges), (1, 0, &ranges(1_000)));
}

#[test]
fn a_journal_is_its_owners_alone_and_one_at_a_time_uses_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let mut journal = Journal::make(&folder, vec![begun("t")]).unwrap();
    journal.add(wrote(3, Vec::new())).unwrap();
    let name = OsString::from(&journal.name);
    let mode = fs::metadata(dir.path().join(&name)).unwrap().permissions().mode();
    assert!(is_journal(&name) && mode & 0o7777 == 0o600);
    let in_use = Found::open(&folder, &name).unwrap().unwrap();
    assert!(in_use.held.is_none() && in_use.told.wrote.bytes == 3);
    drop(journal);
    let found = Found::open(&folder, &name).unwrap().unwrap();
    assert!(found.held.is_some());
    assert!(Found::open(&folder, &name).unwrap().unwrap().held.is_none());
}

#[test]
fn what_is_not_a_journal_of_ours_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let at = |name: &str| dir.path().join(name);
    let name = ".pinhole-0123456789abcdef.journal";
    let open = || Found::open(&folder, name.as_ref());
    assert!(open().is_err());
    fs::write(at("other"), whole()).unwrap();
    fs::set_permissions(at("other"), fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("other", at(name)).unwrap();
    assert!(open().unwrap().is_none());
    fs::remove_file(at(name)).unwrap();
    fs::hard_link(at("other"), at(name)).unwrap();
    assert!(open().unwrap().is_none());
    fs::remove_file(at("other")).unwrap();
    assert!(open().unwrap().is_some());
    for mode in [0o640, 0o602, 0o400, 0o4600] {
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        assert!(open().unwrap().is_none(), "{mode:o}");
    }
    fs::remove_file(at(name)).unwrap();
    fs::create_dir(at(name)).unwrap();
    assert!(open().unwrap().is_none());
    fs::remove_dir(at(name)).unwrap();
    let pipe = rustix::fs::mknodat(
        rustix::fs::CWD,
        at(name),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    );
    pipe.unwrap();
    assert!(open().unwrap().is_none());
}

#[test]
fn a_line_comes_with_each_so_many_bytes() {
    let later = Instant::now() + Duration::from_secs(3_600);
    let mut pace = Pace { bytes: 0, since: later };
    assert!(!pace.counts(BYTES - 1) && pace.counts(1));
    pace.since = later;
    assert!(!pace.counts(1));
    if let Some(earlier) = Instant::now().checked_sub(TIME) {
        pace.since = earlier;
        assert!(pace.counts(1));
    }
}

proptest! {
    #[test]
    fn whatever_a_journal_says_is_read_without_harm(
        mut text in Just(whole()),
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<proptest::sample::Index>(),
        rest in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        for (at, byte) in flips {
            let at = at.index(text.len());
            text[at] ^= byte;
        }
        text.truncate(cut.index(text.len() + 1));
        text.extend(rest);
        let told = read(text.as_slice());
        for file in told.wrote.files {
            prop_assert!(file.item < told.items.len());
            prop_assert!(file.here().count() <= file.size);
            let names = file.here.0.split(|byte| *byte == b'/');
            prop_assert!(names.skip(1).all(|name| name != b".." && !name.is_empty()));
        }
    }
}
