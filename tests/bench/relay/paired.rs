//! Pairs that are idle (TESTPLAN D2), before and after each has moved 1 MiB: whether what a
//! transfer needs is given back.

use super::memory;
use super::peer::{BINARY, Peer, frame, pair};
use crate::program::Program;
use crate::report;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of a record.
pub const RECORD: usize = 64 << 10;
/// Records that make 1 MiB.
const RECORDS: usize = 16;
/// Pairs that move data at a time.
const AT_ONCE: usize = 300;
/// Time for the relay to give memory back.
const REST: Duration = Duration::from_secs(5);

pub fn measure(pairs: u32, program: &Program, place: &Path) -> io::Result<()> {
    println!("\n{pairs} pairs");
    let relay = program.relay(&[], place)?;
    let before = relay.used()?;
    let mut all = (0..pairs).map(|_| pair(relay.port)).collect::<io::Result<Vec<_>>>()?;
    println!("  idle: {}", memory(relay.used()?, before, pairs, "pair"));
    let (begun, used) = (Instant::now(), relay.used()?);
    for some in all.chunks_mut(AT_ONCE) {
        move_records(some, RECORDS)?;
    }
    let bytes = u64::from(pairs) * (RECORD * RECORDS) as u64;
    let processor = relay.used()?.since(used).processor() * f64::from(1 << 30) / bytes as f64;
    println!(
        "  each moves 1 MiB, {AT_ONCE} at a time: {}, {processor:.2} s of the relay's processor a \
        GiB",
        report::speed(bytes, begun.elapsed())
    );
    println!("  at once after it: {}", memory(relay.used()?, before, pairs, "pair"));
    thread::sleep(REST);
    println!("  {} s later: {}", REST.as_secs(), memory(relay.used()?, before, pairs, "pair"));
    drop(all);
    thread::sleep(REST);
    println!(
        "  {} s after all have gone: resident {}",
        REST.as_secs(),
        report::size(relay.used()?.resident << 10)
    );
    Ok(())
}

/// Moves so many records from the first to the second of each pair, one of each in turn: the writer
/// is ahead of the reader by what the relay and the kernel take.
pub fn move_records(pairs: &mut [(Peer, Peer)], records: usize) -> io::Result<()> {
    let record = frame(BINARY, &vec![7; RECORD]);
    let (mut writers, mut readers): (Vec<_>, Vec<_>) =
        pairs.iter_mut().map(|(writer, reader)| (&mut writer.0, reader)).unzip();
    thread::scope(|threads| {
        let writing = threads.spawn(move || {
            for _ in 0..records {
                for writer in &mut writers {
                    writer.write_all(&record)?;
                }
            }
            io::Result::Ok(())
        });
        let mut payload = Vec::new();
        for _ in 0..records {
            for reader in &mut readers {
                if reader.hear(&mut payload)? != BINARY || payload.len() != RECORD {
                    return Err(io::Error::other("what came is not what was sent"));
                }
            }
        }
        writing.join().map_err(|_| io::Error::other("the writing thread panicked"))?
    })
}
