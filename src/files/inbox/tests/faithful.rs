//! Everything arrives as it was sent (SPEC 7.3, 7.5, 7.8): permissions, times, links, holes, depth,
//! and gaps in a folder.

use super::*;
use crate::failure::{Exit, Kind};
use pinhole_protocol::limits::LEVELS;
use std::os::unix::fs::{MetadataExt, symlink};
use std::time::{Duration, SystemTime};

impl Desk {
    fn mode(&self, name: &str) -> u32 {
        fs::symlink_metadata(self.dir.path().join(name)).unwrap().mode() & 0o7777
    }

    /// A folder `t` of which these entries have come.
    fn folder(&self, entries: impl IntoIterator<Item = Entry>) -> Incoming {
        let incoming = self.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
        incoming.register(&part(0, [folder("t")].into_iter().chain(entries))).unwrap();
        incoming
    }
}

fn moded(mode: u16, entry: Entry) -> Entry {
    Entry { mode: Some(mode), ..entry }
}

#[test]
fn nothing_gets_a_permission_that_it_did_not_have() {
    for (modes, mask) in
        [(Modes::Umask, masked(0o777)), (Modes::Kept, 0o777), (Modes::Private, 0o700)]
    {
        let desk = Desk::with(Policy { keep_free: 0.0, modes, ..Policy::default() });
        let all = [0o600, 0o444, 0o755, 0o777, 0o640, 0o111];
        let entries = all.into_iter().flat_map(|mode| {
            let name = format!("t/{mode:o}");
            [
                moded(mode, file(&name, 1)),
                moded(mode, file(&format!("{name} empty"), 0)),
                moded(mode, folder(&format!("{name} folder"))),
            ]
        });
        let incoming = desk.folder(entries);
        for entry in 0..6 {
            incoming.write(1 + 3 * entry, 0, b"x").unwrap();
        }
        incoming.commit_all(19, 6).unwrap();
        for mode in all {
            for name in
                [format!("t/{mode:o}"), format!("t/{mode:o} empty"), format!("t/{mode:o} folder")]
            {
                assert_eq!(desk.mode(&name), u32::from(mode) & mask, "{modes:?} {name}");
            }
        }
        let incoming = desk.begin(&[item("alone", ItemKind::File, Some(1))]).unwrap();
        incoming.register(&part(0, [moded(0o666, file("alone", 1))])).unwrap();
        incoming.write(0, 0, b"x").unwrap();
        let hidden = the(desk.dir.path(), ".part");
        let hidden = hidden.file_name().unwrap().to_str().unwrap();
        assert_eq!(desk.mode(hidden), 0o600, "a partial is its owner's alone");
        incoming.commit_all(1, 1).unwrap();
        assert_eq!(desk.mode("alone"), 0o666 & mask);
    }
}

#[test]
fn a_set_group_id_that_a_directory_hands_on_stays() {
    let desk = Desk::new();
    fs::set_permissions(desk.dir.path(), fs::Permissions::from_mode(0o2775)).unwrap();
    let incoming = desk.folder([folder("t/d")]);
    incoming.commit_all(2, 0).unwrap();
    assert_eq!(
        (desk.mode("t"), desk.mode("t/d")),
        (0o2000 | masked(0o777), 0o2000 | masked(0o777))
    );
}

#[test]
fn folders_have_their_times_whatever_is_made_in_them_last() {
    let desk = Desk::new();
    let dated =
        |seconds, entry: Entry| Entry { modified: Some(seconds), modified_nanos: 5, ..entry };
    let incoming = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
    let entries =
        [folder("t"), folder("t/d"), folder("t/d/e"), file("t/d/e/late", 1), link("t/d/link", "e")];
    let entries = (1_000..).zip(entries).map(|(seconds, entry)| dated(seconds, entry));
    incoming.register(&part(0, entries)).unwrap();
    incoming.write(3, 0, b"x").unwrap();
    incoming.commit_all(5, 1).unwrap();
    for (name, seconds) in [("t", 1_000), ("t/d", 1_001), ("t/d/e", 1_002), ("t/d/e/late", 1_003)] {
        let modified = fs::metadata(desk.dir.path().join(name)).unwrap().modified().unwrap();
        assert_eq!(modified, SystemTime::UNIX_EPOCH + Duration::new(seconds, 5), "{name}");
    }
    assert_eq!(desk.tree()["t/d/link"].as_deref(), Some("-> e"));
}

#[test]
fn links_that_stay_inside_are_made_and_others_are_left_out_by_name() {
    let inside = ["e", "e/f", "./e/../e", "../d/e", "..", "missing", "l0", "../../t/d"];
    let outside =
        ["/etc/passwd", "../../..", "../../x", "e/../../../x", "../../../t/d", "//x", "/"];
    let desk = Desk::new();
    let links = inside
        .iter()
        .chain(&outside)
        .zip(0..)
        .map(|(target, n)| link(&format!("t/d/l{n}"), target));
    let incoming =
        desk.folder([folder("t/d"), folder("t/d/e"), file("t/d/e/f", 0)].into_iter().chain(links));
    let committed = incoming.commit_counted(19, 0, &Differences::default()).unwrap();
    let tree = desk.tree();
    // `../../t/d` leaves the item, even if it comes back.
    for (n, target) in inside.iter().enumerate().take(7) {
        assert_eq!(tree[&format!("t/d/l{n}")].as_deref(), Some(format!("-> {target}").as_str()));
    }
    assert_eq!(tree.keys().filter(|name| name.starts_with("t/d/l")).count(), 7, "{tree:#?}");
    assert_eq!((committed.told.left_out(), committed.items[0].differences.left_out()), (8, 8));
    assert!(
        format!("{:?}", committed.told).contains(r#""t/d/l8", fate: LeftOut(Link)"#),
        "{:?}",
        committed.told
    );
}

#[test]
fn links_that_lead_out_by_way_of_each_other_are_left_out() {
    // By its text `out` is `t/a`; by what is there, `down` is `t`, and what is above that is
    // outside. Before `down` is there it leads nowhere.
    let links = [
        link("t/a/b/down", "../.."),
        link("t/out", "a/b/down/../.."),
        link("t/near", "a/b/down/.."),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let desk = Desk::new();
        let links = order.map(|number| links[number].clone());
        let incoming = desk.folder([folder("t/a"), folder("t/a/b")].into_iter().chain(links));
        let committed = incoming.commit_counted(6, 0, &Differences::default()).unwrap();
        let tree = desk.tree();
        assert!(
            tree.contains_key("t/a/b/down")
                && !tree.contains_key("t/out")
                && !tree.contains_key("t/near"),
            "{order:?} {tree:#?}"
        );
        assert_eq!(committed.told.left_out(), 2);
    }
}

#[test]
fn all_links_are_made_as_they_are_if_that_is_wanted_and_none_is_followed() {
    let outside = tempfile::tempdir().unwrap();
    let desk = Desk::with(Policy { keep_free: 0.0, links: Links::All, ..Policy::default() });
    let target = outside.path().to_str().unwrap();
    let incoming = desk.folder([
        link("t/out", target),
        folder("t/out"),
        file("t/out/x", 1),
        link("t/out/abs", "/etc"),
    ]);
    incoming.write(3, 0, b"x").unwrap();
    incoming.commit_all(5, 1).unwrap();
    let tree = desk.tree();
    assert_eq!(tree["t/out/abs"].as_deref(), Some("-> /etc"));
    assert_eq!(
        (tree["t/out"].as_deref(), tree["t/out (1)"].as_deref()),
        (None, Some(format!("-> {target}").as_str())),
        "made after all else"
    );
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_link_to_something_that_has_another_name_here_is_left_out() {
    let desk = Desk::new();
    let entries = [
        folder("t/a\u{1}"),
        file("t/b\u{2}", 0),
        link("t/to a", "a\u{1}/x"),
        link("t/to b", "./b\u{2}"),
        link("t/c", "d"),
    ];
    let incoming = desk.folder(entries);
    let committed = incoming.commit_counted(6, 0, &Differences::default()).unwrap();
    assert_eq!(desk.tree().keys().collect::<Vec<_>>(), ["t", "t/a_", "t/b_", "t/c"]);
    assert_eq!((committed.told.renamed(), committed.told.left_out()), (2, 2));
}

#[test]
fn who_cannot_hear_of_another_name_is_told_that_two_are_one() {
    let desk = Desk::new();
    let offer = Offer { entries: 3, ..offer(&[item("t", ItemKind::Folder, None)]) };
    let incoming = desk.inbox.begin(desk.inbox.plan(&offer, None, false).unwrap()).unwrap();
    incoming.register(&part(0, [folder("t"), file("t/x\u{1}", 0), file("t/x_", 0)])).unwrap();
    let refusal = incoming.commit_all(3, 0).unwrap_err();
    assert_eq!((refusal.reason, refusal.failure.kind), (Reason::Exists, Kind::Exists));
    drop(incoming);
    assert!(desk.is_empty());
}

#[test]
fn hundreds_of_names_that_become_one_all_get_a_number() {
    let desk = Desk::new();
    let unsafe_ones = || (1_u8..0x20).map(char::from);
    let names: Vec<_> = unsafe_ones()
        .flat_map(|a| unsafe_ones().map(move |b| format!("t/{a}{b}.txt")))
        .take(900)
        .collect();
    let incoming = desk.folder(
        names
            .iter()
            .enumerate()
            .map(|(number, name)| if number % 2 == 0 { file(name, 0) } else { folder(name) }),
    );
    let committed = incoming.commit_counted(901, 0, &Differences::default()).unwrap();
    assert_eq!((committed.told.renamed(), committed.told.missing()), (900, 0));
    let all = desk.tree();
    assert_eq!(
        (all.len(), all.contains_key("t/__.txt"), all.contains_key("t/__ (899).txt")),
        (901, true, true)
    );
}

#[test]
fn holes_are_holes_here_however_they_come() {
    const SIZE: u64 = 64 << 20;
    let desk = Desk::new();
    let incoming =
        desk.folder([file("t/sparse", SIZE), file("t/hollow", SIZE), file("t/after", 1)]);
    let chunk = content(65_536);
    // The news of a hole overtakes the bytes before it, and comes after space was asked for.
    incoming.gap(1 << 20..2 << 20, None).unwrap();
    incoming.write(1, 0, &chunk).unwrap();
    incoming.gap(65_536..1 << 20, None).unwrap();
    incoming.write(1, 2 << 20, &chunk).unwrap();
    incoming.gap((2 << 20) + 65_536..SIZE, None).unwrap();
    incoming.gap(SIZE..2 * SIZE, None).unwrap();
    incoming.write(3, 0, b"x").unwrap();
    incoming.commit_all(4, 2 * SIZE + 1).unwrap();
    let mut expected = vec![0; SIZE as usize];
    expected[..65_536].copy_from_slice(&chunk);
    expected[2 << 20..(2 << 20) + 65_536].copy_from_slice(&chunk);
    assert!(fs::read(desk.dir.path().join("t/sparse")).unwrap() == expected);
    assert!(fs::read(desk.dir.path().join("t/hollow")).unwrap() == vec![0; SIZE as usize]);
    let blocks = |name: &str| fs::metadata(desk.dir.path().join(name)).unwrap().blocks() * 512;
    assert!(blocks("t/sparse") <= 2 * 65_536 + 8_192, "{}", blocks("t/sparse"));
    assert_eq!(blocks("t/hollow"), 0);
}

#[test]
fn what_is_not_to_be_had_costs_that_file_alone() {
    let desk = Desk::new();
    let incoming =
        desk.folder([file("t/a", 4), file("t/lost", 8), file("t/never", 8), file("t/b", 2)]);
    incoming.write(1, 0, b"aaaa").unwrap();
    incoming.write(2, 0, b"half").unwrap();
    incoming.gap(8..12, Some(Reason::SourceChanged)).unwrap();
    incoming.gap(12..20, Some(Reason::SourceUnreadable)).unwrap();
    // Bytes that still come of them go nowhere.
    assert_eq!(incoming.write(3, 0, b"late").unwrap(), 12..16);
    incoming.write(4, 0, b"bb").unwrap();
    let mut theirs = Differences::default();
    theirs.add(b"t/lost", pinhole_protocol::wire::Fate::Missing(Reason::SourceChanged));
    theirs.add(b"t/never", pinhole_protocol::wire::Fate::Missing(Reason::SourceUnreadable));
    let committed = incoming.commit_counted(5, 22, &theirs).unwrap();
    assert_eq!(desk.tree(), tree(&[("t", None), ("t/a", Some("aaaa")), ("t/b", Some("bb"))]));
    let saved = &committed.items[0];
    assert_eq!(
        (saved.differences.missing(), saved.files, saved.size, committed.told.missing()),
        (2, 2, 6, 0)
    );
}

#[test]
fn what_changed_after_it_was_sent_goes_again() {
    let desk = Desk::new();
    let incoming =
        desk.folder([folder("t/d\u{1}"), file("t/d\u{1}/e\u{2}", 1), file("t/d\u{1}/f", 1)]);
    incoming.write(2, 0, b"e").unwrap();
    incoming.write(3, 0, b"f").unwrap();
    let mut theirs = Differences::default();
    for path in ["t/d\u{1}/e\u{2}", "t/../x", "t/d\u{1}", "elsewhere", "t/none/x"] {
        theirs.add(path.as_bytes(), pinhole_protocol::wire::Fate::Missing(Reason::SourceChanged));
    }
    let committed = incoming.commit_counted(4, 2, &theirs).unwrap();
    assert_eq!(desk.tree(), tree(&[("t", None), ("t/d_", None), ("t/d_/f", Some("f"))]));
    assert!(committed.items[0].differences.missing() > 0);
}

#[test]
fn a_sender_that_names_nothing_as_missing_is_not_believed() {
    let desk = Desk::new();
    let incoming = desk.folder([file("t/lost", 4), file("t/b", 1)]);
    incoming.gap(0..4, Some(Reason::SourceChanged)).unwrap();
    incoming.write(2, 0, b"b").unwrap();
    let committed = incoming.commit_counted(3, 5, &Differences::default()).unwrap();
    assert_eq!(committed.items[0].differences.missing(), 1);
}

#[test]
fn of_several_files_the_others_are_delivered_and_of_one_nothing_is() {
    let desk = Desk::new();
    let items = ["a", "b"].map(|name| item(name, ItemKind::File, Some(2)));
    let incoming = desk.begin(&items).unwrap();
    incoming.register(&part(0, [file("a", 2), file("b", 2)])).unwrap();
    incoming.gap(0..2, Some(Reason::SourceChanged)).unwrap();
    incoming.write(1, 0, b"bb").unwrap();
    let committed = incoming.commit_counted(2, 4, &Differences::default()).unwrap();
    assert_eq!(
        committed.items.iter().map(|saved| saved.path.is_some()).collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(committed.items[0].differences.missing(), 1);
    committed.unheard.unwrap().heard();
    drop(incoming);
    assert_eq!(desk.tree(), tree(&[("b", Some("bb"))]));

    let incoming = desk.begin(&items[..1]).unwrap();
    incoming.register(&part(0, [file("a", 2)])).unwrap();
    incoming.gap(0..2, Some(Reason::SourceChanged)).unwrap();
    let refusal = incoming.commit_counted(1, 2, &Differences::default()).unwrap_err();
    assert_eq!(
        (refusal.reason, refusal.failure.exit()),
        (Reason::SourceChanged, Exit::SourceChanged)
    );
}

#[test]
fn the_deepest_folder_that_is_allowed_arrives_and_can_be_removed_again() {
    let desk = Desk::new();
    for keep in [true, false] {
        let incoming = desk.folder([]);
        let said =
            |number: u32| Wire::inside(number - 1, PeerName::new(b"d".to_vec()), EntryKind::Folder);
        let numbers: Vec<u32> = (1..LEVELS).collect();
        for numbers in numbers.chunks(1_000) {
            let entries = numbers.iter().map(|number| said(*number)).collect();
            incoming.register(&Part { item: ItemId(1), first: numbers[0], entries }).unwrap();
        }
        let beyond = Part { item: ItemId(1), first: LEVELS, entries: vec![said(LEVELS)] };
        let refusal = incoming.register(&beyond).unwrap_err();
        assert!(refusal.failure.detail.contains("deeper"), "{refusal}");
        let deepest = Wire {
            size: Some(1),
            ..Wire::inside(LEVELS - 2, PeerName::new(b"f".to_vec()), EntryKind::File)
        };
        if !keep {
            continue;
        }
        incoming
            .register(&Part { item: ItemId(1), first: LEVELS, entries: vec![deepest] })
            .unwrap();
        incoming.write(LEVELS, 0, b"x").unwrap();
        incoming.commit_all(LEVELS + 1, 1).unwrap();
        desk.inbox.0.folder.remove(std::ffi::OsStr::new("t")).unwrap();
    }
    assert!(desk.is_empty(), "what was discarded is gone");
}

#[test]
fn a_link_where_a_folder_was_is_not_followed_at_the_end() {
    let (desk, outside) = (Desk::new(), tempfile::tempdir().unwrap());
    let incoming = desk.folder([folder("t/d"), moded(0o777, file("t/d/f", 0))]);
    let hidden = the(desk.dir.path(), ".part");
    fs::remove_dir_all(hidden.join("d")).unwrap();
    symlink(outside.path(), hidden.join("d")).unwrap();
    let before = fs::metadata(outside.path()).unwrap();
    let refusal = incoming.commit_all(3, 0).unwrap_err();
    assert_eq!(refusal.reason, Reason::Disk);
    let after = fs::metadata(outside.path()).unwrap();
    assert_eq!((after.mode(), after.mtime()), (before.mode(), before.mtime()));
}
