//! A delivered file whose sender has not heard of it, and comes with it once more.

use super::*;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

impl Sent<'_> {
    /// Delivers it; the sender hears of it only if that is told.
    fn deliver(&self) -> Committed {
        let entries = u32::try_from(self.source.entries.len()).unwrap();
        let bytes = self.source.content.len() as u64;
        self.incoming.commit_counted(entries, bytes, &Differences::default()).unwrap()
    }
}

/// A file of two segments and something that is delivered without its sender hearing of it.
fn unheard(desk: &Desk) -> (Source, PathBuf) {
    let source = Source::file(long(2 * SEGMENT as usize + 5));
    let sent = source.begin(desk);
    sent.write(0..source.content.len());
    drop(sent.deliver());
    let there = desk.dir.path().join("f");
    assert!(fs::read(&there).unwrap() == source.content);
    the(desk.dir.path(), ".journal");
    (source, there)
}

fn names(desk: &Desk) -> usize {
    fs::read_dir(desk.dir.path()).unwrap().count()
}

#[test]
fn it_is_compared_where_it_lies_and_not_written_again() {
    let desk = Desk::with(Policy { conflict: Conflict::Ask, keep_free: 0.0, ..Policy::default() });
    let (source, there) = unheard(&desk);
    let inode = fs::metadata(&there).unwrap().ino();
    // Once more without anybody hearing of it, and then with.
    for round in 0..2 {
        let sent = source.begin(&desk);
        assert_eq!(sent.asked, [0..2 * SEGMENT + 5]);
        assert_eq!(sent.prove(), 2 * SEGMENT + 5);
        let committed = sent.deliver();
        let [saved] = committed.items.as_slice() else { panic!("{:?}", committed.items) };
        assert_eq!(saved.path.as_deref(), Some(there.as_path()));
        assert_eq!((saved.size, saved.files), (2 * SEGMENT + 5, 1));
        the(desk.dir.path(), ".journal");
        assert_eq!(names(&desk), 2);
        if round == 1 {
            committed.unheard.unwrap().heard();
        }
    }
    let now = fs::metadata(&there).unwrap();
    assert_eq!((now.ino(), names(&desk)), (inode, 1));
    assert!(fs::read(&there).unwrap() == source.content);
    // The sender has heard of it: from now on it is a file like any other.
    let refused = desk.begin(&source.items);
    assert_eq!(reason(refused.map(|_| ())), Reason::NoAnswer);
}

#[test]
fn one_that_somebody_has_touched_is_another_file() {
    let acts: [&dyn Fn(&Path); 4] = [
        &|path| fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap(),
        &|path| date(path, SystemTime::now()),
        &|path| fs::rename(path, path.with_extension("old")).unwrap(),
        &|path| {
            let copy = fs::read(path).unwrap();
            fs::remove_file(path).unwrap();
            fs::write(path, copy).unwrap();
        },
    ];
    for act in acts {
        let desk = Desk::new();
        let (source, there) = unheard(&desk);
        act(&there);
        let sent = source.begin(&desk);
        assert!(sent.asked.is_empty(), "{:?}", sent.asked);
        sent.finish();
        assert_eq!(names(&desk), 2);
    }
}

#[test]
fn one_that_the_sender_has_changed_comes_beside_it() {
    let desk = Desk::new();
    let (source, there) = unheard(&desk);
    let mut today = Source::file(source.content.clone());
    today.content[SEGMENT as usize + 7] ^= 1;
    let sent = today.begin(&desk);
    // One piece of work finds a difference while another has compared what is before it.
    let mut claims = today.claims(&sent.asked);
    let last = claims.split_off(1);
    assert_eq!(sent.incoming.prove(&key(), &claims).unwrap(), [], "not all of it is known");
    assert_eq!(sent.incoming.prove(&key(), &last).unwrap(), []);
    assert_eq!(sent.incoming.prove(&key(), &claims).unwrap(), [], "it has a file of its own");
    sent.write(0..today.content.len());
    sent.commit();
    assert!(fs::read(there).unwrap() == source.content);
    assert!(fs::read(desk.dir.path().join("f (1)")).unwrap() == today.content);
    assert_eq!(names(&desk), 2);
}

#[test]
fn one_that_somebody_touches_while_it_is_compared_is_not_delivered() {
    let desk = Desk::new();
    let (source, there) = unheard(&desk);
    let sent = source.begin(&desk);
    let claims = source.claims(&sent.asked);
    assert_eq!(sent.incoming.prove(&key(), &claims[..2]).unwrap(), []);
    fs::write(&there, "mine").unwrap();
    assert_eq!(sent.incoming.prove(&key(), &claims[2..]).unwrap(), []);
    sent.write(0..source.content.len());
    sent.commit();
    assert_eq!(fs::read(&there).unwrap(), b"mine");
    assert!(fs::read(desk.dir.path().join("f (1)")).unwrap() == source.content);
    // Between the last proof and the end.
    let desk = Desk::new();
    let (source, there) = unheard(&desk);
    let sent = source.begin(&desk);
    assert_eq!(sent.prove(), 2 * SEGMENT + 5);
    fs::write(&there, "mine").unwrap();
    let entries = u32::try_from(source.entries.len()).unwrap();
    let bytes = source.content.len() as u64;
    let ended = sent.incoming.commit_counted(entries, bytes, &Differences::default());
    assert_eq!(reason(ended.map(|_| ())), Reason::Disk);
    assert_eq!(fs::read(&there).unwrap(), b"mine");
}

#[test]
fn one_of_another_time_is_another_file() {
    let desk = Desk::new();
    let (source, _) = unheard(&desk);
    let mut today = Source::file(source.content.clone());
    today.entries[0].modified = Some(CHANGED + 60);
    assert_eq!(today.begin(&desk).asked, []);
}

#[test]
fn what_a_transfer_beside_it_has_left_goes_once_the_sender_has_heard() {
    let desk = Desk::new();
    let (source, there) = unheard(&desk);
    let policy = Policy { fresh: true, keep_free: 0.0, ..Policy::default() };
    let inbox = Inbox::open(desk.dir.path(), policy).unwrap();
    let incoming = inbox.begin(inbox.plan(&offer(&source.items), None, true).unwrap()).unwrap();
    incoming.register(&part(0, source.entries.iter().cloned())).unwrap();
    incoming.write(0, 0, &source.content[..50_000]).unwrap();
    drop(incoming);
    let sent = source.begin(&desk);
    assert_eq!(sent.asked, [0..2 * SEGMENT + 5], "the delivered one is asked for");
    assert_eq!(sent.finish(), 2 * SEGMENT + 5);
    assert!(fs::read(there).unwrap() == source.content);
    assert_eq!(names(&desk), 1);
}

#[test]
fn bytes_that_come_without_a_proof_go_to_a_file_of_their_own() {
    let desk = Desk::new();
    let (source, there) = unheard(&desk);
    let sent = source.begin(&desk);
    sent.write(0..source.content.len());
    sent.commit();
    assert!(fs::read(there).unwrap() == source.content);
    assert!(fs::read(desk.dir.path().join("f (1)")).unwrap() == source.content);
}

#[test]
fn a_transfer_that_ends_half_way_leaves_it_and_its_name_in_the_journal() {
    for rest in [Rest::Kept, Rest::Removed] {
        let desk = Desk::new();
        let (source, there) = unheard(&desk);
        let sent = source.begin(&desk);
        sent.incoming.prove(&key(), &source.claims(&[0..SEGMENT])).unwrap();
        assert!(sent.incoming.discard(rest).is_empty());
        drop(sent);
        assert!(fs::read(&there).unwrap() == source.content);
        assert_eq!(hidden(desk.dir.path(), ".part"), [""; 0].map(PathBuf::from));
        assert_eq!(source.begin(&desk).prove(), 2 * SEGMENT + 5);
    }
}

#[test]
fn among_several_items_each_is_known_by_itself() {
    let desk = Desk::new();
    let (source, there) = unheard(&desk);
    let other = content(50_000);
    let both = Source {
        items: [source.items.clone(), vec![item("g", ItemKind::File, Some(50_000))]].concat(),
        entries: vec![source.entries[0].clone(), changed(file("g", 50_000))],
        content: [source.content.clone(), other.clone()].concat(),
    };
    let sent = both.begin(&desk);
    assert_eq!(sent.asked, [0..2 * SEGMENT + 5]);
    sent.finish();
    assert!(fs::read(there).unwrap() == source.content);
    assert_eq!(fs::read(desk.dir.path().join("g")).unwrap(), other);
    assert_eq!(names(&desk), 2);
}

#[test]
fn what_is_delivered_is_no_partial_and_a_fresh_transfer_does_not_look() {
    let desk = Desk::new();
    let (source, _) = unheard(&desk);
    assert!(partials(desk.dir.path()).unwrap().is_empty());
    let policy = Policy { fresh: true, keep_free: 0.0, ..Policy::default() };
    let inbox = Inbox::open(desk.dir.path(), policy).unwrap();
    let incoming = inbox.begin(inbox.plan(&offer(&source.items), None, true).unwrap()).unwrap();
    assert!(incoming.register(&part(0, source.entries.iter().cloned())).unwrap().is_empty());
}
