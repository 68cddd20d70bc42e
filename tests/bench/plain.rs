//! The standard for pinhole: the same file over a TCP connection on loopback. It is read and
//! written in the same steps, without a handshake, encryption or protocol.

use rustix::fs::FallocateFlags;
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// One read of the file, and one write of it: a chunk's data.
const CHUNK: usize = 64 << 10;
/// Chunks in one write to the socket.
const BATCH: usize = 4;
/// Batches between the reading thread and the writing one.
const BATCHES: usize = 5;
/// One read of the socket.
const BUFFER: usize = 512 << 10;
/// Bytes of space that the disk is asked for ahead of what is written.
const AHEAD: u64 = 256 << 20;

type Batch = Vec<(Vec<u8>, usize)>;

/// Copies `source` into the directory `target` and returns the time until it is synced, named, and
/// its directory synced.
pub fn copy(source: &Path, target: &Path) -> io::Result<Duration> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let begun = Instant::now();
    thread::scope(|threads| {
        let sending =
            threads.spawn(move || send(File::open(source)?, TcpStream::connect(address)?));
        let (socket, _) = listener.accept()?;
        let received = receive(socket, target, source.metadata()?.len());
        sending.join().map_err(|_| io::Error::other("the sending thread panicked"))??;
        received
    })?;
    Ok(begun.elapsed())
}

fn send(mut file: File, mut socket: TcpStream) -> io::Result<()> {
    let (full, to_write) = sync_channel::<Batch>(BATCHES);
    let (empty, to_fill) = sync_channel::<Batch>(BATCHES);
    for _ in 0..BATCHES {
        let _ = empty.send((0..BATCH).map(|_| (vec![0; CHUNK], 0)).collect());
    }
    thread::scope(|threads| {
        let reading = threads.spawn(move || read(&mut file, &to_fill, &full));
        for batch in to_write {
            let mut slices: Vec<IoSlice<'_>> =
                batch.iter().map(|(bytes, filled)| IoSlice::new(&bytes[..*filled])).collect();
            let mut rest: &mut [IoSlice<'_>] = &mut slices;
            // Past the empty ones of the last batch.
            IoSlice::advance_slices(&mut rest, 0);
            while !rest.is_empty() {
                let written = socket.write_vectored(rest)?;
                IoSlice::advance_slices(&mut rest, written);
            }
            let _ = empty.send(batch);
        }
        drop(empty);
        reading.join().map_err(|_| io::Error::other("the reading thread panicked"))?
    })
}

fn read(file: &mut File, to_fill: &Receiver<Batch>, full: &SyncSender<Batch>) -> io::Result<()> {
    for mut batch in to_fill {
        let mut any = false;
        for (bytes, filled) in &mut batch {
            *filled = file.read(bytes)?;
            any |= *filled > 0;
        }
        if !any || full.send(batch).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn receive(mut socket: TcpStream, target: &Path, size: u64) -> io::Result<()> {
    let hidden = target.join(".partial");
    let file = File::create_new(&hidden)?;
    let (mut buffer, mut filled, mut at, mut asked) = (vec![0; BUFFER], 0, 0_u64, 0_u64);
    loop {
        let read = socket.read(&mut buffer[filled..])?;
        filled += read;
        // Whole chunks, as whole records are; the rest waits for more.
        let whole = if read == 0 { filled } else { filled / CHUNK * CHUNK };
        for chunk in buffer[..whole].chunks(CHUNK) {
            if at + chunk.len() as u64 > asked {
                let more = AHEAD.min(size.saturating_sub(asked)).max(1);
                rustix::fs::fallocate(&file, FallocateFlags::empty(), asked, more)?;
                asked += more;
            }
            file.write_all_at(chunk, at)?;
            at += chunk.len() as u64;
        }
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
        if read == 0 {
            break;
        }
    }
    if at != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    file.sync_all()?;
    std::fs::rename(hidden, target.join("source.bin"))?;
    File::open(target)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_the_file() {
        let place = tempfile::tempdir().unwrap();
        let source = place.path().join("source.bin");
        let bytes: Vec<u8> = (0..3 * BUFFER + 7).map(|i| (i % 251) as u8).collect();
        std::fs::write(&source, &bytes).unwrap();
        let target = place.path().join("target");
        std::fs::create_dir(&target).unwrap();
        copy(&source, &target).unwrap();
        assert!(std::fs::read(target.join("source.bin")).unwrap() == bytes);
        assert_eq!(std::fs::read_dir(target).unwrap().count(), 1);
    }
}
