//! Tools that send.

use super::{Call, LISTEN, made};
use crate::agent::mcp::arguments::{self, wait};
use crate::agent::mcp::client::Stop;
use crate::agent::mcp::results::{Calling, EventLine, Fate, Sent};
use crate::agent::mcp::sessions::blocking;
use crate::agent::mcp::usage;
use crate::agent::mcp::workspace::{begun_at, led_from};
use crate::control::client::Printed;
use crate::control::found::Found;
use crate::control::wares::Parcel;
use crate::events::{Event, Way};
use crate::failure::{Exit, Failure, WAIT};
use crate::files::outbox::{Fence, Options};
use crate::files::secret_source::SecretSource;
use crate::files::variable::is_variable;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

impl Call<'_> {
    pub(super) async fn send(
        self,
        arguments::Send { text, channel, role, wait_s }: arguments::Send,
    ) -> Result<Sent, Failure> {
        let wait = wait(wait_s, WAIT)?;
        let found = self.sessions.find(channel.as_deref(), role.map(Into::into)).await?;
        self.deliver(&found, Parcel::Text(text), wait).await
    }

    pub(super) async fn send_file(
        self,
        arguments::SendFile { paths, cwd, channel, role, wait_s }: arguments::SendFile,
    ) -> Result<Sent, Stop> {
        let until = Instant::now() + wait(wait_s, WAIT)?;
        if paths.is_empty() {
            return Err(usage("paths names nothing to send".into()).into());
        }
        let found = self.sessions.find(channel.as_deref(), role.map(Into::into)).await?;
        let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
        let (paths, fence) = self.leaving(&paths, cwd.as_deref(), until).await?;
        let options = Options { fence: Some(fence), ..Options::default() };
        let wait = until.saturating_duration_since(Instant::now());
        Ok(self.deliver(&found, Parcel::Files(paths, options), wait).await?)
    }

    /// Targets of these paths, and the fence that they have to pass. If nothing says which folder
    /// the agent works in, asks the person, until `until`.
    async fn leaving(
        &self,
        paths: &[PathBuf],
        cwd: Option<&str>,
        until: Instant,
    ) -> Result<(Vec<PathBuf>, Fence), Stop> {
        let workspace = &self.sessions.workspace;
        let fence = self.sessions.fence()?.working_in(&workspace.folders(&self.client).await?);
        let start = begun_at(fence.first_folder(), cwd);
        let paths = paths
            .iter()
            .map(|path| led_from(start.as_deref(), path))
            .collect::<Result<Vec<PathBuf>, Failure>>()?;
        let fence = match paths.first() {
            // Nobody is asked about a file that is kept in wherever it lies.
            Some(first)
                if fence.is_closed()
                    && !fence.clone().working_in(&["/".into()]).keeps_in(first) =>
            {
                fence.working_in(&[workspace.ask(&self.client, first, until).await?])
            }
            _ => fence,
        };
        if let Some(start) = start.filter(|_| cwd.is_some()) {
            fence.admit_folder(&start)?;
        }
        Ok((paths, fence))
    }

    pub(super) async fn send_secret(
        self,
        arguments::SendSecret { file, variable, name, cwd, channel, role, wait_s }:
            arguments::SendSecret,
    ) -> Result<Sent, Stop> {
        let until = Instant::now() + wait(wait_s, WAIT)?;
        let source = match (file, variable) {
            (Some(file), None) => SecretSource::File(file.into()),
            (None, Some(variable)) if is_variable(&variable) => SecretSource::Env(variable),
            // Not repeated: it may be the value itself.
            (None, Some(_)) => {
                return Err(
                    usage("variable is not the name of an environment variable".into()).into()
                );
            }
            _ => {
                return Err(usage(
                    "a secret comes from only one place, its file or its variable".into(),
                )
                .into());
            }
        };
        let found = self.sessions.find(channel.as_deref(), role.map(Into::into)).await?;
        let (source, fence) = match source {
            SecretSource::File(file) => {
                let (paths, fence) = self.leaving(&[file], cwd.as_deref(), until).await?;
                (SecretSource::File(paths.into_iter().next().unwrap_or_default()), fence)
            }
            source => (source, self.sessions.fence()?),
        };
        let name = name.or_else(|| source.label());
        let secret = blocking(move || source.read(Some(&fence))).await?;
        let wait = until.saturating_duration_since(Instant::now());
        Ok(self.deliver(&found, Parcel::Secret(name, Arc::new(secret)), wait).await?)
    }

    /// Sends one thing and waits for what becomes of it.
    async fn deliver(
        mut self,
        found: &Found,
        parcel: Parcel,
        wait: Duration,
    ) -> Result<Sent, Failure> {
        let (sent, events) = self.hand_over(found, parcel, wait).await;
        match sent {
            Ok(()) => {
                Ok(Sent { state: Fate::Delivered, events, next: None, call: Calling::default() })
            }
            Err(failure) if failure.exit() == Exit::Unfinished => Ok(Sent {
                state: Fate::Pending,
                events,
                next: Some(LISTEN),
                call: Some(&found.listen()).into(),
            }),
            Err(failure) => Err(failure),
        }
    }

    async fn hand_over(
        &mut self,
        found: &Found,
        parcel: Parcel,
        wait: Duration,
    ) -> (Result<(), Failure>, Vec<EventLine>) {
        let heard: Mutex<Vec<EventLine>> = Mutex::default();
        let listen = |told: Printed<'_>| {
            let line = match told {
                Printed::Line(line) => EventLine::read(line),
                Printed::Event(Event::Pending { id, what, size, .. }) => made(&Event::Pending {
                    id: *id,
                    what: what.clone(),
                    size: *size,
                    next: LISTEN.into(),
                }),
                Printed::Event(event) => made(event),
            };
            lock(&heard).extend(line);
        };
        let sending = found.send(vec![parcel], Some(wait), listen);
        let is_ours =
            |id: u32| lock(&heard).iter().any(|line| line.number("id") == Some(id.into()));
        let sent = self
            .progress
            .beside(found.here(), sending, |moved| moved.way == Way::Out && is_ours(moved.id.0))
            .await;
        let heard = heard.into_inner().unwrap_or_else(PoisonError::into_inner);
        for line in heard.iter().filter(|line| line.is("delivered")) {
            self.arrived(line).await;
        }
        (sent, heard)
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
