//! A session for one question (`ask`): it ends with the answer, or without one when the time is
//! over.

use crate::control::{Answer, Closing, Control, unanswered};
use crate::failure::{Failure, Kind};
use std::cell::Cell;
use std::time::Duration;
use tokio::time::Instant;

/// A question for the other side.
pub struct Question {
    /// Its text.
    pub text: String,
    /// The time that its answer may take, from the start of the session.
    pub patience: Duration,
}

/// Puts the question while the session runs, and closes the session when it is answered or given
/// up.
pub(super) async fn asked(
    session: impl Future<Output = Result<(), Failure>>,
    control: &Control,
    question: &Question,
) -> Result<(), Failure> {
    // A moment that is none, because it is too far off, never comes within the life of a channel.
    let until =
        Instant::now().checked_add(question.patience).unwrap_or_else(|| Instant::now() + LONGEST);
    let ended = Cell::new(false);
    let asking = async {
        let answer = control.ask(question.text.clone(), until).await;
        let answered = matches!(answer, Ok(Answer::Came(_)));
        let by_itself = ended.get();
        // Such a session holds no secrets, so nothing is in the way of its end.
        let _ = control.close(if answered { Closing::Peace } else { Closing::Now }).await;
        (answer, by_itself)
    };
    let session = async {
        let end = session.await;
        ended.set(true);
        control.over();
        end
    };
    match tokio::join!(session, asking) {
        (Err(failure), (_, true)) => Err(failure),
        (Err(failure), (Ok(Answer::Came(_)), _)) if failure.kind == Kind::OutputClosed => {
            Err(failure)
        }
        // The fate of the channel after that is not what was asked for.
        (_, (Ok(Answer::Came(_)), _)) => Ok(()),
        (_, (Err(failure), _)) => Err(failure),
        (_, (Ok(Answer::Over), _)) => Err(unanswered()),
        (_, (Ok(Answer::Late), _)) => {
            let detail = format!("there was no answer within {} s", question.patience.as_secs());
            Err(Failure::new(Kind::Unanswered, detail).ask_user(
                "use a new code with a longer --timeout; or keep a channel open: pinhole connect \
                 CODE, then send and receive",
            ))
        }
    }
}

/// A day, as the longest channel lasts (SPEC 8.1).
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
