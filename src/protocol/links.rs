//! The table of a conversation's links: which is in use, when each was heard of, when to beat
//! (SPEC 6).

use crate::limits::{
    BEAT_FAST, BEAT_SLOW, FIRST_RECORD_TIME, LINK_GRANTS, LINK_RECORDS, LINKS, SILENCE_FAST,
    SILENCE_SLOW, STALLED,
};
use crate::time::Instant;
use core::time::Duration;

/// A link's place in the table of its conversation, 0 to 7. The code's link is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub u8);

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

/// A link's way through the table. What arrives is taken in each state; only the link in use is
/// sent on.
#[derive(Clone, Copy)]
enum LinkState {
    /// Its handshake is confirmed, its first record has yet to arrive (SPEC 6.4).
    Confirmed {
        /// The moment of its confirmation.
        since: Instant,
    },
    /// A record has arrived on it, but another link is sent on: its greeting is to come, or past.
    Unused(Pulse),
    /// Its greeting has passed (SPEC 6.2): all that is sent goes here.
    InUse(Pulse),
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
    table: [Option<Link>; LINKS],
}

impl Links {
    pub(crate) fn new() -> Self {
        Self { table: [const { None }; LINKS] }
    }

    /// A link whose handshake is confirmed; false if its place does not exist or is taken.
    pub(crate) fn add(&mut self, now: Instant, id: LinkId) -> bool {
        match self.table.get_mut(usize::from(id.0)) {
            Some(place @ None) => {
                *place = Some(Link {
                    state: LinkState::Confirmed { since: now },
                    stalled: false,
                    records: LINK_RECORDS,
                    grants: LINK_GRANTS,
                });
                true
            }
            _ => false,
        }
    }

    pub(crate) fn lost(&mut self, id: LinkId) -> bool {
        self.table.get_mut(usize::from(id.0)).and_then(Option::take).is_some()
    }

    fn get(&mut self, id: LinkId) -> Option<&mut Link> {
        self.table.get_mut(usize::from(id.0))?.as_mut()
    }

    /// A link's greeting has passed: from now on all that is sent goes over it, and over no other.
    pub(crate) fn put_in_use(&mut self, id: LinkId) {
        for (index, link) in (0u8..).zip(&mut self.table) {
            let Some(link) = link else { continue };
            link.state.put_in_use(index == id.0);
        }
    }

    /// The link that all is sent over.
    pub(crate) fn in_use(&self) -> Option<LinkId> {
        (0u8..).zip(&self.table).find_map(|(index, link)| {
            matches!(link.as_ref()?.state, LinkState::InUse(_)).then_some(LinkId(index))
        })
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
        self.table.get(usize::from(id.0))?.as_ref()
    }

    /// A record arrived on a link; true if it had been called stalled.
    pub(crate) fn heard(&mut self, id: LinkId) -> bool {
        self.get(id).is_some_and(|link| {
            link.state.hear();
            core::mem::take(&mut link.stalled)
        })
    }

    /// The peer's heartbeat arrived on a link.
    pub(crate) fn peer_beat(&mut self, id: LinkId, works: bool) {
        if let Some(pulse) = self.get(id).and_then(|link| link.state.pulse()) {
            pulse.peer_works = works;
        }
    }

    /// A read on the link has waited this long for a byte.
    pub(crate) fn quiet(&mut self, id: LinkId, waited: Duration, work: bool) -> Silence {
        let Some(link) = self.get(id) else { return Silence::Fine };
        let (patience, peer_works) = match &link.state {
            LinkState::Confirmed { .. } => (FIRST_RECORD_TIME, false),
            LinkState::Unused(pulse) | LinkState::InUse(pulse) if pulse.peer_works => {
                (SILENCE_FAST, true)
            }
            LinkState::Unused(_) | LinkState::InUse(_) => (SILENCE_SLOW, false),
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

    /// The moment by which a confirmed link must have had its first record.
    pub(crate) fn first_record_due(&self) -> Option<Instant> {
        let due = |link: &Link| match link.state {
            LinkState::Confirmed { since } => Some(since.after(FIRST_RECORD_TIME)),
            LinkState::Unused(_) | LinkState::InUse(_) => None,
        };
        self.table.iter().flatten().filter_map(due).min()
    }

    /// Takes the link on which a heartbeat is due: in time, or at once when work begins.
    pub(crate) fn beat(&mut self, now: Instant, work: bool) -> Option<LinkId> {
        let id = self.in_use()?;
        let pulse = self.get(id)?.state.pulse()?;
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
            LinkState::Confirmed { .. } | LinkState::Unused(_) => None,
        }
    }
}

impl LinkState {
    /// A record has arrived on the link.
    const fn hear(&mut self) {
        if let Self::Confirmed { since } = *self {
            *self = Self::Unused(Pulse::new(since));
        }
    }

    /// The link is put into use, or another is.
    const fn put_in_use(&mut self, used: bool) {
        *self = match (*self, used) {
            (Self::Confirmed { since }, true) => Self::InUse(Pulse::new(since)),
            (Self::Unused(pulse), true) => Self::InUse(pulse),
            (Self::InUse(pulse), false) => Self::Unused(pulse),
            (state, _) => state,
        };
    }

    const fn pulse(&mut self) -> Option<&mut Pulse> {
        match self {
            Self::Confirmed { .. } => None,
            Self::Unused(pulse) | Self::InUse(pulse) => Some(pulse),
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

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    fn used() -> Links {
        let mut links = Links::new();
        assert!(links.add(at(0), LinkId::CODE));
        assert!(!links.add(at(0), LinkId::CODE) && !links.add(at(0), LinkId(8)));
        assert!(!links.heard(LinkId::CODE));
        links.put_in_use(LinkId::CODE);
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
    fn a_link_without_a_first_record_is_noticed_after_40_seconds() {
        let mut links = Links::new();
        assert!(links.add(at(1), LinkId::CODE));
        assert_eq!((links.first_record_due(), links.beat_due(false)), (Some(at(41)), None));
        links.put_in_use(LinkId::CODE);
        assert_eq!((links.first_record_due(), links.beat_due(false)), (None, Some(at(26))));
        assert!(links.lost(LinkId::CODE) && !links.lost(LinkId::CODE));
    }

    #[test]
    fn a_second_link_that_was_heard_may_wait_unused_for_as_long_as_it_beats() {
        let mut links = used();
        let second = LinkId(1);
        let silent = Duration::from_secs;
        assert!(links.add(at(3), second) && !links.heard(second));
        assert_eq!((links.in_use(), links.first_record_due()), (Some(LinkId::CODE), None));
        // Its silence now counts like that of any link with a record.
        assert_eq!(links.quiet(second, silent(29), false), Silence::Fine);
        assert_eq!(links.quiet(second, silent(30), false), Silence::Dead);
        links.peer_beat(second, true);
        assert_eq!(links.quiet(second, silent(15), false), Silence::Dead);
        // A third one still has its own 40 seconds.
        assert!(links.add(at(4), LinkId(2)));
        assert_eq!(links.first_record_due(), Some(at(44)));
        links.put_in_use(second);
        assert_eq!((links.in_use(), links.beat_due(false)), (Some(second), Some(at(5))));
    }

    #[test]
    fn a_link_that_another_replaces_retires_and_can_be_put_into_use_again() {
        let mut links = used();
        let second = LinkId(1);
        assert!(links.add(at(3), second));
        assert_eq!((links.in_use(), links.first_record_due()), (Some(LinkId::CODE), Some(at(43))));
        links.peer_beat(LinkId::CODE, true);
        links.put_in_use(second);
        assert_eq!((links.in_use(), links.beat_due(false)), (Some(second), Some(at(28))));
        // Its silence still counts, by the last heartbeat that the peer sent on it.
        let silent = |seconds| Duration::from_secs(seconds);
        assert_eq!(links.quiet(LinkId::CODE, silent(15), false), Silence::Dead);
        links.put_in_use(LinkId::CODE);
        assert_eq!((links.in_use(), links.beat_due(false)), (Some(LinkId::CODE), Some(at(2))));
        assert!(links.lost(LinkId::CODE) && links.in_use().is_none());
    }
}
