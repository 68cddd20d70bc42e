//! A listener of a conversation that goes on: the peer comes back to it, and strangers find nothing
//! (SPEC 3.7, 3.9).

use super::handshake::{Confirmed, Side};
use super::{Made, Route};
use crate::transport::direct::{Listener, Pending, prepared, read_opening};
use pinhole_protocol::handshake::REFUSED;
use pinhole_protocol::limits::{LINK_MESSAGE_TIME, LINKS};
use pinhole_protocol::rendezvous::Opening;
use pinhole_protocol::role::Role;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// Answers whoever dials for a link of this conversation, until it is dropped. Who has shown a true
/// token has places of its own, which no stranger can take.
pub(super) async fn listen(listener: Listener, side: Arc<Side>, made: mpsc::Sender<Made>) {
    let (shown, mut showings) = mpsc::channel(LINKS);
    let mut tasks = JoinSet::new();
    // The peer may make all of its links at once.
    let mut strangers = Pending::new(LINKS);
    let mut known: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        while tasks.try_join_next().is_some() {}
        tokio::select! {
            (socket, source) = listener.accept() => {
                if strangers.make_room(source) {
                    let (side, shown) = (Arc::clone(&side), shown.clone());
                    strangers.push(source, tasks.spawn(async move {
                        let met = timeout(LINK_MESSAGE_TIME, admit(socket, &side)).await;
                        if let Ok(Some(met)) = met {
                            let _ = shown.send(met).await;
                        }
                    }));
                }
            }
            Some((socket, route)) = showings.recv() => {
                known.retain(|one| !one.is_finished());
                if known.len() >= LINKS {
                    // The peer's own latest try is its best.
                    if let Some(oldest) = known.pop_front() {
                        oldest.abort();
                    }
                }
                let (side, made) = (Arc::clone(&side), made.clone());
                known.push_back(tasks.spawn(async move {
                    if let Some(link) = shake(socket, route, &side).await {
                        let _ = made.send(link).await;
                    }
                }));
            }
        }
    }
}

/// Reads message 0, and answers a true one with this side's.
async fn admit(mut socket: TcpStream, side: &Side) -> Option<(TcpStream, Route)> {
    let route = Route::From(socket.peer_addr().ok()?.ip());
    match read_opening(&mut socket).await? {
        Opening::Link(_) if side.avoids(&route) => None,
        Opening::Link(token) if side.take(token) => {
            socket.set_nodelay(true).ok()?;
            socket.write_all(&Opening::Link(side.token()).encode()).await.ok()?;
            Some((socket, route))
        }
        Opening::Code if side.role == Role::Host => {
            // The code is used. A joiner that is not told would come again for 15 s.
            socket.write_all(&REFUSED).await.ok()?;
            let _ = socket.shutdown().await;
            None
        }
        Opening::Link(_) | Opening::Code => None,
    }
}

/// Shakes hands with a peer that has shown its token.
pub(super) async fn shake(mut socket: TcpStream, route: Route, side: &Side) -> Option<Made> {
    let Confirmed { index, keys, claim } = side.handshake(&mut socket).await?;
    let (socket, path) = prepared(socket).ok()?;
    Some(Made { index, socket, path, delays: false, route: Some(route), keys, claim })
}
