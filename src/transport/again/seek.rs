//! Looking for the other side of a conversation while a link is needed (SPEC 6.1).

use super::handshake::{Confirmed, Side};
use super::listen::shake;
use super::{Made, Route, Wanted};
use crate::events::Path;
use crate::settings::Network;
use crate::transport::addresses::dialable;
use crate::transport::direct::{Dialled, dial as connect, read_opening};
use crate::transport::relay::{self, Access};
use pinhole_protocol::limits::LINK_MESSAGE_TIME;
use pinhole_protocol::rendezvous::Opening;
use rand_core::{OsRng, RngCore};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// The pause after the first try that failed; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The time in which a link is in use where all is well; after it another is tried beside it.
const USE_TIME: Duration = Duration::from_secs(1);
/// The place at a relay of a link that is needed. The first beside one that works has it too.
const PLACE: u8 = 0;

/// A way to the other side, tried until it leads there.
pub(super) trait Try: Send {
    /// A connection on which both sides have met.
    type Met: Send;
    /// The time that other ways have before it.
    const AFTER: Duration = Duration::ZERO;
    /// True if the peer may be there, and is wanted.
    fn is_wanted(&self, wanted: &Wanted) -> bool {
        wanted.need.link
    }
    /// True while a try that has begun may go on.
    fn is_still_wanted(&self, wanted: &Wanted) -> bool {
        self.is_wanted(wanted)
    }
    /// Tries to meet the other side. It may be given up at any moment.
    fn meet(&self) -> impl Future<Output = Option<Self::Met>> + Send;
    /// Shakes hands there. Once begun it is not given up: the other side may have confirmed.
    fn shake(&self, met: Self::Met) -> impl Future<Output = Option<Made>> + Send;
}

/// Makes links by this way whenever one is needed, with pauses that grow, until nobody wants any.
pub(super) async fn seek<T: Try>(
    mut wanted: watch::Receiver<Wanted>,
    made: mpsc::Sender<Made>,
    way: T,
) {
    while wanted.wait_for(|wanted| way.is_wanted(wanted)).await.is_ok() {
        let mut pause = FIRST_PAUSE;
        let mut wait = T::AFTER;
        loop {
            tokio::select! {
                () = sleep(wait) => {}
                none = wanted.wait_for(|wanted| !way.is_wanted(wanted)) => match none {
                    Ok(_) => break,
                    Err(_) => return,
                },
            }
            let met = tokio::select! {
                met = way.meet() => met,
                none = wanted.wait_for(|wanted| !way.is_still_wanted(wanted)) => match none {
                    Ok(_) => break,
                    Err(_) => return,
                },
            };
            let link = match met {
                Some(met) => way.shake(met).await,
                None => None,
            };
            wait = match link {
                // It is in use soon, or another is made beside it.
                Some(link) => {
                    if made.send(link).await.is_err() {
                        return;
                    }
                    pause = FIRST_PAUSE;
                    USE_TIME
                }
                None => {
                    let wait = jittered(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    wait
                }
            };
        }
    }
}

/// Between a half and the whole of a pause, so that many that were cut at once do not come back at
/// once.
fn jittered(pause: Duration) -> Duration {
    let half = pause / 2;
    half + half.mul_f64(f64::from(OsRng.next_u32()) / f64::from(u32::MAX))
}

/// Dials the host where it was met, or where its name leads by now.
pub(super) struct Dialling {
    pub(super) side: Arc<Side>,
    pub(super) host: Dialled,
}

impl Try for Dialling {
    type Met = TcpStream;

    async fn meet(&self) -> Option<TcpStream> {
        if let Some(socket) = knock(&self.side, self.host.address).await {
            return Some(socket);
        }
        // Its name may lead elsewhere by now.
        for address in timeout(LINK_MESSAGE_TIME, self.host.looked_up()).await.ok()? {
            if let Some(socket) = knock(&self.side, address).await {
                return Some(socket);
            }
        }
        None
    }

    async fn shake(&self, met: TcpStream) -> Option<Made> {
        shake_there(met, &self.side).await
    }
}

/// Dials an address at which the peer says that it listens.
pub(super) struct Knocking {
    pub(super) side: Arc<Side>,
    pub(super) address: SocketAddr,
    pub(super) network: Network,
}

impl Try for Knocking {
    type Met = TcpStream;
    const AFTER: Duration = FIRST_PAUSE;

    fn is_wanted(&self, wanted: &Wanted) -> bool {
        wanted.need.link && wanted.places.contains(&self.address)
    }

    async fn meet(&self) -> Option<TcpStream> {
        // This machine may be on other networks by now.
        if !dialable(self.address.ip(), self.network) {
            return None;
        }
        knock(&self.side, self.address).await
    }

    async fn shake(&self, met: TcpStream) -> Option<Made> {
        shake_there(met, &self.side).await
    }
}

/// Dials the other side where this side has dialled it for a link that works, for another beside
/// that.
pub(super) struct Beside {
    pub(super) side: Arc<Side>,
    pub(super) address: SocketAddr,
    /// Its number among all who do so: it begins if so many links are wished, and one more. It goes
    /// on while others are there sooner, or the last of a step would always begin again.
    pub(super) number: usize,
}

impl Try for Beside {
    type Met = TcpStream;

    fn is_wanted(&self, wanted: &Wanted) -> bool {
        wanted.wishes(self.number, &Route::To(self.address))
    }

    fn is_still_wanted(&self, wanted: &Wanted) -> bool {
        wanted.wishes(0, &Route::To(self.address))
    }

    async fn meet(&self) -> Option<TcpStream> {
        knock(&self.side, self.address).await
    }

    async fn shake(&self, met: TcpStream) -> Option<Made> {
        shake_there(met, &self.side).await
    }
}

/// Shakes hands where this side has dialled.
async fn shake_there(met: TcpStream, side: &Side) -> Option<Made> {
    let route = Route::To(met.peer_addr().ok()?);
    shake(met, route, side).await
}

/// Dials an address, and shows and sees a token there.
async fn knock(side: &Side, address: SocketAddr) -> Option<TcpStream> {
    if side.avoids(&Route::To(address)) {
        return None;
    }
    let opening = Opening::Link(side.token());
    let dialled = async {
        let mut socket = connect(address, opening).await.ok()?;
        match read_opening(&mut socket).await? {
            Opening::Link(token) => side.take(token).then_some(socket),
            Opening::Code => None,
        }
    };
    timeout(LINK_MESSAGE_TIME, dialled).await.ok()?
}

/// Waits for the other side at a relay.
pub(super) struct Waiting {
    pub(super) side: Arc<Side>,
    pub(super) access: Access,
    /// For a link beside one that works, the number as in [`Beside`], which is its place.
    pub(super) beside: Option<usize>,
}

impl Try for Waiting {
    type Met = relay::Meeting;

    fn is_wanted(&self, wanted: &Wanted) -> bool {
        match self.beside {
            Some(number) => wanted.wishes(number, &Route::through(&self.access)),
            None => wanted.need.link,
        }
    }

    fn is_still_wanted(&self, wanted: &Wanted) -> bool {
        match self.beside {
            Some(_) => wanted.wishes(0, &Route::through(&self.access)),
            None => wanted.need.link,
        }
    }

    async fn meet(&self) -> Option<relay::Meeting> {
        if self.side.avoids(&Route::through(&self.access)) {
            return None;
        }
        let place = self.beside.map_or(Some(PLACE), |number| u8::try_from(number).ok())?;
        relay::Meeting::wait(&self.access, self.side.resume.slot(place), self.side.role).await
    }

    async fn shake(&self, mut met: relay::Meeting) -> Option<Made> {
        let Confirmed { index, keys, claim } = self.side.handshake(&mut met).await?;
        let delays = met.delays();
        let socket = met.into_stream()?;
        let route = Some(Route::through(&self.access));
        Some(Made { index, socket, path: Path::Relay, delays, route, keys, claim })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::again::Need;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::time::{Instant, advance};

    fn needed() -> Wanted {
        Wanted { need: Need { link: true, ..Need::default() }, ..Wanted::default() }
    }

    /// Tries that fail, counted.
    #[derive(Clone, Default)]
    struct Failing(Arc<AtomicUsize>);

    impl Try for Failing {
        type Met = ();

        async fn meet(&self) -> Option<()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            None
        }
        async fn shake(&self, (): ()) -> Option<Made> {
            None
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_tried_unless_a_link_is_needed_and_then_at_once() {
        let (told, need) = watch::channel(Wanted::default());
        let (made, _links) = mpsc::channel(1);
        let Failing(count) = &Failing::default();
        let seeking = tokio::spawn(seek(need, made, Failing(Arc::clone(count))));
        sleep(Duration::from_secs(60)).await;
        assert_eq!(count.load(Ordering::Relaxed), 0);
        told.send_replace(needed());
        sleep(Duration::from_millis(1)).await;
        assert_eq!(count.load(Ordering::Relaxed), 1);
        told.send_replace(Wanted::default());
        sleep(Duration::from_secs(60)).await;
        assert_eq!(count.load(Ordering::Relaxed), 1);
        // The next loss is another: it is not waited for as long as the last was.
        told.send_replace(needed());
        sleep(FIRST_PAUSE + Duration::from_millis(1)).await;
        assert!(count.load(Ordering::Relaxed) >= 3);
        // Whoever needed it has gone.
        drop(told);
        assert!(seeking.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_five_seconds() {
        let (_told, need) = watch::channel(needed());
        let (made, _links) = mpsc::channel(1);
        let Failing(count) = &Failing::default();
        let _seeking = tokio::spawn(seek(need, made, Failing(Arc::clone(count))));
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
