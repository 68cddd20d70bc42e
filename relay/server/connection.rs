//! One connection from its upgrade to its pair or its end: it hears what the hall decides, and
//! tells the hall what it hears.

use super::forward::forward;
use super::hall::{Meeting, Order};
use super::side::{Side, close_answer, close_payload, farewell, rested};
use crate::frames::{Kind, frame};
use crate::pairing::Input;
use core::time::Duration;
use pinhole_protocol::limits::RELAY_FRAME;
use pinhole_protocol::rendezvous::{Addressed, FromHost};
use std::io;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The end of the waiting.
enum Then {
    /// The connection has ended.
    Over,
    /// The other's task goes on with it.
    Bring(oneshot::Sender<Side>),
    /// This task goes on with both.
    Await(oneshot::Receiver<Side>),
}

/// The connection has ended.
struct Ended;

impl Side {
    /// The whole life of a connection.
    pub async fn live(mut self) {
        match self.wait().await {
            Then::Over => {}
            // The other's connection may have ended meanwhile.
            Then::Bring(to) => {
                if let Err(mut side) = to.send(self) {
                    side.leave().await;
                }
            }
            Then::Await(from) => match from.await {
                Ok(mut other) => {
                    for side in [&mut other, &mut self] {
                        side.frames.allow(RELAY_FRAME);
                    }
                    Box::pin(forward(other, self)).await;
                }
                Err(_) => self.leave().await,
            },
        }
    }

    /// Until it is paired or ends.
    async fn wait(&mut self) -> Then {
        loop {
            // Orders go before the next words of the side.
            if let Some(order) = self.ticket.order() {
                match self.obey(order).await {
                    Some(then) => return then,
                    None => continue,
                }
            }
            if self.rests.is_none() {
                match self.hear().await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(Ended) => return Then::Over,
                }
            }
            tokio::select! {
                biased;
                order = self.ticket.ordered() => if let Some(then) = self.obey(order).await {
                    return then;
                },
                () = rested(self.rests) => self.rests = None,
                read = self.frames.fill(&mut self.socket), if self.rests.is_none() => {
                    if !read.is_ok_and(|count| count > 0) {
                        return Then::Over;
                    }
                }
            }
        }
    }

    /// Acts on the next frame, if it has come as a whole, and charges it.
    async fn hear(&mut self) -> Result<bool, Ended> {
        let Ok(next) = self.frames.next() else {
            self.ticket.broke();
            self.leave().await;
            return Err(Ended);
        };
        let Some((kind, payload)) = next else { return Ok(false) };
        self.rests = self.relay.charge(self.admission.source(), 1, payload.len() as u64);
        if kind != Kind::Binary {
            self.rests = self.rests.max(self.relay.charge_control(&mut self.control));
        }
        let connection = self.ticket.connection();
        match kind {
            Kind::Binary => self.relay.hall.tell(Input::Message(connection, payload)),
            Kind::Text => match serde_json::from_slice(payload).ok() {
                Some(FromHost::Confirmed { attempt }) => {
                    self.relay.hall.tell(Input::Confirmed(connection, attempt))
                }
                Some(FromHost::Burn) => self.relay.hall.tell(Input::Burn(connection)),
                None => self.ticket.broke(),
            },
            Kind::Ping | Kind::Pong => {
                if self.relay.is_time(&mut self.told) {
                    self.relay.hall.tell(Input::Frame(connection));
                }
                let answer =
                    if kind == Kind::Ping { frame(Kind::Pong, payload) } else { Vec::new() };
                put(&mut self.socket, &answer, self.relay.patience).await.map_err(|_| Ended)?;
            }
            Kind::Close => match close_answer(payload) {
                Some(answer) => {
                    self.ticket.gone();
                    farewell(&mut self.socket, &answer).await;
                    return Err(Ended);
                }
                None => self.ticket.broke(),
            },
        }
        Ok(true)
    }

    async fn obey(&mut self, order: Order<Self>) -> Option<Then> {
        let bytes = match order {
            Order::Tell(message) => {
                let text =
                    serde_json::to_vec(&Addressed::new(message, self.seen, self.relay.delays));
                frame(Kind::Text, &text.unwrap_or_default())
            }
            Order::Send(message) => frame(Kind::Binary, &message),
            Order::Pair(Meeting::Bring(to)) => return Some(Then::Bring(to)),
            Order::Pair(Meeting::Await(from)) => return Some(Then::Await(from)),
            Order::Close(reason) => {
                farewell(&mut self.socket, &close_payload(reason)).await;
                return Some(Then::Over);
            }
        };
        put(&mut self.socket, &bytes, self.relay.patience).await.err().map(|_| Then::Over)
    }

    /// Ends as the hall has decided, or will as soon as it hears that the other has gone.
    async fn leave(&mut self) {
        loop {
            let order = self.ticket.ordered().await;
            if !matches!(order, Order::Pair(_)) && self.obey(order).await.is_some() {
                return;
            }
        }
    }
}

/// Writes all of it, within that time.
async fn put(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], within: Duration) -> io::Result<()> {
    timeout(within, async {
        to.write_all(bytes).await?;
        to.flush().await
    })
    .await?
}
