//! Files that are larger, more or other than was said, and what would become too large in memory
//! (B14, C7).

use crate::count;
use crate::harness::content::names;
use crate::harness::disk::EXFAT;
use crate::harness::terminal::Terminal;
use crate::harness::{Machine, not_run};
use crate::peer::{FakeHost, Said};
use crate::sender::{ITEM, Places, Sender, entry, file, item, within_memory};
use pinhole_protocol::limits::{CAPABILITIES, FAITHFUL, FILE_PIECES, PIECES, TRANSFERS};
use pinhole_protocol::records::ChunkHead;
use pinhole_protocol::wire::{
    Control, Entry, EntryKind, ItemId, ItemKind, Message, Offer, Part, Reason, Want,
};
use rustix::process::Signal;
use std::process::Command;

/// A thousand files of a byte each in the folder "gift".
fn thousand(first: u32) -> Vec<Entry> {
    (first..first + 1000).map(|number| entry(&["gift", &number.to_string()], Some(1))).collect()
}

#[test]
fn bytes_that_were_not_declared_end_the_transfer() {
    for (entry, offset) in [(0, 10), (0, 9), (0, u64::MAX), (0, 1 << 63), (1, 0), (u32::MAX, 0)] {
        let mut sender = Sender::one_file(10);
        sender.chunk(0, 0, 8);
        sender.chunk(entry, offset, 2);
        sender.ends(7);
    }
}

#[test]
fn bytes_beyond_the_credit_end_the_channel() {
    let mut sender = Sender::one_file(1 << 30);
    sender.chunk(0, 16 << 20, 65_536);
    sender.ends(7);
}

/// Each other byte alone, of as many transfers as there may be: as many pieces as there may be, and
/// one more.
#[test]
fn bytes_that_are_scattered_fill_no_memory() {
    for (capabilities, pieces) in [(FAITHFUL, PIECES), (CAPABILITIES, FILE_PIECES)] {
        let size = 2 * pieces as u64 + 3;
        let items = (1..=u32::try_from(count(TRANSFERS, 1)).unwrap()).map(ItemId);
        let mut sender = Sender::able(capabilities);
        for item in items.clone() {
            let gift = file(&format!("gift {}", item.0), size);
            let (items, bytes, entries, counted) = (vec![gift], size, 1, true);
            let offer = Offer { item, items, bytes, entries, counted, allocated: None };
            assert!(sender.peer.say(&Message::Offer(offer)));
            sender.accepted();
            let entry = Entry { size: Some(size), ..Entry::of_item(0, EntryKind::File) };
            sender.peer.say(&Message::Entries(Part { item, first: 0, entries: vec![entry] }));
            sender.registered(1);
        }
        let byte = |sender: &mut Sender, transfer, offset| {
            assert!(sender.peer.chunk(ChunkHead { transfer, entry: 0, offset }, b"x"), "{offset}");
        };
        for offset in (0..size - 3).step_by(2) {
            items.clone().for_each(|item| byte(&mut sender, item, offset));
        }
        // None is refused: what joins the first two is credited.
        for item in items.clone() {
            byte(&mut sender, item, 1);
            let joined = |said: Option<Said>| match said.expect("closed") {
                Said::Control(Control::Credit { transfer, written, .. }) => {
                    transfer == item && written.first().is_some_and(|span| span.end == 3)
                }
                Said::Control(Control::Fragment { .. }) => panic!("{item:?} is refused"),
                _ => false,
            };
            while !joined(sender.peer.hear()) {}
        }
        for item in items {
            byte(&mut sender, item, size - 3);
            byte(&mut sender, item, size - 1);
            let refused = sender.peer.until(|message| match message {
                Message::Result { item: refused, failed, .. } if refused == item => failed,
                _ => None,
            });
            assert_eq!(refused, Some(Reason::Protocol));
        }
        sender.peer.say(&Message::Leave { reason: Reason::Done });
        sender.ends(7);
    }
}

#[test]
fn bytes_without_acceptance_are_ignored() {
    let mut sender = Sender::new();
    for transfer in 0..3 {
        sender
            .peer
            .chunk(ChunkHead { transfer: ItemId(transfer), entry: 0, offset: 0 }, &[7; 1000]);
    }
    sender.peer.say(&Message::Leave { reason: Reason::Done });
    sender.ends(6);
}

#[test]
fn what_came_before_the_breach_is_removed_before_the_end() {
    let mut sender = Sender::new();
    sender.offer(vec![item("gift", ItemKind::Folder, None)], 0, 0, false);
    sender.accepted();
    sender.entries(0, vec![entry(&["gift"], None)]);
    for part in 0..4 {
        let files = (0..1000)
            .map(|number| entry(&["gift", &format!("{part}-{number}")], Some(0)))
            .collect();
        sender.entries(1 + part * 1000, files);
        sender.registered(2 + part);
    }
    sender.peer.tell_bytes(b"not cbor");
    sender.ends(7);
}

/// So many that removing them takes longer than anything else at the end.
#[test]
fn what_a_cut_left_is_removed_before_the_end_or_its_place_is_said() {
    for interrupted in [false, true] {
        let mut sender = Sender::with(&["-y"]);
        sender.offer(vec![item("gift", ItemKind::Folder, None)], 0, 0, false);
        sender.accepted();
        sender.entries(0, vec![entry(&["gift"], None)]);
        for part in 0..u32::try_from(count(400, 4)).unwrap() {
            let folders = (0..1000)
                .map(|number| entry(&["gift", &format!("{part}-{number}")], None))
                .collect();
            sender.entries(1 + part * 1000, folders);
            sender.registered(2 + part);
        }
        let Sender { there, mut taker, peer, .. } = sender;
        drop(peer);
        taker.until("status", "disconnected");
        if interrupted {
            taker.signal(Signal::INT);
        }
        let ended = taker.end().expect(6);
        let mut left = names(there.dir());
        assert!(left.is_empty() || interrupted, "{left:?}");
        // The journal tells of the part as long as that is there.
        left.retain(|name| name.ends_with(".part"));
        let said =
            ended.all("error").iter().map(|error| error["detail"].to_string()).collect::<String>();
        assert!(left.iter().all(|name| said.contains(name)), "{left:?} {said}");
    }
}

/// Whoever may write in the folder puts something of theirs under the hidden name.
#[test]
fn what_was_put_in_the_place_of_a_part_is_not_delivered() {
    let mut sender = Sender::new();
    sender.offer(vec![item("gift", ItemKind::Folder, None)], 0, 0, false);
    sender.accepted();
    sender.entries(0, vec![entry(&["gift"], None)]);
    sender.registered(1);
    let part = names(sender.there.dir()).into_iter().find(|name| name.ends_with(".part")).unwrap();
    std::fs::rename(sender.there.path(&part), sender.there.path("ours")).unwrap();
    std::fs::create_dir(sender.there.path(&part)).unwrap();
    std::fs::write(sender.there.path(&part).join("theirs"), "x").unwrap();
    sender.peer.say(&Message::End { item: ITEM, entries: 1, bytes: 0, differences: None });
    sender.peer.say(&Message::Leave { reason: Reason::Done });
    let Sender { there, taker, mut peer, .. } = sender;
    peer.hear_out();
    drop(peer);
    let ended = taker.end().expect(8);
    assert!(
        ended.failure()["detail"].as_str().unwrap().contains("another program has replaced it"),
        "{}",
        ended.failure()
    );
    assert_eq!(names(there.dir()), [part.as_str(), "ours"]);
}

/// The kernel forgets what lies in a disk in user space, as it does when memory is short, and gets
/// it again with another inode.
#[test]
fn what_only_has_another_inode_is_delivered() {
    if !EXFAT.is_there() {
        return;
    }
    let mut sender = Sender::onto(&EXFAT);
    let folder = item("d", ItemKind::Folder, None);
    sender.offer(vec![file("a", 1), file("b", 1), folder], 2, 3, true);
    sender.accepted();
    sender.entries(0, vec![entry(&["d"], None), entry(&["a"], Some(1))]);
    sender.registered(1);
    sender.chunk(1, 0, 1);
    let written = |said: Option<Said>| {
        matches!(
            said.expect("closed"),
            Said::Control(Control::Credit { written, .. }) if !written.is_empty()
        )
    };
    while !written(sender.peer.hear()) {}
    if let Err(error) = std::fs::write("/proc/sys/vm/drop_caches", "2") {
        not_run(format_args!("the kernel forgets nothing when it is asked to: {error}"));
        return;
    }
    sender.entries(2, vec![entry(&["b"], Some(1))]);
    sender.registered(2);
    sender.chunk(2, 0, 1);
    sender.peer.say(&Message::End { item: ITEM, entries: 3, bytes: 2, differences: None });
    sender.peer.say(&Message::Leave { reason: Reason::Done });
    let Sender { there, taker, mut peer, .. } = sender;
    peer.hear_out();
    drop(peer);
    taker.end().expect(0);
    assert_eq!(names(there.path("copy")), ["a", "b", "d"]);
}

#[test]
fn what_cannot_be_removed_is_named() {
    let mut sender = Sender::new();
    sender.offer(vec![item("gift", ItemKind::Folder, None)], 0, 0, false);
    sender.accepted();
    sender.entries(0, vec![entry(&["gift"], None), entry(&["gift", "kept"], None)]);
    sender.registered(1);
    let part = names(sender.there.dir()).remove(0);
    let kept = sender.there.path(&part).join("kept");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(&kept).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        not_run("no disk can be mounted");
        return;
    }
    let Sender { there, taker, peer, .. } = sender;
    drop(peer);
    let ended = taker.end();
    Command::new("umount").arg("-l").arg(kept).output().unwrap();
    let ended = ended.expect(6);
    let left = ended
        .all("error")
        .into_iter()
        .find(|error| error["error"] == "left-behind")
        .expect("nothing was said");
    assert!(
        left["detail"].as_str().unwrap().contains(there.path(&part).to_str().unwrap())
            && left["next"].is_string(),
        "{left}"
    );
}

#[test]
fn an_end_before_all_is_there_delivers_nothing() {
    for (entries, bytes) in [(1, 11), (1, 9), (2, 10), (0, 0), (u32::MAX, u64::MAX)] {
        let mut sender = Sender::one_file(10);
        sender.chunk(0, 0, 10);
        sender.peer.say(&Message::End { item: ITEM, entries, bytes, differences: None });
        sender.ends(7);
    }
    let mut sender = Sender::one_file(10);
    sender.chunk(0, 0, 9);
    sender.peer.say(&Message::End { item: ITEM, entries: 1, bytes: 10, differences: None });
    sender.peer.say(&Message::Leave { reason: Reason::Failed });
    sender.ends(6);
}

#[test]
fn an_offer_of_more_than_can_be_is_refused_before_anything_is_allocated() {
    let huge = [1 << 63, u64::MAX, 11 << 30];
    for size in huge {
        let mut sender = Sender::new();
        sender.offer(vec![file("gift", size)], size, 1, true);
        sender.ends(1);
        let mut sender = Sender::new();
        sender.offer(vec![file("a", size), file("b", size)], 2, 2, false);
        sender.ends(1);
    }
    let many = (0..16_385).map(|number| file(&number.to_string(), 0)).collect();
    for (items, entries) in
        [(vec![item("gift", ItemKind::Folder, None)], 1_000_001), (many, 16_385), (Vec::new(), 0)]
    {
        let mut sender = Sender::new();
        sender.offer(items, 0, entries, false);
        sender.ends(7);
    }
}

#[test]
fn what_the_entries_add_up_to_is_held_against_the_offer() {
    let declared = [
        (1, 10, vec![entry(&["gift"], None), entry(&["gift", "a"], Some(11))]),
        (0, 10, vec![entry(&["gift"], None)]),
    ];
    for (entries, bytes, said) in declared {
        let mut sender = Sender::new();
        sender.offer(vec![item("gift", ItemKind::Folder, None)], bytes, entries, true);
        sender.accepted();
        sender.entries(0, said);
        sender.ends(9);
    }
    // Nothing was counted, so only --max-size and the disk speak against it.
    let mut sender = Sender::new();
    sender.offer(vec![item("gift", ItemKind::Folder, None)], 0, 0, false);
    sender.accepted();
    sender.entries(
        0,
        vec![
            entry(&["gift"], None),
            entry(&["gift", "a"], Some(1 << 62)),
            entry(&["gift", "b"], Some(1 << 62)),
        ],
    );
    sender.ends(1);
}

#[test]
fn an_entry_that_is_none_refuses_its_transfer_and_the_channel_goes_on() {
    let dots = entry(&["gift", ".."], Some(1));
    let unsized_file = Entry { kind: EntryKind::File, ..entry(&["gift", "a"], None) };
    for (bad, reason, word) in
        [(dots, Reason::BadName, "bad-name"), (unsized_file, Reason::Protocol, "protocol")]
    {
        let (host, there) = (FakeHost::new(), Machine::new());
        let mut guest = there.start(["connect", &host.code]);
        let mut peer = host.meet();
        peer.put_in_use(Want::Both);
        let items = vec![item("gift", ItemKind::Folder, None)];
        peer.say(&Message::Offer(Offer {
            item: ITEM,
            items: items.clone(),
            bytes: 0,
            entries: 0,
            counted: false,
            allocated: None,
        }));
        peer.until(|message| matches!(message, Message::Accept { .. }).then_some(()))
            .expect("accepted");
        let entries = Places::of(&items).placed(0, vec![entry(&["gift"], None), bad]);
        peer.say(&Message::Entries(Part { item: ITEM, first: 0, entries }));
        let refused = peer.until(|message| {
            if let Message::Result { item: ITEM, failed, .. } = &message { *failed } else { None }
        });
        assert_eq!(refused, Some(reason));
        peer.say(&Message::Text { item: ItemId(2), body: "still here".into() });
        assert_eq!(guest.until("text", "")["body"], "still here");
        peer.say(&Message::Leave { reason: Reason::Done });
        peer.hear_out();
        drop(peer);
        assert_eq!(guest.end().expect(0).one("error")["error"], word);
    }
}

#[test]
fn parts_without_end_are_not_waited_for() {
    let mut sender = Sender::new();
    sender.offer(vec![item("gift", ItemKind::Folder, None)], 0, 0, false);
    sender.accepted();
    sender.entries(0, vec![entry(&["gift"], None)]);
    for part in 0..1000 {
        // It may be over by the time that all is said.
        within_memory(&sender.taker);
        if !sender.entries(1 + part * 1000, thousand(part * 1000)) {
            break;
        }
    }
    sender.ends(7);
}

/// Names alone: 30,201 empty files are far under a kilobyte of content, and 120 MB of disk.
#[test]
fn empty_files_are_not_free() {
    for args in [["--max-size", "1M"], ["--max-entries", "30000"]] {
        let mut sender = Sender::with(&args);
        sender.offer(vec![item("gift", ItemKind::Folder, None)], 0, 0, false);
        sender.accepted();
        sender.entries(0, vec![entry(&["gift"], None)]);
        let all = (0..30).all(|part| {
            let files = (0..1000)
                .map(|number| entry(&["gift", &format!("{part}-{number}")], Some(0)))
                .collect();
            sender.entries(1 + part * 1000, files) && sender.registered_or_refused(2 + part)
        });
        // An entry is refused before its name is made; only a taker that has all is told of an end.
        if all {
            sender.entries(30_001, vec![entry(&["gift", "last"], Some(0))]);
            sender.peer.say(&Message::End {
                item: ITEM,
                entries: 30_002,
                bytes: 0,
                differences: None,
            });
        }
        sender.peer.say(&Message::Leave { reason: Reason::Done });
        sender.ends(1);
    }
}

#[test]
fn more_entries_than_nobody_watches_are_refused_at_once_unless_that_is_said() {
    let offer = |sender: &mut Sender, entries| {
        sender.offer(vec![item("gift", ItemKind::Folder, None)], 0, entries, true)
    };
    let mut sender = Sender::new();
    offer(&mut sender, 250_001);
    sender.ends(1);
    for args in [&["-y"][..], &["--max-entries", "300000"]] {
        let mut sender = Sender::with(args);
        offer(&mut sender, 250_001);
        sender.accepted();
        sender.peer.say(&Message::Leave { reason: Reason::Failed });
        sender.ends(6);
    }
}

#[test]
fn a_part_over_its_limits_is_refused_whatever_it_would_become_in_memory() {
    let long = "x".repeat(255);
    let bombs: [Vec<Entry>; 5] = [
        vec![],
        (0..1001).map(|number| entry(&["gift", &number.to_string()], Some(0))).collect(),
        // A path of a million names, and many of them: twenty times what they are on the wire.
        vec![entry(&vec![""; 1_000_000], Some(0))],
        (0..900).map(|_| entry(&vec![""; 1_000], Some(0))).collect(),
        (0..500).map(|_| entry(&[long.as_str(); 8], Some(0))).collect(),
    ];
    for bomb in bombs {
        let mut sender = Sender::new();
        sender.offer(vec![item("gift", ItemKind::Folder, None)], 0, 0, false);
        sender.accepted();
        sender.entries(0, vec![entry(&["gift"], None)]);
        let mut first = 1;
        for _ in 0..5 {
            if !sender.entries(first, bomb.clone()) {
                break;
            }
            first += u32::try_from(bomb.len()).unwrap();
        }
        // The first may be refused for its names before the next are too many.
        sender.ends_with_one_of(&[6, 7]);
    }
}

#[test]
fn parts_that_wait_hold_little_whatever_they_would_become_in_memory() {
    let deep = vec![""; 64];
    let bombs: [Vec<Entry>; 2] = [
        vec![entry(&vec![""; 1_000_000], Some(1))],
        (0..1000).map(|_| entry(&deep, Some(1))).collect(),
    ];
    for bomb in bombs {
        let mut sender = Sender::new();
        sender.offer(vec![item("gift", ItemKind::Folder, None)], 0, 0, false);
        sender.accepted();
        sender.entries(0, vec![entry(&["gift"], None)]);
        // Four parts whose bytes never come keep the next four waiting.
        for part in 0..4 {
            sender.entries(1 + part, vec![entry(&["gift", &part.to_string()], Some(1))]);
        }
        sender.registered(5);
        let mut first = 5;
        for _ in 0..5 {
            if !sender.entries(first, bomb.clone()) {
                break;
            }
            first += u32::try_from(bomb.len()).unwrap();
        }
        sender.ends(7);
    }
}

#[test]
fn an_offer_as_long_as_a_message_can_be_is_refused_within_memory() {
    let mut sender = Sender::new();
    for number in 0..4 {
        let items = (0..130_000).map(|_| item("", ItemKind::Folder, None)).collect();
        sender.peer.say(&Message::Offer(Offer {
            item: ItemId(1 + number),
            items,
            bytes: 0,
            entries: 0,
            counted: false,
            allocated: None,
        }));
    }
    sender.ends(7);
}

#[test]
fn what_has_no_room_asks_for_another_folder_where_one_can_be_typed() {
    for (command, want) in [("take", Want::Give), ("connect", Want::Both)] {
        let (host, there) = (FakeHost::new(), Machine::new());
        let mut person = Terminal::start(&there, 200, [command, &host.code]);
        let mut peer = host.meet();
        peer.put_in_use(want);
        let items = vec![file("huge", 15 << 40)];
        peer.say(&Message::Offer(Offer {
            item: ITEM,
            items,
            bytes: 15 << 40,
            entries: 1,
            counted: true,
            allocated: None,
        }));
        if command == "take" {
            person.see("are needed");
            person.see("another folder (Enter alone declines)");
            person.keys("\r");
        }
        let refused = peer.until(|message| {
            if let Message::Result { item: ITEM, failed, .. } = &message { *failed } else { None }
        });
        assert_eq!(refused, Some(Reason::NoSpace), "{command}");
        peer.say(&Message::Leave { reason: Reason::Done });
        peer.hear_out();
        drop(peer);
        person.end(if command == "take" { 8 } else { 0 });
    }
}
