//! The standard for pinhole: the same file over a plain TCP connection, with the same syncs, without
//! a handshake, encryption or protocol.

use rustix::fs::FallocateFlags;
use rustix::time::{ClockId, clock_gettime};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// One read or write of a file or socket.
const BLOCK: usize = 1 << 20;
/// Blocks between the thread that reads the file and the one that writes to the socket.
const BLOCKS: usize = 2;
/// Bytes of space that the disk is asked for ahead of what is written.
const AHEAD: u64 = 4 << 20;

/// A copy from its start until it is synced and named and its directory synced.
pub struct Copied {
    pub time: Duration,
    /// Seconds of processor time.
    pub sender: f64,
    pub receiver: f64,
}

/// A connection on loopback: the sender's end and the receiver's.
pub fn loopback() -> io::Result<[TcpStream; 2]> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let sending = TcpStream::connect(listener.local_addr()?)?;
    Ok([sending, listener.accept()?.0])
}

/// Copies `source` into the directory `target`.
pub fn copy(
    source: &Path,
    target: &Path,
    [sending, receiving]: [TcpStream; 2],
) -> io::Result<Copied> {
    let begun = Instant::now();
    thread::scope(|threads| {
        let sender = threads.spawn(|| send(File::open(source)?, sending));
        let receiver = threads.spawn(|| receive(receiving, target, source.metadata()?.len()));
        let panicked = |_| io::Error::other("a copying thread panicked");
        let (sender, receiver) =
            (sender.join().map_err(panicked)?, receiver.join().map_err(panicked)?);
        Ok(Copied { time: begun.elapsed(), sender: sender?, receiver: receiver? })
    })
}

fn send(file: File, mut socket: TcpStream) -> io::Result<f64> {
    let (full, to_write) = sync_channel(BLOCKS);
    let (empty, to_fill) = sync_channel(BLOCKS);
    for _ in 0..BLOCKS {
        let _ = empty.send(vec![0; BLOCK]);
    }
    thread::scope(|threads| {
        let reading = threads.spawn(move || read(file, &to_fill, &full));
        for (block, filled) in to_write {
            let block: Vec<u8> = block;
            socket.write_all(&block[..filled])?;
            let _ = empty.send(block);
        }
        drop(empty);
        let reading = reading.join().map_err(|_| io::Error::other("the reader panicked"))??;
        Ok(reading + processor())
    })
}

fn read(
    mut file: File,
    to_fill: &Receiver<Vec<u8>>,
    full: &SyncSender<(Vec<u8>, usize)>,
) -> io::Result<f64> {
    for mut block in to_fill {
        let filled = file.read(&mut block)?;
        if filled == 0 || full.send((block, filled)).is_err() {
            break;
        }
    }
    Ok(processor())
}

fn receive(mut socket: TcpStream, target: &Path, size: u64) -> io::Result<f64> {
    let hidden = target.join(".partial");
    let file = File::create_new(&hidden)?;
    let (mut block, mut filled, mut at, mut asked) = (vec![0; BLOCK], 0, 0_u64, 0_u64);
    loop {
        let read = socket.read(&mut block[filled..])?;
        filled += read;
        if read > 0 && filled < BLOCK {
            continue;
        }
        if at + filled as u64 > asked {
            let more = AHEAD.min(size.saturating_sub(asked)).max(1);
            rustix::fs::fallocate(&file, FallocateFlags::empty(), asked, more)?;
            asked += more;
        }
        file.write_all_at(&block[..filled], at)?;
        at += filled as u64;
        filled = 0;
        if read == 0 {
            break;
        }
    }
    if at != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    file.sync_all()?;
    std::fs::rename(hidden, target.join("source.bin"))?;
    File::open(target)?.sync_all()?;
    Ok(processor())
}

/// Seconds of processor time that this thread has used.
fn processor() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_the_file() {
        let place = tempfile::tempdir().unwrap();
        let source = place.path().join("source.bin");
        let bytes: Vec<u8> = (0..3 * BLOCK + 7).map(|i| (i % 251) as u8).collect();
        std::fs::write(&source, &bytes).unwrap();
        let target = place.path().join("target");
        std::fs::create_dir(&target).unwrap();
        let copied = copy(&source, &target, loopback().unwrap()).unwrap();
        assert!(std::fs::read(target.join("source.bin")).unwrap() == bytes);
        assert_eq!(std::fs::read_dir(target).unwrap().count(), 1);
        assert!(copied.sender > 0.0 && copied.receiver > 0.0);
    }
}
