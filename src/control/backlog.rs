//! The limit on things from other commands that the peer has yet to take: one that takes nothing
//! would fill this side's memory.

use crate::files::ware::Ware;
use pinhole_protocol::limits::{WINDOW, WINDOW_SHARE};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes in all: a window of the peer's (SPEC 5.3), and as much again that waits for it.
const MOST: u64 = 2 * WINDOW;
/// Bytes of one file or folder of an offer: its path, and the system's facts about it.
const ITEM_BYTES: u64 = 1 << 10;

/// Bytes that the peer has yet to take.
#[derive(Default)]
pub(super) struct Backlog(Arc<AtomicU64>);

/// The share of one thing, which is free again when nobody has it any more.
#[derive(Clone)]
pub(super) struct Share {
    _bytes: Arc<Bytes>,
}

struct Bytes {
    of: Arc<AtomicU64>,
    bytes: u64,
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Backlog {
    /// A share for each of these, if there is room for all.
    pub(super) fn shares(&self, wares: &[Ware]) -> Option<Vec<Share>> {
        let bytes: Vec<u64> = wares.iter().map(size).collect();
        let all = bytes.iter().fold(0_u64, |sum, bytes| sum.saturating_add(*bytes));
        let fits = |now: u64| now.checked_add(all).filter(|then| *then <= MOST);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        let share = |bytes| Share { _bytes: Arc::new(Bytes { of: Arc::clone(&self.0), bytes }) };
        Some(bytes.into_iter().map(share).collect())
    }
}

fn size(ware: &Ware) -> u64 {
    match ware {
        Ware::Text(text) => WINDOW_SHARE.saturating_add(text.len() as u64),
        Ware::Secret(_, secret) => WINDOW_SHARE.saturating_add(secret.len() as u64),
        Ware::Files(selection) => ITEM_BYTES.saturating_mul(selection.items() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Control, Reading};
    use crate::events::Event;
    use crate::failure::Kind;
    use std::time::Duration;

    fn channel() -> Control {
        Control::sample(Reading::Detached)
    }

    #[tokio::test]
    async fn what_nobody_takes_is_bounded_and_its_room_comes_back() {
        let control = channel();
        let long = || vec![Ware::Text("x".repeat(1 << 20))];
        for _ in 0..2 {
            let mut fates = Vec::new();
            while let Ok(more) = control.send(long()).await {
                fates.push(more);
            }
            assert_eq!(fates.len() as u64, MOST / (WINDOW_SHARE + (1 << 20)));
            assert_eq!(control.send(long()).await.err().unwrap().kind, Kind::Backlog);
            assert!(control.send(vec![Ware::Text("short".into())]).await.is_ok());
            // Whoever sent it has gone, which changes nothing; what it sent has not.
            drop(fates);
            assert!(control.send(long()).await.is_err());
            control.detach();
        }
    }

    #[test]
    fn empty_texts_are_bounded_too() {
        let backlog = Backlog::default();
        let shares: Vec<_> =
            std::iter::from_fn(|| backlog.shares(&[Ware::Text(String::new())])).collect();
        assert_eq!(shares.len() as u64, MOST / WINDOW_SHARE);
    }

    #[tokio::test]
    async fn nothing_is_taken_for_a_conversation_that_is_over_while_its_secrets_wait() {
        let control = channel();
        let (left, take) = (Duration::from_secs(9), String::new());
        control.enter(&Event::Holding { secrets: 1, left, take });
        assert_eq!(
            control.send(vec![Ware::Text("late".into())]).await.err().unwrap().kind,
            Kind::PeerLeft
        );
    }
}
