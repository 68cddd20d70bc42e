//! Storms of one gust, under a calm sky: a link lost at one moment, and made again at another.

use super::*;
use pinhole_protocol::limits::TAMPERED_LINKS;

const CODE: LinkId = LinkId::CODE;

impl Storm {
    pub(super) fn over(&self) -> [Option<Outcome>; 2] {
        [0, 1].map(|side| self.parties[side].over)
    }

    /// Link and way of all that is left at a side.
    pub(super) fn up(&self, side: usize) -> Vec<LinkId> {
        let up =
            |(link, wire): (&LinkId, &Wire)| (wire.ends[side].stand == Stand::Up).then_some(*link);
        self.wires.iter().filter_map(up).collect()
    }

    /// All of a side's items are where they belong; all of them are known to be.
    pub(super) fn stand_of(&self, side: usize) -> (bool, bool) {
        let items = &self.model.items[side];
        let delivered = items.values().all(|own| own.result == Some(true));
        (items.values().all(|own| own.kept), delivered)
    }

    pub(super) fn lost_at_once(&mut self, link: LinkId) {
        self.lose(link, Loss::Noticed(0, 0));
        self.run(0);
    }

    /// A giver that gives a text and a file, and leaves once both are delivered.
    fn gives(&mut self) {
        self.text(0, 5);
        self.offer(0, &[100_000], 1, false);
        self.tell(0, Input::Leave);
    }
}

#[test]
fn each_of_the_last_records_of_a_gift_may_be_lost_with_its_link() {
    let give = [Want::Give, Want::Take];
    let sent = {
        let mut storm = Storm::tidy(give);
        storm.gives();
        storm.run(60_000);
        assert_eq!(storm.over(), [Some(Outcome::Done); 2]);
        storm.sent
    };
    for (side, back) in (0..2).flat_map(|side| (0..8).map(move |back| (side, back))) {
        for after in [300, 10_000, 25_000, 35_000] {
            let mut storm = Storm::tidy(give);
            storm.doomed = Some((side, sent[side] - back));
            storm.gives();
            while storm.doomed.is_some() && storm.step(storm.now.after(millis(60_000))) {}
            storm.run(after);
            let gone = storm.over();
            if gone.iter().all(Option::is_none) {
                storm.made([true, true]);
            }
            storm.run(130_000 - after);
            let what = format!("the record {back} before the last of {side}, {after} ms");
            let (_, delivered) = storm.stand_of(0);
            match storm.over() {
                [Some(Outcome::Done), Some(Outcome::Done)] => assert!(delivered, "{what}"),
                [Some(Outcome::Done), Some(Outcome::Unheard)] => {
                    assert!(delivered && after > 30_000, "{what}");
                }
                over => panic!("{what}: {over:?}"),
            }
        }
    }
}

#[test]
fn whoever_may_be_owed_more_does_not_end_well_without_a_link() {
    for says_goodbye in [false, true] {
        let mut storm = Storm::tidy([Want::Give, Want::Take]);
        storm.text(0, 5);
        storm.run(1_000);
        if says_goodbye {
            storm.tell(0, Input::Leave);
        }
        let link = storm.up(0)[0];
        storm.lost_at_once(link);
        storm.run(110_000);
        assert!(storm.over()[1].is_none(), "an outage of a minute");
        storm.run(20_000);
        // The giver has more to say, or not; the taker cannot know.
        let giver = says_goodbye.then_some(Outcome::Done);
        assert_eq!(storm.over(), [giver, Some(Outcome::Unheard)], "{says_goodbye}");
    }
}

#[test]
fn a_taker_to_which_nothing_came_does_not_look_for_ever() {
    let mut storm = Storm::tidy([Want::Give, Want::Take]);
    storm.run(1_000);
    let link = storm.up(0)[0];
    storm.lost_at_once(link);
    storm.run(130_000);
    assert_eq!(storm.over(), [None, Some(Outcome::Unheard)]);
}

#[test]
fn the_eighth_tampered_link_in_a_row_ends_it_and_progress_between_them_saves_it() {
    for progress in [false, true] {
        let mut storm = Storm::tidy([Want::Both, Want::Both]);
        storm.text(0, 1);
        storm.lost_at_once(CODE);
        for number in 1..=TAMPERED_LINKS {
            assert_eq!(storm.over(), [None, None]);
            storm.text(0, 1);
            let link = storm.made([true, true]);
            // The greeting arrives, and once a heartbeat and a text behind it.
            storm.end(1, link).tampered = Some(if progress && number == 4 { 3 } else { 1 });
            storm.run(1_000);
            assert_eq!(storm.up(1), []);
        }
        assert_eq!(storm.over()[1], (!progress).then_some(Outcome::Tampered));
    }
}

#[test]
fn an_idle_channel_without_a_link_lasts_for_its_time() {
    let mut storm = Storm::tidy([Want::Both, Want::Both]);
    storm.lost_at_once(CODE);
    storm.run(590_000);
    assert_eq!(storm.over(), [None, None]);
    assert!(storm.parties.iter().all(|party| party.conversation.needs_link()));
    storm.made([true, true]);
    storm.text(0, 3);
    storm.run(1_000);
    assert_eq!(storm.stand_of(0), (true, true));
}

#[test]
fn a_user_hears_of_a_missing_link_after_a_second_and_of_the_next_only_then() {
    for (outage, told) in [(900, &[][..]), (1_100, &["reconnecting", "reconnected"][..])] {
        let mut storm = Storm::tidy([Want::Both, Want::Both]);
        storm.lost_at_once(CODE);
        storm.run(outage);
        storm.made([true, true]);
        storm.run(60);
        storm.text(1, 3);
        storm.run(1_000);
        assert_eq!([0, 1].map(|side| storm.parties[side].told.clone()), [told, told]);
    }
}

#[test]
fn half_a_link_costs_its_five_seconds_and_the_next_is_used() {
    let mut storm = Storm::tidy([Want::Both, Want::Both]);
    storm.lost_at_once(CODE);
    let half = storm.made([true, false]);
    storm.run(2_000);
    let next = storm.made([true, true]);
    storm.text(1, 3);
    storm.run(2_900);
    assert_eq!((storm.up(0), storm.parties[0].conversation.is_linked()), (vec![half, next], false));
    storm.run(1_000);
    assert_eq!((storm.up(0), storm.up(1)), (vec![next], vec![next]));
    assert_eq!(storm.stand_of(1), (true, true));
    // The other half of one costs a joiner nothing.
    let other = storm.made([false, true]);
    storm.run(4_900);
    assert_eq!(storm.up(1), [next, other]);
    storm.run(1_000);
    assert_eq!((storm.up(1), storm.over()), (vec![next], [None, None]));
}

#[test]
fn a_link_that_is_dead_in_one_direction_is_replaced_when_it_is_missed() {
    for side in 0..2 {
        let mut storm = Storm::tidy([Want::Both, Want::Both]);
        storm.lose(CODE, Loss::Deaf(side));
        storm.text(0, 3);
        storm.text(1, 3);
        storm.run(6_000);
        assert!(storm.parties.iter().any(|party| party.conversation.needs_link()));
        let next = storm.made([true, true]);
        storm.run(500);
        assert_eq!((storm.up(0), storm.up(1)), (vec![next], vec![next]));
        assert_eq!([storm.stand_of(0), storm.stand_of(1)], [(true, true); 2]);
    }
}

#[test]
fn of_links_made_at_once_one_is_in_use_on_both_sides() {
    // The second is confirmed before the first is in use, or after it, on either side.
    for waits in [[0, 0], [300, 0], [0, 300], [300, 300], [30, 10], [10, 30]] {
        let mut storm = Storm::tidy([Want::Both, Want::Both]);
        storm.lost_at_once(CODE);
        let first = storm.made([true, true]);
        storm.made_in([true, true], waits);
        storm.text(0, 3);
        storm.text(1, 3);
        storm.run(1_000);
        let used = [0, 1].map(|side| storm.parties[side].conversation.link());
        assert_eq!(used, [Some(first); 2], "{waits:?}");
        assert_eq!([storm.up(0), storm.up(1)], [vec![first], vec![first]], "{waits:?}");
        assert_eq!([storm.stand_of(0), storm.stand_of(1)], [(true, true); 2]);
    }
}

#[test]
fn a_source_that_is_gone_when_it_has_to_be_sent_again_fails_alone() {
    let mut storm = Storm::tidy([Want::Both, Want::Both]);
    let item = storm.offer(0, &[200_000], 1, false);
    // It is granted, read, and said to be all. None of it arrives.
    while storm.wires[&CODE].ends[0].grants.is_empty() {
        assert!(storm.step(storm.now.after(millis(1_000))));
    }
    storm.lose(CODE, Loss::Deaf(0));
    storm.run(50);
    storm.parties[0].sources.get_mut(&item).unwrap().holes =
        vec![(0..200_000, Some(Reason::SourceChanged))];
    storm.lost_at_once(CODE);
    storm.made([true, true]);
    storm.run(2_000);
    assert!(!storm.parties[0].conversation.has_unfinished());
    let text = storm.text(1, 3);
    storm.run(1_000);
    assert_eq!((storm.over(), storm.stand_of(1), text), ([None, None], (true, true), ItemId(1)));
}
