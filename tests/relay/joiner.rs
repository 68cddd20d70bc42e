//! A joiner of ours that speaks to a relay in single steps.

use crate::harness::PATIENCE;
use pinhole_protocol::code::Code;
use pinhole_protocol::handshake::{Frame, Joiner, Kind};
use rand_core::OsRng;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tungstenite::{Message, WebSocket};

/// A connection to a relay, from 127.0.0.0/8 address number `source`.
pub struct Socket(WebSocket<TcpStream>);

/// The end of a connection, or the message before that.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Closed(Option<u16>),
}

impl Socket {
    /// Says a verb of SPEC 10.1; the status if the answer is not 101.
    pub fn open(source: u32, relay: u16, verb: &str) -> Result<Self, u16> {
        Self::with(source, relay, verb, &[])
    }

    /// Asks for a number, and shows a token of the relay's operator.
    pub fn host(source: u32, relay: u16, token: &str) -> Result<Self, u16> {
        Self::with(source, relay, "host", &[("authorization", &format!("Pinhole host={token}"))])
    }

    /// Says a verb, with these headers besides.
    pub fn with(
        source: u32,
        relay: u16,
        verb: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let from = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + source);
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, relay)).into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = format!("ws://127.0.0.1:{relay}/").into_client_request().unwrap();
        request
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, format!("pinhole.1, {verb}").parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Joins the number of a code.
    pub fn join(source: u32, relay: u16, code: &str) -> Self {
        Self::open(source, relay, &format!("join-{}", code.split('-').next().unwrap())).unwrap()
    }

    pub fn hear(&mut self) -> Heard {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Heard::Text(text.to_string()),
                Ok(Message::Binary(bytes)) => return Heard::Binary(bytes.to_vec()),
                Ok(Message::Close(frame)) => {
                    return Heard::Closed(frame.map(|frame| frame.code.into()));
                }
                Ok(_) => {}
                Err(_) => return Heard::Closed(None),
            }
        }
    }

    /// The next binary frame; nothing if the connection ended before.
    pub fn message(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.hear() {
                Heard::Text(_) => {}
                Heard::Binary(bytes) => return Some(bytes),
                Heard::Closed(_) => return None,
            }
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).unwrap();
    }

    /// Says a control message.
    pub fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    /// The connection itself, for what is no frame.
    pub fn stream(&mut self) -> &mut TcpStream {
        self.0.get_mut()
    }

    /// Spends a tag made of the code's words; the kind of what comes back.
    pub fn guess(&mut self, code: &str) -> Option<Kind> {
        let message1 = self.message()?;
        let (nameplate, password) = Code::parse(code).unwrap().split();
        let (frame, _) = Frame::parse(&message1).unwrap().unwrap();
        let Ok((_, message2)) = Joiner::new(password, nameplate).confirm(&frame, &mut OsRng) else {
            panic!("message 1 is no good")
        };
        self.send(&message2);
        Frame::parse(&self.message()?).unwrap().map(|(frame, _)| frame.kind)
    }
}

/// A host that waits in single steps, with a message 1 that no handshake made.
pub struct Waiting {
    pub socket: Socket,
    pub number: u64,
    pub owner: String,
}

impl Waiting {
    /// It has its number, and the relay its message 1.
    pub fn start(source: u32, relay: u16) -> Self {
        let mut socket = Socket::open(source, relay, "host").unwrap();
        let said = socket.hear();
        let Heard::Text(text) = said else { panic!("no number: {said:?}") };
        let said: Value = serde_json::from_str(&text).unwrap();
        socket.send(b"\0\0\0\x01one");
        Self {
            socket,
            number: said["number"].as_u64().unwrap(),
            owner: said["owner"].as_str().unwrap().to_owned(),
        }
    }

    /// It is through with its number.
    pub fn burn(mut self) {
        self.socket.say(r#"{"type":"burn"}"#);
        assert_eq!(self.socket.hear(), Heard::Closed(Some(1000)));
    }

    /// A joiner comes, and both confirm: frames pass between them.
    pub fn pair(mut self, source: u32, relay: u16) -> (Socket, Socket) {
        let mut joiner = Socket::open(source, relay, &format!("join-{}", self.number)).unwrap();
        assert_eq!(joiner.message().unwrap(), b"one");
        joiner.send(b"two");
        assert_eq!(self.socket.message().unwrap(), b"\0\0\0\x01two");
        self.socket.say(r#"{"type":"confirmed","attempt":1}"#);
        self.socket.send(b"three");
        assert_eq!(joiner.message().unwrap(), b"three");
        (self.socket, joiner)
    }
}
