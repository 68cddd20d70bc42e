//! Owner tokens: what shows that a number is a host's, to the relay that gave it and to the one
//! that is started in its place (SPEC 10.3).

use core::time::Duration;
use hmac::{Hmac, Mac};
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::rendezvous::{OWNER_TOKEN, OwnerToken};
use rand_core::{CryptoRng, RngCore};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a token's stamp, 8 of its time of issue and 8 random ones; its MAC follows.
const STAMP: usize = 16;
/// Bytes of a key.
pub const KEY: usize = 32;
/// Bytes that HMAC-SHA256 takes a shorter key as, zeros after it (RFC 2104).
const BLOCK: usize = 64;
/// Most that the clock may have been ahead in an earlier life of the relay.
const AHEAD: Duration = Duration::from_secs(300);
/// Begins what a MAC is of.
const LABEL: &[u8] = b"pinhole relay owner";

/// A moment of the clock on the wall, in milliseconds since 1970: it means the same to the relay
/// that is started next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The moment so many milliseconds after 1970 began.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

/// The time at which a token says that it was issued.
fn issued(token: &OwnerToken) -> UnixTime {
    UnixTime(token.bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)))
}

/// The stamp of a token, which gives no number back. Genuine ones of one number are in the order of
/// their issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp([u8; STAMP]);

impl Stamp {
    pub(crate) fn of(token: &OwnerToken) -> Self {
        Self(token.bytes().first_chunk().copied().unwrap_or_default())
    }
}

/// The key under which a relay makes its tokens.
#[derive(Clone)]
pub struct OwnerKey {
    mac: Hmac<Sha256>,
    found: bool,
}

impl OwnerKey {
    /// A key of this life alone, or one that was just made and is kept: no token of it can be out
    /// there.
    #[must_use]
    pub fn made(bytes: &[u8; KEY]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        block.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Self { mac: Hmac::new((&*block).into()), found: false }
    }

    /// A key that was found: this relay was here before.
    #[must_use]
    pub fn found(bytes: &[u8; KEY]) -> Self {
        Self { found: true, ..Self::made(bytes) }
    }

    /// A random one of this life alone.
    #[must_use]
    pub fn draw(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut bytes = Zeroizing::new([0; KEY]);
        rng.fill_bytes(&mut *bytes);
        Self::made(&bytes)
    }

    fn over(&self, nameplate: Nameplate, stamp: &[u8]) -> Hmac<Sha256> {
        self.mac
            .clone()
            .chain_update(LABEL)
            .chain_update(nameplate.number().to_be_bytes())
            .chain_update(stamp)
    }
}

impl fmt::Debug for OwnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnerKey")
    }
}

/// Issues tokens, and knows those of this relay's earlier lives.
pub(crate) struct Owners {
    key: OwnerKey,
    /// When the last token was issued: the clock on the wall may be put back.
    last: UnixTime,
}

impl Owners {
    pub(crate) const fn new(key: OwnerKey) -> Self {
        Self { key, last: UnixTime(0) }
    }

    /// True if this relay was here before, so that hosts with its tokens may be on their way back.
    pub(crate) const fn were_here(&self) -> bool {
        self.key.found
    }

    /// A new token for a number.
    pub(crate) fn issue(
        &mut self,
        wall: UnixTime,
        nameplate: Nameplate,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> OwnerToken {
        self.last = self.last.max(wall);
        let mut token = [0; OWNER_TOKEN];
        if let Some((stamp, mac)) = token.split_first_chunk_mut::<STAMP>() {
            let (time, random) = stamp.split_at_mut(8);
            time.copy_from_slice(&self.last.0.to_be_bytes());
            rng.fill_bytes(random);
            let whole = self.key.over(nameplate, stamp).finalize().into_bytes();
            mac.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
        }
        OwnerToken::new(token)
    }

    /// True if an earlier life of this relay issued a token for this number, no longer ago than
    /// `oldest`; not by a clock that was ahead, or it would win over all that are issued by a right
    /// one.
    pub(crate) fn vouch(
        &self,
        wall: UnixTime,
        nameplate: Nameplate,
        token: &OwnerToken,
        oldest: Duration,
    ) -> bool {
        let bytes = token.bytes();
        let Some((stamp, mac)) = bytes.split_first_chunk::<STAMP>() else { return false };
        let genuine = self.key.over(nameplate, stamp).verify_truncated_left(mac).is_ok();
        let age = Duration::from_millis(wall.0.saturating_sub(issued(token).0));
        let ahead = Duration::from_millis(issued(token).0.saturating_sub(wall.0));
        self.key.found && genuine && age <= oldest && ahead <= AHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;

    const DAY: Duration = Duration::from_secs(24 * 3600);
    const NOW: UnixTime = UnixTime(1_800_000_000_000);

    fn nameplate(number: u32) -> Nameplate {
        Nameplate::new(number).unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_bytes_are_fixed() {
        struct Sevens;
        impl RngCore for Sevens {
            fn next_u32(&mut self) -> u32 {
                7
            }
            fn next_u64(&mut self) -> u64 {
                7
            }
            fn fill_bytes(&mut self, bytes: &mut [u8]) {
                bytes.fill(7);
            }
            fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
                bytes.fill(7);
                Ok(())
            }
        }
        impl CryptoRng for Sevens {}
        let token =
            Owners::new(OwnerKey::made(&[0x42; KEY])).issue(NOW, nameplate(417), &mut Sevens);
        // Of Python's hmac, as SPEC 10.3 says.
        assert_eq!(
            hex(token.bytes()),
            "000001a3185c500007070707070707074f4d435e11c2b52e4d41933d24b753a2"
        );
    }

    #[test]
    fn a_token_is_good_for_its_number_under_its_key_for_a_day() {
        let mut first = Owners::new(OwnerKey::made(&[1; KEY]));
        let token = first.issue(NOW, nameplate(417), &mut OsRng);
        let after = Owners::new(OwnerKey::found(&[1; KEY]));
        let vouched =
            |wall, number, token: &OwnerToken| after.vouch(wall, nameplate(number), token, DAY);
        let day = 24 * 3_600_000;
        assert!(vouched(NOW, 417, &token) && vouched(UnixTime(NOW.0 + day), 417, &token));
        assert!(!vouched(UnixTime(NOW.0 + day + 1), 417, &token), "old");
        // A clock that was put back makes nothing older.
        assert!(
            vouched(UnixTime(NOW.0 - 300_000), 417, &token)
                && !vouched(UnixTime(NOW.0 - 300_001), 417, &token)
        );
        assert!(!vouched(NOW, 418, &token), "another number");
        for bit in 0..OWNER_TOKEN * 8 {
            let mut altered = *token.bytes();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(!vouched(NOW, 417, &OwnerToken::new(altered)), "bit {bit}");
        }
        assert!(
            !Owners::new(OwnerKey::found(&[2; KEY])).vouch(NOW, nameplate(417), &token, DAY),
            "another relay's"
        );
        assert!(!first.vouch(NOW, nameplate(417), &token, DAY), "it has no earlier life");
    }

    #[test]
    fn tokens_are_in_the_order_in_which_they_were_issued_even_if_the_clock_is_put_back() {
        let mut owners = Owners::new(OwnerKey::draw(&mut OsRng));
        let [first, second, third] = [NOW.0, NOW.0 + 1, 5]
            .map(|wall| owners.issue(UnixTime(wall), nameplate(417), &mut OsRng));
        let [one, two, three] = [&first, &second, &third].map(Stamp::of);
        assert!(two > one && three > one);
        assert_eq!(issued(&third), issued(&second));
        assert!(one == Stamp::of(&first) && first.is(&first) && !first.is(&second));
        assert_eq!(format!("{first:?} {:?}", OwnerKey::draw(&mut OsRng)), "OwnerToken OwnerKey");
    }
}
