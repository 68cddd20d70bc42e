//! Buffers for what is being forwarded: none for an idle connection, a large one while data flows,
//! all of them within a bound.
//!
//! Large ones are pages of the system's: given back, they are gone from the process, and what of
//! one was never filled never was there.

use core::fmt;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicUsize, Ordering};
use memmap2::MmapMut;
use std::sync::{Arc, Mutex, PoisonError};

/// Enough for everything before two sides are paired, and for what idle pairs say.
pub const SMALL: usize = 4096;
/// Most bytes held in each direction of a pair (SPEC 10.7).
pub const LARGE: usize = 256 * 1024;
/// Large buffers in use at a time, 2 MiB. Sides that do not read hold theirs, so newcomers get
/// smaller ones beyond that and never wait for them.
const MOST: usize = 8;
/// Large buffers that are kept for the next, so that a pause in a transfer costs no page faults.
const KEPT: usize = 8;

/// The source of buffers, to which they go back.
pub struct Pool {
    /// A buffer beyond the bound holds one frame, as long as it may be.
    frame: usize,
    free: Mutex<Vec<MmapMut>>,
    large: AtomicUsize,
    held: AtomicUsize,
}

/// A buffer that goes back when it is dropped.
pub struct Buffer {
    bytes: Bytes,
    pool: Arc<Pool>,
}

/// The memory of a buffer.
enum Bytes {
    Heap(Box<[u8]>),
    Pages(MmapMut),
}

impl Bytes {
    fn heap(length: usize) -> Self {
        Self::Heap(vec![0; length].into())
    }

    /// On the heap if the system has no pages for us.
    fn pages(length: usize) -> Self {
        MmapMut::map_anon(length).map_or_else(|_| Self::heap(length), Self::Pages)
    }
}

impl Pool {
    /// A pool for frames of up to `frame` bytes, their heads included.
    #[must_use]
    pub fn new(frame: usize) -> Arc<Self> {
        Arc::new(Self {
            frame,
            free: Mutex::default(),
            large: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
        })
    }

    /// Bytes of all buffers in use.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// A buffer of [`SMALL`] bytes.
    #[must_use]
    pub fn small(self: &Arc<Self>) -> Buffer {
        self.lend(Bytes::heap(SMALL))
    }

    /// A buffer of [`LARGE`] bytes, or one for a single frame if too many are in use.
    #[must_use]
    pub fn large(self: &Arc<Self>) -> Buffer {
        if self.large.fetch_add(1, Ordering::Relaxed) >= MOST {
            self.large.fetch_sub(1, Ordering::Relaxed);
            return self.lend(Bytes::pages(self.frame));
        }
        let kept = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        self.lend(kept.map_or_else(|| Bytes::pages(LARGE), Bytes::Pages))
    }

    fn lend(self: &Arc<Self>, bytes: Bytes) -> Buffer {
        let buffer = Buffer { bytes, pool: Arc::clone(self) };
        self.held.fetch_add(buffer.len(), Ordering::Relaxed);
        buffer
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let length = self.len();
        self.pool.held.fetch_sub(length, Ordering::Relaxed);
        if length != LARGE {
            return;
        }
        self.pool.large.fetch_sub(1, Ordering::Relaxed);
        if let Bytes::Pages(pages) =
            core::mem::replace(&mut self.bytes, Bytes::Heap(Box::default()))
        {
            let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < KEPT {
                free.push(pages);
            }
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Heap(bytes) => bytes,
            Bytes::Pages(pages) => pages,
        }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.bytes {
            Bytes::Heap(bytes) => bytes,
            Bytes::Pages(pages) => pages,
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The traffic of people is in no log.
        f.write_str("Buffer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted_and_given_back() {
        let pool = Pool::new(70_000);
        let (small, large) = (pool.small(), pool.large());
        assert_eq!((small.len(), large.len(), pool.held()), (SMALL, LARGE, SMALL + LARGE));
        drop((small, large));
        assert_eq!(pool.held(), 0);
    }

    #[test]
    fn what_is_large_goes_back_to_the_system() {
        let pool = Pool::new(70_000);
        // On a heap it would stay, split and kept, for as long as the process lives.
        assert!(
            matches!(pool.large().bytes, Bytes::Pages(_))
                && matches!(pool.small().bytes, Bytes::Heap(_))
        );
        pool.large.store(MOST, Ordering::Relaxed);
        assert!(matches!(pool.large().bytes, Bytes::Pages(_)));
    }

    #[test]
    fn beyond_the_bound_a_buffer_holds_one_frame_and_nobody_waits() {
        let pool = Pool::new(70_000);
        let mut buffers: Vec<Buffer> = (0..MOST + 10).map(|_| pool.large()).collect();
        assert_eq!(buffers.iter().filter(|buffer| buffer.len() == 70_000).count(), 10);
        assert_eq!(pool.held(), MOST * LARGE + 10 * 70_000);
        // One that comes back makes room for another large one.
        drop(buffers.drain(..1));
        assert_eq!(pool.large().len(), LARGE);
        drop(buffers);
        assert_eq!((pool.held(), pool.large.load(Ordering::Relaxed)), (0, 0));
        assert_eq!(pool.free.lock().unwrap().len(), KEPT);
    }
}
