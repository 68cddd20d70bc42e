//! Hosts that wait (TESTPLAN D1): memory, the time that a join takes meanwhile, and the processor
//! while nothing happens.

use super::memory;
use super::peer::{Host, PING, PONG, join};
use crate::options::Relay;
use crate::program::{self, Program};
use crate::report;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Joins at a time, after those one by one.
const AT_ONCE: usize = 8;
/// Time between two pings of a host that waits (SPEC 10.7).
const PINGS: Duration = Duration::from_secs(25);

pub fn measure(counts: &Relay, program: &Program, place: &Path) -> io::Result<()> {
    println!("\n{} hosts that wait, each from an address of its own", counts.hosts);
    let relay = program.relay(&[], place)?;
    let before = relay.used()?;
    let begun = Instant::now();
    let mut hosts =
        (0..counts.hosts).map(|_| Host::wait(relay.port)).collect::<io::Result<Vec<_>>>()?;
    println!("  they came within {:.1} s", begun.elapsed().as_secs_f64());
    // All that was said has been heard once another host has come and gone.
    drop(Host::wait(relay.port)?);
    println!("  {}", memory(relay.used()?, before, counts.hosts, "host"));
    idle(&relay, "nothing is said", counts.idle, || {
        thread::sleep(Duration::from_secs(counts.idle));
        Ok(())
    })?;
    idle(&relay, "each pings every 25 s", counts.idle, || {
        ping(&mut hosts, Duration::from_secs(counts.idle))
    })?;
    let one_by_one = joins(relay.port, &mut hosts, counts.joins as usize)?;
    println!(
        "  {} joins one by one, from dialling to message 1: {}",
        one_by_one.len(),
        report::spread(one_by_one, 99)
    );
    let share = hosts.len().div_ceil(AT_ONCE);
    let at_once = thread::scope(|threads| {
        let shares: Vec<_> = hosts
            .chunks_mut(share)
            .map(|share| {
                threads.spawn(|| joins(relay.port, share, counts.joins as usize / AT_ONCE))
            })
            .collect();
        shares
            .into_iter()
            .map(|share| share.join().map_err(|_| io::Error::other("a joining thread panicked"))?)
            .collect()
    });
    let at_once: Vec<Duration> = io::Result::<Vec<Vec<_>>>::from(at_once)?.concat();
    println!("  {} joins, {AT_ONCE} at a time: {}", at_once.len(), report::spread(at_once, 99));
    println!("  {} afterwards", memory(relay.used()?, before, counts.hosts, "host"));
    Ok(())
}

/// Prints the share of a core that the relay uses while `meanwhile` is done.
fn idle(
    relay: &program::Relay,
    what: &str,
    seconds: u64,
    meanwhile: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let (before, begun) = (relay.used()?, Instant::now());
    meanwhile()?;
    let used = relay.used()?.since(before).processor() / begun.elapsed().as_secs_f64();
    println!("  processor over {seconds} s in which {what}: {:.2} % of a core", used * 100.0);
    Ok(())
}

/// Every host in its turn, evenly over the time that each has between two pings.
fn ping(hosts: &mut [Host], time: Duration) -> io::Result<()> {
    let (begun, each) = (Instant::now(), PINGS.div_f64(hosts.len() as f64));
    for (turn, host) in (1_u32..).zip(hosts.iter_mut()) {
        if begun.elapsed() > time {
            break;
        }
        thread::sleep((each * turn).saturating_sub(begun.elapsed()));
        host.peer.send(PING, b"")?;
        host.peer.until(PONG)?;
    }
    thread::sleep(time.saturating_sub(begun.elapsed()));
    Ok(())
}

/// Joins that hang up once they have message 1, spread over all hosts: how long each took.
fn joins(port: u16, hosts: &mut [Host], count: usize) -> io::Result<Vec<Duration>> {
    let step = (hosts.len() / count.max(1)).max(1);
    hosts
        .iter_mut()
        .step_by(step)
        .take(count)
        .map(|host| {
            let begun = Instant::now();
            let joiner = join(port, host.number)?;
            let time = begun.elapsed();
            drop(joiner);
            host.next()?;
            Ok(time)
        })
        .collect()
}
