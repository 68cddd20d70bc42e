//! A host's messages to its network: as few as are needed, for as long as the code is good, and
//! never at its own cost.

use crate::world::{TELLTALE, World, apart, is_goodbye, is_response, number};
use rustix::process::Signal;
use std::net::UdpSocket;

/// The question for the service, which a joiner would ask.
const QUESTION: &[u8] = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x08_pinhole\x04_tcp\x05local\0\0\x0c\0\x01";

fn has(message: &[u8], text: &[u8]) -> bool {
    // Letters in either case; a number's bytes may be letters too.
    message.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text))
}

/// The instance's name in a response: the label after the first record's name, type, class, TTL and
/// length.
fn instance(message: &[u8]) -> String {
    String::from_utf8(message[12 + 21 + 10 + 1..][..16].to_vec()).unwrap()
}

#[test]
fn it_ends_when_the_code_is_used_or_dead() {
    apart("announcing::it_ends_when_the_code_is_used_or_dead", || {
        let mut world = World::new();
        let (here, there) = (world.machine(&["10.9.0.1/24"]), world.machine(&["10.9.0.2/24"]));
        let ear = there.ear();
        for end in ["used", "guessed", "interrupted"] {
            let mut host = here.start(&["host", "--ttl", "1h"]);
            let code = host.code();
            ear.until(is_response);
            let guest = match end {
                "used" => {
                    let mut guest = there.start(&["connect", &code]);
                    guest.until("status", "connected");
                    Some(guest)
                }
                "guessed" => {
                    let (rest, last) = code.rsplit_once('-').unwrap();
                    there
                        .run(&[
                            "connect",
                            &format!(
                                "{rest}-{}",
                                if last == "walrus" { "mango" } else { "walrus" }
                            ),
                        ])
                        .expect(3);
                    None
                }
                _ => {
                    host.signal(Signal::INT);
                    None
                }
            };
            ear.until(is_goodbye);
            ear.say(QUESTION);
            assert!(
                ear.quiet().iter().all(|said| !is_response(said)),
                "{end}: it is still announced"
            );
            assert_eq!(
                there.run(&["take", &code]).expect(3).failure()["error"],
                "code-unavailable",
                "{end}"
            );
            drop((host, guest));
        }
    });
}

#[test]
fn nothing_of_machine_or_person_is_said_and_no_name_twice() {
    apart("announcing::nothing_of_machine_or_person_is_said_and_no_name_twice", || {
        let mut world = World::new();
        let (here, there) = (world.machine(&["10.9.0.1/24"]), world.machine(&["10.9.0.2/24"]));
        let mut names = Vec::new();
        for _ in 0..2 {
            // A new one each time: what the first host said last may come late.
            let ear = there.ear();
            let mut host = here.start(&["give", "--text", "hello"]);
            let code = host.code();
            // Announced twice, and nobody has asked.
            let mut said = vec![ear.until(is_response), ear.until(is_response)];
            there.run(&["take", &code]).expect(0);
            host.end().expect(0);
            said.extend(ear.quiet());
            assert!(said.iter().any(|message| is_goodbye(message)));
            for message in &said {
                assert!(!has(message, TELLTALE.as_bytes()));
                for word in code.split('-').skip(1).filter(|word| word.len() >= 5) {
                    assert!(!has(message, word.as_bytes()), "a word of the code");
                }
                if is_response(message) {
                    assert!(has(message, &number(&code).to_be_bytes()), "not the number");
                    names.push(instance(message));
                }
            }
        }
        assert!(
            names.iter().all(|name| name.bytes().all(|digit| digit.is_ascii_hexdigit())),
            "{names:?}"
        );
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 2, "one for each code");
    });
}

#[test]
fn only_where_it_listens_and_never_on_a_bridge_of_containers() {
    apart("announcing::only_where_it_listens_and_never_on_a_bridge_of_containers", || {
        let mut world = World::new();
        let (here, there) =
            (world.machine(&["10.9.0.1/24", "10.9.0.7/24"]), world.machine(&["10.9.0.2/24"]));
        here.ip("link add docker0 type bridge");
        here.ip("address add 172.17.0.1/16 dev docker0");
        here.ip("link set docker0 up");
        let (ear, contained) = (there.ear(), here.ear_at("172.17.0.1"));
        let at = |ip: [u8; 4]| [&[0, 4][..], &ip].concat();
        for (bind, first, second) in
            [(vec![], true, true), (vec!["--bind", "10.9.0.7"], false, true)]
        {
            let mut host = here.start(&[&["give", "--text", "x"], &bind[..]].concat());
            host.code();
            let said = ear.until(is_response);
            assert_eq!(
                (has(&said, &at([10, 9, 0, 1])), has(&said, &at([10, 9, 0, 7]))),
                (first, second),
                "{bind:?}"
            );
            assert!(!has(&said, &at([127, 0, 0, 1])));
            ear.quiet();
            // A container asks, and neither it nor the network gets an answer.
            contained.say(QUESTION);
            assert!(ear.quiet().iter().all(|said| !is_response(said)));
            assert!(contained.quiet().iter().all(|said| !has(said, &at([172, 17, 0, 1]))));
            host.signal(Signal::INT);
            host.end().expect(130);
            ear.quiet();
        }
        let mut host = here.start(&["give", "--text", "x", "--bind", "127.0.0.1"]);
        let channel = host.until("status", "channel");
        assert_eq!(
            (channel["joins"].as_array().unwrap().len(), &channel["joins"][0]["place"]),
            (1, &"on this machine".into())
        );
        assert!(ear.quiet().is_empty(), "bound to loopback, and announced");
    });
}

/// Waits for the code; returns the text above it.
fn above_the_code(host: &mut crate::harness::Running) -> (String, String) {
    let mut above = String::new();
    loop {
        let line = host.line().unwrap();
        if let Some(code) = line.strip_prefix("Code: ") {
            return (above, code.to_owned());
        }
        above.push_str(&line);
        above.push(' ');
    }
}

#[test]
fn a_host_that_cannot_announce_says_so_and_works_on() {
    apart("announcing::a_host_that_cannot_announce_says_so_and_works_on", || {
        let mut world = World::new();
        let (here, there) = (world.machine(&["10.9.0.1/24"]), world.machine(&["10.9.0.2/24"]));
        let alone = world.machine(&[]);
        let mut host = alone.start(&["give", "--text", "x", "--human"]);
        let (above, code) = above_the_code(&mut host);
        assert!(above.contains("it has no local network"), "{above}");
        alone.run(&["take", &code]).expect(0);

        // Another program has the port for itself.
        let _taken = here.there(|| UdpSocket::bind(("::", 5353)).unwrap());
        let mut host = here.start(&["give", "--text", "x", "--human"]);
        let (above, code) = above_the_code(&mut host);
        assert!(above.contains("it cannot be announced on the local network"), "{above}");
        assert!(above.contains("--relay URL") && above.contains("--tunnel"), "{above}");
        there.run(&["take", &code]).expect(3);
        there.run(&["take", &format!("{code}@10.9.0.1")]).expect(0);

        // Scripts hear of it by the lines that are left.
        let mut host = here.start(&["give", "--text", "x"]);
        let channel = host.until("status", "channel");
        assert!(channel["join"].as_str().unwrap().ends_with("@10.9.0.1"), "{channel}");
    });
}

#[test]
fn an_interface_that_is_marked_as_without_multicast_ends_nothing() {
    apart("announcing::an_interface_that_is_marked_as_without_multicast_ends_nothing", || {
        let mut world = World::new();
        let (here, there) = (world.machine(&["10.9.0.1/24"]), world.machine(&["10.9.0.2/24"]));
        for machine in [&here, &there] {
            machine.ip("link set eth0 multicast off");
        }
        let mut host = here.start(&["give", "--text", "hello"]);
        let code = host.code();
        there.run(&["take", &format!("{code}@10.9.0.1")]).expect(0);
        host.end().expect(0);
    });
}
