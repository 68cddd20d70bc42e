//! The commands' end of a session: what they ask of it.

use super::Control;
use super::buffered::Buffered;
use super::feed::{self, Input};
use super::found::{Found, Place, not_answering};
use super::wares::{Content, Parcel};
use super::wire::{self, PATIENCE, Put, Reply, Request, Unsettled, VERSION, What};
use crate::events::{Event, Stored};
use crate::failure::sentences::left_out;
use crate::failure::{Advice, Failure, Kind, Run};
use crate::files::secret_source;
use crate::log::wanted::Wanted;
use crate::platform::endpoint;
use crate::platform::process::is_stopped;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{ItemId, PeerText};
use std::fmt;
use std::future::pending;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::timeout;
use zeroize::Zeroizing;

impl Found {
    /// A session of this process.
    pub async fn within(control: Control) -> Self {
        Self {
            about: control.about(&control.visitor(), None).await,
            at: Place::Here(control),
            stopped: None,
        }
    }

    /// Closes it and waits until its process has gone, for `patience` at a time; `tell` gets each
    /// line of one in the background that no command has received, and says whether it could be
    /// printed, or else the session stays as one that has ended. Why it did not end well, if it did
    /// not and that is told here.
    ///
    /// # Errors
    /// `unfinished` if it is not gone by then.
    pub async fn close(
        &self,
        now: bool,
        patience: Duration,
        mut tell: impl FnMut(&str) -> bool,
    ) -> Result<Option<Failure>, Failure> {
        let mut asking = match Asking::begin(&self.at, What::Close { now }).await {
            Ok(asking) => asking,
            // It has ended meanwhile, which is all that was wanted.
            Err(error) if is_over(&error) => return Ok(None),
            Err(error) => return Err(gone(&error)),
        };
        let (mut told, mut failed) = (true, None);
        loop {
            match timeout(patience, asking.next()).await {
                Ok(Ok(Some(Reply::Failed(fault)))) => return Err(fault.into()),
                Ok(Ok(Some(Reply::Line(line)))) => told = told && tell(&line),
                Ok(Ok(Some(Reply::Done { over, .. }))) if told => {
                    failed = over.and_then(|over| over.failed).map(Failure::from);
                    // One that is gone by now has sent everything.
                    let _ = asking.acknowledge().await;
                }
                Ok(_) => return Ok(failed),
                Err(_) => {
                    let number = self.number();
                    return Err(Failure::new(
                        Kind::Unfinished,
                        "it is finishing what is in progress, and ends after that",
                    )
                    .next(format!("wait, or cancel that: pinhole close{number} --now")));
                }
            }
        }
    }

    /// Receives the lines that are `wanted`, such as all after a number, or else those that no
    /// command has received. Waits up to `wait` for the first. `tell` gets each line and returns
    /// true if it could be printed; else all will be returned again. Returns true if there is more.
    ///
    /// # Errors
    /// With what the session has ended, if that is all that there was left to receive of it; if it
    /// ends meanwhile.
    pub async fn receive(
        &self,
        wanted: impl Into<Wanted>,
        wait: Duration,
        max_bytes: usize,
        mut tell: impl FnMut(&str) -> bool,
    ) -> Result<bool, Failure> {
        let Wanted { after, only } = wanted.into();
        let mut asking =
            self.ask_for(What::Receive { after, only, wait: millis(wait), max_bytes }).await?;
        let mut told = true;
        let mut reply = asking.answer(wait).await;
        loop {
            match reply.map_err(|error| gone(&error))? {
                Some(Reply::Line(line)) => told &= tell(&line),
                Some(Reply::Done { more, .. }) if !told => return Ok(more),
                Some(Reply::Done { more, over }) => {
                    asking.acknowledge().await.map_err(|error| gone(&error))?;
                    // Its end of the stream says that it has heard so.
                    let _ = asking.next().await;
                    return over
                        .and_then(|over| over.failed)
                        .map_or(Ok(more), |fault| Err(fault.into()));
                }
                Some(Reply::Failed(fault)) => return Err(fault.into()),
                _ => return Err(gone(&io::ErrorKind::UnexpectedEof.into())),
            }
            reply = asking.next().await;
        }
    }

    /// Follows the lines that are `wanted` to the session's end, except those that other commands
    /// print as results. `tell` gets each line and returns true if it could be printed. If not,
    /// others receive the line, and this ends.
    ///
    /// # Errors
    /// With what the session has ended; `taken-over` if another command does the same.
    pub async fn tail(
        &self,
        wanted: Wanted,
        mut tell: impl FnMut(&str) -> bool,
    ) -> Result<(), Failure> {
        let Wanted { after, only } = wanted;
        let mut asking = self.ask_for(What::Follow { after, only }).await?;
        loop {
            match asking.next().await.map_err(|error| gone(&error))? {
                Some(Reply::Line(line)) => {
                    if !tell(&line) {
                        return Ok(());
                    }
                    asking.acknowledge().await.map_err(|error| gone(&error))?;
                }
                Some(Reply::Done { over, .. }) => {
                    asking.acknowledge().await.map_err(|error| gone(&error))?;
                    // Its end of the stream says that it has heard so.
                    let _ = asking.next().await;
                    return over
                        .and_then(|over| over.failed)
                        .map_or(Ok(()), |fault| Err(fault.into()));
                }
                Some(Reply::Failed(fault)) => return Err(fault.into()),
                _ => return Err(gone(&io::ErrorKind::UnexpectedEof.into())),
            }
        }
    }

    /// Hears when it has something to receive.
    ///
    /// # Errors
    /// `session-gone` if it cannot be asked.
    pub async fn bell(&self) -> Result<Bell, Failure> {
        match Asking::begin(&self.at, What::Bell).await {
            Ok(asking) => Ok(Bell(Some(asking))),
            // It has ended meanwhile, which is what there is to hear.
            Err(error) if is_over(&error) => Ok(Bell(None)),
            Err(error) => Err(gone(&error)),
        }
    }

    /// Takes the oldest secret that it holds, or one that comes within `wait`: `store` puts it
    /// somewhere and says where. Only then is it gone from there. The session's line about that.
    ///
    /// # Errors
    /// `no-secret` if none is held; what `store` says, with the secret still held; `session-gone`
    /// if the session ends meanwhile.
    pub async fn collect(
        &self,
        wait: Duration,
        store: impl AsyncFnOnce(Option<PeerText>, SecretVec) -> Result<Stored, Failure>,
    ) -> Result<String, Failure> {
        let mut asking = self.ask_for(What::Collect { wait: millis(wait) }).await?;
        let (name, bytes) = match asking.answer(wait).await.map_err(|error| gone(&error))? {
            Some(Reply::Secret { name, bytes }) if bytes <= secret_source::LONGEST => (name, bytes),
            Some(Reply::Failed(fault)) => return Err(fault.into()),
            _ => return Err(gone(&io::ErrorKind::UnexpectedEof.into())),
        };
        let secret = asking.secret(bytes).await.map_err(|error| gone(&error))?;
        let again = |failure: Failure| {
            let number = self.number();
            Failure {
                detail: format!("{}; the secret stays in the channel", failure.detail),
                ..failure
            }
            .next(format!("take it another way: pinhole receive{number} --secret-to-file FILE"))
        };
        let stored = store(name.map(PeerText::new), secret).await.map_err(again)?;
        let told = async {
            asking.bring(&wire::spelt(&Put::from(&stored))?).await?;
            match asking.next().await? {
                Some(Reply::Line(line)) => Ok(line),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            }
        };
        told.await.map_err(|error: io::Error| {
            let place = match &stored {
                Stored::File(path) | Stored::EnvFile(path, _) => {
                    format!("the secret is in {}", path.display())
                }
                _ => "the secret was handed over".to_owned(),
            };
            Failure::new(
                Kind::SessionGone,
                format!("{place}, but the session ended before it was notified: {error}"),
            )
        })
    }

    /// Puts a question and waits up to `wait` for its answer, the first text that comes once the
    /// other side has the question; `tell` gets its line and says whether it could be printed, or
    /// else it will be received.
    ///
    /// # Errors
    /// `unfinished` if there is none yet: the question is not taken back.
    pub async fn ask(
        &self,
        question: String,
        wait: Duration,
        tell: impl FnOnce(&str) -> bool,
    ) -> Result<(), Failure> {
        let mut asking =
            self.ask_for(What::Ask { bytes: question.len(), wait: millis(wait) }).await?;
        // A refused question is not read; the answer says why.
        let _ = asking.bring(question.as_bytes()).await;
        if asking.told(wait, tell).await? {
            return Ok(());
        }
        Err(Failure::new(Kind::Unfinished, "there is no answer yet, and the channel goes on")
            .next(self.listen()))
    }

    /// Takes the oldest text that no command has received, or one that comes within `wait`; `tell`
    /// gets its line and says whether it could be printed, or else it will be received.
    ///
    /// # Errors
    /// `no-text` if there is none; `session-gone` if the session has ended without one.
    pub async fn text(
        &self,
        wait: Duration,
        tell: impl FnOnce(&str) -> bool,
    ) -> Result<(), Failure> {
        let mut asking = self.ask_for(What::Text { wait: millis(wait) }).await?;
        if asking.told(wait, tell).await? {
            return Ok(());
        }
        let failure = Failure::new(
            Kind::NoText,
            "there is no text in that channel that was not received before",
        );
        Err(match self.about.number {
            Some(number) => {
                failure.next(Run::Receive { number, role: self.about.role, text: true })
            }
            None => failure.next(Run::Status),
        })
    }

    /// Sends things and tells what becomes of them, until all is known, or for as long as `wait`
    /// says after the end of a stream among them.
    ///
    /// # Errors
    /// The first failure; `unfinished` if something is still on its way. Dropped, or if a stream
    /// cannot be read, it cancels that and nothing else.
    pub async fn send(
        &self,
        parcels: Vec<Parcel>,
        wait: Option<Duration>,
        tell: impl FnMut(Told<'_>),
    ) -> Result<(), Failure> {
        let (things, contents): (Vec<_>, Vec<_>) = parcels.into_iter().map(Parcel::packed).unzip();
        let mut asking = self.ask_for(What::Send { things, wait: wait.map(millis) }).await?;
        let mut stream: Option<Input> = None;
        for content in contents {
            match content {
                // Refused bytes are not read; the answer says why.
                Content::Bytes(bytes) if asking.bring(&bytes).await.is_err() => break,
                Content::Bytes(_) => {}
                Content::Stream(input) => stream = Some(input),
            }
        }
        let Asking { mut replies, mut requests, .. } = asking;
        let fed = async {
            match stream {
                Some(input) => feed::hand_over(input, &mut requests).await,
                None => Ok(()),
            }
        };
        let broken = async {
            match fed.await {
                Ok(()) => pending().await,
                Err(failure) => failure,
            }
        };
        tokio::select! {
            sent = self.follow(&mut replies, tell) => sent,
            failure = broken => Err(failure),
        }
    }

    /// Tells what becomes of what was sent.
    async fn follow(
        &self,
        replies: &mut Replies,
        mut tell: impl FnMut(Told<'_>),
    ) -> Result<(), Failure> {
        let mut failed: Option<Failure> = None;
        loop {
            let reply = match next(replies).await {
                // A session that refuses something reads no more of it.
                Err(_) if failed.is_some() => None,
                reply => reply.map_err(|error| gone(&error))?,
            };
            match reply {
                Some(Reply::Line(line)) => tell(Told::Line(&line)),
                Some(Reply::LeftOut(detail)) => {
                    tell(Told::Event(&Event::Trouble(left_out(detail))))
                }
                Some(Reply::Failed(fault)) => {
                    // Each is told, the last by whoever gets it as the end of the command.
                    if let Some(earlier) = failed.replace(fault.into()) {
                        tell(Told::Event(&Event::Trouble(earlier)));
                    }
                }
                Some(Reply::Pending(Unsettled { id, what, size })) => {
                    let next = Advice::from(self.listen());
                    tell(Told::Event(&Event::Pending {
                        id: id.map(ItemId),
                        what,
                        size,
                        next: next.clone(),
                    }));
                    failed.get_or_insert_with(|| {
                        Failure::new(Kind::Unfinished, "it is on its way and not yet delivered")
                            .next(next)
                    });
                }
                Some(Reply::Done { .. }) => return failed.map_or(Ok(()), Err),
                None if failed.is_some() => return failed.map_or(Ok(()), Err),
                _ => return Err(gone(&io::ErrorKind::UnexpectedEof.into())),
            }
        }
    }

    /// The command that waits for what it has to tell.
    #[must_use]
    pub fn listen(&self) -> Run {
        Run::receive(self.about.number, self.about.role)
    }

    /// Its number, as it follows a command's name; nothing before it has one.
    pub(super) fn number(&self) -> String {
        self.about.number.map(|number| format!(" {number}")).unwrap_or_default()
    }

    /// The session itself, if it is one of this process.
    #[must_use]
    pub const fn here(&self) -> Option<&Control> {
        match &self.at {
            Place::Here(control) => Some(control),
            Place::Socket { .. } => None,
        }
    }

    async fn ask_for(&self, what: What) -> Result<Asking, Failure> {
        Asking::begin(&self.at, what).await.map_err(|error| gone(&error))
    }
}

/// Says when a session has something to receive.
pub struct Bell(Option<Asking>);

impl Bell {
    /// The next time: the channel's number, once it has one, and how many lines wait. Nothing when
    /// the session is over, however it ended.
    ///
    /// # Errors
    /// If the session does not know what is wanted.
    pub async fn rings(&mut self) -> Result<Option<(Option<u32>, u64)>, Failure> {
        let Some(asking) = &mut self.0 else { return Ok(None) };
        match asking.next().await {
            Ok(Some(Reply::Rings { number, lines })) => Ok(Some((number, lines))),
            Ok(Some(Reply::Failed(fault))) => Err(fault.into()),
            // Whatever has broken off is over.
            _ => Ok(None),
        }
    }
}

/// True if nobody listens at a socket any more.
fn is_over(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset | BrokenPipe)
}

fn gone(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::WouldBlock {
        return not_answering("the session", Stopped::of(error));
    }
    Failure::new(Kind::SessionGone, format!("the session has ended meanwhile: {error}"))
        .next(Run::Status)
}

/// The error for a session whose process, with this id, is stopped and hears nothing.
#[derive(Debug)]
pub(super) struct Stopped(i32);

impl Stopped {
    /// The process, if an error says that.
    pub(super) fn of(error: &io::Error) -> Option<i32> {
        error.get_ref()?.downcast_ref::<Self>().map(|stopped| stopped.0)
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} is stopped", self.0)
    }
}

impl std::error::Error for Stopped {}

impl From<Stopped> for io::Error {
    fn from(stopped: Stopped) -> Self {
        Self::new(io::ErrorKind::WouldBlock, stopped)
    }
}

/// Something that a command has to tell.
pub enum Told<'a> {
    /// A line that the session has made.
    Line(&'a str),
    /// Something that the command says itself.
    Event(&'a Event),
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A request that is being answered.
pub(super) struct Asking {
    replies: Replies,
    requests: WriteHalf<Box<dyn Stream>>,
    /// The session's process, if that is another one.
    process: Option<i32>,
}

type Replies = Buffered<ReadHalf<Box<dyn Stream>>>;

/// The connection that carries a request.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Asking {
    pub(super) async fn begin(at: &Place, what: What) -> io::Result<Self> {
        let (mut stream, by, code, process): (Box<dyn Stream>, _, _, _) = match at {
            Place::Here(control) => (Box::new(control.stream()), control.visitor(), None, None),
            Place::Socket { path, by, code, .. } => {
                let stream = endpoint::connect(path).await?;
                let session = endpoint::peer(&stream)?;
                if !session.is_own {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                if let Some(process) = session.process.filter(|process| is_stopped(*process)) {
                    return Err(Stopped(process).into());
                }
                (
                    Box::new(stream),
                    by.clone(),
                    code.as_ref().map(|code| code.to_string()),
                    session.process,
                )
            }
        };
        stream.write_all(&wire::spelt(&Request { v: VERSION, by, code, what })?).await?;
        let (replies, requests) = tokio::io::split(stream);
        Ok(Self { replies: Buffered::new(replies), requests, process })
    }

    /// Brings along what the request has announced.
    async fn bring(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.requests.write_all(bytes).await
    }

    /// A secret of this many bytes, which follow its line.
    async fn secret(&mut self, bytes: usize) -> io::Result<SecretVec> {
        let mut secret = Zeroizing::new(vec![0; bytes]);
        self.replies.read_exact(&mut secret).await?;
        Ok(SecretVec::new(std::mem::take(&mut *secret)))
    }

    /// One line that comes within `wait`, which `tell` gets, and acknowledges it if `tell` says so;
    /// false if there is none.
    async fn told(
        &mut self,
        wait: Duration,
        tell: impl FnOnce(&str) -> bool,
    ) -> Result<bool, Failure> {
        match self.answer(wait).await.map_err(|error| gone(&error))? {
            Some(Reply::Line(line)) => {
                // All of the answer is read before it is acknowledged, or its end could find nobody
                // there.
                self.next().await.map_err(|error| gone(&error))?;
                if tell(&line) {
                    self.acknowledge().await.map_err(|error| gone(&error))?;
                }
                Ok(true)
            }
            Some(Reply::Failed(fault)) => Err(fault.into()),
            Some(Reply::Done { .. }) => Ok(false),
            _ => Err(gone(&io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// The first line of an answer that comes within `wait`, even if it says that nothing did. From
    /// a session that was stopped meanwhile none comes, and that is the error.
    async fn answer(&mut self, wait: Duration) -> io::Result<Option<Reply>> {
        let mut reply = std::pin::pin!(next(&mut self.replies));
        if let Ok(reply) = timeout(wait.saturating_add(PATIENCE), &mut reply).await {
            return reply;
        }
        match self.process.filter(|process| is_stopped(*process)) {
            Some(process) => Err(Stopped(process).into()),
            // It is only slow.
            None => reply.await,
        }
    }

    /// Says that all has arrived.
    async fn acknowledge(&mut self) -> io::Result<()> {
        self.bring(b"\n").await
    }

    /// The next line of the answer; nothing at its end.
    pub(super) async fn next(&mut self) -> io::Result<Option<Reply>> {
        next(&mut self.replies).await
    }
}

async fn next(replies: &mut Replies) -> io::Result<Option<Reply>> {
    let line = wire::line(replies).await?;
    line.map(|line| serde_json::from_slice(&line).map_err(io::Error::from)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
    use std::process::{Command, Stdio};
    use tokio::io::duplex;
    use tokio::time::{Instant, pause};

    #[tokio::test]
    async fn a_session_that_is_stopped_while_it_is_asked_costs_no_more_than_the_wait() {
        let mut child =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let process = Pid::from_child(&child);
        kill_process(process, Signal::STOP).unwrap();
        waitpid(Some(process), WaitOptions::UNTRACED).unwrap();
        pause();
        let (stream, _session) = duplex(64);
        let (replies, requests) = tokio::io::split(Box::new(stream) as Box<dyn Stream>);
        let mut asking = Asking {
            replies: Buffered::new(replies),
            requests,
            process: Some(process.as_raw_nonzero().get()),
        };
        let (began, wait) = (Instant::now(), Duration::from_secs(60));
        let error = asking.answer(wait).await.err().unwrap();
        assert_eq!(gone(&error).kind, Kind::NotAnswering);
        assert!((wait..wait + 2 * PATIENCE).contains(&began.elapsed()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
