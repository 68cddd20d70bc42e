//! Which addresses this process may bind and dial.

use crate::failure::{Failure, Kind};
use pinhole_protocol::limits::LINKS;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses this process may bind and dial (`PINHOLE_NETWORK`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Any.
    Any,
    /// 127.0.0.0/8 and ::1 only: tests, and people who want to be sure.
    Loopback,
}

impl Network {
    /// Reads `PINHOLE_NETWORK`.
    ///
    /// # Errors
    /// Usage, if it is set to anything but `loopback` or nothing: a typo must not open the machine.
    pub fn from_env() -> Result<Self, Failure> {
        match std::env::var_os("PINHOLE_NETWORK") {
            None => Ok(Self::Any),
            Some(value) if value.is_empty() => Ok(Self::Any),
            Some(value) if value == "loopback" => Ok(Self::Loopback),
            Some(_) => Err(Failure::new(
                Kind::Usage,
                "PINHOLE_NETWORK is set to something other than \"loopback\"",
            )
            .ask_user("unset PINHOLE_NETWORK, or set it to loopback")),
        }
    }

    /// The addresses to listen at where none is named.
    #[must_use]
    pub const fn all(self) -> [IpAddr; 2] {
        match self {
            Self::Any => [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)],
            Self::Loopback => [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        }
    }

    /// True if `address` may be bound or dialled.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Loopback => address.to_canonical().is_loopback(),
        }
    }
}

/// True unless the environment says that no addresses are told or taken (`PINHOLE_PLACES`).
///
/// # Errors
/// Usage, if it is set to anything but `none` or nothing: a typo must not tell them.
pub fn tells_places() -> Result<bool, Failure> {
    match std::env::var_os("PINHOLE_PLACES") {
        None => Ok(true),
        Some(value) if value.is_empty() => Ok(true),
        Some(value) if value == "none" => Ok(false),
        Some(_) => {
            Err(Failure::new(Kind::Usage, "PINHOLE_PLACES is set to something other than \"none\"")
                .ask_user("unset PINHOLE_PLACES, or set it to none"))
        }
    }
}

/// Connections of one channel, if the environment fixes their number (`PINHOLE_LINKS`).
///
/// # Errors
/// Usage, if it is set to anything but 1 to 8 or nothing.
pub fn links() -> Result<Option<usize>, Failure> {
    let Some(value) = std::env::var_os("PINHOLE_LINKS").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let links = value.to_str().and_then(|value| value.parse().ok());
    match links.filter(|links| (1..=LINKS).contains(links)) {
        Some(links) => Ok(Some(links)),
        None => Err(Failure::new(Kind::Usage, "PINHOLE_LINKS is not a number from 1 to 8")
            .ask_user("unset PINHOLE_LINKS, or set it to a number from 1 to 8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_means_loopback_however_it_is_written() {
        let allowed = ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"];
        let refused = ["0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "169.254.0.1"];
        for address in allowed {
            assert!(Network::Loopback.allows(address.parse().unwrap()), "{address}");
        }
        for address in refused {
            assert!(
                !Network::Loopback.allows(address.parse().unwrap())
                    && Network::Any.allows(address.parse().unwrap()),
                "{address}"
            );
        }
    }
}
