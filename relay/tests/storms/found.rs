//! Runs as a failing seed prints them, once it is shrunk: pasted here, each is a test.

use super::acts::{Act::*, Loss::*};
use super::runs::{Channel, Plan};
use pinhole_protocol::wire::Want::*;

/// A plan and its text.
macro_rules! pasted {
    ($plan:expr) => {
        ($plan, stringify!($plan))
    };
}

#[test]
fn what_a_failing_seed_prints_can_be_pasted_as_a_test() {
    let (plan, text) = pasted!(Plan {
        channels: vec![
            Channel {
                seed: 8,
                wants: (Both, Take),
                early: Some((0, 900)),
                verify: (false, true),
                striping: true,
                direct: true,
                relay: false
            },
            Channel {
                seed: 9,
                wants: (Both, Both),
                early: None,
                verify: (false, false),
                striping: false,
                direct: false,
                relay: true
            },
        ],
        acts: vec![
            (5, 0, Offer(0, vec![5, 70_000], 1, true)),
            (10, 1, Text(1, 300)),
            (20, 1, Lose(Noticed(10, 2_000), 0)),
            (25, 0, Wish(1, 3)),
            (30, 1, Stranger(1, true, 4_000)),
            (40, 0, Restart(1_000)),
            (600, 1, Text(0, 3)),
        ],
        calm: 600,
    });
    let bare =
        |text: &str| text.replace([' ', '\n', '_'], "").replace(",]", "]").replace(",}", "}");
    assert_eq!(bare(&plan.printed()), bare(text) + ".holds();");
    plan.holds();
}
