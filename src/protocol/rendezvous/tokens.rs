//! Tokens of a meeting place: small secrets that give a place, and nothing of the channel.

use crate::secret::SecretBytes;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;
use rand_core::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize, Serializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Lets the two sides of a link meet (SPEC 3.9): it names their place at a relay, and at a listener
/// proves who dials. It opens the door and no more: the link handshake decides.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotToken([u8; 16]);

impl SlotToken {
    /// The token of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the wire.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// Reads 32 lower-case hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        read_hex(text).map(Self)
    }

    /// The token in hexadecimal digits, for a request.
    pub(super) fn hex(self) -> String {
        write_hex(&self.0)
    }
}

impl fmt::Debug for SlotToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A thief could keep the slot busy, so it is in no log.
        f.write_str("SlotToken")
    }
}

/// Bytes of an [`OwnerToken`].
pub const OWNER_TOKEN: usize = 32;

/// Gets a number back for the host that a relay gave it to (SPEC 10.3). Only that relay looks into
/// it. It is wiped when dropped, and has no `Clone`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub struct OwnerToken(SecretBytes<OWNER_TOKEN>);

impl OwnerToken {
    /// The token of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; OWNER_TOKEN]) -> Self {
        Self(SecretBytes::new(bytes))
    }

    /// The bytes, for the relay that made them.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; OWNER_TOKEN] {
        self.0.expose()
    }

    /// Reads 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        read_hex(text).map(Self::new)
    }

    /// The token in hexadecimal digits, for the wire.
    #[must_use]
    pub fn hex(&self) -> Zeroizing<String> {
        Zeroizing::new(write_hex(self.bytes()))
    }

    /// True if both are equal, in a time that does not depend on where they differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.bytes().ct_eq(other.bytes()).into()
    }
}

impl TryFrom<String> for OwnerToken {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&Zeroizing::new(text)).ok_or("no owner token")
    }
}

impl Serialize for OwnerToken {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.hex())
    }
}

impl fmt::Debug for OwnerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A thief could take the number over, so it is in no log.
        f.write_str("OwnerToken")
    }
}

/// Admits a host to a relay that is not for everybody; its operator hands it out (SPEC 10.1).
#[derive(Clone)]
pub struct HostToken(Zeroizing<String>);

impl HostToken {
    /// Reads 16 to 128 letters, digits, `-`, `.`, `_` and `~`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        ((16..=128).contains(&text.len()) && text.bytes().all(known))
            .then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// A new token of 128 random bits.
    #[must_use]
    pub fn draw(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let (high, low) = (rng.next_u64(), rng.next_u64());
        Self(Zeroizing::new(format!("{high:016x}{low:016x}")))
    }

    /// The token itself, for the request that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True if both are equal, in a time that does not depend on where they differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for HostToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A thief could host with it, so it is in no log.
        f.write_str("HostToken")
    }
}

/// Reads `N` bytes from twice as many lower-case hexadecimal digits.
fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' | b'a'..=b'f' => char::from(digit).to_digit(16),
        _ => None,
    };
    if text.len() != N.saturating_mul(2) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = <[u8; 2]>::try_from(pair).ok()?;
        *byte = u8::try_from((digit(high)? << 4) | digit(low)?).ok()?;
    }
    Some(bytes)
}

fn write_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{FromRelay, Verb};
    use super::*;
    use core::mem::needs_drop;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    #[test]
    fn owner_and_slot_tokens_have_one_form() {
        let text = "0000019ad3f0a1c85e0c41d20b9f4f7d8a6b3c2d1e0f9a8b4c1d7e2f90a3b586";
        let token = OwnerToken::parse(text).unwrap();
        assert_eq!((token.bytes()[4], token.bytes()[31], token.hex().as_str()), (0xd3, 0x86, text));
        let upper = text.to_uppercase();
        for bad in ["", "5e0c", &upper, &format!("{text}0"), &text[..32], &text.replace('b', "g")] {
            assert!(OwnerToken::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(SlotToken::parse(&text[..32]).unwrap().hex(), text[..32]);
        assert!(SlotToken::parse(text).is_none() && SlotToken::parse("+0").is_none());
        assert_eq!(format!("{token:?} {:?}", SlotToken::new([7; 16])), "OwnerToken SlotToken");
        assert!(token.is(&token) && !token.is(&OwnerToken::new([0; OWNER_TOKEN])));
    }

    #[test]
    fn all_that_holds_an_owner_token_wipes_it_and_so_cannot_be_copied() {
        assert!(needs_drop::<OwnerToken>() && needs_drop::<Verb>() && needs_drop::<FromRelay>());
    }

    #[test]
    fn a_host_token_has_16_to_128_plain_characters() {
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
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let token = |text| HostToken::parse(text).unwrap();
        assert!(token("0123456789abcdef").is(&token("0123456789abcdef")));
        assert!(!token("0123456789abcdef").is(&token("0123456789abcdeF")));
        assert!(!token("0123456789abcdef").is(&token("0123456789abcdefg")));
        assert!(!token("0123456789abcdefg").is(&token("0123456789abcdef")));
        assert_eq!(format!("{:?}", token("0123456789abcdef")), "HostToken");
        let drawn = HostToken::draw(&mut rng);
        assert!(token(drawn.expose()).is(&drawn) && drawn.expose().len() == 32);
        assert!(!drawn.is(&HostToken::draw(&mut rng)));
    }
}
