//! Times, sizes, addresses and networks as an operator writes them, and as --help shows the
//! defaults.

use crate::cli::amounts::{duration, size};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// A time that may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        duration(text).map(Self)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (number, unit) = match seconds {
            1.. if seconds.is_multiple_of(3600) => (seconds / 3600, "h"),
            1.. if seconds.is_multiple_of(60) => (seconds / 60, "m"),
            _ => (seconds, "s"),
        };
        write!(f, "{number}{unit}")
    }
}

/// A time that must be some: nobody can do anything in none.
pub(super) fn some(text: &str) -> Result<Time, String> {
    let time: Time = text.parse()?;
    if time.0.is_zero() { Err("it must be at least 1s".into()) } else { Ok(time) }
}

/// A number of bytes, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match size(text)? {
            0 => Err("it must be at least one byte".into()),
            size => Ok(Self(size)),
        }
    }
}

/// An address and a port to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct ListenAddress {
    /// Nothing for every address of this machine.
    ip: Option<IpAddr>,
    port: u16,
}

impl ListenAddress {
    /// Default address of a relay.
    pub(super) const DEFAULT: &str = "127.0.0.1:7667";
    /// The port of it. No number of a code, which are ports too, begins at 7667 by itself: direct
    /// hosts take 9000 to 9999 (SPEC 2.1).
    const PORT: u16 = 7667;

    /// Address to bind. A socket of every IPv6 address takes IPv4 too, but not every machine has
    /// IPv6.
    pub(in crate::cli) fn address(self) -> SocketAddr {
        let every = || {
            let ipv6 =
                socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).is_ok();
            if ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
        };
        SocketAddr::new(self.ip.unwrap_or_else(every), self.port)
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
            return Ok(Self { ip: None, port });
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse() {
            return Ok(Self { ip: Some(ip), port: Self::PORT });
        }
        let address: SocketAddr = text.parse().map_err(|_| {
            "an address is IP:PORT, such as 127.0.0.1:7667 or [::1]:7667, an IP alone or a port \
             alone"
                .to_owned()
        })?;
        Ok(Self { ip: Some(address.ip()), port: address.port() })
    }
}

/// A network of proxies, or the address of one.
pub(super) fn proxy(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = || text.parse().ok().map(|address: IpAddr| IpNet::from(address.to_canonical()));
    text.parse()
        .ok()
        .or_else(address)
        .ok_or_else(|| "it must be an address or a network, such as 10.0.0.5 or 10.0.0.0/8".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_written_as_they_are_read() {
        for text in ["0s", "1s", "59s", "1m", "90s", "61m", "1h", "24h"] {
            assert_eq!(text.parse::<Time>().map(|time| time.to_string()).as_deref(), Ok(text));
        }
        assert!(some("1s").is_ok() && some("0").is_err() && some("0m").is_err());
        assert!("50MB".parse() == Ok(Size(50_000_000)) && "0".parse::<Size>().is_err());
    }

    #[test]
    fn addresses_are_read_as_typed() {
        let read = |text: &str| {
            text.parse::<ListenAddress>()
                .map(|place| (place.ip.map(|ip| ip.to_string()), place.port))
        };
        for (text, ip, port) in [
            (ListenAddress::DEFAULT, Some("127.0.0.1"), 7667),
            ("80", None, 80),
            (":80", None, 80),
            ("0", None, 0),
            ("10.1.2.3", Some("10.1.2.3"), 7667),
            ("10.1.2.3:0", Some("10.1.2.3"), 0),
            ("::1", Some("::1"), 7667),
            ("[::1]", Some("::1"), 7667),
            (" [::]:443 ", Some("::"), 443),
        ] {
            assert_eq!(read(text), Ok((ip.map(str::to_owned), port)), "{text}");
        }
        for bad in ["", ":", "65536", ":-1", "localhost:80", "10.1.2.3:", "[::1]80", "10.1.2:80"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!("80".parse::<ListenAddress>().unwrap().address().ip().is_unspecified());
    }

    #[test]
    fn a_proxy_is_a_network_or_one_address() {
        let read = |text: &str| proxy(text).map(|net| net.to_string());
        assert_eq!(
            ["10.0.0.0/8", "10.0.0.5", "::1", "::ffff:10.0.0.5"].map(|text| read(text).unwrap()),
            ["10.0.0.0/8", "10.0.0.5/32", "::1/128", "10.0.0.5/32"]
        );
        assert!(["", "10.0.0.0/33", "proxy", "10.0.0.0/"].iter().all(|bad| read(bad).is_err()));
    }

    proptest! {
        #[test]
        fn nothing_that_is_typed_makes_them_panic(
            text in "\\PC*",
            near in "[0-9.:/\\[\\]smhMGTi]{0,24}",
        ) {
            for text in [text, near] {
                let _ = (
                    text.parse::<Time>(),
                    text.parse::<Size>(),
                    text.parse::<ListenAddress>(),
                    proxy(&text),
                    some(&text),
                );
            }
        }

        #[test]
        fn every_time_survives_being_written(seconds in 0_u64..u64::MAX / 3600) {
            let time = Time(Duration::from_secs(seconds));
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }
    }
}
