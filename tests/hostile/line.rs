//! A line between the real giver and the real taker that changes, drops, repeats or cuts what
//! passes over it.

use crate::peer::read_frame;
use pinhole_protocol::rendezvous::OPENING;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};

/// The unit that is changed; all others pass untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Message 0, from the dialler.
    Opening,
    /// Handshake messages 1 to 3.
    Hello,
    Answer,
    Confirmation,
    /// Records, by their number, towards the host and towards the joiner.
    ToHost(usize),
    ToJoiner(usize),
}

/// The fate of a unit.
pub enum Passed {
    /// These bytes pass in its place.
    On(Vec<u8>),
    /// So do these, and then the line is cut.
    Last(Vec<u8>),
}

/// Told each unit that passes and where it belongs.
pub trait Change: FnMut(At, Vec<u8>) -> Passed + Clone + Send + 'static {}
impl<F: FnMut(At, Vec<u8>) -> Passed + Clone + Send + 'static> Change for F {}

/// A line to a host on this machine. Its port is what the joiner is to dial.
pub struct Line {
    port: u16,
}

impl Line {
    /// Opens the line. `change` gets the first connection over it, a clone for each direction; what
    /// comes after it passes untouched.
    pub fn new(host: u16, change: impl Change) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let mut change = Some(change);
            while let Ok((joiner, _)) = listener.accept() {
                let Ok(host) = TcpStream::connect((Ipv4Addr::LOCALHOST, host)) else { return };
                for socket in [&joiner, &host] {
                    socket.set_nodelay(true).unwrap();
                }
                let back = (host.try_clone().unwrap(), joiner.try_clone().unwrap());
                if let Some(change) = change.take() {
                    let forth = change.clone();
                    std::thread::spawn(move || pass(joiner, host, true, forth));
                    std::thread::spawn(move || pass(back.0, back.1, false, change));
                } else {
                    for (mut from, mut to) in [(joiner, host), back] {
                        std::thread::spawn(move || {
                            let _ = io::copy(&mut from, &mut to);
                            let _ = to.shutdown(Shutdown::Write);
                        });
                    }
                }
            }
        });
        Self { port }
    }

    /// The code, as somebody would type it who dials this line.
    pub fn code(&self, code: &str) -> String {
        format!("{code}@127.0.0.1:{}", self.port)
    }
}

/// Passes one direction on, unit by unit, until it ends; then ends the other side's, or both if
/// that was the change.
fn pass(mut from: TcpStream, mut to: TcpStream, from_joiner: bool, mut change: impl Change) {
    let mut run = || -> io::Result<()> {
        for number in 0.. {
            let (at, unit) = match (from_joiner, number) {
                (true, 0) => {
                    let mut opening = vec![0; OPENING];
                    from.read_exact(&mut opening)?;
                    (At::Opening, opening)
                }
                (true, 1) => (At::Answer, read_frame(&mut from)?),
                (true, _) => (At::ToHost(number - 2), read_record(&mut from)?),
                (false, 0) => (At::Hello, read_frame(&mut from)?),
                (false, 1) => (At::Confirmation, read_frame(&mut from)?),
                (false, _) => (At::ToJoiner(number - 2), read_record(&mut from)?),
            };
            match change(at, unit) {
                Passed::On(bytes) => to.write_all(&bytes)?,
                Passed::Last(bytes) => {
                    to.write_all(&bytes)?;
                    to.shutdown(Shutdown::Both)?;
                    return from.shutdown(Shutdown::Both);
                }
            }
        }
        Ok(())
    };
    // Either end may hang up at any moment, which then is what the other hears.
    let _ = run();
    let _ = to.shutdown(Shutdown::Write);
}

fn read_record(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    from.read_exact(&mut bytes)?;
    let length = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    bytes.resize(4 + length, 0);
    from.read_exact(&mut bytes[4..])?;
    Ok(bytes)
}
