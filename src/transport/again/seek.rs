//! Looking for the other side of a conversation while a link is needed (SPEC 6.1).

use super::handshake::{Confirmed, Side};
use super::listen::{knock, shake};
use super::{Made, Need};
use crate::events::Path;
use crate::transport::direct::{Dialled, dial as connect};
use crate::transport::relay::{Access, Meeting};
use pinhole_protocol::limits::{LINK_MESSAGE_TIME, LINK_USE_TIME};
use pinhole_protocol::rendezvous::Opening;
use rand_core::{OsRng, RngCore};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// The pause after the first try that failed; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The place of a conversation's links at a relay: one link at a time is sought.
const PLACE: u8 = 0;

/// Makes links by `attempt` whenever one is needed, with pauses that grow, until nobody wants any.
pub(super) async fn seek<F: Future<Output = Option<Made>> + Send>(
    mut need: watch::Receiver<Need>,
    made: mpsc::Sender<Made>,
    attempt: impl Fn() -> F + Send,
) {
    while need.wait_for(|need| need.link).await.is_ok() {
        let mut pause = FIRST_PAUSE;
        let mut none_needed = need.clone();
        let tries = async {
            loop {
                if let Some(link) = attempt().await {
                    if made.send(link).await.is_err() {
                        return;
                    }
                    // It comes into use in this time, or another is needed.
                    sleep(LINK_USE_TIME).await;
                    pause = FIRST_PAUSE;
                }
                sleep(jittered(pause)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        tokio::select! {
            () = tries => return,
            met = none_needed.wait_for(|need| !need.link) => if met.is_err() { return },
        }
    }
}

/// Between a half and the whole of a pause, so that many that were cut at once do not come back at
/// once.
fn jittered(pause: Duration) -> Duration {
    let half = pause / 2;
    half + half.mul_f64(f64::from(OsRng.next_u32()) / f64::from(u32::MAX))
}

/// Dials the host at all of its addresses, one after another.
pub(super) async fn dial(side: Arc<Side>, host: Arc<Dialled>) -> Option<Made> {
    for address in host.addresses().await {
        let opening = Opening::Link(side.token());
        let met = timeout(LINK_MESSAGE_TIME, async {
            let mut socket = connect(address, opening).await.ok()?;
            match knock(&mut socket).await? {
                Opening::Link(token) => side.take(token).then_some(socket),
                Opening::Code => None,
            }
        });
        if let Ok(Some(socket)) = met.await
            && let Some(link) = shake(socket, &side).await
        {
            return Some(link);
        }
    }
    None
}

/// Waits for the other side at a relay.
pub(super) async fn meet(side: Arc<Side>, access: Access) -> Option<Made> {
    let slot = side.resume.slot(PLACE);
    let mut meeting = Meeting::wait(&access, slot, side.role).await.ok()??;
    let Confirmed { index, linked, keys } = side.handshake(&mut meeting).await?;
    let socket = meeting.into_stream().ok()?;
    Some(Made { index, linked, socket, path: Path::Relay, keys })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::time::{Instant, advance};

    /// Tries that fail, counted.
    fn failing() -> (Arc<AtomicUsize>, impl Fn() -> std::future::Ready<Option<Made>> + Send) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let attempt = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            std::future::ready(None)
        };
        (count, attempt)
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_tried_unless_a_link_is_needed_and_then_at_once() {
        let (told, need) = watch::channel(Need::default());
        let (made, _links) = mpsc::channel(1);
        let (count, attempt) = failing();
        let seeking = tokio::spawn(seek(need, made, attempt));
        sleep(Duration::from_secs(60)).await;
        assert_eq!(count.load(Ordering::Relaxed), 0);
        told.send_replace(Need { link: true, linked: false });
        sleep(Duration::from_millis(1)).await;
        assert_eq!(count.load(Ordering::Relaxed), 1);
        told.send_replace(Need::default());
        sleep(Duration::from_secs(60)).await;
        assert_eq!(count.load(Ordering::Relaxed), 1);
        // The next loss is another: it is not waited for as long as the last was.
        told.send_replace(Need { link: true, linked: false });
        sleep(FIRST_PAUSE + Duration::from_millis(1)).await;
        assert!(count.load(Ordering::Relaxed) >= 3);
        // Whoever needed it has gone.
        drop(told);
        assert!(seeking.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_five_seconds() {
        let (_told, need) = watch::channel(Need { link: true, linked: false });
        let (made, _links) = mpsc::channel(1);
        let (count, attempt) = failing();
        let _seeking = tokio::spawn(seek(need, made, attempt));
        let began = Instant::now();
        let mut longest = Duration::ZERO;
        let mut last = began;
        let mut seen = 0;
        while began.elapsed() < Duration::from_secs(60) {
            advance(Duration::from_millis(20)).await;
            tokio::task::yield_now().await;
            let now = count.load(Ordering::Relaxed);
            if now > seen {
                longest = longest.max(last.elapsed());
                (seen, last) = (now, Instant::now());
            }
        }
        assert!((16..=40).contains(&seen), "{seen}");
        assert!(longest <= LONGEST_PAUSE + Duration::from_millis(60), "{longest:?}");
    }
}
