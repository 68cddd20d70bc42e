//! What a session has said so far: every numbered line of EVENTS.md, as it was or would have been printed, for other commands to receive.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Bytes of lines that a session keeps beside those that wait for a reader (DESIGN 3.3, the window): texts beyond 1 KiB are in files, so
/// these are thousands of lines.
const MOST: usize = 16 << 20;
/// Bytes of lines that it keeps at most, read or not. What the peer begins is put off before that; what else is said adds up slowly.
const BOUND: usize = 2 * MOST;
/// What each line takes beside its bytes, so that many short ones are bounded too.
const LINE_SHARE: usize = 64;

/// A numbered line.
#[derive(Clone, Debug)]
pub(super) struct Numbered {
    pub(super) seq: u64,
    pub(super) line: Arc<str>,
    /// For a text of the other side's: whether somebody has taken it alone, as the answer to a question or as the oldest text.
    answer: Option<bool>,
}

impl Numbered {
    /// Bytes that it takes.
    fn size(&self) -> usize {
        self.line.len().saturating_add(LINE_SHARE)
    }

    /// Whether whoever asked has it, so that it is not returned.
    fn is_answer(&self) -> bool {
        self.answer == Some(true)
    }
}

/// The lines of a session.
pub(super) struct Journal {
    /// Whether commands alone read them, so that none goes before one has.
    only: bool,
    kept: Mutex<Kept>,
    changed: Notify,
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<Numbered>,
    bytes: usize,
    /// Bytes of those that were never returned.
    unreturned: usize,
    last_seq: u64,
    /// The number up to which lines were returned.
    returned: u64,
    /// Nothing more will be said.
    ended: bool,
}

impl Kept {
    /// Sums up what waits for a reader once more.
    fn sum_up(&mut self) {
        self.unreturned = self.after(None).filter(|line| !line.is_answer()).map(Numbered::size).sum();
    }

    /// The first text after the number `after` that nobody has taken alone; it is taken by that.
    fn take_text(&mut self, after: u64) -> Option<Option<Numbered>> {
        let first = self.lines.partition_point(|line| line.seq <= after);
        match self.lines.range_mut(first..).find(|line| line.answer == Some(false)) {
            Some(line) => {
                line.answer = Some(true);
                let found = line.clone();
                self.sum_up();
                Some(Some(found))
            }
            None => self.ended.then_some(None),
        }
    }

    /// The lines after the number `after`, or else after those that were returned.
    fn after(&self, after: Option<u64>) -> impl Iterator<Item = &Numbered> {
        let after = after.unwrap_or(self.returned);
        self.lines.range(self.lines.partition_point(|line| line.seq <= after)..)
    }
}

/// Some lines.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) lines: Vec<Numbered>,
    /// There are more after them.
    pub(super) more: bool,
}

impl Journal {
    /// That of a session whose lines are read by commands alone, or by whoever sees what it prints too.
    pub(super) fn new(only: bool) -> Self {
        Self { only, kept: Mutex::default(), changed: Notify::default() }
    }

    /// Keeps a line, which may be a text of the other side's. The oldest go when there are too many: those that were returned, and where the
    /// session's own output is read, or beyond [`BOUND`], also those that were not; they are missing from the sequence of numbers that a
    /// reader gets.
    pub(super) fn keep(&self, seq: u64, line: &str, text: bool) {
        let mut kept = self.kept();
        let line = Numbered { seq, line: line.into(), answer: text.then_some(false) };
        kept.bytes = kept.bytes.saturating_add(line.size());
        kept.unreturned = kept.unreturned.saturating_add(line.size());
        kept.last_seq = seq;
        kept.lines.push_back(line);
        while kept.bytes > MOST
            && let Some(oldest) = kept.lines.front()
            && (oldest.seq <= kept.returned || !self.only || kept.bytes > BOUND)
        {
            let (size, unreturned) = (oldest.size(), oldest.seq > kept.returned && !oldest.is_answer());
            kept.lines.pop_front();
            kept.bytes = kept.bytes.saturating_sub(size);
            kept.unreturned = kept.unreturned.saturating_sub(if unreturned { size } else { 0 });
        }
        drop(kept);
        self.changed.notify_waiters();
    }

    /// Whether so much waits for a reader that nothing should be begun which would add to it.
    pub(super) fn is_full(&self) -> bool {
        self.only && self.kept().unreturned > MOST
    }

    /// Nothing more will be said: whoever waits need not any longer.
    pub(super) fn end(&self) {
        self.kept().ended = true;
        self.changed.notify_waiters();
    }

    /// Lines that were never returned.
    pub(super) fn unreturned(&self) -> u64 {
        let kept = self.kept();
        let answers = kept.after(None).filter(|line| line.is_answer()).count() as u64;
        kept.last_seq.saturating_sub(kept.returned).saturating_sub(answers)
    }

    /// The last line with its number.
    pub(super) fn last(&self) -> Option<Numbered> {
        self.kept().lines.back().cloned()
    }

    /// Waits until there is a line after the number `after`, or else after those that were returned, or there will be none.
    pub(super) async fn wait(&self, after: Option<u64>) {
        self.wait_until(|| self.has(after)).await;
    }

    /// Waits until there is a text that no command has received, or there will be none.
    pub(super) async fn wait_for_text(&self) {
        self.wait_until(|| {
            let kept = self.kept();
            kept.ended || kept.after(None).any(|line| line.answer == Some(false))
        })
        .await;
    }

    /// Waits until nothing more will be said.
    pub(super) async fn wait_for_the_end(&self) {
        self.wait_until(|| self.kept().ended).await;
    }

    async fn wait_until(&self, holds: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From now on no change is missed.
            changed.as_mut().enable();
            if holds() {
                return;
            }
            changed.await;
        }
    }

    fn has(&self, after: Option<u64>) -> bool {
        let kept = self.kept();
        kept.ended || kept.after(after).any(|line| after.is_some() || !line.is_answer())
    }

    /// The lines after the number `after`, or else after those that were returned: as many as `bytes` hold with their ends, and at least
    /// one. Also whether there will be no more.
    pub(super) fn piece(&self, after: Option<u64>, bytes: usize) -> (Piece, bool) {
        let kept = self.kept();
        let mut piece = Piece::default();
        let mut room = bytes;
        for line in kept.after(after).filter(|line| after.is_some() || !line.is_answer()) {
            let size = line.line.len() + 1;
            if size > room && !piece.lines.is_empty() {
                piece.more = true;
                break;
            }
            room = room.saturating_sub(size);
            piece.lines.push(line.clone());
        }
        (piece, kept.ended)
    }

    /// Lines up to the number `seq` have reached who asked for them.
    pub(super) fn returned(&self, seq: u64) {
        let mut kept = self.kept();
        kept.returned = kept.returned.max(seq);
        kept.sum_up();
    }

    /// The first text of the other side's after the number `after` that answers no other question, once there is one; nothing if there
    /// will be none.
    pub(super) async fn answer(&self, after: u64) -> Option<Numbered> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = self.kept().take_text(after) {
                return found;
            }
            changed.await;
        }
    }

    /// The oldest text that no command has received, for whoever takes it alone; `Some(None)` if there will be none.
    pub(super) fn take_text(&self) -> Option<Option<Numbered>> {
        let mut kept = self.kept();
        let returned = kept.returned;
        kept.take_text(returned)
    }

    /// Whoever asked does not have the text of this number after all. If later lines were returned meanwhile, they are once more, with it.
    pub(super) fn unanswer(&self, seq: u64) {
        let mut kept = self.kept();
        if let Some(line) = kept.lines.iter_mut().find(|line| line.seq == seq) {
            line.answer = Some(false);
            kept.returned = kept.returned.min(seq.saturating_sub(1));
            kept.sum_up();
        }
        drop(kept);
        self.changed.notify_waiters();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(lines: u64) -> Journal {
        let journal = Journal::new(false);
        (1..=lines).for_each(|seq| journal.keep(seq, &format!("line {seq}"), false));
        journal
    }

    fn numbers(piece: &Piece) -> Vec<u64> {
        piece.lines.iter().map(|line| line.seq).collect()
    }

    #[test]
    fn what_was_returned_is_not_returned_again_unless_asked_for() {
        let journal = journal(3);
        assert_eq!(numbers(&journal.piece(None, 1_000).0), [1, 2, 3]);
        // It may not have arrived.
        assert_eq!(journal.unreturned(), 3);
        journal.returned(2);
        assert_eq!((numbers(&journal.piece(None, 1_000).0), journal.unreturned()), (vec![3], 1));
        assert_eq!(numbers(&journal.piece(Some(0), 1_000).0), [1, 2, 3]);
        assert_eq!(numbers(&journal.piece(Some(9), 1_000).0), [0; 0]);
        journal.returned(1);
        assert_eq!(journal.unreturned(), 1);
    }

    #[test]
    fn an_answer_holds_whole_lines_and_at_least_one() {
        let journal = journal(3);
        // Six letters and an end each.
        for (bytes, expected) in [(0, 1), (7, 1), (13, 1), (14, 2), (20, 2), (21, 3)] {
            let (piece, _) = journal.piece(None, bytes);
            assert_eq!((piece.lines.len(), piece.more), (expected, expected < 3), "{bytes}");
        }
    }

    #[test]
    fn the_oldest_lines_go_when_there_are_too_many() {
        let journal = Journal::new(false);
        let long = "x".repeat(MOST / 4 - LINE_SHARE);
        (1..=6).for_each(|seq| journal.keep(seq, &long, false));
        assert_eq!(numbers(&journal.piece(None, usize::MAX).0), [3, 4, 5, 6]);
        assert!(!journal.is_full());
    }

    #[test]
    fn every_kind_of_line_is_bounded_however_short_and_whoever_reads() {
        for only in [false, true] {
            let journal = Journal::new(only);
            let lines = 2 * BOUND / LINE_SHARE;
            (1..=lines as u64).for_each(|seq| journal.keep(seq, "", false));
            let kept = journal.kept();
            assert_eq!(kept.lines.len(), if only { BOUND } else { MOST } / LINE_SHARE);
            assert_eq!((kept.bytes, kept.unreturned), (kept.lines.len() * LINE_SHARE, kept.lines.len() * LINE_SHARE));
        }
    }

    #[test]
    fn no_line_goes_that_nobody_has_read() {
        let journal = Journal::new(true);
        let long = "x".repeat(MOST / 4 - LINE_SHARE);
        (1..=6).for_each(|seq| journal.keep(seq, &long, false));
        assert_eq!(numbers(&journal.piece(None, usize::MAX).0), [1, 2, 3, 4, 5, 6]);
        assert!(journal.is_full());
        journal.returned(2);
        assert!(!journal.is_full());
        journal.returned(2);
        (7..=8).for_each(|seq| journal.keep(seq, &long, false));
        assert_eq!(numbers(&journal.piece(Some(0), usize::MAX).0), [3, 4, 5, 6, 7, 8]);
        assert!(journal.is_full());
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_a_line_and_of_the_end() {
        let journal = journal(0);
        let nobody_yet = tokio::time::timeout(std::time::Duration::ZERO, journal.wait(None)).await;
        assert!(nobody_yet.is_err());
        tokio::join!(journal.wait(None), async { journal.keep(1, "one", false) });
        tokio::join!(journal.wait(Some(1)), async { journal.end() });
    }

    #[tokio::test]
    async fn an_answer_that_did_not_arrive_is_returned_although_later_lines_were() {
        let journal = Journal::new(true);
        journal.keep(1, "answer", true);
        journal.keep(2, "later", true);
        assert_eq!(journal.answer(0).await.unwrap().seq, 1);
        assert_eq!(numbers(&journal.piece(None, 1_000).0), [2]);
        journal.returned(2);
        assert_eq!(journal.kept().unreturned, 0);
        journal.unanswer(1);
        assert_eq!(numbers(&journal.piece(None, 1_000).0), [1, 2]);
        assert_eq!(journal.kept().unreturned, "answerlater".len() + 2 * LINE_SHARE);
    }

    #[tokio::test]
    async fn answers_hold_nothing_back() {
        let journal = Journal::new(true);
        for seq in 1..=6 {
            journal.keep(seq, &"x".repeat(MOST / 4), true);
            assert_eq!(journal.answer(seq - 1).await.unwrap().seq, seq);
        }
        assert!(!journal.is_full());
    }

    #[tokio::test]
    async fn a_text_answers_one_question_and_is_not_returned_as_well() {
        let journal = journal(2);
        journal.keep(3, "before", true);
        let (first, second) = tokio::join!(journal.answer(3), async {
            journal.keep(4, "no text", false);
            journal.keep(5, "one", true);
            journal.keep(6, "two", true);
            journal.answer(3).await
        });
        assert_eq!([first, second].map(|answer| answer.unwrap().seq).iter().sum::<u64>(), 11);
        assert_eq!((numbers(&journal.piece(None, 1_000).0), journal.unreturned()), (vec![1, 2, 3, 4], 4));
        assert_eq!(numbers(&journal.piece(Some(4), 1_000).0), [5, 6]);
        // Whoever waits for more is not woken by them.
        journal.returned(4);
        assert!(!journal.has(None) && journal.unreturned() == 0);
        journal.unanswer(6);
        assert_eq!((numbers(&journal.piece(None, 1_000).0), journal.unreturned()), (vec![6], 1));
        journal.end();
        assert_eq!(journal.answer(5).await.unwrap().seq, 6);
        assert!(journal.answer(5).await.is_none());
    }
}
