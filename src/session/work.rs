//! Work of a session for other threads, as values, and the one place that starts it.

use super::happened::{Brought, Desk, Happened, Label, Text};
use super::keyboard::{self, Keys};
use super::question::{Gone, Question};
use super::removal::Removals;
use crate::clock;
use crate::events::Stored;
use crate::files::inbox::{Inbox, Output, Plan as FilePlan, Receiving, Refusal, Rest};
use crate::files::outbox::{Counted, Options, Outgoing as Source, Selection};
use crate::files::outlet::Outlet;
use crate::files::proof::ProofKeys;
use crate::files::secret_exec::SecretExec;
use crate::handler::{Facts, Handler};
use crate::report::prompt::OwnTerminal;
use crate::report::screen::Screen;
use crate::report::text_output::TextOutput;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::time::Instant;
use pinhole_protocol::transfers::Whole;
use pinhole_protocol::wire::{Hash, ItemId, Offer, Part};
use std::ops::Range;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

/// Finished work that may wait for the driver; beyond that, its threads wait.
const DESK: usize = 256;
/// Pieces of work under way at which no more news of links is read, so that a peer which begins
/// and withdraws one thing after another waits for the disk.
const MOST: usize = 32;
/// The time between two looks at a count of folders.
const COUNTING: Duration = Duration::from_millis(500);

/// A piece of work. Each ends with a happening, named here.
pub(super) enum Work {
    /// Looks at files on the disk: [`Happened::Looked`].
    Look(Vec<PathBuf>, Options),
    /// Makes the offer of files that have to be read for it: [`Happened::OfferMade`].
    Offer(ItemId, Arc<Selection>, bool),
    /// Watches the count of an offer's folders until it is done: [`Happened::Counted`].
    Count(ItemId, Arc<Selection>, Arc<Counted>, bool),
    /// Opens the sources of a transfer, at once: [`Happened::Opened`].
    Open(ItemId, Arc<Selection>, bool),
    /// Makes the next part of a transfer: [`Happened::Part`].
    Part(ItemId, Arc<Source>),
    /// Hashes segments of a transfer: [`Happened::Proof`], then [`Happened::Proved`].
    Prove(ItemId, Arc<Source>, Vec<Range<u64>>),
    /// Looks at the sources of a transfer once more: [`Happened::Checked`].
    Check(ItemId, Arc<Source>),
    /// Makes the place of a transfer: [`Happened::Begun`].
    Begin(ItemId, Inbox, FilePlan),
    /// Begins a transfer to an output, at once: [`Happened::Begun`], then [`Happened::Wrote`].
    Output(ItemId, Offer, Option<u64>, Outlet),
    /// Prepares the entries of a part: [`Happened::Registered`].
    Register(ItemId, Arc<Receiving>, Part),
    /// Compares what is here with what the peer has proved: [`Happened::Compared`].
    Compare(ItemId, Arc<Receiving>, Vec<(Range<u64>, Hash)>),
    /// Gives a whole transfer its names: [`Happened::Committed`].
    Commit(ItemId, Arc<Receiving>, Whole),
    /// Removes what was not delivered of a transfer, or keeps it: [`Happened::Removed`].
    Discard(Arc<Receiving>, Rest),
    /// Puts a text where texts go: [`Happened::Printed`].
    Print(TextOutput, Text),
    /// Runs the program that gets a secret: [`Happened::Ran`].
    Exec(SecretExec, Label, SecretVec),
    /// Reads lines from the terminal: [`Happened::Typing`] at once, then [`Happened::Typed`].
    Type(Screen, Arc<Keys>),
    /// Asks the person, at this terminal or the process's own: [`Happened::Answered`].
    Ask(Question, Option<OwnTerminal>, Gone),
    /// Waits until the handler's pace allows a run: [`Happened::Paced`].
    Wait(Instant),
    /// Runs the handler with a message: [`Happened::Handled`].
    Handle(Handler, Vec<u8>, Facts),
}

/// The threads and tasks that do a session's work.
pub(super) struct Workers {
    desk: Desk,
    brought: mpsc::Receiver<Brought>,
    /// Pieces of work that are not done.
    under_way: usize,
    /// The program that gets a secret.
    program: Option<JoinHandle<()>>,
    /// The handler at work, or the wait until it may be started.
    handler: Option<JoinHandle<()>>,
    removals: Removals,
    proofs: ProofKeys,
}

impl Workers {
    /// Nothing is under way yet in a conversation that has these keys.
    pub(super) fn new(proofs: ProofKeys) -> Self {
        let (desk, brought) = Desk::new(DESK);
        let removals = Removals::default();
        Self { desk, brought, under_way: 0, program: None, handler: None, removals, proofs }
    }

    /// True unless so much is under way that the peer has to wait for it.
    pub(super) const fn has_room(&self) -> bool {
        self.under_way < MOST
    }

    /// Waits for the next happening that a thread or task brings.
    pub(super) async fn next(&mut self) -> Option<Happened> {
        let brought = self.brought.recv().await?;
        Some(self.taken(brought))
    }

    /// The next one, if it is here.
    pub(super) fn try_next(&mut self) -> Option<Happened> {
        let brought = self.brought.try_recv().ok()?;
        Some(self.taken(brought))
    }

    fn taken(&mut self, brought: Brought) -> Happened {
        self.under_way = self.under_way.saturating_sub(usize::from(brought.ends_work));
        brought.happened
    }

    /// Starts a piece of work. Returns what came of it, if that is known at once.
    pub(super) fn start(&mut self, work: Work) -> Option<Happened> {
        let desk = self.desk.clone();
        match work {
            Work::Look(paths, options) => {
                self.block(move || {
                    Happened::Looked(Selection::check(&paths, &options, std::io::empty()))
                });
            }
            Work::Offer(id, selection, faithful) => {
                self.block(move || Happened::OfferMade(id, selection.offer(id, faithful)));
            }
            Work::Count(id, selection, count, faithful) => {
                tokio::spawn(watch(desk, id, selection, count, faithful));
            }
            Work::Open(id, selection, faithful) => {
                let opened = selection.open(faithful, move |available| {
                    desk.put(Happened::Available(id, available.bytes))
                });
                return Some(Happened::Opened(id, opened));
            }
            Work::Part(id, source) => {
                self.block(move || Happened::Part(id, source.next_part()));
            }
            Work::Prove(id, source, segments) => {
                let key = Arc::clone(&self.proofs.ours);
                self.block(move || {
                    let told = |hashes| desk.put(Happened::Proof(id, hashes));
                    Happened::Proved(id, source.prove(&key, &segments, told))
                });
            }
            Work::Check(id, source) => {
                self.block(move || Happened::Checked(id, source.finish()));
            }
            Work::Begin(id, inbox, plan) => {
                // Up to a thousand items are made, on a disk that may be slow. At the end it is
                // waited for as a removal is: what is made for a session that is over goes again.
                let making = self.block(move || {
                    let begun = inbox.begin(plan).map(Receiving::Files);
                    Happened::Begun(id, begun.map(Arc::new))
                });
                self.removals.making(making);
            }
            Work::Output(id, offer, max_size, outlet) => {
                let told = move |wrote: Result<_, Refusal>| desk.put(Happened::Wrote(id, wrote));
                let begun = Output::begin(&offer, max_size, outlet, told);
                return Some(Happened::Begun(id, begun.map(Receiving::Output).map(Arc::new)));
            }
            Work::Register(id, receiving, part) => {
                self.block(move || Happened::Registered(id, receiving.register(&part)));
            }
            Work::Compare(id, receiving, proofs) => {
                let key = Arc::clone(&self.proofs.theirs);
                self.block(move || Happened::Compared(id, receiving.prove(&key, &proofs)));
            }
            Work::Commit(id, receiving, whole) => {
                self.block(move || Happened::Committed(id, receiving.commit(&whole)));
            }
            Work::Discard(receiving, rest) => {
                self.under_way = self.under_way.saturating_add(1);
                let left =
                    self.removals.remove(receiving, rest, move || desk.finish(Happened::Removed));
                return (!left.is_empty()).then_some(Happened::LeftBehind(left));
            }
            Work::Print(output, text) => {
                self.block(move || {
                    let printed = output.text(&text.body);
                    Happened::Printed(text, printed)
                });
            }
            Work::Exec(program, label, secret) => {
                self.program = Some(tokio::spawn(async move {
                    // Standard input is for answers of the person here.
                    let ran = program.run(&secret, Stdio::null()).await;
                    let variable = program.variable().map(str::to_owned);
                    let stored = ran.map(|()| Stored::Program(variable));
                    desk.bring(Happened::Ran(label, secret, stored)).await;
                }));
            }
            Work::Type(screen, keys) => {
                return Some(Happened::Typing(keyboard::start(&screen, keys, desk)));
            }
            Work::Ask(question, terminal, gone) => {
                self.block(move || Happened::Answered(question.ask(terminal, &gone)));
            }
            Work::Wait(until) => {
                self.handler = Some(tokio::spawn(async move {
                    clock::sleep_until(Some(until)).await;
                    desk.bring(Happened::Paced).await;
                }));
            }
            Work::Handle(handler, message, facts) => {
                self.handler = Some(tokio::spawn(async move {
                    let came = handler.run(message, facts).await;
                    desk.bring(Happened::Handled(came)).await;
                }));
            }
        }
        None
    }

    /// Does work that may block on another thread.
    fn block(&mut self, work: impl FnOnce() -> Happened + Send + 'static) -> JoinHandle<()> {
        let desk = self.desk.clone();
        self.under_way = self.under_way.saturating_add(1);
        spawn_blocking(move || desk.finish(work()))
    }

    /// The handler at work, for whoever waits for its end.
    pub(super) const fn handler(&mut self) -> Option<JoinHandle<()>> {
        self.handler.take()
    }

    /// Gives up the handler at work: [`Workers::end`] kills it.
    pub(super) fn give_up(&mut self, handler: JoinHandle<()>) {
        self.handler = Some(handler);
    }

    /// Nobody waits for room at the desk any more; what is there can still be read.
    pub(super) fn close(&mut self) {
        self.brought.close();
    }

    /// Kills the programs that still run, then waits until nothing is left of what was not
    /// delivered, or `enough` was waited. Returns what is left.
    pub(super) async fn end(&mut self, enough: impl Future<Output = ()>) -> Vec<PathBuf> {
        for program in [self.program.take(), self.handler.take()].into_iter().flatten() {
            program.abort();
            let _ = program.await;
        }
        self.removals.finish(enough).await
    }
}

/// Tells how far an offer's folders are counted, until they are or it is offered again.
async fn watch(
    desk: Desk,
    id: ItemId,
    selection: Arc<Selection>,
    count: Arc<Counted>,
    faithful: bool,
) {
    loop {
        tokio::time::sleep(COUNTING).await;
        if count.stopped() {
            return;
        }
        let (done, totals) = (count.done(), selection.totals(faithful));
        desk.bring(Happened::Counted(id, Arc::clone(&count), totals)).await;
        if done {
            return;
        }
    }
}
