//! The connections of a machine while something is moved.

use super::network::Machine;
use crate::bench::Bench;
use crate::report;
use crate::source::{fresh, write_file};
use crate::table::{Measurement, Round, Row, Sample, Wanted};
use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Time between two looks at the connections.
const LOOK: Duration = Duration::from_millis(50);

/// The links of a transfer on loopback, on a machine that has nothing else.
pub fn loopback<'a>(bench: &'a Bench<'_>, size: u64) -> Measurement<'a> {
    let figure = format!("links for {}, loopback", report::size(size));
    let rows = vec![Row::new(figure, "", Wanted::Most(1.0), "links")];
    let begin = move || -> io::Result<Round<'a>> {
        let (place, machine) = (bench.in_memory()?, Machine::new()?);
        let env = vec![("PINHOLE_NETWORK", "loopback".to_owned())];
        let program = bench.program.within(machine.enter(), env);
        let source = place.path().join("source.bin");
        write_file(&source, size)?;
        Ok(Box::new(move |_| {
            let (_, links) = watched(&machine, || {
                fresh(place.path(), |target| program.transfer(&source, &target, None))
            })?;
            Ok(vec![Sample::alone(links as f64)])
        }))
    };
    Measurement { name: "links-loopback".to_owned(), rows, begin: Box::new(begin) }
}

/// Does `work`, and looks at the machine's connections meanwhile: the most that there were at once.
pub fn watched<T>(
    machine: &Machine,
    work: impl FnOnce() -> io::Result<T>,
) -> io::Result<(T, usize)> {
    let over = AtomicBool::new(false);
    thread::scope(|threads| {
        let looking = threads.spawn(|| {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                most = most.max(connections(&machine.run("ss -tnH state established")?));
                thread::sleep(LOOK);
            }
            io::Result::Ok(most)
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        let most = looking.join().map_err(|_| io::Error::other("a watching thread panicked"))??;
        Ok((done?, most))
    })
}

/// Connections in what `ss` says; one on loopback has two lines, one for each end.
fn connections(said: &str) -> usize {
    let ends = said.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(2);
        let (one, other) = (words.next()?, words.next()?);
        Some(if one < other { (one, other) } else { (other, one) })
    });
    ends.collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_connection_are_one() {
        let said = "0 0 127.0.0.1:5000 127.0.0.1:40000\n0 3 127.0.0.1:40000 127.0.0.1:5000 \n\
                    0      0      10.77.0.1:5000     10.77.0.2:40000\n";
        assert_eq!((connections(said), connections("")), (2, 0));
    }
}
