//! The listener for what becomes of something that is sent.

use super::Control;
use super::backlog::Share;
use super::lent::Result;
use crate::failure::Failure;
use crate::log::{Numbered, Said};
use pinhole_protocol::wire::ItemId;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Hears what becomes of something that is sent. When it is dropped, nothing more will be heard.
#[derive(Clone)]
pub struct Follower {
    /// Which it is of the things that came with one request.
    pub(super) index: usize,
    pub(super) told: mpsc::UnboundedSender<(usize, Fate)>,
    pub(super) control: Control,
    /// Channel for the peer's answer, which is expected once the peer has the question.
    pub(super) asked: Option<Asked>,
    /// Free again when nothing more will be heard.
    pub(super) _share: Share,
}

/// Channel to the command that waits for an answer.
pub(super) type Asked = Arc<Mutex<Option<oneshot::Sender<Numbered>>>>;

/// The fate of something that is sent.
pub(super) enum Fate {
    /// It has this number.
    Sent(ItemId),
    /// A line of the session about it; the last one if it is delivered.
    Said { said: Result, delivered: bool },
    /// Something was left out of a folder, which this says.
    LeftOut(String),
    /// It was not delivered.
    Failed(Failure),
}

impl Follower {
    /// It is on its way, under this number.
    pub fn sent(&self, id: ItemId) {
        self.tell(Fate::Sent(id));
    }

    /// It is offered, as the session has said.
    pub fn queued(&self, said: Option<Said>) {
        self.said(said, false);
    }

    /// It is where it belongs, as the session has said.
    pub fn delivered(&self, said: Option<Said>) {
        let asked = self
            .asked
            .as_ref()
            .and_then(|asked| asked.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(asked) = asked {
            // Before the session says anything else, so that the answer is nobody's but whoever
            // asked.
            self.control.0.log.expect(asked);
        }
        self.said(said, true);
    }

    /// Something is left out of a folder, which `detail` says.
    pub fn left_out(&self, detail: String) {
        self.tell(Fate::LeftOut(detail));
    }

    /// It was not delivered.
    pub fn failed(&self, failure: Failure) {
        self.tell(Fate::Failed(failure));
    }

    fn said(&self, said: Option<Said>, delivered: bool) {
        if let Some(said) = said {
            self.tell(Fate::Said { said: Result::new(&self.control, said), delivered });
        }
    }

    fn tell(&self, fate: Fate) {
        // Whoever asked may have gone; that changes nothing.
        let _ = self.told.send((self.index, fate));
    }
}
