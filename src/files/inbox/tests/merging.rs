//! Joining what arrives with what is there (`--conflict merge`): files replace files, nothing is
//! removed, and nothing else is met by anything.

use super::*;
use crate::failure::Kind;
use pinhole_protocol::limits::LEVELS;
use pinhole_protocol::wire::Fate;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

fn policy() -> Policy {
    Policy { conflict: Conflict::Merge, keep_free: 0.0, ..Policy::default() }
}

fn desk() -> Desk {
    Desk::with(policy())
}

impl Desk {
    /// Makes what is there: a folder for nothing, a link for what begins with an arrow, else a
    /// file.
    fn has(&self, there: &[(&str, Option<&str>)]) {
        for (name, content) in there {
            let path = self.dir.path().join(name);
            match content {
                None => fs::create_dir(path).unwrap(),
                Some(content) => match content.strip_prefix("-> ") {
                    Some(target) => symlink(target, path).unwrap(),
                    None => fs::write(path, content).unwrap(),
                },
            }
        }
    }

    /// Begins a folder `t` of which these entries have come, with an `x` in each file of one byte.
    fn sent(&self, entries: &[Entry], faithful: bool) -> Incoming {
        self.try_sent(entries, faithful).unwrap()
    }

    /// The same, of which the offer alone may be refused.
    fn try_sent(&self, entries: &[Entry], faithful: bool) -> Result<Incoming, Refusal> {
        let plan = self.inbox.plan(&offer(&[item("t", ItemKind::Folder, None)]), None, faithful)?;
        let incoming = self.inbox.begin(plan).unwrap();
        incoming
            .register(&part(0, [folder("t")].into_iter().chain(entries.iter().cloned())))
            .unwrap();
        for (number, _) in (1..).zip(entries).filter(|(_, entry)| entry.size == Some(1)) {
            incoming.write(number, 0, b"x").unwrap();
        }
        Ok(incoming)
    }

    /// Receives that folder whole.
    fn merge(&self, entries: &[Entry]) -> Result<Committed, Refusal> {
        let incoming = self.try_sent(entries, true)?;
        let bytes = entries.iter().filter_map(|entry| entry.size).sum();
        incoming.commit_counted(
            1 + u32::try_from(entries.len()).unwrap(),
            bytes,
            &Differences::default(),
        )
    }

    fn inode(&self, name: &str) -> u64 {
        fs::symlink_metadata(self.dir.path().join(name)).unwrap().ino()
    }
}

/// Differences of a transfer, as pairs of a path and its fate.
fn told(differences: &Differences) -> Vec<(String, Fate)> {
    let mut told: Vec<_> = differences
        .first()
        .iter()
        .map(|one| (String::from_utf8(one.path.raw().to_vec()).unwrap(), one.fate.clone()))
        .collect();
    told.sort_by(|(one, _), (other, _)| one.cmp(other));
    told
}

fn missing(paths: &[&str]) -> Vec<(String, Fate)> {
    paths.iter().map(|path| ((*path).to_owned(), Fate::Missing(Reason::Exists))).collect()
}

#[test]
fn a_folder_is_joined_a_file_replaced_and_nothing_removed() {
    let desk = desk();
    desk.has(&[
        ("t", None),
        ("t/old", Some("old")),
        ("t/same", Some("old")),
        ("t/d", None),
        ("t/d/own", Some("old")),
        ("t/d/f", Some("old")),
    ]);
    fs::set_permissions(desk.dir.path().join("t/d"), fs::Permissions::from_mode(0o750)).unwrap();
    let (d, own) = (desk.inode("t/d"), desk.inode("t/d/own"));
    let dated = |entry: Entry| Entry { mode: Some(0o700), modified: Some(1_000), ..entry };
    let entries = [
        file("t/same", 1),
        dated(folder("t/d")),
        file("t/d/f", 1),
        dated(folder("t/d/new")),
        Entry { mode: Some(0o600), ..file("t/d/new/f", 1) },
        dated(folder("t/fresh")),
        file("t/empty", 0),
        link("t/link", "d/f"),
    ];
    let committed = desk.merge(&entries).unwrap();
    let expected = [
        ("t", None),
        ("t/old", Some("old")),
        ("t/same", Some("x")),
        ("t/d", None),
        ("t/d/own", Some("old")),
        ("t/d/f", Some("x")),
        ("t/d/new", None),
        ("t/d/new/f", Some("x")),
        ("t/fresh", None),
        ("t/empty", Some("")),
        ("t/link", Some("-> d/f")),
    ];
    assert_eq!(desk.tree(), tree(&expected));
    assert_eq!((desk.inode("t/d"), desk.inode("t/d/own")), (d, own));
    let saved = &committed.items[0];
    assert_eq!(
        (saved.name.as_str(), saved.merged, saved.replaced, saved.files, saved.size),
        ("t", true, 2, 4, 3)
    );
    assert!(saved.differences.is_empty() && committed.told.is_empty());
    let about = |name: &str| fs::metadata(desk.dir.path().join(name)).unwrap();
    assert_eq!((about("t/d").mode() & 0o777, about("t/d/new").mode() & 0o777), (0o750, 0o700));
    let sent = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    assert_eq!(["t/d/new", "t/fresh"].map(|name| about(name).modified().unwrap()), [sent; 2]);
    assert!(
        about("t/d").modified().unwrap() > sent,
        "a folder that was there has the time of its change"
    );
}

#[test]
fn the_same_again_is_the_same() {
    let desk = desk();
    let entries = [
        folder("t/d"),
        file("t/d/f", 1),
        link("t/l", "d/f"),
        link("t/d/up", ".."),
        link("t/round", "round"),
        file("t/g", 0),
    ];
    let first = desk.merge(&entries).unwrap();
    assert_eq!((first.items[0].merged, first.items[0].replaced), (false, 0));
    let before = desk.tree();
    let again = desk.merge(&entries).unwrap();
    // A link that is there as it comes is there.
    assert_eq!((desk.tree(), again.items[0].merged, again.items[0].replaced), (before, true, 2));
    assert!(again.items[0].differences.is_empty() && again.told.is_empty(), "{:?}", again.told);
}

#[test]
fn what_meets_anything_else_is_missing_and_nothing_is_followed() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("kept"), "old").unwrap();
    let out = format!("-> {}", outside.path().display());
    let to_file = format!("{out}/kept");
    let desk = desk();
    let there = [
        ("t", None),
        ("t/file over folder", None),
        ("t/file over folder/in", Some("old")),
        ("t/file over link", Some(to_file.as_str())),
        ("t/file over dangling", Some("-> nowhere")),
        ("t/folder over file", Some("old")),
        ("t/folder over link", Some(out.as_str())),
        ("t/link over file", Some("old")),
        ("t/link over folder", None),
        ("t/link over link", Some("-> other")),
    ];
    desk.has(&there);
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        desk.dir.path().join("t/file over pipe"),
        rustix::fs::Mode::RUSR,
    )
    .unwrap();
    drop(UnixListener::bind(desk.dir.path().join("t/file over socket")).unwrap());
    let before = desk.tree();
    let entries = [
        file("t/file over folder", 1),
        file("t/file over link", 1),
        file("t/file over dangling", 0),
        file("t/file over pipe", 1),
        file("t/file over socket", 1),
        folder("t/folder over file"),
        file("t/folder over file/f", 1),
        folder("t/folder over link"),
        folder("t/folder over link/d"),
        file("t/folder over link/d/f", 1),
        link("t/folder over link/l", "d"),
        link("t/link over file", "x"),
        link("t/link over folder", "x"),
        link("t/link over link", "x"),
        file("t/arrives", 1),
    ];
    let committed = desk.merge(&entries).unwrap();
    let mut after = desk.tree();
    assert_eq!(after.remove("t/arrives").unwrap().as_deref(), Some("x"));
    assert_eq!(after, before);
    assert_eq!(fs::read(outside.path().join("kept")).unwrap(), b"old");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    let mut lost: Vec<&str> = entries[..14].iter().map(|entry| entry.path.as_str()).collect();
    lost.sort_unstable();
    assert_eq!(told(&committed.told), missing(&lost));
    let saved = &committed.items[0];
    assert_eq!(told(&saved.differences), missing(&lost));
    assert_eq!((saved.files, saved.size, saved.replaced, saved.merged), (1, 1, 0, true));
}

#[test]
fn at_the_top_it_is_the_same() {
    let outside = tempfile::tempdir().unwrap();
    let out = format!("-> {}", outside.path().display());
    let desk = desk();
    desk.has(&[
        ("file", Some("old")),
        ("dir", None),
        ("dir/in", Some("old")),
        ("link", Some(out.as_str())),
        ("f over d", None),
    ]);
    let items = ["file", "f over d"].map(|name| item(name, ItemKind::File, Some(1)));
    let folders = ["dir", "link", "free"].map(|name| item(name, ItemKind::Folder, None));
    let incoming = desk.begin(&items.into_iter().chain(folders).collect::<Vec<_>>()).unwrap();
    let folders = ["dir", "link", "free"].map(folder);
    let files = ["dir/in", "link/in", "free/in"].map(|path| file(path, 0));
    incoming
        .register(&part(
            0,
            ["file", "f over d"].map(|path| file(path, 1)).into_iter().chain(folders).chain(files),
        ))
        .unwrap();
    for number in [0, 1] {
        incoming.write(number, 0, b"x").unwrap();
    }
    let committed = incoming.commit_counted(8, 2, &Differences::default()).unwrap();
    committed.unheard.unwrap().heard();
    drop(incoming);
    let expected = [
        ("file", Some("x")),
        ("f over d", None),
        ("dir", None),
        ("dir/in", Some("")),
        ("link", Some(out.as_str())),
        ("free", None),
        ("free/in", Some("")),
    ];
    assert_eq!(desk.tree(), tree(&expected));
    assert_eq!(told(&committed.told), missing(&["f over d", "link"]));
    let seen: Vec<_> = committed
        .items
        .iter()
        .map(|saved| (saved.path.is_some(), saved.merged, saved.replaced))
        .collect();
    assert_eq!(
        seen,
        [(true, false, 1), (false, false, 0), (true, true, 1), (false, false, 0), (true, false, 0)]
    );
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);

    // Of one item nothing is left to deliver.
    let refusal = desk.receive("dir", b"x").unwrap_err();
    assert_eq!((refusal.reason, refusal.failure.kind), (Reason::Exists, Kind::Exists));
    assert_eq!(desk.tree(), tree(&expected));
}

#[test]
fn a_peer_that_cannot_hear_of_it_is_refused_before_anything_is_moved() {
    for (there, entries) in [
        (
            vec![("t", None), ("t/a", Some("old")), ("t/z", None)],
            vec![file("t/a", 1), file("t/z", 1)],
        ),
        (
            vec![("t", None), ("t/a", Some("old")), ("t/d", None), ("t/d/z", None)],
            vec![file("t/a", 1), folder("t/d"), file("t/d/z", 1)],
        ),
        (
            vec![("t", None), ("t/a", Some("old")), ("t/d", Some("-> a"))],
            vec![file("t/a", 1), folder("t/d")],
        ),
        (vec![("t", Some("-> .")), ("a", Some("old"))], vec![file("t/a", 1)]),
    ] {
        let desk = desk();
        desk.has(&there);
        let incoming = desk.sent(&entries, false);
        let bytes = entries.iter().filter_map(|entry| entry.size).sum();
        let refused = incoming.commit_counted(
            1 + u32::try_from(entries.len()).unwrap(),
            bytes,
            &Differences::default(),
        );
        assert_eq!(reason(refused), Reason::Exists);
        incoming.discard(Rest::Removed);
        assert_eq!(desk.tree(), tree(&there));
    }
    let desk = desk();
    desk.has(&[("t", None), ("t/a", Some("old"))]);
    desk.sent(&[file("t/a", 1), folder("t/d")], false)
        .commit_counted(3, 1, &Differences::default())
        .unwrap();
    assert_eq!(desk.tree(), tree(&[("t", None), ("t/a", Some("x")), ("t/d", None)]));
}

#[test]
fn names_that_act_are_set_aside_in_a_folder_that_is_there_where_nobody_is_asked() {
    let entries = [
        file("t/Makefile", 1),
        file("t/_Makefile", 0),
        folder("t/.vscode"),
        file("t/.vscode/own", 1),
        folder("t/d"),
        folder("t/d/new"),
        file("t/d/new/Makefile", 1),
        file("t/d/CLAUDE.md", 1),
        folder("t/.config"),
        folder("t/.config/fish"),
    ];
    let there = [
        ("t", None),
        ("t/Makefile", Some("old")),
        ("t/d", None),
        ("t/_.vscode", None),
        ("t/.config", None),
    ];
    let desk = Desk::with(Policy { acting: false, ..policy() });
    desk.has(&there);
    let committed = desk.merge(&entries).unwrap();
    let expected = [
        ("t", None),
        ("t/Makefile", Some("old")),
        // A file that comes beside it under that name keeps it.
        ("t/_Makefile", Some("")),
        ("t/_Makefile (1)", Some("x")),
        ("t/_.vscode", None),
        ("t/_.vscode/own", Some("x")),
        ("t/d", None),
        ("t/d/new", None),
        // It comes in a folder that is new here, as in any.
        ("t/d/new/Makefile", Some("x")),
        ("t/d/_CLAUDE.md", Some("x")),
        ("t/.config", None),
        ("t/.config/_fish", None),
    ];
    assert_eq!(desk.tree(), tree(&expected));
    let renamed =
        |path: &str, name: &str| (path.to_owned(), Fate::Renamed(PeerName::new(name.into())));
    let expected = [
        renamed("t/.config/fish", "_fish"),
        renamed("t/.vscode", "_.vscode"),
        renamed("t/Makefile", "_Makefile (1)"),
        renamed("t/d/CLAUDE.md", "_CLAUDE.md"),
    ];
    assert_eq!(
        (told(&committed.told), told(&committed.items[0].differences)),
        (expected.to_vec(), expected.to_vec())
    );
    // A file with another name is not acted on any more.
    assert_eq!(committed.items[0].acts.names(), ["t/d/new/Makefile"]);

    let desk = Desk::with(Policy { acting: true, ..policy() });
    desk.has(&there);
    let committed = desk.merge(&entries).unwrap();
    assert!(committed.told.is_empty());
    assert_eq!(desk.tree()["t/Makefile"].as_deref(), Some("x"));
    assert_eq!(desk.tree()["t/.vscode/own"].as_deref(), Some("x"));
}

#[test]
fn what_is_set_aside_is_not_joined_with_what_comes_under_that_name() {
    for first in [["t/_.idea", "t/.idea"], ["t/.idea", "t/_.idea"]] {
        let desk = Desk::with(Policy { acting: false, ..policy() });
        desk.has(&[("t", None)]);
        let entries = first.iter().flat_map(|path| {
            [folder(path), file(&format!("{path}/f"), u64::from(path.starts_with("t/_")))]
        });
        let committed = desk.merge(&entries.collect::<Vec<_>>()).unwrap();
        let tree = desk.tree();
        assert_eq!(tree["t/_.idea/f"].as_deref(), Some("x"), "{tree:?}");
        // A folder that finds no name is missing, and never in the other.
        let aside =
            tree.get("t/_ (1).idea/f").or_else(|| tree.get("t/_.idea (1)/f")).cloned().flatten();
        assert_eq!(aside.is_some(), committed.told.missing() == 0, "{tree:?} {:?}", committed.told);
    }
}

#[test]
fn another_name_of_a_file_that_is_replaced_keeps_the_old_one() {
    let (desk, outside) = (desk(), tempfile::tempdir().unwrap());
    let kept = outside.path().join("kept");
    fs::write(&kept, "old").unwrap();
    desk.has(&[("t", None)]);
    fs::hard_link(&kept, desk.dir.path().join("t/f")).unwrap();
    desk.merge(&[file("t/f", 1)]).unwrap();
    assert_eq!(
        (fs::read(&kept).unwrap(), desk.tree()["t/f"].as_deref()),
        (b"old".to_vec(), Some("x"))
    );
}

#[test]
fn a_link_that_would_lead_out_by_way_of_what_was_there_is_left_out() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "s").unwrap();
    let out = format!("-> {}", outside.path().display());
    let there = [("t", None), ("t/out", Some(out.as_str())), ("t/d", None)];
    // The folder that comes has no `out`, so that the link leads nowhere in it.
    let entries = [
        link("t/public", "out/secret"),
        folder("t/d"),
        link("t/d/up", "../out"),
        folder("t/new"),
        link("t/new/up", "../out/secret"),
        link("t/new/fine", "../d"),
    ];
    for (links, made) in [(Links::Inside, false), (Links::All, true)] {
        let desk = Desk::with(Policy { links, ..policy() });
        desk.has(&there);
        let committed = desk.merge(&entries).unwrap();
        let tree = desk.tree();
        assert_eq!(
            ["t/public", "t/d/up", "t/new/up"].map(|name| tree.contains_key(name)),
            [made; 3]
        );
        assert!(tree.contains_key("t/new/fine") && tree["t/out"].as_deref() == Some(out.as_str()));
        assert_eq!(committed.told.left_out(), if made { 0 } else { 3 }, "{:?}", committed.told);
    }
}

#[test]
fn thousands_of_levels_are_joined() {
    const DEEP: u32 = LEVELS / 2;
    let desk = desk();
    for last in [b"f", b"g"] {
        let incoming = desk.sent(&[], true);
        let said =
            |number: u32| Wire::inside(number - 1, PeerName::new(b"d".to_vec()), EntryKind::Folder);
        let numbers: Vec<u32> = (1..DEEP).collect();
        for numbers in numbers.chunks(1_000) {
            let entries = numbers.iter().map(|number| said(*number)).collect();
            incoming.register(&Part { item: ItemId(1), first: numbers[0], entries }).unwrap();
        }
        let deepest = Wire {
            size: Some(0),
            ..Wire::inside(DEEP - 1, PeerName::new(last.to_vec()), EntryKind::File)
        };
        incoming.register(&Part { item: ItemId(1), first: DEEP, entries: vec![deepest] }).unwrap();
        incoming.commit_all(DEEP + 1, 0).unwrap();
    }
    let mut at = desk.inbox.0.folder.open_folder("t".as_ref()).unwrap();
    for _ in 1..DEEP {
        at = at.open_folder("d".as_ref()).unwrap();
    }
    let mut names: Vec<_> = at.entries().unwrap().map(|entry| entry.unwrap().0).collect();
    names.sort();
    assert_eq!(names, ["f", "g"]);
    assert_eq!(fs::read_dir(desk.dir.path()).unwrap().count(), 1, "nothing hidden is left");
    desk.inbox.0.folder.remove("t".as_ref()).unwrap();
}

#[test]
fn what_is_in_the_way_by_the_thousand_is_counted_and_the_rest_arrives() {
    let desk = desk();
    desk.has(&[("t", None)]);
    let names: Vec<String> = (0..999).map(|number| format!("t/{number}")).collect();
    names.iter().step_by(2).for_each(|name| fs::create_dir(desk.dir.path().join(name)).unwrap());
    let entries: Vec<Entry> = names.iter().map(|name| file(name, 1)).collect();
    let committed = desk.merge(&entries).unwrap();
    assert_eq!(
        (committed.told.missing(), committed.items[0].files, committed.items[0].size),
        (500, 499, 499)
    );
    assert!(committed.told.first().len() <= 100);
    assert_eq!(desk.tree().values().filter(|content| content.as_deref() == Some("x")).count(), 499);
    assert_eq!(fs::read_dir(desk.dir.path()).unwrap().count(), 1);
}

#[test]
fn the_items_of_one_transfer_are_not_joined_with_each_other() {
    let desk = desk();
    desk.has(&[("a", None), ("a/f", Some("old"))]);
    // Both are called `a_b` here.
    let items = ["a\u{1}b", "a\u{2}b"].map(|name| item(name, ItemKind::Folder, None));
    let incoming = desk.begin(&items).unwrap();
    incoming
        .register(&part(
            0,
            [folder("a\u{1}b"), folder("a\u{2}b"), file("a\u{1}b/f", 0), file("a\u{2}b/f", 1)],
        ))
        .unwrap();
    incoming.write(3, 0, b"x").unwrap();
    incoming.commit_all(4, 1).unwrap();
    let tree = desk.tree();
    assert_eq!((tree["a_b/f"].as_deref(), tree["a_b (1)/f"].as_deref()), (Some(""), Some("x")));
}

/// TESTPLAN C3 for a folder that is there: another process of the same user swaps what it has for
/// links that lead outside, all the time.
#[test]
fn a_racer_that_swaps_what_is_there_for_links_gets_nothing_outside() {
    let (desk, canary) = (desk(), tempfile::tempdir().unwrap());
    for place in ["", "a/"] {
        for number in 0..4 {
            fs::create_dir_all(canary.path().join(format!("{place}{number}"))).unwrap();
        }
        fs::write(canary.path().join(format!("{place}f")), "old").unwrap();
    }
    desk.has(&[
        ("t", None),
        ("t/a", None),
        ("t/a/f", Some("there")),
        ("t/a/0", None),
        ("t/a/1", None),
    ]);
    let root = desk.dir.path().join("t");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stopped = Stopped(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for victim in [root.join("a"), root.join("a/0"), root.join("a/f"), root.clone()] {
                    let aside = victim.with_extension("aside");
                    if fs::rename(&victim, &aside).is_ok() {
                        let outside = if victim.ends_with("f") {
                            canary.path().join("f")
                        } else {
                            canary.path().to_owned()
                        };
                        let _ = symlink(outside, &victim);
                        let _ = fs::remove_file(&victim);
                        let _ = fs::rename(&aside, &victim);
                    }
                }
            }
        });
        let mut foiled = 0;
        for _ in 0..60 {
            let entries = [
                folder("t/a"),
                file("t/a/f", 1),
                folder("t/a/0"),
                file("t/a/0/f", 1),
                folder("t/a/1"),
                file("t/a/1/f", 1),
            ];
            let merged = desk.merge(&entries);
            foiled += u32::from(merged.is_ok_and(|committed| committed.told.missing() > 0));
        }
        drop(stopped);
        println!("in the way {foiled} times");
    });
    let mut outside = vec![canary.path().to_owned()];
    while let Some(path) = outside.pop() {
        match path.is_dir() {
            true => outside.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path())),
            false => assert_eq!(fs::read(&path).unwrap(), b"old", "{}", path.display()),
        }
    }
}

#[test]
fn a_folder_that_is_another_disk_costs_what_would_go_onto_it() {
    let (desk, entries) = (
        desk(),
        [file("t/a", 1), folder("t/m"), file("t/m/f", 1), folder("t/m/d"), file("t/m/d/f", 1)],
    );
    desk.has(&[("t", None), ("t/a", Some("old")), ("t/m", None)]);
    let disk = desk.dir.path().join("t/m");
    let Some(_mounted) = super::disk::Mounted::tmpfs(&disk, "size=1m") else {
        println!("skipped: a tmpfs cannot be mounted here");
        return;
    };
    desk.has(&[("t/m/own", Some("old"))]);
    let before = desk.tree();
    let incoming = desk.sent(&entries, false);
    assert_eq!(reason(incoming.commit_counted(6, 3, &Differences::default())), Reason::Disk);
    incoming.discard(Rest::Removed);
    assert_eq!(desk.tree(), before, "looked for before anything is moved");
    let committed = desk.merge(&entries).unwrap();
    let lost: Vec<_> = ["t/m/d", "t/m/d/f", "t/m/f"]
        .map(|path| (path.to_owned(), Fate::Missing(Reason::Disk)))
        .into();
    assert_eq!(told(&committed.told), lost);
    assert_eq!((desk.tree()["t/a"].as_deref(), desk.tree().len()), (Some("x"), before.len()));
}

/// It says most where it is not root who tests.
#[test]
fn folders_that_nobody_may_enter_are_gone_through_and_have_their_permissions_at_the_end() {
    let modes = [0o000, 0o111, 0o333, 0o444, 0o555];
    let mut entries = Vec::new();
    for mode in modes {
        for of in ["there", "there/d", "new", "new/d"].map(|of| format!("t/{mode:o} {of}")) {
            entries.push(Entry { mode: Some(mode), ..folder(&of) });
            entries.push(file(&format!("{of}/f"), 1));
        }
    }
    let desk = desk();
    let there: Vec<String> = modes
        .iter()
        .flat_map(|mode| [format!("t/{mode:o} there"), format!("t/{mode:o} there/d")])
        .collect();
    desk.has(&[("t", None)]);
    there.iter().for_each(|name| fs::create_dir(desk.dir.path().join(name)).unwrap());
    let committed = desk.merge(&entries).unwrap();
    assert!(committed.told.is_empty(), "{:?}", committed.told);
    let mode = |name: &str| fs::metadata(desk.dir.path().join(name)).unwrap().mode() & 0o777;
    for of in modes {
        assert_eq!(
            (mode(&format!("t/{of:o} there")), mode(&format!("t/{of:o} new"))),
            (masked(0o777), masked(of.into()))
        );
        // Else nobody could look further, or clear up.
        fs::set_permissions(
            desk.dir.path().join(format!("t/{of:o} new")),
            fs::Permissions::from_mode(0o700),
        )
        .unwrap();
        let below = format!("t/{of:o} new/d");
        assert_eq!(mode(&below), masked(of.into()));
        fs::set_permissions(desk.dir.path().join(below), fs::Permissions::from_mode(0o700))
            .unwrap();
    }
    assert_eq!(
        desk.tree().values().filter(|content| content.as_deref() == Some("x")).count(),
        4 * modes.len()
    );
    assert_eq!(fs::read_dir(desk.dir.path()).unwrap().count(), 1);
}

/// It says most where it is not root who tests.
#[test]
fn links_below_folders_that_nobody_may_enter_are_made_or_left_out_like_others() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "s").unwrap();
    let out = format!("-> {}", outside.path().display());
    let closed = |path: &str, mode| Entry { mode: Some(mode), ..folder(path) };
    let mut entries = vec![folder("t/d"), file("t/d/f", 1)];
    for mode in [0o555_u16, 0o444, 0o000] {
        let (top, below) = (format!("t/{mode:o}"), format!("t/{mode:o}/in"));
        entries.extend([closed(&top, mode), closed(&below, mode)]);
        entries.extend([
            link(&format!("{top}/out"), "../out/secret"),
            link(&format!("{top}/fine"), "../d/f"),
        ]);
        entries.extend([
            link(&format!("{below}/out"), "../../out"),
            link(&format!("{below}/fine"), "../../d/f"),
        ]);
        entries.push(link(&format!("t/d/to {mode:o}"), &format!("../{mode:o}/in/fine")));
    }
    let desk = desk();
    desk.has(&[("t", None), ("t/out", Some(out.as_str())), ("t/d", None)]);
    let committed = desk.merge(&entries).unwrap();
    assert_eq!(
        (committed.told.left_out(), committed.told.missing()),
        (6, 0),
        "{:?}",
        committed.told
    );
    assert_eq!(committed.items[0].files, 1);
    for mode in [0o555_u16, 0o444, 0o000] {
        for path in [format!("t/{mode:o}"), format!("t/{mode:o}/in")] {
            let path = desk.dir.path().join(path);
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, masked(mode.into()));
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
        }
    }
    let tree = desk.tree();
    for mode in [0o555_u16, 0o444, 0o000] {
        for path in
            [format!("t/{mode:o}/fine"), format!("t/{mode:o}/in/fine"), format!("t/d/to {mode:o}")]
        {
            assert!(tree.contains_key(&path), "{path}");
        }
        assert!(
            !tree.contains_key(&format!("t/{mode:o}/out"))
                && !tree.contains_key(&format!("t/{mode:o}/in/out"))
        );
    }
    assert_eq!(fs::read_dir(desk.dir.path()).unwrap().count(), 1, "nothing hidden is left");
}

#[test]
fn a_link_that_goes_by_what_is_set_aside_is_left_out() {
    let desk = Desk::with(Policy { acting: false, ..policy() });
    desk.has(&[("t", None), ("t/bin", None), ("t/bin/tool", Some("old"))]);
    let entries = [
        folder("t/bin"),
        file("t/bin/tool", 1),
        link("t/tool", "bin/tool"),
        file("t/Makefile", 0),
        link("t/make", "Makefile"),
    ];
    let committed = desk.merge(&entries).unwrap();
    assert_eq!(
        (committed.told.left_out(), committed.told.missing()),
        (2, 0),
        "{:?}",
        committed.told
    );
    let expected = [
        ("t", None),
        ("t/bin", None),
        ("t/bin/tool", Some("old")),
        ("t/_bin", None),
        ("t/_bin/tool", Some("x")),
        ("t/_Makefile", Some("")),
    ];
    assert_eq!(desk.tree(), tree(&expected));
}

#[test]
fn what_is_set_aside_gets_a_number_where_something_else_has_its_name() {
    let desk = Desk::with(Policy { acting: false, ..policy() });
    let there = [
        ("t", None),
        ("t/_Makefile", None),
        ("t/_.idea", Some("old")),
        ("t/_.envrc", Some("-> x")),
    ];
    desk.has(&there);
    let committed = desk
        .merge(&[
            file("t/Makefile", 1),
            folder("t/.idea"),
            file("t/.idea/f", 1),
            link("t/.envrc", "f"),
        ])
        .unwrap();
    assert_eq!(
        (committed.told.missing(), committed.told.left_out()),
        (0, 0),
        "{:?}",
        committed.told
    );
    let mut expected = tree(&there);
    expected.extend(tree(&[
        ("t/_Makefile (1)", Some("x")),
        ("t/_ (1).idea", None),
        ("t/_ (1).idea/f", Some("x")),
        ("t/_ (1).envrc", Some("-> f")),
    ]));
    assert_eq!(desk.tree(), expected);
}

#[test]
fn no_two_transfers_make_a_link_that_leads_out() {
    let near = [folder("t/a"), folder("t/a/b"), link("t/a/b/x", "y/../../../zz")];
    let far = [folder("t/a"), folder("t/a/b"), link("t/a/b/y", "../..")];
    for there in [false, true] {
        let desk = desk();
        if there {
            desk.has(&[("t", None)]);
        }
        let outside = desk.dir.path().join("zz");
        fs::write(outside, "s").unwrap();
        // A link that goes up behind a missing name is not kept: anything may come under that name.
        assert_eq!(desk.merge(&near).unwrap().told.left_out(), 1);
        assert_eq!(desk.merge(&far).unwrap().told.left_out(), 0);
        assert!(fs::read(desk.dir.path().join("t/a/b/x")).is_err());
        // Behind what is there it may.
        let again = [
            folder("t/a"),
            folder("t/a/b"),
            link("t/a/b/y", "../.."),
            link("t/a/b/up", "y/a/../b"),
            link("t/a/b/z", "../b/../../zz"),
        ];
        let told = desk.merge(&again).unwrap().told;
        assert_eq!((told.left_out(), told.missing()), (0, 0), "{told:?}");
    }
}

#[test]
fn a_chain_of_links_that_were_there_is_not_believed_to_stay_because_it_is_long() {
    let (desk, outside) = (desk(), tempfile::tempdir().unwrap());
    desk.has(&[("t", None)]);
    let root = desk.dir.path().join("t");
    for number in 0..60 {
        symlink(format!("{}", number + 1), root.join(number.to_string())).unwrap();
    }
    symlink(outside.path(), root.join("60")).unwrap();
    let told = desk.merge(&[link("t/l", "0")]).unwrap().told;
    assert_eq!(told.left_out(), 1);
    assert!(!root.join("l").is_symlink());
}

/// On FUSE no inode is believed, so that nothing tells two files from each other.
#[test]
fn files_that_nothing_tells_from_each_other_are_joined_like_others() {
    folder::PRETENDED.set(true);
    let desk = desk();
    desk.has(&[
        ("t", None),
        ("t/a", Some("old")),
        ("t/b", Some("old")),
        ("t/d", None),
        ("t/e", None),
        ("t/e/f", Some("old")),
    ]);
    let entries = [
        file("t/a", 1),
        file("t/b", 1),
        file("t/c", 1),
        folder("t/d"),
        folder("t/e"),
        file("t/e/f", 1),
        folder("t/g"),
        file("t/d/f", 1),
    ];
    let committed = desk.merge(&entries).unwrap();
    let mut expected: BTreeMap<_, _> = ["t/a", "t/b", "t/c", "t/e/f", "t/d/f"]
        .map(|name| (name.to_owned(), Some("x".to_owned())))
        .into();
    expected.extend(["t", "t/d", "t/e", "t/g"].map(|name| (name.to_owned(), None)));
    assert_eq!((desk.tree(), committed.items[0].replaced), (expected, 3));
    assert!(committed.told.is_empty(), "{:?}", committed.told);

    // Two items that are files, too.
    desk.has(&[("one", Some("old")), ("two", Some("old"))]);
    let incoming =
        desk.begin(&["one", "two"].map(|name| item(name, ItemKind::File, Some(1)))).unwrap();
    incoming.register(&part(0, ["one", "two"].map(|path| file(path, 1)))).unwrap();
    for number in [0, 1] {
        incoming.write(number, 0, b"x").unwrap();
    }
    let committed = incoming.commit_counted(2, 2, &Differences::default()).unwrap();
    folder::PRETENDED.set(false);
    assert!(committed.items.iter().all(|saved| saved.replaced == 1), "{:?}", committed.items);
}

#[test]
fn a_folder_that_is_mounted_is_known_for_one_with_the_offer() {
    let desk = desk();
    desk.has(&[("t", None), ("m", None), ("m/d", None), ("own", None)]);
    let (at, own) = (desk.dir.path().join("m/d"), desk.dir.path().join("own"));
    let Some(_mounted) = super::disk::Mounted::again(&at, &own) else {
        println!("skipped: nothing can be mounted here");
        return;
    };
    // It is of the same disk, and still nothing can be moved onto it.
    let incoming = {
        let plan =
            desk.inbox.plan(&offer(&[item("m", ItemKind::Folder, None)]), None, false).unwrap();
        desk.inbox.begin(plan).unwrap()
    };
    incoming.register(&part(0, [folder("m"), folder("m/d"), file("m/d/f", 0)])).unwrap();
    assert_eq!(reason(incoming.commit_counted(3, 0, &Differences::default())), Reason::Disk);
    drop(incoming);
    let at = desk.dir.path().join("t");
    let _mounted = super::disk::Mounted::again(&at, &own).unwrap();
    let one = [item("t", ItemKind::Folder, None)];
    assert_eq!(reason(desk.inbox.plan(&offer(&one), None, true)), Reason::Disk);
    // Among others it costs itself.
    let two = [item("t", ItemKind::Folder, None), item("other", ItemKind::Folder, None)];
    let joins: Vec<_> = desk
        .inbox
        .plan(&offer(&two), None, true)
        .unwrap()
        .items()
        .iter()
        .map(|item| (item.taken, item.joins))
        .collect();
    assert_eq!(joins, [(true, false), (false, false)]);
}

#[test]
fn what_nobody_wants_any_more_is_not_moved_on_and_what_was_moved_is_said() {
    const FILES: usize = 6_000;
    let desk = desk();
    desk.has(&[("t", None)]);
    let names: Vec<String> = (0..FILES).map(|number| format!("t/{number}")).collect();
    names.iter().for_each(|name| fs::write(desk.dir.path().join(name), "old").unwrap());
    let incoming = desk.sent(&[], true);
    for (chunk, first) in names.chunks(1_000).zip((1..).step_by(1_000)) {
        incoming.register(&part(first, chunk.iter().map(|name| file(name, 0)))).unwrap();
    }
    let committed = thread::scope(|scope| {
        scope.spawn(|| {
            // Some of them are soon among those that were moved.
            let moved = |name: &String| {
                fs::metadata(desk.dir.path().join(name)).is_ok_and(|about| about.len() == 0)
            };
            while !names.iter().step_by(200).any(moved) {}
            incoming.discard(Rest::Removed)
        });
        incoming.commit_counted(u32::try_from(FILES).unwrap() + 1, 0, &Differences::default())
    });
    let committed = committed.unwrap();
    let (saved, missing) = (&committed.items[0], committed.told.missing());
    assert!(missing > 0 && saved.replaced > 0, "{missing} {}", saved.replaced);
    assert_eq!(usize::try_from(missing + saved.replaced).unwrap(), FILES);
    assert_eq!((saved.files, saved.merged), (saved.replaced, true));
    drop(incoming);
    let old = desk.tree().values().filter(|content| content.as_deref() == Some("old")).count();
    assert_eq!(old, usize::try_from(missing).unwrap());
    assert_eq!(fs::read_dir(desk.dir.path()).unwrap().count(), 1, "nothing hidden is left");
}

#[test]
fn a_folder_that_gives_its_group_on_gives_it_to_what_is_joined_with_it() {
    const GROUP: u32 = 12_345;
    let desk = desk();
    desk.has(&[("t", None), ("t/shared", None), ("t/shared/old", Some("old"))]);
    let shared = desk.dir.path().join("t/shared");
    if std::os::unix::fs::chown(&shared, None, Some(GROUP)).is_err() {
        println!("skipped: only root gives a folder any group");
        return;
    }
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o2775)).unwrap();
    let entries = [
        folder("t/shared"),
        file("t/shared/old", 1),
        file("t/shared/new", 0),
        Entry { mode: Some(0o750), ..folder("t/shared/d") },
        Entry { mode: Some(0o555), ..folder("t/shared/d/e") },
        file("t/shared/d/e/f", 1),
        folder("t/own"),
        file("t/own/f", 0),
    ];
    desk.merge(&entries).unwrap();
    let about = |name: &str| fs::metadata(desk.dir.path().join(name)).unwrap();
    for name in ["old", "new", "d", "d/e", "d/e/f"] {
        assert_eq!(about(&format!("t/shared/{name}")).gid(), GROUP, "{name}");
    }
    let mode = |name: &str| about(&format!("t/shared/{name}")).mode() & 0o7777;
    assert_eq!(["d", "d/e"].map(mode), [0o2000 | masked(0o750), 0o2000 | masked(0o555)]);
    assert_ne!(about("t/own/f").gid(), GROUP);
}
