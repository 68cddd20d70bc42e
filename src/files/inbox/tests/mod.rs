//! The inbox from outside, on real directories: what each test needs of a peer is here.

mod bounds;
mod disk;
mod existing;
mod hostile;
mod whole;

use super::*;
use crate::files::name::FileName;
use pinhole_protocol::wire::{Entry, EntryKind, Item, ItemId, ItemKind, Offer, PeerText, Reason};
use std::collections::BTreeMap;
use std::fs;
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
        self.inbox.begin(self.inbox.plan(&offer(items), None)?)
    }

    /// Receives one file as an honest peer sends it.
    fn receive(&self, name: &str, content: &[u8]) -> Result<Saved, Refusal> {
        let size = content.len() as u64;
        let incoming = self.begin(&[item(name, ItemKind::File, Some(size))])?;
        incoming.register(&part(0, [file(name, size)]))?;
        if !content.is_empty() {
            incoming.write(0, 0, content)?;
        }
        Ok(incoming.commit_counted(1, size)?.remove(0))
    }

    /// Everything in the directory, hidden or not: content of files, nothing for folders, the target of links.
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
                    found.insert(name, Some(String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()));
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

fn text(text: &str) -> PeerText {
    PeerText::new(text.to_owned())
}

fn item(name: &str, kind: ItemKind, size: Option<u64>) -> Item {
    Item { name: text(name), kind, size }
}

/// An offer that is still being counted.
fn offer(items: &[Item]) -> Offer {
    Offer { item: ItemId(1), items: items.to_vec(), bytes: 0, entries: 0, counted: false }
}

fn entry(path: &str, kind: EntryKind, size: Option<u64>) -> Entry {
    let path = path.split('/').map(text).collect();
    Entry { path, kind, size, executable: false, modified: None, modified_nanos: 0 }
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

fn part(first: u32, entries: impl IntoIterator<Item = Entry>) -> Part {
    Part { item: ItemId(1), first, entries: entries.into_iter().collect() }
}

/// The reason a peer would be told.
fn reason<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Reason {
    result.unwrap_err().reason
}

/// Content of which no two stretches are alike.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 7) as u8).collect()
}
