//! Things that are already at the final name: never followed, and never replaced but by leave
//! (TESTPLAN C4).

use super::*;
use crate::failure::Exit;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;

fn desk(conflict: Conflict) -> Desk {
    Desk::with(Policy { conflict, keep_free: 0.0, ..Policy::default() })
}

/// Puts something at `x` in the desk, with what may be reached through it at `kept` outside.
fn put(desk: &Desk, outside: &Path, what: &str) {
    let x = desk.dir.path().join("x");
    let kept = outside.join("kept");
    fs::write(&kept, "old").unwrap();
    match what {
        "file" => fs::write(&x, "old").unwrap(),
        "folder" => fs::create_dir(&x).unwrap(),
        "full folder" => {
            fs::create_dir(&x).unwrap();
            fs::write(x.join("in"), "old").unwrap();
        }
        "link" => symlink(&kept, &x).unwrap(),
        "link to a folder" => symlink(outside, &x).unwrap(),
        "dangling link" => symlink(outside.join("made"), &x).unwrap(),
        "hard link" => fs::hard_link(&kept, &x).unwrap(),
        "pipe" => rustix::fs::mkfifoat(rustix::fs::CWD, &x, rustix::fs::Mode::RUSR).unwrap(),
        "socket" => drop(UnixListener::bind(&x).unwrap()),
        _ => unreachable!("{what}"),
    }
}

const THINGS: [&str; 9] = [
    "file",
    "folder",
    "full folder",
    "link",
    "link to a folder",
    "dangling link",
    "hard link",
    "pipe",
    "socket",
];

#[test]
fn nothing_is_replaced_or_followed_except_a_file_by_leave() {
    for conflict in [Conflict::Rename, Conflict::Skip, Conflict::Overwrite, Conflict::Ask] {
        for thing in THINGS {
            let (desk, outside) = (desk(conflict), tempfile::tempdir().unwrap());
            put(&desk, outside.path(), thing);
            let before = desk.tree();
            let identity =
                |name: &str| desk.dir.path().join(name).symlink_metadata().unwrap().ino();
            let old = identity("x");

            let mut plan =
                desk.inbox.plan(&offer(&[item("x", ItemKind::File, Some(3))]), None, true).unwrap();
            assert!(plan.items()[0].taken);
            if conflict == Conflict::Ask {
                let names: Vec<FileName> = plan.conflicts().map(|item| item.name.clone()).collect();
                assert_eq!(names.iter().map(FileName::as_str).collect::<Vec<_>>(), ["x"]);
                plan.resolve(&names[0], Conflict::Rename);
                assert_eq!(plan.conflicts().count(), 0);
            }
            let incoming = desk.inbox.begin(plan).unwrap();
            incoming.register(&part(0, [file("x", 3)])).unwrap();
            incoming.write(0, 0, b"new").unwrap();
            let saved = incoming.commit_all(1, 3).unwrap().remove(0);

            let after = desk.tree();
            let replaced = conflict == Conflict::Overwrite && matches!(thing, "file" | "hard link");
            if replaced {
                assert_eq!((after, saved.skipped), (tree(&[("x", Some("new"))]), false), "{thing}");
            } else if conflict == Conflict::Skip {
                assert_eq!((after, saved.skipped, identity("x")), (before, true, old), "{thing}");
            } else {
                let mut expected = before;
                expected.insert("x (1)".to_owned(), Some("new".to_owned()));
                assert_eq!(
                    (after, saved.name.as_str(), identity("x")),
                    (expected, "x (1)", old),
                    "{conflict:?} {thing}"
                );
            }
            let outside: Vec<_> = fs::read_dir(outside.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            assert_eq!(outside, ["kept"], "{conflict:?} {thing}");
        }
    }
}

#[test]
fn what_is_reached_through_a_link_keeps_its_content() {
    for conflict in [Conflict::Rename, Conflict::Skip, Conflict::Overwrite] {
        for thing in ["link", "hard link"] {
            let (desk, outside) = (desk(conflict), tempfile::tempdir().unwrap());
            put(&desk, outside.path(), thing);
            desk.receive("x", b"new").unwrap();
            assert_eq!(fs::read(outside.path().join("kept")).unwrap(), b"old");
        }
    }
}

#[test]
fn a_folder_replaces_nothing() {
    for conflict in [Conflict::Rename, Conflict::Overwrite] {
        for thing in THINGS {
            let (desk, outside) = (desk(conflict), tempfile::tempdir().unwrap());
            put(&desk, outside.path(), thing);
            let mut expected = desk.tree();
            let incoming = desk.begin(&[item("x", ItemKind::Folder, None)]).unwrap();
            incoming.register(&part(0, [folder("x"), file("x/f", 0)])).unwrap();
            incoming.commit_all(2, 0).unwrap();
            expected.extend(tree(&[("x (1)", None), ("x (1)/f", Some(""))]));
            assert_eq!(desk.tree(), expected, "{conflict:?} {thing}");
        }
    }
}

#[test]
fn numbers_go_on_and_the_other_name_is_told() {
    let desk = desk(Conflict::Rename);
    let names: Vec<String> =
        (0..3).map(|_| desk.receive("a.txt", b"").unwrap().name.as_str().to_owned()).collect();
    assert_eq!(names, ["a.txt", "a (1).txt", "a (2).txt"]);
    let saved = desk.receive("a\nb", b"").unwrap();
    assert_eq!((saved.name.as_str(), saved.original.unwrap().raw()), ("a_b", &b"a\nb"[..]));
    assert_eq!(desk.receive(".a", b"").unwrap().original, None);
}

#[test]
fn leave_to_replace_a_name_is_none_for_its_numbered_forms() {
    let desk = desk(Conflict::Overwrite);
    fs::create_dir(desk.dir.path().join("x")).unwrap();
    fs::write(desk.dir.path().join("x (1)"), "old").unwrap();
    assert_eq!(desk.receive("x", b"new").unwrap().name.as_str(), "x (2)");
    assert_eq!(fs::read(desk.dir.path().join("x (1)")).unwrap(), b"old");
}

#[test]
fn what_appears_while_the_file_arrives_is_not_replaced() {
    let desk = desk(Conflict::Rename);
    let incoming = desk.begin(&[item("x", ItemKind::File, Some(3))]).unwrap();
    incoming.register(&part(0, [file("x", 3)])).unwrap();
    incoming.write(0, 0, b"new").unwrap();
    fs::write(desk.dir.path().join("x"), "other").unwrap();
    incoming.commit_all(1, 3).unwrap();
    assert_eq!(desk.tree(), tree(&[("x", Some("other")), ("x (1)", Some("new"))]));
}

#[test]
fn a_question_without_an_answer_ends_before_anything_is_written() {
    let desk = desk(Conflict::Ask);
    desk.receive("x", b"old").unwrap();
    let plan = desk.inbox.plan(&offer(&[item("x", ItemKind::File, Some(3))]), None, true).unwrap();
    let refusal = desk.inbox.begin(plan).unwrap_err();
    assert_eq!((refusal.reason, refusal.failure.exit()), (Reason::NoAnswer, Exit::NoAnswer));
    assert_eq!(desk.tree(), tree(&[("x", Some("old"))]));
}

#[test]
fn items_of_one_offer_never_replace_each_other() {
    for conflict in [Conflict::Rename, Conflict::Skip, Conflict::Overwrite] {
        let desk = desk(conflict);
        let names = ["a", "A", "a?", "a*", "e\u{301}", "é", "x (1)", "x", "X"];
        let incoming = desk.begin(&names.map(|name| item(name, ItemKind::File, Some(0)))).unwrap();
        incoming.register(&part(0, names.map(|name| file(name, 0)))).unwrap();
        let saved = incoming.commit_all(9, 0).unwrap();
        let saved: Vec<_> = saved.iter().map(|saved| saved.name.as_str()).collect();
        assert_eq!(
            saved,
            ["a", "A", "a?", "a*", "e\u{301}", "é", "x (1)", "x", "X"],
            "{conflict:?}"
        );
    }
    // A folder holds the first one's name, so it becomes the second one's.
    let desk = desk(Conflict::Overwrite);
    fs::create_dir(desk.dir.path().join("x")).unwrap();
    let names = ["x", "x (1)"];
    let incoming = desk.begin(&names.map(|name| item(name, ItemKind::File, Some(0)))).unwrap();
    incoming.register(&part(0, names.map(|name| file(name, 0)))).unwrap();
    let saved = incoming.commit_all(2, 0).unwrap();
    assert_eq!((saved[0].name.as_str(), saved[1].name.as_str()), ("x (1)", "x (1) (1)"));
}

#[test]
fn two_items_of_the_same_name_are_refused() {
    let desk = desk(Conflict::Rename);
    let twice = [item("a", ItemKind::File, Some(0)), item("a", ItemKind::Folder, None)];
    assert_eq!(reason(desk.begin(&twice)), Reason::Protocol);
    assert!(desk.is_empty());
}
