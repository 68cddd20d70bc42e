use super::*;
use crate::failure::Kind;
use crate::files::inbox::{EnvFile, store_secret_at};
use crate::files::outbox::skipped::Why;
use crate::files::outbox::{Fence, Keeper, Links};
use crate::files::secret_source::SecretSource;
use crate::typed::Typed;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::Reason;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// Content that must never get out.
const CANARY: &str = "canary";

/// A fence around these.
fn around(roots: &[PathBuf], sensitive: bool) -> Fence {
    Fence::told(roots.to_vec(), sensitive, "--fence".into())
        .typed_as(Typed::of(&["give", "x"].map(Into::into)))
}

fn fenced(fence: Fence) -> Options {
    Options { fence: Some(fence), ..Options::default() }
}

/// The text of a private key that is nobody's, in pieces, so that this file holds none.
fn key() -> String {
    format!("-----BEGIN PRIVATE KEY-----{}bm9ib2R5cyBrZXk", '\n')
}

/// A folder `work` around which there is a fence, and a `home` beside it with a secret.
fn fenced_in() -> (Place, Options) {
    let place = Place::new();
    place.file("work/report", "report");
    place.file("home/.ssh/config", CANARY);
    place.file("home/notes", CANARY);
    let options = fenced(around(&[place.path("work")], false));
    (place, options)
}

fn kept_in(path: impl Into<PathBuf>, options: &Options) -> Failure {
    let path = path.into();
    let failure = select_with(std::slice::from_ref(&path), options)
        .err()
        .unwrap_or_else(|| panic!("{path:?} is let out"));
    assert_eq!(failure.kind, Kind::Fenced, "{path:?}: {failure}");
    failure
}

#[test]
fn no_way_leads_around_it() {
    let (place, options) = fenced_in();
    place.link("../home", "work/home");
    place.link(place.path("home/notes"), "work/notes");
    place.link("/", "work/root");
    let absolute = place.path("home/notes");
    let below = absolute.strip_prefix("/").unwrap();
    let held = fs::File::open(place.path("home")).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&held);
    let ways = [
        absolute.clone(),
        place.path("work/../home/notes"),
        place.path("work/notes"),
        place.path("work/home/notes"),
        place.path("work/root").join(below),
        Path::new("/proc/self/root").join(below),
        Path::new("/proc/thread-self/root").join(below),
        Path::new(&format!("/proc/{}/root", std::process::id())).join(below),
        format!("/proc/self/fd/{number}/notes").into(),
        format!("/dev/fd/{number}/notes").into(),
        place.path("home"),
        place.path("."),
    ];
    for way in &ways {
        let failure = kept_in(way, &options);
        assert!(
            !failure.next.unwrap().contains("--allow-sensitive")
                && failure.detail.contains("is not in"),
            "{way:?}"
        );
    }
    // The same ways to what may be sent.
    let report = place.path("work/report");
    let through_proc = Path::new("/proc/self/root").join(report.strip_prefix("/").unwrap());
    for way in [place.path("home/../work/report"), through_proc] {
        assert!(select_with(std::slice::from_ref(&way), &options).is_ok(), "{way:?}");
    }
    // A folder beside it whose name only begins like its own.
    kept_in(place.file("workshop/x", "x"), &options);
    let spaced = kept_in(place.file("home/two words", "x"), &options).next.unwrap();
    assert!(
        spaced.ends_with("/home/two words' give x") && spaced.contains(": pinhole --allow '/"),
        "{spaced}"
    );
    assert!(
        kept_in(place.file("home/bell\u{7}", "x"), &options)
            .next
            .unwrap()
            .ends_with("/home/bell\\u{7}\" give x")
    );
    // The failure for a link names both, and the flag.
    let failure = kept_in(place.path("work/notes"), &options);
    let (link, target) = (format!("{:?}", place.path("work/notes")), format!("{absolute:?}"));
    assert!(failure.detail.contains(&link) && failure.detail.contains(&target), "{failure}");
    assert!(
        failure.next.unwrap().ends_with(&format!("pinhole --allow {} give x", absolute.display()))
    );
}

#[test]
fn what_is_allowed_is_let_out_and_nothing_beside_it() {
    let (place, _) = fenced_in();
    let options = fenced(around(&[place.path("work"), place.path("home/notes")], false));
    place.link("../home/notes", "work/notes");
    assert_eq!(
        lines_with(&[place.path("home/notes"), place.path("work/notes")], &options),
        ["notes", "notes (1)"]
    );
    kept_in(place.path("home"), &options);
    kept_in(place.file("home/notes2", ""), &options);
    let everything = fenced(around(&[place.path("")], true));
    assert_eq!(lines_with(&[place.path("home/.ssh")], &everything), [".ssh/", ".ssh/config"]);
}

#[test]
fn what_commonly_holds_secrets_is_kept_in_wherever_it_is() {
    let (place, _) = fenced_in();
    let options = fenced(around(&[place.path("")], false));
    place.file("work/.env", CANARY);
    place.file("work/harmless.txt", key());
    place.file("work/settings", CANARY);
    place.link("../home/.ssh/config", "work/link");
    // A link that says what it is, although what it leads to does not.
    place.link("settings", "work/.env.local");
    fs::hard_link(place.file("home/.ssh/id_ed25519", key()), place.path("work/hard")).unwrap();
    let named = [
        "home/.ssh",
        "home/.ssh/config",
        "work/.env",
        "work/harmless.txt",
        "work/link",
        "work/.env.local",
        "work/hard",
    ];
    for name in named {
        let failure = kept_in(place.path(name), &options);
        assert!(
            failure.detail.contains("commonly holds secrets")
                && failure.next.unwrap().ends_with(" --allow-sensitive give x"),
            "{name}"
        );
    }
    let anything = fenced(around(&[place.path("")], true));
    for name in named {
        assert!(select_with(&[place.path(name)], &anything).is_ok(), "{name}");
    }
    // Both at once, with both flags.
    let failure =
        kept_in(place.path("home/.ssh/config"), &fenced(around(&[place.path("work")], false)));
    assert!(failure.next.unwrap().ends_with(&format!(
        "--allow {} --allow-sensitive give x",
        place.path("home/.ssh/config").display()
    )));
}

#[test]
fn in_folders_it_is_left_out_and_listed() {
    let (place, mut options) = fenced_in();
    for file in [
        "work/.env",
        "work/.env.example",
        "work/.git/config",
        "work/deep/id_rsa",
        "work/deep/plain",
    ] {
        place.file(file, "x");
    }
    place.file("work/deep/backup/.ssh/known", CANARY);
    place.file("work/key.txt", key());
    place.link("../home/notes", "work/out");
    place.link("../home", "work/outside");
    place.link("report", "work/same");
    place.link("../home/.ssh", "work/ssh");
    let sent = [
        "work/",
        "work/.env.example",
        "work/.git/",
        "work/.git/config",
        "work/deep/",
        "work/deep/backup/",
        "work/deep/plain",
    ];
    let mut expected: Vec<_> =
        sent.iter().map(|line| (*line).to_owned()).chain(["work/report".to_owned()]).collect();
    // A link that stays inside says only its text.
    let link = [expected.as_slice(), &["work/same -> report".to_owned()]].concat();
    assert_eq!(lines_with(&[place.path("work")], &options), link);
    options.links = Links::Follow;
    expected.push("work/same".into());
    let selection = select_with(&[place.path("work")], &options).unwrap();
    let outgoing = open(&selection);
    let (said, ..) = parts(&outgoing).unwrap();
    assert_eq!(lines_of(&selection, &said), expected);
    let skips = outgoing
        .skipped()
        .first
        .into_iter()
        .map(|skipped| (skipped.path, skipped.why))
        .collect::<Vec<_>>();
    let skipped = [
        (".env", Why::Sensitive),
        ("deep/backup/.ssh", Why::Sensitive),
        ("deep/id_rsa", Why::Sensitive),
        ("key.txt", Why::Sensitive),
        ("out", Why::Outside),
        ("outside", Why::Outside),
        ("ssh", Why::Outside),
    ];
    assert_eq!(skips, skipped.map(|(name, why)| (place.path("work").join(name), why)));
    assert!(
        !bytes_from(&outgoing, 0, 64)
            .unwrap()
            .windows(CANARY.len())
            .any(|bytes| bytes == CANARY.as_bytes())
    );
}

#[test]
fn each_opening_is_looked_at_again() {
    let (place, options) = fenced_in();
    let report = place.path("work/report");
    let is_fenced = |failure: SourceFailure| {
        let failure = failure.failure();
        assert_eq!(failure.kind, Kind::Fenced, "{failure}");
    };
    // Between the code and the walk.
    let outgoing = open(&select_with(std::slice::from_ref(&report), &options).unwrap());
    fs::write(&report, key()).unwrap();
    is_fenced(outgoing.next_part().unwrap_err());
    // Between the walk and the reading; links are followed, and what is there now lies outside.
    for links in [Links::Skip, Links::Follow] {
        fs::write(&report, "report").unwrap();
        let selection =
            select_with(&[place.path("work")], &Options { links, ..options.clone() }).unwrap();
        let (outgoing, faithful) = (open_plainly(&selection), open(&selection));
        parts(&outgoing).unwrap();
        parts(&faithful).unwrap();
        fs::write(&report, key()).unwrap();
        is_fenced(outgoing.read(0, &mut [0; 9]).unwrap_err());
        assert_eq!(
            faithful.read(0, &mut [0; 9]).unwrap(),
            Some(Read::Gap { end: 6, why: Some(Reason::SourceUnreadable) })
        );
        if links == Links::Follow {
            fs::remove_file(&report).unwrap();
            place.link("../home/notes", "work/report");
            is_fenced(outgoing.read(0, &mut [0; 9]).unwrap_err());
        }
    }
}

#[test]
fn a_named_pipe_is_where_it_is_and_one_of_the_shell_nowhere() {
    let (place, options) = fenced_in();
    kept_in(place.pipe("home/pipe"), &options);
    place.link("../home/pipe", "work/link");
    kept_in(place.path("work/link"), &options);
    let own = place.pipe("work/pipe");
    assert!(select_with(std::slice::from_ref(&own), &options).is_ok());
    // As <(…) is handed over.
    let (reads, writes) = io::pipe().unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&reads);
    let shells = select_with(&[format!("/dev/fd/{number}").into()], &options).unwrap();
    (&writes).write_all(b"given").unwrap();
    drop(writes);
    let outgoing = open(&shells);
    while !matches!(outgoing.next_part().unwrap(), Next::End { .. }) {}
    assert_eq!(bytes_from(&outgoing, 0, 64).unwrap(), b"given");
    // Another file in the pipe's place.
    let selection = select_with(std::slice::from_ref(&own), &options).unwrap();
    fs::remove_file(&own).unwrap();
    place.link("../home/notes", "work/pipe");
    let outgoing = open(&selection);
    outgoing.next_part().unwrap();
    let failure = outgoing.next_part().unwrap_err().failure();
    assert!(failure.detail.contains("sending fence"), "{failure}");
    assert_eq!(outgoing.read(0, &mut [0; 9]).unwrap(), None);
}

#[test]
fn a_secret_file_is_a_file() {
    let (place, options) = fenced_in();
    let read = |path: &str| {
        SecretSource::File(place.path(path))
            .read(options.fence.as_ref())
            .map(|secret| secret.expose().to_vec())
    };
    assert_eq!(read("work/report").unwrap(), b"report");
    place.link("../home/notes", "work/notes");
    place.file("work/.env", "x");
    for path in ["home/notes", "work/notes", "work/.env", "work/../home/.ssh/config"] {
        assert_eq!(read(path).unwrap_err().kind, Kind::Fenced, "{path}");
    }
}

#[test]
fn a_channels_own_fence_holds_beside_that_of_the_sender() {
    let (place, _) = fenced_in();
    let (work, home) = (place.path("work"), place.path("home"));
    let notes = home.join("notes");
    let both = |sender: &Path, channel: &Path| {
        fenced(
            around(&[sender.to_owned()], false).inside(Some(around(&[channel.to_owned()], false))),
        )
    };
    for (sender, channel) in [(&work, &home), (&home, &work), (&work, &work)] {
        kept_in(&notes, &both(sender, channel));
    }
    assert!(select_with(&[notes], &both(&home, &home)).is_ok());
}

#[test]
fn what_is_written_lands_in_the_folder_that_was_judged() {
    let place = Place::new();
    let (within, home) = (place.folder("allowed/in"), place.folder("home"));
    let fence = Fence::new("a test", &[place.path("allowed")], false, Keeper::Server).unwrap();
    let landed = fence.landing(&within.join("key")).unwrap();
    let variable = EnvFile::parse("x:API_KEY".into())
        .unwrap()
        .chosen_by_agent(fence.landing(&within.join(".env")).unwrap());
    // Whoever may write there has another folder found by that path from now on.
    fs::rename(&within, place.path("allowed/moved")).unwrap();
    place.link(&home, "allowed/in");
    store_secret_at(&landed, &SecretVec::new(b"x".to_vec())).unwrap();
    variable.set(None, &SecretVec::new(b"x".to_vec())).unwrap();
    assert_eq!(home.read_dir().unwrap().count(), 0);
    assert!(
        place.path("allowed/moved/key").is_file() && place.path("allowed/moved/.env").is_file()
    );
    // A place that was not named takes nothing, nor does the working directory of the test.
    for outside in [place.path("home/key"), within.join("key"), "key".into()] {
        assert_eq!(fence.landing(&outside).unwrap_err().kind, Kind::Fenced, "{outside:?}");
    }
}

/// Set when it is dropped, also by a test that fails: whoever waits for that would wait for ever.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Swaps what is at a path for a link to the secret and back, again and again, until it is dropped.
fn swapped<T>(place: &Place, swap: &str, good: &str, bad: &str, act: impl FnOnce() -> T) -> T {
    let (at, aside, good, bad) =
        (place.path(swap), place.path("aside"), place.path(good), place.path(bad));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for to in [&bad, &good] {
                    std::os::unix::fs::symlink(to, &aside).unwrap();
                    fs::rename(&aside, &at).unwrap();
                }
            }
        });
        let _done = Done(&done);
        act()
    })
}

#[test]
fn a_race_of_links_never_lets_the_secret_out() {
    let (place, options) = fenced_in();
    place.file("work/good/file", "report");
    place.file("home/bad/file", CANARY);
    place.link("good", "work/swap");
    let rounds = if std::env::var_os("PINHOLE_FULL").is_some() { 50_000 } else { 3_000 };
    for links in [Links::Keep, Links::Follow] {
        let options = Options { links, ..options.clone() };
        // Named through the link, named above it, and as a secret.
        for named in ["work/swap/file", "work"] {
            let (mut good, mut refused) = (0, 0);
            swapped(&place, "work/swap", "work/good", "home/bad", || {
                for _ in 0..rounds {
                    let Ok(selection) = select_with(&[place.path(named)], &options) else {
                        refused += 1;
                        continue;
                    };
                    let outgoing = open(&selection);
                    let bytes = parts(&outgoing)
                        .and_then(|_| bytes_from(&outgoing, 0, 64))
                        .unwrap_or_default();
                    assert!(
                        !bytes.windows(CANARY.len()).any(|bytes| bytes == CANARY.as_bytes()),
                        "{named} {links:?}"
                    );
                    good += i32::from(bytes.starts_with(b"report"));
                }
            });
            assert!(
                good > 0 && (named == "work" || refused > 0),
                "{named} {links:?}: {good} sent, {refused} refused"
            );
        }
    }
    let source = SecretSource::File(place.path("work/swap/file"));
    let mut good = 0;
    swapped(&place, "work/swap", "work/good", "home/bad", || {
        for _ in 0..rounds {
            if let Ok(secret) = source.read(options.fence.as_ref()) {
                assert_eq!(secret.expose(), b"report");
                good += 1;
            }
        }
    });
    assert!(good > 0);
}

#[test]
fn of_a_link_that_it_keeps_in_by_its_name_the_peer_hears_the_count_alone() {
    let (place, options) = fenced_in();
    place.link("/etc/passwd", "work/.env");
    place.pipe("work/.netrc");
    place.link("/etc/passwd", "work/link");
    let outgoing = open(&select_with(&[place.path("work")], &options).unwrap());
    parts(&outgoing).unwrap();
    let told = outgoing.finish().unwrap();
    let names: Vec<_> = told.first().iter().map(|one| one.path.raw()).collect();
    assert_eq!((names, told.left_out()), (vec![&b"work/link"[..]], 3));
}
