//! The direct link's beginning: a host listens, a joiner dials, and a handshake decides (SPEC 3).

mod host;
mod join;
mod pending;

pub use host::{Listener, meet};
pub(in crate::transport) use join::dial;
pub use join::{Candidates, Dialled, join};
pub(in crate::transport) use pending::Pending;

use crate::events::Path;
use crate::platform::network::{keep_unsent_low, prefer_bbr};
use crate::transport::addresses::path;
use crate::transport::{Joined, UNSENT};
use pinhole_protocol::handshake::{Established, Frame};
use pinhole_protocol::limits::HANDSHAKE_HEADER;
use pinhole_protocol::rendezvous::{OPENING, Opening};
use socket2::Socket;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection whose handshake is confirmed, as its link will use it. It may have ended by now,
/// which its link finds out.
fn confirmed(socket: TcpStream, path: Path, established: Established) -> io::Result<Joined> {
    Ok(Joined { socket: socket.into_std()?.into(), path, delays: false, established })
}

/// A connection as a link uses it, and its path.
pub(in crate::transport) fn prepared(socket: TcpStream) -> io::Result<(Socket, Path)> {
    let path = prepare(&socket)?;
    Ok((socket.into_std()?.into(), path))
}

/// Sets a connection up as a link uses it, and returns its path.
fn prepare(socket: &TcpStream) -> io::Result<Path> {
    let path = path(socket.local_addr()?, socket.peer_addr()?);
    socket.set_nodelay(true)?;
    // Texts and control overtake file bytes: little that is unsent stays in the kernel, where
    // nothing can overtake it.
    keep_unsent_low(socket, UNSENT)?;
    // On a network of this machine nothing gets lost, and BBR takes longer there.
    if path == Path::Direct {
        prefer_bbr(socket);
    }
    Ok(path)
}

/// Reads a message 0. `None` if the connection ends, or it is not one of ours.
pub(in crate::transport) async fn read_opening(socket: &mut TcpStream) -> Option<Opening> {
    let mut arrived = Vec::with_capacity(OPENING);
    loop {
        if let Some(opening) = Opening::parse(&arrived).ok()? {
            return Some(opening);
        }
        let mut bytes = [0; OPENING];
        let read = socket.read(bytes.get_mut(arrived.len()..)?).await.ok()?;
        if read == 0 {
            return None;
        }
        arrived.extend_from_slice(bytes.get(..read)?);
    }
}

/// Reads one handshake message. Nothing beyond it is read, since records may follow.
pub(in crate::transport) async fn read_frame(socket: &mut TcpStream) -> io::Result<Frame> {
    let mut bytes = vec![0; HANDSHAKE_HEADER];
    socket.read_exact(&mut bytes).await?;
    let bad = |_| io::Error::from(io::ErrorKind::InvalidData);
    // A header that no message has ends it here, before anything is read or allocated for a body.
    if let Some((frame, _)) = Frame::parse(&bytes).map_err(bad)? {
        return Ok(frame);
    }
    let length = bytes.last_chunk().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
    bytes.resize(HANDSHAKE_HEADER + length, 0);
    socket.read_exact(bytes.get_mut(HANDSHAKE_HEADER..).unwrap_or_default()).await?;
    Frame::parse(&bytes)
        .map_err(bad)?
        .map(|(frame, _)| frame)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Sends one last message and ends this direction, so that it arrives before the connection's end.
async fn say_and_close(socket: &mut TcpStream, frame: &[u8]) {
    // The other side may be gone; it then hears nothing, as it would have anyway.
    let _ = socket.write_all(frame).await;
    let _ = socket.shutdown().await;
}
