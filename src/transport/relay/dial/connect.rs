//! TCP to a host by name: its addresses one after another, without waiting for each to fail
//! (RFC 8305).

use super::STEP;
use crate::platform::network::{keep_unsent_low, prefer_bbr};
use crate::settings::Network;
use crate::transport::UNSENT;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Time that an address has alone before the next is tried beside it (RFC 8305, 5).
const AHEAD: Duration = Duration::from_millis(250);

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Missed {
    /// The name has no address.
    Unknown,
    /// None of its addresses may be dialled here.
    Forbidden,
    /// An address refuses, and no other answers.
    Refused,
    /// Nothing answers.
    Late,
    /// Anything else.
    Failed(io::Error),
}

/// Connects to `host`, a name or an IP literal.
pub(super) async fn connect(host: &str, port: u16, network: Network) -> Result<TcpStream, Missed> {
    let addresses = addresses(host, port, network).await?;
    let stream = match timeout(STEP, first(addresses)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(Missed::of(error)),
        Err(_) => return Err(Missed::Late),
    };
    // A frame of a few bytes must not wait for an acknowledgement; and little that is unsent stays
    // where nothing can overtake it.
    let set = stream.set_nodelay(true).and_then(|()| keep_unsent_low(&stream, UNSENT));
    set.map_err(Missed::Failed)?;
    if stream.peer_addr().is_ok_and(|peer| !peer.ip().to_canonical().is_loopback()) {
        prefer_bbr(&stream);
    }
    Ok(stream)
}

/// The addresses of `host` that may be dialled; at least one.
pub(super) async fn addresses(
    host: &str,
    port: u16,
    network: Network,
) -> Result<Vec<SocketAddr>, Missed> {
    let found: Vec<SocketAddr> = match timeout(STEP, lookup_host((host, port))).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(_)) | Err(_) => return Err(Missed::Unknown),
    };
    if found.is_empty() {
        return Err(Missed::Unknown);
    }
    let allowed: Vec<SocketAddr> =
        found.into_iter().filter(|address| network.allows(address.ip())).collect();
    if allowed.is_empty() { Err(Missed::Forbidden) } else { Ok(allowed) }
}

/// The first connection that comes about; in the order that the resolver gave (RFC 6724).
async fn first(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let (mut waiting, mut tries) = (addresses.into_iter(), JoinSet::new());
    let mut failed = io::Error::from(ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = waiting.next() {
            tries.spawn(TcpStream::connect(address));
        }
        let more = !waiting.as_slice().is_empty();
        let ahead = async { if more { sleep(AHEAD).await } else { pending().await } };
        tokio::select! {
            tried = tries.join_next() => match tried {
                Some(Ok(Ok(stream))) => return Ok(stream),
                // A refusal tells more than an address without a way to it: something is there.
                Some(Ok(Err(error))) if failed.kind() != ErrorKind::ConnectionRefused => {
                    failed = error;
                }
                Some(_) => {}
                None => return Err(failed),
            },
            () = ahead => {}
        }
    }
}

impl Missed {
    fn of(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::Late,
            _ => Self::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::net::TcpListener;

    /// An address that answers nothing: its queue is full.
    fn hole() -> (SocketAddr, Vec<Socket>) {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = socket();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut held = vec![listener];
        for _ in 0..4 {
            let guest = socket();
            guest.set_nonblocking(true).unwrap();
            // In progress; the first are queued, the others wait as all who come after.
            let _ = guest.connect(&address);
            held.push(guest);
        }
        (address.as_socket().unwrap(), held)
    }

    fn closed() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_holds_up_no_other() {
        let (silent, _held) = hole();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        let stream = timeout(STEP, first(vec![silent, closed(), open])).await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        // Nor does it end before all have been tried.
        assert!(timeout(AHEAD * 2, first(vec![closed(), silent])).await.is_err());
    }

    #[tokio::test]
    async fn a_refusal_says_more_than_a_missing_way() {
        // TCP has no way to everybody: the kernel says so and sends nothing.
        let nowhere = SocketAddr::from(([255, 255, 255, 255], 9));
        assert_ne!(first(vec![nowhere]).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        for addresses in [vec![closed(), nowhere], vec![nowhere, closed()]] {
            assert_eq!(first(addresses).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        }
        assert!(first(Vec::new()).await.is_err());
    }
}
