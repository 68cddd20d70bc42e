//! The work of each tool.

mod receiving;
mod sending;

use super::Wish;
use super::arguments::{self, read, wait};
use super::client::{Client, Stop};
use super::progress::Progress;
use super::results::{
    Answered, Calling, Checked, Closed, Connected, EventLine, Listed, Met, Opened,
};
use super::sessions::{Sessions, blocking, ended};
use crate::control::Control;
use crate::control::found::Found;
use crate::doctor;
use crate::events::Event;
use crate::failure::{Exit, Failure, Kind, Run, WAIT};
use crate::report;
use crate::role::Role;
use receiving::lines;
use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Time for a closed channel to finish what is under way (as `pinhole close`).
const CLOSING: Duration = Duration::from_secs(40);
/// Advice while something is on its way, or nobody is there.
const LISTEN: &str = "call receive with wait_s 45, repeatedly while you wait";

/// One call.
pub(super) struct Call<'a> {
    pub(super) sessions: &'a Sessions,
    pub(super) client: Client,
    pub(super) progress: Progress,
}

impl Call<'_> {
    /// Does what the tool of this name does; nothing if there is none.
    pub(super) async fn run(
        self,
        tool: &str,
        arguments: JsonObject,
    ) -> Option<Result<Value, Stop>> {
        self.done(tool, arguments).await.transpose()
    }

    async fn done(self, tool: &str, arguments: JsonObject) -> Result<Option<Value>, Stop> {
        let done = match tool {
            "open" => said(&self.open(read(tool, arguments)?).await?),
            "connect" => said(&self.connect(read(tool, arguments)?).await?),
            "send" => said(&self.send(read(tool, arguments)?).await?),
            "send_file" => said(&self.send_file(read(tool, arguments)?).await?),
            "send_secret" => said(&self.send_secret(read(tool, arguments)?).await?),
            "receive" => said(&self.receive(read(tool, arguments)?).await?),
            "ask" => said(&self.ask(read(tool, arguments)?).await?),
            "status" => said(&self.status(read(tool, arguments)?).await?),
            "close" => said(&self.close(read(tool, arguments)?).await?),
            "doctor" => said(&self.doctor(read(tool, arguments)?).await?),
            _ => return Ok(None),
        };
        Ok(Some(done?))
    }

    async fn open(
        self,
        arguments::Open { label, ttl, relay, direct }: arguments::Open,
    ) -> Result<Opened, Failure> {
        let found = self
            .sessions
            .start(Wish { code: None, direct, label, ttl, relay }, &self.client)
            .await?;
        let channel = self.until(&found, |line| line.is_status("channel")).await?;
        let made = channel
            .and(found.here())
            .and_then(Control::channel)
            .and_then(|channel| made(&Event::Channel(channel)));
        let opened = made.and_then(|line| {
            Some(Opened {
                code: line.text("code")?,
                number: line.number("number")?,
                join: line.text("join"),
                link: line.text("link"),
                reach: line.text("reach"),
                expires_at: line.text("expires_at"),
                next: "give the code, or the line of join, to the user for the other side; then \
                      call receive with wait_s 45 until it is connected",
                call: Some(&Run::receive(found.here().and_then(Control::number), Role::Host))
                    .into(),
            })
        });
        opened.ok_or_else(|| {
            Failure::new(Kind::Unfinished, "there is no code yet; it is still being made")
        })
    }

    async fn connect(
        self,
        arguments::Connect { code, label, ttl }: arguments::Connect,
    ) -> Result<Connected, Failure> {
        let found = self
            .sessions
            .start(Wish { code: Some(code), label, ttl, ..Wish::default() }, &self.client)
            .await?;
        let connected = self.until(&found, |line| line.is_status("connected")).await?;
        let state = if connected.is_some() { Met::Connected } else { Met::Waiting };
        Ok(Connected {
            state,
            number: found.about.number,
            path: connected.and_then(|line| line.text("path")),
            next: LISTEN,
            call: Some(&found.listen()).into(),
        })
    }

    /// Receives line by line until one is the one that is wanted, for as long as a call may wait;
    /// what comes after it is for others to receive. If the session ends instead, that is why it
    /// fails.
    async fn until(
        &self,
        found: &Found,
        wanted: impl Fn(&EventLine) -> bool,
    ) -> Result<Option<EventLine>, Failure> {
        let deadline = Instant::now() + Duration::from_secs(WAIT);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (lines, _) = lines(found, None, left, 1).await?;
            let nothing = lines.is_empty();
            if let Some(line) = lines.into_iter().find(|line| wanted(line)) {
                return Ok(Some(line));
            }
            if nothing {
                let Some(end) = ended(found) else { return Ok(None) };
                if let Some(control) = found.here() {
                    self.sessions.forget(control);
                }
                return Err(end.err().unwrap_or_else(|| {
                    Failure::new(Kind::Interrupted, "the channel was closed meanwhile")
                }));
            }
        }
    }

    /// All bytes of something have arrived.
    async fn arrived(&mut self, line: &EventLine) {
        if let (Some(Ok(id)), Some(size)) =
            (line.number("id").map(u32::try_from), line.number("size"))
        {
            self.progress.tell(id, size, Some(size)).await;
        }
    }

    async fn ask(
        self,
        arguments::Ask { text, channel, role, wait_s }: arguments::Ask,
    ) -> Result<Answered, Failure> {
        let wait = wait(wait_s, WAIT)?;
        let found = self.sessions.find(channel.as_deref(), role.map(Into::into)).await?;
        let mut reply = None;
        let answered = found.ask(text, wait, |line| {
            reply = EventLine::read(line);
            true
        });
        match answered.await {
            Ok(()) => Ok(Answered { reply, next: None, call: Calling::default() }),
            Err(failure) if failure.exit() == Exit::Unfinished => {
                let next = Some("there is no reply yet; call receive with wait_s 45 for it");
                Ok(Answered { reply, next, call: Some(&found.listen()).into() })
            }
            Err(failure) => Err(failure),
        }
    }

    async fn status(
        self,
        arguments::Status { channel, role }: arguments::Status,
    ) -> Result<Listed, Failure> {
        let found = self.sessions.list(channel.as_deref(), role.map(Into::into)).await?;
        if found.is_empty() && channel.is_some() {
            return Err(self.sessions.not_open().await);
        }
        let sessions: Vec<EventLine> =
            found.into_iter().filter_map(|found| made(&Event::Session(found.about))).collect();
        let next = sessions.is_empty().then_some(
            "nothing is open; call open for a code to hand over, or connect with the code of the \
             other side",
        );
        Ok(Listed { sessions, next })
    }

    async fn close(
        self,
        arguments::Close { channel, role, now }: arguments::Close,
    ) -> Result<Closed, Failure> {
        let found = self.sessions.find(channel.as_deref(), role.map(Into::into)).await?;
        // Lines that nobody has received go with the channel, so they are returned here.
        let mut last = Vec::new();
        let closed = found.close(now, CLOSING, |line| {
            last.extend(EventLine::read(line));
            true
        });
        closed.await?;
        let (events, more) = match found.here() {
            Some(_) => {
                lines(&found, None, Duration::ZERO, arguments::Receive::default().bytes()).await?
            }
            None => (last, false),
        };
        Ok(Closed { received: self.received(&found, events, more) })
    }

    async fn doctor(self, arguments::Doctor {}: arguments::Doctor) -> Result<Checked, Failure> {
        let setup = self.sessions.setup().await?;
        let (ok, checks) = blocking(move || {
            let mut checks = Vec::new();
            let examined =
                doctor::examine(setup, |check| checks.extend(made(&Event::Check(check))));
            Ok((examined.is_ok(), checks))
        })
        .await?;
        Ok(Checked {
            ok,
            checks,
            next: (!ok).then_some("each check that is not ok has its own next"),
        })
    }
}

/// The line of an event that this process makes itself.
fn made(event: &Event) -> Option<EventLine> {
    report::line(event).and_then(|line| EventLine::read(&line))
}

/// The result of a tool as JSON.
fn said(result: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(result).map_err(|error| {
        Failure::new(Kind::Failed, format!("the result cannot be written: {error}"))
    })
}
