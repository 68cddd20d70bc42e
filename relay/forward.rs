//! Frames between two paired sides: untouched, in order, none left out, and at most one buffer of them held each way (SPEC 10.2).

use crate::frames::{Frames, Gathered, Kind, Small, Stop, frame};
use crate::pairing::Input;
use crate::server::Relay;
use crate::server::connection::{LINGER, Side, close_answer, close_payload, farewell};
use crate::server::hall::{Admission, Command, Ending, Ticket};
use crate::server::socket::Socket;
use core::time::Duration;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::{mpsc::UnboundedReceiver, watch};
use tokio::time::{Instant, timeout};

/// The longest frame between paired sides (SPEC 10.7).
pub const FRAME: usize = 66_048;

/// How one direction ended.
enum Over {
    /// Its sender has, and what it sent was forwarded; with the answer to its close frame, if there was one.
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
struct Way<'a> {
    from: ReadHalf<Socket>,
    frames: Frames,
    to: WriteHalf<Socket>,
    sender: &'a Ticket,
    receiver: &'a Ticket,
    admission: &'a Admission,
    relay: &'a Relay,
    /// What the sender's pings ask for; only the last counts (RFC 6455, 5.5.3).
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
    let (mut one_hears, mut other_hears) = (one.commands, other.commands);
    let mut there = Way {
        from: one_reads,
        frames: one.frames,
        to: other_writes,
        sender: &one.ticket,
        receiver: &other.ticket,
        admission: &one.admission,
        relay: &one.relay,
        asks: one_asks,
        asked: other_asked,
        stop: stopped.clone(),
        over: None,
    };
    let mut back = Way {
        from: other_reads,
        frames: other.frames,
        to: one_writes,
        sender: &other.ticket,
        receiver: &one.ticket,
        admission: &other.admission,
        relay: &other.relay,
        asks: other_asks,
        asked: one_asked,
        stop: stopped,
        over: None,
    };
    let (mut one_closed, mut other_closed) = (None, None);
    {
        let ways = async { tokio::join!(there.run(), back.run()) };
        tokio::pin!(ways);
        let ended = tokio::select! {
            _ = &mut ways => true,
            why = closed(&mut one_hears, &other.ticket) => { one_closed = Some(why); false }
            why = closed(&mut other_hears, &one.ticket) => { other_closed = Some(why); false }
        };
        if !ended {
            stop.send_replace(true);
            // A direction that cannot finish its frame has nothing more to say.
            let _ = timeout(LINGER, ways).await;
        }
    }
    drop((there.frames, back.frames));
    let one_closes = known_or(one_closed, closed(&mut one_hears, &other.ticket));
    let other_closes = known_or(other_closed, closed(&mut other_hears, &one.ticket));
    let one_socket = there.from.unsplit(back.to);
    let other_socket = back.from.unsplit(there.to);
    tokio::join!(part(one_socket, &there.over, &back.over, one_closes), part(other_socket, &back.over, &there.over, other_closes),);
}

/// Why the hall closes a connection.
async fn closed(commands: &mut UnboundedReceiver<Command>, other: &Ticket) -> Ending {
    loop {
        match commands.recv().await {
            Some(Command::Close(ending)) => return ending,
            // The other said it before it could know of the pair, which is before it was its turn.
            Some(Command::Send(_)) => other.broke(),
            Some(_) => {}
            None => core::future::pending().await,
        }
    }
}

/// What is known already, or will be.
async fn known_or(known: Option<Ending>, later: impl Future<Output = Ending>) -> Ending {
    match known {
        Some(ending) => ending,
        None => later.await,
    }
}

/// Ends the connection of a side, given how the directions from it and to it ended.
async fn part(mut socket: Socket, from: &Option<Over>, to: &Option<Over>, why: impl Future<Output = Ending>) {
    let payload = match (from, to) {
        // In the middle of a frame nothing else can be said.
        (_, None | Some(Over::Torn | Over::Stalled)) | (Some(Over::Sent(None)), _) => return,
        (Some(Over::Sent(Some(answer))), _) => answer.clone(),
        _ => close_payload(why.await),
    };
    farewell(&mut socket, &payload).await;
}

impl Way<'_> {
    async fn run(&mut self) {
        let over = self.pass().await;
        match over {
            Over::Sent(_) => self.sender.gone(),
            Over::Broke => self.sender.broke(),
            Over::Stalled => self.receiver.gone(),
            // What the receiver sent before is still on its way back; then that direction ends.
            Over::Torn | Over::Stopped => {}
        }
        self.over = Some(over);
    }

    async fn pass(&mut self) -> Over {
        let mut told = Instant::now();
        loop {
            if let Some(over) = self.pass_on(&mut told).await {
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
                read = self.frames.fill(&mut self.from) => if !read.is_ok_and(|count| count > 0) {
                    return Over::Sent(None);
                },
            }
        }
    }

    /// Forwards what has come as a whole.
    async fn pass_on(&mut self, told: &mut Instant) -> Option<Over> {
        let (mut gathered, mut pinged) = (Gathered::default(), false);
        let over = loop {
            let (more, stop) = self.frames.gather();
            gathered.add(more);
            match stop {
                Stop::Incomplete => break None,
                Stop::Ping(ping) => {
                    pinged = true;
                    self.asks.send_replace(ping);
                }
                Stop::Close(close) => break Some(close_answer(close.bytes()).map_or(Over::Broke, |answer| Over::Sent(Some(answer)))),
                Stop::Broken => break Some(Over::Broke),
            }
        };
        if gathered.frames > 0 {
            tokio::select! {
                biased;
                () = self.relay.pace(self.admission.source(), Kind::Binary, gathered.bytes) => {}
                _ = self.stop.changed() => return Some(Over::Stopped),
            }
            if let Err(over) = put(&mut self.to, self.frames.gathered(), self.relay.inactivity).await {
                return Some(over);
            }
            self.frames.forwarded();
            self.relay.counters.frames.inc_by(gathered.frames);
            self.relay.counters.bytes.inc_by(gathered.bytes);
        }
        if (pinged || gathered.frames > 0) && self.relay.is_time(told) {
            self.relay.hall.tell(Input::Frame(self.sender.connection()));
        }
        over
    }
}

/// Writes all of it, however slowly it is taken, unless nothing at all is for that long.
async fn put(to: &mut WriteHalf<Socket>, mut bytes: &[u8], within: Duration) -> Result<(), Over> {
    while !bytes.is_empty() {
        let count = timeout(within, to.write(bytes)).await.map_err(|_| Over::Stalled)?.map_err(|_| Over::Torn)?;
        bytes = bytes.get(count..).filter(|_| count > 0).ok_or(Over::Torn)?;
    }
    timeout(within, to.flush()).await.map_err(|_| Over::Stalled)?.map_err(|_| Over::Torn)
}
