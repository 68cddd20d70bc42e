use super::*;
use crate::failure::{Exit, Kind};
use crate::files::outbox::{Links, Read};
use pinhole_protocol::wire::Reason;
use proptest::prelude::*;
use std::io::Write;

/// One file of `content`, selected and walked.
fn walked(place: &Place, content: &[u8]) -> (PathBuf, Outgoing) {
    let path = place.file("file", content);
    let outgoing = open_plainly(&select(std::slice::from_ref(&path)));
    parts(&outgoing).unwrap();
    (path, outgoing)
}

fn change(path: &Path, act: impl FnOnce(&mut fs::File) -> io::Result<()>) {
    act(&mut fs::File::options().write(true).open(path).unwrap()).unwrap();
}

/// Asserts that reading at `position` and the last look both report the file as changed.
fn assert_changed(path: &Path, outgoing: &Outgoing, position: u64) {
    let changed = SourceFailure::Changed { path: path.to_owned() };
    assert_eq!(outgoing.read(position, &mut [0; 4]), Err(changed.clone()));
    assert_eq!(outgoing.finish(), Err(changed));
}

#[test]
fn a_file_that_changes_under_the_reader_is_noticed_at_once() {
    let changes: [fn(&Path); 7] = [
        |path| change(path, |file| file.set_len(12)),
        |path| change(path, |file| file.set_len(5)),
        |path| change(path, |file| file.write_all(b"other")),
        |path| change(path, |file| file.set_modified(std::time::UNIX_EPOCH)),
        |path| permit(path, 0o600),
        |path| {
            let modified = fs::metadata(path).unwrap().modified().unwrap();
            change(path, |file| file.write_all(b"quietly"));
            change(path, |file| file.set_modified(modified));
        },
        |path| {
            fs::write(path.with_extension("new"), b"0123456789").unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        },
    ];
    for (which, act) in changes.into_iter().enumerate() {
        for read_before in [false, true] {
            let place = Place::new();
            let (path, outgoing) = walked(&place, b"0123456789");
            if read_before {
                assert_eq!(
                    outgoing.read(0, &mut [0; 4]).unwrap(),
                    Some(Read::Bytes { entry: 0, offset: 0, len: 4 }),
                    "{which}"
                );
            }
            tick(&place);
            act(&path);
            // A file put in another's place leaves the open one as it was: that is seen by name, at
            // the end.
            assert_changed(&path, &outgoing, if read_before { 4 } else { 0 });
        }
    }
}

#[test]
fn a_change_after_the_last_byte_is_seen_by_the_last_look() {
    let place = Place::new();
    for content in [&b"0123"[..], b""] {
        let (path, outgoing) = walked(&place, content);
        assert_eq!(bytes_from(&outgoing, 0, 64).unwrap(), content);
        outgoing.finish().unwrap();
        tick(&place);
        change(&path, |file| file.write_all(b"4567"));
        let failure = outgoing.finish().unwrap_err();
        assert_eq!(failure.reason(), Reason::SourceChanged);
        let failure = failure.failure();
        assert_eq!(failure.kind, Kind::SourceChanged);
        assert!(failure.detail.contains("file\" changed while it was being sent"), "{failure}");
    }
}

#[test]
fn what_is_removed_or_closed_later_ends_the_transfer() {
    let place = Place::new();
    let (path, outgoing) = walked(&place, b"0123");
    fs::remove_file(&path).unwrap();
    let vanished = SourceFailure::Vanished { path };
    assert_eq!(outgoing.read(0, &mut [0; 4]), Err(vanished.clone()));
    assert_eq!(outgoing.finish(), Err(vanished.clone()));
    assert_eq!(
        (vanished.reason(), vanished.failure().exit()),
        (Reason::SourceChanged, Exit::SourceChanged)
    );

    let (path, outgoing) = walked(&place, b"0123");
    permit(&path, 0o000);
    let closed = as_nobody(|| outgoing.read(0, &mut [0; 4]).unwrap_err());
    assert_eq!((closed.reason(), closed.failure().exit()), (Reason::SourceUnreadable, Exit::Disk));
    assert!(closed.failure().detail.contains("Permission denied"), "{closed:?}");

    permit(&path, 0o644);

    // While it is open it can be read on, but it is no longer what was chosen.
    let (path, outgoing) = walked(&place, b"0123");
    outgoing.read(0, &mut [0; 2]).unwrap();
    tick(&place);
    fs::remove_file(&path).unwrap();
    assert_eq!(outgoing.read(2, &mut [0; 2]), Err(SourceFailure::Changed { path }));
}

#[test]
fn what_is_named_must_still_be_what_was_checked() {
    let place = Place::new();
    let (file, folder) = (place.file("d/file", "x"), place.folder("folder"));
    let secret = place.file("elsewhere/file", "secret");
    let selection = select(&[file.clone(), folder.clone()]);
    let next = || open_plainly(&selection).next_part();
    let moved = |of: &Path| fs::rename(of, place.path("away")).unwrap();
    let back = |to: &Path| {
        let _gone = fs::remove_file(to);
        fs::rename(place.path("away"), to).unwrap();
    };

    moved(&file);
    assert_eq!(next(), Err(SourceFailure::Vanished { path: file.clone() }));
    place.link(&secret, "d/file");
    assert_eq!(next(), Err(SourceFailure::Changed { path: file.clone() }));
    fs::remove_file(&file).unwrap();
    place.pipe("d/file");
    assert_eq!(next(), Err(SourceFailure::Changed { path: file.clone() }));
    back(&file);

    moved(&place.path("d"));
    place.link("elsewhere", "d");
    assert_eq!(next(), Err(SourceFailure::Changed { path: file.clone() }));
    back(&place.path("d"));

    moved(&folder);
    place.file("folder", "");
    assert_eq!(next(), Err(SourceFailure::Changed { path: folder.clone() }));
    back(&folder);
    assert!(matches!(next(), Ok(Next::Part(entries)) if entries.len() == 2));

    // A file that was saved anew while the code waited is the file that was meant.
    fs::write(place.path("new"), "newer").unwrap();
    fs::rename(place.path("new"), &file).unwrap();
    assert!(matches!(next(), Ok(Next::Part(entries)) if entries[0].size == Some(5)));
}

#[test]
fn another_file_behind_a_swapped_link_is_never_sent() {
    let place = Place::new();
    place.file("top/d/file", "public");
    tick(&place);
    place.file("elsewhere/file", "secret");
    for links in [Links::Keep, Links::Follow] {
        let options = Options { links, ..Options::default() };
        let selection = select_with(&[place.path("top")], &options).unwrap();
        let (outgoing, faithful) = (open_plainly(&selection), open(&selection));
        parts(&outgoing).unwrap();
        parts(&faithful).unwrap();
        fs::rename(place.path("top/d"), place.path("away")).unwrap();
        place.link("../elsewhere", "top/d");
        let changed = SourceFailure::Changed { path: place.path("top/d/file") };
        assert_eq!(outgoing.read(0, &mut [0; 9]), Err(changed.clone()));
        assert_eq!(outgoing.finish(), Err(changed));
        assert_eq!(
            faithful.read(0, &mut [0; 9]).unwrap(),
            Some(Read::Gap { end: 6, why: Some(Reason::SourceChanged) })
        );
        fs::remove_file(place.path("top/d")).unwrap();
        fs::rename(place.path("away"), place.path("top/d")).unwrap();
    }
}

#[test]
fn a_link_in_the_way_is_not_followed_even_to_the_same_file() {
    let place = Place::new();
    let file = place.file("top/file", "public");
    let outgoing = open_plainly(&select(&[place.path("top")]));
    parts(&outgoing).unwrap();
    // Renaming a folder leaves the file's stamp alone.
    fs::rename(place.path("top"), place.path("away")).unwrap();
    place.link("away", "top");
    assert_eq!(outgoing.read(0, &mut [0; 9]), Err(SourceFailure::Changed { path: file }));
}

#[test]
fn what_is_written_there_is_forgotten_here() {
    let place = Place::new();
    for (name, content) in [("top/a", "0123"), ("top/b", ""), ("top/c", "45")] {
        place.file(name, content);
    }
    let outgoing = open_plainly(&select(&[place.path("top")]));
    parts(&outgoing).unwrap();
    outgoing.release(5);
    assert_eq!(bytes_from(&outgoing, 0, 9).unwrap(), b"012345", "a part is forgotten as a whole");
    outgoing.release(6);
    outgoing.release(2);
    assert_eq!(outgoing.read(0, &mut [0; 9]).unwrap(), None);
    assert_eq!(outgoing.read(6, &mut [0; 9]).unwrap(), None);
    outgoing.finish().unwrap();
    fs::remove_file(place.path("top/b")).unwrap();
    assert!(outgoing.finish().is_err(), "what is forgotten for reading is still looked at");
}

#[test]
fn many_threads_read_one_transfer() {
    let place = Place::new();
    let content: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let (path, outgoing) = walked(&place, &content);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(bytes_from(&outgoing, 0, 1_000).unwrap() == content));
        }
    });
    drop(path);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_byte_is_at_its_place(
        sizes in prop::collection::vec(0_usize..40, 0..90),
        piece in 1_usize..50,
        from in 0_usize..2_000,
    ) {
        let place = Place::new();
        place.folder("top");
        let mut all = Vec::new();
        for (n, size) in sizes.into_iter().enumerate() {
            let content: Vec<u8> = (0..size).map(|i| ((i * 7 + n) % 251) as u8).collect();
            place.file(format!("top/{n:03}"), &content);
            all.extend(content);
        }
        let outgoing = open(&select(&[place.path("top")]));
        let (parts, entries, bytes) = parts(&outgoing).unwrap();
        prop_assert_eq!(
            (parts.iter().map(Vec::len).sum::<usize>(), bytes),
            (entries as usize, all.len() as u64)
        );
        let from = from.min(all.len());
        prop_assert_eq!(bytes_from(&outgoing, from as u64, piece).unwrap(), &all[from..]);
    }
}
