//! What a command has and has not answered for yet: without a word it is received by others, or told to them.

use super::journal::{Numbered, Printed};
use super::{Control, Errand};
use tokio::sync::oneshot;

/// Lines that a command is given. Dropped, they are nobody's.
pub(super) struct Lent {
    control: Control,
    lines: Vec<u64>,
}

impl Lent {
    /// Those of these numbers, which the journal has lent.
    pub(super) fn new(control: &Control, lines: Vec<u64>) -> Self {
        Self { control: control.clone(), lines }
    }

    /// The command has them: they hold nothing back any more.
    pub(super) async fn received(mut self) {
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return;
        }
        self.control.0.journal.received(&lines);
        self.control.bring(Errand::Returned(lines)).await;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.lines.is_empty() {
            self.control.0.journal.give_back(&self.lines);
        }
    }
}

/// A line that a command is about to print as the result of what it does. Dropped, it is a line like others.
pub(super) struct Result {
    control: Control,
    pub(super) line: Numbered,
    printed: Printed,
}

impl Result {
    /// The last line of a session, which has just said it.
    pub(super) fn last(control: &Control) -> Option<Self> {
        let line = control.0.journal.last()?;
        control.0.journal.print(line.seq, Printed::Soon);
        Some(Self { control: control.clone(), line, printed: Printed::No })
    }

    /// The command has printed it.
    pub(super) fn printed(mut self) {
        self.printed = Printed::Yes;
    }
}

impl Drop for Result {
    fn drop(&mut self) {
        self.control.0.journal.print(self.line.seq, self.printed);
    }
}

/// A text that one command alone is to have.
pub(super) struct Alone {
    pub(super) line: Numbered,
    lent: Lent,
    /// What the command has heard of its question, which its answer stands for.
    of: Option<Result>,
}

impl Alone {
    /// This text, which the journal has lent.
    pub(super) fn new(control: &Control, line: Numbered, of: Option<Result>) -> Self {
        let lent = Lent::new(control, vec![line.seq]);
        Self { line, lent, of }
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
            self.control.0.journal.give_back(&[line.seq]);
        }
    }
}
