//! Which address a connection comes from, as far as limits and `seen` go: behind a proxy, whom the
//! proxy speaks for.

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

    /// True if an address is one of theirs.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// The source of a request that came from `peer`. Each proxy appends to the header the address
    /// that it has the request from. So the truth is read from the right, up to the first address
    /// that is not a proxy of ours. Anybody may have written the rest, to the left. If an entry is
    /// no address, the source is the proxy that last made sense.
    #[must_use]
    pub fn source(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut source = peer.to_canonical();
        let lines =
            headers.get_all(FORWARDED_FOR).into_iter().map(|line| line.to_str().unwrap_or("?"));
        let mut chain =
            lines.flat_map(|line| line.split(',')).collect::<Vec<_>>().into_iter().rev();
        while self.contain(source) {
            match chain.next().and_then(address) {
                Some(before) => source = before,
                None => break,
            }
        }
        source
    }
}

/// True if a request says that it came through some proxy.
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    fn source(peer: &str, lines: &[&str]) -> String {
        let proxies = Proxies::new(
            ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"]
                .map(|network| network.parse().unwrap())
                .to_vec(),
        );
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        proxies.source(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn nobody_but_a_trusted_proxy_is_believed() {
        for peer in ["192.0.2.1", "127.0.0.2", "2001:db8::1"] {
            assert_eq!(source(peer, &["198.51.100.7"]), peer);
        }
        assert_eq!(source("127.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(source("::ffff:127.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(source("fd00::1", &["2001:db8::7"]), "2001:db8::7");
    }

    #[test]
    fn what_a_client_wrote_itself_stands_left_of_what_is_read() {
        assert_eq!(source("127.0.0.1", &["1.1.1.1, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(source("127.0.0.1", &["1.1.1.1", "127.0.0.1", "198.51.100.7"]), "198.51.100.7");
        // A chain of proxies of ours.
        assert_eq!(source("127.0.0.1", &["1.1.1.1, 198.51.100.7, 10.1.2.3"]), "198.51.100.7");
        assert_eq!(
            source("127.0.0.1", &["1.1.1.1, 198.51.100.7", "10.1.2.3,10.1.2.4"]),
            "198.51.100.7"
        );
    }

    #[test]
    fn a_proxy_that_names_nobody_or_nonsense_is_the_source_itself() {
        assert_eq!(source("127.0.0.1", &[]), "127.0.0.1");
        for nonsense in [
            "",
            "unknown",
            "198.51.100.7, unknown",
            "198.51.100.7,",
            "198.51.100",
            "_hidden",
            "\u{e4}",
            "[::1",
            "1.2.3.4:x",
        ] {
            assert_eq!(source("127.0.0.1", &[nonsense]), "127.0.0.1", "{nonsense}");
        }
        assert_eq!(source("127.0.0.1", &["unknown, 10.1.2.3"]), "10.1.2.3");
        // Somebody on the proxies' own network.
        assert_eq!(source("127.0.0.1", &["10.9.9.9"]), "10.9.9.9");
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        for (text, address) in [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("  198.51.100.7\t", "198.51.100.7"),
        ] {
            assert_eq!(source("127.0.0.1", &[text]), address);
        }
    }

    proptest! {
        /// Whatever a client puts before it, the last proxy's word counts.
        #[test]
        fn nothing_that_a_client_sends_is_believed(
            forged in prop::collection::vec("[ -~]{0,40}", 0..5),
        ) {
            let mut lines: Vec<&str> = forged.iter().map(String::as_str).collect();
            lines.push("198.51.100.7");
            prop_assert_eq!(source("127.0.0.1", &lines), "198.51.100.7");
            prop_assert_eq!(source("192.0.2.1", &lines), "192.0.2.1");
        }
    }
}
