//! A giver that sends links, to have something read, written, removed or changed outside of the
//! folder that it gives (C3, C4, C8, C9, C14, C16).
//!
//! All of them aim at a folder outside, the canary. It stays as it is, and no link that was kept
//! leads to it.

use crate::harness::{Ended, Machine};
use crate::sender::{ITEM, Sender, entry, item, tree, within_memory};
use pinhole_protocol::wire::{
    Differences, Entry, EntryKind, Fate, ItemKind, Message, Part, PeerName, Reason,
};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// A link by its path, whose place is found as that of an [`entry`].
fn link(path: &[&str], target: impl AsRef<[u8]>) -> Entry {
    Entry {
        target: Some(PeerName::new(target.as_ref().to_vec())),
        kind: EntryKind::Link,
        ..entry(path, None)
    }
}

/// The real taker of the folder `gift`, and what is to stay as it is.
struct Attack {
    sender: Sender,
    canary: PathBuf,
    before: String,
    said: u32,
    parts: u32,
    bytes: u64,
}

impl Attack {
    fn new(args: &[&str]) -> Self {
        let mut sender = Sender::with(args);
        let canary = sender.there.dir().parent().unwrap().join("canary");
        fs::create_dir_all(canary.join("d")).unwrap();
        fs::write(canary.join("f"), "secret").unwrap();
        fs::write(canary.join("d/f"), "secret").unwrap();
        sender.offer(vec![item("gift", ItemKind::Folder, None)], 0, 0, false);
        sender.accepted();
        let before = state(&canary);
        let mut attack = Self { sender, canary, before, said: 0, parts: 0, bytes: 0 };
        assert!(attack.say(vec![entry(&["gift"], None)]));
        attack
    }

    /// Says entries, and a byte of each file that has one; false if the taker has had enough.
    fn say(&mut self, entries: Vec<Entry>) -> bool {
        for entries in entries.chunks(50) {
            let first = self.said;
            self.said += u32::try_from(entries.len()).unwrap();
            self.parts += 1;
            if !self.sender.entries(first, entries.to_vec())
                || !self.sender.registered_or_refused(self.parts)
            {
                return false;
            }
            for (number, _) in (first..).zip(entries).filter(|(_, entry)| entry.size == Some(1)) {
                self.bytes += 1;
                self.sender.chunk(number, 0, 1);
            }
        }
        true
    }

    /// Ends the transfer, and the taker, with this status; whatever that is, nothing has changed
    /// outside.
    #[track_caller]
    fn ends(self, exit: i32, differences: Option<Differences>) -> (Ended, PathBuf, Machine) {
        let (taker, gift, there) = self.over(differences);
        (taker.expect(exit), gift, there)
    }

    /// Ends, and nothing of it is here.
    #[track_caller]
    fn refused(self) {
        let (taker, gift, _there) = self.over(None);
        assert!(
            taker.status.code().is_some_and(|exit| [6, 7].contains(&exit)),
            "{:?} {:#?}",
            taker.status,
            taker.lines
        );
        assert!(taker.all("file").is_empty() && !gift.exists());
    }

    #[track_caller]
    fn over(mut self, differences: Option<Differences>) -> (Ended, PathBuf, Machine) {
        let (entries, bytes) = (self.said, self.bytes);
        self.sender.peer.say(&Message::End { item: ITEM, entries, bytes, differences });
        self.sender.peer.say(&Message::Leave { reason: Reason::Done });
        self.sender.peer.hear_out();
        within_memory(&self.sender.taker);
        let Sender { there, taker, peer, .. } = self.sender;
        drop(peer);
        let taker = taker.end();
        assert_eq!(state(&self.canary), self.before);
        let beside: Vec<_> = tree(&there)
            .into_iter()
            .filter(|path| !path.starts_with("canary") && !path.starts_with("work/gift"))
            .collect();
        assert_eq!(beside, Vec::<String>::new());
        (taker, there.path("gift"), there)
    }
}

/// A folder and all that is in it: contents, permissions and times.
fn state(root: &Path) -> String {
    let mut found = String::new();
    let mut folders = vec![root.to_owned()];
    while let Some(path) = folders.pop() {
        let about = path.symlink_metadata().unwrap();
        found += &format!("{path:?} {:o} {} {}", about.mode(), about.mtime(), about.mtime_nsec());
        if about.is_dir() {
            let mut below: Vec<_> =
                fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
            below.sort();
            folders.extend(below);
        } else {
            found += &fs::read_to_string(&path).unwrap();
        }
    }
    found
}

/// The links below a folder. None of them leads out of it.
#[track_caller]
fn links(root: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_symlink() {
                let leads = path.canonicalize();
                assert!(
                    leads.as_ref().is_ok_and(|to| to.starts_with(root.canonicalize().unwrap()))
                        || leads.is_err(),
                    "{path:?} {leads:?}"
                );
                found.push(path.strip_prefix(root).unwrap().to_owned());
            } else if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Links that were left out, by the taker's count.
fn left_out(taker: &Ended) -> u64 {
    taker.one("file")["left_out"].as_u64().unwrap_or(0)
}

#[test]
fn links_that_lead_out_are_left_out_however_they_do_it() {
    let mut attack = Attack::new(&[]);
    let canary = attack.canary.clone();
    let absolute = canary.to_str().unwrap().to_owned();
    let mut outward = vec![
        absolute.clone(),
        format!("{absolute}/f"),
        format!("/{absolute}"),
        "/".into(),
        "/proc/self/root".into(),
        "/proc/self/cwd".into(),
    ];
    outward.extend(
        [
            "..",
            "../canary",
            "../../canary/f",
            "./..",
            "d/../..",
            "d/../../../canary",
            ".././/..",
            "d/e/../../../x",
            "missing/../../x",
        ]
        .map(String::from),
    );
    assert!(attack.say(vec![entry(&["gift", "d"], None), entry(&["gift", "d", "e"], None)]));
    assert!(
        attack.say(
            outward
                .iter()
                .enumerate()
                .map(|(number, target)| link(&["gift", &format!("l{number}")], target))
                .collect()
        )
    );
    // By its text each is inside; by way of another it is not.
    let winding = [
        ("d/e/up", "../.."),
        ("out", "d/e/up/.."),
        ("out 2", "d/e/up/../canary/f"),
        ("d/self", "."),
        ("d/out 3", "self/self/self/e/up/.."),
    ];
    let by_path = |(path, target): &(&str, &str)| {
        link(&["gift"].into_iter().chain(path.split('/')).collect::<Vec<_>>(), target)
    };
    assert!(attack.say(winding.iter().rev().map(by_path).collect()));
    let (taker, gift, _there) = attack.ends(0, None);
    assert_eq!(links(&gift), ["d/e/up", "d/self"].map(PathBuf::from));
    assert_eq!(left_out(&taker), outward.len() as u64 + 3);
}

#[test]
fn links_that_stay_inside_are_kept_and_lead_nowhere_else() {
    let mut attack = Attack::new(&[]);
    let kept = [
        ("to file", "f"),
        ("to folder", "d"),
        ("missing", "not/there"),
        ("round", "round"),
        ("back", "d/.."),
        ("case", "F"),
        ("-rf", "f"),
        (".pinhole-0123456789abcdef.part", "f"),
    ];
    assert!(attack.say(vec![
        entry(&["gift", "f"], Some(1)),
        entry(&["gift", "d"], None),
        entry(&["gift", "x\u{1}"], Some(1))
    ]));
    assert!(attack.say(kept.iter().map(|(name, target)| link(&["gift", name], target)).collect()));
    // The name is another's here.
    assert!(
        attack.say(vec![link(&["gift", "renamed"], "x\u{1}"), link(&["gift", "named so"], "x_")])
    );
    let (taker, gift, _there) = attack.ends(0, None);
    let mut expected: Vec<_> =
        kept.iter().map(|(name, _)| PathBuf::from(name)).chain(["named so".into()]).collect();
    expected.sort();
    assert_eq!((links(&gift), left_out(&taker)), (expected, 1));
}

#[test]
fn what_is_said_to_lie_below_a_link_is_refused() {
    for args in [&[][..], &["--links", "all"]] {
        for kind in [EntryKind::File, EntryKind::Folder, EntryKind::Link] {
            let mut attack = Attack::new(args);
            let canary = attack.canary.join("d");
            assert!(attack.say(vec![link(&["gift", "l"], canary.to_str().unwrap())]));
            let target = (kind == EntryKind::Link).then(|| PeerName::new(b"x".to_vec()));
            let size = (kind == EntryKind::File).then_some(1);
            let below =
                Entry { size, target, ..Entry::inside(1, PeerName::new(b"new".to_vec()), kind) };
            attack.sender.peer.say(&Message::Entries(Part {
                item: ITEM,
                first: 2,
                entries: vec![below],
            }));
            assert!(!attack.sender.registered_or_refused(3));
            let (taker, gift, _there) = attack.ends(7, None);
            assert!(taker.all("file").is_empty() && !gift.exists());
        }
    }
}

#[test]
fn a_link_of_the_name_of_something_takes_nothing_from_it() {
    for all in [false, true] {
        let mut attack = Attack::new(if all { &["--links", "all"] } else { &[] });
        let [file, folder] =
            ["f", "d"].map(|name| attack.canary.join(name).to_str().unwrap().to_owned());
        // Before and after what they are called like, in the same case and another.
        assert!(attack.say(vec![
            link(&["gift", "a"], &file),
            link(&["gift", "d"], &folder),
            link(&["gift", "empty"], &file)
        ]));
        assert!(attack.say(vec![
            entry(&["gift", "a"], Some(1)),
            entry(&["gift", "d"], None),
            entry(&["gift", "empty"], Some(0))
        ]));
        assert!(attack.say(vec![
            entry(&["gift", "d", "f"], Some(1)),
            link(&["gift", "A"], &file),
            link(&["gift", "a"], "d"),
            link(&["gift", "d"], "d")
        ]));
        assert!(attack.say(vec![
            entry(&["gift", "D"], None),
            entry(&["gift", "D", "f"], Some(1)),
            link(&["gift", "D", "f"], &file)
        ]));
        let (taker, gift, _there) = attack.ends(0, None);
        for path in ["a", "d/f", "D/f"] {
            assert!(gift.join(path).symlink_metadata().unwrap().is_file(), "{path}");
            assert_eq!(fs::read(gift.join(path)).unwrap(), [7], "{path}");
        }
        assert!(
            gift.join("d").symlink_metadata().unwrap().is_dir()
                && gift.join("empty").symlink_metadata().unwrap().is_file()
        );
        if !all {
            assert_eq!((links(&gift).len(), left_out(&taker)), (2, 5));
        }
    }
}

#[test]
fn no_link_is_followed_to_what_is_said_to_be_missing_at_the_end() {
    for args in [&[][..], &["--links", "all"]] {
        let mut attack = Attack::new(args);
        let canary = attack.canary.to_str().unwrap().to_owned();
        assert!(attack.say(vec![
            entry(&["gift", "d"], None),
            entry(&["gift", "kept"], Some(1)),
            link(&["gift", "l"], &canary),
            link(&["gift", "m"], "d")
        ]));
        let mut differences = Differences::default();
        for path in [
            "gift/l/f",
            "gift/l/d/f",
            "gift/l",
            "gift/m/../../../canary/f",
            "gift/../canary/f",
            "../canary/f",
            "gift/d/../l/f",
        ] {
            differences.add(path.as_bytes(), Fate::Missing(Reason::SourceChanged));
        }
        let (_taker, gift, _there) = attack.ends(1, Some(differences));
        assert_eq!(fs::read(gift.join("kept")).unwrap(), [7]);
    }
}

#[test]
fn a_chain_of_thousands_of_links_that_ends_outside_leads_nowhere() {
    let mut attack = Attack::new(&[]);
    let canary = attack.canary.to_str().unwrap().to_owned();
    let chain =
        (0..3_000).map(|number| link(&["gift", &format!("l{number}")], format!("l{}", number + 1)));
    assert!(attack.say(chain.chain([link(&["gift", "l3000"], canary)]).collect()));
    // The kernel follows forty, but a program that looks for itself follows more.
    assert!(
        attack.say(
            (0..50)
                .map(|number| link(&["gift", &format!("d{number}")], format!("d{}", number + 1)))
                .collect()
        )
    );
    let far = [
        ("d50", "."),
        ("out", "d0/.."),
        ("out 2", "d20/d20/.././.."),
        ("far", "d0/d0"),
        ("round", "round/.."),
    ];
    assert!(attack.say(far.map(|(name, target)| link(&["gift", name], target)).to_vec()));
    let (taker, gift, _there) = attack.ends(0, None);
    assert!(
        gift.join("far").is_symlink()
            && !gift.join("out").is_symlink()
            && !gift.join("out 2").is_symlink()
    );
    assert_eq!((links(&gift).len(), left_out(&taker)), (3_000 + 52, 4));
}

#[test]
fn links_cost_what_they_take() {
    let mut attack = Attack::new(&["--max-size", "400kB"]);
    assert!(
        !attack.say((0..200).map(|number| link(&["gift", &number.to_string()], "x")).collect())
    );
    let (taker, ..) = attack.ends(1, None);
    assert_eq!(taker.failure()["error"], "too-large");
    // Texts are kept until the end: 64 MiB of them in all.
    let mut attack = Attack::new(&["-y"]);
    let target = "x/".repeat(2_047);
    assert!(
        !attack
            .say((0..17_000).map(|number| link(&["gift", &number.to_string()], &target)).collect())
    );
    let Attack { sender: Sender { there: _there, taker, mut peer, .. }, .. } = attack;
    peer.say(&Message::Leave { reason: Reason::Done });
    peer.hear_out();
    drop(peer);
    assert_eq!(taker.end().expect(7).failure()["error"], "protocol");
}

#[test]
fn links_that_are_none_are_refused() {
    let long = "x".repeat(4_096);
    for target in ["", "nul\0byte", &long] {
        let mut attack = Attack::new(&[]);
        assert!(!attack.say(vec![link(&["gift", "l"], target)]), "{target:?}");
        attack.refused();
    }
    // No link is an item, none has a size, and no file has where it leads; nothing has more than
    // nine bits of permissions.
    let no_item = Entry {
        target: Some(PeerName::new(b"x".to_vec())),
        kind: EntryKind::Link,
        ..entry(&["gift"], None)
    };
    let sized = Entry { size: Some(1), ..link(&["gift", "l"], "x") };
    let leading =
        Entry { target: Some(PeerName::new(b"x".to_vec())), ..entry(&["gift", "f"], Some(1)) };
    let special = Entry { mode: Some(0o4755), ..entry(&["gift", "f"], Some(1)) };
    for bad in [no_item, sized, leading, special] {
        let mut attack = Attack::new(&[]);
        assert!(!attack.say(vec![bad.clone()]), "{bad:?}");
        attack.refused();
    }
}

/// Another program puts a link where a folder of the transfer was.
#[test]
fn a_folder_that_became_a_link_meanwhile_is_not_entered() {
    for all in [false, true] {
        let mut attack = Attack::new(if all { &["--links", "all"] } else { &[] });
        assert!(attack.say(vec![entry(&["gift", "d"], None), entry(&["gift", "d", "e"], None)]));
        // Its journal lies beside it.
        let mut there =
            fs::read_dir(attack.sender.there.dir()).unwrap().map(|entry| entry.unwrap().path());
        let hidden = there.find(|path| path.is_dir()).unwrap();
        fs::rename(hidden.join("d"), hidden.join("aside")).unwrap();
        symlink(&attack.canary, hidden.join("d")).unwrap();
        let first = attack.said;
        let more = vec![
            entry(&["gift", "d", "empty"], Some(0)),
            link(&["gift", "d", "l"], "e"),
            entry(&["gift", "d", "new"], None),
        ];
        // Handles that are held may still reach what it was.
        attack.sender.entries(first, more);
        attack.said += 3;
        attack.sender.registered_or_refused(3);
        attack.ends(8, None);
    }
}

#[test]
fn what_has_the_name_of_a_folder_with_links_is_neither_replaced_nor_entered() {
    for (place, conflict) in [
        ("dangling", "rename"),
        ("canary", "rename"),
        ("file", "rename"),
        ("canary", "overwrite"),
        ("dangling", "overwrite"),
        ("folder", "overwrite"),
    ] {
        let mut attack = Attack::new(&["--conflict", conflict]);
        let there = attack.sender.there.path("gift");
        match place {
            "dangling" => symlink("nowhere", &there).unwrap(),
            "canary" => symlink(&attack.canary, &there).unwrap(),
            "file" => fs::write(&there, "mine").unwrap(),
            _ => fs::create_dir(&there).unwrap(),
        }
        let before = there.symlink_metadata().unwrap().ino();
        assert!(attack.say(vec![
            entry(&["gift", "f"], Some(1)),
            link(&["gift", "l"], "f"),
            link(&["gift", "d"], "../canary")
        ]));
        let (taker, gift, _there) = attack.ends(0, None);
        assert_eq!(taker.one("file")["name"], "gift (1)", "{place} {conflict}");
        assert_eq!(gift.symlink_metadata().unwrap().ino(), before);
        assert_eq!(links(&gift.with_file_name("gift (1)")), [PathBuf::from("l")]);
    }
}
