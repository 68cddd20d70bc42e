//! The real program against peers, joiners, hosts and networks that mean it harm, all on loopback.
//!
//! `PINHOLE_FULL=1` runs the counts of the test plan; without it they are reduced to what a small
//! machine does in seconds.

#[allow(dead_code, reason = "each test target uses its own part")]
#[path = "../harness/mod.rs"]
mod harness;

mod between;
mod bombs;
mod door;
mod fake_hosts;
mod guesses;
mod injections;
mod later_links;
mod line;
mod links;
mod man_in_the_middle;
mod merging;
mod names;
mod peer;
mod places;
mod records;
mod relays;
mod relink;
mod secrecy;
mod sender;
mod sinks;
mod slow;
mod strangers;
mod stripes;
mod takers;
mod turns;
mod verify;
mod withdrawn;

/// The number of repetitions: `full` if all is asked for, else `reduced`.
fn count(full: usize, reduced: usize) -> usize {
    if std::env::var_os("PINHOLE_FULL").is_some() { full } else { reduced }
}
