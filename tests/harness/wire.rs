//! A wire between two programs that breaks on cue: it passes TCP connections on, byte for byte,
//! until a test says what becomes of them instead.

use super::{Machine, PATIENCE, Running, port};
use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// One direction of a connection, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
    Both,
}

/// Something that is wrong with each of the connections that it is set for. The number is that of a
/// byte of this way, from 0: the fault begins there, or at once if that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// From this byte on nothing passes, and nothing more is read. What was held back passes once
    /// the fault is lifted.
    Stall(Way, u64),
    /// From this byte on everything is read and thrown away, the end of the connection too.
    Lose(Way, u64),
    /// The lowest bit of this byte is flipped.
    Flip(Way, u64),
    /// In place of this byte both sides hear the end of the connection (FIN).
    Cut(Way, u64),
    /// In place of this byte both sides hear that it was reset (RST).
    Reset(Way, u64),
    /// In place of this byte its receiver hears the end (FIN); the other way goes on.
    HalfClose(Way, u64),
    /// All that comes waits so long before it passes, as on a long way.
    Delay(Way, Duration),
    /// Once neither side has sent anything for so long, the connection is cut, as proxies do.
    Silence(Duration),
}

/// The wire. Its connections end when it is dropped.
pub struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

/// Connections over a wire: all that there are and will be, or one, which may be yet to come.
pub struct Connections<'a> {
    wire: &'a Wire,
    only: Option<usize>,
}

/// Told what is about to arrive.
type Watch = Box<dyn FnMut(usize, Way, &[u8]) + Send>;

struct Shared {
    state: Mutex<State>,
    /// Something was counted, which tests wait for.
    counted: Condvar,
    /// Something was set, which the tasks of the wire wait for.
    set: watch::Sender<()>,
}

struct State {
    server: SocketAddr,
    watch: Watch,
    /// It is to accept connections.
    accepting: bool,
    /// It does.
    listens: bool,
    /// Each with the number of its connection, if it is not for all.
    faults: Vec<(Option<usize>, Fault)>,
    connections: Vec<Connection>,
}

/// A connection that came, which may have ended since.
struct Connection {
    /// Bytes that have passed or were lost, to the server and to the client.
    bytes: [u64; 2],
    /// A side has sent something then.
    heard: Instant,
    /// Its receiver has heard the end on cue.
    half_closed: [bool; 2],
    end: Option<End>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Cut,
    Reset,
}

/// The fate of bytes that are about to leave the wire.
struct Verdict {
    /// So many of them leave it.
    leave: usize,
    /// So many of those reach the receiver.
    arrive: usize,
    /// The receiver is to hear the end after them.
    half_close: bool,
    /// Both sides are.
    end: Option<End>,
}

/// Bytes of a direction that are in the wire at most, on a long way.
const ROOM: usize = 8 << 20;

impl Way {
    /// The places in a pair, of which the first is to the server.
    fn places(self) -> &'static [usize] {
        match self {
            Self::ToServer => &[0],
            Self::ToClient => &[1],
            Self::Both => &[0, 1],
        }
    }

    fn is(self, place: usize) -> bool {
        self.places().contains(&place)
    }
}

/// A host here and its peer there, connected over a wire that `lay` lays to the host, and the code.
pub fn channel(
    here: &Machine,
    there: &Machine,
    lay: impl FnOnce(SocketAddr) -> Wire,
) -> (Running, Running, Wire, String) {
    let mut host = here.start(["host"]);
    let code = host.code();
    let wire = lay((Ipv4Addr::LOCALHOST, port(&code)).into());
    let mut peer = there.start(["connect", &wire.join(&code)]);
    for side in [&mut host, &mut peer] {
        side.until("status", "connected");
    }
    (host, peer, wire, code)
}

impl Wire {
    /// A wire to this server, on a free loopback port.
    pub fn to(server: impl Into<SocketAddr>) -> Self {
        Self::watched(server, |_, _, _| {})
    }

    /// The same; `watch` is told all that arrives, before it does: connection, way and bytes.
    pub fn watched(
        server: impl Into<SocketAddr>,
        watch: impl FnMut(usize, Way, &[u8]) + Send + 'static,
    ) -> Self {
        // Bound and not listening, it keeps the port while connections are refused.
        let held = bound((Ipv4Addr::LOCALHOST, 0).into());
        let address = held.local_addr().unwrap();
        let state = State {
            server: server.into(),
            watch: Box::new(watch),
            accepting: true,
            listens: false,
            faults: Vec::new(),
            connections: Vec::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            counted: Condvar::new(),
            set: watch::Sender::new(()),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(accept(Arc::clone(&shared), held));
        let wire = Self { address, shared, _runtime: runtime };
        wire.wait("listening", |state| state.listens);
        wire
    }

    /// Its own address, which clients dial.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of that.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The code with its place, so that it is joined over this wire.
    pub fn join(&self, code: &str) -> String {
        format!("{code}@{}", self.address)
    }

    /// Its address for clients of a relay.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Connections that come from now on go to this server.
    pub fn lead_to(&self, server: impl Into<SocketAddr>) {
        self.shared.state().server = server.into();
    }

    /// Refuses connections from now on. Those that there are go on.
    pub fn refuse(&self) {
        self.shared.change(|state| state.accepting = false);
        self.wait("refusing", |state| !state.listens);
    }

    /// Accepts connections again.
    pub fn accept(&self) {
        self.shared.change(|state| state.accepting = true);
        self.wait("listening", |state| state.listens);
    }

    /// Connections that have come, which is also the number of the next.
    pub fn connections(&self) -> usize {
        self.shared.state().connections.len()
    }

    /// Waits until so many connections have come, ended ones included.
    #[track_caller]
    pub fn wait_connections(&self, count: usize) {
        self.wait(&format!("{count} connections"), |state| state.connections.len() >= count);
    }

    /// All connections, also those to come.
    pub fn all(&self) -> Connections<'_> {
        Connections { wire: self, only: None }
    }

    /// The connection that came or will come as this number, from 0.
    pub fn only(&self, number: usize) -> Connections<'_> {
        Connections { wire: self, only: Some(number) }
    }

    #[track_caller]
    fn wait(&self, what: &str, came: impl Fn(&State) -> bool) {
        let (state, waited) = self
            .shared
            .counted
            .wait_timeout_while(self.shared.state(), PATIENCE, |state| !came(state))
            .unwrap();
        let bytes: Vec<_> = state.connections.iter().map(|connection| connection.bytes).collect();
        drop(state);
        assert!(!waited.timed_out(), "not {what}; bytes to server and client: {bytes:?}");
    }
}

impl Connections<'_> {
    /// Sets a fault, until it is lifted.
    pub fn set(&self, fault: Fault) {
        self.wire.shared.change(|state| state.faults.push((self.only, fault)));
    }

    /// Lifts a fault that was set for the same connections.
    pub fn lift(&self, fault: Fault) {
        self.wire.shared.change(|state| state.faults.retain(|set| *set != (self.only, fault)));
    }

    /// Ends those that there are: both sides hear the end (FIN).
    pub fn cut(&self) {
        self.each(|connection| connection.end = connection.end.or(Some(End::Cut)));
    }

    /// Resets those that there are: both sides hear that (RST).
    pub fn reset(&self) {
        self.each(|connection| connection.end = connection.end.or(Some(End::Reset)));
    }

    /// Ends one way of those that there are: its receiver hears the end (FIN), and what is sent to
    /// it is lost.
    pub fn half_close(&self, way: Way) {
        self.each(|connection| {
            way.places().iter().for_each(|place| connection.half_closed[*place] = true);
        });
    }

    /// Bytes that their receivers' sockets have taken, or that were lost, of all these together.
    pub fn bytes(&self, way: Way) -> u64 {
        self.count(way, &self.wire.shared.state())
    }

    /// Waits until there are so many.
    #[track_caller]
    pub fn wait_bytes(&self, way: Way, count: u64) {
        self.wire.wait(&format!("{count} bytes {way:?}"), |state| self.count(way, state) >= count);
    }

    fn count(&self, way: Way, state: &State) -> u64 {
        let of = |connection: &Connection| {
            way.places().iter().map(|place| connection.bytes[*place]).sum::<u64>()
        };
        match self.only {
            Some(number) => state.connections.get(number).map_or(0, of),
            None => state.connections.iter().map(of).sum(),
        }
    }

    fn each(&self, change: impl Fn(&mut Connection)) {
        self.wire.shared.change(|state| match self.only {
            Some(number) => state.connections.get_mut(number).into_iter().for_each(change),
            None => state.connections.iter_mut().for_each(change),
        });
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Changes what the tasks go by.
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.set.send_replace(());
    }

    /// Changes what tests wait for.
    fn count(&self, count: impl FnOnce(&mut State)) {
        count(&mut self.state());
        self.counted.notify_all();
    }
}

impl State {
    /// Faults of the connection with this number.
    fn faults(&self, number: usize) -> impl Iterator<Item = Fault> {
        let these = self.faults.iter().filter(move |(only, _)| only.is_none_or(|it| it == number));
        these.map(|(_, fault)| *fault)
    }

    fn delay(&self, number: usize, place: usize) -> Duration {
        let delays = self.faults(number).map(|fault| match fault {
            Fault::Delay(way, time) if way.is(place) => time,
            _ => Duration::ZERO,
        });
        delays.sum()
    }

    /// Judges the bytes of a way from number `first` on, which are about to leave the wire.
    fn judge(&mut self, number: usize, place: usize, first: u64, bytes: &mut [u8]) -> Verdict {
        let closed = self.connections[number].half_closed[place];
        // The bytes that come before this one of the way.
        let before = |at: u64| usize::try_from(at.saturating_sub(first)).unwrap();
        let (mut leave, mut arrive) = (bytes.len(), if closed { 0 } else { bytes.len() });
        for fault in self.faults(number) {
            match fault {
                Fault::Stall(way, at) | Fault::Cut(way, at) | Fault::Reset(way, at)
                    if way.is(place) =>
                {
                    leave = leave.min(before(at));
                }
                Fault::HalfClose(way, at) | Fault::Lose(way, at) if way.is(place) => {
                    arrive = arrive.min(before(at));
                }
                _ => {}
            }
        }
        arrive = arrive.min(leave);
        let next = first + leave as u64;
        let (mut half_close, mut end) = (closed, None);
        for fault in self.faults(number) {
            match fault {
                Fault::Flip(way, at) if way.is(place) && (first..next).contains(&at) => {
                    bytes[before(at)] ^= 1;
                }
                Fault::HalfClose(way, at) if way.is(place) && at <= next => half_close = true,
                Fault::Cut(way, at) if way.is(place) && at <= next => end = Some(End::Cut),
                Fault::Reset(way, at) if way.is(place) && at <= next => end = Some(End::Reset),
                _ => {}
            }
        }
        self.connections[number].half_closed[place] = half_close;
        if arrive > 0 {
            let way = if place == 0 { Way::ToServer } else { Way::ToClient };
            (self.watch)(number, way, &bytes[..arrive]);
        }
        Verdict { leave, arrive, half_close, end }
    }

    /// True if nothing leaves the wire from byte number `first` on.
    fn stalls(&self, number: usize, place: usize, first: u64) -> bool {
        let stalls = |fault| matches!(fault, Fault::Stall(way, at) if way.is(place) && at <= first);
        self.faults(number).any(stalls)
    }

    /// True if what leaves it from byte number `first` on is lost.
    fn loses(&self, number: usize, place: usize, first: u64) -> bool {
        let loses = |fault| matches!(fault, Fault::Lose(way, at) if way.is(place) && at <= first);
        self.faults(number).any(loses)
    }
}

/// A socket of this address, which others like it may share until one of them listens.
fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

/// Accepts connections whenever that is wanted.
async fn accept(shared: Arc<Shared>, held: TcpSocket) {
    let mut set = shared.set.subscribe();
    let address = held.local_addr().unwrap();
    loop {
        let listener = shared.state().accepting.then(|| bound(address).listen(1024).unwrap());
        shared.count(|state| state.listens = listener.is_some());
        while shared.state().accepting == listener.is_some() {
            tokio::select! {
                _ = set.changed() => {}
                client = knock(listener.as_ref()) => {
                    let mut number = 0;
                    shared.count(|state| {
                        number = state.connections.len();
                        state.connections.push(Connection {
                            bytes: [0; 2],
                            heard: Instant::now(),
                            half_closed: [false; 2],
                            end: None,
                        });
                    });
                    tokio::spawn(serve(Arc::clone(&shared), number, client));
                }
            }
        }
    }
}

/// The next client, if there is a door.
async fn knock(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        Some(listener) => listener.accept().await.unwrap().0,
        None => pending().await,
    }
}

/// A connection from its first byte to its end.
async fn serve(shared: Arc<Shared>, number: usize, mut client: TcpStream) {
    let server = shared.state().server;
    let Ok(mut server) = TcpStream::connect(server).await else {
        return client.set_zero_linger().unwrap();
    };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let directions = async {
        tokio::join!(
            Direction::new(&shared, number, 0).pass(from_client, to_server),
            Direction::new(&shared, number, 1).pass(from_server, to_client),
        )
    };
    let end = tokio::select! {
        passed = directions => match passed {
            (Ok(()), Ok(())) => return,
            _ => End::Reset,
        },
        end = told(&shared, number) => end,
        () = silence(&shared, number) => End::Cut,
    };
    match end {
        End::Reset => {
            client.set_zero_linger().unwrap();
            server.set_zero_linger().unwrap();
        }
        End::Cut => {
            let (mut nowhere, mut either) = (sink(), sink());
            // A side may have gone already. What comes still is read, or it would be a reset.
            let _ = tokio::join!(client.shutdown(), server.shutdown());
            let _ = tokio::join!(copy(&mut client, &mut nowhere), copy(&mut server, &mut either));
        }
    }
}

/// Waits until the end of a connection is set.
async fn told(shared: &Shared, number: usize) -> End {
    let mut set = shared.set.subscribe();
    loop {
        if let Some(end) = shared.state().connections[number].end {
            return end;
        }
        let _ = set.changed().await;
    }
}

/// Waits until neither side has sent anything for longer than may be.
async fn silence(shared: &Shared, number: usize) {
    let mut set = shared.set.subscribe();
    loop {
        let ends = {
            let state = shared.state();
            let longest = state.faults(number).filter_map(|fault| match fault {
                Fault::Silence(time) => Some(time),
                _ => None,
            });
            longest.min().map(|time| state.connections[number].heard + time)
        };
        match ends {
            Some(ends) if ends <= Instant::now() => return,
            Some(ends) => tokio::select! {
                () = sleep_until(ends) => {}
                _ = set.changed() => {}
            },
            None => drop(set.changed().await),
        }
    }
}

/// One direction of a connection.
struct Direction<'a> {
    shared: &'a Shared,
    number: usize,
    place: usize,
    /// Bytes that have left the wire.
    left: u64,
    /// Pieces in the wire, each with the time from which on it may leave.
    pieces: VecDeque<(Instant, Vec<u8>)>,
    /// Their bytes.
    held: usize,
    /// The sender's end, with its time; an error if it was a reset.
    last: Option<(Instant, io::Result<()>)>,
    /// The receiver has heard the end on cue.
    closed: bool,
}

impl<'a> Direction<'a> {
    fn new(shared: &'a Shared, number: usize, place: usize) -> Self {
        Self {
            shared,
            number,
            place,
            left: 0,
            pieces: VecDeque::new(),
            held: 0,
            last: None,
            closed: false,
        }
    }

    /// Passes all on, to the end of the sender; an error if the receiver takes no more.
    async fn pass(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
        let mut set = self.shared.set.subscribe();
        let mut buffer = vec![0; 64 << 10];
        loop {
            self.leave(&mut to).await?;
            let stalls = self.stalls();
            let next = match (self.pieces.front(), &self.last) {
                (Some((due, _)), _) | (None, Some((due, _))) if !stalls => Some(*due),
                _ => None,
            };
            if self.pieces.is_empty()
                && next.is_some_and(|due| due <= Instant::now())
                && let Some((_, end)) = self.last.take()
            {
                if self.shared.state().loses(self.number, self.place, self.left) {
                    return pending().await;
                }
                return match end {
                    Ok(()) => to.shutdown().await,
                    Err(_) => self.end(End::Reset).await,
                };
            }
            let reads = self.last.is_none() && self.held < ROOM && !stalls;
            tokio::select! {
                _ = set.changed() => {}
                read = from.read(&mut buffer), if reads => {
                    self.came(read.map(|count| &buffer[..count]));
                }
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
        }
    }

    /// Something has come from the sender.
    fn came(&mut self, read: io::Result<&[u8]>) {
        let now = Instant::now();
        let mut due = now;
        self.shared.count(|state| {
            due += state.delay(self.number, self.place);
            state.connections[self.number].heard = now;
        });
        match read {
            Ok([]) => self.last = Some((due, Ok(()))),
            Ok(bytes) => {
                self.held += bytes.len();
                self.pieces.push_back((due, bytes.to_vec()));
            }
            Err(error) => self.last = Some((due, Err(error))),
        }
    }

    /// Lets all leave whose time has come, and does what was set for where that ends.
    async fn leave(&mut self, to: &mut WriteHalf<'_>) -> io::Result<()> {
        loop {
            let due = self.pieces.front().is_some_and(|(due, _)| *due <= Instant::now());
            let piece = if due && !self.stalls() { self.pieces.pop_front() } else { None };
            let mut bytes = piece.map(|(_, bytes)| bytes).unwrap_or_default();
            let verdict = self.shared.state().judge(self.number, self.place, self.left, &mut bytes);
            to.write_all(&bytes[..verdict.arrive]).await?;
            self.left += verdict.leave as u64;
            self.held -= verdict.leave;
            self.shared.count(|state| {
                state.connections[self.number].bytes[self.place] = self.left;
            });
            if verdict.half_close && !self.closed {
                self.closed = true;
                to.shutdown().await?;
            }
            if let Some(end) = verdict.end {
                return self.end(end).await;
            }
            match bytes.split_off(verdict.leave) {
                rest if rest.is_empty() && bytes.is_empty() => return Ok(()),
                rest if rest.is_empty() => {}
                rest => self.pieces.push_front((Instant::now(), rest)),
            }
        }
    }

    /// Has the whole connection end, and this direction with it.
    async fn end<T>(&self, end: End) -> T {
        self.shared.change(|state| {
            state.connections[self.number].end.get_or_insert(end);
        });
        pending().await
    }

    fn stalls(&self) -> bool {
        self.shared.state().stalls(self.number, self.place, self.left)
    }
}
