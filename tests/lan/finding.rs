//! The code alone is enough on one network.

use crate::world::{World, apart, number};

/// One gives, the other takes with the code alone.
fn given_and_taken(giver: &[&str], taker: &[&str]) {
    let mut world = World::new();
    let (here, there) = (world.machine(giver), world.machine(taker));
    let mut host = here.start(&["give", "--text", "hello"]);
    let channel = host.until("status", "channel");
    let code = channel["code"].as_str().unwrap();
    assert_eq!(
        (channel["joins"][0]["place"].as_str(), channel["join"].as_str()),
        (Some("on this network"), Some(&*format!("pinhole take {code}")))
    );
    assert!(
        channel["joins"][1]["command"]
            .as_str()
            .unwrap()
            .starts_with(&format!("pinhole take {code}@")),
        "where multicast is blocked"
    );
    let taken = there.run(&["take", code]).expect(0);
    assert_eq!(taken.one("text")["body"], "hello");
    let given = host.end().expect(0);
    for side in [taken, given] {
        assert!(
            side.all("status")
                .iter()
                .any(|status| status["event"] == "connected" && status["path"] == "lan"),
            "{:#?}",
            side.lines
        );
    }
}

#[test]
fn over_ipv4() {
    apart("finding::over_ipv4", || given_and_taken(&["10.9.0.1/24"], &["10.9.0.2/24"]));
}

#[test]
fn over_ipv6() {
    apart("finding::over_ipv6", || given_and_taken(&["fd09::1/64"], &["fd09::2/64"]));
}

#[test]
fn a_host_with_several_addresses_is_one_host() {
    apart("finding::a_host_with_several_addresses_is_one_host", || {
        given_and_taken(
            &["10.9.0.1/24", "10.9.0.3/24", "fd09::1/64", "fd09::3/64"],
            &["10.9.0.2/24", "fd09::2/64"],
        );
    });
}

#[test]
fn without_the_network_on_either_side_nobody_is_found_and_nothing_is_spent() {
    apart(
        "finding::without_the_network_on_either_side_nobody_is_found_and_nothing_is_spent",
        || {
            let mut world = World::new();
            let (here, there) = (world.machine(&["10.9.0.1/24"]), world.machine(&["10.9.0.2/24"]));
            let ear = there.ear();
            let mut silent = here.start(&["give", "--text", "silent", "--no-lan"]);
            let code = silent.code();
            let failure = there.run(&["take", &code]).expect(3).failure();
            assert_eq!(failure["error"], "code-unavailable");
            let (detail, next) =
                (failure["detail"].as_str().unwrap(), failure["next"].as_str().unwrap());
            assert!(detail.contains("on this machine or this local network"), "{detail}");
            assert!(
                ["--relay", "PINHOLE_RELAY", "--tunnel", "CODE@HOST"]
                    .iter()
                    .all(|way| next.contains(way)),
                "{next}"
            );
            assert!(
                ear.quiet().iter().all(|said| !crate::world::is_response(said)),
                "--no-lan announced it"
            );
            there.run(&["take", &format!("{code}@10.9.0.1")]).expect(0);
            silent.end().expect(0);

            let mut heard = here.start(&["give", "--text", "heard"]);
            let code = heard.code();
            ear.quiet();
            let failure = there.run(&["take", &code, "--no-lan"]).expect(3).failure();
            assert!(!failure["detail"].as_str().unwrap().contains("network"), "{failure}");
            assert!(ear.quiet().is_empty(), "--no-lan asked");
            there.run(&["take", &code]).expect(0);
            heard.end().expect(0);
        },
    );
}

#[test]
fn several_hosts_of_one_number_are_listed_and_none_is_tried() {
    apart("finding::several_hosts_of_one_number_are_listed_and_none_is_tried", || {
        let mut world = World::new();
        let hosts = [world.machine(&["10.9.0.1/24"]), world.machine(&["10.9.0.2/24"])];
        let guest = world.machine(&["10.9.0.3/24"]);
        let ear = guest.ear();
        let mut running =
            hosts.each_ref().map(|host| host.start(&["give", "--text", "hello", "--port", "9471"]));
        let codes = running.each_mut().map(|host| host.code());
        ear.quiet();
        let failure = guest.run(&["take", &codes[0]]).expect(10).failure();
        assert_eq!(failure["error"], "several-hosts");
        let next = failure["next"].as_str().unwrap();
        assert!(
            next.contains("CODE@10.9.0.1")
                && next.contains("CODE@10.9.0.2")
                && !next.contains(&codes[0]),
            "{next}"
        );
        for (code, place) in codes.iter().zip(["10.9.0.1", "10.9.0.2"]) {
            guest.run(&["take", &format!("{code}@{place}")]).expect(0);
        }
        for host in running {
            let host = host.end().expect(0);
            assert!(host.all("status").iter().all(|status| status["event"] != "handshake_failed"));
        }
    });
}

#[test]
fn this_machine_comes_first_and_what_is_no_host_there_is_passed_over() {
    apart("finding::this_machine_comes_first_and_what_is_no_host_there_is_passed_over", || {
        let mut world = World::new();
        let (here, there) = (world.machine(&["10.9.0.1/24"]), world.machine(&["10.9.0.2/24"]));
        let mut far = there.start(&["give", "--text", "far", "--port", "9471"]);
        let far_code = far.code();
        let mut near = here.start(&["give", "--text", "near", "--port", "9471"]);
        let taken = here.run(&["take", &near.code()]).expect(0);
        assert_eq!(taken.one("text")["body"], "near");
        near.end().expect(0);
        // Something else listens here, and says nothing.
        let listener =
            here.there(|| std::net::TcpListener::bind(("127.0.0.1", number(&far_code))).unwrap());
        let taken = here.run(&["take", &far_code]).expect(0);
        assert_eq!(taken.one("text")["body"], "far");
        far.end().expect(0);
        drop(listener);
    });
}

#[test]
fn a_question_that_may_be_lost_is_asked_again() {
    apart("finding::a_question_that_may_be_lost_is_asked_again", || {
        let mut world = World::new();
        let (here, there) = (world.machine(&["10.9.0.1/24"]), world.machine(&["10.9.0.2/24"]));
        let ear = here.ear();
        there.run(&["take", "9471-walrus-mango-zebra"]).expect(3);
        assert_eq!(ear.quiet().len(), 2);
    });
}
