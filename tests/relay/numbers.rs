//! A crowd that takes a relay's numbers by the hundred, and everybody else (D16).

use crate::count;
use crate::harness::Machine;
use crate::harness::relay::Relay;
use crate::joiner::{Heard, Socket};

const LIMIT: Heard = Heard::Closed(Some(4002));
const FULL: Heard = Heard::Closed(Some(4003));

/// A relay that believes this machine for whom it speaks.
fn relay(options: &[&str]) -> Relay {
    Relay::with(&[&["--trusted-proxy", "127.0.0.0/8", "--connections", "100000"], options].concat())
}

/// Asks for a number as a host of this address, and gives it back at once, so that it rests.
fn ask(relay: &Relay, address: &str) -> Result<(), Heard> {
    let mut host = Socket::with(1, relay.port, "host", &[("x-forwarded-for", address)]).unwrap();
    match host.hear() {
        Heard::Text(_) => {
            host.say(r#"{"type":"burn"}"#);
            assert_eq!(host.hear(), Heard::Closed(Some(1000)));
            Ok(())
        }
        refused => Err(refused),
    }
}

/// Counts the numbers that these addresses get, each in its turn, until none gets any.
fn exhaust(relay: &Relay, addresses: &[String]) -> usize {
    let mut taken = 0;
    loop {
        let round = addresses.iter().filter(|address| ask(relay, address).is_ok()).count();
        taken += round;
        if round == 0 {
            return taken;
        }
    }
}

#[test]
fn three_hundred_64s_of_one_48_leave_numbers_for_everybody_else() {
    let numbers = count(1_000, 200);
    let relay = relay(&["--numbers", &numbers.to_string()]);
    let crowd: Vec<String> = (1..=300).map(|subnet| format!("2001:db8:1:{subnet:x}::1")).collect();
    assert_eq!(exhaust(&relay, &crowd), numbers * 9 / 10);
    assert_eq!(ask(&relay, &crowd[0]), Err(LIMIT));
    // A person elsewhere hands something over.
    let (here, there) = (Machine::new(), Machine::new());
    here.write("gift", b"the gift");
    let mut giver = here.start(["give", "--relay", &relay.url(), "gift"]);
    let code = giver.code();
    there.run(["take", &code, "--relay", &relay.url(), "-o", "."]).expect(0);
    giver.end().expect(0);
    assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
    // And all the others, to the last number.
    let others: Vec<String> =
        (1..numbers / 10).map(|site| format!("10.{}.{}.1", site / 256, site % 256)).collect();
    assert!(others.iter().all(|other| ask(&relay, other) == Ok(())));
    assert_eq!(relay.metric("resting_numbers"), numbers as u64);
    assert_eq!(ask(&relay, "2001:db8:2::1"), Err(FULL));
}

#[test]
fn a_source_a_site_and_a_provider_have_the_numbers_that_an_operator_lets_them() {
    let relay =
        relay(&["--source-numbers", "5", "--site-numbers", "12", "--provider-numbers", "20"]);
    let all = |text: &[&str]| text.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    for (addresses, expected) in [
        // Two addresses of one 64 are one source.
        (all(&["2001:db8:1:1::1", "2001:db8:1:1::2"]), 5),
        (all(&["2001:db8:1:2::1", "2001:db8:1:3::1"]), 7),
        (all(&["2001:db8:2:1::1", "2001:db8:3:1::1"]), 8),
        (all(&["2001:db9::1"]), 5),
        (all(&["10.0.0.1", "::ffff:10.0.0.1"]), 5),
        (all(&["10.0.0.2", "10.0.0.3"]), 7),
        (all(&["10.0.1.1", "10.0.2.1", "10.0.3.1", "10.0.4.1"]), 20),
    ] {
        assert_eq!(exhaust(&relay, &addresses), expected, "{addresses:?}");
        assert_eq!(ask(&relay, &addresses[0]), Err(LIMIT));
    }
}
