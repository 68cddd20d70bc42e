//! Options that several commands share.

mod answering;
mod channel;
mod destination;
mod fencing;
mod hosting;
mod output;
mod permissions;
mod receiving;
mod relay;
mod secret_to;

pub(super) use answering::Answering;
pub(super) use channel::Channel;
pub(super) use fencing::Fencing;
pub(super) use hosting::Host;
pub(super) use output::{Output, format};
pub(super) use permissions::Permissions;
pub(super) use receiving::{Receive, UNWATCHED, UNWATCHED_ENTRIES};
