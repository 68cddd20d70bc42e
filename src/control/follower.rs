//! Who wants to know what becomes of something that is sent.

use super::Control;
use super::journal::Numbered;
use super::room::Room;
use crate::failure::Failure;
use pinhole_protocol::wire::ItemId;
use tokio::sync::mpsc;

/// Hears what becomes of something that is sent. When it is dropped, nothing more will be heard.
#[derive(Clone)]
pub struct Follower {
    /// Which it is of the things that came with one request.
    pub(super) index: usize,
    pub(super) told: mpsc::UnboundedSender<(usize, Fate)>,
    pub(super) control: Control,
    /// Free again when nothing more will be heard.
    pub(super) _room: Room,
}

/// What became of something that is sent.
pub(super) enum Fate {
    /// It has this number.
    Sent(ItemId),
    /// A line of the session about it; the last one if it is delivered.
    Said { said: Numbered, delivered: bool },
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

    /// It is offered, and the session has just said so.
    pub fn queued(&self) {
        self.said(false);
    }

    /// It is where it belongs, and the session has just said so.
    pub fn delivered(&self) {
        self.said(true);
    }

    /// Something is left out of a folder, which `detail` says.
    pub fn left_out(&self, detail: String) {
        self.tell(Fate::LeftOut(detail));
    }

    /// It was not delivered.
    pub fn failed(&self, failure: Failure) {
        self.tell(Fate::Failed(failure));
    }

    fn said(&self, delivered: bool) {
        if let Some(said) = self.control.0.journal.last() {
            self.tell(Fate::Said { said, delivered });
        }
    }

    fn tell(&self, fate: Fate) {
        // Whoever asked may have gone; that changes nothing.
        let _ = self.told.send((self.index, fate));
    }
}
