//! Where time enters the program: one clock that goes on while the machine sleeps.

use pinhole_protocol::time::Instant;
use rustix::time::{ClockId, clock_gettime};

/// Now, on the clock that counts from the machine's start and also while it sleeps, so that the hour of a channel is a real hour.
#[must_use]
pub fn now() -> Instant {
    let time = clock_gettime(ClockId::Boottime);
    let millis = u64::try_from(time.tv_sec).unwrap_or(0).saturating_mul(1000);
    Instant::from_millis(millis.saturating_add(u64::try_from(time.tv_nsec / 1_000_000).unwrap_or(0)))
}
