//! Questions to the person here, one at a time, while the session goes on.

use super::driver::Driver;
use super::event::Event;
use crate::failure::{Exit, Failure};
use crate::report::prompt::{OwnTerminal, WITHOUT_VERIFY};
use pinhole_protocol::conversation::Input;
use pinhole_protocol::wire::{Reason, Want};

/// A question: asked on a thread of its own, which then hands over what follows from the answer.
pub(super) type Question = Box<dyn FnOnce(&mut Driver<'_>) + Send>;

impl Driver<'_> {
    /// Asks the person here when it is this question's turn; `then` gets the answer. `instead` says what answers it without a terminal.
    pub(super) fn ask<T: Send + 'static>(
        &mut self,
        question: &'static str,
        instead: &'static str,
        ask: impl FnOnce(&mut OwnTerminal) -> Result<T, Failure> + Send + 'static,
        then: impl FnOnce(&mut Driver<'_>, Result<T, Failure>) + Send + 'static,
    ) {
        self.questions.push_back(Box::new(move |driver| {
            driver.asking = true;
            driver.report.suspend();
            let typed = driver.typing.as_mut().map(super::typing::Typing::terminal);
            driver.work(
                move || typed.map_or_else(|| OwnTerminal::open(question, instead), Ok).and_then(|mut terminal| ask(&mut terminal)),
                move |driver, answer| {
                    driver.asking = false;
                    if let Some(typing) = &mut driver.typing {
                        typing.answered();
                    }
                    driver.report.resume();
                    then(driver, answer);
                    driver.next_question();
                },
            );
        }));
        self.next_question();
    }

    fn next_question(&mut self) {
        if !self.asking
            && let Some(question) = self.questions.pop_front()
        {
            question(self);
        }
    }

    /// Shows the verification words and asks whether the other side sees the same.
    pub(super) fn verify(&mut self, words: String) {
        self.say(&Event::Verify { words: words.clone() });
        self.ask(
            "--verify",
            WITHOUT_VERIFY,
            move |terminal| terminal.same_words(&words),
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
        Want::Give => ("both sides came to give, so nothing was sent", "one side takes: pinhole take CODE"),
        Want::Take => ("both sides came to take, so nothing was sent", "one side gives: pinhole give --code CODE PATH..."),
        Want::Both => ("both sides came for the same thing", "one side gives, the other takes"),
    };
    Failure::new(Exit::Usage, "same-role", detail).next(next)
}
