//! The clock of the system.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Time since the machine was started, on a clock that nobody sets and that goes on while the
/// machine sleeps.
#[must_use]
pub fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
