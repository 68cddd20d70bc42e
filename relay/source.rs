//! Which address a connection comes from, as far as limits and `seen` go: behind a proxy, whom the proxy speaks for.

use axum::http::HeaderMap;
use core::net::{IpAddr, SocketAddr};
use ipnet::IpNet;

/// The header in which proxies append whom they have the request from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies that are believed.
#[derive(Clone, Debug)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Those in one of these networks.
    #[must_use]
    pub const fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether an address is one of theirs.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// Whose request this is that came from `peer`. Each proxy appends to the header whom it has the request from, so what is true is read
    /// from the right, up to the first that is not a proxy of ours; what stands left of that, anybody may have written. If what is read
    /// is no address, it is the proxy that last made sense.
    #[must_use]
    pub fn source(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut source = peer.to_canonical();
        let lines = headers.get_all(FORWARDED_FOR).into_iter().map(|line| line.to_str().unwrap_or("?"));
        let mut chain = lines.flat_map(|line| line.split(',')).collect::<Vec<_>>().into_iter().rev();
        while self.contain(source) {
            match chain.next().and_then(address) {
                Some(before) => source = before,
                None => break,
            }
        }
        source
    }
}

/// Whether a request came through some proxy, by its own word.
#[must_use]
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED_FOR) || headers.contains_key(axum::http::header::FORWARDED)
}

/// An address, as proxies write it: some with a port, some an IPv6 address in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}
