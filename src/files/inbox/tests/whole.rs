//! Everything that an honest peer sends arrives.

use super::*;
use pinhole_protocol::limits::OPEN_FILES;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, SystemTime};

#[test]
fn a_file_is_hidden_until_it_is_whole_and_then_has_its_name_mode_and_time() {
    let desk = Desk::new();
    let mut sent = file("run.sh", 5);
    sent.mode = Some(0o755);
    (sent.modified, sent.modified_nanos) = (Some(-1), 250_000_000);
    let incoming = desk.begin(&[item("run.sh", ItemKind::File, Some(5))]).unwrap();
    incoming.register(&part(0, [sent])).unwrap();
    assert_eq!(incoming.write(0, 3, b"lo").unwrap(), 3..5);
    assert_eq!(incoming.write(0, 0, b"hel").unwrap(), 0..3);
    let names: Vec<String> = desk.tree().into_keys().collect();
    assert!(names.len() == 2 && names.iter().all(|name| name.starts_with(".pinhole-")));

    let saved = incoming.commit_all(1, 5).unwrap().remove(0);
    assert_eq!(desk.tree(), tree(&[("run.sh", Some("hello"))]));
    assert_eq!(
        saved.path.as_deref(),
        Some(desk.dir.path().canonicalize().unwrap().join("run.sh").as_path())
    );
    assert_eq!(
        (saved.name.as_str(), saved.size, saved.files, saved.folder, saved.skipped),
        ("run.sh", 5, 1, false, false)
    );
    assert!(saved.original.is_none());
    let metadata = fs::metadata(desk.dir.path().join("run.sh")).unwrap();
    assert_eq!(metadata.mode() & 0o7777, masked(0o755));
    assert_eq!(metadata.modified().unwrap(), SystemTime::UNIX_EPOCH - Duration::from_millis(750));
}

#[test]
fn a_folder_arrives_with_all_that_is_in_it() {
    let desk = Desk::new();
    let incoming = desk
        .begin(&[item("photos", ItemKind::Folder, None), item("note", ItemKind::File, Some(0))])
        .unwrap();
    let mut runnable = file("photos/sub/empty", 0);
    runnable.mode = Some(0o755);
    let first = [
        folder("photos"),
        file("photos/a", 3),
        folder("photos/sub"),
        runnable,
        folder("photos/sub/deep"),
    ];
    incoming.register(&part(0, first)).unwrap();
    incoming.register(&part(5, [file("photos/sub/deep/b", 2), file("note", 0)])).unwrap();
    assert_eq!(incoming.write(5, 0, b"bb").unwrap(), 3..5);
    assert_eq!(incoming.write(1, 0, b"aaa").unwrap(), 0..3);
    let saved = incoming.commit_all(7, 5).unwrap();
    let expected = [
        ("note", Some("")),
        ("photos", None),
        ("photos/a", Some("aaa")),
        ("photos/sub", None),
        ("photos/sub/deep", None),
        ("photos/sub/deep/b", Some("bb")),
        ("photos/sub/empty", Some("")),
    ];
    assert_eq!(desk.tree(), tree(&expected));
    let counts: Vec<_> = saved
        .iter()
        .map(|saved| (saved.name.as_str(), saved.size, saved.files, saved.folder))
        .collect();
    assert_eq!(counts, [("photos", 5, 3, true), ("note", 0, 1, false)]);
    for (name, mode) in [
        ("photos", 0o777),
        ("photos/sub", 0o777),
        ("photos/a", 0o666),
        ("photos/sub/empty", 0o755),
        ("note", 0o666),
    ] {
        assert_eq!(
            fs::metadata(desk.dir.path().join(name)).unwrap().mode() & 0o7777,
            masked(mode),
            "{name}"
        );
    }
}

#[test]
fn a_stream_is_as_long_as_what_came() {
    let desk = Desk::new();
    let bytes = content(3 << 20);
    let incoming = desk.begin(&[item("stdin", ItemKind::Stream, None)]).unwrap();
    incoming.register(&part(0, [stream("stdin")])).unwrap();
    for (number, chunk) in (0u64..).zip(bytes.chunks(65_536)) {
        let start = number * 65_536;
        assert_eq!(incoming.write(0, start, chunk).unwrap(), start..start + chunk.len() as u64);
    }
    let saved = incoming.commit_all(1, bytes.len() as u64).unwrap().remove(0);
    assert_eq!(saved.size, bytes.len() as u64);
    let path = desk.dir.path().join("stdin");
    assert!(fs::read(&path).unwrap() == bytes);
    // Space that was asked for ahead is given back: at most a block more than the bytes.
    assert!(fs::metadata(&path).unwrap().blocks() * 512 <= bytes.len() as u64 + 8_192);

    let nothing = desk.begin(&[item("none", ItemKind::Stream, None)]).unwrap();
    nothing.register(&part(0, [stream("none")])).unwrap();
    nothing.commit_all(1, 0).unwrap();
    assert_eq!(fs::read(desk.dir.path().join("none")).unwrap(), b"");
}

#[test]
fn eight_links_write_one_file_in_any_order_and_some_of_it_twice() {
    let desk = Desk::new();
    let bytes = content(16 << 20);
    let size = bytes.len() as u64;
    let incoming = desk.begin(&[item("big", ItemKind::File, Some(size))]).unwrap();
    incoming.register(&part(0, [file("big", size)])).unwrap();
    thread::scope(|scope| {
        for link in 0..8 {
            let (incoming, bytes) = (&incoming, &bytes);
            scope.spawn(move || {
                for (number, chunk) in bytes.chunks(65_536).enumerate().skip(link).step_by(7) {
                    incoming.write(0, number as u64 * 65_536, chunk).unwrap();
                }
            });
        }
    });
    incoming.commit_all(1, size).unwrap();
    assert!(fs::read(desk.dir.path().join("big")).unwrap() == bytes);
}

#[test]
fn what_is_written_is_not_written_again_nor_committed_again() {
    let desk = Desk::new();
    let incoming = desk.begin(&[item("f", ItemKind::File, Some(4))]).unwrap();
    incoming.register(&part(0, [file("f", 4)])).unwrap();
    incoming.write(0, 0, b"12").unwrap();
    assert_eq!(incoming.write(0, 0, b"xx").unwrap(), 0..2);
    incoming.write(0, 2, b"34").unwrap();
    incoming.commit_all(1, 4).unwrap();
    assert_eq!(reason(incoming.commit_all(1, 4)), Reason::Failed);
    drop(incoming);
    assert_eq!(desk.tree(), tree(&[("f", Some("1234"))]));
}

#[test]
fn many_files_are_written_in_turn_with_few_open_and_little_remembered() {
    let desk = Desk::new();
    let incoming = desk.begin(&[item("many", ItemKind::Folder, None)]).unwrap();
    incoming.register(&part(0, [folder("many")])).unwrap();
    let (parts, each) = (6u32, 500u32);
    for number in 0..parts {
        let first = 1 + number * each;
        incoming
            .register(&part(
                first,
                (first..first + each).map(|entry| file(&format!("many/{entry}"), 2)),
            ))
            .unwrap();
        // All first halves, then all second halves, so that no file stays in use.
        for half in 0..2u8 {
            for entry in first..first + each {
                incoming.write(entry, half.into(), &[b'a' + half]).unwrap();
            }
            let open = open_below(desk.dir.path());
            assert_eq!(open, if half == 0 { OPEN_FILES / 4 } else { 0 });
        }
        assert_eq!(incoming.remembered(), (0, 0, 1));
    }
    let saved = incoming.commit_all(1 + parts * each, u64::from(parts * each * 2)).unwrap();
    assert_eq!((saved[0].files, saved[0].size), (3_000, 6_000));
    let files =
        desk.tree().into_iter().filter(|(name, _)| name.contains('/')).map(|(_, content)| content);
    assert!(files.eq((0..3_000).map(|_| Some("ab".to_owned()))));
}

/// Files of this process that are open below `dir`, but for journals.
fn open_below(dir: &Path) -> usize {
    let links = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let journal = |path: &Path| path.extension().is_some_and(|ending| ending == "journal");
    links.filter(|at| at.starts_with(dir) && at.is_file() && !journal(at)).count()
}

#[test]
fn nothing_stays_of_a_transfer_that_nobody_wants() {
    let desk = Desk::new();
    let begin = || {
        let incoming = desk
            .begin(&[item("d", ItemKind::Folder, None), item("f", ItemKind::File, Some(2))])
            .unwrap();
        incoming
            .register(&part(0, [folder("d"), folder("d/e"), file("d/e/x", 4), file("f", 2)]))
            .unwrap();
        incoming.write(2, 0, b"12").unwrap();
        incoming
    };
    let incoming = begin();
    assert!(!desk.is_empty());
    incoming.discard(Rest::Removed);
    assert!(desk.is_empty());
    // Entries and bytes that still come are ignored, and make nothing anew.
    for entry in [2, 3, 99] {
        assert_eq!(incoming.write(entry, 0, b"12").unwrap(), 0..0);
    }
    incoming.register(&part(4, [folder("d/new")])).unwrap();
    assert_eq!(reason(incoming.commit_all(4, 6)), Reason::Failed);
}

#[test]
fn only_what_this_transfer_made_is_removed() {
    let desk = Desk::new();
    let incoming = desk.begin(&[item("f", ItemKind::File, Some(2))]).unwrap();
    let hidden = the(desk.dir.path(), ".part");
    // Held open, so that its number is not given to the next file.
    let _ours = fs::File::open(&hidden).unwrap();
    fs::remove_file(&hidden).unwrap();
    fs::write(&hidden, "another's").unwrap();
    drop(incoming);
    assert_eq!(fs::read(&hidden).unwrap(), b"another's");
}

#[test]
fn a_new_name_goes_to_the_only_item() {
    let desk = Desk::new();
    let name = || FileName::parse(b"mine.txt").unwrap().name;
    let plan = desk
        .inbox
        .plan(&offer(&[item("theirs", ItemKind::File, Some(0))]), Some(name()), true)
        .unwrap();
    assert_eq!(plan.items()[0].name.as_str(), "mine.txt");
    let incoming = desk.inbox.begin(plan).unwrap();
    incoming.register(&part(0, [file("theirs", 0)])).unwrap();
    let saved = incoming.commit_all(1, 0).unwrap().remove(0);
    assert_eq!((saved.name.as_str(), saved.original.unwrap().raw()), ("mine.txt", &b"theirs"[..]));
}

#[test]
fn several_items_make_a_new_name_a_folder() {
    let desk = Desk::with(Policy { keep_free: 0.0, max_entries: Some(4), ..Policy::default() });
    let name = || FileName::parse(b"mine").unwrap().name;
    let two = offer(&[item("a", ItemKind::File, Some(1)), item("b", ItemKind::File, Some(1))]);
    let receive = || -> Result<Vec<Saved>, Refusal> {
        let incoming = desk.inbox.begin(desk.inbox.plan(&two, Some(name()), true)?)?;
        incoming.register(&part(0, [file("a", 1), file("b", 1)]))?;
        incoming.write(0, 0, b"a")?;
        incoming.write(1, 0, b"b")?;
        incoming.commit_all(2, 2)
    };
    let planned = desk.inbox.plan(&two, Some(name()), true).unwrap();
    assert_eq!((planned.folder(), desk.tree().len()), (Some(&name()), 0));
    let saved = receive().unwrap();
    assert_eq!(
        (saved[0].name.as_str(), saved[0].path.clone()),
        ("a", Some(desk.inbox.path().join("mine/a")))
    );
    // Files that are there are seen in the folder, and all that comes is counted together.
    assert!(desk.inbox.plan(&two, Some(name()), true).unwrap().items()[0].taken);
    assert_eq!(receive().unwrap()[1].path, Some(desk.inbox.path().join("mine/b (1)")));
    assert_eq!(reason(receive()), Reason::TooLarge);
    // A file is no folder, and stays.
    let desk = Desk::new();
    fs::write(desk.dir.path().join("mine"), "old").unwrap();
    assert_eq!(
        desk.inbox.plan(&two, Some(name()), true).unwrap().folder().unwrap().as_str(),
        "mine (1)"
    );
}

#[test]
fn a_private_inbox_is_a_new_folder_for_its_owner_alone() {
    let base = tempfile::tempdir().unwrap();
    let below = base.path().join("state/received");
    let [one, two] = [(); 2].map(|()| Inbox::private(&below, Policy::default()).unwrap());
    assert_ne!(one.path(), two.path());
    assert!(one.path().starts_with(below.canonicalize().unwrap()));
    assert_eq!(fs::metadata(one.path()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(&below).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn both_ends_of_a_transfer_speak_through_one_type() {
    let desk = Desk::new();
    let receiving = Receiving::Files(desk.begin(&[item("f", ItemKind::File, Some(2))]).unwrap());
    receiving.register(&part(0, [file("f", 2)])).unwrap();
    assert_eq!(receiving.write(0, 0, b"12").unwrap(), Written::Now(0..2));
    receiving.discard(Rest::Removed);
    assert!(desk.is_empty());
    let (report, reports) = std::sync::mpsc::channel();
    let single = offer(&[item("f", ItemKind::File, Some(2))]);
    let receiving = Receiving::Output(
        Output::begin(&single, None, std::io::sink(), move |range| report.send(range).unwrap())
            .unwrap(),
    );
    receiving.register(&part(0, [file("f", 2)])).unwrap();
    assert_eq!(receiving.write(0, 0, b"12").unwrap(), Written::Later);
    assert_eq!(reports.recv().unwrap().unwrap(), 0..2);
}
