//! The lines that a session has said so far, and who has each: each says for itself, because some
//! commands take one kind alone.

use super::wanted::{Sort, Wanted};
use crate::events::line::LineType;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Bytes of lines that a session keeps beside those that wait for a reader (SPEC 5.3, the
/// window): texts beyond 1 KiB are in files, so these are thousands of lines.
pub(super) const MOST: usize = 16 << 20;
/// Bytes of lines that it keeps at most, read or not. What the peer begins is put off before that;
/// what else is said adds up slowly.
pub(super) const BOUND: usize = 2 * MOST;
/// Bytes that each line counts beside its own, so that many short ones are bounded too.
pub(super) const LINE_SHARE: usize = 64;

/// A numbered line.
#[derive(Clone, Debug)]
pub struct Numbered {
    /// Its number.
    pub seq: u64,
    /// Its text, without an end.
    pub line: Arc<str>,
    pub(super) sort: Sort,
    pub(super) holder: Holder,
    pub(super) printed: Printed,
    /// The count of `Kept::turns` when it began to wait for a reader.
    pub(super) turn: u64,
}

/// The holder of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody yet.
    Waiting,
    /// A command that has not said yet that it has it.
    Lent,
    /// A command that has received it.
    Received,
}

/// The state of a line that a command prints as the result of what it does, as `send` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printed {
    /// It is a line like others.
    No,
    /// A command is about to.
    Soon,
    /// A command has.
    Yes,
}

impl Numbered {
    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.line.len().saturating_add(LINE_SHARE)
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.holder == Holder::Waiting
    }

    /// True for a text of the peer's, which somebody may take alone.
    pub(super) fn is_text(&self) -> bool {
        self.sort.line_type == LineType::Text
    }
}

#[derive(Default)]
pub(super) struct Kept {
    pub(super) lines: VecDeque<Numbered>,
    /// The number of the last line.
    pub(super) last: u64,
    pub(super) bytes: usize,
    /// Bytes of those that nobody has received.
    pub(super) unreceived_bytes: usize,
    /// The number of those lines.
    pub(super) unreceived: u64,
    /// The number up to which all were received.
    pub(super) received: u64,
    /// The number of lines that commands are about to print as their results.
    pub(super) soon: usize,
    /// Counts each time that a line begins to wait for a reader.
    pub(super) turns: u64,
    /// Counts each time that something is received.
    pub(super) receipts: u64,
    /// Questions that the other side has, in the order in which it got them: each takes a text.
    pub(super) questions: VecDeque<oneshot::Sender<Numbered>>,
    /// The lines for the command that follows, if one does.
    pub(super) followed: Option<Follow>,
    /// Nothing more will be said.
    pub(super) ended: bool,
}

impl Kept {
    /// Keeps a line. The oldest go when there are too many: those that were received, and unless
    /// `only` commands read, or beyond [`BOUND`], also those that were not; they are missing from
    /// the sequence of numbers that a reader gets.
    pub(super) fn add(&mut self, only: bool, seq: u64, sort: Sort, line: Arc<str>) {
        self.turns = self.turns.saturating_add(1);
        let (holder, printed, turn) = (Holder::Waiting, Printed::No, self.turns);
        let line = Numbered { seq, line, sort, holder, printed, turn };
        self.bytes = self.bytes.saturating_add(line.size());
        self.unreceived_bytes = self.unreceived_bytes.saturating_add(line.size());
        self.unreceived = self.unreceived.saturating_add(1);
        self.lines.push_back(line.clone());
        if line.is_text() {
            self.answer(&line);
        }
        while let Some(gone) = self.superfluous(only).and_then(|at| self.lines.remove(at)) {
            self.bytes = self.bytes.saturating_sub(gone.size());
            if gone.holder != Holder::Received {
                self.unreceived_bytes = self.unreceived_bytes.saturating_sub(gone.size());
                self.unreceived = self.unreceived.saturating_sub(1);
            }
            if gone.printed == Printed::Soon {
                self.soon = self.soon.saturating_sub(1);
            }
        }
    }

    pub(super) fn at(&self, seq: u64) -> Option<usize> {
        self.lines.binary_search_by_key(&seq, |line| line.seq).ok()
    }

    /// Puts a line where it is now. One that was received stays so.
    pub(super) fn put(&mut self, seq: u64, holder: Holder) {
        let Some(line) = self
            .at(seq)
            .and_then(|at| self.lines.get_mut(at))
            .filter(|line| line.holder != Holder::Received)
        else {
            return;
        };
        line.holder = holder;
        match holder {
            Holder::Waiting => {
                self.turns = self.turns.saturating_add(1);
                line.turn = self.turns;
                if let Some(follow) = &mut self.followed {
                    follow.passed = follow.passed.min(seq.saturating_sub(1));
                }
            }
            Holder::Lent => {}
            Holder::Received => {
                let size = line.size();
                self.unreceived_bytes = self.unreceived_bytes.saturating_sub(size);
                self.unreceived = self.unreceived.saturating_sub(1);
                let rest = self
                    .lines
                    .range(self.lines.partition_point(|line| line.seq <= self.received)..);
                if let Some(last) = rest.take_while(|line| line.holder == Holder::Received).last() {
                    self.received = last.seq;
                }
            }
        }
    }

    /// The lines after the number `after`, or else after those that were all received.
    pub(super) fn after(&self, after: Option<u64>) -> impl DoubleEndedIterator<Item = &Numbered> {
        let after = after.unwrap_or(self.received);
        self.lines.range(self.lines.partition_point(|line| line.seq <= after)..)
    }

    /// The lines that a command wants which receives once.
    pub(super) fn wanted<'a>(&'a self, wanted: &'a Wanted) -> impl Iterator<Item = &'a Numbered> {
        self.after(wanted.after).filter(move |line| {
            (wanted.after.is_some() || line.is_waiting()) && wanted.takes(line.sort)
        })
    }

    /// The next line for the command that follows.
    pub(super) fn following(&mut self) -> Option<Numbered> {
        let follow = self.followed.as_mut()?;
        for line in self.lines.range(self.lines.partition_point(|line| line.seq <= follow.passed)..)
        {
            if follow.wants(line) {
                return Some(line.clone());
            }
            follow.passed = line.seq;
        }
        None
    }

    /// True if there is something new for a bell that last rang at `rung`.
    pub(super) fn news(&self, rung: Option<Rung>) -> bool {
        let nobody_follows =
            |line: &Numbered| self.followed.as_ref().is_none_or(|follow| !follow.wants(line));
        let is_new = |line: &Numbered| {
            line.is_waiting()
                && line.printed == Printed::No
                && rung.is_none_or(|rung| line.turn > rung.turn)
                && nobody_follows(line)
        };
        rung.is_none_or(|rung| rung.receipts != self.receipts) && self.after(None).rev().any(is_new)
    }

    /// Gives a text to the first question that still waits.
    fn answer(&mut self, line: &Numbered) {
        while let Some(question) = self.questions.pop_front() {
            if question.send(line.clone()).is_ok() {
                self.put(line.seq, Holder::Lent);
                return;
            }
        }
    }

    /// Which line goes when there are too many: the oldest that was received, or where need be the
    /// oldest of all.
    fn superfluous(&self, only: bool) -> Option<usize> {
        if self.bytes <= MOST {
            return None;
        }
        // Most often it is the first.
        let received = || self.lines.iter().position(|line| line.holder == Holder::Received);
        let first = if only && self.unreceived_bytes < self.bytes { received() } else { None };
        first.or((!only || self.bytes > BOUND).then_some(0))
    }
}

/// Some lines.
#[derive(Debug, Default)]
pub struct Piece {
    /// Whole lines.
    pub lines: Vec<Numbered>,
    /// Those of them that nobody had, by their numbers.
    pub lent: Vec<u64>,
    /// There are more after them.
    pub more: bool,
}

/// The lines for the command that follows: all new ones, and some that were received before it
/// came.
pub(super) struct Follow {
    pub(super) wanted: Wanted,
    /// The last line before it came, if it wants those from a number on.
    pub(super) until: u64,
    /// The last of those that it has had.
    pub(super) done: u64,
    /// Up to here there is nothing for it.
    pub(super) passed: u64,
}

impl Follow {
    pub(super) fn wants(&self, line: &Numbered) -> bool {
        let again = line.seq > self.done && line.seq <= self.until;
        (line.is_waiting() || again) && line.printed == Printed::No && self.wanted.takes(line.sort)
    }
}

/// The state in which a bell last rang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    pub(super) turn: u64,
    pub(super) receipts: u64,
    /// The number of lines that a `receive` would have returned.
    pub lines: u64,
}
