//! A faithful peer gets the rest of files that are not as they were.

use super::*;
use crate::files::outbox::{Fence, Links};
use pinhole_protocol::wire::{Differences, Fate, Reason};
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;

/// Positions that have no bytes, and why if they are not zeros.
type Gaps = Vec<(Range<u64>, Option<Reason>)>;

/// Everything from the first position on, and the gaps in it, read in pieces of at most `piece`
/// bytes.
fn read_all(outgoing: &Outgoing, piece: usize) -> Result<(Vec<u8>, Gaps), SourceFailure> {
    let (mut all, mut gaps, mut position, mut buf) = (Vec::new(), Vec::new(), 0, vec![0; piece]);
    while let Some(read) = outgoing.read(position, &mut buf)? {
        match read {
            Read::Bytes { len, .. } => {
                all.extend_from_slice(&buf[..len]);
                position += len as u64;
            }
            Read::Gap { end, why } => {
                assert!(end > position, "a gap has a position");
                gaps.push((position..end, why));
                position = end;
            }
        }
    }
    Ok((all, gaps))
}

/// Missing files, as they are reported at the end.
fn missing(differences: &Differences) -> Vec<(String, Reason)> {
    let each = differences.first().iter().filter_map(|one| match one.fate {
        Fate::Missing(reason) => {
            Some((String::from_utf8_lossy(one.path.raw()).into_owned(), reason))
        }
        _ => None,
    });
    let each: Vec<_> = each.collect();
    assert_eq!(each.len(), differences.missing() as usize);
    each
}

/// A folder of files of three bytes, opened and walked.
fn walked(place: &Place) -> Outgoing {
    for (name, content) in [("top/a", "aaa"), ("top/b", "bbb"), ("top/c", "ccc")] {
        place.file(name, content);
    }
    let outgoing = open(&select(&[place.path("top")]));
    parts(&outgoing).unwrap();
    tick(place);
    outgoing
}

fn append(path: impl AsRef<Path>, bytes: &str) {
    fs::File::options().append(true).open(path).unwrap().write_all(bytes.as_bytes()).unwrap();
}

#[test]
fn holes_are_gaps_however_large_they_are() {
    let place = Place::new();
    let mut file = fs::File::create(place.path("sparse")).unwrap();
    file.set_len(1 << 40).unwrap();
    for offset in [0, 1 << 39, (1 << 39) + 8192] {
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(b"data").unwrap();
    }
    let outgoing = open(&select(&[place.file("before", "first"), place.path("sparse")]));
    parts(&outgoing).unwrap();
    let (bytes, gaps) = read_all(&outgoing, 65_536).unwrap();
    let holes: Vec<_> = gaps.iter().map(|(range, why)| (range.start, range.end, *why)).collect();
    let at = |offset: u64| 5 + offset;
    let block = |offset: u64| offset.next_multiple_of(4096);
    let middle = ((1 << 39) + 4096, (1 << 39) + 8192);
    assert_eq!(
        holes,
        [
            (at(block(4)), at(1 << 39), None),
            (at(middle.0), at(middle.1), None),
            (at(block(middle.1 + 4)), at(1 << 40), None)
        ]
    );
    assert_eq!(
        bytes.len() as u64 + holes.iter().map(|hole| hole.1 - hole.0).sum::<u64>(),
        5 + (1 << 40)
    );
    assert!(bytes.len() <= 5 + 3 * 4096 && bytes.starts_with(b"firstdata"));
    assert_eq!(outgoing.finish().unwrap(), Differences::default());
    // From within a hole it goes to its end.
    assert_eq!(
        outgoing.read(at(1 << 20), &mut [0; 9]).unwrap(),
        Some(Read::Gap { end: at(1 << 39), why: None })
    );
    // A peer that is not faithful gets zeros.
    let outgoing = open_plainly(&select(&[place.path("sparse")]));
    parts(&outgoing).unwrap();
    let mut buf = [1; 9];
    assert_eq!(
        outgoing.read(1 << 20, &mut buf).unwrap(),
        Some(Read::Bytes { entry: 0, offset: 1 << 20, len: 9 })
    );
    assert_eq!(buf, [0; 9]);
}

#[test]
fn one_bad_file_costs_that_file() {
    type Change = fn(&Place);
    let changes: [(Change, Reason); 6] = [
        (|place| fs::remove_file(place.path("top/b")).unwrap(), Reason::SourceChanged),
        (
            |place| {
                fs::File::options()
                    .write(true)
                    .open(place.path("top/b"))
                    .unwrap()
                    .set_len(2)
                    .unwrap()
            },
            Reason::SourceChanged,
        ),
        (|place| fs::write(place.path("top/b"), "BBB").unwrap(), Reason::SourceChanged),
        (
            |place| {
                fs::remove_file(place.path("top/b")).unwrap();
                place.link("/etc/passwd", "top/b");
            },
            Reason::SourceChanged,
        ),
        (
            // Another file, and larger.
            |place| {
                place.file("new", "bbb and more");
                fs::rename(place.path("new"), place.path("top/b")).unwrap();
            },
            Reason::SourceChanged,
        ),
        (|place| permit(place.path("top/b"), 0o000), Reason::SourceUnreadable),
    ];
    for (which, (change, reason)) in changes.into_iter().enumerate() {
        let place = Place::new();
        let outgoing = walked(&place);
        change(&place);
        let (bytes, gaps) = as_nobody(|| read_all(&outgoing, 2).unwrap());
        assert_eq!(
            (bytes.as_slice(), gaps),
            (&b"aaaccc"[..], vec![(3..6, Some(reason))]),
            "{which}"
        );
        // Whoever asks again hears the same.
        assert_eq!(
            outgoing.read(4, &mut [0; 9]).unwrap(),
            Some(Read::Gap { end: 6, why: Some(reason) })
        );
        assert_eq!(missing(&outgoing.finish().unwrap()), [("top/b".into(), reason)], "{which}");
        let told = outgoing.skipped().first;
        assert_eq!(
            told.iter().map(|one| one.path.clone()).collect::<Vec<_>>(),
            [place.path("top/b")],
            "the user here hears it too"
        );
    }
}

#[test]
fn what_is_gone_in_the_middle_of_a_file_is_its_rest() {
    let place = Place::new();
    let outgoing = walked(&place);
    assert!(matches!(
        outgoing.read(3, &mut [0; 2]).unwrap(),
        Some(Read::Bytes { entry: 2, offset: 0, len: 2 })
    ));
    fs::write(place.path("top/b"), "BBB").unwrap();
    assert_eq!(
        outgoing.read(5, &mut [0; 9]).unwrap(),
        Some(Read::Gap { end: 6, why: Some(Reason::SourceChanged) })
    );
}

#[test]
fn of_several_named_things_those_that_are_there_are_sent() {
    let place = Place::new();
    let paths = ["file", "gone", "folder", "lost", "changed"].map(|name| place.path(name));
    let [file, gone, _, lost, changed] = &paths;
    for (path, content) in [(file, "12"), (gone, "345"), (changed, "67")] {
        fs::write(path, content).unwrap();
    }
    place.file("folder/x", "8");
    place.folder("lost");
    let selection = select(&paths);
    let offer = selection.offer(ItemId(1), true).unwrap();
    assert_eq!(offer.bytes, 7);
    fs::remove_file(gone).unwrap();
    fs::remove_dir(lost).unwrap();
    fs::write(changed, "now longer").unwrap();
    let outgoing = open(&selection);
    let (said, entries, bytes) = parts(&outgoing).unwrap();
    assert_eq!(
        lines_of(&selection, &said),
        ["file", "gone", "folder/", "folder/x", "lost/", "changed"]
    );
    // Each has the size of the offer, and each item an entry.
    assert_eq!((entries, bytes, said[0][1].size, said[0][5].size), (6, 8, Some(3), Some(2)));
    assert!(said.iter().flatten().all(Entry::is_lawful));
    let (sent, gaps) = read_all(&outgoing, 64).unwrap();
    let why = Some(Reason::SourceChanged);
    assert_eq!((sent.as_slice(), gaps), (&b"128"[..], vec![(2..5, why), (6..8, why)]));
    // The folder, which has no bytes, comes first.
    assert_eq!(
        missing(&outgoing.finish().unwrap()),
        ["lost", "gone", "changed"].map(|name| (name.to_owned(), Reason::SourceChanged))
    );
}

#[test]
fn where_nothing_is_left_the_transfer_fails() {
    let place = Place::new();
    let (a, b) = (place.file("a", "1"), place.file("b", "2"));
    // At the walk.
    let selection = select(&[a.clone(), b.clone()]);
    fs::remove_file(&a).unwrap();
    fs::remove_file(&b).unwrap();
    assert_eq!(open(&selection).next_part(), Err(SourceFailure::Vanished { path: b.clone() }));
    // While it is read, and at the last look.
    for read in [true, false] {
        let selection = select(&[place.file("a", "1"), place.file("b", "2")]);
        let outgoing = open(&selection);
        parts(&outgoing).unwrap();
        fs::remove_file(&a).unwrap();
        assert!(matches!(outgoing.read(0, &mut [0; 9]), Ok(Some(Read::Gap { end: 1, .. }))));
        fs::remove_file(&b).unwrap();
        let vanished = SourceFailure::Vanished { path: b.clone() };
        if read {
            assert_eq!(outgoing.read(1, &mut [0; 9]), Err(vanished));
        } else {
            assert_eq!(outgoing.finish(), Err(vanished));
        }
    }
    // A folder alone.
    let selection = select(&[place.folder("folder")]);
    fs::remove_dir(place.path("folder")).unwrap();
    assert_eq!(
        open(&selection).next_part(),
        Err(SourceFailure::Vanished { path: place.path("folder") })
    );
}

#[test]
fn a_file_that_grows_is_sent_as_long_as_it_was() {
    for piece in [1, 64] {
        let place = Place::new();
        let outgoing = walked(&place);
        append(place.path("top/a"), "before it was read");
        assert_eq!(read_all(&outgoing, piece).unwrap(), (b"aaabbbccc".to_vec(), vec![]));
        append(place.path("top/b"), "after it was read");
        // A rotated log: read whole, then moved away, another in its place.
        fs::rename(place.path("top/c"), place.path("top/c.1")).unwrap();
        place.file("top/c", "");
        assert_eq!(outgoing.finish().unwrap(), Differences::default(), "{piece}");
    }
}

#[test]
fn a_file_that_grew_and_is_another_now_is_missing() {
    for piece in [1, 64] {
        let place = Place::new();
        let outgoing = walked(&place);
        append(place.path("top/a"), " and more");
        assert_eq!(read_all(&outgoing, piece).unwrap(), (b"aaabbbccc".to_vec(), vec![]));
        fs::write(place.path("top/a"), "aab and more").unwrap();
        fs::write(place.path("top/b"), "bbB and more").unwrap();
        fs::write(place.path("top/c"), "ccC").unwrap();
        let mut lost = missing(&outgoing.finish().unwrap());
        lost.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(
            lost,
            ["top/a", "top/b", "top/c"].map(|name| (name.to_owned(), Reason::SourceChanged)),
            "{piece}"
        );
    }
}

#[test]
fn what_several_links_read_of_a_file_is_known_as_if_one_had() {
    const GRANT: usize = 256 << 10;
    let content: String = (0..200_000).map(|n| format!("{n:06}")).collect();
    type Change = fn(&Path, &str);
    let changes: [(Change, bool); 4] = [
        (|path, _| append(path, "and more"), true),
        (|path, _| fs::remove_file(path).unwrap(), true),
        (
            |path, content| fs::write(path, content.replace("123456", "123465") + "more").unwrap(),
            false,
        ),
        (|path, content| fs::write(path, &content[1..]).unwrap(), false),
    ];
    for (which, (change, is_whole)) in changes.into_iter().enumerate() {
        let place = Place::new();
        place.file("top/a", "not at a block");
        let path = place.file("top/b", &content);
        let outgoing = open(&select(&[place.path("top")]));
        let (_, _, end) = parts(&outgoing).unwrap();
        tick(&place);
        // Each range is read in order, and the ranges are not.
        let mut starts: Vec<_> = (0..end).step_by(GRANT).collect();
        starts.reverse();
        starts.swap(0, 3);
        for start in starts {
            let (until, mut at) = (end.min(start + GRANT as u64), start);
            let mut buf = vec![0; 64 << 10];
            while at < until {
                let most = buf.len().min((until - at) as usize);
                let Some(Read::Bytes { len, .. }) = outgoing.read(at, &mut buf[..most]).unwrap()
                else {
                    panic!("no bytes at {at}")
                };
                at += len as u64;
            }
        }
        change(&path, &content);
        let lost = missing(&outgoing.finish().unwrap());
        assert_eq!(lost.is_empty(), is_whole, "{which}: {lost:?}");
    }
}

#[test]
fn a_file_with_holes_may_grow_too() {
    let place = Place::new();
    let path = place.file("top/sparse", "start");
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(1 << 30).unwrap();
    let outgoing = open(&select(&[place.path("top")]));
    parts(&outgoing).unwrap();
    tick(&place);
    file.set_len(1 << 31).unwrap();
    let (bytes, gaps) = read_all(&outgoing, 65_536).unwrap();
    assert!(
        bytes.starts_with(b"start")
            && bytes.len() <= 65_536
            && gaps.len() == 1
            && gaps[0].0.end == 1 << 30,
        "{gaps:?}"
    );
    assert_eq!(outgoing.finish().unwrap(), Differences::default());
}

#[test]
fn behind_a_fence_nothing_is_sent_that_it_has_not_judged() {
    let place = Place::new();
    for name in ["work/a", "work/b"] {
        place.file(name, "aaa");
    }
    for links in [Links::Keep, Links::Follow] {
        let fence = Some(Fence::told(vec![place.path("work")], false, "a test".into()));
        let outgoing = open(
            &select_with(&[place.path("work")], &Options { links, fence, ..Options::default() })
                .unwrap(),
        );
        parts(&outgoing).unwrap();
        tick(&place);
        append(place.path("work/a"), "more");
        let (bytes, gaps) = read_all(&outgoing, 64).unwrap();
        assert_eq!(
            (bytes.as_slice(), gaps),
            (&b"aaa"[..], vec![(0..3, Some(Reason::SourceChanged))])
        );
        append(place.path("work/b"), "more");
        assert_eq!(missing(&outgoing.finish().unwrap()).len(), 2);
        for name in ["work/a", "work/b"] {
            place.file(name, "aaa");
        }
    }
}

#[test]
fn a_named_file_that_grew_before_it_was_accepted_goes_as_it_was_offered() {
    for (faithful, fence) in [(true, false), (true, true), (false, false)] {
        let place = Place::new();
        let log = place.file("log", "first\nsecond\n");
        let fence = fence.then(|| Fence::told(vec![place.path("")], false, "a test".into()));
        let may_grow = fence.is_none() && faithful;
        let selection =
            select_with(std::slice::from_ref(&log), &Options { fence, ..Options::default() })
                .unwrap();
        assert_eq!(selection.offer(ItemId(1), faithful).unwrap().bytes, 13);
        tick(&place);
        append(&log, "third\n");
        let outgoing = selection.open(faithful, |_| ()).unwrap();
        let (parts, _, bytes) = parts(&outgoing).unwrap();
        assert_eq!((parts[0][0].size, bytes), (Some(13), 13));
        let mut buf = [0; 6];
        assert!(matches!(
            outgoing.read(0, &mut buf),
            Ok(Some(Read::Bytes { entry: 0, offset: 0, len: 6 }))
        ));
        if may_grow {
            tick(&place);
            append(&log, "fourth\n");
        }
        let mut rest = [0; 64];
        assert!(matches!(
            outgoing.read(6, &mut rest),
            Ok(Some(Read::Bytes { entry: 0, offset: 6, len: 7 }))
        ));
        assert_eq!((&buf[..], &rest[..7]), (&b"first\n"[..], &b"second\n"[..]));
        assert_eq!(outgoing.read(13, &mut rest).unwrap(), None);
        assert_eq!(outgoing.finish().unwrap(), Differences::default());
    }
}

#[test]
fn a_named_file_that_was_rewritten_before_it_was_accepted_is_missing() {
    type Change = fn(&Place, &Path);
    let changes: [Change; 3] = [
        |_, path| fs::write(path, "a line more\nfirst\nsecond\n").unwrap(),
        |place, path| {
            fs::rename(path, place.path("old")).unwrap();
            fs::write(path, "first\nsecond\nthird\n").unwrap();
        },
        |_, path| fs::write(path, "first\n").unwrap(),
    ];
    for (which, change) in changes.into_iter().enumerate() {
        let place = Place::new();
        let log = place.file("log", "first\nsecond\n");
        let selection = select(std::slice::from_ref(&log));
        selection.offer(ItemId(1), true).unwrap();
        tick(&place);
        change(&place, &log);
        assert_eq!(
            open(&selection).next_part(),
            Err(SourceFailure::Changed { path: log }),
            "{which}"
        );
    }
}

/// A hundred and twenty files that are gone when they are read, and others.
fn mostly_gone(place: &Place, others: &[(&str, &str)]) -> Outgoing {
    let gone: Vec<_> = (100..220).map(|n| place.file(format!("top/{n}"), "gone")).collect();
    for (name, content) in others {
        place.file(format!("top/{name}"), content);
    }
    let outgoing = open(&select(&[place.path("top")]));
    parts(&outgoing).unwrap();
    tick(place);
    gone.iter().for_each(|path| fs::remove_file(path).unwrap());
    outgoing
}

#[test]
fn what_is_to_be_taken_back_is_named_before_what_never_came() {
    let place = Place::new();
    let outgoing = mostly_gone(&place, &[("empty", ""), ("late", "late"), ("rest", "rest")]);
    let (bytes, gaps) = read_all(&outgoing, 64).unwrap();
    assert_eq!((bytes.as_slice(), gaps.len()), (&b"laterest"[..], 120));
    fs::write(place.path("top/late"), "LATE").unwrap();
    permit(place.path("top/empty"), 0o600);
    let told = outgoing.finish().unwrap();
    let first: Vec<_> = told.first().iter().take(2).map(|one| one.path.raw()).collect();
    assert_eq!(
        (first, told.first().len(), told.missing()),
        (vec![&b"top/empty"[..], b"top/late"], 100, 122)
    );
}

#[test]
fn more_than_can_be_taken_back_ends_the_transfer() {
    for count in [100, 101] {
        let place = Place::new();
        let files: Vec<_> = (0..count).map(|n| place.file(format!("top/{n}"), "file")).collect();
        place.file("top/rest", "rest");
        let outgoing = open(&select(&[place.path("top")]));
        parts(&outgoing).unwrap();
        read_all(&outgoing, 64).unwrap();
        tick(&place);
        files.iter().for_each(|path| fs::write(path, "FILE").unwrap());
        match outgoing.finish() {
            Ok(differences) => assert_eq!((count, differences.first().len()), (100, 100)),
            Err(failure) => assert_eq!((count, failure), (101, SourceFailure::Many { count: 101 })),
        }
    }
}

#[test]
fn an_empty_item_that_is_gone_is_named_before_what_was_left_out() {
    let place = Place::new();
    place.folder("top");
    for n in 100..220 {
        place.link("/nowhere", format!("top/{n}"));
    }
    let empty = place.file("empty", "");
    let selection = select(&[place.path("top"), empty.clone()]);
    selection.offer(ItemId(1), true).unwrap();
    fs::remove_file(empty).unwrap();
    let outgoing = open(&selection);
    parts(&outgoing).unwrap();
    let told = outgoing.finish().unwrap();
    assert_eq!(
        (told.first()[0].path.raw(), told.first().len(), told.missing(), told.left_out()),
        (&b"empty"[..], 100, 1, 120)
    );
}

#[test]
fn empty_files_whose_names_are_too_long_together_end_the_transfer() {
    for count in [30, 40] {
        let place = Place::new();
        let files: Vec<_> = (100..100 + count)
            .map(|n| place.file(format!("top/{n}{}", "x".repeat(240)), ""))
            .collect();
        place.file("top/rest", "rest");
        let outgoing = open(&select(&[place.path("top")]));
        parts(&outgoing).unwrap();
        read_all(&outgoing, 64).unwrap();
        tick(&place);
        files.iter().for_each(|path| permit(path, 0o600));
        match outgoing.finish() {
            Ok(differences) => assert_eq!((count, differences.first().len()), (30, 30)),
            Err(failure) => assert_eq!((count, failure), (40, SourceFailure::Many { count: 40 })),
        }
    }
}
