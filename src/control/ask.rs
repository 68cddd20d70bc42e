//! A question put through a session, and its answer: the first text of the peer's after it has the
//! question.

use super::lent::{Alone, Expected};
use super::{Control, Fate};
use crate::failure::{Failure, Kind};
use crate::files::ware::Ware;
use std::future::Future;
use tokio::time::{Instant, timeout_at};

/// The fate of a question that was sent.
pub enum Answer {
    /// The peer's text. No other question has it for its answer, and no `receive` returns it
    /// unless whoever asked does not get it.
    Came(Alone),
    /// Nothing by then; the session goes on.
    Late,
    /// The session has ended without an answer.
    Over,
}

impl Control {
    /// Sends a question and waits for its answer until the deadline.
    ///
    /// Two questions at once each have a text of their own for an answer, in the order in which
    /// these come: which of them the other side meant is not known.
    ///
    /// # Errors
    /// If the question was not delivered.
    pub async fn ask(&self, question: String, until: Instant) -> Result<Answer, Failure> {
        let (asked, mut expected) = Expected::new(self);
        let mut fates = self.send_for_answer(vec![Ware::Text(question)], Some(asked)).await?;
        let delivered = async {
            while let Some((_, fate)) = fates.recv().await {
                match fate {
                    Fate::Said { said, delivered: true } => return Ok(Some(said)),
                    Fate::Failed(failure) => return Err(failure),
                    _ => {}
                }
            }
            Ok(None)
        };
        let delivered = match by(until, delivered).await {
            None => return Ok(Answer::Late),
            Some(delivered) => match delivered? {
                None => return Ok(Answer::Over),
                delivered => delivered,
            },
        };
        Ok(match by(until, expected.line()).await {
            None => Answer::Late,
            Some(None) => Answer::Over,
            Some(Some(line)) => Answer::Came(Alone::new(self, line, delivered)),
        })
    }
}

/// The failure if the peer has left, or was lost, without an answer.
pub fn unanswered() -> Failure {
    Failure::new(Kind::PeerLeft, "the channel ended without an answer to that question")
        .next("ask again with a new code")
}

/// The output of `what`, or `None` if it takes longer than `until`.
async fn by<T>(until: Instant, what: impl Future<Output = T>) -> Option<T> {
    timeout_at(until, what).await.ok()
}
