//! A host at a relay: it has a number, waits there for a joiner, and comes back for the number if
//! its connection drops (SPEC 10.2, 10.4).

use super::replies::Closed;
use super::socket::{Heard, Socket, ended};
use super::{Access, link};
use crate::failure::{Failure, Kind};
use crate::transport::HostEnd;
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::handshake::{Established, Frame, Judge, Verdict};
use pinhole_protocol::limits::NUMBER_KEPT;
use pinhole_protocol::rendezvous::{
    FromHost, FromRelay, OwnerToken, Verb, of_attempt, split_attempt,
};
use rand_core::OsRng;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Before the second try to come back; each further pause is twice as long, up to
/// [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(250);
/// Long enough to spare a relay that starts again the rush of all its hosts, short enough to find
/// it while it gives numbers back.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// Time of a relay to say the number once it has taken the connection.
const NUMBER_TIME: Duration = Duration::from_secs(15);
/// Time of a relay to hear that the number is given up.
const GOODBYE_TIME: Duration = Duration::from_secs(2);

/// A host that has a number at a relay.
pub struct Host {
    access: Access,
    socket: Socket,
    nameplate: Nameplate,
    owner: OwnerToken,
    /// The attempt whose message 1 is sent next, or was sent last.
    attempt: u32,
}

/// News of a waiting host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    /// The connection to the relay is lost and another is being sought.
    Reconnecting,
    /// There is one, and the number is still this host's.
    Reconnected,
}

/// The end of waiting on one connection.
enum Waited {
    Confirmed(Box<Established>),
    Burned,
    /// The connection ended; the code is as good as before.
    Ended(Judge, Closed),
}

/// The answer to one message 1.
enum Answer {
    /// A message 2, if it has the form of one.
    Message(Option<Frame>),
    /// Nothing: message 1 of this attempt is wanted.
    Next(u32),
}

impl Host {
    /// Asks the relay for a number.
    ///
    /// # Errors
    /// Unreachable, or what the relay refuses.
    pub async fn open(access: &Access) -> Result<Self, Failure> {
        let mut socket = Socket::open(access, &Verb::Host).await?;
        let (nameplate, owner, attempt) =
            number(&mut socket).await.map_err(|ending| ended(access, ending))?;
        Ok(Self { access: access.clone(), socket, nameplate, owner, attempt })
    }

    /// The relay at which it waits.
    #[must_use]
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// The number.
    #[must_use]
    pub const fn nameplate(&self) -> Nameplate {
        self.nameplate
    }

    /// Waits for a joiner until `stop` says why not any longer. Strangers who take the number and
    /// say nothing, or hang up, cost nothing (SPEC 3.7, 10.2).
    ///
    /// # Errors
    /// The failure that `stop` gives, or if the relay gives the number up or cannot be reached any
    /// more.
    pub async fn meet(
        mut self,
        mut judge: Judge,
        mut tell: impl FnMut(Meanwhile),
        stop: impl Future<Output = Failure>,
    ) -> Result<HostEnd, Failure> {
        let mut stop = pin!(stop);
        loop {
            let waited = tokio::select! {
                waited = self.wait(judge) => waited,
                failure = &mut stop => {
                    self.give_up().await;
                    return Err(failure);
                }
            };
            match waited {
                Waited::Confirmed(established) => {
                    return link::joined(self.socket, *established)
                        .map(|joined| HostEnd::Joined(Box::new(joined)));
                }
                Waited::Burned => {
                    self.give_up().await;
                    return Ok(HostEnd::Burned);
                }
                Waited::Ended(
                    kept,
                    Closed::Lost | Closed::Restart | Closed::Again | Closed::Done,
                ) => judge = kept,
                Waited::Ended(_, Closed::Unavailable) => {
                    return Ok(HostEnd::Lost(ended(&self.access, Closed::Unavailable)));
                }
                Waited::Ended(_, ending) => return Err(ended(&self.access, ending)),
            }
            tell(Meanwhile::Reconnecting);
            let access = self.access.clone();
            let back = tokio::select! {
                back = self.come_back() => back?,
                failure = &mut stop => return Err(failure),
            };
            let Some(back) = back else {
                return Ok(HostEnd::Lost(ended(&access, Closed::Unavailable)));
            };
            self = back;
            tell(Meanwhile::Reconnected);
        }
    }

    /// Waits on this connection for as long as it lasts, an attempt after the other.
    async fn wait(&mut self, mut judge: Judge) -> Waited {
        loop {
            let (pending, message1) = judge.begin(&mut OsRng);
            let answer = match self.say(&message1).await {
                Ok(()) => self.answer().await,
                Err(ending) => Err(ending),
            };
            let verdict = match answer {
                Ok(Answer::Message(Some(frame))) => judge.judge(pending, &frame),
                Ok(Answer::Message(None)) => {
                    self.attempt = self.attempt.saturating_add(1);
                    continue;
                }
                Ok(Answer::Next(attempt)) => {
                    self.attempt = attempt;
                    continue;
                }
                Err(ending) => return Waited::Ended(judge, ending),
            };
            // A verdict stands whether or not it is heard: the session finds a dead connection a
            // moment later.
            match verdict {
                Verdict::NotAGuess(kept, why) => {
                    judge = kept;
                    if let Some(reply) = why.reply() {
                        // If this is not heard, the next message 1 is not either.
                        let _ = self.say(&reply).await;
                    }
                    self.attempt = self.attempt.saturating_add(1);
                }
                Verdict::Burned { refusal } => {
                    let _ = self.say(&refusal).await;
                    return Waited::Burned;
                }
                Verdict::Confirmed { confirmation, established } => {
                    let _ = self.confirm(confirmation).await;
                    return Waited::Confirmed(established);
                }
            }
        }
    }

    /// Says something to the joiner of the current attempt, or message 1 for the next.
    async fn say(&mut self, message: &[u8]) -> Result<(), Closed> {
        self.socket.send(of_attempt(self.attempt, message)).await
    }

    /// Says that the tag of the current attempt is right, then message 3: from there on frames pass
    /// as they are.
    async fn confirm(&mut self, message3: Vec<u8>) -> Result<(), Closed> {
        self.socket.say(FromHost::Confirmed { attempt: self.attempt }).await?;
        self.socket.send(message3).await
    }

    /// Waits for the answer to the message 1 that was sent last.
    async fn answer(&mut self) -> Result<Answer, Closed> {
        loop {
            match self.socket.hear().await {
                Heard::Control(FromRelay::Next { attempt }) if attempt > self.attempt => {
                    return Ok(Answer::Next(attempt));
                }
                // It crossed with this host's going on by itself, or says nothing to a host.
                Heard::Control(_) => {}
                Heard::Frame(bytes) => match split_attempt(&bytes) {
                    Some((attempt, message)) if attempt == self.attempt => {
                        return Ok(Answer::Message(whole(message)));
                    }
                    // Of an attempt that is over.
                    Some(_) => {}
                    None => return Err(Closed::Foreign),
                },
                Heard::Ended(ending) => return Err(ending),
            }
        }
    }

    /// Gets the number back on a new connection, for as long as the relay keeps it. `None` if the
    /// relay says that it does not.
    async fn come_back(self) -> Result<Option<Self>, Failure> {
        let Self { access, socket: old, nameplate, owner, .. } = self;
        // A relay that ends waits for its sides to go, and the next one for its port.
        drop(old);
        let until = Instant::now() + NUMBER_KEPT;
        let again = Verb::HostAgain(nameplate, owner);
        let mut pause = PAUSE;
        loop {
            let came = match Socket::open(&access, &again).await {
                Ok(mut socket) => match number(&mut socket).await {
                    Ok(number) => Ok((socket, number)),
                    Err(Closed::Unavailable) => return Ok(None),
                    Err(ending) => Err(ended(&access, ending)),
                },
                Err(failure) => Err(failure),
            };
            match came {
                Ok((socket, (given, owner, attempt))) if given == nameplate => {
                    return Ok(Some(Self { access, socket, nameplate, owner, attempt }));
                }
                Ok(_) => return Err(ended(&access, Closed::Foreign)),
                Err(failure) if !passes(&failure) || Instant::now() + pause >= until => {
                    return Err(failure);
                }
                Err(_) => sleep(pause).await,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Gives the number up, so that nobody waits under it in vain.
    async fn give_up(mut self) {
        let goodbye = async {
            if self.socket.say(FromHost::Burn).await.is_ok() {
                self.socket.finish().await;
            }
        };
        // A relay that does not hear it gives the number up by itself, later.
        let _ = timeout(GOODBYE_TIME, goodbye).await;
    }
}

/// True if the failure may be over in a moment: while a relay starts again, a proxy in front of it
/// or on the way answers in its place. All else does not change by
/// waiting.
fn passes(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        Kind::RelayUnreachable | Kind::RelayBusy | Kind::ProxyUnreachable | Kind::ProxyRefused
    )
}

/// The number that a relay says first.
async fn number(socket: &mut Socket) -> Result<(Nameplate, OwnerToken, u32), Closed> {
    let first = async {
        loop {
            match socket.hear().await {
                Heard::Control(FromRelay::Number { nameplate, owner, attempt }) => {
                    return Ok((nameplate, owner, attempt));
                }
                Heard::Control(_) => {}
                Heard::Frame(_) => return Err(Closed::Foreign),
                Heard::Ended(ending) => return Err(ending),
            }
        }
    };
    timeout(NUMBER_TIME, first).await.unwrap_or(Err(Closed::Lost))
}

/// A handshake message that is the whole of `bytes`.
pub(super) fn whole(bytes: &[u8]) -> Option<Frame> {
    let (frame, length) = Frame::parse(bytes).ok()??;
    (length == bytes.len()).then_some(frame)
}
