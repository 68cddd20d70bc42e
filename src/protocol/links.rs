//! The table of a conversation's links: which is in use, when each was heard of, when to beat
//! (SPEC 6).

use crate::limits::{
    BEAT_FAST, BEAT_SLOW, FIRST_RECORD_TIME, LINK_GRANTS, LINK_RECORDS, LINK_USE_TIME, LINKS,
    SILENCE_FAST, SILENCE_SLOW, STALLED,
};
use crate::time::Instant;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

/// A link's index in its conversation (SPEC 6.1): the host counts them up, and uses none twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub u32);

impl LinkId {
    /// The link that came from the code.
    pub const CODE: Self = Self(0);
}

/// The meaning of silence on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Nothing yet.
    Fine,
    /// Long enough, with work to do, to be said aloud; said once.
    Stalled,
    /// The link is to be given up.
    Dead,
}

/// A link of the table.
struct Link {
    state: LinkState,
    /// Its silence has been told, and no byte has come since.
    stalled: bool,
    /// Control records that it can still take.
    records: usize,
    /// Granted ranges that it can still take.
    grants: usize,
}

/// A link's way through the table. Only the link in use is sent on, but for its greeting.
#[derive(Clone, Copy)]
enum LinkState {
    /// Its handshake is confirmed. A joiner waits for `use`; a host may have other links to wait
    /// for.
    Confirmed {
        /// The moment of its confirmation.
        since: Instant,
    },
    /// The host has said `use` on it, and waits for `using`.
    Asked {
        /// The moment of its confirmation.
        since: Instant,
    },
    /// Its greeting has passed (SPEC 6.2): all that is sent goes here.
    InUse(Pulse),
    /// It is to be closed, and may still have something that was read from it.
    Cut {
        /// It has been in use.
        used: bool,
    },
}

/// Heartbeats of a link, in both directions (SPEC 6.4).
#[derive(Clone, Copy)]
struct Pulse {
    /// The moment of our last.
    beat: Instant,
    /// Our last said work.
    said_work: bool,
    /// The peer's last said work.
    peer_works: bool,
}

pub(crate) struct Links {
    table: BTreeMap<LinkId, Link>,
}

impl Links {
    pub(crate) const fn new() -> Self {
        Self { table: BTreeMap::new() }
    }

    /// A link whose handshake is confirmed; false if there are too many, or its index is taken.
    pub(crate) fn add(&mut self, now: Instant, id: LinkId) -> bool {
        if self.table.len() >= LINKS || self.table.contains_key(&id) {
            return false;
        }
        let state = LinkState::Confirmed { since: now };
        self.table
            .insert(id, Link { state, stalled: false, records: LINK_RECORDS, grants: LINK_GRANTS });
        true
    }

    /// A link is gone: true if it has been in use; `None` if there was none.
    pub(crate) fn lost(&mut self, id: LinkId) -> Option<bool> {
        self.table.remove(&id).map(|link| link.state.was_used())
    }

    fn get(&mut self, id: LinkId) -> Option<&mut Link> {
        self.table.get_mut(&id)
    }

    /// A link's greeting has passed: from now on all that is sent goes over it.
    pub(crate) fn put_in_use(&mut self, id: LinkId) {
        if let Some(link) = self.get(id) {
            if let LinkState::Confirmed { since } | LinkState::Asked { since } = link.state {
                link.state = LinkState::InUse(Pulse::new(since));
                link.stalled = false;
            }
        }
    }

    /// The link that all is sent over.
    pub(crate) fn in_use(&self) -> Option<LinkId> {
        let used = |link: &Link| matches!(link.state, LinkState::InUse(_));
        self.table.iter().find_map(|(id, link)| used(link).then_some(*id))
    }

    /// True if there is a link in use, and it has not been silent while there was work.
    pub(crate) fn works(&self) -> bool {
        let works = |link: &Link| matches!(link.state, LinkState::InUse(_)) && !link.stalled;
        self.table.values().any(works)
    }

    /// True if there is no link, whatever its state.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// True if a link's greeting is still to come.
    pub(crate) fn awaits_greeting(&self, id: LinkId) -> bool {
        let state = self.room(id).map(|link| link.state);
        matches!(state, Some(LinkState::Confirmed { .. } | LinkState::Asked { .. }))
    }

    /// True if a host waits for `using` on a link.
    pub(crate) fn is_asked(&self, id: LinkId) -> bool {
        self.room(id).is_some_and(|link| matches!(link.state, LinkState::Asked { .. }))
    }

    /// True if something that a link brings counts: it is in use, or was until it was cut.
    pub(crate) fn counts(&self, id: LinkId) -> bool {
        self.room(id).is_some_and(|link| link.state.was_used())
    }

    /// Takes the link on which a host says `use` next, if none that was used is left and none is
    /// being asked.
    pub(crate) fn ask(&mut self) -> Option<LinkId> {
        let first = |link: &Link| matches!(link.state, LinkState::Confirmed { .. });
        let busy = |link: &Link| matches!(link.state, LinkState::Asked { .. });
        if self.table.values().any(|link| busy(link) || link.state.was_used()) {
            return None;
        }
        let (id, link) = self.table.iter_mut().find(|(_, link)| first(link))?;
        if let LinkState::Confirmed { since } = link.state {
            link.state = LinkState::Asked { since };
        }
        Some(*id)
    }

    /// Marks a link as one to be closed; false if it is already.
    pub(crate) fn cut(&mut self, id: LinkId) -> bool {
        self.get(id).is_some_and(|link| {
            let is_new = !matches!(link.state, LinkState::Cut { .. });
            link.state = LinkState::Cut { used: link.state.was_used() };
            is_new
        })
    }

    /// Marks all links but one as links to be closed. Returns those that were not before.
    pub(crate) fn cut_others(&mut self, kept: LinkId) -> Vec<LinkId> {
        let others: Vec<_> = self.table.keys().copied().filter(|id| *id != kept).collect();
        others.into_iter().filter(|id| self.cut(*id)).collect()
    }

    /// True if a link is the only one that may still bring something.
    pub(crate) fn is_alone(&self, id: LinkId) -> bool {
        self.table.iter().all(|(other, link)| *other == id || !link.state.was_used())
    }

    /// True if a link can take a control record: more would wait in it, where nothing later can
    /// replace or overtake them.
    pub(crate) fn has_room(&self, id: LinkId) -> bool {
        self.room(id).is_some_and(|link| link.records > 0)
    }

    /// A control record was handed to a link.
    pub(crate) fn handed(&mut self, id: LinkId) {
        if let Some(link) = self.get(id) {
            link.records = link.records.saturating_sub(1);
        }
    }

    /// A link has sealed a control record, and can take another.
    pub(crate) fn taken(&mut self, id: LinkId) {
        if let Some(link) = self.get(id) {
            link.records = link.records.saturating_add(1).min(LINK_RECORDS);
        }
    }

    /// Granted ranges that a link can still take.
    pub(crate) fn grants(&self, id: LinkId) -> usize {
        self.room(id).map_or(0, |link| link.grants)
    }

    /// So many ranges were granted to a link.
    pub(crate) fn granted(&mut self, id: LinkId, count: usize) {
        if let Some(link) = self.get(id) {
            link.grants = link.grants.saturating_sub(count);
        }
    }

    /// A link is through with a granted range.
    pub(crate) fn served(&mut self, id: LinkId) {
        if let Some(link) = self.get(id) {
            link.grants = link.grants.saturating_add(1).min(LINK_GRANTS);
        }
    }

    fn room(&self, id: LinkId) -> Option<&Link> {
        self.table.get(&id)
    }

    /// A record arrived on a link; true if that is in use and had been called stalled.
    pub(crate) fn heard(&mut self, id: LinkId) -> bool {
        let used = |link: &&mut Link| matches!(link.state, LinkState::InUse(_));
        self.get(id).filter(used).is_some_and(|link| core::mem::take(&mut link.stalled))
    }

    /// The peer's heartbeat arrived on a link.
    pub(crate) fn peer_beat(&mut self, id: LinkId, works: bool) {
        if let Some(LinkState::InUse(pulse)) = self.get(id).map(|link| &mut link.state) {
            pulse.peer_works = works;
        }
    }

    /// A read on the link has waited this long for a byte.
    pub(crate) fn quiet(&mut self, id: LinkId, waited: Duration, work: bool) -> Silence {
        let use_time = self.use_time(id);
        let Some(link) = self.get(id) else { return Silence::Fine };
        let (patience, peer_works) = match &link.state {
            LinkState::Confirmed { .. } | LinkState::Asked { .. } => (use_time, false),
            LinkState::InUse(pulse) if pulse.peer_works => (SILENCE_FAST, true),
            LinkState::InUse(_) => (SILENCE_SLOW, false),
            LinkState::Cut { .. } => return Silence::Fine,
        };
        if waited >= patience {
            Silence::Dead
        } else if (work || peer_works)
            && waited >= STALLED
            && !core::mem::replace(&mut link.stalled, true)
        {
            Silence::Stalled
        } else {
            Silence::Fine
        }
    }

    /// The next link that has to be in use soon, and the moment.
    pub(crate) fn use_due(&self) -> Option<(LinkId, Instant)> {
        let due = |(id, link): (&LinkId, &Link)| match link.state {
            LinkState::Confirmed { since } | LinkState::Asked { since } => {
                Some((*id, since.after(self.use_time(*id))))
            }
            LinkState::InUse(_) | LinkState::Cut { .. } => None,
        };
        self.table.iter().filter_map(due).min_by_key(|(_, due)| *due)
    }

    /// Time from a link's confirmation to its use (SPEC 6.2): long on the code's while it is alone.
    fn use_time(&self, id: LinkId) -> Duration {
        let waits = |link: &Link| {
            matches!(link.state, LinkState::Confirmed { .. } | LinkState::Asked { .. })
        };
        let alone = || !self.table.iter().any(|(other, link)| *other != id && waits(link));
        if id == LinkId::CODE && alone() { FIRST_RECORD_TIME } else { LINK_USE_TIME }
    }

    /// Takes the link on which a heartbeat is due: in time, or at once when work begins.
    pub(crate) fn beat(&mut self, now: Instant, work: bool) -> Option<LinkId> {
        let id = self.in_use()?;
        let LinkState::InUse(pulse) = &mut self.get(id)?.state else { return None };
        let begins = work && !pulse.said_work;
        if !begins && now.since(pulse.beat) < pulse.pace(work) {
            return None;
        }
        (pulse.beat, pulse.said_work) = (now, work);
        Some(id)
    }

    /// The moment of the next heartbeat; `None` if the link in use has no room, which it will tell.
    pub(crate) fn beat_due(&self, work: bool) -> Option<Instant> {
        let link = self.room(self.in_use()?).filter(|link| link.records > 0)?;
        match &link.state {
            LinkState::InUse(pulse) => Some(pulse.beat.after(pulse.pace(work))),
            _ => None,
        }
    }
}

impl LinkState {
    const fn was_used(&self) -> bool {
        matches!(self, Self::InUse(_) | Self::Cut { used: true })
    }
}

impl Pulse {
    /// Counts the first heartbeat of a link from the moment of its confirmation.
    const fn new(confirmed: Instant) -> Self {
        Self { beat: confirmed, said_work: false, peer_works: false }
    }

    fn pace(&self, work: bool) -> Duration {
        // Having said work, the next beat that says none is expected as soon as one that says it
        // again.
        if work || self.said_work || self.peer_works { BEAT_FAST } else { BEAT_SLOW }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    fn used() -> Links {
        let mut links = Links::new();
        assert!(links.add(at(0), LinkId::CODE) && !links.add(at(0), LinkId::CODE));
        assert!(!links.heard(LinkId::CODE) && !links.works());
        links.put_in_use(LinkId::CODE);
        assert!(links.works());
        links
    }

    #[test]
    fn beats_are_fast_while_either_side_works_and_begin_at_once() {
        let mut links = used();
        assert_eq!((links.beat(at(24), false), links.beat_due(false)), (None, Some(at(25))));
        assert_eq!(links.beat(at(25), false), Some(LinkId::CODE));
        assert_eq!(links.beat(at(25), true), Some(LinkId::CODE));
        assert_eq!(
            (links.beat(at(26), true), links.beat(at(27), true)),
            (None, Some(LinkId::CODE))
        );
        // The end of the work is said in time: the other side gives a link up soon whose last beat
        // said work.
        assert_eq!((links.beat(at(28), false), links.beat_due(false)), (None, Some(at(29))));
        links.peer_beat(LinkId::CODE, true);
        assert_eq!(
            (links.beat(at(29), false), links.beat_due(false)),
            (Some(LinkId::CODE), Some(at(31)))
        );
        links.peer_beat(LinkId::CODE, false);
        assert_eq!(links.beat_due(false), Some(at(54)));
    }

    #[test]
    fn silence_is_said_once_then_ends_the_link_sooner_if_the_peer_was_working() {
        let mut links = used();
        let quiet = |links: &mut Links, seconds, work| {
            links.quiet(LinkId::CODE, Duration::from_secs(seconds), work)
        };
        assert_eq!(quiet(&mut links, 29, false), Silence::Fine);
        assert_eq!(quiet(&mut links, 30, false), Silence::Dead);
        assert_eq!(
            [quiet(&mut links, 4, true), quiet(&mut links, 5, true), quiet(&mut links, 6, true)]
                .map(|s| s == Silence::Stalled),
            [false, true, false]
        );
        assert!(links.heard(LinkId::CODE) && !links.heard(LinkId::CODE));
        links.peer_beat(LinkId::CODE, true);
        assert_eq!(
            (quiet(&mut links, 14, false), quiet(&mut links, 15, false)),
            (Silence::Stalled, Silence::Dead)
        );
    }

    #[test]
    fn a_link_takes_so_much_and_is_not_woken_for_before_it_has_room() {
        let mut links = used();
        for _ in 0..LINK_RECORDS {
            assert!(links.has_room(LinkId::CODE) && links.beat_due(false).is_some());
            links.handed(LinkId::CODE);
        }
        links.heard(LinkId::CODE);
        assert!(!links.has_room(LinkId::CODE) && links.beat_due(false).is_none());
        links.taken(LinkId::CODE);
        assert!(links.has_room(LinkId::CODE) && links.beat_due(false).is_some());
        links.granted(LinkId::CODE, LINK_GRANTS);
        assert_eq!(links.grants(LinkId::CODE), 0);
        links.served(LinkId::CODE);
        assert_eq!((links.grants(LinkId::CODE), links.grants(LinkId(1))), (1, 0));
    }

    #[test]
    fn a_link_has_its_time_to_come_into_use() {
        let mut links = Links::new();
        assert!(links.add(at(1), LinkId::CODE) && links.add(at(2), LinkId(7)));
        assert_eq!(links.quiet(LinkId(7), LINK_USE_TIME, false), Silence::Dead);
        assert_eq!(
            (links.lost(LinkId::CODE), links.use_due()),
            (Some(false), Some((LinkId(7), at(7))))
        );
        assert!(links.lost(LinkId(7)) == Some(false) && links.add(at(1), LinkId::CODE));
        assert_eq!(links.quiet(LinkId::CODE, Duration::from_secs(39), false), Silence::Fine);
        assert_eq!((links.use_due(), links.beat_due(false)), (Some((LinkId::CODE, at(41))), None));
        links.put_in_use(LinkId::CODE);
        assert_eq!((links.use_due(), links.beat_due(false)), (None, Some(at(26))));
        assert_eq!((links.lost(LinkId::CODE), links.lost(LinkId::CODE)), (Some(true), None));
    }

    #[test]
    fn the_codes_link_has_its_long_time_only_while_there_is_no_other() {
        let mut links = Links::new();
        assert!(links.add(at(1), LinkId::CODE) && links.ask() == Some(LinkId::CODE));
        assert_eq!(links.use_due(), Some((LinkId::CODE, at(41))));
        assert!(links.add(at(20), LinkId(1)));
        assert_eq!(links.use_due(), Some((LinkId::CODE, at(6))));
        assert_eq!(links.quiet(LinkId::CODE, LINK_USE_TIME, false), Silence::Dead);
        assert!(links.cut(LinkId::CODE) && links.ask() == Some(LinkId(1)));
        assert_eq!(links.use_due(), Some((LinkId(1), at(25))));
    }

    #[test]
    fn a_host_asks_one_link_at_a_time_and_none_before_the_used_one_is_gone() {
        let mut links = used();
        assert!(links.add(at(3), LinkId(2)) && links.add(at(3), LinkId(3)));
        assert_eq!(links.ask(), None);
        assert!(links.cut(LinkId::CODE) && !links.cut(LinkId::CODE));
        assert_eq!((links.in_use(), links.ask()), (None, None));
        assert!(links.counts(LinkId::CODE) && !links.counts(LinkId(2)));
        assert_eq!(links.lost(LinkId::CODE), Some(true));
        assert_eq!((links.ask(), links.ask()), (Some(LinkId(2)), None));
        assert!(links.awaits_greeting(LinkId(2)) && links.awaits_greeting(LinkId(3)));
        links.put_in_use(LinkId(2));
        assert_eq!(
            (links.cut_others(LinkId(2)), links.in_use()),
            (vec![LinkId(3)], Some(LinkId(2)))
        );
        // Nothing can come of one that was never used.
        assert!(links.is_alone(LinkId(2)) && links.cut_others(LinkId(2)).is_empty());
    }

    #[test]
    fn a_silent_link_does_not_work_until_it_is_heard_again() {
        let mut links = used();
        assert_eq!(links.quiet(LinkId::CODE, STALLED, true), Silence::Stalled);
        assert!(!links.works() && links.in_use().is_some());
        assert!(links.heard(LinkId::CODE) && links.works());
    }

    #[test]
    fn a_record_that_was_read_before_its_link_was_cut_does_not_say_that_bytes_flow() {
        let mut links = used();
        assert_eq!(links.quiet(LinkId::CODE, STALLED, true), Silence::Stalled);
        assert!(links.cut(LinkId::CODE) && !links.heard(LinkId::CODE));
    }

    #[test]
    fn a_link_that_was_silent_before_its_greeting_works_once_it_is_in_use() {
        let mut links = Links::new();
        assert!(links.add(at(0), LinkId::CODE));
        assert_eq!(links.quiet(LinkId::CODE, STALLED, true), Silence::Stalled);
        assert!(!links.heard(LinkId::CODE));
        links.put_in_use(LinkId::CODE);
        assert!(links.works());
    }

    #[test]
    fn there_are_at_most_eight() {
        let mut links = Links::new();
        assert!((0..8).all(|id| links.add(at(0), LinkId(id))) && !links.add(at(0), LinkId(8)));
        assert!(links.cut(LinkId(3)) && !links.add(at(0), LinkId(8)));
        assert!(links.lost(LinkId(3)).is_some() && links.add(at(0), LinkId(8)));
    }
}
