//! An endpoint at which one process of a user reaches another: a socket in a private folder.

use super::folder::Folder;
use rustix::fs::{AtFlags, FileType, statat};
use rustix::process::geteuid;
use socket2::Socket;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

/// Longest path of a socket, with its final zero (unix(7), `sun_path`).
const LONGEST: usize = 108;

/// A connection with another process.
pub type Stream = UnixStream;
/// The half of a connection that is read.
pub type Reading = OwnedReadHalf;
/// The half of a connection that is written. Dropped, the other end has heard all.
pub type Writing = OwnedWriteHalf;

/// The process at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// True if it is of this user.
    pub is_own: bool,
    /// Its number, if the system tells it.
    pub process: Option<i32>,
}

/// An endpoint that exists. Whoever connects waits until it listens.
#[derive(Debug)]
pub struct Bound(net::UnixListener);

/// An endpoint that takes connections.
#[derive(Debug)]
pub struct Listener(UnixListener);

impl Bound {
    /// Makes the endpoint `name` in a private folder, which is held and is at `path`.
    ///
    /// # Errors
    /// Of the system, also if there are no endpoints here.
    pub fn make(folder: &Folder, path: &Path, name: &str) -> io::Result<Self> {
        net::UnixListener::bind(address(folder, path, name)).map(Self)
    }

    /// Listens. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// Of the system.
    pub fn listen(self) -> io::Result<Listener> {
        self.0.set_nonblocking(true)?;
        UnixListener::from_std(self.0).map(Listener)
    }
}

impl Listener {
    /// The next connection, whoever is at its other end.
    ///
    /// # Errors
    /// Of the system, such as too many open files; the next one may do better.
    pub async fn accept(&self) -> io::Result<Stream> {
        self.0.accept().await.map(|(stream, _)| stream)
    }
}

/// The address of the endpoint `name` in a private folder, which is held and is at `path`. It is
/// good in this process, while the folder is held.
#[must_use]
pub fn address(folder: &Folder, path: &Path, name: &str) -> PathBuf {
    let path = path.join(name);
    if path.as_os_str().len() < LONGEST {
        return path;
    }
    Path::new("/proc/self/fd").join(folder.as_fd().as_raw_fd().to_string()).join(name)
}

/// Connects.
///
/// # Errors
/// Of the system; [`io::ErrorKind::ConnectionRefused`] if the process that made it has ended.
pub async fn connect(address: &Path) -> io::Result<Stream> {
    UnixStream::connect(address).await
}

/// Tries if an endpoint can be reached, without a runtime.
///
/// # Errors
/// Of the system, if it cannot.
pub fn try_out(address: &Path) -> io::Result<()> {
    net::UnixStream::connect(address).map(drop)
}

/// The process at the other end. The system vouches for it.
///
/// # Errors
/// Of the system.
pub fn peer(stream: &Stream) -> io::Result<Peer> {
    let peer = stream.peer_cred()?;
    Ok(Peer { is_own: peer.uid() == geteuid().as_raw(), process: peer.pid() })
}

/// True if the endpoint `name` was made longer ago than `age`.
#[must_use]
pub fn is_older(folder: &Folder, name: &str, age: Duration) -> bool {
    let Ok(stat) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else { return false };
    let made = SystemTime::UNIX_EPOCH
        + Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(u64::MAX >> 1));
    FileType::from_raw_mode(stat.st_mode) == FileType::Socket
        && made.elapsed().is_ok_and(|passed| passed > age)
}

/// Two ends of a connection inside this process: one that a thread reads and writes, and one for
/// tokio, on whose runtime it must be called.
///
/// # Errors
/// Of the system.
pub fn pair() -> io::Result<(Socket, (Reading, Writing))> {
    let (near, far) = net::UnixStream::pair()?;
    far.set_nonblocking(true)?;
    Ok((near.into(), UnixStream::from_std(far)?.into_split()))
}

/// Tries if the system lets a runtime of tokio be made: it needs a pair of sockets for signals, and
/// does not survive it if that is refused.
///
/// # Errors
/// Of the system, if it does not.
pub fn try_runtime() -> io::Result<()> {
    net::UnixStream::pair().map(drop)
}
