//! Ways out of a folder through what is in it already (C1, C3, C4, C8, C9, C16 with `--conflict
//! merge`): links there that lead out, links that come, and both in turn.

use crate::harness::content::tree;
use crate::harness::{Ended, Machine};
use crate::sender::{ITEM, Sender, entry, item};
use pinhole_protocol::wire::{Entry, EntryKind, ItemKind, Message, PeerName, Reason};
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

fn link(path: &[&str], target: &str) -> Entry {
    Entry {
        size: None,
        kind: EntryKind::Link,
        target: Some(PeerName::new(target.as_bytes().to_vec())),
        ..entry(path, Some(0))
    }
}

/// Sends a folder `t` with these entries, all of them empty, to a taker that has `args` and in
/// whose folder `prepare` has made something.
fn send(args: &[&str], entries: Vec<Entry>, prepare: impl FnOnce(&Machine)) -> (Ended, Machine) {
    send_while(args, entries, prepare, |_| ())
}

/// The same; `meanwhile` begins once the folder has been accepted.
fn send_while(
    args: &[&str],
    entries: Vec<Entry>,
    prepare: impl FnOnce(&Machine),
    meanwhile: impl FnOnce(&Machine),
) -> (Ended, Machine) {
    let mut sender = Sender::with(&[&["--conflict", "merge"], args].concat());
    prepare(&sender.there);
    let entries: Vec<Entry> = [entry(&["t"], None)].into_iter().chain(entries).collect();
    let count = u32::try_from(entries.len()).unwrap();
    sender.offer(vec![item("t", ItemKind::Folder, None)], 0, count, true);
    sender.accepted();
    meanwhile(&sender.there);
    sender.entries(0, entries);
    sender.registered(1);
    sender.peer.say(&Message::End { item: ITEM, entries: count, bytes: 0, differences: None });
    let result =
        sender.peer.until(|message| matches!(message, Message::Result { .. }).then_some(()));
    assert!(result.is_some(), "no result");
    sender.peer.say(&Message::Leave { reason: Reason::Done });
    sender.peer.hear_out();
    drop(sender.peer);
    (sender.taker.end(), sender.there)
}

/// A folder outside of the one that is received into, with something in it that nobody may touch.
fn canary(there: &Machine) {
    for name in ["canary/f", "canary/d/f", "canary/.bashrc"] {
        there.write(&format!("../{name}"), "old");
    }
}

#[test]
fn links_that_are_there_are_neither_followed_nor_replaced() {
    for links in [&[][..], &["--links", "all"]] {
        let entries = vec![
            entry(&["t", "out"], None),
            entry(&["t", "out", "f"], Some(0)),
            entry(&["t", "out", "d"], None),
            entry(&["t", "out", "d", "f"], Some(0)),
            entry(&["t", "out", "made"], Some(0)),
            entry(&["t", "in"], None),
            entry(&["t", "in", "out"], None),
            entry(&["t", "in", "out", "made"], Some(0)),
            entry(&["t", "f"], Some(0)),
            entry(&["t", "rc"], Some(0)),
            link(&["t", "up"], "f"),
        ];
        let (taker, there) = send(links, entries, |there| {
            canary(there);
            fs::create_dir_all(there.path("t/in")).unwrap();
            for (name, target) in [
                ("t/out", "../../canary"),
                ("t/in/out", "../../../canary/d"),
                ("t/f", "../../canary/f"),
                ("t/up", ".."),
            ] {
                symlink(target, there.path(name)).unwrap();
            }
            symlink(there.path("../canary/.bashrc"), there.path("t/rc")).unwrap();
        });
        let told = taker.expect(1).one("incomplete");
        assert_eq!(told["missing"].as_array().unwrap().len(), 10, "{told}");
        outside_is_as_it_was(&there);
        for name in ["t/out", "t/in/out", "t/f", "t/up", "t/rc"] {
            assert!(there.path(name).is_symlink(), "{name}");
        }
        assert_eq!(fs::read_dir(there.path("t")).unwrap().count(), 5);
    }
}

#[test]
fn links_that_come_lead_nowhere_by_way_of_those_that_are_there() {
    let entries = vec![
        link(&["t", "one"], "out/f"),
        link(&["t", "two"], "one"),
        entry(&["t", "d"], None),
        link(&["t", "d", "three"], "../out/d/f"),
        link(&["t", "four"], "d/../out"),
        link(&["t", "absolute"], "/etc/passwd"),
        link(&["t", "climbs"], "../canary"),
        entry(&["t", "one"], None),
        entry(&["t", "one", "f"], Some(0)),
    ];
    let (taker, there) = send(&[], entries, |there| {
        canary(there);
        fs::create_dir_all(there.path("t")).unwrap();
        symlink("../../canary", there.path("t/out")).unwrap();
    });
    let told = taker.expect(0).one("file");
    assert!(told["left_out"].as_u64().unwrap() >= 5, "{told}");
    outside_is_as_it_was(&there);
    let root = there.path("t").canonicalize().unwrap();
    for path in ["one", "one (1)", "two", "d/three", "four", "absolute", "climbs"] {
        let leads = root.join(path).canonicalize();
        assert!(leads.as_ref().map_or(true, |leads| leads.starts_with(&root)), "{path} {leads:?}");
    }
}

#[test]
fn a_name_of_our_own_files_is_inert_in_a_folder_that_is_there() {
    let names = [".pinhole-0123456789abcdef.part", ".pinhole-journal", "config.toml"];
    let entries = names.iter().map(|name| entry(&["t", name], Some(0))).collect();
    let (taker, there) = send(&[], entries, |there| {
        there.write("t/.pinhole-0123456789abcdef.part", "somebody's");
    });
    assert_eq!(taker.expect(0).one("file")["replaced"], 1);
    assert_eq!(crate::harness::content::names(there.path("t")).len(), 3);
}

/// Ends what runs beside when it is dropped, by a failure too.
struct Stopped<'a>(&'a AtomicBool);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Another process of the same user swaps what is there for links that lead outside, while it is
/// joined.
#[test]
fn what_is_swapped_for_links_meanwhile_leads_nothing_outside() {
    for _ in 0..crate::count(200, 6) {
        let entries = (0..40).flat_map(|number| {
            let folder = format!("{}", number % 4);
            let own = (number < 4).then(|| entry(&["t", &folder], None));
            own.into_iter().chain([entry(&["t", &folder, &format!("f{number}")], Some(0))])
        });
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let stopped = Stopped(&stop);
            let prepare = |there: &Machine| {
                canary(there);
                (0..4).for_each(|number| {
                    fs::create_dir_all(there.path("t").join(number.to_string())).unwrap()
                });
            };
            let swap = |there: &Machine| {
                let (root, stop) = (there.path("t"), &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        for victim in [root.join("0"), root.join("3"), root.clone()] {
                            let aside = victim.with_extension("aside");
                            if fs::rename(&victim, &aside).is_ok() {
                                let _ = symlink(root.join("../../canary"), &victim);
                                let _ = fs::remove_file(&victim);
                                let _ = fs::rename(&aside, &victim);
                            }
                        }
                    }
                });
            };
            let (_, there) = send_while(&[], entries.collect(), prepare, swap);
            drop(stopped);
            outside_is_as_it_was(&there);
        });
    }
}

#[track_caller]
fn outside_is_as_it_was(there: &Machine) {
    let canary = there.path("../canary");
    let mut found: Vec<_> = tree(&canary).into_keys().collect();
    found.sort();
    assert_eq!(found, [".bashrc", "d", "d/f", "f"]);
    for name in [".bashrc", "d/f", "f"] {
        assert_eq!(fs::read(canary.join(name)).unwrap(), b"old", "{name}");
    }
}
