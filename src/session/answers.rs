//! Questions to the person here, one at a time, while the session goes on.

use super::driver::Driver;
use super::event::Event;
use crate::failure::{Failure, Kind};
use crate::report::prompt::{OwnTerminal, WITHOUT_VERIFY};
use pinhole_protocol::conversation::Input;
use pinhole_protocol::wire::{ItemId, Reason, Want};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A question: asked on a thread of its own, which then hands over what follows from the answer.
type Ask = Box<dyn FnOnce(&mut Driver<'_>) + Send>;

/// Questions to the person here, one at a time.
#[derive(Default)]
pub(super) struct Questions {
    /// Those that wait, oldest first, each with the peer's item that it is about.
    waiting: VecDeque<(Option<ItemId>, Ask)>,
    /// The one that the person sees.
    shown: Option<Shown>,
}

/// A question on the screen. It stays there until it is answered, because what is typed may be the
/// answer to it and to nothing else.
struct Shown {
    about: Option<ItemId>,
    gone: Gone,
}

/// Set once the peer has withdrawn what a question is about, so that nothing follows from its
/// answer.
#[derive(Clone, Default)]
pub(super) struct Gone(Arc<AtomicBool>);

impl Gone {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Questions {
    /// True while the person sees one.
    pub(super) const fn is_shown(&self) -> bool {
        self.shown.is_some()
    }

    /// Nobody is asked about this item any more.
    pub(super) fn withdraw(&mut self, item: ItemId) {
        if let Some(at) = self.waiting.iter().position(|(about, _)| *about == Some(item)) {
            self.waiting.remove(at);
        }
        if let Some(shown) = self.shown.as_ref().filter(|shown| shown.about == Some(item)) {
            shown.gone.0.store(true, Ordering::SeqCst);
        }
    }
}

impl Driver<'_> {
    /// Asks the person here when it is this question's turn; `then` gets the answer, unless the
    /// peer's item that it is `about` is withdrawn before. `instead` says what answers it without a
    /// terminal.
    pub(super) fn ask<T: Send + 'static>(
        &mut self,
        about: Option<ItemId>,
        (question, instead): (&'static str, &'static str),
        ask: impl FnOnce(&mut OwnTerminal, &Gone) -> Result<T, Failure> + Send + 'static,
        then: impl FnOnce(&mut Driver<'_>, Result<T, Failure>) + Send + 'static,
    ) {
        let ask: Ask = Box::new(move |driver| {
            let gone = Gone::default();
            driver.questions.shown = Some(Shown { about, gone: gone.clone() });
            driver.report.suspend();
            let typed = driver.typing.as_mut().map(super::typing::Typing::terminal);
            driver.work(
                move || {
                    typed
                        .map_or_else(|| OwnTerminal::open(question, instead), Ok)
                        .and_then(|mut terminal| ask(&mut terminal, &gone))
                },
                move |driver, answer| {
                    let shown = driver.questions.shown.take();
                    if let Some(typing) = &mut driver.typing {
                        typing.answered();
                    }
                    driver.report.resume();
                    if shown.is_some_and(|shown| !shown.gone.is_set()) {
                        then(driver, answer);
                    }
                    driver.next_question();
                },
            );
        });
        self.questions.waiting.push_back((about, ask));
        self.next_question();
    }

    fn next_question(&mut self) {
        if self.questions.shown.is_none()
            && let Some((_, ask)) = self.questions.waiting.pop_front()
        {
            ask(self);
        }
    }

    /// Shows the verification words and asks whether the other side sees the same.
    pub(super) fn verify(&mut self, words: String) {
        self.say(&Event::Verify { words: words.clone() });
        self.ask(
            None,
            ("--verify", WITHOUT_VERIFY),
            move |terminal, _| terminal.same_words(&words),
            |driver, answer| match answer {
                Ok(true) => driver.input(Input::Verified),
                Ok(false) => driver.abort(Reason::NotVerified),
                Err(failure) => {
                    driver.fail(failure);
                    driver.abort(Reason::NoAnswer);
                }
            },
        );
    }
}

/// Both sides came for the same thing.
pub(super) fn same_role(want: Want) -> Failure {
    let (detail, next) = match want {
        Want::Give => (
            "both sides want to give, so nothing was sent",
            "start again with a new code: one side gives, the other takes: pinhole take CODE",
        ),
        Want::Take => (
            "both sides want to take, so nothing was sent",
            "start again with a new code: one side takes, the other gives: pinhole give PATH, \
             then pinhole take CODE",
        ),
        Want::Both => (
            "both sides want the same",
            "start again with a new code: one side gives, the other takes",
        ),
    };
    Failure::new(Kind::SameRole, detail).next(next)
}
