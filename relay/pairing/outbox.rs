//! Everything that one connection has yet to be sent before it is paired or ends: a place for each
//! kind, and nothing that could grow (SPEC 10.4).

use pinhole_protocol::limits::{ATTEMPT, HANDSHAKE_HEADER, RELAY_MESSAGE};
use pinhole_protocol::rendezvous::{CloseReason, FromRelay};

/// Bytes of frames that wait at most: message 2 with its attempt for a host; for a joiner message 1
/// and a refusal, which are less.
pub const MOST: usize = ATTEMPT + RELAY_MESSAGE;
const _: () = assert!(RELAY_MESSAGE + HANDSHAKE_HEADER <= MOST);

/// One thing to do on a connection.
#[derive(Debug)]
pub enum Order<P> {
    /// Send a control message.
    Tell(FromRelay),
    /// Send a binary frame.
    Send(Vec<u8>),
    /// Forward from here on.
    Pair(P),
    /// Close it; nothing comes after this.
    Close(CloseReason),
}

/// Everything that a connection has not taken, which for one that does not read is all that was
/// ever meant for it and still holds.
#[derive(Debug)]
pub struct Outbox<P> {
    /// `number` or `waiting`.
    welcome: Option<FromRelay>,
    /// Only the latest attempt's message 1 is wanted.
    next: Option<u32>,
    /// A joiner's message 1, or the message 2 of a host's latest attempt.
    message: Option<Vec<u8>>,
    refusal: Option<[u8; HANDSHAKE_HEADER]>,
    paired: bool,
    pair: Option<P>,
    close: Option<CloseReason>,
}

impl<P> Default for Outbox<P> {
    fn default() -> Self {
        Self {
            welcome: None,
            next: None,
            message: None,
            refusal: None,
            paired: false,
            pair: None,
            close: None,
        }
    }
}

impl<P> Outbox<P> {
    /// Adds a control message. A `next` takes the place of the one before, and of a message 2 of an
    /// attempt that is over.
    pub fn tell(&mut self, reply: FromRelay) {
        match reply {
            FromRelay::Number { .. } | FromRelay::Waiting => self.welcome = Some(reply),
            FromRelay::Next { attempt } => (self.next, self.message) = (Some(attempt), None),
            FromRelay::Paired => self.paired = true,
            // Nothing that this relay says.
            FromRelay::Unknown => {}
        }
    }

    /// Adds message 1 for a joiner, or message 2 for a host, in the place of one whose attempt is
    /// over.
    pub fn send(&mut self, message: Vec<u8>) {
        self.message = Some(message);
    }

    /// Adds the host's last word to a joiner.
    pub fn refuse(&mut self, refusal: [u8; HANDSHAKE_HEADER]) {
        self.refusal = Some(refusal);
    }

    /// Adds that the connection is paired.
    pub fn pair(&mut self, pair: P) {
        self.pair = Some(pair);
    }

    /// Adds its end.
    pub fn close(&mut self, reason: CloseReason) {
        self.close = Some(reason);
    }

    /// Takes what is to be done first.
    pub fn take(&mut self) -> Option<Order<P>> {
        let said = self
            .welcome
            .take()
            .or_else(|| self.next.take().map(|attempt| FromRelay::Next { attempt }));
        let sent = |this: &mut Self| {
            this.message.take().or_else(|| this.refusal.take().map(Vec::from)).map(Order::Send)
        };
        let paired = |this: &mut Self| {
            core::mem::take(&mut this.paired).then_some(Order::Tell(FromRelay::Paired))
        };
        said.map(Order::Tell)
            .or_else(|| sent(self))
            .or_else(|| paired(self))
            .or_else(|| self.pair.take().map(Order::Pair))
            .or_else(|| self.close.take().map(Order::Close))
    }

    /// Bytes of frames that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.message
            .as_ref()
            .map_or(0, Vec::len)
            .saturating_add(self.refusal.map_or(0, |refusal| refusal.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(outbox: &mut Outbox<()>) -> Vec<String> {
        core::iter::from_fn(|| outbox.take()).map(|order| format!("{order:?}")).collect()
    }

    #[test]
    fn what_waits_is_taken_in_the_order_of_an_attempt() {
        let mut outbox = Outbox::default();
        outbox.tell(FromRelay::Waiting);
        outbox.send(vec![1]);
        outbox.refuse([4, 0, 0]);
        outbox.tell(FromRelay::Paired);
        outbox.close(CloseReason::Gone);
        outbox.pair(());
        assert_eq!(outbox.bytes(), 4);
        assert_eq!(
            all(&mut outbox),
            [
                "Tell(Waiting)",
                "Send([1])",
                "Send([4, 0, 0])",
                "Tell(Paired)",
                "Pair(())",
                "Close(Gone)"
            ]
        );
        assert!(outbox.bytes() == 0 && outbox.take().is_none());
    }

    #[test]
    fn what_is_of_an_attempt_that_is_over_waits_no_longer() {
        let mut outbox = Outbox::default();
        outbox.send(vec![1]);
        outbox.tell(FromRelay::Next { attempt: 2 });
        outbox.send(vec![2]);
        outbox.tell(FromRelay::Next { attempt: 3 });
        outbox.send(vec![3]);
        // The host has gone on unasked.
        outbox.send(vec![4]);
        assert_eq!(all(&mut outbox), ["Tell(Next { attempt: 3 })", "Send([4])"]);
    }
}
