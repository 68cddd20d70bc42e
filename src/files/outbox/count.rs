//! Counting what is in folders while a code is waiting, so that the offer can say "at least 12.3
//! GB, still counting". No file is read for it: one whose length only that tells counts as empty
//! until it is sent.

use super::chosen::Chosen;
use super::rules::Rules;
use super::skipped::SkipList;
use super::walk::Walk;
use pinhole_protocol::wire::EntryKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Count of what the folders of a selection hold, so far.
#[derive(Debug, Default)]
pub struct Counted {
    bytes: AtomicU64,
    entries: AtomicU32,
    done: AtomicBool,
    begun: AtomicBool,
    stop: AtomicBool,
}

impl Counted {
    /// Bytes of files found in folders so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Entries found so far, the named folders among them and named files not.
    #[must_use]
    pub fn entries(&self) -> u32 {
        self.entries.load(Ordering::Relaxed)
    }

    /// True once the count is complete. Ask this first: numbers read after it was true are the
    /// whole.
    #[must_use]
    pub fn done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Begins, unless begun before. Without a thread to be had, nothing is counted, and the offer
    /// says so.
    pub(super) fn begin(
        self: &Arc<Self>,
        folders: Arc<[Chosen]>,
        rules: Arc<Rules>,
        faithful: bool,
    ) {
        if !self.begun.swap(true, Ordering::Relaxed) {
            let counted = Arc::clone(self);
            let _uncounted = std::thread::Builder::new()
                .name("count".into())
                .spawn(move || counted.count(Walk::counting(folders, rules, faithful)));
        }
    }

    /// Ends the counting, if it is going on.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// True once it was ended: nothing more comes of it.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    fn count(&self, mut walk: Walk) {
        let skips = SkipList::default();
        // An error that ends the walk early is reported when it is walked for sending.
        while let Ok(found) = walk.next(&skips, &self.stop) {
            let Some(found) = found else {
                self.done.store(!self.stop.load(Ordering::Relaxed), Ordering::Release);
                return;
            };
            self.entries.fetch_add(1, Ordering::Relaxed);
            if found.kind == EntryKind::File {
                self.bytes.fetch_add(found.size, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::outbox::{Options, Selection};

    /// A folder with a file of four bytes, and its selection.
    fn folder() -> (tempfile::TempDir, Selection) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "0123").unwrap();
        let selection =
            Selection::check(&[dir.path().into()], &Options::default(), std::io::empty()).unwrap();
        (dir, selection)
    }

    #[test]
    fn it_is_counted_once_however_often_that_is_asked_for() {
        let (_dir, selection) = folder();
        let (folders, rules) = selection.things().unwrap();
        let counted = Arc::new(Counted::default());
        counted.begin(Arc::clone(&folders), Arc::clone(&rules), true);
        counted.begin(folders, rules, true);
        // Each thread holds it until it ends.
        while Arc::strong_count(&counted) > 1 {
            std::thread::yield_now();
        }
        assert_eq!((counted.done(), counted.entries(), counted.bytes()), (true, 2, 4));
    }

    #[test]
    fn what_is_stopped_is_not_done() {
        let (_dir, selection) = folder();
        let (folders, rules) = selection.things().unwrap();
        let counted = selection.count_in_background(true).unwrap();
        drop(selection);
        assert!(counted.stop.load(Ordering::Relaxed), "the thread ends with the selection");
        let counted = Counted::default();
        counted.stop();
        counted.count(Walk::counting(folders, rules, true));
        assert_eq!((counted.done(), counted.entries()), (false, 0));
    }
}
