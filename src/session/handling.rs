//! The handler (`--on-message`): texts of the peer's wait for it, one is with it at a time, and its
//! answers are sent.

use super::effects::Effects;
use super::happened::{Happened, Text};
use super::work::Work;
use crate::events::Event;
use crate::failure::{Failure, Kind};
use crate::files::ware::Ware;
use crate::handler::{Facts, Form, Handler, Pace};
use crate::log::Said;
use pinhole_protocol::time::Instant;
use pinhole_protocol::wire::{ItemId, Reason};
use std::collections::VecDeque;

/// Texts on their way to the handler, and how many were said by both sides.
pub(super) struct Handling {
    handler: Option<Handler>,
    /// Facts that the handler may know; its turn is filled in for each run.
    facts: Facts,
    /// Texts that wait, oldest first. They count as received only when the handler takes them, so
    /// that the window bounds them (SPEC 5.3).
    waiting: VecDeque<(ItemId, Vec<u8>)>,
    /// True while the handler is at work, or its pace is waited for.
    busy: bool,
    pace: Pace,
    /// Texts of both sides so far.
    turns: u32,
    /// True once nothing more is answered.
    over: bool,
    /// True once this side has ended the channel, and does not wait for the handler at work.
    cut: bool,
}

impl Handling {
    /// Nothing waits for `handler` yet, which may know these `facts`.
    pub(super) fn new(handler: Option<Handler>, facts: Facts) -> Self {
        let (waiting, pace) = (VecDeque::new(), Pace::default());
        Self { handler, facts, waiting, busy: false, pace, turns: 0, over: false, cut: false }
    }

    /// True once this side has ended the channel.
    pub(super) const fn is_cut(&self) -> bool {
        self.cut
    }

    /// The peer has withdrawn a text: if it still waits, nobody gets it.
    pub(super) fn withdraw(&mut self, item: ItemId) {
        // Mostly the latest is withdrawn.
        if let Some(at) = self.waiting.iter().rposition(|(id, _)| *id == item) {
            self.waiting.remove(at);
        }
    }

    /// A text was said, by either side: after so many that the handler's conversation has had, the
    /// channel is closed.
    pub(super) fn turn(&mut self) -> Effects {
        let Some(handler) = &self.handler else { return Effects::none() };
        let most = handler.turns;
        self.turns = self.turns.saturating_add(1);
        if self.turns < most || self.over {
            return Effects::none();
        }
        let detail = format!("both sides together sent {most} messages, so the channel is closed");
        let notice = Failure::notice(Kind::TurnsOver, detail).next("allow more with --max-turns");
        Effects::none().event(Event::Trouble(notice)).then(Happened::Leave)
    }

    /// A text is said, in this line if it has one: it waits for the handler, if there is one.
    pub(super) fn take(&mut self, text: Text, said: Option<Said>) -> Effects {
        let Some(handler) = self.handler.as_ref().filter(|_| !self.over) else {
            return Effects::none().then(Happened::Unhandled(text.id, said));
        };
        let message = match (handler.form, said) {
            (Form::Json, Some(said)) => format!("{}\n", said.line).into_bytes(),
            _ => text.body.raw().as_bytes().to_vec(),
        };
        self.waiting.push_back((text.id, message));
        Effects::none()
    }

    /// This side leaves: nothing more is answered, and the handler at work is not waited for.
    pub(super) fn leave(&mut self) -> Effects {
        self.cut = true;
        self.answer_no_more()
    }

    /// The peer has left: nobody is there any more for an answer.
    pub(super) fn peer_left(&mut self, reason: Reason) -> Effects {
        Effects::none().event(Event::PeerLeft(reason)).and(self.answer_no_more())
    }

    /// Nothing more is answered: what waits was printed, and that is all that becomes of it.
    fn answer_no_more(&mut self) -> Effects {
        self.over = true;
        std::mem::take(&mut self.waiting)
            .into_iter()
            .fold(Effects::none(), |effects, (id, _)| effects.then(Happened::Kept(id)))
    }

    /// Hands the oldest text to the handler, when that is idle, its pace allows, and its answers do
    /// not wait for the peer already (`backlog`).
    pub(super) fn next(&mut self, now: Instant, backlog: bool) -> Effects {
        if self.busy || self.waiting.is_empty() || backlog {
            return Effects::none();
        }
        if let Some(next) = self.pace.next().filter(|next| *next > now) {
            self.busy = true;
            return Effects::none().work(Work::Wait(next));
        }
        let (Some(handler), Some((id, message))) = (self.handler.clone(), self.waiting.pop_front())
        else {
            return Effects::none();
        };
        self.pace.begun(now);
        self.busy = true;
        let facts = Facts { turn: self.turns, ..self.facts.clone() };
        let effects = Effects::none().work(Work::Handle(handler, message, facts));
        effects.then(Happened::Kept(id))
    }

    /// The handler's pace allows the next run.
    pub(super) fn paced(&mut self) -> Effects {
        self.busy = false;
        Effects::none()
    }

    /// The handler has ended: its answer is sent, or that there is none is said.
    pub(super) fn handled(&mut self, came: Result<Option<String>, Failure>) -> Effects {
        self.busy = false;
        let once = self.handler.as_ref().is_some_and(|handler| handler.once);
        let effects = match came {
            Ok(_) if self.over => return Effects::none(),
            Ok(Some(answer)) => Effects::none().then(Happened::Send(Ware::Text(answer), None)),
            Ok(None) => Effects::none(),
            // Its one answer is what the session was for.
            Err(failure) if once => Effects::none().then(Happened::Fail(failure)),
            Err(failure) => Effects::none().event(Event::Trouble(failure)),
        };
        if once && !self.over { effects.then(Happened::Leave) } else { effects }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::Limits;
    use crate::role::Role;
    use pinhole_protocol::wire::PeerText;
    use std::time::Duration;

    const NOW: Instant = Instant::from_millis(1_000_000);

    /// A handler of so many turns, which is never run.
    fn handling(turns: u32, once: bool) -> Handling {
        let limits = Limits { timeout: Duration::from_secs(1), turns, once };
        let handler = Handler::new(&["sh".into()], Form::Text, limits, &[]).unwrap();
        Handling::new(Some(handler), facts())
    }

    fn facts() -> Facts {
        Facts { number: None, role: Role::Host, turn: 0, agent: "0".into() }
    }

    fn text(id: u32) -> Text {
        Text { id: ItemId(id), body: PeerText::new("hi".into()), saved: None, answers: true }
    }

    fn begun(effects: &Effects) -> Option<ItemId> {
        match (effects.work.as_slice(), effects.then.as_slice()) {
            ([Work::Handle(..)], [Happened::Kept(id)]) => Some(*id),
            _ => None,
        }
    }

    #[test]
    fn one_text_is_with_it_at_a_time_and_counts_as_received_then() {
        let mut handling = handling(100, false);
        for id in [1, 2] {
            assert!(handling.take(text(id), None).is_none());
        }
        assert_eq!(begun(&handling.next(NOW, false)), Some(ItemId(1)));
        assert!(handling.next(NOW, false).is_none());
        let answer = handling.handled(Ok(Some("yes".into())));
        assert!(matches!(
            answer.then.as_slice(),
            [Happened::Send(Ware::Text(text), None)] if text == "yes"
        ));
        assert!(handling.next(NOW, true).is_none(), "answers wait for the peer");
        assert_eq!(begun(&handling.next(NOW, false)), Some(ItemId(2)));
    }

    #[test]
    fn without_a_handler_a_text_is_nobodys() {
        let mut handling = Handling::new(None, facts());
        let effects = handling.take(text(1), None);
        assert!(matches!(effects.then.as_slice(), [Happened::Unhandled(ItemId(1), None)]));
        assert!(handling.turn().is_none());
    }

    #[test]
    fn its_pace_is_waited_for() {
        let mut handling = handling(100, false);
        for id in 0..=6 {
            let _ = handling.take(text(id), None);
        }
        for _ in 0..6 {
            assert!(begun(&handling.next(NOW, false)).is_some());
            let _ = handling.handled(Ok(None));
        }
        let wait = handling.next(NOW, false);
        let [Work::Wait(until)] = wait.work.as_slice() else { panic!("it did not wait") };
        assert!(handling.next(*until, false).is_none(), "before the wait is over");
        assert!(handling.paced().is_none());
        assert_eq!(begun(&handling.next(*until, false)), Some(ItemId(6)));
    }

    #[test]
    fn a_late_answer_is_not_sent_once_the_peer_has_left_and_what_waits_is_kept() {
        let mut handling = handling(100, false);
        for id in [1, 2] {
            let _ = handling.take(text(id), None);
        }
        let _ = handling.next(NOW, false);
        let left = handling.peer_left(Reason::Done);
        assert!(matches!(left.then.as_slice(), [Happened::Kept(ItemId(2))]));
        assert!(!handling.is_cut(), "what it does with a text that it has is done");
        assert!(handling.handled(Ok(Some("late".into()))).is_none());
        assert!(handling.next(NOW, false).is_none());
    }

    #[test]
    fn a_withdrawn_text_is_nobodys_and_after_this_side_has_left_nothing_is_waited_for() {
        let mut handling = handling(100, false);
        let _ = handling.take(text(1), None);
        handling.withdraw(ItemId(1));
        assert!(handling.next(NOW, false).is_none());
        assert!(handling.leave().is_none());
        assert!(handling.is_cut());
    }

    #[test]
    fn after_so_many_turns_or_its_one_answer_the_channel_is_closed() {
        let mut few = handling(2, false);
        assert!(few.turn().is_none());
        assert!(matches!(few.turn().then.as_slice(), [Happened::Leave]));
        let _ = few.leave();
        assert!(few.turn().is_none(), "it is said once");
        let mut once = handling(100, true);
        let failed = once.handled(Err(Failure::new(Kind::HandlerFailed, "it ended with 1")));
        assert!(matches!(failed.then.as_slice(), [Happened::Fail(_), Happened::Leave]));
    }
}
