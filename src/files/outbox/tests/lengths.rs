//! Files whose length nobody knows before they are read: those of procfs and sysfs, of which any
//! machine has some.

use super::*;
use crate::failure::Kind;
use crate::files::outbox::skipped::Why;
use crate::files::outbox::{Fence, Links};
use pinhole_protocol::wire::{Differences, Fate, Reason};

/// A folder of small files that are said to be empty and that nobody changes.
const FOLDER: &str = "/proc/sys/kernel/keys";
/// A file of more than 16 MiB that is said to be empty, as other files of a process are.
const ENDLESS: &str = "/proc/self/pagemap";
/// A file that is said to have 4,096 bytes.
const LONGER: &str = "/sys/devices/system/cpu/online";

/// Everything that a folder's files hold, in their order.
fn content_of(folder: &str) -> Vec<u8> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().flat_map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn they_are_sent_as_they_are_read_and_as_long() {
    for faithful in [true, false] {
        for path in [FOLDER, LONGER, "/proc/version"] {
            let content = if path == FOLDER { content_of(path) } else { fs::read(path).unwrap() };
            let selection = select(&[path.into()]);
            let offer = selection.offer(ItemId(1), faithful).unwrap();
            let outgoing = selection.open(faithful, |_| ()).unwrap();
            let (parts, _, bytes) = parts(&outgoing).unwrap();
            let sizes = || parts.iter().flatten().map(|entry| entry.size.unwrap_or(0)).sum::<u64>();
            assert_eq!((bytes, sizes()), (content.len() as u64, content.len() as u64), "{path}");
            for piece in [1, 5, 4_096] {
                assert_eq!(bytes_from(&outgoing, 0, piece).unwrap(), content, "{path}");
            }
            assert_eq!(outgoing.finish().unwrap(), Differences::default());
            assert!(
                parts.iter().flatten().all(|entry| entry.allocated.is_none()),
                "such a file has no holes"
            );
            if path != FOLDER {
                assert_eq!(
                    (offer.bytes, offer.items[0].size, offer.allocated),
                    (bytes, Some(bytes), None),
                    "{path}"
                );
            }
        }
    }
}

#[test]
fn they_are_counted_and_not_read() {
    let place = Place::new();
    place.file("top/file", "file");
    place.link(FOLDER, "top/folder");
    place.link(LONGER, "top/online");
    place.link(ENDLESS, "top/endless");
    let options = Options { links: Links::Follow, ..Options::default() };
    let selection = select_with(&[place.path("top")], &options).unwrap();
    let counted = selection.count_in_background(true).unwrap();
    while !counted.done() {
        std::thread::yield_now();
    }
    // A count that reads waits for what never comes, and empties what is emptied by its reading.
    let files = fs::read_dir(FOLDER).unwrap().count() as u32;
    assert_eq!((counted.bytes(), counted.entries()), (4, 5 + files));
}

/// A file of procfs whose content can be changed: the name of a thread, which ends when this is
/// dropped.
struct Named {
    path: PathBuf,
    _end: std::sync::mpsc::Sender<()>,
}

impl Named {
    fn start(name: &str) -> Self {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (told, number) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            told.send(rustix::thread::gettid()).unwrap();
            let _ended = ended.recv();
        });
        let number = number.recv().unwrap().as_raw_nonzero();
        let named = Self {
            path: format!("/proc/{}/task/{number}/comm", std::process::id()).into(),
            _end: end,
        };
        named.call(name);
        named
    }

    fn call(&self, name: &str) {
        fs::write(&self.path, name).unwrap();
    }
}

/// Bytes that the selection offers and sends now.
fn sent(selection: &Selection) -> Vec<u8> {
    let offer = selection.offer(ItemId(1), true).unwrap();
    let outgoing = open(selection);
    let (_, _, bytes) = parts(&outgoing).unwrap();
    assert_eq!(bytes, offer.bytes);
    bytes_from(&outgoing, 0, 64).unwrap()
}

#[test]
fn what_was_read_before_the_code_is_the_first_that_is_offered() {
    let named = Named::start("before");
    let selection = select(std::slice::from_ref(&named.path));
    named.call("after it");
    assert_eq!(sent(&selection), b"before\n", "some are empty once they were read");
    assert_eq!(sent(&selection), b"after it\n", "and it is read for each offer after that");
}

#[test]
fn more_of_them_than_memory_may_hold_are_refused_before_there_is_a_code() {
    let size = fs::read("/proc/kallsyms").unwrap().len();
    if !(1 << 20..15 << 20).contains(&size) {
        return eprintln!("no made-up file of the right size is here");
    }
    let paths = |count: usize| vec![PathBuf::from("/proc/kallsyms"); count];
    let fit = (64 << 20) / size;
    let failure = refusal(&paths(fit + 2));
    assert_eq!(failure.kind, Kind::TooManyItems, "{failure}");
    assert!(failure.detail.contains("64 MiB"), "{failure}");
}

#[test]
fn a_link_that_is_followed_leads_to_them() {
    let place = Place::new();
    place.file("top/empty", "");
    place.link("/proc/version", "top/version");
    let options = Options { links: Links::Follow, ..Options::default() };
    let outgoing = open(&select_with(&[place.path("top")], &options).unwrap());
    let (parts, ..) = parts(&outgoing).unwrap();
    let version = fs::read("/proc/version").unwrap();
    let sizes: Vec<_> = parts.iter().flatten().map(|entry| entry.size).collect();
    assert_eq!(sizes, [None, Some(0), Some(version.len() as u64)]);
    assert_eq!(bytes_from(&outgoing, 0, 4_096).unwrap(), version);
}

#[test]
fn what_has_no_end_is_missing_by_name() {
    let place = Place::new();
    place.file("top/rest", "rest");
    place.link(ENDLESS, "top/endless");
    place.link("/proc/self/mem", "top/memory");
    let options = Options { links: Links::Follow, ..Options::default() };
    let outgoing = open(&select_with(&[place.path("top")], &options).unwrap());
    parts(&outgoing).unwrap();
    assert_eq!(bytes_from(&outgoing, 0, 64).unwrap(), b"rest");
    let skips: Vec<_> =
        outgoing.skipped().first.into_iter().map(|one| (one.path, one.why)).collect();
    assert_eq!(
        skips,
        [(place.path("top/endless"), Why::Endless), (place.path("top/memory"), Why::Unreadable)]
    );
    let told = outgoing.finish().unwrap();
    let missing: Vec<_> =
        told.first().iter().map(|one| (one.path.raw(), one.fate.clone())).collect();
    let fate = || Fate::Missing(Reason::SourceUnreadable);
    assert_eq!(missing, [(&b"top/endless"[..], fate()), (&b"top/memory"[..], fate())]);
}

#[test]
fn one_that_is_named_and_has_no_end_is_refused_before_there_is_a_code() {
    for (path, why) in
        [(ENDLESS, "does not end within 16 MiB"), ("/proc/self/mem", "cannot be read")]
    {
        let failure = refusal(&[path.into()]);
        assert_eq!(failure.kind, Kind::SourceUnreadable, "{failure}");
        assert!(failure.detail.contains(why), "{failure}");
    }
}

#[test]
fn an_offer_of_any_file_is_work() {
    let place = Place::new();
    let (file, folder) = (place.file("folder/file", "content"), place.path("folder"));
    assert!(select(std::slice::from_ref(&file)).reads() && select(&[folder.clone(), file]).reads());
    assert!(!select(&[folder]).reads() && !select(&["-".into()]).reads());
}

#[test]
fn what_was_offered_is_what_is_sent() {
    // Another text whenever it is read.
    let uptime: PathBuf = "/proc/uptime".into();
    let selection = select(&[uptime.clone(), uptime.clone()]);
    assert!(selection.reads() && !select(&[std::env::temp_dir()]).reads());
    let offer = selection.offer(ItemId(1), true).unwrap();
    let outgoing = open(&selection);
    let (parts, ..) = parts(&outgoing).unwrap();
    let sizes: Vec<_> = parts.iter().flatten().map(|entry| entry.size).collect();
    assert_eq!(sizes, offer.items.iter().map(|item| item.size).collect::<Vec<_>>());
    assert_eq!(bytes_from(&outgoing, 0, 64).unwrap().len() as u64, offer.bytes);
    outgoing.finish().unwrap();
}

#[test]
fn a_part_ends_where_it_would_hold_much() {
    // Several MiB, zeros to those who may not know the addresses.
    let symbols = fs::read("/proc/kallsyms").unwrap().len() as u64;
    if !(4 << 20..15 << 20).contains(&symbols) {
        return eprintln!("no made-up file of the right size is here");
    }
    let place = Place::new();
    place.folder("top");
    for name in ["a", "b", "c"] {
        place.link("/proc/kallsyms", format!("top/{name}"));
    }
    let options = Options { links: Links::Follow, ..Options::default() };
    let outgoing = open(&select_with(&[place.path("top")], &options).unwrap());
    let (parts, entries, bytes) = parts(&outgoing).unwrap();
    assert_eq!(
        (parts.iter().map(Vec::len).collect::<Vec<_>>(), entries, bytes),
        (vec![2, 1, 1], 4, 3 * symbols)
    );
    // Content that the peer has written is let go, and the rest is not.
    outgoing.release(symbols);
    assert_eq!(outgoing.read(0, &mut [0; 9]).unwrap(), None);
    assert!(outgoing.read(symbols, &mut [0; 9]).unwrap().is_some());
    // Before the file that would be too much, and not after it.
    fs::remove_file(place.path("top/a")).unwrap();
    place.link("/proc/version", "top/a");
    let outgoing = open(&select_with(&[place.path("top")], &options).unwrap());
    let (parts, ..) = self::parts(&outgoing).unwrap();
    assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1]);
    assert!(
        bytes_from(&outgoing, 0, 1 << 20).unwrap().starts_with(&fs::read("/proc/version").unwrap())
    );
}

#[test]
fn a_fence_judges_them_as_others() {
    let place = Place::new();
    place.file("work/report", "report");
    place.link("/proc/self/environ", "work/environ");
    place.link(LONGER, "work/online");
    let with = |roots: Vec<PathBuf>, sensitive| {
        let fence = Some(Fence::told(roots, sensitive, "a test".into()));
        Options { links: Links::Follow, fence, ..Options::default() }
    };
    let left_out = |options: &Options| {
        let outgoing = open(&select_with(&[place.path("work")], options).unwrap());
        parts(&outgoing).unwrap();
        outgoing.skipped().first.into_iter().map(|one| (one.path, one.why)).collect::<Vec<_>>()
    };
    let (environ, online) = (place.path("work/environ"), place.path("work/online"));
    let outside = |path: &PathBuf| (path.clone(), Why::Outside);
    assert_eq!(
        left_out(&with(vec![place.path("work")], false)),
        [outside(&environ), outside(&online)]
    );
    assert_eq!(left_out(&with(vec!["/".into()], false)), [(environ.clone(), Why::Sensitive)]);
    assert_eq!(left_out(&with(vec!["/".into()], true)), []);
    let refused = select_with(&[environ], &with(vec!["/".into()], false)).err().unwrap();
    assert_eq!(refused.kind, Kind::Fenced);
    // Content that was read of it is looked at, and not the file again.
    let fence = Fence::told(vec!["/".into()], false, "a test".into());
    let file = fs::File::open(place.path("work/report")).unwrap();
    let key = format!("-----BEGIN PRIVATE KEY-----{}bm9ib2R5cyBrZXk", '\n');
    assert!(fence.admit_read(&file, &place.path("work/report"), key.as_bytes()).is_err());
    assert!(fence.admit_read(&file, &place.path("work/report"), b"report").is_ok());
}
