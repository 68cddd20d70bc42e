//! The sessions of this process: each on a thread and an event loop of its own, as if it were a
//! process, so that none holds up another and nothing of it runs on when it has ended.

use super::client::Client;
use super::landings::{Landings, Private};
use super::workspace::Workspace;
use super::{Terms, Wish};
use crate::control::found::{Found, Which, find, find_here, not_open, not_open_at_all, one};
use crate::control::owner::{Owner, Visitor};
use crate::control::{Closing, Control, Reading};
use crate::doctor::Setup;
use crate::events::Event;
use crate::failure::{Failure, Kind};
use crate::files::outbox::Fence;
use crate::report::style::Style;
use crate::report::{Format, Reporter, Settings};
use crate::role::Role;
use crate::session::plan::{Meet, Plan};
use crate::session::{self, Report};
use pinhole_protocol::code::{Nameplate, Shape, shape};
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// Sessions at a time, those counted that have ended and have something to receive. Each keeps up
/// to 32 MiB of lines, so all of them 512.
const MOST: usize = 16;
/// Time that the end of the server waits for channels to end in peace. Clients end it after some
/// seconds (Python SDK: 2).
const PEACE: Duration = Duration::from_secs(5);
/// A session whose lines go into its log and nowhere else.
const SILENT: Settings =
    Settings { format: Format::Json, style: Style::PLAIN, once: false, progress_every: None };

/// The sessions of this process, and how others are found.
pub(super) struct Sessions {
    terms: Arc<dyn Terms>,
    /// The owner of its sessions.
    owner: Owner,
    /// The visitor of other processes' sessions: those of the same agent, or all where that is
    /// allowed.
    others: Visitor,
    /// True if the agent may see all sessions of this user.
    all: bool,
    own: Mutex<Own>,
    private: Private,
    /// The folders that its agent works in.
    pub(super) workspace: Workspace,
}

#[derive(Default)]
struct Own {
    controls: Vec<Control>,
    /// The ids of all that there ever were: while one ends it may still be found from outside.
    began: HashSet<String>,
    /// No more are wanted.
    closing: bool,
}

impl Sessions {
    pub(super) fn new(terms: Arc<dyn Terms>) -> Self {
        let owner = Owner::server();
        let (all, visitor) = (terms.sees_all_sessions(), Visitor::of(owner.clone()));
        let others = if all { visitor.seeing_all() } else { visitor };
        let workspace = Workspace::new(terms.works_here());
        Self {
            terms,
            owner,
            others,
            all,
            own: Mutex::default(),
            private: Private::default(),
            workspace,
        }
    }

    /// Starts a session. What other commands bring is fenced in for good by what is known now of
    /// where the agent works.
    pub(super) async fn start(&self, wish: Wish, client: &Client) -> Result<Found, Failure> {
        let terms = Arc::clone(&self.terms);
        let (plan, meet) = blocking(move || terms.purpose(wish)).await?;
        let fence = plan.fence.map(|fence| fence.working_in(&self.workspace.known(client)));
        let plan = Plan { owner: self.owner.clone(), fence, ..plan };
        let control = session::control(&plan, &meet, Reading::Within);
        self.enter(&control)?;
        let held = control.clone();
        let thread = std::thread::Builder::new()
            .name("session".into())
            .spawn(move || hold(plan, meet, &held));
        if let Err(error) = thread {
            self.forget(&control);
            let detail = format!("no thread can be started for a channel: {error}");
            return Err(
                Failure::new(Kind::Internal, detail).next("raise this user's limit (ulimit -u)")
            );
        }
        Ok(Found::within(control).await)
    }

    fn enter(&self, control: &Control) -> Result<(), Failure> {
        let mut own = self.own();
        if own.closing {
            return Err(Failure::new(Kind::Interrupted, "the server is shutting down"));
        }
        if own.controls.len() >= MOST {
            // Sessions that have ended and were not received make room, the oldest first.
            let Some(ended) = own.controls.iter().position(|control| control.end().is_some())
            else {
                let detail =
                    format!("{MOST} channels are open in this server, and it holds no more");
                return Err(Failure::new(Kind::TooManyChannels, detail).next("close one"));
            };
            own.controls.remove(ended);
        }
        own.began.insert(control.id().to_owned());
        own.controls.push(control.clone());
        Ok(())
    }

    /// Nobody finds it any more.
    pub(super) fn forget(&self, control: &Control) {
        self.own().controls.retain(|other| other.id() != control.id());
    }

    /// The session that is meant: one of this process if there is one, and of those one that has
    /// not ended; else one of another process that this agent began, or has named the whole code
    /// of, or any where those are seen.
    pub(super) async fn find(
        &self,
        channel: Option<&str>,
        role: Option<Role>,
    ) -> Result<Found, Failure> {
        let which = self.which(channel, role)?;
        let mut own = find_here(self.all(), &which).await;
        if own.iter().any(|found| ended(found).is_none()) {
            own.retain(|found| ended(found).is_none());
        }
        let found = if own.is_empty() { self.others(&which).await? } else { own };
        match one(found, "send")? {
            Some(found) => Ok(found),
            None if channel.is_none() => Err(not_open_at_all()),
            None => Err(self.not_open().await),
        }
    }

    /// Failure that no channel is the one that is meant, with those that are open.
    pub(super) async fn not_open(&self) -> Failure {
        match self.list(None, None).await {
            Ok(open) => not_open(&open),
            Err(failure) => failure,
        }
    }

    /// Sessions of other processes. Where these cannot be found there are none, unless they are
    /// what the server was started for.
    async fn others(&self, which: &Which) -> Result<Vec<Found>, Failure> {
        match find(which, &self.others).await {
            Err(failure) if self.all => Err(failure),
            found => {
                let own = self.own();
                Ok(found
                    .unwrap_or_default()
                    .into_iter()
                    .filter(|found| !own.began.contains(&found.about.session))
                    .collect())
            }
        }
    }

    /// All sessions that are meant, of this process and others.
    pub(super) async fn list(
        &self,
        channel: Option<&str>,
        role: Option<Role>,
    ) -> Result<Vec<Found>, Failure> {
        let which = self.which(channel, role)?;
        let mut all = find_here(self.all(), &which).await;
        match self.others(&which).await {
            Ok(others) => all.extend(others),
            // Sessions of this process are there even if the directory of sockets cannot be used.
            Err(failure) if all.is_empty() => return Err(failure),
            Err(_) => {}
        }
        Ok(all)
    }

    /// A channel by its code, its number, or its label.
    fn which(&self, channel: Option<&str>, role: Option<Role>) -> Result<Which, Failure> {
        let mut which = Which { role, ..Which::default() };
        let Some(channel) = channel else { return Ok(which) };
        match shape(channel) {
            Shape::Number => {
                let wrong = |error: pinhole_protocol::code::CodeError| {
                    Failure::new(Kind::CodeMalformed, error.explain())
                };
                which.code =
                    Some(Zeroizing::new(Nameplate::parse(channel).map_err(wrong)?.to_string()));
            }
            Shape::Code | Shape::Link => {
                which.code = Some(self.terms.address(channel)?.code.reveal())
            }
            Shape::Other => which.label = Some(channel.to_owned()),
        }
        Ok(which)
    }

    /// The sending fence, with the working directory for where the agent works.
    pub(super) fn fence(&self) -> Result<Fence, Failure> {
        self.terms.fence()
    }

    /// Places for received secrets of a call that chooses `cwd`, of an agent that works in
    /// `folders`.
    pub(super) fn landings(
        &self,
        folders: &[PathBuf],
        cwd: Option<&str>,
    ) -> Result<Landings<'_>, Failure> {
        Ok(Landings::new(self.terms.secrets()?, &self.private, folders, cwd))
    }

    /// Settings that `doctor` looks at.
    pub(super) async fn setup(&self) -> Result<Setup, Failure> {
        let terms = Arc::clone(&self.terms);
        blocking(move || terms.setup()).await
    }

    /// Waits until all of them have ended that were told to, as by a signal, which they hear
    /// themselves.
    pub(super) async fn gone(&self) {
        self.own().closing = true;
        let own = self.all();
        let gone = async {
            for control in &own {
                control.finished().await;
            }
        };
        // Work that still waits for a disk ends with the process.
        let _ = timeout(PEACE, gone).await;
    }

    /// Closes all of them, in peace as far as that goes soon, and says what was lost by it, a
    /// sentence each.
    pub(super) async fn close(&self) -> Vec<String> {
        self.own().closing = true;
        let own = self.all();
        let lost: Vec<(Control, u64)> =
            own.iter().map(|control| (control.clone(), control.unreceived())).collect();
        for control in own.iter().filter(|control| control.end().is_none()) {
            // One that holds secrets refuses, and nobody will come for them.
            if control.close(Closing::Peace).await.is_err() {
                let _ = control.close(Closing::Now).await;
            }
        }
        self.gone().await;
        if own.iter().any(|control| control.end().is_none()) {
            for control in own.iter().filter(|control| control.end().is_none()) {
                // At once is never refused.
                let _ = control.close(Closing::Now).await;
            }
            self.gone().await;
        }
        lost.iter().filter_map(|(control, unreceived)| what_is_lost(control, *unreceived)).collect()
    }

    fn all(&self) -> Vec<Control> {
        self.own().controls.clone()
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The result of a session of this process, once it has ended.
pub(super) fn ended(found: &Found) -> Option<Result<(), Failure>> {
    found.here().and_then(Control::end)
}

/// Does what may wait for a disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Failure::new(Kind::Failed, "the call ended unexpectedly")))
}

/// Runs a session to its end.
fn hold(plan: Plan, meet: Meet, control: &Control) {
    /// Says that the session is over also where its thread breaks.
    struct Over<'a>(&'a Control);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.finish();
        }
    }
    let _over = Over(control);
    match session::runtime() {
        Ok(runtime) => {
            let mut report: Report = Reporter::new(Box::new(io::sink()), SILENT);
            runtime.block_on(session::run_within(plan, meet, control.clone(), &mut report));
            // Tasks that still run end with the loop: nothing here waits for a disk or a relay.
            runtime.shutdown_background();
        }
        Err(failure) => {
            let (log, failed) = (control.log(), Some(failure.kind));
            control.ended(Some(failure.clone()));
            log.say(&Event::Trouble(failure));
            log.say(&Event::End { failed, more: false });
        }
    }
}

/// A sentence about what the end of the server took from its client, of one session.
fn what_is_lost(control: &Control, unreceived: u64) -> Option<String> {
    let failed = control.end().and_then(Result::err).map(|failure| failure.detail);
    let unread = (unreceived > 0).then(|| format!("events never received: {unreceived}"));
    let what: Vec<String> = failed.into_iter().chain(unread).collect();
    (!what.is_empty()).then(|| {
        format!("the client is gone, so {} is closed: {}", control.name(), what.join("; "))
    })
}
