//! The inbox from outside, on real directories: what each test needs of a peer is here.

mod acts;
mod another_day;
mod bounds;
mod disk;
mod existing;
mod faithful;
mod hostile;
mod merging;
mod whole;

use super::*;
use crate::files::name::FileName;
use pinhole_protocol::wire::{
    Differences, Entry as Wire, EntryKind, Item, ItemId, ItemKind, Offer, Part, PeerName, PeerText,
    Reason,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

/// A directory and its inbox.
struct Desk {
    dir: TempDir,
    inbox: Inbox,
}

impl Desk {
    fn new() -> Self {
        Self::with(Policy { keep_free: 0.0, ..Policy::default() })
    }

    fn with(policy: Policy) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(dir.path(), policy).unwrap();
        Self { dir, inbox }
    }

    fn begin(&self, items: &[Item]) -> Result<Incoming, Refusal> {
        self.inbox.begin(self.inbox.plan(&offer(items), None, true)?)
    }

    /// Receives one file as an honest peer sends it.
    fn receive(&self, name: &str, content: &[u8]) -> Result<Saved, Refusal> {
        let size = content.len() as u64;
        let incoming = self.begin(&[item(name, ItemKind::File, Some(size))])?;
        incoming.register(&part(0, [file(name, size)]))?;
        if !content.is_empty() {
            incoming.write(0, 0, content)?;
        }
        let saved = incoming.commit_all(1, size).inspect_err(|_| {
            incoming.discard(Rest::Removed);
        });
        Ok(saved?.remove(0))
    }

    /// Everything in the directory, hidden or not: content of files, nothing for folders, the
    /// target of links.
    fn tree(&self) -> BTreeMap<String, Option<String>> {
        fn walk(root: &Path, at: &Path, found: &mut BTreeMap<String, Option<String>>) {
            for entry in fs::read_dir(at).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                let kind = path.symlink_metadata().unwrap().file_type();
                if kind.is_dir() {
                    found.insert(name, None);
                    walk(root, &path, found);
                } else if kind.is_symlink() {
                    found.insert(name, Some(format!("-> {}", path.read_link().unwrap().display())));
                } else if kind.is_file() {
                    found.insert(
                        name,
                        Some(String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()),
                    );
                } else {
                    found.insert(name, Some("special".to_owned()));
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(self.dir.path(), self.dir.path(), &mut found);
        found
    }

    fn is_empty(&self) -> bool {
        self.tree().is_empty()
    }
}

fn tree(entries: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    entries.iter().map(|(name, content)| ((*name).to_owned(), content.map(str::to_owned))).collect()
}

/// Hidden things in a directory, those with this ending.
fn hidden(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = names
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(".pinhole-") && name.ends_with(ending)
        })
        .collect();
    found.sort();
    found
}

/// The one of them.
fn the(dir: &Path, ending: &str) -> PathBuf {
    let mut found = hidden(dir, ending);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn text(text: &str) -> PeerText {
    PeerText::new(text.to_owned())
}

fn item(name: &str, kind: ItemKind, size: Option<u64>) -> Item {
    Item { name: text(name), kind, size, exact: None }
}

/// An offer that is still being counted.
fn offer(items: &[Item]) -> Offer {
    SAID.with_borrow_mut(|said| {
        said.items = items.iter().map(|item| item.name.raw().to_owned()).collect();
        said.folders.clear();
    });
    Offer {
        item: ItemId(1),
        items: items.to_vec(),
        bytes: 0,
        entries: 0,
        counted: false,
        allocated: None,
    }
}

thread_local! {
    /// Items that the sender of this test has named, and the numbers of its folders.
    static SAID: RefCell<Said> = RefCell::default();
}

#[derive(Default)]
struct Said {
    items: Vec<String>,
    folders: HashMap<String, u32>,
}

/// An entry as a test names it, by its path.
#[derive(Clone, Debug)]
struct Entry {
    path: String,
    kind: EntryKind,
    size: Option<u64>,
    mode: Option<u16>,
    modified: Option<i64>,
    modified_nanos: u32,
    target: Option<String>,
}

fn entry(path: &str, kind: EntryKind, size: Option<u64>) -> Entry {
    Entry {
        path: path.to_owned(),
        kind,
        size,
        mode: None,
        modified: None,
        modified_nanos: 0,
        target: None,
    }
}

fn link(path: &str, target: &str) -> Entry {
    Entry { target: Some(target.to_owned()), ..entry(path, EntryKind::Link, None) }
}

fn file(path: &str, size: u64) -> Entry {
    entry(path, EntryKind::File, Some(size))
}

fn folder(path: &str) -> Entry {
    entry(path, EntryKind::Folder, None)
}

fn stream(path: &str) -> Entry {
    entry(path, EntryKind::File, None)
}

/// A part: each entry with its place in the offer, or with its name and the number of its folder,
/// one that never came if it is not said.
fn part(first: u32, entries: impl IntoIterator<Item = Entry>) -> Part {
    let entries = (first..).zip(entries).map(|(number, entry)| {
        SAID.with_borrow_mut(|said| {
            let placed = match entry.path.rsplit_once('/') {
                None => {
                    let place = said.items.iter().position(|item| *item == entry.path);
                    Wire::of_item(
                        place.map_or(u32::MAX, |place| u32::try_from(place).unwrap()),
                        entry.kind,
                    )
                }
                Some((folder, name)) => {
                    let folder = said.folders.get(folder).copied().unwrap_or(u32::MAX);
                    Wire::inside(folder, PeerName::new(name.as_bytes().to_vec()), entry.kind)
                }
            };
            if entry.kind == EntryKind::Folder {
                said.folders.insert(entry.path, number);
            }
            let Entry { size, mode, modified, modified_nanos, target, .. } = entry;
            Wire {
                size,
                mode,
                modified,
                modified_nanos,
                target: target.map(|target| PeerName::new(target.into_bytes())),
                ..placed
            }
        })
    });
    Part { item: ItemId(1), first, entries: entries.collect() }
}

impl Incoming {
    /// Commits what an honest sender has sent whole, and hears of.
    fn commit_all(&self, entries: u32, bytes: u64) -> Result<Vec<Saved>, Refusal> {
        let committed = self.commit_counted(entries, bytes, &Differences::default())?;
        committed.unheard.into_iter().for_each(Unheard::heard);
        Ok(committed.items)
    }
}

/// These permissions, less the umask of the tests.
fn masked(mode: u32) -> u32 {
    let dir = tempfile::tempdir().unwrap();
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o777)
        .open(dir.path().join("probe"))
        .unwrap();
    file.metadata().unwrap().permissions().mode() & mode
}

/// The reason a peer would be told.
fn reason<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Reason {
    result.unwrap_err().reason
}

/// Content of which no two stretches are alike.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 7) as u8).collect()
}

/// Ends what runs beside when it is dropped, also by a test that fails: whoever waits for that
/// would wait for ever.
struct Stopped<'a>(&'a AtomicBool);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
