//! Time as an argument: milliseconds that the caller reads from a clock which goes on while the
//! machine sleeps.

use core::time::Duration;

/// A moment, in milliseconds since an origin of the caller's choice. Only differences mean
/// anything.
///
/// The protocol never reads a clock: every function that depends on time takes one of these. The
/// program fills it from the boot-time clock, so that the hour of a channel (SPEC 8) also passes
/// while a laptop is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// The moment `millis` milliseconds after the origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the origin.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this moment, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This moment and `wait` more; never wraps.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
    }
}
