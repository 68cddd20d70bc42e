//! A call to a session: a request, what it brings along, and the replies until their end.

use super::Control;
use super::buffered::Buffered;
use super::owner::Visitor;
use super::runtime::Runtime;
use super::wire::{self, PATIENCE, Reply, Request, VERSION, What};
use crate::failure::{Failure, Kind, Run};
use crate::platform::endpoint;
use crate::platform::process::is_stopped;
use pinhole_protocol::secret::SecretVec;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The session to call.
pub(super) enum Target {
    /// At its socket.
    Socket {
        path: PathBuf,
        /// The directory of `path`, held open, because that may lead through it.
        _runtime: Arc<Runtime>,
        /// The visitor that asks.
        by: Visitor,
        /// The code or number that was named.
        code: Option<Zeroizing<String>>,
    },
    /// In this process.
    Here(Control),
}

/// A request that is being answered.
pub(super) struct Call {
    replies: Replies,
    requests: WriteHalf<Box<dyn Connection>>,
    /// The session's process, if that is another one.
    process: Option<i32>,
}

/// The replies to a request.
pub(super) struct Replies(Buffered<ReadHalf<Box<dyn Connection>>>);

/// The connection that carries a request.
trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl Call {
    /// Calls a session and sends the request.
    ///
    /// # Errors
    /// Of the system; [`Stopped`] if its process is stopped.
    pub(super) async fn begin(at: &Target, what: What) -> io::Result<Self> {
        let (mut stream, by, code, process): (Box<dyn Connection>, _, _, _) = match at {
            Target::Here(control) => (Box::new(control.connect()), control.visitor(), None, None),
            Target::Socket { path, by, code, .. } => {
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
        Ok(Self { replies: Replies(Buffered::new(replies)), requests, process })
    }

    /// Brings along what the request has announced.
    pub(super) async fn bring(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.requests.write_all(bytes).await
    }

    /// A secret of this many bytes, which follow its line.
    pub(super) async fn secret(&mut self, bytes: usize) -> io::Result<SecretVec> {
        let mut secret = Zeroizing::new(vec![0; bytes]);
        self.replies.0.read_exact(&mut secret).await?;
        Ok(SecretVec::new(std::mem::take(&mut *secret)))
    }

    /// One line that comes within `wait`, which `tell` gets, and acknowledges it if `tell` says so;
    /// false if there is none.
    pub(super) async fn told(
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
    pub(super) async fn answer(&mut self, wait: Duration) -> io::Result<Option<Reply>> {
        let mut reply = std::pin::pin!(self.replies.next());
        if let Ok(reply) = timeout(wait.saturating_add(PATIENCE), &mut reply).await {
            return reply;
        }
        match self.process.filter(|process| is_stopped(*process)) {
            Some(process) => Err(Stopped(process).into()),
            // It is only slow.
            None => reply.await,
        }
    }

    /// Confirms that all has arrived.
    pub(super) async fn acknowledge(&mut self) -> io::Result<()> {
        self.bring(b"\n").await
    }

    /// The next line of the answer; nothing at its end.
    pub(super) async fn next(&mut self) -> io::Result<Option<Reply>> {
        self.replies.next().await
    }

    /// Parts what is brought along from the replies, for both to go on at once.
    pub(super) fn split(self) -> (Replies, impl AsyncWrite + Unpin) {
        (self.replies, self.requests)
    }
}

impl Replies {
    /// The next line of the answer; nothing at its end.
    pub(super) async fn next(&mut self) -> io::Result<Option<Reply>> {
        let line = wire::line(&mut self.0).await?;
        line.map(|line| serde_json::from_slice(&line).map_err(io::Error::from)).transpose()
    }
}

/// True if nobody listens at a socket any more.
pub(super) fn is_over(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset | BrokenPipe)
}

/// The failure of a call that was cut short.
pub(super) fn gone(error: &io::Error) -> Failure {
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

/// The failure if a session is there but does not answer.
pub(super) fn not_answering(name: &str, stopped: Option<i32>) -> Failure {
    let (detail, next) = match stopped {
        Some(process) => (
            format!("{name} does not answer: its process {process} is stopped"),
            format!("kill -CONT {process}, then repeat this"),
        ),
        None => (
            format!("{name} does not answer; the machine may be busy"),
            "try again; `pinhole status` shows if it answers".into(),
        ),
    };
    Failure::new(Kind::NotAnswering, detail).next(next)
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
        let (replies, requests) = tokio::io::split(Box::new(stream) as Box<dyn Connection>);
        let mut call = Call {
            replies: Replies(Buffered::new(replies)),
            requests,
            process: Some(process.as_raw_nonzero().get()),
        };
        let (began, wait) = (Instant::now(), Duration::from_secs(60));
        let error = call.answer(wait).await.err().unwrap();
        assert_eq!(gone(&error).kind, Kind::NotAnswering);
        assert!((wait..wait + 2 * PATIENCE).contains(&began.elapsed()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
