//! Readers of one byte a second among pairs that move data (TESTPLAN D3): whether these notice, and
//! what the others hold.

use super::paired::{RECORD, move_records};
use super::peer::{BINARY, Peer, frame, pair};
use crate::options;
use crate::program::{Program, Relay};
use crate::report;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Records that each good pair moves in a round: 256 KiB. Short rounds and many, so that what else
/// the machine does meets both alike.
const RECORDS: usize = 4;
/// Rounds for each that is asked for.
const TIMES: usize = 4;
/// Nothing more is taken if none is for this long.
const FULL: Duration = Duration::from_millis(500);

pub fn measure(
    rounds: usize,
    counts: &options::Relay,
    program: &Program,
    place: &Path,
) -> io::Result<()> {
    let options::Relay { good, slow, .. } = *counts;
    println!(
        "\n{good} pairs that move data, without and among {slow} that read 1 byte a second, in \
        turns on a relay each"
    );
    let (quiet, busy) = (program.relay(&[], place)?, program.relay(&[], place)?);
    let pairs =
        |relay: &Relay, count| (0..count).map(|_| pair(relay.port)).collect::<io::Result<Vec<_>>>();
    let (mut alone, mut among, mut stuck) =
        (pairs(&quiet, good)?, pairs(&busy, good)?, pairs(&busy, slow)?);
    let before = busy.used()?.resident;
    let taken = stuff(&mut stuck)?;
    let held = busy.used()?.resident.saturating_sub(before);
    let each = held as f64 / f64::from(slow.max(1));
    println!(
        "  the slow ones' senders were taken {} by relay and kernel; resident {each:.0} KiB more \
        for each",
        report::size(taken)
    );
    let used = [quiet.used()?, busy.used()?];
    let over = AtomicBool::new(false);
    let rounds = thread::scope(|threads| {
        let trickling = threads.spawn(|| trickle(&mut stuck, &over));
        let rounds = (0..rounds * TIMES).map(|round| {
            let time = |pairs: &mut Vec<_>| {
                let begun = Instant::now();
                move_records(pairs, RECORDS)?;
                io::Result::Ok(begun.elapsed().as_secs_f64())
            };
            // The order changes each round.
            let (alone, among) = if round % 2 == 0 {
                (time(&mut alone)?, time(&mut among)?)
            } else {
                let among = time(&mut among)?;
                (time(&mut alone)?, among)
            };
            Ok((alone, among))
        });
        let rounds = rounds.collect::<io::Result<Vec<(f64, f64)>>>();
        over.store(true, Ordering::Relaxed);
        trickling.join().map_err(|_| io::Error::other("the trickling thread panicked"))??;
        rounds
    })?;
    let bytes = u64::from(good) * (RECORD * RECORDS) as u64;
    let (alone, among): (Vec<f64>, Vec<f64>) = rounds.iter().copied().unzip();
    for (what, relay, used, times) in
        [("without", &quiet, used[0], alone), ("among them", &busy, used[1], among)]
    {
        let processor = relay.used()?.since(used).processor() * f64::from(1 << 30)
            / (bytes * times.len() as u64) as f64;
        let median = Duration::from_secs_f64(report::median(times));
        println!(
            "  {what}: median of {} rounds {}, {processor:.2} s of processor a GiB",
            rounds.len(),
            report::speed(bytes, median)
        );
    }
    println!(
        "  median ratio {:.2}",
        report::median(rounds.iter().map(|(alone, among)| alone / among).collect())
    );
    let peak = |relay: &Relay| io::Result::Ok(report::size(relay.used()?.memory << 10));
    println!("  peak memory: without {}, among them {}", peak(&quiet)?, peak(&busy)?);
    Ok(())
}

/// Sends records for as long as any of them is taken: how many bytes were.
fn stuff(pairs: &mut [(Peer, Peer)]) -> io::Result<u64> {
    let record = frame(BINARY, &vec![7; RECORD]);
    let (mut taken, mut at) = (0, vec![0; pairs.len()]);
    for (writer, _) in &mut *pairs {
        writer.0.set_nonblocking(true)?;
    }
    loop {
        let before = taken;
        for ((writer, _), at) in pairs.iter_mut().zip(&mut at) {
            loop {
                match writer.0.write(&record[*at..]) {
                    Ok(count) => {
                        taken += count as u64;
                        *at = (*at + count) % record.len();
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        if taken == before {
            return Ok(taken);
        }
        // The kernel lets a connection have more as it sees that it is used.
        thread::sleep(FULL);
    }
}

/// One byte a second for each.
fn trickle(pairs: &mut [(Peer, Peer)], over: &AtomicBool) -> io::Result<()> {
    while !over.load(Ordering::Relaxed) {
        for (_, reader) in &mut *pairs {
            reader.0.read_exact(&mut [0])?;
        }
        thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}
