//! The relay as a server: sockets around [`crate::pairing`].
//!
//! One task a connection. A connection that waits holds its socket and a few hundred bytes; two
//! that are paired are one task, which forwards. What they decide about each other goes through the
//! hall.

mod bind;
mod connection;
mod forward;
mod hall;
mod http;
mod side;
mod socket;
#[cfg(test)]
mod tests;

pub use bind::BindError;

use crate::counters::{Counters, Moment};
use crate::frames::HEAD;
use crate::limits::RateLimits;
use crate::owner::OwnerKey;
use crate::pool::Pool;
use crate::quotas::{Bucket, Rates, Source};
use crate::settings::Settings;
use crate::source::Proxies;
use axum::Router;
use core::future::{Future, poll_fn};
use core::net::{IpAddr, SocketAddr};
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Poll;
use core::time::Duration;
use hall::Hall;
use pinhole_protocol::handshake::Role;
use pinhole_protocol::limits::RELAY_FRAME;
use pinhole_protocol::rendezvous::{HostToken, Refusal, Request, Verb};
use rand_core::OsRng;
use side::{LINGER, Side};
use socket::Stream;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// Wait of a server that cannot accept, having no file descriptor left.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// Connections of sources over their limits that are served at a time, so that they can be told.
/// Beyond that they are cut.
const TOLD: usize = 64;
/// Longer than any connection lasts.
const FOREVER: Duration = Duration::from_secs(30 * 24 * 3600);
/// In how many parts of the time without a frame that ends a pair its frames are reported: once a
/// minute for an hour.
const BEATS: u32 = 60;

/// State that all connections share.
pub struct Relay {
    pub(crate) hall: Arc<Hall<Side>>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) counters: Arc<Counters>,
    /// Each connection has one of it.
    open: Arc<()>,
    started: Instant,
    pub(crate) proxies: Proxies,
    /// Longest time in which a pair takes nothing.
    pub(crate) inactivity: Duration,
    /// Time of a connection for a message of a handshake.
    pub(crate) patience: Duration,
    upgrade: Duration,
    rates: Mutex<Rates>,
    /// True if its rate holds up honest sources too.
    pub(crate) delays: bool,
    /// Pings, pongs and control messages of a connection a minute.
    pub(crate) control: u64,
    host_tokens: Vec<HostToken>,
    own: bool,
    warned: AtomicBool,
}

/// A relay that listens.
pub struct Server {
    doors: Vec<Door>,
    tls: Option<TlsAcceptor>,
    relay: Arc<Relay>,
    drain: Duration,
}

/// One address, and what is served there.
struct Door {
    listener: TcpListener,
    address: SocketAddr,
    routes: Router,
    metrics: bool,
}

impl Server {
    /// Listens, and accepts once it runs. To be called within a tokio runtime.
    ///
    /// # Errors
    /// If it cannot listen, or the certificate cannot be used.
    pub fn bind(settings: Settings) -> Result<Self, BindError> {
        let tls = settings.tls.as_ref().map(bind::tls).transpose()?;
        let counters = Arc::new(Counters::default());
        let key = settings.owner_key.unwrap_or_else(|| OwnerKey::draw(&mut OsRng));
        let relay = Arc::new(Relay {
            hall: Arc::new(Hall::new(settings.limits.clone(), key, Arc::clone(&counters))),
            pool: Pool::new(RELAY_FRAME + HEAD),
            counters,
            open: Arc::default(),
            started: Instant::now(),
            proxies: Proxies::new(settings.trusted_proxies),
            inactivity: settings.limits.inactivity,
            patience: settings.limits.hold,
            upgrade: settings.limits.upgrade,
            rates: Mutex::new(Rates::new(settings.rates)),
            delays: settings.rates.bytes < RateLimits::OWN.bytes,
            control: settings.limits.control,
            host_tokens: settings.host_tokens,
            own: settings.own,
            warned: AtomicBool::new(false),
        });
        // On a relay that anybody may use, metrics are the operator's; on a host's own they are
        // about one channel.
        let everywhere = http::routes(
            &relay,
            settings.metrics.is_none() && !settings.limits.public && !settings.own,
        );
        let metrics = http::metrics_routes(&relay);
        let mut doors = Vec::new();
        let all = settings.listen.iter().map(|address| (address, &everywhere, false));
        for (address, routes, is_metrics) in
            all.chain(settings.metrics.iter().map(|address| (address, &metrics, true)))
        {
            let listener = bind::listen(*address, &settings.listen)?;
            let address =
                listener.local_addr().map_err(|error| BindError::Listen(*address, error))?;
            doors.push(Door { listener, address, routes: routes.clone(), metrics: is_metrics });
        }
        Ok(Self { doors, tls, relay, drain: settings.drain })
    }

    /// Its addresses, with the ports that it has.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.doors.iter().filter(|door| !door.metrics).map(|door| door.address).collect()
    }

    /// The address of its metrics, if they have a port of their own.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.doors.iter().find(|door| door.metrics).map(|door| door.address)
    }

    /// Serves until `stop` is over; then who waits is sent away, pairs may go on for a while, and
    /// everybody who is left is sent away too. If the future is dropped, all connections are.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        tokio::select! {
            () = self.serve(&mut connections, false) => {}
            () = stop => {}
        }
        // Whoever comes now may already reach the relay after this one. Metrics go on to the end.
        self.doors.retain(|door| door.metrics);
        self.relay.hall.drain();
        let _ = timeout(self.drain, self.serve(&mut connections, true)).await;
        self.relay.hall.end();
        // Paired sides have some time to take what is left for them, and then some to go.
        let _ = timeout(LINGER.saturating_mul(2), self.serve(&mut connections, true)).await;
    }

    /// Serves for ever, or until the last connection has ended.
    async fn serve(&self, connections: &mut JoinSet<()>, ending: bool) {
        let told = Arc::new(Semaphore::new(TOLD));
        let mut tick = pin!(self.relay.hall.tick());
        let mut exhausted = false;
        while !(ending && connections.is_empty()) {
            tokio::select! {
                () = &mut tick => {}
                Some(_) = connections.join_next() => {}
                accepted = accept(&self.doors) => {
                    let was = exhausted;
                    exhausted = accepted.as_ref().is_err_and(is_exhausted);
                    if let Ok((stream, peer, door)) = accepted {
                        self.greet(connections, &told, stream, peer.ip().to_canonical(), door);
                    }
                    if exhausted {
                        if !was {
                            tracing::warn!(
                                target: "pinhole_relay",
                                event = "exhausted",
                                "the system has no resources left for another connection"
                            );
                        }
                        sleep(EXHAUSTED).await;
                    }
                }
            }
        }
    }

    /// Begins to serve a connection.
    fn greet(
        &self,
        connections: &mut JoinSet<()>,
        told: &Arc<Semaphore>,
        stream: TcpStream,
        peer: IpAddr,
        door: &Door,
    ) {
        let relay = Arc::clone(&self.relay);
        let open = Arc::clone(&relay.open);
        relay.counters.accepted.inc();
        // A proxy names the source in the request alone.
        let admission =
            if relay.proxies.contain(peer) { None } else { Some(relay.hall.admit(peer.into())) };
        let (admission, permit) = match admission {
            None => (None, None),
            Some(Ok(admission)) => (Some(admission), None),
            Some(Err(_)) => match Arc::clone(told).try_acquire_owned() {
                Ok(permit) => (None, Some(permit)),
                Err(_) => return,
            },
        };
        bind::prepare(&stream);
        let (tls, routes) = (self.tls.clone().filter(|_| !door.metrics), door.routes.clone());
        connections.spawn(async move {
            // In a box, so that it takes no room from there on.
            let request = Box::pin(timeout(relay.upgrade, async {
                let stream = match tls {
                    Some(tls) => Stream::Tls(Box::new(tls.accept(stream).await.ok()?)),
                    None => Stream::Plain(stream),
                };
                http::serve(&relay, routes, stream, peer, admission, open).await
            }));
            let side = request.await.ok().flatten();
            drop((permit, relay));
            if let Some(side) = side {
                side.live().await;
            }
        });
    }
}

/// The next connection at any of the doors.
async fn accept(doors: &[Door]) -> io::Result<(TcpStream, SocketAddr, &Door)> {
    poll_fn(|cx| {
        for door in doors {
            if let Poll::Ready(accepted) = door.listener.poll_accept(cx) {
                return Poll::Ready(accepted.map(|(stream, peer)| (stream, peer, door)));
            }
        }
        Poll::Pending
    })
    .await
}

/// True if accepting failed for want of something, not because of that connection.
fn is_exhausted(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

impl Relay {
    /// Counts of everything at this moment.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            population: self.hall.population(),
            connections: Arc::strong_count(&self.open).saturating_sub(1),
            buffered: self.pool.held(),
            uptime: self.started.elapsed(),
        }
    }

    /// Charges a sender for frames together of that many bytes: until when it has to wait, if it
    /// has sent too much.
    pub(crate) fn charge(&self, source: Source, frames: u64, bytes: u64) -> Option<Instant> {
        self.rest(self.rates.lock().unwrap_or_else(PoisonError::into_inner).charge(
            self.hall.now(),
            source,
            frames,
            bytes,
        ))
    }

    /// The same for a ping, a pong or a control message, of which each connection may send so many.
    pub(crate) fn charge_control(&self, control: &mut Bucket) -> Option<Instant> {
        self.rest(control.take(self.hall.now(), 1))
    }

    fn rest(&self, delay: Duration) -> Option<Instant> {
        // A sleep of no time is one of up to a millisecond.
        if delay.is_zero() {
            return None;
        }
        self.counters.delayed.inc();
        Instant::now().checked_add(delay.min(FOREVER))
    }

    /// True if the pairing is due to learn again that a connection is alive. `told` is the time of
    /// the last report, and is set to now if one is due.
    pub(crate) fn is_time(&self, told: &mut Instant) -> bool {
        let due = told.elapsed() >= self.inactivity.checked_div(BEATS).unwrap_or_default();
        if due {
            *told = Instant::now();
        }
        due
    }

    /// Refuses a request that has to show a host token and does not (SPEC 10.1).
    pub(crate) fn admits(&self, request: &Request) -> Result<(), Refusal> {
        let shows = match request.verb {
            Verb::Host | Verb::HostAgain(..) => self.own || !self.host_tokens.is_empty(),
            Verb::Link(_, Role::Host) => self.own,
            Verb::Link(_, Role::Joiner) | Verb::Join(_) => false,
        };
        // All are compared, so that the time says nothing of which it is.
        let known = request.host_token.as_ref().is_some_and(|token| {
            self.host_tokens.iter().fold(false, |known, other| known | other.is(token))
        });
        if known || !shows { Ok(()) } else { Err(Refusal::Token) }
    }

    /// Says once that there is a proxy which is not trusted.
    pub(crate) fn warn_of_proxy(&self) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: "pinhole_relay",
                event = "untrusted_proxy",
                "requests come through a proxy that is not trusted, so everybody behind it \
                 shares one source's limits; name it with --trusted-proxy"
            );
        }
    }
}
