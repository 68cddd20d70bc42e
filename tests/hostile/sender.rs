//! A giver of ours against the real `take`: it knows the code, hosts, and sends what nobody should.
//! However that goes, the taker ends with the right status, keeps its memory, and leaves nothing
//! behind.

use crate::harness::disk::Disk;
use crate::harness::{Machine, Running};
use crate::peer::{FakeHost, Peer, Said};
use pinhole_protocol::limits::FAITHFUL;
use pinhole_protocol::records::ChunkHead;
use pinhole_protocol::wire::{
    Control, Entry, EntryKind, Item, ItemId, ItemKind, Message, Offer, Part, PeerName, PeerText,
    Want,
};
use std::collections::HashMap;
use std::path::Path;

/// Our one transfer.
pub const ITEM: ItemId = ItemId(1);

/// The real taker, connected to a sender of ours that has said nothing but what for it came.
pub struct Sender {
    pub there: Machine,
    pub taker: Running,
    pub peer: Peer,
    said: Places,
}

impl Sender {
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// The same with a taker that has these further arguments.
    pub fn with(args: &[&str]) -> Self {
        Self::start(FAITHFUL, |there, code| {
            there.start([&["take", code, "-o", "."], args].concat())
        })
    }

    /// The same with these abilities of its own.
    pub fn able(capabilities: u64) -> Self {
        Self::start(capabilities, |there, code| there.start(["take", code, "-o", "."]))
    }

    /// The same with a taker that takes into a disk.
    pub fn onto(disk: &Disk) -> Self {
        Self::start(FAITHFUL, |there, code| {
            Running::start(disk.command(there, ["take", code, "-o", "disk"]))
        })
    }

    fn start(capabilities: u64, take: impl FnOnce(&Machine, &str) -> Running) -> Self {
        let (host, there) = (FakeHost::new(), Machine::new());
        let taker = take(&there, &host.code);
        let mut peer = host.meet_with(capabilities);
        peer.put_in_use(Want::Give);
        while !matches!(peer.hear(), Some(Said::Control(Control::Using(_)))) {}
        Self { there, taker, peer, said: Places::default() }
    }

    pub fn offer(&mut self, items: Vec<Item>, bytes: u64, entries: u32, counted: bool) {
        self.said = Places::of(&items);
        self.peer.say(&Message::Offer(Offer {
            item: ITEM,
            items,
            bytes,
            entries,
            counted,
            allocated: None,
        }));
    }

    pub fn accepted(&mut self) {
        let accepted =
            self.peer.until(|message| matches!(message, Message::Accept { .. }).then_some(()));
        assert!(accepted.is_some(), "not accepted");
    }

    /// Says entries of [`entry`].
    pub fn entries(&mut self, first: u32, entries: Vec<Entry>) -> bool {
        let entries = self.said.placed(first, entries);
        self.peer.say(&Message::Entries(Part { item: ITEM, first, entries }))
    }

    /// Waits until so many parts are registered, so that their chunks are wanted.
    pub fn registered(&mut self, wanted: u32) {
        while !matches!(
            self.peer.hear().expect("closed"),
            Said::Control(Control::Credit { parts, .. }) if parts >= wanted
        ) {}
    }

    /// The same where it may refuse instead: true if they are registered.
    pub fn registered_or_refused(&mut self, wanted: u32) -> bool {
        loop {
            match self.peer.hear() {
                Some(Said::Control(Control::Credit { parts, .. })) if parts >= wanted => {
                    return true;
                }
                Some(Said::Control(Control::Fragment { .. })) | None => return false,
                Some(_) => {}
            }
        }
    }

    /// One file of `size` bytes, offered, accepted and registered.
    pub fn one_file(size: u64) -> Self {
        let mut sender = Self::new();
        sender.offer(vec![file("gift", size)], size, 1, true);
        sender.accepted();
        sender.entries(0, vec![entry(&["gift"], Some(size))]);
        sender.registered(1);
        sender
    }

    pub fn chunk(&mut self, entry: u32, offset: u64, length: usize) {
        self.peer.chunk(ChunkHead { transfer: ITEM, entry, offset }, &vec![7; length]);
    }

    /// The taker ends with this status and has kept to its memory; nothing is where it was to go,
    /// or anywhere else.
    #[track_caller]
    pub fn ends(self, exit: i32) {
        self.ends_with_one_of(&[exit]);
    }

    /// As [`Sender::ends`], where it is a matter of time which status it is.
    #[track_caller]
    pub fn ends_with_one_of(mut self, exits: &[i32]) {
        self.peer.hear_out();
        // It has said its last words and waits for ours.
        within_memory(&self.taker);
        drop(self.peer);
        let taker = self.taker.end();
        assert!(
            taker.status.code().is_some_and(|exit| exits.contains(&exit)),
            "{:?} {:#?}",
            taker.status,
            taker.lines
        );
        assert!(taker.all("file").is_empty(), "{:#?}", taker.lines);
        let mut left = tree(&self.there);
        if taker.status.code() == Some(6) {
            // A transfer that ends so can go on another day: its part stays.
            left.retain(|path| !path.starts_with("work/.pinhole-"));
        }
        assert_eq!(left, Vec::<String>::new());
    }
}

/// Checks that a process has never had more than 64 MiB in memory.
#[track_caller]
pub fn within_memory(process: &Running) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) else {
        // It waits for the last words of the other side, but not for ever.
        return eprintln!("memory: no longer running");
    };
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    eprintln!("memory: at most {} MiB in memory", peak >> 10);
    assert!(peak < 64 << 10, "{} MiB", peak >> 10);
}

/// Every file and folder of the machine, its home included, by its path from the machine's root;
/// not the two that it begins with, nor the folders that its sessions were found in while they ran.
pub fn tree(machine: &Machine) -> Vec<String> {
    fn walk(root: &Path, dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            if path.is_dir() && !path.is_symlink() {
                walk(root, &path, found);
            }
        }
    }
    let (work, mut found) = (machine.dir(), Vec::new());
    let root = work.parent().unwrap();
    walk(root, root, &mut found);
    let expected =
        ["work", "home", "home/.local", "home/.local/state", "home/.local/state/pinhole"];
    found.retain(|path| !expected.contains(&path.as_str()));
    found
}

pub fn item(name: &str, kind: ItemKind, size: Option<u64>) -> Item {
    Item { name: PeerText::new(name.into()), kind, size, exact: None }
}

pub fn file(name: &str, size: u64) -> Item {
    item(name, ItemKind::File, Some(size))
}

/// The separator between two names of an entry that has no place yet: no text has it.
const BETWEEN: u8 = 0xff;

/// An entry by its path, whose place [`Places::placed`] finds.
pub fn entry(path: &[&str], size: Option<u64>) -> Entry {
    let kind = if size.is_some() { EntryKind::File } else { EntryKind::Folder };
    let path = path.iter().map(|name| name.as_bytes()).collect::<Vec<_>>().join(&BETWEEN);
    Entry { size, ..Entry::inside(u32::MAX, PeerName::new(path), kind) }
}

/// The places of a transfer's entries: its items, and the folders that were sent.
#[derive(Default)]
pub struct Places {
    items: Vec<Vec<u8>>,
    folders: HashMap<Vec<u8>, u32>,
}

impl Places {
    pub fn of(items: &[Item]) -> Self {
        Self {
            items: items.iter().map(|item| item.bytes().to_vec()).collect(),
            folders: HashMap::new(),
        }
    }

    /// Entries of [`entry`] from number `first` on, as they are said; in a folder or an item that
    /// does not exist where that was not said.
    pub fn placed(&mut self, first: u32, entries: Vec<Entry>) -> Vec<Entry> {
        let place = |(number, entry): (u32, Entry)| {
            let path = entry.name.clone().unwrap().raw().to_vec();
            if entry.kind == EntryKind::Folder {
                self.folders.insert(path.clone(), number);
            }
            match path.iter().rposition(|byte| *byte == BETWEEN) {
                None => {
                    let place = self.items.iter().position(|item| *item == path);
                    Entry {
                        item: Some(place.map_or(u32::MAX, |place| place as u32)),
                        folder: None,
                        name: None,
                        ..entry
                    }
                }
                Some(at) => {
                    let folder = self.folders.get(&path[..at]).copied();
                    Entry {
                        folder: Some(folder.unwrap_or(u32::MAX)),
                        name: Some(PeerName::new(path[at + 1..].to_vec())),
                        ..entry
                    }
                }
            }
        };
        (first..).zip(entries).map(place).collect()
    }
}
