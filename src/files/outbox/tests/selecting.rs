use super::*;
use crate::failure::{Exit, Kind};
use crate::files::outbox::{Links, Totals};
use pinhole_protocol::limits;
use pinhole_protocol::wire::{ItemId, ItemKind, Message, Offer};
use proptest::prelude::*;
use rustix::fs::inotify;
use std::os::unix::net::UnixListener;

fn offer(selection: &Selection) -> Offer {
    selection.offer(ItemId(7), true).unwrap()
}

fn names(selection: &Selection) -> Vec<String> {
    offer(selection).items.iter().map(|item| item.name.raw().to_owned()).collect()
}

#[test]
fn what_is_not_there_is_a_usage_error_and_what_may_not_be_read_is_not() {
    let place = Place::new();
    let file = place.file("file", "x");
    let missing = refusal(&[file.clone(), place.path("missing")]);
    assert_eq!(missing.kind, Kind::NoSuchFile);
    assert!(missing.detail.contains("/missing\" is not there"), "{missing}");
    let dangling = refusal(&[place.link("nowhere", "dangling")]);
    assert!(
        dangling.exit() == Exit::Usage && dangling.detail.contains("a link to something"),
        "{dangling}"
    );
    assert_eq!(refusal(&[file.join("below")]).exit(), Exit::Usage);

    let (folder, pipe) = (place.folder("folder"), place.pipe("pipe"));
    for path in [&file, &folder, &pipe] {
        permit(path, 0o000);
        let unreadable = as_nobody(|| refusal(std::slice::from_ref(path)));
        assert_eq!(unreadable.kind, Kind::SourceUnreadable, "{unreadable}");
        assert!(unreadable.detail.contains("is there but cannot be read"), "{unreadable}");
        permit(path, 0o755);
        assert_eq!(
            as_nobody(|| select(std::slice::from_ref(path)).describe()),
            path.file_name().unwrap().to_str().unwrap()
        );
    }
}

#[test]
fn devices_sockets_and_the_whole_machine_are_refused() {
    let place = Place::new();
    let _listener = UnixListener::bind(place.path("socket")).unwrap();
    for path in ["/dev/null".into(), place.path("socket"), "/".into(), "/usr/..".into()] {
        let refusal = refusal(&[path]);
        assert_eq!(refusal.kind, Kind::NotSendable, "{refusal}");
    }
}

#[test]
fn nothing_too_much_and_bad_patterns_are_refused() {
    let place = Place::new();
    let file = place.file("file", "");
    assert_eq!(refusal(&[]).kind, Kind::NothingToGive);
    assert_eq!(refusal(&vec![file.clone(); 16_385]).kind, Kind::TooManyItems);
    let most = select(&vec![file.clone(); 16_384]);
    assert_eq!(offer(&most).items.len(), 16_384);
    let more = most.offer(ItemId(1), false).unwrap_err();
    assert_eq!(more.kind, Kind::TooManyItems);
    assert!(more.detail.contains("older pinhole"), "{more}");
    assert_eq!(
        select(&vec![file.clone(); 1_000]).offer(ItemId(1), false).unwrap().items.len(),
        1_000
    );
    for pattern in ["", "  ", "!", "! ", "a{b", "!a{b", "[z-a]"] {
        let options = Options { exclude: vec![pattern.into()], ..Options::default() };
        assert_eq!(
            select_with(std::slice::from_ref(&file), &options).err().expect(pattern).kind,
            Kind::BadPattern
        );
    }
    // 90 bytes that are no UTF-8 become 270, which only a peer that is not faithful is told.
    let long = select(&[place.file(os(&[0xff; 90]), "")]);
    assert_eq!(offer(&long).items[0].bytes(), [0xff; 90]);
    assert_eq!(long.offer(ItemId(1), false).unwrap_err().kind, Kind::NameTooLong);
    let longest = place.file("x".repeat(255), "");
    let second = refusal(&[longest.clone(), longest]);
    assert_eq!(second.kind, Kind::NameTooLong, "with a number it is longer than a name can be");
}

#[test]
fn an_offer_that_no_message_holds_is_refused() {
    let place = Place::new();
    let paths: Vec<PathBuf> = (0..5_000).map(|n| place.file(format!("{n:0>220}"), "")).collect();
    let refused = refusal(&paths);
    assert_eq!(refused.kind, Kind::TooManyItems);
    assert!(refused.next.unwrap().contains("one folder"));
    for count in [4_000, 4_297] {
        let offer = offer(&select(&paths[..count]));
        let bytes = minicbor::to_vec(Message::Offer(offer)).unwrap().len();
        assert!(bytes < limits::MESSAGE, "{count} names are {bytes} bytes");
    }
}

#[test]
fn names_that_are_no_text_are_kept_apart_as_bytes() {
    let place = Place::new();
    let paths = [&b"caf\xe9"[..], b"caf\xe8", b"plain"].map(|name| place.file(os(name), ""));
    let selection = select(&paths);
    let items = offer(&selection).items;
    let said: Vec<_> =
        items.iter().map(|item| (item.name.raw(), item.bytes(), item.exact.is_some())).collect();
    let lossy = "caf\u{fffd}";
    assert_eq!(
        said,
        [(lossy, &b"caf\xe9"[..], true), (lossy, b"caf\xe8", true), ("plain", b"plain", false)]
    );
    // To a peer that reads only the texts these would be one name.
    let items = selection.offer(ItemId(1), false).unwrap().items;
    let said: Vec<_> = items.iter().map(|item| (item.name.raw(), item.exact.is_some())).collect();
    assert_eq!(said, [(lossy, false), ("caf\u{fffd} (1)", false), ("plain", false)]);
}

#[test]
fn names_are_those_that_were_typed_and_distinct() {
    let place = Place::new();
    let (a, b) = (place.file("1/a.txt", "1"), place.file("2/a.txt", "2"));
    let hidden = [place.file("1/.rc", ""), place.file("2/.rc", "")];
    let folders = [place.folder("1/v.2"), place.folder("2/v.2")];
    let link = place.link("1/a.txt", "report");
    let odd = place.file(os(b"caf\xe9"), "");
    let typed = [a.clone(), b, a, link, place.path("1/v.2/.."), odd]
        .into_iter()
        .chain(hidden)
        .chain(folders)
        .collect::<Vec<_>>();
    let selection = select(&typed);
    assert_eq!(
        names(&selection),
        [
            "a.txt",
            "a (1).txt",
            "a (2).txt",
            "report",
            "1",
            "caf\u{fffd}",
            ".rc",
            ".rc (1)",
            "v.2",
            "v.2 (1)"
        ]
    );
    let (chosen, _) = selection.things().unwrap();
    assert_eq!(chosen[3].path, place.path("1/a.txt"));
    assert_eq!(selection.describe(), "10 items");
    assert_eq!(select(&[place.file("bell\u{7}\u{202e}", "")]).describe(), "bell\\u{7}\\u{202e}");
}

#[test]
fn a_stream_is_sent_alone_and_once() {
    let place = Place::new();
    let (file, pipe) = (place.file("file", ""), place.pipe("pipe"));
    for mixed in
        [vec![file.clone(), "-".into()], vec!["-".into(), "-".into()], vec![pipe.clone(), file]]
    {
        assert_eq!(
            (refusal(&mixed).exit(), refusal(&mixed).kind.as_str()),
            (Exit::Usage, "stream-alone")
        );
    }
    let stdin = select(&["-".into()]);
    assert_eq!(
        (stdin.describe().as_str(), select(&[pipe]).describe().as_str()),
        ("standard input", "pipe")
    );
    let item = &offer(&stdin).items[0];
    assert_eq!((item.name.raw(), item.kind, item.size), ("stdin", ItemKind::Stream, None));
    assert!(
        !offer(&stdin).counted && stdin.reusable() && stdin.count_in_background(true).is_none()
    );
    drop(stdin.open(true, |_| ()).unwrap());
    assert!(!stdin.reusable());
    assert_eq!(stdin.open(true, |_| ()).err().unwrap().kind, Kind::StreamSpent);
}

#[test]
fn the_offer_says_what_is_there_now_and_what_is_counted() {
    let place = Place::new();
    let file = place.file("file", "four");
    let files = select(std::slice::from_ref(&file));
    assert_eq!((offer(&files).bytes, offer(&files).entries, offer(&files).counted), (4, 1, true));
    fs::write(&file, "longer").unwrap();
    assert_eq!((offer(&files).bytes, offer(&files).items[0].size), (6, Some(6)));
    fs::remove_file(&file).unwrap();
    assert_eq!(offer(&files).bytes, 4);

    place.file("folder/a", "12");
    place.file("folder/sub/b", "345");
    place.file("folder/skip.log", "678");
    let options =
        Options { exclude: vec!["*.log".into()], links: Links::Skip, ..Options::default() };
    let mixed = select_with(&[place.file("file", "9"), place.path("folder")], &options).unwrap();
    assert_eq!((offer(&mixed).bytes, offer(&mixed).entries, offer(&mixed).counted), (1, 2, false));
    let counted = mixed.count_in_background(true).unwrap();
    while !counted.done() {
        std::thread::yield_now();
    }
    assert_eq!((counted.bytes(), counted.entries()), (5, 4));
    // Later answers are about the offer: the file has grown since.
    fs::write(place.path("file"), "longer").unwrap();
    assert_eq!(mixed.totals(true), Totals { bytes: 6, entries: 5, counted: true });
    assert!(mixed.end_count(true) && !files.end_count(true));
    assert!(counted.stopped());
}

#[test]
fn what_is_offered_again_is_counted_again_and_never_promised() {
    let place = Place::new();
    let log = place.file("folder/log", "12");
    let selection = select(&[place.path("folder")]);
    let count = || {
        let counted = selection.count_in_background(true).unwrap();
        while !counted.done() {
            std::thread::yield_now();
        }
        counted
    };
    for bytes in [2, 5] {
        assert_eq!((offer(&selection).bytes, offer(&selection).counted), (0, false), "{bytes}");
        let counted = count();
        assert_eq!(
            (counted.bytes(), selection.totals(true)),
            (bytes, Totals { bytes, entries: 2, counted: true })
        );
        fs::write(&log, "12345").unwrap();
    }
    // One that is still going on ends with the next offer.
    let counted = count();
    assert!(!counted.stopped());
    offer(&selection);
    assert!(counted.stopped());
}

#[test]
fn checking_reads_no_content_and_no_folder() {
    let place = Place::new();
    let sparse = place.file("sparse", "");
    fs::File::options().write(true).open(&sparse).unwrap().set_len(100 << 30).unwrap();
    let folder = place.file("folder/file", "").parent().unwrap().to_owned();
    // The kernel reports every read of a file and every listing of a directory.
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    for path in [&sparse, &folder] {
        inotify::add_watch(&watch, path, inotify::WatchFlags::ACCESS).unwrap();
    }
    let mut buf = [std::mem::MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&watch, &mut buf);
    let selection = select(&[sparse, folder]);
    assert_eq!(events.next().err(), Some(rustix::io::Errno::AGAIN));
    assert_eq!(offer(&selection).bytes, 100 << 30);
    parts(&open(&selection)).unwrap();
    assert!(events.next().is_ok(), "the walk must be seen, or this test sees nothing");
}

proptest! {
    #[test]
    fn any_text_is_a_pattern_or_refused(pattern in any::<String>(), name in "[^/\0]{1,20}") {
        let options = Options { exclude: vec![pattern], ..Options::default() };
        if let Ok(rules) = crate::files::outbox::rules::Rules::new(&options) {
            let _either = rules.leave_out(&[], Path::new(&name), Path::new(&name), None);
        }
    }
}
