//! Which numbers are handed out, and which rest (SPEC 10.6).

use core::ops::RangeInclusive;
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::time::Instant;
use rand_core::{CryptoRng, RngCore};
use std::collections::{BTreeSet, VecDeque};

/// The spaces that numbers are drawn from, the shortest first. What lies between the first two are ports, or looks like them.
const SPACES: [RangeInclusive<u32>; 5] =
    [100..=999, 100_000..=999_999, 1_000_000..=9_999_999, 10_000_000..=99_999_999, 100_000_000..=999_999_999];
/// How much larger a space is than the hosts that wait, so that a number named at random meets one of them once in a hundred tries.
const SPARSE: usize = 100;
/// Numbers tried of one space. Half of it taken, all of these fail once in 2^32.
const TRIES: u32 = 32;

/// The numbers that rest.
#[derive(Default)]
pub(super) struct Numbers {
    resting: BTreeSet<Nameplate>,
    /// All rest equally long, so they wake in the order in which they were released.
    wake: VecDeque<(Instant, Nameplate)>,
}

impl Numbers {
    /// Draws a number that is free, when `waiting` hosts wait with the new one; nothing if none is found.
    pub(super) fn draw(
        &self,
        waiting: usize,
        taken: impl Fn(Nameplate) -> bool,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Option<Nameplate> {
        let spaces = SPACES.into_iter().filter(|space| size(space) as usize >= waiting.saturating_mul(SPARSE));
        let mut drawn = spaces.flat_map(|space| core::iter::repeat_n(space, TRIES as usize)).filter_map(|space| {
            // The bias of a remainder is of no use to anybody: the number is public.
            let offset = rng.next_u64().checked_rem(u64::from(size(&space)))?;
            Nameplate::new(space.start().saturating_add(offset as u32)).ok()
        });
        drawn.find(|nameplate| !self.rests(*nameplate) && !taken(*nameplate))
    }

    /// A number that was released rests until then.
    pub(super) fn rest(&mut self, nameplate: Nameplate, until: Instant) {
        if self.resting.insert(nameplate) {
            self.wake.push_back((until, nameplate));
        }
    }

    pub(super) fn rests(&self, nameplate: Nameplate) -> bool {
        self.resting.contains(&nameplate)
    }

    pub(super) fn resting(&self) -> usize {
        self.resting.len()
    }

    /// Those whose rest is over are free again.
    pub(super) fn wake(&mut self, now: Instant) {
        while self.wake_at().is_some_and(|until| until <= now) {
            if let Some((_, nameplate)) = self.wake.pop_front() {
                self.resting.remove(&nameplate);
            }
        }
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.wake.front().map(|(until, _)| *until)
    }
}

const fn size(space: &RangeInclusive<u32>) -> u32 {
    space.end().saturating_sub(*space.start()).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn digits(nameplate: Nameplate) -> usize {
        nameplate.to_string().len()
    }

    #[test]
    fn the_space_is_a_hundred_times_the_hosts_and_never_of_ports() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let numbers = Numbers::default();
        for (waiting, expected) in [(1, 3), (9, 3), (10, 6), (9000, 6), (9001, 7), (90_000, 7), (90_001, 8), (900_001, 9), (9_000_000, 9)] {
            for _ in 0..100 {
                let nameplate = numbers.draw(waiting, |_| false, &mut rng).unwrap();
                assert!(nameplate.is_relay());
                assert_eq!(digits(nameplate), expected, "{waiting}");
            }
        }
        assert_eq!(numbers.draw(9_000_001, |_| false, &mut rng), None);
    }

    #[test]
    fn all_numbers_of_a_space_are_drawn() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let numbers = Numbers::default();
        let drawn: BTreeSet<u32> = (0..20_000).filter_map(|_| numbers.draw(1, |_| false, &mut rng)).map(Nameplate::number).collect();
        assert!(drawn.into_iter().eq(100..=999));
    }

    #[test]
    fn a_number_that_rests_or_is_taken_is_not_drawn_and_a_longer_one_is() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut numbers = Numbers::default();
        let free = Nameplate::new(555).unwrap();
        for number in (100..=999).filter(|number| *number != 555) {
            numbers.rest(Nameplate::new(number).unwrap(), at(u64::from(number)));
        }
        for _ in 0..100 {
            let nameplate = numbers.draw(1, |_| false, &mut rng).unwrap();
            assert!(nameplate == free || digits(nameplate) == 6);
            assert_eq!(digits(numbers.draw(1, |nameplate| nameplate == free, &mut rng).unwrap()), 6);
        }
        assert_eq!((numbers.resting(), numbers.wake_at()), (899, Some(at(100))));
        numbers.wake(at(199));
        assert_eq!((numbers.resting(), numbers.wake_at()), (799, Some(at(200))));
        numbers.wake(at(999));
        assert_eq!((numbers.resting(), numbers.wake_at()), (0, None));
    }
}
