//! One connection from its upgrade to its pair or its end: it hears what the hall decides, and tells the hall what it hears.

use super::Relay;
use super::hall::{Admission, Command, Ending, Ticket};
use super::socket::Socket;
use super::words::{self, Heard};
use crate::forward::{FRAME, forward};
use crate::frames::{Broken, Frames, Kind, frame};
use crate::pairing::{ATTEMPT, Input, MESSAGE};
use crate::pool::SMALL;
use crate::request::Verb;
use core::net::IpAddr;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// How long a side has to take what is left for it and to end its connection (SPEC 8.5).
pub const LINGER: Duration = Duration::from_secs(5);

/// A connection and everything that belongs to it.
pub struct Side {
    pub(crate) socket: Socket,
    pub(crate) frames: Frames,
    pub(crate) commands: UnboundedReceiver<Command>,
    pub(crate) ticket: Ticket,
    pub(crate) admission: Admission,
    pub(crate) relay: Arc<Relay>,
    /// It is counted as long as this is there.
    _open: Arc<()>,
    seen: IpAddr,
    told: Instant,
}

/// How the waiting ends.
enum Then {
    /// The connection has ended.
    Over,
    /// The other's task goes on with it.
    Bring(oneshot::Sender<Side>),
    /// This task goes on with both.
    Await(oneshot::Receiver<Side>),
}

impl Side {
    /// A connection that has just been upgraded, seen at this address.
    pub fn new(relay: Arc<Relay>, socket: Socket, verb: Verb, admission: Admission, seen: IpAddr, open: Arc<()>) -> Self {
        let longest = if matches!(verb, Verb::Host | Verb::Back(..)) { MESSAGE + ATTEMPT } else { MESSAGE };
        let frames = Frames::new(Arc::clone(&relay.pool), longest);
        let (ticket, commands) = relay.hall.enter(verb, admission.source());
        Self { socket, frames, commands, ticket, admission, relay, _open: open, seen, told: Instant::now() }
    }

    /// The whole life of a connection.
    pub async fn live(mut self) {
        match self.wait().await {
            Then::Over => {}
            // The other's connection may have ended meanwhile.
            Then::Bring(to) => {
                if let Err(mut side) = to.send(self) {
                    side.leave().await;
                }
            }
            Then::Await(from) => match from.await {
                Ok(mut other) => {
                    for side in [&mut other, &mut self] {
                        side.frames.allow(FRAME);
                    }
                    Box::pin(forward(other, self)).await;
                }
                Err(_) => self.leave().await,
            },
        }
    }

    /// Until it is paired or ends.
    async fn wait(&mut self) -> Then {
        loop {
            // What was decided goes before what the side says next.
            if let Ok(command) = self.commands.try_recv() {
                match self.obey(command).await {
                    Some(then) => return then,
                    None => continue,
                }
            }
            match self.frames.next() {
                Ok(Some((kind, payload))) => {
                    self.relay.pace(self.admission.source(), kind, payload.len() as u64).await;
                    let connection = self.ticket.connection();
                    match kind {
                        Kind::Binary => self.relay.hall.tell(Input::Message(connection, payload)),
                        Kind::Text => match words::hear(payload) {
                            Some(Heard::Confirmed { attempt }) => self.relay.hall.tell(Input::Confirmed(connection, attempt)),
                            Some(Heard::Burn) => self.relay.hall.tell(Input::Burn(connection)),
                            None => self.ticket.broke(),
                        },
                        Kind::Ping | Kind::Pong => {
                            if self.relay.is_time(&mut self.told) {
                                self.relay.hall.tell(Input::Frame(connection));
                            }
                            let answer = if kind == Kind::Ping { frame(Kind::Pong, payload) } else { Vec::new() };
                            if put(&mut self.socket, &answer, self.relay.patience).await.is_err() {
                                return Then::Over;
                            }
                        }
                        Kind::Close => {
                            let Some(answer) = close_answer(payload) else {
                                self.ticket.broke();
                                continue;
                            };
                            self.ticket.gone();
                            farewell(&mut self.socket, &answer).await;
                            return Then::Over;
                        }
                    }
                }
                Ok(None) => tokio::select! {
                    biased;
                    Some(command) = self.commands.recv() => if let Some(then) = self.obey(command).await {
                        return then;
                    },
                    read = self.frames.fill(&mut self.socket) => if !read.is_ok_and(|count| count > 0) {
                        return Then::Over;
                    },
                },
                Err(Broken) => {
                    self.ticket.broke();
                    self.leave().await;
                    return Then::Over;
                }
            }
        }
    }

    async fn obey(&mut self, command: Command) -> Option<Then> {
        let bytes = match command {
            Command::Tell(reply) => frame(Kind::Text, words::say(reply, self.seen).as_bytes()),
            Command::Send(message) => frame(Kind::Binary, &message),
            Command::Bring(to) => return Some(Then::Bring(to)),
            Command::Await(from) => return Some(Then::Await(from)),
            Command::Close(ending) => {
                farewell(&mut self.socket, &close_payload(ending)).await;
                return Some(Then::Over);
            }
        };
        put(&mut self.socket, &bytes, self.relay.patience).await.err().map(|_| Then::Over)
    }

    /// Ends as the hall has decided, or will as soon as it hears that the other has gone.
    async fn leave(&mut self) {
        while let Some(command) = self.commands.recv().await {
            if !matches!(command, Command::Bring(_) | Command::Await(_)) && self.obey(command).await.is_some() {
                return;
            }
        }
    }
}

/// Writes all of it, within that time.
async fn put(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], within: Duration) -> io::Result<()> {
    timeout(within, async {
        to.write_all(bytes).await?;
        to.flush().await
    })
    .await?
}

/// Sends a close frame, and lets the other side end the connection, so that what it has not read yet is not lost to a reset.
pub async fn farewell(socket: &mut (impl AsyncRead + AsyncWrite + Unpin), payload: &[u8]) {
    let bye = async {
        socket.write_all(&frame(Kind::Close, payload)).await?;
        socket.shutdown().await?;
        let mut rest = vec![0; SMALL];
        while socket.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // However it goes, it is over then.
    let _ = timeout(LINGER, bye).await;
}

/// What a close frame says.
pub fn close_payload(ending: Ending) -> Vec<u8> {
    let (code, reason) = ending.close();
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// The answer to a close frame: its code; nothing if it may not have that (RFC 6455, 7.4).
pub fn close_answer(payload: &[u8]) -> Option<Vec<u8>> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else { return payload.is_empty().then(Vec::new) };
    let may = matches!(u16::from_be_bytes(*code), 1000..=1003 | 1007..=1014 | 3000..=4999);
    (may && core::str::from_utf8(reason).is_ok()).then(|| code.to_vec())
}
