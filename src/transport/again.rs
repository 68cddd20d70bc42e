//! The links of a conversation after its first (SPEC 6): a listener that goes on listening, or
//! dialling, or waiting at a relay, while one is needed.

mod handshake;
mod listen;
mod seek;

use crate::events::Path;
use crate::transport::direct::{Dialled, Listener};
use crate::transport::relay::Access;
use handshake::Side;
use pinhole_protocol::handshake::LinkKeys;
use pinhole_protocol::keys::ResumeSecret;
use pinhole_protocol::role::Role;
use seek::{Dialling, Meeting};
use socket2::Socket;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// The way by which the first link came, and the next will.
pub enum Way {
    /// To a listener of this side's.
    Listener(Listener),
    /// By dialling the host.
    Dialled(Dialled),
    /// Through a relay.
    Relay(Box<Access>),
}

/// A conversation's need of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// True if one has to be made.
    pub link: bool,
    /// True if this side still has one that works, which a joiner says (SPEC 3.2).
    pub linked: bool,
}

/// A link whose handshake is confirmed.
pub struct Made {
    /// Its index, by the host's count.
    pub index: u32,
    /// The stream, with nothing of a record read from it yet.
    pub socket: Socket,
    /// Its path.
    pub path: Path,
    /// Its keys, and the peer's hello.
    pub keys: LinkKeys,
}

/// Makes links until it is dropped.
pub struct Maker {
    task: JoinHandle<()>,
    need: watch::Sender<Need>,
}

impl Maker {
    /// Starts making links of the conversation with this secret, on the side of `role`, as they are
    /// needed or the peer asks for them. Each arrives in `made`.
    #[must_use]
    pub fn start(role: Role, resume: ResumeSecret, way: Way, made: mpsc::Sender<Made>) -> Self {
        let (need, needed) = watch::channel(Need::default());
        let side = Arc::new(Side::new(role, resume, needed.clone()));
        let task = match way {
            Way::Listener(listener) => tokio::spawn(listen::listen(listener, side, made)),
            Way::Dialled(host) => tokio::spawn(seek::seek(needed, made, Dialling { side, host })),
            Way::Relay(access) => {
                tokio::spawn(seek::seek(needed, made, Meeting { side, access: *access }))
            }
        };
        Self { task, need }
    }

    /// Says what the conversation needs now.
    pub fn need(&self, need: Need) {
        self.need.send_if_modified(|before| std::mem::replace(before, need) != need);
    }

    /// Ends it, and waits until it has let go of its port.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        self.task.abort();
    }
}
