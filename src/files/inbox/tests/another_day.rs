//! Remains of an unfinished transfer, and another that goes on with it.
#![expect(clippy::single_range_in_vec_init, reason = "ranges are compared, not their numbers")]

mod unheard;

use super::disk::Mounted;
use super::*;
use crate::files::proof::ProofKey;
use pinhole_protocol::limits::SEGMENT;
use pinhole_protocol::secret::SecretBytes;
use pinhole_protocol::transfers::segments;
use pinhole_protocol::wire::Hash;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::time::{Duration, SystemTime};

/// Puts something else where a partial was.
type Replace<'a> = &'a dyn Fn(&Path);

/// Last change of the tests' files: seconds since 1970.
const CHANGED: i64 = 1_600_000_000;
const MIB: usize = 1 << 20;

/// The sender: what it has, and the positions of that.
struct Source {
    items: Vec<Item>,
    entries: Vec<Entry>,
    /// All content, end to end.
    content: Vec<u8>,
}

/// A transfer of a source.
struct Sent<'a> {
    source: &'a Source,
    incoming: Incoming,
    /// Positions that are here and not proved.
    asked: Vec<Range<u64>>,
}

impl Source {
    /// A file called `f`.
    fn file(content: Vec<u8>) -> Self {
        let size = content.len() as u64;
        Self {
            items: vec![item("f", ItemKind::File, Some(size))],
            entries: vec![changed(file("f", size))],
            content,
        }
    }

    /// A folder called `t` with these files, whose folders are named before them, with `None`.
    fn folder(files: &[(&str, Option<&[u8]>)]) -> Self {
        let mut entries = vec![folder("t")];
        entries.extend(files.iter().map(|(path, content)| match content {
            Some(content) => changed(file(path, content.len() as u64)),
            None => folder(path),
        }));
        Self {
            items: vec![item("t", ItemKind::Folder, None)],
            entries,
            content: files.iter().filter_map(|(_, content)| *content).flatten().copied().collect(),
        }
    }

    fn begin(&self, desk: &Desk) -> Sent<'_> {
        let incoming = desk.begin(&self.items).unwrap();
        let asked = incoming.register(&part(0, self.entries.iter().cloned())).unwrap();
        Sent { source: self, incoming, asked }
    }

    /// The hashes of an honest sender.
    fn claims(&self, asked: &[Range<u64>]) -> Vec<(Range<u64>, Hash)> {
        let hash = |range: &Range<u64>| {
            let mut hasher = key().hasher();
            hasher.update(&self.content[range.start as usize..range.end as usize]);
            hasher.finish()
        };
        let segments = asked.iter().flat_map(|range| segments(range.clone()));
        segments.map(|range| (range.clone(), hash(&range))).collect()
    }
}

impl Sent<'_> {
    /// Writes these positions.
    fn write(&self, range: Range<usize>) {
        let mut start = 0_usize;
        for (number, entry) in (0..).zip(&self.source.entries) {
            let end = start + entry.size.unwrap_or(0) as usize;
            let (from, to) = (range.start.max(start), range.end.min(end));
            for from in (from..to).step_by(60_000) {
                let piece = &self.source.content[from..to.min(from + 60_000)];
                self.incoming.write(number, (from - start) as u64, piece).unwrap();
            }
            start = end;
        }
    }

    /// Has an honest sender prove all that is asked, and says how much of it was.
    fn prove(&self) -> u64 {
        let proved = self.incoming.prove(&key(), &self.source.claims(&self.asked)).unwrap();
        proved.iter().map(|range| range.end - range.start).sum()
    }

    /// Delivers it.
    fn commit(&self) {
        let entries = u32::try_from(self.source.entries.len()).unwrap();
        self.incoming.commit_all(entries, self.source.content.len() as u64).unwrap();
    }

    /// Proves what is here, writes the rest and delivers it.
    fn finish(&self) -> u64 {
        let proved = self.prove();
        self.write(0..self.source.content.len());
        self.commit();
        proved
    }
}

fn key() -> ProofKey {
    ProofKey::new(SecretBytes::new([7; 32]))
}

fn changed(entry: Entry) -> Entry {
    Entry { modified: Some(CHANGED), modified_nanos: 5, ..entry }
}

/// Content of which no two segments are alike, made in a moment.
fn long(bytes: usize) -> Vec<u8> {
    (0..bytes.div_ceil(4_096)).flat_map(|block| [(block % 251) as u8; 4_096]).take(bytes).collect()
}

fn date(path: &Path, time: SystemTime) {
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// A file of two segments and something, of which all but the last byte has come and stays.
fn interrupted(desk: &Desk) -> Source {
    let source = Source::file(long(2 * SEGMENT as usize + 5));
    source.begin(desk).write(0..source.content.len() - 1);
    source
}

#[test]
fn a_file_goes_on_where_it_was() {
    let desk = Desk::new();
    let source = interrupted(&desk);
    let hidden = the(desk.dir.path(), ".part");
    let first = hidden.metadata().unwrap().ino();
    let sent = source.begin(&desk);
    assert_eq!(sent.asked, [0..2 * SEGMENT + 4]);
    assert_eq!(sent.prove(), 2 * SEGMENT + 4);
    assert_eq!(sent.incoming.prove(&key(), &source.claims(&sent.asked)).unwrap(), sent.asked);
    sent.write(source.content.len() - 1..source.content.len());
    sent.commit();
    let there = desk.dir.path().join("f");
    assert!(fs::read(&there).unwrap() == source.content);
    assert_eq!(fs::metadata(&there).unwrap().ino(), first, "nothing was copied");
    assert_eq!(fs::read_dir(desk.dir.path()).unwrap().count(), 1);
}

#[test]
fn what_was_changed_here_is_sent_again_and_nothing_else() {
    let desk = Desk::new();
    let source = interrupted(&desk);
    let hidden = the(desk.dir.path(), ".part");
    let mut content = fs::read(&hidden).unwrap();
    content[SEGMENT as usize + 7] ^= 1;
    fs::write(&hidden, content).unwrap();
    let sent = source.begin(&desk);
    assert_eq!(sent.finish(), SEGMENT + 4);
    assert!(fs::read(desk.dir.path().join("f")).unwrap() == source.content);
}

#[test]
fn a_hash_of_another_key_or_of_other_bytes_or_none_proves_nothing() {
    let desk = Desk::new();
    let source = interrupted(&desk);
    let sent = source.begin(&desk);
    let claims = source.claims(&sent.asked);
    let foreign = sent.incoming.prove(&ProofKey::new(SecretBytes::new([8; 32])), &claims).unwrap();
    assert!(foreign.is_empty());
    let none: Vec<_> = claims.iter().map(|(range, _)| (range.clone(), [0; 32])).collect();
    assert!(sent.incoming.prove(&key(), &none).unwrap().is_empty());
    // Positions that are not here, in part or at all.
    let all = source.claims(&[2 * SEGMENT..2 * SEGMENT + 5]);
    assert!(sent.incoming.prove(&key(), &all).unwrap().is_empty());
    let beyond = [(1 << 40..(1 << 40) + 1, claims[0].1)];
    assert!(sent.incoming.prove(&key(), &beyond).unwrap().is_empty());
    assert_eq!(sent.finish(), 2 * SEGMENT + 4);
}

#[test]
fn of_a_folder_complete_files_and_parts_are_taken_up_and_the_rest_goes() {
    let desk = Desk::new();
    let (one, two, three) = (content(9_000), content(300_000), content(5));
    let first = Source::folder(&[
        ("t/d", None),
        ("t/d/one", Some(&one)),
        ("t/d/gone", Some(&three)),
        ("t/two", Some(&two)),
    ]);
    first.begin(&desk).write(0..one.len() + three.len() + 200_000);
    // Today's sender has them in another order, and something new before them.
    let source = Source::folder(&[
        ("t/new", Some(b"new")),
        ("t/two", Some(&two)),
        ("t/d", None),
        ("t/d/one", Some(&one)),
    ]);
    let sent = source.begin(&desk);
    let end = source.content.len() as u64;
    assert_eq!(sent.asked, [3..200_003, end - 9_000..end]);
    assert_eq!(sent.finish(), 209_000);
    let (one, two) = (String::from_utf8_lossy(&one), String::from_utf8_lossy(&two));
    assert_eq!(
        desk.tree(),
        tree(&[
            ("t", None),
            ("t/d", None),
            ("t/d/one", Some(&one)),
            ("t/new", Some("new")),
            ("t/two", Some(&two)),
        ])
    );
    let modified = fs::metadata(desk.dir.path().join("t/d/one")).unwrap().mtime();
    assert_eq!(modified, CHANGED);
}

#[test]
fn what_touches_is_asked_as_one_and_a_proof_may_be_of_many_files() {
    let desk = Desk::new();
    let names: Vec<String> = (0..400).map(|number| format!("t/{number}")).collect();
    let files: Vec<(&str, Option<&[u8]>)> =
        names.iter().map(|name| (name.as_str(), Some(&b"abc"[..]))).collect();
    let source = Source::folder(&files);
    source.begin(&desk).write(0..1_199);
    let sent = source.begin(&desk);
    assert_eq!(sent.asked, [0..1_199]);
    assert_eq!(sent.prove(), 1_199);
    assert_eq!(sent.incoming.remembered().0, 1, "those that are complete are finished");
    sent.write(1_199..1_200);
    sent.commit();
    assert_eq!(desk.tree().len(), 401);
}

#[test]
fn a_file_of_another_size_time_or_path_begins_anew() {
    let desk = Desk::new();
    let old = content(70_000);
    let first = Source::folder(&[("t/a", Some(&old)), ("t/b", Some(&old))]);
    first.begin(&desk).write(0..139_999);
    let later = |entry: Entry| Entry { modified: Some(CHANGED + 60), ..entry };
    let longer = content(70_001);
    let source =
        Source::folder(&[("t/a", Some(&longer)), ("t/c", Some(&old)), ("t/b", Some(&old))]);
    let source = Source { entries: source.entries.into_iter().map(later).collect(), ..source };
    assert_eq!(source.begin(&desk).asked, []);
    let other = Source { items: vec![item("u", ItemKind::Folder, None)], ..first };
    let incoming = desk.begin(&other.items).unwrap();
    let entries = other
        .entries
        .into_iter()
        .map(|entry| Entry { path: entry.path.replacen('t', "u", 1), ..entry });
    assert_eq!(incoming.register(&part(0, entries)).unwrap(), []);
}

#[test]
fn what_was_only_taken_up_stays_for_a_third_day() {
    let desk = Desk::new();
    let (one, two) = (content(100_000), content(200_000));
    let source = Source::folder(&[("t/one", Some(&one)), ("t/two", Some(&two))]);
    source.begin(&desk).write(0..200_000);
    // One is given up before it has proved anything, one after a part of it.
    drop(source.begin(&desk));
    let third = source.begin(&desk);
    assert_eq!(third.asked, [0..200_000]);
    third.incoming.prove(&key(), &source.claims(&[0..100_000])).unwrap();
    third.write(250_000..260_000);
    drop(third);
    let sent = source.begin(&desk);
    assert_eq!(sent.asked, [0..200_000, 250_000..260_000]);
    assert_eq!(sent.finish(), 210_000);
    assert_eq!(desk.tree().len(), 3, "every earlier partial is gone: {:?}", desk.tree().keys());
}

#[test]
fn zeros_replace_what_was_here() {
    let desk = Desk::new();
    let was = content(200_000);
    let source = Source::file(was);
    source.begin(&desk).write(0..150_000);
    let mut zeros = source.content.clone();
    zeros[10_000..180_000].fill(0);
    let now = Source::file(zeros);
    let sent = now.begin(&desk);
    assert_eq!((sent.asked.as_slice(), sent.prove()), (&[0..150_000][..], 0));
    sent.incoming.gap(10_000..180_000, None).unwrap();
    sent.write(0..10_000);
    sent.write(180_000..200_000);
    sent.commit();
    assert!(fs::read(desk.dir.path().join("f")).unwrap() == now.content);
}

#[test]
fn a_file_that_was_cut_here_is_asked_as_far_as_it_goes() {
    let desk = Desk::new();
    let source = Source::file(content(200_000));
    source.begin(&desk).write(0..150_000);
    let hidden = the(desk.dir.path(), ".part");
    fs::File::options().write(true).open(&hidden).unwrap().set_len(70_000).unwrap();
    let sent = source.begin(&desk);
    assert_eq!((sent.asked.as_slice(), sent.finish()), (&[0..70_000][..], 70_000));
    assert!(fs::read(desk.dir.path().join("f")).unwrap() == source.content);
}

#[test]
fn nothing_is_left_of_what_nobody_wants_or_has_no_byte() {
    let desk = Desk::new();
    let source = Source::file(content(100_000));
    drop(source.begin(&desk));
    assert!(desk.is_empty());
    source.begin(&desk).write(0..50_000);
    let sent = source.begin(&desk);
    assert!(sent.incoming.parts(Rest::Kept).is_empty());
    assert_eq!(sent.incoming.parts(Rest::Removed).len(), 1);
    assert!(sent.incoming.discard(Rest::Removed).is_empty());
    assert!(desk.is_empty(), "{:?}", desk.tree().keys());
    let incoming = desk.begin(&[item("s", ItemKind::Stream, None)]).unwrap();
    incoming.register(&part(0, [stream("s")])).unwrap();
    incoming.write(0, 0, b"x").unwrap();
    assert_eq!(incoming.parts(Rest::Kept).len(), 1);
    assert!(incoming.discard(Rest::Kept).is_empty());
    assert!(desk.is_empty(), "a stream has no other day");
}

#[test]
fn what_is_kept_is_kept_once_and_what_comes_later_is_ignored() {
    let desk = Desk::new();
    let source = Source::file(content(100_000));
    let sent = source.begin(&desk);
    sent.write(0..50_000);
    assert!(sent.incoming.discard(Rest::Kept).is_empty());
    sent.write(50_000..100_000);
    assert!(sent.incoming.discard(Rest::Removed).is_empty());
    the(desk.dir.path(), ".journal");
    // Its handles are no longer in the way of the next, even while it is there.
    assert_eq!(source.begin(&desk).asked, [0..50_000]);
    assert_eq!(sent.incoming.prove(&key(), &source.claims(&[0..50_000])).unwrap(), []);
}

#[test]
fn two_at_once_do_not_share_what_is_here() {
    let desk = Desk::new();
    let source = interrupted(&desk);
    let first = source.begin(&desk);
    let second = source.begin(&desk);
    assert_eq!((first.asked.len(), second.asked.len()), (1, 0));
    second.write(0..MIB);
    first.finish();
    assert!(fs::read(desk.dir.path().join("f")).unwrap() == source.content);
    second.finish();
    assert!(fs::read(desk.dir.path().join("f (1)")).unwrap() == source.content);
}

#[test]
fn a_fresh_one_takes_nothing_up() {
    let desk = Desk::new();
    let source = interrupted(&desk);
    let policy = Policy { keep_free: 0.0, fresh: true, ..Policy::default() };
    let Desk { dir, .. } = desk;
    let desk = Desk { inbox: Inbox::open(dir.path(), policy).unwrap(), dir };
    let sent = source.begin(&desk);
    assert_eq!((sent.asked.as_slice(), sent.finish()), (&[][..], 0));
}

#[test]
fn nothing_stays_where_others_may_write() {
    let desk = Desk::new();
    let source = Source::file(content(100_000));
    // A group that nobody knows may have any member; only root can give a folder to it.
    let shared = chown(desk.dir.path(), None, Some(54_321)).is_ok();
    for mode in [0o770, 0o703, 0o1777].into_iter().filter(|mode| shared || mode & 0o020 == 0) {
        source.begin(&desk).write(0..50_000);
        assert!(!desk.is_empty());
        fs::set_permissions(desk.dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        let sent = source.begin(&desk);
        assert_eq!(sent.asked, [], "{mode:o}");
        sent.write(0..50_000);
        drop(sent);
        assert_eq!(hidden(desk.dir.path(), ".part").len(), 1, "{mode:o}");
        fs::set_permissions(desk.dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        source.begin(&desk).incoming.discard(Rest::Removed);
        assert!(desk.is_empty());
    }
}

#[test]
fn what_is_in_a_private_directory_is_found_by_the_next() {
    let base = tempfile::tempdir().unwrap();
    let base = base.path().join("state");
    let source = interrupted_in(&base);
    let inbox = Inbox::private(&base, Policy { keep_free: 0.0, ..Policy::default() }).unwrap();
    let incoming = inbox.begin(inbox.plan(&offer(&source.items), None, true).unwrap()).unwrap();
    let asked = incoming.register(&part(0, source.entries.iter().cloned())).unwrap();
    let sent = Sent { source: &source, incoming, asked };
    assert_eq!(sent.finish(), 50_000);
    let left = |dir: fs::DirEntry| fs::read_dir(dir.path()).unwrap().count();
    let left: usize = fs::read_dir(&base).unwrap().map(|dir| left(dir.unwrap())).sum();
    assert_eq!(left, 1, "what is delivered, and nothing else");
}

/// A file of which some has come to a private directory in `base`, and stays.
fn interrupted_in(base: &Path) -> Source {
    let inbox = Inbox::private(base, Policy { keep_free: 0.0, ..Policy::default() }).unwrap();
    let source = Source::file(content(100_000));
    let incoming = inbox.begin(inbox.plan(&offer(&source.items), None, true).unwrap()).unwrap();
    incoming.register(&part(0, source.entries.iter().cloned())).unwrap();
    incoming.write(0, 0, &source.content[..50_000]).unwrap();
    source
}

#[test]
fn whoever_withdraws_a_transfer_takes_nothing_of_an_earlier_one_along() {
    let desk = Desk::new();
    let source = Source::file(content(100_000));
    source.begin(&desk).write(0..50_000);
    // Another sender offers a file of the same name.
    let other = Source::file(content(90_000));
    let sent = other.begin(&desk);
    sent.write(0..10_000);
    assert!(sent.incoming.discard(Rest::Removed).is_empty());
    assert_eq!(source.begin(&desk).finish(), 50_000);
    assert_eq!(desk.tree().len(), 1);
}

#[test]
fn a_delivered_file_with_a_hidden_name_of_ours_stays() {
    let desk = Desk::new();
    let name = ".pinhole-0123456789abcdef.part";
    fs::write(desk.dir.path().join(name), "theirs").unwrap();
    date(&desk.dir.path().join(name), SystemTime::UNIX_EPOCH);
    Source::file(content(10)).begin(&desk).finish();
    assert!(desk.dir.path().join(name).exists());
}

#[test]
fn what_has_not_grown_for_seven_days_goes_and_what_is_in_use_stays() {
    let desk = Desk::new();
    let source = Source::file(content(100_000));
    let days = |days: u64| SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60 + 60);
    source.begin(&desk).write(0..50_000);
    date(&the(desk.dir.path(), ".journal"), days(6));
    assert_eq!(source.begin(&desk).asked.len(), 1);
    for journal in hidden(desk.dir.path(), ".journal") {
        date(&journal, days(7));
    }
    let other = Source::folder(&[("t/a", Some(b"abc"))]);
    let in_use = other.begin(&desk);
    in_use.write(0..1);
    in_use.incoming.note_for_tests();
    let held = the(desk.dir.path(), ".journal");
    date(&held, days(9));
    drop(source.begin(&desk));
    assert_eq!(hidden(desk.dir.path(), ".journal"), [held]);
    in_use.finish();
}

#[test]
fn what_has_taken_the_place_of_a_partial_is_neither_taken_up_nor_followed() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    let source = Source::file(content(100_000));
    let replace: [(&str, Replace<'_>); 5] = [
        ("link", &|at| symlink(&secret, at).unwrap()),
        ("folder", &|at| fs::create_dir(at).unwrap()),
        ("other name", &|at| fs::hard_link(&secret, at).unwrap()),
        ("pipe", &|at| {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, at, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        }),
        ("longer", &|at| fs::write(at, [1; 100_001]).unwrap()),
    ];
    for (how, replace) in replace {
        fs::write(&secret, &source.content).unwrap();
        let desk = Desk::new();
        source.begin(&desk).write(0..50_000);
        let part = the(desk.dir.path(), ".part");
        fs::remove_file(&part).unwrap();
        replace(&part);
        let sent = source.begin(&desk);
        assert_eq!((sent.asked.as_slice(), sent.finish()), (&[][..], 0), "{how}");
        assert!(fs::read(desk.dir.path().join("f")).unwrap() == source.content, "{how}");
        assert!(fs::read(&secret).unwrap() == source.content, "{how}");
    }
}

#[test]
fn what_a_journal_says_of_links_and_other_places_is_not_believed() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("a");
    let bytes = content(100_000);
    fs::write(&secret, &bytes).unwrap();
    let source = Source::folder(&[("t/d", None), ("t/d/a", Some(&bytes))]);
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for here in ["/link/a", "/link", "/../a", "/d/../../a", "//a", "", "/d"] {
        let desk = Desk::new();
        source.begin(&desk).write(0..50_000);
        let (part, journal) = (the(desk.dir.path(), ".part"), the(desk.dir.path(), ".journal"));
        symlink(outside.path(), part.join("link")).unwrap();
        let said = fs::read_to_string(&journal).unwrap();
        let lied = said.replace(
            &format!("\"here\":\"{}\"", hex("/d/a")),
            &format!("\"here\":\"{}\"", hex(here)),
        );
        assert!(lied != said, "{said}");
        fs::write(&journal, lied).unwrap();
        let sent = source.begin(&desk);
        assert_eq!((sent.asked.as_slice(), sent.finish()), (&[][..], 0), "{here}");
        assert!(fs::read(&secret).unwrap() == bytes);
        assert!(fs::read(desk.dir.path().join("t/d/a")).unwrap() == bytes);
    }
}

#[test]
fn whatever_a_journal_is_made_of_the_transfer_comes_whole() {
    let source = Source::file(content(100_000));
    let huge = format!("{{\"wrote\":{{\"bytes\":1,\"of\":null,\"files\":[{}", "[".repeat(1 << 20));
    let spoil: [&dyn Fn(Vec<u8>) -> Vec<u8>; 6] = [
        &|_| Vec::new(),
        &|text| text[..text.len() / 2].to_vec(),
        &|text| text.into_iter().map(|byte| byte ^ 4).collect(),
        &|text| [text, b"{\"item\":{}}\n".to_vec()].concat(),
        &|text| [text, huge.clone().into_bytes()].concat(),
        &|_| vec![0; 1 << 20],
    ];
    for spoil in spoil {
        let desk = Desk::new();
        source.begin(&desk).write(0..50_000);
        let journal = the(desk.dir.path(), ".journal");
        fs::write(&journal, spoil(fs::read(&journal).unwrap())).unwrap();
        let sent = source.begin(&desk);
        sent.finish();
        assert!(fs::read(desk.dir.path().join("f")).unwrap() == source.content);
    }
}

#[test]
fn a_journal_that_names_what_another_transfer_uses_gets_nothing_of_it() {
    let desk = Desk::new();
    let source = Source::file(content(100_000));
    let in_use = source.begin(&desk);
    in_use.write(0..50_000);
    in_use.incoming.note_for_tests();
    let journal = the(desk.dir.path(), ".journal");
    let copy = desk.dir.path().join(".pinhole-0123456789abcdef.journal");
    fs::write(&copy, fs::read(&journal).unwrap()).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
    let second = source.begin(&desk);
    assert_eq!(second.asked, []);
    second.finish();
    in_use.finish();
    assert!(fs::read(desk.dir.path().join("f (1)")).unwrap() == source.content);
}

#[test]
fn a_partial_that_may_not_be_written_to_is_taken_up_all_the_same() {
    let desk = Desk::new();
    let source = Source::folder(&[("t/d", None), ("t/d/a", Some(&content(100_000)))]);
    source.begin(&desk).write(0..50_000);
    let part = the(desk.dir.path(), ".part");
    fs::set_permissions(part.join("d/a"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(part.join("d"), fs::Permissions::from_mode(0o000)).unwrap();
    assert_eq!(source.begin(&desk).finish(), 50_000);
}

#[test]
fn a_journal_that_cannot_be_written_loses_nothing_that_it_said() {
    let Desk { dir, .. } = Desk::new();
    let at = dir.path().to_owned();
    let Some(_mounted) = super::disk::Mounted::tmpfs(&at, "size=256k,mode=700") else {
        println!("skipped: a tmpfs cannot be mounted here");
        return;
    };
    let policy = Policy { keep_free: 0.0, ..Policy::default() };
    let desk = Desk { inbox: Inbox::open(dir.path(), policy).unwrap(), dir };
    let source = Source::file(content(150_000));
    let sent = source.begin(&desk);
    sent.write(0..60_000);
    sent.incoming.note_for_tests();
    let said = fs::read(the(desk.dir.path(), ".journal")).unwrap();
    let fill = desk.dir.path().join("fill");
    let _ = fs::write(&fill, vec![0; 1 << 20]);
    for _ in 0..100 {
        sent.incoming.note_for_tests();
    }
    assert!(fs::read(the(desk.dir.path(), ".journal")).unwrap().starts_with(&said));
    drop(sent);
    fs::remove_file(fill).unwrap();
    let sent = source.begin(&desk);
    assert_eq!((sent.asked.as_slice(), sent.finish()), (&[0..60_000][..], 60_000));
}

/// However far ahead of the first missing byte the rest comes, as over several links.
#[test]
fn a_kill_loses_what_the_journal_has_no_line_for() {
    const STRIPES: usize = 7;
    const GRANT: usize = 256 << 10;
    let (desk, later) = (Desk::new(), Desk::new());
    let source = Source::file(long(48 * MIB));
    let sent = source.begin(&desk);
    let mut written = 0;
    // Of the first nothing comes.
    for stripe in 1..STRIPES {
        for grant in (stripe * GRANT..source.content.len()).step_by(STRIPES * GRANT) {
            sent.write(grant..source.content.len().min(grant + GRANT));
            written += (source.content.len() - grant).min(GRANT) as u64;
        }
    }
    // What a kill would leave.
    for entry in fs::read_dir(desk.dir.path()).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, later.dir.path().join(from.file_name().unwrap())).unwrap();
    }
    let here = source.begin(&later).finish();
    assert!(written > 40 * MIB as u64, "{written}");
    assert!(here + SEGMENT + 65_536 >= written, "{here} of {written}");
}

#[test]
fn each_of_many_pieces_is_asked_about() {
    let desk = Desk::new();
    let source = Source::file(content(20_000));
    let sent = source.begin(&desk);
    for at in (0..20_000).step_by(10) {
        sent.write(at..at + 9);
    }
    drop(sent);
    let sent = source.begin(&desk);
    assert_eq!((sent.asked.len(), sent.finish()), (2_000, 18_000));
}

#[test]
fn a_folder_that_goes_on_is_merged_like_any_other() {
    let policy = Policy { conflict: Conflict::Merge, keep_free: 0.0, ..Policy::default() };
    let desk = Desk::with(policy);
    fs::create_dir(desk.dir.path().join("t")).unwrap();
    fs::write(desk.dir.path().join("t/own"), "own").unwrap();
    let bytes = content(100_000);
    let source = Source::folder(&[("t/a", Some(&bytes)), ("t/b", Some(b"b"))]);
    source.begin(&desk).write(0..50_000);
    assert_eq!(source.begin(&desk).finish(), 50_000);
    assert!(fs::read(desk.dir.path().join("t/a")).unwrap() == bytes);
    assert_eq!(desk.tree().len(), 4);
}

#[test]
fn what_is_left_is_listed_and_removed_on_request_but_for_what_is_in_use() {
    let desk = Desk::new();
    assert!(partials(desk.dir.path()).unwrap().is_empty());
    let left = Source::file(content(100_000));
    left.begin(&desk).write(0..50_000);
    let used = Source::folder(&[("t/a", Some(b"abc"))]);
    let in_use = used.begin(&desk);
    in_use.write(0..1);
    in_use.incoming.note_for_tests();
    let (used, left): (Vec<_>, Vec<_>) =
        partials(desk.dir.path()).unwrap().into_iter().partition(|partial| partial.about.in_use);
    let ([used], [one]) = (used.as_slice(), left.as_slice()) else { panic!("one each") };
    let (used, one) = (&used.about, &one.about);
    assert_eq!((used.name.raw(), used.bytes), (&b"t"[..], 1));
    assert_eq!((one.name.raw(), one.items, one.bytes), (&b"f"[..], 1, 50_000));
    let (used, one) = (used.path.clone(), one.path.clone());
    assert!(partials(desk.dir.path()).unwrap().into_iter().all(|other| !other.remove().removed));
    assert!(one.exists(), "it is looked at here");
    assert!(left.into_iter().all(|left| left.remove().removed));
    assert!(!one.exists() && used.exists());
    in_use.write(1..3);
    in_use.commit();
    let base = tempfile::tempdir().unwrap();
    interrupted_in(base.path());
    let private = private_partials(base.path());
    assert_eq!(private.len(), 1);
    assert!(private.into_iter().all(|left| left.remove().removed));
    assert!(private_partials(base.path()).is_empty());
}

/// It needs a file system of its own, which only root may mount.
#[test]
fn only_what_nobody_uses_and_what_would_do_is_in_the_way_of_an_offer() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_mounted) = Mounted::tmpfs(dir.path(), "size=64m,mode=700") else {
        println!("skipped: a tmpfs cannot be mounted here");
        return;
    };
    let inbox = Inbox::open(dir.path(), Policy { keep_free: 0.0, ..Policy::default() }).unwrap();
    let begin = |name: &str, bytes: usize| {
        let size = bytes as u64 + 1;
        let items = [item(name, ItemKind::File, Some(size))];
        let incoming = inbox.begin(inbox.plan(&offer(&items), None, true).unwrap()).unwrap();
        incoming.register(&part(0, [changed(file(name, size))])).unwrap();
        for at in (0..bytes).step_by(MIB / 32) {
            incoming.write(0, at as u64, &[7; MIB / 32]).unwrap();
        }
        incoming
    };
    for (name, mib, age) in [("oldest", 10, 200), ("older", 10, 100), ("latest", 10, 1)] {
        drop(begin(name, mib * MIB));
        let journal = hidden(dir.path(), ".journal")
            .into_iter()
            .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
        date(&journal.unwrap(), SystemTime::now() - Duration::from_secs(age));
    }
    let used = begin("used", 10 * MIB);
    let names = |name: &str, mib: u64| -> Vec<_> {
        let offer = offer(&[item(name, ItemKind::File, Some(mib << 20))]);
        let found = inbox.in_the_way(&offer).into_iter();
        found.map(|partial| String::from_utf8(partial.about.name.raw().to_vec()).unwrap()).collect()
    };
    assert_eq!(names("new", 20), [""; 0], "it fits");
    assert_eq!(names("new", 30), ["oldest"]);
    assert_eq!(names("new", 40), ["oldest", "older"]);
    assert_eq!(names("oldest", 40), ["older"], "it goes on with its own");
    assert_eq!(names("new", 60), [""; 0], "all of them would not do");
    drop(used);
}
