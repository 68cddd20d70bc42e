//! Progress notifications for a call that asked for them: how many bytes of its transfers have
//! arrived, which only grows.

use crate::control::Control;
use crate::log::Moved;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::{Peer, RoleServer};
use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::time::{Duration, Instant};

/// Time between two notices of a transfer under way.
const EVERY: Duration = Duration::from_secs(1);

/// Notices of a call's progress.
pub(super) struct Progress {
    to: Option<(Peer<RoleServer>, ProgressToken)>,
    gauge: Gauge,
    told_at: Option<Instant>,
}

/// The bytes of several transfers.
#[derive(Default)]
struct Gauge {
    transfers: BTreeMap<u32, (u64, Option<u64>)>,
    told: Option<u64>,
}

impl Gauge {
    /// The bytes of all transfers that have arrived, and in all if that is known; nothing unless
    /// there are more than were told last.
    fn note(&mut self, id: u32, done: u64, total: Option<u64>) -> Option<(u64, Option<u64>)> {
        self.transfers.insert(id, (done, total));
        let sum = self.transfers.values().map(|(done, _)| *done).fold(0, u64::saturating_add);
        let all: Option<Vec<u64>> = self.transfers.values().map(|(_, total)| *total).collect();
        let all = all.map(|all| all.into_iter().fold(0, u64::saturating_add));
        (self.told.is_none_or(|told| sum > told)).then(|| {
            self.told = Some(sum);
            (sum, all)
        })
    }
}

impl Progress {
    /// For a call that has sent `token`, or none.
    pub(super) fn new(peer: Peer<RoleServer>, token: Option<ProgressToken>) -> Self {
        Self { to: token.map(|token| (peer, token)), gauge: Gauge::default(), told_at: None }
    }

    /// Says that so much of a transfer has arrived.
    pub(super) async fn tell(&mut self, id: u32, done: u64, total: Option<u64>) {
        let Some((peer, token)) = &self.to else { return };
        let Some((sum, all)) = self.gauge.note(id, done, total) else { return };
        self.told_at = Some(Instant::now());
        // Doubles are what the protocol has; beyond 2^53 bytes they are near enough.
        #[allow(clippy::cast_precision_loss, reason = "as said above")]
        let (sum, all) = (sum as f64, all.map(|all| all as f64));
        let mut said = ProgressNotificationParam::new(token.clone(), sum)
            .with_message("bytes that have arrived");
        said.total = all;
        // A client that has gone hears nothing.
        let _ = peer.notify_progress(said).await;
    }

    /// Does something, and says meanwhile how far those transfers of this session come that belong
    /// to it.
    pub(super) async fn beside<T>(
        &mut self,
        session: Option<&Control>,
        doing: impl Future<Output = T>,
        belongs: impl Fn(&Moved) -> bool,
    ) -> T {
        tokio::pin!(doing);
        let mut moved = session.filter(|_| self.to.is_some()).map(|session| session.log().moved());
        loop {
            let next = async {
                let Some(moved) = &mut moved else { return pending().await };
                // Its sender is the session, which is held while this waits.
                if moved.changed().await.is_err() {
                    return pending().await;
                }
                *moved.borrow_and_update()
            };
            tokio::select! {
                biased;
                done = &mut doing => return done,
                moved = next => {
                    let due = self.told_at.is_none_or(|at| at.elapsed() >= EVERY);
                    if let Some(moved) = moved.filter(|moved| due && belongs(moved)) {
                        self.tell(moved.id.0, moved.done, moved.total).await;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_only_grows() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.note(1, 0, Some(10)), Some((0, Some(10))));
        assert_eq!(gauge.note(1, 0, Some(10)), None);
        assert_eq!(gauge.note(2, 5, None), Some((5, None)));
        assert_eq!(gauge.note(1, 10, Some(10)), Some((15, None)));
        assert_eq!(gauge.note(2, 5, Some(5)), None);
        assert_eq!(gauge.note(3, u64::MAX, Some(1)), Some((u64::MAX, Some(16))));
    }
}
