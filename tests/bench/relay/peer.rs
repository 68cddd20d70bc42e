//! A side that speaks to a relay in single steps, and costs nothing but its socket: no buffer, and
//! a mask of zeros, which the relay takes off like any other.

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Longest wait for anything before the relay is taken for dead.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a message 1 as the program sends it, about.
const MESSAGE: usize = 128;
/// Opcodes with the bit of a last fragment (RFC 6455, 5.2).
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

/// A connection to a relay.
pub struct Peer(pub TcpStream);

impl Peer {
    /// Says a verb of SPEC 10.1, from an address of 127.0.0.0/8 that nobody else here has: no limit
    /// of a source is ever reached.
    pub fn open(port: u16, verb: &str) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(256);
        let source = Ipv4Addr::from_bits(
            Ipv4Addr::LOCALHOST.to_bits() + NEXT.fetch_add(1, Ordering::Relaxed),
        );
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
        let mut stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!(
            "GET / HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Protocol: pinhole.1, {verb}\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        // Bytes behind the answer's head stay in the socket.
        let mut head = [0; 1024];
        loop {
            let there = stream.peek(&mut head)?;
            if let Some(end) = head[..there].windows(4).position(|end| end == b"\r\n\r\n") {
                stream.read_exact(&mut head[..end + 4])?;
                break;
            }
            if there == 0 || there == head.len() {
                return Err(io::Error::other("no answer to an upgrade"));
            }
        }
        if head.starts_with(b"HTTP/1.1 101 ") {
            Ok(Self(stream))
        } else {
            Err(io::Error::other("the upgrade was refused"))
        }
    }

    /// Sends a frame.
    pub fn send(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        self.0.write_all(&frame(opcode, payload))
    }

    /// The next frame's opcode, its payload in `into`.
    pub fn hear(&mut self, into: &mut Vec<u8>) -> io::Result<u8> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head)?;
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.0.read_exact(&mut length)?;
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.0.read_exact(&mut length)?;
                u64::from_be_bytes(length)
            }
            short => u64::from(short),
        };
        into.resize(usize::try_from(length).map_err(io::Error::other)?, 0);
        self.0.read_exact(into)?;
        Ok(head[0])
    }

    /// The next frame of this kind; what comes before it is passed over.
    pub fn until(&mut self, opcode: u8) -> io::Result<Vec<u8>> {
        let mut payload = Vec::new();
        while self.hear(&mut payload)? != opcode {}
        Ok(payload)
    }
}

/// A frame with a mask of zeros.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u64;
    let mut frame = match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..=125), _) => vec![opcode, 0x80 | short],
        (_, Ok(length)) => [&[opcode, 0x80 | 126], &length.to_be_bytes()[..]].concat(),
        _ => [&[opcode, 0x80 | 127], &length.to_be_bytes()[..]].concat(),
    };
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// A host that waits.
pub struct Host {
    pub peer: Peer,
    pub number: u64,
    attempt: u32,
}

impl Host {
    /// It has its number, and the relay its message 1.
    pub fn wait(port: u16) -> io::Result<Self> {
        let mut peer = Peer::open(port, "host")?;
        let said: Value = serde_json::from_slice(&peer.until(TEXT)?)?;
        let number = said["number"].as_u64().ok_or_else(|| io::Error::other("no number"))?;
        let mut host = Self { peer, number, attempt: 0 };
        host.again()?;
        Ok(host)
    }

    /// Sends the next attempt's message 1.
    fn again(&mut self) -> io::Result<()> {
        self.attempt += 1;
        self.peer.send(BINARY, &[&self.attempt.to_be_bytes()[..], &[1; MESSAGE]].concat())
    }

    /// The joiner has gone: the relay asks for the next message 1.
    pub fn next(&mut self) -> io::Result<()> {
        self.peer.until(TEXT)?;
        self.again()
    }
}

/// A joiner that has message 1 in hand.
pub fn join(port: u16, number: u64) -> io::Result<Peer> {
    let mut peer = Peer::open(port, &format!("join-{number}"))?;
    peer.until(BINARY)?;
    Ok(peer)
}

/// A host and a joiner between which frames pass.
pub fn pair(port: u16) -> io::Result<(Peer, Peer)> {
    let mut host = Host::wait(port)?;
    let mut joiner = join(port, host.number)?;
    joiner.send(BINARY, &[2; MESSAGE])?;
    host.peer.until(BINARY)?;
    host.peer.send(TEXT, br#"{"type":"confirmed","attempt":1}"#)?;
    host.peer.send(BINARY, &[3; MESSAGE])?;
    joiner.until(BINARY)?;
    Ok((host.peer, joiner))
}
