//! Handshakes under way at a listener: 16 places, some of them for each source, and who gives one
//! up (SPEC 3.7).

use pinhole_protocol::limits::{PENDING_HANDSHAKES, PENDING_SPARED};
use pinhole_protocol::source::Source;
use std::time::Instant;
use tokio::task::AbortHandle;

/// Handshakes under way, in the order in which they came.
pub(in crate::transport) struct Pending {
    of_source: usize,
    handshakes: Vec<One>,
}

/// A handshake under way.
struct One {
    source: Source,
    since: Instant,
    task: AbortHandle,
}

impl Pending {
    /// Places of which each source has so many.
    pub(in crate::transport) const fn new(of_source: usize) -> Self {
        Self { of_source, handshakes: Vec::new() }
    }

    /// Makes room for a newcomer, at the cost of one that has been there for a while if need be;
    /// false if the newcomer has to go.
    pub(in crate::transport) fn make_room(&mut self, source: Source) -> bool {
        self.handshakes.retain(|other| !other.task.is_finished());
        match self.crowded_out(source) {
            None => true,
            Some(Some(oldest)) => {
                self.handshakes.remove(oldest).task.abort();
                true
            }
            Some(None) => false,
        }
    }

    /// A newcomer, for which there is room.
    pub(in crate::transport) fn push(&mut self, source: Source, task: AbortHandle) {
        self.handshakes.push(One { source, since: Instant::now(), task });
    }

    /// Closes all of them unread.
    pub(in crate::transport) fn close(&self) {
        self.handshakes.iter().for_each(|one| one.task.abort());
    }

    /// The place that a newcomer takes from another: `None` if it needs none, `Some(None)` if none
    /// may be closed.
    fn crowded_out(&self, source: Source) -> Option<Option<usize>> {
        let from_source = self.handshakes.iter().filter(|other| other.source == source).count();
        let only = if from_source >= self.of_source {
            Some(source)
        } else if self.handshakes.len() >= PENDING_HANDSHAKES {
            None
        } else {
            return None;
        };
        let alike = |other: &One| only.is_none_or(|source| other.source == source);
        let stays = |other: &One| other.since.elapsed() <= PENDING_SPARED;
        Some(self.handshakes.iter().position(|other| alike(other) && !stays(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_protocol::limits::PENDING_PER_SOURCE;
    use std::net::IpAddr;

    /// Strangers at these addresses who came just now, or a while ago, and stay.
    fn pending(addresses: &[&str], since: Instant) -> Pending {
        let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
        let one = |address: &&str| One { source: source(address), since, task: task.clone() };
        let handshakes = addresses.iter().map(one).collect();
        Pending { handshakes, ..Pending::new(PENDING_PER_SOURCE) }
    }

    fn source(address: &str) -> Source {
        address.parse::<IpAddr>().unwrap().into()
    }

    #[tokio::test]
    async fn sixteen_addresses_of_one_64_have_the_four_places_of_one_source() {
        let crowd: Vec<String> =
            (1..=16).map(|number| format!("2001:db8:1:2:{number}::{number}")).collect();
        let mut taken = Pending::new(PENDING_PER_SOURCE);
        for address in &crowd {
            if taken.crowded_out(source(address)).is_none() {
                taken.handshakes.extend(pending(&[address], Instant::now()).handshakes);
            }
        }
        assert_eq!(taken.handshakes.len(), PENDING_PER_SOURCE);
        // Another 64 has its own, and takes nobody's.
        assert_eq!(taken.crowded_out(source("2001:db8:1:3::1")), None);
        // A mapped address is the IPv4 address that it maps.
        let mapped = pending(
            &["::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"],
            Instant::now(),
        );
        assert_eq!(
            (mapped.crowded_out(source("192.0.2.1")), mapped.crowded_out(source("192.0.2.2"))),
            (Some(None), None)
        );
    }

    #[tokio::test]
    async fn an_old_place_of_the_same_source_is_given_to_its_newcomer_and_nobody_elses() {
        let Some(earlier) = Instant::now().checked_sub(PENDING_SPARED * 2) else { return };
        let mut all = pending(&["192.0.2.7"], earlier);
        let more = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"];
        all.handshakes.extend(pending(&more, earlier).handshakes);
        assert_eq!(all.crowded_out(source("2001:db8::5")), Some(Some(1)));
        assert_eq!(all.crowded_out(source("192.0.2.8")), None);
    }
}
