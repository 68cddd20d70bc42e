//! The tool that receives events, or a secret.

use super::{Call, LISTEN};
use crate::agent::mcp::arguments::{self, wait};
use crate::agent::mcp::client::Stop;
use crate::agent::mcp::results::{Calling, EventLine, Received};
use crate::agent::mcp::sessions::{blocking, ended};
use crate::control::found::Found;
use crate::events::Way;
use crate::failure::Failure;
use crate::session::plan::SecretFile;
use pinhole_protocol::wire::PeerText;
use std::time::Duration;

/// Advice where a secret cannot be written.
const ELSEWHERE: &str =
    "call receive with another file as secret_to_file, or with secret_to_env_file: FILE:NAME";

impl Call<'_> {
    pub(super) async fn receive(mut self, arguments: arguments::Receive) -> Result<Received, Stop> {
        let (wait, bytes) = (wait(arguments.wait_s, 0)?, arguments.bytes());
        let found = self
            .sessions
            .find(arguments.channel.as_deref(), arguments.role.map(Into::into))
            .await?;
        if arguments.takes_a_secret() {
            let folders = self.sessions.workspace.folders(&self.client).await?;
            let file = arguments
                .secret_to(&self.sessions.landings(&folders, arguments.cwd.as_deref())?)?;
            return Ok(self.collect(&found, file, wait).await?);
        }
        let lines = lines(&found, arguments.after, wait, bytes);
        let (events, more) =
            self.progress.beside(found.here(), lines, |moved| moved.way == Way::In).await?;
        for line in events.iter().filter(|line| line.is("file")) {
            self.arrived(line).await;
        }
        Ok(self.received(&found, events, more))
    }

    /// Takes the oldest secret that the channel holds.
    async fn collect(
        &self,
        found: &Found,
        file: SecretFile,
        wait: Duration,
    ) -> Result<Received, Failure> {
        let mut stored = true;
        let store = async |name: Option<PeerText>, secret| {
            let done = blocking(move || {
                file.store(name.as_ref(), &secret).map_err(|refusal| refusal.failure)
            })
            .await;
            stored = done.is_ok();
            done
        };
        let line = found.collect(wait, store).await;
        let line =
            line.map_err(|failure| if stored { failure } else { failure.next(ELSEWHERE) })?;
        // It is numbered like the others, and comes with them too.
        let events = EventLine::read(&line).into_iter().collect();
        Ok(Received {
            events,
            more: false,
            last_seq: None,
            ended: None,
            next: None,
            call: Calling::default(),
        })
    }

    /// The answer to who has received these.
    pub(super) fn received(&self, found: &Found, events: Vec<EventLine>, more: bool) -> Received {
        let over =
            found.here().filter(|control| control.unreceived() == 0 && control.end().is_some());
        if let Some(control) = over {
            self.sessions.forget(control);
        }
        let ended = over.and(ended(found)).map(Into::into);
        let next = match (&ended, more, events.is_empty()) {
            (Some(_), ..) => {
                Some("the channel is over; call open for a new code if there is more to say")
            }
            (None, true, _) => Some("call receive again for the rest"),
            (None, false, true) => Some(LISTEN),
            (None, false, false) => None,
        };
        let listen = (ended.is_none() && next.is_some()).then(|| found.listen());
        Received {
            last_seq: events.iter().filter_map(EventLine::seq).max(),
            events,
            more,
            ended,
            next,
            call: listen.as_ref().into(),
        }
    }
}

/// Receives lines: those after a number, or those that nobody has received. Returns true with them
/// if there is more.
pub(super) async fn lines(
    found: &Found,
    after: Option<u64>,
    wait: Duration,
    bytes: usize,
) -> Result<(Vec<EventLine>, bool), Failure> {
    let mut lines = Vec::new();
    let received = found.receive(after, wait, bytes, |line| {
        lines.extend(EventLine::read(line));
        true
    });
    match received.await {
        Ok(more) => Ok((lines, more)),
        // The end of one of this process is told beside its last lines.
        Err(_) if ended(found).is_some() => Ok((lines, false)),
        Err(failure) => Err(failure),
    }
}
