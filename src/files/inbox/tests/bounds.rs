//! More than was said, less, and more than there may be (TESTPLAN B14, C7).

use super::*;
use crate::failure::Exit;
use crate::files::inbox::room::BLOCK;
use pinhole_protocol::limits::{self, PARTS_AHEAD, PATH_LEVELS};

fn one_file(desk: &Desk, size: u64) -> Incoming {
    let incoming = desk.begin(&[item("f", ItemKind::File, Some(size))]).unwrap();
    incoming.register(&part(0, [file("f", size)])).unwrap();
    incoming
}

/// Bytes of content on the disk.
fn on_disk(desk: &Desk) -> usize {
    let received = desk.tree().into_iter().filter(|(name, _)| !name.ends_with(".journal"));
    received.map(|(_, content)| content.unwrap_or_default().len()).sum()
}

#[test]
fn no_byte_beyond_the_declared_size_is_written() {
    let beyond = [
        (4, 1),
        (0, 5),
        (3, 2),
        (5, 1),
        (u64::MAX, 1),
        (u64::MAX, 4),
        (1 << 63, 1),
        (u64::MAX - 3, 4),
        ((1 << 63) - 1, 1),
    ];
    for (offset, length) in beyond {
        let desk = Desk::new();
        let incoming = one_file(&desk, 4);
        assert_eq!(
            reason(incoming.write(0, offset, &[1; 5][..length])),
            Reason::Protocol,
            "{offset} {length}"
        );
        assert_eq!(on_disk(&desk), 0);
        assert_eq!(incoming.write(0, 0, b"1234").unwrap(), 0..4);
        // It is complete and forgotten, so what else comes of it is ignored.
        assert_eq!(incoming.write(0, 4, b"5").unwrap(), 0..0);
        assert_eq!(on_disk(&desk), 4);
    }
}

#[test]
fn bytes_of_no_file_are_refused() {
    let desk = Desk::new();
    let incoming = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
    assert_eq!(reason(incoming.write(0, 0, b"1")), Reason::Protocol);
    incoming.register(&part(0, [folder("t"), file("t/empty", 0), file("t/f", 1)])).unwrap();
    for entry in [0, 1, 3, u32::MAX] {
        assert_eq!(reason(incoming.write(entry, 0, b"1")), Reason::Protocol, "{entry}");
    }
    assert_eq!(incoming.write(2, 0, b"1").unwrap(), 0..1);
    // Late copies of what is written and forgotten change nothing.
    assert_eq!(incoming.write(2, 0, b"2").unwrap(), 0..0);
    incoming.commit_all(3, 1).unwrap();
    assert_eq!(fs::read(desk.dir.path().join("t/f")).unwrap(), b"1");
}

#[test]
fn bytes_that_are_written_stay() {
    let desk = Desk::new();
    let incoming = one_file(&desk, 6);
    assert_eq!(incoming.write(0, 1, b"bc").unwrap(), 1..3);
    assert_eq!(incoming.write(0, 0, b"aXXd").unwrap(), 0..4);
    assert_eq!(incoming.write(0, 2, b"YYef").unwrap(), 2..6);
    incoming.commit_all(1, 6).unwrap();
    assert_eq!(desk.tree(), tree(&[("f", Some("abcdef"))]));
}

#[test]
fn a_folder_may_hold_less_than_was_counted_and_never_more() {
    let desk = Desk::new();
    let counted = Offer {
        entries: 3,
        bytes: 2,
        counted: true,
        ..offer(&[item("t", ItemKind::Folder, None)])
    };
    let begin = || desk.inbox.begin(desk.inbox.plan(&counted, None, true).unwrap()).unwrap();
    for entries in [&[file("t/a", 3)][..], &[file("t/a", 1), file("t/b", 1), file("t/c", 0)]] {
        let incoming = begin();
        let grown =
            incoming.register(&part(0, [folder("t")].into_iter().chain(entries.iter().cloned())));
        assert_eq!(reason(grown), Reason::SourceChanged);
    }
    let incoming = begin();
    incoming.register(&part(0, [folder("t"), file("t/a", 1)])).unwrap();
    incoming.write(1, 0, b"1").unwrap();
    incoming.commit_all(2, 1).unwrap();
    assert_eq!(desk.tree(), tree(&[("t", None), ("t/a", Some("1"))]));
}

#[test]
fn a_cut_transfer_is_never_taken_for_a_whole_one() {
    let desk = Desk::new();
    let incoming = one_file(&desk, 4);
    incoming.write(0, 0, b"12").unwrap();
    for (entries, bytes) in [(1, 4), (1, 2), (0, 0), (2, 4)] {
        assert_eq!(reason(incoming.commit_all(entries, bytes)), Reason::Protocol);
    }
    incoming.write(0, 3, b"4").unwrap();
    assert_eq!(reason(incoming.commit_all(1, 4)), Reason::Protocol);
    incoming.write(0, 2, b"3").unwrap();
    for (entries, bytes) in [(1, 3), (1, 5), (2, 4), (1, u64::MAX)] {
        assert_eq!(reason(incoming.commit_all(entries, bytes)), Reason::Protocol);
    }
    assert!(desk.tree().into_keys().all(|name| name.starts_with('.')));
    incoming.commit_all(1, 4).unwrap();
    assert_eq!(desk.tree(), tree(&[("f", Some("1234"))]));

    let missing = desk
        .begin(&[item("a", ItemKind::File, Some(0)), item("b", ItemKind::File, Some(0))])
        .unwrap();
    missing.register(&part(0, [file("a", 0)])).unwrap();
    assert_eq!(reason(missing.commit_all(1, 0)), Reason::Protocol);

    let stream_cut = desk.begin(&[item("s", ItemKind::Stream, None)]).unwrap();
    stream_cut.register(&part(0, [stream("s")])).unwrap();
    stream_cut.write(0, 1, b"2").unwrap();
    assert_eq!(reason(stream_cut.commit_all(1, 2)), Reason::Protocol);
}

#[test]
fn sizes_that_no_disk_holds_are_refused_before_anything_is_allocated() {
    for size in [u64::MAX, 1 << 63, (1 << 63) - 1, 1 << 60] {
        let desk = Desk::new();
        let refusal = desk.begin(&[item("f", ItemKind::File, Some(size))]).unwrap_err();
        assert_eq!(
            (refusal.reason, refusal.failure.exit()),
            (Reason::NoSpace, Exit::Disk),
            "{size}"
        );
        let incoming = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
        let expected = if size >> 63 == 1 { Reason::TooLarge } else { Reason::NoSpace };
        assert_eq!(
            reason(incoming.register(&part(0, [folder("t"), file("t/f", size)]))),
            expected,
            "{size}"
        );
        assert_eq!(on_disk(&desk), 0);
    }
    // Each alone could be, together they overflow.
    let desk = Desk::new();
    let incoming = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
    let huge = (0..3).map(|number| file(&format!("t/{number}"), (1 << 63) - 1));
    assert_eq!(
        reason(incoming.register(&part(0, [folder("t")].into_iter().chain(huge)))),
        Reason::NoSpace
    );
}

#[test]
fn the_sentence_about_a_full_disk_says_how_much_and_what_to_do() {
    let desk = Desk::new();
    let failure =
        desk.begin(&[item("report.pdf", ItemKind::File, Some(1 << 60))]).unwrap_err().failure;
    let start =
        format!("\"report.pdf\" was not saved: the disk of {} has ", desk.inbox.path().display());
    assert!(
        failure.detail.starts_with(&start)
            && failure.detail.ends_with(" left and 1152921.5 TB are needed"),
        "{failure}"
    );
    assert_eq!(
        (failure.kind.as_str(), failure.next.as_deref()),
        ("no-space", Some("free some space, or take into another folder with -o DIR"))
    );
}

#[test]
fn part_of_the_disk_stays_free() {
    let desk = Desk::with(Policy { keep_free: 1.0, ..Policy::default() });
    let failure = desk.begin(&[item("f", ItemKind::File, Some(1))]).unwrap_err().failure;
    assert!(failure.detail.contains(" stay free, and 4.0 kB are needed"), "{failure}");
    assert_eq!(reason(desk.begin(&[item("s", ItemKind::Stream, None)])), Reason::NoSpace);
}

#[test]
fn max_size_holds_for_all_of_a_channel_and_at_each_byte() {
    let desk =
        Desk::with(Policy { max_size: Some(10 * BLOCK), keep_free: 0.0, ..Policy::default() });
    let bytes = |blocks: u64| content((blocks * BLOCK) as usize);
    let failure = desk.begin(&[item("f", ItemKind::File, Some(11 * BLOCK))]).unwrap_err().failure;
    assert_eq!(
        failure.detail,
        "\"f\" was not accepted: 45.0 kB more would exceed the 40.9 kB that one code may bring"
    );
    desk.receive("a", &bytes(6)).unwrap();
    assert_eq!(
        reason(desk.begin(&[item("f", ItemKind::File, Some(4 * BLOCK + 1))])),
        Reason::TooLarge
    );

    let discarded = one_file(&desk, 4 * BLOCK);
    assert_eq!(reason(desk.begin(&[item("g", ItemKind::File, Some(0))])), Reason::TooLarge);
    drop(discarded);

    // Sizes that an offer leaves out show when the entries come, and of a stream when its bytes do.
    let folder_of = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
    assert_eq!(
        reason(folder_of.register(&part(0, [folder("t"), file("t/f", 4 * BLOCK)]))),
        Reason::TooLarge
    );
    let incoming = desk.begin(&[item("s", ItemKind::Stream, None)]).unwrap();
    incoming.register(&part(0, [stream("s")])).unwrap();
    assert_eq!(incoming.write(0, 0, &bytes(3)).unwrap(), 0..3 * BLOCK);
    assert_eq!(incoming.write(0, BLOCK, &bytes(3)).unwrap(), BLOCK..4 * BLOCK);
    assert_eq!(reason(incoming.write(0, 4 * BLOCK, b"5")), Reason::TooLarge);
    incoming.commit_all(1, 4 * BLOCK).unwrap();
    assert_eq!(fs::metadata(desk.dir.path().join("s")).unwrap().len(), 4 * BLOCK);
}

#[test]
fn names_without_bytes_cost_what_they_take() {
    let files = |first: u32, count: u32| {
        (first..first + count).map(|number| file(&format!("t/{number}"), 0))
    };
    for (policy, flag) in [
        (Policy { max_size: Some(500 * BLOCK), ..Policy::default() }, "--max-size"),
        (Policy { max_entries: Some(500), ..Policy::default() }, "--max-entries"),
    ] {
        let desk = Desk::with(Policy { keep_free: 0.0, ..policy });
        let counted =
            Offer { entries: 501, counted: true, ..offer(&[item("t", ItemKind::Folder, None)]) };
        assert_eq!(desk.inbox.plan(&counted, None, true).unwrap_err().reason, Reason::TooLarge);
        let incoming = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
        incoming.register(&part(0, [folder("t")].into_iter().chain(files(0, 400)))).unwrap();
        let refusal = incoming.register(&part(401, files(400, 100))).unwrap_err();
        assert!(
            refusal.reason == Reason::TooLarge && refusal.failure.next.unwrap().contains(flag),
            "{flag}"
        );
        drop(incoming);
        // The share of a discarded transfer is given back, and a channel's transfers count
        // together.
        let incoming = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
        incoming.register(&part(0, [folder("t")].into_iter().chain(files(0, 499)))).unwrap();
        incoming.commit_all(500, 0).unwrap();
        assert_eq!(reason(desk.begin(&[item("f", ItemKind::File, Some(0))])), Reason::TooLarge);
    }
}

#[test]
fn a_counted_offer_is_not_exceeded() {
    let desk = Desk::new();
    let counted = Offer {
        bytes: 3,
        entries: 2,
        counted: true,
        ..offer(&[item("t", ItemKind::Folder, None)])
    };
    let begin = || desk.inbox.begin(desk.inbox.plan(&counted, None, true).unwrap()).unwrap();
    begin().register(&part(0, [folder("t"), file("t/a", 3)])).unwrap();
    assert_eq!(
        reason(begin().register(&part(0, [folder("t"), file("t/a", 4)]))),
        Reason::SourceChanged
    );
    assert_eq!(
        reason(begin().register(&part(0, [folder("t"), file("t/a", 1), file("t/b", 1)]))),
        Reason::SourceChanged
    );
}

#[test]
fn parts_over_the_limits_are_refused() {
    let desk = Desk::new();
    let begin = || {
        let incoming = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
        incoming.register(&part(0, [folder("t")])).unwrap();
        incoming
    };
    let incoming = begin();
    let many = |count: u32| (0..count).map(|number| file(&format!("t/{number}"), 1));
    assert_eq!(reason(incoming.register(&part(1, many(1_001)))), Reason::Protocol);
    assert_eq!(reason(incoming.register(&part(1, []))), Reason::Protocol);
    assert_eq!(reason(incoming.register(&part(0, many(1)))), Reason::Protocol);
    assert_eq!(reason(incoming.register(&part(2, many(1)))), Reason::Protocol);
}

#[test]
fn a_path_of_the_greatest_depth_arrives() {
    let desk = Desk::new();
    let incoming = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
    let path = |levels: usize| vec!["t"; levels].join("/");
    let folders = (1..PATH_LEVELS).map(|levels| folder(&path(levels)));
    incoming.register(&part(0, folders.chain([file(&path(PATH_LEVELS), 1)]))).unwrap();
    incoming.write(63, 0, b"x").unwrap();
    incoming.commit_all(64, 1).unwrap();
    assert_eq!(fs::read(desk.dir.path().join(path(PATH_LEVELS))).unwrap(), b"x");
}

#[test]
fn parts_without_end_and_without_bytes_are_not_kept() {
    let desk = Desk::new();
    let incoming = desk.begin(&[item("t", ItemKind::Folder, None)]).unwrap();
    incoming.register(&part(0, [folder("t")])).unwrap();
    let mut first = 1;
    let refusal = loop {
        let files = (first..first + 1_000).map(|number| file(&format!("t/{number}"), 1));
        match incoming.register(&part(first, files)) {
            Ok(_) => first += 1_000,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((refusal.reason, first), (Reason::Protocol, 1 + 4 * PARTS_AHEAD * 1_000));
}

#[test]
fn scattered_bytes_do_not_fill_the_memory() {
    let desk = Desk::new();
    let incoming = one_file(&desk, 1 << 20);
    let refusal =
        (0..).step_by(2).find_map(|offset| incoming.write(0, offset, b"x").err()).unwrap();
    assert_eq!(refusal.reason, Reason::Protocol);
    assert_eq!(incoming.remembered().2, limits::PIECES + 1);
}
