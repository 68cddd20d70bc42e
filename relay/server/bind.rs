//! Needs of a relay before it runs: its sockets and its certificate.

use crate::settings::TlsFiles;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Connections that the kernel keeps for us to accept: what a restart brings back at once.
const BACKLOG: i32 = 1024;
/// A peer that is gone without a word is noticed after two minutes: as long as a number is kept for
/// its host.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);
/// Bytes that a receiver has not been sent yet: what its kernel buffers beyond is of no use to it,
/// and memory of this machine.
const UNSENT: u32 = 128 * 1024;

/// True once the kernel has refused BBR: for root it looks for the module each time.
#[cfg(target_os = "linux")]
static NO_BBR: AtomicBool = AtomicBool::new(false);

/// The reason why a relay cannot run.
#[derive(Debug)]
pub enum BindError {
    /// It cannot listen there.
    Listen(SocketAddr, io::Error),
    /// This file is no chain of certificates, or no key, in PEM.
    File(PathBuf, String),
    /// Certificate and key do not go together.
    Certificate(String),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen at {address}: {error}"),
            Self::File(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Certificate(error) => {
                write!(f, "the certificate and key cannot be used: {error}")
            }
        }
    }
}

impl std::error::Error for BindError {}

/// A socket that listens at that address, when all of `others` are listened at too.
pub fn listen(address: SocketAddr, others: &[SocketAddr]) -> Result<TcpListener, BindError> {
    let listen = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // Connections of the relay before this one may still be ending.
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            // `[::]` is everything, unless IPv4 is named besides.
            let besides = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
            socket
                .set_only_v6(address.ip() != IpAddr::from([0; 16]) || others.iter().any(besides))?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    listen().map_err(|error| BindError::Listen(address, error))
}

/// TLS with this certificate.
pub fn tls(files: &TlsFiles) -> Result<TlsAcceptor, BindError> {
    let unreadable =
        |path: &PathBuf, error: &dyn fmt::Display| BindError::File(path.clone(), error.to_string());
    let chain = CertificateDer::pem_file_iter(&files.certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(&files.certificates, &error))?;
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable(&files.key, &error))?;
    let unusable = |error: tokio_rustls::rustls::Error| BindError::Certificate(error.to_string());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Prepares a connection that was accepted. One without these options works too.
pub fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_keepalive(&KEEPALIVE);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    // BBR holds its speed where packets get lost; the kernel may have none, or keep it for root.
    #[cfg(target_os = "linux")]
    if stream.peer_addr().is_ok_and(|peer| !peer.ip().to_canonical().is_loopback())
        && !NO_BBR.load(Relaxed)
        && socket.set_tcp_congestion(b"bbr").is_err()
    {
        NO_BBR.store(true, Relaxed);
    }
}
