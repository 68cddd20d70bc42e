//! A relay that means it harm: an honest one behind a line on which every request and every frame
//! can be changed, left out, made up, or sent back. Whatever a relay can do to two sides, this can.

use crate::harness::relay::Relay;
use crate::harness::tap::{frame, head_end};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The client of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Host,
    Joiner,
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToRelay,
    ToClient,
}

/// A binary frame on its way. Control messages and the like pass unchanged.
pub struct Passing {
    pub client: Client,
    pub way: Way,
    /// Which binary frame of this connection and way it is, from 0.
    pub nth: usize,
    pub payload: Vec<u8>,
}

impl Passing {
    /// It goes on as it is.
    pub fn on(self) -> Instead {
        vec![(self.way, self.payload)]
    }

    /// True if it is this client's, goes this way, and is the `nth` such.
    pub fn is(&self, client: Client, way: Way, nth: usize) -> bool {
        (self.client, self.way, self.nth) == (client, way, nth)
    }
}

/// The frames that are sent in place of one, on the same connection, either way.
pub type Instead = Vec<(Way, Vec<u8>)>;

/// Decides what becomes of a frame.
pub trait Change: FnMut(Passing) -> Instead + Send + 'static {}
impl<F: FnMut(Passing) -> Instead + Send + 'static> Change for F {}

type SharedChange = Arc<Mutex<dyn Change<Output = Instead>>>;

/// The line, with the relay behind it.
pub struct Between {
    port: u16,
    _relay: Relay,
}

impl Between {
    /// A relay that changes frames.
    pub fn new(change: impl Change) -> Self {
        Self::with_requests(|_, head| head, change)
    }

    /// A relay that also changes upgrade requests.
    pub fn with_requests(
        request: impl Fn(Client, String) -> String + Send + 'static,
        change: impl Change,
    ) -> Self {
        let relay = Relay::with(&["--joins-a-minute", "100000", "--misses-a-minute", "100000"]);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (port, behind) = (listener.local_addr().unwrap().port(), relay.port);
        let change: SharedChange = Arc::new(Mutex::new(change));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, mut server) =
                    (client.unwrap(), TcpStream::connect((Ipv4Addr::LOCALHOST, behind)).unwrap());
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let (head, rest) = read_head(&mut client);
                let who = if head.contains("join-") { Client::Joiner } else { Client::Host };
                server.write_all(request(who, head).as_bytes()).unwrap();
                let (answer, early) = read_head(&mut server);
                client.write_all(answer.as_bytes()).unwrap();
                for (way, from, bytes) in
                    [(Way::ToRelay, &client, rest), (Way::ToClient, &server, early)]
                {
                    let ends = Ends {
                        who,
                        client: client.try_clone().unwrap(),
                        server: server.try_clone().unwrap(),
                    };
                    let (from, change) = (from.try_clone().unwrap(), Arc::clone(&change));
                    std::thread::spawn(move || ends.pass(way, from, bytes, &change));
                }
            }
        });
        Self { port, _relay: relay }
    }

    /// The address that clients are given.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }
}

/// Both ends of a connection.
struct Ends {
    who: Client,
    client: TcpStream,
    server: TcpStream,
}

impl Ends {
    fn pass(&self, way: Way, mut from: TcpStream, mut bytes: Vec<u8>, change: &SharedChange) {
        let (mut buffer, mut nth) = (vec![0; 64 << 10], 0);
        loop {
            while let Some(((opcode, payload), rest)) = frame(&bytes) {
                bytes = rest.to_vec();
                if opcode != BINARY {
                    self.send(way, opcode, &payload);
                    continue;
                }
                // Nothing else is sent meanwhile, so no two frames are mixed.
                let mut change = change.lock().unwrap();
                for (way, payload) in change(Passing { client: self.who, way, nth, payload }) {
                    self.send(way, BINARY, &payload);
                }
                nth += 1;
            }
            match from.read(&mut buffer) {
                Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
                _ => break,
            }
        }
        let to = if way == Way::ToRelay { &self.server } else { &self.client };
        let _ = to.shutdown(Shutdown::Write);
    }

    /// Sends a frame; clients mask theirs, here with zeros (RFC 6455, 5.3).
    fn send(&self, way: Way, opcode: u8, payload: &[u8]) {
        let (mut to, masked) =
            if way == Way::ToRelay { (&self.server, 0x80) } else { (&self.client, 0) };
        let mut bytes = vec![0x80 | opcode];
        match payload.len() {
            length @ 0..126 => bytes.push(masked | u8::try_from(length).unwrap()),
            length @ 126..65_536 => {
                bytes.push(masked | 126);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                bytes.push(masked | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        if masked != 0 {
            bytes.extend([0; 4]);
        }
        bytes.extend_from_slice(payload);
        // The side that has left reads nothing.
        let _ = to.write_all(&bytes);
    }
}

const BINARY: u8 = 2;

fn read_head(from: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while head_end(&bytes) == bytes.len() && !bytes.ends_with(b"\r\n\r\n") {
        let read = from.read(&mut buffer).unwrap();
        assert!(read > 0, "ended within its head");
        bytes.extend_from_slice(&buffer[..read]);
    }
    let rest = bytes.split_off(head_end(&bytes));
    (String::from_utf8(bytes).unwrap(), rest)
}
