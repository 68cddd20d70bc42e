//! The numbers that are handed out, wait and rest, and whose they are (SPEC 10.6).

use super::crowds::Crowds;
use crate::limits::Shares;
use crate::quotas::Source;
use core::ops::RangeInclusive;
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::rendezvous::CloseReason;
use pinhole_protocol::time::Instant;
use rand_core::{CryptoRng, RngCore};
use std::collections::{BTreeMap, VecDeque};

/// The spaces that numbers are drawn from, the shortest first. What lies between the first two are
/// ports, or looks like them.
const SPACES: [RangeInclusive<u32>; 5] = [
    100..=999,
    100_000..=999_999,
    1_000_000..=9_999_999,
    10_000_000..=99_999_999,
    100_000_000..=999_999_999,
];
/// Fewest numbers of a space per waiting host: a number named at random meets one once in a hundred
/// tries.
const SPARSE: usize = 100;
/// Numbers tried of one space. Half of it taken, all of these fail once in 2^32.
const TRIES: u32 = 32;

/// The numbers that wait or rest.
pub(super) struct Numbers {
    /// Each with the source that took it.
    held: BTreeMap<Nameplate, Source>,
    crowds: Crowds,
    /// Those that rest, all equally long, so that they wake in the order in which they were
    /// released.
    wake: VecDeque<(Instant, Nameplate)>,
}

impl Numbers {
    pub(super) const fn new(shares: &Shares) -> Self {
        Self { held: BTreeMap::new(), crowds: Crowds::new(shares), wake: VecDeque::new() }
    }

    /// The reason why a source may not take one more, of `all` that there may be.
    pub(super) fn refuse(&self, source: Source, all: usize) -> Option<CloseReason> {
        let left = all.saturating_sub(self.held.len());
        match left {
            0 => Some(CloseReason::Full),
            _ => (!self.crowds.admit(source, left, all)).then_some(CloseReason::Limit),
        }
    }

    /// Draws a number that is free, when `waiting` hosts wait with the new one, of six digits or
    /// more if it has to be `long`; nothing if none is found.
    pub(super) fn draw(
        &self,
        waiting: usize,
        long: bool,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Option<Nameplate> {
        let spaces = SPACES
            .into_iter()
            .skip(usize::from(long))
            .filter(|space| size(space) as usize >= waiting.saturating_mul(SPARSE));
        let mut drawn = spaces
            .flat_map(|space| core::iter::repeat_n(space, TRIES as usize))
            .filter_map(|space| {
                // The bias of a remainder is of no use to anybody: the number is public.
                let offset = rng.next_u64().checked_rem(u64::from(size(&space)))?;
                Nameplate::new(space.start().saturating_add(offset as u32)).ok()
            });
        drawn.find(|nameplate| !self.holds(*nameplate))
    }

    /// A source has a number from now on, which counts as its own to the end of the number's rest.
    pub(super) fn take(&mut self, nameplate: Nameplate, source: Source) {
        if let Some(before) = self.held.insert(nameplate, source) {
            self.crowds.remove(before);
        }
        self.crowds.add(source);
    }

    /// A number that was released rests until then.
    pub(super) fn rest(&mut self, nameplate: Nameplate, until: Instant) {
        self.wake.push_back((until, nameplate));
    }

    /// Ends the rest of a number that turns out to be somebody's.
    pub(super) fn wake_early(&mut self, nameplate: Nameplate) {
        self.wake.retain(|(_, resting)| *resting != nameplate);
    }

    /// True if a number waits or rests.
    pub(super) fn holds(&self, nameplate: Nameplate) -> bool {
        self.held.contains_key(&nameplate)
    }

    pub(super) fn resting(&self) -> usize {
        self.wake.len()
    }

    /// Those whose rest is over are free again.
    pub(super) fn wake(&mut self, now: Instant) {
        while self.wake_at().is_some_and(|until| until <= now) {
            if let Some((_, nameplate)) = self.wake.pop_front()
                && let Some(source) = self.held.remove(&nameplate)
            {
                self.crowds.remove(source);
            }
        }
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.wake.front().map(|(until, _)| *until)
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.wake.is_empty() && self.crowds.is_empty()
    }
}

const fn size(space: &RangeInclusive<u32>) -> u32 {
    space.end().saturating_sub(*space.start()).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use core::net::{IpAddr, Ipv4Addr};
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;
    use std::collections::BTreeSet;

    fn numbers() -> Numbers {
        Numbers::new(&Limits::default().shares)
    }

    fn source(number: u32) -> Source {
        IpAddr::from(Ipv4Addr::from_bits(number)).into()
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn digits(nameplate: Nameplate) -> usize {
        nameplate.to_string().len()
    }

    #[test]
    fn the_space_is_a_hundred_times_the_hosts_and_never_of_ports() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let numbers = numbers();
        for (waiting, expected) in [
            (1, 3),
            (9, 3),
            (10, 6),
            (9000, 6),
            (9001, 7),
            (90_000, 7),
            (90_001, 8),
            (900_001, 9),
            (9_000_000, 9),
        ] {
            for _ in 0..100 {
                let nameplate = numbers.draw(waiting, false, &mut rng).unwrap();
                assert!(nameplate.is_relay());
                assert_eq!(digits(nameplate), expected, "{waiting}");
            }
        }
        assert_eq!(numbers.draw(9_000_001, false, &mut rng), None);
    }

    #[test]
    fn all_numbers_of_a_space_are_drawn() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let numbers = numbers();
        let drawn: BTreeSet<u32> = (0..20_000)
            .filter_map(|_| numbers.draw(1, false, &mut rng))
            .map(Nameplate::number)
            .collect();
        assert!(drawn.into_iter().eq(100..=999));
    }

    #[test]
    fn a_number_that_rests_or_is_taken_is_not_drawn_and_a_longer_one_is() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut numbers = numbers();
        let free = Nameplate::new(555).unwrap();
        for number in (100..=999).filter(|number| *number != 555) {
            let nameplate = Nameplate::new(number).unwrap();
            numbers.take(nameplate, source(number));
            numbers.rest(nameplate, at(u64::from(number)));
        }
        for _ in 0..100 {
            let nameplate = numbers.draw(1, false, &mut rng).unwrap();
            assert!(nameplate == free || digits(nameplate) == 6);
        }
        numbers.take(free, source(1));
        assert_eq!(digits(numbers.draw(1, false, &mut rng).unwrap()), 6);
        assert_eq!((numbers.resting(), numbers.wake_at()), (899, Some(at(100))));
        numbers.wake(at(199));
        assert_eq!((numbers.resting(), numbers.wake_at()), (799, Some(at(200))));
        numbers.wake(at(999));
        assert_eq!((numbers.resting(), numbers.wake_at()), (0, None));
    }

    #[test]
    fn long_numbers_have_six_digits_or_more() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for (waiting, expected) in [(1, 6), (9000, 6), (9001, 7)] {
            assert_eq!(
                digits(numbers().draw(waiting, true, &mut rng).unwrap()),
                expected,
                "{waiting}"
            );
        }
    }

    #[test]
    fn a_number_is_its_takers_until_its_rest_is_over() {
        let mut numbers = numbers();
        let nameplate = |number| Nameplate::new(number).unwrap();
        for number in 0..200 {
            assert_eq!(numbers.refuse(source(1), 1000), None);
            numbers.take(nameplate(100 + number), source(1));
        }
        assert_eq!(
            (numbers.refuse(source(1), 1000), numbers.refuse(source(2), 1000)),
            (Some(CloseReason::Limit), None)
        );
        // Released, it is nobody else's yet.
        numbers.rest(nameplate(100), at(10));
        numbers.wake(at(9));
        assert_eq!(numbers.refuse(source(1), 1000), Some(CloseReason::Limit));
        numbers.wake(at(10));
        assert_eq!((numbers.refuse(source(1), 1000), numbers.held()), (None, 199));
        // It may go over to another.
        numbers.take(nameplate(101), source(2));
        assert_eq!(
            (numbers.held(), numbers.refuse(source(2), 199)),
            (199, Some(CloseReason::Full))
        );
        for number in 101..300 {
            numbers.rest(nameplate(number), at(20));
        }
        numbers.wake(at(20));
        assert!(numbers.is_empty());
    }
}
