//! The host's side: listening, up to 16 handshakes pending, and one judge.

use super::pending::Pending;
use super::{confirmed, prepare, read_frame, read_opening, say_and_close};
use crate::events::Path;
use crate::failure::{Advice, Failure, Kind};
use crate::settings::Network;
use crate::settings::agent::forbidden;
use crate::transport::HostEnd;
use pinhole_protocol::handshake::{self, Established, Frame, Judge, Verdict};
use pinhole_protocol::limits::{HANDSHAKE_TIME, PENDING_PER_SOURCE};
use pinhole_protocol::rendezvous::Opening;
use pinhole_protocol::source::Source;
use rand_core::{OsRng, RngCore};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Ports of a host that was not told one: four digits to say, and one range to open in a firewall.
const PORTS: std::ops::RangeInclusive<u16> = 9000..=9999;
/// Ports tried before it is said that none is free. With half of the range taken, all of these fail
/// once in 2^64.
const TRIES: u32 = 64;
/// Connections that the system queues while handshakes are computed.
const BACKLOG: i32 = 128;

/// Between two tries to take a connection when the system has no handle for it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound port, on IPv4 and IPv6 where the machine has both.
pub struct Listener {
    sockets: Vec<TcpListener>,
    port: u16,
}

impl Listener {
    /// Listens on `port`, or on a free one of four digits.
    ///
    /// # Errors
    /// If the address is not this machine's, not allowed here, or no port is to be had.
    pub fn bind(
        network: Network,
        bind: Option<IpAddr>,
        port: Option<u16>,
    ) -> Result<Self, Failure> {
        let addresses = match (bind, network) {
            (Some(ip), network) if network.allows(ip) => vec![ip],
            (Some(ip), _) => {
                return Err(Failure::new(
                    Kind::NetworkForbidden,
                    format!("PINHOLE_NETWORK=loopback does not allow listening on {ip}"),
                )
                .ask_user("use --bind 127.0.0.1, or unset PINHOLE_NETWORK"));
            }
            (None, network) => network.all().to_vec(),
        };
        let fixed = port.is_some();
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..if fixed { 1 } else { TRIES } {
            let port = port.unwrap_or_else(random_port);
            match Self::bind_all(&addresses, port) {
                Ok(sockets) => return Ok(Self { sockets, port }),
                Err(error) => last = error,
            }
            if last.kind() != io::ErrorKind::AddrInUse {
                break;
            }
        }
        let where_to = port.map_or_else(
            || "on any port from 9000 to 9999".to_owned(),
            |port| format!("on port {port}"),
        );
        if let Some(failure) = forbidden(&format!("listen {where_to}"), &last) {
            let allow = failure.next.as_deref().unwrap_or_default().to_owned();
            return Err(failure.ask_user(format!(
                "{allow}; or let the other side host: run `take` there, and `give --code CODE` here"
            )));
        }
        Err(Failure::new(
            Kind::CannotListen,
            format!("this machine does not let pinhole listen {where_to}: {last}"),
        )
        .next(if fixed {
            Advice::from("choose another --port")
        } else {
            Advice::for_user(
                "let the other side host: run `take` there, and `give --code CODE` here",
            )
        }))
    }

    /// One socket an address. A machine without IPv6 listens on IPv4 alone; a port taken on either
    /// is taken.
    fn bind_all(addresses: &[IpAddr], port: u16) -> io::Result<Vec<TcpListener>> {
        let mut sockets = Vec::new();
        let mut missing = None;
        for ip in addresses {
            match listen(SocketAddr::new(*ip, port)) {
                Ok(socket) => sockets.push(socket),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
                Err(error) => missing = Some(error),
            }
        }
        match missing {
            Some(error) if sockets.is_empty() => Err(error),
            _ => Ok(sockets),
        }
    }

    /// Listens everywhere that may be, on one port that the system chooses; `None` if that cannot
    /// be had.
    #[must_use]
    pub fn anywhere(network: Network) -> Option<Self> {
        let addresses = network.all();
        for _ in 0..TRIES {
            let first = Self::bind_all(addresses.get(..1)?, 0).ok();
            let port = match &first {
                Some(sockets) => sockets.first()?.local_addr().ok()?.port(),
                // A machine may lack the first family.
                None => 0,
            };
            let rest = Self::bind_all(addresses.get(1..)?, port);
            match (first, rest) {
                // The port is another's there.
                (Some(_), Err(error)) if error.kind() == io::ErrorKind::AddrInUse => {}
                (first, rest) => {
                    let sockets: Vec<_> = first.into_iter().chain(rest.ok()).flatten().collect();
                    let port = sockets.first()?.local_addr().ok()?.port();
                    return Some(Self { sockets, port });
                }
            }
        }
        None
    }

    /// The addresses that it is bound to.
    pub(in crate::transport) fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// The port, which is the code's number.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The next connection and its source. Errors are of connections that were gone before they
    /// were taken, or a want of file handles that passes as other handshakes end.
    pub(in crate::transport) async fn accept(&self) -> (TcpStream, Source) {
        loop {
            let accepted = poll_fn(|context| {
                let ready = self
                    .sockets
                    .iter()
                    .map(|socket| socket.poll_accept(context))
                    .find(Poll::is_ready);
                ready.unwrap_or(Poll::Pending)
            });
            match accepted.await {
                Ok((socket, peer)) => return (socket, peer.ip().into()),
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket =
        socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A port with connections of an earlier host still closing is free to be used again.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn random_port() -> u16 {
    let width = u32::from(PORTS.end() - PORTS.start()) + 1;
    // The bias of a remainder by 1,000 out of 2^32 is of no use to anybody: the number is public.
    PORTS.start() + u16::try_from(OsRng.next_u32() % width).unwrap_or(0)
}

/// The one judge of a code: gone once a tag was judged.
type SharedJudge = Arc<Mutex<Option<Judge>>>;

/// Waits for a joiner. Strangers who connect and say nothing, or hang up, cost nothing and keep
/// nobody out (SPEC 3.7).
///
/// # Errors
/// The operating system's, if the connection that the guest came by cannot be used.
pub async fn meet(listener: &Listener, judge: Judge) -> Result<HostEnd, Failure> {
    let judge: SharedJudge = Arc::new(Mutex::new(Some(judge)));
    let (met, mut meetings) = mpsc::unbounded_channel();
    let mut pending = Pending::new(PENDING_PER_SOURCE);
    loop {
        tokio::select! {
            biased;
            Some(end) = meetings.recv() => {
                // All others are closed unread.
                pending.close();
                return finish(end).await;
            }
            (socket, source) = listener.accept() => {
                if !pending.make_room(source) {
                    continue;
                }
                let (judge, met) = (Arc::clone(&judge), met.clone());
                let task = tokio::spawn(async move {
                    // Every way that this can fail is free for both sides.
                    let _ = timeout(HANDSHAKE_TIME, handshake(socket, &judge, &met)).await;
                });
                pending.push(source, task.abort_handle());
            }
        }
    }
}

/// A verdict on its way to [`meet`], with what is still to be said on its connection.
enum End {
    Joined { socket: TcpStream, path: Path, established: Box<Established>, confirmation: Vec<u8> },
    Burned { socket: TcpStream, refusal: Vec<u8> },
}

async fn finish(end: End) -> Result<HostEnd, Failure> {
    match end {
        End::Joined { mut socket, path, established, confirmation } => {
            // If the joiner is gone already, the session finds out as it would a moment later.
            let _ = socket.write_all(&confirmation).await;
            let cannot = |error| {
                Failure::new(Kind::Failed, format!("the connection cannot be used: {error}"))
            };
            confirmed(socket, path, *established)
                .map(|joined| HostEnd::Joined(Box::new(joined)))
                .map_err(cannot)
        }
        End::Burned { mut socket, refusal } => {
            say_and_close(&mut socket, &refusal).await;
            Ok(HostEnd::Burned)
        }
    }
}

async fn handshake(
    mut socket: TcpStream,
    judge: &SharedJudge,
    met: &mpsc::UnboundedSender<End>,
) -> io::Result<()> {
    // One that is not ours is closed without a word.
    if read_opening(&mut socket).await != Some(Opening::Code) {
        return Ok(());
    }
    // Of one that has ended by the time of the verdict nothing more can be found out.
    let path = prepare(&socket)?;
    let begun = lock(judge).as_ref().map(|judge| judge.begin(&mut OsRng));
    let Some((pending, message1)) = begun else { return Ok(()) };
    socket.write_all(&message1).await?;
    let frame = read_frame(&mut socket).await?;
    if let Some((mut socket, answer)) = decide((socket, path), judge, pending, &frame, met) {
        say_and_close(&mut socket, &answer).await;
    }
    Ok(())
}

/// Judges a message 2. From the judging to the handing over of its outcome nothing waits, so no
/// verdict is lost however the task ends. Returns what is still to be said on a connection that
/// came to nothing.
fn decide(
    (socket, path): (TcpStream, Path),
    judge: &SharedJudge,
    pending: handshake::Pending,
    frame: &Frame,
    met: &mpsc::UnboundedSender<End>,
) -> Option<(TcpStream, Vec<u8>)> {
    let mut place = lock(judge);
    match place.take()?.judge(pending, frame) {
        Verdict::NotAGuess(one_judge, why) => {
            *place = Some(one_judge);
            why.reply().map(|answer| (socket, answer))
        }
        Verdict::Burned { refusal } => {
            // Whoever waits for a joiner has ended otherwise.
            let _ = met.send(End::Burned { socket, refusal });
            None
        }
        Verdict::Confirmed { confirmation, established } => {
            let _ = met.send(End::Joined { socket, path, established, confirmation });
            None
        }
    }
}

fn lock(judge: &SharedJudge) -> std::sync::MutexGuard<'_, Option<Judge>> {
    judge.lock().unwrap_or_else(PoisonError::into_inner)
}
