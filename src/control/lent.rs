//! Lines that a command has but has not acknowledged: without a word they fall to others.

use super::wire::PATIENCE;
use super::{Control, Errand};
use crate::log::{Numbered, Printed, Said};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Lines that a command is given. Dropped, they are nobody's.
pub(super) struct Lent {
    control: Control,
    lines: Vec<u64>,
    /// Others can receive them too.
    shared: bool,
}

impl Lent {
    /// Those of these numbers, which the log has lent.
    pub(super) fn new(control: &Control, lines: Vec<u64>) -> Self {
        Self { control: control.clone(), lines, shared: false }
    }

    /// Waits for what comes of giving them to the command, however long that takes: whoever reads
    /// what it prints may be slow. But a command that is stopped must not hide them, so after
    /// [`PATIENCE`] others can receive them too.
    pub(super) async fn answered<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let mut answer = std::pin::pin!(answer);
        if let Ok(came) = timeout(PATIENCE, &mut answer).await {
            return came;
        }
        self.shared = true;
        self.control.0.log.give_back(&self.lines);
        answer.await
    }

    /// The command has them: they hold nothing back any more.
    pub(super) async fn received(mut self) {
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return;
        }
        self.control.0.log.received(&lines);
        self.control.bring(Errand::Returned(lines)).await;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.shared && !self.lines.is_empty() {
            self.control.0.log.give_back(&self.lines);
        }
    }
}

/// A line that a command is about to print as the result of what it does. Dropped, it is a line
/// like others.
pub(super) struct Result {
    control: Control,
    pub(super) said: Said,
    printed: Printed,
}

impl Result {
    /// A line that the session has said.
    pub(super) fn new(control: &Control, said: Said) -> Self {
        control.0.log.print(said.seq, Printed::Soon);
        Self { control: control.clone(), said, printed: Printed::No }
    }

    /// The command has printed it.
    pub(super) fn printed(mut self) {
        self.printed = Printed::Yes;
    }
}

impl Drop for Result {
    fn drop(&mut self) {
        self.control.0.log.print(self.said.seq, self.printed);
    }
}

/// A text that one command alone is to have.
pub struct Alone {
    pub(super) line: Numbered,
    lent: Lent,
    /// The session's line about its question, for which the answer stands.
    of: Option<Result>,
}

impl Alone {
    /// This text, which the log has lent.
    pub(super) fn new(control: &Control, line: Numbered, of: Option<Result>) -> Self {
        let lent = Lent::new(control, vec![line.seq]);
        Self { line, lent, of }
    }

    /// Waits for what comes of giving it to the command, as [`Lent::answered`] does.
    pub(super) async fn answered<T>(&mut self, answer: impl Future<Output = T>) -> T {
        self.lent.answered(answer).await
    }

    /// The command has it.
    pub(super) async fn received(self) {
        if let Some(result) = self.of {
            result.printed();
        }
        self.lent.received().await;
    }
}

/// The answer to a question, once the other side has that.
pub(super) struct Expected {
    control: Control,
    line: oneshot::Receiver<Numbered>,
}

impl Expected {
    pub(super) fn new(control: &Control) -> (oneshot::Sender<Numbered>, Self) {
        let (question, line) = oneshot::channel();
        (question, Self { control: control.clone(), line })
    }

    /// Waits for it; nothing if there will be none.
    pub(super) async fn line(&mut self) -> Option<Numbered> {
        (&mut self.line).await.ok()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        // One that came when nobody waited any more is received by others.
        self.line.close();
        if let Ok(line) = self.line.try_recv() {
            self.control.0.log.give_back(&[line.seq]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use super::*;
    use crate::events::Event;
    use crate::log::wanted::Wanted;
    use std::time::Duration;
    use tokio::time::{pause, sleep};

    fn session() -> (Control, Lent) {
        let control = Control::sample(Reading::Detached);
        control.log().say(&Event::Waiting);
        let lent = Lent::new(&control, control.0.log.piece(&Wanted::default(), 1_000).0.lent);
        (control, lent)
    }

    fn received_by_another(control: &Control) -> Lent {
        Lent::new(control, control.0.log.piece(&Wanted::default(), 1_000).0.lent)
    }

    #[tokio::test]
    async fn a_slow_reader_has_its_lines_once() {
        pause();
        let (control, mut lent) = session();
        lent.answered(sleep(Duration::from_secs(60))).await;
        lent.received().await;
        assert!(received_by_another(&control).lines.is_empty());
    }

    #[tokio::test]
    async fn a_stopped_reader_hides_no_lines_and_takes_none_from_another_when_it_goes() {
        pause();
        let (control, mut lent) = session();
        assert!(received_by_another(&control).lines.is_empty());
        let waiting = lent.answered(sleep(Duration::from_secs(60)));
        assert!(timeout(PATIENCE + Duration::from_secs(1), waiting).await.is_err());
        let other = received_by_another(&control);
        assert_eq!(other.lines, [1]);
        drop(lent);
        assert!(received_by_another(&control).lines.is_empty());
        other.received().await;
        assert!(received_by_another(&control).lines.is_empty());
    }
}
