//! Counting what is in folders while a code is waiting, so that the offer can say "at least 12.3 GB, still counting".

use super::rules::Rules;
use super::selection::Chosen;
use super::skipped::SkipList;
use super::walk::Walk;
use pinhole_protocol::wire::EntryKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// What the folders of a selection hold, as far as they are counted.
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

    /// Whether that is all. Ask this first: what is read after it was true is the whole.
    #[must_use]
    pub fn done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Begins, unless begun before. Without a thread to be had, nothing is counted, and the offer says so.
    pub(super) fn begin(self: &Arc<Self>, folders: Arc<[Chosen]>, rules: Arc<Rules>) {
        if !self.begun.swap(true, Ordering::Relaxed) {
            let counted = Arc::clone(self);
            let _uncounted = std::thread::Builder::new().name("count".into()).spawn(move || counted.count(Walk::new(folders, rules)));
        }
    }

    /// Ends the counting, if it is going on.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn count(&self, mut walk: Walk) {
        let skips = SkipList::default();
        // What ends the walk early will be said when it is walked for sending.
        while let Ok(found) = walk.next(&skips, &self.stop) {
            let Some(found) = found else {
                self.done.store(!self.stop.load(Ordering::Relaxed), Ordering::Release);
                return;
            };
            self.entries.fetch_add(1, Ordering::Relaxed);
            if found.kind == EntryKind::File {
                self.bytes.fetch_add(found.stamp.size, Ordering::Relaxed);
            }
        }
    }
}
