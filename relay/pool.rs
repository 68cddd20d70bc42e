//! Buffers for what is being forwarded: none for an idle connection, a large one while data flows, all of them within a bound.

use core::fmt;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Enough for everything before two sides are paired, and for what idle pairs say.
pub const SMALL: usize = 4096;
/// What is held in each direction of a pair at most (SPEC 10.7).
pub const LARGE: usize = 256 * 1024;
/// Large buffers in use at a time. Sides that do not read hold theirs, so newcomers get smaller ones beyond that and never wait for them.
const MOST: usize = 1024;
/// Large buffers that are kept for the next, so that a pause in a transfer costs no page faults.
const KEPT: usize = 16;

/// Where buffers come from and go back to.
pub struct Pool {
    /// A buffer beyond the bound holds one frame, as long as it may be.
    frame: usize,
    free: Mutex<Vec<Box<[u8]>>>,
    large: AtomicUsize,
    held: AtomicUsize,
}

/// A buffer that goes back when it is dropped.
pub struct Buffer {
    bytes: Box<[u8]>,
    pool: Arc<Pool>,
}

impl Pool {
    /// A pool for frames of up to `frame` bytes, their heads included.
    #[must_use]
    pub fn new(frame: usize) -> Arc<Self> {
        Arc::new(Self { frame, free: Mutex::default(), large: AtomicUsize::new(0), held: AtomicUsize::new(0) })
    }

    /// Bytes of all buffers in use.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// A buffer of [`SMALL`] bytes.
    #[must_use]
    pub fn small(self: &Arc<Self>) -> Buffer {
        self.lend(vec![0; SMALL].into())
    }

    /// A buffer of [`LARGE`] bytes, or one for a single frame if too many are in use.
    #[must_use]
    pub fn large(self: &Arc<Self>) -> Buffer {
        if self.large.fetch_add(1, Ordering::Relaxed) >= MOST {
            self.large.fetch_sub(1, Ordering::Relaxed);
            return self.lend(vec![0; self.frame].into());
        }
        let kept = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        self.lend(kept.unwrap_or_else(|| vec![0; LARGE].into()))
    }

    fn lend(self: &Arc<Self>, bytes: Box<[u8]>) -> Buffer {
        self.held.fetch_add(bytes.len(), Ordering::Relaxed);
        Buffer { bytes, pool: Arc::clone(self) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.held.fetch_sub(self.bytes.len(), Ordering::Relaxed);
        if self.bytes.len() == LARGE {
            self.pool.large.fetch_sub(1, Ordering::Relaxed);
            let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < KEPT {
                free.push(core::mem::take(&mut self.bytes));
            }
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What people send each other is in no log.
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
