use super::*;
use crate::files::outbox::{Links, Why};
use pinhole_protocol::limits;
use pinhole_protocol::wire::{ItemId, Message, Part};
use rustix::fs::OFlags;
use std::os::unix::net::UnixListener;
use std::time::{Duration, UNIX_EPOCH};

/// What of these paths is left out and listed: the name and why.
fn left_out(paths: &[PathBuf], options: &Options) -> Vec<(String, Why)> {
    let outgoing = open(&select_with(paths, options).unwrap());
    parts(&outgoing).unwrap();
    let skips = outgoing.skipped();
    assert_eq!(skips.count, skips.first.len() as u64);
    skips.first.iter().map(|skipped| (skipped.path.file_name().unwrap().to_string_lossy().into_owned(), skipped.why)).collect()
}

fn following() -> Options {
    Options { links: Links::Follow, ..Options::default() }
}

fn excluding(patterns: &[&str]) -> Options {
    Options { exclude: patterns.iter().map(|&pattern| pattern.into()).collect(), ..Options::default() }
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
    let outgoing = open(&select(&[folder]));
    let (parts, entries, bytes) = parts(&outgoing).unwrap();
    assert_eq!((entries, bytes), (10_001, 38_890));
    assert_eq!((parts[0].len(), parts[1].len(), parts.len()), (64, 1_000, 11));
    let found: Vec<String> = parts.iter().flatten().skip(1).map(line).collect();
    assert_eq!(found, (0..10_000).map(|n| format!("many/{n:05}")).collect::<Vec<_>>());
    let expected: String = (0..10_000).map(|n| n.to_string()).collect();
    assert_eq!(bytes_from(&outgoing, 0, 65_536).unwrap(), expected.as_bytes());
    let read = outgoing.read(10, &mut [0; 9]).unwrap().unwrap();
    assert_eq!((read.entry, read.offset, read.len), (11, 0, 2));
    outgoing.finish().unwrap();
}

#[test]
fn entries_say_size_time_and_who_may_execute() {
    let place = Place::new();
    let old = place.file("d/old", "12345");
    let before = UNIX_EPOCH - Duration::new(86_400, 250_000_000);
    fs::File::options().write(true).open(&old).unwrap().set_modified(before).unwrap();
    permit(place.file("d/run", ""), 0o755);
    permit(place.file("d/group", ""), 0o674);
    let (parts, ..) = parts(&open(&select(&[place.path("d")]))).unwrap();
    let [folder, group, old, run] = parts[0].as_slice() else { panic!("{parts:?}") };
    assert_eq!((folder.kind, folder.size, folder.executable), (EntryKind::Folder, None, false));
    assert_eq!((group.executable, group.size, run.executable), (false, Some(0), true));
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
    assert_eq!(lines(&top), ["top/", "top/file"]);
    let special = [("pipe".into(), Why::Special), ("socket".into(), Why::Special)];
    let [pipe, socket] = special.clone();
    assert_eq!(left_out(&top, &Options::default()), [("link".into(), Why::Link), ("lost".into(), Why::Link), pipe, socket]);
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
    assert_eq!(lines_with(&top, &following()), ["top/", "top/a/", "top/a/file", "top/twin/", "top/twin/file"]);
    assert_eq!(left_out(&top, &following()), [("up".into(), Why::Loop), ("self".into(), Why::Loop), ("up".into(), Why::Loop)]);
    assert_eq!(lines(&top), ["top/", "top/a/", "top/a/file"]);
    let outgoing = open(&select_with(&top, &following()).unwrap());
    parts(&outgoing).unwrap();
    assert_eq!(bytes_from(&outgoing, 0, 9).unwrap(), b"xx");
    outgoing.finish().unwrap();
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
        assert_eq!(left_out(&top, &Options::default()), [("closed".into(), Why::Unreadable), ("shut".into(), Why::Unreadable)]);
    });
}

#[test]
fn depth_and_length_have_limits() {
    let place = Place::new();
    let deep: PathBuf = std::iter::repeat_n("d", 62).collect();
    place.file(Path::new("top").join(&deep).join("kept"), "");
    place.file(Path::new("top").join(&deep).join("d/lost"), "");
    let top = [place.path("top")];
    let found = lines(&top);
    assert_eq!((found.len(), found.last().unwrap().as_str()), (65, format!("top/{}/kept", deep.display()).as_str()));
    assert_eq!(left_out(&top, &Options::default()), [("lost".into(), Why::TooDeep)]);

    // 86 bytes that are no UTF-8 are told in 258 bytes, over the limit of a name; 85 in 255.
    place.file(Path::new("odd").join(os(&[0xff; 86])), "");
    place.file(Path::new("odd").join(os(&[0xff; 85])), "");
    assert_eq!(left_out(&[place.path("odd")], &Options::default()), [("\u{fffd}".repeat(86), Why::TooLong)]);

    // 1 byte, 15 times 1 + 255, and 1 + 254 make 4,096; one byte more is too many.
    let wide: PathBuf = std::iter::repeat_n(os(&[0xff; 85]), 15).collect();
    place.file(Path::new("w").join(&wide).join(os(&[&[0xff; 84][..], b"ab"].concat())), "");
    place.file(Path::new("w").join(&wide).join(os(&[0xff; 85])), "");
    let found = lines(&[place.path("w")]);
    assert_eq!((found.len(), found.last().unwrap().len()), (17, limits::PATH_BYTES));
    assert_eq!(left_out(&[place.path("w")], &Options::default()), [("\u{fffd}".repeat(85), Why::TooLong)]);
}

#[test]
fn what_could_not_be_opened_by_its_path_is_left_out() {
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
    assert_eq!(left_out(&[place.path("top")], &Options::default()), [("b".repeat(room + 1), Why::TooLong)]);
}

#[test]
fn parts_stay_within_their_bytes() {
    let place = Place::new();
    let wide: PathBuf = std::iter::repeat_n("w".repeat(255), 10).collect();
    for n in 0..400 {
        place.file(Path::new("top").join(&wide).join(format!("{n:0>255}")), "");
    }
    let (parts, ..) = parts(&open(&select(&[place.path("top")]))).unwrap();
    let sizes: Vec<usize> = parts
        .into_iter()
        .map(|entries| minicbor::to_vec(Message::Entries(Part { item: ItemId(u32::MAX), first: u32::MAX, entries })).unwrap().len())
        .collect();
    assert!(sizes.len() > 3 && sizes.iter().all(|&size| size <= limits::PART_BYTES), "{sizes:?}");
    // Full parts are nearly full: the bound is no excuse for parts of a few entries.
    assert!(sizes[1] > limits::PART_BYTES - 16_384, "{sizes:?}");
}

#[test]
fn patterns_match_names_anywhere_and_paths_from_the_folder_on() {
    let place = Place::new();
    for file in ["t/a.log", "t/keep/b.log", "t/docs/x.md", "t/sub/docs/y.md", "t/build/out", "t/sub/build/out", "t/#n", "t/!n", "t/target"]
    {
        place.file(file, "");
    }
    let top = [place.path("t"), place.path("t/a.log")];
    let sent = |patterns: &[&str]| lines_with(&top, &excluding(patterns));
    let all = sent(&[]);
    let without = |patterns: &[&str], gone: &[&str]| {
        let expected: Vec<&String> = all.iter().filter(|line| !gone.contains(&line.as_str())).collect();
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
    let and = |more: &[&str]| -> Vec<String> { rest.iter().chain(more).map(|&line| line.to_owned()).collect() };
    assert_eq!(kept(&["*.log", "!keep.log"], false), and(&["t/keep.log", "t/sub/keep.log", "t/x.o"]));
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
    let expected = ["top/", "top/.gitignore", "top/above", "top/module/", "top/sub/", "top/sub/.gitignore", "top/sub/keep.o", "top/z.tmp"];
    assert_eq!(lines_with(&top, &options), expected);
    assert_eq!(lines_with(&[place.path("repo")], &options).len(), expected.len() + 2);
    assert_eq!(lines(&top).len(), 16);
    assert_eq!(left_out(&top, &options), []);
    // What lies above a repository has no say in it either.
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
fn what_is_removed_before_the_walk_comes_to_it_was_never_there() {
    let place = Place::new();
    for n in 100..200 {
        place.file(format!("top/{n}"), "");
    }
    let outgoing = open(&select(&[place.path("top")]));
    assert!(matches!(outgoing.next_part().unwrap(), Next::Part(entries) if entries.len() == 64));
    fs::remove_file(place.path("top/180")).unwrap();
    let (rest, entries, _) = parts(&outgoing).unwrap();
    assert_eq!((rest[0].len(), entries, outgoing.skipped().count), (36, 100, 0));
}

#[test]
fn a_list_of_what_is_left_out_stays_short() {
    let place = Place::new();
    place.folder("top");
    for n in 0..1_005 {
        place.link("nowhere", format!("top/{n}"));
    }
    let outgoing = open(&select(&[place.path("top")]));
    parts(&outgoing).unwrap();
    assert_eq!((outgoing.skipped().first.len(), outgoing.skipped().count), (1_000, 1_005));
}

#[test]
fn a_walk_can_be_stopped() {
    let place = Place::new();
    place.file("top/file", "");
    let outgoing = open(&select(&[place.path("top")]));
    outgoing.stop();
    assert_eq!(outgoing.next_part().unwrap(), Next::Stopped);
}
