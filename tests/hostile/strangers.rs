//! Strangers at the listener of a channel, whose code is used: they find nothing, and keep nobody
//! out (SPEC 3.7 to 3.9).

use crate::harness::content::{bytes, digest, digest_at};
use crate::harness::wire::{self, Fault, Way, Wire};
use crate::harness::{Machine, Running, port, runs};
use crate::peer::dial_from;
use pinhole_protocol::handshake::REFUSED;
use pinhole_protocol::rendezvous::{OPENING, Opening, SlotToken};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

/// A channel over a wire, which notes what its joiner says first on each connection.
fn channel(here: &Machine, there: &Machine) -> (Running, Running, Wire, Openings, String) {
    let openings = Openings::default();
    let noted = Arc::clone(&openings);
    let note = move |connection, way, bytes: &[u8]| {
        let mut noted = noted.lock().unwrap();
        while noted.len() <= connection {
            noted.push(Vec::new());
        }
        if way == Way::ToServer && noted[connection].len() < OPENING {
            noted[connection].extend_from_slice(bytes);
        }
    };
    let (host, peer, wire, code) = wire::channel(here, there, |server| Wire::watched(server, note));
    (host, peer, wire, openings, code)
}

type Openings = Arc<Mutex<Vec<Vec<u8>>>>;

/// Everything that the listener says to an opening, until it closes.
fn heard(mut socket: TcpStream, opening: &[u8]) -> Vec<u8> {
    let mut heard = Vec::new();
    // It may have closed before it has read all.
    let _ = socket.write_all(opening).and_then(|()| socket.read_to_end(&mut heard));
    heard
}

#[test]
fn a_used_code_is_refused_at_once_and_a_token_that_is_not_true_without_a_word() {
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    let (mut host, _peer, wire, openings, code) = channel(&here, &there);
    let port = port(&code);
    let dial = || dial_from(9, port).unwrap();
    assert_eq!(heard(dial(), &Opening::Code.encode()), REFUSED);
    let late = Machine::new().run(["take", &code]).expect(3);
    assert_eq!(late.failure()["error"], "code-unavailable");
    let guessed = Opening::Link(SlotToken::new([7; 16])).encode();
    assert!(heard(dial(), &guessed).is_empty());
    // One that was true is taken once.
    wire.all().cut();
    wire.wait_connections(2);
    there.run(["send", &code, "again"]).expect(0);
    host.until("text", "");
    let replayed = openings.lock().unwrap()[1][..OPENING].to_vec();
    assert!(matches!(Opening::parse(&replayed), Ok(Some(Opening::Link(_)))));
    assert!(heard(dial(), &replayed).is_empty());
}

#[test]
fn strangers_on_all_places_keep_nobody_out() {
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    let (mut host, mut peer, wire, _, code) = channel(&here, &there);
    let port = port(&code);
    wire.refuse();
    wire.all().cut();
    for side in [&mut host, &mut peer] {
        side.until("status", "reconnecting");
    }
    // They say half of a message 0 each, and hold on.
    let crowd: Vec<_> = (0..64)
        .map(|stranger| {
            let mut socket = dial_from(20 + stranger, port).unwrap();
            let _ = socket.write_all(&Opening::Link(SlotToken::new([1; 16])).encode()[..12]);
            socket
        })
        .collect();
    wire.accept();
    peer.until("status", "reconnected");
    there.run(["send", &code, "here"]).expect(0);
    assert_eq!(host.until("text", "")["body"], "here");
    drop(crowd);
}

#[test]
fn a_message_0_that_is_answered_by_somebody_else_gets_no_more() {
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    let (mut host, mut peer, wire, openings, code) = channel(&here, &there);
    // Whoever stands in the way sends the joiner's own token back to it, and anything after.
    wire.all().set(Fault::Stall(Way::ToServer, 0));
    let mirror = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    wire.lead_to(mirror.local_addr().unwrap());
    wire.all().lift(Fault::Stall(Way::ToServer, 0));
    wire.all().cut();
    let (mut dialled, _) = mirror.accept().unwrap();
    let mut token = [0; OPENING];
    dialled.read_exact(&mut token).unwrap();
    dialled.write_all(&token).unwrap();
    let mut rest = Vec::new();
    let _ = dialled.read_to_end(&mut rest);
    assert!(rest.is_empty(), "{rest:?}");
    drop(mirror);
    wire.lead_to((Ipv4Addr::LOCALHOST, port(&code)));
    there.run(["send", &code, "here"]).expect(0);
    assert_eq!(host.until("text", "")["body"], "here");
    peer.until("delivered", "");
    assert!(openings.lock().unwrap().len() >= 3);
}

#[test]
fn a_transfer_goes_on_among_ten_thousand_strangers_and_nothing_is_burned() {
    const PIECE: usize = 4_096;
    let strangers = runs(10_000, 500);
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    let mut give = here.command(["give", "-"]);
    give.stdin(Stdio::piped());
    let mut giver = Running::start(give);
    let code = giver.code();
    let port = port(&code);
    // The first words of each side on the second connection: true tokens, taken by then.
    let tokens = Arc::new(Mutex::new([Vec::new(), Vec::new()]));
    let noted = Arc::clone(&tokens);
    let wire = Wire::watched((Ipv4Addr::LOCALHOST, port), move |connection, way, bytes| {
        if connection == 1 {
            noted.lock().unwrap()[usize::from(way == Way::ToClient)].extend_from_slice(bytes);
        }
    });
    wire.only(0).set(Fault::Cut(Way::ToClient, 2 * PIECE as u64));
    let taker = there.start(["take", &wire.join(&code), "-o", "file"]);
    let content = bytes(PIECE * (strangers + 16));
    let mut pieces = content.chunks(PIECE);
    let mut feed =
        |giver: &mut Running| pieces.next().into_iter().for_each(|piece| giver.feed(piece));
    (0..8).for_each(|_| feed(&mut giver));
    wire.wait_connections(2);
    wire.only(1).wait_bytes(Way::ToClient, PIECE as u64);
    let [joiners, hosts] = tokens.lock().unwrap().each_ref().map(|first| first[..OPENING].to_vec());
    assert!(matches!(Opening::parse(&joiners), Ok(Some(Opening::Link(_)))));
    for stranger in 0..strangers {
        feed(&mut giver);
        let socket = dial_from(20 + stranger as u32 % 1_000, port).unwrap();
        let mut garbage = [stranger as u8; OPENING];
        garbage[1..9].copy_from_slice(&stranger.to_be_bytes());
        let guessed = Opening::Link(SlotToken::new(garbage[..16].try_into().unwrap())).encode();
        let said = match stranger % 5 {
            0 => heard(socket, &garbage),
            1 => heard(socket, &guessed),
            2 => heard(socket, &joiners),
            3 => heard(socket, &hosts),
            _ => {
                assert_eq!(heard(socket, &Opening::Code.encode()), REFUSED);
                continue;
            }
        };
        assert!(said.is_empty(), "{said:?}");
    }
    pieces.for_each(|piece| giver.feed(piece));
    giver.hang_up();
    giver.end().expect(0);
    taker.end().expect(0);
    assert_eq!(digest_at(there.path("file")), digest(&content[..]));
}
