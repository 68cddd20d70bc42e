//! Names that want out of the directory, or to be taken for something else (C1, C9). Every rule has
//! its unit tests; these are the worst, through the whole program.

use crate::harness::Machine;
use crate::peer::{FakeHost, Peer, Said};
use crate::sender::{ITEM, Places, entry, file, item, tree};
use pinhole_protocol::records::ChunkHead;
use pinhole_protocol::wire::{Control, Entry, Item, ItemKind, Message, Offer, Part, Reason, Want};

/// Sends one byte under this offer and these entries, and says goodbye; what becomes of it, and the
/// taker's machine.
fn send(items: Vec<Item>, entries: Vec<Entry>) -> (crate::harness::Ended, Machine) {
    let (host, there) = (FakeHost::new(), Machine::new());
    let taker = there.start(["take", &host.code, "-o", "."]);
    let mut peer = host.meet();
    peer.put_in_use(Want::Give);
    let entries = Places::of(&items).placed(0, entries);
    let (count, last) =
        (u32::try_from(entries.len()).unwrap(), u32::try_from(entries.len()).unwrap() - 1);
    peer.say(&Message::Offer(Offer {
        item: ITEM,
        items,
        bytes: 1,
        entries: count,
        counted: true,
        allocated: None,
    }));
    if wanted(&mut peer, |said| matches!(said, Said::Control(Control::Credit { .. }))) {
        peer.say(&Message::Entries(Part { item: ITEM, first: 0, entries }));
        if wanted(&mut peer, |said| matches!(said, Said::Control(Control::Credit { parts: 1, .. })))
        {
            peer.chunk(ChunkHead { transfer: ITEM, entry: last, offset: 0 }, b"x");
            peer.say(&Message::End { item: ITEM, entries: count, bytes: 1, differences: None });
        }
    }
    peer.say(&Message::Leave { reason: Reason::Done });
    peer.hear_out();
    drop(peer);
    (taker.end(), there)
}

/// True if this message comes before the taker refuses: a refusal is a message, which credit is
/// not.
fn wanted(peer: &mut Peer, mut is_it: impl FnMut(&Said) -> bool) -> bool {
    loop {
        match peer.hear() {
            Some(said) if is_it(&said) => return true,
            Some(Said::Control(Control::Fragment { bytes, .. })) => {
                if let Ok(Message::Result { .. } | Message::Leave { .. }) = minicbor::decode(&bytes)
                {
                    return false;
                }
            }
            Some(_) => {}
            None => return false,
        }
    }
}

const REFUSED: [&str; 9] = [
    "..",
    ".",
    "",
    "../../.ssh/authorized_keys",
    "/etc/cron.d/x",
    "a/../../b",
    "nul\0byte",
    "\u{2e}\u{2e}/x",
    "a/b",
];

/// Names that other systems would not have, and that are no danger to this one.
const KEPT: [&str; 9] = [
    "-rf",
    ".pinhole-0123456789abcdef.part",
    "a\u{200b}b",
    "CON",
    "com1.txt",
    "dots...",
    "..\\..\\x",
    "C:x",
    "\\\\server\\share",
];

const REWRITTEN: [(&str, &str); 3] = [
    ("\u{1b}]0;owned\u{7}\u{1b}[2J", "_]0;owned__[2J"),
    ("gpj.\u{202e}exe", "gpj._exe"),
    ("line\nbreak", "line_break"),
];

#[test]
fn what_could_lead_out_is_refused_as_an_item_and_inside_a_folder() {
    for name in REFUSED.into_iter().map(String::from).chain(["x".repeat(256), "x".repeat(4096)]) {
        let single = (vec![file(&name, 1)], vec![entry(&[&name], Some(1))]);
        let inside = (
            vec![item("gift", ItemKind::Folder, None)],
            vec![
                entry(&["gift"], None),
                entry(&["gift", "sub"], None),
                entry(&["gift", "sub", &name], Some(1)),
            ],
        );
        for (items, entries) in [single, inside] {
            let (taker, there) = send(items, entries);
            let taker = taker.expect(6);
            assert_eq!(taker.one("error")["error"], "bad-name", "{name:?}");
            assert_eq!(tree(&there), Vec::<String>::new(), "{name:?}");
        }
    }
}

#[test]
fn what_could_deceive_is_rewritten_and_both_names_are_told() {
    for (name, safe) in REWRITTEN {
        let (taker, there) = send(vec![file(name, 1)], vec![entry(&[name], Some(1))]);
        let taker = taker.expect(0);
        let told = taker.one("file");
        assert_eq!(
            (told["name"].as_str(), told["original_name"].as_str()),
            (Some(safe), Some(name))
        );
        assert!(
            taker
                .lines
                .iter()
                .chain(&taker.errors)
                .all(|line| line.bytes().all(|byte| (0x20..0x7f).contains(&byte)))
        );
        assert_eq!(tree(&there), [format!("work/{safe}")]);
    }
}

#[test]
fn what_is_no_danger_is_kept_and_no_other_name_is_told() {
    for name in KEPT {
        let (taker, there) = send(vec![file(name, 1)], vec![entry(&[name], Some(1))]);
        let taker = taker.expect(0);
        let told = taker.one("file");
        assert_eq!(
            (told["name"].as_str(), &told["original_name"]),
            (Some(name), &serde_json::Value::Null)
        );
        assert_eq!(tree(&there), [format!("work/{name}")]);
    }
}

#[test]
fn a_file_under_a_file_and_a_folder_of_somebody_elses_are_refused() {
    let folder = || vec![item("gift", ItemKind::Folder, None)];
    let cases = [
        vec![
            entry(&["gift"], None),
            entry(&["gift", "a"], Some(0)),
            entry(&["gift", "a", "b"], Some(1)),
        ],
        vec![entry(&["gift"], None), entry(&["gift", "missing", "b"], Some(1))],
        vec![entry(&["gift"], None), entry(&["other", "b"], Some(1))],
        vec![entry(&["gift"], Some(1))],
    ];
    for entries in cases {
        let (taker, there) = send(folder(), entries.clone());
        assert!(
            taker.status.code().is_some_and(|exit| [6, 7, 8].contains(&exit)),
            "{entries:?} {:#?}",
            taker.lines
        );
        assert_eq!(tree(&there), Vec::<String>::new(), "{entries:?}");
    }
}
