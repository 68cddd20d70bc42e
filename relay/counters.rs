//! What a relay counts: sums over everybody, never anything of one connection.

use crate::pairing::Population;
use core::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// That many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All of them.
#[derive(Default, Debug)]
pub struct Counters {
    /// Connections that were accepted.
    pub connections: Counter,
    /// Upgrades that were answered with 101.
    pub upgrades: Counter,
    /// Requests that were refused.
    pub refused: Counter,
    /// Pairs that came together.
    pub pairs: Counter,
    /// Frames that were forwarded between paired sides.
    pub frames: Counter,
    /// Bytes of their payload.
    pub bytes: Counter,
    /// Times a sender was made to wait because of its rate.
    pub delayed: Counter,
}

impl Counters {
    /// What `/metrics` answers (Prometheus' text format).
    #[must_use]
    pub fn text(&self, population: &Population, held: usize) -> String {
        let mut text = String::new();
        for (name, value) in [("pairs_total", self.pairs.get()), ("frames_forwarded_total", self.frames.get())] {
            text.push_str(&format!("pinhole_relay_{name} {value}\n"));
        }
        text.push_str(&format!("pinhole_relay_hosts {}\npinhole_relay_buffered_bytes {held}\n", population.hosts));
        text
    }
}
