//! Relays that swap, replay, reflect, reorder, cross-wire and downgrade, or stand between two sides
//! with words of their own (A5, A6): in none of it does anything arrive that was not given, and no
//! honest code is burned by a mix-up.

use crate::between::{Between, Client, Passing, Way};
use crate::count;
use crate::harness::{Ended, Machine, Running};
use crate::peer::wrong;
use pinhole_protocol::code::Code;
use pinhole_protocol::handshake::{Frame, Joiner, Judge, Verdict};
use rand_core::OsRng;
use std::sync::{Arc, Mutex};

/// A giver that waits at a relay.
fn giver(here: &Machine, relay: &Between, options: &[&str]) -> (Running, String) {
    here.write("gift", b"the gift");
    let mut giver = here.start(["give", "--relay", &relay.url(), "gift"].iter().chain(options));
    let code = giver.code();
    (giver, code)
}

/// Somebody takes, and gets nothing.
fn in_vain(relay: &Between, code: &str) -> Ended {
    let there = Machine::new();
    let taker = there.run(["take", code, "--relay", &relay.url(), "-o", "."]);
    assert_eq!(std::fs::read_dir(there.dir()).unwrap().count(), 0, "{:#?}", taker.lines);
    taker
}

/// The code is as good as ever.
fn still_good(giver: Running, relay: &Between, code: &str) {
    let there = Machine::new();
    there.run(["take", code, "--relay", &relay.url(), "-o", "."]).expect(0);
    assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
    giver.end().expect(0);
}

/// Changes the first frame that is the one meant, and lets all others pass.
fn once(
    client: Client,
    way: Way,
    nth: usize,
    mut change: impl FnMut(Vec<u8>) -> Vec<(Way, Vec<u8>)> + Send + 'static,
) -> impl FnMut(Passing) -> Vec<(Way, Vec<u8>)> + Send + 'static {
    let mut done = false;
    move |passing| {
        if done || !passing.is(client, way, nth) {
            return passing.on();
        }
        done = true;
        change(passing.payload)
    }
}

#[test]
fn a_reflected_message_is_never_taken_for_an_answer() {
    for _ in 0..count(25, 10) {
        // The joiner's own message 2 comes back to it: whoever answers cannot prove anything.
        let relay = Between::new(once(Client::Joiner, Way::ToRelay, 0, |message2| {
            vec![(Way::ToClient, message2)]
        }));
        let here = Machine::new();
        let (first, code) = giver(&here, &relay, &[]);
        in_vain(&relay, &code).expect(7);
        still_good(first, &relay, &code);
        // The host's own message 1 comes back to it in place of the joiner's answer: that is no
        // guess.
        let mut own = None;
        let relay = Between::new(move |passing: Passing| {
            if passing.is(Client::Host, Way::ToRelay, 0) {
                own = Some(passing.payload.clone());
            }
            if passing.is(Client::Host, Way::ToClient, 0) {
                return own.take().map(|message1| (Way::ToClient, message1)).into_iter().collect();
            }
            passing.on()
        });
        let here = Machine::new();
        let (second, code) = giver(&here, &relay, &[]);
        in_vain(&relay, &code).expect(6);
        still_good(second, &relay, &code);
    }
}

#[test]
fn an_old_message_1_is_no_guess_and_burns_nothing() {
    for _ in 0..count(25, 10) {
        // The second joiner is given the first one's message 1.
        let old: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
        let mut joiners = 0;
        let relay = Between::new(move |passing: Passing| {
            if !passing.is(Client::Joiner, Way::ToClient, 0) {
                return passing.on();
            }
            joiners += 1;
            let mut old = old.lock().unwrap();
            match joiners {
                // Its connection stays; it never gets to answer.
                1 => {
                    *old = Some(passing.payload);
                    vec![(Way::ToRelay, b"nonsense".to_vec())]
                }
                2 => vec![(Way::ToClient, old.take().unwrap())],
                _ => passing.on(),
            }
        });
        let here = Machine::new();
        let (giver, code) = giver(&here, &relay, &[]);
        // The first tries again after it was cut, gets the old message, and its tag is for nothing.
        in_vain(&relay, &code).expect(6);
        still_good(giver, &relay, &code);
    }
}

#[test]
fn a_host_that_is_given_anothers_joiner_is_burned_and_nothing_arrives() {
    let numbers: Arc<Mutex<Vec<String>>> = Arc::default();
    let known = Arc::clone(&numbers);
    let relay = Between::with_requests(
        move |client, head| match (client, known.lock().unwrap().as_slice()) {
            (Client::Joiner, [a, b]) => head.replace(&format!("join-{a}"), &format!("join-{b}")),
            _ => head,
        },
        Passing::on,
    );
    let (here, other) = (Machine::new(), Machine::new());
    let ((a, code_a), (b, code_b)) = (giver(&here, &relay, &[]), giver(&other, &relay, &[]));
    let number = |code: &str| code.split('-').next().unwrap().to_owned();
    *numbers.lock().unwrap() = vec![number(&code_a), number(&code_b)];
    in_vain(&relay, &code_a).expect(3);
    b.end().expect(3);
    numbers.lock().unwrap().clear();
    still_good(a, &relay, &code_a);
}

#[test]
fn a_replayed_session_tells_nobody_anything() {
    let recorded: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let replay = Arc::new(Mutex::new(false));
    let (tape, playing) = (Arc::clone(&recorded), Arc::clone(&replay));
    let relay = Between::new(move |passing: Passing| {
        if passing.client != Client::Joiner || passing.way != Way::ToClient {
            return passing.on();
        }
        let mut tape = tape.lock().unwrap();
        if *playing.lock().unwrap() {
            return tape
                .get(passing.nth)
                .map(|old| vec![(Way::ToClient, old.clone())])
                .unwrap_or_default();
        }
        tape.push(passing.payload.clone());
        passing.on()
    });
    let here = Machine::new();
    let (first, code) = giver(&here, &relay, &[]);
    still_good(first, &relay, &code);
    assert!(recorded.lock().unwrap().len() > 3);
    *replay.lock().unwrap() = true;
    let (second, code) = giver(&here, &relay, &["--tries", "1"]);
    // Its message 2 answers the old message 1, whatever its words are.
    in_vain(&relay, &code).expect(6);
    *replay.lock().unwrap() = false;
    still_good(second, &relay, &code);
}

#[test]
fn records_that_are_swapped_doubled_left_out_or_changed_end_their_link_alone() {
    type Attack = fn(&mut Vec<Vec<u8>>, Vec<u8>) -> Vec<Vec<u8>>;
    let attacks: [Attack; 4] = [
        |held, record| {
            held.push(record);
            if held.len() == 2 { held.drain(..).rev().collect() } else { Vec::new() }
        },
        |_, record| vec![record.clone(), record],
        |held, record| {
            held.push(record.clone());
            if held.len() == 1 { Vec::new() } else { vec![record] }
        },
        |_, mut record| {
            record[7] ^= 1;
            vec![record]
        },
    ];
    for (index, attack) in attacks.into_iter().enumerate() {
        let (mut held, mut attacked) = (Vec::new(), 0);
        // To the joiner, message 1, message 3 and the first record pass, and all after the attack.
        let relay = Between::new(move |passing: Passing| {
            match (passing.client, passing.way, passing.nth) {
                (Client::Joiner, Way::ToClient, 3..) if attacked < 2 => {
                    attacked += 1;
                    let passed = attack(&mut held, passing.payload).into_iter();
                    passed.map(|record| (Way::ToClient, record)).collect()
                }
                _ => passing.on(),
            }
        });
        let here = Machine::new();
        let (giver, code) = giver(&here, &relay, &[]);
        let there = Machine::new();
        let taker = there.run(["take", &code, "-o", ".", "--relay", &relay.url()]);
        let said = taker.all("status").iter().any(|line| line["event"] == "tampered");
        assert!(said && taker.status.code() == Some(0), "attack {index}: {:#?}", taker.lines);
        assert_eq!(giver.end().expect(0).all("delivered").len(), 1);
    }
}

#[test]
fn the_three_messages_in_another_order_are_an_impostors() {
    // The host's first record comes before its message 3.
    let mut held = None;
    let relay = Between::new(move |passing: Passing| {
        if passing.is(Client::Joiner, Way::ToClient, 1) {
            held = Some(passing.payload);
            return Vec::new();
        }
        if passing.is(Client::Joiner, Way::ToClient, 2) {
            return vec![(Way::ToClient, passing.payload), (Way::ToClient, held.take().unwrap())];
        }
        passing.on()
    });
    let here = Machine::new();
    let (giver, code) = giver(&here, &relay, &[]);
    in_vain(&relay, &code).expect(7);
    giver.end().expect(6);
}

#[test]
fn a_downgrade_in_either_hello_is_found_out() {
    /// Offset and length of the hello in messages 1 and 2: after kind and length, in message 2 also
    /// after the digest. A host's has its commitment and its number of words.
    const HELLO: [(usize, usize); 2] = [(3, 64), (35, 31)];
    let edits: [fn(&mut Vec<u8>); 4] = [
        // A capability struck or added, a version added before or behind ours, a field of tomorrow.
        |hello| hello[4] ^= 0x80,
        |hello| drop(hello.splice(1..4, [2, 0, 0, 0, 1])),
        |hello| drop(hello.splice(1..4, [2, 0, 1, 0, 2])),
        |hello| hello.push(0),
    ];
    for edit in edits {
        for (side, (start, length)) in HELLO.into_iter().enumerate() {
            let edited = move |mut message: Vec<u8>| {
                let mut hello: Vec<u8> = message.splice(start..start + length, []).collect();
                edit(&mut hello);
                hello[0] = u8::try_from(hello.len() - 1).unwrap();
                message.splice(start..start, hello);
                let body = u16::try_from(message.len() - 3).unwrap();
                message[1..3].copy_from_slice(&body.to_be_bytes());
                message
            };
            let way = [Way::ToClient, Way::ToRelay][side];
            let relay = Between::new(once(Client::Joiner, way, 0, move |message| {
                vec![(way, edited(message))]
            }));
            let here = Machine::new();
            let (giver, code) = giver(&here, &relay, &[]);
            if side == 0 {
                // The digest of message 1 gives it away, so it is no guess.
                in_vain(&relay, &code).expect(6);
                still_good(giver, &relay, &code);
            } else {
                in_vain(&relay, &code).expect(3);
                giver.end().expect(3);
            }
        }
    }
}

#[test]
fn a_relay_in_between_with_guessed_words_has_one_guess_at_each_side() {
    // To the joiner it is a host of its own words.
    let judge: Arc<Mutex<Option<(Judge, pinhole_protocol::handshake::Pending)>>> = Arc::default();
    let guessed: Arc<Mutex<String>> = Arc::default();
    let words = Arc::clone(&guessed);
    let relay = Between::new(move |passing: Passing| {
        let split = || Code::parse(&words.lock().unwrap()).unwrap().split();
        if passing.is(Client::Joiner, Way::ToClient, 0) {
            let (nameplate, password) = split();
            let own = Judge::new(password, nameplate);
            let (pending, message1) = own.begin(&mut OsRng);
            *judge.lock().unwrap() = Some((own, pending));
            // To the host it is a joiner with the same words.
            let (nameplate, password) = split();
            let (frame, _) = Frame::parse(&passing.payload).unwrap().unwrap();
            let Ok((_, message2)) = Joiner::new(password, nameplate).confirm(&frame, &mut OsRng)
            else {
                panic!("message 1 is no good")
            };
            return vec![(Way::ToClient, message1), (Way::ToRelay, message2)];
        }
        if passing.is(Client::Joiner, Way::ToRelay, 0) {
            let (own, pending) = judge.lock().unwrap().take().unwrap();
            let (frame, _) = Frame::parse(&passing.payload).unwrap().unwrap();
            let Verdict::Burned { refusal } = own.judge(pending, &frame) else {
                panic!("it guessed the words")
            };
            return vec![(Way::ToClient, refusal)];
        }
        passing.on()
    });
    let here = Machine::new();
    let (giver, code) = giver(&here, &relay, &[]);
    *guessed.lock().unwrap() = wrong(&code);
    assert_eq!(in_vain(&relay, &code).expect(3).failure()["error"], "code-wrong");
    assert_eq!(giver.end().expect(3).failure()["error"], "code-guessed");
}

#[test]
fn a_host_that_cannot_prove_the_words_is_an_impostor() {
    let relay = Between::new(once(Client::Joiner, Way::ToClient, 1, |mut message3| {
        message3[9] ^= 1;
        vec![(Way::ToClient, message3)]
    }));
    let here = Machine::new();
    let (giver, code) = giver(&here, &relay, &[]);
    assert_eq!(in_vain(&relay, &code).expect(7).failure()["error"], "key-mismatch");
    giver.end().expect(6);
}
