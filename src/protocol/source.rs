//! The source of a connection, as far as limits go (SPEC 3.7, 10.7).

use core::fmt;
use core::net::IpAddr;

/// An IPv4 address, or the first 64 bits of an IPv6 address, which one customer has to itself. An
/// IPv4-mapped address counts as IPv4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(Prefix);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Prefix {
    V4(u32),
    V6(u64),
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => Prefix::V4(address.to_bits()),
            IpAddr::V6(address) => Prefix::V6((address.to_bits() >> 64) as u64),
        })
    }
}

impl Source {
    /// The network of its site: the first 24 bits of an IPv4 address, the first 48 of an IPv6
    /// address.
    #[must_use]
    pub const fn site(self) -> Network {
        Network(match self.0 {
            Prefix::V4(bits) => Prefix::V4(bits & !0xff),
            Prefix::V6(bits) => Prefix::V6(bits & !0xffff),
        })
    }

    /// The network of its provider: the first 32 bits of an IPv6 address. `None` for IPv4, where
    /// providers have pieces of any size.
    #[must_use]
    pub const fn provider(self) -> Option<Network> {
        match self.0 {
            Prefix::V4(_) => None,
            Prefix::V6(bits) => Some(Network(Prefix::V6(bits & !0xffff_ffff))),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No log has addresses.
        f.write_str("Source")
    }
}

/// A network that sources are in, comparable with those of the same length alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network(Prefix);

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    fn source(text: &str) -> Source {
        Source::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_a_64_of_ipv6() {
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        // An address of one kind is never one of the other.
        assert_ne!(source("0.0.0.1"), source("0:0:0:1::"));
        assert_eq!(format!("{:?}", source("192.0.2.1")), "Source");
    }

    #[test]
    fn a_site_is_a_24_or_a_48_and_a_provider_a_32() {
        let site = |text| source(text).site();
        assert_eq!(site("192.0.2.1"), site("192.0.2.255"));
        assert_ne!(site("192.0.2.1"), site("192.0.3.1"));
        assert_eq!(site("2001:db8:1:2::1"), site("2001:db8:1:ffff::1"));
        assert_ne!(site("2001:db8:1::1"), site("2001:db8:2::1"));
        let provider = |text| source(text).provider();
        assert_eq!(provider("2001:db8:1::1"), provider("2001:db8:ffff::1"));
        assert_ne!(provider("2001:db8::1"), provider("2001:db9::1"));
        assert_eq!((provider("192.0.2.1"), provider("::ffff:192.0.2.1")), (None, None));
        assert_eq!(format!("{:?}", site("192.0.2.1")), "Network");
    }
}
