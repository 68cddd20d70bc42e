//! The rate of our bulk, and how many stripes help it (SPEC 6.3).
//!
//! Bulk that cannot end within ten round trips gets as many stripes at once as its way bears: a new
//! connection brings most before its first loss, and the first seconds are all that many transfers
//! have. Then some are taken away, and stay away if the others bring as much without them.

use crate::limits::{FAR, ROUND};
use crate::time::Instant;
use alloc::collections::VecDeque;
use core::time::Duration;

/// More than a new connection brings in ten round trips, each twice as much as the one before.
const LONG: u64 = 16 << 20;
/// Rounds that the rest of the bulk has to last at least, or no stripe is worth its making.
const WORTH: u64 = 10;
/// Bytes a second of one link above which small files are left to it: over several, the slowest
/// holds up whole parts.
const SMALL: u64 = 4_000_000;
/// Rounds over which a rate is measured.
const MEASURED: usize = 5;
/// Rounds after which new connections have found their rate.
const SLOW_START: u32 = 30;
/// Time that the rest of the bulk has to last for fewer links to be tried, which costs half a second
/// where they do not help.
const WORTH_TRYING: Duration = Duration::from_secs(20);
/// Rounds in which links that are no longer wished for have brought what they held.
const LEAVING: u32 = 3;
/// Numbers of stripes that are tried after all that a line bears, one after another.
const STEPS: [usize; 3] = [4, 2, 0];
/// Time in which links that are asked for are there.
const MAKING: Duration = Duration::from_secs(5);
/// Pauses after which the number is tried again: each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(160);

/// The line at one moment, as this side knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Stripes that it bears at most.
    pub(super) most: usize,
    /// Stripes in use.
    pub(super) stripes: usize,
    /// Time from a message to its acknowledgement.
    pub(super) round_trip: Option<Duration>,
    /// Bytes of our bulk that are not written yet.
    pub(super) left: u64,
    /// True if all of it are files that are smaller than a chunk on the average.
    pub(super) small: bool,
    /// True if each link has as much to send as it may, so that nothing waits for our disk.
    pub(super) full: bool,
}

/// The rate of our bulk by rounds, and the stripes that are wished for it.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes sent and written at the peer, at the end of each of the last rounds.
    rounds: VecDeque<(Instant, u64)>,
    written: u64,
    /// Rounds since the stage began.
    passed: u32,
    stage: Stage,
    wished: usize,
    pause: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Without stripes, since the first byte.
    Alone,
    /// Links are on their way.
    Asked { since: Instant },
    /// They are in use, and find their rate.
    Growing,
    /// Fewer than `from` are in use; the best rate with so many or more, in bytes a second.
    Fewer { before: u64, from: usize },
    /// As many as help.
    Settled { until: Instant },
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            rounds: VecDeque::new(),
            written: 0,
            passed: 0,
            stage: Stage::Alone,
            wished: 0,
            pause: FIRST_PAUSE,
        }
    }
}

impl Pace {
    /// Stripes that our bulk wishes.
    pub(super) const fn wished(&self) -> usize {
        self.wished
    }

    /// Stripes to be kept open: those without which it is tried are at hand if they are missed.
    pub(super) fn open(&self) -> usize {
        match self.stage {
            Stage::Fewer { from, .. } => from.max(self.wished),
            _ => self.wished,
        }
    }

    /// The peer has written so many bytes more that links have brought.
    pub(super) fn wrote(&mut self, now: Instant, bytes: u64, line: &Line) {
        self.written = self.written.saturating_add(bytes);
        self.wished = self.wished.min(line.most);
        let is_long = line.left > LONG && !line.small && Self::may_help(line);
        if matches!(self.stage, Stage::Alone) && is_long {
            return self.ask(now, line);
        }
        let round = line.round_trip.unwrap_or(ROUND).max(ROUND);
        match self.rounds.back() {
            Some((last, _)) if now.since(*last) < round => return,
            // Nothing came for some time: what was measured before says nothing.
            Some((last, _)) if now.since(*last) > round.saturating_mul(4) => self.measure_anew(),
            _ => {}
        }
        self.rounds.push_back((now, self.written));
        if self.rounds.len() > MEASURED.saturating_add(1) {
            self.rounds.pop_front();
        }
        self.passed = self.passed.saturating_add(1);
        self.judge(now, round, line);
    }

    /// No bulk of ours is left.
    pub(super) fn rest(&mut self) {
        *self = Self { pause: self.pause, ..Self::default() };
    }

    /// A stripe was lost, so many are in use: no more are wished for a while.
    pub(super) fn lost(&mut self, now: Instant, stripes: usize) {
        self.wished = stripes;
        self.enter(Stage::Settled { until: now.after(FIRST_PAUSE) });
    }

    /// Another link is in use: as many are wished for a while, and the rate is another's.
    pub(super) fn on_another_way(&mut self, now: Instant) {
        self.measure_anew();
        if self.wished > 0 {
            self.enter(Stage::Settled { until: now.after(FIRST_PAUSE) });
        }
    }

    fn measure_anew(&mut self) {
        self.rounds.clear();
        self.passed = 0;
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.passed = 0;
    }

    /// Bytes a second over the last rounds; `None` before there are enough.
    fn rate(&self) -> Option<u64> {
        let (until, end) = self.rounds.back()?;
        let (since, start) = self.rounds.get(self.rounds.len().checked_sub(MEASURED + 1)?)?;
        let millis = u64::try_from(until.since(*since).as_millis()).ok()?;
        end.saturating_sub(*start).saturating_mul(1_000).checked_div(millis)
    }

    /// True if stripes could help at all. A single one would not: the link in use carries nothing
    /// beside it.
    fn may_help(line: &Line) -> bool {
        line.most > 1 && line.full && line.round_trip.is_some_and(|round_trip| round_trip >= FAR)
    }

    /// True if the rest lasts for so long at this rate that a stripe is worth its making.
    fn is_worth(rate: u64, round: Duration, line: &Line) -> bool {
        let millis = u64::try_from(round.as_millis()).unwrap_or(u64::MAX);
        let round = rate.saturating_mul(millis) / 1_000;
        let is_left_alone = line.small && rate > SMALL;
        Self::may_help(line) && !is_left_alone && line.left > round.saturating_mul(WORTH)
    }

    /// True if the rest lasts for so long at this rate that fewer links are worth a trial.
    const fn lasts(rate: u64, line: &Line) -> bool {
        line.left > rate.saturating_mul(WORTH_TRYING.as_secs())
    }

    /// Decides at the end of a round.
    fn judge(&mut self, now: Instant, round: Duration, line: &Line) {
        let Some(rate) = self.rate() else { return };
        match self.stage {
            Stage::Alone => {
                if u64::from(self.passed) > WORTH && Self::is_worth(rate, round, line) {
                    self.ask(now, line);
                }
            }
            Stage::Asked { since } => {
                if line.stripes >= self.wished {
                    self.enter(Stage::Growing);
                } else if now.since(since) >= MAKING {
                    self.wished = line.stripes;
                    if line.stripes > 0 {
                        self.enter(Stage::Growing);
                    } else {
                        self.settle(now);
                    }
                }
            }
            Stage::Growing if self.passed >= SLOW_START && Self::lasts(rate, line) => {
                self.try_fewer(rate);
            }
            Stage::Fewer { before, from } => {
                let measured = u32::try_from(MEASURED).unwrap_or(u32::MAX);
                if self.passed < measured.saturating_add(LEAVING) {
                    return;
                }
                if rate < before.saturating_sub(before / 10) {
                    self.wished = from;
                    self.settle(now);
                } else if self.wished == 0 {
                    self.settle(now);
                } else {
                    self.try_fewer(rate.max(before));
                }
            }
            Stage::Settled { until } if now >= until => {
                if self.wished >= line.most {
                    if Self::lasts(rate, line) {
                        self.try_fewer(rate);
                    }
                } else if Self::is_worth(rate, round, line) {
                    self.ask(now, line);
                }
            }
            Stage::Growing | Stage::Settled { .. } => {}
        }
    }

    /// Wishes as many as the line bears.
    fn ask(&mut self, now: Instant, line: &Line) {
        self.wished = line.most;
        self.enter(Stage::Asked { since: now });
    }

    /// Wishes the next smaller number.
    fn try_fewer(&mut self, before: u64) {
        let from = self.wished;
        self.wished = STEPS.into_iter().find(|step| *step < from).unwrap_or(0);
        self.enter(Stage::Fewer { before, from });
    }

    fn settle(&mut self, now: Instant) {
        self.enter(Stage::Settled { until: now.after(self.pause) });
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    /// A pretend line: each stream brings so many bytes a second at most, all together so many.
    struct Pretend {
        stream: u64,
        all: u64,
        round_trip: Duration,
        /// Rounds in which a new stream doubles before it has its rate.
        slow: u32,
        /// Changes of a round's rate, in parts of a hundred.
        noise: u64,
        most: usize,
        left: u64,
        small: bool,
        full: bool,
    }

    const FAR: Pretend = Pretend {
        stream: 60_000_000,
        all: 125_000_000,
        round_trip: Duration::from_millis(50),
        slow: 6,
        noise: 0,
        most: 7,
        left: u64::MAX / 2,
        small: false,
        full: true,
    };

    /// A far line with all of its stripes in use, and no end of bulk.
    const LINE: Line = Line {
        most: 7,
        stripes: 7,
        round_trip: Some(FAR.round_trip),
        left: u64::MAX,
        small: false,
        full: true,
    };

    /// Stripes that are wished in each round. New ones are there after three rounds.
    fn run(pretend: &Pretend, rounds: u32, seed: u64) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut pace, mut left, mut wishes) = (Pace::default(), pretend.left, Vec::new());
        // Ages of the link in use and of each stripe, in rounds.
        let (mut main, mut stripes) = (0_u32, Vec::new());
        let mut wanting = 0;
        let round = pretend.round_trip.max(ROUND);
        for number in 0..rounds {
            let now = Instant::from_millis(u64::from(number + 1) * round.as_millis() as u64);
            stripes.truncate(pace.open());
            wanting = if stripes.len() < pace.open() { wanting + 1 } else { 0 };
            if wanting > 3 {
                stripes.resize(pace.open(), 0);
            }
            let carry = pace.wished().min(stripes.len());
            let speed = |age: u32| pretend.stream >> pretend.slow.saturating_sub(age);
            let carried = if carry == 0 {
                speed(main)
            } else {
                stripes.iter().take(carry).map(|age| speed(*age)).sum()
            };
            let noise = 100 - pretend.noise + rng.next_u64() % (2 * pretend.noise + 1);
            let bytes = carried.min(pretend.all) * noise / 100 * round.as_millis() as u64 / 1_000;
            let bytes = bytes.min(left);
            left -= bytes;
            if left == 0 {
                pace.rest();
            } else {
                let Pretend { most, round_trip, small, full, .. } = *pretend;
                let round_trip = Some(round_trip);
                let line = Line { most, stripes: stripes.len(), round_trip, left, small, full };
                pace.wrote(now, bytes, &line);
            }
            stripes.iter_mut().chain([&mut main]).for_each(|age| *age += 1);
            wishes.push(pace.wished());
        }
        wishes
    }

    /// Rounds in which a line has more stripes than so many.
    fn above(wishes: &[usize], count: usize) -> usize {
        wishes.iter().filter(|wished| **wished > count).count()
    }

    #[test]
    fn long_bulk_has_all_of_them_at_once_and_keeps_those_that_help() {
        let lossy = Pretend { stream: 1_000_000, slow: 0, ..FAR };
        let wishes = run(&lossy, 2_000, 1);
        assert!(wishes[0] == 7 && above(&wishes, 6) > 1_900, "{wishes:?}");
        let wishes = run(&Pretend { most: 3, ..lossy }, 2_000, 1);
        assert!(wishes[0] == 3 && above(&wishes, 2) > 1_900, "{wishes:?}");
        // The shorter, too, if it lasts for ten rounds.
        let wishes = run(&Pretend { left: 12 << 20, ..lossy }, 20, 1);
        assert!(wishes[9] == 0 && wishes[12] == 7, "{wishes:?}");
    }

    #[test]
    fn what_is_over_soon_keeps_all_of_them() {
        // 20 s are left after two.
        for (seconds, tried) in [(21, false), (23, true)] {
            let line = Pretend { left: seconds * FAR.all, slow: 0, ..FAR };
            let wishes = run(&line, 20 * seconds as u32 - 1, 1);
            assert_eq!(wishes.contains(&4), tried, "{wishes:?}");
        }
    }

    #[test]
    fn small_files_get_them_where_one_link_is_slow() {
        let lossy = Pretend { small: true, stream: 1_000_000, slow: 0, ..FAR };
        let wishes = run(&lossy, 500, 1);
        assert!(wishes[9] == 0 && wishes[12] == 7 && above(&wishes, 6) > 400, "{wishes:?}");
        let wishes = run(&Pretend { small: true, ..FAR }, 500, 1);
        assert_eq!(above(&wishes, 0), 0, "{wishes:?}");
        // One that is full is soon alone again.
        let wishes = run(&Pretend { all: 1_000_000, ..lossy }, 500, 1);
        assert!(wishes[12] == 7 && above(&wishes, 0) < 150, "{wishes:?}");
    }

    #[test]
    fn where_two_streams_fill_a_line_there_are_two_but_for_ever_rarer_trials() {
        let wishes = run(&FAR, 8_000, 1);
        assert_eq!((wishes[0], wishes[100], wishes[300]), (7, 2, 2), "{:?}", &wishes[..100]);
        assert!(above(&wishes, 2) < 8_000 / 20, "{}", above(&wishes, 2));
    }

    #[test]
    fn one_stream_that_fills_a_line_is_soon_alone() {
        let wishes = run(&Pretend { stream: 125_000_000, ..FAR }, 8_000, 1);
        let begun = wishes.windows(2).filter(|pair| pair[0] == 0 && pair[1] > 0).count();
        assert!((3..=6).contains(&begun) && wishes[100] == 0, "{begun}");
        assert!(above(&wishes, 0) < 8_000 / 20, "{}", above(&wishes, 0));
    }

    #[test]
    fn near_short_or_slowly_read_bulk_gets_none() {
        let none = |pretend: Pretend| run(&pretend, 200, 1).iter().all(|wished| *wished == 0);
        let near = Duration::from_millis(3);
        assert!(none(Pretend { round_trip: near, stream: 1_000_000, ..FAR }), "near");
        assert!(none(Pretend { left: 8 << 20, ..FAR }), "8 MiB");
        assert!(none(Pretend { full: false, stream: 1_000_000, ..FAR }), "a slow disk");
        assert!(none(Pretend { most: 0, stream: 1_000_000, ..FAR }), "a way for one link");
        assert!(none(Pretend { most: 1, stream: 1_000_000, ..FAR }), "one beside would not help");
    }

    #[test]
    fn noise_does_not_take_the_stripes_from_a_line_that_loses() {
        let mut few = 0;
        for seed in 0..1_000 {
            let pretend = Pretend { stream: 1_000_000, slow: 0, noise: 30, ..FAR };
            few += usize::from(above(&run(&pretend, 600, seed), 3) < 550);
        }
        assert!(few <= 20, "{few} of 1,000");
    }

    #[test]
    fn those_that_are_tried_without_stay_until_they_are_not_missed() {
        let mut pace = Pace::default();
        let mut seen = Vec::new();
        for round in 0..100 {
            // Two bring as much as seven, and one half of it.
            let bytes = if pace.wished() == 0 { 500_000 } else { 1_000_000 };
            pace.wrote(Instant::from_millis(50 * round), bytes, &LINE);
            if seen.last() != Some(&(pace.wished(), pace.open())) {
                seen.push((pace.wished(), pace.open()));
            }
        }
        assert_eq!(seen, [(7, 7), (4, 7), (2, 4), (0, 2), (2, 2)]);
    }

    #[test]
    fn a_lost_stripe_is_not_replaced_at_once() {
        let mut pace = Pace::default();
        let mut line = Line { stripes: 0, ..LINE };
        pace.wrote(Instant::from_millis(0), 1_000_000, &line);
        assert_eq!(pace.wished(), 7);
        pace.lost(Instant::from_millis(1_000), 3);
        line.stripes = 3;
        for round in 0..450 {
            let now = Instant::from_millis(1_000 + 50 * round);
            pace.wrote(now, 1_000_000, &line);
            assert_eq!(pace.wished() == 3, now < Instant::from_millis(21_000), "{now:?}");
        }
    }

    #[test]
    fn a_peer_that_makes_none_is_asked_ever_more_rarely() {
        let mut pace = Pace::default();
        let line = Line { stripes: 0, ..LINE };
        let (mut asked, mut before) = (Vec::new(), 0);
        for second in 0..1_000 {
            for round in 0..20 {
                pace.wrote(Instant::from_millis(1_000 * second + 50 * round), 1_000_000, &line);
            }
            if pace.wished() > 0 && before == 0 {
                asked.push(second);
            }
            before = pace.wished();
        }
        let pauses: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.len() > 4 && pauses.is_sorted() && *pauses.last().unwrap() >= 160);
    }

    #[test]
    fn no_more_are_wished_than_another_way_bears() {
        let mut pace = Pace::default();
        let mut line = LINE;
        pace.wrote(Instant::from_millis(0), 1_000_000, &line);
        pace.on_another_way(Instant::from_millis(10));
        line.most = 3;
        pace.wrote(Instant::from_millis(20), 1_000_000, &line);
        assert_eq!(pace.wished(), 3);
    }

    #[test]
    fn links_that_are_not_made_are_wished_for_no_longer() {
        let mut pace = Pace::default();
        for (stripes, wished) in [(0, 0), (3, 3)] {
            pace.rest();
            let line = Line { stripes, ..LINE };
            for round in 0..=110 {
                pace.wrote(Instant::from_millis(50 * round), 1_000_000, &line);
                assert_eq!(pace.wished(), if round < 100 { 7 } else { wished }, "{round}");
            }
        }
    }
}
