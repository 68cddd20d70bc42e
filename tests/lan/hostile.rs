//! Whoever else is on the network: no answer of theirs makes the program dial what is no neighbour,
//! or hold what they send.

use crate::harness::PATIENCE;
use crate::harness::process::Watch;
use crate::world::{Neighbour, World, apart, is_response};
use pinhole_protocol::rendezvous::Opening;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PORT: u16 = 9471;
const CODE: &str = "9471-walrus-mango-zebra";

/// A response that announces a host under [`PORT`] at `addresses`, written down without the
/// program's own code.
fn response(label: &[u8], addresses: &[IpAddr]) -> Vec<u8> {
    let service = b"\x08_pinhole\x04_tcp\x05local\0";
    let name = |rest: &[u8]| [&[u8::try_from(label.len()).unwrap()], label, rest].concat();
    let (instance, host) = (name(service), name(b"\x05local\0"));
    let record = |name: &[u8], kind: u8, data: &[u8]| {
        [
            name,
            &[0, kind, 0, 1, 0, 0, 0, 120],
            &u16::try_from(data.len()).unwrap().to_be_bytes(),
            data,
        ]
        .concat()
    };
    let count = u8::try_from(addresses.len() + 2).unwrap();
    let mut message =
        [&[0, 0, 0x84, 0, 0, 0, 0, count, 0, 0, 0, 0][..], &record(service, 12, &instance)]
            .concat();
    message.extend(record(&instance, 33, &[&[0; 4][..], &PORT.to_be_bytes(), &host].concat()));
    for address in addresses {
        message.extend(match address {
            IpAddr::V4(ip) => record(&host, 1, &ip.octets()),
            IpAddr::V6(ip) => record(&host, 28, &ip.octets()),
        });
    }
    message
}

/// True if `take` knocks at a listener here, while `liar` answers every question with these
/// addresses; and the status of `take`.
fn knocks(guest: &Neighbour, liar: &Neighbour, addresses: &[&str]) -> (bool, i32) {
    let answer =
        response(b"liar", &addresses.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>());
    let (ear, over) = (liar.ear(), AtomicBool::new(false));
    let listeners = [(liar, "[::]"), (guest, "127.0.0.9")].map(|(machine, at)| {
        let listener = machine.there(|| TcpListener::bind(format!("{at}:{PORT}")).unwrap());
        listener.set_nonblocking(true).unwrap();
        listener
    });
    // Whoever knocks hears at once that this is no host.
    let knock = || {
        let mut knocking = listeners.iter().filter_map(|listener| listener.accept().ok());
        knocking.next().is_some_and(|(mut socket, _)| {
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").is_ok()
        })
    };
    std::thread::scope(|scope| {
        let lying = scope.spawn(|| {
            let mut knocked = false;
            while !over.load(Ordering::Relaxed) {
                if ear.hear(Duration::from_millis(20)).is_some_and(|said| !is_response(&said)) {
                    ear.say(&answer);
                }
                knocked |= knock();
            }
            knocked | knock()
        });
        let exit = guest.run(&["take", CODE]).status.code().unwrap();
        over.store(true, Ordering::Relaxed);
        (lying.join().unwrap(), exit)
    })
}

#[test]
fn only_neighbours_are_dialled_whatever_is_answered() {
    apart("hostile::only_neighbours_are_dialled_whatever_is_answered", || {
        let mut world = World::new();
        let guest = world.machine(&["10.9.0.2/24", "fd09::2/64"]);
        let liar = world.machine(&["10.9.0.1/24", "10.8.0.1/24", "fd09::1/64", "fd08::1/64"]);
        // All that the guest does not know is the liar's.
        guest.ip("route add default via 10.9.0.1");
        guest.ip("-6 route add default via fd09::1");
        let others = [
            "127.0.0.9",
            "::ffff:127.0.0.9",
            "10.8.0.1",
            "fd08::1",
            "10.9.0.255",
            "10.9.0.0",
            "255.255.255.255",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
        ];
        for addresses in others.chunks(8) {
            assert_eq!(knocks(&guest, &liar, addresses), (false, 3), "{addresses:?}");
        }
        assert_eq!(
            knocks(&guest, &liar, &["127.0.0.9", "10.9.0.1"]),
            (true, 5),
            "a neighbour is dialled"
        );
    });
}

#[test]
fn what_is_said_to_a_waiting_host_is_not_kept() {
    apart("hostile::what_is_said_to_a_waiting_host_is_not_kept", || {
        let mut world = World::new();
        let (here, there) = (world.machine(&["10.9.0.1/24"]), world.machine(&["10.9.0.2/24"]));
        let mut host = here.start(&["give", "--text", "hello"]);
        let code = host.code();
        let watch = Watch::start(host.child.id());
        // It hears the group and nothing else: what is sent to the machine, perhaps from far away,
        // has nobody to go to.
        let far = there.there(|| UdpSocket::bind("10.9.0.2:0").unwrap());
        far.connect("10.9.0.1:5353").unwrap();
        far.send(&response(b"far", &[])).unwrap();
        far.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
        assert_eq!(far.recv(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let ear = there.ear();
        let full = if crate::harness::content::in_full() { 200_000 } else { 20_000 };
        for number in 0..full {
            ear.say(&response(
                &format!("n{number}").into_bytes(),
                &[IpAddr::from([10, 9, 0, 9]); 250],
            ));
        }
        assert_eq!(there.run(&["take", &code]).expect(0).one("text")["body"], "hello");
        host.end().expect(0);
        watch.check();
    });
}

/// A connection to a host's door from one of several addresses of a machine, message 0 said.
fn knock_from(from: &str, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from.parse().unwrap(), 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = stream.write_all(&Opening::Code.encode());
    stream
}

#[test]
fn all_addresses_of_one_64_have_the_places_of_one_source_at_a_door() {
    apart("hostile::all_addresses_of_one_64_have_the_places_of_one_source_at_a_door", || {
        let addresses: Vec<String> = (1..=16).map(|number| format!("fd0b::{number:x}")).collect();
        let mut world = World::new();
        let prefixed: Vec<String> =
            addresses.iter().map(|address| format!("{address}/64")).collect();
        let crowd = world.machine(&prefixed.iter().map(String::as_str).collect::<Vec<_>>());
        let (here, there) =
            (world.machine(&["fd09::1/64", "fd0b::99/64"]), world.machine(&["fd09::2/64"]));
        let mut host = here.start(&["give", "--text", "hello"]);
        let code = host.code();
        let door = SocketAddr::new("fd0b::99".parse().unwrap(), crate::world::number(&code));
        let mut knocks: Vec<TcpStream> =
            crowd.there(|| addresses.iter().map(|from| knock_from(from, door)).collect());
        // Message 1 comes to who has a place. One that is a second old gives it up to a newcomer.
        let answered =
            knocks.iter_mut().filter_map(|knock| knock.read(&mut [0; 1]).ok()).sum::<usize>();
        assert!((4..=8).contains(&answered), "{answered} of 16");
        there.run(&["take", &format!("{code}@[fd09::1]")]).expect(0);
        host.end().expect(0);
    });
}
