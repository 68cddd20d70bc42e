//! The joiner's side: dialling what the code names, and one tag in all.

use super::{confirmed, prepare, read_frame};
use crate::events::Path;
use crate::failure::{Advice, Failure, Kind};
use crate::settings::Network;
use crate::settings::agent::{forbidden, online_first};
use crate::transport::addresses::bracketed;
use crate::transport::lan::{self, Found};
use crate::transport::{JoinEnd, Met};
use pinhole_protocol::handshake::{Frame, HelloError, Joiner, Kind as Message, Tagged};
use pinhole_protocol::limits::{
    HANDSHAKE_TIME, JOINER_RETRIES, LINK_MESSAGE_TIME, LOOPBACK_PATIENCE,
};
use pinhole_protocol::rendezvous::Opening;
use rand_core::OsRng;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// Time limit for a dial: enough for three lost SYNs on a slow line.
const DIAL_TIME: Duration = Duration::from_secs(8);
/// Between two rounds over all candidates.
const PAUSE: Duration = Duration::from_millis(300);
/// By then a host has looked at a tag that it has.
const JUDGED_BY: Duration = Duration::from_millis(700);

/// Addresses at which the host of a code may be.
pub struct Candidates {
    addresses: Vec<SocketAddr>,
    /// As the user named it, or as it was found; nothing for this machine.
    host: Option<String>,
    port: u16,
    /// True if the local network is asked once it is clear that nobody is here.
    lan: bool,
    /// Their name, to look them up anew, and which of its addresses may be dialled.
    name: Option<(String, Network)>,
}

/// The host that was met, as it is dialled again for a later link (SPEC 6).
pub struct Dialled {
    /// The address at which it answered.
    pub(in crate::transport) address: SocketAddr,
    /// Its name, which may have another address by now.
    name: Option<(String, Network)>,
}

impl Dialled {
    /// Its other addresses, if it has a name.
    pub(in crate::transport) async fn looked_up(&self) -> Vec<SocketAddr> {
        let Some((name, network)) = &self.name else { return Vec::new() };
        let found = tokio::net::lookup_host((name.as_str(), self.address.port())).await;
        let is_other =
            |address: &SocketAddr| network.allows(address.ip()) && *address != self.address;
        found.into_iter().flatten().filter(is_other).collect()
    }
}

impl Candidates {
    /// This machine: both loopback addresses. With `lan`, then who answers to the number on the
    /// local network.
    #[must_use]
    pub fn near(port: u16, lan: bool) -> Self {
        let addresses =
            vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()];
        Self { addresses, host: None, port, lan, name: None }
    }

    /// The one host that answers to the number on the local network, if there is one.
    ///
    /// # Errors
    /// No answer, if there are several: which one is meant is for people to say.
    async fn on_the_network(&self) -> Result<Option<Self>, Failure> {
        let mut found = lan::find(self.port).await;
        if found.len() > 1 {
            return Err(several(self.port, &found));
        }
        Ok(found.pop().map(|Found { addresses, .. }| Self {
            addresses,
            host: Some("the host on this local network".into()),
            port: self.port,
            lan: false,
            name: None,
        }))
    }

    /// The addresses of a named host.
    ///
    /// # Errors
    /// Unreachable, if the name has none or none that may be dialled here.
    pub async fn named(host: &str, port: u16, network: Network) -> Result<Self, Failure> {
        let unreachable = |detail| Failure::new(Kind::HostUnreachable, detail);
        let found: Vec<SocketAddr> = match tokio::net::lookup_host((host, port)).await {
            Ok(found) => found.collect(),
            Err(_) => {
                let next = "check the name, or use the address that the other side's line shows";
                return Err(unreachable(format!("this machine knows no address for {host:?}"))
                    .next(online_first(next)));
            }
        };
        let addresses: Vec<SocketAddr> =
            found.into_iter().filter(|address| network.allows(address.ip())).collect();
        if addresses.is_empty() {
            return Err(Failure::new(
                Kind::NetworkForbidden,
                format!("PINHOLE_NETWORK=loopback does not allow dialling {host:?}"),
            )
            .ask_user("unset PINHOLE_NETWORK"));
        }
        let name = Some((host.to_owned(), network));
        Ok(Self { addresses, host: Some(host.to_owned()), port, lan: false, name })
    }
}

/// The failure of one candidate.
enum Miss {
    Refused,
    Unreachable,
    /// Not even tried, because this environment forbids it.
    Forbidden(Failure),
    /// Connected, but what came was no handshake.
    Silent,
    /// Connected, and nothing came.
    Mute,
    Cut,
    /// The code there has this many words, and not as many as were typed.
    OtherWords(u8),
}

/// Dials the candidates in order until one gives a sound message 1, then spends the tag on it. If
/// none does, the local network is asked once, where that is allowed. A host that cuts before the
/// tag is tried again for 15 s; after the tag it is told whether an answer came (SPEC 3.7).
///
/// # Errors
/// [`JoinEnd`].
pub async fn join(
    mut candidates: Candidates,
    mut joiner: Joiner,
) -> Result<(Met, Dialled), JoinEnd> {
    let mut deadline = Instant::now() + JOINER_RETRIES;
    let mut ask = candidates.lan;
    loop {
        let mut misses = Vec::new();
        for address in &candidates.addresses {
            let (socket, path, frame) = match first_message(*address).await {
                // It listens for the other side of a conversation, and the code is used.
                Ok((.., frame)) if frame.kind == Message::Refusal => {
                    misses.push(Miss::Refused);
                    continue;
                }
                Ok(found) => found,
                Err(miss) => {
                    misses.push(miss);
                    continue;
                }
            };
            match joiner.confirm(&frame, &mut OsRng) {
                Ok((tagged, message2)) => {
                    let dialled = Dialled { address: *address, name: candidates.name };
                    let met = answered(socket, path, tagged, &message2).await?;
                    if let Met::Unheard(tagged) = &met
                        && tagged.is_resuming()
                        && still_waits(*address).await
                    {
                        return Err(JoinEnd::CutAfterTag);
                    }
                    return Ok((met, dialled));
                }
                Err((_, HelloError::NoCommonVersion)) => return Err(JoinEnd::NoCommonVersion),
                Err((unspent, fault)) => {
                    joiner = unspent;
                    misses.push(if let HelloError::OtherWords(words) = fault {
                        Miss::OtherWords(words)
                    } else {
                        Miss::Silent
                    });
                }
            }
        }
        if ask {
            ask = false;
            if let Some(found) = candidates.on_the_network().await.map_err(JoinEnd::Nobody)? {
                (candidates, deadline) = (found, Instant::now() + JOINER_RETRIES);
                continue;
            }
        }
        if let Some(words) = misses
            .iter()
            .find_map(|miss| if let Miss::OtherWords(words) = miss { Some(*words) } else { None })
        {
            return Err(JoinEnd::OtherWords(words));
        }
        let cut = misses.iter().any(|miss| matches!(miss, Miss::Cut));
        if !cut || Instant::now() + PAUSE >= deadline {
            return Err(JoinEnd::Nobody(nobody(&candidates, &misses)));
        }
        sleep(PAUSE).await;
    }
}

/// Sends the tag, and waits for what the host says to it.
async fn answered(
    mut socket: TcpStream,
    path: Path,
    tagged: Tagged,
    message2: &[u8],
) -> Result<Met, JoinEnd> {
    let answer = async {
        socket.write_all(message2).await?;
        read_frame(&mut socket).await
    };
    match timeout(HANDSHAKE_TIME, answer).await {
        Ok(Ok(answer)) => {
            let joined = confirmed(socket, path, tagged.finish(&answer)?);
            joined.map(|joined| Met::Joined(Box::new(joined))).map_err(|_| JoinEnd::CutAfterTag)
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Err(JoinEnd::Impostor),
        Ok(Err(_)) | Err(_) => Ok(Met::Unheard(Box::new(tagged))),
    }
}

/// True if the host there still waits under its code, so that it has looked at no tag (SPEC 3.7).
/// One that is on its way to it is looked at before it is asked a second time.
async fn still_waits(address: SocketAddr) -> bool {
    let waits = || async {
        let first = timeout(LINK_MESSAGE_TIME, first_message(address)).await;
        matches!(first, Ok(Ok((.., frame))) if frame.kind == Message::Hello)
    };
    if !waits().await {
        return false;
    }
    sleep(JUDGED_BY).await;
    waits().await
}

/// Connects to an address of the other side's for a later link, and says so with a message 0.
pub(in crate::transport) async fn dial(
    address: SocketAddr,
    opening: Opening,
) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    socket.write_all(&opening.encode()).await?;
    Ok(socket)
}

/// Connects, says what for, and waits for message 1.
async fn first_message(address: SocketAddr) -> Result<(TcpStream, Path, Frame), Miss> {
    let mut socket = match timeout(DIAL_TIME, TcpStream::connect(address)).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            return Err(Miss::Refused);
        }
        Ok(Err(error)) => {
            return Err(
                forbidden("open connections", &error).map_or(Miss::Unreachable, Miss::Forbidden)
            );
        }
        Err(_) => return Err(Miss::Unreachable),
    };
    let local = address.ip().is_loopback();
    let patience = if local { LOOPBACK_PATIENCE } else { HANDSHAKE_TIME };
    // A tag of a few bytes must not wait for an acknowledgement that waits for it.
    let path = prepare(&socket).map_err(|_| Miss::Cut)?;
    socket.write_all(&Opening::Code.encode()).await.map_err(|_| Miss::Cut)?;
    match timeout(patience, read_frame(&mut socket)).await {
        Ok(Ok(frame)) => Ok((socket, path, frame)),
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Err(Miss::Silent),
        Ok(Err(_)) => Err(Miss::Cut),
        Err(_) => Err(Miss::Mute),
    }
}

/// Several hosts on the local network wait under the same number.
fn several(port: u16, found: &[Found]) -> Failure {
    let places = found
        .iter()
        .filter_map(|host| host.addresses.first())
        .map(|address| format!("CODE@{}", bracketed(address.ip())));
    let detail =
        format!("{} hosts on this local network answer to {port}, so none was tried", found.len());
    Failure::new(Kind::SeveralHosts, detail).ask_user(format!(
        "ask the other side for its address and use one of: {}",
        places.collect::<Vec<_>>().join(", ")
    ))
}

fn nobody(candidates: &Candidates, misses: &[Miss]) -> Failure {
    let port = candidates.port;
    // An address that answered says more than one that there is no way to.
    let answered = misses
        .iter()
        .any(|miss| matches!(miss, Miss::Refused | Miss::Silent | Miss::Mute | Miss::Cut));
    let forbidden = misses
        .iter()
        .find_map(|miss| if let Miss::Forbidden(failure) = miss { Some(failure) } else { None });
    if let (Some(failure), false) = (forbidden, answered) {
        return failure.clone();
    }
    if misses.iter().any(|miss| matches!(miss, Miss::Mute)) {
        let at =
            candidates.host.as_ref().map(|host| format!("{host} on port ")).unwrap_or_default();
        let detail = format!(
            "something listens at {at}{port} but does not answer; if it is the other side, it is \
             suspended and the code is still good"
        );
        let next = "have the other side continue (with fg, if a shell stopped it), and try \
                    again; if it is another program, ask for a new code";
        return Failure::new(Kind::HostUnreachable, detail).next(next);
    }
    let Some(host) = &candidates.host else {
        let place = if candidates.lan {
            "on this machine or this local network"
        } else {
            "on this machine"
        };
        let detail = format!(
            "nobody is waiting under {port} {place}: the number is wrong, or the code was used or \
            has ended"
        );
        let next = "ask the other side for a new code; if it is elsewhere, let it add --tunnel, or \
                    both use a relay of your own (--relay URL or PINHOLE_RELAY); a machine that \
                    can be reached from here is CODE@HOST";
        return Failure::new(Kind::CodeUnavailable, detail)
            .next(online_first(Advice::for_user(next)));
    };
    let detail = if misses.iter().any(|miss| matches!(miss, Miss::Refused)) {
        format!(
            "{host} answers, but nobody is waiting there under {port}: the code was used or has \
             ended, or a firewall is in the way"
        )
    } else if misses.iter().any(|miss| matches!(miss, Miss::Silent)) {
        format!("what answers at {host} on port {port} is not a pinhole host")
    } else if misses.iter().any(|miss| matches!(miss, Miss::Cut)) {
        format!("{host} hung up on port {port}, again and again for {} s", JOINER_RETRIES.as_secs())
    } else {
        format!("{host} cannot be reached on port {port}")
    };
    let next = "check that the other side is still waiting and that its firewall lets the port \
                through; or let this side host";
    Failure::new(Kind::HostUnreachable, detail).next(online_first(next))
}
