//! The rate of our bulk, and how many stripes help it (SPEC 6.3).

use crate::limits::{FAR, ROUND};
use crate::time::Instant;
use alloc::collections::VecDeque;
use core::time::Duration;

/// Rounds over which a rate is measured.
const MEASURED: usize = 5;
/// Rounds after which a step that has not helped is taken back: new streams begin slowly.
const PATIENCE: u32 = 15;
/// Rounds after which the first stream has found its rate, if it grew so long.
const SLOW_START: u32 = 20;
/// Rounds that the rest of the bulk has to last at least, or no stripe is worth its making.
const WORTH: u64 = 10;
/// Time in which links that are asked for are there.
const MAKING: Duration = Duration::from_secs(5);
/// Pauses after a step that has not helped: each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
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
    /// More links are on their way; the rate before, in bytes a second, and the stripes then.
    Asked { since: Instant, before: u64, from: usize },
    /// They are in use.
    Trying { before: u64, from: usize },
    /// As many as help.
    Settled { until: Instant },
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

impl Pace {
    const fn new() -> Self {
        Self {
            rounds: VecDeque::new(),
            written: 0,
            passed: 0,
            stage: Stage::Alone,
            wished: 0,
            pause: FIRST_PAUSE,
        }
    }

    /// Stripes that our bulk wishes.
    pub(super) const fn wished(&self) -> usize {
        self.wished
    }

    /// The peer has written so many bytes more that a link has brought.
    pub(super) fn wrote(&mut self, now: Instant, bytes: u64, line: &Line) {
        self.written = self.written.saturating_add(bytes);
        let round = line.round_trip.unwrap_or(ROUND).max(ROUND);
        match self.rounds.back() {
            Some((last, _)) if now.since(*last) < round => return,
            // Nothing came for some time: what was measured before says nothing.
            Some((last, _)) if now.since(*last) > round.saturating_mul(4) => self.measure_anew(),
            _ => {}
        }
        self.rounds.push_back((now, self.written));
        if self.rounds.len() > 2 * MEASURED + 1 {
            self.rounds.pop_front();
        }
        self.passed = self.passed.saturating_add(1);
        self.judge(now, round, line);
    }

    /// No bulk of ours is left.
    pub(super) fn rest(&mut self) {
        *self = Self { pause: self.pause, ..Self::new() };
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

    /// Bytes a second over some rounds that end `ago` rounds ago.
    fn rate(&self, rounds: usize, ago: usize) -> Option<u64> {
        let end = self.rounds.len().checked_sub(ago.saturating_add(1))?;
        let (until, end_bytes) = self.rounds.get(end)?;
        let (since, start_bytes) = self.rounds.get(end.checked_sub(rounds)?)?;
        let millis = u64::try_from(until.since(*since).as_millis()).ok()?;
        end_bytes.saturating_sub(*start_bytes).saturating_mul(1_000).checked_div(millis)
    }

    /// True if the rest lasts for so long at this rate that a stripe is worth its making.
    fn is_worth(rate: u64, round: Duration, line: &Line) -> bool {
        let millis = u64::try_from(round.as_millis()).unwrap_or(u64::MAX);
        let round = rate.saturating_mul(millis) / 1_000;
        line.full
            && line.round_trip.is_some_and(|round_trip| round_trip >= FAR)
            && line.left > round.saturating_mul(WORTH)
    }

    /// Decides at the end of a round.
    fn judge(&mut self, now: Instant, round: Duration, line: &Line) {
        let Some(rate) = self.rate(MEASURED, 0) else { return };
        match self.stage {
            Stage::Alone => {
                let Some(earlier) = self.rate(MEASURED, MEASURED) else { return };
                let grows = rate >= earlier.saturating_add(earlier / 4);
                if grows && self.passed < SLOW_START || !Self::is_worth(rate, round, line) {
                    return;
                }
                self.step(now, rate, line);
            }
            Stage::Asked { since, before, from } => {
                let over = now.since(since) >= MAKING;
                if line.stripes >= self.wished {
                    self.enter(Stage::Trying { before, from });
                } else if over && line.stripes > from {
                    self.wished = line.stripes;
                    self.enter(Stage::Trying { before, from });
                } else if over {
                    self.take_back(now, from);
                }
            }
            Stage::Trying { before, from } => {
                let measured = u32::try_from(MEASURED).unwrap_or(u32::MAX);
                if self.passed >= measured && rate >= before.saturating_add(before / 10) {
                    self.pause = FIRST_PAUSE;
                    self.step(now, rate, line);
                } else if self.passed >= PATIENCE {
                    self.take_back(now, from);
                }
            }
            Stage::Settled { until } => {
                if now >= until && Self::is_worth(rate, round, line) {
                    self.step(now, rate, line);
                }
            }
        }
    }

    /// Wishes the next number of stripes, if there is one.
    fn step(&mut self, now: Instant, before: u64, line: &Line) {
        let from = line.stripes;
        match steps(line.most).find(|step| *step > from) {
            Some(step) => {
                self.wished = step;
                self.enter(Stage::Asked { since: now, before, from });
            }
            None => self.enter(Stage::Settled { until: now.after(self.pause) }),
        }
    }

    /// Wishes as many as before: the last step has brought nothing.
    fn take_back(&mut self, now: Instant, from: usize) {
        self.wished = from;
        self.enter(Stage::Settled { until: now.after(self.pause) });
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// Numbers of stripes that are tried, one after another. The first is two, because the link in use
/// carries no bulk beside them.
fn steps(most: usize) -> impl Iterator<Item = usize> {
    [2, 4, 7].into_iter().map(move |step: usize| step.min(most)).filter(|step| *step >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};
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
        full: true,
    };

    /// Stripes that are wished in each round. New ones are there after three rounds.
    fn run(pretend: &Pretend, rounds: u32, seed: u64) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut pace, mut left, mut wishes) = (Pace::new(), pretend.left, Vec::new());
        // The age of each stream that carries, in rounds.
        let mut streams = vec![0_u32];
        let mut made = Vec::new();
        let round = pretend.round_trip.max(ROUND);
        for number in 0..rounds {
            let now = Instant::from_millis(u64::from(number + 1) * round.as_millis() as u64);
            let stripes = if streams.len() == 1 { 0 } else { streams.len() };
            let wished = pace.wished();
            if wished < stripes {
                streams.truncate(wished.max(1));
            } else {
                made.resize(wished.saturating_sub(stripes), number + 3);
                if made.first().is_some_and(|ready| *ready <= number) {
                    // The link in use carries nothing from here on.
                    streams = core::iter::repeat_n(0, made.len()).chain(streams).collect();
                    streams.truncate(wished);
                    made.clear();
                }
            }
            let speed = |age: u32| pretend.stream >> pretend.slow.saturating_sub(age);
            let sum = streams.iter().map(|age| speed(*age)).sum::<u64>().min(pretend.all);
            let noise = 100 - pretend.noise + rng.next_u64() % (2 * pretend.noise + 1);
            let bytes = sum * noise / 100 * round.as_millis() as u64 / 1_000;
            let bytes = bytes.min(left);
            left -= bytes;
            if left == 0 {
                pace.rest();
            } else {
                let stripes = if streams.len() == 1 { 0 } else { streams.len() };
                let Pretend { most, round_trip, full, .. } = *pretend;
                let line = Line { most, stripes, round_trip: Some(round_trip), left, full };
                pace.wrote(now, bytes, &line);
            }
            streams.iter_mut().for_each(|age| *age += 1);
            wishes.push(pace.wished());
        }
        wishes
    }

    #[test]
    fn where_two_streams_fill_a_line_all_of_them_are_only_tried_now_and_then() {
        let wishes = run(&FAR, 2_000, 1);
        assert!(wishes[..10].iter().all(|wished| *wished == 0), "{wishes:?}");
        // The third and fourth seemed to help, because the first two were still growing.
        assert!(wishes[20..].iter().all(|wished| *wished >= 2), "{wishes:?}");
        let all = wishes.iter().filter(|wished| **wished > 4).count();
        assert!(all < 2_000 / 15, "{all}");
    }

    #[test]
    fn a_line_that_loses_gets_all_of_them_soon() {
        let wishes = run(&Pretend { stream: 1_000_000, slow: 0, ..FAR }, 60, 1);
        assert!(wishes[45..].iter().all(|wished| *wished == 7), "{wishes:?}");
        let wishes = run(&Pretend { stream: 1_000_000, slow: 0, most: 3, ..FAR }, 60, 1);
        assert_eq!(wishes.last(), Some(&3));
    }

    #[test]
    fn one_stream_that_fills_a_line_stays_alone_but_for_ever_rarer_trials() {
        let wishes = run(&Pretend { stream: 125_000_000, ..FAR }, 8_000, 1);
        let begun = wishes.windows(2).filter(|pair| pair[0] == 0 && pair[1] > 0).count();
        assert!((4..=8).contains(&begun), "{begun}");
        let tried = wishes.iter().filter(|wished| **wished > 0).count();
        assert!(tried < 8_000 / 40, "{tried}");
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
    fn noise_does_not_keep_a_line_that_loses_from_its_stripes() {
        let mut few = 0;
        for seed in 0..1_000 {
            let pretend = Pretend { stream: 1_000_000, slow: 0, noise: 30, ..FAR };
            let wishes = run(&pretend, 600, seed);
            few += usize::from(wishes.last().is_some_and(|wished| *wished < 4));
        }
        assert!(few <= 20, "{few} of 1,000");
    }

    #[test]
    fn a_lost_stripe_is_not_replaced_at_once() {
        let mut pace = Pace::new();
        pace.wished = 7;
        pace.lost(Instant::from_millis(1_000), 3);
        assert_eq!(pace.wished(), 3);
        let line = Line {
            most: 7,
            stripes: 3,
            round_trip: Some(Duration::from_millis(50)),
            left: u64::MAX,
            full: true,
        };
        for round in 0..300 {
            let now = Instant::from_millis(1_000 + 50 * round);
            pace.wrote(now, 1_000_000, &line);
            assert_eq!(pace.wished() == 3, now < Instant::from_millis(11_000), "{now:?}");
        }
    }
}
