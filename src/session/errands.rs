//! What other commands want of the conversation.

use super::driver::Driver;
use crate::clock;
use crate::control::{Errand, Sending};
use pinhole_protocol::conversation::Input;
use pinhole_protocol::wire::{Reason, Want};
use std::collections::VecDeque;
use std::future::pending;
use tokio::sync::mpsc;

/// Errands that may wait; beyond that a command waits with its own, or is told that it is too much.
const ERRANDS: usize = 1024;

/// The next errand: those that came before there was a conversation first.
pub(super) async fn next_errand(
    (early, errands): &mut (VecDeque<Errand>, Option<mpsc::Receiver<Errand>>),
) -> Errand {
    if let Some(errand) = early.pop_front() {
        return errand;
    }
    match errands {
        Some(errands) => match errands.recv().await {
            Some(errand) => errand,
            None => pending().await,
        },
        None => pending().await,
    }
}

impl Driver<'_> {
    /// From now on other commands are heard; what they wanted before is done first.
    pub(super) fn take_errands(&mut self) {
        let (desk, errands) = mpsc::channel(ERRANDS);
        self.errands = (self.control.attach(desk), Some(errands));
    }

    pub(super) fn errand(&mut self, errand: Errand) {
        match errand {
            Errand::Send(Sending { ware, follower }) => self.send_for(&ware, Some(follower)),
            Errand::Leave if self.plan.want == Want::Both => self.leave(),
            // What gives or takes once leaves by itself when that is done; before, it is broken
            // off.
            Errand::Leave | Errand::Abort => self.abort(Reason::Interrupted),
            Errand::Rests(answer) => {
                // Whoever asked may not wait any longer.
                let _ = answer.send(self.conversation.rests(clock::now()));
            }
            Errand::Returned(lines) => self.collected(&lines),
        }
    }

    /// The lines of these numbers were received: the other side may send as much more.
    fn collected(&mut self, lines: &[u64]) {
        for seq in lines {
            let at = self.uncollected.binary_search_by_key(seq, |(line, _)| *line);
            if let Some((_, id)) = at.ok().and_then(|at| self.uncollected.remove(at)) {
                self.next.push_back(Input::Collected(id));
            }
        }
        // What went before anybody had it is waited for by nobody.
        let oldest = self.control.oldest_seq();
        while let Some((line, id)) = self.uncollected.front()
            && *line < oldest
        {
            self.next.push_back(Input::Collected(*id));
            self.uncollected.pop_front();
        }
        self.take_put_off();
    }
}
