//! The one place that knows all connections: it tells [`Pairing`] what happened, and leaves orders
//! for each connection's task in an outbox.

use crate::counters::Counters;
use crate::limits::Limits;
use crate::owner::{OwnerKey, UnixTime};
use crate::pairing::outbox::{self, Outbox};
use crate::pairing::{Action, Actions, Connection, Input, Pairing, Population};
use crate::quotas::{OverLimit, Source};
use pinhole_protocol::rendezvous::{CloseReason, FromRelay, Verb};
use pinhole_protocol::time::Instant;
use rand_core::OsRng;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant as Clock, sleep_until};

/// The way in which a connection meets the one that it is paired with.
pub enum Meeting<S> {
    /// It brings itself to the other's task.
    Bring(oneshot::Sender<S>),
    /// Its task awaits the other, and forwards.
    Await(oneshot::Receiver<S>),
}

/// An order for a connection's task.
pub type Order<S> = outbox::Order<Meeting<S>>;

struct Mailbox<S> {
    outbox: Outbox<Meeting<S>>,
    /// There is something in it.
    wake: Arc<Notify>,
    paired: bool,
}

struct State<S> {
    pairing: Pairing,
    mailboxes: BTreeMap<Connection, Mailbox<S>>,
    next: u64,
    wake_at: Option<Instant>,
    draining: bool,
}

/// The one place where connections meet. `S` is a side as it is brought to the one that it is
/// paired with.
pub struct Hall<S> {
    state: Mutex<State<S>>,
    /// The next deadline is another.
    rescheduled: Notify,
    /// Time is counted from here. It stands still while the machine sleeps, and so do the
    /// connections.
    origin: Clock,
    counters: Arc<Counters>,
}

impl<S> Hall<S> {
    /// Nobody is here.
    pub fn new(limits: Limits, key: OwnerKey, counters: Arc<Counters>) -> Self {
        let now = Instant::from_millis(0);
        let state = State {
            pairing: Pairing::new(now, limits, key),
            mailboxes: BTreeMap::new(),
            next: 0,
            wake_at: None,
            draining: false,
        };
        Self {
            state: Mutex::new(state),
            rescheduled: Notify::new(),
            origin: Clock::now(),
            counters,
        }
    }

    /// The time, as the pairing counts it.
    pub fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts of everything.
    pub fn population(&self) -> Population {
        self.state().pairing.population()
    }

    /// True if the relay is about to end.
    pub fn is_draining(&self) -> bool {
        self.state().draining
    }

    /// Counts a connection of that source, until what this returns is dropped.
    pub fn admit(self: &Arc<Self>, source: Source) -> Result<Admission<S>, OverLimit> {
        self.state().pairing.quotas().connect(self.now(), source)?;
        Ok(Admission { hall: Arc::clone(self), source })
    }

    /// A connection says what it wants. It has to do what its ticket says.
    pub fn enter(self: &Arc<Self>, verb: Verb, source: Source) -> Ticket<S> {
        let wake = Arc::new(Notify::new());
        let mut state = self.state();
        let connection = Connection(state.next);
        state.next = state.next.saturating_add(1);
        state.mailboxes.insert(
            connection,
            Mailbox { outbox: Outbox::default(), wake: Arc::clone(&wake), paired: false },
        );
        if state.draining {
            state.order(connection, |outbox| outbox.close(CloseReason::Away));
        } else {
            let input = match verb {
                Verb::Host => Input::Host { connection, source, back: None, wall: wall() },
                Verb::HostAgain(nameplate, owner) => {
                    Input::Host { connection, source, back: Some((nameplate, owner)), wall: wall() }
                }
                Verb::Join(nameplate) => {
                    self.counters.joins.inc();
                    tracing::debug!(target: "pinhole_relay", event = "join");
                    Input::Join { connection, source, nameplate }
                }
                Verb::Link(token, role) => Input::Link { connection, token, role },
            };
            self.handle(&mut state, input);
        }
        drop(state);
        Ticket { hall: Arc::clone(self), connection, wake }
    }

    /// Tells the pairing what happened.
    pub fn tell(&self, input: Input<'_>) {
        self.handle(&mut self.state(), input);
    }

    fn handle(&self, state: &mut State<S>, input: Input<'_>) {
        let confirmed = matches!(input, Input::Confirmed(..));
        let Actions { list, wake_at } = state.pairing.handle(self.now(), input, &mut OsRng);
        for action in list {
            self.count(&action, confirmed);
            match action {
                Action::Tell(connection, reply) => {
                    state.order(connection, |outbox| outbox.tell(reply))
                }
                Action::Send(connection, bytes) => {
                    state.order(connection, |outbox| outbox.send(bytes))
                }
                Action::Refuse(connection, refusal) => {
                    state.order(connection, |outbox| outbox.refuse(refusal))
                }
                Action::Close(connection, why) => {
                    state.order(connection, |outbox| outbox.close(why))
                }
                Action::Pair(one, other) => {
                    let (bring, receive) = oneshot::channel();
                    for (connection, meeting) in
                        [(other, Meeting::Await(receive)), (one, Meeting::Bring(bring))]
                    {
                        state.order(connection, |outbox| outbox.pair(meeting));
                        if let Some(mailbox) = state.mailboxes.get_mut(&connection) {
                            mailbox.paired = true;
                        }
                    }
                }
            }
        }
        if state.wake_at != wake_at {
            state.wake_at = wake_at;
            self.rescheduled.notify_one();
        }
    }

    /// Counts what is about to be done, because a host has confirmed or for another reason, and
    /// logs that it happened: to whom is in no log.
    fn count(&self, action: &Action, confirmed: bool) {
        match action {
            Action::Tell(_, FromRelay::Number { .. }) => {
                self.counters.hosts.inc();
                tracing::debug!(target: "pinhole_relay", event = "host");
            }
            Action::Pair(..) => {
                if confirmed {
                    self.counters.confirmed.inc()
                } else {
                    self.counters.links.inc()
                };
                let by = if confirmed { "code" } else { "link" };
                tracing::debug!(target: "pinhole_relay", event = "pair", by);
            }
            Action::Close(_, why) => {
                self.counters.closed(*why);
                tracing::debug!(target: "pinhole_relay", event = "closed", reason = why.as_str());
            }
            Action::Tell(..) | Action::Send(..) | Action::Refuse(..) => {}
        }
    }

    /// Tells the pairing that time has passed, whenever something is due; never returns.
    pub async fn tick(&self) {
        loop {
            let wake_at = self.state().wake_at;
            let due = async {
                match wake_at
                    .and_then(|at| self.origin.checked_add(at.since(Instant::from_millis(0))))
                {
                    Some(at) => sleep_until(at).await,
                    None => core::future::pending().await,
                }
            };
            tokio::select! {
                () = due => self.tell(Input::Tick),
                () = self.rescheduled.notified() => {}
            }
        }
    }

    /// The relay is about to end: who waits is sent away, and nobody comes in any more.
    pub fn drain(&self) {
        let mut state = self.state();
        state.draining = true;
        state.send_away(|mailbox| !mailbox.paired);
    }

    /// The relay ends: everybody is sent away.
    pub fn end(&self) {
        self.state().send_away(|_| true);
    }
}

/// The clock on the wall. One that is set to before 1970 is as good as one that stands still.
fn wall() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl<S> State<S> {
    /// Its task may have ended meanwhile, and is about to say so.
    fn order(&mut self, connection: Connection, order: impl FnOnce(&mut Outbox<Meeting<S>>)) {
        if let Some(mailbox) = self.mailboxes.get_mut(&connection) {
            order(&mut mailbox.outbox);
            mailbox.wake.notify_one();
        }
    }

    fn send_away(&mut self, who: impl Fn(&Mailbox<S>) -> bool) {
        for mailbox in self.mailboxes.values_mut().filter(|mailbox| who(mailbox)) {
            mailbox.outbox.close(CloseReason::Away);
            mailbox.wake.notify_one();
        }
    }
}

/// A connection that is counted.
pub struct Admission<S> {
    hall: Arc<Hall<S>>,
    source: Source,
}

impl<S> Admission<S> {
    /// Its source.
    pub const fn source(&self) -> Source {
        self.source
    }
}

impl<S> Drop for Admission<S> {
    fn drop(&mut self) {
        self.hall.state().pairing.quotas().disconnect(self.source);
    }
}

/// A connection that is here, until this is dropped.
pub struct Ticket<S> {
    hall: Arc<Hall<S>>,
    connection: Connection,
    wake: Arc<Notify>,
}

impl<S> Ticket<S> {
    /// Its name.
    pub const fn connection(&self) -> Connection {
        self.connection
    }

    /// Takes what its task has to do first, if there is something.
    pub fn order(&self) -> Option<Order<S>> {
        self.hall
            .state()
            .mailboxes
            .get_mut(&self.connection)
            .and_then(|mailbox| mailbox.outbox.take())
    }

    /// Waits for that. Nothing is lost if the future is dropped.
    pub async fn ordered(&self) -> Order<S> {
        loop {
            if let Some(order) = self.order() {
                return order;
            }
            self.wake.notified().await;
        }
    }

    /// It broke the rules. What it has to do now is ordered.
    pub fn broke(&self) {
        self.hall.tell(Input::Broke(self.connection));
    }

    /// It has ended.
    pub fn gone(&self) {
        self.hall.tell(Input::Gone(self.connection));
    }
}

impl<S> Drop for Ticket<S> {
    fn drop(&mut self) {
        let mut state = self.hall.state();
        self.hall.handle(&mut state, Input::Gone(self.connection));
        let mailbox = state.mailboxes.remove(&self.connection);
        drop(state);
        // Another connection may have been brought to it, whose own ticket takes the lock.
        drop(mailbox);
    }
}
