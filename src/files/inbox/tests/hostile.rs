//! Parts that try to get out of the directory, or to break it (TESTPLAN C1, C3, C7, C9).

use super::*;
use crate::failure::{Exit, Kind};
use proptest::prelude::*;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Registers entries of a folder `t`, and says why that was refused.
fn refused(entries: impl IntoIterator<Item = Entry>) -> Reason {
    let desk = Desk::new();
    let incoming = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
    incoming.register(&part(0, [folder("t")])).unwrap();
    let before = desk.tree();
    let reason = reason(incoming.register(&part(1, entries)));
    // Checked as a whole before the first is created.
    if !matches!(reason, Reason::Exists | Reason::BadName) {
        assert_eq!(desk.tree(), before);
    }
    drop(incoming);
    assert!(desk.is_empty());
    reason
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["..", ".", "", "a\0b"] {
        let path = format!("t/{name}");
        assert_eq!(refused([file(&path, 1)]), Reason::BadName, "{path:?}");
        assert_eq!(refused([folder(&path)]), Reason::BadName, "{path:?}");
    }
    // The test's own paths have no `/` in a name.
    let inbox = Desk::new();
    let incoming = inbox.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
    incoming.register(&part(0, [folder("t")])).unwrap();
    for name in ["a/b", "/etc/passwd", "../x", "/"] {
        let entry = Wire::inside(0, PeerName::new(name.as_bytes().to_vec()), EntryKind::Folder);
        assert_eq!(
            reason(incoming.register(&Part { item: ItemId(1), first: 1, entries: vec![entry] })),
            Reason::BadName,
            "{name:?}"
        );
    }
    assert_eq!(refused([file(&format!("t/{}", "x".repeat(256)), 1)]), Reason::BadName);
    for path in ["u/x", "u", "t/a/x"] {
        assert_eq!(refused([file(path, 1)]), Reason::Protocol, "{path:?}");
    }
}

#[test]
fn a_file_has_nothing_under_it_and_a_folder_comes_before_its_files() {
    for entries in [
        [file("t/a", 0), file("t/a/b", 1)],
        [file("t/a/b", 1), folder("t/a")],
        [file("t/a", 0), folder("t/a/b")],
    ] {
        assert_eq!(refused(entries), Reason::Protocol);
    }
}

#[test]
fn names_that_become_one_get_numbers_and_are_told() {
    let desk = Desk::new();
    let incoming = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
    let entries = [
        folder("t"),
        folder("t/d"),
        folder("t/d"),
        file("t/d", 1),
        file("t/a\u{1}.txt", 0),
        file("t/a\u{2}.txt", 1),
    ];
    incoming.register(&part(0, entries)).unwrap();
    incoming.write(3, 0, b"3").unwrap();
    incoming.write(5, 0, b"5").unwrap();
    let committed = incoming.commit_counted(6, 2, &Differences::default()).unwrap();
    let names = ["t", "t/a_ (1).txt", "t/a_.txt", "t/d", "t/d (1)", "t/d (2)"];
    assert_eq!(desk.tree().keys().collect::<Vec<_>>(), names);
    assert_eq!((committed.told.renamed(), committed.items[0].differences.renamed()), (4, 4));
    let named = format!("{:?}", committed.told);
    for difference in [
        r#""t/d", fate: Renamed("d (1)")"#,
        r#""t/d", fate: Renamed("d (2)")"#,
        r#""t/a\x01.txt", fate: Renamed("a_.txt")"#,
    ] {
        assert!(named.contains(difference), "{named}");
    }
}

#[test]
fn two_names_that_become_one_are_refused_where_the_other_side_cannot_hear_of_it() {
    let desk = Desk::new();
    let plan = desk.inbox.plan(&offer(&[item("t", ItemKind::Folder, None)]), None, false).unwrap();
    let incoming = desk.inbox.begin(plan).unwrap();
    incoming.register(&part(0, [folder("t"), file("t/a\u{1}", 0), file("t/a\u{2}", 0)])).unwrap();
    let refusal = incoming.commit_counted(3, 0, &Differences::default()).unwrap_err();
    assert_eq!((refusal.reason, refusal.failure.kind), (Reason::Exists, Kind::Exists));
}

#[test]
fn an_entry_must_fit_its_offer() {
    let desk = Desk::new();
    let incoming = desk
        .begin(&[item("f", ItemKind::File, Some(3)), item("t", ItemKind::Folder, None)])
        .unwrap();
    let odd_time = Entry { modified_nanos: 1_000_000_000, ..file("f", 3) };
    let unsized_file = entry("f", EntryKind::File, None);
    let sized_folder = entry("t", EntryKind::Folder, Some(1));
    for wrong in [
        folder("f"),
        file("f/x", 1),
        file("t", 3),
        file("t/x", 1),
        link("f", "x"),
        odd_time,
        unsized_file,
        sized_folder,
    ] {
        assert_eq!(
            reason(incoming.register(&part(0, [wrong.clone()]))),
            Reason::Protocol,
            "{wrong:?}"
        );
    }
    assert_eq!(reason(incoming.register(&part(0, [file("f", 3), file("f", 3)]))), Reason::Protocol);

    let changed = desk.begin(&[item("f", ItemKind::File, Some(3))]).unwrap();
    let refusal = changed.register(&part(0, [file("f", 4)])).unwrap_err();
    assert_eq!(
        (refusal.reason, refusal.failure.exit()),
        (Reason::SourceChanged, Exit::SourceChanged)
    );
}

#[test]
fn offers_that_are_none_are_refused() {
    let desk = Desk::new();
    let sized = |name: &str| item(name, ItemKind::File, Some(1));
    let offers: [Vec<Item>; 6] = [
        vec![],
        vec![item("f", ItemKind::File, None)],
        vec![item("t", ItemKind::Folder, Some(1))],
        vec![item("s", ItemKind::Stream, Some(1))],
        vec![sized("a"), item("s", ItemKind::Stream, None)],
        (0..16_385).map(|number| sized(&number.to_string())).collect(),
    ];
    for items in offers {
        assert_eq!(reason(desk.begin(&items)), Reason::Protocol);
    }
    let claimed = Offer { entries: 1_000_001, ..offer(&[sized("a")]) };
    assert_eq!(reason(desk.inbox.plan(&claimed, None, true)), Reason::Protocol);
    let counted = Offer { counted: true, ..offer(&[item("s", ItemKind::Stream, None)]) };
    assert_eq!(reason(desk.inbox.plan(&counted, None, true)), Reason::Protocol);
    for name in ["..", "a/b", "/etc/passwd", ""] {
        assert_eq!(reason(desk.begin(&[sized(name)])), Reason::BadName, "{name:?}");
    }
    assert!(desk.is_empty());
}

#[test]
fn names_of_our_own_files_are_inert() {
    let desk = Desk::new();
    let other = desk.begin(&[item("other", ItemKind::File, Some(1))]).unwrap();
    let whole = part(0, [file("other", 1)]);
    let hidden = the(desk.dir.path(), ".part");
    let hidden = hidden.file_name().unwrap().to_str().unwrap();
    for name in [hidden, ".pinhole-journal", ".pinhole.sock", "config.toml", "x.part"] {
        desk.receive(name, b"theirs").unwrap();
    }
    other.register(&whole).unwrap();
    other.write(0, 0, b"1").unwrap();
    other.commit_all(1, 1).unwrap();
    assert_eq!(fs::read(desk.dir.path().join("other")).unwrap(), b"1");
    assert_eq!(
        desk.tree().into_values().filter(|content| content.as_deref() == Some("theirs")).count(),
        5
    );
}

/// TESTPLAN C3, reduced: another process of the same user swaps folders of a transfer for links
/// that lead outside, all the time.
#[test]
fn a_racer_that_swaps_folders_for_links_gets_nothing_outside() {
    let (desk, canary) = (Desk::new(), tempfile::tempdir().unwrap());
    for number in 0..8 {
        fs::create_dir_all(canary.path().join(format!("a/{number}"))).unwrap();
        fs::create_dir(canary.path().join(number.to_string())).unwrap();
    }
    let root = desk.dir.path().to_owned();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stopped = Stopped(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for entry in fs::read_dir(&root).unwrap().filter_map(Result::ok) {
                    for victim in [entry.path(), entry.path().join("a"), entry.path().join("a/3")] {
                        let aside = victim.with_extension("aside");
                        if fs::rename(&victim, &aside).is_ok() {
                            let _ = symlink(canary.path(), &victim);
                            let _ = fs::remove_file(&victim);
                            let _ = fs::rename(&aside, &victim);
                        }
                    }
                }
            }
        });
        let (mut foiled, mut round) = (0, 0);
        // On a busy machine the racer may not run for long.
        while round < 400 || (foiled == 0 && round < 20_000) {
            let receive = || -> Result<(), Refusal> {
                let name = format!("t{round}");
                let incoming = desk.begin(&[item(&name, ItemKind::Folder, None)])?;
                let folders = (0..8).map(|number| folder(&format!("{name}/a/{number}")));
                let files = (0..8).map(|number| file(&format!("{name}/a/{number}/f"), 1));
                let links = (0..8).map(|number| {
                    link(&format!("{name}/a/{number}/l"), ["../3", "../../a"][number % 2])
                });
                let all = [folder(&name), folder(&format!("{name}/a"))]
                    .into_iter()
                    .chain(folders)
                    .chain(files)
                    .chain(links);
                incoming.register(&part(0, all))?;
                (10..18).try_for_each(|number| incoming.write(number, 0, b"x").map(drop))?;
                // Syncing is slow, and nothing here is about it. Nothing stays either: each round
                // would look through what those before it have left.
                if round % 20 == 0 {
                    incoming.commit_all(26, 8).map(drop)
                } else {
                    incoming.discard(Rest::Removed);
                    Ok(())
                }
            };
            foiled += u32::from(receive().is_err());
            round += 1;
        }
        assert!(foiled > 0, "the racer was never in the way");
    });
    let mut outside = vec![canary.path().to_owned()];
    while let Some(path) = outside.pop() {
        assert!(path.is_dir(), "{} was created outside", path.display());
        outside.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
    }
}

#[test]
fn a_link_or_pipe_in_place_of_our_own_file_is_not_written_to() {
    for pipe in [false, true] {
        let (desk, outside) = (Desk::new(), tempfile::tempdir().unwrap());
        let kept = outside.path().join("kept");
        fs::write(&kept, "old").unwrap();
        let incoming = desk.begin(&[item("f", ItemKind::File, Some(3))]).unwrap();
        incoming.register(&part(0, [file("f", 3)])).unwrap();
        let hidden = the(desk.dir.path(), ".part");
        fs::remove_file(&hidden).unwrap();
        if pipe {
            rustix::fs::mkfifoat(rustix::fs::CWD, &hidden, rustix::fs::Mode::RWXU).unwrap();
        } else {
            fs::hard_link(&kept, &hidden).unwrap();
        }
        assert_eq!(reason(incoming.write(0, 0, b"new")), Reason::Disk);
        assert_eq!(fs::read(&kept).unwrap(), b"old");
    }
}

#[test]
fn a_folder_in_place_of_our_own_is_not_entered() {
    let desk = Desk::new();
    let incoming = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
    let hidden = the(desk.dir.path(), ".part");
    fs::rename(&hidden, desk.dir.path().join("aside")).unwrap();
    fs::create_dir(&hidden).unwrap();
    assert_eq!(reason(incoming.register(&part(0, [folder("t"), file("t/f", 0)]))), Reason::Disk);
    assert_eq!(fs::read_dir(&hidden).unwrap().count(), 0);
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let name = prop_oneof![
        8 => proptest::sample::select(vec!["t", "a", "b", "A", "f"]).prop_map(str::to_owned),
        1 => proptest::sample::select(vec!["..", ".", "", "a/b", "\u{202e}", ".git", "CON"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let size = prop_oneof![
        Just(None),
        (0..4u64).prop_map(Some),
        Just(Some(u64::MAX)),
        Just(Some(1 << 63))
    ];
    let kind = prop_oneof![Just(EntryKind::File), Just(EntryKind::Folder), Just(EntryKind::Link)];
    (
        proptest::collection::vec(name, 0..5),
        kind,
        size,
        any::<bool>(),
        any::<Option<i64>>(),
        any::<u32>(),
    )
        .prop_map(|(path, kind, size, executable, modified, modified_nanos)| {
            let (mode, target) =
                (executable.then_some(0o755), (kind == EntryKind::Link).then(|| path.concat()));
            Entry {
                path: path.join("/"),
                kind,
                size,
                mode,
                modified,
                modified_nanos: modified_nanos % 1_100_000_000,
                target,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever a peer says, nothing appears beside the directory and nothing under a final name
    /// before the commit.
    #[test]
    fn no_sequence_of_parts_and_chunks_gets_out(
        entries in proptest::collection::vec(proptest::collection::vec(any_entry(), 1..4), 1..6),
        chunks in proptest::collection::vec((0..8u32, any::<u64>(), 0..4usize), 0..12),
    ) {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir(&root).unwrap();
        let inbox = Inbox::open(&root, Policy { keep_free: 0.0, ..Policy::default() }).unwrap();
        let plan = inbox
            .plan(
                &offer(&[item("t", ItemKind::Folder, None), item("f", ItemKind::File, Some(3))]),
                None,
                true,
            )
            .unwrap();
        let incoming = inbox.begin(plan).unwrap();
        incoming.register(&part(0, [folder("t")])).unwrap();
        let mut first = 1;
        for entries in entries {
            let count = entries.len() as u32;
            if incoming.register(&part(first, entries)).is_ok() {
                first += count;
            }
        }
        for (entry, offset, length) in chunks {
            for offset in [offset, offset % 4] {
                let _ = incoming.write(entry, offset, &[7; 4][..length]);
            }
            if length > 0 {
                let _ = incoming.gap(
                    offset % 9..offset % 9 + length as u64,
                    (length > 2).then_some(Reason::SourceChanged),
                );
            }
        }
        prop_assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1);
        let hidden = |entry: std::io::Result<fs::DirEntry>| {
            entry.unwrap().file_name().to_str().unwrap().starts_with(".pinhole-")
        };
        prop_assert!(fs::read_dir(&root).unwrap().all(hidden));
        incoming.discard(Rest::Removed);
        prop_assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    }
}

/// Follows a link, however many there are on the way: false once that is above `root` or absolute.
/// A missing target leads nowhere.
fn stays_inside(root: &Path, link: &Path) -> bool {
    let mut at = link.parent().unwrap().to_owned();
    let names = |target: &Path| {
        target.to_str().unwrap().split('/').rev().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut rest = names(&fs::read_link(link).unwrap());
    // One that goes round goes on for ever.
    for _ in 0..10_000 {
        match rest.pop().as_deref() {
            None => return true,
            Some("" | ".") => {}
            Some("..") if at == root => return false,
            Some("..") => drop(at.pop()),
            Some(name) => match fs::read_link(at.join(name)) {
                Ok(target) if target.is_absolute() => return false,
                Ok(target) => rest.extend(names(&target)),
                Err(_) if !at.join(name).is_dir() => return true,
                Err(_) => at.push(name),
            },
        }
    }
    true
}

#[test]
fn whatever_links_are_sent_none_that_is_kept_leads_out() {
    let name = || proptest::sample::select(vec!["a", "b", "c", "l", "m", "n", "x\u{1}", "x_"]);
    let target = proptest::collection::vec(
        prop_oneof![4 => name(), 4 => Just(".."), 1 => Just("."), 1 => Just("")],
        1..6,
    );
    let entry = (
        proptest::collection::vec(name(), 1..4),
        prop_oneof![
            2 => Just(None),
            3 => target.prop_map(|target| Some(format!("./{}", target.join("/")))),
        ],
    );
    // Every commit is synced, which takes its time on a disk.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(400));
    let tried = runner.run(&proptest::collection::vec(entry, 1..40), |entries| {
        let outer = tempfile::tempdir_in(&place).unwrap();
        let inbox =
            Inbox::open(outer.path(), Policy { keep_free: 0.0, ..Policy::default() }).unwrap();
        let incoming = inbox
            .begin(inbox.plan(&offer(&[item("t", ItemKind::Folder, None)]), None, true).unwrap())
            .unwrap();
        let (mut known, mut said) =
            (std::collections::HashSet::from(["t".to_owned()]), vec![folder("t")]);
        for (path, target) in entries {
            let mut at = "t".to_owned();
            let (last, above) = path.split_last().unwrap();
            for name in above {
                at = format!("{at}/{name}");
                if known.insert(at.clone()) {
                    said.push(folder(&at));
                }
            }
            at = format!("{at}/{last}");
            match target {
                Some(target) => said.push(link(&at, &target)),
                None if known.insert(at.clone()) => said.push(folder(&at)),
                None => {}
            }
        }
        let count = said.len() as u32;
        incoming.register(&part(0, said)).unwrap();
        incoming.commit_all(count, 0).unwrap();
        let (root, mut folders) = (outer.path().join("t"), vec![outer.path().join("t")]);
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_symlink() {
                    prop_assert!(
                        stays_inside(&root, &path),
                        "{path:?} -> {:?}",
                        fs::read_link(&path)
                    );
                } else {
                    folders.push(path);
                }
            }
        }
        Ok(())
    });
    tried.unwrap();
}
