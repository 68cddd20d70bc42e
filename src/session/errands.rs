//! What other commands want of the conversation.

use super::driver::Driver;
use crate::clock;
use crate::control::{Errand, Sending};
use pinhole_protocol::wire::{Reason, Want};

impl Driver<'_> {
    /// From now on other commands are heard; what they wanted before is done first.
    pub(super) fn take_errands(&mut self) {
        let desk = self.desk.clone();
        self.control.attach(move |errand| desk.put(move |driver| driver.errand(errand)));
    }

    fn errand(&mut self, errand: Errand) {
        match errand {
            Errand::Send(Sending { ware, follower }) => self.send_for(&ware, Some(follower)),
            Errand::Leave if self.plan.want == Want::Both => self.leave(),
            // What gives or takes once leaves by itself when that is done; before, it is broken off.
            Errand::Leave | Errand::Abort => self.abort(Reason::Interrupted),
            Errand::Rests(answer) => {
                // Whoever asked may not wait any longer.
                let _ = answer.send(self.conversation.rests(clock::now()));
            }
        }
    }
}
