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

/// What silence on a link means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Nothing yet.
    Fine,
    /// Long enough, with work to do, to be said aloud; said once.
    Stalled,
    /// The link is to be given up.
    Dead,
}

struct Link {
    confirmed: Instant,
    /// A valid record has arrived on it.
    heard: bool,
    /// `use` and `using` have passed: what is sent goes here.
    used: bool,
    stalled: bool,
    /// When the last beat was sent, and whether it and the peer's last one said work.
    beat: Instant,
    said_work: bool,
    peer_works: bool,
    /// Control records and granted ranges that it can still take.
    records: usize,
    grants: usize,
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
                    confirmed: now,
                    heard: false,
                    used: false,
                    stalled: false,
                    beat: now,
                    said_work: false,
                    peer_works: false,
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

    /// From now on what is sent goes over this link.
    pub(crate) fn put_in_use(&mut self, id: LinkId) {
        for (index, link) in (0u8..).zip(&mut self.table) {
            if let Some(link) = link {
                link.used = index == id.0;
            }
        }
    }

    /// The link that what is sent goes over.
    pub(crate) fn in_use(&self) -> Option<LinkId> {
        (0u8..).zip(&self.table).find_map(|(index, link)| {
            link.as_ref().is_some_and(|link| link.used).then_some(LinkId(index))
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

    /// Bytes arrived on a link; true if it had been called stalled.
    pub(crate) fn heard(&mut self, id: LinkId) -> bool {
        self.get(id).is_some_and(|link| {
            link.heard = true;
            core::mem::take(&mut link.stalled)
        })
    }

    /// The peer's heartbeat arrived on a link.
    pub(crate) fn peer_beat(&mut self, id: LinkId, works: bool) {
        if let Some(link) = self.get(id) {
            link.peer_works = works;
        }
    }

    /// A read on the link has waited this long for a byte.
    pub(crate) fn quiet(&mut self, id: LinkId, waited: Duration, work: bool) -> Silence {
        let Some(link) = self.get(id) else { return Silence::Fine };
        let patience = match (link.heard, link.peer_works) {
            (false, _) => FIRST_RECORD_TIME,
            (true, true) => SILENCE_FAST,
            (true, false) => SILENCE_SLOW,
        };
        if waited >= patience {
            Silence::Dead
        } else if (work || link.peer_works)
            && waited >= STALLED
            && !core::mem::replace(&mut link.stalled, true)
        {
            Silence::Stalled
        } else {
            Silence::Fine
        }
    }

    /// The links that have had no valid record in the time that a first one may take.
    pub(crate) fn never_heard(&self, now: Instant) -> Option<LinkId> {
        (0u8..).zip(&self.table).find_map(|(index, link)| {
            link.as_ref()
                .is_some_and(|link| !link.heard && now.since(link.confirmed) >= FIRST_RECORD_TIME)
                .then_some(LinkId(index))
        })
    }

    /// Whether a beat is due on the link in use: in time, or at once when work begins.
    pub(crate) fn beat(&mut self, now: Instant, work: bool) -> Option<LinkId> {
        let id = self.in_use()?;
        let link = self.get(id)?;
        let begins = work && !link.said_work;
        if !begins && now.since(link.beat) < link.pace(work) {
            return None;
        }
        link.beat = now;
        link.said_work = work;
        Some(id)
    }

    /// When [`Links::beat`] or [`Links::never_heard`] will next have something to say.
    pub(crate) fn wake_at(&self, work: bool) -> Option<Instant> {
        // One that has no room is heard of when it has.
        let beat =
            |link: &Link| (link.used && link.records > 0).then(|| link.beat.after(link.pace(work)));
        let first = |link: &Link| (!link.heard).then(|| link.confirmed.after(FIRST_RECORD_TIME));
        self.table.iter().flatten().flat_map(|link| [beat(link), first(link)]).flatten().min()
    }
}

impl Link {
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
        assert_eq!((links.beat(at(24), false), links.wake_at(false)), (None, Some(at(25))));
        assert_eq!(links.beat(at(25), false), Some(LinkId::CODE));
        assert_eq!(links.beat(at(25), true), Some(LinkId::CODE));
        assert_eq!(
            (links.beat(at(26), true), links.beat(at(27), true)),
            (None, Some(LinkId::CODE))
        );
        // The end of the work is said in time: the other side gives a link up soon whose last beat
        // said work.
        assert_eq!((links.beat(at(28), false), links.wake_at(false)), (None, Some(at(29))));
        links.peer_beat(LinkId::CODE, true);
        assert_eq!(
            (links.beat(at(29), false), links.wake_at(false)),
            (Some(LinkId::CODE), Some(at(31)))
        );
        links.peer_beat(LinkId::CODE, false);
        assert_eq!(links.wake_at(false), Some(at(54)));
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
            assert!(links.has_room(LinkId::CODE) && links.wake_at(false).is_some());
            links.handed(LinkId::CODE);
        }
        links.heard(LinkId::CODE);
        assert!(!links.has_room(LinkId::CODE) && links.wake_at(false).is_none());
        links.taken(LinkId::CODE);
        assert!(links.has_room(LinkId::CODE) && links.wake_at(false).is_some());
        links.granted(LinkId::CODE, LINK_GRANTS);
        assert_eq!(links.grants(LinkId::CODE), 0);
        links.served(LinkId::CODE);
        assert_eq!((links.grants(LinkId::CODE), links.grants(LinkId(1))), (1, 0));
    }

    #[test]
    fn a_link_without_a_first_record_is_noticed_after_40_seconds() {
        let mut links = Links::new();
        assert!(links.add(at(1), LinkId::CODE));
        assert_eq!(
            (links.never_heard(at(40)), links.never_heard(at(41))),
            (None, Some(LinkId::CODE))
        );
        assert_eq!(links.wake_at(false), Some(at(41)));
        links.heard(LinkId::CODE);
        assert_eq!((links.never_heard(at(41)), links.wake_at(false)), (None, None));
        assert!(links.lost(LinkId::CODE) && !links.lost(LinkId::CODE));
    }
}
