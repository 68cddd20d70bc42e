//! A question put through a session, and its answer: the first text of the other side's after it has the question.

use super::journal::Numbered;
use super::{Control, Errand, Fate};
use crate::failure::{Failure, Kind};
use crate::session::plan::Ware;
use std::future::Future;
use tokio::time::{Instant, timeout_at};

/// What became of a question that was sent.
pub enum Answer {
    /// The other side has said this.
    Came(Reply),
    /// Nothing by then; the session goes on.
    Late,
    /// The session has ended without an answer.
    Over,
}

/// A text that answers a question. No other question has it for its answer, and no `receive` returns it unless it did so already.
pub struct Reply(pub(super) Numbered);

impl Control {
    /// Sends a question and waits for its answer until the deadline.
    ///
    /// Two questions at once each have a text of their own for an answer, in the order in which these come: which of them the other side
    /// meant is not known.
    ///
    /// # Errors
    /// If the question was not delivered.
    pub async fn ask(&self, question: String, until: Instant) -> Result<Answer, Failure> {
        let mut fates = self.send(vec![Ware::Text(question)]).await?;
        let delivered = async {
            while let Some((_, fate)) = fates.recv().await {
                match fate {
                    Fate::Said { said, delivered: true } => return Ok(Some(said.seq)),
                    Fate::Failed(failure) => return Err(failure),
                    _ => {}
                }
            }
            Ok(None)
        };
        let after = match by(until, delivered).await {
            None => return Ok(Answer::Late),
            Some(delivered) => match delivered? {
                None => return Ok(Answer::Over),
                Some(seq) => seq,
            },
        };
        Ok(match by(until, self.0.journal.answer(after)).await {
            None => Answer::Late,
            Some(None) => Answer::Over,
            Some(Some(said)) => Answer::Came(Reply(said)),
        })
    }

    /// Whoever asked has this answer: it holds back nothing more.
    pub(super) async fn answered(&self, reply: &Reply) {
        self.bring(Errand::Answered(reply.0.seq)).await;
    }

    /// Whoever asked has not got this answer: it is received like any other text.
    pub(super) fn unheard(&self, reply: &Reply) {
        self.0.journal.unanswer(reply.0.seq);
    }
}

/// The other side has left, or was lost, without an answer.
pub fn unanswered() -> Failure {
    Failure::new(Kind::PeerLeft, "the channel ended without an answer to that question").next("ask again with a new code")
}

/// What comes of it until then.
async fn by<T>(until: Instant, what: impl Future<Output = T>) -> Option<T> {
    timeout_at(until, what).await.ok()
}
