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
    /// Links that its way bears.
    most: usize,
}

/// A link's way through the table. But for greetings, the link in use and stripes alone are sent
/// on.
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
        kind: Kind,
    },
    /// Its greeting has passed (SPEC 6.2): all that is sent goes here.
    InUse(Pulse),
    /// Its greeting has passed: bulk alone goes here (SPEC 6.3).
    Stripe(Pulse),
    /// It is to be closed, and may still have something that was read from it.
    Cut(Was),
}

/// The meaning of a link's greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All that is said goes over it.
    Main,
    /// It is beside such a one, for bulk.
    Stripe,
}

/// A link's use until it ended, or was to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Was {
    /// Nothing that came of it counts.
    Unused,
    /// Bulk may have come of it: the joiner sends as soon as it has answered.
    Stripe,
    InUse,
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
    pub(crate) fn add(&mut self, now: Instant, id: LinkId, most: usize) -> bool {
        let open =
            self.table.values().filter(|link| !matches!(link.state, LinkState::Cut(_))).count();
        let many = open >= LINKS || self.table.len() >= 2 * LINKS;
        if many || self.table.contains_key(&id) {
            return false;
        }
        let (records, grants) = (LINK_RECORDS, LINK_GRANTS);
        let state = LinkState::Confirmed { since: now };
        self.table.insert(id, Link { state, stalled: false, records, grants, most });
        true
    }

    /// A link is gone; `None` if there was none.
    pub(crate) fn lost(&mut self, id: LinkId) -> Option<Was> {
        self.table.remove(&id).map(|link| link.state.was())
    }

    fn get(&mut self, id: LinkId) -> Option<&mut Link> {
        self.table.get_mut(&id)
    }

    /// A link's greeting has passed: from now on all that is sent goes over it, or bulk.
    pub(crate) fn put_in_use(&mut self, id: LinkId, kind: Kind) {
        if let Some(link) = self.get(id) {
            if let LinkState::Confirmed { since } | LinkState::Asked { since, .. } = link.state {
                let pulse = Pulse::new(since);
                link.state = match kind {
                    Kind::Main => LinkState::InUse(pulse),
                    Kind::Stripe => LinkState::Stripe(pulse),
                };
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

    /// True if there is such a link, whatever its state.
    pub(crate) fn has(&self, id: LinkId) -> bool {
        self.table.contains_key(&id)
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

    /// The use for which a host waits for `using` on a link.
    pub(crate) fn asked(&self, id: LinkId) -> Option<Kind> {
        self.room(id).and_then(|link| match link.state {
            LinkState::Asked { kind, .. } => Some(kind),
            _ => None,
        })
    }

    /// True if something that a link says counts: it is in use, or was until it was cut.
    pub(crate) fn counts(&self, id: LinkId) -> bool {
        self.room(id).is_some_and(|link| link.state.was() == Was::InUse)
    }

    /// Takes the link on which a host says `use` next: as the link in use if none that was used is
    /// left and no other is being asked, as a stripe if there are fewer than so many beside it.
    pub(crate) fn ask(&mut self, stripes: usize) -> Option<(LinkId, Kind)> {
        let first = |link: &Link| matches!(link.state, LinkState::Confirmed { .. });
        let asked = |link: &&Link| matches!(link.state, LinkState::Asked { .. });
        let asked = self.table.values().filter(asked).count();
        let kind = if !self.table.values().any(|link| link.state.was() != Was::Unused) {
            if asked > 0 {
                return None;
            }
            Kind::Main
        } else if self.works() && self.stripes().count().saturating_add(asked) < stripes {
            Kind::Stripe
        } else {
            return None;
        };
        let (id, link) = self.table.iter_mut().find(|(_, link)| first(link))?;
        if let LinkState::Confirmed { since } = link.state {
            link.state = LinkState::Asked { since, kind };
        }
        Some((*id, kind))
    }

    /// The stripes in use, by index.
    pub(crate) fn stripes(&self) -> impl DoubleEndedIterator<Item = LinkId> + '_ {
        let stripe = |link: &Link| matches!(link.state, LinkState::Stripe(_));
        self.table.iter().filter(move |(_, link)| stripe(link)).map(|(id, _)| *id)
    }

    /// True if a link is a stripe in use.
    pub(crate) fn is_stripe(&self, id: LinkId) -> bool {
        self.room(id).is_some_and(|link| matches!(link.state, LinkState::Stripe(_)))
    }

    /// Number of stripes that the way of the link in use bears.
    pub(crate) fn most_stripes(&self) -> usize {
        let link = self.in_use().and_then(|id| self.room(id));
        link.map_or(0, |link| link.most.min(LINKS).saturating_sub(1))
    }

    /// Number of the links beside the one in use that are stripes or may become some.
    pub(crate) fn beside(&self) -> usize {
        let beside = |link: &&Link| !matches!(link.state, LinkState::InUse(_) | LinkState::Cut(_));
        if self.in_use().is_some() { self.table.values().filter(beside).count() } else { 0 }
    }

    /// Marks all stripes, and the link that is asked to be one, as links to be closed.
    pub(crate) fn cut_stripes(&mut self) -> Vec<LinkId> {
        let stripe = |link: &Link| {
            !matches!(link.state, LinkState::Cut(_)) && link.state.was() == Was::Stripe
        };
        let stripes = self.table.iter().filter(|(_, link)| stripe(link));
        let stripes: Vec<_> = stripes.map(|(id, _)| *id).collect();
        stripes.into_iter().filter(|id| self.cut(*id)).collect()
    }

    /// Marks a link as one to be closed; false if it is already.
    pub(crate) fn cut(&mut self, id: LinkId) -> bool {
        self.get(id).is_some_and(|link| {
            let is_new = !matches!(link.state, LinkState::Cut(_));
            link.state = LinkState::Cut(link.state.was());
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
        self.table.iter().all(|(other, link)| *other == id || link.state.was() == Was::Unused)
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
        if let Some(pulse) = self.get(id).and_then(|link| link.state.pulse()) {
            pulse.peer_works = works;
        }
    }

    /// A read on the link has waited this long for a byte.
    pub(crate) fn quiet(&mut self, id: LinkId, waited: Duration, work: bool) -> Silence {
        let use_time = self.use_time(id);
        let Some(link) = self.get(id) else { return Silence::Fine };
        let (patience, peer_works) = match &link.state {
            LinkState::Confirmed { .. } | LinkState::Asked { .. } => (use_time, false),
            // Nothing but bulk waits for it, and the link in use is there for all else.
            LinkState::Stripe(pulse) if work || pulse.peer_works => (STALLED, pulse.peer_works),
            LinkState::InUse(pulse) if pulse.peer_works => (SILENCE_FAST, true),
            LinkState::InUse(_) | LinkState::Stripe(_) => (SILENCE_SLOW, false),
            LinkState::Cut(_) => return Silence::Fine,
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
            LinkState::Confirmed { since } | LinkState::Asked { since, .. } => {
                Some((*id, since.after(self.use_time(*id))))
            }
            LinkState::InUse(_) | LinkState::Stripe(_) | LinkState::Cut(_) => None,
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

    /// True if a heartbeat is due on a link, which counts as said then: in time, or at once when
    /// work begins.
    pub(crate) fn beat(&mut self, id: LinkId, now: Instant, work: bool) -> bool {
        let Some(pulse) = self.get(id).and_then(|link| link.state.pulse()) else { return false };
        let begins = work && !pulse.said_work;
        if !begins && now.since(pulse.beat) < pulse.pace(work) {
            return false;
        }
        (pulse.beat, pulse.said_work) = (now, work);
        true
    }

    /// The moment of the next heartbeat; `None` if no link has room, which it will tell.
    pub(crate) fn beat_due(&self, work: bool) -> Option<Instant> {
        let due = |link: &Link| match link.state {
            LinkState::InUse(pulse) | LinkState::Stripe(pulse) => {
                Some(pulse.beat.after(pulse.pace(work)))
            }
            _ => None,
        };
        self.table.values().filter(|link| link.records > 0).filter_map(due).min()
    }
}

impl LinkState {
    const fn was(&self) -> Was {
        match self {
            Self::InUse(_) => Was::InUse,
            Self::Stripe(_) | Self::Asked { kind: Kind::Stripe, .. } => Was::Stripe,
            Self::Confirmed { .. } | Self::Asked { kind: Kind::Main, .. } => Was::Unused,
            Self::Cut(was) => *was,
        }
    }

    const fn pulse(&mut self) -> Option<&mut Pulse> {
        match self {
            Self::InUse(pulse) | Self::Stripe(pulse) => Some(pulse),
            Self::Confirmed { .. } | Self::Asked { .. } | Self::Cut(_) => None,
        }
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
        assert!(links.add(at(0), LinkId::CODE, LINKS) && !links.add(at(0), LinkId::CODE, LINKS));
        assert!(!links.heard(LinkId::CODE) && !links.works());
        links.put_in_use(LinkId::CODE, Kind::Main);
        assert!(links.works());
        links
    }

    #[test]
    fn beats_are_fast_while_either_side_works_and_begin_at_once() {
        let mut links = used();
        let beat = |links: &mut Links, seconds, work| links.beat(LinkId::CODE, at(seconds), work);
        assert_eq!((beat(&mut links, 24, false), links.beat_due(false)), (false, Some(at(25))));
        assert!(beat(&mut links, 25, false));
        assert!(beat(&mut links, 25, true));
        assert_eq!((beat(&mut links, 26, true), beat(&mut links, 27, true)), (false, true));
        // The end of the work is said in time: the other side gives a link up soon whose last beat
        // said work.
        assert_eq!((beat(&mut links, 28, false), links.beat_due(false)), (false, Some(at(29))));
        links.peer_beat(LinkId::CODE, true);
        assert_eq!((beat(&mut links, 29, false), links.beat_due(false)), (true, Some(at(31))));
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
        assert!(links.add(at(1), LinkId::CODE, LINKS) && links.add(at(2), LinkId(7), LINKS));
        assert_eq!(links.quiet(LinkId(7), LINK_USE_TIME, false), Silence::Dead);
        assert_eq!(
            (links.lost(LinkId::CODE), links.use_due()),
            (Some(Was::Unused), Some((LinkId(7), at(7))))
        );
        assert!(
            links.lost(LinkId(7)) == Some(Was::Unused) && links.add(at(1), LinkId::CODE, LINKS)
        );
        assert_eq!(links.quiet(LinkId::CODE, Duration::from_secs(39), false), Silence::Fine);
        assert_eq!((links.use_due(), links.beat_due(false)), (Some((LinkId::CODE, at(41))), None));
        links.put_in_use(LinkId::CODE, Kind::Main);
        assert_eq!((links.use_due(), links.beat_due(false)), (None, Some(at(26))));
        assert_eq!((links.lost(LinkId::CODE), links.lost(LinkId::CODE)), (Some(Was::InUse), None));
    }

    #[test]
    fn the_codes_link_has_its_long_time_only_while_there_is_no_other() {
        let mut links = Links::new();
        assert!(
            links.add(at(1), LinkId::CODE, LINKS)
                && links.ask(0) == Some((LinkId::CODE, Kind::Main))
        );
        assert_eq!(links.use_due(), Some((LinkId::CODE, at(41))));
        assert!(links.add(at(20), LinkId(1), LINKS));
        assert_eq!(links.use_due(), Some((LinkId::CODE, at(6))));
        assert_eq!(links.quiet(LinkId::CODE, LINK_USE_TIME, false), Silence::Dead);
        assert!(links.cut(LinkId::CODE) && links.ask(0) == Some((LinkId(1), Kind::Main)));
        assert_eq!(links.use_due(), Some((LinkId(1), at(25))));
    }

    #[test]
    fn a_host_asks_one_link_at_a_time_and_none_before_the_used_one_is_gone() {
        let mut links = used();
        assert!(links.add(at(3), LinkId(2), LINKS) && links.add(at(3), LinkId(3), LINKS));
        assert_eq!(links.ask(0), None);
        assert!(links.cut(LinkId::CODE) && !links.cut(LinkId::CODE));
        assert_eq!((links.in_use(), links.ask(0)), (None, None));
        assert!(links.counts(LinkId::CODE) && !links.counts(LinkId(2)));
        assert_eq!(links.lost(LinkId::CODE), Some(Was::InUse));
        assert_eq!((links.ask(0), links.ask(0)), (Some((LinkId(2), Kind::Main)), None));
        assert!(links.awaits_greeting(LinkId(2)) && links.awaits_greeting(LinkId(3)));
        links.put_in_use(LinkId(2), Kind::Main);
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
        assert!(links.add(at(0), LinkId::CODE, LINKS));
        assert_eq!(links.quiet(LinkId::CODE, STALLED, true), Silence::Stalled);
        assert!(!links.heard(LinkId::CODE));
        links.put_in_use(LinkId::CODE, Kind::Main);
        assert!(links.works());
    }

    #[test]
    fn there_are_at_most_eight() {
        let mut links = Links::new();
        assert!(
            (0..8).all(|id| links.add(at(0), LinkId(id), LINKS))
                && !links.add(at(0), LinkId(8), LINKS)
        );
        // Those that are being closed have their own bound.
        for cut in 0..8 {
            assert!(links.cut(LinkId(cut)) && links.add(at(0), LinkId(8 + cut), LINKS));
        }
        assert!(links.cut(LinkId(8)) && !links.add(at(0), LinkId(16), LINKS));
        assert!(links.lost(LinkId(3)).is_some() && links.add(at(0), LinkId(16), LINKS));
    }

    #[test]
    fn stripes_are_asked_for_beside_a_link_that_works_and_go_with_it() {
        let mut links = used();
        assert!((1..=3).all(|id| links.add(at(0), LinkId(id), LINKS)));
        assert_eq!((links.beside(), links.ask(0)), (3, None));
        assert_eq!((links.ask(1), links.ask(1)), (Some((LinkId(1), Kind::Stripe)), None));
        assert_eq!(links.asked(LinkId(1)), Some(Kind::Stripe));
        // Nobody waits for the answer on another.
        assert_eq!(links.ask(2), Some((LinkId(2), Kind::Stripe)));
        links.put_in_use(LinkId(1), Kind::Stripe);
        assert_eq!(links.ask(2), None);
        links.put_in_use(LinkId(2), Kind::Stripe);
        assert_eq!((links.ask(2), links.stripes().count(), links.beside()), (None, 2, 3));
        assert_eq!(links.in_use(), Some(LinkId::CODE));
        assert!(links.is_stripe(LinkId(2)) && !links.is_stripe(LinkId(3)));
        assert!(!links.counts(LinkId(1)) && !links.is_alone(LinkId::CODE));
        // A joiner may have sent behind its answer, which is still to come.
        assert_eq!(links.ask(3), Some((LinkId(3), Kind::Stripe)));
        assert_eq!(links.cut_stripes(), [1, 2, 3].map(LinkId));
        assert_eq!((links.cut_stripes(), links.beside()), (vec![], 0));
        assert_eq!([1, 2, 3].map(|id| links.lost(LinkId(id))), [Some(Was::Stripe); 3]);
        assert!(links.is_alone(LinkId::CODE));
        // None is put into use before all that was is gone.
        assert!(
            links.add(at(0), LinkId(4), LINKS) && links.ask(1) == Some((LinkId(4), Kind::Stripe))
        );
        assert!(
            links.add(at(0), LinkId(5), LINKS) && links.cut(LinkId::CODE) && links.cut(LinkId(4))
        );
        assert!(links.lost(LinkId::CODE) == Some(Was::InUse) && links.ask(1).is_none());
        assert!(links.lost(LinkId(4)) == Some(Was::Stripe));
        assert_eq!(links.ask(1), Some((LinkId(5), Kind::Main)));
    }

    #[test]
    fn a_stripe_beats_for_itself_and_is_given_up_sooner_while_there_is_work() {
        let mut links = used();
        assert!(links.add(at(9), LinkId(1), LINKS));
        links.put_in_use(LinkId(1), Kind::Stripe);
        let quiet = |links: &mut Links, seconds, work| {
            links.quiet(LinkId(1), Duration::from_secs(seconds), work)
        };
        assert!(links.beat(LinkId::CODE, at(10), true) && links.beat_due(true) == Some(at(11)));
        assert!(links.beat(LinkId(1), at(10), true) && !links.beat(LinkId(1), at(11), true));
        assert_eq!(
            (quiet(&mut links, 4, true), quiet(&mut links, 29, false)),
            (Silence::Fine, Silence::Fine)
        );
        assert_eq!(
            (quiet(&mut links, 5, true), quiet(&mut links, 30, false)),
            (Silence::Dead, Silence::Dead)
        );
        links.peer_beat(LinkId(1), true);
        assert_eq!(quiet(&mut links, 5, false), Silence::Dead);
        assert_eq!(links.quiet(LinkId::CODE, STALLED, false), Silence::Fine);
        assert!(links.works());
    }
}
