//! Storms of one gust over bulk on several links.

use super::*;

const MAIN: LinkId = LinkId::CODE;
const SIZES: [u64; 3] = [900_000, 5, 1_500_000];

impl Storm {
    /// A channel with so many stripes.
    fn striped(count: usize) -> (Self, Vec<LinkId>) {
        let mut storm = Self::tidy([Want::Both, Want::Both]);
        storm.wish(0, count);
        storm.run(100);
        let stripes: Vec<_> = (0..count).map(|_| storm.made([true, true])).collect();
        storm.run(200);
        for side in 0..2 {
            assert_eq!(storm.up(side).len(), 1 + count);
        }
        (storm, stripes)
    }

    /// The link carries something of a side's, or will.
    fn carries(&self, side: usize, link: LinkId) -> bool {
        let of = |happening: &Happening| {
            matches!(happening, Happening::Arrives(to, on, Flight::Chunk(..), _)
                if (*to, *on) == (1 - side, link))
        };
        self.queue.values().any(of) || !self.wires[&link].ends[side].grants.is_empty()
    }

    /// All that was given is delivered, with no news of links for anybody.
    fn arrives_unseen(&mut self, what: &str) {
        self.arrives_all(what);
        assert!(self.parties.iter().all(|party| party.told.is_empty()), "{what}");
    }

    fn arrives_all(&mut self, what: &str) {
        self.run(5_000);
        assert_eq!([self.stand_of(0), self.stand_of(1)], [(true, true); 2], "{what}");
        assert_eq!(self.over(), [None, None], "{what}");
    }
}

#[test]
fn bulk_of_both_sides_goes_over_all_stripes_and_none_over_the_link_in_use() {
    for count in [1, 2, 7] {
        let (mut storm, stripes) = Storm::striped(count);
        for side in 0..2 {
            storm.offer(side, &[9_000_000], 1, false);
        }
        let mut carried = [0, 1].map(|_| BTreeSet::new());
        let end = storm.now.after(millis(5_000));
        while storm.step(end) {
            for (side, carried) in carried.iter_mut().enumerate() {
                let links = storm.up(side).into_iter();
                carried.extend(links.filter(|link| storm.carries(side, *link)));
            }
        }
        assert_eq!(
            carried.map(|links| links.into_iter().collect::<Vec<_>>()),
            [0, 1].map(|_| stripes.clone())
        );
        storm.arrives_unseen("both");
    }
}

#[test]
fn a_stripe_may_be_lost_with_each_of_its_records() {
    for (side, back) in (0..2).flat_map(|side| (0..60).map(move |back| (side, back))) {
        let (mut storm, _) = Storm::striped(2);
        storm.doomed = Some((side, storm.sent[side] + back));
        storm.offer(0, &SIZES, 1, false);
        storm.run(1_000);
        storm.doomed = None;
        let what = format!("record {back} of {side}");
        if storm.up(0).is_empty() {
            storm.made([true, true]);
            storm.arrives_all(&what);
        } else {
            storm.arrives_unseen(&what);
        }
    }
}

#[test]
fn a_stripe_may_be_lost_while_it_is_made() {
    for (side, gives, record) in (0..2)
        .flat_map(|side| (0..2).map(move |gives| (side, gives)))
        .flat_map(|(side, gives)| (1..8).map(move |record| (side, gives, record)))
    {
        let mut storm = Storm::tidy([Want::Both, Want::Both]);
        storm.wish(gives, 2);
        // It is answered late, so that there is bulk as soon as there is a stripe.
        storm.offer(gives, &SIZES, 1, false);
        storm.run(35);
        storm.doomed = Some((side, storm.sent[side] + record));
        storm.made([true, true]);
        storm.made([true, true]);
        storm.run(1_000);
        let what = format!("record {record} of {side} while {gives} gives");
        if storm.up(0).is_empty() {
            storm.made([true, true]);
        }
        storm.arrives_all(&what);
    }
}

#[test]
fn a_stripe_may_be_lost_between_the_end_of_a_transfer_and_its_last_byte() {
    for resent in [false, true] {
        let (mut storm, stripes) = Storm::striped(2);
        storm.wires.get_mut(&stripes[1]).unwrap().latency = 700;
        storm.offer(0, &SIZES, 1, false);
        storm.run(500);
        assert!(storm.carries(0, stripes[1]));
        assert!(!storm.carries(0, stripes[0]) && storm.stand_of(0) == (false, false));
        if resent {
            storm.lost_at_once(stripes[1]);
        }
        storm.arrives_unseen("after the end");
    }
}

#[test]
fn a_stripe_may_be_lost_once_all_of_a_transfer_is_there() {
    for wait in [0, 500] {
        let (mut storm, stripes) = Storm::striped(1);
        storm.offer(0, &SIZES, 1, false);
        let end = storm.now.after(millis(5_000));
        let commits = |happening: &Happening| {
            matches!(happening, Happening::Answers(1, Input::Committed(..)))
        };
        let key = loop {
            assert!(storm.step(end));
            let key = storm.queue.iter().find(|(_, happening)| commits(happening));
            if let Some((key, _)) = key {
                break *key;
            }
        };
        // It takes its time, or its result waits for its turn.
        let committed = storm.queue.remove(&key).unwrap();
        if wait == 0 {
            storm.wires.get_mut(&MAIN).unwrap().pace = 5;
            // The link has room for two of them, and pieces of the third.
            (0..3).for_each(|_| _ = storm.text(1, 1_000_000));
        }
        storm.at(wait, committed);
        storm.run(wait / 2);
        storm.lost_at_once(stripes[0]);
        storm.arrives_unseen("it was all there");
    }
}

#[test]
fn a_stripe_that_is_silent_in_one_direction_is_given_up_and_nobody_hears_of_it() {
    for (side, gives) in (0..2).flat_map(|side| [(side, 0), (side, 1)]) {
        let (mut storm, stripes) = Storm::striped(2);
        storm.offer(gives, &SIZES, 1, false);
        storm.run(50);
        storm.lose(stripes[1], Loss::Deaf(side));
        storm.run(8_000);
        storm.arrives_unseen("silence");
    }
}

#[test]
fn the_link_in_use_may_be_lost_between_the_end_of_a_stripe_and_the_word_of_it() {
    for wait in 0..60 {
        let (mut storm, stripes) = Storm::striped(3);
        storm.offer(0, &SIZES, 1, false);
        storm.offer(1, &SIZES, 1, false);
        storm.run(45);
        storm.lost_at_once(stripes[2]);
        storm.run(wait);
        storm.lost_at_once(MAIN);
        storm.run(300);
        assert_eq!([storm.up(0), storm.up(1)], [vec![], vec![]], "stripes go with it");
        let next = storm.made([true, true]);
        storm.arrives_all("main");
        assert_eq!(storm.up(0), [next]);
    }
}

#[test]
fn stripes_are_closed_for_a_link_that_replaces_the_one_in_use() {
    let (mut storm, _) = Storm::striped(7);
    storm.offer(0, &SIZES, 1, false);
    storm.run(45);
    storm.lose(MAIN, Loss::Deaf(0));
    storm.run(6_500);
    let next = storm.made([true, true]);
    storm.run(1_000);
    assert_eq!([storm.up(0), storm.up(1)], [vec![next], vec![next]]);
    storm.arrives_all("replaced");
}

#[test]
fn a_wish_may_end_while_its_stripes_carry() {
    for (cut, wait) in [false, true].into_iter().flat_map(|cut| (0..40).map(move |at| (cut, at))) {
        let (mut storm, stripes) = Storm::striped(3);
        storm.offer(0, &SIZES, 1, false);
        storm.offer(1, &SIZES, 1, false);
        storm.run(40 + wait);
        storm.wish(0, 0);
        if cut {
            storm.lost_at_once(stripes[0]);
        }
        storm.arrives_unseen("no wish");
        assert_eq!(storm.up(0), [MAIN]);
    }
}
