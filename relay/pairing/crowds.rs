//! Counts of numbers by source, site and provider, so that no crowd keeps all others out
//! (SPEC 10.6).

use crate::limits::Shares;
use crate::quotas::Source;
use pinhole_protocol::source::Network;
use std::collections::BTreeMap;

/// The part of a relay, at its end, in which the most crowded are refused first.
const LAST: usize = 10;
/// The whole of what one may have, as [`Crowd::share`] counts it: so fine that no count of a `u32`
/// is none of any limit.
const WHOLE: u128 = 1 << 40;

/// The numbers that wait or rest, by who took them.
pub(super) struct Crowds {
    sources: Crowd<Source>,
    sites: Crowd<Network>,
    providers: Crowd<Network>,
}

/// The same for prefixes of one length.
struct Crowd<P> {
    /// Numbers that each may have.
    limit: u32,
    counts: BTreeMap<P, u32>,
    /// Prefixes that have so many numbers.
    sizes: BTreeMap<u32, u32>,
}

impl Crowds {
    pub(super) const fn new(shares: &Shares) -> Self {
        Self {
            sources: Crowd::new(shares.source),
            sites: Crowd::new(shares.site),
            providers: Crowd::new(shares.provider),
        }
    }

    /// True if this source may have one number more, `left` of `all` numbers being free. In the
    /// last tenth the bound falls with what is left, from the share of the most crowded.
    pub(super) fn admit(&self, source: Source, left: usize, all: usize) -> bool {
        let (own, site) = (self.sources.share(&source), self.sites.share(&source.site()));
        let crowd = own
            .max(site)
            .max(source.provider().map_or(0, |provider| self.providers.share(&provider)));
        let last = all.div_euclid(LAST);
        let spared = left > last || crowd == 0 || {
            let most = self.sources.most().max(self.sites.most()).max(self.providers.most());
            crowd.saturating_mul(last as u128) < most.saturating_mul(left as u128)
        };
        crowd < WHOLE && spared
    }

    /// A source has taken a number.
    pub(super) fn add(&mut self, source: Source) {
        self.sources.add(source);
        self.sites.add(source.site());
        source.provider().into_iter().for_each(|provider| self.providers.add(provider));
    }

    /// A number that this source took no longer counts.
    pub(super) fn remove(&mut self, source: Source) {
        self.sources.remove(source);
        self.sites.remove(source.site());
        source.provider().into_iter().for_each(|provider| self.providers.remove(provider));
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let empty = |crowd: &Crowd<Network>| crowd.counts.is_empty() && crowd.sizes.is_empty();
        self.sources.counts.is_empty()
            && self.sources.sizes.is_empty()
            && empty(&self.sites)
            && empty(&self.providers)
    }
}

impl<P: Ord> Crowd<P> {
    const fn new(limit: u32) -> Self {
        Self { limit, counts: BTreeMap::new(), sizes: BTreeMap::new() }
    }

    fn share_of(&self, count: u32) -> u128 {
        // A limit of none would be one of everything.
        u128::from(count).saturating_mul(WHOLE).div_euclid(u128::from(self.limit.max(1)))
    }

    /// The part that a prefix has of what it may have.
    fn share(&self, prefix: &P) -> u128 {
        self.share_of(self.counts.get(prefix).copied().unwrap_or_default())
    }

    /// The same of the prefix that has most.
    fn most(&self) -> u128 {
        self.share_of(self.sizes.last_key_value().map_or(0, |(count, _)| *count))
    }

    fn add(&mut self, prefix: P) {
        let count = self.counts.entry(prefix).or_default();
        let before = *count;
        *count = before.saturating_add(1);
        self.resize(before, before.saturating_add(1));
    }

    fn remove(&mut self, prefix: P) {
        let Some(count) = self.counts.get_mut(&prefix) else { return };
        let before = *count;
        *count = before.saturating_sub(1);
        if *count == 0 {
            self.counts.remove(&prefix);
        }
        self.resize(before, before.saturating_sub(1));
    }

    /// A prefix that had `before` numbers has `after`.
    fn resize(&mut self, before: u32, after: u32) {
        if let Some(prefixes) = self.sizes.get_mut(&before) {
            *prefixes = prefixes.saturating_sub(1);
            if *prefixes == 0 {
                self.sizes.remove(&before);
            }
        }
        if after > 0 {
            let prefixes = self.sizes.entry(after).or_default();
            *prefixes = prefixes.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use proptest::prelude::*;

    const SHARES: Shares = Shares { source: 200, site: 2_000, provider: 20_000 };

    /// The 64 of this number in a site of this provider.
    fn v6(provider: u16, site: u16, subnet: u16) -> Source {
        IpAddr::from(Ipv6Addr::new(0x2001, provider, site, subnet, 0, 0, 0, 1)).into()
    }

    fn v4(site: u32, host: u8) -> Source {
        IpAddr::from(Ipv4Addr::from_bits((site << 8) + u32::from(host))).into()
    }

    /// Counts the numbers that these sources, each in its turn, take of a relay that has `all`,
    /// until each is refused.
    fn take(
        crowds: &mut Crowds,
        taken: &mut usize,
        all: usize,
        sources: impl Iterator<Item = Source> + Clone,
    ) -> usize {
        let before = *taken;
        loop {
            let round = *taken;
            for source in sources.clone() {
                if *taken < all && crowds.admit(source, all - *taken, all) {
                    crowds.add(source);
                    *taken += 1;
                }
            }
            if *taken == round {
                return round - before;
            }
        }
    }

    #[test]
    fn a_source_a_site_and_a_provider_each_have_their_share() {
        let all = 1_000_000;
        let mut crowds = Crowds::new(&SHARES);
        let mut taken = 0;
        assert_eq!(take(&mut crowds, &mut taken, all, [v6(1, 1, 1)].into_iter()), 200);
        assert_eq!(
            take(&mut crowds, &mut taken, all, (1..=300).map(|subnet| v6(1, 1, subnet))),
            1_800
        );
        assert_eq!(
            take(&mut crowds, &mut taken, all, (1..=300).map(|subnet| v6(1, 2, subnet))),
            2_000
        );
        assert_eq!(
            take(&mut crowds, &mut taken, all, (3..=99).map(|site| v6(1, site, site))),
            16_000
        );
        assert_eq!(take(&mut crowds, &mut taken, all, [v6(2, 1, 1)].into_iter()), 200);
        assert_eq!(take(&mut crowds, &mut taken, all, [v4(1, 1)].into_iter()), 200);
        assert_eq!(take(&mut crowds, &mut taken, all, (0..=255).map(|host| v4(1, host))), 1_800);
        assert_eq!(
            take(&mut crowds, &mut taken, all, (2..=200).map(|site| v4(site, 1))),
            199 * 200
        );
    }

    #[test]
    fn three_hundred_64s_of_one_48_do_not_fill_a_relay_and_who_is_elsewhere_gets_numbers() {
        for all in [100, 1_000, 2_000] {
            let mut crowds = Crowds::new(&SHARES);
            let mut taken = 0;
            let crowd =
                take(&mut crowds, &mut taken, all, (1..=300).map(|subnet| v6(1, 1, subnet)));
            assert_eq!(crowd, all * 9 / 10, "of {all}");
            // Everybody else, up to the last number: other sites of that provider too.
            assert!(crowds.admit(v6(1, 2, 1), all - taken, all));
            assert_eq!(
                take(&mut crowds, &mut taken, all, (1..=200).map(|site| v4(site, 1))),
                all - crowd
            );
        }
    }

    #[test]
    fn crowds_that_are_alike_do_not_hide_behind_the_largest() {
        let all = 10_000;
        let mut crowds = Crowds::new(&SHARES);
        let mut taken = 0;
        // One site that is given up, and many that stay just below it.
        assert_eq!(
            take(&mut crowds, &mut taken, all, (1..=10).map(|subnet| v6(1, 1, subnet))),
            2_000
        );
        for site in 2..=6 {
            for _ in 0..1_400 {
                let source = v6(site, site, taken as u16 % 300);
                crowds.add(source);
                taken += 1;
            }
        }
        assert_eq!(taken, all * 9 / 10);
        let more = take(
            &mut crowds,
            &mut taken,
            all,
            (2..=6).flat_map(|site| (1..=300).map(move |subnet| v6(site, site, subnet))),
        );
        assert!(
            (250..350).contains(&more),
            "{more}: as the relay fills, seven tenths of the most are too much too"
        );
        assert!(crowds.admit(v4(7, 7), all - taken, all));
    }

    proptest! {
        #[test]
        fn what_was_added_can_be_removed_and_nothing_is_left(
            sources in prop::collection::vec((0_u16..3, 0_u16..3, 0_u16..3), 0..60),
        ) {
            let mut crowds = Crowds::new(&SHARES);
            let all: Vec<Source> = sources
                .iter()
                .map(|(a, b, c)| if *a == 0 { v4(u32::from(*b), *c as u8) } else { v6(*a, *b, *c) })
                .collect();
            all.iter().for_each(|source| crowds.add(*source));
            let most = all
                .iter()
                .map(|source| all.iter().filter(|other| other == &source).count())
                .max()
                .unwrap_or(0);
            prop_assert_eq!(
                crowds.sources.sizes.last_key_value().map_or(0, |(count, _)| *count as usize),
                most
            );
            all.iter().rev().for_each(|source| crowds.remove(*source));
            prop_assert!(crowds.is_empty());
        }

        #[test]
        fn no_limit_is_too_small_or_too_large(limit: u32, left: usize, all: usize) {
            let mut crowds = Crowds::new(&Shares { source: limit, site: limit, provider: limit });
            let _ = crowds.admit(v4(1, 1), left, all);
            crowds.add(v6(1, 1, 1));
            let _ = crowds.admit(v6(1, 1, 1), left, all);
        }
    }
}
