//! The end of a session, closed by another command or by itself, and what is still to be collected
//! then.

use super::phase::End;
use super::wire::{Fault, Over};
use super::{Control, Desk, Errand, Standing};
use crate::clock;
use crate::failure::sentences::untaken;
use crate::failure::{Exit, Failure, Kind};
use std::time::{Duration, SystemTime};

/// The manner in which another command closed a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// In peace.
    Peace,
    /// At once.
    Now,
}

impl Control {
    /// True if the session has ended and something of it is still to be collected by other
    /// commands: its last lines and its end, where nobody read what it printed.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.standing().is_wanted()
    }

    /// Keeps a session whose lines wait for other commands, for one that closes it and has yet to
    /// get them.
    pub(super) fn keep(&self) -> Option<Kept> {
        let mut standing = self.standing();
        // Before that its lines are read by the process that started it.
        let waits = self.is_detached() && standing.handed_over;
        waits.then(|| {
            standing.kept = standing.kept.saturating_add(1);
            Kept(self.clone())
        })
    }

    /// Waits until nothing of the session is wanted any more, at the latest for `time`.
    pub async fn collected(&self, time: Duration) {
        self.standing().phase.expires_at = Some(SystemTime::now() + time);
        let unwanted = self.0.standing.wait(|standing| !standing.is_wanted());
        tokio::select! {
            () = unwanted => {}
            () = clock::sleep_until(Some(clock::now().after(time))) => {}
        }
    }

    /// The end of the session, for a command that receives.
    pub(super) fn last_word(&self) -> Option<Over> {
        let standing = self.standing();
        let end = standing.phase.end.as_ref()?;
        Some(Over { failed: end.failure.as_ref().map(Fault::from) })
    }

    /// Brings an errand to the conversation, if there is one, and waits while it takes no more.
    pub(super) async fn bring(&self, errand: Errand) {
        let desk = self.standing().desk.clone();
        if let Some(desk) = desk {
            // A conversation that has ended wants nothing more.
            let _ = desk.send(errand).await;
        }
    }

    /// The end has reached who asked for it, and with all lines that was everything.
    pub(super) fn end_returned(&self) {
        if self.0.log.is_done() {
            self.close_returned();
        }
    }

    /// Whoever closed it has all that nobody had. Lines that another command is still printing are
    /// that one's.
    pub(super) fn close_returned(&self) {
        if let Some(end) = &mut self.0.standing.change().phase.end {
            end.returned = true;
        }
    }

    /// The session is over: nothing more will be said, and nothing more is taken to be sent.
    pub fn over(&self) {
        self.detach();
        self.leaving();
        self.0.log.end();
        self.0.secrets.end();
    }

    /// Waits until another command closes this session.
    pub async fn closed(&self) {
        self.closes(|closing| closing.is_some()).await;
    }

    /// Waits until another command closes this session at once.
    pub async fn closed_now(&self) {
        self.closes(|closing| closing == Some(Closing::Now)).await;
    }

    async fn closes(&self, enough: impl Fn(Option<Closing>) -> bool) {
        self.0.standing.wait(|standing| enough(standing.closed)).await;
    }

    /// The result of the session, once it has ended: the failure if it did not end well.
    #[must_use]
    pub fn end(&self) -> Option<Result<(), Failure>> {
        let standing = self.standing();
        standing.phase.end.as_ref().map(|end| end.failure.clone().map_or(Ok(()), Err))
    }

    /// Nothing of the session runs any more, in a process that goes on.
    pub fn finish(&self) {
        self.over();
        self.0.over.send_replace(true);
    }

    /// Waits for [`Control::finish`].
    pub async fn finished(&self) {
        // The sender is in `self`, so it is there as long as this waits.
        let _ = self.0.over.subscribe().wait_for(|over| *over).await;
    }

    /// The manner in which another command has closed this session; `None` if none has.
    #[must_use]
    pub fn closing(&self) -> Option<Closing> {
        self.standing().closed
    }

    /// Another command closes it, or whoever has the answer that it was for; in peace only if
    /// nothing is lost by that.
    ///
    /// # Errors
    /// `secrets-held` or `undelivered` if something would be: nobody has taken it, or the other
    /// side has not come for it.
    pub async fn close(&self, closing: Closing) -> Result<(), Failure> {
        let desk = self.begin_to_close(closing)?;
        if let Some(desk) = desk {
            // A conversation that has ended takes nothing more.
            let _ = desk.send(closing.errand()).await;
        }
        Ok(())
    }

    /// Says that it is being closed, unless something would be lost. Returns where the
    /// conversation, if there is one, is told.
    fn begin_to_close(&self, closing: Closing) -> Result<Option<Desk>, Failure> {
        let mut standing = self.0.standing.change();
        let held = self.secrets_held();
        if closing == Closing::Peace && held > 0 {
            let number =
                standing.phase.number.map(|number| format!(" {number}")).unwrap_or_default();
            let detail = format!("{} would be lost, so the channel stays open", untaken(held));
            drop(standing);
            let take = self.take_secret();
            return Err(Failure::new(Kind::SecretsHeld, detail).ask_user(format!(
                "take each: {take}; or drop them: pinhole close{number} --now"
            )));
        }
        if closing == Closing::Peace && !standing.waiting.is_empty() {
            let number =
                standing.phase.number.map(|number| format!(" {number}")).unwrap_or_default();
            let (what, waits) = match standing.waiting.len() {
                1 => ("something".to_owned(), "waits"),
                many => (format!("{many} things"), "wait"),
            };
            let detail = format!(
                "nobody has come yet for whom {what} {waits} to be sent, so the channel stays open"
            );
            return Err(Failure::new(Kind::Undelivered, detail).ask_user(format!(
                "wait for the other side; or drop it: pinhole close{number} --now"
            )));
        }
        if standing.closed != Some(Closing::Now) {
            standing.closed = Some(closing);
        }
        standing.phase.leave();
        Ok(standing.desk.clone())
    }
}

/// A session that is kept for a command that closes it, until this is dropped.
pub(super) struct Kept(Control);

impl Drop for Kept {
    fn drop(&mut self) {
        let mut standing = self.0.0.standing.change();
        standing.kept = standing.kept.saturating_sub(1);
    }
}

impl Standing {
    fn is_wanted(&self) -> bool {
        let unread = |end: &End| {
            let exit = end.failure.as_ref().map(Failure::exit);
            // The hour of one that expired is over.
            !end.returned && !matches!(exit, Some(Exit::Interrupted | Exit::Expired))
        };
        self.kept > 0 || self.handed_over && self.phase.end.as_ref().is_some_and(unread)
    }
}

impl Closing {
    pub(super) const fn errand(self) -> Errand {
        match self {
            Self::Peace => Errand::Leave,
            Self::Now => Errand::Abort,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use super::*;
    use crate::events::Event;
    use crate::log::wanted::Wanted;

    #[test]
    fn what_another_command_is_still_printing_keeps_no_closed_session() {
        let control = Control::sample(Reading::Detached);
        control.hand_over();
        control.log().say(&Event::Waiting);
        let (lent, _) = control.0.log.piece(&Wanted::default(), 1_000);
        assert_eq!(lent.lines.len(), 1);
        control.ended(None);
        control.log().say(&Event::End { failed: None, more: false });
        // One that receives all the rest does not have everything.
        control.end_returned();
        assert!(control.is_wanted());
        control.close_returned();
        assert!(!control.is_wanted());
    }
}
