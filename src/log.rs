//! The log of a session: one place that numbers each line of EVENTS.md, keeps it, and lets others
//! read. Screen, JSON, transcript, diagnostics and every command that receives are its readers.

mod diagnostics;
mod kept;
#[cfg(test)]
mod tests;
pub mod wanted;

pub use diagnostics::Diagnostics;
pub use kept::{Numbered, Piece, Printed, Rung};

#[cfg(test)]
use crate::events::line::LineType;
use crate::events::line::{Body, Line};
use crate::events::{Event, Way};
use crate::watched::Watched;
use kept::{Follow, Holder, Kept, MOST};
use pinhole_protocol::wire::ItemId;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio::sync::{oneshot, watch};
use wanted::{Sort, Wanted};

/// The log of a session.
#[derive(Default)]
pub struct Log {
    /// True if commands alone read it, so that no line goes before one has it.
    only: bool,
    kept: Watched<Kept>,
    moved: watch::Sender<Option<Moved>>,
    diagnostics: OnceLock<Arc<Diagnostics>>,
}

/// A numbered line that was just said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its number in the session, from 1.
    pub seq: u64,
    /// Its text in ASCII, without an end.
    pub line: Arc<str>,
}

/// The progress of a transfer, as in [`Event::Progress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its number.
    pub id: ItemId,
    /// Its direction.
    pub way: Way,
    /// Bytes that have arrived.
    pub done: u64,
    /// Bytes in all, once known.
    pub total: Option<u64>,
}

impl Log {
    /// A log that commands alone read, so that no line goes before one has it, or one that is read
    /// on a screen too.
    #[must_use]
    pub fn new(only: bool) -> Self {
        Self { only, ..Self::default() }
    }

    /// Says an event: its line gets the next number and is kept, if it is one of a session.
    pub fn say(&self, event: &Event) -> Option<Said> {
        if let Some(diagnostics) = self.diagnostics.get() {
            diagnostics.note_event(event);
        }
        match event {
            Event::Progress { id, way, done, total } => {
                let moved = Moved { id: *id, way: *way, done: *done, total: *total };
                self.moved.send_replace(Some(moved));
                return None;
            }
            Event::End { .. } => self.end(),
            _ => {}
        }
        let body = Body::of(event);
        let sort = Sort::of(&body)?;
        let mut kept = self.kept.change();
        kept.last = kept.last.saturating_add(1);
        let seq = kept.last;
        let line: Arc<str> = Line::new(Some(seq), body).text().into();
        let later = match event {
            // Whoever reads it later did not make the code.
            Event::Channel(channel) => {
                Line::new(Some(seq), Body::without_code(channel)).text().into()
            }
            _ => Arc::clone(&line),
        };
        kept.add(self.only, seq, sort, later);
        Some(Said { seq, line })
    }

    /// Keeps a line that need not be one of EVENTS.md.
    #[cfg(test)]
    pub(crate) fn keep(&self, seq: u64, line_type: LineType, line: &str) {
        let sort = Sort { line_type, for_all: false };
        self.kept.change().add(self.only, seq, sort, line.into());
    }

    /// Notes from now on what goes wrong, once for a session.
    pub fn diagnose(&self, diagnostics: Diagnostics) {
        self.diagnostics.get_or_init(|| Arc::new(diagnostics)).watch();
    }

    /// The file where it notes that, if it does.
    #[must_use]
    pub fn diagnostics(&self) -> Option<&Path> {
        self.diagnostics.get().map(|diagnostics| diagnostics.path())
    }

    /// Follows the progress of transfers, one after another.
    #[must_use]
    pub fn moved(&self) -> watch::Receiver<Option<Moved>> {
        self.moved.subscribe()
    }

    /// True while the backlog is full: start nothing that adds to it.
    pub fn is_full(&self) -> bool {
        self.only && self.kept.look().unreceived_bytes > MOST
    }

    /// Ends the log: nothing more is said, and nobody waits any longer.
    pub fn end(&self) {
        let mut kept = self.kept.change();
        kept.ended = true;
        kept.questions.clear();
    }

    /// Lines that nobody has received.
    pub fn unreceived(&self) -> u64 {
        self.kept.look().unreceived
    }

    /// True if there will be no more, and all were received.
    pub fn is_done(&self) -> bool {
        let kept = self.kept.look();
        kept.ended && kept.unreceived == 0
    }

    /// The number of the oldest line, 0 if there is none.
    pub fn first_seq(&self) -> u64 {
        self.kept.look().lines.front().map_or(0, |first| first.seq)
    }

    /// Waits until there is a line that a command wants, or there will be none.
    pub async fn wait(&self, wanted: &Wanted) {
        self.kept.wait(|kept| kept.ended || kept.wanted(wanted).next().is_some()).await;
    }

    /// Waits until there is a text that no command has received, or there will be none.
    pub async fn wait_for_text(&self) {
        self.kept
            .wait(|kept| {
                kept.ended || kept.after(None).any(|line| line.is_text() && line.is_waiting())
            })
            .await;
    }

    /// True if there will be no more, and every command has its results.
    pub fn is_over(&self) -> bool {
        let kept = self.kept.look();
        kept.ended && kept.soon == 0
    }

    /// Waits until that is so.
    pub async fn ended(&self) {
        self.kept.wait(|kept| kept.ended && kept.soon == 0).await;
    }

    /// The lines that a command wants: as many as `bytes` hold with their ends, and at least one.
    /// Those that nobody has are lent. Also whether there will be no more.
    pub fn piece(&self, wanted: &Wanted, bytes: usize) -> (Piece, bool) {
        let mut kept = self.kept.look();
        let mut piece = Piece::default();
        let mut room = bytes;
        for line in kept.wanted(wanted) {
            let size = line.line.len() + 1;
            if size > room && !piece.lines.is_empty() {
                piece.more = true;
                break;
            }
            room = room.saturating_sub(size);
            piece.lines.push(line.clone());
            piece.lent.extend(line.is_waiting().then_some(line.seq));
        }
        piece.lent.iter().for_each(|seq| kept.put(*seq, Holder::Lent));
        (piece, kept.ended)
    }

    /// These lines have reached who asked for them.
    pub fn received(&self, seqs: &[u64]) {
        let mut kept = self.kept.change();
        seqs.iter().for_each(|seq| kept.put(*seq, Holder::Received));
        kept.receipts = kept.receipts.saturating_add(1);
    }

    /// All lines so far have reached who began the session.
    pub fn all_received(&self) {
        let seqs: Vec<u64> = self.kept.look().after(None).map(|line| line.seq).collect();
        self.received(&seqs);
    }

    /// Takes these lines back: the command that asked for them has not acknowledged them.
    pub fn give_back(&self, seqs: &[u64]) {
        let mut kept = self.kept.change();
        seqs.iter().for_each(|seq| kept.put(*seq, Holder::Waiting));
    }

    /// The other side has a question: the next text of its that nobody else asked for answers it.
    pub fn expect(&self, question: oneshot::Sender<Numbered>) {
        let mut kept = self.kept.look();
        if !kept.ended {
            kept.questions.push_back(question);
        }
    }

    /// Lends the oldest text that no command has received to whoever takes it alone; `Some(None)`
    /// if there will be none.
    pub fn take_text(&self) -> Option<Option<Numbered>> {
        let mut kept = self.kept.look();
        let found = kept.after(None).find(|line| line.is_text() && line.is_waiting()).cloned();
        match found {
            Some(line) => {
                kept.put(line.seq, Holder::Lent);
                Some(Some(line))
            }
            None => kept.ended.then_some(None),
        }
    }

    /// Says of a line whether a command prints it as its result.
    pub fn print(&self, seq: u64, printed: Printed) {
        let mut kept = self.kept.change();
        let Some(line) = kept.at(seq).and_then(|at| kept.lines.get_mut(at)) else { return };
        let (before, is_waiting) =
            (std::mem::replace(&mut line.printed, printed), line.is_waiting());
        if before == Printed::Soon {
            kept.soon = kept.soon.saturating_sub(1);
        }
        match printed {
            Printed::Soon => kept.soon = kept.soon.saturating_add(1),
            Printed::Yes if kept.followed.is_some() => kept.put(seq, Holder::Received),
            // As if it was said now.
            Printed::No if is_waiting => kept.put(seq, Holder::Waiting),
            Printed::Yes | Printed::No => {}
        }
    }

    /// A command begins to follow. What others have printed as their results it leaves out, and
    /// that is received.
    pub fn follow(&self, wanted: Wanted) {
        let mut kept = self.kept.change();
        let printed: Vec<u64> = kept
            .after(None)
            .filter(|line| line.printed == Printed::Yes)
            .map(|line| line.seq)
            .collect();
        printed.into_iter().for_each(|seq| kept.put(seq, Holder::Received));
        let until = wanted.after.and(kept.lines.back()).map_or(0, |last| last.seq);
        let done = wanted.after.unwrap_or(kept.received);
        kept.followed = Some(Follow { wanted, until, done, passed: done });
    }

    /// It does not any more: what it has not received is new to others.
    pub fn unfollow(&self) {
        let mut kept = self.kept.change();
        let Some(follow) = kept.followed.take() else { return };
        let left: Vec<u64> = kept
            .after(None)
            .filter(|line| line.is_waiting() && follow.wants(line))
            .map(|line| line.seq)
            .collect();
        left.into_iter().for_each(|seq| kept.put(seq, Holder::Waiting));
    }

    /// True if there is a line for the command that follows.
    pub fn has_next(&self) -> bool {
        self.kept.look().following().is_some()
    }

    /// Waits until there is one, or there will be none.
    pub async fn wait_for_next(&self) {
        self.kept.wait(|kept| (kept.ended && kept.soon == 0) || kept.following().is_some()).await;
    }

    /// The next line for the command that follows. If nobody has it, it is lent, under that number.
    pub fn next(&self) -> Option<(Numbered, Vec<u64>)> {
        let mut kept = self.kept.look();
        let line = kept.following()?;
        let lent = Vec::from_iter(line.is_waiting().then_some(line.seq));
        lent.iter().for_each(|seq| kept.put(*seq, Holder::Lent));
        if let Some(follow) = &mut kept.followed {
            follow.passed = line.seq;
            follow.done = follow.done.max(line.seq.min(follow.until));
        }
        Some((line, lent))
    }

    /// The state for a bell to ring in; `None` if there is nothing new since it rang at `rung`.
    pub fn news(&self, rung: Option<Rung>) -> Option<Rung> {
        let kept = self.kept.look();
        let lines = || kept.after(None).filter(|line| line.is_waiting()).count() as u64;
        kept.news(rung).then(|| Rung { turn: kept.turns, receipts: kept.receipts, lines: lines() })
    }

    /// Waits until there is something.
    pub async fn wait_for_news(&self, rung: Option<Rung>) {
        self.kept.wait(|kept| kept.news(rung)).await;
    }
}
