//! Frames between two paired sides: untouched, in order, none left out, and at most one buffer of
//! them held each way (SPEC 10.2).

use super::Relay;
use super::hall::{Admission, Order, Ticket};
use super::side::{LINGER, Side, close_answer, close_payload, farewell, rested};
use super::socket::Socket;
use crate::frames::{Frames, Gathered, Kind, Small, Stop, frame};
use crate::pairing::Input;
use crate::quotas::Bucket;
use core::time::Duration;
use pinhole_protocol::rendezvous::CloseReason;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// The end of one direction.
enum Over {
    /// Its sender has, and what it sent was forwarded; with the answer to its close frame, if there
    /// was one.
    Sent(Option<Vec<u8>>),
    /// Its sender broke the rules; what it sent before was forwarded.
    Broke,
    /// Its receiver's connection is broken.
    Torn,
    /// Its receiver has taken nothing for too long.
    Stalled,
    /// The pair ended otherwise.
    Stopped,
}

/// One direction.
struct Direction<'a> {
    from: ReadHalf<Socket>,
    frames: Frames,
    to: WriteHalf<Socket>,
    sender: &'a Ticket<Side>,
    receiver: &'a Ticket<Side>,
    admission: &'a Admission<Side>,
    relay: &'a Relay,
    control: Bucket,
    /// Until then the sender is not read.
    rests: Option<Instant>,
    /// A frame of the sender's has come.
    spoke: bool,
    /// Payload of the sender's last ping, to be answered; only the last counts (RFC 6455, 5.5.3).
    asks: watch::Sender<Small>,
    /// The same of the receiver, answered between two frames.
    asked: watch::Receiver<Small>,
    stop: watch::Receiver<bool>,
    over: Option<Over>,
}

/// Forwards between two sides until one ends, and ends the other.
pub async fn forward(one: Side, other: Side) {
    let (stop, stopped) = watch::channel(false);
    let (one_asks, one_asked) = watch::channel(Small::default());
    let (other_asks, other_asked) = watch::channel(Small::default());
    let (one_reads, one_writes) = split(one.socket);
    let (other_reads, other_writes) = split(other.socket);
    let mut there = Direction {
        from: one_reads,
        frames: one.frames,
        to: other_writes,
        sender: &one.ticket,
        receiver: &other.ticket,
        admission: &one.admission,
        relay: &one.relay,
        control: one.control,
        rests: one.rests,
        spoke: false,
        asks: one_asks,
        asked: other_asked,
        stop: stopped.clone(),
        over: None,
    };
    let mut back = Direction {
        from: other_reads,
        frames: other.frames,
        to: one_writes,
        sender: &other.ticket,
        receiver: &one.ticket,
        admission: &other.admission,
        relay: &other.relay,
        control: other.control,
        rests: other.rests,
        spoke: false,
        asks: other_asks,
        asked: one_asked,
        stop: stopped,
        over: None,
    };
    let (mut one_closed, mut other_closed) = (None, None);
    {
        let directions = async { tokio::join!(there.run(), back.run()) };
        tokio::pin!(directions);
        let ended = tokio::select! {
            _ = &mut directions => true,
            why = closed(&one.ticket) => { one_closed = Some(why); false }
            why = closed(&other.ticket) => { other_closed = Some(why); false }
        };
        if !ended {
            stop.send_replace(true);
            // A direction that cannot finish its frame has nothing more to say.
            let _ = timeout(LINGER, directions).await;
        }
    }
    drop((there.frames, back.frames));
    let one_closes = known_or(one_closed, closed(&one.ticket));
    let other_closes = known_or(other_closed, closed(&other.ticket));
    let one_socket = there.from.unsplit(back.to);
    let other_socket = back.from.unsplit(there.to);
    tokio::join!(
        part(one_socket, &there.over, &back.over, one_closes),
        part(other_socket, &back.over, &there.over, other_closes),
    );
}

/// Why the hall closes a connection.
async fn closed(ticket: &Ticket<Side>) -> CloseReason {
    loop {
        if let Order::Close(reason) = ticket.ordered().await {
            return reason;
        }
    }
}

/// The reason that is known already, or will be.
async fn known_or(
    known: Option<CloseReason>,
    later: impl Future<Output = CloseReason>,
) -> CloseReason {
    match known {
        Some(reason) => reason,
        None => later.await,
    }
}

/// Ends the connection of a side, given how the directions from it and to it ended.
async fn part(
    mut socket: Socket,
    from: &Option<Over>,
    to: &Option<Over>,
    why: impl Future<Output = CloseReason>,
) {
    let payload = match (from, to) {
        // In the middle of a frame nothing else can be said.
        (_, None | Some(Over::Torn | Over::Stalled)) | (Some(Over::Sent(None)), _) => return,
        (Some(Over::Sent(Some(answer))), _) => answer.clone(),
        _ => close_payload(why.await),
    };
    farewell(&mut socket, &payload).await;
}

impl Direction<'_> {
    async fn run(&mut self) {
        let over = self.pass().await;
        match over {
            Over::Sent(_) => self.sender.gone(),
            Over::Broke => self.sender.broke(),
            Over::Stalled => self.receiver.gone(),
            // The receiver's last frames are still on their way back; then that direction ends.
            Over::Torn | Over::Stopped => {}
        }
        self.over = Some(over);
    }

    async fn pass(&mut self) -> Over {
        let mut told = Instant::now();
        loop {
            if self.rests.is_none()
                && let Some(over) = self.pass_on(&mut told).await
            {
                return over;
            }
            tokio::select! {
                biased;
                _ = self.stop.changed() => return Over::Stopped,
                _ = self.asked.changed() => {
                    let pong = frame(Kind::Pong, self.asked.borrow_and_update().bytes());
                    if let Err(over) = put(&mut self.to, &pong, self.relay.inactivity).await {
                        return over;
                    }
                }
                () = rested(self.rests) => self.rests = None,
                read = self.frames.fill(&mut self.from), if self.rests.is_none() => {
                    if !read.is_ok_and(|count| count > 0) {
                        return Over::Sent(None);
                    }
                }
            }
        }
    }

    /// Forwards what has come as a whole.
    async fn pass_on(&mut self, told: &mut Instant) -> Option<Over> {
        let (mut gathered, mut control) = (Gathered::default(), 0_u64);
        let over = loop {
            let (more, stop) = self.frames.gather();
            gathered.add(more);
            match stop {
                Stop::Incomplete => break None,
                Stop::Ping(ping) => drop(self.asks.send_replace(ping)),
                Stop::Pong => {}
                Stop::Close(close) => {
                    break Some(
                        close_answer(close.bytes())
                            .map_or(Over::Broke, |answer| Over::Sent(Some(answer))),
                    );
                }
                Stop::Broken => break Some(Over::Broke),
            }
            control = control.saturating_add(1);
            self.rests = self.relay.charge_control(&mut self.control);
            if self.rests.is_some() {
                break None;
            }
        };
        if gathered.frames > 0 && !self.spoke {
            self.spoke = true;
            self.relay.hall.tell(Input::Spoke(self.sender.connection()));
        }
        let frames = gathered.frames.saturating_add(control);
        if frames > 0
            && let Some(until) = self.relay.charge(self.admission.source(), frames, gathered.bytes)
        {
            tokio::select! {
                biased;
                _ = self.stop.changed() => return Some(Over::Stopped),
                () = sleep_until(until) => {}
            }
        }
        if gathered.frames > 0 {
            if let Err(over) =
                put(&mut self.to, self.frames.gathered(), self.relay.inactivity).await
            {
                return Some(over);
            }
            self.frames.forwarded();
            self.relay.counters.frames.inc_by(gathered.frames);
            self.relay.counters.bytes.inc_by(gathered.bytes);
        }
        if frames > 0 && self.relay.is_time(told) {
            self.relay.hall.tell(Input::Frame(self.sender.connection()));
        }
        over
    }
}

/// Writes all of it, however slowly it is taken, unless nothing at all is for that long.
async fn put(to: &mut WriteHalf<Socket>, mut bytes: &[u8], within: Duration) -> Result<(), Over> {
    while !bytes.is_empty() {
        let count = timeout(within, to.write(bytes))
            .await
            .map_err(|_| Over::Stalled)?
            .map_err(|_| Over::Torn)?;
        bytes = bytes.get(count..).filter(|_| count > 0).ok_or(Over::Torn)?;
    }
    timeout(within, to.flush()).await.map_err(|_| Over::Stalled)?.map_err(|_| Over::Torn)
}
