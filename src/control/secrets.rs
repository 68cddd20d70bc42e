//! Secrets that wait in a session for a `receive` that takes them (`report/EVENTS.md`): in memory
//! only, the oldest first, wiped when they go.

use super::Control;
use super::lent::Result;
use crate::events::{Event, Stored};
use crate::log::Said;
use crate::watched::Watched;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{ItemId, PeerText};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The secrets of a session.
#[derive(Default)]
pub(super) struct Secrets(Watched<State>);

#[derive(Default)]
struct State {
    /// The oldest first.
    secrets: VecDeque<Waiting>,
    /// Number of all secrets so far, which is the next one's key.
    count: u64,
    /// Those that have gone, as far as the session has not said so.
    taken: VecDeque<Taken>,
    /// True once the session is over: nothing is taken any more.
    ended: bool,
}

struct Waiting {
    /// Ours, because a peer may use a number twice.
    key: u64,
    facts: Facts,
    secret: Arc<SecretVec>,
    /// True while a command has it and has not reported what became of it.
    lent: bool,
}

/// The facts that may be told about a secret.
#[derive(Clone)]
pub(super) struct Facts {
    pub(super) id: ItemId,
    pub(super) name: Option<PeerText>,
    pub(super) size: u64,
}

/// A secret that a command has taken.
pub struct Taken {
    /// The peer's number for it.
    pub id: ItemId,
    /// The event with which the session reports it.
    pub event: Event,
    /// The recipient of the session's line about it.
    told: oneshot::Sender<Arc<str>>,
}

impl Taken {
    /// Gives the line in which the session has said it to whoever took it.
    pub fn said(self, control: &Control, said: Option<Said>) {
        if let Some(said) = said {
            let result = Result::new(control, said);
            // The command that took it may have gone; it is stored all the same.
            if self.told.send(Arc::clone(&result.said.line)).is_ok() {
                result.printed();
            }
        }
    }
}

impl Secrets {
    /// Holds one more. How much that can come to is bounded by the window of those that are not
    /// collected (SPEC 5.3).
    pub(super) fn hold(&self, id: ItemId, name: Option<PeerText>, secret: SecretVec) {
        let mut state = self.0.change();
        let (key, facts) = (state.count, Facts { id, name, size: secret.len() as u64 });
        state.count = key.saturating_add(1);
        state.secrets.push_back(Waiting { key, facts, secret: Arc::new(secret), lent: false });
    }

    /// The number of secrets, including those that a command is just taking.
    pub(super) fn count(&self) -> usize {
        self.0.look().secrets.len()
    }

    /// True if no secret waits to be taken, or to be reported by the session.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.0.look();
        state.secrets.is_empty() && state.taken.is_empty()
    }

    /// Waits for one that no command has, and lends the oldest; nothing when the session is over.
    pub(super) async fn lend(self: &Arc<Self>) -> Option<Loan> {
        self.0
            .until(|state| {
                if state.ended {
                    return Some(None);
                }
                let waiting = state.secrets.iter_mut().find(|waiting| !waiting.lent)?;
                waiting.lent = true;
                let (key, facts, secret) =
                    (waiting.key, waiting.facts.clone(), Arc::clone(&waiting.secret));
                Some(Some(Loan { secrets: Arc::clone(self), key, facts, secret }))
            })
            .await
    }

    /// Waits for one that has gone, for the session to say so.
    pub(super) async fn taken(&self) -> Taken {
        self.0.until(|state| state.taken.pop_front()).await
    }

    /// Waits for the end of the session.
    pub(super) async fn ended(&self) {
        self.0.until(|state| state.ended.then_some(())).await;
    }

    /// Drops what is here: the session is over.
    pub(super) fn end(&self) {
        let mut state = self.0.change();
        state.ended = true;
        state.secrets.clear();
        state.taken.clear();
    }
}

/// A secret that a command has. Dropped before it is stored, it is as if nobody had taken it.
pub(super) struct Loan {
    secrets: Arc<Secrets>,
    key: u64,
    pub(super) facts: Facts,
    pub(super) secret: Arc<SecretVec>,
}

impl Loan {
    /// Lets go of it, because it is where it belongs. Returns the session's line about it, unless
    /// that ends before.
    pub(super) fn stored(self, stored: Stored) -> oneshot::Receiver<Arc<str>> {
        let (told, line) = oneshot::channel();
        let Facts { id, name, size } = self.facts.clone();
        let mut state = self.secrets.0.change();
        state.secrets.retain(|waiting| waiting.key != self.key);
        state.taken.push_back(Taken { id, event: Event::Secret { id, name, size, stored }, told });
        line
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let mut state = self.secrets.0.change();
        if let Some(waiting) = state.secrets.iter_mut().find(|waiting| waiting.key == self.key) {
            waiting.lent = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    fn held(values: &[&str]) -> Arc<Secrets> {
        let held = Arc::new(Secrets::default());
        for (id, value) in (1..).zip(values) {
            held.hold(ItemId(id), None, SecretVec::new(value.as_bytes().to_vec()));
        }
        held
    }

    async fn lend(held: &Arc<Secrets>) -> Option<Loan> {
        timeout(Duration::ZERO, held.lend()).await.ok().flatten()
    }

    #[tokio::test]
    async fn the_oldest_goes_first_and_each_to_one_command() {
        let held = held(&["one", "two"]);
        let (first, second) = (lend(&held).await.unwrap(), lend(&held).await.unwrap());
        assert_eq!((first.secret.expose(), second.secret.expose()), (&b"one"[..], &b"two"[..]));
        assert!(lend(&held).await.is_none());
        // It comes back to its place in front.
        drop((second, first));
        assert_eq!(lend(&held).await.unwrap().secret.expose(), b"one");
        assert_eq!(held.count(), 2);
    }

    #[tokio::test]
    async fn it_is_gone_only_when_it_is_stored_and_the_session_hears_of_it() {
        let held = held(&["one"]);
        let line = lend(&held).await.unwrap().stored(Stored::Program(None));
        assert!(held.count() == 0 && !held.is_empty() && lend(&held).await.is_none());
        let taken = held.taken().await;
        assert!(matches!(taken.event, Event::Secret { id: ItemId(1), size: 3, .. }));
        taken.told.send("it".into()).unwrap();
        assert_eq!(&*line.await.unwrap(), "it");
        assert!(held.is_empty());
    }

    #[tokio::test]
    async fn a_peer_that_uses_a_number_twice_gets_nothing_for_it() {
        let held = Arc::new(Secrets::default());
        for value in ["one", "two"] {
            held.hold(ItemId(7), None, SecretVec::new(value.as_bytes().to_vec()));
        }
        drop(lend(&held).await.unwrap().stored(Stored::Program(None)));
        assert_eq!(lend(&held).await.unwrap().secret.expose(), b"two");
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_a_secret_of_one_that_came_back_and_of_the_end() {
        let held = held(&[]);
        let hold = async { held.hold(ItemId(1), None, SecretVec::new(b"x".to_vec())) };
        let (loan, _) = tokio::join!(held.lend(), hold);
        let (again, ()) = tokio::join!(held.lend(), async { drop(loan) });
        assert!(again.is_some());
        let (none, ()) = tokio::join!(held.lend(), async { held.end() });
        assert!(none.is_none() && held.is_empty());
        held.ended().await;
    }
}
