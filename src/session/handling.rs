//! The driver's side of a handler (`--on-message`): texts of the peer's wait for it, one is with it
//! at a time, and its answers are sent.

use super::driver::Driver;
use super::interrupt::Interrupt;
use crate::clock;
use crate::events::Event;
use crate::failure::sentences::{Side, failure_from};
use crate::failure::{Failure, Kind};
use crate::files::ware::Ware;
use crate::handler::{Facts, Form, Handler, Pace};
use pinhole_protocol::wire::{ItemId, PeerText, Reason};
use std::collections::VecDeque;
use tokio::task::JoinHandle;

/// Texts on their way to the handler, and how many were said by both sides.
#[derive(Default)]
pub(super) struct Handling {
    /// Those that wait, oldest first. They count as received only when the handler takes them, so
    /// that the window bounds them (SPEC 5.3).
    waiting: VecDeque<(ItemId, Vec<u8>)>,
    /// The handler at work, or the wait until it may be started.
    work: Option<JoinHandle<()>>,
    pace: Pace,
    /// Texts of both sides so far.
    turns: u32,
    /// Nothing more is answered.
    over: bool,
    /// This side has ended the channel, and does not wait for the handler at work.
    cut: bool,
}

impl Handling {
    /// The peer has withdrawn a text: if it still waits, nobody gets it.
    pub(super) fn withdraw(&mut self, item: ItemId) {
        // Mostly the latest is withdrawn.
        if let Some(at) = self.waiting.iter().rposition(|(id, _)| *id == item) {
            self.waiting.remove(at);
        }
    }

    /// Gives up the handler at work, which is killed when what is returned has ended by being
    /// aborted.
    pub(super) fn end(&mut self) -> Option<JoinHandle<()>> {
        self.over = true;
        self.work.take()
    }
}

impl Driver<'_> {
    /// A text was said, by either side: after so many that the handler's conversation has had, the
    /// channel is closed.
    pub(super) fn turn(&mut self) {
        let Some(most) = self.plan.handler.as_ref().map(|handler| handler.turns) else { return };
        self.handling.turns = self.handling.turns.saturating_add(1);
        if self.handling.turns >= most && !self.handling.over {
            let detail = format!(
                "{most} messages were said by both sides together, so the channel is closed"
            );
            self.say(&Event::Trouble(
                Failure::notice(Kind::TurnsOver, detail).next("--max-turns allows more"),
            ));
            self.leave();
        }
    }

    /// A text is printed: it goes to the handler if there is one, and is received then; `line` is
    /// what was written of it for programs.
    pub(super) fn answer(&mut self, id: ItemId, body: PeerText, line: Option<String>) {
        let Some(form) =
            self.plan.handler.as_ref().map(|handler| handler.form).filter(|_| !self.handling.over)
        else {
            return self.printed(id);
        };
        let message = match (form, line) {
            (Form::Json, Some(line)) => line.into_bytes(),
            _ => body.raw().as_bytes().to_vec(),
        };
        self.handling.waiting.push_back((id, message));
        self.next_answer();
    }

    /// Lets the handler at work finish when the other side has left: what it does with a text that
    /// it has taken is done, though nobody hears its answer. Ctrl-C and `close --now` end it.
    pub(super) async fn finish_handler(&mut self, interrupt: &mut Interrupt) {
        if self.handling.cut {
            return;
        }
        let Some(mut work) = self.handling.work.take() else { return };
        let cut = loop {
            tokio::select! {
                _ = &mut work => break false,
                // What it brings has its place only when what came before it has gone.
                Some(done) = self.done.recv() => done(self),
                () = interrupt.wait() => break true,
                () = self.control.closed_now() => break true,
            }
        };
        if cut {
            self.handling.work = Some(work);
            return self.fail(failure_from(Reason::Interrupted, Side::Here));
        }
        while let Ok(done) = self.done.try_recv() {
            done(self);
        }
    }

    /// This side leaves: nothing more is answered, and the handler at work is not waited for.
    pub(super) fn cut_answers(&mut self) {
        self.handling.cut = true;
        self.answer_no_more();
    }

    /// Nothing more is answered: what waits was printed, and that is all that becomes of it.
    pub(super) fn answer_no_more(&mut self) {
        self.handling.over = true;
        for (id, _) in std::mem::take(&mut self.handling.waiting) {
            self.kept(id);
        }
    }

    /// Hands the oldest text to the handler, when that is idle, its pace allows, and its answers do
    /// not wait for the peer already.
    pub(super) fn next_answer(&mut self) {
        let Handling { waiting, work, pace, .. } = &mut self.handling;
        if work.is_some() || waiting.is_empty() || self.conversation.has_backlog() {
            return;
        }
        let (now, desk) = (clock::now(), self.desk.clone());
        if let Some(next) = pace.next().filter(|next| *next > now) {
            *work = Some(tokio::spawn(async move {
                clock::sleep_until(Some(next)).await;
                let start = |driver: &mut Driver<'_>| {
                    driver.handling.work = None;
                    driver.next_answer();
                };
                desk.bring(start).await;
            }));
            return;
        }
        let (Some(handler), Some((id, message))) = (self.plan.handler.clone(), waiting.pop_front())
        else {
            return;
        };
        pace.begun(now);
        let facts = Facts {
            number: self.control.number(),
            role: self.control.role(),
            turn: self.handling.turns,
            agent: self.control.handler_id().into(),
        };
        self.handling.work = Some(tokio::spawn(async move {
            let came = handler.run(message, facts).await;
            desk.bring(move |driver| driver.answered(&handler, came)).await;
        }));
        self.kept(id);
    }

    /// The handler has ended: its answer is sent, or that there is none is said.
    fn answered(&mut self, handler: &Handler, came: Result<Option<String>, Failure>) {
        self.handling.work = None;
        match came {
            Ok(_) if self.handling.over => return,
            Ok(answer) => answer.into_iter().for_each(|answer| self.send(&Ware::Text(answer))),
            // Its one answer is what the session was for.
            Err(failure) if handler.once => self.fail(failure),
            Err(failure) => self.say(&Event::Trouble(failure)),
        }
        if self.handling.over {
            return;
        }
        if handler.once {
            self.leave();
        } else {
            self.next_answer();
        }
    }
}
