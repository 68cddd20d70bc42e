//! A value behind a lock, and tasks that wait until it is as they want it.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A value that tasks wait for.
#[derive(Default)]
pub struct Watched<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T> Watched<T> {
    /// Watches a value.
    pub fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Notify::new() }
    }

    /// The value as it is now. A change by this guard wakes nobody.
    pub fn look(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value to be changed: every waiting task looks again when the guard is gone.
    pub fn change(&self) -> Change<'_, T> {
        Change { value: self.look(), _wake: Wake(&self.changed) }
    }

    /// Waits until `found` finds something, and returns that.
    pub async fn until<R>(&self, mut found: impl FnMut(&mut T) -> Option<R>) -> R {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From now on no change is missed.
            changed.as_mut().enable();
            if let Some(found) = found(&mut self.look()) {
                return found;
            }
            changed.await;
        }
    }

    /// Waits until the value fulfils a condition.
    pub async fn wait(&self, mut holds: impl FnMut(&mut T) -> bool) {
        self.until(|value| holds(value).then_some(())).await;
    }
}

/// The right to change a watched value. Its fields are dropped in this order: unlocked, then woken.
pub struct Change<'a, T> {
    value: MutexGuard<'a, T>,
    _wake: Wake<'a>,
}

struct Wake<'a>(&'a Notify);

impl Drop for Wake<'_> {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

impl<T> Deref for Change<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Change<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_looks_again_at_each_change_and_at_no_look() {
        let watched = Watched::new(0);
        let three = watched.until(|value| (*value == 3).then_some("three"));
        let change = async {
            for _ in 0..3 {
                *watched.change() += 1;
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(tokio::join!(three, change).0, "three");
        *watched.look() = 4;
        watched.wait(|value| *value == 4).await;
    }
}
