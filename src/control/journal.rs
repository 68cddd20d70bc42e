//! What a session has said so far: every numbered line of EVENTS.md, as it was or would have been
//! printed, for other commands to receive. Each line says for itself who has it, because some take
//! one kind alone.

use super::wanted::{Sort, Wanted};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// Bytes of lines that a session keeps beside those that wait for a reader (DESIGN 3.3, the
/// window): texts beyond 1 KiB are in files, so these are thousands of lines.
const MOST: usize = 16 << 20;
/// Bytes of lines that it keeps at most, read or not. What the peer begins is put off before that;
/// what else is said adds up slowly.
const BOUND: usize = 2 * MOST;
/// What each line takes beside its bytes, so that many short ones are bounded too.
const LINE_SHARE: usize = 64;

/// A numbered line.
#[derive(Clone, Debug)]
pub(super) struct Numbered {
    pub(super) seq: u64,
    pub(super) line: Arc<str>,
    sort: Option<Sort>,
    /// Whether it is a text of the other side's, which somebody may take alone.
    text: bool,
    place: Place,
    printed: Printed,
    /// What the journal had counted of `Kept::turns` when it began to wait for a reader.
    turn: u64,
}

/// Who has a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nobody yet.
    Waiting,
    /// A command that has not said yet that it has it.
    Lent,
    /// A command that has received it.
    Received,
}

/// Whether a command prints a line as the result of what it does, as `send` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Printed {
    No,
    Soon,
    Yes,
}

impl Numbered {
    /// Bytes that it takes.
    fn size(&self) -> usize {
        self.line.len().saturating_add(LINE_SHARE)
    }

    fn is_waiting(&self) -> bool {
        self.place == Place::Waiting
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
    /// Bytes of those that nobody has received.
    unreceived_bytes: usize,
    /// How many these are.
    unreceived: u64,
    /// The number up to which all were received.
    received: u64,
    /// How many are about to be printed by the commands whose results they are.
    soon: usize,
    /// Counts each time that a line begins to wait for a reader.
    turns: u64,
    /// Counts each time that something is received.
    receipts: u64,
    /// Questions that the other side has, in the order in which it got them: each takes a text.
    questions: VecDeque<oneshot::Sender<Numbered>>,
    /// What the command wants that follows, if one does.
    followed: Option<Follow>,
    /// Nothing more will be said.
    ended: bool,
}

impl Kept {
    fn at(&self, seq: u64) -> Option<usize> {
        self.lines.binary_search_by_key(&seq, |line| line.seq).ok()
    }

    /// Puts a line where it is now. One that was received stays so.
    fn put(&mut self, seq: u64, place: Place) {
        let Some(line) = self
            .at(seq)
            .and_then(|at| self.lines.get_mut(at))
            .filter(|line| line.place != Place::Received)
        else {
            return;
        };
        line.place = place;
        match place {
            Place::Waiting => {
                self.turns = self.turns.saturating_add(1);
                line.turn = self.turns;
                if let Some(follow) = &mut self.followed {
                    follow.passed = follow.passed.min(seq.saturating_sub(1));
                }
            }
            Place::Lent => {}
            Place::Received => {
                let size = line.size();
                self.unreceived_bytes = self.unreceived_bytes.saturating_sub(size);
                self.unreceived = self.unreceived.saturating_sub(1);
                let rest = self
                    .lines
                    .range(self.lines.partition_point(|line| line.seq <= self.received)..);
                if let Some(last) = rest.take_while(|line| line.place == Place::Received).last() {
                    self.received = last.seq;
                }
            }
        }
    }

    /// The lines after the number `after`, or else after those that were all received.
    fn after(&self, after: Option<u64>) -> impl DoubleEndedIterator<Item = &Numbered> {
        let after = after.unwrap_or(self.received);
        self.lines.range(self.lines.partition_point(|line| line.seq <= after)..)
    }

    /// The lines that a command wants which receives once.
    fn wanted<'a>(&'a self, wanted: &'a Wanted) -> impl Iterator<Item = &'a Numbered> {
        self.after(wanted.after).filter(move |line| {
            (wanted.after.is_some() || line.is_waiting()) && wanted.takes(line.sort)
        })
    }

    /// The next line for the command that follows.
    fn following(&mut self) -> Option<Numbered> {
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

    /// Whether there is something for a bell that has rung for that before.
    fn news(&self, rung: Option<Rung>) -> bool {
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
                self.put(line.seq, Place::Lent);
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
        let received = || self.lines.iter().position(|line| line.place == Place::Received);
        let first = if only && self.unreceived_bytes < self.bytes { received() } else { None };
        first.or((!only || self.bytes > BOUND).then_some(0))
    }
}

/// Some lines.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) lines: Vec<Numbered>,
    /// Those of them that nobody had, by their numbers.
    pub(super) lent: Vec<u64>,
    /// There are more after them.
    pub(super) more: bool,
}

/// What the command wants that follows: everything new, and some of what was received before it
/// came.
struct Follow {
    wanted: Wanted,
    /// The last line before it came, if it wants those from a number on.
    until: u64,
    /// The last of those that it has had.
    done: u64,
    /// Up to here there is nothing for it.
    passed: u64,
}

impl Follow {
    fn wants(&self, line: &Numbered) -> bool {
        let again = line.seq > self.done && line.seq <= self.until;
        (line.is_waiting() || again) && line.printed == Printed::No && self.wanted.takes(line.sort)
    }
}

/// What a bell has rung for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rung {
    turn: u64,
    receipts: u64,
    /// How many lines a `receive` would have returned.
    pub(super) lines: u64,
}

impl Journal {
    /// That of a session whose lines are read by commands alone, or by whoever sees what it prints
    /// too.
    pub(super) fn new(only: bool) -> Self {
        Self { only, kept: Mutex::default(), changed: Notify::default() }
    }

    /// Keeps a line, which may be a text of the other side's. The oldest go when there are too
    /// many: those that were received, and where the session's own output is read, or beyond
    /// [`BOUND`], also those that were not; they are missing from the sequence of numbers that a
    /// reader gets.
    pub(super) fn keep(&self, seq: u64, line: &str, text: bool) {
        let mut kept = self.kept();
        let sort = Sort::of(line);
        let turn = kept.turns.saturating_add(1);
        let line = Numbered {
            seq,
            line: line.into(),
            sort,
            text,
            place: Place::Waiting,
            printed: Printed::No,
            turn,
        };
        kept.turns = turn;
        kept.bytes = kept.bytes.saturating_add(line.size());
        kept.unreceived_bytes = kept.unreceived_bytes.saturating_add(line.size());
        kept.unreceived = kept.unreceived.saturating_add(1);
        kept.lines.push_back(line.clone());
        if text {
            kept.answer(&line);
        }
        while let Some(gone) = kept.superfluous(self.only).and_then(|at| kept.lines.remove(at)) {
            kept.bytes = kept.bytes.saturating_sub(gone.size());
            if gone.place != Place::Received {
                kept.unreceived_bytes = kept.unreceived_bytes.saturating_sub(gone.size());
                kept.unreceived = kept.unreceived.saturating_sub(1);
            }
            if gone.printed == Printed::Soon {
                kept.soon = kept.soon.saturating_sub(1);
            }
        }
        drop(kept);
        self.changed.notify_waiters();
    }

    /// Whether so much waits for a reader that nothing should be begun which would add to it.
    pub(super) fn is_full(&self) -> bool {
        self.only && self.kept().unreceived_bytes > MOST
    }

    /// Nothing more will be said: whoever waits need not any longer.
    pub(super) fn end(&self) {
        let mut kept = self.kept();
        kept.ended = true;
        kept.questions.clear();
        drop(kept);
        self.changed.notify_waiters();
    }

    /// Lines that nobody has received.
    pub(super) fn unreceived(&self) -> u64 {
        self.kept().unreceived
    }

    /// Whether there will be no more, and all were received.
    pub(super) fn is_done(&self) -> bool {
        let kept = self.kept();
        kept.ended && kept.unreceived == 0
    }

    /// The last line with its number.
    pub(super) fn last(&self) -> Option<Numbered> {
        self.kept().lines.back().cloned()
    }

    /// The number of the oldest line, 0 if there is none.
    pub(super) fn first_seq(&self) -> u64 {
        self.kept().lines.front().map_or(0, |first| first.seq)
    }

    /// Waits until there is a line that a command wants, or there will be none.
    pub(super) async fn wait(&self, wanted: &Wanted) {
        self.wait_until(|kept| kept.ended || kept.wanted(wanted).next().is_some()).await;
    }

    /// Waits until there is a text that no command has received, or there will be none.
    pub(super) async fn wait_for_text(&self) {
        self.wait_until(|kept| {
            kept.ended || kept.after(None).any(|line| line.text && line.is_waiting())
        })
        .await;
    }

    /// Whether there will be no more, and every command has its results.
    pub(super) fn is_over(&self) -> bool {
        let kept = self.kept();
        kept.ended && kept.soon == 0
    }

    /// Waits until that is so.
    pub(super) async fn ended(&self) {
        self.wait_until(|kept| kept.ended && kept.soon == 0).await;
    }

    async fn wait_until(&self, holds: impl Fn(&mut Kept) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From now on no change is missed.
            changed.as_mut().enable();
            if holds(&mut self.kept()) {
                return;
            }
            changed.await;
        }
    }

    /// The lines that a command wants: as many as `bytes` hold with their ends, and at least one.
    /// Those that nobody has are lent. Also whether there will be no more.
    pub(super) fn piece(&self, wanted: &Wanted, bytes: usize) -> (Piece, bool) {
        let mut kept = self.kept();
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
        piece.lent.iter().for_each(|seq| kept.put(*seq, Place::Lent));
        (piece, kept.ended)
    }

    /// These lines have reached who asked for them.
    pub(super) fn received(&self, seqs: &[u64]) {
        let mut kept = self.kept();
        seqs.iter().for_each(|seq| kept.put(*seq, Place::Received));
        kept.receipts = kept.receipts.saturating_add(1);
        drop(kept);
        self.changed.notify_waiters();
    }

    /// All lines so far have reached who began the session.
    pub(super) fn all_received(&self) {
        let seqs: Vec<u64> = self.kept().after(None).map(|line| line.seq).collect();
        self.received(&seqs);
    }

    /// Who asked for these lines has not said that it has them.
    pub(super) fn give_back(&self, seqs: &[u64]) {
        let mut kept = self.kept();
        seqs.iter().for_each(|seq| kept.put(*seq, Place::Waiting));
        drop(kept);
        self.changed.notify_waiters();
    }

    /// The other side has a question: the next text of its that nobody else asked for answers it.
    pub(super) fn expect(&self, question: oneshot::Sender<Numbered>) {
        let mut kept = self.kept();
        if !kept.ended {
            kept.questions.push_back(question);
        }
    }

    /// Lends the oldest text that no command has received to whoever takes it alone; `Some(None)`
    /// if there will be none.
    pub(super) fn take_text(&self) -> Option<Option<Numbered>> {
        let mut kept = self.kept();
        let found = kept.after(None).find(|line| line.text && line.is_waiting()).cloned();
        match found {
            Some(line) => {
                kept.put(line.seq, Place::Lent);
                Some(Some(line))
            }
            None => kept.ended.then_some(None),
        }
    }

    /// Says of a line whether a command prints it as its result.
    pub(super) fn print(&self, seq: u64, printed: Printed) {
        let mut kept = self.kept();
        let Some(line) = kept.at(seq).and_then(|at| kept.lines.get_mut(at)) else { return };
        let (before, is_waiting) =
            (std::mem::replace(&mut line.printed, printed), line.is_waiting());
        if before == Printed::Soon {
            kept.soon = kept.soon.saturating_sub(1);
        }
        match printed {
            Printed::Soon => kept.soon = kept.soon.saturating_add(1),
            Printed::Yes if kept.followed.is_some() => kept.put(seq, Place::Received),
            // As if it was said now.
            Printed::No if is_waiting => kept.put(seq, Place::Waiting),
            Printed::Yes | Printed::No => {}
        }
        drop(kept);
        self.changed.notify_waiters();
    }

    /// A command begins to follow. What others have printed as their results it leaves out, and
    /// that is received.
    pub(super) fn follow(&self, wanted: Wanted) {
        let mut kept = self.kept();
        let printed: Vec<u64> = kept
            .after(None)
            .filter(|line| line.printed == Printed::Yes)
            .map(|line| line.seq)
            .collect();
        printed.into_iter().for_each(|seq| kept.put(seq, Place::Received));
        let until = wanted.after.and(kept.lines.back()).map_or(0, |last| last.seq);
        let done = wanted.after.unwrap_or(kept.received);
        kept.followed = Some(Follow { wanted, until, done, passed: done });
        drop(kept);
        self.changed.notify_waiters();
    }

    /// It does not any more: what it has not received is new to others.
    pub(super) fn unfollow(&self) {
        let mut kept = self.kept();
        let Some(follow) = kept.followed.take() else { return };
        let left: Vec<u64> = kept
            .after(None)
            .filter(|line| line.is_waiting() && follow.wants(line))
            .map(|line| line.seq)
            .collect();
        left.into_iter().for_each(|seq| kept.put(seq, Place::Waiting));
        drop(kept);
        self.changed.notify_waiters();
    }

    /// Whether there is a line for the command that follows.
    pub(super) fn has_next(&self) -> bool {
        self.kept().following().is_some()
    }

    /// Waits until there is one, or there will be none.
    pub(super) async fn wait_for_next(&self) {
        self.wait_until(|kept| (kept.ended && kept.soon == 0) || kept.following().is_some()).await;
    }

    /// The next line for the command that follows. If nobody has it, it is lent, under that number.
    pub(super) fn next(&self) -> Option<(Numbered, Vec<u64>)> {
        let mut kept = self.kept();
        let line = kept.following()?;
        let lent = Vec::from_iter(line.is_waiting().then_some(line.seq));
        lent.iter().for_each(|seq| kept.put(*seq, Place::Lent));
        if let Some(follow) = &mut kept.followed {
            follow.passed = line.seq;
            follow.done = follow.done.max(line.seq.min(follow.until));
        }
        Some((line, lent))
    }

    /// What a bell is to ring for that has rung for that before.
    pub(super) fn news(&self, rung: Option<Rung>) -> Option<Rung> {
        let kept = self.kept();
        let lines = || kept.after(None).filter(|line| line.is_waiting()).count() as u64;
        kept.news(rung).then(|| Rung { turn: kept.turns, receipts: kept.receipts, lines: lines() })
    }

    /// Waits until there is something.
    pub(super) async fn wait_for_news(&self, rung: Option<Rung>) {
        self.wait_until(|kept| kept.news(rung)).await;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::wanted::LineType;

    fn all() -> Wanted {
        Wanted::default()
    }

    fn journal(lines: u64) -> Journal {
        let journal = Journal::new(false);
        (1..=lines).for_each(|seq| journal.keep(seq, &format!("line {seq}"), false));
        journal
    }

    fn numbers(piece: &Piece) -> Vec<u64> {
        piece.lines.iter().map(|line| line.seq).collect()
    }

    /// What a `receive` returns that does not say that it has it.
    fn look(journal: &Journal, wanted: impl Into<Wanted>) -> Vec<u64> {
        let (piece, _) = journal.piece(&wanted.into(), usize::MAX);
        journal.give_back(&piece.lent);
        numbers(&piece)
    }

    fn said(seq: u64, line_type: &str) -> String {
        format!(r#"{{"v":1,"seq":{seq},"type":"{line_type}"}}"#)
    }

    #[test]
    fn what_was_returned_is_not_returned_again_unless_asked_for() {
        let journal = journal(3);
        let (piece, _) = journal.piece(&all(), 1_000);
        assert_eq!((numbers(&piece), &piece.lent), (vec![1, 2, 3], &vec![1, 2, 3]));
        // Nobody else gets it meanwhile, and it may not have arrived.
        assert_eq!((look(&journal, None), journal.unreceived()), (vec![], 3));
        journal.received(&[1, 2]);
        journal.give_back(&[3]);
        assert_eq!((look(&journal, None), journal.unreceived()), (vec![3], 1));
        assert_eq!(look(&journal, Some(0)), [1, 2, 3]);
        assert_eq!(look(&journal, Some(9)), [0; 0]);
        // What was received stays so.
        journal.give_back(&[1]);
        journal.received(&[1]);
        assert_eq!((look(&journal, None), journal.unreceived()), (vec![3], 1));
    }

    #[test]
    fn an_answer_holds_whole_lines_and_at_least_one() {
        let journal = journal(3);
        // Six letters and an end each.
        for (bytes, expected) in [(0, 1), (7, 1), (13, 1), (14, 2), (20, 2), (21, 3)] {
            let (piece, _) = journal.piece(&all(), bytes);
            assert_eq!((piece.lines.len(), piece.more), (expected, expected < 3), "{bytes}");
            journal.give_back(&piece.lent);
        }
    }

    #[test]
    fn what_is_passed_over_stays_where_it_is() {
        let journal = Journal::new(true);
        for (seq, line_type) in [(1, "text"), (2, "file"), (3, "text"), (4, "delivered")] {
            journal.keep(seq, &said(seq, line_type), line_type == "text");
        }
        let texts = Wanted { after: None, only: Some([LineType::Text].into()) };
        let (piece, _) = journal.piece(&texts, 1_000);
        assert_eq!(numbers(&piece), [1, 3]);
        journal.received(&piece.lent);
        assert_eq!((look(&journal, None), journal.unreceived()), (vec![2, 4], 2));
        // Those after a number, of these types.
        assert_eq!(look(&journal, Wanted { after: Some(1), ..texts }), [3]);
        journal.received(&[2, 4]);
        journal.end();
        assert!(journal.is_done());
    }

    #[test]
    fn the_oldest_lines_go_when_there_are_too_many() {
        let journal = Journal::new(false);
        let long = "x".repeat(MOST / 4 - LINE_SHARE);
        (1..=6).for_each(|seq| journal.keep(seq, &long, false));
        assert_eq!(look(&journal, None), [3, 4, 5, 6]);
        assert!(!journal.is_full());
        assert_eq!((journal.unreceived(), journal.first_seq()), (4, 3));
    }

    #[test]
    fn every_kind_of_line_is_bounded_however_short_and_whoever_reads() {
        for only in [false, true] {
            let journal = Journal::new(only);
            let lines = 2 * BOUND / LINE_SHARE;
            (1..=lines as u64).for_each(|seq| journal.keep(seq, "", false));
            let kept = journal.kept();
            assert_eq!(kept.lines.len(), if only { BOUND } else { MOST } / LINE_SHARE);
            assert_eq!(
                (kept.bytes, kept.unreceived_bytes),
                (kept.lines.len() * LINE_SHARE, kept.lines.len() * LINE_SHARE)
            );
            assert_eq!(kept.unreceived, kept.lines.len() as u64);
        }
    }

    #[test]
    fn no_line_goes_that_nobody_has_read() {
        let journal = Journal::new(true);
        let long = "x".repeat(MOST / 4 - LINE_SHARE);
        (1..=6).for_each(|seq| journal.keep(seq, &long, false));
        assert_eq!(look(&journal, None), [1, 2, 3, 4, 5, 6]);
        assert!(journal.is_full());
        // Also one that was passed over when others were read.
        journal.received(&[2, 3]);
        assert!(!journal.is_full());
        (7..=8).for_each(|seq| journal.keep(seq, &long, false));
        assert_eq!(look(&journal, Some(0)), [1, 4, 5, 6, 7, 8]);
        assert!(journal.is_full());
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_a_line_and_of_the_end() {
        let journal = journal(0);
        let nobody_yet =
            tokio::time::timeout(std::time::Duration::ZERO, journal.wait(&all())).await;
        assert!(nobody_yet.is_err());
        let wanted = all();
        tokio::join!(journal.wait(&wanted), async { journal.keep(1, "one", false) });
        let later = Some(1).into();
        tokio::join!(journal.wait(&later), async { journal.end() });
    }

    /// A question that the other side has.
    fn question(journal: &Journal) -> oneshot::Receiver<Numbered> {
        let (question, answer) = oneshot::channel();
        journal.expect(question);
        answer
    }

    #[tokio::test]
    async fn an_answer_that_did_not_arrive_is_received_by_others_alone() {
        let journal = Journal::new(true);
        let answer = question(&journal);
        journal.keep(1, "answer", true);
        journal.keep(2, "later", true);
        assert_eq!(answer.await.unwrap().seq, 1);
        assert_eq!(look(&journal, None), [2]);
        journal.received(&[2]);
        journal.give_back(&[1]);
        assert_eq!(look(&journal, None), [1]);
        assert_eq!(journal.kept().unreceived_bytes, "answer".len() + LINE_SHARE);
    }

    #[tokio::test]
    async fn answers_hold_nothing_back() {
        let journal = Journal::new(true);
        for seq in 1..=6 {
            let answer = question(&journal);
            journal.keep(seq, &"x".repeat(MOST / 4), true);
            journal.received(&[answer.await.unwrap().seq]);
        }
        assert!(!journal.is_full());
    }

    #[tokio::test]
    async fn a_text_answers_one_question_and_is_not_returned_as_well() {
        let journal = journal(2);
        journal.keep(3, "before", true);
        let (first, gone, second) = (question(&journal), question(&journal), question(&journal));
        drop(gone);
        journal.keep(4, "no text", false);
        journal.keep(5, "one", true);
        journal.keep(6, "two", true);
        assert_eq!((first.await.unwrap().seq, second.await.unwrap().seq), (5, 6));
        assert_eq!(look(&journal, None), [1, 2, 3, 4]);
        assert_eq!(look(&journal, Some(4)), [5, 6]);
        // Whoever waits for more is not woken by them.
        journal.received(&[1, 2, 3, 4, 5]);
        let nothing = tokio::time::timeout(std::time::Duration::ZERO, journal.wait(&all())).await;
        assert!(nothing.is_err());
        journal.give_back(&[6]);
        assert_eq!((look(&journal, None), journal.unreceived()), (vec![6], 1));
        // The oldest text is taken alone, once.
        assert_eq!(journal.take_text().unwrap().unwrap().seq, 6);
        assert!(journal.take_text().is_none());
        let none = question(&journal);
        journal.end();
        assert!(none.await.is_err() && question(&journal).await.is_err());
        assert!(journal.take_text().unwrap().is_none());
    }

    /// What the command that follows gets, each line of which it acknowledges.
    fn followed(journal: &Journal) -> Vec<u64> {
        std::iter::from_fn(|| journal.next())
            .map(|(line, lent)| {
                journal.received(&lent);
                line.seq
            })
            .collect()
    }

    #[test]
    fn who_follows_gets_each_line_once_and_no_results_of_others() {
        let journal = journal(3);
        journal.print(2, Printed::Yes);
        journal.follow(all());
        assert_eq!(followed(&journal), [1, 3]);
        // What a command has printed was received by that.
        assert_eq!(journal.unreceived(), 0);
        journal.keep(4, "result", false);
        journal.print(4, Printed::Soon);
        journal.keep(5, "line", false);
        assert_eq!(followed(&journal), [5]);
        journal.print(4, Printed::Yes);
        assert_eq!((followed(&journal), journal.unreceived()), (vec![], 0));
        // One that could not print it has not had it.
        journal.keep(6, "result", false);
        journal.print(6, Printed::Soon);
        journal.end();
        assert!(!journal.is_over() && !journal.has_next());
        journal.print(6, Printed::No);
        assert!(journal.is_over());
        assert_eq!(followed(&journal), [6]);
        // A plain `receive` has them all the same, where nobody follows.
        let journal = self::journal(2);
        journal.print(1, Printed::Yes);
        assert_eq!(look(&journal, None), [1, 2]);
    }

    #[test]
    fn what_who_follows_does_not_acknowledge_comes_again_and_what_it_passes_over_stays() {
        let journal = Journal::new(true);
        let keep = |seq, line_type| journal.keep(seq, &said(seq, line_type), line_type == "text");
        keep(1, "text");
        keep(2, "file");
        keep(3, "text");
        journal.follow(Wanted { after: None, only: Some([LineType::Text].into()) });
        let (line, lent) = journal.next().unwrap();
        assert_eq!((line.seq, &lent), (1, &vec![1]));
        assert_eq!(look(&journal, None), [2, 3]);
        assert_eq!(followed(&journal), [3]);
        journal.give_back(&lent);
        assert_eq!(followed(&journal), [1]);
        journal.unfollow();
        assert!(journal.next().is_none());
        assert_eq!(look(&journal, None), [2]);
    }

    #[test]
    fn who_follows_from_a_number_on_has_what_was_received_once_more() {
        let journal = journal(5);
        journal.received(&[1, 2, 3]);
        journal.follow(Some(1).into());
        let (line, lent) = journal.next().unwrap();
        assert_eq!((line.seq, lent.is_empty()), (2, true));
        // One of those that come back in between.
        let taken = journal.piece(&all(), 1).0.lent;
        assert_eq!(taken, [4]);
        assert_eq!(journal.next().unwrap().0.seq, 3);
        journal.give_back(&taken);
        journal.keep(6, "line", false);
        assert_eq!(followed(&journal), [4, 5, 6]);
        assert_eq!(journal.unreceived(), 0);
    }

    #[test]
    fn a_bell_has_something_to_ring_for_once_until_something_is_received() {
        let journal = journal(2);
        let rung = journal.news(None);
        assert_eq!(rung.unwrap().lines, 2);
        assert!(journal.news(rung).is_none());
        journal.keep(3, "line", false);
        assert!(journal.news(rung).is_none());
        // Something was received, and something new is left.
        journal.received(&[1, 2]);
        let rung = journal.news(rung);
        assert_eq!(rung.unwrap().lines, 1);
        // What is left of what it rang for is nothing new.
        journal.keep(4, "line", false);
        journal.received(&[4]);
        assert!(journal.news(rung).is_none());
        // What somebody did not get is.
        journal.keep(5, "answer", true);
        assert_eq!(journal.take_text().unwrap().unwrap().seq, 5);
        assert!(journal.news(rung).is_none());
        journal.give_back(&[5]);
        assert_eq!(journal.news(rung).unwrap().lines, 2);
    }

    #[test]
    fn no_bell_rings_for_what_another_command_prints() {
        let journal = Journal::new(true);
        journal.keep(1, &said(1, "delivered"), false);
        journal.print(1, Printed::Soon);
        assert!(journal.news(None).is_none());
        journal.print(1, Printed::Yes);
        assert!(journal.news(None).is_none());
        // But what is received with it is counted.
        journal.keep(2, &said(2, "text"), true);
        assert_eq!(journal.news(None).unwrap().lines, 2);
        journal.follow(Wanted { after: None, only: Some([LineType::Text].into()) });
        assert!(journal.news(None).is_none());
        journal.keep(3, &said(3, "file"), false);
        assert_eq!(journal.news(None).unwrap().lines, 2);
        journal.received(&[3]);
        journal.unfollow();
        assert_eq!(journal.news(None).unwrap().lines, 1);
        // A `send` that was ended before has printed nothing.
        journal.received(&[2]);
        journal.keep(4, &said(4, "delivered"), false);
        journal.print(4, Printed::Soon);
        journal.print(4, Printed::No);
        assert_eq!(journal.news(None).unwrap().lines, 1);
    }
}
