//! The address of a relay (SPEC 2.3): beside a code, in a link, in the settings. Only read here,
//! never resolved.

use alloc::string::{String, ToString};
use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

/// The address of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayUrl {
    tls: bool,
    host: String,
    port: Option<u16>,
    /// The part after the slash that follows host and port.
    path: String,
}

/// Why a text is no relay's address. The text is not part of it, because it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayUrlFault {
    /// A scheme that no relay has.
    Scheme,
    /// A user name or a password.
    UserInfo,
    /// A query or a fragment.
    Tail,
    /// No host, or one that can be none.
    Host,
    /// A port that is none.
    Port,
    /// A character in the path that a request line or a terminal could stumble over.
    Path,
}

impl fmt::Display for RelayUrlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "it begins with neither wss:// nor ws://",
            Self::UserInfo => "it holds a user name or a password, and a relay takes neither",
            Self::Tail => "it goes on with ? or # after its path",
            Self::Host => "its host is neither a name nor an address (IPv6 goes in brackets)",
            Self::Port => "its port is not a number from 1 to 65535",
            Self::Path => "its path has something other than letters, digits and / - . _ ~ %",
        })
    }
}

impl core::error::Error for RelayUrlFault {}

impl RelayUrl {
    /// Reads `wss://HOST[:PORT][/PATH]` or `ws://…`. `https://` and `http://` mean the same,
    /// because people paste those; without a scheme it is `ws://` where HOST is a loopback literal,
    /// else `wss://`.
    ///
    /// # Errors
    /// [`RelayUrlFault`]: the reason why it cannot be read.
    pub fn parse(text: &str) -> Result<Self, RelayUrlFault> {
        let text = text.trim();
        let schemes = [("wss://", true), ("ws://", false), ("https://", true), ("http://", false)];
        let named =
            schemes.iter().find_map(|(scheme, tls)| Some((strip_scheme(text, scheme)?, *tls)));
        let rest = named.map_or(text, |(rest, _)| rest);
        if rest.contains("://") {
            return Err(RelayUrlFault::Scheme);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(RelayUrlFault::UserInfo);
        }
        if rest.contains(['?', '#']) {
            return Err(RelayUrlFault::Tail);
        }
        let (host, port) = host_and_port(authority)?;
        if !path.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~' | b'%')
        }) {
            return Err(RelayUrlFault::Path);
        }
        let tls = named.map_or_else(|| !is_loopback(host), |(_, tls)| tls);
        Ok(Self { tls, host: host.to_string(), port, path: path.to_string() })
    }

    /// True if it is reached through TLS.
    #[must_use]
    pub const fn tls(&self) -> bool {
        self.tls
    }

    /// Its host: a name, or an IP literal without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port: 443 with TLS and 80 without if none was named (RFC 6455, 3).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls { 443 } else { 80 })
    }

    /// True if its host is this machine by name: a loopback literal or `localhost`.
    #[must_use]
    pub fn is_here(&self) -> bool {
        is_loopback(&self.host) || self.host.eq_ignore_ascii_case("localhost")
    }

    /// True if both are one place, however each is written.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let path = |url: &Self| url.path.trim_end_matches('/').len();
        (self.tls, self.port()) == (other.tls, other.port())
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.path.get(..path(self)) == other.path.get(..path(other))
    }

    /// The link to `code` at this relay, if it is reached through TLS: what a browser then shows
    /// and sends is at least not for everybody.
    #[must_use]
    pub fn link(&self, code: &str) -> Option<String> {
        self.tls.then(|| alloc::format!("https://{}#{code}", self.after_scheme()))
    }

    /// Its form behind a code's `@`: without a scheme where that means the same.
    #[must_use]
    pub fn beside_code(&self) -> String {
        let after = self.after_scheme();
        let short = if self.path.is_empty() { after.trim_end_matches('/') } else { &after };
        if self.tls == is_loopback(&self.host) {
            alloc::format!("{}://{short}", self.scheme())
        } else {
            short.to_string()
        }
    }

    const fn scheme(&self) -> &'static str {
        if self.tls { "wss" } else { "ws" }
    }

    fn after_scheme(&self) -> String {
        let port = self.port.map(|port| alloc::format!(":{port}")).unwrap_or_default();
        if self.host.contains(':') {
            alloc::format!("[{}]{port}/{}", self.host, self.path)
        } else {
            alloc::format!("{}{port}/{}", self.host, self.path)
        }
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.after_scheme())
    }
}

/// The rest of `text` after `scheme`, in any case, at its beginning.
pub(super) fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// `HOST`, `HOST:PORT`, `[IPV6]`, `[IPV6]:PORT` or a bare IPv6 literal; IPv6 may carry a zone.
pub(super) fn host_and_port(text: &str) -> Result<(&str, Option<u16>), RelayUrlFault> {
    if is_ipv6(text) {
        return Ok((text, None));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest
                .split_once(']')
                .filter(|(host, _)| is_ipv6(host))
                .ok_or(RelayUrlFault::Host)?;
            (
                host,
                if after.is_empty() {
                    None
                } else {
                    Some(after.strip_prefix(':').ok_or(RelayUrlFault::Port)?)
                },
            )
        }
        None => {
            let (host, port) =
                text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            if !is_name(host) {
                return Err(RelayUrlFault::Host);
            }
            (host, port)
        }
    };
    let number = |digits: &str| {
        digits.parse::<u16>().ok().filter(|port| *port > 0 && !digits.starts_with('+'))
    };
    let port = port.map(|digits| number(digits).ok_or(RelayUrlFault::Port)).transpose()?;
    Ok((host, port))
}

fn is_ipv6(text: &str) -> bool {
    let (address, zone) =
        text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    address.parse::<Ipv6Addr>().is_ok()
        && zone.is_none_or(|zone| {
            !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// A host name or IPv4 literal in the letters that both may have; at most 253 of them (RFC 1035,
/// 2.3.4, in presentation form).
fn is_name(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && !text.starts_with(['-', '.'])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> String {
        RelayUrl::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}")).to_string()
    }

    #[test]
    fn a_relay_is_read_however_it_is_pasted() {
        for (text, url) in [
            ("wss://relay.example", "wss://relay.example/"),
            (" WSS://relay.example:8443/p/ ", "wss://relay.example:8443/p/"),
            ("https://relay.example/p", "wss://relay.example/p"),
            ("ws://10.0.0.7:80", "ws://10.0.0.7:80/"),
            ("Http://[::1]:7667/", "ws://[::1]:7667/"),
            ("relay.example:7667", "wss://relay.example:7667/"),
            ("localhost:7667", "wss://localhost:7667/"),
            ("127.8.7.6:7667", "ws://127.8.7.6:7667/"),
            ("::1", "ws://[::1]/"),
            ("[::ffff:127.0.0.1]:1/x", "ws://[::ffff:127.0.0.1]:1/x"),
            ("[fe80::1%eth0]:1", "wss://[fe80::1%eth0]:1/"),
        ] {
            assert_eq!(read(text), url, "{text}");
        }
    }

    #[test]
    fn a_relay_is_the_same_however_it_is_written_and_another_path_is_another() {
        let same =
            |a: &str, b: &str| RelayUrl::parse(a).unwrap().is_same(&RelayUrl::parse(b).unwrap());
        assert!(
            same("wss://relay.example", "https://Relay.Example:443/")
                && same("ws://127.0.0.1/p", "127.0.0.1:80/p/")
        );
        for other in [
            "ws://relay.example:443/p",
            "wss://relay.example/",
            "wss://relay.example/P",
            "wss://relay.example/p/q",
            "wss://relay.example:1/p",
            "wss://x/p",
        ] {
            assert!(!same("wss://relay.example/p", other), "{other}");
        }
    }

    #[test]
    fn what_is_no_relay_is_said_to_be_none() {
        use RelayUrlFault::{Host, Path, Port, Scheme, Tail, UserInfo};
        for (text, fault) in [
            ("", Host),
            ("wss://", Host),
            ("wss:///x", Host),
            ("[10.0.0.1]", Host),
            ("[::1", Host),
            ("::1%", Host),
            ("-a", Host),
            ("a b", Host),
            ("ä", Host),
            ("a\u{1b}[2J", Host),
            ("ftp://a", Scheme),
            ("wss://wss://a", Scheme),
            ("wss://user:hunter2@a", UserInfo),
            ("user@a", UserInfo),
            ("https://a/#417-walrus-clipboard-mango", Tail),
            ("wss://a/?q", Tail),
            ("wss://a?q", Tail),
            ("a:0", Port),
            ("a:65536", Port),
            ("a:+80", Port),
            ("a:", Port),
            ("a:1:2", Port),
            ("[::1]x", Port),
            ("wss://a/b c", Path),
            ("wss://a/\u{7}", Path),
            ("wss://a/@", Path),
        ] {
            assert_eq!(RelayUrl::parse(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn ports_and_links_follow_the_scheme() {
        let url = |text| RelayUrl::parse(text).unwrap();
        assert_eq!(
            [url("wss://a").port(), url("ws://a").port(), url("wss://a:80").port()],
            [443, 80, 80]
        );
        assert_eq!(url("wss://a:1/p/").link("417-x").as_deref(), Some("https://a:1/p/#417-x"));
        assert_eq!(url("wss://[::1]").link("417-x").as_deref(), Some("https://[::1]/#417-x"));
        assert_eq!(url("ws://a").link("417-x"), None);
    }

    #[test]
    fn what_stands_beside_a_code_is_short_and_means_the_same() {
        for (url, short) in [
            ("wss://relay.example/", "relay.example"),
            ("wss://relay.example:8443/a/", "relay.example:8443/a/"),
            ("ws://127.0.0.1:7000/", "127.0.0.1:7000"),
            ("ws://[::1]:7000/", "[::1]:7000"),
            ("wss://127.0.0.1:7000/", "wss://127.0.0.1:7000"),
            ("ws://localhost:7000/", "ws://localhost:7000"),
            ("ws://relay.example/", "ws://relay.example"),
        ] {
            let read = RelayUrl::parse(url).unwrap();
            assert_eq!(read.beside_code(), short);
            assert_eq!(RelayUrl::parse(short), Ok(read));
        }
    }

    #[test]
    fn only_this_machine_is_here() {
        for here in ["localhost", "LocalHost:1", "127.0.0.1", "ws://[::1]:1", "::ffff:127.0.0.1"] {
            assert!(RelayUrl::parse(here).unwrap().is_here(), "{here}");
        }
        for there in [
            "a.localhost.example",
            "localhost.example",
            "10.0.0.1",
            "[::]",
            "0.0.0.0",
            "127.0.0.1.example",
            "[::1%lo]",
        ] {
            assert!(!RelayUrl::parse(there).unwrap().is_here(), "{there}");
        }
    }

    proptest! {
        #[test]
        fn anything_may_be_typed_for_a_relay(
            text in prop_oneof![
            any::<String>(),
            "((wss?|https?|ftp)://)?[\\[\\]a-z0-9:.%@_-]{0,20}(/[a-z/?#%.~ ]{0,9})?",
        ],
        ) {
            if let Ok(url) = RelayUrl::parse(&text) {
                let said = url.to_string();
                prop_assert_eq!(RelayUrl::parse(&said), Ok(url.clone()));
                prop_assert!(
                    said.is_ascii()
                        && said.bytes().all(|byte| byte.is_ascii_graphic())
                        && !said.contains(['@', '?', '#'])
                );
                if let Some(link) = url.link("") {
                    prop_assert_eq!(RelayUrl::parse(link.trim_end_matches('#')), Ok(url));
                }
            }
        }
    }
}
