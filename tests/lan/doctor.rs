//! `doctor` on a network: it joins the group, and says nothing to anybody.

use crate::harness::doctor::said;
use crate::world::{World, apart};
use std::time::Duration;

#[test]
fn the_network_is_found_and_hears_nothing_of_it() {
    apart("doctor::the_network_is_found_and_hears_nothing_of_it", || {
        let mut world = World::new();
        let (here, there) = (world.machine(&["10.9.0.1/24"]), world.machine(&["10.9.0.2/24"]));
        let ear = there.ear();
        let ended = here.run(&["doctor"]).expect(0);
        let (ok, detail, _) = said(&ended, "discovery");
        assert!(ok && detail == "codes can be announced and looked for on eth0", "{detail}");
        assert!(
            said(&ended, "dial").1.contains("there is a network")
                && said(&ended, "listen").1.contains("wait here for the other side")
        );
        assert_eq!(ear.hear(Duration::from_millis(300)), None);
        here.ip("link set eth0 down");
        here.ip("address flush dev eth0");
        let ended = here.run(&["doctor"]).expect(5);
        let (ok, detail, _) = said(&ended, "discovery");
        assert!(!ok && detail.ends_with("there is none"), "{detail}");
        assert!(!said(&ended, "dial").0);
    });
}
