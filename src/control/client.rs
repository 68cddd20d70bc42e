//! The commands' end of a session: what they ask of it.

use super::Control;
use super::call::{Call, Replies, Target, gone, is_over};
use super::found::Found;
use super::stream::{self, Source};
use super::wares::{Content, Parcel};
use super::wire::{self, Put, Reply, Unsettled, What};
use crate::events::{Event, Stored};
use crate::failure::sentences::left_out;
use crate::failure::{Advice, Failure, Kind, Run};
use crate::files::secret_source;
use crate::log::wanted::Wanted;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{ItemId, PeerText};
use std::future::pending;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

impl Found {
    /// A session of this process.
    pub async fn within(control: Control) -> Self {
        Self {
            about: control.about(&control.visitor(), None).await,
            at: Target::Here(control),
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
        let mut call = match Call::begin(&self.at, What::Close { now }).await {
            Ok(call) => call,
            // It has ended meanwhile, which is all that was wanted.
            Err(error) if is_over(&error) => return Ok(None),
            Err(error) => return Err(gone(&error)),
        };
        let (mut told, mut failed) = (true, None);
        loop {
            match timeout(patience, call.next()).await {
                Ok(Ok(Some(Reply::Failed(fault)))) => return Err(fault.into()),
                Ok(Ok(Some(Reply::Line(line)))) => told = told && tell(&line),
                Ok(Ok(Some(Reply::Done { over, .. }))) if told => {
                    failed = over.and_then(|over| over.failed).map(Failure::from);
                    // One that is gone by now has sent everything.
                    let _ = call.acknowledge().await;
                }
                Ok(_) => return Ok(failed),
                Err(_) => {
                    let number = self.number();
                    return Err(Failure::new(
                        Kind::Unfinished,
                        "it is finishing what is in progress, and ends after that",
                    )
                    .ask_user(format!("wait, or cancel that: pinhole close{number} --now")));
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
        let mut call =
            self.call(What::Receive { after, only, wait: millis(wait), max_bytes }).await?;
        let mut told = true;
        let mut reply = call.answer(wait).await;
        loop {
            match reply.map_err(|error| gone(&error))? {
                Some(Reply::Line(line)) => told &= tell(&line),
                Some(Reply::Done { more, .. }) if !told => return Ok(more),
                Some(Reply::Done { more, over }) => {
                    call.acknowledge().await.map_err(|error| gone(&error))?;
                    // Its end of the stream says that it has heard so.
                    let _ = call.next().await;
                    return over
                        .and_then(|over| over.failed)
                        .map_or(Ok(more), |fault| Err(fault.into()));
                }
                Some(Reply::Failed(fault)) => return Err(fault.into()),
                _ => return Err(gone(&io::ErrorKind::UnexpectedEof.into())),
            }
            reply = call.next().await;
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
        let mut call = self.call(What::Follow { after, only }).await?;
        loop {
            match call.next().await.map_err(|error| gone(&error))? {
                Some(Reply::Line(line)) => {
                    if !tell(&line) {
                        return Ok(());
                    }
                    call.acknowledge().await.map_err(|error| gone(&error))?;
                }
                Some(Reply::Done { over, .. }) => {
                    call.acknowledge().await.map_err(|error| gone(&error))?;
                    // Its end of the stream says that it has heard so.
                    let _ = call.next().await;
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
        match Call::begin(&self.at, What::Bell).await {
            Ok(call) => Ok(Bell(Some(call))),
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
        let mut call = self.call(What::Collect { wait: millis(wait) }).await?;
        let (name, bytes) = match call.answer(wait).await.map_err(|error| gone(&error))? {
            Some(Reply::Secret { name, bytes }) if bytes <= secret_source::LONGEST => (name, bytes),
            Some(Reply::Failed(fault)) => return Err(fault.into()),
            _ => return Err(gone(&io::ErrorKind::UnexpectedEof.into())),
        };
        let secret = call.secret(bytes).await.map_err(|error| gone(&error))?;
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
            call.bring(&wire::spelt(&Put::from(&stored))?).await?;
            match call.next().await? {
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
        let mut call = self.call(What::Ask { bytes: question.len(), wait: millis(wait) }).await?;
        // A refused question is not read; the answer says why.
        let _ = call.bring(question.as_bytes()).await;
        if call.told(wait, tell).await? {
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
        let mut call = self.call(What::Text { wait: millis(wait) }).await?;
        if call.told(wait, tell).await? {
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
        tell: impl FnMut(Printed<'_>),
    ) -> Result<(), Failure> {
        let (things, contents): (Vec<_>, Vec<_>) = parcels.into_iter().map(Parcel::packed).unzip();
        let mut call = self.call(What::Send { things, wait: wait.map(millis) }).await?;
        let mut source: Option<Source> = None;
        for content in contents {
            match content {
                // Refused bytes are not read; the answer says why.
                Content::Bytes(bytes) if call.bring(&bytes).await.is_err() => break,
                Content::Bytes(_) => {}
                Content::Stream(stream) => source = Some(stream),
            }
        }
        let (mut replies, mut requests) = call.split();
        let fed = async {
            match source {
                Some(source) => stream::hand_over(source, &mut requests).await,
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
        mut tell: impl FnMut(Printed<'_>),
    ) -> Result<(), Failure> {
        let mut failed: Option<Failure> = None;
        loop {
            let reply = match replies.next().await {
                // A session that refuses something reads no more of it.
                Err(_) if failed.is_some() => None,
                reply => reply.map_err(|error| gone(&error))?,
            };
            match reply {
                Some(Reply::Line(line)) => tell(Printed::Line(&line)),
                Some(Reply::LeftOut(detail)) => {
                    tell(Printed::Event(&Event::Trouble(left_out(detail))))
                }
                Some(Reply::Failed(fault)) => {
                    // Each is told, the last by whoever gets it as the end of the command.
                    if let Some(earlier) = failed.replace(fault.into()) {
                        tell(Printed::Event(&Event::Trouble(earlier)));
                    }
                }
                Some(Reply::Pending(Unsettled { id, what, size })) => {
                    let next = Advice::from(self.listen());
                    tell(Printed::Event(&Event::Pending {
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
            Target::Here(control) => Some(control),
            Target::Socket { .. } => None,
        }
    }

    async fn call(&self, what: What) -> Result<Call, Failure> {
        Call::begin(&self.at, what).await.map_err(|error| gone(&error))
    }
}

/// Says when a session has something to receive.
pub struct Bell(Option<Call>);

impl Bell {
    /// The next time: the channel's number, once it has one, and how many lines wait. Nothing when
    /// the session is over, however it ended.
    ///
    /// # Errors
    /// If the session does not know what is wanted.
    pub async fn rings(&mut self) -> Result<Option<(Option<u32>, u64)>, Failure> {
        let Some(call) = &mut self.0 else { return Ok(None) };
        match call.next().await {
            Ok(Some(Reply::Rings { number, lines })) => Ok(Some((number, lines))),
            Ok(Some(Reply::Failed(fault))) => Err(fault.into()),
            // Whatever has broken off is over.
            _ => Ok(None),
        }
    }
}

/// Something for a command to print.
pub enum Printed<'a> {
    /// A line that the session has made.
    Line(&'a str),
    /// Something that the command says itself.
    Event(&'a Event),
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
