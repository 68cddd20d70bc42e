//! The joiner that holds a number, and for how long (SPEC 10.2).

use super::Connection;
use super::queue::Queued;
use crate::limits::Limits;
use crate::quotas::Source;
use pinhole_protocol::time::Instant;

/// The joiner that has message 1.
#[derive(Clone, Copy)]
pub(super) struct Holder {
    pub(super) connection: Connection,
    pub(super) source: Source,
    since: Instant,
    /// It has sent message 2.
    pub(super) answered: bool,
}

impl Holder {
    pub(super) const fn new(now: Instant, queued: &Queued) -> Self {
        Self { connection: queued.connection, source: queued.source, since: now, answered: false }
    }

    /// The end of its time. Once it has answered, the host judges, and whoever waits is served by
    /// waiting for that.
    pub(super) fn ends(&self, contested: bool, limits: &Limits) -> Instant {
        self.since.after(if contested && !self.answered {
            limits.hold_contested
        } else {
            limits.hold
        })
    }
}
