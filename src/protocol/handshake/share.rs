//! SPAKE2, wrapped: the crate multiplies whatever point it is given, so every share is checked here
//! first (SPEC 3.3).

use super::Role;
use crate::keys::APP;
use alloc::vec::Vec;
use curve25519_dalek::edwards::CompressedEdwardsY;
use rand_core::{CryptoRng, RngCore};
use spake2::{Ed25519Group, Identity, Password, Spake2};
use zeroize::Zeroizing;

/// Bytes of a share: the side's letter and a compressed point.
pub(super) const SHARE: usize = 33;

/// Why a share is refused. No honest side sends one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareFault {
    /// It does not begin with the letter of the other side.
    Side,
    /// It is our own point, sent back.
    Reflected,
    /// It is no point of the curve.
    OffCurve,
    /// It is a point, but not in its one canonical form.
    NotCanonical,
    /// It has a small order: the key would be one of eight, whatever the words.
    SmallOrder,
    /// It has a part of small order: the key would say something about our scalar.
    Torsion,
}

/// One side of a SPAKE2 exchange whose share is made and whose key is not.
pub(super) struct Exchange {
    role: Role,
    spake: Spake2<Ed25519Group>,
    share: Vec<u8>,
}

impl Exchange {
    /// Draws a fresh scalar and makes this side's share. The crate keeps a copy of `password` that
    /// it does not wipe.
    pub(super) fn start(
        role: Role,
        password: &[u8],
        context: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Self {
        let password = Password::new(password);
        let (host, joiner) = (identity(Role::Host, context), identity(Role::Joiner, context));
        let (spake, share) = match role {
            Role::Host => Spake2::start_a_with_rng(&password, &host, &joiner, rng),
            Role::Joiner => Spake2::start_b_with_rng(&password, &host, &joiner, rng),
        };
        Self { role, spake, share }
    }

    /// This side's share, [`SHARE`] bytes.
    pub(super) fn share(&self) -> &[u8] {
        &self.share
    }

    /// SPAKE2's output from the other side's share, which is checked first.
    pub(super) fn finish(self, theirs: &[u8; SHARE]) -> Result<Zeroizing<Vec<u8>>, ShareFault> {
        let [side, point @ ..] = theirs;
        if *side != letter(self.role.other()) {
            return Err(ShareFault::Side);
        }
        if self.share.iter().skip(1).eq(point) {
            return Err(ShareFault::Reflected);
        }
        check(point)?;
        // The crate itself refuses a wrong side or a bad point alone, and both were checked.
        self.spake.finish(theirs).map(Zeroizing::new).map_err(|_| ShareFault::OffCurve)
    }
}

fn check(point: &[u8; 32]) -> Result<(), ShareFault> {
    let compressed = CompressedEdwardsY(*point);
    let point = compressed.decompress().ok_or(ShareFault::OffCurve)?;
    if point.compress() != compressed {
        Err(ShareFault::NotCanonical)
    } else if point.is_small_order() {
        Err(ShareFault::SmallOrder)
    } else if !point.is_torsion_free() {
        Err(ShareFault::Torsion)
    } else {
        Ok(())
    }
}

/// SPAKE2's name of a side: the app, the role and what the handshake is about (SPEC 3.3).
fn identity(role: Role, context: &[u8]) -> Identity {
    Identity::new(&[APP, &[role as u8], context].concat())
}

/// The letter before a side's point, which spake2 sets: the host is side A.
const fn letter(role: Role) -> u8 {
    match role {
        Role::Host => b'A',
        Role::Joiner => b'B',
    }
}

#[cfg(test)]
mod tests;
