//! What one connection has yet to be sent before it is paired or ends: a place for each kind, and
//! nothing that could grow (SPEC 10.4).

use super::{ATTEMPT, Ending, MESSAGE, Reply};

/// Bytes of a host's kind 4 or 5, which have no body.
pub const REFUSAL: usize = 3;
/// Bytes of frames that wait at most: message 2 with its attempt for a host; for a joiner message 1
/// and a refusal, which are less.
pub const MOST: usize = ATTEMPT + MESSAGE;
const _: () = assert!(MESSAGE + REFUSAL <= MOST);

/// One thing to do on a connection.
#[derive(Debug)]
pub enum Order<P> {
    /// Send a control message.
    Tell(Reply),
    /// Send a binary frame.
    Send(Vec<u8>),
    /// Forward from here on.
    Pair(P),
    /// Close it; nothing comes after this.
    Close(Ending),
}

/// Everything that a connection has not taken, which for one that does not read is all that was
/// ever meant for it and still holds.
#[derive(Debug)]
pub struct Outbox<P> {
    /// `number` or `waiting`.
    welcome: Option<Reply>,
    /// Only the latest attempt's message 1 is wanted.
    next: Option<u32>,
    /// A joiner's message 1, or the message 2 of a host's latest attempt.
    message: Option<Vec<u8>>,
    refusal: Option<[u8; REFUSAL]>,
    paired: bool,
    pair: Option<P>,
    close: Option<Ending>,
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
    pub fn tell(&mut self, reply: Reply) {
        match reply {
            Reply::Number { .. } | Reply::Waiting => self.welcome = Some(reply),
            Reply::Next { attempt } => (self.next, self.message) = (Some(attempt), None),
            Reply::Paired => self.paired = true,
        }
    }

    /// Adds message 1 for a joiner, or message 2 for a host, in the place of one whose attempt is
    /// over.
    pub fn send(&mut self, message: Vec<u8>) {
        self.message = Some(message);
    }

    /// Adds the host's last word to a joiner.
    pub fn refuse(&mut self, refusal: [u8; REFUSAL]) {
        self.refusal = Some(refusal);
    }

    /// Adds that the connection is paired.
    pub fn pair(&mut self, pair: P) {
        self.pair = Some(pair);
    }

    /// Adds its end.
    pub fn close(&mut self, ending: Ending) {
        self.close = Some(ending);
    }

    /// Takes what is to be done first.
    pub fn take(&mut self) -> Option<Order<P>> {
        let said =
            self.welcome.take().or_else(|| self.next.take().map(|attempt| Reply::Next { attempt }));
        let sent = |this: &mut Self| {
            this.message.take().or_else(|| this.refusal.take().map(Vec::from)).map(Order::Send)
        };
        let paired = |this: &mut Self| {
            core::mem::take(&mut this.paired).then_some(Order::Tell(Reply::Paired))
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
    use crate::pairing::Why;

    fn all(outbox: &mut Outbox<()>) -> Vec<String> {
        core::iter::from_fn(|| outbox.take()).map(|order| format!("{order:?}")).collect()
    }

    #[test]
    fn what_waits_is_taken_in_the_order_of_an_attempt() {
        let mut outbox = Outbox::default();
        outbox.tell(Reply::Waiting);
        outbox.send(vec![1]);
        outbox.refuse([4, 0, 0]);
        outbox.tell(Reply::Paired);
        outbox.close(Ending::Why(Why::Gone));
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
                "Close(Why(Gone))"
            ]
        );
        assert!(outbox.bytes() == 0 && outbox.take().is_none());
    }

    #[test]
    fn what_is_of_an_attempt_that_is_over_waits_no_longer() {
        let mut outbox = Outbox::default();
        outbox.send(vec![1]);
        outbox.tell(Reply::Next { attempt: 2 });
        outbox.send(vec![2]);
        outbox.tell(Reply::Next { attempt: 3 });
        outbox.send(vec![3]);
        // The host has gone on unasked.
        outbox.send(vec![4]);
        assert_eq!(all(&mut outbox), ["Tell(Next { attempt: 3 })", "Send([4])"]);
    }
}
