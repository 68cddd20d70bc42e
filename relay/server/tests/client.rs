//! A side as SPEC 10 describes it, without any of the code that is tested.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use serde_json::Value;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longest wait for anything that has to happen.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// A message that a side receives, or the end of its connection.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(super) enum Heard {
    Text(Value),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    /// The connection ended.
    End,
}

pub(super) struct Client<S = TcpStream> {
    pub(super) stream: S,
}

/// An upgrade request of a side that asks for this.
pub(super) fn request(verb: &str, authorization: Option<&str>) -> String {
    let authorization =
        authorization.map_or(String::new(), |text| format!("Authorization: Pinhole {text}\r\n"));
    format!(
        "GET / HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: pinhole.1, {verb}\r\n{authorization}\r\n"
    )
}

/// A connection from 127.0.0.`last`, which is a source of its own.
pub(super) async fn dial(to: SocketAddr, last: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
    timeout(SOON, socket.connect(to)).await.unwrap().unwrap()
}

/// The status and the head of an answer, read up to its empty line.
pub(super) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u16, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(SOON, stream.read_u8()).await.expect("an answer")?);
    }
    let head = String::from_utf8(head).unwrap();
    Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), head))
}

/// A frame as a client sends it.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let length = payload.len();
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(0x80 | length as u8),
        126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ mask[index % 4]));
    bytes
}

pub(super) const BINARY: u8 = 0x82;
pub(super) const TEXT: u8 = 0x81;
pub(super) const PING: u8 = 0x89;
pub(super) const CLOSE: u8 = 0x88;

impl Client {
    /// A side that was answered with 101.
    pub(super) async fn ask(
        to: SocketAddr,
        last: u8,
        verb: &str,
        authorization: Option<&str>,
    ) -> Self {
        Self::upgrade(dial(to, last).await, verb, authorization)
            .await
            .unwrap_or_else(|status| panic!("{status}"))
    }

    /// A joiner's first words.
    pub(super) async fn join(to: SocketAddr, last: u8, number: u64) -> Self {
        let mut joiner = Self::ask(to, last, &format!("join-{number}"), None).await;
        assert_eq!(joiner.text().await["type"], "waiting");
        joiner
    }

    /// A host, its number and its owner token.
    pub(super) async fn host(to: SocketAddr, last: u8) -> (Self, u64, String) {
        let mut host = Self::ask(to, last, "host", None).await;
        let number = host.text().await;
        assert_eq!(
            (&number["type"], &number["attempt"]),
            (&"number".into(), &1.into()),
            "{number}"
        );
        (host, number["number"].as_u64().unwrap(), number["owner"].as_str().unwrap().to_owned())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// A side, or the status of the answer that it got instead.
    pub(super) async fn upgrade(
        mut stream: S,
        verb: &str,
        authorization: Option<&str>,
    ) -> Result<Self, u16> {
        stream.write_all(request(verb, authorization).as_bytes()).await.unwrap();
        let (status, head) = head(&mut stream).await.unwrap();
        if status != 101 {
            return Err(status);
        }
        let head = head.to_lowercase();
        // The example of RFC 6455, 1.3.
        assert!(
            head.contains("\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\nsec-websocket-protocol: pinhole.1\r\n"), "{head}");
        Ok(Self { stream })
    }

    pub(super) async fn send(&mut self, first: u8, payload: &[u8]) {
        timeout(SOON, self.stream.write_all(&frame(first, payload))).await.expect("room").unwrap();
    }

    pub(super) async fn say(&mut self, text: &str) {
        self.send(TEXT, text.as_bytes()).await;
    }

    pub(super) async fn hear(&mut self) -> Heard {
        timeout(SOON, self.read()).await.expect("something to hear").unwrap_or(Heard::End)
    }

    async fn read(&mut self) -> io::Result<Heard> {
        let (first, second) = (self.stream.read_u8().await?, self.stream.read_u8().await?);
        let length = match second {
            126 => self.stream.read_u16().await?.into(),
            127 => self.stream.read_u64().await?,
            short => u64::from(short),
        };
        assert!(length <= 70_000, "a mask, or too much");
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await?;
        Ok(match first {
            TEXT => Heard::Text(serde_json::from_slice(&payload).unwrap()),
            BINARY => Heard::Binary(payload),
            0x8a => Heard::Pong(payload),
            CLOSE if payload.is_empty() => Heard::Close(1005, String::new()),
            CLOSE => Heard::Close(
                u16::from_be_bytes([payload[0], payload[1]]),
                String::from_utf8(payload[2..].to_vec()).unwrap(),
            ),
            other => panic!("{other:#x}"),
        })
    }

    pub(super) async fn text(&mut self) -> Value {
        match self.hear().await {
            Heard::Text(value) => value,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn binary(&mut self) -> Vec<u8> {
        match self.hear().await {
            Heard::Binary(payload) => payload,
            other => panic!("{other:?}"),
        }
    }

    /// The code of the close frame that comes next, and then the connection's end.
    pub(super) async fn closed(&mut self) -> u16 {
        let Heard::Close(code, _) = self.hear().await else { panic!("no close frame") };
        assert_eq!(self.hear().await, Heard::End);
        code
    }
}
