//! The program's source of time: one clock that goes on while the machine sleeps.

use crate::platform;
use pinhole_protocol::time::Instant;
use std::time::Duration;

/// A sleep is never longer than this, because the timers of the event loop stand still while the
/// machine sleeps.
const NAP: Duration = Duration::from_secs(30);

/// Waits until `moment`, at most half a minute longer where the machine slept meanwhile; for ever
/// if there is none.
pub async fn sleep_until(moment: Option<Instant>) {
    loop {
        let left = moment.map_or(NAP, |moment| moment.since(now()));
        if left.is_zero() {
            return;
        }
        // Rounded up, or the clock would be a fraction of a millisecond short of the moment.
        tokio::time::sleep(left.min(NAP) + Duration::from_millis(1)).await;
    }
}

/// Now, on the clock that counts from the machine's start and also while it sleeps, so that the
/// hour of a channel is a real hour.
#[must_use]
pub fn now() -> Instant {
    let up = platform::clock::since_boot();
    Instant::from_millis(
        up.as_secs().saturating_mul(1000).saturating_add(u64::from(up.subsec_millis())),
    )
}
