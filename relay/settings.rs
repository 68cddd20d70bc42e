//! An operator's settings of a relay, as values: flags, environment and file are read elsewhere.

use crate::limits::{Limits, RateLimits};
use crate::owner::OwnerKey;
use core::net::SocketAddr;
use core::time::Duration;
use ipnet::IpNet;
use pinhole_protocol::rendezvous::HostToken;
use std::path::PathBuf;

/// The settings of one relay. [`Settings::default`] is a relay for everybody who reaches it, on a
/// port of the system's choice on loopback.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The addresses at which it listens, one or more.
    pub listen: Vec<SocketAddr>,
    /// Its certificate, if TLS does not end at a proxy before it.
    pub tls: Option<TlsFiles>,
    /// The address of its metrics; `None` for the port of everything else, unless the relay is
    /// public.
    pub metrics: Option<SocketAddr>,
    /// Proxies that are believed when they say for whom they speak.
    pub trusted_proxies: Vec<IpNet>,
    /// If there are any, a host must show one of them.
    pub host_tokens: Vec<HostToken>,
    /// The key under which it issues owner tokens. `None` for one that ends with it, as that of a
    /// host's own relay does: then no number is given back after a restart.
    pub owner_key: Option<OwnerKey>,
    /// It runs inside a host for that one alone: the host's end of a link shows a token too, and
    /// without any token nobody may.
    pub own: bool,
    /// Its limits; `limits.public` belongs to a relay that anybody may use.
    pub limits: Limits,
    /// The rate of each source.
    pub rates: RateLimits,
    /// Time for which pairs go on after the relay was told to stop.
    pub drain: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            tls: None,
            metrics: None,
            trusted_proxies: Vec::new(),
            host_tokens: Vec::new(),
            owner_key: None,
            own: false,
            limits: Limits::default(),
            rates: RateLimits::OWN,
            // Shorter than what systemd and Docker's compose files commonly allow before they kill.
            drain: Duration::from_secs(30),
        }
    }
}

/// PEM files of a certificate chain, the relay's own first, and its private key.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain.
    pub certificates: PathBuf,
    /// The key.
    pub key: PathBuf,
}
