//! A peer of ours that can do everything the protocol can, and everything it forbids: the handshake
//! in single steps, then records with whatever content a test wants.

use crate::harness::{PATIENCE, port};
use crate::relink::Link;
use minicbor::Encode;
use pinhole_protocol::code::{Code, Nameplate};
use pinhole_protocol::handshake::{
    Established, Frame, Joiner, Judge, Kind, LinkKeys, REFUSED, Tagged, Verdict,
};
use pinhole_protocol::keys::ResumeSecret;
use pinhole_protocol::limits::{FAITHFUL, WINDOW};
use pinhole_protocol::records::{ChunkHead, Opened, Opener, RecordBuf, Sealer, record_length};
use pinhole_protocol::rendezvous::{OPENING, Opening};
use pinhole_protocol::role::Role;
use pinhole_protocol::wire::{Control, Greeting, Message, Reason, Want};
use rand_core::OsRng;
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::mem::swap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

/// The code with its last word replaced by another of the list.
pub fn wrong(code: &str) -> String {
    let (rest, last) = code.rsplit_once('-').unwrap();
    format!("{rest}-{}", if last == "walrus" { "mango" } else { "walrus" })
}

/// A connection to the loopback port from 127.0.0.0/8 address number `source`.
pub fn dial_from(source: u32, port: u16) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let from = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + source);
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads one handshake message, as bytes.
pub fn read_frame(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 3];
    socket.read_exact(&mut bytes)?;
    let length = usize::from(u16::from_be_bytes([bytes[1], bytes[2]]));
    bytes.resize(3 + length, 0);
    socket.read_exact(&mut bytes[3..])?;
    Ok(bytes)
}

/// Those bytes as a message.
pub fn frame(bytes: &[u8]) -> Frame {
    Frame::parse(bytes).unwrap().unwrap().0
}

/// Everything that still comes, however the connection ends.
pub fn rest(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = socket.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..read]);
    }
    bytes
}

/// A joiner that has message 2 ready and has not sent it.
pub struct Ready {
    pub socket: TcpStream,
    tagged: Tagged,
    pub message2: Vec<u8>,
}

impl Ready {
    /// Dials the code's port from a source and answers its message 1 with the code's words.
    pub fn dial(source: u32, code: &str) -> io::Result<Self> {
        Self::dial_with(source, code, FAITHFUL)
    }

    /// The same, with these abilities.
    pub fn dial_with(source: u32, code: &str, capabilities: u64) -> io::Result<Self> {
        let mut socket = dial_from(source, port(code))?;
        socket.write_all(&Opening::Code.encode())?;
        Self::answer(socket, code, capabilities)
    }

    /// Reads message 1 and makes message 2.
    fn answer(mut socket: TcpStream, code: &str, capabilities: u64) -> io::Result<Self> {
        let message1 = read_frame(&mut socket)?;
        if message1 == REFUSED {
            // The code is used, and what listens is for the other side of its conversation.
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (nameplate, password) = Code::parse(code).unwrap().split();
        let confirmed = Joiner::new(password, nameplate)
            .with_capabilities(capabilities)
            .confirm(&frame(&message1), &mut OsRng);
        let Ok((tagged, message2)) = confirmed else { panic!("message 1 is no good") };
        Ok(Self { socket, tagged, message2 })
    }

    /// Sends the tag and returns the kind of what comes back; nothing if the connection was closed.
    pub fn guess(mut self) -> Option<Kind> {
        self.socket.write_all(&self.message2).ok()?;
        read_frame(&mut self.socket).ok().map(|bytes| frame(&bytes).kind)
    }

    /// Sends the tag, which must be right.
    pub fn join(mut self) -> Peer {
        self.socket.write_all(&self.message2).unwrap();
        let message3 = read_frame(&mut self.socket).unwrap();
        Peer::new(
            Role::Joiner,
            self.socket,
            self.tagged.finish(&frame(&message3)).unwrap_or_else(|error| panic!("{error:?}")),
        )
    }
}

/// A host of ours that has a code and listens.
pub struct FakeHost {
    pub listener: TcpListener,
    pub code: String,
}

impl FakeHost {
    pub fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let nameplate = Nameplate::new(u32::from(listener.local_addr().unwrap().port())).unwrap();
        let code = Code::generate(nameplate, 3, &mut OsRng).unwrap().reveal().to_string();
        Self { listener, code }
    }

    /// The judge of the code.
    pub fn judge(&self) -> Judge {
        self.judge_with(FAITHFUL)
    }

    fn judge_with(&self, capabilities: u64) -> Judge {
        let (nameplate, password) = Code::parse(&self.code).unwrap().split();
        Judge::new(password, nameplate).with_capabilities(capabilities)
    }

    /// The next connection, after its message 0.
    pub fn accept(&self) -> TcpStream {
        let mut socket = self.listener.accept().unwrap().0;
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut opening = [0; OPENING];
        socket.read_exact(&mut opening).unwrap();
        assert_eq!(Opening::parse(&opening), Ok(Some(Opening::Code)));
        socket
    }

    /// Waits for the joiner and confirms it, honestly.
    pub fn meet(&self) -> Peer {
        self.meet_with(FAITHFUL)
    }

    /// The same, with these abilities.
    pub fn meet_with(&self, capabilities: u64) -> Peer {
        let mut socket = self.accept();
        let judge = self.judge_with(capabilities);
        let (pending, message1) = judge.begin(&mut OsRng);
        socket.write_all(&message1).unwrap();
        let message2 = read_frame(&mut socket).unwrap();
        let Verdict::Confirmed { confirmation, established } =
            judge.judge(pending, &frame(&message2))
        else {
            panic!("the joiner's tag is wrong")
        };
        socket.write_all(&confirmation).unwrap();
        Peer::new(Role::Host, socket, *established)
    }
}

/// The content of one record.
#[derive(Debug)]
pub enum Said {
    Control(Control),
    Chunk(ChunkHead),
}

/// A confirmed peer.
pub struct Peer {
    pub role: Role,
    /// The secret of further links.
    pub resume: ResumeSecret,
    pub socket: TcpStream,
    pub sealer: Sealer,
    opener: Opener,
    /// The number of the next message in.
    pub next: u64,
    /// The number of the next message out.
    pub number: u64,
    assembling: Vec<u8>,
    buffer: RecordBuf,
    /// A host's part of the verification words, which its first `use` says.
    pub nonce: Option<[u8; 32]>,
}

impl Peer {
    fn new(role: Role, socket: TcpStream, established: Established) -> Self {
        let Established { sealer, opener, resume, commitment, .. } = established;
        let nonce = commitment.nonce().copied();
        Self {
            role,
            resume,
            socket,
            sealer,
            opener,
            next: 0,
            number: 0,
            assembling: Vec::new(),
            buffer: RecordBuf::default(),
            nonce,
        }
    }

    /// Has a link and the one that it speaks on change places.
    pub fn change_places(&mut self, link: &mut Link) {
        swap(&mut self.socket, &mut link.socket);
        swap(&mut self.sealer, &mut link.keys.sealer);
        swap(&mut self.opener, &mut link.keys.opener);
    }

    /// Speaks on this link from now on, and lets go of the one before.
    pub fn take_up(&mut self, link: Link) {
        let LinkKeys { sealer, opener, .. } = link.keys;
        (self.socket, self.sealer, self.opener) = (link.socket, sealer, opener);
        self.assembling.clear();
    }

    fn greeting(&self, want: Want) -> Greeting {
        Greeting {
            next: 0,
            window: WINDOW,
            want: Some(want),
            ttl: Some(3600),
            nonce: self.nonce.map(Into::into),
            stripe: None,
        }
    }

    /// Seals and sends a control record with this body; false if the other side has closed.
    pub fn tell_bytes(&mut self, body: &[u8]) -> bool {
        self.sealer.seal_control(&mut self.buffer, body).unwrap();
        self.socket.write_all(self.buffer.wire()).is_ok()
    }

    /// Sends control; false if the other side has closed.
    pub fn tell(&mut self, control: &Control) -> bool {
        self.tell_bytes(&minicbor::to_vec(control).unwrap())
    }

    /// Sends what is, or is like, a message under the next number, in as many pieces as it needs;
    /// false if the other side has closed.
    pub fn say(&mut self, message: &impl Encode<()>) -> bool {
        let encoded = minicbor::to_vec(message).unwrap();
        let number = self.number;
        self.number += 1;
        let last = encoded.len().div_ceil(60_000);
        (1..).zip(encoded.chunks(60_000)).all(|(index, piece)| {
            self.tell(&Control::Fragment {
                number,
                last: index == last,
                bytes: piece.to_vec().into(),
            })
        })
    }

    /// Sends file bytes; false if the other side has closed.
    pub fn chunk(&mut self, head: ChunkHead, data: &[u8]) -> bool {
        self.buffer.data_mut()[..data.len()].copy_from_slice(data);
        self.sealer.seal_chunk(&mut self.buffer, head, data.len()).unwrap();
        self.socket.write_all(self.buffer.wire()).is_ok()
    }

    /// Sends a host's first control record.
    pub fn put_in_use(&mut self, want: Want) {
        let greeting = self.greeting(want);
        assert!(self.tell(&Control::Use(greeting)));
    }

    /// Sends a joiner's answer to it.
    pub fn answer_use(&mut self, want: Want) {
        loop {
            if let Some(Said::Control(Control::Use(_))) = self.hear() {
                break;
            }
        }
        let greeting = self.greeting(want);
        assert!(self.tell(&Control::Using(greeting)));
    }

    /// The next record, acknowledged if it completes a message; nothing once the other side has
    /// closed.
    pub fn hear(&mut self) -> Option<Said> {
        let mut header = [0; 4];
        self.socket.read_exact(&mut header).ok()?;
        let mut record = vec![0; record_length(header).unwrap()];
        self.socket.read_exact(&mut record).ok()?;
        let said = match self.opener.open(&mut record).unwrap_or_else(|error| panic!("{error}")) {
            Opened::Control(body) => Said::Control(minicbor::decode(body).unwrap()),
            Opened::Chunk(head, _) => Said::Chunk(head),
        };
        if let Said::Control(Control::Fragment { number, last: true, .. }) = said {
            self.next = number + 1;
            self.tell(&Control::Received { next: number + 1, window: WINDOW });
        }
        Some(said)
    }

    /// The next message, all else skipped; nothing once the other side has closed.
    pub fn message(&mut self) -> Option<Message> {
        loop {
            if let Said::Control(Control::Fragment { last, bytes, .. }) = self.hear()? {
                self.assembling.extend_from_slice(&bytes);
                if last {
                    return Some(minicbor::decode(&std::mem::take(&mut self.assembling)).unwrap());
                }
            }
        }
    }

    /// Reads until `wanted` gives something, or the other side closes.
    pub fn until<T>(&mut self, mut wanted: impl FnMut(Message) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = wanted(self.message()?) {
                return Some(found);
            }
        }
    }

    /// Reads until the other side closes, and says goodbye to what it refuses.
    pub fn hear_out(&mut self) {
        while let Some(message) = self.message() {
            if matches!(message, Message::Result { failed: Some(_), .. }) {
                self.say(&Message::Leave { reason: Reason::Done });
            }
        }
    }
}
