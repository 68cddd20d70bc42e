//! A line to a relay that keeps every byte: what a relay's operator can see, and how often one side
//! had to wait for the other.

use super::wire::{Way, Wire};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

/// A frame: opcode and payload.
pub type Frame = (u8, Vec<u8>);

/// Passes connections on to a relay, byte for byte.
pub struct Tap {
    pub port: u16,
    wire: Wire,
    /// By the number of their connection.
    seen: Arc<Mutex<BTreeMap<usize, Arc<Mutex<Conversation>>>>>,
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
    fn add(&mut self, to_relay: bool, piece: &[u8]) {
        let bytes = if to_relay { &mut self.to_relay } else { &mut self.to_client };
        bytes.extend_from_slice(piece);
        self.pieces.push((to_relay, bytes.len()));
    }

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
        let seen: Arc<Mutex<BTreeMap<usize, Arc<Mutex<Conversation>>>>> = Arc::default();
        let all = Arc::clone(&seen);
        let wire = Wire::watched((Ipv4Addr::LOCALHOST, relay), move |number, way, bytes| {
            let mut all = all.lock().unwrap();
            all.entry(number).or_default().lock().unwrap().add(way == Way::ToServer, bytes);
        });
        Self { port: wire.port(), wire, seen }
    }

    /// The address that clients are given.
    pub fn url(&self) -> String {
        self.wire.url()
    }

    /// Connections so far, in the order in which they came.
    pub fn conversations(&self) -> Vec<Arc<Mutex<Conversation>>> {
        self.seen.lock().unwrap().values().cloned().collect()
    }
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
