//! A line to a relay that keeps every byte: what a relay's operator can see, and how often one side
//! had to wait for the other.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A frame: opcode and payload.
pub type Frame = (u8, Vec<u8>);

/// Passes connections on to a relay, byte for byte.
pub struct Tap {
    pub port: u16,
    seen: Arc<Mutex<Vec<Arc<Mutex<Conversation>>>>>,
}

/// The bytes of one connection, both ways.
#[derive(Default)]
pub struct Conversation {
    /// All that the relay got.
    pub to_relay: Vec<u8>,
    /// All that the client got.
    pub to_client: Vec<u8>,
    /// For each piece, whether it went to the relay and how much of that way's bytes it ended at.
    pub pieces: Vec<(bool, usize)>,
}

impl Conversation {
    /// Round trips before the client sent its frame number `index`, counted from 0: they make a
    /// meeting slow on a long way.
    pub fn waits_before(&self, index: usize) -> usize {
        let mut rest = &self.to_relay[head_end(&self.to_relay)..];
        for _ in 0..=index {
            rest = frame(rest).unwrap().1;
        }
        let sent = self.to_relay.len() - rest.len();
        let last =
            self.pieces.iter().position(|(to_relay, end)| *to_relay && *end >= sent).unwrap();
        self.pieces[..=last].windows(2).filter(|pair| !pair[0].0 && pair[1].0).count()
    }

    /// The head of the upgrade request.
    pub fn head(&self) -> String {
        String::from_utf8_lossy(&self.to_relay[..head_end(&self.to_relay)]).into_owned()
    }

    /// The frames that the client sent, unmasked: opcode and payload.
    pub fn frames_to_relay(&self) -> Vec<Frame> {
        frames(&self.to_relay[head_end(&self.to_relay)..])
    }

    /// The frames that the relay sent.
    pub fn frames_to_client(&self) -> Vec<Frame> {
        frames(&self.to_client[head_end(&self.to_client)..])
    }
}

impl Tap {
    /// A tap before the relay on this loopback port.
    pub fn new(relay: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&seen);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let Ok(server) = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, relay)))
                else {
                    continue;
                };
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let one = Arc::new(Mutex::new(Conversation::default()));
                all.lock().unwrap().push(Arc::clone(&one));
                let (from, to, kept) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), Arc::clone(&one));
                std::thread::spawn(move || pass(from, to, &kept, true));
                std::thread::spawn(move || pass(server, client, &one, false));
            }
        });
        Self { port, seen }
    }

    /// The address that clients are given.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Connections so far, in the order in which they came.
    pub fn conversations(&self) -> Vec<Arc<Mutex<Conversation>>> {
        self.seen.lock().unwrap().clone()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, kept: &Mutex<Conversation>, to_relay: bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        {
            let mut kept = kept.lock().unwrap();
            let bytes = if to_relay { &mut kept.to_relay } else { &mut kept.to_client };
            bytes.extend_from_slice(&buffer[..read]);
            let end = bytes.len();
            kept.pieces.push((to_relay, end));
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// The length of a request's or answer's head.
pub fn head_end(bytes: &[u8]) -> usize {
    bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4)
}

/// WebSocket frames (RFC 6455, 5.2), as far as they are whole.
fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut found = Vec::new();
    while let Some((frame, rest)) = frame(bytes) {
        found.push(frame);
        bytes = rest;
    }
    found
}

/// The first frame of `bytes`, unmasked, and what follows it; nothing while it is incomplete.
pub fn frame(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match head[1] & 0x7f {
        126 => rest
            .split_first_chunk()
            .map(|(length, rest)| (u64::from(u16::from_be_bytes(*length)), rest))?,
        127 => {
            rest.split_first_chunk().map(|(length, rest)| (u64::from_be_bytes(*length), rest))?
        }
        short => (u64::from(short), rest),
    };
    let (mask, rest) = if head[1] & 0x80 == 0 {
        ([0; 4], rest)
    } else {
        rest.split_first_chunk().map(|(mask, rest)| (*mask, rest))?
    };
    let (payload, rest) = rest.split_at_checked(usize::try_from(length).unwrap())?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some(((head[0] & 0x0f, payload), rest))
}
