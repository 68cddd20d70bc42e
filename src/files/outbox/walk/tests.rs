use super::*;
use crate::files::outbox::{Options, Selection};
use pinhole_protocol::limits;
use std::fs;

#[test]
fn what_could_not_be_read_for_its_offer_is_missing_for_that_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("file");
    fs::write(&path, "longer than was promised").unwrap();
    let selection =
        Selection::check(std::slice::from_ref(&path), &Options::default(), io::empty()).unwrap();
    let lost = SourceFailure::Unreadable { path, error: "it took too long".into() };
    for faithful in [true, false] {
        let (chosen, rules) = selection.things().unwrap();
        let offered = vec![Offered { lost: Some(lost.clone()), ..Offered::default() }];
        let mut walk = Walk::new(chosen, offered, rules, faithful);
        match walk.next(&SkipList::default(), &AtomicBool::new(false)) {
            Ok(found) => assert_eq!(
                found.map(|found| (found.size, found.lost)),
                Some((0, Some(lost.clone())))
            ),
            Err(failure) => assert_eq!((faithful, &failure), (false, &lost)),
        }
    }
}

#[test]
fn an_empty_file_is_sent_where_reads_of_others_have_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap().join("top");
    fs::create_dir(&top).unwrap();
    fs::write(top.join("empty"), "").unwrap();
    let device = rustix::fs::stat(&top).unwrap().st_dev;
    let selection =
        Selection::check(&[top.clone(), top.join("empty")], &Options::default(), io::empty())
            .unwrap();
    let (chosen, rules) = selection.things().unwrap();
    let mut walk = Walk::new(chosen, Vec::new(), rules, true);
    let stuck = Arc::new(());
    (walk.systems, walk.reader) =
        (FileSystems::on_a_network(device), Some(Reader::busy(device, &stuck)));
    let (skips, stop) = (SkipList::default(), AtomicBool::new(false));
    for kind in [EntryKind::Folder, EntryKind::File, EntryKind::File] {
        let found = walk.next(&skips, &stop).unwrap().unwrap();
        assert_eq!((found.kind, found.lost), (kind, None));
    }
    assert!(walk.next(&skips, &stop).unwrap().is_none() && skips.so_far().count == 0);
}

#[test]
fn entries_beyond_a_million_are_listed_and_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap().join("top");
    for file in ["a", "b/inside", "c"] {
        fs::create_dir_all(top.join(file).parent().unwrap()).unwrap();
        fs::write(top.join(file), "").unwrap();
    }
    let selection =
        Selection::check(&[top.clone(), top.join("c")], &Options::default(), io::empty()).unwrap();
    let (chosen, rules) = selection.things().unwrap();
    let mut walk = Walk::new(chosen, Vec::new(), rules, true);
    walk.entries = limits::ENTRIES - 2;
    let (skips, stop) = (SkipList::default(), AtomicBool::new(false));
    let mut found = Vec::new();
    while walk.next(&skips, &stop).unwrap().is_some() {
        found.push(walk.path.clone());
    }
    assert_eq!(found, [top.clone(), top.join("c")], "what was named has room");
    let skips: Vec<_> =
        skips.so_far().first.into_iter().map(|skipped| (skipped.path, skipped.why)).collect();
    assert_eq!(
        skips,
        [top.join("a"), top.join("b"), top.join("c")].map(|path| (path, Why::TooMany))
    );
}
