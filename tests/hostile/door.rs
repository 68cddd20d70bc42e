//! Strangers at a host's door: they knock wrongly, hang up, hold the line, and keep nobody out
//! (SPEC 3.7, A7, A7b).

use crate::count;
use crate::harness::{Machine, Running, port};
use crate::peer::{Ready, dial_from, read_frame, rest};
use pinhole_protocol::rendezvous::Opening;
use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A giver whose guest is still to come.
fn giver(machine: &Machine) -> (Running, String) {
    machine.write("gift", b"the gift");
    let mut giver = machine.start(["give", "gift"]);
    let code = giver.code();
    (giver, code)
}

/// The guest comes, gets the gift, and nobody was counted as a guess.
#[track_caller]
fn guest_gets_it(giver: Running, code: &str) -> Duration {
    let there = Machine::new();
    let began = Instant::now();
    there.run(["take", code, "-o", "."]).expect(0);
    let took = began.elapsed();
    assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
    let giver = giver.end().expect(0);
    assert!(
        !giver.lines.iter().any(|line| line.contains("handshake_failed")),
        "{:#?}",
        giver.lines
    );
    took
}

#[test]
fn whoever_does_not_say_message_0_is_closed_without_a_byte() {
    let here = Machine::new();
    let (giver, code) = giver(&here);
    let right = Opening::Code.encode();
    let flipped = (0..right.len() * 8).map(|bit| {
        let mut bytes = right.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    let garbage = [
        "GET / HTTP/1.1\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2p1\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}",
        "pinhole\u{2}",
    ];
    let cut = [1, 8, 9, 24].map(|length| right[..length].to_vec());
    let link =
        Opening::Link(pinhole_protocol::rendezvous::SlotToken::new([7; 16])).encode().to_vec();
    for (number, bytes) in (1..)
        .zip(flipped.chain(garbage.map(|text| text.as_bytes().to_vec())).chain(cut).chain([link]))
    {
        let mut socket = dial_from(number, port(&code)).unwrap();
        socket.write_all(&bytes).unwrap();
        // A connection that is only cut off is waited for; its end shows that nothing comes.
        socket.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut socket), b"", "{bytes:?}");
    }
    guest_gets_it(giver, &code);
}

#[test]
fn hanging_up_is_free_at_every_stage_and_however_often() {
    let here = Machine::new();
    let (giver, code) = giver(&here);
    let opening = Opening::Code.encode();
    for number in 0..1000_u32 {
        let source = 1 + number % 250;
        if number % 4 == 3 {
            // Half of a message 2 whose tag would even be right.
            let mut ready = Ready::dial(source, &code).unwrap();
            let half = ready.message2.len() / 2;
            ready.socket.write_all(&ready.message2[..half]).unwrap();
            continue;
        }
        let mut socket = dial_from(source, port(&code)).unwrap();
        if number % 4 >= 1 {
            socket.write_all(&opening).unwrap();
        }
        if number % 4 == 2 {
            read_frame(&mut socket).unwrap();
        }
    }
    guest_gets_it(giver, &code);
}

#[test]
fn sixteen_connections_held_in_silence_and_renewed_do_not_keep_the_guest_out() {
    for _ in 0..count(50, 10) {
        let here = Machine::new();
        let (giver, code) = giver(&here);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for holder in 0..16 {
                let (code, over) = (&code, &over);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        // Four sources with four connections each; half of them have got as far as
                        // message 1.
                        let Ok(mut socket) = dial_from(1 + holder % 4, port(code)) else { return };
                        if holder % 2 == 0 {
                            let _ = socket.write_all(&Opening::Code.encode());
                        }
                        rest(&mut socket);
                    }
                });
            }
            let took = guest_gets_it(giver, &code);
            over.store(true, Ordering::Relaxed);
            eprintln!("with 16 connections held, the guest was done after {took:.1?}");
            assert!(took < Duration::from_secs(15), "{took:?}");
        });
    }
}

#[test]
fn a_guest_who_proves_the_code_and_leaves_uses_it_up_without_a_guess() {
    for tries in ["1", "5"] {
        let here = Machine::new();
        here.write("gift", b"the gift");
        let mut giver = here.start(["give", "--tries", tries, "gift"]);
        drop(Ready::dial(1, &giver.code()).unwrap().join());
        let giver = giver.end().expect(6);
        // No other code was made, and nobody counts as connected or as a guess.
        let events: Vec<_> = giver
            .all("status")
            .iter()
            .map(|status| status["event"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(events, ["channel", "waiting", "paired", "disconnected"]);
    }
}
