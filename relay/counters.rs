//! The counters of a relay, as Prometheus text. Sums over everybody: no label can hold what a peer
//! chose, so no address, number or token can come out here.

use crate::pairing::Population;
use pinhole_protocol::rendezvous::{CloseReason, Refusal};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::time::Duration;

/// The content type of [`Counters::text`] (OpenMetrics 1.0).
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

impl From<&Refusal> for Status {
    fn from(refusal: &Refusal) -> Self {
        Self { status: refusal.status() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// Counts since the relay's start, and gauges that are set just before they are read.
pub struct Counters {
    registry: Registry,
    now: Gauges,
    /// Connections accepted.
    pub accepted: Counter,
    /// Hosts that got a number, or theirs back.
    pub hosts: Counter,
    /// Joiners that came.
    pub joins: Counter,
    /// Codes that two sides confirmed.
    pub confirmed: Counter,
    /// Link slots in which two ends met.
    pub links: Counter,
    /// Frames forwarded.
    pub frames: Counter,
    /// Bytes of their payloads.
    pub bytes: Counter,
    /// Times that a sender was made to wait for its rate.
    pub delayed: Counter,
    refused: Family<Status, Counter>,
    closed: Family<Reason, Counter>,
}

#[derive(Default)]
struct Gauges {
    connections: Gauge,
    hosts: Gauge,
    resting: Gauge,
    slots: Gauge,
    pairs: Gauge,
    buffered: Gauge,
    uptime: Gauge,
}

/// The gauges at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Counts of the pairing.
    pub population: Population,
    /// Connections, those included that have not said what they want.
    pub connections: usize,
    /// Bytes held for sides that have not read them yet.
    pub buffered: usize,
    /// Time since the relay's start.
    pub uptime: Duration,
}

impl Default for Counters {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("pinhole_relay");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version of this relay", version);
        let now = Gauges::default();
        for (name, help, gauge) in [
            ("connections", "Open connections", &now.connections),
            ("waiting_hosts", "Numbers held by hosts, connected or absent", &now.hosts),
            ("resting_numbers", "Released numbers that are not handed out yet", &now.resting),
            ("link_slots", "Links with one end waiting for the other", &now.slots),
            ("pairs", "Pairs of connections that exchange frames", &now.pairs),
        ] {
            registry.register(name, help, gauge.clone());
        }
        registry.register_with_unit(
            "buffered",
            "Bytes buffered for slow readers",
            Unit::Bytes,
            now.buffered.clone(),
        );
        registry.register_with_unit(
            "uptime",
            "Time since the relay started",
            Unit::Seconds,
            now.uptime.clone(),
        );
        let [accepted, hosts, joins, confirmed, links, frames, bytes, delayed] =
            std::array::from_fn(|_| Counter::default());
        for (name, help, counter) in [
            ("accepted", "Connections accepted", &accepted),
            ("hosts", "Hosts that were given a number, or got theirs back", &hosts),
            ("joins", "Joiners that connected", &joins),
            ("confirmed", "Codes confirmed by both sides", &confirmed),
            ("links", "Links whose two ends met", &links),
            ("forwarded_frames", "Frames forwarded", &frames),
            ("delayed", "Times a sender was slowed down by its rate limit", &delayed),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register_with_unit(
            "forwarded",
            "Bytes of payload forwarded",
            Unit::Bytes,
            bytes.clone(),
        );
        let (refused, closed) =
            (Family::<Status, Counter>::default(), Family::<Reason, Counter>::default());
        registry.register("refused", "Upgrade requests refused", refused.clone());
        registry.register("closed", "Connections closed by the relay", closed.clone());
        let this = Self {
            registry,
            now,
            accepted,
            hosts,
            joins,
            confirmed,
            links,
            frames,
            bytes,
            delayed,
            refused,
            closed,
        };
        // All are there from the start, so that a first one is an increase.
        Refusal::ALL.iter().for_each(|refusal| drop(this.refused.get_or_create(&refusal.into())));
        // The relay's own end is counted by nobody.
        let counted = CloseReason::ALL.iter().filter(|reason| **reason != CloseReason::Away);
        counted.for_each(|reason| {
            drop(this.closed.get_or_create(&Reason { reason: reason.as_str() }));
        });
        this
    }
}

impl Counters {
    /// An upgrade request was refused.
    pub fn refused(&self, refusal: Refusal) {
        self.refused.get_or_create(&Status::from(&refusal)).inc();
    }

    /// The relay closed a connection.
    pub fn closed(&self, why: CloseReason) {
        self.closed.get_or_create(&Reason { reason: why.as_str() }).inc();
    }

    /// Everything, for `/metrics`; as [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// If the text cannot be made, which takes a name that Prometheus does not allow.
    pub fn text(&self, moment: &Moment) -> Result<String, fmt::Error> {
        let Moment { population, connections, buffered, uptime } = *moment;
        let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.now.connections.set(whole(connections));
        self.now.hosts.set(whole(population.hosts));
        self.now.resting.set(whole(population.resting));
        self.now.slots.set(whole(population.slots));
        self.now.pairs.set(whole(population.pairs));
        self.now.buffered.set(whole(buffered));
        self.now.uptime.set(i64::try_from(uptime.as_secs()).unwrap_or(i64::MAX));
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment() -> Moment {
        let population = Population { connections: 1, hosts: 2, resting: 3, slots: 4, pairs: 5 };
        Moment { population, connections: 7, buffered: 4096, uptime: Duration::from_millis(61_500) }
    }

    fn lines(counters: &Counters) -> Vec<String> {
        counters
            .text(&moment())
            .unwrap()
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn everything_is_there_before_anything_has_happened() {
        let lines = lines(&Counters::default());
        let version =
            concat!("pinhole_relay_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1");
        for line in [
            version,
            "pinhole_relay_connections 7",
            "pinhole_relay_waiting_hosts 2",
            "pinhole_relay_resting_numbers 3",
            "pinhole_relay_link_slots 4",
            "pinhole_relay_pairs 5",
            "pinhole_relay_buffered_bytes 4096",
            "pinhole_relay_uptime_seconds 61",
            "pinhole_relay_hosts_total 0",
            "pinhole_relay_forwarded_bytes_total 0",
            "pinhole_relay_refused_total{status=\"429\"} 0",
            "pinhole_relay_closed_total{reason=\"unavailable\"} 0",
        ] {
            assert!(lines.iter().any(|is| is == line), "{line} is not in {lines:#?}");
        }
        let gauges_and_counters = 8 + 8;
        let reasons = CloseReason::ALL.len() - 1;
        assert_eq!(lines.len(), gauges_and_counters + Refusal::ALL.len() + reasons);
        assert!(!lines.iter().any(|line| line.contains("away")));
    }

    #[test]
    fn each_counter_counts_what_it_is_for() {
        let counters = Counters::default();
        let all = [
            &counters.accepted,
            &counters.hosts,
            &counters.joins,
            &counters.confirmed,
            &counters.links,
            &counters.frames,
            &counters.bytes,
            &counters.delayed,
        ];
        for (count, counter) in (1..).zip(all) {
            counter.inc_by(count);
        }
        counters.refused(Refusal::Token);
        counters.closed(CloseReason::Late);
        let mut counted: Vec<_> = lines(&counters)
            .into_iter()
            .filter(|line| line.contains("_total") && !line.ends_with(" 0"))
            .collect();
        counted.sort();
        let expected = [
            "accepted_total 1",
            "closed_total{reason=\"late\"} 1",
            "confirmed_total 4",
            "delayed_total 8",
            "forwarded_bytes_total 7",
            "forwarded_frames_total 6",
            "hosts_total 2",
            "joins_total 3",
            "links_total 5",
            "refused_total{status=\"401\"} 1",
        ];
        assert_eq!(counted, expected.map(|line| format!("pinhole_relay_{line}")));
    }
}
