//! One end of a later link, which meets the other at a relay (SPEC 10.2).

use super::host::whole;
use super::socket::{Heard, Socket};
use super::{Access, link};
use pinhole_protocol::handshake::Frame;
use pinhole_protocol::rendezvous::{FromRelay, SlotToken, Verb};
use pinhole_protocol::role::Role;

/// Both ends of a link have come: frames between them pass as they are.
pub(in crate::transport) struct Meeting(Socket);

impl Meeting {
    /// Waits at a relay's slot until the other end comes. `None` if the relay cannot be reached, or
    /// ends that.
    pub(in crate::transport) async fn wait(
        access: &Access,
        slot: SlotToken,
        role: Role,
    ) -> Option<Self> {
        let mut socket = Socket::open(access, &Verb::Link(slot, role)).await.ok()?;
        loop {
            match socket.hear().await {
                Heard::Control(FromRelay::Paired) => return Some(Self(socket)),
                Heard::Control(_) => {}
                Heard::Frame(_) | Heard::Ended(_) => return None,
            }
        }
    }

    /// Sends a handshake message; `None` if the connection has ended.
    pub(in crate::transport) async fn send(&mut self, message: Vec<u8>) -> Option<()> {
        self.0.send(message).await.ok()
    }

    /// Waits for a handshake message; `None` if the connection has ended, or it is none.
    pub(in crate::transport) async fn receive(&mut self) -> Option<Frame> {
        whole(&self.0.frame().await.ok()?)
    }

    /// True if the relay has said that it delays.
    pub(in crate::transport) const fn delays(&self) -> bool {
        self.0.delays()
    }

    /// The near end of the link, once its handshake is confirmed. `None` if the system has no
    /// sockets for it.
    pub(in crate::transport) fn into_stream(self) -> Option<socket2::Socket> {
        link::start(self.0).ok()
    }
}
