//! The places at which each side can be met for another link, as it says itself (SPEC 6.6).

use super::{Actions, Conversation, Event};
use crate::limits::{PLACE_PORT, PLACE_RELAY, PLACES, PLACES_IN_ALL};
use crate::violation::Violation;
use crate::wire::{Control, Places};
use alloc::collections::BTreeSet;
use core::net::SocketAddr;

/// Everything that this side says of itself, and that it has heard of the other.
#[derive(Default)]
pub(super) struct Known {
    /// Ours; `None` before there is anything to say.
    ours: Option<Places>,
    /// The link in use has them.
    said: bool,
    /// Addresses that this side has had to say in the whole conversation.
    named: BTreeSet<SocketAddr>,
    /// The peer's, as they were said last.
    theirs: Places,
    /// Addresses that it has said in the whole conversation.
    heard: BTreeSet<SocketAddr>,
}

impl Known {
    /// The link in use has none of it.
    pub(super) const fn say_again(&mut self) {
        self.said = false;
    }

    /// Takes what is to be said of this side, within the limits.
    pub(super) fn set(&mut self, mut places: Places) {
        places.relay = places.relay.filter(|relay| relay.raw().len() <= PLACE_RELAY);
        places.direct.retain(|place| place.port() >= PLACE_PORT);
        places.direct.truncate(PLACES);
        let named = &mut self.named;
        places.direct.retain(|place| {
            named.contains(place) || (named.len() < PLACES_IN_ALL && named.insert(*place))
        });
        if self.ours.as_ref() != Some(&places) {
            (self.ours, self.said) = (Some(places), false);
        }
    }

    /// Takes what the peer says of itself; true if that is new.
    fn hear(&mut self, places: Places) -> Result<bool, Violation> {
        self.heard.extend(&places.direct);
        if self.heard.len() > PLACES_IN_ALL {
            return Err(Violation::ManyPlaces);
        }
        let is_new = self.theirs != places;
        self.theirs = places;
        Ok(is_new)
    }
}

impl Conversation {
    /// The peer's places. The program hears of them once the person here has compared the
    /// verification words.
    pub(super) fn their_places(
        &mut self,
        places: Places,
        actions: &mut Actions,
    ) -> Result<(), Violation> {
        if !self.setup.resuming {
            return Err(Violation::PlacesUnagreed);
        }
        if self.places.hear(places)? && self.unverified.is_none() {
            actions.events.push(Event::Places(self.places.theirs.clone()));
        }
        Ok(())
    }

    /// Tells the program of places that it has not heard of while the words were compared.
    pub(super) fn tell_held_places(&self, actions: &mut Actions) {
        if self.places.theirs != Places::default() {
            actions.events.push(Event::Places(self.places.theirs.clone()));
        }
    }

    /// Our places, if the link in use lacks them and they may be said.
    pub(super) fn next_places(&mut self) -> Option<Control> {
        let sayable = self.setup.resuming && self.unverified.is_none() && !self.places.said;
        let places = self.places.ours.clone().filter(|_| sayable)?;
        self.places.said = true;
        Some(Control::Places(places))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::greeting_tests::{commitment, greeting, told};
    use crate::conversation::{Input, LinkEnd, Outcome, Role, Setup};
    use crate::limits::{TTL, WINDOW};
    use crate::links::LinkId;
    use crate::time::Instant;
    use crate::wire::{PeerText, Want, read};
    use alloc::vec::Vec;

    const NOW: Instant = Instant::from_millis(0);

    fn host(verify: bool, resuming: bool) -> Conversation {
        let setup = Setup {
            want: Want::Both,
            ttl: TTL,
            verify,
            faithful: true,
            resuming,
            proving: true,
            striping: false,
        };
        let mut host = Conversation::new(NOW, commitment(Role::Host), setup);
        let _ = host.handle(NOW, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
        let _ = told(&mut host, LinkId::CODE, &Control::Using(greeting(0, WINDOW)));
        host
    }

    /// Places at these ports of one address.
    fn at(ports: core::ops::Range<u16>) -> Places {
        let direct = ports.map(|port| SocketAddr::from(([192, 0, 2, 1], port))).collect();
        Places { direct, relay: None }
    }

    fn said(actions: &Actions) -> Vec<Places> {
        let read = actions.control.iter().filter_map(|(_, body)| read::<Control>(body));
        let places = |control| match control {
            Control::Places(places) => Some(places),
            _ => None,
        };
        read.filter_map(places).collect()
    }

    fn heard(actions: &Actions) -> Vec<Places> {
        let places = |event: &Event| match event {
            Event::Places(places) => Some(places.clone()),
            _ => None,
        };
        actions.events.iter().filter_map(places).collect()
    }

    #[test]
    fn places_that_the_peer_would_not_read_are_not_said() {
        let mut host = host(false, true);
        let mut places = at(80..82);
        places.direct.extend(at(2_000..2_001).direct);
        places.relay = Some(PeerText::new("r".repeat(1_025)));
        let actions = host.handle(NOW, Input::Places(places));
        assert_eq!(said(&actions), [at(2_000..2_001)]);
    }

    #[test]
    fn ours_are_said_when_they_change_and_on_each_link() {
        let mut host = host(false, true);
        let said_of =
            |host: &mut Conversation, ports| said(&host.handle(NOW, Input::Places(at(ports))));
        assert_eq!(said_of(&mut host, 2_000..2_002), [at(2_000..2_002)]);
        assert_eq!(said_of(&mut host, 2_000..2_002), []);
        assert_eq!(said_of(&mut host, 2_000..2_001), [at(2_000..2_001)]);
        let _ = host.handle(NOW, Input::LinkDown(LinkId::CODE, LinkEnd::Closed));
        assert_eq!(said_of(&mut host, 2_000..2_003), []);
        let _ = host.handle(NOW, Input::LinkUp { link: LinkId(1), linked: false, most: 1 });
        let used = told(&mut host, LinkId(1), &Control::Using(greeting(0, WINDOW)));
        assert_eq!(said(&used), [at(2_000..2_003)]);
    }

    #[test]
    fn eight_are_said_at_a_time_and_thirty_two_in_all() {
        let mut host = host(false, true);
        for first in (2_000..2_040).step_by(8) {
            let now = said(&host.handle(NOW, Input::Places(at(first..first + 20))));
            let expected = if first < 2_032 { at(first..first + 8) } else { Places::default() };
            assert_eq!(now, [expected]);
        }
        // One that was said before costs nothing.
        assert_eq!(said(&host.handle(NOW, Input::Places(at(2_003..2_005)))), [at(2_003..2_005)]);
    }

    #[test]
    fn the_peers_are_told_when_they_are_new_and_over_the_limit_they_end_it() {
        let mut host = host(false, true);
        let tell =
            |host: &mut Conversation, ports| told(host, LinkId::CODE, &Control::Places(at(ports)));
        for first in (2_000..2_032).step_by(8) {
            assert_eq!(heard(&tell(&mut host, first..first + 8)), [at(first..first + 8)]);
            assert_eq!(heard(&tell(&mut host, first..first + 8)), []);
        }
        assert_eq!(heard(&tell(&mut host, 2_000..2_001)), [at(2_000..2_001)]);
        let over = tell(&mut host, 2_032..2_033);
        let many = Outcome::Violated(Violation::ManyPlaces);
        assert!(matches!(over.events[..], [Event::Over(outcome)] if outcome == many));
    }

    #[test]
    fn before_the_yes_none_is_said_and_none_is_told() {
        let mut host = host(true, true);
        assert_eq!(said(&host.handle(NOW, Input::Places(at(2_000..2_001)))), []);
        for ports in [3_000..3_004, 3_001..3_002] {
            let held = told(&mut host, LinkId::CODE, &Control::Places(at(ports)));
            assert!(held.events.is_empty());
        }
        let verified = host.handle(NOW, Input::Verified);
        assert_eq!(
            (said(&verified), heard(&verified)),
            ([at(2_000..2_001)].into(), [at(3_001..3_002)].into())
        );
    }

    #[test]
    fn without_resuming_none_is_said_and_one_that_is_said_ends_it() {
        let mut host = host(false, false);
        let relay = Some(PeerText::new("wss://relay.example".into()));
        let ours = Places { relay, ..Places::default() };
        assert_eq!(said(&host.handle(NOW, Input::Places(ours.clone()))), []);
        let over = told(&mut host, LinkId::CODE, &Control::Places(ours));
        let unagreed = Outcome::Violated(Violation::PlacesUnagreed);
        assert!(matches!(over.events[..], [Event::Over(outcome)] if outcome == unagreed));
    }
}
