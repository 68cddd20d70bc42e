//! Hosts that flood their attempts, and sides that ping, send empty frames or half of one, or read
//! a byte a second (SPEC 10.4, 10.7): the memory that a relay needs under them, and the speed of
//! honest pairs beside them.

use super::paired::{RECORD, move_records};
use super::peer::{BINARY, Host, PING, Peer, frame, join, pair};
use crate::options;
use crate::program::Program;
use crate::report;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Honest pairs on each relay.
const GOOD: usize = 4;
/// Records that each moves in a round: 8 MiB. Short rounds and many, so that what else the machine
/// does meets both alike.
const RECORDS: usize = 128;
/// Bytes that a flooder tries to be rid of in its turn.
const TURN: usize = 64 << 10;
/// Between two turns in which nobody was rid of anything.
const PAUSE: Duration = Duration::from_millis(10);
/// After this time one that was closed comes back.
const RETURN: Duration = Duration::from_secs(20);

/// A connection on which the same is sent for as long as any of it is taken.
struct Flooder {
    to: TcpStream,
    sends: Vec<u8>,
    at: usize,
    /// Only once.
    once: bool,
    /// Its other side, which never reads.
    _other: Option<Peer>,
    closed: Option<Instant>,
}

impl Flooder {
    fn new(to: TcpStream, sends: Vec<u8>, once: bool, other: Option<Peer>) -> io::Result<Self> {
        to.set_nonblocking(true)?;
        for socket in [Some(&to), other.as_ref().map(|other| &other.0)].into_iter().flatten() {
            small(socket)?;
        }
        Ok(Self { to, sends, at: 0, once, _other: other, closed: None })
    }

    /// True if some of it was taken.
    fn flood(&mut self) -> bool {
        if self.closed.is_some() || self.once && self.at >= self.sends.len() {
            return false;
        }
        if !self.once {
            self.at %= self.sends.len();
        }
        match self.to.write(&self.sends[self.at..]) {
            Ok(count) => {
                self.at += count;
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(_) => {
                self.closed = Some(Instant::now());
                false
            }
        }
    }
}

/// Keeps a socket's buffers small: thousands of full ones are more than the kernel gives to all of
/// TCP, and honest pairs would wait for that.
fn small<'a, S>(socket: &'a S) -> io::Result<()>
where
    socket2::SockRef<'a>: From<&'a S>,
{
    let socket = socket2::SockRef::from(socket);
    socket.set_send_buffer_size(TURN)?;
    socket.set_recv_buffer_size(TURN)
}

fn many(one: &[u8]) -> Vec<u8> {
    one.repeat(TURN.div_ceil(one.len()))
}

/// More of the attempt that its joiner holds already.
fn more() -> Vec<u8> {
    many(&frame(BINARY, &[&1_u32.to_be_bytes()[..], &[7; 1000]].concat()))
}

/// A host in whose attempt there is a joiner that does not read.
fn host(port: u16) -> io::Result<Flooder> {
    let host = Host::wait(port)?;
    let joiner = join(port, host.number)?;
    Flooder::new(host.peer.0, more(), false, Some(joiner))
}

/// Everybody, and those of them who read a byte a second.
fn everybody(port: u16, hosts: u32, others: u32) -> io::Result<(Vec<Flooder>, Vec<Peer>)> {
    let mut all = (0..hosts).map(|_| host(port)).collect::<io::Result<Vec<_>>>()?;
    let mut slow = Vec::new();
    let record = frame(BINARY, &[7; RECORD]);
    for at in 0..others {
        all.push(match at % 4 {
            0 => Flooder::new(
                Peer::open(port, &format!("link-host-{at:032x}"))?.0,
                many(&frame(PING, b"again")),
                false,
                None,
            )?,
            kind => {
                let (writer, reader) = pair(port)?;
                match kind {
                    1 => Flooder::new(writer.0, many(&frame(BINARY, b"")), false, Some(reader))?,
                    2 => Flooder::new(writer.0, record[..RECORD / 2].to_vec(), true, Some(reader))?,
                    _ => {
                        small(&reader.0)?;
                        slow.push(reader);
                        Flooder::new(writer.0, record.clone(), false, None)?
                    }
                }
            }
        });
    }
    Ok((all, slow))
}

/// A place that takes connections and never reads of them.
fn sink() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    small(&listener)?;
    thread::spawn(move || listener.incoming().collect::<Vec<_>>());
    Ok(address)
}

pub fn measure(counts: &options::Relay, program: &Program, place: &Path) -> io::Result<()> {
    let options::Relay { hostile, others, flood, .. } = *counts;
    println!(
        "\n{hostile} hostile hosts and {others} other hostile connections, against a relay for \
        {flood} s, and against a sink that does not read"
    );
    let (attacked, quiet, sink) = (program.relay(&[], place)?, program.relay(&[], place)?, sink()?);
    let pairs = |port: u16| (0..GOOD).map(|_| pair(port)).collect::<io::Result<Vec<_>>>();
    let (mut among, mut alone) = (pairs(attacked.port)?, pairs(quiet.port)?);
    let before = attacked.used()?;
    let (mut floods, mut slow) = everybody(attacked.port, hostile, others)?;
    let begun = attacked.used()?;
    let mut sunk = floods
        .iter()
        .map(|flooder| {
            Flooder::new(TcpStream::connect(sink)?, flooder.sends.clone(), flooder.once, None)
        })
        .collect::<io::Result<Vec<_>>>()?;
    let (over, on, port) = (AtomicBool::new(false), AtomicBool::new(true), attacked.port);
    let (rounds, came_back) = thread::scope(|threads| {
        let flooding = threads.spawn(|| {
            let (mut due, mut turn, mut came_back) = (Instant::now(), 0, 0);
            while !over.load(Ordering::Relaxed) {
                let at_relay = on.load(Ordering::Relaxed);
                let all = if at_relay { &mut floods } else { &mut sunk };
                let taken =
                    all.iter_mut().filter_map(|flooder| flooder.flood().then_some(())).count() > 0;
                // Each host that was closed comes back once in that time.
                if at_relay && Instant::now() >= due && hostile > 0 {
                    due = Instant::now() + RETURN / hostile;
                    turn = (turn + 1) % hostile as usize;
                    if floods[turn].closed.is_some()
                        && let Ok(again) = host(port)
                    {
                        floods[turn] = again;
                        came_back += 1;
                    }
                }
                if !taken {
                    thread::sleep(PAUSE);
                }
            }
            io::Result::Ok(came_back)
        });
        let trickling = threads.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for reader in &mut slow {
                    reader.0.read_exact(&mut [0])?;
                }
                thread::sleep(Duration::from_secs(1));
            }
            io::Result::Ok(())
        });
        let (mut rounds, mut attack) = (Vec::new(), Duration::ZERO);
        let mut time = |at_relay: bool| {
            on.store(at_relay, Ordering::Relaxed);
            thread::sleep(PAUSE);
            let begun = Instant::now();
            move_records(if at_relay { &mut among } else { &mut alone }, RECORDS)?;
            io::Result::Ok(begun.elapsed())
        };
        let result = (|| {
            while attack < Duration::from_secs(flood) {
                // The order changes each round.
                let (first, second) =
                    if rounds.len() % 2 == 0 { (true, false) } else { (false, true) };
                let times = [time(first)?, time(second)?];
                let [under, without] = if first { times } else { [times[1], times[0]] };
                attack += under;
                rounds.push((under.as_secs_f64(), without.as_secs_f64()));
            }
            io::Result::Ok(())
        })();
        over.store(true, Ordering::Relaxed);
        let panicked = |_| io::Error::other("a thread panicked");
        let came_back = flooding.join().map_err(panicked)??;
        trickling.join().map_err(panicked)??;
        result.map(|()| (rounds, came_back))
    })?;
    let kib = |kib: u64| report::size(kib << 10);
    let now = attacked.used()?;
    println!(
        "  resident: {} before, {} with all connected, {} at the end; peak {}",
        kib(before.resident),
        kib(begun.resident),
        kib(now.resident),
        kib(now.memory)
    );
    println!("  hosts that were closed came back {came_back} times");
    let bytes = (GOOD * RECORDS * RECORD) as u64;
    let (under, without): (Vec<f64>, Vec<f64>) = rounds.iter().copied().unzip();
    for (what, times) in [("beside the sink", without), ("under attack", under)] {
        println!(
            "  {GOOD} honest pairs {what}: median of {} rounds {}",
            rounds.len(),
            report::speed(bytes, Duration::from_secs_f64(report::median(times)))
        );
    }
    println!(
        "  median ratio {:.2}",
        report::median(rounds.iter().map(|(under, without)| without / under).collect())
    );
    Ok(())
}
