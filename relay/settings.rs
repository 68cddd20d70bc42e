//! What an operator decides about a relay. Whoever fills it has read flags, environment and file;
//! here are values.

use crate::limits::{Limits, RateLimits};
use crate::owner::OwnerKey;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use ipnet::IpNet;
use rand_core::{CryptoRng, RngCore};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// How one relay runs. [`Settings::default`] is a relay for everybody who reaches it, on a port of
/// the system's choice on loopback.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens, at one address or more.
    pub listen: Vec<SocketAddr>,
    /// Its certificate, if TLS does not end at a proxy before it.
    pub tls: Option<TlsFiles>,
    /// Where its metrics are served; on the port of everything else if it names none and the relay
    /// is not public.
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
    /// What it allows; `limits.public` belongs to a relay that anybody may use.
    pub limits: Limits,
    /// How fast a source may send.
    pub rates: RateLimits,
    /// How long pairs may go on after the relay was told to stop.
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

/// What a host shows on a relay that is not for everybody (SPEC 10.1).
#[derive(Clone)]
pub struct HostToken(Zeroizing<String>);

impl HostToken {
    /// The token that `text` is: 16 to 128 letters, digits, `-`, `.`, `_` and `~`; nothing if it is
    /// none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        ((16..=128).contains(&text.len()) && text.bytes().all(known))
            .then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// A new one of 128 random bits.
    #[must_use]
    pub fn draw(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let (high, low) = (rng.next_u64(), rng.next_u64());
        Self(Zeroizing::new(format!("{high:016x}{low:016x}")))
    }

    /// The token itself, for the request in which it is shown.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether both are one, in a time that says nothing of where they differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.0.as_bytes(), other.0.as_bytes());
        let differs =
            ours.iter().zip(theirs).fold(0, |differs, (ours, theirs)| differs | (ours ^ theirs));
        core::hint::black_box(differs) == 0 && ours.len() == theirs.len()
    }
}

impl fmt::Debug for HostToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who has it may host, so it is in no log.
        f.write_str("HostToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_16_to_128_plain_characters() {
        for text in ["0123456789abcdef", "A-._~zzzzzzzzzzz", &"x".repeat(128)] {
            assert!(HostToken::parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "0123456789abcde",
            &"x".repeat(129),
            "0123456789abcde ",
            "0123456789abcde,",
            "0123456789abcdeä",
        ] {
            assert!(HostToken::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn only_the_same_token_is_it_and_none_is_shown() {
        let token = |text| HostToken::parse(text).unwrap();
        assert!(token("0123456789abcdef").is(&token("0123456789abcdef")));
        assert!(!token("0123456789abcdef").is(&token("0123456789abcdeF")));
        assert!(!token("0123456789abcdef").is(&token("0123456789abcdefg")));
        assert!(!token("0123456789abcdefg").is(&token("0123456789abcdef")));
        assert_eq!(format!("{:?}", token("0123456789abcdef")), "HostToken");
        let drawn = HostToken::draw(&mut rand_core::OsRng);
        assert!(token(drawn.expose()).is(&drawn) && drawn.expose().len() == 32);
        assert!(!drawn.is(&HostToken::draw(&mut rand_core::OsRng)));
    }
}
