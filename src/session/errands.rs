//! Errands of other commands, on their way to the conversation.

use super::happened::Happened;
use crate::control::{Control, Errand, Sending};
use pinhole_protocol::wire::Want;
use std::collections::VecDeque;
use std::future::pending;
use tokio::sync::mpsc;

/// Errands that may wait; beyond that a command waits with its own, or is told that it is too much.
const ERRANDS: usize = 1024;

/// Errands of other commands.
pub(super) struct Errands {
    want: Want,
    /// Those from before there was a conversation.
    early: VecDeque<Errand>,
    /// The way of later ones.
    later: Option<mpsc::Receiver<Errand>>,
}

impl Errands {
    /// None are heard yet by a session of this purpose.
    pub(super) const fn new(want: Want) -> Self {
        Self { want, early: VecDeque::new(), later: None }
    }

    /// Hears other commands from now on; what they wanted before is done first.
    pub(super) fn attach(&mut self, control: &Control) {
        let (desk, errands) = mpsc::channel(ERRANDS);
        (self.early, self.later) = (control.attach(desk), Some(errands));
    }

    /// Waits for the next errand, for ever if none can come.
    pub(super) async fn next(&mut self) -> Happened {
        let errand = match (self.early.pop_front(), &mut self.later) {
            (Some(errand), _) => Some(errand),
            (None, Some(errands)) => errands.recv().await,
            (None, None) => None,
        };
        match errand {
            Some(errand) => self.happened(errand),
            None => pending().await,
        }
    }

    fn happened(&self, errand: Errand) -> Happened {
        match errand {
            Errand::Send(Sending { ware, follower }) => Happened::Send(ware, Some(follower)),
            Errand::Leave if self.want == Want::Both => Happened::Leave,
            // A give or take leaves by itself when it is done; before, it is broken off.
            Errand::Leave | Errand::Abort => Happened::Interrupted,
            Errand::Rests(answer) => Happened::Rests(answer),
            Errand::Returned(lines) => Happened::Returned(lines),
        }
    }
}
