//! The harness's own wire: each fault is what it says, and is on cue.

use crate::harness::PATIENCE;
use crate::harness::wire::{Fault, Way, Wire};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A server, and a wire to it.
fn wire() -> (TcpListener, Wire) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let wire = Wire::to(server.local_addr().unwrap());
    (server, wire)
}

/// Both ends of the next connection over a wire, the client's first.
fn pair(wire: &Wire, server: &TcpListener) -> [TcpStream; 2] {
    let client = TcpStream::connect(wire.address()).unwrap();
    let ends = [client, server.accept().unwrap().0];
    for end in &ends {
        end.set_nodelay(true).unwrap();
        end.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    ends
}

/// So many bytes, as they come.
#[track_caller]
fn read(mut from: &TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    from.read_exact(&mut bytes).unwrap();
    bytes
}

#[track_caller]
fn write(mut to: &TcpStream, bytes: &[u8]) {
    to.write_all(bytes).unwrap();
}

/// Bytes to the end.
#[track_caller]
fn rest(mut from: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Bytes to a reset.
#[track_caller]
fn until_reset(mut from: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let error = from.read_to_end(&mut bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    bytes
}

/// A word there, and one back: what was sent before has arrived.
#[track_caller]
fn both_ways(client: &TcpStream, server: &TcpStream) {
    for (from, to) in [(client, server), (server, client)] {
        write(from, b"word");
        assert_eq!(read(to, 4), b"word");
    }
}

#[test]
fn all_passes_and_is_counted_and_so_do_ends() {
    let (server, wire) = wire();
    let [client, end] = pair(&wire, &server);
    let much: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    std::thread::scope(|threads| {
        threads.spawn(|| write(&client, &much));
        assert!(read(&end, much.len()) == much);
    });
    write(&end, b"back");
    assert_eq!(read(&client, 4), b"back");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&end), b"");
    write(&end, b"on");
    drop(end);
    assert_eq!(rest(&client), b"on");
    wire.all().wait_bytes(Way::ToClient, 6);
    assert_eq!(
        (wire.all().bytes(Way::ToServer), wire.only(0).bytes(Way::Both)),
        (3_000_000, 3_000_006)
    );
    let [_client, _end] = pair(&wire, &server);
    wire.wait_connections(2);
    assert_eq!((wire.connections(), wire.only(1).bytes(Way::Both)), (2, 0));
}

#[test]
fn a_reset_at_one_end_is_one_at_the_other() {
    let (server, wire) = wire();
    let [client, end] = pair(&wire, &server);
    write(&client, b"last");
    assert_eq!(read(&end, 4), b"last");
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    assert_eq!(until_reset(&end), b"");
    // So is a server that is not there.
    drop(server);
    until_reset(&TcpStream::connect(wire.address()).unwrap());
}

#[test]
fn what_there_is_can_be_cut_reset_and_closed_one_way_and_the_next_passes() {
    let (server, wire) = wire();
    let pairs = [pair(&wire, &server), pair(&wire, &server)];
    let heard = |[client, there]: &[TcpStream; 2]| [rest(client), rest(there)].concat();
    wire.only(0).cut();
    assert_eq!(heard(&pairs[0]), b"");
    both_ways(&pairs[1][0], &pairs[1][1]);
    wire.all().cut();
    assert_eq!(heard(&pairs[1]), b"");
    let [client, there] = pair(&wire, &server);
    wire.only(2).reset();
    assert_eq!((until_reset(&client), until_reset(&there)), (Vec::new(), Vec::new()));
    for (way, ends) in [(Way::ToServer, [0, 1]), (Way::ToClient, [1, 0])] {
        let pair = pair(&wire, &server);
        let [from, to] = ends.map(|end| &pair[end]);
        wire.only(wire.connections() - 1).half_close(way);
        assert_eq!(rest(to), b"");
        write(from, b"into the void");
        write(to, b"goes on");
        assert_eq!(read(from, 7), b"goes on");
    }
}

#[test]
fn each_fault_is_at_its_byte() {
    let (server, wire) = wire();
    for at in [0, 1, 1_000, 99_999] {
        for (way, ends) in [(Way::ToServer, [0, 1]), (Way::ToClient, [1, 0])] {
            let bytes: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
            let before = &bytes[..at];
            let at = at as u64;
            for fault in [
                Fault::Cut(way, at),
                Fault::Reset(way, at),
                Fault::HalfClose(way, at),
                Fault::Flip(way, at),
                Fault::Lose(way, at),
                Fault::Stall(way, at),
            ] {
                let number = wire.connections();
                wire.only(number).set(fault);
                let pair = pair(&wire, &server);
                let [from, to] = ends.map(|end| &pair[end]);
                // The sender may hear of the end first.
                let sent = |mut from: &TcpStream| from.write_all(&bytes).is_ok();
                std::thread::scope(|threads| {
                    let sending = threads.spawn(|| sent(from));
                    match fault {
                        Fault::Cut(..) => assert!(rest(to) == before && rest(from).is_empty()),
                        Fault::Reset(..) => {
                            assert!(until_reset(to) == before);
                        }
                        Fault::HalfClose(..) => {
                            assert!(rest(to) == before && sending.join().unwrap());
                            write(to, b"goes on");
                            assert_eq!(read(from, 7), b"goes on");
                        }
                        Fault::Flip(..) => {
                            let mut flipped = bytes.clone();
                            flipped[before.len()] ^= 1;
                            assert!(read(to, bytes.len()) == flipped);
                        }
                        Fault::Lose(..) => {
                            assert!(read(to, before.len()) == before && sending.join().unwrap());
                            from.shutdown(Shutdown::Write).unwrap();
                            wire.only(number).wait_bytes(way, 100_000);
                            write(to, b"goes on");
                            assert_eq!(read(from, 7), b"goes on");
                            nothing_more(to);
                        }
                        Fault::Stall(..) => {
                            assert!(read(to, before.len()) == before);
                            write(to, b"goes on");
                            assert_eq!(read(from, 7), b"goes on");
                            nothing_more(to);
                            assert_eq!(wire.only(number).bytes(way), at);
                            wire.only(number).lift(fault);
                            assert!(read(to, bytes.len() - before.len()) == bytes[before.len()..]);
                        }
                        Fault::Delay(..) | Fault::Silence(_) => unreachable!(),
                    }
                });
            }
        }
    }
}

/// Checks that nothing has come, neither bytes nor an end.
#[track_caller]
fn nothing_more(mut from: &TcpStream) {
    from.set_nonblocking(true).unwrap();
    assert_eq!(from.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
    from.set_nonblocking(false).unwrap();
}

#[test]
fn a_wire_that_stalls_both_ways_takes_no_more_than_its_sockets_hold_and_goes_on() {
    let (server, wire) = wire();
    let [mut client, end] = pair(&wire, &server);
    let stall = Fault::Stall(Way::Both, 0);
    wire.all().set(stall);
    client.set_nonblocking(true).unwrap();
    let piece = [7; 64 << 10];
    let mut sent = 0;
    while let Ok(count) = client.write(&piece) {
        sent += count;
    }
    assert!(sent < 64 << 20, "{sent}");
    client.shutdown(Shutdown::Write).unwrap();
    nothing_more(&end);
    wire.all().lift(stall);
    assert_eq!(rest(&end).len(), sent);
}

#[test]
fn a_delay_holds_each_byte_so_long_and_does_not_slow_a_stream() {
    let (server, wire) = wire();
    let delay = Duration::from_millis(100);
    wire.all().set(Fault::Delay(Way::Both, delay));
    let [client, end] = pair(&wire, &server);
    let began = Instant::now();
    both_ways(&client, &end);
    assert!(began.elapsed() >= 2 * delay, "{:?}", began.elapsed());
    // Were they held one after the other, they would take 20 s.
    let began = Instant::now();
    for at in 0..200 {
        write(&client, &[at]);
    }
    assert_eq!(read(&end, 200), (0..200).collect::<Vec<u8>>());
    assert!((delay..100 * delay).contains(&began.elapsed()), "{:?}", began.elapsed());
    // An end is as late as what was before it.
    write(&client, b"last");
    drop(client);
    assert_eq!(rest(&end), b"last");
}

#[test]
fn silence_is_cut_after_its_time_and_no_talk_is() {
    let (server, wire) = wire();
    let longest = Duration::from_secs(1);
    let [client, end] = pair(&wire, &server);
    wire.all().set(Fault::Silence(longest));
    let began = Instant::now();
    while began.elapsed() < longest * 3 / 2 {
        both_ways(&client, &end);
    }
    let silent = Instant::now();
    assert_eq!((rest(&client), rest(&end)), (Vec::new(), Vec::new()));
    // The clock of the wire began a little earlier.
    assert!(silent.elapsed() > longest * 3 / 4, "{:?}", silent.elapsed());
}

#[test]
fn who_is_refused_hears_it_at_once_and_who_is_there_stays() {
    let (server, wire) = wire();
    let [client, end] = pair(&wire, &server);
    for _ in 0..3 {
        wire.refuse();
        let refused = TcpStream::connect(wire.address()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        both_ways(&client, &end);
        wire.accept();
        let [client, end] = pair(&wire, &server);
        both_ways(&client, &end);
    }
    assert_eq!(wire.connections(), 4);
}

#[test]
fn a_server_that_is_elsewhere_has_the_next_connections() {
    let ((old, wire), new) = (wire(), TcpListener::bind("127.0.0.1:0").unwrap());
    let [client, end] = pair(&wire, &old);
    wire.lead_to(new.local_addr().unwrap());
    let [other, there] = pair(&wire, &new);
    both_ways(&client, &end);
    both_ways(&other, &there);
}
