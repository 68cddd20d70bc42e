use super::*;
use crate::files::outbox::skipped::{Skipped, Skips, Why};
use crate::files::outbox::{Fence, Links, Read};
use pinhole_protocol::limits;
use pinhole_protocol::wire::{
    Fate, ItemId, Message, Part, PathEntry, PathKind, PathPart, PeerText, Reason,
};
use rustix::fs::{AtFlags, Mode, OFlags};
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::time::{Duration, UNIX_EPOCH};

/// Things of these paths that are left out and listed: the name and why.
fn left_out(paths: &[PathBuf], options: &Options) -> Vec<(String, Why)> {
    left_out_of(&open(&select_with(paths, options).unwrap()))
}

fn left_out_of(outgoing: &Outgoing) -> Vec<(String, Why)> {
    parts(outgoing).unwrap();
    let skips = outgoing.skipped();
    assert_eq!(skips.count, skips.first.len() as u64);
    skips
        .first
        .iter()
        .map(|skipped| {
            (skipped.path.file_name().unwrap().to_string_lossy().into_owned(), skipped.why)
        })
        .collect()
}

fn following() -> Options {
    Options { links: Links::Follow, ..Options::default() }
}

fn excluding(patterns: &[&str]) -> Options {
    Options {
        exclude: patterns.iter().map(|&pattern| pattern.into()).collect(),
        ..Options::default()
    }
}

#[test]
fn a_folder_comes_before_what_is_in_it_and_names_in_order() {
    let place = Place::new();
    for file in ["top/b/2", "top/b/1", "top/a.txt", "top/.hidden/x", "top/a/z", "last"] {
        place.file(file, "");
    }
    place.folder("top/c/empty");
    assert_eq!(
        lines(&[place.path("last"), place.path("top")]),
        [
            "last",
            "top/",
            "top/.hidden/",
            "top/.hidden/x",
            "top/a/",
            "top/a/z",
            "top/a.txt",
            "top/b/",
            "top/b/1",
            "top/b/2",
            "top/c/",
            "top/c/empty/"
        ]
    );
}

#[test]
fn ten_thousand_files_come_in_order_in_parts_and_at_their_places() {
    let place = Place::new();
    let folder = place.folder("many");
    for n in 0..10_000 {
        fs::write(folder.join(format!("{n:05}")), format!("{n}")).unwrap();
    }
    let selection = select(&[folder]);
    let outgoing = open(&selection);
    let (parts, entries, bytes) = parts(&outgoing).unwrap();
    assert_eq!((entries, bytes), (10_001, 38_890));
    assert_eq!((parts[0].len(), parts[1].len(), parts.len()), (64, 1_000, 11));
    assert_eq!(
        lines_of(&selection, &parts)[1..],
        (0..10_000).map(|n| format!("many/{n:05}")).collect::<Vec<_>>()
    );
    let expected: String = (0..10_000).map(|n| n.to_string()).collect();
    assert_eq!(bytes_from(&outgoing, 0, 65_536).unwrap(), expected.as_bytes());
    assert_eq!(
        outgoing.read(10, &mut [0; 9]).unwrap(),
        Some(Read::Bytes { entry: 11, offset: 0, len: 2 })
    );
    outgoing.finish().unwrap();
}

#[test]
fn entries_say_size_time_and_permissions() {
    let place = Place::new();
    let old = place.file("d/old", "12345");
    let before = UNIX_EPOCH - Duration::new(86_400, 250_000_000);
    fs::File::options().write(true).open(&old).unwrap().set_modified(before).unwrap();
    permit(place.file("d/run", ""), 0o4755);
    permit(place.path("d"), 0o2750);
    permit(place.file("d/group", ""), 0o674);
    let (parts, ..) = parts(&open(&select(&[place.path("d")]))).unwrap();
    let [folder, group, old, run] = parts[0].as_slice() else { panic!("{parts:?}") };
    assert_eq!((folder.kind, folder.size, folder.mode), (EntryKind::Folder, None, Some(0o750)));
    assert_eq!((group.mode, group.size, run.mode), (Some(0o674), Some(0), Some(0o755)));
    assert_eq!((old.size, old.modified, old.modified_nanos), (Some(5), Some(-86_401), 750_000_000));
}

#[test]
fn what_is_no_file_or_folder_is_listed_and_left_out() {
    let place = Place::new();
    place.file("top/file", "");
    place.link("/etc/passwd", "top/link");
    place.link("nowhere", "top/lost");
    place.pipe("top/pipe");
    let _listener = UnixListener::bind(place.path("top/socket")).unwrap();
    let top = [place.path("top")];
    assert_eq!(lines(&top), ["top/", "top/file", "top/lost -> nowhere"]);
    let special = [("pipe".into(), Why::Special), ("socket".into(), Why::Special)];
    let [pipe, socket] = special.clone();
    assert_eq!(
        left_out(&top, &Options::default()),
        [("link".into(), Why::Outward), pipe.clone(), socket.clone()]
    );
    let skipping = Options { links: Links::Skip, ..Options::default() };
    assert_eq!(lines_with(&top, &skipping), ["top/", "top/file"]);
    let left = [("link".into(), Why::Link), ("lost".into(), Why::Link), pipe, socket];
    assert_eq!(left_out(&top, &skipping), left);
    // A peer that is not faithful has no links.
    assert_eq!(left_out_of(&open_plainly(&select(&top))), left);
    assert_eq!(left_out(&top, &excluding(&["l*", "pipe", "socket"])), []);

    assert_eq!(lines_with(&top, &following()), ["top/", "top/file", "top/link"]);
    let outgoing = open(&select_with(&top, &following()).unwrap());
    parts(&outgoing).unwrap();
    assert_eq!(bytes_from(&outgoing, 0, 64).unwrap(), fs::read("/etc/passwd").unwrap());
    outgoing.finish().unwrap();
    let [pipe, socket] = special;
    assert_eq!(left_out(&top, &following()), [("lost".into(), Why::Unreadable), pipe, socket]);
}

#[test]
fn a_link_back_is_entered_once() {
    let place = Place::new();
    place.file("top/a/file", "x");
    place.link("..", "top/a/up");
    place.link(".", "top/self");
    place.link("a", "top/twin");
    let top = [place.path("top")];
    assert_eq!(
        lines_with(&top, &following()),
        ["top/", "top/a/", "top/a/file", "top/twin/", "top/twin/file"]
    );
    assert_eq!(
        left_out(&top, &following()),
        [("up".into(), Why::Loop), ("self".into(), Why::Loop), ("up".into(), Why::Loop)]
    );
    assert_eq!(
        lines(&top),
        ["top/", "top/a/", "top/a/file", "top/a/up -> ..", "top/self -> .", "top/twin -> a"]
    );
    let outgoing = open(&select_with(&top, &following()).unwrap());
    parts(&outgoing).unwrap();
    assert_eq!(bytes_from(&outgoing, 0, 9).unwrap(), b"xx");
    outgoing.finish().unwrap();
}

#[test]
fn links_that_stay_inside_their_folder_are_kept_as_they_are() {
    let place = Place::new();
    place.file("top/a/file", "x");
    place.folder("beside");
    for (target, link) in [
        ("file", "top/a/same"),
        ("../a/./file", "top/a/up"),
        ("../../top/a", "top/a/round"),
        ("..", "top/out"),
        ("/tmp", "top/root"),
        ("../beside", "top/beside"),
        ("a/../../beside", "top/late"),
        // By its text it stays; `round` is another link, and its text leads out.
        ("a/round/../../beside", "top/through"),
        ("a/leads/x", "top/nested"),
        ("../../beside", "top/a/leads"),
        ("loop", "top/loop"),
        ("nowhere/at/all", "top/lost"),
        ("a/file/below", "top/wrong"),
    ] {
        place.link(target, link);
    }
    place.link(os(b"odd\xff"), Path::new("top").join(os(b"\xfe")));
    let top = [place.path("top")];
    let kept = [
        "top/",
        "top/a/",
        "top/a/file",
        "top/a/same -> file",
        "top/a/up -> ../a/./file",
        "top/loop -> loop",
        "top/lost -> nowhere/at/all",
        "top/wrong -> a/file/below",
        "top/\u{fffd} -> odd\u{fffd}",
    ];
    assert_eq!(lines(&top), kept);
    let out = ["leads", "round", "beside", "late", "nested", "out", "root", "through"]
        .map(|name| (name.to_owned(), Why::Outward));
    assert_eq!(left_out(&top, &Options::default()), out);
    assert_eq!(lines(&[place.link("top/a", "named")])[0], "named/", "what is named is followed");
    // As they are: all of them, and nothing is followed.
    let all = Options { links: Links::All, ..Options::default() };
    let lines = lines_with(&top, &all);
    assert_eq!((lines.len(), left_out(&top, &all)), (kept.len() + out.len(), vec![]));
    assert!(lines.contains(&"top/root -> /tmp".into()), "{lines:?}");
    let selection = select_with(&top, &all).unwrap();
    let (parts, ..) = parts(&open(&selection)).unwrap();
    assert!(parts.iter().flatten().all(Entry::is_lawful));
    let link = parts[0].iter().find(|entry| entry.kind == EntryKind::Link).unwrap();
    assert_eq!((link.mode, link.size, link.modified.is_some()), (None, None, true));
}

#[test]
fn links_deep_below_are_looked_at_from_the_folders_that_are_held() {
    let place = Place::new();
    let deep = Deep::new(&place, 700);
    let mut at = rustix::fs::open(&deep.0, OFlags::PATH, Mode::empty()).unwrap();
    for _ in 0..700 {
        at = rustix::fs::openat(&at, "folder", OFlags::PATH, Mode::empty()).unwrap();
    }
    for (target, name) in [("z", "a"), ("../z", "b"), ("/", "c")] {
        rustix::fs::symlinkat(target, &at, name).unwrap();
    }
    let outgoing = open(&select(std::slice::from_ref(&deep.0)));
    let (parts, ..) = parts(&outgoing).unwrap();
    let links = parts.iter().flatten().filter(|entry| entry.kind == EntryKind::Link).count();
    assert_eq!((links, outgoing.skipped().count), (2, 1));
    for name in ["a", "b", "c"] {
        rustix::fs::unlinkat(&at, name, AtFlags::empty()).unwrap();
    }
}

#[test]
fn what_this_user_may_not_read_is_listed_and_left_out() {
    let place = Place::new();
    place.file("top/file", "");
    permit(place.file("top/closed", ""), 0o000);
    permit(place.file("top/shut/inside", "").parent().unwrap(), 0o000);
    as_nobody(|| {
        let top = [place.path("top")];
        assert_eq!(lines(&top), ["top/", "top/file"]);
        assert_eq!(
            left_out(&top, &Options::default()),
            [("closed".into(), Why::Unreadable), ("shut".into(), Why::Unreadable)]
        );
    });
}

#[test]
fn depth_and_length_have_limits_for_a_peer_that_is_not_faithful() {
    let lines = |paths: &[PathBuf]| {
        let selection = select(paths);
        lines_of(&selection, &parts(&open_plainly(&selection)).unwrap().0)
    };
    let left_out = |paths: &[PathBuf]| left_out_of(&open_plainly(&select(paths)));
    let place = Place::new();
    let deep: PathBuf = std::iter::repeat_n("d", 62).collect();
    place.file(Path::new("top").join(&deep).join("kept"), "");
    place.file(Path::new("top").join(&deep).join("d/lost"), "");
    let top = [place.path("top")];
    let found = lines(&top);
    assert_eq!(
        (found.len(), found.last().unwrap().as_str()),
        (65, format!("top/{}/kept", deep.display()).as_str())
    );
    assert_eq!(left_out(&top), [("lost".into(), Why::TooDeep)]);

    // 86 bytes that are no UTF-8 are told in 258 bytes, over the limit of a name; 85 in 255.
    place.file(Path::new("odd").join(os(&[0xff; 86])), "");
    place.file(Path::new("odd").join(os(&[0xff; 85])), "");
    assert_eq!(left_out(&[place.path("odd")]), [("\u{fffd}".repeat(86), Why::TooLong)]);

    // 1 byte, 15 times 1 + 255, and 1 + 254 make 4,096; one byte more is too many.
    let wide: PathBuf = std::iter::repeat_n(os(&[0xff; 85]), 15).collect();
    place.file(Path::new("w").join(&wide).join(os(&[&[0xff; 84][..], b"ab"].concat())), "");
    place.file(Path::new("w").join(&wide).join(os(&[0xff; 85])), "");
    let found = lines(&[place.path("w")]);
    assert_eq!((found.len(), found.last().unwrap().len()), (17, limits::PATH_BYTES));
    assert_eq!(
        left_out_of(&open(&select(&[place.path("odd"), place.path("w"), place.path("top")]))),
        []
    );
    assert_eq!(left_out(&[place.path("w")]), [("\u{fffd}".repeat(85), Why::TooLong)]);
}

#[test]
fn what_could_not_be_opened_by_its_path_is_opened_in_pieces() {
    let place = Place::new();
    let mut folder = place.folder("top");
    while folder.as_os_str().len() < 3_900 {
        folder.push("x".repeat(99));
    }
    fs::create_dir_all(&folder).unwrap();
    let handle = fs::File::open(&folder).unwrap();
    let room = 4_095 - folder.as_os_str().len() - 1;
    for name in ["a".repeat(room), "b".repeat(room + 1)] {
        rustix::fs::openat(&handle, name, OFlags::CREATE | OFlags::RDWR, Mode::RUSR).unwrap();
    }
    assert_eq!(
        left_out_of(&open_plainly(&select(&[place.path("top")]))),
        [("b".repeat(room + 1), Why::TooLong)]
    );
    let long =
        rustix::fs::openat(&handle, "b".repeat(room + 1), OFlags::WRONLY, Mode::empty()).unwrap();
    io::Write::write_all(&mut fs::File::from(long), b"long").unwrap();
    for links in [Links::Skip, Links::Follow] {
        let outgoing = open(
            &select_with(&[place.path("top")], &Options { links, ..Options::default() }).unwrap(),
        );
        assert_eq!(left_out_of(&outgoing), []);
        assert_eq!(bytes_from(&outgoing, 0, 64).unwrap(), b"long");
        outgoing.finish().unwrap();
        let unread = open(
            &select_with(&[place.path("top")], &Options { links, ..Options::default() }).unwrap(),
        );
        parts(&unread).unwrap();
        rustix::fs::unlinkat(&handle, "b".repeat(room + 1), AtFlags::empty()).unwrap();
        assert_eq!(unread.finish().unwrap().missing(), 1);
        fs::File::from(
            rustix::fs::openat(
                &handle,
                "b".repeat(room + 1),
                OFlags::CREATE | OFlags::WRONLY,
                Mode::RUSR,
            )
            .unwrap(),
        )
        .write_all(b"long")
        .unwrap();
    }
}

/// A folder with so many folders within each other, which no path leads down, and a file in each;
/// removed again when it is dropped.
struct Deep(PathBuf);

impl Deep {
    fn new(place: &Place, levels: usize) -> Self {
        let top = place.folder("deep");
        let mut at = rustix::fs::open(&top, OFlags::PATH, Mode::empty()).unwrap();
        for level in 0..levels {
            let file =
                rustix::fs::openat(&at, "z", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
            fs::File::from(file).write_all(format!("{level},").as_bytes()).unwrap();
            rustix::fs::mkdirat(&at, "folder", Mode::RWXU).unwrap();
            at = rustix::fs::openat(&at, "folder", OFlags::PATH, Mode::empty()).unwrap();
        }
        Self(top)
    }
}

impl Drop for Deep {
    fn drop(&mut self) {
        // The deepest folder comes up a level at a time.
        let (inner, aside) = (self.0.join("folder"), self.0.join("aside"));
        while inner.is_dir() {
            let deeper = fs::rename(inner.join("folder"), &aside);
            let _none = fs::remove_file(inner.join("z"));
            fs::remove_dir(&inner).unwrap();
            if deeper.is_ok() {
                fs::rename(&aside, &inner).unwrap();
            }
        }
    }
}

#[test]
fn a_folder_may_be_deeper_than_a_path_and_than_there_are_handles() {
    let place = Place::new();
    let deep = Deep::new(&place, 1_200);
    let selection = select(std::slice::from_ref(&deep.0));
    let outgoing = open(&selection);
    let (parts, entries, _) = parts(&outgoing).unwrap();
    assert_eq!((entries, outgoing.skipped().count), (2_401, 0));
    // Each folder lies in the one before, and each file in its own: the last is the first to be
    // left.
    let said: Vec<_> = parts.iter().flatten().map(|entry| (entry.folder, entry.kind)).collect();
    assert_eq!(said[1_200], (Some(1_199), EntryKind::Folder));
    assert_eq!(
        (said[1_201], said[2_400]),
        ((Some(1_199), EntryKind::File), (Some(0), EntryKind::File))
    );
    let expected: String = (0..1_200).rev().map(|level| format!("{level},")).collect();
    assert_eq!(bytes_from(&outgoing, 0, 64).unwrap(), expected.as_bytes());
    outgoing.finish().unwrap();
    assert_eq!(left_out_of(&open_plainly(&selection)).len(), 2);
}

#[test]
fn more_levels_than_a_receiver_can_remove_are_left_out() {
    let place = Place::new();
    let deep = Deep::new(&place, 4_100);
    let outgoing = open(&select(std::slice::from_ref(&deep.0)));
    let (_, entries, _) = parts(&outgoing).unwrap();
    // The last folder that is sent is empty: what is in it would lie in 4,096 folders.
    assert_eq!((entries, outgoing.skipped().count), (4_096 + 4_095, 2));
}

#[test]
fn what_has_come_in_the_place_of_a_deep_folder_is_not_sent() {
    let place = Place::new();
    let deep = Deep::new(&place, 200);
    let outgoing = open(&select(std::slice::from_ref(&deep.0)));
    // The first part ends on the way down: 64 of 200 folders.
    assert!(matches!(outgoing.next_part().unwrap(), Next::Part(entries) if entries.len() == 64));
    let second: PathBuf = deep.0.join("folder/folder");
    fs::rename(&second, place.path("away")).unwrap();
    place.file("deep/folder/folder/z", "not chosen");
    let (_, entries, _) = parts(&outgoing).unwrap();
    // Down it goes by the folders that are held. Of those that it had let go on the way two are
    // where they were.
    assert_eq!((entries, outgoing.skipped().count), (401 - 135, 135));
    fs::remove_dir_all(&second).unwrap();
    fs::rename(place.path("away"), &second).unwrap();
}

#[test]
fn of_what_is_kept_back_in_a_replaced_folder_the_peer_hears_the_count_alone() {
    for fenced in [false, true] {
        let place = Place::new();
        let deep = Deep::new(&place, 70);
        // In a folder that is let go, and then is another.
        let second: PathBuf = deep.0.join("folder/folder");
        let names = ["zhidden", "zseen", "zshut"];
        for name in names {
            place.file(second.join(name).join("inside"), "");
        }
        let fence = fenced.then(|| Fence::told(vec![place.path("")], false, "a test".into()));
        let options = Options {
            exclude: vec!["zhidden".into(), "zshut/".into()],
            fence,
            ..Options::default()
        };
        let outgoing = open(&select_with(std::slice::from_ref(&deep.0), &options).unwrap());
        assert!(
            matches!(outgoing.next_part().unwrap(), Next::Part(entries) if entries.len() == 64)
        );
        fs::rename(&second, place.path("away")).unwrap();
        parts(&outgoing).unwrap();
        for name in names {
            fs::remove_dir_all(place.path("away").join(name)).unwrap();
        }
        fs::rename(place.path("away"), &second).unwrap();
        let told = outgoing.finish().unwrap();
        let named: Vec<_> = told.first().iter().map(|one| one.path.raw().to_vec()).collect();
        assert!(
            !named.iter().any(|path| path.ends_with(b"zhidden") || path.ends_with(b"zshut")),
            "{told:?}"
        );
        assert_eq!(named.iter().any(|path| path.ends_with(b"zseen")), !fenced, "{told:?}");
        assert_eq!(told.left_out(), 2);
        assert!(told.missing() > 1 && outgoing.skipped().count == u64::from(told.missing()));
    }
}

#[test]
fn parts_stay_within_their_bytes() {
    let place = Place::new();
    let wide: PathBuf = std::iter::repeat_n("w".repeat(255), 10).collect();
    for n in 0..2_100 {
        place.file(Path::new("top").join(&wide).join(format!("{n:0>255}")), "");
    }
    let selection = select(&[place.path("top")]);
    let (item, first) = (ItemId(u32::MAX), u32::MAX);
    let sizes_of = |outgoing: &Outgoing, encoded: &dyn Fn(&[Entry]) -> Vec<u8>| {
        let (parts, ..) = parts(outgoing).unwrap();
        parts.iter().map(|entries| encoded(entries).len()).collect::<Vec<_>>()
    };
    let sizes = sizes_of(&open(&selection), &|entries| {
        minicbor::to_vec(Message::Entries(Part { item, first, entries: entries.to_vec() })).unwrap()
    });
    assert!(sizes.len() > 3 && sizes.iter().all(|&size| size <= limits::PART_BYTES), "{sizes:?}");
    assert!(sizes[1] > limits::PART_BYTES / 4 * 3, "{sizes:?}");
    // With whole paths, for a peer that is not faithful.
    let name = "x".repeat(255);
    let path = || {
        std::iter::once("top")
            .chain(wide.iter().map(|name| name.to_str().unwrap()))
            .chain([name.as_str()])
    };
    let sizes = sizes_of(&open_plainly(&selection), &|entries| {
        let told = |entry: &Entry| PathEntry {
            path: path().map(|name| PeerText::new(name.into())).collect(),
            kind: PathKind::File,
            size: entry.size,
            executable: false,
            modified: entry.modified,
            modified_nanos: entry.modified_nanos,
        };
        minicbor::to_vec(Message::Paths(PathPart {
            item,
            first,
            entries: entries.iter().map(told).collect(),
        }))
        .unwrap()
    });
    assert!(sizes[1..].iter().all(|&size| size <= limits::PART_BYTES), "{sizes:?}");
    // Full parts are nearly full: the bound is no excuse for parts of a few entries.
    assert!(sizes[1] > limits::PART_BYTES / 4 * 3, "{sizes:?}");
}

#[test]
fn patterns_match_names_anywhere_and_paths_from_the_folder_on() {
    let place = Place::new();
    for file in [
        "t/a.log",
        "t/keep/b.log",
        "t/docs/x.md",
        "t/sub/docs/y.md",
        "t/build/out",
        "t/sub/build/out",
        "t/#n",
        "t/!n",
        "t/target",
    ] {
        place.file(file, "");
    }
    let top = [place.path("t"), place.path("t/a.log")];
    let sent = |patterns: &[&str]| lines_with(&top, &excluding(patterns));
    let all = sent(&[]);
    let without = |patterns: &[&str], gone: &[&str]| {
        let expected: Vec<&String> =
            all.iter().filter(|line| !gone.contains(&line.as_str())).collect();
        assert_eq!(sent(patterns).iter().collect::<Vec<_>>(), expected, "{patterns:?}");
    };
    without(&["*.log"], &["t/a.log", "t/keep/b.log"]);
    without(&["docs/*.md"], &["t/docs/x.md"]);
    without(&["**/docs/*.md"], &["t/docs/x.md", "t/sub/docs/y.md"]);
    without(&["build"], &["t/build/", "t/build/out", "t/sub/build/", "t/sub/build/out"]);
    without(&["./build", "target/"], &["t/build/", "t/build/out"]);
    without(&["#n", "\\!n"], &["t/#n", "t/!n"]);
    without(&["t"], &[]);
    assert_eq!(all.last().unwrap(), "a.log");
    assert_eq!(left_out(&top, &excluding(&["*"])), []);
}

#[test]
fn an_exception_keeps_what_an_earlier_pattern_or_a_gitignore_leaves_out() {
    let place = Place::new();
    for (file, content) in [
        ("t/.gitignore", "*.o\n"),
        ("t/.git/config", ""),
        ("t/a.log", ""),
        ("t/keep.log", ""),
        ("t/sub/keep.log", ""),
        ("t/x.o", ""),
        ("t/#", ""),
    ] {
        place.file(file, content);
    }
    let top = [place.path("t")];
    let kept = |patterns: &[&str], gitignore| {
        let mut kept = lines_with(&top, &Options { gitignore, ..excluding(patterns) });
        kept.retain(|line| !line.ends_with('/'));
        kept
    };
    let rest = ["t/#", "t/.git/config", "t/.gitignore"];
    let and = |more: &[&str]| -> Vec<String> {
        rest.iter().chain(more).map(|&line| line.to_owned()).collect()
    };
    assert_eq!(
        kept(&["*.log", "!keep.log"], false),
        and(&["t/keep.log", "t/sub/keep.log", "t/x.o"])
    );
    assert_eq!(kept(&["*.log", "!/keep.log"], false), and(&["t/keep.log", "t/x.o"]));
    assert_eq!(kept(&["*.log", "!./keep.log"], false), and(&["t/keep.log", "t/x.o"]));
    // The last one that matches decides, and nothing is kept of a folder that is left out.
    assert_eq!(kept(&["!keep.log", "*.log"], false), and(&["t/x.o"]));
    assert_eq!(kept(&["sub", "!sub/keep.log", "*.o"], false), and(&["t/a.log", "t/keep.log"]));
    assert_eq!(kept(&["*", "!#"], false), ["t/#"]);
    // A .gitignore has less to say; .git is left out with it whatever is said.
    assert_eq!(kept(&["*.log", "!x.o", "!.git"], true), ["t/#", "t/.gitignore", "t/x.o"]);
}

#[test]
fn gitignore_files_hold_where_they_are_and_below() {
    let place = Place::new();
    for (file, content) in [
        ("repo/.git/config", ""),
        ("repo/.gitignore", "*.o\n/above\n/top/anchored\n"),
        ("repo/top/.gitignore", "\u{feff}build/\r\n# no rule\n[\n/sub/secret\n"),
        ("repo/top/above", ""),
        ("repo/top/anchored", ""),
        ("repo/top/build/x", ""),
        ("repo/top/a.o", ""),
        ("repo/top/sub/.gitignore", "!keep.o\n*.tmp\n"),
        ("repo/top/sub/keep.o", ""),
        ("repo/top/sub/b.o", ""),
        ("repo/top/sub/secret", ""),
        ("repo/top/sub/x.tmp", ""),
        ("repo/top/z.tmp", ""),
        ("repo/top/module/.git", "gitdir: elsewhere"),
    ] {
        place.file(file, content);
    }
    let options = Options { gitignore: true, ..Options::default() };
    let top = [place.path("repo/top")];
    let expected = [
        "top/",
        "top/.gitignore",
        "top/above",
        "top/module/",
        "top/sub/",
        "top/sub/.gitignore",
        "top/sub/keep.o",
        "top/z.tmp",
    ];
    assert_eq!(lines_with(&top, &options), expected);
    assert_eq!(lines_with(&[place.path("repo")], &options).len(), expected.len() + 2);
    assert_eq!(lines(&top).len(), 16);
    assert_eq!(left_out(&top, &options), []);
    // Ignore files above a repository have no say in it either.
    place.folder(".git");
    place.file(".gitignore", "z.tmp\nabove");
    assert_eq!(lines_with(&top, &options), expected);
    assert_eq!(lines_with(&[place.path("repo")], &options).len(), expected.len() + 2);
    fs::remove_dir(place.path(".git")).unwrap();
    // Without a repository around it, what lies above has no say.
    fs::remove_dir_all(place.path("repo/.git")).unwrap();
    assert!(lines_with(&top, &options).contains(&"top/a.o".into()));
    // A link is no ignore file: it could name any file of the machine.
    fs::rename(place.path("repo/top/.gitignore"), place.path("rules")).unwrap();
    place.link("../../rules", "repo/top/.gitignore");
    assert!(lines_with(&top, &options).contains(&"top/build/x".into()));
}

#[test]
fn what_is_removed_after_its_name_was_read_is_missing_and_costs_nothing_else() {
    let place = Place::new();
    for n in 100..200 {
        place.file(format!("top/{n}"), "");
    }
    let outgoing = open(&select(&[place.path("top")]));
    assert!(matches!(outgoing.next_part().unwrap(), Next::Part(entries) if entries.len() == 64));
    fs::remove_file(place.path("top/180")).unwrap();
    let (rest, entries, _) = parts(&outgoing).unwrap();
    assert_eq!((rest[0].len(), entries), (36, 100));
    assert_eq!(
        outgoing.skipped().first,
        [Skipped { path: place.path("top/180"), why: Why::Changed }]
    );
    let told = outgoing.finish().unwrap();
    assert_eq!((told.first()[0].path.raw(), told.missing()), (&b"top/180"[..], 1));
}

#[test]
fn what_is_kept_back_and_removed_has_no_name_for_the_peer() {
    let place = Place::new();
    for n in 100..200 {
        place.file(format!("top/{n}"), "");
    }
    let kept = ["id_rsa", "notes.tmp"].map(|name| place.file(format!("top/{name}"), ""));
    let fence = Some(Fence::told(vec![place.path("top")], false, "a test".into()));
    let outgoing = open(
        &select_with(
            &[place.path("top")],
            &Options { exclude: vec!["*.tmp".into()], fence, ..Options::default() },
        )
        .unwrap(),
    );
    outgoing.next_part().unwrap();
    kept.iter().for_each(|path| fs::remove_file(path).unwrap());
    parts(&outgoing).unwrap();
    let told = outgoing.finish().unwrap();
    assert_eq!((told.first().len(), told.missing(), told.left_out()), (0, 0, 2));
}

#[test]
fn a_list_of_what_is_left_out_stays_short() {
    let place = Place::new();
    place.folder("top");
    for n in 0..1_005 {
        place.link("/nowhere", format!("top/{n}"));
    }
    let outgoing = open(&select(&[place.path("top")]));
    parts(&outgoing).unwrap();
    let Skips { first, count } = outgoing.skipped();
    let bytes: usize = first.iter().map(|one| one.path.as_os_str().len()).sum();
    assert!(count == 1_005 && first.len() > 10 && bytes <= 8 << 10 && bytes > 7 << 10, "{bytes}");
}

#[test]
fn the_peer_hears_what_was_left_out_and_of_what_is_kept_back_the_count_alone() {
    let place = Place::new();
    place.file("a/.env", "x");
    place.file("a/top/file", "");
    place.file("a/top/secret/.env", "x");
    place.file("a/top/d/file", "");
    place.link("/etc", "a/top/d/out");
    place.pipe("a/top/d/pipe");
    place.file("b/top/excluded", "");
    place.file("b/top/shut/inside", "");
    place.folder("b/top/.ssh");
    permit(place.path("b/top/shut"), 0o000);
    permit(place.path("b/top/.ssh"), 0o000);
    let options = Options {
        exclude: vec!["excluded".into()],
        fence: Some(Fence::told(vec![place.path("")], false, "a test".into())),
        ..Options::default()
    };
    let told = as_nobody(|| {
        let outgoing =
            open(&select_with(&[place.path("a/top"), place.path("b/top")], &options).unwrap());
        parts(&outgoing).unwrap();
        assert_eq!(outgoing.skipped().count, 5, "what the user excluded is no news to them");
        outgoing.finish().unwrap()
    });
    permit(place.path("b/top/shut"), 0o755);
    let said: Vec<_> = told.first().iter().map(|one| (one.path.raw(), one.fate.clone())).collect();
    let expected = [
        (&b"top/d/out"[..], Fate::LeftOut(Reason::Link)),
        (b"top/d/pipe", Fate::LeftOut(Reason::Special)),
        (b"top (1)/shut", Fate::Missing(Reason::SourceUnreadable)),
    ];
    assert_eq!(said, expected);
    assert_eq!((told.left_out(), told.missing()), (5, 1));
}

#[test]
fn a_walk_can_be_stopped() {
    let place = Place::new();
    place.file("top/file", "");
    let outgoing = open(&select(&[place.path("top")]));
    outgoing.stop();
    assert_eq!(outgoing.next_part().unwrap(), Next::Stopped);
}
