//! The reference: plain TCP streams that do nothing but fill the line.

use super::network::{GIVER, Network};
use crate::table::not_here;
use rustix::io::Errno;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// One read or write.
const BLOCK: usize = 256 << 10;

/// Time from the first connection until `size` bytes have arrived at the taker, over all streams
/// together. None waits for another: each sends as much as it can.
pub fn streams(network: &Network, count: usize, bbr: bool, size: u64) -> io::Result<Duration> {
    let listener = network.giver.there(|| TcpListener::bind((GIVER, 0)))??;
    let address = SockAddr::from(listener.local_addr()?);
    let begun = Instant::now();
    let taking = network.taker.there(|| {
        (0..count).map(|_| connecting(&address)).collect::<io::Result<Vec<TcpStream>>>()
    })??;
    let giving = (0..count)
        .map(|_| {
            let socket = listener.accept()?.0;
            if bbr {
                let socket = SockRef::from(&socket);
                socket.set_tcp_congestion(b"bbr").map_err(|_| not_here("BBR"))?;
            }
            Ok(socket)
        })
        .collect::<io::Result<Vec<TcpStream>>>()?;
    let (arrived, (enough, all)) = (AtomicU64::new(0), channel());
    thread::scope(|threads| {
        for mut socket in &giving {
            threads.spawn(move || {
                let block = vec![0; BLOCK];
                while socket.write_all(&block).is_ok() {}
            });
        }
        for mut socket in &taking {
            let (enough, arrived) = (enough.clone(), &arrived);
            threads.spawn(move || {
                let mut block = vec![0; BLOCK];
                while let Ok(read) = socket.read(&mut block)
                    && read > 0
                {
                    if arrived.fetch_add(read as u64, Ordering::Relaxed) + read as u64 >= size {
                        let _ = enough.send(Instant::now());
                    }
                }
            });
        }
        drop(enough);
        let ended = all.recv().map_err(|_| io::Error::other("all streams ended"));
        for socket in giving.iter().chain(&taking) {
            // Bytes that they have not sent yet must not be on the line in the next round.
            let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
            let _ = socket.shutdown(Shutdown::Both);
        }
        Ok(ended?.duration_since(begun))
    })
}

/// One connection with the congestion control of the machines: the giver's end and the taker's.
pub fn connected(network: &Network) -> io::Result<[TcpStream; 2]> {
    let listener = network.giver.there(|| TcpListener::bind((GIVER, 0)))??;
    let address = listener.local_addr()?;
    let taker = network.taker.there(|| TcpStream::connect(address))??;
    Ok([listener.accept()?.0, taker])
}

/// A connection that is on its way, so that many take no longer than one.
fn connecting(address: &SockAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(address) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => {
            return Err(error);
        }
        _ => socket.set_nonblocking(false)?,
    }
    Ok(socket.into())
}
